/* SPDX-License-Identifier: BSD-2-Clause */
/* runtime.c -- Which frames belong to the runtime, and are not a person's own code. */
#include "runtime.h"

#include "../preload/trace_format.h"
#include "text.h"

#include <string.h>
#include <strings.h>
#include <unistd.h>

static bool starts_with_any(const char *text, const char *const *starts)
{
    for (; *starts; starts++)
        if (text_starts_with(text, *starts))
            return true;
    return false;
}

static bool is_runtime_module(const char *path)
{
    static const char *const names[] = {
        "libc.so", "libc-2.",       "libstdc++.so",   "libc++.so",  "libc++abi.so", "libgcc_s.so",
        "libm.so", "libpthread.so", "libpthread-2.",  "libdl.so",   "librt.so",     "ld-linux",
        "ld-2.",   "ld-musl",       "libmemtrace.so", "linux-vdso", "[vdso]",       "libunwind.so",
        NULL};
    return starts_with_any(text_basename(path), names);
}

static bool is_system_folder(const char *path)
{
    static const char *const folders[] = {"/usr/",       "/lib/", "/lib32/", "/lib64/",
                                          "/libx32/",    "/bin/", "/sbin/",  "/nix/store/",
                                          "/gnu/store/", NULL};
    return starts_with_any(path, folders) && !text_starts_with(path, "/usr/src/");
}

/* Headers and standard libraries whose code is compiled into everybody's program. */
static bool is_language_source(const char *file)
{
    static const char *const folders[] = {"/usr/include/",     "/usr/lib/gcc/", "/usr/lib/llvm",
                                          "/usr/lib/rustlib/", "/rustc/",       NULL};
    return starts_with_any(file, folders) || strstr(file, "/lib/rustlib/src/");
}

static bool is_language_function(const char *function)
{
    static const char *const names[] = {
        "std::",    "__gnu_cxx::", "__cxxabiv1::", "operator new", "operator delete", "<std::",
        "<alloc::", "<core::",     "__rust_",      "__rdl_",       "__rg_",           NULL};
    static const char *const starters[] = {"_start",
                                           "_init",
                                           "_fini",
                                           "__libc_csu_init",
                                           "__libc_start_main",
                                           "__libc_start_call_main",
                                           NULL};
    char name[256];
    if (starts_with_any(function, names))
        return true;
    for (const char *const *starter = starters; *starter; starter++)
        if (strcmp(function, *starter) == 0)
            return true;
    return strchr(function, ' ') && /* perhaps a return type comes first */
           starts_with_any(text_short_function(function, name, sizeof name), names);
}

static bool is_allocator_name(const char *function)
{
    char name[256];
    text_short_function(function, name, sizeof name);
    return strcasestr(name, "alloc") || strcasestr(name, "dup");
}

static bool is_language_runtime(const struct frame *frame)
{
    if (frame->is_special) /* these two end a stack and are nobody's line */
        return frame->offset == SPECIAL_TOO_DEEP || frame->offset == SPECIAL_CUT;
    return is_runtime_module(frame->module) ||
           (frame->function && is_language_function(frame->function)) ||
           (frame->file && is_language_source(frame->file));
}

static bool is_start(const struct frame *frame)
{
    static const char *const names[] = {"__libc_start_", "start_thread", "__clone3", "clone3",
                                        NULL};
    return frame->function && text_starts_with(text_basename(frame->module), "libc.so") &&
           starts_with_any(frame->function, names);
}

void frame_classify(struct frame *frame)
{
    bool is_installed = !frame->is_special && is_system_folder(frame->module);
    frame->is_runtime = is_language_runtime(frame);
    frame->is_start = is_start(frame);
    frame->is_nameless = is_installed && !frame->function && !frame->file;
    frame->is_allocator = is_installed && !frame->is_runtime && frame->function &&
                          is_allocator_name(frame->function) &&
                          (!frame->file || access(frame->file, R_OK) != 0);
    frame->is_runtime = frame->is_runtime || frame->is_allocator;
}
