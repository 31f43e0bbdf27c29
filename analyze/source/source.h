/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Events from whatever was given: event files, Retis files, packet files; several inputs are one
 * stream, in the order of the command line. Damage is told on standard error once a place, counted,
 * and passed over.
 */
#ifndef ANALYZE_SOURCE_H
#define ANALYZE_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "formats/error.h"
#include "formats/event.h"
#include "formats/skbx/skbx.h"
#include "formats/skbx/skbx_packed.h"

/* Whether progress is shown on standard error, where that is a terminal and reading takes long. */
enum source_progress {
	SOURCE_QUIET,
	SOURCE_PROGRESS_PIPED, /* the output goes to standard output: not when that is a terminal */
	SOURCE_PROGRESS,
};

struct source_options {
	/* Whether a block of an event file is wanted at all; NULL: all. Other formats have no blocks. */
	bool (*want)(void *ctx, const struct skbx_summary *summary);
	void *ctx;
	uint64_t sections; /* EV_SECTION_BIT()s that are looked at; 0: all */
	enum source_progress progress;
	/*
	 * The one input grows, or is of a rotated set whose next files are still to come: source_next() waits
	 * at its end, and gives out what there is before it waits. It ends with the recording, or by SIGINT.
	 */
	bool follow;
	/*
	 * Takes the reports of damage instead of standard error; unit is what offsets count, "offset" or
	 * "line". NULL: standard error.
	 */
	void (*damage)(void *ctx, const struct skbox_error *what, const char *unit);
	/*
	 * Sees each batch before source_next() gives it out: 0, or a negative errno with the message already
	 * on standard error, which source_next() returns. NULL: nobody.
	 */
	int (*batch)(void *ctx, const struct ev_batch *batch);
	bool verbose; /* source_finish() tells how many blocks were skipped */
};

struct source_status {
	uint64_t events;       /* given out */
	uint64_t bytes;        /* read from the inputs */
	uint64_t damaged;      /* places passed over */
	uint64_t unknown_keys; /* of JSON inputs, left out */
	uint64_t unknown;      /* columns and blocks of a newer format, left out */
	uint32_t unfinished;   /* event files without an end */
	uint32_t event_files;  /* inputs that were event files */
	uint64_t blocks;       /* of them, read or skipped whole */
	uint64_t skipped;      /* of those blocks, not wanted */
	bool sorted;           /* the input being read holds series (see source_series()) */
	uint32_t n_inputs;     /* opened so far; the events given out last are from the newest */
};

/* One of the inputs, a file of a rotated set too. */
struct source_input {
	uint8_t id[SKBX_ID_BYTES];
	bool has_id;   /* it is an event file */
	bool finished; /* with its end; known behind its last events */
	uint64_t rows; /* read, or skipped by their blocks' summaries */
	uint64_t damaged;
};

struct source;

/*
 * inputs: paths, "-" for standard input; n 0 is standard input too. "F.." reads F and the files of
 * its rotated set behind it (F ends in a number). The words are borrowed. 0, or a negative errno with
 * the message already on standard error.
 */
int source_open(struct source **s, const struct source_options *options, char *const *inputs,
		size_t n);

/*
 * The next events: 1, with *batch borrowed until the next call; 0 at the end; a negative errno with
 * the message already on standard error. A batch is never empty.
 */
int source_next(struct source *s, struct ev_batch **batch);

/*
 * Blocks of event files that hold packets and sockets alone may stay packed from now on, where the
 * input is not sorted: source_next() is then SOURCE_PACKED, without a batch and without options.batch, and
 * source_take_packed() has the block. Before the source tells of damage, and before it leaves an input, it
 * calls settle: when that returns, what was taken is decoded. NULL: no longer.
 */
enum { SOURCE_PACKED = 2 };
void source_keep_packed(struct source *s, void (*settle)(void *ctx), void *ctx);
/* That block, now the caller's; the source fills `other` next, which becomes its own. */
struct skbx_packed *source_take_packed(struct source *s, struct skbx_packed *other);
/* A block that turned out damaged: told and counted, in any thread, before settle returns. */
void source_packed_damage(struct source *s, const struct skbx_packed *block,
			  const struct skbox_error *what);

/* The batch given out last, now the caller's; the source fills `other` next, which becomes its own. */
struct ev_batch *source_take(struct source *s, struct ev_batch *other);

/*
 * Whether one of the inputs is the file at this path, of whatever name: an output must not replace what is
 * read. True with the message already on standard error.
 */
bool source_reads(const struct source *s, const char *path);

/*
 * Opens the files that these words name, so that source_open() needs no right to open any more. False: it
 * does, for there are more than can be open at once, or pipes, or the whole of a rotated set ("F..").
 */
bool source_keep(char *const *inputs, size_t n);

const struct source_status *source_status(const struct source *s);
/* status.n_inputs of them, borrowed until the next source_next(). */
const struct source_input *source_inputs(const struct source *s);

/* Whether an event of a sorted stream is the first of its series. */
static inline bool source_series(const struct ev *ev)
{
	return !ev->tracking || ev->tracking->first;
}

/* Notes about what was read, and the exit code that follows from it: 0, or 3 when something was damaged. */
int source_finish(struct source *s);
void source_close(struct source *s); /* NULL is fine */

/* ---- for the readers of single formats, source_*.c ---- */

struct input;

/* What a format has to do. */
struct source_format {
	/* self is freed by close(). 0, or a negative errno with err filled. */
	int (*open)(struct source *s, struct input *in, void **self, struct skbox_error *err);
	/*
	 * Appends events to the batch, which is empty: 1 (also with none); SOURCE_PACKED: source_packed() has
	 * a block instead; 0 at the end; negative errno.
	 */
	int (*next)(void *self, struct ev_batch *batch, struct skbox_error *err);
	void (*close)(void *self);
	/* Whether the input says that nothing follows; NULL: it cannot. */
	bool (*finished)(void *self);
	/* How error offsets count: "offset" or "line". */
	const char *unit;
};

extern const struct source_format source_skbx, source_retis, source_pcap;

/* To be filled with the next block, if it may stay packed; NULL: decode it. */
struct skbx_packed *source_packed(struct source *s);
/* Until all that was taken is decoded: before what those who decode may change is used. */
void source_settle(struct source *s);

/* Tells a damaged place of the current input and counts it. */
void source_damage(struct source *s, const struct skbox_error *what);
struct source_status *source_counters(struct source *s);
struct source_input *source_current(struct source *s); /* valid until the next one is opened */
const struct source_options *source_options(const struct source *s);

#endif
