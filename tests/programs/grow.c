/* SPDX-License-Identifier: BSD-2-Clause */
/* grow.c -- Grows and shrinks by one step for each letter that it reads, and answers with a dot.
 *
 * In between it does nothing, so that its memory can be looked at from outside. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    STEPS_MAX = 1000,
    STEP_BYTES = 8 << 20,
    CHILD_BLOCKS = 1000, /* worth a trace of its own */
    CHILD_BYTES = 100
};

static char *steps[STEPS_MAX];
static int step_count;

static void grow(void)
{
    steps[step_count] = malloc(STEP_BYTES);
    memset(steps[step_count++], 1, STEP_BYTES);
}

static void shrink(void)
{
    free(steps[--step_count]);
}

static void *wait_for_ever(void *unused)
{
    pause();
    return unused;
}

static void start_thread(void)
{
    pthread_t thread;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 256 * 1024);
    pthread_create(&thread, &attributes, wait_for_ever, NULL);
}

static void in_child(void)
{
    for (int i = 0; i < CHILD_BLOCKS; i++)
        if (!malloc(CHILD_BYTES))
            abort();
    grow();
}

/* The child takes over the conversation until it is told to end. */
static void have_child(void)
{
    if (fork() == 0)
        in_child();
    else
        wait(NULL);
}

static void change_root(const char *root)
{
    if (chroot(root) != 0 || chdir("/") != 0)
        abort();
}

static void answer(void)
{
    if (write(1, ".", 1) != 1)
        _exit(1);
}

int main(int argc, char **argv)
{
    char letter;
    answer();
    while (read(0, &letter, 1) == 1 && letter != 'q') {
        if (letter == '+')
            grow();
        else if (letter == '-')
            shrink();
        else if (letter == 't')
            start_thread();
        else if (letter == 'f')
            have_child();
        else if (letter == 'c' && argc > 1)
            change_root(argv[1]);
        answer();
    }
    return 0;
}
