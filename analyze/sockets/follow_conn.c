/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which connection an event is of: by its socket's cookie, which is never used again; else by addresses,
 * ports and namespace, of which the newest connection is meant, until something shows that another one
 * began: another cookie at the same end, or a SYN with another number.
 */
#include <stdlib.h>
#include <string.h>

#include "analyze/sockets/follow_impl.h"
#include "formats/sock/sockdiag.h"

enum { KEY_TUPLE = 1, KEY_COOKIE = 2 };
enum { TCP_FIN = 1, TCP_SYN = 2, TCP_ACK = 16 };
enum {
	STATE_SYN_SENT = 2,
	STATE_TIME_WAIT = 6,
	STATE_CLOSE = 7,
	STATE_LISTEN = 10,
	STATE_NEW_SYN_RECV = 12
};

/* An event, as far as it is about a connection. */
struct about {
	const struct ev *ev;
	uint64_t time_ns, cookie;
	struct packet_headers headers;
	struct tuple tuple;
	bool has_tuple;
	bool foreign; /* the sock section is of a socket in another namespace */
	struct tuple_netns ns;
};

uint64_t follow_tuple_hash(const struct tuple *t)
{
	uint64_t sum = 0;

	for (int i = 0; i < 2; i++) {
		const struct tuple_end *end = i ? &t->to : &t->from;
		uint64_t h = end->port, w;

		for (int at = 0; at < 16; at += 8) {
			memcpy(&w, end->address + at, 8);
			h = (h ^ w) * UINT64_C(0x9e3779b97f4a7c15);
			h ^= h >> 29;
		}
		sum += h;
	}
	return sum;
}

bool follow_tuple_of(const struct ev *ev, struct packet_headers *headers, struct tuple *t)
{
	*headers = (struct packet_headers){0};
	if (ev->diag)
		return tuple_of_socket(ev->diag, t);
	if (ev->packet) {
		packet_parse(ev->packet, headers);
		if (tuple_of_packet(headers, t))
			return true;
	}
	/* a window is what only sockets of TCP have */
	return ev->sock && EV_HAS(ev->sock, sock, cwnd) && tuple_of_sock(ev->sock, t);
}

/* 0: as the connection has it; 1: the other way round; -1: not its tuple. */
static int direction(const struct follow_conn *c, const struct tuple *t)
{
	if (tuple_end_same(&c->tuple.from, &t->from) && tuple_end_same(&c->tuple.to, &t->to))
		return 0;
	if (tuple_end_same(&c->tuple.from, &t->to) && tuple_end_same(&c->tuple.to, &t->from))
		return 1;
	return -1;
}

static uint32_t distance(uint32_t a, uint32_t b)
{
	int32_t d = (int32_t)(a - b);

	return d < 0 ? 0 - (uint32_t)d : (uint32_t)d;
}

/*
 * Whose socket an event has: its own end says it, where it was recorded. Else: a packet that goes out has the sender's; one that came in may have the
 * receiver's already (early demux). The packet's number is near what the one sends next, or near
 * what the other expects.
 */
static int side_of(const struct follow_conn *c, const struct about *a)
{
	const struct ev_sock *s = a->ev->sock;
	int dir = a->has_tuple ? direction(c, &a->tuple) : -1;
	struct tuple own;

	for (int i = 0; a->cookie && i < 2; i++)
		if (c->side[i].cookie == a->cookie)
			return i;
	if (s && tuple_of_sock(s, &own) && direction(c, &own) >= 0)
		return direction(c, &own);
	if (a->ev->diag || dir < 0)
		return dir;
	if (s && EV_HAS(s, sock, snd_nxt) && EV_HAS(s, sock, rcv_nxt) &&
	    a->headers.has >> PACKET_TCP_SEQ & 1) {
		uint32_t seq = (uint32_t)a->headers.v[PACKET_TCP_SEQ];

		if (distance(seq, s->rcv_nxt) < distance(seq, s->snd_nxt))
			return !dir;
	}
	return dir;
}

static uint8_t flags_of(const struct about *a)
{
	return (uint8_t)(a->headers.has >> PACKET_TCP_FLAGS & 1 ? a->headers.v[PACKET_TCP_FLAGS]
								: 0);
}

/* Whether the event shows that the connection c is over and another one has its tuple now. */
static bool begins_another(const struct follow_conn *c, const struct about *a)
{
	int dir = direction(c, &a->tuple), side = side_of(c, a);
	/* rows of these states may have a cookie of their own: they are no whole sockets */
	bool mini = a->ev->diag && (a->ev->diag->state == STATE_TIME_WAIT ||
				    a->ev->diag->state == STATE_NEW_SYN_RECV);

	if (a->cookie && side >= 0 && c->side[side].cookie && !mini)
		return c->side[side].cookie != a->cookie;
	if ((flags_of(a) & (TCP_SYN | TCP_ACK)) != TCP_SYN || dir < 0)
		return false;
	if (c->has_isn[dir])
		return c->isn[dir] != (uint32_t)a->headers.v[PACKET_TCP_SEQ];
	return c->has_base[dir] || c->side[dir].gone;
}

static struct sort_key key_of(uint64_t word, uint64_t kind)
{
	return (struct sort_key){.w = {word, kind}};
}

static struct follow_conn *create(struct follow *f, const struct about *a)
{
	struct sort_key key = key_of(follow_tuple_hash(&a->tuple), KEY_TUPLE);
	struct follow_conn *c;

	if (f->n_conns == FOLLOW_CONNS_MAX)
		return NULL;
	if (f->n_conns == f->cap_conns) {
		uint32_t cap = f->cap_conns ? f->cap_conns * 2 : 16;
		struct follow_conn **v = realloc(f->conns, cap * sizeof(struct follow_conn *));

		if (!v)
			return NULL;
		f->conns = v;
		f->cap_conns = cap;
	}
	c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	c->tuple = a->tuple;
	c->ns = a->ns;
	c->older = sort_map_get(&f->map, &key);
	if (!sort_map_put(&f->map, &key, c)) {
		free(c);
		return NULL;
	}
	c->first_ns = c->last_ns = a->time_ns;
	c->losses = f->n_losses;
	f->conns[f->n_conns++] = c;
	c->number = f->n_conns;
	return c;
}

/*
 * Whether the packet's socket is that of the other namespace from which it came: a virtual link hands the
 * packet over with its socket (kernel commit 9c4c325252c5). A socket lives in the namespace
 * where it was seen first.
 */
static bool is_foreign(const struct follow_conn *newest, const struct about *a)
{
	for (const struct follow_conn *c = newest; c; c = c->older) {
		int dir = direction(c, &a->tuple);

		if (dir >= 0 && !tuple_netns_same(c->ns, a->ns) &&
		    (a->cookie ? c->side[dir].cookie == a->cookie : c->side[dir].state))
			return true;
	}
	return false;
}

/* The connection of an event; NULL: of none that is asked for, or there is no room. */
static struct follow_conn *find(struct follow *f, struct about *a)
{
	struct sort_key cookie = key_of(a->cookie, KEY_COOKIE),
			tuple = key_of(follow_tuple_hash(&a->tuple), KEY_TUPLE);
	struct follow_conn *c = a->cookie ? sort_map_get(&f->map, &cookie) : NULL, *newest;

	if (c && (!a->has_tuple || tuple_netns_same(c->ns, a->ns)))
		return c;
	if (!a->has_tuple)
		return NULL;
	newest = sort_map_get(&f->map, &tuple);
	a->foreign = !a->ev->diag && is_foreign(newest, a);
	if (a->foreign)
		a->cookie = 0;
	for (c = newest; c; c = c->older)
		if (direction(c, &a->tuple) >= 0 && tuple_netns_same(c->ns, a->ns))
			break;
	if (c && !begins_another(c, a))
		return c;
	if (f->o->want.cookie ? a->cookie != f->o->want.cookie
			      : !tuple_wanted(&f->o->want, &a->tuple))
		return NULL;
	c = create(f, a);
	if (!c)
		f->left_out++;
	return c;
}

/* ---- happenings ---- */

static void put_out(struct follow *f, struct follow_conn *c)
{
	if (f->o->json || c->number == 1) {
		buf_put(&f->out.buf, f->line.p, f->line.len);
		f->more = f->more && terminal_more(&f->out);
	} else {
		shelf_add(&f->shelf, &c->text, f->line.p, f->line.len);
	}
}

static void put_line(struct follow *f, struct follow_conn *c, const struct follow_line *l)
{
	buf_clear(&f->line);
	if (!c->headed) {
		c->headed = true;
		c->last_ns = l->time_ns;
		if (f->o->json)
			follow_json_heading(f, c, &f->line);
		else
			follow_text_heading(f, c, &f->line);
	}
	if (f->o->json)
		follow_json_line(f, c, l, &f->line);
	else
		follow_text_line(f, c, l, &f->line);
	c->last_ns = l->time_ns;
	put_out(f, c);
}

/* One line for the snapshots that were all the same. */
static void put_unchanged(struct follow *f, struct follow_conn *c)
{
	for (int side = 0; side < 2; side++) {
		struct follow_side *s = &c->side[side];
		struct follow_line l = {.kind = FOLLOW_SOCKET,
					.time_ns = s->unchanged_ns,
					.side = side,
					.unchanged = s->unchanged};

		if (s->unchanged)
			put_line(f, c, &l);
		s->unchanged = 0;
	}
}

static void put(struct follow *f, struct follow_conn *c, const struct follow_line *l)
{
	if (!f->show)
		return;
	put_unchanged(f, c);
	put_line(f, c, l);
}

/* What was lost since the connection was looked at last, while it was there. */
static void put_losses(struct follow *f, struct follow_conn *c, uint64_t now)
{
	for (; c->losses < f->n_losses; c->losses++) {
		const struct follow_loss *loss = &f->losses[c->losses];
		struct follow_line l = {.kind = FOLLOW_LOST,
					.time_ns = loss->to_ns < now ? loss->to_ns : now,
					.side = -1,
					.loss = loss};

		if (loss->to_ns >= c->first_ns && c->headed)
			put(f, c, &l);
	}
}

/*
 * Whether a socket can come from one state to the other. A snapshot can be older than its time, by as long as
 * its dump took; and while a socket turns into one in TIME-WAIT the whole one, in CLOSE, is still seen.
 */
static bool can_follow(uint8_t old, uint8_t state)
{
	static const uint8_t rank[] = {
		[1] = 3 /* ESTAB */,      [2] = 1 /* SYN-SENT */,   [3] = 2 /* SYN-RECV */,
		[4] = 4 /* FIN-WAIT-1 */, [5] = 5 /* FIN-WAIT-2 */, [6] = 8 /* TIME-WAIT */,
		[7] = 7 /* CLOSE */,      [8] = 4 /* CLOSE-WAIT */, [9] = 5 /* LAST-ACK */,
		[10] = 3 /* LISTEN */,    [11] = 6 /* CLOSING */,   [12] = 2 /* a request */,
	};

	/* one that was disconnected may connect or listen again */
	if (old == STATE_CLOSE && (state == STATE_SYN_SENT || state == STATE_LISTEN))
		return true;
	return old >= sizeof(rank) || state >= sizeof(rank) || rank[state] > rank[old];
}

static void put_state(struct follow *f, struct follow_conn *c, const struct about *a, int side,
		      uint8_t state)
{
	struct follow_side *s = &c->side[side];
	struct follow_line l = {.kind = FOLLOW_STATE,
				.time_ns = a->time_ns,
				.side = side,
				.ev = a->ev,
				.old_state = s->state};

	if (!state || s->state == state || (s->state && !can_follow(s->state, state)))
		return;
	s->state = state;
	put(f, c, &l);
}

/* Numbers relative to the first of each direction; whether the packet's are below what was seen here. */
static bool take_numbers(struct follow_conn *c, const struct about *a, int dir)
{
	const struct packet_headers *h = &a->headers;
	uint8_t flags = flags_of(a);
	uint32_t seq, len, end;
	uint64_t key;

	if (!(h->has >> PACKET_TCP_SEQ & 1))
		return false;
	seq = (uint32_t)h->v[PACKET_TCP_SEQ];
	len = h->has >> PACKET_TCP_LEN & 1 ? (uint32_t)h->v[PACKET_TCP_LEN] : 0;
	if (flags & TCP_SYN) {
		c->isn[dir] = seq;
		c->has_isn[dir] = true;
	}
	if (!c->has_base[dir] || flags & TCP_SYN) {
		c->base[dir] = flags & TCP_SYN ? seq : seq - 1;
		c->has_base[dir] = true;
	}
	if (!c->has_base[!dir] && flags & TCP_ACK && h->has >> PACKET_TCP_ACK & 1) {
		c->base[!dir] = (uint32_t)h->v[PACKET_TCP_ACK] - 1;
		c->has_base[!dir] = true;
	}
	end = seq + len + !!(flags & TCP_SYN) + !!(flags & TCP_FIN);
	if (end == seq || !a->ev->kernel || a->ev->skb_drop)
		return false;
	/* symbols have another id in each batch: their bytes tell */
	key = UINT64_C(1) << 63 | (uint64_t)dir;
	for (uint32_t i = 0; i < a->ev->kernel->symbol.len; i++)
		key = (key ^ (uint8_t)a->ev->kernel->symbol.p[i]) * UINT64_C(0x100000001b3);
	if (a->ev->dev)
		key = (key ^ a->ev->dev->ifindex) * UINT64_C(0x100000001b3);
	for (uint32_t i = 0; i < c->n_places; i++) {
		struct follow_place *p = &c->places[i];

		if (p->key != key)
			continue;
		if ((int32_t)(end - p->end) <= 0)
			return true;
		p->end = end;
		return false;
	}
	if (c->n_places < FOLLOW_PLACES)
		c->places[c->n_places++] = (struct follow_place){key, end};
	return false;
}

static void take_packet(struct follow *f, struct follow_conn *c, const struct about *a, int side)
{
	const struct ev *ev = a->ev;
	int dir = a->has_tuple ? direction(c, &a->tuple) : -1;
	struct follow_line l = {.kind = ev->skb_drop ? FOLLOW_DROP
					: ev->packet ? FOLLOW_PACKET
						     : FOLLOW_EVENT,
				.time_ns = a->time_ns,
				.side = dir,
				.ev = ev,
				.headers = &a->headers,
				.own = ev->sock && !a->foreign};

	/* an address that was translated: the cookie told whose it is */
	if (dir < 0 && side >= 0)
		l.side = side;
	/* what answers a SYN is no whole socket, and without a cookie nobody knows whose */
	if (l.own && side >= 0 && (a->cookie || ev->sock->state != STATE_NEW_SYN_RECV))
		put_state(f, c, a, side, ev->sock->state);
	if (dir >= 0)
		l.old = take_numbers(c, a, dir);
	put(f, c, &l);
}

static void take_row(struct follow *f, struct follow_conn *c, const struct about *a, int side)
{
	struct follow_side *s = &c->side[side];
	struct follow_line l = {
		.kind = FOLLOW_SOCKET, .time_ns = a->time_ns, .side = side, .ev = a->ev};

	/* the notice of an end says CLOSE of what may go on as a small socket in TIME-WAIT */
	if (a->ev->diag->state != STATE_CLOSE)
		put_state(f, c, a, side, a->ev->diag->state);
	if (f->show && !f->o->json && s->rows &&
	    !values_changed(VALUES_SNAPSHOT, &s->snapshot, a->ev)) {
		/* those of the other end are told in their order */
		if (c->side[!side].unchanged)
			put_unchanged(f, c);
		s->unchanged++;
		s->unchanged_ns = a->time_ns;
	} else {
		put(f, c, &l);
	}
	s->rows = true;
	s->row_ns = a->time_ns;
	s->family = a->ev->diag->family;
	s->gone = a->ev->diag->state == STATE_CLOSE;
}

static void bind_cookie(struct follow *f, struct follow_conn *c, const struct about *a, int side)
{
	struct sort_key key = key_of(a->cookie, KEY_COOKIE);

	if (!a->cookie || side < 0)
		return;
	if (!c->side[side].cookie)
		c->side[side].cookie = a->cookie;
	if (!sort_map_get(&f->map, &key) && !sort_map_put(&f->map, &key, c))
		f->left_out++;
}

static void take_about(struct follow *f, struct about *a)
{
	struct follow_conn *c = find(f, a);
	int side;

	if (!c)
		return;
	side = side_of(c, a);
	if (f->show)
		put_losses(f, c, a->time_ns);
	bind_cookie(f, c, a, side);
	if (a->ev->diag && side >= 0)
		take_row(f, c, a, side);
	else
		take_packet(f, c, a, side);
}

/* ---- rows of the recording ---- */

static void take_loss(struct follow *f, const struct ev *ev)
{
	const struct ev_loss *row = ev->loss;
	struct ev_str what = row->probe.len ? row->probe : row->kind;
	struct follow_loss *l;

	if (!row->lost && !row->skipped)
		return;
	if (!f->losses)
		f->losses = calloc(FOLLOW_LOSSES_MAX, sizeof(*f->losses));
	if (!f->losses) {
		f->left_out++;
		return;
	}
	if (f->n_losses == FOLLOW_LOSSES_MAX) {
		l = &f->losses[f->n_losses - 1];
		l->probe[0] = 0;
		l->has_cpu = false;
	} else {
		l = &f->losses[f->n_losses++];
		l->from_ns = row->from;
		l->cpu = row->cpu;
		l->has_cpu = EV_HAS(row, loss, cpu);
		memcpy(l->probe, what.p ? what.p : "",
		       what.len < sizeof(l->probe) ? what.len : sizeof(l->probe) - 1);
	}
	l->to_ns = ev->common ? ev->common->timestamp : row->from;
	l->lost += row->lost;
	l->skipped += row->skipped;
}

/* Sockets that a complete dump did not show are no more. */
static void take_dump(struct follow *f, const struct ev *ev, const struct dumps_of *of)
{
	for (uint32_t i = 0; i < f->n_conns; i++) {
		struct follow_conn *c = f->conns[i];

		for (int side = 0; side < 2; side++) {
			struct follow_side *s = &c->side[side];
			struct follow_line l = {.kind = FOLLOW_GONE,
						.time_ns = ev->common->timestamp,
						.side = side,
						.ev = ev,
						.seen_ns = s->row_ns};

			if (!s->rows || s->gone || s->family != of->family ||
			    s->row_ns >= of->complete_ns || !tuple_netns_same(c->ns, of->ns))
				continue;
			s->gone = true;
			if (!c->headed || !f->show)
				continue;
			put_losses(f, c, ev->common->timestamp);
			put(f, c, &l);
		}
	}
}

void follow_take(struct follow *f, const struct ev *ev, bool shown)
{
	struct about a = {.ev = ev, .ns = tuple_netns_of(ev)};

	f->show = shown;
	a.time_ns = ev->common ? ev->common->timestamp : 0;
	if (ev->loss) {
		take_loss(f, ev);
		return;
	}
	if (ev->snapset) {
		const struct dumps_of *of = dumps_take(&f->dumps, ev);

		if (of)
			take_dump(f, ev, of);
		return;
	}
	a.has_tuple = follow_tuple_of(ev, &a.headers, &a.tuple);
	a.cookie = ev->diag ? ev->diag->cookie : ev->sock ? ev->sock->cookie : 0;
	take_about(f, &a);
}

void follow_end(struct follow *f)
{
	f->show = true;
	for (uint32_t i = 0; i < f->n_conns && f->more; i++) {
		struct follow_conn *c = f->conns[i];
		bool over = (c->side[0].gone || !c->side[0].rows) &&
			    (c->side[1].gone || !c->side[1].rows) &&
			    (c->side[0].rows || c->side[1].rows);

		if (!over)
			put_losses(f, c, UINT64_MAX);
		put_unchanged(f, c);
	}
}
