/* SPDX-License-Identifier: BSD-2-Clause */
/* fuzz.h -- What libFuzzer calls; replay.c does the same with stored inputs. */
#ifndef MEMTRACE_FUZZ_H
#define MEMTRACE_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerInitialize(int *count, char ***arguments);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

#endif
