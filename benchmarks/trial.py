# SPDX-License-Identifier: BSD-2-Clause
"""trial.py -- One program under one peer, and from many such trials a row of the table."""

import shutil

from measure import Command, median
from table import Row

# A peer that saw less than this share of the allocations says so in its cell. Servers differ from run to run.
NEARLY_ALL = 0.75


def judge(peer, place, outcome, is_first):
    """Sees what the peer left behind; once is enough."""
    outputs = peer.outputs(place)
    outcome.files, outcome.written_bytes = len(outputs), sum(path.stat().st_size for path in outputs)
    if is_first and not outcome.trouble:
        outcome.recorded = peer.recorded(place)
        if outcome.recorded == 0:
            outcome.trouble = "0 recorded"


def trial(lab, peer, argv, is_first=False, variables=None, stdin=None, output=False, limit_s=None):
    """The Outcome of argv under that peer, or None if that cannot be."""
    place = lab.new_place()
    try:
        command = peer.command(lab, argv, place)
        if not command:
            return None
        outcome = Command(lab, command[0], {**(variables or {}), **command[1]}, place, stdin, output).wait(
            limit_s or lab.limit_s)
        judge(peer, place, outcome, is_first)
        return outcome
    finally:
        remove(place)


def remove(place):
    shutil.rmtree(place, ignore_errors=True)


def allocations(outcomes):
    """How many there were, by memtrace's count."""
    return next((outcome.recorded for name in ("memtrace", "memtrace run") for outcome in outcomes.get(name, ())
                 if outcome.recorded), None)


def is_measured(outcome, is_partial=True):
    """A run that was stopped at the time limit has cost at least so much CPU, but printed no figure."""
    return not outcome.trouble or (is_partial and outcome.trouble == "slow")


def mark_of(peer, run, reference):
    """What it did not record of what memtrace did; "" if that cannot be said."""
    if not (peer.is_exact and run and reference):
        return ""
    if run.files and reference.files > run.files:
        return f"{run.files} of {reference.files}"
    if run.recorded and reference.recorded and run.recorded < NEARLY_ALL * reference.recorded:
        return f"{100 * run.recorded / reference.recorded:.0f} %"
    return ""


def row_of(lab, question, label, unit, peers, outcomes, value, per=None, added_unit="", is_partial=True):
    """A row of the value() of these {peer name: [Outcome]}; troubles go to the notes too."""
    row = Row(question, label, unit, per=per, added_unit=added_unit)
    reference = next(iter(outcomes.get("memtrace", [])), None)
    for peer in peers:
        runs = outcomes.get(peer.name, [])
        row.values[peer.name] = [value(run) for run in runs if is_measured(run, is_partial)]
        row.marks[peer.name] = mark_of(peer, runs[0] if runs else None, reference)
        troubled = next((run for run in runs if run.trouble), None)
        if troubled:
            row.troubles[peer.name] = troubled.trouble
        if troubled and troubled.why:
            lab.note(f"{label}, {peer.name}: {troubled.trouble}, {troubled.why}.")
    return row


def without_slow(lab, peers, is_small):
    return [peer for peer in peers if not peer.is_slow or (is_small and not lab.quick)]


def median_of(outcomes, name, value):
    return median([value(run) for run in outcomes.get(name, []) if is_measured(run)])
