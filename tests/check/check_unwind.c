/* SPDX-License-Identifier: BSD-2-Clause */
/* check_unwind.c -- Holds every captured stack against libunwind's own walk of the same stack.
 *
 * Linked with all of preload/ into libmemtrace-check.so, a recorder for tests only: it uses libc
 * and libunwind inside the hooks, which the real one must not. Figures go to the file named by
 * CHECK_OUTPUT (%p is not expanded; forked children add to the same file), the first few
 * differences as text to stderr. */
#define UNW_LOCAL_ONLY
#include "check_unwind.h"

#include <fcntl.h>
#include <libunwind.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct figures {
    uint64_t stacks;
    uint64_t frames;
    uint64_t different;
    uint64_t cut;      /* we stopped for want of a rule; equal up to there */
    uint64_t too_deep; /* equal up to the depth limit */
    uint64_t signal_frames;
    uint64_t reference_short; /* libunwind stopped earlier, equal up to there */
    uint64_t other_site;      /* the fast way had led to another call site than the walk */
};

enum {
    SHOWN_MAX = 5
};

static struct figures *figures;
static __thread int is_checking __attribute__((tls_model("initial-exec")));

/* NULL while the file cannot be had: in the first constructors libc has no environment yet. */
static struct figures *open_figures(void)
{
    const char *path = getenv("CHECK_OUTPUT");
    int fd = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
    void *map = MAP_FAILED;
    if (fd >= 0 && ftruncate(fd, sizeof *figures) == 0)
        map = mmap(NULL, sizeof *figures, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (fd >= 0)
        close(fd);
    return map == MAP_FAILED ? NULL : map;
}

static void add(uint64_t *figure, uint64_t more)
{
    __atomic_fetch_add(figure, more, __ATOMIC_RELAXED);
}

static void print_stack(const struct unwinder *ours, struct frame_start start, uint64_t differs_at)
{
    char line[256];
    unw_context_t context;
    unw_cursor_t cursor;
    unw_getcontext(&context);
    unw_init_local(&cursor, &context);
    int length = snprintf(line, sizeof line, "check: stack differs at frame %lu, root %d, pid %d\n",
                          (unsigned long)differs_at, (int)ours->root, getpid());
    write(2, line, (size_t)length);
    uint32_t i = ours->count;
    bool is_started = false;
    do {
        unw_word_t pc, sp, offset;
        char name[96] = "?";
        unw_get_reg(&cursor, UNW_REG_IP, &pc);
        unw_get_reg(&cursor, UNW_REG_SP, &sp);
        is_started |= pc == start.pc && sp == start.sp;
        if (!is_started)
            continue;
        unw_get_proc_name(&cursor, name, sizeof name, &offset);
        const struct frame_detail *frame = i ? &ours->frames[--i] : NULL;
        length =
            snprintf(line, sizeof line, "  %016lx sp %lx  ours %016lx sp %lx  %s\n",
                     (unsigned long)pc, (unsigned long)sp, frame ? (unsigned long)frame->pc : 0,
                     frame ? (unsigned long)frame->sp : 0, name);
        write(2, line, (size_t)length);
    } while (unw_step(&cursor) > 0);
}

/* Steps to the frame in which the capture began; false when libunwind does not get there. */
static bool skip_to(unw_cursor_t *cursor, struct frame_start start)
{
    do {
        unw_word_t pc, sp;
        unw_get_reg(cursor, UNW_REG_IP, &pc);
        unw_get_reg(cursor, UNW_REG_SP, &sp);
        if (pc == start.pc && sp == start.sp)
            return true;
    } while (unw_step(cursor) > 0);
    return false;
}

enum outcome {
    EQUAL,
    DIFFERENT,
    REFERENCE_ENDED
};

/* Compares frame by frame, leaf first; *ret_at is the number of equal frames. */
static enum outcome compare(const struct unwinder *ours, unw_cursor_t *cursor, uint64_t *ret_at)
{
    for (uint32_t i = ours->count; i > 0; i--) {
        const struct frame_detail *frame = &ours->frames[i - 1];
        unw_word_t pc, sp;
        unw_get_reg(cursor, UNW_REG_IP, &pc);
        unw_get_reg(cursor, UNW_REG_SP, &sp);
        *ret_at = ours->count - i;
        if (pc != frame->pc || sp != frame->sp)
            return DIFFERENT;
        if (unw_is_signal_frame(cursor) > 0)
            add(&figures->signal_frames, 1);
        *ret_at += 1;
        int more = unw_step(cursor);
        if (i > 1 && more <= 0)
            return REFERENCE_ENDED;
        if (i == 1 && more > 0 && ours->root == ROOT_COMPLETE) {
            unw_get_reg(cursor, UNW_REG_IP, &pc);
            return pc ? DIFFERENT : EQUAL;
        }
    }
    return EQUAL;
}

static void check(const struct unwinder *ours, struct frame_start start)
{
    unw_context_t context;
    unw_cursor_t cursor;
    uint64_t at = 0;
    unw_getcontext(&context);
    if (unw_init_local(&cursor, &context) != 0 || !skip_to(&cursor, start))
        return;
    enum outcome outcome = compare(ours, &cursor, &at);
    add(&figures->stacks, 1);
    add(&figures->frames, at);
    if (ours->root == ROOT_CUT)
        add(&figures->cut, 1);
    if (ours->root == ROOT_TOO_DEEP)
        add(&figures->too_deep, 1);
    if (outcome == REFERENCE_ENDED)
        add(&figures->reference_short, 1);
    if (outcome != EQUAL &&
        __atomic_fetch_add(outcome == DIFFERENT ? &figures->different : &figures->reference_short,
                           outcome == DIFFERENT, __ATOMIC_RELAXED) < SHOWN_MAX)
        print_stack(ours, start, at);
}

void check_stack(const struct unwinder *ours, struct frame_start start, bool is_same_site)
{
    if (is_checking)
        return;
    is_checking = 1;
    if (!figures) {
        figures = open_figures();
        if (getenv("CHECK_NO_CACHE"))
            unw_set_caching_policy(unw_local_addr_space, UNW_CACHE_NONE);
    }
    if (figures) {
        check(ours, start);
        add(&figures->other_site, !is_same_site);
    }
    is_checking = 0;
}
