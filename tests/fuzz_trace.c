/* SPDX-License-Identifier: BSD-2-Clause */
/* fuzz_trace.c -- Loads and reports a small trace, damaged in every place.
 *
 *   fuzz_trace --write FILE    writes the trace that is damaged
 *   fuzz_trace truncate        cuts it at every offset
 *   fuzz_trace flip MASK       flips the bits of MASK at every offset, one byte at a time
 *   fuzz_trace … snapshot      does that to a snapshot of it
 *
 * Work is done in batches, each in a child: one that dies or hangs names its offset. Exit status 0
 * if every damaged trace was either read or refused with a reason. */
#include "make_trace.h"
#include "show_everything.h"
#include "snapshot.h"
#include "trace.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    BATCH = 256,
    BATCH_SECONDS = 60
};

static struct trace_maker maker;
static char *good;
static size_t good_bytes;
static size_t *progress; /* shared with the children */

/* The good trace with one thing wrong. */
static int make_damaged(size_t offset, bool is_truncated, unsigned mask)
{
    int fd = memfd_create("damaged", MFD_CLOEXEC);
    char byte = (char)((unsigned char)good[offset] ^ mask);
    bool is_ok = fd >= 0 && write(fd, good, is_truncated ? offset : good_bytes) >= 0 &&
                 (is_truncated || pwrite(fd, &byte, 1, (off_t)offset) == 1);
    if (!is_ok)
        exit(99);
    return fd;
}

static void try_one(size_t offset, bool is_truncated, unsigned mask, FILE *out)
{
    struct error error = {"", 0};
    int fd = make_damaged(offset, is_truncated, mask);
    if (!show_everything(fd, out, &error) && !error.text[0]) {
        fprintf(stderr, "refused without a reason\n");
        exit(1);
    }
    close(fd);
}

static bool try_batch(size_t first, bool is_truncated, unsigned mask)
{
    int status;
    pid_t child = fork();
    if (child == 0) {
        FILE *out = fopen("/dev/null", "w");
        alarm(BATCH_SECONDS);
        for (size_t i = first; i < first + BATCH && i < good_bytes; i++) {
            *progress = i;
            try_one(i, is_truncated, mask, out);
        }
        exit(fclose(out) == 0 ? 0 : 1);
    }
    if (child < 0 || waitpid(child, &status, 0) < 0)
        exit(99);
    if (status == 0)
        return true;
    fprintf(stderr, "%s at offset %zu: wait status 0x%x\n", is_truncated ? "truncated" : "flipped",
            *progress, (unsigned)status);
    return false;
}

static int try_all(bool is_truncated, unsigned mask)
{
    size_t failures = 0;
    for (size_t first = 0; first < good_bytes; first += BATCH)
        failures += !try_batch(first, is_truncated, mask);
    printf("%zu offsets, %zu bad batches\n", good_bytes, failures);
    return failures != 0;
}

static int write_good(const char *path)
{
    FILE *file = fopen(path, "w");
    return file && fwrite(good, good_bytes, 1, file) == 1 && fclose(file) == 0 ? 0 : 99;
}

/* Reads all of a file whose name is not needed any more. */
static void take_file(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) != 0 || unlink(path) != 0)
        exit(99);
    good_bytes = (size_t)status.st_size;
    good = mmap(NULL, good_bytes, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
}

/* In place of the trace. */
static void make_snapshot(int fd)
{
    char directory[] = "/tmp/memtrace-fuzz-XXXXXX";
    struct trace trace;
    struct snapshot snapshot;
    struct error error;
    if (!mkdtemp(directory) || !trace_read(&trace, fd, &error) ||
        !snapshot_write(&snapshot, &trace, directory, 0, &error))
        exit(99);
    take_file(snapshot.path);
    rmdir(directory);
    snapshot_finish(&snapshot);
    trace_close(&trace);
}

static void make_good(bool is_snapshot)
{
    maker_example(&maker);
    int fd = maker_write(&maker);
    if (!show_compare_with(fd))
        exit(99);
    good_bytes = maker_file_bytes(&maker);
    good = mmap(NULL, good_bytes, PROT_READ, MAP_PRIVATE, fd, 0);
    if (is_snapshot)
        make_snapshot(fd);
    progress =
        mmap(NULL, sizeof *progress, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (good == MAP_FAILED || progress == MAP_FAILED)
        exit(99);
}

int main(int argc, char **argv)
{
    bool is_snapshot = argc > 2 && strcmp(argv[argc - 1], "snapshot") == 0;
    make_good(is_snapshot);
    argc -= is_snapshot;
    if (argc == 3 && strcmp(argv[1], "--write") == 0)
        return write_good(argv[2]);
    if (argc == 2 && strcmp(argv[1], "truncate") == 0)
        return try_all(true, 0);
    if (argc == 3 && strcmp(argv[1], "flip") == 0)
        return try_all(false, (unsigned)strtoul(argv[2], NULL, 0) & 0xff);
    fprintf(stderr, "usage: fuzz_trace --write FILE | truncate | flip MASK [snapshot]\n");
    return 2;
}
