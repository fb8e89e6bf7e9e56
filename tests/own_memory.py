# SPDX-License-Identifier: BSD-2-Clause
"""own_memory.py -- What the recorder itself takes from a process, as the kernel accounts for it.

Its tables are the private anonymous mappings that are kept out of core dumps and told whether to be
huge pages; beside them there are the library with its variables, and the trace."""

import dataclasses
import os
import pathlib
import re

HEAD = re.compile(r"([0-9a-f]+)-([0-9a-f]+) \S+ \S+ \S+ \d+ *(.*)")


@dataclasses.dataclass
class OwnMemory:
    tables_bytes: int = 0    # anonymous, resident
    trace_bytes: int = 0     # of the trace's pages, those that this process has touched
    library_bytes: int = 0
    descriptors: int = 0     # open files that are the recorder's

    @property
    def private_bytes(self):
        return self.tables_bytes + self.library_bytes


def mappings_of(pid):
    """(path, resident bytes, set of flags) of each mapping; a file's variables have its path, too."""
    path, resident, end = "", 0, ""
    for line in pathlib.Path(f"/proc/{pid}/smaps").read_text(errors="replace").splitlines():
        head = HEAD.match(line)
        if head:
            path = head[3] or (path if head[1] == end and "libmemtrace" in path else "")
            resident, end = 0, head[2]
        elif line.startswith("Rss:"):
            resident = int(line.split()[1]) * 1024
        elif line.startswith("VmFlags:"):
            yield path, resident, set(line.split()[1:])


def descriptors_of(pid):
    names = []
    for entry in os.scandir(f"/proc/{pid}/fd"):
        try:
            names.append(os.readlink(entry.path))
        except OSError:
            pass
    return names


def own_memory(pid):
    """None if the process is gone or has no recorder."""
    own, is_recorded = OwnMemory(), False
    try:
        for path, resident, flags in mappings_of(pid):
            if "libmemtrace" in path:
                own.library_bytes += resident
                is_recorded = True
            elif path.endswith(".memtrace") or ".memtrace (deleted)" in path:
                own.trace_bytes += resident
            elif not path and "dd" in flags and flags & {"nh", "hg"}:
                own.tables_bytes += resident
        own.descriptors = sum(".memtrace" in name or "perf_event" in name for name in descriptors_of(pid))
    except (OSError, ValueError):
        return None
    return own if is_recorded else None
