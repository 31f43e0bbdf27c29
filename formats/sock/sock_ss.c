// SPDX-License-Identifier: BSD-2-Clause
#include "formats/sock/sock_ss.h"

#include <arpa/inet.h>

#include "formats/cursor.h"
#include "formats/sock/sockdiag.h"
#include "formats/text/text.h"

/* TCPI_OPT_ of include/uapi/linux/tcp.h */
enum {
	OPT_TS = 1,
	OPT_SACK = 2,
	OPT_WSCALE = 4,
	OPT_ECN = 8,
	OPT_ECN_SEEN = 16,
	OPT_SYN_DATA = 32,
	OPT_USEC_TS = 64
};
enum { OPT_TFO_CHILD = 128 };

enum { STATE_LISTEN = 10, FAMILY_IPV6 = 10 };
#define UNLIMITED UINT64_MAX

/* ss does not show the timeout before the first sample of the round trip time (the former initial value). */
enum { RTO_UNSET_US = 3000000 };

/* " name:value", when there is a value. */
static void token(struct buf *out, const char *name, uint64_t value)
{
	if (!value)
		return;
	buf_str(out, name);
	buf_dec(out, value);
}

static void token_ms(struct buf *out, const char *name, uint32_t us)
{
	if (!us)
		return;
	buf_str(out, name);
	sock_ss_ms(out, us);
}

static void token_bps(struct buf *out, const char *name, uint64_t bytes)
{
	if (!bytes)
		return;
	buf_str(out, name);
	sock_ss_bps(out, bytes);
}

static void token_hex(struct buf *out, const char *name, uint64_t value)
{
	if (!value)
		return;
	buf_str(out, name);
	buf_hex(out, value);
}

void sock_ss_ms(struct buf *out, uint32_t us)
{
	uint32_t part = us % 1000;
	char digits[3];
	size_t n = 3;

	/* more than six digits are rounded, which is what "%g" knows */
	if (us >= 1000000) {
		buf_printf(out, "%g", us / 1000.0);
		return;
	}
	buf_dec(out, us / 1000);
	if (!part)
		return;
	digits[0] = (char)('0' + part / 100);
	digits[1] = (char)('0' + part / 10 % 10);
	digits[2] = (char)('0' + part % 10);
	while (digits[n - 1] == '0')
		n--;
	buf_u8(out, '.');
	buf_put(out, digits, n);
}

void sock_ss_bps(struct buf *out, uint64_t bytes)
{
	/* ss counts in floating point: beyond 2^53 its digits are those of the nearest double */
	if (bytes < UINT64_C(1) << 50)
		buf_dec(out, 8 * bytes);
	else
		buf_printf(out, "%.0f", (double)bytes * 8);
	buf_str(out, "bps");
}

void sock_ss_address(struct buf *out, const void *p, size_t len)
{
	char text[INET6_ADDRSTRLEN];
	const uint8_t *a = p;

	if (len == 4) {
		for (int i = 0; i < 4; i++) {
			if (i)
				buf_u8(out, '.');
			buf_dec(out, a[i]);
		}
	} else if (len == 16 && inet_ntop(AF_INET6, p, text, sizeof(text))) {
		buf_str(out, text);
	}
}

/* ---- groups ---- */

static void write_end(const struct ev *ev, struct ev_str address, uint16_t port, bool local,
		      struct buf *out)
{
	static const uint8_t any[16];
	const struct ev_diag *d = ev->diag;
	bool v6only = ev->diag_attr && ev->diag_attr->v6only;

	/* a socket that takes both families listens on "*" */
	if (address.len == 16 && !v6only && !memcmp(address.p, any, sizeof(any))) {
		buf_u8(out, '*');
	} else {
		if (address.len == 16)
			buf_u8(out, '[');
		sock_ss_address(out, address.p, address.len);
		if (address.len == 16)
			buf_u8(out, ']');
	}
	if (local && d->ifindex) {
		buf_u8(out, '%');
		if (EV_HAS(d, diag, ifname)) {
			text_untrusted(out, d->ifname.p, d->ifname.len);
		} else {
			buf_str(out, "if");
			buf_dec(out, d->ifindex);
		}
	}
	buf_u8(out, ':');
	if (port)
		buf_dec(out, port);
	else
		buf_u8(out, '*');
}

void sock_ss_tuple(const struct ev *ev, struct buf *out)
{
	const struct ev_diag *d = ev->diag;

	if (!d)
		return;
	write_end(ev, d->src, d->sport, true, out);
	buf_u8(out, ' ');
	write_end(ev, d->dst, d->dport, false, out);
}

/* Up to ten seconds with milliseconds, up to ten minutes with seconds. */
static void write_duration(struct buf *out, uint32_t ms)
{
	uint32_t minutes = ms / 60000, seconds = ms / 1000 % 60;

	if (minutes) {
		buf_dec(out, minutes);
		buf_str(out, "min");
		if (minutes > 9 || !seconds)
			return;
	}
	if (seconds) {
		buf_dec(out, seconds);
		if (!minutes && seconds < 10 && ms % 1000)
			buf_printf(out, ".%03u", ms % 1000);
		buf_str(out, "sec");
	} else if (!minutes && ms) {
		buf_printf(out, "%03ums", ms);
	}
}

void sock_ss_timer(const struct ev *ev, struct buf *out)
{
	static const char *const names[] = {"off",      "on",      "keepalive",
					    "timewait", "persist", "delack"};
	const struct ev_diag *d = ev->diag;

	if (!d || !d->timer)
		return;
	buf_str(out, " timer:(");
	buf_str(out, d->timer < sizeof(names) / sizeof(names[0]) ? names[d->timer] : "unknown");
	buf_u8(out, ',');
	write_duration(out, d->expires);
	buf_u8(out, ',');
	buf_dec(out, d->retrans);
	buf_u8(out, ')');
}

void sock_ss_owner(const struct ev *ev, struct buf *out)
{
	const struct ev_diag *d = ev->diag;

	if (!d)
		return;
	token(out, " uid:", d->uid);
	buf_str(out, " ino:");
	buf_dec(out, d->inode);
}

void sock_ss_cookie(const struct ev *ev, struct buf *out)
{
	if (!ev->diag)
		return;
	buf_str(out, " sk:");
	buf_hex(out, ev->diag->cookie);
}

void sock_ss_details(const struct ev *ev, struct buf *out)
{
	const struct ev_diag_attr *a = ev->diag_attr;

	if (!a)
		return;
	token_hex(out, " fwmark:0x", a->mark);
	if (EV_HAS(a, diag_attr, cgroup)) {
		buf_str(out, " cgroup:");
		text_untrusted(out, a->cgroup.p, a->cgroup.len);
	} else {
		token_hex(out, " cgroup:unreachable:", a->cgroup_id);
	}
	if (EV_HAS(a, diag_attr, v6only) && ev->diag && ev->diag->family == FAMILY_IPV6)
		buf_str(out, a->v6only ? " v6only:1" : " v6only:0");
	if (EV_HAS(a, diag_attr, shutdown)) {
		buf_str(out, a->shutdown & 1 ? " -" : " <");
		buf_str(out, a->shutdown & 2 ? "--" : "->");
	}
}

/* "," or "(" is part of the letter. */
static void write_member(struct buf *out, bool present, const char *letter, uint32_t value)
{
	if (!present)
		return;
	buf_str(out, letter);
	buf_dec(out, value);
}

void sock_ss_memory(const struct ev *ev, struct buf *out)
{
	const struct ev_skmeminfo *s = ev->skmeminfo;
	const struct ev_meminfo *m = ev->meminfo;

	if (s) {
		buf_str(out, " skmem:");
		write_member(out, true, "(r", s->rmem_alloc);
		write_member(out, true, ",rb", s->rcvbuf);
		write_member(out, true, ",t", s->wmem_alloc);
		write_member(out, true, ",tb", s->sndbuf);
		write_member(out, true, ",f", s->fwd_alloc);
		write_member(out, true, ",w", s->wmem_queued);
		write_member(out, true, ",o", s->optmem);
		write_member(out, EV_HAS(s, skmeminfo, backlog), ",bl", s->backlog);
		write_member(out, EV_HAS(s, skmeminfo, drops), ",d", s->drops);
		buf_u8(out, ')');
	} else if (m) {
		buf_str(out, " mem:");
		write_member(out, true, "(r", m->rmem);
		write_member(out, true, ",w", m->wmem);
		write_member(out, true, ",f", m->fmem);
		write_member(out, true, ",t", m->tmem);
		buf_u8(out, ')');
	}
}

static void write_options(const struct ev *ev, struct buf *out)
{
	static const struct {
		uint8_t bit;
		const char *word;
	} words[] = {
		{OPT_TS, " ts"},   {OPT_USEC_TS, " usec_ts"},  {OPT_SACK, " sack"},
		{OPT_ECN, " ecn"}, {OPT_ECN_SEEN, " ecnseen"}, {OPT_SYN_DATA, " fastopen"},
	};
	const struct ev_tcpinfo *t = ev->tcpinfo;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (t->options & words[i].bit)
			buf_str(out, words[i].word);
	if (ev->cong && ev->cong->algorithm.len) {
		buf_u8(out, ' ');
		text_untrusted(out, ev->cong->algorithm.p, ev->cong->algorithm.len);
	}
	if (t->options & OPT_WSCALE) {
		buf_str(out, " wscale:");
		buf_dec(out, t->snd_wscale);
		buf_u8(out, ',');
		buf_dec(out, t->rcv_wscale);
	}
}

void sock_ss_tcp(const struct ev *ev, struct buf *out)
{
	const struct ev_tcpinfo *t = ev->tcpinfo;

	if (!t)
		return;
	write_options(ev, out);
	token_ms(out, " rto:", t->rto != RTO_UNSET_US ? t->rto : 0);
	token(out, " backoff:", t->backoff);
	token_ms(out, " rtt:", t->rtt);
	if (t->rtt) {
		buf_u8(out, '/');
		sock_ss_ms(out, t->rttvar);
	}
	token_ms(out, " ato:", t->ato);
	token(out, " mss:", t->snd_mss);
	token(out, " pmtu:", t->pmtu);
	token(out, " rcvmss:", t->rcv_mss);
	token(out, " advmss:", t->advmss);
	token(out, " cwnd:", t->snd_cwnd);
	token(out, " ssthresh:", t->snd_ssthresh < 0xffff ? t->snd_ssthresh : 0);
}

void sock_ss_counters(const struct ev *ev, struct buf *out)
{
	const struct ev_tcpinfo *t = ev->tcpinfo;

	if (!t)
		return;
	token(out, " bytes_sent:", t->bytes_sent);
	token(out, " bytes_retrans:", t->bytes_retrans);
	token(out, " bytes_acked:", t->bytes_acked);
	token(out, " bytes_received:", t->bytes_received);
	token(out, " segs_out:", t->segs_out);
	token(out, " segs_in:", t->segs_in);
	token(out, " data_segs_out:", t->data_segs_out);
	token(out, " data_segs_in:", t->data_segs_in);
}

static void write_dctcp(const struct ev_dctcp *d, struct buf *out)
{
	if (!d->enabled) {
		buf_str(out, " dctcp:fallback_mode");
		return;
	}
	buf_str(out, " dctcp:");
	write_member(out, true, "(ce_state:", d->ce_state);
	write_member(out, true, ",alpha:", d->alpha);
	write_member(out, true, ",ab_ecn:", d->ab_ecn);
	write_member(out, true, ",ab_tot:", d->ab_tot);
	buf_u8(out, ')');
}

static void write_bbr(const struct ev_bbr *b, struct buf *out)
{
	buf_str(out, " bbr:(bw:");
	sock_ss_bps(out, b->bw);
	buf_str(out, ",mrtt:");
	sock_ss_ms(out, b->min_rtt);
	if (b->pacing_gain)
		buf_printf(out, ",pacing_gain:%g", b->pacing_gain / 256.0);
	if (b->cwnd_gain)
		buf_printf(out, ",cwnd_gain:%g", b->cwnd_gain / 256.0);
	buf_u8(out, ')');
}

/* What the window lets through in a round trip. */
static void write_send(const struct ev *ev, struct buf *out)
{
	const struct ev_tcpinfo *t = ev->tcpinfo;
	const struct ev_vegas *v = ev->vegas;
	double rtt = t->rtt;

	if (v && v->enabled && v->rtt && v->rtt != 0x7fffffff)
		rtt = v->rtt;
	if (rtt > 0 && t->snd_mss && t->snd_cwnd)
		buf_printf(out, " send %.0fbps",
			   (double)t->snd_cwnd * (double)t->snd_mss * 8000000. / rtt);
}

static void write_limited(struct buf *out, const char *name, uint64_t us, uint64_t busy)
{
	if (!us)
		return;
	buf_str(out, name);
	buf_dec(out, us / 1000);
	buf_printf(out, "ms(%.1f%%)", 100.0 * (double)us / (double)busy);
}

void sock_ss_rates(const struct ev *ev, struct buf *out)
{
	const struct ev_tcpinfo *t = ev->tcpinfo;

	if (!t)
		return;
	if (ev->dctcp)
		write_dctcp(ev->dctcp, out);
	if (ev->bbr)
		write_bbr(ev->bbr, out);
	write_send(ev, out);
	token(out, " lastsnd:", t->last_data_sent);
	token(out, " lastrcv:", t->last_data_recv);
	token(out, " lastack:", t->last_ack_recv);
	if (t->pacing_rate && t->pacing_rate != UNLIMITED) {
		token_bps(out, " pacing_rate ", t->pacing_rate);
		token_bps(out, "/", t->max_pacing_rate != UNLIMITED ? t->max_pacing_rate : 0);
	}
	token_bps(out, " delivery_rate ", t->delivery_rate);
	token(out, " delivered:", t->delivered);
	token(out, " delivered_ce:", t->delivered_ce);
	if (t->app_limited)
		buf_str(out, " app_limited");
	if (t->busy_time) {
		buf_str(out, " busy:");
		buf_dec(out, t->busy_time / 1000);
		buf_str(out, "ms");
		write_limited(out, " rwnd_limited:", t->rwnd_limited, t->busy_time);
		write_limited(out, " sndbuf_limited:", t->sndbuf_limited, t->busy_time);
	}
}

void sock_ss_state(const struct ev *ev, struct buf *out)
{
	const struct ev_tcpinfo *t = ev->tcpinfo;
	const struct ev_tcpinfo_new *n = ev->tcpinfo_new;

	if (!t)
		return;
	token(out, " unacked:", t->unacked);
	if (t->retrans || t->total_retrans) {
		buf_str(out, " retrans:");
		buf_dec(out, t->retrans);
		buf_u8(out, '/');
		buf_dec(out, t->total_retrans);
	}
	token(out, " lost:", t->lost);
	token(out, " sacked:", ev->diag && ev->diag->state == STATE_LISTEN ? 0 : t->sacked);
	token(out, " dsack_dups:", t->dsack_dups);
	token(out, " fackets:", t->fackets);
	if (t->reordering != 3 && EV_HAS(t, tcpinfo, reordering)) {
		buf_str(out, " reordering:");
		buf_dec(out, t->reordering);
	}
	token(out, " reord_seen:", t->reord_seen);
	token_ms(out, " rcv_rtt:", t->rcv_rtt);
	token(out, " rcv_space:", t->rcv_space);
	token(out, " rcv_ssthresh:", t->rcv_ssthresh);
	token(out, " notsent:", t->notsent_bytes);
	token_ms(out, " minrtt:", t->min_rtt != UINT32_MAX ? t->min_rtt : 0);
	token(out, " rcv_ooopack:", t->rcv_ooopack);
	token(out, " snd_wnd:", t->snd_wnd);
	if (n) {
		token(out, " rcv_wnd:", n->rcv_wnd);
		token(out, " rehash:", n->rehash);
	}
}

void sock_ss_extras(const struct ev *ev, struct buf *out)
{
	const struct ev_tcpinfo *t = ev->tcpinfo;
	const struct ev_tcpinfo_new *n = ev->tcpinfo_new;
	const struct ev_diag_attr *a = ev->diag_attr;

	if (t && t->ca_state) {
		buf_str(out, " ca_state:");
		buf_str(out, sockdiag_ca_name(t->ca_state));
	}
	if (t) {
		token(out, " retransmits:", t->retransmits);
		token(out, " probes:", t->probes);
		token(out, " fastopen_fail:", t->fastopen_fail);
		if (t->options & OPT_TFO_CHILD)
			buf_str(out, " tfo_child");
	}
	if (n) {
		token(out, " total_rto:", n->total_rto);
		token(out, " total_rto_recoveries:", n->total_rto_recoveries);
		if (n->total_rto_time) {
			token(out, " total_rto_time:", n->total_rto_time);
			buf_str(out, "ms");
		}
		token(out, " received_ce:", n->received_ce);
		token(out, " delivered_e1_bytes:", n->delivered_e1_bytes);
		token(out, " delivered_e0_bytes:", n->delivered_e0_bytes);
		token(out, " delivered_ce_bytes:", n->delivered_ce_bytes);
		token(out, " received_e1_bytes:", n->received_e1_bytes);
		token(out, " received_e0_bytes:", n->received_e0_bytes);
		token(out, " received_ce_bytes:", n->received_ce_bytes);
	}
	if (a) {
		token_hex(out, " tos:0x", a->tos);
		token_hex(out, " tclass:0x", a->tclass);
		token_hex(out, " class_id:0x", a->class_id);
	}
}

void sock_ss_line(const struct ev *ev, struct buf *out)
{
	const struct ev_diag *d = ev->diag;

	if (!d)
		return;
	buf_str(out, sockdiag_state_name(d->state));
	buf_u8(out, ' ');
	buf_dec(out, d->rqueue);
	buf_u8(out, ' ');
	buf_dec(out, d->wqueue);
	buf_u8(out, ' ');
	sock_ss_tuple(ev, out);
	sock_ss_timer(ev, out);
	sock_ss_owner(ev, out);
	sock_ss_cookie(ev, out);
	sock_ss_details(ev, out);
	sock_ss_memory(ev, out);
	sock_ss_tcp(ev, out);
	sock_ss_counters(ev, out);
	sock_ss_rates(ev, out);
	sock_ss_state(ev, out);
	sock_ss_ulp(ev, out);
	sock_ss_extras(ev, out);
}
