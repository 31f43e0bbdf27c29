/* SPDX-License-Identifier: BSD-2-Clause */
#include "formats/pcap/pcapng_write.h"

#include <string.h>

#include "formats/pcap/pcap_read.h"

enum {
	BLOCK_SECTION = 0x0a0d0d0a,
	BLOCK_INTERFACE = 1,
	BLOCK_ENHANCED = 6,
	ORDER = 0x1a2b3c4d,

	OPTION_END = 0,
	OPTION_COMMENT = 1,
	OPTION_SHB_HARDWARE = 2,
	OPTION_SHB_OS = 3,
	OPTION_SHB_APPLICATION = 4,
	OPTION_IF_NAME = 2,
	OPTION_IF_DESCRIPTION = 3,
	OPTION_IF_MAC = 6,
	OPTION_IF_TSRESOL = 9,
	OPTION_IF_FILTER = 11,
	OPTION_EPB_FLAGS = 2,
	OPTION_EPB_PACKETID = 5,

	TSRESOL_NS = 9,
	PEN_BYTES = 4,
	/* Pieces of a record are as long as an option can be and end at a multiple of four. */
	RECORD_PIECE = PCAPNG_OPTION_MAX - 3,
};

/* ---- pieces ---- */

static void pad(struct buf *out, size_t len)
{
	buf_le(out, 0, 4);
	if (!out->failed)
		out->len -= 4 - (4 - len % 4) % 4;
}

static size_t begin(struct buf *out, uint32_t type)
{
	size_t at = out->len;

	buf_le(out, type, 4);
	buf_le(out, 0, 4);
	return at;
}

/* Its length, which stands at both ends of a block. */
static void end(struct buf *out, size_t at)
{
	size_t len = out->len + 4 - at;

	buf_le(out, len, 4);
	for (size_t i = 0; !out->failed && i < 4; i++)
		out->p[at + 4 + i] = (uint8_t)(len >> (8 * i));
}

static void put_option(struct buf *out, unsigned int code, const void *p, size_t len)
{
	buf_le(out, code, 2);
	buf_le(out, len, 2);
	buf_put(out, p, len);
	pad(out, len);
}

/* Cut where it is too long, but never within a character. */
static void put_text(struct buf *out, unsigned int code, struct pcapng_text t)
{
	const uint8_t *p = t.p;
	size_t len = t.len;

	if (!len)
		return;
	if (len > PCAPNG_OPTION_MAX)
		for (len = PCAPNG_OPTION_MAX; len && (p[len] & 0xc0) == 0x80; len--)
			;
	put_option(out, code, p, len);
}

static void put_end(struct buf *out)
{
	buf_le(out, OPTION_END, 2);
	buf_le(out, 0, 2);
}

/* ---- blocks ---- */

void pcapng_put_section(struct buf *out, const struct pcapng_section *s)
{
	size_t at = begin(out, BLOCK_SECTION);

	buf_le(out, ORDER, 4);
	buf_le(out, 1, 2); /* version 1.0 */
	buf_le(out, 0, 2);
	buf_le(out, UINT64_MAX, 8); /* its length is not known: it is a stream */
	put_text(out, OPTION_SHB_HARDWARE, s->hardware);
	put_text(out, OPTION_SHB_OS, s->os);
	put_text(out, OPTION_SHB_APPLICATION, s->application);
	put_end(out);
	end(out, at);
}

void pcapng_put_interface(struct buf *out, const struct pcapng_interface *f)
{
	static const uint8_t resolution = TSRESOL_NS;
	size_t at = begin(out, BLOCK_INTERFACE);

	buf_le(out, f->linktype, 2);
	buf_le(out, 0, 2);
	buf_le(out, f->snaplen, 4);
	put_text(out, OPTION_IF_NAME, f->name);
	put_text(out, OPTION_IF_DESCRIPTION, f->description);
	if (f->mac)
		put_option(out, OPTION_IF_MAC, f->mac, 6);
	put_option(out, OPTION_IF_TSRESOL, &resolution, 1);
	if (f->filter.len && f->filter.len < PCAPNG_OPTION_MAX) {
		/* a first byte of 0 says: the text of a pcap filter */
		buf_le(out, OPTION_IF_FILTER, 2);
		buf_le(out, f->filter.len + 1, 2);
		buf_u8(out, 0);
		buf_put(out, f->filter.p, f->filter.len);
		pad(out, f->filter.len + 1);
	}
	put_end(out);
	end(out, at);
}

static void put_record(struct buf *out, struct pcapng_text record)
{
	for (size_t i = 0; i < record.len; i += RECORD_PIECE)
		put_option(out, PCAP_OPTION_SKBOX, (const uint8_t *)record.p + i,
			   record.len - i < RECORD_PIECE ? record.len - i : RECORD_PIECE);
}

void pcapng_put_packet(struct buf *out, const struct pcapng_packet *p)
{
	size_t at = begin(out, BLOCK_ENHANCED);

	buf_le(out, p->interface, 4);
	buf_le(out, p->time_ns >> 32, 4);
	buf_le(out, p->time_ns & UINT32_MAX, 4);
	buf_le(out, p->caplen, 4);
	buf_le(out, p->len, 4);
	buf_put(out, p->data, p->caplen);
	pad(out, p->caplen);
	put_text(out, OPTION_COMMENT, p->comment);
	if (p->direction) {
		const uint8_t flags[4] = {p->direction};

		put_option(out, OPTION_EPB_FLAGS, flags, sizeof(flags));
	}
	if (p->id) {
		buf_le(out, OPTION_EPB_PACKETID, 2);
		buf_le(out, 8, 2);
		buf_le(out, p->id, 8);
	}
	if (p->event.len && p->event.len <= PCAPNG_OPTION_MAX - PEN_BYTES) {
		buf_le(out, PCAP_OPTION_CUSTOM, 2);
		buf_le(out, p->event.len + PEN_BYTES, 2);
		buf_le(out, PCAP_PEN_RETIS, 4);
		buf_put(out, p->event.p, p->event.len);
		pad(out, p->event.len + PEN_BYTES);
	}
	put_record(out, p->record);
	put_end(out);
	end(out, at);
}

void pcapng_put_record(struct buf *out, struct pcapng_text record)
{
	size_t at = begin(out, PCAP_BLOCK_SKBOX);

	buf_le(out, record.len, 4);
	buf_put(out, record.p, record.len);
	pad(out, record.len);
	end(out, at);
}
