/* SPDX-License-Identifier: BSD-2-Clause */
/* test_suppressions.c -- Patterns match what a regular expression would, files are read as they
 * are meant. */
#include "../make_trace.h"
#include "suppressions.h"
#include "tap.h"

#include <regex.h>
#include <stdlib.h>
#include <unistd.h>

static void test_patterns(void)
{
    static const struct {
        const char *pattern, *name;
        bool is_match;
    } cases[] = {
        {"foo", "foo", true},
        {"foo", "a_foo_b", true},
        {"foo", "fo", false},
        {"^foo", "foobar", true},
        {"^foo", "a_foo", false},
        {"foo$", "a_foo", true},
        {"foo$", "foobar", false},
        {"^foo$", "foo", true},
        {"^foo$", "foo1", false},
        {"f*o", "f-x-o-y", true},
        {"^f*o$", "f-x-o", true},
        {"^f*o$", "f-x-o-y", false},
        {"*foo", "barfoo", true},
        {"^*foo$", "barfoo", true},
        {"foo*", "foo", true},
        {"foo$", "foofoo", true},
        {"a*b*c", "xaybzc", true},
        {"a*b*c", "xcbya", false},
        {"", "anything", true},
        {"*", "anything", true},
        {"$", "anything", true},
        {"foo", "", false},
        {"*", "", false},
        {"lib*.so$", "/lib/libx.so", true},
        {"lib*.so$", "/lib/libx.so.1", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char name[80];
        snprintf(name, sizeof name, "%s %s %s", cases[i].pattern,
                 cases[i].is_match ? "matches" : "does not match", cases[i].name);
        tap_ok(suppression_matches(cases[i].pattern, cases[i].name) == cases[i].is_match, name);
    }
    tap_ok(!suppression_matches("x", NULL), "nothing matches what has no name");
}

static uint32_t draw(uint32_t limit)
{
    static uint64_t state = 1;
    state = state * 6364136223846793005 + 1442695040888963407;
    return (uint32_t)(state >> 33) % limit;
}

static void draw_text(char *text, uint32_t size, const char *letters)
{
    uint32_t length = draw(size);
    for (uint32_t i = 0; i < length; i++)
        text[i] = letters[draw((uint32_t)strlen(letters))];
    text[length] = 0;
}

static void to_regex(const char *pattern, char *regex)
{
    for (; *pattern; pattern++) {
        if (*pattern == '*')
            *regex++ = '.';
        *regex++ = *pattern;
    }
    *regex = 0;
}

/* Patterns of two letters, so that they often match. */
static void test_against_regex(void)
{
    int bad = 0;
    int matches = 0;
    for (int i = 0; i < 20000; i++) {
        char pattern[16] = "", name[12], regex[40];
        regex_t compiled;
        size_t start = draw(3) == 0;
        if (start)
            strcpy(pattern, "^");
        draw_text(pattern + start, 6, "ab*");
        if (draw(3) == 0)
            strcat(pattern, "$");
        draw_text(name, 10, "ab");
        to_regex(pattern, regex);
        if (!*name || regcomp(&compiled, regex, REG_NOSUB | REG_EXTENDED) != 0)
            continue;
        bool expected = regexec(&compiled, name, 0, NULL, 0) == 0;
        bad += suppression_matches(pattern, name) != expected;
        matches += expected;
        regfree(&compiled);
    }
    tap_number(bad, 0, "patterns match what regular expressions match");
    tap_ok(matches > 1000 && matches < 19000, "and others do not");
}

/* --- files --- */

static const char *write_file(const char *text)
{
    static char path[] = "/tmp/memtrace-suppressions-XXXXXX";
    static int fd = -1;
    if (fd < 0)
        fd = mkstemp(path);
    size_t length = strlen(text);
    if (ftruncate(fd, 0) != 0 || pwrite(fd, text, length, 0) != (ssize_t)length)
        exit(99);
    return path;
}

static void test_files(void)
{
    struct suppressions suppressions;
    struct error error;
    const char *path = write_file("# a comment\n\nleak:one\n  leak:two \t\r\n\t# another\nleak:\n"
                                  "leak:last*$");
    if (tap_ok(suppressions_init(&suppressions, path, &error), "a file is read")) {
        tap_number((int64_t)suppressions.count, 4, "four patterns");
        tap_text(suppressions.items[0].pattern, "one", "the first");
        tap_text(suppressions.items[1].pattern, "two", "without what is around it");
        tap_text(suppressions.items[2].pattern, "", "an empty one, which matches all");
        tap_text(suppressions.items[3].pattern, "last*$", "the last, without a line feed");
        suppressions_finish(&suppressions);
    }
    setenv("MEMTRACE_SUPPRESSIONS", path, 1);
    tap_ok(suppressions_init(&suppressions, NULL, &error) && suppressions.count == 4,
           "the variable names it too");
    suppressions_finish(&suppressions);
    unsetenv("MEMTRACE_SUPPRESSIONS");
    tap_ok(suppressions_init(&suppressions, NULL, &error) && suppressions.count == 0, "or nothing");
    tap_ok(!suppressions_init(&suppressions, write_file("leak:x\nrace:y\n"), &error) &&
               strstr(error.text, ":2: neither"),
           "what is neither is refused, with its line");
    tap_ok(!suppressions_init(&suppressions, "/nonexistent", &error) &&
               strstr(error.text, "/nonexistent: No such file"),
           "a file that is not there");
    tap_ok(!suppressions_init(&suppressions, "/", &error), "a directory");
    tap_ok(!suppressions_init(&suppressions, "/dev/zero", &error) &&
               strstr(error.text, "too large"),
           "a file without an end");
    unlink(path);
}

static void test_table(void)
{
    struct suppression items[] = {
        {.pattern = "used\x1b", .block_count = 3, .size_bytes = 120},
        {.pattern = "unused"},
        {.pattern = "more", .block_count = 12345678, .size_bytes = 9},
    };
    const struct suppressions suppressions = {.items = items, .count = 3};
    const struct suppressions none = {.items = items + 1, .count = 1};
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    suppressions_write(out, &suppressions);
    fclose(out);
    tap_text(text,
             "-----------------------------------------------------\n"
             "Suppressions used:\n"
             "  count      bytes template\n"
             "      3        120 used\\x1b\n"
             "12345678          9 more\n"
             "-----------------------------------------------------\n",
             "those used are printed as LeakSanitizer prints them");
    free(text);
    out = open_memstream(&text, &size);
    suppressions_write(out, &none);
    fclose(out);
    tap_text(text, "", "and nothing if none was");
    free(text);
}

int main(void)
{
    test_patterns();
    test_against_regex();
    test_files();
    test_table();
    return tap_end();
}
