// SPDX-License-Identifier: BSD-2-Clause
/* sock_diag messages as events. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include <errno.h>

#include "formats/schema.h"
#include "formats/sock/sockdiag.h"
#include "tests/unit/sock_document.h"

/* A field is there when the kernel's bytes reach to its end, and has the value of its own bytes. */
static void tcp_info_of_every_length(void **state)
{
	uint8_t info[300];

	for (size_t i = 0; i < sizeof(info); i++)
		info[i] = (uint8_t)(i * 37 + 11);
	for (size_t len = 0; len <= sizeof(info); len++) {
		struct ev ev;

		message_init(&msg, 1);
		message_attr(&msg, 2, info, len);
		ev = decode(0);
		assert_non_null(ev.tcpinfo);
		assert_int_equal(ev.tcpinfo->info_len, len);
		assert_int_equal(!!ev.tcpinfo_new, len >= 236);
		for (size_t i = 0; i < PLACES; i++) {
			const struct place *p = &places[i];
			const struct schema_field *f =
				schema_field_named(p->schema, strlen(p->schema));
			const void *row;
			uint64_t want = 0;

			assert_non_null(f);
			if (p->attr != 2 || p->offset < 8)
				continue;
			row = ev.row[f->section];
			assert_int_equal(row && (*(const uint64_t *)row >> f->bit & 1),
					 (size_t)p->offset + p->size <= len);
			if (p->offset + p->size > len)
				continue;
			memcpy(&want, info + p->offset, p->size);
			assert_int_equal(schema_get(f, row), want);
		}
		if (len > 280) {
			assert_int_equal(ev.tcpinfo->tail.len, len - 280);
			assert_memory_equal(ev.tcpinfo->tail.p, info + 280, len - 280);
		} else {
			assert_false(EV_HAS(ev.tcpinfo, tcpinfo, tail));
		}
	}
}

/* snd is the low nibble; fast open has two bits. */
static void bit_fields(void **state)
{
	uint8_t info[232] = {0};
	struct ev ev;

	info[5] = 4;
	info[6] = 0x93;
	info[7] = 0x06;
	message_init(&msg, 1);
	message_attr(&msg, 2, info, sizeof(info));
	ev = decode(0);
	assert_int_equal(ev.tcpinfo->snd_wscale, 3);
	assert_int_equal(ev.tcpinfo->rcv_wscale, 9);
	assert_int_equal(ev.tcpinfo->app_limited, 0);
	assert_int_equal(ev.tcpinfo->fastopen_fail, 3);
	assert_non_null(strstr(ss_line(&ev), " wscale:3,9"));
	msg.p[72 + 4 + 7] = 0x01;
	ev = decode(0);
	assert_int_equal(ev.tcpinfo->app_limited, 1);
	assert_int_equal(ev.tcpinfo->fastopen_fail, 0);
}

/* TIME_WAIT and SYN_RECV rows have no attributes but a mark. */
static void rows_without_attributes(void **state)
{
	uint32_t mark = 0x2a;
	struct ev ev;

	message_init(&msg, UINT64_C(0x100000002));
	msg.p[1] = 6;
	msg.p[2] = 3;
	message_put(&msg, 52, 22000, 4);
	ev = decode(0);
	assert_int_equal(ev.sections, EV_SECTION_BIT(diag));
	assert_string_equal(ss_line(&ev), "TIME-WAIT 0 0 192.0.2.1:1234 198.51.100.2:80 "
					  "timer:(timewait,22sec,0) ino:0 sk:100000002");
	assert_non_null(strstr(json(&ev, false, false), "\"Cookie\":[2,1]"));
	assert_non_null(strstr(
		json(&ev, false, false),
		"\"tcpInfo\":null,\"bbr\":null,\"tos\":null,\"memInfo\":null,\"skMemInfo\":null,"
		"\"cong\":null,\"vegasInfo\":null,\"dctcpInfo\":null}"));
	message_attr(&msg, 15, &mark, 4);
	ev = decode(0);
	assert_int_equal(ev.diag_attr->mark, 0x2a);
	assert_non_null(strstr(ss_line(&ev), " sk:100000002 fwmark:0x2a"));
}

static void addresses(void **state)
{
	static const uint8_t mapped[16] = {[10] = 0xff, [11] = 0xff, [12] = 10, [15] = 7};
	static const uint8_t link_local[16] = {[0] = 0xfe, [1] = 0x80, [15] = 1};
	uint8_t one = 1, zero = 0;
	struct ev ev;

	message_init(&msg, 1);
	msg.p[0] = 10;
	memcpy(msg.p + 8, mapped, 16);
	memcpy(msg.p + 24, link_local, 16);
	message_put(&msg, 40, 7, 4);
	ev = decode(0);
	assert_int_equal(ev.diag->src.len, 16);
	assert_non_null(strstr(ss_line(&ev), " [::ffff:10.0.0.7]%if7:1234 [fe80::1]:80 "));

	/* listening on everything */
	message_init(&msg, 1);
	msg.p[0] = 10;
	msg.p[1] = 10;
	memset(msg.p + 6, 0, 34);
	message_attr(&msg, 11, &zero, 1);
	ev = decode(0);
	assert_non_null(strstr(ss_line(&ev), "LISTEN 0 0 *:1234 *:* ino:0 sk:1 v6only:0"));
	msg.len = 72;
	message_attr(&msg, 11, &one, 1);
	ev = decode(0);
	assert_non_null(strstr(ss_line(&ev), "LISTEN 0 0 [::]:1234 [::]:* ino:0 sk:1 v6only:1"));
	message_init(&msg, 1);
	msg.p[1] = 10;
	memset(msg.p + 6, 0, 34);
	ev = decode(0);
	assert_non_null(strstr(ss_line(&ev), "LISTEN 0 0 0.0.0.0:1234 0.0.0.0:* "));
}

/* What we do not know is kept, type and length in front, and so is what comes twice or is too long. */
static void unknown_attributes(void **state)
{
	static const uint8_t tos[2] = {0x10, 0x20};
	struct ev ev;

	message_init(&msg, 1);
	message_attr(&msg, 23, "hello", 5);
	message_attr(&msg, 0x8000 | 300, "", 0);
	message_attr(&msg, 5, tos, 1);
	message_attr(&msg, 5, tos + 1, 1);
	message_attr(&msg, 6, tos, 2);
	message_attr(&msg, 14, tos, 2);
	ev = decode(0);
	assert_int_equal(ev.diag_attr->tos, 0x10);
	assert_int_equal(ev.diag_attr->tclass, 0x10);
	assert_int_equal(ev.diag_attr->unknown.n, 4);
	assert_int_equal(ev.diag_attr->unknown.v[0].len, 9);
	assert_memory_equal(ev.diag_attr->unknown.v[0].p, "\x17\0\x05\0hello", 9);
	assert_memory_equal(ev.diag_attr->unknown.v[1].p, "\x2c\x01\0\0", 4);
	assert_memory_equal(ev.diag_attr->unknown.v[2].p, "\x05\0\x01\0\x20", 5);
	assert_memory_equal(ev.diag_attr->unknown.v[3].p, "\x06\0\x02\0\x10\x20", 6);
	assert_non_null(strstr(json(&ev, false, true),
			       "\"unknown\":[\"1700050068656c6c6f\",\"2c010000\","
			       "\"0500010020\",\"060002001020\"]"));
	/* more of them than are kept */
	message_init(&msg, 1);
	for (int i = 0; i < 100; i++)
		message_attr(&msg, 200, "", 0);
	ev = decode(0);
	assert_int_equal(ev.diag_attr->unknown.n, SOCKDIAG_UNKNOWN_MAX);
	/* and a longer one than is kept: its length is told */
	message_init(&msg, 1);
	message_attr(&msg, 200, msg.p + 8192, 5000);
	ev = decode(0);
	assert_int_equal(ev.diag_attr->unknown.v[0].len, 4 + SOCKDIAG_RAW_MAX);
	assert_memory_equal(ev.diag_attr->unknown.v[0].p, "\xc8\0\x88\x13", 4);
}

/* Keys of TCP-MD5 must not be in the batch in any form. */
static void keys_are_not_recorded(void **state)
{
	uint8_t sig[100];
	struct ev ev;

	memset(sig, 'K', sizeof(sig));
	message_init(&msg, 1);
	message_attr(&msg, 18, sig, sizeof(sig));
	message_attr(&msg, 18, sig, sizeof(sig));
	ev = decode(0);
	assert_null(ev.diag_attr);
	for (uint32_t i = 0; i < batch->strings.n; i++)
		assert_null(memchr(batch->strings.v[i].p, 'K', batch->strings.v[i].len));
	assert_int_equal(batch->blobs.n, 0);
}

static void other_attributes(void **state)
{
	static const uint8_t ulp[] = {8, 0, 1, 0, 't', 'l', 's', 0, 8, 0, 2, 0x80, 1, 2, 3, 4};
	uint32_t vegas[4] = {1, 5, 1000, 900}, dctcp[4], class_id = 0x10020;
	uint32_t bbr[5] = {0x89abcdef, 0x4567, 250, 739, 512};
	uint64_t cgroup = UINT64_C(0x1000000ab);
	uint8_t info[232] = {0}, opt[2] = {0x01, 0x80}, down = 2;
	struct ev ev;
	uint32_t v;

	v = 10;
	memcpy(info + 80, &v, 4);
	v = 1000;
	memcpy(info + 16, &v, 4);
	dctcp[0] = 1;
	dctcp[1] = 1024;
	dctcp[2] = 3;
	dctcp[3] = 4;
	message_init(&msg, 1);
	message_attr(&msg, 8, &down, 1);
	message_attr(&msg, 21, &cgroup, 8);
	message_attr(&msg, 22, opt, 2);
	message_attr(&msg, 2, info, sizeof(info));
	message_attr(&msg, 3, vegas, 16);
	message_attr(&msg, 9, dctcp, 16);
	message_attr(&msg, 16, bbr, 20);
	message_attr(&msg, 17, &class_id, 4);
	message_attr(&msg, 10, "\x06", 1);
	message_attr(&msg, 19, ulp, sizeof(ulp));
	ev = decode(0);
	assert_int_equal(ev.vegas->rttcnt, 5);
	assert_int_equal(ev.dctcp->enabled, 1);
	assert_int_equal(ev.dctcp->alpha, 1024);
	assert_int_equal(ev.bbr->bw, UINT64_C(0x456789abcdef));
	assert_int_equal(ev.bbr->cwnd_gain, 512);
	assert_int_equal(ev.diag->protocol, 6);
	assert_int_equal(ev.diag_attr->cgroup_id, cgroup);
	assert_int_equal(ev.diag_attr->sockopt, 0x8001);
	assert_int_equal(ev.diag_attr->class_id, class_id);
	assert_true(ev_is(ev.diag_attr->ulp, "tls"));
	assert_int_equal(ev.diag_attr->ulp_raw.len, sizeof(ulp));
	assert_false(EV_HAS(ev.diag_attr, diag_attr, unknown));
	assert_string_equal(ss_line(&ev),
			    "ESTAB 0 0 192.0.2.1:1234 198.51.100.2:80 ino:0 sk:1 "
			    "cgroup:unreachable:1000000ab <-- mss:1000 cwnd:10 "
			    "dctcp:(ce_state:0,alpha:1024,ab_ecn:3,ab_tot:4) "
			    "bbr:(bw:610487949487992bps,mrtt:0.25,pacing_gain:2.88672,cwnd_gain:2) "
			    "send 80000000bps reordering:0 tcp-ulp-tls class_id:0x10020");
}

/* Every cut of a message: told as damage, never read past its end. */
static void cut_messages(void **state)
{
	struct message whole;

	build_document();
	whole = msg;
	for (size_t len = 0; len < whole.len; len++) {
		/* memory of exactly that length, for the sanitizers */
		uint8_t *p = malloc(len ? len : 1);
		int ret;

		assert_non_null(p);
		memcpy(p, whole.p, len);
		ev_batch_clear(batch);
		ev_batch_begin(batch);
		ret = sockdiag_decode(p, len, batch, NULL);
		if (len < 72) {
			assert_int_equal(ret, -EBADMSG);
			assert_int_equal(batch->mask[0], 0);
		} else {
			assert_true(ret == 0 || ret == -EPROTO);
			assert_true(batch->mask[0] & EV_SECTION_BIT(diag));
		}
		free(p);
	}
	msg = whole;
	msg.p[0] = 1;
	ev_batch_clear(batch);
	ev_batch_begin(batch);
	assert_int_equal(sockdiag_decode(msg.p, msg.len, batch, NULL), -EBADMSG);
	/* an attribute that claims less than its own header, and one that claims more than there is */
	message_init(&msg, 1);
	message_attr(&msg, 5, "", 1);
	message_put(&msg, 72, 3, 2);
	decode(-EPROTO);
	message_put(&msg, 72, 9, 2);
	decode(-EPROTO);
}

/* Each numeric field of the sections that a message fills has a place in this test: none is forgotten. */
static void every_field_has_a_place(void **state)
{
	static const enum ev_section all[] = {EV_tcpinfo, EV_tcpinfo_new, EV_meminfo, EV_skmeminfo};

	for (size_t s = 0; s < sizeof(all) / sizeof(all[0]); s++) {
		const struct schema_section *section = &schema_sections[all[s]];

		for (unsigned int i = 0; i < section->n_fields; i++) {
			const struct schema_field *f = &section->fields[i];
			size_t k = 0;

			if (!strcmp(f->member, "info_len") || !strcmp(f->member, "tail"))
				continue;
			while (k < PLACES && strcmp(places[k].schema, f->name) != 0)
				k++;
			if (k == PLACES)
				fail_msg("no place for %s", f->name);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tcp_info_of_every_length), cmocka_unit_test(bit_fields),
		cmocka_unit_test(rows_without_attributes),  cmocka_unit_test(addresses),
		cmocka_unit_test(unknown_attributes),       cmocka_unit_test(keys_are_not_recorded),
		cmocka_unit_test(other_attributes),         cmocka_unit_test(cut_messages),
		cmocka_unit_test(every_field_has_a_place),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
