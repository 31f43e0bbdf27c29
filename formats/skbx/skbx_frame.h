/* SPDX-License-Identifier: BSD-2-Clause */
/* Frames of the event file (FORMAT.md, "Container"): file header, block header, seek table. */
#ifndef FORMATS_SKBX_FRAME_H
#define FORMATS_SKBX_FRAME_H

#include "formats/skbx/block.h"
#include "formats/buf.h"
#include "formats/skbx/skbx.h"

enum {
	FRAME_VERSION = 1,      /* of the format */
	FRAME_PREFIX_BYTES = 8, /* magic and size of a skippable frame */
	FRAME_BLOCK_MAX = 8192, /* bytes of a block header: its sketches are bounded */
	FRAME_FLOWS_MAX = 2048, /* bytes of the sketch of addresses and ports */
	FRAME_DATA_MAX = BLOCK_RAW_MAX + (BLOCK_RAW_MAX >> 7) + 1024, /* zstd's own bound */
	FRAME_SEEK_FOOTER_BYTES = 9,
	SKBX_INDEX = 5, /* a block of summaries; the other types are in skbx.h */
};

#define FRAME_HEADER_MAGIC UINT32_C(0x184D2A59)
#define FRAME_BLOCK_MAGIC  UINT32_C(0x184D2A5A)
/* zstd seekable format 0.1.0: contrib/seekable_format/zstd_seekable_compression_format.md */
#define FRAME_SEEK_MAGIC        UINT32_C(0x184D2A5E)
#define FRAME_SEEK_FOOTER_MAGIC UINT32_C(0x8F92EAB1)

/* A block header with what is not in the summary. */
struct frame_block {
	struct skbx_summary sum;
	uint32_t key;      /* seq + 1 of the key block that it uses; 0: it stands alone */
	uint32_t data_crc; /* CRC-32 of the compressed data */
	uint8_t id[SKBX_ID_BYTES];
	uint8_t flows[FRAME_FLOWS_MAX];
};

void frame_put_header(struct buf *out, const uint8_t id[SKBX_ID_BYTES]);

/*
 * Reads the file header: 0; -EPROTO: it is damaged (*version and id are not set); -ENOTSUP: its
 * version asks for a newer reader. Needs SKBX_HEADER_BYTES.
 */
int frame_get_header(const uint8_t *p, uint16_t *version, uint8_t id[SKBX_ID_BYTES]);

void frame_put_block(struct buf *out, const struct frame_block *b);

/*
 * Reads a block header that begins at p, of which len bytes are there. Its length; 0: more bytes
 * are needed to tell; -EPROTO: none, or damaged. sum.flows points into b->flows.
 */
int frame_get_block(struct frame_block *b, const uint8_t *p, size_t len);

/*
 * Whether what stands at p says that it is a block of this file at this offset of it: to be asked
 * before frame_get_block() where anything may stand, for it looks at some bytes only.
 */
bool frame_may_be_block(const uint8_t *p, size_t len, const uint8_t id[SKBX_ID_BYTES],
			uint64_t offset);

uint32_t frame_crc(const void *p, size_t len);
uint32_t frame_le32(const uint8_t *p);

/* Sketch of addresses and ports while a block is built. */
struct frame_sketch {
	uint8_t bits[FRAME_FLOWS_MAX];
	bool partial; /* a packet's addresses are not known: the sketch cannot be used */
};

/* Adds what a packet or a socket row can be asked for by address and port. */
void frame_sketch_packet(struct frame_sketch *s, const struct ev_packet *packet);
void frame_sketch_diag(struct frame_sketch *s, const struct ev_diag *diag);
void frame_sketch_sock(struct frame_sketch *s, const struct ev_sock *sock);
/* Folds the sketch into out, as small as it stays useful; its bytes, 0 when there is none. */
uint32_t frame_sketch_fold(const struct frame_sketch *s, uint8_t out[FRAME_FLOWS_MAX]);

#endif
