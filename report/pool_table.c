/* SPDX-License-Identifier: BSD-2-Clause */
/* pool_table.c -- The blocks that a running process's own allocators have handed out, read from the
 * recorder's table in its memory. */
#include "pool_table.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

enum {
    CHUNK_BLOCKS = 1024,
    TRIES = 8, /* for a shard that grows meanwhile */
    USED_MAX = 1 << 24
};

static bool read_memory(const struct pool_table *table, void *buffer, size_t size_bytes,
                        uint64_t address)
{
    char *next = buffer;
    while (size_bytes) {
        ssize_t got = pread(table->memory_fd, next, size_bytes, (off_t)address);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        next += got;
        address += (uint64_t)got;
        size_bytes -= (size_t)got;
    }
    return true;
}

static void consider(const struct pool_block *block, uint64_t address, struct live_entry *best)
{
    bool is_inside = block->address == address ||
                     (block->address < address && address - block->address < block->size_bytes);
    if (block->counters && is_inside && (!best->counters || block->size_bytes < best->size_bytes))
        *best = (struct live_entry){.address = block->address,
                                    .size_bytes = block->size_bytes,
                                    .counters = block->counters};
}

/* They are looked at one by one: freed ones have no counters. */
static bool search_blocks(const struct pool_table *table, const struct pool_shard *shard,
                          uint64_t address, struct live_entry *best)
{
    struct pool_block blocks[CHUNK_BLOCKS];
    uint32_t used = shard->used < USED_MAX ? shard->used : USED_MAX;
    for (uint32_t first = 0; first < used; first += CHUNK_BLOCKS) {
        uint32_t count = used - first < CHUNK_BLOCKS ? used - first : CHUNK_BLOCKS;
        if (!read_memory(table, blocks, count * sizeof *blocks,
                         shard->blocks_address + first * sizeof *blocks))
            return false;
        for (uint32_t i = 0; i < count; i++)
            consider(&blocks[i], address, best);
    }
    return true;
}

/* Until its blocks are where they were before. */
static bool search_shard(const struct pool_table *table, uint32_t index, uint64_t address,
                         struct live_entry *best)
{
    uint64_t place = table->address + index * sizeof(struct pool_shard);
    struct pool_shard shard, again;
    for (int tries = 0; tries < TRIES; tries++) {
        struct live_entry found = *best;
        if (!read_memory(table, &shard, sizeof shard, place))
            return false;
        bool is_ok = !shard.room || search_blocks(table, &shard, address, &found);
        if (!read_memory(table, &again, sizeof again, place))
            return false;
        if (is_ok && shard.blocks_address == again.blocks_address) {
            *best = found;
            return true;
        }
    }
    return false;
}

bool pool_table_find(const struct pool_table *table, uint64_t address, struct live_entry *entry,
                     struct error *error)
{
    *entry = (struct live_entry){0};
    for (uint32_t i = 0; table->address && i < POOL_SHARDS; i++)
        if (!search_shard(table, i, address, entry))
            return error_set(error, "its table of custom pools cannot be read");
    return true;
}
