/* SPDX-License-Identifier: BSD-2-Clause */
/* residence.c -- What the resident memory of a running process is made of. */
#include "residence.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    PAGE = 4096,
    CHUNK_PAGES = 8192,
    MAPPINGS_MAX = 1 << 20
};

#define PAGES_MAX (UINT64_C(1) << 31) /* of all mappings that may hold blocks: 8 TiB */
#define PAGE_PRESENT (UINT64_C(1) << 63)

/* One of /proc/PID/smaps. */
struct mapping {
    uint64_t start;
    uint64_t end;
    int64_t rss_bytes;
    uint64_t inode;
    enum residence_kind kind;
    bool is_writable, is_shared, is_recorder, is_kept_from_dumps;
    bool has_blocks;
    char name[24];   /* the beginning of the path, "" if there is none */
    uint16_t *pages; /* bytes of live blocks on each, NULL: there are none */
};

struct survey {
    struct residence *residence;
    struct mapping *mappings; /* by address */
    size_t count;
    size_t capacity;
    uint64_t trace_inode;
    uint64_t page_count; /* of all that have pages */
    bool has_memory;
};

/* --- the mappings --- */

static FILE *open_file(uint32_t pid, const char *what)
{
    char path[128];
    snprintf(path, sizeof path, "/proc/%" PRIu32 "/%s", pid, what);
    return fopen(path, "re");
}

static struct mapping *add_mapping(struct survey *survey)
{
    if (survey->count == MAPPINGS_MAX)
        return NULL;
    if (survey->count == survey->capacity) {
        size_t capacity = survey->capacity ? survey->capacity * 2 : 256;
        struct mapping *larger = realloc(survey->mappings, capacity * sizeof *larger);
        if (!larger)
            return NULL;
        survey->mappings = larger;
        survey->capacity = capacity;
    }
    survey->mappings[survey->count] = (struct mapping){0};
    return &survey->mappings[survey->count++];
}

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text);
    size_t end_length = strlen(end);
    return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

/* start-end permissions offset device inode path; false: it is not the head of a mapping. */
static bool parse_head(const char *line, struct mapping *mapping)
{
    char permissions[5];
    int name_at = 0;
    if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %*s %*s %" SCNu64 " %n", &mapping->start,
               &mapping->end, permissions, &mapping->inode, &name_at) != 4 ||
        mapping->end <= mapping->start)
        return false;
    mapping->is_writable = permissions[1] == 'w';
    mapping->is_shared = permissions[3] == 's';
    mapping->is_recorder = ends_with(line + name_at, "/libmemtrace.so") ||
                           (mapping->is_shared && ends_with(line + name_at, ".memtrace"));
    snprintf(mapping->name, sizeof mapping->name, "%.23s", line + name_at);
    return true;
}

static void parse_detail(const char *line, struct mapping *mapping)
{
    uint64_t kilobytes;
    if (sscanf(line, "Rss: %" SCNu64 " kB", &kilobytes) == 1 &&
        kilobytes <= (mapping->end - mapping->start) / 1024)
        mapping->rss_bytes = (int64_t)(kilobytes * 1024);
    else if (strncmp(line, "VmFlags:", 8) == 0)
        mapping->is_kept_from_dumps = strstr(line, " dd");
}

static bool read_mappings(struct survey *survey, uint32_t pid, struct error *error)
{
    FILE *smaps = open_file(pid, "smaps");
    char *line = NULL;
    size_t line_bytes = 0;
    ssize_t length;
    struct mapping head, *mapping = NULL;
    if (!smaps)
        return error_set(error, "its mappings cannot be read: %s", strerror(errno));
    survey->has_memory = true;
    while (survey->has_memory && (length = getline(&line, &line_bytes, smaps)) > 0) {
        if (line[length - 1] == '\n')
            line[length - 1] = 0;
        head = (struct mapping){0};
        if (parse_head(line, &head)) {
            mapping = add_mapping(survey);
            survey->has_memory = mapping;
            if (mapping)
                *mapping = head;
        } else if (mapping) {
            parse_detail(line, mapping);
        }
    }
    free(line);
    fclose(smaps);
    return survey->has_memory || error_out_of_memory(error);
}

static struct mapping *mapping_at(struct survey *survey, uint64_t address)
{
    size_t low = 0, high = survey->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (survey->mappings[middle].end <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low < survey->count && survey->mappings[low].start <= address ? &survey->mappings[low]
                                                                         : NULL;
}

/* --- what they are --- */

static bool is_anonymous(const struct mapping *mapping)
{
    return !mapping->inode && !mapping->is_shared;
}

/* Memory that several may share: the kernel keeps it in files that nobody can open. */
static bool is_shared_memory(const struct mapping *mapping)
{
    static const char *const names[] = {"/dev/zero", "/SYSV", "/memfd:", "/dev/shm/"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strncmp(mapping->name, names[i], strlen(names[i])) == 0)
            return true;
    return mapping->is_shared && !mapping->inode;
}

/* What lies right behind the last part of a file is the file's variables without a value. The
 * recorder's reservation is kept out of core dumps. */
static enum residence_kind kind_of(const struct survey *survey, const struct mapping *mapping,
                                   const struct mapping *before)
{
    bool is_next = before && before->end == mapping->start && is_anonymous(mapping) &&
                   strcmp(mapping->name, "") == 0;
    if (mapping->is_recorder || (mapping->inode && mapping->inode == survey->trace_inode) ||
        (is_anonymous(mapping) && mapping->is_kept_from_dumps) ||
        (is_next && before->kind == RESIDENCE_RECORDER && !before->is_shared &&
         !before->is_kept_from_dumps))
        return RESIDENCE_RECORDER;
    if (is_shared_memory(mapping))
        return RESIDENCE_SHARED;
    if (mapping->inode || strncmp(mapping->name, "[v", 2) == 0)
        return RESIDENCE_FILES;
    if (strncmp(mapping->name, "[stack", 6) == 0)
        return RESIDENCE_STACKS;
    if (is_next && before->inode && before->kind == RESIDENCE_FILES && before->is_writable)
        return RESIDENCE_FILES;
    return RESIDENCE_ANONYMOUS;
}

static void classify(struct survey *survey)
{
    for (size_t i = 0; i < survey->count; i++)
        survey->mappings[i].kind =
            kind_of(survey, &survey->mappings[i], i ? &survey->mappings[i - 1] : NULL);
}

/* A thread's stack is the mapping that its stack pointer is in, which the kernel tells of those
 * that wait. */
static void find_stack(struct survey *survey, uint32_t pid, uint32_t tid)
{
    char what[64];
    uint64_t sp;
    snprintf(what, sizeof what, "task/%" PRIu32 "/syscall", tid);
    FILE *file = open_file(pid, what);
    char line[256];
    if (file && fgets(line, sizeof line, file)) {
        char *last = strrchr(line, ' ');
        if (last)
            *last = 0;
        last = last ? strrchr(line, ' ') : NULL;
        struct mapping *mapping =
            last && sscanf(last, " 0x%" SCNx64, &sp) == 1 ? mapping_at(survey, sp) : NULL;
        if (mapping && mapping->kind == RESIDENCE_ANONYMOUS && !mapping->has_blocks)
            mapping->kind = RESIDENCE_STACKS;
    }
    if (file)
        fclose(file);
}

static void find_stacks(struct survey *survey, uint32_t pid)
{
    char path[64];
    struct dirent *entry;
    snprintf(path, sizeof path, "/proc/%" PRIu32 "/task", pid);
    DIR *tasks = opendir(path);
    while (tasks && (entry = readdir(tasks))) {
        uint32_t tid = (uint32_t)strtoul(entry->d_name, NULL, 10);
        if (tid)
            find_stack(survey, pid, tid);
    }
    if (tasks)
        closedir(tasks);
}

/* --- the blocks in them --- */

static bool has_pages(struct survey *survey, struct mapping *mapping)
{
    uint64_t count = (mapping->end - mapping->start) / PAGE;
    if (mapping->pages)
        return true;
    if (count > PAGES_MAX - survey->page_count)
        return false;
    survey->page_count += count;
    mapping->pages = calloc(count + 1, sizeof *mapping->pages);
    survey->has_memory = survey->has_memory && mapping->pages;
    return mapping->pages;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* A block may be in several mappings, where the rights of its pages differ. */
static void take_block(void *context, const struct live_entry *entry)
{
    struct survey *survey = context;
    uint64_t at = entry->address;
    uint64_t end = at + entry->size_bytes < at ? at : at + entry->size_bytes;
    while (at < end) {
        struct mapping *mapping = mapping_at(survey, at);
        if (!mapping || !is_anonymous(mapping) || !has_pages(survey, mapping))
            return;
        mapping->has_blocks = true;
        for (uint64_t to; at < end && at < mapping->end; at = to) {
            uint16_t *page = &mapping->pages[(at - mapping->start) / PAGE];
            to = smaller(smaller(end, mapping->end), (at / PAGE + 1) * PAGE);
            uint64_t sum = *page + (to - at); /* a block that came meanwhile may overlap another */
            *page = (uint16_t)smaller(sum, PAGE);
        }
    }
}

/* --- their pages --- */

struct heap_part {
    int64_t live_bytes;
    int64_t gap_bytes;
    int64_t absent_bytes;
};

static void take_pages(const uint64_t *entries, const uint16_t *live, size_t count,
                       struct heap_part *part)
{
    for (size_t i = 0; i < count; i++) {
        if (!(entries[i] & PAGE_PRESENT)) {
            part->absent_bytes += live[i];
        } else if (live[i]) {
            part->live_bytes += live[i];
            part->gap_bytes += PAGE - live[i];
        }
    }
}

static bool read_pages(int pagemap, const struct mapping *mapping, struct heap_part *part)
{
    static uint64_t entries[CHUNK_PAGES];
    uint64_t count = (mapping->end - mapping->start) / PAGE;
    for (uint64_t at = 0; at < count;) {
        size_t wanted = smaller(count - at, CHUNK_PAGES) * sizeof *entries;
        ssize_t got = pread(pagemap, entries, wanted,
                            (off_t)((mapping->start / PAGE + at) * sizeof *entries));
        if (got < (ssize_t)sizeof *entries)
            return got == 0; /* unmapped meanwhile */
        size_t some = (size_t)got / sizeof *entries;
        take_pages(entries, mapping->pages + at, some, part);
        at += some;
    }
    return true;
}

/* What the kernel says of the whole mapping holds: a page that was only ever read is present, but
 * nobody's. */
static void add_heap(struct residence *residence, const struct mapping *mapping,
                     struct heap_part part)
{
    int64_t left = mapping->rss_bytes;
    part.live_bytes = part.live_bytes < left ? part.live_bytes : left;
    left -= part.live_bytes;
    part.gap_bytes = part.gap_bytes < left ? part.gap_bytes : left;
    left -= part.gap_bytes;
    residence->bytes[RESIDENCE_LIVE] += part.live_bytes;
    residence->bytes[RESIDENCE_GAPS] += part.gap_bytes;
    residence->bytes[RESIDENCE_FREE] += left;
    residence->absent_live_bytes += part.absent_bytes;
}

static bool add_up(struct survey *survey, uint32_t pid, struct error *error)
{
    struct residence *residence = survey->residence;
    FILE *pagemap = open_file(pid, "pagemap");
    bool is_ok = pagemap || error_set(error, "its pages cannot be looked at: %s", strerror(errno));
    for (size_t i = 0; is_ok && i < survey->count; i++) {
        const struct mapping *mapping = &survey->mappings[i];
        struct heap_part part = {0};
        if (mapping->has_blocks) {
            is_ok = read_pages(fileno(pagemap), mapping, &part) ||
                    error_set(error, "its pages cannot be looked at: %s", strerror(errno));
            add_heap(residence, mapping, part);
        } else {
            residence->bytes[mapping->kind] += mapping->rss_bytes;
        }
    }
    if (pagemap)
        fclose(pagemap);
    return is_ok;
}

static int64_t read_rss(uint32_t pid)
{
    int64_t pages = 0;
    FILE *file = open_file(pid, "statm");
    bool is_ok = file && fscanf(file, "%*s %" SCNd64, &pages) == 1;
    if (file)
        fclose(file);
    return is_ok ? pages * (int64_t)sysconf(_SC_PAGESIZE) : 0;
}

static void finish(struct survey *survey)
{
    for (size_t i = 0; i < survey->count; i++)
        free(survey->mappings[i].pages);
    free(survey->mappings);
}

bool residence_read(struct residence *residence, uint32_t pid, const struct live_table *table,
                    uint64_t trace_inode, struct error *error)
{
    struct survey survey = {.residence = residence, .trace_inode = trace_inode};
    *residence = (struct residence){.knows_blocks = table};
    bool is_ok = read_mappings(&survey, pid, error);
    residence->rss_bytes = read_rss(pid);
    if (is_ok) {
        classify(&survey);
        is_ok = !table || live_table_visit(table, take_block, &survey, error);
    }
    if (is_ok && !survey.has_memory)
        is_ok = error_out_of_memory(error);
    if (is_ok) {
        find_stacks(&survey, pid);
        is_ok = add_up(&survey, pid, error);
    }
    finish(&survey);
    return is_ok;
}

int64_t residence_unexplained(const struct residence *residence)
{
    int64_t sum = 0;
    for (int i = 0; i < RESIDENCE_COUNT; i++)
        sum += residence->bytes[i];
    return residence->rss_bytes - sum;
}
