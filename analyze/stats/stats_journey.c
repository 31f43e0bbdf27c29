/* SPDX-License-Identifier: BSD-2-Clause */
/* Journeys for stats: hop by hop as events come, with as many live ones as memory has room for. */
#include <stdlib.h>
#include <string.h>

#include "analyze/stats/stats.h"

const char *const stats_end_names[STATS_ENDS] = {"dropped",  "left", "delivered",
						 "received", "seen", "unknown"};

/* What it means that a packet was seen at a probe. */
enum { KIND_KNOWN = 1, KIND_SENT = 2, KIND_RECEIVED = 4, KIND_DELIVERED = 8, KIND_CONSUMED = 16 };

static const struct {
	const char *symbol;
	uint8_t kind;
} kinds[] = {
	{"net:net_dev_start_xmit", KIND_SENT},
	{"net:net_dev_xmit", KIND_SENT},
	{"dev_hard_start_xmit", KIND_SENT},
	{"net:netif_receive_skb", KIND_RECEIVED},
	{"net:netif_receive_skb_entry", KIND_RECEIVED},
	{"net:napi_gro_receive_entry", KIND_RECEIVED},
	{"net:napi_gro_frags_entry", KIND_RECEIVED},
	{"net:netif_rx", KIND_RECEIVED},
	{"net:netif_rx_entry", KIND_RECEIVED},
	{"__netif_receive_skb_core", KIND_RECEIVED},
	{"__netif_receive_skb", KIND_RECEIVED},
	{"skb:consume_skb", KIND_CONSUMED},
	{"skb:skb_copy_datagram_iovec", KIND_DELIVERED},
	{"ip_local_deliver", KIND_DELIVERED},
	{"ip_local_deliver_finish", KIND_DELIVERED},
	{"ip6_input", KIND_DELIVERED},
	{"ip6_input_finish", KIND_DELIVERED},
	{"tcp_v4_rcv", KIND_DELIVERED},
	{"tcp_v6_rcv", KIND_DELIVERED},
	{"tcp_v4_do_rcv", KIND_DELIVERED},
	{"tcp_v6_do_rcv", KIND_DELIVERED},
	{"tcp_rcv_established", KIND_DELIVERED},
	{"tcp_rcv_state_process", KIND_DELIVERED},
	{"tcp_data_queue", KIND_DELIVERED},
	{"udp_rcv", KIND_DELIVERED},
	{"udpv6_rcv", KIND_DELIVERED},
	{"udp_queue_rcv_skb", KIND_DELIVERED},
	{"__udp_enqueue_schedule_skb", KIND_DELIVERED},
	{"icmp_rcv", KIND_DELIVERED},
	{"icmpv6_rcv", KIND_DELIVERED},
	{"arp_rcv", KIND_DELIVERED},
	{"sock_queue_rcv_skb_reason", KIND_DELIVERED},
};

static uint8_t kind_of(struct stats *s, uint16_t place)
{
	struct ev_str text = stats_name_text(s, place);

	if (!s->kinds[place]) {
		s->kinds[place] = KIND_KNOWN;
		for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
			if (ev_is(text, kinds[i].symbol))
				s->kinds[place] |= kinds[i].kind;
	}
	return s->kinds[place];
}

/* ---- hops ---- */

/* Counts the earliest hop that is held. */
static void count_hop(struct stats *s, struct stats_journey *j)
{
	struct stats_hop hop = j->hop[0];
	struct stats_group *pair;

	memmove(j->hop, j->hop + 1, --j->n_hop * sizeof(*j->hop));
	if (j->counted) {
		uint16_t key[2] = {j->last.place, hop.place};

		pair = stats_top_add(&s->pairs, key, sizeof(key), 1);
		/* one that came too late to be put in order took no time */
		if (!pair || !stats_group_hist(pair, hop.ns > j->last.ns ? hop.ns - j->last.ns : 0))
			s->failed = true;
	} else {
		j->first_place = hop.place;
	}
	if (s->watch && s->watch->hop)
		s->watch->hop(s->watch->ctx, j, &hop);
	if (kind_of(s, hop.place) & KIND_SENT)
		j->sent_by = hop.dev;
	else if (kind_of(s, hop.place) & KIND_RECEIVED)
		j->sent_by = 0;
	j->last = hop;
	j->counted = true;
}

static void add_hop(struct stats *s, struct stats_journey *j, const struct stats_hop *hop)
{
	uint32_t at;

	if (j->n_hop == STATS_HOPS)
		count_hop(s, j);
	for (at = j->n_hop; at && j->hop[at - 1].ns > hop->ns; at--)
		j->hop[at] = j->hop[at - 1];
	j->hop[at] = *hop;
	j->n_hop++;
}

/* ---- the end of a journey ---- */

static bool loss_near(const struct stats *s, const struct stats_journey *j)
{
	for (unsigned int i = 0; i < s->n_loss; i++)
		if (s->loss[i].to >= j->first_ns && s->loss[i].from <= j->last_ns + STATS_LOSS_NS)
			return true;
	return false;
}

static enum stats_end end_of(struct stats *s, const struct stats_journey *j, uint16_t *what)
{
	uint8_t kind = kind_of(s, j->last.place);

	*what = j->last.place;
	if (j->last.drop) {
		*what = j->last.drop;
		return END_DROPPED;
	}
	if (kind & KIND_CONSUMED && j->sent_by) {
		*what = j->sent_by;
		return END_LEFT;
	}
	if (kind & KIND_CONSUMED)
		return END_DELIVERED;
	if (loss_near(s, j))
		return END_UNKNOWN;
	if (kind & KIND_DELIVERED)
		return END_DELIVERED;
	if (kind & (KIND_SENT | KIND_RECEIVED) && j->last.dev) {
		*what = j->last.dev;
		return kind & KIND_SENT ? END_LEFT : END_RECEIVED;
	}
	return END_SEEN;
}

static void keep_slowest(struct stats *s, const struct stats_slow *slow)
{
	unsigned int at;

	if (s->n_slowest == s->o.top) {
		if (!s->n_slowest || s->slowest[s->n_slowest - 1].ns >= slow->ns)
			return;
		s->n_slowest--;
	}
	for (at = s->n_slowest; at && s->slowest[at - 1].ns < slow->ns; at--)
		s->slowest[at] = s->slowest[at - 1];
	s->slowest[at] = *slow;
	s->n_slowest++;
}

static void close_journey(struct stats *s, struct stats_journey *j)
{
	struct stats_slow slow = {.first_ns = j->first_ns,
				  .ns = j->last_ns - j->first_ns,
				  .key = {j->key[0], j->key[1]},
				  .events = j->events,
				  .flow = j->flow};
	struct stats_group *route;
	uint16_t key[4];

	while (j->n_hop)
		count_hop(s, j);
	slow.first_place = j->first_place;
	slow.last_place = j->last.place;
	slow.end = end_of(s, j, &slow.what);
	if (s->watch && s->watch->end)
		s->watch->end(s->watch->ctx, j, slow.end, slow.what);
	s->journeys++;
	s->ends[slow.end]++;
	key[0] = slow.first_place;
	key[1] = slow.last_place;
	key[2] = slow.end;
	key[3] = slow.what;
	route = stats_top_add(&s->routes, key, sizeof(key), 1);
	if (!route || !stats_group_hist(route, slow.ns)) {
		s->failed = true;
		return;
	}
	route->value += j->events;
	if (j->events > 1) {
		keep_slowest(s, &slow);
		if (!stats_hist_add(&s->durations, slow.ns))
			s->failed = true;
	}
}

/* ---- the live ones: a hash with chains, and a list from the one longest unseen on ---- */

static uint32_t *bucket(struct stats *s, const uint64_t key[2])
{
	return &s->hash[stats_hash(key, 16) & (STATS_JOURNEYS - 1)];
}

static void list_remove(struct stats *s, struct stats_journey *j)
{
	if (j->older)
		s->live[j->older - 1].newer = j->newer;
	else
		s->oldest = j->newer;
	if (j->newer)
		s->live[j->newer - 1].older = j->older;
	else
		s->newest = j->older;
}

static void list_append(struct stats *s, struct stats_journey *j)
{
	uint32_t number = (uint32_t)(j - s->live) + 1;

	j->older = s->newest;
	j->newer = 0;
	if (s->newest)
		s->live[s->newest - 1].newer = number;
	else
		s->oldest = number;
	s->newest = number;
}

static struct stats_journey *take_oldest(struct stats *s)
{
	struct stats_journey *j = &s->live[s->oldest - 1];
	uint32_t *at = bucket(s, j->key), number = s->oldest;

	while (*at != number)
		at = &s->live[*at - 1].chain;
	*at = j->chain;
	list_remove(s, j);
	return j;
}

static struct stats_journey *journey_of(struct stats *s, const struct ev *ev)
{
	const uint64_t key[2] = {ev->skb_tracking->timestamp, ev->skb_tracking->orig_head};
	uint32_t *slot = bucket(s, key);
	struct stats_journey *j;

	for (uint32_t i = *slot; i; i = j->chain) {
		j = &s->live[i - 1];
		if (j->key[0] == key[0] && j->key[1] == key[1]) {
			list_remove(s, j);
			list_append(s, j);
			return j;
		}
	}
	if (s->n_live < STATS_JOURNEYS) {
		j = &s->live[s->n_live++];
	} else {
		j = take_oldest(s);
		close_journey(s, j);
		s->closed_early++;
	}
	*j = (struct stats_journey){.key = {key[0], key[1]}, .first_ns = UINT64_MAX};
	j->chain = *slot;
	*slot = (uint32_t)(j - s->live) + 1;
	list_append(s, j);
	return j;
}

void stats_journey_event(struct stats *s, const struct ev *ev)
{
	struct stats_hop hop = {.ns = ev->common ? ev->common->timestamp : 0};
	struct ev_str symbol = stats_symbol(ev);
	struct stats_journey *j;

	if (!ev->skb_tracking || !symbol.len) {
		s->untracked += ev->packet != NULL;
		return;
	}
	j = journey_of(s, ev);
	hop.place = stats_name(s, symbol);
	if (ev->dev)
		hop.dev = stats_name(s, ev->dev->name);
	if (ev->skb_drop && !ev_is(ev->skb_drop->drop_reason, "CONSUMED"))
		hop.drop = stats_name(s, ev->skb_drop->drop_reason);
	if (!j->events && ev->packet)
		stats_flow_of(ev, &j->flow);
	if (!j->events && s->watch && s->watch->begin)
		s->watch->begin(s->watch->ctx, j, ev);
	if (hop.ns < j->first_ns)
		j->first_ns = hop.ns;
	if (hop.ns > j->last_ns)
		j->last_ns = hop.ns;
	j->events++;
	add_hop(s, j, &hop);
}

void stats_journey_loss(struct stats *s, uint64_t from, uint64_t to)
{
	if (s->n_loss && s->loss[s->n_loss - 1].from <= from && s->loss[s->n_loss - 1].to >= to)
		return;
	if (s->n_loss == STATS_LOSSES) {
		/* too many to keep apart: the last one grows */
		if (from < s->loss[s->n_loss - 1].from)
			s->loss[s->n_loss - 1].from = from;
		if (to > s->loss[s->n_loss - 1].to)
			s->loss[s->n_loss - 1].to = to;
		return;
	}
	s->loss[s->n_loss].from = from;
	s->loss[s->n_loss++].to = to;
}

void stats_journey_end(struct stats *s)
{
	for (uint32_t i = s->oldest; i; i = s->live[i - 1].newer)
		close_journey(s, &s->live[i - 1]);
	s->n_live = s->oldest = s->newest = 0;
}
