# SPDX-License-Identifier: BSD-2-Clause
"""start_up.py -- What does recording cost a process that does nothing?"""

from measure import interleave
from trial import row_of, trial

TITLE = "start-up (+ms per process)"

SPAWNS = 500
SPAWNS_QUICK = 20


def rows(lab, peers):
    cases = [("/bin/true", ["/bin/true"])]
    peers = [peer for peer in peers if not peer.is_slow]
    for label, argv in cases:
        lab.say(f"start_up: {label}")

        def run(peer, is_first, argv=argv):
            outcome = trial(lab, peer, argv, is_first)
            if outcome and outcome.trouble == "0 recorded":
                outcome.trouble = None  # /bin/true may well allocate nothing
            return outcome

        outcomes = interleave(lab, peers, run, SPAWNS_QUICK if lab.quick else SPAWNS)
        for name, value in (("wall time", lambda outcome: outcome.wall_s), ("CPU", lambda outcome: outcome.cpu_s)):
            row = row_of(lab, "start_up", f"{label}, {name}", "s", peers, outcomes, value, 1, "ms")
            row.marks.clear()
            yield row, outcomes if name == "CPU" else {}
