/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Facts that a record has beyond its packet, for the probes that were asked for them. They lie
 * between struct record and the packet's bytes: record.extra bytes, a struct record_extra first, the
 * others at the offsets of the probe's configuration. RECORD_ bits tell which are set.
 */
#ifndef BPF_FACTS_H
#define BPF_FACTS_H

#include <linux/types.h>

struct record_extra {
	__u64 ret;   /* what a function returned (RECORD_RET) */
	__s32 stack; /* number in the map `stacks` (RECORD_STACK) */
	__u32 pad;
};

/* The small state of a socket; integers in host order. */
struct record_sock {
	__u64 cookie; /* 0: nobody asked for it yet */
	__u64 pacing_rate;
	__u32 rcvq, sndq, drops;
	/* TCP, full sockets only (tcp) */
	__u32 cwnd, ssthresh, srtt_8us, rto_jiffies, packets_out, total_retrans, lost;
	__u32 snd_nxt, snd_una, rcv_nxt;
	__u16 family;
	__u8 state;
	__u8 full; /* a struct sock with all its members; else a request or one in TIME_WAIT */
	__u8 tcp;
	__u8 pad[7];
	char ca[16];
	/* where it is and to where; of IPv4 and IPv6 sockets, requests and those in TIME_WAIT too */
	__u8 src[16], dst[16]; /* IPv4: the first four bytes */
	__u16 sport;           /* host order */
	__u16 dport;           /* as on the wire */
	__u32 ifindex;         /* the device that it is bound to; 0: none */
};
_Static_assert(sizeof(struct record_sock) == 136, "no holes, whole words");

/* struct nf_conntrack_tuple; ports and the like as on the wire. */
struct record_tuple {
	__u8 src[16], dst[16];
	__u16 src_id, dst_id; /* ports; ICMP: src_id is the id, dst_id type and code */
	__u8 family, protocol, pad[2];
};

struct record_conn {
	struct record_tuple tuple[2]; /* original, reply */
	__u64 status;
	__u64 labels[2]; /* low, high */
	__u32 mark;
	__u16 zone;
	__u8 zone_dir; /* bits: 1 original, 2 reply */
	__u8 proto_state;
	__u8 has_mark, has_labels, pad[6];
};
_Static_assert(sizeof(struct record_conn) == 120, "no holes, whole words");

struct record_ct {
	__u64 state; /* enum ip_conntrack_info */
	__u64 has_parent;
	struct record_conn conn, parent;
};

enum { NFT_NAME_BYTES = 128 };
struct record_nft {
	__u64 table_handle, chain_handle;
	__u64 rule_handle; /* all ones: none */
	__s32 verdict;
	__u32 policy;
	char table[NFT_NAME_BYTES], chain[NFT_NAME_BYTES];
	char verdict_chain[NFT_NAME_BYTES]; /* of a jump or goto */
};

/* Verdicts in a mask: NFT_RETURN (-5) is bit 0, NF_DROP (0) bit 5, NF_STOP bit 10. */
enum { NFT_VERDICT_FIRST = 5, NFT_VERDICTS = 11 };

/* All of them together, and what rounding up may add. */
enum {
	EXTRA_MAX = sizeof(struct record_extra) + sizeof(struct record_sock) +
		    sizeof(struct record_ct) + sizeof(struct record_nft) + 64
};

#endif
