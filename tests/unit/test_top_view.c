/* SPDX-License-Identifier: BSD-2-Clause */
/* test_top_view.c -- Frames of memtrace top, and what keys do to them, of a trace made by hand. */
#include "../make_trace.h"
#include "fake_symbols.h"
#include "keys.h"
#include "tap.h"
#include "top_keys.h"

#include <locale.h>
#include <stdlib.h>
#include <unistd.h>

#define SECOND UINT64_C(1000000000)

enum {
    MAIN_20 = 0x1000,
    LINES = 30
};

static struct fake_symbol symbols[LINES + 1];
static char functions[LINES][32];
static struct trace_maker maker;
static struct trace trace;
static struct stacks stacks;
static struct top_model model;
static struct top_view view;
static struct top_status status;
static struct grid grid;

static uint64_t offset_of(uint32_t line)
{
    return 0x2000 + line * 16;
}

/* Line n of demo.c has n * 1024 bytes in one block. */
static void make_sites(void)
{
    uint32_t demo = maker_module(&maker, "/src/demo");
    uint32_t outer = maker_node(&maker, 0, demo, MAIN_20);
    symbols[0] =
        (struct fake_symbol){MAIN_20, {"main", "/nonexistent/a/long/path/demo.c", 20, false}};
    for (uint32_t i = 1; i <= LINES; i++) {
        uint32_t node = maker_node(&maker, outer, demo, offset_of(i));
        maker_counters(&maker, node, 1,
                       &(struct trace_counters){.alloc_count = 1, .alloc_bytes = i * 1024});
        snprintf(functions[i - 1], sizeof functions[0], "function_%u", i);
        symbols[i] = (struct fake_symbol){
            offset_of(i), {functions[i - 1], "/nonexistent/a/long/path/demo.c", i, false}};
    }
    fake_symbols_use(symbols, LINES + 1);
}

static void begin(void)
{
    struct error error;
    maker_init(&maker);
    make_sites();
    int fd = maker_write(&maker);
    if (!trace_read(&trace, fd, &error) || !stacks_init(&stacks, &trace, false, &error))
        exit(99);
    close(fd);
    top_model_init(&model, &trace, &stacks);
    top_model_read(&model, SECOND * 100, 1 << 20);
    trace.counters[LINES].alloc_bytes += 1 << 20; /* line 30 */
    trace.counters[LINES].alloc_count += 5;
    top_model_read(&model, SECOND * 102, 2 << 20);
    view = (struct top_view){0};
    status = (struct top_status){.program = "/usr/bin/demo",
                                 .pid = 4242,
                                 .is_running = true,
                                 .end = "exited 0",
                                 .duration_ns = SECOND * 75,
                                 .thread_count = 3,
                                 .rss_bytes = 2 << 20,
                                 .interval_ns = SECOND * 2,
                                 .trace_path = "demo.4242.memtrace"};
}

static void finish(void)
{
    top_view_finish(&view);
    top_model_finish(&model);
    stacks_finish(&stacks);
    trace_close(&trace);
    grid_finish(&grid);
}

static void draw(unsigned rows, unsigned columns)
{
    grid_finish(&grid);
    if (!grid_init(&grid, rows, columns, true))
        exit(99);
    top_view_draw(&view, &model, &status, &grid);
}

static const char *line(unsigned row)
{
    static char text[8192];
    size_t used = 0;
    for (unsigned i = 0; i < grid.columns; i++)
        used +=
            (size_t)snprintf(text + used, sizeof text - used, "%s", grid_row(&grid, row)[i].text);
    while (used && text[used - 1] == ' ')
        text[--used] = 0;
    return text;
}

static void press(uint32_t key)
{
    top_key(&view, &model, key);
    draw(24, 80);
}

/* The line of demo.c in the selected row. */
static uint32_t selected_line(void)
{
    const struct top_row *row = top_view_selected(&view, &model);
    return row ? stacks.frames[row->item.frame].line : 0;
}

static void test_frame(void)
{
    begin();
    draw(24, 80);
    tap_text(line(0), "demo  pid 4242  running 1 min 15 s  3 threads  complete  every 2 s",
             "state");
    tap_text(line(1), "heap 1489 KiB  +1024 KiB in 2 s  +512 KiB/s  peak 1489 KiB  RSS 2048 KiB",
             "totals: what finds no room is left out");
    tap_text(line(2),
             "heap         ▁█ 465 KiB to 1489 KiB     RSS           ▁█ 1024 KiB to 2048 KiB",
             "curves");
    tap_text(line(3), "     LIVE v     GROWTH   GROWTH/s   ALLOCS/s  LINE", "headings");
    tap_text(line(4),
             ">  1054 KiB  +1024 KiB   +512 KiB        2.5  …/long/path/demo.c:30  function_30",
             "the first line");
    tap_text(line(5),
             "   29.0 KiB          0          0          0  …/long/path/demo.c:29  function_29",
             "the second");
    tap_text(line(22),
             "   12.0 KiB          0          0          0  …/long/path/demo.c:12  function_12",
             "the last one that finds room");
    tap_text(line(23),
             "q quit  h help  / filter  s sort: live  g group: line  Enter stacks  p pause",
             "keys");
    tap_number(grid_row(&grid, 4)[79].style, STYLE_SELECTED, "the selected line stands out");
    draw(10, 40);
    tap_text(line(0), "demo  running 1 min 15 s  complete", "a small window: state");
    tap_text(line(1), "heap 1489 KiB  +1024 KiB in 2 s", "totals");
    tap_text(line(2), "heap          ▁█ 465 KiB to 1489 KiB", "one curve");
    tap_text(line(3), "RSS           ▁█ 1024 KiB to 2048 KiB", "below the other");
    tap_text(line(4), "     LIVE v     GROWTH  LINE", "headings");
    tap_text(line(5), ">  1054 KiB  +1024 KiB  …/path/demo.c:30", "a line");
    tap_text(line(9), "q quit  h help  s sort: live", "keys");
    draw(30, 200);
    tap_text(line(3),
             "     LIVE v     BLOCKS     GROWTH   GROWTH/s   ALLOCS/s   BYTES/s      PEAK       "
             "ALLOCS     TOTAL  LINE",
             "a large window has all columns");
    finish();
}

static void test_states(void)
{
    begin();
    top_model_finish(&model);
    top_model_init(&model, &trace, &stacks);
    top_model_read(&model, SECOND, -1);
    status.is_running = false;
    status.rss_bytes = status.thread_count = -1;
    strcpy(status.end, "exited 3 after 0.21 s");
    draw(24, 100);
    tap_text(line(0), "demo  pid 4242  exited 3 after 0.21 s  complete",
             "a program that has ended");
    tap_text(line(1), "heap 1489 KiB  in 35 blocks  peak 1489 KiB  RSS -", "has no rates");
    tap_text(line(3), "     LIVE v     BLOCKS      PEAK       ALLOCS     TOTAL  LINE",
             "nor columns for them");
    status.completeness.count = 1;
    strcpy(status.completeness.reasons[0], "three blocks were lost");
    status.sample_bytes = 4096;
    status.is_recording_paused = true;
    view.is_paused = true;
    draw(24, 100);
    tap_text(line(0),
             "demo  pid 4242  exited 3 after 0.21 s  incomplete (h)  sampled  recording stopped  "
             "PAUSED",
             "everything that can be said of it");
    press('h');
    bool is_said = false;
    for (int i = 0; i < 5; i++) {
        for (unsigned row = 0; row < 24; row++)
            is_said = is_said || strstr(line(row), "incomplete: three blocks were lost");
        press(KEY_PAGE_DOWN);
    }
    tap_ok(is_said, "the help says what is missing");
    strcpy(status.end, "exited\033[31m");
    status.program = "de\033[2Jmo";
    press('h');
    tap_text(line(0), "de\\x1b[2Jmo  pid 4242  exited\\x1b[31m  incomplete (h)  sampled  PAUSED",
             "names cannot talk to the terminal");
    finish();
}

static void test_moving(void)
{
    begin();
    draw(24, 80);
    tap_number(selected_line(), 30, "the first line is selected");
    press('j');
    press(KEY_DOWN);
    press('k');
    tap_number(selected_line(), 29, "down and up");
    trace.counters[1].alloc_bytes += 20 << 20; /* line 1 becomes the first */
    top_model_read(&model, SECOND * 103, -1);
    draw(24, 80);
    tap_number(selected_line(), 29, "the selection stays with its line");
    tap_text(line(6),
             ">  29.0 KiB          0          0          0  …/long/path/demo.c:29  function_29",
             "where that now is");
    press(KEY_END);
    tap_number(selected_line(), 2, "the last line");
    tap_text(line(22),
             ">    2048 B          0          0          0  …/a/long/path/demo.c:2  function_2",
             "is at the bottom");
    press(KEY_DOWN);
    tap_number(selected_line(), 2, "and there is no further");
    press(KEY_PAGE_UP);
    tap_number(selected_line(), 20, "a page less one line");
    press(KEY_HOME);
    tap_number(selected_line(), 1, "the first one");
    trace.counters[2].alloc_bytes += 30 << 20;
    top_model_read(&model, SECOND * 104, -1);
    tap_number(selected_line(), 2, "whichever that is from now on");
    view.limit = 3;
    press(KEY_END);
    tap_number(selected_line(), 30, "no more lines than wanted");
    tap_text(line(7), "", "are shown");
    finish();
}

static void test_pages(void)
{
    begin();
    draw(24, 80);
    press('j');
    press(KEY_ENTER);
    tap_text(line(3), "/nonexistent/a/long/path/demo.c:29", "call stacks of the selected line");
    tap_text(line(4), "1 of 1: size=29.0 KiB, count=1, growth=0 (0/s), 0 allocations/s", "figures");
    tap_text(line(5), "  File \"/nonexistent/a/long/path/demo.c\", line 20, in main",
             "oldest call");
    tap_text(line(6), "  File \"/nonexistent/a/long/path/demo.c\", line 29, in function_29",
             "most recent call");
    tap_text(line(23), "q back  up down PgUp PgDn scroll  1-4 of 4", "keys");
    draw(24, 50);
    tap_text(line(6), "  File \"demo.c\", line 20, in main", "narrow windows get short paths");
    press('q');
    tap_text(line(5),
             ">  29.0 KiB          0          0          0  …/long/path/demo.c:29  function_29",
             "back to the same line");
    press('?');
    tap_text(line(4), "Keys", "help");
    press('j');
    tap_number(view.page_first, 1, "scrolls");
    press(KEY_END);
    tap_number(view.page_first, view.page_count - view.page_rows, "to its end, no further");
    press(KEY_HOME);
    tap_number(view.page_first, 0, "and back");
    press(KEY_ESCAPE);
    tap_number(view.page, TOP_TABLE, "Escape leaves it");
    press('g');
    tap_text(line(3) + 44, "  FUNCTION", "another group");
    tap_number(model.group_by, GROUP_BY_FUNCTION, "is the function");
    press('G');
    press('G');
    tap_number(model.group_by, GROUP_BY_THREAD, "backwards to threads");
    press(KEY_ENTER);
    press('g');
    finish();
}

static void test_typing(void)
{
    begin();
    draw(24, 80);
    press('s');
    tap_text(line(3), "       LIVE   GROWTH v   GROWTH/s   ALLOCS/s  LINE", "another column");
    press('S');
    press('/');
    for (const char *key = "functjon"; *key; key++)
        press((uint32_t)*key);
    tap_text(line(23), "filter: functjon_", "keys are text now");
    tap_number(model.row_count, 0, "that nothing contains");
    press(KEY_BACKSPACE);
    press(KEY_BACKSPACE);
    press(KEY_BACKSPACE);
    tap_number(model.row_count, LINES, "one that everything does");
    for (const char *key = "ion_3"; *key; key++)
        press((uint32_t)*key);
    press(KEY_ENTER);
    tap_number(model.row_count, 2, "function_3 and function_30");
    tap_text(line(23),
             "q quit  h help  /function_3: 1057 KiB of 1489 KiB  s sort: live  g group: line",
             "what they are of all");
    press(0xe4);
    press('/');
    press(0xe4);
    press(0x20ac);
    press(0x1f600);
    tap_text(view.typed, "function_3ä€😀", "any character");
    press(KEY_BACKSPACE);
    press(KEY_BACKSPACE);
    tap_text(view.typed, "function_3ä", "is taken back whole");
    for (int i = 0; i < 2 * TOP_FILTER_BYTES; i++)
        press('x');
    tap_ok(strlen(view.typed) < TOP_FILTER_BYTES, "no more than there is room for");
    press(KEY_ESCAPE);
    tap_number(model.row_count, LINES, "Escape drops the filter");
    press('r');
    tap_text(line(1),
             "heap 1489 KiB  in 35 blocks  0 in 0 s  +512 KiB/s  peak 1489 KiB  RSS 2048 KiB",
             "growth begins anew");
    tap_number((int64_t)top_key(&view, &model, 'p'), TOP_PAUSE, "p pauses");
    tap_ok(view.is_paused && top_key(&view, &model, ' ') == TOP_PAUSE && !view.is_paused,
           "Space goes on");
    tap_number((int64_t)top_key(&view, &model, 'q'), TOP_QUIT, "q ends it");
    finish();
}

static void test_print(void)
{
    char *text = NULL;
    size_t text_bytes = 0;
    begin();
    grid_init(&grid, 1, GRID_COLUMNS_MAX, true);
    FILE *out = open_memstream(&text, &text_bytes);
    view.limit = 2;
    status.interval_ns = 0;
    top_view_print(out, &view, &model, &status, &grid);
    fclose(out);
    tap_text(text,
             "demo  pid 4242  running 1 min 15 s  3 threads  complete\n"
             "heap 1489 KiB  in 35 blocks  +1024 KiB in 2 s  +512 KiB/s  peak 1489 KiB"
             "  RSS 2048 KiB  2.5 allocations/s 512 KiB/s\n"
             "     LIVE v     BLOCKS     GROWTH   GROWTH/s   ALLOCS/s   BYTES/s      PEAK"
             "       ALLOCS     TOTAL  LINE\n"
             "   1054 KiB          6  +1024 KiB   +512 KiB        2.5   512 KiB  1054 KiB"
             "            6  1054 KiB  /nonexistent/a/long/path/demo.c:30  function_30\n"
             "   29.0 KiB          1          0          0          0         0  29.0 KiB"
             "            1  29.0 KiB  /nonexistent/a/long/path/demo.c:29  function_29\n",
             "for a script");
    free(text);
    finish();
}

/* No window is too small, no page and no key too much for it. */
static void test_sizes(void)
{
    static const uint32_t keys[] = {'j', KEY_PAGE_DOWN, KEY_END, KEY_ENTER, KEY_END,   'q',
                                    'h', 'o',           '/',     'x',       KEY_ENTER, 'g',
                                    's', KEY_ENTER,     'q',     KEY_ESCAPE};
    begin();
    for (unsigned rows = 1; rows < 14; rows++)
        for (unsigned columns = 1; columns < 130; columns += columns < 20 ? 1 : 13)
            for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
                top_key(&view, &model, keys[i]);
                draw(rows, columns);
            }
    tap_ok(true, "windows of all sizes");
    draw(1, 10);
    tap_text(line(0), "q quit", "one line says how to leave");
    finish();
}

int main(void)
{
    if (!setlocale(LC_CTYPE, "C.UTF-8")) {
        printf("1..0 # SKIP there is no locale C.UTF-8\n");
        return 0;
    }
    test_frame();
    test_states();
    test_moving();
    test_pages();
    test_typing();
    test_print();
    test_sizes();
    return tap_end();
}
