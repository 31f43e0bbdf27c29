/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Probes: from what was asked for to programs that run in the kernel. One template is loaded
 * through libbpf, which adapts it to the kernel; each probe gets a copy of its instructions with
 * constants of its own. Functions with the same arguments in the same places share a copy where the
 * kernel tells it which one was hit.
 */
#ifndef CAPTURE_PROBE_H
#define CAPTURE_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/event.h"
#include "capture/facts.h"
#include "capture/filter/filter_load.h"
#include "capture/probe/function.h"
#include "capture/probe/multi.h"
#include "capture/probe/tracepoint.h"
#include "formats/error.h"

enum {
	PROBE_SYMBOL_MAX = 132,
	PROBE_REASON_MAX = 200,
	PROBE_MAX = 4096, /* twice the functions with a packet that a kernel has */
	/* attached one by one, which takes the kernel some ms each (as Retis) */
	PROBE_SINGLE_MAX = 1024,
	/* of fentry and fexit: each is a program and a trampoline of its own */
	PROBE_TRACED_MAX = 512,
};

enum probe_kind {
	PROBE_TP,
	PROBE_KPROBE,
	PROBE_KRETPROBE,
	PROBE_FENTRY,
	PROBE_FEXIT,
	PROBE_KINDS,
};

struct probe {
	char symbol[PROBE_SYMBOL_MAX]; /* group:name, or a function */
	enum probe_kind kind;
	const char *type; /* kernel.probe_type of its events: raw_tracepoint, kprobe ... */
	const char *how;  /* tp_btf, raw_tp, kprobe, kprobe.multi, fentry ...; NULL: not attached */
	char reason[PROBE_REASON_MAX]; /* why it could not be attached */
	struct tracepoint tp;          /* PROBE_TP */
	struct arguments args;
	char module[FUNCTION_MODULE_MAX]; /* a function's; empty: vmlinux */
	uint32_t btf_id;                  /* a function's, in those types */
	int body;                         /* its struct probe_body; -1: none */
	bool named;                       /* asked for by its full name: must attach */
	bool stack;                       /* its events have their stack */
	bool internal;                    /* ours: sees packets end, makes no events */
	int prog_fd, link_fd, config_fd;  /* -1: none; those of functions: see struct probe_body */
	struct facts_place place;         /* of its records, when it was started */
	int enter_fd;                     /* kretprobe: the link of what remembers the arguments */
	uint64_t recorded;                /* records that came out of the rings */
	uint64_t lost, filtered;          /* as of probes_count() */
	uint64_t unattributed;            /* as well: of no scope that can be told */
	uint64_t thinned;                 /* as well: of flows that are left out */
	uint64_t skipped;                 /* runs that the kernel skipped, as of probes_count() */
};

/* A copy that functions share; or one's own, for a kernel that cannot tell them apart. */
struct probe_body {
	struct probe_config config;
	bool is_return;
	bool multi;                       /* for links to many functions */
	int prog_fd, enter_fd, config_fd; /* enter_fd: the program that remembers arguments */
	int rc;                           /* 0, or why it could not be loaded */
	char reason[PROBE_REASON_MAX];    /* and what the verifier said */
	bool counted; /* a probe has its descriptor, for what the kernel counts */
};

/* Where the kernel frees or moves the data of packets, for exact tracking. */
enum { PROBE_FOLLOW = 3 };
struct probe_follow {
	int prog_fd, link_fd, config_fd;
};

struct record_bpf;
struct bpf_program;

struct probes {
	const struct tracepoints *kernel; /* borrowed */
	struct probe *v;
	size_t n;
	const struct filter *filter; /* borrowed; NULL: none */
	struct record_bpf *bpf;      /* the templates and the maps; NULL: not loaded */
	bool has_cast;               /* the kernel has bpf_rdonly_cast() */
	bool no_copy;                /* it cannot make plain memory of a number */
	bool use_btf;                /* the tp_btf template could be loaded */
	bool has_cookie;             /* an attachment can tell a shared program which it is */
	bool exact;                  /* ids end where the kernel frees the data: host.tracking */
	bool wants_stacks;
	bool wants_functions;
	bool check; /* what is wrong with a probe is its reason, and no error of the others */
	bool has_kprobes;
	bool has_multi;     /* and can attach many at once */
	bool tried_tracing; /* has_tracing is known */
	int has_tracing; /* 0: programs can run at functions' entry and return; or a negative errno */
	struct functions functions; /* until they are attached */
	struct multi multi;
	struct probe_body *bodies;
	size_t n_bodies;
	struct probe_follow follow[PROBE_FOLLOW];
	uint32_t cpus;     /* possible processors: counters a probe, slots for rings */
	bool own_rings;    /* struct ring_area in the map `areas`; else the kernel's, ring_fds */
	uint64_t secret;   /* of struct ring_area */
	int *ring_fds;     /* cpus; a processor that is offline has another one's */
	size_t ring_bytes; /* of each ring */
	uint32_t rings;    /* how many there are */
	const volatile struct probe_counters *counters; /* mapped, [probe * cpus + cpu] */
	const volatile __u64 *evicted;    /* mapped: ids that ended because the table was full */
	volatile struct thin_bound *thin; /* mapped: which flows are recorded */
};

struct probe_options {
	const struct filter *filter; /* borrowed until probes_fini(); NULL: none */
	uint32_t snaplen;
	uint64_t buffer; /* bytes of all rings together */
	bool track;
	bool sock, ct, nft;         /* facts.h */
	uint32_t nft_verdicts;      /* see struct probe_config */
	bool stack;                 /* of all probes */
	uint32_t scope, scope_inum; /* see struct probe_config */
	uint64_t scope_id;
	bool thin;   /* flows can be left out: struct probes' thin */
	bool compat; /* only what the oldest kernels offer: raw tracepoints, the kernel's rings */
};

/* Ended by probes_fini(): programs detached, maps gone. kernel is borrowed until then. */
int probes_init(struct probes *p, const struct tracepoints *kernel, struct skbox_error *err);
void probes_fini(struct probes *p);

/*
 * Adds what a word of the command line names: tp:GROUP:NAME, kprobe:FUNCTION, kretprobe:FUNCTION,
 * fentry:FUNCTION, fexit:FUNCTION, GROUP:NAME, FUNCTION (a kprobe); `*` and `?` allowed; `/stack`
 * behind it. -ENOENT or -EINVAL with err telling why and what would work.
 */
int probes_add(struct probes *p, const char *word, struct skbox_error *err);

/* The probe as the command line would have it, into text. */
const char *probe_word(const struct probe *probe, char text[PROBE_SYMBOL_MAX + 16]);

/*
 * Adds all that a pattern without a kind may mean: tracepoints, and functions where it has no colon.
 * -ENOENT: nothing; or another negative errno.
 */
int probes_add_any(struct probes *p, const char *pattern, struct skbox_error *err);

/* Whether this kernel can have probes of a kind; else why not and what would do, into reason. */
bool probes_offer(struct probes *p, enum probe_kind kind, char *reason, size_t size);

/* fexit and kretprobe. */
static inline bool probe_is_return(const struct probe *probe)
{
	return probe->kind == PROBE_KRETPROBE || probe->kind == PROBE_FEXIT;
}

/*
 * Loads and attaches. A probe that was named outright and cannot be attached is an error; one from
 * a wildcard stays with its reason. Events flow from the return on.
 */
int probes_start(struct probes *p, const struct probe_options *o, struct skbox_error *err);

/* Detaches: no event is made after the return. */
void probes_stop(struct probes *p);

/*
 * Behind a fork: closes what this process has of links, programs and maps, which stay as they are in
 * the other one. Names, counters and mappings are good until probes_fini(). Whoever adds a
 * descriptor to struct probes closes it here, too; closing must be all that it does.
 */
int probes_release(struct probes *p, struct skbox_error *err);

/* Our own rings: the map with all of them, and how far one is from the next. */
int probes_areas_fd(const struct probes *p);
size_t probes_ring_stride(const struct probes *p);

/* Reads the kernel's counters into the probes. */
void probes_count(struct probes *p);

/* The two maps of stacks (facts.h). */
int probes_stacks_fd(const struct probes *p, int which);
/* Events that lack their stack. */
uint64_t probes_stackless(const struct probes *p);

#endif
