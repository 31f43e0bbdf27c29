/* SPDX-License-Identifier: BSD-2-Clause */
/* Sockets for stats: what they retransmitted, what they dropped, whose accept queue was full. */
#include <stdlib.h>
#include <string.h>

#include "analyze/stats/stats.h"

enum { SLOTS = STATS_SOCKETS * 2, FAMILY_INET = 2, STATE_LISTEN = 10 };

static struct stats_socket *socket_of(struct stats *s, const uint64_t key[2])
{
	uint32_t at = (uint32_t)stats_hash(key, 16);

	for (;; at++) {
		struct stats_socket *k = &s->sock[at & (SLOTS - 1)];

		if (k->used && k->key[0] == key[0] && k->key[1] == key[1])
			return k;
		if (k->used)
			continue;
		if (s->n_sock == STATS_SOCKETS) {
			s->sock_left_out++;
			return NULL;
		}
		s->n_sock++;
		*k = (struct stats_socket){.key = {key[0], key[1]}};
		return k;
	}
}

static void copy_address(uint8_t *to, struct ev_str from)
{
	memcpy(to, from.p, from.len < 16 ? from.len : 16);
}

static void take_tuple(struct stats_socket *k, const struct ev_diag *d)
{
	k->tuple = true;
	k->family = d->family == FAMILY_INET ? 4 : 6;
	k->sport = d->sport;
	k->dport = d->dport;
	if (d->src.len)
		copy_address(k->src, d->src);
	if (d->dst.len)
		copy_address(k->dst, d->dst);
}

/* Counters that ran before the recording do not count: the first sight is the base. */
static void count(struct stats_socket *k, bool base, uint64_t *first, uint64_t *last, uint64_t v)
{
	if (!k->used && base)
		*first = v;
	if (v > *last)
		*last = v;
}

static void key_of(const struct ev *ev, uint64_t key[2])
{
	const struct ev_diag *d = ev->diag;
	uint64_t h;

	key[0] = d ? d->cookie : ev->sock->cookie;
	key[1] = 0;
	if (key[0] || !d)
		return;
	h = stats_hash(d->src.p, d->src.len) ^ stats_hash(d->dst.p, d->dst.len) * 3;
	key[0] = h ^ (uint64_t)d->sport << 32 ^ (uint64_t)d->dport << 16 ^ d->inode;
	key[1] = 1;
}

void stats_socket_event(struct stats *s, const struct ev *ev)
{
	/* a socket that was there at the start brings counts from before; one that came later does not */
	bool base = !ev->snap || !EV_HAS(ev->snap, snap, cause) || ev_is(ev->snap->cause, "start");
	const struct ev_diag *d = ev->diag;
	struct stats_socket *k;
	uint64_t key[2], retrans, full;

	key_of(ev, key);
	if (!key[0] && !key[1])
		return;
	k = socket_of(s, key);
	if (!k)
		return;
	retrans = stats_socket_retrans(k);
	full = k->full;
	if (d) {
		take_tuple(k, d);
		k->state = d->state;
		k->listen |= d->state == STATE_LISTEN;
		if (d->state == STATE_LISTEN && d->wqueue) {
			k->queue_limit = d->wqueue;
			if (d->rqueue > k->queue)
				k->queue = d->rqueue;
			/* sk_acceptq_is_full(), include/net/sock.h: more than the limit wait */
			k->full += d->rqueue > d->wqueue;
		}
	}
	if (ev->tcpinfo && !k->listen) {
		count(k, base, &k->retrans_first, &k->retrans, ev->tcpinfo->total_retrans);
		k->rtt_us = ev->tcpinfo->rtt;
		if (ev->tcpinfo->bytes_retrans > k->bytes_retrans)
			k->bytes_retrans = ev->tcpinfo->bytes_retrans;
	}
	if (ev->sock && EV_HAS(ev->sock, sock, retransmits))
		count(k, true, &k->retrans_first, &k->retrans, ev->sock->retransmits);
	if (ev->skmeminfo && EV_HAS(ev->skmeminfo, skmeminfo, drops))
		count(k, base, &k->drops_first, &k->drops, ev->skmeminfo->drops);
	k->used = true;
	if (s->watch && s->watch->socket)
		s->watch->socket(s->watch->ctx, k, ev, stats_socket_retrans(k) - retrans,
				 k->full > full);
}

uint64_t stats_retransmits(const struct stats *s)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < SLOTS; i++)
		n += stats_socket_retrans(&s->sock[i]);
	return n;
}

uint32_t stats_socket_top(const struct stats *s, bool full, const struct stats_socket **v,
			  uint32_t n)
{
	uint32_t have = 0;

	for (uint32_t i = 0; i < SLOTS; i++) {
		const struct stats_socket *k = &s->sock[i];
		uint64_t value = full ? k->full : stats_socket_retrans(k);
		uint32_t at;

		if (!value)
			continue;
		for (at = have; at; at--) {
			const struct stats_socket *o = v[at - 1];

			if ((full ? o->full : stats_socket_retrans(o)) >= value)
				break;
			if (at < n)
				v[at] = o;
		}
		if (at >= n)
			continue;
		v[at] = k;
		if (have < n)
			have++;
	}
	return have;
}
