/* SPDX-License-Identifier: BSD-2-Clause */
/* opened.c -- The traces that a command line names, opened. */
#include "opened.h"

#include "find.h"
#include "merge.h"
#include "moment.h"

#include <stdlib.h>

static bool open_one(struct opened *opened, size_t index, const char *operand, struct error *error)
{
    struct moment moment;
    char *name = NULL;
    struct trace *trace = &opened->traces[index];
    if (!moment_divide(&moment, operand, &name, error))
        return false;
    opened->paths[index] = find_trace(name, error);
    bool is_ok = opened->paths[index] && trace_open(trace, opened->paths[index], error) &&
                 moment_rewind(&moment, trace, error);
    moment_finish(&moment);
    free(name);
    if (is_ok && opened->count > 1 && !trace_knows_all(trace))
        return error_set(error, "only ends of traces add up");
    return is_ok;
}

/* Several are of one machine, or their addresses mean nothing together. */
static bool merge(struct opened *opened, struct error *error)
{
    for (size_t i = 1; i < opened->count; i++)
        if (opened->traces[i].header.machine != opened->traces[0].header.machine)
            return error_set(error, "traces of different architectures do not add up");
    opened->trace = &opened->merged;
    return trace_merge(&opened->merged, opened->traces, opened->count, error);
}

bool opened_init(struct opened *opened, char *const *operands, int count, struct error *error)
{
    *opened = (struct opened){.count = count > 0 ? (size_t)count : 1};
    opened->traces = calloc(opened->count, sizeof *opened->traces);
    opened->paths = calloc(opened->count, sizeof *opened->paths);
    if (!opened->traces || !opened->paths)
        return error_out_of_memory(error);
    for (size_t i = 0; i < opened->count; i++) {
        const char *operand = count > 0 ? operands[i] : NULL;
        opened->failed = operand;
        if (!open_one(opened, i, operand, error)) {
            opened->failed = opened->paths[i] ? opened->paths[i] : operand;
            return false;
        }
    }
    opened->failed = NULL;
    opened->trace = &opened->traces[0];
    return opened->count == 1 || merge(opened, error);
}

void opened_finish(struct opened *opened)
{
    for (size_t i = 0; i < opened->count; i++) {
        if (opened->traces)
            trace_close(&opened->traces[i]);
        if (opened->paths)
            free(opened->paths[i]);
    }
    trace_close(&opened->merged);
    free(opened->traces);
    free(opened->paths);
    *opened = (struct opened){0};
}

const char *opened_subject(const struct opened *opened, const char *otherwise)
{
    if (opened->failed)
        return opened->failed;
    return opened->paths && opened->paths[0] ? opened->paths[0] : otherwise;
}
