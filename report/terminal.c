/* SPDX-License-Identifier: BSD-2-Clause */
/* terminal.c -- How an output may look: its width, and whether colours are welcome. */
#include "terminal.h"

#include "text.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static size_t window_columns(int fd)
{
    struct winsize size;
    uint64_t columns;
    const char *variable = getenv("COLUMNS");
    if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col)
        return size.ws_col < 40 ? 40 : size.ws_col;
    if (variable && text_to_number(variable, 10000, &columns) && columns >= 40)
        return columns;
    return 80;
}

static bool wants_color(bool is_terminal, enum color_when when)
{
    const char *no_color = getenv("NO_COLOR");
    const char *terminal = getenv("TERM");
    if (when != COLOR_AUTO)
        return when == COLOR_ALWAYS;
    return is_terminal && !(no_color && *no_color) && !(terminal && strcmp(terminal, "dumb") == 0);
}

struct style terminal_style(FILE *out, enum color_when when)
{
    int fd = fileno(out);
    bool is_terminal = fd >= 0 && isatty(fd);
    struct style style = {is_terminal ? window_columns(fd) : SIZE_MAX, "", "", "", ""};
    if (wants_color(is_terminal, when)) {
        style.strong = "\033[1m";
        style.dim = "\033[2m";
        style.warning = "\033[33m";
        style.plain = "\033[0m";
    }
    return style;
}

bool terminal_parse_color(const char *text, enum color_when *ret_when)
{
    static const char *const words[] = {"auto", "always", "never"};
    for (int i = 0; i < 3; i++) {
        if (strcmp(text, words[i]) != 0)
            continue;
        *ret_when = (enum color_when)i;
        return true;
    }
    return false;
}
