/* SPDX-License-Identifier: BSD-2-Clause */
/* test_spelling.c -- Distances against a plain recursion, and what is taken for a slip. */
#include "../../report/spelling.h"

#include "tap.h"

#include <stdlib.h>

/* By definition, from the ends of both words. */
static size_t slow_distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
    if (!a_length || !b_length)
        return a_length + b_length;
    size_t best =
        slow_distance(a, a_length - 1, b, b_length - 1) + (a[a_length - 1] != b[b_length - 1]);
    size_t left_out = slow_distance(a, a_length - 1, b, b_length) + 1;
    size_t added = slow_distance(a, a_length, b, b_length - 1) + 1;
    best = left_out < best ? left_out : best;
    best = added < best ? added : best;
    if (a_length > 1 && b_length > 1 && a[a_length - 1] == b[b_length - 2] &&
        a[a_length - 2] == b[b_length - 1]) {
        size_t swapped = slow_distance(a, a_length - 2, b, b_length - 2) + 1;
        best = swapped < best ? swapped : best;
    }
    return best;
}

static void make_word(char word[8])
{
    size_t length = (size_t)rand() % 7;
    for (size_t i = 0; i < length; i++)
        word[i] = (char)('a' + rand() % 3);
    word[length] = 0;
}

static void test_distances(void)
{
    bool all_equal = true;
    srand(1);
    for (int i = 0; i < 2000; i++) {
        char a[8], b[8];
        make_word(a);
        make_word(b);
        all_equal &= spelling_distance(a, b) == slow_distance(a, strlen(a), b, strlen(b));
    }
    tap_ok(all_equal, "distances of random words");
    tap_number((int64_t)spelling_distance("report", "report"), 0, "none to itself");
    char longest[100];
    memset(longest, 'a', sizeof longest - 1);
    longest[99] = 0;
    tap_number((int64_t)spelling_distance(longest, ""), SPELLING_WORD_MAX, "long words end early");
}

static const char *nearest(const char *word)
{
    static const char *const verbs[] = {"run",  "report",   "diff",  "leaks", "plot",
                                        "top",  "snapshot", "check", "who",   "export",
                                        "html", "list",     "rm",    "help"};
    struct spelling spelling = spelling_begin(word);
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        spelling_offer(&spelling, verbs[i]);
    return spelling.nearest ? spelling.nearest : "";
}

int main(void)
{
    test_distances();
    tap_text(nearest("reprot"), "report", "two letters swapped");
    tap_text(nearest("leak"), "leaks", "one left out");
    tap_text(nearest("snapshott"), "snapshot", "one too many");
    tap_text(nearest("hlep"), "help", "a short one");
    tap_text(nearest("ls"), "", "another short word is no slip");
    tap_text(nearest("redis-server"), "", "nor is a program");
    tap_text(nearest(""), "", "nor is nothing");
    return tap_end();
}
