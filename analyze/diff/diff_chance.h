/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether a difference can be chance: the probability (0 to 1) of one as large as that, or larger, between
 * two samples of the same thing; to both sides. 1 where there is nothing to compare.
 */
#ifndef ANALYZE_DIFF_CHANCE_H
#define ANALYZE_DIFF_CHANCE_H

#include <stdint.h>

#include "analyze/stats/stats_sketch.h"

/*
 * Mann-Whitney's U by its normal approximation, with the correction for ties: values of one bucket (3 %
 * wide) are equal. Below DIFF_CHANCE_FEW values a side it says 1. independent: for how many each value
 * counts, as diff_chance_independent() tells; 1: all of them are.
 */
enum { DIFF_CHANCE_FEW = 5 };
double diff_chance_ranks(const struct stats_hist *a, const struct stats_hist *b,
			 double independent);

/* Values in the order in which they came. Zeroed: none. */
struct diff_series {
	double n, sum, squares, products, last;
};
void diff_series_add(struct diff_series *s, uint64_t value);

/*
 * As how many independent ones a value counts, when each is like the one before it (those of a queue that
 * fills, those when the machine was busy): (1 - r) / (1 + r) for r, the correlation of neighbours'
 * logarithms; from 0.05 to 1.
 */
double diff_chance_independent(const struct diff_series *s);

/* a of all_a against b of all_b: Fisher's exact test; beyond 100,000 by its normal approximation. */
double diff_chance_shares(uint64_t a, uint64_t all_a, uint64_t b, uint64_t all_b);

/* Two counts that came at one rate (Poisson), by the normal approximation. */
double diff_chance_counts(uint64_t a, uint64_t b);

#endif
