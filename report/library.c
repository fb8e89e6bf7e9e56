/* SPDX-License-Identifier: BSD-2-Clause */
/* library.c -- Where the recorder, libmemtrace.so, is. */
#include "library.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool own_directory(char *directory, size_t directory_bytes)
{
    ssize_t length = readlink("/proc/self/exe", directory, directory_bytes - 1);
    if (length <= 0)
        return false;
    directory[length] = 0;
    char *slash = strrchr(directory, '/');
    if (!slash)
        return false;
    *slash = 0;
    return true;
}

/* The library at start/middle/libmemtrace.so as an absolute path without dots, or NULL. */
static char *library_at(const char *start, const char *middle)
{
    char *candidate;
    if (asprintf(&candidate, "%s/%s/libmemtrace.so", start, middle) < 0)
        return NULL;
    char *path = realpath(candidate, NULL);
    free(candidate);
    if (path && access(path, R_OK) != 0) {
        free(path);
        path = NULL;
    }
    return path;
}

char *library_find(struct error *error)
{
    static const char *const near[] = {"../preload", MEMTRACE_PRELOAD_RELATIVE, "../lib/memtrace"};
    char directory[PATH_MAX];
    char *path = NULL;
    if (own_directory(directory, sizeof directory))
        for (size_t i = 0; !path && i < sizeof near / sizeof *near; i++)
            path = library_at(directory, near[i]);
    if (!path)
        path = library_at(MEMTRACE_PRELOAD_DIR, ".");
    if (!path) {
        error_set(error, "cannot find libmemtrace.so, neither beside me nor in %s",
                  MEMTRACE_PRELOAD_DIR);
    } else if (strpbrk(path, " :")) {
        error_set(error, "%.150s: LD_PRELOAD cannot name a path with a space or a colon in it",
                  path);
        free(path);
        path = NULL;
    }
    return path;
}
