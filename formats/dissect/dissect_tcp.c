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
	const uint8_t *value = cursor_take(c, bytes);
	uint8_t *p = buf_room(out, DISSECT_PIECES);
	uint32_t v = 0;

	if (!value || !p)
		return; /* cut off: the name stands alone */
	for (size_t i = 0; i < bytes; i++)
		v = v << 8 | value[i];
	buf_end(out, pen_dec(pen_lit(p, " "), v));
}

static void put_timestamps(struct buf *out, struct cursor *c)
{
	const uint8_t *value = cursor_take(c, 8);
	uint8_t *p = buf_room(out, DISSECT_PIECES);

	if (!value || !p)
		return;
	p = pen_dec(pen_lit(p, " val "), dissect_be32(value));
	buf_end(out, pen_dec(pen_lit(p, " ecr "), dissect_be32(value + 4)));
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

static uint8_t *pen_flags(uint8_t *p, uint8_t reserved, uint8_t flags)
{
	/* FIN SYN RST PSH ACK URG ECE CWR */
	static const char letters[] = "FSRP.UEW";

	for (unsigned int left = flags; left; left &= left - 1)
		*p++ = (uint8_t)letters[__builtin_ctz(left)];
	if (reserved & 1) /* RFC 7560; now AccECN's AE */
		*p++ = 'e';
	return p;
}

static void tcp_text(struct dissect *d, const uint8_t *tcp, uint32_t header)
{
	uint32_t seq = dissect_be32(tcp + 4);
	uint8_t *p = buf_room(d->out, DISSECT_PIECES);

	if (!p)
		return;
	p = pen_flags(pen_lit(p, " flags ["), tcp[12], tcp[13]);
	p = pen_dec(pen_lit(p, "] seq "), seq);
	if (d->plen > header) /* data, by the lengths in the headers; numbers wrap */
		p = pen_dec(pen_lit(p, ":"), (uint32_t)(seq + (d->plen - header)));
	if (tcp[13] & 0x10)
		p = pen_dec(pen_lit(p, " ack "), dissect_be32(tcp + 8));
	buf_end(d->out, pen_dec(pen_lit(p, " win "), dissect_be16(tcp + 14)));
}

void dissect_tcp(struct dissect *d)
{
	const uint8_t *p = cursor_take(&d->c, TCP_BYTES);
	uint32_t header;
	size_t options;

	if (!p) {
		dissect_truncated(d);
		return;
	}
	header = (p[12] >> 4) * 4u;
	tcp_text(d, p, header);
	if (header <= TCP_BYTES)
		return;
	options = header - TCP_BYTES;
	if (options > cursor_left(&d->c))
		options = cursor_left(&d->c);
	DISSECT_LIT(d->out, " [");
	put_options(d->out, cursor_init(d->c.p, options));
	buf_u8(d->out, ']');
}
