# SPDX-License-Identifier: BSD-2-Clause
"""test_history.py -- What the trace remembers of the past: ticks, marks, triggers.

A program does known things one by one and waits in between. The state at each tick must be what
the program had done, to the byte; nothing here depends on how fast anything is."""

import os
import random
import signal
import subprocess
import time

from tap import Tap
from trace_file import TraceFile
from traced import Build, Result, Tracer, clean_environment, collect, wait_until

KILLS = 200
KEPT, KEPT_BYTES, FREED, CHURN, CHURN_BYTES = 10, 1000, 3, 100, 64
BIG_BYTES = 8 << 20
FAST = {"MEMTRACE_HISTORY_INTERVAL": "5ms"}


class Steps:
    """A running history_steps, and what it must have counted: (allocs, bytes, frees, bytes freed)."""

    def __init__(self, tracer, environment=None):
        self.tracer, self.directory = tracer, tracer.new_directory()
        self.process = tracer.start([tracer.build.program("history_steps")], self.directory, environment)
        self.states = [(0, 0, 0, 0)]
        self._wait_for_dot()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()

    def _wait_for_dot(self):
        answer = self.process.stdout.read(1)
        if answer != b".":
            raise AssertionError(f"history_steps answers {answer!r}, {self.process.poll()}")

    def do(self, letters, *added):
        """Has it do these, each of which adds so much."""
        for letter in letters:
            self.process.stdin.write(letter.encode())
            self._wait_for_dot()
            if added:
                self.states.append(tuple(a + b for a, b in zip(self.states[-1], added)))

    def keep(self):
        self.do("k", KEPT, KEPT * KEPT_BYTES, 0, 0)

    def release(self):
        self.do("r", 0, 0, FREED, FREED * KEPT_BYTES)

    def churn(self):
        self.do("c", CHURN, CHURN * CHURN_BYTES, CHURN, CHURN * CHURN_BYTES)

    def end(self):
        """Its status, and all traces."""
        self.process.stdin.write(b"q")
        result = Result(self.process.wait(timeout=60), b"", b"")
        collect(result, self.directory)
        return result

    def child(self):
        """The process that it has forked."""
        pid = self.process.pid
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as children:
            return int(children.read())

    def trace(self, pid=None):
        """Its own trace, or that of a child."""
        paths = list(self.directory.glob(f"*.{pid or self.process.pid}.memtrace"))
        return TraceFile(paths[0]) if paths else None

    def moments(self, pid=None):
        """The history as it is now, however often it is thinned meanwhile."""
        while True:
            before, after = self.trace(pid), self.trace(pid)
            keys = ("history_active", "history_interval_ns")
            if before and all(before.header[key] == after.header[key] for key in keys):
                return totals(before)

    def wait_for_tick(self, state=None, pid=None):
        """Until the latest tick has the state that the program is in."""
        state = state or self.states[-1]
        return wait_until(lambda: (self.moments(pid) or [(0, 0, None)])[-1][2] == state)

    def marks(self):
        trace = self.trace()
        return [trace.mark_name(mark) for mark in trace.marks]

    def wait_for_marks(self, names):
        return wait_until(lambda: self.marks() == names)


def totals(trace):
    """[(time_ns, mark, (allocs, bytes, frees, bytes freed))] summed over all sites."""
    return [(time_ns, mark, tuple(sum(figures[k] for figures in sums.values()) for k in range(4)))
            for time_ns, mark, sums in trace.history_sums()]


def is_between(low, state, high):
    return all(a <= b <= c for a, b, c in zip(low, state, high))


# --- ticks ---


def check_states(tap, tracer):
    """Every state that was waited for is in the history, and whatever else is lies in between."""
    with Steps(tracer, FAST) as steps:
        for act in (steps.keep, steps.release, steps.churn, steps.keep, steps.churn, steps.release, steps.churn):
            act()
            tap.ok(steps.wait_for_tick(), f"a tick shows {act.__name__}", steps.moments()[-3:])
        result = steps.end()
        trace = result.trace
        states = [state for _, _, state in totals(trace)]
        tap.equal(result.status, 0, "exit status")
        tap.equal([state for state in states if state in steps.states], steps.states[1:], "each state once, in order")
        pairs = list(zip(steps.states, steps.states[1:]))
        tap.ok(all(any(is_between(low, state, high) for low, high in pairs) for state in states), "no other state", states)
        times = [time_ns for time_ns, _, _ in totals(trace)]
        tap.ok(trace.header["start_time_ns"] < times[0] and times == sorted(set(times)) and
               times[-1] <= trace.header["end_time_ns"], "ticks in the order of time", times)
        tap.equal({key: value for key, value in trace.anomalies.items() if value}, {}, "nothing lost")


def check_by_site(tap, tracer):
    """The last tick agrees with the counters, site by site."""
    with Steps(tracer, FAST) as steps:
        steps.keep()
        steps.churn()
        steps.wait_for_tick()
        trace = steps.end().trace
        sums = trace.history_sums()[-1][2]
        counted = {index: tuple(counters[key] for key in ("alloc_count", "alloc_bytes", "free_count", "freed_bytes"))
                   for index, counters in enumerate(trace.counters) if counters["alloc_count"]}
        tap.equal(sums, counted, "figures by counters id")
        tap.equal(sorted(sums.values()), [(KEPT, KEPT * KEPT_BYTES, 0, 0),
                                          (CHURN, CHURN * CHURN_BYTES, CHURN, CHURN * CHURN_BYTES)], "two sites")


def check_threads(tap, tracer):
    """Blocks freed by another thread: at every tick each site has as much or nothing, never less."""
    with Steps(tracer, FAST) as steps:
        steps.keep()
        steps.wait_for_tick()
        for _ in range(3):
            steps.do("t")
            freed = wait_until(lambda: steps.moments()[-1][2][2] >= 3)
            tap.ok(freed, "a tick shows what a thread freed", steps.moments()[-1])
        wait_until(lambda: steps.moments()[-1][2][2] >= 9)
        trace = steps.end().trace
        least = 0
        for _, _, sums in trace.history_sums():
            nodes = {}
            for counters_id, (_, allocated, _, freed) in sums.items():
                node = trace.owners[counters_id]["node"]
                nodes[node] = nodes.get(node, 0) + allocated - freed
            least = min(least, *nodes.values())
        tap.equal(least, 0, "no site ever has less than nothing")


def check_pause(tap, tracer):
    """Nothing is written while nothing happens, but the program is known to live."""
    with Steps(tracer, FAST) as steps:
        steps.keep()
        steps.wait_for_tick()
        size, seen_ns = steps.trace().header["history_bytes"], steps.trace().header["last_seen_ns"]
        tap.ok(wait_until(lambda: steps.trace().header["last_seen_ns"] >= seen_ns + 500_000_000),
               "the time of the last sign of life moves on")
        tap.equal(steps.trace().header["history_bytes"], size, "the history stays as it is")


def check_children(tap, tracer):
    """A forked child has its own history, from zero and from its own start; its parent's is left alone."""
    with Steps(tracer, FAST) as steps:
        steps.keep()
        steps.wait_for_tick()
        before = steps.moments()
        steps.do("f")
        child = steps.child()
        wait_until(lambda: steps.trace(child))
        steps.do("k")
        state = (500 + KEPT, 500 * 300 + KEPT * KEPT_BYTES, 0, 0)
        tap.ok(steps.wait_for_tick(state, child), "the child's ticks", steps.moments(child)[-1:])
        steps.do("r")
        state = (500 + KEPT, 500 * 300 + KEPT * KEPT_BYTES, FREED, FREED * KEPT_BYTES)
        tap.ok(steps.wait_for_tick(state, child), "the child's next tick", steps.moments(child)[-1:])
        steps.do("q")  # the parent goes on
        tap.equal(steps.moments(), before, "the parent's history has not changed meanwhile")
        steps.churn()
        tap.ok(steps.wait_for_tick(), "the parent's own next tick", steps.moments()[-1])
        traces = steps.end().traces
        tap.ok(len(traces) == 2 and totals(traces[1])[0][0] >= traces[1].header["start_time_ns"],
               "the child's history begins with it")


def check_off(tap, tracer):
    for environment in ({"MEMTRACE_HISTORY_INTERVAL": "0"}, {"MEMTRACE_HISTORY_BYTES": "0"}, {"MEMTRACE_THREAD": "0"}):
        with Steps(tracer, {**FAST, **environment}) as steps:
            steps.keep()
            seen_ns = steps.trace().header["last_seen_ns"]
            if "MEMTRACE_THREAD" not in environment:
                wait_until(lambda: steps.trace().header["last_seen_ns"] >= seen_ns + 300_000_000)
            trace = steps.end().trace
            tap.equal((trace.history, trace.section("HISTORY"), trace.header["history_interval_ns"]), ([], b"", 0),
                      f"no history with {environment}")


def check_small(tap, tracer):
    """Half a page a tick, two pages for all: it is thinned again and again, and stays exact."""
    with Steps(tracer, {"MEMTRACE_HISTORY_INTERVAL": "1ms", "MEMTRACE_HISTORY_BYTES": "8K"}) as steps:
        for _ in range(200):
            for act in (steps.keep, steps.release, steps.churn):
                act()
                steps.wait_for_tick()
        header = steps.trace().header
        tap.ok(wait_until(lambda: steps.moments()[-1][2] == steps.states[-1]), "the last tick is exact")
        trace = steps.end().trace
        states = [state for _, _, state in totals(trace)]
        tap.ok(header["history_interval_ns"] > 1_000_000, "the interval has become longer", header["history_interval_ns"])
        tap.equal(trace.header["history_half_bytes"], 4096, "the halves are as small as asked for")
        tap.ok(states == sorted(states) and all(is_between(steps.states[0], state, steps.states[-1]) for state in states),
               "it only grows", states)


def check_odd_size(tap, tracer):
    """A size between powers of two is used up, and none of the other sections suffers from its end."""
    directory = tracer.new_directory()
    environment = clean_environment(tracer.environment(directory, extra={"MEMTRACE_HISTORY_INTERVAL": "2ms",
                                                                         "MEMTRACE_HISTORY_BYTES": "24K"}))
    with subprocess.Popen([tracer.build.program("busy_sites"), "9"], env=environment, stdout=subprocess.PIPE) as process:
        process.stdout.read(1)
        path = next(directory.iterdir())
        tap.ok(wait_until(lambda: len(TraceFile(path).section("HISTORY")) == 24 << 10), "both halves are in use, up to their end")
        process.kill()
    trace = TraceFile(path)
    tap.equal({key: value for key, value in trace.anomalies.items() if value}, {}, "and nothing is lost")


# --- kills ---


def kill_once(tracer, moment_s):
    directory = tracer.new_directory()
    environment = clean_environment(tracer.environment(directory, extra={"MEMTRACE_HISTORY_INTERVAL": "1ms",
                                                                         "MEMTRACE_HISTORY_BYTES": "256K"}))
    with subprocess.Popen([tracer.build.program("busy_sites"), "13"], env=environment, stdout=subprocess.PIPE) as process:
        process.stdout.read(1)
        time.sleep(moment_s)
        process.kill()
        result = Result(process.wait(), b"", b"")
    collect(result, directory)
    return result.trace


def complaints(trace):
    """What is wrong with the history of a killed program; empty: nothing."""
    sums = trace.history_sums()
    last = sums[-1][2] if sums else {}
    keys = ("alloc_count", "alloc_bytes", "free_count", "freed_bytes")
    wrong = [f"{index}: {figures}" for index, figures in last.items()
             if any(figures[k] > trace.counters[index][key] for k, key in enumerate(keys))]
    if trace.header["history_bytes"][trace.header["history_active"]] > trace.header["history_half_bytes"]:
        wrong.append("larger than its half")
    lived_ns = trace.header["last_seen_ns"] - trace.header["start_time_ns"]
    if not sums and lived_ns > 500_000_000:
        wrong.append(f"no tick in {lived_ns} ns")
    return wrong


def check_kills(tap, tracer):
    moments = random.Random(20261121)
    switched = ticks = 0
    for number in range(1, KILLS + 1):
        moment_s = moments.uniform(0, 0.12)
        try:
            trace = kill_once(tracer, moment_s)
            wrong = complaints(trace)
            switched += any(trace.header["history_bytes"][half] for half in (0, 1) if half != trace.header["history_active"])
            ticks += len(trace.history)
        except Exception as error:  # pylint: disable=broad-except
            wrong = [f"{type(error).__name__}: {error}"]
        tap.ok(not wrong, f"kill {number} after {moment_s * 1000:.1f} ms: a whole history", "\n".join(wrong[:5]))
    tap.note(f"{ticks} ticks, {switched} traces had been thinned")
    tap.ok(switched > KILLS / 10, "many had been thinned", switched)


# --- marks and triggers ---


def tick_of(trace, mark_index):
    """The state at the tick of a snapshot, and whether that has the mark's time."""
    for time_ns, mark, state in totals(trace):
        if mark == mark_index + 1:
            return state, time_ns == trace.marks[mark_index]["time_ns"]
    return None, False


def check_signal(tap, tracer):
    with Steps(tracer, {"MEMTRACE_SNAPSHOT": "signal=USR2", "MEMTRACE_HISTORY_INTERVAL": "1h"}) as steps:
        expected = []
        for act in (steps.keep, steps.churn, steps.release):
            act()
            os.kill(steps.process.pid, signal.SIGUSR2)
            expected.append("signal=USR2")
            tap.ok(steps.wait_for_marks(expected), f"a signal takes snapshot {len(expected)}", steps.marks())
        steps.do("g")  # a child without a trace
        os.kill(steps.child(), signal.SIGUSR2)
        steps.do("k")
        steps.do("q")
        tap.equal(steps.marks(), expected, "a child that got the signal lives on")
        steps.do("s")
        os.kill(steps.process.pid, signal.SIGUSR2)
        tap.equal(steps.process.stdout.read(1), b"!", "the program's own handler comes first")
        result = steps.end()
        trace = result.trace
        tap.equal((result.status, len(trace.marks)), (0, 3), "and it alone")
        for index, state in enumerate(steps.states[1:4]):
            mark = trace.marks[index]
            tap.equal(tick_of(trace, index), (state, True), f"snapshot {index + 1}: the state is exact, and of that moment")
            tap.equal((mark["kind"], mark["thread"], mark["live_bytes"]),
                      (trace.layout.numbers["MARK_SNAPSHOT"], 0, state[1] - state[3]), f"snapshot {index + 1}: the mark")


def check_title(tap, tracer):
    """A program that writes over its arguments and its environment."""
    with Steps(tracer, {"MEMTRACE_SNAPSHOT": "signal=USR2"}) as steps:
        steps.do("w")
        os.kill(steps.process.pid, signal.SIGUSR2)
        tap.ok(steps.wait_for_marks(["signal=USR2"]), "the condition's text is kept", steps.marks())
        steps.do("f")
        name = f"history_steps.{steps.child()}.memtrace"
        steps.do("q")
        tap.ok(name in [trace.path.name for trace in steps.end().traces], "so is where traces go, and their name")


def check_live(tap, tracer):
    """Once when the threshold is passed, and again after it has been below."""
    with Steps(tracer, {"MEMTRACE_SNAPSHOT": "live=4M,live=100T", "MEMTRACE_HISTORY_INTERVAL": "1h"}) as steps:
        for round_number in (1, 2, 3):
            steps.keep()
            steps.do("b")
            tap.ok(steps.wait_for_marks(["live=4M"] * round_number), f"above for the {round_number}. time", steps.marks())
            seen_ns = steps.trace().header["last_seen_ns"]
            wait_until(lambda: steps.trace().header["last_seen_ns"] >= seen_ns + 300_000_000)
            tap.equal(len(steps.marks()), round_number, "and no more while it stays there")
            steps.do("d")
            seen_ns = steps.trace().header["last_seen_ns"]
            wait_until(lambda: steps.trace().header["last_seen_ns"] > seen_ns)
        trace = steps.end().trace
        tap.equal([mark["live_bytes"] for mark in trace.marks],
                  [BIG_BYTES + k * KEPT * KEPT_BYTES for k in (1, 2, 3)], "live bytes in the marks")


def check_growth(tap, tracer):
    with Steps(tracer, {"MEMTRACE_SNAPSHOT": "live+50%", "MEMTRACE_HISTORY_INTERVAL": "1h"}) as steps:
        seen_ns = steps.trace().header["last_seen_ns"]
        wait_until(lambda: steps.trace().header["last_seen_ns"] > seen_ns)  # it knows where growth began
        steps.do("b")
        tap.ok(steps.wait_for_marks(["live+50%"]), "grown from nothing", steps.marks())
        steps.do("b")
        tap.ok(steps.wait_for_marks(["live+50%"] * 2), "and by 100 % more", steps.marks())
        steps.do("b")
        tap.ok(steps.wait_for_marks(["live+50%"] * 3), "by 50 %", steps.marks())
        steps.do("b")
        seen_ns = steps.trace().header["last_seen_ns"]
        wait_until(lambda: steps.trace().header["last_seen_ns"] >= seen_ns + 300_000_000)
        tap.equal(len(steps.marks()), 3, "not by 33 %")
        tap.equal([mark["live_bytes"] for mark in steps.end().trace.marks], [k * BIG_BYTES for k in (1, 2, 3)], "the marks")


def check_rss(tap, tracer):
    with Steps(tracer, {"MEMTRACE_SNAPSHOT": "rss=40M,rss+100000%"}) as steps:
        seen_ns = steps.trace().header["last_seen_ns"]
        wait_until(lambda: steps.trace().header["last_seen_ns"] >= seen_ns + 300_000_000)
        tap.equal(steps.marks(), [], "a small program is below 40 MiB")
        steps.do("m")
        tap.ok(steps.wait_for_marks(["rss=40M"]), "64 MiB more are above", steps.marks())


def check_every(tap, tracer):
    with Steps(tracer, {"MEMTRACE_SNAPSHOT": "every=200ms,max=2", "MEMTRACE_HISTORY_BYTES": "8K",
                        "MEMTRACE_HISTORY_INTERVAL": "5ms"}) as steps:
        while len(steps.marks()) < 6:
            steps.churn()
        trace = steps.end().trace
        names = {trace.mark_name(mark) for mark in trace.marks}
        start_ns = trace.header["start_time_ns"]
        numbers = [(mark["time_ns"] - start_ns) // 200_000_000 for mark in trace.marks]
        tap.equal(names, {"every=200ms"}, "the name is the condition")
        tap.ok(numbers == sorted(set(numbers)) and numbers[0] >= 1, "one snapshot in each span of time at most", numbers)
        strings = trace.section("STRINGS")
        tap.equal(strings.count(b"every=200ms"), 1, "the name is there once")
        tap.ok(tick_of(trace, len(trace.marks) - 1)[1], "the last one has its own tick")


def check_several(tap, tracer):
    with Steps(tracer, {"MEMTRACE_SNAPSHOT": "live=1M,signal=RTMIN+2,rss=1T"}) as steps:
        steps.do("b")
        steps.wait_for_marks(["live=1M"])
        os.kill(steps.process.pid, signal.SIGRTMIN + 2)
        tap.ok(steps.wait_for_marks(["live=1M", "signal=RTMIN+2"]), "two conditions of three", steps.marks())


def main():
    with Tap() as tap, Tracer(Build()) as tracer:
        for check in (check_states, check_by_site, check_threads, check_pause, check_children, check_off, check_small,
                      check_odd_size, check_signal, check_title, check_live, check_growth, check_rss, check_every,
                      check_several, check_kills):
            tap.run(check, tracer)


if __name__ == "__main__":
    main()
