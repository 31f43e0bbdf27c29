/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Probes of functions by their types: fentry and fexit. The kernel makes a trampoline for each
 * function (fec56f5890d9, 5.5), so that a program sees all arguments, at the return as well. A
 * program is for one function: many of them take long to load.
 */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture/probe/parallel.h"
#include "capture/probe/probe_load.h"

enum {
	NOT_SUPPORTED = 524, /* ENOTSUPP, which is the kernel's alone */
	STACK_SKIP = 2,      /* the program and the trampoline */
};

/* Exists for tests of trampolines, does nothing, is called by nobody else. */
static const char TRIED[] = "bpf_fentry_test1";

/* Whether trampolines work: 0, or a negative errno. */
static int try_tracing(const struct probes *p)
{
	const struct bpf_insn insns[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K},
					 {.code = BPF_JMP | BPF_EXIT}};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = BPF_TRACE_FENTRY);
	int id = btf__find_by_name_kind(p->kernel->vmlinux, TRIED, BTF_KIND_FUNC);
	int fd, link, rc = 0;

	if (id <= 0)
		return 0; /* the probes will tell */
	opts.attach_btf_id = (uint32_t)id;
	fd = bpf_prog_load(BPF_PROG_TYPE_TRACING, "skbox_try", "Dual BSD/GPL", insns, 2, &opts);
	if (fd < 0)
		return -errno;
	link = bpf_raw_tracepoint_open(NULL, fd);
	if (link < 0)
		rc = -errno;
	else
		close(link);
	close(fd);
	return rc;
}

static bool has_tracing(struct probes *p)
{
	if (!p->tried_tracing)
		p->has_tracing = try_tracing(p);
	p->tried_tracing = true;
	return !p->has_tracing;
}

static const char *error_text(int rc)
{
	return rc == -NOT_SUPPORTED ? "not supported" : strerror(-rc);
}

bool probes_offer(struct probes *p, enum probe_kind kind, char *reason, size_t size)
{
	static const char tracepoints[] =
		"its tracepoints can be probed, --list-probes 'tp:*' lists them";

	switch (kind) {
	case PROBE_KPROBE:
	case PROBE_KRETPROBE:
		if (p->has_kprobes)
			return true;
		snprintf(reason, size, "this kernel has no kprobes (CONFIG_KPROBE_EVENTS); %s",
			 has_tracing(p) ? "fentry: and fexit: can be used" : tracepoints);
		return false;
	case PROBE_FENTRY:
	case PROBE_FEXIT:
		if (has_tracing(p))
			return true;
		snprintf(reason, size,
			 "this kernel has no BPF trampolines for fentry: and fexit: (%s); %s",
			 error_text(p->has_tracing),
			 p->has_kprobes ? "kprobe: and kretprobe: can be used" : tracepoints);
		return false;
	default: return true;
	}
}

/* What went wrong with this function, where trampolines work as such. */
static void explain(const struct probes *p, struct probe *probe, const char *what, int rc)
{
	char why[PROBE_REASON_MAX / 2];
	const char *text = *probe->reason ? probe->reason : error_text(rc);

	if (rc == -NOT_SUPPORTED)
		text = "the kernel has no trampoline for such arguments";
	else if (rc == -EBUSY)
		text = "something else has changed the function";
	else if (rc == -ENOENT)
		text = "the function cannot be found (inlined, or its module is gone)";
	snprintf(why, sizeof(why), "%.*s", (int)sizeof(why) - 1, text);
	probe_explain(probe, "%s: %s%s%.60s%s", what, why, p->has_kprobes ? "; kprobe:" : "",
		      p->has_kprobes ? probe->symbol : "", p->has_kprobes ? " may do" : "");
}

struct traced {
	struct probes *p;
	const struct probe_options *o;
	struct probe **v; /* n */
	size_t n;
};

static int load(const struct traced *t, struct probe *probe)
{
	struct probes *p = t->p;
	struct probe_slots slots = {
		.n = PROBE_ARGS_MAX, .ret = (int8_t)probe->args.n, .sp = -1 /* nothing to match */};
	struct probe_copy copy = {
		.from = probe_template(p->bpf, false, p->use_btf, p->own_rings),
		.type = BPF_PROG_TYPE_TRACING,
		.attach_type = probe_is_return(probe) ? BPF_TRACE_FEXIT : BPF_TRACE_FENTRY,
		.btf_id = probe->btf_id,
		.name = "skbox",
	};
	struct probe_config config;
	int rc;

	if (*probe->module) {
		copy.module_fd = function_open_module(probe->module);
		if (copy.module_fd < 0)
			return copy.module_fd;
	}
	probe_configure(p, probe, t->o, &slots, &config);
	config.stack_skip = STACK_SKIP;
	probe->place = probe_place(&config);
	rc = probe_load_typed(p, probe, &config, &copy);
	if (copy.module_fd > 0)
		close(copy.module_fd);
	return rc;
}

static void start(void *ctx, size_t i)
{
	const struct traced *t = ctx;
	struct probe *probe = t->v[i];
	int at = probe->args.skb < 0 ? probe->args.sk : probe->args.skb, rc;

	if (at >= PROBE_ARGS_MAX || (at < 0 && probe->args.dev < 0 && probe->args.net < 0)) {
		probe_explain(probe, "its packet is not among the %d arguments that are looked at",
			      PROBE_ARGS_MAX);
		return;
	}
	rc = load(t, probe);
	if (rc) {
		explain(t->p, probe, "loading", rc);
		return;
	}
	probe->link_fd = bpf_raw_tracepoint_open(NULL, probe->prog_fd);
	if (probe->link_fd < 0)
		explain(t->p, probe, "attaching", -errno);
	else
		probe->how = probe_is_return(probe) ? "fexit" : "fentry";
}

static void start_rest(void *ctx, size_t i)
{
	start(ctx, i + 1);
}

int probes_start_traced(struct probes *p, const struct probe_options *o, struct skbox_error *err)
{
	struct traced t = {.p = p, .o = o, .v = malloc((p->n + 1) * sizeof(struct probe *))};
	char why[PROBE_REASON_MAX];
	int rc = 0;

	if (!t.v)
		return error_set(err, -ENOMEM, 0, "out of memory");
	for (size_t i = 0; i < p->n; i++) {
		struct probe *probe = &p->v[i];

		if (!probe_is_traced(probe) || *probe->reason)
			continue;
		if (probes_offer(p, probe->kind, why, sizeof(why)))
			t.v[t.n++] = probe;
		else
			probe_explain(probe, "%s", why);
	}
	if (t.n > PROBE_TRACED_MAX)
		rc = error_set(
			err, -E2BIG, 0,
			"%zu functions by fentry and fexit: each takes a program of its own, "
			"and more than %d are too many; narrower patterns%s would do",
			t.n, PROBE_TRACED_MAX, p->has_multi ? " or kprobe:" : "");
	/* the first alone: it finds out what the kernel takes */
	if (!rc && t.n)
		start(&t, 0);
	if (!rc && t.n > 1)
		parallel_run(t.n - 1, start_rest, &t);
	free(t.v);
	return rc;
}
