/* SPDX-License-Identifier: BSD-2-Clause */
/* scans_data.c -- Reads all writable data of all libraries, as conservative garbage collectors do.
 */
#include <link.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static int scan(struct dl_phdr_info *info, size_t size, void *sum)
{
    (void)size;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        const volatile uint64_t *word =
            (const volatile uint64_t *)(info->dlpi_addr + (segment->p_vaddr + 7) / 8 * 8);
        if (segment->p_type != PT_LOAD || !(segment->p_flags & PF_W))
            continue;
        for (size_t k = 0; k + 8 < segment->p_memsz / 8; k++)
            *(uint64_t *)sum |= word[k];
    }
    return 0;
}

int main(void)
{
    uint64_t sum = 0;
    for (int i = 0; i < 20; i++) {
        free(malloc(100));
        dl_iterate_phdr(scan, &sum);
    }
    printf("%d\n", sum != 0);
    return 0;
}
