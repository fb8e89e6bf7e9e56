/* SPDX-License-Identifier: BSD-2-Clause */
/* live_table.c -- The blocks that a running process has live, read from the recorder's table in its
 * memory. */
#include "live_table.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    GRANULE_BITS = 4,
    CHUNK_WORDS = 4096,
    LEAF_WORDS = 1 << (LIVE_LEAF_BITS - GRANULE_BITS),
    LEAVES = 1 << LIVE_MIDDLE_BITS,
    ENTRY_WORDS = 5,
    READ_TRIES = 8
};

#define GRANULE_BYTES UINT64_C(16)
#define LEAF_SPAN (UINT64_C(1) << LIVE_LEAF_BITS)
#define MIDDLE_SPAN (LEAF_SPAN << LIVE_MIDDLE_BITS)
#define ADDRESS_END (MIDDLE_SPAN << LIVE_ROOT_BITS)
#define CHUNKS_MAX (UINT64_C(1) << 16) /* looked at for one address: 1 GiB, for 4 GiB of heap */

/* A search downwards in one of the two maps. */
struct search {
    const struct live_table *table;
    struct error *error;
    uint64_t odd;    /* 0 or 8: what addresses are modulo 16 */
    uint64_t lowest; /* address worth a look */
    uint64_t chunks_left;
    bool is_failed;
};

static bool read_memory(struct search *search, void *buffer, size_t size_bytes, uint64_t address)
{
    char *next = buffer;
    while (size_bytes && !search->is_failed) {
        ssize_t got = pread(search->table->memory_fd, next, size_bytes, (off_t)address);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            error_set(search->error, "its memory at 0x%" PRIx64 " cannot be read: %s", address,
                      got ? strerror(errno) : "it has ended");
            search->is_failed = true;
            break;
        }
        next += got;
        address += (uint64_t)got;
        size_bytes -= (size_t)got;
    }
    return !search->is_failed;
}

static uint64_t read_pointer(struct search *search, uint64_t address)
{
    uint64_t pointer = 0;
    return read_memory(search, &pointer, sizeof pointer, address) ? pointer : 0;
}

static uint64_t middle_of(struct search *search, uint64_t address)
{
    uint64_t index = ((search->odd ? 1 : 0) << LIVE_ROOT_BITS) + address / MIDDLE_SPAN;
    return read_pointer(search, search->table->map_address + index * sizeof(uint64_t));
}

static uint64_t leaf_of(struct search *search, uint64_t address)
{
    uint64_t middle = middle_of(search, address);
    uint64_t index = address / LEAF_SPAN % LEAVES;
    return middle ? read_pointer(search, middle + index * sizeof(uint64_t)) : 0;
}

/* --- one block --- */

/* The words of a block, the head first; those that are not there are zero. */
static bool read_words(struct search *search, uint64_t address, uint32_t words[ENTRY_WORDS])
{
    uint64_t leaf = 0;
    for (uint64_t k = 0; k < ENTRY_WORDS; k++, address += GRANULE_BYTES) {
        uint64_t index = address % LEAF_SPAN / GRANULE_BYTES;
        if (k == 0 || index == 0)
            leaf = address < ADDRESS_END ? leaf_of(search, address) : 0;
        words[k] = 0;
        if (leaf && !read_memory(search, &words[k], sizeof *words, leaf + index * sizeof *words))
            return false;
    }
    return !search->is_failed;
}

static bool decode(uint64_t address, const uint32_t words[ENTRY_WORDS], struct live_entry *entry)
{
    uint32_t code = words[0] >> 1 & 31;
    *entry = (struct live_entry){.address = address, .counters = words[0] >> 6};
    if (!(words[0] & 1) || (code > LIVE_SHORT && code != LIVE_LONG))
        return false;
    if (code < LIVE_SHORT) {
        entry->size_bytes = code;
        return true;
    }
    entry->has_stamp = true;
    if (code == LIVE_SHORT) {
        entry->size_bytes = (words[1] >> 1 & 31) + 1;
        entry->stamp = words[1] >> 6;
        return true;
    }
    bool is_large = words[1] >> 1 == LIVE_SIZE_LARGE;
    entry->size_bytes = is_large ? (uint64_t)(words[3] >> 1) << 31 | words[2] >> 1 : words[1] >> 1;
    entry->stamp = words[is_large ? 4 : 2] >> 1;
    return true;
}

/* Until it is twice the same: the block may be freed, and another one made in its place. */
static bool read_entry(struct search *search, uint64_t address, struct live_entry *entry)
{
    uint32_t words[ENTRY_WORDS];
    uint32_t again[ENTRY_WORDS];
    for (int tries = 0; tries < READ_TRIES; tries++) {
        if (!read_words(search, address, words) || !read_words(search, address, again))
            return false;
        if (memcmp(words, again, sizeof words) == 0)
            break;
    }
    return decode(address, words, entry);
}

/* --- the search --- */

/* The last head among the first count words of a leaf; returns its index or -1. */
static int64_t find_in_leaf(struct search *search, uint64_t leaf, uint32_t count)
{
    uint32_t words[CHUNK_WORDS];
    while (count && search->chunks_left) {
        uint32_t first = (count - 1) / CHUNK_WORDS * CHUNK_WORDS;
        if (!read_memory(search, words, (count - first) * sizeof *words,
                         leaf + first * sizeof *words))
            return -1;
        search->chunks_left--;
        for (uint32_t i = count - first; i-- > 0;)
            if (words[i] & 1)
                return first + i;
        count = first;
    }
    return -1;
}

/* The nearest head at or below address among the leaves of a middle node. */
static bool find_in_middle(struct search *search, uint64_t middle, uint64_t address,
                           uint64_t *ret_head)
{
    uint64_t leaves[LEAVES];
    uint64_t start = address / MIDDLE_SPAN * MIDDLE_SPAN;
    uint32_t last = (uint32_t)(address / LEAF_SPAN % LEAVES);
    if (!read_memory(search, leaves, (last + 1) * sizeof *leaves, middle))
        return false;
    for (uint32_t i = last + 1; i-- > 0;) {
        uint64_t leaf_start = start + i * LEAF_SPAN;
        uint64_t left = address - leaf_start;
        uint32_t count = left >= LEAF_SPAN ? LEAF_WORDS : (uint32_t)(left / GRANULE_BYTES) + 1;
        if (leaf_start + LEAF_SPAN <= search->lowest || !search->chunks_left)
            return false;
        int64_t found = leaves[i] ? find_in_leaf(search, leaves[i], count) : -1;
        if (found < 0)
            continue;
        *ret_head = leaf_start + (uint64_t)found * GRANULE_BYTES + search->odd;
        return true;
    }
    return false;
}

/* Blocks do not overlap, so only the nearest one below can hold the address. */
static bool find_below(struct search *search, uint64_t address, struct live_entry *entry)
{
    uint64_t head;
    if (address < search->odd)
        return false;
    address -= search->odd;
    while (!search->is_failed) {
        uint64_t start = address / MIDDLE_SPAN * MIDDLE_SPAN;
        uint64_t middle = middle_of(search, address);
        if (middle && find_in_middle(search, middle, address, &head))
            return read_entry(search, head, entry);
        if (start <= search->lowest || !search->chunks_left)
            return false;
        address = start - 1;
    }
    return false;
}

static bool holds(const struct live_entry *entry, uint64_t address)
{
    return entry->address == address ||
           (entry->address < address && address - entry->address < entry->size_bytes);
}

enum live_answer live_table_find(const struct live_table *table, uint64_t address,
                                 struct live_entry *entry, struct error *error)
{
    *entry = (struct live_entry){0};
    if (address >= ADDRESS_END)
        return LIVE_OUTSIDE;
    for (uint64_t odd = 0; odd <= 8; odd += 8) {
        struct live_entry found;
        struct search search = {
            .table = table,
            .error = error,
            .odd = odd,
            .lowest = address > table->reach_bytes ? address - table->reach_bytes : 0,
            .chunks_left = CHUNKS_MAX,
        };
        bool is_found = find_below(&search, address, &found);
        if (search.is_failed)
            return LIVE_FAILED;
        if (is_found &&
            (!entry->counters || found.address > entry->address || holds(&found, address)))
            *entry = found;
        if (is_found && holds(&found, address))
            return LIVE_INSIDE;
    }
    return LIVE_OUTSIDE;
}

/* --- all blocks --- */

/* On the way through all leaves. */
struct visitor {
    struct search search;
    live_visitor *visit;
    void *context;
    uint32_t words[LEAF_WORDS];
    uint32_t again[LEAF_WORDS];
    uint64_t leaves[LEAVES];
    uint64_t leaves_left;
};

/* What belongs to a block near the end of a leaf may be in the next one. A block that changes
 * meanwhile is left out: it is new, or going. */
static void visit_head(struct visitor *visitor, uint64_t leaf_start, uint32_t index)
{
    struct live_entry entry;
    const uint32_t *words = visitor->words + index;
    uint64_t address = leaf_start + index * GRANULE_BYTES;
    bool is_block;
    if (index + ENTRY_WORDS <= LEAF_WORDS)
        is_block = memcmp(words, visitor->again + index, ENTRY_WORDS * sizeof *words) == 0 &&
                   decode(address, words, &entry);
    else
        is_block = read_entry(&visitor->search, address, &entry);
    if (!is_block)
        return;
    entry.address += visitor->search.odd;
    visitor->visit(visitor->context, &entry);
}

static bool visit_leaf(struct visitor *visitor, uint64_t leaf, uint64_t leaf_start)
{
    if (!visitor->leaves_left--)
        return error_set(visitor->search.error, "it has too much memory to look at every block");
    if (!read_memory(&visitor->search, visitor->words, sizeof visitor->words, leaf) ||
        !read_memory(&visitor->search, visitor->again, sizeof visitor->again, leaf))
        return false;
    for (uint32_t i = 0; i < LEAF_WORDS && !visitor->search.is_failed; i++)
        if (visitor->words[i] & 1)
            visit_head(visitor, leaf_start, i);
    return !visitor->search.is_failed;
}

static bool visit_middle(struct visitor *visitor, uint64_t middle, uint64_t start)
{
    if (!read_memory(&visitor->search, visitor->leaves, sizeof visitor->leaves, middle))
        return false;
    for (uint64_t i = 0; i < LEAVES; i++)
        if (visitor->leaves[i] && !visit_leaf(visitor, visitor->leaves[i], start + i * LEAF_SPAN))
            return false;
    return true;
}

static bool visit_map(struct visitor *visitor, uint64_t odd)
{
    enum {
        MIDDLES = 1 << LIVE_ROOT_BITS,
        MIDDLES_AT_ONCE = 512
    };
    uint64_t middles[MIDDLES_AT_ONCE];
    visitor->search.odd = odd;
    for (uint64_t first = 0; first < MIDDLES; first += MIDDLES_AT_ONCE) {
        uint64_t at = ((odd ? MIDDLES : 0) + first) * sizeof *middles;
        if (!read_memory(&visitor->search, middles, sizeof middles,
                         visitor->search.table->map_address + at))
            return false;
        for (uint64_t i = 0; i < MIDDLES_AT_ONCE; i++)
            if (middles[i] && !visit_middle(visitor, middles[i], (first + i) * MIDDLE_SPAN))
                return false;
    }
    return true;
}

bool live_table_visit(const struct live_table *table, live_visitor *visit, void *context,
                      struct error *error)
{
    struct visitor *visitor = malloc(sizeof *visitor);
    if (!visitor)
        return error_out_of_memory(error);
    *visitor = (struct visitor){.search = {.table = table, .error = error},
                                .visit = visit,
                                .context = context,
                                .leaves_left = table->leaves_max};
    bool is_ok = visit_map(visitor, 0) && visit_map(visitor, 8);
    free(visitor);
    return is_ok;
}
