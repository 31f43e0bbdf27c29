/* SPDX-License-Identifier: BSD-2-Clause */
#include "formats/retis/retis_keys.h"

#include <string.h>

#include "formats/retis/retis_read.h"

#define SHAPE(s) (1u << RETIS_SHAPE_##s)
#define OLD      (SHAPE(1_5) | SHAPE(CLASSIC))
#define NEW      (SHAPE(1_6) | SHAPE(1_7))
#define ANY      (OLD | NEW)

/* Objects whose presence is a section. */
static const struct {
	const char *path;
	uint8_t section, shapes;
} section_paths[] = {
	{"common", EV_common, ANY},
	{"kernel", EV_kernel, ANY},
	{"userspace", EV_userspace, ANY},
	{"tracking", EV_tracking, ANY},
	{"skb-tracking", EV_skb_tracking, ANY},
	{"skb-drop", EV_skb_drop, ANY},
	{"packet", EV_packet, NEW},
	{"skb", EV_skb, ANY},
	{"skb.vlan_accel", EV_skb_vlan, NEW | SHAPE(CLASSIC)},
	{"skb.meta", EV_skb_meta, ANY},
	{"skb.data_ref", EV_skb_dataref, ANY},
	{"skb.gso", EV_skb_gso, ANY},
	{"netns", EV_netns, NEW},
	{"dev", EV_dev, NEW},
	{"ovs", EV_ovs, ANY},
	{"ovs-detrace", EV_ovs_detrace, ANY},
	{"nft", EV_nft, ANY},
	{"ct", EV_ct, ANY},
	{"ct.parent", EV_ct_parent, ANY},
	{"startup", EV_startup, ANY},
	{"skb.packet", EV_packet, OLD},
	{"skb.dev", EV_dev, OLD},
	{"skb.ns", EV_netns, OLD},
};

/* Fields that are elsewhere in older files, or whose place depends on a variant. */
#define ALIAS(path, sec, member, shapes)                                                           \
	{                                                                                          \
		path, EV_##sec, EVI_##sec##_##member, shapes                                       \
	}
#define CT_TUPLE(path, sec, dir)                                                                   \
	ALIAS(path ".proto.tcp.sport", sec, dir##_sport, ANY),                                     \
		ALIAS(path ".proto.tcp.dport", sec, dir##_dport, ANY),                             \
		ALIAS(path ".proto.udp.sport", sec, dir##_sport, ANY),                             \
		ALIAS(path ".proto.udp.dport", sec, dir##_dport, ANY),                             \
		ALIAS(path ".proto.icmp.code", sec, dir##_code, ANY),                              \
		ALIAS(path ".proto.icmp.type", sec, dir##_type, ANY),                              \
		ALIAS(path ".proto.icmp.id", sec, dir##_id, ANY),                                  \
		ALIAS(path ".proto.sctp.sport", sec, dir##_sport, SHAPE(1_7)),                     \
		ALIAS(path ".proto.sctp.dport", sec, dir##_dport, SHAPE(1_7)),                     \
		ALIAS(path ".proto.sctp.vtag", sec, dir##_vtag, SHAPE(1_7))
static const struct {
	const char *path;
	uint8_t section, bit, shapes;
} aliases[] = {
	CT_TUPLE("ct.orig", ct, orig),
	CT_TUPLE("ct.reply", ct, reply),
	CT_TUPLE("ct.parent.orig", ct_parent, orig),
	CT_TUPLE("ct.parent.reply", ct_parent, reply),
	ALIAS("ct.tcp_state", ct, proto_state, OLD | SHAPE(1_6)),
	ALIAS("ct.parent.tcp_state", ct_parent, proto_state, OLD | SHAPE(1_6)),
	ALIAS("skb.packet.len", packet, len, OLD),
	ALIAS("skb.packet.capture_len", packet, capture_len, OLD),
	ALIAS("skb.packet.raw", packet, data, SHAPE(CLASSIC)),
	ALIAS("skb.packet.packet", packet, data, SHAPE(1_5)),
	ALIAS("skb.dev.name", dev, name, OLD),
	ALIAS("skb.dev.ifindex", dev, ifindex, OLD),
	ALIAS("skb.dev.rx_ifindex", dev, rx_ifindex, OLD),
	ALIAS("skb.ns.cookie", netns, cookie, SHAPE(CLASSIC)),
	ALIAS("skb.ns.inum", netns, inum, SHAPE(CLASSIC)),
	ALIAS("skb.ns.netns", netns, inum, SHAPE(1_5)),
};

/* Objects that say something by being there: which protocol a tuple is of, that there is a nat. */
#define PROTO(path, sec, member)                                                                   \
	{path ".proto.tcp", EV_##sec, EVI_##sec##_##member, 1},                                    \
		{path ".proto.udp", EV_##sec, EVI_##sec##_##member, 2},                            \
		{path ".proto.icmp", EV_##sec, EVI_##sec##_##member, 3},                           \
	{                                                                                          \
		path ".proto.sctp", EV_##sec, EVI_##sec##_##member, 4                              \
	}
static const struct {
	const char *path;
	uint8_t section, bit, value;
} marks[] = {
	PROTO("ct.orig", ct, orig_proto),
	PROTO("ct.reply", ct, reply_proto),
	PROTO("ct.parent.orig", ct_parent, orig_proto),
	PROTO("ct.parent.reply", ct_parent, reply_proto),
	{"ovs.nat", EV_ovs, EVI_ovs_nat, 1},
};

/* What 1.5 decoded from the packet; the packet itself is there too, and is what is shown. */
static const char *const decoded[] = {"skb.eth", "skb.arp",  "skb.ip",    "skb.tcp",
				      "skb.udp", "skb.icmp", "skb.icmpv6"};

/* The keys by which two shapes are told apart, where a path's own row does not say. */
static const struct {
	const char *path;
	uint8_t shapes;
} evidence[] = {
	{"ct.proto_state", SHAPE(1_7)},  {"ct.parent.proto_state", SHAPE(1_7)},
	{"startup.cmdline", SHAPE(1_7)}, {"startup.machine", SHAPE(1_7)},
	{"skb.vlan_accel.proto", NEW},
};

const struct retis_key *retis_key_find(const struct retis_object *o, const char *name, size_t len)
{
	const struct retis_key *k = o->first;

	if (k)
		do {
			if (k->text_len == len + 3 && !memcmp(k->text + 1, name, len))
				return k;
			k = k->next;
		} while (k != o->first);
	return NULL;
}

static struct retis_key *add_key(struct retis_keys *t, struct retis_object *o, const char *name,
				 size_t len)
{
	struct retis_key *k = &t->keys[t->n_keys], *last = o->first;

	if (t->n_keys == RETIS_KEYS_MAX || len + 4 > RETIS_KEY_TEXT)
		return NULL;
	t->n_keys++;
	k->text[0] = '"';
	memcpy(k->text + 1, name, len);
	memcpy(k->text + 1 + len, "\":", 2);
	k->text_len = (uint8_t)(len + 3);
	memset(&k->head_mask, 0xff, k->text_len < 8 ? k->text_len : 8);
	memcpy(&k->head, k->text, 8);
	k->head &= k->head_mask;
	k->shapes = ANY;
	if (!last) {
		o->first = k->next = k;
		return k;
	}
	while (last->next != o->first)
		last = last->next;
	last->next = k;
	k->next = o->first;
	return k;
}

/* The key at a path; it and the objects on the way are made if they are not there yet. */
static struct retis_key *at_path(struct retis_keys *t, const char *path)
{
	struct retis_object *o = &t->objects[0];

	for (;;) {
		size_t len = strcspn(path, ".");
		struct retis_key *k = (struct retis_key *)retis_key_find(o, path, len);

		if (!k)
			k = add_key(t, o, path, len);
		if (!k || !path[len])
			return k;
		if (!k->object) {
			if (t->n_objects == RETIS_OBJECTS_MAX)
				return NULL;
			k->kind = RETIS_KEY_OBJECT;
			k->object = &t->objects[t->n_objects++];
			k->object->section = -1;
		}
		o = k->object;
		path += len + 1;
	}
}

static struct retis_object *object_at(struct retis_keys *t, const char *path)
{
	struct retis_key *k = at_path(t, path);

	if (!k || k->object)
		return k ? k->object : NULL;
	if (t->n_objects == RETIS_OBJECTS_MAX)
		return NULL;
	k->kind = RETIS_KEY_OBJECT;
	k->object = &t->objects[t->n_objects++];
	k->object->section = -1;
	return k->object;
}

static bool add_field(struct retis_keys *t, const char *path, const struct schema_field *f,
		      uint8_t shapes)
{
	struct retis_key *k = at_path(t, path);

	if (!k)
		return false;
	k->kind = RETIS_KEY_FIELD;
	k->field = f;
	k->section = f->section;
	k->shapes = shapes;
	return true;
}

bool retis_keys_init(struct retis_keys *t)
{
	memset(t, 0, sizeof(*t));
	t->n_objects = 1;
	t->objects[0].section = -1;
	for (size_t i = 0; i < sizeof(section_paths) / sizeof(section_paths[0]); i++) {
		const struct schema_section *sec = &schema_sections[section_paths[i].section];
		struct retis_object *o = object_at(t, section_paths[i].path);

		if (!o)
			return false;
		o->section = (int8_t)section_paths[i].section;
		at_path(t, section_paths[i].path)->shapes = section_paths[i].shapes;
		for (unsigned int f = 0; f < sec->n_fields; f++)
			if (sec->fields[f].foreign[0] &&
			    !add_field(t, sec->fields[f].foreign, &sec->fields[f], ANY))
				return false;
	}
	for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++)
		if (!add_field(t, aliases[i].path,
			       schema_field_of((enum ev_section)aliases[i].section,
					       aliases[i].bit + 1u),
			       aliases[i].shapes))
			return false;
	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		struct retis_object *o = object_at(t, marks[i].path);

		if (!o)
			return false;
		o->mark = schema_field_of((enum ev_section)marks[i].section, marks[i].bit + 1u);
		o->mark_value = marks[i].value;
	}
	for (size_t i = 0; i < sizeof(decoded) / sizeof(decoded[0]); i++) {
		struct retis_key *k = at_path(t, decoded[i]);

		if (!k)
			return false;
		k->kind = RETIS_KEY_IGNORED;
		k->shapes = SHAPE(1_5);
	}
	for (size_t i = 0; i < sizeof(evidence) / sizeof(evidence[0]); i++)
		at_path(t, evidence[i].path)->shapes = evidence[i].shapes;
	return true;
}

/* ---- what must be there ---- */

#define B(sec, member) EV_BIT(sec, member)
#define CT_REQUIRED(sec)                                                                           \
	(B(sec, zone_id) | B(sec, zone_dir) | B(sec, orig_src) | B(sec, orig_dst) |                \
	 B(sec, orig_version) | B(sec, orig_proto) | B(sec, reply_src) | B(sec, reply_dst) |       \
	 B(sec, reply_version) | B(sec, reply_proto) | B(sec, ct_status))

uint64_t retis_required(enum ev_section s)
{
	switch (s) {
	case EV_common: return B(common, timestamp);
	case EV_kernel: return B(kernel, symbol) | B(kernel, probe_type);
	case EV_userspace:
		return B(userspace, probe_type) | B(userspace, symbol) | B(userspace, ip) |
		       B(userspace, path) | B(userspace, pid) | B(userspace, tid);
	case EV_tracking:
		return B(tracking, orig_head) | B(tracking, timestamp) | B(tracking, skb) |
		       B(tracking, idx);
	case EV_skb_tracking:
		return B(skb_tracking, orig_head) | B(skb_tracking, timestamp) |
		       B(skb_tracking, skb);
	case EV_skb_drop: return B(skb_drop, drop_reason);
	case EV_packet: return B(packet, len) | B(packet, capture_len) | B(packet, data);
	case EV_skb_vlan: return B(skb_vlan, pcp) | B(skb_vlan, dei) | B(skb_vlan, vid);
	case EV_skb_meta:
		return B(skb_meta, len) | B(skb_meta, data_len) | B(skb_meta, hash) |
		       B(skb_meta, ip_summed) | B(skb_meta, csum) | B(skb_meta, csum_level) |
		       B(skb_meta, priority);
	case EV_skb_dataref:
		return B(skb_dataref, nohdr) | B(skb_dataref, cloned) | B(skb_dataref, fclone) |
		       B(skb_dataref, users) | B(skb_dataref, dataref);
	case EV_skb_gso:
		return B(skb_gso, flags) | B(skb_gso, frags) | B(skb_gso, size) | B(skb_gso, segs) |
		       B(skb_gso, type);
	case EV_netns: return B(netns, inum);
	case EV_dev: return B(dev, name) | B(dev, ifindex);
	case EV_nft:
		return B(nft, table_name) | B(nft, chain_name) | B(nft, verdict) |
		       B(nft, table_handle) | B(nft, chain_handle) | B(nft, policy);
	case EV_ct: return CT_REQUIRED(ct) | B(ct, state);
	case EV_ct_parent: return CT_REQUIRED(ct_parent);
	case EV_ovs: return B(ovs, event_type);
	case EV_ovs_detrace:
		return B(ovs_detrace, ufid) | B(ovs_detrace, flow) | B(ovs_detrace, sf_acts) |
		       B(ovs_detrace, dpflow) | B(ovs_detrace, ofpflows);
	case EV_startup:
		return B(startup, retis_version) | B(startup, clock_sec) | B(startup, clock_nsec);
	default: return 0;
	}
}

#define O(member) EVI_ovs_##member
#define END_      RETIS_OVS_END
static const struct retis_ovs_kind ovs_events[] = {
	{"upcall", {O(cmd), O(port), O(cpu), END_}, 0},
	{"upcall_enqueue",
	 {O(ret), O(cmd), O(port), O(upcall_ts), O(upcall_cpu), O(queue_id), END_},
	 0},
	{"upcall_return", {O(upcall_ts), O(upcall_cpu), O(ret), END_}, 0},
	{"recv_upcall",
	 {O(type), O(pkt_size), O(key_size), O(queue_id), O(batch_ts), O(batch_idx), END_},
	 0},
	{"flow_operation", {O(op_type), O(queue_id), O(batch_ts), O(batch_idx), END_}, 0},
	/* an action's name and arguments come before these two */
	{"action_execute", {O(recirc_id), O(queue_id), END_}, B(ovs, queue_id)},
	{"flow_lookup",
	 {O(flow), O(sf_acts), O(ufid), O(n_mask_hit), O(n_cache_hit), O(dpflow), O(ofpflows),
	  END_},
	 B(ovs, dpflow) | B(ovs, ofpflows)},
};
static const struct retis_ovs_kind ovs_actions[] = {
	{"output", {O(port), END_}, 0},
	{"recirc", {O(id), END_}, 0},
	{"ct", {O(flags), O(zone_id), END_}, 0},
	{"drop", {O(reason), END_}, 0},
};
#undef END_
#undef O

const struct retis_ovs_kind *retis_ovs_event(struct ev_str type)
{
	for (size_t i = 0; i < sizeof(ovs_events) / sizeof(ovs_events[0]); i++)
		if (ev_is(type, ovs_events[i].name))
			return &ovs_events[i];
	return NULL;
}

const struct retis_ovs_kind *retis_ovs_action(struct ev_str action)
{
	for (size_t i = 0; i < sizeof(ovs_actions) / sizeof(ovs_actions[0]); i++)
		if (ev_is(action, ovs_actions[i].name))
			return &ovs_actions[i];
	return NULL;
}

/* [v]MAJOR.MINOR.PATCH, then the end, - or +. */
int retis_version_level(const char *p, size_t len)
{
	const char *end = p + len;
	unsigned int part[3] = {0};

	p += p < end && *p == 'v';
	for (unsigned int i = 0; i < 3; i++) {
		const char *from = p;

		for (; p < end && *p >= '0' && *p <= '9' && p - from < 6; p++)
			part[i] = part[i] * 10 + (unsigned int)(*p - '0');
		if (p == from || (i < 2 && (p == end || *p++ != '.')))
			return -1;
	}
	if (p < end && *p != '-' && *p != '+')
		return -1;
	if (part[0] > 1 || (part[0] == 1 && part[1] >= 7))
		return 2;
	return part[0] == 1 && part[1] >= 5 ? (int)part[1] - 5 : -1;
}
