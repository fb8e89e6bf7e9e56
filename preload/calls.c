/* SPDX-License-Identifier: BSD-2-Clause */
/* calls.c -- What the instruction before a return address tells. */
#include "calls.h"

#include "loader.h"
#include "unwind_arch.h"

bool calls_can_return_to(uint64_t address)
{
    struct loaded_object object;
    return loader_find(address - 8, &object) && address - 8 >= object.start &&
           address < object.end && arch_follows_call(address);
}

bool calls_surely(uint64_t return_address, uint64_t start)
{
    struct loaded_object object;
    uint64_t target = arch_call_target(return_address);
    if (!target || target == start)
        return target != 0;
    return loader_find(target, &object) && target >= object.start &&
           object.end - target >= ARCH_STUB_BYTES &&
           arch_stub_target(target, object.start, object.end) == start;
}
