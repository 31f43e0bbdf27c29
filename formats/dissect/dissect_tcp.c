/* SPDX-License-Identifier: BSD-2-Clause */
/* TCP (RFC 9293) and its options. */
#include "formats/dissect/dissect_impl.h"

enum { TCP_BYTES = 20 };

/* How the value of an option is shown. */
enum shape { BARE, U8, U16, U32, TWO_U32, SACK, FASTOPEN };

static const struct tcp_option {
	uint8_t kind, shape;
	char name[12];
} tcp_options[] = {
	{1, BARE, "nop"},      {8, TWO_U32, "TS"},    {0, BARE, "eol"},   {2, U16, "mss"},
	{3, U8, "wscale"},     {4, BARE, "sackOK"},   {5, SACK, "sack"},  {6, U32, "echo"},
	{7, U32, "echoreply"}, {11, U32, "cc"},       {12, U32, "ccnew"}, {13, U32, "ccecho"},
	{19, BARE, "md5"},     {20, BARE, "scps"},    {28, BARE, "uto"},  {29, BARE, "tcp-ao"},
	{30, BARE, "mptcp"},   {34, FASTOPEN, "tfo"}, {254, BARE, "exp"},
};

static void put_integer(struct buf *out, struct cursor *c, size_t bytes)
{
	const uint8_t *p = cursor_take(c, bytes);
	uint32_t v = 0;

	if (!p)
		return; /* cut off: the name stands alone */
	for (size_t i = 0; i < bytes; i++)
		v = v << 8 | p[i];
	buf_u8(out, ' ');
	buf_dec(out, v);
}

static void put_timestamps(struct buf *out, struct cursor *c)
{
	const uint8_t *p = cursor_take(c, 8);

	if (!p)
		return;
	DISSECT_LIT(out, " val ");
	buf_dec(out, dissect_be32(p));
	DISSECT_LIT(out, " ecr ");
	buf_dec(out, dissect_be32(p + 4));
}

/* len: of the value, from the option's length byte; c ends where the captured value does. */
static void put_sack(struct buf *out, struct cursor *c, size_t len)
{
	const uint8_t *p;

	if (len % 8) {
		DISSECT_LIT(out, " invalid");
		return;
	}
	buf_u8(out, ' ');
	buf_dec(out, len / 8);
	buf_u8(out, ' ');
	while ((p = cursor_take(c, 8))) {
		buf_u8(out, '{');
		buf_dec(out, dissect_be32(p));
		buf_u8(out, ':');
		buf_dec(out, dissect_be32(p + 4));
		buf_u8(out, '}');
	}
}

static void put_fastopen(struct buf *out, struct cursor *c, size_t len)
{
	if (!len) {
		DISSECT_LIT(out, " cookiereq");
		return;
	}
	DISSECT_LIT(out, " cookie ");
	for (size_t i = 0; i < len; i++) {
		if (!cursor_left(c)) {
			DISSECT_LIT(out, "??");
			continue;
		}
		DISSECT_LIT(out, "0x");
		buf_hex(out, cursor_u8(c)); /* not padded */
	}
}

static void put_option(struct buf *out, const struct tcp_option *o, struct cursor c, size_t len)
{
	buf_str(out, o->name);
	switch ((enum shape)o->shape) {
	case BARE: break;
	case U8: put_integer(out, &c, 1); break;
	case U16: put_integer(out, &c, 2); break;
	case U32: put_integer(out, &c, 4); break;
	case TWO_U32: put_timestamps(out, &c); break;
	case SACK: put_sack(out, &c, len); break;
	case FASTOPEN: put_fastopen(out, &c, len); break;
	}
}

static const struct tcp_option *option_of(uint8_t kind)
{
	static const struct tcp_option unknown = {0, BARE, "?"};

	for (size_t i = 0; i < sizeof(tcp_options) / sizeof(tcp_options[0]); i++)
		if (tcp_options[i].kind == kind)
			return &tcp_options[i];
	return &unknown;
}

static void put_options(struct buf *out, struct cursor c)
{
	for (bool any = false; cursor_left(&c); any = true) {
		uint8_t kind = cursor_u8(&c);
		size_t len = 0, kept;

		if (any)
			buf_u8(out, ',');
		if (kind > 1) {
			len = cursor_u8(&c);
			len = len > 2 ? len - 2 : 0;
		}
		kept = len < cursor_left(&c) ? len : cursor_left(&c);
		put_option(out, option_of(kind), cursor_init(c.p, kept), len);
		c.p += kept;
	}
}

static void put_flags(struct buf *out, uint8_t reserved, uint8_t flags)
{
	/* FIN SYN RST PSH ACK URG ECE CWR */
	static const char letters[] = "FSRP.UEW";

	for (int i = 0; i < 8; i++)
		if (flags >> i & 1)
			buf_u8(out, (uint8_t)letters[i]);
	if (reserved & 1) /* RFC 7560; now AccECN's AE */
		buf_u8(out, 'e');
}

void dissect_tcp(struct dissect *d)
{
	const uint8_t *p = cursor_take(&d->c, TCP_BYTES);
	uint32_t seq, header;
	size_t options;

	if (!p) {
		dissect_truncated(d);
		return;
	}
	seq = dissect_be32(p + 4);
	header = (p[12] >> 4) * 4u;
	DISSECT_LIT(d->out, " flags [");
	put_flags(d->out, p[12], p[13]);
	DISSECT_LIT(d->out, "] seq ");
	buf_dec(d->out, seq);
	if (d->plen > header) { /* data, by the lengths in the headers; numbers wrap */
		buf_u8(d->out, ':');
		buf_dec(d->out, (uint32_t)(seq + (d->plen - header)));
	}
	if (p[13] & 0x10) {
		DISSECT_LIT(d->out, " ack ");
		buf_dec(d->out, dissect_be32(p + 8));
	}
	DISSECT_LIT(d->out, " win ");
	buf_dec(d->out, dissect_be16(p + 14));
	if (header <= TCP_BYTES)
		return;
	options = header - TCP_BYTES;
	if (options > cursor_left(&d->c))
		options = cursor_left(&d->c);
	DISSECT_LIT(d->out, " [");
	put_options(d->out, cursor_init(d->c.p, options));
	buf_u8(d->out, ']');
}
