/* SPDX-License-Identifier: BSD-2-Clause */
/* pools.c -- The blocks that the program's own allocators have handed out.
 *
 * A hash table in shards. The blocks of a pool are in a ring with an anchor, whose address is 0, so
 * that a pool can be emptied as a whole; a pool is spread over a few shards, so that threads that
 * share it do not share a lock.
 *
 * A shard's lock does not block signals, which would cost more than all the rest: a handler that
 * comes in between is turned away by domain_begin. Nobody waits for ever. Where a holder is gone,
 * because it was left by a longjmp or was in another thread at a fork, the shard may be in any
 * state, and is dropped. */
#include "pools.h"

#include "arena.h"
#include "clock.h"
#include "domain.h"
#include "lock.h"
#include "sys.h"
#include "text.h"
#include "trace_file.h"

#include <linux/futex.h>
#include <time.h>

enum {
    SPREAD = 8,       /* shards of one pool */
    REGION_BITS = 12, /* neighbours in memory are in one shard */
    FIRST_ROOM = 128, /* blocks of a shard */
    BATCH = 16,       /* blocks taken out at once when a pool is emptied */
    SPINS = 1000,
    MOMENT_NS = 20 * 1000,
    PATIENCE_NS = 1000 * 1000 * 1000
};

#define NOBODY UINT32_MAX /* holds a lock without a thread of ours */

static struct pool_shard shards[POOL_SHARDS] __attribute__((aligned(64)));
static bool is_used; /* there has been a block */

static uint64_t lost_at_fork; /* shards */

/* --- places --- */

static inline uint64_t mix(uint64_t x)
{
    x *= 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 29) * 0xbf58476d1ce4e5b9u;
    return x ^ x >> 32;
}

static inline struct pool_shard *shard_of(uint64_t pool, uint64_t region)
{
    return &shards[(mix(pool) + region % SPREAD) % POOL_SHARDS];
}

static inline struct pool_block *block_at(const struct pool_shard *shard, uint32_t index)
{
    return (struct pool_block *)shard->blocks_address + index;
}

/* By address alone, so that a block is found without its pool. */
static inline uint32_t *chain_of(const struct pool_shard *shard, uint64_t pool, uint64_t address)
{
    return (uint32_t *)shard->chains_address + (mix(address ? address : pool) & (shard->room - 1));
}

/* --- locks --- */

static void sleep_a_moment(void)
{
    static const uint32_t never = 0;
    const struct timespec moment = {.tv_nsec = MOMENT_NS};
    sys(__NR_futex, &never, FUTEX_WAIT_PRIVATE, never, &moment);
}

static bool try_to_hold(struct pool_shard *shard, uint32_t holder)
{
    uint32_t expected = 0;
    return __atomic_load_n(&shard->lock, __ATOMIC_RELAXED) == 0 &&
           __atomic_compare_exchange_n(&shard->lock, &expected, holder, false, __ATOMIC_ACQUIRE,
                                       __ATOMIC_RELAXED);
}

static __attribute__((noinline)) bool wait_to_hold(struct pool_shard *shard, uint32_t holder)
{
    for (int i = 0; i < SPINS; i++)
        if (try_to_hold(shard, holder))
            return true;
    uint64_t start_ns = clock_monotonic_ns();
    while (clock_monotonic_ns() - start_ns < PATIENCE_NS) {
        if (try_to_hold(shard, holder))
            return true;
        sleep_a_moment();
    }
    return false;
}

static inline bool hold(struct pool_shard *shard, uint32_t holder)
{
    return likely(try_to_hold(shard, holder)) || wait_to_hold(shard, holder);
}

static inline void let_go(struct pool_shard *shard)
{
    __atomic_store_n(&shard->lock, 0, __ATOMIC_RELEASE);
}

/* What the thread asks for is noted before it has it: see pools_abandoned. */
static bool enter(struct thread *thread, struct domain_thread *own, struct pool_shard *shard)
{
    own->lock = &shard->lock;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    if (hold(shard, thread->index))
        return true;
    trace_count_anomaly(ANOMALY_POOLS_LOST);
    return false;
}

/* --- one shard, by who holds it --- */

static void put_into_chain(struct pool_shard *shard, uint32_t index)
{
    struct pool_block *block = block_at(shard, index);
    uint32_t *chain = chain_of(shard, block->pool, block->address);
    block->chain = *chain;
    *chain = index;
}

static void give_memory_back(const struct pool_shard *shard)
{
    arena_unmap((void *)shard->blocks_address, shard->room * sizeof(struct pool_block));
    arena_unmap((void *)shard->chains_address, shard->room * sizeof(uint32_t));
}

/* All of it but the lock, which others look at meanwhile. */
static struct pool_shard content(const struct pool_shard *shard)
{
    return (struct pool_shard){.room = shard->room,
                               .used = shard->used,
                               .taken = shard->taken,
                               .free = shard->free,
                               .blocks_address = shard->blocks_address,
                               .chains_address = shard->chains_address};
}

static void rehash(struct pool_shard *shard, const struct pool_shard *old)
{
    const uint32_t *chains = (const uint32_t *)old->chains_address;
    memcpy(block_at(shard, 0), block_at(old, 0), old->room * sizeof(struct pool_block));
    for (uint32_t k = 0; k < old->room; k++)
        for (uint32_t index = chains[k]; index;) {
            uint32_t next = block_at(old, index)->chain;
            put_into_chain(shard, index);
            index = next;
        }
}

static bool grow(struct pool_shard *shard)
{
    const struct pool_shard old = content(shard);
    uint32_t room = old.room ? 2 * old.room : FIRST_ROOM;
    void *blocks = arena_map(room * sizeof(struct pool_block));
    void *chains = arena_map(room * sizeof(uint32_t));
    if (!room || !blocks || !chains) {
        arena_unmap(blocks, room * sizeof(struct pool_block));
        arena_unmap(chains, room * sizeof(uint32_t));
        return false;
    }
    shard->blocks_address = (uint64_t)blocks;
    shard->chains_address = (uint64_t)chains;
    __atomic_store_n(&shard->room, room, __ATOMIC_RELAXED);
    shard->used = old.used ? old.used : 1;
    if (old.room)
        rehash(shard, &old);
    give_memory_back(&old);
    __atomic_store_n(&is_used, true, __ATOMIC_RELAXED);
    return true;
}

static uint32_t find(const struct pool_shard *shard, uint64_t pool, uint64_t address)
{
    if (!shard->room)
        return 0;
    uint32_t index = *chain_of(shard, pool, address);
    while (index &&
           (block_at(shard, index)->address != address || block_at(shard, index)->pool != pool))
        index = block_at(shard, index)->chain;
    return index;
}

/* There is room. */
static uint32_t add(struct pool_shard *shard, uint64_t pool, uint64_t address)
{
    uint32_t index = shard->free;
    if (index)
        shard->free = block_at(shard, index)->chain;
    else
        index = shard->used++;
    *block_at(shard, index) =
        (struct pool_block){.pool = pool, .address = address, .next = index, .previous = index};
    put_into_chain(shard, index);
    shard->taken++;
    return index;
}

static void drop(struct pool_shard *shard, uint32_t index)
{
    struct pool_block *block = block_at(shard, index);
    uint32_t *place = chain_of(shard, block->pool, block->address);
    while (*place != index)
        place = &block_at(shard, *place)->chain;
    *place = block->chain;
    block_at(shard, block->previous)->next = block->next;
    block_at(shard, block->next)->previous = block->previous;
    block->counters = 0;
    block->chain = shard->free;
    shard->free = index;
    shard->taken--;
}

static void put_into_ring(struct pool_shard *shard, uint32_t index)
{
    uint64_t pool = block_at(shard, index)->pool;
    uint32_t anchor = find(shard, pool, 0);
    if (!anchor)
        anchor = add(shard, pool, 0);
    uint32_t next = block_at(shard, anchor)->next;
    block_at(shard, index)->next = next;
    block_at(shard, index)->previous = anchor;
    block_at(shard, next)->previous = index;
    block_at(shard, anchor)->next = index;
}

/* Replaces what is known of the block, which is returned. */
static struct live_block put(struct pool_shard *shard, uint64_t pool, uint64_t address,
                             struct live_block block)
{
    struct live_block old = {0};
    uint32_t index = find(shard, pool, address);
    if (index) {
        old.counters = block_at(shard, index)->counters;
        old.size_bytes = block_at(shard, index)->size_bytes;
    } else {
        index = add(shard, pool, address);
        put_into_ring(shard, index);
    }
    block_at(shard, index)->counters = block.counters;
    block_at(shard, index)->size_bytes = block.size_bytes;
    return old;
}

static struct live_block take(struct pool_shard *shard, uint32_t index)
{
    struct live_block taken = {.counters = block_at(shard, index)->counters,
                               .size_bytes = block_at(shard, index)->size_bytes};
    uint32_t next = block_at(shard, index)->next;
    drop(shard, index);
    if (!block_at(shard, next)->address && block_at(shard, next)->next == next)
        drop(shard, next); /* the pool has no other block here */
    return taken;
}

static bool has_room_for_two(struct pool_shard *shard)
{
    return likely(shard->taken + 3 <= shard->room) || grow(shard);
}

/* A state that nobody knows. Its memory cannot be given back. */
static void drop_all(struct pool_shard *shard)
{
    uint32_t lock = shard->lock;
    *shard = (struct pool_shard){.lock = lock};
}

/* --- handing out and giving back --- */

static void release(struct thread *thread, struct domain_thread *own, uint64_t address,
                    struct live_block taken)
{
    if (taken.counters)
        domain_released(thread, own, DOMAIN_POOL, (const void *)address, taken.size_bytes,
                        taken.counters);
}

static bool remember(struct thread *thread, struct domain_thread *own, uint64_t pool,
                     uint64_t address, struct live_block block, struct live_block *ret_old)
{
    struct pool_shard *shard = shard_of(pool, address >> REGION_BITS);
    if (!enter(thread, own, shard))
        return false;
    bool is_ok = has_room_for_two(shard);
    if (is_ok)
        *ret_old = put(shard, pool, address, block);
    let_go(shard);
    if (!is_ok)
        trace_count_anomaly(ANOMALY_POOLS_LOST);
    return is_ok;
}

static void free_in(struct thread *thread, struct domain_thread *own, uint64_t pool,
                    uint64_t address)
{
    struct pool_shard *shard = shard_of(pool, address >> REGION_BITS);
    struct live_block taken = {0};
    if (!enter(thread, own, shard))
        return;
    uint32_t index = find(shard, pool, address);
    if (index)
        taken = take(shard, index);
    let_go(shard);
    release(thread, own, address, taken);
}

static struct domain_thread *begin(struct thread *thread)
{
    struct domain_thread *own = domain_begin(thread, DOMAIN_POOL);
    if (unlikely(!own))
        trace_count_anomaly(ANOMALY_POOLS_LOST);
    return own;
}

void pools_allocated(struct thread *thread, const void *pool, const void *block,
                     uint64_t size_bytes, struct frame_start start)
{
    struct live_block old = {0};
    struct domain_thread *own = block ? begin(thread) : NULL;
    if (!own)
        return;
    uint64_t count = domain_draw(thread, own, block, size_bytes);
    if (likely(count)) {
        struct live_block known = {.counters = domain_counters(thread, own, DOMAIN_POOL, start),
                                   .size_bytes = size_bytes};
        if (remember(thread, own, (uint64_t)pool, (uint64_t)block, known, &old)) {
            release(thread, own, (uint64_t)block, old);
            domain_allocated(own, block, size_bytes, count, known.counters);
        }
    } else {
        free_in(thread, own, (uint64_t)pool, (uint64_t)block);
        own->last_block = NULL;
    }
    domain_end(own);
}

void pools_freed(struct thread *thread, const void *pool, const void *block)
{
    struct domain_thread *own = block ? begin(thread) : NULL;
    if (!own)
        return;
    free_in(thread, own, (uint64_t)pool, (uint64_t)block);
    domain_end(own);
}

/* --- emptying a pool --- */

struct batch {
    uint32_t count;
    uint64_t addresses[BATCH];
    struct live_block blocks[BATCH];
};

static void take_some(struct pool_shard *shard, uint64_t pool, struct batch *batch)
{
    uint32_t anchor;
    batch->count = 0;
    while (batch->count < BATCH && (anchor = find(shard, pool, 0)) != 0) {
        uint32_t index = block_at(shard, anchor)->next;
        batch->addresses[batch->count] = block_at(shard, index)->address;
        batch->blocks[batch->count++] = take(shard, index);
    }
}

/* In batches: sites may have to be made for the frees, and nobody shall wait for that. */
static void empty_shard(struct thread *thread, struct domain_thread *own, struct pool_shard *shard,
                        uint64_t pool)
{
    struct batch batch;
    do {
        if (!enter(thread, own, shard))
            return;
        take_some(shard, pool, &batch);
        let_go(shard);
        for (uint32_t i = 0; i < batch.count; i++)
            release(thread, own, batch.addresses[i], batch.blocks[i]);
    } while (batch.count == BATCH);
}

void pools_cleared(struct thread *thread, const void *pool)
{
    struct domain_thread *own = begin(thread);
    if (!own)
        return;
    for (uint64_t region = 0; region < SPREAD; region++)
        empty_shard(thread, own, shard_of((uint64_t)pool, region), (uint64_t)pool);
    own->last_block = NULL;
    domain_end(own);
}

/* --- without a trace --- */

void pools_forget_block(const void *pool, const void *block)
{
    struct pool_shard *shard = shard_of((uint64_t)pool, (uint64_t)block >> REGION_BITS);
    if (!block || !hold(shard, NOBODY))
        return;
    uint32_t index = find(shard, (uint64_t)pool, (uint64_t)block);
    if (index)
        take(shard, index);
    let_go(shard);
}

void pools_forget_pool(const void *pool)
{
    struct batch batch;
    for (uint64_t region = 0; region < SPREAD; region++) {
        struct pool_shard *shard = shard_of((uint64_t)pool, region);
        do {
            if (!hold(shard, NOBODY))
                break;
            take_some(shard, (uint64_t)pool, &batch);
            let_go(shard);
        } while (batch.count == BATCH);
    }
}

/* --- looking up --- */

/* The smallest one at this address. */
static void find_at(const struct pool_shard *shard, uint64_t address, struct live_block *found)
{
    uint32_t index = shard->room ? *chain_of(shard, 0, address) : 0;
    for (; index; index = block_at(shard, index)->chain) {
        const struct pool_block *block = block_at(shard, index);
        if (block->address == address &&
            (!found->counters || block->size_bytes < found->size_bytes))
            *found =
                (struct live_block){.counters = block->counters, .size_bytes = block->size_bytes};
    }
}

/* With signals blocked, so that no handler waits for a lock that its own thread holds. */
static struct live_block find_anywhere(uint64_t address)
{
    struct live_block found = {0};
    uint64_t all = ~(uint64_t)0;
    uint64_t old = 0;
    sys(__NR_rt_sigprocmask, LOCK_SIG_SETMASK, &all, &old, sizeof all);
    for (uint32_t i = 0; i < POOL_SHARDS; i++)
        if (__atomic_load_n(&shards[i].room, __ATOMIC_RELAXED) && hold(&shards[i], NOBODY)) {
            find_at(&shards[i], address, &found);
            let_go(&shards[i]);
        }
    sys(__NR_rt_sigprocmask, LOCK_SIG_SETMASK, &old, 0, sizeof old);
    return found;
}

struct live_block pools_find(const void *block)
{
    const struct thread *thread = thread_self;
    const struct domain_thread *own = thread ? thread->domains[DOMAIN_POOL] : NULL;
    if (!__atomic_load_n(&is_used, __ATOMIC_RELAXED) || !block || (own && own->is_busy))
        return (struct live_block){0};
    return find_anywhere((uint64_t)block);
}

uint64_t pools_table_address(void)
{
    return (uint64_t)shards;
}

/* --- all of them --- */

/* All but those who only look something up are kept out. */
void pools_forget(void)
{
    for (uint32_t i = 0; i < POOL_SHARDS; i++) {
        struct pool_shard *shard = &shards[i];
        bool is_held = hold(shard, NOBODY);
        const struct pool_shard old = *shard;
        drop_all(shard);
        give_memory_back(&old);
        if (is_held)
            let_go(shard);
    }
}

static void visit_shard(const struct pool_shard *shard,
                        void (*visit)(const void *, struct live_block, void *), void *data)
{
    for (uint32_t index = 1; index < shard->used; index++) {
        const struct pool_block *block = block_at(shard, index);
        if (block->counters)
            visit((const void *)block->address,
                  (struct live_block){.counters = block->counters, .size_bytes = block->size_bytes},
                  data);
    }
}

void pools_visit(void (*visit)(const void *address, struct live_block block, void *data),
                 void *data)
{
    for (uint32_t i = 0; i < POOL_SHARDS; i++)
        visit_shard(&shards[i], visit, data);
}

void pools_abandoned(struct thread *thread)
{
    struct domain_thread *own = thread->domains[DOMAIN_POOL];
    if (!own || !own->is_busy)
        return;
    for (uint32_t i = 0; i < POOL_SHARDS; i++)
        if (own->lock == &shards[i].lock && shards[i].lock == thread->index) {
            drop_all(&shards[i]);
            trace_count_anomaly(ANOMALY_POOLS_LOST);
            let_go(&shards[i]);
        }
    domain_end(own);
}

void pools_after_fork(void)
{
    for (uint32_t i = 0; i < POOL_SHARDS; i++)
        if (shards[i].lock) {
            drop_all(&shards[i]);
            let_go(&shards[i]);
            lost_at_fork++;
        }
}

void pools_begin(void)
{
    trace.header->anomalies[ANOMALY_POOLS_LOST] += lost_at_fork;
    lost_at_fork = 0;
}
