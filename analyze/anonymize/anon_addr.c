/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Addresses. A class is a prefix. That nothing outside it gets into it, and nothing inside out, with prefixes
 * preserved, takes this: on the way from the root of the tree of addresses down to a class no bit is flipped.
 * So an address keeps as many of its first bits as it has in common with some class, and one more.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "analyze/anonymize/anon.h"

struct class
{
	uint8_t bits[16];
	uint8_t len;
	bool kept; /* the whole address */
};

/* RFC 6890 and those that it refers to */
static const struct class ipv4_classes[] = {
	{{0}, 8, true},
	{{127}, 8, true},
	{{192, 0, 2}, 24, true},
	{{198, 51, 100}, 24, true},
	{{203, 0, 113}, 24, true},
	{{224}, 24, true},
	{{255, 255, 255, 255}, 32, true},
	{{10}, 8, false},
	{{172, 16}, 12, false},
	{{192, 168}, 16, false},
	{{100, 64}, 10, false},
	{{169, 254}, 16, false},
	{{224}, 4, false},
};

static const struct class ipv6_classes[] = {
	{{0x20, 0x01, 0x0d, 0xb8}, 32, true},
	{{0x3f, 0xff}, 20, true},
	{{0x20}, 3, false},
	{{0xfd}, 8, false},
	{{0xfe, 0x80}, 64, false},
	{{0xff}, 8, false},
};

/* A leading bit of no meaning, then the 23 of the link-layer address; 224.0.0.x and their kind. */
static const struct class group4_classes[] = {{{0}, 16, true}};
/* Well-known groups, and those of the solicited nodes. */
static const struct class group6_classes[] = {{{0, 0}, 15, true}, {{0xff}, 8, false}};

#define CLASSES(table) table, sizeof(table) / sizeof((table)[0])

static unsigned int common_bits(const uint8_t *a, const uint8_t *b, unsigned int max)
{
	for (unsigned int i = 0; i < max; i++)
		if ((a[i / 8] ^ b[i / 8]) & (0x80 >> (i % 8)))
			return i;
	return max;
}

static void map_tree(struct anon *a, enum anon_use use, const struct class *classes, size_t n,
		     uint8_t *p, size_t bytes, unsigned int from)
{
	for (size_t i = 0; i < n; i++) {
		unsigned int same = common_bits(p, classes[i].bits, classes[i].len);

		if (same == classes[i].len && classes[i].kept)
			return;
		if (same < classes[i].len)
			same++;
		if (same > from)
			from = same;
	}
	anon_key_flip(a->key, use, p, bytes, from);
}

/* Whether it was mapped before: then p is its image. */
static bool remembered(struct anon *a, enum anon_kind kind, uint8_t *p, size_t len)
{
	const struct anon_seen_value *v = anon_seen_find(&a->seen, kind, p, len);

	if (v)
		memcpy(p, v->image, len);
	return v != NULL;
}

static void map_group4(struct anon *a, uint8_t p[3])
{
	uint8_t high = p[0] & 0x80;

	p[0] &= 0x7f;
	map_tree(a, ANON_USE_GROUP4, CLASSES(group4_classes), p, 3, 1);
	p[0] |= high;
}

static void map_ipv4(struct anon *a, uint8_t p[4])
{
	uint8_t low[4] = {0, p[1], p[2], p[3]};
	uint32_t v = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];

	map_tree(a, ANON_USE_IPV4, CLASSES(ipv4_classes), p, 4, 0);
	if (v >> 28 != 14 || v >> 8 == 0xe00000)
		return;
	/* a group: of the map above the first 9 bits, the others as in its link-layer address */
	map_group4(a, low + 1);
	p[1] = (p[1] & 0x80) | (low[1] & 0x7f);
	p[2] = low[2];
	p[3] = low[3];
}

void anon_ipv4(struct anon *a, uint8_t p[4])
{
	uint8_t was[4];

	memcpy(was, p, 4);
	if (remembered(a, ANON_IPV4, p, 4))
		return;
	map_ipv4(a, p);
	anon_seen_add(&a->seen, ANON_IPV4, was, 4, p, 4);
}

static void map_group6(struct anon *a, uint8_t p[16])
{
	static const uint8_t solicited[11] = {[10] = 1}, zero[10];

	/* flags and scope stay; so does "solicited node", and groups that are short numbers stay short */
	if (memcmp(p + 2, solicited + 1, 10) && memcmp(p + 2, zero, 10))
		map_tree(a, ANON_USE_IPV6, NULL, 0, p, 12, 16);
	map_tree(a, ANON_USE_GROUP6, CLASSES(group6_classes), p + 12, 4, 0);
}

static void map_ipv6(struct anon *a, uint8_t p[16])
{
	/* addresses that hold one of IPv4: RFC 4291 2.5.5, RFC 6052 */
	static const uint8_t holding[3][12] = {{0}, {[10] = 0xff, 0xff}, {0x00, 0x64, 0xff, 0x9b}};

	for (int i = 0; i < 3; i++) {
		if (memcmp(p, holding[i], 12))
			continue;
		anon_ipv4(a, p + 12); /* :: and ::1 are of 0.0.0.0/8, which stays */
		return;
	}
	if (p[0] == 0xff)
		map_group6(a, p);
	else
		map_tree(a, ANON_USE_IPV6, CLASSES(ipv6_classes), p, 16, 0);
}

void anon_ipv6(struct anon *a, uint8_t p[16])
{
	uint8_t was[16];

	memcpy(was, p, 16);
	if (remembered(a, ANON_IPV6, p, 16))
		return;
	map_ipv6(a, p);
	anon_seen_add(&a->seen, ANON_IPV6, was, 16, p, 16);
}

/* Zero, broadcast, and groups of protocols of the link: bridges, Cisco's, PTP's. */
static bool is_well_known(const uint8_t p[6])
{
	static const struct {
		uint8_t bytes[6], n;
	} known[] = {{{0}, 6},
		     {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, 6},
		     {{0x01, 0x80, 0xc2, 0, 0}, 5},
		     {{0x01, 0x00, 0x0c, 0xcc, 0xcc}, 5},
		     {{0x01, 0x1b, 0x19, 0, 0, 0}, 6}};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (!memcmp(p, known[i].bytes, known[i].n))
			return true;
	return false;
}

static void map_mac(struct anon *a, uint8_t p[6])
{
	uint8_t flags = p[0] & 3;

	if (p[0] == 0x33 && p[1] == 0x33) {
		map_tree(a, ANON_USE_GROUP6, CLASSES(group6_classes), p + 2, 4, 0);
	} else if (p[0] == 1 && !p[1] && p[2] == 0x5e) {
		map_group4(a, p + 3);
	} else if (!is_well_known(p)) {
		anon_key_flip(a->key, ANON_USE_MAC, p, 6, a->keep_vendor ? 24 : 0);
		p[0] = (uint8_t)((p[0] & ~3) | flags);
	}
}

void anon_mac(struct anon *a, uint8_t p[6])
{
	uint8_t was[6];

	memcpy(was, p, 6);
	if (remembered(a, ANON_MAC, p, 6))
		return;
	map_mac(a, p);
	anon_seen_add(&a->seen, ANON_MAC, was, 6, p, 6);
}

/* ---- as text ---- */

/* Of a network only the bits of its prefix are mapped: the others are 0. */
static void mask(uint8_t *p, size_t bytes, unsigned int len)
{
	for (unsigned int i = len; i < bytes * 8; i++)
		p[i / 8] &= (uint8_t) ~(0x80 >> (i % 8));
}

static bool parse(const char *p, size_t len, int *family, uint8_t bytes[16])
{
	char text[INET6_ADDRSTRLEN];

	if (!len || len >= sizeof(text))
		return false;
	memcpy(text, p, len);
	text[len] = 0;
	*family = memchr(text, ':', len) ? AF_INET6 : AF_INET;
	return inet_pton(*family, text, bytes) == 1;
}

bool anon_address_text(struct anon *a, const char *p, size_t len, struct buf *out)
{
	const char *slash = memchr(p, '/', len);
	size_t n = slash ? (size_t)(slash - p) : len;
	unsigned int prefix = 0, most;
	char text[INET6_ADDRSTRLEN];
	uint8_t bytes[16];
	int family;

	if (!parse(p, n, &family, bytes))
		return false;
	most = family == AF_INET ? 32 : 128;
	for (const char *q = p + n + 1; slash && q < p + len; q++) {
		if (*q < '0' || *q > '9' || prefix > most)
			return false;
		prefix = prefix * 10 + (unsigned int)(*q - '0');
	}
	if (prefix > most || (slash && n + 1 == len))
		return false;
	if (family == AF_INET)
		anon_ipv4(a, bytes);
	else
		anon_ipv6(a, bytes);
	if (slash)
		mask(bytes, most / 8, prefix);
	if (!inet_ntop(family, bytes, text, sizeof(text)))
		return false;
	buf_str(out, text);
	if (slash)
		buf_printf(out, "/%u", prefix);
	return true;
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool anon_mac_text(struct anon *a, const char *p, size_t len, struct buf *out)
{
	uint8_t mac[6];

	if (len != 17)
		return false;
	for (int i = 0; i < 6; i++) {
		int high = digit(p[3 * i]), low = digit(p[3 * i + 1]);

		if (high < 0 || low < 0 || (i < 5 && p[3 * i + 2] != ':'))
			return false;
		mac[i] = (uint8_t)(high << 4 | low);
	}
	anon_mac(a, mac);
	for (int i = 0; i < 6; i++)
		buf_printf(out, "%s%02x", i ? ":" : "", mac[i]);
	return true;
}

/* ---- numbers ---- */

uint64_t anon_number(struct anon *a, enum anon_use use, uint64_t v, unsigned int bits)
{
	uint64_t image;

	if (!v)
		return 0;
	/* nothing but 0 becomes 0: what does goes where 0 would */
	image = anon_key_permute(a->key, use, v, bits);
	return image ? image : anon_key_permute(a->key, use, 0, bits);
}

static bool is_tunnel(uint64_t port)
{
	return port == 4789 || port == 8472 || port == 6081;
}

uint16_t anon_port(struct anon *a, uint16_t v)
{
	uint64_t image = v;

	if (!a->also_ports || !v || is_tunnel(v))
		return v;
	/* along the cycle to the next one of its kind: a permutation of those */
	do {
		image = anon_key_permute(a->key, ANON_USE_PORT, image, 16);
	} while (!image || is_tunnel(image) || (image < 1024) != (v < 1024));
	return (uint16_t)image;
}

uint16_t anon_vlan(struct anon *a, uint16_t v)
{
	uint64_t image = v & 0xfff;

	if (!a->also_vlans || image <= 1 || image == 0xfff)
		return v;
	do {
		image = anon_key_permute(a->key, ANON_USE_VLAN, image, 12);
	} while (image <= 1 || image == 0xfff);
	return (uint16_t)((v & 0xf000) | image);
}

uint64_t anon_kernel_address(struct anon *a, uint64_t v)
{
	const struct anon_seen_value *seen = anon_seen_find(&a->seen, ANON_NUMBER, &v, sizeof(v));
	uint64_t low = v & UINT64_C(0xffffffffffff), image;

	if (!low)
		return v;
	if (seen) {
		memcpy(&image, seen->image, sizeof(image));
		return image;
	}
	image = (v & ~UINT64_C(0xffffffffffff)) | anon_number(a, ANON_USE_KERNEL_ADDRESS, low, 48);
	anon_seen_add(&a->seen, ANON_NUMBER, &v, sizeof(v), &image, sizeof(image));
	return image;
}
