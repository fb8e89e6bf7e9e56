/* SPDX-License-Identifier: BSD-2-Clause */
/* picture.c -- The colours of inks, and the width of words. */
#include "picture.h"

#include "text.h"

#include <string.h>

uint32_t theme_color(enum theme theme, unsigned ink)
{
    /* The eight of the series keep apart for all kinds of eyes, and from the paper. */
    static const uint32_t light[INK_COUNT] = {
        0xffffff, 0x1b1f24, 0x59636e, 0xe3e6ea, 0x8a5a00, 0xb4bac2, 0x0067b1,
        0xc64600, 0x00875f, 0xa3428a, 0x7a6000, 0x2795c9, 0x5b3fa8, 0x3f474f,
    };
    static const uint32_t dark[INK_COUNT] = {
        0x14171a, 0xe8eaed, 0x9aa4af, 0x2c3238, 0xf0b94d, 0x565f69, 0x58b0ff,
        0xff8a4c, 0x3fd0a0, 0xea8fd0, 0xe3cb55, 0x8bdcff, 0xb8a2ff, 0xcfd4da,
    };
    const uint32_t *colors = theme == THEME_DARK ? dark : light;
    return colors[ink < INK_COUNT ? ink : INK_REST];
}

/* Of printable ASCII, in hundredths of the size of a common sans-serif. */
static const uint8_t widths[] = {
    32, 40, 46, 84, 64, 95, 78, 27, 39,  39, 50, 84, 32, 36, 32, 34, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 34, 34, 84, 84, 84, 53, 100, 68, 69, 70, 77, 63, 58, 77, 75, 29, 29, 66, 56, 86, 75, 79,
    60, 79, 69, 63, 61, 73, 68, 99, 69,  61, 69, 39, 34, 39, 84, 50, 50, 61, 63, 55, 63, 62, 35, 63,
    63, 28, 28, 58, 28, 97, 63, 61, 63,  63, 41, 52, 39, 63, 59, 82, 59, 59, 52, 64, 34, 64, 84,
};

double letter_width(const char *text, double size)
{
    double sum = 0;
    size_t left = strlen(text);
    while (left) {
        uint32_t character = 0;
        size_t length = text_decode(text, left, &character);
        if (!length || text_is_control(character))
            sum += 250; /* shown as \x1b */
        else if (character >= 0x20 && character < 0x7f)
            sum += widths[character - 0x20];
        else
            sum += character >= 0x1100 ? 100 : 84;
        length = length ? length : 1;
        text += length;
        left -= length;
    }
    return sum * size / 100;
}
