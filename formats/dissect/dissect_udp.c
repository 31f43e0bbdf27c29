/* SPDX-License-Identifier: BSD-2-Clause */
/* UDP (RFC 768), and the tunnels that its destination port tells. */
#include "formats/dissect/dissect_impl.h"

enum { UDP_BYTES = 8 };

static const struct {
	uint16_t port;
	dissect_layer *layer;
} tunnels[] = {
	{4789, dissect_vxlan},
	{8472, dissect_vxlan}, /* what Linux used before the port was assigned */
	{6081, dissect_geneve},
};

void dissect_udp(struct dissect *d)
{
	const uint8_t *p = cursor_take(&d->c, UDP_BYTES);
	uint16_t port, len;

	if (!p) {
		dissect_truncated(d);
		return;
	}
	port = dissect_be16(p + 2);
	len = dissect_be16(p + 4);
	DISSECT_LIT(d->out, " len ");
	buf_dec(d->out, len > UDP_BYTES ? len - UDP_BYTES : 0);
	for (size_t i = 0; i < sizeof(tunnels) / sizeof(tunnels[0]); i++)
		if (tunnels[i].port == port)
			d->next = tunnels[i].layer;
}
