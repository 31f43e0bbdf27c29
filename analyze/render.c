/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyze/render.h"

#include <string.h>

const char *const render_formats[] = {"multi-line", "single-line", NULL};
const char *const render_layouts[] = {"classic", "current", NULL};

/* Indentation of the later events of a series. */
enum { SERIES_LEVEL = 4 };

void render_open(struct render *r, const struct render_options *o)
{
	struct text_options text = o->text;

	text.single_line = o->format == 1;
	text.current = o->layout == 1;
	*r = (struct render){0};
	text_init(&r->text, &text);
	terminal_open(&r->out, !o->live);
}

static const char colour_gap[] = "\033[1;33m", colour_drop[] = "\033[31m";
static const char colour_retransmit[] = "\033[35m", colour_socket[] = "\033[36m";
static const char colour_begin[] = "\033[1m";

/* Where TCP sends a segment again, as tracepoint or function. */
static bool is_retransmit(const struct ev *ev)
{
	static const char *const names[] = {"tcp:tcp_retransmit_skb", "tcp:tcp_retransmit_synack",
					    "tcp_retransmit_skb", "__tcp_retransmit_skb"};

	for (size_t i = 0; ev->kernel && i < sizeof(names) / sizeof(names[0]); i++)
		if (ev_is(ev->kernel->symbol, names[i]))
			return true;
	return false;
}

static const char *colour_of(const struct ev *ev)
{
	return ev->loss            ? colour_gap
	       : ev->skb_drop      ? colour_drop
	       : is_retransmit(ev) ? colour_retransmit
	       : ev->diag          ? colour_socket
	       : ev->startup       ? colour_begin
				   : NULL;
}

/*
 * Kinds of events by colour, on a terminal: the first line of what was written from `at` on. Only here are
 * escapes written, and only known ones: text of the input has none (text_untrusted()).
 */
static void colour(struct render *r, const char *code, size_t at)
{
	static const char end[] = "\033[0m";
	struct buf *b = &r->out.buf;
	size_t n = code ? strlen(code) : 0, line;
	const uint8_t *feed;

	if (!r->out.colours || !code || b->failed || !buf_room(b, n + sizeof(end)))
		return;
	feed = memchr(b->p + at, '\n', b->len - at);
	line = feed ? (size_t)(feed - b->p) : b->len;
	memmove(b->p + line + n + sizeof(end) - 1, b->p + line, b->len - line);
	memmove(b->p + at + n, b->p + at, line - at);
	memcpy(b->p + at, code, n);
	memcpy(b->p + line + n, end, sizeof(end) - 1);
	b->len += n + sizeof(end) - 1;
}

/* The text of an event, without what stands behind it. False: it has none. */
static bool put_event(struct render *r, const struct ev *ev, int level)
{
	size_t at = r->out.buf.len;
	bool shown = text_event(&r->text, ev, level, &r->out.buf);

	if (shown)
		colour(r, colour_of(ev), at);
	return shown;
}

bool render_event(struct render *r, const struct ev *ev)
{
	if (!put_event(r, ev, 0))
		return true;
	text_frame_event(&r->text, &r->out.buf);
	return terminal_more(&r->out);
}

bool render_loss(struct render *r, const struct ev *ev, struct journey_live *live)
{
	if (!put_event(r, ev, 0))
		return true;
	buf_u8(&r->out.buf, '\n');
	journey_live_marks(live, &r->text, ev, &r->out.buf);
	if (!r->text.o.single_line)
		buf_u8(&r->out.buf, '\n');
	return terminal_more(&r->out);
}

bool render_sorted(struct render *r, const struct ev *ev, bool first)
{
	if (!text_wants(&r->text, ev)) {
		render_skip(r, ev);
		return true;
	}
	if (first)
		render_end_series(r);
	if (r->losses)
		journey_span_add(&r->span, ev);
	put_event(r, ev, r->in_series ? SERIES_LEVEL : 0);
	text_frame_line(&r->text, &r->out.buf);
	r->in_series = true;
	return terminal_more(&r->out);
}

void render_end_series(struct render *r)
{
	const struct journey_loss *loss =
		r->in_series && r->losses ? journey_losses_touch(r->losses, &r->span) : NULL;

	if (loss) {
		size_t at = r->out.buf.len;

		journey_loss_mark(&r->text, loss, &r->out.buf);
		colour(r, colour_gap, at);
		text_frame_line(&r->text, &r->out.buf);
	}
	if (r->in_series)
		text_frame_series(&r->text, &r->out.buf);
	r->in_series = false;
	r->span = (struct journey_span){0};
}

void render_skip(struct render *r, const struct ev *ev)
{
	text_skip(&r->text, ev);
}

int render_close(struct render *r)
{
	render_end_series(r);
	text_fini(&r->text);
	return terminal_close(&r->out);
}
