# SPDX-License-Identifier: BSD-2-Clause
"""test_cpu.py -- The CPU sampler: what samples say of known programs, and that nobody notices.

Time is not asserted: only shares of many samples with generous bounds, sums that must agree, and
what programs see of it."""

import os
import subprocess

from tap import Tap
from traced import Build, Tracer

# Names in preload/trace_format.h's TRACE_ENGINE_NAMES, in its order.
ENGINES = ("none", "perf-ring", "perf-signal", "tgkill", "timer")

PYTHON = '''
import json, threading
def work():
    data = [{"a": i, "b": str(i) * 3} for i in range(4000)]
    for _ in range(5):
        data = json.loads(json.dumps(data))
threads = [threading.Thread(target=work) for _ in range(3)]
for thread in threads: thread.start()
for thread in threads: thread.join()
'''


def functions_of(path):
    """[(start, end, name)] of an ELF file's symbol table."""
    lines = subprocess.run(["nm", "-S", path], stdout=subprocess.PIPE, check=True).stdout.decode().splitlines()
    words = [line.split() for line in lines]
    return [(int(word[0], 16), int(word[0], 16) + int(word[1], 16), word[3]) for word in words
            if len(word) == 4 and word[2] in "tTwW"]


def name_of(functions, offset):
    return next((name for start, end, name in functions if start <= offset < end), None)


def self_times(trace, path, domain="CPU"):
    """{function of the program, None elsewhere: [samples, ns]} by the innermost frame."""
    functions, times = functions_of(path), {}
    for node, site in trace.sites(domain).items():
        module, offset = trace.stack(node)[0]
        name = name_of(functions, offset) if module == os.path.realpath(path) else None
        time = times.setdefault(name, [0, 0])
        time[0] += site["alloc_count"]
        time[1] += site["alloc_bytes"]
    return times


def sampling(hz=1000, engine="auto", budget=100, **more):
    return {"MEMTRACE_CPU_HZ": str(hz), "MEMTRACE_CPU_ENGINE": engine, "MEMTRACE_CPU_BUDGET": str(budget), **more}


def account_of(trace):
    return next(sampler for sampler in trace.samplers if sampler["domain"] == trace.layout.numbers["DOMAIN_CPU"])


def check_account(tap, trace, name):
    """What the sampler says of itself is what its samples say."""
    account, total = account_of(trace), trace.totals("CPU")
    tap.equal(account["samples"], total.get("alloc_count", 0), f"{name}: samples are the sites' samples")
    tap.equal(account["sampled_ns"], total.get("alloc_bytes", 0), f"{name}: their time is the sites' time")
    tap.equal(sum(thread["sampled_ns"] for thread in trace.threads), account["sampled_ns"],
              f"{name}: and the threads' time")
    known = sum(account[key] for key in ("sampled_ns", "overrun_ns", "exited_ns", "kernel_ns", "lost_ns"))
    tap.ok(abs(known - account["cpu_ns"]) <= max(0.05 * account["cpu_ns"], 20e6),
           f"{name}: the budget explains the CPU time", account)
    return account


def check_shares(tap, tracer, engine, threads):
    """Eight functions do work 1:2:…:8."""
    path = tracer.build.program("cpu_shares")
    name = f"shares, {engine}, {threads} threads"
    result = tracer.run([path, str(threads), str(2400 // threads)], environment=sampling(2000, engine))
    tap.equal(result.status, 0, f"{name}: ends well")
    trace = result.trace
    account = check_account(tap, trace, name)
    tap.equal(ENGINES[account["engine"]], engine, f"{name}: this engine")
    times = self_times(trace, path)
    works = {number: times.get(f"work_{number}", [0, 0])[1] for number in range(1, 9)}
    total = sum(works.values())
    tap.ok(total > 0.9 * account["sampled_ns"], f"{name}: nearly all of it is work", (times, account))
    error = max(abs(works[number] / total - number / 36) for number in works)
    likely = 5 * (8 / 36 * 28 / 36 / account["samples"]) ** 0.5 # timers come at the kernel's ticks only
    tap.ok(error < max(0.06, likely), f"{name}: no share is off by more than 6 points, or five standard errors", (works, error, likely))
    ended = int(result.stdout)
    tap.ok(0.6 * ended < account["sampled_ns"] < 1.05 * ended, f"{name}: the program's own clock agrees",
           (ended, account))


def roots_of(trace, path):
    functions = functions_of(path)
    return {tuple(name_of(functions, offset) if module == os.path.realpath(path) else os.path.basename(module)
                  for module, offset in trace.stack(node)) for node in trace.sites("CPU")}


def check_stacks(tap, tracer):
    """From the interrupted instruction to the thread's start, and nothing of ours in between."""
    path = tracer.build.program("cpu_shares")
    trace = tracer.run([path, "2", "100"], environment=sampling()).trace
    stacks = {stack for stack in roots_of(trace, path) if stack[0] and stack[0].startswith("work_")}
    tap.ok(stacks and all(stack[1] == "run" and all(frame.startswith("libc") for frame in stack[2:])
                          for stack in stacks), "stacks: work, run, libc", stacks)
    exact = trace.layout.numbers["NODE_EXACT"]
    tap.ok(all(trace.nodes[node]["module_bits"] & exact for node in trace.sites("CPU")), "stacks: leaves are exact")


def check_oracle(tap, tracer, engine, argv, name):
    """The heap's figures are those of the library that only counts, samples or not."""
    result = tracer.run(argv, oracle=True, environment=sampling(10000, engine))
    trace, oracle = result.trace, result.oracles[0]
    totals = trace.totals()
    keys = ("alloc_count", "alloc_bytes", "free_count", "freed_bytes")
    tap.equal({key: totals[key] for key in keys}, {key: oracle.totals[key] for key in keys},
              f"heap under {engine}, {name}: exact")
    tap.equal(trace.anomalies["reentrant"], 0, f"heap under {engine}, {name}: no handler was in the way")
    check_account(tap, trace, f"heap under {engine}, {name}")


def check_same(tap, tracer, engine):
    """Programs that fork, exec and end in many ways: the same as without."""
    for name, *arguments in (("exec_chain",), ("fork_child",), ("vfork_exec",), ("longjmp",), ("coroutines",)):
        argv = [tracer.build.program(name), *arguments]
        plain = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, timeout=120)
        result = tracer.run(argv, environment=sampling(10000, engine))
        tap.equal((result.status, result.stdout, result.stderr), (plain.returncode, plain.stdout, plain.stderr),
                  f"same behaviour under {engine}: {name}")


def check_off(tap, tracer):
    trace = tracer.run([tracer.build.program("cpu_shares"), "2", "20"]).trace
    tap.equal((trace.samplers, trace.sites("CPU")), ([], {}), "off: no sampler, no samples")


def check_without_heap(tap, tracer):
    """MEMTRACE_HEAP=0: no allocation is recorded, and the program is the same."""
    argv = ["/usr/bin/python3", "-c", PYTHON]
    result = tracer.run(argv, environment=sampling(1000, MEMTRACE_HEAP="0"))
    trace = result.trace
    tap.equal(result.status, 0, "without heap: ends well")
    figures = {name: sum(site[name] for domain in ("HEAP", "MAPPED", "POOL") for site in trace.sites(domain).values())
               for name in ("alloc_count", "alloc_bytes", "free_count", "freed_bytes")}
    tap.equal(figures, dict.fromkeys(figures, 0), "without heap: nothing of it")
    tap.equal([trace.header["live_bytes"], trace.header["peak_bytes"]] +
              [trace.anomalies[name] for name in ("unknown_free", "reused_live", "untracked", "reentrant")], [0] * 6,
              "without heap: no anomalies either")
    tap.ok(sum(thread["calls"][0] for thread in trace.threads) > 1000, "without heap: calls are counted")
    check_account(tap, trace, "without heap")
    report = subprocess.run([str(tracer.build.tool), "report", str(trace.path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    tap.ok(report.returncode == 1 and b"the heap was not recorded: memtrace report --cpu" in report.stderr, "without heap: the report says so",
           report.stderr)
    path = tracer.new_directory() / "run.memtrace"
    run = subprocess.run([str(tracer.build.tool), "run", "--no-heap", "-o", str(path), tracer.build.program("cpu_shares"), "1", "50"],
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    tap.ok(run.returncode == 0 and b"heap     not recorded" in run.stderr and b"most CPU time" in run.stderr and
           b"--leaks" not in run.stderr, "without heap: the answer is of time", run.stderr)
    limit = subprocess.run([str(tracer.build.tool), "run", "--no-heap", "--max-peak=1M", "true"], stderr=subprocess.PIPE, check=False)
    tap.equal(limit.returncode, 2, "without heap: no limits of it", limit.stderr)


FORK = """
import os
def work():
    for _ in range(20):
        sorted(range(20000), key=str)
child = os.fork()
work()
if child: os.waitpid(child, 0)
else: os._exit(0)
"""


def check_child(tap, tracer):
    """A forked child that has used CPU time is sampled, with the heap or without."""
    for heap in "10":
        result = tracer.run(["/usr/bin/python3", "-c", FORK], environment=sampling(1000, MEMTRACE_HEAP=heap))
        tap.equal((result.status, len(result.traces)), (0, 2), f"forked child, heap={heap}: two traces", result.stderr)
        for trace in result.traces:
            account = check_account(tap, trace, f"forked child, heap={heap}, {trace.header['flags']}")
            tap.ok(account["samples"] > 5, f"forked child, heap={heap}: has samples", account)


def engines(tracer):
    """Those that the kernel lets us have here."""
    def is_had(engine):
        trace = tracer.run([tracer.build.program("cpu_shares"), "1", "20"], environment=sampling(1000, engine)).trace
        return ENGINES[account_of(trace)["engine"]] == engine
    return [engine for engine in ENGINES[1:] if is_had(engine)]


def check_blocked(tap, tracer, engine):
    """A thread that blocks all signals has its samples, or is said to have none."""
    path = tracer.build.program("cpu_blocked")
    trace = tracer.run([path], environment=sampling(1000, engine)).trace
    account, times = check_account(tap, trace, f"blocked, {engine}"), self_times(trace, path)
    hidden, seen = (times.get(name, [0, 0])[1] for name in ("hidden", "seen"))
    if engine == "perf-ring":
        tap.ok(0.7 * seen < hidden < 1.4 * seen, f"blocked, {engine}: as much as the other one", (times, account))
    else:
        tap.ok(seen and not hidden and account["threads_invisible"] == 1,
               f"blocked, {engine}: said to be invisible", (times, account))


def main():
    with Tap() as tap, Tracer(Build()) as tracer:
        tap.run(check_off, tracer)
        tap.run(check_without_heap, tracer)
        tap.run(check_child, tracer)
        tap.run(check_stacks, tracer)
        for engine in engines(tracer):
            tap.run(check_shares, tracer, engine, 1, name=f"shares, {engine}")
            tap.run(check_shares, tracer, engine, 4, name=f"shares of threads, {engine}")
            tap.run(check_oracle, tracer, engine, [tracer.build.program("cross_thread_free")], "cross_thread_free",
                    name=f"heap under {engine}")
            tap.run(check_oracle, tracer, engine, ["/usr/bin/python3", "-c", PYTHON], "python3",
                    name=f"heap of python3 under {engine}")
            tap.run(check_blocked, tracer, engine, name=f"blocked, {engine}")
            tap.run(check_same, tracer, engine, name=f"same behaviour under {engine}")


if __name__ == "__main__":
    main()
