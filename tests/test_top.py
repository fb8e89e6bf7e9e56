# SPDX-License-Identifier: BSD-2-Clause
"""test_top.py -- memtrace top on a terminal emulator: what it shows, its keys, and how it leaves.

usage: test_top.py BUILD-DIRECTORY"""

import copy
import os
import pathlib
import re
import signal
import subprocess
import termios
import time

from tap import Tap
from traced import Build, Tracer, clean_environment, execute, wait_until

try:
    import pexpect
    import pyte
except ImportError as missing:
    print(f"1..0 # SKIP {missing}")
    raise SystemExit(0) from None

PROMPT = "ready$ "
KEYS = {"up": "\033[A", "down": "\033[B", "page up": "\033[5~", "page down": "\033[6~", "home": "\033[H", "end": "\033[F",
        "enter": "\r", "escape": "\033", "backspace": "\x7f"}


class Emulator(pyte.Screen):
    """pyte with the second screen that terminals have."""

    behind = None

    def set_mode(self, *modes, **options):
        if options.get("private") and 1049 in modes and self.behind is None:
            self.behind = (copy.deepcopy(self.buffer), copy.copy(self.cursor))
        super().set_mode(*modes, **options)

    def reset_mode(self, *modes, **options):
        super().reset_mode(*modes, **options)
        if options.get("private") and 1049 in modes and self.behind is not None:
            hidden = self.cursor.hidden
            self.buffer, self.cursor = self.behind
            self.cursor.hidden = hidden
            self.behind = None
            self.dirty.update(range(self.lines))


def fresh_modes():
    """What a terminal begins with. That of a program may be changed before we come to look."""
    ends = os.openpty()
    modes = termios.tcgetattr(ends[0])
    for end in ends:
        os.close(end)
    return modes


class Terminal:
    """A program on a terminal of its own."""

    def __init__(self, argv, rows=24, columns=80, environment=None, directory=None):
        self.screen = Emulator(columns, rows)
        self.stream = pyte.ByteStream(self.screen)
        self.raw = b""
        self.is_gone = False
        self.child = pexpect.spawn(argv[0], [str(word) for word in argv[1:]], dimensions=(rows, columns), cwd=directory,
                                   env=clean_environment({"TERM": "xterm-256color", "LC_ALL": "C.UTF-8",
                                                          **(environment or {})}), echo=True)
        self.before = fresh_modes()

    def read(self):
        try:
            while True:
                data = self.child.read_nonblocking(65536, 0)
                self.raw += data
                self.stream.feed(data)
        except (pexpect.TIMEOUT, pexpect.EOF):
            pass

    def lines(self):
        self.read()
        return [line.rstrip() for line in self.screen.display]

    def text(self):
        return "\n".join(self.lines())

    def shows(self, pattern, timeout_s=20):
        """Waits until the screen does."""
        return wait_until(lambda: re.search(pattern, self.text(), re.M), timeout_s)

    def lacks(self, pattern, timeout_s=20):
        return wait_until(lambda: not re.search(pattern, self.text(), re.M), timeout_s)

    def press(self, *keys):
        for key in keys:
            self.child.send(KEYS.get(key, key))

    def resize(self, rows, columns):
        self.screen.resize(rows, columns)
        self.child.setwinsize(rows, columns)

    def ends(self):
        def has_ended():
            self.read()
            return not self.child.isalive()
        ended = wait_until(has_ended)
        self.read()
        return ended

    def status(self):
        return self.child.exitstatus if self.child.signalstatus is None else -self.child.signalstatus

    def is_clean(self):
        """The screen of before, the cursor, and keys that are echoed."""
        return not self.screen.cursor.hidden and self.screen.behind is None and \
            b"\x1b[?1049l" in self.raw.rpartition(b"\x1b[?1049h")[2] and self.has_modes(self.before)

    def has_modes(self, expected):
        try:
            return termios.tcgetattr(self.child.child_fd)[:4] == expected[:4]
        except termios.error:
            return True  # nobody is left who could tell

    def hang_up(self):
        os.close(self.child.child_fd)
        self.is_gone = True

    def close(self):
        if not self.is_gone:
            self.child.close(force=True)


class Service:
    """on_demand under the recorder, doing what it is told."""

    def __init__(self, tracer, *arguments, extra=None):
        self.directory = tracer.new_directory()
        self.process = subprocess.Popen([tracer.build.program("on_demand"), *arguments], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, cwd=self.directory,
                                        env=clean_environment(tracer.environment(self.directory, extra=extra)))
        self.pid = self.process.pid
        self.tell("turn 1")  # from now on it has a trace

    def tell(self, line):
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()
        if self.process.stdout.readline() != b"done\n":
            raise AssertionError(f"on_demand did not do {line!r}")

    def trace(self):
        return next(self.directory.glob("*.memtrace"))

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


class Test:
    """One test with a service and a terminal, both gone at its end."""

    def __init__(self, tap, tracer):
        self.tap, self.tracer, self.tool = tap, tracer, str(tracer.build.tool)
        self.open = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for each in self.open:
            each()

    def service(self, *arguments):
        service = Service(self.tracer, *arguments)
        self.open.append(service.stop)
        return service

    def terminal(self, *argv, **options):
        terminal = Terminal(argv, **options)
        self.open.append(terminal.close)
        return terminal

    def top(self, *arguments, **options):
        return self.terminal(self.tool, "top", *arguments, **options)

    def ok(self, is_ok, name, terminal):
        self.tap.ok(is_ok, name, terminal.text())


def row(terminal, word):
    """The first line of the table that has the word."""
    return next((line for line in terminal.lines() if word in line and "filter" not in line), "")


def line_of(tag):
    """Where on_demand.c has it."""
    source = pathlib.Path(__file__).resolve().parent / "programs" / "on_demand.c"
    return next(number for number, text in enumerate(source.read_text().splitlines(), 1) if f"/* @{tag} */" in text)


KEEP, OTHER, TURN = line_of("keep"), line_of("other"), line_of("turn")


def test_content(tap, tracer):
    with Test(tap, tracer) as test:
        service = test.service()
        service.tell("keep 100")
        service.tell("threads 2")
        terminal = test.top(service.pid, "--interval=0.2", columns=120)
        test.ok(terminal.shows(rf"on_demand.c:{KEEP}  keep"), "lines have names", terminal)
        test.ok(re.search(rf"^on_demand  pid {service.pid}  running \d+ s  3 threads  complete  every 0.2 s",
                          terminal.lines()[0]), "state, threads without the recorder's own", terminal)
        test.ok(re.search(r"^heap 10\d\.\d KiB|^heap \d+ KiB", terminal.lines()[1]) and "RSS" in terminal.lines()[1],
                "totals", terminal)
        test.ok(re.search(r" 97\.7 KiB +100 +0 ", row(terminal, f":{KEEP}")), "bytes, blocks, no growth", terminal)
        service.tell("keep 50")
        test.ok(terminal.shows(r" 146 KiB +150 +\+48\.8 KiB +\S+ "), "growth since top began", terminal)
        test.ok(terminal.shows(r" 146 KiB +150 +\+48\.8 KiB +0 +0 "), "no rate once nothing happens", terminal)
        terminal.press("r")
        test.ok(terminal.shows(r" 146 KiB +150 +0 +0 "), "r: growth counts from now on", terminal)
        service.tell("drop 150")
        test.ok(terminal.shows(r" 0 B +0 +-146 KiB "), "and goes below", terminal)
        service.tell("other 10")
        test.ok(terminal.shows(rf"\+1000 B .*on_demand.c:{OTHER}  other"), "a line that is new gets its name", terminal)
        terminal.press("q")
        test.ok(terminal.ends() and terminal.status() == 0 and terminal.is_clean(), "q leaves a clean screen", terminal)


def test_rates(tap, tracer):
    with Test(tap, tracer) as test:
        service = test.service()
        terminal = test.top(service.pid, "--interval=0.3", "--sort=alloc-rate", columns=120)
        test.ok(terminal.shows("ALLOCS/s v"), "the column that is sorted by", terminal)
        for _ in range(200):
            service.tell("turn 500")
            match = re.search(r" ([\d,]+) +\S+ \S+ +.*:" + str(TURN), terminal.text())
            if match:
                break
            time.sleep(0.01)
        test.ok(match and int(match[1].replace(",", "")) > 500, "allocations per second", terminal)
        test.ok(f":{TURN}" in next(line for line in terminal.lines() if line.startswith(">")), "come first", terminal)


def test_keys(tap, tracer):
    with Test(tap, tracer) as test:
        service = test.service("keep", "100", "other", "100", "turn", "5")
        service.tell("keep 1")
        terminal = test.top(service.pid, "--interval=0.2", columns=120)
        terminal.shows(rf"on_demand.c:{OTHER}  other")
        terminal.shows(rf"^>.*on_demand.c:{KEEP}  keep")
        terminal.press("down")
        test.ok(terminal.shows(rf"^>.*on_demand.c:{OTHER}  other"), "the next line", terminal)
        terminal.press("k")
        test.ok(terminal.shows(rf"^>.*on_demand.c:{KEEP}  keep"), "and back", terminal)
        terminal.press("j", "enter")
        test.ok(terminal.shows(r'^  File ".*on_demand.c", line \d+, in main +.*obey\('), "call stacks with the source",
                terminal)
        test.ok(terminal.shows(rf'^  File ".*on_demand.c", line {OTHER}, in other +blocks\[used\+\+\] = malloc\(100\)'),
                "down to the line", terminal)
        test.ok(terminal.shows(r"^1 of 1: size=10000 B, count=100, growth=0 \(0/s\), 0 allocations/s"), "and figures",
                terminal)
        terminal.press("escape")
        test.ok(terminal.shows(r"LIVE v"), "Escape goes back", terminal)
        terminal.press("g")
        test.ok(terminal.shows("FUNCTION") and terminal.shows(r" 98\.6 KiB .* keep$"), "g: by function", terminal)
        terminal.press("g", "g")
        test.ok(terminal.shows("MODULE") and terminal.shows(r"/on_demand$"), "by module", terminal)
        terminal.press("G", "G", "G", "s")
        test.ok(terminal.shows(r"GROWTH v.*  LINE"), "s: by growth", terminal)
        terminal.press("S")
        test.ok(terminal.shows("LIVE v"), "S: by live", terminal)
        terminal.press("/", "o", "t", "h", "e", "x")
        test.ok(terminal.shows("^filter: othex_"), "a filter is typed", terminal)
        test.ok(terminal.lacks("^>"), "that nothing matches", terminal)
        terminal.press("backspace", "r", "enter")
        test.ok(terminal.shows(r"/other: 10000 B of 1\d\d KiB") and row(terminal, "  other") and
                not row(terminal, "  keep"), "only what matches", terminal)
        terminal.press("escape")
        test.ok(terminal.shows(r"  keep$"), "Escape drops it", terminal)
        terminal.press("?")
        test.ok(terminal.shows("^Keys"), "? helps", terminal)
        terminal.press("page down", "end")
        test.ok(terminal.shows("complete: every allocation was seen"), "to its last line", terminal)
        terminal.press("home")
        test.ok(terminal.shows("^Keys"), "and back to the first", terminal)
        terminal.press("q", "o")
        test.ok(terminal.shows("was not started by top"), "o: no output to be shown", terminal)
        terminal.press("o", "q")
        test.ok(terminal.ends() and terminal.is_clean(), "q quits", terminal)


def test_pause(tap, tracer):
    with Test(tap, tracer) as test:
        service = test.service("keep", "100")
        terminal = test.top(service.pid, "--interval=0.1", columns=120)
        terminal.shows(rf":{KEEP}  keep")
        terminal.press("p")
        test.ok(terminal.shows("PAUSED"), "p pauses", terminal)
        before = terminal.lines()
        service.tell("keep 1000")
        time.sleep(0.5)
        test.ok(terminal.lines() == before, "nothing moves", terminal)
        terminal.press(" ")
        test.ok(terminal.shows(r" 1074 KiB +1,100 ") and "PAUSED" not in terminal.text(), "Space goes on", terminal)


def test_sizes(tap, tracer):
    with Test(tap, tracer) as test:
        service = test.service("keep", "100")
        terminal = test.top(service.pid, "--interval=0.2", rows=10, columns=40)
        test.ok(terminal.shows(rf"^>  97\.7 KiB .*:{KEEP}$"), "a window of 40 by 10", terminal)
        test.ok(terminal.lines()[9].startswith("q quit"), "with its keys", terminal)
        for rows, columns in ((50, 200), (24, 80), (5, 20), (2, 10), (1, 1), (30, 100)):
            terminal.resize(rows, columns)
            test.ok(terminal.shows("^q quit" if columns > 5 else "^\u2026"), f"a window of {columns} by {rows}", terminal)
        test.ok(terminal.shows(rf"^>  97\.7 KiB .*:{KEEP}  keep$") and terminal.shows(r"^heap .* RSS .*KiB to "),
                "nothing is left of smaller ones", terminal)
        test.ok(sum(line.startswith("heap") for line in terminal.lines()) == 2, "no line is there twice", terminal)


def test_words(tap, tracer):
    """NO_COLOR, ASCII, wide and hostile names."""
    with Test(tap, tracer) as test:
        service = test.service("keep", "1")
        plain = test.top(service.pid, environment={"NO_COLOR": "1"})
        plain.shows("keep")
        test.ok(not re.search(rb"\x1b\[[0-9;]*[1-9][0-9;]*m", plain.raw), "NO_COLOR: no colours", plain)
        test.ok(plain.shows("^>"), "the selection shows all the same", plain)
        coloured = test.top(service.pid)
        coloured.shows("keep")
        test.ok(b"\x1b[30;46m" in coloured.raw, "colours without it", coloured)
        ascii_only = test.top(service.pid, environment={"LC_ALL": "C"})
        ascii_only.shows(r"on_demand.c:\d+")
        test.ok(all(byte < 128 for byte in ascii_only.raw), "ASCII where the locale has nothing else", ascii_only)
        test.ok(ascii_only.shows(r"^heap .*[_#] \S+ [KMB]"), "curves too", ascii_only)
        name = "日本\033[2Jé"
        os.symlink(tracer.build.program("on_demand"), service.directory / name)
        process = subprocess.Popen([f"./{name}", "keep", "5", "wait", ""], cwd=service.directory,
                                   env=clean_environment(tracer.environment(service.directory)))
        try:
            wait_until(lambda: len(list(service.directory.glob("*.memtrace"))) == 2)
            wide = test.top(process.pid)
            test.ok(wide.shows(r"^日\s?本\s?\\x1b\[2Jé  pid"), "wide characters, and none that command", wide)
            test.ok(wide.shows(r"^heap .* RSS "), "the rest is where it belongs", wide)
        finally:
            process.kill()
            process.wait()


def test_signals(tap, tracer):
    with Test(tap, tracer) as test:
        service = test.service("keep", "1")
        for number, name in ((signal.SIGINT, "SIGINT"), (signal.SIGTERM, "SIGTERM"), (signal.SIGHUP, "SIGHUP")):
            terminal = test.top(service.pid)
            terminal.shows("keep")
            terminal.child.kill(number)
            test.ok(terminal.ends() and terminal.status() == -number, f"{name} ends it", terminal)
            test.ok(terminal.is_clean(), f"{name} leaves a clean screen", terminal)
        terminal = test.top(service.pid)
        terminal.shows("keep")
        terminal.press("\x03")
        test.ok(terminal.ends() and terminal.status() == -signal.SIGINT and terminal.is_clean(), "Ctrl-C", terminal)
        terminal = test.top(service.pid)
        terminal.shows("keep")
        terminal.child.kill(signal.SIGSEGV)
        test.ok(terminal.ends() and terminal.status() and terminal.is_clean(), "a crash", terminal)
        terminal = test.top(service.pid)
        terminal.shows("keep")
        pid = terminal.child.pid
        terminal.hang_up()
        tap.ok(wait_until(lambda: os.waitpid(pid, os.WNOHANG)[0] == pid), "the terminal goes away")


def test_job_control(tap, tracer):
    with Test(tap, tracer) as test:
        service = test.service("keep", "100")
        shell = test.terminal("bash", "--norc", "--noprofile", environment={"PS1": PROMPT, "HISTFILE": "/dev/null"})
        shell.shows(re.escape(PROMPT.strip()))
        prompt_modes = termios.tcgetattr(shell.child.child_fd)
        shell.child.send(f"echo first line; {test.tool} top --interval=0.2 {service.pid}\r")
        test.ok(shell.shows(r"^>.*keep"), "started from a shell", shell)
        test.ok("first line" not in shell.text(), "on another screen", shell)
        shell.press("\x1a")
        test.ok(shell.shows("Stopped") and shell.shows("^first line"), "Ctrl-Z: the shell's screen is back", shell)
        test.ok(not shell.screen.cursor.hidden and wait_until(lambda: shell.has_modes(prompt_modes)),
                "with its cursor and its keys", shell)
        service.tell("keep 900")
        shell.child.send("fg\r")
        test.ok(shell.shows(r"^> +977 KiB .*keep"), "fg: drawn anew, and up to date", shell)
        shell.press("j", "k", "\r")
        test.ok(shell.shows("^1 of 2: size=879 KiB"), "and takes keys", shell)
        shell.press("q")
        shell.shows(r"^>.*keep")
        top = int(subprocess.run(["pgrep", "-P", str(shell.child.pid), "memtrace"], stdout=subprocess.PIPE,
                                 check=True).stdout)
        os.kill(top, signal.SIGSTOP)
        test.ok(shell.shows("Stopped"), "SIGSTOP, which nobody can take", shell)
        shell.child.send("fg\r")
        test.ok(shell.shows(r"^heap .* RSS ") and shell.shows(r"^> +977 KiB .*keep") and
                shell.lacks("Stopped"), "fg after it", shell)
        shell.press("q")
        test.ok(shell.shows(r"^first line") and wait_until(lambda: shell.has_modes(prompt_modes)) and
                not shell.screen.cursor.hidden, "q: the shell as it was", shell)
        shell.child.send("echo status $?\r")
        test.ok(shell.shows("^status 0"), "and status 0", shell)


def test_end(tap, tracer):
    with Test(tap, tracer) as test:
        service = test.service("keep", "100")
        terminal = test.top(service.pid, "--interval=0.2", columns=120)
        terminal.shows("running .*complete")
        service.tell("keep 100")
        service.process.stdin.write(b"end 3\n")
        service.process.stdin.flush()
        test.ok(terminal.shows(r"^on_demand .* exited 3 after "), "the program ends while it is shown", terminal)
        test.ok(terminal.shows(r" 195 KiB +200 +\+97\.7 KiB +- +- "), "its last state stays, without rates", terminal)
        test.ok("RSS -" in terminal.text(), "nor RSS", terminal)
        terminal.press("enter")
        test.ok(terminal.shows(r"^1 of \d: size=97\.7 KiB"), "keys work", terminal)
        terminal.press("q", "q")
        test.ok(terminal.ends() and terminal.status() == 0, "until q", terminal)
        ended = test.top(service.trace(), columns=120)
        test.ok(ended.shows(r"exited 3") and ended.shows(r"LIVE v +BLOCKS +PEAK +ALLOCS +TOTAL  LINE") and
                ended.shows(r" 195 KiB +200 "), "the trace of a program that has ended", ended)
        killed = test.service("keep", "100")
        terminal = test.top(killed.pid, "--interval=0.2")
        terminal.shows("running")
        killed.stop()
        test.ok(terminal.shows("^on_demand .*killed"), "a program that is killed", terminal)


def test_exec(tap, tracer):
    with Test(tap, tracer) as test:
        service = test.service("keep", "100")
        terminal = test.top(service.pid, "--interval=0.2", columns=120)
        terminal.shows("97.7 KiB")
        program = tracer.build.program("on_demand")
        service.process.stdin.write(f"become {program}\n".encode())
        service.process.stdin.flush()
        test.ok(terminal.shows(r" 7000 B +7 ") and terminal.shows("running"), "a program that becomes another", terminal)


def test_program(tap, tracer):
    with Test(tap, tracer) as test:
        program = tracer.build.program("on_demand")
        directory = tracer.new_directory()
        terminal = test.top("--interval=0.2", "--", program, "say", "hello \033[2J", "complain", "ouch", "keep", "100",
                            "threads", "1", "wait", "", columns=120, directory=str(directory))
        test.ok(terminal.shows(r"^>.* 97\.7 KiB .*  keep"), "a program of its own", terminal)
        test.ok("hello" not in terminal.text() and "ouch" not in terminal.text(), "does not write between", terminal)
        terminal.press("o")
        test.ok(terminal.shows(r"^hello \\x1b\[2J") and terminal.shows("^ouch"), "o shows what it wrote", terminal)
        terminal.press("q", "q")
        test.ok(terminal.shows("^The program runs: e ends it"), "q asks", terminal)
        terminal.press("x")
        test.ok(terminal.lacks("e ends it"), "anything else goes back", terminal)
        terminal.press("q", "e")
        test.ok(terminal.ends() and terminal.is_clean(), "e ends it", terminal)
        tap.equal(terminal.status(), -signal.SIGTERM, "the program's end is ours")
        test.ok("was killed by signal 15" in terminal.text() and re.search(r"^  peak +\d+", terminal.text(), re.M) and
                re.search(r"^  trace: \S*memtrace", terminal.text(), re.M), "the answer of run is printed", terminal)
        outputs = list(directory.glob("on_demand.*.output"))
        tap.equal([path.read_text() for path in outputs], ["hello \033[2J\nouch\n"], "what it wrote is in a file")
        tap.equal(oct(outputs[0].stat().st_mode & 0o777), "0o600", "that only its owner may read")
        test.ok(f"  output: {outputs[0].name}" in terminal.text(), "which is said", terminal)

        terminal = test.top("--interval=0.2", "--", program, "keep", "3", "wait", "", columns=150,
                            directory=str(directory))
        terminal.shows("  keep")
        terminal.press("q", "l")
        test.ok(terminal.ends() and terminal.status() == 0, "l leaves it alone", terminal)
        match = re.search(r"runs on: memtrace top (\d+)", terminal.text())
        test.ok(match, "and says its pid", terminal)
        if match:
            os.kill(int(match[1]), signal.SIGKILL)

        terminal = test.top("--interval=0.2", "--", program, "keep", "3", "count", "1000", "wait", "", directory=str(directory))
        terminal.shows("  keep")
        terminal.press("o")
        test.ok(terminal.shows("^line 1000$") and terminal.shows("of 1000$"), "of long output the end", terminal)
        terminal.press("home")
        test.ok(terminal.shows("^line 1$"), "and the beginning", terminal)
        terminal.press("q", "q", "e")
        terminal.ends()

        terminal = test.top("--", program, "say", "first", "say", "last\033[2J", "end", "1", directory=str(directory))
        test.ok(terminal.ends() and terminal.status() == 1 and terminal.shows(r"^    first") and
                terminal.shows(r"^    last\\x1b\[2J"), "one that fails: what it said at last", terminal)
        terminal = test.top("--interval=0.2", "-o", "kept.trace", "--program-output=all.txt", "--", program, "keep", "3", "end",
                            "4", directory=str(directory))
        test.ok(terminal.ends() and terminal.status() == 4, "a short one: its status", terminal)
        test.ok((directory / "kept.trace").exists() and "kept.trace" in terminal.text() and
                "exited4" in re.sub(r"\s", "", terminal.text()), "its trace, where it was wanted", terminal)
        tap.ok(not (directory / "all.txt").exists(), "no file when it wrote nothing")

        terminal = test.top("--interval=0.2", "--", program, "keep", "3", "wait", "", directory=str(directory))
        terminal.shows("  keep")
        trace = max(directory.glob("*.memtrace"), key=lambda path: path.stat().st_mtime)
        pid = int(trace.name.split(".")[1])
        terminal.press("\x03")
        test.ok(terminal.ends() and terminal.is_clean() and terminal.status() == -signal.SIGINT, "Ctrl-C ends both",
                terminal)
        tap.ok(wait_until(lambda: not pathlib.Path(f"/proc/{pid}/root").exists() or
                          pathlib.Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z"), "the program too")
        terminal = test.top("--", "/nonexistent/program")
        test.ok(terminal.ends() and terminal.status() == 127 and "not found" in terminal.text(), "no such program", terminal)


def test_once(tap, tracer):
    with Test(tap, tracer) as test:
        service = test.service("keep", "100")
        service.tell("other 5")
        result = execute([test.tool, "top", "--once", "--interval=0.1", str(service.pid)])
        text = result.stdout.decode()
        tap.ok(result.status == 0 and not result.stderr, "--once", result.stderr)
        tap.ok("\033" not in text and all(line == line.rstrip() for line in text.splitlines()), "plain text", text)
        tap.ok(re.search(rf"^ +97\.7 KiB +100 +0 +0 +0 +0 .*/on_demand\.c:{KEEP}  keep$", text, re.M), "a line", text)
        tap.ok(re.search(r"^on_demand  pid \d+  running \d+ s  1 thread  complete$", text, re.M), "the state", text)
        result = execute([test.tool, "top", "--once", "--interval=0", "-n1", "-g", "function", "-s", "count",
                          "--filter=other", str(service.pid)])
        lines = result.stdout.decode().splitlines()
        tap.ok(len(lines) == 4 and re.search(r" 500 B +5 .*  other$", lines[3]) and "ALLOCS v" in lines[2],
               "with options", lines)
        tap.ok("GROWTH" not in lines[2], "no rates from one reading", lines)
        result = execute([test.tool, "top", "--once", "--interval=0", str(service.pid)], {"COLUMNS": "60"})
        tap.ok(all(len(line) <= 60 for line in result.stdout.decode().splitlines()), "COLUMNS", result.stdout)
        service.process.stdin.write(b"end 0\n")
        service.process.stdin.flush()
        service.process.wait()
        result = execute([test.tool, "top", "--once", str(service.trace())])
        tap.ok("exited 0" in result.stdout.decode() and "97.7 KiB" in result.stdout.decode(), "a trace", result.stdout)


def test_cpu(tap, tracer):
    """Of a program whose CPU time is sampled it has columns of that, too."""
    with Test(tap, tracer) as test:
        for options, is_there in (({}, False), ({"MEMTRACE_CPU_HZ": "1000", "MEMTRACE_CPU_BUDGET": "100"}, True)):
            run = tracer.run([tracer.build.program("cpu_shares"), "1", "200"], environment=options)
            result = execute([test.tool, "top", "--once", "-n0", "-s", "cpu-time" if is_there else "live", "-g", "function",
                              str(run.trace.path)])
            lines = result.stdout.decode().splitlines()
            rows = {match.group(2): float(match.group(1)) for match in (re.search(r" (\d+\.\d\d) s  (\S+)$", line) for line in lines) if match}
            work = sum(time for name, time in rows.items() if name.startswith("work_"))
            sampled = sum(thread["sampled_ns"] for thread in run.trace.threads) / 1e9
            tap.equal((result.status, "CPU TIME v" in lines[2], work > .8 * sampled > 0), (0, is_there, is_there),
                      f"CPU time, {options}", (lines, sampled))


def test_misuse(tap, tracer):
    with Test(tap, tracer) as test:
        service = test.service("keep", "1")
        pid = str(service.pid)
        for arguments, status, words, name in (
                ([pid], 2, "standard output is not a terminal (--once", "not a terminal"),
                (["--", "/bin/true"], 2, "standard output is not a terminal", "nor for a program"),
                (["--once", "1"], 1, "", "a process that writes no trace"),
                (["--once", "999999999"], 1, "no such process", "a process that is not there"),
                (["--once", "/nonexistent"], 1, "No such file", "no such file"),
                (["--once", test.tool], 1, "not a memtrace trace", "not a trace"),
                (["--once", "--interval=x", pid], 2, "bad value", "a bad interval"),
                (["--interval=0", pid], 2, "bad value", "none"),
                (["--once", "--sort=size", pid], 2, "bad value", "a bad column"),
                (["--once", "--group-by=x", pid], 2, "bad value", "a bad group"),
                (["--once", "--", "true"], 2, "runs already", "--once with a program"),
                ([pid, "--", "true"], 2, "either", "a trace and a program"),
                (["--"], 2, "which program", "no program"),
                (["-o", "x", pid], 2, "programs that top runs", "output of no program")):
            result = execute([test.tool, "top", *arguments])
            lines = result.stderr.decode().splitlines()
            tap.ok(result.status == status and len(lines) == 1 and lines[0].startswith("memtrace: ") and words in lines[0],
                   f"misuse: {name}", (result.status, lines))
        for kind in ("dumb", ""):
            terminal = test.top(pid, environment={"TERM": kind})
            test.ok(terminal.ends() and terminal.status() == 2 and "cannot be drawn on" in terminal.text() and
                    b"\x1b" not in terminal.raw, f"TERM={kind}", terminal)
        terminal = test.top("--once", "--interval=0", pid, environment={"TERM": "dumb"})
        test.ok(terminal.ends() and "  keep" in terminal.text() and b"\x1b" not in terminal.raw, "but --once", terminal)


def test_slow_terminal(tap, tracer):
    """One that takes nothing for a while holds nothing up, and gets the newest frame."""
    with Test(tap, tracer) as test:
        service = test.service("keep", "1")
        terminal = test.top(service.pid, "--interval=0.05", rows=60, columns=200)
        terminal.shows("  keep")
        for count in range(100):
            service.tell("keep 1")
            terminal.resize(60, 199 + count % 2)
            time.sleep(0.01)
        service.tell("keep 899")
        test.ok(terminal.shows(r"^> +977 KiB +1,000 "), "up to date at once when it is read again", terminal)
        terminal.resize(61, 200)
        terminal.child.kill(signal.SIGTERM)
        test.ok(terminal.ends() and terminal.is_clean(), "and clean at the end", terminal)


def main():
    build = Build()
    with Tap() as tap, Tracer(build) as tracer:
        for test in (test_content, test_rates, test_keys, test_pause, test_sizes, test_words, test_signals,
                     test_job_control, test_end, test_exec, test_program, test_once, test_cpu, test_misuse,
                     test_slow_terminal):
            tap.run(test, tracer)


if __name__ == "__main__":
    main()
