/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fills the facts of facts.h. All reads go through helpers: who asks for these facts pays for them,
 * and what they are read from may be gone (a kretprobe) or of a type that the verifier does not know.
 */
#ifndef BPF_COLLECT_H
#define BPF_COLLECT_H

/* Stacks: two maps, for the kernel's has one place for all stacks of one hash. */
struct {
	__uint(type, BPF_MAP_TYPE_STACK_TRACE);
	__uint(max_entries, 1);
	__uint(key_size, 4);
	__uint(value_size, STACK_FRAMES * 8);
} stacks SEC(".maps"), stacks_more SEC(".maps");

static __always_inline struct record_extra *extra_of(struct record *r)
{
	return (struct record_extra *)r->data;
}

static __always_inline __u32 collect_stack(struct record *r, void *ctx, __u32 cpu)
{
	long id = bpf_get_stackid(ctx, &stacks, config.stack_skip);

	if (id == -17 /* EEXIST */) {
		id = bpf_get_stackid(ctx, &stacks_more, config.stack_skip);
		if (id >= 0)
			id += STACKS_MAX;
	}
	if (id < 0) {
		__u32 key = r->probe * config.cpus + cpu;
		struct probe_counters *c = bpf_map_lookup_elem(&counters, &key);

		if (c)
			__sync_fetch_and_add(&c->stackless, 1);
		return 0;
	}
	extra_of(r)->stack = id;
	return RECORD_STACK;
}

enum { SK_TIME_WAIT = 6, SK_LISTEN = 10, SK_NEW_SYN_RECV = 12, FAMILY_INET = 2, FAMILY_INET6 = 10 };

static __always_inline void collect_tcp(struct record_sock *s, struct sock *sk)
{
	struct inet_connection_sock *icsk = (void *)sk;
	const struct tcp_congestion_ops *ca = BPF_CORE_READ(icsk, icsk_ca_ops);
	struct tcp_sock *tp = (void *)sk;

	s->tcp = 1;
	if (ca)
		BPF_CORE_READ_INTO(&s->ca, ca, name);
	s->rto_jiffies = BPF_CORE_READ(icsk, icsk_rto);
	s->cwnd = BPF_CORE_READ(tp, snd_cwnd);
	s->ssthresh = BPF_CORE_READ(tp, snd_ssthresh);
	s->srtt_8us = BPF_CORE_READ(tp, srtt_us);
	s->packets_out = BPF_CORE_READ(tp, packets_out);
	s->total_retrans = BPF_CORE_READ(tp, total_retrans);
	s->lost = BPF_CORE_READ(tp, lost_out);
	s->snd_nxt = BPF_CORE_READ(tp, snd_nxt);
	s->snd_una = BPF_CORE_READ(tp, snd_una);
	s->rcv_nxt = BPF_CORE_READ(tp, rcv_nxt);
	/* as tcp_diag_get_info() */
	if (s->state == SK_LISTEN) {
		s->rcvq = BPF_CORE_READ(sk, sk_ack_backlog);
		s->sndq = BPF_CORE_READ(sk, sk_max_ack_backlog);
		return;
	}
	s->rcvq = s->rcv_nxt - BPF_CORE_READ(tp, copied_seq);
	if ((__s32)s->rcvq < 0)
		s->rcvq = 0;
	s->sndq = BPF_CORE_READ(tp, write_seq) - s->snd_una;
}

/* struct sock_common, which every socket of IPv4 and IPv6 begins with. */
static __always_inline void collect_addresses(struct record_sock *s, struct sock_common *c)
{
	s->sport = BPF_CORE_READ(c, skc_num);
	s->dport = BPF_CORE_READ(c, skc_dport);
	s->ifindex = BPF_CORE_READ(c, skc_bound_dev_if);
	if (s->family == FAMILY_INET) {
		bpf_core_read(s->src, 4, &c->skc_rcv_saddr);
		bpf_core_read(s->dst, 4, &c->skc_daddr);
	} else if (bpf_core_field_exists(c->skc_v6_daddr)) {
		/* absent without CONFIG_IPV6 */
		bpf_core_read(s->src, 16, &c->skc_v6_rcv_saddr);
		bpf_core_read(s->dst, 16, &c->skc_v6_daddr);
	}
}

static __always_inline __u32 collect_sock(struct record *r, struct sock *sk)
{
	struct record_sock *s = (void *)(r->data + config.sock_at);

	if (!sk)
		return 0;
	__builtin_memset(s, 0, sizeof(*s));
	s->family = BPF_CORE_READ(sk, __sk_common.skc_family);
	s->state = BPF_CORE_READ(sk, __sk_common.skc_state);
	s->cookie = BPF_CORE_READ(sk, __sk_common.skc_cookie.counter);
	if (s->family == FAMILY_INET || s->family == FAMILY_INET6)
		collect_addresses(s, &sk->__sk_common);
	/* minisockets end behind their struct sock_common or soon after (sk_fullsock()) */
	if (s->state == SK_TIME_WAIT || s->state == SK_NEW_SYN_RECV)
		return RECORD_SOCK;
	s->full = 1;
	s->drops = BPF_CORE_READ(sk, sk_drops.counter);
	s->pacing_rate = BPF_CORE_READ(sk, sk_pacing_rate);
	if (BPF_CORE_READ(sk, sk_protocol) == 6 &&
	    (s->family == FAMILY_INET || s->family == FAMILY_INET6)) {
		collect_tcp(s, sk);
		return RECORD_SOCK;
	}
	s->rcvq = BPF_CORE_READ(sk, sk_backlog.rmem_alloc.counter);
	s->sndq = BPF_CORE_READ(sk, sk_wmem_alloc.refs.counter) - 1; /* sk_wmem_alloc_get() */
	return RECORD_SOCK;
}

static __always_inline void collect_tuple(struct record_tuple *t, struct nf_conntrack_tuple *from)
{
	BPF_CORE_READ_INTO(&t->src, from, src.u3);
	BPF_CORE_READ_INTO(&t->dst, from, dst.u3);
	t->src_id = BPF_CORE_READ(from, src.u.all);
	t->dst_id = BPF_CORE_READ(from, dst.u.all);
	t->family = BPF_CORE_READ(from, src.l3num);
	t->protocol = BPF_CORE_READ(from, dst.protonum);
}

static __always_inline void collect_labels(struct record_conn *c, struct nf_conn *ct)
{
	struct nf_ct_ext *ext = BPF_CORE_READ(ct, ext);
	__u8 offset = 0;
	__u64 labels[2];

	if (!ext || !bpf_core_enum_value_exists(enum nf_ct_ext_id, NF_CT_EXT_LABELS))
		return;
	bpf_probe_read_kernel(&offset, 1,
			      (__u8 *)ext + bpf_core_field_offset(struct nf_ct_ext, offset) +
				      bpf_core_enum_value(enum nf_ct_ext_id, NF_CT_EXT_LABELS));
	if (!offset || bpf_probe_read_kernel(labels, sizeof(labels), (__u8 *)ext + offset))
		return;
	c->labels[0] = labels[0];
	c->labels[1] = labels[1];
	c->has_labels = labels[0] || labels[1];
}

static __always_inline void collect_conn(struct record_conn *c, struct nf_conn *ct)
{
	__builtin_memset(c, 0, sizeof(*c));
	collect_tuple(&c->tuple[0], &ct->tuplehash[0].tuple);
	collect_tuple(&c->tuple[1], &ct->tuplehash[1].tuple);
	c->status = BPF_CORE_READ(ct, status);
	if (bpf_core_field_exists(ct->zone)) {
		c->zone = BPF_CORE_READ(ct, zone.id);
		c->zone_dir = BPF_CORE_READ(ct, zone.dir);
	}
	if (bpf_core_field_exists(ct->mark)) {
		c->mark = BPF_CORE_READ(ct, mark);
		c->has_mark = 1;
	}
	if (c->tuple[0].protocol == 6)
		c->proto_state = BPF_CORE_READ(ct, proto.tcp.state);
	else if (c->tuple[0].protocol == 132)
		c->proto_state = BPF_CORE_READ(ct, proto.sctp.state);
	if (bpf_core_field_exists(ct->ext))
		collect_labels(c, ct);
}

static __always_inline __u32 collect_ct(struct record *r, struct sk_buff *skb)
{
	struct record_ct *c = (void *)(r->data + config.ct_at);
	__u64 nfct = BPF_CORE_READ(skb, _nfct);
	struct nf_conn *ct = (void *)(nfct & ~7ull), *parent;

	if (!ct)
		return 0;
	c->state = nfct & 7;
	collect_conn(&c->conn, ct);
	parent = BPF_CORE_READ(ct, master);
	c->has_parent = parent != NULL;
	if (parent)
		collect_conn(&c->parent, parent);
	return RECORD_CT;
}

enum { NFT_POLICY = 1, NFT_RETURN = 2, NFT_RULES_MAX = 128 };

/* The chain that a rule is in: since 6.4 only what is behind its last rule says. */
static __always_inline struct nft_chain *nft_chain_of(__u64 rule)
{
	__u64 size = bpf_core_type_size(struct nft_rule_dp);

	for (int i = 0; rule && i < NFT_RULES_MAX; i++) {
		struct nft_rule_dp *dp = (void *)rule;
		struct nft_rule_dp_last *last = (void *)rule;

		if (BPF_CORE_READ_BITFIELD_PROBED(dp, is_last))
			return (void *)BPF_CORE_READ(last, chain);
		rule += size + BPF_CORE_READ_BITFIELD_PROBED(dp, dlen);
	}
	return NULL;
}

static __always_inline struct nft_verdict *nft_verdict_of(__u64 *ctx, struct nft_traceinfo *info)
{
	if (config.nft_verdict < 0 && bpf_core_field_exists(info->verdict))
		return (void *)BPF_CORE_READ(info, verdict);
	return (void *)probe_arg(ctx, config.nft_verdict);
}

/* What becomes of the packet: what the rule said, or the chain's policy. */
static __always_inline __s32 nft_code_of(__u64 *ctx, struct nft_traceinfo *info)
{
	const struct nft_base_chain *base;
	struct nft_verdict *verdict;

	if ((__u32)probe_arg(ctx, config.nft_type) == NFT_POLICY) {
		base = BPF_CORE_READ(info, basechain);
		return base ? BPF_CORE_READ(base, policy) : 0;
	}
	verdict = nft_verdict_of(ctx, info);
	return verdict ? (__s32)BPF_CORE_READ(verdict, code) : 0;
}

/* Whether the verdict is one of those that are wanted (NFT_VERDICT_BIT). */
static __always_inline bool nft_is_wanted(__u64 *ctx)
{
	struct nft_traceinfo *info = (void *)probe_arg(ctx, config.nft_info);
	__s32 code;

	if (!info)
		return true;
	code = nft_code_of(ctx, info);
	if (code >= 0)
		code &= 0xff; /* NF_VERDICT_MASK */
	return config.nft_verdicts >> ((code + NFT_VERDICT_FIRST) & 31) & 1;
}

static __always_inline __u32 collect_nft(struct record *r, __u64 *ctx)
{
	struct record_nft *n = (void *)(r->data + config.nft_at);
	struct nft_traceinfo *info = (void *)probe_arg(ctx, config.nft_info);
	struct nft_chain *chain = (void *)probe_arg(ctx, config.nft_chain), *target;
	struct nft_rule_dp *rule = (void *)probe_arg(ctx, config.nft_rule);
	struct nft_verdict *verdict = nft_verdict_of(ctx, info);
	__u32 type = probe_arg(ctx, config.nft_type);
	const struct nft_base_chain *base;
	struct nft_table *table;

	if (!info)
		return 0;
	base = BPF_CORE_READ(info, basechain);
	if (config.nft_rule < 0 && bpf_core_field_exists(info->rule))
		rule = (void *)BPF_CORE_READ(info, rule);
	if (config.nft_chain < 0 && bpf_core_type_exists(struct nft_rule_dp_last))
		chain = nft_chain_of((__u64)rule);
	if (!chain && base)
		chain = (void *)&base->chain;
	if (!chain)
		return 0;
	n->rule_handle = ~0ull;
	n->verdict = nft_code_of(ctx, info);
	n->policy = type == NFT_POLICY;
	/* nf_trace_fill_rule_info(): at the end of a chain there is no rule */
	if (!n->policy && rule && !BPF_CORE_READ_BITFIELD_PROBED(rule, is_last) &&
	    !(type == NFT_RETURN && n->verdict == -1))
		n->rule_handle = BPF_CORE_READ_BITFIELD_PROBED(rule, handle);
	n->chain_handle = BPF_CORE_READ(chain, handle);
	n->chain[0] = n->table[0] = n->verdict_chain[0] = 0;
	bpf_probe_read_kernel_str(n->chain, sizeof(n->chain), BPF_CORE_READ(chain, name));
	table = BPF_CORE_READ(chain, table);
	n->table_handle = BPF_CORE_READ(table, handle);
	bpf_probe_read_kernel_str(n->table, sizeof(n->table), BPF_CORE_READ(table, name));
	if (!n->policy && (n->verdict == -3 || n->verdict == -4)) { /* jump, goto */
		target = BPF_CORE_READ(verdict, chain);
		bpf_probe_read_kernel_str(n->verdict_chain, sizeof(n->verdict_chain),
					  BPF_CORE_READ(target, name));
	}
	return RECORD_NFT;
}

#endif
