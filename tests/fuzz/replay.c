/* SPDX-License-Identifier: BSD-2-Clause */
/* replay.c -- Feeds stored inputs to a fuzzing target, as an ordinary program.
 *
 *   replay DIRECTORY    every file in it; one result each, in TAP */
#include "fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#pragma weak LLVMFuzzerInitialize

static uint8_t *read_input(const char *directory, const char *name, size_t *ret_count)
{
    char path[4096];
    uint8_t *bytes = NULL;
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "rb");
    if (!file)
        return NULL;
    if (fseek(file, 0, SEEK_END) == 0) {
        *ret_count = (size_t)ftell(file);
        rewind(file);
        bytes = malloc(*ret_count + 1);
        if (bytes && fread(bytes, 1, *ret_count, file) != *ret_count) {
            free(bytes);
            bytes = NULL;
        }
    }
    fclose(file);
    return bytes;
}

int main(int argc, char **argv)
{
    int number = 0;
    size_t count;
    struct dirent *entry;
    DIR *inputs = argc == 2 ? opendir(argv[1]) : NULL;
    if (!inputs) {
        fprintf(stderr, "replay: %s: %s\n", argc == 2 ? argv[1] : "usage", strerror(errno));
        return 2;
    }
    if (LLVMFuzzerInitialize)
        LLVMFuzzerInitialize(&argc, &argv);
    while ((entry = readdir(inputs))) {
        if (entry->d_name[0] == '.')
            continue;
        printf("# %s\n", entry->d_name);
        fflush(stdout);
        uint8_t *bytes = read_input(argv[1], entry->d_name, &count);
        if (bytes)
            LLVMFuzzerTestOneInput(bytes, count);
        printf("%sok %d - %s\n", bytes ? "" : "not ", ++number, entry->d_name);
        free(bytes);
    }
    closedir(inputs);
    printf("1..%d\n", number);
    return 0;
}
