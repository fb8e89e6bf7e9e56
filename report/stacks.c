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

/* What charging learns about a node for the nodes it calls. */
struct verdict {
    bool is_all_runtime;     /* from here outwards */
    uint8_t allocator_depth; /* 1: an installed library's allocator; more: called by one */
};

struct module_name {
    const char *path;
    UT_hash_handle hh;
};

/* --- modules --- */

/* A library that was unloaded and loaded again is two modules with one path. */
static bool name_modules(struct stacks *stacks)
{
    const struct trace *trace = stacks->trace;
    struct module_name *names = calloc((size_t)trace->module_count + 1, sizeof *names);
    const char **modules =
        realloc(stacks->modules, ((size_t)trace->module_count + 1) * sizeof *stacks->modules);
    struct module_name *known = NULL;
    if (modules)
        stacks->modules = modules;
    for (uint32_t i = 0; names && modules && i < trace->module_count; i++) {
        struct module_name *found = NULL;
        const char *path = trace->module_paths[i];
        HASH_FIND_STR(known, path, found);
        if (!found) {
            found = &names[i];
            found->path = path;
            HASH_ADD_KEYPTR(hh, known, path, strlen(path), found);
        }
        modules[i] = found->path;
    }
    HASH_CLEAR(hh, known);
    free(names);
    return names && modules;
}

/* The trace may be read again, and its array of modules lie elsewhere then: build-ids are copied.
 */
static bool describe_module(struct stacks *stacks, uint32_t index)
{
    const struct trace_module *module = &stacks->trace->modules[index];
    uint8_t *build_id = NULL;
    if (module->build_id_bytes) {
        build_id = malloc(module->build_id_bytes);
        if (!build_id)
            return false;
        memcpy(build_id, module->build_id, module->build_id_bytes);
    }
    stacks->symbol_modules[index] = (struct symbol_module){
        .path = index ? stacks->trace->module_paths[index] : "",
        .build_id = build_id,
        .build_id_bytes = module->build_id_bytes,
        .file_bytes = module->file_bytes,
        .file_mtime_ns = module->file_mtime_ns,
    };
    return true;
}

static bool describe_modules(struct stacks *stacks)
{
    const struct trace *trace = stacks->trace;
    struct symbol_module *modules = realloc(
        stacks->symbol_modules, ((size_t)trace->module_count + 1) * sizeof *stacks->symbol_modules);
    if (!modules)
        return false;
    stacks->symbol_modules = modules;
    for (; stacks->module_count < trace->module_count; stacks->module_count++)
        if (!describe_module(stacks, stacks->module_count))
            return false;
    if (stacks->symbolizer)
        return symbolizer_extend(stacks->symbolizer, modules, stacks->module_count);
    stacks->symbolizer = symbolizer_create(modules, stacks->module_count);
    return stacks->symbolizer;
}

static bool extend_modules(struct stacks *stacks)
{
    if (stacks->symbolizer && stacks->module_count == stacks->trace->module_count)
        return true;
    return name_modules(stacks) && describe_modules(stacks);
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
static bool add_address(struct stacks *stacks, uint32_t node)
{
    const struct address address = address_of(&stacks->trace->nodes[node]);
    uint32_t known = stacks->addresses.count;
    uint32_t place = numbering_of(&stacks->addresses, address.offset, address.module, 0);
    stacks->node_places[node] = place;
    if (place == NUMBER_NONE)
        return false;
    if (place < known || address.module == 0 || address.module == NODE_MODULE_SPECIAL)
        return true;
    return symbolizer_add(stacks->symbolizer, address.module, address.offset);
}

static bool grow_nodes(struct stacks *stacks)
{
    size_t room = (size_t)stacks->trace->node_count + 1;
    uint32_t *places = realloc(stacks->node_places, room * sizeof *places);
    if (places)
        stacks->node_places = places;
    struct charge *charges = realloc(stacks->charges, room * sizeof *charges);
    if (charges)
        stacks->charges = charges;
    struct verdict *verdicts = realloc(stacks->verdicts, room * sizeof *verdicts);
    if (verdicts)
        stacks->verdicts = verdicts;
    if (!places || !charges || !verdicts)
        return false;
    for (uint32_t i = stacks->node_count; i < stacks->trace->node_count; i++) {
        places[i] = UINT32_MAX;
        charges[i] = (struct charge){.frame = NO_FRAME, .via = NO_FRAME};
        verdicts[i] = (struct verdict){.is_all_runtime = i == 0};
    }
    stacks->node_count = stacks->trace->node_count;
    return true;
}

static bool add_addresses(struct stacks *stacks)
{
    bool *is_used = find_used_nodes(stacks->trace);
    bool is_ok = is_used != NULL;
    for (uint32_t i = 1; is_ok && i < stacks->node_count; i++)
        if (is_used[i] && stacks->node_places[i] == UINT32_MAX)
            is_ok = add_address(stacks, i);
    free(is_used);
    return is_ok;
}

bool stacks_ask(struct stacks *stacks, struct error *error)
{
    if (!extend_modules(stacks) || !grow_nodes(stacks) || !add_addresses(stacks))
        return error_out_of_memory(error);
    stacks->owner_count = stacks->trace->owner_count;
    return true;
}

bool stacks_are_behind(const struct stacks *stacks)
{
    return stacks->owner_count != stacks->trace->owner_count ||
           stacks->node_count != stacks->trace->node_count;
}

/* --- frames --- */

static bool append_frame(struct stacks *stacks, const struct frame *frame)
{
    if (stacks->frame_count == stacks->frame_room) {
        size_t wanted = stacks->frame_room ? (size_t)stacks->frame_room * 2 : 1024;
        struct frame *frames = realloc(stacks->frames, wanted * sizeof *frames);
        if (frames)
            stacks->frames = frames;
        if (!frames || wanted >= NO_FRAME)
            return false;
        stacks->frame_room = (uint32_t)wanted;
    }
    struct frame *added = &stacks->frames[stacks->frame_count++];
    *added = *frame;
    frame_classify(added);
    return true;
}

static bool append_special(struct stacks *stacks, uint64_t special)
{
    return append_frame(stacks, &(struct frame){.function = trace_special_name(special),
                                                .module = "",
                                                .offset = special,
                                                .is_special = true});
}

static bool append_address(struct stacks *stacks, uint32_t module, uint64_t offset)
{
    const struct symbol_frame *found = NULL;
    size_t count = module ? symbolizer_lookup(stacks->symbolizer, module, offset, &found) : 0;
    const struct frame base = {
        .module = module < stacks->module_count ? stacks->modules[module] : "",
        .module_index = module,
        .offset = offset,
    };
    if (count == 0)
        return append_frame(stacks, &base);
    for (size_t i = 0; i < count; i++) {
        struct frame frame = base;
        frame.function = found[i].function;
        frame.file = found[i].line ? found[i].file : NULL;
        frame.line = frame.file ? found[i].line : 0;
        frame.is_inlined = found[i].inlined;
        if (!append_frame(stacks, &frame))
            return false;
    }
    return true;
}

static bool make_frames(struct stacks *stacks)
{
    const struct numbering *addresses = &stacks->addresses;
    struct place *places =
        realloc(stacks->places, ((size_t)addresses->count + 1) * sizeof *stacks->places);
    if (!places)
        return false;
    stacks->places = places;
    for (; stacks->place_count < addresses->count; stacks->place_count++) {
        struct place *place = &places[stacks->place_count];
        uint64_t offset = addresses->keys[stacks->place_count].words[0];
        uint32_t module = (uint32_t)addresses->keys[stacks->place_count].words[1];
        place->first = stacks->frame_count;
        bool is_ok = module == NODE_MODULE_SPECIAL ? append_special(stacks, offset)
                                                   : append_address(stacks, module, offset);
        if (!is_ok)
            return false;
        place->count = stacks->frame_count - place->first;
    }
    return true;
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

/* Below a wrapper like sqlite3Malloc a stripped library has nameless functions that are as much its
 * allocator as the wrapper. */
enum {
    NAMELESS_DEPTH_MAX = 4
};

static uint8_t allocator_depth(const struct stacks *stacks, uint32_t node)
{
    const struct place *place = &stacks->places[stacks->node_places[node]];
    const struct frame *frames = &stacks->frames[place->first];
    const struct trace_node *nodes = stacks->trace->nodes;
    uint32_t parent = nodes[node].parent;
    uint8_t depth = stacks->verdicts[parent].allocator_depth;
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

static struct charge charge_of(const struct stacks *stacks, uint32_t node)
{
    const struct place *place = &stacks->places[stacks->node_places[node]];
    struct verdict *verdict = &stacks->verdicts[node];
    verdict->allocator_depth = allocator_depth(stacks, node);
    uint32_t own = stacks->is_system              ? place->first
                   : verdict->allocator_depth > 1 ? NO_FRAME
                                                  : own_frame(stacks, place);
    if (own != NO_FRAME)
        return (struct charge){
            .node = node, .frame = own, .via = own > place->first ? own - 1 : NO_FRAME};
    uint32_t parent = stacks->trace->nodes[node].parent;
    verdict->is_all_runtime = stacks->verdicts[parent].is_all_runtime;
    if (verdict->is_all_runtime)
        return charge_innermost(node, place);
    struct charge charge = stacks->charges[parent];
    if (charge.via == NO_FRAME)
        charge.via = place->first + place->count - 1;
    return charge;
}

bool stacks_answer(struct stacks *stacks, struct error *error)
{
    if (!make_frames(stacks))
        return error_out_of_memory(error);
    for (uint32_t i = 1; i < stacks->node_count; i++)
        if (stacks->node_places[i] != UINT32_MAX && stacks->charges[i].frame == NO_FRAME)
            stacks->charges[i] = charge_of(stacks, i);
    return true;
}

bool stacks_have(const struct stacks *stacks, uint32_t node)
{
    return node < stacks->node_count && stacks->charges[node].frame != NO_FRAME;
}

void stacks_begin(struct stacks *stacks, const struct trace *trace, bool is_system)
{
    static uint64_t last_id;
    *stacks = (struct stacks){.trace = trace, .id = ++last_id, .is_system = is_system};
}

bool stacks_init(struct stacks *stacks, const struct trace *trace, bool is_system,
                 struct error *error)
{
    stacks_begin(stacks, trace, is_system);
    if (stacks_ask(stacks, error)) {
        symbolizer_resolve(stacks->symbolizer);
        if (stacks_answer(stacks, error))
            return true;
    }
    stacks_finish(stacks);
    return false;
}

void stacks_finish(struct stacks *stacks)
{
    if (stacks->symbolizer)
        symbolizer_destroy(stacks->symbolizer);
    for (uint32_t i = 0; i < stacks->module_count; i++)
        free((void *)stacks->symbol_modules[i].build_id);
    free(stacks->symbol_modules);
    free(stacks->modules);
    free(stacks->frames);
    free(stacks->places);
    free(stacks->node_places);
    free(stacks->charges);
    free(stacks->verdicts);
    numbering_finish(&stacks->addresses);
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
