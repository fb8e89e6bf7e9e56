/* SPDX-License-Identifier: BSD-2-Clause */
/* filter.h -- Which of our system calls the program's own filters (seccomp) still permit.
 *
 * A filter's penalty is often death. So a filter is run here, on the calls that this library makes,
 * before the kernel gets it; what it would not let pass is not called any more, and fails with
 * EPERM instead (sys.h). */
#ifndef MEMTRACE_FILTER_H
#define MEMTRACE_FILTER_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stdint.h>

/* Those that would not pass, a bit for each number. */
struct filter_map {
    uint64_t words[8];
};

/* What a filter will forbid; in strict mode. Nothing, if the kernel is going to refuse it. */
struct filter_map filter_foresee(const struct sock_fprog *program);
struct filter_map filter_strict(void);

/* Makes it so, and hands back how it was, for filter_restore when the kernel has refused. */
struct filter_map filter_restrict(const struct filter_map *map);
void filter_restore(const struct filter_map *map);

/* The same in a vfork child, for itself alone: all is as before when it ends, or is replaced. */
void filter_restrict_child(const struct filter_map *map);
/* True if the caller is such a child, about to end; and to go on after all. */
bool filter_child_ends(void);
void filter_child_goes_on(void);

/* Nothing that we need is forbidden. */
bool filter_is_harmless(const struct filter_map *map);

/* What a filter says to a call, as SECCOMP_RET_ALLOW. */
struct seccomp_data;
uint32_t filter_run(const struct sock_filter *program, uint32_t count,
                    const struct seccomp_data *call);

#endif
