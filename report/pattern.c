/* SPDX-License-Identifier: BSD-2-Clause */
/* pattern.c -- Shell patterns, to the letter as Python's fnmatch takes them. */
#include "pattern.h"

#include "text.h"

#include <string.h>

/* Takes one character; a byte that is not UTF-8 is one of its own, beyond all others. */
static uint32_t take(const char **text)
{
    uint32_t character;
    size_t length = text_decode(*text, strlen(*text), &character);
    if (!length)
        character = 0x110000u + (unsigned char)**text;
    *text += length ? length : 1;
    return character;
}

/* The bracket that closes the one before at, or NULL. A first one is an ordinary character. */
static const char *class_end(const char *at)
{
    at += *at == '!';
    at += *at == ']';
    return strchr(at, ']');
}

/* Whether character is in the class from at to end. */
static bool class_has(const char *at, const char *end, uint32_t character)
{
    bool is_negated = *at == '!' && at + 1 < end;
    bool is_in = false;
    at += is_negated;
    while (at < end) {
        uint32_t low = take(&at);
        uint32_t high = low;
        if (*at == '-' && at + 1 < end) {
            at++;
            high = take(&at);
        }
        is_in = is_in || (low <= character && character <= high);
    }
    return is_in != is_negated;
}

/* Takes one character of text against what is at *pattern, which is no star. */
static bool step(const char **pattern, const char **text)
{
    const char *end = **pattern == '[' ? class_end(*pattern + 1) : NULL;
    uint32_t character = take(text);
    if (end) {
        bool is_match = class_has(*pattern + 1, end, character);
        *pattern = end + 1;
        return is_match;
    }
    bool is_any = **pattern == '?';
    return take(pattern) == character || is_any;
}

/* The latest star takes one more character whenever what follows it does not match: earlier ones
 * need not. */
bool pattern_matches(const char *pattern, const char *text)
{
    const char *after_star = NULL;
    const char *star_text = NULL;
    while (*text) {
        if (*pattern == '*') {
            after_star = ++pattern;
            star_text = text;
            continue;
        }
        if (*pattern && step(&pattern, &text))
            continue;
        if (!after_star)
            return false;
        pattern = after_star;
        take(&star_text);
        text = star_text;
    }
    return !pattern[strspn(pattern, "*")];
}
