/* SPDX-License-Identifier: BSD-2-Clause */
/* process.c -- What /proc says of processes that write traces. */
#include "process.h"

#include "../preload/trace_format.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* One line of /proc/PID/maps. */
struct mapping {
    char *path;
    uint64_t inode;
    bool is_shared;
};

static FILE *open_maps(uint32_t pid)
{
    char name[64];
    snprintf(name, sizeof name, "/proc/%" PRIu32 "/maps", pid);
    return fopen(name, "re");
}

/* The kernel writes a newline in a path as \012. */
static void unescape(char *path)
{
    char *to = path;
    for (; *path; to++) {
        bool is_newline = strncmp(path, "\\012", 4) == 0;
        *to = is_newline ? '\n' : *path;
        path += is_newline ? 4 : 1;
    }
    *to = 0;
}

/* Reads the next line that maps a file; mapping->path points into *line. */
static bool next_mapping(FILE *maps, char **line, size_t *line_bytes, struct mapping *mapping)
{
    ssize_t length;
    while ((length = getline(line, line_bytes, maps)) > 0) {
        char permissions[5];
        int path_at = 0;
        if ((*line)[length - 1] == '\n')
            (*line)[length - 1] = 0;
        if (sscanf(*line, "%*s %4s %*s %*s %" SCNu64 " %n", permissions, &mapping->inode,
                   &path_at) != 2 ||
            (*line)[path_at] != '/')
            continue;
        mapping->path = *line + path_at;
        mapping->is_shared = permissions[3] == 's';
        unescape(mapping->path);
        return true;
    }
    return false;
}

static bool exists(uint32_t pid)
{
    return kill((pid_t)pid, 0) == 0 || errno == EPERM;
}

static bool own_path(int fd, char *path, size_t path_bytes)
{
    char name[64];
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(name, path, path_bytes - 1);
    if (length < 0)
        return false;
    path[length] = 0;
    return true;
}

enum look {
    NOT_MAPPED,
    MAPPED,
    NOT_ALLOWED
};

static enum look look_for_mapping(uint32_t pid, int fd)
{
    struct stat status;
    char path[4200];
    if (pid == 0 || pid > INT32_MAX || !exists(pid) || fstat(fd, &status) != 0)
        return NOT_MAPPED;
    FILE *maps = open_maps(pid);
    if (!maps)
        return errno == EACCES || errno == EPERM ? NOT_ALLOWED : NOT_MAPPED;
    bool has_path = own_path(fd, path, sizeof path);
    char *line = NULL;
    size_t line_bytes = 0;
    bool is_mapped = false;
    struct mapping mapping;
    /* On stacked file systems the numbers of maps and stat may differ: the path will do as well. */
    while (!is_mapped && next_mapping(maps, &line, &line_bytes, &mapping))
        is_mapped = mapping.is_shared && (mapping.inode == status.st_ino ||
                                          (has_path && strcmp(mapping.path, path) == 0));
    free(line);
    fclose(maps);
    return is_mapped ? MAPPED : NOT_MAPPED;
}

bool process_has_mapped(uint32_t pid, int fd)
{
    return look_for_mapping(pid, fd) != NOT_MAPPED;
}

/* --- what it takes --- */

static bool read_text(uint32_t pid, const char *what, char *text, size_t text_bytes)
{
    char name[64];
    snprintf(name, sizeof name, "/proc/%" PRIu32 "/%s", pid, what);
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t got = read(fd, text, text_bytes - 1);
    close(fd);
    text[got > 0 ? got : 0] = 0;
    return got > 0;
}

/* --- in a container --- */

/* The number that the process has in the innermost of its pid namespaces; if it cannot be known,
 * pid. */
static uint32_t pid_inside(uint32_t pid)
{
    char text[4096];
    const char *numbers =
        read_text(pid, "status", text, sizeof text) ? strstr(text, "\nNSpid:") : NULL;
    unsigned long number = pid;
    for (numbers = numbers ? numbers + 7 : NULL;
         numbers && (*numbers == '\t' || *numbers == ' ');) {
        char *end;
        number = strtoul(numbers, &end, 10);
        numbers = end;
    }
    return (uint32_t)number;
}

static uint32_t find_inside(uint32_t pid, int fd)
{
    DIR *stream = opendir("/proc");
    struct dirent *entry;
    uint32_t found = 0;
    while (stream && !found && (entry = readdir(stream))) {
        uint32_t candidate = (uint32_t)strtoul(entry->d_name, NULL, 10);
        if (candidate && candidate != pid && pid_inside(candidate) == pid &&
            look_for_mapping(candidate, fd) == MAPPED)
            found = candidate;
    }
    if (stream)
        closedir(stream);
    return found;
}

uint32_t process_that_maps(uint32_t pid, int fd)
{
    enum look look = look_for_mapping(pid, fd);
    if (look == MAPPED)
        return pid;
    uint32_t inside = find_inside(pid, fd);
    return inside || look == NOT_MAPPED ? inside : pid;
}

/* --- its threads and memory in use --- */

/* The recorder's thread is known by its name. */
static bool is_recorder(uint32_t pid, uint32_t tid)
{
    char what[64];
    char name[32];
    snprintf(what, sizeof what, "task/%" PRIu32 "/comm", tid);
    return tid != pid && read_text(pid, what, name, sizeof name) && strcmp(name, "memtrace\n") == 0;
}

/* Looking through all threads takes a while: it is done when some came or went (the first times the
 * recorder's own may be there without its name yet), and not where there are very many. */
static bool is_worth_searching(struct process_usage *usage)
{
    enum {
        THREADS_MAX = 1000,
        TRIES_MAX = 3
    };
    if (usage->search_count != usage->thread_count || usage->recorder_tid)
        usage->search_tries = 0;
    usage->search_count = usage->thread_count;
    return usage->thread_count <= THREADS_MAX && usage->search_tries++ < TRIES_MAX;
}

static void find_recorder(uint32_t pid, struct process_usage *usage)
{
    char path[64];
    struct dirent *entry;
    if ((usage->recorder_tid && is_recorder(pid, usage->recorder_tid)) ||
        !is_worth_searching(usage))
        return;
    usage->recorder_tid = 0;
    snprintf(path, sizeof path, "/proc/%" PRIu32 "/task", pid);
    DIR *stream = opendir(path);
    while (stream && !usage->recorder_tid && (entry = readdir(stream))) {
        uint32_t tid = (uint32_t)strtoul(entry->d_name, NULL, 10);
        if (tid && is_recorder(pid, tid))
            usage->recorder_tid = tid;
    }
    if (stream)
        closedir(stream);
}

void process_read_usage(uint32_t pid, struct process_usage *usage)
{
    char text[1024];
    int64_t pages;
    usage->rss_bytes = usage->thread_count = -1;
    if (read_text(pid, "statm", text, sizeof text) && sscanf(text, "%*s %" SCNd64, &pages) == 1)
        usage->rss_bytes = pages * (int64_t)sysconf(_SC_PAGESIZE);
    /* The second field of stat, a name, may hold anything, parentheses too; the 20th is ours. */
    const char *rest = read_text(pid, "stat", text, sizeof text) ? strrchr(text, ')') : NULL;
    if (!rest || sscanf(rest,
                        ") %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s "
                        "%" SCNd64,
                        &usage->thread_count) != 1)
        return;
    find_recorder(pid, usage);
    usage->thread_count -= usage->recorder_tid != 0;
}

/* --- a trace by its process --- */

/* 2: the trace of this process, 1: the trace of another one, its parent perhaps, 0: not a trace. */
static int rate_file(const char *path, uint32_t pid)
{
    struct trace_header header;
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return 0;
    bool is_trace = fstat(fd, &status) == 0 && S_ISREG(status.st_mode) &&
                    pread(fd, &header, sizeof header, 0) == sizeof header &&
                    memcmp(header.magic, TRACE_MAGIC, sizeof header.magic) == 0;
    close(fd);
    return is_trace ? 1 + (header.pid == pid) : 0;
}

/* A process in a container names its files as it sees them; here another file may have that name.
 */
static char *readable_path(uint32_t pid, const char *path)
{
    struct stat here, there;
    char *inside = NULL;
    if (asprintf(&inside, "/proc/%" PRIu32 "/root%s", pid, path) < 0)
        return NULL;
    bool is_here = stat(path, &here) == 0;
    bool is_there = stat(inside, &there) == 0;
    if (!is_here || (is_there && (here.st_dev != there.st_dev || here.st_ino != there.st_ino)))
        return inside;
    free(inside);
    return strdup(path);
}

static bool are_same_link(const char *a, const char *b)
{
    char left[64], right[64];
    ssize_t left_length = readlink(a, left, sizeof left);
    ssize_t right_length = readlink(b, right, sizeof right);
    return left_length == right_length &&
           (left_length < 0 || memcmp(left, right, (size_t)left_length) == 0);
}

char *process_root(uint32_t pid)
{
    struct stat ours, its;
    char space[64];
    char *root = NULL;
    snprintf(space, sizeof space, "/proc/%" PRIu32 "/ns/mnt", pid);
    if (asprintf(&root, "/proc/%" PRIu32 "/root", pid) < 0)
        return NULL;
    if (stat(root, &its) == 0 && stat("/", &ours) == 0 &&
        (its.st_dev != ours.st_dev || its.st_ino != ours.st_ino ||
         !are_same_link(space, "/proc/self/ns/mnt")))
        return root;
    free(root);
    return NULL;
}

/* The file in a directory that has this inode. */
static char *find_inode(const char *directory, uint64_t inode)
{
    DIR *stream = opendir(directory);
    struct dirent *entry;
    char *path = NULL;
    while (stream && !path && (entry = readdir(stream))) {
        struct stat status;
        if (fstatat(dirfd(stream), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(status.st_mode) && status.st_ino == inode &&
            asprintf(&path, "%s/%s", directory, entry->d_name) < 0)
            path = NULL;
    }
    if (stream)
        closedir(stream);
    return path;
}

/* The recorder gives its file a name only when it is complete (O_TMPFILE); for the kernel it stays
 * "/directory/#inode (deleted)". */
static char *path_of(uint32_t pid, const struct mapping *mapping)
{
    char *slash = strrchr(mapping->path, '/');
    size_t length = strlen(mapping->path);
    static const char deleted[] = " (deleted)";
    if (length < sizeof deleted ||
        strcmp(mapping->path + length - sizeof deleted + 1, deleted) != 0)
        return readable_path(pid, mapping->path);
    *slash = 0;
    char *directory = readable_path(pid, *mapping->path ? mapping->path : "/");
    char *path = directory ? find_inode(directory, mapping->inode) : NULL;
    free(directory);
    return path;
}

static char *best_mapped_trace(FILE *maps, uint32_t pid, bool *ret_is_own)
{
    uint32_t own_pid = pid_inside(pid);
    char *best = NULL;
    int best_rating = 0;
    char *line = NULL;
    size_t line_bytes = 0;
    struct mapping mapping;
    while (best_rating < 2 && next_mapping(maps, &line, &line_bytes, &mapping)) {
        char *path = mapping.is_shared ? path_of(pid, &mapping) : NULL;
        int rating = path ? rate_file(path, own_pid) : 0;
        if (rating > best_rating) {
            free(best);
            best = path;
            best_rating = rating;
        } else {
            free(path);
        }
    }
    free(line);
    *ret_is_own = best_rating == 2;
    return best;
}

char *process_find_trace(uint32_t pid, struct error *error)
{
    if (pid == 0 || pid > INT32_MAX || !exists(pid)) {
        error_set(error, "no such process, and no such file");
        return NULL;
    }
    FILE *maps = open_maps(pid);
    if (!maps) {
        error_set(error, "cannot look into the process: %s", strerror(errno));
        return NULL;
    }
    bool is_own;
    char *path = best_mapped_trace(maps, pid, &is_own);
    fclose(maps);
    if (path && is_own)
        return path;
    if (path)
        error_set(error,
                  "a forked child without a trace of its own, for it has allocated too little; "
                  "its parent's is %s",
                  path);
    else
        error_set(error, "the process writes no trace: it was not started under memtrace");
    free(path);
    return NULL;
}

/* --- memory --- */

/* What Yama lets one process do to another: 0 as ever, 1 to its children only, 2 root only, 3
 * nobody. */
static int ptrace_scope(void)
{
    int scope = 0;
    FILE *file = fopen("/proc/sys/kernel/yama/ptrace_scope", "re");
    if (file) {
        if (fscanf(file, "%d", &scope) != 1)
            scope = 0;
        fclose(file);
    }
    return scope;
}

int process_open_memory(uint32_t pid, struct error *error)
{
    char name[64];
    snprintf(name, sizeof name, "/proc/%" PRIu32 "/mem", pid);
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    if (fd >= 0)
        return fd;
    int reason = errno;
    int scope = ptrace_scope();
    bool is_forbidden = reason == EACCES || reason == EPERM;
    if (is_forbidden && scope)
        error_set(error,
                  "its memory may not be read: kernel.yama.ptrace_scope is %d; as root it may",
                  scope);
    else if (is_forbidden)
        error_set(error, "its memory may not be read: it is another user's, or protects itself");
    else
        error_set(error, "its memory cannot be read: %s",
                  reason == ENOENT ? "no such process" : strerror(reason));
    return -1;
}
