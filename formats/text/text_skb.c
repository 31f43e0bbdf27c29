/* SPDX-License-Identifier: BSD-2-Clause */
/* Namespace, device and struct sk_buff: the metadata of a packet. */
#include "formats/dissect/dissect_impl.h"
#include "formats/text/text_impl.h"

static void put_netns(struct text_writer *w)
{
	const struct ev_netns *n = w->ev->netns;

	TEXT_LIT(w->out, "ns ");
	if (EV_HAS(n, netns, cookie)) {
		text_hex(w->out, "0x", n->cookie);
		buf_u8(w->out, '/');
	}
	buf_dec(w->out, n->inum);
}

static void put_dev(struct text_writer *w)
{
	const struct ev_dev *d = w->ev->dev;

	/* the classic program hides the index 0, with the name */
	if (d->ifindex || w->t->o.current) {
		text_dec(w->out, "if ", d->ifindex);
		if (d->name.len) {
			TEXT_LIT(w->out, " (");
			text_str(w->out, d->name);
			buf_u8(w->out, ')');
		}
	}
	if (EV_HAS(d, dev, rx_ifindex))
		text_dec(w->out, " rxif ", d->rx_ifindex);
}

static void put_vlan(struct text_writer *w)
{
	const struct ev_skb_vlan *v = w->ev->skb_vlan;

	TEXT_LIT(w->out, "vlan_accel (");
	if (w->t->o.current) {
		TEXT_LIT(w->out, "ethertype ");
		dissect_put_ethertype(w->out, v->proto);
		buf_u8(w->out, ' ');
	}
	text_dec(w->out, "vlan ", v->vid);
	text_dec(w->out, " p ", v->pcp);
	if (v->dei)
		TEXT_LIT(w->out, " DEI");
	buf_u8(w->out, ')');
}

static void put_csum(struct buf *out, const struct ev_skb_meta *m)
{
	switch (m->ip_summed) { /* CHECKSUM_*, include/linux/skbuff.h */
	case 0: TEXT_LIT(out, "none"); return;
	case 1: text_dec(out, "unnecessary (level ", m->csum_level); break;
	case 2: text_hex(out, "complete (0x", m->csum); break;
	case 3:
		text_dec(out, "partial (start ", m->csum & 0xffff);
		text_dec(out, " off ", m->csum >> 16);
		break;
	default: text_dec(out, "unknown (", m->ip_summed);
	}
	buf_u8(out, ')');
}

static void put_meta(struct buf *out, const struct ev_skb_meta *m)
{
	TEXT_LIT(out, "csum ");
	put_csum(out, m);
	if (m->hash)
		text_hex(out, " hash 0x", m->hash);
	text_dec(out, " len ", m->len);
	if (m->data_len)
		text_dec(out, " data_len ", m->data_len);
	text_dec(out, " priority ", m->priority);
}

static void put_dataref(struct buf *out, const struct ev_skb_dataref *d)
{
	if (d->nohdr)
		TEXT_LIT(out, "nohdr ");
	if (d->cloned)
		TEXT_LIT(out, "cloned ");
	if (d->fclone) {
		text_dec(out, "fclone ", d->fclone);
		buf_u8(out, ' ');
	}
	text_dec(out, "users ", d->users);
	text_dec(out, " dataref ", d->dataref);
}

static void put_skb(struct text_writer *w)
{
	const struct ev *ev = w->ev;

	TEXT_LIT(w->out, "skb [");
	if (ev->skb_meta)
		put_meta(w->out, ev->skb_meta);
	if (ev->skb_meta && ev->skb_dataref)
		buf_u8(w->out, ' ');
	if (ev->skb_dataref)
		put_dataref(w->out, ev->skb_dataref);
	buf_u8(w->out, ']');
}

static void put_gso(struct text_writer *w)
{
	const struct ev_skb_gso *g = w->ev->skb_gso;

	text_hex(w->out, "gso [type 0x", g->type);
	if (g->flags)
		text_hex(w->out, " flags 0x", g->flags);
	if (g->frags)
		text_dec(w->out, " frags ", g->frags);
	if (g->segs)
		text_dec(w->out, " segs ", g->segs);
	text_dec(w->out, " size ", g->size);
	buf_u8(w->out, ']');
}

/* The pieces of a metadata line, one blank between them. Whether there was one, be it an empty one. */
static bool put_line(struct text_writer *w, bool net, bool skb)
{
	const struct ev *ev = w->ev;
	const struct {
		bool shown;
		text_group *put;
	} pieces[] = {
		{net && ev->netns, put_netns},
		{net && ev->dev, put_dev},
		{skb && ev->skb_vlan && w->t->o.link_layer, put_vlan},
		{skb && (ev->skb_meta || ev->skb_dataref), put_skb},
		{skb && ev->skb_gso, put_gso},
	};
	bool any = false;

	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		if (!pieces[i].shown)
			continue;
		if (any)
			buf_u8(w->out, ' ');
		any = true;
		pieces[i].put(w);
	}
	return any;
}

void text_group_net(struct text_writer *w)
{
	put_line(w, true, false);
}

void text_group_skb(struct text_writer *w)
{
	put_line(w, false, true);
}

void text_group_classic(struct text_writer *w)
{
	size_t start = w->out->len;
	bool any = put_line(w, true, true);

	if (!w->ev->packet)
		return;
	/* a device of index 0 alone is an empty line: one without blanks */
	if (any && w->out->len == start && !w->t->o.single_line && !w->out->failed)
		w->out->len -= w->indent;
	if (any)
		text_separate(w);
	text_group_packet(w);
}
