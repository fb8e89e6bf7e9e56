/* SPDX-License-Identifier: BSD-2-Clause */
/* demangle.c -- Has libiberty demangle names in a sandboxed child.
 *
 * A name that kills the child stays as it is. To know which one it was, the next child hands over
 * each result before it starts on the next name; and a third goes on behind the culprit. */
#include "demangle.h"

#include <stdlib.h>
#include <string.h>

#include <libiberty/demangle.h>

#include "answers.h"
#include "sandbox.h"

#define NAME_BYTES_MAX (16u << 10)     /* longer ones are shown as they are */
#define READABLE_BYTES_MAX (64u << 10) /* so are bombs that unfold to more */
#define CHILDREN_MAX 8
#define MEMORY_BYTES (256u << 20)
#define CPU_SECONDS 2

bool is_mangled(const char *name)
{
    return name[0] == '_' && (name[1] == 'Z' || name[1] == 'R') && name[2] != 0;
}

struct batch {
    const char *const *names;
    size_t count;
    bool is_careful;
};

/* Child: writes one string for each name, empty where there is nothing to say. */
static bool demangle_batch(int output, void *argument)
{
    const struct batch *batch = argument;
    static struct answer_writer writer;

    writer.fd = output;
    for (size_t i = 0; i < batch->count; i++) {
        const char *name = batch->names[i];
        char *readable = NULL;

        if (strlen(name) <= NAME_BYTES_MAX)
            readable = cplus_demangle(name, DMGL_PARAMS | DMGL_ANSI | DMGL_AUTO);
        if (readable && strlen(readable) <= READABLE_BYTES_MAX)
            answer_string(&writer, readable, strlen(readable));
        else
            answer_string(&writer, "", 0);
        free(readable);
        if (batch->is_careful)
            answer_flush(&writer);
    }
    answer_flush(&writer);
    return !writer.failed;
}

/* Returns how many names were done. */
static size_t take_results(const struct sandbox_job *job, char **ret_readable, size_t count)
{
    struct cursor cursor = cursor_at((struct bytes){job->output, job->output_bytes}, 0);
    struct answer_record record;
    size_t done = 0;

    while (done < count && answer_next(&cursor, &record) && record.kind == ANSWER_STRING) {
        if (record.text.size > 0)
            ret_readable[done] = strndup((const char *)record.text.data, record.text.size);
        done++;
    }
    return done;
}

static size_t run_batch(struct batch *batch, char **ret_readable)
{
    struct sandbox_job job = {.work = demangle_batch,
                              .argument = batch,
                              .memory_bytes = MEMORY_BYTES,
                              .cpu_seconds = CPU_SECONDS,
                              .output_bytes_max = (size_t)256 << 20};
    size_t done;

    sandbox_run(&job, 1);
    done = take_results(&job, ret_readable, batch->count);
    free(job.output);
    return done;
}

void demangle_all(const char *const *names, size_t count, char **ret_readable)
{
    size_t done = 0;

    memset(ret_readable, 0, count * sizeof(*ret_readable));
    for (int child = 0; done < count && child < CHILDREN_MAX; child++) {
        struct batch batch = {names + done, count - done, child > 0};

        done += run_batch(&batch, ret_readable + done);
        done += batch.is_careful && done < count;
    }
}
