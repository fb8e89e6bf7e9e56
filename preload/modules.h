/* SPDX-License-Identifier: BSD-2-Clause */
/* modules.h -- The ELF files whose code has been seen on a stack: from address to (module, offset).
 *
 * A module is entered when the first address in it is resolved, with its build-id read from
 * memory; nothing walks the loader's list. The loader is asked through _dl_find_object, which
 * takes no lock. All functions are called with trace_lock held. */
#ifndef MEMTRACE_MODULES_H
#define MEMTRACE_MODULES_H

#include <stdbool.h>
#include <stdint.h>

struct code_place {
    uint32_t module; /* 0: in no module, offset is the address */
    uint64_t offset; /* from the load bias */
};

struct code_place modules_locate(uint64_t address);

/* Marks modules that the loader no longer knows and calls drop for their addresses. True when there
 * was one: then everything that was remembered by address is void. */
bool modules_drop_unloaded(void (*drop)(uint64_t start, uint64_t end));

/* In a forked child, after its trace has taken over the parent's modules. */
void modules_after_fork(void);

#endif
