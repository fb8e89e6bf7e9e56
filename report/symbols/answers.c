/* SPDX-License-Identifier: BSD-2-Clause */
/* answers.c -- Writes and reads the stream between a sandboxed child and the tool. */
#include "answers.h"

#include <errno.h>
#include <unistd.h>

void answer_flush(struct answer_writer *writer)
{
    size_t done = 0;

    while (!writer->failed && done < writer->used_bytes) {
        ssize_t wrote = write(writer->fd, writer->buffer + done, writer->used_bytes - done);

        if (wrote > 0)
            done += (size_t)wrote;
        else if (errno != EINTR)
            writer->failed = true;
    }
    writer->used_bytes = 0;
}

static void put(struct answer_writer *writer, const void *data, size_t size)
{
    const uint8_t *next = data;

    while (size > 0 && !writer->failed) {
        size_t room = sizeof(writer->buffer) - writer->used_bytes;
        size_t part = size < room ? size : room;

        memcpy(writer->buffer + writer->used_bytes, next, part);
        writer->used_bytes += part;
        next += part;
        size -= part;
        if (writer->used_bytes == sizeof(writer->buffer))
            answer_flush(writer);
    }
}

static void put_head(struct answer_writer *writer, enum answer_kind kind, uint32_t number)
{
    uint32_t head[2] = {kind, number};

    put(writer, head, sizeof(head));
}

uint32_t answer_string(struct answer_writer *writer, const char *text, size_t size_bytes)
{
    if (size_bytes > ANSWER_STRING_MAX)
        size_bytes = ANSWER_STRING_MAX;
    put_head(writer, ANSWER_STRING, (uint32_t)size_bytes);
    put(writer, text, size_bytes);
    return ++writer->string_count;
}

void answer_frames(struct answer_writer *writer, uint32_t address_index,
                   const struct answer_frame *frames, size_t count)
{
    put_head(writer, ANSWER_FRAMES, (uint32_t)count);
    put(writer, &address_index, sizeof(address_index));
    put(writer, frames, count * sizeof(*frames));
}

void answer_note(struct answer_writer *writer, enum answer_note note)
{
    put_head(writer, ANSWER_NOTE, note);
}

static struct bytes take(struct cursor *cursor, size_t size)
{
    struct bytes taken = {cursor->next, size};

    if (cursor->failed || cursor_left(cursor) < size) {
        cursor->failed = true;
        return (struct bytes){NULL, 0};
    }
    cursor->next += size;
    return taken;
}

static bool read_frames(struct cursor *cursor, uint32_t count, struct answer_record *record)
{
    if (count > ANSWER_FRAMES_MAX)
        return false;
    record->address_index = (uint32_t)cursor_number(cursor, 4);
    record->frame_count = count;
    record->frames = (const void *)take(cursor, count * sizeof(*record->frames)).data;
    return !cursor->failed;
}

bool answer_next(struct cursor *cursor, struct answer_record *ret_record)
{
    uint32_t kind = (uint32_t)cursor_number(cursor, 4);
    uint32_t number = (uint32_t)cursor_number(cursor, 4);

    if (cursor->failed)
        return false;
    *ret_record = (struct answer_record){.kind = (enum answer_kind)kind, .number = number};
    switch (kind) {
    case ANSWER_STRING:
        if (number > ANSWER_STRING_MAX)
            return false;
        ret_record->text = take(cursor, number);
        return !cursor->failed && (number == 0 || !memchr(ret_record->text.data, 0, number));
    case ANSWER_FRAMES:
        return read_frames(cursor, number, ret_record);
    case ANSWER_NOTE:
        return number < NOTE_COUNT;
    default:
        return false;
    }
}
