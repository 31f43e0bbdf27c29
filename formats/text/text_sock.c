// SPDX-License-Identifier: BSD-2-Clause
#include "formats/text/text_sock.h"

#include "formats/sock/sock_ss.h"
#include "formats/sock/sockdiag.h"
#include "formats/text/text.h"

/* A group of tokens; its writer puts a blank before each. */
typedef void group_fn(const struct ev *ev, struct buf *out);

static void write_queues(const struct ev *ev, struct buf *out)
{
	buf_str(out, " recvq:");
	buf_dec(out, ev->diag->rqueue);
	buf_str(out, " sendq:");
	buf_dec(out, ev->diag->wqueue);
	sock_ss_timer(ev, out);
	sock_ss_owner(ev, out);
	sock_ss_details(ev, out);
}

static void write_state(const struct ev *ev, struct buf *out)
{
	sock_ss_state(ev, out);
	sock_ss_ulp(ev, out);
}

/* In this order; a group without tokens has no line. */
static group_fn *const groups[] = {
	write_queues,  sock_ss_memory, sock_ss_tcp,    sock_ss_counters,
	sock_ss_rates, write_state,    sock_ss_extras,
};

static void write_head(const struct ev *ev, struct buf *out)
{
	buf_str(out, "[sock");
	if (ev->snap && ev->snap->cause.len) {
		buf_u8(out, ' ');
		text_untrusted(out, ev->snap->cause.p, ev->snap->cause.len);
	}
	buf_str(out, "] ");
	sock_ss_tuple(ev, out);
	buf_u8(out, ' ');
	buf_str(out, sockdiag_state_name(ev->diag->state));
	sock_ss_cookie(ev, out);
	if (!ev->netns)
		return;
	/* as the netns group of packet events */
	buf_str(out, " ns ");
	if (EV_HAS(ev->netns, netns, cookie)) {
		buf_str(out, "0x");
		buf_hex(out, ev->netns->cookie);
		buf_u8(out, '/');
	}
	buf_dec(out, ev->netns->inum);
}

void text_sock_event(const struct ev *ev, bool single_line, int level, struct buf *out)
{
	if (!ev->diag)
		return;
	write_head(ev, out);
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		size_t start = out->len, text;

		if (!single_line) {
			/* the blank before the first token is the last one of the indentation */
			buf_u8(out, '\n');
			for (int n = 0; n < level + 1; n++)
				buf_u8(out, ' ');
		}
		text = out->len;
		groups[i](ev, out);
		if (out->len == text)
			out->len = start;
	}
}

/* " name" and a number, where the field is there. */
static void write_field(struct buf *out, bool present, const char *name, uint64_t value)
{
	if (!present)
		return;
	buf_str(out, name);
	buf_dec(out, value);
}

/* As of a snapshot: port 0 is a star. */
static void write_end(struct buf *out, struct ev_str address, uint16_t port)
{
	buf_str(out, address.len == 16 ? " [" : " ");
	sock_ss_address(out, address.p, address.len);
	buf_str(out, address.len == 16 ? "]:" : ":");
	if (port)
		buf_dec(out, port);
	else
		buf_u8(out, '*');
}

void text_sock_group(const struct ev *ev, struct buf *out)
{
	const struct ev_sock *s = ev->sock;

	if (!s)
		return;
	buf_str(out, "sock");
	if (EV_HAS(s, sock, state)) {
		buf_u8(out, ' ');
		buf_str(out, sockdiag_state_name(s->state));
	}
	/* a packet says it all by itself */
	if (!ev->packet && EV_HAS(s, sock, src) && EV_HAS(s, sock, dst)) {
		write_end(out, s->src, s->sport);
		write_end(out, s->dst, s->dport);
	}
	if (EV_HAS(s, sock, cookie)) {
		buf_str(out, " sk:");
		buf_hex(out, s->cookie);
	}
	if (s->ca.len) {
		buf_u8(out, ' ');
		text_untrusted(out, s->ca.p, s->ca.len);
	}
	if (EV_HAS(s, sock, rto)) {
		buf_str(out, " rto:");
		sock_ss_ms(out, s->rto);
	}
	if (EV_HAS(s, sock, srtt)) {
		buf_str(out, " rtt:");
		sock_ss_ms(out, s->srtt);
	}
	write_field(out, EV_HAS(s, sock, cwnd), " cwnd:", s->cwnd);
	/* as ss: the threshold of a connection that never lost anything says nothing */
	write_field(out, EV_HAS(s, sock, ssthresh) && s->ssthresh < 0xffff,
		    " ssthresh:", s->ssthresh);
	write_field(out, EV_HAS(s, sock, in_flight), " unacked:", s->in_flight);
	write_field(out, EV_HAS(s, sock, retransmits), " retrans:", s->retransmits);
	write_field(out, EV_HAS(s, sock, lost), " lost:", s->lost);
	write_field(out, EV_HAS(s, sock, snd_nxt), " snd_nxt:", s->snd_nxt);
	write_field(out, EV_HAS(s, sock, snd_una), " snd_una:", s->snd_una);
	write_field(out, EV_HAS(s, sock, rcv_nxt), " rcv_nxt:", s->rcv_nxt);
	write_field(out, EV_HAS(s, sock, rcvq), " recvq:", s->rcvq);
	write_field(out, EV_HAS(s, sock, sndq), " sendq:", s->sndq);
	write_field(out, EV_HAS(s, sock, drops), " drops:", s->drops);
	if (EV_HAS(s, sock, pacing_rate)) {
		buf_str(out, " pacing_rate ");
		sock_ss_bps(out, s->pacing_rate);
	}
}
