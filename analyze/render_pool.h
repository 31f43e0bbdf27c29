/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Batches rendered by several threads, put out in their order: the same bytes as render_event() makes.
 * Where all events pass the threads decode, too: only reading stays with the caller, who does the others' work
 * as well where they are behind. Where a filter chooses, the caller decodes and asks it.
 */
#ifndef ANALYZE_RENDER_POOL_H
#define ANALYZE_RENDER_POOL_H

#include <stdbool.h>

#include "analyze/filter/filter.h"
#include "analyze/render.h"
#include "analyze/source/source.h"

struct render_pool;

/*
 * r has the options, the clock and the output; r, s and f are borrowed until render_pool_free(). threads: 2 or
 * more, with the caller's. NULL: out of memory, or no threads; render_event() does it then.
 */
struct render_pool *render_pool_new(struct render *r, struct source *s, struct filter *f,
				    unsigned int threads);
void render_pool_free(struct render_pool *p); /* drains it; NULL is fine */

/*
 * Takes what source_next() gave out last, of an input that is not sorted: a batch, or a packed block. The source
 * gets another one. False: stop, nobody reads or writing failed.
 */
bool render_pool_add(struct render_pool *p);
bool render_pool_add_packed(struct render_pool *p);

/* Until all is written: before r is used otherwise, which is flushed before the next add. False: as above. */
bool render_pool_drain(struct render_pool *p);

#endif
