/* SPDX-License-Identifier: BSD-2-Clause */
/* The rows that a block is decoded into, and values on their way into them; of block_decode.c only. */
#ifndef FORMATS_BLOCK_ROWS_H
#define FORMATS_BLOCK_ROWS_H

#include "formats/skbx/block_code.h"

struct block_decoding {
	struct block_coder *c;
	struct ev_batch *b;
	const struct block_dict *key;
	uint64_t sections, time_base;
	uint64_t seen[EV_SECTIONS];       /* fields whose column was read */
	uint64_t somewhere[EV_SECTIONS];  /* fields that a row has */
	uint64_t everywhere[EV_SECTIONS]; /* fields that all rows have */
	uint64_t known[EV_SECTIONS];      /* fields of our table */
	uint32_t rows[EV_SECTIONS];       /* that there are, or will be */
	uint32_t n, n_runs; /* n_runs: of events of one shape, see c->run_ends */
	uint64_t *unknown;
	struct skbox_error *err;
};

/* Sets err. -EPROTO. */
int block_bad(struct skbox_error *err, const char *what);

/*
 * Gives every event of an empty batch its sections, from c->shape_of, and finds which rows and fields there are.
 * 0, -EPROTO, -ENOMEM.
 */
int block_find_rows(struct block_decoding *d);

/*
 * Makes the rows of a section, with their masks; other members are zero. To be called before the first of its
 * columns and not for all sections at once: rows of 8,192 events are more than a core's own cache holds, and of one
 * section they are not. Then a second call does nothing. 0 or -ENOMEM.
 */
int block_begin_section(struct block_decoding *d, int s);

/* Where a string of the key stands that no row has needed yet: a small block uses few of a large key. */
extern const char block_of_key[1];

/* String `id` of the block, in memory of the batch. 0, -EPROTO, -ENOMEM. */
int block_get_string(struct block_decoding *d, uint64_t id, struct ev_str *to);

/*
 * Writes n values into the member of the rows that have the field, in order. items: of lists, whose lengths the
 * values are. 0, -EPROTO: a string or packet that does not exist, -ENOMEM.
 */
int block_spread(struct block_decoding *d, const struct schema_field *f, const uint64_t *v,
		 uint32_t n, struct ev_str *items);

#endif
