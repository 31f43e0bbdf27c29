// SPDX-License-Identifier: BSD-2-Clause
#include "formats/sock/sockdiag.h"

#include <errno.h>

#include "formats/cursor.h"

/*
 * Our own numbers and offsets, not the system's headers: those end where the kernel of the build
 * machine ended (232 bytes of tcp_info on Debian 12, 280 on Linux 6.18).
 */
enum attr {
	ATTR_MEMINFO = 1,
	ATTR_INFO,
	ATTR_VEGASINFO,
	ATTR_CONG,
	ATTR_TOS,
	ATTR_TCLASS,
	ATTR_SKMEMINFO,
	ATTR_SHUTDOWN,
	ATTR_DCTCPINFO,
	ATTR_PROTOCOL,
	ATTR_SKV6ONLY,
	ATTR_PAD = 14,
	ATTR_MARK,
	ATTR_BBRINFO,
	ATTR_CLASS_ID,
	ATTR_MD5SIG,
	ATTR_ULP_INFO,
	ATTR_CGROUP_ID = 21,
	ATTR_SOCKOPT,
	ATTR_TYPES = 64, /* above those that we know: for the mask of types seen */
};

enum { ATTR_HEADER_BYTES = 4, ATTR_TYPE_MASK = 0x3fff, ULP_NAME = 1, AF_IPV4 = 2, AF_IPV6 = 10 };

/* One field of a structure of the kernel, and where it goes. */
struct source {
	uint16_t from;       /* offset in the kernel's structure */
	uint8_t size;        /* bytes there, 1 to 8 */
	uint8_t shift, bits; /* bits: 0 is all of it */
	uint8_t bit;         /* in `has` */
	uint8_t to_size;
	uint16_t to; /* offset in our row */
};

#define SOURCE_BITS(sec, member, offset, bytes, low, width)                                        \
	{                                                                                          \
		.from = (offset), .size = (bytes), .shift = (low), .bits = (width),                \
		.bit = EVI_##sec##_##member, .to_size = sizeof(((struct ev_##sec *)0)->member),    \
		.to = offsetof(struct ev_##sec, member)                                            \
	}
#define SOURCE(sec, member, offset, bytes) SOURCE_BITS(sec, member, offset, bytes, 0, 0)

/* Bit fields of a byte grow from the low end on little-endian machines, from the high end on others. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define SOURCE_FIELD(sec, member, offset, first, width)                                            \
	SOURCE_BITS(sec, member, offset, 1, first, width)
#else
#define SOURCE_FIELD(sec, member, offset, first, width)                                            \
	SOURCE_BITS(sec, member, offset, 1, 8 - (first) - (width), width)
#endif

static const struct source msg_fields[] = {
	SOURCE(diag, family, 0, 1),  SOURCE(diag, state, 1, 1),    SOURCE(diag, timer, 2, 1),
	SOURCE(diag, retrans, 3, 1), SOURCE(diag, ifindex, 40, 4), SOURCE(diag, expires, 52, 4),
	SOURCE(diag, rqueue, 56, 4), SOURCE(diag, wqueue, 60, 4),  SOURCE(diag, uid, 64, 4),
	SOURCE(diag, inode, 68, 4),
};

/* struct tcp_info up to the 232 bytes of Linux 5.4. */
static const struct source tcpinfo_fields[] = {
	SOURCE(tcpinfo, state, 0, 1),
	SOURCE(tcpinfo, ca_state, 1, 1),
	SOURCE(tcpinfo, retransmits, 2, 1),
	SOURCE(tcpinfo, probes, 3, 1),
	SOURCE(tcpinfo, backoff, 4, 1),
	SOURCE(tcpinfo, options, 5, 1),
	SOURCE_FIELD(tcpinfo, snd_wscale, 6, 0, 4),
	SOURCE_FIELD(tcpinfo, rcv_wscale, 6, 4, 4),
	SOURCE_FIELD(tcpinfo, app_limited, 7, 0, 1),
	SOURCE_FIELD(tcpinfo, fastopen_fail, 7, 1, 2),
	SOURCE(tcpinfo, rto, 8, 4),
	SOURCE(tcpinfo, ato, 12, 4),
	SOURCE(tcpinfo, snd_mss, 16, 4),
	SOURCE(tcpinfo, rcv_mss, 20, 4),
	SOURCE(tcpinfo, unacked, 24, 4),
	SOURCE(tcpinfo, sacked, 28, 4),
	SOURCE(tcpinfo, lost, 32, 4),
	SOURCE(tcpinfo, retrans, 36, 4),
	SOURCE(tcpinfo, fackets, 40, 4),
	SOURCE(tcpinfo, last_data_sent, 44, 4),
	SOURCE(tcpinfo, last_ack_sent, 48, 4),
	SOURCE(tcpinfo, last_data_recv, 52, 4),
	SOURCE(tcpinfo, last_ack_recv, 56, 4),
	SOURCE(tcpinfo, pmtu, 60, 4),
	SOURCE(tcpinfo, rcv_ssthresh, 64, 4),
	SOURCE(tcpinfo, rtt, 68, 4),
	SOURCE(tcpinfo, rttvar, 72, 4),
	SOURCE(tcpinfo, snd_ssthresh, 76, 4),
	SOURCE(tcpinfo, snd_cwnd, 80, 4),
	SOURCE(tcpinfo, advmss, 84, 4),
	SOURCE(tcpinfo, reordering, 88, 4),
	SOURCE(tcpinfo, rcv_rtt, 92, 4),
	SOURCE(tcpinfo, rcv_space, 96, 4),
	SOURCE(tcpinfo, total_retrans, 100, 4),
	SOURCE(tcpinfo, pacing_rate, 104, 8),
	SOURCE(tcpinfo, max_pacing_rate, 112, 8),
	SOURCE(tcpinfo, bytes_acked, 120, 8),
	SOURCE(tcpinfo, bytes_received, 128, 8),
	SOURCE(tcpinfo, segs_out, 136, 4),
	SOURCE(tcpinfo, segs_in, 140, 4),
	SOURCE(tcpinfo, notsent_bytes, 144, 4),
	SOURCE(tcpinfo, min_rtt, 148, 4),
	SOURCE(tcpinfo, data_segs_in, 152, 4),
	SOURCE(tcpinfo, data_segs_out, 156, 4),
	SOURCE(tcpinfo, delivery_rate, 160, 8),
	SOURCE(tcpinfo, busy_time, 168, 8),
	SOURCE(tcpinfo, rwnd_limited, 176, 8),
	SOURCE(tcpinfo, sndbuf_limited, 184, 8),
	SOURCE(tcpinfo, delivered, 192, 4),
	SOURCE(tcpinfo, delivered_ce, 196, 4),
	SOURCE(tcpinfo, bytes_sent, 200, 8),
	SOURCE(tcpinfo, bytes_retrans, 208, 8),
	SOURCE(tcpinfo, dsack_dups, 216, 4),
	SOURCE(tcpinfo, reord_seen, 220, 4),
	SOURCE(tcpinfo, rcv_ooopack, 224, 4),
	SOURCE(tcpinfo, snd_wnd, 228, 4),
};

/* And from there to the 280 bytes of Linux 6.18. */
enum { TCPINFO_NEW_FROM = 232, TCPINFO_KNOWN_BYTES = 280 };
static const struct source tcpinfo_new_fields[] = {
	SOURCE(tcpinfo_new, rcv_wnd, 232, 4),
	SOURCE(tcpinfo_new, rehash, 236, 4),
	SOURCE(tcpinfo_new, total_rto, 240, 2),
	SOURCE(tcpinfo_new, total_rto_recoveries, 242, 2),
	SOURCE(tcpinfo_new, total_rto_time, 244, 4),
	SOURCE(tcpinfo_new, received_ce, 248, 4),
	SOURCE(tcpinfo_new, delivered_e1_bytes, 252, 4),
	SOURCE(tcpinfo_new, delivered_e0_bytes, 256, 4),
	SOURCE(tcpinfo_new, delivered_ce_bytes, 260, 4),
	SOURCE(tcpinfo_new, received_e1_bytes, 264, 4),
	SOURCE(tcpinfo_new, received_e0_bytes, 268, 4),
	SOURCE(tcpinfo_new, received_ce_bytes, 272, 4),
	SOURCE(tcpinfo_new, word276, 276, 4),
};

static const struct source meminfo_fields[] = {
	SOURCE(meminfo, rmem, 0, 4),
	SOURCE(meminfo, wmem, 4, 4),
	SOURCE(meminfo, fmem, 8, 4),
	SOURCE(meminfo, tmem, 12, 4),
};
static const struct source skmeminfo_fields[] = {
	SOURCE(skmeminfo, rmem_alloc, 0, 4), SOURCE(skmeminfo, rcvbuf, 4, 4),
	SOURCE(skmeminfo, wmem_alloc, 8, 4), SOURCE(skmeminfo, sndbuf, 12, 4),
	SOURCE(skmeminfo, fwd_alloc, 16, 4), SOURCE(skmeminfo, wmem_queued, 20, 4),
	SOURCE(skmeminfo, optmem, 24, 4),    SOURCE(skmeminfo, backlog, 28, 4),
	SOURCE(skmeminfo, drops, 32, 4),
};
static const struct source vegas_fields[] = {
	SOURCE(vegas, enabled, 0, 4),
	SOURCE(vegas, rttcnt, 4, 4),
	SOURCE(vegas, rtt, 8, 4),
	SOURCE(vegas, minrtt, 12, 4),
};
static const struct source dctcp_fields[] = {
	SOURCE(dctcp, enabled, 0, 2), SOURCE(dctcp, ce_state, 2, 2), SOURCE(dctcp, alpha, 4, 4),
	SOURCE(dctcp, ab_ecn, 8, 4),  SOURCE(dctcp, ab_tot, 12, 4),
};
/* bw is two words, low one first whatever the machine: see decode_bbr() */
static const struct source bbr_fields[] = {
	SOURCE(bbr, min_rtt, 8, 4),
	SOURCE(bbr, pacing_gain, 12, 4),
	SOURCE(bbr, cwnd_gain, 16, 4),
};
static const struct source tos_fields[] = {SOURCE(diag_attr, tos, 0, 1)};
static const struct source tclass_fields[] = {SOURCE(diag_attr, tclass, 0, 1)};
static const struct source shutdown_fields[] = {SOURCE(diag_attr, shutdown, 0, 1)};
static const struct source v6only_fields[] = {SOURCE(diag_attr, v6only, 0, 1)};
static const struct source mark_fields[] = {SOURCE(diag_attr, mark, 0, 4)};
static const struct source class_id_fields[] = {SOURCE(diag_attr, class_id, 0, 4)};
static const struct source cgroup_fields[] = {SOURCE(diag_attr, cgroup_id, 0, 8)};
static const struct source protocol_fields[] = {SOURCE(diag, protocol, 0, 1)};

#define STRUCTURE(sec, table, known)                                                               \
	{                                                                                          \
		EV_##sec, sizeof(table) / sizeof((table)[0]), known, table                         \
	}
static const struct structure {
	uint8_t section, n;
	uint16_t
		known; /* bytes that we know; what is longer is kept raw as well. 0: no structure */
	const struct source *fields;
} structures[] = {
	[ATTR_MEMINFO] = STRUCTURE(meminfo, meminfo_fields, 16),
	[ATTR_VEGASINFO] = STRUCTURE(vegas, vegas_fields, 16),
	[ATTR_TOS] = STRUCTURE(diag_attr, tos_fields, 1),
	[ATTR_TCLASS] = STRUCTURE(diag_attr, tclass_fields, 1),
	[ATTR_SKMEMINFO] = STRUCTURE(skmeminfo, skmeminfo_fields, 36),
	[ATTR_SHUTDOWN] = STRUCTURE(diag_attr, shutdown_fields, 1),
	[ATTR_DCTCPINFO] = STRUCTURE(dctcp, dctcp_fields, 16),
	[ATTR_PROTOCOL] = STRUCTURE(diag, protocol_fields, 1),
	[ATTR_SKV6ONLY] = STRUCTURE(diag_attr, v6only_fields, 1),
	[ATTR_MARK] = STRUCTURE(diag_attr, mark_fields, 4),
	[ATTR_BBRINFO] = STRUCTURE(bbr, bbr_fields, 20),
	[ATTR_CLASS_ID] = STRUCTURE(diag_attr, class_id_fields, 4),
	[ATTR_CGROUP_ID] = STRUCTURE(diag_attr, cgroup_fields, 8),
};

/* What is being filled. */
struct decoder {
	struct ev_batch *b;
	struct ev_diag *diag;
	struct ev_diag_attr *attr; /* NULL until an attribute needs it */
	uint64_t seen;             /* types of attributes: sections come once an event */
	uint32_t n_unknown;
	struct ev_str unknown[SOCKDIAG_UNKNOWN_MAX];
};

/* An unsigned integer of this machine's byte order. */
static inline uint64_t native(const uint8_t *p, unsigned int size)
{
	uint16_t h;
	uint32_t w;
	uint64_t d;

	switch (size) {
	case 1: return p[0];
	case 2: memcpy(&h, p, sizeof(h)); return h;
	case 4: memcpy(&w, p, sizeof(w)); return w;
	default: memcpy(&d, p, sizeof(d)); return d;
	}
}

static inline void store(uint8_t *p, unsigned int size, uint64_t v)
{
	uint16_t h = (uint16_t)v;
	uint32_t w = (uint32_t)v;

	switch (size) {
	case 1: *p = (uint8_t)v; break;
	case 2: memcpy(p, &h, sizeof(h)); break;
	case 4: memcpy(p, &w, sizeof(w)); break;
	default: memcpy(p, &v, sizeof(v)); break;
	}
}

/* Copies the fields that lie wholly within len bytes. The row begins with `has`, as every row does. */
static void decode_fields(const struct source *f, size_t n, const uint8_t *p, size_t len, void *row)
{
	uint64_t has = 0;

	for (const struct source *end = f + n; f < end; f++) {
		uint64_t v;

		if ((size_t)f->from + f->size > len)
			continue;
		v = native(p + f->from, f->size);
		if (f->bits)
			v = v >> f->shift & ((1U << f->bits) - 1);
		store((uint8_t *)row + f->to, f->to_size, v);
		has |= UINT64_C(1) << f->bit;
	}
	*(uint64_t *)row |= has;
}

#define DECODE(table, p, len, row)                                                                 \
	decode_fields(table, sizeof(table) / sizeof((table)[0]), p, len, row)

static struct ev_diag_attr *attr_row(struct decoder *d)
{
	if (!d->attr)
		d->attr = EV_ADD(d->b, diag_attr);
	return d->attr;
}

static void *section_row(struct decoder *d, unsigned int section)
{
	if (section == EV_diag)
		return d->diag;
	if (section == EV_diag_attr)
		return attr_row(d);
	return ev_batch_add(d->b, (enum ev_section)section);
}

/* Keeps an attribute whole, in the form that schema.def tells. */
static void keep_raw(struct decoder *d, unsigned int type, const uint8_t *p, size_t len)
{
	uint8_t raw[4 + SOCKDIAG_RAW_MAX];
	size_t n = len < SOCKDIAG_RAW_MAX ? len : SOCKDIAG_RAW_MAX;

	if (d->n_unknown == SOCKDIAG_UNKNOWN_MAX)
		return;
	raw[0] = (uint8_t)type;
	raw[1] = (uint8_t)(type >> 8);
	raw[2] = (uint8_t)len;
	raw[3] = (uint8_t)(len >> 8);
	memcpy(raw + 4, p, n);
	d->unknown[d->n_unknown++] = ev_string(d->b, raw, 4 + n);
}

static void decode_tcpinfo(struct decoder *d, const uint8_t *p, size_t len)
{
	struct ev_tcpinfo *t = EV_ADD(d->b, tcpinfo);

	DECODE(tcpinfo_fields, p, len, t);
	EV_SET(t, tcpinfo, info_len, (uint16_t)len);
	if (len > TCPINFO_KNOWN_BYTES) {
		size_t n = len - TCPINFO_KNOWN_BYTES;

		n = n < SOCKDIAG_RAW_MAX ? n : SOCKDIAG_RAW_MAX;
		EV_SET(t, tcpinfo, tail, ev_bytes(d->b, p + TCPINFO_KNOWN_BYTES, n));
	}
	/* no row without a field */
	if (len >= TCPINFO_NEW_FROM + 4)
		DECODE(tcpinfo_new_fields, p, len, EV_ADD(d->b, tcpinfo_new));
}

static void decode_ulp(struct decoder *d, const uint8_t *p, size_t len)
{
	struct cursor c = cursor_init(p, len);
	struct ev_diag_attr *row = attr_row(d);

	EV_SET(row, diag_attr, ulp_raw,
	       ev_string(d->b, p, len < SOCKDIAG_RAW_MAX ? len : SOCKDIAG_RAW_MAX));
	while (cursor_left(&c) >= ATTR_HEADER_BYTES) {
		const uint8_t *h = cursor_take(&c, ATTR_HEADER_BYTES);
		size_t n = native(h, 2);
		unsigned int type = native(h + 2, 2) & ATTR_TYPE_MASK;

		if (n < ATTR_HEADER_BYTES || n - ATTR_HEADER_BYTES > cursor_left(&c))
			return; /* the raw bytes are kept anyway */
		h = cursor_take(&c, n - ATTR_HEADER_BYTES);
		if (type == ULP_NAME) {
			EV_SET(row, diag_attr, ulp,
			       ev_string(d->b, h, strnlen((const char *)h, n - ATTR_HEADER_BYTES)));
			return;
		}
		n = (4 - n % 4) % 4;
		cursor_take(&c, n < cursor_left(&c) ? n : cursor_left(&c));
	}
}

static void decode_bbr(struct ev_bbr *row, const uint8_t *p, size_t len)
{
	if (len >= 8)
		EV_SET(row, bbr, bw, native(p, 4) | native(p + 4, 4) << 32);
}

static void decode_attr(struct decoder *d, unsigned int type, const uint8_t *p, size_t len)
{
	const struct structure *s = NULL;
	bool again = type >= ATTR_TYPES || (d->seen >> type & 1);

	if (type == ATTR_MD5SIG || type == ATTR_PAD)
		return;
	if (type < ATTR_TYPES)
		d->seen |= UINT64_C(1) << type;
	if (again) {
		keep_raw(d, type, p, len);
		return;
	}
	if (type < sizeof(structures) / sizeof(structures[0]) && structures[type].known)
		s = &structures[type];
	if (s) {
		void *row = section_row(d, s->section);

		decode_fields(s->fields, s->n, p, len, row);
		if (type == ATTR_BBRINFO)
			decode_bbr(row, p, len);
		if (len > s->known)
			keep_raw(d, type, p, len);
	} else if (type == ATTR_INFO) {
		decode_tcpinfo(d, p, len);
	} else if (type == ATTR_CONG) {
		struct ev_cong *row = EV_ADD(d->b, cong);

		EV_SET(row, cong, algorithm, ev_string(d->b, p, strnlen((const char *)p, len)));
	} else if (type == ATTR_ULP_INFO) {
		decode_ulp(d, p, len);
	} else if (type == ATTR_SOCKOPT && len >= 2) {
		/* a structure of bit fields in two bytes: no byte order */
		EV_SET(attr_row(d), diag_attr, sockopt, (uint16_t)(p[0] | p[1] << 8));
		if (len > 2)
			keep_raw(d, type, p, len);
	} else {
		keep_raw(d, type, p, len);
	}
}

static void decode_msg(struct decoder *d, const uint8_t *p)
{
	size_t addr = p[0] == AF_IPV4 ? 4 : 16;
	struct ev_diag *row = EV_ADD(d->b, diag);

	d->diag = row;
	DECODE(msg_fields, p, SOCKDIAG_MSG_BYTES, row);
	EV_SET(row, diag, sport, (uint16_t)(p[4] << 8 | p[5]));
	EV_SET(row, diag, dport, (uint16_t)(p[6] << 8 | p[7]));
	EV_SET(row, diag, src, ev_string(d->b, p + 8, addr));
	EV_SET(row, diag, dst, ev_string(d->b, p + 24, addr));
	/* two words, the low one first whatever the machine */
	EV_SET(row, diag, cookie, native(p + 44, 4) | native(p + 48, 4) << 32);
}

int sockdiag_decode(const void *msg, size_t len, struct ev_batch *b, struct skbox_error *err)
{
	struct decoder d = {.b = b};
	struct cursor c = cursor_init(msg, len);
	const uint8_t *p = cursor_take(&c, SOCKDIAG_MSG_BYTES);
	int ret = 0;

	if (!p)
		return error_set(err, -EBADMSG, len,
				 "inet_diag message of %zu bytes, at least %d are needed", len,
				 SOCKDIAG_MSG_BYTES);
	if (p[0] != AF_IPV4 && p[0] != AF_IPV6)
		return error_set(err, -EBADMSG, 0, "inet_diag message of address family %u", p[0]);
	decode_msg(&d, p);
	while (cursor_left(&c) > 0) {
		uint64_t at = len - cursor_left(&c);
		const uint8_t *h = cursor_take(&c, ATTR_HEADER_BYTES);
		size_t n = h ? native(h, 2) : 0, pad;

		if (n < ATTR_HEADER_BYTES || n - ATTR_HEADER_BYTES > cursor_left(&c)) {
			ret = error_set(err, -EPROTO, at,
					"inet_diag attribute of %zu bytes where %zu are left", n,
					h ? cursor_left(&c) + ATTR_HEADER_BYTES
					  : (size_t)(len - at));
			break;
		}
		p = cursor_take(&c, n - ATTR_HEADER_BYTES);
		decode_attr(&d, native(h + 2, 2) & ATTR_TYPE_MASK, p, n - ATTR_HEADER_BYTES);
		/* the last attribute may lack its padding */
		pad = (4 - n % 4) % 4;
		cursor_take(&c, pad < cursor_left(&c) ? pad : cursor_left(&c));
	}
	if (d.n_unknown)
		EV_SET(attr_row(&d), diag_attr, unknown, ev_list(b, d.unknown, d.n_unknown));
	return ret;
}

const char *sockdiag_state_name(unsigned int state)
{
	static const char *const names[] = {"UNKNOWN",    "ESTAB",      "SYN-SENT",  "SYN-RECV",
					    "FIN-WAIT-1", "FIN-WAIT-2", "TIME-WAIT", "UNCONN",
					    "CLOSE-WAIT", "LAST-ACK",   "LISTEN",    "CLOSING",
					    "SYN-RECV"};

	return names[state < sizeof(names) / sizeof(names[0]) ? state : 0];
}

const char *sockdiag_ca_name(unsigned int ca_state)
{
	static const char *const names[] = {"Open", "Disorder", "CWR", "Recovery", "Loss"};

	return ca_state < sizeof(names) / sizeof(names[0]) ? names[ca_state] : "unknown";
}
