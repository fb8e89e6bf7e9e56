/* SPDX-License-Identifier: BSD-2-Clause */
/* sandbox.c -- Forks children under resource limits and gathers what they write. */
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PARALLEL_MAX 8
/* A child may wait for the disk or for a busy machine: wall time is bounded more generously. */
#define WALL_PER_CPU_SECOND 4
#define WALL_SECONDS_EXTRA 10

static uint64_t now_ns(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/* What this process has mapped already counts against RLIMIT_AS (terabytes under AddressSanitizer).
 */
static uint64_t mapped_bytes(void)
{
    unsigned long long pages = 0;
    FILE *statm = fopen("/proc/self/statm", "re");

    if (!statm)
        return 0;
    if (fscanf(statm, "%llu", &pages) != 1)
        pages = 0;
    fclose(statm);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void limit(int resource, uint64_t soft, uint64_t hard)
{
    struct rlimit old;
    struct rlimit new = {soft, hard};

    if (getrlimit(resource, &old) == 0 && old.rlim_max != RLIM_INFINITY && old.rlim_max < hard)
        return;
    setrlimit(resource, &new);
}

/* Takes from the child whatever it could do harm or noise with. */
static void confine(const struct sandbox_job *job)
{
    int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);

    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL);
    for (int fd = 0; nothing >= 0 && fd <= 2; fd++)
        dup2(nothing, fd);
    /* No core file either, not even one piped to a program: that ignores RLIMIT_CORE. */
    prctl(PR_SET_DUMPABLE, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    limit(RLIMIT_CORE, 0, 0);
    limit(RLIMIT_FSIZE, 0, 0);
    /* The hard limit is SIGKILL, which would not tell us why. */
    limit(RLIMIT_CPU, job->cpu_seconds, job->cpu_seconds + 1);
    if (job->memory_bytes) {
        uint64_t memory = mapped_bytes() + job->memory_bytes;

        limit(RLIMIT_AS, memory, memory);
    }
}

static void run_child(const struct sandbox_job *job, int output, pid_t parent)
{
    sigset_t none;

    confine(job);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (getppid() != parent)
        _exit(1);
    _exit(job->work(output, job->argument) ? 0 : 1);
}

static bool start(struct sandbox_job *job)
{
    int ends[2];
    pid_t parent = getpid();
    sigset_t all, old;

    if (pipe2(ends, O_CLOEXEC) != 0)
        return false;
    /* A signal must not meet the tool's handlers in the child. */
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &old);
    job->pid = fork();
    if (job->pid == 0)
        run_child(job, ends[1], parent);
    sigprocmask(SIG_SETMASK, &old, NULL);
    close(ends[1]);
    if (job->pid < 0) {
        close(ends[0]);
        return false;
    }
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    fcntl(ends[0], F_SETPIPE_SZ, 1 << 20);
    job->pipe = ends[0];
    job->deadline_ns =
        now_ns() +
        ((uint64_t)job->cpu_seconds * WALL_PER_CPU_SECOND + WALL_SECONDS_EXTRA) * 1000000000u;
    return true;
}

/* The caller may ignore SIGCHLD or reap our child itself: then its output alone has to do. */
static void reap(struct sandbox_job *job)
{
    int status = 0;
    pid_t got;

    do
        got = waitpid(job->pid, &status, 0);
    while (got < 0 && errno == EINTR);
    if (got != job->pid || job->end != SANDBOX_DONE)
        return;
    if (WIFSIGNALED(status))
        job->signal = WTERMSIG(status);
    if (job->signal == SIGXCPU)
        job->end = SANDBOX_TOO_LONG;
    else if (job->signal || WEXITSTATUS(status) != 0)
        job->end = SANDBOX_DIED;
}

static void finish(struct sandbox_job *job, enum sandbox_end end)
{
    job->end = end;
    if (end != SANDBOX_DONE)
        kill(job->pid, SIGKILL);
    close(job->pipe);
    job->pipe = -1;
    reap(job);
}

static bool make_room(struct sandbox_job *job)
{
    size_t capacity = job->output_capacity ? job->output_capacity * 2 : 64u << 10;
    uint8_t *output;

    if (job->output_bytes < job->output_capacity)
        return true;
    if (job->output_bytes >= job->output_bytes_max)
        return false;
    if (capacity > job->output_bytes_max)
        capacity = job->output_bytes_max;
    output = realloc(job->output, capacity);
    if (!output)
        return false;
    job->output = output;
    job->output_capacity = capacity;
    return true;
}

/* Reads all there is at the moment; finishes the job at the end of its output. */
static void gather(struct sandbox_job *job)
{
    for (;;) {
        ssize_t got;

        if (!make_room(job)) {
            finish(job, SANDBOX_TOO_MUCH);
            return;
        }
        got = read(job->pipe, job->output + job->output_bytes,
                   job->output_capacity - job->output_bytes);
        if (got > 0) {
            job->output_bytes += (size_t)got;
            continue;
        }
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && errno == EAGAIN)
            return;
        finish(job, got == 0 ? SANDBOX_DONE : SANDBOX_DIED);
        return;
    }
}

static int wait_ms(struct sandbox_job *const *running, size_t count)
{
    uint64_t now = now_ns();
    uint64_t wait_ns = 1000000000u;

    for (size_t i = 0; i < count; i++) {
        uint64_t left = running[i]->deadline_ns > now ? running[i]->deadline_ns - now : 0;

        wait_ns = left < wait_ns ? left : wait_ns;
    }
    return (int)(wait_ns / 1000000u) + 1;
}

/* Waits until something happens to one of the running jobs; returns how many are left. */
static size_t attend(struct sandbox_job **running, size_t count)
{
    struct pollfd polls[PARALLEL_MAX];
    size_t left = 0;
    uint64_t now;

    for (size_t i = 0; i < count; i++)
        polls[i] = (struct pollfd){.fd = running[i]->pipe, .events = POLLIN};
    if (poll(polls, count, wait_ms(running, count)) < 0)
        return count;
    now = now_ns();
    for (size_t i = 0; i < count; i++) {
        if (polls[i].revents)
            gather(running[i]);
        if (running[i]->pipe >= 0 && now >= running[i]->deadline_ns)
            finish(running[i], SANDBOX_TOO_LONG);
        if (running[i]->pipe >= 0)
            running[left++] = running[i];
    }
    return left;
}

void sandbox_run(struct sandbox_job *jobs, size_t count)
{
    struct sandbox_job *running[PARALLEL_MAX];
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    size_t parallel = processors < 1 ? 1 : (size_t)processors;
    size_t next = 0;
    size_t left = 0;

    if (parallel > PARALLEL_MAX)
        parallel = PARALLEL_MAX;
    while (next < count || left > 0) {
        while (next < count && left < parallel) {
            struct sandbox_job *job = &jobs[next++];

            job->end = SANDBOX_NOT_STARTED;
            if (start(job))
                running[left++] = job;
        }
        if (left > 0)
            left = attend(running, left);
    }
}
