# SPDX-License-Identifier: BSD-2-Clause
"""test_unwind.py -- Every captured stack equals libunwind's own walk of the same stack.

Runs programs under libmemtrace-check.so, in which each capture is walked again by libunwind and
compared frame by frame. Real programs must show no difference and no cut stack; programs made to
be hard for unwinders must show no difference, and are cut only where they are meant to be.

usage: test_unwind.py BUILD-DIRECTORY [--long]     --long: over five million stacks, some minutes"""

import os
import pathlib
import shutil
import struct
import sys
import tempfile

from tap import Tap
from traced import Build, execute

FIGURES = ("stacks", "frames", "different", "cut", "too_deep", "signal_frames", "reference_short",
           "other_site")

# program, whether some stacks must be cut, cut at the depth limit, contain signal frames
FIXTURES = [
    ("exact_lines", False, False, False),
    ("exceptions", False, False, False),
    ("longjmp", False, False, True),
    ("tail_calls", False, False, False),
    ("plt", False, False, False),
    ("assembly", True, False, False),
    ("signals", False, False, None),
    ("coroutines", False, False, False),
    ("dlopen_reuse", False, False, False),
    ("threads", False, False, False),
    ("cross_thread_free", False, False, False),
    ("short_threads", False, False, False),
    ("tls_destructor", False, False, False),
    ("fork_child", False, False, False),
]

PYTHON = """
import json, copy, threading
d = [{"a": i, "b": [str(j) for j in range(20)]} for i in range(%d)]
def work():
    return len(json.dumps(copy.deepcopy(json.loads(json.dumps(d)))))
t = threading.Thread(target=work); t.start(); work(); t.join()
compile("x = [1, 2]\\n" * 500, "a", "exec")
"""

SQL = """create table t(a, b);
with recursive c(x) as (select 1 union all select x + 1 from c where x < %d)
insert into t select x, hex(x) from c;
select count(*) from t x join t y on x.a = y.a;"""

CPP = """#include <algorithm>
#include <iostream>
#include <map>
#include <regex>
#include <vector>
int main(int c, char **v) { std::regex r(v[0]); std::map<std::string, std::vector<int>> m;
  for (int i = 0; i < c; i++) if (std::regex_match(v[i], r)) m[v[i]].push_back(i);
  for (auto &x : m) { std::sort(x.second.begin(), x.second.end()); std::cout << x.first; } }
"""


def real_programs(directory, is_long):
    """(name, argv); the first word must be installed."""
    scale = 10 if is_long else 1
    source = pathlib.Path(__file__).resolve().parent.parent / "preload" / "cfi.c"
    cpp = directory / "heavy.cc"
    cpp.write_text(CPP)
    numbers = directory / "numbers"
    numbers.write_text("\n".join(map(str, range(60000 * scale))))
    python = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else "python3"
    programs = [
        ("sqlite3", ["sqlite3", ":memory:", SQL % (3000 * scale)]),
        ("python3", [python, "-c", PYTHON % (150 * scale)]),
        ("cc1", ["gcc", "-std=gnu11", "-D_GNU_SOURCE", "-ffreestanding", "-O2", "-c", str(source), "-o",
                 f"{directory}/cfi.o"]),
        ("perl", ["perl", "-e", "my %%h; for (1..%d) { $h{$_} = [$_, \"x$_\"] }" % (5000 * scale)]),
        ("emacs", ["emacs", "-Q", "-batch", "--eval", "(dotimes (i 3000) (make-string 1000 ?a))"]),
        ("sort", ["sort", "--parallel=4", "-S", "1M", str(numbers)]),
        ("zstd", ["zstd", "-T4", "-c", str(numbers)]),
        ("pigz", ["pigz", "-p4", "-c", str(numbers)]),
        ("jq", ["jq", "-s", "map(tostring) | length", str(numbers)]),
        ("git", ["git", "--no-pager", "help", "-a"]),
    ]
    if is_long:
        programs.append(("cc1plus", ["g++", "-O1", "-c", str(cpp), "-o", f"{directory}/heavy.o"]))
        programs.append(("clang", ["clang", "-O2", "-c", str(cpp), "-o", f"{directory}/heavy2.o"]))
    return programs


def measure(build, argv, directory, needs_fresh_reference=False):
    """Runs argv under the checking recorder; (status, stderr, figures)."""
    output = directory / "figures"
    output.unlink(missing_ok=True)
    environment = {
        "LD_PRELOAD": str(build.root / "tests" / "check" / "libmemtrace-check.so"),
        "CHECK_OUTPUT": str(output),
        "MEMTRACE_OUTPUT": str(directory / "%n.%p.memtrace"),
        "PYTHONMALLOC": "malloc",
    }
    if needs_fresh_reference:  # libunwind's own cache is wrong once code has been replaced
        environment["CHECK_NO_CACHE"] = "1"
    result = execute(argv, environment, timeout=550, cwd=str(directory))
    values = struct.unpack(f"{len(FIGURES)}Q", output.read_bytes()) if output.exists() else (0,) * len(FIGURES)
    for trace in directory.glob("*.memtrace*"):
        trace.unlink()
    return result.status, result.stderr.decode(errors="replace"), dict(zip(FIGURES, values))


def check_fixture(tap, build, directory, fixture, total):
    name, is_cut, is_deep, has_signals = fixture
    if not os.path.exists(build.program(name)):
        tap.skip(name, "not built")
        return
    status, stderr, figures = measure(build, [build.program(name)], directory, name == "dlopen_reuse")
    total["stacks"] += figures["stacks"]
    tap.ok(status == 0 and figures["stacks"] > 50 and figures["different"] + figures["other_site"] == 0,
           f"{name}: no stack differs from libunwind's", f"status {status}, {figures}\n{stderr[-3000:]}")
    tap.equal((figures["cut"] > 0, figures["too_deep"] > 0), (is_cut, is_deep), f"{name}: cut only where it must be")
    if has_signals is not None:
        tap.equal(figures["signal_frames"] > 0, has_signals, f"{name}: signal frames")


def check_program(tap, build, directory, name, argv, total):
    if not shutil.which(argv[0]):
        tap.skip(name, f"{argv[0]} is not installed")
        return
    status, stderr, figures = measure(build, argv, directory)
    total["stacks"] += figures["stacks"]
    total["frames"] += figures["frames"]
    tap.note(f"{name}: {figures['stacks']} stacks, {figures['frames']} frames")
    tap.ok(status == 0 and figures["stacks"] > 50 and figures["different"] + figures["other_site"] == 0,
           f"{name}: no stack differs from libunwind's", f"status {status}, {figures}\n{stderr[-3000:]}")
    tap.equal((figures["cut"], figures["too_deep"]), (0, 0), f"{name}: every stack is complete")


def main():
    build = Build()
    is_long = "--long" in sys.argv
    total = dict.fromkeys(FIGURES, 0)
    with Tap() as tap, tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        for fixture in FIXTURES:
            check_fixture(tap, build, directory, fixture, total)
        for program, argv in real_programs(directory, is_long):
            check_program(tap, build, directory, program, argv, total)
        tap.note(f"in all {total['stacks']} stacks")


if __name__ == "__main__":
    main()
