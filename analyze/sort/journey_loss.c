/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyze/sort/journey_loss.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "analyze/sort/journey.h"
#include "analyze/sort/sort_map.h"
#include "analyze/source/input.h"
#include "analyze/source/source.h"
#include "formats/skbx/skbx.h"

/* Journeys named behind a line of a loss; the rest is counted. */
enum { MARKS_MAX = 16 };

static struct journey_loss loss_of(const struct ev *ev)
{
	uint64_t to = ev->common ? ev->common->timestamp : 0;
	struct journey_loss loss = {to, to};

	if (EV_HAS(ev->loss, loss, from) && ev->loss->from < to)
		loss.from_ns = ev->loss->from;
	return loss;
}

void journey_losses_free(struct journey_losses *l)
{
	free(l->v);
	*l = (struct journey_losses){0};
}

void journey_losses_add(struct journey_losses *l, const struct ev *ev)
{
	struct journey_loss loss, *last = l->n ? &l->v[l->n - 1] : NULL;

	if (!ev->loss)
		return;
	loss = loss_of(ev);
	/* one row a probe and processor, all of one interval */
	if (last && last->from_ns <= loss.from_ns && last->to_ns >= loss.to_ns)
		return;
	if (l->n == l->cap && l->n < JOURNEY_LOSSES_MAX) {
		uint32_t cap = l->cap ? 2 * l->cap : 16;
		struct journey_loss *v = realloc(l->v, cap * sizeof(*v));

		if (!v) {
			l->failed = true;
			return;
		}
		l->v = v;
		l->cap = cap;
	}
	if (l->n < JOURNEY_LOSSES_MAX) {
		l->v[l->n++] = loss;
		return;
	}
	if (loss.from_ns < last->from_ns)
		last->from_ns = loss.from_ns;
	if (loss.to_ns > last->to_ns)
		last->to_ns = loss.to_ns;
}

/* ---- reading ---- */

static bool want_losses(void *ctx, const struct skbx_summary *summary)
{
	uint64_t *lost = ctx;
	bool more = summary->lost != *lost;

	*lost = summary->lost;
	return more;
}

static void ignore_damage(void *ctx, const struct skbox_error *what, const char *unit)
{
}

/* The word of a rotated set is no file. */
static bool is_set(const char *word)
{
	size_t len = strlen(word);

	return len > 2 && strcmp(word + len - 2, "..") == 0;
}

/* Whether it is an event file with losses, by its trailer or its headers; what is no file may be a set. */
static bool has_losses(const char *path)
{
	struct skbox_error err = {0};
	struct skbx_info info = {0};
	struct input *in;
	const uint8_t *head;
	bool has = false;
	size_t len;

	if (input_open(&in, path, &err) < 0)
		return is_set(path);
	head = input_head(in, &len);
	if (input_size(in) >= 0 && skbx_recognize(head, len)) {
		const struct skbx_input from = {input_read_at, in, input_size(in)};

		has = skbx_info(&from, &info, &err) == 0 && info.all.lost > 0;
		skbx_info_free(&info);
	}
	input_close(in);
	return has;
}

bool journey_losses_read(struct journey_losses *l, char *const *inputs, size_t n)
{
	struct stat st;

	for (size_t i = 0; i < n; i++)
		if (strcmp(inputs[i], "-") == 0 ||
		    (stat(inputs[i], &st) == 0 && !S_ISREG(st.st_mode)))
			return false;
	for (size_t i = 0; i < n; i++) {
		uint64_t lost = 0;
		const struct source_options options = {.want = want_losses,
						       .ctx = &lost,
						       .damage = ignore_damage,
						       .sections = EV_SECTION_BIT(common) |
								   EV_SECTION_BIT(loss)};
		struct source *s;
		struct ev_batch *batch;

		if (!has_losses(inputs[i]) || source_open(&s, &options, &inputs[i], 1) < 0)
			continue;
		while (source_next(s, &batch) > 0) {
			struct ev_walk w = ev_walk(batch);
			struct ev ev = {0};

			while (ev_next(&w, &ev))
				journey_losses_add(l, &ev);
		}
		source_close(s);
	}
	return n > 0;
}

/* ---- marks ---- */

static bool ends(const struct ev *ev)
{
	return ev->skb_drop || (ev->kernel && ev_is(ev->kernel->symbol, "skb:consume_skb"));
}

void journey_span_add(struct journey_span *s, const struct ev *ev)
{
	uint64_t ns = ev->common ? ev->common->timestamp : 0;
	struct journey_key key;

	if (!s->tracked) {
		s->tracked = journey_of(ev, &key);
		s->first_ns = s->last_ns = ns;
	}
	if (ns < s->first_ns)
		s->first_ns = ns;
	if (ns >= s->last_ns) {
		s->last_ns = ns;
		s->ended = ends(ev);
	}
}

static bool touches(const struct journey_loss *loss, const struct journey_span *s)
{
	uint64_t until = s->last_ns;

	if (!s->ended && until < UINT64_MAX - JOURNEY_LOSS_NS)
		until += JOURNEY_LOSS_NS;
	return loss->to_ns >= s->first_ns && loss->from_ns <= until;
}

const struct journey_loss *journey_losses_touch(const struct journey_losses *l,
						const struct journey_span *s)
{
	for (uint32_t i = 0; s->tracked && i < l->n; i++)
		if (touches(&l->v[i], s))
			return &l->v[i];
	return NULL;
}

void journey_loss_mark(struct text *t, const struct journey_loss *loss, struct buf *out)
{
	buf_str(out, "  \u21b3 events were lost from ");
	text_time(t, loss->from_ns, out);
	buf_str(out, " to ");
	text_time(t, loss->to_ns, out);
	buf_str(out, ": some of this packet may be missing");
}

/* ---- journeys in the order of time ---- */

struct live {
	struct journey_key key;
	struct journey_span span;
};

struct journey_live {
	struct sort_map map;
	struct live **v; /* n */
	uint32_t n, cap;
	bool overflow; /* there are more */
};

struct journey_live *journey_live_new(void)
{
	return calloc(1, sizeof(struct journey_live));
}

void journey_live_free(struct journey_live *live)
{
	if (!live)
		return;
	for (uint32_t i = 0; i < live->n; i++)
		free(live->v[i]);
	free(live->v);
	sort_map_free(&live->map);
	free(live);
}

static struct live *add_live(struct journey_live *live, const struct sort_key *at)
{
	struct live *one = calloc(1, sizeof(*one));

	if (live->n == live->cap) {
		uint32_t cap = live->cap ? 2 * live->cap : 64;
		struct live **v = realloc(live->v, cap * sizeof(*v));

		if (v) {
			live->v = v;
			live->cap = cap;
		}
	}
	if (!one || live->n == live->cap || !sort_map_put(&live->map, at, one)) {
		free(one);
		return NULL;
	}
	live->v[live->n++] = one;
	return one;
}

int journey_live_event(struct journey_live *live, const struct ev *ev)
{
	struct journey_key key;
	struct sort_key at = {0};
	struct live *one;

	if (!journey_of(ev, &key))
		return 0;
	at.w[0] = key.time;
	at.w[1] = key.head;
	one = sort_map_get(&live->map, &at);
	if (!one && live->n == JOURNEY_LIVE_MAX) {
		live->overflow = true;
		return 0;
	}
	if (!one && !(one = add_live(live, &at)))
		return -ENOMEM;
	one->key = key;
	journey_span_add(&one->span, ev);
	return 0;
}

void journey_live_marks(struct journey_live *live, struct text *t, const struct ev *ev,
			struct buf *out)
{
	const struct journey_loss loss = loss_of(ev);
	uint32_t n = 0;

	for (uint32_t i = 0; i < live->n; i++) {
		const struct live *one = live->v[i];

		if (!touches(&loss, &one->span) || n++ >= MARKS_MAX)
			continue;
		buf_str(out, "  \u21b3 some of #");
		buf_hex(out, one->key.time);
		buf_printf(out, "%016llx may be missing, last seen ",
			   (unsigned long long)one->key.head);
		text_time(t, one->span.last_ns, out);
		buf_u8(out, '\n');
	}
	if (n > MARKS_MAX || live->overflow)
		buf_printf(out, "  \u21b3 and of %s%u more\n", live->overflow ? "at least " : "",
			   n > MARKS_MAX ? n - MARKS_MAX : 0);
}
