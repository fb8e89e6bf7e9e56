# SPDX-License-Identifier: BSD-2-Clause
"""test_leaks.py -- What grows and goes on growing: on made traces against exact models, on a program that runs.

usage: test_leaks.py BUILD-DIRECTORY"""

import itertools
import json
import math
import os
import pathlib
import random
import re
import statistics
import subprocess

from made_trace import MadeTrace
from tap import Tap
from traced import Build, Tracer, clean_environment, execute, wait_until

TICKS = 100
PARTS, FIRST, LAST = 10, 1, 8
T_95 = 2.4469  # Student's t with 6 degrees of freedom, two-sided, from a table
STEADY_SITES = 400
DAMAGED = 300


# ---- models: what a call site does from tick to tick, as (allocs, bytes, frees, bytes freed)

def leak(size=10, each=1):
    """size bytes in every so many ticks."""
    return [(1, size, 0, 0) if k % each == 0 else (0, 0, 0, 0) for k in range(TICKS)]


def start(size=1_000_000):
    return [(1, size, 0, 0)] + [(0, 0, 0, 0)] * (TICKS - 1)


def from_levels(levels):
    """What has so many bytes live after each tick; blocks are of one byte."""
    changes, last = [], 0
    for level in levels:
        up, down = max(level - last, 0), max(last - level, 0)
        changes.append((up, up, down, down))
        last = level
    return changes


def fills_up(share, size=1_000_000):
    """A cache that is full after this share of the run."""
    return from_levels([min(size, int(size * (k + 1) / (share * TICKS))) for k in range(TICKS)])


def saturates(time, size=1_000_000):
    """A cache that is looked up at random: what is still missing comes ever more slowly."""
    return from_levels([int(size * (1 - math.exp(-(k + 1) / time))) for k in range(TICKS)])


def both(a, b):
    """What two of them do, in one line."""
    return [tuple(map(sum, zip(left, right))) for left, right in zip(a, b)]


def saw_tooth(period, size=1_000_000):
    return from_levels([size * (k % period + 1) // period for k in range(TICKS)])


def steady(chance, size=1_000_000):
    """Up and down about the same, at random."""
    return from_levels([chance.randrange(size) for _ in range(TICKS)])


def shrinks(size=1_000_000):
    return from_levels([size * (TICKS - k) // TICKS for k in range(TICKS)])


class Made:
    """A made trace of such sites, the n-th at offset 16 * n, and what the tool says of it."""

    def __init__(self, tool, path, sites, seconds=TICKS, domains=None):
        self.tool, self.path = tool, path
        trace = MadeTrace(seconds=seconds)
        module = trace.module("/nonexistent/demo")
        ids = []
        ticks = len(sites[0])
        for number, changes in enumerate(sites, 1):
            node = trace.node(0, module, 16 * number)
            totals = [sum(column) for column in zip(*changes)]
            ids.append(trace.counters(node, *totals, domain=(domains or {}).get(number, "DOMAIN_HEAP")))
        for k in range(ticks):
            changes = {number: site[k] for number, site in zip(ids, sites) if any(site[k])}
            trace.tick((k + 1) * seconds / ticks, changes)
        trace.write(path)

    def leaks(self, *options, operand=None):
        result = self.tool("leaks", "--json", *options, operand or self.path)
        if result.status not in (0, 1) or not result.stdout:
            raise AssertionError(f"status {result.status}: {result.stderr!r}")
        return json.loads(result.stdout)

    def trends(self, *options):
        """{number of the site: its entry}, in order."""
        return {entry["offset"] // 16: entry for entry in self.leaks(*options)["statistics"]}


class Setting:
    """A directory and the tool."""

    def __init__(self, tap, tracer):
        self.tap, self.tracer, self.build, self.directory = tap, tracer, tracer.build, tracer.new_directory()
        self.made = 0

    def tool(self, *arguments, environment=None):
        return execute([str(self.build.tool), *map(str, arguments)], {"NO_COLOR": "1", **(environment or {})},
                       cwd=self.directory)

    def make(self, sites, **options):
        self.made += 1
        return Made(self.tool, self.directory / f"made.{self.made}.memtrace", sites, **options)

    def write(self, name, text):
        path = self.directory / name
        path.write_text(text)
        return path


# ---- what grows

def check_kinds(setting):
    tap, chance = setting.tap, random.Random(4)
    models = {"a leak": (leak(), "grows"), "a leak now and then": (leak(500, 4), "grows"),
              "growth at the start": (start(), "steady"), "a cache that is full at 40 %": (fills_up(0.4), "levels off"),
              "a cache that is full at 60 %": (fills_up(0.6), "levels off"),
              "a cache that fills at random": (saturates(15), "levels off"),
              "one that takes longer": (saturates(30), "levels off"),
              "a leak where a cache has been filled": (both(leak(40_000), fills_up(0.25)), "grows"),
              "a saw-tooth": (saw_tooth(7), None), "a slow one": (saw_tooth(23), None),
              "up and down at random": (steady(chance), None), "what shrinks": (shrinks(), "steady"),
              "what is freed at once": ([(1000, 10**6, 1000, 10**6)] * TICKS, "steady")}
    found = setting.make([changes for changes, _ in models.values()]).trends()
    for number, (name, (_, kind)) in enumerate(models.items(), 1):
        got = found[number]["trend"]
        tap.ok(got == kind if kind else got != "grows", f"{name}: {got}", found[number])
    names = list(models)
    tap.equal([names[number - 1] for number, entry in found.items() if entry["trend"] == "grows"],
              ["a leak where a cache has been filled", "a leak now and then", "a leak"],
              "what grows comes first, the larger before the smaller")


def check_hidden(setting):
    """One small leak among a hundred large sites that only go up and down."""
    for seed in range(5):
        chance = random.Random(seed)
        sites = [saw_tooth(chance.randrange(2, 12), chance.randrange(10_000, 10**7)) if chance.random() < 0.5 else
                 fills_up(chance.uniform(0.01, 0.5), chance.randrange(10_000, 10**7)) for _ in range(100)]
        at = chance.randrange(100)
        sites[at] = leak(20)
        found = setting.make(sites).trends()
        setting.tap.equal([number for number, entry in found.items() if entry["trend"] == "grows"], [at + 1],
                          f"a leak of 2 kB among 100 sites of megabytes, {seed}")


def check_false_alarms(setting):
    """What only goes up and down is hardly ever said to grow: with 99 % confidence, 1 % are to be expected."""
    chance = random.Random(99)
    found = setting.make([steady(chance) for _ in range(STEADY_SITES)]).trends()
    wrong = sum(entry["trend"] == "grows" for entry in found.values())
    setting.tap.note(f"{wrong} of {STEADY_SITES} steady sites are said to grow")
    setting.tap.ok(wrong <= STEADY_SITES * 0.02, "few false alarms", wrong)


def check_idle(setting):
    """An idle night must not look as if the growth had stopped: half of the clock goes with the work."""
    night = leak(100)[:30] + [(0, 0, 0, 0)] * 40 + leak(100)[70:]
    found = setting.make([night]).trends()
    setting.tap.equal(found[1]["trend"], "grows", "a service that sleeps from 30 % to 70 % of the time", )


# ---- to the last number

def student(t, freedom):
    """P(T < t) by summing its density up."""
    steps = 20_000
    factor = math.gamma((freedom + 1) / 2) / (math.sqrt(freedom * math.pi) * math.gamma(freedom / 2))
    width = t / steps
    density = [factor * (1 + (k * width) ** 2 / freedom) ** (-(freedom + 1) / 2) for k in range(steps + 1)]
    return 0.5 + width * (sum(density) - (density[0] + density[-1]) / 2)


def trend_in(judged, few, share_min):
    """(growth, standard error, confidence) of neighbouring levels, and whether it is growth."""
    count = len(judged) - 1
    growth = statistics.median((judged[k] - judged[i]) / (k - i) for i, k in itertools.combinations(range(len(judged)), 2))
    steps = [b - a for a, b in zip(judged, judged[1:])]
    off = [step - growth for step in steps]
    variance = (sum(x * x for x in off) + sum(a * b for a, b in zip(off, off[1:]))) / (count - 1)
    error = math.sqrt(max(variance, 0) / count)
    sure = student(growth / error, count - 1) if error else (1.0 if growth > 0 else 0.5 if growth == 0 else 0.0)
    early, late = statistics.fmean(steps[:few]), statistics.fmean(steps[-few:])
    return (growth, error, sure), sure >= 0.99 and late >= max(growth, early) * share_min


def expected_trend(levels):
    """(growth, standard error, confidence) of ten levels, as report/trend.h defines them."""
    whole, grows = trend_in(levels[FIRST:LAST + 1], 3, 0.5)
    later, grows_later = trend_in(levels[FIRST + 2:LAST + 1], 2, 0.8)
    return later if grows_later and not grows else whole


def is_near(a, b, share=1e-6):
    return abs(a - b) <= share * max(abs(a), abs(b), 1)


def check_figures(setting):
    """The work is spread evenly over the time, so that both halves of the clock agree."""
    tap, chance = setting.tap, random.Random(7)
    sites = [[(3, chance.randrange(1000), 3, chance.randrange(900)) for _ in range(TICKS)] for _ in range(20)]
    sites.append([(3, 100, 0, 0)] * TICKS)
    found = setting.make(sites, seconds=3600)
    report = found.leaks()
    wrong = []
    for entry in report["statistics"]:
        changes = sites[entry["offset"] // 16 - 1]
        live = list(itertools.accumulate(row[1] - row[3] for row in changes))
        # After tick k (from 1 on) the level holds until the next tick; 0 before the first.
        held = [0] + live[:-1]
        levels = [sorted(held[part * 10:part * 10 + 10])[4] for part in range(PARTS)]
        growth, error, confidence = expected_trend(levels)
        per_hour = 10  # parts in an hour
        if (entry["levels_bytes"] != levels or not is_near(entry["growth_bytes_per_hour"], growth * per_hour) or
                not is_near(entry["growth_error_bytes_per_hour"], error * per_hour) or
                abs(entry["confidence"] - confidence) > 1e-6 or entry["young_bytes"] != live[-1] - live[89] or
                entry["live_bytes"] != live[-1]):
            wrong.append((entry, levels, growth, error, confidence, live[-1] - live[89]))
    tap.equal(wrong[:1], [], "levels, growth, its error and confidence, and what is young")
    tap.ok(abs(student(T_95, 6) - 0.975) < 1e-5, "the test's own distribution")
    tap.equal((report["ticks"], report["judged_from_ns"], report["judged_until_ns"]), (TICKS, 360 * 10**9, 3240 * 10**9),
              "what is judged")
    kept = [entry["growth_bytes_per_hour"] - T_95 * entry["growth_error_bytes_per_hour"] for entry in report["statistics"]
            if entry["trend"] == "grows"]
    tap.equal(kept, sorted(kept, reverse=True), "the order: by how much it grows at least")


class Blocks:
    """A site whose blocks are known one by one."""

    def __init__(self, chance):
        self.chance, self.births, self.changes = chance, [], []
        self.manner = chance.choice(("fifo", "lifo", "random", "keep"))

    def take_out(self):
        index = {"fifo": 0, "lifo": -1}.get(self.manner, self.chance.randrange(len(self.births)))
        return self.births.pop(index)

    def tick(self, number, allocs):
        born, freed = self.chance.randrange(allocs + 1), 0
        for _ in range(born):
            self.births.append((number, self.chance.randrange(1, 100)))
        gone = []
        if self.manner != "keep" or self.chance.random() < 0.1:
            for _ in range(min(len(self.births), self.chance.randrange(allocs + 2))):
                gone.append(self.take_out())
                freed += 1
        size = sum(block[1] for block in self.births if block[0] == number) + sum(block[1] for block in gone if block[0] == number)
        self.changes.append((born, size, freed, sum(block[1] for block in gone)))


def check_survival(setting):
    """The history knows how many came and went, not which; the truth must lie within the bounds it gives."""
    chance = random.Random(11)
    sites = [Blocks(chance) for _ in range(150)]
    for number in range(TICKS):
        for site in sites:
            site.tick(number, 5)
    report = setting.make([site.changes for site in sites])
    threshold = 4000
    found = report.leaks(f"--outlived={threshold}")
    allocs = [sum(site.changes[k][0] for site in sites) for k in range(TICKS)]
    before = sum(allocs) - threshold
    done = list(itertools.accumulate(allocs))
    surely = next(k for k in range(TICKS) if done[k] > before) - 1  # ticks up to this one were before the threshold
    wrong, narrow = [], 0
    for entry in found["statistics"]:
        births = sites[entry["offset"] // 16 - 1].births
        if not births:
            continue
        outlived, oldest = entry["outlived_count"], entry["oldest_ns"]
        least = sum(birth <= surely for birth, _ in births)
        most = sum(birth <= surely + 1 for birth, _ in births)
        # What tick k tells of came after tick k - 1, at k - 1 + 1 s.
        age_most, age_least = TICKS - min(births)[0], TICKS - min(births)[0] - 1
        good = (outlived["min"] <= most and outlived["max"] >= least and
                oldest["min"] <= age_most * 10**9 and oldest.get("max", math.inf) >= age_least * 10**9)
        sizes = sum(size for birth, size in births if birth <= surely + 1)
        good = good and entry["outlived_bytes"]["min"] <= sizes
        narrow += outlived["min"] == outlived["max"] == len(births)
        if not good:
            wrong.append((entry, sorted(births)[:3], least, most))
    setting.tap.equal(wrong[:1], [], "ages and survivors lie within what the history can know")
    setting.tap.ok(found["outlived_allocations"] == threshold, "the number of allocations that was asked for")
    everything = setting.make([leak(), [(9, 9, 9, 9)] * TICKS]).trends("--outlived=500")
    setting.tap.equal([everything[1][key] for key in ("oldest_ns", "outlived_count")],
                      [{"min": 99 * 10**9, "max": 100 * 10**9}, {"min": 50, "max": 50}], "of a leak it is exact")


# ---- the verb

def check_options(setting):
    tap = setting.tap
    made = setting.make([leak(30), leak(20), start(), leak(10)])
    tap.equal(list(made.trends()), [1, 2, 4, 3], "by growth, then what does not grow")
    tap.equal(list(made.trends("-n", "2")), [1, 2], "-n")
    tap.equal(list(made.trends("--exclude=module:*demo")), [], "--exclude")
    tap.equal(made.leaks("--group-by=module")["statistics"][0]["live_bytes"], 60 * TICKS + 1_000_000, "--group-by=module")
    early = made.leaks(operand=f"{made.path}@50s")
    tap.equal((early["ticks"], early["live_bytes"], [entry["offset"] // 16 for entry in early["statistics"]][:3]),
              (50, 60 * 50 + 1_000_000, [1, 2, 4]), "@50s: the first half alone")
    text = setting.tool("leaks", made.path).stdout.decode()
    tap.ok(re.search(r"demo\+0x10: \+\d+ KiB/h ±[^,]+, size=3000 B, count=100, average=30 B\n"
                     r"  over 99.99 % sure; \+3\d0 B in the last tenth of the run; oldest block 1 min 3\d s( to 1 min 40 s)? old;", text),
           "text: a line and its reasons", text)
    tap.ok("demo+0x30" not in text and "1 line is steady (--all shows" in text, "what does not grow is counted", text)
    tap.ok("answer   3 lines grow" in text and "next: memtrace leaks --traceback" in text, "the answer, and the next command", text)
    text = setting.tool("leaks", "--traceback", made.path).stdout.decode()
    tap.ok('  Module "/nonexistent/demo", offset 0x10\n' in text and "next: memtrace diff --traceback" in text, "--traceback", text)
    text = setting.tool("leaks", "--all", "-n", "0", made.path).stdout.decode()
    tap.ok("demo+0x30" in text and "(--all shows" not in text, "--all", text)
    pools = setting.make([leak(30), leak(20), leak(10)], domains={2: "DOMAIN_POOL"})
    tap.equal((list(pools.trends()), list(pools.trends("--domain=pool"))), ([1, 3], [2]), "--domain")
    freed = leak(30)
    freed[-1] = (1, 30, TICKS, 30 * TICKS)
    at_exit = setting.make([start(), freed, steady(random.Random(1), 100)])
    tap.equal(at_exit.leaks("--group-by=module")["statistics"][0]["traceback"][0]["offset"], 32,
              "the call stack that grew, though all of it is freed at exit")
    nothing = setting.make([start()])
    text = setting.tool("leaks", nothing.path).stdout.decode()
    tap.ok("nothing grows all the time" in text, "nothing grows", text)


def check_refusals(setting):
    made = setting.make([leak()])
    short = setting.directory / "short.memtrace"
    trace = MadeTrace(seconds=5)
    counters = trace.counters(trace.node(0, trace.module("/nonexistent/demo"), 16), 3, 300)
    trace.tick(1, {counters: (3, 300, 0, 0)})
    trace.write(short)
    for name, status, words, *arguments in (
            ("too little history", 1, "1 ticks of history are too few", short),
            ("at the peak", 1, "not up to the peak", f"{made.path}@peak"),
            ("at the start", 1, "not up to the start", f"{made.path}@start"),
            ("no trace", 1, "missing", "missing"),
            ("two traces", 2, "one trace at a time", made.path, made.path),
            ("by thread", 2, "bad value", "-g", "thread", made.path),
            ("no number", 2, "bad value", "-n", "x", made.path),
            ("a bad limit", 2, "bad value", "--fail-above=much", made.path),
            ("bad suppressions", 1, "missing", "--suppressions=missing", made.path)):
        result = setting.tool("leaks", *arguments)
        text = result.stderr.decode()
        setting.tap.ok(result.status == status and words in text and text.count("\n") == 1 and not result.stdout, name,
                       f"status {result.status}\n{text}")


def check_gate(setting):
    """300 B in 100 s are 10,800 B in an hour."""
    tap = setting.tap
    made = setting.make([leak(1), leak(2)])
    for name, status, *options in (("below its limit", 0, "--fail-above=10801"), ("above it", 1, "--fail-above=10799"),
                                   ("at all", 1, "--fail-above=0"), ("no gate", 0)):
        result = setting.tool("leaks", *options, made.path)
        tap.ok(result.status == status and bool(result.stderr) == bool(status), f"growth {name}",
               f"status {result.status}\n{result.stderr.decode()}")
    text = setting.tool("leaks", "--fail-above=0", made.path).stderr.decode().splitlines()
    tap.ok(len(text) == 3 and all(line.startswith("memtrace: ") for line in text) and "demo+0x20" in text[1] and
           "demo+0x10" in text[2], "says which lines", text)
    result = setting.tool("leaks", "--json", "--fail-above=0", made.path)
    gate = json.loads(result.stdout)["fail_above"]
    tap.ok(result.status == 1 and gate["failed"] and gate["limit_bytes_per_hour"] == 0 and
           is_near(gate["growth_at_least_bytes_per_hour"], 10800), "json", gate)
    steady_only = setting.make([start(), saw_tooth(5)])
    tap.equal(setting.tool("leaks", "--fail-above=0", steady_only.path).status, 0, "what does not grow does not fail")


def check_suppressions(setting):
    tap = setting.tap
    made = setting.make([leak(1), leak(2)])
    path = setting.write("suppressions", "leak:nonexistent/demo\nleak:other\n")
    for name, options, environment in (("an option", [f"--suppressions={path}"], {}),
                                       ("a variable", [], {"MEMTRACE_SUPPRESSIONS": str(path)})):
        result = setting.tool("leaks", "--fail-above=0", *options, made.path, environment=environment)
        text = result.stdout.decode()
        tap.ok(result.status == 0 and "Suppressions used" in text and "nonexistent/demo" in text, f"suppressions by {name}", text)
    used = made.leaks(f"--suppressions={path}")
    tap.equal((used["statistics"], used["suppressions"]),
              ([], [{"pattern": "nonexistent/demo", "live_count": 200, "live_bytes": 300}]), "json")
    # diff: what is suppressed may grow
    for name, status, options in (("without", 1, []), ("with", 0, [f"--suppressions={path}"])):
        result = setting.tool("diff", "--fail-above=100", *options, f"{made.path}@10s", made.path)
        tap.equal(result.status, status, f"diff --fail-above {name} suppressions", (result.stdout + result.stderr).decode())
    tap.ok(b"Suppressions used" in result.stdout, "diff says so", result.stdout.decode())
    result = setting.tool("diff", "--json", "--fail-above=100", f"--suppressions={path}", f"{made.path}@10s", made.path)
    found = json.loads(result.stdout)
    tap.equal((found["statistics"], [entry["pattern"] for entry in found["suppressions"]], found["fail_above"]["failed"]),
              ([], ["nonexistent/demo"], False), "diff --json, too")
    shown = setting.tool("diff", "--json", f"{made.path}@10s", made.path, environment={"MEMTRACE_SUPPRESSIONS": str(path)})
    tap.equal(len(json.loads(shown.stdout)["statistics"]), 2, "who only looks is shown everything")
    tap.equal(setting.tool("diff", f"--suppressions={path}", made.path).status, 2, "suppressions without a limit")


def check_damaged(setting):
    """Whatever is in it: an answer, or one line and status 1."""
    chance = random.Random(3)
    good = setting.make([leak(), saw_tooth(7), fills_up(0.4)]).path.read_bytes()
    damaged, bad = setting.directory / "damaged.memtrace", []
    for number in range(DAMAGED):
        content = bytearray(good)
        for _ in range(chance.randrange(1, 6)):
            # The latter half has the history, which matters here.
            at = chance.randrange(len(good) // 2, len(good)) if number % 2 else chance.randrange(len(good))
            content[at] = chance.choice((0, 0x7f, 0x80, 0xff, chance.randrange(256)))
        damaged.write_bytes(content if number % 10 else content[:chance.randrange(len(content))])
        result = setting.tool("leaks", *(["--json"] if number % 3 else ["--all"]), damaged)
        text = result.stderr.decode(errors="replace")
        is_good = (result.status == 0 and not text) or (result.status == 1 and text.startswith("memtrace: ") and text.count("\n") == 1)
        if not is_good:
            bad.append(f"{number}: status {result.status}: {text[:500]}")
    setting.tap.equal(bad[:3], [], f"{DAMAGED} damaged traces")


def check_month(setting):
    """Thirty days, of which a tick an hour is left: any two hours compare, and what leaks is found."""
    tap, chance, hours = setting.tap, random.Random(30), 30 * 24
    sites = [[(1, 100, 0, 0)] * hours,
             from_levels([chance.randrange(10**6) for _ in range(hours)]),
             from_levels([10**6 + int(4e5 * math.sin(hour / 24 * 2 * math.pi)) for hour in range(hours)])]
    made = setting.make(sites, seconds=hours * 3600)
    live = [list(itertools.accumulate(row[1] - row[3] for row in changes)) for changes in sites]
    wrong = []
    for _ in range(40):
        old, new = sorted(chance.sample(range(1, hours + 1), 2))
        result = setting.tool("diff", "--json", f"{made.path}@{old}h", f"{made.path}@{new}h")
        got = {entry["offset"] // 16: entry["size_diff"] for entry in json.loads(result.stdout)["statistics"]}
        expected = {number: levels[new - 1] - levels[old - 1] for number, levels in enumerate(live, 1)}
        if got != expected:
            wrong.append((old, new, got, expected))
    tap.equal(wrong[:1], [], "any two hours of a month")
    found = made.leaks()
    tap.equal([entry["offset"] // 16 for entry in found["statistics"] if entry["trend"] == "grows"], [1],
              "a leak of 100 bytes an hour, under megabytes that come and go with the hours and the days")
    tap.ok(abs(found["growth_bytes_per_hour"] - 100) < 10, "and how fast", found["growth_bytes_per_hour"])


# ---- programs that run

def tag_line(build, tag):
    source = build.source / "tests" / "programs" / "slow_leak.c"
    return next(number for number, line in enumerate(source.read_text().splitlines(), 1) if f"@{tag} " in line)


def growing(report):
    return [(pathlib.Path(entry.get("file", "?")).name, entry.get("line")) for entry in report["statistics"]
            if entry["trend"] == "grows"]


def check_program(setting):
    """A leak of 48 bytes now and then, among caches, sessions and requests of megabytes."""
    tap, build = setting.tap, setting.build
    result = setting.tracer.run([build.program("slow_leak"), "3000"], environment={"MEMTRACE_HISTORY_INTERVAL": "20ms"})
    leaked, path = int(result.stdout), result.trace.path
    report = json.loads(setting.tool("leaks", "--json", path).stdout)
    line = ("slow_leak.c", tag_line(build, "leak"))
    tap.equal(growing(report), [line], "the line that leaks, and no other", json.dumps(report["statistics"][:4], indent=1))
    entry = report["statistics"][0]
    tap.equal((entry["live_bytes"], [frame["function"] for frame in entry["traceback"]][:2]), (leaked, ["forget", "main"]),
              "how much, and by which way")
    seconds = report["span_ns"] / 1e9
    tap.ok(0.6 < entry["growth_bytes_per_hour"] / (leaked / seconds * 3600) < 1.6, "how fast", entry)
    by_line = {other["line"]: other for other in report["statistics"] if other.get("file", "").endswith("slow_leak.c")}
    outlived = by_line[tag_line(build, "start")]
    tap.equal((outlived["outlived_count"], outlived["trend"]), ({"min": 1000, "max": 1000}, "steady"),
              "what was made at the start has outlived the last allocations, and is no leak")
    tap.equal(setting.tool("leaks", "--fail-above=0", "--exclude=file:*slow_leak.c", "-n", "3", path).status, 0,
              "without it nothing fails")
    tap.equal(setting.tool("leaks", "--fail-above=0", path).status, 1, "with it it does")


def check_running(setting):
    """A program that runs is asked how old its blocks are: narrower than the history can say."""
    tap, build = setting.tap, setting.build
    environment = clean_environment(setting.tracer.environment(setting.directory, extra={"MEMTRACE_HISTORY_INTERVAL": "20ms"}))
    with subprocess.Popen([build.program("slow_leak"), "1000000"], env=environment, stdout=subprocess.DEVNULL) as process:
        try:
            def grown():
                result = setting.tool("leaks", "--json", "--filter=file:*slow_leak.c", process.pid)
                return json.loads(result.stdout) if result.status == 0 else None

            tap.ok(wait_until(lambda: (grown() or {"span_ns": 0})["span_ns"] > 2_500_000_000), "it has run for a while")
            report = grown()
            by_line = {entry["line"]: entry for entry in report["statistics"]}
            lost, first = by_line[tag_line(build, "leak")], by_line[tag_line(build, "start")]
            snapshot = setting.directory / "copy"
            execute([str(build.tool), "snapshot", str(process.pid), "-o", str(snapshot)])
        finally:
            process.kill()
    for name, entry in (("a leak", lost), ("what was made at the start", first)):
        oldest = entry["oldest_ns"]
        tap.ok(oldest["max"] - oldest["min"] <= 300_000_000 and oldest["max"] <= report["span_ns"] and
               oldest["min"] > report["span_ns"] - 1_000_000_000, f"{name}: the age of its oldest block", (oldest, report["span_ns"]))
    tap.equal(first["outlived_count"], {"min": 1000, "max": 1000}, "which has outlived the last tenth")
    copied = json.loads(setting.tool("leaks", "--json", snapshot).stdout)
    lines = {entry["line"] for entry in copied["statistics"] if "line" in entry}
    tap.ok(tag_line(build, "leak") in lines, "a snapshot of it can be judged, too")


def main():
    os.environ.pop("MEMTRACE_SUPPRESSIONS", None)
    with Tap() as tap, Tracer(Build()) as tracer:
        for check in (check_kinds, check_hidden, check_false_alarms, check_idle, check_figures, check_survival, check_options,
                      check_refusals, check_gate, check_suppressions, check_damaged, check_month, check_program, check_running):
            tap.run(lambda _, check=check: check(Setting(tap, tracer)), name=check.__name__)


if __name__ == "__main__":
    main()
