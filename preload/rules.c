/* SPDX-License-Identifier: BSD-2-Clause */
/* rules.c -- The unwind rules compiled so far, by code address.
 *
 * A walk asks for one rule after the other, each at another address, so what counts is how much of
 * the table stays in a CPU's cache. Programs of a hundred thousand call sites have a few hundred
 * different rules: each is kept once, and the table is of one word per address, half of them used.
 *
 * Writers hold rules_lock; readers look without it: a rule is written before the entry that names
 * it, and entries are only ever removed for code that has been unloaded, which no reader can be
 * asking for. Tables that were outgrown stay mapped for readers that still look into them; together
 * they are smaller than the current one. */
#include "rules.h"

#include "arena.h"
#include "loader.h"
#include "lock.h"
#include "sys.h"
#include "text.h"
#include "unwind_arch.h"

enum {
    FIRST_BITS = 9, /* short programs touch few pages */
    NUMBER_BITS = 16,
    RULES_MAX = 1 << NUMBER_BITS,
    PIECE_RULES = 128,
    FIRST_NUMBERS_BITS = 9
};

#define ADDRESS_MAX (1ul << (64 - NUMBER_BITS))
#define REMOVED 1ul /* no code is at this address */

/* Entries are address << NUMBER_BITS | the rule's number; 0: free. */
struct table {
    unsigned bits;
    uint64_t used; /* removed ones included */
    uint64_t entries[];
};

static struct lock rules_lock;
static struct table *current;

/* --- each rule once --- */

static struct rule *pieces[RULES_MAX / PIECE_RULES];
/* Number 0 is none, and 1 a zero rule, which tells nothing: what address 0 gets. */
static uint32_t rule_count = 2;
static uint16_t *numbers; /* hash of rule → number; under rules_lock */
static unsigned numbers_bits;

static uint64_t first_index(unsigned bits, uint64_t key)
{
    return key * 0x9e3779b97f4a7c15u >> (64 - bits);
}

static inline const struct rule *rule_numbered(uint32_t number)
{
    return &pieces[number / PIECE_RULES][number % PIECE_RULES];
}

static uint64_t hash_of(struct rule rule)
{
    uint64_t words[2];
    memcpy(words, &rule, sizeof words);
    return words[0] * 0xbf58476d1ce4e5b9u ^ words[1];
}

static bool is_equal(const struct rule *a, const struct rule *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

/* --- traits --- */

#define TRAITS_OF_SP(how) [RULE_SP | FP_##how << 3]
#define TRAITS_OF_FP(how) [RULE_FP | FP_##how << 3]
#define TRAITS_OF_DEREF_SP(how) [RULE_DEREF_SP | FP_##how << 3]
#define TRAITS_OF_DEREF_FP(how) [RULE_DEREF_FP | FP_##how << 3]

/* By kind | fp_kind << 3. */
static const uint8_t rule_traits[32] = {
    TRAITS_OF_SP(SAME) = TRAIT_PLAIN | TRAIT_KEEPS_FP,
    TRAITS_OF_SP(AT_CFA) = TRAIT_PLAIN | TRAIT_FP_AT_CFA,
    TRAITS_OF_SP(AT_FP) = TRAIT_USES_FP,
    TRAITS_OF_FP(SAME) = TRAIT_PLAIN | TRAIT_USES_FP | TRAIT_KEEPS_FP,
    TRAITS_OF_FP(AT_CFA) = TRAIT_PLAIN | TRAIT_USES_FP | TRAIT_FP_AT_CFA,
    TRAITS_OF_FP(AT_FP) = TRAIT_USES_FP,
    TRAITS_OF_DEREF_SP(SAME) = TRAIT_KEEPS_FP,
    TRAITS_OF_DEREF_SP(AT_FP) = TRAIT_USES_FP,
    TRAITS_OF_DEREF_FP(SAME) = TRAIT_USES_FP | TRAIT_KEEPS_FP,
    TRAITS_OF_DEREF_FP(AT_CFA) = TRAIT_USES_FP,
    TRAITS_OF_DEREF_FP(AT_FP) = TRAIT_USES_FP,
};

static uint8_t traits_of(struct rule rule)
{
    uint8_t traits = rule_traits[rule.kind | rule.fp_kind << 3];
    bool is_in_register = ARCH_HAS_LINK_REGISTER && rule.ra_offset8 == RA_IN_REGISTER;
    return rule.is_guess || is_in_register ? traits & (uint8_t)~TRAIT_PLAIN : traits;
}

/* --- numbers --- */

/* Where a rule's number is, or where it is to go. */
static uint16_t *number_place(const struct rule *rule)
{
    uint64_t mask = ((uint64_t)1 << numbers_bits) - 1;
    uint64_t i = first_index(numbers_bits, hash_of(*rule));
    while (numbers[i] && !is_equal(rule_numbered(numbers[i]), rule))
        i = (i + 1) & mask;
    return &numbers[i];
}

static bool grow_numbers(void)
{
    unsigned bits = numbers ? numbers_bits + 1 : FIRST_NUMBERS_BITS;
    uint16_t *larger = arena_alloc(sizeof *larger << bits);
    if (!larger)
        return false;
    numbers = larger; /* the old one is small, and the last are rarely reached */
    numbers_bits = bits;
    for (uint32_t number = 2; number < rule_count; number++)
        *number_place(rule_numbered(number)) = (uint16_t)number;
    return true;
}

/* 0 when there is no room. */
static uint32_t create_number(const struct rule *rule)
{
    struct rule **piece = &pieces[rule_count / PIECE_RULES];
    if (rule_count == RULES_MAX - 1)
        return 0;
    if (!*piece)
        *piece = arena_alloc(PIECE_RULES * sizeof **piece);
    if (!*piece)
        return 0;
    (*piece)[rule_count % PIECE_RULES] = *rule;
    return rule_count++;
}

static uint32_t number_of(const struct rule *rule)
{
    if ((!numbers || rule_count > 1u << (numbers_bits - 1)) && !grow_numbers())
        return 0;
    uint16_t *place = number_place(rule);
    if (!*place)
        *place = (uint16_t)create_number(rule);
    return *place;
}

/* --- by address --- */

static void put(struct table *table, uint64_t entry)
{
    uint64_t mask = ((uint64_t)1 << table->bits) - 1;
    uint64_t i = first_index(table->bits, entry >> NUMBER_BITS);
    while (table->entries[i] > REMOVED)
        i = (i + 1) & mask;
    table->used += table->entries[i] == 0;
    __atomic_store_n(&table->entries[i], entry, __ATOMIC_RELEASE);
}

static struct table *grown(const struct table *old)
{
    unsigned bits = old ? old->bits + 1 : FIRST_BITS;
    struct table *table = arena_map_table(sizeof *table + (sizeof *table->entries << bits));
    if (!table)
        return NULL;
    table->bits = bits;
    for (uint64_t i = 0; old && i < (uint64_t)1 << old->bits; i++)
        if (old->entries[i] > REMOVED)
            put(table, old->entries[i]);
    return table;
}

/* Without memory it is compiled again the next time. */
static void add(uint64_t address, const struct rule *rule)
{
    uint64_t mask = lock_enter(&rules_lock);
    struct table *table = current;
    uint32_t number = address < ADDRESS_MAX ? number_of(rule) : 0;
    if (number && (!table || table->used > (uint64_t)1 << (table->bits - 1))) {
        struct table *larger = grown(table);
        if (larger)
            __atomic_store_n(&current, larger, __ATOMIC_RELEASE);
        table = larger;
    }
    if (number && table)
        put(table, address << NUMBER_BITS | number);
    lock_leave(&rules_lock, mask);
}

/* Out of the way of the fast path. Compiling twice in two threads gives the same rule twice. */
static __attribute__((noinline)) const struct rule *compile(uint64_t address, struct rule *unkept)
{
    struct loaded_object object;
    *unkept = loader_find(address, &object) ? cfi_rule(&object, address)
                                            : arch_rule_without_cfi(false, address);
    unkept->traits = traits_of(*unkept);
    add(address, unkept);
    return unkept;
}

const struct rule *rules_find(uint64_t address, struct rule *unkept)
{
    const struct table *table = __atomic_load_n(&current, __ATOMIC_ACQUIRE);
    if (unlikely(!table))
        return compile(address, unkept);
    uint64_t mask = ((uint64_t)1 << table->bits) - 1;
    for (uint64_t i = first_index(table->bits, address);; i = (i + 1) & mask) {
        uint64_t entry = __atomic_load_n(&table->entries[i], __ATOMIC_ACQUIRE);
        if (likely(entry >> NUMBER_BITS == address))
            return rule_numbered((uint32_t)entry & (RULES_MAX - 1));
        if (entry == 0)
            return compile(address, unkept);
    }
}

void rules_drop(uint64_t start, uint64_t end)
{
    uint64_t mask = lock_enter(&rules_lock);
    struct table *table = current;
    for (uint64_t i = 0; table && i < (uint64_t)1 << table->bits; i++) {
        uint64_t address = table->entries[i] >> NUMBER_BITS;
        if (address >= start && address < end)
            __atomic_store_n(&table->entries[i], REMOVED, __ATOMIC_RELAXED);
    }
    lock_leave(&rules_lock, mask);
}

void rules_after_fork(void)
{
    lock_reset(&rules_lock);
}
