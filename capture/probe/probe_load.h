/* SPDX-License-Identifier: BSD-2-Clause */
/* From planned probes to programs in the kernel: maps, templates, copies with constants. */
#ifndef CAPTURE_PROBE_LOAD_H
#define CAPTURE_PROBE_LOAD_H

#include <linux/bpf.h>
#include <unistd.h>

#include "capture/probe/probe.h"

/* Makes the rings and loads the templates, for the probes that p has now. */
int probes_load(struct probes *p, const struct probe_options *o, struct skbox_error *err);

/* Loads a copy for the probe and attaches it. 0, or a negative errno with probe->reason set. */
int probe_start(struct probes *p, struct probe *probe, const struct probe_options *o);

/* The data of a packet may be freed behind this tracepoint. */
bool probe_is_end(const struct tracepoint *tp);

/* Where a context has the arguments, in words; NULL instead: argument i is word i. */
struct probe_slots {
	const int8_t *argument;
	int n;
	int8_t ret, sp;
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

struct probe_copy {
	const struct bpf_program *from;
	int config_fd;
	enum bpf_prog_type type;
	enum bpf_attach_type attach_type; /* with btf_id, what the program is for */
	uint32_t btf_id;
	const char *name;
};

/* The program's descriptor, or a negative errno with the verifier's reason. */
int probe_load_copy(const struct probes *p, const struct probe_copy *copy, char *reason,
		    size_t size);

/* ---- functions (probe_function.c) ---- */

/* Whether the kernel has kprobes at all. */
bool probe_has_kprobes(void);

/* As probe_start(), of a kprobe or kretprobe. */
int probe_start_function(struct probes *p, struct probe *probe, const struct probe_options *o);

/* Programs where the kernel frees the data of packets. False: it has to go without. */
bool probes_follow(struct probes *p);
void probe_functions_fini(struct probes *p);

static inline void probe_close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

#endif
