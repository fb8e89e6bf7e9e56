/* SPDX-License-Identifier: BSD-2-Clause */
/* sampler_ring.c -- Samples that the kernel takes: perf's task clock of each thread, in a ring.
 *
 * A sample is the user's registers and a piece of the stack; it is walked here, later, by the same
 * rules as every other stack. Nothing is sent to the thread: it may block all signals, and its
 * system calls are not interrupted.
 *
 * The kernel knows periods, not random gaps. So the period is drawn anew every few samples.
 *
 * A sample stands for the period that it was taken with, and a little more or less, such that all
 * of them together stand for the thread's CPU time. What is due since the last look is no measure:
 * looks, too, come when threads wait.
 *
 * Most short threads end without a sample, and the sample of one that
 * has one stands for those, too: at a thread's end each of its last samples stands for a period, as
 * far as there is such time. */
#include "sampler_ring.h"

#include "arena.h"
#include "callsite.h"
#include "clock.h"
#include "first_period.h"
#include "lock.h"
#include "options.h"
#include "renewal.h"
#include "sample.h"
#include "sys.h"
#include "text.h"
#include "trace_file.h"
#include "unwind.h"
#include "unwind_arch.h"

#include <linux/perf_event.h>
#include <sys/mman.h>

enum {
    PAGE = 4096,
    RINGS_MAX = 256,
    STACK_BYTES = 8184, /* of each sample; a multiple of 8: copying them is what samples cost */
    STACK_LARGE_BYTES = 32760, /* for threads that need it */
    RING_BYTES = 256 * 1024,
    RING_LARGE_BYTES = 512 * 1024,
    PLACE_BYTES = 2 * PAGE + RING_BYTES + RING_LARGE_BYTES,
    RECORD_MAX_BYTES = 36 * 1024,
    CORRECTED_IN = 8,       /* samples: that together make up for what is missing */
    CLOCKS_DRIFT_AFTER = 8, /* renewals: an event counts the time that a hypervisor steals, too */
    PERIOD_MIN_NS = 10 * 1000, /* the kernel's */
    MEASURE_NS = 200 * 1000,
    MEASURE_PERIOD_NS = 20 * 1000,
    MEASUREMENTS = 5, /* the middle one counts */
    COST_MIN_NS = 1000
};

struct ring {
    uint32_t tid; /* 0: free */
    uint32_t thread;
    int fd;
    uint32_t ring_bytes;
    uint32_t renewals;
    bool is_too_small; /* for the thread's stack */
    bool is_large;     /* or could not be */
    char *map;
    int first_fd;         /* of the event of one sample, -1: none */
    uint64_t samples;     /* since its period was drawn, hidden ones included */
    uint64_t begun_ns;    /* when that was, by the thread's clock */
    uint64_t first_at_ns; /* when the event of one sample takes it, 0: it does not */
    uint64_t clock_ns;    /* what the event counts from: of the thread before it was opened */
    uint64_t base_ns;     /* where the thread's time begins to matter */
    uint64_t taken_ns;    /* up to here the thread's time is accounted for */
    uint64_t period_ns;   /* now */
    struct renewal renewal;
    uint64_t share_ns; /* what a sample stands for: the period, the first one's mean */
    struct callsite_cache sites;
};

static struct ring *rings; /* [RINGS_MAX] */
static uint32_t ring_end;  /* used ones are before this */
static struct unwinder *unwinder;
static uint64_t code_epoch;
static bool is_user_only;
static bool is_any_large;
static uint64_t ended_ns; /* CPU time of threads that have ended which no sample stands for */
static uint64_t left_ns;  /* the same, at most: by the clock of the process */
static char *record;      /* one that wraps around the end of a ring is put together here */

#if defined(__x86_64__)
#define REGISTERS (1u << 6 | 1u << 7 | 1u << 8) /* bp, sp, ip */
enum {
    REGISTER_FP,
    REGISTER_SP,
    REGISTER_PC,
    REGISTER_COUNT,
    REGISTER_LR = REGISTER_PC
};
#else
#define REGISTERS (1ull << 29 | 1ull << 30 | 1ull << 31 | 1ull << 32) /* x29, lr, sp, pc */
enum {
    REGISTER_FP,
    REGISTER_LR,
    REGISTER_SP,
    REGISTER_PC,
    REGISTER_COUNT
};
#endif

/* --- the kernel's side --- */

static struct perf_event_attr attributes(uint64_t period_ns, uint32_t stack_bytes)
{
    return (struct perf_event_attr){.type = PERF_TYPE_SOFTWARE,
                                    .size = sizeof(struct perf_event_attr),
                                    .config = PERF_COUNT_SW_TASK_CLOCK,
                                    .sample_period = period_ns,
                                    .sample_type = PERF_SAMPLE_REGS_USER | PERF_SAMPLE_STACK_USER,
                                    .exclude_kernel = is_user_only,
                                    .exclude_hv = is_user_only,
                                    .sample_regs_user = REGISTERS,
                                    .sample_stack_user = stack_bytes,
                                    .watermark = 1,
                                    .wakeup_watermark = 1u << 30};
}

static long open_event(uint32_t tid, uint64_t period_ns, uint32_t stack_bytes)
{
    struct perf_event_attr attr = attributes(period_ns, stack_bytes);
    return sys(__NR_perf_event_open, &attr, tid, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

/* One that takes a single sample, into the ring of the other. */
static void open_first_event(struct ring *ring, uint64_t after_ns)
{
    struct perf_event_attr attr = attributes(after_ns, STACK_BYTES);
    attr.disabled = 1;
    long fd = sys(__NR_perf_event_open, &attr, ring->tid, -1, ring->fd,
                  PERF_FLAG_FD_CLOEXEC | PERF_FLAG_FD_NO_GROUP | PERF_FLAG_FD_OUTPUT);
    ring->first_fd = fd < 0 ? -1 : (int)fd;
    if (fd >= 0)
        sys(__NR_ioctl, fd, PERF_EVENT_IOC_REFRESH, 1);
}

static void end_first_event(struct ring *ring)
{
    if (ring->first_fd >= 0)
        sys(__NR_close, ring->first_fd);
    ring->first_fd = -1;
}

/* Mappings that come and go would land in holes that the program has made and has plans for. So
 * each ring has its place in address space of ours, for both of its sizes. */
static char *places;

static char *place_of(const struct ring *ring, uint32_t ring_bytes)
{
    char *place = places + (uint64_t)(ring - rings) * PLACE_BYTES;
    return ring_bytes == RING_BYTES ? place : place + PAGE + RING_BYTES;
}

static bool reserve_places(void)
{
    long address = sys(__NR_mmap, 0, (uint64_t)RINGS_MAX * PLACE_BYTES, PROT_NONE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    places = sys_failed(address) ? NULL : (char *)address;
    return places != NULL;
}

static void leave_place(char *place, uint32_t ring_bytes)
{
    sys(__NR_mmap, place, PAGE + ring_bytes, PROT_NONE,
        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
}

static bool map_ring(struct ring *ring, uint32_t ring_bytes)
{
    char *place = place_of(ring, ring_bytes);
    long address = sys(__NR_mmap, place, PAGE + ring_bytes, PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_FIXED, ring->fd, 0);
    if (sys_failed(address)) {
        leave_place(place, ring_bytes);
        return false;
    }
    ring->map = (char *)address;
    ring->ring_bytes = ring_bytes;
    return true;
}

static bool open_ring(struct ring *ring, uint32_t stack_bytes, uint32_t ring_bytes)
{
    long fd = open_event(ring->tid, ring->period_ns, stack_bytes);
    if (fd < 0)
        return false;
    ring->fd = (int)fd;
    if (map_ring(ring, ring_bytes))
        return true;
    sys(__NR_close, fd);
    return false;
}

static void end_event(struct ring *ring)
{
    if (!ring->map)
        return;
    end_first_event(ring);
    leave_place(ring->map, ring->ring_bytes);
    sys(__NR_close, ring->fd);
    ring->map = NULL;
}

static uint64_t counted_ns(const struct ring *ring)
{
    uint64_t count = 0;
    if (sys(__NR_read, ring->fd, &count, sizeof count) != sizeof count)
        return ring->taken_ns > ring->clock_ns ? ring->taken_ns - ring->clock_ns : 0;
    return count;
}

/* Relates what the event counts to the thread's clock; false if the thread has ended. */
static bool start_clock(struct ring *ring, uint64_t *ret_now_ns)
{
    if (!clock_thread_cpu_ns(ring->tid, ret_now_ns))
        return false;
    ring->clock_ns = 0;
    uint64_t counted = counted_ns(ring);
    ring->clock_ns = *ret_now_ns > counted ? *ret_now_ns - counted : 0;
    return true;
}

/* --- what a sample costs --- */

static uint64_t spin(uint64_t time_ns)
{
    uint64_t turns = 0;
    uint64_t end_ns = clock_monotonic_ns() + time_ns;
    while (clock_monotonic_ns() < end_ns)
        turns++;
    return turns;
}

/* Turns of a loop, with samples and without. */
static uint64_t measure_once(void)
{
    struct ring *ring = &rings[0]; /* nobody's yet */
    *ring = (struct ring){
        .tid = (uint32_t)sys(__NR_gettid), .first_fd = -1, .period_ns = MEASURE_PERIOD_NS};
    uint64_t without = spin(MEASURE_NS);
    if (!open_ring(ring, STACK_BYTES, RING_BYTES))
        return 0;
    uint64_t with = spin(MEASURE_NS);
    end_event(ring);
    ring->tid = 0;
    if (with >= without)
        return 0;
    return (without - with) * MEASURE_NS / without * MEASURE_PERIOD_NS / MEASURE_NS;
}

static uint64_t measure(void)
{
    uint64_t costs[MEASUREMENTS];
    for (int i = 0; i < MEASUREMENTS; i++) {
        uint64_t cost_ns = measure_once();
        int k = i;
        for (; k > 0 && costs[k - 1] > cost_ns; k--)
            costs[k] = costs[k - 1];
        costs[k] = cost_ns;
    }
    uint64_t middle_ns = costs[MEASUREMENTS / 2];
    return middle_ns > COST_MIN_NS ? middle_ns : COST_MIN_NS;
}

static bool make_memory(void)
{
    if (!unwinder) {
        unwinder = arena_alloc(sizeof *unwinder + unwinder_bytes(options.depth));
        if (unwinder)
            unwinder_init(unwinder, options.depth, 0, NULL, unwinder + 1);
    }
    if (!rings)
        rings = arena_alloc(RINGS_MAX * sizeof *rings);
    if (!record)
        record = arena_alloc(RECORD_MAX_BYTES);
    return unwinder && rings && record && (places || reserve_places());
}

long sampler_ring_try(bool *ret_is_user_only, uint64_t *ret_cost_ns)
{
    if (!make_memory())
        return -ENOMEM;
    is_user_only = false;
    long fd = open_event(0, MEASURE_PERIOD_NS, STACK_BYTES);
    if (fd == -EACCES) {
        is_user_only = true;
        fd = open_event(0, MEASURE_PERIOD_NS, STACK_BYTES);
    }
    if (fd < 0)
        return fd;
    sys(__NR_close, fd);
    *ret_is_user_only = is_user_only;
    *ret_cost_ns = measure();
    return 0;
}

/* --- rings --- */

static struct ring *free_ring(void)
{
    for (uint32_t i = 0; i < ring_end; i++)
        if (!rings[i].tid)
            return &rings[i];
    return ring_end < RINGS_MAX ? &rings[ring_end++] : NULL;
}

/* Where the regular event has not yet any. The sample that should have been taken before this
 * moment is taken now. */
static void sample_beginning(struct ring *ring, uint64_t now_ns, uint64_t at_ns)
{
    uint64_t passed_ns = now_ns - ring->taken_ns;
    uint64_t after_ns = at_ns > passed_ns ? at_ns - passed_ns : 0;
    if (after_ns < PERIOD_MIN_NS)
        after_ns = PERIOD_MIN_NS;
    ring->first_at_ns = now_ns + after_ns;
    open_first_event(ring, after_ns);
}

/* For deeper stacks, in place of the one that it may have. If there is no room, all stays as it is.
 */
static bool enlarge(struct ring *ring)
{
    struct ring small = *ring;
    ring->is_large = true;
    if (!open_ring(ring, STACK_LARGE_BYTES, RING_LARGE_BYTES)) {
        ring->fd = small.fd;
        return false;
    }
    end_event(&small);
    is_any_large = true;
    return true;
}

/* The first thread's stack is the deep one, most often. */
static bool open_first_ring(struct ring *ring)
{
    return (ring->tid == trace.header->pid && enlarge(ring)) ||
           open_ring(ring, STACK_BYTES, RING_BYTES);
}

bool sampler_ring_add(const struct ring_request *request, uint64_t period_ns, uint64_t random)
{
    uint64_t now_ns = 0;
    struct first_period first = first_period_draw(period_ns, random);
    struct ring *ring = free_ring();
    if (!ring)
        return false;
    *ring = (struct ring){.tid = request->tid,
                          .thread = request->thread,
                          .first_fd = -1,
                          .period_ns = first.period_ns,
                          .share_ns = period_ns};
    if (!open_first_ring(ring) || !start_clock(ring, &now_ns)) {
        end_event(ring);
        ring->tid = 0;
        return false;
    }
    ring->base_ns = request->base_cpu_ns;
    ring->taken_ns = ring->renewal.since_ns = request->taken_cpu_ns;
    ring->begun_ns = ring->clock_ns;
    if (first.early_ns)
        sample_beginning(ring, now_ns, first.early_ns);
    return true;
}

static void close_ring(struct ring *ring)
{
    end_event(ring);
    uint64_t mask = lock_enter(&trace_lock);
    callsite_retire(&ring->sites);
    lock_leave(&trace_lock, mask);
    ring->tid = 0;
}

void sampler_ring_drop_all(void)
{
    for (uint32_t i = 0; i < ring_end; i++)
        if (rings[i].tid) {
            rings[i].fd = rings[i].first_fd = -1; /* closed with the one that had them */
            close_ring(&rings[i]);
        }
    ring_end = 0;
}

/* The kernel has not copied the mappings: there are holes now that may be the program's. */
void sampler_ring_after_fork(void)
{
    places = NULL;
    ended_ns = 0;
    if (rings)
        memset(rings, 0, RINGS_MAX * sizeof *rings);
    ring_end = 0;
}

uint64_t sampler_ring_patience_ns(uint64_t period_ns)
{
    uint64_t samples = RING_BYTES / (STACK_BYTES + 64);
    if (is_any_large)
        samples = RING_LARGE_BYTES / (STACK_LARGE_BYTES + 64);
    return period_ns * samples * 2 / 3;
}

/* --- records --- */

struct body {
    const uint64_t *words;
    const uint64_t *end;
    bool is_in_kernel;
};

/* What comes with a sample: abi, registers; size, stack, how much of it was copied. */
static bool read_body(const struct body *body, struct interrupted *at, struct stack_copy *copy)
{
    const uint64_t *words = body->words;
    if (words + 1 + REGISTER_COUNT + 2 > body->end || words[0] == PERF_SAMPLE_REGS_ABI_NONE)
        return false;
    const uint64_t *registers = words + 1;
    at->start = (struct frame_start){
        .pc = registers[REGISTER_PC], .sp = registers[REGISTER_SP], .fp = registers[REGISTER_FP]};
    at->lr = registers[REGISTER_LR];
    words = registers + REGISTER_COUNT;
    uint64_t size_bytes = *words++;
    if (size_bytes / 8 >= (uint64_t)(body->end - words))
        return false;
    uint64_t copied = words[size_bytes / 8];
    *copy = (struct stack_copy){.start = at->start.sp,
                                .bytes = (const char *)words,
                                .size_bytes = copied < size_bytes ? copied : size_bytes};
    return true;
}

static void take_sample(struct ring *ring, const struct body *body, uint64_t time_ns)
{
    struct sample sample = {
        .domain = DOMAIN_CPU, .time_ns = time_ns, .is_in_kernel = body->is_in_kernel};
    struct sample_owner owner = {ring->thread, &ring->sites};
    struct interrupted at;
    struct stack_copy copy;
    if (!read_body(body, &at, &copy)) {
        sample_lose(&sample);
        return;
    }
    unwinder_walk_copy(unwinder, &at.start, at.lr, &copy);
    ring->is_too_small |= unwinder->root == ROOT_CUT && copy.size_bytes >= STACK_BYTES;
    sample_count(&owner, unwinder, &sample);
}

/* The record at this place, in one piece; NULL if it makes no sense. */
static const struct perf_event_header *record_at(const struct ring *ring, uint64_t tail,
                                                 uint64_t head)
{
    const char *data = ring->map + PAGE;
    uint64_t at = tail % ring->ring_bytes;
    const struct perf_event_header *header = (const void *)(data + at);
    uint64_t size_bytes = header->size;
    if (size_bytes < sizeof *header || size_bytes > head - tail || size_bytes > RECORD_MAX_BYTES)
        return NULL;
    if (at + size_bytes <= ring->ring_bytes)
        return header;
    uint64_t first_bytes = ring->ring_bytes - at;
    memcpy(record, data + at, first_bytes);
    memcpy(record + first_bytes, data, size_bytes - first_bytes);
    return (const void *)record;
}

enum drain {
    DRAIN_OFTEN,
    DRAIN_ENDED,  /* the thread has */
    DRAIN_FINALLY /* the program has */
};

struct contents {
    uint64_t samples;
    uint64_t lost;
    uint64_t hidden;
    uint64_t records_begin;
    uint64_t records_end;
};

static void count_records(const struct ring *ring, uint64_t tail, uint64_t head,
                          struct contents *contents)
{
    *contents = (struct contents){.records_begin = tail, .records_end = tail};
    while (contents->records_end < head) {
        const struct perf_event_header *header = record_at(ring, contents->records_end, head);
        if (!header) {
            contents->records_end = head;
            return;
        }
        if (header->type == PERF_RECORD_SAMPLE)
            contents->samples++;
        else if (header->type == PERF_RECORD_LOST)
            contents->lost += ((const uint64_t *)(header + 1))[1];
        contents->records_end += header->size;
    }
}

static void take_records(struct ring *ring, uint64_t tail, uint64_t head, uint64_t time_ns)
{
    while (tail < head) {
        const struct perf_event_header *header = record_at(ring, tail, head);
        if (!header)
            return;
        struct body body = {.words = (const void *)(header + 1),
                            .end = (const void *)((const char *)header + header->size),
                            .is_in_kernel = (header->misc & PERF_RECORD_MISC_CPUMODE_MASK) ==
                                            PERF_RECORD_MISC_KERNEL};
        if (header->type == PERF_RECORD_SAMPLE)
            take_sample(ring, &body, time_ns);
        tail += header->size;
    }
}

/* Of a thread that has ended. A little more than a period, or time would pile up. */
static uint64_t last_share_ns(const struct trace_sampler *account, uint64_t samples,
                              uint64_t time_ns)
{
    uint64_t most_ns = account->period_ns + account->period_ns / 4;
    ended_ns += time_ns;
    if (ended_ns > left_ns)
        ended_ns = left_ns;
    if (!samples)
        return 0;
    uint64_t each_ns = ended_ns / samples < most_ns ? ended_ns / samples : most_ns;
    ended_ns -= each_ns * samples;
    left_ns -= each_ns * samples;
    return each_ns;
}

/* Samples that there would have been if those in the kernel were not hidden from us. */
static uint64_t expected_samples(const struct ring *ring, uint64_t clock_ns)
{
    if (clock_ns <= ring->begun_ns)
        return 0;
    bool has_first = ring->first_at_ns && clock_ns >= ring->first_at_ns;
    return (clock_ns - ring->begun_ns) / ring->period_ns + has_first;
}

/* Of a thread that goes on. What is left over is for the samples to come. */
static uint64_t share_ns(const struct ring *ring, uint64_t samples, uint64_t time_ns)
{
    double missing_ns = (double)time_ns - (double)(samples * ring->share_ns);
    double each_ns = (double)ring->share_ns + missing_ns / (double)(samples + CORRECTED_IN);
    double most_ns = (double)time_ns / (double)samples;
    return (uint64_t)(each_ns < most_ns ? each_ns : most_ns);
}

/* All samples stand for the same: those that are seen, those that were lost, and those in the
 * kernel. */
static void share_out(struct ring *ring, struct trace_sampler *account,
                      const struct contents *contents, uint64_t time_ns, enum drain drain)
{
    uint64_t all = contents->samples + contents->lost + contents->hidden;
    if (!all && drain != DRAIN_ENDED)
        return; /* whoever is sampled next stands for it */
    uint64_t each_ns = drain == DRAIN_ENDED     ? last_share_ns(account, all, time_ns)
                       : drain == DRAIN_FINALLY ? time_ns / all
                                                : share_ns(ring, all, time_ns);
    ring->taken_ns += drain == DRAIN_ENDED ? time_ns : each_ns * all;
    ring->samples += all;
    account->kernel_ns += contents->hidden * each_ns;
    account->lost_count += contents->lost;
    account->lost_ns += contents->lost * each_ns;
    take_records(ring, contents->records_begin, contents->records_end, each_ns);
}

/* clock_ns of 0: the thread has ended, and nobody here can ask for how long it ran since. */
static void drain(struct ring *ring, struct trace_sampler *account, uint64_t clock_ns,
                  enum drain how)
{
    struct perf_event_mmap_page *page = (void *)ring->map;
    uint64_t head = __atomic_load_n(&page->data_head, __ATOMIC_ACQUIRE);
    struct contents contents;
    count_records(ring, page->data_tail, head, &contents);
    uint64_t fresh = contents.samples + contents.lost;
    if (!clock_ns)
        clock_ns = ring->taken_ns + fresh * ring->period_ns;
    if (clock_ns <= ring->taken_ns)
        return;
    trace.threads[ring->thread].cpu_ns = clock_ns - ring->base_ns;
    uint64_t expected = is_user_only ? expected_samples(ring, clock_ns) : 0;
    contents.hidden = expected > ring->samples + fresh ? expected - ring->samples - fresh : 0;
    share_out(ring, account, &contents, clock_ns - ring->taken_ns, how);
    __atomic_store_n(&page->data_tail, head, __ATOMIC_RELEASE);
}

static void change_period(struct ring *ring, uint64_t period_ns, uint64_t clock_ns, uint32_t random)
{
    uint64_t now_ns;
    ring->period_ns = ring->share_ns =
        renewal_draw(&ring->renewal, period_ns, clock_ns, ring->samples, random);
    ring->samples = ring->first_at_ns = 0;
    end_first_event(ring);
    if (ring->is_too_small && !ring->is_large && enlarge(ring)) {
        start_clock(ring, &now_ns);
        ring->begun_ns = ring->clock_ns;
    } else {
        sys(__NR_ioctl, ring->fd, PERF_EVENT_IOC_PERIOD, &ring->period_ns);
        clock_thread_cpu_ns(ring->tid, &ring->begun_ns);
        if (++ring->renewals % CLOCKS_DRIFT_AFTER == 0)
            start_clock(ring, &now_ns);
    }
}

static void notice_unloading(void)
{
    uint64_t epoch = thread_code_epoch();
    if (code_epoch == epoch)
        return;
    for (uint32_t i = 0; i < ring_end; i++)
        callsite_forget_paths(&rings[i].sites);
    code_epoch = epoch;
}

/* Of the CPU time of the process, what is neither accounted for nor waits in a ring. */
static uint64_t time_left_ns(const struct trace_sampler *account, uint64_t cpu_ns)
{
    uint64_t known_ns =
        account->sampled_ns + account->overrun_ns + account->kernel_ns + account->lost_ns;
    for (uint32_t i = 0; i < ring_end; i++) {
        uint64_t clock_ns;
        if (rings[i].tid && clock_thread_cpu_ns(rings[i].tid, &clock_ns))
            known_ns += clock_ns - rings[i].taken_ns;
    }
    return cpu_ns > known_ns ? cpu_ns - known_ns : 0;
}

void sampler_ring_drain(struct trace_sampler *account, uint64_t cpu_ns, bool is_finally)
{
    notice_unloading();
    for (uint32_t i = 0; i < ring_end; i++) {
        uint64_t clock_ns;
        if (rings[i].tid && clock_thread_cpu_ns(rings[i].tid, &clock_ns))
            drain(&rings[i], account, clock_ns, is_finally ? DRAIN_FINALLY : DRAIN_OFTEN);
    }
    left_ns = time_left_ns(account, cpu_ns);
    for (uint32_t i = 0; i < ring_end; i++) {
        uint64_t clock_ns;
        if (rings[i].tid && !clock_thread_cpu_ns(rings[i].tid, &clock_ns))
            drain(&rings[i], account, 0, DRAIN_ENDED);
    }
}

static bool is_to_renew(const struct ring *ring, uint64_t clock_ns)
{
    return (ring->is_too_small && !ring->is_large) ||
           renewal_is_due(ring->tid, clock_ns, ring->samples);
}

/* The event goes on counting until its thread's end, which is when the thread's clock is gone. */
void sampler_ring_renew(struct trace_sampler *account, uint64_t *random_state)
{
    for (uint32_t i = 0; i < ring_end; i++) {
        struct ring *ring = &rings[i];
        uint64_t clock_ns;
        if (!ring->tid)
            continue;
        if (!clock_thread_cpu_ns(ring->tid, &clock_ns)) {
            drain(ring, account, ring->clock_ns + counted_ns(ring), DRAIN_ENDED);
            close_ring(ring);
        } else if (is_to_renew(ring, clock_ns)) {
            *random_state = *random_state * 6364136223846793005u + 1442695040888963407u;
            change_period(ring, account->period_ns, clock_ns, (uint32_t)(*random_state >> 32));
        }
    }
}
