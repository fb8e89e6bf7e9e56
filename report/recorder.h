/* SPDX-License-Identifier: BSD-2-Clause */
/* recorder.h -- How a program comes to be recorded: by its environment. */
#ifndef MEMTRACE_RECORDER_H
#define MEMTRACE_RECORDER_H

/* The template of the trace's path, absolute, to be freed; NULL when out of memory. template NULL:
 * MEMTRACE_OUTPUT or the default. */
char *recorder_output(const char *template);

/* To be called in the child that becomes the program: preloads the recorder. */
void recorder_prepare(const char *library, const char *output);

#endif
