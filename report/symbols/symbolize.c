/* SPDX-License-Identifier: BSD-2-Clause */
/* symbolize.c -- Keeps the addresses of each module with their frames, and has them found.
 *
 * A resolve opens the files of each module that has new addresses, lets sandboxed children read
 * the DWARF, fills in from symbol tables what they left open, and demangles what it got. */
#include "symbolize.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "demangle.h"
#include "module_names.h"
#include "string_pool.h"

/* So many modules have their files open at a time. */
#define MODULES_AT_ONCE 64

struct address {
    uint64_t offset;
    struct symbol_frame *frames;
    uint32_t frame_count;
};

struct module {
    const struct symbol_module *what;
    struct address *addresses; /* sorted up to resolved_count */
    size_t count;
    size_t capacity;
    size_t resolved_count;
    enum symbol_source source;
    char *explanation;
};

struct symbolizer {
    struct module *modules;
    size_t module_count;
    struct symbol_options options;
    struct string_pool strings;
    uint32_t *readable; /* for each string its demangled form, 0: not yet looked for */
    size_t readable_count;
};

struct symbolizer *symbolizer_create(const struct symbol_module *modules, size_t module_count)
{
    struct symbolizer *symbolizer = calloc(1, sizeof(*symbolizer));

    if (!symbolizer || !symbolizer_extend(symbolizer, modules, module_count)) {
        free(symbolizer);
        return NULL;
    }
    symbolizer->options.debug_root = DEBUG_ROOT;
    return symbolizer;
}

bool symbolizer_extend(struct symbolizer *symbolizer, const struct symbol_module *modules,
                       size_t module_count)
{
    size_t known = symbolizer->module_count;
    struct module *larger = realloc(symbolizer->modules, (module_count + 1) * sizeof(*larger));

    if (!larger)
        return false;
    symbolizer->modules = larger;
    if (module_count > known)
        memset(larger + known, 0, (module_count - known) * sizeof(*larger));
    symbolizer->module_count = module_count;
    for (size_t i = 0; i < module_count; i++)
        larger[i].what = &modules[i];
    return true;
}

void symbolizer_configure(struct symbolizer *symbolizer, const struct symbol_options *options)
{
    symbolizer->options = *options;
    if (!symbolizer->options.debug_root)
        symbolizer->options.debug_root = DEBUG_ROOT;
}

static void module_finish(struct module *module)
{
    for (size_t i = 0; i < module->count; i++)
        free(module->addresses[i].frames);
    free(module->addresses);
    free(module->explanation);
}

void symbolizer_destroy(struct symbolizer *symbolizer)
{
    if (!symbolizer)
        return;
    for (size_t i = 0; i < symbolizer->module_count; i++)
        module_finish(&symbolizer->modules[i]);
    string_pool_finish(&symbolizer->strings);
    free(symbolizer->modules);
    free(symbolizer->readable);
    free(symbolizer);
}

bool symbolizer_add(struct symbolizer *symbolizer, uint32_t module, uint64_t offset)
{
    struct module *to;

    if (module >= symbolizer->module_count)
        return false;
    to = &symbolizer->modules[module];
    if (to->count == to->capacity) {
        size_t capacity = to->capacity ? to->capacity * 2 : 16;
        struct address *larger = realloc(to->addresses, capacity * sizeof(*larger));

        if (!larger)
            return false;
        to->addresses = larger;
        to->capacity = capacity;
    }
    to->addresses[to->count++] = (struct address){.offset = offset};
    return true;
}

static int by_offset(const void *a, const void *b)
{
    uint64_t left = ((const struct address *)a)->offset;
    uint64_t right = ((const struct address *)b)->offset;

    return left < right ? -1 : left > right;
}

static const struct address *find_address(const struct module *module, uint64_t offset)
{
    struct address key = {.offset = offset};

    if (module->resolved_count == 0)
        return NULL;
    return bsearch(&key, module->addresses, module->resolved_count, sizeof(key), by_offset);
}

/* Sorts the new addresses and drops those already known. */
static void tidy_new_addresses(struct module *module)
{
    struct address *fresh = module->addresses + module->resolved_count;
    size_t fresh_count = module->count - module->resolved_count;
    size_t kept = 0;

    if (fresh_count == 0)
        return;
    qsort(fresh, fresh_count, sizeof(*fresh), by_offset);
    for (size_t i = 0; i < fresh_count; i++)
        if ((kept == 0 || fresh[kept - 1].offset != fresh[i].offset) &&
            !find_address(module, fresh[i].offset))
            fresh[kept++] = fresh[i];
    module->count = module->resolved_count + kept;
}

/* Keeps the strings of the frames and the frames themselves. */
static void store_frames(struct symbolizer *symbolizer, struct address *address,
                         const struct found_frame *found, size_t count)
{
    address->frames = calloc(count, sizeof(*address->frames));
    if (!address->frames)
        return;
    address->frame_count = (uint32_t)count;
    for (size_t i = 0; i < count; i++)
        address->frames[i] = (struct symbol_frame){
            .function = string_pool_text(&symbolizer->strings, found[i].function),
            .file = string_pool_text(&symbolizer->strings, found[i].file),
            .line = found[i].line,
            .inlined = found[i].is_inlined,
            .function_line = found[i].function_line,
            .function_offset = found[i].function_offset,
        };
}

static void store_module(struct symbolizer *symbolizer, struct module *module,
                         struct module_names *names)
{
    struct address *fresh = module->addresses + module->resolved_count;

    for (size_t i = 0; i < names->address_count; i++)
        if (names->answers[i].frame_count > 0)
            store_frames(symbolizer, &fresh[i], names->answers[i].frames,
                         names->answers[i].frame_count);
    module->source = names->source;
    free(module->explanation);
    module->explanation = names->explanation[0] ? strdup(names->explanation) : NULL;
}

static bool begin_module(struct symbolizer *symbolizer, struct module *module,
                         struct module_names *names)
{
    const struct address *fresh = module->addresses + module->resolved_count;
    size_t count = module->count - module->resolved_count;
    uint64_t *offsets = malloc(count * sizeof(*offsets));

    if (!offsets)
        return false;
    for (size_t i = 0; i < count; i++)
        offsets[i] = fresh[i].offset;
    module_names_init(names, module->what, offsets, count, symbolizer->options.debug_root,
                      &symbolizer->strings);
    return true;
}

/* Reads the modules first to end, whose files may all be open at once. */
static void resolve_batch(struct symbolizer *symbolizer, struct module **batch, size_t count)
{
    struct module_names *names = calloc(count, sizeof(*names));
    bool begun[MODULES_AT_ONCE] = {false};

    if (!names)
        return;
    for (size_t i = 0; i < count; i++)
        begun[i] = begin_module(symbolizer, batch[i], &names[i]);
    module_names_find(names, count);
    for (size_t i = 0; i < count; i++) {
        if (begun[i])
            store_module(symbolizer, batch[i], &names[i]);
        module_names_finish(&names[i]);
    }
    free(names);
}

static bool grow_readable(struct symbolizer *symbolizer)
{
    size_t count = symbolizer->strings.count + 1;
    uint32_t *larger = realloc(symbolizer->readable, count * sizeof(*larger));

    if (!larger)
        return false;
    memset(larger + symbolizer->readable_count, 0,
           (count - symbolizer->readable_count) * sizeof(*larger));
    symbolizer->readable = larger;
    symbolizer->readable_count = count;
    return true;
}

/* Demangles the names that are new since the last time; names[] and numbers[] have room. */
static void demangle_new(struct symbolizer *symbolizer, const char **names, uint32_t *numbers,
                         char **readable)
{
    size_t count = 0;

    for (uint32_t number = 1; number < symbolizer->readable_count; number++) {
        const char *name = string_pool_text(&symbolizer->strings, number);

        if (symbolizer->readable[number])
            continue;
        symbolizer->readable[number] = number;
        if (is_mangled(name)) {
            numbers[count] = number;
            names[count++] = name;
        }
    }
    if (count == 0)
        return;
    demangle_all(names, count, readable);
    for (size_t i = 0; i < count; i++) {
        uint32_t text = 0;

        if (readable[i])
            text = string_pool_add(&symbolizer->strings, readable[i], strlen(readable[i]));
        if (text)
            symbolizer->readable[numbers[i]] = text;
        free(readable[i]);
    }
}

static void make_readable(struct symbolizer *symbolizer, struct address *address)
{
    for (uint32_t i = 0; i < address->frame_count; i++) {
        const char *name = address->frames[i].function;
        uint32_t number = name ? string_pool_add(&symbolizer->strings, name, strlen(name)) : 0;

        if (number && number < symbolizer->readable_count && symbolizer->readable[number])
            address->frames[i].function =
                string_pool_text(&symbolizer->strings, symbolizer->readable[number]);
    }
}

static void demangle_module(struct symbolizer *symbolizer, struct module *module)
{
    for (size_t i = module->resolved_count; i < module->count; i++)
        make_readable(symbolizer, &module->addresses[i]);
}

static void demangle_modules(struct symbolizer *symbolizer)
{
    size_t count = symbolizer->strings.count + 1;
    const char **names = malloc(count * sizeof(*names));
    uint32_t *numbers = malloc(count * sizeof(*numbers));
    char **readable = malloc(count * sizeof(*readable));

    if (names && numbers && readable && grow_readable(symbolizer)) {
        demangle_new(symbolizer, names, numbers, readable);
        for (size_t i = 0; i < symbolizer->module_count; i++)
            demangle_module(symbolizer, &symbolizer->modules[i]);
    }
    free(names);
    free(numbers);
    free(readable);
}

void symbolizer_resolve(struct symbolizer *symbolizer)
{
    struct module *batch[MODULES_AT_ONCE];
    size_t waiting = 0;

    for (size_t i = 0; i < symbolizer->module_count; i++) {
        struct module *module = &symbolizer->modules[i];

        tidy_new_addresses(module);
        if (module->count > module->resolved_count)
            batch[waiting++] = module;
        if (waiting > 0 && (waiting == MODULES_AT_ONCE || i + 1 == symbolizer->module_count)) {
            resolve_batch(symbolizer, batch, waiting);
            waiting = 0;
        }
    }
    if (!symbolizer->options.keeps_mangled)
        demangle_modules(symbolizer);
    for (size_t i = 0; i < symbolizer->module_count; i++) {
        struct module *module = &symbolizer->modules[i];

        if (module->count > module->resolved_count)
            qsort(module->addresses, module->count, sizeof(*module->addresses), by_offset);
        module->resolved_count = module->count;
    }
}

size_t symbolizer_lookup(const struct symbolizer *symbolizer, uint32_t module, uint64_t offset,
                         const struct symbol_frame **ret_frames)
{
    const struct address *address = NULL;

    *ret_frames = NULL;
    if (module < symbolizer->module_count)
        address = find_address(&symbolizer->modules[module], offset);
    if (!address)
        return 0;
    *ret_frames = address->frames;
    return address->frame_count;
}

enum symbol_source symbolizer_source(const struct symbolizer *symbolizer, uint32_t module,
                                     const char **ret_explanation)
{
    const struct module *asked = NULL;

    if (module < symbolizer->module_count)
        asked = &symbolizer->modules[module];
    *ret_explanation = asked && asked->explanation ? asked->explanation : "";
    return asked ? asked->source : SYMBOLS_UNREAD;
}
