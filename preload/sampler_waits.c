/* SPDX-License-Identifier: BSD-2-Clause */
/* sampler_waits.c -- Where threads wait: samples of those that are off the CPU.
 *
 * The ticker's thread looks at the CPU clock of every thread at random intervals. A thread whose
 * clock stands still has not run, so it has the stack that it had: that is counted again, and
 * nobody is woken for it. Of one that has run and sleeps now, the kernel tells where it is; its
 * stack is copied, and the copy is good if the clock is still the same after it. One that runs is
 * left to the sampler of CPU time.
 *
 * Nothing is lost between two looks: what the clock has not counted of the time was spent off the
 * CPU. If the thread slept at both ends, half of that goes to the one stack and half to the other,
 * since the change between them came at any moment of it. Time that a thread was ready to run and
 * had no CPU is what the kernel says, and belongs to where the thread was last seen running. What
 * is then left is found where the thread sleeps next. */
#include "sampler_waits.h"

#include "arena.h"
#include "callsite.h"
#include "clock.h"
#include "frame_pointer.h"
#include "loader.h"
#include "lock.h"
#include "options.h"
#include "small_file.h"
#include "sys.h"
#include "text.h"
#include "thread.h"
#include "trace_file.h"
#include "unwind.h"

#include <sys/uio.h>

enum {
    WATCHED_MAX = 4096,
    REQUESTS_MAX = 64, /* new threads at once */
    PAGE = 4096,
    COPY_FIRST_BYTES = 16 * 1024, /* of a stack; enough for most */
    COPY_MAX_BYTES = 256 * 1024,
    COPY_PIECES_MAX = COPY_MAX_BYTES / PAGE + 1,
    IDLE_LOOKS = 8, /* in a row, before a thread is looked at less often */
    SKIPS_MAX = 15,
    WAITS_NOWHERE = COUNTERS_OVERFLOW /* it sleeps, and its stack cannot be seen */
};

#define SECOND_NS 1000000000ul

/* A thread, and what it was seen to do at the last look. */
struct watched {
    uint32_t tid;        /* 0: free */
    uint32_t thread;     /* in SECTION_THREADS */
    uint32_t waits_at;   /* counters of its stack, which holds while the clock does; 0: it ran */
    uint32_t idle_looks; /* in a row */
    uint32_t looks_to_skip;
    uint64_t looked_ns;
    uint64_t cpu_ns;     /* of its clock */
    uint64_t queued_ns;  /* ready to run, without a CPU, as the kernel counts it */
    uint64_t pending_ns; /* off the CPU, and it is not known yet where */
    struct callsite_cache sites;
};

struct request {
    uint32_t tid;
    uint32_t thread;
    uint64_t start_ns; /* 0: not known */
};

static struct trace_sampler *account;
static struct watched *watched; /* [WATCHED_MAX] */
static uint32_t watched_end;    /* used ones are before this */
static struct unwinder *unwinder;
static char *copied; /* [COPY_MAX_BYTES] */
static uint64_t code_epoch;
static uint64_t due_ns;
static uint64_t own_ns;
static uint64_t ended_ns;    /* pending when threads ended */
static uint32_t quiet_looks; /* at everybody, in a row */

/* --- the account --- */

/* How many samples a time is worth. */
static uint64_t samples_in(uint64_t time_ns)
{
    uint64_t period_ns = account->asked_period_ns;
    uint64_t count = (time_ns + period_ns / 2) / period_ns;
    return count ? count : 1;
}

static void book(uint32_t counters, uint64_t time_ns)
{
    if (!time_ns)
        return;
    uint64_t samples = samples_in(time_ns);
    if (counters < COUNTERS_FIRST_OWNED) {
        account->lost_ns += time_ns;
        account->lost_count += samples;
        return;
    }
    __atomic_fetch_add(&trace.counters[counters].alloc_count, samples, __ATOMIC_RELAXED);
    __atomic_fetch_add(&trace.counters[counters].alloc_bytes, time_ns, __ATOMIC_RELAXED);
    account->samples += samples;
    account->sampled_ns += time_ns;
}

static uint32_t owner(const struct watched *thread)
{
    return thread->thread | (uint32_t)DOMAIN_OFF_CPU << OWNER_DOMAIN_SHIFT;
}

/* --- a thread that sleeps --- */

static bool read_of_thread(const struct watched *thread, const char *name, char *line,
                           size_t capacity)
{
    char path[64];
    struct text text;
    text_init(&text, path, sizeof path);
    text_add(&text, "/proc/self/task/");
    text_add_number(&text, thread->tid);
    text_add(&text, name);
    return small_file_read(path, line, capacity);
}

static const char *last_word(const char *line, const char *end)
{
    while (end > line && end[-1] != ' ')
        end--;
    return end;
}

static uint64_t read_hex(const char *word, const char *end)
{
    uint64_t number = 0;
    for (word += 2; word < end; word++)
        number = number << 4 | (uint64_t)(*word <= '9' ? *word - '0' : *word - 'a' + 10);
    return number;
}

/* "running", or the call, its arguments, sp and pc. */
enum whereabouts {
    RUNS,
    SLEEPS,
    SLEEPS_UNSEEN
};

static enum whereabouts ask_kernel(const struct watched *thread, struct frame_start *at)
{
    char line[256];
    if (!read_of_thread(thread, "/syscall", line, sizeof line))
        return SLEEPS_UNSEEN;
    if (text_after(line, "running"))
        return RUNS;
    const char *end = line + text_length(line);
    while (end > line && end[-1] == '\n')
        end--;
    const char *pc = last_word(line, end);
    const char *sp = pc > line ? last_word(line, pc - 1) : line;
    if (!text_after(pc, "0x") || !text_after(sp, "0x"))
        return SLEEPS_UNSEEN;
    *at = (struct frame_start){
        .pc = read_hex(pc, end), .sp = read_hex(sp, pc - 1), .fp = FRAME_POINTER_UNKNOWN};
    return at->sp ? SLEEPS : SLEEPS_UNSEEN;
}

/* The kernel stops at the first page that is not there, if it is asked for them one by one: the
 * thread may have gone on, and its stack with it. */
static bool copy_stack(uint64_t sp, uint64_t most_bytes, struct stack_copy *copy)
{
    static struct iovec pieces[COPY_PIECES_MAX];
    const struct iovec here = {copied, most_bytes};
    uint32_t count = 0;
    uint64_t end = sp + most_bytes;
    for (uint64_t at = sp; at < end && count < COPY_PIECES_MAX; count++) {
        uint64_t next = (at & ~(uint64_t)(PAGE - 1)) + PAGE;
        pieces[count] = (struct iovec){(void *)at, (next < end ? next : end) - at};
        at = next;
    }
    long length = sys(__NR_process_vm_readv, trace.header->pid, &here, 1, pieces, count, 0);
    *copy = (struct stack_copy){.start = sp, .bytes = copied, .size_bytes = 0};
    if (length > 0)
        copy->size_bytes = (uint64_t)length;
    return length > 0;
}

static bool is_unmoved(const struct watched *thread, uint64_t cpu_ns)
{
    uint64_t now_ns;
    return clock_thread_cpu_ns(thread->tid, &now_ns) && now_ns == cpu_ns;
}

/* Copies the stack and walks it. RUNS: the thread has gone on meanwhile. */
static enum whereabouts walk(const struct watched *thread, const struct frame_start *at,
                             uint64_t cpu_ns)
{
    struct stack_copy copy;
    uint64_t most_bytes = COPY_FIRST_BYTES;
    for (;;) {
        bool is_copied = copy_stack(at->sp, most_bytes, &copy);
        if (!is_unmoved(thread, cpu_ns))
            return RUNS;
        if (!is_copied)
            return SLEEPS_UNSEEN;
        unwinder_walk_copy(unwinder, at, 0, &copy);
        bool is_all = unwinder->root != ROOT_CUT || copy.size_bytes < most_bytes;
        if (is_all || most_bytes == COPY_MAX_BYTES)
            return SLEEPS;
        most_bytes = COPY_MAX_BYTES;
    }
}

static bool is_ours(uint64_t pc)
{
    static struct loaded_object object;
    if (!object.end && !loader_find((uint64_t)(uintptr_t)is_ours, &object))
        return false;
    return pc >= object.start && pc < object.end;
}

/* Calls that no sample may end early pass through us. The path's hash is still that of the whole,
 * and stands for what is left of it. */
static void drop_our_frames(void)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < unwinder->count; i++)
        if (!is_ours(unwinder->frames[i].pc))
            unwinder->frames[kept++] = unwinder->frames[i];
    if (kept)
        unwinder->count = kept;
}

/* The counters of the stack that it sleeps with; 0: it does not. */
static uint32_t find_wait(struct watched *thread, uint64_t cpu_ns)
{
    struct frame_start at;
    enum whereabouts where = ask_kernel(thread, &at);
    if (where == SLEEPS)
        where = walk(thread, &at, cpu_ns);
    if (where == RUNS)
        return 0;
    if (where == SLEEPS_UNSEEN)
        return is_unmoved(thread, cpu_ns) ? WAITS_NOWHERE : 0;
    if (unwinder->root != ROOT_COMPLETE)
        account->truncated_count++;
    drop_our_frames();
    return callsite_counters(&thread->sites, unwinder, owner(thread));
}

/* --- a look --- */

/* The second number of three. */
static uint64_t read_queued_ns(const struct watched *thread)
{
    char line[96];
    uint64_t number = 0;
    const char *at = NULL;
    if (read_of_thread(thread, "/schedstat", line, sizeof line))
        at = text_read_number(line, &number);
    if (!at || *at != ' ' || !text_read_number(at + 1, &number))
        return thread->queued_ns;
    return number;
}

/* Since it was read last. */
static uint64_t newly_queued_ns(struct watched *thread)
{
    uint64_t before_ns = thread->queued_ns;
    thread->queued_ns = read_queued_ns(thread);
    return thread->queued_ns > before_ns ? thread->queued_ns - before_ns : 0;
}

/* Of what is pending, the time in which it only had no CPU. */
static void take_queued(struct watched *thread, uint64_t queued_ns)
{
    uint64_t more_ns = queued_ns < thread->pending_ns ? queued_ns : thread->pending_ns;
    uint32_t ran_at = __atomic_load_n(&trace.threads[thread->thread].ran_at, __ATOMIC_RELAXED);
    if (!more_ns || ran_at < COUNTERS_FIRST_OWNED)
        return;
    uint32_t node = trace.owners[ran_at].node;
    book(callsite_counters_of_node(&thread->sites, node, owner(thread)), more_ns);
    thread->pending_ns -= more_ns;
}

/* Time off the CPU, from one look to the next. */
static void share_out(struct watched *thread, uint64_t off_ns, uint32_t waits_at)
{
    uint64_t queued_ns = newly_queued_ns(thread);
    if (!thread->waits_at) {
        thread->pending_ns += off_ns;
        take_queued(thread, queued_ns);
    } else {
        uint64_t here_ns = waits_at ? off_ns / 2 : off_ns;
        book(thread->waits_at, here_ns);
        thread->pending_ns += off_ns - here_ns;
    }
    if (!waits_at)
        return;
    book(waits_at, thread->pending_ns);
    thread->pending_ns = 0;
}

static void skip_if_idle(struct watched *thread)
{
    if (++thread->idle_looks <= IDLE_LOOKS)
        return;
    uint32_t skips = thread->idle_looks - IDLE_LOOKS;
    thread->looks_to_skip = skips < SKIPS_MAX ? skips : SKIPS_MAX;
}

static void give_up(struct watched *thread)
{
    ended_ns += thread->pending_ns;
    uint64_t mask = lock_enter(&trace_lock);
    callsite_retire(&thread->sites);
    lock_leave(&trace_lock, mask);
    thread->tid = 0;
}

/* Time since the last look, which becomes this one. */
struct span {
    uint64_t all_ns;
    uint64_t on_ns; /* on the CPU */
};

/* False: the thread has ended, or another one has its number. */
static bool measure(struct watched *thread, struct span *span)
{
    uint64_t cpu_ns;
    bool is_there = clock_thread_cpu_ns(thread->tid, &cpu_ns);
    uint64_t now_ns = clock_monotonic_ns();
    if (!is_there || cpu_ns < thread->cpu_ns || now_ns < thread->looked_ns)
        return false;
    span->all_ns = now_ns - thread->looked_ns;
    span->on_ns = cpu_ns - thread->cpu_ns;
    if (span->on_ns > span->all_ns)
        span->all_ns = span->on_ns;
    thread->looked_ns = now_ns;
    thread->cpu_ns = cpu_ns;
    account->cpu_ns += span->all_ns;
    account->on_cpu_ns += span->on_ns;
    return true;
}

/* True if the thread has moved. */
static bool look_at(struct watched *thread)
{
    struct span span;
    if (thread->looks_to_skip) {
        thread->looks_to_skip--;
        return false;
    }
    if (!measure(thread, &span)) {
        give_up(thread);
        return false;
    }
    if (!span.on_ns && thread->waits_at) {
        book(thread->waits_at, span.all_ns);
        skip_if_idle(thread);
        return false;
    }
    thread->idle_looks = 0;
    uint32_t waits_at = find_wait(thread, thread->cpu_ns);
    share_out(thread, span.all_ns - span.on_ns, waits_at);
    thread->waits_at = waits_at;
    return true;
}

/* What is pending has not been found so far. */
static void sum_up(void)
{
    uint64_t sum_ns = ended_ns;
    for (uint32_t i = 0; i < watched_end; i++)
        if (watched[i].tid)
            sum_ns += watched[i].pending_ns;
    account->exited_ns = sum_ns;
}

static void notice_unloading(void)
{
    uint64_t epoch = thread_code_epoch();
    if (code_epoch == epoch)
        return;
    for (uint32_t i = 0; i < watched_end; i++)
        callsite_forget_paths(&watched[i].sites);
    code_epoch = epoch;
}

static uint64_t ticker_cpu_ns(void)
{
    uint64_t time_ns = 0;
    clock_thread_cpu_ns((uint32_t)sys(__NR_gettid), &time_ns);
    return time_ns;
}

/* Random, as all gaps are. Longer when everybody sleeps, which is exact however seldom one looks;
 * and when looking takes more of a CPU than it may. */
static uint64_t next_gap(uint64_t cost_ns, uint64_t random)
{
    uint64_t period_ns = account->asked_period_ns;
    uint64_t least_ns = cost_ns * 100 / options.cpu_budget_percent;
    if (quiet_looks > IDLE_LOOKS)
        period_ns *= quiet_looks - IDLE_LOOKS < 8 ? quiet_looks - IDLE_LOOKS : 8;
    if (period_ns > SECOND_NS / SAMPLER_HZ_MIN)
        period_ns = SECOND_NS / SAMPLER_HZ_MIN;
    if (period_ns < least_ns)
        period_ns = least_ns;
    account->period_ns = account->asked_period_ns > least_ns ? account->asked_period_ns : least_ns;
    return period_ns / 2 + random % (period_ns + 1);
}

void sampler_waits_look(uint64_t now_ns, uint64_t random)
{
    uint64_t begin_ns = ticker_cpu_ns();
    bool has_moved = false;
    notice_unloading();
    for (uint32_t i = 0; i < watched_end; i++)
        if (watched[i].tid)
            has_moved |= look_at(&watched[i]);
    sum_up();
    quiet_looks = has_moved ? 0 : quiet_looks + 1;
    uint64_t cost_ns = ticker_cpu_ns() - begin_ns;
    own_ns += cost_ns;
    account->own_ns = own_ns;
    account->cost_ns = account->cost_ns ? (account->cost_ns * 7 + cost_ns) / 8 : cost_ns;
    due_ns = now_ns + next_gap(account->cost_ns, random);
}

/* --- who is there --- */

struct search {
    uint32_t count;
    struct request requests[REQUESTS_MAX];
};

static void collect(struct thread *thread, void *data)
{
    struct search *search = data;
    struct sampled *sampled = thread->sampled;
    if (!sampled || sampled->is_watched || search->count == REQUESTS_MAX)
        return;
    sampled->is_watched = true;
    search->requests[search->count++] =
        (struct request){thread->tid, thread->index, sampled->start_ns};
}

/* A free one; whoever had this number before has ended. */
static struct watched *make_room(uint32_t tid)
{
    struct watched *room = NULL;
    for (uint32_t i = 0; i < watched_end; i++) {
        if (watched[i].tid == tid)
            give_up(&watched[i]);
        if (!watched[i].tid && !room)
            room = &watched[i];
    }
    return room || watched_end == WATCHED_MAX ? room : &watched[watched_end++];
}

/* A thread that was there before us counts from now on, another one from its birth. */
static void add(const struct request *request)
{
    uint64_t cpu_ns = 0;
    struct watched *room = make_room(request->tid);
    account->threads_seen++;
    if (!room) {
        account->threads_invisible++;
        return;
    }
    if (!request->start_ns && !clock_thread_cpu_ns(request->tid, &cpu_ns))
        return;
    *room = (struct watched){.tid = request->tid, .thread = request->thread, .cpu_ns = cpu_ns};
    room->looked_ns = request->start_ns ? request->start_ns : clock_monotonic_ns();
    room->queued_ns = read_queued_ns(room);
}

void sampler_waits_search(void)
{
    static struct search search;
    do {
        search.count = 0;
        thread_visit(collect, &search);
        for (uint32_t i = 0; i < search.count; i++)
            add(&search.requests[i]);
    } while (search.count == REQUESTS_MAX);
}

/* --- the interface --- */

static bool make_memory(void)
{
    if (!unwinder) {
        unwinder = arena_alloc(sizeof *unwinder + unwinder_bytes(options.depth));
        if (unwinder)
            unwinder_init(unwinder, options.depth, 0, NULL, unwinder + 1);
    }
    if (!copied)
        copied = arena_alloc(COPY_MAX_BYTES);
    if (!watched)
        watched = arena_alloc(WATCHED_MAX * sizeof *watched);
    return unwinder && copied && watched;
}

bool sampler_waits_start(struct trace_sampler *new_account)
{
    if (!new_account || !make_memory())
        return false;
    new_account->domain = DOMAIN_OFF_CPU;
    new_account->asked_period_ns = new_account->period_ns = SECOND_NS / options.wall_hz;
    new_account->start_time_ns = clock_monotonic_ns();
    account = new_account;
    return true;
}

bool sampler_waits_are_on(void)
{
    return account != NULL;
}

uint64_t sampler_waits_due_ns(void)
{
    return account ? due_ns : UINT64_MAX;
}

/* A thread that has moved since it slept has slept for the most part, seldom longer than a gap. */
void sampler_waits_settle(void)
{
    struct span span;
    for (uint32_t i = 0; account && i < watched_end; i++) {
        struct watched *thread = &watched[i];
        if (!thread->tid || !measure(thread, &span))
            continue;
        if (thread->waits_at)
            book(thread->waits_at, span.all_ns - span.on_ns);
        else
            thread->pending_ns += span.all_ns - span.on_ns;
        if (span.on_ns)
            thread->waits_at = 0;
        thread->looks_to_skip = 0;
    }
    if (account)
        sum_up();
}

uint64_t sampler_waits_own_ns(void)
{
    return own_ns;
}

void sampler_waits_after_fork(void)
{
    account = NULL;
    if (watched)
        memset(watched, 0, watched_end * sizeof *watched);
    watched_end = quiet_looks = 0;
    due_ns = own_ns = ended_ns = 0;
}
