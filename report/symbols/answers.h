/* SPDX-License-Identifier: BSD-2-Clause */
/* answers.h -- The bytes in which a sandboxed child tells frames and names to the tool.
 *
 * A stream of records, each a kind, a number and a payload:
 *   STRING  number = size in bytes, then the text; strings are numbered from 1 as they come
 *   FRAMES  number = frame count, then the index of the address and the frames, innermost first
 *   NOTE    number = one of enum answer_note
 * The writer is the child; the reader believes nothing. */
#ifndef MEMTRACE_SYMBOLS_ANSWERS_H
#define MEMTRACE_SYMBOLS_ANSWERS_H

#include "bytes.h"

#define ANSWER_FRAMES_MAX 1024       /* inlining deeper than that is not believed */
#define ANSWER_STRING_MAX (1u << 20) /* nor are longer names */

enum answer_kind {
    ANSWER_STRING = 1,
    ANSWER_FRAMES,
    ANSWER_NOTE
};

enum answer_note {
    NOTE_COMPLETE = 1,       /* everything was read */
    NOTE_DAMAGED,            /* some of the debug information made no sense and was left out */
    NOTE_SUPPLEMENT_MISSING, /* dwz's common file is needed and was not found */
    NOTE_SPLIT_MISSING,      /* a .dwo file is needed and was not found */
    NOTE_COUNT
};

struct answer_frame {
    uint32_t function; /* number of a string, 0: unknown */
    uint32_t file;
    uint32_t line;
    uint32_t function_line; /* where the function begins, 0: unknown */
    uint32_t is_plain;      /* the function has a mangled name, but this is not it */
};

struct answer_writer {
    int fd;
    bool failed;
    uint32_t string_count;
    size_t used_bytes;
    uint8_t buffer[64u << 10];
};

/* Returns the string's number. */
uint32_t answer_string(struct answer_writer *writer, const char *text, size_t size_bytes);
void answer_frames(struct answer_writer *writer, uint32_t address_index,
                   const struct answer_frame *frames, size_t count);
void answer_note(struct answer_writer *writer, enum answer_note note);
void answer_flush(struct answer_writer *writer);

struct answer_record {
    enum answer_kind kind;
    uint32_t number; /* of a NOTE */
    struct bytes text;
    uint32_t address_index;
    const struct answer_frame *frames; /* not aligned: copy before use */
    size_t frame_count;
};

/* The next record, false at the end or at the first byte that makes no sense. */
bool answer_next(struct cursor *cursor, struct answer_record *ret_record);

#endif
