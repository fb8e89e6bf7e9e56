/* SPDX-License-Identifier: BSD-2-Clause */
/* stress_threads.c -- The recorder in an ordinary program: threads record blocks that are not
 * there.
 *
 * All of preload/ but the hooks is linked in, so that ThreadSanitizer can watch it, and with a
 * chance for other threads to run at every atomic step. Blocks are numbers: what the recorder is
 * told of them is known here, and in the end its figures must be the same.
 *
 * usage: stress_threads ROUNDS THREADS CALLS SEED [stop]      "stop": the world is stopped now and
 * then, which rests on a fence that ThreadSanitizer does not know. */
#include "stress_steps.h"

#include "clock.h"
#include "heap.h"
#include "history.h"
#include "lifecycle.h"
#include "mappings.h"
#include "operators.h"
#include "pools.h"
#include "series.h"
#include "stubs.h"
#include "totals.h"
#include "trace_file.h"
#include "traceback.h"
#include "unwind_arch.h"
#include "world.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    THREADS_MAX = 16,
    STOCK = 256, /* blocks of each thread, live or not */
    SPAN = 48,   /* from one block to the next: small ones are neighbours */
    MAILBOXES = 32,
    DEPTH = 6,        /* so 2 to the power of that are the call stacks */
    YIELD_EVERY = 64, /* steps, on the average */
    SLEEP_EVERY = 4096,
    SLEEP_NS = 20000,
    READER_NS = 200000
};

struct block {
    char *address;
    uint64_t size_bytes;
    bool is_live;
};

struct tally {
    uint64_t alloc_count, alloc_bytes, free_count, freed_bytes;
    uint64_t pool_count, mapped_count;
};

struct worker {
    pthread_t id;
    uint64_t random;
    struct block *stock[STOCK];
    struct tally tally;
    uint64_t calls;
    char *mapped; /* a piece of address space, to be "mapped" */
};

static struct worker workers[THREADS_MAX];
static struct block blocks[THREADS_MAX * STOCK];
static struct block *mailboxes[MAILBOXES];
static uint32_t is_over;
static bool may_stop;

/* --- what is not linked in --- */

long stub_clone(uint64_t flags, void *stack_top, uint32_t *tid, int (*run)(void))
{
    (void)flags, (void)stack_top, (void)tid, (void)run;
    return -EAGAIN;
}

void stub_sigreturn(void)
{
}

void *operator_new_recorded(uint64_t size, uint64_t second, uint64_t third, uint32_t number)
{
    (void)size, (void)second, (void)third, (void)number;
    return NULL;
}

void operator_delete_recorded(void *block, uint64_t second, uint64_t third, uint32_t number)
{
    (void)block, (void)second, (void)third, (void)number;
}

/* --- chance --- */

static uint64_t next_random(uint64_t *random)
{
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    return *random;
}

void stress_step(void)
{
    static __thread uint64_t random;
    if (!random)
        random = (uint64_t)&random * 0x9e3779b97f4a7c15u | 1;
    uint64_t number = next_random(&random) >> 20;
    if (number % SLEEP_EVERY == 0)
        nanosleep(&(struct timespec){.tv_nsec = SLEEP_NS}, NULL);
    else if (number % YIELD_EVERY == 0)
        sched_yield();
}

/* --- what hooks do --- */

static struct thread *begin(void)
{
    uint64_t sp = (uint64_t)__builtin_frame_address(0);
    struct thread *thread = thread_self;
    if (!thread || thread->busy || !thread_begin(thread, BUSY_RECORDING, sp))
        thread = lifecycle_begin(BUSY_RECORDING, sp);
    if (!is_thread(thread)) {
        printf("not a thread: %p\n", (void *)thread);
        exit(1);
    }
    return thread;
}

static __attribute__((noinline)) void allocate(struct worker *worker, struct block *block)
{
    struct thread *thread = begin();
    block->size_bytes = 1 + next_random(&worker->random) % SPAN;
    block->is_live = true;
    heap_allocated(thread, block->address, block->size_bytes, CALLER_PC(), CALLER_SP(),
                   CALLER_FP());
    thread_end(thread);
    worker->tally.alloc_count++;
    worker->tally.alloc_bytes += block->size_bytes;
}

static __attribute__((noinline)) void release(struct worker *worker, struct block *block)
{
    struct thread *thread = begin();
    worker->tally.free_count++;
    worker->tally.freed_bytes += block->size_bytes;
    block->is_live = false;
    heap_freed(thread, block->address);
    thread_end(thread);
}

/* Every other one fails. */
static __attribute__((noinline)) void reallocate(struct worker *worker, struct block *block)
{
    struct thread *thread = begin();
    struct live_block taken = heap_take(block->address);
    if (next_random(&worker->random) & 1) {
        heap_put_back(block->address, taken);
    } else {
        heap_release(thread, block->address, taken);
        worker->tally.free_count++;
        worker->tally.freed_bytes += block->size_bytes;
        block->size_bytes = 1 + next_random(&worker->random) % SPAN;
        heap_allocated(thread, block->address, block->size_bytes, CALLER_PC(), CALLER_SP(),
                       CALLER_FP());
        worker->tally.alloc_count++;
        worker->tally.alloc_bytes += block->size_bytes;
    }
    thread_end(thread);
}

static __attribute__((noinline)) void use_pool(struct worker *worker)
{
    const struct frame_start start = {CALLER_PC(), CALLER_SP(), CALLER_FP()};
    struct guest guest = lifecycle_enter_apart((uint64_t)__builtin_frame_address(0));
    for (int i = 0; i < 4; i++)
        pools_allocated(guest.thread, workers, &worker->stock[i], 8, start);
    for (int i = 0; i < 4; i++)
        pools_freed(guest.thread, workers, &worker->stock[i]);
    lifecycle_leave_apart(&guest);
    worker->tally.pool_count += 4;
}

static __attribute__((noinline)) void use_mapping(struct worker *worker)
{
    const struct frame_start start = {CALLER_PC(), CALLER_SP(), CALLER_FP()};
    uint64_t address = (uint64_t)worker->mapped;
    struct guest guest = lifecycle_enter_apart((uint64_t)__builtin_frame_address(0));
    mappings_added(guest.thread, address, address + 4096, start);
    mappings_released(guest.thread, mappings_detach(address, address + 4096));
    lifecycle_leave_apart(&guest);
    worker->tally.mapped_count++;
}

static void ask(const struct block *block)
{
    struct memtrace_frame frames[DEPTH];
    if (traceback_of_block(block->address, frames, DEPTH) < DEPTH)
        printf("a block has no stack\n");
}

/* --- the workers --- */

/* A block goes to whoever looks there next, who gives it back or goes on with it. */
static struct block *exchange(struct worker *worker, struct block *block)
{
    struct block **box = &mailboxes[next_random(&worker->random) % MAILBOXES];
    struct block *other = __atomic_exchange_n(box, block, __ATOMIC_ACQ_REL);
    return other ? other : __atomic_exchange_n(box, NULL, __ATOMIC_ACQ_REL);
}

static void act(struct worker *worker)
{
    uint64_t choice = next_random(&worker->random) >> 10;
    struct block **place = &worker->stock[choice / 64 % STOCK];
    struct block *block = *place;
    if (choice % 64 == 0)
        use_pool(worker);
    else if (choice % 64 == 1)
        use_mapping(worker);
    else if (!block)
        *place = exchange(worker, NULL);
    else if (choice % 64 == 2 && block->is_live)
        ask(block);
    else if (choice % 64 < 8)
        *place = exchange(worker, block);
    else if (!block->is_live)
        allocate(worker, block);
    else if (choice % 64 < 16)
        reallocate(worker, block);
    else
        release(worker, block);
}

static void descend(struct worker *worker, unsigned path, int depth)
{
    if (depth == 0)
        act(worker);
    else if (path & 1)
        descend(worker, path >> 1, depth - 1);
    else
        descend(worker, path >> 1, depth - 1);
}

static void *work(void *data)
{
    struct worker *worker = data;
    for (uint64_t i = 0; i < worker->calls; i++)
        descend(worker, (unsigned)(next_random(&worker->random) >> 30), DEPTH);
    return NULL;
}

/* --- who reads meanwhile --- */

static bool is_same(const struct totals *a, const struct totals *b)
{
    return a->is_known == b->is_known && a->alloc_count == b->alloc_count &&
           a->alloc_bytes == b->alloc_bytes && a->live_bytes == b->live_bytes;
}

/* By a thread that the recorder knows, as always: where there is one only, it is the one that asks.
 */
static void read_with_world_stopped(void)
{
    if ((!thread_self && !thread_attach()) || !world_stop())
        return;
    struct totals before = totals_now();
    nanosleep(&(struct timespec){.tv_nsec = SLEEP_NS}, NULL);
    struct totals after = totals_now();
    if (!is_same(&before, &after))
        printf("the world moves while it is stopped\n");
    heap_reset_peak();
    world_go_on();
}

static void *look(void *unused)
{
    uint64_t last_count = 0;
    uint64_t i = 0;
    do { /* at least once, however late it gets to run */
        i++;
        struct totals totals = totals_now();
        if (totals.is_known && totals.alloc_count < last_count)
            printf("allocations become fewer\n");
        last_count = totals.alloc_count;
        totals_live_bytes();
        history_tick(clock_monotonic_ns());
        series_tick(0);
        if (i % 16 == 0)
            history_snapshot(0, "moment", 6);
        if (i % 8 == 0)
            thread_code_unloaded();
        if (may_stop)
            read_with_world_stopped();
        nanosleep(&(struct timespec){.tv_nsec = READER_NS}, NULL);
    } while (!__atomic_load_n(&is_over, __ATOMIC_ACQUIRE));
    return unused;
}

/* --- the end --- */

static bool is_equal(uint64_t got, uint64_t expected, const char *what)
{
    if (got != expected)
        printf("%s: %" PRIu64 " instead of %" PRIu64 "\n", what, got, expected);
    return got == expected;
}

static struct tally known(void)
{
    struct tally sum = {0};
    for (int i = 0; i < THREADS_MAX; i++) {
        sum.alloc_count += workers[i].tally.alloc_count;
        sum.alloc_bytes += workers[i].tally.alloc_bytes;
        sum.free_count += workers[i].tally.free_count;
        sum.freed_bytes += workers[i].tally.freed_bytes;
        sum.pool_count += workers[i].tally.pool_count;
        sum.mapped_count += workers[i].tally.mapped_count;
    }
    return sum;
}

static struct trace_counters recorded(enum trace_domain domain)
{
    struct trace_counters sum = {0};
    for (uint32_t i = 1; i < trace_count(SECTION_COUNTERS); i++) {
        const struct trace_counters *counters = &trace.counters[i];
        if (trace.owners[i].thread_domain >> OWNER_DOMAIN_SHIFT != (uint32_t)domain)
            continue;
        sum.alloc_count += counters->alloc_count;
        sum.alloc_bytes += counters->alloc_bytes;
        sum.free_count += counters->free_count;
        sum.freed_bytes += counters->freed_bytes;
    }
    return sum;
}

static void add_block(const void *address, struct live_block block, void *data)
{
    uint64_t *sums = data;
    (void)address;
    sums[0]++;
    sums[1] += block.size_bytes;
}

static void add_held_back(struct thread *thread, void *data)
{
    *(int64_t *)data += thread->unflushed_bytes + thread->nested_bytes;
}

static bool is_right(void)
{
    struct tally tally = known();
    struct trace_counters heap = recorded(DOMAIN_HEAP);
    struct trace_counters pool = recorded(DOMAIN_POOL), mapped = recorded(DOMAIN_MAPPED);
    uint64_t live[2] = {0};
    int64_t live_bytes = trace.header->live_bytes;
    live_visit(add_block, live);
    thread_visit(add_held_back, &live_bytes);
    bool is_ok = is_equal(heap.alloc_count, tally.alloc_count, "allocations");
    is_ok &= is_equal(heap.alloc_bytes, tally.alloc_bytes, "bytes allocated");
    is_ok &= is_equal(heap.free_count, tally.free_count, "frees");
    is_ok &= is_equal(heap.freed_bytes, tally.freed_bytes, "bytes freed");
    is_ok &= is_equal(live[0], tally.alloc_count - tally.free_count, "live blocks in the table");
    is_ok &= is_equal(live[1], tally.alloc_bytes - tally.freed_bytes, "their bytes");
    is_ok &= is_equal((uint64_t)live_bytes, tally.alloc_bytes - tally.freed_bytes,
                      "live bytes in the header");
    is_ok &= is_equal((uint64_t)totals_live_bytes(), tally.alloc_bytes - tally.freed_bytes,
                      "live bytes of the threads");
    is_ok &= is_equal(pool.alloc_count, tally.pool_count, "blocks of pools");
    is_ok &= is_equal(pool.free_count, tally.pool_count, "blocks of pools given back");
    is_ok &= is_equal(mapped.alloc_count, tally.mapped_count, "mappings");
    is_ok &= is_equal(mapped.free_count, tally.mapped_count, "mappings given back");
    for (int i = 0; i < ANOMALY_COUNT; i++)
        if (i != ANOMALY_STACK_CUT && i != ANOMALY_THREADS_FOLDED)
            is_ok &= is_equal(trace.header->anomalies[i], 0, "an anomaly");
    return is_ok;
}

static void prepare(uint64_t seed, uint64_t calls)
{
    static char space[THREADS_MAX * STOCK * SPAN + 16] __attribute__((aligned(16)));
    static char mapped[THREADS_MAX][8192] __attribute__((aligned(4096)));
    for (int i = 0; i < THREADS_MAX * STOCK; i++)
        blocks[i].address = space + i * SPAN;
    for (int i = 0; i < THREADS_MAX; i++) {
        workers[i].random = (seed + (uint64_t)i + 1) * 0x9e3779b97f4a7c15u | 1;
        workers[i].calls = calls;
        workers[i].mapped = mapped[i];
        for (int k = 0; k < STOCK; k++)
            workers[i].stock[k] = &blocks[i * STOCK + k];
    }
}

int main(int argc, char **argv)
{
    if (argc < 5 || !lifecycle_is_recording()) {
        printf("not recording\n");
        return 2;
    }
    int rounds = atoi(argv[1]), threads = atoi(argv[2]);
    pthread_t reader;
    may_stop = argc > 5;
    prepare(strtoull(argv[4], NULL, 10), strtoull(argv[3], NULL, 10));
    work(&workers[0]); /* one thread alone keeps its figures in another way than several */
    pthread_create(&reader, NULL, look, NULL);
    for (int round = 0; round < rounds; round++) {
        for (int i = 1; i <= threads && i < THREADS_MAX; i++)
            pthread_create(&workers[i].id, NULL, work, &workers[i]);
        work(&workers[0]);
        for (int i = 1; i <= threads && i < THREADS_MAX; i++)
            pthread_join(workers[i].id, NULL);
    }
    __atomic_store_n(&is_over, 1, __ATOMIC_RELEASE);
    pthread_join(reader, NULL);
    bool is_ok = is_right();
    printf("%s\n", is_ok ? "right" : "wrong");
    return !is_ok;
}
