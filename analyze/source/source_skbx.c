/* SPDX-License-Identifier: BSD-2-Clause */
/* Event files as a source. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/source/input.h"
#include "analyze/source/source.h"

struct skbx_source {
	struct source *s;
	struct skbx_reader *reader;
	bool told_end, begun;
};

static void on_damage(void *ctx, const struct skbox_error *what)
{
	struct skbx_source *x = ctx;

	source_damage(x->s, what);
}

static bool on_want(void *ctx, const struct skbx_summary *summary)
{
	struct skbx_source *x = ctx;
	const struct source_options *o = source_options(x->s);
	bool first = !x->begun, wanted = o->want(o->ctx, summary);

	/* the first block holds what the recording says of itself, the clock too */
	x->begun = true;
	return wanted || first;
}

static int skbx_open(struct source *s, struct input *in, void **self, struct skbox_error *err)
{
	const struct source_options *o = source_options(s);
	struct skbx_source *x = calloc(1, sizeof(*x));
	struct skbx_input from = {input_read_at, in, input_size(in)};
	struct skbx_read_options options = {on_damage, o->want ? on_want : NULL, x, o->sections};
	int rc;

	if (!x)
		return error_set(err, -ENOMEM, 0, "out of memory");
	x->s = s;
	rc = skbx_reader_open(&x->reader, &from, &options, err);
	if (rc == -EPROTO) {
		/* an event file whose beginning is beyond recognition: one damaged place, and nothing else */
		source_damage(s, err);
		rc = 0;
	}
	if (rc < 0) {
		free(x);
		return rc;
	}
	source_counters(s)->event_files++;
	source_current(s)->has_id = x->reader != NULL;
	*self = x;
	return 0;
}

static int skbx_next(void *self, struct ev_batch *batch, struct skbox_error *err)
{
	struct skbx_source *x = self;
	struct source_status *st = source_counters(x->s);
	const struct ev_rows *startups = &batch->sec[EV_startup];
	struct skbx_packed *packed = st->sorted ? NULL : source_packed(x->s);
	int rc = x->reader ? skbx_read_packed(x->reader, batch, packed, err) : 0;

	if (x->reader) {
		struct source_input *current = source_current(x->s);

		memcpy(current->id, skbx_read_status(x->reader)->id, sizeof(current->id));
		current->rows = skbx_read_status(x->reader)->events;
	}
	if (rc == SKBX_PACKED)
		return SOURCE_PACKED;
	if (rc > 0) {
		for (uint32_t i = 0; i < startups->n; i++)
			st->sorted |= ((const struct ev_startup *)startups->p)[i].sorted;
	} else if (rc == 0 && !x->told_end && x->reader) {
		const struct skbx_status *end = skbx_read_status(x->reader);

		x->told_end = true;
		source_settle(x->s); /* damage that is found there counts, too */
		st->unknown += end->unknown;
		st->blocks += end->blocks + end->blocks_skipped;
		st->skipped += end->blocks_skipped;
		source_current(x->s)->finished = end->finished;
		if (!end->finished)
			st->unfinished++;
	}
	return rc;
}

static void skbx_close(void *self)
{
	struct skbx_source *x = self;

	skbx_reader_free(x->reader);
	free(x);
}

static bool skbx_finished(void *self)
{
	const struct skbx_source *x = self;

	return x->reader && skbx_read_status(x->reader)->finished;
}

const struct source_format source_skbx = {skbx_open, skbx_next, skbx_close, skbx_finished,
					  "offset"};
