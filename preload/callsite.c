/* SPDX-License-Identifier: BSD-2-Clause */
/* callsite.c -- From a call stack to the counters that this thread writes for it. */
#include "callsite.h"

#include "arena.h"
#include "live.h"
#include "modules.h"
#include "sys.h"
#include "text.h"
#include "trace_file.h"

/* All of a and the upper bits of b identify the path: 101 bits are compared. */
struct path_slot {
    uint64_t a;
    uint64_t b_counters; /* low 27 bits: counters id; 0: free */
};

struct site_slot {
    uint32_t node; /* 0: free */
    uint32_t counters;
};

enum {
    PATH_FIRST_BITS = 8,
    SITE_FIRST_BITS = 7,
    NODE_FIRST_BITS = 11,
    ORPHAN_FIRST_BITS = 8,
    REHASH_AHEAD = 16
};

#define COUNTERS_MASK 0x7ffffffu
#define GOLDEN 0x9e3779b97f4a7c15u

/* --- the tree of nodes, under trace_lock --- */

static uint32_t *node_slots; /* hash of (parent, place) → node */
static uint32_t node_bits;

static uint64_t node_hash(uint32_t parent, uint32_t module_bits, uint64_t offset)
{
    uint64_t x = (offset ^ (uint64_t)module_bits << 40) * GOLDEN;
    x = (x ^ x >> 29 ^ parent) * 0xbf58476d1ce4e5b9u;
    return x ^ x >> 32;
}

static uint64_t hash_of_node(const struct trace_node *node)
{
    return node_hash(node->parent, node->module_bits, node->offset);
}

static void put_node(uint32_t *slots, uint64_t mask, uint64_t hash, uint32_t node)
{
    uint64_t i = hash & mask;
    while (slots[i])
        i = (i + 1) & mask;
    slots[i] = node;
}

static bool grow_node_table(void)
{
    uint32_t bits = node_slots ? node_bits + 1 : NODE_FIRST_BITS;
    uint32_t *slots = arena_map_table(sizeof *slots << bits);
    uint32_t count = node_slots ? trace_count(SECTION_NODES) : 0;
    uint64_t mask = ((uint64_t)1 << bits) - 1;
    if (!slots)
        return false;
    /* All nodes but the special ones, in the order in which they lie in memory. */
    for (uint32_t node = SPECIAL_COUNT; node < count; node++) {
        if (node + REHASH_AHEAD < count)
            __builtin_prefetch(&slots[hash_of_node(&trace.nodes[node + REHASH_AHEAD]) & mask]);
        put_node(slots, mask, hash_of_node(&trace.nodes[node]), node);
    }
    if (node_slots)
        arena_unmap(node_slots, sizeof *node_slots << node_bits);
    node_slots = slots;
    node_bits = bits;
    return true;
}

static uint32_t create_node(uint32_t parent, uint32_t module_bits, uint64_t offset)
{
    int64_t at = trace_reserve(SECTION_NODES, sizeof(struct trace_node));
    if (at < 0)
        return 0;
    uint32_t node = (uint32_t)((uint64_t)at / sizeof(struct trace_node));
    trace.nodes[node] =
        (struct trace_node){.offset = offset, .parent = parent, .module_bits = module_bits};
    trace_publish(SECTION_NODES);
    return node;
}

static uint32_t find_node(uint32_t parent, uint32_t module_bits, uint64_t offset)
{
    uint64_t mask = ((uint64_t)1 << node_bits) - 1;
    uint64_t i = node_hash(parent, module_bits, offset) & mask;
    for (; node_slots[i]; i = (i + 1) & mask) {
        const struct trace_node *node = &trace.nodes[node_slots[i]];
        if (node->parent == parent && node->offset == offset && node->module_bits == module_bits)
            return node_slots[i];
    }
    return 0;
}

/* A call may be the last instruction of its module: look up the call, keep the return address. */
static struct code_place place_of(const struct frame_detail *frame)
{
    uint64_t back = frame->is_exact ? 0 : 1;
    struct code_place place = modules_locate(frame->pc - back);
    place.module |= frame->is_exact ? NODE_EXACT : 0;
    place.offset += back;
    return place;
}

/* Below a node that is new, all are: nothing is looked up, and as they get consecutive numbers,
 * their places in the table are known before. Returns the leaf, 0 when there is no room. */
static uint32_t create_path(struct unwinder *unwinder, uint32_t i, uint32_t parent)
{
    enum {
        AHEAD = 8
    };
    uint64_t hashes[AHEAD];
    uint64_t mask = ((uint64_t)1 << node_bits) - 1;
    while (i < unwinder->count) {
        uint32_t some = unwinder->count - i < AHEAD ? unwinder->count - i : AHEAD;
        int64_t at = trace_reserve(SECTION_NODES, some * sizeof(struct trace_node));
        if (at < 0)
            return 0;
        uint32_t next = (uint32_t)((uint64_t)at / sizeof(struct trace_node));
        for (uint32_t k = 0; k < some; k++, i++) {
            struct code_place place = place_of(&unwinder->frames[i]);
            struct trace_node node = {
                .offset = place.offset, .parent = parent, .module_bits = place.module};
            hashes[k] = hash_of_node(&node);
            __builtin_prefetch(&node_slots[hashes[k] & mask]);
            trace.nodes[next + k] = node;
            unwinder->frames[i].node = parent = next + k;
        }
        trace_publish(SECTION_NODES);
        for (uint32_t k = 0; k < some; k++)
            put_node(node_slots, mask, hashes[k], next + k);
    }
    return parent;
}

/* From the deepest frame whose node is known to the leaf. The special nodes that stand for an
 * incomplete outermost frame have the index of their enum stack_root. */
static uint32_t intern_stack(struct unwinder *unwinder)
{
    uint32_t i = unwinder->count;
    while (i > 0 && !unwinder->frames[i - 1].node)
        i--;
    uint32_t node = i ? unwinder->frames[i - 1].node : (uint32_t)unwinder->root;
    while (!node_slots || trace_count(SECTION_NODES) + unwinder->count > 1u << (node_bits - 1))
        if (!grow_node_table())
            return 0;
    for (; i < unwinder->count; i++) {
        struct code_place place = place_of(&unwinder->frames[i]);
        uint32_t known = find_node(node, place.module, place.offset);
        if (!known)
            return create_path(unwinder, i, node);
        unwinder->frames[i].node = node = known;
    }
    return node;
}

/* --- counters without an owner, under trace_lock --- */

static uint64_t *orphans; /* node << 32 | counters; 0 free, 1 removed */
static uint32_t orphan_bits;
static uint32_t orphan_used; /* removed ones included */

static uint64_t orphan_index(uint32_t node)
{
    return node * GOLDEN >> (64 - orphan_bits);
}

static void put_orphan(uint64_t entry)
{
    uint64_t mask = ((uint64_t)1 << orphan_bits) - 1;
    uint64_t i = orphan_index((uint32_t)(entry >> 32));
    while (orphans[i])
        i = (i + 1) & mask;
    orphans[i] = entry;
    orphan_used++;
}

static bool grow_orphans(void)
{
    uint64_t *old = orphans;
    uint32_t old_bits = orphan_bits;
    uint32_t bits = old ? old_bits + 1 : ORPHAN_FIRST_BITS;
    uint64_t *slots = arena_map_table(sizeof *slots << bits);
    if (!slots)
        return false;
    orphans = slots;
    orphan_bits = bits;
    orphan_used = 0;
    for (uint64_t i = 0; old && i < (uint64_t)1 << old_bits; i++)
        if (old[i] > 1)
            put_orphan(old[i]);
    if (old)
        arena_unmap(old, sizeof *old << old_bits);
    return true;
}

static void add_orphan(uint32_t node, uint32_t counters)
{
    if ((!orphans || orphan_used > 1u << (orphan_bits - 1)) && !grow_orphans())
        return; /* its figures stay; only the element cannot be used again */
    put_orphan((uint64_t)node << 32 | counters);
}

static uint32_t domain_of(uint32_t thread_domain)
{
    return thread_domain >> OWNER_DOMAIN_SHIFT;
}

static uint32_t adopt_orphan(uint32_t node, uint32_t domain)
{
    if (!orphans)
        return 0;
    uint64_t mask = ((uint64_t)1 << orphan_bits) - 1;
    for (uint64_t i = orphan_index(node); orphans[i]; i = (i + 1) & mask)
        if (orphans[i] >> 32 == node && orphans[i] > 1) {
            uint32_t counters = (uint32_t)orphans[i];
            if (domain_of(trace.owners[counters].thread_domain) != domain)
                continue;
            orphans[i] = 1;
            return counters;
        }
    return 0;
}

static uint32_t create_counters(uint32_t node, uint32_t thread)
{
    uint32_t id = trace_count(SECTION_COUNTERS);
    if (id >= LIVE_COUNTERS_MAX)
        return 0;
    /* An earlier attempt may have got room for the owner and none for the counters. */
    if (trace_count(SECTION_OWNERS) <= id &&
        trace_reserve(SECTION_OWNERS, sizeof(struct trace_owner)) < 0)
        return 0;
    if (trace_reserve(SECTION_COUNTERS, sizeof(struct trace_counters)) < 0)
        return 0;
    trace.owners[id] = (struct trace_owner){.node = node, .thread_domain = thread};
    trace_publish(SECTION_OWNERS);
    trace_publish(SECTION_COUNTERS);
    return id;
}

/* --- one thread's tables --- */

static uint64_t site_index(const struct callsite_cache *cache, uint32_t node)
{
    return node * GOLDEN >> (64 - cache->site_bits);
}

static uint32_t find_site(const struct callsite_cache *cache, uint32_t node)
{
    if (!cache->sites)
        return 0;
    uint64_t mask = ((uint64_t)1 << cache->site_bits) - 1;
    for (uint64_t i = site_index(cache, node); cache->sites[i].node; i = (i + 1) & mask)
        if (cache->sites[i].node == node)
            return cache->sites[i].counters;
    return 0;
}

static void put_site(struct callsite_cache *cache, struct site_slot slot)
{
    uint64_t mask = ((uint64_t)1 << cache->site_bits) - 1;
    uint64_t i = site_index(cache, slot.node);
    while (cache->sites[i].node)
        i = (i + 1) & mask;
    cache->sites[i] = slot;
    cache->site_count++;
}

static bool grow_sites(struct callsite_cache *cache)
{
    struct callsite_cache old = *cache;
    cache->site_bits = old.sites ? old.site_bits + 1 : SITE_FIRST_BITS;
    cache->sites = arena_map_table(sizeof *cache->sites << cache->site_bits);
    cache->site_count = 0;
    if (!cache->sites) {
        *cache = old;
        return false;
    }
    for (uint64_t i = 0; old.sites && i < (uint64_t)1 << old.site_bits; i++)
        if (old.sites[i].node)
            put_site(cache, old.sites[i]);
    if (old.sites)
        arena_unmap(old.sites, sizeof *old.sites << old.site_bits);
    return true;
}

/* Under trace_lock. A site that cannot be remembered would be created again and again. */
static uint32_t add_site(struct callsite_cache *cache, uint32_t node, uint32_t thread)
{
    if ((!cache->sites || cache->site_count > 1u << (cache->site_bits - 1)) && !grow_sites(cache))
        return 0;
    uint32_t counters = adopt_orphan(node, domain_of(thread));
    if (counters)
        __atomic_store_n(&trace.owners[counters].thread_domain, thread, __ATOMIC_RELAXED);
    else
        counters = create_counters(node, thread);
    if (counters)
        put_site(cache, (struct site_slot){node, counters});
    return counters;
}

static inline uint64_t path_index(const struct callsite_cache *cache, struct path_hash hash)
{
    return hash.a & (((uint64_t)1 << cache->path_bits) - 1);
}

static inline bool is_path(const struct path_slot *slot, struct path_hash hash)
{
    return slot->a == hash.a && (slot->b_counters ^ hash.b) <= COUNTERS_MASK;
}

static inline uint32_t find_path(const struct callsite_cache *cache, struct path_hash hash)
{
    if (unlikely(!cache->paths))
        return 0;
    uint64_t mask = ((uint64_t)1 << cache->path_bits) - 1;
    for (uint64_t i = path_index(cache, hash);; i = (i + 1) & mask) {
        const struct path_slot *slot = &cache->paths[i];
        uint32_t counters = (uint32_t)(slot->b_counters & COUNTERS_MASK);
        if (likely(counters && is_path(slot, hash)))
            return counters;
        if (!counters)
            return 0;
    }
}

static void put_path(struct callsite_cache *cache, struct path_slot slot)
{
    uint64_t mask = ((uint64_t)1 << cache->path_bits) - 1;
    uint64_t i = slot.a & mask;
    while (cache->paths[i].b_counters & COUNTERS_MASK)
        i = (i + 1) & mask;
    cache->paths[i] = slot;
    cache->path_count++;
}

static bool grow_paths(struct callsite_cache *cache)
{
    struct callsite_cache old = *cache;
    cache->path_bits = old.paths ? old.path_bits + 1 : PATH_FIRST_BITS;
    cache->paths = arena_map_table(sizeof *cache->paths << cache->path_bits);
    cache->path_count = 0;
    if (!cache->paths) {
        *cache = old;
        return false;
    }
    for (uint64_t i = 0; old.paths && i < (uint64_t)1 << old.path_bits; i++)
        if (old.paths[i].b_counters & COUNTERS_MASK)
            put_path(cache, old.paths[i]);
    if (old.paths)
        arena_unmap(old.paths, sizeof *old.paths << old.path_bits);
    return true;
}

static void add_path(struct callsite_cache *cache, struct path_hash hash, uint32_t counters)
{
    if ((!cache->paths || cache->path_count > 1u << (cache->path_bits - 1)) && !grow_paths(cache))
        return;
    put_path(cache, (struct path_slot){hash.a, (hash.b & ~(uint64_t)COUNTERS_MASK) | counters});
}

/* --- the interface --- */

static void count_incomplete(const struct unwinder *unwinder)
{
    if (unwinder->root == ROOT_TOO_DEEP)
        trace_count_anomaly(ANOMALY_STACK_TOO_DEEP);
    else if (unwinder->root == ROOT_CUT)
        trace_count_anomaly(ANOMALY_STACK_CUT);
    if (unwinder->has_guess)
        trace_count_anomaly(ANOMALY_STACK_GUESSED);
}

static __attribute__((noinline)) uint32_t new_path(struct callsite_cache *cache,
                                                   struct unwinder *unwinder, uint32_t thread)
{
    uint64_t mask = lock_enter(&trace_lock);
    uint32_t node = intern_stack(unwinder);
    uint32_t counters = node ? find_site(cache, node) : 0;
    if (node && !counters) {
        counters = add_site(cache, node, thread);
        if (domain_of(thread) < MEMORY_DOMAIN_COUNT) /* samplers have accounts of their own */
            count_incomplete(unwinder);
    }
    if (counters)
        add_path(cache, unwinder->frames[unwinder->count - 1].hash, counters);
    lock_leave(&trace_lock, mask);
    return counters ? counters : COUNTERS_OVERFLOW;
}

void callsite_prefetch(const struct callsite_cache *cache, const struct unwinder *unwinder)
{
    __builtin_prefetch(
        &cache->paths[path_index(cache, unwinder->frames[unwinder->count - 1].hash)]);
}

uint32_t callsite_counters(struct callsite_cache *cache, struct unwinder *unwinder, uint32_t thread)
{
    uint32_t counters = find_path(cache, unwinder->frames[unwinder->count - 1].hash);
    return likely(counters) ? counters : new_path(cache, unwinder, thread);
}

static __attribute__((noinline)) uint32_t new_site(struct callsite_cache *cache, uint32_t node,
                                                   uint32_t thread)
{
    uint64_t mask = lock_enter(&trace_lock);
    uint32_t counters = add_site(cache, node, thread);
    lock_leave(&trace_lock, mask);
    return counters ? counters : COUNTERS_OVERFLOW;
}

uint32_t callsite_counters_of_node(struct callsite_cache *cache, uint32_t node, uint32_t thread)
{
    uint32_t counters = find_site(cache, node);
    return likely(counters) ? counters : new_site(cache, node, thread);
}

static struct callsite_cache shared_sites[MEMORY_DOMAIN_COUNT]; /* under trace_lock */

uint32_t callsite_shared_counters(uint32_t node, enum trace_domain domain)
{
    uint64_t mask = lock_enter(&trace_lock);
    uint32_t counters = find_site(&shared_sites[domain], node);
    if (!counters)
        counters = add_site(&shared_sites[domain], node, (uint32_t)domain << OWNER_DOMAIN_SHIFT);
    lock_leave(&trace_lock, mask);
    return counters ? counters : COUNTERS_OVERFLOW;
}

void callsite_forget_paths(struct callsite_cache *cache)
{
    if (cache->paths)
        memset(cache->paths, 0, sizeof *cache->paths << cache->path_bits);
    cache->path_count = 0;
}

void callsite_retire(struct callsite_cache *cache)
{
    for (uint64_t i = 0; cache->sites && i < (uint64_t)1 << cache->site_bits; i++)
        if (cache->sites[i].node) {
            __atomic_fetch_and(&trace.owners[cache->sites[i].counters].thread_domain,
                               ~OWNER_THREAD_MASK, __ATOMIC_RELAXED);
            add_orphan(cache->sites[i].node, cache->sites[i].counters);
        }
    if (cache->sites)
        arena_unmap(cache->sites, sizeof *cache->sites << cache->site_bits);
    if (cache->paths)
        arena_unmap(cache->paths, sizeof *cache->paths << cache->path_bits);
    *cache = (struct callsite_cache){0};
}

bool callsite_init(void)
{
    static const struct trace_owner shared[COUNTERS_FIRST_OWNED] = {
        [COUNTERS_OVERFLOW] = {SPECIAL_OVERFLOW, DOMAIN_HEAP},
        [COUNTERS_REENTRANT] = {SPECIAL_REENTRANT, DOMAIN_HEAP},
        [COUNTERS_BEFORE_OWN_TRACE] = {SPECIAL_BEFORE_OWN_TRACE, DOMAIN_HEAP},
        [COUNTERS_POOL_OVERFLOW] = {SPECIAL_OVERFLOW, DOMAIN_POOL},
        [COUNTERS_MAPPED_OVERFLOW] = {SPECIAL_OVERFLOW, DOMAIN_MAPPED},
        [COUNTERS_MAPPED_REENTRANT] = {SPECIAL_REENTRANT, DOMAIN_MAPPED},
        [COUNTERS_MAPPED_BEFORE_OWN_TRACE] = {SPECIAL_BEFORE_OWN_TRACE, DOMAIN_MAPPED}};
    for (uint32_t special = 0; special < SPECIAL_COUNT; special++)
        if (create_node(0, special ? NODE_MODULE_SPECIAL : 0, special) != special)
            return false;
    for (uint32_t id = COUNTERS_NONE; id < COUNTERS_FIRST_OWNED; id++)
        create_counters(shared[id].node, shared[id].thread_domain << OWNER_DOMAIN_SHIFT);
    return trace_count(SECTION_COUNTERS) == COUNTERS_FIRST_OWNED;
}

void callsite_after_fork(void)
{
    orphans = NULL;
    orphan_bits = 0;
    orphan_used = 0;
    memset(shared_sites, 0, sizeof shared_sites);
}
