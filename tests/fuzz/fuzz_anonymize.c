/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes are a packet whose addresses are mapped. The first byte chooses what is kept and what its checksum is
 * said to be, the second the link. What comes out is no longer, the same each time, and what the walk marks as an
 * address in it is the image of what stood there, or a prefix of it.
 */
#include <stdlib.h>
#include <string.h>

#include "analyze/anonymize/anon_event.h"
#include "formats/linktype.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct anon_room room;

static void rewrite(struct anon *a, const uint8_t *data, size_t size, uint8_t link, int partial)
{
	static const uint32_t links[] = {LINK_ETHERNET, LINK_RAW, LINK_SLL, LINK_SLL2,
					 LINK_NULL,     LINK_LOOP};
	static const int ethertypes[] = {0x0800, 0x86dd, 0x0806, 0x8100};

	memcpy(room.bytes, data, size);
	memcpy(room.was, data, size);
	room.packet = (struct anon_packet){.a = a,
					   .p = room.bytes,
					   .len = (uint32_t)size,
					   .marks = room.marks,
					   .keep_payload = a && a->keep_payload};
	anon_packet_rewrite(&room.packet, room.was, link & 0x80 ? ethertypes[link & 3] : -1,
			    links[link % 6], partial);
}

/* The image, or the first bits of it with zeros behind, as a prefix in an option is. */
static bool is_image(const uint8_t *image, const uint8_t *p, uint32_t n)
{
	uint32_t at = 0;

	while (at < n && p[at] == image[at])
		at++;
	if (at < n) {
		unsigned int differ = p[at] ^ image[at];

		/* from the first bit that differs on */
		if (p[at] & (0xff >> (__builtin_clz(differ) - 24)))
			return false;
		at++;
	}
	while (at < n && !p[at])
		at++;
	return at == n;
}

static bool is_mapped(const struct anon *a, enum anon_kind kind, uint32_t bytes, uint32_t at,
		      uint32_t n)
{
	uint8_t whole[16] = {0};
	const struct anon_seen_value *v;

	memcpy(whole, room.was + at, n);
	v = anon_seen_find(&a->seen, kind, whole, bytes);
	return v && is_image(v->image, room.bytes + at, n);
}

/* Every group of bytes that is an address was seen, and what stands there now is its image. */
static void look_up(const struct anon *a, size_t len)
{
	for (uint32_t at = 0, n; at < len; at += n) {
		n = 1;
		if (room.marks[at] != ANON_MARK_BEGIN)
			continue;
		while (at + n < len && n < 16 && room.marks[at + n] == ANON_MARK_ADDRESS)
			n++;
		if (!(n == 4 && is_mapped(a, ANON_IPV4, 4, at, n)) &&
		    !(n == 6 && is_mapped(a, ANON_MAC, 6, at, n)) &&
		    !((n == 8 || n == 16) && is_mapped(a, ANON_IPV6, 16, at, n)))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct anon_key *key;
	static uint8_t first[ANON_PACKET_MAX];
	struct anon a = {0};
	uint32_t len;
	int partial;

	if (size < 2 || size - 2 > ANON_PACKET_MAX)
		return 0;
	if (!key && anon_key_new(&key, "fuzz", 4) < 0)
		return 0; /* built without AES */
	a.key = key;
	a.keep_payload = data[0] & 1;
	a.keep_vendor = data[0] & 2;
	a.also_ports = data[0] & 4;
	a.also_vlans = data[0] & 8;
	partial = (data[0] >> 4) % 3 - 1;
	rewrite(&a, data + 2, size - 2, data[1], partial);
	len = room.packet.len;
	if (len > size - 2)
		abort();
	memcpy(first, room.bytes, len);
	look_up(&a, len);
	rewrite(&a, data + 2, size - 2, data[1], partial);
	if (room.packet.len != len || memcmp(first, room.bytes, len) != 0)
		abort();
	/* the walk that only marks goes over what came out, as the search at the end does */
	rewrite(NULL, first, len, data[1], partial);
	anon_seen_fini(&a.seen);
	return 0;
}
