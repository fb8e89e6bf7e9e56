# SPDX-License-Identifier: BSD-2-Clause
"""test_times.py -- Where time went: memtrace report --cpu and --wall, on samples that are known one by one.

Each sample is a list of lines, outermost first; what every function and line has to have follows
from these lists by counting here. Python's own pstats prints the same profile for comparison."""

import collections
import io
import json
import marshal
import math
import os
import pathlib
import pstats
import re
import subprocess

from made_trace import MadeTrace
from pprof_file import PprofFile
from tap import Tap
from test_fixtures import tags
from traced import Build, Tracer, execute

SOURCE = pathlib.Path(__file__).resolve().parent / "programs" / "time_places.c"
MS = 1_000_000

# The lines of each sample's stack by tag, outermost first, and how many there are of it.
STACKS = {
    ("leaf_of_main", "inlined_first"): 100,
    ("leaf_of_main", "inlined_second"): 200,
    ("leaf_of_main", "leaf_own"): 50,
    ("recurse_of_main", "recursive_call", "recursive_call", "leaf_of_recurse", "inlined_second"): 300,
    ("recurse_of_main", "recursive_call", "recursive_call", "recurse_own"): 40,
    ("recurse_of_main", "recursive_call", "recurse_own"): 30,
    ("recurse_of_main", "recurse_own"): 20,
    ("main_own",): 10,
}
FUNCTIONS = {"leaf_of_main": "main", "recurse_of_main": "main", "main_own": "main", "recursive_call": "recurse",
             "leaf_of_recurse": "recurse", "recurse_own": "recurse", "inlined_first": "leaf", "inlined_second": "leaf",
             "leaf_own": "leaf", "inlinee": "loop"}
TOTAL = sum(STACKS.values())


def expand(stack):
    """The inlined call is a frame of its own."""
    return stack + ("inlinee",) if stack[-1].startswith("inlined") else stack


def count(key, stacks=None):
    """({key: own samples}, {key: samples that it is on, each once})"""
    own, all_of = collections.Counter(), collections.Counter()
    for stack, number in (stacks or STACKS).items():
        keys = [key(tag) for tag in expand(stack)]
        own[keys[-1]] += number
        for name in set(keys):
            all_of[name] += number
    return own, all_of


def function_lines():
    """Where each function begins."""
    lines = {}
    for number, line in enumerate(SOURCE.read_text().splitlines(), 1):
        match = re.match(r"(?:static .*void|int) (\w+)\(", line)
        if match:
            lines[match.group(1)] = number
    return lines


class Times:
    """The tool on made traces in a directory of its own."""

    def __init__(self, tap, tracer):
        self.tap, self.build = tap, tracer.build
        self.directory = tracer.new_directory()
        self.program = tracer.build.program("time_places")
        output = execute([self.program]).stdout.decode()
        self.places = {name: int(offset, 0) - 1 for name, offset in map(str.split, output.splitlines())}
        self.lines = {tag: line for (file, tag), line in tags().items() if file == SOURCE.name}

    def made(self, stacks=None, domain="DOMAIN_CPU", made=None, period_ns=MS, thread=1):
        made = made or MadeTrace(program="./time_places")
        module = made.module(self.program)
        for stack, number in (stacks or STACKS).items():
            node = 0
            for tag in stack[:-1]:
                node = made.node(node, module, self.places[tag])
            made.samples(made.exact_node(node, module, self.places[stack[-1]]), number, period_ns, domain=domain, thread=thread)
        return made

    def write(self, made, name="made.memtrace"):
        return made.write(self.directory / name)

    def tool(self, *arguments, status=0):
        result = execute([str(self.build.tool), *map(str, arguments)], {"NO_COLOR": "1"}, cwd=self.directory)
        if result.status != status:
            raise AssertionError(f"{arguments}: status {result.status}: {result.stderr!r}")
        return result.stdout.decode()

    def json(self, *arguments):
        return json.loads(self.tool(*arguments, "--json"))

    # ---- functions ----

    def functions(self):
        """Own time and that of callees, recursion and inlined calls included, and where functions begin."""
        self.write(self.made())
        report = self.json("report", "--cpu", "made.memtrace")
        own, all_of = count(FUNCTIONS.get)
        got = {item["function"]: item for item in report["statistics"]}
        self.tap.equal({name: item["self_ns"] for name, item in got.items()}, {name: own[name] * MS for name in all_of}, "own times")
        self.tap.equal({name: item["total_ns"] for name, item in got.items()}, {name: all_of[name] * MS for name in all_of},
                       "times with callees")
        self.tap.equal({name: item["function_line"] for name, item in got.items()},
                       {name: line for name, line in function_lines().items() if name in all_of}, "where functions begin")
        self.tap.equal(sum(item["self_ns"] for item in report["statistics"]), TOTAL * MS, "own times add up to what was sampled")
        self.tap.equal((report["cpu"]["samples"], report["cpu"]["sampled_ns"]), (TOTAL, TOTAL * MS), "the whole")
        leaf = got["leaf"]
        share = all_of["leaf"] / TOTAL
        self.tap.ok(abs(leaf["total_error_ns"] - TOTAL * MS * math.sqrt(share * (1 - share) / TOTAL)) <= 1, "the standard error", leaf)

    def groups(self):
        self.write(self.made())
        own, all_of = count(FUNCTIONS.get)
        for group, number in (("file", 1), ("module", 1), ("thread", 1), ("line", 10)):
            items = self.json("report", "--cpu", "-g", group, "made.memtrace")["statistics"]
            self.tap.equal((len(items), sum(item["self_ns"] for item in items)), (number, TOTAL * MS), f"by {group}")
        kept = self.json("report", "--cpu", "--filter=function:recurse", "made.memtrace")["statistics"]
        self.tap.equal({item["function"]: item["self_samples"] for item in kept}, {"recurse": own["recurse"], "main": 0},
                       "filters look at the innermost frame")
        self.tap.ok(all_of["main"] == TOTAL, "everything is main's")

    def as_pstats(self, directory):
        """The same profile as Python would have it; calls are samples."""
        own, all_of = count(FUNCTIONS.get)
        lines = function_lines()

        def key(name):
            return os.path.relpath(SOURCE, directory) if SOURCE.is_relative_to(directory) else str(SOURCE), lines[name], name

        calls = collections.defaultdict(lambda: [0, 0])
        for stack, number in STACKS.items():
            names = [FUNCTIONS[tag] for tag in expand(stack)]
            for pair in set(zip(names, names[1:])):
                calls[pair][1] += number
            if len(names) > 1:
                calls[tuple(names[-2:])][0] += number
        stats = {key(name): (all_of[name], all_of[name], own[name] / 1e3, all_of[name] / 1e3,
                             {key(caller): (number[1], number[1], number[0] / 1e3, number[1] / 1e3)
                              for (caller, callee), number in calls.items() if callee == name})
                 for name in all_of}
        path = self.directory / "made.pstats"
        path.write_bytes(marshal.dumps(stats))
        return path

    def like_pstats(self):
        """Rows, their order, what restrictions leave and say: to the letter, but for the columns that are not known of samples."""
        self.write(self.made())
        path = self.as_pstats(self.directory.resolve())
        for keys, restrictions in ((("tottime",), ()), (("cumulative",), (3,)), (("time", "name"), ("leaf|rec",)),
                                   (("name",), (.5,)), (("nfl",), ("o", 2)), (("stdname",), (100,)), (("line",), (.75, 1))):
            text = io.StringIO()
            pstats.Stats(str(path), stream=text).sort_stats(*keys).print_stats(*restrictions)
            expected = text.getvalue().splitlines()
            options = [f"--restrict={restriction}" for restriction in restrictions]
            got = self.tool("report", "--cpu", "-n0", "--sort", ",".join(keys), *options, "made.memtrace").splitlines()
            name = f"sort {keys}, restrict {restrictions}"
            said = [line for line in expected if re.match(r"   (Ordered|List)", line)]
            self.tap.equal([line for line in got if re.match(r"   (Ordered|List)", line)], said, f"pstats, {name}: what is said")
            self.tap.equal(self.rows(got, (1, 3)), self.rows(expected, (1, 3)), f"pstats, {name}: rows")
            self.tap.equal(got[-1].count("seconds") or any(re.match(f" {{9}}{TOTAL} samples in {TOTAL / 1e3:.3f} seconds$", line)
                                                           for line in got), True, f"pstats, {name}: the total")

    def pstats_columns(self):
        """Every column that pstats has, and where it has it: our table beside Python's print of the exported profile."""
        self.write(self.made())
        path = self.export("pstats")
        for key in ("tottime", "cumulative", "name"):
            text = io.StringIO()
            pstats.Stats(str(path), stream=text).sort_stats(key, "name").print_stats()
            expected = text.getvalue().splitlines()
            got = self.tool("report", "--cpu", "-n0", "--sort", f"{key},name", "made.memtrace").splitlines()
            starts = [next(i for i, line in enumerate(lines) if line.endswith(" filename:lineno(function)")) for lines in (got, expected)]
            ours, theirs = ([lines[start], *(line for line in lines[start + 1:] if re.match(r" *\d", line))]
                            for lines, start in zip((got, expected), starts))
            self.tap.equal(ours[0].replace("samples", " ncalls").replace("percent", "percall"), theirs[0], f"pstats, {key}: the heading")
            cut = [[line[9:18] + line[27:36] + line[45:] for line in lines[1:]] for lines in (ours, theirs)]
            self.tap.equal(cut[0], cut[1], f"pstats, {key}: tottime, cumtime and name")
            self.tap.ok(len(cut[0]) == 4 and all(len(line[18:27].strip()) >= 3 and len(line[36:45].strip()) >= 3 for line in ours[1:]),
                        f"pstats, {key}: percentages stand where it has times per call", ours)

    def kernprof_columns(self):
        """A line table without the columns that kernprof 4.0.2 does not have is one of its."""
        self.write(self.made())
        text = self.tool("report", "--cpu", "--lines", "leaf", "made.memtrace").splitlines()
        start = next(i for i, line in enumerate(text) if line.startswith("Line #"))
        ours = [(line[:29] + line[42:60] + line[73:]).rstrip() for line in text[start:] if line]
        template, first = "%6s %9s %12s %8s %8s  %-s", function_lines()["leaf"]
        lines = SOURCE.read_text().splitlines()
        last = next(number for number in range(first, len(lines)) if lines[number - 1] == "}")
        hits = {line: number for (name, line), number in count(lambda tag: (FUNCTIONS[tag], self.lines[tag]))[1].items() if name == "leaf"}
        total = sum(hits.values())
        header = template % ("Line #", "Hits", "Time", "Per Hit", "% Time", "Line Contents")
        expected = [header]
        for number in range(first, last + 1):
            cells = ("", "", "", "")
            if number in hits:
                time = hits[number] * 1e3
                cells = ("%d" % hits[number], "%5.1f" % time, "%5.1f" % (time / hits[number]), "%5.1f" % (100 * hits[number] / total))
            expected.append((template % (number, *cells, lines[number - 1])).rstrip())
        self.tap.equal([ours[0], *ours[2:]], expected, "kernprof: header and lines")
        self.tap.equal(text[start + 1], "=" * len(text[start]), "kernprof: its rule")
        above = [line.split(":")[0] for line in text[:start] if re.match("Total time|File|Function", line)]
        self.tap.equal(above, ["Total time", "File", "Function"], "kernprof: what is above")

    @staticmethod
    def rows(lines, columns):
        """[(first number, …, name)] of the table's rows."""
        found = []
        for line in lines:
            match = re.match(r"\s*(\d+)((?:\s+\d+\.\d+)+) (\S.*)$", line)
            if match and not line.startswith(" " * 9):
                numbers = match.group(2).split()
                # With percall, or percent: the times are the first and the third.
                found.append((match.group(1), numbers[columns[0] - 1], numbers[columns[1] - 1], match.group(3)))
        return found

    def callers(self):
        """As pstats prints them, with the line of each call; a function's callers by line add up to its time."""
        self.write(self.made())
        path = self.as_pstats(self.directory.resolve())
        for option, method in (("--callers", "print_callers"), ("--callees", "print_callees")):
            text = io.StringIO()
            getattr(pstats.Stats(str(path), stream=text).sort_stats("tottime"), method)("loop|leaf|main|recurse")
            expected = self.parties(text.getvalue())
            got = self.parties(self.tool("report", "--cpu", option, "loop|leaf|main|recurse", "made.memtrace"))
            # What pstats has of a pair of functions is the sum over the lines of its calls, unless a stack holds several of these.
            sums = {}
            for (function, other), rows in got.items():
                sums[function, other] = [sum(row[i] for row in rows) for i in range(3)]
            self.tap.equal({pair: [round(number, 3) for number in numbers] for pair, numbers in sums.items()},
                           {pair: [round(number, 3) for number in rows[0][:3]] for pair, rows in expected.items()},
                           f"{option}: as pstats")
            lines = {row[3] for rows in got.values() for row in rows}
            self.tap.equal(lines, {self.lines[tag] for tag in ("leaf_of_main", "recurse_of_main", "recursive_call", "leaf_of_recurse",
                                                               "inlined_first", "inlined_second")}, f"{option}: lines of the calls")

    @staticmethod
    def parties(text):
        """{(function, other): [(count, tottime, cumtime, line)]}"""
        found, function = collections.defaultdict(list), None
        for line in text.splitlines():
            match = re.match(r"(?:(\S.*?) +(?:<-|->))? +(\d+) +([\d.]+) +([\d.]+) +(\S+)(?: line (\d+))?$", line)
            if match:
                function = match.group(1) or function
                found[function, match.group(5)].append((int(match.group(2)), float(match.group(3)), float(match.group(4)),
                                                        int(match.group(6) or 0)))
        return found

    # ---- lines ----

    def table(self, *arguments):
        """{(function, line): cells by heading} of the line tables, and the text."""
        text = self.tool("report", *arguments)
        found, function, spans = {}, None, []
        for line in text.splitlines():
            if line.startswith("Function: "):
                function = line.split()[1]
            elif line.startswith("Line #"):
                ends = [match.end() for match in re.finditer(r"Line #|Per Hit|% Time|Off CPU|At peak|\S+", line.split("  Line Contents")[0])]
                spans = list(zip([0, *ends], ends))
                names = [line[first:last].strip() for first, last in spans]
            elif re.match(r" *\d+ ", line + " ") and spans:
                cells = dict(zip(names, (line[first:last].strip() for first, last in spans)))
                if cells["Hits"] or cells.get("Allocs"):
                    found[function, int(cells["Line #"])] = cells
        return found, text

    def line_table(self):
        """Every line once per sample, inlined calls at the call and in the inlined function, in the units asked for."""
        self.write(self.made())
        own, all_of = count(lambda tag: (FUNCTIONS[tag], self.lines[tag]))
        functions = count(FUNCTIONS.get)[1]
        for options, unit_ns, unit in (((), 1e3, "1e-06"), (("-u", "1e-3"), 1e6, "0.001"), (("--unit=1",), 1e9, "1")):
            cells, text = self.table("--cpu", "--lines", *options, "made.memtrace")
            self.tap.equal({key: int(cell["Hits"]) for key, cell in cells.items()}, dict(all_of), f"unit {unit}: hits")
            self.tap.equal({key: cell["Time"] for key, cell in cells.items()},
                           {key: f"{number * MS / unit_ns:.1f}" for key, number in all_of.items()}, f"unit {unit}: times")
            self.tap.equal({key: cell["Self"] for key, cell in cells.items()},
                           {key: f"{own[key] * MS / unit_ns:.1f}" for key in all_of}, f"unit {unit}: own times")
            self.tap.equal({cell["Per Hit"] for cell in cells.values()}, {f"{MS / unit_ns:.1f}"}, f"unit {unit}: per hit")
            self.tap.equal({key: cell["% Time"] for key, cell in cells.items()},
                           {key: f"{100 * number / functions[key[0]]:.1f}" for key, number in all_of.items()}, f"unit {unit}: % time")
            self.tap.ok(all(float(cell["% Time"]) <= 100 for cell in cells.values()), f"unit {unit}: recursion is never above 100 %")
            self.tap.ok(f"Timer unit: {unit} s\n" in text, f"unit {unit}: is said", text)
        self.tap.equal({key: cell["±"] for key, cell in cells.items()},
                       {key: self.number(TOTAL * math.sqrt(number / TOTAL * (1 - number / TOTAL) / TOTAL) / 1e3)
                        for key, number in all_of.items()}, "standard errors")
        totals = dict(re.findall(r"Total time: ([\d.]+) s.*\nFile: .*\nFunction: (\w+) at line \d+\n", text))
        self.tap.equal({name: float(time) for time, name in totals.items()},
                       {name: number / 1e3 for name, number in functions.items() if name in totals.values()}, "total time per function")
        self.tap.equal(sum(float(cell["Self"]) * 1e3 for cell in self.table("--cpu", "--lines", "-u1", "made.memtrace")[0].values()) > 0,
                       True, "own times are there")

    @staticmethod
    def number(value):
        return f"{value:5.1f}".strip()

    def line_choice(self):
        """One function, a file, without zero lines; kernprof's columns stand where kernprof has them."""
        self.write(self.made())
        every = self.table("--cpu", "--lines", "made.memtrace")[0]
        leaf, text = self.table("--cpu", "--lines", "leaf", "made.memtrace")
        self.tap.equal(leaf, {key: cell for key, cell in every.items() if key[0] == "leaf"}, "one function")
        self.tap.equal(self.table("--cpu", "--lines=time_places.c", "made.memtrace")[0], every, "a file")
        source = SOURCE.read_text().splitlines()
        first = function_lines()["leaf"]
        shown = re.findall(r"^ *(\d+)", text.split("=\n")[-1], flags=re.M)
        last = next(number for number in range(first, len(source)) if source[number - 1] == "}")
        self.tap.equal([int(number) for number in shown], list(range(first, last + 1)), "all of the function")
        brief = self.tool("report", "--cpu", "--lines", "leaf", "-z", "made.memtrace")
        self.tap.equal([int(number) for number in re.findall(r"^ *(\d+)", brief.split("=\n")[-1], flags=re.M)],
                       sorted(line for name, line in every if name == "leaf"), "--skip-zero: lines with samples alone")
        for line in brief.split("=\n")[-1].splitlines():
            kernprof = f"{int(line[:6]):6} {int(line[7:16]):9} {float(line[17:29]):12.1f}"
            self.tap.equal(line[:29], kernprof, "kernprof's first columns")
            self.tap.ok(line.endswith("  " + source[int(line[:6]) - 1]), "and its last one", line)
        self.tap.equal(execute([str(self.build.tool), "report", "--cpu", "--lines", "nobody", "made.memtrace"],
                               cwd=self.directory).status, 1, "a function without samples")

    def with_heap(self):
        """Allocations of the same trace beside it."""
        made = self.made()
        module = made.module(self.program)
        caller = made.node(0, module, self.places["leaf_of_main"])
        made.counters(made.node(caller, module, self.places["leaf_own"]), 5, 5000, 2, 2000, peak_bytes=4000, peak_count=4, peak_epoch=7)
        made.counters(made.node(0, module, self.places["main_own"]), 1, 10, 1, 10)
        self.write(made)
        cells, _ = self.table("--cpu", "--lines", "made.memtrace")
        beside = {key: (cell["Allocs"], cell["Allocated"], cell["At peak"], cell["Live"]) for key, cell in cells.items() if cell["Allocs"]}
        self.tap.equal(beside, {("leaf", self.lines["leaf_own"]): ("5", "5000 B", "4000 B", "3000 B"),
                                ("main", self.lines["main_own"]): ("1", "10 B", "0 B", "0 B")}, "the heap beside it")
        self.tap.equal({key: cell["Hits"] for key, cell in cells.items() if cell["Hits"]},
                       {key: str(number) for key, number in count(lambda tag: (FUNCTIONS[tag], self.lines[tag]))[1].items()},
                       "the samples are the same")
        heap = self.json("report", "made.memtrace")["totals"]
        self.tap.equal((heap["alloc_count"], heap["alloc_bytes"], heap["live_bytes"]), (6, 5010, 3000), "and the heap's report")

    # ---- wall-clock time ----

    def wall(self):
        made = self.made({("leaf_of_main", "leaf_own"): 40})
        self.made({("leaf_of_main", "leaf_own"): 15, ("main_own",): 45}, "DOMAIN_OFF_CPU", made)
        made.sampler(samples=60, cpu_ns=110 * MS, on_cpu_ns=41 * MS, sampled_ns=60 * MS, exited_ns=6 * MS, lost_ns=2 * MS, threads_seen=4,
                     own_ns=3 * MS, domain="DOMAIN_OFF_CPU")
        self.write(made)
        report = self.json("report", "--wall", "made.memtrace")
        got = {item["function"]: (item["self_ns"], item["self_off_cpu_ns"], item["total_ns"], item["total_off_cpu_ns"])
               for item in report["statistics"]}
        self.tap.equal(got, {"leaf": (55 * MS, 15 * MS, 55 * MS, 15 * MS), "main": (45 * MS, 45 * MS, 100 * MS, 60 * MS)}, "on and off")
        self.tap.equal((report["wall"]["sampled_ns"], report["wall"]["off_cpu_ns"]), (100 * MS, 60 * MS), "the whole")
        text = self.tool("report", "--wall", "made.memtrace")
        self.tap.ok(re.search(r"^ +55 +0\.055 +0\.040 +0\.015 +0\.055 +0\.040 +0\.015 .*\(leaf\)$", text, flags=re.M), "in columns", text)
        self.tap.ok("  time     0.110 s of 4 threads = on the CPU 0.041 s (37.3 %) + off it 0.060 s (54.5 %) + 0.006 s off it, not known where"
                    " + 0.002 s where stacks could not be seen + 0.001 s unexplained\n" in text, "and the account", text)
        self.tap.equal(self.json("report", "--cpu", "made.memtrace")["cpu"]["samples"], 40, "CPU time alone")

    # ---- the budget ----

    def budget(self):
        made = self.made()
        made.sampler(samples=TOTAL, cpu_ns=800 * MS, sampled_ns=TOTAL * MS, exited_ns=10 * MS, kernel_ns=15 * MS, overrun_ns=2 * MS,
                     lost_ns=3 * MS, lost_count=3, threads_seen=4, threads_invisible=1, truncated_count=7, own_ns=8 * MS)
        self.write(made)
        cpu = self.json("report", "--cpu", "made.memtrace")["cpu"]
        parts = sum(cpu[name] for name in ("sampled_ns", "overrun_ns", "exited_ns", "kernel_ns", "lost_ns", "unexplained_ns"))
        self.tap.equal((parts, cpu["unexplained_ns"]), (800 * MS, 20 * MS), "the entries add up to the CPU time", cpu)
        self.tap.equal((cpu["engine"], cpu["lost_samples"], cpu["invisible_threads"]), ("perf-ring", 3, 1), "and how it was sampled")
        text = self.tool("report", "--cpu", "made.memtrace")
        for words in ("0.800 s = sampled 0.750 s (93.8 %) + 0.002 s overrun + 0.010 s after threads' last samples + "
                      "0.015 s in the kernel, not to be sampled + 0.003 s lost + 0.020 s unexplained", "perf-ring, 1000 Hz",
                      "3 samples were lost", "7 stacks were cut", "1 threads could not be sampled"):
            self.tap.ok(words in text, f"says: {words[:30]}", text)

    # ---- several traces ----

    def merged(self):
        """Figures add up, of time and of the heap, as pstats' add."""
        first, second = self.made(), self.made({("leaf_of_main", "leaf_own"): 11}, period_ns=2 * MS)
        for made, blocks in ((first, 3), (second, 4)):
            node = made.node(0, 1, self.places["main_own"])
            made.counters(node, blocks, blocks * 100, 1, 100, peak_bytes=blocks * 50, peak_count=blocks, peak_epoch=7)
            made.sampler(samples=1, cpu_ns=1000 * MS, sampled_ns=900 * MS)
        self.write(first, "a.memtrace"), self.write(second, "b.memtrace")
        names = ("a.memtrace", "b.memtrace", "a.memtrace")
        alone = [{item["key"]: item for item in self.json("report", "--cpu", name)["statistics"]} for name in names]
        merged = self.json("report", "--cpu", *names)
        for field in ("samples", "self_ns", "total_ns"):
            self.tap.equal({item["key"]: item[field] for item in merged["statistics"]},
                           {key: sum(part.get(key, {}).get(field, 0) for part in alone) for key in set().union(*alone)}, f"sums of {field}")
        self.tap.equal(merged["cpu"]["cpu_time_ns"], 3000 * MS, "and of CPU time")
        heap = self.json("report", *names)["totals"]
        self.tap.equal([heap[key] for key in ("alloc_count", "alloc_bytes", "live_bytes", "peak_bytes")], [10, 1000, 700, 500], "of the heap")
        lines = self.json("report", *names)["statistics"]
        self.tap.equal([(item["line"], item["live_count"]) for item in lines], [(self.lines["main_own"], 7)], "by line")
        self.tap.ok("3 traces of 5 min 0 s together" in self.tool("report", "--cpu", *names), "and says so")
        self.tap.equal(execute([str(self.build.tool), "report", "--cpu", "a.memtrace", "b.memtrace@1"], cwd=self.directory).status, 1,
                       "moments do not add up")

    # ---- for other tools ----

    def export(self, form, *options):
        path = self.directory / ("made." + form)
        self.tool("export", "--cpu", f"--format={form}", *options, "-o", path, "made.memtrace")
        return path

    def exports(self):
        """Each format has the samples, in the client's own units."""
        self.write(self.made())
        own, all_of = count(FUNCTIONS.get)
        stats = pstats.Stats(str(self.export("pstats"))).stats
        self.tap.equal({key[1:]: (value[1], round(value[2] * 1e9), round(value[3] * 1e9)) for key, value in stats.items()},
                       {(function_lines()[name], name): (own[name], own[name] * MS, all_of[name] * MS) for name in all_of}, "pstats")
        profile = PprofFile(self.export("pprof").read_bytes())
        sums, by_leaf = [0, 0], collections.Counter()
        for stack, values in profile.samples:
            sums = [sums[i] + values[i] for i in range(2)]
            by_leaf[stack[-1][0]] += values[1]
        self.tap.equal((sums, {name: time for name, time in by_leaf.items() if time}),
                       ([TOTAL, TOTAL * MS], {name: number * MS for name, number in own.items()}), "pprof: samples and nanoseconds")
        self.tap.equal((profile.types, profile.default_type), ([("samples", "count"), ("cpu", "nanoseconds")], "cpu"), "pprof: their names")
        for options, unit in (((), MS), (("-m", "count"), 1)):
            folded = collections.Counter()
            for line in self.export("folded", "-g", "function", *options).read_text().splitlines():
                stack, number = line.rsplit(" ", 1)
                folded[tuple(stack.split(";"))] += int(number)
            expected = collections.Counter()
            for stack, number in STACKS.items():
                expected[tuple(FUNCTIONS[tag] for tag in expand(stack))] += number * unit
            self.tap.equal(dict(folded), dict(expected), f"folded {options}")
        scope = json.loads(self.export("speedscope").read_text())
        self.tap.equal([(part["unit"], part["endValue"]) for part in scope["profiles"]], [("nanoseconds", TOTAL * MS), ("none", TOTAL)],
                       "speedscope")
        grind = self.export("callgrind").read_text()
        self.tap.ok(f"\nevents: Cpu_ns Samples\nsummary: {TOTAL * MS} {TOTAL}\n" in grind, "callgrind", grind[:400])
        periods = re.findall(r"^\S+ \d+/\d+ [\d.]+: (\d+) cpu-clock: $", self.export("perf").read_text(), flags=re.M)
        self.tap.equal((len(periods), sum(map(int, periods))), (len(STACKS), TOTAL * MS), "perf script")
        fox = json.loads(self.export("firefox").read_text())
        self.tap.equal([(part["samples"]["weightType"], sum(part["samples"]["weight"])) for part in fox["threads"]], [("samples", TOTAL)],
                       "firefox")
        self.tap.ok("0.75 s 100.00%" in self.export("dot").read_text(), "dot", self.export("dot").read_text())
        self.tool("export", "--cpu", "--format=massif", "made.memtrace", status=2)
        self.tool("export", "--cpu", "--format=folded", "-m", "live", "made.memtrace", status=2)
        self.tool("export", "--wall", "--format=folded", "made.memtrace", status=1)

    # ---- two traces ----

    def diff(self):
        """Counts of samples are Poisson's: what they can tell, and what not."""
        old = {("leaf_of_main", "leaf_own"): 1000, ("main_own",): 100, ("recurse_of_main", "recurse_own"): 100}
        new = {("leaf_of_main", "leaf_own"): 1300, ("main_own",): 110, ("recurse_of_main", "recurse_own"): 132}
        self.write(self.made(old), "old.memtrace"), self.write(self.made(new), "new.memtrace")
        report = self.json("diff", "--cpu", "old.memtrace", "new.memtrace")
        got = {item["function"]: item for item in report["statistics"]}
        for name, before, after, verdict in (("leaf", 1000, 1300, "slower"), ("main", 100, 110, "no telling"),
                                             ("recurse", 100, 132, "perhaps")):
            z_score = (after - before) / math.sqrt(before + after)
            item = got[name]
            self.tap.equal((item["old_ns"], item["new_ns"], item["change_ns"], item["verdict"]),
                           (before * MS, after * MS, (after - before) * MS, verdict), f"diff: {name}")
            self.tap.ok(abs(float(item["z_score"]) - z_score) < 1e-3 and abs(item["error_ns"] - math.sqrt(before + after) * MS) < 2 and
                        abs(float(item["chance"]) / math.erfc(z_score / math.sqrt(2)) - 1) < .01, f"diff: {name}: how sure", item)
        self.tap.equal((report["totals"]["change_ns"], report["totals"]["verdict"]), (342 * MS, "slower"), "diff: all")
        back = self.json("diff", "--cpu", "new.memtrace", "old.memtrace")
        self.tap.equal([item["verdict"] for item in back["statistics"]], ["faster", "perhaps", "no telling"], "diff: the other way round")
        same = self.json("diff", "--cpu", "old.memtrace", "old.memtrace")
        self.tap.equal({item["change_ns"] for item in same["statistics"]}, {0}, "diff: of a trace with itself")
        whole = self.json("diff", "--cpu", "--cumulative", "old.memtrace", "new.memtrace")
        self.tap.equal({item["function"]: item["change_ns"] for item in whole["statistics"]},
                       {"main": 342 * MS, "leaf": 300 * MS, "recurse": 32 * MS}, "diff: with callees")
        lines = self.json("diff", "--cpu", "-g", "line", "old.memtrace", "new.memtrace")
        self.tap.equal({item["line"]: item["change_ns"] for item in lines["statistics"]},
                       {self.lines["leaf_own"]: 300 * MS, self.lines["main_own"]: 10 * MS, self.lines["recurse_own"]: 32 * MS}, "diff: lines")
        text = self.tool("diff", "--cpu", "old.memtrace", "new.memtrace")
        self.tap.ok(re.search(r"^    1\.000    1\.300   \+0\.300    0\.048    \+6\.3  slower     .*\(leaf\)$", text, flags=re.M) and
                    "  1 slower, 0 faster, 1 perhaps, 1 where the samples cannot tell\n" in text, "diff: in columns", text)
        heap = MadeTrace()
        heap.counters(heap.node(0, heap.module("/nonexistent/demo"), 0x10), 1, 1)
        self.write(heap, "heap.memtrace")
        self.tool("diff", "--cpu", "heap.memtrace", "new.memtrace", status=1)
        self.tool("diff", "--cpu", "-s", "peak", "old.memtrace", "new.memtrace", status=2)

    def gate(self):
        """--fail-above: a change that the samples can tell, and of more than that; in all or in one place."""
        old = {("leaf_of_main", "leaf_own"): 1000, ("main_own",): 100, ("recurse_of_main", "recurse_own"): 100}
        new = {("leaf_of_main", "leaf_own"): 1300, ("main_own",): 110, ("recurse_of_main", "recurse_own"): 132}
        even = {("leaf_of_main", "leaf_own"): 1300, ("main_own",): 100}
        for name, stacks in (("old", old), ("new", new), ("even", even)):
            self.write(self.made(stacks), name + ".memtrace")
        for limit, status, because in (("299ms", 1, ["leaf"]), ("300ms", 1, []), ("0.342s", 0, []), ("24.9%", 1, ["leaf"]), ("25%", 1, []),
                                       ("28.5%", 0, []), ("0", 2, None), ("1M", 2, None), ("5 ms", 1, ["leaf"]), ("0%", 1, ["leaf"])):
            arguments = ("diff", "--cpu", f"--fail-above={limit}", "old.memtrace", "new.memtrace")
            result = execute([str(self.build.tool), *arguments], {"NO_COLOR": "1"}, cwd=self.directory)
            self.tap.equal(result.status, status, f"gate: {limit}", result.stderr)
            if status == 2:
                continue
            self.tap.equal("became slower by more than" in result.stderr.decode(), status == 1, f"gate: {limit}: says so", result.stderr)
            fail = json.loads(self.tool(*arguments, "--json", status=status))["fail_above"]
            self.tap.equal((fail["failed"], [key.split("(")[-1].rstrip(")") for key in fail["because"]], fail["whole_failed"]),
                           (status == 1, because, status == 1), f"gate: {limit}: because")
        # What one line gains another one may lose: it fails all the same.
        text = execute([str(self.build.tool), "diff", "--cpu", "--fail-above=20%", "old.memtrace", "even.memtrace"], cwd=self.directory)
        self.tap.ok(text.status == 1 and b"(leaf): +0.300 s \xc2\xb1 0.048, from 1.000 to 1.300 s\n" in text.stderr and b" all:" not in text.stderr,
                    "gate: one line by itself", text.stderr)
        self.tool("diff", "--cpu", "--fail-above=0%", "new.memtrace", "old.memtrace")
        self.tool("diff", "--cpu", "--fail-above=0%", "old.memtrace", "old.memtrace")
        off = self.made({("main_own",): 500}, "DOMAIN_OFF_CPU", self.made(old))
        self.write(off, "waits.memtrace")
        self.write(self.made({("main_own",): 10}, "DOMAIN_OFF_CPU", self.made(old)), "waited.memtrace")
        self.tool("diff", "--wall", "--fail-above=400ms", "waited.memtrace", "waits.memtrace", status=1)
        self.tool("diff", "--wall", "--fail-above=600ms", "waited.memtrace", "waits.memtrace")
        self.tool("diff", "--cpu", "--fail-above=1ms", "waited.memtrace", "waits.memtrace")
        self.tool("diff", "--wall", "waits.memtrace", status=1)

    # ---- code without names ----

    def stripped(self):
        """Functions of a stripped file are told apart by its unwind information, in every view by function."""
        program, names = self.directory / "bare", {}
        subprocess.run(["strip", "-s", "-o", str(program), self.program], check=True)
        for line in subprocess.run(["nm", self.program], stdout=subprocess.PIPE, check=True).stdout.decode().splitlines():
            words = line.split()
            if len(words) == 3:
                names[words[2]] = int(words[0], 16)
        made = MadeTrace(program="./bare")
        module = made.module(str(program))
        for stack, number in STACKS.items():
            node = 0
            for tag in stack[:-1]:
                node = made.node(node, module, self.places[tag])
            leaf = made.exact_node(node, module, self.places[stack[-1]])
            made.samples(leaf, number)
            made.counters(leaf, number, number * 8)
        self.write(made)
        key = lambda tag: f"bare+{names[FUNCTIONS[tag]]:#x}"
        own, all_of = collections.Counter(), collections.Counter()
        for stack, number in STACKS.items():
            own[key(stack[-1])] += number
            for name in {key(tag) for tag in stack}:
                all_of[name] += number
        items = self.json("report", "--cpu", "made.memtrace")["statistics"]
        got = {item["key"].strip("{}"): (item["self_samples"], item["total_ns"] // MS, item["function_offset"]) for item in items}
        self.tap.equal(got, {name: (own[name], all_of[name], int(name.split("+")[1], 0)) for name in all_of}, "stripped: functions")
        lines = self.json("report", "--cpu", "-g", "line", "made.memtrace")["statistics"]
        self.tap.equal(len({item["key"] for item in lines}), len({tag for stack in STACKS for tag in stack}), "stripped: lines are addresses")
        heap = self.json("report", "-g", "function", "made.memtrace")["statistics"]
        self.tap.equal({item["key"]: item["alloc_count"] for item in heap}, {name: count for name, count in own.items() if count},
                       "stripped: the heap's functions")
        text = self.tool("report", "--cpu", "--callees", "recurse", "made.memtrace", status=0)
        self.tap.ok("bare+" not in text, "stripped: a name that is not there", text)
        calls = self.tool("report", "--cpu", f"--callers={key('leaf_own')[5:]}", "made.memtrace")
        self.tap.ok(key("main_own") in calls and key("recurse_own") in calls, "stripped: callers", calls)

    # ---- refusals ----

    def refusals(self):
        self.write(self.made({("main_own",): 1}), "time.memtrace")
        heap = MadeTrace()
        heap.counters(heap.node(0, heap.module("/nonexistent/demo"), 0x10), 1, 1)
        self.write(heap, "heap.memtrace")
        for arguments, status, says in (
                (("--cpu", "heap.memtrace"), 1, b"no CPU samples"), (("--wall", "time.memtrace"), 1, b"no wall-clock samples"),
                (("--cpu", "-s", "live", "time.memtrace"), 2, b"sort"), (("--cpu", "-s", "nothing", "time.memtrace"), 2, b"nothing"),
                (("-s", "tottime", "time.memtrace"), 2, b"--cpu"), (("--restrict=3", "time.memtrace"), 2, b"--cpu"),
                (("--cpu", "--leaks", "time.memtrace"), 2, b"leaks"), (("--cpu", "--restrict=(", "time.memtrace"), 2, b"regular"),
                (("--cpu", "-u", "0", "time.memtrace"), 2, b"0"), (("--lines",), 2, b"which"),
                (("--cpu", "--callers=x", "-g", "module", "time.memtrace"), 2, b"functions")):
            result = execute([str(self.build.tool), "report", *arguments], cwd=self.directory)
            self.tap.ok(result.status == status and result.stderr.startswith(b"memtrace: ") and says in result.stderr and not result.stdout,
                        f"refuses {' '.join(arguments)}", (result.status, result.stderr, result.stdout))


ALL = "functions groups like_pstats pstats_columns kernprof_columns callers line_table line_choice with_heap wall budget merged exports diff gate stripped refusals".split()


def main():
    with Tap() as tap, Tracer(Build()) as tracer:
        for name in ALL:
            times = Times(tap, tracer)
            tap.run(lambda _, method=getattr(times, name): method(), name=name)


if __name__ == "__main__":
    main()
