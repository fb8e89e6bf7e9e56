# SPDX-License-Identifier: BSD-2-Clause
"""report_time.py -- How long does it take, and how much memory, until a recording is an answer?"""

import dataclasses

import workloads
from measure import Command, median
from table import Row, amount, short
from trial import remove

TITLE = "report: time, peak memory ÷ its trace"

REPETITIONS, REPETITIONS_QUICK = 5, 1
# The peers whose files can be reported on, and with what.
READERS = {
    "memtrace": lambda lab, path: [str(lab.tool), "report", str(path)],
    "heaptrack": lambda lab, path: ["heaptrack_print", "-f", str(path)],
}
PAIRS, PAIRS_QUICK = 1_000_000, 20_000


def prepare_worst_case(lab, scale):
    return [lab.program("distinct_stacks"), str(PAIRS_QUICK if lab.quick else PAIRS)]


# Those with the largest traces of all workloads.
RECORDED = [workload for workload in workloads.ALL
            if workload.name.startswith(("python3", "clang", "cc1plus", "lld"))] + [
    workloads.Workload("nearly all stacks distinct", (), prepare_worst_case)]
QUICK = ("python3", "nearly all")


def record(lab, peer, workload, argv, place):
    """The path of the largest file this leaves, or None."""
    command, variables = peer.command(lab, argv, place)
    outcome = Command(lab, command, {**workload.variables, **variables}, place, output=False).wait(lab.limit_s)
    files = peer.outputs(place)
    if outcome.trouble or not files:
        lab.note(f"{workload.name}, {peer.name}: {outcome.trouble or 'no file'}. {outcome.why}".rstrip(". ") + ".")
        return None
    return max(files, key=lambda path: path.stat().st_size)


def read(lab, argv, place):
    """The outcomes of reading it; the first one warms the cache."""
    results = place / "report"
    results.mkdir()
    runs = [Command(lab, argv, {}, results, output=False).wait(lab.limit_s)
            for _ in range(1 + (REPETITIONS_QUICK if lab.quick else REPETITIONS))]
    return runs[1:]


def describe(runs, size_bytes):
    trouble = next((run.trouble for run in runs if run.trouble), None)
    if trouble:
        return trouble
    return (f"{amount(median([run.wall_s for run in runs]), 's')}, "
            f"{short(median([run.peak_bytes for run in runs]) / size_bytes)}x")


def row_of_reports(lab, peers, workload):
    """A row, and the runs of each reader."""
    argv = workload.prepare(lab, 0.12 if lab.quick else 1)
    row, outcomes = Row("report_time", workload.name, "s"), {}
    for peer in peers:
        if peer.name not in READERS:
            continue
        place = lab.new_place()
        path = record(lab, peer, workload, argv, place)
        if path:
            size_bytes = path.stat().st_size
            outcomes[peer.name] = read(lab, READERS[peer.name](lab, path), place)
            row.texts[peer.name] = describe(outcomes[peer.name], size_bytes)
            for run in outcomes[peer.name]:
                run.written_bytes = size_bytes
            if peer.name == "memtrace":
                row = dataclasses.replace(row, first=f"trace: {amount(size_bytes, 'B')}")
        else:
            row.texts[peer.name] = "no file"
        remove(place)
    return row, outcomes


def rows(lab, peers):
    for workload in RECORDED:
        if workload.missing() or (lab.quick and not workload.name.startswith(QUICK)):
            continue
        lab.say(f"report_time: {workload.name}")
        yield row_of_reports(lab, peers, workload)
