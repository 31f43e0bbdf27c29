/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the programs in the kernel and the recorder agree on: the record of an event in the rings,
 * the constants that specialise a program, the counters. Fixed widths, explicit padding, every
 * byte written; integers in host order but for what is said.
 */
#ifndef BPF_EVENT_H
#define BPF_EVENT_H

#include <linux/types.h>

#include "bpf/facts.h"

/* Bits of record.has: which groups of members are set (the others are zero). */
enum record_has {
	RECORD_PACKET = 1 << 0,
	RECORD_L3 = 1 << 1, /* data begins at the network layer, protocol says which */
	RECORD_VLAN = 1 << 2,
	RECORD_GSO = 1 << 3,
	RECORD_NETNS = 1 << 4,
	RECORD_COOKIE = 1 << 5,
	RECORD_DEV = 1 << 6,
	RECORD_DROP = 1 << 7,
	RECORD_TRACK = 1 << 8,
	RECORD_SHINFO = 1 << 9, /* dataref could be read */
	RECORD_UNWANTED =
		1 << 10,        /* no event: a filter did not want it, its room was taken already */
	RECORD_SKB = 1 << 16,   /* there is an skb: the members that are read from it */
	RECORD_STACK = 1 << 17, /* this and the next ones: facts.h */
	RECORD_RET = 1 << 18,
	RECORD_SOCK = 1 << 19,
	RECORD_CT = 1 << 20,
	RECORD_NFT = 1 << 21,
};

struct record {
	__u64 time;       /* CLOCK_MONOTONIC, ns, when the program began */
	__u64 skb;        /* address of the struct sk_buff */
	__u64 track_head; /* address of the packet's data when it was first seen */
	__u64 track_time; /* and when that was */
	__u64 net_cookie;
	__u32 net_inum;
	__u32 ifindex;
	__u32 rx_ifindex; /* 0: none */
	__u32 pid;        /* process: the kernel's tgid */
	__u32 tid;        /* thread: the kernel's pid */
	__u32 drop_reason;
	__u32 has;   /* RECORD_ bits */
	__u16 probe; /* probe_config.id */
	__u16 cpu;
	__u32 packet_len; /* from where data begins, before it was cut */
	__u32 caplen;     /* bytes of data that are there */
	__u32 len, data_len, hash, csum, priority, mark;
	__u32 gso_type;
	__u16 gso_size, gso_segs;
	__u8 gso_flags, gso_frags;
	__u8 ip_summed, csum_level;
	__u8 nohdr, cloned, fclone, users;
	__u8 dataref, unwanted;     /* unwanted: see RECORD_UNWANTED */
	__u16 protocol;             /* ethertype, host order */
	__u16 vlan_proto, vlan_tci; /* host order */
	char comm[16];
	char dev[16];
	__u32 extra; /* bytes of facts in front of the packet in data, a multiple of RING_ALIGN */
	__u32 pad2;
	__u8 data[]; /* facts, then the packet: caplen bytes; behind it there may be more */
};
_Static_assert(sizeof(struct record) == 168, "no holes, whole words");
_Static_assert(__builtin_offsetof(struct record, data) == 168, "data is right behind");

/* How much of a packet can be kept at most: --snaplen. */
enum { SNAPLEN_MIN = 32, SNAPLEN_DEFAULT = 255, SNAPLEN_MAX = 16384 };

/* The header that is shown before packets that have none counts as recorded (as Retis counts). */
enum { FAKE_ETH_BYTES = 14 };

enum probe_feature {
	PROBE_TRACK = 1 << 0, /* give the packet an id */
	PROBE_END = 1 << 1,   /* the packet's data may be freed behind this tracepoint */
	PROBE_CAST = 1 << 2,  /* the kernel has bpf_rdonly_cast() (a35b9af4ec2c, 6.2) */
	PROBE_COPY = 1 << 3,  /* and lets it make plain memory of a number (6.17) */
	PROBE_TSO = 1 << 4,   /* the machine keeps stores in order (x86): a mark needs no barrier */
	PROBE_FILTER = 1 << 5, /* there is a filter */
	PROBE_THIN = 1 << 6,   /* flows are left out while it costs too much (bpf/thin.h) */
	PROBE_EXACT =
		1 << 16, /* every end of a packet's data is seen: its identity does not matter */
	PROBE_OLD = 1 << 17,    /* no id begins here: the packet may be gone already */
	PROBE_STACK = 1 << 18,  /* record the stack */
	PROBE_BARE = 1 << 19,   /* an event even without a packet */
	PROBE_COOKIE = 1 << 20, /* the attachment says which probe it is, not id (5.15) */
	PROBE_MOVE = 1 << 21,   /* the packet's data is about to move (exact tracking) */
	PROBE_WHERE = 1 << 22,  /* and where the arguments are */
	PROBE_LAST = 1 << 23,   /* the data ends if no clone holds it any more (exact tracking) */
};

/* Which header a packet filter begins at. */
enum packet_layer { LAYER_NONE, LAYER_LINK, LAYER_NETWORK };

/* Arguments of functions that are looked at. */
enum function_arg { ARG_SKB, ARG_SK, ARG_DEV, ARG_NET, ARG_REASON, FUNCTION_ARGS };

/*
 * What an attachment tells a program that many functions share: the probe's id, and for PROBE_WHERE
 * which of the function's first arguments each enum function_arg is.
 */
enum {
	COOKIE_ID_BITS = 16,
	COOKIE_SLOT_BITS = 3,
	COOKIE_NONE = 7, /* the function has no such argument */
};
#define COOKIE_ID(cookie) ((cookie) & ((1 << COOKIE_ID_BITS) - 1))
#define COOKIE_SLOT(cookie, arg)                                                                   \
	((cookie) >> (COOKIE_ID_BITS + COOKIE_SLOT_BITS * (arg)) & COOKIE_NONE)
#define COOKIE_HAS_RET(cookie) ((cookie) >> 31 & 1) /* it returns something */

/* What is recorded: bpf/scope.h. */
enum scope { SCOPE_HOST, SCOPE_NETNS, SCOPE_CGROUP };

/*
 * Constants of one loaded copy of a program, in its own frozen read-only map: the verifier knows
 * their values and drops the code that they rule out.
 */
struct probe_config {
	__u32 id; /* index of the probe, in records and counters */
	/* slots of the context, in words: arguments, or registers of struct pt_regs; -1: none */
	__s32 skb;               /* where the struct sk_buff is */
	__s32 reason;            /* which one the drop reason; -1: none */
	__s32 sk, dev, net;      /* the struct sock, net_device, net */
	__s32 ret, sp;           /* the value that is returned; the stack pointer */
	__s32 args[COOKIE_NONE]; /* PROBE_WHERE: of the first arguments, whatever they are */
	__s32 nft_info, nft_pkt, nft_chain, nft_rule, nft_verdict, nft_type; /* of a trace */
	__u32 extra;                  /* bytes of facts in a record; 0: none */
	__u32 nft_verdicts;           /* which ones are recorded, 1 << (code + NFT_VERDICT_FIRST) */
	__u32 sock_at, ct_at, nft_at; /* where in them; 0: not wanted */
	__u32 snaplen;                /* SNAPLEN_MIN to SNAPLEN_MAX */
	__u32 features;               /* PROBE_ bits */
	__u32 stack_skip;             /* innermost frames that are ours */
	__u32 cpus;                   /* counters a probe */
	__u32 rings;                  /* ring areas; a processor uses number cpu % rings */
	__u32 ring_bytes;             /* of each area, a power of two */
	__u32 scope;                  /* enum scope */
	__u32 scope_inum;             /* SCOPE_NETNS: of the namespace, where it has no cookie */
	__u64 scope_id;               /* its cookie; SCOPE_CGROUP: the id of the cgroup */
	__u64 secret;                 /* see struct ring_area */
};

/*
 * A ring of our own in an array map that the recorder maps (from 5.12 on, for the compare-and-swap;
 * older kernels: their ring buffer). head and tail count bytes and only grow. A record takes
 * RING_SPACE(caplen) bytes at data[at & (ring_bytes - 1)]: a mark, then struct record; it may go on
 * behind ring_bytes, where there is room for the largest one. It is whole when its mark is
 * RING_MARK(at, secret): old bytes, packets among them, cannot look like that by chance or on purpose.
 */
struct ring_area {
	__u64 head; /* reserved so far, by the programs */
	__u64 pad0[7];
	__u64 tail; /* given back so far, by the recorder */
	__u64 pad1[7];
	__u8 data[];
};
_Static_assert(sizeof(struct ring_area) == 128, "head and tail in cache lines of their own");

enum { RING_MARK_BYTES = 8, RING_ALIGN = 64 /* what a copy of packet bytes is rounded up to */ };
#define RING_SPACE(caplen)                                                                         \
	(RING_MARK_BYTES + sizeof(struct record) +                                                 \
	 (((caplen) + RING_ALIGN - 1) & ~(__u64)(RING_ALIGN - 1)))
#define RING_MARK(at, secret) (((at) + 1) ^ (secret))

/* An array map of probes * cpus of these, at [id * cpus + cpu]. */
struct probe_counters {
	__u64 lost;         /* no room in the ring */
	__u64 filtered;     /* not wanted by a filter, or not of the scope */
	__u64 unattributed; /* of which nobody can tell whether they are of the scope: not recorded */
	__u64 stackless; /* events without their stack: no room in the map, or it could not be walked */
	__u64 thinned; /* of a flow that is left out for what recording costs (--max-cpu) */
};

/* Flows whose hash (16 bits) is below `kept` are recorded. The one element of the map `thin`. */
struct thin_bound {
	__u32 kept;
	__u32 pad;
};
enum { THIN_ALL = 1 << 16 };

/* Tracepoint arguments that a program can look at (Retis looks at 12), and words of a context. */
enum { PROBE_ARGS_MAX = 12 };

/* Stacks that can be told apart in a recording, and how deep they are kept (as Retis). */
enum { STACK_FRAMES = 127, STACKS_MAX = 4096 };

/*
 * The table of packets that are on their way, keyed by the address of their data. Sets of a few
 * ways in a plain array: a lookup is some loads, where a hash map's costs a call, and a full set
 * evicts its oldest entry instead of giving no id.
 */
enum { TRACK_WAYS = 4, TRACK_SETS_LOG2 = 14, TRACK_SETS = 1 << TRACK_SETS_LOG2 };

struct track {
	__u64 head;      /* 0: free */
	__u64 orig_head; /* what the id says */
	__u64 time;      /* first sight, ns: what the id says */
	__u32 identity;  /* hash of what stays the same on the packet's way; 0: not known */
	__u32 seen;      /* last sight, TRACK_TICK_SHIFT */
};
enum { TRACK_TICK_SHIFT = 20 /* of about 1 ms */, TRACK_YOUNG_TICKS = 1000 };

#endif
