/* SPDX-License-Identifier: BSD-2-Clause */
/* A happening as an aligned line: time, since the line before, what, direction, where, and the rest. */
#include <string.h>

#include "analyze/sockets/follow_impl.h"
#include "formats/sock/sockdiag.h"

enum { WIDTH_KIND = 7, WIDTH_WHERE = 10, WIDTH_WHAT = 23 };

const char *const follow_kind_names[FOLLOW_KINDS] = {
	[FOLLOW_PACKET] = "packet", [FOLLOW_DROP] = "drop",   [FOLLOW_EVENT] = "event",
	[FOLLOW_SOCKET] = "socket", [FOLLOW_STATE] = "state", [FOLLOW_GONE] = "gone",
	[FOLLOW_LOST] = "lost",
};

/* Fills up to the column that begins width behind start, at least one blank. */
static void pad(struct buf *out, size_t start, size_t width)
{
	do
		buf_u8(out, ' ');
	while (out->len < start + width + 1 && !out->failed);
}

static void put_seconds(uint64_t ns, struct buf *out)
{
	buf_printf(out, "%llu.%06llu", (unsigned long long)(ns / 1000000000),
		   (unsigned long long)(ns % 1000000000 / 1000));
}

void follow_text_heading(struct follow *f, const struct follow_conn *c, struct buf *out)
{
	const char *name = follow_netns_name(f, c->ns);

	buf_str(out, "== ");
	tuple_put_end(&c->tuple.from, out);
	buf_str(out, tuple_is_open(&c->tuple) ? " listening " : " -> ");
	if (!tuple_is_open(&c->tuple))
		tuple_put_end(&c->tuple.to, out);
	else
		out->len--;
	if (c->ns.cookie || c->ns.inum)
		buf_str(out, "  ");
	tuple_put_netns(c->ns, out);
	if (name) {
		buf_str(out, " (");
		text_untrusted(out, name, strlen(name));
		buf_u8(out, ')');
	}
	buf_u8(out, '\n');
}

/* tcp.flags as tcpdump writes them. */
static void put_flags(uint64_t flags, struct buf *out)
{
	static const char letters[] = "FSRP.UEWe";

	buf_u8(out, '[');
	/* their order on the line, not in the header */
	for (const char *p = "SFRPUEWe."; *p; p++)
		if (flags >> (strchr(letters, *p) - letters) & 1)
			buf_u8(out, (uint8_t)*p);
	buf_u8(out, ']');
}

static void put_number(struct buf *out, const char *name, uint64_t v)
{
	buf_str(out, name);
	buf_dec(out, v);
}

static void put_packet(const struct follow_conn *c, const struct follow_line *l, struct buf *out)
{
	const struct packet_headers *h = l->headers;
	int dir = l->side;
	uint32_t seq = (uint32_t)h->v[PACKET_TCP_SEQ], ack = (uint32_t)h->v[PACKET_TCP_ACK];
	uint32_t len = (uint32_t)h->v[PACKET_TCP_LEN];

	if (!(h->has >> PACKET_TCP_FLAGS & 1)) {
		buf_str(out, "(its TCP header was not recorded)");
		return;
	}
	put_flags(h->v[PACKET_TCP_FLAGS], out);
	if (dir >= 0 && c->has_base[dir]) {
		put_number(out, " seq ", seq - c->base[dir]);
		if (len)
			put_number(out, ":", seq - c->base[dir] + len);
	}
	if (dir >= 0 && h->v[PACKET_TCP_FLAGS] >> 4 & 1 && c->has_base[!dir])
		put_number(out, " ack ", ack - c->base[!dir]);
	if (h->has >> PACKET_TCP_WIN & 1)
		put_number(out, " win ", h->v[PACKET_TCP_WIN]);
	if (h->has >> PACKET_TCP_LEN & 1)
		put_number(out, " len ", len);
	if (l->old)
		buf_str(out, " (old)");
}

/* The function that dropped it: the innermost that is not one of those that free. */
static void put_dropper(const struct ev_kernel *k, struct buf *out)
{
	for (uint32_t i = 0; k && i < k->stack_trace.n; i++) {
		struct ev_str s = k->stack_trace.v[i];

		if ((s.len > 9 && !memcmp(s.p, "kfree_skb", 9)) ||
		    (s.len > 18 && !memcmp(s.p, "sk_skb_reason_drop", 18)) ||
		    (s.len > 20 && !memcmp(s.p, "__traceiter_kfree_skb", 20)))
			continue;
		buf_str(out, " at ");
		text_untrusted(out, s.p, s.len);
		return;
	}
}

static void put_drop(const struct ev *ev, struct buf *out)
{
	if (!ev->skb_drop)
		return;
	if (ev->skb_drop->subsys.len) {
		text_untrusted(out, ev->skb_drop->subsys.p, ev->skb_drop->subsys.len);
		buf_u8(out, ':');
	}
	text_untrusted(out, ev->skb_drop->drop_reason.p, ev->skb_drop->drop_reason.len);
	put_dropper(ev->kernel, out);
	buf_u8(out, ' ');
}

static void put_cookie(const struct follow_side *s, struct buf *out)
{
	if (!s->cookie)
		return;
	buf_str(out, "sk:");
	buf_hex(out, s->cookie);
}

static void line_of_event(struct follow_conn *c, const struct follow_line *l, struct buf *out)
{
	const struct ev *ev = l->ev;
	size_t start = out->len;
	int side = -1;

	if (ev->dev && ev->dev->name.len)
		text_untrusted(out, ev->dev->name.p, ev->dev->name.len);
	pad(out, start, WIDTH_WHERE);
	start = out->len;
	if (ev->kernel)
		text_untrusted(out, ev->kernel->symbol.p, ev->kernel->symbol.len);
	else if (ev->userspace)
		text_untrusted(out, ev->userspace->symbol.p, ev->userspace->symbol.len);
	pad(out, start, WIDTH_WHAT);
	put_drop(ev, out);
	if (l->kind != FOLLOW_EVENT)
		put_packet(c, l, out);
	if (!l->own)
		return;
	for (int i = 0; i < 2 && ev->sock->cookie; i++)
		if (c->side[i].cookie == ev->sock->cookie)
			side = i;
	/* only one socket of a connection is known in most recordings */
	if (side < 0)
		side = l->side < 0 ? 0 : l->side;
	if (c->side[side].cookie) {
		buf_u8(out, ' ');
		put_cookie(&c->side[side], out);
	}
	values_put_text(VALUES_PACKET, &c->side[side].packet, ev, out);
}

static void line_of_snapshot(struct follow_side *s, const struct follow_line *l, struct buf *out)
{
	size_t start = out->len;

	if (l->unchanged) {
		buf_printf(out, l->unchanged > 1 ? "no change in %u snapshots" : "no change",
			   l->unchanged);
		return;
	}
	if (l->ev->snap)
		text_untrusted(out, l->ev->snap->cause.p, l->ev->snap->cause.len);
	pad(out, start, WIDTH_WHAT);
	start = --out->len; /* each value brings its blank */
	values_put_text(VALUES_SNAPSHOT, &s->snapshot, l->ev, out);
	if (out->len == start)
		buf_str(out, " no values");
}

static void line_of_loss(const struct follow_line *l, struct buf *out)
{
	const struct follow_loss *loss = l->loss;

	buf_printf(out, "%llu events", (unsigned long long)(loss->lost + loss->skipped));
	if (loss->probe[0]) {
		buf_str(out, " of ");
		text_untrusted(out, loss->probe, strlen(loss->probe));
	}
	if (loss->has_cpu)
		buf_printf(out, " on cpu %u", loss->cpu);
	buf_str(out, " are not in the recording, since ");
}

void follow_text_line(struct follow *f, struct follow_conn *c, const struct follow_line *l,
		      struct buf *out)
{
	static const char *const arrows[] = {"-- ", "-> ", "<- "};
	bool of_packet =
		l->kind == FOLLOW_PACKET || l->kind == FOLLOW_DROP || l->kind == FOLLOW_EVENT;
	struct follow_side *s = l->side < 0 ? NULL : &c->side[l->side];
	size_t start;

	text_time(&f->text, l->time_ns, out);
	buf_u8(out, ' ');
	buf_u8(out, '+');
	put_seconds(l->time_ns > c->last_ns ? l->time_ns - c->last_ns : 0, out);
	buf_str(out, "  ");
	start = out->len;
	buf_str(out, follow_kind_names[l->kind]);
	pad(out, start, WIDTH_KIND);
	buf_str(out, of_packet ? arrows[l->side + 1] : "   ");
	start = out->len;
	if (of_packet) {
		line_of_event(c, l, out);
	} else if (l->kind == FOLLOW_LOST) {
		line_of_loss(l, out);
		text_time(&f->text, l->loss->from_ns, out);
	} else if (s) {
		put_cookie(s, out);
		pad(out, start, WIDTH_WHERE);
		if (l->kind == FOLLOW_SOCKET)
			line_of_snapshot(s, l, out);
	}
	if (l->kind == FOLLOW_STATE && s) {
		if (l->old_state) {
			buf_str(out, sockdiag_state_name(l->old_state));
			buf_str(out, " -> ");
		}
		buf_str(out, sockdiag_state_name(s->state));
	} else if (l->kind == FOLLOW_GONE) {
		buf_str(out, "not in this dump; seen last ");
		put_seconds(l->time_ns - l->seen_ns, out);
		buf_str(out, " s before");
	}
	while (out->len && out->p[out->len - 1] == ' ')
		out->len--;
	buf_u8(out, '\n');
}
