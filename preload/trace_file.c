/* SPDX-License-Identifier: BSD-2-Clause */
/* trace_file.c -- The trace file as it is written: a mapping that grows.
 *
 * What a file begins with is mapped in one piece, for that is most of what a short program pays.
 * A section that outgrows its part of it moves to address space of its own, where its beginning is
 * mapped a second time: pointers into the first mapping stay good.
 *
 * No descriptor is kept: programs close, reuse and dup2 over numbers that are not theirs. To grow,
 * the file is opened again by its path and compared with what was created. Blocks are allocated
 * before they are mapped: a store into a hole on a full disk would be a SIGBUS in the program. */
#include "trace_file.h"

#include "clock.h"
#include "options.h"
#include "sys.h"
#include "text.h"

#include <elf.h>
#include <fcntl.h>
#include <linux/mman.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>

enum {
    PAGE = 4096,
    PATH_BYTES = 4096,
    NAME_BYTES = 256, /* as long as a file name can be */
    EXTENT_MAX_BYTES = 16 * 1024 * 1024,
    NAME_TRIES = 1000,
    FILL_BYTES = 128 * 1024, /* of a section that grows, at once */
    RETRY_EVERY = 4096       /* requests between two attempts to grow after one has failed */
};

struct trace trace;
struct lock trace_lock;

static struct {
    size_t element_bytes;
    uint64_t first_bytes;    /* of the first extent */
    uint64_t reserved_bytes; /* of address space */
    uint64_t mapped_bytes;
    uint64_t filled_bytes; /* of these, has pages: up to here, or a bit further */
    uint64_t used_bytes;
    char *base;
    uint64_t first_offset; /* of the first extent in the file */
    bool is_apart;         /* has address space of its own, reserved_bytes */
} sections[SECTION_COUNT] = {
    [SECTION_NODES] = {sizeof(struct trace_node), 2 * PAGE, 512ul << 20},
    [SECTION_OWNERS] = {sizeof(struct trace_owner), PAGE, 32ul << 20},
    [SECTION_COUNTERS] = {sizeof(struct trace_counters), 2 * PAGE, 256ul << 20},
    [SECTION_INHERITED] = {sizeof(struct trace_inherited), 0, 64ul << 20},
    [SECTION_MODULES] = {sizeof(struct trace_module), PAGE, 4ul << 20},
    [SECTION_THREADS] = {sizeof(struct trace_thread), PAGE, 4ul << 20},
    [SECTION_STRINGS] = {1, PAGE, 16ul << 20},
    [SECTION_MARKS] = {sizeof(struct trace_mark), 0, 4ul << 20},
    [SECTION_HISTORY] = {1, 0, 0}, /* as large as the options say */
    [SECTION_SERIES] = {sizeof(struct trace_point), PAGE, 2ul << 20},
    [SECTION_SAMPLERS] = {sizeof(struct trace_sampler), 0, 64ul << 10},
    [SECTION_RESIDENCE] = {sizeof(struct trace_residence), PAGE, PAGE},
};

static char path[PATH_BYTES];
static dev_t file_dev;
static ino_t file_inode;
static uint64_t file_bytes;
static uint32_t refusals; /* requests since growing failed; 0: it has not */

/* --- the name --- */

static char program_name[NAME_BYTES];

void trace_file_set_program(const char *name)
{
    struct text text;
    text_init(&text, program_name, sizeof program_name);
    text_add(&text, name);
}

static void add_name(struct text *text, const char *name)
{
    size_t before = text->length;
    for (; *name; name++) {
        bool is_plain = (*name >= 'a' && *name <= 'z') || (*name >= 'A' && *name <= 'Z') ||
                        (*name >= '0' && *name <= '9') || *name == '.' || *name == '_' ||
                        *name == '+' || (*name == '-' && text->length > before);
        text_add_bytes(text, is_plain ? name : "_", 1);
    }
    if (text->length == before)
        text_add(text, "unnamed");
}

static void add_host(struct text *text)
{
    struct utsname names = {0};
    sys(__NR_uname, &names);
    add_name(text, names.nodename);
}

/* %p pid, %n program, %h host, %% itself. */
static void add_template(struct text *text, const char *template, const char *program)
{
    for (; *template; template ++) {
        if (template[0] != '%' || !template[1]) {
            text_add_bytes(text, template, 1);
            continue;
        }
        template ++;
        if (*template == 'p')
            text_add_number(text, (uint64_t)sys(__NR_getpid));
        else if (*template == 'n')
            add_name(text, program);
        else if (*template == 'h')
            add_host(text);
        else
            text_add_bytes(text, template, 1);
    }
}

/* A relative name means the directory in which the program was started: it, or a forked child
 * that gets its own trace later, may have gone elsewhere since. */
static void add_start_directory(struct text *text)
{
    static char directory[PATH_BYTES];
    if (!directory[0] && sys(__NR_getcwd, directory, sizeof directory) <= 0)
        directory[0] = 0;
    if (directory[0] != '/')
        return;
    text_add(text, directory);
    if (directory[1])
        text_add(text, "/");
}

static void make_path(struct text *text, const char *program)
{
    const char *template = options.output ? options.output : "%n.%p.memtrace";
    if (template[0] != '/')
        add_start_directory(text);
    add_template(text, template, program);
}

/* Beside an older trace, or a link planted there, is a good place. Beside a device or a directory
 * is not: nobody who says /dev/null means /dev/null.1. */
static bool may_step_aside(void)
{
    struct stat status;
    return sys(__NR_newfstatat, AT_FDCWD, path, &status, AT_SYMLINK_NOFOLLOW) != 0 ||
           S_ISREG(status.st_mode) || S_ISLNK(status.st_mode);
}

/* Tries path, path.1, path.2, … until put succeeds or fails for another reason than that the name
 * is taken. Never follows a link, never overwrites. */
static long try_names(long (*put)(long fd), long fd)
{
    struct text text;
    text_init(&text, path, sizeof path - 8);
    make_path(&text, program_name);
    size_t length = text.length;
    if (text.is_cut)
        return -ENAMETOOLONG;
    for (uint64_t try = 1;; try++) {
        long result = put(fd);
        if (result != -EEXIST || try == NAME_TRIES || !may_step_aside())
            return result;
        text = (struct text){.bytes = path, .capacity = sizeof path, .length = length};
        text_add(&text, ".");
        text_add_number(&text, try);
    }
}

static long create_named(long unused)
{
    (void)unused;
    return sys(__NR_openat, AT_FDCWD, path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
               0600);
}

/* The kernel takes the descriptor itself since 6.10, and always from root; else /proc must be
 * there, whose first use costs a process more than the link does. */
static long link_name(long fd)
{
    long result = sys(__NR_linkat, fd, "", AT_FDCWD, path, AT_EMPTY_PATH);
    if (result != -ENOENT && result != -EPERM && result != -EACCES)
        return result;
    char source[32];
    struct text text;
    text_init(&text, source, sizeof source);
    text_add(&text, "/proc/self/fd/");
    text_add_number(&text, (uint64_t)fd);
    return sys(__NR_linkat, AT_FDCWD, source, AT_FDCWD, path, AT_SYMLINK_FOLLOW);
}

/* A file without a name in the directory where the trace will be. */
static long create_unnamed(void)
{
    struct text text;
    text_init(&text, path, sizeof path - 8);
    make_path(&text, program_name);
    while (text.length > 1 && path[text.length - 1] != '/')
        text.length--;
    if (!text.length || path[text.length - 1] != '/')
        text_add(&text, "./");
    path[text.length] = 0;
    return sys(__NR_openat, AT_FDCWD, path, O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
}

/* --- room in the file --- */

static long write_zeros(long fd, uint64_t offset, uint64_t size_bytes)
{
    static const char zeros[PAGE];
    while (size_bytes) {
        long written = sys(__NR_pwrite64, fd, zeros, PAGE, offset);
        if (written == -EINTR)
            continue;
        if (written <= 0)
            return written ? written : -ENOSPC;
        offset += (uint64_t)written;
        size_bytes -= (uint64_t)written < size_bytes ? (uint64_t)written : size_bytes;
    }
    return 0;
}

/* A limit on file sizes would answer with a SIGXFSZ that kills the program. Where we may not ask
 * any more, nor may the program change it. */
static bool is_within_limit(uint64_t end)
{
    static uint64_t known = RLIM_INFINITY;
    struct rlimit limit;
    if (sys(__NR_prlimit64, 0, RLIMIT_FSIZE, 0, &limit) == 0)
        known = limit.rlim_cur;
    return known == RLIM_INFINITY || end <= known;
}

static long allocate(long fd, uint64_t offset, uint64_t size_bytes)
{
    long result;
    if (!is_within_limit(offset + size_bytes))
        return -EFBIG;
    do
        result = sys(__NR_fallocate, fd, 0, offset, size_bytes);
    while (result == -EINTR);
    if (result == -EOPNOTSUPP || result == -ENOSYS)
        result = write_zeros(fd, offset, size_bytes);
    return result;
}

static long map_fixed(char *at, uint64_t size_bytes, long fd, uint64_t offset)
{
    long address =
        sys(__NR_mmap, at, size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, offset);
    return sys_failed(address) ? address : 0;
}

/* --- address space --- */

/* With a limit on address space, take little of what is the program's. */
static uint64_t reservation_divisor(void)
{
    struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};
    sys(__NR_prlimit64, 0, RLIMIT_AS, 0, &limit);
    if (limit.rlim_cur == RLIM_INFINITY)
        return 1;
    return limit.rlim_cur >> 30 ? 16 : 64;
}

static uint64_t divisor = 1;

static void size_reservations(void)
{
    divisor = reservation_divisor();
    sections[SECTION_HISTORY].reserved_bytes = round_up(options.history_bytes, 2 * PAGE);
    for (int i = 0; i < SECTION_COUNT; i++)
        sections[i].reserved_bytes = round_up(sections[i].reserved_bytes / divisor, PAGE);
}

/* Keeps what is mapped. Sections that are bounded keep their halves where they are. */
static void shrink_reservation(int section, uint64_t size_bytes)
{
    uint64_t reserved_bytes = sections[section].reserved_bytes;
    if (size_bytes < sections[section].mapped_bytes)
        size_bytes = sections[section].mapped_bytes;
    if (size_bytes >= reserved_bytes)
        return;
    if (sections[section].is_apart &&
        sys(__NR_munmap, sections[section].base + size_bytes, reserved_bytes - size_bytes) != 0)
        return;
    sections[section].reserved_bytes = size_bytes;
}

void trace_give_up(void)
{
    uint64_t smaller = reservation_divisor() / divisor;
    if (smaller <= 1)
        return;
    divisor *= smaller;
    for (int i = 0; i < SECTION_MARKS; i++)
        if (i != SECTION_INHERITED)
            shrink_reservation(i, round_up(sections[i].reserved_bytes / smaller, PAGE));
    /* One for each of the counters. */
    shrink_reservation(SECTION_INHERITED,
                       round_up(sections[SECTION_COUNTERS].reserved_bytes /
                                    sizeof(struct trace_counters) * sizeof(struct trace_inherited),
                                PAGE));
}

static void name_sections(void)
{
    trace.nodes = (struct trace_node *)sections[SECTION_NODES].base;
    trace.owners = (struct trace_owner *)sections[SECTION_OWNERS].base;
    trace.counters = (struct trace_counters *)sections[SECTION_COUNTERS].base;
    trace.inherited = (struct trace_inherited *)sections[SECTION_INHERITED].base;
    trace.modules = (struct trace_module *)sections[SECTION_MODULES].base;
    trace.threads = (struct trace_thread *)sections[SECTION_THREADS].base;
    trace.strings = sections[SECTION_STRINGS].base;
    trace.marks = (struct trace_mark *)sections[SECTION_MARKS].base;
    trace.history = (uint8_t *)sections[SECTION_HISTORY].base;
    trace.points = (struct trace_point *)sections[SECTION_SERIES].base;
    trace.samplers = (struct trace_sampler *)sections[SECTION_SAMPLERS].base;
    trace.looks = (struct trace_residence *)sections[SECTION_RESIDENCE].base;
}

static long forbid(char *at, uint64_t size_bytes)
{
    long address = sys(__NR_mmap, at, size_bytes, PROT_NONE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
    return sys_failed(address) ? address : 0;
}

/* Gives a section address space of its own and maps there what it has so far. */
static long move_apart(int section, long fd)
{
    long address = sys(__NR_mmap, 0, sections[section].reserved_bytes, PROT_NONE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    long result = 0;
    if (sys_failed(address))
        return address;
    if (sections[section].mapped_bytes)
        result = map_fixed((char *)address, sections[section].mapped_bytes, fd,
                           sections[section].first_offset);
    if (result) {
        sys(__NR_munmap, address, sections[section].reserved_bytes);
        return result;
    }
    sys_populate((const void *)address, sections[section].mapped_bytes);
    sections[section].base = (char *)address;
    sections[section].is_apart = true;
    name_sections();
    return 0;
}

/* --- creation --- */

/* What a forked child keeps of its parent's sections; the rest begins empty. */
static bool is_carried_over(int section)
{
    return section == SECTION_NODES || section == SECTION_OWNERS || section == SECTION_MODULES ||
           section == SECTION_STRINGS;
}

static uint64_t initial_bytes(int section, bool is_child)
{
    uint64_t needed = sections[section].first_bytes;
    if (is_child && section == SECTION_INHERITED)
        needed = sections[SECTION_COUNTERS].used_bytes / sizeof(struct trace_counters) *
                 sizeof(struct trace_inherited);
    else if (is_child && section < SECTION_MARKS && sections[section].used_bytes > needed)
        needed = sections[section].used_bytes;
    return round_up(needed, PAGE);
}

/* Lays out the first extents in header and returns the size of the file. */
static uint64_t lay_out(struct trace_header *header, bool is_child)
{
    uint64_t end = TRACE_HEADER_BYTES;
    for (int i = 0; i < SECTION_COUNT; i++) {
        uint64_t size_bytes = initial_bytes(i, is_child);
        if (!size_bytes)
            continue;
        header->extents[header->extent_count++] = (struct trace_extent){
            .section = (uint32_t)i, .file_offset = end, .size_bytes = size_bytes};
        end += size_bytes;
    }
    return end;
}

static long copy_section(long fd, int section, uint64_t file_offset)
{
    uint64_t done = 0;
    while (done < sections[section].used_bytes) {
        long written = sys(__NR_pwrite64, fd, sections[section].base + done,
                           sections[section].used_bytes - done, file_offset + done);
        if (written == -EINTR)
            continue;
        if (written <= 0)
            return written ? written : -ENOSPC;
        done += (uint64_t)written;
    }
    return 0;
}

static long fill_file(long fd, const struct trace_header *header, uint64_t size_bytes,
                      bool is_child)
{
    struct stat status;
    long result = sys(__NR_fstat, fd, &status);
    if (!result)
        result = allocate(fd, 0, size_bytes);
    for (uint32_t i = 0; !result && is_child && i < header->extent_count; i++)
        if (is_carried_over((int)header->extents[i].section))
            result =
                copy_section(fd, (int)header->extents[i].section, header->extents[i].file_offset);
    if (!result && sys(__NR_pwrite64, fd, header, sizeof *header, 0) != sizeof *header)
        result = -EIO;
    if (!result) {
        file_dev = status.st_dev;
        file_inode = status.st_ino;
        file_bytes = size_bytes;
    }
    return result;
}

static long map_whole(long fd, const struct trace_header *header, uint64_t size_bytes)
{
    long address = sys(__NR_mmap, 0, size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (sys_failed(address))
        return address;
    sys_populate((const void *)address, size_bytes); /* all of it will be written to soon */
    trace.header = (struct trace_header *)address;
    for (uint32_t i = 0; i < header->extent_count; i++) {
        const struct trace_extent *extent = &header->extents[i];
        sections[extent->section].base = (char *)address + extent->file_offset;
        sections[extent->section].first_offset = extent->file_offset;
        sections[extent->section].mapped_bytes = extent->size_bytes;
        sections[extent->section].filled_bytes = extent->size_bytes;
    }
    return 0;
}

/* No page of the parent's may stay in reach: of a section that begins without room (marks,
 * history, series), and the second mapping of one that has moved. */
static long forbid_parents_pages(void)
{
    char *first = (char *)trace.header + TRACE_HEADER_BYTES;
    long result = 0;
    for (int i = 0; !result && i < SECTION_COUNT; i++) {
        if (i >= SECTION_MARKS && sections[i].mapped_bytes) {
            result = forbid(sections[i].base, sections[i].mapped_bytes);
            sections[i].mapped_bytes = sections[i].filled_bytes = sections[i].used_bytes = 0;
        }
        if (!result && sections[i].first_bytes && sections[i].is_apart)
            result = forbid(first, sections[i].first_bytes);
        first += sections[i].first_bytes;
    }
    return result;
}

/* Replaces whatever is mapped at our addresses; from here on there is no way back. */
static long map_over_parents(long fd, const struct trace_header *header)
{
    long result = map_fixed((char *)trace.header, TRACE_HEADER_BYTES, fd, 0);
    if (!result)
        result = forbid_parents_pages();
    for (uint32_t i = 0; !result && i < header->extent_count; i++) {
        const struct trace_extent *extent = &header->extents[i];
        result =
            map_fixed(sections[extent->section].base, extent->size_bytes, fd, extent->file_offset);
        sections[extent->section].first_offset = extent->file_offset;
        sections[extent->section].mapped_bytes = extent->size_bytes;
        sections[extent->section].filled_bytes = 0;
    }
    return result;
}

static void fill_header(struct trace_header *header, bool is_child)
{
    memcpy(header->magic, TRACE_MAGIC, sizeof header->magic);
    header->version = TRACE_VERSION;
    header->byte_order = TRACE_BYTE_ORDER;
    header->header_bytes = TRACE_HEADER_BYTES;
#if defined(__x86_64__)
    header->machine = EM_X86_64;
#else
    header->machine = EM_AARCH64;
#endif
    header->page_bytes = PAGE;
    header->flags = is_child ? TRACE_FORKED : 0;
    header->pid = (uint32_t)sys(__NR_getpid);
    header->parent_pid = (uint32_t)sys(__NR_getppid);
    header->uid = (uint32_t)sys(__NR_getuid);
    header->depth_limit = options.depth;
    header->sample_bytes = options.has_heap ? options.sample_bytes : 0;
    header->flags |= options.has_heap ? 0 : TRACE_WITHOUT_HEAP;
    header->start_time_ns = clock_monotonic_ns();
    header->start_realtime_ns = clock_realtime_ns();
    header->last_seen_ns = header->start_time_ns;
}

static void begin_sections(bool is_child)
{
    for (int i = 0; i < SECTION_COUNT; i++)
        if (!is_child)
            sections[i].used_bytes = 0;
    sections[SECTION_THREADS].used_bytes = 0;
    if (is_child)
        sections[SECTION_INHERITED].used_bytes = sections[SECTION_COUNTERS].used_bytes /
                                                 sizeof(struct trace_counters) *
                                                 sizeof(struct trace_inherited);
    for (int i = 0; i < SECTION_COUNT; i++)
        trace_publish((enum trace_section)i);
    refusals = 0;
}

/* Whoever is killed while the file is being made leaves none, or a whole one: it gets its name when
 * it is filled. */
static long create_whole(const struct trace_header *header, uint64_t size_bytes, bool is_child)
{
    long fd = create_unnamed();
    if (fd < 0)
        return fd;
    long result = fill_file(fd, header, size_bytes, is_child);
    if (!result)
        result = try_names(link_name, fd);
    if (!result)
        return fd;
    sys(__NR_close, fd);
    return result;
}

/* Where the file system knows no unnamed files, or /proc is missing. */
static long create_in_steps(const struct trace_header *header, uint64_t size_bytes, bool is_child)
{
    long fd = try_names(create_named, 0);
    if (fd < 0)
        return fd;
    long result = fill_file(fd, header, size_bytes, is_child);
    if (!result)
        return fd;
    sys(__NR_close, fd);
    sys(__NR_unlinkat, AT_FDCWD, path, 0);
    return result;
}

static long create_with(struct trace_header *header, bool is_child)
{
    fill_header(header, is_child);
    uint64_t size_bytes = lay_out(header, is_child);
    long fd = create_whole(header, size_bytes, is_child);
    if (fd < 0)
        fd = create_in_steps(header, size_bytes, is_child);
    if (fd < 0)
        return fd;
    long result = is_child ? map_over_parents(fd, header) : map_whole(fd, header, size_bytes);
    sys(__NR_close, fd);
    if (result)
        sys(__NR_unlinkat, AT_FDCWD, path, 0);
    return result;
}

long trace_file_create(bool is_child, const char **ret_path)
{
    /* Used once at a time (start, or a forked child's only thread), and too large for a stack. */
    static struct trace_header header;
    long result = 0;
    header = (struct trace_header){0};
    *ret_path = path;
    if (!is_child)
        size_reservations();
    else if (!sections[SECTION_INHERITED].is_apart)
        result = move_apart(SECTION_INHERITED, -1);
    if (!result)
        result = create_with(&header, is_child);
    if (result)
        return result;
    name_sections();
    begin_sections(is_child);
    return 0;
}

uint64_t trace_file_inode(void)
{
    return file_inode;
}

/* --- growth --- */

static long reopen(void)
{
    struct stat status;
    long fd = sys(__NR_openat, AT_FDCWD, path, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return fd;
    if (sys(__NR_fstat, fd, &status) == 0 && status.st_dev == file_dev &&
        status.st_ino == file_inode)
        return fd;
    sys(__NR_close, fd);
    return -ESTALE;
}

/* Doubles a section up to a limit, so that a file holds few extents and little unused room. */
static uint64_t extent_bytes(enum trace_section section, uint64_t needed)
{
    uint64_t size_bytes = sections[section].mapped_bytes;
    if (size_bytes < sections[section].first_bytes)
        size_bytes = sections[section].first_bytes;
    if (size_bytes < PAGE)
        size_bytes = PAGE;
    if (size_bytes > EXTENT_MAX_BYTES)
        size_bytes = EXTENT_MAX_BYTES;
    if (size_bytes > sections[section].reserved_bytes - sections[section].mapped_bytes)
        size_bytes = sections[section].reserved_bytes - sections[section].mapped_bytes;
    return round_up(needed > size_bytes ? needed : size_bytes, PAGE);
}

static long map_extent(enum trace_section section, uint64_t size_bytes)
{
    struct trace_header *header = trace.header;
    uint64_t at = sections[section].mapped_bytes;
    if (header->extent_count == TRACE_EXTENTS_MAX ||
        at + size_bytes > sections[section].reserved_bytes)
        return -ENOMEM;
    long fd = reopen();
    if (fd < 0)
        return fd;
    long result = sections[section].is_apart ? 0 : move_apart(section, fd);
    if (!result)
        result = allocate(fd, file_bytes, size_bytes);
    if (!result)
        result = map_fixed(sections[section].base + at, size_bytes, fd, file_bytes);
    sys(__NR_close, fd);
    if (result)
        return result;
    header->extents[header->extent_count] = (struct trace_extent){.section = section,
                                                                  .section_offset = at,
                                                                  .file_offset = file_bytes,
                                                                  .size_bytes = size_bytes};
    __atomic_store_n(&header->extent_count, header->extent_count + 1, __ATOMIC_RELEASE);
    file_bytes += size_bytes;
    sections[section].mapped_bytes += size_bytes;
    return 0;
}

static bool grow(enum trace_section section, uint64_t needed)
{
    if (refusals && ++refusals < RETRY_EVERY)
        return false;
    long result = map_extent(section, extent_bytes(section, needed));
    refusals = result ? 1 : 0;
    if (result) {
        trace.header->last_errno = (uint32_t)-result;
        trace_count_anomaly(ANOMALY_GROW_FAILED);
    }
    return result == 0;
}

void trace_make_ready(void)
{
    static const uint64_t room_bytes[SECTION_COUNT] = {
        [SECTION_NODES] = 256 * 1024,    [SECTION_OWNERS] = 64 * 1024,
        [SECTION_COUNTERS] = 512 * 1024, [SECTION_MODULES] = 16 * 1024,
        [SECTION_THREADS] = 64 * 1024,   [SECTION_STRINGS] = 32 * 1024};
    for (int i = 0; i < SECTION_COUNT; i++) {
        uint64_t end = sections[i].used_bytes + room_bytes[i];
        if (end > sections[i].mapped_bytes && end <= sections[i].reserved_bytes)
            map_extent((enum trace_section)i, round_up(end - sections[i].mapped_bytes, PAGE));
    }
}

/* Has pages for what comes next. */
static void fill(enum trace_section section, uint64_t end)
{
    uint64_t begin = sections[section].used_bytes / PAGE * PAGE;
    if (begin < sections[section].filled_bytes)
        begin = sections[section].filled_bytes;
    if (end - begin < FILL_BYTES)
        end = begin + FILL_BYTES;
    if (end > sections[section].mapped_bytes)
        end = sections[section].mapped_bytes;
    sys_populate(sections[section].base + begin, round_up(end, PAGE) - begin);
    sections[section].filled_bytes = round_up(end, PAGE);
}

int64_t trace_reserve(enum trace_section section, size_t size_bytes)
{
    uint64_t end = sections[section].used_bytes + size_bytes;
    if (section >= SECTION_MARKS && end > sections[section].reserved_bytes)
        return -1; /* these are meant to be bounded: no reason for the others to hold back */
    if (end > sections[section].mapped_bytes &&
        !grow(section, end - sections[section].mapped_bytes))
        return -1;
    if (end > sections[section].filled_bytes)
        fill(section, end);
    int64_t offset = (int64_t)sections[section].used_bytes;
    sections[section].used_bytes = end;
    return offset;
}

void trace_publish(enum trace_section section)
{
    __atomic_store_n(&trace.header->section_bytes[section], sections[section].used_bytes,
                     __ATOMIC_RELEASE);
}

uint64_t trace_capacity(enum trace_section section)
{
    return sections[section].reserved_bytes;
}

uint32_t trace_count(enum trace_section section)
{
    return (uint32_t)(sections[section].used_bytes / sections[section].element_bytes);
}

struct trace_string trace_add_string(const char *bytes, size_t size_bytes)
{
    int64_t offset = trace_reserve(SECTION_STRINGS, size_bytes + 1);
    if (offset < 0)
        return (struct trace_string){0};
    memcpy(trace.strings + offset, bytes, size_bytes);
    trace_publish(SECTION_STRINGS);
    return (struct trace_string){(uint32_t)offset, (uint32_t)size_bytes};
}

uint64_t trace_file_bytes(void)
{
    return __atomic_load_n(&file_bytes, __ATOMIC_RELAXED);
}

void trace_count_anomaly(enum trace_anomaly anomaly)
{
    __atomic_fetch_add(&trace.header->anomalies[anomaly], 1, __ATOMIC_RELAXED);
}
