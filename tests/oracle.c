/* SPDX-License-Identifier: BSD-2-Clause */
/* oracle.c -- A preloaded library that only counts: the ground truth for the recorder's totals.
 *
 * It stands next in the chain, LD_PRELOAD="libmemtrace.so liboracle.so", and so sees every call
 * that the recorder passes on. It shares no code and no table with the recorder. The counters are
 * in a MAP_SHARED file, one per process image, named by ORACLE_OUTPUT ("%p" is the pid), which
 * therefore outlives a SIGKILL. tests/oracle_file.py reads it.
 *
 * The same rules as for the recorder: a realloc that returned a block is one free of the old block
 * (if there was one) and one allocation; one that failed is nothing but a call. glibc's
 * reallocarray calls realloc through the PLT, that call arrives here too and is counted as a
 * call of realloc, but its block is counted once.
 *
 * Runs inside malloc and before main: no libc but dlsym, raw system calls, no locks. */
#include <dlfcn.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>

enum call {
    MALLOC,
    CALLOC,
    REALLOC,
    REALLOCARRAY,
    FREE,
    CFREE,
    ALIGNED_ALLOC,
    MEMALIGN,
    POSIX_MEMALIGN,
    VALLOC,
    PVALLOC,
    FREE_SIZED,
    FREE_ALIGNED_SIZED,
    CALLS
};

static const char *const names[CALLS] = {
    "malloc",  "calloc",        "realloc",           "reallocarray",   "free",
    "cfree",   "aligned_alloc", "memalign",          "posix_memalign", "valloc",
    "pvalloc", "free_sized",    "free_aligned_sized"};

/* The file. tests/oracle_file.py knows this layout. */
struct counters {
    char magic[8];
    uint64_t pid;
    uint64_t start_time_ns;
    uint64_t is_forked; /* a forked child's own file, which counts from the fork on */
    char program[96];   /* the executable, zero-terminated */
    uint64_t calls[16];
    uint64_t alloc_count;
    uint64_t alloc_bytes;
    uint64_t free_count;
    uint64_t freed_bytes;
    uint64_t unknown_frees; /* of an address that no call we saw had handed out */
    uint64_t reused_live;   /* handed out although not freed: the free went elsewhere */
    uint64_t untracked;     /* the table below was full; 0 in any valid run */
};
_Static_assert(sizeof(struct counters) == 128 + 16 * 8 + 7 * 8, "oracle_file.py");

#define EXPORT __attribute__((visibility("default")))

/* ---- system calls ---- */

#if defined(__x86_64__)
static long system_call(long n, long a, long b, long c, long d, long e, long f)
{
    register long r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
    __asm__ volatile("syscall"
                     : "+a"(n)
                     : "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return n;
}
#elif defined(__aarch64__)
static long system_call(long n, long a, long b, long c, long d, long e, long f)
{
    register long x8 __asm__("x8") = n, x0 __asm__("x0") = a, x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c, x3 __asm__("x3") = d, x4 __asm__("x4") = e;
    register long x5 __asm__("x5") = f;
    __asm__ volatile("svc 0"
                     : "+r"(x0)
                     : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
                     : "memory");
    return x0;
}
#endif

static bool is_error(long result)
{
    return (unsigned long)result > -4096UL;
}

static void *map_private(size_t size)
{
    long p = system_call(SYS_mmap, 0, (long)size, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return is_error(p) ? NULL : (void *)p;
}

static long read_file(const char *path, char *buffer, size_t size)
{
    long fd = system_call(SYS_openat, AT_FDCWD, (long)path, O_RDONLY | O_CLOEXEC, 0, 0, 0);
    size_t filled = 0;

    if (is_error(fd))
        return -1;
    while (filled < size) {
        long n = system_call(SYS_read, fd, (long)(buffer + filled), (long)(size - filled), 0, 0, 0);
        if (n <= 0)
            break;
        filled += (size_t)n;
    }
    system_call(SYS_close, fd, 0, 0, 0, 0, 0);
    return (long)filled;
}

/* ---- the file of this process image ---- */

static char output_pattern[1024]; /* ORACLE_OUTPUT, kept for forked children */

static void find_output_pattern(void)
{
    static const char key[] = "ORACLE_OUTPUT=";
    size_t size = 4 << 20;
    char *environment = map_private(size);
    long filled = environment ? read_file("/proc/self/environ", environment, size - 1) : -1;

    for (long at = 0; at < filled;) {
        size_t matched = 0;
        while (matched < sizeof key - 1 && environment[at + (long)matched] == key[matched])
            matched++;
        if (matched == sizeof key - 1) {
            const char *value = environment + at + matched;
            for (size_t i = 0; i + 1 < sizeof output_pattern && value[i]; i++)
                output_pattern[i] = value[i];
        }
        while (at < filled && environment[at])
            at++;
        at++;
    }
    if (environment)
        system_call(SYS_munmap, (long)environment, (long)size, 0, 0, 0, 0);
}

static size_t append_number(char *out, size_t at, size_t size, unsigned long number)
{
    char digits[24];
    size_t count = 0;

    do
        digits[count++] = (char)('0' + number % 10);
    while (number /= 10);
    while (count && at + 1 < size)
        out[at++] = digits[--count];
    return at;
}

/* "%p" becomes the pid; attempt 1, 2… makes another name for another program of the same pid. */
static void expand_path(char *out, size_t size, unsigned long pid, unsigned long attempt)
{
    size_t at = 0;

    for (const char *p = output_pattern; *p && at + 1 < size; p++) {
        if (p[0] == '%' && p[1] == 'p') {
            at = append_number(out, at, size, pid);
            p++;
        } else {
            out[at++] = *p;
        }
    }
    if (attempt) {
        if (at + 1 < size)
            out[at++] = '-';
        at = append_number(out, at, size, attempt);
    }
    out[at] = 0;
}

static long create_file(unsigned long pid)
{
    char path[1200];

    for (unsigned long attempt = 0; attempt < 10000; attempt++) {
        expand_path(path, sizeof path, pid, attempt);
        long fd = system_call(SYS_openat, AT_FDCWD, (long)path,
                              O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600, 0, 0);
        if (fd != -17 /* EEXIST */)
            return fd;
    }
    return -1;
}

static struct counters *map_counters(unsigned long pid)
{
    long fd = output_pattern[0] ? create_file(pid) : -1;
    long p = -1;

    if (!is_error(fd)) {
        if (!is_error(system_call(SYS_ftruncate, fd, sizeof(struct counters), 0, 0, 0, 0)))
            p = system_call(SYS_mmap, 0, sizeof(struct counters), PROT_READ | PROT_WRITE,
                            MAP_SHARED, fd, 0);
        system_call(SYS_close, fd, 0, 0, 0, 0, 0);
    }
    return is_error(p) ? map_private(sizeof(struct counters)) : (struct counters *)p;
}

static struct counters *create_counters(bool is_forked)
{
    unsigned long pid = (unsigned long)system_call(SYS_getpid, 0, 0, 0, 0, 0, 0);
    struct counters *counters = map_counters(pid);
    long now[2] = {0, 0};
    long length;

    if (!counters)
        return NULL;
    system_call(SYS_clock_gettime, 1, (long)now, 0, 0, 0, 0);
    counters->pid = pid;
    counters->is_forked = is_forked;
    counters->start_time_ns = (uint64_t)now[0] * 1000000000u + (uint64_t)now[1];
    length = system_call(SYS_readlinkat, AT_FDCWD, (long)"/proc/self/exe", (long)counters->program,
                         sizeof counters->program - 1, 0, 0);
    if (is_error(length))
        counters->program[0] = 0;
    for (size_t i = 0; i < 8; i++)
        counters->magic[i] = "oracle1"[i];
    return counters;
}

/* One page that the kernel empties in a forked child; a vfork child shares it with us, and what
 * it does is ours. */
static struct counters **owner_page;

static struct counters **map_owner_page(void)
{
    struct counters **fresh = map_private(4096);
    struct counters **expected = NULL;

    if (!fresh)
        __builtin_trap();
    system_call(SYS_madvise, (long)fresh, 4096, MADV_WIPEONFORK, 0, 0, 0);
    if (__atomic_compare_exchange_n(&owner_page, &expected, fresh, false, __ATOMIC_ACQ_REL,
                                    __ATOMIC_ACQUIRE))
        return fresh;
    return expected;
}

static struct counters *counters_now(void)
{
    struct counters **page = __atomic_load_n(&owner_page, __ATOMIC_ACQUIRE);
    struct counters *counters, *expected = NULL;
    const bool is_forked = page != NULL;

    if (!page) {
        find_output_pattern();
        page = map_owner_page();
    }
    counters = __atomic_load_n(page, __ATOMIC_ACQUIRE);
    if (counters)
        return counters;
    counters = create_counters(is_forked);
    if (!counters)
        __builtin_trap();
    if (!__atomic_compare_exchange_n(page, &expected, counters, false, __ATOMIC_ACQ_REL,
                                     __ATOMIC_ACQUIRE))
        return expected;
    return counters;
}

static void add(uint64_t *counter, uint64_t amount)
{
    __atomic_fetch_add(counter, amount, __ATOMIC_RELAXED);
}

static void count_call(enum call call)
{
    add(&counters_now()->calls[call], 1);
}

/* ---- address -> size ----
 * Open addressing over the pages of the heap: a page keeps its slot for ever, so nothing is ever
 * deleted and no lock is needed. A slot has a place for each 8 bytes of its page, size + 1 or 0. */

#define SLOTS (1u << 18)
#define PLACES 512u

static uint64_t page_of_slot[SLOTS]; /* page number, 0: free */
static uint64_t (*sizes)[PLACES];

static uint64_t (*size_table(void))[PLACES]
{
    uint64_t(*table)[PLACES] = __atomic_load_n(&sizes, __ATOMIC_ACQUIRE);

    if (table)
        return table;
    uint64_t(*fresh)[PLACES] = map_private((size_t)SLOTS * sizeof *fresh);
    if (!fresh)
        __builtin_trap();
    if (__atomic_compare_exchange_n(&sizes, &table, fresh, false, __ATOMIC_ACQ_REL,
                                    __ATOMIC_ACQUIRE))
        return fresh;
    return table;
}

/* Where the size of the block at address is kept; NULL when there is no such place. */
static uint64_t *place_of(const void *address, bool may_create)
{
    uint64_t page = (uint64_t)address >> 12;
    uint32_t slot = (uint32_t)((page * 0x9e3779b97f4a7c15u) >> 46);

    for (uint32_t probes = 0; probes < SLOTS; probes++, slot = (slot + 1) % SLOTS) {
        uint64_t found = __atomic_load_n(&page_of_slot[slot], __ATOMIC_ACQUIRE);
        if (!found && !may_create)
            return NULL;
        if (!found && __atomic_compare_exchange_n(&page_of_slot[slot], &found, page, false,
                                                  __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
            found = page;
        if (found == page)
            return &size_table()[slot][((uint64_t)address >> 3) % PLACES];
    }
    return NULL;
}

static void remember(const void *block, uint64_t size_bytes)
{
    struct counters *counters = counters_now();
    uint64_t *place = place_of(block, true);

    if (!place || (uint64_t)block % 8)
        add(&counters->untracked, 1);
    else if (__atomic_exchange_n(place, size_bytes + 1, __ATOMIC_ACQ_REL))
        add(&counters->reused_live, 1);
}

/* The size + 1 of the block that is no more; 0 if it was never ours. */
static uint64_t forget(const void *block)
{
    uint64_t *place = place_of(block, false);

    return place ? __atomic_exchange_n(place, 0, __ATOMIC_ACQ_REL) : 0;
}

static void count_block(const void *block, uint64_t size_bytes)
{
    struct counters *counters = counters_now();

    if (!block)
        return;
    add(&counters->alloc_count, 1);
    add(&counters->alloc_bytes, size_bytes);
    remember(block, size_bytes);
}

static void count_freed(uint64_t size_plus_one)
{
    struct counters *counters = counters_now();

    if (!size_plus_one) {
        add(&counters->unknown_frees, 1);
        return;
    }
    add(&counters->free_count, 1);
    add(&counters->freed_bytes, size_plus_one - 1);
}

/* ---- the next allocator ---- */

static void *next_function[CALLS];

static void *next_of(enum call call)
{
    void *function = __atomic_load_n(&next_function[call], __ATOMIC_ACQUIRE);

    if (!function) {
        function = dlsym(RTLD_NEXT, names[call]);
        __atomic_store_n(&next_function[call], function, __ATOMIC_RELEASE);
    }
    return function;
}

/* The last block a realloc of this thread returned: tells reallocarray that it was counted. */
static __thread void *reallocated __attribute__((tls_model("initial-exec")));

EXPORT void *malloc(size_t size)
{
    void *(*next)(size_t) = (void *(*)(size_t))next_of(MALLOC);
    void *block;

    count_call(MALLOC);
    block = next(size);
    count_block(block, size);
    return block;
}

EXPORT void *calloc(size_t count, size_t size)
{
    void *(*next)(size_t, size_t) = (void *(*)(size_t, size_t))next_of(CALLOC);
    void *block;

    count_call(CALLOC);
    block = next(count, size);
    count_block(block, count * size);
    return block;
}

/* What a realloc to size_bytes made of the old block, whose entry was taken out as old_size. */
static void count_reallocated(void *old, uint64_t old_size, void *block, uint64_t size_bytes)
{
    if (!block && old && size_bytes) { /* failed, so the old block is still there */
        if (old_size)
            remember(old, old_size - 1);
        return;
    }
    if (old)
        count_freed(old_size);
    count_block(block, size_bytes);
}

EXPORT void *realloc(void *old, size_t size)
{
    void *(*next)(void *, size_t) = (void *(*)(void *, size_t))next_of(REALLOC);
    uint64_t old_size;
    void *block;

    count_call(REALLOC);
    old_size = old ? forget(old) : 0;
    block = next(old, size);
    count_reallocated(old, old_size, block, size);
    reallocated = block;
    return block;
}

EXPORT void *reallocarray(void *old, size_t count, size_t size)
{
    void *(*next)(void *, size_t, size_t) =
        (void *(*)(void *, size_t, size_t))next_of(REALLOCARRAY);
    static char nothing;
    uint64_t old_size, bytes;
    void *block;

    count_call(REALLOCARRAY);
    old_size = old ? forget(old) : 0;
    if (old && old_size)
        remember(old, old_size - 1); /* for the realloc inside, if there is one */
    reallocated = &nothing;
    block = next(old, count, size);
    if (reallocated != &nothing)
        return block;
    if (__builtin_mul_overflow(count, size, &bytes))
        return block;
    if (old && (block || !bytes))
        forget(old);
    if (old && (block || !bytes))
        count_freed(old_size);
    count_block(block, bytes);
    return block;
}

static void count_free(enum call call, const void *block)
{
    count_call(call);
    if (block)
        count_freed(forget(block));
}

EXPORT void free(void *block)
{
    void (*next)(void *) = (void (*)(void *))next_of(FREE);

    count_free(FREE, block);
    next(block);
}

EXPORT void cfree(void *block);
EXPORT void cfree(void *block)
{
    void (*next)(void *) = (void (*)(void *))next_of(CFREE);

    if (!next)
        next = (void (*)(void *))next_of(FREE);
    count_free(CFREE, block);
    next(block);
}

EXPORT void *aligned_alloc(size_t alignment, size_t size)
{
    void *(*next)(size_t, size_t) = (void *(*)(size_t, size_t))next_of(ALIGNED_ALLOC);
    void *block;

    count_call(ALIGNED_ALLOC);
    block = next(alignment, size);
    count_block(block, size);
    return block;
}

EXPORT void *memalign(size_t alignment, size_t size)
{
    void *(*next)(size_t, size_t) = (void *(*)(size_t, size_t))next_of(MEMALIGN);
    void *block;

    count_call(MEMALIGN);
    block = next(alignment, size);
    count_block(block, size);
    return block;
}

EXPORT int posix_memalign(void **ret_block, size_t alignment, size_t size)
{
    int (*next)(void **, size_t, size_t) =
        (int (*)(void **, size_t, size_t))next_of(POSIX_MEMALIGN);
    int result;

    count_call(POSIX_MEMALIGN);
    result = next(ret_block, alignment, size);
    if (result == 0)
        count_block(*ret_block, size);
    return result;
}

EXPORT void *valloc(size_t size)
{
    void *(*next)(size_t) = (void *(*)(size_t))next_of(VALLOC);
    void *block;

    count_call(VALLOC);
    block = next(size);
    count_block(block, size);
    return block;
}

EXPORT void *pvalloc(size_t size)
{
    void *(*next)(size_t) = (void *(*)(size_t))next_of(PVALLOC);
    void *block;

    count_call(PVALLOC);
    block = next(size);
    count_block(block, size);
    return block;
}

/* C23. glibc has them from 2.41 on; where the next allocator has none, free does the same. */
EXPORT void free_sized(void *block, size_t size);
EXPORT void free_sized(void *block, size_t size)
{
    void (*next)(void *, size_t) = (void (*)(void *, size_t))next_of(FREE_SIZED);

    count_free(FREE_SIZED, block);
    if (next)
        next(block, size);
    else
        ((void (*)(void *))next_of(FREE))(block);
}

EXPORT void free_aligned_sized(void *block, size_t alignment, size_t size);
EXPORT void free_aligned_sized(void *block, size_t alignment, size_t size)
{
    void (*next)(void *, size_t, size_t) =
        (void (*)(void *, size_t, size_t))next_of(FREE_ALIGNED_SIZED);

    count_free(FREE_ALIGNED_SIZED, block);
    if (next)
        next(block, alignment, size);
    else
        ((void (*)(void *))next_of(FREE))(block);
}
