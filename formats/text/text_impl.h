/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the files of the text renderer: a group is the text of one or a few sections of an event. */
#ifndef FORMATS_TEXT_IMPL_H
#define FORMATS_TEXT_IMPL_H

#include "formats/pen.h"
#include "formats/text/text.h"

struct text_writer {
	struct text *t;
	const struct ev *ev;
	struct buf *out;
	unsigned int indent; /* of the event's groups, in multi-line */
};

typedef void text_group(struct text_writer *w);

text_group text_head; /* text_head.c: all before the groups */

/* text_skb.c, text_packet.c, text_ct.c, text_ovs.c, text_startup.c */
text_group text_group_net;     /* netns and dev */
text_group text_group_skb;     /* vlan_accel, meta and data_ref, gso */
text_group text_group_classic; /* all of the above on a line, the packet on the next */
text_group text_group_packet;
text_group text_group_nft;
text_group text_group_ct;
text_group text_group_ovs;
text_group text_group_detrace;
text_group text_group_startup;

void text_packet_free(struct text_packet *packets);
void text_track_free(struct text_track *tracks);

/* Room that a function makes for its pieces (formats/pen.h): ten numbers at most, and their names. */
enum { TEXT_PIECES = 512 };

#define TEXT_LIT(out, text) buf_put(out, text, sizeof(text) - 1)

static inline void text_str(struct buf *out, struct ev_str s)
{
	text_untrusted(out, s.p, s.len);
}

/*
 * A text that was kept, with all of the room that it stands in: a copy of a fixed size is a few moves of 16 bytes.
 * Where the size is just known to be small, gcc makes it `rep movsq`, which took an eighth of all of print's time.
 */
#define TEXT_KEPT(out, slot) text_kept(out, (slot)->text, sizeof((slot)->text), (slot)->len)

static inline __attribute__((always_inline)) void text_kept(struct buf *out, const void *text,
							    size_t size, size_t len)
{
	uint8_t *p = buf_room(out, size);

	if (!p)
		return;
	memcpy(p, text, size);
	out->len += len;
}

/* Line feed and n blanks. */
void text_newline(struct buf *out, unsigned int n);

/* What stands between the lines of a group: a line feed with indentation, or a blank in single-line. */
static inline void text_separate(struct text_writer *w)
{
	if (w->t->o.single_line)
		buf_u8(w->out, ' ');
	else
		text_newline(w->out, w->indent);
}

/*
 * An unsigned integer behind its name (a literal, so that its length is known when inlined), in decimal
 * or (without 0x) in hexadecimal.
 */
static inline __attribute__((always_inline)) void text_dec(struct buf *out, const char *name,
							   uint64_t v)
{
	buf_put(out, name, __builtin_strlen(name));
	buf_dec(out, v);
}

static inline __attribute__((always_inline)) void text_hex(struct buf *out, const char *name,
							   uint64_t v)
{
	buf_put(out, name, __builtin_strlen(name));
	buf_hex(out, v);
}

#endif
