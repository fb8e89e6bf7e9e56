/* SPDX-License-Identifier: BSD-2-Clause */
/* pools.c -- Allocators of the program's own, as libraries have them, that announce their blocks: a
 * slab with a list of free objects; a region that is emptied as a whole, with packed strings and a
 * region inside a region; and one whose blocks grow where they are. */
#include "memtrace.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    OBJECT_BYTES = 24,
    SLAB_OBJECTS = 1000,
    REGION_BYTES = 65536,
    REQUESTS = 200,
    THREADS = 4,
    SHARED_PER_THREAD = 500,
    CHILD_OBJECTS = 10
};

/* --- a slab --- */

struct slab {
    pthread_mutex_t mutex;
    union object {
        union object *next;
        char bytes[OBJECT_BYTES];
    } objects[SLAB_OBJECTS * THREADS], *free;
};

static struct slab *slab_create(void)
{
    struct slab *slab = malloc(sizeof *slab); /* @slab_memory */
    pthread_mutex_init(&slab->mutex, NULL);
    slab->free = NULL;
    for (size_t i = 0; i < SLAB_OBJECTS * THREADS; i++) {
        slab->objects[i].next = slab->free;
        slab->free = &slab->objects[i];
    }
    return slab;
}

static void *slab_alloc(struct slab *slab)
{
    pthread_mutex_lock(&slab->mutex);
    union object *object = slab->free;
    slab->free = object->next;
    memtrace_alloc(object, sizeof *object); /* @slab_announced */
    pthread_mutex_unlock(&slab->mutex);
    return object;
}

static void slab_free(struct slab *slab, void *pointer)
{
    union object *object = pointer;
    pthread_mutex_lock(&slab->mutex);
    memtrace_free(object);
    object->next = slab->free;
    slab->free = object;
    pthread_mutex_unlock(&slab->mutex);
}

/* --- regions --- */

struct region {
    char *memory;
    size_t used;
};

static void *region_alloc(struct region *region, size_t size_bytes)
{
    char *block = region->memory + region->used;
    region->used += size_bytes;
    memtrace_pool_alloc(region, block, size_bytes);
    return block;
}

static void region_reset(struct region *region)
{
    memtrace_pool_clear(region);
    region->used = 0;
}

static char *keep_name(struct region *region, const char *name)
{
    return strcpy(region_alloc(region, strlen(name) + 1), name); /* @name */
}

/* A request's strings have odd sizes, so they begin anywhere. A scratch region begins where the
 * block that it is cut from does. */
static void serve(struct region *region)
{
    char name[32];
    for (int i = 0; i < 10; i++) {
        snprintf(name, sizeof name, "%.*s", i, "abcdefghi");
        keep_name(region, name);
    }
    struct region scratch = {region_alloc(region, 1000), 0}; /* @scratch_memory */
    region_alloc(&scratch, 100);                             /* @scratch */
    region_alloc(&scratch, 200);                             /* @scratch_more */
    region_reset(&scratch);
    region_reset(region);
}

/* --- the program --- */

static void use_slab(struct slab *slab)
{
    void *objects[100];
    for (int i = 0; i < 100; i++)
        objects[i] = slab_alloc(slab); /* @object */
    for (int i = 0; i < 60; i++)
        slab_free(slab, objects[i]);
    for (int i = 0; i < 50; i++)
        slab_free(slab, slab_alloc(slab)); /* @temporary */
}

static void use_regions(struct region *region)
{
    for (int i = 0; i < REQUESTS; i++)
        serve(region);
    keep_name(region, "the one that stays");
}

static void grow(struct region *region)
{
    char *block = region_alloc(region, 10); /* @grown_from */
    memtrace_pool_alloc(region, block, 30);
    memtrace_pool_free(region, block + 1); /* not a block */
    memtrace_pool_free(&region, block);    /* not of this pool */
    memtrace_pool_alloc(region, NULL, 77);
}

static void not_recorded(struct slab *slab)
{
    memtrace_stop();
    slab_alloc(slab); /* @unrecorded */
    memtrace_start();
}

static void *shared[THREADS][SHARED_PER_THREAD];
static struct slab *shared_slab;

static void *allocate_shared(void *argument)
{
    void **mine = argument;
    for (int i = 0; i < SHARED_PER_THREAD; i++)
        mine[i] = slab_alloc(shared_slab); /* @shared */
    return NULL;
}

/* Each frees what its neighbour has allocated, but one. */
static void *free_shared(void *argument)
{
    void **others = argument;
    for (int i = 1; i < SHARED_PER_THREAD; i++)
        slab_free(shared_slab, others[i]);
    return NULL;
}

static void in_threads(void *(*work)(void *), int shift)
{
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, work, shared[(i + shift) % THREADS]);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

static void be_a_child(struct slab *slab, struct region *region)
{
    slab_free(shared_slab, shared[0][0]);
    region_reset(region);
    for (int i = 0; i < CHILD_OBJECTS; i++)
        slab_alloc(slab); /* @child */
    slab_free(shared_slab, shared[1][0]);
    _exit(0);
}

int main(int argc, char **argv)
{
    struct slab *slab = slab_create();
    struct region region = {malloc(REGION_BYTES), 0}; /* @region_memory */
    (void)argv;
    use_slab(slab);
    use_regions(&region);
    grow(&region); /* @grown */
    not_recorded(slab);
    if (argc > 1) {
        shared_slab = slab_create();
        in_threads(allocate_shared, 0);
        in_threads(free_shared, 1);
        if (fork() == 0)
            be_a_child(slab, &region);
        wait(NULL);
    }
    return 0;
}
