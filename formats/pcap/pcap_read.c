/* SPDX-License-Identifier: BSD-2-Clause */
#include "formats/pcap/pcap_read.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "formats/buf.h"
#include "formats/cursor.h"
#include "formats/pcap/pcapng_record.h"

enum {
	MAGIC_US = 0xa1b2c3d4,
	MAGIC_NS = 0xa1b23c4d,
	MAGIC_NG = 0x0a0d0d0a, /* the same in both byte orders */
	MAGIC_ORDER = 0x1a2b3c4d,
	PCAP_HEADER_BYTES = 24,
	PCAP_RECORD_BYTES = 16,
	NG_MIN_BYTES = 12,
	NG_ORDER_AT = 8,

	BLOCK_INTERFACE = 1,
	BLOCK_PACKET = 2, /* obsolete */
	BLOCK_SIMPLE = 3,
	BLOCK_ENHANCED = 6,

	OPTION_END = 0,
	OPTION_IF_NAME = 2,
	OPTION_IF_TSRESOL = 9,
	OPTION_IF_TSOFFSET = 14,
	IF_NAME_MAX = 255,
};

struct interface {
	uint16_t linktype;
	uint32_t snaplen;
	uint8_t tsresol;
	int64_t tsoffset; /* seconds */
	char *name;       /* NULL: none */
	uint32_t name_len;
};

struct pcap_reader {
	enum { KIND_UNKNOWN, KIND_PCAP, KIND_NG } kind;
	bool big;   /* byte order */
	bool nanos; /* pcap: unit of the fraction */
	uint16_t linktype;
	struct interface *ifs;
	uint32_t n_ifs, cap_ifs;
	struct buf record; /* one of our own that came in pieces */
};

bool pcap_recognize(const void *p, size_t len)
{
	struct cursor c = cursor_init(p, len), d = c;
	uint32_t le = (uint32_t)cursor_le(&c, 4), be = cursor_be32(&d);

	return !c.is_short && (le == MAGIC_US || le == MAGIC_NS || be == MAGIC_US ||
			       be == MAGIC_NS || be == MAGIC_NG);
}

struct pcap_reader *pcap_reader_new(void)
{
	return calloc(1, sizeof(struct pcap_reader));
}

static void forget_interfaces(struct pcap_reader *r)
{
	for (uint32_t i = 0; i < r->n_ifs; i++)
		free(r->ifs[i].name);
	r->n_ifs = 0;
}

void pcap_reader_free(struct pcap_reader *r)
{
	if (!r)
		return;
	forget_interfaces(r);
	free(r->ifs);
	buf_free(&r->record);
	free(r);
}

static uint32_t get16(const struct pcap_reader *r, struct cursor *c)
{
	return r->big ? cursor_be16(c) : (uint32_t)cursor_le(c, 2);
}

static uint32_t get32(const struct pcap_reader *r, struct cursor *c)
{
	return r->big ? cursor_be32(c) : (uint32_t)cursor_le(c, 4);
}

/* ---- pcap ---- */

static int pcap_header(struct pcap_reader *r, struct cursor c, size_t *used)
{
	uint32_t magic;

	if (cursor_left(&c) < PCAP_HEADER_BYTES)
		return 0;
	magic = (uint32_t)cursor_le(&c, 4);
	r->big = magic != MAGIC_US && magic != MAGIC_NS;
	r->nanos = magic == MAGIC_NS || __builtin_bswap32(magic) == MAGIC_NS;
	/* version, time zone and accuracy (always 0), snap length: records have their own lengths */
	cursor_take(&c, 16);
	r->linktype = (uint16_t)get32(r, &c); /* the high half tells of a frame check sequence */
	r->kind = KIND_PCAP;
	*used = PCAP_HEADER_BYTES;
	return 0;
}

static int pcap_record(struct pcap_reader *r, struct cursor c, struct pcap_packet *packet,
		       size_t *used, struct skbox_error *err)
{
	uint32_t sec, fraction;

	if (cursor_left(&c) < PCAP_RECORD_BYTES)
		return 0;
	sec = get32(r, &c);
	fraction = get32(r, &c);
	*packet = (struct pcap_packet){.linktype = r->linktype, .has_time = true};
	packet->time_ns =
		(uint64_t)sec * 1000000000 + (r->nanos ? fraction : (uint64_t)fraction * 1000);
	packet->caplen = get32(r, &c);
	packet->len = get32(r, &c);
	if (packet->caplen > PCAP_RECORD_MAX)
		return error_set(err, -EPROTO, 0,
				 "a packet of %u captured bytes cannot be; the rest is lost",
				 packet->caplen);
	packet->data = cursor_take(&c, packet->caplen);
	if (!packet->data)
		return 0;
	if (packet->len < packet->caplen)
		packet->len = packet->caplen;
	*used = PCAP_RECORD_BYTES + packet->caplen;
	return 1;
}

/* ---- pcapng ---- */

struct ng_option {
	uint32_t code, len;
	struct cursor value;
};

/* The next option; false at the end, or where the rest is too short for one. */
static bool next_option(const struct pcap_reader *r, struct cursor *c, struct ng_option *o)
{
	const uint8_t *p;

	if (cursor_left(c) < 4)
		return false;
	o->code = get16(r, c);
	o->len = get16(r, c);
	p = o->code == OPTION_END ? NULL : cursor_take(c, o->len);
	if (!p)
		return false;
	o->value = cursor_init(p, o->len);
	cursor_take(c,
		    (4 - o->len % 4) % 4 < cursor_left(c) ? (4 - o->len % 4) % 4 : cursor_left(c));
	return true;
}

static int ng_interface(struct pcap_reader *r, struct cursor c, struct skbox_error *err)
{
	struct interface f = {.tsresol = 6};
	struct ng_option o;

	f.linktype = (uint16_t)get16(r, &c);
	get16(r, &c);
	f.snaplen = get32(r, &c);
	if (c.is_short)
		return error_set(err, -EPROTO, 0, "an interface block is too short");
	if (r->n_ifs == PCAP_INTERFACES_MAX)
		return error_set(err, -EPROTO, 0, "more than %d interfaces", PCAP_INTERFACES_MAX);
	if (r->n_ifs == r->cap_ifs) {
		uint32_t cap = r->cap_ifs ? r->cap_ifs * 2 : 8;
		struct interface *v = realloc(r->ifs, cap * sizeof(*v));

		if (!v)
			return error_set(err, -ENOMEM, 0, "out of memory");
		r->ifs = v;
		r->cap_ifs = cap;
	}
	while (next_option(r, &c, &o)) {
		if (o.code == OPTION_IF_NAME && !f.name && o.len && o.len <= IF_NAME_MAX) {
			f.name = malloc(o.len);
			if (!f.name)
				return error_set(err, -ENOMEM, 0, "out of memory");
			memcpy(f.name, o.value.p, o.len);
			f.name_len = o.len;
		} else if (o.code == OPTION_IF_TSRESOL && o.len == 1) {
			f.tsresol = cursor_u8(&o.value);
		} else if (o.code == OPTION_IF_TSOFFSET && o.len == 8) {
			uint64_t first = get32(r, &o.value), second = get32(r, &o.value);

			f.tsoffset =
				(int64_t)(r->big ? first << 32 | second : second << 32 | first);
		}
	}
	r->ifs[r->n_ifs++] = f;
	return 0;
}

/* A time stamp in the interface's unit as nanoseconds; wraps where 64 bits are not enough. */
static uint64_t to_ns(const struct interface *f, uint64_t ts)
{
	static const uint64_t powers[] = {1,      10,      100,      1000,      10000,
					  100000, 1000000, 10000000, 100000000, 1000000000};
	unsigned int n = f->tsresol & 0x7f;
	uint64_t ns;

	if (f->tsresol & 0x80)
		ns = n < 64 ? (uint64_t)((unsigned __int128)ts * 1000000000 >> n) : 0;
	else if (n <= 9)
		ns = ts * powers[9 - n];
	else
		ns = n <= 18 ? ts / powers[n - 9] : 0;
	return ns + (uint64_t)f->tsoffset * 1000000000;
}

/* A piece of our own event: the first says what it is, further ones follow it. */
static void ng_record(struct pcap_reader *r, const struct ng_option *o, struct pcap_packet *packet)
{
	if (!packet->record) {
		if (!pcapng_record_is(o->value.p, o->len))
			return;
		packet->record = o->value.p;
		packet->record_len = o->len;
		return;
	}
	if (packet->record != r->record.p) {
		buf_clear(&r->record);
		buf_put(&r->record, packet->record, packet->record_len);
	}
	buf_put(&r->record, o->value.p, o->len);
	packet->record = r->record.p;
	packet->record_len = (uint32_t)r->record.len;
}

/* An event of ours without a packet: 1, or 0 when the block is somebody else's. */
static int ng_own(struct pcap_reader *r, struct cursor c, struct pcap_packet *packet)
{
	uint32_t len = get32(r, &c);
	const uint8_t *p = cursor_take(&c, len);

	if (!p || (len && !pcapng_record_is(p, len)))
		return 0;
	*packet = (struct pcap_packet){.record = p, .record_len = len, .no_packet = true};
	return 1;
}

static int ng_packet(struct pcap_reader *r, struct cursor c, uint32_t type,
		     struct pcap_packet *packet, struct skbox_error *err)
{
	const struct interface *f;
	uint64_t ts = 0;

	*packet = (struct pcap_packet){.has_time = type != BLOCK_SIMPLE};
	if (type == BLOCK_PACKET) {
		packet->interface = get16(r, &c);
		get16(r, &c);
	} else if (type == BLOCK_ENHANCED) {
		packet->interface = get32(r, &c);
	}
	if (packet->has_time) {
		ts = (uint64_t)get32(r, &c) << 32;
		ts |= get32(r, &c);
		packet->caplen = get32(r, &c);
	}
	packet->len = get32(r, &c);
	if (packet->interface >= r->n_ifs)
		return error_set(err, -EPROTO, 0, "a packet of interface %u, and there are %u",
				 packet->interface, r->n_ifs);
	f = &r->ifs[packet->interface];
	if (type == BLOCK_SIMPLE) {
		packet->caplen = packet->len;
		if (f->snaplen && packet->caplen > f->snaplen)
			packet->caplen = f->snaplen;
		if (packet->caplen > cursor_left(&c))
			packet->caplen = (uint32_t)cursor_left(&c);
	}
	packet->data = cursor_take(&c, packet->caplen);
	if (c.is_short)
		return error_set(err, -EPROTO, 0,
				 "a packet block is too short for its %u captured bytes",
				 packet->caplen);
	if (packet->len < packet->caplen)
		packet->len = packet->caplen;
	packet->time_ns = to_ns(f, ts);
	packet->linktype = f->linktype;
	packet->name = f->name;
	packet->name_len = f->name_len;
	if (type != BLOCK_SIMPLE) {
		struct ng_option o;
		uint32_t pad = (4 - packet->caplen % 4) % 4;

		if (pad <= cursor_left(&c))
			cursor_take(&c, pad);
		while (next_option(r, &c, &o)) {
			if (o.code == PCAP_OPTION_SKBOX)
				ng_record(r, &o, packet);
			if (o.code != PCAP_OPTION_CUSTOM || o.len <= 4 ||
			    get32(r, &o.value) != PCAP_PEN_RETIS)
				continue;
			packet->event = o.value.p;
			packet->event_len = o.len - 4;
		}
		if (packet->record && r->record.failed)
			return error_set(err, -ENOMEM, 0, "out of memory");
	}
	return 1;
}

/* Where a section begins the byte order is looked up: true when the bytes say one. */
static bool ng_order(struct pcap_reader *r, struct cursor c)
{
	uint32_t order;

	cursor_take(&c, NG_ORDER_AT);
	order = (uint32_t)cursor_le(&c, 4);
	r->big = order != MAGIC_ORDER;
	return order == MAGIC_ORDER || __builtin_bswap32(order) == MAGIC_ORDER;
}

static int ng_block(struct pcap_reader *r, struct cursor c, struct pcap_packet *packet,
		    size_t *used, struct skbox_error *err)
{
	struct cursor whole = c, body;
	uint32_t type, len, again;
	int rc = 0;

	if (cursor_left(&c) < NG_MIN_BYTES)
		return 0;
	type = get32(r, &c);
	if (type == MAGIC_NG && !ng_order(r, whole))
		return error_set(err, -EPROTO, 0, "a section without byte order; the rest is lost");
	len = get32(r, &c);
	if (len < NG_MIN_BYTES || len % 4 || len > PCAP_RECORD_MAX)
		return error_set(err, -EPROTO, 0, "a block of %u bytes cannot be; the rest is lost",
				 len);
	if (cursor_left(&whole) < len)
		return 0;
	*used = len;
	body = cursor_init(c.p, len - NG_MIN_BYTES);
	cursor_take(&c, len - NG_MIN_BYTES);
	again = get32(r, &c);
	if (again != len)
		return error_set(err, -EPROTO, 0,
				 "a block of %u bytes says %u at its end; left out", len, again);
	switch (type) {
	case MAGIC_NG: forget_interfaces(r); break;
	case BLOCK_INTERFACE: rc = ng_interface(r, body, err); break;
	case BLOCK_PACKET:
	case BLOCK_SIMPLE:
	case BLOCK_ENHANCED: rc = ng_packet(r, body, type, packet, err); break;
	case PCAP_BLOCK_SKBOX: rc = ng_own(r, body, packet); break;
	default: break;
	}
	return rc;
}

int pcap_read(struct pcap_reader *r, const void *p, size_t len, struct pcap_packet *packet,
	      size_t *used, struct skbox_error *err)
{
	struct cursor c = cursor_init(p, len), magic = c;

	*used = 0;
	if (r->kind == KIND_UNKNOWN) {
		if (len < 4)
			return 0;
		if (!pcap_recognize(p, len))
			return error_set(err, -EPROTO, 0, "not a packet file");
		if (cursor_be32(&magic) != MAGIC_NG)
			return pcap_header(r, c, used);
		r->kind = KIND_NG;
	}
	if (r->kind == KIND_PCAP)
		return pcap_record(r, c, packet, used, err);
	return ng_block(r, c, packet, used, err);
}
