/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyze/cut/cut_need.h"

#include <stdlib.h>
#include <string.h>

#include "analyze/filter/fields_packet.h"
#include "analyze/sort/journey.h"

enum { STATE_LISTEN = 10, TCP_SYN = 0x02, TCP_ACK = 0x10 };

/* Kinds of facts; each is a hash of 128 bits in one set, which goes to a file when there are very many. */
enum kind {
	NAMESPACE,
	NAMESPACE_NUMBER, /* of events that know no cookie: before Linux 5.12 */
	DEVICE,
	DEVICE_NAME,
	PROBE,
	REASON,
	SOCKET,
	CONNECTION,
	LISTENER,
	DUMPED, /* a namespace of which sockets are kept */
};

struct cut_need {
	struct journey_set *set;
	uint64_t rows; /* facts that rows of the inventory may be needed for */
	int error;
};

struct cut_need *cut_need_new(void)
{
	struct cut_need *need = calloc(1, sizeof(*need));

	if (need && !(need->set = journey_set_new())) {
		free(need);
		need = NULL;
	}
	return need;
}

void cut_need_free(struct cut_need *need)
{
	if (!need)
		return;
	journey_set_free(need->set);
	free(need);
}

uint64_t cut_need_count(const struct cut_need *need)
{
	return need->rows;
}

/* ---- facts ---- */

static inline struct journey_key mix(struct journey_key k, uint64_t v)
{
	k.time = (k.time ^ v) * UINT64_C(0xff51afd7ed558ccd);
	k.time ^= k.time >> 32;
	k.head = (k.head + v) * UINT64_C(0x9e3779b97f4a7c15);
	k.head ^= k.head >> 29;
	return k;
}

/* Eight bytes at a time: every event has six facts or more, and byte by byte they took as long as decoding it. */
static struct journey_key more(struct journey_key k, const void *p, size_t n)
{
	const uint8_t *from = p;
	uint64_t v;

	for (; n >= sizeof(v); from += sizeof(v), n -= sizeof(v)) {
		memcpy(&v, from, sizeof(v));
		k = mix(k, v);
	}
	if (!n)
		return k;
	v = 0;
	memcpy(&v, from, n);
	return mix(mix(k, v), n); /* with how many they are */
}

static struct journey_key fact(const struct ev *ev, enum kind kind)
{
	struct journey_key k = {UINT64_C(14695981039346656037), UINT64_C(0x2545f4914f6cdd1d)};

	k = mix(k, kind);
	/* cookies and numbers are those of one machine */
	return ev->common ? more(k, ev->common->hostname.p, ev->common->hostname.len) : k;
}

static struct journey_key number(const struct ev *ev, enum kind kind, uint64_t v)
{
	return mix(fact(ev, kind), v);
}

static struct journey_key text(const struct ev *ev, enum kind kind, struct ev_str a,
			       struct ev_str b)
{
	struct journey_key k = more(fact(ev, kind), a.p, a.len);

	return more(mix(k, a.len), b.p, b.len);
}

/* Adds which namespace it is; a fact about none is one about any. */
static struct journey_key within(struct journey_key k, const struct ev_netns *ns, bool by_cookie)
{
	uint64_t v[2] = {0, 0};

	if (ns && by_cookie && EV_HAS(ns, netns, cookie)) {
		v[0] = 1;
		v[1] = ns->cookie;
	} else if (ns && EV_HAS(ns, netns, inum)) {
		v[0] = 2;
		v[1] = ns->inum;
	}
	return mix(mix(k, v[0]), v[1]);
}

static bool add(struct cut_need *need, struct journey_key k)
{
	uint64_t before = journey_set_count(need->set);
	int rc = journey_set_add(need->set, k);

	if (rc < 0)
		need->error = rc;
	return journey_set_count(need->set) != before;
}

static void add_row(struct cut_need *need, struct journey_key k)
{
	need->rows += add(need, k);
}

/* The fact within the namespace of a row, within one known by its number alone, or within any. */
static bool has_within(const struct cut_need *need, struct journey_key k, const struct ev_netns *ns)
{
	return journey_set_has(need->set, within(k, ns, true)) ||
	       journey_set_has(need->set, within(k, ns, false)) ||
	       journey_set_has(need->set, within(k, NULL, false));
}

/* ---- namespaces and devices ---- */

static void need_namespace(struct cut_need *need, const struct ev *ev)
{
	const struct ev_netns *ns = ev->netns;

	if (!ns)
		return;
	if (EV_HAS(ns, netns, cookie))
		add_row(need, number(ev, NAMESPACE, ns->cookie));
	else
		add_row(need, number(ev, NAMESPACE_NUMBER, ns->inum));
}

static bool is_namespace_needed(const struct cut_need *need, const struct ev *ev)
{
	const struct ev_netns *ns = ev->netns;

	if (!ns)
		return false;
	return (EV_HAS(ns, netns, cookie) &&
		journey_set_has(need->set, number(ev, NAMESPACE, ns->cookie))) ||
	       (EV_HAS(ns, netns, inum) &&
		journey_set_has(need->set, number(ev, NAMESPACE_NUMBER, ns->inum)));
}

static void need_device(struct cut_need *need, const struct ev *ev, uint32_t ifindex)
{
	if (ifindex)
		add_row(need, within(number(ev, DEVICE, ifindex), ev->netns, true));
}

static void need_devices(struct cut_need *need, const struct ev *ev)
{
	if (ev->dev && EV_HAS(ev->dev, dev, ifindex))
		need_device(need, ev, ev->dev->ifindex);
	else if (ev->dev)
		add_row(need, within(text(ev, DEVICE_NAME, ev->dev->name, (struct ev_str){0}),
				     ev->netns, true));
	if (ev->dev && EV_HAS(ev->dev, dev, rx_ifindex))
		need_device(need, ev, ev->dev->rx_ifindex);
	if (ev->diag)
		need_device(need, ev, ev->diag->ifindex);
}

static bool is_device_needed(const struct cut_need *need, const struct ev *ev)
{
	return has_within(need, number(ev, DEVICE, ev->iface->ifindex), ev->netns) ||
	       has_within(need, text(ev, DEVICE_NAME, ev->iface->name, (struct ev_str){0}),
			  ev->netns);
}

/* ---- sockets ---- */

struct endpoint {
	uint8_t address[16];
	uint16_t port;
	uint8_t len, zero[5]; /* no padding: it is hashed as bytes, eight at a time */
};

/* IPv4 that an IPv6 socket speaks is IPv4 on the wire. */
static struct endpoint endpoint(const void *address, size_t len, uint16_t port)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	struct endpoint e = {.port = port};
	const uint8_t *p = address;

	if (len == 16 && memcmp(p, mapped, sizeof(mapped)) == 0) {
		p += sizeof(mapped);
		len = 4;
	}
	if (len <= sizeof(e.address)) {
		memcpy(e.address, p, len);
		e.len = (uint8_t)len;
	}
	return e;
}

/* Both directions are one connection. */
static struct journey_key connection(const struct ev *ev, const struct endpoint *a,
				     const struct endpoint *b)
{
	bool swap = memcmp(a, b, sizeof(*a)) > 0;

	return more(more(fact(ev, CONNECTION), swap ? b : a, sizeof(*a)), swap ? a : b, sizeof(*a));
}

static void need_connection(struct cut_need *need, const struct ev *ev)
{
	struct packet_headers h;
	struct endpoint a, b;

	packet_parse(ev->packet, &h);
	if (!(h.has >> PACKET_TCP_SPORT & 1) || !(h.has >> PACKET_TCP_DPORT & 1) ||
	    !(h.has >> PACKET_IP_SRC & 1) || !(h.has >> PACKET_IP_DST & 1))
		return;
	a = endpoint(h.bytes[PACKET_IP_SRC], h.len[PACKET_IP_SRC], (uint16_t)h.v[PACKET_TCP_SPORT]);
	b = endpoint(h.bytes[PACKET_IP_DST], h.len[PACKET_IP_DST], (uint16_t)h.v[PACKET_TCP_DPORT]);
	add(need, within(connection(ev, &a, &b), ev->netns, true));
	/* who would have answered */
	if (h.has >> PACKET_TCP_FLAGS & 1 &&
	    (h.v[PACKET_TCP_FLAGS] & (TCP_SYN | TCP_ACK)) == TCP_SYN)
		add(need, within(number(ev, LISTENER, b.port), ev->netns, true));
}

bool cut_need_socket(const struct cut_need *need, const struct ev *ev)
{
	const struct ev_diag *d = ev->diag;
	struct endpoint a, b;

	if (!d)
		return false;
	if (EV_HAS(d, diag, cookie) && journey_set_has(need->set, number(ev, SOCKET, d->cookie)))
		return true;
	if (d->state == STATE_LISTEN)
		return has_within(need, number(ev, LISTENER, d->sport), ev->netns);
	a = endpoint(d->src.p, d->src.len, d->sport);
	b = endpoint(d->dst.p, d->dst.len, d->dport);
	return has_within(need, connection(ev, &a, &b), ev->netns);
}

/* ---- all ---- */

int cut_need_event(struct cut_need *need, const struct ev *ev)
{
	need_namespace(need, ev);
	need_devices(need, ev);
	if (ev->kernel)
		add_row(need, text(ev, PROBE, ev->kernel->symbol, (struct ev_str){0}));
	if (ev->skb_drop)
		add_row(need, text(ev, REASON, ev->skb_drop->drop_reason, ev->skb_drop->subsys));
	if (ev->sock && EV_HAS(ev->sock, sock, cookie))
		add(need, number(ev, SOCKET, ev->sock->cookie));
	if (ev->diag && EV_HAS(ev->diag, diag, cookie))
		add(need, number(ev, SOCKET, ev->diag->cookie));
	if (ev->diag)
		add_row(need, within(fact(ev, DUMPED), ev->netns, true));
	if (ev->packet)
		need_connection(need, ev);
	return need->error;
}

bool cut_need_row(const struct cut_need *need, const struct ev *ev)
{
	if (ev->iface)
		return is_device_needed(need, ev);
	if (ev->nsinfo)
		return is_namespace_needed(need, ev);
	if (ev->probe)
		return journey_set_has(need->set,
				       text(ev, PROBE, ev->probe->symbol, (struct ev_str){0}));
	if (ev->dropname)
		return journey_set_has(need->set,
				       text(ev, REASON, ev->dropname->name, ev->dropname->subsys));
	if (ev->snapset)
		return journey_set_has(need->set, within(fact(ev, DUMPED), ev->netns, true));
	return false;
}
