/* SPDX-License-Identifier: BSD-2-Clause */
/* merge.c -- Several traces as one. */
#include "merge.h"

#include "hash.h"
#include "large.h"

#include <stdlib.h>
#include <string.h>

/* Modules that are the same file are one. */
struct known_module {
    char *key;
    uint32_t index;
    UT_hash_handle hh;
};

struct merging {
    struct trace *merged;
    struct known_module *known;
    uint32_t *modules; /* per module of the trace at hand its index in the merged one */
    uint32_t node_base;
    uint32_t thread_base;
};

/* --- modules --- */

/* Path, build-id, size and time. */
static char *module_key(const struct trace_module *module, const char *path, size_t *ret_bytes)
{
    size_t path_bytes = strlen(path) + 1;
    char *key = malloc(path_bytes + 2 * sizeof(uint64_t) + TRACE_BUILD_ID_MAX);
    if (!key)
        return NULL;
    char *at = memcpy(key, path, path_bytes);
    at += path_bytes;
    memcpy(at, &module->file_bytes, sizeof module->file_bytes);
    at += sizeof module->file_bytes;
    memcpy(at, &module->file_mtime_ns, sizeof module->file_mtime_ns);
    at += sizeof module->file_mtime_ns;
    memcpy(at, module->build_id, module->build_id_bytes);
    at += module->build_id_bytes;
    *ret_bytes = (size_t)(at - key);
    return key;
}

static struct known_module *know_module(struct merging *merging, char *key, size_t key_bytes)
{
    struct known_module *found = NULL;
    HASH_FIND(hh, merging->known, key, key_bytes, found);
    if (found) {
        free(key);
        return found;
    }
    found = calloc(1, sizeof *found);
    if (!found) {
        free(key);
        return NULL;
    }
    *found = (struct known_module){.key = key, .index = UINT32_MAX};
    HASH_ADD_KEYPTR(hh, merging->known, found->key, key_bytes, found);
    return found;
}

static bool add_module(struct merging *merging, const struct trace *trace, uint32_t index)
{
    struct trace *merged = merging->merged;
    size_t key_bytes = 0;
    char *key = module_key(&trace->modules[index], trace->module_paths[index], &key_bytes);
    struct known_module *known = key ? know_module(merging, key, key_bytes) : NULL;
    if (!known)
        return false;
    if (known->index == UINT32_MAX) {
        merged->module_paths[merged->module_count] = strdup(trace->module_paths[index]);
        if (!merged->module_paths[merged->module_count])
            return false;
        merged->modules[merged->module_count] = trace->modules[index];
        known->index = merged->module_count++;
    }
    merging->modules[index] = known->index;
    return true;
}

/* Module 0 stands for none in all of them. */
static bool add_modules(struct merging *merging, const struct trace *trace)
{
    struct trace *merged = merging->merged;
    merging->modules = calloc((size_t)trace->module_count + 1, sizeof *merging->modules);
    if (!merged->module_count) {
        merged->module_paths[0] = strdup("");
        merged->module_count = merged->module_paths[0] != NULL;
    }
    if (!merging->modules || !merged->module_count)
        return false;
    for (uint32_t i = 1; i < trace->module_count; i++)
        if (!add_module(merging, trace, i))
            return false;
    return true;
}

static void forget_modules(struct merging *merging)
{
    struct known_module *known;
    struct known_module *next;
    HASH_ITER(hh, merging->known, known, next)
    {
        HASH_DEL(merging->known, known);
        free(known->key);
        free(known);
    }
}

/* --- nodes --- */

enum {
    CHUNK_NODES = 4096
};

static void move_node(const struct merging *merging, struct trace_node *node)
{
    uint32_t module = node->module_bits & NODE_MODULE_MASK;
    if (node->parent)
        node->parent += merging->node_base;
    if (module == NODE_MODULE_SPECIAL || !module)
        return;
    node->module_bits = (node->module_bits & ~NODE_MODULE_MASK) | merging->modules[module];
}

/* All but the root, which the first trace has brought. */
static bool add_nodes(struct merging *merging, const struct trace *trace)
{
    struct nodes *nodes = &merging->merged->sections.nodes;
    uint32_t first = nodes->count ? 1 : 0;
    struct trace_node *chunk = malloc(CHUNK_NODES * sizeof *chunk);
    bool is_ok = chunk != NULL;
    merging->node_base = nodes->count ? nodes->count - 1 : 0;
    for (uint32_t i = first, some; is_ok && i < trace->node_count; i += some) {
        some = trace->node_count - i < CHUNK_NODES ? trace->node_count - i : CHUNK_NODES;
        nodes_restore(&trace->sections.nodes, i, some, chunk);
        for (uint32_t k = 0; k < some; k++)
            move_node(merging, &chunk[k]);
        is_ok = nodes_append(nodes, chunk, some);
    }
    free(chunk);
    return is_ok;
}

/* --- figures --- */

/* What was there at the peak is worked out now: it depends on the trace's own peak. */
static void add_counters(struct merging *merging, const struct trace *trace)
{
    struct trace *merged = merging->merged;
    for (uint32_t i = 1; i < trace->owner_count; i++) {
        struct figures figures = trace_figures(trace, i);
        uint32_t thread = trace->owners[i].thread_domain & OWNER_THREAD_MASK;
        uint32_t domain = trace->owners[i].thread_domain >> OWNER_DOMAIN_SHIFT;
        if (!trace->owners[i].node)
            continue;
        if (thread)
            thread += merging->thread_base;
        merged->inherited[merged->owner_count] = (struct trace_inherited){
            figures.live_count - (int64_t)(figures.alloc_count - figures.free_count),
            figures.live_bytes - (int64_t)(figures.alloc_bytes - figures.freed_bytes)};
        struct trace_counters *counters = &merged->counters[merged->owner_count];
        *counters = trace->counters[i];
        counters->peak_epoch = UINT64_MAX;
        counters->peak_count =
            figures.peak_count - merged->inherited[merged->owner_count].live_count;
        counters->peak_bytes =
            figures.peak_bytes - merged->inherited[merged->owner_count].live_bytes;
        merged->owners[merged->owner_count++] =
            (struct trace_owner){trace->owners[i].node + merging->node_base,
                                 (thread & OWNER_THREAD_MASK) | domain << OWNER_DOMAIN_SHIFT};
    }
}

static void add_thread(struct trace_thread *sum, const struct trace_thread *thread)
{
    sum->alloc_count += thread->alloc_count;
    sum->alloc_bytes += thread->alloc_bytes;
    sum->free_count += thread->free_count;
    sum->freed_bytes += thread->freed_bytes;
    sum->temporary_count += thread->temporary_count;
    sum->cpu_ns += thread->cpu_ns;
    sum->sampled_ns += thread->sampled_ns;
    for (int i = 0; i < CALL_MAX; i++)
        sum->calls[i] += thread->calls[i];
}

/* Thread 0, which sums up those that were folded away, is one for all. */
static void add_threads(struct merging *merging, const struct trace *trace)
{
    struct trace *merged = merging->merged;
    merging->thread_base = merged->thread_count ? merged->thread_count - 1 : 0;
    for (uint32_t i = 0; i < trace->thread_count; i++)
        if (i || !merged->thread_count)
            merged->threads[merged->thread_count++] = trace->threads[i];
        else
            add_thread(&merged->threads[0], &trace->threads[0]);
}

static void add_samplers(struct merging *merging, const struct trace *trace)
{
    struct trace *merged = merging->merged;
    for (uint32_t i = 0; i < trace->sampler_count; i++)
        merged->samplers[merged->sampler_count++] = trace->samplers[i];
}

/* --- the header --- */

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static void add_header(struct merging *merging, const struct trace *trace)
{
    struct trace_header *sum = &merging->merged->header;
    const struct trace_header *header = &trace->header;
    sum->live_bytes += header->live_bytes;
    sum->peak_bytes += header->peak_bytes;
    sum->peak_slack_bytes += header->peak_slack_bytes;
    sum->threads_seen += header->threads_seen;
    sum->sample_bytes = larger(sum->sample_bytes, header->sample_bytes);
    if (header->state == TRACE_RUNNING && !trace->was_running)
        sum->state = TRACE_RUNNING; /* one was killed */
    for (int i = 0; i < ANOMALY_MAX; i++)
        sum->anomalies[i] += header->anomalies[i];
    sum->flags |= header->flags;
    sum->end_time_ns += trace_duration_ns(trace);
}

static void begin_header(struct merging *merging, const struct trace *first)
{
    struct trace_header *header = &merging->merged->header;
    *header = first->header;
    header->live_bytes = header->peak_bytes = 0;
    header->peak_slack_bytes = header->threads_seen = header->sample_bytes = 0;
    header->peak_epoch = 0;
    header->peak_time_ns = header->start_time_ns;
    header->end_time_ns = header->start_time_ns; /* durations are added to it */
    header->clears = 0;
    header->state = TRACE_EXITED;
    header->exit_status_known = 0;
    header->flags = 0;
    memset(header->anomalies, 0, sizeof header->anomalies);
}

static bool take_names(struct trace *merged, const struct trace *first)
{
    size_t program_bytes = strlen(first->program) + 1;
    merged->names = malloc(program_bytes + strlen(first->executable) + 1);
    if (!merged->names)
        return false;
    merged->program = strcpy(merged->names, first->program);
    merged->executable = strcpy(merged->names + program_bytes, first->executable);
    merged->pid = first->pid;
    merged->program_root = first->program_root ? strdup(first->program_root) : NULL;
    return merged->program_root || !first->program_root;
}

/* --- all --- */

struct sizes {
    uint64_t nodes;
    uint64_t owners;
    uint64_t modules;
    uint64_t threads;
    uint64_t samplers;
};

static struct sizes sizes_of(const struct trace *traces, size_t count)
{
    struct sizes sizes = {.nodes = 1, .owners = 1, .modules = 1, .threads = 1};
    for (size_t i = 0; i < count; i++) {
        sizes.nodes += traces[i].node_count;
        sizes.owners += traces[i].owner_count;
        sizes.modules += traces[i].module_count;
        sizes.threads += traces[i].thread_count;
        sizes.samplers += traces[i].sampler_count;
    }
    return sizes;
}

/* The arrays are sections', and go with them. */
static void *make_section(struct trace *merged, enum trace_section section, uint64_t count,
                          size_t element_bytes)
{
    merged->sections.bytes[section] = calloc((size_t)count + 1, element_bytes);
    return merged->sections.bytes[section];
}

static bool make_room(struct trace *merged, const struct sizes *sizes)
{
    merged->owners = make_section(merged, SECTION_OWNERS, sizes->owners, sizeof *merged->owners);
    merged->counters =
        make_section(merged, SECTION_COUNTERS, sizes->owners, sizeof *merged->counters);
    merged->inherited =
        make_section(merged, SECTION_INHERITED, sizes->owners, sizeof *merged->inherited);
    merged->modules =
        make_section(merged, SECTION_MODULES, sizes->modules, sizeof *merged->modules);
    merged->threads =
        make_section(merged, SECTION_THREADS, sizes->threads, sizeof *merged->threads);
    merged->samplers =
        make_section(merged, SECTION_SAMPLERS, sizes->samplers, sizeof *merged->samplers);
    merged->module_paths = calloc((size_t)sizes->modules + 1, sizeof *merged->module_paths);
    return merged->owners && merged->counters && merged->inherited && merged->modules &&
           merged->threads && merged->samplers && merged->module_paths &&
           nodes_init(&merged->sections.nodes, (uint32_t)sizes->nodes);
}

static bool add_trace(struct merging *merging, const struct trace *trace)
{
    struct trace *merged = merging->merged;
    bool is_ok = add_modules(merging, trace) && add_nodes(merging, trace);
    if (is_ok) {
        add_threads(merging, trace);
        add_counters(merging, trace);
        add_samplers(merging, trace);
        add_header(merging, trace);
        merged->file_bytes += trace->file_bytes;
    }
    free(merging->modules);
    merging->modules = NULL;
    return is_ok;
}

static void name_nodes(struct trace *merged)
{
    merged->nodes = merged->sections.nodes.items;
    merged->addresses = merged->sections.nodes.addresses;
    merged->node_count = merged->sections.nodes.count;
    merged->address_count = merged->sections.nodes.address_count;
    merged->inherited_count = merged->owner_count;
}

bool trace_merge(struct trace *merged, const struct trace *traces, size_t count,
                 struct error *error)
{
    struct merging merging = {.merged = merged};
    struct sizes sizes = sizes_of(traces, count);
    *merged =
        (struct trace){.owner_count = 1, .is_peak_settled = true, .merged_count = (uint32_t)count};
    if (sizes.nodes > UINT32_MAX / 2 || sizes.owners > UINT32_MAX / 2 ||
        sizes.modules >= NODE_MODULE_SPECIAL || sizes.threads > OWNER_THREAD_MASK)
        return error_set(error, "together the traces are larger than anything");
    bool is_ok = make_room(merged, &sizes) && take_names(merged, &traces[0]);
    if (is_ok)
        begin_header(&merging, &traces[0]);
    for (size_t i = 0; is_ok && i < count; i++)
        is_ok = add_trace(&merging, &traces[i]);
    forget_modules(&merging);
    name_nodes(merged);
    if (is_ok)
        return true;
    trace_close(merged);
    return error_out_of_memory(error);
}
