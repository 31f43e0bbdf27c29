/* SPDX-License-Identifier: BSD-2-Clause */
/* IPv4 (RFC 791) and IPv6 (RFC 8200), and the choice of what they carry. */
#include "formats/dissect/dissect_impl.h"

enum { IPV4_BYTES = 20, IPV6_BYTES = 40, NO_NEXT_HEADER = 59 };

/* What an IP protocol number leads to, and how many bytes its layer needs to show anything. */
static const struct transport {
	uint8_t protocol, need;
	bool ports; /* shown with the addresses */
	dissect_layer *current, *classic;
} transports[] = {
	{6, 20, true, dissect_tcp, dissect_tcp},   {17, 8, true, dissect_udp, dissect_udp},
	{1, 4, false, dissect_icmp, dissect_icmp}, {58, 4, false, dissect_icmp, dissect_icmp},
	{132, 12, true, dissect_sctp, NULL},       {51, 12, false, dissect_ah, NULL},
	{50, 8, false, dissect_esp, NULL},
};

static const char *const ipv6_extensions[256] = {
	[0] = "Hopopt",  [43] = "Ipv6Route", [44] = "Ipv6Frag",        [50] = "Esp",
	[51] = "Ah",     [60] = "Ipv6Opts",  [135] = "MobilityHeader", [139] = "Hip",
	[140] = "Shim6", [253] = "Test1",    [254] = "Test2",
};

static const struct transport *transport_of(const struct dissect *d, uint8_t protocol)
{
	for (size_t i = 0; i < sizeof(transports) / sizeof(transports[0]); i++)
		if (transports[i].protocol == protocol)
			return d->classic && !transports[i].classic ? NULL : &transports[i];
	return NULL;
}

void dissect_transport(struct dissect *d)
{
	const struct transport *t = transport_of(d, d->protocol);

	if (!t)
		dissect_unsupported_protocol(d, d->protocol);
	else if (cursor_left(&d->c) < t->need)
		dissect_truncated(d);
	else
		d->next = d->classic ? t->classic : t->current;
}

void dissect_protocol(struct dissect *d, uint8_t protocol)
{
	const char *name = dissect_protocol_name(protocol);
	uint8_t *p = buf_room(d->out, DISSECT_PIECES);

	if (p) {
		p = pen_lit(p, " proto ");
		if (name)
			p = pen_lit(pen_str(p, name), " ");
		buf_end(d->out, pen_lit(pen_dec(pen_lit(p, "("), protocol), ")"));
	}
	d->protocol = protocol;
	d->next = dissect_transport;
}

/* ports: of both, where they are shown; NULL: they are not. */
static uint8_t *pen_addresses(uint8_t *p, const uint8_t *src, const uint8_t *dst,
			      const uint8_t *ports)
{
	uint8_t *(*pen)(uint8_t * p, const uint8_t *a) =
		dst - src == 4 ? dissect_pen_ipv4 : dissect_pen_ipv6;

	p = pen(p, src);
	if (ports)
		p = pen_dec(pen_lit(p, "."), dissect_be16(ports));
	p = pen(pen_lit(p, " > "), dst);
	if (ports)
		p = pen_dec(pen_lit(p, "."), dissect_be16(ports + 2));
	return p;
}

static const uint8_t *ports_of(const struct dissect *d, uint8_t protocol)
{
	const struct transport *t = transport_of(d, protocol);

	return t && t->ports && cursor_left(&d->c) >= t->need ? d->c.p : NULL;
}

static uint8_t *pen_ecn(uint8_t *p, unsigned int ecn)
{
	static const char *const names[] = {"", " ECT(1)", " ECT(0)", " CE"};

	return ecn & 3 ? pen_str(p, names[ecn & 3]) : p;
}

/* The names of the outer two are Retis' own; they are not those of RFC 791. */
static uint8_t *pen_ipv4_flags(uint8_t *p, unsigned int bits)
{
	static const char *const names[8] = {
		"",     " [rsvd]",   " [DF]",   " [DF,rsvd]",
		" [+]", " [+,rsvd]", " [+,DF]", " [+,DF,rsvd]",
	};

	return pen_str(p, names[bits & 7]);
}

static void ipv4_options(struct buf *out, const uint8_t *p, size_t len)
{
	struct cursor c = cursor_init(p, len);
	bool any = false;

	while (cursor_left(&c)) {
		uint8_t type = cursor_u8(&c), bytes = 0;

		if (!type && !any)
			break;
		buf_str(out, any ? ",Ipv4OptionNumber(" : " opts [Ipv4OptionNumber(");
		any = true;
		buf_dec(out, type & 31);
		buf_u8(out, ')');
		if (!type)
			break;
		if (type == 1)
			continue;
		bytes = cursor_u8(&c);
		if (bytes > 2)
			cursor_take(&c, bytes - 2u);
	}
	if (any)
		buf_u8(out, ']');
}

static void ipv4_text(struct dissect *d, const uint8_t *header, size_t total)
{
	uint8_t *p = buf_room(d->out, DISSECT_PIECES);

	if (!p)
		return;
	p = pen_addresses(p, header + 12, header + 16, ports_of(d, header[9]));
	p = pen_hex(pen_lit(p, " tos 0x"), header[1] >> 2);
	p = pen_ecn(p, header[1]);
	p = pen_dec(pen_lit(p, " ttl "), header[8]);
	p = pen_dec(pen_lit(p, " id "), dissect_be16(header + 4));
	p = pen_dec(pen_lit(p, " off "), (dissect_be16(header + 6) & 0x1fff) * 8u);
	p = pen_ipv4_flags(p, header[6] >> 5);
	if (total)
		p = pen_dec(pen_lit(p, " len "), total);
	buf_end(d->out, p);
}

void dissect_ipv4(struct dissect *d)
{
	const uint8_t *p = cursor_take(&d->c, IPV4_BYTES), *options;
	size_t header, total, options_len;

	if (!p) {
		dissect_truncated(d);
		return;
	}
	header = (p[0] & 15) * 4u;
	total = dissect_be16(p + 2);
	options = d->c.p;
	options_len = header > IPV4_BYTES ? header - IPV4_BYTES : 0;
	if (options_len > cursor_left(&d->c))
		options_len = cursor_left(&d->c);
	d->c.p += options_len;
	d->plen = total > header ? (uint32_t)(total - header) : 0;
	if (cursor_left(&d->c) > d->plen)
		d->c.end = d->c.p + d->plen;

	ipv4_text(d, p, total);
	ipv4_options(d->out, options, options_len);
	dissect_protocol(d, p[9]);
}

/*
 * Walks the extension headers. ESP and AH are walked over as if they were ordinary ones, as Retis does.
 * Returns the number of the protocol behind them, or -1 when one of them is longer than what is there
 * (Retis panics on it). *last is the number of the last one, -1 when there is none.
 */
static int ipv6_walk_extensions(struct dissect *d, uint8_t next, int *last)
{
	bool any = false;

	*last = -1;
	while (ipv6_extensions[next] && cursor_left(&d->c) >= 2) {
		uint32_t size = d->c.p[1] * 8u + 8;

		buf_str(d->out, any ? "," : " exts [");
		buf_str(d->out, ipv6_extensions[next]);
		any = true;
		*last = next;
		next = d->c.p[0];
		if (!cursor_take(&d->c, size))
			return -1;
		d->plen = d->plen > size ? d->plen - size : 0;
	}
	if (any)
		buf_u8(d->out, ']');
	return next;
}

/* The classic program knows the ESP extension as a layer, and stops there. */
static void esp_extension_classic(struct dissect *d)
{
	DISSECT_LIT(d->out, " len ");
	buf_dec(d->out, d->plen);
	DISSECT_LIT(d->out, "... (ESP packet not supported, use 'retis pcap')");
	d->next = NULL;
}

static void ipv6_text(struct dissect *d, const uint8_t *header)
{
	uint8_t *p = buf_room(d->out, DISSECT_PIECES);

	if (!p)
		return;
	p = pen_addresses(p, header + 8, header + 24, ports_of(d, header[6]));
	p = pen_ecn(p, header[1] >> 4);
	p = pen_dec(pen_lit(p, " ttl "), header[7]);
	p = pen_hex(pen_lit(p, " label 0x"), dissect_be32(header) & 0xfffff);
	if (d->plen)
		p = pen_dec(pen_lit(p, " len "), d->plen);
	buf_end(d->out, p);
}

void dissect_ipv6(struct dissect *d)
{
	const uint8_t *p = cursor_take(&d->c, IPV6_BYTES);
	size_t mark;
	int protocol, last;

	if (!p) {
		dissect_truncated(d);
		return;
	}
	d->plen = dissect_be16(p + 4);
	if (cursor_left(&d->c) > d->plen)
		d->c.end = d->c.p + d->plen;

	ipv6_text(d, p);
	mark = d->out->len;
	protocol = ipv6_walk_extensions(d, p[6], &last);
	if (protocol < 0) {
		d->out->len = mark;
		dissect_truncated(d);
		return;
	}
	if (p[6] == NO_NEXT_HEADER)
		return;
	dissect_protocol(d, (uint8_t)protocol);
	if (d->classic && last == 50)
		esp_extension_classic(d);
}
