/* SPDX-License-Identifier: BSD-2-Clause */
/* From the records of the rings to rows of a batch. */
#ifndef CAPTURE_CONVERT_H
#define CAPTURE_CONVERT_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/event.h"
#include "capture/probe/dropname.h"
#include "capture/facts.h"
#include "formats/event.h"

enum { CONVERT_NAMES = 64 };

/* A name that was put into the batch lately: most records repeat it. */
struct convert_name {
	uint64_t raw[2];
	struct ev_str str;
	bool set;
};

struct convert_probe {
	const char *symbol, *type; /* borrowed */
	struct facts_place place;
	uint8_t ret_bytes; /* of the value that a function returns */
	bool ret_signed;
	struct ev_str symbol_str, type_str;
	bool set;
};

struct convert {
	struct convert_probe *probes; /* owned, by probe id */
	uint32_t n_probes;
	struct ev_batch *batch;
	struct convert_name comm[CONVERT_NAMES], dev[CONVERT_NAMES];
	struct dropnames *drops; /* borrowed */
	uint32_t hz;             /* ticks of the kernel a second; 0: not known */
	/* the stack of that number as a list of the batch; NULL: there are none */
	bool (*stack_of)(void *ctx, struct ev_batch *b, int32_t id, struct ev_list *list);
	void *stack_ctx;
};

/* False when out of memory. */
bool convert_init(struct convert *c, uint32_t n_probes, struct dropnames *drops);
void convert_fini(struct convert *c);

/* What events of probe `id` are called; the strings are borrowed. The rest is for the caller to set, NULL:
 * there is no such probe. */
struct convert_probe *convert_set_probe(struct convert *c, uint32_t id, const char *symbol,
					const char *type);

/* The batch that records go into from now on; to be called after each clear, too. */
void convert_set_batch(struct convert *c, struct ev_batch *b);

/*
 * Adds one event. A drop reason that is new to the recording adds a row of the inventory before it.
 * False: the record is of no probe; nothing was added.
 */
bool convert_record(struct convert *c, const struct record *r);

#endif
