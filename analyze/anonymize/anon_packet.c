/* SPDX-License-Identifier: BSD-2-Clause */
/* The walk, and the link layer. */
#include "analyze/anonymize/anon_packet.h"

#include <string.h>

int64_t anon_packet_take(struct anon_packet *k, uint32_t n)
{
	uint32_t at = k->at;

	if (k->end - at < n) {
		k->next = NULL;
		return -1;
	}
	memset(k->marks + at, ANON_MARK_NUMBER, n);
	k->at += n;
	if (k->at > k->dissected)
		k->dissected = k->at;
	return at;
}

void anon_packet_mark(struct anon_packet *k, uint32_t at, uint32_t n)
{
	memset(k->marks + at, ANON_MARK_ADDRESS, n);
	if (n)
		k->marks[at] = ANON_MARK_BEGIN;
}

void anon_packet_ipv4(struct anon_packet *k, uint32_t at)
{
	anon_packet_mark(k, at, 4);
	if (k->a)
		anon_ipv4(k->a, k->p + at);
}

void anon_packet_ipv6(struct anon_packet *k, uint32_t at)
{
	anon_packet_mark(k, at, 16);
	if (k->a)
		anon_ipv6(k->a, k->p + at);
}

void anon_packet_mac(struct anon_packet *k, uint32_t at)
{
	anon_packet_mark(k, at, 6);
	if (k->a)
		anon_mac(k->a, k->p + at);
}

static void put16(struct anon_packet *k, uint32_t at, uint16_t v)
{
	k->p[at] = (uint8_t)(v >> 8);
	k->p[at + 1] = (uint8_t)v;
}

void anon_packet_ports(struct anon_packet *k, uint32_t at)
{
	for (uint32_t end = at + 4; k->a && at < end; at += 2)
		put16(k, at, anon_port(k->a, (uint16_t)anon_packet_be16(k, at)));
}

void anon_packet_vlan(struct anon_packet *k, uint32_t at)
{
	if (k->a)
		put16(k, at, anon_vlan(k->a, (uint16_t)anon_packet_be16(k, at)));
}

void anon_packet_zero(struct anon_packet *k, uint32_t at, uint32_t to)
{
	if (at < to && k->a)
		memset(k->p + at, 0, to - at);
}

void anon_packet_sum(struct anon_packet *k, enum anon_sum_kind kind, uint32_t start, uint32_t field)
{
	uint32_t captured = k->end - start;

	if (k->n_sums == ANON_SUMS_MAX || field + 2 > k->end)
		return;
	k->sums[k->n_sums++] = (struct anon_sum){
		.kind = kind,
		.field = field,
		.start = start,
		.end = k->end,
		.full = k->payload_len > captured ? k->payload_len : captured,
		.src = k->src,
		.dst = k->dst,
		.address_bytes = k->address_bytes,
		.protocol = k->protocol,
		.pseudo_len = k->payload_len,
	};
}

/* ---- link layers ---- */

void anon_packet_ethernet(struct anon_packet *k)
{
	int64_t at = anon_packet_take(k, 14);

	if (at < 0)
		return;
	anon_packet_mac(k, (uint32_t)at);
	anon_packet_mac(k, (uint32_t)at + 6);
	k->ethertype = (uint16_t)anon_packet_be16(k, (uint32_t)at + 12);
	k->next = anon_packet_network;
}

/* Of IPv4 over Ethernet; of others nothing behind the operation is known. */
static void arp(struct anon_packet *k)
{
	int64_t at = anon_packet_take(k, 8);
	uint32_t p;

	k->next = NULL;
	if (at < 0 || k->was[at + 4] != 6 || k->was[at + 5] != 4 || anon_packet_take(k, 20) < 0)
		return;
	p = (uint32_t)at;
	anon_packet_mac(k, p + 8);
	anon_packet_ipv4(k, p + 14);
	anon_packet_mac(k, p + 18);
	anon_packet_ipv4(k, p + 24);
}

static void macsec(struct anon_packet *k)
{
	int64_t at = anon_packet_take(k, 6), sci = 0;
	uint8_t flags;

	k->next = NULL;
	if (at < 0)
		return;
	flags = k->was[at];
	if (flags & 0x20) {
		sci = anon_packet_take(k, 8);
		if (sci < 0)
			return;
		anon_packet_mac(k, (uint32_t)sci);
	}
	if (flags & 0x0c)
		return; /* encrypted */
	at = anon_packet_take(k, 2);
	if (at < 0)
		return;
	k->ethertype = (uint16_t)anon_packet_be16(k, (uint32_t)at);
	k->next = anon_packet_network;
}

static void (*layer_of(uint16_t ethertype))(struct anon_packet *k)
{
	switch (ethertype) {
	case 0x0800: return anon_packet_ip4;
	case 0x86dd: return anon_packet_ip6;
	case 0x0806:
	case 0x8035: return arp;
	case 0x88e5: return macsec;
	case 0x6558: return anon_packet_ethernet;
	}
	return NULL;
}

void anon_packet_network(struct anon_packet *k)
{
	k->next = NULL;
	while (k->ethertype == 0x8100 || k->ethertype == 0x88a8 || k->ethertype == 0x9100) {
		int64_t at = anon_packet_take(k, 4);

		if (at < 0)
			return;
		anon_packet_vlan(k, (uint32_t)at);
		k->ethertype = (uint16_t)anon_packet_be16(k, (uint32_t)at + 2);
	}
	if (!k->network)
		k->network = k->at;
	k->next = layer_of(k->ethertype);
}

static void raw_ip(struct anon_packet *k)
{
	uint8_t version = k->at < k->end ? k->was[k->at] >> 4 : 0;

	k->next = version == 4 ? anon_packet_ip4 : version == 6 ? anon_packet_ip6 : NULL;
}

/* Linux cooked: the sender's address is 6 bytes where the length says so. */
static void cooked(struct anon_packet *k, uint32_t bytes, uint32_t length, uint32_t address,
		   uint32_t ethertype)
{
	int64_t at = anon_packet_take(k, bytes);
	uint32_t p = (uint32_t)at;

	k->next = NULL;
	if (at < 0)
		return;
	if (k->was[p + length] == 6)
		anon_packet_mac(k, p + address);
	else
		anon_packet_zero(k, p + address, p + address + 8);
	k->ethertype = (uint16_t)anon_packet_be16(k, p + ethertype);
	k->next = anon_packet_network;
}

/* LINKTYPE_ values: https://www.tcpdump.org/linktypes.html */
static void begin(struct anon_packet *k, uint32_t linktype)
{
	switch (linktype) {
	case 1: k->next = anon_packet_ethernet; break;
	case 0:
	case 108:
		if (anon_packet_take(k, 4) >= 0)
			raw_ip(k);
		break;
	case 113: cooked(k, 16, 5, 6, 14); break;
	case 276: cooked(k, 20, 11, 12, 0); break;
	case 12:
	case 14:
	case 101:
	case 228:
	case 229: raw_ip(k); break;
	}
}

void anon_packet_rewrite(struct anon_packet *k, const uint8_t *was, int ethertype,
			 uint32_t linktype, int partial)
{
	void (*layer)(struct anon_packet *);

	k->was = was;
	k->at = k->dissected = k->n_sums = k->network = k->outer_end = 0;
	k->address_bytes = 0;
	k->end = k->len;
	k->next = NULL;
	memset(k->marks, ANON_MARK_UNKNOWN, k->len);
	if (ethertype >= 0) {
		k->ethertype = (uint16_t)ethertype;
		k->next = anon_packet_network;
	} else {
		begin(k, linktype);
	}
	while ((layer = k->next))
		layer(k);
	if (!k->a)
		return;
	/* what inner sums change, outer ones cover */
	for (uint32_t i = k->n_sums; i-- > 0;)
		anon_sum_update(&k->sums[i], was, k->p, partial);
	if (k->network > k->len)
		k->network = k->len;
	k->network_delta = anon_sum_delta(was + k->network, k->p + k->network, k->len - k->network);
	/* of what is not IP nothing is payload; padding may be anything that was in memory */
	if (!k->keep_payload || !k->address_bytes)
		k->len = k->dissected;
	else
		anon_packet_zero(k, k->outer_end, k->len);
}
