/* SPDX-License-Identifier: BSD-2-Clause */
/* Sketches of a block's content: they say "not in here" for sure, and "maybe" otherwise. */
#include "formats/skbx/skbx_frame.h"

#include "formats/cursor.h"
#include "formats/linktype.h"

enum {
	ETH_IPV4 = 0x0800,
	ETH_ARP = 0x0806,
	ETH_IPV6 = 0x86dd,
	ETH_VLAN = 0x8100,
	ETH_QINQ = 0x88a8,
	ETH_QINQ_OLD = 0x9100,
	PROTO_HOPOPTS = 0,
	PROTO_TCP = 6,
	PROTO_UDP = 17,
	PROTO_ROUTING = 43,
	PROTO_FRAGMENT = 44,
	PROTO_DSTOPTS = 60,
	PROTO_SCTP = 132,
	EXTENSIONS_MAX = 8,
};

static uint32_t sketch_hash(const void *name, size_t len)
{
	uint32_t h = UINT32_C(2166136261); /* FNV-1a: in files, as FORMAT.md has it */

	for (size_t i = 0; i < len; i++)
		h = (h ^ ((const uint8_t *)name)[i]) * UINT32_C(16777619);
	return h ^ h >> 15;
}

uint64_t skbx_sketch(const void *name, size_t len)
{
	return UINT64_C(1) << (sketch_hash(name, len) & 63);
}

/* Two bits an item: the hash and its upper half, each modulo the number of bits (a power of two). */
static bool sketch_test(const uint8_t *bits, uint32_t bytes, uint32_t hash)
{
	uint32_t a = hash & (bytes * 8 - 1), b = (hash >> 16 | hash << 16) & (bytes * 8 - 1);

	return bits[a / 8] >> a % 8 & 1 && bits[b / 8] >> b % 8 & 1;
}

bool skbx_flow_maybe(const struct skbx_summary *s, const void *bytes, size_t len)
{
	return !s->flows_bytes || sketch_test(s->flows, s->flows_bytes, sketch_hash(bytes, len));
}

static void add(struct frame_sketch *s, const uint8_t *p, size_t len)
{
	uint32_t hash = p ? sketch_hash(p, len) : 0;
	uint32_t a = hash & (FRAME_FLOWS_MAX * 8 - 1);
	uint32_t b = (hash >> 16 | hash << 16) & (FRAME_FLOWS_MAX * 8 - 1);

	if (!p) {
		s->partial = true;
		return;
	}
	s->bits[a / 8] |= (uint8_t)(1 << a % 8);
	s->bits[b / 8] |= (uint8_t)(1 << b % 8);
}

static void add_ports(struct frame_sketch *s, uint8_t protocol, struct cursor *c)
{
	if (protocol == PROTO_TCP || protocol == PROTO_UDP || protocol == PROTO_SCTP) {
		add(s, cursor_take(c, 2), 2);
		add(s, cursor_take(c, 2), 2);
	}
}

static void add_ipv4(struct frame_sketch *s, struct cursor c)
{
	uint8_t first = cursor_u8(&c), protocol;

	cursor_take(&c, 8);
	protocol = cursor_u8(&c);
	cursor_take(&c, 2);
	add(s, cursor_take(&c, 4), 4);
	add(s, cursor_take(&c, 4), 4);
	if ((first & 15) > 5)
		cursor_take(&c, ((first & 15u) - 5) * 4);
	add_ports(s, protocol, &c);
}

/* What readers find behind the extension headers must be in the sketch, too. */
static void add_ipv6(struct frame_sketch *s, struct cursor c)
{
	uint8_t next;

	cursor_take(&c, 6);
	next = cursor_u8(&c);
	cursor_take(&c, 1);
	add(s, cursor_take(&c, 16), 16);
	add(s, cursor_take(&c, 16), 16);
	for (int i = 0; i < EXTENSIONS_MAX; i++) {
		uint8_t is = next, words;

		if (is != PROTO_HOPOPTS && is != PROTO_ROUTING && is != PROTO_FRAGMENT &&
		    is != PROTO_DSTOPTS)
			break;
		next = cursor_u8(&c);
		words = cursor_u8(&c);
		cursor_take(&c, 6);
		if (is != PROTO_FRAGMENT)
			cursor_take(&c, words * 8u);
	}
	add_ports(s, next, &c);
}

static void add_arp(struct frame_sketch *s, struct cursor c)
{
	cursor_take(&c, 14);
	add(s, cursor_take(&c, 4), 4);
	cursor_take(&c, 6);
	add(s, cursor_take(&c, 4), 4);
}

void frame_sketch_packet(struct frame_sketch *s, const struct ev_packet *packet)
{
	struct cursor c = cursor_init(packet->data.p, packet->data.len);
	uint16_t type = packet->protocol;

	if (EV_HAS(packet, packet, linktype) && packet->linktype != LINK_ETHERNET) {
		s->partial = true;
		return;
	}
	if (!EV_HAS(packet, packet, protocol)) {
		cursor_take(&c, 12);
		type = cursor_be16(&c);
	}
	while (type == ETH_VLAN || type == ETH_QINQ || type == ETH_QINQ_OLD) {
		cursor_take(&c, 2);
		type = cursor_be16(&c);
	}
	switch (type) {
	case ETH_IPV4: add_ipv4(s, c); break;
	case ETH_IPV6: add_ipv6(s, c); break;
	case ETH_ARP: add_arp(s, c); break;
	default: s->partial = true; /* a tunnel whose addresses a filter may reach */
	}
}

static void add_port(struct frame_sketch *s, uint16_t port)
{
	add(s, (uint8_t[]){(uint8_t)(port >> 8), (uint8_t)port}, 2);
}

static void add_address(struct frame_sketch *s, struct ev_str address)
{
	const uint8_t *p = (const uint8_t *)address.p;

	if (address.len == 16) /* an IPv4 address may be in there */
		add(s, p + 12, 4);
	if (address.len)
		add(s, p, address.len);
}

void frame_sketch_diag(struct frame_sketch *s, const struct ev_diag *diag)
{
	add_address(s, diag->src);
	add_address(s, diag->dst);
	add_port(s, diag->sport);
	add_port(s, diag->dport);
}

void frame_sketch_sock(struct frame_sketch *s, const struct ev_sock *sock)
{
	add_address(s, sock->src);
	add_address(s, sock->dst);
	add_port(s, sock->sport);
	add_port(s, sock->dport);
}

static unsigned int count_bits(const uint8_t *p, uint32_t bytes)
{
	unsigned int n = 0;

	for (uint32_t i = 0; i < bytes; i++)
		n += (unsigned int)__builtin_popcount(p[i]);
	return n;
}

uint32_t frame_sketch_fold(const struct frame_sketch *s, uint8_t out[FRAME_FLOWS_MAX])
{
	uint32_t bytes = FRAME_FLOWS_MAX;

	if (s->partial)
		return 0;
	memcpy(out, s->bits, bytes);
	/* half as long while at most a quarter of the bits would be set */
	while (bytes > 16 && count_bits(out, bytes) <= bytes) {
		bytes /= 2;
		for (uint32_t i = 0; i < bytes; i++)
			out[i] |= out[i + bytes];
	}
	return bytes;
}
