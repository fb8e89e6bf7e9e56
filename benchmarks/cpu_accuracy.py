# SPDX-License-Identifier: BSD-2-Clause
"""cpu_accuracy.py -- How true is what samples say of programs that measure themselves?"""

import math
import statistics

from measure import interleave, median
from samplers import installed_samplers, sampled_run
from table import Row
from trial import row_of

TITLE = "CPU samples beside the program's own clocks"
UNITS_PER_ROUND = 36   # 1 + 2 + … + 8
SLOW_PART, SLOW_PERCENT = 5, 50
PHASES_GAP_HZ = 4000


def peers(lab):
    return installed_samplers(lab)


# --- what a run's samples say ---


def true_shares(answer):
    """{part: (ns, share)}"""
    total = sum(part["cpu_ns"] for part in answer["parts"].values())
    return {int(part): (values["cpu_ns"], values["cpu_ns"] / total) for part, values in answer["parts"].items()}


def part_times(profile, answer, by):
    """{part: [samples, ns]}"""
    def key(part):
        return f"work_{part}" if by == "function" else answer["parts"][part]["line"]
    return {int(part): profile.places.get(key(part), [0, 0]) for part in answer["parts"]}


def errors(outcome, profile, by):
    """Of the shares, in points. What is outside the parts is the reading of the clock, as often after
    each of them, which the program books on the part before."""
    truth, times = true_shares(outcome.answer), part_times(profile, outcome.answer, by)
    total = sum(time[1] for time in profile.places.values())
    if not total:
        return []
    rest = (total - sum(time[1] for time in times.values())) / len(times)
    return [abs(100 * (times[part][1] + rest) / total - 100 * share) for part, (_, share) in truth.items()]


def samples_wanted(outcome, hz):
    return outcome.answer["cpu_ns"] * hz / 1e9


# --- rows ---


def question(lab, samplers, label, argv, hz, by, cells, budget=100):
    """Rows of one program; cells: {label: function of an Outcome and its Profile → numbers or None, then
    of the medians of these → text}. The runs themselves come with the first one."""
    lab.say(f"cpu_accuracy: {label}")
    profiles = {sampler.name: [] for sampler in samplers}

    def run(sampler, _):
        outcome, profile = sampled_run(lab, sampler, argv, hz, by, budget)
        if not outcome.trouble:
            profiles[sampler.name].append((outcome, profile))
        return outcome

    outcomes = interleave(lab, samplers, run)
    for number, (name, (measure, text)) in enumerate(cells.items()):
        row = row_of(lab, "cpu_accuracy", f"{label}: {name}" if name else label, "s", samplers, outcomes,
                     lambda outcome: outcome.cpu_s)
        row.marks.clear()
        if measure:
            put_texts(row, profiles, measure, text)
        yield row, outcomes if number == 0 else {}


def put_texts(row, profiles, measure, text):
    row.values.clear()
    for name, runs in profiles.items():
        numbers = [measure(outcome, profile) for outcome, profile in runs if name != "bare"]
        numbers = [number for number in numbers if number]
        if numbers:
            row.texts[name] = text(*(median(column) for column in zip(*numbers)))


def mean_and_max(by):
    def measure(outcome, profile):
        found = errors(outcome, profile, by)
        return (statistics.mean(found), max(found)) if found else None
    return measure, lambda mean, most: f"{mean:.2f} / {most:.2f}"


def delivered(hz):
    """Of those that the time has which is not hidden."""
    return (lambda outcome, profile: (100 * (profile.samples + profile.hidden_ns * hz / 1e9) / samples_wanted(outcome, hz),),
            lambda percent: f"{percent:.1f} %")


def accounted():
    return (lambda outcome, profile: (100 * profile.sampled_ns / outcome.answer["cpu_ns"],),
            lambda percent: f"{percent:.1f} %")


def beside_usage():
    """What the kernel hides is booked, without samples."""
    return (lambda outcome, profile: (100 * ((profile.sampled_ns + profile.hidden_ns) / outcome.answer["usage_ns"] - 1),),
            lambda percent: f"{percent:+.2f} %")


def shares_rows(lab, samplers, rounds):
    for what, by in (("functions", "function"), ("lines", "line")):
        for hz in (1000, 4000):
            cells = {"mean / max error in points": mean_and_max(by)}
            if by == "function":
                cells |= {"samples delivered": delivered(hz), "time to getrusage": beside_usage()}
            yield from question(lab, samplers, f"8 {what} in 4 threads, {hz} Hz", [lab.program("known_times"), what, "4", str(rounds)],
                                hz, by, cells)


def short_rows(lab, samplers, threads):
    argv = [lab.program("known_times"), "short", str(threads), "4"]
    for hz in (1000, 250, 99):
        yield from question(lab, samplers, f"{threads} threads of 3 ms, {hz} Hz", argv, hz, "function",
                            {"samples of those expected": delivered(hz), "CPU time accounted for": accounted(),
                             "mean / max error of 4 quarters": mean_and_max("function")})


def phase_rows(lab, samplers, rounds):
    yield from question(lab, samplers, f"4 phases of a loop of 400 µs, {PHASES_GAP_HZ} Hz", [lab.program("known_times"), "phases", str(rounds)],
                        PHASES_GAP_HZ, "function", {"mean / max error in points": mean_and_max("function")})


def overhead_rows(lab, samplers, rounds):
    """With the budget that memtrace has if nobody says anything, and without one."""
    argv = [lab.program("known_times"), "functions", "2", str(rounds)]
    for hz in (1000, 2000):
        yield from question(lab, samplers, f"CPU, 2 threads, {hz} Hz", argv, hz, "function",
                            {"": (None, None), "samples delivered": delivered(hz)})
    yield from question(lab, samplers, "CPU, 2 threads, 1000 Hz, default budget", argv, 1000, "function",
                        {"": (None, None), "samples delivered": delivered(1000)}, budget=3)


# --- a line that is slowed down ---


def slowed_rows(lab, samplers, rounds):
    """The same work twice, once with one line slower: does its time change by as much, and that of
    no other line? The errors are in standard errors of the difference."""
    lab.say("cpu_accuracy: a slowed line")
    argv = [lab.program("known_times"), "lines", "4", str(rounds)]
    own, others = (Row("cpu_accuracy", f"a line {SLOW_PERCENT} % slower, 1000 Hz: {name}", "s")
                   for name in ("its change of time, in %", "greatest change of others, in standard errors"))
    for sampler in samplers:
        if sampler.name == "bare":
            continue
        before, after = (sampled_run(lab, sampler, [*argv, *more], 1000, "line")
                         for more in ((), (str(SLOW_PART), str(SLOW_PERCENT))))
        if before[0].trouble or after[0].trouble:
            continue
        changes = {part: change(before, after, part) for part in true_shares(before[0].answer)}
        own.texts[sampler.name] = "{:+.1f} ± {:.1f} ({:+.1f})".format(*changes.pop(SLOW_PART))
        others.texts[sampler.name] = f"{max(abs(found - true) / error for found, error, true in changes.values()):.1f}"
    yield own, {}
    yield others, {}


def change(before, after, part):
    """(sampled, its standard error, true) change of a line's time, in % of what it was."""
    times = [part_times(profile, outcome.answer, "line")[part] for outcome, profile in (before, after)]
    truth = [true_shares(outcome.answer)[part][0] for outcome, _ in (before, after)]
    ratio = times[1][1] / times[0][1]
    error = ratio * math.sqrt(sum(1 / time[0] for time in times))
    return 100 * (ratio - 1), 100 * error, 100 * (truth[1] / truth[0] - 1)


def rows(lab, samplers):
    quick = lab.quick
    yield from shares_rows(lab, samplers, 60 if quick else 700)
    yield from short_rows(lab, samplers, 100 if quick else 900)
    yield from phase_rows(lab, samplers, 800 if quick else 12000)
    yield from overhead_rows(lab, samplers, 60 if quick else 1400)
    yield from slowed_rows(lab, samplers, 60 if quick else 700)
