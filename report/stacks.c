/* SPDX-License-Identifier: BSD-2-Clause */
/* stacks.c -- The call stacks of a trace with names and lines, and whose line each one is. */
#include "stacks.h"

#include "hash.h"
#include "runtime.h"

#include <stdlib.h>
#include <string.h>

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
        .root = stacks->trace->program_root,
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

/* Where the call is: return addresses point behind it. */
static uint64_t offset_of(const struct address *address)
{
    bool is_return =
        address_module(address) != NODE_MODULE_SPECIAL && !(address->module_bits & NODE_EXACT);
    return address->offset - is_return;
}

static bool ask_for(struct stacks *stacks, const struct address *address)
{
    uint32_t module = address_module(address);
    return module == 0 || module == NODE_MODULE_SPECIAL ||
           symbolizer_add(stacks->symbolizer, module, offset_of(address));
}

bool stacks_ask(struct stacks *stacks, struct error *error)
{
    const struct trace *trace = stacks->trace;
    bool is_ok = extend_modules(stacks);
    for (; is_ok && stacks->asked_address_count < trace->address_count;
         stacks->asked_address_count++)
        is_ok = ask_for(stacks, &trace->addresses[stacks->asked_address_count]);
    stacks->asked_node_count = trace->node_count;
    return is_ok || error_out_of_memory(error);
}

bool stacks_are_behind(const struct stacks *stacks)
{
    return stacks->asked_node_count != stacks->trace->node_count;
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
        frame.function_line = frame.file ? found[i].function_line : 0;
        frame.function_offset = found[i].function_offset;
        frame.is_inlined = found[i].inlined;
        if (!append_frame(stacks, &frame))
            return false;
    }
    return true;
}

static uint32_t own_frame(const struct stacks *stacks, const struct place *place)
{
    for (uint32_t i = place->first; i < place->first + place->count; i++)
        if (!stacks->frames[i].is_runtime)
            return i;
    return NO_FRAME;
}

static bool make_place(struct stacks *stacks, const struct address *address, struct place *place)
{
    uint32_t module = address_module(address);
    place->first = stacks->frame_count;
    if (module == NODE_MODULE_SPECIAL ? !append_special(stacks, address->offset)
                                      : !append_address(stacks, module, offset_of(address)))
        return false;
    place->count = stacks->frame_count - place->first;
    place->own = own_frame(stacks, place);
    return true;
}

static bool announces_pool(const char *function)
{
    return function && (strcmp(function, "memtrace_alloc") == 0 ||
                        strcmp(function, "memtrace_pool_alloc") == 0);
}

/* A stack of a custom pool ends in the pool's function that has called memtrace_alloc(), as one of
 * the heap ends where malloc was called. That function is an allocator, whatever it is named. */
static void pass_over_pool(struct stacks *stacks, struct place *place)
{
    uint32_t i = place->first;
    uint32_t end = place->first + place->count;
    while (i + 1 < end && announces_pool(stacks->frames[i].function))
        stacks->frames[i++].is_runtime = true;
    if (!stacks->frames[i].is_special)
        stacks->frames[i].is_runtime = stacks->frames[i].is_allocator = true;
    place->own = own_frame(stacks, place);
}

static void pass_over_pools(struct stacks *stacks)
{
    const struct trace *trace = stacks->trace;
    for (uint32_t i = 1; trace->domain == DOMAIN_POOL && i < trace->owner_count; i++) {
        uint32_t node = trace_site(trace, i);
        if (stacks_have(stacks, node))
            pass_over_pool(stacks, &stacks->places[trace->nodes[node].address]);
    }
}

bool stacks_answer(struct stacks *stacks, struct error *error)
{
    const struct address *addresses = stacks->trace->addresses;
    struct place *places =
        realloc(stacks->places, ((size_t)stacks->asked_address_count + 1) * sizeof *places);
    if (!places)
        return error_out_of_memory(error);
    stacks->places = places;
    for (; stacks->place_count < stacks->asked_address_count; stacks->place_count++)
        if (!make_place(stacks, &addresses[stacks->place_count], &places[stacks->place_count]))
            return error_out_of_memory(error);
    stacks->node_count = stacks->asked_node_count;
    pass_over_pools(stacks);
    return true;
}

bool stacks_have(const struct stacks *stacks, uint32_t node)
{
    return node && node < stacks->node_count;
}

/* --- whose line --- */

/* Below a wrapper like sqlite3Malloc a stripped library has nameless functions that are as much its
 * allocator as the wrapper. */
enum {
    NAMELESS_DEPTH_MAX = 4
};

static bool is_below_allocator(const struct stacks *stacks, uint32_t node)
{
    const struct trace *trace = stacks->trace;
    uint32_t module = address_module(&trace->addresses[trace->nodes[node].address]);
    for (int depth = 0; depth <= NAMELESS_DEPTH_MAX && node; depth++) {
        const struct place *place = stack_place(stacks, node);
        const struct frame *frames = &stacks->frames[place->first];
        if (address_module(&trace->addresses[trace->nodes[node].address]) != module)
            return false;
        if (frames[place->count - 1].is_allocator)
            return depth > 0;
        if (!frames[0].is_nameless)
            return false;
        node = trace->nodes[node].parent;
    }
    return false;
}

/* The frame of this node that may be charged, or NO_FRAME. */
static uint32_t chargeable_frame(const struct stacks *stacks, uint32_t node)
{
    const struct place *place = stack_place(stacks, node);
    if (stacks->is_system || trace_is_timed(stacks->trace))
        return place->first;
    if (place->own == NO_FRAME || !stacks->frames[place->first].is_nameless)
        return place->own;
    return is_below_allocator(stacks, node) ? NO_FRAME : place->own;
}

/* Outwards to the first frame that is not runtime. A stack that is runtime all through is charged
 * to its innermost frame. */
struct charge stack_charge(const struct stacks *stacks, uint32_t node)
{
    uint32_t via = NO_FRAME;
    uint32_t at = node;
    for (uint32_t left = STACK_NODES_MAX; at && left; left--) {
        const struct place *place = stack_place(stacks, at);
        uint32_t frame = chargeable_frame(stacks, at);
        if (frame != NO_FRAME)
            return (struct charge){
                .node = at, .frame = frame, .via = frame > place->first ? frame - 1 : via};
        via = place->first + place->count - 1;
        at = stacks->trace->nodes[at].parent;
    }
    return (struct charge){
        .node = node, .frame = stack_place(stacks, node)->first, .via = NO_FRAME};
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
    *stacks = (struct stacks){0};
}

/* --- walking --- */

struct stack_walk stack_walk(const struct stacks *stacks, uint32_t node)
{
    struct stack_walk walk = {.stacks = stacks, .node = node, .left = STACK_NODES_MAX};
    if (node)
        walk.next = stack_place(stacks, node)->first;
    return walk;
}

struct stack_walk stack_walk_from(const struct stacks *stacks, const struct charge *charge)
{
    struct stack_walk walk = stack_walk(stacks, charge->node);
    walk.next = charge->frame;
    return walk;
}

struct stack_walk stack_walk_own(const struct stacks *stacks, uint32_t node)
{
    struct charge charge = stack_charge(stacks, node);
    return stack_walk_from(stacks, &charge);
}

size_t stack_visible(const struct stacks *stacks, uint32_t node, uint32_t *frames, size_t room)
{
    struct stack_walk walk = stack_walk_own(stacks, node);
    uint32_t frame;
    size_t count = 0;
    size_t visible = 0;
    while (count < room && (frame = stack_walk_next(&walk)) != NO_FRAME) {
        if (visible && stack_ends_before(stacks, frame, false))
            break;
        frames[count++] = frame;
        if (count == 1 || !stack_ends_before(stacks, frame, true))
            visible = count;
    }
    return visible;
}
