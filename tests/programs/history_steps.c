/* SPDX-License-Identifier: BSD-2-Clause */
/* history_steps.c -- Does one known thing for each letter that it reads, and answers with a dot.
 *
 * In between it does nothing, so that whoever gives the letters can look at what was recorded. */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    KEPT_MAX = 10000,
    KEPT = 10,
    KEPT_BYTES = 1000,
    FREED = 3,
    CHURN = 100,
    CHURN_BYTES = 64,
    CHILD = 500, /* worth a trace of its own */
    CHILD_BYTES = 300,
    BIG_BYTES = 8 << 20,
    RESIDENT_BYTES = 64 << 20
};

static void *kept[KEPT_MAX];
static int kept_count;
static void *big;

static void keep(void)
{
    for (int i = 0; i < KEPT; i++)
        kept[kept_count++] = malloc(KEPT_BYTES);
}

static void release(void)
{
    for (int i = 0; i < FREED; i++)
        free(kept[--kept_count]);
}

static void churn(void)
{
    for (int i = 0; i < CHURN; i++)
        free(malloc(CHURN_BYTES));
}

static void *in_thread(void *unused)
{
    release();
    return unused;
}

/* What the first thread allocated is freed at the counters of another one. */
static void release_in_thread(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, in_thread, NULL);
    pthread_join(thread, NULL);
}

static void take_big(void)
{
    big = malloc(BIG_BYTES);
}

static void drop_big(void)
{
    free(big);
}

static void be_resident(void)
{
    memset(malloc(RESIDENT_BYTES), 1, RESIDENT_BYTES);
}

static void on_signal(int number)
{
    (void)number;
    if (write(STDOUT_FILENO, "!", 1) != 1)
        _exit(1);
}

static void handle_signal(void)
{
    signal(SIGUSR2, on_signal);
}

static char **arguments;

/* As programs do that show in ps what they are at: the environment is behind the arguments. */
static void change_title(void)
{
    extern char **environ;
    static char *nothing[1];
    char *end = arguments[0];
    for (char **variable = environ; *variable; variable++)
        if (*variable > end)
            end = *variable;
    end += strlen(end);
    environ = nothing;
    memset(arguments[0], '-', (size_t)(end - arguments[0]));
}

static void serve(void);

/* The child takes the letters that come next, up to its q. */
static void fork_child(void)
{
    pid_t child = fork();
    if (child == 0) {
        for (int i = 0; i < CHILD; i++)
            if (!malloc(CHILD_BYTES))
                _exit(1);
        serve();
        _exit(0);
    }
    waitpid(child, NULL, 0);
}

/* One that has no trace. */
static void fork_small_child(void)
{
    pid_t child = fork();
    if (child == 0) {
        serve();
        _exit(0);
    }
    waitpid(child, NULL, 0);
}

static void answer(void)
{
    if (write(STDOUT_FILENO, ".", 1) != 1)
        _exit(1);
}

static void serve(void)
{
    static const struct {
        char letter;
        void (*act)(void);
    } acts[] = {
        {'k', keep},       {'r', release},          {'c', churn},       {'t', release_in_thread},
        {'b', take_big},   {'d', drop_big},         {'m', be_resident}, {'s', handle_signal},
        {'f', fork_child}, {'g', fork_small_child}, {'w', change_title}};
    char letter;
    answer();
    while (read(STDIN_FILENO, &letter, 1) == 1 && letter != 'q') {
        for (size_t i = 0; i < sizeof acts / sizeof *acts; i++)
            if (acts[i].letter == letter)
                acts[i].act();
        answer();
    }
}

int main(int argc, char **argv)
{
    (void)argc;
    arguments = argv;
    serve();
    return 0;
}
