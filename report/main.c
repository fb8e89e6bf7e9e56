/* SPDX-License-Identifier: BSD-2-Clause */
/* main.c -- memtrace: the table of verbs. */
#include "command.h"
#include "completion.h"
#include "target.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct command *const commands[] = {
    &command_run,  &command_report,   &command_diff,  &command_leaks, &command_plot,
    &command_top,  &command_snapshot, &command_check, &command_who,   &command_export,
    &command_html, &command_list,     &command_rm,
};

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return NULL;
}

static int print_overview(FILE *out)
{
    fputs("memtrace shows where a program allocates memory, line by line.\n\n"
          "usage: memtrace PROGRAM [ARGUMENTS]   run it and see\n"
          "       memtrace VERB …\n\n",
          out);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        fprintf(out, "  %-8s %s\n", commands[i]->name, commands[i]->summary);
    fputs("\nmemtrace help VERB explains one of them; more in man memtrace.\n"
          "memtrace completion bash|zsh|fish prints what completes all this in a shell.\n",
          out);
    return out == stdout ? command_flush(STATUS_OK) : STATUS_USAGE;
}

static int print_help(int argc, char **argv)
{
    if (argc < 2)
        return print_overview(stdout);
    const struct command *command = find_command(argv[1]);
    if (!command)
        return command_misuse("no such verb: %s", argv[1]);
    command_print_help(stdout, command);
    return command_flush(STATUS_OK);
}

static int print_completion(int argc, char **argv)
{
    enum completion_shell shell;
    if (argc != 2 || !completion_to_shell(argv[1], &shell))
        return command_misuse("completion is for one of bash, zsh and fish");
    completion_write(stdout, shell, commands, sizeof commands / sizeof *commands);
    return command_flush(STATUS_OK);
}

static bool is_any_of(const char *word, const char *a, const char *b)
{
    return strcmp(word, a) == 0 || strcmp(word, b) == 0;
}

/* memtrace PROGRAM is memtrace run PROGRAM; a word that is neither verb nor program is a slip. */
static int run_program(int argc, char **argv)
{
    char *path = strchr(argv[1], '/') ? strdup(argv[1]) : target_search(argv[1]);
    if (!path)
        return command_misuse("%s: neither a verb nor a program (see memtrace help)", argv[1]);
    free(path);
    return command_run.run(argc, argv);
}

int main(int argc, char **argv)
{
    setvbuf(stderr, NULL, _IOLBF, BUFSIZ); /* whole lines: others write there too */
    if (argc < 2)
        return print_overview(stderr);
    if (is_any_of(argv[1], "--help", "-h"))
        return print_overview(stdout);
    if (is_any_of(argv[1], "--version", "-V")) {
        puts("memtrace " MEMTRACE_VERSION);
        return command_flush(STATUS_OK);
    }
    if (strcmp(argv[1], "help") == 0)
        return print_help(argc - 1, argv + 1);
    if (strcmp(argv[1], "completion") == 0)
        return print_completion(argc - 1, argv + 1);
    const struct command *command = find_command(argv[1]);
    if (command)
        return command->run(argc - 1, argv + 1);
    if (argv[1][0] == '-')
        return command_run.run(argc, argv);
    return run_program(argc, argv);
}
