/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The text renderer: every case of testdata/retis/document.txt and events.txt is a test of its own,
 * named after its line; then what those cannot hold: hostile strings, clocks, rows of the recording.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "formats/retis/retis_read.h"
#include "formats/text/text.h"

static const char *const case_files[] = {"testdata/retis/document.txt",
					 "testdata/retis/events.txt"};
enum { CASES_MAX = 256, EVENTS_MAX = 4, PACKET_BYTES = 1024, CASES_MIN = 92 };

struct text_case {
	char *name, *events[EVENTS_MAX], *packet, *options;
	int n_events;
	struct buf want;
};

static struct text_case cases[CASES_MAX];
static size_t n_cases;

static void read_line(struct text_case *c, const char *key, const char *value)
{
	if (!strcmp(key, "event")) {
		assert_true(c->n_events < EVENTS_MAX);
		c->events[c->n_events++] = strdup(value);
	} else if (!strcmp(key, "packet")) {
		c->packet = strdup(value);
	} else if (!strcmp(key, "options")) {
		c->options = strdup(value);
	} else if (!strcmp(key, "text")) {
		if (c->want.p)
			buf_u8(&c->want, '\n');
		buf_room(&c->want, 1);
		buf_str(&c->want, value);
	} else {
		fail_msg("unknown key %s", key);
	}
}

static void free_case(struct text_case *c)
{
	free(c->name);
	free(c->packet);
	free(c->options);
	for (int i = 0; i < c->n_events; i++)
		free(c->events[i]);
	buf_free(&c->want);
}

static void read_cases(const char *path)
{
	static char line[32768];
	FILE *f = fopen(path, "r");
	char key[16];

	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		size_t len = strcspn(line, "\n");
		const char *value = line + (len < 9 ? len : 9);

		line[len] = 0;
		if (line[0] == '#' || sscanf(line, "%15s", key) != 1)
			continue;
		if (!strcmp(key, "line")) {
			assert_true(n_cases < CASES_MAX);
			cases[n_cases++].name = strdup(value);
			continue;
		}
		assert_true(n_cases > 0);
		read_line(&cases[n_cases - 1], key, value);
	}
	fclose(f);
}

static struct text_options options_of(const char *words)
{
	return (struct text_options){
		.current = strstr(words, "current") != NULL,
		.single_line = strstr(words, "single") != NULL,
		.link_layer = strstr(words, " e") != NULL,
		.utc = strstr(words, "utc") != NULL,
	};
}

static void add_packet(struct ev_batch *b, const char *hex)
{
	uint8_t p[PACKET_BYTES];
	struct ev_common *common;
	struct ev_packet *packet;
	unsigned int v;
	size_t n = 0;

	for (; n < sizeof(p) && sscanf(hex, "%2x", &v) == 1; hex += 2)
		p[n++] = (uint8_t)v;
	ev_batch_begin(b);
	common = EV_ADD(b, common);
	EV_SET(common, common, timestamp, 1);
	packet = EV_ADD(b, packet);
	EV_SET(packet, packet, data, ev_bytes(b, p, n));
}

/* Prints the events of a batch with their frames; the last frame is left out. */
static void print_batch(struct text *t, const struct ev_batch *b, int level, struct buf *out)
{
	struct ev_walk walk = ev_walk(b);
	struct ev ev = {0};
	size_t end = 0;

	while (ev_next(&walk, &ev)) {
		if (!text_event(t, &ev, level, out))
			continue;
		end = out->len;
		text_frame_event(t, out);
	}
	out->len = end;
	buf_u8(out, 0);
	assert_false(out->failed);
}

static void test_case(void **state)
{
	struct text_case *c = *state;
	struct text_options o = options_of(c->options);
	struct ev_batch *b = ev_batch_new();
	struct retis_reader *r = retis_reader_new();
	struct skbox_error err = {0};
	struct buf got = {0};
	struct text t;

	text_init(&t, &o);
	for (int i = 0; i < c->n_events; i++)
		if (retis_read_line(r, c->events[i], strlen(c->events[i]), b, &err))
			fail_msg("%s", err.text);
	if (c->packet)
		add_packet(b, c->packet);
	print_batch(&t, b, strstr(c->options, "series") ? 4 : 0, &got);
	buf_u8(&c->want, 0);
	assert_string_equal((char *)got.p, (char *)c->want.p);
	text_fini(&t);
	buf_free(&got);
	retis_reader_free(r);
	ev_batch_free(b);
}

/* ---- hostile strings (every string goes through text_untrusted) ---- */

static void check_untrusted(const char *in, size_t len, const char *want)
{
	struct buf b = {0};

	text_untrusted(&b, in, len);
	buf_u8(&b, 0);
	assert_string_equal((char *)b.p, want);
	buf_free(&b);
}
#define UNTRUSTED(in, want) check_untrusted(in, sizeof(in) - 1, want)

static void test_untrusted(void **state)
{
	UNTRUSTED("", "");
	UNTRUSTED("eth0", "eth0");
	UNTRUSTED("kworker/u8:2-ev [x] \\x1b \" '", "kworker/u8:2-ev [x] \\x1b \" '");
	UNTRUSTED("\xc3\xa9-proc \xe2\x86\xb3 \xf0\x9f\x90\xa7 \xc2\xa0",
		  "\xc3\xa9-proc \xe2\x86\xb3 \xf0\x9f\x90\xa7 \xc2\xa0");
	UNTRUSTED("\x1b[2J\x1b]0;own\x07", "\\x1b[2J\\x1b]0;own\\x07");
	UNTRUSTED("a\nb\rc\td\be\x7f", "a\\x0ab\\x0dc\\x09d\\x08e\\x7f");
	UNTRUSTED("nul\0l", "nul\\x00l");
	UNTRUSTED("\xc2\x9b"
		  "31m",
		  "\\xc2\\x9b31m"); /* C1: CSI */
	UNTRUSTED("\x9b"
		  "31m",
		  "\\x9b31m");               /* and as a lone byte */
	UNTRUSTED("\xff\xfe", "\\xff\\xfe"); /* not UTF-8 */
	UNTRUSTED("\xc0\xaf", "\\xc0\\xaf"); /* longer than need be */
	UNTRUSTED("\xe0\x80\xaf", "\\xe0\\x80\\xaf");
	UNTRUSTED("\xf0\x80\x80\xaf", "\\xf0\\x80\\x80\\xaf");
	UNTRUSTED("\xed\xa0\x80", "\\xed\\xa0\\x80");          /* surrogate */
	UNTRUSTED("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"); /* beyond U+10FFFF */
	UNTRUSTED("cut \xe2\x86", "cut \\xe2\\x86");
	UNTRUSTED("\xe2"
		  "a",
		  "\\xe2"
		  "a");
	UNTRUSTED("a\xe2\x80\xae"
		  "b",
		  "a\\xe2\\x80\\xae"
		  "b"); /* right-to-left override */
	UNTRUSTED("a\xe2\x81\xa9"
		  "b",
		  "a\\xe2\\x81\\xa9"
		  "b");
	UNTRUSTED("a\xe2\x80\xa8"
		  "b",
		  "a\\xe2\\x80\\xa8"
		  "b"); /* line separator */
}

/* One special byte at each place of strings of each length: the fast path sees them all. */
static void test_untrusted_places(void **state)
{
	for (size_t len = 1; len < 40; len++) {
		for (size_t at = 0; at < len; at++) {
			for (unsigned int c = 0; c < 256; c++) {
				bool plain = c >= 0x20 && c < 0x7f;
				struct buf b = {0};
				char text[40];

				memset(text, 'x', sizeof(text));
				text[at] = (char)c;
				text_untrusted(&b, text, len);
				assert_int_equal(b.len, plain ? len : len + 3);
				assert_int_equal(b.p[at], plain ? c : '\\');
				buf_free(&b);
			}
		}
	}
}

static const char hostile[] = "\x1b[31m\n\xff\xc2\x9b\xe2\x80\xae";

/* An event of these sections, every string and list of which is the hostile string. */
static void add_hostile_event(struct ev_batch *b, uint64_t wanted)
{
	const struct ev_str s = ev_text(b, hostile);

#define STRING_U8(m)
#define STRING_U16(m)
#define STRING_U32(m)
#define STRING_U64(m)
#define STRING_I32(m)
#define STRING_I64(m)
#define STRING_BOOL(m)
#define STRING_BYTES(m)
#define STRING_STR(m)  (m) = s;
#define STRING_LIST(m) (m) = ev_list(b, (struct ev_str[]){s, s}, 2);
#define SECTION(id, number, name, help)                                                            \
	if (wanted & EV_SECTION_BIT(id)) {                                                         \
		struct ev_##id *row = EV_ADD(b, id);                                               \
		row->has = ~UINT64_C(0);
#define F(sec, number, member, type, name, foreign, unit, base, pred, help)                        \
	STRING_##type(row->member)
#define END(id) }

	ev_batch_begin(b);
#include "formats/schema.def"
}

static void add_hostile(struct ev_batch *b)
{
	const uint64_t common = EV_SECTION_BIT(common);

	add_hostile_event(b, common | EV_SECTION_BIT(kernel) | EV_SECTION_BIT(skb_drop) |
				     EV_SECTION_BIT(dev) | EV_SECTION_BIT(nft) |
				     EV_SECTION_BIT(ct) | EV_SECTION_BIT(ct_parent) |
				     EV_SECTION_BIT(ovs) | EV_SECTION_BIT(ovs_detrace) |
				     EV_SECTION_BIT(startup));
	add_hostile_event(b, common | EV_SECTION_BIT(userspace));
	add_hostile_event(b, common | EV_SECTION_BIT(loss));
}

static void set_ovs_type(struct ev_batch *b, const char *type, const char *action)
{
	struct ev_ovs *o = (struct ev_ovs *)b->sec[EV_ovs].p;

	o->event_type = ev_text(b, type);
	if (action)
		o->action = ev_text(b, action);
	o->flow = 1;
	o->flags = UINT32_MAX;
	o->nat = true;
}

/* No byte of it leaves unescaped, in no section, layout or format. */
static void test_hostile_events(void **state)
{
	static const char *const types[][2] = {
		{"flow_lookup", NULL},
		{"action_execute", NULL},
		{"action_execute", "ct"},
		{hostile, NULL},
	};

	for (int mode = 0; mode < 16; mode++) {
		const struct text_options o = {mode & 1, mode & 2, mode & 4, mode & 8, false};
		struct ev_batch *b = ev_batch_new();
		struct buf got = {0};
		struct text t;
		int escaped = 0;

		text_init(&t, &o);
		add_hostile(b);
		for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
			set_ovs_type(b, types[i][0], types[i][1]);
			print_batch(&t, b, 0, &got);
			got.len--;
		}
		for (size_t i = 0; i < got.len; i++) {
			assert_true(got.p[i] >= 0x20 || got.p[i] == '\n');
			assert_true(got.p[i] < 0x7f);
			escaped +=
				!memcmp(got.p + i, "\\x1b[31m\\x0a", i + 12 <= got.len ? 12 : 0) &&
				i + 12 <= got.len;
		}
		assert_true(escaped > 60);
		text_fini(&t);
		buf_free(&got);
		ev_batch_free(b);
	}
}

/* Numbers around each power of two and of ten, against the C library. */
static void check_number(uint64_t v)
{
	char want[64];
	struct buf b = {0};

	snprintf(want, sizeof(want), "%llu %llx", (unsigned long long)v, (unsigned long long)v);
	buf_dec(&b, v);
	buf_u8(&b, ' ');
	buf_hex(&b, v);
	buf_u8(&b, 0);
	assert_string_equal((char *)b.p, want);
	buf_free(&b);
}

static void test_numbers(void **state)
{
	uint64_t ten = 1;

	for (uint64_t v = 0; v < 12000; v++)
		check_number(v);
	for (int i = 0; i < 64; i++) {
		check_number(UINT64_C(1) << i);
		check_number((UINT64_C(1) << i) - 1);
	}
	check_number(UINT64_MAX);
	for (int i = 0; i < 20; i++, ten *= 10) {
		check_number(ten);
		check_number(ten - 1);
		check_number(ten + 1);
	}
}

/* ---- heads, clocks, rows of the recording ---- */

static struct ev_common *begin(struct ev_batch *b, uint64_t ns)
{
	struct ev_common *c;

	ev_batch_begin(b);
	c = EV_ADD(b, common);
	EV_SET(c, common, timestamp, ns);
	return c;
}

static void check_batch(const struct ev_batch *b, const struct text_options *o, int level,
			const char *want)
{
	struct buf got = {0};
	struct text t;

	text_init(&t, o);
	print_batch(&t, b, level, &got);
	assert_string_equal((char *)got.p, want);
	text_fini(&t);
	buf_free(&got);
}

static const struct text_options classic = {0}, current = {.current = true},
				 single = {.single_line = true},
				 utc = {.utc = true, .single_line = true};

static void test_heads(void **state)
{
	static const struct {
		const char *type, *want;
	} kinds[] = {
		{"raw_tracepoint", "7 (0) [a b] 1/2 [tp] x:y #5000000000000000a (skb ff)"},
		{"kprobe", "7 (0) [a b] 1/2 [k] x:y #5000000000000000a (skb ff)"},
		{"kretprobe", "7 (0) [a b] 1/2 [kr] x:y #5000000000000000a (skb ff)"},
		{"fentry", "7 (0) [a b] 1/2 [invalid] x:y #5000000000000000a (skb ff)"},
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct ev_batch *b = ev_batch_new();
		struct ev_common *c = begin(b, 7);
		struct ev_kernel *k = EV_ADD(b, kernel);
		struct ev_skb_tracking *s = EV_ADD(b, skb_tracking);

		EV_SET(c, common, smp_id, 0);
		EV_SET(c, common, pid, 1);
		EV_SET(c, common, tgid, 2);
		EV_SET(c, common, comm, ev_text(b, "a b"));
		EV_SET(k, kernel, symbol, ev_text(b, "x:y"));
		EV_SET(k, kernel, probe_type, ev_text(b, kinds[i].type));
		EV_SET(s, skb_tracking, timestamp, 5);
		EV_SET(s, skb_tracking, orig_head, 10);
		EV_SET(s, skb_tracking, skb, 255);
		check_batch(b, &classic, 0, kinds[i].want);
		ev_batch_free(b);
	}
}

static void test_userspace(void **state)
{
	struct ev_batch *b = ev_batch_new();
	struct ev_userspace *u;
	struct ev_tracking *s;

	begin(b, 7);
	u = EV_ADD(b, userspace);
	EV_SET(u, userspace, symbol, ev_text(b, "dpif_recv:recv_upcall"));
	EV_SET(u, userspace, path, ev_text(b, "/usr/sbin/ovs-vswitchd"));
	s = EV_ADD(b, tracking); /* first seen at 0: an id of the address alone */
	EV_SET(s, tracking, orig_head, 0xabc);
	EV_SET(s, tracking, idx, 3);
	begin(b, 8);
	u = EV_ADD(b, userspace);
	EV_SET(u, userspace, symbol, ev_text(b, "a:b"));
	EV_SET(u, userspace, path, ev_text(b, "plain"));
	check_batch(b, &single, 0,
		    "7 [u] dpif_recv:recv_upcall (ovs-vswitchd) #abc (skb 0) n 3\n8 [u] a:b");
	ev_batch_free(b);
}

static void test_stacks(void **state)
{
	for (uint32_t n = 0; n <= 2; n++) {
		static const char *const want[3][2] = {
			{"7 [k] f\n  \n  ns 1", "7 [k] f [] ns 1"},
			{"7 [k] f\n    a+0x1\n  ns 1", "7 [k] f [a+0x1] ns 1"},
			{"7 [k] f\n    a+0x1\n    0xb\n  ns 1", "7 [k] f [a+0x1, 0xb] ns 1"},
		};
		struct ev_batch *b = ev_batch_new();
		struct ev_kernel *k;
		struct ev_netns *ns;

		begin(b, 7);
		k = EV_ADD(b, kernel);
		EV_SET(k, kernel, symbol, ev_text(b, "f"));
		EV_SET(k, kernel, probe_type, ev_text(b, "kprobe"));
		EV_SET(k, kernel, stack_trace,
		       ev_list(b, (struct ev_str[]){ev_text(b, "a+0x1"), ev_text(b, "0xb")}, n));
		ns = EV_ADD(b, netns);
		EV_SET(ns, netns, inum, 1);
		check_batch(b, &classic, 0, want[n][0]);
		check_batch(b, &single, 0, want[n][1]);
		ev_batch_free(b);
	}
}

static void add_clock(struct ev_batch *b, int64_t offset)
{
	struct ev_clock *c;

	begin(b, 1);
	c = EV_ADD(b, clock);
	EV_SET(c, clock, offset, offset);
}

/* Rows of the recording are not printed; a clock among them sets the time of what follows. */
static void test_clock(void **state)
{
	struct ev_batch *b = ev_batch_new();

	begin(b, 1000);
	add_clock(b, INT64_C(1700000000999999999));
	begin(b, 1);
	begin(b, 1999);
	add_clock(b, -1);
	begin(b, 0);
	check_batch(b, &utc, 0,
		    "1000\n2023-11-14 22:13:21.000000\n2023-11-14 22:13:21.000001\n"
		    "1969-12-31 23:59:59.999999");
	check_batch(b, &single, 0, "1000\n1\n1999\n0");
	ev_batch_free(b);
}

/* Against the C library, over 8000 years and at their edges. */
static void test_dates(void **state)
{
	struct text t;
	struct buf b = {0};
	uint64_t seed = 7;

	text_init(&t, &utc);
	t.has_offset = true;
	for (int i = 0; i < 200000; i++) {
		char want[64];
		time_t sec;
		struct tm tm;

		seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
		sec = (time_t)(seed >> 26) % 253402300799; /* 9999-12-31 23:59:59 */
		gmtime_r(&sec, &tm);
		strftime(want, sizeof(want), "%Y-%m-%d %H:%M:%S.000005", &tm);
		t.offset_sec = sec;
		buf_clear(&b);
		text_time(&t, 5999, &b);
		buf_u8(&b, 0);
		assert_string_equal((char *)b.p, want);
	}
	buf_free(&b);
	text_fini(&t);
}

static void test_recording_rows(void **state)
{
	struct ev_batch *b = ev_batch_new();
	struct ev_loss *l;
	struct ev_startup *s;
	struct ev_host *h;

	begin(b, 2);
	s = EV_ADD(b, startup);
	EV_SET(s, startup, retis_version, ev_text(b, "v0.1.0"));
	EV_SET(s, startup, tool, ev_text(b, "skbox"));
	EV_SET(s, startup, cmdline, ev_text(b, "skbox-capture"));
	h = EV_ADD(b, host);
	EV_SET(h, host, cpus, 2);
	begin(b, 3);
	EV_ADD(b, host);
	begin(b, 3);
	EV_ADD(b, iface);
	begin(b, 3);
	EV_ADD(b, nsinfo);
	EV_ADD(b, netns);
	begin(b, 3);
	EV_ADD(b, probe);
	begin(b, 3);
	EV_ADD(b, dropname);
	begin(b, 3);
	EV_ADD(b, snapset);
	begin(b, 3);
	EV_ADD(b, total);
	begin(b, 3);
	EV_ADD(b, finish);
	begin(b, 9);
	l = EV_ADD(b, loss);
	EV_SET(l, loss, probe, ev_text(b, "skb:kfree_skb"));
	EV_SET(l, loss, cpu, 1);
	EV_SET(l, loss, from, 4);
	EV_SET(l, loss, lost, 12);
	begin(b, 9);
	l = EV_ADD(b, loss);
	EV_SET(l, loss, lost, 1);
	EV_SET(l, loss, skipped, 2);
	begin(b, 10);
	check_batch(b, &single, 0,
		    "2 skbox version v0.1.0\n9 lost 12 events at skb:kfree_skb cpu 1 since 4\n"
		    "9 lost 1 event and skipped 2 runs\n10");
	check_batch(b, &current, 0,
		    "2\n  collected with skbox v0.1.0\n  on machine unknown unknown unknown\n  "
		    "cmdline skbox-capture\n\n"
		    "9 lost 12 events at skb:kfree_skb cpu 1 since 4\n\n9 lost 1 event and skipped "
		    "2 runs\n\n10");
	ev_batch_free(b);
}

static void test_no_sockets(void **state)
{
	struct text_options o = {0};
	struct ev_batch *b = ev_batch_new();
	struct ev_walk walk;
	struct ev ev = {0};
	struct text t;

	begin(b, 3);
	EV_ADD(b, snap);
	EV_ADD(b, diag);
	walk = ev_walk(b);
	assert_true(ev_next(&walk, &ev));
	text_init(&t, &o);
	assert_true(text_wants(&t, &ev));
	t.o.no_sockets = true;
	assert_false(text_wants(&t, &ev));
	text_fini(&t);
	ev_batch_free(b);
}

/* One packet event; protocol: -1 for an Ethernet frame. Its id is 0 each time. */
static void check_packet(struct text *t, const uint8_t *bytes, size_t len, int protocol,
			 const char *want)
{
	struct ev_batch *b = ev_batch_new();
	struct buf got = {0};
	struct ev_packet *p;

	begin(b, 1);
	p = EV_ADD(b, packet);
	EV_SET(p, packet, data, ev_bytes(b, bytes, len));
	if (protocol >= 0)
		EV_SET(p, packet, protocol, (uint16_t)protocol);
	assert_int_equal(p->data.id, 0);
	print_batch(t, b, 0, &got);
	assert_string_equal((char *)got.p, want);
	buf_free(&got);
	ev_batch_free(b);
}

/* The same id for other bytes (another batch), the same bytes read in another way: no stale text. */
static void test_packet_cache(void **state)
{
	static const uint8_t reply[28] = {[7] = 2}, request[28] = {[7] = 1};
	static const char unknown[] = "1 ... (ethertype 0x0000 not supported, use 'retis pcap')";
	static const char is_at[] = "1 reply 0.0.0.0 is-at 00:00:00:00:00:00";
	static const char who_has[] = "1 request who-has 0.0.0.0 tell 0.0.0.0";
	struct text t;

	text_init(&t, &single);
	for (int i = 0; i < 2; i++) {
		check_packet(&t, reply, sizeof(reply), -1, unknown);
		check_packet(&t, reply, sizeof(reply), 0x0806, is_at);
		check_packet(&t, reply, sizeof(reply), 0x0806, is_at);
		check_packet(&t, request, sizeof(request), 0x0806, who_has);
		check_packet(&t, request, sizeof(request) - 1, 0x0806,
			     "1 ... (truncated or incomplete packet)");
	}
	text_fini(&t);
}

static const struct CMUnitTest own_tests[] = {
	cmocka_unit_test(test_untrusted),      cmocka_unit_test(test_untrusted_places),
	cmocka_unit_test(test_hostile_events), cmocka_unit_test(test_heads),
	cmocka_unit_test(test_userspace),      cmocka_unit_test(test_stacks),
	cmocka_unit_test(test_clock),          cmocka_unit_test(test_dates),
	cmocka_unit_test(test_recording_rows), cmocka_unit_test(test_no_sockets),
	cmocka_unit_test(test_packet_cache),   cmocka_unit_test(test_numbers),
};

static void test_number_of_cases(void **state)
{
	assert_in_range(n_cases, CASES_MIN, CASES_MAX);
}

int main(void)
{
	enum { OWN = sizeof(own_tests) / sizeof(own_tests[0]) };
	static struct CMUnitTest tests[CASES_MAX + OWN + 1];
	size_t n = 0;
	int failed;

	for (size_t i = 0; i < sizeof(case_files) / sizeof(case_files[0]); i++)
		read_cases(case_files[i]);
	for (; n < OWN; n++)
		tests[n] = own_tests[n];
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_number_of_cases);
	for (size_t i = 0; i < n_cases; i++)
		tests[n++] = (struct CMUnitTest){cases[i].name, test_case, NULL, NULL, &cases[i]};
	failed = _cmocka_run_group_tests("text", tests, n, NULL, NULL);
	for (size_t i = 0; i < n_cases; i++)
		free_case(&cases[i]);
	return failed;
}
