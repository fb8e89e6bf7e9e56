/* SPDX-License-Identifier: BSD-2-Clause */
/* assembly.c -- Allocates through hand-written frames, with and without unwind information. */
#include <stdlib.h>

enum {
    ROUNDS = 1000
};

/* Each calls function(size) from a frame of its own kind, see assembly_frames.S. */
typedef void *allocate_function(size_t size);
void *call_with_cfi(allocate_function *function, size_t size);
void *call_with_rbp_as_data(allocate_function *function, size_t size);
void *call_with_expression(allocate_function *function, size_t size);
void *call_without_cfi(allocate_function *function, size_t size);

static void *allocate(size_t size)
{
    return malloc(size); /* @allocate */
}

int main(void)
{
    for (int i = 0; i < ROUNDS; i++) {
        free(call_with_cfi(allocate, 100));         /* @with_cfi */
        free(call_with_rbp_as_data(allocate, 200)); /* @rbp_as_data */
        free(call_with_expression(allocate, 300));  /* @expression */
        free(call_without_cfi(allocate, 400));      /* @without_cfi */
    }
    return 0;
}
