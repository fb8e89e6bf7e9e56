/* SPDX-License-Identifier: BSD-2-Clause */
/* drip.c -- Leaks so many bytes per second for so long, in drops at odd moments; then takes a lot
 * and gives it back at once. Prints the seconds it leaked for and the bytes it leaked.
 *
 * A drop is what is missing at that moment, however late it comes: so the leak is what was asked
 * for on the busiest machine. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    SPLASH_BYTES = 48 << 20
};

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Somewhere between 5 and 132 ms. */
static void wait_a_little(void)
{
    static unsigned state = 12345;
    state = state * 1103515245u + 12345u;
    struct timespec rest = {0, 5000000 + (long)(state >> 16 & 127) * 1000000};
    nanosleep(&rest, NULL);
}

int main(int argc, char **argv)
{
    double per_second = argc > 1 ? atof(argv[1]) : 10240;
    double seconds = argc > 2 ? atof(argv[2]) : 1;
    double start_s = now_s();
    double leaked = 0;
    while (now_s() - start_s < seconds) {
        wait_a_little();
        size_t drop_bytes = (size_t)((now_s() - start_s) * per_second - leaked);
        memset(malloc(drop_bytes), 1, drop_bytes);
        leaked += (double)drop_bytes;
    }
    double end_s = now_s();
    char *splash = malloc(SPLASH_BYTES);
    memset(splash, 1, SPLASH_BYTES);
    free(splash);
    wait_a_little();
    printf("%.6f %.0f\n", end_s - start_s, leaked);
    return 0;
}
