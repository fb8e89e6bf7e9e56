/* SPDX-License-Identifier: BSD-2-Clause */
/* condition.c -- When to take a snapshot without being asked. */
#include "condition.h"

#include "text.h"

#include <signal.h>

enum {
    SIGNAL_RTMIN = 34, /* glibc keeps 32 and 33 for itself */
    SIGNAL_MAX = 64,
    PERCENT_MAX = 1000000
};

static const struct {
    const char *name;
    int number;
} signal_names[] = {{"HUP", SIGHUP},     {"INT", SIGINT},      {"QUIT", SIGQUIT}, {"USR1", SIGUSR1},
                    {"USR2", SIGUSR2},   {"ALRM", SIGALRM},    {"TERM", SIGTERM}, {"URG", SIGURG},
                    {"XCPU", SIGXCPU},   {"PROF", SIGPROF},    {"IO", SIGIO},     {"PWR", SIGPWR},
                    {"WINCH", SIGWINCH}, {"VTALRM", SIGVTALRM}};

enum {
    SIGNAL_NAMES = sizeof signal_names / sizeof *signal_names
};

/* Not those that cannot be caught, that tell of a fault, or without which a shell, a pipe or wait()
 * would work differently. */
static bool is_usable_signal(uint64_t number)
{
    if (number >= SIGNAL_RTMIN)
        return number <= SIGNAL_MAX;
    for (int i = 0; i < SIGNAL_NAMES; i++)
        if (signal_names[i].number == (int)number)
            return true;
    return false;
}

static const char *read_signal_name(const char *text, uint64_t *ret_number)
{
    const char *rest = text_after(text, "RTMIN");
    if (rest) {
        *ret_number = 0;
        if (*rest == '+' && !(rest = text_read_number(rest + 1, ret_number)))
            return NULL;
        *ret_number += SIGNAL_RTMIN;
        return rest;
    }
    for (int i = 0; i < SIGNAL_NAMES; i++) {
        rest = text_after(text, signal_names[i].name);
        *ret_number = (uint64_t)signal_names[i].number;
        if (rest && (!*rest || *rest == ','))
            return rest;
    }
    return NULL;
}

static const char *read_signal(const char *text, uint64_t *ret_number)
{
    const char *rest = text_read_number(text, ret_number);
    if (!rest) {
        const char *name = text_after(text, "SIG");
        rest = read_signal_name(name ? name : text, ret_number);
    }
    return rest && is_usable_signal(*ret_number) ? rest : NULL;
}

static const char *read_percent(const char *text, uint64_t *ret_percent)
{
    const char *rest = text_read_number(text, ret_percent);
    return rest && *rest == '%' && *ret_percent <= PERCENT_MAX ? rest + 1 : NULL;
}

static const struct {
    const char *word;
    enum condition_kind kind;
    const char *(*read)(const char *text, uint64_t *ret_value);
} kinds[] = {
    {"every=", CONDITION_EVERY, text_read_duration}, {"signal=", CONDITION_SIGNAL, read_signal},
    {"live=", CONDITION_LIVE, text_read_size},       {"live+", CONDITION_LIVE_GROWTH, read_percent},
    {"rss=", CONDITION_RSS, text_read_size},         {"rss+", CONDITION_RSS_GROWTH, read_percent},
};

static const char *read_condition(const char *text, struct condition *condition)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        const char *value = text_after(text, kinds[i].word);
        const char *rest = value ? kinds[i].read(value, &condition->value) : NULL;
        if (!rest || condition->value == 0)
            continue;
        condition->kind = kinds[i].kind;
        condition->text = text;
        condition->text_bytes = (uint32_t)(rest - text);
        return rest;
    }
    return NULL;
}

static const char *read_max(const char *text, struct conditions *conditions)
{
    uint64_t number;
    const char *rest = text_read_number(text, &number);
    if (!rest || number < 1 || number > SNAPSHOTS_LIMIT)
        return NULL;
    conditions->snapshots_max = (uint32_t)number;
    return rest;
}

static const char *read_item(const char *text, struct conditions *conditions)
{
    const char *max = text_after(text, "max=");
    if (max)
        return read_max(max, conditions);
    if (conditions->count == CONDITIONS_MAX)
        return NULL;
    return read_condition(text, &conditions->list[conditions->count++]);
}

bool conditions_parse(const char *text, struct conditions *conditions)
{
    struct conditions found = {.snapshots_max = conditions->snapshots_max};
    while (*text) {
        text = read_item(text, &found);
        if (!text || (*text && *text != ','))
            return false;
        if (*text && !*++text)
            return false;
    }
    *conditions = found;
    return true;
}
