/* SPDX-License-Identifier: BSD-2-Clause */
/* test_collect.c -- Counters that threads write all the while are read so that they belong
 * together. */
#include "collect.h"
#include "tap.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    WRITERS = 4,
    SITES = 3 * WRITERS + 1, /* nodes; 0 is unused */
    STRIDE = 8192,           /* records of a site lie this far apart */
    RECORDS = 1 + WRITERS * STRIDE,
    COLLECTIONS_MIN = 200,
    COLLECTIONS_MAX = 1000000, /* so many that writers got their turn in between */
    MOVED_ENOUGH = 100,
    COUNTERS_AT = 8192,
    THREADS_AT = COUNTERS_AT + (RECORDS + 63) / 64 * 64 * sizeof(struct trace_counters),
    FILE_BYTES = THREADS_AT + 4096,
    BLOCK_BYTES = 48
};

/* Site 1..W: thread i alone. W+1..2W: allocated by thread i, freed by its neighbour. 2W+1..3W: not
 * touched. */
static struct trace_header *file;
static struct trace_counters *counters;
static struct trace_owner owners[RECORDS];
static atomic_bool stop;
static atomic_uint handed_over[WRITERS];

static uint32_t record_of(uint32_t thread, uint32_t node)
{
    return 1 + thread * STRIDE + node;
}

static void add(uint64_t *counter, uint64_t number)
{
    __atomic_store_n(counter, *counter + number, __ATOMIC_RELEASE);
}

static void settle(struct trace_counters *record)
{
    uint64_t epoch = __atomic_load_n(&file->peak_epoch, __ATOMIC_RELAXED);
    if (record->peak_epoch == epoch)
        return;
    __atomic_store_n(&record->peak_bytes, (int64_t)(record->alloc_bytes - record->freed_bytes),
                     __ATOMIC_RELEASE);
    __atomic_store_n(&record->peak_count, (int64_t)(record->alloc_count - record->free_count),
                     __ATOMIC_RELEASE);
    __atomic_store_n(&record->peak_epoch, epoch, __ATOMIC_RELEASE);
}

static void allocated(uint32_t thread, uint32_t node)
{
    struct trace_counters *record = &counters[record_of(thread, node)];
    settle(record);
    add(&record->alloc_count, 1);
    add(&record->alloc_bytes, BLOCK_BYTES);
}

static void freed(uint32_t thread, uint32_t node)
{
    struct trace_counters *record = &counters[record_of(thread, node)];
    settle(record);
    add(&record->free_count, 1);
    add(&record->freed_bytes, BLOCK_BYTES);
}

/* Keeps one block of its own, hands one after the other to its neighbour and frees what it gets. */
static void *write_counters(void *argument)
{
    uint32_t self = (uint32_t)(uintptr_t)argument;
    uint32_t before = (self + WRITERS - 1) % WRITERS;
    allocated(self, 1 + self);
    while (!stop) {
        allocated(self, 1 + self);
        freed(self, 1 + self);
        if (atomic_load(&handed_over[self]) < 1) {
            allocated(self, 1 + WRITERS + self);
            atomic_fetch_add(&handed_over[self], 1);
        }
        if (atomic_load(&handed_over[before]) > 0) {
            atomic_fetch_sub(&handed_over[before], 1);
            freed(self, 1 + WRITERS + before);
        }
    }
    return NULL;
}

static void *raise_peaks(void *unused)
{
    while (!stop) {
        __atomic_fetch_add(&file->peak_epoch, 1, __ATOMIC_RELAXED);
        usleep(100);
    }
    return unused;
}

/* --- */

static int make_file(void)
{
    int fd = memfd_create("counters", MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, FILE_BYTES) != 0)
        exit(99);
    file = mmap(NULL, FILE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (file == MAP_FAILED)
        exit(99);
    counters = (struct trace_counters *)(void *)((char *)file + COUNTERS_AT);
    for (uint32_t thread = 0; thread < WRITERS; thread++)
        for (uint32_t node = 0; node < SITES; node++)
            owners[record_of(thread, node)].node = node;
    for (uint32_t node = 1 + 2 * WRITERS; node < SITES; node++)
        counters[record_of(0, node)] =
            (struct trace_counters){.alloc_count = node, .alloc_bytes = node * BLOCK_BYTES};
    return fd;
}

/* Two extents for the counters, which meet between two records. */
static void make_header(struct trace_header *header)
{
    const uint64_t half = 7 * sizeof(struct trace_counters);
    *header = (struct trace_header){.extent_count = 3};
    header->extents[0] = (struct trace_extent){
        .section = SECTION_COUNTERS, .file_offset = COUNTERS_AT, .size_bytes = half};
    header->extents[1] = (struct trace_extent){.section = SECTION_COUNTERS,
                                               .section_offset = half,
                                               .file_offset = COUNTERS_AT + half,
                                               .size_bytes = THREADS_AT - COUNTERS_AT - half};
    header->extents[2] = (struct trace_extent){
        .section = SECTION_THREADS, .file_offset = THREADS_AT, .size_bytes = 4096};
}

struct reading {
    struct trace_header header;
    struct trace_counters counters[RECORDS];
    struct trace_thread threads[1];
    struct snapshot_moment moment;
};

static bool read_counters(struct reading *reading, int fd, struct error *error)
{
    make_header(&reading->header);
    struct collection collection = {.header = &reading->header,
                                    .owners = owners,
                                    .counters = reading->counters,
                                    .threads = reading->threads,
                                    .counters_count = RECORDS,
                                    .thread_count = 1,
                                    .node_count = SITES};
    bool is_ok = collect(&collection, fd, FILE_BYTES, error);
    reading->moment = collection.moment;
    return is_ok;
}

static int64_t live_count(const struct reading *reading, uint32_t node)
{
    uint64_t count = 0;
    for (uint32_t thread = 0; thread < WRITERS; thread++) {
        const struct trace_counters *record = &reading->counters[record_of(thread, node)];
        count += record->alloc_count - record->free_count;
    }
    return (int64_t)count;
}

static uint64_t alloc_count(const struct reading *reading, uint32_t node)
{
    uint64_t count = 0;
    for (uint32_t thread = 0; thread < WRITERS; thread++)
        count += reading->counters[record_of(thread, node)].alloc_count;
    return count;
}

static void start(pthread_t *threads)
{
    for (uintptr_t i = 0; i < WRITERS; i++)
        pthread_create(&threads[i], NULL, write_counters, (void *)i);
    pthread_create(&threads[WRITERS], NULL, raise_peaks, NULL);
}

static void end(pthread_t *threads)
{
    stop = true;
    for (int i = 0; i <= WRITERS; i++)
        pthread_join(threads[i], NULL);
}

struct verdict {
    int failed, negative, backwards, lone, untouched, moved;
};

static void judge(const struct reading *reading, const struct reading *before,
                  struct verdict *verdict)
{
    for (uint32_t node = 1; node < SITES; node++) {
        int64_t live = live_count(reading, node);
        verdict->negative += live < 0;
        verdict->backwards += alloc_count(reading, node) < alloc_count(before, node);
        if (node > 2 * WRITERS)
            verdict->untouched += live != (int64_t)node;
        else if (node <= WRITERS) /* it holds one, and one more at times */
            verdict->lone += live > 2 || (live < 1 && alloc_count(before, node));
    }
    verdict->moved += reading->moment.moved_sites > 0;
}

static void test_while_written(int fd)
{
    static struct reading readings[2];
    struct verdict verdict = {0};
    struct error error;
    pthread_t threads[WRITERS + 1];
    start(threads);
    int i = 0;
    while (i < COLLECTIONS_MIN || (i < COLLECTIONS_MAX && verdict.moved < MOVED_ENOUGH)) {
        struct reading *reading = &readings[++i & 1];
        verdict.failed += !read_counters(reading, fd, &error);
        judge(reading, &readings[!(i & 1)], &verdict);
    }
    end(threads);
    printf("# %d of %d readings found sites at work\n", verdict.moved, i);
    tap_number(verdict.failed, 0, "counters are read while threads write them");
    tap_ok(verdict.moved >= MOVED_ENOUGH, "and they do write");
    tap_number(verdict.negative, 0, "nothing is freed that was not allocated");
    tap_number(verdict.backwards, 0, "allocations never become fewer");
    tap_number(verdict.lone, 0, "one thread's own site is exact");
    tap_number(verdict.untouched, 0, "so are those that nobody touches");
}

static void test_at_rest(int fd)
{
    static struct reading reading;
    struct error error;
    file->peak_bytes = 4711;
    tap_ok(read_counters(&reading, fd, &error), "nobody writes any more");
    tap_ok(memcmp(&reading.counters[1], &counters[1],
                  sizeof(struct trace_counters) * (RECORDS - 1)) == 0,
           "all counters are as they are");
    tap_number(reading.moment.moved_sites, 0, "no site was at work");
    tap_ok(reading.moment.is_peak_settled, "the peak is settled");
    tap_number(reading.header.peak_bytes, 4711, "and read");
    tap_number((int64_t)reading.header.peak_epoch, (int64_t)file->peak_epoch, "with its epoch");
}

static void test_cut_short(int fd)
{
    static struct reading reading;
    struct error error = {"", 0};
    tap_ok(ftruncate(fd, THREADS_AT) == 0 && !read_counters(&reading, fd, &error) &&
               strstr(error.text, "cut short"),
           "a file that is cut short is an error, and no signal");
    tap_ok(ftruncate(fd, FILE_BYTES) == 0 && read_counters(&reading, fd, &error),
           "and the next one is read");
}

int main(void)
{
    int fd = make_file();
    test_while_written(fd);
    test_at_rest(fd);
    test_cut_short(fd);
    return tap_end();
}
