# SPDX-License-Identifier: BSD-2-Clause
"""test_snapshot.py -- Snapshots of a program at work: each consistent, and the program does not notice.

usage: test_snapshot.py BUILD-DIRECTORY"""

import json
import os
import re
import shutil
import signal
import subprocess
import time

from tap import Tap
from trace_file import TraceFile
from traced import Build, Tracer, clean_environment, execute, wait_until

THREADS, KEPT = 16, 64
SNAPSHOTS_MIN = 100
FIGURES = ("alloc_count", "alloc_bytes", "free_count", "freed_bytes")


def tag_line(build, program, tag):
    source = build.source / "tests" / "programs" / f"{program}.c"
    return next(number for number, line in enumerate(source.read_text().splitlines(), 1) if f"@{tag} " in line)


def unpack(path):
    """A snapshot as the independent reader sees it."""
    plain = path.with_suffix(".plain")
    subprocess.run(["zstd", "-q", "-d", "-c", path], stdout=open(plain, "wb"), check=True)
    trace = TraceFile(plain)
    plain.unlink()
    return trace


class Session:
    """A program under the recorder, in a directory of its own."""

    def __init__(self, tracer, argv, **options):
        self.build = tracer.build
        self.directory = tracer.new_directory()
        self.process = subprocess.Popen(argv, cwd=self.directory, stdout=subprocess.PIPE,
                                        env=clean_environment(tracer.environment(self.directory)), **options)
        self.pid = self.process.pid

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()

    def tool(self, *arguments, **options):
        return execute([str(self.build.tool), *map(str, arguments)], cwd=self.directory, **options)

    @property
    def trace_path(self):
        return next(iter(self.directory.glob(f"*.{self.pid}.memtrace")), None)

    def report(self, *arguments):
        result = self.tool("report", "--json", *arguments)
        if result.status != 0:
            raise AssertionError(f"report {arguments}: {result.stderr!r}")
        return json.loads(result.stdout)


# ---- sixteen threads ----

def snapshot_all_the_while(tracer, rounds):
    """Runs the program with a snapshot every 10 ms until it ends."""
    session = Session(tracer, [tracer.build.program("busy_threads"), str(rounds)])
    if not wait_until(lambda: session.trace_path):
        raise AssertionError("no trace")
    (session.directory / "s").mkdir()
    result = session.tool("snapshot", "--every=10ms", "-o", "s/shot", session.pid)
    stdout, _ = session.process.communicate()
    return session, result, stdout


def run_long_enough(tap, tracer):
    rounds = 500000
    while True:
        session, result, stdout = snapshot_all_the_while(tracer, rounds)
        count = len(list((session.directory / "s").iterdir()))
        if count >= SNAPSHOTS_MIN or result.status != 0 or rounds > 10**8:
            tap.note(f"{count} snapshots during {rounds} rounds")
            return rounds, session, result, stdout
        rounds *= 2


def judge_order(tap, shots):
    negative, backwards, before = [], [], {}
    for shot in shots:
        sites = shot.sites()
        negative += [(shot.path.name, node, site["live_count"], site["live_bytes"])
                     for node, site in sites.items() if site["live_count"] < 0 or site["live_bytes"] < 0]
        backwards += [(shot.path.name, node, key, site[key], before[node][key]) for node, site in sites.items()
                      for key in FIGURES if node in before and site[key] < before[node][key]]
        before = sites
    tap.equal(negative[:5], [], "no site ever has less than nothing")
    tap.equal(backwards[:5], [], "nothing that was counted is ever taken back")


def judge_report(tap, session, path, shot):
    """The tool's figures of one snapshot; returns why they are wrong."""
    report = session.report(path)
    totals, own = report["totals"], shot.totals()
    for key in (*FIGURES, "live_count", "live_bytes", "peak_bytes"):
        if totals[key] != own[key]:
            return f"{path.name}: {key} {totals[key]}, its records say {own[key]}"
    for key, member in (("alloc_count", "alloc_count"), ("live_bytes", "live_bytes"), ("live_count", "live_count"),
                        ("peak_bytes", "peak_live_bytes")):
        if sum(entry[member] for entry in report["statistics"]) != totals[key]:
            return f"{path.name}: the lines' {member} do not sum to {key}"
    kept = tag_line(session.build, "busy_threads", "kept")
    line = next((entry for entry in report["statistics"]
                 if entry.get("line") == kept and entry["file"].endswith("busy_threads.c")), None)
    if line and line["live_count"] > THREADS * KEPT:
        return f"{path.name}: {line['live_count']} kept"
    if report["state"] != "running" or not report["snapshot"]["time_ns"]:
        return f"{path.name}: {report['state']}"
    return None


def check_consistent(tap, tracer):
    rounds, session, result, stdout = run_long_enough(tap, tracer)
    tap.equal((result.status, result.stderr), (0, b""), "snapshots are taken until the program ends")
    paths = sorted((session.directory / "s").iterdir(), key=lambda path: int(path.suffix[1:]))
    tap.ok(len(paths) >= SNAPSHOTS_MIN, f"at least {SNAPSHOTS_MIN} of them", len(paths))
    tap.equal([int(path.suffix[1:]) for path in paths], list(range(1, len(paths) + 1)), "numbered")
    tap.equal({oct(path.stat().st_mode & 0o7777) for path in paths}, {"0o600"}, "for us only")
    shots = [unpack(path) for path in paths]
    judge_order(tap, shots)
    some = range(0, len(paths), max(1, len(paths) // 12))
    reasons = [judge_report(tap, session, paths[i], shots[i]) for i in some]
    tap.equal([reason for reason in reasons if reason], [], "sums over sites are the totals, and kept blocks are counted right")
    moved = [session.report(paths[i])["snapshot"] for i in list(some)[:3]]
    tap.note(f"first ones: {moved}")
    check_unperturbed(tap, tracer, rounds, session, stdout)


def check_unperturbed(tap, tracer, rounds, session, stdout):
    plain = execute([tracer.build.program("busy_threads"), str(rounds)])
    tap.equal((session.process.returncode, stdout), (plain.status, plain.stdout), "the program's result is the same")
    report = session.report(session.trace_path)
    lines = {entry.get("line"): entry for entry in report["statistics"]
             if entry.get("file", "").endswith("busy_threads.c")}
    for tag in ("kept", "handed"):
        line = lines[tag_line(tracer.build, "busy_threads", tag)]
        tap.equal((line["alloc_count"], line["live_count"]), (THREADS * rounds, 0), f"and its trace is exact: {tag}")
    tap.equal(report["state"], "exited", "it ended by itself")


def check_children(tap, tracer):
    """Those of forked children too: what they inherited is live, and theirs to free."""
    with Session(tracer, [tracer.build.program("inherit_and_wait")], stdin=subprocess.PIPE) as session:
        child = int(session.process.stdout.readline())
        result = session.tool("snapshot", "-o", "child.memtrace", child)
        tap.equal(result.status, 0, "a forked child's snapshot", result.stderr)
        report = session.report("child.memtrace")
        tap.equal(report["pid"], child, "is the child's")
        line = next(entry for entry in report["statistics"]
                    if entry.get("line") == tag_line(tracer.build, "inherit_and_wait", "inherited"))
        tap.equal((line["live_count"], line["live_bytes"], line["free_count"]), (60, 60 * 128, 40),
                  "inherited blocks are live until it frees them")


# ---- the file and its names ----

class Sleeper(Session):
    """A program that has done its allocations and waits."""

    def __init__(self, tracer):
        super().__init__(tracer, [tracer.build.program("inherit_and_wait")], stdin=subprocess.PIPE)
        self.process.stdout.readline()


def check_names(tap, tracer):
    with Sleeper(tracer) as session:
        result = session.tool("snapshot", session.pid)
        name = result.stdout.decode().split()[0]
        tap.ok(result.status == 0 and re.fullmatch(rf"inherit_and_wait\.{session.pid}\.\d{{8}}T\d{{6}}\.snapshot\.memtrace", name),
               "a name that tells program, process and time", result.stdout + result.stderr)
        listed = {entry["path"]: entry for entry in json.loads(session.tool("list", "--json").stdout)}
        tap.ok(name in listed and not listed[name]["running"] and listed[name]["snapshot_time_ns"] >
               listed[name]["start_time_ns"], "memtrace list shows it", listed)
        text = session.tool("list").stdout.decode()
        tap.ok("snapshot" in text, "as a snapshot", text)
        session.tool("snapshot", "-o", "a.memtrace", session.pid)
        again = session.tool("snapshot", "-o", "a.memtrace", session.pid)
        tap.ok(again.status == 1 and b"File exists" in again.stderr and b"a.memtrace" in again.stderr,
               "what exists is not overwritten", again.stderr)
        (session.directory / "link").symlink_to("elsewhere")
        linked = session.tool("snapshot", "-o", "link", session.pid)
        tap.ok(linked.status == 1 and not (session.directory / "elsewhere").exists(), "a link is not followed", linked.stderr)
        first = json.loads(session.tool("list", "--json").stdout)
        tap.ok("snapshot_time_ns" not in first[0], "the newest trace is no snapshot", first)
        series = session.tool("snapshot", "--every=20ms", "--count=3", "-o", "series", session.pid)
        tap.equal((series.status, sorted(path.name for path in session.directory.glob("series*"))),
                  (0, ["series.1", "series.2", "series.3"]), "a series", series.stderr)


def check_same_figures(tap, tracer):
    """A snapshot of what does not change says what the trace says, and goes on saying it."""
    with Sleeper(tracer) as session:
        session.tool("snapshot", "-o", "rest.memtrace", session.pid)
        live = session.report(session.pid)
        kept = session.report("rest.memtrace")
        tap.equal(kept["totals"], live["totals"], "the totals of a trace at rest")
        tap.equal(kept["statistics"], live["statistics"], "and its lines")
        tap.equal(kept["snapshot"]["moved_sites"], 0, "nothing moved")
        session.process.send_signal(signal.SIGKILL)
        session.process.wait()
        after = session.report("rest.memtrace")
        tap.equal((after["state"], after["complete"], after["duration_ns"]), ("running", True, kept["duration_ns"]),
                  "it ran then, though it is dead now")
        text = session.tool("report", "rest.memtrace").stdout.decode()
        tap.ok("running, as of" in text.splitlines()[0], "the report says as of when", text)
        dead = session.tool("snapshot", "-o", "dead.memtrace", session.trace_path)
        tap.equal((dead.status, session.report("dead.memtrace")["state"]), (0, "killed"), "a dead program's trace")
        end = session.tool("snapshot", "-o", "peak.memtrace", f"{session.trace_path}@peak")
        peak = session.report("peak.memtrace")
        tap.equal((end.status, peak["moment"]["kind"], peak["totals"]["live_bytes"]),
                  (0, "peak", live["totals"]["peak_bytes"]), "a moment of the past", end.stderr)
        other = session.tool("report", "peak.memtrace@start")
        tap.ok(other.status == 1 and b"knows no other" in other.stderr, "which knows no other moment", other.stderr)


def check_refusals(tap, tracer):
    with Sleeper(tracer) as session:
        for name, status, arguments in (
                ("no such process", 1, ["snapshot", "4194303"]),
                ("a process without a trace", 1, ["snapshot", os.getpid()]),
                ("no interval", 2, ["snapshot", "--every=0", session.pid]),
                ("no number", 2, ["snapshot", "--count=x", session.pid]),
                ("two at a time", 2, ["snapshot", session.pid, session.pid]),
                ("nowhere to write", 1, ["snapshot", "-o", "/nonexistent/x", session.pid])):
            result = session.tool(*arguments)
            tap.ok(result.status == status and result.stderr.startswith(b"memtrace: ") and
                   len(result.stderr.splitlines()) == 1, f"{name}: status {status}, one line", f"{result.status} {result.stderr}")


# ---- nothing is done to the program ----

HARMLESS = set("""access arch_prctl brk clock_gettime clock_nanosleep close close_range dup dup2 execve exit_group fcntl fstat fstatfs
getcwd getdents64 getegid geteuid getgid getpid getppid getrandom getuid gettid ioctl lseek madvise mmap mprotect munmap newfstatat
openat pread64 prlimit64 read readlink rseq rt_sigaction rt_sigprocmask set_robust_list set_tid_address stat statx uname write futex
exit sysinfo sched_getaffinity""".split())


def check_hands_off(tap, tracer):
    """The tool reads, and writes its own file: no signal, no ptrace, nothing written elsewhere."""
    if not shutil.which("strace"):
        tap.skip("hands off", "no strace")
        return
    with Sleeper(tracer) as session:
        log = session.directory / "log"
        result = execute(["strace", "-f", "-o", str(log), str(tracer.build.tool), "snapshot", "-o", "s.memtrace", str(session.pid)],
                         cwd=session.directory)
        if result.status != 0 and b"ptrace" in result.stderr:
            tap.skip("hands off", "strace may not trace here")
            return
        tap.equal(result.status, 0, "a snapshot under strace", result.stderr)
        calls = [re.sub(r"^\d+ +", "", line) for line in log.read_text().splitlines()]
        calls = [call for call in calls if re.match(r"\w+\(", call)]
        names = {call.split("(")[0] for call in calls} - HARMLESS
        tap.equal(sorted(names - {"kill"}), [], "calls that cannot touch another process")
        kills = [call for call in calls if call.startswith("kill(") and not re.match(r"kill\(\d+, 0\)", call)]
        tap.equal(kills, [], "no signal but the one that is none")
        writable = [call for call in calls if call.startswith("openat(") and "O_RDONLY" not in call]
        tap.ok(len(writable) == 1 and '"s.memtrace"' in writable[0] and "O_EXCL" in writable[0] and "O_NOFOLLOW" in writable[0] and
               "0600" in writable[0], "one file is opened for writing", writable)
        mapped = [call for call in calls if call.startswith("mmap(") and "MAP_SHARED" in call and "PROT_WRITE" in call]
        tap.equal(mapped, [], "the trace is mapped for reading")


def check_growing(tap, tracer):
    """New call sites, modules and threads appear while it is read."""
    for depth in ("13", "15", "17"):
        with Session(tracer, [tracer.build.program("many_sites"), depth]) as session:
            bad, count = [], 0
            deadline = time.monotonic() + 60
            while session.process.poll() is None and time.monotonic() < deadline:
                if not session.trace_path:
                    continue
                result = session.tool("snapshot", "-o", f"g.{count}", session.trace_path)
                if result.status != 0:
                    bad.append(result.stderr)
                count += 1
            tap.equal(bad[:3], [], f"{count} snapshots while the trace grows")


def check_reveals(tap, tracer):
    """What the README says of security: argv[0] and no more of the command line, nothing of what memory holds."""
    secrets = {"an argument": "hunter-one", "the environment": "hunter-two", "contents of memory": "hunter-three"}
    result = tracer.run([tracer.build.program("word_count"), secrets["an argument"]],
                        environment={"PASSWORD": secrets["the environment"]},
                        stdin=(secrets["contents of memory"] + " and more ").encode() * 100)
    path = result.trace.path
    copy = path.with_name("copy.snapshot")
    report = execute([str(tracer.build.tool), "report", "--json", str(path)]).stdout
    execute([str(tracer.build.tool), "snapshot", str(path), "-o", str(copy)])
    plain = subprocess.run(["zstd", "-dc", copy], capture_output=True, check=False).stdout if shutil.which("zstd") else b""
    content = path.read_bytes() + copy.read_bytes() + plain + report
    tap.ok(b"hunter-three" in result.stdout, "the program has its secrets", result.stdout)
    for name, secret in secrets.items():
        tap.ok(secret.encode() not in content, f"neither trace, snapshot nor report holds {name}")
    tap.ok(tracer.build.program("word_count").encode() in content, "argv[0] they do")
    tap.equal([oct(file.stat().st_mode & 0o7777) for file in (path, copy)], ["0o600"] * 2, "both are their owner's alone")


def main():
    with Tap() as tap, Tracer(Build()) as tracer:
        for check in (check_names, check_same_figures, check_refusals, check_hands_off, check_children, check_growing,
                      check_reveals):
            tap.run(check, tracer)
        if shutil.which("zstd"):
            tap.run(check_consistent, tracer)
        else:
            tap.skip("sixteen threads", "no zstd to unpack with")


if __name__ == "__main__":
    main()
