/* SPDX-License-Identifier: BSD-2-Clause */
/* top_pages.h -- The pages of memtrace top beside its table: call stacks, help, output. */
#ifndef MEMTRACE_TOP_PAGES_H
#define MEMTRACE_TOP_PAGES_H

#include "top_view.h"

/* What a row is called, to be freed. */
char *top_label(const struct top_model *model, const struct top_row *row);
/* Its function, and what that went through: "dup_name (via strdup)". To be freed, NULL: none. */
char *top_context(const struct top_model *model, const struct top_row *row);

/* "+1.2 KiB", "-12 B", "0". */
struct number_text top_signed_size(double size_bytes);
/* "0.3", "1,234" */
struct number_text top_rate(double per_second);

/* The last lines of a file, as much as is worth reading on a terminal; to be freed, NULL if there
 * is none. */
char *top_read_end(const char *path);

/* Composes the page that the view is on. */
void top_page_compose(struct text_page *page, struct top_view *view, const struct top_model *model,
                      const struct top_status *status, unsigned columns);

#endif
