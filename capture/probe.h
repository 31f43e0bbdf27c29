/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Probes: from what was asked for to programs that run in the kernel. One template is loaded
 * through libbpf, which adapts it to the kernel; each probe gets a copy of its instructions with
 * constants of its own. Where other kinds (kprobe, fentry) come in: probes_add() finds what a name
 * means, template_of() says which program, attach_copy() how it gets there; the program's body
 * takes its arguments through probe_arg() only.
 */
#ifndef CAPTURE_PROBE_H
#define CAPTURE_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/event.h"
#include "capture/filter_load.h"
#include "capture/tracepoint.h"
#include "formats/error.h"

enum { PROBE_SYMBOL_MAX = 132, PROBE_REASON_MAX = 200, PROBE_MAX = 1024 /* as Retis */ };

struct probe {
	char symbol[PROBE_SYMBOL_MAX]; /* group:name */
	const char *type;              /* kernel.probe_type of its events: raw_tracepoint */
	const char *how;               /* tp_btf, raw_tp; NULL: not attached */
	char reason[PROBE_REASON_MAX]; /* why it could not be attached */
	struct tracepoint tp;
	bool named;                      /* asked for by its full name: must attach */
	bool internal;                   /* ours: sees packets end, makes no events */
	int prog_fd, link_fd, config_fd; /* -1: none */
	uint64_t recorded;               /* records that came out of the rings */
	uint64_t lost, filtered;         /* as of probes_count() */
	uint64_t skipped;                /* runs that the kernel skipped, as of probes_count() */
};

struct record_bpf;
struct bpf_program;

struct probes {
	const struct tracepoints *kernel; /* borrowed */
	struct probe *v;
	size_t n;
	const struct filter *filter; /* borrowed; NULL: none */
	struct record_bpf *bpf; /* the templates and the maps; NULL: not loaded */
	bool has_cast;          /* the kernel has bpf_rdonly_cast() */
	bool no_copy;           /* it cannot make plain memory of a number */
	bool use_btf;           /* the tp_btf template could be loaded */
	uint32_t cpus;          /* possible processors: counters a probe, slots for rings */
	bool own_rings;    /* struct ring_area in the map `areas`; else the kernel's, ring_fds */
	uint64_t secret;   /* of struct ring_area */
	int *ring_fds;     /* cpus; a processor that is offline has another one's */
	size_t ring_bytes; /* of each ring */
	uint32_t rings;    /* how many there are */
	const volatile struct probe_counters *counters; /* mapped, [probe * cpus + cpu] */
	const volatile __u64 *evicted; /* mapped: ids that ended because the table was full */
};

struct probe_options {
	const struct filter *filter; /* borrowed until probes_fini(); NULL: none */
	uint32_t snaplen;
	uint64_t buffer; /* bytes of all rings together */
	bool track;
	bool compat; /* only what the oldest kernels offer: raw tracepoints, the kernel's rings */
};

/* Ended by probes_fini(): programs detached, maps gone. kernel is borrowed until then. */
int probes_init(struct probes *p, const struct tracepoints *kernel, struct skbox_error *err);
void probes_fini(struct probes *p);

/*
 * Adds what a word of the command line names: tp:GROUP:NAME, `*` and `?` allowed. -ENOENT or -EINVAL
 * with err telling why and what would work.
 */
int probes_add(struct probes *p, const char *word, struct skbox_error *err);

/* Whether a word of the command line names the probe. */
bool probes_match(const char *word, const struct tracepoint *tp);

/*
 * Loads and attaches. A probe that was named outright and cannot be attached is an error; one from
 * a wildcard stays with its reason. Events flow from the return on.
 */
int probes_start(struct probes *p, const struct probe_options *o, struct skbox_error *err);

/* Detaches: no event is made after the return. */
void probes_stop(struct probes *p);

/* Our own rings: the map with all of them, and how far one is from the next. */
int probes_areas_fd(const struct probes *p);
size_t probes_ring_stride(const struct probes *p);

/* Reads the kernel's counters into the probes. */
void probes_count(struct probes *p);

#endif
