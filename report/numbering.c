/* SPDX-License-Identifier: BSD-2-Clause */
/* numbering.c -- Numbers keys as they come.
 *
 * uthash would do, at three times the memory and time; call stacks come by the million. */
#include "numbering.h"

#include "hash.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
    SLOTS_FIRST = 1024
};

static uint32_t *slot_of(const struct numbering *numbering, const struct number_key *key)
{
    uint32_t mask = numbering->slot_count - 1;
    uint32_t at = hash_bytes(key, sizeof *key) & mask;
    while (numbering->slots[at] &&
           memcmp(&numbering->keys[numbering->slots[at] - 1], key, sizeof *key) != 0)
        at = (at + 1) & mask;
    return &numbering->slots[at];
}

/* Three quarters of the slots may be taken. */
static bool make_room(struct numbering *numbering)
{
    if ((uint64_t)numbering->count * 4 < (uint64_t)numbering->slot_count * 3)
        return true;
    if (numbering->slot_count > UINT32_MAX / 4)
        return false;
    uint32_t wanted = numbering->slot_count ? numbering->slot_count * 2 : SLOTS_FIRST;
    struct number_key *keys = realloc(numbering->keys, (size_t)wanted * 3 / 4 * sizeof *keys);
    if (!keys)
        return false;
    numbering->keys = keys;
    uint32_t *slots = calloc(wanted, sizeof *slots);
    if (!slots)
        return false;
    free(numbering->slots);
    numbering->slots = slots;
    numbering->slot_count = wanted;
    for (uint32_t i = 0; i < numbering->count; i++)
        *slot_of(numbering, &keys[i]) = i + 1;
    return true;
}

uint32_t numbering_of(struct numbering *numbering, uint64_t a, uint64_t b, uint64_t c)
{
    const struct number_key key = {{a, b, c}};
    if (!make_room(numbering))
        return NUMBER_NONE;
    uint32_t *slot = slot_of(numbering, &key);
    if (!*slot) {
        numbering->keys[numbering->count] = key;
        *slot = ++numbering->count;
    }
    return *slot - 1;
}

void numbering_finish(struct numbering *numbering)
{
    free(numbering->keys);
    free(numbering->slots);
    *numbering = (struct numbering){0};
}
