# SPDX-License-Identifier: BSD-2-Clause
"""test_daemons.py -- Servers, runtimes and builds from Debian, plain and traced.

What they answer, print and leave must be the same. They fork, become daemons, leave root, change
their root directory, filter their own system calls, own SIGPROF, generate code, or have an allocator
of their own; what is not installed is skipped.

usage: test_daemons.py BUILD-DIRECTORY [NAME…]"""

import hashlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time

from tap import Tap
from test_oracle import find
from traced import Build, Tracer, TraceFile, clean_environment, execute, wait_until

SBIN = "/usr/sbin:/sbin:/usr/local/sbin"


def which(name):
    if name == "python3":
        return find(name)
    return shutil.which(name) or shutil.which(name, path=SBIN)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def ask(port, question, until=b""):
    """What a server on this port answers; None while there is none."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
            connection.sendall(question)
            answer = b""
            while not until or until not in answer:
                more = connection.recv(65536)
                if not more:
                    break
                answer += more
            return answer
    except OSError:
        return None


class Surroundings:
    """A directory for one run, and the environment that has it recorded, or not."""

    def __init__(self, tracer, is_traced):
        self.directory = tracer.new_directory()
        self.directory.chmod(0o777)
        self.traces = self.directory / "traces"
        self.traces.mkdir()
        self.traces.chmod(0o777)  # whoever they become
        self.environment = clean_environment(tracer.environment(self.traces) if is_traced else None)
        self.errors = self.directory / "stderr"
        self.allowed_lines = 0

    def start(self, argv, **options):
        return subprocess.Popen([which(argv[0]), *map(str, argv[1:])], env=self.environment, cwd=self.directory,
                                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self.errors.open("wb"), **options)

    def run(self, argv, stdin=b"", cwd=None, environment=None):
        process = subprocess.run([which(argv[0]), *map(str, argv[1:])], env={**self.environment, **(environment or {})},
                                 cwd=cwd or self.directory, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                 timeout=240, check=False)
        self.errors.write_bytes(process.stderr)
        return process

    def has_writer(self):
        """Whether a process still has a trace of these mapped."""
        needle = os.fsencode(self.traces)
        for process in pathlib.Path("/proc").iterdir():
            try:
                if process.name.isdigit() and needle in (process / "maps").read_bytes():
                    return True
            except OSError:
                pass  # it has ended
        return False

    def read_traces(self):
        # A server may answer "I stop" long before it has.
        wait_until(lambda: not self.has_writer())
        return [TraceFile(path) for path in self.traces.iterdir()]


def stop(process, number=signal.SIGTERM):
    process.send_signal(number)
    try:
        return process.wait(timeout=60)
    except subprocess.TimeoutExpired:
        process.kill()
        return f"does not end by signal {number}"


# ---- each returns what must be the same ----

def nginx(here):
    """Root, a master, two workers that are somebody else."""
    port = free_port()
    (here.directory / "page.html").write_text("page\n" * 3000)
    here.directory.chmod(0o755)
    user = "user www-data;" if os.geteuid() == 0 else ""
    (here.directory / "conf").write_text(
        f"{user} worker_processes 2; pid {here.directory}/pid; error_log {here.directory}/log; events {{}} http {{ access_log off; "
        f"server {{ listen 127.0.0.1:{port}; location / {{ root {here.directory}; gzip on; }} }} }}")
    process = here.start(["nginx", "-c", here.directory / "conf", "-g", "daemon off;"])
    wait_until(lambda: ask(port, b"GET /page.html HTTP/1.0\r\n\r\n"))
    answers = [ask(port, b"GET /%s HTTP/1.0\r\n\r\n" % name).split(b"\r\n\r\n", 1)[1] for name in (b"page.html", b"none") * 40]
    reload_answer = process.send_signal(signal.SIGHUP)
    return hashlib.sha256(b"".join(answers)).hexdigest(), reload_answer, stop(process, signal.SIGQUIT)


def lighttpd(here):
    port = free_port()
    (here.directory / "page.html").write_text("page\n" * 3000)
    here.directory.chmod(0o755)
    (here.directory / "conf").write_text(
        f'server.document-root = "{here.directory}"\nserver.port = {port}\nserver.bind = "127.0.0.1"\nserver.max-worker = 2\n'
        + ('server.username = "www-data"\n' if os.geteuid() == 0 else ""))
    process = here.start(["lighttpd", "-D", "-f", here.directory / "conf"])
    wait_until(lambda: ask(port, b"GET /page.html HTTP/1.0\r\n\r\n"))
    answers = [ask(port, b"GET /page.html HTTP/1.0\r\n\r\n").split(b"\r\n\r\n", 1)[1] for _ in range(50)]
    return hashlib.sha256(b"".join(answers)).hexdigest(), stop(process)


def memcached(here):
    """Threads, its own slabs, leaves root."""
    port = free_port()
    process = here.start(["memcached", "-l", "127.0.0.1", "-p", port, "-U", "0", "-t", "4",
                          *(["-u", "nobody"] if os.geteuid() == 0 else [])])
    wait_until(lambda: ask(port, b"version\r\nquit\r\n"))
    question = b"".join(b"set k%d 0 0 100\r\n%s\r\nget k%d\r\n" % (i, b"v" * 100, i) for i in range(500)) + b"quit\r\n"
    answers = [ask(port, question) for _ in range(5)]
    return [hashlib.sha256(answer).hexdigest() for answer in answers], stop(process)


def postgres(here):
    """A process for each connection, shared memory; refuses to be root."""
    programs = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))
    if not programs:
        return None
    as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
    data = here.directory / "data"
    environment = clean_environment()
    subprocess.run([*as_user, programs[-1] / "initdb", "-D", data, "-A", "trust", "-U", "postgres", "--no-sync"], env=environment,
                   cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    port = free_port()
    process = subprocess.Popen([*as_user, programs[-1] / "postgres", "-D", data, "-p", str(port), "-k", here.directory],
                               env=here.environment, cwd=here.directory, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    query = [programs[-1] / "psql", "-h", here.directory, "-p", str(port), "-U", "postgres", "-Atqc"]
    wait_until(lambda: subprocess.run([*query, "SELECT 1"], env=environment, stdout=subprocess.DEVNULL,
                                      stderr=subprocess.DEVNULL, check=False).returncode == 0)
    answer = subprocess.run([*query, "CREATE TABLE t AS SELECT i, md5(i::text) h FROM generate_series(1, 20000) i; "
                             "CREATE INDEX ON t(h); SELECT count(*), min(h), max(h) FROM t; SELECT h, i FROM t ORDER BY h LIMIT 5"],
                            env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return answer.returncode, answer.stdout, stop(process, signal.SIGINT)


def sshd(here):
    """Forks, executes itself, changes its root directory, filters its system calls, leaves root."""
    if os.geteuid() != 0 or not which("ssh"):
        return None
    here.directory.chmod(0o755)
    keys = [here.directory / name for name in ("host", "user")]
    for key in keys:
        execute(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)])
    os.makedirs("/run/sshd", exist_ok=True)
    authorized = here.directory / "authorized"
    shutil.copy(f"{keys[1]}.pub", authorized)
    port = free_port()
    process = here.start(["sshd", "-D", "-e", "-f", "/dev/null", "-p", port, "-h", keys[0], "-o", "ListenAddress=127.0.0.1", "-o",
                          f"AuthorizedKeysFile={authorized}", "-o", "StrictModes=no", "-o", "UsePAM=no",
                          "-o", "PermitRootLogin=yes", "-o", f"PidFile={here.directory}/pid"])
    wait_until(lambda: ask(port, b"", b"SSH"))
    client = here.run(["ssh", "-F", "/dev/null", "-i", keys[1], "-p", port, "-o", "StrictHostKeyChecking=no", "-o",
                       "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "root@127.0.0.1", "seq 3000 | sha256sum; exit 9"])
    return client.returncode, client.stdout, client.stderr, stop(process)


def tmux(here):
    """A server that becomes a daemon, with a terminal of its own."""
    socket_path = here.directory / "socket"
    say = ["tmux", "-S", socket_path, "-f", "/dev/null"]
    started = here.run([*say, "new-session", "-d", "-x", "80", "-y", "24", "sh -c 'seq 100 > seen; sleep 100'"])
    wait_until(lambda: (here.directory / "seen").exists() and (here.directory / "seen").stat().st_size > 250)
    listed = here.run([*say, "list-windows", "-F", "#{window_index} #{window_width}"])
    ended = here.run([*say, "kill-server"])
    return started.returncode, started.stderr, listed.stdout, ended.returncode, (here.directory / "seen").read_bytes()


def rsync(here):
    """Three processes that talk through pipes."""
    source = here.directory / "source"
    source.mkdir()
    for number in range(200):
        (source / f"file{number}").write_bytes(b"%d\n" % number * (number * 10))
    result = here.run(["rsync", "-a", "--checksum", f"{source}/", here.directory / "copy"])
    again = here.run(["rsync", "-ai", "--checksum", f"{source}/", here.directory / "copy"])
    return (result.returncode, result.stdout, again.returncode, again.stdout,
            sorted(hashlib.sha256(path.read_bytes()).hexdigest() for path in (here.directory / "copy").iterdir()))


def bwrap(here):
    """A raw clone into namespaces of its own, and another root, where no trace can be: one line."""
    result = here.run(["bwrap", "--ro-bind", "/", "/", "--bind", here.directory, here.directory, "--dev", "/dev", "--unshare-user",
                       "--unshare-pid", "--proc", "/proc", "sh", "-c", "seq 2000 | tail -n 1; exit 4"])
    here.allowed_lines = 1
    return result.returncode, result.stdout


def make(here):
    """Object files of a parallel build are identical."""
    for number in range(12):
        (here.directory / f"part{number}.c").write_text(
            "#include <stdio.h>\n#include <stdlib.h>\n" + "".join(
                f"int f{number}_{i}(int x) {{ return printf(\"%d\", x * {i}) + {number}; }}\n" for i in range(60)))
    (here.directory / "Makefile").write_text("all: $(patsubst %.c,%.o,$(wildcard *.c))\n\t$(AR) rcD lib.a *.o\n")
    result = here.run(["make", "-s", "-j4", "CFLAGS=-O2 -g -ffile-prefix-map=$(CURDIR)=."])
    objects = sorted(here.directory.glob("*.[oa]"))
    return (result.returncode, result.stdout, result.stderr,
            [(path.name, hashlib.sha256(path.read_bytes()).hexdigest()) for path in objects])


def printed(*argv, environment=None):
    """A program that only prints."""
    def run(here):
        result = here.run(argv, environment=environment)
        return result.returncode, result.stdout, result.stderr
    run.__name__ = argv[0]
    return run


PHP = ('set_time_limit(2); $a = []; for ($i = 0; $i < 60000; $i++) $a["k$i"] = str_repeat("x", $i % 50); ksort($a); '
       'echo md5(serialize($a)), "\\n"; preg_match_all("/k1/", implode(",", array_keys($a)), $m); echo count($m[0]), "\\n"; '
       'while (true) { $a[] = 1; array_pop($a); }')
RUBY = ('a = (1..60000).map { |i| "n#{i * 7919 % 10007}" }; t = 4.times.map { Thread.new { a.sort.uniq.join.hash.class } }; '
        't.each(&:join); puts a.uniq.size, a.sort.first(3).inspect; pid = fork { exit! 3 }; Process.wait(pid); puts $?.exitstatus')
NODE = ("const m = new Map(); for (let i = 0; i < 60000; i++) m.set('k' + i, 'v'.repeat(i % 40)); "
        "const c = require('crypto'); console.log(c.createHash('sha256').update(JSON.stringify([...m])).digest('hex')); "
        "const { Worker } = require('worker_threads'); new Worker(\"require('worker_threads').parentPort.postMessage(6 * 7)\", "
        "{ eval: true }).on('message', x => console.log(x)); require('zlib').gzip('a'.repeat(1e6), (e, b) => console.log(b.length > 900));")
JAVA = """class T { public static void main(String[] a) throws Exception { var m = new java.util.TreeMap<String, Integer>();
Thread[] t = new Thread[50]; for (int k = 0; k < 50; k++) { t[k] = new Thread(() -> { for (int i = 0; i < 2000; i++) synchronized (m)
{ m.merge("k" + i % 977, 1, Integer::sum); } }); t[k].start(); } for (var x : t) x.join(); System.out.println(m.hashCode());
var q = new java.util.zip.CRC32(); q.update(m.toString().getBytes()); System.out.println(q.getValue()); System.exit(3); } }"""
GUILE = "(let loop ((i 0) (l '())) (if (< i 200000) (loop (+ i 1) (cons (* i i) (if (= 0 (modulo i 1000)) '() l))) (begin (display (length l)) (newline))))"
LUA = "local t = {} for i = 1, 100000 do t[i] = tostring(i * 7919 % 10007) end table.sort(t) print(#t, t[1], t[#t]) os.exit(5)"
OCAML = "let l = List.init 100000 (fun i -> i * 7919 mod 10007) in Printf.printf \"%d\\n\" (List.length (List.sort_uniq compare l)); exit 3"


def java(here):
    (here.directory / "T.java").write_text(JAVA)
    result = here.run(["java", "-Xmx256m", "T.java"])
    return result.returncode, result.stdout, result.stderr


def ocaml(here):
    (here.directory / "t.ml").write_text(OCAML)
    result = here.run(["ocaml", "t.ml"])
    return result.returncode, result.stdout, result.stderr


PROGRAMS = {
    "nginx": nginx, "lighttpd": lighttpd, "memcached": memcached, "postgres": postgres, "sshd": sshd, "tmux": tmux,
    "rsync": rsync, "bwrap": bwrap, "make": make, "php": printed("php", "-r", PHP), "ruby": printed("ruby", "-e", RUBY),
    "node": printed("node", "-e", NODE), "java": java, "guile": printed("guile", "--no-auto-compile", "-c", GUILE),
    "lua5.4": printed("lua5.4", "-e", LUA), "ocaml": ocaml,
}


def complaints_of(here, tracer):
    wrong = []
    lines = [line for line in here.errors.read_bytes().splitlines() if line.startswith(b"memtrace:")] if here.errors.exists() else []
    if len(lines) > here.allowed_lines:
        wrong.append(f"stderr {lines}")
    traces = here.read_traces()
    if not traces:
        wrong.append("no trace")
    for trace in traces[:40]:
        report = tracer.report(trace, "--group-by=module")
        totals = trace.totals()
        if report["totals"]["alloc_count"] != totals.get("alloc_count", 0):
            wrong.append(f"{trace.path.name}: {report['totals']['alloc_count']} instead of {totals.get('alloc_count', 0)}")
    return wrong


def check(tap, tracer, name, run):
    if not which({"postgres": "psql"}.get(name, name)):
        tap.skip(name, "not installed")
        return
    plain, traced = Surroundings(tracer, False), Surroundings(tracer, True)
    expected = run(plain)
    if expected is None:
        tap.skip(name, "not installed, or only as root")
        return
    start = time.monotonic()
    got = run(traced)
    tap.equal(got, expected, f"{name}: does the same", (traced.errors.read_bytes() if traced.errors.exists() else b"")[-1500:])
    wrong = complaints_of(traced, tracer)
    tap.ok(not wrong, f"{name}: {len(traced.read_traces())} traces that open", "\n".join(wrong))
    tap.note(f"{name}: {time.monotonic() - start:.1f} s traced")


def main():
    with Tap() as tap, Tracer(Build()) as tracer:
        tracer.directory.chmod(0o755)
        for name, run in PROGRAMS.items():
            if not sys.argv[2:] or name in sys.argv[2:]:
                tap.run(check, tracer, name, run, name=name)


if __name__ == "__main__":
    main()
