# SPDX-License-Identifier: BSD-2-Clause
"""test_fixtures.py -- The programs in tests/programs/ against their known answers, line by line.

Every figure here is arithmetic on the constants in the programs; nothing is a recorded output. A
line is named by the tag in the comment that ends it."""

import functools
import os
import pathlib
import re
import sys

from tap import Tap
from traced import execute, Build, Tracer

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "programs"))
import generate_lines  # pylint: disable=wrong-import-position

PROGRAMS = pathlib.Path(__file__).resolve().parent / "programs"
SUM = 1000 * 1001 // 2  # 1 + 2 + … + 1000


def expect(alloc_count, alloc_bytes, live_count=0, live_bytes=0, **others):
    """The figures of one line; peak_live_bytes and temporary_count only where they are known."""
    return {"alloc_count": alloc_count, "alloc_bytes": alloc_bytes, "live_count": live_count,
            "live_bytes": live_bytes, **others}


@functools.lru_cache(maxsize=None)
def tags():
    """{(file, tag): line} of all programs."""
    found = {}
    for path in PROGRAMS.iterdir():
        if path.suffix in (".c", ".cpp"):
            for number, line in enumerate(path.read_text().splitlines(), 1):
                for tag in re.findall(r"/\* @(\w+) \*/", line):
                    found[path.name, tag] = number
    return found


class Lines:
    """A report by line, to be asked by file and tag."""

    def __init__(self, report):
        self.report = report
        self.totals = report["totals"]
        self.by_line = {}
        for entry in report["statistics"]:
            if "line" in entry:
                self.by_line[os.path.basename(entry["file"]), entry["line"]] = entry

    def at(self, file, tag):
        return self.by_line.get((file, tags()[file, tag]), {})

    def count(self, file, tag, key="alloc_count"):
        return self.at(file, tag).get(key, 0)

    def special(self, name):
        """The figures under a special node, as <signal handler>."""
        return next((entry for entry in self.report["statistics"] if entry["key"] == name),
                    dict.fromkeys(("alloc_count", "alloc_bytes", "live_count", "live_bytes"), 0))


def check_lines(tap, lines, file, expected, name):
    """Each tagged line of file has exactly the expected figures."""
    for tag, figures in expected.items():
        entry = lines.at(file, tag)
        got = {key: entry.get(key, 0) for key in figures}
        tap.equal(got, figures, f"{name}: @{tag}")


def check_no_others(tap, lines, file, expected, name):
    """No other line allocated anything."""
    known = {(file, tags()[file, tag]) for tag in expected}
    others = {entry["key"]: entry["alloc_count"] for entry in lines.report["statistics"]
              if entry["alloc_count"] and (os.path.basename(entry.get("file", "")), entry.get("line")) not in known}
    tap.equal(others, {}, f"{name}: nothing else allocates")


def check_no_anomalies(tap, trace, name, allowed=()):
    anomalies = {key: value for key, value in trace.anomalies.items() if value and key not in allowed}
    tap.equal(anomalies, {}, f"{name}: nothing lost")


def check_agreement(tap, trace, report, name):
    """The tool's totals are those of the independent reader, and the threads' those of the sites."""
    totals = trace.totals()
    keys = ("alloc_count", "alloc_bytes", "free_count", "freed_bytes", "live_count", "live_bytes")
    tap.equal({key: report["totals"][key] for key in keys}, {key: totals.get(key, 0) for key in keys},
              f"{name}: tool and independent reader agree")
    threads = trace.thread_totals()
    tap.equal({key: threads[key] for key in keys[:4]}, {key: totals.get(key, 0) for key in keys[:4]},
              f"{name}: threads and sites agree")
    tap.equal({call: report["totals"]["calls"].get(call, 0) for call in trace.calls}, trace.calls,
              f"{name}: calls agree")
    sums = {key: sum(entry[key] for entry in report["statistics"]) for key in ("alloc_count", "alloc_bytes", "live_bytes")}
    tap.equal(sums, {key: totals.get(key, 0) for key in sums}, f"{name}: lines sum to the totals")


class Fixtures:
    """One method per program."""

    def __init__(self, build, tracer, tolerated=()):
        self.build, self.tracer, self.tolerated = build, tracer, tolerated

    def trace(self, tap, program, *arguments, status=0, **options):
        """Runs a program; its result. The status is checked, and that there is a trace."""
        result = self.tracer.run([self.build.program(program), *arguments], **options)
        name = " ".join((program, *arguments))
        tap.equal((result.status, result.stderr), (status, b""), f"{name}: status")
        return result

    def lines(self, trace, *options):
        return Lines(self.tracer.report(trace, "--group-by=line", *options))

    def simple(self, tap, program, expected, *arguments, status=0, allowed=(), file=None, exactly=False, **options):
        """The usual case: one program, one trace, some lines."""
        trace = self.trace(tap, program, *arguments, status=status, **options).trace
        lines = self.lines(trace)
        name = " ".join((program, *arguments))
        check_lines(tap, lines, file or program + ".c", expected, name)
        if exactly:
            check_no_others(tap, lines, file or program + ".c", expected, name)
        check_no_anomalies(tap, trace, name, (*allowed, *self.tolerated))
        check_agreement(tap, trace, lines.report, name)
        return trace, lines

    def tracebacks(self, trace):
        """[(functions innermost first, entry)]"""
        report = self.tracer.report(trace, "--group-by=traceback")
        return [([frame.get("function") or "?" for frame in entry["traceback"]], entry)
                for entry in report["statistics"] if entry.get("traceback")]

    # ---- exact sums ----

    def exact_lines(self, tap):
        at_peak = {"kept": SUM, "at_once": 0, "zeroed": 0, "grown": 7000, "shrunk_from": 0, "shrunk_to": 1234,
                   "halved": 5 * 250000, "pair": 24, "aligned": 640, "peak": 3000000, "late": 0}
        expected = {
            "kept": expect(1000, SUM, 1000, SUM, temporary_count=0),
            "at_once": expect(1000, 2 * SUM, temporary_count=1000),
            "zeroed": expect(1000, 3 * SUM, temporary_count=1),  # the last one
            "grown": expect(1000, 7 * SUM, 1, 7000, temporary_count=999),
            "shrunk_from": expect(1, 100000, temporary_count=1),
            "shrunk_to": expect(1, 1234, 1, 1234, temporary_count=0),
            "halved": expect(1000, 5 * SUM, 500, 5 * 250000, temporary_count=1),  # the last one
            "pair": expect(2, 24, 2, 24, temporary_count=0),
            "aligned": expect(1, 640, 1, 640, temporary_count=0),
            "peak": expect(1, 3000000, temporary_count=1),
            "late": expect(1000, SUM, 1000, SUM, temporary_count=0),
        }
        for tag, figures in expected.items():
            figures["peak_live_bytes"] = at_peak[tag]
        _, lines = self.simple(tap, "exact_lines", expected, exactly=True)
        tap.equal(lines.totals["peak_bytes"], sum(at_peak.values()), "exact_lines: the peak is the sum of its lines")
        tap.equal(lines.totals["alloc_bytes"], sum(figures["alloc_bytes"] for figures in expected.values()),
                  "exact_lines: the total is the sum of its lines")
        tap.equal(lines.report["complete"], True, "exact_lines: complete")

    def exact_functions(self, tap):
        trace = self.trace(tap, "exact_lines").trace
        report = self.tracer.report(trace, "--group-by=function")
        got = {entry.get("function"): (entry["alloc_count"], entry["alloc_bytes"]) for entry in report["statistics"]
               if entry["alloc_count"]}
        tap.equal(got, {"keep_all": (1000, SUM), "free_at_once": (1000, 2 * SUM), "zero_and_free": (1000, 3 * SUM),
                        "grow": (1000, 7 * SUM), "shrink": (2, 101234), "keep_half": (1000, 5 * SUM),
                        "two_on_one_line": (2, 24), "align": (1, 640), "reach_the_peak": (1, 3000000),
                        "allocate_after_the_peak": (1000, SUM)}, "exact_lines: by function")
        for group in ("file", "module"):
            report = self.tracer.report(trace, f"--group-by={group}")
            got = [(entry["alloc_count"], entry["live_count"]) for entry in report["statistics"] if entry["alloc_count"]]
            tap.equal(got, [(6006, 2505)], f"exact_lines: by {group}")
        for names, entry in self.tracebacks(trace):
            if entry["alloc_count"]:
                tap.ok("main" in names[:2], f"exact_lines: {names[0]} was called by main", f"{names} {entry}")

    def thousand_lines(self, tap):
        _, numbers = generate_lines.source()
        lines = self.lines(self.trace(tap, "thousand_lines").trace)
        wrong = []
        for number, (count, size, kept) in zip(numbers, generate_lines.plan()):
            entry = lines.by_line.get(("thousand_lines.c", number), {})
            got = tuple(entry.get(key) for key in ("alloc_count", "alloc_bytes", "live_count", "live_bytes"))
            if got != (count, count * size, kept, kept * size):
                wrong.append((number, got, (count, count * size, kept, kept * size)))
        tap.equal(wrong[:5], [], "thousand_lines: all of them")
        tap.equal(len(lines.by_line), 1000, "thousand_lines: and no other")

    def every_function(self, tap):
        _, lines = self.simple(tap, "every_function", {})
        calls = lines.totals["calls"]
        # calloc, realloc and free are also called by libc itself, the others only by the program.
        tap.equal({call: calls[call] for call in ("reallocarray", "aligned_alloc", "memalign", "posix_memalign",
                                                  "valloc", "pvalloc")},
                  {"reallocarray": 5, "aligned_alloc": 3, "memalign": 2, "posix_memalign": 3, "valloc": 2,
                   "pvalloc": 2}, "every_function: calls")
        tap.equal(lines.totals["calls"]["free_sized"] + lines.totals["calls"]["free_aligned_sized"], 2,
                  "every_function: C23")

    def constructors(self, tap):
        trace, lines = self.simple(tap, "constructors", {"preinit": expect(1, 12345), "constructor": expect(1, 54321)})
        check_lines(tap, lines, "constructor_library.c", {
            "churn": expect(300, 100 * (1001 + 2001 + 3001)),
            "handed_out": expect(3, 6000),
            "destructor": expect(3, 1002 + 2002 + 3002)}, "constructors")
        tap.equal(trace.anomalies["unknown_free"], 0, "constructors: every block was seen from the start")

    # ---- threads and processes ----

    def threads(self, tap):
        trace, _ = self.simple(tap, "threads", {"churn": expect(200000, 64 * 200000, temporary_count=200000),
                                                "kept": expect(400, 16000, 400, 16000, temporary_count=0)})
        counts = sorted(thread["alloc_count"] for thread in trace.threads)
        tap.equal(counts[-4:], [50100] * 4, "threads: each thread's own count")
        tap.equal(len({thread["tid"] for thread in trace.threads if thread["alloc_count"] == 50100}), 4,
                  "threads: four ids")

    def cross_thread_free(self, tap):
        self.simple(tap, "cross_thread_free", {"produced": expect(1000, 48000, 400, 19200, temporary_count=0)})

    def short_threads(self, tap):
        trace, _ = self.simple(tap, "short_threads", {
            "freed_here": expect(10000, 1000000, temporary_count=10000),
            "passed_on": expect(10000, 400000, 1, 40)}, allowed=("threads_folded",))
        tap.equal(trace.header["threads_seen"], 10001, "short_threads: all seen")
        size = trace.path.stat().st_size
        tap.ok(size < 32 << 20, "short_threads: the trace stays small", f"{size} bytes")

    def tls_destructor(self, tap):
        self.simple(tap, "tls_destructor", {"thread": expect(200, 18000), "destructor": expect(600, 48000)},
                    allowed=("threads_folded",))

    def realloc_race(self, tap):
        trace, lines = self.simple(
            tap, "realloc_race", {},
            environment={"GLIBC_TUNABLES": "glibc.malloc.arena_max=1:glibc.malloc.tcache_count=0"})
        tap.equal(lines.count("realloc_race.c", "realloc"), 800000, "realloc_race: all counted")
        tap.equal(lines.count("realloc_race.c", "realloc", "live_bytes"), 0, "realloc_race: all freed")
        tap.equal((trace.anomalies["unknown_free"], trace.anomalies["reused_live"]), (0, 0), "realloc_race: no mix-up")

    def fork_lot(self, tap):
        self._fork(tap, "lot", 20000)
        self._fork(tap, "raw_clone", 20000)

    def _fork(self, tap, how, count):
        result = self.trace(tap, "fork_child", how)
        name = f"fork_child {how}"
        if not tap.equal(len(result.traces), 2, f"{name}: two traces"):
            return
        parent, child = sorted(result.traces, key=lambda trace: trace.header["flags"] & 1)
        tap.equal((child.header["parent_pid"], child.header["flags"] & 1), (parent.pid, 1), f"{name}: whose child it is")
        lines = self.lines(parent)
        check_lines(tap, lines, "fork_child.c", {"inherited": expect(50, 3300, 50, 3300), "parent": expect(1, 77)},
                    f"{name}: parent")
        check_agreement(tap, parent, lines.report, f"{name}: parent")
        lines = self.lines(child)
        check_lines(tap, lines, "fork_child.c", {"inherited": expect(0, 0, 30, 1980),
                                                 "kept": expect(100, 5500, 100, 5500)}, f"{name}: child")
        early = child.anomalies["before_own_trace"]
        tap.equal(lines.count("fork_child.c", "lot") + early, count, f"{name}: child: @lot and what came before its trace")
        tap.equal(lines.totals["alloc_bytes"], count * 44 + 5500, f"{name}: child: bytes in all")
        check_agreement(tap, child, lines.report, f"{name}: child")

    def fork_others(self, tap):
        result = self.trace(tap, "fork_child", "nothing")
        tap.equal(len(result.traces), 1, "fork_child nothing: no trace for a child that does nothing")
        result = self.trace(tap, "fork_child", "little")
        tap.ok(len(result.traces) in (1, 2), "fork_child little: at most one trace more", len(result.traces))
        result = self.trace(tap, "fork_child", "grandchildren")
        tap.equal(len(result.traces), 5, "fork_child grandchildren: each has its own trace")
        for trace in result.traces:
            if trace.header["flags"] & 1:
                totals = trace.totals()
                tap.equal((totals["alloc_count"], totals["alloc_bytes"]), (20100, 20000 * 44 + 5500),
                          "fork_child grandchildren: exact")

    def fork_threaded(self, tap):
        result = self.trace(tap, "fork_threaded")
        tap.equal(result.stdout, b"300 children\n", "fork_threaded: no child hangs")
        for trace in result.traces:
            if not trace.header["flags"] & 1:
                check_no_anomalies(tap, trace, "fork_threaded", ("threads_folded",))
                check_agreement(tap, trace, self.lines(trace).report, "fork_threaded")

    def vfork_exec(self, tap):
        result = self.trace(tap, "vfork_exec")
        tap.equal(result.stdout, b"1000 8 9 9\n", "vfork_exec: output")
        tap.equal(len(result.traces), 3, "vfork_exec: one trace per image")
        if not result.traces:
            return
        parent = result.traces[0]
        check_lines(tap, self.lines(parent), "vfork_exec.c", {
            "before": expect(500, 10000, 500, 10000), "after": expect(500, 15000, 500, 15000)}, "vfork_exec")
        tap.equal(parent.header["state"], 1, "vfork_exec: the parent's end is its own")
        for trace in result.traces[1:]:
            check_lines(tap, self.lines(trace), "vfork_exec.c", {"child": expect(1, 4321)}, "vfork_exec: child")

    def exec_chain(self, tap):
        result = self.trace(tap, "exec_chain", "3", status=4)
        if not tap.equal(len(result.traces), 3, "exec_chain: one trace per image"):
            return
        for number, state, trace in zip((3, 2, 1), (2, 2, 1), result.traces):
            count = 100 * number
            check_lines(tap, self.lines(trace), "exec_chain.c", {"chain": expect(count, 10 * count, count, 10 * count)},
                        f"exec_chain {number}")
            tap.equal(trace.header["state"], state, f"exec_chain {number}: how it ended")

    def exits(self, tap):
        for how, status in (("exit", 11), ("_exit", 12), ("quick_exit", 13), ("exit_group", 14), ("abort", -6),
                            ("segv", -11), ("trap", -4), ("kill", -9), ("term", -15), ("stack_overflow", -11),
                            ("pthread_exit", 0), ("return", 10)):
            trace, lines = self.simple(tap, "exits", {"blocks": expect(1000, 111000, 1000, 111000)}, how, status=status)
            if how == "pthread_exit":
                check_lines(tap, lines, "exits.c", {"late_thread": expect(1, 222)}, "exits pthread_exit")
            if how in ("exit", "_exit", "quick_exit", "return", "pthread_exit"):
                tap.equal((trace.header["state"], lines.report["complete"]), (1, True), f"exits {how}: complete")
            if how in ("exit", "_exit"):  # a return from main calls exit inside libc
                tap.equal((trace.header["exit_status_known"], trace.header["exit_status"]), (1, status),
                          f"exits {how}: its status is in the trace")
            if status < 0:
                tap.equal(lines.report["complete"], False, f"exits {how}: says that it did not see the end")

    # ---- unusual stacks ----

    def signals(self, tap):
        for arguments in ((), ("altstack",)):
            trace, lines = self.simple(tap, "signals", {"loop": expect(400000, 24 * 400000)}, *arguments,
                                       allowed=("reentrant",))
            name = " ".join(("signals", *arguments))
            reentrant = lines.special("<signal handler>")
            tap.equal(reentrant["alloc_count"], trace.anomalies["reentrant"] and reentrant["alloc_count"],
                      f"{name}: what interrupted the recorder was counted as that")
            tap.equal(lines.count("signals.c", "handler") + reentrant["alloc_count"], 20000, f"{name}: all signals")
            tap.equal(lines.count("signals.c", "handler", "alloc_bytes") + reentrant["alloc_bytes"], 4000000,
                      f"{name}: all bytes")
            stacks = [names for names, _ in self.tracebacks(trace) if names[0] == "allocate_in_handler"]
            tap.ok(stacks, f"{name}: stacks from the handler")
            tap.equal([names for names in stacks if names[1] != "handle" or "main" not in names], [],
                      f"{name}: they go on below the signal frame")

    def coroutines(self, tap):
        trace, _ = self.simple(tap, "coroutines", {
            "coroutine": expect(300 * 4 * 10, 300 * 4 * 10 * 72), "scheduler": expect(300 * 11 * 4, 300 * 11 * 4 * 56),
            "unmapped": expect(300, 29700)}, allowed=("stack_cut",))
        own = {"allocate_and_yield", "run_coroutine"}
        stacks = [names for names, _ in self.tracebacks(trace) if names[0] == "allocate_and_yield"]
        tap.ok(stacks, "coroutines: stacks")
        for names in stacks:
            inner = names[:names.index("run_coroutine") + 1] if "run_coroutine" in names else []
            if not inner or set(inner) != own or "main" in names:
                tap.ok(False, "coroutines: a stack", names)
                return
        tap.equal(len({len([name for name in names if name in own]) for names in stacks}), 13,
                  "coroutines: 13 depths, 0 to 12 calls deep")

    def exceptions(self, tap):
        if not os.path.exists(self.build.program("exceptions")):
            tap.skip("exceptions", "no C++ compiler")
            return
        self.simple(tap, "exceptions", {"owned": expect(100000, 1000 * 4 * 5050), "caught": expect(1000, 17000)},
                    file="exceptions.cpp")

    def longjmp(self, tap):
        self.simple(tap, "longjmp", {
            "nested": expect(2000 * 41, 2000 * 41 * 24), "handler": expect(2000, 72000),
            "landed": expect(2000, 96000), "landed_from_signal": expect(2000, 120000)}, exactly=True)

    def tail_calls(self, tap):
        self.simple(tap, "tail_calls", {"one": expect(1000, 10000), "two": expect(1000, 21000),
                                        "three": expect(1000, 32000)}, exactly=True)

    def deep_recursion(self, tap):
        trace, lines = self.simple(tap, "deep_recursion", {
            "level": expect(100000, 3200000)}, allowed=("stack_too_deep",))
        tap.ok(trace.anomalies["stack_too_deep"] > 0, "deep_recursion: cut stacks are counted", trace.anomalies)
        peak, slack = lines.at("deep_recursion.c", "level").get("peak_live_bytes", 0), trace.header["peak_slack_bytes"]
        tap.ok(abs(peak - 3200000) <= slack, "deep_recursion: the peak within the bound of two threads", f"{peak} {slack}")

    def assembly(self, tap):
        trace, _ = self.simple(tap, "assembly", {"allocate": expect(4000, 1000 * 1000)}, allowed=("stack_cut",))
        counts = {}
        for names, entry in self.tracebacks(trace):
            if names[0] == "allocate":
                counts.setdefault(entry["alloc_bytes"] // entry["alloc_count"], []).append((names, entry["alloc_count"]))
        for size, caller in ((100, "call_with_cfi"), (200, "call_with_rbp_as_data"), (300, "call_with_expression")):
            tap.ok(len(counts.get(size, [])) == 1 and counts[size][0][0][1:3] == [caller, "main"] and
                   counts[size][0][1] == 1000, f"assembly: {caller}", counts.get(size))
        names = counts.get(400, [([], 0)])[0][0]
        is_cut = names[1:2] == ["call_without_cfi"] and "main" not in names and trace.anomalies["stack_cut"] > 0
        tap.ok(is_cut or names[1:3] == ["call_without_cfi", "main"], "assembly: cut and counted without CFI, or right",
               f"{counts.get(400)} {trace.anomalies}")

    # ---- libraries ----

    def plt(self, tap):
        _, lines = self.simple(tap, "plt", {"direct": expect(1000, 10000), "pointer": expect(1000, 20000),
                                            "dlsym": expect(1000, 30000), "library_call": expect(0, 0)})
        check_lines(tap, lines, "plt_library.c", {"library": expect(1000, 40000)}, "plt")

    def dlopen_reuse(self, tap):
        trace, lines = self.simple(tap, "dlopen_reuse", {})
        check_lines(tap, lines, "reuse_a.c", {"reuse_a": expect(200, 200200)}, "dlopen_reuse")
        check_lines(tap, lines, "reuse_b.c", {"reuse_b": expect(200, 400400)}, "dlopen_reuse")
        paths = [trace.string(module["path"]) for module in trace.modules]
        for name in ("libreuse_a.so", "libreuse_b.so"):
            tap.ok(any(path.endswith(name) for path in paths), f"dlopen_reuse: {name} is a module")
        tap.ok(len(paths) < 40, "dlopen_reuse: modules do not grow with each round", len(paths))

    def deepbind(self, tap):
        result = self.trace(tap, "deepbind", oracle=True)
        trace, lines, oracle = result.trace, self.lines(result.trace), result.oracles[0]
        check_lines(tap, lines, "deepbind.c", {"released_unseen": {"alloc_count": 1000, "alloc_bytes": 200000},
                                               "freed_seen": {"alloc_count": 1000, "alloc_bytes": 200000}}, "deepbind")
        tap.equal((trace.anomalies["unknown_free"], trace.anomalies["reused_live"]),
                  (oracle.totals["unknown_frees"], oracle.totals["reused_live"]), "deepbind: what bypassed us is counted")
        tap.equal(trace.anomalies["unknown_free"], 1000, "deepbind: 1000 unknown frees")

    # ---- the rest ----

    def temporary(self, tap):
        self.simple(tap, "temporary", {
            "at_once": expect(1000, 10000, temporary_count=1000), "first": expect(1000, 20000, temporary_count=0),
            "second": expect(1000, 30000, temporary_count=1000),
            "reallocated": expect(1000, 40000, temporary_count=1000),
            "result": expect(1000, 50000, temporary_count=0), "last": expect(1000, 60000, temporary_count=1000),
            "handed_over": expect(1, 70, temporary_count=0)})

    def word_count(self, tap):
        """The program of the README: its lines are told by their text, it bears no tags."""
        result = self.trace(tap, "word_count", stdin=b"the cat the dog The end\n" * 10)
        tap.equal(result.stdout, b"    30 the\n    10 cat\n    10 dog\n", "word_count: output")
        source = (PROGRAMS / "word_count.c").read_text().splitlines()
        lines = self.lines(result.trace)
        for text, figures in (("char *copy = strdup(text);", expect(60, 240, 4, 16)),
                              ("words[used].text = strdup(text);", expect(4, 16)),
                              ("words = realloc(words, room * sizeof *words);", expect(1, 1024))):
            number = next(number for number, line in enumerate(source, 1) if line.strip() == text)
            entry = lines.by_line.get(("word_count.c", number), {})
            tap.equal({key: entry.get(key) for key in figures}, figures, f"word_count: {text}")

    def ask_recorder(self, tap):
        """memtrace.h, with the recorder and without."""
        program = self.build.program("ask_recorder")
        plain, traced = execute([program]), self.tracer.run([program])
        tap.equal((plain.status, plain.stdout, plain.stderr),
                  (0, b"asked\n", b"tracing 0 during 0 after 0 peak 0 tracer 0\n"), "ask_recorder: without the recorder")
        tap.equal((traced.status, traced.stdout, traced.stderr),
                  (0, b"asked\n", b"tracing 1 during 1000000 after 0 peak 1000000 tracer 1\n"),
                  "ask_recorder: with the recorder")

    def fork_peak(self, tap):
        """A forked child's peak has a time of its own, however high its parent's was."""
        child = next(trace for trace in self.trace(tap, "fork_peak").traces if trace.header["flags"] & 1)
        tap.ok(1000000 <= child.header["peak_bytes"] < 2000000, "fork_peak: the child's own peak")
        tap.ok(child.header["peak_time_ns"] - child.header["start_time_ns"] >= 50000000, "fork_peak: and when it was")

    def closed_descriptors(self, tap):
        self.simple(tap, "closed_descriptors", {"closed": {"alloc_count": 42000, "live_count": 0}})


ALL = ("exact_lines exact_functions thousand_lines every_function constructors threads cross_thread_free short_threads "
       "tls_destructor realloc_race fork_lot fork_others fork_threaded vfork_exec exec_chain exits signals coroutines "
       "exceptions longjmp tail_calls deep_recursion assembly plt dlopen_reuse deepbind temporary "
       "closed_descriptors word_count ask_recorder fork_peak").split()


def main():
    with Tap() as tap, Tracer(Build()) as tracer:
        fixtures = Fixtures(tracer.build, tracer)
        for name in sys.argv[2:] or ALL:
            tap.run(getattr(fixtures, name), name=name)


if __name__ == "__main__":
    main()
