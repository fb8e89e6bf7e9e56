# SPDX-License-Identifier: BSD-2-Clause
"""test_cli.py -- Exit statuses and messages of the tool: what a script can rely on."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

from made_trace import MadeTrace
from tap import Tap
from traced import Build, Tracer, clean_environment, execute, wait_until


class Cli:
    """Runs the tool in a directory of its own."""

    def __init__(self, tap, tracer):
        self.tap, self.tracer, self.build = tap, tracer, tracer.build
        self.directory = tracer.new_directory()

    def tool(self, *arguments, **options):
        return execute([str(self.build.tool), *map(str, arguments)], {"NO_COLOR": "1", **options.pop("environment", {})},
                       cwd=options.pop("cwd", self.directory), **options)

    def check(self, name, status, *arguments, says=b""):
        """A refusal: the right status, one line that names us, nothing on stdout."""
        result = self.tool(*arguments)
        self.tap.equal(result.status, status, f"{name}: status", result.stderr)
        lines = result.stderr.splitlines()
        is_one_line = len(lines) == 1 and lines[0].startswith(b"memtrace: ") and says in lines[0]
        self.tap.ok(is_one_line or status == 2 and lines, f"{name}: one line", result.stderr)
        self.tap.equal(result.stdout, b"", f"{name}: nothing on stdout")

    # ---- run ----

    def missing_programs(self):
        self.check("missing program", 127, "run", "--", "./no-such-program")
        self.check("missing program in PATH", 127, "run", "no-such-program-anywhere")
        plain = self.directory / "plain-file"
        plain.write_text("not a program\n")
        self.check("not executable", 126, "run", "--", plain)
        self.check("a directory", 126, "run", "--", self.directory)

    def usage(self):
        self.check("unknown option", 2, "run", "--no-such-option", "true")
        self.check("unknown option of report", 2, "report", "--no-such-option")
        self.check("unknown grouping", 2, "report", "--group-by=nothing")
        self.check("nothing to run", 2, "run")
        self.check("a slip in a verb", 2, "reprot", says=b"did you mean report?")
        self.check("a slip in what is to be explained", 2, "help", "snapshto", says=b"did you mean snapshot?")
        self.check("neither a verb nor like one", 2, "no-such-program-anywhere", says=b"memtrace help")
        self.check("a slip in an option", 2, "report", "--laeks", says=b"--laeks: did you mean --leaks? (see memtrace help report)")
        self.check("a slip in an option of run", 2, "--quite", "true", says=b"did you mean --quiet? (see memtrace help run)")
        self.check("an option cut too short", 2, "run", "--hist", "true", says=b"--history-interval or --history-bytes")
        self.check("a value that is not wanted", 2, "report", "--leaks=all", says=b"--leaks takes no value")
        self.check("a bad value", 2, "run", "--depth=0", "true", says=b"--depth=0, which is: frames kept")
        self.check("a bad value of the same option by its letter", 2, "report", "-n", "few", says=b"--limit=few")
        self.check("a value that is missing", 2, "report", "--limit", says=b"a value is missing after --limit")
        for arguments in (["--help"], ["help"], ["help", "help"], ["help", "completion"], ["help", "run"], ["completion", "--help"],
                          ["run", "--help"], ["report", "--help"], ["--version"]):
            result = self.tool(*arguments)
            self.tap.ok(result.status == 0 and result.stdout and not result.stderr, f"{' '.join(arguments)}: on stdout",
                        result.stderr)

    def statuses(self):
        exits = self.build.program("exits")
        for how, status in (("return", 10), ("exit", 11), ("_exit", 12), ("quick_exit", 13), ("abort", -signal.SIGABRT),
                            ("segv", -signal.SIGSEGV), ("kill", -signal.SIGKILL), ("term", -signal.SIGTERM)):
            for arguments in (["run", "--", exits, how], ["run", exits, how], [exits, how]):
                result = self.tool(*arguments)
                self.tap.equal((result.status, result.stdout), (status, b""),
                               f"{' '.join(map(str, arguments[:-2]))} exits {how}: the program's own status",
                               result.stderr)

    def passes_through(self):
        result = self.tool("run", "--", "/bin/sh", "-c", "cat; echo error >&2; exit 3", stdin=b"some input\n")
        self.tap.equal((result.status, result.stdout), (3, b"some input\n"), "run: stdin and stdout are the program's")
        self.tap.ok(b"error\n" in result.stderr, "run: so is stderr", result.stderr)
        result = self.tool("run", "--", "printf", "%s|", "-n", "--json", "a b")
        self.tap.equal(result.stdout, b"-n|--json|a b|", "run: arguments are the program's")

    def answer(self):
        """The run ends with the answer: the line at the peak, the trace, the next command."""
        result = self.tool("run", "--", self.build.program("exact_lines"))
        text = result.stderr.decode()
        self.tap.ok("exact_lines.c" in text, "run: names a line", text)
        self.tap.ok(".memtrace" in text and "memtrace report" in text, "run: names the trace and the next command", text)
        self.tap.ok(len(text.splitlines()) <= 25, "run: and is short", text)
        traces = list(self.directory.glob("exact_lines.*.memtrace"))
        self.tap.equal(len(traces), 1, "run: one trace, here, named PROG.PID.memtrace")
        self.tap.equal([oct(path.stat().st_mode & 0o777) for path in traces], ["0o600"], "run: for us only")
        newest = self.tool("report", "--json")
        named = self.tool("report", "--json", traces[0])
        self.tap.equal((newest.status, newest.stdout), (0, named.stdout), "report: the newest one here is the default")

    def output_option(self):
        self.directory.joinpath("sub").mkdir()
        result = self.tool("run", "-o", "sub/%n-%p.trace", "--", self.build.program("exact_lines"))
        files = [path.name for path in self.directory.joinpath("sub").iterdir()]
        self.tap.ok(len(files) == 1 and files[0].startswith("exact_lines-") and files[0].endswith(".trace"),
                    "run -o: names the trace", f"{files} {result.stderr}")

    def moved(self):
        """The tool finds its library from the build folder, from elsewhere through a link, and in a copy."""
        link = self.directory / "memtrace-link"
        link.symlink_to(self.build.tool)
        result = execute([str(link), "run", "--", self.build.program("exits")], cwd=self.directory)
        self.tap.equal(result.status, 10, "run through a symbolic link", result.stderr)
        prefix = self.directory / "moved"
        (prefix / "bin").mkdir(parents=True)
        shutil.copy(self.build.tool, prefix / "bin" / "memtrace")
        for folder in ("lib", "lib/x86_64-linux-gnu"):
            (prefix / folder / "memtrace").mkdir(parents=True)
            shutil.copy(self.build.recorder, prefix / folder / "memtrace" / "libmemtrace.so")
        result = execute([str(prefix / "bin" / "memtrace"), "run", "--", self.build.program("exits")], cwd=prefix)
        self.tap.equal(result.status, 10, "run from a moved installation", result.stderr)
        self.tap.equal(len(list(prefix.glob("exits.*.memtrace"))), 1, "run from a moved installation: a trace",
                       result.stderr)

    # ---- bad input ----

    def unreadable_trace(self):
        """As somebody who is not root, which reads everything; with a tool that this one can reach."""
        nobody = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
        with tempfile.TemporaryDirectory() as name:
            place = pathlib.Path(name)
            place.chmod(0o755)
            trace = place / "unreadable.memtrace"
            trace.write_bytes(b"memtrace")
            trace.chmod(0)
            tool = shutil.copy(self.build.tool, place)
            result = subprocess.run([tool, "report", trace], capture_output=True, check=False, cwd="/", **nobody)
            self.tap.equal(result.returncode, 1, "unreadable trace: status", result.stderr)
            self.tap.ok(len(result.stderr.splitlines()) == 1 and b"ermission denied" in result.stderr,
                        "unreadable trace: one line", result.stderr)

    def bad_traces(self):
        empty, text, directory = (self.directory / name for name in ("empty.memtrace", "text.memtrace", "d.memtrace"))
        empty.write_bytes(b"")
        text.write_text("certainly not a trace\n" * 1000)
        directory.mkdir()
        self.check("missing trace", 1, "report", self.directory / "missing.memtrace")
        self.check("empty trace", 1, "report", empty)
        self.check("foreign trace", 1, "report", text)
        self.check("a directory as trace", 1, "report", directory)
        self.check("a device as trace", 1, "report", "/dev/null")
        self.unreadable_trace()

    def altered_traces(self):
        good = self.tracer.run([self.build.program("exact_lines")]).trace
        for name, offset, data in (("newer", 8, b"\xff\0\0\0"), ("byte order", 12, b"\1\2\3\4"),
                                   ("architecture", 20, b"\x08\0\0\0")):
            path = self.directory / f"{name.replace(' ', '-')}.memtrace"
            content = bytearray(good.data)
            content[offset:offset + len(data)] = data
            path.write_bytes(content)
            result = self.tool("report", path)
            if name == "architecture":  # symbols cannot be had, but nothing may break
                self.tap.ok(result.status in (0, 1), "report of another architecture: status", result.stderr)
            else:
                self.tap.equal(result.status, 1, f"report of another {name}: status", result.stderr)
                self.tap.equal(len(result.stderr.splitlines()), 1, f"report of another {name}: one line", result.stderr)

    def unwritable(self):
        """A pipe that nobody reads, a full device."""
        trace = self.tracer.run([self.build.program("exact_lines")]).trace
        with open("/dev/full", "wb") as full:
            process = subprocess.run([str(self.build.tool), "report", str(trace.path)], stdout=full,
                                     stderr=subprocess.PIPE, check=False)
        self.tap.ok(process.returncode == 1, "report to a full device: status", process)

    def blind(self):
        """What cannot be seen into runs all the same, with one line that says so."""
        source = self.directory / "static.c"
        source.write_text("#include <stdlib.h>\nint main(void) { free(malloc(1)); return 21; }\n")
        static = self.directory / "static"
        if execute(["cc", "-static", "-o", str(static), str(source)]).status != 0:
            self.tap.skip("static program", "no static libc")
        else:
            result = self.tool("run", "--", static)
            self.tap.equal(result.status, 21, "static program: runs all the same", result.stderr)
            self.tap.ok(b"memtrace: " in result.stderr and b"static" in result.stderr, "static program: says so",
                        result.stderr)
        script = self.directory / "script"
        script.write_text("#!/bin/sh\nexit 23\n")
        script.chmod(0o755)
        self.tap.equal(self.tool("run", "--", script).status, 23, "script: its own status")
        sanitized = self.directory / "sanitized"
        if execute(["cc", "-fsanitize=address", "-o", str(sanitized), str(source)]).status != 0:
            self.tap.skip("sanitizer build", "no libasan")
        else:
            result = self.tool("run", "--", sanitized)
            self.tap.equal(result.status, 21, "sanitizer build: runs all the same", result.stderr)
            self.tap.ok(b"memtrace: " in result.stderr and b"anitize" in result.stderr, "sanitizer build: says so",
                        result.stderr)

    def blind_to(self, name, program, status, says, *arguments):
        """A program that cannot be seen into: its own status, and our first line is the reason."""
        result = self.tool("run", "--", program, *arguments)
        self.tap.equal((result.status, result.stdout), (status, b""), f"{name}: runs all the same", result.stderr)
        lines = [line for line in result.stderr.splitlines() if line.startswith(b"memtrace: ")]
        self.tap.ok(lines and says in lines[0].lower(), f"{name}: one line says why", result.stderr)

    def own_allocator(self):
        source, program = self.directory / "own.c", self.directory / "own"
        source.write_text("#include <stddef.h>\nstatic char pool[1 << 20]; static size_t used;\n"
                          "void *malloc(size_t n) { void *p = pool + used; used += (n + 15) & ~(size_t)15; return p; }\n"
                          "void free(void *p) { (void)p; }\n"
                          "int main(void) { for (int i = 0; i < 100; i++) free(malloc(10)); return 24; }\n")
        if execute(["cc", "-O0", "-fno-builtin", "-o", str(program), str(source)]).status != 0:
            self.tap.skip("own allocator", "no compiler")
            return
        self.blind_to("own allocator", program, 24, b"malloc")

    def setuid(self):
        program = self.directory / "setuid"
        shutil.copy(self.build.program("exits"), program)
        if os.geteuid() != 0:
            self.tap.skip("setuid program", "only root can make one that changes who we are")
            return
        os.chown(program, 65534, -1)
        program.chmod(0o4755)
        self.blind_to("setuid program", program, 10, b"setuid")

    def other_machine(self):
        """An ELF file for a machine that is surely not this one."""
        program = self.directory / "foreign"
        content = bytearray(pathlib.Path(self.build.program("exits")).read_bytes())
        content[18:20] = b"\x16\0"  # e_machine: S/390
        program.write_bytes(content)
        program.chmod(0o755)
        result = self.tool("run", "--", program)
        self.tap.equal(result.status, 126, "another machine's program: cannot be executed", result.stderr)
        lines = result.stderr.splitlines()
        self.tap.ok(lines and all(line.startswith(b"memtrace: ") for line in lines),
                    "another machine's program: nothing but our own lines", result.stderr)

    def running(self):
        """A running program's trace can be reported on, by its file and by its pid."""
        directory = self.tracer.new_directory()
        account = directory / "account"
        environment = clean_environment({"LD_PRELOAD": str(self.build.recorder)})
        with subprocess.Popen([self.build.program("kill_me"), str(account), "2"], env=environment, cwd=directory) as process:
            try:
                wait_until(lambda: list(directory.glob("*.memtrace")) and account.exists() and account.stat().st_size and
                           any(account.read_bytes()))
                counts = []
                for target in (str(process.pid), str(next(directory.glob("*.memtrace"))), str(process.pid)):
                    result = self.tool("report", "--json", target, cwd=directory)
                    self.tap.equal(result.status, 0, "report of a running program: status", result.stderr)
                    report = json.loads(result.stdout)
                    counts.append(report["totals"]["alloc_count"])
                    self.tap.equal(report["pid"], process.pid, "report of a running program: which one")
                self.tap.ok(0 < counts[0] <= counts[1] <= counts[2], "report of a running program: it grows", counts)
            finally:
                process.kill()

    def moments(self):
        """TRACE@MOMENT, exact to the byte; a file whose name has an @ is a file."""
        made = MadeTrace()
        demo = made.module("/nonexistent/demo")
        inner = made.node(made.node(0, demo, 0x1000), demo, 0x1100)
        site = made.counters(inner, 10, 1000, 4, 400, peak_bytes=700, peak_count=7, peak_epoch=7)
        made.mark("MARK_PHASE_BEGIN", "load", 5)
        mark = made.mark("MARK_SNAPSHOT", "50s", 20, live_bytes=500)
        made.tick(10, {site: (2, 200, 1, 100)})
        made.tick(20, {site: (4, 400, 0, 0)}, mark)
        made.tick(40, {site: (1, 100, 2, 200)})
        trace = made.write(self.directory / "made.memtrace")
        for moment, live, total in (("", 600, 1000), ("@end", 600, 1000), ("@now", 600, 1000), ("@2h", 600, 1000),
                                    ("@start", 0, 0), ("@9", 0, 0), ("@10s", 100, 200), ("@15", 100, 200),
                                    ("@25s", 500, 600), ("@-80s", 500, 600), ("@50s", 400, 700), ("@'50s'", 500, 600),
                                    ("@load", 0, 0), ("@peak", 700, None)):
            result = self.tool("report", "--json", f"made.memtrace{moment}")
            totals = json.loads(result.stdout)["totals"] if result.status == 0 else result.stderr
            got = (totals["live_bytes"], totals.get("alloc_bytes"), "peak_bytes" in totals) if result.status == 0 else totals
            self.tap.equal(got, (live, total, moment in ("", "@end", "@now", "@2h")), f"report TRACE{moment}: totals")
        self.tap.ok(b"as of snapshot '50s', 20.00 s after the start" in self.tool("report", "made.memtrace@25").stdout,
                    "report TRACE@25: says which tick")
        self.tap.equal(self.tool("report", "--json", "@10").stdout, self.tool("report", "--json", "made.memtrace@10").stdout,
                       "report @10: of the newest trace here")
        shutil.copy(trace, self.directory / "odd@10s")
        self.tap.equal(json.loads(self.tool("report", "--json", "odd@10s").stdout)["totals"]["live_bytes"], 600,
                       "report odd@10s: a file of that name wins")
        self.tap.equal(json.loads(self.tool("report", "--json", "odd@10s@10s").stdout)["totals"]["live_bytes"], 100,
                       "report odd@10s@10s: and has moments")
        marks = json.loads(self.tool("report", "--marks", "--json", "made.memtrace").stdout)
        self.tap.equal([(mark["name"], mark["kind"], mark["time_ns"]) for mark in marks["marks"]],
                       [("load", "phase begin", 5 * 10**9), ("50s", "snapshot", 20 * 10**9)], "report --marks: what has a name")
        self.tap.equal(marks["history"]["ticks"], 3, "report --marks: and how many ticks")
        self.check("no such moment", 1, "report", "made.memtrace@nobody", says=b"nobody")
        self.check("an empty moment", 1, "report", "made.memtrace@", says=b"missing")
        self.check("the peak of a moment", 2, "report", "-s", "peak", "made.memtrace@10")
        self.check("threads of a moment", 2, "report", "-g", "thread", "made.memtrace@10")
        self.check("totals at the peak", 2, "report", "-s", "total", "made.memtrace@peak")

    def domains(self):
        """Figures of the heap, of pools and of mappings are told apart, at one call site too."""
        made = MadeTrace()
        demo = made.module("/nonexistent/demo")
        caller = made.node(0, demo, 0x1000)
        both = made.node(caller, demo, 0x1100)
        slab = made.node(made.node(caller, demo, 0x1200), demo, 0x1300)
        heap = made.counters(both, 10, 1000, 4, 400, peak_bytes=700, peak_count=7, peak_epoch=7)
        same = made.counters(both, 3, 33, 1, 11, domain="DOMAIN_POOL", peak_bytes=11, peak_count=1, peak_epoch=7)
        pool = made.counters(slab, 100, 1600, 60, 960, domain="DOMAIN_POOL", temporary_count=5, peak_bytes=640,
                             peak_count=40, peak_epoch=7)
        mapped = made.counters(caller, 2, 8192, 1, 4096, domain="DOMAIN_MAPPED", peak_bytes=0, peak_count=0, peak_epoch=7)
        made.tick(10, {heap: (2, 200, 1, 100), same: (1, 11, 0, 0), pool: (50, 800, 20, 320), mapped: (1, 4096, 0, 0)})
        made.write(self.directory / "domains.memtrace")
        live = {"heap": (6, 600), "pool": (42, 662), "mapped": (1, 4096)}
        at_ten = {"heap": 100, "pool": 491, "mapped": 4096}
        for domain, (count, size) in live.items():
            report = json.loads(self.tool("report", "--json", f"--domain={domain}", "domains.memtrace").stdout)
            totals = report["totals"]
            self.tap.equal((report["domain"], totals["live_count"], totals["live_bytes"]), (domain, count, size),
                           f"--domain={domain}: totals")
            self.tap.equal(sum(entry["live_bytes"] for entry in report["statistics"]), size, f"--domain={domain}: lines")
            self.tap.equal({name: (other["live_count"], other["live_bytes"]) for name, other in report["other_domains"].items()},
                           {name: other for name, other in live.items() if name != domain}, f"--domain={domain}: the others")
            self.tap.equal("calls" in totals, domain == "heap", f"--domain={domain}: calls are the heap's")
            earlier = json.loads(self.tool("report", "--json", f"--domain={domain}", "domains.memtrace@10").stdout)
            self.tap.equal(earlier["totals"]["live_bytes"], at_ten[domain], f"--domain={domain}: at a moment")
        self.tap.equal(self.tool("report", "--json", "domains.memtrace").stdout,
                       self.tool("report", "--json", "--domain=heap", "domains.memtrace").stdout, "the heap by default")
        charged = {entry["offset"]: entry for entry in
                   json.loads(self.tool("report", "--json", "--domain=pool", "domains.memtrace").stdout)["statistics"]}
        self.tap.equal(sorted(charged), [0x1000, 0x1200], "a pool's own function is not charged, but who called it")
        system = json.loads(self.tool("report", "--json", "--domain=pool", "--system", "domains.memtrace").stdout)
        self.tap.equal(sorted(entry["offset"] for entry in system["statistics"]), [0x1100, 0x1300], "unless --system asks for it")
        text = self.tool("report", "domains.memtrace").stdout
        self.tap.ok(b"pools    662 B      in 42 blocks, counted apart: memtrace report --domain=pool" in text and
                    b"mapped   4096 B     in 1 block, counted apart: memtrace report --domain=mapped" in text,
                    "a line says what else there is", text)
        self.check("no such domain", 2, "report", "--domain=stack", "domains.memtrace", says=b"stack")
        self.check("threads of a pool", 2, "report", "--domain=pool", "-g", "thread", "domains.memtrace")

    def unknown_variable(self):
        """An unknown MEMTRACE_ option warns once."""
        result = self.tracer.run([self.build.program("exact_lines")], environment={"MEMTRACE_NO_SUCH_OPTION": "1"})
        lines = result.stderr.splitlines()
        self.tap.ok(result.status == 0 and len(lines) == 1 and lines[0].startswith(b"memtrace: ") and
                    b"MEMTRACE_NO_SUCH_OPTION" in lines[0], "unknown MEMTRACE_ variable: one warning", result.stderr)
        self.tap.ok(result.traces, "unknown MEMTRACE_ variable: recorded all the same")


ALL = ("missing_programs usage statuses passes_through answer output_option moved bad_traces altered_traces unwritable "
       "blind own_allocator setuid other_machine running moments domains unknown_variable").split()


def main():
    with Tap() as tap, Tracer(Build()) as tracer:
        for name in ALL:
            cli = Cli(tap, tracer)
            tap.run(lambda _, method=getattr(cli, name): method(), name=name)
        tap.equal([path for path in pathlib.Path(tracer.directory).rglob("core*")], [], "no core files")


if __name__ == "__main__":
    main()
