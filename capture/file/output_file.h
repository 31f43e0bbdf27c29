/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The event file, or one after the other: each stands alone, with the inventory in front and totals
 * behind. Called by the thread that writes only.
 */
#ifndef CAPTURE_OUTPUT_FILE_H
#define CAPTURE_OUTPUT_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "capture/file/patience.h"
#include "capture/file/rotate.h"
#include "formats/error.h"
#include "formats/event.h"

/* What a probe gave since the recording began, as the recorder counts it. */
struct output_total {
	const char *symbol, *type; /* borrowed as long as there is output */
	uint64_t recorded, lost, skipped, filtered, unattributed, thinned;
	uint64_t runs, run_ns; /* as far as they were measured */
};

struct output_totals {
	struct output_total *v; /* n */
	size_t n;
	uint64_t ids_full, stackless;
	uint64_t own_runs, own_run_ns, window_ns; /* see finish in schema.def */
	uint64_t cpu_ns; /* processor time of the recorder's other processes */
	uint32_t kept;   /* of a million flows, when it was fewest; 0: flows are never left out */
};

struct output_file_options {
	struct rotate_options rotate; /* path "-" is standard output */
	uint64_t min_free;            /* bytes that stay free on the disk; 0: all may be used */
	struct patience *patience;    /* borrowed */
};

struct output_file;

/* Makes the file, or the first of them, and writes its header. */
int output_file_open(struct output_file **f, const struct output_file_options *options,
		     struct skbox_error *err);

/*
 * Writes the batch, in another file where the limit of this one would be passed. -ENOSPC: the disk is
 * full; what was written before is whole. The batch is changed (number of the file in startup).
 */
int output_file_write(struct output_file *f, struct ev_batch *batch,
		      const struct output_totals *totals, struct skbox_error *err);

/* Finishes this file and begins the next; nothing where there is no rotation. */
int output_file_rotate(struct output_file *f, const struct output_totals *totals,
		       struct skbox_error *err);

/* Whether less is free on the disk than is to stay so: a message in err. Until it was said once. */
bool output_file_disk_low(struct output_file *f, struct skbox_error *err);

/* Totals, trailer, fsync. */
int output_file_finish(struct output_file *f, const struct output_totals *totals,
		       const char *reason, struct skbox_error *err);

/* The directory that files of a rotation are made in; -1: this is the only one. */
int output_file_dir(const struct output_file *f);

uint64_t output_file_bytes(const struct output_file *f); /* of all files */

/* What was not finished stays a file without trailer. NULL allowed. */
void output_file_close(struct output_file *f);

#endif
