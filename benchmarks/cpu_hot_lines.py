# SPDX-License-Identifier: BSD-2-Clause
"""cpu_hot_lines.py -- Do memtrace and perf record find the same hot places in real programs?

A place is a function, or where there are no symbols an address in a module. A cell is its share of
the samples, in percent, with its standard error."""

import json
import math
import re
import subprocess

from measure import Command, interleave
from samplers import installed_samplers
from table import Row
from trial import remove

TITLE = "hottest places of real programs (own share in %)"
HZ = 1000
PLACES = 4
TOO_FAR = 5  # standard errors

SQL = """create table t(a integer, b text);
with recursive c(x) as (select 1 union all select x+1 from c where x<{rows}) insert into t
select x*7919%100003, 'row '||x from c;
create index i on t(b);
select count(*), sum(length(b)) from t where b like '%99%';
select a, count(*) from t group by a order by 2 desc limit 5;"""
PYTHON = """import json
for i in range({rounds}): json.loads(json.dumps({{str(k): [k, k * 2.5, "x" * k] for k in range(60)}}))"""


def peers(lab):
    return installed_samplers(lab)


def programs(lab):
    scale = 1 if lab.quick else 8
    data = lab.inputs / "numbers"
    data.write_bytes(b"".join(b"%d %d\n" % (i, i * i * 7919 % 1000003) for i in range(40000 * scale)))
    return {"xz": ["/usr/bin/xz", "-6", "-T1", "-k", "-c", str(data)],
            "sqlite3": ["/usr/bin/sqlite3", ":memory:", SQL.format(rows=60000 * scale)],
            "python3": ["/usr/bin/python3", "-c", PYTHON.format(rounds=1000 * scale)]}


def memtrace_places(lab, place):
    traces = sorted(place.glob("*.memtrace"))
    output = subprocess.run([lab.tool, "report", "--cpu", "--json", "-n0", "-g", "line", *traces],
                            stdout=subprocess.PIPE, check=True).stdout
    found = {}
    for item in json.loads(output)["statistics"]:
        name = place_name(item.get("function") or item["key"])
        found[name] = found.get(name, 0) + item["self_samples"]
    return {name: samples for name, samples in found.items() if samples}


def perf_places(place):
    output = subprocess.run(["perf", "report", "-i", place / "perf.data", "--stdio", "-s", "dso,sym", "-F", "sample,dso,sym"],
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True).stdout
    found = {}
    for line in output.splitlines():
        match = re.match(r"\s*(\d+)\s+(\S+)\s+\[[.k]\] (.*\S)", line)
        if match:
            samples, module, name = match.groups()
            name = place_name(f"{module}+{name}" if name.startswith("0x") else name)
            found[name] = found.get(name, 0) + int(samples)
    return found


def place_name(name):
    """liblzma.so.5+0x1692b, whatever the library's full version and the number's zeros."""
    match = re.match(r"\{?([^+{]+?)(?:\.so[\d.]*)?\+0x0*([0-9a-f]+)\}?$", name)
    if match:
        return f"{match.group(1)}+0x{match.group(2)}"
    return re.sub(r"^\{?(\S+).*", r"\1", name)


def run_once(lab, sampler, argv):
    place = lab.new_place()
    try:
        command, variables = sampler.command(lab, argv, place, HZ)
        outcome = Command(lab, command, variables, place, output=False).wait(lab.limit_s)
        if outcome.trouble or sampler.name == "bare":
            return outcome, {}
        return outcome, memtrace_places(lab, place) if sampler.is_memtrace else perf_places(place)
    finally:
        remove(place)


def share(counts, name):
    """(of one, its standard error)"""
    total = sum(counts.values())
    part = counts.get(name, 0) / total
    return part, math.sqrt(max(part, 1 / total) * (1 - part) / total)


def rows_of(lab, program, counts):
    reference = counts.get("perf record") or next(iter(counts.values()))
    for name in sorted(reference, key=reference.get, reverse=True)[:PLACES]:
        row = Row("cpu_hot_lines", f"{program}: {name}", "s")
        wanted, wanted_error = share(reference, name)
        for sampler, found in counts.items():
            part, error = share(found, name)
            row.texts[sampler] = f"{100 * part:.1f} ± {100 * error:.1f}"
            if abs(part - wanted) > TOO_FAR * math.hypot(error, wanted_error):
                lab.note(f"{program}, {name}: {sampler} is {abs(part - wanted) / math.hypot(error, wanted_error):.1f} "
                         "standard errors away.")
        yield row


def rows(lab, samplers):
    for program, argv in programs(lab).items():
        lab.say(f"cpu_hot_lines: {program}")
        counts = {}

        def run(sampler, _, argv=argv, counts=counts):
            outcome, places = run_once(lab, sampler, argv)
            for name, number in places.items():
                of_sampler = counts.setdefault(sampler.name, {})
                of_sampler[name] = of_sampler.get(name, 0) + number
            return outcome

        outcomes = interleave(lab, samplers, run)
        for number, row in enumerate(rows_of(lab, program, counts) if counts else ()):
            yield row, outcomes if number == 0 else {}
