/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Templates of the recording programs. The recorder loads one of each kind through libbpf, which
 * adapts it to the running kernel, and clones the result for every probe with constants of its own
 * (capture/probe/probe.c). Kernels from 5.8 on.
 */
#include <stdbool.h>
#include <stddef.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>

#include "bpf/event.h"
#include "bpf/kernel.h"

const volatile struct probe_config config;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct probe_counters);
} counters SEC(".maps");

/* Gives a number a kernel type, so that it is read without a helper's call. */
#ifdef WITHOUT_KFUNCS
static __always_inline void *bpf_rdonly_cast(const void *address, __u32 btf_id)
{
	return (void *)address; /* never: behind PROBE_CAST, which is not set then */
}
#else
extern void *bpf_rdonly_cast(const void *address, __u32 btf_id) __ksym __weak;
#endif

#include "bpf/ring.h"

/* Where the packet's bytes are in a record; a constant of the probe. */
static __always_inline __u8 *packet_of(struct record *r)
{
	return r->data + config.extra;
}

#include "bpf/track.h"
#include "bpf/filter.h"

#define ARG(n)                                                                                     \
	case n: asm volatile("%0 = *(u64 *)(%1 + %2)" : "=r"(v) : "r"(ctx), "i"((n)*8)); break

/*
 * Word i of the context: an argument of a tracepoint, a register of struct pt_regs. The context must be read at offsets written in the instructions, so
 * there is one load for each; the verifier knows i and follows a single one.
 */
static __always_inline __u64 probe_arg(__u64 *ctx, __s32 i)
{
	__u64 v = 0;

	switch (i) {
		ARG(0);
		ARG(1);
		ARG(2);
		ARG(3);
		ARG(4);
		ARG(5);
		ARG(6);
		ARG(7);
		ARG(8);
		ARG(9);
		ARG(10);
		ARG(11);
		ARG(12);
		ARG(13);
		ARG(14);
		ARG(15);
		ARG(16);
		ARG(17);
		ARG(18);
		ARG(19);
		ARG(20);
		ARG(31);
	}
	return v;
}

/* The arguments of a function as it was entered. */
struct saved {
	__u64 v[FUNCTION_ARGS];
	__u64 cookie; /* PROBE_WHERE; else 0 */
};

static __always_inline __u64 arg_of(__u64 *ctx, const struct saved *saved, int which, __s32 slot)
{
	if (slot < 0)
		return 0;
	return saved ? saved->v[which] : probe_arg(ctx, slot);
}

/* A program that many functions share is told which one it is. */
static __always_inline __u32 probe_id(void *ctx)
{
	if (config.features & PROBE_COOKIE)
		return COOKIE_ID(bpf_get_attach_cookie(ctx));
	return config.id;
}

static __always_inline void record_lost(void *ctx, __u32 cpu)
{
	__u32 key = probe_id(ctx) * config.cpus + cpu;
	struct probe_counters *c = bpf_map_lookup_elem(&counters, &key);

	if (c)
		__sync_fetch_and_add(&c->lost, 1);
}

static __always_inline void record_filtered(void *ctx, __u32 cpu)
{
	__u32 key = probe_id(ctx) * config.cpus + cpu;
	struct probe_counters *c = bpf_map_lookup_elem(&counters, &key);

	if (c)
		__sync_fetch_and_add(&c->filtered, 1);
}

/*
 * An address as a number. Since 6.17 the verifier keeps what was loaded from a
 * `unsigned char *` as a pointer and refuses to compute an index from it; a negation forgets that.
 */
static __always_inline __u64 as_number(const void *p)
{
	__u64 v = (__u64)p;

	asm volatile("%0 = -%0\n%0 = -%0" : "+r"(v));
	return v;
}

/*
 * Who runs. A helper's call for each fact takes 30 ns, the task itself one of 3 ns
 * (3ca1032ab7ab, 5.11).
 */
static __always_inline void put_task(struct record *r)
{
	if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_get_current_task_btf)) {
		struct task_struct *task = (void *)bpf_get_current_task_btf();

		r->pid = task->tgid;
		r->tid = task->pid;
		((__u64 *)r->comm)[0] = *(__u64 *)&task->comm[0];
		((__u64 *)r->comm)[1] = *(__u64 *)&task->comm[8];
	} else {
		__u64 ids = bpf_get_current_pid_tgid();

		r->pid = ids >> 32;
		r->tid = ids;
		bpf_get_current_comm(r->comm, sizeof(r->comm));
	}
}

#include "bpf/collect.h"
#include "bpf/scope.h"
#include "bpf/thin.h"

/* scope: why not; a filter is SCOPE_OUTSIDE. */
static __always_inline void record_outside(void *ctx, __u32 cpu, int scope)
{
	__u32 key = probe_id(ctx) * config.cpus + cpu;
	struct probe_counters *c = bpf_map_lookup_elem(&counters, &key);

	if (c && scope == SCOPE_UNKNOWN)
		__sync_fetch_and_add(&c->unattributed, 1);
	else if (c && scope == SCOPE_THINNED)
		__sync_fetch_and_add(&c->thinned, 1);
	else if (c)
		__sync_fetch_and_add(&c->filtered, 1);
}

enum { COPY_MAX = 256 }; /* bytes that are copied without a loop */

static __always_inline void copy_64(__u64 *to, const __u64 *from)
{
	for (int i = 0; i < 8; i++)
		to[i] = from[i];
}

/*
 * A pointer to the same packet that the verifier does not trust. For each pointer that is read through
 * one it trusts, it looks through all types of the kernel, four times, for lists of members that can
 * be trusted, too (btf_nested_type_is_trusted()): 37 % of the time that attaching took.
 */
static __always_inline struct sk_buff *untrusted(struct sk_buff *skb)
{
	if (!(config.features & PROBE_CAST))
		return skb;
	return bpf_rdonly_cast(skb, bpf_core_type_id_kernel(struct sk_buff));
}

/* Direct reads: the verifier knows the types of a tracepoint's arguments. */
#define VARIANT(name)       name##_btf
#define READ(p, field)      ((p)->field)
#define READ_PTR(p, field)  (untrusted(p)->field)
#define READ_BITS(p, field) BPF_CORE_READ_BITFIELD(p, field)
#define READ_NAME(to, from)                                                                        \
	do {                                                                                       \
		((__u64 *)(to))[0] = *(__u64 *)&(from)->name[0];                                   \
		((__u64 *)(to))[1] = *(__u64 *)&(from)->name[8];                                   \
	} while (0)
#include "bpf/record.h"
#undef VARIANT
#undef READ
#undef READ_PTR
#undef READ_BITS
#undef READ_NAME

/* Reads through a helper: for tracepoints whose types the kernel does not offer. */
#define VARIANT(name)       name##_raw
#define READ(p, field)      BPF_CORE_READ(p, field)
#define READ_PTR(p, field)  BPF_CORE_READ(p, field)
#define READ_BITS(p, field) BPF_CORE_READ_BITFIELD_PROBED(p, field)
#define READ_NAME(to, from) bpf_probe_read_kernel(to, 16, &(from)->name)
#include "bpf/record.h"

/*
 * The targets named here are replaced by those of the probes. Of each program one with the kernel's
 * ring buffer, without an instruction that kernels before 5.12 do not know.
 */
SEC("tp_btf/netif_receive_skb")
int probe_btf(__u64 *ctx)
{
	return record_btf(ctx, NULL, true);
}

SEC("tp_btf/netif_receive_skb")
int probe_btf_old(__u64 *ctx)
{
	return record_btf(ctx, NULL, false);
}

SEC("raw_tp/netif_receive_skb")
int probe_raw(__u64 *ctx)
{
	return record_raw(ctx, NULL, true);
}

SEC("raw_tp/netif_receive_skb")
int probe_raw_old(__u64 *ctx)
{
	return record_raw(ctx, NULL, false);
}

SEC("tp_btf/consume_skb")
int end_btf(__u64 *ctx)
{
	return forget_btf(ctx);
}

SEC("raw_tp/consume_skb")
int end_raw(__u64 *ctx)
{
	return forget_raw(ctx);
}

/*
 * Functions. kprobe and kretprobe see registers; entries are kept by the stack pointer, which no two
 * calls that go on have in common.
 */
struct entry_key {
	__u64 sp;
	__u64 id;
};
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1);
	__type(key, struct entry_key);
	__type(value, struct saved);
} entries SEC(".maps");

/* The packet of a trace of nftables is behind its pktinfo. */
static __always_inline struct sk_buff *traced_packet(__u64 *ctx)
{
	struct nft_traceinfo *info = (void *)probe_arg(ctx, config.nft_info);
	struct nft_pktinfo *pkt = (void *)probe_arg(ctx, config.nft_pkt);

	if (config.nft_pkt < 0 && info && bpf_core_field_exists(info->pkt))
		pkt = (void *)BPF_CORE_READ(info, pkt);
	return pkt ? BPF_CORE_READ(pkt, skb) : NULL;
}

/*
 * Where the arguments are is either a constant or in the cookie. Then they are taken from a copy on
 * the stack, which may be read at any place (01f810ace9ed, 5.12; cookies came with 5.15).
 */
static __always_inline void save_args(__u64 *ctx, struct saved *saved)
{
	__u64 first[COOKIE_NONE + 1];

	saved->cookie = 0;
	if (config.features & PROBE_WHERE) {
		saved->cookie = bpf_get_attach_cookie(ctx);
#pragma unroll
		for (int i = 0; i < COOKIE_NONE; i++)
			first[i] = probe_arg(ctx, config.args[i]);
		first[COOKIE_NONE] = 0;
#pragma unroll
		for (int i = 0; i < FUNCTION_ARGS; i++)
			saved->v[i] = first[COOKIE_SLOT(saved->cookie, i)];
		return;
	}
	saved->v[ARG_SKB] = probe_arg(ctx, config.skb);
	saved->v[ARG_SK] = probe_arg(ctx, config.sk);
	saved->v[ARG_DEV] = probe_arg(ctx, config.dev);
	saved->v[ARG_NET] = probe_arg(ctx, config.net);
	saved->v[ARG_REASON] = probe_arg(ctx, config.reason);
}

static __always_inline int record_function(__u64 *ctx, const bool own)
{
	struct saved saved;
	struct sk_buff *skb;

	if (config.nft_at && !nft_is_wanted(ctx)) {
		record_filtered(ctx, bpf_get_smp_processor_id());
		return 0;
	}
	save_args(ctx, &saved);
	skb = (void *)saved.v[ARG_SKB];
	if (config.nft_at && config.skb < 0)
		skb = traced_packet(ctx);
	return record_skb_raw(ctx, &saved, skb, own);
}

SEC("kprobe/ip_rcv")
int probe_kprobe(__u64 *ctx)
{
	return record_function(ctx, true);
}

SEC("kprobe/ip_rcv")
int probe_kprobe_old(__u64 *ctx)
{
	return record_function(ctx, false);
}

SEC("kprobe/ip_rcv")
int enter_kprobe(__u64 *ctx)
{
	struct entry_key key = {.sp = probe_arg(ctx, config.sp), .id = probe_id(ctx)};
	struct saved saved;

	save_args(ctx, &saved);
	bpf_map_update_elem(&entries, &key, &saved, BPF_ANY);
	return 0;
}

/*
 * The stack pointer of a return is that of the entry, give or take a few words: it depends on the
 * kernel's trampoline.
 */
enum { RETURN_WORDS = 3 };

static __always_inline int record_return(__u64 *ctx, const bool own)
{
	struct entry_key key = {.sp = probe_arg(ctx, config.sp) + 8 * RETURN_WORDS,
				.id = probe_id(ctx)};
	struct saved *found = NULL, saved;

	for (int i = 0; i <= 2 * RETURN_WORDS && !found; i++) {
		found = bpf_map_lookup_elem(&entries, &key);
		if (!found)
			key.sp -= 8;
	}
	if (!found)
		return 0; /* it was entered before we came */
	saved = *found;
	bpf_map_delete_elem(&entries, &key);
	return record_raw(ctx, &saved, own);
}

SEC("kretprobe/ip_rcv")
int probe_kretprobe(__u64 *ctx)
{
	return record_return(ctx, true);
}

SEC("kretprobe/ip_rcv")
int probe_kretprobe_old(__u64 *ctx)
{
	return record_return(ctx, false);
}

SEC("kprobe/skb_free_head")
int follow_kprobe(__u64 *ctx)
{
	return follow_raw(ctx);
}

char _license[] SEC("license") = "Dual BSD/GPL";
