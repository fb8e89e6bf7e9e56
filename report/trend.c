/* SPDX-License-Identifier: BSD-2-Clause */
/* trend.c -- Whether something that goes up and down grows, how fast, and how sure that is. */
#include "trend.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

enum {
    JUDGED = TREND_LAST - TREND_FIRST + 1,
    PAIRS = JUDGED * (JUDGED - 1) / 2,
    FEW_STEPS = 3
};

#define CONFIDENCE_MIN 0.99
#define LATE_SHARE_MIN 0.5

static int compare_doubles(const void *a, const void *b)
{
    double left = *(const double *)a;
    double right = *(const double *)b;
    return (left > right) - (left < right);
}

static double difference(int64_t from, int64_t to)
{
    return (double)to - (double)from;
}

static double median_slope(const int64_t *levels)
{
    double slopes[PAIRS];
    int count = 0;
    for (int i = 0; i < JUDGED; i++)
        for (int k = i + 1; k < JUDGED; k++)
            slopes[count++] = difference(levels[i], levels[k]) / (k - i);
    qsort(slopes, PAIRS, sizeof *slopes, compare_doubles);
    return (slopes[(PAIRS - 1) / 2] + slopes[PAIRS / 2]) / 2;
}

/* Never negative: it is half the sum of the squares of what two neighbours come to. */
static double standard_error(const int64_t *levels, double growth)
{
    double sum = 0;
    double last = 0;
    for (int i = 0; i < TREND_STEPS; i++) {
        double off = difference(levels[i], levels[i + 1]) - growth;
        sum += off * off + off * last;
        last = off;
    }
    return sqrt(sum / (TREND_STEPS - 1) / TREND_STEPS);
}

/* Student's distribution with 6 degrees of freedom, below t. */
static double student(double t)
{
    double sine = t / sqrt(6 + t * t);
    double square = 6 / (6 + t * t);
    return 0.5 + sine / 2 * (1 + square / 2 + square * square * 3 / 8);
}

static double confidence(double growth, double error)
{
    if (error > 0)
        return student(growth / error);
    return growth > 0 ? 1 : growth < 0 ? 0 : 0.5;
}

/* The mean of a few steps, from the level at first on. */
static double mean_step(const int64_t *levels, int first, int steps)
{
    return difference(levels[first], levels[first + steps]) / steps;
}

static enum trend_kind kind_of(const struct trend *trend, const int64_t *levels)
{
    double all = mean_step(levels, 0, TREND_STEPS);
    double early = mean_step(levels, 0, FEW_STEPS);
    double late = mean_step(levels, TREND_STEPS - FEW_STEPS, FEW_STEPS);
    double pace = early > trend->growth ? early : trend->growth;
    if (trend->confidence >= CONFIDENCE_MIN && late >= pace * LATE_SHARE_MIN)
        return TREND_GROWS;
    if (all <= 0)
        return TREND_STEADY;
    return late < all * LATE_SHARE_MIN || late < early * LATE_SHARE_MIN ? TREND_LEVELS_OFF
                                                                        : TREND_UNEVEN;
}

struct trend trend_of(const int64_t levels[TREND_PARTS])
{
    const int64_t *judged = levels + TREND_FIRST;
    struct trend trend = {.growth = median_slope(judged)};
    trend.error = standard_error(judged, trend.growth);
    trend.confidence = confidence(trend.growth, trend.error);
    trend.kind = kind_of(&trend, judged);
    return trend;
}

double trend_floor(const struct trend *trend)
{
    return trend->growth - TREND_ERRORS_95 * trend->error;
}

const char *trend_word(enum trend_kind kind)
{
    static const char *const words[] = {"grows", "levels off", "uneven", "steady"};
    return words[kind];
}
