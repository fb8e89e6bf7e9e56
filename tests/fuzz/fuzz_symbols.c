/* SPDX-License-Identifier: BSD-2-Clause */
/* fuzz_symbols.c -- Any bytes as the ELF file of a module, as the tool itself reads it: names,
 * build-id and symbol table. What DWARF does to a sandboxed child is fuzz_dwarf.c's. */
#include "fuzz.h"
#include "symbolize.h"
#include "symbols/debuginfo.h"
#include "symbols/symbol_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static void read_symbols(const struct elf_file *file)
{
    struct symbol_table table = {0};
    if (!file->path || !symbol_table_read(&table, file))
        return;
    for (uint64_t address = 0; address < 0x4000; address += 97)
        symbol_table_find(&table, address);
    symbol_table_finish(&table);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    char path[64];
    struct debuginfo info;
    int fd = memfd_create("module", MFD_CLOEXEC);
    if (fd < 0 || write(fd, bytes, count) != (ssize_t)count)
        abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    debuginfo_find(&info, &(struct symbol_module){.path = path}, "/nonexistent");
    read_symbols(&info.module);
    debuginfo_finish(&info);
    close(fd);
    return 0;
}
