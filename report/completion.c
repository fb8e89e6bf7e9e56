/* SPDX-License-Identifier: BSD-2-Clause */
/* completion.c -- Scripts that complete memtrace's command line in a shell. */
#include "completion.h"

#include "export.h"
#include "label.h"
#include "quantity.h"

#include <string.h>

/* What the value of an option, or an operand of a verb, is completed with. */
enum kind {
    KIND_NOTHING,
    KIND_WORDS,
    KIND_FILE,
    KIND_TRACE,
    KIND_PROGRAM /* and its arguments */
};

static const char *const shells[COMPLETION_SHELL_COUNT] = {"bash", "zsh", "fish"};

bool completion_to_shell(const char *word, enum completion_shell *ret_shell)
{
    for (int i = 0; i < COMPLETION_SHELL_COUNT; i++) {
        if (strcmp(word, shells[i]) != 0)
            continue;
        *ret_shell = (enum completion_shell)i;
        return true;
    }
    return false;
}

/* ---- Words that options take */

static void write_groups(FILE *out)
{
    for (int i = 0; i < GROUP_BY_COUNT; i++)
        fprintf(out, "%s%s", i ? " " : "", label_group_by((enum group_by)i));
}

static void write_measures(FILE *out)
{
    for (int i = 0; i < MEASURE_COUNT_OF; i++)
        fprintf(out, "%s%s", i ? " " : "", label_measure((enum measure)i));
}

static void write_quantities(FILE *out)
{
    for (int i = 0; i < QUANTITY_COUNT; i++)
        fprintf(out, "%s%s", i ? " " : "", quantity_word((enum quantity)i));
}

static void write_domains(FILE *out)
{
    for (uint32_t i = 0; i < MEMORY_DOMAIN_COUNT; i++)
        fprintf(out, "%s%s", i ? " " : "", label_domain(i));
}

static void write_formats(FILE *out)
{
    const struct export_format *format;
    for (size_t i = 0; (format = export_format_at(i)); i++)
        fprintf(out, "%s%s", i ? " " : "", format->name);
}

/* Of one verb, or (NULL) of all. What is in no row takes a number, a size or a pattern. */
static const struct {
    const char *verb;
    const char *option;
    const char *words;
    void (*write_words)(FILE *out);
} values[] = {
    {"export", "format", NULL, write_formats},
    {"plot", "format", "terminal svg png pdf dat csv json", NULL},
    {"plot", "measure", NULL, write_quantities},
    {"plot", "by", "line function file module", NULL},
    {"plot", "theme", "auto light dark", NULL},
    {NULL, "format", "text json tracemalloc", NULL},
    {NULL, "group-by", NULL, write_groups},
    {"top", "sort", NULL, NULL},
    {NULL, "sort", NULL, write_measures},
    {NULL, "measure", NULL, write_measures},
    {NULL, "domain", NULL, write_domains},
    {NULL, "color", "auto always never", NULL},
    {NULL, "follow-fork", "0 1", NULL},
    {NULL, "thread", "0 1", NULL},
};

static size_t find_value(const struct command *command, const struct option_row *row)
{
    size_t count = sizeof values / sizeof *values;
    for (size_t i = 0; i < count; i++)
        if (strcmp(values[i].option, row->name) == 0 &&
            (!values[i].verb || strcmp(values[i].verb, command->name) == 0))
            return i;
    return count;
}

static enum kind kind_of_value(const struct command *command, const struct option_row *row)
{
    size_t i = find_value(command, row);
    if (i < sizeof values / sizeof *values)
        return values[i].words || values[i].write_words ? KIND_WORDS : KIND_NOTHING;
    bool is_file = strcmp(row->argument, "FILE") == 0 || strcmp(row->argument, "DIRECTORY") == 0;
    return is_file ? KIND_FILE : KIND_NOTHING;
}

static void write_words(FILE *out, const struct command *command, const struct option_row *row)
{
    size_t i = find_value(command, row);
    if (values[i].words)
        fputs(values[i].words, out);
    else
        values[i].write_words(out);
}

static enum kind kind_of_operands(const struct command *command)
{
    const char *operands = command->operands;
    if (strstr(operands, "PROGRAM"))
        return KIND_PROGRAM;
    if (strstr(operands, "TRACE") || strstr(operands, "OLD"))
        return KIND_TRACE;
    return strstr(operands, "DIRECTORY") ? KIND_FILE : KIND_NOTHING;
}

static bool has_letter(const struct option_row *row)
{
    return row->id < OPTION_LONG;
}

/* In single quotes of the shell. Our own words only: bash and zsh have no other way than '\'' to
 * put in a quote, and fish knows it as well. */
static void write_quoted(FILE *out, const char *text, const char *escaped)
{
    fputc('\'', out);
    for (; *text; text++) {
        if (*text == '\'')
            fputs("'\\''", out);
        else if (strchr(escaped, *text))
            fprintf(out, "\\%c", *text);
        else
            fputc(*text, out);
    }
    fputc('\'', out);
}

/* ---- bash */

static void write_bash_patterns(FILE *out, const struct command *command,
                                const struct option_row *row)
{
    fprintf(out, "    %s:--%s", command->name, row->name);
    if (has_letter(row))
        fprintf(out, " | %s:-%c", command->name, row->id);
}

static void write_bash_values(FILE *out, const struct command *command)
{
    for (size_t i = 0; i < command->option_count; i++) {
        const struct option_row *row = &command->options[i];
        if (!row->argument)
            continue;
        enum kind kind = kind_of_value(command, row);
        write_bash_patterns(out, command, row);
        if (kind == KIND_WORDS) {
            fputs(") COMPREPLY=($(compgen -W '", out);
            write_words(out, command, row);
            fputs("' -- \"$current\")) ;;\n", out);
        } else {
            fputs(kind == KIND_FILE ? ") _memtrace_files \"$current\" ;;\n" : ") ;;\n", out);
        }
    }
}

static void write_bash_options(FILE *out, const struct command *command)
{
    fprintf(out, "    %s)\n        options='", command->name);
    for (size_t i = 0; i < command->option_count; i++) {
        const struct option_row *row = &command->options[i];
        fprintf(out, "%s--%s%s", i ? " " : "", row->name, row->argument ? "=" : "");
    }
    fputs("'\n        taking='", out); /* those whose value is the next word */
    for (size_t i = 0; i < command->option_count; i++) {
        const struct option_row *row = &command->options[i];
        if (row->argument && has_letter(row))
            fprintf(out, " -%c", row->id);
        if (row->argument)
            fprintf(out, " --%s", row->name);
    }
    static const char *const operands[] = {[KIND_NOTHING] = "nothing",
                                           [KIND_FILE] = "files",
                                           [KIND_TRACE] = "traces",
                                           [KIND_PROGRAM] = "program"};
    fprintf(out, " '\n        operands=%s ;;\n", operands[kind_of_operands(command)]);
}

/* readline splits at "=", so --name=value are three words. */
static const char bash_begin[] =
    "_memtrace_files()\n"
    "{\n"
    "    compopt -o filenames 2>/dev/null\n"
    "    mapfile -t COMPREPLY < <(compgen -f -- \"$1\")\n"
    "}\n\n"
    "_memtrace_traces()\n"
    "{\n"
    "    compopt -o filenames 2>/dev/null\n"
    "    mapfile -t COMPREPLY < <(compgen -f -X '!*.memtrace*' -- \"$1\"; compgen -d -- \"$1\")\n"
    "}\n\n"
    "# The arguments of a program are the program's business.\n"
    "_memtrace_program()\n"
    "{\n"
    "    local at=$1\n"
    "    if ((at == COMP_CWORD)); then\n"
    "        COMPREPLY=($(compgen -c -- \"$2\"))\n"
    "        [[ $2 == */* ]] && _memtrace_files \"$2\"\n"
    "    elif declare -F _command_offset >/dev/null; then\n"
    "        _command_offset \"$at\"\n"
    "    else\n"
    "        _memtrace_files \"$2\"\n"
    "    fi\n"
    "}\n\n"
    "# The place of the first operand; that of the current word if there is none before it.\n"
    "_memtrace_operand()\n"
    "{\n"
    "    local at=2 taking=$1\n"
    "    while ((at < COMP_CWORD)); do\n"
    "        local word=${COMP_WORDS[at]}\n"
    "        [[ $word == -- ]] && { ((at++)); break; }\n"
    "        [[ $word == -?* ]] || break\n"
    "        if [[ ${COMP_WORDS[at + 1]} == = ]]; then\n"
    "            ((at += 3))\n"
    "        elif [[ $taking == *\" $word \"* ]]; then\n"
    "            ((at += 2))\n"
    "        else\n"
    "            ((at++))\n"
    "        fi\n"
    "    done\n"
    "    echo $((at < COMP_CWORD ? at : COMP_CWORD))\n"
    "}\n\n"
    "_memtrace()\n"
    "{\n"
    "    local verb=${COMP_WORDS[1]} current=${COMP_WORDS[COMP_CWORD]} previous options taking "
    "operands at\n"
    "    previous=${COMP_WORDS[COMP_CWORD - 1]}\n"
    "    COMPREPLY=()\n";

static const char bash_end[] =
    "    *)\n"
    "        _memtrace_program 1 \"$current\"\n"
    "        return ;;\n"
    "    esac\n"
    "    at=$(_memtrace_operand \"$taking\")\n"
    "    if ((at < COMP_CWORD)) && [[ $operands == program ]]; then\n"
    "        _memtrace_program \"$at\" \"$current\"\n"
    "        return\n"
    "    fi\n"
    "    if [[ $current == = ]]; then\n"
    "        current=\n"
    "    elif [[ $previous == = ]]; then\n"
    "        previous=${COMP_WORDS[COMP_CWORD - 2]}\n"
    "    fi\n"
    "    if [[ $taking == *\" $previous \"* ]]; then\n"
    "        _memtrace_value \"$verb:$previous\"\n"
    "    elif [[ $current == -* ]]; then\n"
    "        COMPREPLY=($(compgen -W \"$options\" -- \"$current\"))\n"
    "        [[ ${COMPREPLY[0]} == *= ]] && compopt -o nospace 2>/dev/null\n"
    "    elif [[ $operands == program ]]; then\n"
    "        _memtrace_program \"$at\" \"$current\"\n"
    "    elif [[ $operands == traces ]]; then\n"
    "        _memtrace_traces \"$current\"\n"
    "    elif [[ $operands == files ]]; then\n"
    "        _memtrace_files \"$current\"\n"
    "    fi\n"
    "}\n\n"
    "complete -F _memtrace memtrace\n";

static void write_bash_verbs(FILE *out, const struct command *const *commands, size_t count)
{
    for (size_t i = 0; i < count; i++)
        fprintf(out, "%s ", commands[i]->name);
    fputs("help", out);
}

static void write_bash(FILE *out, const struct command *const *commands, size_t count)
{
    fputs("# Completion of memtrace for bash, made by memtrace completion bash.\n\n"
          "_memtrace_value()\n{\n    case $1 in\n",
          out);
    for (size_t i = 0; i < count; i++)
        write_bash_values(out, commands[i]);
    fputs("    esac\n}\n\n", out);
    fputs(bash_begin, out);
    fputs("    if ((COMP_CWORD == 1)); then\n        COMPREPLY=($(compgen -W '", out);
    write_bash_verbs(out, commands, count);
    fputs(" --help --version' -- \"$current\"))\n"
          "        [[ ${COMPREPLY[0]} ]] || _memtrace_program 1 \"$current\"\n        return\n    "
          "fi\n"
          "    case $verb in\n    help)\n        COMPREPLY=($(compgen -W '",
          out);
    write_bash_verbs(out, commands, count);
    fputs("' -- \"$current\"))\n        return ;;\n", out);
    for (size_t i = 0; i < count; i++)
        write_bash_options(out, commands[i]);
    fputs(bash_end, out);
}

/* ---- zsh */

/* What stands after a colon in a specification of _arguments. */
static void write_zsh_action(FILE *out, enum kind kind, const struct command *command,
                             const struct option_row *row)
{
    if (kind == KIND_WORDS) {
        fputc('(', out);
        write_words(out, command, row);
        fputc(')', out);
    } else if (kind == KIND_TRACE) {
        fputs("_files -g \"*.memtrace*\"", out);
    } else {
        fputs(kind == KIND_FILE ? "_files" : " ", out);
    }
}

static void write_zsh_option(FILE *out, const struct command *command, const struct option_row *row)
{
    static const char escaped[] = "[]:\\";
    fputs("        '*'", out);
    if (has_letter(row))
        fprintf(out, "{-%c%s,--%s%s}", row->id, row->argument ? "+" : "", row->name,
                row->argument ? "=" : "");
    else
        fprintf(out, "--%s%s", row->name, row->argument ? "=" : "");
    fputs("'['", out);
    write_quoted(out, row->help, escaped);
    fputs("']'", out);
    if (row->argument) {
        fprintf(out, "':%s:", row->argument);
        write_zsh_action(out, kind_of_value(command, row), command, row);
        fputc('\'', out);
    }
    fputs(" \\\n", out);
}

static void write_zsh_verb(FILE *out, const struct command *command)
{
    enum kind kind = kind_of_operands(command);
    fprintf(out, "    %s)\n        _arguments -s -S%s \\\n", command->name,
            kind == KIND_PROGRAM ? " -A '-*'" : "");
    for (size_t i = 0; i < command->option_count; i++)
        write_zsh_option(out, command, &command->options[i]);
    if (kind == KIND_PROGRAM) {
        fputs("        '(-)1:program: _command_names -e' '*::argument: _normal' ;;\n", out);
        return;
    }
    fprintf(out, "        '*:%s:", kind == KIND_TRACE ? "trace" : "operand");
    write_zsh_action(out, kind, command, NULL);
    fputs("' ;;\n", out);
}

static void write_zsh(FILE *out, const struct command *const *commands, size_t count)
{
    fputs("#compdef memtrace\n"
          "# Completion of memtrace for zsh, made by memtrace completion zsh.\n\n"
          "_memtrace()\n{\n    local -a verbs\n    verbs=(\n",
          out);
    for (size_t i = 0; i < count; i++) {
        fprintf(out, "        %s':'", commands[i]->name);
        write_quoted(out, commands[i]->summary, "\\:");
        fputc('\n', out);
    }
    fputs("        help':explain a verb'\n    )\n"
          "    if ((CURRENT == 2)); then\n"
          "        _describe -t verbs verb verbs || _command_names -e\n        return\n    fi\n"
          "    local verb=$words[2]\n    shift words\n    ((CURRENT--))\n"
          "    case $verb in\n    help) _describe -t verbs verb verbs ;;\n",
          out);
    for (size_t i = 0; i < count; i++)
        write_zsh_verb(out, commands[i]);
    fputs("    *) _normal ;;\n    esac\n}\n\n_memtrace \"$@\"\n", out);
}

/* ---- fish */

static void write_fish_option(FILE *out, const struct command *command,
                              const struct option_row *row)
{
    fprintf(out, "complete -c memtrace -n '__fish_seen_subcommand_from %s' -l %s", command->name,
            row->name);
    if (has_letter(row))
        fprintf(out, " -s %c", row->id);
    if (row->argument) {
        enum kind kind = kind_of_value(command, row);
        fputs(kind == KIND_FILE ? " -r -F" : " -x", out);
        if (kind == KIND_WORDS) {
            fputs(" -a '", out);
            write_words(out, command, row);
            fputc('\'', out);
        }
    }
    fputs(" -d ", out);
    write_quoted(out, row->help, "\\");
    fputc('\n', out);
}

/* It must know whose value the next word is, to find the program. */
static void write_fish_program(FILE *out, const struct command *command)
{
    fputs("__fish_complete_subcommand --fcs-skip=2", out);
    for (size_t i = 0; i < command->option_count; i++) {
        const struct option_row *row = &command->options[i];
        if (row->argument && has_letter(row))
            fprintf(out, " -%c", row->id);
        if (row->argument)
            fprintf(out, " --%s", row->name);
    }
}

static void write_fish_verb(FILE *out, const struct command *command)
{
    fprintf(out, "complete -c memtrace -n __fish_use_subcommand -a %s -d ", command->name);
    write_quoted(out, command->summary, "\\");
    fputc('\n', out);
    for (size_t i = 0; i < command->option_count; i++)
        write_fish_option(out, command, &command->options[i]);
    enum kind kind = kind_of_operands(command);
    if (kind == KIND_NOTHING)
        return;
    fprintf(out, "complete -c memtrace -n '__fish_seen_subcommand_from %s' -a '(", command->name);
    if (kind == KIND_PROGRAM)
        write_fish_program(out, command);
    else
        fputs(kind == KIND_TRACE ? "__fish_complete_suffix .memtrace" : "__fish_complete_path",
              out);
    fputs(")'\n", out);
}

static void write_fish(FILE *out, const struct command *const *commands, size_t count)
{
    fputs("# Completion of memtrace for fish, made by memtrace completion fish.\n"
          "complete -c memtrace -f\n"
          "complete -c memtrace -n __fish_use_subcommand -a '(__fish_complete_command)'\n"
          "complete -c memtrace -n __fish_use_subcommand -a help -d 'explain a verb'\n"
          "complete -c memtrace -n '__fish_seen_subcommand_from help' -a '",
          out);
    for (size_t i = 0; i < count; i++)
        fprintf(out, "%s%s", i ? " " : "", commands[i]->name);
    fputs("'\n", out);
    for (size_t i = 0; i < count; i++)
        write_fish_verb(out, commands[i]);
}

void completion_write(FILE *out, enum completion_shell shell, const struct command *const *commands,
                      size_t count)
{
    static void (*const writers[COMPLETION_SHELL_COUNT])(
        FILE *, const struct command *const *, size_t) = {write_bash, write_zsh, write_fish};
    writers[shell](out, commands, count);
}
