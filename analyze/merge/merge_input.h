/* SPDX-License-Identifier: BSD-2-Clause */
/* The inputs of a merge: each looked at first, then the files of one recording put behind each other. */
#ifndef ANALYZE_MERGE_INPUT_H
#define ANALYZE_MERGE_INPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "analyze/merge/merge_clock.h"
#include "analyze/provenance.h"
#include "analyze/source/source.h"
#include "formats/event.h"

/* Recordings that are read at the same time: each holds a batch, 10 MiB or so. */
enum { MERGE_RECORDINGS_MAX = 64 };

/* What an input says of itself. */
struct merge_input {
	char *word;   /* of the command line; borrowed */
	int clock;    /* index in the clocks */
	bool is_file; /* can be opened again */
	bool has_split;
	uint32_t split; /* number in a rotated set */
	uint64_t first_ns;
	char *cmdline;         /* owned; NULL: none */
	struct source *source; /* of a pipe: open, with its first batch */
	struct ev_batch *batch;
};

struct merge_recording {
	char **words; /* n_words; owned, but not the words */
	size_t n_words;
	const struct merge_clock *clock;
	struct source *source;
	struct ev_walk walk;
	struct ev ev;
	bool has_event;  /* ev is the next one */
	uint64_t key_ns; /* the latest time so far: a recording keeps its own order */
	uint64_t last_ns, damaged;
	struct provenance_list provenance;
};

struct merge_inputs {
	struct merge_clocks clocks;
	struct merge_input *v;
	uint32_t n;
	struct merge_recording recordings[MERGE_RECORDINGS_MAX];
	uint32_t n_recordings;
};

/* 0, or a negative errno with the message already on standard error. */
int merge_inputs_open(struct merge_inputs *m, char *const *words, size_t n);
void merge_inputs_close(struct merge_inputs *m); /* a zeroed one is fine */

/*
 * The next event of a recording into r->ev, has_event false at its end. 0, or a negative errno with the
 * message already on standard error. *fresh: it begins a batch.
 */
int merge_recording_next(struct merge_recording *r, bool *fresh);

#endif
