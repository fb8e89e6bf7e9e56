/* SPDX-License-Identifier: BSD-2-Clause */
/* tail_calls.c -- Reaches malloc by tail calls, whose own frames are gone. Built with -O2.
 *
 * What is left on the stack is the line that called the first of them. */
#include <stdlib.h>

/* Neither inlined nor looked into, or there would be no calls. */
#if defined(__clang__)
#define KEPT_APART __attribute__((noinline))
#else
#define KEPT_APART __attribute__((noipa))
#endif

enum {
    ROUNDS = 1000
};

void *allocate(size_t size);
void *allocate_by_jump(size_t size);
void *allocate_by_two_jumps(size_t size);

KEPT_APART void *allocate(size_t size)
{
    return malloc(size);
}

KEPT_APART void *allocate_by_jump(size_t size)
{
    return allocate(size + 1);
}

KEPT_APART void *allocate_by_two_jumps(size_t size)
{
    return allocate_by_jump(size + 1);
}

int main(void)
{
    void *volatile blocks[3];

    for (int i = 0; i < ROUNDS; i++) {
        blocks[0] = allocate(10);              /* @one */
        blocks[1] = allocate_by_jump(20);      /* @two */
        blocks[2] = allocate_by_two_jumps(30); /* @three */
        free(blocks[0]);
        free(blocks[1]);
        free(blocks[2]);
    }
    return 0;
}
