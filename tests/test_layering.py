# SPDX-License-Identifier: BSD-2-Clause
"""test_layering.py -- Who may include what, and what each file must say at its top.

The rules of design: two rooms that share one header; includes go one way; nothing of libc's
memory, strings or stdio in preload/; only main.c and cmd_*.c print or exit; each header stands
alone."""

import pathlib
import re
import subprocess
import sys

from tap import Tap

SOURCE = pathlib.Path(__file__).resolve().parent.parent

# preload/: a file may include headers of a lower or of its own level, without cycles.
LEVELS = [
    {"trace_format", "memtrace", "sys", "text", "small_file", "smaps", "lock", "arena", "ranges", "elf_symbols", "filter",
     "stubs", "stack_copy"},
    {"clock", "condition", "options", "sampling", "loader", "real", "operators", "calls", "cfi", "frame_pointer", "rules", "unwind", "unwind_arch", "unwind_x86_64",
     "unwind_aarch64"},
    {"trace_file", "live"},
    {"modules", "callsite"},
    {"thread", "counters", "domain", "pools", "mappings", "heap", "totals", "marks", "history", "rss", "cgroup", "usage", "stacks", "residence", "looks",
     "series", "trigger", "ticker", "sample", "sampler", "sampler_signal", "sampler_ring", "sampler_waits", "sampler_event",
     "sampler_timer", "expiry", "first_period", "on_cpu", "renewal", "cpu_time", "wait", "world", "traceback"},
    {"lifecycle", "interpose", "interpose_process", "interpose_mappings", "interpose_thread", "interpose_signal",
     "interpose_wait", "api"},
]

FORBIDDEN_IN_PRELOAD = {"stdio.h", "stdlib.h", "string.h", "strings.h", "malloc.h", "assert.h", "pthread.h", "ctype.h"}
# The only names in report/ that may print, exit or abort.
PRINTING = re.compile(r"\b(printf|puts|putchar|perror|exit|_exit|abort|err|errx|warnx?)\s*\(|\bfprintf\s*\(\s*(stdout|stderr)\b"
                      r"|\bassert\s*\(")


def files(folder, *suffixes):
    return sorted(path for path in (SOURCE / folder).rglob("*") if path.suffix in suffixes)


def without_comments(text):
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"(?!\s*\n)', lambda match: match.group(0)
                  if match.group(0).startswith('"') else " ", text, flags=re.S)


def includes(path):
    """[(name, is_quoted)]"""
    return [(name, quote == '"') for quote, name in
            re.findall(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', without_comments(path.read_text()), flags=re.M)]


def level_of(stem):
    return next((number for number, names in enumerate(LEVELS) if stem in names), None)


def check_rooms(tap):
    for path in files("report", ".c", ".h"):
        from_preload = [name for name, quoted in includes(path) if "preload" in name or
                        quoted and not (path.parent / name).exists() and (SOURCE / "preload" / pathlib.Path(name).name).exists()]
        tap.equal([name for name in from_preload if not name.endswith("trace_format.h")], [],
                  f"report/{path.name}: of preload/ only trace_format.h")
    format_header = SOURCE / "preload" / "trace_format.h"
    tap.equal(includes(format_header), [("stdint.h", False)], "trace_format.h includes <stdint.h> and nothing else")


def check_preload(tap):
    for path in files("preload", ".c", ".h"):
        names = includes(path)
        tap.equal([name for name, quoted in names if not quoted and name in FORBIDDEN_IN_PRELOAD], [],
                  f"preload/{path.name}: no libc that allocates, prints or can be interposed")
        own = level_of(path.stem)
        if path.name == "memtrace.h":
            continue
        if not tap.ok(own is not None, f"preload/{path.name}: has a level", "add it to LEVELS in test_layering.py"):
            continue
        upward = [name for name, quoted in names if quoted and (level_of(pathlib.Path(name).stem) or 0) > own]
        tap.equal(upward, [], f"preload/{path.name}: includes nothing above itself")


def check_filtered_calls(tap):
    """Every system call of the recorder is one that filter.c asks the program's filters about."""
    used = {name for path in files("preload", ".c", ".h") for name in
            re.findall(r"\bsys\(\s*(__NR_\w+)", without_comments(path.read_text()))} - {"__NR_name"}
    asked = set(re.findall(r"\{(__NR_\w+),", (SOURCE / "preload" / "filter.c").read_text()))
    tap.equal(used - asked, set(), "preload/filter.c: knows every system call of ours")


def check_cycles(tap, folder, suffixes):
    """Nothing needs itself by a detour: in preload/ no module, a .c with its .h; in report/ no header."""
    edges = {}
    for path in files(folder, *suffixes):
        needs = {pathlib.Path(name).stem for name, quoted in includes(path) if quoted}
        edges.setdefault(path.stem, set()).update(needs - {path.stem})
    # A header without a .c, as the one that picks the machine's registers, is part of who includes it.
    modules = {path.stem for path in files(folder, ".c")}
    cycles, done = [], set()

    def visit(name, trail):
        if name in trail:
            cycles.append(trail[trail.index(name):] + [name])
        elif name not in done:
            for next_name in sorted(edges.get(name, set()) & modules):
                visit(next_name, trail + [name])
            done.add(name)

    for name in sorted(modules):
        visit(name, [])
    tap.equal(cycles, [], f"{folder}/: no circles")


def check_report(tap):
    """Only dwarf_*.c know DWARF; only the verbs print and exit."""
    for path in files("report", ".c", ".h"):
        names = [name for name, _ in includes(path)]
        if not path.stem.startswith("dwarf_"):
            tap.equal([name for name in names if name.endswith(("libdwarf.h", "/dwarf.h")) or name == "dwarf.h"], [],
                      f"report/{path.name}: leaves DWARF to dwarf_*.c")
        if path.suffix == ".c" and path.name != "main.c" and not path.name.startswith("cmd_"):
            tap.equal([name for name in names if pathlib.Path(name).name.startswith("cmd_")], [],
                      f"report/{path.name}: includes no verb")
            text = re.sub(r'"(?:\\.|[^"\\\n])*"', '""', without_comments(path.read_text()))
            # A child that has to end itself says so by _exit; it may not by exit.
            found = [match.group(0) for match in PRINTING.finditer(text) if not match.group(0).startswith("_exit")]
            tap.equal(found, [], f"report/{path.name}: neither prints nor exits")


def check_header_alone(tap, path):
    unit = f'#include "{path}"\nextern int not_empty;\n'
    argv = ["cc", "-std=gnu11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-x", "c", "-",
            *(word for folder in ("", "preload", "report", "report/symbols") for word in ("-I", str(SOURCE / folder)))]
    for folder in pathlib.Path("/usr/include").glob("libdwarf*"):
        argv += ["-I", str(folder)]
    result = subprocess.run(argv, input=unit.encode(), stderr=subprocess.PIPE, check=False)
    tap.ok(result.returncode == 0, f"{path.parent.name}/{path.name}: compiles alone", result.stderr.decode())


def check_headers(tap):
    for folder in ("preload", "report"):
        for path in files(folder, ".h"):
            if path.name in ("unwind_x86_64.h", "unwind_aarch64.h"):  # unwind_arch.h picks one
                continue
            check_header_alone(tap, path)


def check_top_lines(tap):
    """Line 1: the licence. Line 2: the file's name and what it is."""
    for folder in ("preload", "report", "tests", "benchmarks"):
        for path in files(folder, ".c", ".h", ".S", ".cpp"):
            lines = path.read_text().splitlines()[:2]
            good = len(lines) == 2 and "SPDX-License-Identifier: BSD-2-Clause" in lines[0] and \
                re.match(rf"/\* {re.escape(path.name)} -- \S", lines[1])
            tap.ok(good, f"{folder}/{path.name}: licence and definition", lines)
        for path in files(folder, ".py"):
            lines = [line for line in path.read_text().splitlines()[:3] if not line.startswith("#!")][:2]
            good = len(lines) == 2 and lines[0] == "# SPDX-License-Identifier: BSD-2-Clause" and \
                lines[1].startswith(f'"""{path.name} -- ')
            tap.ok(good, f"{folder}/{path.name}: licence and definition", lines)


def main():
    with Tap() as tap:
        tap.run(check_rooms)
        tap.run(check_preload)
        tap.run(check_filtered_calls)
        tap.run(check_cycles, "preload", (".c", ".h"), name="cycles in preload")
        tap.run(check_cycles, "report", (".h",), name="cycles in report")
        tap.run(check_report)
        tap.run(check_headers)
        tap.run(check_top_lines)


if __name__ == "__main__":
    if len(sys.argv) > 2:
        sys.exit("usage: test_layering.py [BUILD-DIRECTORY]")
    main()
