/* SPDX-License-Identifier: BSD-2-Clause */
/* collect.c -- Reads the counters of a program that runs, so that they belong together. */
#include "collect.h"

#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

enum {
    PEAK_TRIES = 8,
    PEAK_TRIES_NS = 50000000, /* no more of them after this */
    RECORD_TRIES = 64,
    SITE_TRIES = 4,
    WORD_BYTES = 8,
    COUNTERS_WORDS = sizeof(struct trace_counters) / WORD_BYTES,
    THREAD_WORDS = sizeof(struct trace_thread) / WORD_BYTES
};

/* A run of counters, or of threads, in the file. */
struct piece {
    uint32_t first;
    uint32_t count;
    const uint64_t *words;
};

struct pieces {
    struct piece items[TRACE_EXTENTS_MAX];
    uint32_t count;
    uint32_t words_each;
};

/* Counters of a site that changed between the two readings. */
struct moved {
    uint32_t node;
    uint32_t id;
};

struct collector {
    struct collection *collection;
    const struct trace_header *mapped; /* the file, mapped */
    struct pieces counters;
    struct pieces threads;
    bool *is_moved; /* per node */
    struct moved *moved;
    uint32_t moved_count;
    struct trace_counters *scratch; /* three for each of the moved */
};

static uint64_t now_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* --- records --- */

/* Backwards: frees before allocations, and a peak's epoch before its figures, the reverse of how
 * the recorder writes them. */
static void load_words(const uint64_t *from, uint64_t *to, uint32_t count)
{
    for (uint32_t i = count; i-- > 0;)
        to[i] = __atomic_load_n(&from[i], __ATOMIC_ACQUIRE);
}

static bool are_words(const uint64_t *from, const uint64_t *expected, uint32_t count)
{
    uint64_t difference = 0;
    for (uint32_t i = 0; i < count; i++)
        difference |= __atomic_load_n(&from[i], __ATOMIC_ACQUIRE) ^ expected[i];
    return difference == 0;
}

/* Until it is twice the same: one thread writes a record, at several places one after the other. */
static void load_record(const uint64_t *from, void *to, uint32_t words)
{
    int tries = 0;
    do
        load_words(from, to, words);
    while (!are_words(from, to, words) && ++tries < RECORD_TRIES);
}

static void load_records(const struct pieces *pieces, void *records)
{
    for (uint32_t k = 0; k < pieces->count; k++) {
        const struct piece *piece = &pieces->items[k];
        for (uint32_t i = 0; i < piece->count; i++)
            load_record(piece->words + (size_t)i * pieces->words_each,
                        (uint64_t *)records + (size_t)(piece->first + i) * pieces->words_each,
                        pieces->words_each);
    }
}

static const uint64_t *record_at(const struct pieces *pieces, uint32_t id)
{
    uint32_t k = 0;
    while (id - pieces->items[k].first >= pieces->items[k].count)
        k++;
    return pieces->items[k].words + (size_t)(id - pieces->items[k].first) * pieces->words_each;
}

/* --- sites that moved --- */

/* The second reading: marks the sites of all counters that are not what they were. */
static void find_moved_sites(struct collector *collector)
{
    struct collection *collection = collector->collection;
    for (uint32_t k = 0; k < collector->counters.count; k++) {
        const struct piece *piece = &collector->counters.items[k];
        for (uint32_t i = 0; i < piece->count; i++) {
            uint32_t id = piece->first + i;
            uint32_t node = collection->owners[id].node;
            if (node < collection->node_count &&
                !are_words(piece->words + (size_t)i * COUNTERS_WORDS,
                           (const uint64_t *)&collection->counters[id], COUNTERS_WORDS))
                collector->is_moved[node] = true;
        }
    }
}

static int compare_moved(const void *a, const void *b)
{
    const struct moved *left = a;
    const struct moved *right = b;
    if (left->node != right->node)
        return left->node < right->node ? -1 : 1;
    return (left->id > right->id) - (left->id < right->id);
}

/* All counters of the sites that moved, site by site. */
static void list_moved(struct collector *collector)
{
    const struct collection *collection = collector->collection;
    collector->moved_count = 0;
    for (uint32_t id = 1; id < collection->counters_count; id++) {
        uint32_t node = collection->owners[id].node;
        if (node && node < collection->node_count && collector->is_moved[node])
            collector->moved[collector->moved_count++] = (struct moved){node, id};
    }
    qsort(collector->moved, collector->moved_count, sizeof *collector->moved, compare_moved);
}

static void load_site(const struct collector *collector, const struct moved *site, uint32_t count,
                      struct trace_counters *records)
{
    for (uint32_t i = 0; i < count; i++)
        load_record(record_at(&collector->counters, site[i].id), &records[i], COUNTERS_WORDS);
}

static bool has_less_than_nothing(const struct collection *collection, const struct moved *site,
                                  uint32_t count, const struct trace_counters *records)
{
    uint64_t live_count = 0;
    uint64_t live_bytes = 0;
    for (uint32_t i = 0; i < count; i++) {
        live_count += records[i].alloc_count - records[i].free_count;
        live_bytes += records[i].alloc_bytes - records[i].freed_bytes;
        if (site[i].id < collection->inherited_count) {
            live_count += (uint64_t)collection->inherited[site[i].id].live_count;
            live_bytes += (uint64_t)collection->inherited[site[i].id].live_bytes;
        }
    }
    return (int64_t)live_count < 0 || (int64_t)live_bytes < 0;
}

static void take_frees(struct trace_counters *records, const struct trace_counters *earlier,
                       uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        records[i].free_count = earlier[i].free_count;
        records[i].freed_bytes = earlier[i].freed_bytes;
        records[i].temporary_count = earlier[i].temporary_count;
    }
}

/* One thread's counters are exact as they are. Those of several are read one after the other: the
 * same twice is exact, else the quickest reading is nearest to it. */
static void collect_site(const struct collector *collector, const struct moved *site,
                         uint32_t count)
{
    struct trace_counters *first = collector->scratch;
    struct trace_counters *second = first + collector->moved_count;
    struct trace_counters *best = second + collector->moved_count;
    uint64_t best_ns = UINT64_MAX;
    size_t size_bytes = count * sizeof *first;
    for (int tries = 0; best_ns && tries < (count > 1 ? SITE_TRIES : 1); tries++) {
        uint64_t start_ns = now_ns(CLOCK_MONOTONIC);
        load_site(collector, site, count, first);
        load_site(collector, site, count, second);
        bool is_same = memcmp(first, second, size_bytes) == 0;
        uint64_t took_ns = is_same ? 0 : now_ns(CLOCK_MONOTONIC) - start_ns + 1;
        if (took_ns >= best_ns)
            continue;
        if (has_less_than_nothing(collector->collection, site, count, second))
            take_frees(second, first, count);
        memcpy(best, second, size_bytes);
        best_ns = took_ns;
    }
    for (uint32_t i = 0; i < count; i++)
        collector->collection->counters[site[i].id] = best[i];
}

/* Returns how many sites there were. */
static uint32_t collect_moved_sites(struct collector *collector)
{
    uint32_t sites = 0;
    uint32_t count;
    list_moved(collector);
    for (uint32_t i = 0; i < collector->moved_count; i += count, sites++) {
        const struct moved *site = &collector->moved[i];
        for (count = 1; i + count < collector->moved_count && site[count].node == site->node;)
            count++;
        collect_site(collector, site, count);
    }
    return sites;
}

/* --- the peak --- */

/* The bytes at peak are told by comparing each counter's epoch with the header's. */
static void load_peak(const struct collector *collector)
{
    const struct trace_header *from = collector->mapped;
    struct trace_header *to = collector->collection->header;
    to->peak_epoch = __atomic_load_n(&from->peak_epoch, __ATOMIC_ACQUIRE);
    to->peak_bytes = __atomic_load_n(&from->peak_bytes, __ATOMIC_RELAXED);
    to->peak_time_ns = __atomic_load_n(&from->peak_time_ns, __ATOMIC_RELAXED);
    to->peak_slack_bytes = __atomic_load_n(&from->peak_slack_bytes, __ATOMIC_RELAXED);
}

static bool is_peak_same(const struct collector *collector)
{
    atomic_thread_fence(memory_order_acquire);
    return __atomic_load_n(&collector->mapped->peak_epoch, __ATOMIC_ACQUIRE) ==
           collector->collection->header->peak_epoch;
}

static void collect_once(struct collector *collector)
{
    struct collection *collection = collector->collection;
    struct snapshot_moment *moment = &collection->moment;
    load_peak(collector);
    load_records(&collector->counters, collection->counters);
    moment->realtime_ns = now_ns(CLOCK_REALTIME);
    moment->time_ns = now_ns(CLOCK_MONOTONIC);
    memset(collector->is_moved, 0, collection->node_count * sizeof *collector->is_moved);
    find_moved_sites(collector);
    moment->moved_sites = collect_moved_sites(collector);
    load_records(&collector->threads, collection->threads);
    moment->spread_ns = now_ns(CLOCK_MONOTONIC) - moment->time_ns;
    moment->is_peak_settled = is_peak_same(collector);
}

/* While new peaks keep coming, everything is read again. */
static void collect_all(struct collector *collector)
{
    struct snapshot_moment *moment = &collector->collection->moment;
    uint64_t start_ns = now_ns(CLOCK_MONOTONIC);
    moment->is_running = true;
    for (int tries = 0; tries < PEAK_TRIES && !moment->is_peak_settled; tries++) {
        collect_once(collector);
        if (now_ns(CLOCK_MONOTONIC) - start_ns > PEAK_TRIES_NS)
            break;
    }
}

/* --- the file --- */

/* Who cuts the file short while it is mapped here ends us with a SIGBUS, if nobody takes it. */
static __thread sigjmp_buf *escape;

static void on_bus_error(int number)
{
    if (escape)
        siglongjmp(*escape, 1);
    signal(number, SIG_DFL); /* not ours: it comes again, and does what it would have done */
}

static bool collect_guarded(struct collector *collector, struct error *error)
{
    sigjmp_buf place;
    struct sigaction before;
    struct sigaction action = {.sa_handler = on_bus_error};
    volatile bool is_ok = false;
    sigaction(SIGBUS, &action, &before);
    if (sigsetjmp(place, 1) == 0) {
        escape = &place;
        collect_all(collector);
        is_ok = true;
    }
    escape = NULL;
    sigaction(SIGBUS, &before, NULL);
    return is_ok || error_set(error, "was cut short, or cannot be read, while it was read");
}

static bool add_piece(struct pieces *pieces, const struct collector *collector,
                      const struct trace_extent *extent, uint32_t record_count, struct error *error)
{
    uint64_t record_bytes = (uint64_t)pieces->words_each * WORD_BYTES;
    uint64_t first = extent->section_offset / record_bytes;
    uint64_t count = extent->size_bytes / record_bytes;
    if (first >= record_count)
        return true;
    if (extent->file_offset % WORD_BYTES || extent->section_offset % record_bytes ||
        (extent->size_bytes % record_bytes && first + count < record_count))
        return error_at(error, extent->file_offset, "counters are out of place");
    pieces->items[pieces->count++] = (struct piece){
        .first = (uint32_t)first,
        .count = (uint32_t)(count < record_count - first ? count : record_count - first),
        .words = (const uint64_t *)((const char *)collector->mapped + extent->file_offset)};
    return true;
}

static bool find_pieces(struct collector *collector, struct error *error)
{
    const struct collection *collection = collector->collection;
    collector->counters.words_each = COUNTERS_WORDS;
    collector->threads.words_each = THREAD_WORDS;
    for (uint32_t i = 0; i < collection->header->extent_count; i++) {
        const struct trace_extent *extent = &collection->header->extents[i];
        bool is_ok = true;
        if (extent->section == SECTION_COUNTERS)
            is_ok = add_piece(&collector->counters, collector, extent, collection->counters_count,
                              error);
        else if (extent->section == SECTION_THREADS)
            is_ok =
                add_piece(&collector->threads, collector, extent, collection->thread_count, error);
        if (!is_ok)
            return false;
    }
    return true;
}

static bool find_memory(struct collector *collector, struct error *error)
{
    const struct collection *collection = collector->collection;
    size_t count = (size_t)collection->counters_count + 1;
    collector->is_moved = calloc((size_t)collection->node_count + 1, sizeof *collector->is_moved);
    collector->moved = malloc(count * sizeof *collector->moved);
    collector->scratch = malloc(3 * count * sizeof *collector->scratch);
    return (collector->is_moved && collector->moved && collector->scratch) ||
           error_out_of_memory(error);
}

bool collect(struct collection *collection, int fd, uint64_t file_bytes, struct error *error)
{
    struct collector collector = {.collection = collection};
    void *mapped = mmap(NULL, file_bytes, PROT_READ, MAP_SHARED, fd, 0);
    if (mapped == MAP_FAILED)
        return error_set(error, "cannot be mapped: %m");
    collector.mapped = mapped;
    bool is_ok = find_pieces(&collector, error) && find_memory(&collector, error) &&
                 collect_guarded(&collector, error);
    free(collector.is_moved);
    free(collector.moved);
    free(collector.scratch);
    munmap(mapped, file_bytes);
    return is_ok;
}
