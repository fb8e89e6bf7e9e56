/* SPDX-License-Identifier: BSD-2-Clause */
/* fork_server.c -- Has children that come and go, for each letter that it reads; answers with a
 * dot.
 *
 *     f   one more child, which has one more MiB than the one before it
 *     w   all of them end
 *     q   so does it */
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    MIB = 1 << 20,
    BLOCKS = 300 /* worth a trace of its own, even the smallest */
};

static int until_end[2]; /* a pipe that is closed when children are to end */
static int child_count;  /* of this wave */

static void answer(void)
{
    if (write(1, ".", 1) != 1)
        _exit(1);
}

/* The parent's answer is the child's, so that all is there when it is given. */
static void serve(int mib)
{
    char letter;
    close(until_end[1]);
    for (int i = 0; i < BLOCKS * mib; i++) {
        char *block = malloc(MIB / BLOCKS);
        if (!block)
            _exit(1);
        memset(block, 1, MIB / BLOCKS);
    }
    answer();
    _exit(read(until_end[0], &letter, 1) != 0);
}

static void have_child(void)
{
    if (child_count++ == 0 && pipe(until_end) != 0)
        exit(1);
    pid_t child = fork();
    if (child < 0)
        exit(1);
    if (child == 0)
        serve(child_count);
}

static void end_children(void)
{
    close(until_end[0]);
    close(until_end[1]);
    for (; child_count > 0; child_count--)
        wait(NULL);
    answer();
}

int main(void)
{
    char letter;
    answer();
    while (read(0, &letter, 1) == 1 && letter != 'q') {
        if (letter == 'f')
            have_child();
        else if (letter == 'w')
            end_children();
    }
    return 0;
}
