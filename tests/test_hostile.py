# SPDX-License-Identifier: BSD-2-Clause
"""test_hostile.py -- Programs that are hard to record, plain and traced, in every configuration.

usage: test_hostile.py BUILD-DIRECTORY [--long] [--heaptrack] [--table FILE] [NAME…]

A row is a program and what it may leave. Always held: same output, same exit status or signal,
nothing on stderr that is not the program's, no hang, no file but traces, every trace opens and says
how complete it is, and nothing is counted that did not happen. --long runs what takes minutes.
--heaptrack runs the same rows under heaptrack, and prints how many it survives. --table writes the
results as a Markdown table."""

import argparse
import dataclasses
import os
import pathlib
import resource
import shutil
import subprocess
import sys
import time

from tap import Tap
from test_oracle import difference, facts_of_oracle, facts_of_trace, find, pairs_of
from traced import Build, Result, Tracer, clean_environment, collect, execute

MEBIBYTE = 1 << 20
HANG_S = 60

# What stands behind the recorder, and what it is told. One line for each engine of the CPU sampler.
CONFIGURATIONS = {
    "glibc": ((), {}),
    "jemalloc": (("libjemalloc.so.2",), {}),
    "mimalloc": (("libmimalloc.so.2",), {}),
}


@dataclasses.dataclass
class Row:
    """A program, and what is special about it."""
    arguments: list
    traces: object = 1            # how many, or a range
    complete: bool = True         # what the last trace, the program's own, says of itself
    anomalies: tuple = ()         # those that the program brings about
    oracle: bool = True           # held against a second library that counts
    limits: tuple = ()
    environment: dict = dataclasses.field(default_factory=dict)
    configurations: tuple = ("glibc", "jemalloc")
    needs_root: bool = False
    seconds: int = HANG_S
    what: str = ""                # one line for people


FILTERS = ("narrow", "no_memory", "strict", "harmless", "twice", "refused", "with_signals", "all_threads", "before_fork",
           "in_vfork")
# Each of the system calls that the recorder makes, forbidden alone.
SINGLE_CALLS = ("fstat", "mmap", "mprotect", "munmap", "rt_sigprocmask", "madvise", "getpid", "getcwd", "prctl",
                "sigaltstack", "gettid", "futex", "clock_gettime", "tgkill", "openat", "newfstatat", "fallocate",
                "prlimit64", "membarrier", "close", "readlinkat", "process_vm_readv")

ROWS = {
    # A filter may take the room for more call sites away; then totals stay exact and the trace says so.
    **{f"filter {name}": Row(["filtered", name], oracle=False, configurations=("glibc",), complete=None,
                             anomalies=("overflow", "grow_failed", "untracked", "unknown_free", "reused_live"),
                             what=f"seccomp: {name.replace('_', ' ')}") for name in FILTERS},
    "filter in_child": Row(["filtered", "in_child"], oracle=False, traces=2, configurations=("glibc",), complete=None,
                           anomalies=("overflow", "grow_failed", "before_own_trace"), what="seccomp in a forked child"),
    **{f"filter without {name}": Row(["filtered", "one", name], oracle=False,
                                     configurations=("glibc",), complete=None,
                                     anomalies=("overflow", "grow_failed", "untracked"),
                                     what=f"seccomp kills {name}") for name in SINGLE_CALLS},
}


def expected_number(traces, expected):
    return traces in expected if isinstance(expected, range) else traces == expected


class Hostile:
    """Runs rows, remembers their results."""

    def __init__(self, tap, tracer):
        self.tap, self.tracer, self.build = tap, tracer, tracer.build
        self.results = {}

    def arguments(self, row, directory):
        return [self.build.program(row.arguments[0]), *(text.replace("{directory}", str(directory))
                                                        for text in row.arguments[1:])]

    def run_plain(self, row, behind):
        directory = self.tracer.new_directory()
        environment = {**row.environment, **({"LD_PRELOAD": " ".join(behind)} if behind else {})}
        return execute(self.arguments(row, directory), environment, cwd=directory, timeout=row.seconds, limits=row.limits)

    def run_traced(self, row, behind, environment):
        """The program's own directory is not the traces', so that whatever it leaves there is its own."""
        directory = self.tracer.new_directory()
        return self.tracer.run(self.arguments(row, directory), oracle=row.oracle, behind=behind, cwd=directory,
                               environment={**row.environment, **environment}, timeout=row.seconds, limits=row.limits)

    def complaints_of_trace(self, trace, row, is_own):
        """What is wrong with one trace, as the tool and the independent reader see it."""
        wrong = []
        report = self.tracer.report(trace, "--group-by=module")
        totals, threads = trace.totals(), trace.thread_totals()
        for key in ("alloc_count", "alloc_bytes", "free_count", "freed_bytes"):
            if report["totals"][key] != totals.get(key, 0):
                wrong.append(f"{key}: the tool says {report['totals'][key]}, the trace {totals.get(key, 0)}")
            if threads[key] != totals.get(key, 0):
                wrong.append(f"{key}: threads {threads[key]}, sites {totals.get(key, 0)}")
        if is_own and row.complete is not None and report["complete"] != row.complete:
            wrong.append(f"complete: {report['complete']}, because {report['incomplete_because']}")
        if report["complete"] != (not report["incomplete_because"]):
            wrong.append(f"complete without a reason: {report['complete']}")
        odd = {name: count for name, count in trace.anomalies.items() if count and name not in row.anomalies}
        if odd:
            wrong.append(f"anomalies {odd}")
        return wrong

    def complaints(self, row, plain, traced):
        wrong = []
        for name in ("status", "stdout", "stderr"):
            if getattr(traced, name) != getattr(plain, name):
                wrong.append(f"{name}: {getattr(traced, name)[-600:] if name != 'status' else traced.status!r} instead of "
                             f"{getattr(plain, name)[-600:] if name != 'status' else plain.status!r}")
        if traced.litter:
            wrong.append(f"left {traced.litter}")
        if not expected_number(len(traced.traces), row.traces):
            wrong.append(f"{len(traced.traces)} traces: {[(t.path.name, t.header['flags']) for t in traced.traces]}")
        for trace in traced.traces:
            wrong += [f"{trace.path.name}: {why}" for why in
                      self.complaints_of_trace(trace, row, trace is traced.traces[0])]
        if row.oracle:
            pairs, lost = pairs_of(traced)
            wrong += [f"no oracle for {name}" for name in lost]
            wrong += [f"{oracle.program} {oracle.pid} (recorder, oracle): {difference(facts_of_trace(trace), facts_of_oracle(oracle))}"
                      for trace, oracle in pairs if trace and difference(facts_of_trace(trace), facts_of_oracle(oracle))]
        return wrong

    def run(self, name, row):
        for configuration in row.configurations:
            libraries, environment = CONFIGURATIONS[configuration]
            behind = [find(library) for library in libraries]
            title = f"{name}, {configuration}"
            why = self.why_not(row, behind)
            if why:
                self.tap.skip(title, why)
                self.results[name, configuration] = f"not run: {why}"
                continue
            try:
                wrong = self.complaints(row, self.run_plain(row, behind), self.run_traced(row, behind, environment))
            except (subprocess.TimeoutExpired, AssertionError, OSError) as error:
                wrong = [f"{type(error).__name__}: {error}"]
            self.tap.ok(not wrong, title, "\n".join(wrong))
            self.results[name, configuration] = "same" if not wrong else "differs"

    def why_not(self, row, behind):
        if not os.path.exists(self.build.program(row.arguments[0])):
            return "not built"
        if None in behind:
            return "not installed"
        if row.needs_root and os.geteuid() != 0:
            return "only as root"
        return None


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build")
    parser.add_argument("names", nargs="*")
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--heaptrack", action="store_true")
    parser.add_argument("--table", type=pathlib.Path)
    return parser.parse_args()


def main():
    options = parse()
    with Tap() as tap, Tracer(Build()) as tracer:
        hostile = Hostile(tap, tracer)
        for name, row in ROWS.items():
            if not options.names or any(wanted in name for wanted in options.names):
                tap.run(lambda _, name=name, row=row: hostile.run(name, row), name=name)


if __name__ == "__main__":
    main()
