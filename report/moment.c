/* SPDX-License-Identifier: BSD-2-Clause */
/* moment.c -- Moments of a run as people name them, and a trace turned back to one. */
#include "moment.h"

#include "text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- parsing --- */

static bool set_name(struct moment *moment, const char *name, size_t length, struct error *error)
{
    moment->kind = MOMENT_NAME;
    moment->name = strndup(name, length);
    return moment->name || error_out_of_memory(error);
}

static bool parse_word(struct moment *moment, const char *text)
{
    static const struct {
        const char *word;
        enum moment_kind kind;
    } words[] = {
        {"start", MOMENT_START}, {"end", MOMENT_END}, {"now", MOMENT_END}, {"peak", MOMENT_PEAK}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(text, words[i].word) != 0)
            continue;
        moment->kind = words[i].kind;
        return true;
    }
    return false;
}

bool moment_parse(struct moment *moment, const char *text, struct error *error)
{
    size_t length = strlen(text);
    *moment = (struct moment){0};
    if (!length)
        return error_set(error, "a moment is missing after the @");
    if (length >= 2 && (*text == '"' || *text == '\'') && text[length - 1] == *text)
        return set_name(moment, text + 1, length - 2, error);
    bool is_before_end = *text == '-';
    if (text_to_duration(text + (is_before_end || *text == '+'), &moment->time_ns)) {
        moment->kind = is_before_end ? MOMENT_BEFORE_END : MOMENT_AFTER_START;
        return true;
    }
    return parse_word(moment, text) || set_name(moment, text, length, error);
}

void moment_finish(struct moment *moment)
{
    free(moment->name);
    *moment = (struct moment){0};
}

/* Whether the first length bytes of operand name a trace: a file, a process, or nothing. */
static bool is_trace(const char *operand, size_t length)
{
    char *name = strndup(operand, length);
    uint64_t pid;
    bool is_one =
        name && (!length || access(name, F_OK) == 0 || text_to_number(name, INT32_MAX, &pid));
    free(name);
    return is_one;
}

/* Where the @ is; its operand's length if there is none, or none that counts. */
static size_t find_divide(const char *operand)
{
    size_t length = strlen(operand);
    if (access(operand, F_OK) == 0)
        return length;
    for (size_t at = length; at-- > 0;)
        if (operand[at] == '@' && is_trace(operand, at))
            return at;
    return length;
}

bool moment_divide(struct moment *moment, const char *operand, char **ret_trace,
                   struct error *error)
{
    *moment = (struct moment){0};
    *ret_trace = NULL;
    if (!operand)
        return true;
    size_t at = find_divide(operand);
    if (operand[at] && !moment_parse(moment, operand + at + 1, error))
        return false;
    if (operand[0] && at == 0)
        return true; /* the newest trace here */
    *ret_trace = strndup(operand, at);
    if (*ret_trace)
        return true;
    moment_finish(moment);
    return error_out_of_memory(error);
}

/* --- finding --- */

static bool is_mark(const struct trace *trace, uint32_t mark, const char *name, size_t length)
{
    const char *other = trace->mark_names[mark];
    uint32_t kind = trace->marks[mark].kind;
    bool is_named = kind == MARK_POINT || kind == MARK_SNAPSHOT || kind == MARK_PHASE_BEGIN ||
                    kind == MARK_PHASE_END;
    return is_named && strlen(other) == length && memcmp(other, name, length) == 0;
}

/* The last mark of that name, of any kind or of one; of a phase its end, if it has one. */
static uint32_t find_mark(const struct trace *trace, const char *name, size_t length,
                          uint32_t only_kind)
{
    uint32_t found = NO_MARK;
    for (uint32_t i = trace->mark_count; i-- > 0;) {
        uint32_t kind = trace->marks[i].kind;
        if (!is_mark(trace, i, name, length) || (only_kind != UINT32_MAX && kind != only_kind))
            continue;
        if (kind != MARK_PHASE_BEGIN || only_kind == MARK_PHASE_BEGIN)
            return i;
        found = found == NO_MARK ? i : found;
    }
    return found;
}

static uint32_t find_named(const struct trace *trace, const char *name)
{
    static const struct {
        const char *suffix;
        uint32_t kind;
    } sides[] = {{"", UINT32_MAX}, {":begin", MARK_PHASE_BEGIN}, {":end", MARK_PHASE_END}};
    size_t length = strlen(name);
    uint32_t found = NO_MARK;
    for (size_t i = 0; i < sizeof sides / sizeof *sides && found == NO_MARK; i++) {
        size_t suffix = strlen(sides[i].suffix);
        if (length >= suffix && strcmp(name + length - suffix, sides[i].suffix) == 0)
            found = find_mark(trace, name, length - suffix, sides[i].kind);
    }
    return found;
}

static struct instant instant_at_tick(const struct history *history, uint32_t tick_count)
{
    if (!tick_count)
        return (struct instant){.kind = INSTANT_START, .mark = NO_MARK, .next_mark = NO_MARK};
    const struct history_tick *tick = &history->ticks[tick_count - 1];
    return (struct instant){.kind = INSTANT_TICK,
                            .tick_count = tick_count,
                            .mark = tick->mark,
                            .next_mark = NO_MARK,
                            .time_ns = tick->time_ns};
}

/* Ticks come a little late: the one that was due at that very moment is the one that is meant. */
static uint64_t lateness_ns(const struct history *history, uint64_t time_ns)
{
    uint64_t interval_ns = history->trace->header.history_interval_ns;
    return interval_ns / 10 < time_ns ? interval_ns / 10 : 0;
}

static bool find_time(const struct history *history, uint64_t time_ns, uint64_t tolerance_ns,
                      struct instant *instant, struct error *error)
{
    uint64_t end_ns = trace_duration_ns(history->trace);
    if (time_ns >= end_ns)
        *instant = (struct instant){.kind = INSTANT_END, .mark = NO_MARK, .time_ns = end_ns};
    else if (history->tick_count || !time_ns)
        *instant = instant_at_tick(history, history_ticks_until(history, time_ns + tolerance_ns));
    else
        return error_set(error, "it has no history: only @start, @peak and @end are known");
    return true;
}

static bool find_mark_named(const struct trace *trace, const char *name, uint32_t *ret_mark,
                            struct error *error)
{
    *ret_mark = find_named(trace, name);
    return *ret_mark != NO_MARK ||
           error_set(error,
                     "nothing in it is called '%.100s' (memtrace report --marks lists "
                     "what is)",
                     name);
}

/* A snapshot has a tick of its own, if it was not lost; for other marks the one before must do. */
static bool find_name(const struct history *history, const char *name, struct instant *instant,
                      struct error *error)
{
    const struct trace *trace = history->trace;
    uint32_t mark;
    if (!find_mark_named(trace, name, &mark, error))
        return false;
    for (uint32_t i = history->tick_count; i-- > 0;) {
        if (history->ticks[i].mark != mark)
            continue;
        *instant = instant_at_tick(history, i + 1);
        return true;
    }
    if (!find_time(history, trace_mark_time_ns(trace, &trace->marks[mark]), 0, instant, error))
        return false;
    instant->next_mark = mark;
    return true;
}

bool moment_time(const struct moment *moment, const struct trace *trace, uint64_t *ret_time_ns,
                 struct error *error)
{
    uint64_t end_ns = trace_duration_ns(trace);
    uint32_t mark;
    switch (moment->kind) {
    case MOMENT_START:
        *ret_time_ns = 0;
        return true;
    case MOMENT_PEAK:
        *ret_time_ns = trace_peak_time_ns(trace);
        return true;
    case MOMENT_AFTER_START:
        *ret_time_ns = moment->time_ns;
        return true;
    case MOMENT_BEFORE_END:
        *ret_time_ns = moment->time_ns < end_ns ? end_ns - moment->time_ns : 0;
        return true;
    case MOMENT_NAME:
        if (!find_mark_named(trace, moment->name, &mark, error))
            return false;
        *ret_time_ns = trace_mark_time_ns(trace, &trace->marks[mark]);
        return true;
    default:
        *ret_time_ns = end_ns;
        return true;
    }
}

bool moment_find(const struct moment *moment, const struct history *history,
                 struct instant *instant, struct error *error)
{
    const struct trace *trace = history->trace;
    uint64_t end_ns = trace_duration_ns(trace);
    uint64_t time_ns;
    *instant = (struct instant){.kind = INSTANT_END, .mark = NO_MARK, .time_ns = end_ns};
    switch (moment->kind) {
    case MOMENT_START:
        *instant = instant_at_tick(history, 0);
        return true;
    case MOMENT_PEAK:
        instant->kind = INSTANT_PEAK;
        instant->time_ns = trace_peak_time_ns(trace);
        return true;
    case MOMENT_AFTER_START:
        time_ns = moment->time_ns;
        return find_time(history, time_ns, lateness_ns(history, time_ns), instant, error);
    case MOMENT_BEFORE_END:
        time_ns = moment->time_ns < end_ns ? end_ns - moment->time_ns : 0;
        return find_time(history, time_ns, lateness_ns(history, time_ns), instant, error);
    case MOMENT_NAME:
        return find_name(history, moment->name, instant, error);
    default:
        return true;
    }
}

/* --- turning back --- */

/* What was live at the peak, as counters that allocated it and freed nothing. */
static void peak_counters(const struct trace *trace, struct trace_counters *counters)
{
    for (uint32_t i = 0; i < trace->owner_count; i++) {
        struct figures figures = trace_figures(trace, i);
        struct trace_inherited inherited = {0, 0};
        if (i < trace->inherited_count)
            inherited = trace->inherited[i]; /* trace_figures adds it again */
        counters[i] = (struct trace_counters){
            .alloc_count = (uint64_t)figures.peak_count - (uint64_t)inherited.live_count,
            .alloc_bytes = (uint64_t)figures.peak_bytes - (uint64_t)inherited.live_bytes,
        };
    }
}

void instant_counters(const struct instant *instant, const struct history *history,
                      struct trace_counters *counters)
{
    const struct trace *trace = history->trace;
    if (instant->kind == INSTANT_END)
        memcpy(counters, trace->counters, trace->owner_count * sizeof *counters);
    else if (instant->kind == INSTANT_PEAK)
        peak_counters(trace, counters);
    else
        history_counters(history, instant->tick_count, counters);
}

bool moment_rewind(const struct moment *moment, struct trace *trace, struct error *error)
{
    struct history history = {.trace = trace};
    struct instant instant;
    if (trace->instant.kind != INSTANT_END && moment->kind != MOMENT_END)
        return error_set(error, "a snapshot of one moment, which knows no other");
    bool needs_history = moment->kind != MOMENT_END && moment->kind != MOMENT_PEAK;
    if (needs_history && !history_init(&history, trace, error))
        return false;
    bool is_ok = moment_find(moment, &history, &instant, error);
    if (is_ok && instant.kind != INSTANT_END) {
        struct trace_counters *counters = calloc((size_t)trace->owner_count + 1, sizeof *counters);
        is_ok = counters || error_out_of_memory(error);
        if (is_ok) {
            instant_counters(&instant, &history, counters);
            memcpy(trace->counters, counters, trace->owner_count * sizeof *counters);
            trace->instant = instant;
            trace->inherited_count =
                trace_last_clear(trace) ? 0 : sections_count(&trace->sections, SECTION_INHERITED);
            free(counters);
        }
    }
    history_finish(&history);
    return is_ok;
}

/* Between a mark without a tick of its own and the tick that stands for it something may have
 * happened. */
static void describe_next_mark(const struct trace *trace, char *buffer, size_t buffer_bytes)
{
    uint32_t mark = trace->instant.next_mark;
    if (mark >= trace->mark_count)
        return;
    uint64_t time_ns = trace->marks[mark].time_ns;
    uint64_t start_ns = trace->header.start_time_ns;
    snprintf(buffer, buffer_bytes, ", the last that is known before '%.100s' at %s",
             trace->mark_names[mark],
             text_duration(time_ns > start_ns ? time_ns - start_ns : 0).text);
}

void instant_describe(const struct trace *trace, char *buffer, size_t buffer_bytes)
{
    const struct instant *instant = &trace->instant;
    struct number_text time = text_duration(instant->time_ns);
    char before[256] = "";
    if (instant->kind == INSTANT_START || instant->kind == INSTANT_TICK)
        describe_next_mark(trace, before, sizeof before);
    if (instant->kind == INSTANT_START)
        snprintf(buffer, buffer_bytes, "as of the start%s", before);
    else if (instant->kind == INSTANT_PEAK)
        snprintf(buffer, buffer_bytes, "as of the peak, %s after the start", time.text);
    else if (instant->kind == INSTANT_END)
        snprintf(buffer, buffer_bytes, "as of %s", trace->is_running ? "now" : "the end");
    else if (instant->mark == NO_MARK)
        snprintf(buffer, buffer_bytes, "as of %s after the start%s", time.text, before);
    else
        snprintf(buffer, buffer_bytes, "as of snapshot '%.100s', %s after the start%s",
                 trace->mark_names[instant->mark], time.text, before);
}
