/* SPDX-License-Identifier: BSD-2-Clause */
/* Open vSwitch: a row of the table below for each event type. */
#include "formats/cursor.h"
#include "formats/text/text_impl.h"

/* Arguments of the ct action, include/uapi/linux/openvswitch.h as Retis numbers them. */
enum { CT_NAT_ADDRESSES = 1 << 7, CT_NAT_PORTS = 1 << 8 };

static void put_ufid(struct buf *out, struct ev_str ufid)
{
	struct cursor c = cursor_init(ufid.p, ufid.len);
	uint32_t part[4];

	for (int i = 0; i < 4; i++)
		part[i] = (uint32_t)cursor_le(&c, 4);
	buf_hex_digits(out, part[0], 8);
	buf_u8(out, '-');
	buf_hex_digits(out, part[1] >> 16, 4);
	buf_u8(out, '-');
	buf_hex_digits(out, part[1], 4);
	buf_u8(out, '-');
	buf_hex_digits(out, part[2] >> 16, 4);
	buf_u8(out, '-');
	buf_hex_digits(out, part[2], 4);
	buf_hex_digits(out, part[3], 8);
}

static void put_cmd(struct buf *out, uint8_t cmd)
{
	static const char *const names[] = {" (unspec)", " (miss)", " (action)", " (exec)"};

	if (cmd < sizeof(names) / sizeof(names[0]))
		buf_str(out, names[cmd]);
}

static void put_upcall(struct text_writer *w)
{
	const struct ev_ovs *o = w->ev->ovs;

	TEXT_LIT(w->out, "upcall");
	put_cmd(w->out, o->cmd);
	text_dec(w->out, " port ", o->port);
	text_dec(w->out, " cpu ", o->cpu);
}

static void put_upcall_id(struct text_writer *w)
{
	text_dec(w->out, " (", w->ev->ovs->upcall_cpu);
	text_dec(w->out, "/", w->ev->ovs->upcall_ts);
	buf_u8(w->out, ')');
}

static void put_ret(struct text_writer *w)
{
	TEXT_LIT(w->out, " ret ");
	buf_int(w->out, w->ev->ovs->ret);
}

static void put_enqueue(struct text_writer *w)
{
	TEXT_LIT(w->out, "upcall_enqueue");
	put_cmd(w->out, w->ev->ovs->cmd);
	put_upcall_id(w);
	text_dec(w->out, " q ", w->ev->ovs->queue_id);
	put_ret(w);
}

static void put_return(struct text_writer *w)
{
	TEXT_LIT(w->out, "upcall_ret");
	put_upcall_id(w);
	put_ret(w);
}

static void put_recv(struct text_writer *w)
{
	text_dec(w->out, "upcall_recv q ", w->ev->ovs->queue_id);
	text_dec(w->out, " pkt_size ", w->ev->ovs->pkt_size);
}

static void put_operation(struct text_writer *w)
{
	const struct ev_ovs *o = w->ev->ovs;

	buf_str(w->out, ev_is(o->op_type, "put") ? "flow_put" : "flow_exec");
	text_dec(w->out, " q ", o->queue_id);
	text_dec(w->out, " ts ", o->batch_ts);
	text_dec(w->out, " (", o->batch_idx);
	buf_u8(w->out, ')');
}

static void put_nat(struct buf *out, const struct ev_ovs *o)
{
	TEXT_LIT(out, " nat");
	if (!EV_HAS(o, ovs, nat_dir))
		return;
	buf_str(out, ev_is(o->nat_dir, "src") ? "(src" : "(dst");
	if (o->flags & CT_NAT_ADDRESSES && EV_HAS(o, ovs, nat_min_addr) &&
	    EV_HAS(o, ovs, nat_max_addr)) {
		buf_u8(out, '=');
		text_str(out, o->nat_min_addr);
		if (o->nat_min_addr.len != o->nat_max_addr.len ||
		    memcmp(o->nat_min_addr.p, o->nat_max_addr.p, o->nat_min_addr.len)) {
			buf_u8(out, '-');
			text_str(out, o->nat_max_addr);
		}
	}
	if (o->flags & CT_NAT_PORTS && EV_HAS(o, ovs, nat_min_port) &&
	    EV_HAS(o, ovs, nat_max_port)) {
		text_dec(out, ":", o->nat_min_port);
		if (o->nat_min_port != o->nat_max_port)
			text_dec(out, "-", o->nat_max_port);
	}
	buf_u8(out, ')');
}

static void put_ct(struct buf *out, const struct ev_ovs *o)
{
	static const struct {
		uint8_t bit;
		char name[11];
	} flags[] = {{0, "commit"}, {1, "force"}, {10, "persistent"}, {9, "hash"}, {11, "random"}};
	char before = ' ';

	text_dec(out, " ct zone ", o->zone_id);
	if (o->nat)
		put_nat(out, o);
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		if (!(o->flags >> flags[i].bit & 1))
			continue;
		buf_u8(out, (uint8_t)before);
		buf_str(out, flags[i].name);
		before = ',';
	}
}

static void put_action(struct text_writer *w)
{
	const struct ev_ovs *o = w->ev->ovs;

	if (o->recirc_id) {
		text_hex(w->out, "[recirc_id 0x", o->recirc_id);
		TEXT_LIT(w->out, "] ");
	}
	TEXT_LIT(w->out, "exec");
	if (!EV_HAS(o, ovs, action)) {
		TEXT_LIT(w->out, " unspec");
	} else if (ev_is(o->action, "output")) {
		text_dec(w->out, " oport ", o->port);
	} else if (ev_is(o->action, "set")) {
		TEXT_LIT(w->out, " tunnel_set");
	} else if (ev_is(o->action, "recirc")) {
		text_hex(w->out, " recirc 0x", o->id);
	} else if (ev_is(o->action, "drop")) {
		text_dec(w->out, " drop ", o->reason);
	} else if (ev_is(o->action, "ct")) {
		put_ct(w->out, o);
	} else {
		buf_u8(w->out, ' ');
		text_str(w->out, o->action);
	}
	if (EV_HAS(o, ovs, queue_id))
		text_dec(w->out, " q ", o->queue_id);
}

/* The first flow goes on where the text stands; the others each begin a line. */
static void put_flows(struct text_writer *w, struct ev_list flows)
{
	for (uint32_t i = 0; i < flows.n; i++) {
		if (i && w->t->o.single_line)
			buf_u8(w->out, ' ');
		else if (i)
			text_newline(w->out, flows.v[i].len ? w->indent + 4 : 0);
		text_str(w->out, flows.v[i]);
	}
}

static void put_lookup(struct text_writer *w)
{
	const struct ev_ovs *o = w->ev->ovs;

	if (!o->flow) {
		text_dec(w->out, "flow miss mask ", o->n_mask_hit);
		text_dec(w->out, " cache ", o->n_cache_hit);
		return;
	}
	TEXT_LIT(w->out, "flow hit ufid ");
	put_ufid(w->out, o->ufid);
	text_dec(w->out, " mask ", o->n_mask_hit);
	text_dec(w->out, " cache ", o->n_cache_hit);
	text_hex(w->out, " flow ", o->flow);
	text_hex(w->out, " sf_acts ", o->sf_acts);
	if (o->dpflow.len) {
		text_separate(w);
		TEXT_LIT(w->out, "odpflow ");
		text_str(w->out, o->dpflow);
	}
	if (o->ofpflows.n) {
		text_separate(w);
		TEXT_LIT(w->out, "openflow");
		if (w->t->o.single_line)
			buf_u8(w->out, ' ');
		else
			text_newline(w->out, o->ofpflows.v[0].len ? w->indent + 4 : 0);
		put_flows(w, o->ofpflows);
	}
}

void text_group_ovs(struct text_writer *w)
{
	static const struct {
		const char *type;
		text_group *put;
	} types[] = {
		{"upcall", put_upcall},
		{"upcall_enqueue", put_enqueue},
		{"upcall_return", put_return},
		{"recv_upcall", put_recv},
		{"flow_operation", put_operation},
		{"action_execute", put_action},
		{"flow_lookup", put_lookup},
	};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (ev_is(w->ev->ovs->event_type, types[i].type)) {
			types[i].put(w);
			return;
		}
	}
}

void text_group_detrace(struct text_writer *w)
{
	const struct ev_ovs_detrace *d = w->ev->ovs_detrace;

	TEXT_LIT(w->out, "ufid:");
	put_ufid(w->out, d->ufid);
	buf_u8(w->out, ' ');
	text_str(w->out, d->dpflow);
	text_separate(w);
	TEXT_LIT(w->out, "openflow:");
	if (w->t->o.single_line)
		buf_u8(w->out, ' ');
	put_flows(w, d->ofpflows);
}
