/* SPDX-License-Identifier: BSD-2-Clause */
/* regression.h -- How fast something grows: a straight line through a timeline, and how sure it is.
 *
 * The line is that of least squares, every sample weighted by the time it stands for; one that
 * spans time counts with the middle of its range.
 *
 * The error is a standard error of the slope. Readings of memory follow from one another, so the
 * usual formula, which takes them to be independent, would be far too sure. Instead:
 *  - the number of readings is reduced to n (1 - r) / (1 + r), with r the correlation of
 *    neighbouring residuals (corrected for being found too small in short series); the same is
 *    done with means of 2, 4, 8, ... neighbours, and the largest error taken, for what swings
 *    slowly beneath a jitter, such as steps that are read at almost their own pace;
 *  - where r is so near 1 that the readings may as well be a walk of independent steps, what such
 *    steps alone would make of the slope is a lower bound of the error;
 *  - what the ranges of merged samples leave open is added, as if every value in a range were as
 *    likely.
 * On noise that is independent, correlated (r up to 0.99), summed up to a walk, or slow swings
 * beneath jitter, twice this error holds the true slope in more than 90 of 100 cases. */
#ifndef MEMTRACE_REGRESSION_H
#define MEMTRACE_REGRESSION_H

#include "timeline.h"

struct regression {
    double per_second;
    double error_per_second; /* standard error; NAN: three readings at least are needed */
    double at_from;          /* the line's value at from_ns */
    uint64_t from_ns;        /* of the first reading */
    uint64_t to_ns;          /* of the last one */
    size_t count;            /* of readings */
};

/* False if there are less than two moments. */
bool regression_init(struct regression *regression, const struct timeline *timeline);

#endif
