# SPDX-License-Identifier: BSD-2-Clause
"""test_alone.py -- The recorder's thread is not there when a program has to be alone.

programs/alone.c does what works in a process with one thread only, or changes what a thread may do,
or ends in ways that wait for the last one. It must print and return the same without the recorder,
with it, and with it but without its thread."""

from tap import Tap
from traced import Build, Tracer, execute

THINGS = ["unshare", "setns", "users", "capset", "vfork", "pipe", "filter", "filter_all", "filter_child", "storm", "end",
          "end_first", "end_all", "end_others", "pthread_exit", "end_without_proc"]
# Ticks as often as they go, and a condition that reads /proc at every beat.
BUSY = {"MEMTRACE_HISTORY_INTERVAL": "1ms", "MEMTRACE_SNAPSHOT": "rss=1000T", "MEMTRACE_RSS_INTERVAL": "1ms",
        "MEMTRACE_PSS_INTERVAL": "1ms"}


def compare(tap, tracer, thing):
    """Ten seconds are an eternity; a process that our thread keeps alive never ends."""
    program = [tracer.build.program("alone"), thing]
    plain = execute(program, timeout=60)
    for name, environment in (("", {}), (", busy", BUSY), (", without the thread", {"MEMTRACE_THREAD": "0"})):
        traced = tracer.run(program, environment=environment, timeout=60)
        tap.equal((traced.status, traced.stdout, traced.stderr), (plain.status, plain.stdout, plain.stderr), thing + name)
        tap.ok(traced.traces, f"{thing}{name}: left a trace")


def check_numbers(tap, tracer):
    traced = tracer.run([tracer.build.program("alone"), "numbers"], environment=BUSY)
    tap.equal((traced.status, traced.stdout), (0, b"0 other numbers\n"), "no file descriptor is ever taken")
    tap.ok(traced.trace.history, "and yet there were ticks")


def check_count(tap, tracer):
    program = [tracer.build.program("alone"), "count"]
    counts = [tracer.run(program, environment=environment).stdout for environment in ({}, {"MEMTRACE_THREAD": "0"})]
    tap.equal(counts, [b"2\n", b"1\n"], "one thread more, and none with MEMTRACE_THREAD=0")
    trace = tracer.run(program).trace
    tap.equal((len(trace.threads), trace.header["peak_slack_bytes"], trace.header["threads_seen"]), (2, 0, 1),
              "which is not one of the program's")


def check_short(tap, tracer):
    """A program that ends before the first tick has a trace as without all this."""
    for environment in ({}, {"MEMTRACE_THREAD": "0"}, {"MEMTRACE_HISTORY_BYTES": "0"}):
        trace = tracer.run([tracer.build.program("exact_lines")], environment=environment).trace
        used = {extent["section"] for extent in trace.header["extents"][:trace.header["extent_count"]]}
        tap.equal(used & {trace.layout.numbers[f"SECTION_{name}"] for name in ("MARKS", "HISTORY")}, set(),
                  f"a short run has no room for a history {environment}")
        tap.ok(len(trace.section("SERIES")) <= 4096, "and little for a series")


def main():
    with Tap() as tap, Tracer(Build()) as tracer:
        for thing in THINGS:
            tap.run(compare, tracer, thing, name=thing)
        tap.run(check_numbers, tracer)
        tap.run(check_count, tracer)
        tap.run(check_short, tracer)


if __name__ == "__main__":
    main()
