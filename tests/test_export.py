# SPDX-License-Identifier: BSD-2-Clause
"""test_export.py -- Every format of memtrace export, in the client it is for, against memtrace report.

What the report says of a trace (its JSON) is the reference: each format has to come to the same
figures for the same stacks, lines and functions. Where the client is installed, its own figures too."""

import collections
import csv
import gzip
import io
import json
import pathlib
import pstats
import re
import shutil
import tracemalloc

from pprof_file import PprofFile
from tap import Tap
from traced import Build, Tracer, execute

FORMATS = ["pprof", "folded", "speedscope", "callgrind", "massif", "dhat", "dot", "perf", "heaptrack", "firefox", "pstats", "json", "csv",
           "tracemalloc"]

# Field names of the report, by measure.
MEASURES = {"live": "live_bytes", "peak": "peak_live_bytes", "total": "alloc_bytes", "count": "alloc_count",
            "temporary": "temporary_count"}

HOSTILE_FUNCTION = b"hostile_function$$$$$$$$$$$$$$$$$$$$$$"
EVIL_FUNCTION = b"e\"v'<i>l;&\n\x1b[2J\xff\xc3\xa4 \\(1)%n,{b}|#_______"


def escaped(text):
    """As text.c shows it."""
    shown = {10: "\\n", 9: "\\t"}
    out = []
    for character in text:
        code = ord(character)
        is_control = code < 0x20 or 0x7f <= code <= 0x9f or 0x202a <= code <= 0x202e or code in (0x2028, 0x2029) or \
            0x2066 <= code <= 0x2069
        out.append(shown.get(code) or ("".join(f"\\x{byte:02x}" for byte in character.encode()) if is_control else character))
    return "".join(out)


class Reference:
    """What the report says of a trace."""

    def __init__(self, tool, path, *options):
        self.tool, self.path, self.options = tool, path, options
        self.report = self.read("traceback")
        self.totals = self.report["totals"]
        # JSON has no bytes that are not UTF-8; the exports show them as \xff.
        self.stacks = collections.Counter()
        self.by_stack = {}
        for item in self.report["statistics"]:
            stack = tuple(self.frame(frame) for frame in reversed(item["traceback"]))
            self.by_stack.setdefault(stack, []).append(item)

    def read(self, group, *options):
        result = execute([str(self.tool), "report", "--json", f"--group-by={group}", *self.options, *options, str(self.path)])
        if result.status != 0:
            raise AssertionError(f"report: {result.stderr!r}")
        return json.loads(result.stdout)

    @staticmethod
    def frame(frame):
        """(function, file, line)"""
        module = pathlib.PurePosixPath(frame.get("module") or "<no module>").name
        function = frame.get("function") or f"{module}+{frame.get('function_offset', frame.get('offset', 0)):#x}"
        return escaped(function).replace("\ufffd", "\\xff"), escaped(frame.get("file", "")), frame.get("line", 0)

    def values(self, measure):
        """{stack: value}, what is zero left out."""
        values = {stack: sum(item[MEASURES[measure]] for item in items) for stack, items in self.by_stack.items()}
        return {stack: value for stack, value in values.items() if value}

    def total(self, measure):
        return sum(self.values(measure).values())

    def by_frame(self, measure, part, cumulative=False):
        """{part of the frame: value}; a frame is charged once per stack."""
        sums = collections.Counter()
        for stack, value in self.values(measure).items():
            for key in {part(frame) for frame in (stack if cumulative else stack[-1:])}:
                sums[key] += value
        return dict(sums)


def function_of(frame):
    return frame[0]


def line_of(frame):
    return frame[1], frame[2]


class Exports:
    """Exports of one trace."""

    def __init__(self, tap, tracer, name, path, *options):
        self.tap, self.tracer, self.name, self.path, self.options = tap, tracer, name, path, options
        self.tool = tracer.build.tool
        self.reference = Reference(self.tool, path, *options)
        self.directory = tracer.new_directory()

    def export(self, name, *options):
        """What memtrace writes to stdout."""
        result = execute([str(self.tool), "export", f"--format={name}", *self.options, *options, str(self.path)])
        if result.status != 0 or result.stderr:
            raise AssertionError(f"export {name} of {self.name}: status {result.status}: {result.stderr!r}")
        return result.stdout

    def file(self, name, *options, suffix=""):
        path = self.directory / f"{name}{len(list(self.directory.iterdir()))}{suffix}"
        path.write_bytes(self.export(name, *options))
        return path

    def client(self, *argv, stdin=b"", environment=None):
        result = execute([str(word) for word in argv], environment, stdin=stdin, cwd=self.directory, timeout=300)
        if result.status != 0:
            raise AssertionError(f"{argv[0]} of {self.name}: status {result.status}: {result.stderr.decode(errors='replace')}")
        return result.stdout.decode()

    def equal(self, got, expected, what):
        if not isinstance(got, dict):
            return self.tap.equal(got, expected, f"{self.name}: {what}")
        other = [(key, got.get(key), expected.get(key)) for key in {**got, **expected} if got.get(key) != expected.get(key)]
        return self.tap.ok(not other, f"{self.name}: {what}", f"{len(other)} differ: " + "\n".join(map(str, other[:20])))

    def has(self, client, what):
        if shutil.which(client):
            return True
        self.tap.skip(f"{self.name}: {what}", f"no {client}")
        return False

    # ---- folded ----

    def folded_stacks(self, *options):
        stacks = collections.Counter()
        for line in self.export("folded", *options).decode().splitlines():
            stack, value = line.rsplit(" ", 1)
            stacks[tuple(stack.split(";"))] += int(value)
        return dict(stacks)

    @staticmethod
    def folded_frame(frame):
        function, file, line = frame
        name = f"{function} ({pathlib.PurePosixPath(file).name}:{line})" if file else None
        return name and name.replace(";", ":")

    def folded(self):
        for measure in MEASURES:
            got = self.folded_stacks(f"--measure={measure}")
            expected = collections.Counter()
            for stack, value in self.reference.values(measure).items():
                expected[tuple(self.folded_frame(frame) for frame in stack)] += value
            self.equal(self.without_lineless(got), self.without_lineless(expected), f"folded: stacks by {measure}")
            self.equal(sum(got.values()), self.reference.total(measure), f"folded: the total by {measure}")

    @staticmethod
    def without_lineless(stacks):
        """Frames without lines are called after their module, which is not what this is about."""
        sums = collections.Counter()
        for stack, value in stacks.items():
            sums[tuple(name if name and re.search(r":\d+\)$", name) else None for name in stack)] += value
        return dict(sums)

        got = self.folded_stacks("--measure=total", "--group-by=function")
        expected = collections.Counter()
        for stack, value in self.reference.values("total").items():
            expected[tuple(function.replace(";", ":") for function, _, _ in stack)] += value
        self.equal(got, dict(expected), "folded: stacks of functions")

    def flamegraph(self):
        script = pathlib.Path("/usr/share/perl5/Devel/NYTProf/flamegraph.pl")
        if not script.exists():
            self.tap.skip(f"{self.name}: flamegraph.pl", "not installed")
            return
        folded = self.file("folded", "--measure=total")
        svg = self.client("perl", script, "--countname=bytes", "--minwidth=0", folded)
        totals = re.findall(r"<title>all \(([\d,]+) bytes, 100%\)</title>", svg)
        self.equal([int(text.replace(",", "")) for text in totals], [self.reference.total("total")],
                   "flamegraph.pl: the total")
        got = {tuple(match) for match in re.findall(r"<title>(\w+) \([^()]*:(\d+)\) \(", svg)}
        expected = {(function, str(line)) for stack in self.reference.values("total") for function, file, line in stack
                    if re.fullmatch(r"[a-z_]+", function) and file and "(" not in file}
        self.equal({item for item in got if item in expected}, expected, "flamegraph.pl: every line is in the picture")

    # ---- pprof ----

    PPROF_TYPES = [("alloc_objects", "count", "alloc_count"), ("alloc_space", "bytes", "alloc_bytes"),
                   ("inuse_objects", "count", "live_count"), ("inuse_space", "bytes", "live_bytes"),
                   ("peak_objects", "count", "peak_live_count"), ("peak_space", "bytes", "peak_live_bytes"),
                   ("temporary_objects", "count", "temporary_count")]

    def pprof(self):
        profile = PprofFile(self.export("pprof"))
        self.equal(profile.types, [item[:2] for item in self.PPROF_TYPES[:4]], "pprof: Go's sample types")
        profile = PprofFile(self.export("pprof", "--measure=peak", "--measure=temporary"))
        self.equal(profile.types, [item[:2] for item in self.PPROF_TYPES], "pprof: all sample types")
        self.equal(profile.default_type, "peak_space", "pprof: what was asked for is shown first")
        for i, (name, _, field) in enumerate(self.PPROF_TYPES):
            got, expected = collections.Counter(), collections.Counter()
            for stack, values in profile.samples:
                got[stack] += values[i]
            for stack, items in self.reference.by_stack.items():
                expected[stack] += sum(item[field] for item in items)
            self.equal(dict(got), dict(expected), f"pprof: {name} of every stack")
        if profile.samples:
            self.equal(profile.mapping_names()[0], self.reference.report["executable"], "pprof: the program is the first mapping")
            self.tap.ok(all(re.fullmatch("([0-9a-f]{2})*", text) for text in profile.build_ids()) and profile.build_ids()[0],
                        f"{self.name}: pprof: build ids", profile.build_ids())

    def go_table(self, path, *options):
        """{name: (flat, cumulative)}"""
        text = self.client("go", "tool", "pprof", "-unit=B", "-nodecount=1000000", "-nodefraction=0", "-edgefraction=0",
                           *options, path, environment={"HOME": str(self.directory)})
        rows = re.findall(r"^\s*(-?\d+)B?\s+[-\d.]+%\s+[-\d.]+%\s+(-?\d+)B?\s+[-\d.]+%\s+(\S.*)$", text, flags=re.M)
        return {self.go_short(re.sub(r" \((partial-)?inline\)$", "", name)): (int(flat), int(cumulative))
                for flat, cumulative, name in rows}

    @staticmethod
    def go_short(name):
        """pprof takes these for template arguments and parameters, and leaves them out."""
        return re.sub(r"<[^<>]*>|\([^()]*\)", "", name)

    def go(self):
        if not self.has("go", "go tool pprof"):
            return
        path = self.file("pprof", suffix=".pb.gz")
        if self.name == "word_count":
            self.go_list(path)
        for sample_type, measure in (("alloc_space", "total"), ("inuse_space", "live"), ("alloc_objects", "count")):
            for granularity, part in (("-functions", function_of), ("-lines", lambda frame: (frame[0], *line_of(frame)))):
                table = self.go_table(path, "-top", granularity, f"-sample_index={sample_type}")
                for i, is_cumulative in ((0, False), (1, True)):
                    got = {name: values[i] for name, values in table.items() if values[i]}
                    expected = {self.go_short(self.go_name(key)): value for key, value in
                                self.reference.by_frame(measure, part, is_cumulative).items()}
                    self.equal(got, expected, f"go tool pprof {granularity} {sample_type}: {'cum' if i else 'flat'}")

    def go_list(self, path):
        """Every line of every function with a source, of itself and with what it calls."""
        lines = collections.defaultdict(lambda: [0, 0])
        for is_cumulative in (False, True):
            for (function, file, line), value in self.reference.by_frame("total", lambda frame: frame, is_cumulative).items():
                lines[function, file, line][is_cumulative] += value
        for function, file in sorted({(function, file) for function, file, _ in lines if re.fullmatch("[a-z_]+", function) and pathlib.Path(file).exists()}):
            text = self.client("go", "tool", "pprof", "-unit=B", "-sample_index=alloc_space", f"-list=^{function}$", path, environment={"HOME": str(self.directory)})
            got = {int(line): [int(flat or 0), int(cumulative or 0)] for flat, cumulative, line in
                   re.findall(r"^\s*(\d+)?[B.]\s+(\d+)?[B.]\s+(\d+):", text, flags=re.M)}
            self.equal({line: values for line, values in got.items() if any(values)},
                       {line: values for (name, where, line), values in lines.items() if (name, where) == (function, file)}, f"go tool pprof -list={function}")

    @staticmethod
    def go_name(key):
        if isinstance(key, str):
            return key
        function, file, line = key
        return f"{function} {file}:{line}" if file else function

    # ---- speedscope ----

    def speedscope(self):
        document = json.loads(self.export("speedscope"))
        frames = []
        for frame in document["shared"]["frames"]:
            base = pathlib.PurePosixPath(frame.get("file", "")).name
            where = f" ({base}:{frame['line']})" if "line" in frame else f" (in {base})"
            frames.append((frame["name"].removesuffix(where), frame["file"] if "line" in frame else "", frame.get("line", 0)))
        self.equal([profile["unit"] for profile in document["profiles"]], ["bytes"] * 3 + ["none"] * 2, "speedscope: units")
        for measure, profile in zip(MEASURES, document["profiles"]):
            got = collections.Counter()
            for sample, weight in zip(profile["samples"], profile["weights"], strict=True):
                got[tuple(frames[i] for i in sample)] += weight
            expected = collections.Counter()
            for stack, value in self.reference.values(measure).items():
                expected[stack] += value
            self.equal(dict(got), dict(expected), f"speedscope: stacks by {measure}")
            self.equal(profile["endValue"], self.reference.total(measure), f"speedscope: the total by {measure}")
        first = 0 if self.reference.totals["live_count"] or self.reference.totals["live_bytes"] else 1
        self.equal(document["activeProfileIndex"], first, "speedscope: what is live, if anything is, is shown first")

    # ---- callgrind ----

    def callgrind_functions(self):
        """The events; {event: {(file, function): value}} of itself, the same by line, and with what it calls; the totals."""
        names = {}
        own, lines, inclusive = (collections.defaultdict(collections.Counter) for _ in range(3))
        events, totals, here, callee, is_call = [], [], {}, {}, False

        def name(kind, text):
            number, _, rest = text.partition(") ")
            key = kind, number.strip("()")
            if rest:
                if key in names:
                    raise AssertionError(f"{kind} {key[1]} is named twice: {names[key]}, {rest}")
                names[key] = rest
            return names[key]

        for line in self.export("callgrind").decode().split("\n"):
            key, equals, value = line.partition("=")
            if line.startswith("events: "):
                events = line.split()[1:]
            elif line.startswith("totals:"):
                totals = [int(word) for word in line.split()[1:]]
            elif equals and key in ("ob", "fl", "fn"):
                here[key] = name(key, value)
                callee = {}
            elif equals and key in ("cob", "cfi", "cfn"):
                callee[key] = name({"cob": "ob", "cfi": "fl", "cfn": "fn"}[key], value)
            elif equals and key == "calls":
                is_call = True
            elif re.match(r"\d", line):
                for event, number in zip(events, [int(word) for word in line.split()[1:]], strict=True):
                    if is_call:
                        inclusive[event][callee.get("cfi", here["fl"]), callee["cfn"]] += number
                    else:
                        own[event][here["fl"], here["fn"]] += number
                        lines[event][here["fl"], int(line.split()[0])] += number
                if is_call:
                    callee, is_call = {}, False
        return events, own, lines, inclusive, totals

    def callgrind(self):
        events, own, lines, inclusive, totals = self.callgrind_functions()
        self.equal(sorted(events), sorted(MEASURES), "callgrind: events")
        self.equal(totals, [self.reference.total(event) for event in events], "callgrind: totals")
        for measure in MEASURES:
            expected = {(file or "???", line): value for (file, line), value in self.reference.by_frame(measure, line_of).items()}
            self.equal({key: value for key, value in lines[measure].items() if value}, expected, f"callgrind: {measure} by line")
            for got, is_cumulative in ((own, False), (inclusive, True)):
                expected = {(file or "???", function): value for (function, file), value in
                            self.reference.by_frame(measure, lambda frame: frame[:2], is_cumulative).items()}
                self.equal({key: value for key, value in got[measure].items() if value}, expected,
                           f"callgrind: {measure} by function, {'inclusive' if is_cumulative else 'itself'}")

    def callgrind_annotate(self):
        if not self.has("callgrind_annotate", "callgrind_annotate"):
            return
        path = self.file("callgrind")
        for option, is_cumulative in (("no", False), ("yes", True)):
            text = self.client("callgrind_annotate", f"--inclusive={option}", "--threshold=100", "--auto=no", "--show-percs=no", path)
            shown = re.search(r"Events shown:\s+(.*)", text).group(1).split()
            table = text.rpartition("file:function\n")[2]
            rows = re.findall(rf"^((?:\s*[\d,.]+){{{len(shown)}}})  (\S.*?)(?: \[[^\[]*\])?$", table, flags=re.M)
            for i, measure in enumerate(shown):
                got = collections.Counter()
                for numbers, name in rows:
                    value = numbers.split()[i].replace(",", "")
                    if value not in (".", "0") and not name.endswith(":(below main)"):
                        got[name] += int(value)
                expected = collections.Counter()
                for (function, file), value in self.reference.by_frame(measure, lambda frame: frame[:2], is_cumulative).items():
                    expected[f"{file or '???'}:{function}"] += value
                self.equal(dict(got), dict(expected), f"callgrind_annotate --inclusive={option}: {measure}")

    # ---- massif ----

    @staticmethod
    def massif_name(frame):
        function, file, line = frame
        return f"{function} ({pathlib.PurePosixPath(file).name}:{line})".replace("#", ":") if file else None

    @staticmethod
    def massif_nodes(lines):
        """{path, allocating frame first: bytes} of a tree, and the bytes of what was left out, by the same paths."""
        nodes, rest, path = {}, {}, []
        for line in lines:
            depth, bytes_text, text = re.fullmatch(r"( *)n\d+: (\d+) (.*)", line).groups()
            path = path[:len(depth)]
            if "below massif's threshold" in text:
                rest[tuple(path[1:])] = int(bytes_text)
                continue
            name = re.sub(r"^0x[0-9A-F]+: ", "", text)
            path.append(name if re.search(r":\d+\)$", name) else None)
            nodes[tuple(path[1:])] = nodes.get(tuple(path[1:]), 0) + int(bytes_text)
        return nodes, rest

    def massif(self):
        snapshots = []
        for line in self.export("massif").decode().splitlines():
            if line.startswith("snapshot="):
                snapshots.append(({}, []))
            elif snapshots and re.match(r" *n\d+: ", line):
                snapshots[-1][1].append(line)
            elif snapshots and "=" in line:
                snapshots[-1][0].update([line.split("=", 1)])
        self.equal([int(fields["time"]) for fields, _ in snapshots], sorted(int(fields["time"]) for fields, _ in snapshots),
                   "massif: snapshots in the order of time")
        self.equal(snapshots[-1][0]["heap_tree"], "detailed", "massif: the last one has a tree")
        for word, measure in (("peak", "peak"), ("detailed", "live")):
            fields, tree = next(item for item in snapshots if item[0]["heap_tree"] == word)
            total = self.reference.total(measure)
            self.equal(int(fields["mem_heap_B"]), total, f"massif: {measure}")
            nodes, rest = self.massif_nodes(tree)
            sums = collections.Counter()
            for stack, value in self.reference.values(measure).items():
                names = [self.massif_name(frame) for frame in reversed(stack)]
                for depth in range(min(len(names), 30) + 1):
                    sums[tuple(names[:depth])] += value
            # Frames without a line share a name here, so only paths of lines can be compared one by one.
            expected = {path: value for path, value in sums.items() if value >= total // 100 and None not in path}
            self.equal({path: value for path, value in nodes.items() if None not in path}, expected, f"massif: the tree of {measure}")
            children = collections.Counter()
            for path, value in nodes.items():
                children[path[:-1]] += value if path else 0
            self.equal({path: children[path] + rest.get(path, 0) for path in nodes if path and (children[path] or path in rest)
                        and None not in path and children[path] + rest.get(path, 0) > nodes[path]}, {},
                       f"massif: {measure}: callers have no more than what they called")

    def ms_print(self):
        if not self.has("ms_print", "ms_print"):
            return
        text = self.client("ms_print", "--threshold=0", self.file("massif"))
        for measure, word in (("peak", r"\(peak\)"), ("live", "")):
            total = f"{self.reference.total(measure):,}"
            self.tap.ok(re.search(rf"^ *\d+ +[\d,]+ +{total} +{total} +0 +0$", text, flags=re.M), f"{self.name}: ms_print: {measure} {total}", text[-2000:])
        shown = re.findall(r"^100\.00% \(([\d,]+)B\) \(heap allocation functions\)", text, flags=re.M)
        self.equal(shown, [f"{self.reference.total(measure):,}" for measure in ("peak", "live") if self.reference.total(measure)],
                   "ms_print: the trees")
        first = collections.Counter()
        for stack, value in self.reference.values("peak").items():
            first[self.massif_name(stack[-1])] += value
        rows = set(re.findall(r"^->[\d.]+% \(([\d,]+)B\) 0x[0-9A-F]+: (.* \(.*:\d+\))$", text, flags=re.M))
        expected = {(f"{value:,}", name) for name, value in first.items() if name and value >= self.reference.total("peak") // 100}
        self.equal(expected - rows, set(), "ms_print: lines at the peak")

    # ---- DHAT ----

    def dhat(self):
        document = json.loads(self.export("dhat"))
        table = document["ftbl"]
        self.equal(table[0], "[root]", "dhat: the root")
        for field, key in (("tb", "alloc_bytes"), ("tbk", "alloc_count"), ("gb", "peak_live_bytes"), ("gbk", "peak_live_count"),
                           ("eb", "live_bytes"), ("ebk", "live_count")):
            got, expected = collections.Counter(), collections.Counter()
            for point in document["pps"]:
                got[tuple(re.sub(r"^0x[0-9A-F]+: ", "", table[i]) for i in point["fs"])] += point[field]
            for stack, items in self.reference.by_stack.items():
                expected[tuple(self.dhat_name(frame) for frame in reversed(stack))] += sum(item[key] for item in items)
            self.equal(self.without_lineless(got), self.without_lineless(expected), f"dhat: {key} of every stack")
            self.equal(sum(point[field] for point in document["pps"]), sum(expected.values()), f"dhat: {key}")
        paths = [tuple(point["fs"]) for point in document["pps"]]
        self.equal(len(set(paths)), len(paths), "dhat: every stack is there once")

    @staticmethod
    def dhat_name(frame):
        function, file, line = frame
        return f"{function} ({pathlib.PurePosixPath(file).name}:{line})" if file else None

    # ---- dot ----

    def dot(self):
        if not self.has("dot", "Graphviz"):
            return
        graph = json.loads(self.client("dot", "-Tdot_json", self.file("dot", "--measure=total")))
        total = self.reference.total("total")
        functions, calls = {}, {}
        for node in graph.get("objects", []):
            _, amount, own, count = node["label"].split("\\n")
            functions[node["_gvid"]] = node["tooltip"], amount, own, int(count.rstrip("×"))
        for edge in graph.get("edges", []):
            calls[functions[edge["tail"]][0], functions[edge["head"]][0]] = edge["label"].split("\\n")[0]
        tooltip = lambda frame: (frame[0] + (" " + frame[1] if frame[1] else "")).replace("\\", "\\\\")  # as dot gives it back
        cumulative, own = (self.reference.by_frame("total", lambda frame: frame[:2], is_cumulative) for is_cumulative in (True, False))
        count = self.reference.by_frame("count", lambda frame: frame[:2], True)
        expected = {tooltip(key): (self.dot_amount(value, total), f"({self.dot_amount(own.get(key, 0), total)})", count[key])
                    for key, value in cumulative.items() if value / total >= 0.005}
        self.equal({name: rest for name, *rest in map(list, functions.values())}, {key: list(value) for key, value in expected.items()},
                   "dot: the functions")
        sums = collections.Counter()
        for stack, value in self.reference.values("total").items():
            for call in {(caller[:2], callee[:2]) for caller, callee in zip(stack, stack[1:])}:
                sums[call] += value
        expected = {(tooltip(caller), tooltip(callee)): self.dot_amount(value, total) for (caller, callee), value in sums.items()
                    if tooltip(caller) in expected and tooltip(callee) in expected and value / total >= 0.001}
        self.equal(calls, expected, "dot: the calls")

    @staticmethod
    def dot_amount(value, total):
        return f"{tracemalloc._format_size(value, False)} {100 * value / total:.2f}%"  # pylint: disable=protected-access

    # ---- perf script ----

    def perf(self):
        got, expected = collections.Counter(), collections.Counter()
        for sample in self.export("perf", "--measure=total").decode().split("\n\n"):
            if not sample.strip():
                continue
            head, *frames = sample.strip("\n").split("\n")
            # What stackcollapse-perf.pl and speedscope look for.
            self.tap.ok(re.match(r"\S.+?\s+(\d+)/(\d+)\s+\d+\.\d+:\s", head), f"{self.name}: perf: a head", head) if got == {} else None
            period = int(re.search(r":\s*(\d+)\s+(\S+):\s*$", head).group(1))
            stack = [re.fullmatch(r"\s*(\w+)\s*(.+) \((\S*)\)", frame).group(2) for frame in frames]
            got[tuple(reversed(stack))] += period
        for stack, value in self.reference.values("total").items():
            expected[tuple(function for function, _, _ in stack)] += value
        self.equal(dict(got), dict(expected), "perf: stacks of functions")

    # ---- heaptrack ----

    HEAPTRACK = {"allocations": "count", "temporary": "temporary", "leaked": "live", "peak": "peak"}

    def heaptrack_costs(self):
        """{cost: {stack: value}}, adding the log up as heaptrack does."""
        strings, ips, traces, infos = [""], [()], [()], []
        allocations, temporary, leaked, at_peak = (collections.Counter() for _ in range(4))
        live, most, last = 0, 0, 0
        for line in self.export("heaptrack").decode().splitlines():
            mode, rest = line[0], line[2:]
            if mode == "s":
                size, text = rest.split(" ", 1)
                if len(text.encode()) != int(size, 16):
                    raise AssertionError(f"a string is not {size} long: {text}")
                strings.append(text)
            elif mode in "itac+-":
                words = [int(word, 16) for word in rest.split()]
            if mode == "i":
                frames = [words[i:i + 3] for i in range(2, len(words), 3)]
                ips.append(tuple((strings[function], strings[file], line) for function, file, line in reversed(frames)) or
                           ((f"{pathlib.PurePosixPath(strings[words[1]]).name}", "", 0),))
            elif mode == "t":
                traces.append(traces[words[1]] + ips[words[0]])
            elif mode == "a":
                infos.append((words[0], traces[words[1]]))
            elif mode == "+":
                size, stack = infos[words[0]]
                last = words[0]
                allocations[stack] += 1
                leaked[stack] += size
                live += size
                if live > most:
                    most, at_peak = live, None  # copied when it is over
            elif mode == "-":
                at_peak = leaked.copy() if at_peak is None else at_peak
                size, stack = infos[words[0]]
                temporary[stack] += last == words[0]
                last = 0
                leaked[stack] -= size
                live -= size
        costs = {"allocations": allocations, "temporary": temporary, "leaked": leaked, "peak": leaked if at_peak is None else at_peak}
        return {cost: {stack: value for stack, value in values.items() if value} for cost, values in costs.items()}

    def heaptrack(self):
        for cost, got in self.heaptrack_costs().items():
            expected = collections.Counter()
            for stack, value in self.reference.values(self.HEAPTRACK[cost]).items():
                expected[tuple(self.nameless(frame) for frame in stack)] += value
            if cost == "temporary":
                missing = sum(expected.values()) - sum(got.values())
                self.tap.ok(0 <= missing < self.reference.totals["threads"] and
                            all(value <= expected[stack] for stack, value in got.items()),
                            f"{self.name}: heaptrack: temporary of every stack, but for one block per other thread", missing)
            elif cost != "peak" or self.has_peak():
                self.equal(got, dict(expected), f"heaptrack: {cost} of every stack")

    def has_peak(self):
        """With several threads the peak that was seen may be less than the end. heaptrack knows no such thing."""
        return self.reference.total("peak") >= self.reference.total("live")

    @staticmethod
    def nameless(frame):
        """heaptrack shows the address of a function without a name, and here only the module."""
        return (frame[0].rpartition("+0x")[0], "", 0) if re.search(r"\+0x[0-9a-f]+$", frame[0]) else frame

    def heaptrack_print(self):
        if not self.has("heaptrack_print", "heaptrack_print"):
            return
        plain = self.file("heaptrack")
        packed = self.directory / "packed.zst"
        result = execute([str(self.tool), "export", "-f", "heaptrack", "-o", str(packed), *self.options, str(self.path)])
        self.tap.ok(result.status == 0 and packed.read_bytes()[:4] == b"\x28\xb5\x2f\xfd", f"{self.name}: heaptrack: compressed with zstd",
                    result.stderr)
        for cost, measure in self.HEAPTRACK.items():
            folded = self.directory / f"folded.{cost}"
            text = self.client("heaptrack_print", "-f", packed if cost == "peak" else plain, "-F", folded, "--flamegraph-cost-type", cost,
                               "--disable-builtin-suppressions", "--shorten-templates=0")
            if cost == "allocations":
                calls = re.search(r"^calls to allocation functions: (\d+)", text, flags=re.M).group(1)
                self.equal(int(calls), self.reference.totals["alloc_count"], "heaptrack_print: calls")
            if cost == "temporary" or cost == "peak" and not self.has_peak():
                continue
            got, expected = collections.Counter(), collections.Counter()
            for line in folded.read_text().splitlines():
                names, value = line.rsplit(" ", 1)
                got[self.heaptrack_key(names.rstrip(";").split(";"))] += int(value)
            for stack, value in self.reference.values(measure).items():
                functions = [frame[0] for frame in stack]
                start = functions.index("main") if "main" in functions else 0  # what calls main it does not show
                names = ";".join(f"{function} ({pathlib.PurePosixPath(file).name})" for function, file, _ in stack[start:])
                expected[self.heaptrack_key(names.split(";"))] += value  # names with semicolons fall apart
            self.equal({key: value for key, value in got.items() if value}, dict(expected), f"heaptrack_print: {cost} of every stack")

    @staticmethod
    def heaptrack_key(names):
        """heaptrack_print shows inlined calls in reverse, and functions without names as addresses or not at all."""
        return tuple(sorted(re.sub(r" \([^()]*\)$", "", name) for name in names
                            if not re.search(r"\+0x[0-9a-f]+( \(\))?$|^0x|^<unresolved", name)))

    # ---- Firefox Profiler ----

    def firefox(self):
        document = json.loads(self.export("firefox"))
        self.equal([thread["name"] for thread in document["threads"]],
                   ["live", "live at the peak", "allocated in total", "allocations", "temporary allocations"], "firefox: a thread per measure")
        for measure, thread in zip(MEASURES, document["threads"]):
            for name, table in thread.items():
                if isinstance(table, dict) and {len(column) for column in table.values() if isinstance(column, list)} - {table["length"]}:
                    self.equal(name, None, "firefox: all columns of a table are of its length")
            strings, frames, functions, stacks = (thread[key] for key in ("stringArray", "frameTable", "funcTable", "stackTable"))

            def frame(i):
                function = frames["func"][i]
                file = functions["fileName"][function]
                return strings[functions["name"][function]], strings[file] if file is not None else "", frames["line"][i] or 0

            whole = []
            for i, prefix in zip(stacks["frame"], stacks["prefix"]):
                whole.append((*(whole[prefix] if prefix is not None else ()), frame(i)))
            got = collections.Counter()
            for stack, weight in zip(thread["samples"]["stack"], thread["samples"]["weight"]):
                got[whole[stack]] += weight
            expected = collections.Counter(self.reference.values(measure))
            self.equal(dict(got), dict(expected), f"firefox: stacks by {measure}")
            libraries = {lib["path"] for lib in document["libs"]}
            self.tap.ok(all(resource < len(libraries) for resource in functions["resource"]) and
                        (not whole or escaped(self.reference.report["executable"]) in libraries), f"{self.name}: firefox: libraries", libraries)

    # ---- pstats ----

    def pstats(self):
        stats = pstats.Stats(str(self.file("pstats")), stream=io.StringIO()) if self.reference.total("count") else None
        if not stats:
            return
        self.equal((stats.total_calls, stats.total_tt), (self.reference.totals["alloc_count"], self.reference.totals["alloc_bytes"]),
                   "pstats: totals")
        def key_of(key):  # without a line it is the module that stands there
            return key if key[1] else ("", 0, key[2])

        own, inclusive = (self.reference.by_frame("total", self.pstats_key, is_cumulative) for is_cumulative in (False, True))
        count = self.reference.by_frame("count", self.pstats_key)
        self.equal({key_of(key): values[:4] for key, values in stats.stats.items()},
                   {key: (count.get(key, 0), count.get(key, 0), own.get(key, 0), value) for key, value in inclusive.items()},
                   "pstats: every line")
        roots = collections.Counter()
        for stack, value in self.reference.values("total").items():
            roots[self.pstats_key(stack[0])] += value
        self.equal({key: roots[key_of(key)] + sum(call[3] for call in values[4].values()) for key, values in stats.stats.items()},
                   {key: values[3] for key, values in stats.stats.items()}, "pstats: what a line has comes from its callers")
        stats.sort_stats("tottime").print_stats(5)
        stats.print_callers(5)
        self.tap.ok(f"{self.reference.totals['alloc_count']} function calls" in stats.stream.getvalue(), f"{self.name}: pstats: prints")

    @staticmethod
    def pstats_key(frame):
        return frame[1], frame[2], frame[0]

    # ---- json, csv ----

    def report_formats(self):
        for group in ("line", "function", "file", "module", "traceback", "thread"):
            if group == "thread" and "--filter" in str(self.options):
                continue
            for more in ([], ["--cumulative"]) if group not in ("traceback", "thread") else ([],):
                expected = self.reference.read(group, *more)
                self.equal(json.loads(self.export("json", f"--group-by={group}", *more)), expected, f"json: by {group} {more}")
                rows = list(csv.DictReader(self.export("csv", f"--group-by={group}", *more).decode().splitlines(keepends=True)))
                fields = [name for name in rows[0] if name.endswith(("_count", "_bytes"))] if rows else []
                got = [(row["key"].lstrip("'"), *(int(row[name]) for name in fields)) for row in rows]
                wanted = [(escaped(item["key"]).replace("\ufffd", "\\xff").lstrip("'"), *(item[name] for name in fields))
                          for item in expected["statistics"]]
                self.equal(got, wanted, f"csv: by {group} {more}")

    # ---- all ----

    def everything(self):
        for check in (self.folded, self.flamegraph, self.pprof, self.go, self.speedscope, self.callgrind, self.callgrind_annotate,
                      self.massif, self.ms_print, self.dhat, self.dot, self.perf, self.heaptrack, self.heaptrack_print, self.firefox, self.pstats,
                      self.report_formats):
            self.tap.run(lambda _, run=check: run(), name=f"{self.name}: {check.__name__}")


# ---- traces ----

def hostile_program(build, directory):
    """viewer_stacks, with a function name that linkers would not let through."""
    assert len(EVIL_FUNCTION) == len(HOSTILE_FUNCTION), (len(EVIL_FUNCTION), len(HOSTILE_FUNCTION))
    path = directory / "viewer_stacks"
    path.write_bytes(pathlib.Path(build.program("viewer_stacks")).read_bytes().replace(HOSTILE_FUNCTION, EVIL_FUNCTION))
    path.chmod(0o755)
    return path


def check_traces(tap, tracer):
    build = tracer.build
    programs = {
        "viewer_stacks": [hostile_program(build, tracer.new_directory())],
        "word_count": [build.program("word_count")],
        "threads": [build.program("threads")],
        "perl": ["perl", "-e", "my %h = map { $_ => 'x' x $_ } 1..100; print scalar keys %h"],
        "nothing": [build.program("exits"), "_exit"],
    }
    for name, argv in programs.items():
        if not shutil.which(argv[0]):
            tap.skip(name, f"no {argv[0]}")
            continue
        result = tracer.run(argv, stdin=b"the quick brown fox jumps over the lazy dog the end\n" * 30)
        path = result.trace.path
        Exports(tap, tracer, name, path).everything()
        if name == "perl":
            Exports(tap, tracer, f"{name} --system", path, "--system").everything()
        check_output(tap, tracer, name, path)


def check_moments(tap, tracer):
    """Of an earlier moment there is less: what is not known is left out, not zero."""
    trace = tracer.run([tracer.build.program("viewer_stacks")]).trace.path
    at_peak = Exports(tap, tracer, "viewer_stacks@peak", f"{trace}@peak")
    tap.equal(sum(at_peak.folded_stacks().values()), at_peak.reference.total("live"), "at the peak: what was live")
    profile = PprofFile(at_peak.export("pprof"))
    tap.equal(profile.types, [("inuse_objects", "count"), ("inuse_space", "bytes")], "at the peak: nothing else is known")
    for form in FORMATS:
        result = execute([str(tracer.build.tool), "export", f"--format={form}", "--measure=temporary", f"{trace}@peak"])
        tap.ok(result.status == 2 and b"not known" in result.stderr and not result.stdout, f"{form}: nor can be asked for", result.stderr)


# ---- what holds for all formats ----

def check_output(tap, tracer, name, trace):
    """The same bytes every time, on stdout and in a file."""
    directory = tracer.new_directory()
    for form in FORMATS:
        runs = [execute([str(tracer.build.tool), "export", f"--format={form}", str(trace)], cwd=directory) for _ in range(2)]
        tap.equal((runs[0].status, runs[0].stderr), (0, b""), f"{name}: {form}: works")
        path = directory / f"file.{form}"
        written = execute([str(tracer.build.tool), "export", "-f", form, "-o", path.name, str(trace)], cwd=directory)
        tap.ok(runs[0].stdout == runs[1].stdout == path.read_bytes(), f"{name}: {form}: always the same bytes")
        tap.ok(written.status == 0 and f"wrote {path.name}".encode() in written.stdout, f"{name}: {form}: says what it wrote",
               written.stdout + written.stderr)
    tap.equal(sorted(path.name for path in directory.iterdir()), sorted(f"file.{form}" for form in FORMATS),
              f"{name}: nothing else is left behind")


def check_failures(tap, tracer):
    tool, directory = str(tracer.build.tool), tracer.new_directory()
    trace = str(tracer.run([tracer.build.program("word_count")], stdin=b"a b c d\n" * 1000).trace.path)

    def refuses(name, status, *arguments, says=b""):
        result = execute([tool, "export", *map(str, arguments)], cwd=directory)
        lines = result.stderr.splitlines()
        tap.ok(result.status == status and len(lines) == 1 and lines[0].startswith(b"memtrace: ") and says in lines[0]
               and not result.stdout, f"refuses {name}: one line, status {status}",
               f"{result.status} {result.stdout!r} {result.stderr!r}")

    refuses("an unknown format", 2, "--format=nonsense", trace, says=b"nonsense")
    refuses("no format", 2, trace, says=b"--format")
    refuses("an unknown measure", 2, "--format=folded", "--measure=nonsense", trace, says=b"nonsense")
    refuses("a missing trace", 1, "--format=folded", directory / "missing", says=b"No such file")
    refuses("a grouping it has not", 2, "--format=folded", "--group-by=file", trace, says=b"group")
    refuses("any grouping where there is none", 2, "--format=pprof", "--group-by=line", trace, says=b"group")
    refuses("two traces", 2, "--format=mprof", trace, trace)
    refuses("too many patterns", 2, "--format=folded", *["--filter=x"] * 65, trace)
    for form in FORMATS:
        refuses(f"a full disk ({form})", 1, f"--format={form}", "-o", "/dev/full", trace, says=b"No space left")
        refuses(f"no such directory ({form})", 1, f"--format={form}", "-o", directory / "missing" / "x", trace, says=b"No such file")
    kept = directory / "kept"
    kept.write_text("what was there before")
    # A file that may not grow is a full disk; SIGXFSZ must not be the end.
    script = f"ulimit -f 0; trap '' XFSZ; exec {tool} export --format=folded -o {kept} {trace}"
    result = execute(["/bin/sh", "-c", script], cwd=directory)
    tap.ok(result.status == 1 and result.stderr.count(b"\n") == 1, "a file that may not grow: one line, status 1", result.stderr)
    tap.equal((sorted(path.name for path in directory.iterdir()), kept.read_text()), (["kept"], "what was there before"),
              "what was there before is still there, and nothing else")
    link = directory / "link"
    link.symlink_to("kept")
    execute([tool, "export", "--format=folded", "-o", "link", trace], cwd=directory)
    tap.ok(link.is_symlink() and b"word_count.c" in kept.read_bytes(), "a link is written through")
    execute([tool, "export", "--format=folded", "-o", "x.gz", trace], cwd=directory)
    tap.equal(gzip.decompress((directory / "x.gz").read_bytes()), kept.read_bytes(), "compressed as its name asks for: .gz")


def check_filters(tap, tracer):
    trace = tracer.run([tracer.build.program("viewer_stacks")]).trace.path
    Exports(tap, tracer, "viewer_stacks, filtered", trace, "--filter=function:recurse").folded()
    Exports(tap, tracer, "viewer_stacks, without", trace, "--exclude=function:ping", "--all-frames").folded()


def check_difference(tap, tracer):
    """go tool pprof -diff_base says what memtrace diff says."""
    if not shutil.which("go"):
        tap.skip("go tool pprof -diff_base", "no go")
        return
    argv = [tracer.build.program("word_count")]
    old, new = (Exports(tap, tracer, name, tracer.run(argv, stdin=words).trace.path)
                for name, words in (("old", b"some words and some more\n" * 40), ("new", b"some words and many more of them\n" * 90 + b"x y z\n")))
    base = old.file("pprof", suffix=".pb.gz")
    got = new.go_table(new.file("pprof", suffix=".pb.gz"), "-top", "-functions", "-sample_index=alloc_space", f"-diff_base={base}")
    diff = execute([str(tracer.build.tool), "diff", "--json", "--measure=total", "--group-by=function", str(old.path), str(new.path)])
    expected = {item["function"]: item["size_diff"] for item in json.loads(diff.stdout)["statistics"] if item["size_diff"]}
    tap.equal({name: flat for name, (flat, _) in got.items() if flat}, expected, "go tool pprof -diff_base: memtrace diff's differences")


def check_help(tap, tracer):
    for arguments in (["help", "export"], ["export", "--help"]):
        text = execute([str(tracer.build.tool), *arguments]).stdout.decode()
        tap.equal([form for form in FORMATS if not re.search(rf"^  {form}\s", text, flags=re.M)], [],
                  f"{' '.join(arguments)}: names every format")


def main():
    with Tap() as tap, Tracer(Build()) as tracer:
        tap.run(check_help, tracer)
        tap.run(check_failures, tracer)
        tap.run(check_filters, tracer)
        tap.run(check_moments, tracer)
        tap.run(check_difference, tracer)
        tap.run(check_traces, tracer)


if __name__ == "__main__":
    main()
