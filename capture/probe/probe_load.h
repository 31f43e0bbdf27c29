/* SPDX-License-Identifier: BSD-2-Clause */
/* From planned probes to programs in the kernel: maps, templates, copies with constants. */
#ifndef CAPTURE_PROBE_LOAD_H
#define CAPTURE_PROBE_LOAD_H

#include <linux/bpf.h>
#include <unistd.h>

#include "capture/probe/probe.h"

/* Makes the rings and loads the templates, for the probes that p has now. */
int probes_load(struct probes *p, const struct probe_options *o, struct skbox_error *err);

/* Of a tracepoint: loads a copy, attaches it. What goes wrong is probe->reason. */
void probe_load(struct probes *p, struct probe *probe, const struct probe_options *o);
void probe_attach(struct probes *p, struct probe *probe);

/* The kind that a word begins with; PROBE_KINDS: it has none. */
enum probe_kind probe_kind_of(const char *word);

/* Adds the tracepoints behind which packets end, as probes of our own. */
int probes_add_ends(struct probes *p);

/* The data of a packet may be freed behind this tracepoint. */
bool probe_is_end(const struct tracepoint *tp);

/* Where a context has the arguments, in words; NULL instead: argument i is word i. */
struct probe_slots {
	const int8_t *argument;
	int n;
	int8_t ret, sp;
	bool by_cookie; /* each attachment tells which argument is what */
};

/* The constants of a probe. */
void probe_configure(const struct probes *p, const struct probe *probe,
		     const struct probe_options *o, const struct probe_slots *slots,
		     struct probe_config *c);

static inline struct facts_place probe_place(const struct probe_config *c)
{
	return (struct facts_place){c->sock_at, c->ct_at, c->nft_at};
}

/* A frozen map with the constants: its descriptor, or a negative errno. */
int probe_make_config(const struct probes *p, const struct probe_config *config);

/*
 * The template that a probe's program is copied from. internal: one of ours; btf: the verifier knows
 * the arguments' types; own: with rings of our own. It may be one that was not loaded.
 */
struct bpf_program *probe_template(const struct record_bpf *b, bool internal, bool btf, bool own);

struct probe_copy {
	const struct bpf_program *from;
	int config_fd;
	enum bpf_prog_type type;
	enum bpf_attach_type attach_type; /* with btf_id, what the program is for */
	uint32_t btf_id;
	int module_fd; /* whose types have btf_id; 0: vmlinux's */
	const char *name;
};

/* The program's descriptor, or a negative errno with the verifier's reason. */
int probe_load_copy(const struct probes *p, const struct probe_copy *copy, char *reason,
		    size_t size);

/*
 * Loads a copy whose program knows its arguments by their types, in the best way that the kernel
 * takes, into probe->prog_fd. 0, or a negative errno; the verifier's reason is probe->reason.
 */
int probe_load_typed(struct probes *p, struct probe *probe, struct probe_config *config,
		     struct probe_copy *copy);

/* The reason of a probe that cannot be. */
void probe_explain(struct probe *probe, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* ---- functions by their registers (probe_function.c) ---- */

static inline bool probe_is_kprobe(const struct probe *probe)
{
	return probe->kind == PROBE_KPROBE || probe->kind == PROBE_KRETPROBE;
}

/* Whether the kernel has kprobes at all. */
bool probe_has_kprobes(bool has_multi);

/*
 * Attaches kprobes and kretprobes, all at once where the kernel can. What cannot be attached has its
 * reason then. -E2BIG: more than this kernel may be asked for; -ENOMEM.
 */
int probes_start_functions(struct probes *p, const struct probe_options *o,
			   struct skbox_error *err);

/* Programs where the kernel frees the data of packets. False: it has to go without. */
bool probes_follow(struct probes *p);
void probe_functions_fini(struct probes *p);

/* ---- functions by their types (probe_trace.c) ---- */

static inline bool probe_is_traced(const struct probe *probe)
{
	return probe->kind == PROBE_FENTRY || probe->kind == PROBE_FEXIT;
}

/* As probes_start_functions(), of fentry and fexit. */
int probes_start_traced(struct probes *p, const struct probe_options *o, struct skbox_error *err);

static inline void probe_close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

#endif
