/* SPDX-License-Identifier: BSD-2-Clause */
/* base64.c -- A stream that writes what is written to it as base64 into another one. */
#include "base64.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

enum {
    GROUPS_AT_ONCE = 4096 /* of three bytes each */
};

struct encoder {
    FILE *sink;
    uint8_t rest[3]; /* of a group that is not full yet */
    size_t rest_bytes;
    char text[GROUPS_AT_ONCE * 4];
};

static void encode(const uint8_t bytes[3], char text[4])
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint32_t bits = (uint32_t)bytes[0] << 16 | (uint32_t)bytes[1] << 8 | bytes[2];
    for (int i = 0; i < 4; i++)
        text[i] = digits[bits >> (18 - 6 * i) & 63];
}

static ssize_t write_some(void *context, const char *data, size_t size_bytes)
{
    struct encoder *encoder = context;
    size_t used = 0;
    for (size_t i = 0; i < size_bytes; i++) {
        encoder->rest[encoder->rest_bytes++] = (uint8_t)data[i];
        if (encoder->rest_bytes < sizeof encoder->rest)
            continue;
        encode(encoder->rest, encoder->text + used);
        encoder->rest_bytes = 0;
        used += 4;
        if (used < sizeof encoder->text)
            continue;
        if (fwrite(encoder->text, 1, used, encoder->sink) != used)
            return 0;
        used = 0;
    }
    if (used && fwrite(encoder->text, 1, used, encoder->sink) != used)
        return 0;
    return (ssize_t)size_bytes;
}

static int finish(void *context)
{
    struct encoder *encoder = context;
    size_t missing = encoder->rest_bytes ? sizeof encoder->rest - encoder->rest_bytes : 0;
    bool is_ok = true;
    if (missing) {
        for (size_t i = encoder->rest_bytes; i < sizeof encoder->rest; i++)
            encoder->rest[i] = 0;
        encode(encoder->rest, encoder->text);
        for (size_t i = 4 - missing; i < 4; i++)
            encoder->text[i] = '=';
        is_ok = fwrite(encoder->text, 1, 4, encoder->sink) == 4;
    }
    free(encoder);
    return is_ok ? 0 : EOF;
}

FILE *base64_open(FILE *sink)
{
    struct encoder *encoder = calloc(1, sizeof *encoder);
    if (!encoder)
        return NULL;
    encoder->sink = sink;
    FILE *file =
        fopencookie(encoder, "w", (cookie_io_functions_t){.write = write_some, .close = finish});
    if (!file)
        free(encoder);
    return file;
}
