/* SPDX-License-Identifier: BSD-2-Clause */
/* spelling.h -- Which of some words somebody may have meant. */
#ifndef MEMTRACE_SPELLING_H
#define MEMTRACE_SPELLING_H

#include <stddef.h>

enum {
    SPELLING_WORD_MAX = 31 /* longer words are nobody's slips */
};

struct spelling {
    const char *word;
    const char *nearest; /* NULL: nothing that was offered is like it */
    size_t distance;     /* letters to be added, left out, changed or swapped with the next */
};

struct spelling spelling_begin(const char *word);
/* Offers a word, which has to stay where it is. */
void spelling_offer(struct spelling *spelling, const char *offered);
/* The number of such slips from one word to the other; at most SPELLING_WORD_MAX letters count. */
size_t spelling_distance(const char *a, const char *b);

#endif
