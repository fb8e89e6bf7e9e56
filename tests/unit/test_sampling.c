/* SPDX-License-Identifier: BSD-2-Clause */
/* test_sampling.c -- The sampler's distribution against what it must be.
 *
 * The random numbers are seeded, so a run is like any other; the margins are five standard
 * errors. */
#include "sampling.h"
#include "tap.h"

#include <math.h>

enum {
    MEAN = 524288,
    DRAWS = 400000
};

static void test_gaps(void)
{
    uint64_t state = 12345;
    double sum = 0, squares = 0;
    int64_t below_median = 0;
    bool is_positive = true;
    for (int i = 0; i < DRAWS; i++) {
        int64_t gap = sampling_gap(&state, MEAN);
        is_positive &= gap > 0;
        sum += (double)gap;
        squares += (double)gap * (double)gap;
        below_median += (double)gap < MEAN * M_LN2;
    }
    double mean = sum / DRAWS;
    double deviation = sqrt(squares / DRAWS - mean * mean);
    tap_ok(is_positive, "gaps are positive");
    tap_ok(fabs(mean / MEAN - 1) < 5 / sqrt(DRAWS), "their mean is the one asked for");
    tap_ok(fabs(deviation / MEAN - 1) < 5 * sqrt(2.0 / DRAWS) * 1.5,
           "their deviation is that of an exponential distribution");
    tap_ok(fabs((double)below_median / DRAWS - 0.5) < 2.5 / sqrt(DRAWS), "and so is their median");
}

static void test_weight(uint64_t size_bytes)
{
    char name[80];
    double expected = 1 / -expm1(-(double)size_bytes / MEAN);
    double sum = 0;
    bool is_near = true;
    bool is_stable = true;
    for (int i = 0; i < DRAWS; i++) {
        const void *block = (void *)(0x10000ul + (uint64_t)i * 16);
        uint64_t weight = sampling_weight(block, size_bytes, MEAN);
        is_stable &= weight == sampling_weight(block, size_bytes, MEAN);
        is_near &= fabs((double)weight - expected) <= 1;
        sum += (double)weight;
    }
    snprintf(name, sizeof name, "%" PRIu64 " bytes: a block always has the same weight",
             size_bytes);
    tap_ok(is_stable, name);
    snprintf(name, sizeof name, "%" PRIu64 " bytes: within one of 1/p", size_bytes);
    tap_ok(is_near, name);
    snprintf(name, sizeof name, "%" PRIu64 " bytes: 1/p on average", size_bytes);
    if (!tap_ok(fabs(sum / DRAWS - expected) < 2.5 / sqrt(DRAWS) + expected * 1e-9, name))
        printf("# got %.9g, expected %.9g\n", sum / DRAWS, expected);
}

/* What the recorder does with both: the estimate of a mix of sizes. */
static void test_estimate(void)
{
    static const uint64_t sizes[] = {16, 1000, 70000, 600000, 5000000};
    uint64_t state = 99;
    int64_t until = sampling_gap(&state, MEAN);
    double truth = 0, estimate = 0;
    for (uint64_t i = 0; i < 3000000; i++) {
        uint64_t size_bytes = sizes[i % 1000 < 900 ? 0 : i % 5];
        truth += (double)size_bytes;
        until -= (int64_t)size_bytes;
        if (until > 0)
            continue;
        until = sampling_gap(&state, MEAN);
        estimate += (double)(size_bytes * sampling_weight((void *)(i * 16), size_bytes, MEAN));
    }
    double error = sqrt(truth * MEAN);
    if (!tap_ok(fabs(estimate - truth) < 5 * error, "a mix of sizes is estimated without bias"))
        printf("# got %.6g, expected %.6g, standard error %.3g\n", estimate, truth, error);
}

int main(void)
{
    static const uint64_t sizes[] = {1, 64, 500, 5000, 524288, 1000000, 40000000};
    test_gaps();
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        test_weight(sizes[i]);
    test_estimate();
    return tap_end();
}
