# SPDX-License-Identifier: BSD-2-Clause
"""cpu_hot_lines.py -- Do memtrace and perf record find the same hot places in real programs?

A place is a function, or where there are no symbols an address in a module; then a line, by binutils'
addr2line of perf's addresses. A cell is its share of the samples, in percent, with its standard
error."""

import functools
import json
import math
import os
import pathlib
import re
import subprocess

from measure import Command, interleave
from samplers import installed_samplers
from table import Row
from trial import remove

TITLE = "hottest places of real programs (own share in %)"
HZ = 1000
PLACES = {"functions": 4, "lines": 3}
TOO_FAR = 5  # standard errors
NAMELESS = re.compile(r"\{?([^+{]+?)(?:\.so[\d.]*)?\+0x0*([0-9a-f]+)\}?$")

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


# --- what was sampled: {"functions": {name: samples}, "lines": {FILE:LINE: samples}} ---


def memtrace_places(lab, place):
    """Functions are those that perf knows, whatever was inlined into them; lines the innermost ones."""
    traces = sorted(place.glob("*.memtrace"))
    report = json.loads(run_text([lab.tool, "report", "--cpu", "--json", "-n0", "-g", "line", *traces]))
    functions, lines, weight = {}, {}, 0
    for line in run_text([lab.tool, "export", "--cpu", "--format=perf", "-o", "-", *traces]).splitlines():
        stack = re.search(r": (\d+) cpu-clock:", line)
        frame = re.match(r"\s+[0-9a-f]+ (.*) \((/.*)\)$", line)
        if stack:
            weight = int(stack.group(1)) * report["cpu"]["samples"] / report["cpu"]["sampled_ns"]
        elif weight and frame:
            if not NAMELESS.match(frame.group(1)):
                count(functions, symbol_name(*frame.groups()), weight)
            weight = 0
    for item in report["statistics"]:
        if item["self_samples"] and NAMELESS.match(item["key"]):
            count(functions, symbol_name(item["key"], ""), item["self_samples"])
        elif item["self_samples"] and item.get("line"):
            count(lines, line_name(item["file"], item["line"]), item["self_samples"])
    return {"functions": functions, "lines": lines}


def perf_places(place):
    text = run_text(["perf", "script", "-i", place / "perf.data", "-F", "ip,sym,symoff,dso", "--show-mmap-events"])
    functions, addresses, mappings = {}, {}, []
    for line in text.splitlines():
        mapping = re.search(r"MMAP2? .*\[(0x[0-9a-f]+)\((0x[0-9a-f]+)\) @ (0x[0-9a-f]+|0)[ \]].*? (/.*)", line)
        sample = re.match(r"\s*([0-9a-f]+) (.*) \((.*)\)$", line)
        if mapping:
            start, size, offset = (int(number, 16) for number in mapping.groups()[:3])
            mappings.append((start, start + size, offset, mapping.group(4)))
        elif sample:
            address, symbol, module = int(sample.group(1), 16), sample.group(2), sample.group(3)
            offset, module = next(((offset + address - start, path) for start, end, offset, path in reversed(mappings)
                                   if start <= address < end and os.path.exists(path)), (None, module))
            symbol = re.sub(r"\+0x[0-9a-f]+$", "", symbol)
            if offset is not None:
                count(addresses.setdefault(module, {}), offset)
                if symbol.startswith("[unknown]"):
                    symbol = f"{os.path.basename(module)}+{in_memory(segments(module), offset):#x}"
            count(functions, symbol_name(symbol, module))
    lines = {}
    for module, counts in addresses.items():
        for name, number in lines_of(module, counts):
            count(lines, name, number)
    return {"functions": functions, "lines": lines}


def lines_of(module, counts):
    """[(FILE:LINE, samples)] of what the module has lines for."""
    loads = segments(module)
    output = run_text(["addr2line", "-e", module], "".join(f"{in_memory(loads, offset):#x}\n" for offset in counts))
    for answer, number in zip(output.splitlines(), counts.values()):
        match = re.match(r"(.*):(\d+)", answer)
        if match and match.group(2) != "0":
            yield line_name(*match.groups()), number


def run_text(argv, text=None):
    return subprocess.run(argv, input=text, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True).stdout


def count(counts, name, number=1):
    counts[name] = counts.get(name, 0) + number


# --- names of places ---


@functools.cache
def segments(module):
    """[(offset in the file, address, size)]"""
    words = (line.split() for line in run_text(["readelf", "-lW", module]).splitlines())
    return [tuple(int(number, 16) for number in (word[1], word[2], word[4])) for word in words if word[:1] == ["LOAD"]]


def in_memory(loads, offset):
    return next((address + offset - start for start, address, size in loads if start <= offset < start + size), offset)


def debug_file(module):
    match = re.search(r"Build ID: (..)([0-9a-f]+)", run_text(["readelf", "-nW", module]))
    path = pathlib.Path("/usr/lib/debug/.build-id", match.group(1), match.group(2) + ".debug") if match else None
    return path if path and path.exists() else None


@functools.cache
def one_names(module):
    """{name: the same one for all that have its address}: memmove is memcpy, in most C libraries."""
    names = {}
    for file in filter(None, (module, debug_file(module))):
        for word in (line.split() for line in run_text(["readelf", "-sW", file]).splitlines()):
            if len(word) == 8 and word[3] in ("FUNC", "IFUNC") and word[6] != "UND":
                names.setdefault(word[1], set()).add(word[7].split("@")[0])
    return {name: max(same, key=lambda one: (len(one), one)) for same in names.values() for name in same}


def symbol_name(name, module):
    """As one of those that the address has, without what compilers append. Nameless:
    liblzma+0x1692b, whatever the library's full version and the number's zeros."""
    match = NAMELESS.match(name)
    if match:
        return f"{match.group(1)}+0x{match.group(2)}"
    name = re.sub(r"\.(lto_priv|isra|part|constprop|cold).*|@.*", "", name)
    return one_names(module).get(name, name) if os.path.exists(module) else name


def line_name(file, line):
    return f"{os.path.basename(file)}:{line}"


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


def share(counts, name, total):
    """(of one, its standard error)"""
    part = counts.get(name, 0) / total
    return part, math.sqrt(max(part, 1 / total) * (1 - part) / total)


def rows_of(lab, program, places, what):
    counts = {sampler: found[what] for sampler, found in places.items()}
    totals = {sampler: sum(found["functions"].values()) for sampler, found in places.items()}
    reference = "perf record" if "perf record" in counts else next(iter(counts))
    for name in sorted(counts[reference], key=counts[reference].get, reverse=True)[:PLACES[what]]:
        row = Row("cpu_hot_lines", f"{program}: {name}", "s")
        wanted, wanted_error = share(counts[reference], name, totals[reference])
        for sampler, found in counts.items():
            part, error = share(found, name, totals[sampler])
            row.texts[sampler] = f"{100 * part:.1f} ± {100 * error:.1f}"
            if abs(part - wanted) > TOO_FAR * math.hypot(error, wanted_error):
                lab.note(f"{program}, {name}: {sampler} is {abs(part - wanted) / math.hypot(error, wanted_error):.1f} "
                         "standard errors away.")
        yield row


def rows(lab, samplers):
    for program, argv in programs(lab).items():
        lab.say(f"cpu_hot_lines: {program}")
        places = {}

        def run(sampler, _, argv=argv, places=places):
            outcome, found = run_once(lab, sampler, argv)
            for what, counts in found.items():
                of_sampler = places.setdefault(sampler.name, {what: {} for what in PLACES})[what]
                for name, number in counts.items():
                    count(of_sampler, name, number)
            return outcome

        outcomes = interleave(lab, samplers, run)
        all_rows = [row for what in PLACES for row in rows_of(lab, program, places, what)] if places else []
        for number, row in enumerate(all_rows):
            yield row, outcomes if number == 0 else {}
