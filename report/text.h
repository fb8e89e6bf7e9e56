/* SPDX-License-Identifier: BSD-2-Clause */
/* text.h -- Sizes, counts and times as people read them, and text of others made harmless.
 *
 * Names and paths come from programs and files we do not trust: what they hold goes out with
 * control characters escaped, so that no trace can talk to the terminal. */
#ifndef MEMTRACE_TEXT_H
#define MEMTRACE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Room for one number with its unit. */
struct number_text {
    char text[32];
};

/* As Python's tracemalloc prints sizes: 10239 B, 10.0 KiB, 8192 KiB. */
struct number_text text_size(double size_bytes);
/* The same with its sign: +0 B, -20.0 KiB. */
struct number_text text_size_change(double size_bytes);
/* 20,001 */
struct number_text text_count(uint64_t count);
/* 0.21 s, 3 min 12 s */
struct number_text text_duration(uint64_t time_ns);

/* A unit that a number may have, what kind of amount that makes, and how much it is worth. */
struct text_unit {
    const char *name;
    int kind;
    double factor;
};

/* The unit of a number without sign, as in 10%, 1.5 s; the amount in *ret_amount, in the unit of
 * factor 1. NULL: it is no such number, or has none of these units. */
const struct text_unit *text_parse_amount(const char *text, const struct text_unit *units,
                                          size_t count, double *ret_amount);

/* Writes text escaped and returns the columns it takes. */
size_t text_write(FILE *out, const char *text);
/* The same, but at most columns wide; what is cut off at the end is marked with an ellipsis. */
size_t text_write_cut(FILE *out, const char *text, size_t columns);
/* The same, cut at the beginning: of a path the end says most. */
size_t text_write_tail(FILE *out, const char *text, size_t columns);
size_t text_columns(const char *text);

/* Decodes one UTF-8 character at text (size bytes left, at least 1); returns its length, or 0 if
 * the bytes are not UTF-8. */
size_t text_decode(const char *text, size_t size, uint32_t *ret_character);
/* Control characters, C1 included, and those that turn the direction of writing. */
bool text_is_control(uint32_t character);

/* The last component of a path. */
const char *text_basename(const char *path);
/* path relative to the current directory if it is below, else path itself. */
const char *text_short_path(const char *path);
/* A function's name without return type, template arguments and parameters, in buffer. */
const char *text_short_function(const char *function, char *buffer, size_t buffer_bytes);

bool text_starts_with(const char *text, const char *start);
/* A decimal number from 0 to limit and nothing else. */
bool text_to_number(const char *text, uint64_t limit, uint64_t *ret_number);
/* "64M", "1.5GiB", "4096": B, K, M, G or T, each also as KiB. */
bool text_to_size(const char *text, uint64_t *ret_size_bytes);
/* "2h30m", "1.5h", "90s", "90": each part with a unit, a lone number in seconds. */
bool text_to_duration(const char *text, uint64_t *ret_time_ns);

#endif
