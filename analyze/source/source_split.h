/* SPDX-License-Identifier: BSD-2-Clause */
/* Names of rotated sets: FILE.0, FILE.1, ... */
#ifndef ANALYZE_SOURCE_SPLIT_H
#define ANALYZE_SOURCE_SPLIT_H

#include <stdbool.h>
#include <stdint.h>

/* Files of one set at most: a chain of names must end. */
enum { SOURCE_SPLIT_MAX = 1000000 };

/*
 * The lowest number N, not below `from`, of which there is a file "BASEN", where base ends with a dot:
 * of a set whose oldest files were removed. False: none.
 */
bool source_split_lowest(const char *base, uint32_t from, uint32_t *id);

/*
 * "retis.data.3.." is a set: its base "retis.data.", which is the caller's then, and 3; "retis.data..": from
 * the lowest on. False: it is none.
 */
bool source_split_parse(const char *path, char **base, uint32_t *id);

/* The set of which FILE.N is, in the same way. */
bool source_split_of(const char *path, char **base, uint32_t *id);

/*
 * Keeps the files of "F.N.." from N on open, as input_keep() does. False: that failed, or it is not known which
 * they are.
 */
bool source_split_keep(const char *word);

#endif
