/* SPDX-License-Identifier: BSD-2-Clause */
/* ICMP (RFC 792, RFC 1256) and ICMPv6 (RFC 4443) with neighbour discovery (RFC 4861) and MLD (RFC 3810). */
#include <string.h>

#include "analyze/anonymize/anon_packet.h"

/* Addresses one behind the other, as far as they go. */
static void addresses(struct anon_packet *k, uint32_t n, uint32_t bytes, uint32_t step)
{
	for (; n && k->end - k->at >= step; n--) {
		uint32_t at = (uint32_t)anon_packet_take(k, step);

		if (bytes == 4)
			anon_packet_ipv4(k, at);
		else
			anon_packet_ipv6(k, at);
	}
}

void anon_packet_icmp(struct anon_packet *k)
{
	uint32_t at = k->at, left = k->end - at;
	uint8_t type;

	k->next = NULL;
	if (anon_packet_take(k, left < 8 ? (left < 4 ? 4 : left) : 8) < 0)
		return;
	anon_packet_sum(k, ANON_SUM_PLAIN, at, at + 2);
	if (left < 8)
		return;
	type = k->was[at];
	if (type == 5)
		anon_packet_ipv4(k, at + 4); /* redirect: the gateway */
	if (type == 3 || type == 4 || type == 5 || type == 11 || type == 12)
		k->next = anon_packet_ip4; /* the packet that it is about */
	else if (type == 9)
		addresses(k, k->was[at + 4], 4, 8);
	else if (type == 13 || type == 14)
		anon_packet_take(k, 12);
	if (type == 9 || type == 13 || type == 14)
		k->next = NULL;
}

/* An option's prefix: of the map of an address, as many bits. */
static void prefix(struct anon_packet *k, uint32_t at, uint32_t bytes, unsigned int bits)
{
	uint8_t whole[16] = {0};

	if (bytes > 16)
		bytes = 16;
	anon_packet_mark(k, at, bytes);
	if (!k->a)
		return;
	memcpy(whole, k->p + at, bytes);
	anon_ipv6(k->a, whole);
	for (unsigned int i = bits; i < 128; i++)
		whole[i / 8] &= (uint8_t) ~(0x80 >> (i % 8));
	memcpy(k->p + at, whole, bytes);
}

/* Options; true: the packet that is redirected comes next. */
static bool nd_options(struct anon_packet *k)
{
	while (k->end - k->at >= 8) {
		uint32_t len = k->was[k->at + 1] * 8u, at = k->at;
		uint8_t type = k->was[at];

		if (len < 8 || len > k->end - at)
			return false;
		if (type == 4) { /* the redirected packet */
			anon_packet_take(k, 8);
			if (k->end > at + len)
				k->end = at + len;
			return true;
		}
		anon_packet_take(k, len);
		if ((type == 1 || type == 2) && len == 8)
			anon_packet_mac(k, at + 2);
		else if (type == 3 && len == 32)
			prefix(k, at + 16, 16, k->was[at + 2]);
		else if (type == 24)
			prefix(k, at + 8, len - 8, k->was[at + 2]);
		else if (type == 25)
			for (uint32_t i = at + 8; i + 16 <= at + len; i += 16)
				anon_packet_ipv6(k, i);
		else if (type != 5)
			anon_packet_zero(k, at + 2, at + len);
	}
	return false;
}

/* Reports of MLDv2. */
static void mld_records(struct anon_packet *k)
{
	while (k->end - k->at >= 20) {
		uint32_t at = (uint32_t)anon_packet_take(k, 20), auxiliary = k->was[at + 1] * 4u;

		anon_packet_ipv6(k, at + 4);
		addresses(k, anon_packet_be16(k, at + 2), 16, 16);
		if (auxiliary > k->end - k->at)
			return;
		anon_packet_zero(k, k->at, k->at + auxiliary);
		anon_packet_take(k, auxiliary);
	}
}

void anon_packet_icmp6(struct anon_packet *k)
{
	/* bytes behind the first 8, and how many of them are addresses */
	static const struct {
		uint8_t type, fixed, addresses;
	} messages[] = {{133, 0, 0}, {134, 8, 0}, {135, 0, 1}, {136, 0, 1},
			{137, 0, 2}, {130, 0, 1}, {131, 0, 1}, {132, 0, 1}};
	uint32_t at = k->at, left = k->end - at;
	uint8_t type;

	k->next = NULL;
	if (anon_packet_take(k, left < 8 ? (left < 4 ? 4 : left) : 8) < 0)
		return;
	anon_packet_sum(k, ANON_SUM_PSEUDO, at, at + 2);
	if (left < 8)
		return;
	type = k->was[at];
	if (type >= 1 && type <= 4) {
		k->next = anon_packet_ip6;
		return;
	}
	if (type == 143)
		mld_records(k);
	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
		bool complete;

		if (messages[i].type != type)
			continue;
		complete = anon_packet_take(k, messages[i].fixed) >= 0;
		if (complete)
			addresses(k, messages[i].addresses, 16, 16);
		if (complete && type == 130) { /* MLDv2: sources of the query */
			int64_t more = anon_packet_take(k, 4);

			if (more >= 0)
				addresses(k, anon_packet_be16(k, (uint32_t)more + 2), 16, 16);
		} else if (complete && type >= 133 && nd_options(k)) {
			k->next = anon_packet_ip6;
			return;
		}
	}
	k->next = NULL;
}
