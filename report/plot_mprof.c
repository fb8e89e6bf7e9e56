/* SPDX-License-Identifier: BSD-2-Clause */
/* plot_mprof.c -- Series of runs as mprof's .dat: text that memory_profiler's mprof plots.
 *
 *     CMDLINE program
 *     MEM MiB seconds                       of the epoch, here and below
 *     CHLD pid MiB seconds
 *     FUNC name MiB seconds MiB seconds level    its begin and its end
 */
#include "plot_data.h"

#include "phases.h"
#include "text.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct writing {
    FILE *out;
    uint64_t origin_ns; /* of the clock, as CLOCK_REALTIME */
};

/* mprof takes lines apart at each space. */
static bool write_word(FILE *out, const char *text)
{
    char *escaped = NULL;
    size_t escaped_bytes = 0;
    FILE *memory = open_memstream(&escaped, &escaped_bytes);
    if (!memory)
        return false;
    text_write(memory, text);
    bool is_ok = fclose(memory) == 0;
    for (char *at = escaped; is_ok && *at; at++)
        if (isspace((unsigned char)*at))
            *at = '_';
    if (is_ok)
        fputs(*escaped ? escaped : "_", out);
    free(escaped);
    return is_ok;
}

static void write_value(const struct writing *writing, double bytes, uint64_t time_ns)
{
    uint64_t tenths = (writing->origin_ns + time_ns) / 100000; /* of a millisecond */
    fprintf(writing->out, " %.6f %" PRIu64 ".%04" PRIu64, bytes / 1048576, tenths / 10000,
            tenths % 10000);
}

/* A range is two readings, so that neither its minimum nor its maximum gets lost. */
static void write_samples(const struct writing *writing, const char *head,
                          const struct timeline *timeline)
{
    for (size_t i = 0; i < timeline->count; i++) {
        const struct sample *sample = &timeline->samples[i];
        bool is_range = sample->begin_ns < sample->end_ns || sample->min < sample->max;
        if (is_range) {
            fputs(head, writing->out);
            write_value(writing, sample->min, sample->begin_ns);
            fputc('\n', writing->out);
        }
        fputs(head, writing->out);
        write_value(writing, sample->max, sample->end_ns);
        fputc('\n', writing->out);
    }
}

/* At a moment, or else of the reading next to it. */
static double value_near(const struct timeline *timeline, uint64_t time_ns)
{
    double min;
    double max;
    size_t i = 0;
    if (timeline_at(timeline, time_ns, &min, &max))
        return min + (max - min) / 2;
    while (i + 1 < timeline->count && timeline->samples[i].end_ns < time_ns)
        i++;
    return timeline->samples[i].max;
}

static bool write_phases(const struct writing *writing, const struct run *run,
                         const struct timeline *timeline, struct window window)
{
    struct phases phases;
    bool is_ok = phases_init(&phases, &run->trace);
    for (size_t i = 0; is_ok && i < phases.count; i++) {
        const struct phase *phase = &phases.items[i];
        if (phase->begin_ns < window.from_ns || phase->end_ns > window.to_ns)
            continue;
        fputs("FUNC ", writing->out);
        is_ok = write_word(writing->out, phase->name);
        write_value(writing, value_near(timeline, phase->begin_ns), phase->begin_ns);
        write_value(writing, value_near(timeline, phase->end_ns), phase->end_ns);
        fprintf(writing->out, " %" PRIu32 "\n", phase->level);
    }
    phases_finish(&phases);
    return is_ok;
}

static bool write_run(const struct writing *writing, const struct run *run, enum quantity quantity,
                      struct window window)
{
    char head[32] = "MEM";
    struct timeline timeline;
    if (!run_timeline(run, quantity, &timeline))
        return false;
    timeline_clip(&timeline, window);
    if (run->is_child)
        snprintf(head, sizeof head, "CHLD %" PRIu32, run->trace.header.pid);
    write_samples(writing, head, &timeline);
    bool is_ok = run->is_child || !timeline.count || write_phases(writing, run, &timeline, window);
    timeline_finish(&timeline);
    return is_ok;
}

bool plot_write_mprof(FILE *out, const struct runs *runs, enum quantity quantity,
                      struct window window, struct error *error)
{
    const struct trace *trace = &runs->items[0].trace;
    const struct writing writing = {out, trace->header.start_realtime_ns};
    fputs("CMDLINE ", out);
    text_write(out, *trace->program ? trace->program : runs->items[0].path);
    fputc('\n', out);
    bool is_ok = true;
    for (size_t i = 0; is_ok && i < runs->count; i++)
        is_ok = write_run(&writing, &runs->items[i], quantity, window);
    return is_ok || error_out_of_memory(error);
}
