/* SPDX-License-Identifier: BSD-2-Clause */
/* modules.c -- The ELF files whose code has been seen on a stack: from address to (module, offset).
 *
 * The same file loaded again, at whatever address, is the same module: a program that loads and
 * unloads a plugin ten thousand times has one call site for it, not ten thousand. */
#include "modules.h"

#include "arena.h"
#include "clock.h"
#include "loader.h"
#include "sys.h"
#include "text.h"
#include "trace_file.h"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/stat.h>

enum {
    LOADED_FIRST = 256 /* there is room for so many at first */
};

/* What is mapped now; unordered, the last one found is tried first. */
struct loaded {
    uint64_t start;
    uint64_t end;
    uint64_t bias;
    uint64_t code; /* an address in it that the loader answers for */
    const struct link_map *link_map;
    uint32_t module;
};
static struct loaded loaded_first[LOADED_FIRST];
static struct loaded *loaded = loaded_first;
static uint32_t loaded_room = LOADED_FIRST;
static uint32_t loaded_count;
static uint32_t last_found;
static uint32_t epoch; /* loads and unloads so far */

struct identity {
    const char *path;
    uint8_t build_id[TRACE_BUILD_ID_MAX];
    uint32_t build_id_bytes;
    uint64_t file_bytes;
    uint64_t file_mtime_ns;
};

/* --- reading a module's identity --- */

static void read_notes(const uint8_t *note, uint64_t size_bytes, struct identity *identity)
{
    while (size_bytes >= sizeof(ElfW(Nhdr))) {
        const ElfW(Nhdr) *header = (const void *)note;
        uint64_t name_bytes = round_up(header->n_namesz, 4);
        uint64_t total = sizeof *header + name_bytes + round_up(header->n_descsz, 4);
        if (total > size_bytes)
            return;
        const uint8_t *name = note + sizeof *header;
        if (header->n_type == NT_GNU_BUILD_ID && header->n_namesz == 4 &&
            memcmp(name, "GNU", 4) == 0 && header->n_descsz <= TRACE_BUILD_ID_MAX) {
            identity->build_id_bytes = header->n_descsz;
            memcpy(identity->build_id, name + name_bytes, header->n_descsz);
            return;
        }
        note += total;
        size_bytes -= total;
    }
}

static void read_build_id(const struct loaded_object *object, uint64_t bias,
                          struct identity *identity)
{
    const ElfW(Ehdr) *elf = (const void *)object->elf_header;
    if (!elf)
        return;
    const ElfW(Phdr) *segments = (const void *)(object->elf_header + elf->e_phoff);
    for (unsigned i = 0; i < elf->e_phnum && !identity->build_id_bytes; i++) {
        uint64_t note = bias + segments[i].p_vaddr;
        if (segments[i].p_type == PT_NOTE && note >= object->start && note < object->end &&
            segments[i].p_memsz <= object->end - note)
            read_notes((const void *)note, segments[i].p_memsz, identity);
    }
}

static void read_file_times(struct identity *identity)
{
    struct stat status;
    if (sys(__NR_newfstatat, AT_FDCWD, identity->path, &status, 0) != 0)
        return;
    identity->file_bytes = (uint64_t)status.st_size;
    identity->file_mtime_ns =
        (uint64_t)status.st_mtim.tv_sec * 1000000000u + (uint64_t)status.st_mtim.tv_nsec;
}

/* The loader has no name for the executable; a relative name is meant from the directory at that
 * time, which is the best known now. */
static void make_absolute(const char *name, char *buffer, size_t buffer_bytes)
{
    struct text text;
    text_init(&text, buffer, buffer_bytes);
    if (!*name) {
        long length = sys(__NR_readlinkat, AT_FDCWD, "/proc/self/exe", buffer, buffer_bytes - 1);
        buffer[length > 0 ? length : 0] = 0;
        return;
    }
    bool is_path = false;
    for (const char *c = name; *c; c++)
        is_path |= *c == '/';
    if (is_path && *name != '/') {
        long length = sys(__NR_getcwd, buffer, buffer_bytes);
        text.length = length > 1 ? (size_t)length - 1 : 0;
        text_add(&text, "/");
    }
    text_add(&text, name);
}

/* --- the table in the trace --- */

static bool is_same_module(const struct trace_module *module, const struct identity *identity)
{
    size_t length = text_length(identity->path);
    return module->build_id_bytes == identity->build_id_bytes &&
           memcmp(module->build_id, identity->build_id, identity->build_id_bytes) == 0 &&
           module->path.size_bytes == length &&
           memcmp(trace.strings + module->path.offset, identity->path, length) == 0 &&
           (identity->build_id_bytes || (module->file_bytes == identity->file_bytes &&
                                         module->file_mtime_ns == identity->file_mtime_ns));
}

static uint32_t find_module(const struct identity *identity)
{
    uint32_t count = trace_count(SECTION_MODULES);
    for (uint32_t i = 1; i < count; i++)
        if (is_same_module(&trace.modules[i], identity))
            return i;
    return 0;
}

static uint32_t add_module(const struct identity *identity)
{
    uint32_t index = trace_count(SECTION_MODULES);
    if (index >= NODE_MODULE_SPECIAL ||
        trace_reserve(SECTION_MODULES, sizeof(struct trace_module)) < 0) {
        trace_count_anomaly(ANOMALY_MODULES_LOST);
        return 0;
    }
    struct trace_module *module = &trace.modules[index];
    module->path = trace_add_string(identity->path, text_length(identity->path));
    module->file_bytes = identity->file_bytes;
    module->file_mtime_ns = identity->file_mtime_ns;
    module->build_id_bytes = identity->build_id_bytes;
    memcpy(module->build_id, identity->build_id, identity->build_id_bytes);
    return index;
}

static uint32_t enter_module(const struct loaded_object *object)
{
    static char path[4096]; /* under trace_lock */
    struct identity identity = {.path = path};
    uint64_t bias = object->link_map->l_addr;
    make_absolute(object->link_map->l_name ? object->link_map->l_name : "", path, sizeof path);
    read_build_id(object, bias, &identity);
    read_file_times(&identity);
    uint32_t index = find_module(&identity);
    if (!index)
        index = add_module(&identity);
    if (!index)
        return 0;
    struct trace_module *module = &trace.modules[index];
    module->load_bias = bias;
    module->start_address = object->start;
    module->end_address = object->end;
    if (!module->load_time_ns) {
        module->load_time_ns = clock_monotonic_ns();
        module->load_epoch = epoch;
    }
    module->unload_time_ns = 0;
    module->unload_epoch = 0;
    epoch++;
    trace_publish(SECTION_MODULES);
    return index;
}

static void mark_unloaded(struct loaded *gone)
{
    struct trace_module *module = &trace.modules[gone->module];
    if (gone->module && module->load_bias == gone->bias) {
        module->unload_time_ns = clock_monotonic_ns();
        module->unload_epoch = ++epoch;
    }
    *gone = loaded[--loaded_count];
    last_found = 0;
}

/* --- address to place --- */

static const struct loaded *find_loaded(uint64_t address)
{
    for (uint32_t k = 0; k < loaded_count; k++) {
        uint32_t i = k ? k - (k <= last_found) : last_found;
        if (address >= loaded[i].start && address < loaded[i].end) {
            last_found = i;
            return &loaded[i];
        }
    }
    return NULL;
}

static bool make_room(void)
{
    if (loaded_count < loaded_room)
        return true;
    struct loaded *larger = arena_map(2 * loaded_room * sizeof *larger);
    if (!larger)
        return false;
    memcpy(larger, loaded, loaded_count * sizeof *larger);
    if (loaded != loaded_first)
        arena_unmap(loaded, loaded_room * sizeof *loaded);
    loaded = larger;
    loaded_room *= 2;
    return true;
}

static const struct loaded *enter_loaded(uint64_t address)
{
    struct loaded_object object;
    if (!loader_find(address, &object))
        return NULL;
    if (!make_room()) {
        trace_count_anomaly(ANOMALY_MODULES_LOST);
        return NULL;
    }
    struct loaded entry = {.start = object.start,
                           .end = object.end,
                           .bias = object.link_map->l_addr,
                           .code = address,
                           .link_map = object.link_map,
                           .module = enter_module(&object)};
    last_found = loaded_count;
    loaded[loaded_count++] = entry;
    return &loaded[last_found];
}

struct code_place modules_locate(uint64_t address)
{
    const struct loaded *entry = find_loaded(address);
    if (!entry)
        entry = enter_loaded(address);
    if (!entry || !entry->module)
        return (struct code_place){.offset = address};
    return (struct code_place){.module = entry->module, .offset = address - entry->bias};
}

bool modules_drop_unloaded(void (*drop)(uint64_t start, uint64_t end))
{
    bool is_dropped = false;
    for (uint32_t i = 0; i < loaded_count;) {
        struct loaded_object object;
        if (loader_find(loaded[i].code, &object) && object.link_map == loaded[i].link_map &&
            object.start == loaded[i].start && object.end == loaded[i].end) {
            i++;
            continue;
        }
        drop(loaded[i].start, loaded[i].end);
        mark_unloaded(&loaded[i]);
        is_dropped = true;
    }
    return is_dropped;
}

void modules_after_fork(void)
{
    last_found = 0;
}
