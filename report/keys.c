/* SPDX-License-Identifier: BSD-2-Clause */
/* keys.c -- From the bytes a terminal sends to the keys that were pressed. */
#include "keys.h"

#include "text.h"

#include <string.h>

size_t keys_feed(struct keys *keys, const char *bytes, size_t count)
{
    size_t room = KEYS_BYTES - keys->count;
    if (count > room)
        count = room;
    memcpy(keys->bytes + keys->count, bytes, count);
    keys->count += count;
    return count;
}

static uint32_t take(struct keys *keys, size_t count, uint32_t key)
{
    keys->count -= count;
    memmove(keys->bytes, keys->bytes + count, keys->count);
    return key;
}

static uint32_t key_of_letter(char letter)
{
    static const char letters[] = "ABDCHF";
    static const uint32_t keys[] = {KEY_UP, KEY_DOWN, KEY_LEFT, KEY_RIGHT, KEY_HOME, KEY_END};
    const char *found = letter ? strchr(letters, letter) : NULL;
    return found ? keys[found - letters] : KEY_UNKNOWN;
}

/* The number in "ESC [ 5 ~". */
static uint32_t key_of_number(const char *parameters)
{
    static const uint32_t keys[] = {KEY_UNKNOWN, KEY_HOME,      KEY_UNKNOWN, KEY_UNKNOWN, KEY_END,
                                    KEY_PAGE_UP, KEY_PAGE_DOWN, KEY_HOME,    KEY_END};
    bool is_digit = parameters[0] >= '0' && parameters[0] <= '8';
    bool is_alone = parameters[1] == '~' || parameters[1] == ';';
    return is_digit && is_alone ? keys[parameters[0] - '0'] : KEY_UNKNOWN;
}

/* "ESC [ parameters letter": the letter is the first byte from @ to ~. */
static uint32_t next_sequence(struct keys *keys, bool is_late)
{
    for (size_t i = 2; i < keys->count; i++) {
        char byte = keys->bytes[i];
        if (byte >= 0x40 && byte <= 0x7e)
            return take(keys, i + 1,
                        byte == '~' ? key_of_number(keys->bytes + 2) : key_of_letter(byte));
        if (byte < 0x20 || byte > 0x3f)
            return take(keys, i, KEY_UNKNOWN); /* broken off */
    }
    if (is_late || keys->count == KEYS_BYTES)
        return take(keys, keys->count, KEY_UNKNOWN);
    return KEY_NONE;
}

static uint32_t next_escape(struct keys *keys, bool is_late)
{
    if (keys->count == 1)
        return is_late ? take(keys, 1, KEY_ESCAPE) : KEY_NONE;
    if (keys->bytes[1] == '[')
        return next_sequence(keys, is_late);
    if (keys->bytes[1] != 'O')
        return take(keys, 1, KEY_ESCAPE);
    if (keys->count > 2)
        return take(keys, 3, key_of_letter(keys->bytes[2]));
    return is_late ? take(keys, 1, KEY_ESCAPE) : KEY_NONE;
}

/* Whether the bytes may be the beginning of a character. */
static bool may_go_on(const struct keys *keys)
{
    unsigned char first = (unsigned char)keys->bytes[0];
    size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || keys->count >= length)
        return false;
    for (size_t i = 1; i < keys->count; i++)
        if (((unsigned char)keys->bytes[i] & 0xc0) != 0x80)
            return false;
    return true;
}

uint32_t keys_next(struct keys *keys, bool is_late)
{
    uint32_t character;
    if (!keys->count)
        return KEY_NONE;
    if (keys->bytes[0] == KEY_ESCAPE)
        return next_escape(keys, is_late);
    if (keys->bytes[0] == '\r')
        return take(keys, 1, KEY_ENTER);
    if (keys->bytes[0] == 0x7f)
        return take(keys, 1, KEY_BACKSPACE);
    size_t length = text_decode(keys->bytes, keys->count, &character);
    if (length)
        return take(keys, length, character ? character : KEY_UNKNOWN);
    if (may_go_on(keys) && !is_late)
        return KEY_NONE;
    return take(keys, 1, KEY_UNKNOWN);
}
