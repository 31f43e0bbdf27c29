/* SPDX-License-Identifier: BSD-2-Clause */
/* IPv4, IPv6 with its extension headers, and what they carry. */
#include <string.h>

#include "analyze/anonymize/anon_packet.h"

/* Whether there is one more option; *type, and *len with its two bytes. Ends at padding of length one. */
static bool next_option(const struct anon_packet *k, uint32_t at, uint32_t end, uint32_t *len)
{
	if (at >= end)
		return false;
	*len = 1;
	if (k->was[at] <= 1)
		return true;
	if (end - at < 2)
		return false;
	*len = k->was[at + 1];
	return *len >= 2 && *len <= end - at;
}

/* RFC 791; addresses of a route, and with timestamps. */
static void ipv4_options(struct anon_packet *k, uint32_t at, uint32_t end)
{
	uint32_t len;

	for (; next_option(k, at, end, &len); at += len) {
		uint8_t type = k->was[at];
		uint32_t step = 4, from = at + 3;

		if (!type)
			break;
		if (type == 1 || type == 148 || type == 136)
			continue;
		if (type == 68 && len >= 4) {
			if (!(k->was[at + 3] & 15))
				continue; /* timestamps alone */
			step = 8;
			from = at + 4;
		} else if (type != 7 && type != 131 && type != 137) {
			anon_packet_zero(k, at + 2, at + len);
			continue;
		}
		for (; from + 4 <= at + len; from += step) {
			anon_packet_ipv4(k, from);
			/* a source route has the last destination behind it, which the sum counts */
			if (type != 7 && type != 68 && k->was[at + 2] <= len && from + 8 > at + len)
				k->dst = from;
		}
	}
	anon_packet_zero(k, at, end);
}

static void limit(struct anon_packet *k, uint32_t payload)
{
	k->payload_len = payload;
	if (k->end - k->at > payload)
		k->end = k->at + payload;
	if (!k->outer_end)
		k->outer_end = k->end;
}

void anon_packet_ip4(struct anon_packet *k)
{
	int64_t taken = anon_packet_take(k, 20);
	uint32_t at = (uint32_t)taken, header, total, end;

	k->next = NULL;
	if (taken < 0)
		return;
	header = (k->was[at] & 15) * 4u;
	total = anon_packet_be16(k, at + 2);
	if (header < 20)
		header = 20;
	k->src = at + 12;
	k->dst = at + 16;
	k->address_bytes = 4;
	end = header - 20 < k->end - k->at ? at + header : k->end;
	if (end > k->at) {
		anon_packet_take(k, end - k->at);
		ipv4_options(k, at + 20, end);
	}
	if (k->n_sums < ANON_SUMS_MAX)
		k->sums[k->n_sums++] = (struct anon_sum){
			.kind = ANON_SUM_PLAIN, .field = at + 10, .start = at, .end = k->at};
	anon_packet_ipv4(k, at + 12);
	anon_packet_ipv4(k, at + 16);
	/* 0: of a packet that offload will make shorter ones of, all that is there */
	limit(k, total > header ? total - header : total ? 0 : k->end - k->at);
	k->protocol = k->was[at + 9];
	if (anon_packet_be16(k, at + 6) & 0x1fff)
		return; /* a later fragment has no header */
	k->next = anon_packet_transport;
}

/* Options of destination and hop-by-hop headers, and the TLVs of a segment routing header. */
static void ipv6_options(struct anon_packet *k, uint32_t at, uint32_t end)
{
	while (at < end) {
		uint8_t type = k->was[at];
		uint32_t len;

		if (!type) {
			at++;
			continue;
		}
		if (end - at < 2 || k->was[at + 1] > end - at - 2)
			break;
		len = k->was[at + 1] + 2u;
		if (type == 0xc9 && len == 18) { /* the home address: the sum's source */
			anon_packet_ipv6(k, at + 2);
			k->src = at + 2;
		} else if (type != 1 && type != 5 && type != 0xc2) {
			anon_packet_zero(k, at + 2, at + len);
		}
		at += len;
	}
	anon_packet_zero(k, at, end);
}

/* RFC 8200, RFC 6275, RFC 8754. */
static void ipv6_route(struct anon_packet *k, uint32_t at, uint32_t end)
{
	uint8_t type = k->was[at + 2], left = k->was[at + 3];
	uint32_t n = (end - at - 8) / 16, p = at + 8;

	if (type == 4 && k->was[at + 4] + 1u < n)
		n = k->was[at + 4] + 1u;
	if (type != 0 && type != 2 && type != 4) {
		anon_packet_zero(k, at + 8, end);
		return;
	}
	for (uint32_t i = 0; i < n; i++)
		anon_packet_ipv6(k, p + 16 * i);
	if (left && n)
		k->dst = type == 4 ? p : p + 16 * (n - 1);
	anon_packet_zero(k, p + 16 * n, end);
}

/* Whether a protocol number is an extension header, and its size; -1: of which too little is there. */
static int64_t extension_size(const struct anon_packet *k, uint8_t protocol)
{
	if (protocol != 0 && protocol != 43 && protocol != 44 && protocol != 51 && protocol != 60 &&
	    protocol != 135 && protocol != 139 && protocol != 140)
		return 0;
	if (k->end - k->at < 8)
		return -1;
	if (protocol == 44)
		return 8;
	return protocol == 51 ? k->was[k->at + 1] * 4 + 8 : k->was[k->at + 1] * 8 + 8;
}

static void ipv6_extensions(struct anon_packet *k, uint8_t protocol)
{
	for (int64_t size; (size = extension_size(k, protocol));) {
		int64_t at = size > 0 ? anon_packet_take(k, (uint32_t)size) : -1;

		if (at < 0) {
			k->next = NULL;
			return;
		}
		k->payload_len = k->payload_len > size ? k->payload_len - (uint32_t)size : 0;
		if (protocol == 0 || protocol == 60)
			ipv6_options(k, (uint32_t)at + 2, k->at);
		else if (protocol == 43)
			ipv6_route(k, (uint32_t)at, k->at);
		else if (protocol > 60)
			anon_packet_zero(k, (uint32_t)at + 2, k->at);
		if (protocol == 44 && anon_packet_be16(k, (uint32_t)at + 2) & 0xfff8) {
			k->next = NULL; /* a later fragment */
			return;
		}
		protocol = k->was[at];
	}
	k->protocol = protocol;
	k->next = anon_packet_transport;
}

void anon_packet_ip6(struct anon_packet *k)
{
	int64_t taken = anon_packet_take(k, 40);
	uint32_t at = (uint32_t)taken, len;

	k->next = NULL;
	if (taken < 0)
		return;
	anon_packet_ipv6(k, at + 8);
	anon_packet_ipv6(k, at + 24);
	k->src = at + 8;
	k->dst = at + 24;
	k->address_bytes = 16;
	len = anon_packet_be16(k, at + 4);
	/* 0 of a jumbogram: all that is there; of another there is nothing */
	limit(k, len ? len : k->was[at + 6] == 59 ? 0 : k->end - k->at);
	ipv6_extensions(k, k->was[at + 6]);
}

/* ---- what IP carries ---- */

static void tcp_options(struct anon_packet *k, uint32_t at, uint32_t end)
{
	uint32_t len;

	for (; next_option(k, at, end, &len); at += len) {
		uint8_t kind = k->was[at];

		if (!kind)
			break;
		/* known not to name anybody: sizes, times, sequence numbers */
		if (kind <= 8 || (kind >= 11 && kind <= 15) || kind == 18 || kind == 28)
			continue;
		if (kind == 30 &&
		    len >= 3) { /* the kind of an MPTCP message stays, addresses and keys do not */
			anon_packet_zero(k, at + 3, at + len);
		} else {
			anon_packet_zero(k, at + 2, at + len);
		}
	}
	anon_packet_zero(k, at, end);
}

static void tcp(struct anon_packet *k)
{
	uint32_t at = k->at, left = k->end - at, header;

	k->next = NULL;
	/* a quoted one may end anywhere behind its ports */
	if (anon_packet_take(k, left < 20 ? (left < 4 ? 4 : left) : 20) < 0)
		return;
	anon_packet_ports(k, at);
	if (left < 20) {
		if (left >= 18)
			anon_packet_sum(k, ANON_SUM_PSEUDO, at, at + 16);
		return;
	}
	header = (k->was[at + 12] >> 4) * 4u;
	if (header > 20) {
		uint32_t end = header < left ? at + header : k->end;

		anon_packet_take(k, end - k->at);
		tcp_options(k, at + 20, end);
	}
	anon_packet_sum(k, ANON_SUM_PSEUDO, at, at + 16);
}

/* RFC 8926; options are of whoever made them, but for the size hints of Linux. */
static void geneve(struct anon_packet *k)
{
	int64_t at = anon_packet_take(k, 8);
	uint32_t end, len;

	k->next = NULL;
	if (at < 0)
		return;
	len = (k->was[at] & 63u) * 4;
	end = len < k->end - k->at ? k->at + len : k->end;
	for (uint32_t o = k->at; o + 4 <= end; o += 4 + (k->was[o + 3] & 31u) * 4) {
		uint32_t behind = o + 4 + (k->was[o + 3] & 31u) * 4;

		if (anon_packet_be16(k, o) != 0x100 || k->was[o + 2] != 1)
			anon_packet_zero(k, o + 4, behind < end ? behind : end);
	}
	anon_packet_take(k, end - k->at);
	k->ethertype = (uint16_t)anon_packet_be16(k, (uint32_t)at + 2);
	k->next = anon_packet_network;
}

static void vxlan(struct anon_packet *k)
{
	if (anon_packet_take(k, 8) >= 0)
		k->next = anon_packet_ethernet;
}

static void udp(struct anon_packet *k)
{
	uint32_t at = k->at, left = k->end - at, len, port;

	k->next = NULL;
	if (anon_packet_take(k, left < 8 ? (left < 4 ? 4 : left) : 8) < 0)
		return;
	anon_packet_ports(k, at);
	if (left < 8)
		return;
	len = anon_packet_be16(k, at + 4);
	if (len >= 8 && len < k->payload_len)
		k->payload_len = len;
	if (len >= 8 && k->end - at > len)
		k->end = at + len;
	anon_packet_sum(k, ANON_SUM_UDP, at, at + 6);
	port = anon_packet_be16(k, at + 2);
	if (port == 4789 || port == 8472)
		k->next = vxlan;
	else if (port == 6081)
		k->next = geneve;
}

/* Parameters of INIT, INIT ACK and ASCONF: addresses, and what is none of ours. nested: in one of ASCONF. */
static void sctp_parameters(struct anon_packet *k, uint32_t at, uint32_t end, bool nested)
{
	while (end - at >= 4) {
		uint32_t type = anon_packet_be16(k, at), len = anon_packet_be16(k, at + 2);
		uint32_t behind = len < end - at ? at + len : end;

		if (len < 4)
			break;
		if (type == 5 && behind - at >= 8)
			anon_packet_ipv4(k, at + 4);
		else if (type == 6 && behind - at >= 20)
			anon_packet_ipv6(k, at + 4);
		else if ((type == 0xc001 || type == 0xc002 || type == 0xc004) && behind - at > 8 &&
			 !nested)
			sctp_parameters(k, at + 8, behind, true);
		else if (type != 9 && type != 12 && type != 0x8000 && type != 0xc000 &&
			 type != 0x8008)
			anon_packet_zero(k, at + 4, behind);
		len = (len + 3) & ~3u;
		if (len >= end - at)
			return;
		at += len;
	}
	anon_packet_zero(k, at, end);
}

/* How many bytes of a chunk's value are numbers; what is behind them. */
static void sctp_chunk(struct anon_packet *k, uint32_t at, uint32_t end)
{
	static const uint8_t numbers[16] = {12, 16, 16, 255, 0, 0, 0, 4, 0, 0, 0, 0, 4, 4, 0, 0};
	uint8_t type = k->was[at];
	uint32_t value = at + 4, n = type < 16                      ? numbers[type]
				     : type == 0xc1 || type == 0x80 ? 4
								    : 0;

	if (n > end - value)
		n = end - value;
	if (type == 1 || type == 2 || type == 0xc1 || type == 0x80)
		sctp_parameters(k, value + n, end, false);
	else if (type == 4 || type == 5)
		sctp_parameters(k, value, end, false); /* the heartbeat's own notes: zeroed */
	else if (type == 0 && k->keep_payload)
		memset(k->marks + value + n, ANON_MARK_UNKNOWN, end - value - n);
	else
		anon_packet_zero(k, value + n, end);
}

static void sctp(struct anon_packet *k)
{
	uint32_t at = k->at, left = k->end - at;

	k->next = NULL;
	if (anon_packet_take(k, left < 12 ? (left < 4 ? 4 : left) : 12) < 0)
		return;
	anon_packet_ports(k, at);
	if (left < 12)
		return;
	while (k->end - k->at >= 4) {
		uint32_t chunk = k->at, size = anon_packet_be16(k, chunk + 2), end;
		bool last, data = k->was[chunk] == 0;

		if (size < 4)
			size = 4;
		end = size < k->end - chunk ? chunk + size : k->end;
		size = (size + 3) & ~3u;
		last = size >= k->end - chunk || k->end - chunk - size < 4;
		if (data && last) { /* its 12 bytes are the last header */
			anon_packet_take(k, end - chunk < 16 ? end - chunk : 16);
			break;
		}
		anon_packet_take(k, last ? k->end - chunk : size);
		sctp_chunk(k, chunk, end);
	}
	anon_packet_sum(k, ANON_SUM_CRC32C, at, at + 8);
}

/* RFC 2784, RFC 2890: a checksum (which nobody uses), a key, a sequence number. */
static void gre(struct anon_packet *k)
{
	int64_t at = anon_packet_take(k, 4);
	uint8_t flags;

	k->next = NULL;
	if (at < 0)
		return;
	flags = k->was[at];
	if (k->was[at + 1] & 7 || flags & 0xc0)
		return; /* PPTP, or sums and routes */
	if (anon_packet_take(k, (flags & 0x20 ? 4u : 0) + (flags & 0x10 ? 4u : 0)) < 0)
		return;
	k->ethertype = (uint16_t)anon_packet_be16(k, (uint32_t)at + 2);
	k->next = anon_packet_network;
}

static void igmp(struct anon_packet *k)
{
	int64_t taken = anon_packet_take(k, 8);
	uint32_t at = (uint32_t)taken, aux;

	k->next = NULL;
	if (taken < 0)
		return;
	if (k->was[at] == 0x22) { /* reports of IGMPv3 */
		while (k->end - k->at >= 8) {
			uint32_t r = (uint32_t)anon_packet_take(k, 8);

			anon_packet_ipv4(k, r + 4);
			for (uint32_t n = anon_packet_be16(k, r + 2); n && k->end - k->at >= 4; n--)
				anon_packet_ipv4(k, (uint32_t)anon_packet_take(k, 4));
			aux = k->was[r + 1] * 4u;
			if (aux > k->end - k->at)
				break;
			anon_packet_zero(k, k->at, k->at + aux);
			anon_packet_take(k, aux);
		}
	} else {
		anon_packet_ipv4(k, at + 4);
		if (k->was[at] == 0x11 && anon_packet_take(k, 4) >= 0)
			while (k->end - k->at >= 4)
				anon_packet_ipv4(k, (uint32_t)anon_packet_take(k, 4));
	}
	k->next = NULL;
	k->payload_len = 0;
	anon_packet_sum(k, ANON_SUM_PLAIN, at, at + 2);
}

static void ah(struct anon_packet *k)
{
	uint32_t size = k->end - k->at >= 12 ? k->was[k->at + 1] * 4u + 8 : 12;
	int64_t at = anon_packet_take(k, size < 12 ? 12 : size);

	k->next = NULL;
	if (at < 0)
		return;
	k->payload_len = k->payload_len > size ? k->payload_len - size : 0;
	k->protocol = k->was[at];
	k->next = anon_packet_transport;
}

static void esp(struct anon_packet *k)
{
	anon_packet_take(k, 8);
	k->next = NULL;
}

void anon_packet_transport(struct anon_packet *k)
{
	static const struct {
		uint8_t protocol;
		void (*layer)(struct anon_packet *k);
	} layers[] = {
		{6, tcp},
		{17, udp},
		{1, anon_packet_icmp},
		{58, anon_packet_icmp6},
		{132, sctp},
		{2, igmp},
		{4, anon_packet_ip4},
		{41, anon_packet_ip6},
		{47, gre},
		{50, esp},
		{51, ah},
		{143, anon_packet_ethernet},
	};

	k->next = NULL;
	for (size_t i = 0; i < sizeof(layers) / sizeof(layers[0]); i++)
		if (layers[i].protocol == k->protocol)
			k->next = layers[i].layer;
}
