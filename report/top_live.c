/* SPDX-License-Identifier: BSD-2-Clause */
/* top_live.c -- A trace, its names and the model of it, kept up to date. */
#include "top_live.h"

#include "top_past.h"

#include <stdlib.h>

static bool read_model(struct top_live *live, struct error *error)
{
    return top_model_read(&live->model, live->follow.time_ns, live->follow.usage.rss_bytes) ||
           error_out_of_memory(error);
}

static bool begin(struct top_live *live, struct error *error)
{
    stacks_begin(&live->stacks, &live->follow.trace, false);
    top_model_init(&live->model, &live->follow.trace, &live->stacks);
    live->is_final = !live->follow.trace.is_running;
    return namer_init(&live->namer, &live->stacks, error) && read_model(live, error);
}

static bool recall(struct top_live *live, uint64_t interval_ns, struct error *error)
{
    struct trace trace;
    if (!trace_read(&trace, live->follow.fd, error))
        return false;
    bool is_ok = top_past_recall(&live->model, &trace, interval_ns, error);
    trace_close(&trace);
    return is_ok;
}

struct top_live *top_live_open(char *path, uint64_t interval_ns, struct error *error)
{
    struct top_live *live = calloc(1, sizeof *live);
    if (!live || !follow_open(&live->follow, path, error)) {
        if (!live)
            error_out_of_memory(error);
        free(live);
        free(path);
        return NULL;
    }
    live->path = path;
    if (begin(live, error) && (!interval_ns || recall(live, interval_ns, error)))
        return live;
    top_live_close(live);
    return NULL;
}

void top_live_close(struct top_live *live)
{
    static struct top_live *volatile left_alone;
    if (!live)
        return;
    if (!namer_finish(&live->namer)) { /* its thread still reads */
        left_alone = live;
        (void)left_alone;
        return;
    }
    top_model_finish(&live->model);
    stacks_finish(&live->stacks);
    follow_close(&live->follow);
    free(live->path);
    free(live);
}

/* The program may have ended after its counters were read: what it left is read once more. */
static bool read_once_more(struct top_live *live, struct error *error)
{
    live->is_final = true;
    return follow_read(&live->follow, error);
}

bool top_live_read(struct top_live *live, struct error *error)
{
    if (live->is_final)
        return true;
    if (!follow_read(&live->follow, error) ||
        (!live->follow.trace.is_running && !read_once_more(live, error))) {
        live->is_final = true;
        return false;
    }
    return read_model(live, error);
}

bool top_live_ask_names(struct top_live *live, struct error *error)
{
    return namer_ask(&live->namer, error);
}

bool top_live_take_names(struct top_live *live, struct error *error)
{
    if (!namer_answer(&live->namer, error))
        return false;
    return top_model_rename(&live->model) || error_out_of_memory(error);
}

int top_live_fd(const struct top_live *live)
{
    return live->namer.pipe[0];
}

bool top_live_find_names(struct top_live *live, struct error *error)
{
    /* The symbolizer is the thread's as long as it runs. */
    if (!namer_answer(&live->namer, error) || !stacks_ask(&live->stacks, error))
        return false;
    symbolizer_resolve(live->stacks.symbolizer);
    if (!stacks_answer(&live->stacks, error))
        return false;
    return top_model_rename(&live->model) || error_out_of_memory(error);
}

bool top_live_is_naming(const struct top_live *live)
{
    return live->namer.is_busy || stacks_are_behind(&live->stacks);
}

void top_live_describe(const struct top_live *live, struct top_status *status)
{
    const struct trace *trace = &live->follow.trace;
    status->program = trace->program;
    status->pid = trace->header.pid;
    status->is_running = trace->is_running;
    status->end[0] = 0;
    if (!trace->is_running)
        completeness_describe_end(trace, status->end, sizeof status->end);
    status->duration_ns = trace_duration_ns(trace);
    status->thread_count = live->follow.usage.thread_count;
    status->rss_bytes = live->follow.usage.rss_bytes;
    status->sample_bytes = trace->header.sample_bytes;
    status->is_recording_paused = trace->header.flags & (TRACE_PAUSED | TRACE_STOPPED);
    status->trace_path = live->path;
    completeness_init(&status->completeness, trace);
}
