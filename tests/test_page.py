# SPDX-License-Identifier: BSD-2-Clause
"""test_page.py -- The page of memtrace html, in a headless Chromium.

What it shows has to be what memtrace report and memtrace diff say of the same trace; it must ask no
network, and no name in a trace may become markup."""

import json
import re
import shutil
import subprocess

from made_trace import SECOND_NS, MadeTrace
from tap import Tap
from test_export import hostile_program
from test_times import MS, TOTAL, Times
from test_viewers import Viewers
from traced import Build, Tracer, execute

FIGURES = {"live": "live_bytes", "peak": "peak_live_bytes", "total": "alloc_bytes", "count": "alloc_count", "blocks": "live_count",
           "temporary": "temporary_count"}


class Pages:
    """Writes pages, and does things in them."""

    def __init__(self, tap, build, tracer, viewers):
        self.tap, self.build, self.tracer, self.viewers = tap, build, tracer, viewers
        self.directory = tracer.new_directory()
        self.number = 0

    def tool(self, *argv, **options):
        return execute([str(self.build.tool), *(str(word) for word in argv)], cwd=self.directory, **options)

    def json(self, *argv):
        result = self.tool(*argv)
        if result.status != 0:
            raise AssertionError(f"{argv}: status {result.status}: {result.stderr!r}")
        return json.loads(result.stdout)

    def write(self, *argv):
        self.number += 1
        path = self.directory / f"page{self.number}.html"
        result = self.tool("html", "-o", path, *argv)
        if result.status != 0:
            raise AssertionError(f"html {argv}: status {result.status}: {result.stderr!r}")
        return path

    def do(self, page, *steps):
        """What each step saw; that nothing went wrong is a result of its own."""
        script = self.directory / "steps.json"
        script.write_text(json.dumps(steps))
        result = json.loads(self.viewers.run("node", self.viewers.source / "page.mjs", self.viewers.browser, page, script))
        self.tap.equal((result["requests"], result["dialogs"], result["errors"]), ([], [], []), f"{page.name}: no network, no dialog, no complaint")
        return result["seen"]


def key_of(item, group):
    """What tells one statistic from another, of the report's or the page's."""
    where = item.get("file") or item.get("module") or ""
    if group == "module":
        return item.get("module") or item.get("function") or ""
    if group == "file":
        return where
    if group == "function":
        return item.get("function") or item.get("offset"), where
    return where, item["line"] if item.get("file") else item.get("offset") or 0, None if where else item.get("function")


def nonzero(items, group, names):
    """{key: {figure: number}} of what has any."""
    sums = {}
    for key, figures in ((key_of(item, group), {name: item[field] for name, field in names.items()}) for item in items):
        entry = sums.setdefault(key, dict.fromkeys(names, 0))
        for name, number in figures.items():
            entry[name] += number
    return {key: figures for key, figures in sums.items() if any(figures.values())}


def check_figures(pages, name, trace, *options):
    """Every figure of every row, and all of the totals, are the report's."""
    tap = pages.tap
    page = pages.write(*options, trace)
    groups = ("line", "function", "file", "module")
    steps = [("open", "tab=table")]
    for group in groups:
        steps += [("choose", "#group", group), ("figures",)]
    steps += [("open", "tab=flame&measure=total"), ("flame",), ("text", "#cards"), ("text", "#completeness")]
    seen = pages.do(page, *steps)
    for i, group in enumerate(groups):
        report = pages.json("report", "--json", f"--group-by={group}", *options, trace)["statistics"]
        expected = nonzero(report, group, FIGURES)
        got = nonzero([{**row, **{FIGURES[key]: number for key, number in row["values"].items()}} for row in seen[2 * i + 2]], group, FIGURES)
        got = {key: got.get(key) for key in expected} | {key: value for key, value in got.items() if key not in expected}
        tap.equal(got, expected, f"{name}: by {group}: the report's figures")
        cumulative = nonzero(pages.json("report", "--json", "--cumulative", f"--group-by={group}", *options, trace)["statistics"], group, {"live": "live_bytes"})
        inclusive = nonzero([{**row, "live_bytes": row["total"]} for row in seen[2 * i + 2]], group, {"live": "live_bytes"})
        if not pages.json("report", "--json", trace)["totals"]["live_bytes"]:
            continue # the page then begins with what was live at the peak
        tap.equal(inclusive, cumulative, f"{name}: by {group}: with all that is called")
    totals = pages.json("report", "--json", *options, trace)["totals"]
    tap.equal(seen[-3]["total"], totals["alloc_bytes"], f"{name}: the flame graph is as wide as all that was allocated")
    tap.ok(f"in {totals['alloc_count']:,} allocations" in seen[-2], f"{name}: the totals", seen[-2])


def check_use(pages, trace):
    """Clicks, keys, zoom, search, and the address that keeps it all."""
    tap = pages.tap
    page = pages.write(trace)
    seen = pages.do(page, ("open",), ("text", "#title"), ("text", "#panel-summary"),
                    ("click", "#tab-flame"), ("choose", "#measure", "total"), ("flame",), ("pixels",),
                    ("point", "#canvas", 0.2, 30), ("flame",), ("hash",), ("text", "#crumbs"),
                    ("focus", "#flame"), ("press", "ArrowDown"), ("flame",), ("press", "Escape"), ("flame",),
                    ("fill", "#search", "strdup|lower"), ("text", "#matched"), ("fill", "#search", "/lower|nothing/"), ("text", "#matched"),
                    ("fill", "#search", "/(/"), ("text", "#matched"), ("fill", "#search", ""),
                    ("click", "#tab-tree"), ("count", "#tree [role=row]"), ("hash",), ("back",), ("hash",))
    tap.ok("word_count" in seen[1], "the title names the program", seen[1])
    tap.ok("word_count.c:" in seen[2], "the summary names lines", seen[2])
    whole, zoomed = seen[5], seen[8]
    tap.ok(any("main" in label for label in whole["drawn"]) and seen[6] > 5, "the flame graph is drawn", (whole, seen[6]))
    tap.ok(zoomed["zoomed"] == whole["drawn"][1] and seen[9]["zoom"], "a click zooms into a frame, and the address says so", (zoomed, seen[9]))
    tap.ok(zoomed["zoomed"] in seen[10], "the crumbs name it", seen[10])
    tap.ok(seen[13]["focused"] not in (None, zoomed["focused"]), "an arrow moves inwards", seen[13])
    tap.equal(seen[15]["zoomed"], "all", "Escape zooms out")
    totals = pages.json("report", "--json", trace)["totals"]
    lines = pages.json("report", "--json", "--group-by=function", trace)["statistics"]
    lower = sum(item["alloc_bytes"] for item in lines if item.get("function") == "lower")
    share = 100 * lower / totals["alloc_bytes"]
    tap.ok(re.match(rf"{share:.0f} % matched", seen[19]), "the search says the share that matches", (seen[19], share))
    tap.ok("0.0 % matched" in seen[17] or seen[17].startswith("0 %"), "text that is nowhere matches nothing", seen[17])
    tap.equal(seen[21], "not a regular expression", "half an expression is no error")
    tap.ok(seen[24] > 2 and seen[25]["tab"] == "tree" and seen[27]["tab"] == "flame", "the call tree opens, and Back goes back", seen[24:])


def check_keys(pages, trace):
    tap = pages.tap
    page = pages.write(trace)
    seen = pages.do(page, ("open", "tab=table"), ("press", "2"), ("hash",), ("press", "m"), ("hash",), ("press", "f"), ("hash",), ("press", "i"), ("hash",),
                    ("evaluate", "document.documentElement.dataset.theme"), ("press", "t"), ("evaluate", "document.documentElement.dataset.theme"),
                    ("press", "/"), ("evaluate", "document.activeElement.id"),
                    ("open", "tab=table"), ("focus", "#table"), ("press", "ArrowDown", "ArrowDown"), ("count", "#table .selected"), ("press", "Enter"), ("hash",),
                    ("scheme", "dark"), ("open",), ("evaluate", "document.documentElement.dataset.theme"))
    tap.equal([seen[i].get(key) for i, key in ((2, "tab"), (4, "measure"), (6, "by"), (8, "inverted"))], ["flame", "peak", "function", "1"],
              "keys choose the view, the measure, functions and callers")
    tap.equal((seen[9], seen[11], seen[13]), ("light", "dark", "search"), "t switches the theme, / goes to the search")
    tap.equal((seen[17], seen[19].get("tab")), (1, "source"), "in the table, arrows choose a row, and Enter opens its source")
    tap.equal(seen[22], "dark", "dark is what the system asks for")


def made_stack(made):
    """A function of a module that is nowhere, as a call stack."""
    return made.node(0, made.module("/home/me/demo"), 0x100 * (len(made.sections["NODES"]) // 16))


def brushed_trace(directory):
    """Ticks at 10, 20 and 30 s of a run of 40 s, about two call sites, and readings of the process."""
    made = MadeTrace(seconds=40)
    first, second = (made.counters(made_stack(made), alloc_count=6, alloc_bytes=600 * i, free_count=2, freed_bytes=200 * i) for i in (1, 2))
    for after_s, changes in ((10, ((2, 200, 0, 0), (1, 200, 0, 0))), (20, ((1, 100, 2, 200), (3, 600, 0, 0))), (30, ((2, 200, 0, 0), (0, 0, 1, 200)))):
        made.tick(after_s, {first: changes[0], second: changes[1]})
    for after_s in range(0, 41, 5):
        made.point(after_s, rss_bytes=(after_s << 20) + (8 << 20), live_bytes=100 * after_s, cpu_user_ns=after_s * SECOND_NS // 2, cpu_system_ns=0)
    made.mark("MARK_POINT", "half <b>time</b>", 20)
    path = directory / "brushed.memtrace"
    made.write(path)
    return path


def check_brush(pages):
    """A range of the timeline: everything that follows is the difference of its two moments."""
    tap = pages.tap
    trace = brushed_trace(pages.directory)
    page = pages.write(trace)
    seen = pages.do(page, ("open", "tab=table&group=line"), ("point", "#plot .u-over", [0.3, 0.8], 0.5, "drag"), ("hash",), ("figures",), ("text", "#selection-words"),
                    ("click", "#tab-flame"), ("flame",), ("pixels",), ("press", "5"), ("click", "#whole"), ("hash",),
                    ("point", "#plot .u-over", 0.6, 0.5), ("hash",), ("figures",),
                    ("fill", "#from", "0"), ("fill", "#to", ""), ("click", "#range button[type=submit]"), ("hash",))
    first, last = float(seen[2]["from"]), float(seen[2]["to"])
    tap.ok(0 < first < last, "a drag over the timeline is a range", seen[2])
    diff = pages.json("diff", "--json", f"{trace}@{first}s", f"{trace}@{last}s")["statistics"]
    expected = {key_of(item, "line"): item["size_diff"] for item in diff if item["size_diff"]}
    got = {key_of(row, "line"): row["values"]["growth"] for row in seen[3] if row["values"]["growth"]}
    tap.equal(got, expected, "what is live has changed as memtrace diff says")
    tap.ok(expected, "and something has", diff)
    total = pages.json("diff", "--json", "--measure=total", f"{trace}@{first}s", f"{trace}@{last}s")["statistics"]
    tap.equal({key_of(row, "line"): row["values"]["total"] for row in seen[3] if row["values"]["total"]},
              {key_of(item, "line"): item["size_diff"] for item in total if item["size_diff"]}, "what was allocated in it, too")
    tap.equal(seen[6]["change"], sum(expected.values()), "the flame graph shows the change")
    tap.ok("from" not in seen[10] and "to" not in seen[10], "the whole run is a button away", seen[10])
    moment = float(seen[12]["at"])
    live = pages.json("report", "--json", f"{trace}@{moment}s")["statistics"]
    tap.equal({key_of(row, "line"): row["values"]["live"] for row in seen[13] if row["values"]["live"]},
              {key_of(item, "line"): item["live_bytes"] for item in live if item["live_bytes"]}, "a click is a moment: what was live then")
    tap.equal(seen[17].get("at"), "0", "moments can be typed")


def other_trace(directory):
    """brushed_trace as it might be after a change: less of the first, more of the second."""
    made = MadeTrace(seconds=30)
    first, second = (made.counters(made_stack(made), alloc_count=8, alloc_bytes=500 * i, free_count=1, freed_bytes=100 * i) for i in (1, 2))
    for after_s, changes in ((8, ((1, 100, 0, 0), (2, 600, 0, 0))), (16, ((3, 200, 1, 100), (2, 300, 0, 0))), (24, ((4, 200, 0, 0), (4, 100, 1, 200)))):
        made.tick(after_s, {first: changes[0], second: changes[1]})
    path = directory / "other.memtrace"
    made.write(path)
    return path


def check_brush_of_two(pages):
    """The same moments of two runs, against each other."""
    tap = pages.tap
    old, new = brushed_trace(pages.directory), other_trace(pages.directory)
    seen = pages.do(pages.write(old, new), ("open", "tab=table&group=line"), ("figures",), ("point", "#plot .u-over", 0.55, 0.5), ("hash",), ("figures",),
                    ("point", "#plot .u-over", [0.3, 0.9], 0.5, "drag"), ("hash",), ("figures",), ("text", "#selection-words"), ("click", "#tab-flame"), ("flame",))

    def difference(moment):
        diff = pages.json("diff", "--json", f"{old}@{moment}s", f"{new}@{moment}s")["statistics"]
        return {key_of(item, "line"): item["size_diff"] for item in diff if item["size_diff"]}

    def live(rows, measure="live"):
        return {key_of(row, "line"): row["values"][measure] for row in rows if row["values"][measure]}

    tap.equal(live(seen[4]), difference(float(seen[3]["at"])), "two traces at a moment: as memtrace diff says", seen[3])
    first, last = difference(float(seen[6]["from"])), difference(float(seen[6]["to"]))
    grown = {key: last.get(key, 0) - first.get(key, 0) for key in first.keys() | last.keys()}
    tap.equal(live(seen[7], "growth"), {key: value for key, value in grown.items() if value}, "two traces over a range: how differently they grew")
    tap.ok("(old)" in seen[8] and "(new)" in seen[8] and seen[10]["change"] == sum(grown.values()), "and says so", seen[8])


def check_advice(pages, trace):
    """Where to look next leads there."""
    tap = pages.tap
    page = pages.write(trace)
    seen = pages.do(page, ("open",), ("text", ".advice"), ("click", ".advice li:nth-child(1) .way:nth-of-type(2)"), ("hash",), ("flame",),
                    ("open",), ("click", ".advice li:nth-child(1) .way:nth-of-type(1)"), ("hash",), ("text", "#source"))
    report = pages.json("report", "--json", trace)
    tap.ok("was live at the peak" in seen[1] and "word_count.c:" in seen[1], "says what stands out", seen[1])
    tap.equal((seen[3].get("tab"), seen[3].get("measure"), seen[4]["total"]), ("flame", "peak", report["totals"]["peak_bytes"]), "leads to the flame graph of the peak")
    top = max(report["statistics"], key=lambda item: item["peak_live_bytes"])
    tap.equal((seen[7].get("tab"), seen[7].get("line")), ("source", str(top["line"])), "and to the source of its line")


def check_paper(pages, trace):
    """Paper is white, and does not scroll."""
    tap = pages.tap
    seen = pages.do(pages.write(trace), ("open", "tab=flame&measure=total&theme=dark"), ("evaluate", "dispatchEvent(new Event('beforeprint'))"),
                    ("evaluate", "document.documentElement.dataset.theme"), ("evaluate", "memtracePage.flame.viewHeight >= Math.min(0.85 * memtracePage.flame.width, memtracePage.flame.rows * 20) - 1"), ("pixels",),
                    ("evaluate", "dispatchEvent(new Event('afterprint'))"), ("evaluate", "document.documentElement.dataset.theme"))
    tap.equal((seen[2], seen[3], seen[6]), ("light", True, "dark"), "prints light, all rows of the flame graph, and is dark again afterwards")
    tap.ok(seen[4] > 5, "and the flame graph is there", seen[4])


def check_hostile(pages, tracer):
    """Markup in names stays text."""
    tap = pages.tap
    trace = tracer.run([hostile_program(pages.build, tracer.new_directory())]).trace.path
    page = pages.write(trace)
    text = page.read_text()
    made = MadeTrace(program="./<img src=x onerror=alert(1)></script><script>alert(2)</script>")
    made.counters(made_stack(made), alloc_count=1, alloc_bytes=100)
    path = pages.directory / "markup.memtrace"
    made.write(path)
    markup = pages.write(path)
    tap.ok("alert(2)" not in markup.read_text(), "nothing of a trace is in the page as it is")
    tap.ok("@DATA@" not in text and "@SCRIPT@" not in text and "Content-Security-Policy" in text, "the template is filled, with a policy")
    for each in (page, markup):
        seen = pages.do(each, ("open",), ("text", "#title"), ("count", "main img, main script, h1 *"), ("click", "#tab-table"), ("click", "#tab-run"), ("text", "#panel-run"),
                        ("click", "#tab-flame"), ("flame",), ("count", "script"))
        tap.equal((seen[2], seen[8]), (0, 1), f"{each.name}: names make no elements")
    tap.ok("<img src=x onerror=alert(1)>" in seen[1], "they are shown as they are", seen[1])


def seconds(text):
    """Nanoseconds, as the page prints them."""
    return round(float(text.split(" ")[0]) * SECOND_NS)


def check_time(pages, tracer):
    """Samples of time are domains of their own: never added to bytes, and never without their error."""
    tap, times = pages.tap, Times(pages.tap, tracer)
    made = times.made()
    times.made({("leaf_of_main", "leaf_own"): 15, ("main_own",): 45}, "DOMAIN_OFF_CPU", made)
    made.counters(made.node(0, 1, times.places["main_own"]), alloc_count=3, alloc_bytes=300, free_count=1, freed_bytes=100)
    made.sampler(samples=TOTAL, cpu_ns=800 * MS, sampled_ns=TOTAL * MS, exited_ns=50 * MS, lost_count=3, threads_seen=4)
    path = times.directory / "made.memtrace"
    made.write(path)
    seen = pages.do(pages.write(path), ("open", "tab=table&group=function"), ("text", "#cards"), ("figures",), ("choose", "#domain", "cpu"), ("figures",),
                    ("choose", "#group", "line"), ("figures",), ("choose", "#group", "thread"), ("figures",),
                    ("choose", "#group", "function"), ("choose", "#domain", "wall"), ("figures",), ("text", "#table"), ("click", "#tab-flame"), ("flame",),
                    ("open", "tab=source"), ("source",), ("open", "tab=run"), ("text", "#panel-run"), ("text", "#completeness"), ("open",), ("text", "#panel-summary"))
    tap.equal([row["values"]["total"] for row in seen[2]], [300], "the heap has its bytes")
    for i, group in ((4, "function"), (6, "line")):
        report = times.json("report", "--cpu", f"--group-by={group}", "made.memtrace")["statistics"]
        tap.equal({key_of(row, group): (row["values"]["time"], row["total"], row["values"]["samples"], [int(error) for error in row["error"]]) for row in seen[i]},
                  {key_of(item, group): (item["self_ns"], item["total_ns"], item["self_samples"], [item["self_error_ns"], item["total_error_ns"]]) for item in report},
                  f"CPU time by {group}, with standard errors: the report's")
    threads = times.json("report", "--cpu", "--group-by=thread", "made.memtrace")["statistics"]
    tap.equal([(row["values"]["time"], row["values"]["samples"]) for row in seen[8]], [(item["self_ns"], item["self_samples"]) for item in threads], "and by thread")
    wall = times.json("report", "--wall", "made.memtrace")["statistics"]
    tap.equal({key_of(row, "function"): (row["values"]["time"], row["values"]["waiting"], row["total"]) for row in seen[11]},
              {key_of(item, "function"): (item["self_ns"], item["self_off_cpu_ns"], item["total_ns"]) for item in wall}, "wall-clock time, and what was waited of it")
    tap.ok(" ± " in seen[12] and seen[14]["total"] == (TOTAL + 60) * MS, "shown with their errors", (seen[12], seen[14]))
    cpu_lines = times.json("report", "--cpu", "--group-by=line", "made.memtrace")["statistics"]
    got = {int(row["line"]): tuple(seconds(row[title] or "0 s") for title in ("CPU time", "CPU time with all it calls")) for row in seen[16] if row.get("CPU time with all it calls")}
    tap.equal(got, {item["line"]: (item["self_ns"], item["total_ns"]) for item in cpu_lines}, "source: CPU time beside what was allocated")
    tap.equal([row["allocated in total"] for row in seen[16] if row["allocated in total"]], ["300 B"], "source: what was allocated beside CPU time")
    tap.ok(all(words in seen[18] for words in ("CPU sampler", "0.800 s", "0.750 s  94 %", "after threads' last samples", "perf-ring")), "the sampler's account", seen[18])
    tap.ok("0.800 s" in seen[1] and f"{TOTAL} samples" in seen[1] and "3 were lost" in seen[19], "what it saw, and what not", (seen[1], seen[19]))
    tap.ok(re.search(r"most CPU time by itself: [\d.]+ s ± [\d.]+ of 0.750 s", seen[21]), "the summary says where most of it went", seen[21])


def check_two(pages, tracer):
    """Two traces: what changed."""
    tap = pages.tap
    argv = [pages.build.program("word_count")]
    old = tracer.run(argv, stdin=b"some words and some more words\n" * 50).trace.path
    new = tracer.run(argv, stdin=b"some words and %d more\n" * 50 + bytes(range(65, 91)) * 300).trace.path
    page = pages.write(old, new)
    seen = pages.do(page, ("open", "tab=table&measure=total"), ("figures",), ("choose", "#group", "function"), ("figures",), ("click", "#tab-flame"), ("flame",),
                    ("text", "#legend"), ("text", "#title"))
    for rows, group in ((seen[1], "line"), (seen[3], "function")):
        for measure, field in (("live", "live"), ("total", "total"), ("peak", "peak")):
            diff = pages.json("diff", "--json", f"--group-by={group}", f"--measure={field}", old, new)["statistics"]
            tap.equal({key_of(row, group): row["values"][measure] for row in rows if row["values"][measure]},
                      {key_of(item, group): item["size_diff"] for item in diff if item["size_diff"]}, f"two traces, {measure} by {group}: as memtrace diff says")
    tap.ok("more than before" in seen[6] and "what changed" in seen[7], "the page says that it is a comparison", seen[6:])


def check_small(pages, tracer):
    """Traces with nothing, and with one call site."""
    tap = pages.tap
    empty = tracer.run([pages.build.program("exits"), "_exit"]).trace.path
    made = MadeTrace()
    made.counters(made_stack(made), alloc_count=1, alloc_bytes=100)
    one = pages.directory / "one.memtrace"
    made.write(one)
    steps = [("open",)] + [step for tab in ("flame", "tree", "callers", "table", "source", "sizes", "run") for step in (("click", f"#tab-{tab}"),)]
    for name, trace in (("nothing", empty), ("one site", one)):
        seen = pages.do(pages.write(trace), *steps, ("open", "tab=flame&measure=total&inverted=1"), ("flame",))
        tap.equal(seen[-1]["total"], pages.json("report", "--json", trace)["totals"]["alloc_bytes"], f"{name}: every view opens")


def check_output(pages, trace):
    """Files: named after the trace, whole or not at all."""
    tap = pages.tap
    directory = pages.tracer.new_directory()
    copy = directory / "copy.memtrace"
    shutil.copy(trace, copy)

    def run(*argv):
        return execute([str(pages.build.tool), "html", *(str(word) for word in argv)], cwd=directory)

    result = run(copy)
    tap.ok(result.status == 0 and (directory / "copy.html").exists() and b"wrote copy.html" in result.stdout, "without -o: named after the trace", result.stderr)
    result = run("-o", "-", copy)
    tap.equal(result.stdout, (directory / "copy.html").read_bytes(), "-o - is stdout, and every time the same")
    result = run("-o", directory / "missing" / "a.html", copy)
    tap.ok(result.status == 1 and result.stderr.count(b"\n") == 1, "a directory that is not there: one line", result.stderr)
    result = run("-o", "/dev/full", copy)
    tap.ok(result.status == 1 and result.stderr.count(b"\n") == 1 and b"No space left" in result.stderr, "a full disk: one line", result.stderr)
    tap.equal(sorted(path.name for path in directory.iterdir()), ["copy.html", "copy.memtrace"], "nothing half is left")
    broken = directory / "broken.memtrace"
    broken.write_bytes(copy.read_bytes()[:5000])
    result = run(broken)
    tap.ok(result.status == 1 and not (directory / "broken.html").exists(), "a broken trace: no page", result.stderr)
    for argv, status in ((("--nonsense",), 2), (("a", "b", "c"), 2), (("--help",), 0)):
        tap.equal(run(*argv).status, status, f"html {' '.join(argv)}: status {status}")
    # A disk that fills up on the way: what else failed since, as looking for sources, is not the reason.
    script = f"ulimit -f 160; trap '' XFSZ; exec {pages.build.tool} html -o full.html {copy}"
    result = execute(["/bin/sh", "-c", script], cwd=directory)
    tap.ok(result.status == 1 and result.stderr.count(b"\n") == 1 and b"File too large" in result.stderr and not list(directory.glob("full.html*")),
           "a file that may not grow: one line, with the reason, and no half page", result.stderr)
    run("--no-source", "-o", "without.html", copy)
    seen = pages.do(directory / "without.html", ("open", "tab=source"), ("text", "#file-path"), ("evaluate", "memtracePage.trace.sources.size"))
    tap.ok("--no-source" in seen[1] and seen[2] == 0, "--no-source leaves the text of sources out", seen)
    seen = pages.do(directory / "copy.html", ("open", "tab=source"), ("text", "#source"))
    tap.ok("strdup(text)" in seen[1], "and with it the lines are there", seen[1])


def main():
    build = Build()
    viewers = Viewers(build)
    with Tap() as tap, Tracer(build) as tracer:
        why = viewers.install() or (None if viewers.browser else "no chromium")
        missing = subprocess.run([build.tool, "html", "--output=-", "/dev/null"], capture_output=True, check=False)
        if b"without its page" in missing.stderr:
            tap.equal((missing.returncode, missing.stderr.count(b"\n")), (2, 1), "without a page: one line says why")
            why = "built without the page"
        if why:
            tap.skip("page", why)
            return
        pages = Pages(tap, build, tracer, viewers)
        words = tracer.run([build.program("word_count")], stdin=b"".join(b"word%d and more\n" % i for i in range(3000))).trace.path
        for name, check in (("figures", lambda _: check_figures(pages, "word_count", words)), ("use", lambda _: check_use(pages, words)),
                            ("keys", lambda _: check_keys(pages, words)), ("brush", lambda _: check_brush(pages)),
                            ("hostile", lambda _: check_hostile(pages, tracer)), ("two", lambda _: check_two(pages, tracer)), ("time", lambda _: check_time(pages, tracer)),
                            ("brush of two", lambda _: check_brush_of_two(pages)), ("advice", lambda _: check_advice(pages, words)), ("paper", lambda _: check_paper(pages, words)),
                            ("small", lambda _: check_small(pages, tracer)), ("output", lambda _: check_output(pages, words))):
            tap.run(check, name=name)


if __name__ == "__main__":
    main()
