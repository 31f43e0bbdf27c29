/* SPDX-License-Identifier: BSD-2-Clause */
/* --learn: rules that a good recording keeps, with room for what differs from one run to the next. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/check/check.h"
#include "analyze/check/check_run.h"
#include "analyze/stats/stats.h"
#include "cli/terminal.h"

enum {
	HOPS = 8,                   /* pairs of probes that get a rule, the most frequent ones */
	SAMPLES_MIN = 20,           /* of a distribution that is worth a rule */
	REASONS = 16,               /* of drops */
	DROPS_MORE = 3,             /* where there were some */
	SLACK_NS = 2 * 1000 * 1000, /* what a busy machine may add to any time */
};

struct learner {
	struct stats *stats;
	struct check *c;
	double margin;
	struct buf *out;
};

/* Text of the recording within an expression within YAML: what could end either is left out. */
static bool is_plain(const void *text, size_t len)
{
	const char *p = text;

	for (size_t i = 0; i < len; i++)
		if (p[i] <= ' ' || p[i] > '~' || strchr("\"'\\{}[],#&*!|>%@`", p[i]))
			return false;
	return len > 0;
}

/* A time with its margin, rounded up to what people write. */
static void put_time(struct learner *l, double ns)
{
	double v = ns * l->margin + SLACK_NS;

	buf_printf(l->out, "%.0fus", ceil(v / 1e5) * 100);
}

static void learn_recording(struct learner *l)
{
	const struct stats *s = l->stats;

	if (!stats_lost(s))
		buf_str(l->out, "  - name: no events lost\n    recording: lost\n    max: 0\n");
}

static void learn_drops(struct learner *l, const struct check_rule *r)
{
	uint32_t order[REASONS], n = stats_top_sorted(&l->stats->reasons, order, REASONS), kept = 0;
	struct buf known = {0};

	for (uint32_t i = 0; i < n; i++) {
		const struct stats_group *g = &l->stats->reasons.v[order[i]];
		const char *reason = (const char *)g->key;
		const void *slash = memchr(reason, '/', g->key_len);
		int len = (int)g->key_len;

		if (slash || !is_plain(reason, g->key_len))
			continue;
		buf_printf(l->out,
			   "  - name: drops of reason %.*s\n"
			   "    events: drop.reason == %.*s\n    max: %.0f\n",
			   len, reason, len, reason,
			   ceil((double)g->count * l->margin) + DROPS_MORE);
		buf_printf(&known, "%s%.*s", kept++ ? ", " : "", len, reason);
	}
	/* a recording that could not have any drops teaches nothing about them */
	if (!r->needs_met && !n)
		return;
	buf_printf(l->out, "  - name: %s\n    events: %s", r->name, r->where_text);
	if (kept) {
		buf_str(l->out, " && !(drop.reason in {");
		buf_put(l->out, known.p, known.len);
		buf_str(l->out, "})");
	}
	buf_str(l->out, "\n    max: 0\n");
	if (r->needs_met)
		buf_str(l->out, "    needs: [skb:kfree_skb]\n");
	l->out->failed |= known.failed;
	buf_free(&known);
}

static void learn_hops(struct learner *l)
{
	uint32_t order[HOPS], n = stats_top_sorted(&l->stats->pairs, order, HOPS);

	for (uint32_t i = 0; i < n; i++) {
		const struct stats_group *g = &l->stats->pairs.v[order[i]];
		struct ev_str from, to;
		uint16_t pair[2];

		memcpy(pair, g->key, sizeof(pair));
		from = stats_name_text(l->stats, pair[0]);
		to = stats_name_text(l->stats, pair[1]);
		/* hops of one probe are of clones, whose order is not always the same */
		if (!pair[0] || !pair[1] || pair[0] == pair[1] || !g->hist ||
		    g->hist->n < SAMPLES_MIN || !is_plain(from.p, from.len) ||
		    !is_plain(to.p, to.len))
			continue;
		buf_printf(l->out,
			   "  - name: from %.*s to %.*s\n    latency: [\"%.*s\", \"%.*s\"]\n",
			   (int)from.len, from.p, (int)to.len, to.p, (int)from.len, from.p,
			   (int)to.len, to.p);
		buf_str(l->out, "    p90: ");
		put_time(l, (double)stats_hist_quantile(g->hist, 0.9));
		buf_u8(l->out, '\n');
	}
}

static void learn_handshake(struct learner *l, const struct check_rule *r)
{
	uint64_t unanswered = r->count + r->cut;

	if (!r->hist.n)
		return;
	buf_printf(l->out, "  - name: %s\n    sequence:\n", r->name);
	buf_str(l->out, "      - tcp.flags & SYN|ACK == SYN\n"
			"      - tcp.flags & SYN|ACK == S.\n    within: ");
	put_time(l, (double)r->hist.max);
	buf_u8(l->out, '\n');
	if (unanswered)
		buf_printf(l->out, "    max: %.0f\n", ceil((double)unanswered * l->margin));
}

static void learn_rtt(struct learner *l, const struct check_rule *r)
{
	if (r->hist.n < SAMPLES_MIN / 2)
		return;
	buf_printf(l->out,
		   "  - name: %s\n    values: tcpinfo.rtt\n    where: %s\n    p95: ", r->name,
		   "tcpinfo.state == ESTAB && tcpinfo.rtt > 0us");
	put_time(l, (double)stats_hist_quantile(&r->hist, 0.95) * 1000);
	buf_u8(l->out, '\n');
}

static void learn_retransmits(struct learner *l, const struct check_rule *r)
{
	if (r->seen)
		buf_printf(l->out, "  - name: %s\n    increase: sock.retransmits\n    max: %.0f\n",
			   r->name, ceil((double)r->count * l->margin));
}

/* Those of SYNs: they have no scale (RFC 7323), and say what the socket's buffer is before traffic makes it grow. */
static void learn_windows(struct learner *l, const struct check_rule *r)
{
	double least = floor((double)r->hist.min / l->margin);

	if (!r->hist.n || least < 1)
		return;
	buf_printf(l->out,
		   "  - name: %s\n    values: tcp.win\n    where: %s\n    min: %.0f\n", r->name,
		   "tcp.flags & SYN == SYN", least);
}

static void see(void *ctx, const struct ev *ev, bool is_record)
{
	struct stats *s = ctx;

	stats_learn(s, ev);
	if (!is_record)
		stats_event(s, ev);
}

/* The rules of rules/learn.yaml, in their order. */
static void (*const learners[])(struct learner *l, const struct check_rule *r) = {
	learn_handshake, learn_rtt, learn_retransmits, learn_drops, learn_windows};

static void put_rules(struct learner *l)
{
	buf_str(l->out,
		"# Written by skbox check --learn: what a good recording showed, and a margin.\n"
		"# See skbox-rules(5); change what is too narrow or too wide.\n"
		"version: 1\nrules:\n");
	learn_recording(l);
	for (unsigned int i = 0; i < l->c->n_rules; i++)
		learners[i](l, &l->c->rule[i]);
	learn_hops(l);
}

int check_learn(struct check *c, const struct filter_options *filter, double margin,
		char *const *inputs, size_t n, struct buf *out, int *code)
{
	const struct check_builtin *b = &check_builtin_learn;
	struct learner l = {.c = c, .margin = margin, .out = out};
	struct skbox_error err = {0};
	int rc = check_rules_read(c, "learn", b->text, (size_t)(b->end - b->text), &err);

	if (rc < 0) {
		terminal_error("%s", err.text);
		return rc;
	}
	l.stats = calloc(1, sizeof(*l.stats));
	if (!l.stats || stats_init(l.stats, &(struct stats_options){.top = 1}) < 0) {
		terminal_error("out of memory");
		rc = -ENOMEM;
		goto out;
	}
	*code = check_run(c, filter, inputs, n, see, l.stats);
	rc = *code < 0 ? *code : 0;
	stats_end(l.stats);
	if (!rc)
		put_rules(&l);
out:
	if (l.stats)
		stats_fini(l.stats);
	free(l.stats);
	return rc;
}
