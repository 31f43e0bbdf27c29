/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kprobe.multi: one link that runs a program at many functions (0dcac2725406, 5.18; it needs
 * CONFIG_FPROBE). Attaching takes as long as one patching of the kernel's text, whatever their number.
 */
#ifndef CAPTURE_MULTI_H
#define CAPTURE_MULTI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct multi_target {
	const char *name; /* borrowed */
	uint64_t address; /* 0: not known, the kernel looks for the name */
	uint64_t cookie;  /* what the program is told */
	int error;        /* 0: attached; or a negative errno, see multi_explain() */
};

struct multi {
	int events_fd;  /* borrowed: the folder `events` of tracefs, -1: not readable */
	bool has_list;  /* names of functions that can be probed */
	char *list;     /* owned; NULL: not read, or not readable */
	size_t n_bytes; /* of it */
	int *links;     /* owned */
	size_t n_links;
};

/* Whether the kernel has it; tried with a link that cannot be. */
bool multi_is_offered(void);

/*
 * Attaches a program (of expected attach type BPF_TRACE_KPROBE_MULTI) to the targets' entry or
 * return. Targets with an error already are left out; those that cannot be probed get theirs.
 * 0, or -ENOMEM.
 */
int multi_attach(struct multi *m, int prog_fd, bool is_return, struct multi_target *v, size_t n);

/* What a target's error means. */
const char *multi_explain(int error);

/* Detaches all. */
void multi_stop(struct multi *m);

#endif
