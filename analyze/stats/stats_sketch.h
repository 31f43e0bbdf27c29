/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What statistics are counted with: memory is bounded whatever comes. A histogram of known error, the
 * number of distinct things, and the largest groups of a stream.
 */
#ifndef ANALYZE_STATS_SKETCH_H
#define ANALYZE_STATS_SKETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- a histogram: 32 buckets an octave, so a quantile is off by at most 1/64 (1.6 %) ---- */

enum {
	HIST_SUB_BITS = 5,
	HIST_SUB = 1 << HIST_SUB_BITS,
	HIST_PAGES = 64 - HIST_SUB_BITS + 1, /* [0]: 0 to 31, each exact; then one an octave */
};

/* Zeroed: empty. */
struct stats_hist {
	uint64_t n, min, max;
	uint64_t *page[HIST_PAGES]; /* HIST_SUB counters; NULL: all 0 */
};

bool stats_hist_add(struct stats_hist *h, uint64_t value); /* false: out of memory */
/* The smallest value that a share of q (0..1) of all is not above, within 1/64; 0 when it is empty. */
uint64_t stats_hist_quantile(const struct stats_hist *h, double q);
/* How many values are in [2^bit, 2^(bit+1)); bit 0 has 0, too. */
uint64_t stats_hist_octave(const struct stats_hist *h, unsigned int bit);
/* How many values are in [low, high), where both are bounds of buckets: 0 to 31, or (32 + i) << n with i below 32. */
uint64_t stats_hist_between(const struct stats_hist *h, uint64_t low, uint64_t high);
void stats_hist_fini(struct stats_hist *h);

/* ---- how many different ones: exact up to 24, then HyperLogLog of 1024 registers (3.3 % off, typically) ---- */

enum { DISTINCT_EXACT = 24, DISTINCT_BITS = 10, DISTINCT_REGISTERS = 1 << DISTINCT_BITS };

struct stats_distinct {
	uint32_t n;         /* of v */
	uint8_t *registers; /* NULL: v has them all */
	uint64_t v[DISTINCT_EXACT];
};

bool stats_distinct_add(struct stats_distinct *d, uint64_t hash); /* false: out of memory */
uint64_t stats_distinct_count(const struct stats_distinct *d);

static inline bool stats_distinct_approximate(const struct stats_distinct *d)
{
	return d->registers != NULL;
}

void stats_distinct_fini(struct stats_distinct *d);

/* ---- the largest groups (Space-Saving; Metwally, Agrawal, El Abbadi 2005) ---- */

enum { STATS_KEY_MAX = 512 }; /* bytes of a key; longer ones are cut */

struct stats_group {
	uint8_t *key; /* owned */
	uint32_t key_len;
	uint32_t at;       /* in the table's heap, once it is full */
	uint64_t count;    /* at most `error` too high */
	uint64_t error;    /* 0: exact, as are the others */
	uint64_t bytes;    /* the caller's; what came since the group entered the table */
	uint64_t value;    /* the caller's, likewise */
	uint64_t first_ns; /* the caller's, likewise */
	struct stats_distinct distinct;
	struct stats_hist *hist; /* NULL until stats_group_hist(); owned */
};

struct stats_top {
	uint32_t n, cap;
	uint32_t *hash; /* index + 1 */
	uint32_t hash_size;
	uint32_t *heap; /* indices, the smallest count first; NULL while nothing was pushed out */
	struct stats_group *v;
	uint64_t pushed_out; /* groups that had to make room; 0: everything is exact */
};

bool stats_top_init(struct stats_top *t, uint32_t cap); /* false: out of memory */
void stats_top_fini(struct stats_top *t);

/* Counts `by` for a key; the group is valid until the next call. NULL: out of memory. */
struct stats_group *stats_top_add(struct stats_top *t, const void *key, size_t len, uint64_t by);

/* The group of a key, valid until the next addition; NULL: there is none. */
const struct stats_group *stats_top_find(const struct stats_top *t, const void *key, size_t len);

/* A value into the group's histogram. False: out of memory. */
bool stats_group_hist(struct stats_group *g, uint64_t value);

/* The indices of the n largest groups into order (room for n), largest first, equal ones by key; how many. */
uint32_t stats_top_sorted(const struct stats_top *t, uint32_t *order, uint32_t n);

uint64_t stats_hash(const void *p, size_t len);

#endif
