/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyze/sort/sort.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/sort/sort_map.h"
#include "formats/schema.h"

/* One event, whole, in one piece of memory: the rows in the order of the sections, then their bytes. */
struct held {
	struct held *next;
	uint64_t sections;
	uint32_t idx; /* in its series */
	uint8_t rows[] __attribute__((aligned(8)));
};

/* One packet's way. Never freed before the end: what comes late gets the next number. */
struct series {
	struct series *all; /* list of all of them */
	uint64_t orig_head, timestamp, skb;
	uint32_t next_idx;
	struct held *first, *last; /* events held; NULL: none, and not in the heap */
};

struct sort {
	uint32_t max_buffer;
	struct sort_status status;
	struct series *all;
	struct sort_map packets; /* (timestamp, orig_head): series */
	struct sort_map upcalls; /* (time, cpu): series */
	struct sort_map queues;  /* queue id: series */
	struct sort_map traces; /* (flow, sf_acts, ufid): struct held with an ovs-detrace section */
	struct series **heap;   /* those that hold events, oldest first */
	uint32_t n_heap, cap_heap;
	struct held *alone, *alone_last; /* events that belong to no series, in their order */
};

struct sort *sort_new(uint32_t max_buffer)
{
	struct sort *s = calloc(1, sizeof(*s));

	if (s)
		s->max_buffer = max_buffer;
	return s;
}

static void free_list(struct held *h)
{
	for (struct held *next; h; h = next) {
		next = h->next;
		free(h);
	}
}

void sort_free(struct sort *s)
{
	if (!s)
		return;
	for (struct series *x = s->all, *next; x; x = next) {
		next = x->all;
		free_list(x->first);
		free(x);
	}
	for (size_t i = 0; i < s->traces.size; i++)
		free(s->traces.slots[i].value);
	free_list(s->alone);
	free(s->heap);
	sort_map_free(&s->packets);
	sort_map_free(&s->upcalls);
	sort_map_free(&s->queues);
	sort_map_free(&s->traces);
	free(s);
}

const struct sort_status *sort_status(const struct sort *s)
{
	return &s->status;
}

/* ---- holding events ---- */

static size_t align8(size_t n)
{
	return (n + 7) & ~(size_t)7;
}

/* Bytes that a member has outside of its row. */
static size_t member_bytes(const struct schema_field *f, const void *row)
{
	const void *at = (const uint8_t *)row + f->offset;
	size_t n;

	switch (f->type) {
	case SCHEMA_STR: return ((const struct ev_str *)at)->len;
	case SCHEMA_BYTES: return ((const struct ev_bytes *)at)->len;
	case SCHEMA_LIST:
		n = ((const struct ev_list *)at)->n * sizeof(struct ev_str);
		for (uint32_t i = 0; i < ((const struct ev_list *)at)->n; i++)
			n += ((const struct ev_list *)at)->v[i].len;
		return n;
	default: return 0;
	}
}

static char *keep_bytes(char **free_at, const void *p, size_t len)
{
	char *at = *free_at;

	if (len)
		memcpy(at, p, len);
	*free_at += len;
	return at;
}

/* Moves what a member points to into the held event. Lists come first, for they need alignment. */
static void keep_member(const struct schema_field *f, void *row, char **lists, char **bytes)
{
	void *at = (uint8_t *)row + f->offset;
	struct ev_bytes *b = at;
	struct ev_list *l = at;
	struct ev_str *s = at, *v;

	if (f->type == SCHEMA_STR) {
		s->p = keep_bytes(bytes, s->p, s->len);
	} else if (f->type == SCHEMA_BYTES) {
		b->p = (const uint8_t *)keep_bytes(bytes, b->p, b->len);
	} else if (f->type == SCHEMA_LIST) {
		v = (struct ev_str *)keep_bytes(lists, l->v, l->n * sizeof(*v));
		for (uint32_t i = 0; i < l->n; i++)
			v[i].p = keep_bytes(bytes, v[i].p, v[i].len);
		l->v = v;
	}
}

/* A copy of those sections of an event that are in `which`; NULL when out of memory. */
static struct held *hold(const struct ev *ev, uint64_t which)
{
	size_t rows = 0, lists = 0, bytes = 0;
	char *lists_at, *bytes_at;
	struct held *h;
	uint8_t *row;

	which &= ev->sections;
	for (uint64_t left = which; left; left &= left - 1) {
		const struct schema_section *sec = &schema_sections[__builtin_ctzll(left)];
		const void *from = ev->row[__builtin_ctzll(left)];

		rows += align8(sec->size);
		for (unsigned int i = 0; i < sec->n_fields; i++) {
			bytes += member_bytes(&sec->fields[i], from);
			if (sec->fields[i].type == SCHEMA_LIST)
				lists += ((const struct ev_list *)((const uint8_t *)from +
								   sec->fields[i].offset))
						 ->n *
					 sizeof(struct ev_str);
		}
	}
	h = malloc(sizeof(*h) + rows + bytes); /* bytes has the lists in it */
	if (!h)
		return NULL;
	h->next = NULL;
	h->sections = which;
	h->idx = 0;
	row = h->rows;
	lists_at = (char *)h->rows + rows;
	bytes_at = lists_at + lists;
	for (uint64_t left = which; left; left &= left - 1) {
		const struct schema_section *sec = &schema_sections[__builtin_ctzll(left)];

		memcpy(row, ev->row[__builtin_ctzll(left)], sec->size);
		for (unsigned int i = 0; i < sec->n_fields; i++)
			keep_member(&sec->fields[i], row, &lists_at, &bytes_at);
		row += align8(sec->size);
	}
	return h;
}

/* The view of a held event. */
static void show(const struct held *h, struct ev *ev)
{
	const uint8_t *row = h->rows;

	memset(ev, 0, sizeof(*ev));
	ev->sections = h->sections;
	for (uint64_t left = h->sections; left; left &= left - 1) {
		int s = __builtin_ctzll(left);

		ev->row[s] = row;
		row += align8(schema_sections[s].size);
	}
}

/* ---- the heap of series ---- */

static bool is_older(const struct series *a, const struct series *b)
{
	return a->timestamp != b->timestamp ? a->timestamp < b->timestamp
					    : a->orig_head < b->orig_head;
}

static bool heap_add(struct sort *s, struct series *x)
{
	uint32_t i;

	if (s->n_heap == s->cap_heap) {
		uint32_t cap = s->cap_heap ? s->cap_heap * 2 : 64;
		struct series **heap = realloc(s->heap, cap * sizeof(*heap));

		if (!heap)
			return false;
		s->heap = heap;
		s->cap_heap = cap;
	}
	for (i = s->n_heap++; i && is_older(x, s->heap[(i - 1) / 2]); i = (i - 1) / 2)
		s->heap[i] = s->heap[(i - 1) / 2];
	s->heap[i] = x;
	return true;
}

static struct series *heap_take(struct sort *s)
{
	struct series *oldest = s->heap[0], *x = s->heap[--s->n_heap];
	uint32_t i = 0, child;

	while ((child = 2 * i + 1) < s->n_heap) {
		child += child + 1 < s->n_heap && is_older(s->heap[child + 1], s->heap[child]);
		if (!is_older(s->heap[child], x))
			break;
		s->heap[i] = s->heap[child];
		i = child;
	}
	s->heap[i] = x;
	return oldest;
}

/* ---- which series an event belongs to ---- */

static struct sort_key packet_key(const struct ev_skb_tracking *t)
{
	return (struct sort_key){{t->timestamp, t->orig_head}};
}

/* The ordinary rule: by the tracking id, a new one for an id not seen before. False: out of memory. */
static bool find_packet(struct sort *s, const struct ev *ev, struct series **found)
{
	struct sort_key key;
	struct series *x;

	*found = NULL;
	if (!ev->skb_tracking)
		return true;
	key = packet_key(ev->skb_tracking);
	*found = sort_map_get(&s->packets, &key);
	if (*found)
		return true;
	x = calloc(1, sizeof(*x));
	if (!x)
		return false;
	x->orig_head = ev->skb_tracking->orig_head;
	x->timestamp = ev->skb_tracking->timestamp;
	x->skb = ev->skb_tracking->skb;
	x->all = s->all;
	s->all = x;
	*found = x;
	return sort_map_put(&s->packets, &key, x);
}

/*
 * A packet that a flow miss sends to user space: the upcall is known by its time and cpu, the
 * message that goes up by its queue id, and so is everything that user space does about it.
 */
static bool find_series(struct sort *s, const struct ev *ev, struct series **found)
{
	const struct ev_ovs *o = ev->ovs;
	struct sort_key upcall, queue, packet;
	bool by_queue;

	if (!o)
		return find_packet(s, ev, found);
	upcall = (struct sort_key){{o->upcall_ts, o->upcall_cpu}};
	queue = (struct sort_key){{o->queue_id}};
	if (ev_is(o->event_type, "upcall")) {
		upcall = (struct sort_key){{ev->common ? ev->common->timestamp : 0, o->cpu}};
		return find_packet(s, ev, found) &&
		       (!*found || sort_map_put(&s->upcalls, &upcall, *found));
	}
	if (ev_is(o->event_type, "upcall_return")) {
		sort_map_remove(&s->upcalls, &upcall);
		return find_packet(s, ev, found);
	}
	if (ev_is(o->event_type, "upcall_enqueue")) {
		*found = sort_map_get(&s->upcalls, &upcall);
		if (*found)
			return sort_map_put(&s->queues, &queue, *found);
		s->status.unmatched++;
		return find_packet(s, ev, found);
	}
	by_queue = ev_is(o->event_type, "recv_upcall") || ev_is(o->event_type, "flow_operation") ||
		   (ev_is(o->event_type, "action_execute") && EV_HAS(o, ovs, queue_id));
	if (!by_queue)
		return find_packet(s, ev, found);
	*found = sort_map_get(&s->queues, &queue);
	if (!*found) {
		s->status.unmatched++;
		return find_packet(s, ev, found);
	}
	/* the packet that comes back from user space is a new skb, but the same packet */
	if (ev_is(o->event_type, "action_execute") && ev->skb_tracking) {
		packet = packet_key(ev->skb_tracking);
		return sort_map_put(&s->packets, &packet, *found);
	}
	return true;
}

/* ---- OpenFlow traces ---- */

static struct sort_key trace_key(uint64_t flow, uint64_t sf_acts, struct ev_str ufid)
{
	struct sort_key key = {{flow, sf_acts}};

	memcpy(&key.w[2], ufid.p, ufid.len < 16 ? ufid.len : 16);
	return key;
}

static bool remember_trace(struct sort *s, const struct ev *ev)
{
	const struct ev_ovs_detrace *d = ev->ovs_detrace;
	struct sort_key key = trace_key(d->flow, d->sf_acts, d->ufid);
	struct held *old = sort_map_get(&s->traces, &key),
		    *h = hold(ev, EV_SECTION_BIT(ovs_detrace));

	if (!h || !sort_map_put(&s->traces, &key, h)) {
		free(h);
		return false;
	}
	free(old);
	return true;
}

/* The event that was appended last is a flow lookup: gives it the trace of its flow. */
static void add_trace(const struct sort *s, const struct ev_ovs *o, struct ev_batch *out)
{
	struct sort_key key = trace_key(o->flow, o->sf_acts, o->ufid);
	const struct held *h = sort_map_get(&s->traces, &key);
	struct ev_ovs *row = EV_ADD(out, ovs);
	struct ev trace;
	struct ev_str *v;
	uint32_t n;

	if (!h)
		return;
	show(h, &trace);
	EV_SET(row, ovs, dpflow,
	       ev_string(out, trace.ovs_detrace->dpflow.p, trace.ovs_detrace->dpflow.len));
	n = trace.ovs_detrace->ofpflows.n;
	v = ev_batch_alloc(out, n * sizeof(*v));
	if (!v)
		return;
	for (uint32_t i = 0; i < n; i++)
		v[i] = ev_string(out, trace.ovs_detrace->ofpflows.v[i].p,
				 trace.ovs_detrace->ofpflows.v[i].len);
	EV_SET(row, ovs, ofpflows, ((struct ev_list){v, n}));
}

/* ---- in and out ---- */

int sort_push(struct sort *s, const struct ev *ev)
{
	struct series *x;
	struct held *h;

	if (ev->ovs_detrace && !remember_trace(s, ev))
		return -ENOMEM;
	if (!find_series(s, ev, &x))
		return -ENOMEM;
	h = hold(ev, UINT64_MAX);
	if (!h)
		return -ENOMEM;
	if (!x) {
		*(s->alone ? &s->alone_last->next : &s->alone) = h;
		s->alone_last = h;
	} else {
		if (!x->first && !heap_add(s, x)) {
			free(h);
			return -ENOMEM;
		}
		h->idx = x->next_idx++;
		*(x->first ? &x->last->next : &x->first) = h;
		x->last = h;
	}
	s->status.events++;
	s->status.held++;
	return 0;
}

static void put_event(struct sort *s, const struct series *x, const struct held *h, bool first,
		      struct ev_batch *out)
{
	struct ev_tracking *t;
	struct ev ev;

	show(h, &ev);
	ev_copy(out, &ev);
	s->status.held--;
	if (ev.startup)
		EV_SET(EV_ADD(out, startup), startup, sorted, true);
	if (!x)
		return;
	t = EV_ADD(out, tracking);
	memset(t, 0, sizeof(*t));
	EV_SET(t, tracking, orig_head, x->orig_head);
	EV_SET(t, tracking, timestamp, x->timestamp);
	EV_SET(t, tracking, skb, x->skb);
	EV_SET(t, tracking, idx, h->idx);
	if (first)
		EV_SET(t, tracking, first, true);
	if (ev.ovs && ev_is(ev.ovs->event_type, "flow_lookup"))
		add_trace(s, ev.ovs, out);
}

/*
 * Which is older: the series that was seen first, or the event that belongs to none. A file begins with
 * its startup event, even if events were on their way before it was stamped.
 */
static bool alone_is_next(const struct sort *s)
{
	struct ev ev;

	if (!s->alone || !s->n_heap)
		return s->alone != NULL;
	show(s->alone, &ev);
	if (ev.startup && !s->status.series)
		return true;
	return !ev.common || s->heap[0]->timestamp >= ev.common->timestamp;
}

bool sort_pop(struct sort *s, struct ev_batch *out, bool end)
{
	struct series *x = NULL;
	struct held *h;

	if (!s->status.held || (!end && (!s->max_buffer || s->status.held < s->max_buffer)))
		return false;
	if (alone_is_next(s)) {
		h = s->alone;
		s->alone = h->next;
		h->next = NULL;
	} else {
		x = heap_take(s);
		h = x->first;
		x->first = x->last = NULL;
	}
	s->status.series++;
	for (struct held *e = h; e; e = e->next)
		put_event(s, x, e, e == h, out);
	free_list(h);
	return true;
}
