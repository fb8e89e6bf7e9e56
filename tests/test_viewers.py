# SPDX-License-Identifier: BSD-2-Clause
"""test_viewers.py -- Exports in the viewers that are web pages, or written in JavaScript.

speedscope and valgrind's dh_view.html are opened in a headless Chromium, the Firefox Profiler by its
command line. They come from npm, by tests/viewers/package-lock.json, into the build directory. What
they show has to be what memtrace report says; what is inside the files is test_export.py's."""

import fcntl
import json
import pathlib
import re
import shutil
import subprocess
import time

from tap import Tap
from test_export import Exports, hostile_program
from test_times import Times
from traced import Build, Tracer, clean_environment

DHAT_PAGE = pathlib.Path("/usr/libexec/valgrind/dh_view.html")
UNITS = ["B", "KB", "MB", "GB"]


class Viewers:
    """The modules that npm installs, and what opens files with them."""

    def __init__(self, build):
        self.source = pathlib.Path(__file__).resolve().parent / "viewers"
        self.directory = build.root / "tests" / "viewers"
        self.browser = shutil.which("chromium") or shutil.which("google-chrome")

    def install(self):
        """Why not, or None."""
        if not shutil.which("npm") or not shutil.which("node"):
            return "no npm"
        self.directory.mkdir(parents=True, exist_ok=True)
        with open(self.directory / "lock", "w", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # test_page.py wants them, too
            return self._install()

    def _install(self):
        wanted = (self.source / "package-lock.json").read_bytes()
        stamp = self.directory / "installed.json"
        if stamp.exists() and stamp.read_bytes() == wanted:
            return None
        for name in ("package.json", "package-lock.json"):
            shutil.copy(self.source / name, self.directory)
        result = subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=self.directory, capture_output=True, timeout=600, check=False)
        if result.returncode != 0:
            return f"npm ci: {result.stderr.decode(errors='replace').strip().splitlines()[-1:]}"
        stamp.write_bytes(wanted)
        return None

    def run(self, *argv, environment=None):
        result = subprocess.run([str(word) for word in argv], cwd=self.directory, env={**clean_environment(environment), "LC_ALL": "C.UTF-8"},
                                capture_output=True, timeout=300, check=False)
        if result.returncode != 0:
            raise AssertionError(f"{argv[0]}: status {result.returncode}: {result.stderr.decode(errors='replace')[-2000:]}")
        return result.stdout.decode()

    def open(self, viewer, path, page):
        return json.loads(self.run("node", self.source / "open.mjs", self.browser, viewer, path, page))


def speedscope_bytes(value):
    """As speedscope prints them, without the percentage."""
    unit = 0
    while value >= 1024 and unit < len(UNITS) - 1:
        value, unit = value / 1024, unit + 1
    return f"{value:.0f} {UNITS[unit]}" if unit == 0 else f"{value:.2f} {UNITS[unit]}"


def check_speedscope(tap, viewers, exports):
    if not viewers.browser:
        tap.skip(f"{exports.name}: speedscope", "no chromium")
        return
    path = exports.file("speedscope", "--measure=total")
    page = viewers.directory / "node_modules" / "speedscope" / "dist" / "release" / "index.html"
    result = viewers.open("speedscope", path, page)
    tap.equal((result["requests"], result["dialogs"]), ([], []), f"{exports.name}: speedscope: reads the file, and asks no network")
    rows = {name: (total.split(" (")[0], own.split(" (")[0]) for total, own, name in
            (row for row in result["shown"] if len(row) == 3 and row[0].endswith("%)"))}

    own = exports.reference.by_frame("total", lambda frame: frame)
    expected = {name_of(key): (speedscope_bytes(value), speedscope_bytes(own.get(key, 0)))
                for key, value in exports.reference.by_frame("total", lambda frame: frame, True).items()}
    # Only what fits on the page is in the document, largest first.
    exports.equal({name: rows[name] for name in rows if name in expected}, {name: expected[name] for name in rows if name in expected},
                  "speedscope: total and self of every line")
    tap.ok(len(rows) >= min(len(expected), 15) and set(rows) <= set(expected), f"{exports.name}: speedscope: shows these lines",
           set(rows) - set(expected))


def name_of(frame):
    function, file, line = frame
    return f"{function} ({pathlib.PurePosixPath(file).name}:{line})"


def check_dhat(tap, viewers, exports):
    if not viewers.browser or not DHAT_PAGE.exists():
        tap.skip(f"{exports.name}: dh_view.html", "no chromium" if not viewers.browser else "no valgrind")
        return
    text = viewers.open("dhat", exports.file("dhat"), DHAT_PAGE)["shown"]
    totals = exports.reference.totals
    for title, size, count in (("Total:", totals["alloc_bytes"], totals["alloc_count"]), ("At t-gmax:", totals["peak_bytes"], totals["peak_count"]),
                               ("At t-end:", totals["live_bytes"], totals["live_count"])):
        tap.ok(re.search(rf"^\s*{title}\s+{size:,} bytes \(100%[^)]*\) in {count:,} blocks \(100%", text, flags=re.M),
               f"{exports.name}: dh_view.html: {title} {size:,} bytes", text[:3000])
    (function, file, line), value = max(exports.reference.by_frame("total", lambda frame: frame).items(), key=lambda item: item[1])
    tap.ok(re.search(rf"Total:\s+{value:,} bytes[^{{]*{{\s*│?\s*#1: 0x[0-9A-F]+: {re.escape(function)} \({pathlib.PurePosixPath(file).name}:{line}\)",
                     re.sub(r"[│├└─]", " ", text[text.index("PP 1.1"):])), f"{exports.name}: dh_view.html: the largest call site", text[:3000])


class Firefox:
    """The Firefox Profiler's command line with a profile loaded. Its server lives in a directory of its own, and ends with us."""

    def __init__(self, viewers, directory, path):
        modules = viewers.directory / "node_modules"
        self.viewers, self.path = viewers, path
        self.client = [modules / "node" / "bin" / "node", modules / "@firefox-devtools" / "profiler-cli" / "dist" / "profiler-cli.js"]
        self.environment = {"HOME": str(directory), "PROFILER_CLI_SESSION_DIR": str(directory / "session"), "TMPDIR": str(directory)}

    def command(self, *argv):
        return [*self.client, *argv, "--session", "memtrace"]

    def run(self, *argv):
        return self.viewers.run(*self.command(*argv), environment=self.environment)

    def __enter__(self):
        """Its own "load" gives the server half a second to come up, which is not much on a busy machine;
        and who asks before it is up takes it for dead, and clears away what it needs."""
        environment = {**clean_environment(self.environment), "LC_ALL": "C.UTF-8"}
        argv = [str(word) for word in self.command("--daemon", self.path)]
        self.server = subprocess.Popen(argv, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        log = pathlib.Path(self.environment["PROFILER_CLI_SESSION_DIR"]) / "memtrace.log"
        deadline = time.monotonic() + 120
        while not (log.exists() and "loaded successfully" in log.read_text()):
            if self.server.poll() is not None or time.monotonic() > deadline:
                self.server.kill()
                raise AssertionError(f"the server did not come up: {log.read_text() if log.exists() else self.server.returncode}")
            time.sleep(0.05)
        return self

    def __exit__(self, *_):
        self.run("stop")
        self.server.wait(60)

    def functions(self, thread):
        """{name: (own, total)}, what has none left out."""
        self.run("thread", "select", f"t-{thread}")
        answer = json.loads(self.run("thread", "functions", "--json"))
        return {function["name"]: (function["selfSamples"], function["totalSamples"]) for function in answer["functions"] if function["totalSamples"]}


def check_firefox(_, viewers, exports):
    with Firefox(viewers, exports.directory, exports.file("firefox", suffix=".json")) as firefox:
        for i, measure in enumerate(("live", "peak", "total", "count", "temporary")):
            own, cumulative = (exports.reference.by_frame(measure, lambda frame: frame[:2], is_cumulative) for is_cumulative in (False, True))
            exports.equal(firefox.functions(i), {key[0]: (own.get(key, 0), value) for key, value in cumulative.items()},
                          f"Firefox Profiler: self and total of every function, {measure}")


def speedscope_time(value_ns):
    """As speedscope prints it: in the largest unit of which there is one."""
    for unit, size in (("s", 1e9), ("ms", 1e6), ("µs", 1e3)):
        if value_ns >= size:
            return f"{value_ns / size:.2f}{unit}"
    return f"{value_ns:.2f}ns"


def check_time(tap, viewers, tracer):
    """Samples of CPU and of wall-clock time."""
    for kind in ("cpu", "wall"):
        times = Times(tap, tracer)
        made = times.made()
        if kind == "wall":
            times.made({("leaf_of_main", "leaf_own"): 170}, "DOMAIN_OFF_CPU", made)
        times.write(made)
        report = times.json("report", f"--{kind}", "made.memtrace")["statistics"]
        path = times.directory / "time.speedscope.json"
        times.tool("export", f"--{kind}", "--format=speedscope", "--group-by=function", "-o", path, "made.memtrace")
        if viewers.browser:
            page = viewers.directory / "node_modules" / "speedscope" / "dist" / "release" / "index.html"
            rows = viewers.open("speedscope", path, page)["shown"]
            tap.equal({row[2]: (row[0].split(" (")[0], row[1].split(" (")[0]) for row in rows if len(row) == 3 and row[0].endswith("%)")},
                      {item["function"]: (speedscope_time(item["total_ns"]), speedscope_time(item["self_ns"])) for item in report},
                      f"speedscope: {kind} time of every function")
        path = times.directory / "time.firefox.json"
        times.tool("export", f"--{kind}", "--format=firefox", "-o", path, "made.memtrace")
        with Firefox(viewers, times.directory, path) as firefox:
            tap.equal(firefox.functions(0), {item["function"]: (item["self_samples"], item["samples"]) for item in report if item["samples"]},
                      f"Firefox Profiler: {kind} samples of every function")


def main():
    build = Build()
    viewers = Viewers(build)
    with Tap() as tap, Tracer(build) as tracer:
        why = viewers.install()
        if why:
            tap.skip("viewers", why)
            return
        trace = tracer.run([hostile_program(build, tracer.new_directory())]).trace
        exports = Exports(tap, tracer, "viewer_stacks", trace.path)
        for check in (check_speedscope, check_dhat, check_firefox):
            tap.run(check, viewers, exports)
        tap.run(check_time, viewers, tracer)


if __name__ == "__main__":
    main()
