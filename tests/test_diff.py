# SPDX-License-Identifier: BSD-2-Clause
"""test_diff.py -- memtrace diff, against CPython's tracemalloc and against arithmetic.

Random heaps go into traces made by hand, out of these as pickles, and into CPython, whose
statistics() and compare_to() must then print the very lines that we print: by line, file and
traceback, cumulative or not, filtered or not. The names are those of a library that is compiled
here, from sources that exist only in #line directives."""

import itertools
import json
import pathlib
import random
import re
import shutil
import subprocess
import tracemalloc

from made_trace import MadeTrace
from tap import Tap
from trace_file import TraceFile
from traced import Build, Tracer, clean_environment, execute

FILES = ["/src/demo.c", "/src/Demo.c", "/src/demo.cc", "/src/sub dir/größe.c", "/src/日本語/ファイル.c", "/src/😀.c", "/src/\uff5e.c",
         "/other/demo.c", "/other/a.c", "/other/a/b.c", "/other/x[1].c", "relative.c", "/src/z%s.c"]
KEYS = {"line": "lineno", "file": "filename", "traceback": "traceback"}


def library_source(seed, functions=40):
    """C whose lines claim to be of all kinds of files."""
    rng = random.Random(seed)
    lines = ["volatile int sink;"]
    for number in range(functions):
        lines.append(f'#line {rng.randrange(1, 400)} "{rng.choice(FILES)}"')
        lines.append(f"void function_{number}(void) {{")
        for _ in range(rng.randrange(3, 12)):
            lines.append(f'#line {rng.randrange(1, 400)} "{rng.choice(FILES)}"')
            lines.append("sink++;")
        lines.append("}")
    return "\n".join(lines) + "\n"


def build_library(source, library, *options):
    source.write_text(library_source(7))
    result = execute(["cc", "-shared", "-fPIC", "-O0", "-g", *options, "-o", str(library), str(source)])
    if result.status != 0:
        raise AssertionError(result.stderr)
    return library


def code_addresses(library):
    """[(first, end)] of its functions."""
    text = execute(["nm", "--defined-only", "-S", str(library)]).stdout.decode()
    return [(int(at, 16), int(at, 16) + int(size, 16)) for at, size in
            re.findall(r"^(\w+) (\w+) T function_", text, flags=re.M)]


class Heaps:
    """Random heaps over the same code, in traces of different processes."""

    def __init__(self, directory, seed):
        self.directory, self.rng = directory, random.Random(seed)
        self.lined = build_library(directory / "lined.c", directory / "liblined.so")
        self.named = directory / "libnamed.so"
        execute(["strip", "-o", str(self.named), str(self.lined)])
        self.code = code_addresses(self.lined)
        self.modules = [str(self.lined)] * 6 + [str(self.named), "/nonexistent/libgone.so", "/nonexistent/libc.so.6"]
        self.addresses = [(self.rng.choice(self.modules), self._address()) for _ in range(150)]

    def _address(self):
        return self.rng.randrange(*self.rng.choice(self.code))

    def stack(self):
        """[(module, offset) or special], outermost first."""
        rng = self.rng
        depth = rng.choice([1, 1, 2, 3, 5, 8, 30])
        frames = [rng.choice(self.addresses) for _ in range(depth)]
        if rng.random() < 0.2:
            frames += [rng.choice(frames)] * rng.randrange(1, 4)
        if rng.random() < 0.1:
            frames.insert(0, rng.choice(["SPECIAL_CUT", "SPECIAL_TOO_DEEP"]))
        if rng.random() < 0.02:
            frames = ["SPECIAL_OVERFLOW"]
        return tuple(frames)

    def blocks(self):
        """(count, bytes); few different ones, so that many lines tie."""
        rng = self.rng
        kind = rng.random()
        if kind < 0.1:
            return rng.randrange(1, 4), 0
        if kind < 0.6:
            return rng.choice([(1, 100), (2, 100), (1, 200), (4, 4096), (3, 10), (1, 1)])
        count = rng.randrange(1, 300)
        return count, rng.randrange(count * 3000)

    def heap(self, sites):
        return {self.stack(): self.blocks() for _ in range(sites)}

    def change(self, heap):
        rng = self.rng
        changed = {}
        for stack, blocks in heap.items():
            kind = rng.random()
            if kind < 0.6:
                changed[stack] = blocks
            elif kind < 0.8:
                changed[stack] = self.blocks()
        changed.update(self.heap(len(heap) // 5))
        return changed

    def trace(self, heap, path, pid, later=None):
        """A trace in which heap is live; with later what is live after its one tick."""
        rng = self.rng
        made = MadeTrace(pid=pid)
        names = sorted(set(self.modules))
        rng.shuffle(names)
        modules = {name: made.module(name) for name in names}
        worker = made.thread(pid + 1, "worker")
        nodes = {(): 0}
        first = {}
        stacks = sorted(set(heap) | set(later or {}), key=repr)
        rng.shuffle(stacks)
        for stack in stacks:
            node = self._node(made, modules, nodes, stack)
            ids = [self._counters(made, node, thread, *part) for thread, part in
                   zip((1, worker), self._split(*heap.get(stack, (0, 0)), later and later.get(stack, (0, 0))))]
            first.update(ids)
        if later is not None:
            made.tick(10, first)
        return made.write(path)

    def _node(self, made, modules, nodes, stack):
        for depth in range(1, len(stack) + 1):
            if stack[:depth] in nodes:
                continue
            frame, parent = stack[depth - 1], nodes[stack[:depth - 1]]
            nodes[stack[:depth]] = made.special(parent, frame) if isinstance(frame, str) else \
                made.node(parent, modules[frame[0]], frame[1])
        return nodes[stack]

    def _split(self, count, size, later):
        """What two threads did, so that this much is live: ((allocated, freed) first, then), twice."""
        rng = self.rng
        freed = rng.randrange(5)
        mine = [(count + freed, size + 100 * freed), (0, 0)]
        others = [(0, 0), (freed, 100 * freed)]
        then = later or (count, size)
        if then[0] >= count and then[1] >= size:
            grown = [(then[0] - count, then[1] - size), (0, 0)]
        else:
            grown = [then, (count, size)]
        return (mine, grown), (others, [(0, 0), (0, 0)])

    def _counters(self, made, node, thread, early, late):
        (allocated, freed), (allocated_late, freed_late) = early, late
        number = made.counters(node, allocated[0] + allocated_late[0], allocated[1] + allocated_late[1],
                               freed[0] + freed_late[0], freed[1] + freed_late[1], thread=thread)
        return number, (*allocated, *freed)


class Oracle:
    """The tool and CPython on the same heaps."""

    def __init__(self, tap, build, directory):
        self.tap, self.tool, self.directory = tap, str(build.tool), directory
        self.pickles = 0

    def run(self, *arguments):
        result = execute([self.tool, *map(str, arguments)], cwd=self.directory)
        if result.status != 0:
            raise AssertionError(f"{arguments}: status {result.status}: {result.stderr!r}")
        return result.stdout.decode()

    def snapshot(self, trace, *options):
        self.pickles += 1
        path = self.directory / f"{self.pickles}.pickle"
        self.run("export", "--format=tracemalloc", *options, "-o", path, trace)
        return tracemalloc.Snapshot.load(str(path))

    def same(self, name, ours, theirs):
        ours = ours.splitlines()
        wrong = next((pair for pair in itertools.zip_longest(ours, theirs) if pair[0] != pair[1]), None)
        self.tap.ok(theirs and not wrong, f"{name}: {len(theirs)} lines", f"ours   {wrong and wrong[0]}\ntheirs {wrong and wrong[1]}")


def text_of(statistics, with_traceback):
    lines = []
    for statistic in statistics:
        lines.append(str(statistic))
        if with_traceback:
            lines += statistic.traceback.format()
    return lines


def modes():
    """(tool's grouping, tracemalloc's, cumulative)"""
    for ours, theirs in KEYS.items():
        yield ours, theirs, False
    for ours in ("line", "file"):
        yield ours, KEYS[ours], True


def random_filters(rng, names):
    """The same filters as options of the tool and as objects of tracemalloc."""
    options, objects = [], []
    for _ in range(rng.randrange(1, 4)):
        name = rng.choice(names)
        pattern = rng.choice([name, "*" + name[-4:], name[:6] + "*", "*", "/src/*", "*[!a-m].c", "*/?emo.c*", "*.c?", "*+0x*", "<*>",
                              "*(function_*)", "*[", "[[]*", "*日*", "/src/?.c", "*[a-z0-9]"])
        line = rng.choice([None, None, None, rng.randrange(1, 400)])
        inclusive, everywhere = rng.random() < 0.6, rng.random() < 0.5
        text = ("any-file:" if everywhere else "file:") + pattern + (f":{line}" if line else "")
        options.append(("--filter=" if inclusive else "--exclude=") + text)
        objects.append(tracemalloc.Filter(inclusive, pattern, line, everywhere))
    return options, objects


def check_export(tap, oracle, trace, snapshot):
    """The pickle holds every live block and byte of the trace."""
    totals = TraceFile(trace).totals()
    tap.equal((len(snapshot.traces), sum(block.size for block in snapshot.traces)), (totals["live_count"], totals["live_bytes"]),
              f"{trace.name}: every block and every byte is in the pickle")
    report = json.loads(oracle.run("report", "--json", "-g", "line", trace))
    ours = {(item["file"], item["line"]): (item["live_bytes"], item["live_count"]) for item in report["statistics"]
            if "line" in item and item["live_count"]}
    theirs = {(stat.traceback[0].filename, stat.traceback[0].lineno): (stat.size, stat.count)
              for stat in snapshot.statistics("lineno") if stat.traceback[0].lineno}
    tap.equal(ours, theirs, f"{trace.name}: figures by line are those of memtrace report")


def check_statistics(oracle, trace, snapshot):
    for ours, theirs, cumulative in modes():
        options = ["-g", ours] + (["--cumulative"] if cumulative else [])
        for with_traceback in (False, True):
            more = ["--leaks"] if with_traceback else []
            oracle.same(f"report {' '.join(options + more)}", oracle.run("report", "--format=tracemalloc", *options, *more, trace),
                        text_of(snapshot.statistics(theirs, cumulative), with_traceback))


def check_compare(oracle, old, new, old_snapshot, new_snapshot, filters=((), ())):
    options, objects = filters
    if objects:
        old_snapshot, new_snapshot = old_snapshot.filter_traces(objects), new_snapshot.filter_traces(objects)
    for ours, theirs, cumulative in modes():
        arguments = ["-g", ours, *options] + (["--cumulative"] if cumulative else [])
        expected = text_of(new_snapshot.compare_to(old_snapshot, theirs, cumulative), False)
        got = oracle.run("diff", "--format=tracemalloc", *arguments, old, new)
        if expected:
            oracle.same(f"diff {' '.join(arguments)}", got, expected)
        else:
            oracle.tap.equal(got, "", f"diff {' '.join(arguments)}: nothing")


def check_random_heaps(tap, build, tracer):
    directory = tracer.new_directory()
    oracle = Oracle(tap, build, directory)
    heaps = Heaps(directory, 11)
    old_heap = heaps.heap(1500)
    new_heap = heaps.change(old_heap)
    old = heaps.trace(old_heap, directory / "old.memtrace", 100)
    new = heaps.trace(new_heap, directory / "new.memtrace", 200)
    both = heaps.trace(old_heap, directory / "both.memtrace", 300, new_heap)
    old_snapshot, new_snapshot = oracle.snapshot(old), oracle.snapshot(new)
    check_export(tap, oracle, old, old_snapshot)
    check_export(tap, oracle, new, new_snapshot)
    check_statistics(oracle, new, new_snapshot)
    check_compare(oracle, old, new, old_snapshot, new_snapshot)
    names = sorted({frame.filename for block in new_snapshot.traces for frame in block.traceback})
    for _ in range(8):
        check_compare(oracle, old, new, old_snapshot, new_snapshot, random_filters(heaps.rng, names))
    check_compare(oracle, f"{both}@10", both, old_snapshot, new_snapshot)
    check_compare(oracle, both, f"{both}@10s", new_snapshot, old_snapshot)
    check_compare(oracle, old, f"{both}@end", old_snapshot, new_snapshot)
    early = oracle.snapshot(f"{both}@10s")
    tap.equal(text_of(early.statistics("traceback"), True), text_of(old_snapshot.statistics("traceback"), True),
              "a moment of a trace is exported as it was")
    nothing = tracemalloc.Snapshot([], 1)
    check_compare(oracle, f"{both}@start", f"{both}@10s", nothing, old_snapshot)
    check_compare(oracle, f"{both}@10s", f"{both}@start", old_snapshot, nothing)
    oracle.same("diff with one trace: since its start", oracle.run("diff", "--format=tracemalloc", new),
                text_of(new_snapshot.compare_to(nothing, "lineno"), False))
    check_our_lines(tap, oracle, heaps, directory)


def check_our_lines(tap, oracle, heaps, directory):
    """Where every line is known, the lines people see are tracemalloc's too, and JSON has their figures."""
    heaps.modules = [str(heaps.lined)]
    heaps.addresses = [(module, offset) for module, offset in heaps.addresses if module == str(heaps.lined)]
    stack = heaps.stack
    heaps.stack = lambda: tuple(frame for frame in stack() if not isinstance(frame, str)) or (heaps.addresses[0],)
    old_heap = heaps.heap(300)
    new_heap = heaps.change(old_heap)
    old = heaps.trace(old_heap, directory / "a.memtrace", 100)
    new = heaps.trace(new_heap, directory / "b.memtrace", 200)
    expected = oracle.snapshot(new).compare_to(oracle.snapshot(old), "lineno")
    text = oracle.run("diff", "--all", old, new).split("\n\n")[1].split("\n", 1)[1]
    oracle.same("diff for people", text, [str(statistic) for statistic in expected])
    items = json.loads(oracle.run("diff", "--json", old, new))["statistics"]
    tap.equal([(item["file"], item["line"], item["size"], item["size_diff"], item["count"], item["count_diff"]) for item in items],
              [(stat.traceback[0].filename, stat.traceback[0].lineno, stat.size, stat.size_diff, stat.count, stat.count_diff)
               for stat in expected], "diff --json: the same figures in the same order")


# ---- the command ----

class Command:
    """memtrace diff on two small traces."""

    def __init__(self, tap, build, directory):
        self.tap, self.tool, self.directory = tap, str(build.tool), directory

    def write(self, name, lived, later=None, path="/nonexistent/demo", build_id=b"", **header):
        """A trace with these blocks live, {offset: (count, bytes)}; with later in its second half."""
        made = MadeTrace(**header)
        module = made.module(path, build_id)
        ids = {}
        for offset in sorted(set(lived) | set(later or {})):
            first, then = lived.get(offset, (0, 0)), (later or lived).get(offset, (0, 0))
            ids[made.counters(made.node(0, module, offset), first[0] + then[0], first[1] + then[1], *first)
                if later else made.counters(made.node(0, module, offset), *first)] = (*first, 0, 0)
        if later:
            made.tick(50, ids)
        return made.write(self.directory / name)

    def run(self, *arguments):
        return execute([self.tool, "diff", *map(str, arguments)], {"NO_COLOR": "1"}, cwd=self.directory)

    def check(self, name, status, *arguments, says=b""):
        result = self.run(*arguments)
        lines = result.stderr.splitlines()
        self.tap.ok(result.status == status and not result.stdout and len(lines) == 1 and lines[0].startswith(b"memtrace: ") and
                    says in lines[0], name, f"status {result.status}: {result.stderr!r} {result.stdout[:200]!r}")


def check_usage(tap, build, tracer):
    command = Command(tap, build, tracer.new_directory())
    command.check("no trace here", 1, says=b"no trace here")
    command.write("a.memtrace", {0x100: (1, 10)}, pid=7)
    command.check("a missing trace", 1, "a.memtrace", "missing.memtrace", says=b"missing.memtrace")
    command.check("a missing old trace", 1, "missing.memtrace", "a.memtrace", says=b"missing.memtrace")
    command.check("a moment that is not known", 1, "a.memtrace@10s", "a.memtrace", says=b"a.memtrace: it has no history")
    command.check("three traces", 2, "a.memtrace", "a.memtrace", "a.memtrace")
    command.check("by thread", 2, "-g", "thread", "a.memtrace")
    command.check("temporary allocations", 2, "-s", "temporary", "a.memtrace")
    command.check("cumulative tracebacks", 2, "--cumulative", "-g", "traceback", "a.memtrace")
    command.check("tracemalloc by function", 2, "--format=tracemalloc", "-g", "function", "a.memtrace")
    command.check("tracemalloc of the peak", 2, "--format=tracemalloc", "-s", "peak", "a.memtrace")
    command.check("the peak at the start", 2, "-s", "peak", "a.memtrace", says=b"the end only")
    command.check("totals at the peak", 2, "-s", "total", "a.memtrace@peak", "a.memtrace")
    command.check("an unknown format", 2, "--format=xml", "a.memtrace")
    command.check("an unknown limit", 2, "--fail-above=lots", "a.memtrace")
    tap.equal(command.run("--json", "a.memtrace").stdout, command.run("--json").stdout, "the newest trace here is the default")


def check_text(tap, build, tracer):
    command = Command(tap, build, tracer.new_directory())
    command.write("a.memtrace", {0x100: (1, 100), 0x200: (2, 4096), 0x300: (3, 30)}, {0x100: (2, 204800), 0x300: (3, 30)})
    lines = command.run("a.memtrace@50", "a.memtrace").stdout.decode().splitlines()
    tap.equal(lines[1:3], ["  old      4226 B     in 6 blocks, as of 50.00 s after the start",
                           "  new      200 KiB    in 5 blocks, as of the end"], "both sides, and their moments")
    tap.equal(lines[4:8], ["lines by change of what is live:",
                           "demo+0x100: size=200 KiB (+200 KiB), count=2 (+1), average=100 KiB",
                           "demo+0x200: size=0 B (-4096 B), count=0 (-2)",
                           "demo+0x300: size=30 B (+0 B), count=3 (+0), average=10 B"], "the lines, the unchanged one included")
    answer = lines[lines.index("", 5) + 1:]
    tap.ok(3 <= len(answer) <= 8 and "demo+0x100" in answer[1] and "demo+0x200" in answer[2] and answer[-1] ==
           "  next: memtrace diff --traceback -n 3 a.memtrace@50 a.memtrace", "the answer in a few lines, and the next command",
           "\n".join(answer))
    lines = command.run("-n1", "a.memtrace@50", "a.memtrace").stdout.decode().splitlines()
    tap.ok("2 more, 1 of them unchanged: size=30 B (-4096 B), count=3 (-2), average=10 B" in lines, "-n1: and the rest in one", lines)
    text = command.run("a.memtrace", "a.memtrace").stdout.decode()
    tap.ok("0 grew, 0 shrank, 2 did not" in text and "next:" not in text, "nothing has changed", text)
    report = json.loads(command.run("--json", "a.memtrace@50", "a.memtrace").stdout)
    tap.equal((report["old"]["time_ns"], report["new"]["moment"], report["totals"]["size_diff"]), (50 * 10**9, "end", 204830 - 4226),
              "--json: sides and totals")


def check_gate(tap, build, tracer):
    command = Command(tap, build, tracer.new_directory())
    old = command.write("old.memtrace", {0x100: (10, 10000), 0x200: (10, 10000)}, pid=1)
    new = command.write("new.memtrace", {0x100: (30, 13000), 0x200: (10, 5000)}, pid=2)
    for limit, status in (("2999", 1), ("3000", 0), ("2K", 1), ("3K", 0), ("14%", 1), ("15%", 0), ("19blocks", 1), ("20blocks", 0)):
        result = command.run(f"--fail-above={limit}", old, new)
        tap.equal(result.status, status, f"--fail-above={limit}: status", result.stderr)
        named = [line for line in result.stderr.splitlines() if b"demo+0x100: +3000 B, +20 blocks" in line]
        tap.equal((len(named), len(result.stderr.splitlines())), (status, 2 * status), f"--fail-above={limit}: names the line",
                  result.stderr)
        tap.ok(b"change" in result.stdout, f"--fail-above={limit}: and shows everything")
    result = command.run("--json", "--fail-above=2K", old, new)
    tap.equal((result.status, json.loads(result.stdout)["fail_above"]), (1, {"limit": "2048 B", "failed": True, "because": ["demo+0x100"]}),
              "--json: the same")
    tap.equal(command.run("--fail-above=0", "--exclude=any-module:*", old, new).status, 0, "what is excluded does not fail")
    tap.equal(command.run("--fail-above=0", new, new).status, 0, "no growth at all")


def check_builds(tap, build, tracer):
    """Two versions of a library in two places: 30 lines went in at the top."""
    directory = tracer.new_directory()
    command = Command(tap, build, directory)
    body = "#include <stdlib.h>\nvoid *%s(int n)\n{\n    return malloc(n);\n}\n"
    for version, extra in (("v1", ""), ("v2", "/**/\n" * 30 + "int more(int n) { return n * 7; }\n")):
        (directory / version).mkdir()
        (directory / version / "lib.c").write_text(extra + body % "alpha" + body.replace("#include <stdlib.h>\n", "") % "beta")
        library = directory / version / "libx.so"
        result = execute(["cc", "-g", "-O0", "-shared", "-fPIC", "-Wl,--build-id", "-o", str(library), str(directory / version / "lib.c")])
        tap.equal(result.status, 0, f"{version} is compiled", result.stderr)
        symbols = {name: int(at, 16) for at, name in
                   re.findall(r"^(\w+) T (\w+)", execute(["nm", str(library)]).stdout.decode(), flags=re.M)}
        notes = execute(["readelf", "-n", str(library)]).stdout.decode()
        build_id = bytes.fromhex(re.search(r"Build ID: (\w+)", notes).group(1))
        command.write(f"{version}.memtrace", {symbols["alpha"] + 12: (1, 100), symbols["beta"] + 12: (2, 20)}, path=str(library),
                      build_id=build_id, pid=1 if version == "v1" else 2)
    items = json.loads(command.run("--json", "-g", "function", "v1.memtrace", "v2.memtrace").stdout)["statistics"]
    tap.equal([(item["function"], item["size"], item["size_diff"]) for item in items], [("alpha", 100, 0), ("beta", 20, 0)],
              "by function nothing has changed")
    text = command.run("v1.memtrace", "v2.memtrace").stdout.decode()
    tap.ok("libx.so was built anew in between" in text and "memtrace diff -g function" in text, "it is said, and what to do", text)
    tap.ok("v2/lib.c:35: size=100 B (+100 B)" in text and "/lib.c:4: size=0 B (-100 B)" in text, "by line they have moved", text)
    for version in ("v1", "v2"):
        execute(["strip", str(directory / version / "libx.so")])
    text = command.run("v1.memtrace", "v2.memtrace").stdout.decode()
    tap.ok("libx.so(alpha): size=100 B (+0 B), count=1 (+0)" in text, "without lines functions stand for addresses", text)


# ---- what was recorded ----

def tagged_line(build, tag):
    lines = (build.source / "tests" / "programs" / "leak_between.c").read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if f"/* @{tag} */" in line)


def check_recorded(tap, build, tracer):
    """A leak between two snapshots, while the program runs, after its end, and across two processes."""
    command = Command(tap, build, tracer.new_directory())
    leaked, refreshed = tagged_line(build, "leaked"), tagged_line(build, "refreshed")

    def check(name, old, new, leaked_diff, cached_diff=0):
        result = command.run("--json", old, new)
        items = json.loads(result.stdout)["statistics"] if result.status == 0 else []
        got = {item["line"]: (item["size_diff"], item["count_diff"]) for item in items if item.get("file", "").endswith("leak_between.c")}
        tap.equal(got, {leaked: (56 * leaked_diff, leaked_diff), refreshed: (1000 * cached_diff, cached_diff)}, name, result.stderr)
        first = max((leaked, 56 * leaked_diff), (refreshed, 1000 * cached_diff), key=lambda pair: abs(pair[1]))[0]
        tap.equal(items and items[0].get("line"), first, f"{name}: names the line first")

    environment = clean_environment({"LD_PRELOAD": str(build.recorder), "MEMTRACE_OUTPUT": str(command.directory / "a.memtrace")})
    argv = [build.program("leak_between"), "2000", "wait"]
    with subprocess.Popen(argv, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.read(1)
        check("running: between two snapshots", f"{process.pid}@warm", f"{process.pid}@half", 100)
        check("running: since a snapshot", f"{process.pid}@half", process.pid, 100)
        check("running: since the start", f"{process.pid}@start", f"{process.pid}@now", 200, 64)
        process.stdin.close()
        process.wait()
    check("ended: between two snapshots", "a.memtrace@warm", "a.memtrace@half", 100)
    check("ended: until the end", "a.memtrace@warm", "a.memtrace", 200)
    execute([build.program("leak_between"), "5000"], {**environment, "MEMTRACE_OUTPUT": str(command.directory / "b.memtrace")})
    check("another process", "a.memtrace", "b.memtrace", 300)
    check("moments of two processes", "a.memtrace@half", "b.memtrace@half", 150)
    check("backwards", "b.memtrace@half", "a.memtrace@warm", -250)


def main():
    build = Build()
    with Tap() as tap, Tracer(build) as tracer:
        if not shutil.which("cc"):
            tap.skip("all of it", "no compiler")
            return
        tap.run(check_recorded, build, tracer)
        tap.run(check_random_heaps, build, tracer)
        tap.run(check_usage, build, tracer)
        tap.run(check_text, build, tracer)
        tap.run(check_gate, build, tracer)
        tap.run(check_builds, build, tracer)


if __name__ == "__main__":
    main()
