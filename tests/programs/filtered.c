/* SPDX-License-Identifier: BSD-2-Clause */
/* filtered.c -- Forbids itself system calls, on pain of death, and goes on allocating.
 *
 * The argument names the filter. Whatever it forbids, the program itself does not do. */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    DEPTH = 9, /* 512 call stacks */
    STEPS_MAX = 64,
    THREADS = 4
};

static struct sock_filter steps[STEPS_MAX];
static unsigned short step_count;

static void add(uint16_t code, uint32_t k, uint8_t jt, uint8_t jf)
{
    steps[step_count++] = (struct sock_filter){code, jt, jf, k};
}

/* Each of the numbers leads to met, all others to otherwise. */
static struct sock_fprog *make_filter(const int *numbers, uint32_t met, uint32_t otherwise)
{
    static struct sock_fprog program;
    step_count = 0;
    add(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr), 0, 0);
    for (; *numbers >= 0; numbers++) {
        add(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)*numbers, 0, 1);
        add(BPF_RET | BPF_K, met, 0, 0);
    }
    add(BPF_RET | BPF_K, otherwise, 0, 0);
    program = (struct sock_fprog){step_count, steps};
    return &program;
}

static struct sock_fprog *permit_only(const int *numbers)
{
    return make_filter(numbers, SECCOMP_RET_ALLOW, SECCOMP_RET_KILL_PROCESS);
}

static struct sock_fprog *forbid_only(const int *numbers)
{
    return make_filter(numbers, SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_ALLOW);
}

static void install(struct sock_fprog *program)
{
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program, 0, 0) != 0)
        _exit(99);
}

/* --- work --- */

static volatile int made;

static void left(int depth);

static void right(int depth)
{
    if (depth > 0) {
        left(depth - 1);
        right(depth - 1);
    } else {
        free(malloc(1000)); /* @right */
        made++;
    }
}

static void left(int depth)
{
    if (depth > 0) {
        right(depth - 1);
        left(depth - 1);
    } else {
        free(malloc(2000)); /* @left */
        made++;
    }
}

static void say(const char *text)
{
    if (write(1, text, strlen(text)) < 0)
        _exit(98);
}

/* Many new call stacks, and a heap that grows. */
static void work(void)
{
    static void *blocks[2000];
    left(DEPTH);
    for (int i = 0; i < 2000; i++)
        blocks[i] = malloc(5000); /* @heap */
    for (int i = 0; i < 2000; i++)
        free(blocks[i]);
    say(made == 1 << DEPTH ? "worked\n" : "odd\n");
}

static const int minimal[] = {SYS_read,   SYS_write, SYS_exit_group, SYS_brk, SYS_mmap,
                              SYS_munmap, -1};

static void narrow(void)
{
    install(permit_only(minimal));
    work();
}

/* Not even memory; what is there has to do. */
static void no_memory(void)
{
    static const int numbers[] = {SYS_write, SYS_exit_group, -1};
    install(permit_only(numbers));
    left(DEPTH);
    say("worked\n");
}

static void strict(void)
{
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0)
        _exit(99);
    left(DEPTH);
    say("worked\n");
    syscall(SYS_exit, 3);
}

static const struct {
    const char *name;
    int number;
} calls[] = {{"fstat", SYS_fstat},
             {"mmap", SYS_mmap},
             {"mprotect", SYS_mprotect},
             {"munmap", SYS_munmap},
             {"rt_sigprocmask", SYS_rt_sigprocmask},
             {"madvise", SYS_madvise},
             {"getpid", SYS_getpid},
             {"getcwd", SYS_getcwd},
             {"prctl", SYS_prctl},
             {"sigaltstack", SYS_sigaltstack},
             {"gettid", SYS_gettid},
             {"futex", SYS_futex},
             {"clock_gettime", SYS_clock_gettime},
             {"tgkill", SYS_tgkill},
             {"openat", SYS_openat},
             {"newfstatat", SYS_newfstatat},
             {"fallocate", SYS_fallocate},
             {"prlimit64", SYS_prlimit64},
             {"membarrier", SYS_membarrier},
             {"close", SYS_close},
             {"readlinkat", SYS_readlinkat},
             {"process_vm_readv", SYS_process_vm_readv}};

/* Forbids one call of those that the program itself can do without. */
static void one(const char *name)
{
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        const int numbers[] = {calls[i].number, -1};
        if (strcmp(calls[i].name, name) == 0)
            install(forbid_only(numbers));
    }
    work();
}

static void harmless(void)
{
    static const int numbers[] = {SYS_ptrace, SYS_reboot, -1};
    install(forbid_only(numbers));
    work();
}

static void twice(void)
{
    static const int numbers[] = {SYS_openat, -1};
    static const int more[] = {SYS_read,   SYS_write, SYS_exit_group, SYS_brk, SYS_mmap,
                               SYS_munmap, SYS_prctl, SYS_seccomp,    -1};
    install(forbid_only(numbers));
    work();
    made = 0;
    install(permit_only(more));
    work();
}

/* The kernel refuses these, and nothing may change. */
static void refused(void)
{
    struct sock_fprog nowhere = {10, (struct sock_filter *)16};
    struct sock_fprog empty = {0, steps};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    printf("%d %d\n", prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, 16, 0, 0), errno);
    printf("%d %d\n", prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &nowhere, 0, 0), errno);
    printf("%d %d\n", prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &empty, 0, 0), errno);
    printf("%ld %d\n", syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, NULL), errno);
    fflush(stdout);
    work();
}

static void handler(int number)
{
    (void)number;
    free(malloc(300));
}

/* Signals cannot be blocked, and come all the time. */
static void with_signals(void)
{
    static const int numbers[] = {SYS_rt_sigprocmask, -1};
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_NODEFER};
    sigaction(SIGPROF, &action, NULL);
    install(forbid_only(numbers));
    for (int i = 0; i < 300; i++) {
        syscall(SYS_kill, getpid(), SIGPROF);
        left(i % DEPTH);
    }
    say("worked\n");
}

static pthread_barrier_t barrier;

static void *work_in_thread(void *unused)
{
    pthread_barrier_wait(&barrier);
    right(DEPTH);
    return unused;
}

/* All threads are put under it at once. */
static void all_threads(void)
{
    static const int numbers[] = {SYS_openat, SYS_prctl, SYS_gettid, SYS_tgkill, SYS_fallocate, -1};
    pthread_t threads[THREADS];
    pthread_barrier_init(&barrier, NULL, THREADS + 1);
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, work_in_thread, NULL);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC,
                forbid_only(numbers)) != 0)
        _exit(97);
    pthread_barrier_wait(&barrier);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    say("worked\n");
}

static void in_child(void)
{
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        install(permit_only(minimal));
        work();
        _exit(5);
    }
    waitpid(child, &status, 0);
    printf("%d\n", WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
    fflush(stdout);
    work();
}

static void before_fork(void)
{
    static const int numbers[] = {SYS_openat, SYS_linkat, SYS_fallocate, -1};
    int status = 0;
    install(forbid_only(numbers));
    pid_t child = fork();
    if (child == 0) {
        work();
        _exit(5);
    }
    waitpid(child, &status, 0);
    printf("%d\n", WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
    fflush(stdout);
}

/* The child's filter is none of the parent's, though they share their memory. */
static void in_vfork(void)
{
    static const int numbers[] = {SYS_exit_group, SYS_write, SYS_read, -1};
    int status = 0;
    struct sock_fprog *program = permit_only(numbers);
    pid_t child = vfork();
    if (child == 0) {
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        _exit(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program, 0, 0) == 0 ? 6 : 7);
    }
    waitpid(child, &status, 0);
    printf("%d\n", WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
    fflush(stdout);
    work();
}

static const struct {
    const char *name;
    void (*run)(void);
} filters[] = {{"narrow", narrow},
               {"no_memory", no_memory},
               {"strict", strict},
               {"harmless", harmless},
               {"twice", twice},
               {"refused", refused},
               {"with_signals", with_signals},
               {"all_threads", all_threads},
               {"in_child", in_child},
               {"before_fork", before_fork},
               {"in_vfork", in_vfork}};

int main(int argc, char **argv)
{
    free(malloc(1)); /* libc has its first-time calls behind it */
    if (argc == 3)
        one(argv[2]);
    for (size_t i = 0; argc == 2 && i < sizeof filters / sizeof *filters; i++)
        if (strcmp(argv[1], filters[i].name) == 0)
            filters[i].run();
    _exit(0);
}
