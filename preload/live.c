/* SPDX-License-Identifier: BSD-2-Clause */
/* live.c -- The blocks that are live: address to size and counters.
 *
 * Words. A block's first granule (16 bytes) holds a head word: bit 0 set, then a 5-bit size code,
 * then the 26-bit counters id. Codes 0..16 are the size itself. Code 31: the block is larger
 * than 16 bytes, so the next granule cannot be the start of another block, and its word holds
 * size << 1 (bit 0 clear). Sizes from 2^31-1 on put LARGE there and the size, 31 bits each, into
 * the two words after it. So an entry costs 4 bytes per granule with any allocator, and needs no
 * table of (site, size) pairs, which would grow with the variety of sizes.
 *
 * Addresses that are 8 modulo 16 (8-byte size classes of jemalloc, tcmalloc, mimalloc) live in a
 * second map of the same shape, else two blocks would share a granule. */
#include "live.h"

#include "arena.h"
#include "sys.h"

enum {
    LEAF_BITS = 20, /* address bits covered by a leaf: 1 MiB, 64 Ki words */
    LEAF_WORDS = 1 << (LEAF_BITS - 4),
    MIDDLE_BITS = 12, /* leaves per middle node: 4 GiB of addresses */
    ROOT_BITS = 48 - LEAF_BITS - MIDDLE_BITS,
    CODE_LONG = 31,
    DIRECT_MAX = 16
};

#define SIZE_LARGE 0x7fffffffu
#define HEAD 1u

typedef uint32_t leaf_words[LEAF_WORDS];

static leaf_words **roots[2][1 << ROOT_BITS];

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
    leaf_words ***root = &roots[address >> 3 & 1][address >> (LEAF_BITS + MIDDLE_BITS)];
    leaf_words **middle = __atomic_load_n(root, __ATOMIC_ACQUIRE);
    if (!middle)
        middle = install((void **)root, sizeof(leaf_words *) << MIDDLE_BITS);
    if (!middle)
        return NULL;
    leaf_words **place = &middle[address >> LEAF_BITS & ((1 << MIDDLE_BITS) - 1)];
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
        &roots[address >> 3 & 1][address >> (LEAF_BITS + MIDDLE_BITS)], __ATOMIC_ACQUIRE);
    if (unlikely(!middle))
        return NULL;
    leaf_words *leaf =
        __atomic_load_n(&middle[address >> LEAF_BITS & ((1 << MIDDLE_BITS) - 1)], __ATOMIC_ACQUIRE);
    if (unlikely(!leaf))
        return NULL;
    return &(*leaf)[address >> 4 & (LEAF_WORDS - 1)];
}

static inline uint32_t *slot_or_create(uint64_t address)
{
    uint32_t *word = slot(address);
    return likely(word != NULL) ? word : is_mappable(address) ? slot_create(address) : NULL;
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
    return low && high ? (uint64_t)(load(high) >> 1) << 31 | load(low) >> 1 : SIZE_LARGE;
}

/* Reads the size words of a block with a long size code, and clears them. */
static uint64_t take_long_size(uint32_t *word, uint64_t address)
{
    uint32_t *next = slot_after(word, address, 1);
    if (unlikely(!next))
        return 0;
    uint64_t size_bytes = load(next) >> 1;
    store(next, 0);
    if (unlikely(size_bytes == SIZE_LARGE)) {
        size_bytes = large_size(word, address);
        for (unsigned k = 2; k < 4; k++)
            if ((next = slot_after(word, address, k)))
                store(next, 0);
    }
    return size_bytes;
}

static inline struct live_block take(uint32_t *word, uint64_t address)
{
    uint32_t head = load(word);
    struct live_block block = {0};
    if (unlikely(!(head & HEAD)))
        return block;
    block.counters = head >> 6;
    block.size_bytes = head >> 1 & 31;
    store(word, 0);
    if (block.size_bytes == CODE_LONG)
        block.size_bytes = take_long_size(word, address);
    return block;
}

static bool put_long_size(uint32_t *word, uint64_t address, uint64_t size_bytes)
{
    uint32_t *next = slot_after(word, address, 1);
    if (unlikely(!next))
        return false;
    if (likely(size_bytes < SIZE_LARGE)) {
        store(next, (uint32_t)size_bytes << 1);
        return true;
    }
    uint32_t *low = slot_after(word, address, 2);
    uint32_t *high = slot_after(word, address, 3);
    if (!low || !high)
        return false;
    store(next, SIZE_LARGE << 1);
    store(low, (uint32_t)(size_bytes & SIZE_LARGE) << 1);
    store(high, (uint32_t)(size_bytes >> 31) << 1);
    return true;
}

struct live_block live_insert(const void *pointer, uint64_t size_bytes, uint32_t counters,
                              bool *ret_failed)
{
    uint64_t address = (uint64_t)pointer;
    struct live_block old = {0};
    uint32_t *word = slot_or_create(address);
    *ret_failed = true;
    if (unlikely(!word))
        return old;
    if (unlikely(load(word) & HEAD))
        old = take(word, address);
    if (likely(size_bytes > DIRECT_MAX)) {
        if (unlikely(!put_long_size(word, address, size_bytes)))
            return old;
        store(word, counters << 6 | CODE_LONG << 1 | HEAD);
    } else {
        store(word, counters << 6 | (uint32_t)size_bytes << 1 | HEAD);
    }
    *ret_failed = false;
    return old;
}

struct live_block live_remove(const void *pointer)
{
    uint64_t address = (uint64_t)pointer;
    uint32_t *word = slot(address);
    if (unlikely(!word))
        return (struct live_block){0};
    return take(word, address);
}

/* Reads without changing. Size words have no head bit, so they are passed over. */
static void visit_leaf(leaf_words *leaf, uint64_t address,
                       void (*visit)(const void *, struct live_block, void *), void *data)
{
    for (size_t i = 0; i < LEAF_WORDS; i++, address += 16) {
        uint32_t *word = &(*leaf)[i];
        uint32_t head = load(word);
        if (!(head & HEAD))
            continue;
        struct live_block block = {.counters = head >> 6, .size_bytes = head >> 1 & 31};
        if (block.size_bytes == CODE_LONG) {
            uint32_t *next = slot_after(word, address, 1);
            block.size_bytes = next ? load(next) >> 1 : 0;
            if (block.size_bytes == SIZE_LARGE)
                block.size_bytes = large_size(word, address);
        }
        visit((const void *)address, block, data);
    }
}

static void visit_middle(leaf_words **middle, uint64_t address,
                         void (*visit)(const void *, struct live_block, void *), void *data)
{
    for (uint64_t i = 0; i < 1 << MIDDLE_BITS; i++) {
        leaf_words *leaf = __atomic_load_n(&middle[i], __ATOMIC_ACQUIRE);
        if (leaf)
            visit_leaf(leaf, address | i << LEAF_BITS, visit, data);
    }
}

void live_visit(void (*visit)(const void *address, struct live_block block, void *data), void *data)
{
    for (uint64_t odd = 0; odd < 2; odd++)
        for (uint64_t i = 0; i < 1 << ROOT_BITS; i++) {
            leaf_words **middle = __atomic_load_n(&roots[odd][i], __ATOMIC_ACQUIRE);
            if (middle)
                visit_middle(middle, i << (LEAF_BITS + MIDDLE_BITS) | odd << 3, visit, data);
        }
}
