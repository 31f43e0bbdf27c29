/* SPDX-License-Identifier: BSD-2-Clause */
/* Which packets are wanted. */
#ifndef BPF_FILTER_H
#define BPF_FILTER_H

#include "bpf/event.h"

/*
 * The place of the filter: its instructions are replaced in the copy for a probe, or this and the
 * call of it are taken out (capture/filter/filter_load.c). A function of its own so that it can be found,
 * the only one, so that it is the last. 1: wanted.
 */
static __noinline int filter_packet(const void *skb, __u64 from, __u64 caplen, __u64 len,
				    __u64 layer)
{
	int wanted = 1;

	asm volatile("" : "+r"(wanted) : "r"(skb), "r"(from), "r"(caplen), "r"(len), "r"(layer));
	return wanted;
}

#endif
