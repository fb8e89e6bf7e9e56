/* SPDX-License-Identifier: BSD-2-Clause */
/* options.c -- One table of options per verb: it parses, and it prints its own help. */
#include "options.h"

#include "text.h"

#include <getopt.h>
#include <string.h>

enum {
    ROWS_MAX = 48
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

static int complain(const struct options *options, const char *what, char **argv)
{
    fprintf(options->complaints, "memtrace: %s ", what);
    if (optopt && optopt < OPTION_LONG)
        fprintf(options->complaints, "-%c", optopt > 32 && optopt < 127 ? optopt : '?');
    else
        text_write(options->complaints, argv[optind - 1]);
    fputs(" (see memtrace help)\n", options->complaints);
    return OPTIONS_BAD;
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
        return complain(options, "a value is missing after", argv);
    if (id == '?')
        return complain(options, "unknown option", argv);
    return id == -1 ? OPTIONS_END : id;
}

void options_print(FILE *out, const struct option_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char left[64];
        const struct option_row *row = &rows[i];
        char letter[] = {'-', (char)row->id, ',', 0};
        bool is_optional = row->argument && *row->argument == '[';
        snprintf(left, sizeof left, "%s --%s%s%s", row->id < OPTION_LONG ? letter : "   ",
                 row->name,
                 is_optional     ? (row->argument[1] == '=' ? "" : " ")
                 : row->argument ? "="
                                 : "",
                 row->argument ? row->argument : "");
        fprintf(out, "  %-28s %s\n", left, row->help);
    }
}
