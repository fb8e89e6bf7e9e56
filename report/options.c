/* SPDX-License-Identifier: BSD-2-Clause */
/* options.c -- One table of options per verb: it parses, and it prints its own help. */
#include "options.h"

#include "spelling.h"
#include "text.h"

#include <getopt.h>
#include <string.h>

enum {
    ROWS_MAX = 48,
    LINE_COLUMNS = 79, /* of help */
    HELP_COLUMN = 31
};

/* Both of getopt's descriptions of the table. */
struct description {
    char letters[2 * ROWS_MAX + 3];
    struct option longs[ROWS_MAX + 1];
};

static int kind_of(const struct option_row *row)
{
    if (!row->argument)
        return no_argument;
    return *row->argument == '[' ? optional_argument : required_argument;
}

static void describe(const struct options *options, struct description *description)
{
    char *letter = description->letters;
    if (options->stops_at_operand)
        *letter++ = '+';
    *letter++ = ':'; /* tell a missing value from an unknown option */
    size_t count = options->count < ROWS_MAX ? options->count : ROWS_MAX;
    for (size_t i = 0; i < count; i++) {
        const struct option_row *row = &options->rows[i];
        description->longs[i] = (struct option){row->name, kind_of(row), NULL, row->id};
        if (row->id >= OPTION_LONG)
            continue;
        *letter++ = (char)row->id;
        if (row->argument)
            *letter++ = ':';
    }
    *letter = 0;
    description->longs[count] = (struct option){0};
}

static void write_letter(FILE *out, int letter)
{
    fprintf(out, "-%c", letter > 32 && letter < 127 ? letter : '?');
}

/* The verb is argv[0]. */
static int end_complaint(const struct options *options, char **argv)
{
    fputs(" (see memtrace help ", options->complaints);
    text_write(options->complaints, argv[0]);
    fputs(")\n", options->complaints);
    return OPTIONS_BAD;
}

static int complain_of_missing_value(const struct options *options, char **argv)
{
    fputs("memtrace: a value is missing after ", options->complaints);
    if (optopt && optopt < OPTION_LONG)
        write_letter(options->complaints, optopt);
    else
        text_write(options->complaints, argv[optind - 1]);
    return end_complaint(options, argv);
}

/* --quiet=yes: the option that has got a value and takes none. */
static const struct option_row *find_needless_value(const struct options *options, const char *word)
{
    size_t length = strcspn(word, "=");
    if (strncmp(word, "--", 2) != 0 || !word[length])
        return NULL;
    for (size_t i = 0; i < options->count; i++)
        if (options->rows[i].id == optopt &&
            strncmp(options->rows[i].name, word + 2, length - 2) == 0)
            return &options->rows[i];
    return NULL;
}

/* Several options may be told short in the same way; else what is spelt nearly so is meant. */
static void write_what_is_meant(const struct options *options, const char *name)
{
    size_t length = strcspn(name, "="), found = 0;
    char word[SPELLING_WORD_MAX + 1];
    snprintf(word, sizeof word, "%.*s", (int)length, name);
    struct spelling spelling = spelling_begin(word);
    for (size_t i = 0; i < options->count; i++) {
        const char *other = options->rows[i].name;
        spelling_offer(&spelling, other);
        if (strncmp(name, other, length) == 0)
            fprintf(options->complaints, "%s--%s", found++ ? " or " : ": ", other);
    }
    if (!found && spelling.nearest)
        fprintf(options->complaints, ": did you mean --%s?", spelling.nearest);
}

static int complain_of_unknown(const struct options *options, char **argv)
{
    const char *word = argv[optind - 1];
    const struct option_row *row = optopt ? find_needless_value(options, word) : NULL;
    if (row) {
        fprintf(options->complaints, "memtrace: --%s takes no value", row->name);
        return end_complaint(options, argv);
    }
    fputs("memtrace: unknown option ", options->complaints);
    if (optopt)
        write_letter(options->complaints, optopt);
    else
        text_write(options->complaints, word);
    if (!optopt && strncmp(word, "--", 2) == 0)
        write_what_is_meant(options, word + 2);
    return end_complaint(options, argv);
}

/* getopt takes a value that need not be there only after "=". */
static void take_value(struct options *options, int id, int argc, char **argv)
{
    for (size_t i = 0; !optarg && i < options->count; i++) {
        const struct option_row *row = &options->rows[i];
        if (row->id != id || kind_of(row) != optional_argument || row->argument[1] == '=' ||
            optind >= argc || *argv[optind] == '-' ||
            (options->is_operand && options->is_operand(argv[optind])))
            continue;
        optarg = argv[optind++];
    }
}

int options_next(struct options *options, int argc, char **argv)
{
    struct description description;
    describe(options, &description);
    opterr = 0;
    int id = getopt_long(argc, argv, description.letters, description.longs, NULL);
    take_value(options, id, argc, argv);
    options->value = optarg;
    options->next = optind;
    if (id == ':')
        return complain_of_missing_value(options, argv);
    if (id == '?')
        return complain_of_unknown(options, argv);
    return id == -1 ? OPTIONS_END : id;
}

void options_print_wrapped(FILE *out, const char *text, size_t column)
{
    size_t used = column;
    while (*text) {
        size_t length = strcspn(text, " \n");
        char word[128];
        snprintf(word, sizeof word, "%.*s", (int)length, text);
        size_t columns = text_columns(word);
        bool is_first = used == column;
        if (!is_first && used + 1 + columns > LINE_COLUMNS) {
            fprintf(out, "\n%*s", (int)column, "");
            used = column;
            is_first = true;
        }
        fprintf(out, "%s%s", is_first ? "" : " ", word);
        used += columns + !is_first;
        text += length + (text[length] != 0);
    }
    fputc('\n', out);
}

/* What stands in the first column. */
static void describe_row(const struct option_row *row, char *left, size_t left_bytes)
{
    char letter[] = {'-', (char)row->id, ',', 0};
    bool is_optional = row->argument && *row->argument == '[';
    const char *before = is_optional ? (row->argument[1] == '=' ? "" : " ") : "=";
    snprintf(left, left_bytes, "%s --%s%s%s", row->id < OPTION_LONG ? letter : "   ", row->name,
             row->argument ? before : "", row->argument ? row->argument : "");
}

void options_print(FILE *out, const struct option_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char left[64];
        describe_row(&rows[i], left, sizeof left);
        fprintf(out, "  %-*s ", HELP_COLUMN - 3, left);
        options_print_wrapped(out, rows[i].help, HELP_COLUMN);
    }
}
