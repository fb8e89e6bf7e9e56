/* SPDX-License-Identifier: BSD-2-Clause */
/* coroutines.c -- Allocates on ucontext stacks, which go away and come back at the same address. */
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

enum {
    ROUNDS = 300,
    COROUTINES = 4,
    SWITCHES = 10,
    STACK_BYTES = 64 << 10
};

static ucontext_t scheduler, coroutines[COROUTINES];
static int current;

static void yield_to_scheduler(void)
{
    swapcontext(&coroutines[current], &scheduler);
}

static void allocate_and_yield(int depth)
{
    if (depth > 0) {
        allocate_and_yield(depth - 1);
        return;
    }
    void *block = malloc(72); /* @coroutine */
    yield_to_scheduler();
    free(block);
}

static void run_coroutine(void)
{
    for (int i = 0; i < SWITCHES; i++)
        allocate_and_yield(current + i);
}

static void *make_stack(void *wanted)
{
    return mmap(wanted, STACK_BYTES, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | (wanted ? MAP_FIXED : 0), -1, 0);
}

static void start(int index, void *stack)
{
    getcontext(&coroutines[index]);
    coroutines[index].uc_stack.ss_sp = stack;
    coroutines[index].uc_stack.ss_size = STACK_BYTES;
    coroutines[index].uc_link = &scheduler;
    makecontext(&coroutines[index], run_coroutine, 0);
}

static void switch_around(void)
{
    for (int i = 0; i < SWITCHES + 1; i++)
        for (current = 0; current < COROUTINES; current++) {
            swapcontext(&scheduler, &coroutines[current]);
            free(malloc(56)); /* @scheduler */
        }
}

int main(void)
{
    void *stacks[COROUTINES] = {NULL};

    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < COROUTINES; i++) {
            stacks[i] = make_stack(stacks[i]);
            start(i, stacks[i]);
        }
        switch_around();
        for (int i = 0; i < COROUTINES; i++)
            munmap(stacks[i], STACK_BYTES);
        free(malloc(99)); /* @unmapped */
    }
    return 0;
}
