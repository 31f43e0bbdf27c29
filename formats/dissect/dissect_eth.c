/* SPDX-License-Identifier: BSD-2-Clause */
/* Ethernet, VLAN tags, MACsec (IEEE 802.1AE) and ARP (RFC 826, RFC 903). */
#include "formats/dissect/dissect_impl.h"

enum { ETH_BYTES = 14, TAG_BYTES = 4, ARP_BYTES = 28, SECTAG_BYTES = 6, SCI_BYTES = 8 };

static const struct {
	uint16_t type;
	bool current; /* not dissected in the classic layout */
	dissect_layer *layer;
} networks[] = {
	{0x0800, false, dissect_ipv4},
	{0x86dd, false, dissect_ipv6},
	{0x0806, false, dissect_arp},
	{0x88e5, true, dissect_macsec},
};

void dissect_put_ethertype(struct buf *out, uint16_t ethertype)
{
	const char *name = dissect_ethertype_name(ethertype);

	if (name) {
		buf_str(out, name);
		buf_u8(out, ' ');
	}
	DISSECT_LIT(out, "(0x");
	buf_hex_digits(out, ethertype, 4);
	buf_u8(out, ')');
}

void dissect_ethernet_header(struct dissect *d, const uint8_t dst[6], const uint8_t src[6],
			     uint16_t ethertype)
{
	if (!dissect_ethertype_name(ethertype)) {
		dissect_unsupported_ethertype(d, ethertype);
		return;
	}
	if (d->link_layer) {
		dissect_put_mac(d->out, src);
		DISSECT_LIT(d->out, " > ");
		dissect_put_mac(d->out, dst);
		DISSECT_LIT(d->out, " ethertype ");
		dissect_put_ethertype(d->out, ethertype);
	}
	d->ethertype = ethertype;
	d->next = dissect_tags;
}

void dissect_ethernet(struct dissect *d)
{
	const uint8_t *p = cursor_take(&d->c, ETH_BYTES);

	if (!p)
		dissect_truncated(d);
	else
		dissect_ethernet_header(d, p, p + 6, dissect_be16(p + 12));
}

void dissect_tags(struct dissect *d)
{
	while (d->ethertype == 0x8100 || d->ethertype == 0x88a8 || d->ethertype == 0x9100) {
		const uint8_t *p = cursor_take(&d->c, TAG_BYTES);

		if (!p) {
			dissect_truncated(d);
			return;
		}
		d->ethertype = dissect_be16(p + 2);
		if (!d->link_layer)
			continue;
		DISSECT_LIT(d->out, " vlan ");
		buf_dec(d->out, dissect_be16(p) & 0xfff);
		DISSECT_LIT(d->out, " p ");
		buf_dec(d->out, p[0] >> 5);
		if (p[0] & 0x10)
			DISSECT_LIT(d->out, " DEI");
		DISSECT_LIT(d->out, " ethertype ");
		dissect_put_ethertype(d->out, d->ethertype);
	}
	d->next = dissect_network;
}

void dissect_network(struct dissect *d)
{
	if (d->link_layer)
		buf_u8(d->out, ' ');
	for (size_t i = 0; i < sizeof(networks) / sizeof(networks[0]); i++) {
		if (networks[i].type != d->ethertype || (d->classic && networks[i].current))
			continue;
		d->next = networks[i].layer;
		return;
	}
	dissect_unsupported_ethertype(d, d->ethertype);
}

static void macsec_text(struct dissect *d, const uint8_t *p, const uint8_t *sci)
{
	static const struct {
		uint8_t bit;
		char letter;
	} flags[] = {{0x08, 'E'}, {0x04, 'C'}, {0x40, 'S'}, {0x10, 'B'}, {0x20, 'I'}};

	DISSECT_LIT(d->out, "an ");
	buf_dec(d->out, p[0] & 3);
	DISSECT_LIT(d->out, " pn ");
	buf_dec(d->out, dissect_be32(p + 2));
	DISSECT_LIT(d->out, " flags [");
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (p[0] & flags[i].bit)
			buf_u8(d->out, (uint8_t)flags[i].letter);
	buf_u8(d->out, ']');
	if (p[1] & 0x3f) {
		DISSECT_LIT(d->out, " sl ");
		buf_dec(d->out, p[1] & 0x3f);
	}
	if (sci) {
		DISSECT_LIT(d->out, " sci 0x");
		for (int i = 0; i < SCI_BYTES; i++)
			buf_hex_digits(d->out, sci[i], 2);
	}
}

void dissect_macsec(struct dissect *d)
{
	const uint8_t *p = cursor_take(&d->c, SECTAG_BYTES), *sci = NULL;

	if (p && p[0] & 0x20)
		sci = cursor_take(&d->c, SCI_BYTES);
	if (d->c.is_short) {
		dissect_truncated(d);
		return;
	}
	if (d->link_layer)
		macsec_text(d, p, sci);
	if (p[0] & 0x0c) { /* encrypted or changed: nothing to read behind it */
		if (!d->link_layer)
			DISSECT_LIT(d->out, "802.1AE MACsec frame");
		return;
	}
	d->ethertype = cursor_be16(&d->c);
	if (d->c.is_short)
		dissect_truncated(d);
	else
		d->next = dissect_tags;
}

void dissect_arp(struct dissect *d)
{
	static const uint8_t zero[6];
	const uint8_t *p = cursor_take(&d->c, ARP_BYTES);
	const uint8_t *sha, *spa, *tha, *tpa;

	if (!p) {
		dissect_truncated(d);
		return;
	}
	sha = p + 8;
	spa = p + 14;
	tha = p + 18;
	tpa = p + 24;
	switch (dissect_be16(p + 6)) {
	case 1:
		DISSECT_LIT(d->out, "request who-has ");
		dissect_put_ipv4(d->out, tpa);
		if (memcmp(tha, zero, sizeof(zero))) {
			DISSECT_LIT(d->out, " (");
			dissect_put_mac(d->out, tha);
			buf_u8(d->out, ')');
		}
		DISSECT_LIT(d->out, " tell ");
		dissect_put_ipv4(d->out, spa);
		break;
	case 2:
		DISSECT_LIT(d->out, "reply ");
		dissect_put_ipv4(d->out, spa);
		DISSECT_LIT(d->out, " is-at ");
		dissect_put_mac(d->out, sha);
		break;
	case 3:
		DISSECT_LIT(d->out, "reverse request who-is ");
		dissect_put_mac(d->out, tha);
		DISSECT_LIT(d->out, " tell ");
		dissect_put_mac(d->out, sha);
		break;
	case 4:
		DISSECT_LIT(d->out, "reverse reply ");
		dissect_put_mac(d->out, tha);
		DISSECT_LIT(d->out, " at ");
		dissect_put_ipv4(d->out, tpa);
		break;
	default:
		DISSECT_LIT(d->out, "... (ARP operation ");
		buf_dec(d->out, dissect_be16(p + 6));
		DISSECT_LIT(d->out, " not supported, use 'retis pcap')");
	}
}
