/* SPDX-License-Identifier: BSD-2-Clause */
/* The search at the end of anonymize: it finds what is left, however it is written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "analyze/anonymize/anon_event.h"
#include "analyze/anonymize/residue.h"
#include "tests/unit/recording.h"

static struct anon a;

static int make_key(void **state)
{
	return anon_key_new(&a.key, "a secret of this test", 21);
}

static int free_key(void **state)
{
	anon_seen_fini(&a.seen);
	anon_key_free(a.key);
	a = (struct anon){0};
	return 0;
}

static void left(void **state)
{
	struct ev_batch *b = ev_batch_new();
	struct row_packet packet = {"net:p", "alice", "wan7", NULL, 1, 2, 0, 1111, 80, 2};
	struct residue *r;
	uint8_t address[4] = {10, 0, 0, 1};
	struct buf text = {0};

	anon_ipv4(&a, address);
	anon_name_text(&a, ANON_NAME_DEVICE, "wan7", 4, &text);
	anon_name_text(&a, ANON_NAME_TASK, "alice", 5, &text);
	row_packet(b, 1, &packet);
	r = residue_new(&a);
	assert_non_null(r);
	assert_int_equal(residue_search(r, b), 0);
	assert_int_equal(residue_found(r), 3);
	assert_non_null(
		memmem(residue_lines(r)->p, residue_lines(r)->len, "10.0.0.1 in packet.data", 23));
	assert_non_null(
		memmem(residue_lines(r)->p, residue_lines(r)->len, "alice in task.comm", 18));
	residue_free(r);
	ev_batch_free(b);
	buf_free(&text);
}

/* How often what was seen is found in a command line, and in a packet that is that text. */
static uint64_t found_in(const char *text, bool packet)
{
	struct ev_batch *b = ev_batch_new();
	struct row_host host = {"h", "0e17", packet ? "" : text, 5, -1};
	struct residue *r = residue_new(&a);
	struct ev_packet *p;
	uint64_t found;

	row_start(b, 1, &host);
	if (packet) {
		row_at(b, 2);
		p = EV_ADD(b, packet);
		EV_SET(p, packet, data,
		       ev_bytes(b, (const uint8_t *)text, (uint32_t)strlen(text)));
		EV_SET(p, packet, linktype, 147); /* one that nobody dissects: all is payload */
	}
	assert_non_null(r);
	assert_int_equal(residue_search(r, b), 0);
	found = residue_found(r);
	residue_free(r);
	ev_batch_free(b);
	return found;
}

/* Each way to write an address, in text and in payload; options, which are kept and are names, too. */
static void left_text(void **state)
{
	static const struct {
		const char *text;
		unsigned int in_text, in_packet;
	} rows[] = {
		{"x 151.77.23.41 y", 1, 1},
		{"151.77.23.41:8080", 1, 1},
		{"151.77.23.41.8080", 1, 1},
		{"from 151.77.23.41.", 1, 1},
		{"http://151.77.23.41/", 1, 1},
		{"::ffff:151.77.23.41", 1, 1},
		{"0x974d1729 2538411817", 2, 0},
		{"151.77.23.4 1151.77.23.41 151.77.23.411", 0, 0},
		{"2a0d:3344::c1d5", 1, 1},
		{"[2A0D:3344:0::c1d5]:443", 1, 1},
		{"2a0d:3344::c1d5.443", 1, 1},
		{"at 2a0d:3344::c1d5: no", 1, 1},
		{"2a0d:3344::c1d", 0, 0},
		{"52:a4:91:c3:5e:17", 1, 1},
		{"52-A4-91-C3-5E-17", 1, 1},
		{"52a4.91c3.5e17 52a491c35e17", 2, 2},
		{"52a491c35e170 52a491c35e1", 0, 0},
		{"skbox-capture --out f -- dd --out g", 0, 1},
	};
	uint8_t v4[4] = {151, 77, 23, 41}, v6[16] = {0x2a, 0x0d, 0x33, 0x44, [14] = 0xc1, 0xd5};
	uint8_t mac[6] = {0x52, 0xa4, 0x91, 0xc3, 0x5e, 0x17};
	struct buf text = {0};

	anon_ipv4(&a, v4);
	anon_ipv6(&a, v6);
	anon_mac(&a, mac);
	anon_words_text(&a, "run -- cp --out", 15, &text);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t in_text = found_in(rows[i].text, false);
		uint64_t in_packet = found_in(rows[i].text, true);

		if (in_text != rows[i].in_text || in_packet != rows[i].in_packet)
			print_error("%s: %d in text, %d in a packet\n", rows[i].text,
				    (int)in_text, (int)in_packet);
		assert_int_equal(in_text, rows[i].in_text);
		assert_int_equal(in_packet, rows[i].in_packet);
	}
	buf_free(&text);
}

/* Where a header has numbers: four bytes may be there by chance, longer addresses are not. */
static void left_in_header(void **state)
{
	static const uint8_t v4[4] = {151, 77, 23, 41}, mac[6] = {0x52, 0xa4, 0x91, 0xc3, 0x5e, 0x17};
	/* its ninth byte is the length of a TCP header */
	static const uint8_t v6[16] = {0x2a, 0x0d, 0x33, 0x44, [8] = 0x50, [14] = 0xc1, 0xd5};
	static const struct {
		const uint8_t *address;
		size_t bytes;
		unsigned int found;
	} rows[] = {{v4, sizeof(v4), 0}, {mac, sizeof(mac), 1}, {v6, sizeof(v6), 1}};
	uint8_t copy[16];

	anon_ipv4(&a, memcpy(copy, v4, sizeof(v4)));
	anon_ipv6(&a, memcpy(copy, v6, sizeof(v6)));
	anon_mac(&a, memcpy(copy, mac, sizeof(mac)));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		/* Ethernet, IPv4 and TCP, of which the sequence numbers and what follows are the address */
		uint8_t frame[54] = {[12] = 8, [14] = 0x45, [17] = 40, [23] = 6, [46] = 0x50};
		struct ev_batch *b = ev_batch_new();
		struct residue *r = residue_new(&a);
		struct ev_packet *p;

		memcpy(frame + 38, rows[i].address, rows[i].bytes);
		row_at(b, 1);
		p = EV_ADD(b, packet);
		EV_SET(p, packet, data, ev_bytes(b, frame, sizeof(frame)));
		EV_SET(p, packet, linktype, 1);
		assert_non_null(r);
		assert_int_equal(residue_search(r, b), 0);
		assert_int_equal(residue_found(r), rows[i].found);
		residue_free(r);
		ev_batch_free(b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(left, make_key, free_key),
		cmocka_unit_test_setup_teardown(left_text, make_key, free_key),
		cmocka_unit_test_setup_teardown(left_in_header, make_key, free_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
