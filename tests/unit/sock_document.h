/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Socket snapshots for tests: the document that flowd's own documentation shows, as the message that the
 * kernel must have sent; and messages decoded and rendered. One file a test program includes this.
 */
#ifndef TESTS_SOCK_DOCUMENT_H
#define TESTS_SOCK_DOCUMENT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "formats/sock/flowd_json.h"
#include "formats/sock/sock_ss.h"
#include "formats/sock/sockdiag.h"
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

static inline int set_up(void **state)
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

static inline int tear_down(void **state)
{
	ev_batch_free(batch);
	buf_free(&out);
	return 0;
}

/* The event that the message makes; the decoder's answer must be `want`. */
static inline struct ev decode(int want)
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

static inline const char *written(void)
{
	buf_u8(&out, 0);
	return (const char *)out.p;
}

static inline const char *ss_line(const struct ev *ev)
{
	buf_clear(&out);
	sock_ss_line(ev, &out);
	return written();
}

static inline const char *json(const struct ev *ev, bool pretty, bool ext)
{
	struct flowd_json_options o = {.pretty = pretty, .ext = ext};

	buf_clear(&out);
	flowd_json(ev, &o, &out);
	return written();
}

/* The number that the document has for a key of an object. */
static inline uint64_t document_value(const char *object, const char *key)
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
static inline void build_document(void)
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

#endif
