/* SPDX-License-Identifier: BSD-2-Clause */
/* Functions of the kernel and its modules that can be probed, with their arguments, from BTF. */
#ifndef CAPTURE_FUNCTION_H
#define CAPTURE_FUNCTION_H

#include <stddef.h>

#include "capture/probe/arguments.h"

struct btf;

enum { FUNCTION_NAME_MAX = 128 /* KSYM_NAME_LEN was that until 6.1 */ };

struct function {
	char name[FUNCTION_NAME_MAX];
	struct arguments args;
	uint32_t btf_id; /* in vmlinux; 0: of a module */
};

/* 0; -ENOENT: no type information has such a function. */
int function_find(struct btf *vmlinux, const char *name, struct function *f);

/*
 * Calls found() for each function that matches the pattern (fnmatch(3)) and has an argument that is
 * of use, until it does not return 0. What it returned, or -ENOMEM.
 */
int function_match(struct btf *vmlinux, const char *pattern,
		   int (*found)(void *ctx, const struct function *f), void *ctx);

#endif
