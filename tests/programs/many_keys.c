/* SPDX-License-Identifier: BSD-2-Clause */
/* many_keys.c -- Every thread-specific key there is, each with a destructor that allocates; and a
 * library with thread-local variables, opened late.
 *
 *   many_keys LIBRARY */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    KEYS_MAX = 1024,
    THREADS = 20
};

static pthread_key_t keys[KEYS_MAX];
static int key_count;

static void on_end(void *value)
{
    free(value);
    free(malloc(200));
}

static void *use_keys(void *unused)
{
    for (int i = 0; i < key_count; i++)
        pthread_setspecific(keys[i], malloc(10));
    return unused;
}

int main(int argc, char **argv)
{
    pthread_t threads[THREADS];
    while (key_count < KEYS_MAX && pthread_key_create(&keys[key_count], on_end) == 0)
        key_count++;
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, use_keys, NULL);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    void *library = argc > 1 ? dlopen(argv[1], RTLD_NOW) : NULL;
    int (*sum)(void) = library ? (int (*)(void))dlsym(library, "sum_of_variables") : NULL;
    printf("%d %d %s\n", key_count > 900, sum ? sum() : -1, library ? "" : dlerror());
    return 0;
}
