/* SPDX-License-Identifier: BSD-2-Clause */
/* on_cpu.c -- Which threads are on a CPU just now. */
#include "on_cpu.h"

#include "clock.h"
#include "small_file.h"
#include "text.h"

enum {
    FILE_BYTES = 512, /* of it, at most */
    CPU_FIELD = 36    /* of /proc/PID/stat, after the state */
};

bool on_cpu_is_running(uint32_t tid, uint64_t clock_ns)
{
    uint64_t now_ns;
    return clock_thread_cpu_ns(tid, &now_ns) && now_ns != clock_ns;
}

static const char *after_spaces(const char *text, unsigned count)
{
    while (count && *text)
        count -= *text++ == ' ';
    return text;
}

static bool read_file(uint32_t tid, const char *name, char bytes[static FILE_BYTES])
{
    char path[64];
    struct text text;
    text_init(&text, path, sizeof path);
    text_add(&text, "/proc/self/task/");
    text_add_number(&text, tid);
    text_add(&text, name);
    return small_file_read(path, bytes, FILE_BYTES);
}

bool on_cpu_look(uint32_t tid, struct on_cpu_state *ret_state)
{
    char line[FILE_BYTES];
    const char *state = read_file(tid, "/stat", line) ? text_after_last(line, ')') : NULL;
    if (!state)
        return false;
    ret_state->is_runnable = text_after(state, " R") != NULL;
    return text_read_number(after_spaces(state + 1, CPU_FIELD), &ret_state->cpu) != NULL;
}

/* In milliseconds, with six decimal places. */
uint64_t on_cpu_until_ns(uint32_t tid)
{
    char lines[FILE_BYTES];
    uint64_t whole_ms, rest_ns;
    const char *at =
        read_file(tid, "/sched", lines) ? text_line_after(lines, "se.exec_start") : NULL;
    while (at && (*at == ' ' || *at == ':'))
        at++;
    at = at ? text_read_number(at, &whole_ms) : NULL;
    if (!at || *at != '.' || !text_read_number(at + 1, &rest_ns))
        return 0;
    return whole_ms * 1000000 + rest_ns;
}
