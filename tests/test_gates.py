# SPDX-License-Identifier: BSD-2-Clause
"""test_gates.py -- Limits that fail a run, and suppressions, which LeakSanitizer must understand alike.

usage: test_gates.py BUILD-DIRECTORY"""

import json
import os
import pathlib
import re
import subprocess

from tap import Tap
from traced import Build, Tracer, execute

# Each a file of suppressions. None may match "malloc", "calloc" or the sanitizer's own library,
# whose frames LeakSanitizer sees and the recorder does not.
SUPPRESSIONS = [
    "leak:leak_directly", "leak:^leak$", "leak:leak$", "leak:^leak", "leak:leak_*_another", "leak:through*$",
    "leak:leak_inlined", "leak:callback", "leak:compare_and_leak\nleak:leak_directly", "leak:qsort", "leak:^main$", "leak:^main",
    "leak:library_makes", "leak:library_makes$", "leak:^library_makes_by", "leak:libleaks_library", "leak:libleaks_library.so$",
    "leak:libleaks*so", "leak:leaks_library.c", "leak:leaks.c", "leak:leaks.c$", "leak:^leaks.c", "leak:programs/leaks*.c",
    "leak:nothing_like_it", "leak:LEAK", "# leak:leak\n", "\n\n  leak:leak_directly  \n", "leak:^leak_directly$\nleak:^library_makes$",
    "leak:library_makes\nleak:leak_directly", "leak:leak_directly\nleak:library_makes", "leak:*directly", "leak:directly*",
    "leak:l*k*y$", "leak:_start", "leak:libc.so", "leak:^libc", "leak:strdup",
]


def parse_lsan(text):
    """{pattern: (count, bytes)}, and what is left (bytes, blocks)."""
    used = {}
    for count, size, pattern in re.findall(r"^ *(\d+) +(\d+) (\S+)$", text, flags=re.M):
        used[pattern] = (int(count), int(size))
    left = re.search(r"SUMMARY: \w+Sanitizer: (\d+) byte\(s\) leaked in (\d+) allocation", text)
    return used, (int(left[1]), int(left[2])) if left else (0, 0)


class Leaky:
    """The leaking program, as it is and with LeakSanitizer."""

    def __init__(self, tracer):
        self.tracer, self.build = tracer, tracer.build
        self.directory = tracer.new_directory()
        self.sources = tracer.build.source / "tests" / "programs"

    def compile(self, folder, *options):
        place = self.directory / folder
        place.mkdir()
        flags = ["-g", "-O0", "-fno-builtin", "-fno-omit-frame-pointer", *options]
        library, program = place / "libleaks_library.so", place / "leaks"
        for argv in (["cc", *flags, "-shared", "-fPIC", "-o", library, self.sources / "leaks_library.c"],
                     ["cc", *flags, "-o", program, self.sources / "leaks.c", library, f"-Wl,-rpath,{place}"]):
            if subprocess.run(argv, stderr=subprocess.DEVNULL, check=False).returncode != 0:
                return None
        return program

    def lsan(self, program, suppressions=None):
        options = "fast_unwind_on_malloc=0" + (f":suppressions={suppressions}" if suppressions else "")
        result = execute([str(program)], {"LSAN_OPTIONS": options})
        return parse_lsan(result.stderr.decode()), result

    def ours(self, trace, suppressions):
        report = self.tracer.report(trace, "--leaks", f"--suppressions={suppressions}")
        used = {entry["pattern"]: (entry["live_count"], entry["live_bytes"]) for entry in report.get("suppressions", [])}
        left = (sum(entry["live_bytes"] for entry in report["statistics"]),
                sum(entry["live_count"] for entry in report["statistics"]))
        return used, left


def check_against_lsan(tap, tracer):
    leaky = Leaky(tracer)
    plain, sanitized = leaky.compile("plain"), leaky.compile("lsan", "-fsanitize=leak")
    if not sanitized:
        tap.skip("LeakSanitizer", "cannot be built with")
        return
    (used, all_left), result = leaky.lsan(sanitized)
    if all_left == (0, 0):
        tap.skip("LeakSanitizer", f"does not work here: {result.stderr[-300:]!r}")
        return
    trace = tracer.run([str(plain)]).trace
    everything = tracer.report(trace, "--leaks")
    tap.equal((everything["totals"]["live_bytes"], everything["totals"]["live_count"]), all_left,
              "LeakSanitizer finds what is live at exit", result.stderr)
    for number, text in enumerate(SUPPRESSIONS):
        path = leaky.directory / f"suppressions.{number}"
        path.write_text(text)
        expected, result = leaky.lsan(sanitized, path)
        tap.equal(leaky.ours(trace, path), expected, f"as LeakSanitizer: {text!r}", result.stderr[-300:].decode())


# ---- check ----

class Checker:
    """Traces to be checked, in a directory of its own."""

    def __init__(self, tap, tracer):
        self.tap, self.tracer, self.build = tap, tracer, tracer.build
        self.directory = tracer.new_directory()

    def tool(self, *arguments, environment=None, **options):
        return execute([str(self.build.tool), *map(str, arguments)], {"NO_COLOR": "1", **(environment or {})},
                       cwd=self.directory, **options)

    def check(self, name, status, *arguments, says=(), **options):
        result = self.tool("check", *arguments, **options)
        text = (result.stdout + result.stderr).decode()
        self.tap.ok(result.status == status and all(words in text for words in says), name, f"status {result.status}\n{text}")
        return text

    def write(self, name, text):
        path = self.directory / name
        path.write_text(text)
        return path


def tag_line(build, program, tag):
    source = build.source / "tests" / "programs" / f"{program}.c"
    return next(number for number, line in enumerate(source.read_text().splitlines(), 1) if f"@{tag} " in line)


def check_limits(checker):
    """Exactly at the limit is within it."""
    trace = checker.tracer.run([checker.build.program("leaks")]).trace
    totals = checker.tracer.report(trace)["totals"]
    peak, live, blocks, allocs = (totals[key] for key in ("peak_bytes", "live_bytes", "live_count", "alloc_count"))
    path, line = trace.path, f"leaks.c:{tag_line(checker.build, 'leaks', 'leak')}"
    checker.check("the peak at its limit", 0, f"--max-peak={peak}", path, says=["ok"])
    checker.check("one byte more", 1, f"--max-peak={peak - 1}", path, says=["failed", line, f"(pid {trace.pid})"])
    checker.check("what is left at its limit", 0, path, f"--max-live={live}B", says=["ok"])
    checker.check("one byte more is left", 1, path, f"--max-live={live - 1}", says=["failed", line, f"in {blocks} blocks"])
    checker.check("allocations at their limit", 0, path, f"--max-allocs={allocs}")
    checker.check("one allocation more", 1, path, f"--max-allocs={allocs - 1}", says=["failed", line])
    text = checker.check("one of three", 1, path, "--max-peak=1G", "--max-live=0", f"--max-allocs={allocs}")
    checker.tap.equal([word.split()[0] for word in text.splitlines() if word[0] != " "], ["ok", "failed", "ok"], "says which")
    checker.check("by function", 0, path, "--filter=function:leak_inlined", "--max-live=77", "--max-allocs=1")
    checker.check("by function, too much", 1, path, "--filter=function:leak_inlined", "--max-live=76", says=["failed"])
    checker.check("by line", 0, path, f"--filter=file:{line}", "--all-frames", f"--max-live={live - 77}")
    checker.check("without it", 0, path, f"--exclude=file:{line}", f"--max-live={live}")


def check_json(checker):
    trace = checker.tracer.run([checker.build.program("leaks")]).trace
    result = checker.tool("check", "--json", "--max-live=0", "--max-peak=1M", trace.path, trace.path)
    content = json.loads(result.stdout)
    totals = checker.tracer.report(trace)["totals"]
    checker.tap.equal((result.status, len(content), [entry["passed"] for entry in content]), (1, 2, [False, False]),
                      "json: an entry for each trace")
    gates = {gate["gate"]: gate for gate in content[0]["gates"]}
    checker.tap.equal((gates["max-peak"]["passed"], gates["max-peak"]["limit"]), (True, 1 << 20), "json: a gate that was passed")
    live = gates["max-live"]
    checker.tap.equal((live["passed"], live["value"], live["count"]), (False, totals["live_bytes"], totals["live_count"]),
                      "json: a gate that was not")
    checker.tap.equal(sum(line["size"] for line in live["statistics"]), totals["live_bytes"], "json: and its lines")


def check_empty_blocks(checker):
    source = checker.write("empty.c", "#include <stdlib.h>\nvoid *volatile p;\nint main(void) { p = malloc(0); return 0; }\n")
    program = checker.directory / "empty"
    subprocess.run(["cc", "-g", "-O0", "-fno-builtin", "-o", program, source], check=True)
    trace = checker.tracer.run([str(program)]).trace
    checker.check("no block may be left, not even an empty one", 1, "--max-live=0", trace.path, says=["left 0 B in 1 block", "empty.c:3"])
    checker.check("it is no byte", 0, "--max-live=1", trace.path)


def check_suppressed(checker):
    trace = checker.tracer.run([checker.build.program("leaks")]).trace
    path = checker.write("all", "leak:main\n")
    text = checker.check("what is suppressed may be left", 0, "--max-live=0", f"--suppressions={path}", trace.path)
    totals = checker.tracer.report(trace)["totals"]
    checker.tap.ok("Suppressions used:\n  count      bytes template\n"
                   f"{totals['live_count']:7} {totals['live_bytes']:10} main\n" in text, "and is told", text)
    checker.check("by the variable", 0, "--max-live=0", trace.path, environment={"MEMTRACE_SUPPRESSIONS": str(path)})
    checker.check("suppressions are of leaks alone", 1, "--max-peak=1", f"--suppressions={path}", trace.path)
    some = checker.write("some", "leak:leak_directly\n")
    checker.check("the others are not", 1, "--max-live=0", f"--suppressions={some}", trace.path, says=["failed"])
    result = checker.tool("report", "--leaks", f"--suppressions={some}", trace.path).stdout.decode()
    checker.tap.ok("leak_directly" in result and "in leak_directly" not in result and "Suppressions used" in result,
                   "report --leaks leaves them out", result)
    checker.check("a bad file", 1, "--max-live=0", f"--suppressions={checker.write('bad', 'fun:x')}", trace.path, says=["bad:1: neither"])
    checker.check("no file", 1, "--max-live=0", "--suppressions=missing", trace.path, says=["missing: No such file"])


def check_misuse(checker):
    trace = checker.tracer.run([checker.build.program("leaks")]).trace
    checker.check("no limit", 2, trace.path, says=["no limit"])
    for option in ("--max-peak=x", "--max-peak=-1", "--max-peak=1X", "--max-live=", "--max-allocs=1M", "--max-allocs=1.5", "--filter=foo:"):
        checker.check(f"{option} is no limit", 2, option, trace.path)
    checker.check("no such trace", 1, "--max-live=0", "missing", says=["missing: No such file"])
    checker.check("one bad trace of two", 1, "--max-live=1G", "missing", trace.path, says=["ok", "missing"])
    checker.check("the peak, turned back", 1, "--max-peak=1G", f"{trace.path}@peak", says=["only what was live"])
    checker.check("what was live at the peak", 0, "--max-live=1G", f"{trace.path}@peak", says=["ok"])


# ---- run ----

PROGRAM = """
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
static void *volatile lost;
static void leak(void)
{
    lost = malloc(1000); /* leak */
    lost = NULL;
}
int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    free(malloc(100000)); /* peak */
    if (strstr(what, "leak"))
        leak();
    if (strstr(what, "print"))
        printf("printed\\n");
    if (strstr(what, "fork") && fork() == 0) {
        for (int i = 0; i < 20000; i++)
            free(malloc(10));
        leak();
        exit(0);
    }
    while (wait(NULL) > 0)
        ;
    if (strstr(what, "exec")) {
        leak();
        execl(argv[0], argv[0], "", NULL);
    }
    if (strstr(what, "fail"))
        return 9;
    if (strstr(what, "kill"))
        raise(SIGTERM);
    return 0;
}
"""


class Runner(Checker):
    """memtrace run with limits."""

    def __init__(self, tap, tracer):
        super().__init__(tap, tracer)
        self.source = self.write("program.c", PROGRAM)
        self.program = self.compile("program")

    def compile(self, name, *options):
        program = self.directory / name
        done = subprocess.run(["cc", "-g", "-O0", "-fno-builtin", *options, "-o", program, self.source],
                              stderr=subprocess.DEVNULL, check=False)
        return program if done.returncode == 0 else None

    def line(self, tag):
        return next(number for number, line in enumerate(self.source.read_text().splitlines(), 1) if f"/* {tag} */" in line)

    def run(self, name, status, what, *options, says=(), silent=False, program=None):
        result = self.tool("run", *options, "--", program or self.program, what)
        text = result.stderr.decode()
        self.tap.ok(result.status == status and all(words in text for words in says) and (not silent or not text), name,
                    f"status {result.status}\n{text}")
        return text


def check_run(runner):
    runner.run("limits that are kept", 0, "", "--max-peak=1M", "--max-live=0", "--max-allocs=100", says=["ok", "limit 1024 KiB"])
    runner.run("and nothing said", 0, "", "-q", "--max-peak=1M", "--max-live=0", silent=True)
    runner.run("a peak", 1, "", "-q", "--max-peak=99999", says=["failed", "97.7 KiB", f"program.c:{runner.line('peak')}"])
    runner.run("a leak", 1, "leak", "-q", "--max-live=0", says=["failed", "left 1000 B in 1 block", f"program.c:{runner.line('leak')}"])
    runner.run("within the limit", 0, "leak", "-q", "--max-live=1000", silent=True)
    runner.run("allocations", 1, "", "-q", "--max-allocs=0", says=["failed", ": 1 allocation,"])
    runner.run("the program's status wins", 9, "leak fail", "-q", "--max-live=0", says=["failed"])
    runner.run("so does its signal", -15, "leak kill", "-q", "--max-live=0", says=["failed"])
    runner.run("what stdio keeps is nobody's", 0, "print", "--max-live=0", says=["Suppressions used", "IO_file_doallocate"])
    suppressions = runner.write("suppressions", "leak:^leak$\n")
    runner.run("what is suppressed may be left", 0, "leak", f"--suppressions={suppressions}", "--max-live=0",
               says=["ok", "Suppressions used", "^leak$"])
    runner.run("a bad file, before anything is run", 125, "leak", "--suppressions=missing", "--max-live=0", says=["missing: No such file"])
    runner.run("suppressions without a limit", 2, "leak", f"--suppressions={suppressions}", says=["--max-live"])
    runner.run("a bad limit", 2, "", "--max-peak=much", says=["bad value"])


def check_families(runner):
    text = runner.run("a child that leaks", 1, "fork", "-q", "--max-live=0", says=["failed", "left 1000 B in 1 block"])
    child = re.search(r"\(pid (\d+)\)", text)
    own = json.loads(runner.tool("list", "--json").stdout)
    parents = {entry["pid"] for entry in own} - {int(child[1])}
    runner.tap.ok(len(text.splitlines()) == 2 and len(parents) >= 1, "is named, and its parent is not", text)
    runner.run("both keep it", 0, "fork", "--max-live=1000", says=["ok     all 2 processes"])
    runner.run("what it left before it became another program is gone", 0, "exec", "-q", "--max-live=0", silent=True)
    runner.run("its peak counts", 1, "exec", "-q", "--max-peak=100", says=["failed"])


def check_blind(runner):
    static = runner.compile("static", "-static")
    if not static:
        runner.tap.skip("a static program", "no static libc")
        return
    runner.run("what cannot be recorded has passed no limit", 1, "", "-q", "--max-peak=1G", program=static,
               says=["limits cannot be checked"])
    runner.run("but its own status wins", 9, "fail", "-q", "--max-peak=1G", program=static, says=["limits cannot be checked"])


def main():
    os.environ.pop("MEMTRACE_SUPPRESSIONS", None)
    with Tap() as tap, Tracer(Build()) as tracer:
        for check in (check_limits, check_json, check_empty_blocks, check_suppressed, check_misuse):
            tap.run(lambda _, check=check: check(Checker(tap, tracer)), name=check.__name__)
        for check in (check_run, check_families, check_blind):
            tap.run(lambda _, check=check: check(Runner(tap, tracer)), name=check.__name__)
        tap.run(check_against_lsan, tracer)


if __name__ == "__main__":
    main()
