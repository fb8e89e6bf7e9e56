# SPDX-License-Identifier: BSD-2-Clause
"""test_long.py -- Large amounts of everything: exact totals, and what the recorder takes for itself.

usage: test_long.py BUILD-DIRECTORY [--long] [--table=FILE] [NAME…]

Each row is a program that does one thing very often, whose lines are known to allocate so many
blocks and bytes. Held: same output and status as without the recorder, these lines exact, totals
consistent, and the recorder's own memory as small, and where it says so as flat, as the row says.
The short form is a matter of seconds, --long is 1e9 pairs, 2e7 blocks, 1e6 call sites and 1,000
modules. --table writes a Markdown table."""

import argparse
import dataclasses
import json
import pathlib
import struct
import subprocess
import threading
import time

from own_memory import own_memory
from tap import Tap
from traced import Build, Tracer, clean_environment, collect, execute, Result

MEBIBYTE = 1 << 20
# Of any recorded process: the library, tables of a first size, and one leaf of the live map or two.
BASE_BYTES = 6 * MEBIBYTE
SAMPLE_S = 0.1
LONG_S = 7200


@dataclasses.dataclass
class Row:
    """A program; numbers are what it is told in the short form and in the long one."""
    what: str
    arguments: object          # of the number, the list
    lines: object              # of the number, {tag: (blocks, bytes)} that the program allocates there
    short: int
    long: int
    bytes_each: float = 0      # the recorder's own, for each of the number
    is_flat: bool = True       # from the first fifth of the run on, the recorder takes no more
    anomalies: tuple = ()
    engine: str = ""           # of the CPU sampler, if any


def pair_bytes(pairs):
    return 64 * pairs + 21 * (pairs // 7) + sum(i % 7 for i in range(pairs // 7 * 7, pairs))


ROWS = {
    "pairs": Row("malloc and free in turn", lambda n: ["pairs", str(n), "0"], lambda n: {"pairs": (n, pair_bytes(n))},
                 2_000_000, 1_000_000_000),
    # 4 bytes for each 16 of address space, and a block of 16 bytes takes 32 of them.
    "living blocks": Row("blocks that live at once", lambda n: ["pairs", "0", str(n)], lambda n: {"living": (n, 16 * n)},
                         500_000, 20_000_000, bytes_each=8.5, is_flat=False),
    "call sites": Row("call stacks, each a different one", lambda n: ["many_sites", str(n.bit_length() - 1)],
                      lambda n: {"leaf": (n, 16 * n)}, 1 << 13, 1 << 20, bytes_each=300, is_flat=False),
    "threads in turn": Row("threads, one after the other", lambda n: ["short_threads"],
                           lambda n: {"freed_here": (n, 100 * n), "passed_on": (n, 40 * n)}, 10_000, 10_000,
                           anomalies=("threads_folded",)),
    "threads at once": Row("threads that live at once, with the smallest stacks", lambda n: ["small_stacks", str(n)],
                           lambda n: {"small": (20 * (n + 300), 9520 * (n + 300))}, 200, 2000, bytes_each=16384, is_flat=False),
    "modules": Row("libraries, loaded and kept", lambda n: ["many_modules", "{directory}/modules", str(n)], lambda n: {},
                   300, 1000, bytes_each=65536, is_flat=False),
    "recursion": Row("levels of recursion, each allocates", lambda n: ["deep_recursion"], lambda n: {"level": (n, 32 * n)},
                     100_000, 100_000, bytes_each=300, is_flat=False, anomalies=("stack_too_deep",)),
}


class Watch(threading.Thread):
    """Reads the recorder's own memory in a running process, again and again."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.samples, self.is_over = pid, [], threading.Event()
        self.start()

    def run(self):
        interval = SAMPLE_S
        while not self.is_over.wait(interval):
            start = time.monotonic()
            own = own_memory(self.pid)
            if own:
                self.samples.append((start, own))
            interval = max(SAMPLE_S, 20 * (time.monotonic() - start))

    def stop(self):
        self.is_over.set()
        self.join()
        return self.samples


class Long:
    """Runs rows, remembers what they came to."""

    def __init__(self, tap, tracer, is_long):
        self.tap, self.tracer, self.build, self.is_long = tap, tracer, tracer.build, is_long
        self.results = {}

    def make_modules(self, directory, count):
        """Copies of one library, each with another size in it."""
        image = (self.build.programs / "libmodule_of_many.so").read_bytes()
        at = image.index(b"size is here") + 12
        directory.mkdir()
        for number in range(count):
            (directory / f"{number}.so").write_bytes(image[:at] + struct.pack("<I", number + 1) + image[at + 4:])

    def run_traced(self, argv, row, directory):
        """(result, seconds, samples of own memory)"""
        traces = self.tracer.new_directory()
        environment = self.tracer.environment(traces, extra={"MEMTRACE_CPU_HZ": "99"} if row.engine else None)
        start = time.monotonic()
        process = subprocess.Popen(argv, env=clean_environment(environment), cwd=directory, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        watch = Watch(process.pid)
        stdout, stderr = process.communicate(timeout=LONG_S)
        seconds = time.monotonic() - start
        result = Result(process.returncode, stdout, stderr)
        samples = watch.stop()
        collect(result, traces)
        return result, seconds, samples

    def line_figures(self, answer, program):
        """{tag: (blocks, bytes)} of the program's tagged lines."""
        source = self.build.source / "tests" / "programs" / f"{program}.c"
        tags = {number: line.split("/* @")[1].split(" ")[0] for number, line in enumerate(source.read_text().splitlines(), 1)
                if "/* @" in line}
        figures = {}
        for item in answer["statistics"]:
            tag = tags.get(item.get("line")) if item.get("file", "").endswith(f"{program}.c") else None
            if tag:
                blocks, size = figures.get(tag, (0, 0))
                figures[tag] = (blocks + item["alloc_count"], size + item["alloc_bytes"])
        return figures

    def wrong_modules(self, trace, count):
        """Each library's one block has the size that only this library asks for."""
        answer = self.tracer.report(trace, "--group-by=module", "--system")
        sizes = {item["key"].rsplit("/", 1)[-1]: (item["alloc_count"], item["alloc_bytes"]) for item in answer["statistics"]}
        # malloc is libc's: in tracebacks the innermost frame is the library's.
        return [f"{number}.so: {sizes.get(f'{number}.so')}" for number in range(count) if sizes.get(f"{number}.so") != (1, number + 1)]

    def complaints(self, row, number, plain, traced, samples):
        wrong = [f"{name}: {getattr(traced, name)!r} instead of {getattr(plain, name)!r}" for name in ("status", "stdout", "stderr")
                 if getattr(traced, name) != getattr(plain, name)]
        trace = traced.trace
        totals, threads = trace.totals(), trace.thread_totals()
        wrong += [f"{key}: threads {threads[key]}, sites {totals[key]}" for key in threads if threads[key] != totals[key]]
        odd = {name: count for name, count in trace.anomalies.items() if count and name not in row.anomalies}
        if odd:
            wrong.append(f"anomalies {odd}")
        program = row.arguments(number)[0]
        figures = self.line_figures(self.tracer.report(trace), program)
        expected = row.lines(number)
        if {tag: figures.get(tag) for tag in expected} != expected:
            wrong.append(f"lines {figures} instead of {expected}")
        if program == "many_modules":
            wrong += self.wrong_modules(trace, number)[:5]
        return wrong + self.complaints_of_memory(row, number, samples)

    def complaints_of_memory(self, row, number, samples):
        private = [own.private_bytes for _, own in samples]
        limit = BASE_BYTES + row.bytes_each * number
        if private and max(private) > limit:
            return [f"the recorder takes {max(private)} bytes, more than {limit:.0f}"]
        settled = private[len(private) // 5:]
        if row.is_flat and len(settled) > 2 and settled[-1] - settled[0] > MEBIBYTE // 2:
            return [f"the recorder's memory grows: {private}"]
        return []

    def measure_report(self, trace):
        start = time.monotonic()
        result = execute([str(self.build.tool), "report", str(trace.path)], {"NO_COLOR": "1"}, timeout=LONG_S)
        return time.monotonic() - start, result.status

    def run(self, name, row):
        number = row.long if self.is_long else row.short
        directory = self.tracer.new_directory()
        argv = [text.replace("{directory}", str(directory)) for text in row.arguments(number)]
        argv[0] = self.build.program(argv[0])
        if name == "modules":
            self.make_modules(directory / "modules", number)
        start = time.monotonic()
        plain = execute(argv, cwd=directory, timeout=LONG_S)
        plain_s = time.monotonic() - start
        traced, traced_s, samples = self.run_traced(argv, row, directory)
        wrong = self.complaints(row, number, plain, traced, samples)
        self.tap.ok(not wrong, f"{name}: {number:,} {row.what}", "\n".join(wrong))
        report_s, status = self.measure_report(traced.trace)
        self.tap.equal(status, 0, f"{name}: reported")
        self.results[name] = (row, number, plain_s, traced_s, report_s, traced.trace.path.stat().st_blocks * 512,
                              [own for _, own in samples], not wrong)
        self.tap.note(f"{name}: plain {plain_s:.1f} s, recorded {traced_s:.1f} s, report {report_s:.2f} s, trace "
                      f"{self.results[name][5]} bytes, own memory {[own.private_bytes >> 10 for _, own in samples][-1:]} KiB")

    def write_table(self, path):
        lines = ["| how many | of what | totals | alone | recorded | report | trace | the recorder's own memory |", "|---|---|---|---|---|---|---|---|"]
        for row, number, plain_s, traced_s, report_s, size, owns, is_good in self.results.values():
            most = max((own.private_bytes for own in owns), default=0)
            settled = [own.private_bytes for own in owns][len(owns) // 5:]
            flat = f", {(settled[-1] - settled[0]) / 1024:+.0f} KiB from a fifth of the run to its end" if row.is_flat and len(settled) > 2 else ""
            lines.append(f"| {number:,} | {row.what} | {'exact' if is_good else 'wrong'} | {plain_s:.1f} s | {traced_s:.1f} s | {report_s:.1f} s "
                         f"| {size / MEBIBYTE:.1f} MiB | {most / MEBIBYTE:.1f} MiB{flat} |")
        path.write_text("\n".join(lines) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build")
    parser.add_argument("names", nargs="*")
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--table", type=pathlib.Path)
    options = parser.parse_intermixed_args()
    with Tap() as tap, Tracer(Build()) as tracer:
        long = Long(tap, tracer, options.long)
        for name, row in ROWS.items():
            if not options.names or name in options.names:
                tap.run(lambda _, name=name, row=row: long.run(name, row), name=name)
        if options.table:
            long.write_table(options.table)


if __name__ == "__main__":
    main()
