/* SPDX-License-Identifier: BSD-2-Clause */
/* Event files of Retis, read: what is taken, what is refused, what damage does. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "formats/retis/retis_keys.h"
#include "formats/retis/retis_read.h"
#include "tests/unit/testdata.h"

/* ---- single lines ---- */

static struct retis_reader *reader;
static struct ev_batch *batch;
static struct skbox_error error;

static int setup(void **state)
{
	reader = retis_reader_new();
	batch = ev_batch_new();
	return !reader || !batch;
}

static int teardown(void **state)
{
	retis_reader_free(reader);
	ev_batch_free(batch);
	return 0;
}

static int read_text(const char *line)
{
	ev_batch_clear(batch);
	return retis_read_line(reader, line, strlen(line), batch, &error);
}

static struct ev first_event(void)
{
	struct ev_walk walk = ev_walk(batch);
	struct ev ev = {0};

	assert_true(ev_next(&walk, &ev));
	return ev;
}

#define COMMON "\"common\":{\"timestamp\":1}"

static void test_old_shape(void **state)
{
	struct ev ev;

	assert_int_equal(read_text("{" COMMON ",\"startup\":{\"retis_version\":\"v1.5.2\","
				   "\"clock_monotonic_offset\":{\"sec\":5,\"nsec\":6}}}"),
			 0);
	assert_int_equal(
		read_text("{" COMMON
			  ",\"skb\":{\"eth\":{\"x\":[1,{}]},\"ip\":{},\"dev\":{\"name\":\"e\","
			  "\"ifindex\":0},\"ns\":{\"netns\":9},\"packet\":{\"len\":3,\"capture_"
			  "len\":3,"
			  "\"packet\":\"AAEC\"}},\"ct\":{\"state\":\"new\",\"zone_id\":0,"
			  "\"zone_dir\":\"None\",\"orig\":{\"ip\":{\"src\":\"a\",\"dst\":\"b\","
			  "\"version\":"
			  "\"v4\"},\"proto\":{\"icmp\":{\"code\":1,\"type\":2,\"id\":3}}},"
			  "\"reply\":{\"ip\":"
			  "{\"src\":\"a\",\"dst\":\"b\",\"version\":\"v4\"},\"proto\":{\"tcp\":{"
			  "\"sport\":4,"
			  "\"dport\":5}}},\"tcp_state\":\"SYN_SENT\"}}"),
		0);
	ev = first_event();
	assert_int_equal(ev.netns->inum, 9);
	assert_false(EV_HAS(ev.netns, netns, cookie));
	assert_true(EV_HAS(ev.dev, dev, ifindex) && !EV_HAS(ev.dev, dev, rx_ifindex));
	assert_memory_equal(ev.packet->data.p, "\0\1\2", 3);
	assert_non_null(ev.skb);
	assert_true(EV_HAS(ev.ct, ct, ct_status) && ev.ct->ct_status == 0);
	assert_int_equal(ev.ct->orig_proto, 3);
	assert_int_equal(ev.ct->orig_type, 2);
	assert_int_equal(ev.ct->reply_proto, 1);
	assert_int_equal(ev.ct->reply_dport, 5);
	assert_true(ev_is(ev.ct->proto_state, "SYN_SENT"));
	assert_int_equal(retis_read_state(reader)->shape, RETIS_SHAPE_1_5);
	assert_int_equal(retis_read_state(reader)->unknown_keys, 0);
}

/* The version lies: the keys are those of the shape between 1.5 and 1.6. */
static void test_lying_version(void **state)
{
	static const char file[] =
		"{" COMMON
		",\"startup\":{\"retis_version\":\"v1.6.0\",\"clock_monotonic_offset\":{\"sec\":5,"
		"\"nsec\":6}}}\n{" COMMON ",\"skb\":{\"ns\":{\"cookie\":1,\"inum\":2}}}\n{\"comm";
	const char *feed = strchr(file, '\n');

	retis_reader_peek(reader, file, sizeof(file) - 1);
	assert_int_equal(retis_read_state(reader)->lines, 0);
	assert_int_equal(retis_read_line(reader, file, (size_t)(feed - file), batch, &error), 0);
	assert_int_equal(first_event().startup->shape, RETIS_SHAPE_CLASSIC);
	assert_string_equal(retis_read_state(reader)->version, "v1.6.0");
}

/* A null says nothing about the shape: the key of a newer one does not make this event a newer one. */
static void test_null_of_other_shape(void **state)
{
#define TUPLE(a)                                                                                   \
	"{\"ip\":{\"src\":\"" a "\",\"dst\":\"::\",\"version\":\"v6\"},"                           \
	"\"proto\":{\"udp\":{\"sport\":1,\"dport\":2}}}"
	assert_int_equal(
		read_text("{\"common\":{\"timestamp\":1},\"startup\":{\"retis_version\":"
			  "\"v1.7.0\",\"clock_monotonic_offset\":{\"sec\":0,\"nsec\":0}}}"),
		0);
	assert_int_equal(read_text("{\"common\":{\"timestamp\":2},\"skb\":{\"ns\":{\"netns\":5}},"
				   "\"netns\":null,\"ct\":{\"state\":\"new\",\"zone_id\":0,"
				   "\"zone_dir\":\"None\",\"orig\":" TUPLE(
					   "::1") ",\"reply\":" TUPLE("::2") "}}"),
			 0);
	assert_int_equal(retis_read_state(reader)->shape, RETIS_SHAPE_1_5);
#undef TUPLE
}

static void test_accepted(void **state)
{
	struct ev ev;

	/* any order, blanks, null, unknown keys at every level, escapes in keys */
	assert_int_equal(
		read_text(
			" { \"dev\" : null, \"new\":{\"a\":[1,{}]}, "
			"\"k\\u0065rnel\":{\"probe_type\":"
			"\"kprobe\",\"x\":1.5,\"symbol\":\"a\\nb\",\"stack_trace\":[\"x\",\"y\"]},"
			"\"common\":{\"task\":null,\"smp_id\":0,\"timestamp\":18446744073709551615}"
			"}\r\n"),
		0);
	ev = first_event();
	assert_true(ev.common->timestamp == UINT64_MAX);
	assert_true(EV_HAS(ev.common, common, smp_id) && !EV_HAS(ev.common, common, pid));
	assert_true(ev_is(ev.kernel->symbol, "a\nb"));
	assert_int_equal(ev.kernel->stack_trace.n, 2);
	assert_true(ev_is(ev.kernel->stack_trace.v[1], "y"));
	assert_null(ev.dev);
	assert_int_equal(retis_read_state(reader)->unknown_keys, 2);
	/* a section that is there and empty */
	assert_int_equal(read_text("{" COMMON ",\"skb\":{}}"), 0);
	assert_non_null(first_event().skb);
	/* what a variant is, and that an empty object is there */
	assert_int_equal(read_text("{" COMMON
				   ",\"ovs\":{\"event_type\":\"action_execute\",\"action\":\"ct\","
				   "\"flags\":1,\"zone_id\":2,\"nat\":{},\"recirc_id\":3}}"),
			 0);
	assert_true(first_event().ovs->nat);
	assert_int_equal(read_text("{" COMMON
				   ",\"ovs-detrace\":{\"ufid\":[1,4294967295,3,4],\"flow\":1,"
				   "\"sf_acts\":2,\"dpflow\":\"\",\"ofpflows\":[]}}"),
			 0);
	assert_memory_equal(first_event().ovs_detrace->ufid.p,
			    "\1\0\0\0\xff\xff\xff\xff\3\0\0\0\4\0\0\0", 16);
	/* base64 with an escaped slash */
	assert_int_equal(
		read_text("{" COMMON
			  ",\"packet\":{\"len\":3,\"capture_len\":3,\"data\":\"\\/\\/\\/\\/\"}}"),
		0);
	assert_memory_equal(first_event().packet->data.p, "\xff\xff\xff", 3);
	/* nothing in it, nothing read */
	assert_int_equal(read_text("  \r\n"), 0);
	assert_int_equal(batch->n, 0);
}

static void test_refused(void **state)
{
	static const char *const lines[] = {
		"{",
		"[]",
		"7",
		"null",
		"\"common\"",
		"[7]",
		"[{" COMMON "},]",
		"{" COMMON "}x",
		"{}",
		"[{}]",
		"[{" COMMON "},{\"kernel\":{}}]",
		"{\"common\":{}}",
		"{\"common\":null}",
		"{\"common\":7}",
		"{" COMMON "," COMMON "}",
		"{" COMMON ",\"common\":{\"smp_id\":1}}",
		"{" COMMON ",\"skb\":{},\"skb\":{}}",
		"{\"common\":{\"timestamp\":1,\"timestamp\":2}}",
		"{\"common\":{\"timestamp\":-1}}",
		"{\"common\":{\"timestamp\":1.0}}",
		"{\"common\":{\"timestamp\":\"1\"}}",
		"{\"common\":{\"timestamp\":18446744073709551616}}",
		"{\"common\":{\"timestamp\":1,\"smp_id\":4294967296}}",
		"{\"common\":{\"timestamp\":1,\"task\":{\"pid\":1,\"tgid\":1}}}",
		"{\"common\":{\"timestamp\":1,\"task\":{\"pid\":2147483648,\"tgid\":1,\"comm\":"
		"\"\"}}}",
		"{" COMMON ",\"kernel\":{\"symbol\":\"x\"}}",
		"{" COMMON ",\"kernel\":{\"symbol\":\"\xff\"}}",
		"{" COMMON ",\"packet\":{\"len\":1,\"capture_len\":1,\"data\":\"A\"}}",
		"{" COMMON ",\"packet\":{\"len\":1,\"capture_len\":1,\"data\":[1]}}",
		"{" COMMON ",\"packet\":{\"len\":1,\"capture_len\":1,\"data\":\"AA==\"},"
		"\"skb\":{\"packet\":{\"len\":1,\"capture_len\":1,\"raw\":\"AA==\"}}}",
		"{" COMMON
		",\"skb\":{\"vlan_accel\":{\"proto\":1,\"pcp\":256,\"dei\":true,\"vid\":1}}}",
		"{" COMMON ",\"skb\":{\"vlan_accel\":{\"proto\":1,\"pcp\":1,\"dei\":1,\"vid\":1}}}",
		"{" COMMON ",\"ovs-detrace\":{\"ufid\":[1,2,3],\"flow\":1,\"sf_acts\":2,\"dpflow\":"
		"\"\",\"ofpflows\":[]}}",
		"{" COMMON
		",\"ovs-detrace\":{\"ufid\":[1,2,3,4,5],\"flow\":1,\"sf_acts\":2,\"dpflow\":\"\","
		"\"ofpflows\":[]}}",
		"{" COMMON ",\"ovs\":{\"event_type\":\"upcall\",\"cmd\":1,\"port\":2}}",
		"{" COMMON ",\"ovs\":{\"event_type\":\"action_execute\",\"action\":\"output\","
		"\"recirc_id\":2}}",
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		if (read_text(lines[i]) != -EPROTO)
			fail_msg("taken: %s", lines[i]);
		assert_int_equal(batch->n, 0);
		assert_int_equal(error.code, -EPROTO);
		assert_true(error.offset <= strlen(lines[i]));
	}
	assert_int_equal(retis_read_state(reader)->lines, 0);
	/* what a version since 1.6 must have */
	assert_int_equal(read_text("{" COMMON ",\"startup\":{\"retis_version\":\"v1.6.0\","
				   "\"clock_monotonic_offset\":{\"sec\":5,\"nsec\":6}}}"),
			 0);
	assert_int_equal(
		read_text("{" COMMON
			  ",\"dev\":{\"name\":\"\",\"ifindex\":1},\"ct\":{\"state\":\"new\","
			  "\"zone_id\":0,\"zone_dir\":\"None\",\"orig\":{\"ip\":{\"src\":\"a\","
			  "\"dst\":\"b\","
			  "\"version\":\"v4\"},\"proto\":{\"udp\":{\"sport\":1,\"dport\":2}}},"
			  "\"reply\":{\"ip\":"
			  "{\"src\":\"a\",\"dst\":\"b\",\"version\":\"v4\"},\"proto\":{\"udp\":{"
			  "\"sport\":4,"
			  "\"dport\":5}}}}}"),
		-EPROTO);
	assert_string_equal(error.text, "ct.ct_status: missing");
}

static void test_series(void **state)
{
#define TRACKED(idx)                                                                               \
	"{" COMMON                                                                                 \
	",\"tracking\":{\"skb\":{\"orig_head\":1,\"timestamp\":2,\"skb\":3},\"idx\":" #idx "}}"
	struct ev_walk walk;
	struct ev ev = {0};
	struct buf line = {0};

	assert_int_equal(read_text("[" TRACKED(3) "," TRACKED(4) "]"), 0);
	assert_true(retis_read_state(reader)->sorted);
	walk = ev_walk(batch);
	for (uint32_t i = 0; i < 2; i++) {
		assert_true(ev_next(&walk, &ev));
		assert_int_equal(ev.tracking->idx, 3 + i);
		assert_int_equal(ev.tracking->first, i == 0);
	}
	/* a full batch takes no part of a line, an empty one takes it later */
	buf_u8(&line, '[');
	for (int i = 0; i < EV_BATCH_MAX; i++)
		buf_str(&line, i ? "," TRACKED(9) : TRACKED(9));
	buf_u8(&line, ']');
	assert_int_equal(retis_read_line(reader, (char *)line.p, line.len, batch, &error), -ENOSPC);
	assert_int_equal(batch->n, 2);
	ev_batch_clear(batch);
	assert_int_equal(retis_read_line(reader, (char *)line.p, line.len, batch, &error), 0);
	assert_int_equal(batch->n, EV_BATCH_MAX);
	/* what fits no batch comes in parts, and only the first of them begins a series */
	line.len--;
	for (int i = 0; i < EV_BATCH_MAX + 2; i++)
		buf_str(&line, "," TRACKED(9));
	buf_u8(&line, ']');
	for (int part = 0; part < 3; part++) {
		ev_batch_clear(batch);
		assert_int_equal(retis_read_line(reader, (char *)line.p, line.len, batch, &error),
				 part < 2 ? -ENOSPC : 0);
		assert_int_equal(batch->n, part < 2 ? EV_BATCH_MAX : 2);
		assert_int_equal(first_event().tracking->first, part == 0);
	}
	assert_int_equal(retis_read_state(reader)->events, 2 + 3 * EV_BATCH_MAX + 2);
	assert_int_equal(retis_read_state(reader)->lines, 3);
	/* damage behind the first part costs the rest, and is over with the line */
	line.len--;
	ev_batch_clear(batch);
	assert_int_equal(retis_read_line(reader, (char *)line.p, line.len, batch, &error), -ENOSPC);
	ev_batch_clear(batch);
	assert_int_equal(retis_read_line(reader, (char *)line.p, line.len, batch, &error), -ENOSPC);
	ev_batch_clear(batch);
	assert_int_equal(retis_read_line(reader, (char *)line.p, line.len, batch, &error), -EPROTO);
	assert_int_equal(batch->n, 0);
	assert_int_equal(read_text("[" TRACKED(0) "]"), 0);
	assert_true(first_event().tracking->first);
	buf_free(&line);
}

/*
 * Lines of all kinds, cut off at every byte and with single bytes changed: never an event from a
 * line that is cut off, nothing left in the batch by a bad one, no byte read outside of the line.
 */
static void test_damage(void **state)
{
	struct buf in = {0};
	uint32_t seed = 7;

	for (unsigned int f = 0; f < TESTDATA_FOLDERS; f += 3) {
		const char *p, *line;
		size_t len;

		buf_clear(&in);
		assert_true(testdata_load(testdata_folders[f], "events.json", &in));
		p = (const char *)in.p;
		for (int i = 0; i < 60 && testdata_line(&p, (char *)in.p + in.len, &line, &len);
		     i++) {
			for (size_t n = 0; n < len; n++) {
				char *copy = malloc(n ? n : 1);

				memcpy(copy, line, n);
				ev_batch_clear(batch);
				assert_int_equal(retis_read_line(reader, copy, n, batch, &error),
						 n ? -EPROTO : 0);
				assert_int_equal(batch->n, 0);
				free(copy);
			}
			for (int k = 0; k < 300; k++) {
				char *copy = malloc(len);
				int rc;

				memcpy(copy, line, len);
				seed = seed * 1103515245 + 12345;
				copy[(seed >> 8) % len] = (char)(seed >> 24);
				ev_batch_clear(batch);
				rc = retis_read_line(reader, copy, len, batch, &error);
				assert_int_equal(batch->n, rc == 0);
				free(copy);
			}
		}
	}
	buf_free(&in);
}

static void test_recognize(void **state)
{
	static const char *const yes[] = {"{\"common\":{\"timestamp\":1",
					  "[{\"common\":{",
					  " {\"skb\" : {\"x",
					  "{\"startup\":{",
					  "{\"new\":[{}],\"common\":{",
					  "estamp\":1}}\n\n{\"common\":{"};
	static const char *const no[] = {"",
					 "{",
					 "[",
					 "{}",
					 "[]",
					 "[{}]",
					 "{\"log\":{",
					 "{\"common\":7}",
					 "{\"common\"",
					 "{\"new\":[{\"common\":{}}",
					 "\x28\xb5\x2f\xfd",
					 "<?xml"};

	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
		assert_true(retis_recognize(yes[i], strlen(yes[i])));
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
		assert_false(retis_recognize(no[i], strlen(no[i])));
}

/* ---- the tables ---- */

/* Every field that Retis has is found under its path, and the fields of each path have the type there. */
static void test_keys(void **state)
{
	static struct retis_keys keys;
	unsigned int fields = 0;

	assert_true(retis_keys_init(&keys));
	for (int s = 0; s <= EV_startup; s++)
		for (unsigned int i = 0; i < schema_sections[s].n_fields; i++) {
			const struct schema_field *f = &schema_sections[s].fields[i];
			const struct retis_object *o = &keys.objects[0];
			const struct retis_key *k = NULL;

			for (const char *p = f->foreign; *p;
			     p += strcspn(p, ".") + (p[strcspn(p, ".")] != 0)) {
				assert_non_null(o);
				k = retis_key_find(o, p, strcspn(p, "."));
				if (!k)
					fail_msg("no key for %s", f->foreign);
				o = k->object;
			}
			if (!k)
				continue;
			assert_ptr_equal(k->field, f);
			fields++;
		}
	assert_true(fields > 130);
	/* every required field exists */
	for (int s = 0; s < EV_SECTIONS; s++)
		for (unsigned int bit = 0; bit < 64; bit++)
			if (retis_required((enum ev_section)s) >> bit & 1)
				assert_non_null(schema_field_of((enum ev_section)s, bit + 1));
	assert_int_equal(retis_version_level("v1.5.0", 6), 0);
	assert_int_equal(retis_version_level("1.6.4-2-gabc", 12), 1);
	assert_int_equal(retis_version_level("v2.0.0+x", 8), 2);
	assert_int_equal(retis_version_level("v1.6", 4), -1);
	assert_int_equal(retis_version_level("v1.4.9", 6), -1);
	assert_int_equal(retis_version_level("unspec", 6), -1);
	assert_int_equal(retis_version_level("", 0), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_old_shape, setup, teardown),
		cmocka_unit_test_setup_teardown(test_null_of_other_shape, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lying_version, setup, teardown),
		cmocka_unit_test_setup_teardown(test_accepted, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_series, setup, teardown),
		cmocka_unit_test_setup_teardown(test_damage, setup, teardown),
		cmocka_unit_test(test_recognize),
		cmocka_unit_test(test_keys),
	};

	return cmocka_run_group_tests_name("retis", tests, NULL, NULL);
}
