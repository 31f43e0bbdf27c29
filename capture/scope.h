/* SPDX-License-Identifier: BSD-2-Clause */
/* --scope: which namespace or cgroup the recording is about. */
#ifndef CAPTURE_SCOPE_H
#define CAPTURE_SCOPE_H

#include <stdint.h>

#include "bpf/event.h"
#include "capture/config/config.h"
#include "formats/error.h"

/* As in struct probe_config. */
struct scope_place {
	enum scope kind;
	uint32_t inum;
	uint64_t id;
};

/*
 * The namespace: that of --netns, else ours. The cgroup (version 2): ours. A command has both from us.
 * 0; -ENOENT: there is no such namespace, or no cgroup of version 2; another negative errno.
 */
int scope_find(const struct config *c, struct scope_place *s, struct skbox_error *err);

#endif
