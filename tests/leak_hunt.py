# SPDX-License-Identifier: BSD-2-Clause
"""leak_hunt.py -- A leak in a redis-server under load, found from outside.

usage: leak_hunt.py BUILD-DIRECTORY [MINUTES]

The server runs as Debian ships it, with a module of ours that forgets a little of its sessions
(programs/redis_sessions.c). Keys fill up and stay, lists and sets go up and down, sessions are
replaced. Two snapshots are taken from outside, and `memtrace diff` and `memtrace leaks` must name
the line that leaks, first, and call nothing else a leak."""

import json
import os
import pathlib
import random
import shutil
import socket
import subprocess
import sys
import threading
import time

from tap import Tap
from traced import Build, Tracer, clean_environment, execute, wait_until

SECONDS = 25
FIRST_SHARE = 0.3  # when the first of the two snapshots is taken
KEYS, NAMES, LISTS = 2_000, 5_000, 4
LOGINS, SETS = 10, 30  # in one go
PAUSE_S = 0.01
SWEEP = 100  # so many go by until the sets are dropped


def encode(*words):
    """A command in redis' protocol."""
    parts = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)


class Client:
    """Sends many commands in one go and waits for their answers, each of one line or an item of one."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(60)
        self.socket.connect(str(path))
        self.input = self.socket.makefile("rb")

    def ask(self, commands):
        self.socket.sendall(b"".join(commands))
        return [self.answer() for _ in commands]

    def answer(self):
        line = self.input.readline()
        if not line or line.startswith(b"-"):
            raise OSError(f"redis-server answers {line!r}")
        if not line.startswith(b"$") or line.startswith(b"$-1"):
            return line[1:].strip()
        return self.input.read(int(line[1:]) + 2)[:-2]

    def close(self):
        self.input.close()
        self.socket.close()


class Load(threading.Thread):
    """What people do to the server all day."""

    def __init__(self, path):
        super().__init__()
        self.client, self.chance = Client(path), random.Random(20261121)
        self.goes, self.commands, self.error, self.stopped = 0, 0, None, threading.Event()

    def one_go(self):
        value = bytes(self.chance.randrange(50, 250))
        pick = self.chance.randrange
        work = [encode("set", f"key:{pick(KEYS)}", value) for _ in range(SETS)]
        work += [encode("get", f"key:{pick(KEYS)}") for _ in range(SETS)]
        work += [encode("sessions.login", f"user{pick(NAMES)}") for _ in range(LOGINS)]
        number = pick(LISTS)
        work += [encode("lpush", f"list:{number}", value[:60]), encode("ltrim", f"list:{number}", 0, 50)]
        work += [encode("sadd", f"seen:{pick(4)}", f"visitor{pick(10**9)}")]
        if self.goes % SWEEP == 0:
            work += [encode("del", f"seen:{k}") for k in range(4)]
        return work

    def run(self):
        try:
            while not self.stopped.wait(PAUSE_S):
                self.commands += len(self.client.ask(self.one_go()))
                self.goes += 1
        except (OSError, ValueError) as error:
            self.error = error
        self.client.close()

    def stop(self):
        self.stopped.set()
        self.join()
        return self.error


class Service:
    """redis-server with the module, under the recorder."""

    def __init__(self, tracer, interval):
        self.build, self.directory = tracer.build, tracer.new_directory()
        self.socket = self.directory / "socket"
        self.trace = self.directory / "redis.memtrace"
        module = self.build.programs / "libredis_sessions.so"
        # Debian's redis-server is a link to redis-check-rdb, which its redis-tools bring.
        self.process = subprocess.Popen(
            ["redis-server", "--port", "0", "--unixsocket", str(self.socket), "--save", "", "--dir", str(self.directory),
             "--loadmodule", str(module)], cwd=self.directory, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            executable=find_server(), env=clean_environment({"LD_PRELOAD": str(self.build.recorder), "MEMTRACE_OUTPUT": str(self.trace),
                                   "MEMTRACE_HISTORY_INTERVAL": interval}))
        self.is_up = wait_until(lambda: self.socket.exists() or self.process.poll() is not None) and self.process.poll() is None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def leaked_bytes(self):
        client = Client(self.socket)
        answer = int(client.ask([encode("sessions.leaked")])[0])
        client.close()
        return answer

    def tool(self, *arguments):
        return execute([str(self.build.tool), *map(str, arguments)], {"NO_COLOR": "1"}, cwd=self.directory)

    def snapshot(self, name):
        result = self.tool("snapshot", self.process.pid, "-o", name)
        return result.status == 0, result.stderr.decode()


def find_server():
    return shutil.which("redis-server") or shutil.which("redis-check-rdb")


def tag_line(build, tag):
    source = build.source / "tests" / "programs" / "redis_sessions.c"
    return next(number for number, line in enumerate(source.read_text().splitlines(), 1) if f"@{tag} " in line)


def place_of(entry):
    return pathlib.Path(entry.get("file", "?")).name, entry.get("line")


def brief(entries):
    """The first few, without their call stacks."""
    return "\n".join(json.dumps({key: value for key, value in entry.items() if key != "traceback"}) for entry in entries[:5])


def judge(tap, service, leaked):
    expected = ("redis_sessions.c", tag_line(service.build, "leak"))
    diff = json.loads(service.tool("diff", "--json", "first", "second").stdout)["statistics"]
    tap.equal(place_of(diff[0]), expected, "memtrace diff: the line that leaks grew most", brief(diff))
    tap.ok(0.9 * leaked <= diff[0]["size_diff"] <= 1.1 * leaked + 4096, "and by what the server knows it lost",
           f"{diff[0]['size_diff']}, {leaked}")
    for name, operand in (("the running server", service.process.pid), ("the second snapshot", "second")):
        result = service.tool("leaks", "--json", operand)
        found = json.loads(result.stdout)
        growing = [place_of(entry) for entry in found["statistics"] if entry["trend"] == "grows"]
        tap.equal(growing, [expected], f"memtrace leaks of {name}: that line, and nothing else",
                  brief(found["statistics"]))
    return found


def hunt(tap, tracer, seconds):
    with Service(tracer, "1s" if seconds >= 300 else "100ms") as service:
        if not service.is_up:
            tap.skip("redis-server", f"does not run here with modules: {service.process.returncode}")
            return
        load = Load(service.socket)
        start = time.monotonic()
        load.start()
        time.sleep(seconds * FIRST_SHARE)
        before = service.leaked_bytes()
        tap.ok(*service.snapshot("first")[:1], "a snapshot from outside")
        time.sleep(seconds - (time.monotonic() - start))
        tap.ok(*service.snapshot("second")[:1], "and another one")
        leaked = service.leaked_bytes() - before
        tap.note(f"{load.commands} commands in {time.monotonic() - start:.0f} s, {leaked} bytes lost between the snapshots")
        judge(tap, service, leaked)
        for arguments in (("diff", "-n", "3", "first", "second"), ("leaks", service.process.pid)):
            tap.note(service.tool(*arguments).stdout.decode())
        tap.equal(load.stop(), None, "the server has answered all the time")
        modes = [path.stat().st_mode & 0o777 for path in (service.trace, service.directory / "first")]
        tap.equal(modes, [0o600, 0o600], "trace and snapshots are their owner's alone")


def main():
    os.environ.pop("MEMTRACE_SUPPRESSIONS", None)
    seconds = float(sys.argv[2]) * 60 if len(sys.argv) > 2 else SECONDS
    with Tap() as tap, Tracer(Build()) as tracer:
        if not find_server():
            tap.skip("redis-server", "is not installed")
            return
        tap.run(hunt, tracer, seconds)


if __name__ == "__main__":
    main()
