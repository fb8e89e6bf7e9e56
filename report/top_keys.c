/* SPDX-License-Identifier: BSD-2-Clause */
/* top_keys.c -- What the keys of memtrace top do. */
#include "top_keys.h"

#include "keys.h"

#include <string.h>

enum {
    CONTROL_U = 0x15
};

/* --- typing a filter --- */

static void append_character(char *text, size_t text_bytes, uint32_t character)
{
    size_t used = strlen(text);
    char *end = text + used;
    if (text_bytes - used < 5)
        return;
    if (character < 0x80) {
        *end++ = (char)character;
    } else if (character < 0x800) {
        *end++ = (char)(0xc0 | character >> 6);
        *end++ = (char)(0x80 | (character & 0x3f));
    } else if (character < 0x10000) {
        *end++ = (char)(0xe0 | character >> 12);
        *end++ = (char)(0x80 | (character >> 6 & 0x3f));
        *end++ = (char)(0x80 | (character & 0x3f));
    } else {
        *end++ = (char)(0xf0 | character >> 18);
        *end++ = (char)(0x80 | (character >> 12 & 0x3f));
        *end++ = (char)(0x80 | (character >> 6 & 0x3f));
        *end++ = (char)(0x80 | (character & 0x3f));
    }
    *end = 0;
}

static void drop_character(char *text)
{
    size_t used = strlen(text);
    while (used && ((unsigned char)text[used - 1] & 0xc0) == 0x80)
        used--;
    text[used ? used - 1 : 0] = 0;
}

static enum top_action apply_filter(struct top_view *view, struct top_model *model)
{
    return top_model_filter(model, view->typed) ? TOP_DONE : TOP_OUT_OF_MEMORY;
}

static enum top_action type_key(struct top_view *view, struct top_model *model, uint32_t key)
{
    if (key == KEY_ENTER) {
        view->is_typing = false;
        return TOP_DONE;
    }
    if (key == KEY_ESCAPE || key == CONTROL_U) {
        view->is_typing = key != KEY_ESCAPE;
        view->typed[0] = 0;
    } else if (key == KEY_BACKSPACE) {
        drop_character(view->typed);
    } else if (key >= 0x20 && key < KEY_UP) {
        append_character(view->typed, sizeof view->typed, key);
    }
    return apply_filter(view, model);
}

/* --- moving --- */

static bool move_key(struct top_view *view, struct top_model *model, uint32_t key)
{
    int64_t page = view->page_rows > 1 ? view->page_rows - 1 : 1;
    switch (key) {
    case KEY_UP:
    case 'k':
        top_view_move(view, model, -1);
        return true;
    case KEY_DOWN:
    case 'j':
        top_view_move(view, model, 1);
        return true;
    case KEY_PAGE_UP:
        top_view_move(view, model, -page);
        return true;
    case KEY_PAGE_DOWN:
        top_view_move(view, model, page);
        return true;
    case KEY_HOME:
        top_view_move_to_start(view, model);
        return true;
    case KEY_END:
        top_view_move(view, model, UINT32_MAX);
        return true;
    default:
        return false;
    }
}

/* --- the rest --- */

static unsigned next_of(unsigned value, unsigned count, bool is_backwards)
{
    return (value + (is_backwards ? count - 1 : 1)) % count;
}

static void sort_by_next(struct top_model *model, bool is_back)
{
    enum top_sort sort = model->sort;
    do
        sort = (enum top_sort)next_of(sort, TOP_SORT_COUNT, is_back);
    while (!top_model_has(model, sort));
    top_model_sort(model, sort);
}

static enum top_action change_group(struct top_view *view, struct top_model *model, bool is_back)
{
    view->is_row_chosen = false; /* numbers of groups mean something else now */
    view->first = 0;
    return top_model_group(model, (enum group_by)next_of(model->group_by, GROUP_BY_COUNT, is_back))
               ? TOP_DONE
               : TOP_OUT_OF_MEMORY;
}

/* The page stays with the line that was selected, also when another one gets to the top. */
static void open_stacks(struct top_view *view, struct top_model *model)
{
    if (!model->row_count)
        return;
    top_view_move(view, model, 0);
    top_view_open(view, TOP_STACKS);
}

static enum top_action table_key(struct top_view *view, struct top_model *model, uint32_t key)
{
    switch (key) {
    case 'q':
        return TOP_QUIT;
    case KEY_ENTER:
        open_stacks(view, model);
        return TOP_DONE;
    case 's':
    case 'S':
        sort_by_next(model, key == 'S');
        return TOP_DONE;
    case 'g':
    case 'G':
        return change_group(view, model, key == 'G');
    case '/':
    case 'f':
        view->is_typing = true;
        strcpy(view->typed, model->filter.text);
        return TOP_DONE;
    case 'r':
        return top_model_rebase(model) ? TOP_DONE : TOP_OUT_OF_MEMORY;
    case KEY_ESCAPE:
        view->typed[0] = 0;
        return apply_filter(view, model);
    default:
        return TOP_DONE;
    }
}

static enum top_action page_key(struct top_view *view, uint32_t key)
{
    if (key == 'q' || key == KEY_ESCAPE || key == KEY_ENTER || key == KEY_LEFT ||
        key == KEY_BACKSPACE)
        top_view_open(view, TOP_TABLE);
    return TOP_DONE;
}

enum top_action top_key(struct top_view *view, struct top_model *model, uint32_t key)
{
    view->message[0] = 0;
    if (view->is_typing)
        return type_key(view, model, key);
    if (move_key(view, model, key))
        return TOP_DONE;
    switch (key) {
    case 'p':
    case ' ':
        view->is_paused = !view->is_paused;
        return TOP_PAUSE;
    case 'h':
    case '?':
        top_view_open(view, view->page == TOP_HELP ? TOP_TABLE : TOP_HELP);
        return TOP_DONE;
    case 'o':
        top_view_open(view, view->page == TOP_OUTPUT ? TOP_TABLE : TOP_OUTPUT);
        return TOP_DONE;
    default:
        return view->page == TOP_TABLE ? table_key(view, model, key) : page_key(view, key);
    }
}
