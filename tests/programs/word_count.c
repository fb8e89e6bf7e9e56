/* SPDX-License-Identifier: BSD-2-Clause */
/* word_count.c -- Counts the words of its input: the program of ./bootstrap demo and the README.
 *
 * It has the usual faults: a copy per word that is only looked at, a table that doubles, and one
 * thing that nobody frees. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct word {
    char *text;
    long count;
};

static struct word *words;
static size_t used, room;

static char *lower(const char *text)
{
    char *copy = strdup(text);

    for (char *p = copy; *p; p++)
        *p = (char)tolower((unsigned char)*p);
    return copy;
}

static void add(const char *text)
{
    if (used == room) {
        room = room ? 2 * room : 64;
        words = realloc(words, room * sizeof *words);
    }
    words[used].text = strdup(text);
    words[used++].count = 1;
}

static void count(const char *text)
{
    char *key = lower(text);

    for (size_t i = 0; i < used; i++)
        if (strcmp(words[i].text, key) == 0) {
            words[i].count++;
            free(key);
            return;
        }
    add(key); /* which makes a copy of its own: this one is lost */
}

static int by_count(const void *a, const void *b)
{
    const struct word *left = a, *right = b;

    return (right->count > left->count) - (right->count < left->count);
}

int main(void)
{
    char text[256];

    while (scanf("%255s", text) == 1)
        count(text);
    qsort(words, used, sizeof *words, by_count);
    for (size_t i = 0; i < used && i < 3; i++)
        printf("%6ld %s\n", words[i].count, words[i].text);
    for (size_t i = 0; i < used; i++)
        free(words[i].text);
    free(words);
    return 0;
}
