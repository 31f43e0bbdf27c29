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

	DISSECT_LIT(d->out, " proto ");
	if (name) {
		buf_str(d->out, name);
		buf_u8(d->out, ' ');
	}
	buf_u8(d->out, '(');
	buf_dec(d->out, protocol);
	buf_u8(d->out, ')');
	d->protocol = protocol;
	d->next = dissect_transport;
}

static void put_addresses(struct dissect *d, const uint8_t *src, const uint8_t *dst,
			  uint8_t protocol)
{
	void (*put)(struct buf * out, const uint8_t *a) =
		dst - src == 4 ? dissect_put_ipv4 : dissect_put_ipv6;
	const struct transport *t = transport_of(d, protocol);
	bool ports = t && t->ports && cursor_left(&d->c) >= t->need;

	put(d->out, src);
	if (ports) {
		buf_u8(d->out, '.');
		buf_dec(d->out, dissect_be16(d->c.p));
	}
	DISSECT_LIT(d->out, " > ");
	put(d->out, dst);
	if (ports) {
		buf_u8(d->out, '.');
		buf_dec(d->out, dissect_be16(d->c.p + 2));
	}
}

static void put_ecn(struct buf *out, unsigned int ecn)
{
	static const char *const names[] = {"", " ECT(1)", " ECT(0)", " CE"};

	buf_str(out, names[ecn & 3]);
}

/* The names of the outer two are Retis' own; they are not those of RFC 791. */
static void ipv4_flags(struct buf *out, unsigned int bits)
{
	static const char *const names[8] = {
		"",     " [rsvd]",   " [DF]",   " [DF,rsvd]",
		" [+]", " [+,rsvd]", " [+,DF]", " [+,DF,rsvd]",
	};

	buf_str(out, names[bits & 7]);
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

	put_addresses(d, p + 12, p + 16, p[9]);
	DISSECT_LIT(d->out, " tos 0x");
	buf_hex(d->out, p[1] >> 2);
	put_ecn(d->out, p[1]);
	DISSECT_LIT(d->out, " ttl ");
	buf_dec(d->out, p[8]);
	DISSECT_LIT(d->out, " id ");
	buf_dec(d->out, dissect_be16(p + 4));
	DISSECT_LIT(d->out, " off ");
	buf_dec(d->out, (dissect_be16(p + 6) & 0x1fff) * 8u);
	ipv4_flags(d->out, p[6] >> 5);
	if (total) {
		DISSECT_LIT(d->out, " len ");
		buf_dec(d->out, total);
	}
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

	put_addresses(d, p + 8, p + 24, p[6]);
	put_ecn(d->out, p[1] >> 4);
	DISSECT_LIT(d->out, " ttl ");
	buf_dec(d->out, p[7]);
	DISSECT_LIT(d->out, " label 0x");
	buf_hex(d->out, dissect_be32(p) & 0xfffff);
	if (d->plen) {
		DISSECT_LIT(d->out, " len ");
		buf_dec(d->out, d->plen);
	}
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
