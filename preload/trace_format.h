/* SPDX-License-Identifier: BSD-2-Clause */
/* trace_format.h -- The layout of a trace file, the one thing the recorder and the tool share.
 *
 * The recorder maps the file MAP_SHARED and keeps its live counters in it, so the file is
 * readable at every instant: while the program runs, and after it died of anything.
 *
 * A file is one struct trace_header followed by extents. Each extent holds a piece of one
 * section; a section is an append-only array whose pieces lie one after the other in the order
 * of their section_offset. Growing a section appends an extent to the file and then to the
 * directory in the header; nothing that was written is ever moved.
 *
 * Publication: an array element is written first and then section_bytes[] is raised with release
 * ordering; an extent is written before extent_count. A reader loads these with acquire ordering
 * and ignores what lies beyond. Counters are written by one thread each with plain 8-byte stores
 * and may be read at any time.
 *
 * All numbers have the byte order of the machine that wrote them. Sizes in bytes, times in
 * nanoseconds of CLOCK_MONOTONIC unless the name says otherwise. */
#ifndef MEMTRACE_TRACE_FORMAT_H
#define MEMTRACE_TRACE_FORMAT_H

#include <stdint.h>

#define TRACE_MAGIC "memtrace" /* 8 bytes, no terminating zero */
#define TRACE_VERSION 3u       /* readers refuse all others */
#define TRACE_BYTE_ORDER 0x01020304u
#define TRACE_EXTENTS_MAX 232u
#define TRACE_BUILD_ID_MAX 32u

enum trace_section {
    SECTION_NODES,     /* struct trace_node: the call-site tree; element 0 is the root */
    SECTION_OWNERS,    /* struct trace_owner, element i describes counters i; element 0 is unused */
    SECTION_COUNTERS,  /* struct trace_counters, one per (call site, thread) */
    SECTION_INHERITED, /* struct trace_inherited, parallel to counters; forked children only */
    SECTION_MODULES,   /* struct trace_module; element 0 stands for "no module" */
    SECTION_THREADS,   /* struct trace_thread; element 0 sums threads that were folded away, and
                          calls made from inside other calls */
    SECTION_STRINGS,   /* bytes; struct trace_string points into it */
    SECTION_MARKS,     /* struct trace_mark, in the order of time */
    SECTION_HISTORY,   /* two halves of history_half_bytes each; see "History" below */
    SECTION_SERIES,    /* two halves of series_half_points struct trace_point each */
    SECTION_SAMPLERS,  /* struct trace_sampler, one for each time a sampler was started */
    SECTION_RESIDENCE, /* struct trace_residence: so many places, of which some are in use */
    SECTION_COUNT,
    SECTION_MAX = 16
};

/* Every function of the allocation family that is intercepted, in the order of the counters. */
enum trace_call {
    CALL_MALLOC,
    CALL_CALLOC,
    CALL_REALLOC,
    CALL_REALLOCARRAY,
    CALL_FREE,
    CALL_CFREE,
    CALL_ALIGNED_ALLOC,
    CALL_MEMALIGN,
    CALL_POSIX_MEMALIGN,
    CALL_VALLOC,
    CALL_PVALLOC,
    CALL_FREE_SIZED,
    CALL_FREE_ALIGNED_SIZED,
    CALL_OPERATOR_NEW, /* these two only of allocators that bring their own, in all their forms */
    CALL_OPERATOR_DELETE,
    CALL_COUNT,
    CALL_MAX = 16
};

#define TRACE_CALL_NAMES                                                                           \
    {                                                                                              \
        "malloc", "calloc", "realloc", "reallocarray", "free", "cfree", "aligned_alloc",           \
            "memalign", "posix_memalign", "valloc", "pvalloc", "free_sized", "free_aligned_sized", \
            "operator new", "operator delete"                                                      \
    }

/* What was lost or is less than exact. Each has a counter in the header; zero is the normal case.
 */
enum trace_anomaly {
    ANOMALY_UNKNOWN_FREE,     /* free or realloc of a block that no recorded call handed out */
    ANOMALY_REUSED_LIVE,      /* a block was handed out that is still live: its free bypassed us */
    ANOMALY_REENTRANT,        /* calls from a signal handler that interrupted the recorder: counted
                                 exactly, but under <signal handler> instead of their stack */
    ANOMALY_OVERFLOW,         /* allocations under <overflow>: no room for another call site */
    ANOMALY_UNTRACKED,        /* blocks whose address could not be remembered (no memory for the
                                 table, or an address not aligned to 8) */
    ANOMALY_STACK_TOO_DEEP,   /* call sites cut at the depth limit */
    ANOMALY_STACK_CUT,        /* call sites cut where no rule tells the caller */
    ANOMALY_MODULES_LOST,     /* modules that found no room in the table */
    ANOMALY_THREADS_FOLDED,   /* exited threads summed up in thread 0 */
    ANOMALY_BEFORE_OWN_TRACE, /* allocations of a forked child before it got its own trace */
    ANOMALY_GROW_FAILED,      /* times the file could not be grown; last_errno says why */
    ANOMALY_STACK_GUESSED,    /* call sites with generated code on the stack, which has no unwind
                                 information: taken to keep a frame pointer */
    ANOMALY_MARKS_LOST,       /* marks that found no room */
    ANOMALY_HISTORY_LOST,     /* ticks of the history that could not be written */
    ANOMALY_POOLS_LOST,    /* calls for custom pools that are not counted, or parts of the table of
                              their blocks that were lost */
    ANOMALY_SERIES_LOST,   /* points of the series that could not be written */
    ANOMALY_MAPPINGS_LOST, /* calls that map memory that are not counted, or their table was lost */
    ANOMALY_COUNT,
    ANOMALY_MAX = 24
};

enum trace_state {
    TRACE_RUNNING = 0, /* also what a killed process leaves behind */
    TRACE_EXITED = 1,  /* exit, _exit, quick_exit or return from main was seen */
    TRACE_EXECED = 2   /* replaced by another program */
};

enum trace_flag {
    TRACE_FORKED = 1,      /* a forked child's own trace: see SECTION_INHERITED and parent_pid */
    TRACE_STOPPED = 2,     /* recording ended early and for good; last_errno says why */
    TRACE_PAUSED = 4,      /* memtrace_stop() was called, and memtrace_start() not since */
    TRACE_WITHOUT_HEAP = 8 /* only time is recorded */
};

/* A string in SECTION_STRINGS. */
struct trace_string {
    uint32_t offset;
    uint32_t size_bytes;
};

/* size_bytes at file_offset holds bytes section_offset.. of the section. */
struct trace_extent {
    uint32_t section;
    uint32_t reserved;
    uint64_t section_offset;
    uint64_t file_offset;
    uint64_t size_bytes;
};

struct trace_header {
    char magic[8];
    uint32_t version;
    uint32_t byte_order;
    uint32_t header_bytes; /* where the first extent may begin */
    uint32_t machine;      /* ELF e_machine: 62 x86_64, 183 aarch64 */
    uint32_t page_bytes;
    uint32_t state; /* enum trace_state */
    uint32_t flags; /* enum trace_flag */
    uint32_t pid;
    uint32_t parent_pid;
    uint32_t uid;
    uint32_t last_errno;
    int32_t exit_status; /* of exit() and _exit(); meaningful when exit_status_known */
    uint32_t exit_status_known;
    uint32_t depth_limit; /* frames kept per stack, innermost first */
    uint64_t start_time_ns;
    uint64_t start_realtime_ns;     /* CLOCK_REALTIME at start_time_ns */
    uint64_t end_time_ns;           /* 0 while running or when nobody saw the end */
    uint64_t last_seen_ns;          /* a moment at which the program was certainly alive */
    struct trace_string program;    /* argv[0] or the executable's path, as the kernel was told */
    struct trace_string executable; /* resolved path */

    /* The heap as a whole. live_bytes may lag by up to peak_slack_bytes with several threads. */
    int64_t live_bytes;
    int64_t peak_bytes;
    uint64_t peak_epoch;       /* raised at each new peak, see struct trace_counters */
    uint64_t peak_time_ns;     /* when live_bytes first came within 1/4096 of peak_bytes */
    uint64_t peak_slack_bytes; /* how far, at most, the peak's figures are off; 0: exact */
    uint64_t threads_seen;
    uint64_t sample_bytes; /* 0: every allocation is recorded. Otherwise one allocation in about
                              this many bytes is, and all figures but the calls are estimates */

    /* Sections that are bounded by thinning have two halves. One is appended to; when it is full,
     * its content is written more coarsely into the other, which then becomes the active one. So a
     * reader, and whoever finds the file after a kill, always has a whole one. A reader of a
     * running program's file that finds history_active or the interval changed after it has copied
     * a half copies again. */
    uint32_t history_active; /* 0 or 1 */
    uint32_t series_active;
    uint64_t history_half_bytes;
    uint64_t history_bytes[2];    /* published size of each half */
    uint64_t history_interval_ns; /* between two ticks now, less in the first seconds; 0: there
                                     are none but snapshots' */
    uint64_t series_half_points;
    uint64_t series_points[2];   /* published number in each half */
    uint64_t series_interval_ns; /* between two points now; 0: no series is kept */

    uint64_t live_map_address; /* of struct live_map in the process's own memory; 0: none */
    uint64_t live_origin_ns;   /* from which the stamps in it count: the start, a forked child's
                                  parent's start if it has inherited its blocks */

    uint64_t anomalies[ANOMALY_MAX];
    uint64_t section_bytes[SECTION_MAX]; /* published size of each section */
    uint32_t extent_count;
    uint32_t clears; /* twice the times that all was forgotten. Odd: it is just being done; counters
                        and threads' figures are zero then, whatever they are seen to be */
    struct trace_extent extents[TRACE_EXTENTS_MAX];
    uint64_t pool_table_address; /* of struct pool_shard[POOL_SHARDS] in the process's own memory */
};

/* One frame of a call stack; the stack is the path from here to the root along parent.
 * A call site is a node together with that path. parent < own index, always. */
struct trace_node {
    uint64_t offset;      /* address minus the module's load bias; with module 0 the address */
    uint32_t parent;      /* the caller; 0 ends the stack */
    uint32_t module_bits; /* module index, NODE_EXACT */
};

#define NODE_MODULE_MASK 0x00ffffffu
#define NODE_MODULE_SPECIAL 0x00ffffffu /* offset is an enum trace_special, not an address */
/* The address is that of the instruction itself (interrupted by a signal). Without it the address
 * is a return address, and the call is the instruction before it. */
#define NODE_EXACT 0x80000000u

/* Nodes that stand for something other than code. */
enum trace_special {
    SPECIAL_NONE,
    SPECIAL_TOO_DEEP,         /* outermost: the stack went on beyond the depth limit */
    SPECIAL_CUT,              /* outermost: no rule tells the caller of the next frame */
    SPECIAL_OVERFLOW,         /* a whole stack: no room for another call site */
    SPECIAL_REENTRANT,        /* a whole stack: signal handler inside the recorder */
    SPECIAL_BEFORE_OWN_TRACE, /* a whole stack: forked child before it got its own trace */
    SPECIAL_COUNT
};

#define TRACE_SPECIAL_NAMES                                                                        \
    {                                                                                              \
        "<none>", "<deeper than the limit>", "<unknown caller>", "<overflow>", "<signal handler>", \
            "<before own trace>"                                                                   \
    }

/* What a call site's figures count. Figures of different domains are never added up: a pool's
 * objects lie inside blocks of the heap, and the heap inside mappings. The domains of time have
 * samples where those of memory have blocks, see struct trace_counters. */
enum trace_domain {
    DOMAIN_HEAP,    /* malloc and its family; all of the header's and the threads' totals */
    DOMAIN_POOL,    /* memtrace_alloc() and memtrace_free() of the program's own allocators */
    DOMAIN_MAPPED,  /* mmap, mremap, brk */
    DOMAIN_CPU,     /* samples by CPU time */
    DOMAIN_OFF_CPU, /* samples of threads that were off the CPU, by the rest of the time */
    DOMAIN_COUNT,
    MEMORY_DOMAIN_COUNT = DOMAIN_CPU
};

#define OWNER_THREAD_MASK 0x00ffffffu
#define OWNER_DOMAIN_SHIFT 24

/* Which call site counters i belong to, its domain, and the thread that writes them at the moment:
 * thread | domain << OWNER_DOMAIN_SHIFT. */
struct trace_owner {
    uint32_t node;
    uint32_t thread_domain;
};

/* What one thread did at one call site; a site's figures are the sums over its threads. A block
 * freed by another thread counts as freed at the freeing thread's counters of the same site, so
 * alloc - freed may be negative here and is never negative in the sum.
 *
 * Bytes at the program's peak: if peak_epoch equals the header's, they are peak_bytes (stored at
 * the first event after the peak), else nothing happened here since, and they are
 * alloc_bytes - freed_bytes. The same goes for peak_count.
 *
 * In the domains of time alloc_count are samples that had this stack (whose leaf is NODE_EXACT) and
 * alloc_bytes the nanoseconds they stand for; free_count and freed_bytes are those among them that
 * were taken in the kernel. The rest is zero. The thread is the sampled one, whoever writes. */
struct trace_counters {
    uint64_t alloc_count;
    uint64_t alloc_bytes;
    uint64_t free_count;
    uint64_t freed_bytes;
    uint64_t temporary_count; /* freed by the same thread before it made another allocation */
    int64_t peak_bytes;
    int64_t peak_count;
    uint64_t peak_epoch;
};

/* Blocks that a forked child inherited: they add to live and to the bytes at peak, not to the
 * allocations; until all is forgotten for the first time. */
struct trace_inherited {
    int64_t live_count;
    int64_t live_bytes;
};

struct trace_module {
    struct trace_string path; /* as the loader knows it, made absolute; "" for no module */
    uint64_t load_bias;
    uint64_t start_address; /* of the mapping, end exclusive */
    uint64_t end_address;
    uint64_t load_time_ns; /* when first seen */
    uint64_t unload_time_ns;
    uint32_t load_epoch;    /* number of loads and unloads before this one was first seen */
    uint32_t unload_epoch;  /* the same at its unload; 0: still loaded */
    uint64_t file_bytes;    /* of the file when it was loaded, 0 if unknown; */
    uint64_t file_mtime_ns; /* tells a replaced file where there is no build-id */
    uint32_t build_id_bytes;
    uint32_t reserved;
    uint8_t build_id[TRACE_BUILD_ID_MAX];
};

struct trace_thread {
    uint32_t tid;
    uint32_t is_alive;      /* when last looked at */
    char name[16];          /* zero-terminated */
    uint64_t start_time_ns; /* of its first call */
    uint64_t end_time_ns;   /* when its end was noticed, 0: unknown or alive */
    uint64_t alloc_count;
    uint64_t alloc_bytes;
    uint64_t free_count;
    uint64_t freed_bytes;
    uint64_t temporary_count;
    uint64_t calls[CALL_MAX];
    uint64_t cpu_ns;     /* used while the CPU sampler ran, as last read; 0: none ran */
    uint64_t sampled_ns; /* of it, in samples */
    uint32_t ran_at;     /* counters of its latest sample of CPU time; 0: none */
    uint32_t reserved_too;
    uint64_t reserved[3];
};

/* Where samples come from. */
enum trace_engine {
    ENGINE_NONE,
    ENGINE_PERF_RING,   /* perf's task clock per thread, read from a ring: no signals */
    ENGINE_PERF_SIGNAL, /* perf's task clock per thread, with a signal */
    ENGINE_TGKILL,      /* a thread that looks at CPU clocks and signals those who ran */
    ENGINE_TIMER,       /* timer_create on each thread's CPU clock */
    ENGINE_COUNT
};

#define TRACE_ENGINE_NAMES                                                                         \
    {                                                                                              \
        "none", "perf-ring", "perf-signal", "tgkill", "timer"                                      \
    }

/* A sampler's account of itself. CPU time = sampled + overrun + exited + kernel + lost; what is
 * then still missing from cpu_ns is the remainder that the report names as unexplained. That of
 * DOMAIN_OFF_CPU is an account of the time of all threads: on the CPU, where the other sampler
 * takes the samples, + sampled + exited + lost. */
struct trace_sampler {
    uint32_t domain;           /* one of time */
    uint32_t engine;           /* enum trace_engine */
    uint32_t kernel_is_hidden; /* samples are taken in user mode only; kernel_ns has the rest */
    uint32_t signal;           /* that it uses, 0: none */
    uint64_t asked_period_ns;  /* mean gap between two samples of one thread */
    uint64_t period_ns;        /* the same now, after lowering the rate to keep the budget */
    uint64_t start_time_ns;
    uint64_t end_time_ns; /* 0: it runs */
    uint64_t samples;
    uint64_t cpu_ns;     /* of the process since start_time_ns, without the recorder's thread;
                            DOMAIN_OFF_CPU: time of all its threads */
    uint64_t sampled_ns; /* what samples stand for */
    uint64_t overrun_ns; /* for which there were expirations but only one sample for several */
    uint64_t exited_ns;  /* of threads that ended before their next sample, or have none yet */
    uint64_t kernel_ns;  /* in the kernel, where samples cannot be taken */
    uint64_t lost_ns;    /* samples that found no room */
    uint64_t lost_count;
    uint64_t truncated_count; /* stacks that were cut */
    uint64_t cost_ns; /* of one sample, as measured at the start; DOMAIN_OFF_CPU: of a look */
    uint64_t own_ns;  /* CPU time that sampling itself took, estimated from cost_ns */
    uint64_t threads_seen;
    uint64_t threads_invisible; /* that had the signal blocked, or could not be opened */
    uint64_t last_errno;        /* why a better engine was not to be had */
    uint64_t on_cpu_ns;         /* DOMAIN_OFF_CPU: of the time, on the CPU */
    uint64_t overrun_count;     /* expirations that had no sample of their own */
    uint64_t interrupted_calls; /* system calls that samples may have ended early (EINTR) */
    uint32_t asked_engine;      /* ENGINE_NONE: the best */
    uint32_t reserved_32;
    uint64_t reserved[2];
};

/* A moment that somebody named. */
enum trace_mark_kind {
    MARK_POINT,    /* memtrace_mark() */
    MARK_SNAPSHOT, /* memtrace_take_snapshot(), or a trigger; there is a tick of that moment, until
                      there have been too many later ones */
    MARK_PHASE_BEGIN, /* memtrace_phase_begin() and _end() nest, per thread */
    MARK_PHASE_END,
    MARK_PAUSED, /* memtrace_stop() */
    MARK_RESUMED,
    MARK_CLEARED,   /* memtrace_clear_traces(); with what was live just before */
    MARK_PEAK_RESET /* memtrace_reset_peak() */
};

struct trace_mark {
    uint64_t time_ns;
    uint32_t kind;   /* enum trace_mark_kind */
    uint32_t thread; /* in SECTION_THREADS, 0: none of the program's */
    struct trace_string name;
    int64_t live_bytes;
    int64_t peak_bytes; /* so far */
};

/* History. A half is a sequence of ticks, oldest first. A tick says what has changed since the
 * tick before it (the first one: since the start), so the figures at a tick are the sums of all
 * up to it, and two neighbouring ticks are thinned into one by adding them. All numbers are
 * unsigned LEB128:
 *     body_bytes                 of the rest of this tick
 *     time_ns                    since the tick before it; the first one: since start_time_ns
 *     mark                       index + 1 in SECTION_MARKS of a snapshot, which has the very same
 *                                time; 0: none. Ticks with a mark are not merged into later ones,
 *                                except for the oldest when there are many: then the mark stays
 *                                in SECTION_MARKS alone
 *     entry_count
 *     entries, ascending by counters id:
 *         id                     less the id before it (the first one: less 0)
 *         alloc_count, alloc_bytes, free_count, freed_bytes    that were added, modulo 2^64:
 *                                when all is forgotten, counters go back to zero
 * A forked child's history begins at its own start and, like its counters, at zero. */
enum trace_history {
    HISTORY_NUMBERS_PER_ENTRY = 5,
    HISTORY_ENTRY_MAX_BYTES = 50
};

/* The process at a moment, or during a span of time once points have been merged: then of each
 * pair the smallest and the largest value are kept. -1: not known (no gap is ever shown as 0).
 *
 * PSS and USS are read more seldom than the rest, if at all, and not known in between; the control
 * group's memory once a second, and repeated in between. What the process was before it was forked
 * or executed something is not in it. The recorder's own thread is in the CPU time, not in the
 * number of threads. A point that was due but is not there, because the process was stopped, say,
 * is a gap: points far apart are not merged while there are others. */
struct trace_range {
    int64_t min;
    int64_t max;
};

struct trace_point {
    uint64_t time_ns; /* of the latest reading in it */
    uint64_t span_ns; /* from the earliest to the latest reading, 0: one reading */
    struct trace_range rss_bytes;
    struct trace_range pss_bytes;
    struct trace_range uss_bytes;
    struct trace_range live_bytes;   /* of the heap */
    struct trace_range mapped_bytes; /* by mmap, mremap and brk calls of the program */
    struct trace_range thread_count;
    struct trace_range cgroup_bytes; /* memory.current */
    int64_t alloc_count;             /* cumulative at time_ns, like the following */
    int64_t alloc_bytes;
    int64_t minor_faults;
    int64_t major_faults;
    int64_t cpu_user_ns;
    int64_t cpu_system_ns;
    int64_t rss_peak_bytes;   /* the largest RSS until then, by the kernel's own account, which has
                                 no moments between two readings; 0: not known */
    int64_t cgroup_max_bytes; /* memory.max, the least of the groups around the process; INT64_MAX:
                                 no limit, 0: not known */
};

/* What the resident memory is made of. Of anonymous memory, what the program has mapped by itself
 * is not told from what its libraries have. */
enum residence_kind {
    RESIDENCE_LIVE,      /* blocks of the heap that are live */
    RESIDENCE_GAPS,      /* the rest of the pages that hold some of those */
    RESIDENCE_FREE,      /* pages of the same mappings that hold none */
    RESIDENCE_ANONYMOUS, /* mappings without any */
    RESIDENCE_FILES,
    RESIDENCE_STACKS,
    RESIDENCE_SHARED,   /* memory without a file that others may have mapped too */
    RESIDENCE_RECORDER, /* the recorder's own: its tables, its code, the trace */
    RESIDENCE_COUNT,
    RESIDENCE_MAX = 10
};

/* A look at all mappings, at a moment. There are few of them, for each costs what the kernel takes
 * to look at every page: by and by they are farther apart, and those of the largest RSS and of the
 * latest moment are kept. In no order. The places are written again and again, the end first, then
 * the rest, then time_ns, then the end: what is half written, or not at all, has two different
 * times or none. */
struct trace_residence {
    uint64_t time_ns;
    int64_t rss_bytes;         /* of the whole process; what the sum of all kinds lacks of it is
                                  not explained */
    int64_t absent_live_bytes; /* of live blocks: never touched, or swapped out */
    uint64_t knows_blocks;     /* 0: the heap is among RESIDENCE_ANONYMOUS */
    int64_t bytes[RESIDENCE_MAX];
    uint64_t cost_ns;     /* CPU time that the look took */
    uint64_t end_time_ns; /* time_ns again */
};

/* Live blocks. Not in the file: the recorder's private table, for tools that read the memory of a
 * running process. A page map over the lower 48 bits of addresses; a leaf has one 4-byte word per
 * granule of 16 bytes. Blocks at addresses that are 8 modulo 16 are in the second map.
 *
 * Bit 0 of a word is set in a block's first granule, its head: then 5 bits of size code and 26
 * bits of counters id. What else is known of the block is in the words after it, which are clear in
 * bit 0; a word without a head before it means nothing. By size code:
 *     0..16          the size; nothing follows
 *     LIVE_SHORT     size 1..32; the next word is stamp << 6 | (size - 1) << 1
 *     LIVE_LONG      the next word is size << 1, the one after it stamp << 1. LIVE_SIZE_LARGE
 *                    instead of the size: the two words after it have 31 bits each of the size,
 *                    low ones first and shifted as well, and the stamp comes after them
 * A stamp is the time of birth since live_origin_ns in units of 2^LIVE_STAMP_SHIFT ns, rounded down
 * to the recorder's last tick and never more than LIVE_STAMP_MAX. */
#define LIVE_LEAF_BITS 20   /* address bits below a leaf pointer: 64 Ki words */
#define LIVE_MIDDLE_BITS 12 /* leaves per middle node */
#define LIVE_ROOT_BITS 16   /* middle nodes per map */
#define LIVE_SHORT 17u
#define LIVE_LONG 31u
#define LIVE_SIZE_LARGE 0x7fffffffu
#define LIVE_STAMP_SHIFT 27
#define LIVE_STAMP_MAX 0x3ffffffu

/* Addresses of middle nodes, which are arrays of the addresses of leaves; 0: none. */
struct live_map {
    uint64_t middles[2][1 << LIVE_ROOT_BITS];
};

/* Live blocks of custom pools, in the recorder's private memory like the map above: a hash table in
 * shards. A block is known by its pool and its address, and may lie anywhere, in others too. */
#define POOL_SHARDS 64

struct pool_block {
    uint64_t pool;
    uint64_t address; /* 0: the pool's anchor in the ring of its blocks */
    uint64_t size_bytes;
    uint32_t counters; /* 0: not a live block */
    uint32_t chain;    /* the next one with this hash, or the next free one; 0: none */
    uint32_t next;     /* in the ring of the pool */
    uint32_t previous;
};

struct pool_shard {
    uint32_t lock; /* index of the thread that holds it, 0: free */
    uint32_t room; /* a power of two; also the number of chains */
    uint32_t used; /* blocks that have ever been in use are below; 0 is none */
    uint32_t taken;
    uint32_t free;
    uint32_t reserved;
    uint64_t blocks_address; /* of struct pool_block[room] */
    uint64_t chains_address; /* of uint32_t[room] */
    uint64_t reserved_too[3];
};

_Static_assert(sizeof(struct pool_block) == 40, "layout");
_Static_assert(sizeof(struct pool_shard) == 64, "one cache line");
_Static_assert(sizeof(struct trace_mark) == 40, "layout");
_Static_assert(sizeof(struct trace_range) == 16, "layout");
_Static_assert(sizeof(struct trace_point) == 192, "layout");
_Static_assert(sizeof(struct trace_residence) == 128, "layout");
_Static_assert(sizeof(struct trace_node) == 16, "layout");
_Static_assert(sizeof(struct trace_counters) == 64, "one cache line");
_Static_assert(sizeof(struct trace_module) == 112, "layout");
_Static_assert(sizeof(struct trace_thread) == 256, "layout");
_Static_assert(sizeof(struct trace_sampler) == 208, "layout");
_Static_assert(sizeof(struct trace_header) <= 8192, "two pages");
#define TRACE_HEADER_BYTES 8192u

#endif
