/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyze/diff/diff_window.h"

#include "analyze/filter/fields_packet.h"
#include "analyze/stats/stats_sketch.h"

enum {
	TCP_FIN = 1,
	TCP_SYN = 2,
	TCP_RST = 4,
	TCP_BYTES = 20,
	IP6_BYTES = 40,
	PROTO_TCP = 6,
	OPTION_END = 0,
	OPTION_NOP = 1,
	OPTION_SCALE = 3,
	SHIFT_MAX = 14, /* RFC 7323, 2.3 */
};

/* The options of a TCP header, from where the addresses of the IP header are. False: not all was kept. */
static bool options_of(const struct ev_packet *packet, const struct packet_headers *h,
		       const uint8_t **p, const uint8_t **end)
{
	const uint8_t *stop = packet->data.p + packet->data.len, *ip = h->bytes[PACKET_IP_SRC];
	size_t ip_len = IP6_BYTES, len;

	if (h->len[PACKET_IP_SRC] == 4) {
		ip -= 12;
		ip_len = (ip[0] & 15u) * 4;
	} else {
		ip -= 8;
		/* behind extension headers nobody sends a SYN */
		if (ip[6] != PROTO_TCP)
			return false;
	}
	if ((size_t)(stop - ip) < ip_len + TCP_BYTES)
		return false;
	len = (ip[ip_len + 12] >> 4) * 4u;
	*p = ip + ip_len + TCP_BYTES;
	*end = ip + ip_len + len;
	return len >= TCP_BYTES && *end <= stop;
}

/* 0 where the option is missing: then windows are not scaled. */
static bool scale_of(const struct ev_packet *packet, const struct packet_headers *h, uint8_t *shift)
{
	const uint8_t *p, *end;

	*shift = 0;
	if (!options_of(packet, h, &p, &end))
		return false;
	while (p < end && *p != OPTION_END) {
		if (*p == OPTION_NOP) {
			p++;
			continue;
		}
		if (end - p < 2 || p[1] < 2 || p[1] > end - p)
			return false;
		if (*p == OPTION_SCALE && p[1] == 3)
			*shift = p[2] < SHIFT_MAX ? p[2] : SHIFT_MAX;
		p += p[1];
	}
	return true;
}

static uint64_t direction_of(const struct packet_headers *h)
{
	uint64_t ports = h->v[PACKET_TCP_SPORT] << 16 | h->v[PACKET_TCP_DPORT];
	uint64_t key[3] = {stats_hash(h->bytes[PACKET_IP_SRC], h->len[PACKET_IP_SRC]),
			   stats_hash(h->bytes[PACKET_IP_DST], h->len[PACKET_IP_DST]), ports};

	return stats_hash(key, sizeof(key)) | 1;
}

bool diff_window_of(struct diff_windows *w, const struct ev_packet *packet, uint64_t *bytes)
{
	const uint64_t needed = UINT64_C(1) << PACKET_IP_SRC | UINT64_C(1) << PACKET_IP_DST |
				UINT64_C(1) << PACKET_TCP_SPORT | UINT64_C(1) << PACKET_TCP_DPORT |
				UINT64_C(1) << PACKET_TCP_FLAGS | UINT64_C(1) << PACKET_TCP_WIN;
	struct packet_headers h;
	uint64_t direction;
	uint32_t at;
	uint8_t shift;

	packet_parse(packet, &h);
	/* of a reset the window means nothing */
	if ((h.has & needed) != needed || h.v[PACKET_TCP_FLAGS] & TCP_RST)
		return false;
	direction = direction_of(&h);
	at = (uint32_t)(direction >> 1) & (DIFF_WINDOWS - 1);
	if (h.v[PACKET_TCP_FLAGS] & TCP_SYN) {
		w->v[at].direction = scale_of(packet, &h, &shift) ? direction : 0;
		w->v[at].shift = shift;
		return false;
	}
	*bytes = h.v[PACKET_TCP_WIN] << w->v[at].shift;
	return w->v[at].direction == direction && !(h.v[PACKET_TCP_FLAGS] & TCP_FIN);
}
