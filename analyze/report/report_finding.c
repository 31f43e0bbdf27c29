/* SPDX-License-Identifier: BSD-2-Clause */
/* What is wrong, worst first. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/report/report.h"

enum { PROTO_TCP = 6, PROTO_UDP = 17 };

/* What to do about a drop; reasons of include/net/dropreason-core.h. */
static const struct {
	const char *reason, *advice;
} drop_advice[] = {
	{"NO_SOCKET",
	 "Nobody listens there: is the service up, and bound to this address and port?"},
	{"NETFILTER_DROP", "A firewall rule dropped it: look at nft list ruleset for the rule."},
	{"SOCKET_RCVBUFF",
	 "The receive buffer was full: the program reads too slowly, or the buffer is too small."},
	{"SOCKET_BACKLOG", "The socket's backlog was full: its program holds the lock for too "
			   "long, or too much comes at once."},
	{"SOCKET_FILTER", "A filter that the program has on its socket dropped it."},
	{"TCP_OLD_DATA", "All of its data had come before: a retransmit that was not needed."},
	{"TCP_OFO_DROP",
	 "Too much came out of order: look for loss or several ways before this host."},
	{"TCP_OVERWINDOW", "The sender sent more than the window that it was told."},
	{"TCP_ZEROWINDOW", "The receive window was closed: the program does not read."},
	{"TCP_CSUM",
	 "The checksum is wrong: look at offloads and at what changes packets on their way."},
	{"IP_CSUM",
	 "The checksum is wrong: look at offloads and at what changes packets on their way."},
	{"UDP_CSUM",
	 "The checksum is wrong: look at offloads and at what changes packets on their way."},
	{"IP_RPFILTER",
	 "The way back to the sender is another device: see rp_filter and ip route get."},
	{"IP_NOPROTO", "No protocol of that number is there."},
	{"QDISC_DROP", "A queueing discipline was full, or shaped it away: see tc -s qdisc."},
	{"FULL_RING", "The device's ring was full: see ethtool -g and the interrupts' load."},
	{"CPU_BACKLOG", "A processor's backlog was full: see net.core.netdev_max_backlog and RPS."},
	{"NEIGH_FAILED", "The next hop did not answer ARP or neighbour discovery: see ip neigh."},
	{"NEIGH_QUEUEFULL", "Too many packets waited for the next hop's address: see ip neigh."},
	{"NOT_SPECIFIED",
	 "The kernel gives no reason there: record with --stack to see the function."},
};

static const char *advice_of(const char *reason, size_t len)
{
	for (size_t i = 0; i < sizeof(drop_advice) / sizeof(drop_advice[0]); i++)
		if (strlen(drop_advice[i].reason) == len &&
		    memcmp(drop_advice[i].reason, reason, len) == 0)
			return drop_advice[i].advice;
	return "Record with --stack to see the function that dropped it.";
}

static struct report_finding *add(struct report_findings *f, const char *kind,
				  enum report_level level, uint64_t count)
{
	struct report_finding *one;

	if (f->n == sizeof(f->v) / sizeof(f->v[0])) {
		f->more++;
		return NULL;
	}
	one = &f->v[f->n++];
	*one = (struct report_finding){.kind = kind, .level = level, .count = count};
	return one;
}

static const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

/* ---- the recording ---- */

static void find_losses(struct report *r, struct report_findings *f)
{
	const struct stats *s = &r->stats;
	uint64_t lost = stats_lost(s);
	struct report_finding *one = lost ? add(f, "loss", REPORT_BAD, lost) : NULL;
	uint32_t order[1];

	if (!one)
		return;
	buf_printf(&one->title, "%llu event%s not in this recording", (unsigned long long)lost,
		   lost == 1 ? " is" : "s are");
	if (stats_top_sorted(&s->losses, order, 1)) {
		buf_str(&one->title, ", most at ");
		buf_put(&one->title, s->losses.v[order[0]].key, s->losses.v[order[0]].key_len);
	}
	one->advice =
		"All other figures count too little. Record with a larger --buffer, a filter, "
		"or fewer probes.";
	if (r->n_gaps)
		one->first_ns = r->gaps[0].from_ns;
	one->slot = r->gap_slot;
}

static void find_file(const struct report *r, struct report_findings *f)
{
	const struct stats *s = &r->stats;
	uint32_t order[REPORT_PROBES], n = stats_top_sorted(&s->missing, order, REPORT_PROBES);
	struct report_finding *one = s->damaged ? add(f, "damage", REPORT_BAD, s->damaged) : NULL;

	if (one) {
		buf_printf(&one->title,
			   "The file is damaged at %llu place%s: what was there is missing",
			   (unsigned long long)s->damaged, plural(s->damaged));
		one->advice = "skbox verify tells where. What is shown here is whole.";
	}
	one = s->unfinished ? add(f, "unfinished", REPORT_NOTE, s->unfinished) : NULL;
	if (one) {
		buf_str(&one->title,
			"The recording was not finished: its recorder was killed, or still runs");
		one->advice = "At most the last half second is missing.";
	}
	for (uint32_t i = 0; i < n; i++) {
		const struct stats_group *g = &s->missing.v[order[i]];

		one = add(f, "unattached", REPORT_WARN, g->count);
		if (!one)
			return;
		buf_str(&one->title, "A probe did not attach: ");
		buf_put(&one->title, g->key, g->key_len);
		one->advice = "Packets were not seen there. skbox-capture --check tells what the "
			      "host offers.";
	}
	f->more += s->missing.n - n;
}

/* ---- drops ---- */

/* Whether it can stand in an expression, in a shell's single quotes, as it is. */
static bool is_plain(const char *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)p[i]) && !strchr("_.:@-/", p[i]))
			return false;
	return len > 0;
}

/* " && drop.reason == "...", where the text can stand there. */
static bool put_quoted(struct buf *out, const char *field, const char *p, size_t len)
{
	if (is_plain(p, len))
		buf_printf(out, "%s%s == \"%.*s\"", out->len ? " && " : "", field, (int)len, p);
	return is_plain(p, len);
}

static void put_flow_words(struct buf *out, const struct stats_flow *flow)
{
	const char *name = flow->proto == PROTO_TCP   ? "tcp"
			   : flow->proto == PROTO_UDP ? "udp"
						      : "sctp";

	if (!flow->family)
		return;
	buf_str(out, " && ip.src == ");
	stats_endpoint_put(flow->family, flow->src, 0, out);
	buf_str(out, " && ip.dst == ");
	stats_endpoint_put(flow->family, flow->dst, 0, out);
	if (flow->ports)
		buf_printf(out, " && %s.sport == %u && %s.dport == %u", name, flow->sport, name,
			   flow->dport);
	else
		buf_printf(out, " && ip.proto == %u", flow->proto);
}

/* Words of -w for the drops of a cause: as nearly as they can be said. flow NULL: of all flows. */
static void put_where(struct buf *out, const char *reason, size_t reason_len, const char *dev,
		      size_t dev_len, const struct stats_flow *flow)
{
	const char *slash = memchr(reason, '/', reason_len);
	struct buf words = {0};
	bool said = true;

	/* "SUBSYS/REASON" */
	if (slash) {
		said = put_quoted(&words, "drop.subsys", reason, (size_t)(slash - reason));
		reason_len -= (size_t)(slash + 1 - reason);
		reason = slash + 1;
	}
	said = put_quoted(&words, "drop.reason", reason, reason_len) && said;
	if (dev_len == strlen("no device") && memcmp(dev, "no device", dev_len) == 0)
		buf_str(&words, " && !dev.name");
	else
		put_quoted(&words, "dev.name", dev, dev_len);
	if (flow)
		put_flow_words(&words, flow);
	if (said) {
		buf_str(out, "-w '");
		buf_put(out, words.p, words.len);
		buf_u8(out, '\'');
	}
	out->failed |= words.failed;
	buf_free(&words);
}

static void put_drop(const struct report *r, struct report_finding *one,
		     const struct stats_group *g)
{
	const char *reason = (const char *)g->key, *end = reason + g->key_len;
	size_t reason_len = strnlen(reason, g->key_len);
	/* a key that was cut may lack a part */
	const char *dev = reason_len + 1 < g->key_len ? reason + reason_len + 1 : end;
	size_t dev_len = strnlen(dev, (size_t)(end - dev));

	buf_printf(&one->title, "%s%llu dropped: %.*s", g->error ? "about " : "",
		   (unsigned long long)g->count, (int)reason_len, reason);
	if (dev_len)
		buf_printf(&one->title, "%s%.*s", strncmp(dev, "no ", 3) ? " on " : ", ",
			   (int)dev_len, dev);
	if (dev + dev_len + 1 < end)
		buf_printf(&one->title, ", %.*s", (int)(end - dev - (ptrdiff_t)dev_len - 1),
			   dev + dev_len + 1);
	put_where(&one->where, reason, reason_len, dev, dev_len,
		  g->value ? &r->drop_flow[g->value - 1] : NULL);
	one->advice = advice_of(reason, reason_len);
	one->first_ns = g->first_ns;
	one->slot = (uint32_t)g->value;
}

static void find_drops(const struct report *r, struct report_findings *f)
{
	const struct stats *s = &r->stats;
	uint32_t order[REPORT_DROPS], n = stats_top_sorted(&s->causes, order, REPORT_DROPS);
	struct report_finding *one;
	uint64_t shown = 0;

	for (uint32_t i = 0; i < n; i++) {
		const struct stats_group *g = &s->causes.v[order[i]];

		one = add(f, "drop", REPORT_BAD, g->count);
		if (!one)
			return;
		put_drop(r, one, g);
		shown += g->count - g->error;
	}
	one = s->drops > shown ? add(f, "drop", REPORT_BAD, s->drops - shown) : NULL;
	if (!one)
		return;
	buf_printf(&one->title, "%llu more dropped, for %s%u other causes",
		   (unsigned long long)(s->drops - shown), s->causes.pushed_out ? "more than " : "",
		   s->causes.n - n);
	one->advice = "The tables of drops have them by reason, place and flow.";
	buf_str(&one->where, "--drops");
}

/* ---- sockets and slow packets ---- */

void report_put_socket(const struct stats_socket *k, struct buf *out)
{
	if (!k->tuple) {
		buf_printf(out, "sk:%llx", (unsigned long long)k->key[0]);
		return;
	}
	stats_endpoint_put(k->family, k->src, k->sport, out);
	if (k->listen) {
		buf_str(out, " (listens)");
		return;
	}
	buf_str(out, " > ");
	stats_endpoint_put(k->family, k->dst, k->dport, out);
}

/* Packets and snapshots of it, for -f. */
static void put_socket_words(const struct stats_socket *k, struct buf *out)
{
	if (!k->tuple)
		return;
	buf_str(out, "-f 'tcp");
	if (!k->listen) {
		buf_str(out, " and host ");
		stats_endpoint_put(k->family, k->src, 0, out);
		buf_str(out, " and host ");
		stats_endpoint_put(k->family, k->dst, 0, out);
		buf_printf(out, " and port %u", k->dport);
	}
	buf_printf(out, " and port %u'", k->sport);
}

static void take_place(const struct report *r, const struct stats_socket *k,
		       struct report_finding *one)
{
	const struct sockets_one *o = k->tag ? &r->sockets.v[k->tag - 1] : NULL;

	put_socket_words(k, &one->where);
	if (!o)
		return;
	one->slot = o->slot;
	one->first_ns = o->first_ns;
}

static void find_sockets(const struct report *r, struct report_findings *f)
{
	const struct stats_socket *v[REPORT_SOCKET_FINDINGS];
	uint64_t left = stats_retransmits(&r->stats);
	uint32_t n = stats_socket_top(&r->stats, true, v, REPORT_SOCKET_FINDINGS);
	struct report_finding *one;

	for (uint32_t i = 0; i < n && (one = add(f, "queue", REPORT_BAD, v[i]->full)); i++) {
		buf_str(&one->title, "The accept queue was full: ");
		report_put_socket(v[i], &one->title);
		buf_printf(&one->title, ", %u waited, %u may", v[i]->queue, v[i]->queue_limit);
		one->advice = "Connections are refused or made again. The program accepts too "
			      "slowly, or listen()'s backlog or net.core.somaxconn is too small.";
		take_place(r, v[i], one);
	}
	n = stats_socket_top(&r->stats, false, v, REPORT_SOCKET_FINDINGS);
	for (uint32_t i = 0; i < n; i++) {
		uint64_t count = stats_socket_retrans(v[i]);

		one = add(f, "retransmit", REPORT_WARN, count);
		if (!one)
			return;
		buf_printf(&one->title, "%llu segment%s retransmitted: ", (unsigned long long)count,
			   plural(count));
		report_put_socket(v[i], &one->title);
		one->advice = "Look at what its drops, round trip time and congestion window did "
			      "before: its chart has them.";
		take_place(r, v[i], one);
		left -= count;
	}
	one = left ? add(f, "retransmit", REPORT_WARN, left) : NULL;
	if (one)
		buf_printf(&one->title, "%llu more segment%s retransmitted by other sockets",
			   (unsigned long long)left, plural(left));
}

static void put_ms(uint64_t ns, struct buf *out)
{
	if (ns >= 10 * UINT64_C(1000000000))
		buf_printf(out, "%.1f s", (double)ns / 1e9);
	else
		buf_printf(out, "%.1f ms", (double)ns / 1e6);
}

static void put_name(const struct stats *s, uint16_t name, struct buf *out)
{
	struct ev_str text = stats_name_text(s, name);

	text_untrusted(out, text.p, text.len);
}

static void find_slow(const struct report *r, struct report_findings *f)
{
	const struct stats *s = &r->stats;
	const struct stats_slow *slow = &s->slowest[0];
	struct report_finding *one;
	uint64_t n = 0;

	while (n < s->n_slowest && s->slowest[n].ns >= REPORT_SLOW_NS)
		n++;
	one = n ? add(f, "slow", REPORT_WARN, n) : NULL;
	if (!one)
		return;
	buf_str(&one->title, "A packet was under way for ");
	put_ms(slow->ns, &one->title);
	buf_str(&one->title, ": ");
	stats_flow_put(&slow->flow, &one->title);
	buf_str(&one->title, ", from ");
	put_name(s, slow->first_place, &one->title);
	buf_str(&one->title, " to ");
	put_name(s, slow->last_place, &one->title);
	one->advice = "The latency of each hop tells between which probes the time went.";
	buf_printf(&one->where, "-w 'track.time == %llu && track.head == 0x%llx'",
		   (unsigned long long)slow->key[0], (unsigned long long)slow->key[1]);
	one->first_ns = slow->first_ns;
	one->slot = r->slow_slot;
}

/* ---- all ---- */

static int compare(const void *a, const void *b)
{
	const struct report_finding *x = a, *y = b;

	return x->level != y->level ? (x->level > y->level ? 1 : -1) : 0;
}

void report_find(struct report *r, struct report_findings *f)
{
	memset(f, 0, sizeof(*f));
	find_losses(r, f);
	find_file(r, f);
	find_drops(r, f);
	find_sockets(r, f);
	find_slow(r, f);
	/* glibc's qsort() may not keep the order of equal ones: insertion does */
	for (uint32_t i = 1; i < f->n; i++) {
		struct report_finding one = f->v[i];
		uint32_t at = i;

		for (; at && compare(&f->v[at - 1], &one) > 0; at--)
			f->v[at] = f->v[at - 1];
		f->v[at] = one;
	}
	for (uint32_t i = 0; i < f->n; i++)
		r->failed |= f->v[i].title.failed || f->v[i].where.failed;
}

void report_findings_free(struct report_findings *f)
{
	for (uint32_t i = 0; i < f->n; i++) {
		buf_free(&f->v[i].title);
		buf_free(&f->v[i].where);
	}
	f->n = 0;
}
