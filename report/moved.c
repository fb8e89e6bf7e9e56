/* SPDX-License-Identifier: BSD-2-Clause */
/* moved.c -- Which paths of two trees are the same file, when the trees lie in different places. */
#include "moved.h"

#include "text.h"

#include <stdlib.h>
#include <string.h>

enum {
    NAMESAKES_MAX = 64 /* of more files of one name it is not asked which is which */
};

struct path {
    const char *text;
    const char *name; /* its last component */
    uint32_t index;
};

static int compare_names(const void *a, const void *b)
{
    const struct path *left = a;
    const struct path *right = b;
    int result = strcmp(left->name, right->name);
    return result ? result : (left->index > right->index) - (left->index < right->index);
}

static struct path *sort_paths(const char *const *texts, uint32_t count)
{
    struct path *paths = calloc((size_t)count + 1, sizeof *paths);
    for (uint32_t i = 0; paths && i < count; i++)
        paths[i] = (struct path){texts[i], text_basename(texts[i]), i};
    if (paths)
        qsort(paths, count, sizeof *paths, compare_names);
    return paths;
}

/* How many components two paths share from the end on. */
static unsigned common_components(const char *a, const char *b)
{
    size_t a_at = strlen(a);
    size_t b_at = strlen(b);
    unsigned count = 0;
    while (a_at && b_at && a[a_at - 1] == b[b_at - 1]) {
        a_at--;
        b_at--;
        count += a[a_at] == '/';
    }
    bool is_whole = (!a_at || a[a_at - 1] == '/') && (!b_at || b[b_at - 1] == '/');
    return count + is_whole;
}

/* The one of paths that shares most with text; MOVED_NONE if there are two. */
static uint32_t nearest(const char *text, const struct path *paths, uint32_t count)
{
    unsigned best = 0;
    uint32_t found = MOVED_NONE;
    for (uint32_t i = 0; i < count; i++) {
        unsigned common = common_components(text, paths[i].text);
        if (common == best)
            found = MOVED_NONE;
        if (common > best) {
            best = common;
            found = i;
        }
    }
    return found;
}

/* Those of one name: each other's nearest are the same. */
static void match_namesakes(const struct path *old, uint32_t old_count, const struct path *new,
                            uint32_t new_count, uint32_t *matches)
{
    if (old_count > NAMESAKES_MAX || new_count > NAMESAKES_MAX)
        return;
    for (uint32_t i = 0; i < new_count; i++) {
        uint32_t found = nearest(new[i].text, old, old_count);
        if (found != MOVED_NONE && nearest(old[found].text, new, new_count) == i)
            matches[new[i].index] = old[found].index;
    }
}

static uint32_t namesake_count(const struct path *paths, uint32_t at, uint32_t count)
{
    uint32_t end = at;
    while (end < count && strcmp(paths[end].name, paths[at].name) == 0)
        end++;
    return end - at;
}

bool moved_match(const char *const *old, uint32_t old_count, const char *const *new,
                 uint32_t new_count, uint32_t *matches)
{
    struct path *olds = sort_paths(old, old_count);
    struct path *news = sort_paths(new, new_count);
    bool is_ok = olds && news;
    uint32_t i = 0;
    uint32_t k = 0;
    for (uint32_t n = 0; n < new_count; n++)
        matches[n] = MOVED_NONE;
    while (is_ok && i < old_count && k < new_count) {
        int order = strcmp(olds[i].name, news[k].name);
        uint32_t old_same = order <= 0 ? namesake_count(olds, i, old_count) : 0;
        uint32_t new_same = order >= 0 ? namesake_count(news, k, new_count) : 0;
        if (order == 0)
            match_namesakes(&olds[i], old_same, &news[k], new_same, matches);
        i += old_same;
        k += new_same;
    }
    free(olds);
    free(news);
    return is_ok;
}
