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

struct sock_common {
	possible_net_t skc_net;
};

struct sock {
	struct sock_common __sk_common;
};

struct task_struct {
	int pid, tgid;
	char comm[16];
};

struct sk_buff {
	struct net_device *dev;
	struct sock *sk;
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

#pragma clang attribute pop

#endif
