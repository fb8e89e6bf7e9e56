#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""soak.py -- Runs a program recorded for a long time, and watches what the recorder takes.

usage: soak.py [--minutes=20] [--every=10] [--load=COMMAND] [--cpu] [--keep=DIRECTORY] BUILD-DIRECTORY PROGRAM [ARGUMENT…]

Every so many seconds one line: how many recorded processes there are, what is resident of the one
that lives longest without the recorder's part, the private memory of the recorder in it and in the
largest one, its open files, the traces and the disk space they take. --load runs a command, which is
not recorded, again and again. At the end the program gets SIGTERM. Exit status 1 if after the first
quarter of the time the recorder's memory has grown by more than 1 MiB and 30 % of what the program
has grown by: it keeps 4 bytes for each 16 of the heap's addresses."""

import argparse
import pathlib
import shlex
import signal
import subprocess
import sys
import tempfile
import time

from own_memory import own_memory
from traced import Build, Tracer, clean_environment

MEBIBYTE = 1 << 20


def recorded_processes(directory):
    """{pid: start time} of those that have a trace in this directory mapped: their own, or their parent's."""
    found = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if bytes(directory) in (entry / "maps").read_bytes():
                    found[int(entry.name)] = int((entry / "stat").read_text().rsplit(") ", 1)[1].split()[19])
            except (OSError, IndexError):
                pass
    return found


def resident_bytes(pid):
    try:
        return int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096
    except OSError:
        return 0


def look(directory):
    """One line's figures."""
    processes = recorded_processes(directory)
    owns = {pid: own for pid in processes if (own := own_memory(pid))}
    oldest = min(owns, key=lambda pid: (processes[pid], pid), default=None)
    traces, size = 0, 0
    for path in directory.iterdir():
        try:
            size += path.stat().st_blocks * 512
            traces += 1
        except OSError:
            pass
    return {"processes": len(owns), "program_bytes": resident_bytes(oldest) - owns[oldest].private_bytes if owns else 0, "oldest_bytes": owns[oldest].private_bytes if owns else 0,
            "oldest_trace_bytes": owns[oldest].trace_bytes if owns else 0,
            "largest_bytes": max((own.private_bytes for own in owns.values()), default=0),
            "descriptors": max((own.descriptors for own in owns.values()), default=0), "traces": traces, "size_bytes": size}


def describe(seconds, figures):
    print(f"{seconds:6.0f} s  {figures['processes']:5d} processes  program {figures['program_bytes'] / MEBIBYTE:6.1f} MiB, own memory {figures['oldest_bytes'] / MEBIBYTE:6.2f} MiB, largest "
          f"{figures['largest_bytes'] / MEBIBYTE:6.2f} MiB, of the trace {figures['oldest_trace_bytes'] / MEBIBYTE:6.2f} MiB  "
          f"{figures['descriptors']} descriptors  {figures['traces']:6d} traces, {figures['size_bytes'] / MEBIBYTE:8.1f} MiB", flush=True)


class Load:
    """A command that is started again whenever it has ended."""

    def __init__(self, command):
        self.argv, self.process, self.rounds = shlex.split(command or ""), None, 0

    def go_on(self):
        if self.argv and (self.process is None or self.process.poll() is not None):
            self.process = subprocess.Popen(self.argv, env=clean_environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                            stderr=subprocess.DEVNULL)
            self.rounds += 1

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait()


def soak(options, directory):
    tracer_environment = Tracer(Build(["", options.build])).environment(directory, extra={"MEMTRACE_CPU_HZ": "99"} if options.cpu else None)
    program = subprocess.Popen(options.program, env=clean_environment(tracer_environment), cwd=directory.parent,
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    load, start, figures = Load(options.load), time.monotonic(), []
    while time.monotonic() - start < options.minutes * 60 and program.poll() is None:
        time.sleep(min(options.every, 1 + 2 * len(figures)))
        load.go_on()
        figures.append(look(directory))
        describe(time.monotonic() - start, figures[-1])
    load.stop()
    if program.poll() is None:
        program.send_signal(signal.SIGTERM)
    print(f"status {program.wait(timeout=120)}, {load.rounds} rounds of load, largest trace "
          f"{max((path.stat().st_size for path in directory.iterdir()), default=0) / MEBIBYTE:.2f} MiB")
    return figures


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build")
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--every", type=float, default=10)
    parser.add_argument("--load")
    parser.add_argument("--cpu", action="store_true")
    parser.add_argument("--keep", type=pathlib.Path, help="an empty directory for the traces")
    parser.add_argument("program", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="memtrace-soak-") as name:
        directory = options.keep or pathlib.Path(name) / "traces"
        directory.mkdir(exist_ok=True)
        figures = soak(options, directory)
    alive = [item for item in figures if item["processes"]]
    growth, program = [alive[-1][key] - alive[len(alive) // 4][key] if alive else 0 for key in ("oldest_bytes", "program_bytes")]
    print(f"since the first quarter: the recorder's own memory {growth / 1024:+.0f} KiB, the program {program / 1024:+.0f} KiB")
    sys.exit(growth > MEBIBYTE + 0.3 * max(0, program))


if __name__ == "__main__":
    main()
