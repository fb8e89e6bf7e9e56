/* SPDX-License-Identifier: BSD-2-Clause */
/* test_periods.c -- When threads' clocks are due, against what it must be.
 *
 * The random numbers are seeded, so a run is like any other; the margins are five standard
 * errors. */
#include "first_period.h"
#include "on_cpu.h"
#include "renewal.h"
#include "tap.h"

#include <math.h>

enum {
    PERIOD_NS = 1000000,
    THREADS = 200000,
    BIN_NS = 100000,
    BINS = 27, /* from there on it is a little more than one to a period */
    RENEWALS = 3000
};

static bool is_running;

/* In place of on_cpu.c's. */
bool on_cpu_is_running(uint32_t tid, uint64_t clock_ns)
{
    return is_running && tid && clock_ns;
}

static uint64_t next_random(void)
{
    static uint64_t state = 12345;
    uint64_t x = state += 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

static void count(uint32_t *bins, uint64_t at_ns)
{
    if (at_ns < (uint64_t)BINS * BIN_NS)
        bins[at_ns / BIN_NS]++;
}

static void test_first(void)
{
    static uint32_t bins[BINS];
    const double wanted = (double)THREADS * BIN_NS / PERIOD_NS;
    double furthest = 0;
    for (int i = 0; i < THREADS; i++) {
        struct first_period first = first_period_draw(PERIOD_NS, next_random());
        if (first.early_ns)
            count(bins, first.early_ns);
        for (uint64_t at_ns = first.period_ns; at_ns < (uint64_t)BINS * BIN_NS;
             at_ns += first.period_ns)
            count(bins, at_ns);
    }
    for (int i = 0; i < BINS; i++)
        furthest = fmax(furthest, fabs((double)bins[i] - wanted) / sqrt(wanted));
    tap_ok(furthest < 5, "any moment of a new thread's life is as likely to be sampled");
}

/* As the kernel does: a new period begins to be counted where it is set. */
static void test_number(uint64_t window_ns)
{
    struct renewal renewal = {0};
    uint64_t clock_ns = 0, period_ns = PERIOD_NS, all = 0;
    uint64_t least_ns = UINT64_MAX, most_ns = 0;
    for (int i = 0; i < RENEWALS; i++) {
        uint64_t passed_ns = window_ns / 2 + next_random() % window_ns;
        uint64_t samples = passed_ns / period_ns;
        clock_ns += passed_ns;
        all += samples;
        period_ns = renewal_draw(&renewal, PERIOD_NS, clock_ns, samples, (uint32_t)next_random());
        least_ns = period_ns < least_ns ? period_ns : least_ns;
        most_ns = period_ns > most_ns ? period_ns : most_ns;
    }
    tap_ok(fabs((double)all - (double)clock_ns / PERIOD_NS) < 64,
           "there is one sample to a period, however often it is drawn anew");
    tap_ok((double)most_ns > 1.4 * (double)least_ns,
           "and periods are as different as they must be");
}

static void test_due(void)
{
    is_running = true;
    tap_ok(!renewal_is_due(1, 1, 3), "no new period before there were some samples");
    tap_ok(renewal_is_due(1, 1, 4), "one for a thread that runs");
    is_running = false;
    tap_ok(!renewal_is_due(1, 1, 4), "none for one that waits");
    tap_ok(renewal_is_due(1, 1, 64), "but for one that is never seen to run");
}

int main(void)
{
    test_first();
    test_number(5 * PERIOD_NS);
    test_number(20 * PERIOD_NS);
    test_due();
    return tap_end();
}
