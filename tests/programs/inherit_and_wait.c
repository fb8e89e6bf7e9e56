/* SPDX-License-Identifier: BSD-2-Clause */
/* inherit_and_wait.c -- A forked child frees some of what it inherited; then both wait.
 *
 * The child's process id is printed when all is done. Both end when stdin does. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    BLOCKS = 100,
    FREED = 40,
    WORTH_A_TRACE = 20000
};

int main(void)
{
    void *blocks[BLOCKS];
    char byte;
    for (int i = 0; i < BLOCKS; i++)
        blocks[i] = malloc(128); /* @inherited */
    pid_t child = fork();
    if (child == 0) {
        for (int i = 0; i < WORTH_A_TRACE; i++)
            free(malloc(1)); /* @own */
        for (int i = 0; i < FREED; i++)
            free(blocks[i]);
        char line[32];
        int length = snprintf(line, sizeof line, "%d\n", (int)getpid());
        if (write(1, line, (size_t)length) != length)
            return 1;
    }
    return read(0, &byte, 1) < 0;
}
