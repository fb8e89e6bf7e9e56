/* SPDX-License-Identifier: BSD-2-Clause */
/* tls_library.c -- A plugin that wants its thread-local variables where the loader keeps little
 * room for late ones: sixty of them. */
static __thread int variables[60] __attribute__((tls_model("initial-exec")));

int sum_of_variables(void);
int sum_of_variables(void)
{
    int sum = 0;
    for (int i = 0; i < 60; i++)
        sum += variables[i] += i;
    return sum;
}
