/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyze/sockets/values.h"

#include "formats/json.h"
#include "formats/schema.h"
#include "formats/sock/sock_ss.h"
#include "formats/sock/sockdiag.h"

enum kind { STATE, COUNTER };
enum form { PLAIN, MS, CA };

enum { STATE_LISTEN = 10 };

/* The words of ss; where ss has none, those of sock_ss_extras(). */
struct row {
	const char *word;
	uint8_t section, bit, kind, form;
	uint64_t unset; /* from this value on it is none; 0: every value is one */
};

#define ROW(name, sec, member, how, as, ...)                                                       \
	{                                                                                          \
		.word = (name), .section = EV_##sec, .bit = EVI_##sec##_##member, .kind = (how),   \
		.form = (as), ##__VA_ARGS__                                                        \
	}

/* ss does not show a threshold from here on: it was never set, or is as good as that */
enum { SSTHRESH_NONE = 0xffff };

static const struct row snapshot[] = {
	ROW("recvq", diag, rqueue, STATE, PLAIN),
	ROW("sendq", diag, wqueue, STATE, PLAIN),
	ROW("ca_state", tcpinfo, ca_state, STATE, CA),
	ROW("cwnd", tcpinfo, snd_cwnd, STATE, PLAIN),
	ROW("ssthresh", tcpinfo, snd_ssthresh, STATE, PLAIN, .unset = SSTHRESH_NONE),
	ROW("rtt", tcpinfo, rtt, STATE, MS),
	ROW("rttvar", tcpinfo, rttvar, STATE, MS),
	ROW("minrtt", tcpinfo, min_rtt, STATE, MS, .unset = UINT32_MAX),
	ROW("rto", tcpinfo, rto, STATE, MS),
	ROW("backoff", tcpinfo, backoff, STATE, PLAIN),
	ROW("retrans", tcpinfo, total_retrans, COUNTER, PLAIN),
	ROW("retrans_now", tcpinfo, retrans, STATE, PLAIN),
	ROW("unacked", tcpinfo, unacked, STATE, PLAIN),
	ROW("lost", tcpinfo, lost, STATE, PLAIN),
	ROW("sacked", tcpinfo, sacked, STATE, PLAIN),
	ROW("notsent", tcpinfo, notsent_bytes, STATE, PLAIN),
	ROW("bytes_sent", tcpinfo, bytes_sent, COUNTER, PLAIN),
	ROW("bytes_retrans", tcpinfo, bytes_retrans, COUNTER, PLAIN),
	ROW("bytes_acked", tcpinfo, bytes_acked, COUNTER, PLAIN),
	ROW("bytes_received", tcpinfo, bytes_received, COUNTER, PLAIN),
	ROW("segs_out", tcpinfo, segs_out, COUNTER, PLAIN),
	ROW("segs_in", tcpinfo, segs_in, COUNTER, PLAIN),
	ROW("data_segs_out", tcpinfo, data_segs_out, COUNTER, PLAIN),
	ROW("data_segs_in", tcpinfo, data_segs_in, COUNTER, PLAIN),
	ROW("busy", tcpinfo, busy_time, COUNTER, MS),
	ROW("rwnd_limited", tcpinfo, rwnd_limited, COUNTER, MS),
	ROW("sndbuf_limited", tcpinfo, sndbuf_limited, COUNTER, MS),
	ROW("dsack_dups", tcpinfo, dsack_dups, COUNTER, PLAIN),
	ROW("reordering", tcpinfo, reordering, STATE, PLAIN),
	ROW("reord_seen", tcpinfo, reord_seen, COUNTER, PLAIN),
	ROW("rcv_ooopack", tcpinfo, rcv_ooopack, COUNTER, PLAIN),
	ROW("snd_wnd", tcpinfo, snd_wnd, STATE, PLAIN),
	ROW("rcv_wnd", tcpinfo_new, rcv_wnd, STATE, PLAIN),
	ROW("mss", tcpinfo, snd_mss, STATE, PLAIN),
	ROW("pmtu", tcpinfo, pmtu, STATE, PLAIN),
	ROW("total_rto", tcpinfo_new, total_rto, COUNTER, PLAIN),
	ROW("rehash", tcpinfo_new, rehash, COUNTER, PLAIN),
	ROW("skmem.r", skmeminfo, rmem_alloc, STATE, PLAIN),
	ROW("skmem.rb", skmeminfo, rcvbuf, STATE, PLAIN),
	ROW("skmem.t", skmeminfo, wmem_alloc, STATE, PLAIN),
	ROW("skmem.tb", skmeminfo, sndbuf, STATE, PLAIN),
	ROW("skmem.w", skmeminfo, wmem_queued, STATE, PLAIN),
	ROW("skmem.bl", skmeminfo, backlog, STATE, PLAIN),
	ROW("skmem.d", skmeminfo, drops, COUNTER, PLAIN),
};

static const struct row packet[] = {
	ROW("cwnd", sock, cwnd, STATE, PLAIN),
	ROW("ssthresh", sock, ssthresh, STATE, PLAIN, .unset = SSTHRESH_NONE),
	ROW("rtt", sock, srtt, STATE, MS),
	ROW("rto", sock, rto, STATE, MS),
	ROW("unacked", sock, in_flight, STATE, PLAIN),
	ROW("retrans", sock, retransmits, COUNTER, PLAIN),
	ROW("lost", sock, lost, STATE, PLAIN),
	ROW("recvq", sock, rcvq, STATE, PLAIN),
	ROW("sendq", sock, sndq, STATE, PLAIN),
	ROW("drops", sock, drops, COUNTER, PLAIN),
};

_Static_assert(sizeof(snapshot) / sizeof(snapshot[0]) <= VALUES_MAX, "bits of values.has");

static const struct {
	const struct row *rows;
	unsigned int n;
} tables[] = {
	[VALUES_SNAPSHOT] = {snapshot, sizeof(snapshot) / sizeof(snapshot[0])},
	[VALUES_PACKET] = {packet, sizeof(packet) / sizeof(packet[0])},
};

static bool value_of(const struct row *r, const struct values *before, const struct ev *ev,
		     bool raw, uint64_t *v)
{
	const void *row = ev->row[r->section];

	if (!row || !(*(const uint64_t *)row >> r->bit & 1))
		return false;
	/* of a socket that listens they mean something else, which the queues say already */
	if (r->section == EV_tcpinfo &&
	    (before->listens || (ev->diag && ev->diag->state == STATE_LISTEN)))
		return false;
	*v = schema_get(schema_field_of(r->section, r->bit + 1u), row);
	if (!raw && r->unset && *v >= r->unset)
		*v = 0;
	return true;
}

static void put_value(const struct row *r, uint64_t v, struct buf *out)
{
	if (!v && r->unset)
		buf_str(out, "none");
	else if (r->form == MS && v > UINT32_MAX)
		buf_dec(out, v / 1000);
	else if (r->form == MS)
		sock_ss_ms(out, (uint32_t)v);
	else if (r->form == CA)
		buf_str(out, sockdiag_ca_name((unsigned int)v));
	else
		buf_dec(out, v);
}

bool values_changed(enum values_table table, const struct values *before, const struct ev *ev)
{
	for (unsigned int i = 0; i < tables[table].n; i++) {
		uint64_t v;

		if (value_of(&tables[table].rows[i], before, ev, false, &v) &&
		    (before->has >> i & 1 ? v != before->v[i] : v != 0))
			return true;
	}
	return false;
}

static void put_change(const struct row *r, bool known, uint64_t old, uint64_t v, struct buf *out)
{
	buf_u8(out, ' ');
	buf_str(out, r->word);
	buf_u8(out, ':');
	if (known && r->kind == COUNTER && v > old) {
		buf_u8(out, '+');
		put_value(r, v - old, out);
		return;
	}
	if (known) {
		put_value(r, old, out);
		buf_str(out, "->");
	}
	put_value(r, v, out);
}

static void note_listener(struct values *before, const struct ev *ev)
{
	before->listens |= ev->diag && ev->diag->state == STATE_LISTEN;
}

void values_put_text(enum values_table table, struct values *before, const struct ev *ev,
		     struct buf *out)
{
	note_listener(before, ev);
	for (unsigned int i = 0; i < tables[table].n; i++) {
		const struct row *r = &tables[table].rows[i];
		bool known = before->has >> i & 1;
		uint64_t v;

		if (!value_of(r, before, ev, false, &v))
			continue;
		if (known ? v != before->v[i] : v != 0)
			put_change(r, known, before->v[i], v, out);
		before->v[i] = v;
		before->has |= UINT64_C(1) << i;
	}
}

void values_put_json(enum values_table table, struct values *before, const struct ev *ev,
		     struct buf *out)
{
	bool any = false;

	note_listener(before, ev);
	for (unsigned int i = 0; i < tables[table].n; i++) {
		const struct row *r = &tables[table].rows[i];
		bool known = before->has >> i & 1;
		uint64_t v;

		if (!value_of(r, before, ev, true, &v) || (known && v == before->v[i]))
			continue;
		if (any)
			buf_u8(out, ',');
		any = true;
		json_put_key(out, schema_field_of(r->section, r->bit + 1u)->name);
		buf_u8(out, '[');
		if (known)
			buf_dec(out, before->v[i]);
		else
			buf_str(out, "null");
		buf_u8(out, ',');
		buf_dec(out, v);
		buf_u8(out, ']');
		before->v[i] = v;
		before->has |= UINT64_C(1) << i;
	}
}
