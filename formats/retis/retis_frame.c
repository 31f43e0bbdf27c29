/* SPDX-License-Identifier: BSD-2-Clause */
#include "formats/retis/retis_frame.h"

#include "formats/base64.h"
#include "formats/cursor.h"
#include "formats/linktype.h"

enum { ETH_HEADER = 14, TYPE_IPV4 = 0x0800, TYPE_IPV6 = 0x86dd };

/* What AF_ values of loopback captures mean; AF_INET6 differs from system to system. */
static uint16_t type_of_family(uint32_t family)
{
	if (family > 0xffff) /* in the byte order of a little-endian recorder */
		family = family >> 24 | (family >> 8 & 0xff00);
	switch (family) {
	case 2: return TYPE_IPV4;
	case 10:
	case 24:
	case 28:
	case 30: return TYPE_IPV6;
	}
	return 0;
}

/* The ethertype of what follows the link header, over which c goes; 0: none is known. */
static uint16_t pass_link(uint16_t linktype, struct cursor *c)
{
	const uint8_t *p;

	switch (linktype) {
	case LINK_NULL:
	case LINK_LOOP: return type_of_family(cursor_be32(c));
	case LINK_SLL: cursor_take(c, 14); return cursor_be16(c);
	case LINK_SLL2: p = cursor_take(c, 20); return p ? (uint16_t)(p[0] << 8 | p[1]) : 0;
	case LINK_RAW_BSD:
	case LINK_RAW_OPENBSD:
	case LINK_RAW:
	case LINK_IPV4:
	case LINK_IPV6:
		if (!cursor_left(c))
			return 0;
		return c->p[0] >> 4 == 4 ? TYPE_IPV4 : c->p[0] >> 4 == 6 ? TYPE_IPV6 : 0;
	default: return 0;
	}
}

bool retis_frame_of(const struct ev_packet *p, struct retis_frame *f)
{
	struct cursor c = cursor_init(p->data.p, p->data.len);
	uint32_t skipped;
	uint16_t type;

	*f = (struct retis_frame){.len = p->len, .capture_len = p->capture_len};
	if (EV_HAS(p, packet, protocol)) {
		type = p->protocol; /* packet.len has the header that is to be invented in it already */
		f->capture_len = p->data.len + ETH_HEADER;
	} else if (EV_HAS(p, packet, linktype) && p->linktype != LINK_ETHERNET) {
		type = pass_link(p->linktype, &c);
		skipped = p->data.len - (uint32_t)cursor_left(&c);
		if (!type || p->len < skipped || p->len - skipped > UINT32_MAX - ETH_HEADER)
			return false;
		f->len = p->len - skipped + ETH_HEADER;
		f->capture_len = (uint32_t)cursor_left(&c) + ETH_HEADER;
	} else {
		f->rest = p->data.p;
		f->rest_len = p->data.len;
		return true;
	}
	f->invented = true;
	f->head[12] = (uint8_t)(type >> 8);
	f->head[13] = (uint8_t)type;
	f->rest = c.p;
	f->rest_len = (uint32_t)cursor_left(&c);
	return true;
}

void retis_frame_put(struct buf *b, const struct retis_frame *f)
{
	uint8_t begin[ETH_HEADER + 1];

	if (!f->invented) {
		base64_put(b, f->rest, f->rest_len);
	} else if (!f->rest_len) {
		base64_put(b, f->head, ETH_HEADER);
	} else {
		/* 15 bytes are whole groups of base64, so that the rest can be encoded behind them */
		memcpy(begin, f->head, ETH_HEADER);
		begin[ETH_HEADER] = f->rest[0];
		base64_put(b, begin, sizeof(begin));
		base64_put(b, f->rest + 1, f->rest_len - 1);
	}
}
