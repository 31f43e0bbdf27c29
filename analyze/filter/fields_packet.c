/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Headers of the outermost network and transport layer. What this finds, the sketches of a block must
 * hold too (formats/skbx/skbx_sketch.c), else blocks would be skipped that match.
 */
#include "analyze/filter/fields_packet.h"

#include "formats/cursor.h"
#include "formats/linktype.h"

enum {
	ETH_IPV4 = 0x0800,
	ETH_ARP = 0x0806,
	ETH_VLAN = 0x8100,
	ETH_IPV6 = 0x86dd,
	ETH_QINQ = 0x88a8,
	ETH_QINQ_OLD = 0x9100,

	PROTO_HOPOPTS = 0,
	PROTO_ICMP = 1,
	PROTO_TCP = 6,
	PROTO_UDP = 17,
	PROTO_ROUTING = 43,
	PROTO_FRAGMENT = 44,
	PROTO_ICMP6 = 58,
	PROTO_DSTOPTS = 60,
	PROTO_SCTP = 132,

	EXTENSIONS_MAX = 8, /* of IPv6, as the kernel's own limits have it */
	IP6_BYTES = 40,
	UNKNOWN_LEN = -1,
};

static void put(struct packet_headers *h, enum packet_field f, uint64_t v)
{
	h->v[f] = v;
	h->has |= UINT64_C(1) << f;
}

/* Absent when bytes are missing. */
static void put_bytes(struct packet_headers *h, enum packet_field f, const uint8_t *p, uint8_t len)
{
	if (!p)
		return;
	h->bytes[f] = p;
	h->len[f] = len;
	h->has |= UINT64_C(1) << f;
}

static void put8(struct packet_headers *h, enum packet_field f, struct cursor *c)
{
	uint8_t v = cursor_u8(c);

	if (!c->is_short)
		put(h, f, v);
}

static void put16(struct packet_headers *h, enum packet_field f, struct cursor *c)
{
	uint16_t v = cursor_be16(c);

	if (!c->is_short)
		put(h, f, v);
}

static void put32(struct packet_headers *h, enum packet_field f, struct cursor *c)
{
	uint32_t v = cursor_be32(c);

	if (!c->is_short)
		put(h, f, v);
}

/* len: bytes of the segment as the IP header has them. */
static void parse_tcp(struct packet_headers *h, struct cursor c, int64_t len)
{
	uint16_t word;

	put16(h, PACKET_TCP_SPORT, &c);
	put16(h, PACKET_TCP_DPORT, &c);
	put32(h, PACKET_TCP_SEQ, &c);
	put32(h, PACKET_TCP_ACK, &c);
	word = cursor_be16(&c);
	if (!c.is_short) {
		int64_t header = (word >> 12) * 4;

		put(h, PACKET_TCP_FLAGS, word & 0x1ff);
		if (len >= header && header >= 20)
			put(h, PACKET_TCP_LEN, (uint64_t)(len - header));
	}
	put16(h, PACKET_TCP_WIN, &c);
}

static void parse_transport(struct packet_headers *h, struct cursor c, uint8_t protocol,
			    int64_t len)
{
	switch (protocol) {
	case PROTO_TCP: parse_tcp(h, c, len); break;
	case PROTO_UDP:
		put16(h, PACKET_UDP_SPORT, &c);
		put16(h, PACKET_UDP_DPORT, &c);
		put16(h, PACKET_UDP_LEN, &c);
		break;
	case PROTO_SCTP:
		put16(h, PACKET_SCTP_SPORT, &c);
		put16(h, PACKET_SCTP_DPORT, &c);
		break;
	case PROTO_ICMP:
		put8(h, PACKET_ICMP_TYPE, &c);
		put8(h, PACKET_ICMP_CODE, &c);
		break;
	case PROTO_ICMP6:
		put8(h, PACKET_ICMP6_TYPE, &c);
		put8(h, PACKET_ICMP6_CODE, &c);
		break;
	default: break;
	}
}

static void parse_ipv4(struct packet_headers *h, struct cursor c)
{
	uint8_t first = cursor_u8(&c), protocol;
	uint32_t header = (first & 15u) * 4;
	uint16_t len, fragment;

	if (c.is_short || first >> 4 != 4 || header < 20)
		return;
	put(h, PACKET_IP_VERSION, 4);
	put8(h, PACKET_IP_TOS, &c);
	len = cursor_be16(&c);
	if (!c.is_short)
		put(h, PACKET_IP_LEN, len);
	put16(h, PACKET_IP_ID, &c);
	fragment = cursor_be16(&c) & 0x1fff;
	if (!c.is_short)
		put(h, PACKET_IP_OFFSET, fragment * 8u);
	put8(h, PACKET_IP_TTL, &c);
	protocol = cursor_u8(&c);
	if (c.is_short)
		return;
	put(h, PACKET_IP_PROTO, protocol);
	cursor_take(&c, 2);
	put_bytes(h, PACKET_IP_SRC, cursor_take(&c, 4), 4);
	put_bytes(h, PACKET_IP_DST, cursor_take(&c, 4), 4);
	cursor_take(&c, header - 20);
	/* 0: left to the hardware to fill in (TSO) */
	if (!c.is_short && !fragment)
		parse_transport(h, c, protocol, len ? (int64_t)len - header : UNKNOWN_LEN);
}

/* Passes the extension headers. False: no transport header follows. */
static bool skip_extensions(struct packet_headers *h, struct cursor *c, uint8_t *next, int64_t *len)
{
	for (int i = 0; i < EXTENSIONS_MAX; i++) {
		uint8_t is = *next, then;
		uint32_t bytes = 8;

		if (is != PROTO_HOPOPTS && is != PROTO_ROUTING && is != PROTO_DSTOPTS &&
		    is != PROTO_FRAGMENT)
			return true;
		then = cursor_u8(c);
		if (is == PROTO_FRAGMENT) {
			uint16_t offset;

			cursor_u8(c);
			offset = cursor_be16(c) & 0xfff8;
			if (!c->is_short)
				put(h, PACKET_IP_OFFSET, offset);
			put32(h, PACKET_IP_ID, c);
			if (offset) {
				if (!c->is_short)
					*next = then;
				return false;
			}
		} else {
			bytes += cursor_u8(c) * 8u;
			cursor_take(c, bytes - 2);
		}
		if (c->is_short)
			return false;
		*next = then;
		if (*len != UNKNOWN_LEN)
			*len = *len >= bytes ? *len - bytes : UNKNOWN_LEN;
	}
	return false;
}

static void parse_ipv6(struct packet_headers *h, struct cursor c)
{
	uint32_t word = cursor_be32(&c);
	uint16_t payload = cursor_be16(&c);
	uint8_t next = cursor_u8(&c);
	int64_t len = payload ? payload : UNKNOWN_LEN; /* 0: a jumbogram, or TSO */
	bool transport;

	if (c.is_short || word >> 28 != 6)
		return;
	put(h, PACKET_IP_VERSION, 6);
	put(h, PACKET_IP_TOS, word >> 20 & 0xff);
	put(h, PACKET_IP_LEN, payload + (uint64_t)IP6_BYTES);
	put8(h, PACKET_IP_TTL, &c);
	put_bytes(h, PACKET_IP_SRC, cursor_take(&c, 16), 16);
	put_bytes(h, PACKET_IP_DST, cursor_take(&c, 16), 16);
	transport = !c.is_short && skip_extensions(h, &c, &next, &len);
	put(h, PACKET_IP_PROTO, next);
	if (transport)
		parse_transport(h, c, next, len);
}

static void parse_arp(struct packet_headers *h, struct cursor c)
{
	uint16_t protocol;
	uint8_t hardware_len, protocol_len;

	cursor_take(&c, 2);
	protocol = cursor_be16(&c);
	hardware_len = cursor_u8(&c);
	protocol_len = cursor_u8(&c);
	put16(h, PACKET_ARP_OP, &c);
	if (protocol != ETH_IPV4 || hardware_len != 6 || protocol_len != 4)
		return;
	cursor_take(&c, 6);
	put_bytes(h, PACKET_ARP_SRC, cursor_take(&c, 4), 4);
	cursor_take(&c, 6);
	put_bytes(h, PACKET_ARP_DST, cursor_take(&c, 4), 4);
}

static void parse_network(struct packet_headers *h, struct cursor c, uint16_t type)
{
	for (int tag = 0; type == ETH_VLAN || type == ETH_QINQ || type == ETH_QINQ_OLD; tag++) {
		uint16_t tci = cursor_be16(&c);

		type = cursor_be16(&c);
		if (c.is_short)
			return;
		if (tag < 2) {
			put(h, tag ? PACKET_VLAN_ID2 : PACKET_VLAN_ID, tci & 0xfff);
			put(h, tag ? PACKET_VLAN_PCP2 : PACKET_VLAN_PCP, tci >> 13);
		}
	}
	put(h, PACKET_ETH_TYPE, type);
	switch (type) {
	case ETH_IPV4: parse_ipv4(h, c); break;
	case ETH_IPV6: parse_ipv6(h, c); break;
	case ETH_ARP: parse_arp(h, c); break;
	default: break;
	}
}

static void parse_ethernet(struct packet_headers *h, struct cursor c)
{
	uint16_t type;

	put_bytes(h, PACKET_ETH_DST, cursor_take(&c, 6), 6);
	put_bytes(h, PACKET_ETH_SRC, cursor_take(&c, 6), 6);
	type = cursor_be16(&c);
	if (!c.is_short)
		parse_network(h, c, type);
}

/* A packet that begins with its IP header, of either version. */
static void parse_ip(struct packet_headers *h, struct cursor c)
{
	if (cursor_left(&c))
		parse_network(h, c, *c.p >> 4 == 6 ? ETH_IPV6 : ETH_IPV4);
}

void packet_parse(const struct ev_packet *packet, struct packet_headers *h)
{
	struct cursor c = cursor_init(packet->data.p, packet->data.len);
	uint16_t type;

	h->has = 0;
	if (!packet->data.len)
		return;
	if (EV_HAS(packet, packet, protocol)) {
		parse_network(h, c, packet->protocol);
		return;
	}
	if (!EV_HAS(packet, packet, linktype)) {
		parse_ethernet(h, c);
		return;
	}
	switch (packet->linktype) {
	case LINK_ETHERNET: parse_ethernet(h, c); break;
	case LINK_NULL:
	case LINK_LOOP: cursor_take(&c, 4); __attribute__((fallthrough));
	case LINK_RAW:
	case LINK_IPV4:
	case LINK_IPV6: parse_ip(h, c); break;
	case LINK_SLL:
		cursor_take(&c, 14);
		type = cursor_be16(&c);
		if (!c.is_short)
			parse_network(h, c, type);
		break;
	case LINK_SLL2:
		type = cursor_be16(&c);
		cursor_take(&c, 18);
		if (!c.is_short)
			parse_network(h, c, type);
		break;
	default: break;
	}
}
