/* SPDX-License-Identifier: BSD-2-Clause */
/* peak_events.c -- A pseudo-random life of allocations at forty lines that can print its events.
 *
 * peak_events SEED EVENTS [LOG]: the same seed makes the same events. With LOG they are written to
 * that file, one a line: "a SITE SLOT SIZE", "r SITE SLOT SIZE" (realloc of what SLOT holds, or of
 * nothing) and "f SLOT". SITE is the line in this file. Nothing else in the program allocates. */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    SLOTS = 3000,
    LOG_BYTES = 256 << 20
};

static void *slots[SLOTS];
static uint64_t state;
static char *log_start, *log_end;

static uint32_t random_below(uint32_t limit)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((state >> 33) % limit);
}

static void log_number(uint64_t number)
{
    char digits[24];
    int count = 0;

    do
        digits[count++] = (char)('0' + number % 10);
    while (number /= 10);
    *log_end++ = ' ';
    while (count)
        *log_end++ = digits[--count];
}

static void log_event(char kind, int line, uint32_t slot, size_t size)
{
    if (!log_start)
        return;
    *log_end++ = kind;
    if (kind != 'f')
        log_number((uint64_t)line);
    log_number(slot);
    if (kind != 'f')
        log_number(size);
    *log_end++ = '\n';
}

typedef void site(uint32_t slot, size_t size);

/* clang-format off */
#define ALLOCATES(name) static void name(uint32_t slot, size_t size) { slots[slot] = malloc(size); log_event('a', __LINE__, slot, size); }
#define ZEROES(name)    static void name(uint32_t slot, size_t size) { slots[slot] = calloc(1, size); log_event('a', __LINE__, slot, size); }
#define RESIZES(name)   static void name(uint32_t slot, size_t size) { slots[slot] = realloc(slots[slot], size); log_event('r', __LINE__, slot, size); }
ALLOCATES(allocate_0)
ALLOCATES(allocate_1)
ALLOCATES(allocate_2)
ALLOCATES(allocate_3)
ALLOCATES(allocate_4)
ALLOCATES(allocate_5)
ALLOCATES(allocate_6)
ALLOCATES(allocate_7)
ALLOCATES(allocate_8)
ALLOCATES(allocate_9)
ALLOCATES(allocate_10)
ALLOCATES(allocate_11)
ALLOCATES(allocate_12)
ALLOCATES(allocate_13)
ALLOCATES(allocate_14)
ALLOCATES(allocate_15)
ZEROES(zero_0)
ZEROES(zero_1)
ZEROES(zero_2)
ZEROES(zero_3)
ZEROES(zero_4)
ZEROES(zero_5)
ZEROES(zero_6)
ZEROES(zero_7)
RESIZES(resize_0)
RESIZES(resize_1)
RESIZES(resize_2)
RESIZES(resize_3)
RESIZES(resize_4)
RESIZES(resize_5)
RESIZES(resize_6)
RESIZES(resize_7)
RESIZES(resize_8)
RESIZES(resize_9)
RESIZES(resize_10)
RESIZES(resize_11)
RESIZES(resize_12)
RESIZES(resize_13)
RESIZES(resize_14)
RESIZES(resize_15)
/* clang-format on */

static site *const fresh_sites[] = {allocate_0,  allocate_1,  allocate_2,  allocate_3,  allocate_4,
                                    allocate_5,  allocate_6,  allocate_7,  allocate_8,  allocate_9,
                                    allocate_10, allocate_11, allocate_12, allocate_13, allocate_14,
                                    allocate_15, zero_0,      zero_1,      zero_2,      zero_3,
                                    zero_4,      zero_5,      zero_6,      zero_7};
static site *const resize_sites[] = {
    resize_0, resize_1, resize_2,  resize_3,  resize_4,  resize_5,  resize_6,  resize_7,
    resize_8, resize_9, resize_10, resize_11, resize_12, resize_13, resize_14, resize_15};

static size_t random_size(void)
{
    switch (random_below(50)) {
    case 0:
        return 1 + random_below(200000);
    case 1:
    case 2:
        return 1 + random_below(9000);
    default:
        return 1 + random_below(300);
    }
}

static void release(uint32_t slot)
{
    free(slots[slot]);
    slots[slot] = NULL;
    log_event('f', 0, slot, 0);
}

/* The appetite waxes and wanes, so that there are many local peaks and many new ones. */
static void do_event(uint32_t event, uint32_t events)
{
    uint32_t slot = random_below(SLOTS);
    uint32_t appetite = 30 + (event / (events / 23 + 1) % 5) * 10;

    if (slots[slot] && random_below(4) == 0)
        resize_sites[random_below(16)](slot, random_size());
    else if (slots[slot])
        release(slot);
    else if (random_below(100) < appetite && random_below(8) == 0)
        resize_sites[random_below(16)](slot, random_size());
    else if (random_below(100) < appetite)
        fresh_sites[random_below(24)](slot, random_size());
}

static int start_log(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);

    if (fd < 0 || ftruncate(fd, LOG_BYTES) != 0)
        return -1;
    log_start = mmap(NULL, LOG_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    log_end = log_start;
    return log_start == MAP_FAILED ? -1 : fd;
}

int main(int argc, char **argv)
{
    uint32_t events = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 0;
    int fd = -1;

    if (argc < 3)
        return 2;
    if (argc > 3 && (fd = start_log(argv[3])) < 0)
        return 3;
    state = strtoull(argv[1], NULL, 10) * 2 + 1;
    for (uint32_t i = 0; i < events; i++)
        do_event(i, events);
    if (fd >= 0 && ftruncate(fd, log_end - log_start) != 0)
        return 4;
    return 0;
}
