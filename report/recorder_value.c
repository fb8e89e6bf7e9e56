/* SPDX-License-Identifier: BSD-2-Clause */
/* recorder_value.c -- What the recorder takes for a value of its options.
 *
 * The recorder has its own reading of them, which shares no code with the tool; tests/test_run.py
 * holds the two together. */
#include "recorder_value.h"

#include "text.h"

#include <signal.h>
#include <string.h>

#define NANOSECONDS_MAX INT64_MAX

enum {
    CONDITIONS_MAX = 16,
    SNAPSHOTS_MAX = 1000,
    PERCENT_MAX = 1000000,
    REALTIME_FIRST = 34,
    REALTIME_LAST = 64
};

struct unit {
    const char *name;
    uint64_t scale;
};

/* A number and one of the units. */
static bool read_scaled(const char *text, size_t length, const struct unit *units, uint64_t most,
                        uint64_t *ret_value)
{
    char digits[24];
    size_t digit_count = strspn(text, "0123456789");
    if (digit_count > length || digit_count >= sizeof digits)
        return false;
    memcpy(digits, text, digit_count);
    digits[digit_count] = 0;
    for (; units->name; units++) {
        if (strlen(units->name) != length - digit_count ||
            strncmp(text + digit_count, units->name, length - digit_count) != 0)
            continue;
        bool is_good = text_to_number(digits, most / units->scale, ret_value);
        *ret_value *= units->scale;
        return is_good;
    }
    return false;
}

static bool read_size(const char *text, size_t length, uint64_t most, uint64_t *ret_bytes)
{
    static const struct unit units[] = {{"", 1},
                                        {"K", UINT64_C(1) << 10},
                                        {"M", UINT64_C(1) << 20},
                                        {"G", UINT64_C(1) << 30},
                                        {"T", UINT64_C(1) << 40},
                                        {NULL, 0}};
    return read_scaled(text, length, units, most, ret_bytes);
}

static bool read_duration(const char *text, size_t length, uint64_t most, uint64_t *ret_ns)
{
    static const struct unit units[] = {{"ms", 1000000},
                                        {"s", 1000000000},
                                        {"m", 60 * UINT64_C(1000000000)},
                                        {"h", 3600 * UINT64_C(1000000000)},
                                        {"d", 86400 * UINT64_C(1000000000)},
                                        {NULL, 0}};
    static const struct unit none[] = {{"", 1}, {NULL, 0}};
    return read_scaled(text, length, units, most, ret_ns) ||
           read_scaled(text, length, none, 0, ret_ns);
}

static bool read_percent(const char *text, size_t length, uint64_t most, uint64_t *ret_percent)
{
    static const struct unit units[] = {{"%", 1}, {NULL, 0}};
    return read_scaled(text, length, units, most, ret_percent);
}

static bool read_plain(const char *text, size_t length, uint64_t most, uint64_t *ret_number)
{
    static const struct unit units[] = {{"", 1}, {NULL, 0}};
    return read_scaled(text, length, units, most, ret_number);
}

/* Not those that cannot be caught, that tell of a fault, or that others work by. */
static const struct {
    const char *name;
    int number;
} signals[] = {{"HUP", SIGHUP},     {"INT", SIGINT},      {"QUIT", SIGQUIT}, {"USR1", SIGUSR1},
               {"USR2", SIGUSR2},   {"ALRM", SIGALRM},    {"TERM", SIGTERM}, {"URG", SIGURG},
               {"XCPU", SIGXCPU},   {"PROF", SIGPROF},    {"IO", SIGIO},     {"PWR", SIGPWR},
               {"WINCH", SIGWINCH}, {"VTALRM", SIGVTALRM}};

static bool is_usable_signal(uint64_t number)
{
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        if (number == (uint64_t)signals[i].number)
            return true;
    return number >= REALTIME_FIRST && number <= REALTIME_LAST;
}

static bool read_signal(const char *text, size_t length, uint64_t most, uint64_t *ret_number)
{
    if (read_plain(text, length, most, ret_number))
        return is_usable_signal(*ret_number);
    if (length > 3 && strncmp(text, "SIG", 3) == 0) {
        text += 3;
        length -= 3;
    }
    *ret_number = REALTIME_FIRST;
    if (length == 5 && strncmp(text, "RTMIN", 5) == 0)
        return true;
    if (length > 6 && strncmp(text, "RTMIN+", 6) == 0)
        return read_plain(text + 6, length - 6, REALTIME_LAST - REALTIME_FIRST, ret_number) &&
               (*ret_number += REALTIME_FIRST);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        if (strlen(signals[i].name) == length && strncmp(text, signals[i].name, length) == 0) {
            *ret_number = (uint64_t)signals[i].number;
            return true;
        }
    return false;
}

static bool is_good_item(const char *text, size_t length)
{
    static const struct {
        const char *word;
        bool (*read)(const char *, size_t, uint64_t, uint64_t *);
        uint64_t most;
    } kinds[] = {{"every=", read_duration, NANOSECONDS_MAX},
                 {"signal=", read_signal, UINT64_MAX},
                 {"live=", read_size, INT64_MAX},
                 {"live+", read_percent, PERCENT_MAX},
                 {"rss=", read_size, INT64_MAX},
                 {"rss+", read_percent, PERCENT_MAX},
                 {"max=", read_plain, SNAPSHOTS_MAX}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        size_t word_length = strlen(kinds[i].word);
        uint64_t value = 0;
        if (length > word_length && strncmp(text, kinds[i].word, word_length) == 0)
            return kinds[i].read(text + word_length, length - word_length, kinds[i].most, &value) &&
                   value > 0;
    }
    return false;
}

/* --- the interface --- */

bool recorder_value_is_number(const char *text, uint64_t least, uint64_t most)
{
    uint64_t number;
    return text_to_number(text, most, &number) && number >= least;
}

bool recorder_value_is_size(const char *text, uint64_t most_bytes)
{
    uint64_t bytes;
    return read_size(text, strlen(text), most_bytes, &bytes);
}

bool recorder_value_is_duration(const char *text, uint64_t most_ns)
{
    uint64_t time_ns;
    return read_duration(text, strlen(text), most_ns, &time_ns);
}

bool recorder_value_is_snapshot_list(const char *text)
{
    int conditions = 0;
    if (!*text)
        return true;
    for (;;) {
        size_t length = strcspn(text, ",");
        if (!is_good_item(text, length))
            return false;
        conditions += strncmp(text, "max=", 4) != 0;
        if (conditions > CONDITIONS_MAX)
            return false;
        if (!text[length])
            return true;
        text += length + 1;
    }
}
