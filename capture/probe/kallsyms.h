/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernel's functions and their addresses: /proc/kallsyms. */
#ifndef CAPTURE_KALLSYMS_H
#define CAPTURE_KALLSYMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "formats/error.h"

struct kallsym {
	uint64_t address;
	uint32_t name; /* offset in names */
};

struct kallsyms {
	struct kallsym *v; /* functions, by address */
	size_t n;
	char *names; /* the file; names end with NUL */
	size_t bytes;
};

/*
 * Reads the file. -EPERM: the kernel hides the addresses from us (kernel.kptr_restrict, CAP_SYSLOG);
 * names can be looked for all the same. Ended by kallsyms_fini(), which takes a zeroed one, too.
 */
int kallsyms_init(struct kallsyms *k, struct skbox_error *err);
void kallsyms_fini(struct kallsyms *k);

bool kallsyms_has(const struct kallsyms *k, const char *name);

/* A function that is looked for. */
struct kallsym_wanted {
	const char *name;
	size_t index;     /* the caller's */
	uint64_t address; /* of the last one that was found */
	uint32_t found;   /* how many have the name, at different addresses */
};

/* Looks for many at once, and sorts them by name. */
void kallsyms_resolve(const struct kallsyms *k, struct kallsym_wanted *v, size_t n);

/* `symbol+0xoffset` of an address, or `0xaddress` where no function is near, into text. */
void kallsyms_describe(const struct kallsyms *k, uint64_t address, char *text, size_t size);

#endif
