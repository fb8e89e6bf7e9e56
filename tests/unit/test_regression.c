/* SPDX-License-Identifier: BSD-2-Clause */
/* test_regression.c -- Slopes against arithmetic by hand, and whether errors hold what they say. */
#include "regression.h"
#include "tap.h"

#include <math.h>
#include <stdlib.h>

enum {
    READINGS_MAX = 1000
};

static struct sample samples[READINGS_MAX];
static struct timeline timeline = {samples, 0};

static void add(double seconds, double span_s, double min, double max)
{
    uint64_t end_ns = (uint64_t)(seconds * 1e9);
    uint64_t span_ns = (uint64_t)(span_s * 1e9);
    samples[timeline.count++] = (struct sample){end_ns - span_ns, end_ns, min, max, false};
}

static bool is_near(double got, double expected)
{
    return fabs(got - expected) <= 1e-9 * (1 + fabs(expected));
}

static void expect(const char *name, double slope, double error)
{
    struct regression regression = {0};
    bool is_ok = regression_init(&regression, &timeline) && is_near(regression.per_second, slope) &&
                 is_near(regression.error_per_second, error);
    if (!tap_ok(is_ok, name))
        printf("# got %.12g ±%.12g, expected %.12g ±%.12g\n", regression.per_second,
               regression.error_per_second, slope, error);
}

static void test_by_hand(void)
{
    struct regression regression;
    const double values[] = {1, 3, 2, 5, 4};
    timeline.count = 0;
    tap_ok(!regression_init(&regression, &timeline), "nothing has no slope");
    add(5, 0, 7, 7);
    tap_ok(!regression_init(&regression, &timeline), "nor has one reading");
    add(5, 0, 9, 9);
    tap_ok(!regression_init(&regression, &timeline), "nor have two of one moment");
    timeline.count = 0;
    add(5, 0, 7, 7);
    add(7, 0, 13, 13);
    tap_ok(regression_init(&regression, &timeline) && is_near(regression.per_second, 3) &&
               isnan(regression.error_per_second),
           "two have a slope, and no error");
    timeline.count = 0;
    for (int i = 0; i < 100; i++)
        add(1000 + i, 0, 3e9 + 10240.0 * i, 3e9 + 10240.0 * i);
    expect("a straight line is known without error", 10240, 0);
    /* Slope 0.8; residuals are not correlated, but five readings do not rule a walk out: its steps
     * less the slope are 1.2, -1.8, 2.2, -1.8, and their squares 12.76. */
    timeline.count = 0;
    for (int i = 0; i < 5; i++)
        add(i, 0, values[i], values[i]);
    expect("five readings, worked out by hand", 0.8, sqrt(12.76 / 4 * 4 / 3 * 1.2 / 4));
    tap_ok(regression_init(&regression, &timeline) && is_near(regression.at_from, 1.4),
           "and where the line begins");
}

/* Pairs of readings of a line, merged: neither their number nor a longer one at the end turns it.
 */
static void test_merged(void)
{
    timeline.count = 0;
    for (int i = 0; i < 50; i++)
        add(1 + 2 * i, 1, 100 + 10 * i, 105 + 10 * i);
    for (int i = 100; i < 140; i++)
        add(i, 0, 100 + 5 * i, 100 + 5 * i);
    struct regression regression = {0};
    tap_ok(regression_init(&regression, &timeline) && is_near(regression.per_second, 5),
           "merged readings keep the slope of a line");
    tap_ok(regression.error_per_second > 0.001 && regression.error_per_second < 0.1,
           "what they no longer tell makes its error larger");
    /* A reading that stands for 9 seconds counts as nine. */
    timeline.count = 0;
    add(0, 0, 0, 0);
    add(1, 0, 0, 0);
    add(11, 9, 12, 12);
    double mean_s = (0 + 1 + 10 * 6.5) / 12;
    double mean = 10 * 12 / 12.0;
    double spread =
        mean_s * mean_s + (1 - mean_s) * (1 - mean_s) + 10 * (6.5 - mean_s) * (6.5 - mean_s);
    double covariance =
        mean_s * mean + (1 - mean_s) * (0 - mean) * 1 + 10 * (6.5 - mean_s) * (12 - mean);
    tap_ok(regression_init(&regression, &timeline) &&
               is_near(regression.per_second, covariance / spread),
           "a reading that stands for longer weighs more");
}

/* --- whether twice the error holds the slope --- */

static uint64_t state = 88172645463325252u;

/* About normal: the sum of twelve evenly spread ones. */
static double noise(void)
{
    double sum = -6;
    for (int i = 0; i < 12; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        sum += (double)(state >> 11) / 9007199254740992.0;
    }
    return sum;
}

/* Readings of a slope of 3 under noise that keeps this share of what it was before. */
static double share_held(int count, double kept, int tries)
{
    int held = 0;
    for (int i = 0; i < tries; i++) {
        struct regression regression;
        double value = 0;
        timeline.count = 0;
        for (int j = kept < 1 ? -400 : 0; j < count; j++) {
            value = kept * value + noise();
            if (j >= 0)
                add(j, 0, 1e6 + 3.0 * j + value, 1e6 + 3.0 * j + value);
        }
        held += regression_init(&regression, &timeline) &&
                fabs(regression.per_second - 3) <= 2 * regression.error_per_second;
    }
    return (double)held / tries;
}

static void test_coverage(void)
{
    static const struct {
        int count;
        double kept;
        double least;
        double most;
    } cases[] = {
        {100, 0, 0.92, 0.99}, {600, 0, 0.92, 0.99}, {100, 0.5, 0.90, 0.99}, {600, 0.9, 0.90, 0.99},
        {600, 0.99, 0.88, 1}, {30, 1, 0.88, 1},     {600, 1, 0.88, 0.99},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char name[96];
        double share = share_held(cases[i].count, cases[i].kept, 400);
        snprintf(name, sizeof name, "%d readings, correlated by %g: twice the error holds it",
                 cases[i].count, cases[i].kept);
        if (!tap_ok(share >= cases[i].least && share <= cases[i].most, name))
            printf("# in %.1f of 100 cases\n", 100 * share);
    }
}

/* Readings that jitter, and beneath that swing slowly. */
static void test_swings(void)
{
    int held = 0;
    const int tries = 400;
    for (int i = 0; i < tries; i++) {
        struct regression regression;
        double phase = 10 * noise();
        timeline.count = 0;
        for (int j = 0; j < 900; j++) {
            double value = 1e6 + 3.0 * j + 0.7 * sin(j / 60.0 + phase) + noise();
            add(j, 0, value, value);
        }
        held += regression_init(&regression, &timeline) &&
                fabs(regression.per_second - 3) <= 2 * regression.error_per_second;
    }
    double share = (double)held / tries;
    if (!tap_ok(share >= 0.97, "slow swings beneath jitter: twice the error holds it"))
        printf("# in %.1f of 100 cases\n", 100 * share);
}

int main(void)
{
    test_by_hand();
    test_merged();
    test_coverage();
    test_swings();
    return tap_end();
}
