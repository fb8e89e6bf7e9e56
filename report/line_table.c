/* SPDX-License-Identifier: BSD-2-Clause */
/* line_table.c -- Source code with the time of each line beside it, in the looks of kernprof. */
#include "line_table.h"

#include "numbering.h"
#include "text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* --- what there is --- */

static const struct frame *frame_of(const struct line_table *table, const struct profile_item *item)
{
    return &table->functions.tree->stacks->frames[item->frame];
}

static uint32_t number_of(struct numbering *numbering, const struct frame *frame)
{
    return numbering_of(numbering, (uintptr_t)frame->file, (uintptr_t)frame->function, 0);
}

static bool take_functions(struct line_table *table, struct numbering *numbering,
                           const char *subject)
{
    table->items = calloc((size_t)table->functions.count + 1, sizeof *table->items);
    for (uint32_t i = 0; table->items && i < table->functions.count; i++) {
        const struct profile_item *item = &table->functions.items[i];
        const struct frame *frame = frame_of(table, item);
        if (frame->is_special || !annotation_covers(subject, frame))
            continue;
        if (number_of(numbering, frame) != table->count)
            return false;
        table->items[table->count++] = (struct line_function){.item = item, .frame = frame};
    }
    return table->items;
}

static int compare_times(const void *a, const void *b)
{
    const struct line_time *left = a;
    const struct line_time *right = b;
    if (left->function != right->function)
        return left->function < right->function ? -1 : 1;
    return (left->frame->line > right->frame->line) - (left->frame->line < right->frame->line);
}

/* Each table gets its lines. */
static bool take_lines(struct line_table *table, struct numbering *numbering)
{
    table->times = calloc((size_t)table->lines.count + 1, sizeof *table->times);
    for (uint32_t i = 0; table->times && i < table->lines.count; i++) {
        const struct profile_item *item = &table->lines.items[i];
        const struct frame *frame = frame_of(table, item);
        uint32_t function = frame->file ? number_of(numbering, frame) : table->count;
        if (function < table->count)
            table->times[table->time_count++] = (struct line_time){item, frame, function};
    }
    if (!table->times)
        return false;
    qsort(table->times, table->time_count, sizeof *table->times, compare_times);
    for (uint32_t i = 0; i < table->time_count; i++) {
        struct line_function *item = &table->items[table->times[i].function];
        item->lines = item->line_count++ ? item->lines : &table->times[i];
    }
    return true;
}

static uint32_t first_line(const struct line_function *function)
{
    return function->line_count ? function->lines[0].frame->line : 0;
}

static int compare_in_source(const void *a, const void *b)
{
    const struct line_function *left = a;
    const struct line_function *right = b;
    int result = strcmp(left->frame->file, right->frame->file);
    uint32_t left_line = first_line(left);
    uint32_t right_line = first_line(right);
    return result ? result : (left_line > right_line) - (left_line < right_line);
}

static int compare_by_time(const void *a, const void *b)
{
    const struct line_function *left = a;
    const struct line_function *right = b;
    int64_t left_ns = left->item->self.time_ns;
    int64_t right_ns = right->item->self.time_ns;
    if (left_ns != right_ns)
        return left_ns < right_ns ? 1 : -1;
    return compare_in_source(a, b);
}

/* Whose line an allocation is, is another question than whose a sample is: both are asked of the
 * same stacks. */
static bool take_heap(struct line_table *table, struct trace *trace, const char *subject,
                      struct error *error)
{
    const struct stacks *stacks = table->functions.tree->stacks;
    uint32_t domain = trace->domain;
    trace->domain = DOMAIN_HEAP;
    bool is_ok =
        annotation_init(&table->heap, stacks, subject, false, &(const struct filters){0}, error);
    trace->domain = domain;
    return is_ok;
}

bool line_table_init(struct line_table *table, const struct call_tree *tree, struct trace *trace,
                     const char *subject, struct error *error)
{
    struct numbering numbering = {0};
    *table = (struct line_table){0};
    bool is_ok = profile_init(&table->functions, tree, GROUP_BY_FUNCTION, error) &&
                 profile_init(&table->lines, tree, GROUP_BY_TRACEBACK, error);
    if (is_ok) {
        is_ok = take_functions(table, &numbering, subject) && take_lines(table, &numbering);
        is_ok = is_ok ? take_heap(table, trace, subject, error) : error_out_of_memory(error);
    }
    numbering_finish(&numbering);
    if (!is_ok) {
        line_table_finish(table);
        return false;
    }
    qsort(table->items, table->count, sizeof *table->items,
          subject ? compare_in_source : compare_by_time);
    return true;
}

void line_table_finish(struct line_table *table)
{
    annotation_finish(&table->heap);
    profile_finish(&table->functions);
    profile_finish(&table->lines);
    free(table->items);
    free(table->times);
    *table = (struct line_table){0};
}

/* --- columns --- */

/* One function's table being written. */
struct section {
    FILE *out;
    const struct line_table *table;
    const struct line_style *style;
    const struct line_function *function;
    const struct source_file *source;
    const struct annotated_line *heap; /* of the function, by line */
    uint32_t heap_count;
    uint32_t first;
    uint32_t last;
};

enum {
    TIME_WIDTH = 12,
    HITS_WIDTH = 9,
    NARROW_WIDTH = 8,
    AMOUNT_WIDTH = 11
};

static size_t contents_column(const struct section *section)
{
    size_t columns = 6 + 1 + HITS_WIDTH + 3 * (1 + TIME_WIDTH) + 2 * (1 + NARROW_WIDTH);
    if (section->table->heap.count)
        columns += 1 + HITS_WIDTH + 3 * (1 + AMOUNT_WIDTH);
    return columns;
}

/* As kernprof: less exactly where it would not fit. */
static void write_number(FILE *out, double number, int width)
{
    char text[64];
    snprintf(text, sizeof text, "%5.1f", number);
    if (strlen(text) > (size_t)width)
        snprintf(text, sizeof text, "%5.3g", number);
    fprintf(out, " %*s", width, text);
}

static void write_time(const struct section *section, double time_ns)
{
    write_number(section->out, time_ns / 1e9 / section->style->unit_s, TIME_WIDTH);
}

static void write_hits(FILE *out, uint64_t hits)
{
    char text[64];
    snprintf(text, sizeof text, "%" PRIu64, hits);
    if (strlen(text) > HITS_WIDTH)
        snprintf(text, sizeof text, "%g", (double)hits);
    fprintf(out, " %*s", HITS_WIDTH, text);
}

static void write_times(const struct section *section, const struct profile_item *item)
{
    const struct times *total = &item->total;
    const struct times *function = &section->function->item->total;
    FILE *out = section->out;
    write_hits(out, total->samples);
    write_time(section, (double)total->time_ns);
    write_time(section, times_error_ns(total, &section->table->lines.whole));
    write_number(out,
                 (double)total->time_ns / (double)total->samples / 1e9 / section->style->unit_s,
                 NARROW_WIDTH);
    write_number(out,
                 function->time_ns ? 100 * (double)total->time_ns / (double)function->time_ns : 0,
                 NARROW_WIDTH);
    write_time(section,
               section->style->is_wall ? (double)total->off_ns : (double)item->self.time_ns);
}

static void write_no_times(const struct section *section)
{
    fprintf(section->out, "%*s", 1 + HITS_WIDTH + 3 * (1 + TIME_WIDTH) + 2 * (1 + NARROW_WIDTH),
            "");
}

static void write_heap(const struct section *section, const struct annotated_line *line)
{
    FILE *out = section->out;
    if (!section->table->heap.count)
        return;
    if (!line) {
        fprintf(out, "%*s", 1 + HITS_WIDTH + 3 * (1 + AMOUNT_WIDTH), "");
        return;
    }
    const struct figures *figures = &line->figures;
    write_hits(out, figures->alloc_count);
    fprintf(out, " %*s", AMOUNT_WIDTH, text_size((double)figures->alloc_bytes).text);
    fprintf(out, " %*s", AMOUNT_WIDTH, text_size((double)figures->peak_bytes).text);
    fprintf(out, " %*s", AMOUNT_WIDTH, text_size((double)figures->live_bytes).text);
}

/* --- tables --- */

static void write_heading(const struct section *section)
{
    char heading[256];
    size_t length = (size_t)snprintf(
        heading, sizeof heading, "%6s %*s %*s %*s %*s %*s %*s", "Line #", HITS_WIDTH, "Hits",
        TIME_WIDTH, "Time", TIME_WIDTH + 1, "±", NARROW_WIDTH, "Per Hit", NARROW_WIDTH, "% Time",
        TIME_WIDTH, section->style->is_wall ? "Off CPU" : "Self");
    if (section->table->heap.count)
        length += (size_t)snprintf(heading + length, sizeof heading - length, " %*s %*s %*s %*s",
                                   HITS_WIDTH, "Allocs", AMOUNT_WIDTH, "Allocated", AMOUNT_WIDTH,
                                   "At peak", AMOUNT_WIDTH, "Live");
    snprintf(heading + length, sizeof heading - length, "  %s", "Line Contents");
    fprintf(section->out, "\n%s\n", heading);
    for (size_t i = text_columns(heading); i; i--)
        fputc('=', section->out);
    fputc('\n', section->out);
}

static void write_title(const struct section *section)
{
    char name[512];
    FILE *out = section->out;
    const struct line_function *function = section->function;
    const struct times *total = &function->item->total;
    const struct style *style = &section->style->style;
    fprintf(out, "Total time: %g s ±%.2g", (double)total->time_ns / 1e9,
            times_error_ns(total, &section->table->lines.whole) / 1e9);
    fprintf(out, ", self %g s\nFile: ", (double)function->item->self.time_ns / 1e9);
    text_write(out, text_short_path(function->frame->file));
    fputs("\nFunction: ", out);
    text_write(out, function->frame->function
                        ? text_short_function(function->frame->function, name, sizeof name)
                        : "?");
    fprintf(out, " at line %" PRIu32 "\n", section->first);
    if (!section->source->text)
        fprintf(out, "%s(the source is not at hand)%s\n", style->warning, style->plain);
    else if (section->source->mtime_ns > section->style->changed_since_ns)
        fprintf(out, "%s(the source changed after the program ran: lines may have moved)%s\n",
                style->warning, style->plain);
}

static void write_line(const struct section *section, uint32_t number, const struct line_time *time,
                       const struct annotated_line *heap, const char *text)
{
    FILE *out = section->out;
    size_t columns = section->style->style.columns;
    size_t before = contents_column(section) + 2;
    fprintf(out, "%6" PRIu32, number);
    if (!time && !heap && !(text && *text)) {
        fputc('\n', out);
        return;
    }
    if (time)
        write_times(section, time->item);
    else
        write_no_times(section);
    write_heap(section, heap);
    fputs("  ", out);
    if (columns != SIZE_MAX)
        columns = columns > before + 24 ? columns - before : 24;
    source_write(out, text ? text : "", columns);
    fputc('\n', out);
}

static void write_gap(const struct section *section)
{
    if (!section->style->skips_zero)
        fputs("   ...\n", section->out);
}

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* The next line from here on that has figures, or the last. */
static uint32_t next_with_figures(const struct section *section, uint32_t time, uint32_t heap)
{
    const struct line_function *function = section->function;
    uint32_t line = section->last;
    if (time < function->line_count)
        line = smaller(line, function->lines[time].frame->line);
    if (heap < section->heap_count)
        line = smaller(line, section->heap[heap].line);
    return line;
}

static void write_lines(const struct section *section)
{
    const struct line_function *function = section->function;
    uint32_t next_time = 0;
    uint32_t next_heap = 0;
    for (uint32_t line = section->first;; line++) {
        const struct line_time *time = NULL;
        const struct annotated_line *heap = NULL;
        const char *text = NULL;
        if (next_time < function->line_count && function->lines[next_time].frame->line == line)
            time = &function->lines[next_time++];
        if (next_heap < section->heap_count && section->heap[next_heap].line == line)
            heap = &section->heap[next_heap++];
        if (line <= section->source->line_count && line)
            text = section->source->lines[line - 1];
        if (time || heap || (text && !section->style->skips_zero)) {
            write_line(section, line, time, heap, text);
        } else if (line < section->last) { /* on to the next line that has something */
            write_gap(section);
            line = next_with_figures(section, next_time, next_heap) - 1;
        }
        if (line >= section->last)
            break;
    }
}

/* Lines of the heap are sorted by file and function. */
static void find_heap(struct section *section)
{
    const struct annotation *heap = &section->table->heap;
    const struct frame *frame = section->function->frame;
    const char *function = frame->function ? frame->function : "";
    for (uint32_t i = 0; i < heap->count; i++) {
        const struct annotated_line *line = &heap->lines[i];
        if (line->file != frame->file || strcmp(line->function, function) != 0)
            continue;
        section->heap = section->heap_count++ ? section->heap : line;
    }
}

/* From the function's heading to its closing brace, or what is known to belong to it. */
static void find_bounds(struct section *section)
{
    const struct line_function *function = section->function;
    const char *name = function->frame->function ? function->frame->function : "";
    section->first = section->last = function->lines[0].frame->line;
    section->last = function->lines[function->line_count - 1].frame->line;
    if (section->heap_count) {
        section->first = smaller(section->first, section->heap[0].line);
        uint32_t last = section->heap[section->heap_count - 1].line;
        section->last = last > section->last ? last : section->last;
    }
    source_span(section->source, name, &section->first, &section->last);
}

static bool write_section(const struct line_table *table, const struct line_function *function,
                          FILE *out, struct sources *sources, const struct line_style *style)
{
    struct section section = {.out = out, .table = table, .style = style, .function = function};
    section.source = sources_file(sources, function->frame->file);
    if (!section.source)
        return false;
    find_heap(&section);
    find_bounds(&section);
    write_title(&section);
    write_heading(&section);
    write_lines(&section);
    return true;
}

/* NULL: it is not to be shown. */
static const struct source_file *source_of(const struct line_function *function,
                                           struct sources *sources)
{
    return function->line_count ? sources_file(sources, function->frame->file) : NULL;
}

static bool any_source_is_at_hand(const struct line_table *table, struct sources *sources)
{
    for (uint32_t i = 0; i < table->count; i++) {
        const struct source_file *source = source_of(&table->items[i], sources);
        if (source && source->text)
            return true;
    }
    return false;
}

static void write_left_out(FILE *out, uint32_t count, int64_t self_ns, const struct style *style)
{
    if (count)
        fprintf(out, "\n%s%" PRIu32 " %s whose source is not at hand: %.3g s of %s own%s\n",
                style->dim, count, count == 1 ? "function" : "functions", (double)self_ns / 1e9,
                count == 1 ? "its" : "their", style->plain);
}

void line_table_write(FILE *out, const struct line_table *table, struct sources *sources,
                      const struct line_style *style)
{
    bool needs_source = style->needs_source && any_source_is_at_hand(table, sources);
    uint32_t written = 0, left_out = 0;
    int64_t left_out_ns = 0;
    fprintf(out, "Timer unit: %g s\n", style->unit_s);
    for (uint32_t i = 0; i < table->count && (!style->limit || written < style->limit); i++) {
        const struct line_function *function = &table->items[i];
        const struct source_file *source = source_of(function, sources);
        if (!source)
            continue;
        if (needs_source && !source->text) {
            left_out++;
            left_out_ns += function->item->self.time_ns;
            continue;
        }
        fputc('\n', out);
        if (!write_section(table, function, out, sources, style))
            return;
        written++;
    }
    write_left_out(out, left_out, left_out_ns, &style->style);
}
