/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyze/anonymize/anon_event.h"

#include <string.h>

#define RULE(sec, member, rule) [EV_##sec][EVI_##sec##_##member] = ANON_RULE_##rule,

static const uint8_t rules[EV_SECTIONS][64] = {
#include "analyze/anonymize/anon_rules.def"
};

enum anon_rule anon_event_rule(const struct schema_field *f)
{
	return rules[f->section][f->bit];
}

/* ---- packets ---- */

static uint32_t load(struct anon_room *room, const struct ev *ev)
{
	uint32_t n = ev->packet->data.len;

	if (n > ANON_PACKET_MAX)
		n = ANON_PACKET_MAX;
	if (n) {
		memcpy(room->bytes, ev->packet->data.p, n);
		memcpy(room->was, ev->packet->data.p, n);
	}
	return n;
}

/* a NULL: only marks. */
static void walk_packet(struct anon *a, struct anon_room *room, const struct ev *ev)
{
	const struct ev_packet *p = ev->packet;
	int ethertype = EV_HAS(p, packet, protocol) ? p->protocol : -1;
	uint32_t linktype = EV_HAS(p, packet, linktype) ? p->linktype : 1;
	int partial = ev->skb_meta && ev->skb_meta->ip_summed == 3 ? 1 : -1;

	room->packet = (struct anon_packet){
		.a = a,
		.p = room->bytes,
		.len = load(room, ev),
		.marks = room->marks,
		.keep_payload = !a || a->keep_payload,
	};
	anon_packet_rewrite(&room->packet, room->was, ethertype, linktype, partial);
}

void anon_event_mark(struct anon_room *room, const struct ev *ev)
{
	walk_packet(NULL, room, ev);
}

static void put_packet(struct anon_room *room, const struct ev *ev, struct ev_packet *row,
		       struct ev_batch *to)
{
	uint32_t cut = ev->packet->data.len - room->packet.len;

	row->data = ev_bytes(to, room->bytes, room->packet.len);
	row->capture_len = row->capture_len > cut ? row->capture_len - cut : 0;
}

/* Of a packet that the hardware is to sum, csum says where; else it sums the packet from its network layer on. */
static uint32_t csum(const struct anon_room *room, const struct ev *ev, uint32_t v)
{
	uint64_t sum = (uint64_t)v + room->packet.network_delta;

	if (!v || !ev->packet || ev->skb_meta->ip_summed == 3)
		return v;
	return (uint32_t)sum + (uint32_t)(sum >> 32);
}

/* ---- fields ---- */

static uint64_t map_number(struct anon *a, enum anon_rule rule, const struct schema_field *f,
			   uint64_t v)
{
	unsigned int bits = f->type == SCHEMA_U64 || f->type == SCHEMA_I64 ? 64 : 32;

	switch (rule) {
	case ANON_RULE_UID:
		/* root, nobody and none are of every host */
		return v == 65534 || v == UINT32_MAX ? v : anon_number(a, ANON_USE_UID, v, bits);
	case ANON_RULE_INODE: return anon_number(a, ANON_USE_INODE, v, bits);
	case ANON_RULE_COOKIE: return anon_number(a, ANON_USE_COOKIE, v, bits);
	case ANON_RULE_HASH: return anon_number(a, ANON_USE_HASH, v, bits);
	case ANON_RULE_BYTES: return anon_number(a, ANON_USE_BYTES, v, bits);
	case ANON_RULE_KADDR: return anon_kernel_address(a, v);
	case ANON_RULE_PORT: return anon_port(a, (uint16_t)v);
	case ANON_RULE_VLAN: return anon_vlan(a, (uint16_t)v);
	case ANON_RULE_RETURN:
		return v + 4096 <= UINT32_MAX + UINT64_C(4096) ? v : anon_kernel_address(a, v);
	default: return v;
	}
}

static void map_bytes(struct anon *a, enum anon_rule rule, struct ev_str s, struct buf *out)
{
	uint8_t hash[ANON_HASH_BYTES], address[16];

	if (rule == ANON_RULE_MAC && s.len == 6) {
		memcpy(address, s.p, 6);
		anon_mac(a, address);
		buf_put(out, address, 6);
	} else if (rule == ANON_RULE_ADDRESS && (s.len == 4 || s.len == 16)) {
		memcpy(address, s.p, s.len);
		if (s.len == 4)
			anon_ipv4(a, address);
		else
			anon_ipv6(a, address);
		buf_put(out, address, s.len);
	} else {
		for (uint32_t done = 0; done < s.len; done += ANON_HASH_BYTES) {
			anon_key_hash(a->key, ANON_USE_BYTES, s.p, s.len, hash);
			hash[0] ^= (uint8_t)(done / ANON_HASH_BYTES);
			buf_put(out, hash,
				s.len - done < ANON_HASH_BYTES ? s.len - done : ANON_HASH_BYTES);
		}
	}
}

/* In the form that the kernel gives it. */
static void map_boot_id(struct anon *a, struct ev_str s, struct buf *out)
{
	uint8_t hash[ANON_HASH_BYTES];

	anon_key_hash(a->key, ANON_USE_BYTES, s.p, s.len, hash);
	for (int i = 0; i < ANON_HASH_BYTES; i++)
		buf_printf(out, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
			   hash[i]);
	if (!anon_seen_find(&a->seen, ANON_NAME, s.p, s.len))
		anon_seen_add(&a->seen, ANON_NAME, s.p, s.len, out->p, out->len);
}

static void map_text(struct anon *a, enum anon_rule rule, struct ev_str s, struct buf *out)
{
	static const uint8_t names[] = {
		[ANON_RULE_TASK] = ANON_NAME_TASK,     [ANON_RULE_HOST] = ANON_NAME_HOST,
		[ANON_RULE_DEVICE] = ANON_NAME_DEVICE, [ANON_RULE_NETNS] = ANON_NAME_NETNS,
		[ANON_RULE_TABLE] = ANON_NAME_TABLE,   [ANON_RULE_CHAIN] = ANON_NAME_CHAIN,
	};

	switch (rule) {
	case ANON_RULE_TASK:
	case ANON_RULE_HOST:
	case ANON_RULE_DEVICE:
	case ANON_RULE_NETNS:
	case ANON_RULE_TABLE:
	case ANON_RULE_CHAIN: anon_name_text(a, names[rule], s.p, s.len, out); break;
	case ANON_RULE_SYMBOL: anon_symbol_text(a, s.p, s.len, out); break;
	case ANON_RULE_PATH: anon_path_text(a, s.p, s.len, out); break;
	case ANON_RULE_WORDS: anon_words_text(a, s.p, s.len, out); break;
	case ANON_RULE_BOOT_ID: map_boot_id(a, s, out); break;
	case ANON_RULE_ADDRESS_TEXT:
		if (!anon_address_text(a, s.p, s.len, out))
			anon_words_text(a, s.p, s.len, out);
		break;
	case ANON_RULE_WORD: buf_put(out, s.p, s.len); break;
	default: map_bytes(a, rule, s, out);
	}
}

static struct ev_str map_string(struct anon *a, struct anon_room *room, enum anon_rule rule,
				struct ev_str s, struct ev_batch *to)
{
	if (rule == ANON_RULE_WORD)
		return ev_string(to, s.p, s.len);
	buf_clear(&room->text);
	map_text(a, rule, s, &room->text);
	if (room->text.failed)
		to->failed = true;
	return ev_string(to, room->text.p, room->text.len);
}

static void map_list(struct anon *a, struct anon_room *room, enum anon_rule rule, struct ev_list *l,
		     struct ev_batch *to)
{
	struct ev_str *v = ev_batch_alloc(to, l->n * sizeof(*v));

	for (uint32_t i = 0; v && i < l->n; i++)
		v[i] = map_string(a, room, rule, l->v[i], to);
	*l = (struct ev_list){v, v ? l->n : 0};
}

/* row: of `to`, a copy of the event's own. */
static void map_field(struct anon *a, struct anon_room *room, const struct ev *ev,
		      const struct schema_field *f, void *row, struct ev_batch *to)
{
	enum anon_rule rule = anon_event_rule(f);
	void *member = (uint8_t *)row + f->offset;

	if (rule == ANON_RULE_PACKET) {
		put_packet(room, ev, row, to);
	} else if (f->type == SCHEMA_STR) {
		*(struct ev_str *)member = map_string(a, room, rule, *(struct ev_str *)member, to);
	} else if (f->type == SCHEMA_LIST) {
		map_list(a, room, rule, member, to);
	} else if (f->type == SCHEMA_BYTES) {
		struct ev_bytes *b = member;

		*b = ev_bytes(to, b->p, b->len);
	} else if (rule == ANON_RULE_CSUM) {
		schema_set(f, row, csum(room, ev, (uint32_t)schema_get(f, row)));
	} else if (rule != ANON_RULE_KEEP) {
		schema_set(f, row, map_number(a, rule, f, schema_get(f, row)));
	}
}

/* A field that is not there. */
static void leave_out(const struct schema_field *f, void *row)
{
	static const size_t sizes[] = {[SCHEMA_STR] = sizeof(struct ev_str),
				       [SCHEMA_BYTES] = sizeof(struct ev_bytes),
				       [SCHEMA_LIST] = sizeof(struct ev_list)};

	*(uint64_t *)row &= ~(UINT64_C(1) << f->bit);
	if (f->type == SCHEMA_STR || f->type == SCHEMA_BYTES || f->type == SCHEMA_LIST)
		memset((uint8_t *)row + f->offset, 0, sizes[f->type]);
	else
		schema_set(f, row, 0);
}

void anon_event_add(struct anon *a, struct anon_room *room, const struct ev *ev,
		    struct ev_batch *to)
{
	bool has_packet = ev->packet && EV_HAS(ev->packet, packet, data);

	room->packet.network_delta = 0;
	if (has_packet)
		walk_packet(a, room, ev);
	ev_batch_begin(to);
	for (uint64_t left = ev->sections; left; left &= left - 1) {
		int s = __builtin_ctzll(left);
		const struct schema_section *sec = &schema_sections[s];
		uint8_t *row = ev_batch_add(to, (enum ev_section)s);
		uint64_t has = *(const uint64_t *)ev->row[s];

		memcpy(row, ev->row[s], sec->size);
		for (unsigned int i = 0; i < sec->n_fields; i++) {
			const struct schema_field *f = &sec->fields[i];
			enum anon_rule rule = anon_event_rule(f);

			if (!(has >> f->bit & 1))
				continue;
			if (rule == ANON_RULE_NONE || rule == ANON_RULE_DROP)
				leave_out(f, row);
			else
				map_field(a, room, ev, f, row, to);
		}
	}
}
