/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/probe/probe.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bpf/record.skel.h"
#include "capture/probe/function.h"
#include "capture/probe/kallsyms.h"
#include "capture/probe/probe_load.h"

/* Tracepoints behind which the data of a packet may be freed. */
static const char *const end_names[] = {"kfree_skb", "consume_skb"};

bool probe_is_end(const struct tracepoint *tp)
{
	return !strcmp(tp->group, "skb") &&
	       (!strcmp(tp->name, end_names[0]) || !strcmp(tp->name, end_names[1]));
}

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
	p->has_kprobes = probe_has_kprobes();
	p->has_cookie = has_helper(kernel->vmlinux, "BPF_FUNC_get_attach_cookie");
	for (int i = 0; i < PROBE_FOLLOW; i++)
		p->follow[i] = (struct probe_follow){-1, -1, -1};
	p->has_cast = btf__find_by_name_kind(kernel->vmlinux, "bpf_rdonly_cast", BTF_KIND_FUNC) > 0;
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
	record_bpf__destroy(p->bpf);
	free(p->ring_fds);
	free(p->v);
	memset(p, 0, sizeof(*p));
}

/* ---- what was asked for ---- */

static const struct {
	const char *prefix, *type;
} kinds[] = {
	[PROBE_TP] = {"tp:", "raw_tracepoint"},
	[PROBE_KPROBE] = {"kprobe:", "kprobe"},
	[PROBE_KRETPROBE] = {"kretprobe:", "kretprobe"},
};

const char *probe_word(const struct probe *probe, char text[PROBE_SYMBOL_MAX + 16])
{
	snprintf(text, PROBE_SYMBOL_MAX + 16, "%s%s", kinds[probe->kind].prefix, probe->symbol);
	return text;
}

/* What a word of the command line asks for. */
struct wish {
	struct probes *p;
	const char *word; /* as it was given, for messages */
	char name[PROBE_SYMBOL_MAX];
	enum probe_kind kind;
	bool stack, named;
	size_t found;
};

static int add(struct probes *p, const struct probe *probe)
{
	struct probe *v;

	for (size_t i = 0; i < p->n; i++) {
		v = &p->v[i];
		if (v->kind == probe->kind && !strcmp(v->symbol, probe->symbol)) {
			v->named |= probe->named;
			v->stack |= probe->stack;
			return 0;
		}
	}
	if (p->n == PROBE_MAX)
		return -E2BIG;
	v = realloc(p->v, (p->n + 1) * sizeof(*v));
	if (!v)
		return -ENOMEM;
	p->v = v;
	v += p->n++;
	*v = *probe;
	v->type = kinds[probe->kind].type;
	v->prog_fd = v->link_fd = v->config_fd = v->enter_fd = -1;
	return 0;
}

static int add_tracepoint(struct wish *w, const struct tracepoint *tp)
{
	struct probe probe = {.kind = PROBE_TP,
			      .tp = *tp,
			      .args = tp->args,
			      .named = w->named,
			      .stack = w->stack};

	w->found++;
	snprintf(probe.symbol, sizeof(probe.symbol), "%s:%s", tp->group, tp->name);
	return add(w->p, &probe);
}

static int add_function(void *ctx, const struct function *f)
{
	struct wish *w = ctx;
	struct probe probe = {
		.kind = w->kind, .args = f->args, .named = w->named, .stack = w->stack};

	w->found++;
	snprintf(probe.symbol, sizeof(probe.symbol), "%s", f->name);
	return add(w->p, &probe);
}

bool probes_match(const char *word, const struct tracepoint *tp)
{
	char full[PROBE_SYMBOL_MAX];

	snprintf(full, sizeof(full), "tp:%s:%s", tp->group, tp->name);
	return !fnmatch(word, full, 0);
}

static int add_pattern(struct wish *w, struct skbox_error *err)
{
	const struct tracepoints *kernel = w->p->kernel;
	char full[sizeof(w->name) + 4];
	int rc = 0;

	snprintf(full, sizeof(full), "tp:%s", w->name);
	for (size_t i = 0; w->kind == PROBE_TP && i < kernel->n && !rc; i++)
		if (probes_match(full, &kernel->v[i]))
			rc = add_tracepoint(w, &kernel->v[i]);
	if (w->kind != PROBE_TP)
		rc = function_match(kernel->vmlinux, w->name, add_function, w);
	if (rc == -E2BIG)
		return error_set(err, rc, 0,
				 "%.80s: more than %d probes; a narrower pattern would do", w->word,
				 PROBE_MAX);
	if (rc)
		return error_set(err, rc, 0, "%.80s: %s", w->word, strerror(-rc));
	if (w->found)
		return 0;
	return error_set(err, -ENOENT, 0,
			 "%.80s: no %s with a packet or a socket among its arguments matches%s",
			 w->word, w->kind == PROBE_TP ? "tracepoint" : "function",
			 w->kind == PROBE_TP ? "; --list-probes 'tp:*' lists them" : "");
}

static int find_tracepoint(struct wish *w, struct skbox_error *err)
{
	char group[64], name[64], why[PROBE_REASON_MAX];
	const char *colon = strchr(w->name, ':');
	const struct tracepoint *tp;

	if (!colon || colon - w->name >= (long)sizeof(group) || strlen(colon + 1) >= sizeof(name))
		return error_set(
			err, -EINVAL, 0,
			"%.80s: a tracepoint is tp:GROUP:NAME, as tp:net:netif_receive_skb",
			w->word);
	snprintf(group, sizeof(group), "%.*s", (int)(colon - w->name), w->name);
	snprintf(name, sizeof(name), "%s", colon + 1);
	tp = tracepoints_find(w->p->kernel, group, name);
	if (tp)
		return add_tracepoint(w, tp);
	tracepoints_explain(w->p->kernel, group, name, why, sizeof(why));
	return error_set(err, -ENOENT, 0, "%.80s: %s", w->word, why);
}

/* Why there are no types of a function. */
static int explain_function(const struct wish *w, struct skbox_error *err)
{
	struct kallsyms k;
	bool exists;

	kallsyms_init(&k, NULL);
	exists = kallsyms_has(&k, w->name);
	kallsyms_fini(&k);
	if (exists)
		return error_set(err, -ENOENT, 0,
				 "%.80s: this kernel has the function but does not tell its "
				 "arguments (those of modules have types since Linux 5.11)",
				 w->word);
	return error_set(err, -ENOENT, 0,
			 "%.80s: this kernel has no such function: it has another name here, is "
			 "part of its callers (inlined), or its module is not loaded",
			 w->word);
}

static int find_function(struct wish *w, struct skbox_error *err)
{
	struct function f;
	int rc;

	if (function_find(w->p->kernel->vmlinux, w->name, &f))
		return explain_function(w, err);
	if (!arguments_are_useful(&f.args))
		return error_set(err, -ENOENT, 0,
				 "%.80s: none of its arguments is a packet (struct sk_buff *) or a "
				 "socket (struct sock *)",
				 w->word);
	rc = add_function(w, &f);
	return rc ? error_set(err, rc, 0, "%.80s: %s", w->word, strerror(-rc)) : 0;
}

/* Takes the word apart. */
static int read_wish(struct wish *w, struct skbox_error *err)
{
	static const char stack[] = "/stack";
	const char *name = w->word;
	size_t n;

	w->kind = PROBE_KINDS;
	for (int i = 0; i < PROBE_KINDS; i++)
		if (!strncmp(name, kinds[i].prefix, strlen(kinds[i].prefix)))
			w->kind = (enum probe_kind)i;
	if (!strncmp(name, "fentry:", 7) || !strncmp(name, "fexit:", 6))
		return error_set(err, -EOPNOTSUPP, 0,
				 "%.80s: functions are probed by kprobe: and kretprobe:", w->word);
	if (w->kind != PROBE_KINDS)
		name += strlen(kinds[w->kind].prefix);
	else
		w->kind = strchr(name, ':') ? PROBE_TP : PROBE_KPROBE;
	n = strlen(name);
	w->stack = n >= sizeof(stack) && !strcmp(name + n - (sizeof(stack) - 1), stack);
	if (w->stack)
		n -= sizeof(stack) - 1;
	if (!n || n >= sizeof(w->name) || memchr(name, '/', n))
		return error_set(err, -EINVAL, 0,
				 "%.80s: a probe is tp:GROUP:NAME, kprobe:FUNCTION or "
				 "kretprobe:FUNCTION, with /stack behind it if stacks are wanted; "
				 "--list-probes 'tp:*' lists what this kernel offers",
				 w->word);
	memcpy(w->name, name, n);
	w->name[n] = '\0';
	w->named = !strpbrk(w->name, "*?[");
	return 0;
}

/* For --check: a probe that cannot be, with the reason. */
static int add_impossible(struct wish *w, struct skbox_error *err)
{
	struct probe probe = {.kind = w->kind, .named = true};
	size_t n = strlen(w->word);
	const char *reason = err->text;
	int rc;

	if (!strncmp(reason, w->word, n) && !strncmp(reason + n, ": ", 2))
		reason += n + 2;
	snprintf(probe.symbol, sizeof(probe.symbol), "%s", w->name);
	snprintf(probe.reason, sizeof(probe.reason), "%s", reason);
	rc = add(w->p, &probe);
	if (!rc)
		*err = (struct skbox_error){0};
	return rc;
}

int probes_add(struct probes *p, const char *word, struct skbox_error *err)
{
	struct wish w = {.p = p, .word = word};
	int rc = read_wish(&w, err);

	if (rc)
		return rc;
	if (!w.named)
		rc = add_pattern(&w, err);
	else
		rc = w.kind == PROBE_TP ? find_tracepoint(&w, err) : find_function(&w, err);
	return p->check && (rc == -ENOENT || rc == -EINVAL) ? add_impossible(&w, err) : rc;
}

static int add_internal(struct probes *p)
{
	for (size_t i = 0; i < sizeof(end_names) / sizeof(end_names[0]); i++) {
		const struct tracepoint *tp = tracepoints_find(p->kernel, "skb", end_names[i]);
		struct probe probe = {.kind = PROBE_TP, .internal = true};
		int rc = 0;

		if (tp) {
			probe.tp = *tp;
			probe.args = tp->args;
			snprintf(probe.symbol, sizeof(probe.symbol), "%s:%s", tp->group, tp->name);
			rc = add(p, &probe);
		}

		if (rc)
			return rc;
	}
	return 0;
}

int probes_start(struct probes *p, const struct probe_options *o, struct skbox_error *err)
{
	char word[PROBE_SYMBOL_MAX + 16];
	size_t attached = 0, internal;
	int rc = 0;

	/* the kernel tells of nftables' verdicts in one place */
	if (o->nft)
		rc = probes_add(p, "kprobe:__nft_trace_packet", err);
	if (rc)
		return rc;
	/* ours come last: they run behind the probes of the same tracepoint */
	if (o->track)
		rc = add_internal(p);
	p->wants_stacks = o->stack;
	for (size_t i = 0; i < p->n; i++) {
		p->wants_stacks |= p->v[i].stack;
		p->wants_functions |= p->v[i].kind != PROBE_TP;
	}
	if (rc)
		return error_set(err, rc, 0, "%s", strerror(-rc));
	rc = probes_load(p, o, err);
	if (rc)
		return rc;
	if (o->track && !o->compat)
		p->exact = probes_follow(p);
	for (size_t i = 0; i < p->n; i++) {
		struct probe *probe = &p->v[i];

		if ((p->exact && probe->internal) || *probe->reason)
			continue;
		rc = probe_start(p, probe, o);
		if (rc && probe->named && !p->check)
			return error_set(err, rc, 0, "%s cannot be attached: %s",
					 probe_word(probe, word), probe->reason);
		attached += !rc && !probe->internal;
	}
	for (internal = 0; internal < p->n && !p->v[internal].internal;)
		internal++;
	if (!attached && !p->check)
		return error_set(err, -ENOENT, 0,
				 "none of %zu probes could be attached; the first: %s: %s",
				 internal, probe_word(&p->v[0], word), p->v[0].reason);
	return 0;
}

void probes_stop(struct probes *p)
{
	if (!p->v)
		return;
	probes_count(p);
	for (size_t i = 0; i < p->n; i++)
		probe_close_fd(&p->v[i].link_fd);
	for (size_t i = 0; i < p->n; i++)
		probe_close_fd(&p->v[i].enter_fd);
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
		probe->lost = probe->filtered = 0;
		for (uint32_t cpu = 0; p->counters && cpu < p->cpus; cpu++) {
			const volatile struct probe_counters *c = &p->counters[i * p->cpus + cpu];

			probe->lost += c->lost;
			probe->filtered += c->filtered;
		}
	}
}
