/* SPDX-License-Identifier: BSD-2-Clause */
/* What was asked for: from words of the command line to planned probes. */
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture/probe/kallsyms.h"
#include "capture/probe/probe_load.h"

static const struct {
	const char *prefix, *type;
} kinds[] = {
	[PROBE_TP] = {"tp:", "raw_tracepoint"},
	[PROBE_KPROBE] = {"kprobe:", "kprobe"},
	[PROBE_KRETPROBE] = {"kretprobe:", "kretprobe"},
	/* in files they are what they are in other words, so that readers know them */
	[PROBE_FENTRY] = {"fentry:", "kprobe"},
	[PROBE_FEXIT] = {"fexit:", "kretprobe"},
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
	v->prog_fd = v->link_fd = v->config_fd = v->enter_fd = v->body = -1;
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
		.kind = w->kind,
		.args = f->args,
		.btf_id = f->btf_id,
		.named = w->named,
		.stack = w->stack,
	};

	w->found++;
	snprintf(probe.symbol, sizeof(probe.symbol), "%s", f->name);
	snprintf(probe.module, sizeof(probe.module), "%s", f->module);
	return add(w->p, &probe);
}

/* Without `tp:`, or with it for patterns that have no kind. */
static bool matches(const char *pattern, const struct tracepoint *tp)
{
	char full[PROBE_SYMBOL_MAX];

	snprintf(full, sizeof(full), "tp:%s:%s", tp->group, tp->name);
	return !fnmatch(pattern, full + strlen("tp:"), 0) || !fnmatch(pattern, full, 0);
}

static int add_tracepoints(struct wish *w)
{
	const struct tracepoints *kernel = w->p->kernel;
	int rc = 0;

	for (size_t i = 0; i < kernel->n && !rc; i++)
		if (*kernel->v[i].group && matches(w->name, &kernel->v[i]))
			rc = add_tracepoint(w, &kernel->v[i]);
	return rc;
}

static int explain_pattern(const struct wish *w, int rc, struct skbox_error *err)
{
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

static int add_pattern(struct wish *w, struct skbox_error *err)
{
	int rc = w->kind == PROBE_TP ? add_tracepoints(w)
				     : function_match(&w->p->functions, w->name, add_function, w);

	return explain_pattern(w, rc, err);
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
			 "part of its callers (inlined), or its module is not loaded; "
			 "--list-probes 'kprobe:*' lists those that it has",
			 w->word);
}

static int find_function(struct wish *w, struct skbox_error *err)
{
	struct function f;
	int rc;

	rc = function_find(&w->p->functions, w->name, &f);
	if (rc == -ENOENT)
		return explain_function(w, err);
	if (rc)
		return error_set(err, rc, 0, "%.80s: %s", w->word, strerror(-rc));
	if (!arguments_are_any(&f.args))
		return error_set(
			err, -ENOENT, 0,
			"%.80s: none of its arguments is a struct sk_buff, sock, net_device or "
			"net",
			w->word);
	rc = add_function(w, &f);
	return rc ? error_set(err, rc, 0, "%.80s: %s", w->word, strerror(-rc)) : 0;
}

enum probe_kind probe_kind_of(const char *word)
{
	int i = 0;

	while (i < PROBE_KINDS && strncmp(word, kinds[i].prefix, strlen(kinds[i].prefix)))
		i++;
	return (enum probe_kind)i;
}

/* Takes the word apart. */
static int read_wish(struct wish *w, struct skbox_error *err)
{
	static const char stack[] = "/stack";
	const char *name = w->word;
	size_t n;

	w->kind = probe_kind_of(name);
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
				 "%.80s: a probe is tp:GROUP:NAME, or FUNCTION behind kprobe:, "
				 "kretprobe:, fentry: or fexit:, with /stack behind it if stacks "
				 "are wanted; "
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

int probes_add_any(struct probes *p, const char *pattern, struct skbox_error *err)
{
	struct wish w = {.p = p, .word = pattern, .kind = PROBE_TP};
	int rc;

	if (strlen(pattern) >= sizeof(w.name))
		return error_set(err, -EINVAL, 0, "%.80s: no probe has a name that long", pattern);
	snprintf(w.name, sizeof(w.name), "%s", pattern);
	rc = add_tracepoints(&w);
	if (!rc && !strchr(pattern, ':') && p->has_kprobes) {
		w.kind = PROBE_KPROBE;
		rc = function_match(&p->functions, w.name, add_function, &w);
	}
	return explain_pattern(&w, rc, err);
}

/* Tracepoints behind which the data of a packet may be freed. */
static const char *const end_names[] = {"kfree_skb", "consume_skb"};

bool probe_is_end(const struct tracepoint *tp)
{
	return !strcmp(tp->group, "skb") &&
	       (!strcmp(tp->name, end_names[0]) || !strcmp(tp->name, end_names[1]));
}

int probes_add_ends(struct probes *p)
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
