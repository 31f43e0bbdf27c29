/* SPDX-License-Identifier: BSD-2-Clause */
/* From planned probes to programs in the kernel: maps, templates, copies with constants. */
#ifndef CAPTURE_PROBE_LOAD_H
#define CAPTURE_PROBE_LOAD_H

#include <unistd.h>

#include "capture/probe.h"

/* Makes the rings and loads the templates, for the probes that p has now. */
int probes_load(struct probes *p, const struct probe_options *o, struct skbox_error *err);

/* Loads a copy for the probe and attaches it. 0, or a negative errno with probe->reason set. */
int probe_start(struct probes *p, struct probe *probe, const struct probe_options *o);

/* The data of a packet may be freed behind this tracepoint. */
bool probe_is_end(const struct tracepoint *tp);

static inline void probe_close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

#endif
