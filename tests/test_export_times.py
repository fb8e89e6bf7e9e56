# SPDX-License-Identifier: BSD-2-Clause
"""test_export_times.py -- memtrace export of CPU and of wall-clock time, in the clients that such
profiles are for, against memtrace report --cpu and --wall."""

import collections
import csv
import json
import pathlib
import re
import shutil
import sys

from tap import Tap
from test_times import MS, TOTAL, Times
from traced import Build, Tracer, execute

FLAMEGRAPH = pathlib.Path("/usr/share/perl5/Devel/NYTProf/flamegraph.pl")


class TimeExports:
    """Exports of a trace with samples of one kind of time."""

    def __init__(self, times, kind):
        self.tap, self.times, self.kind = times.tap, times, kind
        self.functions = self.report("function")["statistics"]

    def report(self, group):
        return self.times.json("report", f"--{self.kind}", f"--group-by={group}", "made.memtrace")

    def file(self, form, *options):
        path = self.times.directory / f"{self.kind}.{form}"
        self.times.tool("export", f"--{self.kind}", f"--format={form}", *options, "-o", path, "made.memtrace")
        return path

    def client(self, *argv, stdin=b""):
        result = execute([str(word) for word in argv], {"HOME": str(self.times.directory)}, stdin=stdin, cwd=self.times.directory, timeout=300)
        if result.status != 0:
            raise AssertionError(f"{argv}: status {result.status}: {result.stderr!r}")
        return result.stdout.decode()

    def equal(self, got, expected, what):
        self.tap.equal(got, expected, f"{self.kind}: {what}")

    def has(self, client):
        if shutil.which(client):
            return True
        self.tap.skip(f"{self.kind}: {client}", "not installed")
        return False

    def by_function(self, *fields):
        """{function: its figures}, what has none left out."""
        return {item["function"]: tuple(item[field] for field in fields) for item in self.functions if any(item[field] for field in fields)}

    # ---- clients ----

    def go(self):
        if not self.has("go"):
            return
        path = self.file("pprof")
        columns = {"samples": ("self_samples", "samples"), self.kind: ("self_ns", "total_ns")}
        if self.kind == "wall":
            columns["off_cpu"] = ("self_off_cpu_ns", "total_off_cpu_ns")
        for column, fields in columns.items():
            text = self.client("go", "tool", "pprof", "-unit=ns", "-nodecount=1000", "-nodefraction=0", "-edgefraction=0", "-functions",
                               f"-sample_index={column}", "-top", path)
            rows = re.findall(r"^\s*(\d+)(?:ns)?\s+[\d.]+%\s+[\d.]+%\s+(\d+)(?:ns)?\s+[\d.]+%\s+(.*)$", text, flags=re.M)
            got = {re.sub(r" \((partial-)?inline\)$", "", name): (int(flat), int(cumulative)) for flat, cumulative, name in rows}
            self.equal({name: values for name, values in got.items() if any(values)}, self.by_function(*fields), f"go tool pprof -top: {column}")
        listing = self.client("go", "tool", "pprof", "-unit=ns", f"-sample_index={self.kind}", "-list=^leaf$", path)
        got = {int(line): (int(flat or 0), int(cumulative or 0)) for flat, cumulative, line in
               re.findall(r"^\s*(\d+)?(?:ns|\.)\s+(\d+)?(?:ns|\.)\s+(\d+):", listing, flags=re.M)}
        lines = json.loads(self.times.tool("report", f"--{self.kind}", "--lines=leaf", "--json", "made.memtrace"))["statistics"]
        self.equal({line: values for line, values in got.items() if any(values)},
                   {item["line"]: (item["self_ns"], item["total_ns"]) for item in lines}, "go tool pprof -list: every line of a function")

    def callgrind_annotate(self):
        if not self.has("callgrind_annotate"):
            return
        path = self.file("callgrind")
        for option, fields in (("no", ("self_ns", "self_samples")), ("yes", ("total_ns", "samples"))):
            text = self.client("callgrind_annotate", f"--inclusive={option}", "--threshold=100", "--auto=no", "--show-percs=no", path)
            shown = re.search(r"Events shown:\s+(.*)", text).group(1).split()
            table = text.rpartition("file:function\n")[2]
            rows = re.findall(rf"^((?:\s*[\d,.]+){{{len(shown)}}})  (\S.*?)(?: \[[^\[]*\])?$", table, flags=re.M)
            got = {name.rpartition(":")[2]: tuple(int(number.replace(",", "").replace(".", "0")) for number in numbers.split())[:2]
                   for numbers, name in rows if not name.endswith("(below main)")}
            self.equal((shown[0].lower(), {name: values for name, values in got.items() if any(values)}),
                       (f"{self.kind}_ns", self.by_function(*fields)), f"callgrind_annotate --inclusive={option}")

    def pstats(self):
        """A session at its prompt."""
        path = self.file("pstats")
        text = self.client(sys.executable, "-m", "pstats", path, stdin=b"sort tottime\nstats\ncallers leaf\n")
        rows = re.findall(r"^\s+(\d+)(?:/\d+)?\s+([\d.]+)\s+[\d.]+\s+([\d.]+)\s+[\d.]+\s+\S*\((\w+)\)$", text, flags=re.M)
        expected = [(item["function"], f"{item['self_ns'] / 1e9:.3f}", f"{item['total_ns'] / 1e9:.3f}") for item in self.functions]
        self.equal([(name, own, total) for _, own, total, name in rows], expected, "pstats: sorted by own time")
        whole = sum(item["self_ns"] for item in self.functions)
        self.tap.ok(f"in {whole / 1e9:.3f} seconds" in text and re.search(r"\(leaf\)\s+<-\s[^<]*\(main\)", text),
                    f"{self.kind}: pstats: the whole, and callers", text)

    def flamegraph(self):
        if not FLAMEGRAPH.exists():
            self.tap.skip(f"{self.kind}: flamegraph.pl", "not installed")
            return
        svg = self.client("perl", FLAMEGRAPH, "--countname=ns", "--minwidth=0", self.file("folded", "--group-by=function"))
        got = collections.Counter()
        for name, value in re.findall(r"<title>([^<>]+) \(([\d,]+) ns, [\d.]+%\)</title>", svg):
            got[name] += int(value.replace(",", ""))
        self.equal(got["all"], sum(item["self_ns"] for item in self.functions), "flamegraph.pl: the total")
        self.equal({name for name in got if name != "all"}, {item["function"] for item in self.functions}, "flamegraph.pl: the functions")

    def perf(self):
        own = collections.Counter()
        for sample in self.file("perf").read_text().split("\n\n"):
            head, _, frames = sample.strip("\n").partition("\n")
            if frames:
                own[re.match(r"\s*\w+\s+(.+) \(", frames.split("\n")[0]).group(1)] += int(re.search(r":\s*(\d+)\s+\S+:\s*$", head).group(1))
        self.equal(dict(own), {name: own for name, (own,) in self.by_function("self_ns").items()}, "perf script: own time of every function")

    def dot(self):
        if not self.has("dot"):
            return
        graph = json.loads(self.client("dot", "-Tdot_json", self.file("dot")))
        whole = sum(item["self_ns"] for item in self.functions)
        got = {}
        for node in graph["objects"]:
            name, total, own, _ = node["label"].split("\\n")
            got[name.split("\\")[0]] = tuple(float(re.search(r"([\d.]+)%", text).group(1)) for text in (total, own))
        self.equal(got, {item["function"]: tuple(round(100 * item[field] / whole, 2) for field in ("total_ns", "self_ns"))
                         for item in self.functions if item["total_ns"] >= 0.005 * whole}, "dot: shares of every function")

    def reports(self):
        """JSON and CSV are the report's, by any grouping it has."""
        other = "kernel" if self.kind == "cpu" else "off_cpu"
        for group in ("function", "line", "file", "module", "thread"):
            report = self.report(group)
            exported = json.loads(self.file("json", f"--group-by={group}").read_text())
            self.equal(exported, report, f"json: by {group}")
            rows = list(csv.DictReader(self.file("csv", f"--group-by={group}").open(newline="")))
            fields = ["self_samples", "self_ns", f"self_{other}_ns", "samples", "total_ns", f"total_{other}_ns"]
            self.equal([(row["key"], *(int(row[field]) for field in fields)) for row in rows],
                       [(item["key"], *(item[field] for field in fields)) for item in report["statistics"]], f"csv: by {group}")
        self.equal(json.loads(self.file("json").read_text()), self.report("function"), "json: by function, if nothing else is asked for")

    def refusals(self):
        for options in (["--format=json", "--cumulative"], ["--format=csv", "--group-by=traceback"], ["--format=dhat"], ["--format=heaptrack"],
                        ["--format=massif"], ["--format=tracemalloc"], ["--format=mprof"]):
            result = execute([str(self.times.build.tool), "export", f"--{self.kind}", *options, "made.memtrace"], cwd=self.times.directory)
            self.tap.ok(result.status == 2 and result.stderr.count(b"\n") == 1 and not result.stdout, f"{self.kind}: refuses {' '.join(options)}", result.stderr)


def main():
    with Tap() as tap, Tracer(Build()) as tracer:
        for kind in ("cpu", "wall"):
            times = Times(tap, tracer)
            made = times.made()
            if kind == "wall":
                times.made({("leaf_of_main", "leaf_own"): 170, ("main_own",): 35}, "DOMAIN_OFF_CPU", made)
            made.sampler(samples=TOTAL, cpu_ns=800 * MS, sampled_ns=TOTAL * MS, domain="DOMAIN_CPU" if kind == "cpu" else "DOMAIN_OFF_CPU")
            times.write(made)
            exports = TimeExports(times, kind)
            for check in (exports.go, exports.callgrind_annotate, exports.pstats, exports.flamegraph, exports.perf, exports.dot, exports.reports, exports.refusals):
                tap.run(lambda _, run=check: run(), name=f"{kind}: {check.__name__}")


if __name__ == "__main__":
    main()
