/* SPDX-License-Identifier: BSD-2-Clause */
/* spelling.c -- Which of some words somebody may have meant. */
#include "spelling.h"

#include <stdbool.h>
#include <string.h>

typedef size_t row[SPELLING_WORD_MAX + 1];

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t length_of(const char *word)
{
    return strnlen(word, SPELLING_WORD_MAX);
}

/* before_last, last: the rows of the letters a[i - 2] and a[i - 1]. */
static void fill_row(row *this, const row *last, const row *before_last, const char *a, size_t i,
                     const char *b)
{
    size_t length = length_of(b);
    (*this)[0] = i;
    for (size_t j = 1; j <= length; j++) {
        size_t changed = (*last)[j - 1] + (a[i - 1] != b[j - 1]);
        bool is_swap = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
        (*this)[j] = least(changed, least((*last)[j], (*this)[j - 1]) + 1);
        if (is_swap)
            (*this)[j] = least((*this)[j], (*before_last)[j - 2] + 1);
    }
}

size_t spelling_distance(const char *a, const char *b)
{
    row rows[3];
    for (size_t j = 0; j <= SPELLING_WORD_MAX; j++)
        rows[0][j] = j;
    size_t length = length_of(a);
    for (size_t i = 1; i <= length; i++)
        fill_row(&rows[i % 3], &rows[(i + 2) % 3], &rows[(i + 1) % 3], a, i, b);
    return rows[length % 3][length_of(b)];
}

struct spelling spelling_begin(const char *word)
{
    /* A slip for every three letters; "ls" is not meant for "rm". */
    return (struct spelling){.word = word, .distance = (length_of(word) + 2) / 3};
}

void spelling_offer(struct spelling *spelling, const char *offered)
{
    if (strlen(spelling->word) > SPELLING_WORD_MAX)
        return;
    size_t distance = spelling_distance(spelling->word, offered);
    bool is_nearer =
        spelling->nearest ? distance < spelling->distance : distance <= spelling->distance;
    if (!is_nearer || distance >= length_of(offered))
        return;
    spelling->nearest = offered;
    spelling->distance = distance;
}
