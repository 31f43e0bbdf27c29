/* SPDX-License-Identifier: BSD-2-Clause */
/* What sock_diag(7) is asked with: struct inet_diag_req_v2 (include/uapi/linux/inet_diag.h). */
#ifndef CAPTURE_SOCK_REQUEST_H
#define CAPTURE_SOCK_REQUEST_H

#include <stdint.h>

/* struct inet_diag_sockid; all zero in a dump that is not filtered. */
struct sock_id {
	uint16_t sport, dport; /* big-endian */
	uint32_t src[4], dst[4];
	uint32_t ifindex;
	uint32_t cookie[2]; /* the low word first */
};
_Static_assert(sizeof(struct sock_id) == 48, "inet_diag_sockid");

struct sock_request {
	uint8_t family, protocol, ext, pad;
	uint32_t states; /* 1 << TCP state */
	struct sock_id id;
};
_Static_assert(sizeof(struct sock_request) == 56, "inet_diag_req_v2");

enum {
	/*
	 * INFO, VEGASINFO (releases DCTCPINFO and BBRINFO too), CONG, TOS, TCLASS (and CLASS_ID),
	 * SKMEMINFO. MEMINFO is left out: its numbers are four of SKMEMINFO's. The rest comes without being
	 * asked for.
	 */
	SOCK_REQUEST_EXT = 1 << 1 | 1 << 2 | 1 << 3 | 1 << 4 | 1 << 5 | 1 << 6,
	SOCK_ID_AT = 4, /* of the sock_id in the answer, struct inet_diag_msg */
};

#endif
