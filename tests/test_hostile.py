# SPDX-License-Identifier: BSD-2-Clause
"""test_hostile.py -- Programs that are hard to record, plain and traced, in every configuration.

usage: test_hostile.py BUILD-DIRECTORY [--long] [--every-engine] [--peer=heaptrack] [--table FILE] [NAME…]

A row is a program and what it may leave. Always held: same output, same exit status or signal,
nothing on stderr that is not the program's, no hang, no file but traces, every trace opens and says
how complete it is, and nothing is counted that did not happen. --long runs what takes minutes.
--every-engine runs each row with each engine of the CPU sampler, not only those that these may upset.
--peer=heaptrack runs the same rows under heaptrack, too, and prints how many it survives. --table writes the
results as a Markdown table."""

import argparse
import dataclasses
import glob
import os
import pathlib
import re
import resource
import shutil
import subprocess
import time

from tap import Tap
from test_oracle import difference, facts_of_oracle, facts_of_trace, find, pairs_of
from traced import Build, Tracer, execute

MEBIBYTE = 1 << 20
HANG_S = 60

# What stands behind the recorder, and what it is told. One line for each engine of the CPU sampler.
CONFIGURATIONS = {
    "glibc": ((), {}),
    "jemalloc": (("libjemalloc.so.2",), {}),
    "mimalloc": (("libmimalloc.so.2",), {}),
    "perf": ((), {"MEMTRACE_CPU_HZ": "997", "MEMTRACE_CPU_ENGINE": "perf-ring"}),
    "tgkill": ((), {"MEMTRACE_CPU_HZ": "997", "MEMTRACE_CPU_ENGINE": "tgkill"}),
    "perf-signal": ((), {"MEMTRACE_CPU_HZ": "997", "MEMTRACE_CPU_ENGINE": "perf-signal"}),
    "timer": ((), {"MEMTRACE_CPU_HZ": "997", "MEMTRACE_CPU_ENGINE": "timer"}),
}
ENGINES = ("perf", "tgkill", "perf-signal", "timer")
# What signals, threads of the recorder's own and timers may upset.
SAMPLED = ("end: exit", "end: pthread_exit", "end: abort", "end: segv", "fork storm", "fork: lot", "vfork", "clones", "exec chain",
           "exec fails", "daemon", "closed descriptors", "leaves root: worker", "short threads", "small stacks",
           "destructors of threads", "longjmp", "exceptions", "coroutines", "assembly", "deep recursion",
           "unloaded libraries", "locked memory", "scanned data", "filter narrow", "filter all_threads", "filter in_child",
           "filter in_vfork", "filter strict")
# Of these, what matters to clocks that send signals by themselves.
SIGNALLED = ("end: pthread_exit", "end: segv", "vfork", "clones", "exec chain", "exec fails", "closed descriptors", "leaves root: worker",
             "longjmp", "exceptions", "coroutines", "filter narrow", "filter all_threads", "filter in_vfork", "filter strict")


@dataclasses.dataclass
class Row:
    """A program, and what is special about it."""
    arguments: list
    traces: object = 1            # how many, or a range
    complete: bool = True         # what the last trace, the program's own, says of itself
    anomalies: tuple = ()         # those that the program brings about
    oracle: bool = True           # held against a second library that counts
    limits: tuple = ()
    environment: dict = dataclasses.field(default_factory=dict)
    configurations: tuple = ("glibc", "jemalloc")
    needs_root: bool = False
    seconds: int = HANG_S
    is_long: bool = False         # only with --long
    what: str = ""                # one line for people


FILTERS = ("narrow", "no_memory", "strict", "harmless", "twice", "refused", "with_signals", "all_threads", "before_fork",
           "in_vfork")
# Each of the system calls that the recorder makes, forbidden alone.
SINGLE_CALLS = ("fstat", "mmap", "mprotect", "munmap", "rt_sigprocmask", "madvise", "getpid", "getcwd", "prctl",
                "sigaltstack", "gettid", "futex", "clock_gettime", "tgkill", "openat", "newfstatat", "fallocate",
                "prlimit64", "membarrier", "close", "readlinkat", "process_vm_readv")

# Where signals' masks may not be asked for, nor may the recorder ask whether a page of a stack can be
# read: the stack is cut, and that is counted.
ROWS = {
    # The allocator's functions and their failures.
    "known lines": Row(["exact_lines"], what="a thousand sizes at known lines"),
    "every function": Row(["every_function"], what="every function of the family, and how it fails",
                          # The oracle asks the loader for functions that glibc has not, which allocates.
                          complete=None, anomalies=("reentrant",),
                          configurations=("glibc", "mimalloc")),
    "out of memory": Row(["out_of_memory"], oracle=False, configurations=("glibc",),
                         anomalies=("untracked", "overflow", "grow_failed"), complete=None,
                         what="address space runs out: the same NULL, the same errno"),
    "reallocation race": Row(["realloc_race"], environment={"GLIBC_TUNABLES": "glibc.malloc.arena_max=1:glibc.malloc.tcache_count=0"},
                             what="eight threads reallocate in one arena"),
    "frees of another thread's": Row(["cross_thread_free"], what="blocks are freed by other threads"),
    # Before main and after it.
    "constructors": Row(["constructors"], what="libraries allocate in their constructors"),
    # jemalloc brings an operator new of its own, past malloc, and a delete that calls free.
    "static destructors": Row(["static_destructors"], configurations=("glibc",), what="C++ objects allocate before main and after exit"),
    "own libc": Row(["own_libc"], configurations=("glibc",), what="the executable exports getenv, open, mmap, clock_gettime …"),
    # Ends.
    **{f"end: {how}": Row(["exits", how], what=f"ends by {how}", anomalies=("unknown_free",) if how == "double_free" else (),
                          complete=how in ("exit", "_exit", "quick_exit", "return", "pthread_exit"))
       for how in ("return", "exit", "_exit", "quick_exit", "exit_group", "abort", "segv", "trap", "term", "kill",
                   "stack_overflow", "double_free", "pthread_exit")},
    # Processes.
    "fork storm": Row(["fork_storm"], oracle=False, what="300 children that do nothing, 90 that become programs: one trace"),
    "fork with threads": Row(["fork_threaded"], oracle=False, configurations=("glibc",), traces=range(1, 10**6), anomalies=("before_own_trace",),
                             complete=None, what="forks while eight threads allocate"),
    **{f"fork: {how}": Row(["fork_child", how], traces=range(1, 10), anomalies=("before_own_trace",), complete=None,
                           what=f"a forked child that does {how.replace('_', ' ')}")
       for how in ("nothing", "little", "lot", "grandchildren", "raw_clone")},
    "vfork": Row(["vfork_exec"], oracle=False, traces=range(1, 10**6), complete=None, anomalies=("stack_cut",), what="vfork, posix_spawn, system, popen"),
    "clones": Row(["clones"], oracle=False, traces=4, anomalies=("before_own_trace",), complete=None,
                  what="_Fork, clone, clone3, and a child in shared memory"),
    "exec chain": Row(["exec_chain", "4"], traces=4, complete=None, what="a program replaces itself four times"),
    "exec fails": Row(["exec_fails"], traces=2, complete=None, what="600 failing execs, then one from a second thread"),
    "daemon": Row(["daemonise", "{directory}/canary"], oracle=False, traces=range(1, 4), anomalies=("before_own_trace",),
                  complete=None, configurations=("glibc",), what="two forks, all descriptors closed and used again"),
    "closed descriptors": Row(["closed_descriptors"], what="closes every number again and again, and uses it"),
    "four descriptors": Row(["fork_child", "nothing"], oracle=False, limits=((resource.RLIMIT_NOFILE, 4),),
                            what="RLIMIT_NOFILE of 4"),
    **{f"leaves root: {how}": Row(["leaves_root", how], oracle=False, needs_root=True, configurations=("glibc",), traces=count,
                                  complete=None, anomalies=("before_own_trace",), what=f"is root no more: {how}")
       for how, count in (("setuid", 1), ("chroot", 1), ("worker", 2))},
    # Threads.
    "threads": Row(["threads"], what="threads that allocate at once"),
    "short threads": Row(["short_threads"], complete=None, anomalies=("threads_folded",), what="threads that come and go"),
    "small stacks": Row(["small_stacks"], what="PTHREAD_STACK_MIN, 300 in turn and 200 at once"),
    "keys and late variables": Row(["many_keys", "{programs}/libtls_library.so"],
                                   what="every thread-specific key; a plugin with static TLS"),
    "destructors of threads": Row(["tls_destructor"], what="allocates in the destructors of thread-specific data"),
    # Signals and stacks.
    "signals": Row(["signals"], is_long=True, seconds=300, complete=None, anomalies=("reentrant",),
                   what="a handler allocates at 10 kHz"),
    "signals on a stack of their own": Row(["signals", "altstack"], is_long=True, seconds=300, complete=None,
                                           anomalies=("reentrant",), what="sigaltstack"),
    "own timers": Row(["own_timers"], configurations=("glibc",), what="owns SIGPROF; no wait returns early"),
    # Time.
    **{f"clock jumps: {how}": Row(["clock_jumps", how], oracle=False, traces=range(1, 3), complete=None, configurations=("glibc",),
                                  anomalies=("before_own_trace",), what=f"a child whose clock is far off: {how}")
       for how in ("forward", "backward")},
    "longjmp": Row(["longjmp"], anomalies=("reentrant",), complete=None, what="longjmp out of handlers that interrupted malloc"),
    "exceptions": Row(["exceptions"], configurations=("glibc",), what="C++ exceptions across many frames"),
    "coroutines": Row(["coroutines"], complete=None, anomalies=("stack_cut", "stack_too_deep"), what="swapcontext, stacks of 8 KiB"),
    "assembly": Row(["assembly"], complete=None, anomalies=("stack_cut", "stack_guessed"), what="code without unwind tables, odd frame pointers"),
    "deep recursion": Row(["deep_recursion"], complete=None, anomalies=("stack_too_deep",), what="100,000 frames"),
    "many call stacks": Row(["many_sites", "15"], what="32,768 call stacks"),
    "small file": Row(["many_sites", "13"], oracle=False, limits=((resource.RLIMIT_FSIZE, MEBIBYTE),), complete=None,
                      anomalies=("overflow", "grow_failed", "history_lost"), what="RLIMIT_FSIZE of 1 MiB"),
    "tail calls": Row(["tail_calls"], complete=None, what="callers that are gone"),
    # Code.
    "LD_AUDIT": Row(["exact_lines"], environment={"LD_AUDIT": "{programs}/libaudit_library.so"}, configurations=("glibc",),
                    what="an auditing library sees every symbol being bound"),
    "operators": Row(["operators"], oracle=False, configurations=("glibc", "jemalloc", "mimalloc"), anomalies=("threads_folded",),
                     what="every operator new and delete"),
    "unloaded libraries": Row(["dlopen_reuse"], what="dlopen and dlclose at the same address"),
    "deep binding": Row(["deepbind"], oracle=False, anomalies=("unknown_free", "reused_live"), complete=None, what="RTLD_DEEPBIND"),
    "lazy binding": Row(["plt"], what="calls through PLTs, pointers, dlsym"),
    "scanned data": Row(["scans_data"], what="reads all libraries' data, as garbage collectors do"),
    "locked memory": Row(["locked_memory"], oracle=False, configurations=("glibc",), what="mlockall of all that is to come"),
    # Amounts.
    "pairs and blocks": Row(["pairs", "2000000", "500000"], what="2e6 pairs, 5e5 blocks at once"),
    "1e9 pairs": Row(["pairs", "1000000000", "0"], is_long=True, seconds=3600, oracle=False, configurations=("glibc",),
                     what="1e9 pairs"),
    "2e7 blocks": Row(["pairs", "0", "20000000"], is_long=True, seconds=3600, oracle=False, configurations=("glibc",),
                      what="2e7 blocks at once"),
    "2,000 living threads": Row(["small_stacks", "2000"], is_long=True, seconds=600, configurations=("glibc",),
                                what="2,000 threads at once"),
    "1e6 call stacks": Row(["many_sites", "20"], is_long=True, seconds=1200, oracle=False, configurations=("glibc",),
                           complete=None, anomalies=("overflow", "grow_failed"), what="1,048,576 call stacks"),
    # A filter may take the room for more call sites away; then totals stay exact and the trace says so.
    **{f"filter {name}": Row(["filtered", name], oracle=False, configurations=("glibc",), complete=None,
                             anomalies=("overflow", "grow_failed", "untracked", "unknown_free", "reused_live", "stack_cut"),
                             what=f"seccomp: {name.replace('_', ' ')}") for name in FILTERS},
    "filter in_child": Row(["filtered", "in_child"], oracle=False, traces=2, configurations=("glibc",), complete=None,
                           anomalies=("overflow", "grow_failed", "before_own_trace", "stack_cut"),
                           what="seccomp in a forked child"),
    **{f"filter without {name}": Row(["filtered", "one", name], oracle=False,
                                     configurations=("glibc",), complete=None,
                                     anomalies=("overflow", "grow_failed", "untracked", "stack_cut"),
                                     what=f"seccomp kills {name}") for name in SINGLE_CALLS},
}


def with_samples(row):
    """Samples are taken anywhere, also where no rule tells the caller; such stacks are cut, and counted."""
    return dataclasses.replace(row, complete=None, anomalies=(*row.anomalies, "stack_cut", "stack_guessed", "stack_too_deep"))


def engines_for(name, is_every):
    """Those that a row is run with."""
    return ENGINES if is_every or name in SIGNALLED else ENGINES[:2] if name in SAMPLED else ()


def expected_number(traces, expected):
    return traces in expected if isinstance(expected, range) else traces == expected


def library_of_heaptrack():
    return next(iter(glob.glob("/usr/lib/heaptrack/libheaptrack_preload.so") +
                     glob.glob("/usr/lib/*/heaptrack/libheaptrack_preload.so")), None)


class Hostile:
    """Runs rows, remembers their results."""

    def __init__(self, tap, tracer, is_every_engine=False):
        self.tap, self.tracer, self.build, self.is_every_engine = tap, tracer, tracer.build, is_every_engine
        self.results = {}

    def arguments(self, row, directory):
        return [self.build.program(row.arguments[0]), *(text.replace("{directory}", str(directory)).replace("{programs}", str(self.build.programs))
                                                        for text in row.arguments[1:])]

    def environment(self, row):
        return {name: value.replace("{programs}", str(self.build.programs)) for name, value in row.environment.items()}

    def run_plain(self, row, behind):
        directory = self.tracer.new_directory()
        environment = {**self.environment(row), **({"LD_PRELOAD": " ".join(behind)} if behind else {})}
        return execute(self.arguments(row, directory), environment, cwd=directory, timeout=row.seconds, limits=row.limits)

    def run_traced(self, row, behind, environment):
        """The program's own directory is not the traces', so that whatever it leaves there is its own."""
        directory = self.tracer.new_directory()
        return self.tracer.run(self.arguments(row, directory), oracle=row.oracle, behind=behind, cwd=directory,
                               environment={**self.environment(row), **environment}, timeout=row.seconds, limits=row.limits)

    def complaints_of_trace(self, trace, row, is_own):
        """What is wrong with one trace, as the tool and the independent reader see it."""
        wrong = []
        report = self.tracer.report(trace, "--group-by=module")
        totals, threads = trace.totals(), trace.thread_totals()
        for key in ("alloc_count", "alloc_bytes", "free_count", "freed_bytes"):
            if report["totals"][key] != totals.get(key, 0):
                wrong.append(f"{key}: the tool says {report['totals'][key]}, the trace {totals.get(key, 0)}")
            if threads[key] != totals.get(key, 0):
                wrong.append(f"{key}: threads {threads[key]}, sites {totals.get(key, 0)}")
        if is_own and row.complete is not None and report["complete"] != row.complete:
            wrong.append(f"complete: {report['complete']}, because {report['incomplete_because']}")
        if report["complete"] != (not report["incomplete_because"]):
            wrong.append(f"complete without a reason: {report['complete']}")
        times = [point["time_ns"] for point in trace.points]
        if times != sorted(times) or trace.header["last_seen_ns"] < trace.header["start_time_ns"]:
            wrong.append(f"time goes back: {times}, {trace.header['start_time_ns']} to {trace.header['last_seen_ns']}")
        odd = {name: count for name, count in trace.anomalies.items() if count and name not in row.anomalies}
        if odd:
            wrong.append(f"anomalies {odd}")
        return wrong

    def complaints(self, row, plain, traced):
        wrong = []
        for name in ("status", "stdout", "stderr"):
            if getattr(traced, name) != getattr(plain, name):
                wrong.append(f"{name}: {getattr(traced, name)[-600:] if name != 'status' else traced.status!r} instead of "
                             f"{getattr(plain, name)[-600:] if name != 'status' else plain.status!r}")
        if traced.litter:
            wrong.append(f"left {traced.litter}")
        if not expected_number(len(traced.traces), row.traces):
            wrong.append(f"{len(traced.traces)} traces: {[(t.path.name, t.header['flags']) for t in traced.traces]}")
        for trace in traced.traces:
            wrong += [f"{trace.path.name}: {why}" for why in
                      self.complaints_of_trace(trace, row, trace is traced.traces[0])]
        if row.oracle:
            pairs, lost = pairs_of(traced)
            wrong += [f"no oracle for {name}" for name in lost]
            wrong += [f"{oracle.program} {oracle.pid} (recorder, oracle): {difference(facts_of_trace(trace), facts_of_oracle(oracle))}"
                      for trace, oracle in pairs if trace and difference(facts_of_trace(trace), facts_of_oracle(oracle))]
        return wrong

    def run(self, name, row):
        for configuration in row.configurations + engines_for(name, self.is_every_engine):
            libraries, environment = CONFIGURATIONS[configuration]
            if configuration in ENGINES:
                row = with_samples(row)
            behind = [find(library) for library in libraries]
            title, start = f"{name}, {configuration}", time.monotonic()
            why = self.why_not(row, behind)
            if why:
                self.tap.skip(title, why)
                self.results[name, configuration] = f"not run: {why}"
                continue
            try:
                wrong = self.complaints(row, self.run_plain(row, behind), self.run_traced(row, behind, environment))
            except (subprocess.TimeoutExpired, AssertionError, OSError) as error:
                wrong = [f"{type(error).__name__}: {error}"]
            self.tap.ok(not wrong, title, "\n".join(wrong))
            if time.monotonic() - start > 5:
                self.tap.note(f"{title}: {time.monotonic() - start:.1f} s")
            self.results[name, configuration] = "same" if not wrong else "differs"

    def run_heaptrack(self, name, row):
        """The same under heaptrack's library: "same", or what became of it."""
        library = library_of_heaptrack()
        if not library or self.why_not(row, []):
            return "not run"
        directory = self.tracer.new_directory()
        output = directory / "heaptrack"
        environment = {**self.environment(row), "LD_PRELOAD": library, "DUMP_HEAPTRACK_OUTPUT": str(output)}
        try:
            plain = self.run_plain(row, [])
            traced = execute(self.arguments(row, directory), environment, cwd=directory, timeout=30, limits=row.limits)
        except subprocess.TimeoutExpired:
            return "hangs"
        if traced.status != plain.status:
            return f"status {traced.status} instead of {plain.status}"
        if traced.stdout != plain.stdout or traced.stderr != plain.stderr:
            return "other output"
        return "same" if output.exists() and output.stat().st_size else "nothing recorded"

    def write_table(self, path):
        """All results as Markdown; a row that is the same everywhere says so once."""
        columns = [*CONFIGURATIONS, "heaptrack"] if any(key[1] == "heaptrack" for key in self.results) else [*CONFIGURATIONS]
        lines = ["| program | what it does | " + " | ".join(columns) + " |", "|---" * (len(columns) + 2) + "|"]
        for name, row in ROWS.items():
            if any((name, column) in self.results for column in columns):
                cells = [self.results.get((name, column), "") for column in columns]
                lines.append(f"| {name} | {row.what} | " + " | ".join(cells) + " |")
        survived = [column + " " + str(sum(self.results.get((name, column)) == "same" for name in ROWS)) + " of "
                    + str(sum((name, column) in self.results and not self.results[name, column].startswith("not run")
                              for name in ROWS)) for column in columns]
        path.write_text("\n".join(lines) + "\n\nThe same as without: " + ", ".join(survived) + ".\n")

    def check_waits(self, tap):
        """No wait ends early, and its SIGPROF is its own."""
        argv = [self.build.program("own_timers")]
        expected = execute(argv).stdout
        for engine in ENGINES:
            traced = self.tracer.run(argv, environment=CONFIGURATIONS[engine][1])
            tap.equal((traced.status, traced.stdout), (0, expected), f"own timers, {engine}: the same")
            self.results["own timers", engine] = "same" if traced.stdout == expected else "differs"

    def check_two_recorders(self, tap):
        """A second copy of the recorder stays out of the way, and heaptrack's is no obstacle either."""
        directory = self.tracer.new_directory()
        copy = directory / "libmemtrace-copy.so"
        shutil.copy(self.build.recorder, copy)
        others = {"itself": copy, **({"heaptrack": library_of_heaptrack()} if library_of_heaptrack() else {})}
        for name, other in others.items():
            for program in ("exact_lines", "operators"):
                if not os.path.exists(self.build.program(program)):
                    continue
                alone = self.tracer.run([self.build.program(program)])
                both = self.tracer.run([self.build.program(program)], behind=[other],
                                       environment={"DUMP_HEAPTRACK_OUTPUT": str(directory / "heaptrack")})
                tap.equal((both.status, both.stdout, both.stderr, len(both.traces)), (alone.status, alone.stdout, alone.stderr, 1),
                          f"{program}, recorded by {name}, too: the same, and one trace")
                totals = [(trace.totals()["alloc_count"], trace.totals()["alloc_bytes"]) for trace in (alone.trace, both.trace)]
                # heaptrack's own library allocates. A library more makes libc's tables of threads longer.
                is_same = totals[0] == totals[1] or program == "operators" and totals[0][0] == totals[1][0]
                tap.ok(is_same or name == "heaptrack" and totals[0] <= totals[1],
                       f"{program}, recorded by {name}, too: totals", totals)
                self.results[f"recorded by {name}, too", "glibc"] = "same"

    def why_not(self, row, behind):
        if not os.path.exists(self.build.program(row.arguments[0])):
            return "not built"
        if None in behind:
            return "not installed"
        if row.needs_root and os.geteuid() != 0:
            return "only as root"
        return None


def check_map(tap, build):
    """docs/hostile.md says of each trap where it is tested, and what it names exists."""
    text = (build.source / "docs" / "hostile.md").read_text(encoding="utf-8")
    traps = re.findall(r"^\| (\d+) \| .* \| (.*) \|$", text.split("## Every trap")[1].split("\n## ")[0], flags=re.M)
    tap.equal([int(number) for number, _ in traps], list(range(1, 53)), "the traps are all there")
    rows = {name for _, where in traps for name in re.findall(r"\*([^*]+)\*", where)}
    tap.equal(rows - set(ROWS), set(), "their rows exist")
    tests = {name for _, where in traps for name in re.findall(r"`((?:unit/|fuzz/|\w+\.)[\w./]*)`", where) if "max" not in name}
    tap.equal({name for name in tests if not (build.source / "tests" / name).exists()}, set(), "their tests exist")


def check_without_binaries(tap, tracer):
    """A trace far from its program: offsets, exact figures; and lines as soon as the program is there."""
    program = tracer.new_directory() / "exact_lines"
    shutil.copy(tracer.build.program("exact_lines"), program)
    trace = tracer.run([str(program)]).trace
    near = tracer.report(trace, "--group-by=line")
    program.unlink()
    far = tracer.report(trace, "--group-by=line")
    tap.equal(far["totals"], near["totals"], "without its program: the same totals")
    named = [entry["key"] for entry in far["statistics"] if entry["alloc_count"] and not entry["key"].startswith("exact_lines+0x")]
    tap.equal(named, [], "without its program: places in the module")
    shutil.copy(tracer.build.program("exact_lines"), program)
    tap.equal(tracer.report(trace, "--group-by=line")["statistics"], near["statistics"], "with its program again: its lines")


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build")
    parser.add_argument("names", nargs="*")
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--every-engine", action="store_true")
    parser.add_argument("--peer", choices=["heaptrack"])
    parser.add_argument("--table", type=pathlib.Path)
    return parser.parse_args()


def main():
    options = parse()
    with Tap() as tap, Tracer(Build()) as tracer:
        hostile = Hostile(tap, tracer, options.every_engine)
        tap.run(check_map, tracer.build)
        tap.run(check_without_binaries, tracer)
        for name, row in ROWS.items():
            if row.is_long and not options.long:
                continue
            if not options.names or any(wanted in name for wanted in options.names):
                tap.run(lambda _, name=name, row=row: hostile.run(name, row), name=name)
                if options.peer:
                    hostile.results[name, "heaptrack"] = hostile.run_heaptrack(name, row)
                    tap.note(f"{name}, heaptrack: {hostile.results[name, 'heaptrack']}")
        if not options.names:
            tap.run(hostile.check_waits, name="waits")
            tap.run(hostile.check_two_recorders, name="two recorders")
        if options.table:
            hostile.write_table(options.table)


if __name__ == "__main__":
    main()
