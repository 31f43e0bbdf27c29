/* SPDX-License-Identifier: BSD-2-Clause */
/* Retis files as a source: lines of JSON, cut out of the input and handed to formats/retis/retis_read.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/source/input.h"
#include "analyze/source/source.h"
#include "formats/retis/retis_read.h"

enum {
	/*
	 * Longest line. An event has a few KiB (255 bytes of packet, stacks, flows); a line of a
	 * sorted file is a whole series and may be long.
	 */
	LINE_MAX_BYTES = 256 * 1024 * 1024,
	/* When a batch is handed on: with as many events as a block of an event file holds. */
	BATCH_EVENTS = 8192,
	BATCH_BYTES = 8 << 20,
};

struct retis_source {
	struct source *s;
	struct input *in;
	struct retis_reader *reader;
	uint64_t line;   /* number of the next line, from 1 */
	size_t searched; /* bytes of the next line known to hold no line feed */
	bool peeked, ended, skipping;
};

static int retis_open(struct source *s, struct input *in, void **self, struct skbox_error *err)
{
	struct retis_source *r = calloc(1, sizeof(*r));

	if (r)
		r->reader = retis_reader_new();
	if (!r || !r->reader) {
		free(r);
		return error_set(err, -ENOMEM, 0, "out of memory");
	}
	r->s = s;
	r->in = in;
	r->line = 1;
	*self = r;
	return 0;
}

static void retis_close(void *self)
{
	struct retis_source *r = self;

	retis_reader_free(r->reader);
	free(r);
}

/* The shape must be known before the first line is read: shows the reader some lines. */
static void peek(struct retis_source *r)
{
	const uint8_t *p;
	size_t len;

	p = input_bytes(r->in, &len);
	retis_reader_peek(r->reader, (const char *)p, len);
	r->peeked = true;
}

static int damaged(struct retis_source *r, int code, const char *text)
{
	struct skbox_error err;

	error_set(&err, code, r->line, "%s", text);
	source_damage(r->s, &err);
	return 0;
}

/* One whole line. 0: done with it; 1: the batch is full, keep it; negative errno. */
static int take_line(struct retis_source *r, const char *p, size_t len, struct ev_batch *batch,
		     struct skbox_error *err)
{
	struct skbox_error e = {0};
	int rc;

	rc = retis_read_line(r->reader, p, len, batch, &e);
	if (rc == -ENOSPC && batch->n)
		return 1;
	if (rc == -ENOMEM) {
		*err = e;
		return rc;
	}
	if (rc < 0) {
		e.offset = r->line;
		source_damage(r->s, &e);
	}
	r->line++;
	return 0;
}

/* Lines that are already there. 1: the batch is full enough; 0: more bytes are needed. */
static int take_lines(struct retis_source *r, struct ev_batch *batch, struct skbox_error *err)
{
	const uint8_t *p, *end;
	size_t len;
	int rc;

	while (batch->n < BATCH_EVENTS && batch->bytes < BATCH_BYTES) {
		p = input_bytes(r->in, &len);
		end = len > r->searched ? memchr(p + r->searched, '\n', len - r->searched) : NULL;
		if (!end) {
			r->searched = len;
			return 0;
		}
		if (r->skipping) {
			r->skipping = false;
			r->line++;
		} else {
			rc = take_line(r, (const char *)p, (size_t)(end - p), batch, err);
			if (rc)
				return rc;
		}
		r->searched = 0;
		input_skip(r->in, (size_t)(end - p) + 1);
	}
	return 1;
}

/* The end of the input, or of what can be decompressed: a last line may lack its line feed. */
static int take_rest(struct retis_source *r, int rc, const struct skbox_error *why,
		     struct ev_batch *batch, struct skbox_error *err)
{
	const uint8_t *p;
	size_t len;

	r->ended = true;
	if (rc < 0) {
		damaged(r, rc, why->text);
		return 0;
	}
	p = input_bytes(r->in, &len);
	if (!len || r->skipping)
		return 0;
	rc = take_line(r, (const char *)p, len, batch, err);
	if (rc > 0) {
		r->ended = false; /* again, with an empty batch */
		return 1;
	}
	return rc;
}

static int retis_next(void *self, struct ev_batch *batch, struct skbox_error *err)
{
	struct retis_source *r = self;
	struct source_status *st = source_counters(r->s);
	uint64_t unknown = retis_read_state(r->reader)->unknown_keys;
	int rc = 0;

	if (!r->peeked)
		peek(r);
	while (!r->ended) {
		struct skbox_error e = {0};

		rc = take_lines(r, batch, err);
		/* what there is goes out before a pipe is waited for; a file gives whole blocks */
		if (rc || (batch->n && input_size(r->in) < 0))
			break;
		if (r->searched > LINE_MAX_BYTES) {
			if (!r->skipping)
				damaged(r, -EPROTO, "the line is too long");
			r->skipping = true;
			input_skip(r->in, r->searched);
			r->searched = 0;
		}
		rc = input_more(r->in, &e);
		if (rc < 0 && e.code != -EPROTO) {
			*err = e;
			return rc;
		}
		if (rc <= 0) {
			rc = take_rest(r, rc, &e, batch, err);
			break;
		}
	}
	st->unknown_keys += retis_read_state(r->reader)->unknown_keys - unknown;
	st->sorted = retis_read_state(r->reader)->sorted;
	return rc < 0 ? rc : !r->ended;
}

const struct source_format source_retis = {retis_open, retis_next, retis_close, NULL, "line"};
