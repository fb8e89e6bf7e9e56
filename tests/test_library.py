# SPDX-License-Identifier: BSD-2-Clause
"""test_library.py -- What libmemtrace.so needs from, and shows to, the program it is loaded into."""

import json
import re
import shlex
import subprocess
import tempfile

from tap import Tap
from traced import Build

# The dynamic loader's own: data, and a lookup without locks. Anything more would be somebody
# else's code inside malloc; sudo, for one, exports a getenv of its own.
UNDEFINED = {"__libc_stack_end", "_dl_find_object", "_r_debug"}

ALLOCATION = set("malloc calloc realloc reallocarray free cfree aligned_alloc memalign posix_memalign valloc pvalloc "
                 "free_sized free_aligned_sized".split())
# Hooks of the program's life, and the installed API.
OTHER_EXPORTS = set("dlclose exit _exit _Exit quick_exit execve execv execvp execvpe execl execlp execle fexecve "
                    "__libc_start_main setuid setgid seteuid setegid setreuid setregid setresuid setresgid setgroups "
                    "initgroups capset chroot unshare setns prctl syscall fstatat fstatat64 setrlimit setrlimit64 prlimit prlimit64 "
                    "pthread_create fork "
                    "mmap mmap64 munmap mremap brk sbrk".split())
# System calls that a sampler's signal would end early, and what tells of signals.
OTHER_EXPORTS |= set("""poll ppoll __poll_chk __ppoll_chk select pselect epoll_wait epoll_pwait epoll_pwait2 nanosleep clock_nanosleep
                     usleep sleep thrd_sleep sem_timedwait sem_clockwait semop semtimedop msgsnd msgrcv pause
                     sigsuspend sigwait sigwaitinfo sigtimedwait read __read_chk readv write writev accept
                     accept4 connect recv __recv_chk recvfrom __recvfrom_chk recvmsg recvmmsg send sendto
                     sendmsg sendmmsg sendfile sendfile64 splice sigaction signal bsd_signal ssignal
                     sysv_signal __sysv_signal sigset sigignore siginterrupt sigpending signalfd""".split())
API_PREFIX = "memtrace_"
# C++'s operators new and delete: one object or an array, may throw or not, aligned or not, sized or not.
OPERATORS = ({f"_Zn{kind}m{aligned}{nothrow}" for kind in "wa" for aligned in ("", "St11align_val_t")
              for nothrow in ("", "RKSt9nothrow_t")} |
             {f"_Zd{kind}Pv{rest}" for kind in "la" for rest in
              ("", "m", "RKSt9nothrow_t", "St11align_val_t", "mSt11align_val_t", "St11align_val_tRKSt9nothrow_t")})

FRAME_BYTES_MAX = 1024
# Their arguments are on the caller's stack, and as many again on theirs; so it is in libc.
UNBOUNDED_FRAMES = {"execl", "execlp", "execle"}
TLS_BYTES_MAX = 64


def output_of(*argv):
    return subprocess.run(argv, stdout=subprocess.PIPE, check=True).stdout.decode()


def symbols(library, *options):
    """{name} as nm lists them, without their versions."""
    return {line.split()[-1].split("@")[0] for line in output_of("nm", "-D", *options, str(library)).splitlines()}


def check_symbols(tap, library):
    undefined = symbols(library, "--undefined-only")
    tap.equal(undefined - UNDEFINED, set(), "undefined symbols: only what is allowed")
    defined = symbols(library, "--defined-only")
    tap.equal(ALLOCATION - defined, set(), "defined symbols: the whole family")
    tap.equal(OPERATORS - defined, set(), "defined symbols: all operators new and delete")
    others = {name for name in defined - ALLOCATION - OTHER_EXPORTS - OPERATORS if not name.startswith(API_PREFIX)}
    tap.equal(others, set(), "defined symbols: nothing else")


def check_dynamic_section(tap, library):
    dynamic = output_of("readelf", "-dW", str(library))
    flags = re.search(r"FLAGS_1\)\s+(.*)", dynamic)
    tap.ok(flags and "INITFIRST" in flags.group(1), "DF_1_INITFIRST is set", dynamic)
    tap.ok("TEXTREL" not in dynamic, "no text relocations", dynamic)
    tap.ok("(SONAME)" not in dynamic, "no SONAME", dynamic)
    tap.ok("(RPATH)" not in dynamic and "(RUNPATH)" not in dynamic, "no run path", dynamic)
    needed = re.findall(r"\(NEEDED\).*\[(.*)\]", dynamic)
    tap.ok(all(name.startswith(("libc.so", "ld-linux")) for name in needed), "needs no library but libc", needed)
    headers = output_of("readelf", "-lW", str(library))
    tap.ok(not re.search(r"GNU_STACK.*RWE", headers), "no executable stack", headers)
    tls = re.search(r"^\s+TLS\s+\S+\s+\S+\s+\S+\s+\S+\s+(0x[0-9a-f]+)", headers, flags=re.M)
    size = int(tls.group(1), 16) if tls else 0
    tap.ok(size <= TLS_BYTES_MAX, f"thread-local storage: {size} of {TLS_BYTES_MAX} bytes", headers)
    relocations = output_of("readelf", "-rW", str(library))
    tap.ok("DTPMOD" not in relocations and "TLSDESC" not in relocations, "thread-local storage: initial-exec",
           relocations)


def frames_of(command):
    """[(file:line:function, bytes, kind)] of one compile command, compiled once more."""
    words = shlex.split(command["command"])
    with tempfile.TemporaryDirectory() as directory:
        words[words.index("-o") + 1] = f"{directory}/out.o"
        subprocess.run([*words, "-fno-lto", "-fstack-usage"], cwd=command["directory"], check=True, stderr=subprocess.DEVNULL)
        try:
            with open(f"{directory}/out.su", encoding="utf-8") as usage:
                return [(name, int(size), kind) for name, size, kind in
                        (line.rstrip("\n").split("\t") for line in usage)]
        except FileNotFoundError:
            return []


def check_frames(tap, build):
    commands = json.loads((build.root / "compile_commands.json").read_text())
    commands = [command for command in commands if "preload/libmemtrace.so.p" in command.get("output", "")
                and command["file"].endswith(".c")]
    tap.ok(commands, "frames: compile commands found")
    for command in commands:
        frames = frames_of(command)
        name = command["file"].split("/")[-1]
        large = [frame for frame in frames if frame[0].split(":")[-1] not in UNBOUNDED_FRAMES and
                 (frame[1] > FRAME_BYTES_MAX or frame[2] == "dynamic")]
        tap.equal(large, [], f"frames: {name}, {len(frames)} functions within {FRAME_BYTES_MAX} bytes")
        tap.ok(frames, f"frames: {name} has functions")


def check_linked_frames(tap, library):
    """The same in the library itself, where link-time optimisation may have put functions together."""
    found, name, adjustments = [], "", 0
    for line in output_of("objdump", "-d", "--no-show-raw-insn", str(library)).splitlines():
        head = re.match(r"[0-9a-f]+ <(.*)>:", line)
        name = head.group(1) if head else name
        adjustment = re.search(r"\bsub\s+(?:\$(0x[0-9a-f]+),%rsp|sp, sp, #(0x[0-9a-f]+))", line)
        if adjustment:
            adjustments += 1
            size = int(adjustment.group(1) or adjustment.group(2), 16)
            if FRAME_BYTES_MAX < size < 1 << 63: # beyond that an addition is meant
                found.append((name, size))
    tap.ok(adjustments > 20, "frames of the library: found", adjustments)
    tap.equal(found, [], f"frames of the library: within {FRAME_BYTES_MAX} bytes")


def check_size(tap, build):
    size = build.recorder.stat().st_size
    tap.ok(size < 4 << 20, "size of the library", size)


def main():
    with Tap() as tap:
        build = Build()
        tap.run(check_symbols, build.recorder)
        tap.run(check_dynamic_section, build.recorder)
        tap.run(check_frames, build)
        tap.run(check_linked_frames, build.recorder)
        tap.run(check_size, build)


if __name__ == "__main__":
    main()
