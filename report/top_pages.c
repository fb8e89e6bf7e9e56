/* SPDX-License-Identifier: BSD-2-Clause */
/* top_pages.c -- The pages of memtrace top beside its table: call stacks, help, output. */
#include "top_pages.h"

#include "label.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    STACKS_MAX = 32,
    FRAMES_MAX = 256,
    WIDE_COLUMNS = 100, /* from here on the source finds room beside the frames */
    OUTPUT_BYTES = 1 << 16
};

/* --- words --- */

char *top_label(const struct top_model *model, const struct top_row *row)
{
    const struct statistics statistics = {.stacks = model->stacks, .group_by = model->group_by};
    if (model->group_by != GROUP_BY_THREAD && row->item.frame == NO_FRAME)
        return strdup("(names are being looked up)");
    return label_group(&statistics, &row->item, LABEL_SHORT);
}

static char *via_text(const struct top_model *model, const struct top_row *row)
{
    char *text = NULL;
    char *via = label_via(&model->stacks->frames[row->item.via]);
    if (asprintf(&text, "(via %s%s)", via ? via : "?", row->item.is_via_mixed ? ", ..." : "") < 0)
        text = NULL;
    free(via);
    return text;
}

char *top_context(const struct top_model *model, const struct top_row *row)
{
    bool is_stack = model->group_by == GROUP_BY_LINE || model->group_by == GROUP_BY_TRACEBACK;
    bool is_function = is_stack || model->group_by == GROUP_BY_FUNCTION;
    if (row->item.frame == NO_FRAME || !is_function)
        return NULL;
    const struct frame *frame = &model->stacks->frames[row->item.frame];
    bool has_function = is_stack && frame->function && !frame->is_special;
    char *function = has_function ? label_short_function(frame) : NULL;
    char *via = row->item.via != NO_FRAME ? via_text(model, row) : NULL;
    char *text = NULL;
    if (!function || !via)
        return function ? function : via;
    if (asprintf(&text, "%s %s", function, via) < 0)
        text = NULL;
    free(function);
    free(via);
    return text;
}

struct number_text top_signed_size(double size_bytes)
{
    struct number_text text = text_size(size_bytes);
    if (size_bytes > -0.5 && size_bytes < 0.5)
        return (struct number_text){"0"};
    if (size_bytes > 0) {
        memmove(text.text + 1, text.text, sizeof text.text - 1);
        text.text[0] = '+';
        text.text[sizeof text.text - 1] = 0;
    }
    return text;
}

struct number_text top_rate(double per_second)
{
    struct number_text text = {"0"};
    if (per_second >= 10)
        return text_count((uint64_t)(per_second + 0.5));
    if (per_second > 0)
        snprintf(text.text, sizeof text.text, per_second < 0.1 ? "%.2f" : "%.1f", per_second);
    return text;
}

/* --- call stacks --- */

/* Of a path that finds no room only the last component. */
static char *label_fitting(const struct frame *frame, unsigned columns)
{
    char *text = label_frame(frame);
    if (!text || text_columns(text) <= columns || !frame->file)
        return text;
    struct frame shorter = *frame;
    shorter.file = text_basename(frame->file);
    free(text);
    return label_frame(&shorter);
}

static void add_frame(struct text_page *page, struct top_view *view, const struct frame *frame,
                      unsigned columns)
{
    bool is_wide = columns >= WIDE_COLUMNS;
    char *text = label_fitting(frame, columns);
    const char *line =
        frame->is_special ? NULL : sources_line(&view->sources, frame->file, frame->line);
    char *source = NULL;
    if (line && asprintf(&source, "%s%s", is_wide ? "" : "      ", line + strspn(line, " \t")) < 0)
        source = NULL;
    text_page_add(page, STYLE_PLAIN, text, is_wide ? source : NULL);
    if (source && !is_wide)
        text_page_add(page, STYLE_DIM, source, NULL);
}

/* Oldest call first, as Python prints a traceback. */
static void add_stack(struct text_page *page, struct top_view *view, const struct stacks *stacks,
                      uint32_t node, unsigned columns)
{
    uint32_t *frames = calloc(STACK_NODES_MAX, sizeof *frames);
    size_t count = frames ? stack_visible(stacks, node, frames, STACK_NODES_MAX) : 0;
    size_t shown = count < FRAMES_MAX ? count : FRAMES_MAX;
    if (shown < count)
        text_page_format(page, STYLE_DIM, "  ... %zu frames outside of these", count - shown);
    for (size_t i = shown; i-- > 0;)
        add_frame(page, view, &stacks->frames[frames[i]], columns);
    free(frames);
}

static void add_amounts(struct text_page *page, const struct top_model *model,
                        const struct top_row *row, uint32_t number, uint32_t count)
{
    const struct figures *figures = &row->item.figures;
    char *via = row->item.via != NO_FRAME ? via_text(model, row) : NULL;
    char rates[128] = "";
    char cpu[64] = "";
    if (row->cpu_ns)
        snprintf(cpu, sizeof cpu, ", CPU time=%.2f s", (double)row->cpu_ns / 1e9);
    if (top_model_has_rates(model))
        snprintf(rates, sizeof rates, ", growth=%s (%s/s), %s allocations/s",
                 top_signed_size((double)row->growth_bytes).text,
                 top_signed_size(row->growth_rate).text, top_rate(row->alloc_rate).text);
    text_page_format(page, STYLE_STRONG,
                     "%" PRIu32 " of %" PRIu32 ": size=%s, count=%" PRId64 "%s%s%s%s", number,
                     count, text_size((double)figures->live_bytes).text, figures->live_count, rates,
                     cpu, via ? "  " : "", via ? via : "");
    free(via);
}

static void compose_stacks(struct text_page *page, struct top_view *view,
                           const struct top_model *model, unsigned columns)
{
    struct top_row rows[STACKS_MAX];
    const struct top_row *selected = top_view_selected(view, model);
    uint32_t count = selected ? top_model_stacks(model, selected->group, rows, STACKS_MAX) : 0;
    for (uint32_t i = 0; i < count && i < STACKS_MAX; i++) {
        add_amounts(page, model, &rows[i], i + 1, count);
        add_stack(page, view, model->stacks, rows[i].item.node, columns);
        text_page_add(page, STYLE_PLAIN, NULL, NULL);
    }
    if (count > STACKS_MAX)
        text_page_format(page, STYLE_DIM, "and %" PRIu32 " more call stacks", count - STACKS_MAX);
    if (!selected)
        text_page_format(page, STYLE_DIM, "The line is gone.");
    else if (!count && model->group_by == GROUP_BY_THREAD)
        text_page_format(page, STYLE_DIM,
                         "Of threads only the sums are known. g goes back to lines.");
    else if (!count)
        text_page_format(page, STYLE_DIM,
                         "The names of these call stacks are still being looked up.");
}

/* --- help --- */

static const char *const help_lines[] = {
    "Keys",
    "  up down j k       another line        PgUp PgDn Home End   further",
    "  Enter             call stacks of the selected line; q or Esc leaves them",
    "  s S               sort by the next, the previous column",
    "  g G               group by the next, the previous kind: line, function, file, ...",
    "  / f               filter: a word of line, function, file or module; !word leaves out;",
    "                    patterns as in memtrace report: file:*.c function:add* module:lib*",
    "  p Space           pause, go on         r    growth counts from now on",
    "  o                 what the program has written, if top runs it",
    "  h ?               this                 q    quit",
    "",
    "Columns",
    "  LIVE, BLOCKS      not freed: bytes, and how many blocks",
    "  GROWTH            bytes by which that grew since top began, or since r",
    "  GROWTH/s          the same per second, over the last interval",
    "  ALLOCS/s BYTES/s  allocations, and their bytes, per second over the last interval",
    "  PEAK              bytes that were live when the program had most",
    "  ALLOCS, TOTAL     all allocations ever made, and their bytes",
    "  CPU, CPU TIME     of a program whose CPU time is sampled: the line's own, in percent of one",
    "                    CPU over the last interval, and so far",
    "  The two curves reach from the lowest to the highest value shown beside them.",
    "",
};

static void compose_help(struct text_page *page, const struct top_status *status)
{
    const struct completeness *completeness = &status->completeness;
    for (size_t i = 0; i < sizeof help_lines / sizeof *help_lines; i++) {
        bool is_title = help_lines[i][0] && help_lines[i][0] != ' ';
        text_page_add(page, is_title ? STYLE_STRONG : STYLE_PLAIN, strdup(help_lines[i]), NULL);
    }
    text_page_format(page, STYLE_STRONG, "This trace");
    text_page_format(page, STYLE_PLAIN, "  %s", status->trace_path);
    if (status->output_path)
        text_page_format(page, STYLE_PLAIN, "  what the program writes: %s", status->output_path);
    if (status->sample_bytes)
        text_page_format(page, STYLE_WARNING,
                         "  sampled, about one allocation in %s: all figures are estimates",
                         text_size((double)status->sample_bytes).text);
    if (!completeness->count)
        text_page_format(page, STYLE_PLAIN, "  complete: every allocation was seen");
    for (size_t i = 0; i < completeness->count; i++)
        text_page_format(page, STYLE_WARNING, "  incomplete: %s", completeness->reasons[i]);
}

/* --- output --- */

char *top_read_end(const char *path)
{
    char *text = malloc(OUTPUT_BYTES + 1);
    int fd = text ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY) : -1;
    if (fd < 0) {
        free(text);
        return NULL;
    }
    off_t end = lseek(fd, 0, SEEK_END);
    ssize_t got = pread(fd, text, OUTPUT_BYTES, end > OUTPUT_BYTES ? end - OUTPUT_BYTES : 0);
    close(fd);
    text[got > 0 ? got : 0] = 0;
    return text;
}

static void compose_output(struct text_page *page, const struct top_status *status)
{
    char *text = status->output_path ? top_read_end(status->output_path) : NULL;
    char *rest = text;
    for (char *line; (line = strsep(&rest, "\n"));)
        if (*line || rest)
            text_page_add(page, STYLE_PLAIN, strdup(line), NULL);
    if (!status->output_path)
        text_page_format(page, STYLE_DIM, "This program was not started by top.");
    else if (!page->count)
        text_page_format(page, STYLE_DIM, "The program has written nothing.");
    free(text);
}

void top_page_compose(struct text_page *page, struct top_view *view, const struct top_model *model,
                      const struct top_status *status, unsigned columns)
{
    if (view->page == TOP_STACKS)
        compose_stacks(page, view, model, columns);
    else if (view->page == TOP_OUTPUT)
        compose_output(page, status);
    else
        compose_help(page, status);
}
