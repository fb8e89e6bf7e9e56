# SPDX-License-Identifier: BSD-2-Clause
"""traced.py -- Runs programs plain and under the recorder, and hands back what they left."""

import json
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

from oracle_file import OracleFile
from trace_file import TraceFile


class Build:
    """Where things are in the build directory, which is the drivers' first argument."""

    def __init__(self, argv=None):
        argv = sys.argv if argv is None else argv
        if len(argv) < 2:
            sys.exit(f"usage: {argv[0]} BUILD-DIRECTORY")
        self.root = pathlib.Path(argv[1]).resolve()
        self.source = pathlib.Path(__file__).resolve().parent.parent
        self.recorder = self.root / "preload" / "libmemtrace.so"
        self.tool = self.root / "report" / "memtrace"
        self.oracle = self.root / "tests" / "liboracle.so"
        self.programs = self.root / "tests" / "programs"

    def program(self, name):
        return str(self.programs / name)


class Result:
    """What a run left: status (negative: the signal), output, traces and oracle files."""

    def __init__(self, status, stdout, stderr):
        self.status, self.stdout, self.stderr = status, stdout, stderr
        self.traces, self.oracles, self.litter = [], [], []

    @property
    def trace(self):
        if len(self.traces) != 1:
            raise AssertionError(f"{len(self.traces)} traces instead of one: "
                                 f"{[trace.path.name for trace in self.traces]}\n{self.stderr}")
        return self.traces[0]


def clean_environment(extra=None):
    """The environment without whatever would change how memory is handled."""
    unwanted = ("MALLOC_PERTURB_", "LD_PRELOAD", "GLIBC_TUNABLES")
    environment = {key: value for key, value in os.environ.items()
                   if key not in unwanted and not key.startswith("MEMTRACE")}
    environment["LC_ALL"] = "C"
    environment.update(extra or {})
    return environment


def execute(argv, environment=None, stdin=b"", cwd=None, timeout=120, limits=()):
    """Runs argv, with resource limits [(RLIMIT_…, value)]; a hang is an error."""
    def limit():
        for which, value in limits:
            resource.setrlimit(which, (value, value))

    process = subprocess.run(argv, env=clean_environment(environment), input=stdin, cwd=cwd, timeout=timeout,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
                             preexec_fn=limit if limits else None)
    return Result(process.returncode, process.stdout, process.stderr)


class Tracer:
    """Runs programs under the recorder in a directory of its own, which goes away with it."""

    def __init__(self, build):
        self.build = build
        self._directory = tempfile.TemporaryDirectory(prefix="memtrace-test-")
        self.directory = pathlib.Path(self._directory.name)
        self.runs = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._directory.cleanup()

    def new_directory(self):
        self.runs += 1
        directory = self.directory / str(self.runs)
        directory.mkdir()
        return directory

    def environment(self, directory, oracle=False, behind=(), extra=None):
        """The variables that put the recorder, the oracle and another allocator in line."""
        preload = [str(self.build.recorder)]
        if oracle:
            preload.append(str(self.build.oracle))
        preload += [str(library) for library in behind]
        environment = {"LD_PRELOAD": " ".join(preload), "MEMTRACE_OUTPUT": f"{directory}/%n.%p.memtrace",
                       "ORACLE_OUTPUT": f"{directory}/%p.oracle"}
        environment.update(extra or {})
        return environment

    def run(self, argv, oracle=False, behind=(), environment=None, **options):
        directory = self.new_directory()
        result = execute(argv, self.environment(directory, oracle, behind, environment), **options)
        collect(result, directory)
        return result

    def start(self, argv, directory, environment=None):
        """A running program, to be talked to through pipes."""
        environment = clean_environment(self.environment(directory, extra=environment))
        return subprocess.Popen(argv, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)

    def report(self, trace, *options):
        """The tool's report of a trace as the JSON it printed."""
        path = trace.path if isinstance(trace, TraceFile) else trace
        if not self.build.tool.exists():
            raise AssertionError(f"{self.build.tool} has not been built")
        result = execute([str(self.build.tool), "report", "--json", *options, str(path)], {"NO_COLOR": "1"})
        if result.status != 0:
            raise AssertionError(f"memtrace report {path}: status {result.status}: {result.stderr!r}")
        return json.loads(result.stdout)


def collect(result, directory):
    """Reads the files of a run into its result, in the order in which the images started."""
    paths = sorted(pathlib.Path(directory).iterdir())
    result.traces = sorted((TraceFile(path) for path in paths if ".memtrace" in path.name),
                           key=lambda trace: trace.header["start_time_ns"])
    result.oracles = sorted((OracleFile(path) for path in paths if ".oracle" in path.name),
                            key=lambda oracle: oracle.start_time_ns)
    result.litter = [path.name for path in paths if ".memtrace" not in path.name and ".oracle" not in path.name]


def wait_until(condition, timeout_s=30.0):
    """Polls; True as soon as condition() is."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.01)
    return False
