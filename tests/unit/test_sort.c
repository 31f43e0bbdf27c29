/* SPDX-License-Identifier: BSD-2-Clause */
/* Series: what real builds of Retis made of event files, and what its rules say about the rest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "analyze/sort/sort.h"
#include "formats/retis/retis_read.h"
#include "formats/retis/retis_write.h"
#include "formats/text/text.h"
#include "tests/unit/testdata.h"

struct sink {
	void (*take)(struct sink *s, const struct ev_batch *series);
	struct buf out;
	struct text text;
	struct retis_writer writer;
};

static void take_text(struct sink *s, const struct ev_batch *series)
{
	struct ev_walk walk = ev_walk(series);
	struct ev ev = {0};

	while (ev_next(&walk, &ev)) {
		text_event(&s->text, &ev, ev.index ? 4 : 0, &s->out);
		text_frame_line(&s->text, &s->out);
	}
	text_frame_series(&s->text, &s->out);
}

static void take_json(struct sink *s, const struct ev_batch *series)
{
	struct ev_walk walk = ev_walk(series);
	struct ev ev = {0};

	while (ev_next(&walk, &ev))
		retis_write_sorted(&s->writer, &ev, &s->out);
	retis_write_end(&s->writer, &s->out);
}

/* Every series begins as others can see it: no tracking, or the mark; and the mark is nowhere else. */
static void check_marks(const struct ev_batch *series)
{
	struct ev_walk walk = ev_walk(series);
	struct ev ev = {0};

	while (ev_next(&walk, &ev)) {
		assert_true(ev.index == 0 || ev.tracking);
		if (ev.tracking)
			assert_int_equal(ev.tracking->first, ev.index == 0);
		if (ev.startup)
			assert_true(ev.startup->sorted);
	}
}

/* The marks are ours: what Retis prints for a series does not know them. */
static void pop_all(struct sort *s, struct sink *sink, bool end)
{
	struct ev_batch *series = ev_batch_new();

	assert_non_null(series);
	while (sort_pop(s, series, end)) {
		check_marks(series);
		sink->take(sink, series);
		ev_batch_clear(series);
	}
	ev_batch_free(series);
}

/* Sorts the lines of a Retis file. The status at the end. */
static struct sort_status sort_lines(const char *p, size_t len, uint32_t max_buffer,
				     struct sink *sink)
{
	struct retis_reader *r = retis_reader_new();
	struct ev_batch *batch = ev_batch_new();
	struct sort *s = sort_new(max_buffer);
	const char *end = p + len, *line;
	struct sort_status status;
	struct skbox_error err;

	assert_true(r && batch && s);
	retis_reader_peek(r, p, len);
	while (testdata_line(&p, end, &line, &len)) {
		struct ev_walk walk = ev_walk(batch);
		struct ev ev = {0};

		ev_batch_clear(batch);
		if (retis_read_line(r, line, len, batch, &err))
			fail_msg("%s", err.text);
		sink->writer.shape = retis_read_state(r)->shape;
		while (ev_next(&walk, &ev)) {
			assert_int_equal(sort_push(s, &ev), 0);
			pop_all(s, sink, false);
			assert_true(!max_buffer || sort_status(s)->held < max_buffer);
		}
	}
	pop_all(s, sink, true);
	status = *sort_status(s);
	assert_int_equal(status.held, 0);
	sort_free(s);
	ev_batch_free(batch);
	retis_reader_free(r);
	return status;
}

static void assert_same(const char *folder, const char *name, const struct buf *is,
			const struct buf *want)
{
	size_t at = 0;

	while (at < is->len && at < want->len && is->p[at] == want->p[at])
		at++;
	if (at < is->len || at < want->len)
		fail_msg("%s/%s differs at byte %zu:\n%.200s\n--- expected:\n%.200s", folder, name,
			 at, at < is->len ? (const char *)is->p + at : "",
			 at < want->len ? (const char *)want->p + at : "");
}

static void test_conformance(void **state)
{
	static const struct {
		const char *name;
		uint32_t max_buffer;
		bool json;
		struct text_options o;
	} outputs[] = {
		{"sort.txt", SORT_BUFFER, false, {.single_line = false}},
		{"sort-50.txt", 50, false, {.single_line = false}},
		{"sort-single-e.txt",
		 SORT_BUFFER,
		 false,
		 {.single_line = true, .link_layer = true}},
		{"sorted.json", SORT_BUFFER, true, {.single_line = false}},
	};
	unsigned int compared = 0;

	for (unsigned int f = 0; f < TESTDATA_FOLDERS; f++)
		for (size_t i = 0; i < sizeof(outputs) / sizeof(outputs[0]); i++) {
			struct sink sink = {.take = outputs[i].json ? take_json : take_text};
			struct text_options o = outputs[i].o;
			struct buf events = {0}, want = {0};

			if (!testdata_load(testdata_folders[f], outputs[i].name, &want))
				continue;
			assert_true(testdata_load(testdata_folders[f], "events.json", &events));
			o.current = testdata_folders[f][1] != 'l';
			text_init(&sink.text, &o);
			sort_lines((char *)events.p, events.len, outputs[i].max_buffer, &sink);
			assert_same(testdata_folders[f], outputs[i].name, &sink.out, &want);
			text_fini(&sink.text);
			buf_free(&sink.out);
			buf_free(&events);
			buf_free(&want);
			compared++;
		}
	assert_int_equal(compared, 26);
}

/* ---- the rules, on events made by hand: what comes out is written as time:idx, series in brackets ---- */

static void take_marks(struct sink *s, const struct ev_batch *series)
{
	struct ev_walk walk = ev_walk(series);
	struct ev ev = {0};

	buf_str(&s->out, "[");
	while (ev_next(&walk, &ev)) {
		buf_printf(&s->out, ev.index ? " %u" : "%u", (unsigned int)ev.common->timestamp);
		if (ev.tracking)
			buf_printf(&s->out, ":%u", ev.tracking->idx);
		if (ev.ovs && EV_HAS(ev.ovs, ovs, dpflow) && ev.ovs->dpflow.len)
			buf_printf(&s->out, "=%.*s,%u", (int)ev.ovs->dpflow.len, ev.ovs->dpflow.p,
				   ev.ovs->ofpflows.n);
	}
	buf_str(&s->out, "]");
}

static struct sort_status assert_series(const char *lines, uint32_t max_buffer, const char *want)
{
	struct sink sink = {.take = take_marks};
	struct sort_status status = sort_lines(lines, strlen(lines), max_buffer, &sink);

	buf_u8(&sink.out, 0);
	assert_string_equal((char *)sink.out.p, want);
	buf_free(&sink.out);
	return status;
}

#define EVENT(time, rest) "{\"common\":{\"timestamp\":" #time "}" rest "}\n"
#define PACKET(time, head)                                                                         \
	",\"skb-tracking\":{\"orig_head\":" #head ",\"timestamp\":" #time ",\"skb\":7}"
#define OVS(fields) ",\"ovs\":{\"event_type\":" fields "}"

static void test_order(void **state)
{
	static const char lines[] = EVENT(1, "") EVENT(10, PACKET(10, 1)) EVENT(11, PACKET(11, 2))
		EVENT(12, PACKET(10, 1)) EVENT(10, "") EVENT(13, PACKET(10, 0))
			EVENT(9, PACKET(11, 2));

	/* smallest id first, the event without one before a series that begins at the same time */
	assert_series(lines, 0, "[1][10][13:0][10:0 12:1][11:0 9:1]");
	assert_series(lines, 1, "[1][10:0][11:0][12:1][10][13:0][9:1]");
	assert_series(lines, 3, "[1][10:0 12:1][10][13:0][11:0 9:1]");
	assert_series(lines, 1000, "[1][10][13:0][10:0 12:1][11:0 9:1]");
}

/* The first startup event begins the output whatever its time; a later one has its place in time. */
static void test_startup(void **state)
{
#define START                                                                                      \
	",\"startup\":{\"retis_version\":\"v1.7.0\",\"clock_monotonic_offset\":{\"sec\":0,"        \
	"\"nsec\":0}}"
	assert_series(EVENT(9, START) EVENT(3, PACKET(3, 1)) EVENT(8, START) EVENT(4, PACKET(3, 1)),
		      0, "[9][3:0 4:1][8]");
}

static void test_upcall(void **state)
{
	static const char lines[] = EVENT(20, PACKET(20, 1)) EVENT(
		21, PACKET(20, 1) OVS("\"upcall\",\"cmd\":1,\"port\":1,\"cpu\":3"))
		EVENT(22,
		      PACKET(22, 9) OVS(
			      "\"upcall_enqueue\",\"ret\":0,\"cmd\":1,\"port\":1,\"upcall_ts\":21,"
			      "\"upcall_cpu\":3,\"queue_id\":77"))
			EVENT(23, PACKET(20, 1) OVS("\"upcall_return\",\"upcall_ts\":21,\"upcall_"
						    "cpu\":3,\"ret\":0"))
				EVENT(24, OVS("\"recv_upcall\",\"type\":1,\"pkt_size\":1,\"key_"
					      "size\":1,"
					      "\"queue_id\":77,"
					      "\"batch_ts\":1,\"batch_idx\":0"))
					EVENT(25,
					      OVS("\"flow_operation\",\"op_type\":\"exec\",\"queue_"
						  "id\":77,\"batch_ts\":1,"
						  "\"batch_idx\":0"))
						EVENT(26,
						      PACKET(26, 5) OVS(
							      "\"action_execute\",\"action\":"
							      "\"output\",\"port\":2,"
							      "\"recirc_id\":0,\"queue_id\":77"))
							EVENT(27, PACKET(26, 5))
								EVENT(28, PACKET(26, 6));
	struct sort_status status;

	status = assert_series(lines, 0, "[20:0 21:1 22:2 23:3 24:4 25:5 26:6 27:7][28:0]");
	assert_int_equal(status.unmatched, 0);
	/* the upcall is over: what says that it belongs to it does not */
	status = assert_series(
		EVENT(21, PACKET(20, 1) OVS("\"upcall\",\"cmd\":1,\"port\":1,\"cpu\":3")) EVENT(
			23,
			PACKET(20, 1) OVS(
				"\"upcall_return\",\"upcall_ts\":21,\"upcall_cpu\":3,\"ret\":0"))
			EVENT(24, OVS("\"upcall_enqueue\",\"ret\":0,\"cmd\":1,\"port\":1,"
				      "\"upcall_ts\":21,\"upcall_cpu\":3,\"queue_id\":77"))
				EVENT(25,
				      OVS("\"flow_operation\",\"op_type\":\"exec\",\"queue_id\":77,"
					  "\"batch_ts\":1,\"batch_idx\":0")),
		0, "[21:0 23:1][24][25]");
	assert_int_equal(status.unmatched, 2);
}

static void test_trace(void **state)
{
#define LOOKUP(flow)                                                                               \
	OVS("\"flow_lookup\",\"flow\":" #flow                                                      \
	    ",\"sf_acts\":5,\"ufid\":[1,2,3,4],\"n_mask_hit\":0,"                                  \
	    "\"n_cache_hit\":0,\"dpflow\":\"\",\"ofpflows\":[]")
#define TRACE(flow, text)                                                                          \
	",\"ovs-detrace\":{\"ufid\":[1,2,3,4],\"flow\":" #flow ",\"sf_acts\":5,\"dpflow\":\"" text \
	"\",\"ofpflows\":[\"a\",\"b\"]}"

	/* traces come later than what they are about, and the last one of a flow is right */
	assert_series(EVENT(1, PACKET(1, 1) LOOKUP(9)) EVENT(2, PACKET(1, 1) LOOKUP(8))
			      EVENT(3, LOOKUP(9)) EVENT(4, TRACE(9, "x")) EVENT(5, TRACE(9, "y")),
		      0, "[1:0=y,2 2:1][3][4][5]");
}

/* Many packets over a small buffer: every event comes out once, each series' numbers without gaps. */
static void take_count(struct sink *s, const struct ev_batch *series)
{
	struct ev_walk walk = ev_walk(series);
	struct ev ev = {0};
	uint32_t next;

	while (ev_next(&walk, &ev)) {
		size_t at = ev.tracking->orig_head * sizeof(next);

		memcpy(&next, s->out.p + at, sizeof(next));
		assert_int_equal(ev.tracking->idx, next);
		next++;
		memcpy(s->out.p + at, &next, sizeof(next));
	}
}

static void test_many(void **state)
{
	enum { PACKETS = 3000, EVENTS = 30000 };
	struct sink sink = {.take = take_count};
	struct ev_batch *batch = ev_batch_new();
	struct sort *s = sort_new(100);
	uint32_t seed = 1, total = 0;

	assert_true(batch && s);
	for (int i = 0; i < PACKETS; i++)
		buf_le(&sink.out, 0, 4);
	for (uint32_t i = 0; i < EVENTS; i++) {
		struct ev_skb_tracking *t;
		struct ev_walk walk;
		struct ev ev = {0};

		ev_batch_clear(batch);
		ev_batch_begin(batch);
		EV_SET(EV_ADD(batch, common), common, timestamp, i);
		t = EV_ADD(batch, skb_tracking);
		seed = seed * 1103515245 + 12345;
		EV_SET(t, skb_tracking, orig_head, (seed >> 8) % PACKETS);
		EV_SET(t, skb_tracking, timestamp, t->orig_head * 7919 % PACKETS);
		EV_SET(t, skb_tracking, skb, i);
		walk = ev_walk(batch);
		assert_true(ev_next(&walk, &ev));
		assert_int_equal(sort_push(s, &ev), 0);
		pop_all(s, &sink, false);
	}
	pop_all(s, &sink, true);
	for (int i = 0; i < PACKETS; i++) {
		uint32_t n;

		memcpy(&n, sink.out.p + 4 * i, 4);
		total += n;
	}
	assert_int_equal(total, EVENTS);
	assert_int_equal(sort_status(s)->events, EVENTS);
	sort_free(s);
	ev_batch_free(batch);
	buf_free(&sink.out);
}

/* A sort that is given up frees what it holds (the leak checker sees). */
static void test_given_up(void **state)
{
	struct ev_batch *batch = ev_batch_new();
	struct retis_reader *r = retis_reader_new();
	struct sort *s = sort_new(0);
	static const char *const lines[] = {EVENT(1, PACKET(1, 1) LOOKUP(9)),
					    EVENT(2, TRACE(9, "x"))};

	for (int i = 0; i < 2; i++) {
		struct ev_walk walk = ev_walk(batch);
		struct ev ev = {0};

		ev_batch_clear(batch);
		assert_int_equal(retis_read_line(r, lines[i], strlen(lines[i]), batch, NULL), 0);
		assert_true(ev_next(&walk, &ev));
		assert_int_equal(sort_push(s, &ev), 0);
	}
	sort_free(s);
	sort_free(NULL);
	retis_reader_free(r);
	ev_batch_free(batch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_conformance), cmocka_unit_test(test_order),
		cmocka_unit_test(test_startup),     cmocka_unit_test(test_upcall),
		cmocka_unit_test(test_trace),       cmocka_unit_test(test_many),
		cmocka_unit_test(test_given_up),
	};

	return cmocka_run_group_tests_name("sort", tests, NULL, NULL);
}
