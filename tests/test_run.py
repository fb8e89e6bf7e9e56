# SPDX-License-Identifier: BSD-2-Clause
"""test_run.py -- memtrace run stays out of the way: targets it cannot see into, signals, families.

usage: test_run.py BUILD-DIRECTORY"""

import json
import os
import pathlib
import signal
import subprocess
import time

from tap import Tap
from traced import Build, Tracer, clean_environment, execute, wait_until

PROGRAM = """
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
int main(int argc, char **argv)
{
    char *volatile block = malloc(100);
    const char *what = argc > 1 ? argv[1] : "";
    if (!strcmp(what, "wait")) {
        write(1, "up\\n", 3);
        for (int i = 0; i < 600; i++)
            usleep(100000);
    }
    if (!strcmp(what, "exec"))
        execl(argv[0], argv[0], "again", NULL);
    if (!strcmp(what, "fork")) {
        if (fork() == 0) {
            for (int i = 0; i < 1000; i++)
                block = malloc(100);
            exit(0);
        }
        wait(NULL);
    }
    return block ? 5 : 6;
}
"""

OWN_MALLOC = """
#include <stddef.h>
static char pool[1 << 20];
static size_t used;
void *malloc(size_t size) { void *block = pool + used; used += (size + 15) & ~(size_t)15; return block; }
void free(void *block) { (void)block; }
void *calloc(size_t count, size_t size) { return malloc(count * size); }
void *realloc(void *block, size_t size) { (void)block; return malloc(size); }
int main(void) { return malloc(3) ? 7 : 8; }
"""


class Run:
    """A directory with programs of every kind."""

    def __init__(self, tap, tracer):
        self.tap, self.build = tap, tracer.build
        self.directory = tracer.new_directory()
        (self.directory / "program.c").write_text(PROGRAM)
        (self.directory / "own.c").write_text(OWN_MALLOC)
        self.program = self.compile("program", "program.c", "-g")

    def compile(self, name, source, *options):
        path = self.directory / name
        result = execute(["cc", *options, "-o", str(path), str(self.directory / source)])
        return path if result.status == 0 else None

    def script(self, name, text):
        path = self.directory / name
        path.write_text(text)
        path.chmod(0o755)
        return path

    def patched(self, name, offset, byte):
        data = bytearray(self.program.read_bytes())
        data[offset] = byte
        path = self.directory / name
        path.write_bytes(data)
        path.chmod(0o755)
        return path

    def tool(self, *arguments, **options):
        return execute([str(self.build.tool), *map(str, arguments)], options.pop("environment", None),
                       cwd=self.directory, **options)

    def expect(self, name, path, status, words=None):
        """Runs path quietly: its status, and one line with these words or none."""
        if path is None:
            self.tap.skip(name, "cannot be built here")
            return
        result = self.tool("run", "-q", "--", path)
        lines = result.stderr.decode().splitlines()
        is_said = not lines if words is None else len(lines) == 1 and lines[0].startswith("memtrace: ") and words in lines[0]
        self.tap.ok(result.status == status and is_said, name, f"status {result.status}: {result.stderr!r}")

    def traces(self):
        return json.loads(self.tool("list", "--json").stdout)


def check_targets(run):
    static = run.compile("static", "program.c", "-static")
    run.expect("a dynamic program", run.program, 5)
    run.expect("a static program", static, 5, "static")
    run.expect("a static PIE", run.compile("static_pie", "program.c", "-static-pie"), 5, "static")
    run.expect("a malloc of its own", run.compile("own", "own.c", "-fno-builtin"), 7, "own malloc")
    run.expect("ThreadSanitizer", run.compile("tsan", "program.c", "-fsanitize=thread"), 5, "ThreadSanitizer")
    run.expect("32 bits", run.patched("bits32", 4, 1), run.tool("run", "-q", run.directory / "bits32").status,
               "another architecture")
    run.expect("a script", run.script("s1", "#!/bin/sh\nexit 9\n"), 9)
    run.expect("a script run by a script", run.script("s2", f"#!{run.directory}/s1\n"), 9)
    run.expect("a script without #!", run.script("s3", "exit 11\n"), 11)
    run.expect("a script run by env", run.script("s4", "#!/usr/bin/env sh\nexit 12\n"), 12)
    run.expect("a script without interpreter", run.script("s5", "#!/nonexistent/x\n"), 126, "interpreter is missing")
    if static:
        run.expect("a script run by a static program", run.script("s6", f"#!{static}\n"), 5, "its interpreter")
    foreign = run.tool("run", "-q", run.patched("foreign", 18, 0xb7 if os.uname().machine == "x86_64" else 62))
    run.tap.ok(foreign.status == 126 and b"another architecture" in foreign.stderr, "another machine's program: 126",
               foreign.stderr)


def check_privileges(run):
    if os.geteuid() != 0:
        run.tap.skip("a setuid program", "needs root")
        return
    setuid = run.directory / "setuid"
    setuid.write_bytes(run.program.read_bytes())
    os.chown(setuid, 65534, 65534)
    setuid.chmod(0o4755)
    run.expect("a setuid program", setuid, 5, "privileges")


class Waiting:
    """A program under the tool that waits for a signal."""

    def __init__(self, run):
        self.process = subprocess.Popen([str(run.build.tool), "run", "--", str(run.program), "wait"],
                                        cwd=run.directory, env=clean_environment(), stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, start_new_session=True)
        assert self.process.stdout.readline() == b"up\n"
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        self.child = int(children[0])

    def end(self, number):
        self.process.send_signal(number)
        try:
            _, stderr = self.process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            raise
        return self.process.returncode, stderr


def check_signals(run):
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
        waiting = Waiting(run)
        status, stderr = waiting.end(number)
        run.tap.ok(status == -number and b"was killed by signal" in stderr, f"{number.name} is passed on, and ends us too",
                   f"{status} {stderr!r}")
    waiting = Waiting(run)
    for number in (signal.SIGINT, signal.SIGQUIT):
        waiting.process.send_signal(number)
    time.sleep(0.2)
    run.tap.ok(waiting.process.poll() is None, "SIGINT and SIGQUIT are left to the program")
    os.kill(waiting.child, signal.SIGINT)
    _, stderr = waiting.process.communicate(timeout=20)
    run.tap.ok(waiting.process.returncode == -signal.SIGINT and b"peak" in stderr, "and the answer comes all the same", stderr)
    run.tap.equal([path.name for path in run.directory.glob("core*")], [], "no core file")


def check_running(run):
    waiting = Waiting(run)
    by_pid = run.tool("report", "--json", waiting.child)
    run.tap.equal(by_pid.status, 0, "report by process id", by_pid.stderr)
    if by_pid.status == 0:
        content = json.loads(by_pid.stdout)
        run.tap.equal((content["state"], content["complete"], content["pid"]), ("running", True, waiting.child), "it runs")
        run.tap.equal(content["totals"]["live_bytes"], 100, "and holds what it holds")
    listed = [entry for entry in run.traces() if entry["pid"] == waiting.child]
    run.tap.ok(len(listed) == 1 and listed[0]["running"], "list says that it runs", listed)
    os.kill(waiting.child, signal.SIGKILL)
    status, _ = waiting.end(0) if waiting.process.poll() is None else (waiting.process.wait(), b"")
    run.tap.equal(status, -signal.SIGKILL, "SIGKILL ends us too")
    wait_until(lambda: not os.path.exists(f"/proc/{waiting.child}"))
    content = json.loads(run.tool("report", "--json").stdout)
    run.tap.ok(content["state"] == "killed" and not content["complete"] and "killed" in content["incomplete_because"][0],
               "its trace says so", content["incomplete_because"])
    run.tap.equal(content["totals"]["live_bytes"], 100, "and holds what it held")


def check_families(run):
    before = run.tool("run", "--", run.program, "exec").stderr.decode()
    run.tap.ok("before it became another program: program." in before, "a program before exec is named", before)
    forked = run.tool("run", "--", run.program, "fork").stderr.decode()
    run.tap.ok("and 1 trace of child processes: memtrace list" in forked, "traces of children are counted", forked)
    alone = run.tool("run", "--follow-fork=0", "--", run.program, "fork").stderr.decode()
    run.tap.ok("child processes" not in alone, "--follow-fork=0: none", alone)


# Values of options that are not plain numbers. The tool and the recorder read them each in their own way.
GOOD_VALUES = {
    "HISTORY_INTERVAL": ["0", "1s", "500ms", "10m", "2h", "1d", "24h", "1ms", "86400s"],
    "HISTORY_BYTES": ["0", "4096", "64K", "8M", "1G", "1024M"],
    "RSS_INTERVAL": ["0", "100ms", "1ms", "1d"],
    "PSS_INTERVAL": ["0", "10s"],
    "SNAPSHOT": ["", "every=10m", "every=500ms,max=1", "signal=USR2", "signal=SIGUSR1", "signal=12", "signal=RTMIN",
                 "signal=RTMIN+30", "signal=SIGRTMIN+1", "signal=64", "live=500M", "live+20%", "rss=1G", "rss+1000000%",
                 "max=1000", "live=1,live=2T,live+1%", "every=10m,signal=USR2,live=500M,live+20%,rss=1G,rss+20%,max=50",
                 ",".join(["every=1s"] * 16)],
    "THREAD": ["0", "1"],
}
BAD_VALUES = {
    "HISTORY_INTERVAL": ["", "1", "1x", "s", "1 s", "-1s", "25h", "2d", "1.5s", "99999999999999999999s", "1ms,", "1mss"],
    "HISTORY_BYTES": ["", "2G", "1025M", "64k", "M", "8MiB", "-1", "0x10", "18446744073709551616"],
    "RSS_INTERVAL": ["", "100", "100us", "25h"],
    "PSS_INTERVAL": ["", "10", "-1s", "2d"],
    "SNAPSHOT": ["every", "every=", "every=0", "every=10", "signal=KILL", "signal=9", "signal=32", "signal=33", "signal=65",
                 "signal=SEGV", "signal=usr2", "signal=RTMIN+31", "signal=SIG", "live=0", "live=", "live=5%", "live+5",
                 "live+0%", "rss=x", "rss+%", "max=0", "max=1001", "live=1M,", ",live=1M", "live=1M,,rss=1M", "rss+1000001%",
                 "foo=1", "live=1M rss=1M", ",".join(["every=1s"] * 17), "live=99999999T"],
    "THREAD": ["", "2", "yes"],
}


def check_values(run):
    """Both take what is good and refuse what is bad: the tool as misuse, the recorder with one line."""
    for values, is_good in ((GOOD_VALUES, True), (BAD_VALUES, False)):
        for name, value in ((name, value) for name in values for value in values[name]):
            option = f"--{name.lower().replace('_', '-')}={value}"
            by_tool = run.tool("run", "-q", option, "--", run.program).status == (5 if is_good else 2)
            environment = {"LD_PRELOAD": str(run.build.recorder), f"MEMTRACE_{name}": value}
            traced = execute([str(run.program)], environment, cwd=run.directory)
            by_recorder = traced.status == 5 and (traced.stderr == b"" if is_good else
                                                  traced.stderr.startswith(b"memtrace: unknown option or bad value"))
            run.tap.equal((by_tool, by_recorder), (True, True), f"{'good' if is_good else 'bad'}: {option}", traced.stderr)
        for trace in run.directory.glob("*.memtrace"):
            trace.unlink()


def main():
    with Tap() as tap, Tracer(Build()) as tracer:
        for check in (check_targets, check_privileges, check_signals, check_running, check_families, check_values):
            tap.run(lambda _, check=check: check(Run(tap, tracer)), name=check.__name__)


if __name__ == "__main__":
    main()
