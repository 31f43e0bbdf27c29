// SPDX-License-Identifier: BSD-2-Clause
#include "capture/sock/sock_lookup.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "capture/sock/netlink.h"
#include "capture/sock/sock_request.h"
#include "formats/sock/sockdiag.h"

#define SECOND UINT64_C(1000000000)

static const char *const causes[SOCK_TRIGGER_CAUSES] = {"drop", "retransmit"};

/* ---- the gate ---- */

void sock_gate_init(struct sock_gate *g, uint32_t rate)
{
	*g = (struct sock_gate){.rate = rate};
	g->credit = SECOND / SOCK_GATE_BURSTS;
}

static bool knows_place(const struct sock_gate *g, uint64_t place)
{
	for (uint32_t i = 0; i < g->n_places && i < SOCK_GATE_PLACES; i++)
		if (g->places[i] == place)
			return true;
	return false;
}

void sock_gate_place(struct sock_gate *g, uint64_t cookie, uint32_t inum)
{
	uint64_t place = cookie ? cookie : inum;

	if (g->n_places > SOCK_GATE_PLACES || knows_place(g, place))
		return;
	if (g->n_places < SOCK_GATE_PLACES)
		g->places[g->n_places] = place;
	g->n_places++;
}

static bool is_elsewhere(const struct sock_gate *g, const struct sock_trigger *t)
{
	return g->n_places && g->n_places <= SOCK_GATE_PLACES &&
	       !knows_place(g, t->netns_cookie ? t->netns_cookie : t->netns_inum);
}

static uint64_t mix(uint64_t h, const void *p, size_t n)
{
	const uint8_t *bytes = p;
	uint64_t v;

	for (; n; n -= sizeof(v), bytes += sizeof(v)) {
		memcpy(&v, bytes, sizeof(v));
		h = (h ^ v) * UINT64_C(0x9e3779b97f4a7c15);
		h ^= h >> 32;
	}
	return h;
}

/* What tells sockets apart: the cookie, or addresses and ports where there is none. Never 0. */
static uint64_t key_of(const struct sock_trigger *t)
{
	uint64_t ports = (uint64_t)t->sport << 16 | t->dport, h;

	if (t->cookie)
		return t->cookie;
	h = mix(t->netns_cookie ^ t->netns_inum, &ports, sizeof(ports));
	h = mix(mix(h, t->src, sizeof(t->src)), t->dst, sizeof(t->dst));
	return h | UINT64_C(1) << 63; /* cookies do not get that far */
}

bool sock_gate_pass(struct sock_gate *g, const struct sock_trigger *t)
{
	uint64_t key = key_of(t), cost, most;
	size_t slot = mix(0, &key, sizeof(key)) >> 8 & (SOCK_GATE_SLOTS - 1);

	if (!g->rate || is_elsewhere(g, t))
		return false;
	/* events of several processors: one may be a little older than the one before */
	if (g->seen[slot].key == key && t->time_ns < g->seen[slot].time_ns + SOCK_GATE_AGAIN_NS) {
		g->again++;
		return false;
	}
	cost = SECOND / g->rate;
	most = SECOND / SOCK_GATE_BURSTS > cost ? SECOND / SOCK_GATE_BURSTS : cost;
	if (t->time_ns > g->last_ns) {
		uint64_t since = g->last_ns ? t->time_ns - g->last_ns : most;

		g->credit = since > most - g->credit ? most : g->credit + since;
		g->last_ns = t->time_ns;
	}
	if (g->credit < cost) {
		g->suppressed++;
		return false;
	}
	g->credit -= cost;
	g->seen[slot].key = key;
	g->seen[slot].time_ns = t->time_ns;
	g->passed++;
	return true;
}

/* ---- lookups ---- */

int sock_lookup_open(struct sock_lookup *l, const struct netns *ns, struct skbox_error *err)
{
	struct sockaddr_nl self = {.nl_family = AF_NETLINK};
	socklen_t len = sizeof(self);
	int ret;

	*l = (struct sock_lookup){.fd = -1, .ns = *ns};
	l->buf = malloc(NETLINK_BUFFER_BYTES);
	if (!l->buf)
		return error_set(err, -ENOMEM, 0, "out of memory");
	l->fd = netns_socket(ns, AF_NETLINK, SOCK_RAW, NETLINK_SOCK_DIAG, err);
	if (l->fd < 0) {
		ret = l->fd;
		sock_lookup_close(l);
		return ret;
	}
	if (bind(l->fd, (struct sockaddr *)&self, sizeof(self)) < 0 ||
	    getsockname(l->fd, (struct sockaddr *)&self, &len) < 0) {
		ret = error_set(err, -errno, 0, "netlink: %s", strerror(errno));
		sock_lookup_close(l);
		return ret;
	}
	l->port = self.nl_pid;
	return 0;
}

void sock_lookup_close(struct sock_lookup *l)
{
	/* without a buffer it was never opened, and fd is no descriptor of ours */
	if (l->buf && l->fd >= 0)
		close(l->fd);
	free(l->buf);
	l->buf = NULL;
	l->fd = -1;
}

/* The ids of struct inet_diag_req_v2 and of struct inet_diag_msg are one structure. */
static void put_id(struct sock_id *id, const struct sock_trigger *t)
{
	uint64_t cookie = t->cookie ? t->cookie : UINT64_MAX; /* INET_DIAG_NOCOOKIE: any */

	id->sport = htons(t->sport);
	id->dport = htons(t->dport);
	memcpy(id->src, t->src, sizeof(id->src));
	memcpy(id->dst, t->dst, sizeof(id->dst));
	id->ifindex = t->ifindex;
	id->cookie[0] = (uint32_t)cookie;
	id->cookie[1] = (uint32_t)(cookie >> 32);
}

/*
 * Whether the answer is what was asked for. Where there is no such connection the kernel gives the
 * socket that listens on the port (inet_lookup()), unless the cookie says which one is meant.
 */
static bool is_the_one(const struct sock_trigger *t, const uint8_t *p)
{
	struct sock_id id;

	if (t->cookie)
		return true;
	memcpy(&id, p + SOCK_ID_AT, sizeof(id));
	return id.sport == htons(t->sport) && id.dport == htons(t->dport) &&
	       !memcmp(id.dst, t->dst, t->family == AF_INET ? 4 : 16);
}

/* What came for the request: as sock_lookup_run(). */
static int take_answer(struct sock_lookup *l, const struct sock_trigger *t, const uint8_t *p,
		       size_t len, struct sock_rows *rows, struct ev_batch *b)
{
	struct sock_row row = {.ns = &l->ns,
			       .time_ns = sock_now_ns(),
			       .cause = causes[t->cause % SOCK_TRIGGER_CAUSES],
			       .event_ns = t->time_ns,
			       .fd = l->fd};

	if (len >= SOCKDIAG_MSG_BYTES && !is_the_one(t, p))
		return SOCK_LOOKUP_GONE;
	return sock_rows_add(rows, &row, p, len, b) ? SOCK_LOOKUP_FOUND : SOCK_LOOKUP_LEFT_OUT;
}

int sock_lookup_run(struct sock_lookup *l, const struct sock_trigger *t, struct sock_rows *rows,
		    struct ev_batch *b)
{
	struct sock_request r = {.family = t->family,
				 .protocol = IPPROTO_TCP,
				 .ext = SOCK_REQUEST_EXT,
				 .states = UINT32_MAX};
	int ret;

	put_id(&r.id, t);
	ret = netlink_request(l->fd, SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST, ++l->seq, &r, sizeof(r));
	/* the kernel has answered by now; what is left of an earlier answer is skipped */
	while (ret == 0) {
		ssize_t n = netlink_recv(l->fd, l->buf, NETLINK_BUFFER_BYTES, MSG_DONTWAIT);
		struct cursor c = cursor_init(l->buf, n < 0 ? 0 : (size_t)n);
		struct netlink_msg m;

		if (n < 0)
			return (int)n;
		while (netlink_next(&c, &m) == 1) {
			if (m.seq != l->seq || m.port != l->port)
				continue;
			if (m.type == SOCK_DIAG_BY_FAMILY)
				return take_answer(l, t, m.p, m.len, rows, b);
			if (m.type != NLMSG_ERROR)
				continue;
			ret = netlink_status(&m);
			return ret == -ENOENT ? SOCK_LOOKUP_GONE : ret ? ret : -EPROTO;
		}
	}
	return ret;
}
