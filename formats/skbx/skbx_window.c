/* SPDX-License-Identifier: BSD-2-Clause */
#include "formats/skbx/skbx_window.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int64_t skbx_window_fill(struct skbx_window *w, size_t n)
{
	while (w->len < n && !w->eof) {
		size_t want = n - w->len > WINDOW_READ_BYTES ? n - w->len : WINDOW_READ_BYTES;
		ssize_t got;

		if (w->from && w->from + w->len + want > w->cap) {
			memmove(w->p, w->p + w->from, w->len);
			w->from = 0;
		}
		if (w->len + want > w->cap) {
			uint8_t *p = realloc(w->p, w->len + want);

			if (!p)
				return -ENOMEM;
			w->p = p;
			w->cap = w->len + want;
		}
		got = w->in.read(w->in.ctx, w->p + w->from + w->len, want, w->at + w->len);
		if (got < 0)
			return got;
		w->eof = got == 0;
		w->len += (size_t)got;
		*w->bytes += (uint64_t)got;
	}
	return (int64_t)w->len;
}

int skbx_window_forward(struct skbx_window *w, size_t n)
{
	while (n > w->len && w->in.size < 0 && !w->eof) {
		int64_t got;

		n -= w->len;
		w->at += w->len;
		w->from = w->len = 0;
		got = skbx_window_fill(w, n < WINDOW_READ_BYTES ? n : WINDOW_READ_BYTES);
		if (got < 0)
			return (int)got;
	}
	if (n > w->len) {
		w->at += n;
		w->from = w->len = 0;
		return 0;
	}
	w->at += n;
	w->from += n;
	w->len -= n;
	return 0;
}

void skbx_window_free(struct skbx_window *w)
{
	free(w->p);
}
