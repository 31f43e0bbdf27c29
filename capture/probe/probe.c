/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/probe/probe.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bpf/record.skel.h"
#include "capture/probe/parallel.h"
#include "capture/probe/probe_load.h"

/* Whether programs can call a helper. */
static bool has_helper(const struct btf *btf, const char *name)
{
	int id = btf__find_by_name_kind(btf, "bpf_func_id", BTF_KIND_ENUM);
	const struct btf_type *t = id > 0 ? btf__type_by_id(btf, (uint32_t)id) : NULL;

	for (int i = 0; t && i < btf_vlen(t); i++)
		if (!strcmp(btf__name_by_offset(btf, btf_enum(t)[i].name_off), name))
			return true;
	return false;
}

int probes_init(struct probes *p, const struct tracepoints *kernel, struct skbox_error *err)
{
	int cpus = libbpf_num_possible_cpus();

	memset(p, 0, sizeof(*p));
	p->kernel = kernel;
	if (cpus < 1)
		return error_set(err, -ENODEV, 0, "counting the processors: %s", strerror(-cpus));
	p->cpus = (uint32_t)cpus;
	functions_init(&p->functions, kernel->vmlinux);
	p->multi.events_fd = kernel->events_fd;
	p->has_multi = multi_is_offered();
	p->has_kprobes = probe_has_kprobes(p->has_multi);
	p->has_cookie = has_helper(kernel->vmlinux, "BPF_FUNC_get_attach_cookie");
	for (int i = 0; i < PROBE_FOLLOW; i++)
		p->follow[i] = (struct probe_follow){-1, -1, -1};
	p->has_cast = !kernel->btf_path &&
		      btf__find_by_name_kind(kernel->vmlinux, "bpf_rdonly_cast", BTF_KIND_FUNC) > 0;
	return 0;
}

void probes_fini(struct probes *p)
{
	probes_stop(p);
	for (size_t i = 0; i < p->n; i++) {
		probe_close_fd(&p->v[i].prog_fd);
		probe_close_fd(&p->v[i].config_fd);
	}
	probe_functions_fini(p);
	for (uint32_t i = 0; p->ring_fds && i < p->rings; i++)
		probe_close_fd(&p->ring_fds[i]);
	if (p->counters)
		munmap((void *)p->counters, p->n * p->cpus * sizeof(*p->counters));
	if (p->thin)
		munmap((void *)p->thin, sizeof(*p->thin));
	record_bpf__destroy(p->bpf);
	functions_fini(&p->functions);
	free(p->ring_fds);
	free(p->v);
	memset(p, 0, sizeof(*p));
}

/* What is known before anything is loaded. */
static int plan_all(struct probes *p, const struct probe_options *o, struct skbox_error *err)
{
	int rc = 0;

	/* the kernel tells of nftables' verdicts in one place */
	if (o->nft)
		rc = probes_add(p, "kprobe:__nft_trace_packet", err);
	if (!rc && o->ct && !functions_know_struct(&p->functions, "nf_conn"))
		rc = error_set(
			err, -EOPNOTSUPP, 0,
			"--collect ct: this kernel does not tell what a connection is made of "
			"(struct nf_conn): nf_conntrack is not loaded, or it is older than "
			"Linux 5.11 and has it in a module");
	if (rc)
		return rc;
	/* ours come last: they run behind the probes of the same tracepoint */
	if (o->track)
		rc = probes_add_ends(p);
	if (rc)
		return error_set(err, rc, 0, "%s", strerror(-rc));
	p->wants_stacks = o->stack;
	for (size_t i = 0; i < p->n; i++) {
		p->wants_stacks |= p->v[i].stack;
		p->wants_functions |= probe_is_kprobe(&p->v[i]);
	}
	return 0;
}

struct loading {
	struct probes *p;
	const struct probe_options *o;
	struct probe **v; /* n tracepoints */
	size_t n;
};

static void load_one(void *ctx, size_t i)
{
	const struct loading *l = ctx;

	probe_load(l->p, l->v[i], l->o);
}

static void load_rest(void *ctx, size_t i)
{
	load_one(ctx, i + 1);
}

/* 0, -ENOMEM, or -ENOENT: one that must be attached cannot be, so that the others need not be. */
static int start_tracepoints(struct probes *p, const struct probe_options *o)
{
	struct loading l = {.p = p, .o = o, .v = malloc((p->n + 1) * sizeof(struct probe *))};
	int rc = l.v ? 0 : -ENOMEM;

	for (size_t i = 0; i < p->n && !rc; i++) {
		struct probe *probe = &p->v[i];

		if (probe->kind == PROBE_TP && !(p->exact && probe->internal) && !*probe->reason)
			l.v[l.n++] = probe;
	}
	/* the first alone: it finds out what the kernel takes */
	if (!rc && l.n)
		load_one(&l, 0);
	if (!rc && l.n > 1)
		parallel_run(l.n - 1, load_rest, &l);
	/* in their order: programs of one tracepoint run as they were attached */
	for (size_t i = 0; i < l.n && !rc; i++) {
		if (l.v[i]->prog_fd >= 0)
			probe_attach(p, l.v[i]);
		if (!l.v[i]->how && l.v[i]->named && !p->check)
			rc = -ENOENT;
	}
	free(l.v);
	return rc;
}

/* What was to be attached and is not, where that is an error. */
static int check_attached(const struct probes *p, struct skbox_error *err)
{
	char word[PROBE_SYMBOL_MAX + 16];
	size_t attached = 0, wanted = 0;

	for (size_t i = 0; i < p->n && !p->check; i++) {
		const struct probe *probe = &p->v[i];

		if (probe->named && *probe->reason && !probe->how)
			return error_set(err, -ENOENT, 0, "%s cannot be attached: %s",
					 probe_word(probe, word), probe->reason);
		attached += probe->how && !probe->internal;
		wanted += !probe->internal;
	}
	if (!attached && !p->check)
		return error_set(err, -ENOENT, 0,
				 "none of %zu probes could be attached; the first: %s: %s", wanted,
				 probe_word(&p->v[0], word), p->v[0].reason);
	return 0;
}

int probes_start(struct probes *p, const struct probe_options *o, struct skbox_error *err)
{
	int rc = plan_all(p, o, err);

	if (!rc)
		rc = probes_load(p, o, err);
	if (rc)
		return rc;
	if (o->track && !o->compat)
		p->exact = probes_follow(p);
	rc = start_tracepoints(p, o);
	if (rc == -ENOMEM)
		error_set(err, rc, 0, "out of memory");
	if (!rc)
		rc = probes_start_functions(p, o, err);
	if (!rc)
		rc = probes_start_traced(p, o, err);
	functions_fini(&p->functions);
	return rc && rc != -ENOENT ? rc : check_attached(p, err);
}

static void close_links(void *ctx, size_t i)
{
	struct probe *probe = ((struct probe **)ctx)[i];

	probe_close_fd(&probe->link_fd);
	probe_close_fd(&probe->enter_fd);
}

void probes_stop(struct probes *p)
{
	struct probe **attached = p->n ? malloc(p->n * sizeof(struct probe *)) : NULL;
	size_t n = 0;

	if (!p->v)
		return;
	probes_count(p);
	multi_stop(&p->multi);
	/* the kernel waits for each one by one */
	for (size_t i = 0; i < p->n; i++) {
		struct probe *probe = &p->v[i];

		if (probe->link_fd < 0 && probe->enter_fd < 0)
			continue;
		if (attached)
			attached[n++] = probe;
		else
			close_links(&probe, 0);
	}
	parallel_run(n, close_links, attached);
	free(attached);
	for (int i = 0; i < PROBE_FOLLOW; i++)
		probe_close_fd(&p->follow[i].link_fd);
	probes_count(p);
}

int probes_stacks_fd(const struct probes *p, int which)
{
	return bpf_map__fd(which ? p->bpf->maps.stacks_more : p->bpf->maps.stacks);
}

uint64_t probes_stackless(const struct probes *p)
{
	uint64_t n = 0;

	for (size_t i = 0; p->counters && i < p->n * p->cpus; i++)
		n += p->counters[i].stackless;
	return n;
}

void probes_count(struct probes *p)
{
	for (size_t i = 0; i < p->n; i++) {
		struct probe *probe = &p->v[i];
		struct bpf_prog_info info = {0};
		uint32_t size = sizeof(info);

		if (probe->prog_fd >= 0 && !bpf_obj_get_info_by_fd(probe->prog_fd, &info, &size))
			probe->skipped = info.recursion_misses;
		probe->lost = probe->filtered = probe->unattributed = probe->thinned = 0;
		for (uint32_t cpu = 0; p->counters && cpu < p->cpus; cpu++) {
			const volatile struct probe_counters *c = &p->counters[i * p->cpus + cpu];

			probe->lost += c->lost;
			probe->filtered += c->filtered;
			probe->unattributed += c->unattributed;
			probe->thinned += c->thinned;
		}
	}
}
