/* SPDX-License-Identifier: BSD-2-Clause */
/* One recording for diff: journeys by class with their paths and hops, figures of sockets, facts. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/diff/diff.h"
#include "analyze/filter/fields_packet.h"
#include "analyze/filter/filter.h"
#include "formats/dissect/dissect.h"

enum {
	PROTO_ICMP = 1,
	PROTO_TCP = 6,
	PROTO_ICMP6 = 58,
	STATE_ESTABLISHED = 1,
	STATE_LISTEN = 10,
	FAMILY_INET = 2,
	EPHEMERAL = 32768, /* the first of net.ipv4.ip_local_port_range */
	CLASS_OTHERS = 0,
};

int diff_init(struct diff *d, const struct stats_options *o)
{
	d->classes = ev_batch_new();
	d->nodes = ev_batch_new();
	d->texts = ev_batch_new();
	d->items = calloc(DIFF_ITEMS, sizeof(*d->items));
	if (!d->classes || !d->nodes || !d->texts || !d->items)
		return -ENOMEM;
	ev_text(d->classes, "others");
	ev_text(d->nodes, "begin");
	for (int i = 0; i < 2; i++) {
		struct diff_side *side = &d->side[i];

		side->d = d;
		side->facts = calloc(DIFF_FACTS, sizeof(*side->facts));
		side->windows = calloc(1, sizeof(*side->windows));
		side->hop_series = calloc(DIFF_HOPS, sizeof(*side->hop_series));
		side->figure_series = calloc(DIFF_FIGURES, sizeof(*side->figure_series));
		if (!side->facts || !side->windows || !side->hop_series || !side->figure_series ||
		    stats_init(&side->s, o) < 0 || !stats_top_init(&side->classes, DIFF_CLASSES) ||
		    !stats_top_init(&side->paths, DIFF_PATHS) ||
		    !stats_top_init(&side->hops, DIFF_HOPS) ||
		    !stats_top_init(&side->figures, DIFF_FIGURES) ||
		    !stats_top_init(&side->probes, STATS_NAMES) ||
		    !stats_top_init(&side->dropped, DIFF_HOPS))
			return -ENOMEM;
	}
	return 0;
}

void diff_fini(struct diff *d)
{
	for (int i = 0; i < 2; i++) {
		struct diff_side *side = &d->side[i];

		stats_fini(&side->s);
		stats_top_fini(&side->classes);
		stats_top_fini(&side->paths);
		stats_top_fini(&side->hops);
		stats_top_fini(&side->figures);
		stats_top_fini(&side->probes);
		stats_top_fini(&side->dropped);
		free(side->facts);
		free(side->windows);
		free(side->hop_series);
		free(side->figure_series);
	}
	ev_batch_free(d->classes);
	ev_batch_free(d->nodes);
	ev_batch_free(d->texts);
	free(d->items);
	buf_free(&d->key);
}

uint32_t diff_intern(struct diff *d, struct ev_batch *pool, const void *p, size_t len, uint32_t max)
{
	int64_t id = pool->strings.n < max ? (int64_t)ev_string(pool, p, len).id
					   : ev_string_find(pool, p, len);

	d->failed |= pool->failed;
	return id < 0 ? UINT32_MAX : (uint32_t)id;
}

static struct stats_group *count(struct diff_side *side, struct stats_top *t, const void *key,
				 size_t len)
{
	struct stats_group *g = stats_top_add(t, key, len, 1);

	side->d->failed |= !g;
	return g;
}

/* A value of a group; series are those of its table. */
static void add_value(struct diff_side *side, struct stats_top *t, struct diff_series *series,
		      const void *key, size_t len, uint64_t v)
{
	struct stats_group *g = count(side, t, key, len);

	if (!g)
		return;
	/* one that took another's place begins anew */
	if (!g->hist)
		series[g - t->v] = (struct diff_series){0};
	diff_series_add(&series[g - t->v], v);
	if (!stats_group_hist(g, v))
		side->d->failed = true;
}

/* ---- classes ---- */

static uint32_t class_named(struct diff_side *side, struct buf *text)
{
	uint32_t id = diff_intern(side->d, side->d->classes, text->p, text->len, DIFF_CLASSES);

	side->d->failed |= text->failed;
	return id == UINT32_MAX ? CLASS_OTHERS : id;
}

/* The service is the lower port: others are given out anew for each connection. */
static void put_ports(const struct stats_flow *flow, struct buf *out)
{
	uint16_t low = flow->sport < flow->dport ? flow->sport : flow->dport;

	if (!flow->ports)
		return;
	if (low >= EPHEMERAL)
		buf_str(out, " between high ports");
	else if (flow->sport == flow->dport)
		buf_printf(out, " %u", low);
	else
		buf_printf(out, " %s %u", flow->dport == low ? "to" : "from", low);
}

static void put_class(const struct ev *ev, struct buf *out)
{
	struct packet_headers h;
	struct stats_flow flow;
	const char *name;

	stats_flow_of(ev, &flow);
	if (!flow.family) {
		stats_flow_put(&flow, out);
		return;
	}
	name = dissect_protocol_name(flow.proto);
	if (name)
		buf_str(out, name);
	else
		buf_printf(out, "protocol %u", flow.proto);
	if (flow.family == 6 && flow.proto != PROTO_ICMP6)
		buf_str(out, " over IPv6");
	put_ports(&flow, out);
	if (flow.proto != PROTO_ICMP && flow.proto != PROTO_ICMP6)
		return;
	packet_parse(ev->packet, &h);
	if (h.has >> PACKET_ICMP_TYPE & 1)
		buf_printf(out, " type %u", (unsigned int)h.v[PACKET_ICMP_TYPE]);
	else if (h.has >> PACKET_ICMP6_TYPE & 1)
		buf_printf(out, " type %u", (unsigned int)h.v[PACKET_ICMP6_TYPE]);
}

/* "a, b": the values of --by. False: the event has none. */
static bool put_by(struct diff_side *side, const struct ev *ev, struct buf *out)
{
	bool any = stats_by_key(&side->s, ev, out);

	for (size_t i = 0; any && i < out->len; i++) {
		if (out->p[i] == 1)
			out->p[i] = '-';
		else if (out->p[i] == 0)
			out->p[i] = i + 1 < out->len ? ',' : ' ';
	}
	if (any && out->len)
		out->len--;
	return any;
}

static uint32_t class_of(struct diff_side *side, const struct ev *ev)
{
	struct buf *text = &side->d->key;

	buf_clear(text);
	if (side->s.o.n_by ? !put_by(side, ev, text) : !ev->packet)
		return CLASS_OTHERS;
	if (!side->s.o.n_by)
		put_class(ev, text);
	return class_named(side, text);
}

/* ---- figures ---- */

const struct diff_figure diff_figures[DIFF_N_FIGURES] = {
	{"tcp.win", "window in packets, bytes", 1000, false},
	{"tcpinfo.rtt", "round trip time", 1000, true},
	{"tcpinfo.snd_cwnd", "congestion window, segments", 10, false},
	{"tcpinfo.snd_wnd", "window of the peer, bytes", 1000, false},
	{"tcpinfo.rcv_ssthresh", "window that may be announced, bytes", 1000, false},
	{"tcpinfo.snd_mss", "segment size, bytes", 0, false},
	{"tcpinfo.pmtu", "path MTU, bytes", 0, false},
	{"tcpinfo.unacked", "segments under way; LISTEN: accept queue", 10, false},
	{"tcpinfo.notsent_bytes", "queued and not sent, bytes", 100000, false},
	{"skmem.rcvbuf", "receive buffer, bytes", 1000, false},
	{"skmem.sndbuf", "send buffer, bytes", 1000, false},
	{"diag.rqueue", "receive queue; LISTEN: accept queue", 100000, false},
	{"skmem.drops", "packets that the socket dropped", 0, false},
};

static void add_figure(struct diff_side *side, uint32_t class, uint32_t figure, uint64_t v)
{
	struct diff_figure_key key = {class, figure};

	add_value(side, &side->figures, side->figure_series, &key, sizeof(key), v);
}

/* The socket's side of its connections, as a class of packets is named. */
static uint32_t socket_class(struct diff_side *side, const struct ev *ev)
{
	const struct ev_diag *d = ev->diag;
	struct buf *text = &side->d->key;
	const char *name = dissect_protocol_name(d->protocol ? d->protocol : PROTO_TCP);
	bool serves = d->state == STATE_LISTEN || d->sport < d->dport;
	uint16_t port = serves ? d->sport : d->dport;

	buf_clear(text);
	if (side->s.o.n_by && put_by(side, ev, text))
		return class_named(side, text);
	buf_clear(text);
	buf_printf(text, "%s%s sockets", name ? name : "other",
		   d->family == FAMILY_INET ? "" : " over IPv6");
	if (port >= EPHEMERAL)
		buf_str(text, " between high ports");
	else
		buf_printf(text, " %s %u",
			   d->state == STATE_LISTEN ? "that listen on"
			   : serves                 ? "of port"
						    : "to port",
			   port);
	return class_named(side, text);
}

static void add_socket(struct diff_side *side, const struct ev *ev)
{
	uint32_t class;

	/* what begins or ends has no figures yet or any more */
	if (ev->diag->state != STATE_ESTABLISHED && ev->diag->state != STATE_LISTEN)
		return;
	class = socket_class(side, ev);
	for (uint32_t i = 0; i < DIFF_N_FIGURES; i++) {
		const char *name = diff_figures[i].name;
		const struct schema_field *f = schema_field_named(name, strlen(name));
		const uint8_t *row = f ? ev->row[f->section] : NULL;

		if (row && *(const uint64_t *)row >> f->bit & 1)
			add_figure(side, class, i, schema_get(f, row));
	}
}

/* ---- journeys ---- */

static void on_begin(void *ctx, struct stats_journey *j, const struct ev *ev)
{
	struct diff_side *side = ctx;
	uint32_t class = class_of(side, ev);
	struct stats_group *g = count(side, &side->classes, &class, sizeof(class));
	uint64_t window;

	j->tag[0] = class;
	if (g)
		g->bytes += stats_packet_bytes(ev);
	if (ev->packet && diff_window_of(side->windows, ev->packet, &window))
		add_figure(side, class, DIFF_WINDOW, window);
}

static void on_hop(void *ctx, struct stats_journey *j, const struct stats_hop *hop)
{
	struct diff_side *side = ctx;
	struct diff_hop_key key = {j->tag[0], j->last.place, hop->place};
	uint32_t step[2] = {j->tag[1], hop->place};

	if (j->tag[1] != UINT32_MAX)
		j->tag[1] = diff_intern(side->d, side->d->nodes, step, sizeof(step), DIFF_NODES);
	if (j->counted)
		add_value(side, &side->hops, side->hop_series, &key, sizeof(key),
			  hop->ns > j->last.ns ? hop->ns - j->last.ns : 0);
	if (hop->drop) {
		key = (struct diff_hop_key){j->tag[0], hop->drop, 0};
		count(side, &side->dropped, &key, sizeof(key));
	}
}

static void on_end(void *ctx, const struct stats_journey *j, enum stats_end end, uint16_t what)
{
	struct diff_side *side = ctx;
	struct diff_path_key key = {j->tag[0], j->tag[1], (uint16_t)end, 0};

	if (end == END_DROPPED)
		key.reason = what;
	if (end == END_UNKNOWN || j->tag[1] == UINT32_MAX) {
		side->unknown++;
		return;
	}
	side->ended++;
	count(side, &side->paths, &key, sizeof(key));
}

/* ---- facts ---- */

static void add_fact(struct diff_side *side, bool both, const struct buf *key, const void *value,
		     size_t len)
{
	struct diff *d = side->d;
	uint32_t k = diff_intern(d, d->texts, key->p, key->len, DIFF_FACTS * 2);
	uint32_t v = diff_intern(d, d->texts, value, len, DIFF_FACTS * 2);

	d->failed |= key->failed;
	for (uint32_t i = 0; i < side->n_facts; i++)
		if (side->facts[i].key == k) {
			side->facts[i].many |= side->facts[i].value != v;
			return;
		}
	if (k == UINT32_MAX || v == UINT32_MAX || side->n_facts == DIFF_FACTS)
		d->cut = true;
	else
		side->facts[side->n_facts++] = (struct diff_fact){k, v, false, both};
}

/* Names, times and files are not what a recording is about. */
static bool is_fact(const struct schema_field *f)
{
	static const char *const identity[] = {
		"startup.cmdline",  "startup.clock_sec",  "startup.clock_nsec",
		"startup.split_id", "startup.split_kind", "startup.split_limit",
		"startup.shape",    "startup.sorted",     "host.name",
		"host.boot_id",     "host.kernel",        "host.scope",
	};

	for (size_t i = 0; i < sizeof(identity) / sizeof(identity[0]); i++)
		if (strcmp(f->name, identity[i]) == 0)
			return false;
	return true;
}

static void learn_section(struct diff_side *side, const struct ev *ev, enum ev_section s)
{
	const struct schema_section *section = &schema_sections[s];
	const uint8_t *row = ev->row[s];
	struct buf key = {0}, value = {0};

	for (unsigned int i = 0; row && i < section->n_fields; i++) {
		const struct schema_field *f = &section->fields[i];
		const struct ev_str *text = (const struct ev_str *)(row + f->offset);

		if (!(*(const uint64_t *)row >> f->bit & 1) || !is_fact(f))
			continue;
		buf_clear(&key);
		buf_clear(&value);
		buf_str(&key, f->name);
		if (f->type == SCHEMA_STR)
			text_untrusted(&value, text->p, text->len);
		else
			buf_dec(&value, schema_get(f, row));
		side->d->failed |= value.failed;
		add_fact(side, false, &key, value.p, value.len);
	}
	buf_free(&key);
	buf_free(&value);
}

static void learn_probe(struct diff_side *side, const struct ev_probe *p)
{
	struct buf key = {0}, value = {0};

	buf_str(&key, "probe ");
	text_untrusted(&key, p->type.p, p->type.len);
	buf_u8(&key, ':');
	text_untrusted(&key, p->symbol.p, p->symbol.len);
	buf_str(&value, p->attached ? "attached, " : "not attached: ");
	if (p->attached)
		text_untrusted(&value, p->how.p, p->how.len);
	else
		text_untrusted(&value, p->reason.p, p->reason.len);
	side->d->failed |= value.failed;
	add_fact(side, false, &key, value.p, value.len);
	buf_free(&key);
	buf_free(&value);
}

static void learn_mtu(struct diff_side *side, const struct ev_iface *i)
{
	struct buf key = {0}, value = {0};

	buf_str(&key, "MTU of ");
	text_untrusted(&key, i->name.p, i->name.len);
	buf_dec(&value, i->mtu);
	side->d->failed |= value.failed;
	/* devices come and go with their names */
	add_fact(side, true, &key, value.p, value.len);
	buf_free(&key);
	buf_free(&value);
}

static void learn_algorithm(struct diff_side *side, const struct ev *ev)
{
	uint32_t class = socket_class(side, ev);
	struct ev_str name = side->d->classes->strings.v[class];
	struct buf key = {0}, value = {0};

	buf_str(&key, "congestion control of ");
	buf_put(&key, name.p, name.len);
	text_untrusted(&value, ev->cong->algorithm.p, ev->cong->algorithm.len);
	side->d->failed |= value.failed;
	add_fact(side, true, &key, value.p, value.len);
	buf_free(&key);
	buf_free(&value);
}

/* ---- events ---- */

void diff_begin(struct diff_side *side)
{
	struct stats *first = &side->d->side[0].s;

	side->watch = (struct stats_watch){
		.ctx = side, .begin = on_begin, .hop = on_hop, .end = on_end};
	side->s.watch = &side->watch;
	/* the same names have the same numbers in both */
	for (uint32_t i = 1; side != side->d->side && i < first->names->strings.n; i++)
		stats_name(&side->s, first->names->strings.v[i]);
}

void diff_learn(struct diff_side *side, const struct ev *ev)
{
	stats_learn(&side->s, ev);
	if (!filter_is_record(ev))
		return;
	learn_section(side, ev, EV_startup);
	learn_section(side, ev, EV_host);
	if (ev->probe)
		learn_probe(side, ev->probe);
	if (ev->iface && EV_HAS(ev->iface, iface, mtu))
		learn_mtu(side, ev->iface);
}

void diff_event(struct diff_side *side, const struct ev *ev)
{
	struct ev_str symbol = stats_symbol(ev);
	uint32_t name;

	stats_event(&side->s, ev);
	if (ev->diag) {
		add_socket(side, ev);
		if (ev->cong && ev->cong->algorithm.len)
			learn_algorithm(side, ev);
		return;
	}
	name = stats_name(&side->s, symbol);
	if (name)
		count(side, &side->probes, &name, sizeof(name));
}

void diff_end(struct diff_side *side)
{
	stats_end(&side->s);
	side->d->failed |= side->s.failed || side->d->key.failed;
}
