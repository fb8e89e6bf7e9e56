# SPDX-License-Identifier: BSD-2-Clause
"""test_limits.py -- Too many call stacks, files that may not grow, little memory, a full disk.

The program is never the one that pays, and the totals stay exact as long as there is a trace."""

import os
import resource
import shutil
import subprocess

from tap import Tap
from trace_file import TraceFile
from traced import Build, Tracer, clean_environment, collect, execute, Result, wait_until

MEBIBYTE = 1 << 20
DEPTH = 16  # 65,536 call stacks in many_sites


def program_of(tracer, depth=DEPTH):
    return [tracer.build.program("many_sites"), str(depth)]


def check_program(tap, result, name):
    """It did what it does, and at most one line of ours is on stderr."""
    tap.equal((result.status, result.stdout), (0, b"done\n"), f"{name}: the program does not notice", result.stderr)
    lines = result.stderr.splitlines()
    tap.ok(len(lines) <= 1 and all(line.startswith(b"memtrace: ") for line in lines), f"{name}: at most one line",
           result.stderr)


def check_totals(tap, trace, count, name):
    """puts allocates its buffer, everything else is the leaf's."""
    totals = trace.totals()
    tap.equal((totals["alloc_count"], trace.calls["malloc"]), (count + 1, count + 1), f"{name}: totals exact",
              f"{trace.anomalies} flags {trace.header['flags']}")
    threads = trace.thread_totals()
    tap.equal((threads["alloc_count"], threads["alloc_bytes"]), (totals["alloc_count"], totals["alloc_bytes"]),
              f"{name}: threads and sites agree")


def check_many(tap, tracer):
    """They all find room, and are all different."""
    result = tracer.run(program_of(tracer))
    check_program(tap, result, "65536 stacks")
    check_totals(tap, result.trace, 1 << DEPTH, "65536 stacks")
    leaves = [site for site in result.trace.sites().values() if site["alloc_count"] == 1 and site["alloc_bytes"] == 16]
    tap.equal(len(leaves), 1 << DEPTH, "65536 stacks: each has its own counters")
    tap.equal(result.trace.anomalies["overflow"], 0, "65536 stacks: no overflow")


def check_left_root(tap, tracer):
    """Who has left root and its directory cannot open the trace again, but its history goes on all the
    same, and is written more coarsely when the room there is has been used."""
    name = "a server that has left root"
    if os.geteuid() != 0:
        tap.skip(name, "only as root")
        return
    directory = tracer.new_directory()
    process = tracer.start([tracer.build.program("leaves_root"), "server"], directory,
                           {"MEMTRACE_HISTORY_INTERVAL": "20ms", "MEMTRACE_RSS_INTERVAL": "1ms"})

    def has_gone_on():
        process.stdin.write(b"x")
        process.stdout.read(1)
        traces = [TraceFile(path) for path in directory.iterdir()]
        return traces and traces[0].header["series_active"] == 1 and len(traces[0].history) > 5
    is_ok = wait_until(has_gone_on, 60)
    process.stdin.close()
    process.wait()
    trace = TraceFile(next(directory.iterdir()))
    lost = {key: trace.anomalies[key] for key in ("grow_failed", "history_lost", "series_lost", "overflow")}
    tap.ok(is_ok and len(trace.points) > 400, f"{name}: ticks and points, thinned",
           f"{trace.header['series_active']} {len(trace.history)} ticks, {len(trace.points)} points, {lost}")
    tap.equal(lost, dict.fromkeys(lost, 0), f"{name}: nothing is lost")
    tap.ok(tracer.report(trace)["complete"], f"{name}: complete")


def check_own_limit(tap, tracer):
    """A program limits its own address space after we have reserved some for ourselves."""
    for how, count in (("setrlimit", 1), ("prlimit", 1), ("child", 2), ("client", 2)):
        program = [tracer.build.program("limits_memory"), how]
        plain, traced = execute(program), tracer.run(program)
        name = f"200 MiB by its own wish, {how}"
        tap.equal((traced.status, traced.stdout, traced.stderr), (plain.status, plain.stdout, plain.stderr), f"{name}: does the same")
        tap.equal(len(traced.traces), count, f"{name}: traces")
        trace = traced.traces[-1]
        lost = {key: count for key, count in trace.anomalies.items() if count and key != "before_own_trace"}
        tap.equal((lost, trace.calls["malloc"] >= 20100), ({}, True), f"{name}: nothing is lost")


def check_file_size(tap, tracer):
    """RLIMIT_FSIZE kills who writes past it by SIGXFSZ; not us."""
    for limit in (0, 4096, 64 << 10, MEBIBYTE, 3 * MEBIBYTE):
        name = f"files of at most {limit} bytes"
        result = tracer.run(program_of(tracer), limits=[(resource.RLIMIT_FSIZE, limit)])
        check_program(tap, result, name)
        if not result.traces:
            tap.ok(limit < 64 << 10, f"{name}: too small for any trace", result.stderr)
            tap.ok(result.stderr, f"{name}: and says so")
            continue
        trace = result.traces[0]
        tap.ok(trace.path.stat().st_size <= limit, f"{name}: the trace keeps within", trace.path.stat().st_size)
        check_totals(tap, trace, 1 << DEPTH, name)
        tap.ok(trace.anomalies["overflow"] > 0 and trace.anomalies["grow_failed"] > 0,
               f"{name}: says that call stacks were folded", trace.anomalies)
        report = tracer.report(trace, "--group-by=function")
        tap.equal((report["complete"], bool(report["incomplete_because"])), (False, True), f"{name}: the tool says so too")


def check_memory(tap, tracer):
    for limit in (400 * MEBIBYTE, 60 * MEBIBYTE, 25 * MEBIBYTE):
        name = f"address space of {limit // MEBIBYTE} MiB"
        result = tracer.run(program_of(tracer, 12), limits=[(resource.RLIMIT_AS, limit)])
        check_program(tap, result, name)
        for trace in result.traces:
            check_totals(tap, trace, 1 << 12, name)


def check_descriptors(tap, tracer):
    """With four descriptors, one of them free, there is just room to open the trace."""
    result = tracer.run(program_of(tracer, 8), limits=[(resource.RLIMIT_NOFILE, 4)])
    check_program(tap, result, "four descriptors")
    check_totals(tap, result.trace, 1 << 8, "four descriptors")


def check_full_disk(tap, tracer):
    """A file system of its own that is too small, in a mount namespace of its own."""
    for size in ("16k", "256k", "1m"):
        name = f"disk of {size}"
        directory = tracer.new_directory()
        mounted = directory / "mounted"
        mounted.mkdir()
        kept = directory / "kept"
        kept.mkdir()
        environment = tracer.environment(mounted)
        preload = environment.pop("LD_PRELOAD")
        script = (f"mount -t tmpfs -o size={size} none '{mounted}' || exit 77; "
                  f"LD_PRELOAD='{preload}' \"$@\"; status=$?; cp '{mounted}'/* '{kept}' 2>/dev/null; exit $status")
        if not shutil.which("unshare"):
            tap.skip(name, "no unshare")
            return
        process = subprocess.run(["unshare", "--mount", "--user", "--map-root-user", "sh", "-c", script, "sh",
                                  *program_of(tracer)], env=clean_environment(environment), stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, check=False)
        if process.returncode == 77 or process.stderr.startswith(b"unshare"):
            tap.skip(name, "mounting is not allowed here")
            continue
        result = Result(process.returncode, process.stdout, process.stderr)
        collect(result, kept)
        check_program(tap, result, name)
        for trace in result.traces:
            check_totals(tap, trace, 1 << DEPTH, name)
        tap.ok(result.traces or result.stderr, f"{name}: a trace, or a line why there is none")


def check_depth(tap, tracer):
    """MEMTRACE_DEPTH cuts stacks, honestly."""
    result = tracer.run(program_of(tracer, 10), environment={"MEMTRACE_DEPTH": "4"})
    check_program(tap, result, "depth 4")
    check_totals(tap, result.trace, 1 << 10, "depth 4")
    tap.ok(result.trace.anomalies["stack_too_deep"] > 0, "depth 4: cut stacks are counted")
    tap.equal(result.trace.header["depth_limit"], 4, "depth 4: the trace says so")
    tap.equal(execute(program_of(tracer, 10)).stdout, result.stdout, "depth 4: same output")


def main():
    with Tap() as tap, Tracer(Build()) as tracer:
        for check in (check_many, check_left_root, check_own_limit, check_file_size, check_memory, check_descriptors, check_full_disk, check_depth):
            tap.run(check, tracer)


if __name__ == "__main__":
    main()
