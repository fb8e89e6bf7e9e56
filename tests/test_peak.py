# SPDX-License-Identifier: BSD-2-Clause
"""test_peak.py -- Bytes at the peak, per line, against a reference from a full log of the events."""

import os

from tap import Tap
from traced import Build, Tracer, execute

SEEDS = (1, 2, 3, 4, 5, 6, 7, 8)
EVENTS = 200000


class Reference:
    """Replays a log of peak_events: who had how much when all together had most, the first time."""

    def __init__(self, path):
        self.slots, self.live, self.total = {}, {}, 0
        self.peak, self.at_peak = 0, {}
        with open(path, encoding="ascii") as log:
            for line in log:
                self.event(line.split())

    def event(self, words):
        slot = int(words[1] if words[0] == "f" else words[2])
        if words[0] != "a":
            self.release(slot)
        if words[0] != "f":
            self.allocate(int(words[1]), slot, int(words[3]))

    def release(self, slot):
        if slot in self.slots:
            site, size = self.slots.pop(slot)
            self.live[site] -= size
            self.total -= size

    def allocate(self, site, slot, size):
        self.slots[slot] = (site, size)
        self.live[site] = self.live.get(site, 0) + size
        self.total += size
        if self.total > self.peak:
            self.peak, self.at_peak = self.total, dict(self.live)


def check_against_log(tap, tracer, seed):
    program = tracer.build.program("peak_events")
    log = tracer.new_directory() / "log"
    plain = execute([program, str(seed), str(EVENTS), str(log)])
    reference = Reference(log)
    log.unlink()
    trace = tracer.run([program, str(seed), str(EVENTS)]).trace
    report = tracer.report(trace, "--group-by=line")
    lines = {entry["line"]: entry for entry in report["statistics"]
             if os.path.basename(entry.get("file", "")) == "peak_events.c"}
    got_peak = {line: entry["peak_live_bytes"] for line, entry in lines.items() if entry["peak_live_bytes"]}
    got_live = {line: entry["live_bytes"] for line, entry in lines.items() if entry["live_bytes"]}
    name = f"seed {seed}"
    tap.equal(plain.status, 0, f"{name}: log")
    tap.ok(len(reference.at_peak) >= 30, f"{name}: the log is worth it", len(reference.at_peak))
    tap.equal(report["totals"]["peak_bytes"], reference.peak, f"{name}: the peak")
    tap.equal(got_peak, {site: size for site, size in reference.at_peak.items() if size}, f"{name}: each line at the peak")
    tap.equal(got_live, {site: size for site, size in reference.live.items() if size}, f"{name}: each line at the end")
    tap.equal(sum(entry["peak_live_bytes"] for entry in report["statistics"]), report["totals"]["peak_bytes"],
              f"{name}: the lines sum to the peak")
    tap.equal(trace.header["peak_slack_bytes"], 0, f"{name}: one thread, no slack")
    tap.equal(trace.totals()["peak_bytes"], reference.peak, f"{name}: the independent reader's sum")


def check_threads(tap, tracer):
    """The true peak is known: all four have filled up, nothing else is live but what pthread_create took."""
    for attempt in range(5):
        trace = tracer.run([tracer.build.program("peak_threads")]).trace
        report = tracer.report(trace, "--group-by=line")
        slack = trace.header["peak_slack_bytes"]
        filled = sum(5000 * 100 * (i + 1) for i in range(4))
        by_tag = {}
        for entry in report["statistics"]:
            if os.path.basename(entry.get("file", "")) == "peak_threads.c":
                by_tag[entry["line"]] = entry["peak_live_bytes"]
        fill = max(by_tag.values(), default=0)
        others = report["totals"]["peak_bytes"] - fill
        name = f"threads, run {attempt + 1}"
        tap.note(f"{name}: peak {report['totals']['peak_bytes']}, slack {slack}")
        tap.ok(abs(fill - filled) <= slack, f"{name}: the filling line within the bound", f"{fill} {filled} {slack}")
        tap.ok(-slack <= others <= 4096 + slack, f"{name}: the peak within the bound", f"{others} {slack}")
        tap.ok(abs(sum(entry["peak_live_bytes"] for entry in report["statistics"]) - report["totals"]["peak_bytes"])
               <= slack, f"{name}: the lines sum to it within the bound")
        tap.ok(slack < filled // 50, f"{name}: the bound says something", slack)


def main():
    with Tap() as tap, Tracer(Build()) as tracer:
        for seed in SEEDS:
            tap.run(check_against_log, tracer, seed, name=f"seed {seed}")
        tap.run(check_threads, tracer)


if __name__ == "__main__":
    main()
