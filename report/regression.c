/* SPDX-License-Identifier: BSD-2-Clause */
/* regression.c -- How fast something grows: a straight line through a timeline, and how sure it is.
 */
#include "regression.h"

#include <math.h>
#include <stdlib.h>

/* n (r - 1) above this does not rule out that r is 1, at 5 in 100 and with a trend (Dickey and
 * Fuller). */
static const double walk_limit = 21.8;
/* The slope of least squares through a walk of n steps has this times the variance of a step, by
 * n. */
static const double walk_variance = 6.0 / 5.0;
/* Less than this leaves no freedom beside the line's own two numbers. */
static const double effective_least = 3;
/* From less means too little is learned of how much they vary. */
static const size_t means_least = 32;

struct fitting {
    const struct timeline *timeline;
    double usual_s; /* between two samples */
    double weight;
    double mean_s; /* weighted, since the first sample */
    double mean;
    double spread; /* weighted sum of squared distances in time */
    double slope;
};

static double middle_s(const struct fitting *fitting, size_t i)
{
    const struct sample *sample = &fitting->timeline->samples[i];
    uint64_t origin_ns = fitting->timeline->samples[0].begin_ns;
    return ((double)(sample->begin_ns - origin_ns) + (double)(sample->end_ns - origin_ns)) / 2e9;
}

static double middle(const struct fitting *fitting, size_t i)
{
    const struct sample *sample = &fitting->timeline->samples[i];
    return sample->min + (sample->max - sample->min) / 2;
}

/* A sample stands for its span and for the usual distance to the next. */
static double weight_of(const struct fitting *fitting, size_t i)
{
    const struct sample *sample = &fitting->timeline->samples[i];
    return (double)(sample->end_ns - sample->begin_ns) / 1e9 + fitting->usual_s;
}

static double residual(const struct fitting *fitting, size_t i)
{
    return middle(fitting, i) - fitting->mean -
           fitting->slope * (middle_s(fitting, i) - fitting->mean_s);
}

static int by_value(const void *a, const void *b)
{
    double left = *(const double *)a;
    double right = *(const double *)b;
    return left < right ? -1 : left > right;
}

/* The median, which gaps do not move. False when out of memory. */
static bool find_usual(struct fitting *fitting)
{
    const struct timeline *timeline = fitting->timeline;
    double *distances = malloc(timeline->count * sizeof *distances);
    if (!distances)
        return false;
    for (size_t i = 1; i < timeline->count; i++)
        distances[i - 1] =
            (double)(timeline->samples[i].begin_ns - timeline->samples[i - 1].end_ns) / 1e9;
    qsort(distances, timeline->count - 1, sizeof *distances, by_value);
    fitting->usual_s = distances[(timeline->count - 1) / 2];
    free(distances);
    if (fitting->usual_s <= 0)
        fitting->usual_s = 1e-9; /* spans without holes: they weigh by themselves */
    return true;
}

/* Means first and deviations then: the times are large and the slopes are small. */
static void fit(struct fitting *fitting)
{
    double covariance = 0;
    size_t count = fitting->timeline->count;
    for (size_t i = 0; i < count; i++) {
        double weight = weight_of(fitting, i);
        fitting->weight += weight;
        fitting->mean_s += weight * middle_s(fitting, i);
        fitting->mean += weight * middle(fitting, i);
    }
    fitting->mean_s /= fitting->weight;
    fitting->mean /= fitting->weight;
    for (size_t i = 0; i < count; i++) {
        double weighted = weight_of(fitting, i) * (middle_s(fitting, i) - fitting->mean_s);
        fitting->spread += weighted * (middle_s(fitting, i) - fitting->mean_s);
        covariance += weighted * (middle(fitting, i) - fitting->mean);
    }
    fitting->slope = covariance / fitting->spread;
}

/* --- the error --- */

/* Residuals, or means of some neighbours each. */
struct residuals {
    double count;
    double squares;     /* their sum */
    double correlation; /* of one with the next */
};

static struct residuals residuals_of(const struct fitting *fitting, size_t per_mean)
{
    struct residuals residuals = {.count = floor((double)fitting->timeline->count / per_mean)};
    double products = 0;
    double before = 0;
    for (size_t i = 0; i < (size_t)residuals.count * per_mean; i += per_mean) {
        double sum = 0;
        for (size_t j = i; j < i + per_mean; j++)
            sum += residual(fitting, j);
        double here = sum / (double)per_mean;
        residuals.squares += here * here;
        if (i && !fitting->timeline->samples[i].is_apart)
            products += here * before;
        before = here;
    }
    if (residuals.squares > 0)
        residuals.correlation = products / residuals.squares;
    return residuals;
}

static double effective_count(double count, double r)
{
    r = r < 0 ? 0 : r;
    r += (2 + 4 * r) / count;
    double effective = r < 1 ? count * (1 - r) / (1 + r) : 0;
    return effective > effective_least ? effective : effective_least;
}

/* The mean square of residuals by the sum of squared distances in time, of weights as they are. */
static double variance_of(const struct fitting *fitting, const struct residuals *residuals)
{
    return residuals->squares / (effective_count(residuals->count, residuals->correlation) - 2) *
           fitting->weight / fitting->spread / residuals->count;
}

/* What swings slowly may hide from neighbours behind what jitters: not from means of more and more
 * of them. */
static double variance_of_means(const struct fitting *fitting)
{
    double variance = 0;
    for (size_t per_mean = 1; per_mean == 1 || fitting->timeline->count / per_mean >= means_least;
         per_mean *= 2) {
        struct residuals residuals = residuals_of(fitting, per_mean);
        double one = variance_of(fitting, &residuals);
        variance = one > variance ? one : variance;
    }
    return variance;
}

/* The variance of the slope if all were the sum of independent steps, whose sizes go with time. */
static double variance_of_walk(const struct fitting *fitting)
{
    double seconds = 0;
    double squares = 0;
    size_t count = fitting->timeline->count;
    for (size_t i = 1; i < count; i++) {
        double step_s = middle_s(fitting, i) - middle_s(fitting, i - 1);
        double step = middle(fitting, i) - middle(fitting, i - 1) - fitting->slope * step_s;
        seconds += step_s;
        squares += step * step;
    }
    double per_second = squares / seconds * (double)(count - 1) / (double)(count - 2);
    return walk_variance * per_second / seconds;
}

static double variance_of_ranges(const struct fitting *fitting)
{
    double sum = 0;
    for (size_t i = 0; i < fitting->timeline->count; i++) {
        const struct sample *sample = &fitting->timeline->samples[i];
        double range = sample->max - sample->min;
        double share = weight_of(fitting, i) * (middle_s(fitting, i) - fitting->mean_s);
        sum += share * share * range * range / 12;
    }
    return sum / (fitting->spread * fitting->spread);
}

static double standard_error(const struct fitting *fitting)
{
    if (fitting->timeline->count < 3)
        return NAN;
    struct residuals all = residuals_of(fitting, 1);
    double variance = variance_of_means(fitting);
    if (all.squares > 0 && all.count * (1 - all.correlation) < walk_limit) {
        double walk = variance_of_walk(fitting);
        variance = walk > variance ? walk : variance;
    }
    return sqrt(variance + variance_of_ranges(fitting));
}

bool regression_init(struct regression *regression, const struct timeline *timeline)
{
    struct fitting fitting = {.timeline = timeline};
    *regression = (struct regression){0};
    if (timeline->count < 2 || !find_usual(&fitting))
        return false;
    fit(&fitting);
    if (!(fitting.spread > 0))
        return false;
    *regression = (struct regression){
        .per_second = fitting.slope,
        .error_per_second = standard_error(&fitting),
        .from_ns = timeline->samples[0].begin_ns,
        .to_ns = timeline->samples[timeline->count - 1].end_ns,
        .count = timeline->count,
    };
    regression->at_from = fitting.mean - fitting.slope * fitting.mean_s;
    return true;
}
