/* SPDX-License-Identifier: BSD-2-Clause */
/* Waiting at the end of a file that grows, until there is more of it or the user has enough. */
#ifndef ANALYZE_SOURCE_FOLLOW_H
#define ANALYZE_SOURCE_FOLLOW_H

#include <stdbool.h>

struct source_follow;

/*
 * Watches the folder of that file. From now on SIGINT and SIGTERM end the waiting, not the program.
 * NULL: out of memory.
 */
struct source_follow *source_follow_new(const char *path);
void source_follow_free(struct source_follow *f); /* NULL is fine; signals are as they were */

/* Waits until something changed in the folder, or some time has passed: true; false: the user has enough. */
bool source_follow_wait(struct source_follow *f);

/* Whether a signal has come. */
bool source_follow_stopped(void);

#endif
