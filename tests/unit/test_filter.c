/* SPDX-License-Identifier: BSD-2-Clause */
/* FILTERS: packets of every link type, sockets, probes, drops, counts, and blocks that are skipped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "analyze/filter/filter.h"
#include "cli/terminal.h"

enum { LINK_SLL = 113, LINK_NULL = 0, LINK_LOOP = 108, LINK_UNKNOWN = 147, AF_4 = 2, AF_6 = 10 };

/* 10.0.0.1.1234 > 10.0.0.2.53, UDP without payload */
static const uint8_t ip4[] = {0x45, 0, 0,  28, 0, 1, 0, 0,    64, 17, 0, 0, 10, 0,
			      0,    1, 10, 0,  0, 2, 4, 0xd2, 0,  53, 0, 8, 0,  0};
/* ::1.1234 > ::2.80, TCP SYN */
static const uint8_t ip6[60] = {0x60, [5] = 20, 6, 64, [23] = 1,    [39] = 2,
				4,    0xd2,     0, 80, [52] = 0x50, 2};

/* The one event of the batch as the filter sees it. */
static bool passes(struct ev_batch *batch, const struct filter_options *o)
{
	struct ev_walk w = ev_walk(batch);
	struct ev ev = {0};
	struct filter *f;
	bool yes;

	assert_int_equal(filter_new(&f, o), 0);
	assert_true(ev_next(&w, &ev));
	yes = filter_match(f, &ev);
	filter_free(f);
	return yes;
}

static bool packet_passes(struct ev_batch *batch, const char *expression)
{
	return passes(batch, &(struct filter_options){.packet = expression});
}

static struct ev_packet *begin_packet(struct ev_batch *b, const void *data, size_t len)
{
	struct ev_packet *p;

	ev_batch_clear(b);
	ev_batch_begin(b);
	p = EV_ADD(b, packet);
	EV_SET(p, packet, len, (uint32_t)len);
	EV_SET(p, packet, capture_len, (uint32_t)len);
	EV_SET(p, packet, data, ev_bytes(b, data, len));
	return p;
}

static void ethernet_packets(void **state)
{
	uint8_t frame[14 + sizeof(ip4)] = {2, 2, 2, 2, 2, 2, 4, 4, 4, 4, 4, 4, 8, 0};
	struct ev_batch *b = ev_batch_new();
	struct ev_packet *p;

	memcpy(frame + 14, ip4, sizeof(ip4));
	begin_packet(b, frame, sizeof(frame));
	assert_true(packet_passes(b, "udp port 53"));
	assert_true(packet_passes(b, "src host 10.0.0.1 and dst port 53"));
	assert_true(packet_passes(b, "ether host 02:02:02:02:02:02"));
	assert_true(packet_passes(b, "ether[0] = 2"));
	assert_true(packet_passes(b, "less 42"));
	assert_false(packet_passes(b, "tcp"));
	assert_false(packet_passes(b, "dst port 1234"));
	assert_false(packet_passes(b, "ip6"));

	/* the length on the wire counts, not what was kept; bytes that were not kept do not match */
	p = begin_packet(b, frame, 36);
	p->len = 1500;
	assert_true(packet_passes(b, "greater 1500"));
	assert_true(packet_passes(b, "udp"));
	assert_false(packet_passes(b, "udp dst port 53"));
	ev_batch_free(b);
}

static void network_layer_packets(void **state)
{
	struct ev_batch *b = ev_batch_new();
	struct ev_packet *p = begin_packet(b, ip4, sizeof(ip4));

	EV_SET(p, packet, protocol, 0x0800);
	p->len = p->capture_len = sizeof(ip4) + 14;
	assert_true(packet_passes(b, "udp port 53"));
	assert_true(packet_passes(b, "net 10.0.0.0/24"));
	/* the length is that of the bytes that are there */
	assert_true(packet_passes(b, "less 28"));
	assert_false(packet_passes(b, "tcp"));
	/* no link layer: nothing of it matches, not even by other bytes in its place */
	assert_false(packet_passes(b, "ether[0] = 0x45"));
	assert_false(packet_passes(b, "ether [0] = 0x45"));
	assert_false(packet_passes(b, "link[0] = 0x45"));
	assert_false(packet_passes(b, "ether host 02:02:02:02:02:02"));
	assert_true(packet_passes(b, "ip[0] = 0x45"));

	p = begin_packet(b, ip6, sizeof(ip6));
	EV_SET(p, packet, protocol, 0x86dd);
	assert_true(packet_passes(b, "ip6 and tcp port 80"));
	assert_true(packet_passes(b, "host ::1"));
	assert_false(packet_passes(b, "udp"));
	ev_batch_free(b);
}

static void packets_of_other_link_types(void **state)
{
	uint8_t sll[16 + sizeof(ip4)] = {0, 0, 0, 1, 0, 6, 1, 2, 3, 4, 5, 6, 0, 0, 8, 0};
	struct ev_batch *b = ev_batch_new();
	struct ev_packet *p;

	memcpy(sll + 16, ip4, sizeof(ip4));
	p = begin_packet(b, sll, sizeof(sll));
	EV_SET(p, packet, linktype, LINK_SLL);
	assert_true(packet_passes(b, "udp port 53"));
	assert_false(packet_passes(b, "udp port 54"));
	p->linktype = LINK_UNKNOWN;
	assert_false(packet_passes(b, "udp port 53"));
	ev_batch_free(b);
}

/* Any byte order and any system's number for IPv6; the header's own bytes are no packet. */
static void packets_of_loopback(void **state)
{
	static const uint8_t families[] = {10, 24, 28, 30};
	struct ev_batch *b = ev_batch_new();
	struct ev_packet *p;

	for (int i = 0; i < 16; i++) {
		bool big = i & 1, loop = i & 2;
		uint8_t four[4 + sizeof(ip4)] = {0}, six[4 + sizeof(ip6)] = {0};

		four[big ? 3 : 0] = 2;
		memcpy(four + 4, ip4, sizeof(ip4));
		p = begin_packet(b, four, sizeof(four));
		EV_SET(p, packet, linktype, loop ? LINK_LOOP : LINK_NULL);
		assert_true(packet_passes(b, "udp port 53"));
		assert_false(packet_passes(b, "udp port 54"));
		assert_false(packet_passes(b, "ip6"));
		six[big ? 3 : 0] = families[i >> 2];
		memcpy(six + 4, ip6, sizeof(ip6));
		p = begin_packet(b, six, sizeof(six));
		EV_SET(p, packet, linktype, loop ? LINK_LOOP : LINK_NULL);
		assert_true(packet_passes(b, "ip6 and tcp port 80"));
		assert_false(packet_passes(b, "ip"));
		p = begin_packet(b, six, 3);
		EV_SET(p, packet, linktype, LINK_NULL);
		assert_false(packet_passes(b, "ip6 or ip"));
	}
	ev_batch_free(b);
}

static void begin_socket(struct ev_batch *b, uint8_t family, const void *src, const void *dst,
			 uint16_t sport, uint16_t dport)
{
	size_t len = family == AF_4 ? 4 : 16;
	struct ev_diag *d;

	ev_batch_clear(b);
	ev_batch_begin(b);
	d = EV_ADD(b, diag);
	EV_SET(d, diag, family, family);
	EV_SET(d, diag, src, ev_string(b, src, len));
	EV_SET(d, diag, dst, ev_string(b, dst, len));
	EV_SET(d, diag, sport, sport);
	EV_SET(d, diag, dport, dport);
}

static void sockets_by_addresses_and_ports(void **state)
{
	static const uint8_t a[16] = {10, 0, 0, 1}, z[16] = {10, 0, 0, 2};
	static const uint8_t ma[16] = {[10] = 0xff, 0xff, 10, 0, 0, 1};
	static const uint8_t mz[16] = {[10] = 0xff, 0xff, 10, 0, 0, 2};
	static const uint8_t six[16] = {0xfe, 0x80, [15] = 7};
	struct ev_batch *b = ev_batch_new();

	begin_socket(b, AF_4, a, z, 40000, 443);
	assert_true(packet_passes(b, "tcp port 443"));
	assert_true(packet_passes(b, "host 10.0.0.1 and host 10.0.0.2"));
	/* both directions: a connection has packets of either */
	assert_true(packet_passes(b, "src port 443"));
	assert_true(packet_passes(b, "dst port 443"));
	assert_true(packet_passes(b, "src host 10.0.0.2 and src port 443"));
	assert_false(packet_passes(b, "src host 10.0.0.1 and src port 443"));
	assert_false(packet_passes(b, "udp port 443"));
	assert_false(packet_passes(b, "port 80"));
	assert_false(packet_passes(b, "ip6"));
	assert_false(packet_passes(b, "ether host 00:00:00:00:00:00"));

	/* a dual-stack socket that talks IPv4 */
	begin_socket(b, AF_6, ma, mz, 40000, 443);
	assert_true(packet_passes(b, "ip and tcp port 443 and host 10.0.0.1"));
	assert_false(packet_passes(b, "ip6"));

	begin_socket(b, AF_6, six, ma, 22, 50000);
	assert_true(packet_passes(b, "ip6 host fe80::7 and tcp port 22"));
	assert_false(packet_passes(b, "ip"));

	/* what a file left out is no reason to read beyond it */
	ev_batch_clear(b);
	ev_batch_begin(b);
	EV_ADD(b, diag);
	assert_false(packet_passes(b, "port 443"));
	ev_batch_free(b);
}

static void begin_probe(struct ev_batch *b, const char *type, const char *symbol)
{
	struct ev_kernel *k;

	ev_batch_clear(b);
	ev_batch_begin(b);
	k = EV_ADD(b, kernel);
	EV_SET(k, kernel, probe_type, ev_text(b, type));
	EV_SET(k, kernel, symbol, ev_text(b, symbol));
}

static bool probe_passes(struct ev_batch *b, const char *pattern)
{
	const char *v[] = {"no:such*", pattern};

	return passes(b, &(struct filter_options){.probes = {v, 2}});
}

static void probes_by_pattern(void **state)
{
	struct ev_batch *b = ev_batch_new();

	begin_probe(b, "raw_tracepoint", "net:netif_receive_skb");
	assert_true(probe_passes(b, "net:netif_receive_skb"));
	assert_true(probe_passes(b, "net:*"));
	assert_true(probe_passes(b, "tp:net:netif_*_skb"));
	assert_true(probe_passes(b, "*"));
	assert_false(probe_passes(b, "net:netif"));
	assert_false(probe_passes(b, "kprobe:net:*"));
	assert_false(probe_passes(b, "kprobe:*"));
	begin_probe(b, "kprobe", "tcp_v4_rcv");
	assert_true(probe_passes(b, "k:tcp_v4_rcv"));
	assert_true(probe_passes(b, "kprobe:tcp_v?_rcv"));
	assert_false(probe_passes(b, "kretprobe:tcp_v4_rcv"));
	assert_false(probe_passes(b, "tp:*"));
	ev_batch_free(b);
}

static void globs(void **state)
{
	assert_true(filter_glob("a*b*c", "aXbYbZc", 7));
	assert_true(filter_glob("*", "", 0));
	assert_true(filter_glob("", "", 0));
	assert_true(filter_glob("a?c", "abc", 3));
	assert_false(filter_glob("a?c", "ac", 2));
	assert_false(filter_glob("a*b", "aXbY", 4));
	assert_false(filter_glob("", "a", 1));
	assert_false(filter_glob("abc", "ab", 2)); /* the text is not terminated */
	assert_true(filter_glob("*aab", "aaaaaaaaaaaaaaab", 16));
}

static void drops_counts_and_records(void **state)
{
	struct filter_options o = {.drops = true, .count = 2};
	struct ev_batch *b = ev_batch_new();
	struct ev ev = {0};
	struct ev_walk w;
	struct filter *f;
	int passed = 0;

	for (int i = 0; i < 6; i++) {
		ev_batch_begin(b);
		EV_ADD(b, kernel);
		if (i % 2)
			EV_ADD(b, skb_drop);
		ev_batch_begin(b);
		EV_ADD(b, clock);
	}
	assert_int_equal(filter_new(&f, &o), 0);
	w = ev_walk(b);
	while (ev_next(&w, &ev)) {
		bool yes = filter_match(f, &ev);

		if (ev.clock)
			assert_true(yes); /* about the recording: always, and not counted */
		else
			passed += yes;
		if (yes && !ev.clock)
			assert_non_null(ev.skb_drop);
	}
	assert_int_equal(passed, 2);
	assert_true(filter_done(f));
	assert_true(filter_selects(f));
	filter_free(f);
	ev_batch_free(b);
}

static void blocks_are_skipped_only_when_nothing_can_pass(void **state)
{
	const char *exact[] = {"net:netif_receive_skb"}, *wild[] = {"net:*"};
	struct filter_options drops = {.drops = true}, probe = {.probes = {exact, 1}},
			      any = {.probes = {wild, 1}};
	struct skbx_summary s = {.probes = skbx_sketch(exact[0], strlen(exact[0])), .drops = 0};
	struct filter *f;

	assert_int_equal(filter_new(&f, &drops), 0);
	assert_false(filter_wants_block(f, &s));
	s.lost = 5; /* losses show whatever the filter is */
	assert_true(filter_wants_block(f, &s));
	assert_false(filter_wants_block(f, &s));
	s.drops = 1;
	assert_true(filter_wants_block(f, &s));
	filter_free(f);

	s.lost = 0;
	assert_int_equal(filter_new(&f, &probe), 0);
	assert_true(filter_wants_block(f, &s));
	s.probes = ~s.probes;
	assert_false(filter_wants_block(f, &s));
	filter_free(f);
	assert_int_equal(filter_new(&f, &any), 0);
	assert_true(filter_wants_block(f, &s));
	filter_free(f);
}

static void wrong_expressions_are_refused(void **state)
{
	struct filter_options o = {.packet = "tcp port"};
	struct filter *f;

	assert_true(filter_new(&f, &o) < 0);
	assert_null(f);
	o.packet = "no such thing \033[2J";
	assert_true(filter_new(&f, &o) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ethernet_packets),
		cmocka_unit_test(network_layer_packets),
		cmocka_unit_test(packets_of_other_link_types),
		cmocka_unit_test(packets_of_loopback),
		cmocka_unit_test(sockets_by_addresses_and_ports),
		cmocka_unit_test(probes_by_pattern),
		cmocka_unit_test(globs),
		cmocka_unit_test(drops_counts_and_records),
		cmocka_unit_test(blocks_are_skipped_only_when_nothing_can_pass),
		cmocka_unit_test(wrong_expressions_are_refused),
	};

	terminal_init("skbox");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
