/* SPDX-License-Identifier: BSD-2-Clause */
/* live.c -- The blocks that are live: address to size and counters.
 *
 * The layout is in trace_format.h, for tools that read a running process. An entry costs 4 bytes
 * per granule with any allocator, and needs no table of (site, size) pairs, which would grow with
 * the variety of sizes: what does not fit into the head word stands in the words of the block's
 * other granules, where no other block can start.
 *
 * Addresses that are 8 modulo 16 (8-byte size classes of jemalloc, tcmalloc, mimalloc) live in a
 * second map of the same shape, else two blocks would share a granule. */
#include "live.h"

#include "arena.h"
#include "sys.h"
#include "text.h"
#include "trace_format.h"

#include <sys/mman.h>

enum {
    LEAF_WORDS = 1 << (LIVE_LEAF_BITS - 4),
    SHORT_MAX_BYTES = 32, /* in two granules */
    GRANULE = 16
};

#define HEAD 1u

typedef uint32_t leaf_words[LEAF_WORDS];

static leaf_words **roots[2][1 << LIVE_ROOT_BITS];
_Static_assert(sizeof roots == sizeof(struct live_map), "the layout that tools know");

uint32_t live_now;

/* Blocks up to this size have only one granule, and so no room for the time of their birth. */
static uint64_t direct_max_bytes = GRANULE;
static uint64_t origin_ns;

void live_init(bool is_two_granules_min, uint64_t now_ns)
{
    direct_max_bytes = is_two_granules_min ? 0 : GRANULE;
    origin_ns = now_ns;
}

void live_tick(uint64_t now_ns)
{
    uint64_t stamp = (now_ns - origin_ns) >> LIVE_STAMP_SHIFT;
    live_now = stamp < LIVE_STAMP_MAX ? (uint32_t)stamp : LIVE_STAMP_MAX;
}

uint64_t live_origin_ns(void)
{
    return origin_ns;
}

uint64_t live_map_address(void)
{
    return (uint64_t)&roots;
}

/* In sampled mode few blocks are remembered, and most pages have none: then a middle node is
 * followed by a count for each page below it, which is 255 for ever once it has been. */
enum {
    PAGE_BITS = 12,
    PAGES_PER_MIDDLE = 1 << (LIVE_LEAF_BITS + LIVE_MIDDLE_BITS - PAGE_BITS),
    COUNT_MAX = 255
};

static size_t middle_bytes = sizeof(leaf_words *) << LIVE_MIDDLE_BITS;

void live_count_pages(void)
{
    middle_bytes += PAGES_PER_MIDDLE;
}

/* Two threads may need the same node at once; one's mapping wins, the other's is returned. */
static void *install(void **place, size_t size_bytes)
{
    void *node = arena_map(size_bytes);
    void *expected = NULL;
    if (!node)
        return NULL;
    if (!__atomic_compare_exchange_n(place, &expected, node, false, __ATOMIC_ACQ_REL,
                                     __ATOMIC_ACQUIRE)) {
        arena_unmap(node, size_bytes);
        return expected;
    }
    return node;
}

static __attribute__((noinline)) uint32_t *slot_create(uint64_t address)
{
    leaf_words ***root = &roots[address >> 3 & 1][address >> (LIVE_LEAF_BITS + LIVE_MIDDLE_BITS)];
    leaf_words **middle = __atomic_load_n(root, __ATOMIC_ACQUIRE);
    if (!middle)
        middle = install((void **)root, middle_bytes);
    if (!middle)
        return NULL;
    leaf_words **place = &middle[address >> LIVE_LEAF_BITS & ((1 << LIVE_MIDDLE_BITS) - 1)];
    leaf_words *leaf = __atomic_load_n(place, __ATOMIC_ACQUIRE);
    if (!leaf)
        leaf = install((void **)place, sizeof(leaf_words));
    return leaf ? &(*leaf)[address >> 4 & (LEAF_WORDS - 1)] : NULL;
}

static inline bool is_mappable(uint64_t address)
{
    return likely(address >> 48 == 0 && (address & 7) == 0);
}

/* The word of an address, NULL when nothing near it was ever live. */
static inline uint32_t *slot(uint64_t address)
{
    if (!is_mappable(address))
        return NULL;
    leaf_words **middle = __atomic_load_n(
        &roots[address >> 3 & 1][address >> (LIVE_LEAF_BITS + LIVE_MIDDLE_BITS)], __ATOMIC_ACQUIRE);
    if (unlikely(!middle))
        return NULL;
    leaf_words *leaf = __atomic_load_n(
        &middle[address >> LIVE_LEAF_BITS & ((1 << LIVE_MIDDLE_BITS) - 1)], __ATOMIC_ACQUIRE);
    if (unlikely(!leaf))
        return NULL;
    return &(*leaf)[address >> 4 & (LEAF_WORDS - 1)];
}

static inline uint32_t *slot_or_create(uint64_t address)
{
    uint32_t *word = slot(address);
    return likely(word != NULL) ? word : is_mappable(address) ? slot_create(address) : NULL;
}

/* A small block is the first on a new leaf, right above another: a heap that grows. It will come to
 * all of the leaf; one call is cheaper than two faults for each of its pages. */
static __attribute__((noinline)) uint32_t *slot_in_new_leaf(uint64_t address, uint64_t size_bytes)
{
    enum {
        SMALL_MAX_BYTES = 4096
    };
    uint32_t *word = is_mappable(address) ? slot_create(address) : NULL;
    if (word && size_bytes <= SMALL_MAX_BYTES && slot(address - (1ul << LIVE_LEAF_BITS)))
        sys_populate(word - (address >> 4 & (LEAF_WORDS - 1)), sizeof(leaf_words));
    return word;
}

/* The word k granules after word, which may be in the next leaf. */
static inline uint32_t *slot_after(uint32_t *word, uint64_t address, unsigned k)
{
    uint64_t index = address >> 4 & (LEAF_WORDS - 1);
    return likely(index + k < LEAF_WORDS) ? word + k : slot_or_create(address + 16ul * k);
}

static inline uint32_t load(const uint32_t *word)
{
    return __atomic_load_n(word, __ATOMIC_RELAXED);
}

static inline void store(uint32_t *word, uint32_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELAXED);
}

static __attribute__((noinline)) uint64_t large_size(uint32_t *word, uint64_t address)
{
    uint32_t *low = slot_after(word, address, 2);
    uint32_t *high = slot_after(word, address, 3);
    return low && high ? (uint64_t)(load(high) >> 1) << 31 | load(low) >> 1 : LIVE_SIZE_LARGE;
}

/* Of a block whose size is not in its head word. Sizes come in any order: nothing here is worth a
 * guess of the CPU's but that huge ones are rare. */
static inline uint64_t size_after(uint32_t *word, uint64_t address, uint32_t code)
{
    uint32_t *next = slot_after(word, address, 1);
    if (unlikely(!next))
        return 0;
    uint32_t value = load(next) >> 1;
    uint32_t is_short = -(uint32_t)(code == LIVE_SHORT); /* all ones or zero */
    uint32_t size_bytes = (((value & (SHORT_MAX_BYTES - 1)) + 1) & is_short) | (value & ~is_short);
    return likely(size_bytes != LIVE_SIZE_LARGE) ? size_bytes : large_size(word, address);
}

static inline struct live_block block_at(uint32_t *word, uint64_t address, uint32_t head)
{
    uint32_t code = head >> 1 & 31;
    return (struct live_block){.counters = head >> 6,
                               .size_bytes =
                                   code < LIVE_SHORT ? code : size_after(word, address, code)};
}

/* Words without a head before them mean nothing, so clearing the head is enough. */
static inline struct live_block take(uint32_t *word, uint64_t address)
{
    uint32_t head = load(word);
    if (unlikely(!(head & HEAD)))
        return (struct live_block){0};
    struct live_block block = block_at(word, address, head);
    store(word, 0);
    return block;
}

/* Sizes that do not fit into 31 bits. */
static __attribute__((noinline)) bool put_large(uint32_t *word, uint64_t address,
                                                uint64_t size_bytes)
{
    const uint32_t values[] = {LIVE_SIZE_LARGE << 1, (uint32_t)(size_bytes & LIVE_SIZE_LARGE) << 1,
                               (uint32_t)(size_bytes >> 31) << 1, live_now << 1};
    for (unsigned k = 0; k < 4; k++) {
        uint32_t *next = slot_after(word, address, k + 1);
        if (!next)
            return false;
        store(next, values[k]);
    }
    return true;
}

/* Writes what stands after the head word and returns the size code; 0 when there is no memory for
 * it. A long block's stamp goes first, and of a short one to where the next word goes then. */
static inline uint32_t put_size(uint32_t *word, uint64_t address, uint64_t size_bytes)
{
    uint32_t stamp = live_now;
    uint32_t is_long = -(uint32_t)(size_bytes > SHORT_MAX_BYTES); /* all ones or zero */
    if (unlikely(size_bytes >= LIVE_SIZE_LARGE))
        return put_large(word, address, size_bytes) ? LIVE_LONG : 0;
    uint32_t *next = slot_after(word, address, 1);
    uint32_t *last = slot_after(word, address, 1 - is_long);
    if (unlikely(!next || !last))
        return 0;
    store(last, stamp << 1);
    store(next, ((uint32_t)size_bytes << 1 & is_long) |
                    ((stamp << 6 | ((uint32_t)size_bytes - 1) << 1) & ~is_long));
    return LIVE_SHORT + ((LIVE_LONG - LIVE_SHORT) & is_long);
}

struct live_block live_insert(const void *pointer, uint64_t size_bytes, uint32_t counters,
                              bool *ret_failed)
{
    uint64_t address = (uint64_t)pointer;
    struct live_block old = {0};
    uint32_t *word = slot(address);
    *ret_failed = true;
    if (unlikely(!word) && !(word = slot_in_new_leaf(address, size_bytes)))
        return old;
    if (unlikely(load(word) & HEAD))
        old = take(word, address);
    uint32_t code = (uint32_t)size_bytes;
    if (size_bytes > direct_max_bytes && unlikely(!(code = put_size(word, address, size_bytes))))
        return old;
    store(word, counters << 6 | code << 1 | HEAD);
    *ret_failed = false;
    return old;
}

/* NULL when nothing near it was ever live. */
static inline uint8_t *page_count(uint64_t address)
{
    if (!is_mappable(address))
        return NULL;
    leaf_words **middle = __atomic_load_n(
        &roots[address >> 3 & 1][address >> (LIVE_LEAF_BITS + LIVE_MIDDLE_BITS)], __ATOMIC_ACQUIRE);
    if (unlikely(!middle))
        return NULL;
    uint8_t *counts = (uint8_t *)(middle + (1 << LIVE_MIDDLE_BITS));
    return &counts[address >> PAGE_BITS & (PAGES_PER_MIDDLE - 1)];
}

bool live_may_hold(const void *pointer)
{
    const uint8_t *count = page_count((uint64_t)pointer);
    return count && __atomic_load_n(count, __ATOMIC_RELAXED) != 0;
}

static void change_count(uint8_t *count, int change)
{
    uint8_t old = __atomic_load_n(count, __ATOMIC_RELAXED);
    while (old != COUNT_MAX &&
           !__atomic_compare_exchange_n(count, &old, (uint8_t)(old + change), false,
                                        __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        ;
}

void live_count_block(const void *pointer)
{
    uint64_t address = (uint64_t)pointer;
    uint8_t *count = slot_or_create(address) ? page_count(address) : NULL;
    if (count)
        change_count(count, 1);
}

void live_uncount_block(const void *pointer)
{
    uint8_t *count = page_count((uint64_t)pointer);
    if (count)
        change_count(count, -1);
}

struct live_block live_find(const void *pointer)
{
    uint64_t address = (uint64_t)pointer;
    uint32_t *word = slot(address);
    uint32_t head = word ? load(word) : 0;
    return head & HEAD ? block_at(word, address, head) : (struct live_block){0};
}

struct live_block live_remove(const void *pointer)
{
    uint64_t address = (uint64_t)pointer;
    uint32_t *word = slot(address);
    if (unlikely(!word))
        return (struct live_block){0};
    return take(word, address);
}

/* Locked memory cannot be given back. */
static void empty(void *words, size_t size_bytes)
{
    if (sys(__NR_madvise, words, size_bytes, MADV_DONTNEED) != 0)
        memset(words, 0, size_bytes);
}

static void clear_middle(leaf_words **middle)
{
    for (uint64_t i = 0; i < 1 << LIVE_MIDDLE_BITS; i++) {
        leaf_words *leaf = __atomic_load_n(&middle[i], __ATOMIC_ACQUIRE);
        if (leaf)
            empty(leaf, sizeof *leaf);
    }
    memset(middle + (1 << LIVE_MIDDLE_BITS), 0,
           middle_bytes - (sizeof *middle << LIVE_MIDDLE_BITS));
}

void live_clear(void)
{
    for (uint64_t odd = 0; odd < 2; odd++)
        for (uint64_t i = 0; i < 1 << LIVE_ROOT_BITS; i++) {
            leaf_words **middle = __atomic_load_n(&roots[odd][i], __ATOMIC_ACQUIRE);
            if (middle)
                clear_middle(middle);
        }
}

/* A block that goes away while its size is read is none. */
static void visit_words(uint32_t *words, size_t count, uint64_t address,
                        void (*visit)(const void *, struct live_block, void *), void *data)
{
    for (size_t i = 0; i < count; i++, address += GRANULE) {
        uint32_t head = load(&words[i]);
        if (!(head & HEAD))
            continue;
        struct live_block block = block_at(&words[i], address, head);
        if (load(&words[i]) == head)
            visit((const void *)address, block, data);
    }
}

static void visit_middle(leaf_words **middle, uint64_t address,
                         void (*visit)(const void *, struct live_block, void *), void *data)
{
    for (uint64_t i = 0; i < 1 << LIVE_MIDDLE_BITS; i++) {
        leaf_words *leaf = __atomic_load_n(&middle[i], __ATOMIC_ACQUIRE);
        if (leaf)
            visit_words(*leaf, LEAF_WORDS, address | i << LIVE_LEAF_BITS, visit, data);
    }
}

void live_visit(void (*visit)(const void *address, struct live_block block, void *data), void *data)
{
    for (uint64_t odd = 0; odd < 2; odd++)
        for (uint64_t i = 0; i < 1 << LIVE_ROOT_BITS; i++) {
            leaf_words **middle = __atomic_load_n(&roots[odd][i], __ATOMIC_ACQUIRE);
            if (middle)
                visit_middle(middle, i << (LIVE_LEAF_BITS + LIVE_MIDDLE_BITS) | odd << 3, visit,
                             data);
        }
}

/* --- by windows: the addresses of one leaf in each of the two maps --- */

_Static_assert(LIVE_WINDOW_BYTES == 1ul << LIVE_LEAF_BITS, "a window is a leaf");

static leaf_words **middle_at(uint64_t odd, uint64_t address)
{
    return __atomic_load_n(&roots[odd][address >> (LIVE_LEAF_BITS + LIVE_MIDDLE_BITS)],
                           __ATOMIC_ACQUIRE);
}

static leaf_words *leaf_at(uint64_t odd, uint64_t address)
{
    leaf_words **middle = middle_at(odd, address);
    return middle
               ? __atomic_load_n(&middle[address >> LIVE_LEAF_BITS & ((1 << LIVE_MIDDLE_BITS) - 1)],
                                 __ATOMIC_ACQUIRE)
               : NULL;
}

uint64_t live_next_window(uint64_t window, uint64_t end)
{
    const uint64_t middle_span = 1ul << (LIVE_LEAF_BITS + LIVE_MIDDLE_BITS);
    while (window < end && is_mappable(window)) {
        if (!middle_at(0, window) && !middle_at(1, window))
            window = (window / middle_span + 1) * middle_span;
        else if (leaf_at(0, window) || leaf_at(1, window))
            return window;
        else
            window += LIVE_WINDOW_BYTES;
    }
    return end;
}

/* Pages of a leaf that were never written to hold nothing, and are not to be touched. */
void live_visit_window(uint64_t window, void (*visit)(const void *, struct live_block, void *),
                       void *data)
{
    enum {
        PAGE_WORDS = (1 << PAGE_BITS) / sizeof(uint32_t),
        LEAF_PAGES = LEAF_WORDS / PAGE_WORDS
    };
    unsigned char is_there[LEAF_PAGES];
    for (uint64_t odd = 0; odd < 2; odd++) {
        leaf_words *leaf = leaf_at(odd, window);
        if (!leaf)
            continue;
        memset(is_there, 1, sizeof is_there);
        sys(__NR_mincore, leaf, sizeof *leaf, is_there);
        for (uint64_t page = 0; page < LEAF_PAGES; page++)
            if (is_there[page] & 1)
                visit_words(&(*leaf)[page * PAGE_WORDS], PAGE_WORDS,
                            (window + (page * PAGE_WORDS) * GRANULE) | odd << 3, visit, data);
    }
}
