/* SPDX-License-Identifier: BSD-2-Clause */
/* Link types of packets, the LINKTYPE_ values of https://www.tcpdump.org/linktypes.html; raw IP has three. */
#ifndef FORMATS_LINKTYPE_H
#define FORMATS_LINKTYPE_H

enum {
	LINK_NULL = 0,
	LINK_ETHERNET = 1,
	LINK_RAW_BSD = 12,
	LINK_RAW_OPENBSD = 14,
	LINK_RAW = 101,
	LINK_LOOP = 108,
	LINK_SLL = 113,
	LINK_IPV4 = 228,
	LINK_IPV6 = 229,
	LINK_SLL2 = 276,
};

#endif
