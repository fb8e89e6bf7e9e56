/* SPDX-License-Identifier: BSD-2-Clause */
/* test_live_table.c -- The tool finds in the recorder's table what the recorder has put there.
 *
 * The table is the recorder's own code, in this process. It never looks into a block, so addresses
 * are made up. */
#include "live.h"
#include "live_table.h"
#include "process.h"
#include "tap.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    SLOTS = 3000,
    SLOT_BYTES = 256,
    PROBES = 5000
};

static struct model {
    uint64_t address;
    uint64_t size_bytes;
    uint32_t counters; /* 0: nothing is live here */
    uint32_t stamp;
} model[SLOTS];

/* Where the slots lie: also across the borders of leaves and of middle nodes. */
static const uint64_t bases[] = {0x555555500000, 0x7f00000fa000, 0x7f01ffff8000, 0x10000};

static uint64_t next_random(void)
{
    static uint64_t state = 88172645463325252u;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static uint64_t slot_address(size_t i)
{
    return bases[i % 4] + i / 4 * SLOT_BYTES;
}

static void fill(void)
{
    bool is_failed;
    for (size_t i = 0; i < SLOTS; i++) {
        struct model *block = &model[i];
        block->address = slot_address(i) + next_random() % 4 * 8;
        block->size_bytes = next_random() % 3 ? next_random() % 41 : next_random() % 200;
        block->counters = (uint32_t)(1 + next_random() % (LIVE_COUNTERS_MAX - 1));
        block->stamp = live_now = (uint32_t)next_random() & LIVE_STAMP_MAX;
        live_insert((void *)block->address, block->size_bytes, block->counters, &is_failed);
        if (is_failed)
            exit(99);
    }
    for (size_t i = 0; i < SLOTS; i += 3) {
        live_remove((void *)model[i].address);
        model[i].counters = 0;
    }
}

static const struct model *find(uint64_t address)
{
    for (size_t i = 0; i < SLOTS; i++) {
        uint64_t offset = address - model[i].address;
        if (model[i].counters && (offset == 0 || offset < model[i].size_bytes))
            return &model[i];
    }
    return NULL;
}

static struct live_table own_table(void)
{
    struct error error;
    struct live_table table = {.memory_fd = process_open_memory((uint32_t)getpid(), &error),
                               .map_address = live_map_address(),
                               .reach_bytes = UINT64_MAX,
                               .leaves_max = 100};
    if (table.memory_fd < 0)
        exit(99);
    return table;
}

static bool is_right(const struct live_table *table, uint64_t address)
{
    struct live_entry entry;
    struct error error;
    const struct model *expected = find(address);
    enum live_answer answer = live_table_find(table, address, &entry, &error);
    if (!expected)
        return answer == LIVE_OUTSIDE;
    return answer == LIVE_INSIDE && entry.address == expected->address &&
           entry.size_bytes == expected->size_bytes && entry.counters == expected->counters &&
           (!entry.has_stamp || entry.stamp == expected->stamp) &&
           (entry.has_stamp || entry.size_bytes <= 16);
}

static void test_random(const struct live_table *table)
{
    int wrong = 0;
    int inside = 0;
    for (int i = 0; i < PROBES; i++) {
        uint64_t address = slot_address(next_random() % SLOTS) + next_random() % SLOT_BYTES;
        inside += find(address) != NULL;
        wrong += !is_right(table, address);
    }
    printf("# %d of %d in a block\n", inside, PROBES);
    tap_number(wrong, 0, "random addresses");
    wrong = 0;
    for (size_t i = 0; i < SLOTS; i++) {
        wrong += !is_right(table, model[i].address);
        wrong += !is_right(table, model[i].address + model[i].size_bytes);
        wrong +=
            model[i].size_bytes && !is_right(table, model[i].address + model[i].size_bytes - 1);
        wrong += !is_right(table, model[i].address - 1);
    }
    tap_number(wrong, 0, "both ends of every block");
}

static void test_huge(const struct live_table *table)
{
    const uint64_t start = 0x7e0000000010;
    const uint64_t size = UINT64_C(5) << 30;
    struct live_entry entry;
    struct error error;
    bool is_failed;
    live_now = 4711;
    live_insert((void *)start, size, 77, &is_failed);
    tap_ok(live_table_find(table, start + size - 1, &entry, &error) == LIVE_INSIDE &&
               entry.address == start && entry.size_bytes == size && entry.counters == 77 &&
               entry.has_stamp && entry.stamp == 4711,
           "the last byte of 5 GiB");
    tap_ok(live_table_find(table, start + size, &entry, &error) == LIVE_OUTSIDE &&
               entry.address == start,
           "the byte behind it, and what it is behind of");
    struct live_table near = *table;
    near.reach_bytes = 1 << 30;
    tap_ok(live_table_find(&near, start + size - 1, &entry, &error) == LIVE_OUTSIDE,
           "no further than blocks can reach");
    live_remove((void *)start);
    tap_ok(live_table_find(table, start, &entry, &error) == LIVE_OUTSIDE, "it is freed");
}

/* At the very end of a leaf: what is known of it is in the next one. */
static void test_borders(const struct live_table *table)
{
    static const uint64_t sizes[] = {1, 16, 17, 32, 33, 1000, 0x7ffffffe, 0x7fffffff, 0x100000000};
    int wrong = 0;
    for (uint64_t before = 8; before <= 80; before += 8)
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            uint64_t start = 0x7d0100000000 - before;
            struct live_entry entry;
            struct error error;
            bool is_failed;
            live_now = (uint32_t)i + 5;
            live_insert((void *)start, sizes[i], 9, &is_failed);
            wrong += live_table_find(table, start + sizes[i] - 1, &entry, &error) != LIVE_INSIDE ||
                     entry.address != start || entry.size_bytes != sizes[i] ||
                     (entry.has_stamp && entry.stamp != i + 5);
            live_remove((void *)start);
        }
    tap_number(wrong, 0, "blocks of all sizes at the border of two leaves");
}

/* --- all of them --- */

struct visits {
    uint32_t seen[SLOTS];
    int64_t wrong;
};

static void take_visit(void *context, const struct live_entry *entry)
{
    struct visits *visits = context;
    for (size_t i = 0; i < SLOTS; i++) {
        const struct model *block = &model[i];
        if (!block->counters || block->address != entry->address)
            continue;
        visits->seen[i]++;
        visits->wrong += block->size_bytes != entry->size_bytes ||
                         block->counters != entry->counters ||
                         (entry->has_stamp && entry->stamp != block->stamp);
        return;
    }
    visits->wrong++;
}

static void test_visit(const struct live_table *table)
{
    static struct visits visits;
    struct error error = {"", 0};
    int64_t missed = 0;
    tap_ok(live_table_visit(table, take_visit, &visits, &error), "all blocks");
    for (size_t i = 0; i < SLOTS; i++)
        missed += visits.seen[i] != (model[i].counters != 0);
    tap_number(missed, 0, "each once, and no other");
    tap_number(visits.wrong, 0, "as they are");
}

/* --- memory that lies, and none --- */

static void test_nowhere(const struct live_table *table)
{
    struct live_entry entry;
    struct error error;
    static const uint64_t addresses[] = {0, 7, 8, 1 << 16, UINT64_C(1) << 48, UINT64_MAX};
    int wrong = 0;
    for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++)
        wrong += live_table_find(table, addresses[i], &entry, &error) != LIVE_OUTSIDE &&
                 !find(addresses[i]);
    tap_number(wrong, 0, "addresses that no block has");
}

static void test_lies(void)
{
    struct live_table table = own_table();
    struct live_entry entry;
    struct error error = {"", 0};
    size_t size = sizeof(struct live_map);
    struct live_map *map =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint64_t *middle = calloc(1 << LIVE_MIDDLE_BITS, sizeof *middle);
    uint32_t *leaf = calloc(1 << (LIVE_LEAF_BITS - 4), sizeof *leaf);
    if (map == MAP_FAILED || !middle || !leaf)
        exit(99);
    table.map_address = (uint64_t)map;
    map->middles[0][0x7f00] = 0x10;
    tap_ok(live_table_find(&table, 0x7f0000000000, &entry, &error) == LIVE_FAILED && error.text[0],
           "a pointer to nowhere is an error");
    for (size_t i = 0; i < 1 << LIVE_MIDDLE_BITS; i++)
        middle[i] = (uint64_t)leaf;
    for (size_t i = 0; i < 1 << LIVE_ROOT_BITS; i++)
        map->middles[0][i] = map->middles[1][i] = (uint64_t)middle;
    tap_ok(live_table_find(&table, 0x7fffffffffff, &entry, &error) == LIVE_OUTSIDE,
           "a table without an end comes to one");
    struct visits none = {0};
    tap_ok(!live_table_visit(&table, take_visit, &none, &error) &&
               strstr(error.text, "too much memory") && !none.wrong,
           "nor is it visited for ever");
    leaf[1] = 9u << 6 | 20 << 1 | 1;
    tap_ok(live_table_find(&table, 0x7f0000000010, &entry, &error) == LIVE_OUTSIDE,
           "a size code that is none");
    munmap(map, size);
    free(middle);
    free(leaf);
    close(table.memory_fd);
}

static void test_end(void)
{
    struct live_table table = own_table();
    struct live_entry entry;
    struct error error = {"", 0};
    close(table.memory_fd);
    pid_t child = fork();
    if (child == 0) {
        pause();
        _exit(0);
    }
    table.memory_fd = process_open_memory((uint32_t)child, &error);
    tap_ok(table.memory_fd >= 0 && is_right(&table, model[1].address), "another process");
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    tap_ok(live_table_find(&table, model[1].address, &entry, &error) == LIVE_FAILED &&
               strstr(error.text, "ended"),
           "that has ended");
    close(table.memory_fd);
    tap_ok(process_open_memory((uint32_t)child, &error) < 0 &&
               strstr(error.text, "no such process"),
           "and is no more");
}

/* Somebody else asks for the memory of this process. */
static void test_permission(void)
{
    int status = 0;
    pid_t parent = getpid();
    pid_t child = geteuid() == 0 ? fork() : -1;
    if (child == 0) {
        struct error error = {"", 0};
        bool is_other = setresgid(65534, 65534, 65534) == 0 && setresuid(65534, 65534, 65534) == 0;
        bool is_refused = process_open_memory((uint32_t)parent, &error) < 0;
        _exit(is_other && is_refused && strstr(error.text, "may not be read") ? 0 : 1);
    }
    if (child > 0)
        waitpid(child, &status, 0);
    tap_ok(status == 0, child > 0 ? "others may not, and are told so" : "# SKIP needs root");
}

int main(void)
{
    fill();
    struct live_table table = own_table();
    test_random(&table);
    test_huge(&table);
    test_borders(&table);
    test_visit(&table);
    test_nowhere(&table);
    close(table.memory_fd);
    test_lies();
    test_end();
    test_permission();
    return tap_end();
}
