/* SPDX-License-Identifier: BSD-2-Clause */
/* stacks.c -- Where the stacks of the program's threads are.
 *
 * glibc puts a thread's TLS right above its stack, in the same mapping; and we know the TLS of all
 * who have ever called us. Of the others the kernel tells the stack pointer, while they wait; those
 * that run now are where they were. */
#include "stacks.h"

#include "small_file.h"
#include "sys.h"
#include "text.h"
#include "thread.h"
#include "trace_file.h"

#include <fcntl.h>

enum {
    STACKS_MAX = 1024,
    ENTRIES_BYTES = 2048
};

/* As the kernel writes them. */
struct directory_entry {
    uint64_t inode;
    int64_t next;
    uint16_t size_bytes;
    uint8_t type;
    char name[];
};

struct stack {
    uint64_t address; /* somewhere in it */
    uint32_t tid;
};

static struct stack stacks[STACKS_MAX]; /* by rising address */
static struct stack stacks_before[STACKS_MAX];
static uint32_t stack_count, stack_count_before;

static void add_stack(uint64_t address, uint32_t tid)
{
    uint32_t at = stack_count;
    if (stack_count == STACKS_MAX || !address)
        return;
    for (; at > 0 && stacks[at - 1].address > address; at--)
        stacks[at] = stacks[at - 1];
    stacks[at] = (struct stack){address, tid};
    stack_count++;
}

static void add_attached(struct thread *thread, void *data)
{
    (void)data;
    if (thread->tid != trace.header->pid && !thread_has_ended(thread))
        add_stack((uint64_t)thread->tls, thread->tid);
}

static uint64_t address_of(const struct stack *known, uint32_t count, uint64_t tid)
{
    for (uint32_t i = 0; i < count; i++)
        if (known[i].tid == tid)
            return known[i].address;
    return 0;
}

static uint64_t read_address(const char *hex)
{
    uint64_t address = 0;
    hex = text_after(hex, "0x");
    for (; hex && *hex && *hex != '\n'; hex++)
        address = address << 4 | (uint64_t)(*hex <= '9' ? *hex - '0' : *hex - 'a' + 10);
    return address;
}

/* number arguments… sp pc; or "running": 0. */
static uint64_t read_stack_pointer(uint64_t tid)
{
    char path[48], line[256];
    struct text text;
    text_init(&text, path, sizeof path);
    text_add(&text, "/proc/self/task/");
    text_add_number(&text, tid);
    text_add(&text, "/syscall");
    const char *pc = small_file_read(path, line, sizeof line) ? text_after_last(line, ' ') : NULL;
    if (!pc)
        return 0;
    line[pc - line - 1] = 0;
    const char *sp = text_after_last(line, ' ');
    return sp ? read_address(sp) : 0;
}

static void add_unattached(uint64_t tid)
{
    uint64_t address = read_stack_pointer(tid);
    if (!address)
        address = address_of(stacks_before, stack_count_before, tid);
    add_stack(address, (uint32_t)tid);
}

static void add_entries(const char *entries, long size_bytes)
{
    for (long at = 0; at < size_bytes;) {
        const struct directory_entry *entry = (const void *)(entries + at);
        uint64_t tid;
        if (text_to_number(entry->name, &tid) && tid != trace.header->pid &&
            !address_of(stacks, stack_count, tid))
            add_unattached(tid);
        at += entry->size_bytes;
    }
}

/* Too large for a stack. */
static char entry_bytes[ENTRIES_BYTES] __attribute__((aligned(8)));

static void add_others(void)
{
    long size_bytes;
    long fd = sys(__NR_openat, AT_FDCWD, "/proc/self/task",
                  O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_DIRECTORY);
    if (fd < 0)
        return;
    while (stack_count < STACKS_MAX &&
           (size_bytes = sys(__NR_getdents64, fd, entry_bytes, sizeof entry_bytes)) > 0)
        add_entries(entry_bytes, size_bytes);
    sys(__NR_close, fd);
}

void stacks_find(void)
{
    memcpy(stacks_before, stacks, stack_count * sizeof *stacks);
    stack_count_before = stack_count;
    stack_count = 0;
    thread_visit(add_attached, NULL);
    add_others();
}

bool stacks_has_any(uint64_t start, uint64_t end)
{
    uint32_t low = 0, high = stack_count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (stacks[middle].address < start)
            low = middle + 1;
        else
            high = middle;
    }
    return low < stack_count && stacks[low].address < end;
}
