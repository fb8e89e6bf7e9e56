/* SPDX-License-Identifier: BSD-2-Clause */
/* traceback.c -- The call stack of a live block, for the program itself.
 *
 * A stack is a path in the tree of nodes, which only grows, and so do the modules and their names:
 * all of it can be read without a lock, and stays where it is as long as the process lives. */
#include "traceback.h"

#include "live.h"
#include "pools.h"
#include "sys.h"
#include "text.h"
#include "trace_file.h"

enum {
    LINE_BYTES = 512
};

/* --- as numbers --- */

static uint32_t node_of(const void *block)
{
    struct live_block known = pools_find(block);
    if (!known.counters)
        known = live_find(block);
    return known.counters ? trace.owners[known.counters].node : 0;
}

static struct memtrace_frame special_frame(uint64_t special)
{
    static const char *const names[] = TRACE_SPECIAL_NAMES;
    return (struct memtrace_frame){.module = names[special < SPECIAL_COUNT ? special : 0]};
}

/* Of a return address the call before it. */
static struct memtrace_frame frame_of(const struct trace_node *node)
{
    uint32_t index = node->module_bits & NODE_MODULE_MASK;
    uint64_t back = node->module_bits & NODE_EXACT ? 0 : 1;
    if (index == NODE_MODULE_SPECIAL)
        return special_frame(node->offset);
    const struct trace_module *module = &trace.modules[index];
    return (struct memtrace_frame){
        .module = module->path.size_bytes ? trace.strings + module->path.offset : "",
        .offset = node->offset - back,
        .address = node->offset - back + module->load_bias};
}

size_t traceback_of_block(const void *block, struct memtrace_frame *frames, size_t room)
{
    size_t count = 0;
    for (uint32_t node = node_of(block); node; node = trace.nodes[node].parent, count++)
        if (count < room)
            frames[count] = frame_of(&trace.nodes[node]);
    return count;
}

/* --- as text --- */

static void write_all(int fd, const char *bytes, size_t size_bytes)
{
    while (size_bytes) {
        long written = sys(__NR_write, fd, bytes, size_bytes);
        if (written == -EINTR)
            continue;
        if (written <= 0)
            return;
        bytes += written;
        size_bytes -= (size_t)written;
    }
}

/* A long path is cut at its beginning. */
static const char *tail(const char *path, size_t room)
{
    size_t length = text_length(path);
    return length > room ? path + length - room : path;
}

static void write_line(int fd, struct text *text)
{
    for (size_t i = 0; i < text->length; i++)
        if ((unsigned char)text->bytes[i] < 0x20 || text->bytes[i] == 0x7f)
            text->bytes[i] = '?';
    text->bytes[text->length] = '\n';
    write_all(fd, text->bytes, text->length + 1);
}

static void dump_frame(int fd, const struct memtrace_frame *frame)
{
    char line[LINE_BYTES];
    struct text text;
    text_init(&text, line, sizeof line - 1);
    text_add(&text, "  ");
    text_add(&text, tail(frame->module, sizeof line - 32));
    if (frame->address) {
        text_add(&text, *frame->module ? "+0x" : "0x");
        text_add_hex(&text, frame->offset);
    }
    write_line(fd, &text);
}

static void dump_nothing(int fd, const void *block)
{
    char line[LINE_BYTES];
    struct text text;
    text_init(&text, line, sizeof line - 1);
    text_add(&text, "No block that memtrace knows begins at 0x");
    text_add_hex(&text, (uint64_t)block);
    write_line(fd, &text);
}

void traceback_dump(int fd, const void *block)
{
    static const char title[] = "Memory block allocated at (most recent call first):\n";
    uint32_t node = node_of(block);
    if (!node) {
        dump_nothing(fd, block);
        return;
    }
    write_all(fd, title, sizeof title - 1);
    for (; node; node = trace.nodes[node].parent) {
        const struct memtrace_frame frame = frame_of(&trace.nodes[node]);
        dump_frame(fd, &frame);
    }
}
