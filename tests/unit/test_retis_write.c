/* SPDX-License-Identifier: BSD-2-Clause */
/* Event files of Retis, written: there and back, all shapes, the checker of them; and our own JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "formats/json.h"
#include "formats/json_event.h"
#include "formats/retis/retis_check.h"
#include "formats/retis/retis_frame.h"
#include "formats/retis/retis_read.h"
#include "formats/retis/retis_write.h"
#include "formats/schema.h"
#include "tests/unit/testdata.h"

/* ---- JSON values as text in one order, for comparing ---- */

static void normalize(struct json *j, struct buf *out);

static int compare_members(const void *a, const void *b)
{
	const struct buf *x = a, *y = b;
	int order = memcmp(x->p, y->p, x->len < y->len ? x->len : y->len);

	return order ? order : (x->len > y->len) - (x->len < y->len);
}

static void normalize_object(struct json *j, struct buf *out)
{
	bool first = json_open(j, '{');
	struct buf members[64] = {0};
	struct json_str key;
	size_t n = 0;

	for (; json_next(j, '}', &first); n++) {
		assert_true(n < 64 && json_key(j, &key));
		json_put_string(&members[n], key.p, key.len);
		normalize(j, &members[n]);
	}
	qsort(members, n, sizeof(members[0]), compare_members);
	buf_u8(out, '{');
	for (size_t i = 0; i < n; i++) {
		buf_put(out, members[i].p, members[i].len);
		buf_u8(out, ',');
		buf_free(&members[i]);
	}
	buf_u8(out, '}');
}

static void normalize(struct json *j, struct buf *out)
{
	struct json_str s;
	const char *from;
	bool first;

	switch (json_peek(j)) {
	case JSON_OBJECT: normalize_object(j, out); break;
	case JSON_ARRAY:
		buf_u8(out, '[');
		for (first = json_open(j, '['); json_next(j, ']', &first);) {
			normalize(j, out);
			buf_u8(out, ',');
		}
		buf_u8(out, ']');
		break;
	case JSON_STRING:
		assert_true(json_string(j, &s));
		json_put_string(out, s.p, s.len);
		break;
	default: /* numbers of these files have one form */
		from = j->p;
		assert_true(json_skip(j));
		buf_put(out, from, (size_t)(j->p - from));
		break;
	}
}

static void assert_equal_json(const char *a, size_t a_len, const char *b, size_t b_len)
{
	struct buf x = {0}, y = {0};
	struct json j = {0};

	json_init(&j, a, a_len);
	normalize(&j, &x);
	assert_true(json_end(&j));
	json_init(&j, b, b_len);
	normalize(&j, &y);
	assert_true(json_end(&j));
	if (x.len != y.len || memcmp(x.p, y.p, x.len))
		fail_msg("not equal:\n%.*s\n%.*s", (int)a_len, a, (int)b_len, b);
	json_free(&j);
	buf_free(&x);
	buf_free(&y);
}

/* ---- there and back ---- */

/* Reads a file and writes it in a shape (NONE: its own). */
static struct retis_writer convert(const struct buf *in, enum retis_shape shape, struct buf *out)
{
	const char *p = (const char *)in->p, *end = p + in->len, *line;
	struct retis_reader *r = retis_reader_new();
	struct ev_batch *batch = ev_batch_new();
	struct retis_writer w = {.shape = shape};
	struct skbox_error err;
	size_t len;

	assert_true(r && batch);
	retis_reader_peek(r, p, in->len);
	while (testdata_line(&p, end, &line, &len)) {
		struct ev_walk walk = ev_walk(batch);
		struct ev ev = {0};

		ev_batch_clear(batch);
		if (retis_read_line(r, line, len, batch, &err))
			fail_msg("%s", err.text);
		while (ev_next(&walk, &ev)) {
			if (!w.started && shape == RETIS_SHAPE_NONE)
				w.shape = retis_shape_of(ev.startup);
			if (retis_read_state(r)->sorted)
				assert_true(retis_write_sorted(&w, &ev, out));
			else
				assert_true(retis_write_event(&w, &ev, out));
		}
	}
	retis_write_end(&w, out);
	assert_int_equal(retis_read_state(r)->unknown_keys, 0);
	assert_int_equal(retis_read_state(r)->events, w.events);
	retis_reader_free(r);
	ev_batch_free(batch);
	return w;
}

static void check_file(const struct buf *file, enum retis_shape shape)
{
	const char *p = (const char *)file->p, *end = p + file->len, *line;
	struct retis_checker checker = {.shape = shape};
	struct skbox_error err;
	size_t len;

	while (testdata_line(&p, end, &line, &len))
		if (retis_check_line(&checker, line, len, &err))
			fail_msg("%s in %.*s", err.text, (int)len, line);
	assert_true(checker.lines > 0);
}

static void test_round_trip(void **state)
{
	static const char *const names[] = {"events.json", "sorted.json"};
	unsigned int files = 0, same_bytes = 0;

	for (unsigned int f = 0; f < 2 * TESTDATA_FOLDERS; f++) {
		struct buf in = {0}, out = {0};
		const char *p, *q, *a, *b;
		size_t a_len, b_len;
		struct retis_writer w;

		if (!testdata_load(testdata_folders[f / 2], names[f % 2], &in))
			continue;
		w = convert(&in, RETIS_SHAPE_NONE, &out);
		assert_int_equal(w.rows + w.sections, 0);
		check_file(&out, w.shape);
		p = (const char *)in.p;
		q = (const char *)out.p;
		while (testdata_line(&p, (char *)in.p + in.len, &a, &a_len)) {
			assert_true(testdata_line(&q, (char *)out.p + out.len, &b, &b_len));
			assert_equal_json(a, a_len, b, b_len);
		}
		assert_ptr_equal(q, out.p + out.len);
		files++;
		same_bytes += in.len == out.len && !memcmp(in.p, out.p, in.len);
		buf_free(&in);
		buf_free(&out);
	}
	assert_int_equal(files, 17);
	/* those that Retis wrote itself: six sorted ones and the real recording */
	assert_int_equal(same_bytes, 7);
}

/* Every file in every shape is one that the checker takes, and reads back as that shape. */
static void test_shapes(void **state)
{
	for (unsigned int f = 0; f < TESTDATA_FOLDERS; f++)
		for (int shape = RETIS_SHAPE_CLASSIC; shape <= RETIS_SHAPE_1_7; shape++) {
			struct buf in = {0}, out = {0}, again = {0};
			struct retis_writer w;

			assert_true(testdata_load(testdata_folders[f], "events.json", &in));
			w = convert(&in, (enum retis_shape)shape, &out);
			check_file(&out, (enum retis_shape)shape);
			/* nothing is lost but VLAN tags without a TPID */
			if (testdata_folders[f][1] != 'l' || shape == RETIS_SHAPE_CLASSIC)
				assert_int_equal(w.sections, 0);
			w = convert(&out, RETIS_SHAPE_NONE, &again);
			assert_int_equal(w.shape, shape);
			assert_int_equal(out.len, again.len);
			assert_memory_equal(out.p, again.p, out.len);
			buf_free(&in);
			buf_free(&out);
			buf_free(&again);
		}
}

static struct ev_batch *batch;
static struct skbox_error error;

static int setup(void **state)
{
	batch = ev_batch_new();
	return !batch;
}

static int teardown(void **state)
{
	ev_batch_free(batch);
	return 0;
}

static struct ev first_event(void)
{
	struct ev_walk walk = ev_walk(batch);
	struct ev ev = {0};

	assert_true(ev_next(&walk, &ev));
	return ev;
}

/* ---- the checker ---- */

#define COMMON "\"common\":{\"timestamp\":1}"

/* The checker must see each of these, or it proves nothing about what we write. */
static void test_checker(void **state)
{
#define START(version)                                                                             \
	COMMON ",\"startup\":{\"retis_version\":\"" version                                        \
	       "\",\"cmdline\":\"\",\"clock_monotonic_offset\":{\"sec\":1,\"nsec\":2},"            \
	       "\"machine\":{\"kernel_release\":\"\",\"kernel_version\":\"\",\"hardware_name\":"   \
	       "\"\"}}"
	static const char good[] = "{" START("v1.7.0") "}";
	static const char *const bad_first[] = {
		"{" COMMON "}",
		"{" START("v1.6.0") "}",
		"{" START("0.1.0") "}",
		"[{" COMMON "}]",
		"{" COMMON ",\"startup\":{\"retis_version\":\"v1.7.0\",\"clock_monotonic_offset\":{"
		"\"sec\":1,\"nsec\":2}}}",
	};
	static const char *const bad_then[] = {
		"[{" COMMON "}]",
		"{" COMMON ",\"x\":1}",
		"{ " COMMON "}",
		"{" COMMON ",\"skb\":null}",
		"{" COMMON "}\n",
		"{\"skb\":{}," COMMON "}",
		"{" COMMON "," COMMON "}",
		"{\"common\":{\"timestamp\":1,\"smp_id\":-1}}",
		"{\"common\":{\"smp_id\":1,\"timestamp\":1}}",
		"{\"common\":{\"timestamp\":1.5}}",
		"{\"skb\":{}}",
		"{" COMMON ",\"kernel\":{\"symbol\":\"x\",\"probe_type\":\"fentry\"}}",
		"{" COMMON ",\"packet\":{\"len\":4,\"capture_len\":4,\"data\":\"AAEC\"}}",
		"{" COMMON ",\"packet\":{\"len\":2,\"capture_len\":3,\"data\":\"AAEC\"}}",
		"{" COMMON ",\"packet\":{\"len\":4,\"capture_len\":3,\"raw\":\"AAEC\"}}",
		"{" COMMON ",\"skb\":{\"dev\":{\"name\":\"\",\"ifindex\":1}}}",
		"{" COMMON ",\"skb\":{\"vlan_accel\":{\"pcp\":1,\"dei\":true,\"vid\":1}}}",
		"{" COMMON
		",\"tracking\":{\"skb\":{\"orig_head\":1,\"timestamp\":2,\"skb\":3},\"idx\":0}}",
		"{" COMMON ",\"ovs\":{\"event_type\":\"upcall\",\"cmd\":1,\"port\":2}}",
		"{" COMMON
		",\"ovs\":{\"event_type\":\"upcall\",\"cmd\":1,\"port\":2,\"cpu\":3,\"ret\":0}}",
		"{" COMMON ",\"ovs\":{\"event_type\":\"action_execute\",\"action\":\"output\","
		"\"recirc_id\":0}}",
		"{" COMMON ",\"ovs\":{\"event_type\":\"other\"}}",
	};
	static const char *const good_then[] = {
		"{" COMMON "}",
		"{" COMMON ",\"skb\":{}}",
		"{" COMMON ",\"packet\":{\"len\":4,\"capture_len\":3,\"data\":\"AAEC\"}}",
		"{" COMMON ",\"ovs\":{\"event_type\":\"action_execute\",\"recirc_id\":0}}",
		"{" COMMON ",\"ovs\":{\"event_type\":\"action_execute\",\"action\":\"set\","
		"\"recirc_id\":0,\"queue_id\":1}}",
	};

	for (size_t i = 0; i < sizeof(bad_first) / sizeof(bad_first[0]); i++) {
		struct retis_checker c = {.shape = RETIS_SHAPE_1_7};

		if (!retis_check_line(&c, bad_first[i], strlen(bad_first[i]), &error))
			fail_msg("taken: %s", bad_first[i]);
	}
	for (size_t i = 0; i < sizeof(bad_then) / sizeof(bad_then[0]); i++) {
		struct retis_checker c = {.shape = RETIS_SHAPE_1_7};

		assert_int_equal(retis_check_line(&c, good, strlen(good), &error), 0);
		if (!retis_check_line(&c, bad_then[i], strlen(bad_then[i]), &error))
			fail_msg("taken: %s", bad_then[i]);
		assert_int_equal(c.events, 1);
		for (size_t k = 0; k < sizeof(good_then) / sizeof(good_then[0]); k++)
			if (retis_check_line(&c, good_then[k], strlen(good_then[k]), &error))
				fail_msg("%s: %s", error.text, good_then[k]);
	}
}

/* ---- our own recordings ---- */

static void add_packet(uint16_t protocol, const char *data, uint32_t n)
{
	struct ev_packet *p;
	struct ev_kernel *k;

	ev_batch_begin(batch);
	EV_SET(EV_ADD(batch, common), common, timestamp, 5);
	k = EV_ADD(batch, kernel);
	EV_SET(k, kernel, symbol, ev_text(batch, "net:netif_receive_skb"));
	EV_SET(k, kernel, probe_type, ev_text(batch, "raw_tracepoint"));
	p = EV_ADD(batch, packet);
	EV_SET(p, packet, len, 100);
	EV_SET(p, packet, capture_len, n);
	EV_SET(p, packet, data, ev_bytes(batch, data, n));
	if (protocol)
		EV_SET(p, packet, protocol, protocol);
}

static void test_own_recording(void **state)
{
	static const char want[] = "{\"common\":{\"timestamp\":4},\"startup\":{\"retis_version\":"
				   "\"v1.6.0\",\"clock_monotonic_offset\":"
				   "{\"sec\":-1,\"nsec\":7}}}\n"
				   "{\"common\":{\"timestamp\":5},\"kernel\":{\"symbol\":\"net:"
				   "netif_receive_skb\",\"probe_type\":"
				   "\"raw_tracepoint\"},\"packet\":{\"len\":100,\"capture_len\":16,"
				   "\"data\":\"AAAAAAAAAAAAAAAACABFAA==\"}}\n"
				   "{\"common\":{\"timestamp\":5},\"kernel\":{\"symbol\":\"net:"
				   "netif_receive_skb\",\"probe_type\":"
				   "\"raw_tracepoint\"},\"packet\":{\"len\":100,\"capture_len\":14,"
				   "\"data\":\"AAAAAAAAAAAAAAAAht0=\"}}\n";
	struct retis_writer w = {.shape = RETIS_SHAPE_1_6};
	struct ev_startup *s;
	struct buf out = {0};
	struct ev_walk walk;
	struct ev ev = {0};

	ev_batch_clear(batch);
	ev_batch_begin(batch);
	EV_SET(EV_ADD(batch, common), common, timestamp, 4);
	s = EV_ADD(batch, startup);
	EV_SET(s, startup, retis_version, ev_text(batch, "0.1.0"));
	EV_SET(s, startup, tool, ev_text(batch, "skbox"));
	EV_SET(s, startup, clock_sec, -1);
	EV_SET(s, startup, clock_nsec, 7);
	add_packet(0x0800, "\x45\0", 2);
	EV_SET(EV_ADD(batch, sock), sock, cookie, 1); /* Retis knows no sockets */
	add_packet(0x86dd, "", 0);
	ev_batch_begin(batch); /* a row of a socket, with a namespace as packets have */
	EV_SET(EV_ADD(batch, common), common, timestamp, 6);
	EV_SET(EV_ADD(batch, netns), netns, inum, 6);
	EV_SET(EV_ADD(batch, diag), diag, state, 1);
	ev_batch_begin(batch);
	EV_SET(EV_ADD(batch, common), common, timestamp, 6);
	EV_SET(EV_ADD(batch, loss), loss, lost, 1);
	walk = ev_walk(batch);
	while (ev_next(&walk, &ev))
		assert_int_equal(retis_write_event(&w, &ev, &out), ev.index < 3);
	buf_u8(&out, 0);
	assert_string_equal((char *)out.p, want);
	out.len--;
	check_file(&out, RETIS_SHAPE_1_6);
	assert_int_equal(w.events, 3);
	assert_int_equal(w.rows, 2);
	assert_int_equal(w.sections, 1);
	buf_free(&out);
}

/* Packets of packet files: the link layer that Retis cannot have becomes one that it can. */
static void test_frames(void **state)
{
	static const struct {
		uint16_t linktype;
		const char *data, *want; /* hexadecimal; NULL: left out */
	} cases[] = {
		{1, "0102030405060708090a0b0c080045", "0102030405060708090a0b0c080045"},
		{101, "45", "000000000000000000000000080045"},
		{228, "45", "000000000000000000000000080045"},
		{229, "6000", "00000000000000000000000086dd6000"},
		{101, "15", NULL},
		{101, "", NULL},
		{113,
		 "00010001000600000000000000000806"
		 "77",
		 "000000000000000000000000080677"},
		{113, "00010001000600000000000000000806", "0000000000000000000000000806"},
		{113, "000100010006000000000000000008", NULL},
		{276,
		 "0800000000000000000000000000000000000000"
		 "45",
		 "000000000000000000000000080045"},
		{276, "08000000000000000000000000000000000000", NULL},
		{0,
		 "02000000"
		 "45",
		 "000000000000000000000000080045"},
		{108,
		 "0000001e"
		 "60",
		 "00000000000000000000000086dd60"},
		{0,
		 "63000000"
		 "45",
		 NULL},
		{105, "45", NULL},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint32_t n = (uint32_t)strlen(cases[i].data) / 2;
		struct ev_packet p = {0};
		struct retis_frame f;
		struct buf hex = {0};
		char bytes[32];

		for (uint32_t k = 0; k < n; k++) {
			char two[3] = {cases[i].data[2 * k], cases[i].data[2 * k + 1], 0};

			bytes[k] = (char)strtoul(two, NULL, 16);
		}
		EV_SET(&p, packet, len, n + 10);
		EV_SET(&p, packet, capture_len, n);
		p.data = (struct ev_bytes){(uint8_t *)bytes, n, 0};
		EV_SET(&p, packet, linktype, cases[i].linktype);
		if (retis_frame_of(&p, &f) != (cases[i].want != NULL))
			fail_msg("case %zu", i);
		if (!cases[i].want)
			continue;
		for (unsigned int k = 0; f.invented && k < sizeof(f.head); k++)
			buf_printf(&hex, "%02x", f.head[k]);
		for (uint32_t k = 0; k < f.rest_len; k++)
			buf_printf(&hex, "%02x", f.rest[k]);
		buf_u8(&hex, 0);
		assert_string_equal((char *)hex.p, cases[i].want);
		assert_int_equal(f.capture_len, strlen(cases[i].want) / 2);
		assert_int_equal(f.len, f.capture_len + 10);
		buf_free(&hex);
	}
}

/* Without a startup event Retis refuses a file: one is made. */
static void test_no_startup(void **state)
{
	for (int shape = RETIS_SHAPE_CLASSIC; shape <= RETIS_SHAPE_1_7; shape++)
		for (int sorted = 0; sorted < 2; sorted++) {
			struct retis_writer w = {.shape = (enum retis_shape)shape};
			struct buf out = {0};
			struct ev ev;

			ev_batch_clear(batch);
			add_packet(0, "\x45\0", 2);
			ev = first_event();
			if (sorted)
				assert_true(retis_write_sorted(&w, &ev, &out));
			else
				assert_true(retis_write_event(&w, &ev, &out));
			retis_write_end(&w, &out);
			check_file(&out, (enum retis_shape)shape);
			assert_int_equal(w.events, 2);
			buf_free(&out);
		}
}

/* That startup event has the offset of the clock rows that went by: dates stay right. */
static void test_clock_of_no_startup(void **state)
{
	static const struct {
		int64_t offset;
		const char *text;
	} cases[] = {
		{1742309146691042000, "{\"sec\":1742309146,\"nsec\":691042000}"},
		{-1, "{\"sec\":-1,\"nsec\":999999999}"},
		{-2000000000, "{\"sec\":-2,\"nsec\":0}"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct retis_writer w = {.shape = RETIS_SHAPE_1_7};
		struct buf out = {0};
		struct ev ev;

		ev_batch_clear(batch);
		ev_batch_begin(batch);
		EV_SET(EV_ADD(batch, common), common, timestamp, 5);
		EV_SET(EV_ADD(batch, clock), clock, offset, cases[i].offset);
		ev = first_event();
		assert_false(retis_write_event(&w, &ev, &out));
		ev_batch_clear(batch);
		add_packet(0, "\x45\0", 2);
		ev = first_event();
		assert_true(retis_write_event(&w, &ev, &out));
		check_file(&out, RETIS_SHAPE_1_7);
		buf_u8(&out, 0);
		assert_non_null(strstr((char *)out.p, cases[i].text));
		buf_free(&out);
	}
}

/* ---- JSON in our own words ---- */

static void fill_field(const struct schema_field *f, uint8_t *row)
{
	void *at = row + f->offset;
	struct ev_str s = ev_string(batch, "\1\2\3\xff", 4);

	*(uint64_t *)(void *)row |= UINT64_C(1) << f->bit;
	switch (f->type) {
	case SCHEMA_STR: *(struct ev_str *)at = s; break;
	case SCHEMA_BYTES: *(struct ev_bytes *)at = ev_bytes(batch, s.p, s.len); break;
	case SCHEMA_LIST: *(struct ev_list *)at = ev_list(batch, &s, 1); break;
	default: schema_set(f, row, UINT64_MAX); break;
	}
}

/* Every field of the schema, filled, gives JSON, under its name. */
static void test_all_fields(void **state)
{
	struct buf out = {0}, key = {0};
	struct json j = {0};
	struct ev ev;

	ev_batch_clear(batch);
	ev_batch_begin(batch);
	for (int s = 0; s < EV_SECTIONS; s++) {
		uint8_t *row = ev_batch_add(batch, (enum ev_section)s);

		for (unsigned int i = 0; i < schema_sections[s].n_fields; i++)
			fill_field(&schema_sections[s].fields[i], row);
	}
	ev = first_event();
	json_event_put(&ev, &out);
	json_init(&j, (char *)out.p, out.len);
	if (!json_skip(&j) || !json_end(&j))
		fail_msg("%s in %.*s", j.why, (int)out.len, (char *)out.p);
	for (int s = 0; s < EV_SECTIONS; s++)
		for (unsigned int i = 0; i < schema_sections[s].n_fields; i++) {
			buf_clear(&key);
			json_put_key(&key, schema_sections[s].fields[i].name);
			if (!memmem(out.p, out.len, key.p, key.len))
				fail_msg("no %s", schema_sections[s].fields[i].name);
		}
	json_free(&j);
	buf_free(&key);
	buf_free(&out);
}

static void test_own_json(void **state)
{
	struct ev_diag *d;
	struct ev_iface *f;
	struct buf out = {0};
	struct ev ev;

	ev_batch_clear(batch);
	ev_batch_begin(batch);
	EV_SET(EV_ADD(batch, common), common, timestamp, UINT64_MAX);
	EV_SET(EV_ADD(batch, clock), clock, offset, -5);
	EV_ADD(batch, skb);
	d = EV_ADD(batch, diag);
	EV_SET(d, diag, src, ev_string(batch, "\177\0\0\1", 4));
	EV_SET(d, diag, dst, ev_string(batch, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16));
	f = EV_ADD(batch, iface);
	EV_SET(f, iface, mac, ev_string(batch, "\2\0\xfe", 3));
	EV_SET(EV_ADD(batch, ovs), ovs, ufid,
	       ev_string(batch, "\1\0\0\0\4\3\2\1\1\0\2\0\xff\xff\xff\xff", 16));
	ev = first_event();
	json_event_put(&ev, &out);
	buf_u8(&out, 0);
	assert_string_equal(
		(char *)out.p,
		"{\"common\":{\"time\":18446744073709551615},\"skb\":{},\"ovs\":{\"ovs.ufid\":"
		"\"00000001-0102-0304-0002-0001ffffffff\"},\"diag\":{\"diag.src\":\"127.0.0.1\","
		"\"diag.dst\":\"::1\"},\"clock\":{\"clock.offset\":-5},\"iface\":{\"iface.mac\":"
		"\"02:00:fe\"}}\n");
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_shapes),
		cmocka_unit_test(test_checker),
		cmocka_unit_test(test_frames),
		cmocka_unit_test_setup_teardown(test_own_recording, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_startup, setup, teardown),
		cmocka_unit_test_setup_teardown(test_clock_of_no_startup, setup, teardown),
		cmocka_unit_test_setup_teardown(test_all_fields, setup, teardown),
		cmocka_unit_test_setup_teardown(test_own_json, setup, teardown),
	};

	return cmocka_run_group_tests_name("retis_write", tests, NULL, NULL);
}
