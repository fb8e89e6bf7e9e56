# SPDX-License-Identifier: BSD-2-Clause
"""test_bad_input.py -- No file takes the tool down: one line and the right status, or a report.

usage: test_bad_input.py MEMTRACE FUZZ_TRACE [DIRECTORY]

FUZZ_TRACE damages a small trace at every offset in one process; some of the same damage goes through
MEMTRACE itself, to see what people see. Build both with a sanitizer to make it count."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

from tap import Tap

TIMEOUT_S = 20


class Tool:
    """Runs the tool on files in one directory."""

    def __init__(self, tap, tool, directory):
        self.tap, self.tool, self.directory = tap, str(tool), directory

    def run(self, *arguments):
        return subprocess.run([self.tool, *map(str, arguments)], stdin=subprocess.DEVNULL, cwd=self.directory,
                              capture_output=True, timeout=TIMEOUT_S, check=False)

    def report(self, path, *options):
        return self.run("report", *options, path)

    def complaint(self, result):
        """Why the result is not an orderly one, or None."""
        if result.returncode == 0:
            return None if not result.stderr else f"status 0, but {result.stderr!r}"
        lines = result.stderr.splitlines()
        if result.returncode != 1 or len(lines) != 1 or not lines[0].startswith(b"memtrace: ") or result.stdout:
            return f"status {result.returncode}, {result.stderr!r}, stdout {result.stdout[:80]!r}"
        return None

    def refuses(self, name, path, words):
        result = self.report(path)
        self.tap.ok(result.returncode == 1 and not self.complaint(result) and words in result.stderr, name,
                    f"status {result.returncode}: {result.stderr!r}")

    def write(self, name, data):
        path = self.directory / name
        path.write_bytes(bytes(data))
        return path


def check_every_offset(tap, fuzz):
    for name, *arguments in (("truncated", "truncate"), ("all bits flipped", "flip", "0xff"),
                             ("lowest bit flipped", "flip", "0x01"), ("highest bit flipped", "flip", "0x80"),
                             ("a snapshot truncated", "truncate", "snapshot"),
                             ("a snapshot's bits flipped", "flip", "0xff", "snapshot"),
                             ("a snapshot's lowest bit flipped", "flip", "0x01", "snapshot")):
        result = subprocess.run([str(fuzz), *arguments], capture_output=True, timeout=1500, check=False)
        tap.ok(result.returncode == 0, f"{name} at every offset: read or refused",
               (result.stdout + result.stderr[-3000:]).decode("utf-8", "replace"))


def check_through_tool(tap, tool, good):
    """The same through the tool at some offsets."""
    bad = []
    offsets = list(range(0, 480, 7)) + list(range(480, len(good), 131))
    for offset in offsets:
        for name, data in (("cut", good[:offset]), ("flipped", good[:offset] + bytes([good[offset] ^ 0xff]) + good[offset + 1:])):
            tool.write("damaged.memtrace", data)
            for arguments in (("report", "damaged.memtrace"), ("diff", "good.memtrace", "damaged.memtrace@-60ms")):
                why = tool.complaint(tool.run(*arguments))
                if why:
                    bad.append(f"{name} at {offset}: {arguments[0]}: {why}")
    tap.ok(not bad, f"{2 * len(offsets)} damaged traces through the tool: one line and status 1, or a report", "\n".join(bad[:10]))


def check_kinds(tool, good):
    directory = tool.directory
    (directory / "folder.memtrace").mkdir()
    os.mkfifo(directory / "fifo.memtrace")
    tool.refuses("a missing file", directory / "missing.memtrace", b"No such file")
    tool.refuses("a directory", directory / "folder.memtrace", b"directory")
    tool.refuses("a FIFO nobody writes to", directory / "fifo.memtrace", b"not a regular file")
    tool.refuses("a device", "/dev/zero", b"not a regular file")
    tool.refuses("an empty file", tool.write("empty.memtrace", b""), b"empty")
    tool.refuses("a foreign file", tool.write("foreign.memtrace", b"\x7fELF" + bytes(20000)), b"not a memtrace trace")
    tool.refuses("a short foreign file", tool.write("short.memtrace", b"x"), b"not a memtrace trace")
    tool.refuses("a header cut short", tool.write("cut.memtrace", good[:100]), b"truncated")
    tool.refuses("a newer version", tool.write("newer.memtrace", good[:8] + b"\x63" + good[9:]), b"newer")
    tool.refuses("another byte order", tool.write("order.memtrace", good[:12] + good[12:16][::-1] + good[16:]), b"byte order")
    tool.refuses("no such process", "4194303", b"no such process")


def check_names(tap, tool, good):
    """Names that talk to terminals or break out of strings."""
    evil = b"/none\x1b[2Jt\n\"/d\xff\\\x07"
    path = tool.write("evil.memtrace", good.replace(b"/nonexistent/libc", evil))
    text = tool.report(path, "--group-by=module", "--system")
    tap.ok(text.returncode == 0 and b"\x1b" not in text.stdout and b"\x07" not in text.stdout,
           "control characters in a path are escaped", text.stdout)
    try:
        content = json.loads(tool.report(path, "--json", "--group-by=module", "--system").stdout)
        tap.ok(len(evil) == 17 and any("\x1b[2J" in item["key"] for item in content["statistics"]), "and JSON carries them, valid", content)
    except ValueError as error:
        tap.ok(False, "and JSON carries them, valid", error)


def check_architecture(tap, tool, good):
    path = tool.write("machine.memtrace", good[:20] + b"\xb7\0\0\0" + good[24:])
    result = tool.report(path)
    tap.ok(result.returncode == 0 and b"another architecture" in result.stdout, "another architecture is read, and said",
           result.stdout + result.stderr)


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    os.environ.update(NO_COLOR="1", LC_ALL="C")
    with Tap() as tap, tempfile.TemporaryDirectory(prefix="memtrace-bad-", dir=(sys.argv[3:] or [None])[0]) as name:
        directory = pathlib.Path(name)
        tool = Tool(tap, pathlib.Path(sys.argv[1]).resolve(), directory)
        subprocess.run([sys.argv[2], "--write", directory / "good.memtrace"], check=True)
        good = (directory / "good.memtrace").read_bytes()
        tap.ok(tool.report(directory / "good.memtrace").returncode == 0, "the undamaged trace is reported")
        tap.run(lambda _: check_kinds(tool, good), name="check_kinds")
        tap.run(check_names, tool, good)
        tap.run(check_architecture, tool, good)
        tap.run(check_through_tool, tool, good)
        tap.run(check_every_offset, sys.argv[2])


if __name__ == "__main__":
    main()
