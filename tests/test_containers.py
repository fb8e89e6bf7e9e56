#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""test_containers.py -- From outside, a program in namespaces of its own is like any other.

It is known by two pids, its files lie where only it sees them, and files of the same name may lie
here. A shadow of its program and of its trace, which are not the right ones, are put there on
purpose.

usage: test_containers.py BUILD-DIRECTORY"""

import json
import os
import shutil
import signal
import subprocess

from tap import Tap
from traced import Build, Tracer, clean_environment, execute, wait_until

# In there: a file system of its own over ./inside, with the program and its trace.
SCRIPT = """
mount -t tmpfs none inside && cp "$PROGRAM" inside/service && cp "$RECORDER" inside/ && cd inside &&

LD_PRELOAD=$PWD/libmemtrace.so MEMTRACE_OUTPUT=$PWD/service.memtrace ./service
exit $?
"""


def unshare():
    """The command that makes namespaces here, or None."""
    for options in (["--mount", "--pid", "--fork", "--mount-proc"], ["--user", "--map-root-user", "--mount", "--pid", "--fork", "--mount-proc"]):
        if shutil.which("unshare") and execute(["unshare", *options, "true"]).status == 0:
            return ["unshare", *options]
    return None


class Container:
    """on_demand in a container, answering on its standard input."""

    def __init__(self, tracer, command):
        self.tool_path = str(tracer.build.tool)
        self.directory = tracer.new_directory()
        self.inside = self.directory / "inside"
        self.inside.mkdir()
        (self.inside / "service").write_bytes(b"not the program")
        (self.inside / "service.memtrace").write_bytes(b"not the trace")
        environment = clean_environment({"PROGRAM": tracer.build.program("on_demand"),
                                         "RECORDER": str(tracer.build.recorder)})
        self.process = subprocess.Popen([*command, "sh", "-c", SCRIPT], cwd=self.directory, env=environment,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        self.tell("keep 100")
        self.pid = self.find()

    def find(self):
        """The number that the service has here: unshare has started a shell, and that has started it."""
        pid = self.process.pid
        for _ in range(2):
            with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as children:
                pid = int(children.read().split()[0])
        return pid

    def tell(self, line):
        self.process.stdin.write(line.encode() + b"\n")
        while (answer := self.process.stdout.readline()) not in (b"done\n", b""):
            pass
        if not answer:
            raise AssertionError("the service ended")

    def tool(self, *arguments):
        return execute([self.tool_path, *map(str, arguments)], {"NO_COLOR": "1"}, cwd=self.directory)

    def json(self, *arguments):
        result = self.tool(*arguments)
        if result.status != 0:
            raise AssertionError(f"{arguments}: {result.status} {result.stderr!r}")
        return json.loads(result.stdout)

    def close(self):
        if self.process.poll() is None:
            os.kill(self.pid, signal.SIGKILL)
        self.process.communicate()


def keep_line(build):
    lines = (build.source / "tests" / "programs" / "on_demand.c").read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if "@keep " in line)


def check_reading(tap, build, container):
    report = container.json("report", "--json", container.pid)
    first = report["statistics"][0]
    tap.equal((os.path.basename(first.get("file", "")), first.get("line")), ("on_demand.c", keep_line(build)),
              "its files are found inside, not those of the same name here", first)
    tap.ok(report["state"] == "running", "it runs", report["state"])
    kept = container.directory / "kept.memtrace"
    tap.equal(container.tool("snapshot", container.pid, "-o", kept).status, 0, "a snapshot")
    container.tell("keep 50")
    diff = container.json("diff", "--json", kept, container.pid)
    changed = diff["statistics"][0]
    tap.equal((changed.get("line"), changed["count_diff"], changed["size_diff"]), (keep_line(build), 50, 50000),
              "what has changed since", changed)


def check_usage(tap, container):
    """The process in /proc is asked by the number that it has here, not by its own."""
    with open(f"/proc/{container.pid}/statm", encoding="ascii") as statm:
        rss = int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    result = container.tool("top", "--once", "--interval=0.1", container.pid)
    text = result.stdout.decode()
    tap.ok(result.status == 0 and "1 thread " in text, "its threads", text + result.stderr.decode())
    shown = next((line.split("RSS ")[1].split("  ")[0].split() for line in text.splitlines() if "RSS " in line), ["0", "B"])
    bytes_shown = float(shown[0]) * {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20}[shown[1]]
    tap.ok(abs(bytes_shown - rss) < 1 << 20, "its RSS", f"{shown} for {rss}")


def check_elsewhere(tap, container):
    """The file may also lie where both see it; then only its numbers inside tell the process."""
    path = f"/proc/{container.pid}/root{container.inside}/service.memtrace"
    report = container.json("report", "--json", path)
    tap.equal(report["state"], "running", "the trace by its path tells whose it is")
    copy = container.directory / "copy.memtrace"
    shutil.copyfile(path, copy)
    tap.ok(container.json("report", "--json", copy)["state"] != "running", "a copy is nobody's")


def check_end(tap, container):
    path = f"/proc/{container.pid}/root{container.inside}/service.memtrace"
    with open(path, "rb") as trace:
        os.kill(container.pid, signal.SIGKILL)
        container.process.wait(30)
        wait_until(lambda: not os.path.exists(f"/proc/{container.pid}"))
        left = container.directory / "left.memtrace"
        left.write_bytes(trace.read())
    tap.ok(container.json("report", "--json", left)["state"] != "running", "after a kill it does not run")


def main():
    build = Build()
    with Tap() as tap, Tracer(build) as tracer:
        command = unshare()
        if not command:
            tap.skip("containers", "namespaces are not allowed here")
            return
        container = Container(tracer, command)
        try:
            tap.run(check_reading, build, container)
            tap.run(check_usage, container)
            tap.run(check_elsewhere, container)
            tap.run(check_end, container)
        finally:
            container.close()


if __name__ == "__main__":
    main()
