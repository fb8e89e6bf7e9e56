/* SPDX-License-Identifier: BSD-2-Clause */
/* leaves_root.c -- Gives up its rights, and goes on in many new places.
 *
 *   leaves_root setuid | chroot | worker | server
 *
 * server: does so again for each letter that it reads, and answers with a dot. */
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    NOBODY = 65534,
    DEPTH = 9
};

static volatile int made;

static void left(int depth);

static void right(int depth)
{
    if (depth > 0) {
        left(depth - 1);
        right(depth - 1);
    } else {
        free(malloc(1000));
        made++;
    }
}

static void left(int depth)
{
    if (depth > 0) {
        right(depth - 1);
        left(depth - 1);
    } else {
        free(malloc(2000));
        made++;
    }
}

static void leave(void)
{
    if (setgroups(0, NULL) != 0 || setgid(NOBODY) != 0 || setuid(NOBODY) != 0)
        exit(1);
}

static void leave_directory(void)
{
    char directory[] = "/tmp/memtrace-root-XXXXXX";
    if (!mkdtemp(directory) || chroot(directory) != 0 || chdir("/") != 0)
        exit(1);
}

/* As servers do: the work is done by a child that is not root any more. */
static void start_worker(void)
{
    int status;
    pid_t child = fork();
    if (child == 0) {
        leave();
        left(DEPTH);
        printf("worker %d\n", made);
        exit(7);
    }
    waitpid(child, &status, 0);
    printf("%d\n", WIFEXITED(status) ? WEXITSTATUS(status) : -1);
}

static int serve(void)
{
    char letter;
    leave_directory();
    leave();
    while (read(0, &letter, 1) == 1) {
        left(DEPTH);
        if (write(1, ".", 1) != 1)
            return 1;
    }
    return 0;
}

int main(int argc, char **argv)
{
    const char *how = argc > 1 ? argv[1] : "";
    if (strcmp(how, "worker") == 0) {
        start_worker();
        return 0;
    }
    if (strcmp(how, "server") == 0)
        return serve();
    if (strcmp(how, "chroot") == 0)
        leave_directory();
    leave();
    left(DEPTH);
    printf("%d\n", made);
    return 0;
}
