/* SPDX-License-Identifier: BSD-2-Clause */
/* completeness.c -- How complete a trace is, in words. */
#include "completeness.h"

#include "text.h"

#include <elf.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Each takes the number. */
static const char *const anomaly_words[ANOMALY_COUNT] = {
    [ANOMALY_UNKNOWN_FREE] = "%s frees of blocks that no recorded call handed out (made before us "
                             "or by another allocator)",
    [ANOMALY_REUSED_LIVE] =
        "%s blocks were handed out again while live: their free bypassed us, and "
        "is counted as if it had happened then",
    [ANOMALY_REENTRANT] =
        "%s calls came from signal handlers that interrupted the recorder: counted "
        "exactly, but under <signal handler>",
    [ANOMALY_OVERFLOW] = "%s allocations are under <overflow>: no room for another call site",
    [ANOMALY_UNTRACKED] =
        "%s blocks could not be remembered, so their frees are not known: live is too high",
    [ANOMALY_STACK_TOO_DEEP] = "%s stacks were cut at the depth limit",
    [ANOMALY_STACK_CUT] = "%s stacks were cut where no rule tells the caller",
    [ANOMALY_STACK_GUESSED] = "%s stacks hold code that was generated at run time, which is taken "
                              "to keep a frame pointer",
    [ANOMALY_MODULES_LOST] = "%s modules found no room in the table: their code has no names",
    [ANOMALY_THREADS_FOLDED] = "%s exited threads are summed up in one: figures by thread only",
    [ANOMALY_BEFORE_OWN_TRACE] = "%s allocations of this forked child came before it had a trace "
                                 "of its own: counted exactly, "
                                 "but under <before own trace>",
    [ANOMALY_GROW_FAILED] = "the trace could not grow %s times",
    [ANOMALY_MARKS_LOST] = "%s marks found no room: they have no names to be compared by",
    [ANOMALY_POOLS_LOST] = "%s calls for custom pools are not counted, or parts of the table of "
                           "their blocks were lost: figures of pools only",
    [ANOMALY_MAPPINGS_LOST] = "%s calls that map memory are not counted, or the table of mappings "
                              "was lost: figures of mappings only",
    [ANOMALY_HISTORY_LOST] = "%s ticks of the history could not be written: earlier moments are "
                             "known less finely",
    [ANOMALY_SERIES_LOST] = "%s readings of the process's memory could not be written: the series "
                            "has gaps",
};

static void add(struct completeness *completeness, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void add(struct completeness *completeness, const char *format, ...)
{
    if (completeness->count == REASONS_MAX)
        return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(completeness->reasons[completeness->count++], REASON_BYTES, format, arguments);
    va_end(arguments);
}

static void add_errno(struct completeness *completeness, const struct trace *trace)
{
    uint32_t number = trace->header.last_errno;
    if (!number || number > 4095 || !completeness->count)
        return;
    char *reason = completeness->reasons[completeness->count - 1];
    size_t used = strlen(reason);
    snprintf(reason + used, REASON_BYTES - used, ": %s", strerror((int)number));
}

static void add_anomaly(struct completeness *completeness, const struct trace *trace, int anomaly)
{
    uint64_t number = trace->header.anomalies[anomaly];
    if (!number)
        return;
    struct number_text count = text_count(number);
    const char *words = anomaly < ANOMALY_COUNT ? anomaly_words[anomaly] : NULL;
    if (words) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        add(completeness, words, count.text);
#pragma GCC diagnostic pop
    } else {
        add(completeness, "%s events of a kind (%d) this memtrace does not know", count.text,
            anomaly);
    }
    if (anomaly == ANOMALY_GROW_FAILED)
        add_errno(completeness, trace);
}

void completeness_init(struct completeness *completeness, const struct trace *trace)
{
    completeness->count = 0;
    if (trace->header.state == TRACE_RUNNING && !trace->was_running)
        add(completeness, "killed or crashed: figures are up to its last moment");
    if (trace->header.flags & TRACE_STOPPED) {
        add(completeness, "recording ended early, for good");
        add_errno(completeness, trace);
    }
    for (int i = 0; i < ANOMALY_MAX; i++)
        add_anomaly(completeness, trace, i);
}

const char *completeness_state(const struct trace *trace)
{
    switch (trace->header.state) {
    case TRACE_EXITED:
        return "exited";
    case TRACE_EXECED:
        return "execed";
    default:
        return trace->was_running ? "running" : "killed";
    }
}

void completeness_describe_end(const struct trace *trace, char *buffer, size_t buffer_bytes)
{
    struct number_text duration = text_duration(trace_duration_ns(trace));
    if (trace->header.state == TRACE_EXITED && trace->header.exit_status_known)
        snprintf(buffer, buffer_bytes, "exited %" PRId32 " after %s", trace->header.exit_status,
                 duration.text);
    else if (trace->header.state == TRACE_EXITED)
        snprintf(buffer, buffer_bytes, "exited after %s", duration.text);
    else if (trace->header.state == TRACE_EXECED)
        snprintf(buffer, buffer_bytes, "became another program after %s", duration.text);
    else if (trace->is_running)
        snprintf(buffer, buffer_bytes, "still running, for %s so far", duration.text);
    else if (trace->was_running)
        snprintf(buffer, buffer_bytes, "running, as of %s after its start", duration.text);
    else
        snprintf(buffer, buffer_bytes, "killed or crashed, last seen after %s", duration.text);
}

void completeness_describe_clear(const struct trace *trace, char *buffer, size_t buffer_bytes)
{
    const struct trace_mark *clear = trace_last_clear(trace);
    buffer[0] = 0;
    if (clear)
        snprintf(buffer, buffer_bytes,
                 "the program had everything forgotten at %s: figures are of what came since",
                 text_duration(trace_mark_time_ns(trace, clear)).text);
}

static uint64_t end_of_figures_ns(const struct trace *trace)
{
    return trace->instant.kind == INSTANT_TICK ? trace->instant.time_ns : trace_duration_ns(trace);
}

uint64_t completeness_paused_ns(const struct trace *trace)
{
    const uint64_t end_ns = end_of_figures_ns(trace);
    uint64_t since_ns = UINT64_MAX;
    uint64_t total_ns = 0;
    for (uint32_t i = 0; i < trace->mark_count; i++) {
        const struct trace_mark *mark = &trace->marks[i];
        uint64_t time_ns = trace_mark_time_ns(trace, mark);
        if (time_ns > end_ns)
            break;
        if (mark->kind == MARK_PAUSED && since_ns == UINT64_MAX)
            since_ns = time_ns;
        if (mark->kind == MARK_RESUMED && since_ns != UINT64_MAX) {
            total_ns += time_ns - since_ns;
            since_ns = UINT64_MAX;
        }
    }
    return total_ns + (since_ns < end_ns ? end_ns - since_ns : 0);
}

void completeness_describe_pauses(const struct trace *trace, char *buffer, size_t buffer_bytes)
{
    uint64_t paused_ns = completeness_paused_ns(trace);
    buffer[0] = 0;
    if (paused_ns)
        snprintf(buffer, buffer_bytes,
                 "the program had recording paused for %s: what was allocated then is not here",
                 text_duration(paused_ns).text);
}

void completeness_describe_peak(const struct trace *trace, char *buffer, size_t buffer_bytes)
{
    buffer[0] = 0;
    if (!trace->is_peak_settled)
        snprintf(buffer, buffer_bytes,
                 "new peaks came while the trace was read: figures at peak are a mixture of them");
    else if (trace->header.peak_slack_bytes)
        snprintf(buffer, buffer_bytes, "threads ran at once: figures at peak are off by at most %s",
                 text_size((double)trace->header.peak_slack_bytes).text);
}

void completeness_describe_reading(const struct trace *trace, char *buffer, size_t buffer_bytes)
{
    const struct snapshot_moment *moment = &trace->sections.moment;
    buffer[0] = 0;
    if (trace->was_running && moment->moved_sites)
        snprintf(buffer, buffer_bytes,
                 "%s call sites were at work while they were read: up to %s later than the others",
                 text_count(moment->moved_sites).text, text_duration(moment->spread_ns).text);
}
