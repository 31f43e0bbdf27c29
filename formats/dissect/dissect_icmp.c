/* SPDX-License-Identifier: BSD-2-Clause */
/* ICMP (RFC 792) and ICMPv6 (RFC 4443). */
#include "formats/dissect/dissect_impl.h"

void dissect_icmp(struct dissect *d)
{
	DISSECT_LIT(d->out, " type ");
	buf_dec(d->out, cursor_u8(&d->c));
	DISSECT_LIT(d->out, " code ");
	buf_dec(d->out, cursor_u8(&d->c));
}
