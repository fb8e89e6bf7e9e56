# SPDX-License-Identifier: BSD-2-Clause
"""test_counters.py -- Every counter of a trace's header counts, and the report says what it means.

Each has a row here, with a program that makes it count and, where that can be known, how often. A
counter that trace_format.h has and this table has not is a failure: so the list cannot fall behind."""

import dataclasses
import re
import resource
import shutil

from tap import Tap
from trace_file import HEADER_FILE, TraceFile
from traced import Build, Result, Tracer, collect, wait_until

THREADS_SHOWN = 8192
WORTH_A_TRACE = 256  # allocations of a forked child, after which it has a trace of its own
COPIES = 60


def at_least(least):
    return lambda count, trace: count >= least


def exactly(expected):
    return lambda count, trace: count == expected


def all_but_shown(count, trace):
    """Of all threads so many are in the trace that the rest is what was folded."""
    return count == trace.header["threads_seen"] - (len(trace.threads) - 1) and len(trace.threads) == THREADS_SHOWN


def under_overflow(count, trace):
    """The allocations at the site of this name are those that were counted."""
    special = ("special", trace.layout.numbers["SPECIAL_OVERFLOW"])
    return count == sum(site["alloc_count"] for node, site in trace.sites().items() if trace.stack(node) == [special]) > 0


@dataclasses.dataclass
class Row:
    """What makes a counter count, and what it must come to."""
    arguments: list
    is_right: object
    words: str                # of the report, if it is an anomaly
    behind: tuple = ()
    environment: dict = dataclasses.field(default_factory=dict)
    limits: tuple = ()


ANOMALIES = {
    "unknown_free": Row(["counts", "unknown_free"], exactly(1000), "frees of blocks that no recorded call handed out"),
    "reused_live": Row(["counts", "reused_live"], exactly(1000), "handed out again while live"),
    "reentrant": Row(["counts", "reentrant"], exactly(2000), "interrupted the recorder", behind=("libodd_allocator.so",)),
    "overflow": Row(["many_sites", "13"], under_overflow, "no room for another call site",
                    limits=((resource.RLIMIT_FSIZE, 256 << 10),)),
    "untracked": Row(["counts", "untracked"], exactly(1000), "could not be remembered", behind=("libodd_allocator.so",)),
    "stack_too_deep": Row(["many_sites", "10"], at_least(1), "cut at the depth limit", environment={"MEMTRACE_DEPTH": "4"}),
    "stack_cut": Row(["assembly"], at_least(1), "no rule tells the caller"),
    "modules_lost": Row(["counts", "modules_lost", *["{copy}"] * COPIES], at_least(1), "modules found no room"),
    "threads_folded": Row(["short_threads"], all_but_shown, "summed up in one"),
    "before_own_trace": Row(["fork_child", "lot"], lambda count, trace: 0 < count <= WORTH_A_TRACE, "came before it had a trace"),
    "grow_failed": Row(["many_sites", "13"], at_least(1), "could not grow", limits=((resource.RLIMIT_FSIZE, 256 << 10),)),
    "stack_guessed": Row(["counts", "stack_guessed"], exactly(1), "generated at run time"),
    "marks_lost": Row(["counts", "marks_lost"], exactly(1000), "marks found no room"),
    "history_lost": Row(["counts", "history_lost"], exactly(1000), "ticks of the history", environment={"MEMTRACE_THREAD": "0"}),
    "pools_lost": Row(["counts", "pools_lost"], at_least(1), "calls for custom pools"),
    "series_lost": Row(["counts", "series_lost"], at_least(1), "readings of the process's memory",
                       environment={"MEMTRACE_RSS_INTERVAL": "1ms"}),
    "mappings_lost": Row(["counts", "mappings_lost"], at_least(1), "calls that map memory"),
}

# The others that count in the header itself; they are no losses, so no words.
OTHERS = {
    "threads_seen": Row(["short_threads"], exactly(10001), ""),
    "clears": Row(["counts", "clears"], exactly(2 * 3), ""),
    "peak_epoch": Row(["counts", "peak_epoch"], at_least(1000), ""),
    "extent_count": Row(["many_sites", "12"], at_least(4), ""),
}


def fields_that_count():
    """Names of the header's counters, as trace_format.h has them."""
    text = HEADER_FILE.read_text()
    anomalies = [name.lower() for name in re.findall(r"ANOMALY_(\w+),", text.split("enum trace_anomaly")[1].split("}")[0])]
    header = re.sub(r"/\*.*?\*/", "", text.split("struct trace_header {")[1].split("\n};")[0], flags=re.S)
    fields = re.findall(r"(\w+)(?:\[\w+\])?;", header)
    return anomalies, [name for name in fields if name.endswith(("_seen", "_epoch", "_count", "clears"))]


def arguments_of(tracer, row):
    """With copies of a library under different names, if the row asks for them."""
    directory, arguments = tracer.new_directory(), []
    for number, text in enumerate(row.arguments[1:]):
        if text == "{copy}":
            text = str(directory / f"libcopy{number}.so")
            shutil.copy(tracer.build.programs / "libreuse_a.so", text)
        arguments.append(text)
    return [tracer.build.program(row.arguments[0]), *arguments]


def run_until_counted(tracer, argv, row, name):
    """For what a thread of the recorder's does: the program waits until it has been done."""
    directory = tracer.new_directory()
    with tracer.start(argv, directory, row.environment) as process:
        def has_counted():
            paths = list(directory.glob("*.memtrace"))
            return bool(paths) and TraceFile(paths[0]).anomalies[name] > 0
        wait_until(has_counted)
        process.communicate()
    result = Result(process.returncode, b"", b"")
    collect(result, directory)
    return result


def run(tracer, row, name):
    argv = arguments_of(tracer, row)
    if name == "series_lost":
        return run_until_counted(tracer, argv, row, name)
    return tracer.run(argv, behind=[tracer.build.programs / library for library in row.behind],
                      environment=row.environment, limits=row.limits)


def check_anomaly(tap, tracer, name, row):
    result = run(tracer, row, name)
    tap.equal(result.status, 0, f"{name}: the program's status", result.stderr)
    trace = result.traces[-1]
    count = trace.anomalies[name]
    tap.ok(row.is_right(count, trace), f"{name}: {count}", trace.anomalies)
    report = tracer.report(trace, "--group-by=module")
    told = [reason for reason in report["incomplete_because"] if row.words in reason]
    tap.ok(len(told) == 1, f"{name}: the report says so", report["incomplete_because"])


def check_other(tap, tracer, name, row):
    trace = run(tracer, row, name).traces[-1]
    tap.ok(row.is_right(trace.header[name], trace), f"{name}: {trace.header[name]}")


def check_list(tap):
    anomalies, others = fields_that_count()
    tap.equal(set(anomalies) - {"count", "max"}, set(ANOMALIES), "each anomaly of trace_format.h has a row here")
    tap.equal(set(others), set(OTHERS), "and each other counter of its header")


def main():
    with Tap() as tap, Tracer(Build()) as tracer:
        tap.run(check_list)
        for name, row in ANOMALIES.items():
            tap.run(check_anomaly, tracer, name, row, name=name)
        for name, row in OTHERS.items():
            tap.run(check_other, tracer, name, row, name=name)


if __name__ == "__main__":
    main()
