# SPDX-License-Identifier: BSD-2-Clause
"""test_api.py -- What programs ask through memtrace.h, against arithmetic and the independent reader."""

import sys

from tap import Tap
from test_fixtures import check_agreement, check_lines, check_no_anomalies, check_no_others, expect, Lines, tags
from traced import Build, execute, Tracer

MOMENTS = 150  # in exact_moments.c


class Api:
    """One method per matter."""

    def __init__(self, build, tracer):
        self.build, self.tracer, self.number = build, tracer, None

    def run(self, tap, program, *arguments, **options):
        """(result, what it printed as lines); it must end well."""
        result = self.tracer.run([self.build.program(program), *arguments], **options)
        name = " ".join((program, *arguments))
        tap.equal(result.status, 0, f"{name}: status", result.stderr)
        for trace in result.traces:
            self.number = trace.layout.numbers
        return result, result.stderr.decode().splitlines()

    def lines(self, trace, *options):
        return Lines(self.tracer.report(trace, "--group-by=line", *options))

    def marks(self, trace, *kinds):
        """[(kind, name)] of the trace, or the marks of some kinds."""
        names = {value: name[5:] for name, value in self.number.items() if name.startswith("MARK_")}
        if kinds:
            return [mark for mark in trace.marks if names[mark["kind"]] in kinds]
        return [(names[mark["kind"]], trace.mark_name(mark)) for mark in trace.marks]

    # ---- stop and start ----

    def paused(self, tap):
        result, output = self.run(tap, "paused")
        tap.equal(output, ["before: tracing 1 live 10000", "meanwhile: tracing 0 live 4000", "start 1 1",
                           "after: tracing 1 live 6000"], "paused: what the program is told")
        trace, lines = result.trace, self.lines(result.trace)
        expected = {"before": expect(10, 10000, 4, 4000, temporary_count=0), "after": expect(10, 2000, 10, 2000)}
        check_lines(tap, lines, "paused.c", expected, "paused")
        check_no_others(tap, lines, "paused.c", expected, "paused")
        check_no_anomalies(tap, trace, "paused")
        check_agreement(tap, trace, lines.report, "paused")
        tap.equal({call: trace.calls[call] for call in ("malloc", "realloc", "calloc")},
                  {"malloc": 30, "realloc": 1, "calloc": 1}, "paused: calls are counted all the same")
        tap.equal(self.marks(trace), [("PAUSED", ""), ("RESUMED", "")], "paused: one mark each")
        tap.equal(trace.header["flags"] & self.number["TRACE_PAUSED"], 0, "paused: not any more")

    def paused_fork(self, tap):
        result, _ = self.run(tap, "paused", "fork")
        child = next(trace for trace in result.traces if trace.header["flags"] & self.number["TRACE_FORKED"])
        parent = next(trace for trace in result.traces if trace is not child)
        lines = self.lines(child)
        expected = {"after": expect(1000, 200000, 1000, 200000)}
        check_lines(tap, lines, "paused.c", expected, "paused fork: the child")
        check_no_others(tap, lines, "paused.c", expected, "paused fork: the child")
        check_no_anomalies(tap, child, "paused fork: the child")
        tap.equal(lines.at("paused.c", "before").get("live_bytes"), 4000, "paused fork: what the child inherited")
        tap.equal(self.marks(child), [("RESUMED", "")], "paused fork: the child goes on")
        tap.equal(parent.header["flags"] & self.number["TRACE_PAUSED"], self.number["TRACE_PAUSED"],
                  "paused fork: the parent does not")

    def paused_sampled(self, tap):
        """In a sample as well, nothing that is handed out meanwhile is in it."""
        for sample_bytes in ("1", "1000"):
            result, _ = self.run(tap, "paused", environment={"MEMTRACE_SAMPLE_BYTES": sample_bytes})
            lines = self.lines(result.trace)
            for tag in ("unrecorded", "unrecorded_realloc", "unrecorded_pair"):
                tap.equal(lines.count("paused.c", tag), 0, f"paused, sampled by {sample_bytes}: @{tag}")
        result, _ = self.run(tap, "paused", environment={"MEMTRACE_SAMPLE_BYTES": "1"})
        check_lines(tap, self.lines(result.trace), "paused.c", {"after": expect(10, 2000, 10, 2000)}, "paused, sampled by 1")

    # ---- the peak ----

    def peak_reset(self, tap):
        result, output = self.run(tap, "peak_reset")
        tap.equal(output, ["early: live 1000 peak 501000", "reset 1", "reset: live 1000 peak 1000",
                           "middle: live 101000 peak 101000", "reset 1", "reset: live 31000 peak 31000",
                           "late: live 31000 peak 41000", "end: live 0 peak 41000"], "peak_reset: what the program is told")
        trace, lines = result.trace, self.lines(result.trace)
        check_lines(tap, lines, "peak_reset.c", {
            tag: {"peak_live_bytes": size} for tag, size in
            {"kept": 1000, "early": 0, "middle": 0, "other": 30000, "late": 10000}.items()}, "peak_reset: at the peak")
        tap.equal((lines.totals["peak_bytes"], trace.header["peak_bytes"]), (41000, 41000), "peak_reset: the peak")
        tap.equal([(mark["live_bytes"], mark["peak_bytes"]) for mark in self.marks(trace, "PEAK_RESET")],
                  [(1000, 1000), (31000, 31000)], "peak_reset: marks")
        check_no_anomalies(tap, trace, "peak_reset")

    # ---- forgetting ----

    CLEARED = {"third": expect(10, 300, 6, 180, temporary_count=0)}
    TOLD = ["first: live 1000000 peak 1000000", "clear 1", "cleared: live 0 peak 0", "second: live 7000 peak 10000",
            "clear 1", "cleared: live 0 peak 0", "third: live 180 peak 300"]

    def cleared(self, tap):
        for name, environment in (("cleared", {}), ("cleared, no ticks", {"MEMTRACE_HISTORY_INTERVAL": "0"}),
                                  ("cleared, no history", {"MEMTRACE_HISTORY_BYTES": "0"}),
                                  ("cleared, no thread", {"MEMTRACE_THREAD": "0"}),
                                  ("cleared, all sampled", {"MEMTRACE_SAMPLE_BYTES": "1"})):
            result, output = self.run(tap, "cleared", environment=environment)
            trace, lines = result.trace, self.lines(result.trace)
            tap.equal(output, self.TOLD, f"{name}: what the program is told")
            expected = {tag: dict(figures) for tag, figures in self.CLEARED.items()}
            if "sampled" in name:
                del expected["third"]["temporary_count"]
            check_lines(tap, lines, "cleared.c", expected, name)
            check_no_others(tap, lines, "cleared.c", expected, name)
            check_no_anomalies(tap, trace, name)
            check_agreement(tap, trace, lines.report, name)
            tap.equal((trace.calls["malloc"], trace.calls["realloc"]), (10, 0), f"{name}: calls since then")
            tap.equal((lines.totals["peak_bytes"], trace.header["live_bytes"] <= 300), (300, True), f"{name}: the peak since then")
            clears = self.marks(trace, "CLEARED")
            tap.equal([mark["live_bytes"] for mark in clears], [1000000, 7000], f"{name}: marks with what was forgotten")
            tap.equal(lines.report.get("cleared_time_ns"), clears[-1]["time_ns"] - trace.header["start_time_ns"],
                      f"{name}: the report says since when")
            if "no history" not in name:
                self.check_eras(tap, trace, name)

    def check_eras(self, tap, trace, name):
        """Moments before all was forgotten are what they were."""
        first, second, third = (self.lines(f"{trace.path}@{moment}") for moment in ("first", "second", "third"))
        check_lines(tap, first, "cleared.c", {"first": expect(10, 1000000, 10, 1000000)}, f"{name}: @first")
        check_lines(tap, second, "cleared.c", {"first": expect(0, 0), "second": expect(10, 2000, 10, 2000),
                                               "regrown": expect(1, 5000, 1, 5000), "temporary": expect(1, 3000)},
                    f"{name}: @second")
        check_lines(tap, third, "cleared.c", {"second": expect(0, 0), "third": expect(10, 300, 6, 180)}, f"{name}: @third")
        tap.equal([lines.report.get("cleared_time_ns") is not None for lines in (first, second, third)],
                  [False, True, True], f"{name}: moments say since when")

    def cleared_fork(self, tap):
        result, output = self.run(tap, "cleared", "fork")
        tap.equal(output, [*self.TOLD, "inherited: live 3439 peak 3439", "clear 1", "cleared: live 0 peak 0",
                           "child: live 7 peak 7"], "cleared fork: what the program is told")
        child = next(trace for trace in result.traces if trace.header["flags"] & self.number["TRACE_FORKED"])
        lines = self.lines(child)
        check_lines(tap, lines, "cleared.c", {"child": expect(1, 7, 1, 7), "handed_down": expect(0, 0),
                                              "third": expect(0, 0), "first": expect(0, 0)}, "cleared fork: the child")
        check_no_others(tap, lines, "cleared.c", {"child": {}}, "cleared fork: the child")
        check_agreement(tap, child, lines.report, "cleared fork: the child")
        check_no_anomalies(tap, child, "cleared fork: the child")
        inherited = self.lines(f"{child.path}@inherited")
        check_lines(tap, inherited, "cleared.c", {
            "handed_down": expect(0, 0, 299, 3289), "third": expect(0, 0, 5, 150), "first": expect(0, 0)},
            "cleared fork: before the child had it forgotten")

    def killed_while_clearing(self, tap):
        """A trace that was left in the middle: all is forgotten."""
        trace = self.run(tap, "cleared")[0].trace
        data = bytearray(trace.data)
        offset = next(at for name, _, _, at in trace.layout.structs["trace_header"][0] if name == "clears")
        data[offset] |= 1
        path = self.tracer.new_directory() / "left.memtrace"
        path.write_bytes(data)
        report = self.tracer.report(path)
        tap.equal({report["totals"][key] for key in ("alloc_count", "free_count", "live_bytes", "peak_bytes")}, {0},
                  "killed while clearing: nothing is left")
        tap.equal((report["totals"]["calls"]["malloc"], report["statistics"]), (0, []), "killed while clearing: no calls either")

    # ---- names ----

    def phases(self, tap):
        result, output = self.run(tap, "phases", environment={"MEMTRACE_HISTORY_INTERVAL": "0"})
        trace = result.trace
        tap.equal(output, ["snapshot 1"], "phases: what the program is told")
        tap.equal(self.marks(trace), [
            ("PHASE_BEGIN", "load"), ("POINT", "loaded"), ("PHASE_END", "load"), ("SNAPSHOT", "first"),
            ("PHASE_BEGIN", "outer"), ("PHASE_BEGIN", "inner"), ("PHASE_END", "inner"), ("PHASE_END", "outer"),
            ("SNAPSHOT", "second"), ("POINT", "x" * 255), ("POINT", "\x1b[31mred\n"), ("POINT", "")], "phases: marks")
        times = [mark["time_ns"] for mark in trace.marks]
        tap.equal(times, sorted(times), "phases: in the order of time")
        threads = {mark["thread"] for mark in trace.marks}
        inner = {mark["thread"] for mark in trace.marks if trace.mark_name(mark) == "inner"}
        tap.ok(len(inner) == 1 and len(threads) == 2, "phases: each by its own thread", f"{inner} {threads}")
        first, second = (self.lines(f"{trace.path}@{name}") for name in ("first", "second"))
        check_lines(tap, first, "phases.c", {"load": expect(1, 1000, 1, 1000), "outer": expect(0, 0)}, "phases: @first")
        check_lines(tap, second, "phases.c", {"load": expect(1, 1000), "outer": expect(1, 2000, 1, 2000),
                                              "inner": expect(1, 3000, 1, 3000), "late": expect(0, 0)}, "phases: @second")

    # ---- with threads ----

    def check_moments(self, tap, trace, name):
        """At each snapshot the sites sum to what the threads had, and none has less than nothing."""
        nodes = [owner["node"] for owner in trace.owners]
        kinds = [mark["kind"] for mark in trace.marks]
        wrong, negative, ticks = [], [], 0
        for _, mark, sums in trace.history_sums():
            if not mark or kinds[mark - 1] != self.number["MARK_SNAPSHOT"]:
                continue
            ticks += 1
            by_node = {}
            for index, figures in sums.items():
                by_node[nodes[index]] = by_node.get(nodes[index], 0) + figures[1] - figures[3]
            if sum(by_node.values()) != trace.marks[mark - 1]["live_bytes"]:
                wrong.append((mark, sum(by_node.values()), trace.marks[mark - 1]["live_bytes"]))
            negative += [item for item in by_node.items() if item[1] < 0]
        tap.equal(ticks, MOMENTS, f"{name}: a tick for each")
        tap.equal(wrong[:3], [], f"{name}: each exact")
        tap.equal(negative[:3], [], f"{name}: none less than nothing")

    def check_whole(self, tap, trace, name, lines):
        check_no_anomalies(tap, trace, name, allowed=("marks_lost",))
        check_agreement(tap, trace, lines.report, name)
        sites = trace.sites().values()
        tap.equal([site for site in sites if site["live_count"] < 0 or site["live_bytes"] < 0], [],
                  f"{name}: no site has less than nothing")
        peak = sum(site["peak_bytes"] for site in sites)
        tap.ok(abs(peak - trace.header["peak_bytes"]) <= trace.header["peak_slack_bytes"], f"{name}: the peak within its bound",
               f"{peak} {trace.header['peak_bytes']} {trace.header['peak_slack_bytes']}")

    def exact_moments(self, tap):
        for what in ("s", "r", "rsp", "c", "cs", "crsp", "ce"):
            name = f"exact_moments {what}"
            result, output = self.run(tap, "exact_moments", what)
            trace, lines = result.trace, self.lines(result.trace)
            tap.equal(output, ["0 failures"], f"{name}: all was done")
            self.check_whole(tap, trace, name, lines)
            if "s" in what:
                self.check_moments(tap, trace, name)
            resets = self.marks(trace, "PEAK_RESET")
            tap.equal([mark for mark in resets if mark["peak_bytes"] != mark["live_bytes"]], [],
                      f"{name}: {len(resets)} peaks are what was live")
            if "e" in what:
                check_lines(tap, lines, "exact_moments.c", {"slot": {"live_count": 0, "live_bytes": 0},
                                                            "regrown": {"live_count": 0, "live_bytes": 0}}, name)

    def forked_moments(self, tap):
        """Children that are made in the middle of all that."""
        for what in ("cf", "crspf"):
            result, output = self.run(tap, "exact_moments", what)
            tap.equal(output, ["0 failures"], f"exact_moments {what}: all was done")
            children = [trace for trace in result.traces if trace.header["flags"] & self.number["TRACE_FORKED"]]
            tap.ok(len(children) >= 20, f"exact_moments {what}: children", len(children))
            for index, child in enumerate(children):
                self.check_whole(tap, child, f"exact_moments {what}, child {index}", self.lines(child))
            tap.equal({self.lines(child).at("exact_moments.c", "child").get("live_bytes") for child in children}, {300 * 17},
                      f"exact_moments {what}: children record again what they allocate")

    # ---- blocks ----

    def reported(self, trace):
        """{line of tracebacks.c: [(module, offset)]} of what is live, from the tool, without what was inlined."""
        report = self.tracer.report(trace, "--group-by=traceback", "--system")
        stacks = {}
        for entry in filter(lambda entry: entry["live_count"], report["statistics"]):
            frames = [frame for frame in entry["traceback"] if not frame["inlined"]]
            line = next((frame["line"] for frame in frames if frame.get("file", "").endswith("tracebacks.c")), None)
            stacks[line] = [(frame.get("module", frame["function"]), frame.get("offset", 0)) for frame in frames]
        return stacks

    def tracebacks(self, tap):
        for name, environment in (("tracebacks", {}), ("tracebacks, depth 3", {"MEMTRACE_DEPTH": "3"})):
            result, _ = self.run(tap, "tracebacks", environment=environment)
            told, dumps = self.read_tracebacks(result.stdout.decode().splitlines())
            trace = next(trace for trace in result.traces if not trace.header["flags"] & self.number["TRACE_FORKED"])
            reported = self.reported(trace)
            for tag in ("deep", "strdup", "realloc", "thread"):
                expected = reported[tags()["tracebacks.c", tag]]
                tap.equal(told[tag][1], expected, f"{name}: {tag} as it is reported")
                tap.equal(told[tag][0], [str(len(expected)), "1"], f"{name}: {tag} with less room")
            tap.equal(told["child"], told["thread"], f"{name}: a forked child knows its parent's blocks")
            tap.equal([told[key] for key in ("inside", "stack", "null", "freed")], [(["0", "1"], [])] * 4,
                      f"{name}: what is no block has none")
            lines = [f"  {module}+0x{offset:x}" if not module.startswith("<") else f"  {module}"
                     for module, offset in told["thread"][1]]
            tap.equal(dumps[:-1], ["Memory block allocated at (most recent call first):", *lines], f"{name}: as text")
            tap.ok(dumps[-1].startswith("No block that memtrace knows begins at 0x"), f"{name}: none as text", dumps[-1])
        tap.equal(told["deep"][1][-1][0], "<deeper than the limit>", f"{name}: says where it was cut")

    @staticmethod
    def read_tracebacks(lines):
        """{name: ([count, is the same with less room], [(module, offset)])}, and the dumps' lines"""
        told, dumps, name = {}, [], None
        for line in lines:
            words = line.rsplit(" ", 2)
            if line.startswith(("Memory", "No", "  ")):
                dumps.append(line)
            elif words[1].isdigit() and words[0].isalpha() and words[0] not in told:
                name = words[0]
                told[name] = (words[1:], [])
            else:
                told[name][1].append((words[0], int(words[1], 16)))
        return told, dumps

    # ---- custom pools ----

    POOLS = {"object": expect(100, 2400, 40, 960), "temporary": expect(50, 1200, temporary_count=50),
             "name": expect(2001, 200 * (10 + 45) + 19, 1, 19), "scratch_memory": expect(200, 200000),
             "scratch": expect(200, 20000), "scratch_more": expect(200, 40000),
             "grown_from": expect(1, 10), "grown": expect(1, 30, 1, 30)}

    def pools(self, tap):
        """Slabs, regions in regions, blocks that grow; nothing of it in the heap's figures. In a sample, blocks of one
        byte are what the draw makes of them."""
        for name, environment in (("pools", {}), ("pools, depth 3", {"MEMTRACE_DEPTH": "3"}),
                                  ("pools, all sampled", {"MEMTRACE_SAMPLE_BYTES": "1"})):
            result, _ = self.run(tap, "pools", environment=environment)
            trace, lines = result.trace, self.lines(result.trace, "--domain=pool")
            expected = {tag: {key: value for key, value in figures.items() if key != "temporary_count" or not environment}
                        for tag, figures in self.POOLS.items()}
            if "sampled" in name:
                expected["name"] = expect(lines.count("pools.c", "name"), lines.count("pools.c", "name", "alloc_bytes"), 1, 19)
            check_lines(tap, lines, "pools.c", expected, name)
            check_no_others(tap, lines, "pools.c", expected, name)
            tap.equal((lines.totals["live_bytes"], lines.totals["live_count"]), (960 + 19 + 30, 42), f"{name}: totals")
            check_no_anomalies(tap, trace, name, allowed=("stack_too_deep",) if "depth" in name else ())
            heap = self.lines(trace)
            expected = {"slab_memory": {"alloc_count": 1}, "region_memory": expect(1, 65536, 1, 65536)}
            check_lines(tap, heap, "pools.c", expected, f"{name}: the heap")
            check_no_others(tap, heap, "pools.c", expected, f"{name}: the heap")
            check_agreement(tap, trace, heap.report, f"{name}: the heap")

    def pools_in_threads(self, tap):
        result, _ = self.run(tap, "pools", "more")
        child = next(trace for trace in result.traces if trace.header["flags"] & self.number["TRACE_FORKED"])
        parent = next(trace for trace in result.traces if trace is not child)
        expected = {**self.POOLS, "shared": expect(2000, 48000, 4, 96)}
        check_lines(tap, self.lines(parent, "--domain=pool"), "pools.c", expected, "pools in threads")
        check_no_others(tap, self.lines(parent, "--domain=pool"), "pools.c", expected, "pools in threads")
        expected = {"child": expect(10, 240, 10, 240), "object": expect(0, 0, 40, 960), "shared": expect(0, 0, 2, 48),
                    "name": expect(0, 0), "grown": expect(0, 0)}
        check_lines(tap, self.lines(child, "--domain=pool"), "pools.c", expected, "pools in a forked child")
        check_no_others(tap, self.lines(child, "--domain=pool"), "pools.c", {"child": {}}, "pools in a forked child")
        for trace in (parent, child):
            check_no_anomalies(tap, trace, "pools in threads")

    def pool_models(self, tap):
        """Threads that do anything at random to each other's blocks, against a model."""
        for arguments in (("1",), ("2", "clear"), ("3", "fork"), ("4", "clear", "fork")):
            name = " ".join(("pool_model", *arguments))
            result, output = self.run(tap, "pool_model", *arguments)
            traces = {"child" if trace.header["flags"] & self.number["TRACE_FORKED"] else "program": trace
                      for trace in result.traces}
            tap.equal(len(traces), 1 + ("fork" in arguments), f"{name}: traces")
            tap.equal([line for line in output if line.startswith("cleared")], ["cleared 1"] * ("clear" in arguments),
                      f"{name}: cleared")
            for who, trace in traces.items():
                told = [line.split()[1:] for line in output if line.startswith(who)]
                tap.equal(told[0], ["tracebacks", "wrong:", "0"], f"{name}, {who}: every block's traceback, and no other's")
                expected = {words[0]: expect(*map(int, words[1:])) for words in told[1:]}
                tap.equal(len(expected), 4, f"{name}, {who}: sites")
                lines = self.lines(trace, "--domain=pool")
                check_lines(tap, lines, "pool_model.c", expected, f"{name}, {who}")
                check_no_others(tap, lines, "pool_model.c", expected, f"{name}, {who}")
                check_no_anomalies(tap, trace, f"{name}, {who}")

    # ---- where it is hard ----

    def stuck(self, tap):
        """A thread that does not come out of malloc is waited for, but not for ever."""
        result, output = self.run(tap, "stuck")
        tap.equal(output, ["alone: reset 1 clear 1 snapshot 1", "stuck: reset 0 clear 0 snapshot 1",
                           "free: reset 1 clear 1 snapshot 1", "ended: reset 1 clear 1 snapshot 1"],
                  "stuck: refused, or done")
        check_no_anomalies(tap, result.trace, "stuck")

    def handler_asks(self, tap):
        result, output = self.run(tap, "handler_asks")
        trace, lines = result.trace, self.lines(result.trace)
        tap.equal(output, ["errno changed 0 times"], "handler_asks: errno is kept")
        check_agreement(tap, trace, lines.report, "handler_asks")
        check_no_anomalies(tap, trace, "handler_asks", allowed=("reentrant",))
        tap.equal([site for site in trace.sites().values() if site["live_bytes"] < 0], [],
                  "handler_asks: no site has less than nothing")
        tap.ok(len(trace.marks) > 500, "handler_asks: marks", len(trace.marks))

    # ---- without the recorder ----

    def alone(self, tap):
        for program, output in (("paused", ["before: tracing 0 live 0", "meanwhile: tracing 0 live 0", "start 0 0",
                                            "after: tracing 0 live 0"]),
                                ("phases", ["snapshot 0"]), ("pools", [])):
            result = execute([self.build.program(program)])
            tap.equal((result.status, result.stderr.decode().splitlines()), (0, output), f"{program}: without the recorder")


ALL = "paused paused_fork paused_sampled peak_reset cleared cleared_fork killed_while_clearing phases exact_moments forked_moments tracebacks pools pools_in_threads pool_models stuck handler_asks alone".split()


def main():
    with Tap() as tap, Tracer(Build()) as tracer:
        api = Api(tracer.build, tracer)
        for name in sys.argv[2:] or ALL:
            tap.run(getattr(api, name), name=name)


if __name__ == "__main__":
    main()
