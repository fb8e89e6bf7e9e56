/* SPDX-License-Identifier: BSD-2-Clause */
/* harvest.c -- The traces that a run left: of the program, and of its descendants. */
#include "harvest.h"

#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* The directory of the template with its letters filled in. */
static char *output_directory(const char *template, const struct child *child)
{
    char host[256] = "";
    char *text = NULL;
    size_t text_bytes = 0;
    FILE *out = open_memstream(&text, &text_bytes);
    const char *end = strrchr(template, '/');
    if (!out)
        return NULL;
    gethostname(host, sizeof host - 1);
    for (const char *c = template; c < end; c++) {
        if (*c != '%' || c + 1 == end) {
            fputc(*c, out);
            continue;
        }
        switch (*++c) {
        case 'p':
            fprintf(out, "%ld", (long)child->pid);
            break;
        case 'n':
            fputs(text_basename(child->argv[0]), out);
            break;
        case 'h':
            fputs(host, out);
            break;
        default:
            fputc(*c, out);
        }
    }
    if (end == template)
        fputc('/', out);
    if (fclose(out) == 0)
        return text;
    free(text);
    return NULL;
}

static bool is_descendant(const struct harvest *harvest, pid_t pid, uint32_t parent_pid)
{
    if (parent_pid == (uint32_t)pid)
        return true;
    for (size_t i = 0; i < harvest->list.count; i++)
        if (harvest->is_ours[i] && harvest->list.entries[i].pid == parent_pid)
            return true;
    return false;
}

/* Traces of children, of their children, and so on; others may be at work in the same directory. */
static void find_descendants(struct harvest *harvest, pid_t pid, uint64_t since_ns)
{
    size_t before;
    do {
        before = harvest->child_count;
        for (size_t i = 0; i < harvest->list.count; i++) {
            const struct trace_entry *entry = &harvest->list.entries[i];
            if (harvest->is_ours[i] || entry->pid == (uint32_t)pid ||
                entry->start_time_ns < since_ns || entry->is_snapshot ||
                !is_descendant(harvest, pid, entry->parent_pid))
                continue;
            harvest->is_ours[i] = true;
            harvest->child_count++;
        }
    } while (harvest->child_count != before);
}

static void find_own(struct harvest *harvest, pid_t pid, uint64_t since_ns)
{
    for (size_t i = 0; i < harvest->list.count; i++) {
        const struct trace_entry *entry = &harvest->list.entries[i];
        if (entry->pid != (uint32_t)pid || entry->start_time_ns < since_ns || entry->is_snapshot)
            continue;
        harvest->is_ours[i] = true;
        if (!harvest->own || entry->start_time_ns > harvest->own->start_time_ns) {
            harvest->before = harvest->own;
            harvest->own = entry;
        } else if (!harvest->before) {
            harvest->before = entry;
        }
    }
}

bool harvest_init(struct harvest *harvest, const char *template, bool any_name,
                  const struct child *child, struct error *error)
{
    *harvest = (struct harvest){0};
    uint64_t since_ns = child->start_time_ns;
    char *directory = output_directory(template, child);
    time_t since_s = time(NULL) - (time_t)(child->run_time_ns / 1000000000) - 3;
    bool is_ok = directory ? trace_list_init(&harvest->list, directory, any_name, since_s, error)
                           : error_out_of_memory(error);
    free(directory);
    if (is_ok) {
        harvest->is_ours = calloc(harvest->list.count + 1, sizeof *harvest->is_ours);
        is_ok = harvest->is_ours || error_out_of_memory(error);
    }
    if (is_ok) {
        find_own(harvest, child->pid, since_ns);
        find_descendants(harvest, child->pid, since_ns);
    }
    return is_ok;
}

void harvest_finish(struct harvest *harvest)
{
    trace_list_finish(&harvest->list);
    free(harvest->is_ours);
    harvest->is_ours = NULL;
}
