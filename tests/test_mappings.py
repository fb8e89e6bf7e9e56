# SPDX-License-Identifier: BSD-2-Clause
"""test_mappings.py -- Memory that programs map themselves, against arithmetic, a model, and the kernel."""

import sys

from tap import Tap
from test_fixtures import check_lines, check_no_anomalies, check_no_others, expect, Lines
from test_who import ALLOCATORS, find_library
from traced import Build, Tracer

PAGE = 4096


def pages(alloc_count, alloc_pages, live_count=0, live_pages=0, **others):
    return expect(alloc_count, alloc_pages * PAGE, live_count, live_pages * PAGE, **others)


class Mappings:
    """One method per matter."""

    def __init__(self, build, tracer):
        self.build, self.tracer = build, tracer

    def run(self, tap, program, *arguments, **options):
        """(output as lines, parent's trace, child's trace or None)"""
        result = self.tracer.run([self.build.program(program), *arguments], **options)
        name = " ".join((program, *arguments))
        tap.equal(result.status, 0, f"{name}: status", result.stderr)
        flag = result.traces[0].layout.numbers["TRACE_FORKED"]
        traces = {bool(trace.header["flags"] & flag): trace for trace in result.traces}
        return result.stderr.decode().splitlines(), traces.get(False), traces.get(True)

    def lines(self, trace, domain="mapped"):
        return Lines(self.tracer.report(trace, "--group-by=line", f"--domain={domain}"))

    PARENT = {
        "ten": pages(1, 10, 1, 6), "pieces": pages(1, 5), "rounded": pages(1, 5, temporary_count=1),
        "file": pages(1, 1, 1, 1), "file_shared": pages(1, 1, 1, 1), "grown_from": pages(1, 2, temporary_count=1),
        "grown_to": pages(1, 20, temporary_count=1), "shrunk": pages(1, 5, temporary_count=0), "place": pages(1, 9, 1, 3),
        "moved": pages(1, 6, 1, 6), "kept": pages(1, 3, 1, 3), "twin": pages(1, 3, 1, 3), "under": pages(1, 8, 1, 6),
        "over": pages(1, 2, 1, 2), "gone": pages(1, 4), "instead": pages(1, 4, 1, 4), "unharmed": pages(1, 2, 1, 2),
        "sbrk": expect(1, 10000, 1, 6000), "brk": expect(1, 3000, 1, 2000), "handler": pages(1, 3, 1, 3),
        "growsdown": pages(1, 4, 1, 4), "hint": pages(1, 1, 1, 1), "vfork": pages(1, 5, 1, 5),
        "thread": pages(400, 400, 4, 4), "inherited": pages(1, 30, 1, 30)}

    def every_way(self, tap):
        _, parent, child = self.run(tap, "mappings")
        lines = self.lines(parent)
        check_lines(tap, lines, "mappings.c", self.PARENT, "mappings")
        check_no_others(tap, lines, "mappings.c", self.PARENT, "mappings")
        check_no_anomalies(tap, parent, "mappings")
        heap = self.lines(parent, "heap")
        check_lines(tap, heap, "mappings.c", dict.fromkeys(self.PARENT, expect(0, 0)), "mappings: not in the heap's figures")
        check_lines(tap, heap, "mappings.c", {"by_libc": expect(1, 64 << 20)}, "mappings: what libc maps is the heap's")

        lines = self.lines(child)
        expected = {"child": pages(1, 7, 1, 7), "inherited": pages(0, 0, 1, 27), "thread": pages(0, 0, 3, 3),
                    "ten": pages(0, 0, 1, 6), "place": pages(0, 0, 1, 3), "sbrk": expect(0, 0, 1, 6000), "gone": pages(0, 0)}
        check_lines(tap, lines, "mappings.c", expected, "mappings: the child")
        before = lines.special("<before own trace>")
        tap.equal({key: before[key] for key in pages(0, 0)}, pages(2, 102, 2, 101), "mappings: the child before its own trace")
        sum_of_parent = sum(figures["live_bytes"] for figures in self.PARENT.values())
        tap.equal(lines.totals["live_bytes"], sum_of_parent + (7 + 101 - 3 - 1) * PAGE, "mappings: all of the child's")

    def not_at_all(self, tap):
        """Paused, disabled, without the recorder's thread: the program sees no difference."""
        for name, environment in (("disabled", {"MEMTRACE_DISABLE": "1"}), ("no thread", {"MEMTRACE_THREAD": "0"}),
                                  ("sampled", {"MEMTRACE_SAMPLE_BYTES": "100000"}), ("depth 1", {"MEMTRACE_DEPTH": "1"})):
            result = self.tracer.run([self.build.program("mappings")], environment=environment)
            tap.equal((result.status, result.stderr), (0, b""), f"mappings, {name}: as without")
            if name == "sampled":
                flag = result.traces[0].layout.numbers["TRACE_FORKED"]
                parent = next(trace for trace in result.traces if not trace.header["flags"] & flag)
                check_lines(tap, self.lines(parent), "mappings.c", self.PARENT, "mappings are never sampled")

    def models(self, tap):
        for arguments in (("1",), ("2", "clear"), ("3", "fork"), ("4", "clear", "fork"), ("5",), ("6", "fork")):
            name = " ".join(("mapping_model", *arguments))
            output, parent, child = self.run(tap, "mapping_model", *arguments)
            tap.equal(bool(child), "fork" in arguments, f"{name}: traces")
            tap.equal([line for line in output if line.startswith("cleared")], ["cleared 1"] * ("clear" in arguments),
                      f"{name}: cleared")
            for who, trace in (("program", parent), ("child", child))[:1 + bool(child)]:
                told = [line.split()[1:] for line in output if line.startswith(who)]
                tap.equal(told[0], ["wrong:", "0"], f"{name}, {who}: the model is right", output)
                expected = {words[0]: expect(*map(int, words[1:])) for words in told[1:]}
                tap.equal(len(expected), 4, f"{name}, {who}: sites")
                lines = self.lines(trace)
                tap.equal(trace.points[-1]["mapped_bytes"]["max"], lines.totals["live_bytes"],
                          f"{name}, {who}: the same in the series")
                check_lines(tap, lines, "mapping_model.c", expected, f"{name}, {who}")
                check_no_others(tap, lines, "mapping_model.c", expected, f"{name}, {who}")
                check_no_anomalies(tap, trace, f"{name}, {who}", allowed=("before_own_trace",))

    def behind_allocators(self, tap):
        """Allocators that map memory by themselves, called from inside our hooks."""
        for allocator, names in ALLOCATORS.items():
            library = find_library(names) if names else None
            if names and not library:
                tap.ok(True, f"{allocator}: # SKIP not installed")
                continue
            behind = (library,) if library else ()
            result = self.tracer.run([self.build.program("mapping_model"), "7", "clear"], behind=behind)
            told = [line.split()[1:] for line in result.stderr.decode().splitlines() if line.startswith("program")]
            tap.equal((result.status, told[:1]), (0, [["wrong:", "0"]]), f"{allocator}: runs", result.stderr)
            expected = {words[0]: expect(*map(int, words[1:])) for words in told[1:]}
            check_lines(tap, self.lines(result.trace), "mapping_model.c", expected, allocator)
            result = self.tracer.run([self.build.program("exact_lines")], behind=behind)
            tap.equal(result.status, 0, f"{allocator}: exact_lines", result.stderr)
            tap.equal([site for site in result.trace.sites().values() if site["live_bytes"] < 0], [],
                      f"{allocator}: no site has less than nothing")


ALL = "every_way not_at_all models behind_allocators".split()


def main():
    with Tap() as tap, Tracer(Build()) as tracer:
        mappings = Mappings(tracer.build, tracer)
        for name in sys.argv[2:] or ALL:
            tap.run(getattr(mappings, name), name=name)


if __name__ == "__main__":
    main()
