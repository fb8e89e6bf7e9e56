# SPDX-License-Identifier: BSD-2-Clause
"""pprof_file.py -- Reads pprof profiles from nothing but the description of the format."""

import gzip


def varint(data, at):
    value, shift = 0, 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7f) << shift
        shift += 7
        if not byte & 0x80:
            return value, at


def fields(data):
    """Yields (number, value): an int, or bytes."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        if key & 7 == 0:
            value, at = varint(data, at)
        elif key & 7 == 2:
            size, at = varint(data, at)
            if at + size > len(data):
                raise ValueError("a field is longer than its message")
            value, at = data[at:at + size], at + size
        else:
            raise ValueError(f"wire type {key & 7}")
        yield key >> 3, value


def message(data):
    """The fields that occur once."""
    return dict(fields(data))


def packed(data):
    values, at = [], 0
    while at < len(data):
        value, at = varint(data, at)
        values.append(value - (1 << 64) if value >> 63 else value)
    return values


class PprofFile:
    """types [(name, unit)]; samples [(stack, values)], a stack being ((function, file, line), …), outermost first."""

    def __init__(self, data):
        self.types, self.samples, self.mappings, self.locations, self.functions, self.strings = [], [], {}, {}, {}, []
        self.comments, self.numbers = [], {}
        raw_types, raw_samples = [], []
        for number, value in fields(gzip.decompress(data)):
            if number == 1:
                raw_types.append(message(value))
            elif number == 2:
                raw_samples.append(list(fields(value)))
            elif number in (3, 4, 5):
                item = list(fields(value))
                (self.mappings, self.locations, self.functions)[number - 3][dict(item)[1]] = item
            elif number == 6:
                self.strings.append(value.decode("utf-8"))  # has to be UTF-8
            elif number == 13:
                self.comments.append(value)
            else:
                self.numbers[number] = value
        if self.strings[0] != "":
            raise ValueError("the first string is not empty")
        self.types = [(self.strings[item[1]], self.strings[item[2]]) for item in raw_types]
        self.comments = [self.strings[i] for i in self.comments]
        self.default_type = self.strings[self.numbers[14]]
        self.samples = [self.sample(dict(item)) for item in raw_samples]

    def sample(self, item):
        stack = tuple(frame for location in packed(item.get(1, b"")) for frame in self.frames(location))
        return tuple(reversed(stack)), packed(item[2])

    def frames(self, location):
        """Innermost first."""
        for number, value in self.locations[location]:
            if number == 4:
                line = message(value)
                function = dict(self.functions[line[1]])
                yield self.strings[function[2]], self.strings[function.get(4, 0)], line.get(2, 0)

    def mapping_names(self):
        return [self.strings[dict(item).get(5, 0)] for item in self.mappings.values()]

    def build_ids(self):
        return [self.strings[dict(item).get(6, 0)] for item in self.mappings.values()]
