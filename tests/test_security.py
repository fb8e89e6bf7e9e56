# SPDX-License-Identifier: BSD-2-Clause
"""test_security.py -- Whose file a trace is, and what others can do about it.

What is planted where the trace is to be is left as it is; nobody else may read a trace, whatever the
mask; a setuid program is left alone; names with control characters reach no terminal."""

import os
import shutil
import socket
import stat
import subprocess

from tap import Tap
from traced import Build, Tracer, clean_environment, execute

FORMATS = "pprof folded speedscope callgrind heaptrack massif dhat dot json csv".split()
NOBODY = 65534


def run_at(tracer, path, **options):
    return tracer.run([tracer.build.program("exact_lines")], environment={"MEMTRACE_OUTPUT": str(path)}, **options)


def describe(path):
    """What is at a path, to be compared before and after."""
    status = os.lstat(path)
    content = path.read_bytes() if stat.S_ISREG(status.st_mode) else None
    return stat.S_IFMT(status.st_mode), status.st_ino, status.st_nlink, status.st_size, content


def plant_fifo(path):
    os.mkfifo(path)


def plant_directory(path):
    path.mkdir()


def plant_file(path):
    path.write_text("precious\n")


def plant_hard_link(path):
    (path.parent / "victim").write_text("precious\n")
    os.link(path.parent / "victim", path)


def plant_link(path):
    (path.parent / "victim").write_text("precious\n")
    path.symlink_to(path.parent / "victim")


def plant_dangling_link(path):
    path.symlink_to(path.parent / "not there")


def plant_socket(path):
    with socket.socket(socket.AF_UNIX) as planted:
        planted.bind(str(path))


def check_planted(tap, tracer, plant):
    """The program runs, what was planted stays, and a trace is beside it or a line says why not."""
    directory = tracer.new_directory()
    path = directory / "out.memtrace"
    plant(path)
    before = describe(path)
    result = run_at(tracer, path, timeout=30)
    name = plant.__name__.replace("plant_", "planted ").replace("_", " ")
    tap.equal((result.status, describe(path)), (0, before), f"{name}: left as it is", result.stderr)
    beside = list(directory.glob("out.memtrace.*"))
    lines = result.stderr.splitlines()
    tap.ok(len(beside) == 1 and not lines or not beside and len(lines) == 1 and lines[0].startswith(b"memtrace: "),
           f"{name}: a trace beside it, or one line", f"{beside} {lines}")
    for other in (directory / "not there",):
        tap.ok(not other.exists(), f"{name}: nothing is made where it leads")


def check_mask(tap, tracer):
    """A mask that hides nothing, and one that hides all: 0600."""
    for mask in (0, 0o777):
        directory = tracer.new_directory()
        subprocess.run(["sh", "-c", f"umask {mask:o}; exec \"$0\"", tracer.build.program("exact_lines")], check=True,
                       env=clean_environment(tracer.environment(directory)))
        modes = {oct(path.stat().st_mode & 0o777) for path in directory.iterdir()}
        tap.ok(modes and modes <= {"0o600", "0o0"}, f"umask {mask:o}: nobody else reads a trace", modes)


def check_setuid(tap, tracer):
    """The kernel says that it has more rights than its caller: nothing is preloaded, nothing written."""
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        tap.skip("setuid", "only as root")
        return
    directory = tracer.new_directory()
    tracer.directory.chmod(0o755)
    directory.chmod(0o777)
    program = directory / "program"
    shutil.copy(tracer.build.program("exact_lines"), program)
    program.chmod(0o4755)
    as_nobody = ["setpriv", f"--reuid={NOBODY}", "--clear-groups", str(program)]
    plain = execute(as_nobody)
    traced = execute(as_nobody, tracer.environment(directory), cwd=directory)
    traces = [path.name for path in directory.iterdir() if path.stat().st_uid != NOBODY and path != program and
              "program" in path.name]
    lines = [line for line in traced.stderr.splitlines() if not line.startswith(b"ERROR: ld.so")]
    tap.equal((traced.status, traced.stdout, lines, traces), (plain.status, plain.stdout, [], []), "a setuid program is left alone")


def check_other_user(tap, tracer):
    """A directory that is not the program's to write: one line, and on it goes."""
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        tap.skip("another user's directory", "only as root")
        return
    directory = tracer.new_directory()
    directory.chmod(0o755)
    tracer.directory.chmod(0o755)
    # The build may lie where only we may go.
    recorder = directory / "libmemtrace.so"
    shutil.copy(tracer.build.recorder, recorder)
    recorder.chmod(0o755)
    result = execute(["setpriv", f"--reuid={NOBODY}", "--clear-groups", shutil.which("true")],
                     {**tracer.environment(directory), "LD_PRELOAD": str(recorder)}, cwd="/")
    lines = [line for line in result.stderr.splitlines() if b"setpriv" not in line]
    tap.ok(result.status == 0 and len(lines) <= 1 and all(line.startswith(b"memtrace: ") for line in lines),
           "another user's directory: at most one line", result.stderr)


def check_names(tap, tracer):
    """A program whose name talks to the terminal, in every output."""
    directory = tracer.new_directory()
    evil = directory / "e\x1b]0;x\x07v\x1b[31m\n\"<i>%n\u202e"
    shutil.copy(tracer.build.program("exact_lines"), evil)
    result = tracer.run([str(evil)])
    trace = str(result.trace.path)
    tap.ok("\x1b" not in result.trace.path.name and "\n" not in result.trace.path.name, "the trace's own name is plain")
    tool = str(tracer.build.tool)
    outputs = {"report": [tool, "report", trace], "functions": [tool, "report", "--group-by=module", "--system", trace],
               "list": [tool, "list", str(result.trace.path.parent)], "leaks": [tool, "report", "--leaks", trace],
               "diff": [tool, "diff", trace, trace], "top": [tool, "top", "--once", trace],
               **{name: [tool, "export", f"--format={name}", "-o", "-", trace] for name in FORMATS}}
    for name, argv in outputs.items():
        shown = execute(argv, {"NO_COLOR": "1"}, cwd=directory)
        bad = [byte for byte in (b"\x1b", b"\x07") if byte in shown.stdout + shown.stderr]
        is_binary = shown.stdout[:2] == b"\x1f\x8b"
        tap.ok(shown.status == 0 and (is_binary or not bad), f"names in {name}: no control characters",
               f"{shown.status} {bad} {(shown.stdout + shown.stderr)[:300]!r}")


def check_directory(tap, tracer):
    """memtrace list and report where somebody else has put things."""
    directory = tracer.new_directory()
    os.mkfifo(directory / "fifo.memtrace")
    (directory / "loop.memtrace").symlink_to(directory / "loop.memtrace")
    (directory / "zero.memtrace").symlink_to("/dev/zero")
    (directory / "folder.memtrace").mkdir()
    (directory / "empty.memtrace").write_bytes(b"")
    (directory / "huge.memtrace").touch()
    os.truncate(directory / "huge.memtrace", 1 << 40)
    (directory / "noise\x1b[31m.memtrace").write_bytes(os.urandom(5000))
    for verb in ("list", "report", "plot"):
        result = execute([str(tracer.build.tool), verb], {"NO_COLOR": "1"}, cwd=directory, timeout=20)
        tap.ok(result.status in (0, 1) and b"\x1b" not in result.stdout + result.stderr,
               f"memtrace {verb} in a hostile directory", f"{result.status} {result.stderr!r}")


def main():
    with Tap() as tap, Tracer(Build()) as tracer:
        for plant in (plant_fifo, plant_directory, plant_file, plant_hard_link, plant_link, plant_dangling_link, plant_socket):
            tap.run(check_planted, tracer, plant, name=plant.__name__)
        for check in (check_mask, check_setuid, check_other_user, check_names, check_directory):
            tap.run(check, tracer)


if __name__ == "__main__":
    main()
