/* SPDX-License-Identifier: BSD-2-Clause */
/* small_file.c -- One of the kernel's small files, read in one go.
 *
 * Opened anew each time: a descriptor that is kept is in the program's way, and in a forked child
 * it still tells of the parent. O_NONBLOCK, because in another root anything may stand at a path.
 */
#include "small_file.h"

#include "sys.h"

#include <fcntl.h>

bool small_file_read(const char *path, char *buffer, size_t capacity)
{
    long fd = sys(__NR_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return false;
    long length = sys(__NR_read, fd, buffer, capacity - 1);
    sys(__NR_close, fd);
    buffer[length > 0 ? length : 0] = 0;
    return length > 0;
}
