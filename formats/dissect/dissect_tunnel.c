/* SPDX-License-Identifier: BSD-2-Clause */
/* VXLAN (RFC 7348) and Geneve (RFC 8926). */
#include "formats/dissect/dissect_impl.h"

enum { TUNNEL_BYTES = 8, ETHERTYPE_TEB = 0x6558 };

static uint32_t be24(const uint8_t *p)
{
	return dissect_be32(p) >> 8;
}

void dissect_vxlan(struct dissect *d)
{
	const uint8_t *p = cursor_take(&d->c, TUNNEL_BYTES);

	if (!p) {
		dissect_truncated(d);
		return;
	}
	buf_str(d->out, p[0] & 8 ? " vxlan [I] vni 0x" : " vxlan [] vni 0x");
	buf_hex(d->out, be24(p + 4));
	buf_u8(d->out, ' ');
	d->next = dissect_ethernet;
}

/* Class 0x100 (Linux), type 1 (GRO hint): what the inner headers are. */
static void geneve_gro_hint(struct buf *out, const uint8_t *p)
{
	DISSECT_LIT(out, " (proto ");
	buf_dec(out, p[0] & 3);
	buf_str(out, p[0] & 4 ? " v6 nh " : " v4 nh ");
	buf_dec(out, p[1]);
	DISSECT_LIT(out, " tp ");
	buf_dec(out, p[2]);
	DISSECT_LIT(out, " hlen ");
	buf_dec(out, p[3]);
	buf_u8(out, ')');
}

static void geneve_options(struct buf *out, struct cursor c)
{
	const uint8_t *p;

	for (bool any = false; cursor_left(&c) >= 4; any = true) {
		uint16_t class = cursor_be16(&c);
		uint8_t type = cursor_u8(&c);
		size_t len = (cursor_u8(&c) & 31u) * 4;

		buf_str(out, any ? ",class 0x" : "class 0x");
		buf_hex(out, class);
		DISSECT_LIT(out, " type 0x");
		buf_hex(out, type);
		if (type & 0x80)
			DISSECT_LIT(out, "(C)");
		DISSECT_LIT(out, " len ");
		buf_dec(out, len);
		p = cursor_take(&c, len < cursor_left(&c) ? len : cursor_left(&c));
		if (class == 0x100 && type == 1 && c.p - p >= 4)
			geneve_gro_hint(out, p);
	}
}

void dissect_geneve(struct dissect *d)
{
	const uint8_t *p = cursor_take(&d->c, TUNNEL_BYTES);
	size_t len;

	if (!p) {
		dissect_truncated(d);
		return;
	}
	DISSECT_LIT(d->out, " geneve [");
	if (p[1] & 0x80)
		buf_u8(d->out, 'O');
	if (p[1] & 0x40)
		buf_u8(d->out, 'C');
	DISSECT_LIT(d->out, "] vni 0x");
	buf_hex(d->out, be24(p + 4));
	d->ethertype = dissect_be16(p + 2);
	if (d->link_layer) {
		DISSECT_LIT(d->out, " proto ");
		dissect_put_ethertype(d->out, d->ethertype);
	}
	len = (p[0] & 63u) * 4;
	if (len && d->classic) {
		DISSECT_LIT(d->out, " opts_len ");
		buf_dec(d->out, len / 4);
	} else if (len) {
		DISSECT_LIT(d->out, " [");
		geneve_options(
			d->out,
			cursor_init(d->c.p, len < cursor_left(&d->c) ? len : cursor_left(&d->c)));
		buf_u8(d->out, ']');
	}
	cursor_take(&d->c, len < cursor_left(&d->c) ? len : cursor_left(&d->c));
	/* two spaces with link_layer in the current layout: this one and that of the network layer */
	if (d->ethertype == ETHERTYPE_TEB) {
		buf_u8(d->out, ' ');
		d->next = dissect_ethernet;
		return;
	}
	if (!d->classic || !d->link_layer)
		buf_u8(d->out, ' ');
	d->next = dissect_network;
}
