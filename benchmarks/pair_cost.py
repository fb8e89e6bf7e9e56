# SPDX-License-Identifier: BSD-2-Clause
"""pair_cost.py -- What does one malloc + free cost, by depth of the stack, threads and call path?"""

import re
import subprocess

from measure import interleave
from table import Row
from trial import remove, row_of, trial, without_slow

TITLE = "malloc + free (+ns)"

# (label, pattern, depth, threads)
CASES = [
    ("same site, 10 frames", "same", 10, 1),
    ("same site, 40 frames", "same", 40, 1),
    ("same site, 10 frames, 2 threads", "same", 10, 2),
    ("same site, 10 frames, 4 threads", "same", 10, 4),
    ("same site, 40 frames, 4 threads", "same", 40, 4),
    ("4 threads, 4 sites, 10 frames", "sites", 10, 4),
    ("24 leaf paths, 10 frames", "leaves", 10, 1),
    ("24 leaf paths, 40 frames", "leaves", 40, 1),
    ("24 leaf paths, 40 frames, 4 threads", "leaves", 40, 4),
    ("recursion, 10 frames", "recursion", 10, 1),
    ("recursion, 40 frames", "recursion", 40, 1),
    ("freed by another thread, 10 frames", "pipe", 10, 2),
    ("freed by others, 10 frames, 4 threads", "pipe", 10, 4),
]
QUICK = ("same site, 10 frames", "same site, 40 frames", "same site, 10 frames, 4 threads", "24 leaf paths, 40 frames",
         "recursion, 10 frames", "freed by another thread, 10 frames")
MILLISECONDS = 400
MILLISECONDS_QUICK = 100
# Instructions: the difference of two runs is what the second one has more.
PAIRS = 20_000
# heaptrack drops its LD_PRELOAD in the first process, which is valgrind.
FITS_CALLGRIND = ("bare", "memtrace", "memtrace sampled")


def value_of(pattern, threads):
    """One thread: the median round, which knows nothing of other people's programs. Several: the
    mean, for a median does not see threads that wait for each other. Where they have to wait
    anyway: the CPU time of both."""
    key = "cpu_ns" if pattern == "pipe" else "mean_ns" if threads > 1 else "median_ns"
    return lambda outcome: outcome.answer[key]


def measure(lab, peers, label, pattern, depth, threads):
    milliseconds = MILLISECONDS_QUICK if lab.quick else MILLISECONDS
    argv = [lab.program("pair_cost"), pattern, str(depth), str(threads), "time", str(milliseconds)]

    def run(peer, is_first):
        outcome = trial(lab, peer, argv, is_first, output=True)
        if outcome and not outcome.trouble and not outcome.answer:
            outcome.trouble = "died"
        return outcome

    outcomes = interleave(lab, peers, run)
    row = row_of(lab, "pair_cost", label, "ns", peers, outcomes, value_of(pattern, threads), 1, "ns",
                 is_partial=False)
    row.marks.clear()  # how many pairs there are depends on the time they take
    return row, outcomes


def instructions_of(lab, peer, argv, pairs):
    place = lab.new_place()
    try:
        command, variables = peer.command(lab, [*argv, "pairs", str(pairs)], place)
        process = subprocess.run(
            ["valgrind", "--tool=callgrind", f"--callgrind-out-file={place}/callgrind", *command],
            cwd=place, env={**lab.environment, **variables}, capture_output=True, text=True, timeout=600, check=False)
        match = re.search(r"Collected : (\d+)", process.stderr)
        return int(match.group(1)) if match else None
    finally:
        remove(place)


def instructions(lab, peers, label, pattern, depth):
    """Of one pair, by callgrind, which counts the same in every run."""
    row = Row("pair_cost", label + ", instructions", "instructions", per=1)
    argv = [lab.program("pair_cost"), pattern, str(depth), "1"]
    for peer in peers:
        if peer.name in FITS_CALLGRIND:
            few, many = (instructions_of(lab, peer, argv, count) for count in (PAIRS, 2 * PAIRS))
            if few and many:
                row.values[peer.name] = [(many - few) / PAIRS]
    return row


def rows(lab, peers):
    for label, pattern, depth, threads in CASES:
        if lab.quick and label not in QUICK:
            continue
        lab.say(f"pair_cost: {label}")
        yield measure(lab, without_slow(lab, [peer for peer in peers if peer.name != "memtrace run"],
                                        label == CASES[0][0]), label, pattern, depth, threads)
        if lab.instructions and threads == 1:
            yield instructions(lab, peers, label, pattern, depth), {}
