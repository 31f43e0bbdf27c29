/* SPDX-License-Identifier: BSD-2-Clause */
/* Functions of the kernel and its modules that can be probed, with their arguments, from BTF. */
#ifndef CAPTURE_FUNCTION_H
#define CAPTURE_FUNCTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "capture/probe/arguments.h"

struct btf;

enum {
	FUNCTION_NAME_MAX = 128,  /* KSYM_NAME_LEN was that until 6.1 */
	FUNCTION_MODULE_MAX = 56, /* MODULE_NAME_LEN */
};

struct function {
	char name[FUNCTION_NAME_MAX];
	char module[FUNCTION_MODULE_MAX]; /* empty: vmlinux */
	struct arguments args;
	uint32_t btf_id; /* in the types of vmlinux, or of the module */
};

struct function_module {
	char name[FUNCTION_MODULE_MAX];
	struct btf *btf;
};

/* Where functions are looked for. Types of modules are read when they are first needed. */
struct functions {
	struct btf *vmlinux;             /* borrowed */
	struct function_module *modules; /* owned */
	size_t n;
	bool has_modules; /* they were read */
};

void functions_init(struct functions *f, struct btf *vmlinux);
void functions_fini(struct functions *f);

/* 0; -ENOENT: no type information has such a function; -ENOMEM. */
int function_find(struct functions *all, const char *name, struct function *f);

/*
 * Calls found() for each function that matches the pattern (fnmatch(3)) and has an argument that is
 * of use, until it does not return 0. What it returned, or -ENOMEM.
 */
int function_match(struct functions *all, const char *pattern,
		   int (*found)(void *ctx, const struct function *f), void *ctx);

/* Whether the kernel or a module that is loaded tells what is in a struct. */
bool functions_know_struct(struct functions *all, const char *name);

/*
 * The kernel's own object with the types of a module, which a program that is for a function of the
 * module is loaded with: a descriptor that the caller closes, or a negative errno.
 */
int function_open_module(const char *module);

#endif
