/* SPDX-License-Identifier: BSD-2-Clause */
/* test_follow.c -- The trace of a process that runs, this one, read again and again. */
#include "../make_trace.h"
#include "follow.h"
#include "tap.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static struct trace_maker maker;
static char path[] = "/tmp/memtrace-follow-XXXXXX";
static struct follow follow;
static struct error error;
static uint32_t site;

static struct trace_counters *counters(void)
{
    return (struct trace_counters *)(void *)maker.sections[SECTION_COUNTERS] + site;
}

static void publish(void)
{
    char buffer[4096];
    int from = maker_write(&maker);
    FILE *to = fopen(path, "r+");
    ssize_t got;
    lseek(from, 0, SEEK_SET);
    while (to && (got = read(from, buffer, sizeof buffer)) > 0)
        fwrite(buffer, 1, (size_t)got, to);
    close(from);
    if (!to || fclose(to) != 0)
        exit(99);
}

static void read_and_check(uint64_t expected, const char *name)
{
    uint64_t before_ns = follow.time_ns;
    tap_ok(follow_read(&follow, &error), name);
    tap_number((int64_t)follow.trace.counters[site].alloc_count, (int64_t)expected, "its counters");
    tap_ok(follow.time_ns > before_ns && follow.trace.is_running, "a later moment");
}

static void test_running(void)
{
    struct trace_thread *thread = maker_thread_at(&maker, 1);
    tap_ok(follow_open(&follow, path, &error) && follow.trace.is_running, "it runs");
    tap_ok(follow.usage.rss_bytes > 4096 && follow.usage.thread_count >= 1, "and takes memory");
    read_and_check(1, "nothing has happened");
    tap_ok(follow.is_confirmed, "which is certain now");
    read_and_check(1, "still nothing");
    /* A call may be in the thread's totals, which are read last, and not in its site's. */
    thread->alloc_count++;
    publish();
    read_and_check(1, "a call of which only a half was seen");
    counters()->alloc_count++;
    publish();
    read_and_check(2, "the other half is not missed");
    read_and_check(2, "nothing more");
    thread->calls[CALL_FREE]++;
    counters()->alloc_count = 7;
    publish();
    read_and_check(7, "any call is noticed");
    read_and_check(7, "and then");
    read_and_check(7, "nothing");
    maker_thread(&maker, 4243, "worker");
    counters()->alloc_count = 8;
    publish();
    read_and_check(8, "a new thread");
    maker.header.state = TRACE_EXITED;
    publish();
    tap_ok(follow_read(&follow, &error) && !follow.trace.is_running, "its end");
    tap_ok(follow.usage.rss_bytes == -1 && follow.usage.thread_count == -1,
           "after which it takes nothing");
    follow_close(&follow);
}

int main(void)
{
    int fd = mkstemp(path);
    if (fd < 0)
        return 99;
    maker_init(&maker);
    maker.header.state = TRACE_RUNNING;
    maker.header.pid = (uint32_t)getpid();
    maker.header.start_time_ns = 1;
    site = maker_counters(&maker,
                          maker_node(&maker, 0, maker_module(&maker, "/nonexistent/demo"), 0x1000),
                          1, &(struct trace_counters){.alloc_count = 1, .alloc_bytes = 10});
    publish();
    void *mapped = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
    if (mapped == MAP_FAILED)
        return 99;
    test_running();
    munmap(mapped, 4096);
    close(fd);
    unlink(path);
    return tap_end();
}
