/* SPDX-License-Identifier: BSD-2-Clause */
/* screen.c -- A terminal's whole window, to draw on and to read keys from.
 *
 * The terminal is opened anew, so that it can be read and written without blocking and nobody who
 * shares the old descriptor notices. What it does not take at once waits in a buffer. */
#include "screen.h"

#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

static const char enter_sequence[] = "\033[?1049h"; /* the other screen */
/* No cursor, no new line of its own at the right edge. */
static const char prepare_sequence[] = "\033[?25l\033[?7l\033[0m\033[2J";
/* Cleared as well, for terminals that have but one screen. */
static const char leave_sequence[] = "\033[0m\033[?7h\033[?25h\033[H\033[2J\033[?1049l";

static const char *const style_sequences[STYLE_COUNT] = {
    [STYLE_PLAIN] = "",           [STYLE_STRONG] = "\033[1m",  [STYLE_DIM] = "\033[2m",
    [STYLE_WARNING] = "\033[33m", [STYLE_HEADING] = "\033[7m", [STYLE_SELECTED] = "\033[30;46m",
};

static const int ending[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
static const int others[] = {SIGTSTP, SIGCONT, SIGWINCH, SIGCHLD};
static const int crashes[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};

enum {
    ENDING_COUNT = sizeof ending / sizeof *ending,
    OTHERS_COUNT = sizeof others / sizeof *others,
    CRASHES_COUNT = sizeof crashes / sizeof *crashes,
    ESCAPE_MS = 50, /* between the bytes of one key, also over a slow line */
    LEAVE_MS = 300  /* for a window that takes nothing any more */
};

struct screen {
    int fd;
    int signal_fd;
    bool with_colors;
    bool is_entered;
    bool is_void;    /* the window holds nothing we know */
    bool is_refused; /* a frame was not shown, for the last one was still waiting */
    struct termios saved;
    sigset_t taken;
    sigset_t mask; /* before */
    struct sigaction crash_actions[CRASHES_COUNT];
    struct keys keys;
    uint64_t keys_time_ns; /* when the last bytes came */
    struct grid shown;
    char *waiting; /* bytes the terminal has not taken */
    size_t waiting_bytes;
    size_t waiting_sent;
};

/* For a crash: what must be given back, by calls that a signal handler may make. */
static struct screen *open_screen;

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

bool screen_is_utf8(void)
{
    return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

/* --- entering and leaving --- */

static bool set_raw(struct screen *screen)
{
    struct termios raw = screen->saved;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO | IEXTEN); /* the keys for signals stay */
    raw.c_iflag &= ~(tcflag_t)(IXON | ICRNL | INLCR | IGNCR | ISTRIP);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    return tcsetattr(screen->fd, TCSANOW, &raw) == 0;
}

/* Sends all of it, or gives up after a while. */
static void send_now(int fd, const char *bytes, size_t count)
{
    uint64_t deadline_ns = now_ns() + LEAVE_MS * UINT64_C(1000000);
    while (count) {
        ssize_t sent = write(fd, bytes, count);
        if (sent > 0) {
            bytes += sent;
            count -= (size_t)sent;
        } else if (sent < 0 && errno != EAGAIN && errno != EINTR) {
            return;
        } else {
            struct pollfd can_write = {.fd = fd, .events = POLLOUT};
            if (now_ns() >= deadline_ns)
                return;
            poll(&can_write, 1, 10);
        }
    }
}

static void drop_waiting(struct screen *screen)
{
    free(screen->waiting);
    screen->waiting = NULL;
    screen->waiting_bytes = screen->waiting_sent = 0;
}

static void enter(struct screen *screen)
{
    if (!screen->is_entered) {
        tcgetattr(screen->fd, &screen->saved);
        send_now(screen->fd, enter_sequence, sizeof enter_sequence - 1);
    }
    set_raw(screen);
    screen->is_entered = true;
    screen->is_void = true;
    drop_waiting(screen);
    send_now(screen->fd, prepare_sequence, sizeof prepare_sequence - 1);
}

static void leave(struct screen *screen)
{
    if (!screen->is_entered)
        return;
    screen->is_entered = false;
    /* A frame that was cut off may end within a sequence; CAN ends that. */
    if (screen->waiting_bytes)
        send_now(screen->fd, "\030", 1);
    drop_waiting(screen);
    send_now(screen->fd, leave_sequence, sizeof leave_sequence - 1);
    tcsetattr(screen->fd, TCSANOW, &screen->saved);
}

/* --- signals --- */

static void crashed(int number)
{
    struct screen *screen = open_screen;
    for (int i = 0; screen && i < CRASHES_COUNT; i++)
        sigaction(crashes[i], &screen->crash_actions[i], NULL);
    if (screen && screen->is_entered) {
        ssize_t ignored = write(screen->fd, leave_sequence, sizeof leave_sequence - 1);
        (void)ignored;
        tcsetattr(screen->fd, TCSANOW, &screen->saved);
    }
    raise(number);
}

static bool take_signals(struct screen *screen)
{
    const struct sigaction crash = {.sa_handler = crashed};
    sigemptyset(&screen->taken);
    for (int i = 0; i < OTHERS_COUNT; i++)
        sigaddset(&screen->taken, others[i]);
    for (int i = 0; i < ENDING_COUNT; i++) {
        struct sigaction now;
        /* What we were told to ignore (nohup) does not end us. */
        if (sigaction(ending[i], NULL, &now) == 0 && now.sa_handler != SIG_IGN)
            sigaddset(&screen->taken, ending[i]);
    }
    screen->signal_fd = signalfd(-1, &screen->taken, SFD_CLOEXEC | SFD_NONBLOCK);
    if (screen->signal_fd < 0)
        return false;
    sigprocmask(SIG_BLOCK, &screen->taken, &screen->mask);
    for (int i = 0; i < CRASHES_COUNT; i++)
        sigaction(crashes[i], &crash, &screen->crash_actions[i]);
    open_screen = screen;
    return true;
}

static void give_signals_back(struct screen *screen)
{
    if (screen->signal_fd < 0)
        return;
    open_screen = NULL;
    for (int i = 0; i < CRASHES_COUNT; i++)
        sigaction(crashes[i], &screen->crash_actions[i], NULL);
    close(screen->signal_fd);
    sigprocmask(SIG_SETMASK, &screen->mask, NULL);
}

/* Ctrl-Z: stops here, with the window as it was, until somebody continues us. */
static void stop(struct screen *screen)
{
    const struct sigaction standard = {.sa_handler = SIG_DFL};
    const struct timespec at_once = {0};
    struct sigaction before;
    sigset_t stopping;
    sigset_t continuing;
    leave(screen);
    sigemptyset(&stopping);
    sigemptyset(&continuing);
    sigaddset(&stopping, SIGTSTP);
    sigaddset(&continuing, SIGCONT);
    sigaction(SIGTSTP, &standard, &before);
    raise(SIGTSTP);
    sigprocmask(SIG_UNBLOCK, &stopping, NULL);
    sigprocmask(SIG_BLOCK, &stopping, NULL);
    sigaction(SIGTSTP, &before, NULL);
    sigtimedwait(&continuing, NULL, &at_once);
    enter(screen);
}

static enum screen_event take_signal(struct screen *screen, uint32_t *ret_what)
{
    struct signalfd_siginfo info;
    if (read(screen->signal_fd, &info, sizeof info) != sizeof info)
        return SCREEN_RESIZED;
    *ret_what = info.ssi_signo;
    switch (info.ssi_signo) {
    case SIGTSTP:
        stop(screen);
        return SCREEN_RESIZED;
    case SIGCONT: /* after a SIGSTOP, which tells nobody */
        enter(screen);
        return SCREEN_RESIZED;
    case SIGWINCH:
        screen->is_void = true;
        return SCREEN_RESIZED;
    case SIGCHLD:
        return SCREEN_CHILD;
    default:
        return SCREEN_SIGNAL;
    }
}

/* --- opening --- */

bool screen_check(struct error *error)
{
    const char *kind = getenv("TERM");
    if (!isatty(STDOUT_FILENO))
        return error_set(error, "standard output is not a terminal");
    if (!kind || !*kind || strcmp(kind, "dumb") == 0)
        return error_set(error, "this terminal cannot be drawn on (TERM=%s)", kind ? kind : "");
    return true;
}

/* Of another user's terminal (su) only the descriptor we have will do. */
static int open_terminal(void)
{
    char name[256];
    int fd = -1;
    if (ttyname_r(STDOUT_FILENO, name, sizeof name) == 0)
        fd = open(name, O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        fd = open("/dev/tty", O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    return fd >= 0 ? fd : fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
}

struct screen *screen_open(bool with_colors, struct error *error)
{
    if (!screen_check(error))
        return NULL;
    struct screen *screen = calloc(1, sizeof *screen);
    if (!screen) {
        error_out_of_memory(error);
        return NULL;
    }
    screen->with_colors = with_colors;
    screen->signal_fd = -1;
    screen->fd = open_terminal();
    if (screen->fd < 0 || tcgetattr(screen->fd, &screen->saved) != 0 || !take_signals(screen)) {
        error_set(error, "the terminal cannot be used: %s", strerror(errno));
        screen_close(screen);
        return NULL;
    }
    enter(screen);
    return screen;
}

void screen_close(struct screen *screen)
{
    if (!screen)
        return;
    leave(screen);
    give_signals_back(screen);
    if (screen->fd >= 0)
        close(screen->fd);
    grid_finish(&screen->shown);
    free(screen);
}

void screen_size(const struct screen *screen, unsigned *ret_rows, unsigned *ret_columns)
{
    struct winsize size;
    bool is_known = ioctl(screen->fd, TIOCGWINSZ, &size) == 0 && size.ws_row && size.ws_col;
    *ret_rows = is_known ? size.ws_row : 24;
    *ret_columns = is_known ? size.ws_col : 80;
}

/* --- drawing --- */

/* False when the terminal still has not taken everything. */
static bool send_waiting(struct screen *screen)
{
    while (screen->waiting_sent < screen->waiting_bytes) {
        ssize_t sent = write(screen->fd, screen->waiting + screen->waiting_sent,
                             screen->waiting_bytes - screen->waiting_sent);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return false;
        screen->waiting_sent += (size_t)sent;
    }
    drop_waiting(screen);
    return true;
}

static void write_style(FILE *out, const struct screen *screen, unsigned style, unsigned *now)
{
    if (!screen->with_colors || style == *now)
        return;
    if (*now != STYLE_PLAIN)
        fputs("\033[0m", out);
    fputs(style_sequences[style], out);
    *now = style;
}

static bool is_blank(const struct cell *cell)
{
    return cell->style == STYLE_PLAIN && strcmp(cell->text, " ") == 0;
}

static void write_row(FILE *out, const struct screen *screen, const struct grid *grid, unsigned row)
{
    const struct cell *cells = grid_row(grid, row);
    unsigned columns = grid->columns;
    unsigned style = STYLE_PLAIN;
    while (columns && is_blank(&cells[columns - 1]))
        columns--;
    fprintf(out, "\033[%u;1H", row + 1);
    for (unsigned i = 0; i < columns; i++) {
        write_style(out, screen, cells[i].style, &style);
        fputs(cells[i].text, out);
    }
    write_style(out, screen, STYLE_PLAIN, &style);
    if (columns < grid->columns)
        fputs("\033[K", out);
}

static bool is_same_row(const struct grid *a, const struct grid *b, unsigned row)
{
    const struct cell *left = grid_row(a, row);
    const struct cell *right = grid_row(b, row);
    for (unsigned i = 0; i < a->columns; i++)
        if (left[i].style != right[i].style || strcmp(left[i].text, right[i].text) != 0)
            return false;
    return true;
}

static void write_changes(FILE *out, const struct screen *screen, const struct grid *grid)
{
    bool is_new = screen->is_void || screen->shown.rows != grid->rows ||
                  screen->shown.columns != grid->columns;
    if (is_new)
        fputs("\033[0m\033[2J", out);
    for (unsigned row = 0; row < grid->rows; row++)
        if (is_new || !is_same_row(&screen->shown, grid, row))
            write_row(out, screen, grid, row);
}

static void remember(struct screen *screen, const struct grid *grid)
{
    struct grid *shown = &screen->shown;
    if (shown->rows != grid->rows || shown->columns != grid->columns) {
        grid_finish(shown);
        if (!grid_init(shown, grid->rows, grid->columns, grid->is_utf8))
            return;
    }
    memcpy(shown->cells, grid->cells, (size_t)grid->rows * grid->columns * sizeof *grid->cells);
    screen->is_void = false;
}

bool screen_show(struct screen *screen, const struct grid *grid)
{
    screen->is_refused = !send_waiting(screen);
    if (screen->is_refused)
        return false;
    FILE *out = open_memstream(&screen->waiting, &screen->waiting_bytes);
    if (!out)
        return false;
    write_changes(out, screen, grid);
    if (fclose(out) != 0) {
        drop_waiting(screen);
        return false;
    }
    remember(screen, grid);
    send_waiting(screen);
    return true;
}

/* --- waiting --- */

/* Until the deadline, or until bytes that may be the beginning of a key have waited long enough. */
static int wait_ms(const struct screen *screen, uint64_t deadline_ns)
{
    uint64_t now = now_ns();
    uint64_t until_ns = screen->keys_time_ns + ESCAPE_MS * UINT64_C(1000000);
    if (!screen->keys.count || until_ns > deadline_ns)
        until_ns = deadline_ns;
    uint64_t left_ms = until_ns > now ? (until_ns - now + 999999) / 1000000 : 0;
    return left_ms > 3600000 ? 3600000 : (int)left_ms;
}

static uint32_t next_key(struct screen *screen)
{
    return keys_next(&screen->keys,
                     now_ns() >= screen->keys_time_ns + ESCAPE_MS * UINT64_C(1000000));
}

/* False when the terminal was hung up. */
static bool read_keys(struct screen *screen)
{
    char bytes[KEYS_BYTES];
    ssize_t got = read(screen->fd, bytes, sizeof bytes - screen->keys.count);
    if (got > 0) {
        keys_feed(&screen->keys, bytes, (size_t)got);
        screen->keys_time_ns = now_ns();
    }
    return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

/* What poll said of the terminal; SCREEN_TIME: nothing that concerns the caller. */
static enum screen_event attend(struct screen *screen, short events)
{
    if (events & (POLLHUP | POLLERR | POLLNVAL))
        return SCREEN_GONE;
    if (events & POLLIN && !read_keys(screen))
        return SCREEN_GONE;
    if (events & POLLOUT && send_waiting(screen) && screen->is_refused)
        return SCREEN_RESIZED;
    return SCREEN_TIME;
}

enum screen_event screen_wait(struct screen *screen, uint64_t deadline_ns, int other_fd,
                              uint32_t *ret_what)
{
    for (;;) {
        if ((*ret_what = next_key(screen)) != KEY_NONE)
            return SCREEN_KEY;
        struct pollfd polls[] = {
            {.fd = screen->signal_fd, .events = POLLIN},
            {.fd = screen->fd, .events = screen->waiting_bytes ? POLLIN | POLLOUT : POLLIN},
            {.fd = other_fd, .events = POLLIN},
        };
        if (poll(polls, 3, wait_ms(screen, deadline_ns)) < 0) {
            if (errno != EINTR)
                return SCREEN_GONE;
            continue;
        }
        if (polls[0].revents)
            return take_signal(screen, ret_what);
        enum screen_event event = attend(screen, polls[1].revents);
        if (event != SCREEN_TIME)
            return event;
        if (polls[2].revents)
            return SCREEN_WOKEN;
        if (now_ns() >= deadline_ns)
            return SCREEN_TIME;
    }
}
