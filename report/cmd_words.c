/* SPDX-License-Identifier: BSD-2-Clause */
/* cmd_words.c -- What all verbs say in the same way. */
#include "command.h"

#include "text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

int command_complain(const char *subject, const struct error *error)
{
    fputs("memtrace: ", stderr);
    text_write(stderr, subject);
    fputs(": ", stderr);
    text_write(stderr, error->text);
    if (error->offset != ERROR_NO_OFFSET)
        fprintf(stderr, " (offset %" PRIu64 ")", error->offset);
    fputc('\n', stderr);
    return STATUS_BAD_INPUT;
}

int command_misuse(const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    fputs("memtrace: ", stderr);
    text_write(stderr, text);
    fputc('\n', stderr);
    return STATUS_USAGE;
}

int command_bad_value(const struct command *command, int id, const char *value)
{
    for (size_t i = 0; i < command->option_count; i++) {
        const struct option_row *row = &command->options[i];
        if (row->id == id)
            return command_misuse("bad value in --%s=%s, which is: %s", row->name, value,
                                  row->help);
    }
    return command_misuse("bad value: %s", value);
}

void command_print_help(FILE *out, const struct command *command)
{
    fprintf(out, "usage: memtrace %s %s\n\n", command->name, command->operands);
    options_print_wrapped(out, command->summary, 0);
    if (command->option_count)
        fputs("\nOptions:\n", out);
    options_print(out, command->options, command->option_count);
    if (command->print_more)
        command->print_more(out);
}

void command_print_moments(FILE *out)
{
    fputs("\nA MOMENT is 10m, 1h30m or 90s after the start, -10m before the end or now,\n"
          "start, end, peak, or the NAME of a snapshot, mark or phase; 'NAME' if it reads\n"
          "like one of these.\n",
          out);
}

int command_flush(int status)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    if (errno != EPIPE)
        fprintf(stderr, "memtrace: cannot write: %s\n", strerror(errno));
    return status ? status : STATUS_BAD_INPUT;
}
