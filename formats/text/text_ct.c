/* SPDX-License-Identifier: BSD-2-Clause */
/* Connection tracking and nftables. */
#include "formats/text/text_impl.h"

void text_group_nft(struct text_writer *w)
{
	const struct ev_nft *n = w->ev->nft;

	TEXT_LIT(w->out, "table ");
	text_str(w->out, n->table_name);
	TEXT_LIT(w->out, " (");
	buf_int(w->out, n->table_handle);
	TEXT_LIT(w->out, ") chain ");
	text_str(w->out, n->chain_name);
	TEXT_LIT(w->out, " (");
	buf_int(w->out, n->chain_handle);
	buf_u8(w->out, ')');
	if (EV_HAS(n, nft, rule_handle)) {
		TEXT_LIT(w->out, " handle ");
		buf_int(w->out, n->rule_handle);
	}
	buf_u8(w->out, ' ');
	text_str(w->out, n->verdict);
	if (n->policy)
		TEXT_LIT(w->out, " (policy)");
	if (EV_HAS(n, nft, verdict_chain_name)) {
		TEXT_LIT(w->out, " chain ");
		text_str(w->out, n->verdict_chain_name);
	}
}

/* Values of the protocol of a tuple in schema.def. */
enum { CT_TCP = 1, CT_UDP, CT_ICMP, CT_SCTP };

struct tuple {
	struct ev_str src, dst;
	uint16_t sport, dport, id;
	uint8_t code, type;
	uint32_t vtag;
};

static void put_tuple(struct buf *out, const char *name, uint8_t proto, const struct tuple *t)
{
	buf_str(out, name);
	text_str(out, t->src);
	if (proto != CT_ICMP)
		text_dec(out, ".", t->sport);
	TEXT_LIT(out, " > ");
	text_str(out, t->dst);
	if (proto != CT_ICMP) {
		text_dec(out, ".", t->dport);
	} else {
		text_dec(out, " type ", t->type);
		text_dec(out, " code ", t->code);
		text_dec(out, " id ", t->id);
	}
	if (proto == CT_SCTP)
		text_hex(out, " vtag 0x", t->vtag);
}

/*
 * The sections ct and ct_parent have the same members but are two types; ct_parent's row is copied to
 * one of ct, whose fields have the same numbers (asserted).
 */
_Static_assert((int)EVI_ct_orig_src == (int)EVI_ct_parent_orig_src &&
		       (int)EVI_ct_ct_status == (int)EVI_ct_parent_ct_status &&
		       offsetof(struct ev_ct, ct_status) ==
			       offsetof(struct ev_ct_parent, ct_status),
	       "ct and ct_parent begin alike");

static void put_proto(struct buf *out, const struct ev_ct *c)
{
	static const char *const names[] = {"", "tcp", "udp", "icmp", "sctp"};
	const struct tuple orig = {c->orig_src, c->orig_dst,  c->orig_sport, c->orig_dport,
				   c->orig_id,  c->orig_code, c->orig_type,  c->orig_vtag};
	const struct tuple reply = {c->reply_src, c->reply_dst,  c->reply_sport, c->reply_dport,
				    c->reply_id,  c->reply_code, c->reply_type,  c->reply_vtag};
	uint8_t proto = c->orig_proto;

	if (proto != c->reply_proto || !proto || proto > CT_SCTP)
		return;
	buf_str(out, names[proto]);
	if (proto == CT_TCP || proto == CT_SCTP) {
		TEXT_LIT(out, " (");
		if (EV_HAS(c, ct, proto_state))
			text_str(out, c->proto_state);
		else
			TEXT_LIT(out, "UNKNOWN");
		buf_u8(out, ')');
	}
	put_tuple(out, " orig [", proto, &orig);
	put_tuple(out, "] reply [", proto, &reply);
	TEXT_LIT(out, "] ");
}

static void put_connection(struct buf *out, const struct ev_ct *c)
{
	text_hex(out, "status 0x", c->ct_status);
	buf_u8(out, ' ');
	put_proto(out, c);
	if (ev_is(c->zone_dir, "Original"))
		text_dec(out, "orig-zone ", c->zone_id);
	else if (ev_is(c->zone_dir, "Reply"))
		text_dec(out, "reply-zone ", c->zone_id);
	else if (ev_is(c->zone_dir, "Default"))
		text_dec(out, "zone ", c->zone_id);
	if (EV_HAS(c, ct, mark))
		text_dec(out, " mark ", c->mark);
	if (c->has & (EV_BIT(ct, labels_hi) | EV_BIT(ct, labels_lo))) {
		TEXT_LIT(out, " labels 0x");
		if (c->labels_hi) {
			buf_hex(out, c->labels_hi);
			buf_hex_digits(out, c->labels_lo, 16);
		} else {
			buf_hex(out, c->labels_lo);
		}
	}
}

static void put_state(struct buf *out, struct ev_str state)
{
	static const char *const names[][2] = {
		{"established", "ESTABLISHED"},
		{"new", "NEW"},
		{"reply", "REPLY"},
		{"related", "RELATED"},
		{"related_reply", "RELATED_REPLY"},
		{"untracked", "UNTRACKED"},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (ev_is(state, names[i][0])) {
			buf_str(out, names[i][1]);
			return;
		}
	}
	text_str(out, state);
}

void text_group_ct(struct text_writer *w)
{
	TEXT_LIT(w->out, "ct_state ");
	put_state(w->out, w->ev->ct->state);
	buf_u8(w->out, ' ');
	put_connection(w->out, w->ev->ct);
	if (w->ev->ct_parent) {
		struct ev_ct parent = {0};

		memcpy(&parent, w->ev->ct_parent, offsetof(struct ev_ct, state));
		text_separate(w);
		buf_str(w->out, w->t->o.single_line ? "parent [" : "\\ parent [");
		put_connection(w->out, &parent);
		buf_u8(w->out, ']');
	}
}
