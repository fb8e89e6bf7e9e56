# SPDX-License-Identifier: BSD-2-Clause
"""machine.py -- What the figures were measured on, and with which versions."""

import os
import pathlib
import platform
import re
import shutil
import subprocess

VERSIONS = [
    ("heaptrack", ["heaptrack", "--version"]),
    ("valgrind", ["valgrind", "--version"]),
    ("gcc", ["gcc", "-dumpfullversion"]),
    ("clang", ["clang", "--version"]),
    ("python3", ["/usr/bin/python3", "--version"]),
    ("lua", ["lua5.4", "-v"]),
    ("jq", ["jq", "--version"]),
    ("sqlite3", ["sqlite3", "--version"]),
    ("git", ["git", "--version"]),
    ("redis", ["redis-server", "--version"]),
    ("mariadb", ["mariadbd", "--version"]),
    ("lld", ["ld.lld", "--version"]),
    ("xz", ["xz", "--version"]),
]
# Libraries say nothing about themselves, Debian does.
PACKAGES = [("jemalloc", "libjemalloc2"), ("gperftools", "libgoogle-perftools4")]


def first_line(argv):
    path = f"{os.environ.get('PATH', '')}:/usr/sbin"
    if not shutil.which(argv[0], path=path):
        return ""
    process = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
                             env={**os.environ, "PATH": path})
    return process.stdout.splitlines()[0] if process.returncode == 0 and process.stdout else ""


def version_in(text):
    match = re.search(r"\d+(\.\d+)+(-\w+)?", text)
    return match.group(0) if match else ""


def processor():
    match = re.search(r"^model name\s*: (.*)$", pathlib.Path("/proc/cpuinfo").read_text(), re.M)
    return match.group(1) if match else platform.machine()


def commit(source):
    """Of the sources that the recorder should have been built from."""
    name = first_line(["git", "-C", str(source), "describe", "--always", "--dirty"])
    return f"memtrace {name}" if name else "memtrace"


def description():
    load = " ".join(f"{value:.2f}" for value in os.getloadavg())
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    return (f"{processor()}, {os.cpu_count()} cores, {memory:.0f} GiB, Linux {platform.release()}, "
            f"{'-'.join(platform.libc_ver())}; load average before: {load}")


def versions(source):
    found = [(name, version_in(first_line(argv))) for name, argv in VERSIONS]
    for name, package in PACKAGES:
        found.append((name, version_in(first_line(["dpkg-query", "-W", "-f", "${Version}\n", package]))))
    return ", ".join([commit(source)] + [f"{name} {version}" for name, version in found if version])
