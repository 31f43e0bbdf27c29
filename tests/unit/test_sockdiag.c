// SPDX-License-Identifier: BSD-2-Clause
/* sock_diag messages: decoding, and what the renderings make of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include <errno.h>

#include "formats/flowd_json.h"
#include "formats/schema.h"
#include "formats/sock_ss.h"
#include "formats/sockdiag.h"
#include "formats/text_sock.h"
#include "tests/unit/sock_message.h"

#define DOCUMENT "testdata/flowd/snapshot.json"

/* Where each value of the document lies in the kernel's structures; attribute 0 is the message itself. */
static const struct place {
	const char *object, *key, *schema;
	uint8_t attr;
	uint16_t offset;
	uint8_t size, shift;
} places[] = {
	{"skBuff", "Family", "diag.family", 0, 0, 1, 0},
	{"skBuff", "State", "diag.state", 0, 1, 1, 0},
	{"skBuff", "Timer", "diag.timer", 0, 2, 1, 0},
	{"skBuff", "Retrans", "diag.retrans", 0, 3, 1, 0},
	{"skBuff", "Interface", "diag.if", 0, 40, 4, 0},
	{"skBuff", "Expires", "diag.expires", 0, 52, 4, 0},
	{"skBuff", "RQueue", "diag.rqueue", 0, 56, 4, 0},
	{"skBuff", "WQueue", "diag.wqueue", 0, 60, 4, 0},
	{"skBuff", "UID", "diag.uid", 0, 64, 4, 0},
	{"skBuff", "INode", "diag.inode", 0, 68, 4, 0},
	{"tcpInfo", "state", "tcpinfo.state", 2, 0, 1, 0},
	{"tcpInfo", "caState", "tcpinfo.ca_state", 2, 1, 1, 0},
	{"tcpInfo", "retransmits", "tcpinfo.retransmits", 2, 2, 1, 0},
	{"tcpInfo", "probes", "tcpinfo.probes", 2, 3, 1, 0},
	{"tcpInfo", "backoff", "tcpinfo.backoff", 2, 4, 1, 0},
	{"tcpInfo", "options", "tcpinfo.options", 2, 5, 1, 0},
	{"tcpInfo", "sndWscale", "tcpinfo.snd_wscale", 2, 6, 1, 0},
	{"tcpInfo", "rcvdWscale", "tcpinfo.rcv_wscale", 2, 6, 1, 4},
	{"tcpInfo", "deliveryRateAppLimited", "tcpinfo.app_limited", 2, 7, 1, 0},
	{"tcpInfo", "fastOpenClientFail", "tcpinfo.fastopen_fail", 2, 7, 1, 1},
	{"tcpInfo", "rto", "tcpinfo.rto", 2, 8, 4, 0},
	{"tcpInfo", "ato", "tcpinfo.ato", 2, 12, 4, 0},
	{"tcpInfo", "sndMss", "tcpinfo.snd_mss", 2, 16, 4, 0},
	{"tcpInfo", "rcvMss", "tcpinfo.rcv_mss", 2, 20, 4, 0},
	{"tcpInfo", "unAcked", "tcpinfo.unacked", 2, 24, 4, 0},
	{"tcpInfo", "sAcked", "tcpinfo.sacked", 2, 28, 4, 0},
	{"tcpInfo", "lost", "tcpinfo.lost", 2, 32, 4, 0},
	{"tcpInfo", "retrans", "tcpinfo.retrans", 2, 36, 4, 0},
	{"tcpInfo", "fAckets", "tcpinfo.fackets", 2, 40, 4, 0},
	{"tcpInfo", "lastDataSent", "tcpinfo.last_data_sent", 2, 44, 4, 0},
	{"tcpInfo", "lastAckSent", "tcpinfo.last_ack_sent", 2, 48, 4, 0},
	{"tcpInfo", "lastDataRecv", "tcpinfo.last_data_recv", 2, 52, 4, 0},
	{"tcpInfo", "lastAckRecv", "tcpinfo.last_ack_recv", 2, 56, 4, 0},
	{"tcpInfo", "pMtu", "tcpinfo.pmtu", 2, 60, 4, 0},
	{"tcpInfo", "rcvSsThresh", "tcpinfo.rcv_ssthresh", 2, 64, 4, 0},
	{"tcpInfo", "rtt", "tcpinfo.rtt", 2, 68, 4, 0},
	{"tcpInfo", "rttVar", "tcpinfo.rttvar", 2, 72, 4, 0},
	{"tcpInfo", "sndSsThresh", "tcpinfo.snd_ssthresh", 2, 76, 4, 0},
	{"tcpInfo", "sndCwnd", "tcpinfo.snd_cwnd", 2, 80, 4, 0},
	{"tcpInfo", "advMss", "tcpinfo.advmss", 2, 84, 4, 0},
	{"tcpInfo", "reordering", "tcpinfo.reordering", 2, 88, 4, 0},
	{"tcpInfo", "rcvRtt", "tcpinfo.rcv_rtt", 2, 92, 4, 0},
	{"tcpInfo", "rcvSpace", "tcpinfo.rcv_space", 2, 96, 4, 0},
	{"tcpInfo", "totalRetrans", "tcpinfo.total_retrans", 2, 100, 4, 0},
	{"tcpInfo", "pacingRate", "tcpinfo.pacing_rate", 2, 104, 8, 0},
	{"tcpInfo", "maxPacingRate", "tcpinfo.max_pacing_rate", 2, 112, 8, 0},
	{"tcpInfo", "bytesAcked", "tcpinfo.bytes_acked", 2, 120, 8, 0},
	{"tcpInfo", "bytesRecv", "tcpinfo.bytes_received", 2, 128, 8, 0},
	{"tcpInfo", "segsOut", "tcpinfo.segs_out", 2, 136, 4, 0},
	{"tcpInfo", "segsIn", "tcpinfo.segs_in", 2, 140, 4, 0},
	{"tcpInfo", "notsentBytes", "tcpinfo.notsent_bytes", 2, 144, 4, 0},
	{"tcpInfo", "minRtt", "tcpinfo.min_rtt", 2, 148, 4, 0},
	{"tcpInfo", "dataSegsIn", "tcpinfo.data_segs_in", 2, 152, 4, 0},
	{"tcpInfo", "dataSegsOut", "tcpinfo.data_segs_out", 2, 156, 4, 0},
	{"tcpInfo", "deliveryRate", "tcpinfo.delivery_rate", 2, 160, 8, 0},
	{"tcpInfo", "busyTime", "tcpinfo.busy_time", 2, 168, 8, 0},
	{"tcpInfo", "rwndLimited", "tcpinfo.rwnd_limited", 2, 176, 8, 0},
	{"tcpInfo", "sndBufLimited", "tcpinfo.sndbuf_limited", 2, 184, 8, 0},
	{"tcpInfo", "delivered", "tcpinfo.delivered", 2, 192, 4, 0},
	{"tcpInfo", "deliveredCe", "tcpinfo.delivered_ce", 2, 196, 4, 0},
	{"tcpInfo", "bytesSent", "tcpinfo.bytes_sent", 2, 200, 8, 0},
	{"tcpInfo", "bytesRetrans", "tcpinfo.bytes_retrans", 2, 208, 8, 0},
	{"tcpInfo", "dsAckDups", "tcpinfo.dsack_dups", 2, 216, 4, 0},
	{"tcpInfo", "reordSeen", "tcpinfo.reord_seen", 2, 220, 4, 0},
	{"tcpInfo", "rcvOooPack", "tcpinfo.rcv_ooopack", 2, 224, 4, 0},
	{"tcpInfo", "sndWnd", "tcpinfo.snd_wnd", 2, 228, 4, 0},
	{"ext", "rcvWnd", "tcpinfo.rcv_wnd", 2, 232, 4, 0},
	{"ext", "rehash", "tcpinfo.rehash", 2, 236, 4, 0},
	{"ext", "totalRto", "tcpinfo.total_rto", 2, 240, 2, 0},
	{"ext", "totalRtoRecoveries", "tcpinfo.total_rto_recoveries", 2, 242, 2, 0},
	{"ext", "totalRtoTime", "tcpinfo.total_rto_time", 2, 244, 4, 0},
	{"ext", "receivedCe", "tcpinfo.received_ce", 2, 248, 4, 0},
	{"ext", "deliveredE1Bytes", "tcpinfo.delivered_e1_bytes", 2, 252, 4, 0},
	{"ext", "deliveredE0Bytes", "tcpinfo.delivered_e0_bytes", 2, 256, 4, 0},
	{"ext", "deliveredCeBytes", "tcpinfo.delivered_ce_bytes", 2, 260, 4, 0},
	{"ext", "receivedE1Bytes", "tcpinfo.received_e1_bytes", 2, 264, 4, 0},
	{"ext", "receivedE0Bytes", "tcpinfo.received_e0_bytes", 2, 268, 4, 0},
	{"ext", "receivedCeBytes", "tcpinfo.received_ce_bytes", 2, 272, 4, 0},
	{"ext", "", "tcpinfo.word276", 2, 276, 4, 0},
	{"tos", "tos", "diag.tos", 5, 0, 1, 0},
	{"memInfo", "rMem", "meminfo.rmem", 1, 0, 4, 0},
	{"memInfo", "wMem", "meminfo.wmem", 1, 4, 4, 0},
	{"memInfo", "fMem", "meminfo.fmem", 1, 8, 4, 0},
	{"memInfo", "tMem", "meminfo.tmem", 1, 12, 4, 0},
	{"skMemInfo", "rMemAlloc", "skmem.rmem_alloc", 7, 0, 4, 0},
	{"skMemInfo", "rcvBuff", "skmem.rcvbuf", 7, 4, 4, 0},
	{"skMemInfo", "WMemAlloc", "skmem.wmem_alloc", 7, 8, 4, 0},
	{"skMemInfo", "sndBuff", "skmem.sndbuf", 7, 12, 4, 0},
	{"skMemInfo", "fwdAlloc", "skmem.fwd_alloc", 7, 16, 4, 0},
	{"skMemInfo", "wMemQueued", "skmem.wmem_queued", 7, 20, 4, 0},
	{"skMemInfo", "optMem", "skmem.optmem", 7, 24, 4, 0},
	{"skMemInfo", "backlog", "skmem.backlog", 7, 28, 4, 0},
	{"skMemInfo", "drops", "skmem.drops", 7, 32, 4, 0},
};
enum { PLACES = sizeof(places) / sizeof(places[0]) };

static struct ev_batch *batch;
static struct message msg;
static struct buf out;
static char document[8192];

static int set_up(void **state)
{
	FILE *f = fopen(DOCUMENT, "r");
	size_t n;

	if (!f)
		return -1;
	n = fread(document, 1, sizeof(document) - 1, f);
	fclose(f);
	document[n] = '\0';
	document[strcspn(document, "\r")] = '\0';
	batch = ev_batch_new();
	return batch ? 0 : -1;
}

static int tear_down(void **state)
{
	ev_batch_free(batch);
	buf_free(&out);
	return 0;
}

/* The event that the message makes; the decoder's answer must be `want`. */
static struct ev decode(int want)
{
	struct ev_walk w;
	struct ev ev = {0};
	struct skbox_error err = {0};
	int ret;

	ev_batch_clear(batch);
	ev_batch_begin(batch);
	ret = sockdiag_decode(msg.p, msg.len, batch, &err);
	assert_int_equal(ret, want);
	assert_int_equal(err.code, want);
	assert_false(batch->failed);
	w = ev_walk(batch);
	assert_true(ev_next(&w, &ev));
	return ev;
}

static const char *written(void)
{
	buf_u8(&out, 0);
	return (const char *)out.p;
}

static const char *ss_line(const struct ev *ev)
{
	buf_clear(&out);
	sock_ss_line(ev, &out);
	return written();
}

static const char *json(const struct ev *ev, bool pretty, bool ext)
{
	struct flowd_json_options o = {.pretty = pretty, .ext = ext};

	buf_clear(&out);
	flowd_json(ev, &o, &out);
	return written();
}

/* The number that the document has for a key of an object. */
static uint64_t document_value(const char *object, const char *key)
{
	char name[64];
	const char *p;

	snprintf(name, sizeof(name), "\"%s\": {", object);
	p = strstr(document, name);
	assert_non_null(p);
	snprintf(name, sizeof(name), "\"%s\": ", key);
	p = strstr(p, name);
	assert_non_null(p);
	return strtoull(p + strlen(name), NULL, 10);
}

/* The message that the kernel of the document must have sent. */
static void build_document(void)
{
	static const uint8_t ports[4] = {60606 >> 8, 60606 & 255, 443 >> 8, 443 & 255};
	static const uint8_t src[4] = {172, 17, 0, 2}, dst[4] = {54, 195, 168, 190};
	static const struct {
		uint8_t attr;
		uint16_t len;
	} order[] = {{5, 1}, {1, 16}, {7, 36}, {2, 232}};

	message_init(&msg, document_value("skBuff", "Cookie") ? 0 : 8);
	memcpy(msg.p + 4, ports, 4);
	memcpy(msg.p + 8, src, 4);
	memcpy(msg.p + 24, dst, 4);
	for (size_t i = 0; i < PLACES && !places[i].attr; i++)
		message_put(&msg, places[i].offset, document_value(places[i].object, places[i].key),
			    places[i].size);
	for (size_t k = 0; k < sizeof(order) / sizeof(order[0]); k++) {
		static struct message attr;

		memset(&attr, 0, sizeof(attr));
		for (size_t i = 0; i < PLACES; i++) {
			const struct place *p = &places[i];
			uint64_t v;

			if (p->attr != order[k].attr || p->offset >= order[k].len)
				continue;
			v = document_value(p->object, p->key) << p->shift;
			if (p->size == 1)
				v |= attr.p[p->offset];
			message_put(&attr, p->offset, v, p->size);
		}
		message_attr(&msg, order[k].attr, attr.p, order[k].len);
	}
	message_attr(&msg, 4, "cubic", 6);
}

static void document_comes_back(void **state)
{
	struct ev ev;
	char pretty[sizeof(document)];

	build_document();
	ev = decode(0);
	snprintf(pretty, sizeof(pretty), "%s\n", json(&ev, true, false));
	assert_string_equal(pretty, document);
	assert_int_equal(strlen(json(&ev, false, false)), 1416);
	assert_null(strchr((const char *)out.p, ' '));
}

/* memInfo is the same when only SKMEMINFO came. */
static void meminfo_from_skmeminfo(void **state)
{
	uint32_t v[9] = {11, 12, 13, 14, 15, 16, 17, 18, 19};
	struct ev ev;

	message_init(&msg, 1);
	message_attr(&msg, 7, v, sizeof(v));
	ev = decode(0);
	assert_non_null(strstr(json(&ev, false, false),
			       "\"memInfo\":{\"rMem\":11,\"wMem\":16,\"fMem\":15,\"tMem\":13}"));
	assert_null(ev.meminfo);
}

static void ss_golden_line(void **state)
{
	struct ev ev;

	build_document();
	ev = decode(0);
	assert_string_equal(ss_line(&ev), "ESTAB 0 0 172.17.0.2:60606 54.195.168.190:443 "
					  "timer:(keepalive,58sec,0) ino:103936 sk:8 "
					  "skmem:(r0,rb131072,t0,tb2626560,f0,w0,o0,bl0,d0) ts "
					  "cubic wscale:7,7 rto:426 rtt:101.8/81.005 "
					  "ato:40 mss:65483 pmtu:65535 rcvmss:6872 advmss:65483 "
					  "cwnd:10 bytes_sent:745 bytes_acked:746 "
					  "bytes_received:7456 segs_out:7 segs_in:7 "
					  "data_segs_out:3 data_segs_in:3 send 51460118bps "
					  "lastsnd:825 lastrcv:677 lastack:677 pacing_rate "
					  "102919600bps delivery_rate 1060453440bps "
					  "delivered:4 busy:2ms rcv_space:33280 rcv_ssthresh:33280 "
					  "minrtt:0.494 snd_wnd:524288");
}

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

static void durations_and_numbers(void **state)
{
	static const struct {
		uint32_t ms;
		const char *text;
	} timers[] = {{0, ""},
		      {44, "044ms"},
		      {999, "999ms"},
		      {1000, "1sec"},
		      {1044, "1.044sec"},
		      {9999, "9.999sec"},
		      {10001, "10sec"},
		      {59999, "59sec"},
		      {60000, "1min"},
		      {80500, "1min20sec"},
		      {599000, "9min59sec"},
		      {600000, "10min"},
		      {3599999, "59min"}};
	static const struct {
		uint32_t us;
		const char *text;
	} times[] = {{0, "0"},
		     {1, "0.001"},
		     {1000, "1"},
		     {1010, "1.01"},
		     {426000, "426"},
		     {999999, "999.999"},
		     {1234567, "1234.57"},
		     {4000000, "4000"},
		     {4294967295, "4.29497e+06"}};
	char want[64];
	struct ev ev;

	for (size_t i = 0; i < sizeof(timers) / sizeof(timers[0]); i++) {
		message_init(&msg, 1);
		msg.p[2] = 1;
		msg.p[3] = 5;
		message_put(&msg, 52, timers[i].ms, 4);
		ev = decode(0);
		snprintf(want, sizeof(want), " timer:(on,%s,5) ", timers[i].text);
		assert_non_null(strstr(ss_line(&ev), want));
	}
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		buf_clear(&out);
		sock_ss_ms(&out, times[i].us);
		assert_string_equal(written(), times[i].text);
		snprintf(want, sizeof(want), "%g", times[i].us / 1000.0);
		assert_string_equal(times[i].text, want);
	}
	buf_clear(&out);
	sock_ss_bps(&out, UINT64_MAX - 1);
	assert_string_equal(written(), "147573952589676412928bps");
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

/* Damaged messages go through decoder and renderings without harm. */
static void random_damage(void **state)
{
	struct message whole;
	uint32_t r = 1;

	build_document();
	whole = msg;
	for (int n = 0; n < 20000; n++) {
		struct ev_walk w;
		struct ev ev = {0};

		msg = whole;
		for (int k = 0; k < 4; k++) {
			r = r * 1664525 + 1013904223;
			msg.p[(r >> 8) % msg.len] = (uint8_t)(r >> 3);
		}
		ev_batch_clear(batch);
		ev_batch_begin(batch);
		sockdiag_decode(msg.p, msg.len, batch, NULL);
		w = ev_walk(batch);
		assert_true(ev_next(&w, &ev));
		ss_line(&ev);
		json(&ev, true, true);
		buf_clear(&out);
		text_sock_event(&ev, n & 1, 0, &out);
		for (size_t i = 0; (n & 1) && i < out.len; i++)
			assert_true(out.p[i] >= ' ' && out.p[i] != 0x7f);
	}
}

static void text_of_print(void **state)
{
	struct ev_walk w;
	struct ev ev = {0};
	struct ev_snap *snap;
	struct ev_netns *ns;
	static const char head[] =
		"[sock period] 172.17.0.2:60606 54.195.168.190:443 ESTAB sk:8 ns 0x1/4026531840";
	static const char *const lines[] = {
		"recvq:0 sendq:0 timer:(keepalive,58sec,0) ino:103936",
		"skmem:(r0,rb131072,t0,tb2626560,f0,w0,o0,bl0,d0)",
		("ts cubic wscale:7,7 rto:426 rtt:101.8/81.005 ato:40 mss:65483 pmtu:65535 "
		 "rcvmss:6872 advmss:65483 cwnd:10"),
		("bytes_sent:745 bytes_acked:746 bytes_received:7456 segs_out:7 segs_in:7 "
		 "data_segs_out:3 data_segs_in:3"),
		("send 51460118bps lastsnd:825 lastrcv:677 lastack:677 pacing_rate 102919600bps "
		 "delivery_rate 1060453440bps delivered:4 busy:2ms"),
		"rcv_space:33280 rcv_ssthresh:33280 minrtt:0.494 snd_wnd:524288",
	};
	char want[2048];

	build_document();
	ev_batch_clear(batch);
	ev_batch_begin(batch);
	snap = EV_ADD(batch, snap);
	EV_SET(snap, snap, cause, ev_text(batch, "period"));
	ns = EV_ADD(batch, netns);
	EV_SET(ns, netns, cookie, 1);
	EV_SET(ns, netns, inum, 4026531840);
	assert_int_equal(sockdiag_decode(msg.p, msg.len, batch, NULL), 0);
	w = ev_walk(batch);
	assert_true(ev_next(&w, &ev));
	for (int level = 0; level <= 8; level += 4) {
		snprintf(want, sizeof(want), "%s", head);
		for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
			snprintf(want + strlen(want), sizeof(want) - strlen(want), "\n%*s%s",
				 level + 2, "", lines[i]);
		buf_clear(&out);
		text_sock_event(&ev, false, level, &out);
		assert_string_equal(written(), want);
	}
	snprintf(want, sizeof(want), "%s", head);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		snprintf(want + strlen(want), sizeof(want) - strlen(want), " %s", lines[i]);
	buf_clear(&out);
	text_sock_event(&ev, true, 0, &out);
	assert_string_equal(written(), want);
}

static void text_of_in_event_state(void **state)
{
	struct ev_sock s = {0};
	struct ev ev = {.sock = &s};

	buf_clear(&out);
	text_sock_group(&ev, &out);
	assert_string_equal(written(), "sock");
	EV_SET(&s, sock, state, 1);
	EV_SET(&s, sock, cookie, 0x2a);
	EV_SET(&s, sock, cwnd, 10);
	EV_SET(&s, sock, ssthresh, 0x7fffffff);
	EV_SET(&s, sock, srtt, 1250);
	EV_SET(&s, sock, rto, 204000);
	EV_SET(&s, sock, in_flight, 0);
	EV_SET(&s, sock, snd_una, 4294967295);
	EV_SET(&s, sock, pacing_rate, 1000);
	s.ca = (struct ev_str){.p = "b\nbr", .len = 4};
	s.has |= EV_BIT(sock, ca);
	buf_clear(&out);
	text_sock_group(&ev, &out);
	assert_string_equal(written(),
			    "sock ESTAB sk:2a b\\x0abr rto:204 rtt:1.25 cwnd:10 unacked:0 "
			    "snd_una:4294967295 pacing_rate 8000bps");
}

/* A name from a damaged file moves no cursor and ends no line. */
static void hostile_names(void **state)
{
	uint8_t info[104] = {0};
	struct ev ev;

	message_init(&msg, 1);
	message_attr(&msg, 4, "\x1b[2J\n\"", 7);
	message_attr(&msg, 2, info, sizeof(info));
	ev = decode(0);
	assert_non_null(strstr(ss_line(&ev), " \\x1b[2J\\x0a\""));
	assert_non_null(strstr(json(&ev, false, false), "{\"algorithm\":\"\\u001b[2J\\n\\\"\"}"));
}

/* Newer values go into one more object, and only there. */
static void extension(void **state)
{
	uint8_t info[280] = {0}, tclass = 0xb8;
	uint32_t v = 77;
	struct ev ev;
	const char *p;

	message_init(&msg, 1);
	memcpy(info + 232, &v, 4);
	message_attr(&msg, 2, info, sizeof(info));
	message_attr(&msg, 6, &tclass, 1);
	ev = decode(0);
	assert_null(strstr(json(&ev, false, false), "ext"));
	p = strstr(json(&ev, false, true),
		   ",\"dctcpInfo\":null,\"ext\":{\"rcvWnd\":77,\"rehash\":0,");
	assert_non_null(p);
	assert_non_null(strstr(p, ",\"tclass\":184}}"));
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
		cmocka_unit_test(document_comes_back),
		cmocka_unit_test(meminfo_from_skmeminfo),
		cmocka_unit_test(ss_golden_line),
		cmocka_unit_test(tcp_info_of_every_length),
		cmocka_unit_test(bit_fields),
		cmocka_unit_test(rows_without_attributes),
		cmocka_unit_test(addresses),
		cmocka_unit_test(unknown_attributes),
		cmocka_unit_test(keys_are_not_recorded),
		cmocka_unit_test(other_attributes),
		cmocka_unit_test(durations_and_numbers),
		cmocka_unit_test(cut_messages),
		cmocka_unit_test(random_damage),
		cmocka_unit_test(text_of_print),
		cmocka_unit_test(text_of_in_event_state),
		cmocka_unit_test(hostile_names),
		cmocka_unit_test(extension),
		cmocka_unit_test(every_field_has_a_place),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
