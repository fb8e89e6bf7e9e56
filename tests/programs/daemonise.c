/* SPDX-License-Identifier: BSD-2-Clause */
/* daemonise.c -- Becomes a daemon the thorough way: two forks, a session, /, a mask that lets
 * nothing through, every descriptor closed and every number then used for a file of its own.
 *
 *   daemonise FILE    where the daemon writes; the parent waits for it */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    NUMBERS = 1024,
    CANARIES = 40,
    ROUNDS = 50
};

static void write_canaries(const char *path)
{
    char name[4200];
    int files[CANARIES];
    for (int i = 0; i < CANARIES; i++) {
        snprintf(name, sizeof name, "%s.%d", path, i);
        files[i] = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
    }
    for (int round = 0; round < ROUNDS; round++)
        for (int i = 0; i < CANARIES; i++) {
            void *block = malloc((size_t)(round * 100 + i + 1));
            if (write(files[i], "canary\n", 7) != 7)
                _exit(2);
            free(block);
        }
    for (int i = 0; i < CANARIES; i++)
        close(files[i]);
}

static void be_daemon(const char *path)
{
    setsid();
    pid_t child = fork();
    if (child) {
        int status;
        waitpid(child, &status, 0);
        _exit(WEXITSTATUS(status));
    }
    if (chdir("/") != 0)
        _exit(3);
    umask(0777);
    for (int i = 0; i < NUMBERS; i++)
        close(i);
    umask(077);
    write_canaries(path);
    for (int i = 3; i < 100; i++) /* and whatever is open now becomes the same file */
        dup2(0, i);
    write_canaries(path);
    exit(6);
}

/* The files hold what was written, and nothing else. */
static void print_canaries(const char *path)
{
    char name[4200], line[64];
    int good = 0;
    long lines = 0;
    for (int i = 0; i < CANARIES; i++) {
        snprintf(name, sizeof name, "%s.%d", path, i);
        FILE *file = fopen(name, "r");
        while (file && fgets(line, sizeof line, file)) {
            good += strcmp(line, "canary\n") == 0;
            lines++;
        }
        if (file)
            fclose(file);
        unlink(name);
    }
    printf("%d of %ld\n", good, lines);
}

int main(int argc, char **argv)
{
    int status = 0;
    if (argc != 2)
        return 2;
    pid_t child = fork();
    if (child == 0)
        be_daemon(argv[1]);
    waitpid(child, &status, 0);
    printf("%d\n", WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
    print_canaries(argv[1]);
    return 0;
}
