/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names of drop reasons, from the enums in the running kernel's BTF. The high 16 bits of a reason
 * are its sub-system (include/net/dropreason.h, 071c0fc6fb91, 6.4).
 */
#ifndef CAPTURE_DROPNAME_H
#define CAPTURE_DROPNAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct btf;

struct dropname {
	uint32_t value;
	const char *subsys; /* NULL: the core's */
	const char *name;
	bool told; /* for the caller: it is in the file's inventory */
};

/* Modules whose BTF may have the enum of their sub-system's reasons. */
enum { DROPNAMES_MODULES = 2 };

/* A table of this many reasons seen; more are named each time anew (counts are limited by enums: about 200). */
enum { DROPNAMES_MAX = 1024 };

struct dropnames {
	struct btf *btf;                        /* borrowed */
	struct btf *modules[DROPNAMES_MODULES]; /* owned; NULL: not loaded, or without types */
	struct dropname *v;                     /* owned, with its strings */
	size_t n;
	struct dropname spare; /* when the table is full */
};

/*
 * btf: the kernel's, borrowed until dropnames_fini(). The types of modules that are loaded by now are
 * read here, for later there may be no right to.
 */
void dropnames_init(struct dropnames *d, struct btf *btf);
void dropnames_fini(struct dropnames *d);

/*
 * The name of a reason: as Retis shows it, SKB_DROP_REASON_ stripped for the core, whole for other
 * sub-systems, the number where there is no name. Valid until the next call; NULL when out of memory.
 */
struct dropname *dropnames_get(struct dropnames *d, uint32_t value);

#endif
