/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/facts.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>

enum { PROTO_ICMP = 1, PROTO_TCP = 6, PROTO_UDP = 17, PROTO_SCTP = 132 };

static void add_sock(struct ev_batch *b, const struct record_sock *s, uint32_t hz)
{
	struct ev_sock *e = EV_ADD(b, sock);

	EV_SET(e, sock, family, s->family);
	EV_SET(e, sock, state, s->state);
	if (s->cookie)
		EV_SET(e, sock, cookie, s->cookie);
	if (s->family == AF_INET || s->family == AF_INET6) {
		size_t n = s->family == AF_INET ? 4 : 16;

		EV_SET(e, sock, sport, s->sport);
		EV_SET(e, sock, dport, ntohs(s->dport));
		EV_SET(e, sock, src, ev_string(b, s->src, n));
		EV_SET(e, sock, dst, ev_string(b, s->dst, n));
	}
	if (s->ifindex)
		EV_SET(e, sock, ifindex, s->ifindex);
	if (!s->full)
		return;
	EV_SET(e, sock, rcvq, s->rcvq);
	EV_SET(e, sock, sndq, s->sndq);
	EV_SET(e, sock, drops, s->drops);
	if (s->pacing_rate != UINT64_MAX && s->pacing_rate != UINT32_MAX) /* unlimited */
		EV_SET(e, sock, pacing_rate, s->pacing_rate);
	if (!s->tcp)
		return;
	EV_SET(e, sock, cwnd, s->cwnd);
	EV_SET(e, sock, ssthresh, s->ssthresh);
	EV_SET(e, sock, srtt, s->srtt_8us >> 3);
	if (hz)
		EV_SET(e, sock, rto, (uint32_t)(s->rto_jiffies * UINT64_C(1000000) / hz));
	EV_SET(e, sock, in_flight, s->packets_out);
	EV_SET(e, sock, retransmits, s->total_retrans);
	EV_SET(e, sock, lost, s->lost);
	EV_SET(e, sock, snd_nxt, s->snd_nxt);
	EV_SET(e, sock, snd_una, s->snd_una);
	EV_SET(e, sock, rcv_nxt, s->rcv_nxt);
	if (s->ca[0])
		EV_SET(e, sock, ca, ev_string(b, s->ca, strnlen(s->ca, sizeof(s->ca))));
}

/* enum tcp_conntrack and enum sctp_conntrack of include/uapi/linux/netfilter/. */
static const char *const tcp_states[] = {"NONE",     "SYN_SENT",   "SYN_RECV",   "ESTABLISHED",
					 "FIN_WAIT", "CLOSE_WAIT", "LAST_ACK",   "TIME_WAIT",
					 "CLOSE",    "LISTEN",     "MAX",        "IGNORE",
					 "RETRANS",  "UNACK",      "TIMEOUT_MAX"};
static const char *const sctp_states[] = {
	"NONE",          "CLOSED",        "COOKIE_WAIT",       "COOKIE_ECHOED", "ESTABLISHED",
	"SHUTDOWN_SENT", "SHUTDOWN_RECD", "SHUTDOWN_ACK_SENT", "HEARTBEAT_SENT"};
static const char *const zone_dirs[] = {"None", "Original", "Reply", "Default"};

#define NAME_OF(names, i) ((i) < sizeof(names) / sizeof((names)[0]) ? (names)[i] : NULL)

static const char *state_name(const struct record_conn *c)
{
	if (c->tuple[0].protocol == PROTO_TCP)
		return NAME_OF(tcp_states, c->proto_state);
	if (c->tuple[0].protocol == PROTO_SCTP)
		return NAME_OF(sctp_states, c->proto_state);
	return NULL;
}

static struct ev_str address(struct ev_batch *b, const struct record_tuple *t, const __u8 *a)
{
	char text[INET6_ADDRSTRLEN] = "";

	inet_ntop(t->family, a, text, sizeof(text));
	return ev_text(b, text);
}

/* What Retis records of: IPv4 and IPv6 with TCP, UDP, ICMP, SCTP. */
static bool is_known(const struct record_conn *c)
{
	const struct record_tuple *t = &c->tuple[0];

	return (t->family == AF_INET || t->family == AF_INET6) &&
	       (t->protocol == PROTO_TCP || t->protocol == PROTO_UDP || t->protocol == PROTO_ICMP ||
		t->protocol == PROTO_SCTP);
}

/* Ports and ICMP's type are in one place of the kernel's union, as on the wire. */
#define ADD_TUPLE(b, e, sec, way, t)                                                               \
	do {                                                                                       \
		EV_SET(e, sec, way##_src, address(b, t, (t)->src));                                \
		EV_SET(e, sec, way##_dst, address(b, t, (t)->dst));                                \
		EV_SET(e, sec, way##_version, ev_text(b, (t)->family == AF_INET ? "v4" : "v6"));   \
		EV_SET(e, sec, way##_proto,                                                        \
		       (uint8_t)((t)->protocol == PROTO_TCP    ? 1                                 \
				 : (t)->protocol == PROTO_UDP  ? 2                                 \
				 : (t)->protocol == PROTO_ICMP ? 3                                 \
							       : 4));                              \
		if ((t)->protocol == PROTO_ICMP) {                                                 \
			const uint8_t *type = (const uint8_t *)&(t)->dst_id;                       \
                                                                                                   \
			EV_SET(e, sec, way##_type, type[0]);                                       \
			EV_SET(e, sec, way##_code, type[1]);                                       \
			EV_SET(e, sec, way##_id, ntohs((t)->src_id));                              \
		} else {                                                                           \
			EV_SET(e, sec, way##_sport, ntohs((t)->src_id));                           \
			EV_SET(e, sec, way##_dport, ntohs((t)->dst_id));                           \
		}                                                                                  \
	} while (0)

#define ADD_CONN(b, e, sec, c)                                                                     \
	do {                                                                                       \
		ADD_TUPLE(b, e, sec, orig, &(c)->tuple[0]);                                        \
		ADD_TUPLE(b, e, sec, reply, &(c)->tuple[1]);                                       \
		EV_SET(e, sec, zone_id, (c)->zone);                                                \
		EV_SET(e, sec, zone_dir, ev_text(b, zone_dirs[(c)->zone_dir & 3]));                \
		if (state_name(c))                                                                 \
			EV_SET(e, sec, proto_state, ev_text(b, state_name(c)));                    \
		if ((c)->has_mark)                                                                 \
			EV_SET(e, sec, mark, (c)->mark);                                           \
		if ((c)->has_labels) {                                                             \
			EV_SET(e, sec, labels_lo, (c)->labels[0]);                                 \
			EV_SET(e, sec, labels_hi, (c)->labels[1]);                                 \
		}                                                                                  \
		EV_SET(e, sec, ct_status, (c)->status);                                            \
	} while (0)

static void add_ct(struct ev_batch *b, const struct record_ct *c)
{
	/* enum ip_conntrack_info; 5 and 6 are not used */
	static const char *const states[] = {"established",   "related", "new", "reply",
					     "related_reply", NULL,      NULL,  "untracked"};
	const char *state = NAME_OF(states, c->state);
	struct ev_ct_parent *p;
	struct ev_ct *e;

	if (!state || !is_known(&c->conn))
		return;
	e = EV_ADD(b, ct);
	EV_SET(e, ct, state, ev_text(b, state));
	ADD_CONN(b, e, ct, &c->conn);
	if (!c->has_parent || !is_known(&c->parent))
		return;
	p = EV_ADD(b, ct_parent);
	ADD_CONN(b, p, ct_parent, &c->parent);
}

/* include/uapi/linux/netfilter.h and nf_tables.h */
static const char *verdict_name(int32_t code)
{
	static const char *const own[] = {"return", "goto", "jump", "break", "continue"};
	static const char *const common[] = {"drop", "accept", "stolen", "queue", "repeat", "stop"};

	if (code < 0)
		return code >= -5 ? own[code + 5] : "unknown";
	code &= 0xff; /* NF_VERDICT_MASK: behind it a queue's number or an errno */
	return (uint32_t)code < sizeof(common) / sizeof(common[0]) ? common[code] : "unknown";
}

static void add_nft(struct ev_batch *b, const struct record_nft *n)
{
	struct ev_nft *e = EV_ADD(b, nft);

	EV_SET(e, nft, table_name, ev_string(b, n->table, strnlen(n->table, sizeof(n->table))));
	EV_SET(e, nft, chain_name, ev_string(b, n->chain, strnlen(n->chain, sizeof(n->chain))));
	EV_SET(e, nft, verdict, ev_text(b, verdict_name(n->verdict)));
	if (n->verdict_chain[0])
		EV_SET(e, nft, verdict_chain_name,
		       ev_string(b, n->verdict_chain,
				 strnlen(n->verdict_chain, sizeof(n->verdict_chain))));
	EV_SET(e, nft, table_handle, (int64_t)n->table_handle);
	EV_SET(e, nft, chain_handle, (int64_t)n->chain_handle);
	if (n->rule_handle != UINT64_MAX)
		EV_SET(e, nft, rule_handle, (int64_t)n->rule_handle);
	EV_SET(e, nft, policy, n->policy != 0);
}

void facts_add(struct ev_batch *b, const struct record *r, const struct facts_place *place,
	       uint32_t hz)
{
	if (r->has & RECORD_SOCK && place->sock_at)
		add_sock(b, (const void *)(r->data + place->sock_at), hz);
	if (r->has & RECORD_CT && place->ct_at)
		add_ct(b, (const void *)(r->data + place->ct_at));
	if (r->has & RECORD_NFT && place->nft_at)
		add_nft(b, (const void *)(r->data + place->nft_at));
}
