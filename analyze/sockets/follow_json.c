/* SPDX-License-Identifier: BSD-2-Clause */
/* A happening as one JSON object: what it is, and the whole event as `skbox json` has it. */
#include <string.h>

#include "analyze/sockets/follow_impl.h"
#include "formats/json.h"
#include "formats/json_event.h"
#include "formats/sock/sockdiag.h"

static void member(struct buf *out, const char *key)
{
	buf_u8(out, ',');
	json_put_key(out, key);
}

static void put_text(struct buf *out, const char *key, const char *text)
{
	member(out, key);
	json_put_string(out, text, strlen(text));
}

static void put_number(struct buf *out, const char *key, uint64_t v)
{
	member(out, key);
	buf_dec(out, v);
}

static void put_end(struct buf *out, const char *key, const struct tuple_end *end)
{
	member(out, key);
	buf_u8(out, '"');
	tuple_put_end(end, out);
	buf_u8(out, '"');
}

static void begin(const struct follow_conn *c, const char *kind, uint64_t time_ns, struct buf *out)
{
	buf_str(out, "{\"connection\":");
	buf_dec(out, c->number);
	put_text(out, "kind", kind);
	put_number(out, "time", time_ns);
}

void follow_json_heading(struct follow *f, const struct follow_conn *c, struct buf *out)
{
	const char *name = follow_netns_name(f, c->ns);

	begin(c, "connection", c->first_ns, out);
	put_end(out, "from", &c->tuple.from);
	put_end(out, "to", &c->tuple.to);
	if (c->ns.cookie)
		put_number(out, "netns.cookie", c->ns.cookie);
	if (c->ns.inum)
		put_number(out, "netns.inum", c->ns.inum);
	if (name)
		put_text(out, "nsinfo.name", name);
	buf_str(out, "}\n");
}

static void put_packet(const struct follow_conn *c, const struct follow_line *l, struct buf *out)
{
	const struct packet_headers *h = l->headers;

	if (!(h->has >> PACKET_TCP_FLAGS & 1) || l->side < 0)
		return;
	if (c->has_base[l->side])
		put_number(out, "seq",
			   (uint32_t)((uint32_t)h->v[PACKET_TCP_SEQ] - c->base[l->side]));
	if (h->v[PACKET_TCP_FLAGS] >> 4 & 1 && c->has_base[!l->side])
		put_number(out, "ack",
			   (uint32_t)((uint32_t)h->v[PACKET_TCP_ACK] - c->base[!l->side]));
	if (h->has >> PACKET_TCP_LEN & 1)
		put_number(out, "len", h->v[PACKET_TCP_LEN]);
	if (l->old)
		buf_str(out, ",\"old\":true");
}

static void put_loss(const struct follow_loss *loss, struct buf *out)
{
	put_number(out, "loss.from", loss->from_ns);
	put_number(out, "loss.lost", loss->lost);
	put_number(out, "loss.skipped", loss->skipped);
	if (loss->probe[0])
		put_text(out, "loss.probe", loss->probe);
	if (loss->has_cpu)
		put_number(out, "loss.cpu", loss->cpu);
}

void follow_json_line(struct follow *f, struct follow_conn *c, const struct follow_line *l,
		      struct buf *out)
{
	struct follow_side *s = l->side < 0 ? NULL : &c->side[l->side];

	begin(c, follow_kind_names[l->kind], l->time_ns, out);
	if (s)
		put_end(out, "end", l->side ? &c->tuple.to : &c->tuple.from);
	if (s && s->cookie && l->kind >= FOLLOW_SOCKET)
		put_number(out, "cookie", s->cookie);
	switch (l->kind) {
	case FOLLOW_PACKET:
	case FOLLOW_DROP: put_packet(c, l, out); break;
	case FOLLOW_SOCKET:
		member(out, "changes");
		buf_u8(out, '{');
		values_put_json(VALUES_SNAPSHOT, &s->snapshot, l->ev, out);
		buf_u8(out, '}');
		break;
	case FOLLOW_STATE:
		if (l->old_state)
			put_text(out, "old", sockdiag_state_name(l->old_state));
		put_text(out, "state", sockdiag_state_name(s->state));
		break;
	case FOLLOW_GONE: put_number(out, "seen", l->seen_ns); break;
	case FOLLOW_LOST: put_loss(l->loss, out); break;
	default: break;
	}
	if (l->ev && l->kind != FOLLOW_STATE && l->kind != FOLLOW_GONE) {
		member(out, "event");
		json_event_put(l->ev, out);
		out->len--; /* its line feed */
	}
	buf_str(out, "}\n");
}
