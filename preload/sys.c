/* SPDX-License-Identifier: BSD-2-Clause */
/* sys.c -- Which system calls are not made any more. */
#include "sys.h"

uint64_t sys_forbidden[SYS_FORBIDDEN_WORDS];

void sys_forbid(const uint64_t *words)
{
    for (int i = 0; i < SYS_FORBIDDEN_WORDS; i++)
        __atomic_fetch_or(&sys_forbidden[i], words[i], __ATOMIC_SEQ_CST);
}

void sys_forbid_only(const uint64_t *words)
{
    for (int i = 0; i < SYS_FORBIDDEN_WORDS; i++)
        __atomic_store_n(&sys_forbidden[i], words[i], __ATOMIC_SEQ_CST);
}
