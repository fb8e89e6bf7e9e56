/* SPDX-License-Identifier: BSD-2-Clause */
/* test_cgroup.c -- The recorder's idea of its control group, in trees of either version made here.
 *
 * cgroup.c is compiled to look for them below the working directory. */
#include "cgroup.h"
#include "tap.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    SEARCH_EVERY = 10
};

static char directory[] = "/tmp/test_cgroup.XXXXXX";

static void demand(bool is_ok)
{
    if (!is_ok)
        abort();
}

/* With all the directories on the way to it. */
static void put(const char *path, const char *content)
{
    char part[256];
    for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
        snprintf(part, sizeof part, "%.*s", (int)(slash - path), path);
        mkdir(part, 0700);
    }
    FILE *file = fopen(path, "w");
    demand(file && fputs(content, file) >= 0 && fclose(file) == 0);
}

static void remove_all(void)
{
    demand(system("rm -rf mount self") == 0); /* in a directory of our own */
}

static void begin(const char *self)
{
    remove_all();
    put("self", self);
    cgroup_forget();
}

static void expect(int64_t bytes, int64_t max_bytes, const char *name)
{
    struct cgroup_memory memory = cgroup_memory();
    tap_number(memory.bytes, bytes, name);
    tap_number(memory.max_bytes, max_bytes, "  its limit");
}

static void test_version_2(void)
{
    begin("0::/system.slice/app.service\n");
    put("mount/system.slice/app.service/memory.current", "123456789\n");
    put("mount/system.slice/app.service/memory.max", "max\n");
    expect(123456789, INT64_MAX, "version 2, no limit");
    put("mount/system.slice/app.service/memory.current", "5000\n");
    expect(5000, INT64_MAX, "it is read again");

    begin("0::/system.slice/app.service\n");
    put("mount/system.slice/app.service/memory.current", "77\n");
    put("mount/system.slice/app.service/memory.max", "4000000\n");
    put("mount/system.slice/memory.max", "3000000\n");
    expect(77, 3000000, "the least limit on the way up holds");
}

static void test_elsewhere(void)
{
    begin("0::/user/session.scope\n");
    put("mount/user/memory.current", "42\n");
    put("mount/user/memory.max", "1024\n");
    expect(42, 1024, "who does not count itself is counted further up");

    begin("0::/kubepods/pod1/container2\n");
    put("mount/memory.current", "99\n");
    put("mount/memory.max", "100\n");
    expect(99, 100, "a container sees itself as the root");

    begin("0::/\n");
    put("mount/memory.current", "5\n");
    put("mount/memory.max", "6\n");
    expect(5, 6, "in a namespace of its own it is the root");

    begin("0::/../sibling\n");
    put("mount/memory.current", "8\n");
    expect(8, 0, "a name from outside of the namespace; no limit file");
}

static void test_version_1(void)
{
    begin("9:name=systemd:/\n4:cpu,memory,pids:/a/b\n0::/unified\n");
    put("mount/memory/a/b/memory.usage_in_bytes", "31\n");
    put("mount/memory/a/b/memory.limit_in_bytes", "9223372036854771712\n");
    put("mount/unified/memory.current", "1\n");
    expect(31, INT64_MAX, "version 1 beside version 2; a number that no machine has is no limit");
    put("mount/memory/memory.limit_in_bytes", "65536\n");
    cgroup_forget();
    expect(31, 65536, "a limit of the root");

    begin("3:memoryless,cpu:/x\n0::/y\n");
    put("mount/y/memory.current", "11\n");
    expect(11, 0, "a controller with a similar name is another");
}

static void test_unknown(void)
{
    begin("0::/a\n");
    expect(-1, 0, "no figures anywhere: not known, and not nothing");
    remove_all();
    cgroup_forget();
    expect(-1, 0, "no name either");
    begin("nonsense\n0:\n::\n");
    expect(-1, 0, "a name that is none");
    begin("0::/a\n");
    put("mount/a/memory.current", "a lot\n");
    expect(-1, 0, "a figure that is none");
}

/* A process can be moved, and a limit changed, while the program runs. */
static void test_moves(void)
{
    begin("0::/a\n");
    put("mount/a/memory.current", "1\n");
    put("mount/b/memory.current", "2\n");
    put("mount/b/memory.max", "3\n");
    expect(1, 0, "where it begins");
    put("self", "0::/b\n");
    for (int i = 1; i < SEARCH_EVERY; i++)
        cgroup_memory();
    expect(2, 3, "where it was moved to, some readings later");
}

int main(void)
{
    demand(mkdtemp(directory) && chdir(directory) == 0);
    test_version_2();
    test_elsewhere();
    test_version_1();
    test_unknown();
    test_moves();
    remove_all();
    demand(chdir("/") == 0 && rmdir(directory) == 0);
    return tap_end();
}
