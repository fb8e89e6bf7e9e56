/* SPDX-License-Identifier: BSD-2-Clause */
/* page_times.c -- What the page says of the samplers, and of the threads that they saw. */
#include "page_times.h"

#include "budget.h"
#include "report_json.h"
#include "times.h"

#include <stdlib.h>

/* What one thread was seen with. */
struct seen {
    struct times cpu;
    struct times wall;
};

static void add_running(struct times *times, const struct figures *figures)
{
    times->samples += figures->alloc_count;
    times->time_ns += (int64_t)figures->alloc_bytes;
    times->kernel_ns += (int64_t)figures->freed_bytes;
}

static void add_waiting(struct times *times, const struct figures *figures)
{
    add_running(times, figures);
    times->off_samples += figures->alloc_count;
    times->off_ns += (int64_t)figures->alloc_bytes;
}

static void add_counters(struct seen *seen, uint32_t domain, const struct figures *figures)
{
    if (domain == DOMAIN_CPU)
        add_running(&seen->cpu, figures);
    else if (domain == DOMAIN_OFF_CPU)
        add_waiting(&seen->wall, figures);
}

/* Where waits were looked at, time on the CPU is the other part of wall-clock time. */
static void add_cpu_to_wall(struct seen *seen)
{
    seen->wall.samples += seen->cpu.samples;
    seen->wall.time_ns += seen->cpu.time_ns;
    seen->wall.kernel_ns += seen->cpu.kernel_ns;
}

/* Of each thread, and, behind the last one, of all. */
static struct seen *seen_of(const struct trace *trace)
{
    struct seen *seen = calloc((size_t)trace->thread_count + 1, sizeof *seen);
    for (uint32_t i = 1; seen && i < trace->owner_count; i++) {
        uint32_t domain = trace->owners[i].thread_domain >> OWNER_DOMAIN_SHIFT;
        uint32_t thread = trace->owners[i].thread_domain & OWNER_THREAD_MASK;
        struct figures figures = trace_figures(trace, i);
        if (thread < trace->thread_count)
            add_counters(&seen[thread], domain, &figures);
        add_counters(&seen[trace->thread_count], domain, &figures);
    }
    bool has_waits = seen && times_are_there(trace, TIMES_WALL);
    for (uint32_t i = 0; has_waits && i <= trace->thread_count; i++)
        add_cpu_to_wall(&seen[i]);
    return seen;
}

static void write_thread(struct json *json, const struct trace_thread *thread,
                         const struct seen *seen)
{
    json_open_object(json);
    report_json_write_thread(json, thread);
    json_member_unsigned(json, "alloc_count", thread->alloc_count);
    json_member_unsigned(json, "alloc_bytes", thread->alloc_bytes);
    json_member_unsigned(json, "free_count", thread->free_count);
    json_member_unsigned(json, "freed_bytes", thread->freed_bytes);
    json_member_unsigned(json, "temporary_count", thread->temporary_count);
    if (thread->cpu_ns)
        json_member_unsigned(json, "cpu_ns", thread->cpu_ns);
    if (seen->cpu.samples) {
        json_member_unsigned(json, "cpu_samples", seen->cpu.samples);
        json_member_signed(json, "cpu_sampled_ns", seen->cpu.time_ns);
        json_member_signed(json, "cpu_kernel_ns", seen->cpu.kernel_ns);
    }
    if (seen->wall.samples) {
        json_member_unsigned(json, "wall_samples", seen->wall.samples);
        json_member_signed(json, "wall_sampled_ns", seen->wall.time_ns);
        json_member_signed(json, "wall_off_ns", seen->wall.off_ns);
    }
    json_close_object(json);
}

static void write_threads(struct json *json, const struct trace *trace, const struct seen *seen)
{
    json_name(json, "threads");
    json_open_array(json);
    for (uint32_t i = 0; i < trace->thread_count; i++) {
        const struct trace_thread *thread = &trace->threads[i];
        if (thread->alloc_count || thread->free_count || thread->cpu_ns || seen[i].cpu.samples ||
            seen[i].wall.samples)
            write_thread(json, thread, &seen[i]);
    }
    json_close_array(json);
}

static void write_sampler(struct json *json, const struct trace *trace, const struct times *whole,
                          enum times_kind kind)
{
    struct budget budget;
    budget_init(&budget, trace, kind);
    if (whole->samples || budget.sampler_count)
        budget_write_json(json, &budget, whole, kind);
}

bool page_times_write(struct json *json, const struct trace *trace)
{
    struct seen *seen = seen_of(trace);
    if (!seen)
        return false;
    write_sampler(json, trace, &seen[trace->thread_count].cpu, TIMES_CPU);
    write_sampler(json, trace, &seen[trace->thread_count].wall, TIMES_WALL);
    write_threads(json, trace, seen);
    free(seen);
    return true;
}
