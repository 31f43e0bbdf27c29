/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The event file, format 1 (FORMAT.md): writing batches of events to it and reading them back.
 * Nothing here opens files: bytes go out and come in through callbacks, so that everything also
 * works on pipes and on memory.
 */
#ifndef FORMATS_SKBX_H
#define FORMATS_SKBX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "formats/error.h"
#include "formats/event.h"

enum { SKBX_ID_BYTES = 8, SKBX_HEADER_BYTES = 64 };

/* ---- writing ---- */

struct skbx_output {
	/* Writes all of it: 0, or a negative errno, after which the writer only fails. */
	int (*write)(void *ctx, const void *data, size_t len);
	void *ctx;
};

struct skbx_write_options {
	uint8_t id
		[SKBX_ID_BYTES]; /* random, of this file alone: what tells its blocks from forged ones */
	int level;               /* zstd level; 0: the default, 3 */
};

/* As many events a writer of this level puts into a block, where it is given so many at once. */
uint32_t skbx_block_events(int level);

struct skbx_writer;

/*
 * Starts a file: its header goes out at once. 0, or a negative errno with err filled.
 * The writer is freed by skbx_writer_free(), closed or not.
 */
int skbx_writer_open(struct skbx_writer **w, const struct skbx_output *out,
		     const struct skbx_write_options *options, struct skbox_error *err);

/*
 * Writes the events of the batch, in their order, as one block or more; when it returns 0 the bytes
 * went through the output. An empty batch writes nothing. Rows of the inventory (startup, host,
 * clock, iface, nsinfo, probe, dropname, total, finish, input) are remembered and repeated by the writer.
 * -E2BIG: an event fits into no block; those before it were written, and the writer can go on.
 */
int skbx_write(struct skbx_writer *w, const struct ev_batch *batch, struct skbox_error *err);

/* Bytes that went out so far. */
uint64_t skbx_written(const struct skbx_writer *w);

/* Trailer and seek table. Without it a file is one that was not finished: readable all the same. */
int skbx_writer_close(struct skbx_writer *w, struct skbox_error *err);
void skbx_writer_free(struct skbx_writer *w);

/* ---- reading ---- */

struct skbx_input {
	/*
	 * Up to len bytes at `offset`: their number, 0 at the end, or a negative errno. A pipe is asked
	 * with rising offsets only, without gaps.
	 */
	ssize_t (*read)(void *ctx, void *p, size_t len, uint64_t offset);
	void *ctx;
	int64_t size; /* -1: not known, and no going back (a pipe) */
};

/* What a block's header tells without decompressing the block. */
struct skbx_summary {
	uint64_t offset;            /* of the block in the file */
	uint32_t seq;               /* number of the block, from 0 */
	uint8_t type;               /* SKBX_EVENTS, ... */
	uint64_t events;            /* rows of any kind */
	uint64_t packets, sockets;  /* of them: with a kernel section; with a diag section */
	uint32_t raw_bytes, bytes;  /* of the data, decompressed and compressed */
	uint64_t first_ns, last_ns; /* smallest and largest time */
	uint64_t lost;          /* events lost in the whole recording up to the end of this block */
	uint64_t probes, drops; /* sketches: bit skbx_sketch() of each symbol, each reason */
	const uint8_t *
		flows; /* sketch of addresses and ports; borrowed until the next read; NULL: none */
	uint32_t flows_bytes;
};

enum skbx_block_type { SKBX_EVENTS = 1, SKBX_KEY = 2, SKBX_INVENTORY = 3, SKBX_TRAILER = 4 };

/* The bit of a name in summary.probes and summary.drops. */
uint64_t skbx_sketch(const void *name, size_t len);
/* Whether an address (4 or 16 bytes) or a port (2 bytes, big-endian) may be in a block; true when it does not say. */
bool skbx_flow_maybe(const struct skbx_summary *s, const void *bytes, size_t len);

struct skbx_reader;

struct skbx_read_options {
	/* Damage: called once a damaged place, with its offset; reading goes on. May be NULL. */
	void (*damage)(void *ctx, const struct skbox_error *what);
	/* Whether a block is wanted; NULL: all. Blocks of the inventory are not asked about. */
	bool (*want)(void *ctx, const struct skbx_summary *summary);
	void *ctx;
	uint64_t
		sections; /* EV_SECTION_BIT()s to decode; 0: all. Rows of other sections do not appear */
};

/* Counters of a reader; all of them also count while reading goes on. */
struct skbx_status {
	uint64_t blocks, events; /* read (or, with want, skipped) whole */
	uint64_t blocks_skipped; /* by want */
	uint64_t damaged;        /* places */
	uint64_t unknown;        /* columns and block types of a newer format that were left out */
	bool finished;           /* trailer and seek table seen */
	uint64_t bytes;          /* read */
	uint16_t version;        /* format version of the file */
	uint8_t id[SKBX_ID_BYTES];
};

/*
 * Reads the file header. -EPROTO with err filled: this is not an event file (or its beginning is
 * damaged beyond recognition). The reader is freed by skbx_reader_free().
 */
int skbx_reader_open(struct skbx_reader **r, const struct skbx_input *in,
		     const struct skbx_read_options *options, struct skbox_error *err);

/* Whether bytes begin an event file (needs 64). */
bool skbx_recognize(const void *p, size_t len);

/*
 * The next block's events into batch (cleared first): 1; 0 at the end; a negative errno (input error,
 * no memory) with err filled. What is damaged is told to options.damage and skipped.
 */
int skbx_read(struct skbx_reader *r, struct ev_batch *batch, struct skbox_error *err);

/* The header of the block that skbx_read() returned last. */
const struct skbx_summary *skbx_read_summary(const struct skbx_reader *r);
const struct skbx_status *skbx_read_status(const struct skbx_reader *r);

/* Bytes of each section, in memory and after compression (estimated from the block's ratio). */
struct skbx_section_bytes {
	uint64_t rows, raw, bytes;
};

/* What `info` shows, from header and trailer alone where there is a trailer; else by walking the headers. */
struct skbx_info {
	struct ev_batch *inventory; /* owned; rows of the inventory, newest last */
	struct skbx_summary all;    /* of all blocks together: events, times, lost, sketches */
	uint64_t blocks;
	bool finished;
	uint64_t file_bytes;
	struct skbx_section_bytes sections[EV_SECTIONS]; /* zeros without a trailer */
};

/* Needs an input of known size (else -ESPIPE). */
int skbx_info(const struct skbx_input *in, struct skbx_info *info, struct skbox_error *err);
void skbx_info_free(struct skbx_info *info);

void skbx_reader_free(struct skbx_reader *r);

#endif
