/* SPDX-License-Identifier: BSD-2-Clause */
/* Namespace, device and struct sk_buff: the metadata of a packet. */
#include "formats/dissect/dissect_impl.h"
#include "formats/text/text_impl.h"

static void put_netns(struct text_writer *w)
{
	const struct ev_netns *n = w->ev->netns;
	uint8_t *p = buf_room(w->out, TEXT_PIECES);

	if (!p)
		return;
	p = pen_lit(p, "ns ");
	if (EV_HAS(n, netns, cookie))
		p = pen_lit(pen_hex(pen_lit(p, "0x"), n->cookie), "/");
	buf_end(w->out, pen_dec(p, n->inum));
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

static uint8_t *put_csum(uint8_t *p, const struct ev_skb_meta *m)
{
	switch (m->ip_summed) { /* CHECKSUM_*, include/linux/skbuff.h */
	case 0: return pen_lit(p, "none");
	case 1: p = pen_dec(pen_lit(p, "unnecessary (level "), m->csum_level); break;
	case 2: p = pen_hex(pen_lit(p, "complete (0x"), m->csum); break;
	case 3:
		p = pen_dec(pen_lit(p, "partial (start "), m->csum & 0xffff);
		p = pen_dec(pen_lit(p, " off "), m->csum >> 16);
		break;
	default: p = pen_dec(pen_lit(p, "unknown ("), m->ip_summed);
	}
	return pen_lit(p, ")");
}

static uint8_t *put_meta(uint8_t *p, const struct ev_skb_meta *m)
{
	p = put_csum(pen_lit(p, "csum "), m);
	if (m->hash)
		p = pen_hex(pen_lit(p, " hash 0x"), m->hash);
	p = pen_dec(pen_lit(p, " len "), m->len);
	if (m->data_len)
		p = pen_dec(pen_lit(p, " data_len "), m->data_len);
	return pen_dec(pen_lit(p, " priority "), m->priority);
}

static uint8_t *put_dataref(uint8_t *p, const struct ev_skb_dataref *d)
{
	if (d->nohdr)
		p = pen_lit(p, "nohdr ");
	if (d->cloned)
		p = pen_lit(p, "cloned ");
	if (d->fclone)
		p = pen_lit(pen_dec(pen_lit(p, "fclone "), d->fclone), " ");
	p = pen_dec(pen_lit(p, "users "), d->users);
	return pen_dec(pen_lit(p, " dataref "), d->dataref);
}

static void put_skb(struct text_writer *w)
{
	const struct ev *ev = w->ev;
	uint8_t *p = buf_room(w->out, TEXT_PIECES);

	if (!p)
		return;
	p = pen_lit(p, "skb [");
	if (ev->skb_meta)
		p = put_meta(p, ev->skb_meta);
	if (ev->skb_meta && ev->skb_dataref)
		p = pen_lit(p, " ");
	if (ev->skb_dataref)
		p = put_dataref(p, ev->skb_dataref);
	buf_end(w->out, pen_lit(p, "]"));
}

static void put_gso(struct text_writer *w)
{
	const struct ev_skb_gso *g = w->ev->skb_gso;
	uint8_t *p = buf_room(w->out, TEXT_PIECES);

	if (!p)
		return;
	p = pen_hex(pen_lit(p, "gso [type 0x"), g->type);
	if (g->flags)
		p = pen_hex(pen_lit(p, " flags 0x"), g->flags);
	if (g->frags)
		p = pen_dec(pen_lit(p, " frags "), g->frags);
	if (g->segs)
		p = pen_dec(pen_lit(p, " segs "), g->segs);
	p = pen_dec(pen_lit(p, " size "), g->size);
	buf_end(w->out, pen_lit(p, "]"));
}

static bool same_netns(const struct ev_netns *a, const struct ev_netns *b)
{
	return a->has == b->has && a->cookie == b->cookie && a->inum == b->inum;
}

static bool same_dev(const struct ev_dev *d, const struct text_net *slot)
{
	return d->has == slot->dev.has && d->ifindex == slot->dev.ifindex &&
	       d->rx_ifindex == slot->dev.rx_ifindex && d->name.len == slot->dev.name.len &&
	       (!d->name.len || !memcmp(d->name.p, slot->name, d->name.len));
}

static void keep_net(struct text_net *slot, const struct ev_netns *n, const struct ev_dev *d,
		     const uint8_t *text, size_t len)
{
	slot->len = 0;
	if (len > sizeof(slot->text) || (d && d->name.len > sizeof(slot->name)))
		return;
	slot->has_netns = n != NULL;
	slot->has_dev = d != NULL;
	if (n)
		slot->netns = *n;
	if (d)
		slot->dev = *d;
	if (d && d->name.len)
		memcpy(slot->name, d->name.p, d->name.len);
	memcpy(slot->text, text, len);
	slot->len = (uint8_t)len;
}

/*
 * Namespace and device, which are the same for many events: their text is kept. What a slot holds is compared
 * whole, so that it is right whatever batch the rows came from.
 */
static void put_net(struct text_writer *w)
{
	const struct ev_netns *n = w->ev->netns;
	const struct ev_dev *d = w->ev->dev;
	struct text_net *slot = &w->t->nets[d ? d->ifindex % TEXT_NETS : 0];
	size_t begin = w->out->len;

	if (slot->len && slot->has_netns == (n != NULL) && slot->has_dev == (d != NULL) &&
	    (!n || same_netns(n, &slot->netns)) && (!d || same_dev(d, slot))) {
		TEXT_KEPT(w->out, slot);
		return;
	}
	if (n)
		put_netns(w);
	if (n && d)
		buf_u8(w->out, ' ');
	if (d)
		put_dev(w);
	if (!w->out->failed)
		keep_net(slot, n, d, w->out->p + begin, w->out->len - begin);
}

/* The pieces of a metadata line: shown where an event has one of the sections. */
static const struct piece {
	uint64_t sections;
	text_group *put;
} net_pieces[] = {{EV_SECTION_BIT(netns) | EV_SECTION_BIT(dev), put_net}},
  skb_pieces[] = {
	  {EV_SECTION_BIT(skb_vlan), put_vlan},
	  {EV_SECTION_BIT(skb_meta) | EV_SECTION_BIT(skb_dataref), put_skb},
	  {EV_SECTION_BIT(skb_gso), put_gso},
};

/*
 * One blank between the pieces; any: whether there was one before. Whether there was one, be it an empty one. With
 * the loop unrolled the calls are direct: of 110 instructions an event 50 are left.
 */
static inline __attribute__((always_inline)) bool
put_pieces(struct text_writer *w, const struct piece *pieces, size_t n, bool any)
{
	/* tags that the hardware took are a part of the link layer */
	uint64_t shown = w->ev->sections;

	if (!w->t->o.link_layer)
		shown &= ~EV_SECTION_BIT(skb_vlan);
#pragma GCC unroll 4
	for (size_t i = 0; i < n; i++) {
		if (!(pieces[i].sections & shown))
			continue;
		if (any)
			buf_u8(w->out, ' ');
		any = true;
		pieces[i].put(w);
	}
	return any;
}

#define PIECES(table) table, sizeof(table) / sizeof((table)[0])

void text_group_net(struct text_writer *w)
{
	put_pieces(w, PIECES(net_pieces), false);
}

void text_group_skb(struct text_writer *w)
{
	put_pieces(w, PIECES(skb_pieces), false);
}

void text_group_classic(struct text_writer *w)
{
	size_t start = w->out->len;
	bool any = put_pieces(w, PIECES(skb_pieces), put_pieces(w, PIECES(net_pieces), false));

	if (!w->ev->packet)
		return;
	/* a device of index 0 alone is an empty line: one without blanks */
	if (any && w->out->len == start && !w->t->o.single_line && !w->out->failed)
		w->out->len -= w->indent;
	if (any)
		text_separate(w);
	text_group_packet(w);
}
