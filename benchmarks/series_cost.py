# SPDX-License-Identifier: BSD-2-Clause
"""series_cost.py -- What does it cost to look at the process ten times a second?

The same program with the series and without, in turns, and without once more, which says how much
the same thing differs from itself. The recorder's thread has a CPU clock of its own; it is read
from outside, and tells the cost to the nanosecond."""

import statistics
import time

from measure import Command, median, process_stats
from table import Row
from trial import remove

TITLE = "RSS series at 10 Hz: CPU ÷ without (recorder's thread, share of a CPU)"

CASES = [("small process", "0"), ("256 MiB, coming and going", "256")]
WITHOUT, WITH, AGAIN = range(3)
INTERVALS = ("0", "100ms", "0")
ROUNDS, ROUNDS_QUICK = 10, 1
SECONDS, SECONDS_QUICK = 10, 2


def recorder_clock(session):
    """CPU time of the recorder's thread in a session's processes, in ns; None: there is none."""
    for stat in process_stats():
        try:
            if int(stat.read_text().rpartition(")")[2].split()[3]) != session:
                continue
            for task in (stat.parent / "task").iterdir():
                if (task / "comm").read_text() == "memtrace\n":
                    return int((task / "schedstat").read_text().split()[0])
        except OSError:
            continue
    return None


def thread_share(command, seconds):
    """Of a CPU, from the first reading to the last one before the end."""
    readings = []
    end = time.monotonic() + seconds - 0.5
    while time.monotonic() < end and command.process.poll() is None:
        clock_ns = recorder_clock(command.process.pid)
        if clock_ns is not None:
            readings.append((time.monotonic_ns(), clock_ns))
        time.sleep(0.25)
    if len(readings) < 2:
        return None
    (first_ns, first), (last_ns, last) = readings[0], readings[-1]
    return (last - first) / (last_ns - first_ns)


def run(lab, peer, argv, kind, seconds):
    """(Outcome, share of the recorder's thread)"""
    place = lab.new_place()
    try:
        argv, variables = peer.command(lab, argv, place)
        command = Command(lab, argv, {**variables, "MEMTRACE_RSS_INTERVAL": INTERVALS[kind]}, place)
        share = thread_share(command, seconds)
        return command.wait(lab.limit_s), share
    finally:
        remove(place)


def take_turns(lab, peer, argv, seconds):
    """([(Outcome, share)] without, with, without again)"""
    runs = ([], [], [])
    orders = ((WITHOUT, WITH, AGAIN), (AGAIN, WITHOUT, WITH), (WITH, AGAIN, WITHOUT))
    for number in range(ROUNDS_QUICK if lab.quick else ROUNDS):
        for kind in orders[number % len(orders)]:
            runs[kind].append(run(lab, peer, argv, kind, seconds))
    return runs


def row_of_kind(lab, runs, kind, label):
    row = Row("series_cost", label, "s")
    troubled = next((outcome for turn in runs for outcome, _ in turn if outcome.trouble), None)
    if troubled:
        row.texts["memtrace"] = troubled.trouble
        lab.note(f"{label}: {troubled.trouble}, {troubled.why}.")
        return row
    ratios = [outcome.cpu_s / base.cpu_s for (base, _), (outcome, _) in zip(runs[WITHOUT], runs[kind]) if base.cpu_s]
    shares = [share for _, share in runs[kind] if share is not None]
    row.first = f"{median([outcome.cpu_s for outcome, _ in runs[WITHOUT]]):.3f} s"
    row.texts["memtrace"] = f"{median(ratios):.4f}" + (f" ({100 * median(shares):.3f} %)" if shares else "")
    if len(ratios) > 1:
        quarters = statistics.quantiles(ratios, n=4)
        lab.note(f"{label}: half of {len(ratios)} ratios of CPU are between {quarters[0]:.4f} and {quarters[2]:.4f}.")
    return row


def rows(lab, peers):
    peer = next((peer for peer in peers if peer.name == "memtrace"), None)
    if not peer:
        lab.note("series_cost: skipped, memtrace is not among the peers.")
        return
    seconds = SECONDS_QUICK if lab.quick else SECONDS
    for label, mib in CASES:
        lab.say(f"series_cost: {label}")
        runs = take_turns(lab, peer, [lab.program("saw_tooth"), mib, str(seconds)], seconds)
        for kind, what in ((WITH, "with"), (AGAIN, "without again (noise)")):
            yield row_of_kind(lab, runs, kind, f"{label}, {what}"), {"memtrace": [outcome for outcome, _ in runs[kind]]}
