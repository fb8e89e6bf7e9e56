# SPDX-License-Identifier: BSD-2-Clause
"""memory_per_block.py -- How much memory does recording take, for each block that is alive?"""

from measure import interleave
from trial import row_of, trial

TITLE = "peak RSS (+bytes per live block)"

COUNTS = [("1 million live blocks", 1_000_000), ("10 million live blocks", 10_000_000)]
COUNTS_QUICK = [("100,000 live blocks", 100_000)]
REPETITIONS = 3  # memory hardly varies


def rows(lab, peers):
    peers = [peer for peer in peers if peer.name != "memtrace run" and not (lab.quick and peer.is_slow)]
    for label, count in COUNTS_QUICK if lab.quick else COUNTS:
        lab.say(f"memory_per_block: {label}")
        argv = [lab.program("live_blocks"), str(count)]

        def run(peer, is_first, argv=argv):
            return trial(lab, peer, argv, is_first, output=True)

        outcomes = interleave(lab, peers, run, 1 if lab.quick else REPETITIONS)
        yield row_of(lab, "memory_per_block", label, "B", peers, outcomes,
                     lambda outcome: outcome.answer["peak_bytes"], count, "B", is_partial=False), outcomes
