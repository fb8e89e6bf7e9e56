/* SPDX-License-Identifier: BSD-2-Clause */
/* recorder_value.h -- What the recorder takes for a value of its options, so that a bad one is
 * found before the program runs. */
#ifndef MEMTRACE_RECORDER_VALUE_H
#define MEMTRACE_RECORDER_VALUE_H

#include <stdbool.h>
#include <stdint.h>

bool recorder_value_is_number(const char *text, uint64_t least, uint64_t most);

/* 64K, 500M, 2G, or plain bytes. */
bool recorder_value_is_size(const char *text, uint64_t most_bytes);

/* 500ms, 1s, 10m, 2h, 7d, or 0. */
bool recorder_value_is_duration(const char *text, uint64_t most_ns);

/* every=10m,signal=USR2,live=500M,live+20%,rss=1G,rss+20%,max=50 */
bool recorder_value_is_snapshot_list(const char *text);

#endif
