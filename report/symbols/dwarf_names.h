/* SPDX-License-Identifier: BSD-2-Clause */
/* dwarf_names.h -- The names of functions, looked for where DWARF refers to for them. */
#ifndef MEMTRACE_SYMBOLS_DWARF_NAMES_H
#define MEMTRACE_SYMBOLS_DWARF_NAMES_H

#include "answers.h"
#include "dwarf_scopes.h"
#include "string_pool.h"

/* Strings on their way to the tool: each text is sent once. */
struct sent_strings {
    struct answer_writer *writer;
    struct string_pool pool; /* its numbers are those of the stream */
};

uint32_t send_string(struct sent_strings *strings, const char *text);

/* Names already found, by the DIE that has them. */
struct dwarf_names {
    struct sent_strings *strings;
    struct name_slot *slots;
    size_t slot_count;
    size_t count;
    struct dwarf_scopes scopes;
};

struct function_name {
    uint32_t number; /* of the string, 0: none */
    bool is_linkage;
    uint32_t line; /* where the function is declared, 0: unknown */
};

/* The function's linkage name if there is one anywhere along the DIEs it refers to, else its
 * plain name; in languages that mangle names with its scope before it. */
struct function_name dwarf_function_name(struct dwarf_names *names, const struct dwarf_unit *unit,
                                         Dwarf_Die die);
void dwarf_names_finish(struct dwarf_names *names);

#endif
