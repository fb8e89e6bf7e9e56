/* SPDX-License-Identifier: BSD-2-Clause */
/* cgroup.c -- How much memory the control group of the process uses, and how much it may.
 *
 * A group may leave the counting to one further up, and a container sees itself as the root under
 * a name that is only good outside. So from the name the kernel tells, we go up until there are
 * figures. A limit of any group on the way to the root holds for all below it. */
#include "cgroup.h"

#include "small_file.h"
#include "text.h"

#include <stdbool.h>

#ifndef CGROUP_SELF /* tests have a tree of their own */
#define CGROUP_SELF "/proc/self/cgroup"
#define CGROUP_MOUNT "/sys/fs/cgroup"
#endif

enum {
    PATH_BYTES = 4096,
    SEARCH_EVERY = 10 /* readings: a process can be moved, and a limit changed */
};

/* The two versions of the interface; a system may have both, but figures only in one. */
struct hierarchy {
    const char *mount;
    const char *usage;
    const char *limit;
};

static const struct hierarchy version_1 = {CGROUP_MOUNT "/memory", "/memory.usage_in_bytes",
                                           "/memory.limit_in_bytes"};
static const struct hierarchy version_2 = {CGROUP_MOUNT, "/memory.current", "/memory.max"};

static const struct hierarchy *hierarchy; /* NULL: none is known */
static char path[PATH_BYTES];             /* of the group's usage */
static char limit_path[PATH_BYTES];
static int64_t max_bytes;
static uint32_t readings; /* since the last search */

/* "max" is no limit, and so are numbers that no machine has. */
static bool read_bytes(const char *from, int64_t *bytes)
{
    char line[32];
    uint64_t number = INT64_MAX;
    if (!small_file_read(from, line, sizeof line) ||
        (!text_after(line, "max") && !text_read_number(line, &number)))
        return false;
    *bytes = number > INT64_MAX / 2 ? INT64_MAX : (int64_t)number;
    return true;
}

/* --- the group's name: lines of number:controllers:name --- */

static bool has_memory(const char *controllers)
{
    for (;;) {
        const char *rest = text_after(controllers, "memory");
        if (rest && (*rest == ',' || *rest == ':'))
            return true;
        while (*controllers && *controllers != ',' && *controllers != ':')
            controllers++;
        if (*controllers++ != ',')
            return false;
    }
}

/* The beginning of the next line, NULL behind the last one. */
static const char *next_line(const char *line)
{
    while (*line && *line != '\n')
        line++;
    return *line ? line + 1 : NULL;
}

static const char *after_colon(const char *line)
{
    while (*line && *line != ':' && *line != '\n')
        line++;
    return *line == ':' ? line + 1 : NULL;
}

/* Also tells the hierarchy. NULL: none. */
static const char *find_name(const char *lines)
{
    const char *name = NULL;
    for (const char *line = lines; line && *line; line = next_line(line)) {
        const char *controllers = after_colon(line);
        const char *rest = controllers ? after_colon(controllers) : NULL;
        if (!rest)
            continue;
        if (has_memory(controllers)) {
            hierarchy = &version_1;
            return rest;
        }
        if (*controllers == ':') {
            hierarchy = &version_2;
            name = rest;
        }
    }
    return name;
}

/* --- from it to the figures --- */

/* Cuts the last part of a name; false when there is none. */
static bool go_up(const char *name, size_t *length)
{
    size_t before = *length;
    while (*length && name[--*length] != '/')
        ;
    return before > 0;
}

static void put_path(char *to, const char *name, size_t length, const char *file)
{
    struct text text;
    text_init(&text, to, PATH_BYTES);
    text_add(&text, hierarchy->mount);
    text_add_bytes(&text, name, length);
    text_add(&text, file);
}

/* From a group and all around it. */
static int64_t least_limit(const char *name, size_t length)
{
    int64_t least = 0, bytes;
    do {
        put_path(limit_path, name, length, hierarchy->limit);
        if (read_bytes(limit_path, &bytes) && (!least || bytes < least))
            least = bytes;
    } while (go_up(name, &length));
    return least;
}

static void search(void)
{
    static char lines[PATH_BYTES];
    const char *name = NULL;
    int64_t bytes;
    hierarchy = NULL;
    max_bytes = 0;
    if (small_file_read(CGROUP_SELF, lines, sizeof lines))
        name = find_name(lines);
    if (!name)
        return;
    size_t length = 0;
    while (name[length] && name[length] != '\n')
        length++;
    if (length == 1) /* "/" */
        length = 0;
    do {
        put_path(path, name, length, hierarchy->usage);
        if (read_bytes(path, &bytes)) {
            max_bytes = least_limit(name, length);
            return;
        }
    } while (go_up(name, &length));
    hierarchy = NULL;
}

struct cgroup_memory cgroup_memory(void)
{
    struct cgroup_memory memory = {-1, 0};
    if (readings++ % SEARCH_EVERY == 0)
        search();
    if (hierarchy && read_bytes(path, &memory.bytes))
        memory.max_bytes = max_bytes;
    return memory;
}

void cgroup_forget(void)
{
    hierarchy = NULL;
    readings = 0;
}
