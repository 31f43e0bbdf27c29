/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A socket snapshot as `ss -tinemO` of iproute2 shows it: the same tokens, order and units.
 */
#ifndef FORMATS_SOCK_SS_H
#define FORMATS_SOCK_SS_H

#include <stdbool.h>

#include "formats/buf.h"
#include "formats/event.h"

/*
 * One line, without line feed: STATE RECVQ SENDQ LOCAL:PORT PEER:PORT and the tokens, one blank
 * between them (ss pads columns; here nothing is padded), then what ss has no word for.
 * Nothing for an event without a diag section. cgroups are shown by id (`cgroup:ID`): their paths
 * are not in the recording.
 */
void sock_ss_line(const struct ev *ev, struct buf *out);

/* ---- the groups of that line, for other layouts; each writes " token" pieces or nothing ---- */

void sock_ss_tuple(const struct ev *ev,
		   struct buf *out); /* `LOCAL:PORT PEER:PORT`, no leading blank */
void sock_ss_timer(const struct ev *ev, struct buf *out); /* timer:( */
void sock_ss_owner(const struct ev *ev, bool cookie,
		   struct buf *out); /* uid: ino: sk: fwmark: cgroup: v6only: <-> tos: */
void sock_ss_memory(const struct ev *ev, struct buf *out); /* skmem:( or mem:( */
void sock_ss_tcp(const struct ev *ev, struct buf *out); /* options, cc, wscale, rto ... ssthresh */
void sock_ss_counters(const struct ev *ev, struct buf *out); /* bytes_sent ... data_segs_in */
void sock_ss_rates(const struct ev *ev,
		   struct buf *out); /* dctcp, bbr, send ... app_limited, busy ... */
void sock_ss_state(const struct ev *ev, struct buf *out); /* unacked ... rehash, ulp */
void sock_ss_extras(const struct ev *ev,
		    struct buf *out); /* ours: ca_state, total_rto, AccECN, ... */

#endif
