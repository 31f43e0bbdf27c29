/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A socket snapshot as `ss -tinemO` of iproute2 shows it: the same tokens, order and units.
 */
#ifndef FORMATS_SOCK_SS_H
#define FORMATS_SOCK_SS_H

#include <stddef.h>
#include <stdint.h>

#include "formats/buf.h"
#include "formats/event.h"

/*
 * One line, without line feed: STATE RECVQ SENDQ LOCAL:PORT PEER:PORT and the tokens, one blank
 * between them (ss pads columns; here nothing is padded), then what ss has no word for.
 * Nothing for an event without a diag section. A cgroup whose path was not recorded is shown as ss
 * shows one that it cannot find (`cgroup:unreachable:ID`). Timers of 1 to 9 s end in `sec`, as in
 * newer versions of ss; 6.1 wrote `ms` there.
 */
void sock_ss_line(const struct ev *ev, struct buf *out);

/*
 * The groups of that line, for other layouts. Each writes its tokens with a blank before every one,
 * or nothing.
 */
void sock_ss_timer(const struct ev *ev, struct buf *out);   /* timer:( */
void sock_ss_owner(const struct ev *ev, struct buf *out);   /* uid: ino: */
void sock_ss_cookie(const struct ev *ev, struct buf *out);  /* sk: */
void sock_ss_details(const struct ev *ev, struct buf *out); /* fwmark: cgroup: v6only: <-> */
void sock_ss_memory(const struct ev *ev, struct buf *out);  /* skmem:( or mem:( */
void sock_ss_tcp(const struct ev *ev,
		 struct buf *out); /* options, algorithm, wscale: ... ssthresh: */
void sock_ss_counters(const struct ev *ev, struct buf *out); /* bytes_sent: ... data_segs_in: */
void sock_ss_rates(const struct ev *ev, struct buf *out); /* dctcp: bbr: send ... sndbuf_limited: */
void sock_ss_state(const struct ev *ev, struct buf *out); /* unacked: ... rehash: */
void sock_ss_ulp(const struct ev *ev, struct buf *out);   /* tcp-ulp-: TLS or MPTCP */
void sock_ss_extras(const struct ev *ev, struct buf *out); /* ca_state: total_rto: tos: ... */

/* `LOCAL:PORT PEER:PORT`, without leading blank. */
void sock_ss_tuple(const struct ev *ev, struct buf *out);

/* An address (4 or 16 bytes; else nothing) as text. */
void sock_ss_address(struct buf *out, const void *p, size_t len);
/* Microseconds as milliseconds with at most six digits, as "%g" writes them. */
void sock_ss_ms(struct buf *out, uint32_t us);
/* Bytes a second as bits a second. */
void sock_ss_bps(struct buf *out, uint64_t bytes);

#endif
