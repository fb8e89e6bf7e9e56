/* SPDX-License-Identifier: BSD-2-Clause */
/* longjmp.c -- Leaves nested frames, and signal handlers, by longjmp and allocates on. */
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    ROUNDS = 2000,
    DEPTH = 40
};

static jmp_buf jump;
static sigjmp_buf signal_jump;
static void *blocks[DEPTH + 1];

static void descend(int depth)
{
    blocks[depth] = malloc(24); /* @nested */
    if (depth == 0)
        longjmp(jump, 1);
    descend(depth - 1);
}

static void free_blocks(void)
{
    for (int i = 0; i <= DEPTH; i++)
        free(blocks[i]);
}

static void handle(int signal)
{
    (void)signal;
    free(malloc(36)); /* @handler */
    siglongjmp(signal_jump, 1);
}

int main(void)
{
    signal(SIGUSR1, handle);
    for (volatile int i = 0; i < ROUNDS; i++) {
        if (setjmp(jump) == 0)
            descend(DEPTH);
        free_blocks();
        free(malloc(48)); /* @landed */
        if (sigsetjmp(signal_jump, 1) == 0)
            raise(SIGUSR1);
        free(malloc(60)); /* @landed_from_signal */
    }
    return 0;
}
