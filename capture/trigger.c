// SPDX-License-Identifier: BSD-2-Clause
#include "capture/trigger.h"

#include <arpa/inet.h>
#include <string.h>

/* The tracepoint is of Linux 4.16; its caller and what that calls are functions of the same arguments. */
static const char *const retransmits[] = {"tcp:tcp_retransmit_skb", "tcp_retransmit_skb",
					  "__tcp_retransmit_skb"};

bool trigger_is_retransmit(const char *symbol)
{
	for (size_t i = 0; i < sizeof(retransmits) / sizeof(retransmits[0]); i++)
		if (!strcmp(symbol, retransmits[i]))
			return true;
	return false;
}

bool trigger_make(const struct record *r, const struct facts_place *place, bool retransmit,
		  struct sock_trigger *t)
{
	const struct record_sock *s = (const void *)(r->data + place->sock_at);

	if (!(retransmit || r->has & RECORD_DROP) || !(r->has & RECORD_SOCK) || !place->sock_at)
		return false;
	/* without a port it is the kernel's own socket, for resets, or one that is not connected yet */
	if (!s->tcp || !s->sport)
		return false;
	*t = (struct sock_trigger){
		.time_ns = r->time,
		.cookie = s->cookie,
		.netns_cookie = r->has & RECORD_COOKIE ? r->net_cookie : 0,
		.netns_inum = r->net_inum,
		.ifindex = s->ifindex,
		.sport = s->sport,
		.dport = ntohs(s->dport),
		.family = (uint8_t)s->family,
		.cause = retransmit ? SOCK_TRIGGER_RETRANSMIT : SOCK_TRIGGER_DROP,
	};
	memcpy(t->src, s->src, sizeof(t->src));
	memcpy(t->dst, s->dst, sizeof(t->dst));
	return true;
}
