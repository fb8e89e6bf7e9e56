# SPDX-License-Identifier: BSD-2-Clause
"""snapshot_cost.py -- What does a service notice of it when somebody takes a snapshot of it every second?

redis-server is recorded and has as much to do as it can; spans of time with and without snapshots
take turns, so that whatever else the machine does meets both alike. Spans of a second kind without
any say how much the same thing differs from itself: what is within that is noise."""

import dataclasses
import itertools
import pathlib
import socket
import statistics
import subprocess
import threading
import time

import servers
from measure import TICKS, Command, Outcome, end_session, median
from table import Row, amount
from trial import remove
from workloads import find_program

TITLE = "snapshots of a service: throughput ÷ without (CPU per command ÷ without)"

WITHOUT, WITH, AGAIN = range(3)
ROUNDS, ROUNDS_QUICK = 15, 2
SPAN_S, SPAN_QUICK_S = 3, 2
PERIOD_S = 1.0
WARM_UP_S = 2


def redis_info(place):
    """{name: text} of what the server says of itself."""
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(place / "socket"))
        client.sendall(b"info\r\n")
        answer = client.makefile("rb")
        text = answer.read(int(answer.readline()[1:])).decode()
    return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)


def cpu_s(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


class Snapshots(threading.Thread):
    """Takes one every second until it is told to stop."""

    def __init__(self, lab, pid, place):
        super().__init__()
        self.lab, self.pid, self.path = lab, pid, place / "snapshot"
        self.stopped, self.count, self.failures, self.took_s = threading.Event(), 0, 0, []

    def run(self):
        due = time.monotonic() + PERIOD_S / 2
        while not self.stopped.wait(max(0, due - time.monotonic())):
            start = time.monotonic()
            done = subprocess.run([str(self.lab.tool), "snapshot", str(self.pid), "-o", str(self.path)], check=False,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=self.lab.environment)
            self.took_s.append(time.monotonic() - start)
            self.count += 1
            self.failures += done.returncode != 0
            self.path.unlink(missing_ok=True)
            due += PERIOD_S

    def stop(self):
        self.stopped.set()
        self.join()


@dataclasses.dataclass
class Span:
    """What the server did in a span of time."""
    seconds: float
    commands: int
    cpu_s: float
    snapshots: int = 0
    took_s: tuple = ()

    @property
    def per_s(self):
        return self.commands / self.seconds

    @property
    def cpu_per_command_s(self):
        return self.cpu_s / self.commands if self.commands else 0


def look(lab, place, pid, seconds, with_snapshots):
    snapshots = Snapshots(lab, pid, place) if with_snapshots else None
    start, commands, cpu = time.monotonic(), int(redis_info(place)["total_commands_processed"]), cpu_s(pid)
    if snapshots:
        snapshots.start()
    time.sleep(seconds)
    span = Span(time.monotonic() - start, int(redis_info(place)["total_commands_processed"]) - commands, cpu_s(pid) - cpu)
    if snapshots:
        snapshots.stop()
        span.snapshots, span.took_s = snapshots.count, tuple(snapshots.took_s)
        if snapshots.failures:
            lab.note(f"snapshot_cost: {snapshots.failures} of {snapshots.count} snapshots failed.")
    return span


def take_turns(lab, place, pid):
    """([Span without], [Span with], [Span without again])"""
    spans = ([], [], [])
    orders = list(itertools.permutations((WITHOUT, WITH, AGAIN)))
    time.sleep(WARM_UP_S)
    for number in range(ROUNDS_QUICK if lab.quick else ROUNDS):
        for kind in orders[number % len(orders)]:
            spans[kind].append(look(lab, place, pid, SPAN_QUICK_S if lab.quick else SPAN_S, kind == WITH))
    return spans


def load(lab, place):
    """A client that never ends."""
    argv = [find_program("redis-benchmark"), "-s", str(place / "socket"), "-t", "set", "-n", "1000000", "-r", "50000",
            "-d", "100", "-P", "8", "-l", "-q"]
    return subprocess.Popen(argv, env=lab.environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL, start_new_session=True)


def measure(lab, peer):
    """The spans, or None if the server does not run."""
    place, command, client = lab.new_place(), None, None
    try:
        argv, variables = peer.command(lab, servers.redis_command(lab, place), place)
        command = Command(lab, argv, variables, place, output=False)
        if not servers.wait_until_up(command, place / "socket"):
            return None
        client = load(lab, place)
        return take_turns(lab, place, int(redis_info(place)["process_id"]))
    finally:
        for process in (client, command.process if command else None):
            if process:
                end_session(process)
        remove(place)


def ratios(spans, kind, value):
    """Of neighbours in time, so that slow drifts do not matter."""
    return [value(span) / value(without) for without, span in zip(spans[WITHOUT], spans[kind]) if value(without)]


def outcomes(spans):
    return [Outcome(cpu_s=span.cpu_s, wall_s=span.seconds,
                    answer={"commands": span.commands, "snapshots": span.snapshots, "took_s": list(span.took_s)})
            for span in spans]


def row_of_kind(lab, spans, kind, label):
    throughput = ratios(spans, kind, lambda span: span.per_s)
    cpu = ratios(spans, kind, lambda span: span.cpu_per_command_s)
    row = Row("snapshot_cost", label, "s")
    if not throughput or not cpu:
        row.texts["memtrace"] = "died"
        return row
    row.first = f"{median([span.per_s for span in spans[WITHOUT]]):,.0f} per s"
    row.texts["memtrace"] = f"{median(throughput):.3f} ({median(cpu):.3f})"
    quarters = statistics.quantiles(throughput, n=4)
    lab.note(f"{label}: {len(throughput)} spans of {SPAN_QUICK_S if lab.quick else SPAN_S} s each; half of the ratios of "
             f"throughput are between {quarters[0]:.3f} and {quarters[2]:.3f}.")
    return row


def rows(lab, peers):
    peer = next((peer for peer in peers if peer.name == "memtrace"), None)
    missing = [name for name in ("redis-server", "redis-benchmark") if not find_program(name)]
    if not peer or missing:
        lab.note(f"snapshot_cost: skipped, there is no {', '.join(missing) or 'memtrace among the peers'}.")
        return
    lab.say("snapshot_cost: redis-server")
    spans = measure(lab, peer) or ([], [], [])
    took = median([seconds for span in spans[WITH] for seconds in span.took_s])
    if took:
        lab.note(f"snapshot_cost: a snapshot took {amount(took, 's')}.")
    yield row_of_kind(lab, spans, WITH, "redis-server, one every second"), {"memtrace": outcomes(spans[WITH])}
    yield row_of_kind(lab, spans, AGAIN, "redis-server, none again (noise)"), {"memtrace": outcomes(spans[AGAIN])}
