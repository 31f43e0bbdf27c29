/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the predictions of columns look at: for each event of a block its group, task, packet, and
 * that packet's flow and length. Encoder and decoder find these in the same way.
 */
#include <errno.h>

#include "formats/skbx/block_code.h"

void block_events_clear(struct block_coder *c, uint32_t n)
{
	memset(c->group_of, 0, n * sizeof(*c->group_of));
	memset(c->packet_of, 0, n * sizeof(*c->packet_of));
	memset(c->times, 0, n * sizeof(*c->times));
	c->events = (struct column_events){.groups = c->group_of,
					   .times = c->times,
					   .n_groups = 1,
					   .n_tasks = 1,
					   .refs = &c->refs};
	column_refs_clear(&c->refs);
}

void block_keys_clear(struct block_coder *c, uint32_t n)
{
	/* a small block must not pay for the large one before it */
	c->slots_mask = 63;
	while (c->slots_mask < 2 * n)
		c->slots_mask = c->slots_mask * 2 + 1;
	memset(c->key_slots, 0, ((size_t)c->slots_mask + 1) * sizeof(*c->key_slots));
}

uint32_t block_key_number(struct block_coder *c, uint64_t key, uint32_t *count, bool *seen)
{
	uint32_t at = (uint32_t)(key * UINT64_C(0x9e3779b97f4a7c15) >> 32), k;

	while ((k = c->key_slots[at & c->slots_mask]) && c->keys[k - 1] != key)
		at++;
	*seen = k != 0;
	if (!k) {
		c->keys[*count] = key;
		c->key_slots[at & c->slots_mask] = k = ++*count;
	}
	return k - 1;
}

void block_find_tasks(struct block_coder *c, const struct ev_common *row, const uint64_t *mask,
		      uint32_t n)
{
	uint64_t key, before = 0;
	uint32_t number = 0;
	bool seen;

	block_keys_clear(c, n);
	c->events.n_tasks = 0;
	for (uint32_t i = 0; i < n; i++) {
		key = 0;
		if (mask[i] & EV_SECTION_BIT(common)) {
			key = (uint64_t)row->smp_id << 32 | (uint32_t)row->tgid;
			row++;
		}
		if (!i || key != before)
			number = block_key_number(c, key, &c->events.n_tasks, &seen);
		c->task_of[i] = number;
		before = key;
	}
	c->events.tasks = c->task_of;
	column_refs_clear_tasks(&c->refs);
}

void block_find_flows(struct block_coder *c, const struct ev_str *packets, const uint32_t *order,
		      uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		uint32_t packet = c->packet_of[i];

		c->flow_of[i] = c->size_of[i] = 0;
		if (!packet--)
			continue;
		c->flow_of[i] = c->packets.flows[packet] + 1;
		c->size_of[i] = packets[order ? order[packet] : packet].len;
	}
	c->events.flows = c->flow_of;
	c->events.n_flows = c->packets.n_flows;
	c->events.sizes = c->size_of;
	column_refs_clear(&c->refs);
}

void block_put_packet_of(struct block_coder *c, uint64_t *values, uint32_t n)
{
	uint32_t *last = c->key_slots; /* of each group */
	uint32_t newest = 0;

	memset(last, 0, c->events.n_groups * sizeof(*last));
	for (uint32_t i = 0; i < n; i++) {
		uint32_t packet = c->packet_of[i], *of_group = &last[c->group_of[i]];

		if (!packet) /* asks for nothing: what its group has is as good */
			packet = *of_group;
		values[i] = packet == *of_group ? 0 : packet > newest ? 1 : 2 + newest - packet;
		newest = packet > newest ? packet : newest;
		c->packet_of[i] = *of_group = packet;
	}
}

int block_get_packet_of(struct block_coder *c, const uint64_t *values, uint32_t n,
			uint32_t n_packets)
{
	uint32_t *last = c->key_slots;
	uint32_t newest = 0;

	memset(last, 0, c->events.n_groups * sizeof(*last));
	for (uint32_t i = 0; i < n; i++) {
		uint32_t *of_group = &last[c->group_of[i]];

		if (values[i] == 1)
			*of_group = ++newest;
		else if (values[i] && values[i] - 2 < newest)
			*of_group = newest - (uint32_t)(values[i] - 2);
		else if (values[i])
			return -EPROTO;
		if (newest > n_packets)
			return -EPROTO;
		c->packet_of[i] = *of_group;
	}
	return 0;
}
