/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which packet is it? An id is (time of the first sight, address of the data then). It ends when the
 * data is freed. Without kprobes only the free and consume tracepoints tell, and TCP frees most of
 * its packets without one: so an id also ends when the packet's identity says that the data now
 * holds another packet. The identity is a hash of header fields that forwarding and address
 * translation leave alone.
 */
#ifndef BPF_TRACK_H
#define BPF_TRACK_H

#include "bpf/event.h"

struct track tracks[TRACK_SETS][TRACK_WAYS];
__u64 tracks_evicted; /* entries younger than TRACK_YOUNG_TICKS that made room for others */

/* Headers are looked at in the first 128 bytes: every size class has them. */
enum { IDENTITY_BYTES = 128, IDENTITY_L4_MAX = 95 };

static __always_inline __u64 track_mix(__u64 h, __u32 word)
{
	h = (h ^ word) * 0x9e3779b97f4a7c15ull;
	return h ^ h >> 29;
}

/* Loads at offsets that the verifier knows to be small; the bytes need no alignment. */
static __always_inline __u32 word_at(const __u8 *data, __u32 at)
{
	return *(const __u32 *)(data + at);
}

static __always_inline __u16 half_at(const __u8 *data, __u32 at)
{
	return *(const __u16 *)(data + at);
}

static __always_inline __u64 identity_tcp(__u64 h, const __u8 *data, __u32 l4, __u32 caplen)
{
	if (l4 + 20 > caplen)
		return 0;
	h = track_mix(h, word_at(data, l4 + 4));  /* sequence number */
	h = track_mix(h, word_at(data, l4 + 8));  /* acknowledgement */
	h = track_mix(h, half_at(data, l4 + 14)); /* window */
	/* timestamps; the MSS option, which a router may change, is not here */
	if (data[l4 + 12] >> 4 >= 8 && l4 + 32 <= caplen) {
		h = track_mix(h, word_at(data, l4 + 24));
		h = track_mix(h, word_at(data, l4 + 28));
	}
	return h;
}

static __always_inline __u64 identity_l4(__u64 h, const __u8 *data, __u32 proto, __u32 ip_id, __u32 l4, __u32 caplen)
{
	if (l4 > IDENTITY_L4_MAX || l4 + 8 > caplen)
		return 0;
	switch (proto) {
	case 6:
		return identity_tcp(h, data, l4, caplen);
	case 17:
		if (ip_id)
			return h;
		h = track_mix(h, half_at(data, l4 + 4));
		if (l4 + 20 <= caplen) {
			h = track_mix(h, word_at(data, l4 + 8));
			h = track_mix(h, word_at(data, l4 + 12));
			h = track_mix(h, word_at(data, l4 + 16));
		}
		return h;
	case 1:
	case 58:
		h = track_mix(h, half_at(data, l4));            /* type, code */
		return track_mix(h, half_at(data, l4 + 6)); /* sequence number */
	default:
		return track_mix(h, word_at(data, l4 + 4));
	}
}

static __always_inline __u64 identity_ipv4(const __u8 *data, __u32 l3, __u32 caplen)
{
	__u32 ip_id, fragment, proto;
	__u64 h;

	if (l3 + 20 > caplen)
		return 0;
	ip_id = half_at(data, l3 + 4);
	fragment = bpf_ntohs(half_at(data, l3 + 6)) & 0x1fff;
	proto = data[l3 + 9];
	h = track_mix(track_mix(0, 0x0800 << 8 | proto), ip_id);
	if (fragment)
		return track_mix(h, fragment);
	return identity_l4(h, data, proto, ip_id, l3 + (data[l3] & 15) * 4, caplen);
}

static __always_inline __u64 identity_l3(const __u8 *data, __u16 type, __u32 l3, __u32 caplen)
{
	__u64 h = track_mix(0, type);

	if (l3 > IDENTITY_L4_MAX - 40 || l3 + 28 > caplen)
		return 0;
	switch (type) {
	case 0x0800:
		return identity_ipv4(data, l3, caplen);
	case 0x86dd:
		if (l3 + 40 > caplen)
			return 0;
		h = track_mix(track_mix(h, data[l3 + 6]), word_at(data, l3) & bpf_htonl(0xfffff)); /* flow label */
		return identity_l4(h, data, data[l3 + 6], 0, l3 + 40, caplen);
	case 0x0806: /* operation, sender's and target's IPv4 address */
		h = track_mix(h, half_at(data, l3 + 6));
		return track_mix(track_mix(h, word_at(data, l3 + 14)), word_at(data, l3 + 24));
	default:
		return track_mix(track_mix(h, word_at(data, l3)), word_at(data, l3 + 4));
	}
}

/*
 * data has IDENTITY_BYTES bytes, caplen of them set. type: the ethertype where data begins at the
 * network layer; 0 where it begins with an Ethernet header. inner: offset of an encapsulated network
 * header; 0: none. 0 when the bytes do not tell.
 */
static __always_inline __u32 track_identity(const __u8 *data, __u16 type, __u32 inner, __u32 caplen)
{
	__u32 l3 = 0;
	__u64 h;

	if (inner) {
		/* what is inside stays the same when headers are put around it */
		if (inner > IDENTITY_L4_MAX - 40 || inner >= caplen)
			return 0;
		l3 = inner;
		type = data[l3] >> 4 == 4 ? 0x0800 : data[l3] >> 4 == 6 ? 0x86dd : 0;
		if (!type)
			return 0;
	} else if (!type) {
		if (caplen < 22)
			return 0;
		type = bpf_ntohs(half_at(data, 12));
		l3 = 14;
		if (type == 0x8100 || type == 0x88a8) {
			type = bpf_ntohs(half_at(data, 16));
			l3 = 18;
		}
	}
	h = identity_l3(data, type, l3, caplen);
	return h ? (__u32)(h >> 32) | 1 : 0;
}

static __always_inline struct track *track_set(__u64 head)
{
	return tracks[(head >> 6) * 0x9e3779b97f4a7c15ull >> (64 - TRACK_SETS_LOG2) & (TRACK_SETS - 1)];
}

static __always_inline struct track *track_find(struct track *set, __u64 head)
{
	for (int i = 0; i < TRACK_WAYS; i++)
		if (set[i].head == head)
			return &set[i];
	return NULL;
}

/* A free entry of the set, or the one that was not seen for the longest time. */
static __always_inline struct track *track_room(struct track *set, __u32 tick)
{
	struct track *oldest = set;
	__u32 age = 0;

	for (int i = 0; i < TRACK_WAYS; i++) {
		if (!set[i].head)
			return &set[i];
		if (tick - set[i].seen > age) {
			age = tick - set[i].seen;
			oldest = &set[i];
		}
	}
	if (age < TRACK_YOUNG_TICKS)
		__sync_fetch_and_add(&tracks_evicted, 1);
	return oldest;
}

/*
 * Gives the record its packet's id. Two processors that fill one entry at once may mix two ids up:
 * an entry is hidden (head 0) while it is filled, which leaves a window of some loads.
 */
static __always_inline void track_packet(struct record *r, __u64 head, __u32 identity)
{
	__u32 tick = r->time >> TRACK_TICK_SHIFT;
	struct track *set = track_set(head), *t = track_find(set, head);

	if (t && (!identity || !t->identity || t->identity == identity)) {
		r->track_head = t->orig_head;
		r->track_time = t->time;
		if (identity && !t->identity)
			t->identity = identity;
		t->seen = tick;
		return;
	}
	if (!t)
		t = track_room(set, tick);
	*(volatile __u64 *)&t->head = 0;
	t->orig_head = head;
	t->time = r->time;
	t->identity = identity;
	t->seen = tick;
	*(volatile __u64 *)&t->head = head;
	r->track_head = head;
	r->track_time = r->time;
}

static __always_inline void track_forget(__u64 head)
{
	struct track *t = track_find(track_set(head), head);

	if (t)
		*(volatile __u64 *)&t->head = 0;
}

#endif
