/* SPDX-License-Identifier: BSD-2-Clause */
/* main.c -- memtrace: the table of verbs. */
#include "command.h"
#include "completion.h"
#include "spelling.h"
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

/* Of the two verbs that are here. */
static const struct command command_help = {
    .name = "help", .operands = "[VERB]", .summary = "What a verb does, and its options."};
static const struct command command_completion = {
    .name = "completion",
    .operands = "bash|zsh|fish",
    .summary = "Print what completes verbs, options and their values in a shell."};

static bool is_any_of(const char *word, const char *a, const char *b)
{
    return strcmp(word, a) == 0 || strcmp(word, b) == 0;
}

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return NULL;
}

static const struct command *find_explained(const char *name)
{
    if (strcmp(name, "help") == 0)
        return &command_help;
    return strcmp(name, "completion") == 0 ? &command_completion : find_command(name);
}

static int print_overview(FILE *out)
{
    fputs("memtrace shows where a program allocates memory, and spends its time, line by line.\n\n"
          "usage: memtrace PROGRAM [ARGUMENTS]   run it and see\n"
          "       memtrace VERB …\n\n",
          out);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        fprintf(out, "  %-8s ", commands[i]->name);
        options_print_wrapped(out, commands[i]->summary, 11);
    }
    fputs("\nmemtrace help VERB explains one of them; more in man memtrace.\n"
          "memtrace completion bash|zsh|fish prints what completes all this in a shell.\n",
          out);
    return out == stdout ? command_flush(STATUS_OK) : STATUS_USAGE;
}

/* For a word that is no verb: the verb it may be meant for, or NULL. */
static const char *find_similar(const char *word)
{
    struct spelling spelling = spelling_begin(word);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        spelling_offer(&spelling, commands[i]->name);
    spelling_offer(&spelling, command_help.name);
    spelling_offer(&spelling, command_completion.name);
    return spelling.nearest;
}

static int complain_of_verb(const char *what, const char *word)
{
    const char *similar = find_similar(word);
    if (similar)
        return command_misuse("%s: %s; did you mean %s?", word, what, similar);
    return command_misuse("%s: %s (see memtrace help)", word, what);
}

static int print_help_of(const struct command *command)
{
    command_print_help(stdout, command);
    return command_flush(STATUS_OK);
}

static int print_help(int argc, char **argv)
{
    if (argc < 2)
        return print_overview(stdout);
    if (is_any_of(argv[1], "--help", "-h"))
        return print_help_of(&command_help);
    const struct command *command = find_explained(argv[1]);
    if (!command)
        return complain_of_verb("no such verb", argv[1]);
    return print_help_of(command);
}

static int print_completion(int argc, char **argv)
{
    enum completion_shell shell;
    if (argc > 1 && is_any_of(argv[1], "--help", "-h"))
        return print_help_of(&command_completion);
    if (argc != 2 || !completion_to_shell(argv[1], &shell))
        return command_misuse("completion is for one of bash, zsh and fish");
    completion_write(stdout, shell, commands, sizeof commands / sizeof *commands);
    return command_flush(STATUS_OK);
}

/* memtrace PROGRAM and memtrace --cpu PROGRAM are memtrace run …: argv[0] is then the verb. */
static int run_unnamed(int argc, char **argv)
{
    static char verb[] = "run";
    argv[0] = verb;
    return command_run.run(argc, argv);
}

/* A word that is neither verb nor program is a slip. */
static int run_program(int argc, char **argv)
{
    char *path = strchr(argv[1], '/') ? strdup(argv[1]) : target_search(argv[1]);
    if (!path)
        return complain_of_verb("neither a verb nor a program", argv[1]);
    free(path);
    return run_unnamed(argc, argv);
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
        return run_unnamed(argc, argv);
    return run_program(argc, argv);
}
