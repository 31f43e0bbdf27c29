/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Templates of the recording programs. The recorder loads one of each kind through libbpf, which
 * adapts it to the running kernel, and clones the result for every probe with constants of its own
 * (capture/probe.c). Kernels from 5.8 on.
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
extern void *bpf_rdonly_cast(const void *address, __u32 btf_id) __ksym __weak;

#include "bpf/ring.h"
#include "bpf/track.h"
#include "bpf/filter.h"

#define ARG(n)                                                                                     \
	case n: asm volatile("%0 = *(u64 *)(%1 + %2)" : "=r"(v) : "r"(ctx), "i"((n)*8)); break

/*
 * Argument i of a tracepoint. The context must be read at offsets written in the instructions, so
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
	}
	return v;
}

static __always_inline void record_lost(__u32 cpu)
{
	__u32 key = config.id * config.cpus + cpu;
	struct probe_counters *c = bpf_map_lookup_elem(&counters, &key);

	if (c)
		__sync_fetch_and_add(&c->lost, 1);
}

static __always_inline void record_filtered(__u32 cpu)
{
	__u32 key = config.id * config.cpus + cpu;
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

enum { COPY_MAX = 256 }; /* bytes that are copied without a loop */

static __always_inline void copy_64(__u64 *to, const __u64 *from)
{
	for (int i = 0; i < 8; i++)
		to[i] = from[i];
}

/* Direct reads: the verifier knows the types of a tracepoint's arguments. */
#define VARIANT(name)       name##_btf
#define READ(p, field)      ((p)->field)
#define READ_BITS(p, field) BPF_CORE_READ_BITFIELD(p, field)
#define READ_NAME(to, from)                                                                        \
	do {                                                                                       \
		((__u64 *)(to))[0] = *(__u64 *)&(from)->name[0];                                   \
		((__u64 *)(to))[1] = *(__u64 *)&(from)->name[8];                                   \
	} while (0)
#include "bpf/record.h"
#undef VARIANT
#undef READ
#undef READ_BITS
#undef READ_NAME

/* Reads through a helper: for tracepoints whose types the kernel does not offer. */
#define VARIANT(name)       name##_raw
#define READ(p, field)      BPF_CORE_READ(p, field)
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
	return record_btf(ctx, true);
}

SEC("tp_btf/netif_receive_skb")
int probe_btf_old(__u64 *ctx)
{
	return record_btf(ctx, false);
}

SEC("raw_tp/netif_receive_skb")
int probe_raw(__u64 *ctx)
{
	return record_raw(ctx, true);
}

SEC("raw_tp/netif_receive_skb")
int probe_raw_old(__u64 *ctx)
{
	return record_raw(ctx, false);
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

char _license[] SEC("license") = "Dual BSD/GPL";
