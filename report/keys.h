/* SPDX-License-Identifier: BSD-2-Clause */
/* keys.h -- From the bytes a terminal sends to the keys that were pressed. */
#ifndef MEMTRACE_KEYS_H
#define MEMTRACE_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A key is the character it stands for, or one of these. */
enum key {
    KEY_NONE = 0,
    KEY_BACKSPACE = 0x08,
    KEY_TAB = 0x09,
    KEY_ENTER = 0x0a,
    KEY_ESCAPE = 0x1b,
    KEY_UP = 0x110000, /* beyond all characters */
    KEY_DOWN,
    KEY_LEFT,
    KEY_RIGHT,
    KEY_PAGE_UP,
    KEY_PAGE_DOWN,
    KEY_HOME,
    KEY_END,
    KEY_UNKNOWN
};

enum {
    KEYS_BYTES = 256
};

/* Bytes that came and are not a key yet. Begins as {0}. */
struct keys {
    char bytes[KEYS_BYTES];
    size_t count;
};

/* Takes as many bytes as there is room for; returns how many. */
size_t keys_feed(struct keys *keys, const char *bytes, size_t count);

/* The next key, or KEY_NONE until more bytes come. With is_late no more are coming in time: what
 * looked like the beginning of a sequence is the Escape key itself. */
uint32_t keys_next(struct keys *keys, bool is_late);

#endif
