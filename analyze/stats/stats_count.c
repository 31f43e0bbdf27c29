/* SPDX-License-Identifier: BSD-2-Clause */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/stats/stats.h"
#include "cli/terminal.h"
#include "formats/dissect/dissect.h"

enum {
	INVENTED_BYTES = 14,
	PROTO_TCP = 6,
	PROTO_UDP = 17,
	PROTO_SCTP = 132,
};

/* ---- life ---- */

int stats_init(struct stats *s, const struct stats_options *o)
{
	*s = (struct stats){.o = *o};
	text_init(&s->text, &(struct text_options){.utc = true});
	s->names = ev_batch_new();
	s->live = calloc(STATS_JOURNEYS, sizeof(*s->live));
	s->hash = calloc(STATS_JOURNEYS, sizeof(*s->hash));
	s->sock = calloc(STATS_SOCKETS * 2, sizeof(*s->sock));
	if (!s->names || !s->live || !s->hash || !s->sock ||
	    !stats_top_init(&s->by, STATS_GROUPS) || !stats_top_init(&s->reasons, STATS_CAUSES) ||
	    !stats_top_init(&s->devs, STATS_CAUSES) ||
	    !stats_top_init(&s->functions, STATS_CAUSES) ||
	    !stats_top_init(&s->flows, STATS_CAUSES) || !stats_top_init(&s->causes, STATS_CAUSES) ||
	    !stats_top_init(&s->losses, STATS_CAUSES) ||
	    !stats_top_init(&s->missing, STATS_CAUSES) || !stats_top_init(&s->pairs, STATS_PAIRS) ||
	    !stats_top_init(&s->routes, STATS_ROUTES))
		return -ENOMEM;
	ev_text(s->names, "others");
	return 0;
}

void stats_fini(struct stats *s)
{
	struct stats_top *const tops[] = {&s->by,    &s->reasons, &s->devs,   &s->functions,
					  &s->flows, &s->causes,  &s->losses, &s->missing,
					  &s->pairs, &s->routes};

	for (size_t i = 0; i < sizeof(tops) / sizeof(tops[0]); i++)
		stats_top_fini(tops[i]);
	stats_hist_fini(&s->durations);
	ev_batch_free(s->names);
	text_fini(&s->text);
	free(s->live);
	free(s->hash);
	free(s->sock);
	buf_free(&s->key);
	buf_free(&s->scratch);
}

/* ---- what an event is about ---- */

uint16_t stats_name(struct stats *s, struct ev_str text)
{
	uint32_t len = text.len < STATS_KEY_MAX ? text.len : STATS_KEY_MAX;
	int64_t id;

	if (!len)
		return 0;
	if (s->names->strings.n < STATS_NAMES)
		id = ev_string(s->names, text.p, len).id;
	else
		id = ev_string_find(s->names, text.p, len);
	s->failed |= s->names->failed;
	return id > 0 ? (uint16_t)id : 0;
}

struct ev_str stats_name_text(const struct stats *s, uint16_t name)
{
	return s->names->strings.v[name];
}

struct ev_str stats_symbol(const struct ev *ev)
{
	if (ev->kernel)
		return ev->kernel->symbol;
	if (ev->userspace)
		return ev->userspace->symbol;
	return (struct ev_str){0};
}

uint64_t stats_packet_bytes(const struct ev *ev)
{
	uint32_t len = ev->packet ? ev->packet->len : 0;

	if (len >= INVENTED_BYTES && EV_HAS(ev->packet, packet, protocol))
		len -= INVENTED_BYTES;
	return len;
}

uint64_t stats_packet_id(const struct stats *s, const struct ev *ev)
{
	uint64_t key[2] = {s->events, UINT64_MAX};

	if (ev->skb_tracking) {
		key[0] = ev->skb_tracking->timestamp;
		key[1] = ev->skb_tracking->orig_head;
	}
	return stats_hash(key, sizeof(key));
}

static void take_ports(struct stats_flow *flow, const struct packet_headers *h, int sport)
{
	/* the destination's field stands behind the source's */
	if (!(h->has >> sport & 1) || !(h->has >> (sport + 1) & 1))
		return;
	flow->sport = (uint16_t)h->v[sport];
	flow->dport = (uint16_t)h->v[sport + 1];
	flow->ports = true;
}

void stats_flow_of(const struct ev *ev, struct stats_flow *flow)
{
	struct packet_headers h;

	*flow = (struct stats_flow){0};
	if (!ev->packet)
		return;
	packet_parse(ev->packet, &h);
	if (h.has >> PACKET_ETH_TYPE & 1)
		flow->ethertype = (uint16_t)h.v[PACKET_ETH_TYPE];
	else if (EV_HAS(ev->packet, packet, protocol))
		flow->ethertype = ev->packet->protocol;
	if (!(h.has >> PACKET_IP_SRC & 1) || !(h.has >> PACKET_IP_DST & 1))
		return;
	flow->family = h.len[PACKET_IP_SRC] == 4 ? 4 : 6;
	memcpy(flow->src, h.bytes[PACKET_IP_SRC], h.len[PACKET_IP_SRC]);
	memcpy(flow->dst, h.bytes[PACKET_IP_DST], h.len[PACKET_IP_DST]);
	flow->proto = (uint8_t)h.v[PACKET_IP_PROTO];
	if (flow->proto == PROTO_TCP)
		take_ports(flow, &h, PACKET_TCP_SPORT);
	else if (flow->proto == PROTO_UDP)
		take_ports(flow, &h, PACKET_UDP_SPORT);
	else if (flow->proto == PROTO_SCTP)
		take_ports(flow, &h, PACKET_SCTP_SPORT);
}

void stats_endpoint_put(uint8_t family, const uint8_t *address, uint16_t port, struct buf *out)
{
	char text[INET6_ADDRSTRLEN] = "";

	inet_ntop(family == 4 ? AF_INET : AF_INET6, address, text, sizeof(text));
	if (!port)
		buf_str(out, text);
	else
		buf_printf(out, family == 4 ? "%s:%u" : "[%s]:%u", text, port);
}

void stats_flow_put(const struct stats_flow *flow, struct buf *out)
{
	const char *name;

	if (!flow->family) {
		name = flow->ethertype ? dissect_ethertype_name(flow->ethertype) : "unknown";
		if (name)
			buf_str(out, name);
		else
			buf_printf(out, "ethertype 0x%04x", flow->ethertype);
		return;
	}
	name = dissect_protocol_name(flow->proto);
	if (name)
		buf_printf(out, "%s ", name);
	else
		buf_printf(out, "protocol %u ", flow->proto);
	stats_endpoint_put(flow->family, flow->src, flow->ports ? flow->sport : 0, out);
	buf_str(out, " > ");
	stats_endpoint_put(flow->family, flow->dst, flow->ports ? flow->dport : 0, out);
}

bool stats_function_of(const struct ev *ev, struct ev_str *name)
{
	/* where the reason is set, and not what freeing a packet calls */
	static const char *const freeing[] = {
		"kfree_skb",    "kfree_skb_reason",         "kfree_skb_list_reason",
		"__kfree_skb",  "sk_skb_reason_drop",       "__traceiter_kfree_skb",
		"kfree_skbmem", "skb_release_data",         "bpf_trampoline",
		"consume_skb",  "dev_kfree_skb_any_reason", "dev_kfree_skb_irq_reason",
	};

	for (uint32_t i = 0; ev->kernel && i < ev->kernel->stack_trace.n; i++) {
		struct ev_str s = ev->kernel->stack_trace.v[i];
		const char *plus = memchr(s.p, '+', s.len);
		bool skip = s.len >= 4 && memcmp(s.p, "bpf_", 4) == 0;

		if (plus)
			s.len = (uint32_t)(plus - s.p);
		for (size_t f = 0; !skip && f < sizeof(freeing) / sizeof(freeing[0]); f++)
			skip = ev_is(s, freeing[f]);
		if (skip || !s.len)
			continue;
		*name = s;
		return true;
	}
	return false;
}

/* ---- --by ---- */

static void no_field(const char *name, size_t len)
{
	const char *near = fields_nearest(name, len);

	terminal_error("--by %.*s: there is no such field%s%s%s", (int)len, name,
		       near ? "; is it " : " (skbox schema lists them)", near ? near : "",
		       near ? "?" : "");
}

static bool parse_field(const char *name, size_t len, struct stats_field *f)
{
	*f = (struct stats_field){.kind = BY_FIELD};
	if (len == 0 || len >= sizeof(f->name))
		return false;
	memcpy(f->name, name, len);
	if (strcmp(f->name, "flow") == 0)
		f->kind = BY_FLOW;
	else if (strcmp(f->name, "function") == 0)
		f->kind = BY_FUNCTION;
	else
		return fields_find(&f->field, name, len);
	return true;
}

bool stats_parse_by(const char *list, struct stats_options *o)
{
	if (strcmp(list, "journey") == 0) {
		o->by_journey = true;
		return true;
	}
	while (*list) {
		size_t len = strcspn(list, ",");

		if (o->n_by == STATS_FIELDS) {
			terminal_error("--by: at most %d fields", STATS_FIELDS);
			return false;
		}
		if (!parse_field(list, len, &o->by[o->n_by])) {
			no_field(list, len);
			return false;
		}
		for (unsigned int i = 0; i < o->by[o->n_by].field.n; i++)
			o->by_headers |= !o->by[o->n_by].field.from[i].schema;
		o->n_by++;
		list += len + (list[len] == ',');
	}
	if (!o->n_by)
		terminal_error("--by wants fields, as drop.reason,dev.name");
	return o->n_by > 0;
}

static void put_address(struct buf *out, const void *p, size_t len)
{
	char text[INET6_ADDRSTRLEN] = "";

	inet_ntop(len == 4 ? AF_INET : AF_INET6, p, text, sizeof(text));
	buf_str(out, text);
}

static void put_bytes(struct buf *out, const void *p, size_t len, const char *between)
{
	for (size_t i = 0; i < len; i++)
		buf_printf(out, "%s%02x", i ? between : "", ((const uint8_t *)p)[i]);
}

static void put_string(const struct schema_field *f, struct ev_str v, struct buf *out)
{
	if (f->base == SCHEMA_ADDR && (v.len == 4 || v.len == 16))
		put_address(out, v.p, v.len);
	else if (f->base == SCHEMA_MAC)
		put_bytes(out, v.p, v.len, ":");
	else if (f->base == SCHEMA_TEXT)
		text_untrusted(out, v.p, v.len);
	else
		put_bytes(out, v.p, v.len, "");
}

/* The name of a value where it has one, for people; JSON has numbers. */
static void put_number(const struct stats *s, const struct field *f, uint64_t v, struct buf *out)
{
	for (const struct field_symbol *n = s->o.decimal ? NULL : f->symbols;
	     n && n->name && !f->is_tcp_flags; n++)
		if (n->value == v) {
			buf_str(out, n->name);
			return;
		}
	if (f->base == SCHEMA_HEX && !s->o.decimal)
		buf_printf(out, "0x%llx", (unsigned long long)v);
	else
		buf_dec(out, v);
}

/* The value of a schema field; false: the event does not have it. */
static bool put_value(const struct stats *s, const struct field *field,
		      const struct schema_field *f, const struct ev *ev, struct buf *out)
{
	const uint8_t *row = ev->row[f->section];
	const struct ev_bytes *bytes;
	struct ev_list list;

	if (!row || !(*(const uint64_t *)row >> f->bit & 1))
		return false;
	switch (f->type) {
	case SCHEMA_STR: put_string(f, *(const struct ev_str *)(row + f->offset), out); break;
	case SCHEMA_BYTES:
		bytes = (const struct ev_bytes *)(row + f->offset);
		put_bytes(out, bytes->p, bytes->len, "");
		break;
	case SCHEMA_LIST:
		list = *(const struct ev_list *)(row + f->offset);
		for (uint32_t i = 0; i < list.n && out->len < STATS_KEY_MAX; i++) {
			if (i)
				buf_str(out, " ");
			put_string(f, list.v[i], out);
		}
		break;
	case SCHEMA_BOOL: buf_str(out, schema_get(f, row) ? "true" : "false"); break;
	case SCHEMA_I32:
	case SCHEMA_I64: buf_int(out, (int64_t)schema_get(f, row)); break;
	default: put_number(s, field, schema_get(f, row), out); break;
	}
	return true;
}

static bool put_header(const struct stats *s, const struct field *f, int header,
		       const struct packet_headers *h, struct buf *out)
{
	if (!(h->has >> header & 1))
		return false;
	if (f->kind == FIELD_MAC)
		put_bytes(out, h->bytes[header], h->len[header], ":");
	else if (f->kind == FIELD_ADDRESS)
		put_address(out, h->bytes[header], h->len[header]);
	else
		put_number(s, f, h->v[header], out);
	return true;
}

/* The first of its sources that the event has. */
static bool put_field(const struct stats *s, const struct field *f, const struct ev *ev,
		      const struct packet_headers *h, struct buf *out)
{
	if (f->kind == FIELD_GROUP && ev->sections & f->sections) {
		buf_str(out, "true");
		return true;
	}
	for (unsigned int i = 0; i < f->n; i++) {
		const struct field_source *from = &f->from[i];

		if (from->schema ? put_value(s, f, from->schema, ev, out)
				 : ev->packet && put_header(s, f, from->packet, h, out))
			return true;
	}
	return false;
}

static bool put_part(const struct stats *s, const struct stats_field *f, const struct ev *ev,
		     const struct packet_headers *h, struct buf *out)
{
	struct stats_flow flow;
	struct ev_str function;

	switch (f->kind) {
	case BY_FIELD: return put_field(s, &f->field, ev, h, out);
	case BY_FLOW:
		if (!ev->packet)
			return false;
		stats_flow_of(ev, &flow);
		stats_flow_put(&flow, out);
		return true;
	default:
		if (!stats_function_of(ev, &function))
			return false;
		text_untrusted(out, function.p, function.len);
		return true;
	}
}

bool stats_by_key(const struct stats *s, const struct ev *ev, struct buf *out)
{
	struct packet_headers h;
	bool any = false;

	if (ev->packet && s->o.by_headers)
		packet_parse(ev->packet, &h);
	/* the parts end in a NUL, which no text has */
	for (unsigned int i = 0; i < s->o.n_by; i++) {
		if (put_part(s, &s->o.by[i], ev, &h, out))
			any = true;
		else
			buf_u8(out, 1);
		buf_u8(out, 0);
	}
	return any;
}

static void count_group(struct stats *s, const struct ev *ev)
{
	struct stats_group *g;

	buf_clear(&s->key);
	if (!stats_by_key(s, ev, &s->key)) {
		s->without_by++;
		return;
	}
	g = s->key.failed ? NULL : stats_top_add(&s->by, s->key.p, s->key.len, 1);
	if (!g || (ev->packet && !stats_distinct_add(&g->distinct, stats_packet_id(s, ev)))) {
		s->failed = true;
		return;
	}
	g->bytes += stats_packet_bytes(ev);
	g->value += ev->skb_drop != NULL;
}

/* ---- drops ---- */

static void add(struct stats *s, struct stats_top *t, const void *key, size_t len, uint64_t by,
		uint64_t bytes)
{
	struct stats_group *g = by ? stats_top_add(t, key, len, by) : NULL;

	if (g)
		g->bytes += bytes;
	else if (by)
		s->failed = true;
}

static void count_drop(struct stats *s, const struct ev *ev)
{
	uint64_t bytes = stats_packet_bytes(ev);
	struct buf *k = &s->key;
	size_t reason, dev;
	struct stats_flow flow;
	struct stats_group *cause;
	struct ev_str function;

	s->drops++;
	buf_clear(k);
	if (EV_HAS(ev->skb_drop, skb_drop, subsys)) {
		text_untrusted(k, ev->skb_drop->subsys.p, ev->skb_drop->subsys.len);
		buf_u8(k, '/');
	}
	text_untrusted(k, ev->skb_drop->drop_reason.p, ev->skb_drop->drop_reason.len);
	reason = k->len;
	add(s, &s->reasons, k->p, reason, 1, bytes);
	buf_u8(k, 0);
	if (ev->dev)
		text_untrusted(k, ev->dev->name.p, ev->dev->name.len);
	else
		buf_str(k, "no device");
	dev = k->len;
	add(s, &s->devs, k->p + reason + 1, dev - reason - 1, 1, bytes);
	buf_u8(k, 0);
	stats_flow_of(ev, &flow);
	if (ev->packet)
		stats_flow_put(&flow, k);
	else
		buf_str(k, "no packet");
	add(s, &s->flows, k->p + dev + 1, k->len - dev - 1, 1, bytes);
	cause = stats_top_add(&s->causes, k->p, k->len, 1);
	if (cause)
		cause->bytes += bytes;
	else
		s->failed = true;
	if (cause && s->watch && s->watch->drop)
		s->watch->drop(s->watch->ctx, ev, cause);
	if (stats_function_of(ev, &function)) {
		s->drops_stack++;
		buf_clear(k);
		text_untrusted(k, function.p, function.len);
		add(s, &s->functions, k->p, k->len, 1, bytes);
	}
}

/* ---- events ---- */

static void learn_loss(struct stats *s, const struct ev *ev)
{
	const struct ev_loss *l = ev->loss;
	uint64_t n = l->lost + l->skipped, to = ev->common ? ev->common->timestamp : 0;

	s->lost += l->lost;
	s->skipped += l->skipped;
	if (!n)
		return;
	buf_clear(&s->key);
	if (EV_HAS(l, loss, probe))
		text_untrusted(&s->key, l->probe.p, l->probe.len);
	else if (EV_HAS(l, loss, kind))
		text_untrusted(&s->key, l->kind.p, l->kind.len);
	else
		buf_str(&s->key, "unknown");
	add(s, &s->losses, s->key.p, s->key.len, n, 0);
	stats_journey_loss(s, EV_HAS(l, loss, from) ? l->from : to, to);
}

void stats_learn(struct stats *s, const struct ev *ev)
{
	/* the clock */
	if (ev->clock || ev->startup) {
		text_event(&s->text, ev, 0, &s->scratch);
		buf_clear(&s->scratch);
	}
	if (ev->loss)
		learn_loss(s, ev);
	if (ev->total) {
		s->total_lost += ev->total->lost;
		s->total_skipped += ev->total->skipped;
	}
	if (ev->host && ev_is(ev->host->tracking, "heuristic"))
		s->heuristic = true;
	if (ev->probe && !ev->probe->attached) {
		buf_clear(&s->key);
		text_untrusted(&s->key, ev->probe->symbol.p, ev->probe->symbol.len);
		buf_str(&s->key, ": ");
		text_untrusted(&s->key, ev->probe->reason.p, ev->probe->reason.len);
		add(s, &s->missing, s->key.p, s->key.len, 1, 0);
	}
}

void stats_event(struct stats *s, const struct ev *ev)
{
	uint64_t ns = ev->common ? ev->common->timestamp : 0;

	s->events++;
	if (ns && (!s->first_ns || ns < s->first_ns))
		s->first_ns = ns;
	if (ns > s->last_ns)
		s->last_ns = ns;
	if (ev->diag)
		s->sockets++;
	if (ev->diag || ev->sock)
		stats_socket_event(s, ev);
	if (s->o.n_by)
		count_group(s, ev);
	if (ev->diag)
		return;
	if (ev->packet) {
		s->packets++;
		s->bytes += stats_packet_bytes(ev);
	}
	stats_journey_event(s, ev);
	if (ev->skb_drop && !ev_is(ev->skb_drop->drop_reason, "CONSUMED"))
		count_drop(s, ev);
}

void stats_end(struct stats *s)
{
	stats_journey_end(s);
	s->failed |= s->key.failed || s->names->failed;
}
