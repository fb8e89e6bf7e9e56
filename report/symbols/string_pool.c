/* SPDX-License-Identifier: BSD-2-Clause */
/* string_pool.c -- An arena of texts with a hash table of their numbers. */
#include "string_pool.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES (64u << 10)

struct string_chunk {
    struct string_chunk *next;
    size_t used_bytes;
    size_t size_bytes;
    char bytes[];
};

static uint32_t hash_text(const char *text, size_t size)
{
    uint64_t hash = 0xcbf29ce484222325u;

    for (size_t i = 0; i < size; i++)
        hash = (hash ^ (uint8_t)text[i]) * 0x100000001b3u;
    return (uint32_t)(hash ^ (hash >> 32));
}

static char *keep_text(struct string_pool *pool, const char *text, size_t size)
{
    struct string_chunk *chunk = pool->chunks;
    char *kept;

    if (!chunk || chunk->size_bytes - chunk->used_bytes <= size) {
        size_t chunk_bytes = size + 1 > CHUNK_BYTES ? size + 1 : CHUNK_BYTES;

        chunk = malloc(sizeof(*chunk) + chunk_bytes);
        if (!chunk)
            return NULL;
        chunk->next = pool->chunks;
        chunk->used_bytes = 0;
        chunk->size_bytes = chunk_bytes;
        pool->chunks = chunk;
    }
    kept = chunk->bytes + chunk->used_bytes;
    memcpy(kept, text, size);
    kept[size] = 0;
    chunk->used_bytes += size + 1;
    return kept;
}

static bool grow_texts(struct string_pool *pool)
{
    uint32_t capacity = pool->texts_capacity ? pool->texts_capacity * 2 : 64;
    char **texts = realloc(pool->texts, capacity * sizeof(*texts));
    uint32_t *hashes;

    if (!texts)
        return false;
    pool->texts = texts;
    hashes = realloc(pool->hashes, capacity * sizeof(*hashes));
    if (!hashes)
        return false;
    pool->hashes = hashes;
    pool->texts_capacity = capacity;
    return true;
}

static bool grow_slots(struct string_pool *pool)
{
    uint32_t slot_count = pool->slot_count ? pool->slot_count * 2 : 256;
    uint32_t *slots = calloc(slot_count, sizeof(*slots));

    if (!slots)
        return false;
    for (uint32_t number = 1; number <= pool->count; number++) {
        uint32_t slot = pool->hashes[number - 1] & (slot_count - 1);

        while (slots[slot])
            slot = (slot + 1) & (slot_count - 1);
        slots[slot] = number;
    }
    free(pool->slots);
    pool->slots = slots;
    pool->slot_count = slot_count;
    return true;
}

/* Keeps the table at most half full and room for one more text. */
static bool make_room(struct string_pool *pool)
{
    if (pool->count >= UINT32_MAX / 4)
        return false;
    if (pool->count == pool->texts_capacity && !grow_texts(pool))
        return false;
    return pool->count * 2 < pool->slot_count || grow_slots(pool);
}

uint32_t string_pool_add(struct string_pool *pool, const char *text, size_t size_bytes)
{
    uint32_t hash, slot;

    if (!text || !make_room(pool))
        return 0;
    hash = hash_text(text, size_bytes);
    slot = hash & (pool->slot_count - 1);
    for (uint32_t number; (number = pool->slots[slot]) != 0;
         slot = (slot + 1) & (pool->slot_count - 1)) {
        const char *known = pool->texts[number - 1];

        if (pool->hashes[number - 1] == hash && strncmp(known, text, size_bytes) == 0 &&
            known[size_bytes] == 0)
            return number;
    }
    pool->texts[pool->count] = keep_text(pool, text, size_bytes);
    if (!pool->texts[pool->count])
        return 0;
    pool->hashes[pool->count] = hash;
    pool->slots[slot] = ++pool->count;
    return pool->count;
}

const char *string_pool_text(const struct string_pool *pool, uint32_t number)
{
    return number == 0 || number > pool->count ? NULL : pool->texts[number - 1];
}

void string_pool_finish(struct string_pool *pool)
{
    for (struct string_chunk *chunk = pool->chunks, *next; chunk; chunk = next) {
        next = chunk->next;
        free(chunk);
    }
    free(pool->texts);
    free(pool->hashes);
    free(pool->slots);
    memset(pool, 0, sizeof(*pool));
}
