/* SPDX-License-Identifier: BSD-2-Clause */
/* unit.c -- What numbers of a plot are counted in, and how they are written. */
#include "unit.h"

#include <math.h>
#include <string.h>

bool unit_is_binary(enum unit unit)
{
    return unit == UNIT_BYTES || unit == UNIT_BYTES_PER_SECOND;
}

const char *unit_suffix(enum unit unit)
{
    static const char *const suffixes[UNIT_COUNT_OF] = {"", "/s", "", "/s", " CPUs"};
    return suffixes[unit];
}

static struct number_text plain_text(double value)
{
    static const char *const units[] = {"", "k", "M", "G", "T"};
    struct number_text result;
    size_t unit = 0;
    while (fabs(value) >= 9999.5 && unit + 1 < sizeof units / sizeof *units) {
        value /= 1000;
        unit++;
    }
    int decimals = value == floor(value) || fabs(value) >= 100 ? 0 : fabs(value) < 10 ? 2 : 1;
    snprintf(result.text, sizeof result.text, "%.*f%s", decimals, value, units[unit]);
    return result;
}

struct number_text unit_text(enum unit unit, double value)
{
    struct number_text result = unit_is_binary(unit) ? text_size(value) : plain_text(value);
    size_t used = strlen(result.text);
    snprintf(result.text + used, sizeof result.text - used, "%s", unit_suffix(unit));
    return result;
}
