/* SPDX-License-Identifier: BSD-2-Clause */
/* usage.c -- What the process uses at the moment.
 *
 * From system calls that need no /proc where there are such, so that in another root only that is
 * missing which cannot be known. */
#include "usage.h"

#include "cgroup.h"
#include "mappings.h"
#include "options.h"
#include "rss.h"
#include "sys.h"
#include "totals.h"
#include "trace_file.h"

#include <fcntl.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

enum {
    SHARES_SHARE = 50,          /* PSS may take this part of the time */
    ASLEEP_NS = 5 * 1000,       /* who has run for less has done nothing */
    ENDING_NS = 2 * 1000 * 1000 /* from one sign of the end to the next, in most programs */
};

#define SECOND_NS 1000000000u

static int64_t inherited_maxrss_kb; /* what the process had before this program */
static uint64_t shares_due_ns;

/* From /proc, as last read. */
static struct {
    uint64_t time_ns; /* 0: never */
    uint64_t cpu_ns;  /* of the program until then */
    int64_t faults;
    uint64_t cgroup_time_ns;
    struct cgroup_memory cgroup;
    int64_t rss_bytes;
    int64_t thread_count;
    uint64_t ending_ns; /* when the program was last about to end */
} known;

static struct rusage resource_usage(void)
{
    struct rusage usage = {0};
    sys(__NR_getrusage, RUSAGE_SELF, &usage);
    return usage;
}

static int64_t nanoseconds(struct timeval time)
{
    return (int64_t)time.tv_sec * 1000000000 + (int64_t)time.tv_usec * 1000;
}

static uint64_t cpu_ns(clockid_t clock)
{
    struct timespec now = {0};
    sys(__NR_clock_gettime, clock, &now);
    return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
}

uint64_t usage_cpu_ns(void)
{
    return cpu_ns(CLOCK_THREAD_CPUTIME_ID);
}

static struct trace_range one(int64_t value)
{
    return (struct trace_range){value, value};
}

/* A directory has a link for each in it, besides its own two; procfs does not count one of them. */
static int64_t thread_count(uint32_t own_threads)
{
    struct stat status;
    if (sys(__NR_newfstatat, AT_FDCWD, "/proc/self/task", &status, 0) != 0)
        return -1;
    int64_t count = (int64_t)status.st_nlink - 2 - own_threads;
    return count > 0 ? count : -1;
}

/* A program that has not run since has the memory it had: to look less often costs it nothing. Once
 * a second at least, though, for the kernel may have taken some away. Its own thread has run, so
 * only ours may ask. */
static bool is_asleep(uint64_t now_ns, const struct rusage *usage)
{
    uint64_t program_ns = cpu_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu_ns(CLOCK_THREAD_CPUTIME_ID);
    int64_t faults = usage->ru_minflt + usage->ru_majflt;
    bool has_run = program_ns > known.cpu_ns + ASLEEP_NS || faults != known.faults;
    bool is_asleep = known.time_ns && !has_run && now_ns - known.time_ns < SECOND_NS;
    if (!is_asleep) {
        known.cpu_ns = program_ns;
        known.faults = faults;
    }
    return is_asleep;
}

/* A group's memory is looked at once a second. */
static void read_proc(uint64_t now_ns, enum usage_effort effort, uint32_t own_threads)
{
    known.rss_bytes = rss_bytes();
    known.thread_count = thread_count(own_threads);
    known.time_ns = now_ns;
    if (effort != USAGE_REGULAR || now_ns - known.cgroup_time_ns < SECOND_NS)
        return;
    known.cgroup = cgroup_memory();
    known.cgroup_time_ns = now_ns;
}

/* The kernel's account of the largest RSS goes on when a process executes another program, though
 * not when it forks; only what rises above that is this program's. */
static int64_t rss_peak(const struct rusage *usage, enum usage_effort effort)
{
    if (usage->ru_maxrss > inherited_maxrss_kb)
        return (int64_t)usage->ru_maxrss * 1024;
    int64_t bytes = effort == USAGE_LAST ? rss_peak_bytes() : 0;
    return bytes > 0 ? bytes : 0;
}

/* exit(), then the last destructor, each may be the last that is seen of a program. A short one
 * would spend more on looking twice than on its own work. */
static bool has_just_looked(uint64_t now_ns, enum usage_effort effort)
{
    bool has = effort == USAGE_LAST && known.ending_ns && now_ns - known.ending_ns < ENDING_NS;
    if (effort == USAGE_LAST && !has)
        known.ending_ns = now_ns;
    return has;
}

/* Not more often than asked for, nor than it is worth. */
static void read_shares(struct trace_point *point, uint64_t now_ns)
{
    point->pss_bytes = point->uss_bytes = one(-1);
    if (!options.pss_interval_ns || now_ns < shares_due_ns)
        return;
    uint64_t before_ns = usage_cpu_ns();
    struct rss_shares shares = rss_shares();
    uint64_t rest_ns = (usage_cpu_ns() - before_ns) * SHARES_SHARE;
    shares_due_ns =
        now_ns + (rest_ns > options.pss_interval_ns ? rest_ns : options.pss_interval_ns);
    point->pss_bytes = one(shares.pss_bytes);
    point->uss_bytes = one(shares.uss_bytes);
}

static void read_heap(struct trace_point *point)
{
    struct totals totals = totals_now();
    point->live_bytes = one(totals.is_known && totals.live_bytes >= 0 ? totals.live_bytes : -1);
    point->alloc_count = totals.is_known ? (int64_t)totals.alloc_count : -1;
    point->alloc_bytes = totals.is_known ? (int64_t)totals.alloc_bytes : -1;
}

void usage_begin(void)
{
    bool is_forked = trace.header->flags & TRACE_FORKED;
    inherited_maxrss_kb = is_forked ? 0 : resource_usage().ru_maxrss;
    shares_due_ns = 0;
    known.time_ns = known.cgroup_time_ns = known.ending_ns = 0;
    known.cgroup = (struct cgroup_memory){.bytes = -1};
    cgroup_forget();
}

void usage_read(struct trace_point *point, uint64_t now_ns, enum usage_effort effort,
                uint32_t own_threads)
{
    struct rusage usage = resource_usage();
    if (has_just_looked(now_ns, effort))
        effort = USAGE_REGULAR;
    else if (effort != USAGE_REGULAR || !is_asleep(now_ns, &usage))
        read_proc(now_ns, effort, own_threads);
    point->rss_bytes = one(known.rss_bytes);
    point->thread_count = one(known.thread_count);
    point->cgroup_bytes = one(known.cgroup.bytes);
    point->cgroup_max_bytes = known.cgroup.max_bytes;
    read_shares(point, now_ns);
    read_heap(point);
    point->mapped_bytes = one(mappings_live_bytes());
    point->minor_faults = usage.ru_minflt;
    point->major_faults = usage.ru_majflt;
    point->cpu_user_ns = nanoseconds(usage.ru_utime);
    point->cpu_system_ns = nanoseconds(usage.ru_stime);
    point->rss_peak_bytes = rss_peak(&usage, effort);
}
