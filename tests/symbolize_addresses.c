/* SPDX-License-Identifier: BSD-2-Clause */
/* symbolize_addresses.c -- Prints the frames of addresses in one file as llvm-symbolizer does.
 *
 * Usage: symbolize_addresses [--mangled] [--debug-root=DIR] FILE < addresses
 * Each line of input is a hexadecimal offset. For each, the frames come as pairs of lines,
 * FUNCTION and FILE:LINE, innermost first, and an empty line after them; "??" is unknown. A last
 * line on stderr says where the names came from and how long it took. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "symbolize.h"

struct addresses {
    uint64_t *offsets;
    size_t count;
};

static bool read_addresses(struct addresses *addresses)
{
    char line[64];
    size_t capacity = 0;

    while (fgets(line, sizeof(line), stdin)) {
        if (addresses->count == capacity) {
            capacity = capacity ? capacity * 2 : 1024;
            addresses->offsets = realloc(addresses->offsets, capacity * sizeof(uint64_t));
            if (!addresses->offsets)
                return false;
        }
        addresses->offsets[addresses->count++] = strtoull(line, NULL, 16);
    }
    return true;
}

static void print_frames(const struct symbolizer *symbolizer, uint64_t offset)
{
    const struct symbol_frame *frames;
    size_t count = symbolizer_lookup(symbolizer, 1, offset, &frames);

    for (size_t i = 0; i < count; i++)
        printf("%s\n%s:%u\n", frames[i].function ? frames[i].function : "??",
               frames[i].file ? frames[i].file : "??", frames[i].line);
    puts(count ? "" : "??\n??:0\n");
}

static double seconds_since(const struct timespec *start)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - start->tv_sec) + (double)(now.tv_nsec - start->tv_nsec) * 1e-9;
}

int main(int argc, char **argv)
{
    struct symbol_module modules[2] = {{.path = ""}, {.path = NULL}};
    struct symbol_options options = {0};
    struct addresses addresses = {0};
    struct symbolizer *symbolizer;
    struct timespec start;
    const char *explanation;
    int source;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--mangled") == 0)
            options.keeps_mangled = true;
        else if (strncmp(argv[i], "--debug-root=", 13) == 0)
            options.debug_root = argv[i] + 13;
        else
            modules[1].path = realpath(argv[i], NULL);
    }
    if (!modules[1].path || !read_addresses(&addresses))
        return 2;
    clock_gettime(CLOCK_MONOTONIC, &start);
    symbolizer = symbolizer_create(modules, 2);
    if (!symbolizer)
        return 2;
    symbolizer_configure(symbolizer, &options);
    for (size_t i = 0; i < addresses.count; i++)
        symbolizer_add(symbolizer, 1, addresses.offsets[i]);
    symbolizer_resolve(symbolizer);
    source = symbolizer_source(symbolizer, 1, &explanation);
    fprintf(stderr, "source %d, %.3f s, %s\n", source, seconds_since(&start), explanation);
    for (size_t i = 0; i < addresses.count; i++)
        print_frames(symbolizer, addresses.offsets[i]);
    symbolizer_destroy(symbolizer);
    free(addresses.offsets);
    free((char *)modules[1].path);
    return 0;
}
