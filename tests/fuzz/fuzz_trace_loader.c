/* SPDX-License-Identifier: BSD-2-Clause */
/* fuzz_trace_loader.c -- Any bytes as a trace or a snapshot: refused with a reason, or shown. */
#include "../make_trace.h"
#include "../show_everything.h"
#include "fuzz.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static FILE *nowhere;

int LLVMFuzzerInitialize(int *count, char ***arguments)
{
    static struct trace_maker maker;
    (void)count;
    (void)arguments;
    maker_example(&maker);
    nowhere = fopen("/dev/null", "w");
    if (!nowhere || !show_compare_with(maker_write(&maker)))
        abort();
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    struct error error = {"", 0};
    int fd = memfd_create("trace", MFD_CLOEXEC);
    if (fd < 0 || write(fd, bytes, count) != (ssize_t)count)
        abort();
    if (!show_everything(fd, nowhere, &error) && !error.text[0])
        abort();
    close(fd);
    return 0;
}
