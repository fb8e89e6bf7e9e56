/* SPDX-License-Identifier: BSD-2-Clause */
/* ticker.c -- The one thread of ours in the program: it keeps time, history and triggers going.
 *
 * Made by a bare clone, so that libc does not know of it: to libc, and to us, a program with one
 * thread still has one. It has no TLS but its creator's, so nothing it calls may touch thread_self
 * or errno; it takes no signals; and it has a table of file descriptors of its own, so that those
 * it opens for an instant never take a number from the program, nor hold a pipe open. It ends by
 * itself when the program's last thread has, since the process would otherwise live on for it
 * alone. */
#include "ticker.h"

#include "arena.h"
#include "clock.h"
#include "history.h"
#include "live.h"
#include "lock.h"
#include "options.h"
#include "sampler.h"
#include "series.h"
#include "small_file.h"
#include "stubs.h"
#include "sys.h"
#include "text.h"
#include "thread.h"
#include "trace_file.h"
#include "trigger.h"

#include <linux/close_range.h>
#include <linux/futex.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <sys/mman.h>
#include <time.h>

enum {
    STACK_BYTES = 64 * 1024,
    GUARD_BYTES = 4096,
    OWN_THREADS = 1,
    BEAT_NS = 100 * 1000 * 1000,
    SLACK_NS = 2 * 1000 * 1000, /* how much later the kernel may wake it, to spare the machine */
    SAMPLER_SLACK_NS = 1,
    SAMPLER_SLICE_NS = 100 * 1000
};

static struct lock ticker_lock; /* guards who starts and stops it */
static char *stack;
static uint32_t tid;     /* cleared by the kernel at the thread's end */
static uint32_t pid;     /* of the process it is for; 0: it is not wanted */
static uint32_t pauses;  /* under way */
static uint32_t wakeups; /* a futex */
static bool is_to_end;

/* --- the thread --- */

/* The program's first thread as the kernel sees it. */
struct first_thread {
    bool is_known;
    bool has_ended; /* but is kept, since the process goes on */
    uint64_t thread_count;
    uint64_t exit_code; /* as wait() tells it */
};

/* The number that comes so many fields after the one at text. */
static uint64_t number_after(const char *text, int fields)
{
    uint64_t number = 0;
    for (; *text && fields > 0; fields--)
        while (*++text && *text != ' ')
            ;
    return *text && text_read_number(text + 1, &number) ? number : 0;
}

/* pid (name) state …: the name may be anything. The 20th field is the number of threads, the 52nd
 * the exit code. */
static struct first_thread read_first_thread(void)
{
    char line[800];
    char path[48];
    struct first_thread first = {0};
    struct text text;
    text_init(&text, path, sizeof path);
    text_add(&text, "/proc/self/task/");
    text_add_number(&text, pid);
    text_add(&text, "/stat");
    if (!small_file_read(path, line, sizeof line))
        return first;
    const char *state = NULL;
    for (const char *c = line; *c; c++)
        if (*c == ')')
            state = c + 1;
    if (!state)
        return first;
    first.is_known = true;
    first.has_ended = text_after(state, " Z") || text_after(state, " X");
    first.thread_count = number_after(state, 20 - 3);
    first.exit_code = number_after(state, 52 - 3);
    return first;
}

/* Recent kernels take the exit code of the thread that ends last for the process's. That would be
 * ours. */
static bool is_first_outlived; /* by other threads of the program */
static int others_exit_code;   /* of the one that ended last, as far as it told */

static int first_exit_code; /* of the first one, if it told */

static int exit_code_of(const struct first_thread *first)
{
    if (is_first_outlived)
        return others_exit_code;
    return first->is_known ? (int)(first->exit_code >> 8 & 0xff) : first_exit_code;
}

/* glibc gives each thread a robust list, which the kernel forgets when the thread ends. So this is
 * a cheap way to see that the first thread may have. If it has, and ours is the only other one, the
 * program is over. */
static bool is_program_gone(int *ret_exit_code)
{
    void *list = NULL;
    size_t size_bytes;
    if (sys(__NR_get_robust_list, pid, &list, &size_bytes) == 0 && list)
        return false;
    struct first_thread first = read_first_thread();
    if (first.is_known && !first.has_ended)
        return false;
    *ret_exit_code = exit_code_of(&first);
    if (!first.is_known || first.thread_count <= 2)
        return true;
    is_first_outlived = true;
    return false;
}

static void beat(uint64_t now_ns)
{
    struct trace_header *header = trace.header;
    if (__atomic_load_n(&header->state, __ATOMIC_RELAXED) != TRACE_RUNNING)
        return;
    header->last_seen_ns = now_ns;
    live_tick(now_ns);
    if (now_ns >= history_due_ns())
        history_tick(now_ns);
    if (now_ns >= series_due_ns())
        series_tick(OWN_THREADS);
    trigger_check(now_ns);
}

/* When it is to look again. Whether the program has ended it looks at every beat. */
static uint64_t next_ns(uint64_t now_ns)
{
    uint64_t next_ns = now_ns + BEAT_NS;
    if (history_due_ns() < next_ns)
        next_ns = history_due_ns();
    if (series_due_ns() < next_ns)
        next_ns = series_due_ns();
    return next_ns;
}

static void wait_until(uint64_t time_ns, uint32_t seen)
{
    struct timespec until = {(time_t)(time_ns / 1000000000), (long)(time_ns % 1000000000)};
    sys(__NR_futex, &wakeups, FUTEX_WAIT_BITSET_PRIVATE, seen, &until, 0, FUTEX_BITSET_MATCH_ANY);
}

static uint64_t earliest(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* The kernel's struct sched_attr, in its first version. */
struct scheduling {
    uint32_t size_bytes;
    uint32_t policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t slice_ns;
    uint64_t deadline_ns;
    uint64_t period_ns;
};

/* Who asks for less at a time gets it earlier, with recent kernels: where all CPUs are busy, a new
 * thread would else have ended before the sampler gets to see it. Nobody has less time for it. */
static void shorten_slice(void)
{
    struct scheduling own = {0};
    if (sys(__NR_sched_getattr, 0, &own, sizeof own, 0) != 0 ||
        (own.policy != SCHED_NORMAL && own.policy != SCHED_BATCH))
        return;
    own.slice_ns = SAMPLER_SLICE_NS;
    sys(__NR_sched_setattr, 0, &own, 0);
}

static int run(void)
{
    int exit_code = 0;
    uint64_t heard = 0;
    uint64_t beat_due_ns = 0;
    sys(__NR_prctl, PR_SET_NAME, "memtrace");
    sys(__NR_prctl, PR_SET_TIMERSLACK, sampler_is_on() ? SAMPLER_SLACK_NS : SLACK_NS);
    sys(__NR_close_range, 0, ~0u, CLOSE_RANGE_UNSHARE);
    if (sampler_is_on())
        shorten_slice();
    for (;;) {
        uint32_t seen = __atomic_load_n(&wakeups, __ATOMIC_ACQUIRE);
        if (__atomic_load_n(&is_to_end, __ATOMIC_ACQUIRE))
            return exit_code;
        uint64_t now_ns = clock_monotonic_ns();
        if (now_ns >= beat_due_ns || heard != seen) {
            if (is_program_gone(&exit_code))
                return exit_code;
            beat(now_ns);
            heard = seen;
            beat_due_ns = next_ns(now_ns);
        }
        sampler_tick(now_ns);
        wait_until(earliest(beat_due_ns, sampler_due_ns()), seen);
    }
}

/* Also by signal handlers. */
static void wake(void)
{
    __atomic_fetch_add(&wakeups, 1, __ATOMIC_RELEASE);
    sys(__NR_futex, &wakeups, FUTEX_WAKE_PRIVATE, 1);
}

/* --- starting and stopping it, under ticker_lock, which blocks all signals --- */

/* The guard may be read: it can lie among this library's data, where garbage collectors look for
 * pointers. */
static bool has_stack(void)
{
    if (stack)
        return true;
    stack = arena_map(STACK_BYTES);
    if (stack)
        sys(__NR_mprotect, stack, GUARD_BYTES, PROT_READ);
    return stack != NULL;
}

static void create(void)
{
    const uint64_t flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
                           CLONE_SYSVSEM | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID;
    is_to_end = false;
    if (has_stack() && sys_failed(stub_clone(flags, stack + STACK_BYTES, &tid, run)))
        tid = 0;
}

/* The kernel clears tid and wakes us some time before the thread has left the process. */
static void join(uint32_t ending)
{
    const struct timespec moment = {.tv_nsec = 20000};
    uint32_t now;
    while ((now = __atomic_load_n(&tid, __ATOMIC_ACQUIRE)) != 0)
        sys(__NR_futex, &tid, FUTEX_WAIT, now, 0);
    for (int tries = 0; sys(__NR_tgkill, pid, ending, 0) != -ESRCH; tries++)
        if (tries > 20) /* it may wait for our CPU */
            sys(__NR_nanosleep, &moment, 0);
}

static void destroy(void)
{
    uint32_t ending = __atomic_load_n(&tid, __ATOMIC_ACQUIRE);
    if (!ending)
        return;
    __atomic_store_n(&is_to_end, true, __ATOMIC_RELEASE);
    wake();
    join(ending);
}

/* --- the interface --- */

void ticker_start(void)
{
    if (!options.has_ticker)
        return;
    uint64_t mask = lock_enter(&ticker_lock);
    if (!pid) {
        pid = (uint32_t)sys(__NR_getpid);
        trigger_begin(wake);
        sampler_begin(wake);
        if (!pauses)
            create();
    }
    lock_leave(&ticker_lock, mask);
}

static bool is_ours(void)
{
    uint32_t owner = __atomic_load_n(&pid, __ATOMIC_ACQUIRE);
    /* A child may have the same number in a namespace of its own. */
    return owner && *thread_generation != 0 && owner == (uint32_t)sys(__NR_getpid);
}

bool ticker_is_others(void)
{
    bool has_own_memory = *thread_generation == 0;
    return __atomic_load_n(&pid, __ATOMIC_ACQUIRE) && !has_own_memory && !is_ours();
}

bool ticker_pause(void)
{
    if (!is_ours())
        return false;
    uint64_t mask = lock_enter(&ticker_lock);
    if (pauses++ == 0)
        destroy();
    lock_leave(&ticker_lock, mask);
    return true;
}

void ticker_resume(void)
{
    if (!__atomic_load_n(&pid, __ATOMIC_ACQUIRE))
        return;
    uint64_t mask = lock_enter(&ticker_lock);
    if (--pauses == 0)
        create();
    lock_leave(&ticker_lock, mask);
}

uint32_t ticker_thread_count(void)
{
    return __atomic_load_n(&tid, __ATOMIC_ACQUIRE) && is_ours() ? OWN_THREADS : 0;
}

/* Without a system call. */
void ticker_end(void)
{
    options.has_ticker = false;
    series_stop();
    __atomic_store_n(&pid, 0, __ATOMIC_RELEASE);
}

/* libc's own threads end with code 0 and without a word. */
void ticker_note_exit(int exit_code)
{
    if (!is_ours())
        return;
    if ((uint32_t)sys(__NR_gettid) != pid) {
        others_exit_code = exit_code & 0xff;
        return;
    }
    is_first_outlived = read_first_thread().thread_count > 2;
    first_exit_code = exit_code & 0xff;
    others_exit_code = 0;
}

void ticker_after_fork(void)
{
    is_first_outlived = false;
    first_exit_code = others_exit_code = 0;
    lock_reset(&ticker_lock);
    tid = 0;
    pid = 0;
    pauses = 0;
}
