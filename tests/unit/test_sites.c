/* SPDX-License-Identifier: BSD-2-Clause */
/* test_sites.c -- Call sites are the sums of their counters, in whatever order those lie; a trace's
 * nodes are what they were in the file. */
#include "../make_trace.h"
#include "sites.h"
#include "tap.h"

#include <stdlib.h>
#include <unistd.h>

enum {
    NODES = 500,
    COUNTERS = 900,
    NODES_MAX = NODES + 1
};

static struct trace_maker maker;
static uint64_t state = 12345;

static uint32_t random_below(uint32_t limit)
{
    state = state * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (uint32_t)(state >> 33) % limit;
}

static bool load(struct trace *trace)
{
    struct error error;
    int fd = maker_write(&maker);
    bool is_ok = trace_read(trace, fd, &error);
    close(fd);
    return tap_ok(is_ok, "it loads");
}

/* Every site as the sum over all counters, one by one. */
static void test_sums(bool is_in_order)
{
    struct trace trace;
    struct sites sites;
    static struct figures sums[NODES_MAX];
    memset(sums, 0, sizeof sums);
    maker_init(&maker);
    uint32_t module = maker_module(&maker, "/src/demo");
    for (uint32_t i = 1; i < NODES_MAX; i++)
        maker_node(&maker, random_below(i), module, 0x1000 + random_below(50));
    for (uint32_t i = 0; i < COUNTERS; i++) {
        uint32_t node = is_in_order ? 1 + i * NODES / COUNTERS : 1 + random_below(NODES);
        maker_counters(&maker, node, i % 2,
                       &(struct trace_counters){.alloc_count = random_below(3),
                                                .alloc_bytes = random_below(100),
                                                .free_count = random_below(3)});
    }
    if (!load(&trace))
        return;
    for (uint32_t i = 1; i < trace.owner_count; i++) {
        struct figures figures = trace_figures(&trace, i);
        figures_add(&sums[trace.owners[i].node], &figures);
    }
    if (!tap_ok(sites_init(&sites, &trace), "sites"))
        return;
    tap_ok((sites.order == NULL) == is_in_order, "are sorted when they need it");
    struct sites_walk walk = sites_walk(&sites);
    struct site site;
    uint32_t wrong = 0, count = 0, last = 0, expected = 0;
    for (; sites_walk_next(&walk, &site); count++, last = site.node)
        wrong +=
            site.node <= last || memcmp(&site.figures, &sums[site.node], sizeof site.figures) != 0;
    for (uint32_t i = 1; i < NODES_MAX; i++)
        expected += !figures_are_zero(&sums[i]);
    tap_number(wrong, 0, "each is the sum of its counters, by ascending node");
    tap_number(count, expected, "all that have figures, each once");
    uint32_t total_count;
    struct figures total = trace_total(&trace, &total_count);
    tap_number(total_count, expected, "as many are counted");
    for (uint32_t i = 1; i < NODES_MAX; i++) {
        total.alloc_bytes -= sums[i].alloc_bytes;
        total.free_count -= sums[i].free_count;
    }
    tap_number((int64_t)(total.alloc_bytes + total.free_count), 0, "and all of it is their sum");
    sites_finish(&sites);
    trace_close(&trace);
}

static void test_nodes(void)
{
    struct trace trace;
    static struct trace_node restored[NODES_MAX];
    maker_init(&maker);
    uint32_t module = maker_module(&maker, "/src/demo");
    for (uint32_t i = 1; i < NODES_MAX; i++)
        maker_node(&maker, random_below(i), random_below(2) ? module : 0, random_below(40));
    if (!load(&trace))
        return;
    const struct nodes *nodes = &trace.sections.nodes;
    nodes_restore(nodes, 0, NODES_MAX, restored);
    tap_ok(memcmp(restored, maker.sections[SECTION_NODES], sizeof restored) == 0,
           "nodes are as in the file");
    bool is_kept[2][64] = {{false}};
    uint32_t distinct = 0, ascending = 1;
    for (uint32_t i = 1; i < NODES_MAX; i++) {
        bool *is_known = &is_kept[restored[i].module_bits != 0][restored[i].offset];
        ascending = ascending && (*is_known || trace.nodes[i].address == distinct);
        distinct += !*is_known;
        *is_known = true;
    }
    tap_number(trace.address_count, distinct, "each address is kept once");
    tap_ok(ascending, "in the order in which they come");
    trace_close(&trace);
}

int main(void)
{
    test_sums(true);
    test_sums(false);
    test_nodes();
    return tap_end();
}
