/* SPDX-License-Identifier: BSD-2-Clause */
/* trend.c -- Whether something that goes up and down grows, how fast, and how sure that is. */
#include "trend.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

enum {
    LEVELS_MAX = TREND_STEPS + 1,
    PAIRS_MAX = LEVELS_MAX * TREND_STEPS / 2,
    LATER_FIRST = 2, /* of the judged parts, when what came before is left out */
    LATER_STEPS = TREND_STEPS - LATER_FIRST
};

#define CONFIDENCE_MIN 0.99
#define LATE_SHARE_MIN 0.5
#define LATER_SHARE_MIN 0.8

/* Some neighbouring levels. */
struct stretch {
    const int64_t *levels;
    int steps;
    int few;          /* steps at either end that are compared */
    double share_min; /* of the late ones in the early ones */
};

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

static double median_slope(const struct stretch *stretch)
{
    double slopes[PAIRS_MAX];
    size_t count = 0;
    for (int i = 0; i <= stretch->steps; i++)
        for (int k = i + 1; k <= stretch->steps; k++)
            slopes[count++] = difference(stretch->levels[i], stretch->levels[k]) / (k - i);
    qsort(slopes, count, sizeof *slopes, compare_doubles);
    return (slopes[(count - 1) / 2] + slopes[count / 2]) / 2;
}

/* Never negative: it is half the sum of the squares of what two neighbours come to. */
static double standard_error(const struct stretch *stretch, double growth)
{
    double sum = 0;
    double last = 0;
    for (int i = 0; i < stretch->steps; i++) {
        double off = difference(stretch->levels[i], stretch->levels[i + 1]) - growth;
        sum += off * off + off * last;
        last = off;
    }
    return sqrt(sum / (stretch->steps - 1) / stretch->steps);
}

/* Student's distribution, below t, with 4 or 6 degrees of freedom. */
static double student(double t, int freedom)
{
    double sine = t / sqrt(freedom + t * t);
    double square = freedom / (freedom + t * t);
    double sum = 1 + square / 2;
    if (freedom == 6)
        sum += square * square * 3 / 8;
    return 0.5 + sine / 2 * sum;
}

static double confidence(double growth, double error, int freedom)
{
    if (error > 0)
        return student(growth / error, freedom);
    return growth > 0 ? 1 : growth < 0 ? 0 : 0.5;
}

/* The mean of a few steps, from the level at first on. */
static double mean_step(const int64_t *levels, int first, int steps)
{
    return difference(levels[first], levels[first + steps]) / steps;
}

static enum trend_kind kind_of(const struct trend *trend, const struct stretch *stretch)
{
    double all = mean_step(stretch->levels, 0, stretch->steps);
    double early = mean_step(stretch->levels, 0, stretch->few);
    double late = mean_step(stretch->levels, stretch->steps - stretch->few, stretch->few);
    double pace = early > trend->growth ? early : trend->growth;
    if (trend->confidence >= CONFIDENCE_MIN && late >= pace * stretch->share_min)
        return TREND_GROWS;
    if (all <= 0)
        return TREND_STEADY;
    return late < all * LATE_SHARE_MIN || late < early * LATE_SHARE_MIN ? TREND_LEVELS_OFF
                                                                        : TREND_UNEVEN;
}

static struct trend trend_in(const struct stretch *stretch)
{
    struct trend trend = {.growth = median_slope(stretch)};
    trend.error = standard_error(stretch, trend.growth);
    trend.confidence = confidence(trend.growth, trend.error, stretch->steps - 1);
    trend.kind = kind_of(&trend, stretch);
    return trend;
}

struct trend trend_of(const int64_t levels[TREND_PARTS])
{
    const struct stretch judged = {levels + TREND_FIRST, TREND_STEPS, 3, LATE_SHARE_MIN};
    const struct stretch later = {levels + TREND_FIRST + LATER_FIRST, LATER_STEPS, 2,
                                  LATER_SHARE_MIN};
    struct trend trend = trend_in(&judged);
    if (trend.kind == TREND_GROWS)
        return trend;
    struct trend since = trend_in(&later);
    return since.kind == TREND_GROWS ? since : trend;
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
