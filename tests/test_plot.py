# SPDX-License-Identifier: BSD-2-Clause
"""test_plot.py -- memtrace plot, report --rss, rm and export --format=mprof, on traces made by hand.

What is written is read back with other people's eyes: XML and JSON parsers, zlib, memory_profiler's
mprof; slopes are compared with exact least squares in fractions."""

import csv
import fractions
import gzip
import io
import json
import math
import os
import pathlib
import pty
import random
import re
import shutil
import struct
import subprocess
import time
import xml.etree.ElementTree
import zlib

from made_trace import SECOND_NS, START_NS, MadeTrace
from tap import Tap
from trace_file import TraceFile
from traced import Build, Tracer, clean_environment, execute, wait_until

MIB = 1 << 20
EVIL = b"<script>alert(1)</script>\"'&]]>\n\x1b[2J\xff\xef\xbf\xbe\xe2\x80\xae"
SVG = "{http://www.w3.org/2000/svg}"


def run_of(name, pid, seconds, points, directory, start_s=0, **header):
    """A trace with RSS and heap at [(seconds, rss, live)]."""
    start_ns, end_ns = START_NS + int(start_s * SECOND_NS), START_NS + int((start_s + seconds) * SECOND_NS)
    trace = MadeTrace(name, pid=pid, seconds=0, start_time_ns=start_ns, end_time_ns=end_ns, last_seen_ns=end_ns,
                      start_realtime_ns=1_700_000_000 * SECOND_NS + start_ns - START_NS, **header)
    for after_s, rss, live in points:
        trace.point(after_s, rss_bytes=rss, live_bytes=live)
    return trace.write(directory / f"{pathlib.PurePosixPath(name).name}.{pid}.memtrace"), trace


class Plots:
    """Runs the tool in a directory of its own."""

    def __init__(self, tap, tracer):
        self.tap, self.build, self.tracer = tap, tracer.build, tracer
        self.directory = tracer.new_directory()
        # What fontconfig never frees, cairo's fonts, is not ours to be told of.
        suppressions = tracer.new_directory() / "suppressions"
        suppressions.write_text("leak:libfontconfig\n")
        self.environment = {"NO_COLOR": "1", "TZ": "UTC", "LSAN_OPTIONS": f"suppressions={suppressions}:print_suppressions=0"}

    def tool(self, *arguments, environment=None):
        return execute([str(self.build.tool), *map(str, arguments)], {**self.environment, **(environment or {})},
                       cwd=self.directory)

    def good(self, *arguments, environment=None):
        """stdout of a run that must succeed."""
        result = self.tool(*arguments, environment=environment)
        if result.status != 0 or result.stderr:
            raise AssertionError(f"{arguments}: status {result.status}: {result.stderr!r}")
        return result.stdout

    def json(self, *arguments):
        return json.loads(self.good("plot", "--json", *arguments))

    def file(self, name, *arguments):
        """A file that plot writes."""
        self.good("plot", "-o", name, *arguments)
        return (self.directory / name).read_bytes()

    def refuses(self, name, status, words, *arguments):
        result = self.tool(*arguments)
        lines = result.stderr.splitlines()
        self.tap.ok(result.status == status and len(lines) == 1 and lines[0].startswith(b"memtrace: ") and words in lines[0]
                    and not result.stdout, name, f"status {result.status}: {result.stderr!r} {result.stdout!r}")

    # --- traces ---

    def leak(self, per_second=10240, seconds=600, noise=200_000, seed=5):
        """(path, [(s, rss)]) with a planted leak."""
        source = random.Random(seed)
        points = [(i, 20 * MIB + i * per_second + source.randint(-noise, noise), 10 * MIB) for i in range(seconds)]
        path, _ = run_of("./leaky", 200, seconds, points, self.directory)
        return path, [(second, rss) for second, rss, _ in points]

    def server(self):
        """A parent of 10 s, two children that overlap, and a grandchild; others that are no family."""
        directory = self.directory / "family"
        directory.mkdir(exist_ok=True)
        ten = [(i, 10 * MIB, MIB) for i in range(11)]
        path, _ = run_of("./server", 400, 10, ten, directory)
        run_of("./server", 401, 4, [(i, 5 * MIB, MIB) for i in range(5)], directory, start_s=2, parent_pid=400)
        run_of("./server", 402, 4, [(i, 7 * MIB, MIB) for i in range(5)], directory, start_s=4, parent_pid=400)
        run_of("./worker", 403, 1, [(0, MIB, 0), (1, 3 * MIB, 0)], directory, start_s=5, parent_pid=402)
        run_of("./other", 500, 5, [(i, 90 * MIB, MIB) for i in range(5)], directory, start_s=1, parent_pid=1)
        run_of("./earlier", 501, 5, [(i, 90 * MIB, MIB) for i in range(5)], directory, start_s=-500, parent_pid=400)
        shutil.copyfile(path, directory / "copy.memtrace")
        return path

    # --- numbers ---

    def exact_numbers(self):
        """JSON and CSV hold every number as it is in the trace, and nothing for what is not known."""
        trace = MadeTrace("./exact", pid=77, seconds=4, peak_bytes=333, peak_time_ns=START_NS + SECOND_NS // 2)
        trace.point(0, rss_bytes=1001, live_bytes=17, minor_faults=5, alloc_count=3, alloc_bytes=2**53 + 1)
        trace.point(1, rss_bytes=-1)
        trace.point(3, span_s=1, rss_bytes=(900, 2**61), pss_bytes=(1, 2), thread_count=3)
        trace.mark("MARK_SNAPSHOT", "half-way", 1.5)
        trace.mark("MARK_POINT", "no snapshot", 1.75)
        trace.write(self.directory / "exact.memtrace")
        content = self.json("exact.memtrace")
        self.tap.equal(content["series"], [
            {"time_ns": 0, "rss_bytes": 1001, "live_bytes": 17, "alloc_count": 3, "alloc_bytes": 2**53 + 1, "minor_faults": 5},
            {"time_ns": SECOND_NS},
            {"time_ns": 3 * SECOND_NS, "span_ns": SECOND_NS, "rss_bytes": 2**61, "rss_bytes_min": 900, "pss_bytes": 2,
             "pss_bytes_min": 1, "threads": 3}], "JSON: every number, and nothing that is not known")
        self.tap.equal(content["snapshots"], [{"name": "half-way", "time_ns": 3 * SECOND_NS // 2}], "JSON: snapshots")
        self.tap.equal([mark["name"] for mark in content["marks"]], ["half-way", "no snapshot"], "JSON: marks")
        self.tap.equal([(item["measure"], item["peak"], item["peak_time_ns"]) for item in content["measures"]],
                       [("rss", 2.0**61, 5 * SECOND_NS // 2), ("live", 333, SECOND_NS // 2)],
                       "JSON: peaks, that of the heap as the recorder knows it")
        rows = list(csv.DictReader(io.StringIO(self.good("plot", "-f", "csv", "exact.memtrace").decode())))
        self.tap.equal([(row["pid"], row["time_ns"], row["span_ns"], row["rss_bytes_min"], row["rss_bytes_max"],
                         row["alloc_bytes"], row["uss_bytes_max"]) for row in rows],
                       [("77", "0", "0", "1001", "1001", str(2**53 + 1), ""), ("77", str(SECOND_NS), "0", "", "", "", ""),
                        ("77", str(3 * SECOND_NS), str(SECOND_NS), "900", str(2**61), "", "")], "CSV: the same")
        windowed = self.json("exact.memtrace", "--window=2.5s,3s")
        self.tap.equal([point["time_ns"] for point in windowed["series"]], [3 * SECOND_NS], "a window keeps what is in it")
        self.good("plot", "-o", "exact.json", "exact.memtrace")
        self.tap.equal(json.loads((self.directory / "exact.json").read_text()), content, "-o x.json is --json")

    def peaks(self):
        """--peak and the report."""
        trace = MadeTrace("./peaked", pid=78, seconds=20, peak_bytes=5 * MIB, peak_time_ns=START_NS + 7 * SECOND_NS)
        for i in range(20):
            trace.point(i, rss_bytes=(30 if i == 12 else 20) * MIB, live_bytes=MIB)
        trace.write(self.directory / "peaked.memtrace")
        self.tap.equal(self.good("plot", "--peak", "peaked.memtrace").decode(),
                       "peaked.memtrace   RSS 30.0 MiB at 12.00 s   heap 5120 KiB at 7.00 s\n", "--peak")
        self.tap.equal(self.good("plot", "--peak", "-m", "rss", "-w", "13s,15s", "peaked.memtrace").decode(),
                       "peaked.memtrace   RSS 20.0 MiB at 13.00 s\n", "--peak in a window")
        self.tap.ok(b"\n  peak RSS 30.0 MiB   at 12.00 s\n" in self.good("report", "peaked.memtrace"), "report has the peak RSS")
        for i in range(5):
            trace.point(20 + i, rss_bytes=(20 + i) * MIB, rss_peak_bytes=(50 if i >= 3 else 33) * MIB,
                        cgroup_max_bytes=(64 * MIB, 2**63 - 1, 0, 64 * MIB, 32 * MIB)[i])
        trace.header.update(end_time_ns=START_NS + 25 * SECOND_NS)
        trace.write(self.directory / "peaked.memtrace")
        self.tap.equal(self.good("plot", "--peak", "-m", "rss,limit", "peaked.memtrace").decode(),
                       "peaked.memtrace   RSS 50.0 MiB at 22.50 s   limit 64.0 MiB at 20.00 s\n",
                       "--peak between two readings, by the kernel's account")
        self.tap.ok(b"\n  peak RSS 50.0 MiB   at 22.50 s\n" in self.good("report", "peaked.memtrace"), "report has that, too")
        self.tap.equal([(point.get("rss_peak_bytes"), point.get("cgroup_max_bytes")) for point in self.json("peaked.memtrace")["series"][-4:]],
                       [(33 * MIB, None), (33 * MIB, None), (50 * MIB, 64 * MIB), (50 * MIB, 32 * MIB)],
                       "JSON: the kernel's account, and the container's limit")

    def rss(self):
        """report --rss: what there was at the peak of RSS and at the end."""
        trace = MadeTrace("./explained", pid=79, seconds=3)
        trace.point(1, rss_bytes=64 * MIB, live_bytes=24 * MIB, thread_count=4, minor_faults=12345, pss_bytes=60 * MIB)
        trace.point(2, rss_bytes=(40 * MIB, 48 * MIB), live_bytes=20 * MIB, span_s=0.5, thread_count=2)
        trace.point(3)
        trace.write(self.directory / "explained.memtrace")
        text = self.good("report", "--rss", "explained.memtrace").decode()
        note = "  note: RSS is not known for 1.00 s, from 2.00 s on: /proc could not be read"
        self.tap.equal(text.splitlines()[-2], note, "report --rss tells what is not known")
        rows = {line[2:28].strip(): line[28:].split("  ") for line in text.splitlines()[3:-2]}
        rows = {key: [cell.strip() for cell in cells if cell.strip()] for key, cells in rows.items()}
        self.tap.equal(rows, {"resident (RSS)": ["64.0 MiB", "40.0 MiB to 48.0 MiB"],
                              "live in the heap": ["24.0 MiB", "20.0 MiB"],
                              "everything else": ["40.0 MiB", "20.0 MiB to 28.0 MiB"],
                              "shares divided (PSS)": ["60.0 MiB", "-"], "threads": ["4", "2"],
                              "minor page faults": ["12,345", "-"]}, "report --rss", text)
        content = json.loads(self.good("report", "--rss", "--json", "explained.memtrace"))["rss"]
        self.tap.equal((content["peak"]["rss_bytes"], content["last"]["rss_bytes_min"]), (64 * MIB, 40 * MIB), "report --rss --json")
        self.looks(trace)
        untouched = MadeTrace("./untouched", pid=80, seconds=2)
        untouched.point(1, rss_bytes=MIB, live_bytes=2 * MIB)
        untouched.write(self.directory / "untouched.memtrace")
        self.tap.ok(b"everything else" not in self.good("report", "--rss", "untouched.memtrace"),
                    "where more is live than is resident, nothing is said of the rest")
        MadeTrace("./silent", pid=80).write(self.directory / "silent.memtrace")
        self.refuses("report --rss without a series", 1, b"no RSS was recorded", "report", "--rss", "silent.memtrace")

    def looks(self, trace):
        """What RSS was made of, beside what is no look: half written, negative, larger than any memory."""
        text = self.good("report", "--rss", "explained.memtrace").decode()
        self.tap.ok("what it was made of was not recorded" in text, "of an older recorder one line says that there is none", text)

        def look(after_s, rss, kinds, **values):
            amounts = [0] * trace.number["RESIDENCE_MAX"]
            for kind, value in kinds.items():
                amounts[trace.number[f"RESIDENCE_{kind}"]] = value
            time_ns = START_NS + int(after_s * SECOND_NS)
            trace.append("RESIDENCE", "trace_residence", {
                "time_ns": time_ns, "end_time_ns": time_ns, "rss_bytes": rss, "knows_blocks": 1, "bytes": amounts, **values})

        trace.append("RESIDENCE", "trace_residence", {})
        look(2, 40 * MIB, {"LIVE": 20 * MIB, "FILES": 19 * MIB}, absent_live_bytes=3 * MIB)
        look(2.5, 90 * MIB, {"LIVE": 90 * MIB}, end_time_ns=0)
        look(1.5, 90 * MIB, {"LIVE": 90 * MIB}, end_time_ns=5)
        look(1.6, 90 * MIB, {"LIVE": 91 * MIB, "GAPS": -MIB})
        look(1.7, 2**62, {"LIVE": 2**62})
        look(1, 64 * MIB, {"LIVE": 24 * MIB, "FREE": 40 * MIB})
        trace.write(self.directory / "looked.memtrace")
        looks = json.loads(self.good("report", "--rss", "--json", "looked.memtrace"))["resident"]
        self.tap.equal([(item["time_ns"], item["rss_bytes"], item["live_bytes"], item["free_bytes"], item["unexplained_bytes"],
                         item["absent_live_bytes"]) for item in looks],
                       [(SECOND_NS, 64 * MIB, 24 * MIB, 40 * MIB, 0, 0), (2 * SECOND_NS, 40 * MIB, 20 * MIB, 0, MIB, 3 * MIB)],
                       "report --rss --json: those that are whole, by time")
        rows = self.good("report", "--rss", "looked.memtrace").decode().split("what is resident:")[1].splitlines()
        rows = {line[2:28].strip(): line[28:].split() for line in rows[2:11]}
        self.tap.equal({key: rows.get(key) for key in ("live blocks of the heap", "free, but not given back", "files", "not explained",
                                                       "resident (RSS)")},
                       {"live blocks of the heap": "24.0 MiB 37.5% 20.0 MiB 50.0%".split(),
                        "free, but not given back": "40.0 MiB 62.5% 0 B 0.0%".split(),
                        "files": "0 B 0.0% 19.0 MiB 47.5%".split(), "not explained": "0 B 0.0% 1024 KiB 2.5%".split(),
                        "resident (RSS)": "64.0 MiB 100.0% 40.0 MiB 100.0%".split()}, "report --rss: at the peak and at the last look")

    def slope(self):
        """A planted leak is found, within its error; the slope is that of exact least squares."""
        for per_second, seconds, noise, seed in ((10240, 600, 200_000, 5), (10240, 60, 4096, 6), (0, 600, 300_000, 7),
                                                 (-512, 3600, 100_000, 8)):
            path, points = self.leak(per_second, seconds, noise, seed)
            item = self.json("--slope", "-m", "rss", path)["measures"][0]
            n = len(points)
            sum_t, sum_y = sum(t for t, _ in points), sum(y for _, y in points)
            exact = fractions.Fraction(n * sum(t * y for t, y in points) - sum_t * sum_y,
                                       n * sum(t * t for t, _ in points) - sum_t ** 2) * 3600
            self.tap.ok(math.isclose(item["slope_per_hour"], float(exact), rel_tol=1e-9, abs_tol=1e-3),
                        f"{per_second} B/s over {seconds} s: exact least squares", f"{item} instead of {float(exact)}")
            error = item["slope_standard_error_per_hour"]
            self.tap.ok(abs(item["slope_per_hour"] - per_second * 3600) <= 2.5 * error, "the planted slope is within 2.5 errors", item)
            residuals = [y - float(sum_y / n) - float(exact) / 3600 * (t - sum_t / n) for t, y in points]
            spread = sum((t - sum_t / n) ** 2 for t, _ in points)
            plain = math.sqrt(sum(r * r for r in residuals) / (n - 2) / spread) * 3600
            self.tap.ok(0.95 * plain < error < 1.4 * plain, "of independent noise, the error is about the usual one",
                        f"{error} beside {plain}")
            self.tap.equal(item["slope_readings"], n, "all readings were taken")
        text = self.good("plot", "--slope", path).decode()
        self.tap.ok(re.search(r"RSS: -\d+ KiB \+-\d+(\.\d+)? \w+ per hour", text), "and a sentence says so", text[-400:])
        self.stairs()

    def stairs(self):
        """RSS that grows in rare large steps is not sure of its slope; the plain formula would be."""
        held = plainly_held = 0
        for seed in range(60):
            source = random.Random(seed)
            points, rss = [], 20 * MIB
            for second in range(600):
                rss += 2 * MIB if source.random() < 0.015 else 0
                points.append((second, rss, MIB))
            path, _ = run_of("./stairs", 201, 600, points, self.directory)
            item = self.json("--slope", "-m", "rss", path)["measures"][0]
            slope, error = item["slope_per_hour"] / 3600, item["slope_standard_error_per_hour"] / 3600
            squares = sum((rss - points[300][1] - slope * (second - 300)) ** 2 for second, rss, _ in points)
            plain = math.sqrt(squares / 598 / sum((second - 299.5) ** 2 for second in range(600)))
            held += abs(slope - 0.015 * 2 * MIB) <= 2 * error
            plainly_held += abs(slope - 0.015 * 2 * MIB) <= 2 * plain
        self.tap.ok(held >= 50 and plainly_held < 20, "rare steps: twice the error holds the rate they come at",
                    f"{held} of 60; with the plain formula {plainly_held}")

    # --- pictures ---

    def picture_names(self):
        trace = MadeTrace(EVIL, pid=81, seconds=10)
        for i in range(100):
            trace.point(i / 10, rss_bytes=i * MIB, live_bytes=(i // 2) * MIB)
        trace.mark("MARK_SNAPSHOT", EVIL, 3)
        trace.mark("MARK_PHASE_BEGIN", EVIL, 1)
        trace.mark("MARK_PHASE_END", EVIL, 8)
        return trace.write(self.directory / "evil.memtrace")

    def svg(self):
        """SVG: well-formed whatever names there are, sized, in both themes, without scripts."""
        data = self.file("evil.svg", "-t", "a \x1b]0;<title>&", self.picture_names())
        root = xml.etree.ElementTree.fromstring(data)
        self.tap.equal((root.tag, root.get("viewBox")), (SVG + "svg", "0 0 1000 500"), "SVG: well-formed XML with a viewBox")
        self.tap.equal([element.tag for element in root.iter() if element.tag in (SVG + "script", SVG + "foreignObject")]
                       + re.findall(rb"\son\w+=|javascript:|href", data), [], "SVG: nothing that could run")
        self.tap.ok(not re.search(rb"[\x00-\x08\x0b-\x1f\x7f]|\xe2\x80\xae|\xef\xbf\xbe", data), "SVG: no control characters")
        titles = [element.text for element in root.iter(SVG + "title")]
        self.tap.ok(any("alert(1)" in title for title in titles), "SVG: marks have tooltips", titles[:9])
        self.tap.ok(any(re.search(r"\nRSS: .*\nheap: ", title) for title in titles), "SVG: values have tooltips", titles[:9])
        self.tap.ok(b"prefers-color-scheme:dark" in data, "SVG: dark where the viewer likes it so")
        for theme, color in (("light", b".f0{fill:#ffffff}"), ("dark", b".f0{fill:#14171a}")):
            one = self.file(f"{theme}.svg", f"--theme={theme}", "evil.memtrace")
            self.tap.ok(b"prefers-color-scheme" not in one and color in one, f"SVG: --theme={theme}")
        dashes = set(re.findall(rb'stroke-dasharray="([^"]+)"', self.file("lines.svg", "--no-marks", "-M", self.server())))
        self.tap.ok(len(dashes) >= 3, "SVG: lines differ in more than colour", dashes)
        self.tap.equal(xml.etree.ElementTree.fromstring(gzip.decompress(self.file("small.svg.gz", "--size=320x200", "evil.memtrace")))
                       .get("viewBox"), "0 0 320 200", "SVG: --size, and .svg.gz")
        for size in ("1x1", "20x20", "100x60", "240x140", "5000x3000"):
            xml.etree.ElementTree.fromstring(self.file("any.svg", f"--size={size}", "-s", "evil.memtrace"))
        self.tap.ok(True, "SVG: any size")

    def labels(self):
        """No label of a common picture leaves it, and no two of the axes touch."""
        for seconds in (0.062, 10, 120, 3600, 7 * 86400):
            points = [(seconds * i / 50, (20 + i) * MIB, i * MIB) for i in range(51)]
            path, _ = run_of("./any", 82, seconds, points, self.directory)
            for size in ("300x180", "640x400", "1600x900"):
                root = xml.etree.ElementTree.fromstring(self.file("any.svg", f"--size={size}", path))
                width, height = map(int, size.split("x"))
                texts = [(float(text.get("x")), float(text.get("y")), text.get("text-anchor", "start"), text.text)
                         for text in root.iter(SVG + "text")]
                boxes = []
                for x, y, anchor, text in texts:
                    wide = 6.6 * len(text)
                    left = x - {"start": 0, "middle": wide / 2, "end": wide}[anchor]
                    boxes.append((left, y, left + wide, text))
                out = [box for box in boxes if box[0] < -8 or box[2] > width + 20 or not 5 < box[1] < height]
                self.tap.equal(out, [], f"{seconds} s, {size}: all words are in the picture")
                row = sorted(box for box, text in zip(boxes, texts) if text[2] == "middle")
                self.tap.ok(len(row) >= 2 and all(a[2] <= b[0] + 4 for a, b in zip(row, row[1:])),
                            f"{seconds} s, {size}: labels of time do not touch", row)

    def png(self):
        """PNG and PDF, or a line that says what is missing."""
        path = self.picture_names()
        result = self.tool("plot", "-o", "x.png", path)
        if b"built without cairo" in result.stderr:
            self.tap.equal((result.status, (self.directory / "x.png").exists()), (1, False), "PNG: without cairo nothing is written")
            self.tap.skip("PNG", "built without cairo")
            return
        data = (self.directory / "x.png").read_bytes()
        width, height, depth, color = struct.unpack(">IIBB", data[16:26])
        self.tap.equal((data[:8], width, height, depth, color), (b"\x89PNG\r\n\x1a\n", 1000, 500, 8, 2), "PNG: 1000 x 500 pixels")
        for theme, paper in (("light", b"\xff\xff\xff"), ("dark", b"\x14\x17\x1a")):
            data = self.file("y.png", "--size=300x200", f"--theme={theme}", path)
            chunks, at = b"", 8
            while at < len(data):
                length, kind = struct.unpack(">I4s", data[at:at + 8])
                chunks += data[at + 8:at + 8 + length] if kind == b"IDAT" else b""
                at += length + 12
            pixels = zlib.decompress(chunks)
            self.tap.equal((len(pixels), pixels[1:4]), (200 * (1 + 300 * 3), paper), f"PNG: --size and --theme={theme}")
        data = self.file("x.pdf", path)
        self.tap.ok(data.startswith(b"%PDF-") and b"/MediaBox [ 0 0 750 375 ]" in data, "PDF: one page of that size")

    def terminal(self):
        """Braille where it is understood, ASCII else; no wider than the terminal; gaps are empty."""
        trace = MadeTrace("./gap", pid=83, seconds=10)
        for i in range(100):
            known = {} if 30 <= i < 60 else {"rss_bytes": (20 + i // 5) * MIB}
            trace.point(i / 10, **known)
        trace.mark("MARK_SNAPSHOT", EVIL, 2)
        path = trace.write(self.directory / "gap.memtrace")
        plain = self.good("plot", path)
        self.tap.ok(plain.isascii() and b"*" in plain, "LC_ALL=C: ASCII", plain)
        braille = self.good("plot", path, environment={"LC_ALL": "C.UTF-8"}).decode()
        self.tap.ok(any("\u2800" < character <= "\u28ff" for character in braille), "UTF-8: braille", braille)
        self.tap.ok(max(map(len, braille.splitlines())) <= 80 and not re.search("[\x00-\x09\x0b-\x1f]", braille),
                    "no wider than 80 columns, and no control characters", braille)
        self.tap.ok(self.good("plot", "--ascii", path, environment={"LC_ALL": "C.UTF-8"}).isascii(), "--ascii")
        rows = [line.split("|", 1)[-1].split("+", 1)[-1] for line in plain.decode().splitlines() if re.search(r"[|+]", line)]
        drawn = {column for row in rows[:-1] for column, character in enumerate(row) if character == "*"}
        width = max(drawn) + 1
        gap = [column for column in range(width) if column not in drawn]
        self.tap.ok(gap and gap == list(range(gap[0], gap[-1] + 1)) and 0.25 < len(gap) / width < 0.36,
                    "what is not known is a gap of its length", gap)
        self.tap.ok(b"\x1b[" in self.good("plot", "--color=always", path), "--color=always")
        for size in ("40x4", "500x100", "1x1"):
            self.good("plot", f"--size={size}", path)
        output = self.on_terminal(100, "plot", str(path))
        self.tap.ok(b"\x1b[" in output and max(len(re.sub("\x1b\\[[0-9;]*m", "", line))
                                               for line in output.decode().splitlines()) in range(90, 101),
                    "on a terminal: its width, and colours", output)

    def on_terminal(self, columns, *arguments):
        """What the tool writes to a terminal of that many columns."""
        controller, terminal = pty.openpty()
        import fcntl  # pylint: disable=import-outside-toplevel
        import termios  # pylint: disable=import-outside-toplevel
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
        environment = clean_environment({"LC_ALL": "C.UTF-8", "TERM": "xterm"})
        environment.pop("NO_COLOR", None)
        process = subprocess.Popen([str(self.build.tool), *arguments], stdout=terminal, stdin=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL, env=environment, cwd=self.directory)
        os.close(terminal)
        output = b""
        while True:
            try:
                piece = os.read(controller, 65536)
            except OSError:
                break
            if not piece:
                break
            output += piece
        process.wait()
        os.close(controller)
        return output

    # --- several processes ---

    def children(self):
        """The family is found, summed or side by side; nobody else is in it."""
        path = self.server()
        apart = self.json("-M", path)
        self.tap.equal([(run["pid"], run["series"][0]["time_ns"] // SECOND_NS) for run in apart],
                       [(400, 0), (401, 2), (402, 4), (403, 5)], "--multiprocess: children and theirs, on one clock")
        summed = self.json("-C", path)
        self.tap.equal(summed["processes"], 4, "--include-children: as many")
        by_second = {point["time_ns"] // SECOND_NS: point["rss_bytes"] // MIB for point in summed["series"]}
        self.tap.equal(by_second, {0: 10, 1: 10, 2: 15, 3: 15, 4: 22, 5: 23, 6: 25, 7: 17, 8: 17, 9: 10, 10: 10},
                       "--include-children: the sum of who lives")
        self.tap.equal(self.json(path)["series"][2]["rss_bytes"], 10 * MIB, "without: the program alone")
        text = self.good("plot", "-M", "--peak", path).decode()
        self.tap.equal(re.findall(r"^  child (\S+ \(\d+\))   RSS ([\d.]+ \w+)", text, flags=re.M),
                       [("server (401)", "5120 KiB"), ("server (402)", "7168 KiB"), ("worker (403)", "3072 KiB")], "--peak of children")
        folded = self.good("plot", "-M", "-n2", path).decode()
        self.tap.ok("3 others together" in folded, "-n: the others are summed up", folded)
        overlaid = self.json(path, self.leak(seconds=20)[0])
        self.tap.equal([run["pid"] for run in overlaid], [400, 200], "several traces: each from its own start")

    def mprof(self):
        """What memory_profiler's own reader makes of the export."""
        path = self.server()
        trace = MadeTrace("./phased", pid=90, seconds=10)
        for i in range(101):
            trace.point(i / 10, rss_bytes=(30 if i == 55 else 20) * MIB + i * 4096)
        trace.point(10.5, span_s=0.25, rss_bytes=(3 * MIB, 31 * MIB + 5))
        trace.mark("MARK_PHASE_BEGIN", "load it all", 2)
        trace.mark("MARK_PHASE_BEGIN", EVIL, 3)
        trace.mark("MARK_PHASE_END", EVIL, 4)
        trace.mark("MARK_PHASE_END", "load it all", 5)
        trace.write(self.directory / "phased.memtrace")
        data = self.good("export", "--format=mprof", "phased.memtrace").decode()
        lines = data.splitlines()
        self.tap.equal(lines[0], "CMDLINE ./phased", "mprof: the program")
        readings = [tuple(map(float, line.split(" ")[1:])) for line in lines if line.startswith("MEM ")]
        self.tap.equal((len(readings), readings[0], readings[-2:]),
                       (103, (20.0, 1.7e9), [(3.0, 1.7e9 + 10.25), (31.000005, 1.7e9 + 10.5)]),
                       "mprof: MiB and seconds of the epoch; a range is two readings")
        functions = [line.split(" ") for line in lines if line.startswith("FUNC ")]
        self.tap.equal([(len(words), words[1], words[3], words[5], words[6]) for words in functions][0],
                       (7, "load_it_all", "1700000002.0000", "1700000005.0000", "0"), "mprof: phases are functions")
        self.tap.ok(len(functions) == 2 and len(functions[1]) == 7 and functions[1][6] == "1", "mprof: nested, one word each", functions)
        children = [line.split(" ") for line in self.good("export", "--format=mprof", path).decode().splitlines()
                    if line.startswith("CHLD ")]
        self.tap.equal(sorted({words[1] for words in children}), ["401", "402", "403"], "mprof: children")
        self.tap.equal(self.good("plot", "-f", "dat", "phased.memtrace").decode(), data, "plot -f dat is the same")
        self.good("export", "--format=mprof", "-o", "phased.dat", "phased.memtrace")
        self.good("export", "--format=mprof", "-o", "server.dat", path)
        self.real_mprof()

    def real_mprof(self):
        program = shutil.which("python3-mprof") or shutil.which("mprof")
        if not program:
            self.tap.skip("mprof peak", "no mprof (python3-memory-profiler)")
            return
        for name, expected in (("phased.dat", ["31.000"]), ("server.dat", ["10.000", "5.000", "7.000", "3.000"])):
            result = execute([program, "peak", name], cwd=self.directory)
            self.tap.equal(re.findall(rb"([\d.]+) MiB", result.stdout), [text.encode() for text in expected],
                           f"mprof peak {name}", result.stderr)
        result = execute([program, "plot", "-s", "-o", "phased.png", "phased.dat"], {"MPLBACKEND": "Agg"}, cwd=self.directory)
        if b"matplotlib is needed" in result.stdout + result.stderr:
            self.tap.skip("mprof plot", "no matplotlib")
            return
        self.tap.ok((self.directory / "phased.png").exists(), "mprof plot makes a picture", result.stdout + result.stderr)

    # --- recordings ---

    def recorded(self):
        """A real leak, and a burst that falls between two readings."""
        result = self.tracer.run([self.build.program("drip"), "10240", "8"])
        path = result.trace.path
        seconds, leaked = map(float, result.stdout.split())
        # At the end the burst alone would be the slope.
        measures = self.json("--slope", "-m", "live", "-w", f"0.2s,{seconds - 0.2:.3f}s", path)["measures"]
        slope, error = (measures[0][key] / 3600 for key in ("slope_per_hour", "slope_standard_error_per_hour"))
        self.tap.ok(abs(slope - leaked / seconds) < 4 * error and error < 1024, "a leak of 10 KiB/s is found, within its error",
                    f"{slope} +-{error} instead of {leaked / seconds}")
        text = self.good("plot", "--peak", "-m", "rss", path).decode()
        peak = float(re.search(r"RSS ([\d.]+) MiB", text).group(1))
        self.tap.ok(48 < peak < 64, "a burst is the peak, whether a reading saw it or not", text)
        self.good("export", "--format=mprof", "-o", "drip.dat", path)
        program = shutil.which("python3-mprof") or shutil.which("mprof")
        if program:
            result = execute([program, "peak", "drip.dat"], cwd=self.directory)
            self.tap.ok(abs(float(re.search(rb"([\d.]+) MiB", result.stdout).group(1)) - peak) <= 0.051, "mprof peak says the same",
                        (result.stdout, text))
        else:
            self.tap.skip("mprof peak says the same", "no mprof (python3-memory-profiler)")
        layers = self.json("--by=function", "--system", "-m", "live", path)["layers"]
        most = max(layers["items"], key=lambda item: max(item["live_bytes"]))
        self.tap.ok("main" in most["key"] and most["live_bytes"][-1] == int(leaked), "--by: main has what was leaked", layers["items"])

    def recorded_family(self):
        """Programs started by a shell."""
        drip = self.build.program("drip")
        result = self.tracer.run(["/bin/sh", "-c", f"{drip} 1048576 1 & {drip} 2097152 1 & wait; echo"])
        shell = next(trace.path for trace in result.traces if trace.path.name.startswith("sh."))
        self.tap.equal(sorted(run["program"].rsplit("/", 1)[-1] for run in self.json("-M", shell))[:2], ["drip", "drip"],
                       "--multiprocess: what a shell started")
        summed = self.json("-C", "-m", "live", shell)
        alone = self.json("-m", "live", shell)
        self.tap.ok(summed["processes"] >= 3 and summed["measures"][0]["peak"] > 48 * MIB > alone["measures"][0]["peak"],
                    "--include-children: their memory is in it", summed["measures"])

    def fork_server(self):
        """Children that come and go in waves, each of which stands still until every child has been read."""
        directory, block = self.tracer.new_directory(), MIB // 300
        server = self.tracer.start([self.build.program("fork_server")], directory)
        server.stdout.read(1)

        def ask(letter):
            server.stdin.write(letter.encode())
            self.tap.ok(server.stdout.read(1) == b".", f"the server answers {letter}")

        def children():
            return [trace for trace in map(TraceFile, directory.glob("fork_server.*.memtrace")) if trace.header["pid"] != server.pid]

        def have_been_read(count, since_ns):
            later = [trace.points[-1] for trace in children() if trace.points and trace.points[-1]["time_ns"] > since_ns]
            return len(later) >= count

        waves = (3, 2, 4)
        for count in waves:
            for _ in range(count):
                ask("f")
            asked_ns = time.monotonic_ns()
            self.tap.ok(wait_until(lambda: have_been_read(count, asked_ns)), f"{count} children at once")
            ask("w")
        server.communicate(b"q", timeout=60)
        path = directory / f"fork_server.{server.pid}.memtrace"
        most = sum(range(1, max(waves) + 1)) * 300 * block
        summed = self.json("-C", "-m", "live,rss,threads", path)
        peaks = {item["measure"]: item["peak"] for item in summed["measures"]}
        self.tap.equal((summed["processes"], peaks["live"], peaks["threads"]), (sum(waves) + 1, most, max(waves) + 1),
                       "--include-children: the largest wave, exactly")
        self.tap.ok(peaks["rss"] > most, "and its RSS", peaks)
        apart = self.json("-M", "-n20", "-m", "live", path)
        self.tap.equal(sorted(run["measures"][0]["peak"] for run in apart),
                       sorted([0] + [number * 300 * block for count in waves for number in range(1, count + 1)]),
                       "--multiprocess: each child by itself")
        exported = self.good("export", "--format=mprof", path).decode()
        self.tap.equal(len({line.split()[1] for line in exported.splitlines() if line.startswith("CHLD ")}), sum(waves),
                       "mprof: as many children")
        self.file("server.svg", "-M", path)

    # --- layers ---

    def by(self):
        """Who had what over time: the sums of the history, and the exact figures at the peak."""
        trace = MadeTrace("./layered", pid=91, seconds=100, peak_bytes=9000, peak_time_ns=START_NS + 45 * SECOND_NS)
        small, large = trace.module("/none/libsmall.so"), trace.module("/none/liblarge.so")
        first = trace.counters(trace.node(0, large, 0x10), 9, 8000, 3, 3000, peak_bytes=6000, peak_count=5, peak_epoch=7)
        second = trace.counters(trace.node(0, small, 0x20), 4, 3500, 4, 3500, peak_bytes=3000, peak_count=2, peak_epoch=7)
        trace.tick(10, {first: (2, 2000, 0, 0), second: (1, 500, 0, 0)})
        trace.tick(40, {first: (2, 3000, 1, 1000), second: (1, 1500, 0, 0)})
        trace.tick(60, {second: (2, 1500, 3, 3000)})
        trace.write(self.directory / "layered.memtrace")
        layers = self.json("--by=module", "layered.memtrace")["layers"]
        self.tap.equal([time // SECOND_NS for time in layers["times_ns"]], [0, 10, 40, 45, 60, 100], "--by: ticks, the peak, the end")
        self.tap.equal({item["key"]: item["live_bytes"] for item in layers["items"]},
                       {"/none/liblarge.so": [0, 2000, 4000, 6000, 4000, 5000], "/none/libsmall.so": [0, 500, 2000, 3000, 500, 0]},
                       "--by: who had what then")
        rest = self.json("--by=module", "-n2", "-w", "30s,70s", "layered.memtrace")["layers"]
        self.tap.equal([time // SECOND_NS for time in rest["times_ns"]], [40, 45, 60], "--by in a window")
        root = xml.etree.ElementTree.fromstring(self.file("by.svg", "--by=module", "layered.memtrace"))
        self.tap.ok(any("liblarge.so" in (text.text or "") for text in root.iter(SVG + "text")), "--by: layers have names")
        self.tap.ok(b"aa /none/liblarge.so" in self.good("plot", "--by=module", "layered.memtrace"), "--by on a terminal: letters")
        self.refuses("--by without a history", 1, b"no history", "plot", "--by=line", self.leak(seconds=20)[0])
        self.refuses("--by of several", 2, b"one process", "plot", "--by=line", "layered.memtrace", "layered.memtrace")
        heap = self.json("layered.memtrace")
        self.tap.equal([(point["time_ns"] // SECOND_NS, point["live_bytes"]) for point in heap["series"]],
                       [(0, 0), (10, 2500), (40, 6000), (60, 4500), (100, 5000)], "without a series: the heap, from the history")

    # --- odd ones ---

    def odd(self):
        """Nothing, one point, damage, and what makes no sense."""
        MadeTrace("./none", pid=92, seconds=1).write(self.directory / "none.memtrace")
        self.refuses("no series and no history", 1, b"nothing over time", "plot", "none.memtrace")
        path, _ = run_of("./one", 93, 1, [(0.5, 3 * MIB, MIB)], self.directory)
        for arguments in (("-f", "svg"), (), ("-f", "json"), ("--slope",), ("--log",), ("--zoom", "-f", "svg"), ("-w", "0.4s,0.6s")):
            self.good("plot", *arguments, path)
        self.tap.ok(True, "a single point is plotted")
        trace = MadeTrace("./damaged", pid=94, seconds=9)
        trace.point(5, rss_bytes=1)
        trace.point(4, rss_bytes=1)
        trace.write(self.directory / "damaged.memtrace")
        self.refuses("a damaged series", 1, b"is damaged", "plot", "damaged.memtrace")
        for words, arguments in ((b"no such measure", ("-m", "rsss")), (b"no such format", ("-f", "gif")), (b".svg, .png", ("-o", "x.gif")),
                                 (b"which one", ("-C", "-M")), (b"bad value", ("--size=0x5",)), (b"bad value", ("--window=5",)),
                                 (b"one run", ("-o", "x.dat", path)), (b"holds sizes", ("-f", "dat", "-m", "faults")),
                                 (b"bad value", ("--theme=pink",)), (b"bad value", ("--by=thread",))):
            self.refuses(f"plot {' '.join(map(str, arguments))[:40]}", 2, words, "plot", *arguments, path)
        self.refuses("a window without anything", 1, b"is empty", "plot", "-w", "9s,5s", path)
        self.refuses("a window that nobody named", 1, b"nothing in it is called", "plot", "-w", "lunch,", path)
        result = self.tool("plot", "-m", "pss", path)
        self.tap.ok(result.status == 1 and b"pss was not recorded in it: memtrace run --pss-interval" in result.stderr.splitlines()[-1],
                    "a measure that was not recorded", result.stderr)
        for arguments in (("--log", "-m", "rss,live"), ("-m", "rss,faults,threads"), ("-m", "overhead,rate,calls,cpu,majorfaults,cgroup,mapped")):
            trace = MadeTrace("./all", pid=95, seconds=10)
            for i in range(50):
                trace.point(i / 5, rss_bytes=i * MIB, live_bytes=2 * MIB, minor_faults=i, major_faults=0, thread_count=1 + i % 3,
                            alloc_count=i, alloc_bytes=i * 100, cpu_user_ns=i, cpu_system_ns=0, cgroup_bytes=i, mapped_bytes=0)
            trace.write(self.directory / "all.memtrace")
            xml.etree.ElementTree.fromstring(self.good("plot", "-f", "svg", *arguments, "all.memtrace"))
            self.good("plot", *arguments, "all.memtrace")
        self.tap.ok(True, "every measure is plotted")
        result = self.tool("plot", "-o", "/dev/full", "-f", "svg", "all.memtrace")
        self.tap.ok(result.status == 1 and result.stderr.startswith(b"memtrace: "), "a full disk is told", result.stderr)

    def rates(self):
        """Over spans that are long enough; of too short a run over all of it."""
        for seconds, expected in (((0, 1, 1.001, 2), 110), ((0, 1, 1.001, 2, 2.001), 210 / 1.001), ((0, 0.001, 0.002), 110 / 0.002)):
            trace = MadeTrace("./rates", pid=97, seconds=3)
            for second, faults in zip(seconds, (0, 10, 110, 120, 220)):
                trace.point(second, minor_faults=faults, major_faults=0)
            trace.write(self.directory / "rates.memtrace")
            peak = self.json("-m", "faults", "rates.memtrace")["measures"][0]["peak"]
            self.tap.ok(math.isclose(peak, expected), f"the rate of readings at {seconds}", peak)

    def windows(self):
        """FROM,TO as moments are named."""
        trace = MadeTrace("./window", pid=96, seconds=100)
        for i in range(101):
            trace.point(i, rss_bytes=i)
        trace.mark("MARK_PHASE_BEGIN", "serve", 20)
        trace.mark("MARK_PHASE_END", "serve", 30)
        trace.write(self.directory / "window.memtrace")
        for window, first, last in (("10s,12s", 10, 12), ("serve:begin,serve:end", 20, 30), ("90,", 90, 100), (",1", 0, 1),
                                    ("-5s,end", 95, 100), ("start,0.05m", 0, 3)):
            times = [point["time_ns"] // SECOND_NS for point in self.json("-w", window, "window.memtrace")["series"]]
            self.tap.equal((times[0], times[-1]), (first, last), f"--window={window}")

    def narrow_phases(self):
        """Of a phase that is narrower than its name the name stands beside it, as far as the next one."""
        trace = MadeTrace("./narrow", pid=98, seconds=1000)
        for i in range(101):
            trace.point(10 * i, rss_bytes=MIB)
        for name, begin, end in (("wide enough for it", 10, 300), ("backup", 400, 410), ("tick", 600, 600.1), ("more", 615, 990)):
            trace.mark("MARK_PHASE_BEGIN", name, begin)
            trace.mark("MARK_PHASE_END", name, end)
        trace.write(self.directory / "narrow.memtrace")
        line = self.good("plot", "--ascii", "--size=100x12", "narrow.memtrace").decode().splitlines()[-1]
        self.tap.ok(re.search(r"\|wide enough for it-*\| +\|+ backup +\| ?\|more-*\|", line), "on a terminal", line)
        root = xml.etree.ElementTree.fromstring(self.good("plot", "-f", "svg", "narrow.memtrace"))
        places = {text.text: float(text.get("x")) for text in root.iter(SVG + "text") if text.get("x")}
        self.tap.ok({"wide enough for it", "backup", "more"} <= set(places) and places["wide enough for it"] < places["backup"] < places["more"],
                    "in a picture", places)

    def remove(self):
        """rm removes traces, and nothing else."""
        directory = self.tracer.new_directory()
        paths = [MadeTrace("./a", pid=pid).write(directory / f"a.{pid}.memtrace") for pid in (1, 2, 3)]
        (directory / "notes.txt").write_text("keep")
        (directory / "bad.memtrace").write_text("keep")
        (directory / "link.memtrace").symlink_to(paths[2])

        def rm(*arguments):
            return execute([str(self.build.tool), "rm", *map(str, arguments)], cwd=directory)

        def left():
            return sorted(path.name for path in directory.iterdir())

        before = left()
        self.tap.equal((rm("--dry-run", "a.1.memtrace").stdout[:27], left()), (b"would remove a.1.memtrace (", before), "rm --dry-run leaves it")
        self.tap.equal((rm("a.1.memtrace").status, left()), (0, [name for name in before if name != "a.1.memtrace"]), "rm removes a trace")
        for name in ("notes.txt", "bad.memtrace", "link.memtrace", "none.memtrace", "."):
            result = rm(name)
            self.tap.ok(result.status == 1 and result.stderr.count(b"\n") == 1, f"rm {name}: refused", result.stderr)
        self.tap.equal(rm().status, 2, "rm of nothing is a slip")
        self.tap.equal(rm("--all", "a.2.memtrace").status, 2, "rm --all and names, too")
        self.tap.equal(left(), [name for name in before if name != "a.1.memtrace"], "all that is still there")
        self.tap.equal(rm("--force", "bad.memtrace").status, 0, "rm --force removes what is named as a trace")
        environment = clean_environment({"LD_PRELOAD": str(self.build.recorder)})
        with subprocess.Popen(["cat"], env=environment, cwd=directory, stdin=subprocess.PIPE) as process:
            running = f"cat.{process.pid}.memtrace"
            self.tap.ok(wait_until(lambda: b"is running" in rm(running).stderr), "rm: not of a program that runs")
            rm("--all")
            self.tap.equal(left(), sorted([running, "notes.txt"] + [name for name in ("link.memtrace",) if name in left()]),
                           "rm --all removes the rest")
            process.stdin.close()
            process.wait()
        self.tap.equal((rm("--all").status, running in left()), (0, False), "and that one when it has ended")

    def help(self):
        """Every measure and option is told of."""
        text = self.good("help", "plot").decode()
        for word in ("rss", "live", "pss", "overhead", "--slope", "--window", "--include-children", "--multiprocess"):
            self.tap.ok(word in text, f"help plot tells of {word}")


ALL = ("exact_numbers peaks rss slope svg labels png terminal children mprof recorded recorded_family fork_server by odd rates windows narrow_phases remove help").split()


def main():
    with Tap() as tap, Tracer(Build()) as tracer:
        for name in ALL:
            plots = Plots(tap, tracer)
            tap.run(lambda _, method=getattr(plots, name): method(), name=name)


if __name__ == "__main__":
    main()
