/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/probe.h"

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
#include "capture/probe_load.h"

/* Tracepoints behind which the data of a packet may be freed. */
static const char *const end_names[] = {"kfree_skb", "consume_skb"};

bool probe_is_end(const struct tracepoint *tp)
{
	return !strcmp(tp->group, "skb") &&
	       (!strcmp(tp->name, end_names[0]) || !strcmp(tp->name, end_names[1]));
}

int probes_init(struct probes *p, const struct tracepoints *kernel, struct skbox_error *err)
{
	int cpus = libbpf_num_possible_cpus();

	memset(p, 0, sizeof(*p));
	p->kernel = kernel;
	if (cpus < 1)
		return error_set(err, -ENODEV, 0, "counting the processors: %s", strerror(-cpus));
	p->cpus = (uint32_t)cpus;
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

static int add(struct probes *p, const struct tracepoint *tp, bool internal)
{
	struct probe *v;

	for (size_t i = 0; i < p->n; i++)
		if (!strcmp(p->v[i].tp.name, tp->name) && !strcmp(p->v[i].tp.group, tp->group))
			return 0;
	if (p->n == PROBE_MAX)
		return -E2BIG;
	v = realloc(p->v, (p->n + 1) * sizeof(*v));
	if (!v)
		return -ENOMEM;
	p->v = v;
	v += p->n++;
	*v = (struct probe){.tp = *tp,
			    .type = "raw_tracepoint",
			    .internal = internal,
			    .prog_fd = -1,
			    .link_fd = -1,
			    .config_fd = -1};
	snprintf(v->symbol, sizeof(v->symbol), "%s:%s", tp->group, tp->name);
	return 0;
}

bool probes_match(const char *word, const struct tracepoint *tp)
{
	char full[PROBE_SYMBOL_MAX];

	snprintf(full, sizeof(full), "tp:%s:%s", tp->group, tp->name);
	return !fnmatch(word, full, 0);
}

static int add_pattern(struct probes *p, const char *word, struct skbox_error *err)
{
	size_t found = 0;
	int rc = 0;

	for (size_t i = 0; i < p->kernel->n && !rc; i++) {
		if (!probes_match(word, &p->kernel->v[i]))
			continue;
		rc = add(p, &p->kernel->v[i], false);
		found++;
	}
	if (rc == -E2BIG)
		return error_set(err, rc, 0, "%.80s: more than %d probes", word, PROBE_MAX);
	if (rc)
		return error_set(err, rc, 0, "%.80s: %s", word, strerror(-rc));
	if (!found)
		return error_set(err, -ENOENT, 0,
				 "%.80s: no tracepoint with a packet among its arguments matches; "
				 "--list-probes 'tp:*' lists them",
				 word);
	return 0;
}

int probes_add(struct probes *p, const char *word, struct skbox_error *err)
{
	char group[64], name[64], why[PROBE_REASON_MAX];
	const struct tracepoint *tp;
	const char *colon;
	int rc;

	if (strncmp(word, "tp:", 3))
		return error_set(err, -EINVAL, 0,
				 "%.80s: a probe is tp:GROUP:NAME, as tp:net:netif_receive_skb; "
				 "--list-probes "
				 "'tp:*' lists what this kernel offers",
				 word);
	if (strpbrk(word, "*?["))
		return add_pattern(p, word, err);
	colon = strchr(word + 3, ':');
	if (!colon || colon - word - 3 >= (long)sizeof(group) || strlen(colon + 1) >= sizeof(name))
		return error_set(
			err, -EINVAL, 0,
			"%.80s: a tracepoint is tp:GROUP:NAME, as tp:net:netif_receive_skb", word);
	snprintf(group, sizeof(group), "%.*s", (int)(colon - word - 3), word + 3);
	snprintf(name, sizeof(name), "%s", colon + 1);
	tp = tracepoints_find(p->kernel, group, name);
	if (!tp) {
		tracepoints_explain(p->kernel, group, name, why, sizeof(why));
		return error_set(err, -ENOENT, 0, "%.80s: %s", word, why);
	}
	rc = add(p, tp, false);
	if (rc)
		return error_set(err, rc, 0, "%.80s: %s", word, strerror(-rc));
	for (size_t i = 0; i < p->n; i++)
		if (!strcmp(p->v[i].tp.name, name))
			p->v[i].named = true;
	return 0;
}

static int add_internal(struct probes *p)
{
	for (size_t i = 0; i < sizeof(end_names) / sizeof(end_names[0]); i++) {
		const struct tracepoint *tp = tracepoints_find(p->kernel, "skb", end_names[i]);
		int rc = tp ? add(p, tp, true) : 0;

		if (rc)
			return rc;
	}
	return 0;
}

int probes_start(struct probes *p, const struct probe_options *o, struct skbox_error *err)
{
	size_t attached = 0, internal;
	int rc = 0;

	/* ours come last: they run behind the probes of the same tracepoint */
	if (o->track)
		rc = add_internal(p);
	if (rc)
		return error_set(err, rc, 0, "%s", strerror(-rc));
	rc = probes_load(p, o, err);
	if (rc)
		return rc;
	for (size_t i = 0; i < p->n; i++) {
		struct probe *probe = &p->v[i];

		rc = probe_start(p, probe, o);
		if (rc && probe->named)
			return error_set(err, rc, 0, "tp:%s cannot be attached: %s", probe->symbol,
					 probe->reason);
		attached += !rc && !probe->internal;
	}
	for (internal = 0; internal < p->n && !p->v[internal].internal;)
		internal++;
	if (!attached)
		return error_set(err, -ENOENT, 0,
				 "none of %zu probes could be attached; the first: tp:%s: %s",
				 internal, p->v[0].symbol, p->v[0].reason);
	return 0;
}

void probes_stop(struct probes *p)
{
	if (!p->v)
		return;
	probes_count(p);
	for (size_t i = 0; i < p->n; i++)
		probe_close_fd(&p->v[i].link_fd);
	probes_count(p);
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
