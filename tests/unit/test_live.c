/* SPDX-License-Identifier: BSD-2-Clause */
/* test_live.c -- The table of live blocks against a plain map, at addresses of every kind.
 *
 * The table never looks into a block, so addresses are made up. */
#include "live.h"
#include "tap.h"
#include "trace_format.h"

#include <stdlib.h>

enum {
    BLOCKS = 4096,
    ROUNDS = 400000
};

static struct model {
    uint64_t address;
    uint64_t size_bytes;
    uint32_t counters;
} model[BLOCKS];

static uint64_t random_state = 88172645463325252u;

static uint64_t next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

/* Slots of 64 bytes of address space, some across the borders of leaves and middle nodes; each
 * holds one block that fits, or a huge one in a slot with room behind it. */
static void make_block(struct model *block, size_t i)
{
    static const uint64_t bases[] = {0x555555550000u, 0x7fffffff0000u - BLOCKS * 64,
                                     0x7f00000fe000u, 0x7f01fffff000u, 0x10000u};
    uint64_t base = bases[i % 5] + i * 64;
    bool is_small = next_random() % 2;
    block->address = base + (is_small ? next_random() % 4 * 8 : 0);
    block->size_bytes = is_small ? next_random() % 17 : 17 + next_random() % 40;
    live_now = (uint32_t)next_random() & LIVE_STAMP_MAX;
    block->counters = (uint32_t)(1 + next_random() % (LIVE_COUNTERS_MAX - 1));
}

static bool is_equal(struct live_block got, const struct model *expected)
{
    return got.counters == expected->counters &&
           (!got.counters || got.size_bytes == expected->size_bytes);
}

static void test_random(void)
{
    size_t wrong = 0;
    for (int round = 0; round < ROUNDS; round++) {
        size_t i = next_random() % BLOCKS;
        bool is_failed = false;
        if (model[i].counters) {
            wrong += !is_equal(live_remove((void *)model[i].address), &model[i]);
            model[i].counters = 0;
        } else {
            make_block(&model[i], i);
            struct live_block old = live_insert((void *)model[i].address, model[i].size_bytes,
                                                model[i].counters, &is_failed);
            wrong += old.counters != 0 || is_failed;
        }
    }
    tap_number((int64_t)wrong, 0, "random blocks come back as they were");
}

struct sum {
    uint64_t count;
    uint64_t bytes;
    uint64_t addresses;
};

static void add(const void *address, struct live_block block, void *data)
{
    struct sum *sum = data;
    sum->count++;
    sum->bytes += block.size_bytes;
    sum->addresses += (uint64_t)address;
}

static void test_visit(void)
{
    struct sum got = {0}, expected = {0};
    for (size_t i = 0; i < BLOCKS; i++)
        if (model[i].counters)
            add((void *)model[i].address, (struct live_block){.size_bytes = model[i].size_bytes},
                &expected);
    live_visit(add, &got);
    tap_number((int64_t)got.count, (int64_t)expected.count, "visits every live block once");
    tap_number((int64_t)got.bytes, (int64_t)expected.bytes, "visits with the right sizes");
    tap_number((int64_t)got.addresses, (int64_t)expected.addresses, "at the right addresses");
}

static void test_sizes(void)
{
    static const uint64_t sizes[] = {
        0, 1, 16, 17, 32, 33, 0x7ffffffe, 0x7fffffff, 0x80000000, 1ul << 33, (1ul << 47) - 1};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char name[64];
        bool is_failed;
        /* The last granules of a leaf: the size's words are in the next one. */
        void *address = (void *)0x200000ffff0u;
        live_insert(address, sizes[i], 7, &is_failed);
        struct live_block got = live_remove(address);
        snprintf(name, sizeof name, "a block of %" PRIu64 " bytes across leaves", sizes[i]);
        tap_ok(!is_failed && got.counters == 7 && got.size_bytes == sizes[i], name);
        tap_number(live_remove(address).counters, 0, "is gone when removed");
    }
}

static void test_neighbours(void)
{
    bool is_failed;
    for (uint64_t i = 0; i < 64; i++)
        live_insert((void *)(0x300000000000u + i * 8), 8, (uint32_t)i + 1, &is_failed);
    bool is_right = true;
    for (uint64_t i = 0; i < 64; i++) {
        struct live_block got = live_remove((void *)(0x300000000000u + i * 8));
        is_right &= got.counters == i + 1 && got.size_bytes == 8;
    }
    tap_ok(is_right, "blocks of 8 bytes side by side stay apart");
}

static void test_refusals(void)
{
    bool is_failed = false;
    live_insert((void *)0x400000000004u, 4, 1, &is_failed);
    tap_ok(is_failed, "an address that is not aligned to 8 is refused");
    live_insert((void *)(1ul << 48), 64, 1, &is_failed);
    tap_ok(is_failed, "so is one of more than 48 bits");
    tap_number(live_remove((void *)0x123456789000u).counters, 0, "nothing was live there");
    live_insert((void *)0x500000000000u, 100, 3, &is_failed);
    struct live_block old = live_insert((void *)0x500000000000u, 200, 4, &is_failed);
    tap_ok(old.counters == 3 && old.size_bytes == 100, "a block that was still live is handed out");
    old = live_remove((void *)0x500000000000u);
    tap_ok(old.counters == 4 && old.size_bytes == 200, "and replaced");
}

static void test_with_room_after_every_head(void)
{
    bool is_right = true;
    live_init(true, 0);
    live_tick(UINT64_MAX);
    for (uint64_t size_bytes = 0; size_bytes < 100; size_bytes++) {
        bool is_failed;
        void *address = (void *)(0x600000000000u + size_bytes * 112);
        live_insert(address, size_bytes, LIVE_COUNTERS_MAX - 1, &is_failed);
        struct live_block got = live_remove(address);
        is_right &=
            !is_failed && got.counters == LIVE_COUNTERS_MAX - 1 && got.size_bytes == size_bytes;
    }
    tap_number(live_now, LIVE_STAMP_MAX, "stamps end where they do not fit any more");
    tap_ok(is_right, "small blocks come back where each has two granules");
}

static void test_clear(void)
{
    struct sum sum = {0};
    bool is_failed;
    live_insert((void *)0x700000000008u, 8, 1, &is_failed);
    live_insert((void *)0x700000000010u, 1000, 2, &is_failed);
    live_clear();
    live_visit(add, &sum);
    tap_number((int64_t)sum.count, 0, "nothing is left when all is forgotten");
    tap_number(live_remove((void *)0x700000000010u).counters, 0, "not even what was just put in");
    live_insert((void *)0x700000000010u, 10, 3, &is_failed);
    tap_number(live_remove((void *)0x700000000010u).counters, 3, "and there is room again");
}

int main(void)
{
    test_random();
    test_visit();
    test_sizes();
    test_neighbours();
    test_refusals();
    test_with_room_after_every_head();
    test_clear();
    return tap_end();
}
