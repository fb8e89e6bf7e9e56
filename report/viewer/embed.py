# SPDX-License-Identifier: BSD-2-Clause
"""embed.py -- Writes the assembly that has a file as page_template, ended by a zero.

usage: embed.py FILE OUTPUT.S"""

import pathlib
import sys


def main():
    page = pathlib.Path(sys.argv[1]).resolve()
    path = str(page).replace("\\", "\\\\").replace('"', '\\"')
    pathlib.Path(sys.argv[2]).write_text(f"""/* {page.name} as it is. */
        .section .rodata
        .global page_template, page_template_end
        .type page_template, %object
page_template:
        .incbin "{path}"
        .size page_template, . - page_template
        .type page_template_end, %object
page_template_end:
        .byte 0
        .size page_template_end, 1
        .section .note.GNU-stack, "", %progbits
""", encoding="utf-8")


if __name__ == "__main__":
    main()
