/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/file/convert.h"

#include <stdlib.h>
#include <string.h>

bool convert_init(struct convert *c, uint32_t n_probes, struct dropnames *drops)
{
	memset(c, 0, sizeof(*c));
	c->probes = calloc(n_probes ? n_probes : 1, sizeof(*c->probes));
	c->n_probes = n_probes;
	c->drops = drops;
	return c->probes;
}

void convert_fini(struct convert *c)
{
	free(c->probes);
	memset(c, 0, sizeof(*c));
}

struct convert_probe *convert_set_probe(struct convert *c, uint32_t id, const char *symbol,
					const char *type)
{
	if (id >= c->n_probes)
		return NULL;
	c->probes[id] = (struct convert_probe){.symbol = symbol, .type = type};
	return &c->probes[id];
}

void convert_set_batch(struct convert *c, struct ev_batch *b)
{
	c->batch = b;
	for (uint32_t i = 0; i < c->n_probes; i++)
		c->probes[i].set = false;
	for (int i = 0; i < CONVERT_NAMES; i++)
		c->comm[i].set = c->dev[i].set = false;
}

/* A 16-byte name, NUL-terminated where it is shorter, as a string of the batch. */
static struct ev_str name_str(struct convert *c, struct convert_name *cache, const char name[16])
{
	uint64_t raw[2];
	struct convert_name *n;

	memcpy(raw, name, sizeof(raw));
	n = &cache[((raw[0] ^ raw[1]) * UINT64_C(0x9e3779b97f4a7c15)) >> 58];
	if (!n->set || n->raw[0] != raw[0] || n->raw[1] != raw[1]) {
		n->raw[0] = raw[0];
		n->raw[1] = raw[1];
		n->str = ev_string(c->batch, name, strnlen(name, 16));
		n->set = true;
	}
	return n->str;
}

static void add_drop_inventory(struct convert *c, uint64_t time, struct dropname *name)
{
	struct ev_batch *b = c->batch;
	struct ev_common *common;
	struct ev_dropname *row;

	if (name->told)
		return;
	name->told = true;
	ev_batch_begin(b);
	common = EV_ADD(b, common);
	EV_SET(common, common, timestamp, time);
	row = EV_ADD(b, dropname);
	EV_SET(row, dropname, value, name->value);
	EV_SET(row, dropname, name, ev_text(b, name->name));
	if (name->subsys)
		EV_SET(row, dropname, subsys, ev_text(b, name->subsys));
}

/* What is behind the value's bytes in the register does not count. */
static int64_t returned(const struct convert_probe *p, uint64_t value)
{
	unsigned int shift = p->ret_bytes && p->ret_bytes < 8 ? 64 - 8 * p->ret_bytes : 0;

	value <<= shift;
	return p->ret_signed ? (int64_t)value >> shift : (int64_t)(value >> shift);
}

static void add_extra(struct convert *c, const struct record *r, struct ev_kernel *kernel)
{
	const struct record_extra *extra = (const void *)r->data;
	struct ev_list list;

	if (r->has & RECORD_STACK && c->stack_of &&
	    c->stack_of(c->stack_ctx, c->batch, extra->stack, &list))
		EV_SET(kernel, kernel, stack_trace, list);
	if (r->has & RECORD_RET)
		EV_SET(kernel, kernel, ret, returned(&c->probes[r->probe], extra->ret));
}

static void add_head(struct convert *c, const struct record *r)
{
	struct convert_probe *p = &c->probes[r->probe];
	struct ev_batch *b = c->batch;
	struct ev_common *common = EV_ADD(b, common);
	struct ev_kernel *kernel;

	EV_SET(common, common, timestamp, r->time);
	EV_SET(common, common, smp_id, r->cpu);
	EV_SET(common, common, pid, (int32_t)r->pid);
	EV_SET(common, common, tgid, (int32_t)r->tid);
	EV_SET(common, common, comm, name_str(c, c->comm, r->comm));
	if (!p->set) {
		p->symbol_str = ev_text(b, p->symbol);
		p->type_str = ev_text(b, p->type);
		p->set = true;
	}
	kernel = EV_ADD(b, kernel);
	EV_SET(kernel, kernel, symbol, p->symbol_str);
	EV_SET(kernel, kernel, probe_type, p->type_str);
	if (r->extra)
		add_extra(c, r, kernel);
	if (r->has & RECORD_TRACK) {
		struct ev_skb_tracking *track = EV_ADD(b, skb_tracking);

		EV_SET(track, skb_tracking, orig_head, r->track_head);
		EV_SET(track, skb_tracking, timestamp, r->track_time);
		EV_SET(track, skb_tracking, skb, r->skb);
	}
}

static void add_drop(struct convert *c, const struct dropname *name)
{
	struct ev_skb_drop *drop = EV_ADD(c->batch, skb_drop);

	EV_SET(drop, skb_drop, drop_reason, ev_text(c->batch, name->name));
	if (name->subsys)
		EV_SET(drop, skb_drop, subsys, ev_text(c->batch, name->subsys));
}

static void add_packet(struct convert *c, const struct record *r)
{
	struct ev_packet *p = EV_ADD(c->batch, packet);
	uint32_t fake = r->has & RECORD_L3 ? FAKE_ETH_BYTES : 0;

	EV_SET(p, packet, len, r->packet_len + fake);
	EV_SET(p, packet, capture_len, r->caplen + fake);
	EV_SET(p, packet, data, ev_bytes(c->batch, r->data + r->extra, r->caplen));
	if (fake)
		EV_SET(p, packet, protocol, r->protocol);
}

static void add_meta(struct convert *c, const struct record *r)
{
	struct ev_skb_meta *meta;

	ev_batch_add(c->batch, EV_skb);
	meta = EV_ADD(c->batch, skb_meta);
	EV_SET(meta, skb_meta, len, r->len);
	EV_SET(meta, skb_meta, data_len, r->data_len);
	EV_SET(meta, skb_meta, hash, r->hash);
	EV_SET(meta, skb_meta, ip_summed, r->ip_summed);
	EV_SET(meta, skb_meta, csum, r->csum);
	EV_SET(meta, skb_meta, csum_level, r->csum_level);
	EV_SET(meta, skb_meta, priority, r->priority);
	EV_SET(meta, skb_meta, mark, r->mark);
}

static void add_rest_of_skb(struct convert *c, const struct record *r)
{
	if (r->has & RECORD_VLAN) {
		struct ev_skb_vlan *vlan = EV_ADD(c->batch, skb_vlan);

		EV_SET(vlan, skb_vlan, proto, r->vlan_proto);
		EV_SET(vlan, skb_vlan, pcp, (uint8_t)(r->vlan_tci >> 13));
		EV_SET(vlan, skb_vlan, dei, r->vlan_tci >> 12 & 1);
		EV_SET(vlan, skb_vlan, vid, r->vlan_tci & 0xfff);
	}
	if (r->has & RECORD_SHINFO) {
		struct ev_skb_dataref *ref = EV_ADD(c->batch, skb_dataref);

		EV_SET(ref, skb_dataref, nohdr, r->nohdr);
		EV_SET(ref, skb_dataref, cloned, r->cloned);
		EV_SET(ref, skb_dataref, fclone, r->fclone);
		EV_SET(ref, skb_dataref, users, r->users);
		EV_SET(ref, skb_dataref, dataref, r->dataref);
	}
	if (r->has & RECORD_GSO) {
		struct ev_skb_gso *gso = EV_ADD(c->batch, skb_gso);

		EV_SET(gso, skb_gso, flags, r->gso_flags);
		EV_SET(gso, skb_gso, frags, r->gso_frags);
		EV_SET(gso, skb_gso, size, r->gso_size);
		EV_SET(gso, skb_gso, segs, r->gso_segs);
		EV_SET(gso, skb_gso, type, r->gso_type);
	}
}

static void add_place(struct convert *c, const struct record *r)
{
	if (r->has & RECORD_NETNS) {
		struct ev_netns *ns = EV_ADD(c->batch, netns);

		EV_SET(ns, netns, inum, r->net_inum);
		if (r->has & RECORD_COOKIE)
			EV_SET(ns, netns, cookie, r->net_cookie);
	}
	if (r->has & RECORD_DEV) {
		struct ev_dev *dev = EV_ADD(c->batch, dev);

		EV_SET(dev, dev, name, name_str(c, c->dev, r->dev));
		EV_SET(dev, dev, ifindex, r->ifindex);
		if (r->rx_ifindex)
			EV_SET(dev, dev, rx_ifindex, r->rx_ifindex);
	}
}

bool convert_record(struct convert *c, const struct record *r)
{
	struct dropname *drop = NULL;

	if (r->probe >= c->n_probes || !c->probes[r->probe].symbol)
		return false;
	if (r->has & RECORD_DROP) {
		drop = dropnames_get(c->drops, r->drop_reason);
		if (drop)
			add_drop_inventory(c, r->time, drop);
	}
	ev_batch_begin(c->batch);
	add_head(c, r);
	if (drop)
		add_drop(c, drop);
	if (r->has & RECORD_PACKET)
		add_packet(c, r);
	if (r->has & RECORD_SKB) {
		add_meta(c, r);
		add_rest_of_skb(c, r);
	}
	add_place(c, r);
	if (r->extra)
		facts_add(c->batch, r, &c->probes[r->probe].place, c->hz);
	return true;
}
