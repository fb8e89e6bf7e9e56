# SPDX-License-Identifier: BSD-2-Clause
"""test_oracle.py -- On real programs, the totals are those of a library that only counts.

liboracle.so stands behind libmemtrace.so and counts what is passed on to it. Calls of each
function, blocks, bytes and frees must be identical, process by process, and no free may be of an
unknown block unless the oracle does not know it either."""

import glob
import pathlib
import random
import shutil
import subprocess
import sys

from tap import Tap
from traced import Build, Result, Tracer, clean_environment, collect, execute, wait_until

TOTALS = ("alloc_count", "alloc_bytes", "free_count", "freed_bytes")
# A forked child that does less than this may go without a trace of its own.
WORTH_A_TRACE = 2000


def find(name):
    """The path of a program or a library; None if it is not installed."""
    if ".so" in name:
        return next(iter(sorted(glob.glob(f"/usr/lib/*-linux-gnu/{name}"))), None)
    if name == "python3":
        return "/usr/bin/python3" if pathlib.Path("/usr/bin/python3").exists() else shutil.which(name)
    if name == "cc1":
        compiler = shutil.which("gcc")
        path = compiler and execute([compiler, "-print-prog-name=cc1"]).stdout.decode().strip()
        return path if path and path != "cc1" else None
    return shutil.which(name)


def pairs_of(result):
    """[(trace or None, oracle)]; a pid may have been a forked child and several images after that."""
    traces = {}
    for trace in result.traces:
        traces.setdefault((trace.pid, bool(trace.header["flags"] & 1)), []).append(trace)
    pairs = []
    for oracle in result.oracles:
        same = traces.get((oracle.pid, oracle.is_forked), [])
        pairs.append((same.pop(0) if same else None, oracle))
    lost = [trace.path.name for rest in traces.values() for trace in rest]
    return pairs, lost


def facts_of_trace(trace):
    totals = trace.totals()
    facts = {key: totals.get(key, 0) for key in TOTALS}
    facts.update(trace.calls)
    facts.update(unknown_frees=trace.anomalies["unknown_free"], reused_live=trace.anomalies["reused_live"])
    return facts


def facts_of_oracle(oracle):
    facts = {key: oracle.totals[key] for key in TOTALS + ("unknown_frees", "reused_live")}
    facts.update({call: oracle.calls[call] for call in oracle.calls})
    return facts


def facts_of_tool(report):
    facts = {key: report["totals"][key] for key in TOTALS}
    facts.update(report["totals"]["calls"])
    return facts


def difference(got, expected):
    return {key: (got.get(key), value) for key, value in expected.items() if got.get(key) != value}


def without_operators(facts, oracle, calls):
    """Operators new and delete of an allocator's own do not come by the oracle, which only knows malloc's
    family: their calls are taken off, and as many bytes as are then too many. Those are test_operators.py's."""
    facts = dict(facts)
    for count, size, call in (("alloc_count", "alloc_bytes", "operator new"), ("free_count", "freed_bytes", "operator delete")):
        if calls.get(call):
            facts[count] -= calls[call]
            facts[size] = min(facts[size], oracle[size])
    return facts


def check(tap, tracer, result, name, may_be_foreign=False):
    """Every process image of a run against its oracle."""
    pairs, lost = pairs_of(result)
    tap.ok(pairs, f"{name}: the oracle saw something", result.stderr[-2000:])
    tap.equal(lost, [], f"{name}: each trace has its oracle")
    different, untraced, foreign, calls = [], [], [], 0
    for trace, oracle in pairs:
        calls += sum(oracle.calls.values())
        if oracle.totals["untracked"]:
            different.append(("the oracle's table was too small", oracle.program))
        if trace is None:
            if not oracle.is_forked or sum(oracle.calls.values()) >= WORTH_A_TRACE:
                untraced.append((oracle.program, oracle.pid, oracle.calls))
            continue
        expected = facts_of_oracle(oracle)
        wrong = difference(without_operators(facts_of_trace(trace), expected, trace.calls), expected)
        wrong.update(difference(without_operators(facts_of_tool(tracer.report(trace, "--group-by=module")), expected, trace.calls),
                                {key: value for key, value in expected.items() if key not in ("unknown_frees", "reused_live")}))
        if wrong:
            different.append((oracle.program, oracle.pid, "(recorder, oracle)", wrong))
        if trace.anomalies["unknown_free"]:
            foreign.append((oracle.program, trace.anomalies["unknown_free"]))
    tap.equal(different, [], f"{name}: identical in {len(pairs)} processes, {calls} calls")
    tap.equal(untraced, [], f"{name}: a trace for each that did something")
    if not may_be_foreign:
        tap.equal(foreign, [], f"{name}: no unknown frees")


# ---- work for the programs ----

def sql():
    return b"""
CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT, c REAL);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
INSERT INTO t SELECT i, 'row ' || (i * 7919 % 10007), i / 3.0 FROM n;
CREATE INDEX u ON t(b);
SELECT count(*), sum(length(b)), group_concat(b, '') IS NOT NULL FROM t WHERE b LIKE '%7%';
SELECT b, count(*) FROM t GROUP BY b ORDER BY 2 DESC, 1 LIMIT 5;
DELETE FROM t WHERE a % 3 = 0;
VACUUM;
"""


PYTHON = """
import json, re, threading, collections
def work(n):
    d = collections.defaultdict(list)
    for i in range(n):
        d[str(i % 97)].append({"i": i, "s": "x" * (i % 50)})
    return len(re.findall("1", json.dumps(d)))
threads = [threading.Thread(target=work, args=(4000,)) for _ in range(4)]
[t.start() for t in threads]; [t.join() for t in threads]
print(work(3000), sorted(map(str, range(2000)))[5])
"""

PERL = r'my %h; for my $i (1..30000) { push @{$h{$i % 501}}, "v$i" x ($i % 7) } my $s = join ",", map { scalar @{$h{$_}} } sort keys %h; print length($s), "\n"; my @a = map { [split /1/, $_] } 1..5000; print scalar(@a), "\n";'

EMACS = '(let ((n 0)) (dotimes (i 3000) (with-temp-buffer (insert (make-string (% i 700) ?x)) (setq n (+ n (length (buffer-string)))))) (princ (format "%d\\n" n)))'

VIM = ["-es", "-u", "NONE", "-i", "NONE", "-n", "-c", "call setline(1, range(1, 3000))", "-c", "%s/1/one/g",
       "-c", "sort!", "-c", "g/7/d", "-c", "undo", "-c", "qa!"]

BASH = ["-c", "s=0; for i in 1 2 3 4 5 6 7 8 9 10 11 12; do v=$(echo $((i * i)) | tr 1 2); s=$((s + v)); "
              "( a=(); for j in {1..300}; do a+=(\"word $j\"); done; echo ${#a[@]} ) > /dev/null; done; echo $s"]


def json_lines():
    return b"".join(b'{"id": %d, "name": "n%d", "tags": ["a", "b%d"], "nested": {"x": %d.5}}\n' % (i, i, i % 7, i)
                    for i in range(8000))


def text_lines(count):
    numbers = random.Random(7)
    return b"".join(b"%d some words and %d\n" % (numbers.randrange(10 ** 9), i) for i in range(count))


def preprocessed(directory):
    """A real C file, preprocessed, so that cc1 needs no include path."""
    source = pathlib.Path(__file__).resolve().parent / "oracle.c"
    output = directory / "oracle.i"
    execute(["gcc", "-std=gnu11", "-D_GNU_SOURCE", "-E", str(source), "-o", str(output)])
    return output


def make_repository(directory):
    """A git repository with some history, made without the recorder."""
    git = ["git", "-C", str(directory), "-c", "user.name=t", "-c", "user.email=t@example.org"]
    execute(["git", "init", "-q", str(directory)])
    for number in range(12):
        for name in range(6):
            (directory / f"file{name}.txt").write_bytes(text_lines(100 + number * 10 + name))
        execute([*git, "add", "."])
        execute([*git, "commit", "-q", "-m", f"change {number}"])


def check_oracle(tap, build, directory):
    """The oracle itself, alone, on programs whose calls are known."""
    sum_of_sizes = 1000 * 1001 // 2
    execute([build.program("exact_lines")], {"LD_PRELOAD": str(build.oracle), "ORACLE_OUTPUT": f"{directory}/%p.oracle"})
    result = Result(0, b"", b"")
    collect(result, directory)
    oracle = result.oracles[0]
    tap.equal({call: count for call, count in oracle.calls.items() if count},
              {"malloc": 4004, "calloc": 1000, "realloc": 1001, "free": 2501, "aligned_alloc": 1},
              "the oracle: calls of exact_lines")
    tap.equal({key: oracle.totals[key] for key in TOTALS}, {
        "alloc_count": 6006, "alloc_bytes": (1 + 2 + 3 + 7 + 5 + 1) * sum_of_sizes + 101234 + 24 + 640 + 3000000,
        "free_count": 6006 - 2505, "freed_bytes": 10351500}, "the oracle: totals of exact_lines")
    tap.equal((oracle.totals["unknown_frees"], oracle.totals["reused_live"], oracle.totals["untracked"]), (0, 0, 0),
              "the oracle: nothing unknown")


class Workloads:
    """Runs each program and checks it."""

    def __init__(self, tap, tracer, directory):
        self.tap, self.tracer, self.directory = tap, tracer, directory
        self.input = directory / "input.txt"
        self.input.write_bytes(text_lines(150000))

    def run(self, name, argv, stdin=b"", behind=(), environment=None, may_be_foreign=False, cwd=None,
            status=0):
        program = find(argv[0])
        libraries = [find(library) for library in behind]
        if not program or None in libraries:
            self.tap.skip(name, f"{argv[0]} {' '.join(behind)} is not installed")
            return
        result = self.tracer.run([program, *map(str, argv[1:])], oracle=True, behind=libraries, stdin=stdin,
                                 environment=environment, cwd=cwd or self.directory, timeout=300)
        self.tap.equal(result.status, status, f"{name}: status", result.stderr[-2000:])
        check(self.tap, self.tracer, result, name, may_be_foreign)

    def itself(self):
        check_oracle(self.tap, self.tracer.build, self.tracer.new_directory())

    def single_threaded(self):
        self.run("sqlite3", ["sqlite3", ":memory:"], stdin=sql())
        self.run("python3", ["python3", "-c", PYTHON], environment={"PYTHONMALLOC": "malloc"})
        self.run("jq", ["jq", "-c", "[.id, .name, (.tags | length), .nested.x]"], stdin=json_lines())
        self.run("perl", ["perl", "-e", PERL])
        self.run("emacs", ["emacs", "-Q", "--batch", "--eval", EMACS])
        self.run("vim", ["vim", *VIM])

    def compilers(self):
        if not find("cc1"):
            self.tap.skip("cc1", "no gcc")
            return
        source = preprocessed(self.directory)
        self.run("cc1", ["cc1", "-quiet", "-fpreprocessed", "-O2", "-g", source, "-o", "/dev/null"])
        self.run("gcc -c", ["gcc", "-O1", "-g", "-c", source, "-o", self.directory / "oracle.o"])

    def processes(self):
        self.run("bash", ["bash", *BASH])
        if not find("git"):
            self.tap.skip("git", "not installed")
            return
        repository = self.directory / "repository"
        make_repository(repository)
        self.run("git log", ["git", "-C", repository, "log", "-p", "--stat"])
        self.run("git repack", ["git", "-C", repository, "repack", "-q", "-a", "-d", "-f", "--threads=4"])

    def threaded(self):
        self.run("sort --parallel", ["sort", "--parallel=4", "-S", "8M", "-o", self.directory / "sorted", self.input])
        self.run("zstd -T4", ["zstd", "-q", "-f", "-T4", "-B512K", self.input, "-o", self.directory / "input.zst"])
        self.run("pigz", ["pigz", "-k", "-f", "-p", "4", self.input])

    def other_allocators(self):
        for name, library in (("jemalloc", "libjemalloc.so.2"), ("tcmalloc", "libtcmalloc_minimal.so.4"),
                              ("mimalloc", "libmimalloc.so.2")):
            for program, argv, stdin in (("sqlite3", ["sqlite3", ":memory:"], sql()),
                                         ("python3", ["python3", "-c", PYTHON], b""),
                                         ("sort", ["sort", "--parallel=4", "-S", "8M", "-o", self.directory / "sorted",
                                                   self.input], b"")):
                self.run(f"{program} on {name}", argv, stdin=stdin, behind=[library],
                         environment={"PYTHONMALLOC": "malloc"}, may_be_foreign=True)
            every = self.tracer.build.program("every_function")
            # jemalloc has no pvalloc, so glibc's block crashes it, with us or without.
            plain = execute([every], {"LD_PRELOAD": find(library) or ""})
            self.run(f"every_function on {name}", [every], behind=[library], may_be_foreign=True, status=plain.status)

    def redis(self):
        # One binary under several names; Debian's redis-tools have all but the one that starts a service.
        server, client, benchmark = (find(name) for name in ("redis-check-rdb", "redis-cli", "redis-benchmark"))
        if not server or not client or not benchmark:
            self.tap.skip("redis-server", "not installed")
            return
        directory = self.tracer.new_directory()
        socket = self.directory / "redis.sock"
        argv = ["redis-server", "--port", "0", "--unixsocket", str(socket), "--save", "", "--dir", str(self.directory),
                "--io-threads", "3"]
        with subprocess.Popen(argv, executable=server, env=clean_environment(self.tracer.environment(directory, oracle=True)),
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
            try:
                wait_until(socket.exists)
                bench = execute([benchmark, "-s", str(socket), "-q", "-n", "5000", "-c", "20",
                                 "-t", "set,get,lpush,sadd,hset,zadd,mset"])
                execute([client, "-s", str(socket), "EVAL", "local t = {} for i = 1, 5000 do t[i] = tostring(i) end "
                         "return redis.call('RPUSH', 'l', unpack(t, 1, 1000))", "0"])
                execute([client, "-s", str(socket), "SHUTDOWN", "NOSAVE"])
                output = process.communicate(timeout=60)[0]
            finally:
                process.kill()
        result = Result(process.returncode, output, b"")
        collect(result, directory)
        self.tap.equal((bench.status, result.status), (0, 0), "redis-server: status", output[-2000:])
        # It has libjemalloc.so among its libraries, whose constructors may hand out blocks to it.
        check(self.tap, self.tracer, result, "redis-server", may_be_foreign=True)


ALL = "itself single_threaded compilers processes threaded other_allocators redis".split()


def main():
    with Tap() as tap, Tracer(Build()) as tracer:
        workloads = Workloads(tap, tracer, tracer.new_directory())
        for name in sys.argv[2:] or ALL:
            tap.run(lambda _, method=getattr(workloads, name): method(), name=name)


if __name__ == "__main__":
    main()
