# SPDX-License-Identifier: BSD-2-Clause
"""test_kill.py -- SIGKILL at two hundred random moments: each trace opens and holds all that was done.

kill_me keeps account, in a file of its own, of what it began and finished. A trace must lie
between the two: nothing that had finished may be missing, nothing may be there that had not begun."""

import pathlib
import random
import signal
import struct
import subprocess
import time

from tap import Tap
from traced import Build, Result, Tracer, clean_environment, collect, wait_until

KILLS = 200
PROGRAM = pathlib.Path(__file__).resolve().parent / "programs" / "kill_me.c"


class Account:
    """The sums over the threads of what kill_me wrote down."""

    NAMES = ("allocs_begun", "allocs_finished", "bytes_begun", "bytes_finished", "frees_begun", "frees_finished")

    def __init__(self, path):
        data = path.read_bytes() if path.exists() else b""
        data = data[:len(data) // 64 * 64]
        rows = list(struct.iter_unpack("<8Q", data))
        for index, name in enumerate(self.NAMES):
            setattr(self, name, sum(row[index] for row in rows))


def is_running(path):
    return Account(path).allocs_finished > 0


def kill_once(tracer, moment_s, threads):
    """Runs kill_me, kills it at the moment; moments below zero count from the start, not from main."""
    directory = tracer.new_directory()
    account = directory.parent / f"{directory.name}.account"
    environment = clean_environment(tracer.environment(directory))
    with subprocess.Popen([tracer.build.program("kill_me"), str(account), str(threads)], env=environment,
                          stderr=subprocess.PIPE) as process:
        if moment_s >= 0:
            wait_until(lambda: is_running(account) or process.poll() is not None)
            if process.poll() is not None or not is_running(account):
                process.kill()
                raise AssertionError(f"kill_me does not run: {process.poll()} {process.stderr.read()!r}")
        time.sleep(abs(moment_s))
        process.send_signal(signal.SIGKILL)
        result = Result(process.wait(), b"", process.stderr.read())
    collect(result, directory)
    return result, Account(account)


def is_between(finished, value, begun):
    return finished <= value <= begun


def complaints(tracer, result, account):
    """What is wrong with the trace of a killed run; empty: nothing."""
    if not result.traces and account.allocs_begun == 0:
        return []
    trace = result.trace
    totals, calls = trace.totals(), trace.calls
    others = calls["calloc"]  # pthread_create's; one at most has begun and not finished
    is_in_flight = 1 if others else 0
    report = tracer.report(trace, "--group-by=line")
    line = [entry for entry in report["statistics"] if entry.get("file", "").endswith("kill_me.c")
            and entry.get("function", "allocate") == "allocate"]
    bytes_there = sum(entry["alloc_bytes"] for entry in line)
    checks = {
        "calls": is_between(account.allocs_finished, calls["malloc"], account.allocs_begun),
        "allocations": is_between(account.allocs_finished - is_in_flight, totals.get("alloc_count", 0) - others,
                                  account.allocs_begun),
        "bytes": is_between(account.bytes_finished, bytes_there, account.bytes_begun),
        "frees": is_between(account.frees_finished, totals.get("free_count", 0), account.frees_begun),
        "tool": report["totals"]["alloc_count"] == totals.get("alloc_count", 0),
        "incomplete": report["complete"] is False,
        "signal": result.status == -signal.SIGKILL,
        "stderr": result.stderr == b"",
    }
    return [f"{name}: {account.__dict__} {totals} {calls}" for name, is_good in checks.items() if not is_good]


def main():
    moments = random.Random(20260711)
    with Tap() as tap, Tracer(Build()) as tracer:
        for number in range(1, KILLS + 1):
            threads = 1 if number % 2 else 4
            # Every tenth one during the start of the process, before anything is allocated or just then.
            moment_s = -moments.uniform(0, 0.01) if number % 10 == 0 else moments.uniform(0, 0.08)
            name = f"kill {number}: {threads} threads, {'start' if moment_s < 0 else 'main'} + {abs(moment_s) * 1000:.2f} ms"
            try:
                result, account = kill_once(tracer, moment_s, threads)
                wrong = complaints(tracer, result, account)
            except Exception as error:  # pylint: disable=broad-except
                wrong = [f"{type(error).__name__}: {error}"]
            tap.ok(not wrong, name, "\n".join(wrong))


if __name__ == "__main__":
    main()
