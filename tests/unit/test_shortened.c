/* SPDX-License-Identifier: BSD-2-Clause */
/* test_shortened.c -- What a call tree keeps when it is cut short: all that is charged, and whole
 * callers. */
#include "../make_trace.h"
#include "fake_symbols.h"
#include "shortened.h"
#include "tap.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    FUNCTIONS = 48,
    STACKS = 400,
    DEPTH = 8
};

static struct fake_symbol symbols[FUNCTIONS];
static char names[FUNCTIONS][8];
static struct trace_maker maker;

static uint32_t below(uint32_t limit)
{
    static uint64_t state = 88172645463325252u;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state % limit);
}

/* Random walks through all functions: most stacks are alike only near main, and few are heavy. */
static void make(void)
{
    maker_init(&maker);
    uint32_t module = maker_module(&maker, "/src/demo");
    for (uint32_t i = 0; i < FUNCTIONS; i++) {
        snprintf(names[i], sizeof names[i], "f%u", i);
        symbols[i] =
            (struct fake_symbol){(uint64_t)(i + 1) * 16, {names[i], "/src/demo.c", i + 1, false}};
    }
    fake_symbols_use(symbols, FUNCTIONS);
    for (uint32_t i = 0; i < STACKS; i++) {
        uint32_t node = 0;
        for (uint32_t depth = 0; depth < DEPTH; depth++)
            node = maker_node(&maker, node, module, (uint64_t)(below(depth + 2) + 1) * 16);
        node = maker_node(&maker, node, module, (uint64_t)(below(FUNCTIONS) + 1) * 16);
        uint64_t count = below(100) < 5 ? 1000 + below(1000) : 1 + below(3);
        maker_counters(&maker, node, 1,
                       &(struct trace_counters){count, count * 32, count / 2, count / 2 * 32, 0,
                                                (int64_t)count * 16, (int64_t)count, 7});
    }
}

/* Per group what is charged to it. */
static void charge(const struct call_tree *tree, struct figures *sums)
{
    memset(sums, 0, (tree->group_count + 1) * sizeof *sums);
    for (uint32_t i = 0; i < tree->end_count; i++)
        figures_add(&sums[tree->nodes[tree->ends[i].node].group], &tree->ends[i].figures);
}

/* Whether it is what call_tree.h says of a tree. */
static bool is_tree(const struct call_tree *tree)
{
    for (uint32_t i = 1; i < tree->node_count; i++)
        if (tree->nodes[i].parent >= i || tree->nodes[i].group >= tree->group_count)
            return false;
    for (uint32_t i = 1; i < tree->end_count; i++)
        if (tree->ends[i].node <= tree->ends[i - 1].node || tree->ends[i].node >= tree->node_count)
            return false;
    return true;
}

/* The figures of a trace's node have to be found at the end that it leads to. */
static bool has_its_sites(const struct call_tree *tree)
{
    const struct trace *trace = tree->stacks->trace;
    struct figures *sums = calloc((size_t)tree->end_count + 1, sizeof *sums);
    bool is_ok = true;
    for (uint32_t i = 1; i < trace->owner_count; i++) {
        uint32_t site = trace_site(trace, i);
        struct figures figures = trace_figures(trace, i);
        if (site)
            figures_add(&sums[tree->site_ends[site]], &figures);
    }
    for (uint32_t i = 0; i < tree->end_count; i++)
        is_ok = is_ok && memcmp(&sums[i], &tree->ends[i].figures, sizeof *sums) == 0;
    free(sums);
    return is_ok;
}

/* Of the outermost callers: what they have with all they call. */
static uint64_t under(const struct call_tree *tree, uint32_t group)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < tree->end_count; i++) {
        uint32_t node = tree->ends[i].node;
        while (tree->nodes[node].parent)
            node = tree->nodes[node].parent;
        bytes += tree->nodes[node].group == group ? tree->ends[i].figures.alloc_bytes : 0;
    }
    return bytes;
}

static void check(const struct stacks *stacks, uint32_t node_max)
{
    const struct filters none = {0};
    struct call_tree tree;
    struct error error;
    bool is_shortened = false;
    if (!tap_ok(call_tree_init(&tree, stacks, &none, GRAIN_LINE, &error), "a tree"))
        return;
    printf("# %" PRIu32 " nodes, at most %" PRIu32 "\n", tree.node_count, node_max);
    struct figures *before = calloc((size_t)tree.group_count + 1, sizeof *before);
    struct figures *after = calloc((size_t)tree.group_count + 1, sizeof *after);
    uint32_t whole = tree.node_count;
    uint32_t outermost = tree.nodes[1].group;
    uint64_t outermost_bytes = under(&tree, outermost);
    /* With room for hardly more than what is charged, no callers are left. */
    bool has_callers = node_max > 4 * FUNCTIONS;
    charge(&tree, before);
    tap_ok(call_tree_shorten(&tree, node_max, &is_shortened), "it is cut");
    charge(&tree, after);
    tap_ok(is_shortened == (whole > node_max), "if there are more");
    tap_ok(tree.node_count <= node_max || !has_callers, "no more are left");
    tap_ok(memcmp(before, after, (tree.group_count + 1) * sizeof *before) == 0,
           "every line has what it had");
    tap_ok(is_tree(&tree), "it is a tree, and its ends are in order");
    tap_ok(has_its_sites(&tree), "call sites lead to their ends");
    tap_ok(!has_callers || under(&tree, outermost) == outermost_bytes,
           "callers that are left have what they had");
    free(before);
    free(after);
    call_tree_finish(&tree);
}

int main(void)
{
    static const uint32_t sizes[] = {1, 10, 200, 500, 1000, 1000000};
    struct trace trace;
    struct stacks stacks;
    struct error error;
    make();
    int fd = maker_write(&maker);
    if (tap_ok(trace_read(&trace, fd, &error), "a trace")) {
        if (tap_ok(stacks_init(&stacks, &trace, false, &error), "its stacks"))
            for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
                check(&stacks, sizes[i]);
        stacks_finish(&stacks);
        trace_close(&trace);
    }
    close(fd);
    return tap_end();
}
