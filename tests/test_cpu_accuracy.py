# SPDX-License-Identifier: BSD-2-Clause
"""test_cpu_accuracy.py -- Is what samples say true? Programs that measure themselves, by the clocks of their threads.

What is compared are CPU times, which do not depend on how busy the machine is, and sampled ones, to
five times their standard errors."""

import json
import math

from tap import Tap
from test_cpu import account_of, engines, sampling
from traced import Build, Tracer, execute

SIGMAS = 5
# The others are for where neither is to be had; the cpu_accuracy benchmark says how true they are.
ENGINES = ("perf-ring", "tgkill")
SLOW_PART, SLOW_PERCENT = 5, 60


class Run:
    """A run of known_times under an engine."""

    def __init__(self, tracer, engine, *arguments, hz=1000):
        result = tracer.run([tracer.build.program("known_times"), *map(str, arguments)],
                            environment=sampling(hz, engine))
        self.answer, self.account = json.loads(result.stdout), account_of(result.trace)
        report = json.loads(execute([str(tracer.build.tool), "report", "--cpu", "--json", "-n0", "-g", "line",
                                     str(result.trace.path)]).stdout)
        self.times = {}
        for item in report["statistics"]:
            if item.get("file", "").endswith("known_times.c"):
                samples, time_ns = self.times.get(item["line"], (0, 0))
                self.times[item["line"]] = samples + item["self_samples"], time_ns + item["self_ns"]

    def true_ns(self, part):
        return self.answer["parts"][part]["cpu_ns"]

    def part(self, part):
        """(samples, ns)"""
        return self.times.get(self.answer["parts"][part]["line"], (0, 0))


def check_sum(tap, tracer, engine):
    """All of the CPU time of threads that live long is sampled, as getrusage counts it, and no more."""
    run = Run(tracer, engine, "functions", 4, 160)
    usage_ns, account = run.answer["usage_ns"], run.account
    share = account["sampled_ns"] / usage_ns
    tap.ok(0.97 < share < 1.005, f"sum, {engine}: getrusage agrees", (share, run.answer, account))


def check_short(tap, tracer, engine):
    """A thread that ends between two samples leaves its time to others that end."""
    run = Run(tracer, engine, "short", 300, 4)
    share = run.account["sampled_ns"] / run.answer["cpu_ns"]
    tap.ok(0.85 < share < 1.03, f"short threads, {engine}: their time is accounted for", (share, run.answer, run.account))


def check_shares(tap, tracer, engine):
    """Lines that work 1:2:…:8, and are slowed down: each one's time is what the program measured."""
    before, after = (Run(tracer, engine, "lines", 4, 160, *more) for more in ((), (SLOW_PART, SLOW_PERCENT)))
    for run, name in ((before, "before"), (after, "after")):
        wrong = {part: (run.part(part), run.true_ns(part)) for part in run.answer["parts"] if not is_share(run, part)}
        tap.equal(wrong, {}, f"lines, {engine}: shares, {name}")
    for part in before.answer["parts"]:
        found, error, true = change(before, after, part)
        what = "slower by what it is" if part == str(SLOW_PART) else "not changed"
        tap.ok(abs(found - true) < SIGMAS * error, f"lines, {engine}: {part} is {what}", (found, error, true))


def is_share(run, part):
    samples = sum(run.part(other)[0] for other in run.answer["parts"])
    time_ns = sum(run.part(other)[1] for other in run.answer["parts"])
    share = run.true_ns(part) / sum(run.true_ns(other) for other in run.answer["parts"])
    return abs(run.part(part)[1] / time_ns - share) < SIGMAS * math.sqrt(share * (1 - share) / samples)


def change(before, after, part):
    """(found, its standard error, true) factor of the line's time."""
    (few, time_ns), (more, later_ns) = before.part(part), after.part(part)
    factor = later_ns / time_ns
    return factor, factor * math.sqrt(1 / few + 1 / more), after.true_ns(part) / before.true_ns(part)


def main():
    with Tap() as tap, Tracer(Build()) as tracer:
        for engine in (engine for engine in engines(tracer) if engine in ENGINES):
            tap.run(check_sum, tracer, engine, name=f"sum, {engine}")
            tap.run(check_short, tracer, engine, name=f"short threads, {engine}")
            tap.run(check_shares, tracer, engine, name=f"lines, {engine}")


if __name__ == "__main__":
    main()
