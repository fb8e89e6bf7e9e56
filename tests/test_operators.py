# SPDX-License-Identifier: BSD-2-Clause
"""test_operators.py -- Operators new and delete are recorded, whoever provides them, and only once.

libstdc++'s call malloc and free. Those of jemalloc, tcmalloc and mimalloc do not, and are recorded
themselves. Every figure is arithmetic on the constants in programs/operators.cpp."""

import os

from tap import Tap
from test_fixtures import SUM, Lines, check_lines, expect
from test_oracle import find
from traced import Build, Tracer, execute

LIBRARIES = {"jemalloc": "libjemalloc.so.2", "tcmalloc": "libtcmalloc_minimal.so.4", "mimalloc": "libmimalloc.so.2"}
# gperftools' would print every large request.
QUIET = {"TCMALLOC_LARGE_ALLOC_REPORT_THRESHOLD": str(1 << 63)}

LINES = {
    "single": expect(1000, SUM),
    "array": expect(1000, 2 * SUM, 500, 2 * 500 * 500),
    "sized": expect(1000, 3 * SUM, temporary_count=1000),
    "sized_array": expect(1000, 3 * SUM, temporary_count=1000),
    "nothrow": expect(1000, 5 * SUM),
    "nothrow_array": expect(1000, 5 * SUM),
    "aligned": expect(1000, 7 * SUM),
    "aligned_array": expect(1000, 7 * SUM),
    "aligned_nothrow": expect(1000, 11 * SUM),
    "aligned_nothrow_array": expect(1000, 11 * SUM),
    "freed": expect(1000, 13 * SUM, temporary_count=1000),
    "deleted": expect(1000, 13 * SUM, temporary_count=1000),
    "reallocated": expect(2000, SUM + 17 * SUM),
    "other_thread": expect(1000, 19 * SUM),
    "again": expect(1000, 19 * SUM, 1000, 19 * SUM),
}
# What libstdc++ asks malloc for is a multiple of the alignment.
ROUNDED = {tag: expect(1000, sum((factor * i + 127) // 128 * 128 for i in range(1, 1001)))
           for tag, factor in (("aligned", 7), ("aligned_array", 7), ("aligned_nothrow", 11), ("aligned_nothrow_array", 11))}
THROWING = {"handler": expect(1, 77, temporary_count=1), "after": expect(1, 23, temporary_count=1)}
# std::thread makes one object and deletes it; delete of a null pointer is a call, too.
CALLS = {"operator new": 14 * 1000 + 1, "operator delete": 11 * 1000 + 500 + 1 + 1}
# In the loop: a hundred that fail, two with a handler, one nothrow, one that succeeds.
CALLS_THROWING = {"operator new": CALLS["operator new"] + 104, "operator delete": CALLS["operator delete"] + 1}


# What the allocator itself makes when it is loaded.
OWN_OBJECTS = {"tcmalloc": 2}


def check(tap, tracer, name, program, behind=(), is_own=True):
    """program, plain and traced. is_own: the allocator has operators of its own."""
    libraries = [find(library) for library in behind]
    path = tracer.build.program(program)
    if None in libraries or not os.path.exists(path):
        tap.skip(name, "not installed")
        return
    environment = {**QUIET, **({"LD_PRELOAD": " ".join(libraries)} if libraries else {})}
    # Not every build of every allocator throws.
    throws = execute([path, "throw"], environment).status == 0
    arguments = ["throw"] if throws else []
    plain = execute([path, *arguments], environment)
    traced = tracer.run([path, *arguments], behind=libraries, environment=QUIET)
    tap.equal((plain.status, plain.stdout), (0, b"right\n"), f"{name}: plain{' and throwing' * throws}", plain.stderr)
    tap.equal((traced.status, traced.stdout, traced.stderr), (plain.status, plain.stdout, plain.stderr), f"{name}: the same traced")
    trace = traced.trace
    lines = Lines(tracer.report(trace, "--group-by=line"))
    check_lines(tap, lines, "operators.cpp", {**LINES, **({} if is_own else ROUNDED), **(THROWING if throws else {})}, name)
    tap.ok(lines.totals["alloc_bytes"] < 1 << 40, f"{name}: what was refused does not count", lines.totals)
    tap.equal({key: count for key, count in trace.anomalies.items() if count}, {}, f"{name}: nothing lost, nothing unknown")
    calls = {call: trace.calls[call] for call in CALLS}
    calls["operator new"] -= OWN_OBJECTS.get(name.split(",")[0], 0)
    tap.equal(calls, (CALLS_THROWING if throws else CALLS) if is_own else dict.fromkeys(CALLS, 0), f"{name}: calls")


def check_sampled(tap, tracer, library):
    """Estimates, unbiased: a block is drawn once, not by new and again by what it calls."""
    path = find(library)
    if not path:
        tap.skip(f"sampled, {library}", "not installed")
        return
    traced = tracer.run([tracer.build.program("operators")], behind=[path],
                        environment={**QUIET, "MEMTRACE_SAMPLE_BYTES": "1"})
    lines = Lines(tracer.report(traced.trace, "--group-by=line"))
    # One sample in a byte: blocks of more than some bytes are all in it, and stand for themselves.
    counts = {tag: lines.count("operators.cpp", tag) for tag in ("aligned", "aligned_array")}
    tap.ok(all(990 <= count <= 1010 for count in counts.values()), f"sampled, {library}: each block once", counts)


def check_plugins(tap, tracer):
    """What is loaded later finds the operators that it would find without us."""
    build = tracer.build
    own, plain = build.programs / "libown_operators.so", build.programs / "libplain_operators.so"
    if not own.exists():
        tap.skip("plugins", "no C++ compiler")
        return
    for name, libraries, behind in (("own first", [own, plain], ()), ("own last", [plain, own], ()),
                                    ("own, jemalloc", [own], ("libjemalloc.so.2",))):
        found = [find(library) for library in behind]
        if None in found:
            tap.skip(f"plugins, {name}", "not installed")
            continue
        argv = [build.program("plugins"), *map(str, libraries)]
        expected = execute(argv, {"LD_PRELOAD": " ".join(found)} if found else {})
        traced = tracer.run(argv, behind=found)
        tap.equal((traced.status, traced.stdout, traced.stderr), (expected.status, expected.stdout, expected.stderr),
                  f"plugins, {name}: {expected.stdout.split()}")
        if not behind:
            tap.equal((expected.status, b"2\n" in expected.stdout), (0, True), f"plugins, {name}: its own are called")
        tap.equal(traced.trace.anomalies["unknown_free"], 0, f"plugins, {name}: nothing unknown")


def main():
    with Tap() as tap, Tracer(Build()) as tracer:
        tap.run(check, tracer, "libstdc++", "operators", is_own=False, name="libstdc++")
        for name, library in LIBRARIES.items():
            tap.run(check, tracer, f"{name}, preloaded", "operators", behind=[library], name=f"{name}, preloaded")
            tap.run(check, tracer, f"{name}, linked", f"operators_{name}", name=f"{name}, linked")
            tap.run(check_sampled, tracer, library, name=f"sampled, {name}")
        tap.run(check_plugins, tracer, name="plugins")


if __name__ == "__main__":
    main()
