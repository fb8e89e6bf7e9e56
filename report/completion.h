/* SPDX-License-Identifier: BSD-2-Clause */
/* completion.h -- Scripts that complete memtrace's command line in a shell, made from the verbs'
 * own tables of options, so that they know what this version knows. */
#ifndef MEMTRACE_COMPLETION_H
#define MEMTRACE_COMPLETION_H

#include "command.h"

#include <stdbool.h>
#include <stdio.h>

enum completion_shell {
    COMPLETION_BASH,
    COMPLETION_ZSH,
    COMPLETION_FISH,
    COMPLETION_SHELL_COUNT
};

/* "bash", "zsh", "fish". */
bool completion_to_shell(const char *word, enum completion_shell *ret_shell);
void completion_write(FILE *out, enum completion_shell shell, const struct command *const *commands,
                      size_t count);

#endif
