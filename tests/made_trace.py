# SPDX-License-Identifier: BSD-2-Clause
"""made_trace.py -- Traces of programs that never ran, for tests that need to know every number in them.

As tests/make_trace.c, for tests in Python. The layout comes from preload/trace_format.h itself."""

from trace_file import Layout

SECOND_NS = 1_000_000_000
START_NS = 1000 * SECOND_NS
NO_MARK = None


def leb128(number):
    data = bytearray()
    while True:
        data.append(number & 0x7f | (0x80 if number > 0x7f else 0))
        number >>= 7
        if not number:
            return bytes(data)


class MadeTrace:
    """An exited program with one thread, until told otherwise; then write(path)."""

    def __init__(self, program="./demo", pid=4242, seconds=100, **header):
        self.layout = Layout()
        self.number = self.layout.numbers
        self.sections = {}
        self.sizes = {}
        self.ticks = []
        self.points = []
        self.header = {
            "magic": b"memtrace", "version": self.number["TRACE_VERSION"], "byte_order": self.number["TRACE_BYTE_ORDER"],
            "header_bytes": self.number["TRACE_HEADER_BYTES"], "machine": 62, "page_bytes": 4096,
            "state": self.number["TRACE_EXITED"], "exit_status_known": 1, "pid": pid, "depth_limit": 256,
            "start_time_ns": START_NS, "start_realtime_ns": 1_700_000_000 * SECOND_NS,
            "end_time_ns": START_NS + seconds * SECOND_NS, "last_seen_ns": START_NS + seconds * SECOND_NS,
            "peak_time_ns": START_NS + seconds * SECOND_NS, "peak_epoch": 7, "threads_seen": 1,
            "program": self.string(program), "executable": self.string("/home/me/demo")}
        self.header.update(header)
        self.offset_ns = self.header["start_time_ns"] - START_NS
        self.append("MODULES", "trace_module", {})
        self.thread(0, "")
        self.thread(pid, "demo")
        self.append("NODES", "trace_node", {})
        self.counters(0)

    def add_bytes(self, section, data):
        content = self.sections.setdefault(section, bytearray())
        content += data
        return len(content) - len(data)

    def append(self, section, kind, values):
        data = self.layout.write(kind, values)
        return self.add_bytes(section, data) // len(data)

    def string(self, text):
        data = text if isinstance(text, bytes) else text.encode()
        return {"offset": self.add_bytes("STRINGS", data), "size_bytes": len(data)}

    def module(self, path, build_id=b"", **values):
        return self.append("MODULES", "trace_module", {"path": self.string(path), "build_id": build_id,
                                                       "build_id_bytes": len(build_id), **values})

    def thread(self, tid, name, **values):
        return self.append("THREADS", "trace_thread", {"tid": tid, "name": name.encode(), **values})

    def node(self, parent, module, offset):
        """A return address: the call is at offset."""
        return self.append("NODES", "trace_node", {"offset": offset + 1, "parent": parent, "module_bits": module})

    def exact_node(self, parent, module, offset):
        """The instruction at offset itself, as samples have it."""
        return self.append("NODES", "trace_node", {"offset": offset, "parent": parent,
                                                   "module_bits": module | self.number["NODE_EXACT"]})

    def samples(self, node, count, period_ns=1_000_000, domain="DOMAIN_CPU", kernel=0, **values):
        """So many samples of that stack, some of them in the kernel."""
        return self.counters(node, count, count * period_ns, kernel, kernel * period_ns, domain=domain, **values)

    def sampler(self, engine="ENGINE_PERF_RING", domain="DOMAIN_CPU", **values):
        return self.append("SAMPLERS", "trace_sampler", {
            "domain": self.number[domain], "engine": self.number[engine], "asked_period_ns": 1_000_000,
            "period_ns": 1_000_000, "start_time_ns": START_NS, **values})

    def special(self, parent, which):
        return self.append("NODES", "trace_node", {"offset": self.number[which], "parent": parent,
                                                   "module_bits": self.number["NODE_MODULE_SPECIAL"]})

    def counters(self, node, alloc_count=0, alloc_bytes=0, free_count=0, freed_bytes=0, thread=1, domain="DOMAIN_HEAP",
                 **values):
        """Returns their id."""
        thread_domain = thread | self.number[domain] << self.number["OWNER_DOMAIN_SHIFT"]
        self.append("OWNERS", "trace_owner", {"node": node, "thread_domain": thread_domain})
        return self.append("COUNTERS", "trace_counters", {"alloc_count": alloc_count, "alloc_bytes": alloc_bytes,
                                                          "free_count": free_count, "freed_bytes": freed_bytes, **values})

    def mark(self, kind, name, after_s, live_bytes=0, peak_bytes=0, thread=1):
        return self.append("MARKS", "trace_mark", {
            "time_ns": START_NS + self.offset_ns + round(after_s * SECOND_NS), "kind": self.number[kind], "thread": thread,
            "name": self.string(name), "live_bytes": live_bytes, "peak_bytes": peak_bytes})

    def tick(self, after_s, changes, mark=NO_MARK):
        """changes: {id: (alloc_count, alloc_bytes, free_count, freed_bytes)} since the tick before."""
        time_ns = int(after_s * SECOND_NS)
        body = bytearray(leb128(time_ns - (self.ticks[-1][0] if self.ticks else 0)))
        body += leb128(0 if mark is NO_MARK else mark + 1) + leb128(len(changes))
        last = 0
        for number, change in sorted(changes.items()):
            body += b"".join(map(leb128, (number - last, *change)))
            last = number
        self.ticks.append((time_ns, leb128(len(body)) + body))

    def point(self, after_s, span_s=0, **values):
        """A reading of the process, or several merged. A value is a number, (min, max), or left out: not known."""
        fields = {}
        for name, kind, _, _ in self.layout.structs["trace_point"][0]:
            if kind == "trace_range":
                value = values.pop(name, -1)
                low, high = value if isinstance(value, tuple) else (value, value)
                fields[name] = {"min": low, "max": high}
            elif kind == "int64_t" and name != "reserved":
                fields[name] = values.pop(name, -1)
        if values:
            raise KeyError(f"points have no {sorted(values)}")
        fields["time_ns"] = START_NS + self.offset_ns + round(after_s * SECOND_NS)
        fields["span_ns"] = round(span_s * SECOND_NS)
        self.points.append(self.layout.write("trace_point", fields))

    def _lay_out_series(self):
        """As with the history."""
        data = b"".join(self.points)
        self.sections["SERIES"] = bytearray(b"\xee" * len(data) + data)
        self.header.update(series_active=1, series_half_points=len(self.points), series_points=[len(self.points)] * 2)
        self.header.setdefault("series_interval_ns", SECOND_NS // 10)

    def _lay_out_history(self):
        """The first half holds what a reader must not look at."""
        half = b"".join(tick for _, tick in self.ticks)
        self.sections["HISTORY"] = bytearray(b"\xee" * len(half) + half)
        self.header.update(history_active=1, history_half_bytes=len(half), history_bytes=[len(half), len(half)],
                           history_interval_ns=SECOND_NS)

    def content(self):
        if self.ticks:
            self._lay_out_history()
        if self.points:
            self._lay_out_series()
        extents, body, sizes = [], bytearray(), [0] * self.number["SECTION_MAX"]
        base = self.header["header_bytes"]
        for name, data in self.sections.items():
            index = self.number["SECTION_" + name]
            sizes[index] = len(data)
            body += bytes(-len(body) % 8)
            extents.append({"section": index, "file_offset": base + len(body), "size_bytes": len(data)})
            body += data
        self.header.update(extents=extents, extent_count=len(extents), section_bytes=sizes)
        header = self.layout.write("trace_header", self.header)
        return header + bytes(base - len(header)) + bytes(body)

    def write(self, path):
        path.write_bytes(self.content())
        return path
