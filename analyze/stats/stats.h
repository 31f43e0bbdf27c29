/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What `skbox stats` counts (stats_count.c, stats_journey.c, stats_socket.c), for its command (stats.c)
 * and its two renderings (stats_text.c, stats_json.c). Memory is bounded by the limits here, below 64 MiB
 * whatever the recording.
 */
#ifndef ANALYZE_STATS_H
#define ANALYZE_STATS_H

#include <stdbool.h>
#include <stdint.h>

#include "analyze/filter/fields.h"
#include "analyze/stats/stats_sketch.h"
#include "formats/buf.h"
#include "formats/event.h"
#include "formats/schema.h"
#include "formats/text/text.h"

enum {
	STATS_JOURNEYS =
		65536,  /* on their way at one time; beyond, the one longest unseen is closed */
	STATS_HOPS = 8, /* of a journey, held to be put in order of time */
	STATS_GROUPS = 4096, /* of --by */
	STATS_CAUSES = 1024, /* of each table of drops */
	STATS_PAIRS = 256,   /* pairs of probes */
	STATS_ROUTES = 512,  /* kinds of journeys */
	STATS_SLOWEST = 100, /* journeys */
	STATS_NAMES = 4096,  /* probes, devices and reasons; further ones are "others" */
	STATS_SOCKETS = 32768,
	STATS_LOSSES = 1024, /* intervals; further ones are joined */
	STATS_FIELDS = 8,    /* of --by */
	/* A packet that was last seen so long before a loss may have gone on in it. */
	STATS_LOSS_NS = 100 * 1000 * 1000,
};

/* Addresses and ports of a packet; family 0: it is not IP, and proto is not set. */
struct stats_flow {
	uint8_t src[16], dst[16];
	uint16_t sport, dport;
	uint16_t ethertype; /* 0: not known */
	uint8_t family;     /* 4, 6 */
	uint8_t proto;
	bool ports; /* there are ports */
};

/* How a journey ended. */
enum stats_end {
	END_DROPPED,   /* what: the reason */
	END_LEFT,      /* what: the device that sent it */
	END_DELIVERED, /* what: the probe at which a socket or protocol had it, or it was consumed */
	END_RECEIVED,  /* what: the device that received it; nothing was seen after */
	END_SEEN,      /* what: the probe that saw it last */
	END_UNKNOWN, /* events were lost when it was under way; what: the probe that saw it last */
	STATS_ENDS
};
extern const char *const stats_end_names[STATS_ENDS];

struct stats_hop {
	uint64_t ns;
	uint16_t place, dev, drop; /* names; 0: none */
};

struct stats_journey {
	uint64_t key[2]; /* track.time and track.head */
	uint64_t first_ns, last_ns;
	struct stats_hop hop[STATS_HOPS]; /* not counted yet, in the order of time */
	struct stats_hop last;            /* counted last */
	struct stats_flow flow;
	uint32_t events, n_hop;
	uint16_t first_place, sent_by; /* names */
	bool counted;                  /* `last` is one */
	uint32_t tag[2];               /* the watcher's; 0 at first */
	uint32_t older, newer;         /* in the list of live ones: index + 1 */
	uint32_t chain;                /* in the hash: index + 1 */
};

/* A journey among the slowest. */
struct stats_slow {
	uint64_t ns, first_ns, key[2];
	uint32_t events;
	uint16_t first_place, last_place, what;
	enum stats_end end;
	struct stats_flow flow;
};

struct stats_socket {
	uint64_t key[2]; /* cookie, 0; or a hash of the tuple, 1 */
	uint8_t src[16], dst[16];
	uint16_t sport, dport;
	uint8_t family, state; /* AF_ value */
	bool used, tuple, listen;
	uint64_t retrans_first, retrans; /* segments */
	uint64_t bytes_retrans;
	uint64_t drops_first, drops;
	uint32_t rtt_us;
	uint32_t queue, queue_limit; /* LISTEN: most that waited, and how many may */
	uint64_t full;               /* LISTEN: snapshots with a queue that was full */
	uint32_t tag;                /* the watcher's; 0 at first */
};

/* Who wants to see what is counted as it is; each of them may be NULL. */
struct stats_watch {
	void *ctx;
	/* Its first event in the file. */
	void (*begin)(void *ctx, struct stats_journey *j, const struct ev *ev);
	/* A hop, in the order of time; j->last is the one before, where j->counted. */
	void (*hop)(void *ctx, struct stats_journey *j, const struct stats_hop *hop);
	/* what: as of enum stats_end. */
	void (*end)(void *ctx, const struct stats_journey *j, enum stats_end end, uint16_t what);
	/* A drop. cause: its group in stats.causes, whose value is the watcher's (0 at first); valid for the call. */
	void (*drop)(void *ctx, const struct ev *ev, struct stats_group *cause);
	/* An event of a socket: how many segments it had retransmitted since the one before, and a full queue. */
	void (*socket)(void *ctx, struct stats_socket *k, const struct ev *ev, uint64_t retrans, bool full);
};

/* One field of --by. */
struct stats_field {
	enum { BY_FIELD, BY_FLOW, BY_FUNCTION } kind;
	struct field field;
	char name[FIELD_NAME_MAX];
};

struct stats_options {
	struct stats_field by[STATS_FIELDS];
	unsigned int n_by;
	bool by_headers;          /* one of them is a header field of the packet */
	bool by_journey, decimal; /* decimal: all numbers of keys, for JSON */
	uint32_t top;
};

struct stats {
	struct stats_options o;
	bool failed; /* out of memory: the counts are not complete */

	uint64_t events, packets, bytes, sockets; /* packets: events that have one */
	uint64_t first_ns, last_ns;
	uint64_t drops, drops_stack; /* of them, with a stack */
	uint64_t lost, skipped;      /* of rows of losses */
	uint64_t total_lost, total_skipped;
	uint64_t untracked;              /* packet events that belong to no journey */
	uint64_t without_by;             /* events that have none of the fields of --by */
	uint64_t journeys, closed_early; /* closed_early: for want of room, they may count again */
	uint64_t ends[STATS_ENDS];
	bool heuristic; /* tracking by headers */
	uint64_t damaged;
	uint32_t unfinished;

	struct stats_top by;                              /* --by */
	struct stats_top reasons, devs, functions, flows; /* drops */
	struct stats_top causes;                          /* reason, device, flow */
	struct stats_top losses;                          /* by probe */
	struct stats_top missing;                         /* probes that did not attach */
	struct stats_top pairs;                           /* two names: hops, with histogram */
	struct stats_top routes;                          /* first, last, end: journeys, likewise */
	struct stats_hist durations;                      /* of journeys of more than one event */
	struct stats_slow slowest[STATS_SLOWEST];
	unsigned int n_slowest;

	struct ev_batch *names; /* its string pool; [0] is "others" */
	uint8_t kinds[STATS_NAMES + 1];
	struct text text; /* clock */

	struct stats_journey *live;
	uint32_t n_live, newest, oldest; /* index + 1 */
	uint32_t *hash;

	struct stats_socket *sock; /* open addressing */
	uint32_t n_sock;
	uint64_t sock_left_out;

	struct {
		uint64_t from, to;
	} loss[STATS_LOSSES];
	unsigned int n_loss;

	struct buf key, scratch;
	const struct stats_watch *watch; /* NULL: nobody; the caller's */
};

/* 0 or -ENOMEM; ended by stats_fini() in any case. */
int stats_init(struct stats *s, const struct stats_options *o);
void stats_fini(struct stats *s);

/* The fields of "drop.reason,dev.name"; false with a message on standard error: there is no such field. */
bool stats_parse_by(const char *list, struct stats_options *o);

/*
 * Appends the event's values of --by, each ended by a NUL; one that it lacks is the byte 1. False: it has
 * none of them.
 */
bool stats_by_key(const struct stats *s, const struct ev *ev, struct buf *out);

void stats_learn(struct stats *s, const struct ev *ev); /* every row: clock, losses, inventory */
void stats_event(struct stats *s, const struct ev *ev); /* what passes the filter */
void stats_end(struct stats *s);                        /* no more events: closes the journeys */

/* ---- pieces ---- */

uint16_t stats_name(struct stats *s, struct ev_str text); /* 0 for none and for too many */
struct ev_str stats_name_text(const struct stats *s, uint16_t name);
struct ev_str stats_symbol(const struct ev *ev); /* of its probe; len 0: none */

void stats_flow_of(const struct ev *ev, struct stats_flow *flow);
void stats_flow_put(const struct stats_flow *flow, struct buf *out); /* "tcp 192.0.2.1:80 > ..." */
void stats_endpoint_put(uint8_t family, const uint8_t *address, uint16_t port, struct buf *out);

/* The function that dropped it: from the stack; false: there is none. */
bool stats_function_of(const struct ev *ev, struct ev_str *name);

/* Which packet it is, as a hash; of an untracked event a number of its own. */
uint64_t stats_packet_id(const struct stats *s, const struct ev *ev);
uint64_t stats_packet_bytes(const struct ev *ev); /* without the header that Retis invents */

void stats_journey_event(struct stats *s, const struct ev *ev);
void stats_journey_loss(struct stats *s, uint64_t from, uint64_t to);
void stats_journey_end(struct stats *s);

void stats_socket_event(struct stats *s, const struct ev *ev);
/* Retransmitted within the recording. */
static inline uint64_t stats_socket_retrans(const struct stats_socket *k)
{
	return k->retrans > k->retrans_first ? k->retrans - k->retrans_first : 0;
}
uint64_t stats_retransmits(const struct stats *s);
/* The n sockets with the most retransmits, or (full) the fullest accept queues; how many. */
uint32_t stats_socket_top(const struct stats *s, bool full, const struct stats_socket **v,
			  uint32_t n);
static inline uint64_t stats_lost(const struct stats *s)
{
	uint64_t rows = s->lost + s->skipped, totals = s->total_lost + s->total_skipped;

	return rows > totals ? rows : totals;
}

/* ---- renderings ---- */

void stats_put_text(struct stats *s, struct buf *out);
void stats_put_json(struct stats *s, struct buf *out); /* one line; keys in docs/stats.md */

#endif
