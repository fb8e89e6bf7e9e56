/* SPDX-License-Identifier: BSD-2-Clause */
/* stacks.c -- The call stacks of a trace with names and lines, and whose line each one is. */
#include "stacks.h"

#include "hash.h"
#include "numbering.h"
#include "runtime.h"

#include <stdlib.h>
#include <string.h>

/* An address as the symbolizer is asked for it. */
struct address {
    uint64_t offset;
    uint32_t module;
};

struct module_name {
    const char *path;
    UT_hash_handle hh;
};

/* --- modules --- */

/* A library that was unloaded and loaded again is two modules with one path. */
static bool name_modules(struct stacks *stacks, struct error *error)
{
    const struct trace *trace = stacks->trace;
    struct module_name *names = calloc((size_t)trace->module_count + 1, sizeof *names);
    stacks->modules = calloc((size_t)trace->module_count + 1, sizeof *stacks->modules);
    struct module_name *known = NULL;
    bool is_ok = names && stacks->modules;
    for (uint32_t i = 0; is_ok && i < trace->module_count; i++) {
        struct module_name *found = NULL;
        const char *path = trace->module_paths[i];
        HASH_FIND_STR(known, path, found);
        if (!found) {
            found = &names[i];
            found->path = path;
            HASH_ADD_KEYPTR(hh, known, path, strlen(path), found);
        }
        stacks->modules[i] = found->path;
    }
    HASH_CLEAR(hh, known);
    free(names);
    return is_ok || error_out_of_memory(error);
}

static bool create_symbolizer(struct stacks *stacks, struct error *error)
{
    const struct trace *trace = stacks->trace;
    size_t count = trace->module_count ? trace->module_count : 1;
    stacks->symbol_modules = calloc(count, sizeof *stacks->symbol_modules);
    if (!stacks->symbol_modules)
        return error_out_of_memory(error);
    stacks->symbol_modules[0].path = "";
    for (uint32_t i = 0; i < trace->module_count; i++) {
        const struct trace_module *module = &trace->modules[i];
        stacks->symbol_modules[i] = (struct symbol_module){
            .path = trace->module_paths[i],
            .build_id = module->build_id_bytes ? module->build_id : NULL,
            .build_id_bytes = module->build_id_bytes,
            .file_bytes = module->file_bytes,
            .file_mtime_ns = module->file_mtime_ns,
        };
    }
    stacks->symbolizer = symbolizer_create(stacks->symbol_modules, count);
    return stacks->symbolizer || error_out_of_memory(error);
}

/* --- addresses --- */

/* The nodes of all stacks that have figures: parents come before their children. */
static bool *find_used_nodes(const struct trace *trace)
{
    bool *is_used = calloc((size_t)trace->node_count + 1, sizeof *is_used);
    for (uint32_t i = 1; is_used && i < trace->owner_count; i++)
        is_used[trace->owners[i].node] = true;
    for (uint32_t i = trace->node_count; is_used && i-- > 1;)
        if (is_used[i])
            is_used[trace->nodes[i].parent] = true;
    return is_used;
}

/* Return addresses point behind the call. */
static struct address address_of(const struct trace_node *node)
{
    struct address address = {node->offset, trace_node_module(node)};
    if (address.module != NODE_MODULE_SPECIAL && !(node->module_bits & NODE_EXACT))
        address.offset--;
    return address;
}

/* Each distinct address is a place, and asked for once. */
static bool add_address(struct stacks *stacks, struct numbering *numbering, uint32_t node)
{
    const struct address address = address_of(&stacks->trace->nodes[node]);
    uint32_t known = numbering->count;
    uint32_t place = numbering_of(numbering, address.offset, address.module, 0);
    stacks->node_places[node] = place;
    if (place == NUMBER_NONE)
        return false;
    if (place < known || address.module == 0 || address.module == NODE_MODULE_SPECIAL)
        return true;
    return symbolizer_add(stacks->symbolizer, address.module, address.offset);
}

/* --- frames --- */

static bool append_frame(struct stacks *stacks, uint32_t *capacity, const struct frame *frame)
{
    if (stacks->frame_count == *capacity) {
        size_t wanted = *capacity ? (size_t)*capacity * 2 : 1024;
        struct frame *frames = realloc(stacks->frames, wanted * sizeof *frames);
        if (!frames || wanted >= NO_FRAME)
            return false;
        stacks->frames = frames;
        *capacity = (uint32_t)wanted;
    }
    struct frame *added = &stacks->frames[stacks->frame_count++];
    *added = *frame;
    frame_classify(added);
    return true;
}

static bool append_special(struct stacks *stacks, uint32_t *capacity, uint64_t special)
{
    return append_frame(stacks, capacity,
                        &(struct frame){.function = trace_special_name(special),
                                        .module = "",
                                        .offset = special,
                                        .is_special = true});
}

static bool append_address(struct stacks *stacks, uint32_t *capacity, uint32_t module,
                           uint64_t offset)
{
    const struct symbol_frame *found = NULL;
    size_t count = module ? symbolizer_lookup(stacks->symbolizer, module, offset, &found) : 0;
    const struct frame base = {
        .module = module < stacks->trace->module_count ? stacks->modules[module] : "",
        .module_index = module,
        .offset = offset,
    };
    if (count == 0)
        return append_frame(stacks, capacity, &base);
    for (size_t i = 0; i < count; i++) {
        struct frame frame = base;
        frame.function = found[i].function;
        frame.file = found[i].line ? found[i].file : NULL;
        frame.line = frame.file ? found[i].line : 0;
        frame.is_inlined = found[i].inlined;
        if (!append_frame(stacks, capacity, &frame))
            return false;
    }
    return true;
}

static bool make_frames(struct stacks *stacks, const struct numbering *numbering)
{
    uint32_t capacity = 0;
    stacks->places = calloc((size_t)numbering->count + 1, sizeof *stacks->places);
    if (!stacks->places)
        return false;
    for (uint32_t i = 0; i < numbering->count; i++) {
        struct place *place = &stacks->places[i];
        uint64_t offset = numbering->keys[i].words[0];
        uint32_t module = (uint32_t)numbering->keys[i].words[1];
        place->first = stacks->frame_count;
        bool is_ok = module == NODE_MODULE_SPECIAL
                         ? append_special(stacks, &capacity, offset)
                         : append_address(stacks, &capacity, module, offset);
        if (!is_ok)
            return false;
        place->count = stacks->frame_count - place->first;
    }
    return true;
}

static bool symbolize(struct stacks *stacks, struct error *error)
{
    const struct trace *trace = stacks->trace;
    size_t room = (size_t)trace->node_count + 1;
    struct numbering numbering = {0};
    bool *is_used = find_used_nodes(trace);
    stacks->node_places = malloc(room * sizeof *stacks->node_places);
    bool is_ok = is_used && stacks->node_places;
    if (is_ok)
        memset(stacks->node_places, 0xff, room * sizeof *stacks->node_places);
    for (uint32_t i = 1; is_ok && i < trace->node_count; i++)
        if (is_used[i])
            is_ok = add_address(stacks, &numbering, i);
    if (is_ok) {
        symbolizer_resolve(stacks->symbolizer);
        is_ok = make_frames(stacks, &numbering);
    }
    numbering_finish(&numbering);
    free(is_used);
    return is_ok || error_out_of_memory(error);
}

/* --- whose line --- */

/* What a node's own frames say: the innermost that is not runtime, or NO_FRAME. */
static uint32_t own_frame(const struct stacks *stacks, const struct place *place)
{
    for (uint32_t i = place->first; i < place->first + place->count; i++)
        if (!stacks->frames[i].is_runtime)
            return i;
    return NO_FRAME;
}

/* What charging learns about a node for the nodes it calls. */
struct verdict {
    bool is_all_runtime;     /* from here outwards */
    uint8_t allocator_depth; /* 1: an installed library's allocator; more: called by one */
};

/* Below a wrapper like sqlite3Malloc a stripped library has nameless functions that are as much its
 * allocator as the wrapper. */
enum {
    NAMELESS_DEPTH_MAX = 4
};

static uint8_t allocator_depth(const struct stacks *stacks, const struct verdict *verdicts,
                               uint32_t node)
{
    const struct place *place = &stacks->places[stacks->node_places[node]];
    const struct frame *frames = &stacks->frames[place->first];
    const struct trace_node *nodes = stacks->trace->nodes;
    uint32_t parent = nodes[node].parent;
    uint8_t depth = verdicts[parent].allocator_depth;
    if (frames[place->count - 1].is_allocator)
        return 1;
    bool is_below = frames[0].is_nameless && depth && depth <= NAMELESS_DEPTH_MAX &&
                    trace_node_module(&nodes[node]) == trace_node_module(&nodes[parent]);
    return is_below ? (uint8_t)(depth + 1) : 0;
}

/* A stack that is runtime all through is charged to its innermost frame. */
static struct charge charge_innermost(uint32_t node, const struct place *place)
{
    return (struct charge){.node = node, .frame = place->first, .via = NO_FRAME};
}

static struct charge charge_of(const struct stacks *stacks, struct verdict *verdicts, uint32_t node)
{
    const struct place *place = &stacks->places[stacks->node_places[node]];
    verdicts[node].allocator_depth = allocator_depth(stacks, verdicts, node);
    uint32_t own = stacks->is_system                    ? place->first
                   : verdicts[node].allocator_depth > 1 ? NO_FRAME
                                                        : own_frame(stacks, place);
    if (own != NO_FRAME)
        return (struct charge){
            .node = node, .frame = own, .via = own > place->first ? own - 1 : NO_FRAME};
    uint32_t parent = stacks->trace->nodes[node].parent;
    verdicts[node].is_all_runtime = verdicts[parent].is_all_runtime;
    if (verdicts[node].is_all_runtime)
        return charge_innermost(node, place);
    struct charge charge = stacks->charges[parent];
    if (charge.via == NO_FRAME)
        charge.via = place->first + place->count - 1;
    return charge;
}

static bool find_charges(struct stacks *stacks, struct error *error)
{
    const struct trace *trace = stacks->trace;
    size_t room = (size_t)trace->node_count + 1;
    stacks->charges = calloc(room, sizeof *stacks->charges);
    struct verdict *verdicts = calloc(room, sizeof *verdicts);
    bool is_ok = stacks->charges && verdicts;
    if (is_ok)
        verdicts[0].is_all_runtime = true;
    for (uint32_t i = 1; is_ok && i < trace->node_count; i++)
        if (stacks->node_places[i] != UINT32_MAX)
            stacks->charges[i] = charge_of(stacks, verdicts, i);
    free(verdicts);
    return is_ok || error_out_of_memory(error);
}

bool stacks_init(struct stacks *stacks, const struct trace *trace, bool is_system,
                 struct error *error)
{
    *stacks = (struct stacks){.trace = trace, .is_system = is_system};
    if (name_modules(stacks, error) && create_symbolizer(stacks, error) &&
        symbolize(stacks, error) && find_charges(stacks, error))
        return true;
    stacks_finish(stacks);
    return false;
}

void stacks_finish(struct stacks *stacks)
{
    if (stacks->symbolizer)
        symbolizer_destroy(stacks->symbolizer);
    free(stacks->symbol_modules);
    free(stacks->modules);
    free(stacks->frames);
    free(stacks->places);
    free(stacks->node_places);
    free(stacks->charges);
    *stacks = (struct stacks){0};
}

/* --- walking --- */

struct stack_walk stack_walk(const struct stacks *stacks, uint32_t node)
{
    struct stack_walk walk = {.stacks = stacks, .node = node, .left = STACK_NODES_MAX};
    if (node)
        walk.next = stacks->places[stacks->node_places[node]].first;
    return walk;
}

struct stack_walk stack_walk_own(const struct stacks *stacks, uint32_t node)
{
    const struct charge *charge = &stacks->charges[node];
    struct stack_walk walk = stack_walk(stacks, charge->node);
    walk.next = charge->frame;
    return walk;
}

uint32_t stack_walk_next(struct stack_walk *walk)
{
    const struct stacks *stacks = walk->stacks;
    if (!walk->node || !walk->left)
        return NO_FRAME;
    uint32_t frame = walk->next++;
    const struct place *place = &stacks->places[stacks->node_places[walk->node]];
    if (walk->next == place->first + place->count) {
        walk->node = stacks->trace->nodes[walk->node].parent;
        walk->left--;
        if (walk->node)
            walk->next = stacks->places[stacks->node_places[walk->node]].first;
    }
    return frame;
}

size_t stack_visible(const struct stacks *stacks, uint32_t node, uint32_t *frames, size_t room)
{
    struct stack_walk walk = stack_walk_own(stacks, node);
    uint32_t frame;
    size_t count = 0;
    size_t visible = 0;
    while (count < room && (frame = stack_walk_next(&walk)) != NO_FRAME) {
        const struct frame *details = &stacks->frames[frame];
        if (details->is_start && visible && !stacks->is_system)
            break;
        frames[count++] = frame;
        if (stacks->is_system || details->is_special || !details->is_runtime || count == 1)
            visible = count;
    }
    return visible;
}
