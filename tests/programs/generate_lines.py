# SPDX-License-Identifier: BSD-2-Clause
"""generate_lines.py -- Writes thousand_lines.c: a thousand lines, each allocating an amount of its own.

tests/test_fixtures.py imports plan() for the same amounts and tells them from the report's."""

import sys

HEAD = """/* SPDX-License-Identifier: BSD-2-Clause */
/* thousand_lines.c -- Generated: a thousand lines, each allocating an amount of its own. */
#include <stdlib.h>

static void *keep;
"""


def plan():
    """[(count, size, kept)] of the thousand lines: kept of count blocks of size are not freed."""
    random, lines = 12345, []
    for _ in range(1000):
        random = (random * 1103515245 + 12345) % (1 << 31)
        count = 1 + (random >> 8) % 20
        size = 1 + (random >> 13) % 5000
        lines.append((count, size, (random >> 20) % (count + 1)))
    return lines


def source():
    """The program's text and, for each entry of plan(), its line."""
    text, numbers = HEAD.splitlines(), []
    for index, (count, size, kept) in enumerate(plan()):
        if index % 50 == 0:
            text += ["", f"static void part_{index // 50}(void)", "{"]
        text.append(f"    for (int i = 0; i < {count}; i++) {{ keep = malloc({size}); if (i >= {kept}) free(keep); }}")
        numbers.append(len(text))
        if index % 50 == 49:
            text.append("}")
    text += ["", "int main(void)", "{"] + [f"    part_{part}();" for part in range(20)] + ["    return 0;", "}", ""]
    return "\n".join(text), numbers


if __name__ == "__main__":
    with open(sys.argv[1], "w", encoding="ascii") as output:
        output.write(source()[0])
