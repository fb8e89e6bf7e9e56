# SPDX-License-Identifier: BSD-2-Clause
"""test_faults.py -- The Nth system call of the recorder fails, for N = 1, 2, 3 … until none is left.

libmemtrace-fail.so is the recorder with such a fault put in. Whatever fails, once or from then on,
the program does the same; at most one line says that there is no trace; and a trace that is there
opens, and is exact if it says that it is complete.

usage: test_faults.py BUILD-DIRECTORY [--all]     --all: every N; else the first ones and some"""

import sys

from tap import Tap
from traced import Build, Tracer, execute

# Each with the N from which on only every seventh is tried, unless all are.
PROGRAMS = [
    (["exact_lines"], {"MEMTRACE_THREAD": "0"}, 90),
    (["many_sites", "11"], {"MEMTRACE_THREAD": "0"}, 20),
    (["fork_child", "lot"], {"MEMTRACE_THREAD": "0"}, 20),
    (["threads"], {}, 20),
    (["filtered", "narrow"], {}, 10),
    (["dlopen_reuse"], {}, 5),
]
N_MAX = 3000
KEYS = ("alloc_count", "alloc_bytes", "free_count", "freed_bytes")


def totals_of(trace):
    totals = trace.totals()
    return {key: totals.get(key, 0) for key in KEYS}


class Faults:
    """One program under one fault after the other."""

    def __init__(self, tracer, arguments, environment):
        self.tracer, self.environment = tracer, environment
        self.argv = [tracer.build.program(arguments[0]), *arguments[1:]]
        self.plain = execute(self.argv)
        self.whole = {trace.header["flags"] & 1: totals_of(trace)
                      for trace in tracer.run(self.argv, environment=environment).traces}

    def run(self, number, is_lasting):
        """(complaints, whether the fault came to pass)"""
        mark = self.tracer.new_directory() / "mark"
        environment = {**self.environment, "FAIL_NTH": str(number), "FAIL_MARK": str(mark),
                       "LD_PRELOAD": str(self.tracer.build.root / "tests" / "check" / "libmemtrace-fail.so")}
        if is_lasting:
            environment["FAIL_ALL"] = "1"
        result = self.tracer.run(self.argv, environment=environment, timeout=60)
        return self.complaints(result), mark.exists()

    def complaints(self, result):
        wrong = []
        if (result.status, result.stdout) != (self.plain.status, self.plain.stdout):
            wrong.append(f"status {result.status} instead of {self.plain.status}, stdout {result.stdout[-200:]!r}")
        lines = result.stderr.splitlines()
        if len(lines) > len(self.whole) or not all(line.startswith(b"memtrace: ") for line in lines):
            wrong.append(f"stderr {result.stderr[-300:]!r}")
        if result.litter:
            wrong.append(f"left {result.litter}")
        if not result.traces and not lines:
            wrong.append("no trace, and no line that says so")
        for trace in result.traces:
            report = self.tracer.report(trace, "--group-by=module")
            whole = self.whole.get(trace.header["flags"] & 1)
            if report["complete"] and totals_of(trace) != whole:
                wrong.append(f"said to be complete: {totals_of(trace)} instead of {whole}")
        return wrong


def check(tap, tracer, arguments, environment, every_until, is_lasting):
    faults = Faults(tracer, arguments, environment)
    name = f"{' '.join(arguments)}, {'all calls from the Nth on fail' if is_lasting else 'the Nth call fails'}"
    wrong, number, tried = [], 1, 0
    while number < N_MAX:
        complaints, has_happened = faults.run(number, is_lasting)
        wrong += [f"N = {number}: {why}" for why in complaints]
        if not has_happened:
            break
        tried += 1
        number += 1 if number < every_until or "--all" in sys.argv else 7
    tap.ok(not wrong and tried > 5, f"{name}: {tried} faults, up to N = {number}", "\n".join(wrong[:20]))


def main():
    with Tap() as tap, Tracer(Build()) as tracer:
        for arguments, environment, every_until in PROGRAMS:
            for is_lasting in (False, True):
                tap.run(check, tracer, arguments, environment, every_until, is_lasting, name=" ".join(arguments))


if __name__ == "__main__":
    main()
