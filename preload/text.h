/* SPDX-License-Identifier: BSD-2-Clause */
/* text.h -- Bytes and strings without libc.
 *
 * Also defines memcpy, memset, memmove and memcmp with hidden visibility, because the compiler
 * may call them: libc's must not be reached from inside a hook. */
#ifndef MEMTRACE_TEXT_H
#define MEMTRACE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void *memcpy(void *restrict to, const void *restrict from, size_t size_bytes);
void *memset(void *to, int byte, size_t size_bytes);
void *memmove(void *to, const void *from, size_t size_bytes);
int memcmp(const void *a, const void *b, size_t size_bytes);

size_t text_length(const char *text);
bool text_equal(const char *a, const char *b);
/* The part of text behind prefix, or NULL when it does not begin with it. */
const char *text_after(const char *text, const char *prefix);
/* What follows prefix in the first line that begins with it, or NULL. */
const char *text_line_after(const char *lines, const char *prefix);
/* The part behind the last such character, or NULL when there is none. */
const char *text_after_last(const char *text, char character);
/* The last component of a path. */
const char *text_basename(const char *path);
/* Decimal digits only, at most 2^63-1; false for anything else. */
bool text_to_number(const char *text, uint64_t *ret_number);
/* Read what text begins with, and return what comes after it; NULL when it is no number, size (64K,
 * 500M, 2G) or duration (500ms, 1s, 10m, 2h, 7d; 0), or too large a one. */
const char *text_read_number(const char *text, uint64_t *ret_number);
const char *text_read_size(const char *text, uint64_t *ret_size_bytes);
const char *text_read_duration(const char *text, uint64_t *ret_time_ns);

/* A line or path being put together; what does not fit is cut, and said in is_cut. */
struct text {
    char *bytes;
    size_t capacity; /* including the terminating zero */
    size_t length;
    bool is_cut;
};

void text_init(struct text *text, char *buffer, size_t capacity);
void text_add(struct text *text, const char *more);
void text_add_bytes(struct text *text, const char *more, size_t size_bytes);
void text_add_number(struct text *text, uint64_t number);
void text_add_hex(struct text *text, uint64_t number);

/* Writes "memtrace: a b\n" to standard error in one piece. Control characters become '?'. */
void text_warn(const char *a, const char *b, const char *c);

#endif
