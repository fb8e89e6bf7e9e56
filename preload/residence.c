/* SPDX-License-Identifier: BSD-2-Clause */
/* residence.c -- What the resident memory of the process is made of.
 *
 * The kernel tells how much of each mapping is resident; the table of live blocks tells which have
 * any, and what is on each of their pages. The program goes on meanwhile. The allocator is not
 * asked for anything: it may be in the middle of something, and it may be any. */
#include "residence.h"

#include "live.h"
#include "smaps.h"
#include "stacks.h"
#include "sys.h"
#include "text.h"
#include "totals.h"
#include "trace_file.h"

enum {
    PAGE = 4096,
    WINDOW_PAGES = LIVE_WINDOW_BYTES / PAGE,
    WINDOWS_MAX = 1 << 17 /* looked at for one mapping: 128 GiB */
};

/* This library, from its first byte to its last variable. */
extern const char library_begin[] __asm__("__ehdr_start") __attribute__((visibility("hidden")));
extern const char library_end[] __asm__("_end") __attribute__((visibility("hidden")));

/* A look that is under way. */
static struct {
    struct trace_residence *residence;
    struct mapping before; /* the mapping before this one, and what it is */
    enum residence_kind before_kind;
    uint64_t window;                     /* the addresses that are known: */
    uint16_t live_on_page[WINDOW_PAGES]; /* bytes */
    uint64_t covered_until;              /* by a block that begins further down */
} look;

/* What a mapping has of the heap. */
struct heap_part {
    int64_t live_bytes;
    int64_t gap_bytes;
    bool has_blocks;
};

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* --- blocks on pages --- */

/* Two blocks overlap only if one has come meanwhile. */
static void cover(uint64_t at, uint64_t end)
{
    uint64_t window_end = look.window + LIVE_WINDOW_BYTES;
    uint64_t last = end < window_end ? end : window_end;
    while (at < last) {
        uint16_t *page = &look.live_on_page[(at - look.window) / PAGE];
        uint64_t page_end = (at / PAGE + 1) * PAGE;
        uint64_t to = last < page_end ? last : page_end;
        *page = (uint16_t)smaller((int64_t)(*page + (to - at)), PAGE);
        at = to;
    }
}

static void take_block(const void *address, struct live_block block, void *data)
{
    uint64_t end = (uint64_t)address + block.size_bytes;
    (void)data;
    if (end < (uint64_t)address)
        return;
    cover((uint64_t)address, end);
    if (end > look.covered_until)
        look.covered_until = end;
}

static void read_window(uint64_t window)
{
    if (look.window == window)
        return;
    look.window = window;
    memset(look.live_on_page, 0, sizeof look.live_on_page);
    if (look.covered_until > window)
        cover(window, look.covered_until);
    live_visit_window(window, take_block, NULL);
}

static bool has_blocks(uint64_t first, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        if (look.live_on_page[first + i])
            return true;
    return false;
}

/* Pages of the window. */
static void take_pages(uint64_t from, uint64_t to, struct heap_part *part)
{
    static unsigned char is_present[WINDOW_PAGES];
    uint64_t first = (from - look.window) / PAGE, count = (to - from) / PAGE;
    if (!has_blocks(first, count))
        return;
    part->has_blocks = true;
    memset(is_present, 1, sizeof is_present);
    sys(__NR_mincore, from, to - from, is_present);
    for (uint64_t i = 0; i < count; i++) {
        int64_t live_bytes = look.live_on_page[first + i];
        if (!live_bytes || !(is_present[i] & 1))
            continue;
        part->live_bytes += live_bytes;
        part->gap_bytes += PAGE - live_bytes;
    }
}

static struct heap_part find_blocks(const struct mapping *mapping)
{
    struct heap_part part = {0};
    uint64_t to, windows = 0;
    for (uint64_t at = mapping->start; at < mapping->end && windows < WINDOWS_MAX; at = to) {
        uint64_t window = at / LIVE_WINDOW_BYTES * LIVE_WINDOW_BYTES;
        if (look.covered_until <= at)
            window = live_next_window(window, mapping->end);
        if (window >= mapping->end)
            break;
        if (at < window)
            at = window;
        read_window(window);
        to = (uint64_t)smaller((int64_t)(window + LIVE_WINDOW_BYTES), (int64_t)mapping->end);
        take_pages(at, to, &part);
        windows++;
    }
    return part;
}

/* The kernel's word for the whole mapping holds: a page that was only ever read is present, but
 * nobody's. */
static void add_heap(const struct heap_part *part, int64_t rss_bytes)
{
    int64_t live_bytes = smaller(part->live_bytes, rss_bytes);
    int64_t gap_bytes = smaller(part->gap_bytes, rss_bytes - live_bytes);
    look.residence->bytes[RESIDENCE_LIVE] += live_bytes;
    look.residence->bytes[RESIDENCE_GAPS] += gap_bytes;
    look.residence->bytes[RESIDENCE_FREE] += rss_bytes - live_bytes - gap_bytes;
}

/* --- mappings --- */

static bool is_anonymous(const struct mapping *mapping)
{
    return !mapping->inode && !mapping->is_shared;
}

static bool is_recorders(const struct mapping *mapping)
{
    uint64_t begin = (uint64_t)library_begin, end = (uint64_t)library_end;
    return (mapping->start < end && mapping->end > begin) ||
           (mapping->inode && mapping->inode == trace_file_inode()) ||
           (is_anonymous(mapping) && mapping->is_kept_from_dumps);
}

/* Memory that several may share: the kernel keeps it in files that nobody can open. */
static bool is_shared_memory(const struct mapping *mapping)
{
    return text_after(mapping->name, "/dev/zero") || text_after(mapping->name, "/SYSV") ||
           text_after(mapping->name, "/memfd:") || text_after(mapping->name, "/dev/shm/") ||
           (mapping->is_shared && !mapping->inode);
}

/* Right behind a file's variables are those that the file has no values for. */
static bool is_behind_variables(const struct mapping *mapping)
{
    return look.before.end == mapping->start && !*mapping->name && is_anonymous(mapping) &&
           look.before.inode && look.before.is_writable && look.before_kind == RESIDENCE_FILES;
}

/* Of one that holds no blocks. */
static enum residence_kind kind_of(const struct mapping *mapping)
{
    if (is_recorders(mapping))
        return RESIDENCE_RECORDER;
    if (is_shared_memory(mapping))
        return RESIDENCE_SHARED;
    if (mapping->inode || text_after(mapping->name, "[v") || is_behind_variables(mapping))
        return RESIDENCE_FILES;
    if (text_after(mapping->name, "[stack") || stacks_has_any(mapping->start, mapping->end))
        return RESIDENCE_STACKS;
    return RESIDENCE_ANONYMOUS;
}

static void take_mapping(const struct mapping *mapping, void *data)
{
    struct heap_part part = {0};
    enum residence_kind kind = kind_of(mapping);
    (void)data;
    if (look.residence->knows_blocks && is_anonymous(mapping) && mapping->rss_bytes)
        part = find_blocks(mapping);
    if (part.has_blocks)
        add_heap(&part, mapping->rss_bytes);
    else
        look.residence->bytes[kind] += mapping->rss_bytes;
    look.before = *mapping;
    look.before_kind = kind;
}

bool residence_read(struct trace_residence *residence)
{
    struct totals totals = totals_now();
    *residence = (struct trace_residence){.knows_blocks = trace.header->sample_bytes == 0};
    look.residence = residence;
    look.before = (struct mapping){0};
    look.window = UINT64_MAX;
    look.covered_until = 0;
    stacks_find();
    if (!smaps_visit(take_mapping, NULL))
        return false;
    int64_t absent_bytes = totals.live_bytes - residence->bytes[RESIDENCE_LIVE];
    if (residence->knows_blocks && totals.is_known && absent_bytes > 0)
        residence->absent_live_bytes = absent_bytes;
    return true;
}
