/* SPDX-License-Identifier: BSD-2-Clause */
/* sampling.c -- Poisson sampling by bytes: which allocations are recorded, and what each stands
 * for.
 *
 * The logarithm and the exponential are series, good to 1e-9 relative: the library has no libm. */
#include "sampling.h"

#include "text.h"

#define LN2 0.69314718055994530942
#define GAP_MAX 64.0 /* means; beyond, exp(-x) is nothing */

bool sampling_is_paused;
bool sampling_has_gaps;

static double from_bits(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static uint64_t to_bits(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* For 0 < x < infinity: x = m 2^e with m in [1, 2); ln m = 2 artanh((m - 1) / (m + 1)). */
static double natural_log(double x)
{
    uint64_t bits = to_bits(x);
    int exponent = (int)(bits >> 52) - 1023;
    double m = from_bits((bits & 0x000fffffffffffffu) | 0x3ff0000000000000u);
    double t = (m - 1) / (m + 1);
    double square = t * t;
    double sum = 0;
    for (int k = 21; k >= 1; k -= 2)
        sum = sum * square + 1.0 / k;
    return 2 * t * sum + exponent * LN2;
}

/* exp(-x) for 0 <= x <= GAP_MAX: x = k ln 2 + r, and a power series in r. */
static double exp_of_minus(double x)
{
    int k = (int)(x / LN2);
    double r = x - k * LN2;
    double sum = 1;
    for (int i = 14; i >= 1; i--)
        sum = 1 - sum * r / i;
    return sum * from_bits((uint64_t)(1023 - k) << 52);
}

/* splitmix64 */
static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

/* Uniform in (0, 1]. */
static double uniform(uint64_t random)
{
    return (double)((random >> 11) + 1) * 0x1p-53;
}

__attribute__((noinline)) int64_t sampling_gap(uint64_t *state, uint64_t mean_bytes)
{
    if (!*state)
        *state = mix((uint64_t)state);
    *state += 0x9e3779b97f4a7c15u;
    return (int64_t)(-natural_log(uniform(mix(*state))) * (double)mean_bytes) + 1;
}

__attribute__((noinline)) uint64_t sampling_weight(const void *block, uint64_t size_bytes,
                                                   uint64_t mean_bytes)
{
    double x = (double)(size_bytes ? size_bytes : 1) / (double)mean_bytes;
    if (x > GAP_MAX)
        return 1;
    /* 1 - exp(-x) loses digits for small x, where 1/p is 1/x + 1/2 + x/12. */
    double weight = x < 1e-3 ? 1 / x + 0.5 + x / 12 : 1 / (1 - exp_of_minus(x));
    uint64_t whole = (uint64_t)weight;
    return whole + (uniform(mix((uint64_t)block)) <= weight - (double)whole);
}
