/* SPDX-License-Identifier: BSD-2-Clause */
/* top_program.c -- A program that memtrace top runs, with its hands off the terminal. */
#include "top_program.h"

#include "command.h"
#include "library.h"
#include "recorder.h"
#include "target.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- in the child --- */

static char *own_output_path(const char *name, pid_t pid)
{
    char *path = NULL;
    return asprintf(&path, "%s.%ld.output", text_basename(name), (long)pid) < 0 ? NULL : path;
}

static int open_own_output(const struct top_program *program)
{
    char *path = own_output_path(program->child.argv[0], getpid());
    int fd = -1;
    if (path)
        fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_APPEND | O_CLOEXEC, 0600);
    free(path);
    return fd;
}

static void prepare(void *context)
{
    const struct top_program *program = context;
    int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    int output = program->output_fd;
    setsid();
    if (output < 0)
        output = open_own_output(program);
    if (isatty(STDERR_FILENO))
        dup2(output < 0 ? nothing : output, STDERR_FILENO);
    if (isatty(STDIN_FILENO))
        dup2(nothing, STDIN_FILENO);
    dup2(output < 0 ? nothing : output, STDOUT_FILENO);
    recorder_prepare(program->library, program->trace_output);
}

/* --- starting --- */

static int fail(struct error *error, int status, const char *what)
{
    error_set(error, "%s", what);
    return status;
}

/* The program's path, to be freed; NULL with the status in *ret_status. */
static char *find_path(const char *name, struct error *error, int *ret_status)
{
    char *path = target_search(name);
    bool is_missing = !path && (errno == ENOENT || errno == ENOTDIR);
    if (!path)
        *ret_status = fail(error, is_missing ? STATUS_NOT_FOUND : STATUS_NOT_EXECUTABLE,
                           errno == ENOENT ? "not found" : strerror(errno));
    return path;
}

static int inspect(struct top_program *program, const char *path, struct error *error)
{
    struct target target;
    target_inspect(&target, path);
    snprintf(program->note, sizeof program->note, "%s", target.note);
    program->child.is_elf = target.is_elf;
    if (!target.can_preload) {
        error_set(error, "%.230s", target.note);
        return STATUS_OWN_FAILURE;
    }
    program->library = library_find(error);
    return program->library ? 0 : STATUS_OWN_FAILURE;
}

static int open_output(struct top_program *program, const char *output_path, struct error *error)
{
    program->output_fd = -1;
    if (!output_path)
        return 0;
    program->output_path = strdup(output_path);
    program->output_fd =
        open(output_path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    if (program->output_fd >= 0)
        return 0;
    error_set(error, "%.150s: %s", output_path, strerror(errno));
    return STATUS_OWN_FAILURE;
}

static int start(struct top_program *program, const char *path, struct error *error)
{
    struct child *child = &program->child;
    if (!child_start(child, path)) {
        error_set(error, "cannot start a process: %s", strerror(errno));
        return STATUS_OWN_FAILURE;
    }
    if (!program->output_path)
        program->output_path = own_output_path(child->argv[0], child->pid);
    if (program->output_path && access(program->output_path, F_OK) != 0) {
        free(program->output_path);
        program->output_path = NULL;
    }
    if (!child->exec_errno)
        return 0;
    waitpid(child->pid, &child->status, 0);
    program->has_ended = true;
    top_program_tidy(program);
    return fail(error, STATUS_NOT_EXECUTABLE,
                child->exec_errno == ENOENT ? "its interpreter is missing"
                                            : strerror(child->exec_errno));
}

int top_program_start(struct top_program *program, char **argv, const char *trace_output,
                      const char *output_path, struct error *error)
{
    int status = 0;
    *program = (struct top_program){.child = {.argv = argv, .prepare = prepare}, .output_fd = -1};
    program->child.context = program;
    char *path = find_path(argv[0], error, &status);
    if (path)
        status = inspect(program, path, error);
    if (path && !status)
        status = open_output(program, output_path, error);
    if (path && !status) {
        program->trace_output = recorder_output(trace_output);
        status = program->trace_output ? start(program, path, error) : STATUS_OWN_FAILURE;
    }
    free(path);
    if (status)
        top_program_finish(program);
    return status;
}

/* --- afterwards --- */

bool top_program_has_ended(struct top_program *program)
{
    if (!program->has_ended)
        program->has_ended = child_has_ended(&program->child);
    return program->has_ended;
}

void top_program_tidy(struct top_program *program)
{
    struct stat status;
    if (!program->has_ended || !program->output_path || stat(program->output_path, &status) != 0 ||
        !S_ISREG(status.st_mode) || status.st_size)
        return;
    unlink(program->output_path);
    free(program->output_path);
    program->output_path = NULL;
}

void top_program_finish(struct top_program *program)
{
    if (program->output_fd >= 0)
        close(program->output_fd);
    free(program->output_path);
    free(program->library);
    free(program->trace_output);
    program->output_path = program->library = program->trace_output = NULL;
    program->output_fd = -1;
}
