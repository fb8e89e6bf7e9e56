/* SPDX-License-Identifier: BSD-2-Clause */
/* export_pprof.c -- A pprof profile: for go tool pprof, Pyroscope, Parca and others.
 *
 * Sample types have the names that Go's own heap profiles have, because collectors know them. The
 * parts of the profile may come in any order, so each is written as soon as it is known: samples
 * first, then the locations they named, then what these named. */
#include "export.h"

#include "completeness.h"
#include "label.h"
#include "numbering.h"
#include "protobuf.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

enum profile_field {
    PROFILE_SAMPLE_TYPE = 1,
    PROFILE_SAMPLE = 2,
    PROFILE_MAPPING = 3,
    PROFILE_LOCATION = 4,
    PROFILE_FUNCTION = 5,
    PROFILE_STRING = 6,
    PROFILE_TIME_NS = 9,
    PROFILE_DURATION_NS = 10,
    PROFILE_PERIOD_TYPE = 11,
    PROFILE_PERIOD = 12,
    PROFILE_COMMENT = 13,
    PROFILE_DEFAULT_TYPE = 14
};

/* A column of the profile. */
struct sample_type {
    const char *name;
    const char *unit;
    size_t offset;        /* in struct figures */
    enum measure measure; /* that has to be known; */
    bool is_extra;        /* and asked for */
};

enum {
    SAMPLE_TYPES_MAX = 8
};

/* The profile being written. What is referred to gets a number when it is first needed, and is
 * written after everything that refers to it. */
struct profile {
    FILE *out;
    const struct export *export;
    const struct stacks *stacks;
    const struct call_tree *tree;
    const struct sample_type *types[SAMPLE_TYPES_MAX];
    size_t type_count;
    struct numbering strings;   /* address of the text */
    struct numbering functions; /* name and file, or a frame without a name */
    struct numbering locations; /* first and last frame */
    struct numbering mappings;  /* module index */
    uint32_t *path;
    char **made; /* texts that are nobody else's */
    size_t made_count;
    struct message message; /* the one being made */
    struct message inner;   /* and a part of it */
    bool has_failed;        /* out of memory */
};

/* --- sample types --- */

/* The first four are Go's; profiles that have the same ones can be compared with each other. */
static const struct sample_type sample_types[] = {
    {"alloc_objects", "count", offsetof(struct figures, alloc_count), MEASURE_COUNT, false},
    {"alloc_space", "bytes", offsetof(struct figures, alloc_bytes), MEASURE_TOTAL, false},
    {"inuse_objects", "count", offsetof(struct figures, live_count), MEASURE_LIVE, false},
    {"inuse_space", "bytes", offsetof(struct figures, live_bytes), MEASURE_LIVE, false},
    {"peak_objects", "count", offsetof(struct figures, peak_count), MEASURE_PEAK, true},
    {"peak_space", "bytes", offsetof(struct figures, peak_bytes), MEASURE_PEAK, true},
    {"temporary_objects", "count", offsetof(struct figures, temporary_count), MEASURE_TEMPORARY,
     true},
};

static const struct sample_type cpu_types[] = {
    {"samples", "count", offsetof(struct figures, alloc_count), MEASURE_COUNT, false},
    {"cpu", "nanoseconds", offsetof(struct figures, alloc_bytes), MEASURE_TOTAL, false},
};

/* Off the CPU: see times.h. */
static const struct sample_type wall_types[] = {
    {"samples", "count", offsetof(struct figures, alloc_count), MEASURE_COUNT, false},
    {"wall", "nanoseconds", offsetof(struct figures, alloc_bytes), MEASURE_TOTAL, false},
    {"off_cpu", "nanoseconds", offsetof(struct figures, peak_bytes), MEASURE_TOTAL, false},
};

static bool is_asked_for(const struct export *export, enum measure measure)
{
    for (size_t i = 0; i < export->measure_count; i++)
        if (export->measures[i] == measure)
            return true;
    return false;
}

static void choose_time(struct profile *profile)
{
    bool is_cpu = profile->stacks->trace->domain == DOMAIN_CPU;
    const struct sample_type *types = is_cpu ? cpu_types : wall_types;
    size_t count =
        is_cpu ? sizeof cpu_types / sizeof *cpu_types : sizeof wall_types / sizeof *wall_types;
    for (size_t i = 0; i < count; i++)
        profile->types[profile->type_count++] = &types[i];
}

static void choose_types(struct profile *profile)
{
    if (trace_is_timed(profile->stacks->trace)) {
        choose_time(profile);
        return;
    }
    for (size_t i = 0; i < sizeof sample_types / sizeof *sample_types; i++) {
        const struct sample_type *type = &sample_types[i];
        if (type->is_extra ? is_asked_for(profile->export, type->measure)
                           : export_knows(profile->stacks->trace, type->measure))
            profile->types[profile->type_count++] = type;
    }
}

/* The column that viewers show first. */
static const char *first_type(const struct profile *profile)
{
    static const char *const names[MEASURE_COUNT_OF] = {
        [MEASURE_LIVE] = "inuse_space",
        [MEASURE_PEAK] = "peak_space",
        [MEASURE_TOTAL] = "alloc_space",
        [MEASURE_COUNT] = "alloc_objects",
        [MEASURE_TEMPORARY] = "temporary_objects",
    };
    if (trace_is_timed(profile->stacks->trace)) {
        bool is_count =
            profile->export->measure_count && profile->export->measures[0] == MEASURE_COUNT;
        return profile->types[is_count ? 0 : 1]->name;
    }
    if (profile->export->measure_count)
        return names[profile->export->measures[0]];
    bool is_live = profile->tree->total.live_bytes || !trace_knows_all(profile->stacks->trace);
    return names[is_live ? MEASURE_LIVE : MEASURE_TOTAL];
}

/* --- numbers of things --- */

static uint32_t number_of(struct profile *profile, struct numbering *numbering, uint64_t a,
                          uint64_t b, uint64_t c)
{
    uint32_t number = numbering_of(numbering, a, b, c);
    profile->has_failed = profile->has_failed || number == NUMBER_NONE;
    return number;
}

/* text has to stay; equal texts at different addresses only take room. */
static uint32_t string_of(struct profile *profile, const char *text)
{
    return number_of(profile, &profile->strings, (uintptr_t)text, 0, 0);
}

/* The same for text that was made here, and is freed in the end. */
static uint32_t made_string_of(struct profile *profile, char *text)
{
    bool is_full = (profile->made_count & (profile->made_count - 1)) == 0; /* 0, 1, 2, 4, 8 … */
    size_t room = profile->made_count ? 2 * profile->made_count : 1;
    char **made = is_full ? realloc(profile->made, room * sizeof *made) : profile->made;
    if (made)
        profile->made = made;
    if (!made || !text) {
        profile->has_failed = true;
        free(text);
        return 0;
    }
    made[profile->made_count++] = text;
    return string_of(profile, text);
}

/* Frames that lie in one place are one location: the calls inlined at an address. Of a stack that
 * begins or ends among them it is those that are seen. */
static uint32_t location_of(struct profile *profile, uint32_t first, uint32_t last)
{
    return number_of(profile, &profile->locations, first, last, 0) + 1;
}

static uint32_t function_of(struct profile *profile, uint32_t index)
{
    const struct frame *frame = &profile->stacks->frames[index];
    if (!frame->function)
        return number_of(profile, &profile->functions, index, 0, 1) + 1;
    return number_of(profile, &profile->functions, (uintptr_t)frame->function,
                     (uintptr_t)frame->file, 0) +
           1;
}

static uint32_t mapping_of(struct profile *profile, const struct frame *frame)
{
    if (frame->is_special || frame->module_index == 0)
        return 0;
    return number_of(profile, &profile->mappings, frame->module_index, 0, 0) + 1;
}

/* --- samples --- */

static void write_message(struct profile *profile, enum profile_field field)
{
    profile->has_failed = profile->has_failed || profile->message.has_failed;
    protobuf_write(profile->out, field, profile->message.bytes, profile->message.size_bytes);
    message_clear(&profile->message);
}

static void append_locations(struct profile *profile, uint32_t node)
{
    const struct call_tree *tree = profile->tree;
    uint32_t count = call_tree_path(tree, node, profile->path);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t first = tree->nodes[profile->path[i]].frame;
        uint32_t last = first;
        while (profile->stacks->frames[last].is_inlined && i + 1 < count &&
               tree->nodes[profile->path[i + 1]].frame == last + 1) {
            last++;
            i++;
        }
        message_append(&profile->inner, location_of(profile, first, last));
    }
}

static void write_sample(struct profile *profile, const struct call_stack *end)
{
    message_clear(&profile->inner);
    append_locations(profile, end->node);
    message_message(&profile->message, 1, &profile->inner);
    message_clear(&profile->inner);
    for (size_t i = 0; i < profile->type_count; i++)
        message_append(&profile->inner,
                       (uint64_t)export_figure(&end->figures, profile->types[i]->offset));
    message_message(&profile->message, 2, &profile->inner);
    write_message(profile, PROFILE_SAMPLE);
}

/* --- what samples refer to --- */

static void write_location(struct profile *profile, uint32_t number)
{
    const uint64_t *frames = profile->locations.keys[number].words;
    const struct frame *frame = &profile->stacks->frames[frames[0]];
    uint32_t mapping = mapping_of(profile, frame);
    uint64_t bias = mapping ? profile->stacks->trace->modules[frame->module_index].load_bias : 0;
    message_number(&profile->message, 1, (uint64_t)number + 1);
    message_number(&profile->message, 2, mapping);
    if (!frame->is_special)
        message_number(&profile->message, 3, bias + frame->offset);
    for (uint64_t i = frames[0]; i <= frames[1]; i++) {
        message_clear(&profile->inner);
        message_number(&profile->inner, 1, function_of(profile, (uint32_t)i));
        message_number(&profile->inner, 2, profile->stacks->frames[i].line);
        message_message(&profile->message, 4, &profile->inner);
    }
    write_message(profile, PROFILE_LOCATION);
}

static void write_function(struct profile *profile, uint32_t number)
{
    const uint64_t *key = profile->functions.keys[number].words;
    bool is_nameless = key[2];
    uint32_t name = is_nameless
                        ? made_string_of(profile, label_function(&profile->stacks->frames[key[0]]))
                        : string_of(profile, (const char *)(uintptr_t)key[0]);
    const char *file = is_nameless ? NULL : (const char *)(uintptr_t)key[1];
    message_number(&profile->message, 1, (uint64_t)number + 1);
    message_number(&profile->message, 2, name);
    message_number(&profile->message, 3, name);
    if (file)
        message_number(&profile->message, 4, string_of(profile, file));
    write_message(profile, PROFILE_FUNCTION);
}

static char *build_id_text(const struct trace_module *module)
{
    char *text = malloc(2 * TRACE_BUILD_ID_MAX + 1);
    for (uint32_t i = 0; text && i < module->build_id_bytes && i < TRACE_BUILD_ID_MAX; i++)
        snprintf(text + 2 * (size_t)i, 3, "%02x", module->build_id[i]);
    return text;
}

/* Names are known as well as they ever will be: has_… keeps viewers from looking again. */
static void write_mapping(struct profile *profile, uint32_t number)
{
    uint32_t index = (uint32_t)profile->mappings.keys[number].words[0];
    const struct trace_module *module = &profile->stacks->trace->modules[index];
    struct message *message = &profile->message;
    const char *explanation;
    enum symbol_source source = symbolizer_source(profile->stacks->symbolizer, index, &explanation);
    message_number(message, 1, (uint64_t)number + 1);
    message_number(message, 2, module->start_address);
    message_number(message, 3, module->end_address);
    message_number(message, 5, string_of(profile, profile->stacks->modules[index]));
    if (module->build_id_bytes)
        message_number(message, 6, made_string_of(profile, build_id_text(module)));
    message_number(message, 7, true);
    message_number(message, 8, source == SYMBOLS_LINES);
    message_number(message, 9, source == SYMBOLS_LINES);
    message_number(message, 10, source == SYMBOLS_LINES);
    write_message(profile, PROFILE_MAPPING);
}

static void write_string(struct profile *profile, uint32_t number)
{
    const char *text = (const char *)(uintptr_t)profile->strings.keys[number].words[0];
    char *escaped = export_escaped(text);
    profile->has_failed = profile->has_failed || !escaped;
    protobuf_write(profile->out, PROFILE_STRING, escaped, escaped ? strlen(escaped) : 0);
    free(escaped);
}

/* --- the whole --- */

static void write_type(struct profile *profile, enum profile_field field, const char *name,
                       const char *unit)
{
    message_number(&profile->message, 1, string_of(profile, name));
    message_number(&profile->message, 2, string_of(profile, unit));
    write_message(profile, field);
}

/* Like Go's: bytes, and one sample about every so many. */
static void write_period(struct profile *profile)
{
    const struct figures *total = &profile->tree->total;
    uint64_t sample_bytes = profile->stacks->trace->header.sample_bytes;
    if (trace_is_timed(profile->stacks->trace)) {
        write_type(profile, PROFILE_PERIOD_TYPE, profile->types[1]->name, "nanoseconds");
        protobuf_write_number(profile->out, PROFILE_PERIOD,
                              total->alloc_count ? total->alloc_bytes / total->alloc_count : 1);
        return;
    }
    write_type(profile, PROFILE_PERIOD_TYPE, "space", "bytes");
    protobuf_write_number(profile->out, PROFILE_PERIOD, sample_bytes ? sample_bytes : 1);
}

static void write_head(struct profile *profile)
{
    const struct trace *trace = profile->stacks->trace;
    string_of(profile, ""); /* has to be the first one */
    for (size_t i = 0; i < profile->type_count; i++)
        write_type(profile, PROFILE_SAMPLE_TYPE, profile->types[i]->name, profile->types[i]->unit);
    write_period(profile);
    protobuf_write_number(profile->out, PROFILE_TIME_NS, trace->header.start_realtime_ns);
    protobuf_write_number(profile->out, PROFILE_DURATION_NS, trace_duration_ns(trace));
    protobuf_write_number(profile->out, PROFILE_DEFAULT_TYPE,
                          string_of(profile, first_type(profile)));
    /* The first mapping is taken for the program itself. */
    for (uint32_t i = 1; i < trace->module_count; i++)
        if (*trace->executable && strcmp(trace->module_paths[i], trace->executable) == 0)
            mapping_of(profile, &(struct frame){.module_index = i});
}

static void write_comment(struct profile *profile, char *text)
{
    protobuf_write_number(profile->out, PROFILE_COMMENT, made_string_of(profile, text));
}

/* What is less than exact goes with the figures. */
static void write_comments(struct profile *profile)
{
    const struct trace *trace = profile->stacks->trace;
    struct completeness completeness;
    char *title = NULL;
    completeness_init(&completeness, trace);
    if (asprintf(&title, "memtrace of %s (pid %u)", trace->program, trace->header.pid) < 0)
        title = NULL;
    write_comment(profile, title);
    for (size_t i = 0; i < completeness.count; i++)
        write_comment(profile, strdup(completeness.reasons[i]));
}

static void write_profile(struct profile *profile)
{
    write_head(profile);
    write_comments(profile);
    for (uint32_t i = 0; i < profile->tree->end_count && !profile->has_failed; i++)
        write_sample(profile, &profile->tree->ends[i]);
    for (uint32_t i = 0; i < profile->locations.count && !profile->has_failed; i++)
        write_location(profile, i);
    for (uint32_t i = 0; i < profile->functions.count && !profile->has_failed; i++)
        write_function(profile, i);
    for (uint32_t i = 0; i < profile->mappings.count && !profile->has_failed; i++)
        write_mapping(profile, i);
    for (uint32_t i = 0; i < profile->strings.count && !profile->has_failed; i++)
        write_string(profile, i);
}

static void finish(struct profile *profile)
{
    numbering_finish(&profile->strings);
    numbering_finish(&profile->functions);
    numbering_finish(&profile->locations);
    numbering_finish(&profile->mappings);
    for (size_t i = 0; i < profile->made_count; i++)
        free(profile->made[i]);
    free(profile->made);
    free(profile->path);
    message_finish(&profile->message);
    message_finish(&profile->inner);
}

static bool write_pprof(FILE *out, const struct export *export, struct error *error)
{
    struct call_tree tree;
    if (!export_tree(export, &tree, GRAIN_ADDRESS, error))
        return false;
    struct profile profile = {
        .out = out, .export = export, .stacks = export->stacks, .tree = &tree};
    profile.path = malloc(((size_t)tree.depth_max + 1) * sizeof *profile.path);
    profile.has_failed = !profile.path;
    choose_types(&profile);
    if (!profile.has_failed)
        write_profile(&profile);
    finish(&profile);
    call_tree_finish(&tree);
    return !profile.has_failed || error_out_of_memory(error);
}

const struct export_format export_pprof = {
    .name = "pprof",
    .summary = "for go tool pprof, Pyroscope, Parca, Polar Signals, speedscope",
    .next = "go tool pprof -http=: %s",
    .is_binary = true,
    .is_gzip = true,
    .has_time = true,
    .write = write_pprof,
};
