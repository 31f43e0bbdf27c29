/* SPDX-License-Identifier: BSD-2-Clause */
#include "formats/retis/retis_write.h"

#include <string.h>

#include "formats/base64.h"
#include "formats/json.h"
#include "formats/retis/retis_frame.h"
#include "formats/retis/retis_keys.h"

enum { NS_PER_SEC = 1000000000 };

/* What Retis has. */
#define RETIS_SECTIONS                                                                             \
	(EV_SECTION_BIT(common) | EV_SECTION_BIT(netns) | EV_SECTION_BIT(dev) | RETIS_EVENTS)
/* What makes a row an event of Retis, whatever else is in it. */
#define RETIS_EVENTS                                                                               \
	(EV_SECTION_BIT(kernel) | EV_SECTION_BIT(userspace) | EV_SECTION_BIT(tracking) |           \
	 EV_SECTION_BIT(skb_tracking) | EV_SECTION_BIT(skb_drop) | EV_SECTION_BIT(packet) |        \
	 EV_SECTION_BIT(skb) | EV_SECTION_BIT(skb_vlan) | EV_SECTION_BIT(skb_meta) |               \
	 EV_SECTION_BIT(skb_dataref) | EV_SECTION_BIT(skb_gso) | EV_SECTION_BIT(nft) |             \
	 EV_SECTION_BIT(ct) | EV_SECTION_BIT(ct_parent) | EV_SECTION_BIT(ovs) |                    \
	 EV_SECTION_BIT(ovs_detrace) | EV_SECTION_BIT(startup))

/* ---- members ---- */

/* "name": of the next member of the object that is open. */
static void put_name(struct buf *b, const char *name)
{
	if (b->len && b->p[b->len - 1] != '{')
		buf_u8(b, ',');
	json_put_key(b, name);
}

static void open_object(struct buf *b, const char *name)
{
	put_name(b, name);
	buf_u8(b, '{');
}

static void close_object(struct buf *b)
{
	buf_u8(b, '}');
}

static void put_text(struct buf *b, const char *name, struct ev_str s)
{
	put_name(b, name);
	json_put_string(b, s.p, s.len);
}

static void put_uint(struct buf *b, const char *name, uint64_t v)
{
	put_name(b, name);
	buf_dec(b, v);
}

static void put_int(struct buf *b, const char *name, int64_t v)
{
	put_name(b, name);
	buf_int(b, v);
}

static void put_ufid(struct buf *b, struct ev_str id)
{
	buf_u8(b, '[');
	for (unsigned int i = 0; i < 4; i++) {
		uint32_t v = 0;

		for (unsigned int k = 0; k < 4 && 4 * i + k < id.len; k++)
			v |= (uint32_t)(uint8_t)id.p[4 * i + k] << (8 * k);
		if (i)
			buf_u8(b, ',');
		buf_dec(b, v);
	}
	buf_u8(b, ']');
}

static void put_list(struct buf *b, struct ev_list l)
{
	buf_u8(b, '[');
	for (uint32_t i = 0; i < l.n; i++) {
		if (i)
			buf_u8(b, ',');
		json_put_string(b, l.v[i].p, l.v[i].len);
	}
	buf_u8(b, ']');
}

/* The member that a field is, under the last name of its path, present or not. */
static void put_field(struct buf *b, const struct schema_field *f, const void *row)
{
	const void *at = (const uint8_t *)row + f->offset;
	const struct ev_bytes *bytes = at;
	const struct ev_str *s = at;

	put_name(b, strrchr(f->foreign, '.') + 1);
	switch (f->type) {
	case SCHEMA_STR:
		if (f->base == SCHEMA_UFID)
			put_ufid(b, *s);
		else
			json_put_string(b, s->p, s->len);
		break;
	case SCHEMA_BYTES:
		buf_u8(b, '"');
		base64_put(b, bytes->p, bytes->len);
		buf_u8(b, '"');
		break;
	case SCHEMA_LIST: put_list(b, *(const struct ev_list *)at); break;
	case SCHEMA_BOOL: buf_str(b, *(const bool *)at ? "true" : "false"); break;
	case SCHEMA_I32:
	case SCHEMA_I64: buf_int(b, (int64_t)schema_get(f, row)); break;
	default: buf_dec(b, schema_get(f, row)); break;
	}
}

static const struct schema_field *ovs_field(unsigned int bit)
{
	return schema_field_of(EV_ovs, bit + 1);
}

/* The section's own members, those of them that are there and that Retis has. */
static void put_fields(struct buf *b, enum ev_section s, const void *row)
{
	const struct schema_section *sec = &schema_sections[s];
	uint64_t has = *(const uint64_t *)row;

	for (unsigned int i = 0; i < sec->n_fields; i++)
		if (has >> sec->fields[i].bit & 1 && sec->fields[i].foreign[0])
			put_field(b, &sec->fields[i], row);
}

/* ---- sections ---- */

/* Whether the event has the section as Retis wants it; one that it has otherwise is counted. */
static bool has_section(struct retis_writer *w, const struct ev *ev, enum ev_section s)
{
	const uint64_t *has = ev->row[s];

	if (!has)
		return false;
	if (retis_required(s) & ~*has) {
		w->sections++;
		return false;
	}
	return true;
}

static void put_section(struct retis_writer *w, const struct ev *ev, enum ev_section s,
			const char *name, struct buf *b)
{
	if (!has_section(w, ev, s))
		return;
	open_object(b, name);
	put_fields(b, s, ev->row[s]);
	close_object(b);
}

static void put_common(const struct ev_common *c, struct buf *b)
{
	const uint64_t task = EV_BIT(common, pid) | EV_BIT(common, tgid) | EV_BIT(common, comm);

	open_object(b, "common");
	put_uint(b, "timestamp", c->timestamp);
	if (EV_HAS(c, common, smp_id))
		put_uint(b, "smp_id", c->smp_id);
	if ((c->has & task) == task) {
		open_object(b, "task");
		put_int(b, "pid", c->pid);
		put_int(b, "tgid", c->tgid);
		put_text(b, "comm", c->comm);
		close_object(b);
	}
	close_object(b);
}

static void put_tracking(const struct ev_tracking *t, struct buf *b)
{
	open_object(b, "tracking");
	open_object(b, "skb");
	put_uint(b, "orig_head", t->orig_head);
	put_uint(b, "timestamp", t->timestamp);
	put_uint(b, "skb", t->skb);
	close_object(b);
	put_uint(b, "idx", t->idx);
	close_object(b);
}

static void put_packet(struct retis_writer *w, const struct ev *ev, const char *data, struct buf *b)
{
	struct retis_frame f;

	if (!has_section(w, ev, EV_packet))
		return;
	if (!retis_frame_of(ev->packet, &f)) {
		w->sections++;
		return;
	}
	open_object(b, "packet");
	put_uint(b, "len", f.len);
	put_uint(b, "capture_len", f.capture_len);
	put_name(b, data);
	buf_u8(b, '"');
	retis_frame_put(b, &f);
	buf_u8(b, '"');
	close_object(b);
}

/* 1.6 and later require the TPID, older shapes do not have it. */
static void put_vlan(struct retis_writer *w, const struct ev *ev, struct buf *b)
{
	const struct ev_skb_vlan *v = ev->skb_vlan;

	if (!has_section(w, ev, EV_skb_vlan))
		return;
	if (w->shape >= RETIS_SHAPE_1_6 && !EV_HAS(v, skb_vlan, proto)) {
		w->sections++;
		return;
	}
	open_object(b, "vlan_accel");
	if (w->shape >= RETIS_SHAPE_1_6)
		put_uint(b, "proto", v->proto);
	put_uint(b, "pcp", v->pcp);
	put_name(b, "dei");
	buf_str(b, v->dei ? "true" : "false");
	put_uint(b, "vid", v->vid);
	close_object(b);
}

static void put_skb(struct retis_writer *w, const struct ev *ev, struct buf *b)
{
	uint64_t in = EV_SECTION_BIT(skb) | EV_SECTION_BIT(skb_vlan) | EV_SECTION_BIT(skb_meta) |
		      EV_SECTION_BIT(skb_dataref) | EV_SECTION_BIT(skb_gso);
	bool old = w->shape < RETIS_SHAPE_1_6;

	if (old)
		in |= EV_SECTION_BIT(packet) | EV_SECTION_BIT(dev) | EV_SECTION_BIT(netns);
	if (!(ev->sections & in))
		return;
	open_object(b, "skb");
	put_vlan(w, ev, b);
	if (old) {
		put_section(w, ev, EV_dev, "dev", b);
		put_section(w, ev, EV_netns, "ns", b);
	}
	put_section(w, ev, EV_skb_meta, "meta", b);
	put_section(w, ev, EV_skb_dataref, "data_ref", b);
	put_section(w, ev, EV_skb_gso, "gso", b);
	if (old)
		put_packet(w, ev, "raw", b);
	close_object(b);
}

/* ---- connection tracking ---- */

struct tuple {
	struct ev_str src, dst, version;
	uint8_t proto, code, type;
	uint16_t sport, dport, id;
	uint32_t vtag;
};

static void put_tuple(struct buf *b, const char *name, const struct tuple *t)
{
	static const char *const protos[] = {"", "tcp", "udp", "icmp", "sctp"};

	open_object(b, name);
	open_object(b, "ip");
	put_text(b, "src", t->src);
	put_text(b, "dst", t->dst);
	put_text(b, "version", t->version);
	close_object(b);
	open_object(b, "proto");
	open_object(b, protos[t->proto]);
	if (t->proto == 3) {
		put_uint(b, "code", t->code);
		put_uint(b, "type", t->type);
		put_uint(b, "id", t->id);
	} else {
		put_uint(b, "sport", t->sport);
		put_uint(b, "dport", t->dport);
		if (t->proto == 4)
			put_uint(b, "vtag", t->vtag);
	}
	close_object(b);
	close_object(b);
	close_object(b);
}

/* ct and ct_parent have the same fields but are two types. */
#define TUPLE(c, dir)                                                                              \
	(&(struct tuple){(c)->dir##_src, (c)->dir##_dst, (c)->dir##_version, (c)->dir##_proto,     \
			 (c)->dir##_code, (c)->dir##_type, (c)->dir##_sport, (c)->dir##_dport,     \
			 (c)->dir##_id, (c)->dir##_vtag})
#define PUT_CONNECTION(w, c, sec, b)                                                               \
	do {                                                                                       \
		put_uint(b, "zone_id", (c)->zone_id);                                              \
		put_text(b, "zone_dir", (c)->zone_dir);                                            \
		put_tuple(b, "orig", TUPLE(c, orig));                                              \
		put_tuple(b, "reply", TUPLE(c, reply));                                            \
		if (EV_HAS(c, sec, proto_state))                                                   \
			put_text(b, (w)->shape == RETIS_SHAPE_1_7 ? "proto_state" : "tcp_state",   \
				 (c)->proto_state);                                                \
		if (EV_HAS(c, sec, mark))                                                          \
			put_uint(b, "mark", (c)->mark);                                            \
		if (EV_HAS(c, sec, labels_hi) && EV_HAS(c, sec, labels_lo)) {                      \
			open_object(b, "labels");                                                  \
			put_uint(b, "hi", (c)->labels_hi);                                         \
			put_uint(b, "lo", (c)->labels_lo);                                         \
			close_object(b);                                                           \
		}                                                                                  \
		put_uint(b, "ct_status", (c)->ct_status);                                          \
	} while (0)

/* SCTP came with 1.7. */
static bool proto_known(const struct retis_writer *w, uint8_t proto)
{
	return proto >= 1 && proto <= (w->shape == RETIS_SHAPE_1_7 ? 4 : 3);
}

static void put_ct(struct retis_writer *w, const struct ev *ev, struct buf *b)
{
	const struct ev_ct *c = ev->ct;
	const struct ev_ct_parent *p = ev->ct_parent;

	if (!has_section(w, ev, EV_ct))
		return;
	if (!proto_known(w, c->orig_proto) || !proto_known(w, c->reply_proto)) {
		w->sections++;
		return;
	}
	open_object(b, "ct");
	put_text(b, "state", c->state);
	PUT_CONNECTION(w, c, ct, b);
	if (has_section(w, ev, EV_ct_parent)) {
		if (proto_known(w, p->orig_proto) && proto_known(w, p->reply_proto)) {
			open_object(b, "parent");
			PUT_CONNECTION(w, p, ct_parent, b);
			close_object(b);
		} else {
			w->sections++;
		}
	}
	close_object(b);
}

/* ---- Open vSwitch ---- */

static void put_nat(const struct ev_ovs *o, struct buf *b)
{
	if (!o->nat)
		return;
	open_object(b, "nat");
	for (unsigned int bit = EVI_ovs_nat_dir; bit <= EVI_ovs_nat_max_port; bit++)
		if (o->has >> bit & 1)
			put_field(b, ovs_field(bit), o);
	close_object(b);
}

static bool ovs_complete(const struct ev_ovs *o, const struct retis_ovs_kind *k)
{
	for (const uint8_t *f = k->fields; *f != RETIS_OVS_END; f++)
		if (!((o->has | k->optional) >> *f & 1))
			return false;
	return true;
}

/* Retis itself always writes what its reader takes as optional in a flow lookup. */
static void put_ovs_fields(const struct ev_ovs *o, const struct retis_ovs_kind *k, struct buf *b)
{
	bool lookup = ev_is(o->event_type, "flow_lookup");

	for (const uint8_t *f = k->fields; *f != RETIS_OVS_END; f++)
		if (lookup || o->has >> *f & 1)
			put_field(b, ovs_field(*f), o);
}

static void put_ovs(struct retis_writer *w, const struct ev *ev, struct buf *b)
{
	const struct retis_ovs_kind *kind, *action = NULL;
	const struct ev_ovs *o = ev->ovs;

	if (!has_section(w, ev, EV_ovs))
		return;
	kind = retis_ovs_event(o->event_type);
	if (kind && ev_is(o->event_type, "action_execute"))
		action = retis_ovs_action(o->action);
	if (!kind || !ovs_complete(o, kind) || (action && !ovs_complete(o, action))) {
		w->sections++;
		return;
	}
	open_object(b, "ovs");
	put_text(b, "event_type", o->event_type);
	if (ev_is(o->event_type, "action_execute") && EV_HAS(o, ovs, action))
		put_text(b, "action", o->action);
	if (action) {
		put_ovs_fields(o, action, b);
		if (ev_is(o->action, "ct"))
			put_nat(o, b);
	}
	put_ovs_fields(o, kind, b);
	close_object(b);
}

/* ---- startup ---- */

enum retis_shape retis_shape_of(const struct ev_startup *s)
{
	if (!EV_HAS(s, startup, shape) || s->shape < RETIS_SHAPE_1_5 || s->shape > RETIS_SHAPE_1_7)
		return RETIS_SHAPE_1_7;
	return (enum retis_shape)s->shape;
}

/* A version that makes Retis read the shape as the one it is. */
static void put_version(const struct retis_writer *w, const struct ev_startup *s, struct buf *b)
{
	static const char *const versions[] = {"v1.5.0", "v1.6.0", "v1.7.0"};
	int level = w->shape == RETIS_SHAPE_1_7 ? 2 : w->shape == RETIS_SHAPE_1_6 ? 1 : 0;
	enum retis_shape from = retis_shape_of(s);
	bool same = EV_HAS(s, startup, shape) &&
		    (from == RETIS_SHAPE_1_5 ? RETIS_SHAPE_CLASSIC : from) == w->shape;

	put_name(b, "retis_version");
	/* the input's own text where the file stays what it was, even if it is none that Retis takes */
	if (!EV_HAS(s, startup, tool) && EV_HAS(s, startup, retis_version) &&
	    (same || retis_version_level(s->retis_version.p, s->retis_version.len) == level))
		json_put_string(b, s->retis_version.p, s->retis_version.len);
	else
		json_put_string(b, versions[level], strlen(versions[level]));
}

static void put_or_unknown(struct buf *b, const char *name, bool has, struct ev_str s)
{
	put_text(b, name, has ? s : (struct ev_str){"unknown", 7, 0});
}

static void put_startup(const struct retis_writer *w, const struct ev_startup *s, struct buf *b)
{
	open_object(b, "startup");
	put_version(w, s, b);
	if (w->shape == RETIS_SHAPE_1_7)
		put_or_unknown(b, "cmdline", EV_HAS(s, startup, cmdline), s->cmdline);
	open_object(b, "clock_monotonic_offset");
	put_int(b, "sec", s->clock_sec);
	put_int(b, "nsec", s->clock_nsec);
	close_object(b);
	if (w->shape == RETIS_SHAPE_1_7) {
		open_object(b, "machine");
		put_or_unknown(b, "kernel_release", EV_HAS(s, startup, kernel_release),
			       s->kernel_release);
		put_or_unknown(b, "kernel_version", EV_HAS(s, startup, kernel_version),
			       s->kernel_version);
		put_or_unknown(b, "hardware_name", EV_HAS(s, startup, hardware_name),
			       s->hardware_name);
		close_object(b);
		if (EV_HAS(s, startup, split_id) && EV_HAS(s, startup, split_kind) &&
		    EV_HAS(s, startup, split_limit)) {
			open_object(b, "split_file");
			put_uint(b, "id", s->split_id);
			open_object(b, "policy");
			put_text(b, "kind", s->split_kind);
			put_uint(b, "limit", s->split_limit);
			close_object(b);
			close_object(b);
		}
	}
	close_object(b);
}

/* ---- events ---- */

static bool is_event(const struct ev *ev)
{
	if (!ev->common || !EV_HAS(ev->common, common, timestamp))
		return false;
	return ev->sections & RETIS_EVENTS || !(ev->sections & ~RETIS_SECTIONS);
}

static void put_event(struct retis_writer *w, const struct ev *ev, struct buf *b)
{
	bool old = w->shape < RETIS_SHAPE_1_6;

	w->events++;
	w->sections += (uint64_t)__builtin_popcountll(ev->sections & ~RETIS_SECTIONS);
	buf_u8(b, '{');
	put_common(ev->common, b);
	put_section(w, ev, EV_kernel, "kernel", b);
	put_section(w, ev, EV_userspace, "userspace", b);
	if (has_section(w, ev, EV_tracking))
		put_tracking(ev->tracking, b);
	put_section(w, ev, EV_skb_tracking, "skb-tracking", b);
	put_section(w, ev, EV_skb_drop, "skb-drop", b);
	if (!old)
		put_packet(w, ev, "data", b);
	put_skb(w, ev, b);
	if (!old) {
		put_section(w, ev, EV_netns, "netns", b);
		put_section(w, ev, EV_dev, "dev", b);
	}
	put_ovs(w, ev, b);
	put_section(w, ev, EV_ovs_detrace, "ovs-detrace", b);
	put_section(w, ev, EV_nft, "nft", b);
	put_ct(w, ev, b);
	if (ev->startup)
		put_startup(w, ev->startup, b);
	buf_u8(b, '}');
}

/* Not for Retis, but the offset of the clock is needed when no startup event tells it. */
static bool leave_out(struct retis_writer *w, const struct ev *ev)
{
	if (ev->clock && EV_HAS(ev->clock, clock, offset))
		w->clock_offset = ev->clock->offset;
	w->rows++;
	return false;
}

/* Retis wants a startup event first. */
static void put_first(struct retis_writer *w, const struct ev *ev, bool sorted, struct buf *b)
{
	int64_t behind = w->clock_offset % NS_PER_SEC;
	struct ev_startup none = {0};

	if (w->shape < RETIS_SHAPE_CLASSIC)
		w->shape = w->shape == RETIS_SHAPE_NONE ? RETIS_SHAPE_1_7 : RETIS_SHAPE_CLASSIC;
	if (!w->started && !ev->startup) {
		none.clock_sec = w->clock_offset / NS_PER_SEC - (behind < 0);
		none.clock_nsec = behind + (behind < 0 ? NS_PER_SEC : 0);
		buf_str(b, sorted ? "[{" : "{");
		open_object(b, "common");
		put_uint(b, "timestamp", ev->common->timestamp);
		close_object(b);
		put_startup(w, &none, b);
		buf_str(b, sorted ? "}]\n" : "}\n");
		w->events++;
	}
	w->started = true;
}

bool retis_write_event(struct retis_writer *w, const struct ev *ev, struct buf *out)
{
	if (!is_event(ev))
		return leave_out(w, ev);
	put_first(w, ev, false, out);
	put_event(w, ev, out);
	buf_u8(out, '\n');
	return true;
}

bool retis_write_sorted(struct retis_writer *w, const struct ev *ev, struct buf *out)
{
	if (!is_event(ev))
		return leave_out(w, ev);
	if (!ev->tracking || ev->tracking->first)
		retis_write_end(w, out);
	put_first(w, ev, true, out);
	buf_u8(out, w->open ? ',' : '[');
	w->open = true;
	put_event(w, ev, out);
	return true;
}

void retis_write_end(struct retis_writer *w, struct buf *out)
{
	if (w->open)
		buf_str(out, "]\n");
	w->open = false;
}
