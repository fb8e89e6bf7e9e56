/* SPDX-License-Identifier: BSD-2-Clause */
/* protobuf.h -- Messages of Google's protocol buffers, as bytes. */
#ifndef MEMTRACE_PROTOBUF_H
#define MEMTRACE_PROTOBUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Begins as {0}. A number that is zero, which is what absence means, is left out. */
struct message {
    uint8_t *bytes;
    size_t size_bytes;
    size_t room_bytes;
    bool has_failed; /* out of memory */
};

void message_finish(struct message *message);
void message_clear(struct message *message); /* empty again, the memory is kept */

/* A number in a packed field, without a name. */
void message_append(struct message *message, uint64_t number);
void message_number(struct message *message, unsigned field, uint64_t number);
void message_bytes(struct message *message, unsigned field, const void *bytes, size_t size_bytes);
/* inner is written even if it is empty. */
void message_message(struct message *message, unsigned field, const struct message *inner);

/* Fields of the outermost message go straight to a stream. */
void protobuf_write(FILE *out, unsigned field, const void *bytes, size_t size_bytes);
void protobuf_write_number(FILE *out, unsigned field, uint64_t number);

#endif
