/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What our BPF programs cost. The kernel takes the time of all programs of the host or of none, and
 * that costs each run some 20 to 50 ns: so it is asked to in short windows only.
 */
#ifndef CAPTURE_COST_H
#define CAPTURE_COST_H

#include <stdbool.h>
#include <stdint.h>

#include "capture/probe/probe.h"
#include "formats/error.h"

/* Of a probe's program: in all windows, and what the kernel said when the last one opened. */
struct cost_probe {
	uint64_t runs, run_ns;
	uint64_t from_runs, from_ns;
};

struct cost {
	const struct probes *probes; /* borrowed */
	struct cost_probe *v;        /* as many as there are probes; owned */
	int fd;                      /* while it is open the kernel takes the time; -1: no window */
	bool asked;                  /* for such a descriptor, and it has not come yet */
	uint64_t begin;              /* of the window that is open */
	uint64_t next;               /* when the next one opens, or this one closes */
	uint64_t time_ns;            /* of all windows so far */
	uint64_t period_ns;          /* from one window to the next */
};

/* often: what was measured is acted on. 0 or -ENOMEM. Ended by cost_fini(). */
int cost_init(struct cost *c, const struct probes *probes, bool often);
void cost_fini(struct cost *c);

/* What is measured happens from now on, CLOCK_MONOTONIC in nanoseconds: the first window is soon. */
void cost_start(struct cost *c, uint64_t now);

/*
 * Closes the window where it is time. True, once: it is time to open one, by cost_open() with what
 * cost_enable() gave, maybe in another process; when none ever comes costs are not known.
 */
bool cost_step(struct cost *c, uint64_t now);

/* Makes the kernel take times as long as the descriptor is open. It, or a negative errno: -EPERM. */
int cost_enable(void);

/* Opens a window; the descriptor is taken over. */
void cost_open(struct cost *c, int fd, uint64_t now);

/* Closes the window that is open: no other opens. */
void cost_stop(struct cost *c, uint64_t now);

#endif
