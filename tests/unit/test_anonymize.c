/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * anonymize: every field has a rule; the mapping is Crypto-PAn, keeps prefixes and classes; checksums stay as right
 * or as wrong as they were; hostile packets.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>

#include "analyze/anonymize/anon_event.h"
#include "tests/unit/recording.h"

static struct anon a;
static struct anon_room room;

static int make_key(void **state)
{
	anon_seen_fini(&a.seen);
	anon_key_free(a.key);
	a = (struct anon){0};
	return anon_key_new(&a.key, "a secret of this test", 21);
}

/* Whether each field of the schema was thought about. */
static void rules(void **state)
{
	size_t missing = 0;

	for (int s = 0; s < EV_SECTIONS; s++)
		for (int i = 0; i < schema_sections[s].n_fields; i++) {
			const struct schema_field *f = &schema_sections[s].fields[i];

			/* KEEP is for numbers: WORD is what says that a text names nobody */
			if (anon_event_rule(f) != ANON_RULE_NONE &&
			    (anon_event_rule(f) != ANON_RULE_KEEP ||
			     (f->type != SCHEMA_STR && f->type != SCHEMA_LIST &&
			      f->type != SCHEMA_BYTES)))
				continue;
			print_error("%s.%s (%s) has no row in anon_rules.def, or KEEP for text\n",
				    schema_sections[s].id, f->member, f->name);
			missing++;
		}
	assert_int_equal(missing, 0);
}

/* The example of the authors of Crypto-PAn. */
static void published(void **state)
{
	static const uint8_t key[ANON_KEY_BYTES] = {
		21,  34,  23,  141, 51,  164, 207, 128, 19, 10, 91, 22, 73, 144, 125, 16,
		216, 152, 143, 131, 121, 121, 101, 39,  98, 87, 76, 45, 42, 132, 34,  2};
	static const struct {
		const char *from, *to;
	} examples[] = {
		{"128.11.68.132", "135.242.180.132"},  {"129.118.74.4", "134.136.186.123"},
		{"130.132.252.244", "133.68.164.234"}, {"141.223.7.43", "141.167.8.160"},
		{"24.0.250.221", "100.15.198.226"},
	};
	struct anon_key *k;
	uint8_t from[4], to[4];

	assert_int_equal(anon_key_new_raw(&k, key), 0);
	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
		inet_pton(AF_INET, examples[i].from, from);
		inet_pton(AF_INET, examples[i].to, to);
		anon_key_flip(k, ANON_USE_IPV4, from, 4, 0);
		assert_memory_equal(from, to, 4);
	}
	anon_key_free(k);
}

static void permutation(void **state)
{
	static uint8_t seen[1 << 16];

	memset(seen, 0, sizeof(seen));
	for (unsigned int i = 0; i < 1 << 16; i++) {
		uint64_t v = anon_number(&a, ANON_USE_UID, i, 16);

		assert_true(v < 1 << 16);
		assert_int_equal(seen[v]++, 0);
	}
	assert_int_equal(anon_number(&a, ANON_USE_UID, 0, 16), 0);
}

static unsigned int common(const uint8_t *p, const uint8_t *q, unsigned int bits)
{
	unsigned int i = 0;

	while (i < bits && !((p[i / 8] ^ q[i / 8]) & (0x80 >> (i % 8))))
		i++;
	return i;
}

static uint32_t next_random(uint32_t *x)
{
	*x = *x * 1664525 + 1013904223;
	return *x >> 8 ^ *x << 16;
}

static void prefixes(void **state)
{
	uint8_t was[64][16], is[64][16];
	uint32_t x = 1;

	for (int family = 4; family <= 16; family += 12) {
		for (int i = 0; i < 64; i++) {
			/* each differs from the one before from some bit on */
			unsigned int bit = next_random(&x) % ((unsigned int)family * 8);

			memcpy(was[i], i ? was[i - 1] : (uint8_t[16]){0x5d, 0xb8}, 16);
			for (unsigned int k = bit; k < (unsigned int)family * 8; k++)
				if (k == bit || next_random(&x) & 1)
					was[i][k / 8] ^= (uint8_t)(0x80 >> (k % 8));
			if (was[i][0] >= 224)
				was[i][0] &= 0x7f; /* groups have a mapping of their own */
			memcpy(is[i], was[i], 16);
			if (family == 4)
				anon_ipv4(&a, is[i]);
			else
				anon_ipv6(&a, is[i]);
		}
		for (int i = 0; i < 64; i++)
			for (int k = 0; k < i; k++)
				assert_int_equal(common(was[i], was[k], (unsigned int)family * 8),
						 common(is[i], is[k], (unsigned int)family * 8));
	}
}

static const char *mapped(const char *text)
{
	static struct buf b;

	buf_clear(&b);
	if (!anon_address_text(&a, text, strlen(text), &b) &&
	    !anon_mac_text(&a, text, strlen(text), &b))
		return NULL;
	buf_u8(&b, 0);
	return (const char *)b.p;
}

static void classes(void **state)
{
	static const char *const kept[] = {
		"0.0.0.0",
		"127.0.0.1",
		"255.255.255.255",
		"192.0.2.7",
		"198.51.100.1",
		"203.0.113.9",
		"224.0.0.5",
		"::",
		"::1",
		"2001:db8::7",
		"ff02::1",
		"ff02::fb",
		"ff:ff:ff:ff:ff:ff",
		"00:00:00:00:00:00",
		"33:33:00:00:00:16",
		"01:00:5e:00:00:fb",
		"01:80:c2:00:00:00",
	};
	static const char *const stay[][2] = {
		{"10.173.94.211", "10."},
		{"192.168.94.211", "192.168."},
		{"169.254.94.211", "169.254."},
		{"fe80::5054:ff:fe12:3456", "fe80::"},
		{"fd5e:a7::9b21", "fd"},
		{"ff02::1:ff12:3456", "ff02::1:ff"},
		{"::ffff:10.173.94.211", "::ffff:10."},
		{"64:ff9b::93.184.216.34", "64:ff9b::"},
		{"33:33:ff:12:34:56", "33:33:ff:"},
		{"01:00:5e:12:34:56", "01:00:5e:"},
	};
	char group[20];
	unsigned int v[4];

	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		assert_string_equal(mapped(kept[i]), kept[i]);
	for (size_t i = 0; i < sizeof(stay) / sizeof(stay[0]); i++) {
		assert_string_not_equal(mapped(stay[i][0]), stay[i][0]);
		assert_memory_equal(mapped(stay[i][0]), stay[i][1], strlen(stay[i][1]));
	}
	/* nothing gets into a class from outside */
	for (uint32_t i = 0, x = 7; i < 2000; i++) {
		uint32_t r = next_random(&x);
		uint8_t p[4] = {(uint8_t)(r >> 24), (uint8_t)(r >> 16), (uint8_t)(r >> 8),
				(uint8_t)r};
		bool was = p[0] == 10 || p[0] == 127 || p[0] >> 4 == 14 || !p[0], is;

		anon_ipv4(&a, p);
		is = p[0] == 10 || p[0] == 127 || p[0] >> 4 == 14 || !p[0];
		assert_int_equal(was, is);
	}
	/* a group and its link-layer address go together */
	assert_int_equal(sscanf(mapped("239.18.52.86"), "%u.%u.%u.%u", v, v + 1, v + 2, v + 3), 4);
	snprintf(group, sizeof(group), "01:00:5e:%02x:%02x:%02x", v[1] & 0x7f, v[2], v[3]);
	assert_string_equal(mapped("01:00:5e:12:34:56"), group);
	/* whether it is of a group, and given by hand, stays */
	for (uint32_t i = 0, x = 9; i < 500; i++) {
		uint32_t r = next_random(&x);
		uint8_t p[6] = {(uint8_t)r, (uint8_t)(r >> 8), (uint8_t)(r >> 16), 7, 8, 9};

		anon_mac(&a, p);
		assert_int_equal(p[0] & 3, r & 3);
		assert_memory_not_equal(
			p,
			((uint8_t[6]){(uint8_t)r, (uint8_t)(r >> 8), (uint8_t)(r >> 16), 7, 8, 9}),
			6);
	}
	a.keep_vendor = true;
	assert_memory_equal(mapped("52:54:00:9b:21:5e"), "52:54:00:", 9);
	assert_string_not_equal(mapped("52:54:00:9b:21:5e"), "52:54:00:9b:21:5e");
}

static const char *words(const char *text)
{
	static struct buf b;

	buf_clear(&b);
	anon_words_text(&a, text, strlen(text), &b);
	buf_u8(&b, 0);
	return (const char *)b.p;
}

static void free_text(void **state)
{
	const char *s = words(
		"skbox-capture -o /home/alice/x.skbx -f 'host 10.173.94.211 and tcp port 443' "
		"-p tp:net:netif_rx --sockets 100ms -- curl --secret https://intra.example/x");

	assert_null(strstr(s, "alice"));
	assert_null(strstr(s, "10.173.94.211"));
	assert_null(strstr(s, "secret"));
	assert_null(strstr(s, "example"));
	assert_non_null(strstr(s, "-p tp:net:netif_rx --sockets 100ms -- name-"));
	assert_non_null(strstr(s, "tcp port 443'"));
	assert_null(strstr(words("net 10.173"), "10.173"));
	assert_null(strstr(words("ip[12:4] = 0x0aad5ed3"), "5ed3"));
	assert_null(strstr(words("ip[12:4] = 179134163"), "179134163"));
	assert_null(strstr(words("host 10.173.94.211:80"), "94"));
	assert_null(strstr(words("aa-bb-cc-9b-21-5e"), "9b"));
	assert_null(strstr(words("fd5e:a7::9b21/64"), "a7"));
	assert_non_null(
		strstr(words("sk_buff.dev.name == \"wan7\""), "sk_buff.dev.name == \"dev-"));
	assert_non_null(strstr(words("ipv4(src=10.173.94.211/255.255.255.0)"), "/255.255.255.0)"));
	assert_null(strstr(words("ipv4(src=10.173.94.211/255.255.255.0)"), "173"));
	assert_string_equal(words("actions:drop output:2"), "actions:drop output:2");
	assert_string_equal(words("skb.len > 1500 && drop.reason == \"\""),
			    "skb.len > 1500 && drop.reason == \"\"");
}

static void names(void **state)
{
	struct buf b = {0};

	anon_name_text(&a, ANON_NAME_DEVICE, "lo", 2, &b);
	anon_name_text(&a, ANON_NAME_TASK, "swapper/0", 9, &b);
	assert_int_equal(b.len, 11);
	buf_clear(&b);
	anon_name_text(&a, ANON_NAME_DEVICE, "wan7", 4, &b);
	assert_memory_equal(b.p, "dev-", 4);
	assert_true(b.len <= 15);
	buf_clear(&b);
	anon_symbol_text(&a, "secret_rx+0x1a/0x40 [acme]", 26, &b);
	buf_u8(&b, 0);
	assert_null(strstr((char *)b.p, "secret_rx"));
	assert_null(strstr((char *)b.p, "acme"));
	assert_non_null(strstr((char *)b.p, "+0x1a/0x40 [module_"));
	buf_clear(&b);
	anon_symbol_text(&a, "nf_hook_slow+0x1a [nf_tables]", 29, &b);
	assert_memory_equal(b.p, "nf_hook_slow+0x1a [nf_tables]", 29);
	buf_clear(&b);
	anon_symbol_text(&a, "0xffffffffc0a1b2c3", 18, &b);
	assert_memory_equal(b.p, "0xffff", 6);
	assert_memory_not_equal(b.p, "0xffffffffc0a1b2c3", 18);
	buf_clear(&b);
	anon_path_text(&a, "/user.slice/user-1000.slice/acme.service", 40, &b);
	buf_u8(&b, 0);
	assert_memory_equal(b.p, "/user.slice/name-", 17);
	assert_null(strstr((char *)b.p, "acme"));
	buf_free(&b);
}

/* Where asked: ports below 1024 among themselves, ports of tunnels not at all. */
static void ports(void **state)
{
	static uint8_t seen[1 << 16];

	assert_int_equal(anon_port(&a, 443), 443);
	assert_int_equal(anon_vlan(&a, 77), 77);
	a.also_ports = a.also_vlans = true;
	memset(seen, 0, sizeof(seen));
	for (unsigned int i = 0; i < 1 << 16; i++) {
		uint16_t v = anon_port(&a, (uint16_t)i);

		assert_int_equal(seen[v]++, 0);
		assert_int_equal(v < 1024, i < 1024);
	}
	assert_int_equal(anon_port(&a, 0), 0);
	assert_int_equal(anon_port(&a, 4789), 4789);
	assert_int_not_equal(anon_port(&a, 443), 443);
	assert_int_not_equal(anon_vlan(&a, 77), 77);
	assert_int_equal(anon_vlan(&a, 0xe000 | 77) >> 12, 0xe);
	assert_int_equal(anon_vlan(&a, 1), 1);
	assert_null(strstr(words("tcp port 9911"), "9911"));
	assert_null(strstr(words("portrange 9911-9913"), "991"));
	assert_null(strstr(words("host 10.173.94.211:9911"), "9911"));
	assert_non_null(strstr(words("skb.len > 9911"), "9911"));
}

/* ---- checksums ---- */

static uint16_t sum(const uint8_t *p, size_t len, uint64_t v)
{
	for (size_t i = 0; i < len; i++)
		v += i % 2 ? p[i] : (uint64_t)p[i] << 8;
	while (v >> 16)
		v = (v & 0xffff) + (v >> 16);
	return (uint16_t)v;
}

/* Ethernet, IPv4, TCP with a payload of five bytes; what is wrong is added to the sums. */
static size_t make_tcp(uint8_t p[64], unsigned int wrong, bool partial)
{
	static const uint8_t packet[59] = {
		0x52, 0x54, 0,    0x9b, 0x21, 0x5e, 0x52, 0x54, 0, 0x9b, 0x21, 0x5f, 8,   0,  0x45,
		0,    0,    45,   1,    2,    0x40, 0,    64,   6, 0,    0,    10,   173, 94, 211,
		93,   184,  216,  34,   0x9c, 0x40, 0,    80,   1, 2,    3,    4,    5,   6,  7,
		8,    0x50, 0x18, 1,    0,    0,    0,    0,    0, 'h',  'e',  'l',  'l', 'o'};
	unsigned int v;

	memcpy(p, packet, sizeof(packet));
	v = (uint16_t)~sum(p + 14, 20, 0) + wrong;
	p[24] = (uint8_t)(v >> 8);
	p[25] = (uint8_t)v;
	v = partial ? sum(p + 26, 8, 6 + 25) : (uint16_t)~sum(p + 34, 25, sum(p + 26, 8, 6 + 25));
	v += wrong;
	p[50] = (uint8_t)(v >> 8);
	p[51] = (uint8_t)v;
	return sizeof(packet);
}

static void rewrite(const uint8_t *p, size_t len, int partial)
{
	memcpy(room.bytes, p, len);
	memcpy(room.was, p, len);
	room.packet = (struct anon_packet){.a = &a,
					   .p = room.bytes,
					   .len = (uint32_t)len,
					   .marks = room.marks,
					   .keep_payload = a.keep_payload};
	anon_packet_rewrite(&room.packet, room.was, -1, 1, partial);
}

static void checksums(void **state)
{
	uint8_t p[64];
	size_t len;

	a.keep_payload = true;
	for (unsigned int wrong = 0; wrong < 3; wrong++) {
		a.also_ports = wrong == 2;
		len = make_tcp(p, wrong, false);
		rewrite(p, len, -1);
		assert_int_equal(room.packet.len, len);
		assert_memory_not_equal(room.bytes + 26, p + 26, 4);
		assert_int_equal(memcmp(room.bytes + 34, p + 34, 4) != 0, a.also_ports);
		/* what they are off by is as before */
		assert_int_equal(sum(room.bytes + 14, 20, 0), sum(p + 14, 20, 0));
		assert_int_equal(sum(room.bytes + 34, 25, sum(room.bytes + 26, 8, 31)),
				 sum(p + 34, 25, sum(p + 26, 8, 31)));
		assert_int_equal(wrong == 0, sum(room.bytes + 14, 20, 0) == 0xffff);
	}
	/* what the hardware finishes: the sum of the pseudo header, not complemented */
	len = make_tcp(p, 0, true);
	rewrite(p, len, 1);
	assert_int_equal(sum(room.bytes + 26, 8, 31), room.bytes[50] << 8 | room.bytes[51]);
	/* cut, it is the same, for a receiver has the rest */
	a.keep_payload = false;
	len = make_tcp(p, 0, false);
	rewrite(p, len, -1);
	assert_int_equal(room.packet.len, 54);
	assert_int_equal(sum(p + 54, 5, sum(room.bytes + 34, 20, sum(room.bytes + 26, 8, 31))),
			 0xffff);
}

/* Bytes of no meaning at all, and packets cut anywhere: within bounds (the sanitizers look on). */
static void hostile(void **state)
{
	uint8_t p[256];
	uint32_t x = 3;

	for (int i = 0; i < 20000; i++) {
		static const uint8_t protocols[] = {1,  2,  4,  6,   17,  41, 43,
						    47, 51, 58, 132, 143, 0,  60};
		size_t len = next_random(&x) % sizeof(p);

		for (size_t k = 0; k < sizeof(p); k++)
			p[k] = (uint8_t)next_random(&x);
		if (i % 4) { /* far enough to get into the layers */
			p[12] = i % 2 ? 8 : 0x86;
			p[13] = i % 2 ? 0 : 0xdd;
			p[14] = i % 2 ? 0x45 : 0x60;
			p[i % 2 ? 23 : 20] = protocols[next_random(&x) % sizeof(protocols)];
			p[20 + (i % 2 ? 0 : 100)] = 0;
			p[16] = p[18] = 0;
			p[34] = i % 8 ? p[34] : (uint8_t)(next_random(&x) % 6 + 1);
		}
		a.keep_payload = i % 3 == 0;
		rewrite(p, len, i % 3 - 1);
		assert_true(room.packet.len <= len);
		if (i % 500 == 0) /* or the table of what was seen is all that is measured */
			anon_seen_fini(&a.seen);
	}
}

/* ---- the command ---- */

/* As a command: what is in the file, the same key twice, another key. */
static void command(void **state)
{
	static const struct row_host host = {"web1", "0e17", "skbox-capture -- /home/alice/run", 5,
					     -1};
	struct row_packet packet = {"net:p", "alice", "wan7", NULL, 1, 2, 9, 1111, 80, 2};
	struct ev_batch *b = ev_batch_new();
	struct buf secret = {0}, first = {0};

	row_start(b, 1000, &host);
	row_nsinfo(b, 1000, 1, "lab-ns");
	row_iface(b, 1000, 1, 2, "wan7");
	row_packet(b, 2000, &packet);
	row_socket(b, 3000, 1, 0, 0x1122334455667788, 1111, 80);
	row_store(b, "in.skbx", 1000);
	ev_batch_free(b);
	buf_str(&secret, "sixteen bytes at least");
	store_file("key", &secret);
	assert_int_equal(run("anonymize -o @out.skbx --key @key @in.skbx"), 0);
	assert_non_null(strstr((char *)said.p, "is left in it"));
	assert_int_equal(run("json @out.skbx"), 0);
	for (size_t i = 0; i < 6; i++) {
		static const char *const gone[] = {"web1",   "alice", "wan7",
						   "lab-ns", "0e17",  "1234605616436508552"};

		if (strstr((char *)out.p, gone[i]))
			fail_msg("%s is left", gone[i]);
	}
	assert_int_equal(count("net:p"), 1);
	assert_int_equal(count("\"sock"), 0);
	buf_put(&first, out.p, out.len);
	assert_int_equal(run("anonymize -o @out.skbx --key @key @in.skbx"), 0);
	assert_int_equal(run("print @out.skbx"), 0);
	assert_int_equal(run("json @out.skbx"), 0);
	assert_int_equal(out.len, first.len);
	assert_int_equal(run("anonymize -o @out.skbx @in.skbx"), 0);
	assert_int_equal(run("json @out.skbx"), 0);
	assert_true(out.len != first.len || memcmp(out.p, first.p, out.len));
	buf_clear(&secret);
	buf_str(&secret, "short");
	store_file("key", &secret);
	assert_int_equal(run("anonymize -o @out.skbx --key @key @in.skbx"), 2);
	assert_int_equal(run("anonymize -o @out.skbx --keep everything @in.skbx"), 2);
	assert_int_equal(run("anonymize @in.skbx"), 2);
	buf_free(&secret);
	buf_free(&first);
}

/* For a bug report: the journeys that were chosen, and a summary; nothing else, and no names. */
static void bundle(void **state)
{
	static const struct row_host host = {"web1", "0e17", "skbox-capture", 5, -1};
	struct row_packet packet = {"net:p", "alice", "wan7", NULL, 1, 2, 9, 1111, 80, 2};
	struct ev_batch *b = ev_batch_new();
	struct buf summary = {0};

	row_start(b, 1000, &host);
	row_packet(b, 2000, &packet);
	packet.drop = "NO_SOCKET";
	row_packet(b, 2100, &packet);
	packet.drop = NULL;
	packet.track = 99;
	row_packet(b, 2200, &packet);
	row_store(b, "whole.skbx", 1000);
	ev_batch_free(b);
	assert_int_equal(run("bundle --drops -o @report.skbx @whole.skbx"), 0);
	assert_non_null(strstr((char *)said.p, "its summary: "));
	load_file("report.skbx.txt", &summary);
	assert_non_null(strstr((char *)summary.p, "NO_SOCKET"));
	assert_null(strstr((char *)summary.p, "wan7"));
	assert_int_equal(run("json @report.skbx"), 0);
	assert_int_equal(count("\"packet.len\""), 2); /* of one journey both, of the other none */
	assert_null(strstr((char *)out.p, "alice"));
	assert_int_equal(run("bundle -o @none.skbx @missing.skbx"), 2);
	assert_int_equal(access(place("none.skbx"), F_OK), -1);
	buf_free(&summary);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(rules, make_key),
		cmocka_unit_test_setup(published, make_key),
		cmocka_unit_test_setup(permutation, make_key),
		cmocka_unit_test_setup(prefixes, make_key),
		cmocka_unit_test_setup(classes, make_key),
		cmocka_unit_test_setup(free_text, make_key),
		cmocka_unit_test_setup(names, make_key),
		cmocka_unit_test_setup(ports, make_key),
		cmocka_unit_test_setup(checksums, make_key),
		cmocka_unit_test_setup(hostile, make_key),
		cmocka_unit_test_setup(command, make_key),
		cmocka_unit_test_setup(bundle, make_key),
	};

	if (!anon_key_library()) {
		print_message("1..0 # SKIP built without libcrypto\n");
		return 0;
	}
	return cmocka_run_group_tests(tests, recording_folder, recording_clean);
}
