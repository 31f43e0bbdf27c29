/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes are what stands behind any header: each layer of the dissector is begun at by itself, and the
 * walk from it ends. The first bytes say which layer, and what the header in front of it said.
 */
#include <stdlib.h>

#include "formats/dissect/dissect_impl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static dissect_layer *const layers[] = {
	dissect_ethernet, dissect_tags, dissect_network, dissect_macsec,
	dissect_arp,      dissect_ipv4, dissect_ipv6,    dissect_transport,
	dissect_icmp,     dissect_udp,  dissect_tcp,     dissect_sctp,
	dissect_ah,       dissect_esp,  dissect_vxlan,   dissect_geneve,
};
enum { LAYERS = sizeof(layers) / sizeof(layers[0]), CHOICE_BYTES = 6 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf out = {0};
	struct dissect d = {.out = &out};
	size_t steps = 0;

	if (size < CHOICE_BYTES)
		return 0;
	d.next = layers[data[0] % LAYERS];
	d.link_layer = data[1] & 1;
	d.classic = data[1] & 2;
	d.ethertype = dissect_be16(data + 2);
	d.protocol = data[2];
	d.plen = dissect_be16(data + 4);
	d.c = cursor_init(data + CHOICE_BYTES, size - CHOICE_BYTES);
	while (d.next) {
		dissect_layer *layer = d.next;

		d.next = NULL;
		layer(&d);
		/* a layer takes bytes, but those that only choose the next one */
		if (++steps > 4 * size + 16)
			abort();
	}
	buf_free(&out);
	return 0;
}
