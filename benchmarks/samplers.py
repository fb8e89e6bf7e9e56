# SPDX-License-Identifier: BSD-2-Clause
"""samplers.py -- memtrace's engines and perf record: how each samples a program, and what its
samples say."""

import bisect
import collections
import dataclasses
import json
import pathlib
import re
import shutil
import subprocess

from measure import Command, Outcome
from trial import remove

MEMTRACE_ENGINES = ("perf-ring", "perf-signal", "tgkill", "timer")


@dataclasses.dataclass
class Profile:
    """What one run's samples say: {place: [samples, ns]} of the innermost frames."""
    samples: int = 0
    lost: int = 0
    sampled_ns: float = 0
    hidden_ns: float = 0
    places: dict = dataclasses.field(default_factory=dict)
    account: dict = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Sampler:
    """One column. To tables and trials it is a peer as those of the heap are."""
    name: str
    engine: str | None = None
    base: str = "bare"
    is_exact: bool = False
    is_slow: bool = False

    @property
    def is_memtrace(self):
        return self.engine is not None

    def outputs(self, place):
        return sorted(place.glob("*.memtrace")) + sorted(place.glob("perf.data"))

    def command(self, lab, argv, place, hz, budget=100):
        """(argv, variables)"""
        if self.is_memtrace:
            return argv, {"LD_PRELOAD": str(lab.recorder), "MEMTRACE_OUTPUT": f"{place}/%n.%p.memtrace",
                          "MEMTRACE_CPU_HZ": str(hz), "MEMTRACE_CPU_ENGINE": self.engine,
                          "MEMTRACE_CPU_BUDGET": str(budget)}
        if self.name == "bare":
            return argv, {}
        return ["perf", "record", "-q", "-e", "task-clock", "-F", str(hz), "-o", f"{place}/perf.data", "--", *argv], {}

    def profile(self, lab, place, program, by):
        """by: function, or line."""
        if self.name == "bare":
            return Profile()
        return trace_profile(lab, place, by) if self.is_memtrace else perf_profile(place, program, by)


def trace_profile(lab, place, by):
    traces = sorted(place.glob("*.memtrace"))
    output = subprocess.run([lab.tool, "report", "--cpu", "--json", "-n0", "-g", by, *traces], stdout=subprocess.PIPE,
                            check=True).stdout
    report = json.loads(output)
    account = report["cpu"]
    profile = Profile(account["samples"], account.get("lost_samples", 0), account["sampled_ns"], account["kernel_ns"], account=account)
    for item in report["statistics"]:
        key = item.get("function") if by == "function" else item.get("line")
        times = profile.places.setdefault(key, [0, 0])
        times[0] += item["self_samples"]
        times[1] += item["self_ns"]
    return profile


def perf_script(place, fields):
    return subprocess.run(["perf", "script", "-i", place / "perf.data", "-F", fields], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True, check=True).stdout


def functions_of(program):
    """[(start, end, name)] of a program that is not position independent."""
    words = [line.split() for line in subprocess.run(["nm", "-S", program], stdout=subprocess.PIPE, text=True,
                                                     check=True).stdout.splitlines()]
    return sorted((int(word[0], 16), int(word[0], 16) + int(word[1], 16), word[3]) for word in words
                  if len(word) == 4 and word[2] in "tTwW")


def by_function(program, addresses):
    functions = functions_of(program)
    starts = [function[0] for function in functions]
    names = {}
    for address in addresses:
        at = bisect.bisect_right(starts, address) - 1
        names[address] = functions[at][2] if at >= 0 and address < functions[at][1] else None
    return names


def by_line(program, addresses):
    addresses = sorted(addresses)
    output = subprocess.run(["addr2line", "-e", program], input="".join(f"{address:#x}\n" for address in addresses),
                            stdout=subprocess.PIPE, text=True, check=True).stdout
    lines = [re.search(r":(\d+)", line) for line in output.splitlines()]
    return {address: int(line.group(1)) if line else None for address, line in zip(addresses, lines)}


def perf_profile(place, program, by):
    """perf's own names of lines take minutes: the addresses are looked up here."""
    counts = collections.defaultdict(lambda: [0, 0])
    for line in perf_script(place, "period,ip").splitlines():
        period, address = line.split()
        times = counts[int(address, 16)]
        times[0] += 1
        times[1] += int(period)
    names = (by_function if by == "function" else by_line)(program, counts)
    profile = Profile(sum(times[0] for times in counts.values()),
                      sampled_ns=sum(times[1] for times in counts.values()))
    for address, times in counts.items():
        of_place = profile.places.setdefault(names[address], [0, 0])
        of_place[0] += times[0]
        of_place[1] += times[1]
    return profile


def sampled_run(lab, sampler, argv, hz, by="function", budget=100):
    """(Outcome, Profile) of one run."""
    place = lab.new_place()
    try:
        command, variables = sampler.command(lab, argv, place, hz, budget)
        outcome = Command(lab, command, variables, place).wait(lab.limit_s)
        if outcome.trouble or (sampler.name != "bare" and not sampler.outputs(place)):
            return outcome if outcome.trouble else Outcome(trouble="0 recorded"), Profile()
        return outcome, sampler.profile(lab, place, argv[0], by)
    finally:
        remove(place)


def has_engine(lab, engine):
    """Whether the kernel lets us have it."""
    sampler = Sampler("", engine)
    _, profile = sampled_run(lab, sampler, [lab.program("known_times"), "functions", "1", "60"], 1000)
    return profile.account.get("engine") == engine


def installed_samplers(lab):
    engines = [engine for engine in MEMTRACE_ENGINES if has_engine(lab, engine)]
    samplers = [Sampler("bare"), *(Sampler(f"memtrace {engine}", engine) for engine in engines)]
    if shutil.which("perf"):
        samplers.append(Sampler("perf record"))
    if not lab.only_peers:
        return samplers
    return [sampler for sampler in samplers
            if sampler.name == "bare" or any(word in sampler.name for word in lab.only_peers)]
