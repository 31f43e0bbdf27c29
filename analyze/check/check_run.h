/* SPDX-License-Identifier: BSD-2-Clause */
/* One reading of the inputs, between check.c and check_learn.c. */
#ifndef ANALYZE_CHECK_RUN_H
#define ANALYZE_CHECK_RUN_H

#include "analyze/check/check.h"
#include "analyze/filter/filter.h"

/*
 * Measures and judges the rules of c. `also` sees each event that passed and each row about the recording
 * (NULL: nobody). 0 or 3, the exit code of reading; or a negative errno with its message on standard error.
 */
int check_run(struct check *c, const struct filter_options *options, char *const *inputs, size_t n,
	      void (*also)(void *ctx, const struct ev *ev, bool is_record), void *ctx);

#endif
