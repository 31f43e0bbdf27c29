/* SPDX-License-Identifier: BSD-2-Clause */
/* --fail-if 'losses > 0': thresholds for scripts. A condition that holds makes the exit code 1. */
#ifndef ANALYZE_FAIL_IF_H
#define ANALYZE_FAIL_IF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/options.h"

struct fail_if_value {
	const char *name; /* "losses"; one that ends in * stands for every name that begins so */
	uint64_t value;   /* of a name with *: what `of` says */
	uint64_t (*of)(void *ctx,
		       const char *rest); /* rest: of the name, behind what is before * */
};

#define FAIL_IF_OPTION(config, member)                                                             \
	OPTION(LIST, config, member, "fail-if", 0, "CONDITION",                                    \
	       "end with 1 when it holds: 'losses > 0', 'p99_ns >= 10ms'; may be given again")

/* Whether the conditions can be understood; false with a message on standard error. */
bool fail_if_valid(const struct option_list *conditions, const struct fail_if_value *v, size_t n);

/* How many of the conditions hold; each of them is told on standard error. */
unsigned int fail_if_count(const struct option_list *conditions, const struct fail_if_value *v,
			   size_t n, void *ctx);

#endif
