/* SPDX-License-Identifier: BSD-2-Clause */
/* module_names.c -- Asks DWARF, then the symbol tables, and says what came of it.
 *
 * DWARF and compressed symbol tables are read in sandboxed children, plain symbol tables in here
 * by code that checks every number: most libraries have no more than that, and a fork for each
 * would cost more than the reading. */
#include "module_names.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answers.h"
#include "decompress.h"
#include "demangle.h"
#include "dwarf_units.h"
#include "function_extents.h"
#include "sandbox.h"
#include "symbol_table.h"

/* A child's limits. libdwarf reads some 50 MB a second and more; what it keeps in memory is small
 * beside the sections, which may be compressed to a fifth. */
#define CHILD_MEMORY_BYTES ((uint64_t)1 << 30)
#define CHILD_MEMORY_PER_BYTE 8
#define CHILD_CPU_SECONDS 3
#define CHILD_BYTES_PER_CPU_SECOND (4u << 20)
#define CHILD_OUTPUT_BYTES (64u << 20)
#define CHILD_OUTPUT_PER_ADDRESS 1024

void module_names_init(struct module_names *names, const struct symbol_module *module,
                       uint64_t *addresses, size_t address_count, const char *debug_root,
                       struct string_pool *strings)
{
    *names = (struct module_names){
        .addresses = addresses, .address_count = address_count, .strings = strings};
    names->answers = calloc(address_count, sizeof(*names->answers));
    debuginfo_find(&names->info, module, debug_root);
    names->source = names->info.source;
    snprintf(names->explanation, sizeof(names->explanation), "%s", names->info.explanation);
}

void module_names_finish(struct module_names *names)
{
    for (size_t i = 0; names->answers && i < names->address_count; i++)
        free(names->answers[i].frames);
    free(names->answers);
    free(names->addresses);
    if (names->addresses)
        debuginfo_finish(&names->info);
    memset(names, 0, sizeof(*names));
}

/* Child: the DWARF of one module. */
static bool answer_from_dwarf(int output, void *argument)
{
    struct module_names *names = argument;
    static struct answer_writer writer;

    writer.fd = output;
    dwarf_answer(&names->info, names->addresses, names->address_count, &writer);
    return !writer.failed;
}

/* Child: the symbol table that Fedora leaves in stripped files, xz compressed. */
static bool answer_from_debugdata(int output, void *argument)
{
    struct module_names *names = argument;
    struct elf_file *file = &names->info.module;
    const struct elf_section *section = elf_find_section(file, ".gnu_debugdata");
    static struct answer_writer writer;
    struct symbol_table table = {0};
    struct elf_file image;

    writer.fd = output;
    if (!section || !elf_map(file) ||
        !elf_open_image(&image, file->path, decompress_xz(elf_section_bytes(file, section))) ||
        !symbol_table_read(&table, &image))
        return false;
    for (size_t i = 0; i < names->address_count; i++) {
        const char *name = symbol_table_find(&table, names->addresses[i]);
        struct answer_frame frame = {0};

        if (!name)
            continue;
        frame.function = answer_string(&writer, name, strlen(name));
        answer_frames(&writer, (uint32_t)i, &frame, 1);
    }
    answer_flush(&writer);
    return !writer.failed;
}

static bool has_symbol_table(const struct elf_file *file)
{
    return file->path && elf_find_section(file, ".symtab");
}

static bool needs_debugdata(const struct debuginfo *info)
{
    return !info->dwarf && info->module.path && !has_symbol_table(&info->module) &&
           !has_symbol_table(&info->debug) && elf_find_section(&info->module, ".gnu_debugdata");
}

/* False when there is nothing for a child to do. */
static bool plan_job(struct module_names *names, struct sandbox_job *job)
{
    const struct debuginfo *info = &names->info;
    uint64_t bytes = (info->dwarf ? info->dwarf : &info->module)->size_bytes;

    if (!names->answers || (!info->dwarf && !needs_debugdata(info)))
        return false;
    bytes += info->supplement.size_bytes;
    *job = (struct sandbox_job){
        .work = info->dwarf ? answer_from_dwarf : answer_from_debugdata,
        .argument = names,
        .memory_bytes = CHILD_MEMORY_BYTES + bytes * CHILD_MEMORY_PER_BYTE,
        .cpu_seconds = CHILD_CPU_SECONDS + (unsigned)(bytes / CHILD_BYTES_PER_CPU_SECOND),
        .output_bytes_max =
            CHILD_OUTPUT_BYTES + names->address_count * (size_t)CHILD_OUTPUT_PER_ADDRESS,
    };
    return true;
}

/* What a child wrote, taken over record by record. */
struct intake {
    struct module_names *names;
    uint32_t *strings; /* the child's numbers to ours */
    size_t string_count;
    size_t string_capacity;
    bool notes[NOTE_COUNT];
    size_t line_count;
};

static bool take_string(struct intake *intake, struct bytes text)
{
    if (intake->string_count == intake->string_capacity) {
        size_t capacity = intake->string_capacity ? intake->string_capacity * 2 : 256;
        uint32_t *larger = realloc(intake->strings, capacity * sizeof(*larger));

        if (!larger)
            return false;
        intake->strings = larger;
        intake->string_capacity = capacity;
    }
    intake->strings[intake->string_count++] =
        string_pool_add(intake->names->strings, (const char *)text.data, text.size);
    return true;
}

static uint32_t our_string(const struct intake *intake, uint32_t number)
{
    return number == 0 || number > intake->string_count ? 0 : intake->strings[number - 1];
}

static bool take_frames(struct intake *intake, const struct answer_record *record)
{
    struct found_frames *answer;

    if (record->address_index >= intake->names->address_count || record->frame_count == 0)
        return false;
    answer = &intake->names->answers[record->address_index];
    if (answer->frames)
        return false;
    answer->frames = calloc(record->frame_count, sizeof(*answer->frames));
    if (!answer->frames)
        return false;
    answer->frame_count = (uint32_t)record->frame_count;
    for (size_t i = 0; i < record->frame_count; i++) {
        struct answer_frame frame;

        memcpy(&frame, (const char *)record->frames + i * sizeof(frame), sizeof(frame));
        answer->frames[i] = (struct found_frame){
            .function = our_string(intake, frame.function),
            .file = our_string(intake, frame.file),
            .line = frame.line,
            .function_line = frame.function_line,
            .is_inlined = i + 1 < record->frame_count,
            .is_plain = frame.is_plain != 0,
        };
        intake->line_count += frame.line != 0;
    }
    return true;
}

static void take_answers(struct intake *intake, struct bytes output)
{
    struct cursor cursor = cursor_at(output, 0);
    struct answer_record record;
    bool goes_on = true;

    while (goes_on && answer_next(&cursor, &record)) {
        if (record.kind == ANSWER_STRING)
            goes_on = take_string(intake, record.text);
        else if (record.kind == ANSWER_FRAMES)
            goes_on = take_frames(intake, &record);
        else
            intake->notes[record.number] = true;
    }
}

/* Appends to the explanation, which is one line. */
__attribute__((format(printf, 2, 3))) static void explain(struct module_names *names,
                                                          const char *format, ...)
{
    size_t used = strlen(names->explanation);
    va_list arguments;

    if (used > 0 && used + 3 < sizeof(names->explanation)) {
        memcpy(names->explanation + used, "; ", 3);
        used += 2;
    }
    va_start(arguments, format);
    vsnprintf(names->explanation + used, sizeof(names->explanation) - used, format, arguments);
    va_end(arguments);
}

static void explain_end(struct module_names *names, const struct sandbox_job *job)
{
    const char *path = names->info.dwarf->path;

    if (job->end == SANDBOX_DIED && job->signal)
        explain(names, "the debug information in %s is broken: its reader died of signal %d", path,
                job->signal);
    else if (job->end == SANDBOX_TOO_LONG)
        explain(names, "the debug information in %s takes too long to read", path);
    else if (job->end == SANDBOX_NOT_STARTED)
        explain(names, "no process could be started to read the debug information in %s", path);
    else
        explain(names, "the debug information in %s is broken", path);
}

static void judge_dwarf(struct module_names *names, const struct intake *intake,
                        const struct sandbox_job *job)
{
    if (job->end != SANDBOX_DONE || !intake->notes[NOTE_COMPLETE]) {
        names->source = SYMBOLS_BROKEN;
        explain_end(names, job);
        return;
    }
    if (intake->line_count > 0)
        names->source = SYMBOLS_LINES;
    if (intake->notes[NOTE_DAMAGED]) {
        names->source = intake->line_count > 0 ? SYMBOLS_LINES : SYMBOLS_BROKEN;
        explain(names, "the debug information in %s is partly broken", names->info.dwarf->path);
    }
    if (intake->notes[NOTE_SUPPLEMENT_MISSING])
        explain(names, "the file named by .gnu_debugaltlink in %s is missing: some names are",
                names->info.dwarf->path);
    if (intake->notes[NOTE_SPLIT_MISSING])
        explain(names, "some .dwo files of %s are missing: inlined calls are not shown",
                names->info.dwarf->path);
}

static void take_job(struct module_names *names, struct sandbox_job *job)
{
    struct intake intake = {.names = names};

    take_answers(&intake, (struct bytes){job->output, job->output_bytes});
    if (names->info.dwarf)
        judge_dwarf(names, &intake, job);
    free(intake.strings);
    free(job->output);
}

static struct found_frame *outermost(const struct found_frames *answer)
{
    return answer->frame_count ? &answer->frames[answer->frame_count - 1] : NULL;
}

static bool wants_symbol(const struct found_frames *answer)
{
    const struct found_frame *frame = outermost(answer);

    return !frame || frame->function == 0 || frame->is_plain;
}

/* "b" of "a<x::y>::b<z>": what the mangled name must contain. */
static size_t find_base(const char *name, const char **ret_base)
{
    int depth = 0;

    *ret_base = name;
    for (; *name; name++) {
        depth += (*name == '<' || *name == '(') - (*name == '>' || *name == ')');
        if (depth == 0 && name[0] == ':' && name[1] == ':')
            *ret_base = name + 2;
    }
    return strcspn(*ret_base, "<");
}

/* Whether a mangled symbol is that of the function whose plain name is known: other functions may
 * have been folded into the same code. */
static bool is_mangled_form(const char *symbol, const char *plain)
{
    const char *base;
    size_t length = find_base(plain, &base);

    return is_mangled(symbol) && (strncmp(base, "operator", 8) == 0 ||
                                  memmem(symbol, strlen(symbol), base, length) != NULL);
}

static void name_function(struct module_names *names, struct found_frames *answer,
                          const char *symbol)
{
    struct found_frame *frame = outermost(answer);

    if (frame && frame->is_plain) {
        const char *plain = string_pool_text(names->strings, frame->function);

        if (plain && !is_mangled_form(symbol, plain))
            return;
    }
    if (!frame) {
        frame = calloc(1, sizeof(*frame));
        if (!frame)
            return;
        answer->frames = frame;
        answer->frame_count = 1;
    }
    frame->function = string_pool_add(names->strings, symbol, strlen(symbol));
    frame->is_plain = false;
}

/* Fills in from one file's symbol table what wants a symbol. */
static void name_from_table(struct module_names *names, const struct elf_file *file)
{
    struct symbol_table table;

    if (!file->path || !symbol_table_read(&table, file))
        return;
    for (size_t i = 0; i < names->address_count; i++) {
        const char *symbol = NULL;

        if (wants_symbol(&names->answers[i]))
            symbol = symbol_table_find(&table, names->addresses[i]);
        if (symbol)
            name_function(names, &names->answers[i], symbol);
    }
    symbol_table_finish(&table);
}

/* The debug file's table is the longer one, the module's may be all there is. */
static void name_from_tables(struct module_names *names)
{
    const struct elf_file *files[] = {&names->info.debug, &names->info.module};

    for (size_t file = 0; file < 2; file++) {
        bool is_needed = false;

        for (size_t i = 0; i < names->address_count && !is_needed; i++)
            is_needed = wants_symbol(&names->answers[i]);
        if (is_needed)
            name_from_table(names, files[file]);
    }
}

static void judge_tables(struct module_names *names)
{
    const char *path = names->info.module.path ? names->info.module.path : names->info.debug.path;
    bool has_name = false;

    if (names->source != SYMBOLS_UNREAD || !path)
        return;
    for (size_t i = 0; i < names->address_count && !has_name; i++)
        has_name = names->answers[i].frame_count > 0;
    names->source = has_name ? SYMBOLS_NAMES : SYMBOLS_NONE;
    if (!names->info.dwarf)
        explain(names, "%s has no debug information (-g, or its -dbgsym package)", path);
    else
        explain(names, "%s has no lines for the code in question", names->info.dwarf->path);
}

static bool is_nameless(const struct found_frames *answer)
{
    return answer->frame_count == 0;
}

static void say_where(struct found_frames *answer, uint64_t start)
{
    answer->frames = start ? calloc(1, sizeof(*answer->frames)) : NULL;
    if (!answer->frames)
        return;
    answer->frame_count = 1;
    answer->frames->function_offset = start;
}

/* What has no name is still a function. */
static void find_extents(struct module_names *names)
{
    struct function_extents extents;
    bool is_needed = false;

    for (size_t i = 0; i < names->address_count && !is_needed; i++)
        is_needed = is_nameless(&names->answers[i]);
    if (!is_needed || !names->info.module.path ||
        !function_extents_read(&extents, &names->info.module))
        return;
    for (size_t i = 0; i < names->address_count; i++)
        if (is_nameless(&names->answers[i]))
            say_where(&names->answers[i], function_extents_find(&extents, names->addresses[i]));
    function_extents_finish(&extents);
}

void module_names_find(struct module_names *modules, size_t count)
{
    struct sandbox_job *jobs = calloc(count, sizeof(*jobs));
    size_t job_count = 0;

    for (size_t i = 0; jobs && i < count; i++)
        job_count += plan_job(&modules[i], &jobs[job_count]);
    if (job_count > 0)
        sandbox_run(jobs, job_count);
    for (size_t i = 0; i < job_count; i++)
        take_job(jobs[i].argument, &jobs[i]);
    for (size_t i = 0; i < count; i++) {
        if (!modules[i].answers)
            continue;
        name_from_tables(&modules[i]);
        judge_tables(&modules[i]);
        find_extents(&modules[i]);
    }
    free(jobs);
}
