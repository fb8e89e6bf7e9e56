/* SPDX-License-Identifier: BSD-2-Clause */
/* limits_memory.c -- Limits its own address space, as careful servers do, and works within it.
 *
 *   limits_memory setrlimit | prlimit | child | client
 *
 * child: a forked child does so. client: a child whose standard error is what somebody else reads.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    LIMIT_BYTES = 200 << 20,
    BLOCK_BYTES = 1 << 20,
    BLOCKS_MAX = 100, /* half of what is allowed is there for certain */
    SMALL = 20000
};

static void *blocks[BLOCKS_MAX];
static void *small[SMALL];

static void limit(const char *how)
{
    struct rlimit bytes = {LIMIT_BYTES, LIMIT_BYTES};
    int failed = strcmp(how, "prlimit") == 0 ? prlimit(0, RLIMIT_AS, &bytes, NULL)
                                             : setrlimit(RLIMIT_AS, &bytes);
    struct rlimit now = {0, 0};
    getrlimit(RLIMIT_AS, &now);
    printf("limit %d %d\n", failed, now.rlim_cur == LIMIT_BYTES);
}

static void work(void)
{
    int large = 0;
    for (int i = 0; i < SMALL; i++)
        small[i] = malloc(40);
    while (large < BLOCKS_MAX && (blocks[large] = malloc(BLOCK_BYTES)))
        large++;
    printf("small %d large %d\n", small[SMALL - 1] != NULL, large);
    fflush(stdout);
    while (large)
        free(blocks[--large]);
    for (int i = 0; i < SMALL; i++)
        free(small[i]);
}

static void in_child(int client)
{
    int status;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        if (client >= 0)
            dup2(client, 2);
        limit("setrlimit");
        work();
        exit(5);
    }
    waitpid(child, &status, 0);
    printf("child %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : -1);
}

/* What a client would have read. */
static void count_words(int end)
{
    char words[1000];
    printf("client %zd\n", read(end, words, sizeof words));
}

int main(int argc, char **argv)
{
    const char *how = argc > 1 ? argv[1] : "";
    int ends[2];
    free(malloc(1));
    if (strcmp(how, "child") == 0) {
        in_child(-1);
    } else if (strcmp(how, "client") == 0) {
        if (pipe(ends) != 0)
            return 1;
        in_child(ends[1]);
        close(ends[1]);
        count_words(ends[0]);
    } else {
        limit(how);
        work();
    }
    return 0;
}
