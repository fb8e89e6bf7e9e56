/* SPDX-License-Identifier: BSD-2-Clause */
/* annotate.c -- Source code with figures beside each line, one table per function. */
#include "annotate.h"

#include "numbering.h"
#include "text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* "demo.c" and "src/demo.c" both name /home/me/src/demo.c. */
static bool names_file(const char *subject, const char *file)
{
    size_t subject_length = strlen(subject);
    size_t file_length = strlen(file);
    if (text_starts_with(subject, "./")) {
        subject += 2;
        subject_length -= 2;
    }
    if (!subject_length || subject_length > file_length ||
        strcmp(file + file_length - subject_length, subject) != 0)
        return false;
    return subject_length == file_length || file[file_length - subject_length - 1] == '/';
}

static bool names_function(const char *subject, const char *function)
{
    char name[512];
    const char *shortened = text_short_function(function, name, sizeof name);
    const char *last = strrchr(shortened, ':');
    return strcmp(subject, function) == 0 || strcmp(subject, shortened) == 0 ||
           (last && strcmp(subject, last + 1) == 0);
}

bool annotation_covers(const char *subject, const struct frame *frame)
{
    return frame->file && (!subject || names_file(subject, frame->file) ||
                           (frame->function && names_function(subject, frame->function)));
}

/* --- gathering --- */

/* Per frame of the pool the line it belongs to, or NO_FRAME. */
static uint32_t *number_lines(struct annotation *annotation, const struct stacks *stacks,
                              const char *subject)
{
    size_t room = (size_t)stacks->frame_count + 1;
    struct numbering numbering = {0};
    uint32_t *numbers = malloc(room * sizeof *numbers);
    annotation->lines = calloc(room, sizeof *annotation->lines);
    bool is_ok = numbers && annotation->lines;
    for (uint32_t i = 0; is_ok && i < stacks->frame_count; i++) {
        const struct frame *frame = &stacks->frames[i];
        const char *function = frame->function ? frame->function : "";
        numbers[i] = NO_FRAME;
        if (!annotation_covers(subject, frame))
            continue;
        numbers[i] =
            numbering_of(&numbering, (uintptr_t)frame->file, (uintptr_t)function, frame->line);
        is_ok = numbers[i] != NUMBER_NONE;
        if (is_ok)
            annotation->lines[numbers[i]] = (struct annotated_line){
                .file = frame->file, .function = function, .line = frame->line};
    }
    annotation->count = numbering.count;
    numbering_finish(&numbering);
    if (!is_ok) {
        free(numbers);
        return NULL;
    }
    return numbers;
}

/* Each line of a stack once: with recursion no line gets more than everything. */
static void add_cumulative(struct annotation *annotation, const struct stacks *stacks,
                           const uint32_t *numbers, uint32_t *stamps, uint32_t owner,
                           const struct figures *figures)
{
    struct stack_walk walk = stack_walk_own(stacks, stacks->trace->owners[owner].node);
    uint32_t frame;
    while ((frame = stack_walk_next(&walk)) != NO_FRAME) {
        uint32_t number = numbers[frame];
        if (number == NO_FRAME || stamps[number] == owner)
            continue;
        stamps[number] = owner;
        figures_add(&annotation->lines[number].figures, figures);
    }
}

static bool add_sites(struct annotation *annotation, const struct stacks *stacks,
                      const uint32_t *numbers, bool is_cumulative, const struct filters *filters)
{
    const struct trace *trace = stacks->trace;
    uint32_t *stamps = calloc((size_t)annotation->count + 1, sizeof *stamps);
    for (uint32_t i = 1; stamps && i < trace->owner_count; i++) {
        uint32_t node = trace_site(trace, i);
        struct figures figures = trace_figures(trace, i);
        if (!node || figures_are_zero(&figures) || !filters_keep(filters, stacks, node))
            continue;
        uint32_t number = numbers[stack_charge(stacks, node).frame];
        if (is_cumulative)
            add_cumulative(annotation, stacks, numbers, stamps, i, &figures);
        else if (number != NO_FRAME)
            figures_add(&annotation->lines[number].figures, &figures);
    }
    free(stamps);
    return stamps != NULL;
}

static int compare_lines(const void *a, const void *b)
{
    const struct annotated_line *left = a;
    const struct annotated_line *right = b;
    int result = strcmp(left->file, right->file);
    if (!result)
        result = (left->function_line > right->function_line) -
                 (left->function_line < right->function_line);
    if (!result)
        result = strcmp(left->function, right->function);
    return result ? result : (left->line > right->line) - (left->line < right->line);
}

static uint32_t section_length(const struct annotation *annotation, uint32_t at)
{
    const struct annotated_line *first = &annotation->lines[at];
    uint32_t count = 1;
    while (at + count < annotation->count && annotation->lines[at + count].file == first->file &&
           strcmp(annotation->lines[at + count].function, first->function) == 0)
        count++;
    return count;
}

/* Orders functions as they come in the file. */
static void sort_lines(struct annotation *annotation)
{
    if (!annotation->count)
        return;
    qsort(annotation->lines, annotation->count, sizeof *annotation->lines, compare_lines);
    for (uint32_t at = 0; at < annotation->count;) {
        uint32_t end = at + section_length(annotation, at);
        for (uint32_t first = annotation->lines[at].line; at < end; at++)
            annotation->lines[at].function_line = first;
    }
    qsort(annotation->lines, annotation->count, sizeof *annotation->lines, compare_lines);
}

static void drop_untouched(struct annotation *annotation)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < annotation->count; i++)
        if (!figures_are_zero(&annotation->lines[i].figures))
            annotation->lines[kept++] = annotation->lines[i];
    annotation->count = kept;
}

bool annotation_init(struct annotation *annotation, const struct stacks *stacks,
                     const char *subject, bool is_cumulative, const struct filters *filters,
                     struct error *error)
{
    *annotation = (struct annotation){.knows_totals = trace_knows_totals(stacks->trace),
                                      .knows_peak = trace_knows_all(stacks->trace)};
    uint32_t *numbers = number_lines(annotation, stacks, subject);
    bool is_ok = numbers && add_sites(annotation, stacks, numbers, is_cumulative, filters);
    free(numbers);
    if (!is_ok) {
        annotation_finish(annotation);
        return error_out_of_memory(error);
    }
    drop_untouched(annotation);
    sort_lines(annotation);
    return true;
}

void annotation_finish(struct annotation *annotation)
{
    free(annotation->lines);
    *annotation = (struct annotation){0};
}

/* --- writing --- */

static const char heading[] = "Line #      Hits   Allocated     At peak        Live  Line Contents";
enum {
    CONTENTS_COLUMN = 54 /* where "Line Contents" begins */
};

/* One function's table. */
struct section {
    const struct annotation *annotation;
    const struct annotated_line *lines;
    uint32_t count;
    uint32_t first;
    uint32_t last;
};

static void write_size(FILE *out, int64_t size_bytes, bool is_known)
{
    fprintf(out, " %11s", is_known ? text_size((double)size_bytes).text : "-");
}

static void write_figures(FILE *out, const struct annotation *annotation,
                          const struct figures *figures)
{
    if (annotation->knows_totals)
        fprintf(out, " %9" PRIu64, figures->alloc_count);
    else
        fprintf(out, " %9s", "-");
    write_size(out, (int64_t)figures->alloc_bytes, annotation->knows_totals);
    write_size(out, figures->peak_bytes, annotation->knows_peak);
    write_size(out, figures->live_bytes, true);
}

static void write_line(FILE *out, const struct annotation *annotation, uint32_t number,
                       const struct figures *figures, const char *text, const struct style *style)
{
    size_t columns = SIZE_MAX;
    if (style->columns != SIZE_MAX)
        columns = style->columns > CONTENTS_COLUMN + 8 ? style->columns - CONTENTS_COLUMN : 8;
    fprintf(out, "%6" PRIu32, number);
    if (figures)
        write_figures(out, annotation, figures);
    if (text && *text) {
        fprintf(out, "%*s", figures ? 2 : CONTENTS_COLUMN - 6, "");
        source_write(out, text, columns);
    }
    fputc('\n', out);
}

static void write_gap(FILE *out)
{
    fputs("   ...\n", out);
}

static void write_lines(FILE *out, const struct section *section, const struct source_file *source,
                        const struct style *style)
{
    uint32_t next = 0;
    for (uint32_t line = section->first;; line++) {
        const struct figures *figures = NULL;
        if (next < section->count && section->lines[next].line == line)
            figures = &section->lines[next++].figures;
        const char *text = line <= source->line_count ? source->lines[line - 1] : NULL;
        if (!text && !figures) { /* nothing to show up to the next line with figures */
            write_gap(out);
            line = next < section->count ? section->lines[next].line - 1 : section->last;
        } else {
            write_line(out, section->annotation, line, figures, text, style);
        }
        if (line >= section->last)
            break;
    }
}

/* From the function's heading to its closing brace, or what is known to belong to it. */
static void find_bounds(struct section *section, const struct source_file *source)
{
    section->first = section->lines[0].line;
    section->last = section->lines[section->count - 1].line;
    source_span(source, section->lines[0].function, &section->first, &section->last);
}

static void write_title(FILE *out, const struct section *section, const struct source_file *source,
                        const struct style *style, uint64_t changed_since_ns)
{
    char name[512];
    const struct annotated_line *line = &section->lines[0];
    fputs("File: ", out);
    text_write(out, text_short_path(line->file));
    if (*line->function) {
        fputs("   Function: ", out);
        text_write(out, text_short_function(line->function, name, sizeof name));
        fprintf(out, " at line %" PRIu32, section->first);
    }
    fputc('\n', out);
    if (!source->text)
        fprintf(out, "%s(the source is not at hand)%s\n", style->warning, style->plain);
    else if (source->mtime_ns > changed_since_ns)
        fprintf(out, "%s(the source changed after the program ran: lines may have moved)%s\n",
                style->warning, style->plain);
    fprintf(out, "\n%s\n", heading);
    for (size_t i = 0; i < sizeof heading - 1; i++)
        fputc('=', out);
    fputc('\n', out);
}

void annotation_write(FILE *out, const struct annotation *annotation, struct sources *sources,
                      const struct style *style, uint64_t changed_since_ns)
{
    for (uint32_t at = 0; at < annotation->count;) {
        struct section section = {.annotation = annotation,
                                  .lines = &annotation->lines[at],
                                  .count = section_length(annotation, at)};
        const struct source_file *source = sources_file(sources, section.lines[0].file);
        if (!source)
            return;
        find_bounds(&section, source);
        write_title(out, &section, source, style, changed_since_ns);
        write_lines(out, &section, source, style);
        at += section.count;
        if (at < annotation->count)
            fputc('\n', out);
    }
}
