/* SPDX-License-Identifier: BSD-2-Clause */
/* fuzz_snapshot_loader.c -- Any moment and any trace as a snapshot: packed as memtrace packs it,
 * so that damage gets behind zstd's checksum, then read, turned back and walked through.
 *
 * The input is a struct snapshot_moment and what the snapshot unpacks to. Nothing is written: that
 * is what fuzz_trace_loader.c is for, which takes a hundred times as long. */
#include "fuzz.h"
#include "history.h"
#include "moment.h"
#include "packed.h"
#include "series.h"
#include "sites.h"
#include "stacks.h"
#include "trace.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int pack(const struct snapshot_moment *moment, const uint8_t *bytes, size_t count)
{
    size_t packed_bytes = 0;
    int fd = memfd_create("snapshot", MFD_CLOEXEC);
    struct packing *packing = packing_create(moment, count);
    if (fd < 0 || !packing || !packing_add(packing, bytes, count))
        abort();
    void *packed = packing_finish(packing, &packed_bytes);
    if (!packed || write(fd, packed, packed_bytes) != (ssize_t)packed_bytes)
        abort();
    free(packed);
    packing_destroy(packing);
    return fd;
}

static void walk_history(const struct trace *trace)
{
    struct error error;
    struct history history;
    struct history_entry entry;
    if (!history_init(&history, trace, &error))
        return;
    for (uint32_t tick = 0; tick < history.tick_count; tick++)
        for (struct history_walk walk = history_walk(&history, tick);
             history_walk_next(&walk, &entry);)
            if (entry.id >= trace->owner_count)
                abort();
    history_finish(&history);
}

static void walk_stacks(const struct trace *trace)
{
    struct error error;
    struct stacks stacks;
    struct sites sites;
    struct site site;
    uint32_t frames[16];
    if (!sites_init(&sites, trace))
        abort();
    if (stacks_init(&stacks, trace, false, &error)) {
        for (struct sites_walk walk = sites_walk(&sites); sites_walk_next(&walk, &site);)
            stack_visible(&stacks, site.node, frames, sizeof frames / sizeof *frames);
        stacks_finish(&stacks);
    }
    sites_finish(&sites);
}

static void walk_series(const struct trace *trace)
{
    struct error error;
    struct series series;
    int64_t size_bytes;
    uint64_t time_ns;
    if (series_init(&series, trace, trace->header.start_time_ns, &error))
        series_peak_rss(&series, &size_bytes, &time_ns);
    series_finish(&series);
}

static void turn_back(struct trace *trace)
{
    static const char *const moments[] = {"-60ms", "load", "peak", "start"};
    for (size_t i = 0; i < sizeof moments / sizeof *moments; i++) {
        struct error error;
        struct moment moment;
        if (!moment_parse(&moment, moments[i], &error))
            abort();
        if (moment_rewind(&moment, trace, &error))
            trace_total(trace, NULL);
        moment_finish(&moment);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    struct snapshot_moment moment;
    struct trace trace;
    struct error error = {"", 0};
    if (count < sizeof moment)
        return 0;
    memcpy(&moment, bytes, sizeof moment);
    int fd = pack(&moment, bytes + sizeof moment, count - sizeof moment);
    if (trace_read(&trace, fd, &error)) {
        walk_history(&trace);
        walk_stacks(&trace);
        walk_series(&trace);
        turn_back(&trace);
        trace_close(&trace);
    } else if (!error.text[0]) {
        abort(); /* refused without a reason */
    }
    close(fd);
    return 0;
}
