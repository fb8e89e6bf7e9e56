# SPDX-License-Identifier: BSD-2-Clause
"""test_same_behaviour.py -- The programs do the same with and without the recorder.

Same output, same status or signal, nothing on stderr, and no file but traces."""

import os

from tap import Tap
from traced import Build, Tracer, execute

RUNS = [
    ["assembly"], ["closed_descriptors"], ["constructors"], ["coroutines"], ["cross_thread_free"],
    ["deep_recursion"], ["deepbind"], ["dlopen_reuse"], ["every_function"], ["exact_lines"], ["exceptions"],
    ["exec_chain", "4"],
    *(["exits", how] for how in ("exit", "_exit", "quick_exit", "exit_group", "abort", "segv", "trap", "kill", "term",
                                 "stack_overflow", "double_free", "pthread_exit", "return")),
    *(["fork_child", how] for how in ("nothing", "little", "lot", "grandchildren", "raw_clone")),
    ["fork_threaded"], ["longjmp"], ["peak_events", "3", "20000"], ["peak_threads"], ["plt"], ["realloc_race"], ["same_pid"],
    ["short_threads"], ["signals"], ["signals", "altstack"], ["tail_calls"], ["temporary"], ["thousand_lines"],
    ["threads"], ["tls_destructor"], ["vfork_exec"],
]

# Ways in which a preloaded library must fail without anyone noticing but for one line.
NO_TRACE = {
    "a directory that does not exist": {"MEMTRACE_OUTPUT": "/nonexistent/%n.%p.memtrace"},
    "a file where a directory should be": {"MEMTRACE_OUTPUT": "/dev/null/%n.%p.memtrace"},
    "/proc": {"MEMTRACE_OUTPUT": "/proc/%p.memtrace"},
}


def compare(tap, tracer, arguments):
    name = " ".join(arguments)
    program = tracer.build.program(arguments[0])
    if not os.path.exists(program):
        tap.skip(name, "not built")
        return
    plain = execute([program, *arguments[1:]])
    traced = tracer.run([program, *arguments[1:]])
    tap.equal((traced.status, traced.stdout, traced.stderr), (plain.status, plain.stdout, plain.stderr), name)
    tap.equal(traced.litter, [], f"{name}: no litter")
    tap.ok(traced.traces, f"{name}: left a trace")


def compare_without_trace(tap, tracer, why, environment):
    program = [tracer.build.program("every_function")]
    plain, traced = execute(program), tracer.run(program, environment=environment)
    tap.equal((traced.status, traced.stdout), (plain.status, plain.stdout), f"{why}: the program does not notice")
    lines = traced.stderr.splitlines()
    tap.ok(len(lines) == 1 and lines[0].startswith(b"memtrace:"), f"{why}: one line says so", traced.stderr)


def do_not_follow_links(tap, tracer):
    """A link planted at the trace's path is left alone, and so is the file it leads to."""
    directory = tracer.new_directory()
    victim, link = directory / "victim", directory / "planted.memtrace"
    victim.write_text("precious\n")
    link.symlink_to(victim)
    result = tracer.run([tracer.build.program("exact_lines")], environment={"MEMTRACE_OUTPUT": str(link)})
    tap.equal((result.status, victim.read_text()), (0, "precious\n"), "a planted link is not followed")
    files = [path for path in directory.iterdir() if path not in (victim, link)]
    tap.equal([oct(path.stat().st_mode & 0o777) for path in files], ["0o600"] * len(files), "traces are for us only")


def compare_under_tunables(tap, tracer):
    """glibc's own checks on: they would find a recorder that touches the blocks."""
    for tunables in ("glibc.malloc.check=3", "glibc.malloc.perturb=85", "glibc.malloc.tcache_count=0"):
        for name in ("every_function", "exact_lines", "threads"):
            traced = tracer.run([tracer.build.program(name)], environment={"GLIBC_TUNABLES": tunables})
            plain = execute([tracer.build.program(name)], {"GLIBC_TUNABLES": tunables})
            tap.equal((traced.status, traced.stdout, traced.stderr), (plain.status, plain.stdout, plain.stderr),
                      f"{name} with {tunables}")


def main():
    with Tap() as tap, Tracer(Build()) as tracer:
        for arguments in RUNS:
            tap.run(compare, tracer, arguments, name=" ".join(arguments))
        for why, environment in NO_TRACE.items():
            tap.run(compare_without_trace, tracer, why, environment)
        tap.run(do_not_follow_links, tracer)
        tap.run(compare_under_tunables, tracer)


if __name__ == "__main__":
    main()
