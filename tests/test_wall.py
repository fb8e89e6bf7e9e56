# SPDX-License-Identifier: BSD-2-Clause
"""test_wall.py -- Where threads wait: what samples say of a program that knows it by its own clock.

Nothing is asserted of how long anything takes: the program's clock and the samples must agree."""

import json
import os
import subprocess

from tap import Tap
from test_cpu import check_account, functions_of, name_of
from test_fixtures import tags
from traced import Build, Tracer, execute

WAITS = ("wait_nanosleep", "wait_poll", "wait_read", "wait_condition", "wait_in_array", "wait_deep")
RUNS_MAX = 6
LINES = {"wait_nanosleep": "nanosleep", "wait_poll": "poll", "wait_read": "read", "wait_condition": "condition",
         "wait_in_array": "array"}


def account_of(trace):
    return next(sampler for sampler in trace.samplers if sampler["domain"] == trace.layout.numbers["DOMAIN_OFF_CPU"])


def frames_of(trace, node, path, functions):
    """Names of the program's functions on a stack, innermost first; of other modules theirs."""
    return [name_of(functions, offset) if module == os.path.realpath(path) else os.path.basename(str(module))
            for module, offset in trace.stack(node)]


def run_waits(tracer, turns, **environment):
    result = tracer.run([tracer.build.program("waits"), str(turns)],
                        environment={"MEMTRACE_WALL_HZ": "1000", "MEMTRACE_CPU_BUDGET": "100", **environment})
    own = {name: int(number) for name, number in map(str.split, result.stdout.decode().splitlines())} if result.status == 0 else {}
    return result, own


def is_near(found, truth):
    return abs(found - truth) <= .3 * truth


def places_of(trace, path):
    """({place: ns}, {place: {stack: ns}}) off the CPU."""
    functions, found, stacks = functions_of(path), {}, {}
    for node, site in trace.sites("OFF_CPU").items():
        frames = frames_of(trace, node, path, functions)
        names = [frame for frame in frames if frame and not frame.startswith("libc")]
        place = "wait_deep" if "wait_deep" in names else next((frame for frame in names if frame in WAITS + ("main",)), None)
        found[place] = found.get(place, 0) + site["alloc_bytes"]
        stacks.setdefault(place, {}).setdefault(tuple(names), 0)
        stacks[place][tuple(names)] += site["alloc_bytes"]
    return found, stacks


def check_waits(tap, tracer, **environment):
    """Each way to wait has the time that the program has measured, and its whole stack. On a machine that gives the
    recorder's thread no CPU for a while, of the time of that while it knows no more than its ends: so not every run counts."""
    name, path = ", ".join(environment.values()) or "auto", tracer.build.program("waits")
    for _ in range(RUNS_MAX):
        result, own = run_waits(tracer, 20, **environment)
        found, stacks = places_of(result.trace, path)
        if all(is_near(found.get(place, 0), own[place]) for place in WAITS + ("main",)):
            break
    tap.equal(result.status, 0, f"{name}: ends well")
    if not environment:
        tap.equal(own["early"], 0, f"{name}: no call returns early")
    for place in WAITS + ("main",):
        tap.ok(is_near(found.get(place, 0), own[place]), f"{name}: {place}", (found, own))
    for place in WAITS:
        chains = stacks.get(place, {})
        deep = ["wait_poll"] + ["wait_deep"] * 301 if place == "wait_deep" else [place]
        whole = tuple(deep + ["wait_in_turn", "wait_all"])
        cut = tuple(deep)[:254]
        good = sum(time for chain, time in chains.items() if chain == whole or (place == "wait_deep" and chain[:200] == cut[:200]))
        tap.ok(good >= .95 * sum(chains.values()) > 0, f"{name}: {place}: all of its stack",
               [(chain[:8], time) for chain, time in chains.items() if chain != whole][:8])
    check_sum(tap, result.trace, name)


def check_sum(tap, trace, name):
    account, total = account_of(trace), trace.totals("OFF_CPU")
    tap.equal((account["samples"], account["sampled_ns"]), (total["alloc_count"], total["alloc_bytes"]),
              f"{name}: the account is the sites'")
    tap.equal(account["cpu_ns"], account["on_cpu_ns"] + account["sampled_ns"] + account["exited_ns"] + account["lost_ns"],
              f"{name}: and explains all of the threads' time", account)
    tap.equal(account["lost_ns"], 0, f"{name}: every stack was seen")
    check_account(tap, trace, name)


def check_report(tap, tracer):
    """The tool shows it by line, on and off the CPU."""
    lines = {tag: line for (file, tag), line in tags().items() if file == "waits.c"}
    trace = run_waits(tracer, 8)[0].trace
    report = tracer.report(trace, "--wall", "-g", "line")
    off = {(item.get("file", "").rsplit("/", 1)[-1], item.get("line")): item["total_off_cpu_ns"] for item in report["statistics"]}
    found, _ = places_of(trace, tracer.build.program("waits"))
    for place, tag in LINES.items():
        truth = found[place] + (found["wait_deep"] if place == "wait_poll" else 0)
        tap.ok(.9 * truth <= off.get(("waits.c", lines[tag]), 0) <= truth, f"report: line of {place}", (off, found))
    wall = report["wall"]
    tap.equal(wall["off_cpu_ns"], trace.totals("OFF_CPU")["alloc_bytes"], "report: off the CPU")
    tap.equal(wall["sampled_ns"] - wall["off_cpu_ns"], trace.totals("CPU").get("alloc_bytes", 0), "report: on the CPU")
    tap.equal(wall["time_ns"], wall["on_cpu_ns"] + wall["off_cpu_known_ns"] + wall["off_cpu_unknown_ns"] + wall["lost_ns"],
              "report: the account")
    text = execute([str(tracer.build.tool), "report", "--wall", str(trace.path)], {"NO_COLOR": "1"}).stdout.decode()
    tap.ok(" of 4 threads = on the CPU " in text and "samples off the CPU, cost " in text, "report: says so", text[:600])


def check_sleeper(tap, tracer):
    """A program that does nothing but wait is known, too; with --wall of memtrace run."""
    directory = tracer.new_directory()
    path = directory / "sleep.memtrace"
    result = execute([str(tracer.build.tool), "run", "--wall=200", "-q", "-o", str(path), "sleep", "0.5"])
    tap.equal(result.status, 0, "sleep: ends well")
    report = tracer.report(path, "--wall")
    wall = report["wall"]
    tap.ok(wall["off_cpu_ns"] > .9 * wall["time_ns"] and wall["off_cpu_ns"] > 490e6, "sleep: nearly all of it off the CPU", wall)
    top = max(report["statistics"], key=lambda item: item["self_off_cpu_ns"])
    tap.ok("nanosleep" in top["function"], "sleep: in nanosleep", top)
    tap.ok(json.dumps(report).count("unknown caller") == 0, "sleep: down to its start")


def check_off(tap, tracer):
    result = tracer.run([tracer.build.program("waits"), "1"], environment={"MEMTRACE_CPU_HZ": "100"})
    tap.equal((len(result.trace.samplers), result.trace.sites("OFF_CPU")), (1, {}), "off: CPU time alone")


def check_python(tap, tracer):
    """A real program, whose stacks are those of -O2 code without frame pointers."""
    script = ("import threading, time, queue\nq = queue.Queue()\n"
              "threads = [threading.Thread(target=q.get) for _ in range(3)]\n"
              "for t in threads: t.start()\ntime.sleep(.4)\nfor t in threads: q.put(1)\nfor t in threads: t.join()\n")
    plain = subprocess.run(["/usr/bin/python3", "-c", script], check=False).returncode
    result = tracer.run(["/usr/bin/python3", "-c", script], environment={"MEMTRACE_WALL_HZ": "200"})
    tap.equal(result.status, plain, "python3: ends as without")
    account = account_of(result.trace)
    tap.ok(account["truncated_count"] == 0 and account["lost_count"] == 0 and account["sampled_ns"] > 1e9, "python3: all stacks are whole",
           account)


def main():
    with Tap() as tap, Tracer(Build()) as tracer:
        tap.run(check_off, tracer)
        tap.run(check_waits, tracer)
        tap.run(lambda tap: check_waits(tap, tracer, MEMTRACE_CPU_ENGINE="tgkill"), name="waits under tgkill")
        tap.run(check_report, tracer)
        tap.run(check_sleeper, tracer)
        tap.run(check_python, tracer)


if __name__ == "__main__":
    main()
