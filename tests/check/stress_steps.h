/* SPDX-License-Identifier: BSD-2-Clause */
/* stress_steps.h -- Lets other threads in at every atomic step of the recorder.
 *
 * Included before everything else in the sources of preload/ when they are compiled for
 * stress_threads.c. Its locks are made of such steps, too. A macro is not expanded in itself. */
#ifndef MEMTRACE_STRESS_STEPS_H
#define MEMTRACE_STRESS_STEPS_H

void stress_step(void);

#define __atomic_load_n(...) (stress_step(), __atomic_load_n(__VA_ARGS__))
#define __atomic_store_n(...) (stress_step(), __atomic_store_n(__VA_ARGS__))
#define __atomic_exchange_n(...) (stress_step(), __atomic_exchange_n(__VA_ARGS__))
#define __atomic_compare_exchange_n(...) (stress_step(), __atomic_compare_exchange_n(__VA_ARGS__))
#define __atomic_fetch_add(...) (stress_step(), __atomic_fetch_add(__VA_ARGS__))
#define __atomic_fetch_sub(...) (stress_step(), __atomic_fetch_sub(__VA_ARGS__))
#define __atomic_fetch_or(...) (stress_step(), __atomic_fetch_or(__VA_ARGS__))
#define __atomic_fetch_and(...) (stress_step(), __atomic_fetch_and(__VA_ARGS__))
#define __atomic_add_fetch(...) (stress_step(), __atomic_add_fetch(__VA_ARGS__))
#define __atomic_sub_fetch(...) (stress_step(), __atomic_sub_fetch(__VA_ARGS__))

#endif
