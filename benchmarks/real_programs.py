# SPDX-License-Identifier: BSD-2-Clause
"""real_programs.py -- What does recording cost programs that people run? CPU of the whole run, of
the process and its children."""

import servers
import workloads
from measure import interleave
from trial import allocations, median_of, row_of, trial, without_slow

TITLE = "CPU of real programs (+ns per allocation)"

SCALE_QUICK = 0.08
QUICK = ("python3", "lua", "cc1plus", "jq", "sqlite3", "4 threads", "2,700", "redis")
# With fewer allocations in a second of bare CPU than this, what one costs is only noise.
OFTEN_PER_S = 50_000


def is_asked_for(lab, name):
    if lab.only_programs:
        return any(word in name for word in lab.only_programs)
    return not lab.quick or name.startswith(QUICK)


def wanted(lab, programs):
    for program in programs:
        if not is_asked_for(lab, program.name):
            continue
        missing = program.missing()
        if missing:
            lab.note(f"{program.name}: skipped, there is no {', '.join(missing)}.")
            continue
        lab.say(f"real_programs: {program.name}")
        yield program


def cost(lab, name, peers, outcomes):
    count, bare = allocations(outcomes), median_of(outcomes, "bare", lambda outcome: outcome.cpu_s)
    per = count if count and bare and count / bare > OFTEN_PER_S else None
    return row_of(lab, "real_programs", name, "s", peers, outcomes, lambda outcome: outcome.cpu_s, per, "ns")


def peak(lab, name, peers, outcomes):
    return row_of(lab, "real_programs", name + ", peak RSS", "B", peers, outcomes, lambda outcome: outcome.peak_bytes)


def run_workload(lab, peers, workload, scale):
    """{peer: [Outcome]}"""
    argv = workload.prepare(lab, scale)
    stdin = lab.inputs / workload.stdin if workload.stdin else None

    def run(peer, is_first):
        return trial(lab, peer, argv, is_first, workload.variables, stdin)

    return interleave(lab, without_slow(lab, peers, workload.is_small), run)


def run_server(lab, peers, server, scale):
    if server.prepare:
        server.prepare(lab)
    return interleave(lab, without_slow(lab, peers, False),
                      lambda peer, is_first: servers.serve(lab, server, peer, scale, is_first))


def rows(lab, peers):
    scale = SCALE_QUICK if lab.quick else 1
    for workload in wanted(lab, workloads.ALL):
        outcomes = run_workload(lab, peers, workload, scale)
        yield cost(lab, workload.name, peers, outcomes), outcomes
        if workload.has_peak:
            yield peak(lab, workload.name, peers, outcomes), {}
    for server in wanted(lab, servers.ALL):
        outcomes = run_server(lab, peers, server, scale)
        yield cost(lab, server.name, peers, outcomes), outcomes
