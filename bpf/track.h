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

/*
 * Writes a value to memory whose content the verifier does not follow and reads it back: what it
 * knew of the value on each of the paths that meet here is forgotten, and it follows one path from
 * here on instead of all. Loading takes a tenth of the time.
 */
#define FORGET(where, value)                                                                       \
	({                                                                                         \
		*(volatile typeof(where) *)&(where) = (value);                                     \
		*(volatile typeof(where) *)&(where);                                               \
	})

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

/* ip_id: what tells datagrams apart where the IPv4 header has it; 0: the payload's beginning does. */
static __always_inline __u64 identity_udp(__u64 h, const __u8 *data, __u32 l4, __u32 ip_id,
					  __u32 caplen)
{
	if (ip_id)
		return h;
	h = track_mix(h, half_at(data, l4 + 4));
	if (l4 + 20 <= caplen) {
		h = track_mix(h, word_at(data, l4 + 8));
		h = track_mix(h, word_at(data, l4 + 12));
		h = track_mix(h, word_at(data, l4 + 16));
	}
	return h;
}

static __always_inline __u64 identity_l4(__u64 h, const __u8 *data, __u32 proto, __u32 ip_id,
					 __u32 l4, __u32 caplen)
{
	if (l4 > IDENTITY_L4_MAX || l4 + 8 > caplen)
		return 0;
	switch (proto) {
	case 6: return identity_tcp(h, data, l4, caplen);
	case 17: return identity_udp(h, data, l4, ip_id, caplen);
	case 1:
	case 58:
		h = track_mix(h, half_at(data, l4));        /* type, code */
		return track_mix(h, half_at(data, l4 + 6)); /* sequence number */
	default: return track_mix(h, word_at(data, l4 + 4));
	}
}

static __always_inline __u64 identity_l3(struct record *r, __u32 type, __u32 l3, __u32 caplen)
{
	const __u8 *data = packet_of(r);
	__u64 h = track_mix(0, type);
	__u32 ip_id = 0, fragment, proto, l4;

	if (l3 > IDENTITY_L4_MAX - 40 || l3 + 28 > caplen)
		return 0;
	switch (type) {
	case 0x0800:
		ip_id = half_at(data, l3 + 4);
		fragment = bpf_ntohs(half_at(data, l3 + 6)) & 0x1fff;
		proto = data[l3 + 9];
		h = track_mix(track_mix(h, proto), ip_id);
		if (fragment)
			return track_mix(h, fragment);
		l4 = l3 + (data[l3] & 15) * 4;
		break;
	case 0x86dd: /* the flow label is the sender's */
		proto = data[l3 + 6];
		h = track_mix(track_mix(h, proto), word_at(data, l3) & bpf_htonl(0xfffff));
		l4 = l3 + 40;
		break;
	case 0x0806: /* operation, sender's and target's IPv4 address */
		h = track_mix(h, half_at(data, l3 + 6));
		return track_mix(track_mix(h, word_at(data, l3 + 14)), word_at(data, l3 + 24));
	default: return track_mix(track_mix(h, word_at(data, l3)), word_at(data, l3 + 4));
	}
	ip_id = FORGET(r->track_time, ip_id);
	return identity_l4(h, data, proto, ip_id, FORGET(r->track_head, l4), caplen);
}

/*
 * The identity of the packet in the record's data; inner: offset of an encapsulated network header,
 * 0: none. 0 when the bytes do not tell. Overwrites track_head and track_time.
 */
static __always_inline __u32 track_identity(struct record *r, __u32 inner)
{
	const __u8 *data = packet_of(r);
	__u32 l3 = 0, caplen = r->caplen, type = r->protocol;
	__u64 h;

	if (inner) {
		/* what is inside stays the same when headers are put around it */
		l3 = inner;
		if (l3 > IDENTITY_L4_MAX - 40 || l3 >= caplen)
			return 0;
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
	type = FORGET(r->track_time, type);
	h = identity_l3(r, type, FORGET(r->track_head, l3), caplen);
	return h ? (__u32)(h >> 32) | 1 : 0;
}

static __always_inline struct track *track_set(__u64 head)
{
	return tracks[(head >> 6) * 0x9e3779b97f4a7c15ull >> (64 - TRACK_SETS_LOG2) &
		      (TRACK_SETS - 1)];
}

/* Which entry of the set has the head; TRACK_WAYS: none. */
static __always_inline __u32 track_find(const struct track *set, __u64 head)
{
	for (__u32 i = 0; i < TRACK_WAYS; i++)
		if (set[i].head == head)
			return i;
	return TRACK_WAYS;
}

/* Which entry of the set is free, or was not seen for the longest time. */
static __always_inline __u32 track_room(const struct track *set, __u32 tick)
{
	__u32 age = 0, oldest = 0;

	for (__u32 i = 0; i < TRACK_WAYS; i++) {
		if (!set[i].head)
			return i;
		if (tick - set[i].seen > age) {
			age = tick - set[i].seen;
			oldest = i;
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
	__u32 tick = r->time >> TRACK_TICK_SHIFT, known, way;
	struct track *set = track_set(head), *t;

	way = FORGET(r->track_head, track_find(set, head));
	if (way < TRACK_WAYS) {
		t = &set[way];
		known = t->identity;
		if (!identity || !known || known == identity) {
			r->track_head = t->orig_head;
			r->track_time = t->time;
			t->identity = identity | known;
			t->seen = tick;
			return;
		}
	} else {
		way = FORGET(r->track_head, track_room(set, tick));
	}
	t = &set[way & (TRACK_WAYS - 1)];
	*(volatile __u64 *)&t->head = 0;
	t->orig_head = head;
	t->time = r->time;
	t->identity = identity;
	t->seen = tick;
	*(volatile __u64 *)&t->head = head;
	r->track_head = head;
	r->track_time = r->time;
}

/* Whether the packet's data has an id; its identity is not looked at. */
static __always_inline bool track_knows(__u64 skb, __u64 head)
{
	if (track_find(track_set(head), head) < TRACK_WAYS)
		return true;
	/* its data moved, and this is the first sight of the new */
	return config.features & PROBE_EXACT && track_find(track_set(skb), skb) < TRACK_WAYS;
}

static __always_inline void track_forget(__u64 head)
{
	struct track *set = track_set(head);
	__u32 way = track_find(set, head);

	if (way < TRACK_WAYS)
		*(volatile __u64 *)&set[way].head = 0;
}

/*
 * Exact tracking: the kernel's functions that free or move the data are probed, so what a packet
 * looks like does not matter. While its data moves (pskb_expand_head()) the id is kept under the
 * address of the skb, until the new data is seen. Retis has it so, too.
 */

/* Tells a moved entry where its data was, for the old data is freed before the new is seen. */
static __always_inline __u32 track_tag(__u64 head)
{
	return head >> 6;
}

/* Fills an entry of the key's set; a copy of another's id. */
static __always_inline void track_put(__u64 key, __u64 orig_head, __u64 time, __u32 tag, __u32 tick)
{
	struct track *set = track_set(key), *t;
	__u32 way = track_find(set, key);

	if (way >= TRACK_WAYS)
		way = track_room(set, tick);
	t = &set[way & (TRACK_WAYS - 1)];
	*(volatile __u64 *)&t->head = 0;
	t->orig_head = orig_head;
	t->time = time;
	t->identity = tag;
	t->seen = tick;
	*(volatile __u64 *)&t->head = key;
}

/* Gives the record its packet's id: RECORD_TRACK, or 0 where none begins here (PROBE_OLD). */
static __always_inline __u32 track_exactly(struct record *r, __u64 head)
{
	__u32 tick = r->time >> TRACK_TICK_SHIFT, way;
	struct track *set = track_set(head), *t;

	way = FORGET(r->track_head, track_find(set, head));
	if (way < TRACK_WAYS) {
		t = &set[way];
		t->seen = tick;
		r->track_head = t->orig_head;
		r->track_time = t->time;
		return RECORD_TRACK;
	}
	set = track_set(r->skb);
	way = FORGET(r->track_head, track_find(set, r->skb));
	if (way < TRACK_WAYS) {
		t = &set[way];
		r->track_head = t->orig_head;
		r->track_time = t->time;
		*(volatile __u64 *)&t->head = 0;
	} else if (config.features & PROBE_OLD) {
		r->track_head = r->track_time = 0;
		return 0;
	} else {
		r->track_head = head;
		r->track_time = r->time;
	}
	track_put(head, r->track_head, r->track_time, 0, tick);
	return RECORD_TRACK;
}

static __always_inline void track_will_move(__u64 skb, __u64 head)
{
	struct track *set = track_set(head), *t;
	__u32 way = track_find(set, head);

	if (way >= TRACK_WAYS)
		return;
	t = &set[way];
	track_put(skb, t->orig_head, t->time, track_tag(head), t->seen);
}

static __always_inline void track_freed(__u64 skb, __u64 head)
{
	struct track *set = track_set(skb);
	__u32 way = track_find(set, skb);

	track_forget(head);
	/* an id that waits for new data which nobody saw; not that of the move that goes on */
	if (way < TRACK_WAYS && set[way].identity != track_tag(head))
		*(volatile __u64 *)&set[way].head = 0;
}

#endif
