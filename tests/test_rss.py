# SPDX-License-Identifier: BSD-2-Clause
"""test_rss.py -- What the recorder says a process used, against another reader of /proc.

programs/grow.c does nothing between two letters. So what a reading of the recorder's in that time says
must be what /proc says, read here; nothing in here depends on how long anything takes."""

import json
import os
import pathlib
import random
import re
import resource
import signal
import subprocess
import time

from tap import Tap
from trace_file import TraceFile
from traced import Build, Result, Tracer, clean_environment, collect, execute, wait_until

STEP = 8 << 20
# Of the recorder itself: pages of the trace it writes, and gives back.
TOLERANCE = 512 * 1024
RUNNING, EXITED, EXECED = 0, 1, 2
KILLS = 40


class Outside:
    """What /proc says of a process."""

    def __init__(self, pid):
        root = pathlib.Path(f"/proc/{pid}")
        self.time_ns = time.monotonic_ns()
        self.rss = int((root / "statm").read_text().split()[1]) * resource.getpagesize()
        stat = (root / "stat").read_text().rsplit(")", 1)[1].split()
        self.minor, self.major = int(stat[7]), int(stat[9])
        self.threads = len(list((root / "task").iterdir())) - 1  # without the recorder's
        status = dict(line.split(":", 1) for line in (root / "status").read_text().splitlines())
        self.rss_peak = int(status["VmHWM"].split()[0]) * 1024


def shares(pid):
    """(PSS, USS)"""
    lines = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    kilobytes = {line.split(":")[0]: int(line.split()[1]) for line in lines}
    return kilobytes["Pss"] * 1024, (kilobytes["Private_Clean"] + kilobytes["Private_Dirty"]) * 1024


def cgroup_v1(pid):
    """(bytes, limit) of the memory controller's own hierarchy, None where there is none."""
    for line in pathlib.Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, controllers, name = line.split(":", 2)
        folder = pathlib.Path("/sys/fs/cgroup/memory" + name)
        if "memory" in controllers.split(",") and (folder / "memory.usage_in_bytes").exists():
            limits = [int((place / "memory.limit_in_bytes").read_text()) for place in (folder, *folder.parents)
                      if (place / "memory.limit_in_bytes").exists()]
            return int((folder / "memory.usage_in_bytes").read_text()), min(limits)
    return None


class Growing:
    """A running grow."""

    def __init__(self, tracer, environment=None, arguments=(), prefix=()):
        self.tracer, self.directory = tracer, tracer.new_directory()
        self.process = tracer.start([*prefix, tracer.build.program("grow"), *arguments], self.directory, environment)
        self._wait_for_dot()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()

    def _wait_for_dot(self):
        answer = self.process.stdout.read(1)
        if answer != b".":
            raise AssertionError(f"grow answers {answer!r}, {self.process.poll()}")

    def do(self, letters):
        for letter in letters:
            self.process.stdin.write(letter.encode())
            self._wait_for_dot()

    def trace(self, pid=None):
        return TraceFile(next(self.directory.glob(f"grow.{pid or self.process.pid}.memtrace")))

    def later_point(self, time_ns, pid=None):
        """The first reading after that time, which is waited for."""
        found = []

        def look():
            found[:] = [point for point in self.trace(pid).points if point["time_ns"] - point["span_ns"] > time_ns]
            return bool(found)

        if not wait_until(look):
            raise AssertionError("no more points")
        return found[0]

    def look(self, letters):
        """(what /proc says after these, the recorder's next reading)"""
        self.do(letters)
        outside = Outside(self.process.pid)
        return outside, self.later_point(outside.time_ns)

    def end(self):
        self.process.stdin.write(b"q")
        result = Result(self.process.wait(timeout=60), b"", b"")
        collect(result, self.directory)
        return result


def is_near(a, b, tolerance=TOLERANCE):
    return abs(a - b) <= tolerance


def is_one(value):
    return value["min"] == value["max"]


def is_in_order(trace):
    points = trace.points
    return all(a["time_ns"] < b["time_ns"] - b["span_ns"] for a, b in zip(points, points[1:])) and \
        all(point["span_ns"] < point["time_ns"] for point in points)


def report(tracer, growing):
    result = execute([str(tracer.build.tool), "report", str(growing.trace().path)])
    return result.stdout.decode().splitlines()


def check_against_proc(tap, tracer):
    """The same values at the same time, through a saw-tooth of three teeth."""
    with Growing(tracer) as growing:
        seen = []
        for letters in ("+++", "---", "+++++", "----", "++tt", "-"):
            outside, point = growing.look(letters)
            seen.append((outside, point))
            tap.ok(is_one(point["rss_bytes"]) and is_near(point["rss_bytes"]["max"], outside.rss), f"{letters}: RSS",
                   (point["rss_bytes"], outside.rss))
            tap.equal(point["thread_count"]["max"], outside.threads, f"{letters}: threads")
            tap.ok(is_near(point["minor_faults"], outside.minor, 200) and is_near(point["major_faults"], outside.major, 5),
                   f"{letters}: page faults", (point["minor_faults"], outside.minor, point["major_faults"], outside.major))
            live = growing.trace().thread_totals()
            tap.equal((point["live_bytes"]["max"], point["alloc_count"], point["alloc_bytes"]),
                      (live["alloc_bytes"] - live["freed_bytes"], live["alloc_count"], live["alloc_bytes"]),
                      f"{letters}: the heap, exactly")
        cpu_ns = resource.getrusage(resource.RUSAGE_CHILDREN)
        trace = growing.end().trace
        cpu_ns = sum(b - a for a, b in zip(cpu_ns[:2], resource.getrusage(resource.RUSAGE_CHILDREN)[:2])) * 1e9
    points = trace.points
    high = max(seen, key=lambda pair: pair[0].rss)
    peak = max(points, key=lambda point: point["rss_bytes"]["max"])
    tap.ok(is_near(peak["rss_bytes"]["max"], high[0].rss), "the same peak", (peak, high[0].rss))
    tap.ok(is_near(points[-1]["rss_peak_bytes"], high[0].rss_peak), "and by the kernel's account",
           (points[-1]["rss_peak_bytes"], high[0].rss_peak))
    tap.ok(peak["time_ns"] <= high[1]["time_ns"], "within one interval of when it was seen from outside")
    last = points[-1]
    tap.ok(0 < last["cpu_user_ns"] + last["cpu_system_ns"] <= cpu_ns, "CPU time", (last, cpu_ns))
    tap.ok(all(a[key] <= b[key] for a, b in zip(points, points[1:]) for key in
               ("alloc_count", "alloc_bytes", "minor_faults", "major_faults", "cpu_user_ns", "cpu_system_ns",
                "rss_peak_bytes")), "what only rises does")
    tap.ok(is_in_order(trace), "in order")
    tap.equal(last["live_bytes"]["max"], trace.totals()["live_bytes"], "the last point is the end")
    tap.ok(last["time_ns"] <= trace.header["end_time_ns"] and
           points[0]["time_ns"] - trace.header["start_time_ns"] < 10 ** 9, "from start to end")


def check_shares(tap, tracer):
    with Growing(tracer, {"MEMTRACE_PSS_INTERVAL": "1ms", "MEMTRACE_RSS_INTERVAL": "20ms"}) as growing:
        growing.do("+++")
        pss, uss = shares(growing.process.pid)
        point = growing.later_point(time.monotonic_ns())
        known = [point for point in growing.trace().points if point["pss_bytes"]["max"] >= 0]
        tap.ok(known, "PSS is known where it was asked for")
        tap.ok(wait_until(lambda: any(is_near(point["pss_bytes"]["max"], pss) and is_near(point["uss_bytes"]["max"], uss)
                                      for point in growing.trace().points)), "PSS and USS are those of smaps_rollup",
               (growing.trace().points[-1], pss, uss))
        growing.do("t")
    with Growing(tracer) as growing:
        point = growing.look("+")[1]
        tap.equal((point["pss_bytes"]["max"], point["uss_bytes"]["max"]), (-1, -1), "not asked for: not known")


def check_cgroup(tap, tracer):
    with Growing(tracer) as growing:
        growing.do("+")
        outside = cgroup_v1(growing.process.pid)
        point = growing.later_point(time.monotonic_ns())
        if outside is None:
            tap.skip("the control group", "no memory controller of version 1 here")
            return
        tap.ok(point["cgroup_bytes"]["max"] > STEP, "the control group's memory is known", point)
        limit = point["cgroup_max_bytes"]
        tap.equal(limit if limit < 1 << 62 else 1 << 62, min(outside[1], 1 << 62), "and its limit")


def check_short(tap, tracer):
    """However short a program is, its start and its end are known."""
    for name in ("exact_lines", "exec_chain"):
        for trace in tracer.run([tracer.build.program(name)]).traces:
            points, state = trace.points, trace.header["state"]
            tap.ok(len(points) >= 2 and is_in_order(trace), f"{name}: a first and a last point", points)
            tap.ok(all(point["rss_bytes"]["max"] > 0 for point in points), f"{name}: with their RSS")
            tap.ok(state in (EXITED, EXECED), f"{name}: an end", state)
            tap.equal(trace.header["series_interval_ns"], 100_000_000, f"{name}: ten times a second")


def check_children(tap, tracer):
    with Growing(tracer) as growing:
        growing.do("++")
        before_ns = time.monotonic_ns()
        growing.do("f")
        pid = growing.process.pid
        child = int(pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text())
        outside = Outside(child)
        point = growing.later_point(outside.time_ns, child)
        tap.ok(is_near(point["rss_bytes"]["max"], outside.rss), "a child's RSS is its own", (point, outside.rss))
        trace = growing.trace(child)
        tap.ok(trace.points[0]["time_ns"] >= trace.header["start_time_ns"] > before_ns, "its series begins with it")
        tap.equal(point["live_bytes"]["max"], 3 * STEP + 1000 * 100, "it inherits live blocks")
        tap.equal(point["alloc_count"], 1001, "but not what was allocated")
        tap.equal(point["thread_count"]["max"], 1, "its threads are its own")
        growing.process.stdin.write(b"q")  # the child's
        growing._wait_for_dot()
        later = growing.later_point(time.monotonic_ns())
        tap.equal(later["live_bytes"]["max"], 2 * STEP, "the parent's goes on")
        traces = growing.end().traces
        tap.equal([is_in_order(trace) and len(trace.points) >= 2 for trace in traces], [True, True], "both are whole")


def check_gaps(tap, tracer):
    """What cannot be known is not known, and not nothing."""
    if os.geteuid() == 0:
        with Growing(tracer, arguments=[str(tracer.new_directory())]) as growing:
            before = growing.look("+")[1]
            growing.do("+" * 7 + "c")  # to more than this interpreter has, whose peak the program inherits
            after = growing.later_point(time.monotonic_ns())
            points = growing.end().trace.points
            tap.ok(before["rss_bytes"]["max"] > STEP and after["rss_bytes"]["max"] == -1, "in another root: no RSS",
                   (before, after))
            tap.equal((after["live_bytes"]["max"], after["alloc_count"]), (8 * STEP, 8), "but the heap")
            tap.ok(points[-1]["rss_peak_bytes"] > 8 * STEP, "and the peak, which the kernel tells without /proc", points[-1])
            lines = report(tracer, growing)
            tap.equal(sum("RSS is not known for" in line and "/proc could not be read" in line for line in lines), 1,
                      "and one line says so", lines)
            tap.ok(not any(value in (0, -2) for point in points for key in ("rss_bytes", "thread_count", "cgroup_bytes")
                           for value in point[key].values()), "nowhere a zero")
        prefix = ["unshare", "--mount", "sh", "-c", 'umount -l /proc && exec "$@"', "sh"]
        with Growing(tracer, prefix=prefix) as growing:
            growing.do("+")
            point = growing.later_point(time.monotonic_ns())
            tap.equal((point["rss_bytes"]["max"], point["thread_count"]["max"], point["live_bytes"]["max"]), (-1, -1, STEP),
                      "without /proc from the start: the same")
            lines = report(tracer, growing)
            tap.equal(sum("RSS is not known" in line for line in lines), 1, "one line", lines)
            tap.ok(not any("peak RSS" in line for line in lines), "and no peak of nothing", lines)
    else:
        tap.skip("another root, no /proc", "only root can do that")
    with Growing(tracer) as growing:
        growing.look("+")
        growing.process.send_signal(signal.SIGSTOP)
        stat = pathlib.Path(f"/proc/{growing.process.pid}/stat")
        wait_until(lambda: stat.read_text().rsplit(")", 1)[1].split()[0] == "T")
        stopped_ns, count = time.monotonic_ns(), len(growing.trace().points)
        time.sleep(1.5)
        tap.equal(len(growing.trace().points), count, "stopped: no points")
        going_on_ns = time.monotonic_ns()
        growing.process.send_signal(signal.SIGCONT)
        growing.later_point(going_on_ns)
        tap.ok(not any(stopped_ns < point["time_ns"] < going_on_ns for point in growing.trace().points), "nor made up later")
        lines = report(tracer, growing)
        tap.equal(sum("nothing was read for" in line for line in lines), 1,
                  "one line says so", lines)


class Mapping:
    """One of /proc/PID/smaps, read without the tool."""

    def __init__(self, head):
        parts = head.split(maxsplit=5)
        self.permissions, self.inode, self.path = parts[1], int(parts[4]), (parts[5:] or [""])[0].strip()
        self.rss, self.flags = 0, []


def mappings(pid):
    found = []
    for line in pathlib.Path(f"/proc/{pid}/smaps").read_text().splitlines():
        if not line.split()[0].endswith(":"):
            found.append(Mapping(line))
        elif line.startswith("Rss:"):
            found[-1].rss = int(line.split()[1]) * 1024
        elif line.startswith("VmFlags:"):
            found[-1].flags = line.split()[1:]
    return found


def check_explained(tap, tracer):
    """report --rss of programs/resident.c, which has known amounts of everything."""
    directory = tracer.new_directory()
    process = tracer.start([tracer.build.program("resident")], directory)
    process.stdout.read(1)
    pid = process.pid
    explained = json.loads(execute([str(tracer.build.tool), "report", "--rss", "--json", str(pid)], cwd=directory).stdout)
    text = execute([str(tracer.build.tool), "report", "--rss", str(pid)], cwd=directory).stdout.decode()
    now, outside, seen = explained["resident_now"], Outside(pid), mappings(pid)
    process.communicate(b"q", timeout=60)
    kinds = ("live", "gaps", "free", "anonymous", "files", "stacks", "shared", "recorder", "unexplained")
    tap.equal(sum(now.get(f"{kind}_bytes", 0) for kind in kinds), now["rss_bytes"], "the kinds sum to RSS")
    tap.ok(is_near(now["rss_bytes"], outside.rss), "which is the kernel's", (now, outside.rss))
    tap.ok(is_near(now["unexplained_bytes"], 0, 128 * 1024), "next to nothing is left to explain", now)
    kept, freed = 8192 // 16, 8192 - 8192 // 16
    tap.ok(kept * 2000 <= now["live_bytes"] < kept * 2000 + 20000, "live blocks", now)
    tap.ok(is_near(now["absent_live_bytes"], 32 << 20, 8192), "a block that was never touched is not resident", now)
    tap.ok(is_near(now["gaps_bytes"] + now["free_bytes"], freed * 2016, 256 * 1024), "what was freed is still there", now)
    # Of the sixteen blocks between two that are kept, at most four pages can have no byte of a live block.
    tap.ok(kept * 4096 * 6 <= now["free_bytes"] <= kept * 4096 * 8, "most of it on pages without live blocks", now)
    tap.ok(16 << 20 <= now["anonymous_bytes"] < 17 << 20, "what the program has mapped itself", now)
    tap.equal(now["shared_bytes"], 4 << 20, "shared memory")
    tap.ok(1 << 20 <= now["stacks_bytes"] < 3 << 19, "stacks", now)
    files = sum(mapping.rss for mapping in seen if mapping.inode and "memtrace" not in mapping.path and
                mapping.permissions[3] == "p")
    tap.ok(is_near(now["files_bytes"], files), "files, and their variables", (files, now))
    own = sum(mapping.rss for mapping in seen if "memtrace" in mapping.path or str(directory) in mapping.path or
              "dd" in mapping.flags and not mapping.path)
    tap.ok(own - TOLERANCE <= now["recorder_bytes"] < own + (1 << 20), "the recorder's own", (own, now))
    tap.ok("around them" in text and "memtrace itself" in text and re.search(r"what is resident: +now\n", text), "in words", text)


KINDS = ("live", "gaps", "free", "anonymous", "files", "stacks", "shared", "recorder")


def report_rss(tracer, what, directory):
    arguments = [str(tracer.build.tool), "report", "--rss"]
    return (json.loads(execute([*arguments, "--json", str(what)], cwd=directory).stdout),
            execute([*arguments, str(what)], cwd=directory).stdout.decode())


def check_looks(tap, tracer):
    """What the recorder itself says of resident memory, against what the tool has found in the running process:
    after a kill, and of a snapshot."""
    directory = tracer.new_directory()
    process = tracer.start([tracer.build.program("resident")], directory)
    process.stdout.read(1)
    path = next(directory.glob("resident.*.memtrace"))
    now = report_rss(tracer, process.pid, directory)[0]["resident_now"]

    def latest():
        looks = TraceFile(path).looks
        return looks[-1] if looks and is_near(looks[-1]["rss_bytes"], now["rss_bytes"], now["rss_bytes"] // 30) else None

    tap.ok(wait_until(latest), "there is a look at what there is", TraceFile(path).looks)
    snapshot = directory / "snapshot.memtrace"
    execute([str(tracer.build.tool), "snapshot", str(process.pid), "-o", str(snapshot)], cwd=directory)
    process.kill()
    process.wait()
    content, text = report_rss(tracer, path, directory)
    looks = content["resident"]
    tap.equal([(look["time_ns"] + TraceFile(path).header["start_time_ns"], look["rss_bytes"]) for look in looks],
              [(look["time_ns"], look["rss_bytes"]) for look in TraceFile(path).looks], "killed: all looks are shown")
    for look in looks:
        tap.equal(sum(look.get(f"{kind}_bytes", 0) for kind in (*KINDS, "unexplained")), look["rss_bytes"],
                  "the kinds sum to RSS")
    last = looks[-1]
    tap.ok(abs(last["unexplained_bytes"]) < TOLERANCE, "next to nothing is left to explain", last)
    for kind in KINDS:
        tap.ok(is_near(last[f"{kind}_bytes"], now[f"{kind}_bytes"], 2 * TOLERANCE if kind == "recorder" else 64 * 1024),
               f"{kind}: as the tool has found it", (last[f"{kind}_bytes"], now[f"{kind}_bytes"]))
    tap.ok(is_near(last["absent_live_bytes"], 32 << 20, 8192), "a block that was never touched is not resident", last)
    tap.ok("when last looked at" in text and "around them" in text and "memtrace itself" in text, "in words", text)
    tap.equal(report_rss(tracer, snapshot, directory)[0]["resident"], looks, "a snapshot has them, too")


def check_looks_at_the_end(tap, tracer):
    """At the end, and at a peak that was before it."""
    with Growing(tracer) as growing:
        peak = growing.look("++++")[0].rss
        tap.ok(wait_until(lambda: any(look["rss_bytes"] >= peak - peak // 32 for look in growing.trace().looks)),
               "the peak has a look", growing.trace().looks)
        growing.do("----")
        growing.later_point(growing.trace().header["start_time_ns"] + 10 ** 9)  # what a look at the end may cost grows with the run
        path = growing.end().trace.path
    content, text = report_rss(tracer, path, path.parent)
    last, largest = content["resident"][-1], max(content["resident"], key=lambda look: look["rss_bytes"])
    tap.equal(last["time_ns"], content["rss"]["last"]["time_ns"], "the last look is of the end")
    tap.ok(largest["live_bytes"] >= 4 * STEP > STEP > last["live_bytes"], "what was live at the peak, and at the end",
           (largest, last))
    tap.ok(all(look["stacks_bytes"] > 0 and look["files_bytes"] > 0 and look["recorder_bytes"] > 0
               for look in content["resident"]), "stacks, files and the recorder's own are always there")
    tap.ok(re.search(r"at the peak of RSS +at the end\n", text.split("what is resident")[1]), "in words, side by side", text)
    trace = tracer.run([tracer.build.program("exact_lines")]).trace
    text = report_rss(tracer, trace.path, trace.path.parent)[1]
    has_short = trace.points[-1]["time_ns"] - trace.header["start_time_ns"] < 10 ** 8
    tap.ok(not has_short or "less than 0.1 s" in text, "of a very short run one line says why there is none", text)


def check_looks_of_a_child(tap, tracer):
    """A forked child looks for itself, and inherits no looks."""
    with Growing(tracer) as growing:
        growing.look("++")
        tap.ok(wait_until(lambda: growing.trace().looks), "the parent has been looked at")
        growing.do("f")
        pid = growing.process.pid
        child = int(pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text())
        tap.ok(wait_until(lambda: growing.trace(child).looks), "and the child")
        trace = growing.trace(child)
        tap.ok(trace.looks[0]["time_ns"] >= trace.header["start_time_ns"], "after its start", trace.looks)
        tap.ok(trace.looks[-1]["bytes"][0] >= 3 * STEP, "with what it has inherited", trace.looks)


def check_off(tap, tracer):
    for environment in ({"MEMTRACE_THREAD": "0"}, {"MEMTRACE_RSS_INTERVAL": "0"}):
        trace = tracer.run([tracer.build.program("exact_lines")], environment=environment).trace
        tap.equal((trace.points, trace.looks, trace.header["series_interval_ns"]), ([], [], 0), f"{environment}: no series")
        text = execute([str(tracer.build.tool), "report", str(trace.path)]).stdout.decode()
        tap.equal(len(re.findall(r"^  peak RSS not recorded \(.*\)$", text, flags=re.M)), 1, "and one line says so", text)


def has_merged(directory):
    return any(trace.header["series_points"][1] for trace in map(TraceFile, directory.glob("*.memtrace")))


def kill_once(tracer, moment_s, waits):
    """With little address space there is little room: neighbours are merged again and again. It waits for the
    first time, or does not."""
    directory = tracer.new_directory()
    environment = clean_environment(tracer.environment(directory, extra={"MEMTRACE_RSS_INTERVAL": "1ms"}))

    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (900 << 20, 900 << 20))

    account = directory.parent / f"{directory.name}.account"
    with subprocess.Popen([tracer.build.program("kill_me"), str(account), "4"], env=environment, stderr=subprocess.PIPE,
                          preexec_fn=limit) as process:
        if waits:
            wait_until(lambda: has_merged(directory))
        time.sleep(moment_s)
        process.kill()
    result = Result(process.returncode, b"", b"")
    collect(result, directory)
    return result.traces


def check_kills(tap, tracer):
    moments = random.Random(20261121)
    merged, wrong = 0, []
    for number in range(KILLS):
        for trace in kill_once(tracer, moments.uniform(0.0, 0.2), number % 4 == 0):
            merged += any(point["span_ns"] for point in trace.points)
            is_good = is_in_order(trace) and all(
                point[key]["min"] <= point[key]["max"] for point in trace.points
                for key in ("rss_bytes", "live_bytes", "thread_count"))
            is_started = not trace.points or trace.points[0]["time_ns"] - trace.points[0]["span_ns"] - \
                trace.header["start_time_ns"] < 10 ** 9
            if not (is_good and is_started):
                wrong.append(trace.points)
    tap.equal(wrong, [], f"{KILLS} kills: each leaves a series")
    tap.ok(merged, f"in {merged} of which neighbours had been merged")


def main():
    with Tap() as tap, Tracer(Build()) as tracer:
        for check in (check_against_proc, check_shares, check_cgroup, check_short, check_children, check_gaps, check_explained, check_looks, check_looks_at_the_end,
                      check_looks_of_a_child, check_off,
                      check_kills):
            tap.run(check, tracer, name=check.__name__)


if __name__ == "__main__":
    main()
