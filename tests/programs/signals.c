/* SPDX-License-Identifier: BSD-2-Clause */
/* signals.c -- Allocates in a signal handler that interrupts a loop that does little but allocate.
 *
 * glibc's malloc is no friend of that: it survives because the handler and the loop each use a
 * size of their own that is always served from the thread's cache. The signals come from a second
 * thread, exactly SIGNALS of them. With the argument "altstack" the handler has its own stack. */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum {
    SIGNALS = 20000,
    LOOPS = 400000
};

static atomic_int handled, is_done;
static pthread_t main_thread;

static void allocate_in_handler(void)
{
    free(malloc(200)); /* @handler */
}

static void handle(int signal)
{
    (void)signal;
    allocate_in_handler();
    handled++;
}

static void *send_signals(void *unused)
{
    for (int i = 0; i < SIGNALS; i++) {
        pthread_kill(main_thread, SIGUSR1);
        while (handled == i)
            sched_yield();
    }
    is_done = 1;
    return unused;
}

static void __attribute__((noinline)) allocate_in_loop(void)
{
    for (int i = 0; i < LOOPS; i++)
        free(malloc(24)); /* @loop */
}

static void use_another_stack(void)
{
    static char stack[65536];
    const stack_t alternative = {.ss_sp = stack, .ss_size = sizeof stack};

    sigaltstack(&alternative, NULL);
}

int main(int argc, char **argv)
{
    const int has_own_stack = argc > 1 && strcmp(argv[1], "altstack") == 0;
    struct sigaction action = {.sa_handler = handle, .sa_flags = SA_RESTART};
    pthread_t sender;

    if (has_own_stack) {
        use_another_stack();
        action.sa_flags |= SA_ONSTACK;
    }
    free(malloc(200)); /* fills the cache for the handler */
    free(malloc(24));
    sigaction(SIGUSR1, &action, NULL);
    main_thread = pthread_self();
    pthread_create(&sender, NULL, send_signals, NULL);
    allocate_in_loop();
    while (!is_done)
        sched_yield();
    pthread_join(sender, NULL);
    return 0;
}
