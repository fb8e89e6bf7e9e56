/* SPDX-License-Identifier: BSD-2-Clause */
/* test_symbolize.c -- Frames of known addresses, with the debug information in every place and
 * state.
 *
 * Usage: test_symbolize FIXTURE, the library made of symbols_fixture.c. Needs objcopy and strip;
 * without xz one test is skipped. Prints TAP. */
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <limits.h>
#include <link.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../symbols_fixture.h"
#include "symbolize.h"
#include "symbols/answers.h"
#include "symbols/demangle.h"
#include "symbols/sandbox.h"

static int test_count;
static int failure_count;
static char folder[PATH_MAX];
static const char *fixture;

__attribute__((format(printf, 2, 3))) static void check(bool ok, const char *format, ...)
{
    va_list arguments;

    printf("%sok %d - ", ok ? "" : "not ", ++test_count);
    failure_count += !ok;
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    puts("");
    fflush(stdout);
}

__attribute__((format(printf, 1, 2))) static bool shell(const char *format, ...)
{
    char command[4 * PATH_MAX];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(command, sizeof(command), format, arguments);
    va_end(arguments);
    return system(command) == 0;
}

/* A path in the test's own folder; the last few stay valid. */
static const char *in_folder(const char *name)
{
    static char paths[8][2 * PATH_MAX];
    static int next;
    char *path = paths[next++ % 8];

    snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
    return path;
}

struct site {
    uint64_t offset;
    unsigned int lines[3];
};

/* Asks the fixture itself. */
static struct site site_of(const char *symbol)
{
    static void *library;
    struct fixture_site answer = {0};
    struct site site = {0};
    struct link_map *map;
    void (*ask)(struct fixture_site *);
    void *address;

    if (!library)
        library = dlopen(fixture, RTLD_NOW);
    address = library ? dlsym(library, symbol) : NULL;
    if (!address || dlinfo(library, RTLD_DI_LINKMAP, &map) != 0) {
        printf("Bail out! %s\n", dlerror());
        exit(1);
    }
    memcpy(&ask, &address, sizeof(ask));
    ask(&answer);
    site.offset = answer.address - 1 - map->l_addr;
    memcpy(site.lines, answer.lines, sizeof(site.lines));
    return site;
}

/* One module and one question, the shape of most tests. */
struct question {
    struct symbol_module module;
    const char *debug_root;
    uint64_t offset;

    struct symbolizer *symbolizer;
    const struct symbol_frame *frames;
    size_t count;
    enum symbol_source source;
    const char *explanation;
};

static void ask(struct question *question)
{
    /* The symbolizer keeps pointers into this; only one is alive at a time. */
    static struct symbol_module modules[2];
    struct symbol_options options = {.debug_root = question->debug_root};

    modules[0].path = "";
    modules[1] = question->module;
    question->symbolizer = symbolizer_create(modules, 2);
    symbolizer_configure(question->symbolizer, &options);
    symbolizer_add(question->symbolizer, 1, question->offset);
    symbolizer_resolve(question->symbolizer);
    question->count =
        symbolizer_lookup(question->symbolizer, 1, question->offset, &question->frames);
    question->source = symbolizer_source(question->symbolizer, 1, &question->explanation);
}

static void end(struct question *question)
{
    symbolizer_destroy(question->symbolizer);
}

static bool is_fixture_source(const char *file)
{
    size_t length = file ? strlen(file) : 0;

    return length > 17 && file[0] == '/' && strcmp(file + length - 17, "symbols_fixture.c") == 0;
}

static bool has_inline_chain(const struct question *question, const unsigned int *lines)
{
    static const char *const functions[] = {"innermost", "middle", "fixture_inlined"};

    if (question->count != 3)
        return false;
    for (int i = 0; i < 3; i++) {
        const struct symbol_frame *frame = &question->frames[i];

        if (!frame->function || strcmp(frame->function, functions[i]) != 0 ||
            !is_fixture_source(frame->file) || frame->line != lines[i] || frame->inlined != (i < 2))
            return false;
    }
    return true;
}

/* Whether the inlined call's frames are found in the file. */
static bool finds_lines(const char *path, const char *debug_root)
{
    struct site site = site_of("fixture_inlined");
    struct question question = {
        .module.path = path, .debug_root = debug_root, .offset = site.offset};
    bool found;

    ask(&question);
    found = question.source == SYMBOLS_LINES && has_inline_chain(&question, site.lines);
    if (!found)
        printf("# source %d, %zu frames, %s\n", question.source, question.count,
               question.explanation);
    end(&question);
    return found;
}

/* The unwind information says where the function begins, whatever it is called. */
static bool is_nameless_function(const struct question *question)
{
    const struct symbol_frame *frame = question->frames;

    return question->count == 1 && !frame->function && frame->function_offset &&
           frame->function_offset <= question->offset;
}

static bool finds_name(const char *path, const char *symbol, const char *expected,
                       enum symbol_source source)
{
    struct question question = {
        .module.path = path, .debug_root = in_folder("none"), .offset = site_of(symbol).offset};
    const char *name;
    bool found;

    ask(&question);
    name = question.count == 1 ? question.frames[0].function : NULL;
    found = question.source == source &&
            (expected ? name && strcmp(name, expected) == 0 : is_nameless_function(&question));
    if (!found)
        printf("# source %d, name %s, %s\n", question.source, name ? name : "none",
               question.explanation);
    end(&question);
    return found;
}

static void test_file_itself(void)
{
    struct question question = {.module.path = fixture, .offset = site_of("fixture_plain").offset};

    check(finds_lines(fixture, NULL), "an inline chain has functions, files and lines");
    ask(&question);
    check(question.count == 1 && strcmp(question.frames[0].function, "fixture_plain") == 0 &&
              question.frames[0].line == site_of("fixture_plain").lines[0] &&
              !question.frames[0].inlined,
          "a plain call has one frame");
    check(question.explanation[0] == 0, "nothing to explain where all is well");
    end(&question);
}

static void test_mangled_names(void)
{
    static const char *const names[][2] = {
        {"_ZNK2ns6WidgetIiE4spinERKSs", "ns::Widget<int>::spin(std::string const&) const"},
        {"_ZN4core3fmt5Write9write_fmt17h0123456789abcdefE", "core::fmt::Write::write_fmt"},
        {"_RNvNtC7mycrate6module8function", "mycrate::module::function"}};
    const char *stripped = in_folder("stripped.so");

    shell("strip -s -o %s %s", stripped, fixture);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        check(finds_name(stripped, names[i][0], names[i][1], SYMBOLS_NAMES), "%s is %s",
              names[i][0], names[i][1]);
}

static void test_symbol_tables(void)
{
    const char *no_debug = in_folder("nodebug.so");
    const char *stripped = in_folder("stripped.so");

    shell("strip -S -o %s %s", no_debug, fixture);
    shell("strip -s -o %s %s", stripped, fixture);
    check(finds_name(no_debug, "fixture_hidden", "hidden_away", SYMBOLS_NAMES),
          ".symtab names what DWARF does not");
    check(finds_name(stripped, "fixture_plain", "fixture_plain", SYMBOLS_NAMES),
          ".dynsym names what .symtab does not");
    check(finds_name(stripped, "fixture_hidden", NULL, SYMBOLS_NONE),
          "code behind the end of a symbol has no name");
}

static void test_debugdata(void)
{
    const char *small = in_folder("small.so");
    const char *mini = in_folder("mini");

    if (!shell("which xz >/dev/null 2>&1")) {
        printf("ok %d - # SKIP no xz\n", ++test_count);
        return;
    }
    shell("strip -S -o %s %s && xz -f %s", mini, fixture, mini);
    shell("strip -s -o %s %s && objcopy --add-section .gnu_debugdata=%s.xz %s", small, fixture,
          mini, small);
    check(finds_name(small, "fixture_hidden", "hidden_away", SYMBOLS_NAMES),
          ".gnu_debugdata names what .dynsym does not");
}

static void read_build_id(const char *path, char *hex, uint8_t *bytes)
{
    char command[PATH_MAX + 100];
    FILE *pipe;

    snprintf(command, sizeof(command), "readelf -n %s 2>/dev/null | sed -n 's/.*Build ID: //p'",
             path);
    pipe = popen(command, "r");
    if (!pipe || fscanf(pipe, "%40s", hex) != 1)
        hex[0] = 0;
    if (pipe)
        pclose(pipe);
    for (int i = 0; i < 20 && hex[0]; i++)
        sscanf(hex + 2 * i, "%2hhx", &bytes[i]);
}

static void test_build_id(void)
{
    const char *stripped = in_folder("stripped.so");
    const char *root = in_folder("root");
    char hex[41] = "";
    uint8_t id[20] = {0};
    struct question question = {.module.path = in_folder("gone.so"),
                                .module.build_id = id,
                                .module.build_id_bytes = sizeof(id),
                                .debug_root = root};

    read_build_id(fixture, hex, id);
    shell("strip -s -o %s %s && mkdir -p %s/.build-id/%.2s && "
          "objcopy --only-keep-debug %s %s/.build-id/%.2s/%s.debug",
          stripped, fixture, root, hex, fixture, root, hex, hex + 2);
    check(finds_lines(stripped, root), "the debug file of the build-id is found");
    question.offset = site_of("fixture_inlined").offset;
    ask(&question);
    check(question.source == SYMBOLS_LINES && question.count == 3,
          "and it stands in for a file that is gone");
    end(&question);
    shell("cp /bin/true %s/.build-id/%.2s/%s.debug", root, hex, hex + 2);
    check(!finds_name(stripped, "fixture_hidden", "hidden_away", SYMBOLS_NAMES),
          "a debug file with another build-id is left alone");
}

static void test_debuglink(void)
{
    const char *stripped = in_folder("linked.so");
    const char *debug = in_folder("linked.debug");
    char hidden[PATH_MAX + 20], rooted[3 * PATH_MAX];
    const char *root = in_folder("root2");

    /* Without a build-id the CRC has to decide. */
    shell("objcopy --remove-section=.note.gnu.build-id %s %s && strip -s -o %s %s", fixture,
          in_folder("noid.so"), stripped, in_folder("noid.so"));
    shell("objcopy --only-keep-debug %s %s && objcopy --add-gnu-debuglink=%s %s",
          in_folder("noid.so"), debug, debug, stripped);
    check(finds_lines(stripped, root), ".gnu_debuglink: in the same folder");
    snprintf(hidden, sizeof(hidden), "%s/.debug", folder);
    shell("mkdir -p %s && mv %s %s", hidden, debug, hidden);
    check(finds_lines(stripped, root), ".gnu_debuglink: in .debug");
    snprintf(rooted, sizeof(rooted), "%s%s", root, folder);
    shell("mkdir -p %s && mv %s/linked.debug %s", rooted, hidden, rooted);
    check(finds_lines(stripped, root), ".gnu_debuglink: under the debug root");
    shell("printf x >> %s/linked.debug", rooted);
    check(finds_name(stripped, "fixture_plain", "fixture_plain", SYMBOLS_NAMES),
          ".gnu_debuglink: a file with another CRC is left alone");
}

static void test_compressed(void)
{
    static const char *const kinds[] = {"zlib", "zlib-gnu", "zstd"};

    for (size_t i = 0; i < 3; i++) {
        const char *compressed = in_folder("compressed.so");

        if (shell("objcopy --compress-debug-sections=%s %s %s 2>/dev/null", kinds[i], fixture,
                  compressed))
            check(finds_lines(compressed, NULL), "debug sections compressed as %s", kinds[i]);
        else
            printf("ok %d - # SKIP objcopy does not know %s\n", ++test_count, kinds[i]);
    }
}

static void test_changed(void)
{
    uint8_t other[20] = {1, 2, 3};
    struct stat status;
    struct question question = {.module.path = fixture,
                                .module.build_id = other,
                                .module.build_id_bytes = sizeof(other),
                                .offset = site_of("fixture_plain").offset};

    ask(&question);
    check(question.source == SYMBOLS_CHANGED && question.count == 0 && question.explanation[0],
          "another build-id: %s", question.explanation);
    end(&question);
    stat(fixture, &status);
    question.module =
        (struct symbol_module){.path = fixture, .file_bytes = (uint64_t)status.st_size + 1};
    ask(&question);
    check(question.source == SYMBOLS_CHANGED && question.count == 0, "another size: %s",
          question.explanation);
    end(&question);
    question.module = (struct symbol_module){
        .path = fixture, .file_bytes = (uint64_t)status.st_size, .file_mtime_ns = 5};
    ask(&question);
    check(question.source == SYMBOLS_CHANGED && question.count == 0, "another time: %s",
          question.explanation);
    end(&question);
}

static void expect_source(const char *path, enum symbol_source source, const char *what)
{
    struct question question = {.module.path = path, .offset = 0x1234};

    ask(&question);
    check(question.source == source && question.count == 0, "%s: %s", what, question.explanation);
    end(&question);
}

static void test_no_file(void)
{
    const char *pipe = in_folder("fifo");

    shell("mkfifo %s && cp /etc/passwd %s && : > %s", pipe, in_folder("text"), in_folder("empty"));
    expect_source(in_folder("missing.so"), SYMBOLS_MISSING, "a missing file");
    expect_source("", SYMBOLS_NONE, "no file");
    expect_source("[vdso]", SYMBOLS_NONE, "a file that is none");
    expect_source(pipe, SYMBOLS_NONE, "a FIFO");
    expect_source(in_folder("text"), SYMBOLS_NONE, "a text file");
    expect_source(in_folder("empty"), SYMBOLS_NONE, "an empty file");
    expect_source("/", SYMBOLS_NONE, "a folder");
}

static void test_many_rounds(void)
{
    struct symbol_module modules[] = {{.path = ""}, {.path = fixture}, {.path = fixture}};
    struct site inlined = site_of("fixture_inlined");
    struct site plain = site_of("fixture_plain");
    struct symbolizer *symbolizer = symbolizer_create(modules, 3);
    const struct symbol_frame *first, *second, *none;
    const char *explanation;

    check(symbolizer_source(symbolizer, 1, &explanation) == SYMBOLS_UNREAD, "unread at first");
    for (int i = 0; i < 100; i++)
        symbolizer_add(symbolizer, 1, inlined.offset);
    symbolizer_resolve(symbolizer);
    symbolizer_lookup(symbolizer, 1, inlined.offset, &first);
    symbolizer_add(symbolizer, 1, plain.offset);
    symbolizer_add(symbolizer, 1, inlined.offset);
    symbolizer_add(symbolizer, 2, inlined.offset);
    symbolizer_resolve(symbolizer);
    check(symbolizer_lookup(symbolizer, 1, inlined.offset, &second) == 3 && first == second,
          "frames stay where they are");
    check(symbolizer_lookup(symbolizer, 1, plain.offset, &second) == 1, "a second round works");
    check(symbolizer_lookup(symbolizer, 2, inlined.offset, &second) == 3 &&
              first[1].function == second[1].function && first[0].file == second[2].file,
          "equal strings are equal pointers");
    check(symbolizer_lookup(symbolizer, 1, 1, &none) == 0 && none == NULL &&
              symbolizer_lookup(symbolizer, 7, 1, &none) == 0 && !symbolizer_add(symbolizer, 7, 1),
          "unknown addresses and modules have no frames");
    symbolizer_destroy(symbolizer);
    symbolizer_destroy(NULL);
}

static uint64_t random_state = 20240229;

static uint64_t random_number(void)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return random_state >> 20;
}

struct image {
    uint8_t *bytes;
    size_t size;
};

static struct image read_image(const char *path)
{
    struct image image = {NULL, 0};
    FILE *file = fopen(path, "rb");
    struct stat status;

    if (file && fstat(fileno(file), &status) == 0) {
        image.size = (size_t)status.st_size;
        image.bytes = malloc(image.size);
        if (!image.bytes || fread(image.bytes, 1, image.size, file) != image.size)
            exit(1);
        fclose(file);
    }
    return image;
}

/* The part of the file that mutations should hit: a random debug section, or any place at all. */
static void pick_target(const struct image *image, bool only_debug, size_t *start, size_t *size)
{
    Elf64_Ehdr header;

    *start = 0;
    *size = image->size;
    memcpy(&header, image->bytes, sizeof(header));
    for (int tries = 0; only_debug && tries < 1000; tries++) {
        Elf64_Shdr section, names;
        size_t index = random_number() % header.e_shnum;

        memcpy(&section, image->bytes + header.e_shoff + index * sizeof(section), sizeof(section));
        memcpy(&names, image->bytes + header.e_shoff + header.e_shstrndx * sizeof(names),
               sizeof(names));
        if (strncmp((const char *)image->bytes + names.sh_offset + section.sh_name, ".debug_", 7))
            continue;
        *start = section.sh_offset;
        *size = section.sh_size;
        return;
    }
}

static void write_mutant(const struct image *image, const char *path, bool only_debug)
{
    uint8_t *copy = malloc(image->size);
    size_t start, size;
    FILE *file;

    memcpy(copy, image->bytes, image->size);
    pick_target(image, only_debug, &start, &size);
    for (uint64_t flips = 1 + random_number() % 8; flips > 0; flips--)
        copy[start + random_number() % size] = (uint8_t)random_number();
    file = fopen(path, "wb");
    if (!file || fwrite(copy, 1, image->size, file) != image->size)
        exit(1);
    fclose(file);
    free(copy);
}

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

/* The caller survives any damage, gets an answer soon, and sane strings. */
static void test_mutants(const char *of, int count, bool only_debug)
{
    static const char *const symbols[] = {"fixture_inlined", "fixture_plain", "fixture_hidden"};
    struct image image = read_image(of);
    const char *path = in_folder("mutant.so");
    int sources[SYMBOLS_BROKEN + 1] = {0};
    double longest = 0;
    size_t bytes = 0;

    for (int i = 0; i < count; i++) {
        struct question question = {.module.path = path, .debug_root = in_folder("none")};
        double start;

        write_mutant(&image, path, only_debug);
        question.offset = site_of(symbols[i % 3]).offset;
        start = now();
        ask(&question);
        longest = now() - start > longest ? now() - start : longest;
        for (size_t frame = 0; frame < question.count; frame++)
            bytes += question.frames[frame].function ? strlen(question.frames[frame].function) : 0;
        sources[question.source]++;
        end(&question);
    }
    free(image.bytes);
    check(longest < 60,
          "%d mutants (%s): %d with lines, %d with names, %d broken, %d none, longest %.2f s, %zu "
          "bytes of names",
          count, only_debug ? "debug sections" : "anywhere", sources[SYMBOLS_LINES],
          sources[SYMBOLS_NAMES], sources[SYMBOLS_BROKEN], sources[SYMBOLS_NONE], longest, bytes);
}

/* The child's output is as hostile as the file was. */
static void test_hostile_answers(void)
{
    uint8_t noise[256];
    size_t records = 0;
    bool in_bounds = true;

    for (int i = 0; i < 100000; i++) {
        struct cursor cursor = {noise, noise + random_number() % sizeof(noise), false};
        const uint8_t *limit = cursor.end;
        struct answer_record record;

        for (size_t j = 0; j < sizeof(noise); j++)
            noise[j] = (uint8_t)(random_number() % (j % 4 == 0 ? 5 : 2) * (j % 4 == 0));
        while (answer_next(&cursor, &record)) {
            records++;
            in_bounds &= cursor.next <= limit;
            if (record.kind == ANSWER_STRING && record.text.size)
                in_bounds &= record.text.data + record.text.size <= limit;
            if (record.kind == ANSWER_FRAMES)
                in_bounds &=
                    (const uint8_t *)record.frames + record.frame_count * sizeof(*record.frames) <=
                    limit;
        }
    }
    check(in_bounds && records > 1000, "%zu records of noise stay in bounds", records);
}

static bool die_of_abort(int output, void *argument)
{
    (void)argument;
    if (write(output, "before", 6) == 6)
        abort();
    return false;
}

static bool run_for_ever(int output, void *argument)
{
    (void)output;
    (void)argument;
    for (volatile bool goes_on = true; goes_on;)
        ;
    return true;
}

static bool eat_memory(int output, void *argument)
{
    (void)output;
    (void)argument;
    for (int i = 0; i < 1000; i++) {
        volatile char *block = malloc(10 << 20);

        if (!block)
            return false;
        for (int j = 0; j < 10 << 20; j += 4096)
            block[j] = 1;
    }
    return true;
}

static bool write_for_ever(int output, void *argument)
{
    static char block[65536];

    (void)argument;
    while (write(output, block, sizeof(block)) > 0)
        ;
    return true;
}

static void test_sandbox(void)
{
    struct sandbox_job jobs[] = {
        {.work = die_of_abort, .cpu_seconds = 5, .output_bytes_max = 1000},
        {.work = run_for_ever, .cpu_seconds = 1, .output_bytes_max = 1000},
        {.work = eat_memory,
         .cpu_seconds = 20,
         .memory_bytes = 100 << 20,
         .output_bytes_max = 1000},
        {.work = write_for_ever, .cpu_seconds = 5, .output_bytes_max = 1 << 20},
    };

    sandbox_run(jobs, 4);
    check(jobs[0].end == SANDBOX_DIED && jobs[0].output_bytes == 6, "a child may die");
    check(jobs[1].end == SANDBOX_TOO_LONG, "a child that hangs is stopped");
    check(jobs[2].end == SANDBOX_DIED, "a child's memory is bounded");
    check(jobs[3].end == SANDBOX_TOO_MUCH && jobs[3].output_bytes <= 1 << 20,
          "a child's output is bounded");
    for (int i = 0; i < 4; i++)
        free(jobs[i].output);
}

/* pair<pair<…>, the same again>: each level doubles what the readable name has. */
static char *bomb(int levels)
{
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    char *name = malloc(64 + (size_t)levels * 16);
    int used = sprintf(name, "_Z1f");

    used += sprintf(name + used, "St4pairI");
    for (int i = 0; i < levels; i++)
        used += sprintf(name + used, "S_I");
    used += sprintf(name + used, "iiE");
    for (int i = 0; i < levels; i++)
        used += sprintf(name + used, "S%c_E", digits[i]);
    return name;
}

static void test_demangling(void)
{
    char *nested = bomb(34);
    char *deep = malloc(100000);
    const char *names[] = {"_ZN3foo3barEv", nested, deep, "_Z", "_ZN3foo3bazEi"};
    char *readable[5];
    double start = now();

    memset(deep, 'P', 99999);
    memcpy(deep, "_Z1f", 4);
    strcpy(deep + 15000, "i");
    demangle_all(names, 5, readable);
    check(readable[0] && strcmp(readable[0], "foo::bar()") == 0 && readable[4] &&
              strcmp(readable[4], "foo::baz(int)") == 0 && !readable[3],
          "names beside hostile ones are demangled (%.2f s)", now() - start);
    for (int i = 0; i < 5; i++)
        free(readable[i]);
    free(nested);
    free(deep);
}

int main(int argc, char **argv)
{
    char template[] = "/tmp/memtrace-symbolize-XXXXXX";

    if (argc != 2 || !realpath(mkdtemp(template), folder)) {
        puts("Bail out! usage: test_symbolize FIXTURE");
        return 1;
    }
    fixture = realpath(argv[1], NULL);
    test_file_itself();
    test_mangled_names();
    test_symbol_tables();
    test_debugdata();
    test_build_id();
    test_debuglink();
    test_compressed();
    test_changed();
    test_no_file();
    test_many_rounds();
    test_sandbox();
    test_demangling();
    test_hostile_answers();
    test_mutants(fixture, 500, true);
    test_mutants(fixture, 200, false);
    test_mutants(in_folder("small.so"), 100, false);
    printf("1..%d\n", test_count);
    shell("rm -rf %s", folder);
    free((char *)fixture);
    return failure_count ? 1 : 0;
}
