# SPDX-License-Identifier: BSD-2-Clause
"""oracle_file.py -- Reads the counters that oracle.c left in a file."""

import pathlib
import struct

CALLS = ("malloc calloc realloc reallocarray free cfree aligned_alloc memalign posix_memalign valloc "
         "pvalloc free_sized free_aligned_sized").split()
TOTALS = "alloc_count alloc_bytes free_count freed_bytes unknown_frees reused_live untracked".split()
LAYOUT = struct.Struct("<8sQQQ96s16Q7Q")


class OracleFile:
    """What one process image did."""

    def __init__(self, path):
        self.path = pathlib.Path(path)
        fields = LAYOUT.unpack(self.path.read_bytes()[:LAYOUT.size])
        if fields[0] != b"oracle1\0":
            raise ValueError(f"{path}: not an oracle file")
        self.pid, self.start_time_ns = fields[1:3]
        self.is_forked = bool(fields[3])
        self.program = fields[4].split(b"\0")[0].decode("utf-8", "surrogateescape")
        self.calls = dict(zip(CALLS, fields[5:21]))
        self.totals = dict(zip(TOTALS, fields[21:]))
