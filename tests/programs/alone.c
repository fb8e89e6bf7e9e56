/* SPDX-License-Identifier: BSD-2-Clause */
/* alone.c -- Does what only works, or only works fully, in a process with one thread.
 *
 * The argument says what; the output must be the same whether or not somebody else has a thread in
 * here. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    NOBODY = 65534,
    ROUNDS = 40,
    WORTH_A_TRACE = 600
};

static int things_failed;

static void pause_ms(long ms)
{
    struct timespec time = {ms / 1000, ms % 1000 * 1000000};
    while (nanosleep(&time, &time) != 0)
        ;
}

static void print_result(const char *what, long result)
{
    int error = errno;
    printf("%s: %ld %s\n", what, result, result < 0 ? strerror(error) : "");
}

#define SHOW(call)                                                                                 \
    do {                                                                                           \
        errno = 0;                                                                                 \
        print_result(#call, call);                                                                 \
    } while (0)

/* Prints these lines of the status of every thread, each once. */
static void print_threads(const char *key)
{
    char seen[16][128];
    int count = 0;
    struct dirent *entry;
    DIR *tasks = opendir("/proc/self/task");
    while (tasks && (entry = readdir(tasks))) {
        char path[300], line[128];
        snprintf(path, sizeof path, "/proc/self/task/%s/status", entry->d_name);
        FILE *file = entry->d_name[0] == '.' ? NULL : fopen(path, "r");
        while (file && fgets(line, sizeof line, file)) {
            int i = 0;
            if (strncmp(line, key, strlen(key)) != 0)
                continue;
            while (i < count && strcmp(seen[i], line) != 0)
                i++;
            if (i == count && count < 16) {
                strcpy(seen[count++], line);
                fputs(line, stdout);
            }
        }
        if (file)
            fclose(file);
    }
    if (tasks)
        closedir(tasks);
}

static int count_threads(void)
{
    int count = 0;
    struct dirent *entry;
    DIR *tasks = opendir("/proc/self/task");
    while (tasks && (entry = readdir(tasks)))
        count += entry->d_name[0] != '.';
    if (tasks)
        closedir(tasks);
    return count;
}

/* A forked child gets its own trace for this. */
static void be_worth_a_trace(void)
{
    for (int i = 0; i < WORTH_A_TRACE; i++)
        free(malloc(100));
}

static int exit_of(pid_t child)
{
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

/* --- namespaces --- */

static void unshare_in_children(int flags)
{
    int failed = 0;
    for (int i = 0; i < ROUNDS; i++) {
        pid_t child = fork();
        if (child == 0) {
            be_worth_a_trace();
            _exit(unshare(flags) == 0 ? 0 : errno);
        }
        failed += exit_of(child) != 0;
    }
    printf("%d of %d failed\n", failed, ROUNDS);
}

static void do_unshare(void)
{
    unshare_in_children(CLONE_NEWUSER);
    unshare_in_children(CLONE_NEWNS | CLONE_FS);
    SHOW(unshare(-1));
    SHOW(unshare(CLONE_FILES));
    SHOW(syscall(SYS_unshare, CLONE_NEWUSER));
}

static void do_setns(void)
{
    int fd = open("/proc/self/ns/mnt", O_RDONLY);
    SHOW(setns(fd, CLONE_NEWNS));
    SHOW(syscall(SYS_setns, fd, 0));
    SHOW(setns(-1, 0));
}

/* --- users --- */

static void do_users(void)
{
    gid_t group = NOBODY;
    SHOW(seteuid(NOBODY));
    print_threads("Uid");
    SHOW(seteuid(0));
    SHOW(setegid(NOBODY));
    SHOW(setegid(0));
    SHOW(setgroups(1, &group));
    print_threads("Groups");
    SHOW(initgroups("nobody", NOBODY));
    SHOW(setregid(NOBODY, NOBODY));
    SHOW(setresgid(NOBODY, NOBODY, NOBODY));
    SHOW(setgid(NOBODY));
    print_threads("Gid");
    SHOW(setreuid(NOBODY, 0));
    SHOW(setresuid(0, 0, 0));
    SHOW(setuid(NOBODY));
    print_threads("Uid");
    print_threads("CapPrm");
    SHOW(setuid(0));
    SHOW(setresuid(1, 2, 3));
}

static void do_capset(void)
{
    struct {
        uint32_t version;
        int pid;
    } header = {0x20080522, 0};
    struct {
        uint32_t effective, permitted, inheritable;
    } data[2] = {{0, 0, 0}, {0, 0, 0}};
    SHOW(syscall(SYS_capset, &header, data));
    print_threads("CapPrm");
}

/* --- files --- */

/* Whoever else has the write end keeps the pipe open. */
static void do_pipe(void)
{
    int ends[2];
    char byte;
    if (pipe(ends) != 0)
        return;
    SHOW(setuid(getuid()));
    SHOW(unshare(CLONE_FILES));
    close(ends[1]);
    struct pollfd poll_end = {.fd = ends[0], .events = POLLIN};
    SHOW(poll(&poll_end, 1, 20000));
    SHOW(read(ends[0], &byte, 1));
}

/* The lowest free number is one's own. */
static void do_numbers(void)
{
    struct timespec start, now;
    int first = dup(1), others = 0;
    close(first);
    clock_gettime(CLOCK_MONOTONIC, &start);
    do {
        for (int i = 0; i < 1000; i++) {
            int fd = dup(1);
            others += fd != first;
            close(fd);
        }
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while (now.tv_sec - start.tv_sec < 2);
    printf("%d other numbers\n", others);
}

/* --- filters --- */

/* What a thread is made and ended with is deadly. */
static struct sock_filter filter[] = {
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 4, 0),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_get_robust_list, 3, 0),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_tgkill, 2, 0),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_close_range, 1, 0),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)};
static struct sock_fprog filter_program = {sizeof filter / sizeof *filter, filter};

static void live_on_filtered(void)
{
    printf("%d thread\n", count_threads());
    pause_ms(250);
    be_worth_a_trace();
    SHOW(setuid(NOBODY));
    SHOW(unshare(CLONE_FILES));
}

static void do_filter(void)
{
    SHOW(prctl(PR_SET_SECCOMP, 77, 0, 0, 0));
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    SHOW(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter_program, 0, 0));
    live_on_filtered();
}

static void do_filter_all(void)
{
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    SHOW(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, NULL));
    SHOW(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &filter_program));
    live_on_filtered();
}

/* A forked child inherits the filter; it is to be recorded without a thread. */
static void do_filter_child(void)
{
    filter[1].k = SYS_clone3; /* fork is clone */
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    SHOW(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter_program, 0, 0));
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        be_worth_a_trace();
        _exit(count_threads());
    }
    printf("%d\n", exit_of(child));
}

/* --- a child in its parent's memory --- */

static void do_vfork(void)
{
    pid_t child = vfork();
    if (child == 0) {
        setuid(getuid());
        setresuid(getuid(), getuid(), getuid());
        unshare(CLONE_FILES);
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        _exit(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter_program, 0, 0) == 0 ? 3 : 4);
    }
    printf("%d\n", exit_of(child));
    SHOW(unshare(CLONE_NEWUSER));
}

/* --- all at once --- */

/* Forked children get traces and threads of their own meanwhile. */
static void *do_everything(void *unused)
{
    for (int i = 0; i < ROUNDS; i++) {
        if (setuid(getuid()) != 0 || unshare(CLONE_FILES) != 0)
            return &things_failed;
        be_worth_a_trace();
        pid_t child = i % 4 ? 0 : fork();
        if (child == 0 && i % 4 == 0) {
            be_worth_a_trace();
            _exit(setuid(getuid()) == 0 && unshare(CLONE_NEWUSER) == 0 ? 0 : 1);
        }
        if (i % 4 == 0 && exit_of(child) != 0)
            return &things_failed;
    }
    return unused;
}

static void do_storm(void)
{
    pthread_t threads[4];
    void *failed[4];
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, do_everything, NULL);
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], &failed[i]);
        printf("%s\n", failed[i] ? "failed" : "done");
    }
}

/* --- the end --- */

static void *end_later(void *unused)
{
    pause_ms(300);
    return unused;
}

static void *end_later_by_itself(void *unused)
{
    pause_ms(300);
    syscall(SYS_exit, 5);
    return unused;
}

static void end_thread(void)
{
    fflush(stdout);
    syscall(SYS_exit, 7);
}

static void do_end(void)
{
    end_thread();
}

static void do_end_first(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, end_later, NULL);
    end_thread();
}

static void do_end_all(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, end_later_by_itself, NULL);
    end_thread();
}

static void do_end_others(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, end_later_by_itself, NULL);
    pause_ms(600);
    end_thread();
}

static void do_pthread_exit(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, end_later, NULL);
    fflush(stdout);
    pthread_exit(NULL);
}

/* Nothing says there how the process is doing. */
static void do_end_without_proc(void)
{
    char directory[] = "/tmp/memtrace-alone-XXXXXX";
    SHOW(mkdtemp(directory) == NULL);
    SHOW(chroot(directory));
    SHOW(chdir("/"));
    fflush(stdout);
    rmdir(directory);
    end_thread();
}

static void do_count(void)
{
    printf("%d\n", count_threads());
}

static const struct {
    const char *name;
    void (*run)(void);
} things[] = {{"unshare", do_unshare},
              {"setns", do_setns},
              {"users", do_users},
              {"capset", do_capset},
              {"vfork", do_vfork},
              {"pipe", do_pipe},
              {"numbers", do_numbers},
              {"filter", do_filter},
              {"filter_all", do_filter_all},
              {"filter_child", do_filter_child},
              {"storm", do_storm},
              {"end", do_end},
              {"end_first", do_end_first},
              {"end_all", do_end_all},
              {"end_others", do_end_others},
              {"pthread_exit", do_pthread_exit},
              {"end_without_proc", do_end_without_proc},
              {"count", do_count}};

int main(int argc, char **argv)
{
    be_worth_a_trace();
    for (size_t i = 0; argc > 1 && i < sizeof things / sizeof *things; i++)
        if (strcmp(argv[1], things[i].name) == 0) {
            things[i].run();
            return 0;
        }
    return 2;
}
