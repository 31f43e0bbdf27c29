/* SPDX-License-Identifier: BSD-2-Clause */
/* Packet dissection against testdata/retis/packets.txt, and on cut-off and random bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "formats/dissect/dissect.h"

#define VECTORS "testdata/retis/packets.txt"
enum { VECTOR_BYTES = 4096, VECTORS_MIN = 64 };

static const char *text(struct buf *b, const uint8_t *p, size_t len, bool link_layer, bool classic)
{
	buf_clear(b);
	dissect_text(p, len, link_layer, classic, b);
	buf_u8(b, 0);
	return (const char *)b->p;
}

static size_t from_hex(const char *s, uint8_t *p)
{
	size_t n = 0;
	unsigned int v;

	for (; n < VECTOR_BYTES && sscanf(s, "%2x", &v) == 1; s += 2)
		p[n++] = (uint8_t)v;
	return n;
}

/* Calls each(name, bytes, len, key, text) for every line with a text. */
static int each_vector(void (*each)(const char *name, const uint8_t *p, size_t len, const char *key,
				    const char *want))
{
	static char line[16384];
	static uint8_t p[VECTOR_BYTES];
	FILE *f = fopen(VECTORS, "r");
	char name[128] = "", key[16];
	size_t len = 0;
	int n = 0, at;

	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = 0;
		if (line[0] == '#' || sscanf(line, "%15s%n", key, &at) != 1)
			continue;
		at = 11;
		if (!strcmp(key, "name")) {
			snprintf(name, sizeof(name), "%.120s", line + at);
			n++;
		} else if (!strcmp(key, "hex")) {
			len = from_hex(line + at, p);
		} else {
			each(name, p, len, key, line + at);
		}
	}
	fclose(f);
	return n;
}

static void check_vector(const char *name, const uint8_t *p, size_t len, const char *key,
			 const char *want)
{
	struct buf b = {0};
	const char *got = text(&b, p, len, strstr(key, "-e") != NULL, !strncmp(key, "classic", 7));

	if (strcmp(got, want))
		fail_msg("%s, %s:\n got: %s\nwant: %s", name, key, got, want);
	buf_free(&b);
}

static void test_vectors(void **state)
{
	assert_true(each_vector(check_vector) >= VECTORS_MIN);
}

/* Every shorter capture of each vector, in memory of just that size, so that a sanitizer sees any read past it. */
static void cut_vector(const char *name, const uint8_t *p, size_t len, const char *key,
		       const char *want)
{
	struct buf b = {0};

	for (size_t n = 0; n < len; n++) {
		uint8_t *copy = malloc(n ? n : 1);

		assert_non_null(copy);
		memcpy(copy, p, n);
		text(&b, copy, n, true, key[0] == 'c' && key[1] == 'l');
		free(copy);
		assert_false(b.failed);
	}
	buf_free(&b);
}

static void test_cut_off(void **state)
{
	each_vector(cut_vector);
}

static void test_random_bytes(void **state)
{
	struct buf b = {0};
	uint64_t seed = 1;

	for (int round = 0; round < 20000; round++) {
		uint8_t p[255];
		size_t len = 14 + (size_t)(round % 200);

		for (size_t i = 0; i < sizeof(p); i++) {
			seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
			p[i] = (uint8_t)(seed >> 56);
		}
		p[12] = round & 1 ? 0x08 : 0x86;
		p[13] = round & 1 ? 0x00 : 0xdd;
		p[23] = (uint8_t[]){6, 17, 132, 51, 50, 1, 58, 4}[round >> 1 & 7];
		text(&b, p, len, round & 16, round & 32);
		assert_in_range(b.len, 1, 64 * len + 200);
		for (size_t i = 0; i + 1 < b.len; i++)
			assert_in_range(b.p[i], 0x20, 0x7e);
	}
	buf_free(&b);
}

/* Tunnels in tunnels, as deep as 16 KiB allow: no recursion, so no limit but the packet's length. */
static void test_deep_nesting(void **state)
{
	static const uint8_t layer[50] = {
		[12] = 0x08, [14] = 0x45, [16] = 0xff, 0xff, [22] = 64, 17, [36] = 0x12, 0xb5,
	};
	static uint8_t p[16384];
	struct buf b = {0};
	const char *t;
	int n = 0;

	for (size_t i = 0; i + sizeof(layer) <= sizeof(p); i += sizeof(layer))
		memcpy(p + i, layer, sizeof(layer));
	t = text(&b, p, sizeof(p), false, false);
	for (t = strstr(t, "vxlan"); t; t = strstr(t + 1, "vxlan"))
		n++;
	assert_int_equal(n, sizeof(p) / sizeof(layer));
	buf_free(&b);
}

static const uint8_t ping[28] = {0x45, 0, 0,  28, 0, 1, 0x40, 0, 64, 1, 0, 0, 10, 0,
				 0,    1, 10, 0,  0, 2, 8,    0, 0,  0, 0, 1, 0,  1};
#define PING                                                                                       \
	"10.0.0.1 > 10.0.0.2 tos 0x0 ttl 64 id 1 off 0 [DF] len 28 proto ICMP (1) type 8 code 0"

static void test_network(void **state)
{
	struct buf b = {0};

	dissect_text_network(0x0800, ping, sizeof(ping), false, true, &b);
	buf_str(&b, "|");
	dissect_text_network(0x0800, ping, sizeof(ping), true, true, &b);
	buf_str(&b, "|");
	dissect_text_network(0x1234, ping, sizeof(ping), true, true, &b);
	buf_u8(&b, 0);
	assert_string_equal((char *)b.p, PING
			    "|00:00:00:00:00:00 > 00:00:00:00:00:00 ethertype IPv4 (0x0800) " PING
			    "|... (ethertype 0x1234 not supported, use 'retis pcap')");
	buf_free(&b);
}

static void check_link(uint32_t linktype, const char *header, size_t header_len, const char *want)
{
	uint8_t p[64];
	struct buf b = {0};

	memcpy(p, header, header_len);
	memcpy(p + header_len, ping, sizeof(ping));
	dissect_text_link(linktype, p, header_len + sizeof(ping), true, false, &b);
	buf_u8(&b, 0);
	assert_string_equal((char *)b.p, want);
	buf_free(&b);
}

static void test_link_types(void **state)
{
	check_link(1, "\2\0\0\0\0\2\2\0\0\0\0\1\10\0", 14,
		   "02:00:00:00:00:01 > 02:00:00:00:00:02 ethertype IPv4 (0x0800) " PING);
	check_link(101, "", 0, PING);
	check_link(228, "", 0, PING);
	check_link(0, "\2\0\0\0", 4, "ethertype IPv4 (0x0800) " PING);
	check_link(108, "\0\0\0\2", 4, "ethertype IPv4 (0x0800) " PING);
	check_link(113, "\0\0\0\1\0\6\2\0\0\0\0\1\0\0\10\0", 16, "ethertype IPv4 (0x0800) " PING);
	check_link(276, "\10\0\0\0\0\0\0\2\0\1\0\6\2\0\0\0\0\1\0\0", 20,
		   "ethertype IPv4 (0x0800) " PING);
	check_link(147, "", 0, "... (link type 147 not supported, use 'retis pcap')");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),      cmocka_unit_test(test_cut_off),
		cmocka_unit_test(test_random_bytes), cmocka_unit_test(test_deep_nesting),
		cmocka_unit_test(test_network),      cmocka_unit_test(test_link_types),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
