# SPDX-License-Identifier: BSD-2-Clause
"""trace_file.py -- A second reader of traces, independent of the tool, to hold the tool against.

It takes the layout from preload/trace_format.h itself: enums, constants and structs are read
from the text of that header, so it cannot fall behind it. It believes what it reads; hostile
files are the tool's business."""

import pathlib
import re
import struct

HEADER_FILE = pathlib.Path(__file__).resolve().parent.parent / "preload" / "trace_format.h"
SCALARS = {"char": "s", "uint8_t": "B", "int32_t": "i", "uint32_t": "I", "int64_t": "q", "uint64_t": "Q"}


def _without_comments(text):
    return re.sub(r"/\*.*?\*/", " ", text, flags=re.S)


class Layout:
    """The names, numbers and structs of trace_format.h."""

    def __init__(self, path=HEADER_FILE):
        text = _without_comments(path.read_text())
        self.numbers = {}
        for name, value in re.findall(r"^#define (\w+) +(0x[0-9a-f]+|\d+)u?\s*$", text, flags=re.M):
            self.numbers[name] = int(value, 0)
        for body in re.findall(r"enum \w+ \{(.*?)\}", text, flags=re.S):
            self._read_enum(body)
        self.structs = {}
        for name, body in re.findall(r"struct (\w+) \{(.*?)\n\};", text, flags=re.S):
            self.structs[name] = self._read_struct(body)
        self.call_names = re.findall(r'"([\w ]+)"', text.split("TRACE_CALL_NAMES")[1].split("}")[0])

    def _read_enum(self, body):
        value = 0
        for item in filter(None, (part.strip() for part in body.split(","))):
            name, _, explicit = (part.strip() for part in item.partition("="))
            if explicit:
                value = self.numbers[explicit] if explicit in self.numbers else int(explicit, 0)
            self.numbers[name] = value
            value += 1

    def _size_of(self, kind):
        if kind in SCALARS:
            return struct.calcsize("=" + SCALARS[kind])
        return self.structs[kind][1]

    def _align_of(self, kind):
        return self._size_of(kind) if kind in SCALARS else self.structs[kind][2]

    def _read_struct(self, body):
        fields, at, widest = [], 0, 1
        for kind, name, count in re.findall(r"(?:struct )?(\w+) (\w+)(?:\[(\w+)\])?;", body):
            length = (int(count) if count.isdigit() else self.numbers[count.rstrip("u")]) if count else None
            align = self._align_of(kind)
            at = (at + align - 1) // align * align
            fields.append((name, kind, length, at))
            at += self._size_of(kind) * (1 if length is None else length)
            widest = max(widest, align)
        return fields, (at + widest - 1) // widest * widest, widest

    def read(self, kind, data, base=0):
        """The struct at base as a dict."""
        values = {}
        for name, field_kind, length, offset in self.structs[kind][0]:
            values[name] = self._read_field(field_kind, length, data, base + offset)
        return values

    def write(self, kind, values):
        """The bytes of a struct; what values do not name is zero."""
        fields, size, _ = self.structs[kind]
        data = bytearray(size)
        unknown = set(values) - {name for name, _, _, _ in fields}
        if unknown:
            raise KeyError(f"struct {kind} has no {sorted(unknown)}")
        for name, field_kind, length, offset in fields:
            if name in values:
                self._write_field(field_kind, length, data, offset, values[name])
        return bytes(data)

    def _write_field(self, kind, length, data, at, value):
        if kind in ("char", "uint8_t"):
            data[at:at + len(value)] = value
        elif length is not None:
            for index, item in enumerate(value):
                self._write_field(kind, None, data, at + index * self._size_of(kind), item)
        elif kind in SCALARS:
            struct.pack_into("<" + SCALARS[kind], data, at, value)
        else:
            data[at:at + self._size_of(kind)] = self.write(kind, value)

    def flat(self, kind):
        """(names, struct.Struct) if the struct is scalars without gaps, which is faster to read."""
        fields, size, _ = self.structs[kind]
        if any(length is not None or field_kind not in SCALARS for _, field_kind, length, _ in fields):
            return None
        unpacker = struct.Struct("<" + "".join(SCALARS[field_kind] for _, field_kind, _, _ in fields))
        return ([field[0] for field in fields], unpacker) if unpacker.size == size else None

    def _read_field(self, kind, length, data, at):
        if kind in ("char", "uint8_t"):
            raw = bytes(data[at:at + (length or 1)])
            return raw.split(b"\0")[0] if kind == "char" else raw
        if length is None:
            if kind in SCALARS:
                return struct.unpack_from("<" + SCALARS[kind], data, at)[0]
            return self.read(kind, data, at)
        size = self._size_of(kind)
        return [self._read_field(kind, None, data, at + i * size) for i in range(length)]


def _read_numbers(data):
    """All the LEB128 numbers in data, one by one."""
    number = shift = 0
    for byte in data:
        number |= (byte & 0x7f) << shift
        shift += 7
        if byte < 0x80:
            yield number
            number = shift = 0


def _leading_number(data, at):
    """(number, where the next one begins)"""
    end = at
    while data[end] >= 0x80:
        end += 1
    return next(_read_numbers(data[at:end + 1])), end + 1


class TraceFile:
    """One trace."""

    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.layout = Layout()
        self.data = self.path.read_bytes()
        if len(self.data) < self.layout.structs["trace_header"][1]:
            raise ValueError(f"{path}: {len(self.data)} bytes are not a trace")
        self.header = self.layout.read("trace_header", self.data)
        if self.header["magic"] != b"memtrace":
            raise ValueError(f"{path}: not a trace")
        number = self.layout.numbers
        self.calls = {name: sum(thread["calls"][i] for thread in self.threads)
                      for i, name in enumerate(self.layout.call_names)}
        self.anomalies = {name[8:].lower(): self.header["anomalies"][value]
                          for name, value in number.items()
                          if name.startswith("ANOMALY_") and name not in ("ANOMALY_COUNT", "ANOMALY_MAX")}

    def section(self, name):
        """All bytes of a section."""
        index = self.layout.numbers["SECTION_" + name]
        size = self.header["section_bytes"][index]
        content = bytearray(size)
        for extent in self.header["extents"][:self.header["extent_count"]]:
            if extent["section"] == index and extent["section_offset"] < size:
                length = min(extent["size_bytes"], size - extent["section_offset"])
                piece = self.data[extent["file_offset"]:extent["file_offset"] + length]
                content[extent["section_offset"]:extent["section_offset"] + length] = piece
        return bytes(content)

    def _elements(self, section, kind):
        data, size = self.section(section), self.layout.structs[kind][1]
        flat = self.layout.flat(kind)
        if not flat:
            return [self.layout.read(kind, data, at) for at in range(0, len(data) - size + 1, size)]
        names, unpacker = flat
        return [dict(zip(names, row)) for row in unpacker.iter_unpack(data[:len(data) // size * size])]

    def _lazy(self, name, section, kind):
        if name not in self.__dict__:
            self.__dict__[name] = self._elements(section, kind)
        return self.__dict__[name]

    @property
    def nodes(self):
        return self._lazy("_nodes", "NODES", "trace_node")

    @property
    def owners(self):
        return self._lazy("_owners", "OWNERS", "trace_owner")

    @property
    def counters(self):
        return self._lazy("_counters", "COUNTERS", "trace_counters")

    @property
    def inherited(self):
        return self._lazy("_inherited", "INHERITED", "trace_inherited")

    @property
    def modules(self):
        return self._lazy("_modules", "MODULES", "trace_module")

    @property
    def looks(self):
        """What was resident, by time; without what was being written."""
        looks = self._lazy("_looks", "RESIDENCE", "trace_residence")
        return sorted((look for look in looks if look["time_ns"] and look["time_ns"] == look["end_time_ns"]),
                      key=lambda look: look["time_ns"])

    @property
    def threads(self):
        return self._lazy("_threads", "THREADS", "trace_thread")

    @property
    def marks(self):
        return self._lazy("_marks", "MARKS", "trace_mark")

    @property
    def samplers(self):
        return self._lazy("_samplers", "SAMPLERS", "trace_sampler")

    def mark_name(self, mark):
        return self.string(mark["name"])

    @property
    def history(self):
        """The ticks of the active half: [{time_ns, mark, entries: {id: (allocs, bytes, frees, bytes)}}], what
        was added since the one before."""
        if "_history" not in self.__dict__:
            self._history = self._read_history()
        return self._history

    def _read_history(self):
        half, size = self.header["history_active"], self.header["history_half_bytes"]
        data = self.section("HISTORY")[half * size:][:self.header["history_bytes"][half]]
        if len(data) != self.header["history_bytes"][half]:
            raise ValueError(f"{self.path}: the history is cut")
        ticks, at, time_ns = [], 0, self.header["start_time_ns"]
        while at < len(data):
            body_bytes, at = _leading_number(data, at)
            numbers = list(_read_numbers(data[at:at + body_bytes]))
            at += body_bytes
            time_ns += numbers[0]
            entries, counters_id = {}, 0
            for k in range(3, len(numbers), 5):
                if not numbers[k]:
                    raise ValueError(f"{self.path}: ids do not ascend")
                counters_id += numbers[k]
                entries[counters_id] = tuple(numbers[k + 1:k + 5])
            if at > len(data) or numbers[2] != len(entries) or len(numbers) != 3 + 5 * len(entries):
                raise ValueError(f"{self.path}: a tick is not whole")
            ticks.append({"time_ns": time_ns, "mark": numbers[1], "entries": entries})
        return ticks

    def history_sums(self):
        """[(time_ns, mark, {id: [allocs, bytes, frees, bytes]})]: the figures at each tick."""
        sums, moments = {}, []
        for tick in self.history:
            for counters_id, added in tick["entries"].items():
                known = sums.get(counters_id, (0, 0, 0, 0))
                sums[counters_id] = tuple((a + b) & (1 << 64) - 1 for a, b in zip(known, added))
            moments.append((tick["time_ns"], tick["mark"], dict(sums)))
        return moments

    @property
    def points(self):
        """The series: the points of the active half."""
        if "_points" not in self.__dict__:
            half, count = self.header["series_active"], self.header["series_half_points"]
            size = self.layout.structs["trace_point"][1]
            data = self.section("SERIES")[half * count * size:][:self.header["series_points"][half] * size]
            if len(data) != self.header["series_points"][half] * size:
                raise ValueError(f"{self.path}: the series is cut")
            self._points = [self.layout.read("trace_point", data, at) for at in range(0, len(data), size)]
        return self._points

    def string(self, where):
        data = self.section("STRINGS")
        return data[where["offset"]:where["offset"] + where["size_bytes"]].decode("utf-8", "surrogateescape")

    @property
    def program(self):
        return self.string(self.header["program"])

    @property
    def pid(self):
        return self.header["pid"]

    def domain_of(self, owner):
        return owner["thread_domain"] >> self.layout.numbers["OWNER_DOMAIN_SHIFT"]

    def sites(self, domain="HEAP"):
        """{node: summed counters} of a domain, with live and the bytes and blocks at the peak worked out."""
        sites = {}
        epoch = self.header["peak_epoch"]
        wanted = self.layout.numbers["DOMAIN_" + domain]
        for index, (owner, counters) in enumerate(zip(self.owners, self.counters)):
            if not index or self.domain_of(owner) != wanted:
                continue
            inherited = {"live_count": 0, "live_bytes": 0}
            if index < len(self.inherited) and not self.header["clears"]:
                inherited = self.inherited[index]
            site = sites.setdefault(owner["node"], dict.fromkeys(
                ("alloc_count", "alloc_bytes", "free_count", "freed_bytes", "temporary_count", "live_count",
                 "live_bytes", "peak_bytes", "peak_count"), 0))
            live_count = counters["alloc_count"] - counters["free_count"] + inherited["live_count"]
            live_bytes = counters["alloc_bytes"] - counters["freed_bytes"] + inherited["live_bytes"]
            is_stored = counters["peak_epoch"] == epoch
            for key in ("alloc_count", "alloc_bytes", "free_count", "freed_bytes", "temporary_count"):
                site[key] += counters[key]
            site["live_count"] += live_count
            site["live_bytes"] += live_bytes
            site["peak_bytes"] += counters["peak_bytes"] if is_stored else live_bytes
            site["peak_count"] += counters["peak_count"] if is_stored else live_count
        return sites

    def totals(self, domain="HEAP"):
        """The sums over all sites of a domain."""
        totals = {}
        for site in self.sites(domain).values():
            for key, value in site.items():
                totals[key] = totals.get(key, 0) + value
        return totals

    def thread_totals(self):
        """The same sums as the threads counted them."""
        return {key: sum(thread[key] for thread in self.threads)
                for key in ("alloc_count", "alloc_bytes", "free_count", "freed_bytes", "temporary_count")}

    def stack(self, node):
        """[(module path, offset)] innermost first."""
        frames = []
        mask = self.layout.numbers["NODE_MODULE_MASK"]
        while node:
            entry = self.nodes[node]
            module = entry["module_bits"] & mask
            path = self.string(self.modules[module]["path"]) if module < len(self.modules) else "special"
            frames.append((path, entry["offset"]))
            node = entry["parent"]
        return frames
