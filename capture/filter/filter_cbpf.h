/* SPDX-License-Identifier: BSD-2-Clause */
/* Packet filters: from libpcap's classic BPF to instructions of a filter's subprogram. */
#ifndef CAPTURE_FILTER_CBPF_H
#define CAPTURE_FILTER_CBPF_H

#include <linux/filter.h>
#include <stddef.h>

#include "capture/filter/filter_code.h"
#include "formats/error.h"

enum { FILTER_CBPF_MAX = 4096 /* instructions, as the kernel's BPF_MAXINSNS */ };

/*
 * Appends what the classic program means, with the verdicts of libpcap's bpf_filter(): a jump to
 * `accept` where it returns something else than 0, to `reject` where it returns 0, reads beyond the
 * linear bytes or divides by zero. r6: address of the first byte; r9: how many are linear; the
 * length is at r10 + FILTER_LEN. Overwrites r0 to r5, r7, r8 and the stack from FILTER_SCRATCH on.
 * 0, -EINVAL (not a program that libpcap makes; err->offset: the instruction), -EOPNOTSUPP
 * (it jumps back), -E2BIG or -ENOMEM.
 */
int filter_cbpf_translate(const struct sock_filter *prog, size_t n, struct filter_code *c,
			  uint32_t accept, uint32_t reject, struct skbox_error *err);

#endif
