/* SPDX-License-Identifier: BSD-2-Clause */
/* page_sources.h -- The lines of source that go into the page: what is around the frames of its
 * stacks. */
#ifndef MEMTRACE_PAGE_SOURCES_H
#define MEMTRACE_PAGE_SOURCES_H

#include "call_tree.h"
#include "json.h"

/* Lines that are of interest; begins as {0}. */
struct page_sources {
    struct page_line_of *lines;
    size_t count;
    size_t room;
};

/* Takes in the frames of a tree; their strings must stay. False when out of memory. */
bool page_sources_add(struct page_sources *sources, const struct call_tree *tree);
/* The member "sources": those that can be read. False when out of memory. */
bool page_sources_write(struct json *json, struct page_sources *sources);
void page_sources_finish(struct page_sources *sources);

#endif
