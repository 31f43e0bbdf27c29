/* SPDX-License-Identifier: BSD-2-Clause */
/* What `skbox info` found (info_collect.c), for its two renderings (info_text.c), and for `skbox report`. */
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

enum {
	INFO_RECENT = 16,
	INFO_SEEN = 65536, /* a power of two, more than rows are kept */
	INFO_ROWS_BYTES = 8 << 20, /* of kept rows: what a host has in devices and probes is far less */
};

struct info {
	const char *name; /* of the input; NULL: it is not told */
	struct ev_batch *rows; /* rows of the inventory; owned */
	struct info_probe *probes;
	uint32_t n_probes;
	bool event_file, finished;
	bool chosen; /* the events are a part of the input's: its size says nothing of them */
	uint64_t blocks, bytes, damaged;
	uint64_t events, packets, sockets;
	uint64_t lost;
	uint64_t first_ns, last_ns; /* CLOCK_MONOTONIC */
	struct skbx_section_bytes sections[EV_SECTIONS];
	int64_t offset_ns; /* of the newest clock row that was no kept row */
	bool has_offset;
	uint64_t *seen; /* hashes of kept rows, INFO_SEEN; NULL until the first; 0: free; owned */
	struct buf row;
	/* probes of this batch, by the ids of their strings: most events are of a few */
	struct {
		uint64_t key;
		uint32_t probe; /* index + 1; 0: free */
	} recent[INFO_RECENT];
};

struct source_status;

int info_init(struct info *o); /* 0 or -ENOMEM; ended by info_fini() in any case */
void info_fini(struct info *o);

/* ---- of an input that is read event by event ---- */

void info_batch(struct info *o);                       /* a new batch begins */
void info_event(struct info *o, const struct ev *ev);  /* rows of the recording, too */
void info_end(struct info *o, const struct source_status *status);

/* ---- of what says itself how many events it has ---- */

void info_keep(struct info *o, const struct ev *ev); /* a row of the inventory */
void info_take_totals(struct info *o);               /* behind the last of them */

/*
 * The facts of the recording as the text shows them, "LABEL\0TEXT\n" each; TEXT is for any terminal. Without probes and
 * interfaces.
 */
void info_put_facts(const struct info *o, struct buf *out);
void info_put_text(const struct info *o, bool blank_line, struct buf *out);
void info_put_json(const struct info *o, struct buf *out); /* one line */

#endif
