/* SPDX-License-Identifier: BSD-2-Clause */
/* fuzz_dwarf.c -- Any bytes as an ELF file with DWARF, read in this very process.
 *
 * The tool does this in a child with limits, and answers without lines if that dies; so what is
 * found in libdwarf is contained, and what is found in symbols/dwarf_*.c is to be mended. */
#include "fuzz.h"
#include "symbols/answers.h"
#include "symbols/dwarf_units.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    ADDRESSES = 64,
    STEP = 61
};

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    static struct answer_writer writer;
    static uint64_t addresses[ADDRESSES];
    static int output = -1;
    char path[64];
    struct debuginfo info;
    int fd = memfd_create("module", MFD_CLOEXEC);
    if (output < 0)
        output = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, bytes, count) != (ssize_t)count)
        abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    debuginfo_find(&info, &(struct symbol_module){.path = path}, "/nonexistent");
    for (uint64_t i = 0; i < ADDRESSES; i++)
        addresses[i] = info.module.code_start + i * STEP;
    writer = (struct answer_writer){.fd = output};
    if (info.dwarf)
        dwarf_answer(&info, addresses, ADDRESSES, &writer);
    debuginfo_finish(&info);
    close(fd);
    return 0;
}
