/* SPDX-License-Identifier: BSD-2-Clause */
/* compressed.c -- A stream that compresses what is written to it into another one. */
#include "compressed.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

enum {
    CHUNK_BYTES = 1 << 16,
    GZIP_WINDOW_BITS = 15 + 16, /* zlib's way to ask for a gzip header */
    GZIP_MEMORY_LEVEL = 8,
    ZSTD_LEVEL = 3
};

struct compressor {
    FILE *sink;
    z_stream gzip;
    ZSTD_CCtx *zstd; /* NULL: gzip it is */
    uint8_t chunk[CHUNK_BYTES];
};

/* --- gzip --- */

static bool pump_gzip(struct compressor *compressor, int flush)
{
    z_stream *stream = &compressor->gzip;
    do {
        stream->next_out = compressor->chunk;
        stream->avail_out = CHUNK_BYTES;
        if (deflate(stream, flush) == Z_STREAM_ERROR)
            return false;
        size_t ready = CHUNK_BYTES - stream->avail_out;
        if (fwrite(compressor->chunk, 1, ready, compressor->sink) != ready)
            return false;
    } while (stream->avail_out == 0);
    return true;
}

static bool write_gzip(struct compressor *compressor, const char *data, size_t size_bytes)
{
    while (size_bytes) {
        size_t piece = size_bytes < CHUNK_BYTES ? size_bytes : CHUNK_BYTES;
        compressor->gzip.next_in = (Bytef *)(uintptr_t)data;
        compressor->gzip.avail_in = (uInt)piece;
        if (!pump_gzip(compressor, Z_NO_FLUSH))
            return false;
        data += piece;
        size_bytes -= piece;
    }
    return true;
}

/* --- zstd --- */

static bool write_zstd(struct compressor *compressor, const char *data, size_t size_bytes,
                       ZSTD_EndDirective end)
{
    ZSTD_inBuffer in = {data, size_bytes, 0};
    size_t left;
    do {
        ZSTD_outBuffer out = {compressor->chunk, CHUNK_BYTES, 0};
        left = ZSTD_compressStream2(compressor->zstd, &out, &in, end);
        if (ZSTD_isError(left) ||
            fwrite(compressor->chunk, 1, out.pos, compressor->sink) != out.pos)
            return false;
    } while (end == ZSTD_e_end ? left != 0 : in.pos < in.size);
    return true;
}

/* --- the stream --- */

static ssize_t write_some(void *context, const char *data, size_t size_bytes)
{
    struct compressor *compressor = context;
    if (compressor->zstd)
        return write_zstd(compressor, data, size_bytes, ZSTD_e_continue) ? (ssize_t)size_bytes : 0;
    return write_gzip(compressor, data, size_bytes) ? (ssize_t)size_bytes : 0;
}

static int finish(void *context)
{
    struct compressor *compressor = context;
    bool is_ok;
    if (compressor->zstd) {
        is_ok = write_zstd(compressor, NULL, 0, ZSTD_e_end);
        ZSTD_freeCCtx(compressor->zstd);
        free(compressor);
        return is_ok ? 0 : EOF;
    }
    compressor->gzip.avail_in = 0;
    is_ok = pump_gzip(compressor, Z_FINISH);
    deflateEnd(&compressor->gzip);
    free(compressor);
    return is_ok ? 0 : EOF;
}

static bool start(struct compressor *compressor, bool is_zstd)
{
    errno = ENOMEM;
    if (!is_zstd)
        return deflateInit2(&compressor->gzip, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_WINDOW_BITS,
                            GZIP_MEMORY_LEVEL, Z_DEFAULT_STRATEGY) == Z_OK;
    compressor->zstd = ZSTD_createCCtx();
    return compressor->zstd && !ZSTD_isError(ZSTD_CCtx_setParameter(
                                   compressor->zstd, ZSTD_c_compressionLevel, ZSTD_LEVEL));
}

FILE *compressed_open(FILE *sink, bool is_zstd)
{
    struct compressor *compressor = calloc(1, sizeof *compressor);
    if (!compressor)
        return NULL;
    compressor->sink = sink;
    if (!start(compressor, is_zstd)) {
        free(compressor);
        return NULL;
    }
    FILE *file =
        fopencookie(compressor, "w", (cookie_io_functions_t){.write = write_some, .close = finish});
    if (!file)
        finish(compressor);
    return file;
}
