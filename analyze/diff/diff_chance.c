/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyze/diff/diff_chance.h"

#include <math.h>

enum { EXACT_MAX = 100000 };

static const double LEAST = 0.05;

/* Of the standard normal distribution, both tails beyond z. */
static double tails(double z)
{
	return erfc(fabs(z) / sqrt(2));
}

static uint64_t bucket(const struct stats_hist *h, unsigned int page, unsigned int sub)
{
	return h->page[page] ? h->page[page][sub] : 0;
}

double diff_chance_ranks(const struct stats_hist *a, const struct stats_hist *b, double independent)
{
	double n = (double)a->n, m = (double)b->n, all = n + m;
	double below = 0, u = 0, ties = 0, variance, off;

	if (a->n < DIFF_CHANCE_FEW || b->n < DIFF_CHANCE_FEW)
		return 1;
	for (unsigned int page = 0; page < HIST_PAGES; page++)
		for (unsigned int sub = 0; sub < HIST_SUB; sub++) {
			double x = (double)bucket(a, page, sub), y = (double)bucket(b, page, sub);
			double t = x + y;

			/* pairs in which b's value is the larger one, equal ones half */
			u += y * (below + x / 2);
			below += x;
			ties += t * t * t - t;
		}
	variance = n * m / 12 * (all + 1 - ties / (all * (all - 1)));
	off = fabs(u - n * m / 2) - 0.5;
	if (variance <= 0 || off <= 0)
		return 1;
	return tails(off / sqrt(variance) * sqrt(independent));
}

void diff_series_add(struct diff_series *s, uint64_t value)
{
	double v = log2((double)value + 1);

	if (s->n > 0)
		s->products += v * s->last;
	s->n++;
	s->sum += v;
	s->squares += v * v;
	s->last = v;
}

double diff_chance_independent(const struct diff_series *s)
{
	double mean, variance, r, share;

	if (s->n < DIFF_CHANCE_FEW)
		return 1;
	mean = s->sum / s->n;
	variance = s->squares / s->n - mean * mean;
	/* all the same, but for rounding */
	if (variance < 1e-9)
		return 1;
	r = (s->products / (s->n - 1) - mean * mean) / variance;
	share = (1 - r) / (1 + r);
	return r <= 0 || share > 1 ? 1 : share < LEAST ? LEAST : share;
}

static double log_choose(double n, double k)
{
	return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1);
}

static double exact(uint64_t a, uint64_t all_a, uint64_t all_b, uint64_t hits)
{
	uint64_t low = hits > all_b ? hits - all_b : 0, high = hits < all_a ? hits : all_a;
	double whole = log_choose((double)(all_a + all_b), (double)hits), p = 0;
	double seen = log_choose((double)all_a, (double)a) +
		      log_choose((double)all_b, (double)(hits - a));

	/* all tables that are as improbable; what rounding does to logarithms is far below 1e-7 */
	for (uint64_t k = low; k <= high; k++) {
		double l = log_choose((double)all_a, (double)k) +
			   log_choose((double)all_b, (double)(hits - k));

		if (l <= seen + 1e-7)
			p += exp(l - whole);
	}
	return p < 1 ? p : 1;
}

double diff_chance_shares(uint64_t a, uint64_t all_a, uint64_t b, uint64_t all_b)
{
	double n = (double)all_a, m = (double)all_b, pooled, variance;

	if (!all_a || !all_b || a > all_a || b > all_b)
		return 1;
	if (a + b <= EXACT_MAX)
		return exact(a, all_a, all_b, a + b);
	pooled = (double)(a + b) / (n + m);
	variance = pooled * (1 - pooled) * (1 / n + 1 / m);
	return variance > 0 ? tails(((double)a / n - (double)b / m) / sqrt(variance)) : 1;
}

double diff_chance_counts(uint64_t a, uint64_t b)
{
	double off = fabs((double)a - (double)b) - 1;

	return off > 0 ? tails(off / sqrt((double)a + (double)b)) : 1;
}
