/* SPDX-License-Identifier: BSD-2-Clause */
/* axis.c -- Which values stand beside a plot, and where a value is on it. */
#include "axis.h"

#include <math.h>
#include <string.h>

static void add_tick(struct axis *axis, double value, struct number_text label)
{
    if (axis->tick_count < AXIS_TICKS_MAX)
        axis->ticks[axis->tick_count++] = (struct tick){value, label};
}

double axis_place(const struct axis *axis, double value)
{
    double place;
    if (!(axis->high > axis->low))
        return 0;
    if (axis->is_log)
        place = value > axis->low ? log(value / axis->low) / log(axis->high / axis->low) : 0;
    else
        place = (value - axis->low) / (axis->high - axis->low);
    return place < 0 ? 0 : place > 1 ? 1 : place;
}

/* --- values --- */

/* 1, 2 or 5 times a power of ten, or a power of two: the smallest that is not below least. */
static double round_step(bool is_binary, double least)
{
    static const double steps[] = {1, 2, 5, 10};
    if (is_binary)
        return exp2(ceil(log2(least) - 1e-9));
    double power = pow(10, floor(log10(least) + 1e-9));
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        if (steps[i] * power >= least * (1 - 1e-9))
            return steps[i] * power;
    return 10 * power;
}

/* "1.5" rather than "1.500" */
static void drop_zeros(char *text)
{
    char *end = text + strlen(text);
    if (!strchr(text, '.'))
        return;
    while (end[-1] == '0')
        *--end = 0;
    if (end[-1] == '.')
        *--end = 0;
}

/* All ticks of an axis have the same unit: the largest one in which its step is a short number. */
static struct number_text tick_label(enum unit unit, double value, double step, double high)
{
    static const char *const binary[] = {" B", " KiB", " MiB", " GiB", " TiB"};
    static const char *const decimal[] = {"", "k", "M", "G", "T"};
    bool is_binary = unit_is_binary(unit);
    double base = is_binary ? 1024 : 1000;
    double finest = is_binary ? 0.5 : 0.1;
    double scale = 1;
    size_t prefix = 0;
    char digits[24];
    struct number_text label;
    while (prefix < 4 && high >= scale * base &&
           step >= scale * base * (high < 10000 * scale ? finest : finest / 4)) {
        scale *= base;
        prefix++;
    }
    if (value == 0)
        return (struct number_text){"0"};
    int decimals = step >= scale ? 0 : (int)ceil(-log10(step / scale) - 1e-9);
    if (is_binary && step < scale)
        decimals =
            (int)ceil(-log2(step / scale) - 1e-9); /* a half has one decimal, a quarter two */
    snprintf(digits, sizeof digits, "%.*f", decimals < 9 ? decimals : 9, value / scale);
    drop_zeros(digits);
    snprintf(label.text, sizeof label.text, "%s%s%s", digits,
             is_binary ? binary[prefix] : decimal[prefix], unit_suffix(unit));
    return label;
}

static double least_step(enum unit unit)
{
    return unit == UNIT_BYTES || unit == UNIT_COUNT ? 1 : 1e-9;
}

struct axis axis_of_values(enum unit unit, double low, double high, size_t wanted)
{
    struct axis axis = {0};
    double wanted_count = wanted < 1 ? 1 : (double)wanted;
    if (!(high > low))
        high = low + (unit == UNIT_BYTES || unit == UNIT_BYTES_PER_SECOND ? 1024 : 1);
    double least = (high - low) / wanted_count;
    least = least > least_step(unit) ? least : least_step(unit);
    double step = round_step(unit_is_binary(unit), least);
    double first = floor(low / step);
    double last = ceil(high / step - 1e-9);
    axis.low = first * step;
    axis.high = last * step;
    for (double i = first; i <= last && axis.tick_count < AXIS_TICKS_MAX; i++)
        add_tick(&axis, i * step, tick_label(unit, i * step, step, axis.high));
    return axis;
}

/* Powers of two or ten, every so-manyeth of them. */
struct axis axis_of_logarithms(enum unit unit, double least, double high, size_t wanted)
{
    struct axis axis = {.is_log = true};
    double base = unit_is_binary(unit) ? 2 : 10;
    double first = floor(log(least) / log(base) + 1e-9);
    double last = ceil(log(high) / log(base) - 1e-9);
    if (last <= first)
        last = first + 1;
    double stride = ceil((last - first) / (wanted < 1 ? 1 : (double)wanted));
    if (unit_is_binary(unit) && stride > 5)
        stride = 10 * ceil(stride / 10); /* 1 KiB, 1 MiB */
    last = first + stride * ceil((last - first) / stride);
    axis.low = pow(base, first);
    axis.high = pow(base, last);
    for (double i = first; i <= last && axis.tick_count < AXIS_TICKS_MAX; i += stride)
        add_tick(&axis, pow(base, i), tick_label(unit, pow(base, i), pow(base, i), pow(base, i)));
    return axis;
}

/* --- time --- */

static const double second = 1e9;

static double round_time(double least)
{
    static const double seconds[] = {1,     2,     5,      10,     15,     30,     60,    120,
                                     300,   600,   900,    1800,   3600,   7200,   10800, 21600,
                                     43200, 86400, 172800, 432000, 604800, 1209600};
    if (least <= second / 2)
        return round_step(false, least < 1 ? 1 : least);
    for (size_t i = 0; i < sizeof seconds / sizeof *seconds; i++)
        if (seconds[i] * second >= least)
            return seconds[i] * second;
    return round_step(false, least / (86400 * second)) * 86400 * second;
}

/* Seconds and less in a unit that suits the whole axis. */
static void append_seconds(struct number_text *label, double time_ns, double step_ns,
                           double high_ns)
{
    static const struct {
        double ns;
        const char *name;
    } units[] = {{1e9, "s"}, {1e6, "ms"}, {1e3, "µs"}, {1, "ns"}};
    size_t unit = 0;
    char digits[32];
    while (unit < 3 && high_ns < units[unit].ns / 20)
        unit++;
    int decimals =
        step_ns >= units[unit].ns ? 0 : (int)ceil(-log10(step_ns / units[unit].ns) - 1e-9);
    snprintf(digits, sizeof digits, "%.*f", decimals, time_ns / units[unit].ns);
    drop_zeros(digits);
    size_t used = strlen(label->text);
    snprintf(label->text + used, sizeof label->text - used, "%s%s", digits, units[unit].name);
}

static struct number_text time_label(double time_ns, double step_ns, double high_ns)
{
    static const struct {
        double ns;
        char name;
    } units[] = {{86400e9, 'd'}, {3600e9, 'h'}, {60e9, 'm'}};
    struct number_text label = {""};
    double left = time_ns;
    size_t used = 0;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        double count = floor((left + 0.5) / units[i].ns);
        if (count <= 0)
            continue;
        used += (size_t)snprintf(label.text + used, sizeof label.text - used, "%.0f%c", count,
                                 units[i].name);
        left -= count * units[i].ns;
    }
    if (!used && left < 0.5)
        return (struct number_text){"0"};
    if (left >= 0.5)
        append_seconds(&label, left, step_ns, high_ns);
    return label;
}

struct axis axis_of_time(struct window window, size_t wanted)
{
    struct axis axis = {.low = (double)window.from_ns, .high = (double)window.to_ns};
    double step = round_time((axis.high - axis.low) / (wanted < 1 ? 1 : (double)wanted));
    double last = floor(axis.high / step + 1e-9);
    for (double i = ceil(axis.low / step - 1e-9); i <= last; i++) {
        if (axis.tick_count == AXIS_TICKS_MAX)
            break;
        add_tick(&axis, i * step, time_label(i * step, step, axis.high));
    }
    return axis;
}
