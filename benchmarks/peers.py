# SPDX-License-Identifier: BSD-2-Clause
"""peers.py -- memtrace and those who do something like it: how each is put in front of a program,
and how to see whether it recorded anything."""

import dataclasses
import json
import pathlib
import re
import shutil
import subprocess

LIBRARY_FOLDERS = ("/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib")
HEAPTRACK_PRELOAD = "heaptrack/libheaptrack_preload.so"


def find_library(name):
    return next((f"{folder}/{name}" for folder in LIBRARY_FOLDERS if pathlib.Path(folder, name).exists()), None)


@dataclasses.dataclass(frozen=True)
class Peer:
    """One column. {place} in templates is the directory of this run, {file} what was found."""
    name: str
    file: str | None = None        # the program or library that must be there
    variables: tuple = ()          # (name, template)
    prefix: tuple = ()             # templates before the program
    base: str = "bare"             # what its cost is compared with
    output: str = ""               # glob of what it writes
    count: object = None           # of one output file: how many allocations it saw
    is_exact: bool = False         # count is the number of allocations
    is_slow: bool = False          # only with small workloads, once
    variant: str = ""              # has to be built into the program

    def is_there(self, lab):
        if self.variant:
            return pathlib.Path(lab.program("pair_cost" + self.variant)).exists()
        return self.name == "bare" or bool(self.file)

    def command(self, lab, argv, place):
        """(argv, variables), or None for a program that would have to be rebuilt."""
        if self.variant:
            if pathlib.Path(argv[0]).parent != lab.build / "benchmarks":
                return None
            argv = [argv[0] + self.variant, *argv[1:]]
        fill = {"place": place, "file": self.file}
        return ([part.format(**fill) for part in self.prefix] + list(argv),
                {name: value.format(**fill) for name, value in self.variables})

    def outputs(self, place):
        return sorted(place.glob(self.output)) if self.output else []

    def recorded(self, place):
        """How many allocations it saw; None: no telling; 0: nothing at all."""
        if not self.output:
            return None
        if not self.count:
            return None if self.outputs(place) else 0
        outputs = self.outputs(place)
        if len(outputs) > MANY_OUTPUTS:
            return None
        return sum(self.count(path) for path in outputs)


# With more files than these, counting would take longer than recording.
MANY_OUTPUTS = 8


def count_in_trace(tool):
    def count(path):
        process = subprocess.run([tool, "report", "--json", path], capture_output=True, check=False)
        try:
            return json.loads(process.stdout)["totals"]["alloc_count"]
        except (ValueError, KeyError):
            return 0
    return count


def count_in_heaptrack(path):
    """Lines that begin with a plus, in a raw or an interpreted file."""
    reader = {".zst": "zstd -dcq", ".gz": "gzip -dc"}.get(path.suffix, "cat")
    script = f'{reader} < "$0" 2>/dev/null | grep -ac "^+"'
    process = subprocess.run(["sh", "-c", script, path], capture_output=True, check=False, text=True)
    return int(process.stdout or 0)


def count_in_heap_profile(path):
    """From the first line, as `heap profile: 3: 96 [ 1000: 64000] @`."""
    with open(path, errors="replace") as file:
        match = re.match(r"heap profile: .*\[ *(\d+):", file.readline())
    return int(match.group(1)) if match else 0


def count_in_massif(path):
    """Snapshots with anything in them."""
    return len(re.findall(r"mem_heap_B=[1-9]", path.read_text(errors="replace")))


def count_in_dhat(path):
    return sum(map(int, re.findall(r'"tbk":(\d+)', path.read_text(errors="replace"))))


def all_peers(lab):
    """Bare first, then memtrace, then everyone else in the order of the table."""
    heaptrack = shutil.which("heaptrack")
    jemalloc, tcmalloc = find_library("libjemalloc.so.2"), find_library("libtcmalloc.so.4")
    valgrind = shutil.which("valgrind")
    recorder = str(lab.recorder)
    trace = ("MEMTRACE_OUTPUT", "{place}/%n.%p.memtrace")
    preload = ("LD_PRELOAD", "{file}")
    in_trace = count_in_trace(lab.tool)
    return [
        Peer("bare"),
        Peer("memtrace", recorder, (preload, trace), output="*.memtrace", count=in_trace, is_exact=True),
        Peer("memtrace run", str(lab.tool), prefix=("{file}", "run", "--output={place}/%n.%p.memtrace", "--"),
             output="*.memtrace", count=in_trace, is_exact=True),
        Peer("memtrace sampled", recorder, (preload, trace, ("MEMTRACE_SAMPLE_BYTES", "524288")), output="*.memtrace"),
        Peer("heaptrack", heaptrack, prefix=("{file}", "-o", "{place}/heaptrack"), output="heaptrack.*",
             count=count_in_heaptrack, is_exact=True),
        Peer("heaptrack recording", find_library(HEAPTRACK_PRELOAD),
             (preload, ("DUMP_HEAPTRACK_OUTPUT", "{place}/raw.$$")), output="raw.*", count=count_in_heaptrack,
             is_exact=True),
        Peer("jemalloc", jemalloc, (preload,)),
        Peer("jemalloc prof", jemalloc,
             (preload, ("MALLOC_CONF", "prof:true,lg_prof_sample:19,prof_final:true,prof_prefix:{place}/jeprof")),
             base="jemalloc", output="jeprof.*"),
        Peer("tcmalloc", tcmalloc, (preload,)),
        Peer("tcmalloc sampled", tcmalloc, (preload, ("TCMALLOC_SAMPLE_PARAMETER", "524288")), base="tcmalloc"),
        Peer("tcmalloc HEAPPROFILE", tcmalloc, (preload, ("HEAPPROFILE", "{place}/profile")), base="tcmalloc",
             output="profile.*", count=count_in_heap_profile, is_slow=True),
        Peer("massif", valgrind, prefix=("{file}", "-q", "--tool=massif", "--massif-out-file={place}/massif.%p"),
             output="massif.*", count=count_in_massif, is_slow=True),
        Peer("DHAT", valgrind, prefix=("{file}", "-q", "--tool=dhat", "--dhat-out-file={place}/dhat.%p"),
             output="dhat.*", count=count_in_dhat, is_slow=True),
        Peer("LSan", variables=(("LSAN_OPTIONS", "exitcode=0:log_path={place}/lsan"),), variant="_lsan"),
    ]


def installed_peers(lab):
    """Those that can be measured here; a base is kept for the sake of who is compared with it."""
    there = [peer for peer in all_peers(lab) if peer.is_there(lab)]
    if not lab.only_peers:
        return there
    wanted = {peer.name for peer in there if any(word in peer.name for word in lab.only_peers)} | {"bare"}
    wanted |= {peer.base for peer in there if peer.name in wanted}
    return [peer for peer in there if peer.name in wanted]
