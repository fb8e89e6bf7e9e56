/* SPDX-License-Identifier: BSD-2-Clause */
/* closed_descriptors.c -- Closes every descriptor, opens files under their numbers and allocates.
 *
 * What the recorder wrote to a number that it believes to be its own would be in these files. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    NUMBERS = 64,
    ROUNDS = 20,
    BLOCKS = 2000
};

static const char canary[] = "nothing but this line\n";

static int is_untouched(const char *path)
{
    char content[sizeof canary + 1];
    int fd = open(path, O_RDONLY);
    ssize_t length = fd < 0 ? -1 : read(fd, content, sizeof content);

    if (fd >= 0)
        close(fd);
    return length == sizeof canary - 1 && memcmp(content, canary, sizeof canary - 1) == 0;
}

static void allocate(size_t size)
{
    for (int i = 0; i < BLOCKS; i++)
        free(malloc(size + (size_t)i % 64)); /* @closed */
}

int main(void)
{
    char path[] = "/tmp/memtrace-canary-XXXXXX";
    int output = dup(STDOUT_FILENO);
    int high = fcntl(output, F_DUPFD, 900), fd;
    int good = 1;

    allocate(10);
    fd = mkstemp(path);
    if (fd < 0 || write(fd, canary, sizeof canary - 1) < 0)
        return 1;
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 3; i < NUMBERS; i++)
            close(i);
        for (int i = 3; i < NUMBERS; i++)
            (void)!open(path, O_RDWR);
        allocate((size_t)round);
        good &= is_untouched(path);
    }
    unlink(path);
    return write(high, good ? "untouched\n" : "TOUCHED\n", good ? 10 : 8) > 0 && good ? 0 : 2;
}
