// SPDX-License-Identifier: BSD-2-Clause
/* The protocol above TCP: INET_DIAG_ULP_INFO, which events keep as it came. */
#include "formats/sock/sock_ss.h"

#include "formats/cursor.h"
#include "formats/text/text.h"

/* INET_ULP_INFO_ of include/uapi/linux/inet_diag.h */
enum { ULP_TLS = 2, ULP_MPTCP = 3 };
/* TLS_INFO_ of include/uapi/linux/tls.h */
enum {
	TLS_VERSION = 1,
	TLS_CIPHER,
	TLS_TXCONF,
	TLS_RXCONF,
	TLS_ZC_RO_TX,
	TLS_RX_NO_PAD,
	TLS_TYPES
};
/* MPTCP_SUBFLOW_ATTR_ of include/uapi/linux/mptcp.h */
enum {
	FLOW_TOKEN_REM = 1,
	FLOW_TOKEN_LOC,
	FLOW_MAP_SEQ = 4,
	FLOW_MAP_SFSEQ,
	FLOW_SSN_OFFSET,
	FLOW_MAP_DATALEN,
	FLOW_FLAGS,
	FLOW_ID_REM,
	FLOW_ID_LOC,
	FLOW_TYPES
};
enum { NEST_TYPES = 16, TYPE_MASK = 0x3fff };

/* Attributes of a nest by type; p is NULL where there is none. */
struct nest {
	struct {
		const uint8_t *p;
		size_t len;
	} at[NEST_TYPES];
};

/*
 * Splits a nest. The bytes are in the order of the recorder's machine, which is taken to be
 * little-endian: on a big-endian one no length fits, and nothing is shown.
 */
static struct nest split(const void *p, size_t len)
{
	struct cursor c = cursor_init(p, len);
	struct nest n = {0};

	while (cursor_left(&c) >= 4) {
		size_t size = cursor_le(&c, 2), pad = (4 - size % 4) % 4;
		unsigned int type = cursor_le(&c, 2) & TYPE_MASK;

		if (size < 4 || size - 4 > cursor_left(&c))
			break;
		p = cursor_take(&c, size - 4);
		if (type < NEST_TYPES) {
			n.at[type].p = p;
			n.at[type].len = size - 4;
		}
		cursor_take(&c, pad < cursor_left(&c) ? pad : cursor_left(&c));
	}
	return n;
}

static bool has(const struct nest *n, unsigned int type, size_t size)
{
	return n->at[type].p && n->at[type].len >= size;
}

static uint64_t value(const struct nest *n, unsigned int type, size_t size)
{
	struct cursor c = cursor_init(n->at[type].p, n->at[type].len);

	return cursor_le(&c, size);
}

static void write_conf(const struct nest *n, unsigned int type, const char *name, struct buf *out)
{
	static const char *const words[] = {NULL, "none", "sw", "hw", "hw-record"};
	uint64_t v = has(n, type, 2) ? value(n, type, 2) : 0;

	if (!has(n, type, 2))
		return;
	buf_str(out, name);
	if (v && v < sizeof(words) / sizeof(words[0]))
		buf_str(out, words[v]);
	else
		buf_printf(out, "unknown(%u)", (unsigned int)v);
}

static void write_tls(const struct nest *n, struct buf *out)
{
	/* TLS_CIPHER_ numbers from 51 on */
	static const char *const ciphers[] = {"aes-gcm-128", "aes-gcm-256", "aes-ccm-128",
					      "chacha20-poly1305"};
	uint64_t v;

	if (has(n, TLS_VERSION, 2)) {
		v = value(n, TLS_VERSION, 2);
		buf_str(out, " version: ");
		if (v == 0x303 || v == 0x304)
			buf_str(out, v == 0x303 ? "1.2" : "1.3");
		else
			buf_printf(out, "unknown(%u)", (unsigned int)v);
	}
	if (has(n, TLS_CIPHER, 2)) {
		v = value(n, TLS_CIPHER, 2) - 51;
		if (v < sizeof(ciphers) / sizeof(ciphers[0])) {
			buf_str(out, " cipher: ");
			buf_str(out, ciphers[v]);
		}
	}
	write_conf(n, TLS_RXCONF, " rxconf: ", out);
	write_conf(n, TLS_TXCONF, " txconf: ", out);
	if (has(n, TLS_ZC_RO_TX, 0))
		buf_str(out, " zc_ro_tx");
	if (has(n, TLS_RX_NO_PAD, 0))
		buf_str(out, " no_pad_rx");
}

static void write_hex(const struct nest *n, unsigned int type, size_t size, const char *name,
		      struct buf *out)
{
	if (!has(n, type, size))
		return;
	buf_str(out, name);
	buf_hex(out, value(n, type, size));
}

static void write_mptcp(const struct nest *n, struct buf *out)
{
	/* bit 0 first: capable, join, backup of the peer and ours, established, connected, map valid */
	static const char flags[] = "MmJjBbecv";
	uint64_t v = has(n, FLOW_FLAGS, 4) ? value(n, FLOW_FLAGS, 4) : 0;

	if (v) {
		buf_str(out, " flags:");
		for (size_t i = 0; i < sizeof(flags) - 1; i++)
			if (v >> i & 1)
				buf_u8(out, (uint8_t)flags[i]);
	}
	if (has(n, FLOW_TOKEN_REM, 4) && has(n, FLOW_TOKEN_LOC, 4) && has(n, FLOW_ID_REM, 1) &&
	    has(n, FLOW_ID_LOC, 1))
		buf_printf(out, " token:%04x(id:%u)/%04x(id:%u)",
			   (unsigned int)value(n, FLOW_TOKEN_REM, 4),
			   (unsigned int)value(n, FLOW_ID_REM, 1),
			   (unsigned int)value(n, FLOW_TOKEN_LOC, 4),
			   (unsigned int)value(n, FLOW_ID_LOC, 1));
	write_hex(n, FLOW_MAP_SEQ, 8, " seq:", out);
	write_hex(n, FLOW_MAP_SFSEQ, 4, " sfseq:", out);
	write_hex(n, FLOW_SSN_OFFSET, 4, " ssnoff:", out);
	write_hex(n, FLOW_MAP_DATALEN, 2, " maplen:", out);
}

_Static_assert((int)TLS_TYPES <= NEST_TYPES && (int)FLOW_TYPES <= NEST_TYPES, "types of a nest");

void sock_ss_ulp(const struct ev *ev, struct buf *out)
{
	const struct ev_diag_attr *a = ev->diag_attr;
	struct nest ulp, inner;

	if (!a || !EV_HAS(a, diag_attr, ulp))
		return;
	buf_str(out, " tcp-ulp-");
	text_untrusted(out, a->ulp.p, a->ulp.len);
	ulp = split(a->ulp_raw.p, a->ulp_raw.len);
	if (ulp.at[ULP_TLS].p) {
		inner = split(ulp.at[ULP_TLS].p, ulp.at[ULP_TLS].len);
		write_tls(&inner, out);
	}
	if (ulp.at[ULP_MPTCP].p) {
		inner = split(ulp.at[ULP_MPTCP].p, ulp.at[ULP_MPTCP].len);
		write_mptcp(&inner, out);
	}
}
