/* SPDX-License-Identifier: BSD-2-Clause */
/* top_keys.h -- What the keys of memtrace top do. */
#ifndef MEMTRACE_TOP_KEYS_H
#define MEMTRACE_TOP_KEYS_H

#include "top_view.h"

enum top_action {
    TOP_DONE,  /* view and model have changed, or nothing has */
    TOP_PAUSE, /* the view was paused, or goes on */
    TOP_QUIT,
    TOP_OUT_OF_MEMORY
};

enum top_action top_key(struct top_view *view, struct top_model *model, uint32_t key);

#endif
