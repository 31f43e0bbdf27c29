/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The few fields of kernel structures that the programs read. Offsets come from the running
 * kernel's BTF when the programs are loaded (CO-RE), so the order and what is missing here do not
 * matter. Where kernels differ, a flavour (name___what) and a check for existence, each with the
 * kernel commit that made the difference.
 */
#ifndef BPF_KERNEL_H
#define BPF_KERNEL_H

#include <linux/types.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
	int counter;
} atomic_t;

typedef struct refcount_struct {
	atomic_t refs;
} refcount_t;

struct ns_common {
	unsigned int inum;
};

struct net {
	struct ns_common ns;
	__u64 net_cookie; /* an integer since 3d368ab87cf6 (5.12); before, an atomic64_t that may be 0 */
};

typedef struct {
	struct net *net;
} possible_net_t;

struct net_device {
	char name[16];
	int ifindex;
	possible_net_t nd_net;
};

typedef struct {
	__s64 counter;
} atomic64_t;

struct kernfs_node {
	__u64 id; /* since 5.5 (67c0496e87d1) a number */
};

struct cgroup_subsys_state {
	struct cgroup_subsys_state *parent;
};

struct cgroup {
	struct cgroup_subsys_state self;
	struct kernfs_node *kn;
};

struct sock_cgroup_data {
	struct cgroup *cgroup;
};

struct sock_cgroup_data___old {
	__u64 val;
};

struct in6_addr {
	__u8 bytes[16];
};

struct sock_common {
	unsigned short skc_family;
	volatile unsigned char skc_state;
	int skc_bound_dev_if;
	struct sock *skc_listener; /* of a request */
	possible_net_t skc_net;
	atomic64_t skc_cookie;
	__u32 skc_daddr, skc_rcv_saddr;
	__u16 skc_dport, skc_num; /* on the wire; host order */
	struct in6_addr skc_v6_daddr, skc_v6_rcv_saddr;
};

struct sock {
	struct sock_common __sk_common;
	atomic_t sk_drops;
	struct {
		atomic_t rmem_alloc;
	} sk_backlog;
	refcount_t sk_wmem_alloc;
	__u16 sk_protocol;
	struct sock_cgroup_data sk_cgrp_data;
	__u32 sk_ack_backlog, sk_max_ack_backlog;
	unsigned long sk_pacing_rate;
};

struct tcp_congestion_ops {
	char name[16];
};

struct inet_connection_sock {
	__u32 icsk_rto;
	const struct tcp_congestion_ops *icsk_ca_ops;
};

struct tcp_sock {
	__u32 snd_cwnd, snd_ssthresh, srtt_us;
	__u32 packets_out, total_retrans, lost_out;
	__u32 snd_nxt, snd_una, rcv_nxt, copied_seq, write_seq;
};

struct task_struct {
	int pid, tgid;
	char comm[16];
};

struct sk_buff {
	struct net_device *dev;
	struct sock *sk;
	unsigned long _nfct; /* a struct nf_conn, and the state in its three lowest bits */
	unsigned int len, data_len;
	__u16 mac_len;
	__u8 cloned : 1;
	__u8 nohdr : 1;
	__u8 fclone : 2;
	__u8 ip_summed : 2;
	__u8 csum_level : 2;
	__u8 encapsulation : 1;
	__u32 csum; /* __wsum, of a union with csum_start and csum_offset */
	__u32 priority;
	int skb_iif;
	__u32 hash;
	__u16 vlan_proto, vlan_tci;
	__u32 mark;
	__u16 inner_network_header;
	__u16 protocol;
	__u16 transport_header, network_header, mac_header;
	unsigned int end; /* an offset from head on every 64-bit kernel */
	unsigned char *head, *data;
	refcount_t users;
};

/* 354259fa73e2 (6.2) removed the bit and made vlan_all == 0 mean "no tag" */
struct sk_buff___vlan_present {
	__u8 vlan_present : 1;
};
struct sk_buff___vlan_all {
	__u32 vlan_all;
};

struct skb_shared_info {
	__u8 flags; /* 06b4feb37e64 (5.12) */
	__u8 nr_frags;
	unsigned short gso_size, gso_segs;
	unsigned int gso_type;
	atomic_t dataref;
};

/* Connection tracking; types of a module on most kernels. */

union nf_inet_addr {
	__u32 all[4];
};

struct nf_conntrack_man {
	union nf_inet_addr u3;
	union {
		__u16 all;
	} u;
	__u16 l3num;
};

struct nf_conntrack_tuple {
	struct nf_conntrack_man src;
	struct {
		union nf_inet_addr u3;
		union {
			__u16 all;
		} u;
		__u8 protonum;
	} dst;
};

struct nf_conntrack_tuple_hash {
	struct nf_conntrack_tuple tuple;
};

struct nf_conntrack_zone {
	__u16 id;
	__u8 flags, dir;
};

struct ip_ct_tcp {
	__u8 state;
};

enum sctp_conntrack { SCTP_CONNTRACK_NONE };

struct ip_ct_sctp {
	enum sctp_conntrack state;
};

union nf_conntrack_proto {
	struct ip_ct_sctp sctp;
	struct ip_ct_tcp tcp;
};

struct nf_ct_ext {
	__u8 offset[4];
};

enum nf_ct_ext_id { NF_CT_EXT_LABELS = 7 };

struct nf_conn {
	struct nf_conntrack_zone zone; /* CONFIG_NF_CONNTRACK_ZONES */
	struct nf_conntrack_tuple_hash tuplehash[2];
	unsigned long status;
	struct nf_conn *master;
	__u32 mark; /* CONFIG_NF_CONNTRACK_MARK */
	struct nf_ct_ext *ext;
	union nf_conntrack_proto proto;
};

/* nftables; types of a module, too. */

struct nft_table {
	__u64 handle;
	char *name;
};

struct nft_chain {
	struct nft_table *table;
	__u64 handle;
	char *name;
};

struct nft_base_chain {
	__u8 policy;
	struct nft_chain chain;
};

struct nft_verdict {
	__u32 code;
	struct nft_chain *chain;
};

struct nft_rule_dp {
	__u64 is_last : 1, dlen : 12, handle : 42;
};

struct nft_rule_dp_last { /* 63e9bbbcca60 (6.4) */
	struct nft_rule_dp end;
	const struct nft_chain *chain;
};

struct nft_pktinfo {
	struct sk_buff *skb;
};

struct nft_traceinfo {
	const struct nft_base_chain *basechain;
	const struct nft_pktinfo *pkt; /* these three: until 6.4 */
	const struct nft_rule_dp *rule;
	const struct nft_verdict *verdict;
};

#pragma clang attribute pop

#endif
