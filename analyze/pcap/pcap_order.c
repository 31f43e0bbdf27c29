/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyze/pcap/pcap_order.h"

#include <stdlib.h>
#include <string.h>

enum { SLOTS = PCAP_SEEN * 2 };

/* ---- what was there ---- */

static uint64_t *find(uint64_t *set, uint64_t id)
{
	size_t at = (size_t)(id >> 32 ^ id);

	while (set[at & (SLOTS - 1)] && set[at & (SLOTS - 1)] != id)
		at++;
	return &set[at & (SLOTS - 1)];
}

int pcap_seen_test(struct pcap_seen *s, uint64_t id)
{
	uint64_t *slot;
	bool old;

	if (!s->now && !(s->now = calloc(SLOTS, sizeof(*s->now))))
		return -1;
	slot = find(s->now, id);
	if (*slot)
		return 1;
	old = s->before && *find(s->before, id);
	if (s->n == PCAP_SEEN) {
		uint64_t *free_set = s->before ? s->before : calloc(SLOTS, sizeof(*s->now));

		if (!free_set)
			return -1;
		memset(free_set, 0, SLOTS * sizeof(*free_set));
		s->before = s->now;
		s->now = free_set;
		s->n = 0;
		slot = find(s->now, id);
	}
	*slot = id;
	s->n++;
	return old;
}

void pcap_seen_fini(struct pcap_seen *s)
{
	free(s->now);
	free(s->before);
	*s = (struct pcap_seen){0};
}

/* ---- in order ---- */

static bool before(const struct pcap_held *a, const struct pcap_held *b)
{
	return a->time_ns != b->time_ns ? a->time_ns < b->time_ns : a->seq < b->seq;
}

void pcap_order_pop(struct pcap_order *o, struct buf *out)
{
	struct pcap_held last = o->heap[--o->n];
	size_t at = 0;

	buf_put(out, o->heap[0].p, o->heap[0].len);
	free(o->heap[0].p);
	for (;;) {
		size_t child = 2 * at + 1;

		if (child >= o->n)
			break;
		if (child + 1 < o->n && before(&o->heap[child + 1], &o->heap[child]))
			child++;
		if (!before(&o->heap[child], &last))
			break;
		o->heap[at] = o->heap[child];
		at = child;
	}
	o->heap[at] = last;
}

bool pcap_order_push(struct pcap_order *o, uint64_t time_ns, const void *p, size_t len,
		     struct buf *out)
{
	struct pcap_held new = {time_ns, o->seq++, malloc(len), len};
	size_t at;

	if (!o->heap)
		o->heap = calloc(PCAP_HELD, sizeof(*o->heap));
	if (!new.p || !o->heap) {
		free(new.p);
		return false;
	}
	memcpy(new.p, p, len);
	if (o->n == PCAP_HELD)
		pcap_order_pop(o, out);
	for (at = o->n++; at && before(&new, &o->heap[(at - 1) / 2]); at = (at - 1) / 2)
		o->heap[at] = o->heap[(at - 1) / 2];
	o->heap[at] = new;
	return true;
}

void pcap_order_fini(struct pcap_order *o)
{
	for (size_t i = 0; i < o->n; i++)
		free(o->heap[i].p);
	free(o->heap);
	*o = (struct pcap_order){0};
}
