/* SPDX-License-Identifier: BSD-2-Clause */
/* fork_peak.c -- A child whose peak is lower than its parent's was, and comes late in its life. */
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void)
{
    int status = 1;
    free(malloc(50000000));
    if (fork() == 0) {
        free(malloc(100000)); /* worth a trace */
        usleep(50000);
        free(malloc(1000000));
        _exit(0);
    }
    wait(&status);
    return status;
}
