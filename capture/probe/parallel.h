/* SPDX-License-Identifier: BSD-2-Clause */
/* Many calls that wait, for the kernel mostly, done side by side. */
#ifndef CAPTURE_PARALLEL_H
#define CAPTURE_PARALLEL_H

#include <stddef.h>

/*
 * Calls run(ctx, i) for each i below n, from several threads at a time, and returns when all are
 * done. Where threads cannot be made there are fewer; the calls happen all the same.
 */
void parallel_run(size_t n, void (*run)(void *ctx, size_t i), void *ctx);

#endif
