/* SPDX-License-Identifier: BSD-2-Clause */
/* AH (RFC 4302) and ESP (RFC 4303). */
#include "formats/dissect/dissect_impl.h"

enum { AH_BYTES = 12 };

static void put_spi(struct buf *out, const uint8_t *p)
{
	DISSECT_LIT(out, " spi 0x");
	buf_hex_digits(out, dissect_be32(p), 8);
	DISSECT_LIT(out, " seq 0x");
	buf_hex(out, dissect_be32(p + 4));
}

void dissect_ah(struct dissect *d)
{
	const uint8_t *p = cursor_take(&d->c, AH_BYTES);
	uint32_t size;
	size_t icv;

	if (!p) {
		dissect_truncated(d);
		return;
	}
	/* the length field counts words beyond the first two */
	size = (p[1] + 2u) * 4;
	icv = p[1] > 1 ? (p[1] - 1u) * 4 : 0;
	if (icv > cursor_left(&d->c))
		icv = cursor_left(&d->c);
	put_spi(d->out, p + 4);
	DISSECT_LIT(d->out, " icv 0x");
	for (size_t i = 0; i < icv; i++)
		buf_hex_digits(d->out, d->c.p[i], 2);
	d->c.p += icv;
	d->plen = d->plen > size ? d->plen - size : 0;
	dissect_protocol(d, p[0]);
}

void dissect_esp(struct dissect *d)
{
	const uint8_t *p = cursor_take(&d->c, 8);

	if (p)
		put_spi(d->out, p);
	else
		dissect_truncated(d);
}
