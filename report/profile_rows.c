/* SPDX-License-Identifier: BSD-2-Clause */
/* profile_rows.c -- A profile as the rows of a table: named, chosen and sorted as pstats does. */
#include "profile_rows.h"

#include "text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* --- sort keys --- */

struct key_word {
    const char *word;
    enum profile_key key;
};

/* Calls are not known of samples: what pstats sorts by calls is sorted by samples here. */
static const struct key_word key_words[] = {
    {"calls", PROFILE_BY_SAMPLES},
    {"ncalls", PROFILE_BY_SAMPLES},
    {"pcalls", PROFILE_BY_SAMPLES},
    {"samples", PROFILE_BY_SAMPLES},
    {"cumulative", PROFILE_BY_CUMULATIVE},
    {"cumtime", PROFILE_BY_CUMULATIVE},
    {"filename", PROFILE_BY_FILE},
    {"module", PROFILE_BY_FILE},
    {"line", PROFILE_BY_LINE},
    {"name", PROFILE_BY_NAME},
    {"nfl", PROFILE_BY_NFL},
    {"stdname", PROFILE_BY_STDNAME},
    {"time", PROFILE_BY_TIME},
    {"tottime", PROFILE_BY_TIME},
    {"off-cpu", PROFILE_BY_OFF_CPU},
    {"-1", PROFILE_BY_STDNAME},
    {"0", PROFILE_BY_SAMPLES},
    {"1", PROFILE_BY_TIME},
    {"2", PROFILE_BY_CUMULATIVE},
};

const char *profile_key_title(enum profile_key key)
{
    static const char *const titles[PROFILE_KEY_COUNT] = {
        [PROFILE_BY_SAMPLES] = "sample count",
        [PROFILE_BY_CUMULATIVE] = "cumulative time",
        [PROFILE_BY_FILE] = "file name",
        [PROFILE_BY_LINE] = "line number",
        [PROFILE_BY_NAME] = "function name",
        [PROFILE_BY_NFL] = "name/file/line",
        [PROFILE_BY_STDNAME] = "standard name",
        [PROFILE_BY_TIME] = "internal time",
        [PROFILE_BY_OFF_CPU] = "internal time off the CPU",
    };
    return titles[key];
}

/* Beginnings will do if all that begin so mean the same. */
static bool find_key(const char *word, size_t length, enum profile_key *ret_key)
{
    bool is_found = false;
    for (size_t i = 0; i < sizeof key_words / sizeof *key_words; i++) {
        if (strncmp(key_words[i].word, word, length) != 0)
            continue;
        bool is_whole = strlen(key_words[i].word) == length;
        if (is_found && *ret_key != key_words[i].key && !is_whole)
            return false;
        *ret_key = key_words[i].key;
        is_found = true;
        if (is_whole)
            return true;
    }
    return is_found;
}

bool profile_order_add(struct profile_order *order, const char *word)
{
    for (;;) {
        size_t length = strcspn(word, ",");
        if (!length || order->count == PROFILE_KEYS_MAX ||
            !find_key(word, length, &order->keys[order->count]))
            return false;
        order->count++;
        if (!word[length])
            return true;
        word += length + 1;
    }
}

/* --- restrictions --- */

static bool is_fraction(const char *text, double *ret_fraction)
{
    char *end;
    if (!strchr(text, '.') || text[strspn(text, "0123456789.")])
        return false;
    *ret_fraction = strtod(text, &end);
    return !*end && end != text && *ret_fraction < 1;
}

bool profile_restrictions_add(struct profile_restrictions *restrictions, const char *text,
                              struct error *error)
{
    char reason[128];
    if (restrictions->count == PROFILE_RESTRICTIONS_MAX)
        return error_set(error, "more than %d restrictions", PROFILE_RESTRICTIONS_MAX);
    struct profile_restriction *added = &restrictions->items[restrictions->count];
    *added = (struct profile_restriction){.text = text};
    if (text_to_number(text, UINT32_MAX, &added->count)) {
        added->kind = RESTRICT_TO_COUNT;
    } else if (is_fraction(text, &added->fraction)) {
        added->kind = RESTRICT_TO_FRACTION;
    } else {
        int status = regcomp(&added->regex, text, REG_EXTENDED | REG_NOSUB);
        if (status != 0) {
            regerror(status, &added->regex, reason, sizeof reason);
            return error_set(error, "not a regular expression: %s", reason);
        }
        added->kind = RESTRICT_TO_MATCHES;
    }
    restrictions->count++;
    return true;
}

void profile_restrictions_finish(struct profile_restrictions *restrictions)
{
    for (size_t i = 0; i < restrictions->count; i++)
        if (restrictions->items[i].kind == RESTRICT_TO_MATCHES)
            regfree(&restrictions->items[i].regex);
    restrictions->count = 0;
}

static void keep_matches(struct profile_rows *rows, const regex_t *regex)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < rows->kept; i++) {
        if (regexec(regex, rows->items[i].name, 0, NULL, 0) != 0)
            continue;
        struct profile_row row = rows->items[kept];
        rows->items[kept++] = rows->items[i];
        rows->items[i] = row; /* out of the order, but still there to be freed */
    }
    rows->kept = kept;
}

static void restrict_rows(struct profile_rows *rows, const struct profile_restriction *restriction)
{
    switch (restriction->kind) {
    case RESTRICT_TO_COUNT:
        if (restriction->count < rows->kept)
            rows->kept = (uint32_t)restriction->count;
        break;
    case RESTRICT_TO_FRACTION:
        rows->kept = (uint32_t)((double)rows->kept * restriction->fraction + .5);
        break;
    case RESTRICT_TO_MATCHES:
        keep_matches(rows, &restriction->regex);
        break;
    }
}

/* --- names --- */

/* What has no source is in braces, as pstats has what is built in. */
static char *name_function(const struct frame *frame, uint32_t line, enum label_style style)
{
    char *function = style == LABEL_SHORT ? label_short_function(frame) : label_function(frame);
    const char *file =
        frame->file && style == LABEL_SHORT ? text_short_path(frame->file) : frame->file;
    char *name = NULL;
    int length = -1;
    if (function && frame->is_special)
        length = asprintf(&name, "%s", function);
    else if (function && frame->file)
        length = asprintf(&name, "%s:%" PRIu32 "(%s)", file, line, function);
    else if (function && frame->function)
        length = asprintf(&name, "{%s in %s}", function, text_basename(frame->module));
    else if (function)
        length = asprintf(&name, "{%s}", function);
    free(function);
    return length < 0 ? NULL : name;
}

static char *name_address(const struct frame *frame, enum label_style style)
{
    char *line = label_line(frame, style);
    char *name = NULL;
    int length = line ? asprintf(&name, "{%s}", line) : -1;
    free(line);
    return length < 0 ? NULL : name;
}

char *profile_frame_name(const struct frame *frame, enum group_by group_by, enum label_style style)
{
    if (group_by == GROUP_BY_FUNCTION)
        return name_function(frame, frame->function_line, style);
    if (group_by == GROUP_BY_LINE || group_by == GROUP_BY_TRACEBACK)
        return frame->function || frame->file ? name_function(frame, frame->line, style)
                                              : name_address(frame, style);
    return label_frame_group(frame, group_by, style);
}

static bool name_row(struct profile_row *row, const struct profile *profile, enum label_style style)
{
    const struct stacks *stacks = profile->tree->stacks;
    if (profile->group_by == GROUP_BY_THREAD) {
        row->name = label_thread(stacks->trace, row->item->thread);
        row->file = row->function = "";
        return row->name;
    }
    const struct frame *frame = &stacks->frames[row->item->frame];
    row->name = profile_frame_name(frame, profile->group_by, style);
    row->file = frame->file ? frame->file : frame->module;
    row->function = frame->function ? frame->function : "";
    row->line = profile->group_by == GROUP_BY_FUNCTION ? frame->function_line : frame->line;
    return row->name;
}

/* --- order --- */

static int compare_numbers(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static int compare_by(enum profile_key key, const struct profile_row *a,
                      const struct profile_row *b)
{
    int result;
    switch (key) {
    case PROFILE_BY_SAMPLES:
        return compare_numbers((int64_t)b->item->total.samples, (int64_t)a->item->total.samples);
    case PROFILE_BY_CUMULATIVE:
        return compare_numbers(b->item->total.time_ns, a->item->total.time_ns);
    case PROFILE_BY_TIME:
        return compare_numbers(b->item->self.time_ns, a->item->self.time_ns);
    case PROFILE_BY_OFF_CPU:
        return compare_numbers(b->item->self.off_ns, a->item->self.off_ns);
    case PROFILE_BY_FILE:
        return strcmp(a->file, b->file);
    case PROFILE_BY_LINE:
        return compare_numbers(a->line, b->line);
    case PROFILE_BY_NAME:
        return strcmp(a->function, b->function);
    case PROFILE_BY_NFL:
        result = strcmp(a->function, b->function);
        result = result ? result : strcmp(a->file, b->file);
        return result ? result : compare_numbers(a->line, b->line);
    default:
        return strcmp(a->name, b->name);
    }
}

/* What is equal is told apart by name, so that the same trace always gives the same table. */
static int compare_rows(const void *a, const void *b, void *context)
{
    const struct profile_order *order = context;
    for (size_t i = 0; i < order->count; i++) {
        int result = compare_by(order->keys[i], a, b);
        if (result)
            return result;
    }
    int result = compare_by(PROFILE_BY_CUMULATIVE, a, b);
    return result ? result : compare_by(PROFILE_BY_STDNAME, a, b);
}

bool profile_rows_init(struct profile_rows *rows, const struct profile *profile,
                       const struct profile_order *order,
                       const struct profile_restrictions *restrictions, enum label_style style,
                       struct error *error)
{
    struct profile_order keys = *order;
    bool is_ok = true;
    *rows = (struct profile_rows){.profile = profile};
    rows->items = calloc((size_t)profile->count + 1, sizeof *rows->items);
    for (uint32_t i = 0; is_ok && rows->items && i < profile->count; i++) {
        rows->items[i].item = &profile->items[i];
        is_ok = name_row(&rows->items[i], profile, style);
        rows->count += is_ok;
    }
    if (!rows->items || !is_ok) {
        profile_rows_finish(rows);
        return error_out_of_memory(error);
    }
    qsort_r(rows->items, rows->count, sizeof *rows->items, compare_rows, &keys);
    rows->kept = rows->count;
    for (size_t i = 0; i < restrictions->count; i++) {
        rows->reductions[i].from = rows->kept;
        restrict_rows(rows, &restrictions->items[i]);
        rows->reductions[i].to = rows->kept;
    }
    return true;
}

void profile_rows_finish(struct profile_rows *rows)
{
    for (uint32_t i = 0; rows->items && i < rows->count; i++)
        free(rows->items[i].name);
    free(rows->items);
    *rows = (struct profile_rows){0};
}
