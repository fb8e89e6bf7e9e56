/* SPDX-License-Identifier: BSD-2-Clause */
/* rules.c -- The unwind rules compiled so far, by code address.
 *
 * An open-addressing table of 16-byte entries. Writers hold rules_lock; readers look without it:
 * an entry's rule is written before its address, and entries are only ever removed for code that
 * has been unloaded, which no reader can be asking for. Tables that were outgrown stay mapped
 * for readers that still look into them; together they are smaller than the current one. */
#include "rules.h"

#include "arena.h"
#include "loader.h"
#include "lock.h"
#include "sys.h"
#include "text.h"
#include "unwind_arch.h"

enum {
    FIRST_BITS = 9, /* short programs touch few pages */
    GROWTH_BITS = 2
};

#define REMOVED 1u /* no code at this address: instructions of rules are never at 1 */

struct entry {
    uint64_t address; /* 0: free */
    uint64_t rule;
};

struct table {
    unsigned bits;
    uint64_t used; /* removed ones included */
    struct entry entries[];
};

static struct lock rules_lock;
static struct table *current;

static uint64_t first_index(const struct table *table, uint64_t address)
{
    return address * 0x9e3779b97f4a7c15u >> (64 - table->bits);
}

static struct rule unpack(uint64_t word)
{
    struct rule rule;
    __builtin_memcpy(&rule, &word, sizeof rule);
    return rule;
}

static uint64_t packed(struct rule rule)
{
    uint64_t word;
    __builtin_memcpy(&word, &rule, sizeof word);
    return word;
}

static void put(struct table *table, uint64_t address, uint64_t rule)
{
    uint64_t mask = ((uint64_t)1 << table->bits) - 1;
    uint64_t i = first_index(table, address);
    while (table->entries[i].address > REMOVED)
        i = (i + 1) & mask;
    table->used += table->entries[i].address == 0;
    __atomic_store_n(&table->entries[i].rule, rule, __ATOMIC_RELAXED);
    __atomic_store_n(&table->entries[i].address, address, __ATOMIC_RELEASE);
}

static struct table *grown(const struct table *old)
{
    unsigned bits = old ? old->bits + GROWTH_BITS : FIRST_BITS;
    struct table *table = arena_map(sizeof *table + (sizeof(struct entry) << bits));
    if (!table)
        return NULL;
    table->bits = bits;
    for (uint64_t i = 0; old && i < (uint64_t)1 << old->bits; i++)
        if (old->entries[i].address > REMOVED)
            put(table, old->entries[i].address, old->entries[i].rule);
    return table;
}

static void add(uint64_t address, uint64_t rule)
{
    uint64_t mask = lock_enter(&rules_lock);
    struct table *table = current;
    if (!table || table->used > (uint64_t)1 << (table->bits - 2)) {
        struct table *larger = grown(table);
        if (larger)
            __atomic_store_n(&current, larger, __ATOMIC_RELEASE);
        table = larger;
    }
    if (table)
        put(table, address, rule);
    lock_leave(&rules_lock, mask);
}

/* Out of the way of the fast path. Compiling twice in two threads gives the same rule twice. */
static __attribute__((noinline)) struct rule compile(uint64_t address)
{
    struct loaded_object object;
    struct rule rule = loader_find(address, &object) ? cfi_rule(&object, address)
                                                     : arch_rule_without_cfi(false, address);
    add(address, packed(rule));
    return rule;
}

struct rule rules_find(uint64_t address)
{
    const struct table *table = __atomic_load_n(&current, __ATOMIC_ACQUIRE);
    if (unlikely(!table))
        return compile(address);
    uint64_t mask = ((uint64_t)1 << table->bits) - 1;
    for (uint64_t i = first_index(table, address);; i = (i + 1) & mask) {
        uint64_t other = __atomic_load_n(&table->entries[i].address, __ATOMIC_ACQUIRE);
        if (likely(other == address))
            return unpack(__atomic_load_n(&table->entries[i].rule, __ATOMIC_RELAXED));
        if (other == 0)
            return compile(address);
    }
}

void rules_drop(uint64_t start, uint64_t end)
{
    uint64_t mask = lock_enter(&rules_lock);
    struct table *table = current;
    for (uint64_t i = 0; table && i < (uint64_t)1 << table->bits; i++)
        if (table->entries[i].address >= start && table->entries[i].address < end)
            __atomic_store_n(&table->entries[i].address, REMOVED, __ATOMIC_RELAXED);
    lock_leave(&rules_lock, mask);
}

void rules_after_fork(void)
{
    lock_reset(&rules_lock);
}
