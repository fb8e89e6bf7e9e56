# SPDX-License-Identifier: BSD-2-Clause
"""worst_case.py -- What does recording cost where hardly two call stacks are the same?"""

from measure import interleave
from table import amount
from trial import median_of, row_of, trial

TITLE = "nearly all call stacks distinct (+ns, +bytes, per call stack)"

PAIRS, PAIRS_QUICK = 1_000_000, 50_000


def file_sizes(row, peers, outcomes):
    """Sizes instead of ratios: bare writes nothing."""
    for peer in peers:
        written = median_of(outcomes, peer.name, lambda outcome: outcome.written_bytes)
        if written and not row.troubles.get(peer.name):
            row.texts[peer.name] = amount(written, "B")
    row.values.clear()
    return row


def rows(lab, peers):
    pairs = PAIRS_QUICK if lab.quick else PAIRS
    label = f"{pairs:,} call stacks"
    lab.say(f"worst_case: {label}")
    argv = [lab.program("distinct_stacks"), str(pairs)]
    peers = [peer for peer in peers if not (lab.quick and peer.is_slow)]
    outcomes = interleave(lab, peers, lambda peer, is_first: trial(lab, peer, argv, is_first, output=True))

    def row(name, unit, value, per=None, added_unit="", is_partial=False):
        return row_of(lab, "worst_case", f"{label}, {name}", unit, peers, outcomes, value, per, added_unit, is_partial)

    yield row("CPU", "s", lambda outcome: outcome.cpu_s, pairs, "ns", is_partial=True), outcomes
    yield row("peak RSS", "B", lambda outcome: outcome.answer["peak_bytes"], pairs, "B"), {}
    yield file_sizes(row("file", "B", lambda outcome: outcome.written_bytes), peers, outcomes), {}
