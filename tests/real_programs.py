#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""real_programs.py -- Programs from Debian beyond those of the suite, plain, recorded, and sampled.

usage: real_programs.py BUILD-DIRECTORY [--table=FILE] [--keep=DIRECTORY] [NAME…]

Not part of the suite: it runs what happens to be installed, best as root, and skips the rest. Each
program must answer, print and leave the same in all three runs (heap; heap and CPU time), every trace
must open, agree with itself and say what it lacks, and no process and no file may be left over. The
table says what each run came to, and of how many allocations the call stack was cut. --keep keeps
the traces, to be looked at with memtrace report."""

import argparse
import collections
import ftplib
import hashlib
import io
import os
import pathlib
import shutil
import socket
import struct
import subprocess
import time

from tap import Tap
from test_daemons import Surroundings, ask, free_port, printed, stop, which
from test_oracle import find
from traced import Build, Tracer, clean_environment, wait_until

IS_ROOT = os.geteuid() == 0
WAYS = {"plain": None, "heap": {}, "heap and CPU": {"MEMTRACE_CPU_HZ": "997"}}


def digest(data):
    return hashlib.sha256(data).hexdigest()


def writable_by_all(here):
    here.directory.chmod(0o777)
    return here.directory


# ---- servers: leave root, change their root directory, forbid themselves system calls ----

def dns_question(name, number=7):
    labels = b"".join(bytes([len(part)]) + part for part in name.encode().split(b"."))
    return struct.pack(">6H", number, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">2H", 1, 1)


def ask_dns(port, name):
    """The answer's flags, counts and data; None while nobody answers."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as question:
        question.settimeout(5)
        try:
            question.connect(("127.0.0.1", port))
            question.send(dns_question(name))
            answer = question.recv(4096)
        except OSError:
            return None
    return answer[2:12], answer[-4:]


def unbound(here):
    """Threads, another root directory, another user."""
    port, directory = free_port(), writable_by_all(here)
    records = "".join(f'local-data: "host{i}.test. A 10.0.{i // 250}.{i % 250}"\n' for i in range(2000))
    (directory / "conf").write_text(
        f'server:\n interface: 127.0.0.1\n port: {port}\n do-daemonize: no\n num-threads: 3\n use-syslog: no\n chroot: "{directory}"\n'
        f' directory: "{directory}"\n username: "{"nobody" if IS_ROOT else ""}"\n pidfile: ""\n local-zone: "test." static\n{records}'
        'remote-control:\n control-enable: no\n')
    process = here.start(["unbound", "-d", "-c", directory / "conf"])
    wait_until(lambda: ask_dns(port, "host1.test"))
    answers = [ask_dns(port, f"host{i * 7 % 2100}.test") for i in range(400)]
    return answers, stop(process)


def named(here):
    """One thread for each processor, capabilities, another user."""
    port, directory = free_port(), writable_by_all(here)
    (directory / "zone").write_text("$TTL 60\n@ IN SOA ns. me. 1 60 60 60 60\n@ IN NS ns.\n" +
                                    "".join(f"host{i} IN A 10.0.{i // 250}.{i % 250}\n" for i in range(3000)))
    (directory / "conf").write_text(
        f'options {{ directory "{directory}"; listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }}; recursion no; '
        f'pid-file none; session-keyfile none; dnssec-validation no; }}; controls {{ }};\nzone "test" {{ type master; file "zone"; }};\n')
    process = here.start(["named", "-f", "-n", "3", "-c", directory / "conf", *(["-u", "nobody"] if IS_ROOT else [])])
    wait_until(lambda: (ask_dns(port, "host1.test") or (b"",))[0][:1] == b"\x85")
    answers = [ask_dns(port, f"host{i * 7 % 3100}.test") for i in range(400)]
    return answers, stop(process)


def dnsmasq(here):
    port = free_port()
    process = here.start(["dnsmasq", "-k", "-p", port, "--listen-address=127.0.0.1", "--bind-interfaces", "-R", "-h", "-u", "nobody", "-C",
                          "/dev/null", "--pid-file", *(f"--address=/host{i}.test/10.0.0.{i}" for i in range(200))])
    wait_until(lambda: ask_dns(port, "host1.test"))
    answers = [ask_dns(port, f"host{i}.test") for i in range(220)]
    return answers, stop(process)


def chronyd(here):
    """seccomp, capabilities, a helper process."""
    if not IS_ROOT:
        return None
    port, directory = free_port(), writable_by_all(here)
    process = here.start(["chronyd", "-n", "-x", "-u", "_chrony", "-F", "1", "-f", "/dev/null", f"port {port}", "allow 127.0.0.1",
                          "bindaddress 127.0.0.1", "local stratum 8", "cmdport 0", f"pidfile {directory}/pid", "bindcmdaddress /"])

    def ask_time():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as question:
            question.settimeout(5)
            try:
                question.connect(("127.0.0.1", port))
                question.send(b"\x23" + bytes(47))
                return question.recv(100)[:2]
            except OSError:
                return None
    wait_until(ask_time)
    return [ask_time() for _ in range(100)], stop(process)


def vsftpd(here):
    """A process for each session, an empty root directory, another user."""
    if not IS_ROOT:
        return None
    port, directory = free_port(), here.directory
    directory.chmod(0o755)
    (directory / "files").mkdir()
    (directory / "empty").mkdir()
    for number in range(30):
        (directory / "files" / f"file{number}").write_bytes(b"%d\n" % number * (number * 3000))
    (directory / "conf").write_text(
        f"listen=YES\nlisten_ipv6=NO\nlisten_address=127.0.0.1\nlisten_port={port}\nanonymous_enable=YES\nlocal_enable=NO\n"
        f"ftp_username=games\nanon_root={directory}/files\nsecure_chroot_dir={directory}/empty\nbackground=NO\nseccomp_sandbox=NO\n"
        "no_anon_password=YES\nsession_support=NO\n")
    process = here.start(["vsftpd", directory / "conf"])
    wait_until(lambda: ask(port, b"QUIT\r\n"))
    answers = []
    for _ in range(4):
        with ftplib.FTP() as client:
            client.connect("127.0.0.1", port, timeout=20)
            client.login()
            for name in sorted(client.nlst()):
                content = io.BytesIO()
                client.retrbinary(f"RETR {name}", content.write)
                answers.append((name, digest(content.getvalue())))
    return answers, stop(process)


def haproxy(here):
    """Threads, pools of its own, another root directory, another user."""
    port, directory = free_port(), writable_by_all(here)
    leave = f"chroot {directory}\n user nobody\n" if IS_ROOT else ""
    (directory / "conf").write_text(
        f"global\n nbthread 4\n {leave}defaults\n mode http\n timeout client 20s\n timeout server 20s\n timeout connect 5s\nfrontend f\n"
        f" bind 127.0.0.1:{port}\n http-request set-header X-Mark %[path,sdbm]\n default_backend b\nbackend b\n"
        " http-request return status 200 content-type text/plain lf-string \"%[path] %[path,crc32] %[path,xxh64]\\n\"\n")
    process = here.start(["haproxy", "-db", "-f", directory / "conf"])
    wait_until(lambda: ask(port, b"GET / HTTP/1.0\r\n\r\n"))
    answers = [ask(port, b"GET /page%d HTTP/1.0\r\n\r\n" % i) for i in range(200)]
    return answers, stop(process)


def apache2(here):
    """Processes of threads, another user; stopped gracefully."""
    port, directory = free_port(), writable_by_all(here)
    modules = "/usr/lib/apache2/modules"
    (directory / "page.html").write_text("page\n" * 5000)
    (directory / "conf").write_text(
        "".join(f"LoadModule {name}_module {modules}/mod_{name}.so\n" for name in ("mpm_event", "authz_core", "dir", "mime", "deflate", "filter"))
        + f"ServerRoot {directory}\nListen 127.0.0.1:{port}\nPidFile {directory}/pid\nErrorLog {directory}/log\nServerName x\nTypesConfig /dev/null\n"
        + f"StartServers 2\nMutex file:{directory}\nDefaultRuntimeDir {directory}\nDocumentRoot {directory}\n<Directory {directory}>\nRequire all granted\n"
        + "SetOutputFilter DEFLATE\n</Directory>\n" + ("User nobody\nGroup nogroup\n" if IS_ROOT else ""))
    process = here.start(["apache2", "-DFOREGROUND", "-f", directory / "conf"])
    wait_until(lambda: ask(port, b"GET /page.html HTTP/1.0\r\n\r\n"))
    request = b"GET /%s HTTP/1.0\r\nAccept-Encoding: gzip\r\n\r\n"
    answers = [ask(port, request % name).split(b"\r\n\r\n", 1)[1] for name in (b"page.html", b"none") * 60]
    return digest(b"".join(answers)), stop(process)


def mariadbd(here):
    """Many threads, its own pools; ends by SIGTERM."""
    directory = writable_by_all(here)
    user = ["--user=mysql"] if IS_ROOT else []
    data, place = directory / "data", directory / "socket"
    subprocess.run(["mariadb-install-db", f"--datadir={data}", "--auth-root-authentication-method=normal", *user], env=clean_environment(),
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    process = here.start(["mariadbd", "--no-defaults", f"--datadir={data}", f"--socket={place}", "--skip-networking", "--innodb-fast-shutdown=2", *user])
    say = ["mariadb", "--no-defaults", f"--socket={place}", "-uroot", "-N", "-B", "-e"]

    def query(text):
        return subprocess.run([*say, text], env=clean_environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    wait_until(lambda: query("SELECT 1").returncode == 0, 60)
    answer = query("CREATE DATABASE d; USE d; CREATE TABLE t (i INT PRIMARY KEY, h CHAR(32), KEY(h)); INSERT INTO t SELECT seq, MD5(seq) FROM seq_1_to_20000; "
                   "SELECT COUNT(*), MIN(h), MAX(h) FROM t; SELECT h, i FROM t ORDER BY h LIMIT 5; SELECT SUM(a.i) FROM t a JOIN t b ON a.h = b.h")
    return answer.returncode, answer.stdout, stop(process)


def varnishd(here):
    """Compiles C, loads it, and runs it in a child that is jailed; jemalloc."""
    port, directory = free_port(), writable_by_all(here)
    (directory / "vcl").write_text('vcl 4.1; backend none none; sub vcl_recv { return (synth(200, "x")); } sub vcl_synth '
                                   '{ set resp.body = "page " + req.url; return (deliver); }\n')
    process = here.start(["varnishd", "-F", "-n", directory / "work", "-a", f"127.0.0.1:{port}", "-f", directory / "vcl", "-s", "malloc,20m"])
    wait_until(lambda: ask(port, b"GET / HTTP/1.0\r\n\r\n"))
    answers = [(ask(port, b"GET /%d HTTP/1.0\r\n\r\n" % i) or b"").split(b"\r\n\r\n")[-1] for i in range(100)]
    return answers, stop(process)


def mosquitto(here):
    port, directory = free_port(), writable_by_all(here)
    (directory / "conf").write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n")
    process = here.start(["mosquitto", "-c", directory / "conf"])
    wait_until(lambda: ask(port, b"\x10\x0e\x00\x04MQTT\x04\x02\x00\x3c\x00\x02ab", b"\x20"))
    answer = ask(port, b"\x10\x0e\x00\x04MQTT\x04\x02\x00\x3c\x00\x02ab\x82\x07\x00\x01\x00\x02tt\x00" +
                 b"".join(b"\x30" + bytes([4 + len(b"%d" % i)]) + b"\x00\x02tt%d" % i for i in range(300)) + b"\xe0\x00")
    return answer, stop(process)


def dropbear(here):
    if not IS_ROOT or not which("dropbearkey") or not which("ssh"):
        return None
    here.directory.chmod(0o755)
    key, user = here.directory / "host", here.directory / "user"
    subprocess.run(["dropbearkey", "-t", "ed25519", "-f", key], env=clean_environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", user], env=clean_environment(), check=True)
    port = free_port()
    process = here.start(["dropbear", "-F", "-E", "-p", f"127.0.0.1:{port}", "-r", key, "-P", here.directory / "pid"])
    wait_until(lambda: ask(port, b"", b"SSH"))
    client = here.run(["ssh", "-F", "/dev/null", "-i", user, "-p", port, "-o", "StrictHostKeyChecking=no", "-o", "BatchMode=yes", "-o",
                       "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "nobody@127.0.0.1", "true"])
    return client.returncode, client.stdout, client.stderr, stop(process)


# ---- runtimes: allocators, garbage collectors, JITs and signals of their own ----

ERLANG = ("P = [spawn(fun() -> receive {F, N} -> F ! N * N end end) || _ <- lists:seq(1, 20000)], S = self(), "
          "[Q ! {S, I} || {Q, I} <- lists:zip(P, lists:seq(1, 20000))], "
          "io:format(\"~p~n\", [lists:sum([receive X -> X end || _ <- P])]), halt(7).")
SBCL = ("(let ((table (make-hash-table :test 'equal))) (dotimes (i 300000) (setf (gethash (format nil \"k~a\" (mod (* i 7919) 10007)) table) i)) "
        "(gc :full t) (format t \"~a ~a~%\" (hash-table-count table) (handler-case (/ 1 (- (hash-table-count table) 10007)) (error () 'caught))) "
        "(sb-ext:exit :code 6 :abort nil))")
LUAJIT = ("local ffi = require('ffi') ffi.cdef[[void *malloc(size_t); void free(void *); typedef int (*compare)(const void *, const void *); "
          "void qsort(void *, size_t, size_t, compare);]] local n, a = 3000, ffi.cast('int *', ffi.C.malloc(12000)) "
          "for i = 0, n - 1 do a[i] = i * 7919 % 10007 end "
          "ffi.C.qsort(a, n, 4, function(x, y) x, y = ffi.cast('const int *', x)[0], ffi.cast('const int *', y)[0] "
          "return x < y and -1 or x > y and 1 or 0 end) local s = 0 for k = 1, 30 do for i = 0, n - 1 do s = s + a[i] % k end end "
          "print(a[0], a[n - 1], s) ffi.C.free(a) local t = {} for i = 1, 200000 do t[i] = {i} end print(#t) os.exit(4)")
PYPY = ("import threading, hashlib, zlib\nd = {str(i): 'v' * (i % 40) for i in range(100000)}\nr = []\n"
        "t = [threading.Thread(target=lambda k=k: r.append(sum(i * k for i in range(100000)))) for k in range(8)]\n"
        "[x.start() for x in t]; [x.join() for x in t]\nprint(hashlib.sha256(repr(sorted(d.items())).encode()).hexdigest(), sorted(r))\n"
        "print(len(zlib.compress(repr(d).encode())))")
TCL = ("proc f {n} {expr {$n < 2 ? $n : [f [expr {$n - 1}]] + [f [expr {$n - 2}]]}}; set d [dict create]; "
       "for {set i 0} {$i < 60000} {incr i} {dict set d k[expr {$i * 7919 % 10007}] $i}; puts \"[dict size $d] [f 20]\"; exit 3")
PROLOG = "X = 60000, numlist(1, X, L), maplist([A, B]>>(B is A * 7919 mod 10007), L, M), sort(M, S), length(S, N), sumlist(M, T), write(N-T), nl, halt(2)."
R_CODE = "x <- sapply(1:60000, function(i) (i * 7919) %% 10007); m <- matrix(x[1:40000], 200); cat(sum(x), length(unique(x)), sum(m %*% m), '\\n'); quit(status = 5)"
GO = """package main
import ("fmt"; "os"; "sync"; "sort"; "strings")
func main() { var w sync.WaitGroup; var l sync.Mutex; m := map[string]int{}
for k := 0; k < 2000; k++ { w.Add(1); go func(k int) { defer w.Done(); s := strings.Repeat("x", k % 50); l.Lock(); m[s] += k; l.Unlock() }(k) }
w.Wait(); var keys []string; for k := range m { keys = append(keys, k) }; sort.Strings(keys)
for _, k := range keys { fmt.Print(m[k], " ") }; fmt.Println(); os.Exit(9) }
"""
CGO = """package main
// #include <stdlib.h>
// static int use(int n) { void *p = malloc(n); int ok = p != 0; free(p); return ok; }
import "C"
import ("fmt"; "os"; "sync")
func main() { var w sync.WaitGroup; var l sync.Mutex; n := 0
for k := 0; k < 500; k++ { w.Add(1); go func() { defer w.Done(); for i := 1; i < 200; i++ { x := int(C.use(C.int(i))); l.Lock(); n += x; l.Unlock() } }() }
w.Wait(); fmt.Println(n); os.Exit(8) }
"""


def go_program(source, is_c):
    def run(here):
        if is_c and not which("gcc"):
            return None
        (here.directory / "x.go").write_text(source)
        built = subprocess.run([which("go"), "build", "-o", "x", "x.go"], cwd=here.directory, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               env=clean_environment({"GOCACHE": str(here.directory.parent / "cache"), "CGO_ENABLED": str(int(is_c)), "GO111MODULE": "off"}))
        if built.returncode != 0:
            return None
        result = subprocess.run([here.directory / "x"], env=here.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120, check=False)
        here.needs_trace = is_c
        return result.returncode, result.stdout, result.stderr
    return run


def go_build(here):
    """The compiler: static itself, so only what it starts could be seen."""
    (here.directory / "x.go").write_text(GO)
    result = here.run(["go", "build", "-trimpath", "-ldflags=-buildid=", "-o", "x", "x.go"],
                      environment={"GOCACHE": str(here.directory.parent / "cache"), "GO111MODULE": "off", "CGO_ENABLED": "0"})
    here.needs_trace = False
    return result.returncode, result.stdout, result.stderr, digest((here.directory / "x").read_bytes())


# ---- setuid, sandboxes, emulators, debuggers ----

def su(here):
    result = here.run(["su", "-s", "/bin/sh", "nobody", "-c", "id -un; seq 2000 | tail -n 1; exit 5"])
    return result.returncode, result.stdout, result.stderr


def sudo(here):
    result = here.run(["sudo", "-u", "nobody", "sh", "-c", "id -un; seq 2000 | tail -n 1; exit 5"])
    return result.returncode, result.stdout, result.stderr


def as_nobody(*argv):
    """A setuid program, or one with capabilities, of somebody who is not root: nothing can be recorded of it, and it must not mind."""
    def run(here):
        if not IS_ROOT:
            return None
        here.traces.chmod(0o777)
        result = here.run(["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", which(argv[0]), *argv[1:]])
        return result.returncode, result.stdout.splitlines()[:1], [line for line in result.stderr.splitlines() if b"ERROR: ld.so" not in line]
    return run


def firejail(here):
    """setuid, namespaces, seccomp, another view of files."""
    result = here.run(["firejail", "--quiet", "--noprofile", "--seccomp", "--private-dev", "--net=none", "sh", "-c", "seq 2000 | tail -n 1; exit 4"])
    here.allowed_lines = 2
    return result.returncode, result.stdout


def chromium(here):
    """Zygotes, sandboxed children, an allocator inside the executable."""
    directory = writable_by_all(here)
    (directory / "page.html").write_text("<body><script>let m = {}; for (let i = 0; i < 50000; i++) m['k' + i * 7919 % 10007] = i; "
                                         "document.body.append(Object.keys(m).length + ' ' + navigator.hardwareConcurrency > 0)</script>")
    argv = ["chromium", "--headless=new", "--disable-gpu", f"--user-data-dir={directory}/profile", "--dump-dom", "--virtual-time-budget=3000",
            "--disable-background-networking", f"file://{directory}/page.html"]
    if IS_ROOT:
        here.traces.chmod(0o777)
        argv = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", which("chromium"), *argv[1:]]
    result = here.run(argv, environment={"HOME": str(directory)})
    here.errors.write_bytes(b"".join(line + b"\n" for line in result.stderr.splitlines() if line.startswith(b"memtrace:")))
    here.allowed_lines = 100
    return result.returncode, result.stdout


def emulated(here):
    """A JIT of another program's code, in the same process, with that program's signals."""
    result = here.run(["qemu-x86_64", "-U", "LD_PRELOAD", which("sort"), "--parallel=4", "-r"], stdin=b"".join(b"%d\n" % (i * 7919 % 10007) for i in range(20000)))
    return result.returncode, digest(result.stdout), result.stderr


def gdb(here):
    (here.directory / "x.c").write_text("#include <stdlib.h>\nint main(void) { for (int i = 0; i < 9; i++) free(malloc(i)); abort(); }\n")
    subprocess.run(["cc", "-g", "-o", here.directory / "x", here.directory / "x.c"], check=True)
    result = here.run(["gdb", "-nx", "-batch", "-ex", "set environment LD_PRELOAD=", "-ex", "break main", "-ex", "run", "-ex", "next", "-ex", "info locals", "-ex", "kill",
                       here.directory / "x"])
    return result.returncode, [line.replace(bytes(here.directory), b"") for line in result.stdout.splitlines() if b"process" not in line]


def screen(here):
    """Becomes a daemon that closes every descriptor."""
    environment = {"SCREENDIR": str(here.directory / "screens")}
    (here.directory / "screens").mkdir(mode=0o700)
    started = here.run(["screen", "-c", "/dev/null", "-dmS", "x", "sh", "-c", f"seq 100 > {here.directory}/seen; sleep 100"], environment=environment)
    wait_until(lambda: (here.directory / "seen").exists() and (here.directory / "seen").stat().st_size > 250)
    ended = here.run(["screen", "-S", "x", "-X", "quit"], environment=environment)
    return started.returncode, started.stderr, ended.returncode, (here.directory / "seen").read_bytes()


# ---- builds and media ----

def configure_and_make(here):
    """Thousands of short processes, then a parallel build: the same files."""
    source = next(iter(sorted(pathlib.Path(os.environ.get("SOURCES", "/nonexistent")).glob("zlib-*"))), None)
    if not source or not (source / "configure").exists():
        return None
    shutil.copytree(source, here.directory / "zlib")
    flags = {"CFLAGS": f"-O2 -g -ffile-prefix-map={here.directory}=.", "SOURCE_DATE_EPOCH": "0"}
    configured = here.run(["sh", "./configure", "--static"], cwd=here.directory / "zlib", environment=flags)
    built = here.run(["make", "-s", "-j4", "ARFLAGS=rcD", "libz.a", "example"], cwd=here.directory / "zlib", environment=flags)
    objects = sorted((here.directory / "zlib").glob("*.[oa]"))
    return (configured.returncode, configured.stdout.replace(bytes(here.directory), b""), built.returncode,
            [(path.name, digest(path.read_bytes())) for path in objects], len(objects) > 10)


def rustc(here):
    """Threads and LLVM, jemalloc in a library of its own."""
    (here.directory / "x.rs").write_text("use std::collections::BTreeMap;\nfn main() { let mut m = BTreeMap::new(); for i in 0..9000u64 { *m.entry(i * 7919 % 1007)"
                                         ".or_insert(0u64) += i; } println!(\"{:?}\", m.iter().next()); std::process::exit(m.len() as i32 % 100); }\n")
    result = here.run(["rustc", "-O", "-C", "metadata=x", "--remap-path-prefix", f"{here.directory}=.", "-o", here.directory / "x", "x.rs"])
    binary = here.directory / "x"
    return result.returncode, result.stdout, result.stderr, digest(binary.read_bytes()) if binary.exists() else None


def ffmpeg(here):
    result = here.run(["ffmpeg", "-v", "error", "-nostdin", "-f", "lavfi", "-i", "testsrc=d=2:s=320x240", "-f", "lavfi", "-i", "sine=d=2", "-c:v", "mpeg4", "-c:a", "aac",
                       "-threads", "4", "-flags", "+bitexact", "-fflags", "+bitexact", here.directory / "x.mkv"])
    again = here.run(["ffmpeg", "-v", "error", "-nostdin", "-i", here.directory / "x.mkv", "-f", "framemd5", "-"])
    return result.returncode, result.stderr, digest((here.directory / "x.mkv").read_bytes()), digest(again.stdout)


def ghostscript(here):
    (here.directory / "x.ps").write_text("%!PS\n/Times-Roman findfont 20 scalefont setfont 0 1 40 { /i exch def 50 i 15 mul 60 add moveto i 10 string cvs show "
                                         "( some text ) show i 3 mul 100 add 100 50 i 0 360 arc stroke } for showpage\n")
    result = here.run(["gs", "-q", "-dNOPAUSE", "-dBATCH", "-dSAFER", "-sDEVICE=png16m", "-r72", f"-sOutputFile={here.directory}/x.png", "x.ps"])
    return result.returncode, result.stdout, result.stderr, digest((here.directory / "x.png").read_bytes())


def imagemagick(here):
    result = here.run(["/usr/bin/convert" if os.path.exists("/usr/bin/convert") else "convert", "-size", "300x300", "plasma:red-blue", "-seed", "5", "-blur", "0x3", "-resize", "50%",
                       "-rotate", "30", "ppm:-"])
    return result.returncode, len(result.stdout), result.stderr


def stress(here):
    """Its stressors do to memory, processes and signals what hurts most."""
    result = here.run(["stress-ng", "--quiet", "--malloc", "2", "--malloc-ops", "20000", "--fork", "1", "--fork-ops", "300", "--vfork", "1", "--vfork-ops", "300", "--pthread", "1",
                       "--pthread-ops", "200", "--clone", "1", "--clone-ops", "30", "--mmap", "1", "--mmap-ops", "10", "--mmap-bytes", "16m", "--mremap", "1", "--mremap-ops", "30",
                       "--mremap-bytes", "8m", "--timer", "1", "--timer-ops", "1000", "--itimer", "1", "--itimer-ops", "300", "--sigsegv", "1", "--sigsegv-ops", "5000",
                       "--seccomp", "1", "--seccomp-ops", "50", "--stack", "1", "--stack-ops", "2", "--dup", "1", "--dup-ops", "20", "--context", "1", "--context-ops", "2000", "-t", "60"])
    return result.returncode, result.stdout, result.stderr


PROGRAMS = {
    "unbound": ("unbound", unbound), "bind9": ("named", named), "dnsmasq": ("dnsmasq", dnsmasq), "chrony": ("chronyd", chronyd),
    "vsftpd": ("vsftpd", vsftpd), "haproxy": ("haproxy", haproxy), "apache2": ("apache2", apache2), "mariadb": ("mariadbd", mariadbd),
    "varnish": ("varnishd", varnishd), "mosquitto": ("mosquitto", mosquitto), "dropbear": ("dropbear", dropbear),
    "erlang": ("erl", printed("erl", "-noshell", "-eval", ERLANG)), "sbcl": ("sbcl", printed("sbcl", "--noinform", "--non-interactive", "--eval", SBCL)),
    "luajit": ("luajit", printed("luajit", "-e", LUAJIT)), "pypy": ("pypy3", printed("pypy3", "-c", PYPY)),
    "tcl": ("tclsh", lambda here: tcl(here)), "prolog": ("swipl", printed("swipl", "-q", "-g", PROLOG)),
    "R": ("R", printed("R", "--vanilla", "-s", "-e", R_CODE)),
    "go, with C": ("go", go_program(CGO, True)), "go, without": ("go", go_program(GO, False)), "go build": ("go", go_build),
    "su": ("su", su), "sudo": ("sudo", sudo), "ping, not root": ("ping", as_nobody("ping", "-c", "1", "-q", "127.0.0.1")),
    "su, not root": ("su", as_nobody("su", "-c", "true", "nobody")), "firejail": ("firejail", firejail), "chromium": ("chromium", chromium),
    "qemu-user": ("qemu-x86_64", emulated), "gdb": ("gdb", gdb), "screen": ("screen", screen), "configure, make -j": ("make", configure_and_make),
    "rustc": ("rustc", rustc), "ffmpeg": ("ffmpeg", ffmpeg), "ghostscript": ("gs", ghostscript), "imagemagick": ("convert", imagemagick),
    "stress-ng": ("stress-ng", stress),
}


def tcl(here):
    (here.directory / "x.tcl").write_text(TCL)
    result = here.run(["tclsh", here.directory / "x.tcl"])
    return result.returncode, result.stdout, result.stderr


class Quality:
    """What the traces of a run know: how many allocations, and of how many the stack is not whole."""

    def __init__(self, traces):
        self.traces, self.count, self.cut, self.overflow, self.reasons = len(traces), 0, 0, 0, collections.Counter()
        for trace in traces:
            self.add(trace)

    def add(self, trace):
        number = trace.layout.numbers
        special = number["NODE_MODULE_SPECIAL"]
        ends = {}
        for index, node in enumerate(trace.nodes):
            if index:
                ends[index] = node["offset"] if node["module_bits"] & number["NODE_MODULE_MASK"] == special else ends.get(node["parent"])
        for node, site in trace.sites().items():
            self.count += site["alloc_count"]
            self.cut += site["alloc_count"] * (ends.get(node) == number["SPECIAL_CUT"])
            self.overflow += site["alloc_count"] * (ends.get(node) == number["SPECIAL_OVERFLOW"])
        self.reasons.update({name: count for name, count in trace.anomalies.items() if count})

    def __str__(self):
        text = f"{self.count:,} allocations in {self.traces} trace{'s' * (self.traces != 1)}"
        if self.cut:
            text += f", {100 * self.cut / self.count:.1f} % of stacks cut"
        if self.overflow:
            text += f", {100 * self.overflow / self.count:.1f} % <overflow>"
        return text


def left_over(directory):
    """Processes that were started with this directory in their environment, and live."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                if bytes(directory) + b"/" in (entry / "environ").read_bytes() and (entry / "stat").read_text().rsplit(") ", 1)[1][0] != "Z":
                    found.append(f"{entry.name} {(entry / 'cmdline').read_bytes()[:80]!r}")
            except OSError:
                pass
    return found


def complaints_of(here, tracer):
    wrong = []
    lines = [line for line in here.errors.read_bytes().splitlines() if line.startswith(b"memtrace:")] if here.errors.exists() else []
    if len(lines) > here.allowed_lines:
        wrong.append(f"stderr {lines}")
    files = list(here.traces.iterdir())
    wrong += [f"left {path.name}" for path in files if ".memtrace" not in path.name]
    traces = here.read_traces()
    if not traces and getattr(here, "needs_trace", True):
        wrong.append("no trace")
    for trace in traces:
        report = tracer.report(trace, "--group-by=traceback")
        totals, threads = trace.totals(), trace.thread_totals()
        for key in threads:
            if len({report["totals"][key], totals.get(key, 0), threads[key]}) != 1:
                wrong.append(f"{trace.path.name}: {key}: report {report['totals'][key]}, sites {totals.get(key, 0)}, threads {threads[key]}")
        if report["complete"] == bool(report["incomplete_because"]):
            wrong.append(f"{trace.path.name}: complete {report['complete']}, because {report['incomplete_because']}")
    return wrong, traces


def keep(here, where, name):
    target = where / name.replace(" ", "_").replace(",", "")
    target.mkdir(parents=True, exist_ok=True)
    for path in here.traces.iterdir():
        shutil.copy(path, target / path.name)


def difference(got, expected):
    """What differs, not more of it than people read."""
    if isinstance(got, (tuple, list)) and isinstance(expected, (tuple, list)) and len(got) == len(expected):
        return "".join(difference(a, b) for a, b in zip(got, expected) if a != b)[:3000]
    return f"got {repr(got)[:300]}, expected {repr(expected)[:300]}\n"


def check(tap, tracer, name, options):
    program, run = PROGRAMS[name]
    if not which(program) and not find(program):
        tap.skip(name, "not installed")
        return None
    expected, row = None, {"what": (run.__doc__ or "").strip().split("\n")[0]}
    for way, variables in WAYS.items():
        here = Surroundings(tracer, variables is not None)
        here.environment.update(variables or {})
        start = time.monotonic()
        got = run(here)
        row[way] = f"{time.monotonic() - start:.1f} s"
        if way == "plain":
            expected = got
            if expected is None:
                tap.skip(name, "cannot be run here")
                return None
            continue
        is_same = tap.ok(got == expected, f"{name}, {way}: does the same", difference(got, expected) +
                         ascii((here.errors.read_bytes() if here.errors.exists() else b"")[-1500:]))
        wait_until(lambda here=here: not left_over(here.directory), 10)
        wrong, traces = complaints_of(here, tracer)
        wrong += [f"left over: {process}" for process in left_over(here.directory)]
        quality = Quality(traces)
        tap.ok(not wrong, f"{name}, {way}: {quality}", "\n".join(wrong[:20]))
        tap.note(f"{name}, {way}: {row[way]}, plain {row['plain']}; {dict(quality.reasons)}")
        row[way] = ("same" if is_same and not wrong else "differs") + f"; {quality}"
        if options.keep and way == "heap":
            keep(here, options.keep, name)
    return row


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build")
    parser.add_argument("names", nargs="*")
    parser.add_argument("--table", type=pathlib.Path)
    parser.add_argument("--keep", type=pathlib.Path)
    options = parser.parse_intermixed_args()
    rows = {}
    with Tap() as tap, Tracer(Build()) as tracer:
        tracer.directory.chmod(0o755)
        for name in PROGRAMS:
            if not options.names or name in options.names:
                tap.run(lambda tap, name=name: rows.update({name: check(tap, tracer, name, options)}), name=name)
        if options.table:
            lines = ["| program | heap | heap and CPU time |", "|---|---|---|"]
            lines += [f"| {name} | {row['heap']} | {row['heap and CPU']} |" for name, row in rows.items() if row and "heap and CPU" in row]
            options.table.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
