/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyze/report/report_kept.h"

#include <stdlib.h>
#include <string.h>

#include "analyze/stats/stats.h"

const char *const kept_kind_names[] = {"packet", "drop", "retransmit", "socket", "gap"};

void kept_init(struct kept *k)
{
	*k = (struct kept){0};
	text_init(&k->text, &(struct text_options){.utc = true});
}

void kept_fini(struct kept *k)
{
	for (uint32_t i = 0; i < KEPT_SLOTS; i++)
		kept_drop_slot(k, i);
	text_fini(&k->text);
}

/* ---- slots ---- */

uint32_t kept_new_slot(struct kept *k)
{
	uint32_t i = 0;

	while (i < KEPT_SLOTS && k->slot[i].used)
		i++;
	if (i < KEPT_SLOTS)
		k->slot[i].used = true;
	return i;
}

void kept_drop_slot(struct kept *k, uint32_t slot)
{
	struct kept_slot *s = &k->slot[slot];

	free(s->v);
	buf_free(&s->text);
	*s = (struct kept_slot){0};
	for (uint32_t i = 0; i < k->n_watched; i++)
		if (k->watched[i].slot == slot)
			k->watched[i].slot = KEPT_SLOTS;
}

bool kept_is_full(const struct kept *k, uint32_t slot)
{
	return k->slot[slot].journeys >= KEPT_JOURNEYS || k->slot[slot].n >= KEPT_EVENTS;
}

/* ---- one event ---- */

static enum kept_kind kind_of(const struct ev *ev)
{
	struct ev_str symbol = stats_symbol(ev);

	if (ev->loss)
		return KEPT_GAP;
	if (ev->diag)
		return KEPT_SOCKET;
	if (ev->skb_drop && !ev_is(ev->skb_drop->drop_reason, "CONSUMED"))
		return KEPT_DROP;
	return symbol.len && memmem(symbol.p, symbol.len, "retransmit", 10) ? KEPT_RETRANSMIT
									    : KEPT_PACKET;
}

/* A text that is too long ends with its last whole line, and says so. */
static void cut(struct buf *b, size_t from)
{
	size_t end = from + KEPT_TEXT;

	if (b->len <= end)
		return;
	while (end > from && b->p[end - 1] != '\n')
		end--;
	b->len = end > from ? end : from + KEPT_TEXT;
	buf_str(b, "  ...");
}

static void put(struct kept *k, uint32_t slot, const struct ev *ev, uint64_t number)
{
	struct kept_slot *s = &k->slot[slot];
	struct ev_str probe = ev->loss ? ev->loss->probe : stats_symbol(ev);
	struct kept_event *e;
	size_t from;

	for (uint32_t i = s->n; i-- > 0;)
		if (s->v[i].number == number)
			return;
	if (s->n == KEPT_EVENTS) {
		s->left_out++;
		return;
	}
	if (!s->v)
		s->v = calloc(KEPT_EVENTS, sizeof(*s->v));
	if (!s->v) {
		k->failed = true;
		return;
	}
	from = s->text.len;
	text_untrusted(&s->text, probe.p, probe.len < KEPT_TEXT ? probe.len : KEPT_TEXT);
	e = &s->v[s->n];
	*e = (struct kept_event){.number = number,
				 .ns = ev->common ? ev->common->timestamp : 0,
				 .kind = kind_of(ev),
				 .probe = (uint32_t)from,
				 .probe_len = (uint32_t)(s->text.len - from)};
	from = s->text.len;
	if (!text_event(&k->text, ev, 0, &s->text))
		return;
	cut(&s->text, from);
	e->text = (uint32_t)from;
	e->text_len = (uint32_t)(s->text.len - from);
	k->failed |= s->text.failed;
	s->n++;
}

/* ---- journeys ---- */

static uint32_t bit_of(const uint64_t key[2])
{
	return (uint32_t)stats_hash(key, 16) & (KEPT_BLOOM - 1);
}

static void watch(struct kept *k, uint32_t slot, const uint64_t key[2])
{
	uint32_t at = k->next_watched++ % KEPT_WATCHED;

	k->watched[at].key[0] = key[0];
	k->watched[at].key[1] = key[1];
	k->watched[at].slot = slot;
	if (k->n_watched < KEPT_WATCHED) {
		k->n_watched++;
		k->bloom[bit_of(key) / 64] |= UINT64_C(1) << bit_of(key) % 64;
		return;
	}
	/* one was replaced: its bit may be others', too */
	memset(k->bloom, 0, sizeof(k->bloom));
	for (uint32_t i = 0; i < k->n_watched; i++) {
		uint32_t bit = bit_of(k->watched[i].key);

		k->bloom[bit / 64] |= UINT64_C(1) << bit % 64;
	}
}

void kept_batch(struct kept *k, const struct ev_batch *batch)
{
	uint64_t first = k->now.batch ? k->now.first + k->now.batch->n : 0;

	k->before = k->now;
	k->now = (struct kept_batch){.batch = batch, .first = first};
}

void kept_pass(struct kept *k, const struct ev *ev)
{
	uint64_t key[2];
	uint32_t bit;

	if (ev->index < EV_BATCH_MAX)
		k->now.passed[ev->index / 64] |= UINT64_C(1) << ev->index % 64;
	if (!k->n_watched || !ev->skb_tracking)
		return;
	key[0] = ev->skb_tracking->timestamp;
	key[1] = ev->skb_tracking->orig_head;
	bit = bit_of(key);
	if (!(k->bloom[bit / 64] >> bit % 64 & 1))
		return;
	for (uint32_t i = 0; i < k->n_watched; i++)
		if (k->watched[i].slot < KEPT_SLOTS && k->watched[i].key[0] == key[0] &&
		    k->watched[i].key[1] == key[1])
			put(k, k->watched[i].slot, ev, k->now.first + ev->index);
}

/* The events of a packet in a batch, up to the one with the number `end`. */
static void look_back(struct kept *k, uint32_t slot, const struct kept_batch *b,
		      const uint64_t key[2], uint64_t end)
{
	struct ev_walk w;
	struct ev ev = {0};

	if (!b->batch)
		return;
	w = ev_walk(b->batch);
	while (ev_next(&w, &ev) && b->first + ev.index < end) {
		if (!ev.skb_tracking || ev.skb_tracking->timestamp != key[0] ||
		    ev.skb_tracking->orig_head != key[1] || ev.index >= EV_BATCH_MAX)
			continue;
		if (b->passed[ev.index / 64] >> ev.index % 64 & 1)
			put(k, slot, &ev, b->first + ev.index);
	}
}

void kept_add(struct kept *k, uint32_t slot, const struct ev *ev, const struct text *clock)
{
	uint64_t number = k->now.first + ev->index, key[2];

	if (kept_is_full(k, slot))
		return;
	text_set_clock(&k->text, clock);
	if (ev->skb_tracking) {
		key[0] = ev->skb_tracking->timestamp;
		key[1] = ev->skb_tracking->orig_head;
		for (uint32_t i = 0; i < k->n_watched; i++)
			if (k->watched[i].slot == slot && k->watched[i].key[0] == key[0] &&
			    k->watched[i].key[1] == key[1])
				return; /* all of the packet comes already */
		look_back(k, slot, &k->before, key, number);
		look_back(k, slot, &k->now, key, number);
		watch(k, slot, key);
	}
	put(k, slot, ev, number);
	k->slot[slot].journeys++;
}
