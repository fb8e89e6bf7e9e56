/* SPDX-License-Identifier: BSD-2-Clause */
/* viewer_stacks.c -- Call stacks that viewers have trouble with: recursion, inlined calls, and
 * names that break out of quotes, lines, markup and terminals.
 *
 * tests/test_export.py replaces the function name with dollars by worse. What #line says is a
 * file of that name. */
#include <stdlib.h>

#define ALWAYS_INLINE static inline __attribute__((always_inline))

enum {
    DEPTH = 5
};

static void *kept[64];
static size_t kept_count;

static void keep(void *block)
{
    kept[kept_count++] = block;
}

ALWAYS_INLINE void *innermost_inlined(size_t size)
{
    return malloc(size); /* @inlined */
}

ALWAYS_INLINE void *middle_inlined(size_t size)
{
    free(innermost_inlined(size * 2));
    return innermost_inlined(size); /* @through */
}

static void with_inlines(void)
{
    keep(middle_inlined(1000));
    keep(middle_inlined(100));
}

static void recurse(int depth)
{
    if (depth > 0)
        recurse(depth - 1); /* @recursion */
    keep(malloc(10));       /* @recursive */
}

static void pong(int depth);

static void ping(int depth)
{
    if (depth > 0)
        pong(depth - 1);
    else
        keep(malloc(333)); /* @ping */
}

static void pong(int depth)
{
    keep(malloc(7)); /* @pong */
    ping(depth);
}

static void two_on_one_line(void)
{
    void *a = malloc(20), *b = malloc(30); /* @pair */
    free(a);
    free(b);
}

/* The dollars make room for what the test puts there. */
void hostile_function$$$$$$$$$$$$$$$$$$$$$$(void);
void hostile_function$$$$$$$$$$$$$$$$$$$$$$(void)
{
    keep(malloc(77)); /* @hostile */
}

void größe_日本(void);
void größe_日本(void)
{
    keep(malloc(55)); /* @unicode */
}

static void many(void)
{
    for (int i = 0; i < 1000; i++)
        free(malloc(64)); /* @temporary */
}

static void hostile_file(void);

int main(void)
{
    with_inlines();
    recurse(DEPTH);
    ping(3);
    pong(0);
    two_on_one_line();
    hostile_function$$$$$$$$$$$$$$$$$$$$$$();
    größe_日本();
    hostile_file();
    many();
    return 0;
}

#line 7 "/hos\"tile/</script><b>&amp;;x,y\\ \r\n\t\33[31m %s 'q' (1) größe.c"
static void hostile_file(void)
{
    keep(malloc(99));
}
