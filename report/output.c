/* SPDX-License-Identifier: BSD-2-Clause */
/* output.c -- A file that appears under its name when it is complete, and not before. */
#include "output.h"

#include "compressed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- opening --- */

/* Where the file goes in the end: through a symbolic link, and not over it. */
static char *resolve(const char *path)
{
    struct stat status;
    if (lstat(path, &status) == 0 && S_ISLNK(status.st_mode)) {
        char *target = realpath(path, NULL);
        if (target || errno != ENOENT)
            return target;
    }
    return strdup(path);
}

static bool is_special(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && !S_ISREG(status.st_mode);
}

/* As any new file: readable by whom the umask lets. */
static void set_mode(int fd, const char *path)
{
    struct stat status;
    mode_t mask = umask(0);
    umask(mask);
    mode_t mode = stat(path, &status) == 0 ? status.st_mode & 07777 : 0666 & ~mask;
    (void)!fchmod(fd, mode); /* 0600, as it is, is no worse */
}

/* A name beside the file's, so that a rename will do. */
static FILE *open_partial(struct output *output)
{
    if (asprintf(&output->partial_path, "%s.XXXXXX", output->path) < 0) {
        output->partial_path = NULL;
        return NULL;
    }
    int fd = mkostemp(output->partial_path, O_CLOEXEC);
    if (fd < 0) {
        free(output->partial_path);
        output->partial_path = NULL;
        return NULL;
    }
    set_mode(fd, output->path);
    FILE *file = fdopen(fd, "w");
    if (!file)
        close(fd);
    return file;
}

static bool open_sink(struct output *output, const char *path)
{
    if (strcmp(path, "-") == 0) {
        output->sink = stdout;
        return true;
    }
    output->path = resolve(path);
    if (output->path)
        output->sink = is_special(output->path) ? fopen(output->path, "we") : open_partial(output);
    return output->sink;
}

bool output_open(struct output *output, const char *path, enum compression compression,
                 struct error *error)
{
    *output = (struct output){0};
    errno = ENOMEM;
    if (open_sink(output, path))
        output->file = compression == COMPRESSION_NONE
                           ? output->sink
                           : compressed_open(output->sink, compression == COMPRESSION_ZSTD);
    if (output->file)
        return true;
    error_set(error, "cannot write: %s", strerror(errno));
    output_abandon(output);
    return false;
}

/* --- closing --- */

/* Whether everything arrived; else errno says why not. */
static bool close_files(struct output *output)
{
    bool is_ok = true;
    if (output->file && output->file != output->sink) {
        is_ok = !ferror(output->file);
        is_ok = fclose(output->file) == 0 && is_ok;
    }
    if (output->sink)
        is_ok = is_ok && fflush(output->sink) == 0 && !ferror(output->sink);
    if (output->sink && output->sink != stdout)
        is_ok = fclose(output->sink) == 0 && is_ok;
    output->file = output->sink = NULL;
    return is_ok;
}

static void forget(struct output *output)
{
    free(output->path);
    free(output->partial_path);
    *output = (struct output){0};
}

bool output_commit(struct output *output, struct error *error)
{
    errno = 0;
    bool is_ok = close_files(output) &&
                 (!output->partial_path || rename(output->partial_path, output->path) == 0);
    if (!is_ok) {
        error_set(error, "cannot write: %s", strerror(errno ? errno : EIO));
        if (output->partial_path)
            unlink(output->partial_path);
    }
    forget(output);
    return is_ok;
}

void output_abandon(struct output *output)
{
    close_files(output);
    if (output->partial_path)
        unlink(output->partial_path);
    forget(output);
}

/* --- names --- */

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text);
    size_t end_length = strlen(end);
    return length > end_length && strcmp(text + length - end_length, end) == 0;
}

enum compression output_compression(const char *path)
{
    if (ends_with(path, ".gz"))
        return COMPRESSION_GZIP;
    return ends_with(path, ".zst") ? COMPRESSION_ZSTD : COMPRESSION_NONE;
}
