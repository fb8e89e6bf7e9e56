/* SPDX-License-Identifier: BSD-2-Clause */
/* trigger.c -- Takes a snapshot when a condition of MEMTRACE_SNAPSHOT comes true. */
#include "trigger.h"

#include "history.h"
#include "options.h"
#include "rss.h"
#include "stubs.h"
#include "sys.h"
#include "totals.h"
#include "trace_file.h"

#include <signal.h>

enum {
    GROWTH_MIN_BYTES = 1 << 20 /* a percentage of next to nothing is no news */
};

/* The kernel's own struct sigaction. */
struct handler {
    void (*handle)(int, siginfo_t *, void *);
    uint64_t flags;
    void (*restorer)(void);
    uint64_t mask;
};

#define HANDLER_RESTORER 0x04000000u

/* What each condition remembers: when it is due, whether the value was above, or the value at the
 * last snapshot; -1: there was none yet. */
static int64_t memory[CONDITIONS_MAX];
static uint64_t pending_signals; /* a bit for each */
static bool is_installed;        /* forked children inherit the handlers */
static void (*wake_ticker)(void);

/* --- signals --- */

static void on_signal(int number, siginfo_t *info, void *context)
{
    (void)info;
    (void)context;
    __atomic_fetch_or(&pending_signals, (uint64_t)1 << (number - 1), __ATOMIC_RELAXED);
    wake_ticker();
}

/* A handler that the program installs later takes the place of this one. */
static void install(int number)
{
    struct handler handler = {.handle = on_signal, .flags = SA_RESTART | SA_ONSTACK | SA_SIGINFO};
#if defined(__x86_64__)
    handler.flags |= HANDLER_RESTORER;
    handler.restorer = stub_sigreturn;
#endif
    sys(__NR_rt_sigaction, number, &handler, 0, sizeof handler.mask);
}

static bool has_come(int number)
{
    uint64_t bit = (uint64_t)1 << (number - 1);
    return (__atomic_fetch_and(&pending_signals, ~bit, __ATOMIC_RELAXED) & bit) != 0;
}

/* --- conditions --- */

struct reading {
    uint64_t now_ns;
    int64_t live_bytes; /* these two -1: not known, or not asked for */
    int64_t rss_bytes;
};

static bool is_due(const struct condition *condition, int64_t *due_ns, uint64_t now_ns)
{
    uint64_t since_ns = now_ns - trace.header->start_time_ns;
    int64_t next_ns = (int64_t)((since_ns / condition->value + 1) * condition->value);
    bool is_first = *due_ns < 0;
    if (!is_first && (int64_t)since_ns < *due_ns)
        return false;
    *due_ns = next_ns;
    return !is_first || since_ns >= condition->value;
}

static bool has_risen(const struct condition *condition, int64_t *was_above, int64_t bytes)
{
    bool is_above = bytes >= 0 && (uint64_t)bytes >= condition->value;
    bool has_passed = is_above && *was_above != 1;
    if (bytes >= 0)
        *was_above = is_above;
    return has_passed;
}

static bool has_grown(const struct condition *condition, int64_t *base_bytes, int64_t bytes)
{
    if (bytes < 0)
        return false;
    if (*base_bytes < 0)
        *base_bytes = bytes;
    int64_t grown = bytes - *base_bytes;
    return grown >= GROWTH_MIN_BYTES &&
           (double)grown * 100 >= (double)*base_bytes * (double)condition->value;
}

static bool is_true(const struct condition *condition, int64_t *remembered,
                    const struct reading *reading)
{
    switch (condition->kind) {
    case CONDITION_EVERY:
        return is_due(condition, remembered, reading->now_ns);
    case CONDITION_SIGNAL:
        return has_come((int)condition->value);
    case CONDITION_LIVE:
        return has_risen(condition, remembered, reading->live_bytes);
    case CONDITION_LIVE_GROWTH:
        return has_grown(condition, remembered, reading->live_bytes);
    case CONDITION_RSS:
        return has_risen(condition, remembered, reading->rss_bytes);
    case CONDITION_RSS_GROWTH:
        return has_grown(condition, remembered, reading->rss_bytes);
    }
    return false;
}

static bool is_asked_for(enum condition_kind kind, enum condition_kind or_kind)
{
    for (uint32_t i = 0; i < options.conditions.count; i++)
        if (options.conditions.list[i].kind == kind || options.conditions.list[i].kind == or_kind)
            return true;
    return false;
}

/* Growth is counted from the last snapshot, whatever it was taken for. */
static void rebase(const struct reading *reading)
{
    for (uint32_t i = 0; i < options.conditions.count; i++) {
        if (options.conditions.list[i].kind == CONDITION_LIVE_GROWTH)
            memory[i] = reading->live_bytes;
        else if (options.conditions.list[i].kind == CONDITION_RSS_GROWTH && reading->rss_bytes >= 0)
            memory[i] = reading->rss_bytes;
    }
}

/* --- the interface --- */

void trigger_begin(void (*wake)(void))
{
    wake_ticker = wake;
    pending_signals = 0;
    for (uint32_t i = 0; i < CONDITIONS_MAX; i++)
        memory[i] = -1;
    for (uint32_t i = 0; i < options.conditions.count && !is_installed; i++)
        if (options.conditions.list[i].kind == CONDITION_SIGNAL)
            install((int)options.conditions.list[i].value);
    is_installed = true;
}

void trigger_check(uint64_t now_ns)
{
    const struct condition *cause = NULL;
    struct reading reading = {.now_ns = now_ns, .live_bytes = -1, .rss_bytes = -1};
    if (!options.conditions.count)
        return;
    if (is_asked_for(CONDITION_LIVE, CONDITION_LIVE_GROWTH))
        reading.live_bytes = totals_live_bytes();
    if (is_asked_for(CONDITION_RSS, CONDITION_RSS_GROWTH))
        reading.rss_bytes = rss_bytes();
    for (uint32_t i = 0; i < options.conditions.count; i++)
        if (is_true(&options.conditions.list[i], &memory[i], &reading) && !cause)
            cause = &options.conditions.list[i];
    if (!cause)
        return;
    history_snapshot(0, cause->text, cause->text_bytes);
    rebase(&reading);
}
