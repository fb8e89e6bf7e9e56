/* SPDX-License-Identifier: BSD-2-Clause */
/* test_keys.c -- Bytes of a terminal, whole and in pieces, as keys. */
#include "keys.h"
#include "tap.h"

static void check(const char *bytes, size_t count, const uint32_t *expected, const char *name)
{
    struct keys keys = {0};
    bool is_ok = true;
    keys_feed(&keys, bytes, count);
    for (; *expected; expected++)
        is_ok = is_ok && keys_next(&keys, false) == *expected;
    tap_ok(is_ok && keys_next(&keys, false) == KEY_NONE && keys.count == 0, name);
}

#define CHECK(bytes, name, ...)                                                                    \
    check(bytes, sizeof(bytes) - 1, (const uint32_t[]){__VA_ARGS__, 0}, name)

static void test_whole(void)
{
    CHECK("jq", "letters", 'j', 'q');
    CHECK("\r\n", "both kinds of Enter", KEY_ENTER, KEY_ENTER);
    CHECK("\x7f\b", "both kinds of Backspace", KEY_BACKSPACE, KEY_BACKSPACE);
    CHECK("\033[A\033[B\033[C\033[D", "arrows", KEY_UP, KEY_DOWN, KEY_RIGHT, KEY_LEFT);
    CHECK("\033OA\033OB\033OH\033OF", "arrows of the application mode", KEY_UP, KEY_DOWN, KEY_HOME,
          KEY_END);
    CHECK("\033[5~\033[6~", "pages", KEY_PAGE_UP, KEY_PAGE_DOWN);
    CHECK("\033[H\033[F\033[1~\033[4~\033[7~\033[8~", "three kinds of Home and End", KEY_HOME,
          KEY_END, KEY_HOME, KEY_END, KEY_HOME, KEY_END);
    CHECK("\033[1;5A\033[5;2~", "with Control, with Shift", KEY_UP, KEY_PAGE_UP);
    CHECK("\033[15~x", "a function key, and what follows", KEY_UNKNOWN, 'x');
    CHECK("\033[?1;2cx", "an answer of the terminal", KEY_UNKNOWN, 'x');
    CHECK("\xc3\xa4\xe2\x82\xac", "UTF-8", 0xe4, 0x20ac);
    CHECK("\xff"
          "a",
          "what is not UTF-8", KEY_UNKNOWN, 'a');
    CHECK("\033j", "Escape, and another key at once", KEY_ESCAPE, 'j');
    CHECK("\033[\033[A", "a sequence broken off by another", KEY_UNKNOWN, KEY_UP);
}

static void test_pieces(void)
{
    static const char bytes[] = "\033[6~\033OBk\xe2\x82\xac";
    static const uint32_t expected[] = {KEY_PAGE_DOWN, KEY_DOWN, 'k', 0x20ac};
    struct keys keys = {0};
    size_t found = 0;
    bool is_ok = true;
    for (size_t i = 0; i < sizeof bytes - 1; i++) {
        uint32_t key;
        keys_feed(&keys, bytes + i, 1);
        while ((key = keys_next(&keys, false)) != KEY_NONE)
            is_ok = is_ok && found < 4 && key == expected[found++];
    }
    tap_ok(is_ok && found == 4, "byte by byte");
}

static void test_late(void)
{
    struct keys keys = {0};
    keys_feed(&keys, "\033", 1);
    tap_number(keys_next(&keys, false), KEY_NONE, "the first byte of a sequence, or Escape");
    tap_number(keys_next(&keys, true), KEY_ESCAPE, "nothing followed: Escape");
    keys_feed(&keys, "\033[1", 3);
    tap_number(keys_next(&keys, true), KEY_UNKNOWN, "a sequence that was never finished");
    tap_number((int64_t)keys.count, 0, "is not kept");
    char many[KEYS_BYTES + 10];
    memset(many, '1', sizeof many);
    memcpy(many, "\033[", 2);
    tap_number((int64_t)keys_feed(&keys, many, sizeof many), KEYS_BYTES, "no more than fits");
    tap_number(keys_next(&keys, false), KEY_UNKNOWN, "a sequence without end");
}

int main(void)
{
    test_whole();
    test_pieces();
    test_late();
    return tap_end();
}
