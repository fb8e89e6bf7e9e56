/* SPDX-License-Identifier: BSD-2-Clause */
/* test_axis.c -- The ticks people would have chosen, and where values are between them. */
#include "axis.h"
#include "tap.h"

#include <math.h>

/* All labels, with spaces between. */
static const char *labels(const struct axis *axis)
{
    static char text[1024];
    size_t used = 0;
    text[0] = 0;
    for (size_t i = 0; i < axis->tick_count; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", i ? " | " : "",
                                 axis->ticks[i].label.text);
    return text;
}

static void expect_values(enum unit unit, double low, double high, size_t wanted,
                          const char *expected)
{
    struct axis axis = axis_of_values(unit, low, high, wanted);
    tap_text(labels(&axis), expected, expected);
    tap_ok(axis.low <= low && axis.high >= high, "all values are on the axis");
}

static void test_sizes(void)
{
    const double mib = 1048576;
    expect_values(UNIT_BYTES, 0, 41.6 * mib, 6,
                  "0 | 8 MiB | 16 MiB | 24 MiB | 32 MiB | 40 MiB | 48 MiB");
    expect_values(UNIT_BYTES, 0, 900, 4, "0 | 256 B | 512 B | 768 B | 1024 B");
    expect_values(UNIT_BYTES, 0, 1000 * mib, 4, "0 | 256 MiB | 512 MiB | 768 MiB | 1024 MiB");
    expect_values(UNIT_BYTES, 0, 2000 * mib, 4, "0 | 0.5 GiB | 1 GiB | 1.5 GiB | 2 GiB");
    expect_values(UNIT_BYTES, 0, 1, 6, "0 | 1 B");
    expect_values(UNIT_BYTES, 0, 0, 2, "0 | 0.5 KiB | 1 KiB");
    expect_values(UNIT_BYTES, -3 * mib, 5 * mib, 4, "-4 MiB | -2 MiB | 0 | 2 MiB | 4 MiB | 6 MiB");
    expect_values(UNIT_BYTES, 2048 * mib, 2048.4 * mib, 4,
                  "2048 MiB | 2048.125 MiB | 2048.25 MiB | 2048.375 MiB | 2048.5 MiB");
    expect_values(UNIT_BYTES_PER_SECOND, 0, 100 * 1024, 2, "0 | 64 KiB/s | 128 KiB/s");
}

static void test_counts(void)
{
    expect_values(UNIT_COUNT, 0, 7, 8, "0 | 1 | 2 | 3 | 4 | 5 | 6 | 7");
    expect_values(UNIT_COUNT, 0, 1, 10, "0 | 1");
    expect_values(UNIT_COUNT, 0, 0, 5, "0 | 1");
    expect_values(UNIT_PER_SECOND, 0, 2500, 5, "0 | 0.5k/s | 1k/s | 1.5k/s | 2k/s | 2.5k/s");
    expect_values(UNIT_PER_SECOND, 0, 43, 3, "0 | 20/s | 40/s | 60/s");
    expect_values(UNIT_CPUS, 0, 0.35, 2, "0 | 0.2 CPUs | 0.4 CPUs");
}

static void test_every_range(void)
{
    bool is_good = true;
    for (double high = 1e-3; high < 1e15; high *= 1.37)
        for (size_t wanted = 1; wanted < 20; wanted++) {
            struct axis axis = axis_of_values(UNIT_PER_SECOND, 0, high, wanted);
            is_good &= axis.high >= high && axis.tick_count >= 2 && axis.tick_count <= wanted + 1;
            axis = axis_of_values(UNIT_BYTES, 0, high, wanted);
            is_good &= axis.high >= high && axis.tick_count >= 2 && axis.tick_count <= wanted + 1;
            for (size_t i = 1; i < axis.tick_count; i++)
                is_good &= strcmp(axis.ticks[i].label.text, axis.ticks[i - 1].label.text) != 0;
        }
    tap_ok(is_good, "every range gets enough ticks, not too many, and no label twice");
}

static void expect_logarithms(enum unit unit, double least, double high, size_t wanted,
                              const char *expected)
{
    struct axis axis = axis_of_logarithms(unit, least, high, wanted);
    tap_text(labels(&axis), expected, expected);
    tap_ok(axis.low <= least && axis.high >= high, "all values are on the axis");
}

static void test_logarithms(void)
{
    expect_logarithms(UNIT_BYTES, 1000, 60 * 1048576.0, 6,
                      "512 B | 4 KiB | 32 KiB | 256 KiB | 2 MiB | 16 MiB | 128 MiB");
    expect_logarithms(UNIT_COUNT, 1, 12345, 6, "1 | 10 | 100 | 1k | 10k | 100k");
    expect_logarithms(UNIT_BYTES, 4096, 4096, 6, "4 KiB | 8 KiB");
    struct axis axis = axis_of_logarithms(UNIT_COUNT, 1, 100, 4);
    tap_ok(fabs(axis_place(&axis, 10) - 0.5) < 1e-12, "ten is half-way from one to a hundred");
    tap_ok(axis_place(&axis, 0) <= 0, "nothing is at the bottom");
    tap_ok(axis_place(&axis, 1e9) >= 1, "and what is beyond, at the top");
}

static void expect_time(double from_s, double to_s, size_t wanted, const char *expected)
{
    struct window window = {(uint64_t)(from_s * 1e9 + 0.5), (uint64_t)(to_s * 1e9 + 0.5)};
    struct axis axis = axis_of_time(window, wanted);
    tap_text(labels(&axis), expected, expected);
}

static void test_time(void)
{
    expect_time(0, 10, 5, "0 | 2s | 4s | 6s | 8s | 10s");
    expect_time(0, 0.062, 4, "0 | 0.02s | 0.04s | 0.06s");
    expect_time(0, 0.0042, 5, "0 | 1ms | 2ms | 3ms | 4ms");
    expect_time(0, 0.0000042, 5, "0 | 1µs | 2µs | 3µs | 4µs");
    expect_time(0, 120, 4, "0 | 30s | 1m | 1m30s | 2m");
    expect_time(0, 3600, 6, "0 | 10m | 20m | 30m | 40m | 50m | 1h");
    expect_time(0, 4 * 3600, 8, "0 | 30m | 1h | 1h30m | 2h | 2h30m | 3h | 3h30m | 4h");
    expect_time(0, 7 * 86400.0, 7, "0 | 1d | 2d | 3d | 4d | 5d | 6d | 7d");
    expect_time(0, 86400 * 2, 4, "0 | 12h | 1d | 1d12h | 2d");
    expect_time(0, 86400 * 365.0, 4, "0 | 100d | 200d | 300d");
    expect_time(3723, 3733, 5, "1h2m4s | 1h2m6s | 1h2m8s | 1h2m10s | 1h2m12s");
    expect_time(0, 0, 5, "0");
}

int main(void)
{
    test_sizes();
    test_counts();
    test_every_range();
    test_logarithms();
    test_time();
    return tap_end();
}
