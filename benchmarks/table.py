# SPDX-License-Identifier: BSD-2-Clause
"""table.py -- What the rows of the result say, and how they are printed."""

import dataclasses

from measure import median

HIDDEN = {"jemalloc", "tcmalloc"}  # only there to be compared with


@dataclasses.dataclass
class Row:
    """One line of the table: what every peer's runs came to, in `unit`. A cell is the ratio to the
    peer's base and, where it is known how many times the program did it, what one costs more."""
    question: str
    label: str
    unit: str
    values: dict = dataclasses.field(default_factory=dict)    # {peer name: [number]}
    troubles: dict = dataclasses.field(default_factory=dict)  # {peer name: died, hung, slow, 0 recorded}
    marks: dict = dataclasses.field(default_factory=dict)     # {peer name: put behind the ratio}
    texts: dict = dataclasses.field(default_factory=dict)     # {peer name: instead of a ratio}
    first: str = ""                                           # instead of bare's value
    per: float | None = None                                  # how many times
    added_unit: str = ""                                      # of one time


# unit: the factors and names that it is printed with
SCALES = {
    "s": ((1, "s"), (1e-3, "ms"), (1e-6, "µs")),
    "ns": ((1, "ns"),),
    "instructions": ((1, ""),),
    "B": ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"), (1, "B")),
}
ADDED = {("s", "ns"): 1e9, ("s", "ms"): 1e3}


def short(number):
    digits = 0 if abs(number) >= 99.5 else 1 if abs(number) >= 9.95 else 2
    return f"{number:.{digits}f}"


def amount(value, unit):
    for factor, name in SCALES[unit]:
        if abs(value) >= factor:
            break
    return f"{short(value / factor)} {name}".strip()


def added(row, value, base):
    """` +16`: what one more costs."""
    if row.per is None:
        return ""
    number = (value - base) / row.per * ADDED.get((row.unit, row.added_unit), 1)
    return f" {number:+.0f}" if abs(number) >= 9.95 else f" {number:+.1f}"


def cell(row, peer):
    value, base = median(row.values.get(peer.name)), median(row.values.get(peer.base))
    trouble = row.troubles.get(peer.name, "")
    if peer.name in row.texts:
        return row.texts[peer.name]
    if value is None or not base or trouble not in ("", "slow"):
        return "too slow" if trouble == "slow" else trouble
    if trouble == "slow":
        return f">{short(value / base)}"
    mark = row.marks.get(peer.name)
    return short(value / base) + added(row, value, base) + (f" ({mark})" if mark else "")


def cells(row, peers):
    bare = row.first or (amount(median(row.values["bare"]), row.unit) if row.values.get("bare") else "")
    return [row.label, bare] + [cell(row, peer) for peer in peers]


def heading(title, width):
    return [f"**{title}**"] + [""] * (width - 1)


def markdown(lines):
    """Aligned, so that it can be read as it is too."""
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    text = []
    for number, line in enumerate(lines):
        text.append("| " + " | ".join(field.ljust(width) if i == 0 else field.rjust(width)
                                      for i, (field, width) in enumerate(zip(line, widths))) + " |")
        if number == 0:
            text.append("|" + "|".join("-" * (width + 2) if i == 0 else "-" * (width + 1) + ":"
                                       for i, width in enumerate(widths)) + "|")
    return "\n".join(text)


def table(rows, peers, titles):
    """rows in the order of measuring; titles: {question: what its cells mean}."""
    shown = [peer for peer in peers if peer.name != "bare" and peer.name not in HIDDEN and
             any(cell(row, peer) for row in rows)]
    lines = [["", "bare"] + [peer.name for peer in shown]]
    for question in dict.fromkeys(row.question for row in rows):
        lines.append(heading(titles[question], len(lines[0])))
        lines += [cells(row, shown) for row in rows if row.question == question]
    return markdown(lines)
