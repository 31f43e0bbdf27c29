/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The program behind every probe. Included once for each way to read kernel memory, with
 *   VARIANT(name)      the name of a function in this variant
 *   READ(p, field)     a field, integer or pointer
 *   READ_PTR(p, field) a pointer to a structure of the kernel
 *   READ_BITS(p, bit)  a bit field
 * No include guard: that is the point.
 */

/* Where in the packet's data its layers are. */
struct VARIANT(layout) {
	__u64 from;   /* address of the first byte to keep */
	__u64 caplen; /* 0: there is nothing to keep */
	__u32 packet_len;
	__u32 inner;    /* offset of an encapsulated network header; 0: none */
	__u16 protocol; /* host order; 0: the bytes begin with an Ethernet header */
};

static __always_inline __u16 VARIANT(l3_type)(struct sk_buff *skb, __u64 head, __u16 network)
{
	__u16 protocol = bpf_ntohs(READ(skb, protocol)), size;
	__u8 first = 0;

	if (protocol)
		return protocol;
	/* not set yet on the way out of a socket: believe a version whose header has the right size */
	size = READ(skb, transport_header) - network;
	if (size != 20 && size != 40)
		return 0;
	bpf_probe_read_kernel(&first, 1, (void *)(head + network));
	if (size == 20 && first >> 4 == 4)
		return 0x0800;
	return size == 40 && first >> 4 == 6 ? 0x86dd : 0;
}

/* The packet's first header and where it is, from head. */
static __always_inline enum packet_layer VARIANT(find_start)(struct sk_buff *skb, __u16 *start)
{
	__u16 mac = READ(skb, mac_header), network = READ(skb, network_header);
	bool mac_set = mac != 0xffff, network_set = network && network != 0xffff;

	if (mac_set && !(network_set && network == mac && !READ(skb, mac_len))) {
		*start = mac;
		return LAYER_LINK;
	}
	*start = network;
	return network_set ? LAYER_NETWORK : LAYER_NONE;
}

static __always_inline void VARIANT(find_layers)(struct VARIANT(layout) * l, struct sk_buff *skb,
						 __u64 head)
{
	__u16 start;
	enum packet_layer layer = VARIANT(find_start)(skb, &start);
	__u32 len = READ(skb, len), linear = len - READ(skb, data_len);
	__s32 room = (__s32)(as_number(READ(skb, data)) - head), offset;
	__s32 limit = config.snaplen, caplen;

	l->caplen = 0;
	if (layer == LAYER_LINK) {
		l->protocol = 0;
	} else if (layer == LAYER_NETWORK) {
		l->protocol = VARIANT(l3_type)(skb, head, start);
		if (!l->protocol)
			return;
		limit -= FAKE_ETH_BYTES;
	} else {
		return;
	}
	offset = start - room;
	caplen = (__s32)linear - offset;
	if (caplen <= 0)
		return;
	l->from = head + start;
	l->caplen = caplen < limit ? caplen : limit;
	l->packet_len = len - offset;
	l->inner = READ_BITS(skb, encapsulation) ? (__u16)(READ(skb, inner_network_header) - start)
						 : 0;
}

/* Whether the filter wants the packet, with all of its linear bytes and its whole length. */
static __always_inline bool VARIANT(is_wanted)(struct sk_buff *skb, __u64 head)
{
	enum packet_layer layer = LAYER_NONE;
	__s32 offset, caplen = 0;
	__u16 start = 0;
	__u32 len = 0;

	if (head)
		layer = VARIANT(find_start)(skb, &start);
	if (layer != LAYER_NONE) {
		offset = start - (__s32)(as_number(READ(skb, data)) - head);
		len = READ(skb, len) - offset;
		caplen = (__s32)(len - READ(skb, data_len));
	}
	return filter_packet(skb, head + start, caplen < 0 ? 0 : caplen, len, layer);
}

/* Whether the event is of a flow that is left out now; by its packet, else by its socket. */
static __always_inline bool VARIANT(is_thinned)(__u64 *ctx, const struct saved *saved,
						struct sk_buff *skb, __u64 head)
{
	enum packet_layer layer = LAYER_NONE;
	__u32 bound = thin_bound();
	struct thin_flow flow = {};
	struct sock *sk;
	__s32 room = 0;
	__u16 start = 0;

	if (bound >= THIN_ALL)
		return false;
	if (head) {
		layer = VARIANT(find_start)(skb, &start);
		room = (__s32)(as_number(READ(skb, data)) - head) - start +
		       (__s32)(READ(skb, len) - READ(skb, data_len));
	}
	if (!thin_of_packet(&flow, head + start, room, layer)) {
		sk = (void *)arg_of(ctx, saved, ARG_SK, config.sk);
		if (!sk && skb)
			sk = READ(skb, sk);
		if (!thin_of_sock(&flow, sk))
			return false;
	}
	return thin_hash(&flow) >= bound;
}

/*
 * The packet's bytes into the record; false when they cannot be read. Plain loads take a third of
 * the helper's time; up to 63 bytes too many are copied, which nobody looks at. A page that is not
 * there reads as zeros, where the helper fails.
 */
static __always_inline bool VARIANT(put_bytes)(struct record *r, __u64 from, __u64 caplen)
{
	__u64 *to = (__u64 *)packet_of(r);
	const __u64 *bytes;

	/* told again where it counts: 6.1 forgets what it knew of a value that was on the stack */
	asm volatile("" : "+r"(caplen));
	if (!caplen || caplen > SNAPLEN_MAX)
		return false;
	if (!(config.features & PROBE_COPY) || config.snaplen > COPY_MAX)
		return !bpf_probe_read_kernel(to, caplen, (void *)from);
	bytes = bpf_rdonly_cast((void *)from, 0);
	copy_64(to, bytes);
	if (caplen > 64)
		copy_64(to + 8, bytes + 8);
	if (caplen > 128)
		copy_64(to + 16, bytes + 16);
	if (caplen > 192)
		copy_64(to + 24, bytes + 24);
	return true;
}

static __always_inline void VARIANT(put_meta)(struct record *r, struct sk_buff *skb)
{
	r->len = READ(skb, len);
	r->data_len = READ(skb, data_len);
	r->hash = READ(skb, hash);
	r->csum = READ(skb, csum);
	r->priority = READ(skb, priority);
	r->mark = READ(skb, mark);
	r->ip_summed = READ_BITS(skb, ip_summed);
	r->csum_level = READ_BITS(skb, csum_level);
	r->nohdr = READ_BITS(skb, nohdr);
	r->cloned = READ_BITS(skb, cloned);
	r->fclone = READ_BITS(skb, fclone);
	r->users = READ(skb, users.refs.counter);
}

/* The tag in the skb itself. How its presence is told: see kernel.h. */
static __always_inline __u32 VARIANT(put_vlan)(struct record *r, struct sk_buff *skb)
{
	struct sk_buff___vlan_present *old = (void *)skb;
	struct sk_buff___vlan_all *all = (void *)skb;
	bool present;

	r->vlan_proto = 0;
	r->vlan_tci = 0;
	if (bpf_core_field_exists(old->vlan_present))
		present = READ_BITS(old, vlan_present);
	else
		present = READ(all, vlan_all);
	if (!present)
		return 0;
	r->vlan_proto = bpf_ntohs(READ(skb, vlan_proto));
	r->vlan_tci = READ(skb, vlan_tci);
	return RECORD_VLAN;
}

/* A member of the copy of a struct skb_shared_info that begins at p. */
#define SHINFO(type, p, member)                                                                    \
	(*(type *)((p) + bpf_core_field_offset(struct skb_shared_info, member)))

static __always_inline __u32 VARIANT(copy_shinfo)(struct record *r, __u64 at)
{
	__u64 copy[8]; /* its members of interest are in the first 64 bytes on every kernel */
	__u8 *p = (__u8 *)copy;

	if (bpf_probe_read_kernel(copy, sizeof(copy), (void *)at))
		return 0;
	r->dataref = SHINFO(__u32, p, dataref);
	if (!SHINFO(__u16, p, gso_size))
		return RECORD_SHINFO;
	r->gso_size = SHINFO(__u16, p, gso_size);
	r->gso_segs = SHINFO(__u16, p, gso_segs);
	r->gso_type = SHINFO(__u32, p, gso_type);
	r->gso_frags = SHINFO(__u8, p, nr_frags);
	if (bpf_core_field_exists(((struct skb_shared_info *)0)->flags))
		r->gso_flags = SHINFO(__u8, p, flags);
	return RECORD_SHINFO | RECORD_GSO;
}

static __always_inline __u32 VARIANT(put_shinfo)(struct record *r, struct sk_buff *skb, __u64 head)
{
	__u64 at = head + READ(skb, end);
	struct skb_shared_info *info;

	r->gso_flags = r->gso_frags = r->dataref = 0;
	r->gso_size = r->gso_segs = 0;
	r->gso_type = 0;
	if (!head)
		return 0;
	if (!(config.features & PROBE_CAST))
		return VARIANT(copy_shinfo)(r, at);
	info = bpf_rdonly_cast((void *)at, bpf_core_type_id_kernel(struct skb_shared_info));
	r->dataref = info->dataref.counter;
	if (!info->gso_size)
		return RECORD_SHINFO;
	r->gso_size = info->gso_size;
	r->gso_segs = info->gso_segs;
	r->gso_type = info->gso_type;
	r->gso_frags = info->nr_frags;
	if (bpf_core_field_exists(info->flags))
		r->gso_flags = info->flags;
	return RECORD_SHINFO | RECORD_GSO;
}

static __always_inline __u32 VARIANT(put_ns)(struct record *r, struct net *net)
{
	r->net_cookie = 0;
	r->net_inum = 0;
	if (!net)
		return 0;
	r->net_inum = READ(net, ns.inum);
	if (!bpf_core_field_exists(net->net_cookie))
		return RECORD_NETNS;
	r->net_cookie = READ(net, net_cookie);
	return RECORD_NETNS | RECORD_COOKIE;
}

static __always_inline __u32 VARIANT(put_dev)(struct record *r, struct net_device *dev)
{
	r->ifindex = READ(dev, ifindex);
	if (!r->ifindex)
		return 0;
	READ_NAME(r->dev, dev);
	return RECORD_DEV;
}

static __always_inline __u32 VARIANT(put_net)(struct record *r, struct sk_buff *skb)
{
	struct net_device *dev = READ_PTR(skb, dev);
	struct net *net = NULL;
	__u32 has = 0;

	r->ifindex = r->rx_ifindex = 0;
	((__u64 *)r->dev)[0] = ((__u64 *)r->dev)[1] = 0;
	if (dev) {
		net = READ(dev, nd_net.net);
		has |= VARIANT(put_dev)(r, dev);
		if (has)
			r->rx_ifindex = READ(skb, skb_iif);
	} else {
		struct sock *sk = READ_PTR(skb, sk);

		if (sk)
			net = READ(sk, __sk_common.skc_net.net);
	}
	return has | VARIANT(put_ns)(r, net);
}

/* A packet that has neither device nor socket yet (tcp_retransmit_skb): its socket is an argument. */
static __always_inline __u32 VARIANT(put_sock_ns)(struct record *r, struct sock *sk)
{
	return sk ? VARIANT(put_ns)(r, READ(sk, __sk_common.skc_net.net)) : 0;
}

static __always_inline __u32 VARIANT(put_drop)(struct record *r, __u64 *ctx,
					       const struct saved *saved)
{
	r->drop_reason = 0;
	if (config.reason < 0)
		return 0;
	if (saved && config.features & PROBE_WHERE &&
	    COOKIE_SLOT(saved->cookie, ARG_REASON) == COOKIE_NONE)
		return 0;
	r->drop_reason = arg_of(ctx, saved, ARG_REASON, config.reason);
	return RECORD_DROP;
}

/* What facts.h has; skb: NULL: there is none. */
static __always_inline __u32 VARIANT(put_extra)(struct record *r, __u64 *ctx,
						const struct saved *saved, struct sk_buff *skb)
{
	__u32 has = 0;

	if (!config.extra)
		return 0;
	if (config.features & PROBE_STACK)
		has |= collect_stack(r, ctx, r->cpu);
	if (config.ret >= 0 &&
	    !(saved && config.features & PROBE_WHERE && !COOKIE_HAS_RET(saved->cookie))) {
		extra_of(r)->ret = probe_arg(ctx, config.ret);
		has |= RECORD_RET;
	}
	if (config.sock_at) {
		struct sock *sk = NULL;

		if (config.sk >= 0)
			sk = (void *)arg_of(ctx, saved, ARG_SK, config.sk);
		if (!sk && skb)
			sk = READ_PTR(skb, sk);
		has = FORGET(r->has, has | collect_sock(r, sk));
	}
	if (config.ct_at && skb)
		has = FORGET(r->has, has | collect_ct(r, skb));
	if (config.nft_at)
		has = FORGET(r->has, has | collect_nft(r, ctx));
	return has;
}

/* A probe without a packet: where it was, and the socket. */
static __always_inline int VARIANT(record_bare)(__u64 *ctx, const struct saved *saved,
						const bool own_ring)
{
	__u64 now = bpf_ktime_get_ns(), mark = 0;
	__u32 cpu = bpf_get_smp_processor_id(), has = 0;
	struct net *net = NULL;
	struct record *r;

	r = own_ring ? area_reserve(cpu, 0, &mark) : ring_reserve(cpu, 0);
	if (!r) {
		record_lost(ctx, cpu);
		return 0;
	}
	__builtin_memset(r, 0, sizeof(*r));
	r->time = now;
	r->probe = probe_id(ctx);
	r->cpu = cpu;
	r->extra = config.extra;
	put_task(r);
	if (config.dev >= 0) {
		struct net_device *dev = (void *)arg_of(ctx, saved, ARG_DEV, config.dev);

		if (dev) {
			has = VARIANT(put_dev)(r, dev);
			net = READ(dev, nd_net.net);
		}
	}
	if (!net && config.sk >= 0) {
		struct sock *sk = (void *)arg_of(ctx, saved, ARG_SK, config.sk);

		if (sk)
			net = READ(sk, __sk_common.skc_net.net);
	}
	if (!net && config.net >= 0)
		net = (void *)arg_of(ctx, saved, ARG_NET, config.net);
	has |= VARIANT(put_ns)(r, net);
	has |= VARIANT(put_drop)(r, ctx, saved);
	has |= VARIANT(put_extra)(r, ctx, saved, NULL);
	r->has = has;
	if (own_ring)
		area_commit(r, mark);
	else
		bpf_ringbuf_submit(r, BPF_RB_NO_WAKEUP);
	return 0;
}

/*
 * The data of a packet dies with the skb unless a clone still holds it (skb_data_unref()). The
 * lower half of dataref counts all holders, the upper half those that want only the payload.
 */
static __always_inline bool VARIANT(is_last)(struct sk_buff *skb, __u64 head)
{
	__u32 dataref = 0, mine = READ_BITS(skb, nohdr) ? (1 << 16) + 1 : 1;
	__u64 at = head + READ(skb, end) + bpf_core_field_offset(struct skb_shared_info, dataref);

	return !READ_BITS(skb, cloned) ||
	       (!bpf_probe_read_kernel(&dataref, 4, (void *)at) && dataref == mine);
}

static __always_inline void VARIANT(end_packet)(struct sk_buff *skb, __u64 head)
{
	if (VARIANT(is_last)(skb, head))
		track_forget(head);
}

/* saved: the arguments as they were when the function was entered; NULL: they are in ctx. */
static __always_inline int VARIANT(record_skb)(__u64 *ctx, const struct saved *saved,
					       struct sk_buff *skb, const bool own_ring)
{
	struct VARIANT(layout) l = {};
	__u64 now, mark = 0, head;
	__u32 cpu = bpf_get_smp_processor_id(), has, inner;
	struct record *r;
	int scope = config.scope ? scope_of(ctx, saved, skb) : SCOPE_INSIDE;
	__u8 unwanted = 0;

	if (!skb) {
		if (config.features & PROBE_THIN && scope == SCOPE_INSIDE &&
		    VARIANT(is_thinned)(ctx, saved, NULL, 0))
			scope = SCOPE_THINNED;
		if (config.features & PROBE_FILTER)
			record_filtered(ctx, cpu);
		else if (config.features & PROBE_BARE && scope == SCOPE_INSIDE)
			return VARIANT(record_bare)(ctx, saved, own_ring);
		else if (config.features & PROBE_BARE)
			record_outside(ctx, cpu, scope);
		return 0;
	}
	head = as_number(READ(skb, head));
	if (scope != SCOPE_INSIDE && config.scope == SCOPE_NETNS) {
		record_outside(ctx, cpu, scope);
		goto end;
	}
	if (scope == SCOPE_INSIDE && config.features & PROBE_FILTER &&
	    !VARIANT(is_wanted)(skb, head))
		scope = SCOPE_OUTSIDE;
	if (config.features & PROBE_THIN && scope == SCOPE_INSIDE &&
	    VARIANT(is_thinned)(ctx, saved, skb, head))
		scope = SCOPE_THINNED;
	if (scope != SCOPE_INSIDE) {
		/* a packet that was wanted once is followed on its way */
		if (!(config.features & PROBE_TRACK && head && track_knows(as_number(skb), head))) {
			record_outside(ctx, cpu, scope);
			goto end;
		}
		unwanted = 1;
	}
	now = bpf_ktime_get_ns();
	if (head)
		VARIANT(find_layers)(&l, skb, head);
	/* kept in a register as 64 bits: what the size class says of it must reach the copy below */
	__u64 caplen = l.caplen;
	asm volatile("" : "+r"(caplen));
	r = own_ring ? area_reserve(cpu, caplen, &mark) : ring_reserve(cpu, caplen);
	if (!r) {
		record_lost(ctx, cpu);
		goto end;
	}
	r->unwanted = unwanted;
	r->time = now;
	r->skb = (__u64)skb;
	r->probe = probe_id(ctx);
	r->cpu = cpu;
	r->extra = config.extra;
	put_task(r);
	VARIANT(put_meta)(r, skb);
	r->protocol = l.protocol;
	r->packet_len = l.packet_len;
	r->caplen = caplen;
	inner = FORGET(r->track_head, l.inner);
	has = RECORD_SKB;
	if (VARIANT(put_bytes)(r, l.from, caplen))
		has |= RECORD_PACKET | (l.protocol ? RECORD_L3 : 0);
	has = FORGET(r->has, has | VARIANT(put_vlan)(r, skb));
	has = FORGET(r->has, has | VARIANT(put_net)(r, skb));
	if (config.sk >= 0 && !(has & RECORD_NETNS))
		has |= VARIANT(put_sock_ns)(r, (void *)arg_of(ctx, saved, ARG_SK, config.sk));
	has = FORGET(r->has, has | VARIANT(put_shinfo)(r, skb, head));
	has |= VARIANT(put_drop)(r, ctx, saved);
	has |= VARIANT(put_extra)(r, ctx, saved, skb);
	if (!(config.features & PROBE_TRACK) || !head)
		r->track_head = r->track_time = 0;
	else if (config.features & PROBE_EXACT)
		has |= track_exactly(r, head);
	else {
		track_packet(
			r, head,
			FORGET(r->track_head, has & RECORD_PACKET ? track_identity(r, inner) : 0));
		has |= RECORD_TRACK;
		/* the data has an id, but of a packet that was there before */
		if ((config.features & (PROBE_FILTER | PROBE_THIN) || config.scope) &&
		    r->unwanted && r->track_time == now) {
			track_forget(head);
			record_outside(ctx, cpu, scope);
			has = RECORD_UNWANTED;
		}
	}
	r->has = has;
	if (own_ring)
		area_commit(r, mark);
	else
		bpf_ringbuf_submit(r, BPF_RB_NO_WAKEUP);
end:
	if (config.features & PROBE_END && head)
		VARIANT(end_packet)(skb, head);
	return 0;
}

static __always_inline int VARIANT(record)(__u64 *ctx, const struct saved *saved,
					   const bool own_ring)
{
	return VARIANT(record_skb)(ctx, saved, (void *)arg_of(ctx, saved, ARG_SKB, config.skb),
				   own_ring);
}

static __always_inline int VARIANT(forget)(__u64 *ctx)
{
	struct sk_buff *skb = (void *)probe_arg(ctx, config.skb);
	__u64 head;

	if (!skb)
		return 0;
	head = as_number(READ(skb, head));
	if (head)
		VARIANT(end_packet)(skb, head);
	return 0;
}

/* For exact tracking: where the kernel frees or moves a packet's data. */
static __always_inline int VARIANT(follow)(__u64 *ctx)
{
	struct sk_buff *skb = (void *)probe_arg(ctx, config.skb);
	__u64 head;

	/* the second argument of kfree_skb_partial(): somebody else took the data */
	if (!skb || (config.ret >= 0 && !(probe_arg(ctx, config.ret) & 1)))
		return 0;
	head = as_number(READ(skb, head));
	if (!head)
		return 0;
	if (config.features & PROBE_MOVE)
		track_will_move((__u64)skb, head);
	if (config.features & PROBE_LAST && !VARIANT(is_last)(skb, head))
		return 0;
	if (!(config.features & PROBE_MOVE))
		track_freed((__u64)skb, head);
	else if (config.features & PROBE_LAST)
		track_forget(head);
	return 0;
}
