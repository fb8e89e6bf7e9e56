# SPDX-License-Identifier: BSD-2-Clause
"""test_who.py -- memtrace who knows every block of a running program, and no other.

usage: test_who.py BUILD-DIRECTORY"""

import glob
import json
import os
import random
import signal
import subprocess
import time

from tap import Tap
from traced import Build, Tracer, clean_environment, execute

PROBES = 1000
ALLOCATORS = {"glibc": (), "jemalloc": ("libjemalloc.so.2",), "mimalloc": ("libmimalloc.so.2", "libmimalloc.so.2.0"),
              "tcmalloc": ("libtcmalloc_minimal.so.4",)}


def find_library(names):
    for name in names:
        for pattern in ("/usr/lib/*/", "/usr/lib/", "/usr/local/lib/"):
            found = glob.glob(pattern + name)
            if found:
                return found[0]
    return None


def tag_line(build, program, tag):
    source = build.source / "tests" / "programs" / f"{program}.c"
    return next(number for number, line in enumerate(source.read_text().splitlines(), 1) if f"@{tag} " in line)


class Session:
    """A program that prints what it has, and waits."""

    def __init__(self, tracer, argv, behind=(), extra=None):
        self.build = tracer.build
        self.directory = tracer.new_directory()
        environment = tracer.environment(self.directory, behind=behind, extra=extra)
        self.process = subprocess.Popen(argv, cwd=self.directory, env=clean_environment(environment),
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.pid = self.process.pid

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()

    def tool(self, *arguments):
        return execute([str(self.build.tool), *map(str, arguments)], {"NO_COLOR": "1"}, cwd=self.directory)

    def who(self, addresses, *options):
        result = self.tool("who", "--json", *options, self.pid, *(hex(address) for address in addresses))
        if result.status != 0:
            raise AssertionError(f"who: status {result.status}: {result.stderr!r}")
        return json.loads(result.stdout)


class Block:
    def __init__(self, words):
        self.is_live = words[0] == "live"
        self.address, self.size, self.tid = int(words[1], 16), int(words[2]), int(words[3])
        self.time_ns, self.place = int(words[4]), words[5]


class Blocks:
    """What known_blocks says of itself."""

    def __init__(self, stream):
        self.blocks, line = [], stream.readline().split()
        while line and line[0] != b"done":
            self.blocks.append(Block([word.decode() for word in line]))
            line = stream.readline().split()
        if not line:
            raise AssertionError("the program ended early")
        self.main_tid = int(line[1])
        self.live = [block for block in self.blocks if block.is_live]
        self.freed = [block for block in self.blocks if not block.is_live]

    def holder(self, address):
        return next((block for block in self.live
                     if block.address == address or block.address <= address < block.address + block.size), None)


def wrong(session, block, address, answer):
    """Why the answer is not right, or None. block is None where there is none."""
    if block is None:
        return None if not answer["live"] else f"{address:#x} is said to be in {answer}"
    if not answer["live"] or int(answer["block"], 16) != block.address or answer["size"] != block.size or \
            answer["offset"] != address - block.address:
        return f"{address:#x} is in {block.address:#x} of {block.size}: {answer}"
    lines = [(os.path.basename(frame.get("file", "")), frame.get("line")) for frame in answer["traceback"]]
    if ("known_blocks.c", tag_line(session.build, "known_blocks", block.place)) not in lines:
        return f"{address:#x} is of {block.place}: {lines}"
    if answer.get("tid") != block.tid:
        return f"{address:#x} is of thread {block.tid}: {answer.get('tid')}"
    return None


def check_allocator(tap, tracer, name):
    library = find_library(ALLOCATORS[name]) if ALLOCATORS[name] else None
    if ALLOCATORS[name] and not library:
        tap.skip(name, "not installed")
        return
    with Session(tracer, [tracer.build.program("known_blocks"), "2000"], behind=[library] if library else []) as session:
        blocks = Blocks(session.process.stdout)
        chance = random.Random(name)
        ranges = {block.place for block in blocks.live}
        tap.ok({"small", "medium", "large", "huge", "aligned", "grown"} <= ranges, f"{name}: blocks of all kinds", ranges)
        some = [chance.choice(blocks.live) for _ in range(PROBES)] + [block for block in blocks.live if block.size > 10000]
        inner = [block.address + (chance.randrange(block.size) if block.size else 0) for block in some]
        ends = [block.address + max(0, block.size - 1) for block in some[::7] + some[-10:]]
        for what, addresses in (("their first bytes", [block.address for block in some]), ("any of their bytes", inner),
                                ("their last bytes", ends)):
            check_addresses(tap, session, blocks, f"{name}: {what}", addresses, True)
        gone = [chance.choice(blocks.freed) for _ in range(PROBES)]
        check_addresses(tap, session, blocks, f"{name}: blocks that were freed", [block.address for block in gone], False)
        check_addresses(tap, session, blocks, f"{name}: any of their bytes",
                        [block.address + (chance.randrange(block.size) if block.size else 0) for block in gone], False)
        check_ages(tap, session, blocks, name)


def check_addresses(tap, session, blocks, name, addresses, is_live):
    answers = session.who(addresses)
    holders = [blocks.holder(address) for address in addresses]
    tap.ok(all((holder is not None) == is_live for holder in holders), f"{name}: {len(addresses)} of them")
    reasons = [wrong(session, *probe) for probe in zip(holders, addresses, answers)]
    tap.equal([reason for reason in reasons if reason][:3], [], f"{name}: answered right")


def check_ages(tap, session, blocks, name):
    some = random.Random(1).sample(blocks.live, 50)
    before_ns = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    answers = session.who([block.address for block in some])
    bad = [(block.size, answer) for block, answer in zip(some, answers)
           if "age_max_ns" in answer and not answer["age_min_ns"] <= answer["age_max_ns"] >= before_ns - block.time_ns]
    tap.equal(bad[:3], [], f"{name}: no block is older than it may be")
    unknown = [block.size for block, answer in zip(some, answers) if "age_max_ns" not in answer]
    tap.ok(all(size <= 16 for size in unknown) and (name != "glibc" or not any(unknown)),
           f"{name}: the age of all but the smallest is known", unknown)


def check_text(tap, tracer):
    with Session(tracer, [tracer.build.program("known_blocks"), "100"]) as session:
        blocks = Blocks(session.process.stdout)
        block = next(block for block in blocks.live if block.place == "grown")
        text = session.tool("who", session.pid, hex(block.address + 1)).stdout.decode()
        line = tag_line(session.build, "known_blocks", "grown")
        tap.ok(text.startswith(f"{block.address + 1:#x}: 1 byte into a block of 3000 B at {block.address:#x}, at ")
               and f"by thread {blocks.main_tid} (known_blocks)" in text and f'known_blocks.c", line {line}, in make_large' in text,
               "a block in words", text)
        behind = session.tool("who", session.pid, hex(block.address + 3000)).stdout.decode()
        tap.ok("in no live block" in behind and f"0 bytes behind the block of 3000 B at {block.address:#x}" in behind,
               "what is just behind it", behind)
        by_trace = session.tool("who", next(session.directory.glob("*.memtrace")), f"{block.address:X}")
        tap.ok(by_trace.status == 0 and b"a block of 3000 B" in by_trace.stdout, "by the trace, without 0x", by_trace.stderr)


def check_threads(tap, tracer):
    """A block that is older than the thread that has its call site now is none of that thread's."""
    with Session(tracer, [tracer.build.program("thread_after_thread")]) as session:
        (first, _), (second, tid) = (session.process.stdout.readline().split() for _ in range(2))
        answers = session.who([int(first, 16), int(second, 16)])
        tap.ok(answers[0]["live"] and "tid" not in answers[0], "a block of a thread that has ended", answers[0])
        tap.equal(answers[1].get("tid"), int(tid), "a block of the thread that came after it")


def check_refusals(tap, tracer):
    with Session(tracer, [tracer.build.program("known_blocks"), "10"]) as session:
        Blocks(session.process.stdout)
        trace = next(session.directory.glob("*.memtrace"))
        session.tool("snapshot", "-o", "s.memtrace", session.pid)
        cases = [("no such process", 1, ["4194303", "0x1"]), ("a process without a trace", 1, [os.getpid(), "0x1"]),
                 ("a snapshot", 1, ["s.memtrace", "0x1"]), ("no address", 2, [session.pid]), ("no process", 2, []),
                 ("not an address", 2, [session.pid, "0xg"]), ("too long an address", 2, [session.pid, "0x" + "1" * 17]),
                 ("a negative one", 2, [session.pid, "--", "-1"])]
        session.tool("who", session.pid, "0x1")
        for name, status, arguments in cases:
            result = session.tool("who", *arguments)
            tap.ok(result.status == status and len(result.stderr.splitlines()) == 1 and result.stderr.startswith(b"memtrace: "),
                   f"{name}: status {status}, one line", f"{result.status} {result.stderr}")
        session.process.send_signal(signal.SIGKILL)
        session.process.wait()
        result = session.tool("who", trace, "0x1")
        tap.ok(result.status == 1 and b"does not run any more" in result.stderr, "a program that has ended", result.stderr)


def check_pools(tap, tracer):
    """Blocks of custom pools, which overlap: the smallest one, or the heap's, or none."""
    with Session(tracer, [tracer.build.program("pool_model"), "5", "wait"]) as session:
        told = []
        for line in session.process.stdout:
            if line == b"done\n":
                break
            told.append([int(word, 0) for word in line.decode().split()])
        answers = session.who([address for address, _ in told])
        wrong = [(hex(address), size, answer) for (address, size), answer in zip(told, answers)
                 if (answer.get("size", -1), answer.get("domain", "pool")) != (size, "pool")]
        tap.equal((len(told), len(answers), wrong[:3]), (1000, 1000, []), "pools: the smallest block, or none")
        line = next(line for line in session.tool("who", session.pid, hex(told[0][0])).stdout.decode().splitlines())
        tap.ok("from a custom pool" in line or told[0][1] < 0, "pools: as text", line)


def main():
    with Tap() as tap, Tracer(Build()) as tracer:
        for name in ALLOCATORS:
            tap.run(check_allocator, tracer, name, name=name)
        for check in (check_text, check_threads, check_refusals, check_pools):
            tap.run(check, tracer)


if __name__ == "__main__":
    main()
