/* SPDX-License-Identifier: BSD-2-Clause */
/* exec_fails.c -- exec that fails, and goes on; and one that succeeds, from a second thread. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

static char **arguments;

static void *become_another(void *unused)
{
    (void)unused;
    free(malloc(300));
    execl(arguments[0], arguments[0], "second", (char *)NULL);
    return NULL;
}

int main(int argc, char **argv)
{
    char *nothing[] = {argv[0], NULL};
    arguments = argv;
    free(malloc(100));
    if (argc > 1) {
        printf("second\n");
        return 5;
    }
    for (int i = 0; i < 200; i++) {
        execl("/nonexistent", "a", "b", (char *)NULL);
        execve("/etc/passwd", nothing, environ);
        execvp("no such program", nothing);
        free(malloc(1000)); /* @between */
    }
    printf("%s\n", strerror(errno));
    fflush(stdout);
    pthread_t thread;
    pthread_create(&thread, NULL, become_another, NULL);
    pthread_join(thread, NULL);
    return 99;
}
