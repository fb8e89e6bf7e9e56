/* SPDX-License-Identifier: BSD-2-Clause */
/* history.c -- What each call site did between one tick and the next, from the start on.
 *
 * The layout is in trace_format.h. What the last tick knew is kept here, per counters id; a tick
 * compares and writes the differences. It is complete before it is published, so a kill leaves a
 * whole history at every instant, and what it wrote becomes known here only then, so that a tick
 * for which there was no room is caught up with by the next one.
 *
 * A site's blocks may be freed by other threads, at other counters. All frees are therefore read
 * before the first allocation is: whatever was seen to be freed is then seen to have been
 * allocated, and no site ever has less than nothing. */
#include "history.h"

#include "arena.h"
#include "clock.h"
#include "marks.h"
#include "options.h"
#include "sys.h"
#include "text.h"
#include "trace_file.h"

#include <sys/mman.h>

enum {
    HISTORY_PAGE = 4096,
    CHUNK_IDS = 4096,
    CHUNKS_MAX = 16384,
    HEAD_MAX_BYTES = 40,       /* of the four numbers before a tick's entries */
    FREES_FIRST_BYTES = 16384, /* of the buffer between the two passes */
    FREES_ENTRY_MAX_BYTES = 30,
    FORGET_BYTES = 256 * 1024, /* written pages are given back in pieces of this */
    READY_BYTES = 256 * 1024,  /* of a half, where the file may not grow later, ... */
    READY_MAX_BYTES = 8 << 20, /* ... unless more is in use already, up to this */
    COST_SHARE = 200,          /* a tick may take this part of the interval */
    COSTLY_TICKS = 2,          /* in a row, before it is believed */
    EARLY_COST_SHARE = 50,     /* in the first seconds */
    EARLY_SHARE = 32,          /* then ticks are this part of the time passed apart, */
    EARLIEST_SHARE = 32        /* but at least this part of the interval */
};

#define INTERVAL_MAX_NS (86400 * 1000000000ul)
#define EARLIEST_NS 20000000ul
#define LOST_INTERVAL_NS (60 * 1000000000ul) /* lost ticks do not make the interval longer */

struct figures {
    uint64_t alloc_count;
    uint64_t alloc_bytes;
    uint64_t free_count;
    uint64_t freed_bytes;
};

static struct lock history_lock; /* guards all of this */
static struct figures *chunks[CHUNKS_MAX];
static uint8_t *frees; /* id, free_count, freed_bytes as differences, from the first pass */
static uint64_t frees_capacity;

static uint64_t half_bytes; /* 0: no history */
static uint64_t reserved_bytes;
static uint64_t forgotten_bytes; /* of the active half */
static uint64_t last_time_ns;    /* of the last tick that was written */
static uint64_t due_ns;
static uint64_t last_cost_ns; /* of the last regular tick */
static uint32_t tick_count;   /* in the active half */
static uint32_t costly_count;

/* --- numbers --- */

struct pen {
    uint8_t *at;
    uint8_t *end; /* of the room there is */
};

struct cursor {
    const uint8_t *at;
    const uint8_t *end;
};

static inline void put(struct pen *pen, uint64_t number)
{
    while (number >= 0x80) {
        *pen->at++ = (uint8_t)(number | 0x80);
        number >>= 7;
    }
    *pen->at++ = (uint8_t)number;
}

/* The program could scribble over the file: nothing is read beyond the end. */
static inline uint64_t get(struct cursor *cursor)
{
    uint64_t number = 0;
    for (unsigned shift = 0; cursor->at < cursor->end && shift < 64; shift += 7) {
        uint8_t byte = *cursor->at++;
        number |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return number;
    }
    cursor->at = cursor->end;
    return 0;
}

/* --- the two halves --- */

static uint8_t *half_start(uint32_t half)
{
    return trace.history + half * half_bytes;
}

static uint32_t active_half(void)
{
    return trace.header->history_active;
}

/* Makes the file hold this much of a half, in steps that double. */
static bool reserve(uint32_t half, uint64_t size_bytes)
{
    uint64_t end = half * half_bytes + size_bytes;
    if (size_bytes > half_bytes)
        return false;
    if (end <= reserved_bytes)
        return true;
    uint64_t more = round_up(end - reserved_bytes, HISTORY_PAGE);
    uint64_t mask = lock_enter(&trace_lock);
    bool is_ok = trace_reserve(SECTION_HISTORY, more) >= 0;
    if (is_ok)
        trace_publish(SECTION_HISTORY);
    lock_leave(&trace_lock, mask);
    if (is_ok)
        reserved_bytes += more;
    return is_ok;
}

/* Where the room that the file has for a half ends. */
static uint8_t *room_end(uint32_t half)
{
    uint64_t end = (half + 1) * half_bytes;
    return trace.history + (end < reserved_bytes ? end : reserved_bytes);
}

/* Room for one more entry. */
static bool make_room(struct pen *pen, uint32_t half)
{
    uint64_t needed = (uint64_t)(pen->at - half_start(half)) + HISTORY_ENTRY_MAX_BYTES;
    if (likely(pen->at + HISTORY_ENTRY_MAX_BYTES <= pen->end))
        return true;
    if (!reserve(half, needed))
        return false;
    pen->end = room_end(half);
    return true;
}

/* The pages stay in the kernel's cache, but do not count as the program's memory any more. */
static void forget_pages(uint32_t half, uint64_t from, uint64_t to)
{
    to = to / HISTORY_PAGE * HISTORY_PAGE;
    if (to > from)
        sys(__NR_madvise, half_start(half) + from, to - from, MADV_DONTNEED);
}

static void forget_written(void)
{
    uint64_t used = trace.header->history_bytes[active_half()];
    if (used - forgotten_bytes < FORGET_BYTES)
        return;
    forget_pages(active_half(), forgotten_bytes, used);
    forgotten_bytes = used / HISTORY_PAGE * HISTORY_PAGE;
}

/* --- one tick, as it is written --- */

/* Entries come first into the room behind the longest head, and move up to the real one. */
struct tick_writer {
    struct pen pen;
    uint32_t half;
    uint8_t *start;
    uint32_t last_id;
    uint32_t entry_count;
};

static bool tick_start(struct tick_writer *tick, uint32_t half, uint64_t offset)
{
    if (!reserve(half, offset + HEAD_MAX_BYTES)) /* the first time, this moves the section */
        return false;
    *tick = (struct tick_writer){.half = half, .start = half_start(half) + offset};
    tick->pen = (struct pen){tick->start + HEAD_MAX_BYTES, room_end(half)};
    return true;
}

static inline bool tick_add(struct tick_writer *tick, uint32_t id, const struct figures *added)
{
    if (unlikely(!make_room(&tick->pen, tick->half)))
        return false;
    put(&tick->pen, id - tick->last_id);
    put(&tick->pen, added->alloc_count);
    put(&tick->pen, added->alloc_bytes);
    put(&tick->pen, added->free_count);
    put(&tick->pen, added->freed_bytes);
    tick->last_id = id;
    tick->entry_count++;
    return true;
}

/* Returns the end of the tick as an offset into its half. */
static uint64_t tick_end(struct tick_writer *tick, uint64_t time_ns, uint32_t mark)
{
    uint8_t inner[HEAD_MAX_BYTES], outer[HEAD_MAX_BYTES];
    const uint8_t *entries = tick->start + HEAD_MAX_BYTES;
    uint64_t entries_bytes = (uint64_t)(tick->pen.at - entries);
    struct pen pen = {.at = inner};
    put(&pen, time_ns);
    put(&pen, mark);
    put(&pen, tick->entry_count);
    uint64_t inner_bytes = (uint64_t)(pen.at - inner);
    pen.at = outer;
    put(&pen, inner_bytes + entries_bytes);
    uint64_t outer_bytes = (uint64_t)(pen.at - outer);
    uint8_t *at = tick->start;
    memcpy(at, outer, outer_bytes);
    memcpy(at + outer_bytes, inner, inner_bytes);
    at += outer_bytes + inner_bytes;
    memmove(at, entries, entries_bytes);
    return (uint64_t)(at + entries_bytes - half_start(tick->half));
}

/* --- one tick, as it is read --- */

struct tick {
    uint64_t time_ns; /* since the one before it */
    uint32_t mark;
    uint32_t entry_count;
    struct cursor entries;
};

static bool read_tick(struct cursor *from, struct tick *tick)
{
    if (from->at >= from->end)
        return false;
    uint64_t body_bytes = get(from);
    if (body_bytes > (uint64_t)(from->end - from->at))
        return false;
    tick->entries = (struct cursor){from->at, from->at + body_bytes};
    from->at += body_bytes;
    tick->time_ns = get(&tick->entries);
    tick->mark = (uint32_t)get(&tick->entries);
    tick->entry_count = (uint32_t)get(&tick->entries);
    return true;
}

struct entry {
    uint32_t id; /* 0: there are no more */
    struct figures added;
};

static inline void read_entry(struct tick *tick, struct entry *entry)
{
    uint32_t last_id = entry->id;
    *entry = (struct entry){0};
    if (!tick->entry_count || tick->entries.at >= tick->entries.end)
        return;
    tick->entry_count--;
    entry->id = last_id + (uint32_t)get(&tick->entries);
    entry->added.alloc_count = get(&tick->entries);
    entry->added.alloc_bytes = get(&tick->entries);
    entry->added.free_count = get(&tick->entries);
    entry->added.freed_bytes = get(&tick->entries);
}

static void add_figures(struct figures *sum, const struct figures *more)
{
    sum->alloc_count += more->alloc_count;
    sum->alloc_bytes += more->alloc_bytes;
    sum->free_count += more->free_count;
    sum->freed_bytes += more->freed_bytes;
}

/* --- what the last tick knew --- */

static uint32_t counters_count(void)
{
    return (uint32_t)(__atomic_load_n(&trace.header->section_bytes[SECTION_COUNTERS],
                                      __ATOMIC_ACQUIRE) /
                      sizeof(struct trace_counters));
}

/* Who has outgrown the first will use the others. */
static struct figures *new_chunk(uint32_t number)
{
    size_t size_bytes = CHUNK_IDS * sizeof(struct figures);
    return number ? arena_map_table(size_bytes) : arena_map(size_bytes);
}

/* Sees to it that there is a place for the figures of all ids below count. */
static bool remember_up_to(uint32_t count)
{
    if (count > (uint64_t)CHUNKS_MAX * CHUNK_IDS)
        return false;
    for (uint32_t k = 0; k < (count + CHUNK_IDS - 1) / CHUNK_IDS; k++)
        if (!chunks[k] && !(chunks[k] = new_chunk(k)))
            return false;
    return true;
}

static inline struct figures *known(uint32_t id)
{
    return &chunks[id / CHUNK_IDS][id % CHUNK_IDS];
}

/* A tick has been published: from now on its figures are known. */
static void remember(struct cursor published)
{
    struct tick tick;
    struct entry entry = {0};
    if (!read_tick(&published, &tick))
        return;
    for (read_entry(&tick, &entry); entry.id; read_entry(&tick, &entry))
        if (entry.id < (uint64_t)CHUNKS_MAX * CHUNK_IDS && chunks[entry.id / CHUNK_IDS])
            add_figures(known(entry.id), &entry.added);
}

/* --- from the counters to a tick --- */

static uint64_t load(const uint64_t *counter)
{
    return __atomic_load_n(counter, __ATOMIC_ACQUIRE);
}

static bool grow_frees(struct pen *pen)
{
    uint64_t used = frees ? (uint64_t)(pen->at - frees) : 0;
    uint64_t capacity = frees ? frees_capacity * 2 : FREES_FIRST_BYTES;
    uint8_t *larger = arena_map(capacity);
    if (!larger)
        return false;
    if (frees)
        memcpy(larger, frees, used);
    arena_unmap(frees, frees_capacity);
    frees = larger;
    frees_capacity = capacity;
    *pen = (struct pen){frees + used, frees + capacity};
    return true;
}

/* The first pass. False when there is no memory. */
static bool collect_frees(uint32_t count, struct cursor *ret_freed)
{
    struct pen pen = {frees, frees + frees_capacity};
    uint32_t last_id = 0;
    for (uint32_t id = 1; id < count; id++) {
        const struct trace_counters *counters = &trace.counters[id];
        uint64_t free_count = load(&counters->free_count) - known(id)->free_count;
        uint64_t freed_bytes = load(&counters->freed_bytes) - known(id)->freed_bytes;
        if (likely(!free_count && !freed_bytes))
            continue;
        if (pen.end - pen.at < FREES_ENTRY_MAX_BYTES && !grow_frees(&pen))
            return false;
        put(&pen, id - last_id);
        put(&pen, free_count);
        put(&pen, freed_bytes);
        last_id = id;
    }
    *ret_freed = (struct cursor){frees, pen.at};
    return true;
}

/* The second pass, which joins the two. */
static bool write_entries(struct tick_writer *tick, struct cursor freed, uint32_t count)
{
    uint32_t freed_id = (uint32_t)get(&freed);
    for (uint32_t id = 1; id < count; id++) {
        const struct trace_counters *counters = &trace.counters[id];
        struct figures added = {
            .alloc_count = load(&counters->alloc_count) - known(id)->alloc_count,
            .alloc_bytes = load(&counters->alloc_bytes) - known(id)->alloc_bytes};
        bool is_freed = id == freed_id;
        if (likely(!is_freed && !added.alloc_count && !added.alloc_bytes))
            continue;
        if (is_freed) {
            added.free_count = get(&freed);
            added.freed_bytes = get(&freed);
            freed_id += (uint32_t)get(&freed);
        }
        if (!tick_add(tick, id, &added))
            return false;
    }
    return true;
}

static void publish(uint32_t half, uint64_t end)
{
    __atomic_store_n(&trace.header->history_bytes[half], end, __ATOMIC_RELEASE);
}

/* What the counters are now: the frees, and the number of ids to look at for allocations. */
struct reading {
    struct cursor freed;
    uint32_t count;
};

static bool read_counters(struct reading *reading)
{
    uint32_t count = counters_count();
    if (!remember_up_to(count) || !collect_frees(count, &reading->freed))
        return false;
    reading->count = counters_count(); /* what was freed may have been allocated at new ones */
    return remember_up_to(reading->count);
}

/* False when there is no room. A tick in which nothing has changed is not written unless it has a
 * mark. */
static bool write_tick(const struct reading *reading, uint64_t now_ns, uint32_t mark)
{
    uint32_t half = active_half();
    uint64_t start = trace.header->history_bytes[half];
    struct tick_writer tick;
    if (!tick_start(&tick, half, start) || !write_entries(&tick, reading->freed, reading->count))
        return false;
    if (!tick.entry_count && !mark)
        return true;
    uint64_t end = tick_end(&tick, now_ns - last_time_ns, mark);
    publish(half, end);
    remember((struct cursor){half_start(half) + start, half_start(half) + end});
    last_time_ns = now_ns;
    tick_count++;
    return true;
}

/* --- thinning --- */

static uint32_t count_marks(struct cursor from)
{
    struct tick tick;
    uint32_t count = 0;
    while (read_tick(&from, &tick))
        count += tick.mark != 0;
    return count;
}

/* All of the entries of two ticks, second.entry_count 0 for one alone. */
static bool merge(struct tick_writer *tick, struct tick *first, struct tick *second)
{
    struct entry a = {0}, b = {0};
    read_entry(first, &a);
    read_entry(second, &b);
    while (a.id || b.id) {
        bool takes_a = a.id && (!b.id || a.id <= b.id);
        bool takes_b = b.id && (!a.id || b.id <= a.id);
        struct entry sum = takes_a ? a : b;
        if (takes_a && takes_b)
            add_figures(&sum.added, &b.added);
        if (!tick_add(tick, sum.id, &sum.added))
            return false;
        if (takes_a)
            read_entry(first, &a);
        if (takes_b)
            read_entry(second, &b);
    }
    return true;
}

/* Writes the ticks of one half more coarsely into the other. Of those with a mark the newest ones,
 * marks_max at most, are not merged into later ones. Returns how many there are then, and where
 * they end; 0 when there is no room in the file. */
static uint32_t thin_into(uint32_t half, struct cursor from, uint32_t marks_max, uint64_t *ret_end)
{
    uint32_t marks = count_marks(from);
    uint32_t count = 0;
    struct tick first, second;
    *ret_end = 0;
    while (read_tick(&from, &first)) {
        struct tick_writer tick;
        uint64_t time_ns = first.time_ns;
        uint32_t mark = first.mark;
        bool is_kept = first.mark && marks <= marks_max;
        marks -= first.mark != 0;
        second.entry_count = 0;
        if (!is_kept && read_tick(&from, &second)) {
            marks -= second.mark != 0;
            time_ns += second.time_ns;
            mark = second.mark;
        }
        if (!tick_start(&tick, half, *ret_end) || !merge(&tick, &first, &second))
            return 0;
        *ret_end = tick_end(&tick, time_ns, mark);
        count++;
    }
    return count;
}

static void lengthen_interval(void)
{
    uint64_t interval_ns = trace.header->history_interval_ns;
    if (interval_ns && interval_ns <= INTERVAL_MAX_NS / 2)
        __atomic_store_n(&trace.header->history_interval_ns, interval_ns * 2, __ATOMIC_RELAXED);
}

/* False when that did not make it shorter. */
static bool thin(uint32_t marks_max)
{
    struct trace_header *header = trace.header;
    uint32_t old = active_half(), new = 1 - old;
    uint64_t used = header->history_bytes[old];
    uint64_t end;
    publish(new, 0);
    uint32_t count =
        thin_into(new, (struct cursor){half_start(old), half_start(old) + used}, marks_max, &end);
    if (!count || count == tick_count)
        return false;
    publish(new, end);
    __atomic_store_n(&header->history_active, new, __ATOMIC_RELEASE);
    tick_count = count;
    lengthen_interval();
    forget_pages(old, 0, used);
    forgotten_bytes = 0;
    forget_written();
    return true;
}

/* --- the interface --- */

/* A program that runs for seconds has a history too: its first ticks are a fraction of the interval
 * apart, which doubles until it is whole. */
static uint64_t early_interval_ns(uint64_t since_ns)
{
    uint64_t interval_ns = trace.header->history_interval_ns;
    uint64_t least_ns = interval_ns / EARLIEST_SHARE;
    if (least_ns < EARLIEST_NS)
        least_ns = EARLIEST_NS;
    if (least_ns < since_ns / EARLY_SHARE)
        least_ns = since_ns / EARLY_SHARE;
    if (least_ns < last_cost_ns * EARLY_COST_SHARE)
        least_ns = last_cost_ns * EARLY_COST_SHARE;
    while (interval_ns / 2 >= least_ns)
        interval_ns /= 2;
    return interval_ns;
}

/* Ticks fall on multiples of the interval: neighbours that are merged keep the regular ones. */
static void set_due(uint64_t now_ns)
{
    uint64_t since_ns = now_ns - trace.header->start_time_ns;
    uint64_t interval_ns = early_interval_ns(since_ns);
    due_ns = interval_ns ? now_ns - since_ns % interval_ns + interval_ns : UINT64_MAX;
}

static void note_cost(uint64_t took_ns)
{
    bool is_costly = took_ns > trace.header->history_interval_ns / COST_SHARE;
    costly_count = is_costly ? costly_count + 1 : 0;
    if (costly_count < COSTLY_TICKS)
        return;
    lengthen_interval();
    costly_count = 0;
}

/* What is lost now is in the next tick. */
static void lose_tick(void)
{
    trace_count_anomaly(ANOMALY_HISTORY_LOST);
    if (trace.header->history_interval_ns < LOST_INTERVAL_NS)
        lengthen_interval();
}

/* Thins until there is room, in the end at the expense of the marks' own ticks. */
static void tick(uint64_t now_ns, uint32_t mark)
{
    struct reading reading;
    uint32_t marks_max = options.conditions.snapshots_max;
    if (!half_bytes)
        return;
    if (!read_counters(&reading)) {
        lose_tick();
        return;
    }
    while (!write_tick(&reading, now_ns, mark)) {
        if (tick_count > 1 && thin(marks_max))
            continue;
        if (!marks_max) {
            lose_tick();
            return;
        }
        marks_max /= 2;
    }
    forget_written();
}

void history_begin(void)
{
    half_bytes = trace_capacity(SECTION_HISTORY) / 2 / HISTORY_PAGE * HISTORY_PAGE;
    reserved_bytes = forgotten_bytes = 0;
    last_time_ns = trace.header->start_time_ns;
    tick_count = costly_count = 0;
    last_cost_ns = 0;
    trace.header->history_half_bytes = half_bytes;
    trace.header->history_interval_ns =
        half_bytes && options.has_ticker ? options.history_interval_ns : 0;
    set_due(last_time_ns);
}

/* A half can be made smaller as long as nothing is in the second one. */
void history_make_ready(void)
{
    uint64_t mask = lock_enter(&history_lock);
    struct trace_header *header = trace.header;
    uint64_t wanted = round_up(2 * header->history_bytes[active_half()], READY_BYTES);
    if (wanted < READY_BYTES)
        wanted = READY_BYTES;
    if (header->history_interval_ns && active_half() == 0 && wanted < half_bytes)
        header->history_half_bytes = half_bytes = wanted;
    if (header->history_interval_ns && half_bytes <= READY_MAX_BYTES)
        reserve(1, half_bytes);
    lock_leave(&history_lock, mask);
}

void history_after_fork(void)
{
    lock_reset(&history_lock);
    for (uint32_t k = 0; k < CHUNKS_MAX && chunks[k]; k++) {
        arena_unmap(chunks[k], CHUNK_IDS * sizeof **chunks);
        chunks[k] = NULL;
    }
    frees = NULL; /* may have been on the move */
    frees_capacity = 0;
    half_bytes = 0;
    due_ns = UINT64_MAX;
}

uint64_t history_due_ns(void)
{
    return __atomic_load_n(&due_ns, __ATOMIC_RELAXED);
}

void history_tick(uint64_t now_ns)
{
    uint64_t mask = lock_enter(&history_lock);
    uint64_t interval_ns = trace.header->history_interval_ns;
    uint64_t start_ns = clock_monotonic_ns();
    if (now_ns >= last_time_ns)
        tick(now_ns, 0);
    if (interval_ns == trace.header->history_interval_ns) /* else it has been thinned meanwhile */
        note_cost(clock_monotonic_ns() - start_ns);
    last_cost_ns = clock_monotonic_ns() - start_ns;
    set_due(now_ns);
    lock_leave(&history_lock, mask);
}

void history_snapshot(uint32_t thread, const char *name, size_t name_bytes)
{
    uint64_t mask = lock_enter(&history_lock);
    uint32_t mark = marks_add(MARK_SNAPSHOT, thread, name, name_bytes);
    tick(mark ? trace.marks[mark - 1].time_ns : clock_monotonic_ns(), mark);
    lock_leave(&history_lock, mask);
}

/* As counters wrap around, what they are set back to is a difference like any other. */
void history_clear(uint32_t thread, void (*forget)(void))
{
    uint64_t mask = lock_enter(&history_lock);
    if (trace.header->history_interval_ns)
        tick(clock_monotonic_ns(), 0);
    marks_add(MARK_CLEARED, thread, NULL, 0);
    forget();
    tick(clock_monotonic_ns(), 0);
    lock_leave(&history_lock, mask);
}
