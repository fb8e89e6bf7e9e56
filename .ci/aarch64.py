# SPDX-License-Identifier: BSD-2-Clause
"""aarch64.py -- Cross-compiles the recorder, the oracle and some fixtures and runs them under qemu.

aarch64.py BUILD-DIRECTORY WORK-DIRECTORY. How the recorder is compiled and linked is taken from
the native build; the compiler is another one. Traces are read by the native tool, which needs
neither the machine nor its libraries. Prints TAP, and at last "N passed, N failed, N skipped"."""

import json
import pathlib
import shlex
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))
# pylint: disable=wrong-import-position
from tap import Tap
from test_fixtures import Fixtures
from test_history import check_by_site, check_signal, check_states, check_threads
from test_oracle import check
from traced import Build, Tracer, clean_environment, collect, execute

COMPILER = "aarch64-linux-gnu-gcc"
EMULATOR = "qemu-aarch64"
SYSROOT = "/usr/aarch64-linux-gnu"
FIXTURES = ("exact_lines exact_functions thousand_lines threads cross_thread_free longjmp tail_calls deep_recursion "
            "assembly temporary coroutines plt constructors").split()
MACHINE_OPTIONS = ["-mno-outline-atomics"]  # which x86_64 has not, so the native build does not say


def compile_recorder(build, target):
    """libmemtrace.so as the native build makes it."""
    commands = json.loads((build.root / "compile_commands.json").read_text())
    commands = [command for command in commands if "preload/libmemtrace.so.p" in command["output"]]
    for command in commands:
        words = shlex.split(command["command"])
        words = words[next(i for i, word in enumerate(words) if word.startswith("-")):]
        words[words.index("-o") + 1] = str(target / (pathlib.Path(command["file"]).stem + ".o"))
        subprocess.run([COMPILER, *drop_dependencies(words), *MACHINE_OPTIONS], cwd=command["directory"], check=True)
    link = subprocess.run(["ninja", "-C", str(build.root), "-t", "commands", "-s", "preload/libmemtrace.so"],
                          stdout=subprocess.PIPE, check=True).stdout.decode().splitlines()[-1]
    words = [word for word in shlex.split(link) if word.startswith("-") and not word.startswith("-o")]
    objects = sorted(map(str, target.glob("*.o")))
    subprocess.run([COMPILER, *words, "-o", str(target / "libmemtrace.so"), *objects], cwd=build.root, check=True)


def drop_dependencies(words):
    """Without -MD -MQ X -MF X, which name files of the native build."""
    kept, skip = [], False
    for word in words:
        if skip:
            skip = False
        elif word in ("-MQ", "-MF"):
            skip = True
        elif word != "-MD":
            kept.append(word)
    return kept


def compile_program(target, name, *sources, options=()):
    programs = ROOT / "tests" / "programs"
    paths = [source if isinstance(source, pathlib.Path) else programs / source for source in sources]
    subprocess.run([COMPILER, "-std=gnu11", "-D_GNU_SOURCE", "-O0", "-g", "-fno-builtin", "-w", "-o", str(target / name),
                    *map(str, paths), *options, "-pthread", "-ldl"], check=True)


def compile_programs(build, target):
    for name in ("exact_lines threads cross_thread_free longjmp deep_recursion temporary coroutines "
                 "every_function history_steps").split():
        compile_program(target, name, name + ".c")
    compile_program(target, "thousand_lines", build.root / "tests" / "programs" / "thousand_lines.c")
    compile_program(target, "tail_calls", "tail_calls.c", options=["-O2"])
    compile_program(target, "assembly", "assembly.c", "assembly_frames.S")
    shared = ["-shared", "-fPIC"]
    for letter, size in (("a", 1000), ("b", 2000), ("c", 3000)):
        compile_program(target, f"libconstructed_{letter}.so", "constructor_library.c",
                        options=[*shared, f"-DNAME=constructed_{letter}", f"-DSIZE={size}"])
    compile_program(target, "libplt_library.so", "plt_library.c", options=[*shared, "-Wl,-z,lazy"])
    beside = ["-Wl,-rpath,$ORIGIN", f"-L{target}"]
    compile_program(target, "constructors", "constructors.c",
                    options=[*beside, "-lconstructed_a", "-lconstructed_b", "-lconstructed_c"])
    compile_program(target, "plt", "plt.c", options=[*beside, "-lplt_library", "-Wl,-z,lazy"])
    compile_program(target, "liboracle.so", ROOT / "tests" / "oracle.c", options=[*shared, "-O2", "-fvisibility=hidden"])


class EmulatedBuild(Build):
    """The programs of another machine, the tool of this one."""

    def __init__(self, root, target):
        super().__init__([sys.argv[0], root])
        self.recorder, self.oracle, self.programs = target / "libmemtrace.so", target / "liboracle.so", target


class EmulatedTracer(Tracer):
    """Runs programs under the emulator; the emulator itself is not traced."""

    def run(self, argv, oracle=False, behind=(), environment=None, **options):
        directory = self.new_directory()
        variables = self.environment(directory, oracle, behind, environment)
        preload = variables.pop("LD_PRELOAD")
        result = execute([EMULATOR, "-L", SYSROOT, "-E", f"LD_PRELOAD={preload}", *argv], variables, **options)
        collect(result, directory)
        return result


    def start(self, argv, directory, environment=None):
        variables = self.environment(directory, extra=environment)
        preload = variables.pop("LD_PRELOAD")
        return subprocess.Popen([EMULATOR, "-L", SYSROOT, "-E", f"LD_PRELOAD={preload}", *argv], bufsize=0,
                                env=clean_environment(variables), stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def check_symbols(tap, target):
    listing = subprocess.run(["aarch64-linux-gnu-nm", "-D", "--undefined-only", str(target / "libmemtrace.so")],
                             stdout=subprocess.PIPE, check=True).stdout.decode()
    names = {line.split()[-1].split("@")[0] for line in listing.splitlines()}
    tap.equal(names - {"__libc_stack_end", "_dl_find_object", "_r_debug"}, set(), "undefined symbols on aarch64")


def check_every_function(tap, tracer):
    program = tracer.build.program("every_function")
    plain = execute([EMULATOR, "-L", SYSROOT, program])
    traced = tracer.run([program], oracle=True)
    tap.equal((traced.status, traced.stdout), (plain.status, plain.stdout), "every_function: same behaviour")
    check(tap, tracer, traced, "every_function")


def run(tap, build, target):
    target.mkdir(parents=True, exist_ok=True)
    compile_recorder(build, target)
    tap.ok((target / "libmemtrace.so").exists(), "the recorder compiles for aarch64")
    check_symbols(tap, target)
    if not shutil.which(EMULATOR):
        tap.skip("fixtures on aarch64", f"no {EMULATOR}")
        return
    compile_programs(build, target)
    with EmulatedTracer(EmulatedBuild(str(build.root), target)) as tracer:
        # The emulator writes the return from signal handlers itself; no file has unwind tables for it.
        fixtures = Fixtures(tracer.build, tracer, tolerated=["stack_guessed"])
        for name in FIXTURES:
            tap.run(getattr(fixtures, name), name=name)
        tap.run(check_every_function, tracer)
        for check_history in (check_states, check_by_site, check_threads, check_signal):
            tap.run(check_history, tracer)


def main():
    tap = Tap()
    tap.run(run, Build(), pathlib.Path(sys.argv[2]).resolve(), name="aarch64")
    print(f"{tap.count - tap.failed - tap.skipped} passed, {tap.failed} failed, {tap.skipped} skipped")
    sys.exit(1 if tap.failed else 0)


main()
