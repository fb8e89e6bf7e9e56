/* SPDX-License-Identifier: BSD-2-Clause */
/* lifecycle.c -- Start, fork, exec, exit: who owns the trace now.
 *
 * Started by the first call of the allocation family, or by the constructor (the library is
 * linked initfirst, so that comes before every other library's), whichever is earlier.
 *
 * A forked child is recognised at its first call by the page that the kernel wiped, whatever
 * made the process. It still has its parent's trace mapped and must not write to it. Many
 * children only live until exec, so it first just counts, and gets its own trace when it has
 * done something worth one. The table of live blocks is private memory and came along. */
#include "lifecycle.h"

#include "arena.h"
#include "callsite.h"
#include "clock.h"
#include "filter.h"
#include "heap.h"
#include "history.h"
#include "live.h"
#include "loader.h"
#include "lock.h"
#include "mappings.h"
#include "marks.h"
#include "modules.h"
#include "operators.h"
#include "options.h"
#include "pools.h"
#include "real.h"
#include "rules.h"
#include "sampler.h"
#include "sampling.h"
#include "series.h"
#include "stubs.h"
#include "sys.h"
#include "text.h"
#include "ticker.h"
#include "totals.h"
#include "trace_file.h"
#include "world.h"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

enum {
    WORTH_CALLS = 256,       /* of a forked child's allocations, before it gets its own trace */
    WORTH_BYTES = 64 * 1024, /* or this many bytes */
    WORTH_CPU_NS = 10 * 1000 * 1000, /* or this much CPU time, if that is sampled */
    NESTED_STACK_BYTES = 8 * 1024 * 1024,
    READY_BYTES = 8 * 1024 * 1024 /* of memory, where it cannot be had later */
};

enum state {
    STATE_NEW,
    STATE_STARTING,
    STATE_READY,
    STATE_BEFORE_OWN_TRACE,
    STATE_INERT
};

static enum state state;
static struct lock promotion_lock;
static struct trace_string program_string;
static struct trace_string executable_string;

/* A forked child's account until it has its own trace. Atomic: it may have threads by then. */
static struct {
    struct trace_counters blocks;
    uint64_t calls[CALL_MAX];
    uint64_t mapped_count;
    uint64_t mapped_bytes;
} before;

extern void *__libc_stack_end;

/* --- start --- */

struct kernel_handover {
    char **arguments;
    char **environment;
    uint64_t vdso;
    const uint64_t *random;
    uint64_t program_headers;
    uint64_t program_header_count;
    bool is_secure;
};

/* What the kernel put above the stack: argc, argv, envp, auxv. No getenv: programs replace it. */
static struct kernel_handover read_handover(void)
{
    struct kernel_handover handover = {0};
    uint64_t *words = __libc_stack_end;
    uint64_t count = *words;
    handover.arguments = (char **)(words + 1);
    handover.environment = handover.arguments + count + 1;
    char **end = handover.environment;
    while (*end)
        end++;
    const ElfW(auxv_t) *auxv = (const void *)(end + 1);
    for (; auxv->a_type != AT_NULL; auxv++) {
        if (auxv->a_type == AT_SYSINFO_EHDR)
            handover.vdso = auxv->a_un.a_val;
        else if (auxv->a_type == AT_RANDOM)
            handover.random = (const uint64_t *)auxv->a_un.a_val;
        else if (auxv->a_type == AT_PHDR)
            handover.program_headers = auxv->a_un.a_val;
        else if (auxv->a_type == AT_PHNUM)
            handover.program_header_count = auxv->a_un.a_val;
        else if (auxv->a_type == AT_SECURE)
            handover.is_secure = auxv->a_un.a_val != 0;
    }
    return handover;
}

static void name_program(const struct kernel_handover *handover)
{
    const char *name = handover->arguments[0] ? handover->arguments[0] : "";
    static char executable[4096]; /* too large for a stack; this runs once */
    long length = sys(__NR_readlinkat, AT_FDCWD, "/proc/self/exe", executable, sizeof executable);
    program_string = trace_add_string(name, text_length(name));
    executable_string = trace_add_string(executable, length > 0 ? (size_t)length : 0);
    trace.header->program = program_string;
    trace.header->executable = executable_string;
}

static void tell_pause(void)
{
    if (sampling_is_paused && options.has_heap)
        __atomic_fetch_or(&trace.header->flags, TRACE_PAUSED, __ATOMIC_RELAXED);
    else
        __atomic_fetch_and(&trace.header->flags, ~(uint32_t)TRACE_PAUSED, __ATOMIC_RELAXED);
}

static void tell_live_map(void)
{
    trace.header->live_origin_ns = live_origin_ns();
    trace.header->live_map_address = live_map_address();
    trace.header->pool_table_address = pools_table_address();
}

/* What tells of the past begins with the trace. */
static void begin_history(void)
{
    marks_begin();
    totals_begin();
    history_begin();
    series_begin();
}

static const char *error_name(long error)
{
    static const struct {
        int number;
        const char *name;
    } names[] = {{EACCES, "permission denied"},    {ENOSPC, "no space left on device"},
                 {EROFS, "read-only file system"}, {ENOENT, "no such directory"},
                 {EFBIG, "file size limit"},       {EMFILE, "no free file descriptor"},
                 {ENOTDIR, "not a directory"},     {EDQUOT, "quota exceeded"},
                 {ELOOP, "a link stands there"},   {ENOMEM, "no memory"},
                 {EEXIST, "the name is taken"},    {ENAMETOOLONG, "name too long"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].number == -error)
            return names[i].name;
    return "error";
}

/* Where lines for people went when the program started. */
static struct stat first_errors;

/* A server's child may have a client at that number, to whom nobody may say anything. */
static bool may_warn(bool is_child)
{
    struct stat errors = {0};
    long result = sys(__NR_fstat, 2, &errors);
    if (!is_child) {
        first_errors = errors;
        return result != -EBADF;
    }
    return result == 0 && errors.st_dev == first_errors.st_dev &&
           errors.st_ino == first_errors.st_ino;
}

static bool create_trace(bool is_child)
{
    const char *path = "";
    bool is_heard = may_warn(is_child);
    long result = trace_file_create(is_child, &path);
    if (result == 0)
        return true;
    static char line[4200];
    struct text text;
    text_init(&text, line, sizeof line);
    text_add(&text, path);
    text_add(&text, ": ");
    text_add(&text, error_name(result));
    if (is_heard && !sys_is_forbidden(__NR_openat))
        text_warn("nothing is recorded, cannot write ", line, "");
    return false;
}

static bool begin(void)
{
    struct kernel_handover handover = read_handover();
    if (handover.is_secure || real_must_stay_inert())
        return false;
    options_read(handover.environment);
    if (options.is_disabled)
        return false;
    clock_init(handover.vdso);
    loader_init(handover.program_headers, handover.program_header_count);
    if (handover.random)
        unwind_init(handover.random[0], handover.random[1]);
    trace_file_set_program(handover.arguments[0] ? text_basename(handover.arguments[0]) : "");
    if (!thread_init()) {
        text_warn("nothing is recorded, the kernel cannot tell forked children", "", "");
        return false;
    }
    if (!create_trace(false) || !callsite_init())
        return false;
    live_init(real_is_glibc_malloc(), trace.header->start_time_ns);
    sampling_is_paused = !options.has_heap; /* for ever */
    sampling_has_gaps = options.sample_bytes || sampling_is_paused;
    if (sampling_has_gaps)
        live_count_pages();
    tell_live_map();
    begin_history();
    trace_reserve(SECTION_MODULES, sizeof(struct trace_module));
    trace_publish(SECTION_MODULES);
    name_program(&handover);
    return true;
}

static void start(void)
{
    enum state expected = STATE_NEW;
    if (!__atomic_compare_exchange_n(&state, &expected, STATE_STARTING, false, __ATOMIC_ACQ_REL,
                                     __ATOMIC_RELAXED))
        return;
    real_init();
    __atomic_store_n(&state, begin() ? STATE_READY : STATE_INERT, __ATOMIC_RELEASE);
}

/* --- fork --- */

/* By the kernel, in a forked child. */
static bool is_wiped(void)
{
    return __atomic_load_n(thread_generation, __ATOMIC_RELAXED) == 0;
}

static void become_child(void)
{
    lock_reset(&trace_lock);
    lock_reset(&promotion_lock);
    arena_after_fork();
    ticker_after_fork();
    sampler_after_fork();
    history_after_fork();
    series_after_fork();
    rules_after_fork();
    thread_after_fork();
    world_after_fork();
    pools_after_fork();
    mappings_after_fork();
    heap_after_fork();
    before.blocks = (struct trace_counters){0};
    memset(before.calls, 0, sizeof before.calls);
    before.mapped_count = before.mapped_bytes = 0;
    thread_raise_generation();
    state = options.follow_fork ? STATE_BEFORE_OWN_TRACE : STATE_INERT;
}

static void add_inherited(const void *address, struct live_block block, void *data)
{
    int64_t *total = data;
    uint64_t count = 1;
    if (options.sample_bytes)
        count = sampling_weight(address, block.size_bytes, options.sample_bytes);
    trace.inherited[block.counters].live_count += (int64_t)count;
    trace.inherited[block.counters].live_bytes += (int64_t)(block.size_bytes * count);
    *total += (int64_t)(block.size_bytes * count);
}

/* The blocks that are live now, less what this process itself has done at their sites so far, are
 * the ones it inherited. So far it has only counted, all of it under one site. */
static void take_inventory(void)
{
    struct trace_counters *own = &trace.counters[COUNTERS_BEFORE_OWN_TRACE];
    struct trace_inherited *inherited = &trace.inherited[COUNTERS_BEFORE_OWN_TRACE];
    int64_t live_bytes = 0;
    if (!options.sample_bytes) /* else none of it was sampled, and none is known to be live */
        *own = before.blocks;
    int64_t pool_bytes = 0; /* of another domain */
    live_visit(add_inherited, &live_bytes);
    pools_visit(add_inherited, &pool_bytes);
    inherited->live_count -= (int64_t)(own->alloc_count - own->free_count);
    inherited->live_bytes -= (int64_t)(own->alloc_bytes - own->freed_bytes);
    heap_begin(live_bytes);
    trace.header->anomalies[ANOMALY_BEFORE_OWN_TRACE] = own->alloc_count;
}

static void add_totals(struct trace_thread *totals)
{
    totals->alloc_count += before.blocks.alloc_count;
    totals->alloc_bytes += before.blocks.alloc_bytes;
    totals->free_count += before.blocks.free_count;
    totals->freed_bytes += before.blocks.freed_bytes;
    for (int i = 0; i < CALL_MAX; i++)
        totals->calls[i] += before.calls[i];
}

/* The child has done something worth a trace. */
static void promote(void)
{
    uint64_t mask = lock_enter(&promotion_lock);
    if (state == STATE_BEFORE_OWN_TRACE) {
        bool is_created = create_trace(true);
        if (is_created) {
            callsite_after_fork();
            modules_after_fork();
            trace.header->program = program_string;
            trace.header->executable = executable_string;
            tell_live_map();
            tell_pause();
            take_inventory();
            begin_history();
            pools_begin();
            mappings_begin();
            struct thread *thread = thread_attach();
            if (thread)
                add_totals(thread->totals);
        }
        __atomic_store_n(&state, is_created ? STATE_READY : STATE_INERT, __ATOMIC_RELEASE);
        if (is_created) {
            sampler_start();
            ticker_start();
        }
    }
    lock_leave(&promotion_lock, mask);
}

void lifecycle_count_call(enum trace_call call)
{
    __atomic_fetch_add(&before.calls[call], 1, __ATOMIC_RELAXED);
}

/* A forked child's clock begins at zero. */
static bool has_burnt_cpu(void)
{
    return options.cpu_hz && clock_process_cpu_ns() >= WORTH_CPU_NS;
}

void lifecycle_count_allocated(const void *block, uint64_t size_bytes)
{
    bool is_failed;
    if (sampling_is_paused && has_burnt_cpu())
        promote();
    if (sampling_is_paused)
        return;
    if (!options.sample_bytes)
        lifecycle_count_released(
            live_insert(block, size_bytes, COUNTERS_BEFORE_OWN_TRACE, &is_failed));
    uint64_t bytes = __atomic_add_fetch(&before.blocks.alloc_bytes, size_bytes, __ATOMIC_RELAXED);
    if (__atomic_add_fetch(&before.blocks.alloc_count, 1, __ATOMIC_RELAXED) >= WORTH_CALLS ||
        bytes >= WORTH_BYTES || has_burnt_cpu())
        promote();
}

void lifecycle_count_released(struct live_block taken)
{
    if (!taken.counters)
        return;
    __atomic_fetch_add(&before.blocks.free_count, 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&before.blocks.freed_bytes, taken.size_bytes, __ATOMIC_RELAXED);
}

void lifecycle_count_mapped(uint64_t size_bytes)
{
    uint64_t bytes = __atomic_add_fetch(&before.mapped_bytes, size_bytes, __ATOMIC_RELAXED);
    if (__atomic_add_fetch(&before.mapped_count, 1, __ATOMIC_RELAXED) >= WORTH_CALLS ||
        bytes >= WORTH_BYTES)
        promote();
}

void lifecycle_count_freed(const void *block)
{
    if (block)
        lifecycle_count_released(live_remove(block));
}

/* --- entering --- */

static bool is_on_signal_stack(void)
{
    stack_t stack = {0};
    return sys(__NR_sigaltstack, 0, &stack) == 0 && stack.ss_flags & SS_ONSTACK;
}

/* The stack grows down, so a call from inside the busy one has a lower sp. One from above it, on
 * the same stack, comes after a longjmp out of a handler that had interrupted us. */
static bool is_abandoned(const struct thread *thread, uint64_t sp)
{
    return sp > thread->busy_sp && sp - thread->busy_sp < NESTED_STACK_BYTES &&
           !is_on_signal_stack();
}

/* Where signals cannot be blocked, the interrupted call may hold a lock. */
static struct thread *nested(void)
{
    if (!sys_is_forbidden(__NR_rt_sigprocmask))
        return treatment(TREAT_NESTED);
    trace_count_anomaly(ANOMALY_UNTRACKED);
    return treatment(TREAT_PASS);
}

static struct thread *enter_ready(uint64_t sp)
{
    struct thread *thread = thread_self;
    if (!thread)
        thread = thread_attach();
    if (!thread) {
        trace_count_anomaly(ANOMALY_UNTRACKED);
        return treatment(TREAT_PASS);
    }
    if (thread->busy && !is_abandoned(thread, sp))
        return nested();
    if (thread->busy) {
        __atomic_store_n(&thread->busy, BUSY_NOT, __ATOMIC_RELAXED);
        thread_abandoned(thread);
        pools_abandoned(thread);
        mappings_abandoned(thread);
    }
    world_wait();
    if (thread->generation != __atomic_load_n(thread_generation, __ATOMIC_RELAXED))
        thread_catch_up(thread);
    return thread;
}

/* The calling thread, at the door, or one of the treatments. */
static struct thread *enter(uint64_t sp)
{
    if ((state == STATE_READY || state == STATE_BEFORE_OWN_TRACE) && is_wiped())
        become_child();
    enum state now = __atomic_load_n(&state, __ATOMIC_ACQUIRE);
    if (unlikely(now == STATE_NEW)) {
        start();
        now = __atomic_load_n(&state, __ATOMIC_ACQUIRE);
    }
    if (now == STATE_READY)
        return enter_ready(sp);
    return treatment(now == STATE_BEFORE_OWN_TRACE ? TREAT_BEFORE_OWN_TRACE : TREAT_PASS);
}

/* The generation that a thread has caught up with may be that of a stop. */
struct thread *lifecycle_begin(enum busy busy, uint64_t sp)
{
    for (;;) {
        struct thread *thread = enter(sp);
        if (!is_thread(thread))
            return thread;
        if (!thread_begin(thread, busy, sp))
            continue;
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        if (!world_is_stopped())
            return thread;
        thread_end(thread);
    }
}

struct guest lifecycle_enter_apart(uint64_t sp)
{
    struct guest guest = {.thread = thread_self};
    if (likely(guest.thread && !guest.thread->busy) &&
        likely(thread_begin(guest.thread, BUSY_RECORDING, sp)))
        return guest;
    guest.thread = lifecycle_begin(BUSY_RECORDING, sp);
    guest.is_nested = guest.thread == treatment(TREAT_NESTED);
    if (guest.is_nested)
        guest.thread = thread_self;
    return guest;
}

void lifecycle_leave_apart(const struct guest *guest)
{
    if (!guest->is_nested && is_thread(guest->thread))
        thread_end(guest->thread);
}

/* --- end --- */

/* False in children of every kind, vfork's included, which share the memory but not the pid. */
static bool is_trace_ours(void)
{
    long pid = lifecycle_is_recording() ? sys(__NR_getpid) : 0;
    return pid && (pid == trace.header->pid || pid == -EPERM);
}

bool lifecycle_is_recording(void)
{
    return state == STATE_READY && !is_wiped();
}

bool lifecycle_may_record(void)
{
    bool is_child = is_wiped();
    return state == STATE_BEFORE_OWN_TRACE ||
           (state == STATE_READY && (!is_child || options.follow_fork));
}

struct thread *lifecycle_ask(uint64_t sp, bool *ret_is_nested)
{
    struct thread *thread = enter(sp);
    if (thread == treatment(TREAT_BEFORE_OWN_TRACE)) {
        promote();
        thread = enter(sp);
    }
    *ret_is_nested = thread == treatment(TREAT_NESTED);
    if (*ret_is_nested)
        thread = thread_self;
    return is_thread(thread) && is_trace_ours() ? thread : NULL;
}

bool lifecycle_pause(bool is_paused)
{
    if (!options.has_heap)
        return false;
    sampling_has_gaps = true;
    if (__atomic_exchange_n(&sampling_is_paused, is_paused, __ATOMIC_ACQ_REL) == is_paused)
        return false;
    thread_raise_generation();
    tell_pause();
    return true;
}

void lifecycle_ending(enum trace_state how, bool is_status_known, int status)
{
    if (filter_child_ends() || !is_trace_ours())
        return;
    struct trace_header *header = trace.header;
    series_end(ticker_thread_count());
    if (how == TRACE_EXECED)
        sampler_hold();
    sampler_settle();
    header->end_time_ns = header->last_seen_ns = clock_monotonic_ns();
    if (is_status_known) {
        header->exit_status = status;
        header->exit_status_known = 1;
    }
    __atomic_store_n(&header->state, how, __ATOMIC_RELEASE);
}

void lifecycle_goes_on(void)
{
    filter_child_goes_on();
    if (!is_trace_ours())
        return;
    trace.header->end_time_ns = 0;
    sampler_release();
    __atomic_store_n(&trace.header->state, TRACE_RUNNING, __ATOMIC_RELEASE);
}

void lifecycle_code_may_be_unloaded(void)
{
    if (!is_trace_ours())
        return;
    uint64_t mask = lock_enter(&trace_lock);
    bool is_unloaded = modules_drop_unloaded(rules_drop);
    lock_leave(&trace_lock, mask);
    if (is_unloaded)
        thread_code_unloaded();
}

bool lifecycle_make_ready(void)
{
    if (lifecycle_is_recording() && !is_trace_ours())
        return false;
    if (state == STATE_READY && is_wiped())
        become_child();
    if (state == STATE_BEFORE_OWN_TRACE)
        promote();
    if (!is_trace_ours())
        return true;
    clock_remember();
    arena_make_ready(READY_BYTES);
    uint64_t mask = lock_enter(&trace_lock);
    trace_make_ready();
    lock_leave(&trace_lock, mask);
    history_make_ready();
    series_make_ready();
    return true;
}

void lifecycle_memory_limited(void)
{
    struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};
    sys(__NR_prlimit64, 0, RLIMIT_AS, 0, &limit);
    if (limit.rlim_cur == RLIM_INFINITY || !lifecycle_may_record() ||
        (lifecycle_is_recording() && !is_trace_ours())) /* a vfork child */
        return;
    if (state == STATE_READY && *thread_generation == 0)
        become_child();
    arena_give_up();
    uint64_t mask = lock_enter(&trace_lock);
    trace_give_up();
    lock_leave(&trace_lock, mask);
}

/* The last thing in exit(), for it is the first to be registered. */
static void note_status(int status, void *unused)
{
    (void)unused;
    lifecycle_ending(TRACE_EXITED, true, status & 0xff);
}

/* Called once, by what the executable's entry calls: the libraries are ready, its own code has not
 * begun. A thread any earlier would be there while others initialise. */
void lifecycle_before_main(void)
{
    real_init();
    if (!is_trace_ours())
        return;
    if (real.on_exit)
        real.on_exit(note_status, NULL);
    thread_announce_fences(); /* while there is only one thread */
    sampler_start();
    ticker_start();
}

/* Runs before every other library's constructors, thanks to initfirst. */
static __attribute__((constructor)) void at_start(void)
{
    enter(0);
    operators_settle(state == STATE_READY);
}

/* Runs in exit(), before the end; calls that come after it are still recorded. */
static __attribute__((destructor)) void at_exit(void)
{
    if (is_trace_ours() && trace.header->state == TRACE_RUNNING)
        lifecycle_ending(TRACE_EXITED, false, 0);
}
