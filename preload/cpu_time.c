/* SPDX-License-Identifier: BSD-2-Clause */
/* cpu_time.c -- The CPU time that samples have to account for. */
#include "cpu_time.h"

#include "clock.h"

static uint64_t base_ns;
static uint32_t left_out;
static uint64_t left_out_ns;       /* its time, when it could be read last */
static uint64_t left_out_ended_ns; /* of those before it */

uint64_t cpu_time_left_out_ns(void)
{
    uint64_t now_ns;
    if (left_out && clock_thread_cpu_ns(left_out, &now_ns))
        left_out_ns = now_ns;
    return left_out_ended_ns + left_out_ns;
}

static uint64_t process_ns(void)
{
    uint64_t all_ns = clock_process_cpu_ns(), own_ns = cpu_time_left_out_ns();
    return all_ns > own_ns ? all_ns - own_ns : 0;
}

void cpu_time_begin(void)
{
    left_out = 0;
    left_out_ns = left_out_ended_ns = 0;
    base_ns = process_ns();
}

void cpu_time_leave_out(uint32_t tid)
{
    left_out_ended_ns += left_out_ns;
    left_out_ns = 0;
    left_out = tid;
}

uint64_t cpu_time_ns(void)
{
    return process_ns() - base_ns;
}
