/* SPDX-License-Identifier: BSD-2-Clause */
/* options.c -- MEMTRACE_* from the environment the kernel handed to the program. */
#include "options.h"

#include "arena.h"
#include "sys.h"
#include "text.h"
#include "trace_format.h"

#define HISTORY_MAX_BYTES (1ul << 30)
#define INTERVAL_MAX_NS (86400 * 1000000000ul)

struct options options = {.depth = DEPTH_DEFAULT,
                          .follow_fork = true,
                          .has_ticker = true,
                          .has_heap = true,
                          .history_interval_ns = 1000000000,
                          .history_bytes = HISTORY_DEFAULT_BYTES,
                          .rss_interval_ns = 100000000,
                          .cpu_budget_percent = CPU_BUDGET_DEFAULT,
                          .conditions.snapshots_max = SNAPSHOTS_DEFAULT};

/* Where programs cannot get at it: they write over their arguments and environment to change the
 * name that ps shows. */
static const char *keep(const char *value)
{
    size_t size_bytes = text_length(value) + 1;
    char *kept = arena_alloc(size_bytes);
    return kept ? memcpy(kept, value, size_bytes) : NULL;
}

static bool read_output(const char *value)
{
    options.output = *value ? keep(value) : NULL;
    return true;
}

static bool read_depth(const char *value)
{
    uint64_t number;
    if (!text_to_number(value, &number) || number < 1 || number > DEPTH_MAX)
        return false;
    options.depth = (uint32_t)number;
    return true;
}

static bool read_sample_bytes(const char *value)
{
    return text_to_number(value, &options.sample_bytes) && options.sample_bytes < (uint64_t)1 << 40;
}

static bool read_flag(const char *value, bool *flag)
{
    if (!text_equal(value, "0") && !text_equal(value, "1"))
        return false;
    *flag = *value == '1';
    return true;
}

static bool read_follow_fork(const char *value)
{
    return read_flag(value, &options.follow_fork);
}

static bool read_disable(const char *value)
{
    return read_flag(value, &options.is_disabled);
}

static bool read_heap(const char *value)
{
    return read_flag(value, &options.has_heap);
}

static bool read_thread(const char *value)
{
    return read_flag(value, &options.has_ticker);
}

static bool read_interval(const char *value, uint64_t *interval_ns)
{
    uint64_t read_ns;
    const char *end = text_read_duration(value, &read_ns);
    if (!end || *end || read_ns > INTERVAL_MAX_NS)
        return false;
    *interval_ns = read_ns;
    return true;
}

static bool read_history_interval(const char *value)
{
    return read_interval(value, &options.history_interval_ns);
}

static bool read_rss_interval(const char *value)
{
    return read_interval(value, &options.rss_interval_ns);
}

static bool read_pss_interval(const char *value)
{
    return read_interval(value, &options.pss_interval_ns);
}

static bool read_history_bytes(const char *value)
{
    uint64_t size_bytes;
    const char *end = text_read_size(value, &size_bytes);
    if (!end || *end || size_bytes > HISTORY_MAX_BYTES)
        return false;
    options.history_bytes = size_bytes;
    return true;
}

static bool read_snapshot(const char *value)
{
    const char *kept = keep(value);
    return kept && conditions_parse(kept, &options.conditions);
}

static bool read_hz(const char *value, uint32_t *ret_hz)
{
    uint64_t number;
    if (!text_to_number(value, &number) || number > SAMPLER_HZ_MAX ||
        (number && number < SAMPLER_HZ_MIN))
        return false;
    *ret_hz = (uint32_t)number;
    return true;
}

static bool read_cpu_hz(const char *value)
{
    return read_hz(value, &options.cpu_hz);
}

static bool read_wall_hz(const char *value)
{
    return read_hz(value, &options.wall_hz);
}

static bool read_cpu_engine(const char *value)
{
    static const char *const names[ENGINE_COUNT] = TRACE_ENGINE_NAMES;
    for (uint32_t engine = ENGINE_NONE; engine < ENGINE_COUNT; engine++)
        if (text_equal(value, engine == ENGINE_NONE ? "auto" : names[engine])) {
            options.engine = engine;
            return true;
        }
    return false;
}

static bool read_cpu_budget(const char *value)
{
    uint64_t number;
    if (!text_to_number(value, &number) || number < 1 || number > 100)
        return false;
    options.cpu_budget_percent = (uint32_t)number;
    return true;
}

static bool read_warned(const char *value)
{
    return read_flag(value, &options.is_warned);
}

/* An option of memtrace's, which reads what the recorder wrote. */
static bool leave_to_tool(const char *value)
{
    (void)value;
    return true;
}

static const struct {
    const char *name;
    bool (*read)(const char *value);
} known[] = {
    {"OUTPUT=", read_output},
    {"DEPTH=", read_depth},
    {"SAMPLE_BYTES=", read_sample_bytes},
    {"FOLLOW_FORK=", read_follow_fork},
    {"DISABLE=", read_disable},
    {"HEAP=", read_heap},
    {"THREAD=", read_thread},
    {"HISTORY_INTERVAL=", read_history_interval},
    {"HISTORY_BYTES=", read_history_bytes},
    {"RSS_INTERVAL=", read_rss_interval},
    {"PSS_INTERVAL=", read_pss_interval},
    {"SNAPSHOT=", read_snapshot},
    {"CPU_HZ=", read_cpu_hz},
    {"WALL_HZ=", read_wall_hz},
    {"CPU_ENGINE=", read_cpu_engine},
    {"CPU_BUDGET=", read_cpu_budget},
    {"WARNED=", read_warned},
    {"SUPPRESSIONS=", leave_to_tool},
};

static bool read_one(const char *variable)
{
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        const char *value = text_after(variable, known[i].name);
        if (value)
            return known[i].read(value);
    }
    return false;
}

void options_read(char **environment)
{
    const char *bad = NULL;
    for (; environment && *environment; environment++) {
        const char *variable = text_after(*environment, "MEMTRACE_");
        if (variable && !read_one(variable))
            bad = *environment;
    }
    if (!options.cpu_hz)
        options.cpu_hz = options.wall_hz; /* the other part of the same time */
    if (bad && !options.is_warned)
        text_warn("unknown option or bad value, ignored: ", bad, "");
}
