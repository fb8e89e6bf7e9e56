/* SPDX-License-Identifier: BSD-2-Clause */
/* frames.h -- What keeps the compiler from removing the stack frames that a benchmark is about. */
#ifndef BENCHMARKS_FRAMES_H
#define BENCHMARKS_FRAMES_H

#define NOINLINE __attribute__((noinline))

/* After the call that a function is about: the call cannot become a jump. */
#define STAY __asm__ volatile("" ::: "memory")

/* Frames have different sizes in real programs. */
#define ROOM(bytes)                                                                                \
    char room[bytes];                                                                              \
    __asm__ volatile("" ::"r"(room) : "memory")

/* The compiler must believe that somebody looks at the block. */
#define ESCAPE(block) __asm__ volatile("" : "+r"(block)::"memory")

#endif
