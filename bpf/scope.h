/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether an event belongs to what is recorded (--scope). All reads go through helpers: who asks for
 * this pays for it.
 *
 * netns: an event is of the namespace of its device, else of its socket's.
 * cgroup: an event is of the cgroup of its socket, at any depth. The current task says nothing: most
 * of the way of a packet is in interrupts, on top of whoever runs. A packet that was recorded
 * once is followed, for it loses its socket on its way.
 */
#ifndef BPF_SCOPE_H
#define BPF_SCOPE_H

/* SCOPE_THINNED is of none of the scopes, but why an event is not recorded all the same. */
enum { SCOPE_OUTSIDE, SCOPE_INSIDE, SCOPE_UNKNOWN, SCOPE_THINNED };
enum { SCOPE_DEPTH = 16 /* of cgroups; hosts have some five */ };

static __always_inline int scope_of_net(__u64 *ctx, const struct saved *saved, struct sk_buff *skb,
					struct sock *sk)
{
	struct net_device *dev = skb ? BPF_CORE_READ(skb, dev) : NULL;
	struct net *net = NULL;

	if (!dev)
		dev = (void *)arg_of(ctx, saved, ARG_DEV, config.dev);
	if (dev)
		net = BPF_CORE_READ(dev, nd_net.net);
	if (!net && sk)
		net = BPF_CORE_READ(sk, __sk_common.skc_net.net);
	if (!net)
		net = (void *)arg_of(ctx, saved, ARG_NET, config.net);
	if (!net)
		return SCOPE_UNKNOWN;
	if (bpf_core_field_exists(net->net_cookie))
		return BPF_CORE_READ(net, net_cookie) == config.scope_id;
	return BPF_CORE_READ(net, ns.inum) == config.scope_inum;
}

/* The cgroup (version 2) of a socket; NULL: it cannot be told. */
static __always_inline struct cgroup *scope_cgroup(struct sock *sk)
{
	struct sock_cgroup_data___old *old;
	__u8 state;
	__u64 v;

	if (!sk)
		return NULL;
	state = BPF_CORE_READ(sk, __sk_common.skc_state);
	/* a request has that of its listener, one in TIME_WAIT has none */
	if (state == SK_NEW_SYN_RECV)
		sk = BPF_CORE_READ(sk, __sk_common.skc_listener);
	if (!sk || state == SK_TIME_WAIT)
		return NULL;
	if (bpf_core_field_exists(sk->sk_cgrp_data.cgroup))
		return BPF_CORE_READ(sk, sk_cgrp_data.cgroup);
	/* before 5.15 (8520e224f547) a number: a pointer, or with its lowest bit numbers of version 1 */
	old = (void *)&sk->sk_cgrp_data;
	v = BPF_CORE_READ(old, val);
	return v & 1 ? NULL : (struct cgroup *)v;
}

static __always_inline int scope_of_cgroup(struct sock *sk)
{
	struct cgroup *c = scope_cgroup(sk);
	int answer = c ? SCOPE_OUTSIDE : SCOPE_UNKNOWN;

	for (int i = 0; i < SCOPE_DEPTH && c; i++) {
		struct cgroup_subsys_state *parent;

		if (BPF_CORE_READ(c, kn, id) == config.scope_id)
			return SCOPE_INSIDE;
		/* cgroup_parent() */
		parent = BPF_CORE_READ(c, self.parent);
		c = parent ? (void *)parent - bpf_core_field_offset(struct cgroup, self) : NULL;
	}
	return answer;
}

static __always_inline int scope_of(__u64 *ctx, const struct saved *saved, struct sk_buff *skb)
{
	struct sock *sk = (void *)arg_of(ctx, saved, ARG_SK, config.sk);

	if (!sk && skb)
		sk = BPF_CORE_READ(skb, sk);
	if (config.scope == SCOPE_CGROUP)
		return scope_of_cgroup(sk);
	return scope_of_net(ctx, saved, skb, sk);
}

#endif
