/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether a difference can be chance: the probability (0 to 1) of one as large as that, or larger, between
 * two samples of the same thing; to both sides. 1 where there is nothing to compare. The samples are taken
 * to be independent, which packets of one burst are not: small differences need a tolerance beside it.
 */
#ifndef ANALYZE_DIFF_CHANCE_H
#define ANALYZE_DIFF_CHANCE_H

#include <stdint.h>

#include "analyze/stats/stats_sketch.h"

/*
 * Mann-Whitney's U by its normal approximation, with the correction for ties: values of one bucket (3 %
 * wide) are equal. Below DIFF_CHANCE_FEW values a side it says 1.
 */
enum { DIFF_CHANCE_FEW = 5 };
double diff_chance_ranks(const struct stats_hist *a, const struct stats_hist *b);

/* a of all_a against b of all_b: Fisher's exact test; beyond 100,000 by its normal approximation. */
double diff_chance_shares(uint64_t a, uint64_t all_a, uint64_t b, uint64_t all_b);

/* Two counts that came at one rate (Poisson), by the normal approximation. */
double diff_chance_counts(uint64_t a, uint64_t b);

#endif
