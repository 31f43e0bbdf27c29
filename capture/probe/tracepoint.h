/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tracepoints of the running kernel that have a packet or a socket among their arguments. The prototypes
 * come from BTF (a typedef btf_trace_NAME for each tracepoint); the
 * groups, which BTF does not have, from tracefs, which is looked at without mounting it anywhere.
 */
#ifndef CAPTURE_TRACEPOINT_H
#define CAPTURE_TRACEPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "capture/probe/arguments.h"
#include "formats/error.h"

struct btf;

struct tracepoint {
	char group[64], name[64];
	struct arguments args;
	uint32_t btf_id; /* of the typedef, for tp_btf programs; 0: of a module, raw_tp only */
};

/* More than a kernel has (1601 in 6.18, 30 of them with a packet). */
enum { TRACEPOINT_MAX = 4096 };

struct tracepoints {
	struct btf *vmlinux; /* owned; also for drop reasons (dropname.h) */
	struct tracepoint *v;
	size_t n;             /* those with a packet or a socket, sorted by group and name */
	const char *btf_path; /* they are from there; NULL: from the kernel itself */
	int events_fd;        /* the folder `events` of tracefs; -1: not readable */
	bool has_groups; /* false: groups are what the kernel's sources say, as far as known here */
};

/*
 * Looks at the kernel. btf: a file with its types, borrowed; NULL: it has them itself. 0, -ENOENT (no
 * BTF: CONFIG_DEBUG_INFO_BTF is not set), -ENOMEM, with err filled. Ended by tracepoints_fini(), which may be given a zeroed struct.
 */
int tracepoints_init(struct tracepoints *t, const char *btf, struct skbox_error *err);
void tracepoints_fini(struct tracepoints *t);

/* The tracepoint group:name; NULL when it has neither or is not there (tracepoints_explain()). */
const struct tracepoint *tracepoints_find(const struct tracepoints *t, const char *group,
					  const char *name);

/* Why tracepoints_find() gave NULL and what would work instead, one line into text. */
void tracepoints_explain(const struct tracepoints *t, const char *group, const char *name,
			 char *text, size_t size);

#endif
