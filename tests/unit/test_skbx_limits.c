/* SPDX-License-Identifier: BSD-2-Clause */
/* Writers of event files at their limits: what they accept can be read; weeks; memory that runs out. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <malloc.h>

#include "formats/skbx/skbx.h"
#include "formats/skbx/skbx_frame.h"
#include "tests/unit/skbx_memory.h"

#if COUNTS_MEMORY
/* ---- memory that runs out: the allocation after which all fail ---- */

void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);
static long allocations_left = -1; /* -1: no end */

static bool runs_out(void)
{
	return allocations_left >= 0 && (allocations_left == 0 || !--allocations_left);
}

void *malloc(size_t n)
{
	return runs_out() ? NULL : __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
	return runs_out() ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
	return runs_out() ? NULL : __libc_realloc(p, n);
}
#else
static long allocations_left;
#endif

/* ---- writers at their limits ---- */

/* What a writer accepted can be read: n events, whole. */
static void check_written(struct buf *file, uint64_t n)
{
	struct result r = read_file(file, false, NULL);

	assert_int_equal(r.error, 0);
	assert_int_equal(r.status.damaged, 0);
	assert_true(r.status.finished);
	assert_int_equal(r.events, n);
}

/* More shapes than a key can hold, in turn, in small blocks. */
static void test_many_shapes(void **state)
{
	enum { SHAPES = 100, BLOCKS = 3000 };
	struct buf file = {0};
	struct skbx_writer *w = writer(&file);
	struct ev_batch *b = ev_batch_new();
	struct skbox_error err;
	unsigned int shape = 0;

	for (unsigned int i = 0; i < BLOCKS; i++) {
		ev_batch_clear(b);
		for (int k = 0; k < 5; k++, shape++) {
			struct ev_common *c;
			struct ev_tcpinfo *t;

			ev_batch_begin(b);
			c = EV_ADD(b, common);
			EV_SET(c, common, timestamp, i * 1000 + (unsigned int)k);
			t = EV_ADD(b, tcpinfo);
			t->has = shape % SHAPES;
		}
		assert_int_equal(skbx_write(w, b, &err), 0);
	}
	assert_int_equal(skbx_writer_close(w, &err), 0);
	check_written(&file, BLOCKS * 5);
	skbx_writer_free(w);
	ev_batch_free(b);
	buf_free(&file);
}

/* An event with a string of its own of that many bytes. */
static void long_event(struct ev_batch *b, char *text, size_t len, unsigned int i)
{
	struct ev_kernel *k;

	snprintf(text, len, "%u", i);
	ev_batch_begin(b);
	EV_SET(EV_ADD(b, common), common, timestamp, i);
	k = EV_ADD(b, kernel);
	EV_SET(k, kernel, symbol, ev_string(b, text, len));
}

/* Strings that do not fit into one block, into one key. */
static void test_long_strings(void **state)
{
	static const struct {
		unsigned int events, batches;
		size_t bytes;
	} cases[] = {{8192, 1, 4096}, {200, 2, 200000}, {3, 40, 500000}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf file = {0};
		struct skbx_writer *w = writer(&file);
		struct ev_batch *b = ev_batch_new();
		struct skbox_error err;
		char *text = malloc(cases[i].bytes);
		unsigned int n = 0;

		memset(text, 'x', cases[i].bytes);
		for (unsigned int k = 0; k < cases[i].batches; k++) {
			ev_batch_clear(b);
			for (unsigned int e = 0; e < cases[i].events; e++)
				long_event(b, text, cases[i].bytes, n++);
			assert_int_equal(skbx_write(w, b, &err), 0);
		}
		assert_int_equal(skbx_writer_close(w, &err), 0);
		check_written(&file, n);
		skbx_writer_free(w);
		ev_batch_free(b);
		buf_free(&file);
		free(text);
	}
}

/* More bytes of their own than events: each has a packet and bytes behind the fields that we know. */
static void test_many_bytes(void **state)
{
	static const unsigned int events[] = {1, 3, 50, 8192};

	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		struct buf file = {0};
		struct skbx_writer *w = writer(&file);
		struct ev_batch *b = ev_batch_new();
		struct skbox_error err;

		for (unsigned int e = 0; e < events[i]; e++) {
			uint32_t packet[] = {e, e, e, e}, tail[] = {~e, e};
			struct ev_packet *p;
			struct ev_tcpinfo *t;

			ev_batch_begin(b);
			EV_SET(EV_ADD(b, common), common, timestamp, e);
			p = EV_ADD(b, packet);
			EV_SET(p, packet, data, ev_bytes(b, packet, sizeof(packet)));
			t = EV_ADD(b, tcpinfo);
			EV_SET(t, tcpinfo, tail, ev_bytes(b, tail, sizeof(tail)));
		}
		assert_int_equal(skbx_write(w, b, &err), 0);
		assert_int_equal(skbx_writer_close(w, &err), 0);
		check_written(&file, events[i]);
		skbx_writer_free(w);
		ev_batch_free(b);
		buf_free(&file);
	}
}

/* More strings than a block can have: stacks of frames that are all different. */
static void test_many_strings(void **state)
{
	enum { EVENTS = 8000, FRAMES = 20 };
	struct buf file = {0};
	struct skbx_writer *w = writer(&file);
	struct ev_batch *b = ev_batch_new();
	struct skbox_error err;

	for (unsigned int i = 0; i < EVENTS; i++) {
		struct ev_str frames[FRAMES];
		struct ev_kernel *k;

		ev_batch_begin(b);
		for (unsigned int f = 0; f < FRAMES; f++) {
			unsigned int number = i * FRAMES + f;

			frames[f] = ev_string(b, &number, sizeof(number));
		}
		k = EV_ADD(b, kernel);
		EV_SET(k, kernel, stack_trace, ev_list(b, frames, FRAMES));
	}
	assert_int_equal(skbx_write(w, b, &err), 0);
	assert_int_equal(skbx_writer_close(w, &err), 0);
	check_written(&file, EVENTS);
	skbx_writer_free(w);
	ev_batch_free(b);
	buf_free(&file);
}

/* An event that fits into no block is refused, and the file goes on without it. */
static void test_event_too_large(void **state)
{
	size_t len = BLOCK_RAW_MAX + 1;
	char *text = malloc(len);
	struct buf file = {0};
	struct skbx_writer *w = writer(&file);
	struct ev_batch *b = ev_batch_new();
	struct skbox_error err;

	memset(text, 'x', len);
	long_event(b, text, len, 0);
	assert_int_equal(skbx_write(w, b, &err), -E2BIG);
	ev_batch_clear(b);
	some_events(b, 5, 1);
	assert_int_equal(skbx_write(w, b, &err), 0);
	assert_int_equal(skbx_writer_close(w, &err), 0);
	check_written(&file, 5);
	skbx_writer_free(w);
	ev_batch_free(b);
	buf_free(&file);
	free(text);
}

/* More devices come and go than the inventory holds: how the recording ended is in it all the same. */
static void test_large_inventory(void **state)
{
	enum { DEVICES = 20000 };
	static const size_t name_bytes[] = {12, 4000};

	for (int i = 0; i < 2; i++) {
		struct buf file = {0};
		struct memory m = {&file, 0};
		struct skbx_writer *w = writer(&file);
		struct ev_batch *b = ev_batch_new();
		char name[4000] = {0};
		struct skbox_error err;
		struct skbx_input in = {read_memory, &m, 0};
		struct skbx_info info;

		for (unsigned int d = 0; d < DEVICES; d++) {
			struct ev_iface *iface;

			snprintf(name, sizeof(name), "veth%07u", d);
			ev_batch_begin(b);
			EV_SET(EV_ADD(b, common), common, timestamp, d);
			iface = EV_ADD(b, iface);
			EV_SET(iface, iface, name, ev_string(b, name, name_bytes[i]));
			if (b->n == 500) {
				assert_int_equal(skbx_write(w, b, &err), 0);
				ev_batch_clear(b);
			}
		}
		ev_batch_begin(b);
		EV_SET(EV_ADD(b, clock), clock, offset, 77);
		ev_batch_begin(b);
		EV_SET(EV_ADD(b, finish), finish, reason, ev_text(b, "signal"));
		assert_int_equal(skbx_write(w, b, &err), 0);
		assert_int_equal(skbx_writer_close(w, &err), 0);
		check_written(&file, DEVICES + 2);
		in.size = (int64_t)file.len;
		assert_int_equal(skbx_info(&in, &info, &err), 0);
		assert_true(info.finished);
		assert_int_equal(info.inventory->sec[EV_finish].n, 1);
		assert_int_equal(info.inventory->sec[EV_clock].n, 1);
		skbx_info_free(&info);
		skbx_writer_free(w);
		ev_batch_free(b);
		buf_free(&file);
	}
}

static size_t memory_used(void)
{
	struct mallinfo2 m = mallinfo2();

	return m.uordblks + m.hblkhd;
}

/* Weeks of a few blocks a second: memory must not grow with them, and the end must come soon. */
static void test_many_blocks(void **state)
{
	enum { WARM = 20000, BLOCKS = 200000 };
	struct skbx_writer *w = writer(NULL);
	struct ev_batch *b = ev_batch_new();
	struct skbox_error err;
	size_t before = 0;
	double start;

	for (unsigned int i = 0; i < BLOCKS; i++) {
		if (i == WARM)
			before = memory_used();
		ev_batch_clear(b);
		some_events(b, 1, 1000 + i * 250000000ULL);
		assert_int_equal(skbx_write(w, b, &err), 0);
	}
	if (COUNTS_MEMORY) {
		size_t grown = memory_used() - before;

		print_message("%.1f bytes of memory a block\n", (double)grown / (BLOCKS - WARM));
		assert_true(grown < (size_t)(BLOCKS - WARM) * 16);
	}
	start = seconds();
	assert_int_equal(skbx_writer_close(w, &err), 0);
	print_message("%.0f ms to close\n", (seconds() - start) * 1000);
	assert_true(seconds() - start < 0.5);
	skbx_writer_free(w);
	ev_batch_free(b);
}

/* ---- slow recordings ---- */

static uint64_t seed;

static uint32_t rnd(uint32_t below)
{
	seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (uint32_t)(seed >> 33) % below;
}

static void rnd_bytes(uint8_t *p, size_t n)
{
	while (n--)
		*p++ = (uint8_t)rnd(256);
}

/* A TCP segment of 80 random bytes, of one of many connections of four hosts, at five probes. */
static void one_packet(struct ev_batch *b, uint64_t time)
{
	static const char *const probes[] = {"net:netif_receive_skb", "ip_rcv", "ip_local_deliver",
					     "tcp_v4_rcv", "skb:consume_skb"};
	uint64_t head = UINT64_C(0xffff888000000000) + ((uint64_t)rnd(1 << 26) << 6);
	uint64_t skb = UINT64_C(0xffff888100000000) + ((uint64_t)rnd(1 << 22) << 8);
	uint8_t p[134] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0, 0, 120};

	rnd_bytes(p + 18, 2);
	p[22] = 64;
	p[23] = 6;
	rnd_bytes(p + 24, 2);
	memcpy(p + 26, (const uint8_t[]){10, 0, 0, (uint8_t)rnd(4), 10, 0, 0, 9}, 8);
	rnd_bytes(p + 34, 2);
	p[37] = 80;
	rnd_bytes(p + 38, 8);
	memcpy(p + 46, (const uint8_t[]){0x50, 0x18, 1, 0xf6}, 4);
	rnd_bytes(p + 50, 2);
	rnd_bytes(p + 54, 80);
	for (int k = 0; k < 5; k++) {
		struct ev_common *c;
		struct ev_kernel *kernel;
		struct ev_skb_tracking *t;
		struct ev_packet *packet;
		struct ev_skb_meta *meta;
		struct ev_netns *ns;
		struct ev_dev *dev;

		ev_batch_begin(b);
		c = EV_ADD(b, common);
		EV_SET(c, common, timestamp, time + (unsigned int)k * (800 + rnd(3000)));
		EV_SET(c, common, smp_id, rnd(4));
		EV_SET(c, common, pid, 0);
		EV_SET(c, common, tgid, 0);
		EV_SET(c, common, comm, ev_text(b, "swapper/0"));
		kernel = EV_ADD(b, kernel);
		EV_SET(kernel, kernel, symbol, ev_text(b, probes[k]));
		EV_SET(kernel, kernel, probe_type, ev_text(b, k % 4 ? "kprobe" : "raw_tracepoint"));
		t = EV_ADD(b, skb_tracking);
		EV_SET(t, skb_tracking, orig_head, head);
		EV_SET(t, skb_tracking, timestamp, time);
		EV_SET(t, skb_tracking, skb, skb);
		packet = EV_ADD(b, packet);
		EV_SET(packet, packet, len, sizeof(p));
		EV_SET(packet, packet, capture_len, sizeof(p));
		EV_SET(packet, packet, data, ev_bytes(b, p, sizeof(p)));
		meta = EV_ADD(b, skb_meta);
		EV_SET(meta, skb_meta, len, sizeof(p) - (k ? 14 : 0));
		EV_SET(meta, skb_meta, hash, k ? 0x12345678 : 0);
		ns = EV_ADD(b, netns);
		EV_SET(ns, netns, inum, 4026531840u);
		dev = EV_ADD(b, dev);
		EV_SET(dev, dev, name, ev_text(b, "eth0"));
		EV_SET(dev, dev, ifindex, 2);
	}
}

/* Ten events a second, five a block, and what the recorder adds to them: bytes an event. */
static double record_slowly(unsigned int seconds)
{
	struct buf file = {0};
	struct skbx_writer *w = writer(&file);
	struct ev_batch *b = ev_batch_new();
	struct skbox_error err;
	uint64_t time = UINT64_C(5000000000000);
	unsigned int n = 0;
	double each;

	seed = 1;
	ev_batch_begin(b);
	EV_SET(EV_ADD(b, startup), startup, tool, ev_text(b, "skbox"));
	for (unsigned int i = 0; i < 100; i++) {
		char name[32];

		snprintf(name, sizeof(name), "REASON_%u_NAME", i);
		ev_batch_begin(b);
		EV_SET(EV_ADD(b, dropname), dropname, name, ev_text(b, name));
	}
	for (unsigned int i = 0; i < seconds * 2; i++, n += 5) {
		one_packet(b, time);
		if (i % 20 == 0) {
			ev_batch_begin(b);
			EV_SET(EV_ADD(b, clock), clock, offset, 1700000000000000000 + rnd(100000));
		}
		assert_int_equal(skbx_write(w, b, &err), 0);
		ev_batch_clear(b);
		time += 400000000 + rnd(200000000);
	}
	assert_int_equal(skbx_writer_close(w, &err), 0);
	each = (double)file.len / n;
	print_message("%u s: %.1f bytes an event\n", seconds, each);
	check_written(&file, n + 101 + seconds / 10);
	skbx_writer_free(w);
	ev_batch_free(b);
	buf_free(&file);
	return each;
}

static void test_slow_recording(void **state)
{
	assert_true(record_slowly(3600) < 60);
}

/* The first key comes soon: a minute is mostly what comes before it. */
static void test_slow_minute(void **state)
{
	assert_true(record_slowly(60) < 86);
}

/* Wherever it runs out: an error, or all is in the file. Never a file that is wrong. */
static void test_no_memory_to_write(void **state)
{
	struct ev_batch *small, *large;
	struct buf file = {0};
	long failures = 0;

	if (!COUNTS_MEMORY) /* the sanitizers have malloc() of their own */
		return;
	small = ev_batch_new();
	large = ev_batch_new();
	some_events(small, 40, 1);
	some_events(large, 3000, 1000);
	assert_non_null(buf_room(&file, 4 << 20));
	for (long n = 1;; n++) {
		struct skbx_output out = {write_memory, &file};
		struct skbx_write_options options = {.id = {1}};
		struct skbx_writer *w;
		struct skbox_error err = {0};
		uint32_t wrote = 0;
		struct result r;
		int ret;

		buf_clear(&file);
		allocations_left = n;
		ret = skbx_writer_open(&w, &out, &options, &err);
		for (int i = 0; i < 4 && w; i++) {
			const struct ev_batch *b = i % 2 ? large : small;
			int one = skbx_write(w, b, &err);

			wrote += one ? 0 : b->n;
			ret = ret ? ret : one;
			if (i == 2)
				allocations_left = -1; /* there is memory again */
		}
		if (w) {
			int one = skbx_writer_close(w, &err);

			ret = ret ? ret : one;
		}
		allocations_left = -1;
		skbx_writer_free(w);
		failures += ret != 0;
		if (file.len) {
			r = read_file(&file, false, NULL);
			assert_int_equal(r.error, 0);
			assert_int_equal(r.status.damaged, 0);
			assert_true(r.events >= wrote);
			assert_true(ret || r.events == 2 * (small->n + large->n));
		}
		if (n > 400)
			break;
	}
	assert_true(failures > 50);
	ev_batch_free(small);
	ev_batch_free(large);
	buf_free(&file);
}

static void test_no_memory_to_read(void **state)
{
	struct buf file = {0};
	long n, failures = 0;

	if (!COUNTS_MEMORY) /* the sanitizers have malloc() of their own */
		return;
	small_file(&file, 600, true);
	for (n = 1; n < 200; n++) {
		struct memory m = {&file, 0};
		struct skbx_input in = {read_memory, &m, (int64_t)file.len};
		struct ev_batch *b = ev_batch_new();
		struct skbx_reader *r;
		struct skbx_info info;
		struct skbox_error err = {0};
		uint64_t events = 0;
		int ret;

		allocations_left = n;
		ret = skbx_reader_open(&r, &in, NULL, &err);
		while (!ret && (ret = skbx_read(r, b, &err)) == 1) {
			events += b->n;
			ret = 0;
		}
		allocations_left = -1;
		if (r)
			assert_int_equal(skbx_read_status(r)->damaged, 0);
		assert_true(ret == -ENOMEM || (!ret && events == 3000));
		failures += ret != 0;
		skbx_reader_free(r);
		ev_batch_free(b);
		for (int damaged = 0; damaged < 2; damaged++) {
			file.p[file.len - 1] ^= (uint8_t)damaged;
			allocations_left = n;
			ret = skbx_info(&in, &info, &err);
			allocations_left = -1;
			file.p[file.len - 1] ^= (uint8_t)damaged;
			assert_true(ret == -ENOMEM || (!ret && info.all.events == 3000));
			if (!ret)
				skbx_info_free(&info);
		}
	}
	assert_true(failures > 10);
	buf_free(&file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_many_shapes),        cmocka_unit_test(test_long_strings),
		cmocka_unit_test(test_many_strings),       cmocka_unit_test(test_many_bytes),
		cmocka_unit_test(test_event_too_large),    cmocka_unit_test(test_large_inventory),
		cmocka_unit_test(test_many_blocks),        cmocka_unit_test(test_slow_recording),
		cmocka_unit_test(test_slow_minute),
		cmocka_unit_test(test_no_memory_to_write), cmocka_unit_test(test_no_memory_to_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
