/* SPDX-License-Identifier: BSD-2-Clause */
/* trend.h -- Whether something that goes up and down grows, how fast, and how sure that is.
 *
 * A run is cut into ten parts, and of each the median is looked at, which what comes and goes
 * within a part does not move. The first part (the start) and the last (what is young) are not
 * judged. Over the eight between:
 *   - the growth is the median of the slopes between all pairs of parts (Theil and Sen);
 *   - its standard error is that of the mean of the seven steps from part to part. Steps that
 * follow each other are not independent, so it is Newey and West's with one lag: where growth comes
 * in a stretch and then stops it is larger than the steps by themselves say, where what is gained
 *     in one part is lost in the next it is smaller;
 *   - the confidence is the probability of Student's t, with 6 degrees of freedom, that the growth
 *     is above nothing.
 * It is said to grow if the confidence is 99 % and the last three of the steps come, in the mean,
 * to half of the growth and of the first three at least: a cache that fills up does not grow for
 * ever. If it is not, the last six of the parts are asked alone, and sterner: the last two of their
 * steps have to come to 80 %. So a leak is found in a line that also filled a cache when the
 * program was young. */
#ifndef MEMTRACE_TREND_H
#define MEMTRACE_TREND_H

#include <stdint.h>

enum {
    TREND_PARTS = 10,
    TREND_FIRST = 1, /* of those that are judged */
    TREND_LAST = TREND_PARTS - 2,
    TREND_STEPS = TREND_LAST - TREND_FIRST
};

/* How many standard errors the growth may be off, to either side, with a confidence of 95 %. */
#define TREND_ERRORS_95 2.4469

enum trend_kind {
    TREND_GROWS,
    TREND_LEVELS_OFF, /* grew, and then no more */
    TREND_UNEVEN,     /* more than before, but nobody can tell whether it goes on */
    TREND_STEADY,     /* since the start, or less */
};

struct trend {
    double growth; /* from one part to the next */
    double error;  /* standard error of it */
    double confidence;
    enum trend_kind kind;
};

struct trend trend_of(const int64_t levels[TREND_PARTS]);

/* At least this much it grows, with a confidence of 97.5 %; below 0 if it may not grow at all. */
double trend_floor(const struct trend *trend);

/* "grows", "levels off", … */
const char *trend_word(enum trend_kind kind);

#endif
