# SPDX-License-Identifier: BSD-2-Clause
"""measure.py -- Runs a command once, with limits, and says what it cost; and many, interleaved."""

import dataclasses
import json
import os
import pathlib
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
TICKS = os.sysconf("SC_CLK_TCK")
# Of the machine's memory; heaptrack has been seen to ask for all of it.
MEMORY_SHARE = 0.4


@dataclasses.dataclass
class Outcome:
    """What one run cost. trouble: None, or "died", "hung" (idle at the time limit), "slow" (busy)."""
    cpu_s: float = 0.0
    wall_s: float = 0.0
    peak_bytes: int = 0
    status: int | None = None
    trouble: str | None = None
    why: str = ""
    answer: dict = dataclasses.field(default_factory=dict)
    recorded: int | None = None  # allocations that the peer saw
    files: int = 0               # what it wrote
    written_bytes: int = 0

    def raw(self):
        return {key: value for key, value in dataclasses.asdict(self).items() if value not in (None, "", {})}


def memory_limit_bytes():
    return int(os.sysconf("SC_PHYS_PAGES") * PAGE_BYTES * MEMORY_SHARE)


def process_stats():
    """Of those that may have ended meanwhile, which a pattern of pathlib's does not bear."""
    return [pathlib.Path("/proc", name, "stat") for name in os.listdir("/proc") if name.isdigit()]


def session_use(session):
    """CPU seconds and RSS of all living processes of a session."""
    cpu, rss = 0.0, 0
    for stat in process_stats():
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session:
            cpu += sum(map(int, fields[11:15])) / TICKS
            rss += int(fields[21]) * PAGE_BYTES
    return cpu, rss


def end_session(process):
    """Kills what is left of a session that we started, and removes what heaptrack cannot any more."""
    for stat in process_stats():
        try:
            if int(stat.read_text().rpartition(")")[2].split()[3]) == process.pid:
                os.kill(int(stat.parent.name), signal.SIGKILL)
                pathlib.Path(f"/tmp/heaptrack_fifo{stat.parent.name}").unlink(missing_ok=True)
        except OSError:
            continue
    process.wait()


def run_aside(lab, argv, limit_s, text=None, cwd=None):
    """What is not measured: clients, and makers of input. True if it went well; leaves nothing running."""
    process = subprocess.Popen(argv, env=lab.environment, cwd=cwd, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        process.communicate(text, timeout=limit_s)
    except subprocess.TimeoutExpired:
        return False
    finally:
        end_session(process)
    return process.returncode == 0


class Command:
    """A command on its way through `launch`, which knows what it cost when it has ended."""

    def __init__(self, lab, argv, variables, place, stdin=None, output=True):
        self.place, self.result = place, place / "result.json"
        self.start = time.monotonic()
        self.output = open(place / "output", "wb") if output else subprocess.DEVNULL
        self.errors = open(place / "errors", "wb")
        source = open(stdin, "rb") if stdin else subprocess.DEVNULL
        self.process = subprocess.Popen(
            [lab.program("launch"), self.result, *(f"{key}={value}" for key, value in variables.items()), "--", *argv],
            stdin=source, stdout=self.output, stderr=self.errors, cwd=place, env=lab.environment,
            start_new_session=True)
        for file in (source, self.output, self.errors):
            if file is not subprocess.DEVNULL:
                file.close()

    def over(self, limit_s):
        """None, or what the command has too much of."""
        elapsed = time.monotonic() - self.start
        cpu, rss = session_use(self.process.pid)
        if rss > memory_limit_bytes():
            return Outcome(cpu, elapsed, rss, trouble="died", why=f"stopped at {rss / 2**30:.1f} GiB of memory")
        if elapsed > limit_s:
            is_busy = cpu > elapsed / 4
            return Outcome(cpu, elapsed, rss, trouble="slow" if is_busy else "hung",
                           why=f"stopped after {elapsed:.0f} s, {cpu:.1f} s of them on a CPU")
        return None

    def wait(self, limit_s):
        """Its Outcome; a command that is over a limit is killed, and so is what it left running."""
        too_much = None
        try:
            while self.process.poll() is None and not too_much:
                try:
                    self.process.wait(timeout=0.25)
                except subprocess.TimeoutExpired:
                    too_much = self.over(limit_s)
        finally:
            end_session(self.process)
        return too_much or self.outcome()

    def outcome(self):
        try:
            cost = json.loads(self.result.read_text())
        except (OSError, ValueError):
            return Outcome(trouble="died", why=self.last_words() or "was not started")
        outcome = Outcome(cost["cpu_s"], cost["wall_s"], cost["peak_bytes"], cost["status"], answer=self.answer())
        if outcome.status != 0:
            outcome.trouble = "died"
            outcome.why = f"{name_of(outcome.status)} {self.last_words()}".strip()
        return outcome

    def last_words(self):
        text = (self.place / "errors").read_text(errors="replace").strip()
        return text.splitlines()[-1][:120] if text else ""

    def answer(self):
        """The JSON object that our own programs print as their last line."""
        if self.output is subprocess.DEVNULL:
            return {}
        with open(self.place / "output", "rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - 4096))
            lines = [line for line in file.read().splitlines() if line.startswith(b"{")]
        try:
            return json.loads(lines[-1]) if lines else {}
        except ValueError:
            return {}


def name_of(status):
    """In words, as a shell's $? and as wait's."""
    number = -status if status < 0 else status - 128
    try:
        return signal.Signals(number).name if number > 0 else f"status {status}"
    except ValueError:
        return f"status {status}"


class Lab:
    """Where things are, and how long everything may take."""

    def __init__(self, build, quick, repetitions, only_peers):
        self.build, self.quick = build, quick
        self.recorder = build / "preload" / "libmemtrace.so"
        self.tool = build / "report" / "memtrace"
        self.repetitions = repetitions or (1 if quick else 5)
        self.limit_s = 5 if quick else 90
        # One that has had this much time is not run again.
        self.budget_s = 5 if quick else 60
        self.only_peers = only_peers
        self.instructions = False
        self.notes = []
        self.room = pathlib.Path(tempfile.mkdtemp(prefix="memtrace-benchmarks-"))
        self.environment = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "HOME": str(self.room), "LC_ALL": "C",
                            "TMPDIR": str(self.room)}
        self.inputs = self.room / "inputs"
        self.inputs.mkdir()
        self.places = 0

    def close(self):
        shutil.rmtree(self.room, ignore_errors=True)

    def program(self, name):
        return str(self.build / "benchmarks" / name)

    def new_place(self):
        """An empty directory for one run."""
        self.places += 1
        place = self.room / f"run{self.places}"
        place.mkdir()
        return place

    def say(self, text):
        print(f"benchmarks: {text}", file=sys.stderr, flush=True)

    def note(self, text):
        if text not in self.notes:
            self.notes.append(text)
            self.say(text)


def interleave(lab, peers, run, repetitions=None):
    """Runs every peer in turn, over and over. Returns {peer name: [Outcome]}.

    run(peer, is_first) → Outcome, or None if this peer cannot run this. Who is in trouble, or has
    used up its time, is not run again."""
    outcomes = {peer.name: [] for peer in peers}
    spent = dict.fromkeys(outcomes, 0.0)
    for repetition in range(repetitions or lab.repetitions):
        for peer in peers:
            if repetition and (spent[peer.name] > lab.budget_s or not outcomes[peer.name] or
                               outcomes[peer.name][-1].trouble):
                continue
            start = time.monotonic()
            outcome = run(peer, repetition == 0)
            spent[peer.name] += time.monotonic() - start
            if outcome:
                outcomes[peer.name].append(outcome)
    return outcomes


def median(values):
    return statistics.median(values) if values else None
