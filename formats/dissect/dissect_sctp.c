/* SPDX-License-Identifier: BSD-2-Clause */
/* SCTP (RFC 9260). */
#include "formats/dissect/dissect_impl.h"

enum { SCTP_BYTES = 12, CHUNK_BYTES = 4 };

struct sctp_chunk {
	char name[20];
	uint8_t need; /* bytes of value that its text needs */
	void (*put)(struct buf *out, uint8_t flags, const uint8_t *value);
};

static void put_number(struct buf *out, const char *name, uint32_t v)
{
	buf_str(out, name);
	buf_dec(out, v);
}

static void put_data(struct buf *out, uint8_t flags, const uint8_t *p)
{
	static const char letters[] = "UBE"; /* bits 4, 2, 1 */

	if (flags & 7) {
		DISSECT_LIT(out, " (");
		for (int i = 0; i < 3; i++)
			if (flags & 4 >> i)
				buf_u8(out, (uint8_t)letters[i]);
		buf_u8(out, ')');
	}
	put_number(out, " TSN ", dissect_be32(p));
	put_number(out, " SID ", dissect_be16(p + 4));
	put_number(out, " SSEQ ", dissect_be16(p + 6));
	DISSECT_LIT(out, " PPID 0x");
	buf_hex(out, dissect_be32(p + 8));
}

static void put_init(struct buf *out, uint8_t flags, const uint8_t *p)
{
	DISSECT_LIT(out, " init_tag 0x");
	buf_hex(out, dissect_be32(p));
	put_number(out, " rwnd ", dissect_be32(p + 4));
	put_number(out, " OS ", dissect_be16(p + 8));
	put_number(out, " MIS ", dissect_be16(p + 10));
	put_number(out, " init_TSN ", dissect_be32(p + 12));
}

static void put_sack(struct buf *out, uint8_t flags, const uint8_t *p)
{
	put_number(out, " cum_ack ", dissect_be32(p));
	put_number(out, " a_rwnd ", dissect_be32(p + 4));
	put_number(out, " #gap_acks ", dissect_be16(p + 8));
	put_number(out, " #dup_tsns ", dissect_be16(p + 10));
}

static const struct sctp_chunk *chunk_of(uint8_t type)
{
	static const struct sctp_chunk chunks[] = {
		{"DATA", 12, put_data}, {"INIT", 16, put_init},   {"INIT_ACK", 16, put_init},
		{"SACK", 12, put_sack}, {"HEARTBEAT", 0, NULL},   {"HEARTBEAT_ACK", 0, NULL},
		{"ABORT", 0, NULL},     {"SHUTDOWN", 0, NULL},    {"SHUTDOWN_ACK", 0, NULL},
		{"ERROR", 0, NULL},     {"COOKIE_ECHO", 0, NULL}, {"COOKIE_ACK", 0, NULL},
		{"ECNE", 0, NULL},      {"CWR", 0, NULL},         {"SHUTDOWN_COMPLETE", 0, NULL},
	};

	return type < sizeof(chunks) / sizeof(chunks[0]) ? &chunks[type] : NULL;
}

void dissect_sctp(struct dissect *d)
{
	const uint8_t *p = cursor_take(&d->c, SCTP_BYTES);
	uint32_t promised = d->plen > SCTP_BYTES ? d->plen - SCTP_BYTES : 0, used = 0;

	if (!p) {
		dissect_truncated(d);
		return;
	}
	DISSECT_LIT(d->out, " vtag 0x");
	buf_hex(d->out, dissect_be32(p + 4));
	while (cursor_left(&d->c) >= CHUNK_BYTES) {
		const uint8_t *head = d->c.p, *value = head + CHUNK_BYTES;
		const struct sctp_chunk *chunk = chunk_of(head[0]);
		uint32_t size = (dissect_be16(head + 2) + 3u) & ~3u;

		if (size < CHUNK_BYTES)
			size = CHUNK_BYTES;
		if (chunk && cursor_left(&d->c) - CHUNK_BYTES < chunk->need) {
			dissect_truncated(d);
			return;
		}
		DISSECT_LIT(d->out, " [");
		if (chunk)
			buf_str(d->out, chunk->name);
		else
			put_number(d->out, "UNKNOWN:", head[0]);
		if (chunk && chunk->put)
			chunk->put(d->out, head[1], value);
		buf_u8(d->out, ']');
		used += size;
		d->c.p += size < cursor_left(&d->c) ? size : cursor_left(&d->c);
	}
	if (promised > used)
		dissect_truncated(d);
}
