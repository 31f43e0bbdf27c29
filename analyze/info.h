/* SPDX-License-Identifier: BSD-2-Clause */
/* What `skbox info` found (info.c), for its two renderings (info_text.c). */
#ifndef ANALYZE_INFO_H
#define ANALYZE_INFO_H

#include <stdbool.h>
#include <stdint.h>

#include "formats/buf.h"
#include "formats/event.h"
#include "formats/skbx/skbx.h"

/* Strings are borrowed from info.rows. */
struct info_probe {
	struct ev_str symbol, type, how, reason;
	bool asked; /* there is a row of the inventory about it */
	bool attached;
	bool total; /* the counts are the recorder's own, not counted here */
	uint64_t recorded, lost, skipped, filtered;
	uint64_t runs, run_ns; /* as far as the kernel took their time */
};

struct info {
	const char *name;
	struct ev_batch *rows; /* rows of the inventory; owned */
	struct info_probe *probes;
	uint32_t n_probes;
	bool event_file, finished;
	uint64_t blocks, bytes, damaged;
	uint64_t events, packets, sockets;
	uint64_t lost;
	uint64_t first_ns, last_ns; /* CLOCK_MONOTONIC */
	struct skbx_section_bytes sections[EV_SECTIONS];
};

void info_put_text(const struct info *o, bool blank_line, struct buf *out);
void info_put_json(const struct info *o, struct buf *out); /* one line */

#endif
