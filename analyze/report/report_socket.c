/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyze/report/report_socket.h"

#include <string.h>

#include "formats/schema.h"

enum {
	STATE_LISTEN = 10,
	PROTO_TCP = 6,
	/* ss does not show a threshold from here on: it was never set, or is as good as that */
	SSTHRESH_NONE = 0xffff,
	BITS = 8,
};

/* Where a value is: of a snapshot, and of an event of its packets. */
static const struct {
	const char *name;
	uint8_t section, bit, event_bit;
	uint8_t times; /* bytes are shown as bits */
	bool in_event;
	bool queue;     /* of a socket that listens, too: there the rest means something else */
	uint64_t unset; /* from this value on it is none; 0: every value is one */
} values[SERIES_VALUES] = {
	{"cwnd", EV_tcpinfo, EVI_tcpinfo_snd_cwnd, EVI_sock_cwnd, 1, true, false, 0},
	{"ssthresh", EV_tcpinfo, EVI_tcpinfo_snd_ssthresh, EVI_sock_ssthresh, 1, true, false,
	 SSTHRESH_NONE},
	{"rtt_us", EV_tcpinfo, EVI_tcpinfo_rtt, EVI_sock_srtt, 1, true, false, 0},
	{"minrtt_us", EV_tcpinfo, EVI_tcpinfo_min_rtt, 0, 1, false, false, UINT32_MAX},
	{"in_flight", EV_tcpinfo, EVI_tcpinfo_unacked, EVI_sock_in_flight, 1, true, false, 0},
	{"retrans", EV_tcpinfo, EVI_tcpinfo_total_retrans, EVI_sock_retransmits, 1, true, false, 0},
	{"recvq", EV_diag, EVI_diag_rqueue, EVI_sock_rcvq, 1, true, true, 0},
	{"sendq", EV_diag, EVI_diag_wqueue, EVI_sock_sndq, 1, true, true, 0},
	{"delivery_rate", EV_tcpinfo, EVI_tcpinfo_delivery_rate, 0, BITS, false, false, 0},
};

const char *const sockets_values[SERIES_VALUES] = {
	"cwnd",    "ssthresh", "rtt_us", "minrtt_us",     "in_flight",
	"retrans", "recvq",    "sendq",  "delivery_rate",
};

void sockets_init(struct sockets *s)
{
	*s = (struct sockets){0};
}

void sockets_fini(struct sockets *s)
{
	for (uint32_t i = 0; i < SOCKETS_MAX; i++)
		series_free(&s->v[i].series);
	*s = (struct sockets){0};
}

uint64_t sockets_weight(const struct sockets_one *o)
{
	return stats_socket_retrans(o->k) + o->k->drops - o->k->drops_first + o->k->full +
	       o->drops.all;
}

/* ---- addresses ---- */

/* The same for both directions; never 0. */
static uint64_t hash_of(const struct tuple *t)
{
	uint8_t a[18], b[18];

	memcpy(a, t->from.address, 16);
	memcpy(a + 16, &t->from.port, 2);
	memcpy(b, t->to.address, 16);
	memcpy(b + 16, &t->to.port, 2);
	return (stats_hash(a, sizeof(a)) + stats_hash(b, sizeof(b))) | 1;
}

static void put_end(struct tuple_end *end, uint8_t family, const uint8_t *address, uint16_t port)
{
	static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

	end->port = port;
	if (family == 6) {
		memcpy(end->address, address, 16);
		return;
	}
	memcpy(end->address, mapped, 12);
	memcpy(end->address + 12, address, 4);
}

static void hash_put(struct sockets *s, uint32_t index)
{
	uint32_t at = (uint32_t)s->v[index].hash;

	while (s->hash[at & (SOCKETS_HASH - 1)])
		at++;
	s->hash[at & (SOCKETS_HASH - 1)] = (uint8_t)(index + 1);
}

static void add_mark(struct sockets_marks *m, uint64_t ns)
{
	m->all++;
	if (m->n < SOCKETS_MARKS)
		m->ns[m->n++] = ns;
}

static void take_tuple(struct sockets *s, struct sockets_one *o, const struct ev *ev)
{
	struct tuple t;

	if (!(ev->diag && tuple_of_socket(ev->diag, &t)) &&
	    !(ev->sock && tuple_of_sock(ev->sock, &t)))
		return;
	o->hash = hash_of(&t);
	hash_put(s, (uint32_t)(o - s->v));
	/* a drop makes the recorder look at the socket: it comes first */
	for (uint32_t i = 0; i < SOCKETS_RECENT; i++)
		if (s->recent[i].hash == o->hash)
			add_mark(&o->drops, s->recent[i].ns);
}

void sockets_drop(struct sockets *s, const struct stats_flow *flow, uint64_t ns)
{
	struct tuple t;
	uint64_t hash;

	if (!flow->family || flow->proto != PROTO_TCP || !flow->ports)
		return;
	put_end(&t.from, flow->family, flow->src, flow->sport);
	put_end(&t.to, flow->family, flow->dst, flow->dport);
	hash = hash_of(&t);
	for (uint32_t at = (uint32_t)hash; s->hash[at & (SOCKETS_HASH - 1)]; at++) {
		struct sockets_one *o = &s->v[s->hash[at & (SOCKETS_HASH - 1)] - 1];

		if (o->hash == hash)
			add_mark(&o->drops, ns);
	}
	s->recent[s->n_recent % SOCKETS_RECENT].hash = hash;
	s->recent[s->n_recent++ % SOCKETS_RECENT].ns = ns;
}

/* ---- places ---- */

static struct sockets_one *push_out(struct sockets *s, uint32_t *pushed_out)
{
	struct sockets_one *worst = NULL;

	for (uint32_t i = 0; i < SOCKETS_MAX; i++)
		if (!worst || sockets_weight(&s->v[i]) < sockets_weight(worst))
			worst = &s->v[i];
	*pushed_out = worst->slot;
	worst->k->tag = 0;
	series_free(&worst->series);
	*worst = (struct sockets_one){0};
	memset(s->hash, 0, sizeof(s->hash));
	for (uint32_t i = 0; i < SOCKETS_MAX; i++)
		if (s->v[i].hash)
			hash_put(s, i);
	return worst;
}

static struct sockets_one *place_of(struct sockets *s, struct stats_socket *k, bool wrong,
				    uint32_t *pushed_out)
{
	struct sockets_one *o;

	if (k->tag)
		return &s->v[k->tag - 1];
	if (s->n < SOCKETS_MAX) {
		o = &s->v[s->n++];
	} else {
		uint64_t least = UINT64_MAX;

		for (uint32_t i = 0; wrong && i < SOCKETS_MAX && least; i++)
			if (sockets_weight(&s->v[i]) < least)
				least = sockets_weight(&s->v[i]);
		/* one that is a little worse does not push out what has a history */
		if (!wrong || stats_socket_retrans(k) + k->full < 2 * least)
			return NULL;
		o = push_out(s, pushed_out);
	}
	o->k = k;
	k->tag = (uint32_t)(o - s->v) + 1;
	return o;
}

/* ---- values ---- */

static uint64_t value_of(int i, const struct ev *ev, bool listens)
{
	const void *row = ev->diag             ? ev->row[values[i].section]
			  : values[i].in_event ? (const void *)ev->sock
					       : NULL;
	enum ev_section section = ev->diag ? values[i].section : EV_sock;
	unsigned int bit = ev->diag ? values[i].bit : values[i].event_bit;
	uint64_t v;

	if (!row || (listens && !values[i].queue) || !(*(const uint64_t *)row >> bit & 1))
		return SERIES_NONE;
	v = schema_get(schema_field_of(section, bit + 1), row);
	return values[i].unset && v >= values[i].unset ? SERIES_NONE : v * values[i].times;
}

static void take_values(struct sockets *s, struct sockets_one *o, const struct ev *ev)
{
	struct series_point p = {.ns = ev->common ? ev->common->timestamp : 0};
	struct ev_str cong = ev->cong   ? ev->cong->algorithm
			     : ev->sock ? ev->sock->ca
					: (struct ev_str){0};
	bool any = false;

	for (int i = 0; i < SERIES_VALUES; i++) {
		p.v[i] = value_of(i, ev, o->k->listen);
		any |= p.v[i] != SERIES_NONE;
	}
	if (any && !series_add(&o->series, &p))
		s->failed = true;
	if (cong.len && cong.len < SOCKETS_CONG) {
		memcpy(o->cong, cong.p, cong.len);
		o->cong[cong.len] = 0;
	}
}

struct sockets_one *sockets_event(struct sockets *s, struct stats_socket *k, const struct ev *ev,
				  uint64_t retrans, bool full, uint32_t *pushed_out)
{
	struct sockets_one *o;
	uint64_t ns = ev->common ? ev->common->timestamp : 0;

	*pushed_out = 0;
	o = place_of(s, k, retrans || full, pushed_out);
	if (!o)
		return NULL;
	if (!o->hash)
		take_tuple(s, o, ev);
	if (ev->netns)
		o->netns = tuple_netns_of(ev);
	if (retrans)
		add_mark(&o->retransmits, ns);
	if ((retrans || full) && !o->first_ns)
		o->first_ns = ns;
	take_values(s, o, ev);
	return o;
}

uint32_t sockets_sorted(const struct sockets *s, uint32_t *order, uint32_t n)
{
	uint32_t have = 0;

	for (uint32_t i = 0; i < s->n; i++) {
		uint64_t weight = sockets_weight(&s->v[i]), all = s->v[i].series.all;
		uint32_t at = have;

		for (; at; at--) {
			const struct sockets_one *o = &s->v[order[at - 1]];

			if (sockets_weight(o) > weight ||
			    (sockets_weight(o) == weight && o->series.all >= all))
				break;
			if (at < n)
				order[at] = order[at - 1];
		}
		if (at < n)
			order[at] = i;
		if (at < n && have < n)
			have++;
	}
	return have;
}
