/* SPDX-License-Identifier: BSD-2-Clause */
/* pcapng files of ours: every field of an event comes back, whatever bytes it has. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "analyze/pcap/pcap_order.h"
#include "formats/pcap/pcap_read.h"
#include "formats/pcap/pcapng_record.h"
#include "formats/pcap/pcapng_write.h"
#include "formats/schema.h"

static uint64_t state = 88172645463325252u;

static uint32_t below(uint32_t n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)((state >> 16) % n);
}

/* ---- events of everything ---- */

static struct ev_str some_string(struct ev_batch *b)
{
	uint8_t bytes[200];
	uint32_t len = below(8) ? below(20) : below(sizeof(bytes));

	for (uint32_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)below(256); /* no UTF-8 */
	return ev_string(b, bytes, len);
}

static void fill_field(struct ev_batch *b, const struct schema_field *f, uint8_t *row)
{
	static const uint64_t values[] = {0,
					  1,
					  127,
					  128,
					  255,
					  65535,
					  UINT32_MAX,
					  INT64_MAX,
					  UINT64_MAX,
					  UINT64_C(1) << 63,
					  0xffff888108a966c0};
	struct ev_str list[5];
	uint32_t n = below(5);

	switch (f->type) {
	case SCHEMA_STR: *(struct ev_str *)(row + f->offset) = some_string(b); break;
	case SCHEMA_BYTES:
		list[0] = some_string(b);
		*(struct ev_bytes *)(row + f->offset) = ev_bytes(b, list[0].p, list[0].len);
		break;
	case SCHEMA_LIST:
		for (uint32_t i = 0; i < n; i++)
			list[i] = some_string(b);
		*(struct ev_list *)(row + f->offset) = ev_list(b, list, n);
		break;
	default: schema_set(f, row, values[below(sizeof(values) / sizeof(values[0]))]);
	}
	*(uint64_t *)row |= UINT64_C(1) << f->bit;
}

/* An event that has each section, and each field, with this chance in 8. */
static void make_event(struct ev_batch *b, uint32_t chance)
{
	ev_batch_begin(b);
	for (int s = 0; s < EV_SECTIONS; s++) {
		uint8_t *row;

		if (below(8) >= chance)
			continue;
		row = ev_batch_add(b, (enum ev_section)s);
		for (unsigned int i = 0; i < schema_sections[s].n_fields; i++)
			if (below(8) < chance)
				fill_field(b, &schema_sections[s].fields[i], row);
	}
}

static void first_event(const struct ev_batch *b, struct ev *ev)
{
	struct ev_walk w = ev_walk(b);

	*ev = (struct ev){0};
	assert_true(ev_next(&w, ev));
}

static void assert_same_string(const char *name, const void *p, uint32_t len, const void *q,
			       uint32_t len2)
{
	if (len != len2 || (len && memcmp(p, q, len)))
		fail_msg("%s differs", name);
}

static void assert_same_field(const struct schema_field *f, const uint8_t *a, const uint8_t *b)
{
	const struct ev_str *s = (const void *)(a + f->offset), *t = (const void *)(b + f->offset);
	const struct ev_list *l = (const void *)s, *m = (const void *)t;

	switch (f->type) {
	case SCHEMA_STR:
	case SCHEMA_BYTES: assert_same_string(f->name, s->p, s->len, t->p, t->len); break;
	case SCHEMA_LIST:
		assert_int_equal(l->n, m->n);
		for (uint32_t i = 0; i < l->n; i++)
			assert_same_string(f->name, l->v[i].p, l->v[i].len, m->v[i].p, m->v[i].len);
		break;
	default:
		if (schema_get(f, a) != schema_get(f, b))
			fail_msg("%s differs", f->name);
	}
}

static void assert_same(const struct ev *a, const struct ev *b)
{
	assert_true(a->sections == b->sections);
	for (int s = 0; s < EV_SECTIONS; s++) {
		const uint64_t *x = a->row[s], *y = b->row[s];

		if (!(a->sections >> s & 1))
			continue;
		if (*x != *y)
			fail_msg("%s: other fields", schema_sections[s].name);
		for (unsigned int i = 0; i < schema_sections[s].n_fields; i++)
			if (*x >> schema_sections[s].fields[i].bit & 1)
				assert_same_field(&schema_sections[s].fields[i], (const void *)x,
						  (const void *)y);
	}
}

/* ---- files ---- */

static void put_head(struct buf *file)
{
	const struct pcapng_section section = {.application = {"test", 4}};
	const struct pcapng_interface interface = {
		.linktype = 1, .snaplen = 255, .name = {"eth0", 4}};

	pcapng_put_section(file, &section);
	pcapng_put_interface(file, &interface);
}

/* The only packet or record of a file. */
static void read_one(struct pcap_reader *r, const struct buf *file, struct pcap_packet *p)
{
	struct skbox_error err = {0};
	size_t at = 0, used;
	int rc = 0;

	while (rc == 0) {
		rc = pcap_read(r, file->p + at, file->len - at, p, &used, &err);
		assert_true(used > 0);
		at += used;
	}
	assert_int_equal(rc, 1);
	assert_int_equal(at, file->len);
}

static void test_every_field(void **unused)
{
	struct ev_batch *in = ev_batch_new(), *out = ev_batch_new();
	struct buf record = {0}, file = {0};

	for (uint32_t round = 0; round < 400; round++) {
		struct pcap_reader *r = pcap_reader_new();
		struct pcap_packet packet;
		struct skbox_error err = {0};
		struct ev a, b;

		ev_batch_clear(in);
		ev_batch_clear(out);
		buf_clear(&record);
		buf_clear(&file);
		make_event(in, round % 9);
		first_event(in, &a);
		pcapng_record_put(&a, NULL, &record);
		put_head(&file);
		pcapng_put_record(&file, (struct pcapng_text){record.p, record.len});
		read_one(r, &file, &packet);
		assert_true(packet.no_packet);
		assert_int_equal(packet.record_len, record.len);
		assert_int_equal(
			pcapng_record_get(packet.record, packet.record_len, NULL, 0, out, &err), 0);
		assert_int_equal(out->n, 1);
		first_event(out, &b);
		assert_same(&a, &b);
		pcap_reader_free(r);
	}
	buf_free(&record);
	buf_free(&file);
	ev_batch_free(in);
	ev_batch_free(out);
}

/* A packet of which a part is in the block, and a record that needs many options. */
static void packet_event(struct ev_batch *b, size_t comm_len)
{
	static char comm[300000];
	struct ev_common *common;
	struct ev_packet *packet;

	memset(comm, 'c', sizeof(comm));
	ev_batch_begin(b);
	common = EV_ADD(b, common);
	EV_SET(common, common, timestamp, 7);
	EV_SET(common, common, comm, ev_string(b, comm, comm_len));
	packet = EV_ADD(b, packet);
	EV_SET(packet, packet, len, 20);
	EV_SET(packet, packet, data, ev_bytes(b, "0123456789abcdef", 16));
}

static void test_packet_in_parts(void **unused)
{
	static const size_t lengths[] = {0, 5, 65500, 65535, 65536, 131072, 300000};

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct ev_batch *in = ev_batch_new(), *out = ev_batch_new();
		struct pcap_reader *r = pcap_reader_new();
		struct buf record = {0}, file = {0};
		struct pcap_packet packet;
		struct skbox_error err = {0};
		struct ev a, b;

		packet_event(in, lengths[i]);
		first_event(in, &a);
		{
			const uint8_t *data = a.packet->data.p;
			const struct pcapng_cut cut = {data, 4, data + 14, 2};
			struct pcapng_packet p = {.time_ns = 1234567890123456789u,
						  .data = data + 4,
						  .caplen = 10,
						  .len = 16,
						  .direction = PCAPNG_INBOUND,
						  .id = 99,
						  .comment = {"comment", 7},
						  .event = {"{}", 2}};

			pcapng_record_put(&a, &cut, &record);
			p.record = (struct pcapng_text){record.p, record.len};
			put_head(&file);
			pcapng_put_packet(&file, &p);
		}
		read_one(r, &file, &packet);
		assert_false(packet.no_packet);
		assert_int_equal(packet.time_ns, 1234567890123456789u);
		assert_int_equal(packet.caplen, 10);
		assert_int_equal(packet.len, 16);
		assert_int_equal(packet.name_len, 4);
		assert_memory_equal(packet.data, "456789abcd", 10);
		assert_int_equal(packet.event_len, 2);
		assert_memory_equal(packet.event, "{}", 2);
		assert_int_equal(packet.record_len, record.len);
		assert_int_equal(pcapng_record_get(packet.record, packet.record_len, packet.data,
						   packet.caplen, out, &err),
				 0);
		first_event(out, &b);
		assert_same(&a, &b);
		buf_free(&record);
		buf_free(&file);
		pcap_reader_free(r);
		ev_batch_free(in);
		ev_batch_free(out);
	}
}

/* A comment that is too long for an option ends at a whole character. */
static void test_long_comment(void **unused)
{
	struct buf file = {0}, text = {0};
	struct pcapng_packet p = {.data = (const uint8_t *)"x", .caplen = 1, .len = 1};
	size_t at;

	buf_u8(&text, 'x');
	while (text.len < 70000)
		buf_str(&text, "↳"); /* three bytes */
	p.comment = (struct pcapng_text){text.p, text.len};
	pcapng_put_packet(&file, &p);
	at = 8 + 20 + 4;
	assert_int_equal(file.p[at] | file.p[at + 1] << 8, 1);
	assert_int_equal(file.p[at + 2] | file.p[at + 3] << 8, 65533);
	assert_memory_equal(file.p + at + 4 + 65533 - 3, "↳", 3);
	assert_int_equal(file.len % 4, 0);
	buf_free(&file);
	buf_free(&text);
}

/* Whatever the bytes are: an event, or an error and nothing. */
static void test_damaged(void **unused)
{
	struct ev_batch *in = ev_batch_new(), *out = ev_batch_new();
	struct buf record = {0};
	unsigned int refused = 0;
	struct ev a;

	make_event(in, 6);
	first_event(in, &a);
	pcapng_record_put(&a, NULL, &record);
	for (unsigned int round = 0; round < 20000; round++) {
		size_t len = round < record.len ? round : record.len;
		uint8_t *copy = malloc(len + 1);
		struct skbox_error err = {0};
		int rc;

		memcpy(copy, record.p, len);
		if (round >= record.len)
			copy[5 + below((uint32_t)len - 5)] ^= (uint8_t)(1u << below(8));
		ev_batch_clear(out);
		rc = pcapng_record_get(copy, len, NULL, 0, out, &err);
		assert_true(rc == 0 || rc == -EPROTO);
		assert_int_equal(out->n, rc == 0);
		assert_true(rc == 0 || err.text[0]);
		refused += rc != 0;
		free(copy);
	}
	assert_true(refused > 1000);
	buf_free(&record);
	ev_batch_free(in);
	ev_batch_free(out);
}

/* Fields and sections of a later version are passed over, another version of the record is not read. */
static void test_newer(void **unused)
{
	static const uint8_t newer[] = {'s', 'k', 'b', 'x', 1,   1, 1, 1, 42, /* common.time 42 */
					1,   63,  2,   'a', 'b', /* a field that common lacks */
					63,  1,   1,   9,        /* no such section */
					2,   0,   0};            /* kernel, empty */
	uint8_t other[] = {'s', 'k', 'b', 'x', 2, 1, 1, 1, 42};
	uint8_t big[] = {'s', 'k', 'b', 'x', 1, 1, 2, 5, 1, 1, 1, 1, 1}; /* cpu has 32 bits */
	struct ev_batch *b = ev_batch_new();
	struct skbox_error err = {0};
	struct ev ev;

	assert_int_equal(pcapng_record_get(newer, sizeof(newer), NULL, 0, b, &err), 0);
	first_event(b, &ev);
	assert_int_equal(ev.common->timestamp, 42);
	assert_non_null(ev.kernel);
	assert_true(ev.sections == (EV_SECTION_BIT(common) | EV_SECTION_BIT(kernel)));
	assert_int_equal(pcapng_record_get(other, sizeof(other), NULL, 0, b, &err), -EPROTO);
	assert_int_equal(pcapng_record_get(big, sizeof(big), NULL, 0, b, &err), -EPROTO);
	assert_int_equal(b->n, 1);
	ev_batch_free(b);
}

/* ---- --once ---- */

static void test_order(void **unused)
{
	struct pcap_order o = {0};
	struct buf out = {0};
	uint64_t last = 0;

	for (uint32_t i = 0; i < 20000; i++) {
		/* off by at most 2000: less than what is held */
		uint64_t time = i + below(2000);

		assert_true(pcap_order_push(&o, time, &time, sizeof(time), &out));
	}
	while (o.n)
		pcap_order_pop(&o, &out);
	assert_int_equal(out.len, 20000 * sizeof(uint64_t));
	for (size_t i = 0; i < out.len; i += sizeof(last)) {
		uint64_t time;

		memcpy(&time, out.p + i, sizeof(time));
		assert_true(time >= last);
		last = time;
	}
	pcap_order_fini(&o);
	buf_free(&out);
}

static void test_seen(void **unused)
{
	struct pcap_seen s = {0};

	for (uint64_t i = 1; i <= 3 * PCAP_SEEN; i++) {
		uint64_t near = i > PCAP_SEEN / 2 ? i - PCAP_SEEN / 2 : 1;

		assert_int_equal(pcap_seen_test(&s, i * UINT64_C(0x9e3779b97f4a7c15)), 0);
		assert_int_equal(pcap_seen_test(&s, near * UINT64_C(0x9e3779b97f4a7c15)), 1);
	}
	/* what is long gone is forgotten: memory is bounded */
	assert_int_equal(pcap_seen_test(&s, UINT64_C(0x9e3779b97f4a7c15) * 2), 0);
	pcap_seen_fini(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_field),  cmocka_unit_test(test_packet_in_parts),
		cmocka_unit_test(test_long_comment), cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_newer),        cmocka_unit_test(test_order),
		cmocka_unit_test(test_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
