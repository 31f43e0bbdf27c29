/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * --max-cpu: how many of the flows are recorded, so that recording takes no more than its share of a
 * processor. What it takes is the time of the recorder's processes and that of the BPF programs, which
 * is known from the windows of capture/cost.h; where the kernel does not tell, from the number of runs.
 * Flows are left out by hash in the kernel (bpf/thin.h).
 */
#ifndef CAPTURE_THIN_H
#define CAPTURE_THIN_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/event.h"
#include "formats/event.h"

struct thin {
	volatile struct thin_bound *bound; /* mapped; NULL: nothing is ever left out */
	double limit;                      /* of a processor: 1 is all of one */
	double load;                       /* as of the last step */
	double bpf;                        /* of it that of the programs, as last measured */
	uint32_t least;                    /* the smallest bound so far */
	uint64_t now_ns, cpu_ns, runs, run_ns, window_ns; /* as of the last step; now_ns 0: none */
};

/* What was taken since the recording began. */
struct thin_cost {
	uint64_t cpu_ns;            /* of all processes of the recorder */
	uint64_t runs;              /* of probes, whatever became of them */
	uint64_t run_ns, window_ns; /* of programs, in windows; window_ns 0: not known */
};

/* percent: of one processor; 0: no limit, and bound is not looked at. */
void thin_init(struct thin *t, uint32_t percent, volatile struct thin_bound *bound);

/* Looks what it cost since the last step, each some 450 ms. True: the bound is another one now. */
bool thin_step(struct thin *t, uint64_t now_ns, const struct thin_cost *cost);

/* A row that says how much is kept since then: the time of the step that changed it, not of the row. */
void thin_add_row(const struct thin *t, struct ev_batch *b, uint64_t since_ns);

/* A bound as so many of a million flows. */
uint32_t thin_millionths(uint32_t bound);

#endif
