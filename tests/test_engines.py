# SPDX-License-Identifier: BSD-2-Clause
"""test_engines.py -- The CPU sampler's engines: which one works, and that no program notices.

What the samples say is test_cpu.py's."""

import collections
import concurrent.futures
import os
import subprocess
import sys

from tap import Tap
from test_cpu import ENGINES, account_of, sampling
from traced import Build, Tracer, clean_environment, execute

FAST = 10000
CALLS = 1000
FIRST = 20
EXECS = 100
MIBS, FORKS = 1024, 4
LIMITED = 'echo "begun\n"; while (true) $x = 1;'


def engine_of(trace):
    return ENGINES[account_of(trace)["engine"]]


def run_engine(build, argv, engine, hz=FAST, **more):
    """In a directory of its own, so that engines can be tried side by side."""
    with Tracer(build) as tracer:
        result = tracer.run(argv, environment=sampling(hz, engine), **more)
        accounts = [account_of(trace) for trace in result.traces if trace.samplers]
        return result, accounts


def under_all(build, engines, argv, **more):
    """{engine: (result, accounts)}, all at once: most of the time they wait."""
    with concurrent.futures.ThreadPoolExecutor() as pool:
        futures = {engine: pool.submit(run_engine, build, argv, engine, **more) for engine in engines}
        return {engine: future.result() for engine, future in futures.items()}


def check_waits(tap, build, engines):
    """Not one call of all of these ends before its time."""
    argv = [build.program("cut_short"), str(CALLS)]
    for engine, (result, accounts) in under_all(build, engines, argv, hz=4000, timeout=600).items():
        early = [line for line in result.stdout.decode().splitlines() if not line.endswith(": 0")]
        tap.equal((result.status, result.stderr, early), (0, b"", []), f"waits, {engine}: none of {CALLS} ends early")
        tap.ok(len(result.stdout.splitlines()) == 20 and accounts[0]["samples"] > 0, f"waits, {engine}: and there were samples",
               (result.stdout, accounts))
        tap.equal(accounts[0]["interrupted_calls"], 0, f"waits, {engine}: nor has one been interrupted")


def check_first_waits(tap, build, _engines):
    """Nor the first ones of a program, that begin as the sampler does: it gets the processor seldom."""
    def get_it_seldom():
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))

    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(os.cpu_count())]
    try:
        with Tracer(build) as tracer:
            lines = [subprocess.run([build.program("cut_short"), "3", "poll"], stdout=subprocess.PIPE, preexec_fn=get_it_seldom, check=False,
                                    env=clean_environment(tracer.environment(tracer.new_directory(), extra=sampling(4000, "tgkill")))).stdout
                     for _ in range(FIRST)]
        tap.equal(collections.Counter(lines), {b"poll: 0\n": FIRST}, f"first waits, tgkill: of {FIRST} programs, none's end early")
    finally:
        for other in others:
            other.kill()
            other.wait()


def check_same(tap, build, engines, argv, name, **more):
    plain = execute(argv, timeout=600)
    for engine, (result, _) in under_all(build, engines, argv, timeout=600, **more).items():
        tap.equal((result.status, result.stdout, result.stderr), (plain.status, plain.stdout, plain.stderr), f"{name}, {engine}: the same")


def check_forks(tap, build, engines):
    check_same(tap, build, engines, [build.program("fork_large"), str(MIBS), str(FORKS)], f"forks with tables for {MIBS} MiB")


def check_execs(tap, build, engines):
    check_same(tap, build, engines, [build.program("exec_loop"), str(EXECS)], f"{EXECS} execs")


def check_signals(tap, build, engines):
    check_same(tap, build, engines, [build.program("own_signal")], "a program with plans for its signals")


def check_time_limit(tap, build, engines):
    """php's limit is an ITIMER_PROF with SIGPROF."""
    if not os.path.exists("/usr/bin/php"):
        tap.skip("time limit of php", "not installed")
        return
    argv = ["/usr/bin/php", "-n", "-d", "max_execution_time=1", "-d", "display_errors=1", "-r", LIMITED]
    check_same(tap, build, [engine for engine in engines if engine in ("tgkill", "timer")], argv, "time limit of php", hz=997)


def check_refused(tap, tracer):
    """Where perf is not to be had, as in most containers."""
    argv = [tracer.build.program("without_perf"), tracer.build.program("cpu_shares"), "1", "50"]
    for asked, more, given, what in (
            ("auto", {}, "tgkill", ""),
            ("perf-ring", {}, "tgkill", "the kernel does not permit the CPU engine perf-ring, tgkill instead"),
            ("perf-signal", {}, "tgkill", "the kernel does not permit the CPU engine perf-signal, tgkill instead"),
            ("timer", {}, "timer", ""),
            ("auto", {"MEMTRACE_THREAD": "0"}, "timer", ""),
            ("perf-ring", {"MEMTRACE_THREAD": "0"}, "timer", "the kernel does not permit the CPU engine perf-ring, timer instead")):
        name = f"perf refused, {asked}{', no thread' if more else ''}"
        result = tracer.run(argv, environment=sampling(1000, asked, **more))
        trace = result.traces[-1]
        tap.equal((result.status, engine_of(trace)), (0, given), f"{name}: {given}")
        tap.equal(result.stderr.decode(), f"memtrace: {what}\n" if what else "", f"{name}: what it says")
        tap.ok(account_of(trace)["samples"] > 0, f"{name}: samples", account_of(trace))
    tool = execute([argv[0], str(tracer.build.tool), "run", "--cpu", "--cpu-engine=perf-ring", "-o", f"{tracer.new_directory()}/t", *argv[1:]])
    tap.equal(tool.stderr.decode().count("does not permit the CPU engine perf-ring, tgkill instead"), 1, "perf refused: the tool says so once")


def check_names(tap, tracer):
    argv = [tracer.build.program("cpu_shares"), "1", "50"]
    result = tracer.run(argv, environment=sampling(1000, "perf"))
    tap.equal(result.stderr, b"memtrace: unknown option or bad value, ignored: MEMTRACE_CPU_ENGINE=perf\n", "unknown name: one line")
    tap.ok(account_of(result.trace)["samples"] > 0, "unknown name: the best one instead")
    tool = subprocess.run([str(tracer.build.tool), "run", "--cpu", "--cpu-engine=perf", *argv], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, check=False)
    tap.ok(tool.returncode in (2, 125) and b"perf" in tool.stderr, "unknown name: the tool refuses it", (tool.returncode, tool.stderr))
    alone = tracer.run(argv, environment=sampling(1000, "auto", MEMTRACE_THREAD="0"))
    tap.ok(engine_of(alone.trace) == "timer" and account_of(alone.trace)["samples"] > 0, "no thread of ours: timer",
           account_of(alone.trace))


def engines_here(tracer):
    """Once is enough: on a busy machine a short program may be over before it has its ring."""
    argv = [tracer.build.program("cpu_shares"), "1", "20"]
    return [engine for engine in ENGINES[1:]
            if any(engine_of(tracer.run(argv, environment=sampling(1000, engine)).trace) == engine for _ in range(5))]


def main():
    with Tap() as tap, Tracer(Build()) as tracer:
        engines = engines_here(tracer)
        for check in (check_waits, check_first_waits, check_forks, check_execs, check_signals, check_time_limit):
            tap.run(check, tracer.build, engines)
        tap.run(check_refused, tracer)
        tap.run(check_names, tracer)


if __name__ == "__main__":
    main()
