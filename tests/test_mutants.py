# SPDX-License-Identifier: BSD-2-Clause
"""test_mutants.py -- Reports of traces whose modules are damaged ELF files: there is always an answer.

usage: test_mutants.py BUILD-DIRECTORY [--long] [--seed=N] [--keep=DIRECTORY]

A program is compiled with each kind of debug information there is, and recorded. Then its file, or
what its file refers to, is damaged in some way, and the trace reported. Held: status 0, nothing on
stderr, the totals of the undamaged file, and no frame at an address that the trace has not; what
cannot be named any more is module+offset. --long takes 1,500 mutants instead of 60."""

import argparse
import collections
import json
import pathlib
import random
import resource
import shutil
import struct
import subprocess
import time

from tap import Tap
from traced import Build, Tracer, clean_environment

HANG_S = 120
CPU_S = 40
SHORT, LONG = 60, 1500

C_SOURCE = """
#include <stdlib.h>
struct list { struct list *next; char *text; };
static inline char *text_of(int length) { char *text = malloc(length + 1); text[length] = 0; return text; }
static struct list *add(struct list *list, int length)
{
    struct list *item = malloc(sizeof *item);
    item->next = list;
    item->text = text_of(length);
    return item;
}
__attribute__((noinline)) static int sum(struct list *list)
{
    int lengths = 0;
    for (struct list *next; list; list = next) {
        next = list->next;
        lengths += list->text[0] == 0;
        free(list->text);
        free(list);
    }
    return lengths;
}
int main(int count, char **arguments)
{
    struct list *list = NULL;
    for (int i = 0; i < 40 + count; i++)
        list = add(list, i * 3);
    void *volatile kept = malloc(1000 + (arguments != NULL));
    return sum(list) == 1 && kept ? 0 : 1;
}
"""

CXX_SOURCE = """
#include <map>
#include <memory>
#include <string>
#include <vector>
namespace shop {
template <typename Key, int Size> struct shelf {
    std::map<Key, std::vector<int>> boxes;
    std::vector<int> &operator[](const Key &key) { auto &box = boxes[key]; box.resize(Size); return box; }
};
auto labels = [](int count) { std::vector<std::string> all; for (int i = 0; i < count; i++)
    all.push_back("a label that is too long to be stored inline " + std::to_string(i)); return all; };
}
int main()
{
    shop::shelf<std::string, 9> shelf;
    for (auto &label : shop::labels(30)) shelf[label][3] = 1;
    auto kept = std::make_unique<std::vector<double>>(500);
    return shelf.boxes.size() == 30 && kept->size() == 500 ? 0 : 1;
}
"""

# name: (compiler, source, its options, which file is damaged)
KINDS = {
    "DWARF 2": ("cc", C_SOURCE, ["-O1", "-gdwarf-2", "-gstrict-dwarf"], "program"),
    "DWARF 4, compressed": ("cc", C_SOURCE, ["-O2", "-gdwarf-4", "-gz"], "program"),
    "DWARF 5": ("cc", C_SOURCE, ["-O2", "-gdwarf-5"], "program"),
    "DWARF 5, C++": ("c++", CXX_SOURCE, ["-O1", "-gdwarf-5"], "program"),
    "DWARF 5, split": ("cc", C_SOURCE, ["-O1", "-gdwarf-5", "-gsplit-dwarf"], "program.dwo"),
    "symbols only": ("c++", CXX_SOURCE, ["-O1", "-g0"], "program"),
    "clang": ("clang", C_SOURCE, ["-O2", "-gdwarf-5"], "program"),
}
NUMBERS = (0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff, 1 << 40,
           (1 << 63) - 1, 1 << 63, (1 << 64) - 1)


def sections_of(image):
    """(name, where, size) of what lies in the file."""
    where, = struct.unpack_from("<Q", image, 0x28)
    size, count, names = struct.unpack_from("<HHH", image, 0x3a)
    rows = [struct.unpack_from("<IIQQQQIIQQ", image, where + i * size) for i in range(count)]
    text = image[rows[names][4]:rows[names][4] + rows[names][5]]
    return [(text[row[0]:text.index(b"\0", row[0])].decode(), row[4], row[5]) for row in rows if row[1] not in (0, 8) and row[5]]


class Damage:
    """Damages copies of one file, each in another way."""

    def __init__(self, image, chance):
        self.image, self.chance, self.sections = image, chance, sections_of(image)
        self.symbolic = [(where, size) for name, where, size in self.sections
                         if name.startswith((".debug_", ".zdebug_", ".symtab", ".strtab", ".dynsym", ".dynstr", ".note"))]
        self.ways = (self.bytes, self.bytes, self.numbers, self.numbers, self.endless, self.anywhere, self.headers, self.headers,
                     self.cut, self.zeros, self.copy)

    def place(self, room=1):
        where, size = self.chance.choice(self.symbolic)
        return where + self.chance.randrange(max(1, size - room + 1))

    def put(self, data, where, piece):
        data[where:where + len(piece)] = piece[:max(0, len(data) - where)]

    def bytes(self, data):
        for _ in range(self.chance.randint(1, 8)):
            data[self.place()] = self.chance.randrange(256)

    def anywhere(self, data):
        for _ in range(self.chance.randint(1, 64)):
            data[self.chance.randrange(len(data))] = self.chance.randrange(256)

    def numbers(self, data):
        for _ in range(self.chance.randint(1, 4)):
            size = self.chance.choice((2, 4, 8))
            self.put(data, self.place(size), (self.chance.choice(NUMBERS) & (1 << 8 * size) - 1).to_bytes(size, "little"))

    def endless(self, data):
        """A LEB128 number, or a string, without an end."""
        self.put(data, self.place(), bytes([self.chance.choice((0x80, 0xff, 0x41))]) * self.chance.randint(5, 400))

    def headers(self, data):
        """In the ELF header and the tables that it points to."""
        where, = struct.unpack_from("<Q", self.image, 0x28)
        count, = struct.unpack_from("<H", self.image, 0x3c)
        for _ in range(self.chance.randint(1, 3)):
            at = self.chance.choice((self.chance.randrange(4, 64), where + self.chance.randrange(count * 64),
                                     where + self.chance.randrange(count) * 64 + self.chance.choice((4, 0x10, 0x18, 0x20, 0x28, 0x38))))
            size = self.chance.choice((1, 4, 8))
            self.put(data, at, (self.chance.choice(NUMBERS) & (1 << 8 * size) - 1).to_bytes(size, "little"))

    def cut(self, data):
        del data[self.chance.randrange(len(data)):]

    def zeros(self, data):
        self.put(data, self.place(), bytes(self.chance.randint(1, 3000)))

    def copy(self, data):
        start, size = self.place(), self.chance.randint(1, 2000)
        self.put(data, self.place(), bytes(data[start:start + size]))

    def one(self):
        data = bytearray(self.image)
        way = self.chance.choice(self.ways)
        way(data)
        return way.__name__, bytes(data)


class Victim:
    """A recorded program, whose files are going to be damaged."""

    def __init__(self, tracer, kind, seed):
        compiler, source, options, which = KINDS[kind]
        self.tracer, self.kind, self.directory = tracer, kind, tracer.new_directory()
        name = "program.cc" if compiler.endswith("++") else "program.c"
        (self.directory / name).write_text(source)
        if subprocess.run([compiler, *options, "-o", "program", name], cwd=self.directory, check=False).returncode != 0:
            raise RuntimeError(f"{compiler} {options} failed")
        self.trace = tracer.run([str(self.directory / "program")]).trace.path
        self.path = self.directory / which if which == "program" else next(self.directory.glob("*.dwo"))
        self.image = self.path.read_bytes()
        self.damage = Damage(self.image, random.Random(f"{seed} {kind}"))
        self.good = json.loads(self.report("--json").stdout)
        self.addresses = set(self.addresses_of(self.good))

    def report(self, *options):
        def limit():
            resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
        argv = [str(self.tracer.build.tool), "report", "--system", "--group-by=traceback", *options, str(self.trace)]
        return subprocess.run(argv, env=clean_environment({"NO_COLOR": "1"}), stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=HANG_S, check=False, preexec_fn=limit)

    @staticmethod
    def addresses_of(answer):
        return [(frame["module"], frame["offset"]) for item in answer["statistics"] for frame in item["traceback"] if "module" in frame]

    def source(self, answer):
        """Where the names of the program's own frames came from."""
        return next((module["symbols"] for module in answer["modules"] if module["path"] == str(self.directory / "program")), "unread")

    def complaints(self, result):
        if result.returncode != 0 or result.stderr:
            return [f"status {result.returncode}, stderr {result.stderr[-2000:]!r}"], None
        try:
            answer = json.loads(result.stdout)
        except ValueError as error:
            return [f"not JSON: {error}"], None
        wrong = []
        if answer["totals"] != self.good["totals"]:
            wrong.append(f"totals {answer['totals']} instead of {self.good['totals']}")
        for key in ("alloc_count", "alloc_bytes", "live_bytes"):
            total = sum(item[key] for item in answer["statistics"])
            if total != answer["totals"][key]:
                wrong.append(f"{key}: the tracebacks have {total} of {answer['totals'][key]}")
        strange = set(self.addresses_of(answer)) - self.addresses
        if strange:
            wrong.append(f"addresses out of nowhere: {sorted(strange)[:5]}")
        return wrong, answer

    def try_one(self, as_text):
        """(way, complaints, where the names came from, the mutant)"""
        way, data = self.damage.one()
        self.path.write_bytes(data)
        try:
            wrong, answer = self.complaints(self.report("--json"))
            text = self.report() if as_text else None
            if text and (text.returncode != 0 or text.stderr or not text.stdout):
                wrong.append(f"as text: status {text.returncode}, stderr {text.stderr[-2000:]!r}")
        except subprocess.TimeoutExpired:
            wrong, answer = [f"no answer within {HANG_S} s"], None
        self.path.write_bytes(self.image)
        return way, wrong, self.source(answer) if answer else "no answer", data


def check_kind(tap, tracer, kind, count, options):
    if not shutil.which(KINDS[kind][0]):
        tap.skip(kind, f"no {KINDS[kind][0]}")
        return
    victim = Victim(tracer, kind, options.seed)
    tap.equal(victim.source(victim.good), "names" if kind == "symbols only" else "lines", f"{kind}: undamaged, it has its names")
    bad, sources, ways, longest = [], collections.Counter(), collections.Counter(), 0.0
    for number in range(count):
        start = time.monotonic()
        way, wrong, source, data = victim.try_one(number % 3 == 0)
        longest = max(longest, time.monotonic() - start)
        sources[source] += 1
        ways[way] += 1
        bad += [f"mutant {number} ({way}): {why}" for why in wrong]
        if wrong and options.keep:
            options.keep.mkdir(exist_ok=True)
            (options.keep / f"{kind.replace(' ', '_')}.{number}").write_bytes(data)
    tap.ok(not bad, f"{kind}: {count} mutants, each with an answer", "\n".join(bad[:20]))
    tap.note(f"{kind}: names from " + ", ".join(f"{source} {n}" for source, n in sources.most_common()) +
             "; damaged by " + ", ".join(f"{way} {n}" for way, n in ways.most_common()) + f"; the slowest took {longest:.2f} s")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build")
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--seed", default="1")
    parser.add_argument("--keep", type=pathlib.Path, help="where mutants without a good answer go")
    options = parser.parse_args()
    total = LONG if options.long else SHORT
    with Tap() as tap, Tracer(Build()) as tracer:
        for number, kind in enumerate(KINDS):
            count = total // len(KINDS) + (number < total % len(KINDS))
            tap.run(check_kind, tracer, kind, count, options, name=kind)


if __name__ == "__main__":
    main()
