/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The packet group. One packet is seen by several probes, and its bytes and their text are the same
 * each time: the last texts are kept. A slot holds the bytes themselves and is compared with them, so
 * that it is right whatever batch the packet came from.
 */
#include <stdlib.h>

#include "formats/dissect/dissect.h"
#include "formats/text/text_impl.h"

enum {
	SLOTS = 256, /* packets that are on their way at one time; 200 KiB, fits a core's cache */
	BYTES_MAX = 256, /* Retis and, by default, we keep 255 bytes of a packet */
	TEXT_MAX = 512,  /* most texts have less than 300 */
};

/* How the bytes begin: what of a packet decides on its text beside them. */
enum { KEY_ETHERNET = 1, KEY_NETWORK = 2 << 16, KEY_LINK = 3 << 16 };

struct text_packet {
	uint32_t key; /* 0: empty */
	uint16_t bytes_len, text_len;
	uint8_t bytes[BYTES_MAX];
	uint8_t text[TEXT_MAX];
};

void text_packet_free(struct text_packet *packets)
{
	free(packets);
}

static void put_packet(struct text_writer *w, const struct ev_packet *p)
{
	bool link_layer = w->t->o.link_layer, classic = !w->t->o.current;

	if (EV_HAS(p, packet, protocol))
		dissect_text_network(p->protocol, p->data.p, p->data.len, link_layer, classic,
				     w->out);
	else if (EV_HAS(p, packet, linktype))
		dissect_text_link(p->linktype, p->data.p, p->data.len, link_layer, classic, w->out);
	else
		dissect_text(p->data.p, p->data.len, link_layer, classic, w->out);
}

static uint32_t key_of(const struct ev_packet *p)
{
	return EV_HAS(p, packet, protocol)   ? (uint32_t)(KEY_NETWORK | p->protocol)
	       : EV_HAS(p, packet, linktype) ? (uint32_t)(KEY_LINK | p->linktype)
					     : (uint32_t)KEY_ETHERNET;
}

void text_group_packet(struct text_writer *w)
{
	const struct ev_packet *p = w->ev->packet;
	struct text_packet *slot;
	uint32_t key = key_of(p);
	size_t start, len;

	if (!w->t->packets)
		w->t->packets = calloc(SLOTS, sizeof(*w->t->packets));
	if (!w->t->packets || p->data.len > BYTES_MAX || !p->data.len) {
		put_packet(w, p);
		return;
	}
	slot = &w->t->packets[p->data.id % SLOTS];
	if (slot->key == key && slot->bytes_len == p->data.len &&
	    !memcmp(slot->bytes, p->data.p, p->data.len)) {
		buf_put(w->out, slot->text, slot->text_len);
		return;
	}
	start = w->out->len;
	put_packet(w, p);
	len = w->out->len - start;
	if (w->out->failed || len > TEXT_MAX)
		return;
	slot->key = key;
	slot->bytes_len = (uint16_t)p->data.len;
	slot->text_len = (uint16_t)len;
	memcpy(slot->bytes, p->data.p, p->data.len);
	memcpy(slot->text, w->out->p + start, len);
}
