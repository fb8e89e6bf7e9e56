/* SPDX-License-Identifier: BSD-2-Clause */
/* busy_sites.c -- Allocates at thousands of call stacks, over and over, until it is killed.
 *
 * The argument is the number of stacks as a power of two. */
#include <stdlib.h>
#include <unistd.h>

static void *last[1 << 16];
static unsigned next;

static void allocate(void)
{
    void **place = &last[next++ % (1 << 16)];
    free(*place);
    *place = malloc(24 + next % 1000);
}

/* Two lines a level. */
static void branch(int levels)
{
    if (levels == 0) {
        allocate();
        return;
    }
    branch(levels - 1);
    branch(levels - 1);
}

int main(int argc, char **argv)
{
    int levels = argc > 1 ? atoi(argv[1]) : 10;
    for (int round = 0;; round++) {
        branch(levels);
        if (round == 0 && write(STDOUT_FILENO, ".", 1) != 1)
            return 1;
    }
}
