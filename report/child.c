/* SPDX-License-Identifier: BSD-2-Clause */
/* child.c -- Runs a program as a child, so that nobody notices we are in between. */
#include "child.h"

#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Sent by somebody to us, and meant for the program. */
static const int passed_on[] = {SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGALRM, SIGCONT};
/* The terminal sends these to the child as well. */
static const int left_to_child[] = {SIGINT, SIGQUIT};

enum {
    PASSED_COUNT = sizeof passed_on / sizeof *passed_on,
    LEFT_COUNT = sizeof left_to_child / sizeof *left_to_child
};

/* How signals were before, and are for the child. */
struct signals {
    sigset_t mask;
    sigset_t waited;
    struct sigaction left[LEFT_COUNT];
    struct sigaction child;
};

static void take_signals(struct signals *signals)
{
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    const struct sigaction standard = {.sa_handler = SIG_DFL};
    sigemptyset(&signals->waited);
    sigaddset(&signals->waited, SIGCHLD);
    for (int i = 0; i < PASSED_COUNT; i++) {
        struct sigaction now;
        /* What we were told to ignore (nohup) the child ignores too. */
        if (sigaction(passed_on[i], NULL, &now) == 0 && now.sa_handler != SIG_IGN)
            sigaddset(&signals->waited, passed_on[i]);
    }
    sigprocmask(SIG_BLOCK, &signals->waited, &signals->mask);
    /* Were SIGCHLD ignored, the kernel would throw the child's status away. */
    sigaction(SIGCHLD, &standard, &signals->child);
    for (int i = 0; i < LEFT_COUNT; i++)
        sigaction(left_to_child[i], &ignore, &signals->left[i]);
}

static void give_signals_back(const struct signals *signals)
{
    for (int i = 0; i < LEFT_COUNT; i++)
        sigaction(left_to_child[i], &signals->left[i], NULL);
    sigaction(SIGCHLD, &signals->child, NULL);
    sigprocmask(SIG_SETMASK, &signals->mask, NULL);
}

static void become(const struct child *child, const char *path, const struct signals *signals,
                   int report_fd)
{
    if (child->prepare)
        child->prepare(child->context);
    if (signals)
        give_signals_back(signals);
    execv(path, child->argv);
    if (errno == ENOEXEC && !child->is_elf)
        execvp(path, child->argv); /* gives scripts without #! to sh; path has a slash */
    int reason = errno;
    ssize_t ignored = write(report_fd, &reason, sizeof reason);
    (void)ignored;
    _exit(127);
}

/* The pipe closes by itself when the child becomes the program. */
static int read_exec_errno(int fd)
{
    int reason = 0;
    ssize_t got;
    do
        got = read(fd, &reason, sizeof reason);
    while (got < 0 && errno == EINTR);
    return got == sizeof reason ? reason : 0;
}

static void wait_for_end(struct child *child, const struct signals *signals)
{
    for (;;) {
        siginfo_t info = {0};
        /* WNOWAIT: until the child is reaped its pid cannot become somebody else's. */
        if (waitid(P_PID, (id_t)child->pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
            info.si_pid == child->pid)
            break;
        int signal = sigwaitinfo(&signals->waited, NULL);
        if (signal > 0 && signal != SIGCHLD)
            kill(child->pid, signal);
    }
    while (waitpid(child->pid, &child->status, 0) < 0 && errno == EINTR)
        ;
}

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* What happened to signals before is undone in the child. */
static bool start(struct child *child, const char *path, const struct signals *signals)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return false;
    child->start_time_ns = now_ns();
    child->pid = fork();
    if (child->pid == 0)
        become(child, path, signals, ends[1]);
    int reason = errno;
    close(ends[1]);
    if (child->pid > 0)
        child->exec_errno = read_exec_errno(ends[0]);
    close(ends[0]);
    errno = reason;
    return child->pid > 0;
}

bool child_start(struct child *child, const char *path)
{
    return start(child, path, NULL);
}

bool child_has_ended(struct child *child)
{
    if (waitpid(child->pid, &child->status, WNOHANG) != child->pid)
        return false;
    child->run_time_ns = now_ns() - child->start_time_ns;
    return true;
}

bool child_run(struct child *child, const char *path)
{
    struct signals signals;
    take_signals(&signals);
    bool is_started = start(child, path, &signals);
    int reason = errno;
    if (is_started) {
        wait_for_end(child, &signals);
        child->run_time_ns = now_ns() - child->start_time_ns;
    }
    give_signals_back(&signals);
    errno = reason;
    return is_started;
}

void child_describe_end(const struct child *child, char *buffer, size_t buffer_bytes)
{
    struct number_text time = text_duration(child->run_time_ns);
    if (WIFSIGNALED(child->status))
        snprintf(buffer, buffer_bytes, "was killed by signal %d (%s) after %s",
                 WTERMSIG(child->status), strsignal(WTERMSIG(child->status)), time.text);
    else
        snprintf(buffer, buffer_bytes, "exited %d after %s", WEXITSTATUS(child->status), time.text);
}

int child_end_alike(const struct child *child)
{
    if (!WIFSIGNALED(child->status))
        return WEXITSTATUS(child->status);
    const struct rlimit no_core = {0, 0}; /* the core that matters is the program's */
    int number = WTERMSIG(child->status);
    sigset_t set;
    setrlimit(RLIMIT_CORE, &no_core);
    signal(number, SIG_DFL);
    sigemptyset(&set);
    sigaddset(&set, number);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    raise(number);
    return 128 + number;
}
