/* SPDX-License-Identifier: BSD-2-Clause */
/* protobuf.c -- Messages of Google's protocol buffers, as bytes. */
#include "protobuf.h"

#include <stdlib.h>
#include <string.h>

enum {
    VARINT_BYTES_MAX = 10
};

enum wire_type {
    WIRE_VARINT = 0,
    WIRE_LENGTH_DELIMITED = 2
};

static size_t encode(uint8_t bytes[VARINT_BYTES_MAX], uint64_t number)
{
    size_t size = 0;
    for (; number >= 0x80; number >>= 7)
        bytes[size++] = (uint8_t)(number | 0x80);
    bytes[size++] = (uint8_t)number;
    return size;
}

static void append_bytes(struct message *message, const void *bytes, size_t size_bytes)
{
    if (message->room_bytes - message->size_bytes < size_bytes) {
        size_t wanted = (message->size_bytes + size_bytes) * 2;
        uint8_t *grown = realloc(message->bytes, wanted);
        if (!grown) {
            message->has_failed = true;
            return;
        }
        message->bytes = grown;
        message->room_bytes = wanted;
    }
    if (size_bytes)
        memcpy(message->bytes + message->size_bytes, bytes, size_bytes);
    message->size_bytes += size_bytes;
}

void message_finish(struct message *message)
{
    free(message->bytes);
    *message = (struct message){0};
}

void message_clear(struct message *message)
{
    message->size_bytes = 0;
}

void message_append(struct message *message, uint64_t number)
{
    uint8_t bytes[VARINT_BYTES_MAX];
    append_bytes(message, bytes, encode(bytes, number));
}

static uint64_t key_of(unsigned field, enum wire_type type)
{
    return (uint64_t)field << 3 | (uint64_t)type;
}

void message_number(struct message *message, unsigned field, uint64_t number)
{
    if (!number)
        return;
    message_append(message, key_of(field, WIRE_VARINT));
    message_append(message, number);
}

void message_bytes(struct message *message, unsigned field, const void *bytes, size_t size_bytes)
{
    message_append(message, key_of(field, WIRE_LENGTH_DELIMITED));
    message_append(message, size_bytes);
    append_bytes(message, bytes, size_bytes);
}

void message_message(struct message *message, unsigned field, const struct message *inner)
{
    message->has_failed = message->has_failed || inner->has_failed;
    message_bytes(message, field, inner->bytes, inner->size_bytes);
}

void protobuf_write(FILE *out, unsigned field, const void *bytes, size_t size_bytes)
{
    uint8_t head[2 * VARINT_BYTES_MAX];
    size_t head_bytes = encode(head, key_of(field, WIRE_LENGTH_DELIMITED));
    head_bytes += encode(head + head_bytes, size_bytes);
    fwrite(head, 1, head_bytes, out);
    if (size_bytes)
        fwrite(bytes, 1, size_bytes, out);
}

void protobuf_write_number(FILE *out, unsigned field, uint64_t number)
{
    uint8_t bytes[2 * VARINT_BYTES_MAX];
    size_t size = encode(bytes, key_of(field, WIRE_VARINT));
    fwrite(bytes, 1, size + encode(bytes + size, number), out);
}
