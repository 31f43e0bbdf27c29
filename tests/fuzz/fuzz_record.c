/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes are a record of the ring, as far as the ring's reader lets them through (it checks the
 * lengths): events come of it that can be encoded and printed.
 */
#include <bpf/btf.h>
#include <stdlib.h>
#include <string.h>

#include "capture/file/convert.h"
#include "formats/skbx/block.h"
#include "formats/text/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PROBES = 4 };

/* Where facts are, for the probes that have them. */
enum {
	SOCK_AT = sizeof(struct record_extra),
	CT_AT = SOCK_AT + sizeof(struct record_sock),
	NFT_AT = CT_AT + sizeof(struct record_ct),
	FACTS_BYTES =
		(NFT_AT + sizeof(struct record_nft) + RING_ALIGN - 1) / RING_ALIGN * RING_ALIGN,
};

static void print_batch(const struct ev_batch *b)
{
	struct text_options o = {.utc = true, .link_layer = true, .current = true};
	struct ev_walk w = ev_walk(b);
	struct ev ev = {0};
	struct buf out = {0};
	struct text t;

	text_init(&t, &o);
	while (ev_next(&w, &ev)) {
		buf_clear(&out);
		text_event(&t, &ev, 0, &out);
	}
	text_fini(&t);
	buf_free(&out);
}

/* It comes back from a block as many events as it went in. */
static void encode(const struct ev_batch *b)
{
	struct block_coder *c = block_coder_new();
	struct ev_batch *again = ev_batch_new();
	struct ev_walk w = ev_walk(b);
	struct skbox_error err;
	struct buf out = {0};
	uint64_t unknown = 0;

	if (!c || !again || block_encode(c, &out, &w, b->n, NULL, NULL, 0, NULL) ||
	    block_decode(c, again, out.p, out.len, NULL, 0, UINT64_MAX, &unknown, &err) ||
	    again->n != b->n || unknown)
		abort();
	buf_free(&out);
	ev_batch_free(again);
	block_coder_free(c);
}

/* One record after the other, each with its bytes alone behind it, so that ASan sees what goes beyond. */
static size_t take(struct convert *c, const uint8_t *data, size_t size)
{
	struct record head;
	size_t room, used;
	uint8_t *p;

	if (size < sizeof(head))
		return size;
	memcpy(&head, data, sizeof(head));
	room = size - sizeof(head);
	/* what the reader of the ring makes sure of (ring.c): lengths that are there */
	head.extra = head.extra & 1 && room >= FACTS_BYTES ? FACTS_BYTES : 0;
	head.caplen %= 2048;
	if (head.caplen > room - head.extra)
		head.caplen = (uint32_t)(room - head.extra);
	head.probe %= PROBES + 1;
	used = sizeof(head) + head.extra + head.caplen;
	p = malloc(used);
	if (!p)
		abort();
	memcpy(p, data, used);
	memcpy(p, &head, sizeof(head));
	convert_record(c, (const struct record *)(void *)p);
	free(p);
	return used;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct btf *btf;
	struct ev_batch *b = ev_batch_new();
	struct dropnames drops;
	struct convert c;

	if (!btf)
		btf = btf__new_empty();
	dropnames_init(&drops, btf);
	if (!b || !convert_init(&c, PROBES, &drops))
		abort();
	c.hz = 250;
	for (uint32_t i = 0; i < PROBES; i++) {
		struct convert_probe *probe =
			convert_set_probe(&c, i, i & 1 ? "net:netif_receive_skb" : "ip_rcv",
					  i & 1 ? "raw_tracepoint" : "kprobe");

		probe->place = (struct facts_place){.sock_at = i & 1 ? SOCK_AT : 0,
						    .ct_at = i & 2 ? CT_AT : 0,
						    .nft_at = i & 1 ? NFT_AT : 0};
		probe->ret_bytes = (uint8_t)(1u << i);
		probe->ret_signed = i & 1;
	}
	convert_set_batch(&c, b);
	for (size_t at = 0; at < size;)
		at += take(&c, data + at, size - at);
	if (!b->failed) {
		print_batch(b);
		encode(b);
	}
	convert_fini(&c);
	dropnames_fini(&drops);
	ev_batch_free(b);
	return 0;
}
