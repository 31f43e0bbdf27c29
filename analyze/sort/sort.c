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

	/* the series that goes out: its events to come, the one that was given out, and what that has of ours */
	struct series *from; /* NULL: an event that belongs to none */
	struct held *rest, *given;
	uint32_t n_given;
	struct ev_startup startup;
	struct ev_tracking tracking;
	struct ev_ovs ovs;
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
	free_list(s->rest);
	free(s->given);
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

/* Bytes that a member has outside of its row; those of a list itself are counted in lists, too. */
static size_t member_bytes(const struct schema_field *f, const void *row, size_t *lists)
{
	const void *at = (const uint8_t *)row + f->offset;
	const struct ev_list *l = at;
	size_t n;

	if (f->type == SCHEMA_STR)
		return ((const struct ev_str *)at)->len;
	if (f->type == SCHEMA_BYTES)
		return ((const struct ev_bytes *)at)->len;
	n = l->n * sizeof(struct ev_str);
	*lists += n;
	for (uint32_t i = 0; i < l->n; i++)
		n += l->v[i].len;
	return n;
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
	} else {
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
		for (unsigned int i = 0; i < sec->n_outside; i++)
			bytes += member_bytes(&sec->outside[i], from, &lists);
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
		for (unsigned int i = 0; i < sec->n_outside; i++)
			keep_member(&sec->outside[i], row, &lists_at, &bytes_at);
		row += align8(sec->size);
	}
	return h;
}

/* The view of a held event, in what is zeroed or was one before. */
static void show(const struct held *h, struct ev *ev)
{
	const uint8_t *row = h->rows;

	for (uint64_t gone = ev->sections & ~h->sections; gone; gone &= gone - 1)
		ev->row[__builtin_ctzll(gone)] = NULL;
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

/* An event that is a flow lookup gets the trace of its flow, where there is one. */
static void add_trace(struct sort *s, struct ev *ev)
{
	struct sort_key key = trace_key(ev->ovs->flow, ev->ovs->sf_acts, ev->ovs->ufid);
	const struct held *h = sort_map_get(&s->traces, &key);
	struct ev trace = {0};

	if (!h)
		return;
	show(h, &trace);
	s->ovs = *ev->ovs;
	EV_SET(&s->ovs, ovs, dpflow, trace.ovs_detrace->dpflow);
	EV_SET(&s->ovs, ovs, ofpflows, trace.ovs_detrace->ofpflows);
	ev->ovs = &s->ovs;
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

/*
 * Which is older: the series that was seen first, or the event that belongs to none. A file begins with
 * its startup event, even if events were on their way before it was stamped.
 */
static bool alone_is_next(const struct sort *s)
{
	struct ev ev = {0};

	if (!s->alone || !s->n_heap)
		return s->alone != NULL;
	show(s->alone, &ev);
	if (ev.startup && !s->status.series)
		return true;
	return !ev.common || s->heap[0]->timestamp >= ev.common->timestamp;
}

/* The next series into s->rest. False: none is due. */
static bool choose(struct sort *s, bool end)
{
	if (!s->status.held || (!end && (!s->max_buffer || s->status.held < s->max_buffer)))
		return false;
	s->from = NULL;
	if (alone_is_next(s)) {
		s->rest = s->alone;
		s->alone = s->rest->next;
		s->rest->next = NULL;
	} else {
		s->from = heap_take(s);
		s->rest = s->from->first;
		s->from->first = s->from->last = NULL;
	}
	s->n_given = 0;
	s->status.series++;
	return true;
}

/* What is told of an event's place. */
static void set_place(struct sort *s, struct ev *ev)
{
	struct ev_tracking *t = &s->tracking;

	if (ev->startup) {
		s->startup = *ev->startup;
		EV_SET(&s->startup, startup, sorted, true);
		ev->startup = &s->startup;
	}
	if (!s->from)
		return;
	*t = (struct ev_tracking){0};
	EV_SET(t, tracking, orig_head, s->from->orig_head);
	EV_SET(t, tracking, timestamp, s->from->timestamp);
	EV_SET(t, tracking, skb, s->from->skb);
	EV_SET(t, tracking, idx, s->given->idx);
	if (!ev->index)
		EV_SET(t, tracking, first, true);
	ev->tracking = t;
	ev->sections |= EV_SECTION_BIT(tracking);
	if (ev->ovs && ev_is(ev->ovs->event_type, "flow_lookup"))
		add_trace(s, ev);
}

bool sort_next(struct sort *s, struct ev *ev, bool end)
{
	free(s->given);
	s->given = NULL;
	if (!s->rest && !choose(s, end))
		return false;
	s->given = s->rest;
	s->rest = s->given->next;
	s->status.held--;
	show(s->given, ev);
	ev->index = s->n_given++;
	set_place(s, ev);
	return true;
}

bool sort_pop(struct sort *s, struct ev_batch *out, bool end)
{
	struct ev ev = {0};
	bool any = false;

	while ((s->rest || !any) && sort_next(s, &ev, end)) {
		ev_copy(out, &ev);
		any = true;
	}
	return any;
}
