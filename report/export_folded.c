/* SPDX-License-Identifier: BSD-2-Clause */
/* export_folded.c -- Folded stacks, for flamegraph.pl: one stack per line, outermost frame first,
 * frames apart by semicolons, then a space and the number. */
#include "export.h"

#include "label.h"
#include "text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct folding {
    FILE *out;
    const struct call_tree *tree;
    enum call_grain grain;
    char **names;   /* per group of frames, NULL: not named yet */
    uint32_t *path; /* of the stack at hand */
};

/* A semicolon would end the frame; it is what stackcollapse makes of one, too. */
static char *make_name(const struct frame *frame, enum call_grain grain)
{
    char *plain = grain == GRAIN_LINE ? export_frame_name(frame) : label_function(frame);
    char *name = plain ? export_escaped(plain) : NULL;
    for (char *at = name; at && (at = strchr(at, ';'));)
        *at = ':';
    free(plain);
    return name;
}

static bool write_stack(struct folding *folding, uint32_t node, int64_t value)
{
    uint32_t count = call_tree_path(folding->tree, node, folding->path);
    for (uint32_t i = count; i-- > 0;) {
        char **name = &folding->names[folding->tree->nodes[folding->path[i]].group];
        if (!*name)
            *name = make_name(call_tree_frame(folding->tree, folding->path[i]), folding->grain);
        if (!*name)
            return false;
        fputs(*name, folding->out);
        fputc(i ? ';' : ' ', folding->out);
    }
    fprintf(folding->out, "%" PRId64 "\n", value);
    return true;
}

static bool write_stacks(struct folding *folding, enum measure measure)
{
    const struct call_tree *tree = folding->tree;
    for (uint32_t i = 0; i < tree->end_count; i++) {
        int64_t value = figures_rank(&tree->ends[i].figures, measure);
        if (value > 0 && !write_stack(folding, tree->ends[i].node, value))
            return false;
    }
    return true;
}

static bool write_folded(FILE *out, const struct export *export, struct error *error)
{
    struct call_tree tree;
    if (!export_tree(export, &tree, export_grain(export), error))
        return false;
    struct folding folding = {.out = out, .tree = &tree, .grain = export_grain(export)};
    folding.names = calloc((size_t)tree.group_count + 1, sizeof *folding.names);
    folding.path = malloc(((size_t)tree.depth_max + 1) * sizeof *folding.path);
    bool is_ok = folding.names && folding.path &&
                 write_stacks(&folding, export_one_measure(export, &tree.total));
    for (uint32_t i = 0; folding.names && i < tree.group_count; i++)
        free(folding.names[i]);
    free(folding.names);
    free(folding.path);
    call_tree_finish(&tree);
    return is_ok || error_out_of_memory(error);
}

const struct export_format export_folded = {
    .name = "folded",
    .summary = "folded stacks, for flamegraph.pl and most flame graph viewers",
    .next = "flamegraph.pl %s > flames.svg",
    .groups = EXPORT_BY_LINE_OR_FUNCTION,
    .has_time = true,
    .write = write_folded,
};
