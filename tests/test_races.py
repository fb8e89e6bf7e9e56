# SPDX-License-Identifier: BSD-2-Clause
"""test_races.py -- The recorder's parts that threads share, shaken, and under ThreadSanitizer.

check/stress_threads.c is an ordinary program with the recorder, less the hooks, in it. Its threads
record, hand over and free known blocks while another thread reads; at every atomic step, and so at
every lock, other threads get a chance to run. In the end all figures must be the known ones. The
same program is compiled for ThreadSanitizer, which must have nothing to say.

usage: test_races.py BUILD-DIRECTORY [--long]"""

import shutil
import subprocess
import sys

from tap import Tap
from traced import Build, Tracer, execute

SUPPRESSIONS = "tests/check/stress_races.supp"
# Rounds of new threads, threads, calls of each in a round, seeds.
SHORT, LONG = (2, 4, 200, 4), (20, 8, 5000, 200)
SHORT_WATCHED, LONG_WATCHED = (1, 3, 40, 2), (3, 4, 400, 60)


def stress(tracer, program, shape, seed, *more, prefix=(), environment=None):
    directory = tracer.new_directory()
    rounds, threads, calls, _ = shape
    return execute([*prefix, str(tracer.build.root / "tests" / "check" / program), str(rounds), str(threads), str(calls),
                    str(seed), *more],
                   {"MEMTRACE_THREAD": "0", "MEMTRACE_OUTPUT": f"{directory}/%p.memtrace", **(environment or {})}, timeout=600)


def check_shaken(tap, tracer, shape):
    """The world is stopped now and then, too."""
    for seed in range(1, shape[3] + 1):
        result = stress(tracer, "stress_threads", shape, seed, "stop")
        tap.equal((result.status, result.stdout), (0, b"right\n"), f"shaken, seed {seed}", result.stderr)


def addresses_as_expected():
    """Where addresses are spread more widely than ThreadSanitizer expects, they must not be."""
    prefix = ["setarch", "-R"]
    works = shutil.which("setarch") and subprocess.run([*prefix, "true"], stderr=subprocess.DEVNULL, check=False).returncode == 0
    return prefix if works else []


def check_watched(tap, tracer, shape):
    program = "stress_threads_watched"
    if not (tracer.build.root / "tests" / "check" / program).exists():
        tap.skip("ThreadSanitizer", "the compiler has none")
        return
    for seed in range(1, shape[3] + 1):
        result = stress(tracer, program, shape, seed, prefix=addresses_as_expected(), environment={
            "TSAN_OPTIONS": f"suppressions={tracer.build.source / SUPPRESSIONS} exitcode=66"})
        if b"unexpected memory mapping" in result.stderr:
            tap.skip("ThreadSanitizer", "it cannot run with these addresses")
            return
        tap.equal((result.status, result.stdout), (0, b"right\n"), f"ThreadSanitizer, seed {seed}",
                  result.stderr.decode(errors="replace")[:6000])


def check_it_would_tell(tap, tracer):
    """Without the suppressions it has something to say, so it does watch."""
    program = "stress_threads_watched"
    if not (tracer.build.root / "tests" / "check" / program).exists():
        return
    result = stress(tracer, program, SHORT_WATCHED, 1, prefix=addresses_as_expected(), environment={"TSAN_OPTIONS": "exitcode=66"})
    if b"unexpected memory mapping" not in result.stderr:
        tap.ok(result.status == 66 and b"WARNING: ThreadSanitizer: data race" in result.stderr, "ThreadSanitizer: sees the readers",
               result.stderr[-2000:])


def main():
    is_long = "--long" in sys.argv
    with Tap() as tap, Tracer(Build()) as tracer:
        tap.run(check_shaken, tracer, LONG if is_long else SHORT)
        tap.run(check_watched, tracer, LONG_WATCHED if is_long else SHORT_WATCHED)
        tap.run(check_it_would_tell, tracer)


if __name__ == "__main__":
    main()
