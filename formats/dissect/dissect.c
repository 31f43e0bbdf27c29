/* SPDX-License-Identifier: BSD-2-Clause */
#include "formats/dissect/dissect.h"

#include "formats/dissect/dissect_impl.h"
#include "formats/linktype.h"

/* IEEE 802 numbers that Retis has a name for; an Ethernet frame of any other ethertype is not shown. */
static const struct {
	uint16_t type;
	char name[16];
} ethertypes[] = {
	{0x0800, "IPv4"},         {0x86dd, "IPv6"},           {0x0806, "ARP"},
	{0x8100, "802.1Q"},       {0x88a8, "802.1Q-QinQ"},    {0x9100, "802.1Q-9100"},
	{0x6558, "TEB"},          {0x88e5, "802.1AE MACsec"}, {0x8035, "Reverse ARP"},
	{0x809b, "Appletalk"},    {0x80f3, "Appletalk ARP"},  {0x880b, "PPP"},
	{0x8847, "MPLS unicast"}, {0x8848, "MPLS multicast"}, {0x8863, "PPPoE D"},
	{0x8864, "PPPoE S"},      {0x888e, "EAPOL"},          {0x88f7, "PTP"},
};

static const char *const protocols[256] = {
	[1] = "ICMP",   [2] = "IGMP",       [4] = "IPIP",  [6] = "TCP",    [17] = "UDP",
	[27] = "RDP",   [33] = "DCCP",      [41] = "IPv6", [47] = "GRE",   [50] = "ESP",
	[51] = "AH",    [58] = "ICMPv6",    [89] = "OSPF", [112] = "VRRP", [115] = "L2TP",
	[132] = "SCTP", [143] = "Ethernet",
};

const char *dissect_ethertype_name(uint16_t ethertype)
{
	for (size_t i = 0; i < sizeof(ethertypes) / sizeof(ethertypes[0]); i++)
		if (ethertypes[i].type == ethertype)
			return ethertypes[i].name;
	return NULL;
}

const char *dissect_protocol_name(uint8_t protocol)
{
	return protocols[protocol];
}

void dissect_put_mac(struct buf *out, const uint8_t mac[6])
{
	uint8_t *p = buf_room(out, 17);

	if (!p)
		return;
	for (int i = 0; i < 6; i++) {
		*p++ = (uint8_t) "0123456789abcdef"[mac[i] >> 4];
		*p++ = (uint8_t) "0123456789abcdef"[mac[i] & 15];
		if (i < 5)
			*p++ = ':';
	}
	out->len += 17;
}

/* Numbers up to 255: their digits, and behind them how many. */
#define OCTET(v)                                                                                   \
	{                                                                                          \
		'0' + ((v) >= 100  ? (v) / 100                                                     \
		       : (v) >= 10 ? (v) / 10                                                      \
				   : (v)),                                                         \
			'0' + ((v) >= 100 ? (v) / 10 % 10 : (v) % 10), '0' + (v) % 10,             \
			1 + ((v) >= 10) + ((v) >= 100)                                             \
	}
#define OCTETS4(v)  OCTET(v), OCTET((v) + 1), OCTET((v) + 2), OCTET((v) + 3)
#define OCTETS16(v) OCTETS4(v), OCTETS4((v) + 4), OCTETS4((v) + 8), OCTETS4((v) + 12)
#define OCTETS64(v) OCTETS16(v), OCTETS16((v) + 16), OCTETS16((v) + 32), OCTETS16((v) + 48)

uint8_t *dissect_pen_ipv4(uint8_t *p, const uint8_t a[4])
{
	static const uint8_t octets[256][4] = {OCTETS64(0), OCTETS64(64), OCTETS64(128),
					       OCTETS64(192)};

	for (int i = 0; i < 4; i++) {
		const uint8_t *octet = octets[a[i]];

		memcpy(p, octet, 4);
		p += octet[3];
		*p++ = '.';
	}
	return p - 1;
}

void dissect_put_ipv4(struct buf *out, const uint8_t a[4])
{
	uint8_t *p = buf_room(out, DISSECT_ADDRESS);

	if (p)
		buf_end(out, dissect_pen_ipv4(p, a));
}

/* RFC 5952; of the addresses that hold one of IPv4 only the mapped ones are shown dotted. */
uint8_t *dissect_pen_ipv6(uint8_t *p, const uint8_t a[16])
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	int at = -1, longest = 1; /* one zero group alone is not shortened */

	if (!memcmp(a, mapped, sizeof(mapped)))
		return dissect_pen_ipv4(pen_lit(p, "::ffff:"), a + 12);
	for (int i = 0, run = 0; i < 8; i++) {
		run = a[2 * i] | a[2 * i + 1] ? 0 : run + 1;
		if (run > longest) {
			longest = run;
			at = i - run + 1;
		}
	}
	for (int i = 0; i < 8; i++) {
		if (i == at) {
			p = pen_lit(p, "::");
			i += longest - 1;
			continue;
		}
		if (i && i != at + longest)
			p = pen_lit(p, ":");
		p = pen_hex(p, dissect_be16(a + 2 * i));
	}
	return p;
}

void dissect_truncated(struct dissect *d)
{
	DISSECT_LIT(d->out, "... (truncated or incomplete packet)");
	d->next = NULL;
}

static void unsupported(struct dissect *d)
{
	DISSECT_LIT(d->out, " not supported, use 'retis pcap')");
	d->next = NULL;
}

void dissect_unsupported_ethertype(struct dissect *d, uint16_t ethertype)
{
	DISSECT_LIT(d->out, "... (ethertype 0x");
	buf_hex_digits(d->out, ethertype, 4);
	unsupported(d);
}

void dissect_unsupported_protocol(struct dissect *d, uint8_t protocol)
{
	DISSECT_LIT(d->out, "... (protocol 0x");
	buf_hex(d->out, protocol);
	unsupported(d);
}

static struct dissect start(const uint8_t *p, size_t len, bool link_layer, bool classic,
			    struct buf *out)
{
	return (struct dissect){
		.c = cursor_init(p, len), .out = out, .link_layer = link_layer, .classic = classic};
}

static void walk(struct dissect *d)
{
	dissect_layer *layer;

	while ((layer = d->next)) {
		d->next = NULL;
		layer(d);
	}
}

void dissect_text(const uint8_t *p, size_t len, bool link_layer, bool classic, struct buf *out)
{
	struct dissect d = start(p, len, link_layer, classic, out);

	d.next = dissect_ethernet;
	walk(&d);
}

void dissect_text_network(uint16_t ethertype, const uint8_t *p, size_t len, bool link_layer,
			  bool classic, struct buf *out)
{
	static const uint8_t zero[6];
	struct dissect d = start(p, len, link_layer, classic, out);

	dissect_ethernet_header(&d, zero, zero, ethertype);
	walk(&d);
}

/* The ethertype that a BSD address family stands for; the values of IPv6 differ from system to system. */
static uint16_t family_ethertype(const uint8_t *p)
{
	uint32_t family = dissect_be32(p);

	if (family > 0xffff) /* host byte order of a little-endian recorder */
		family = family >> 24 | (family >> 8 & 0xff00);
	switch (family) {
	case 2: return 0x0800;
	case 10:
	case 24:
	case 28:
	case 30: return 0x86dd;
	}
	return 0;
}

static void from_raw(struct dissect *d)
{
	uint8_t version;

	if (!cursor_left(&d->c)) {
		dissect_truncated(d);
		return;
	}
	version = d->c.p[0] >> 4;
	if (version == 4 || version == 6) {
		d->next = version == 4 ? dissect_ipv4 : dissect_ipv6;
		return;
	}
	DISSECT_LIT(d->out, "... (IP version ");
	buf_dec(d->out, version);
	unsupported(d);
}

/* Behind a cooked or loopback header: its ethertype as -e shows it, then what it names. */
static void from_header(struct dissect *d, size_t bytes, size_t ethertype_at)
{
	const uint8_t *p = cursor_take(&d->c, bytes);

	if (!p) {
		dissect_truncated(d);
		return;
	}
	d->ethertype = bytes == 4 ? family_ethertype(p) : dissect_be16(p + ethertype_at);
	if (d->link_layer) {
		DISSECT_LIT(d->out, "ethertype ");
		dissect_put_ethertype(d->out, d->ethertype);
	}
	d->next = dissect_tags;
}

void dissect_text_link(uint32_t linktype, const uint8_t *p, size_t len, bool link_layer,
		       bool classic, struct buf *out)
{
	struct dissect d = start(p, len, link_layer, classic, out);

	switch (linktype) {
	case LINK_ETHERNET: d.next = dissect_ethernet; break;
	case LINK_NULL:
	case LINK_LOOP: from_header(&d, 4, 0); break;
	case LINK_SLL: from_header(&d, 16, 14); break;
	case LINK_SLL2: from_header(&d, 20, 0); break;
	case LINK_RAW_BSD:
	case LINK_RAW_OPENBSD:
	case LINK_RAW:
	case LINK_IPV4:
	case LINK_IPV6: from_raw(&d); break;
	default:
		DISSECT_LIT(out, "... (link type ");
		buf_dec(out, linktype);
		unsupported(&d);
	}
	walk(&d);
}
