/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which flows are left out while recording costs too much (--max-cpu). A flow is told by a hash of its
 * addresses and ports that is the same for both directions; those whose hash is below a bound are
 * recorded. Fragments have their addresses only, the first one, too, so that they stay
 * together. What is of no flow (ARP, a socket without a peer) is recorded.
 */
#ifndef BPF_THIN_H
#define BPF_THIN_H

/* Set by the recorder, which has it mapped. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct thin_bound);
} thin SEC(".maps");

enum { TYPE_IPV4 = 0x0800, TYPE_IPV6 = 0x86dd, TYPE_VLAN = 0x8100, TYPE_QINQ = 0x88a8 };
enum { PROTO_TCP = 6, PROTO_UDP = 17, PROTO_DCCP = 33, PROTO_SCTP = 132, PROTO_UDPLITE = 136 };
enum { THIN_TAGS = 2 /* VLAN tags that are stepped over */ };

struct thin_flow {
	__u32 from, to;     /* addresses; those of IPv6 folded, IPv4 inside of it as it is */
	__u16 sport, dport; /* as on the wire; 0: none */
};

/* Both directions give the same. The highest bits are the best of a multiplication. */
static __always_inline __u32 thin_hash(const struct thin_flow *f)
{
	__u64 h = track_mix(0x736b626f78, f->from ^ f->to);

	h = track_mix(h, f->from + f->to);
	h = track_mix(h, (__u32)(f->sport ^ f->dport) << 16 | (__u16)(f->sport + f->dport));
	return track_mix(h, 0) >> 48;
}

static __always_inline __u32 thin_fold(const __u32 *w)
{
	return ((w[0] * 31 + w[1]) * 31 + (w[2] == bpf_htonl(0xffff) ? 0 : w[2])) * 31 + w[3];
}

/* Where the network header is, behind that of Ethernet and its tags; false: it is not IP. */
static __always_inline bool thin_find_ip(__u64 *at, __s32 *room)
{
	__u16 type = 0;
	__u32 skip = 14;

#pragma unroll
	for (int i = 0; i <= THIN_TAGS; i++) {
		if (*room < (__s32)skip ||
		    bpf_probe_read_kernel(&type, 2, (void *)(*at + skip - 2)))
			return false;
		if (type != bpf_htons(TYPE_VLAN) && type != bpf_htons(TYPE_QINQ))
			break;
		skip += 4;
	}
	*at += skip;
	*room -= (__s32)skip;
	return type == bpf_htons(TYPE_IPV4) || type == bpf_htons(TYPE_IPV6);
}

static __always_inline bool thin_has_ports(__u8 protocol)
{
	return protocol == PROTO_TCP || protocol == PROTO_UDP || protocol == PROTO_SCTP ||
	       protocol == PROTO_DCCP || protocol == PROTO_UDPLITE;
}

/* at: address of the packet's first header; room: how many bytes are there. */
static __always_inline bool thin_of_packet(struct thin_flow *f, __u64 at, __s32 room,
					   enum packet_layer layer)
{
	__u32 ip[10] = {}, l4 = 40, ports = 0;
	const __u8 *b = (const __u8 *)ip;
	bool whole = true;
	__u8 protocol;

	if (layer == LAYER_NONE || (layer == LAYER_LINK && !thin_find_ip(&at, &room)) ||
	    room < 20 || bpf_probe_read_kernel(ip, 20, (void *)at))
		return false;
	if (b[0] >> 4 == 4) {
		f->from = ip[3];
		f->to = ip[4];
		protocol = b[9];
		l4 = (b[0] & 15) * 4;
		/* RFC 791: offset, more fragments */
		whole = !(*(const __u16 *)(b + 6) & bpf_htons(0x3fff));
	} else if (b[0] >> 4 == 6) {
		if (room < 40 || bpf_probe_read_kernel(ip, 40, (void *)at))
			return false;
		f->from = thin_fold(ip + 2);
		f->to = thin_fold(ip + 6);
		protocol = b[6];
	} else {
		return false;
	}
	if (whole && thin_has_ports(protocol) && room >= (__s32)l4 + 4)
		bpf_probe_read_kernel(&ports, 4, (void *)(at + l4));
	f->sport = (__u16)ports;
	f->dport = ports >> 16;
	return true;
}

static __always_inline bool thin_of_sock(struct thin_flow *f, struct sock *sk)
{
	__u16 family = sk ? BPF_CORE_READ(sk, __sk_common.skc_family) : 0;
	__u32 ip[8];

	if (family == FAMILY_INET) {
		f->from = BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr);
		f->to = BPF_CORE_READ(sk, __sk_common.skc_daddr);
	} else if (family == FAMILY_INET6 && bpf_core_field_exists(sk->__sk_common.skc_v6_daddr)) {
		if (bpf_core_read(ip, 16, &sk->__sk_common.skc_v6_rcv_saddr) ||
		    bpf_core_read(ip + 4, 16, &sk->__sk_common.skc_v6_daddr))
			return false;
		f->from = thin_fold(ip);
		f->to = thin_fold(ip + 4);
	} else {
		return false;
	}
	f->sport = bpf_htons(BPF_CORE_READ(sk, __sk_common.skc_num));
	f->dport = BPF_CORE_READ(sk, __sk_common.skc_dport);
	return f->dport;
}

/* The bound now; THIN_ALL: nothing is left out. */
static __always_inline __u32 thin_bound(void)
{
	__u32 zero = 0;
	struct thin_bound *b = bpf_map_lookup_elem(&thin, &zero);

	return b ? *(volatile __u32 *)&b->kept : THIN_ALL;
}

#endif
