/* SPDX-License-Identifier: BSD-2-Clause */
/* cmd_progress.c -- Says on a terminal what takes longer than a second. */
#include "cmd_progress.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum {
    FIRST_MS = 1000,
    NEXT_MS = 500
};

static struct timespec after_ms(long ms)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    time.tv_sec += ms / 1000;
    time.tv_nsec += ms % 1000 * 1000000;
    if (time.tv_nsec >= 1000000000) {
        time.tv_nsec -= 1000000000;
        time.tv_sec++;
    }
    return time;
}

/* Until there is no stage any more; a change of it is written at the next turn. */
static void *show(void *argument)
{
    struct progress *progress = argument;
    struct timespec next = after_ms(FIRST_MS);
    bool is_written = false;
    pthread_mutex_lock(&progress->lock);
    for (int half_seconds = 2; progress->stage; half_seconds++) {
        while (progress->stage &&
               pthread_cond_timedwait(&progress->change, &progress->lock, &next) == 0)
            ;
        if (!progress->stage)
            break;
        fprintf(stderr, "\r\033[Kmemtrace: %s … %d s", progress->stage, half_seconds / 2);
        fflush(stderr);
        is_written = true;
        next = after_ms(NEXT_MS);
    }
    pthread_mutex_unlock(&progress->lock);
    if (is_written)
        fputs("\r\033[K", stderr);
    fflush(stderr);
    return NULL;
}

void progress_begin(struct progress *progress, const char *stage)
{
    pthread_condattr_t attributes;
    *progress = (struct progress){.stage = stage};
    pthread_mutex_init(&progress->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&progress->change, &attributes);
    pthread_condattr_destroy(&attributes);
    if (isatty(STDERR_FILENO))
        progress->is_shown = pthread_create(&progress->thread, NULL, show, progress) == 0;
}

void progress_stage(struct progress *progress, const char *stage)
{
    pthread_mutex_lock(&progress->lock);
    progress->stage = stage;
    pthread_cond_signal(&progress->change);
    pthread_mutex_unlock(&progress->lock);
}

void progress_end(struct progress *progress)
{
    progress_stage(progress, NULL);
    if (progress->is_shown)
        pthread_join(progress->thread, NULL);
    pthread_cond_destroy(&progress->change);
    pthread_mutex_destroy(&progress->lock);
}
