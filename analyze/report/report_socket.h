/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The state of sockets over time. There may be more sockets than room: those with retransmits, drops or full queues
 * take the place of those without.
 */
#ifndef ANALYZE_REPORT_SOCKET_H
#define ANALYZE_REPORT_SOCKET_H

#include <stdbool.h>
#include <stdint.h>

#include "analyze/report/report_series.h"
#include "analyze/sockets/tuple.h"
#include "analyze/stats/stats.h"
#include "formats/event.h"

enum {
	SOCKETS_MAX = 96,     /* with a series at one time: 32 KB each at most */
	SOCKETS_HASH = 512,   /* a power of two */
	SOCKETS_MARKS = 200,  /* drops, and retransmits, of each: more are a blot on its chart */
	SOCKETS_RECENT = 256, /* drops whose socket was not seen yet */
	SOCKETS_CONG = 24,    /* the kernel's TCP_CA_NAME_MAX is 16 */
};

/* What of a socket is drawn, in the order of struct series_point's values. */
extern const char *const sockets_values[SERIES_VALUES];

struct sockets_marks {
	uint64_t ns[SOCKETS_MARKS];
	uint32_t n;
	uint64_t all;
};

struct sockets_one {
	struct stats_socket *k; /* of stats; NULL: free */
	struct series series;
	struct tuple_netns netns;
	struct sockets_marks drops, retransmits;
	char cong[SOCKETS_CONG]; /* "": not known */
	uint64_t hash;           /* of its tuple; 0: none yet */
	uint64_t first_ns;       /* of a retransmit or a full queue; 0: none */
	uint32_t slot;           /* of its events + 1; 0: none */
};

struct sockets {
	struct sockets_one v[SOCKETS_MAX];
	uint32_t n;
	uint8_t hash[SOCKETS_HASH]; /* index + 1 */
	struct {
		uint64_t hash, ns;
	} recent[SOCKETS_RECENT];
	uint32_t n_recent;
	bool failed; /* out of memory */
};

void sockets_init(struct sockets *s);
void sockets_fini(struct sockets *s);

/*
 * An event of a socket, as struct stats_watch tells it. The socket's place; NULL: there is none. *pushed_out: the slot
 * of the one that lost its place, plus 1; 0: there was none.
 */
struct sockets_one *sockets_event(struct sockets *s, struct stats_socket *k, const struct ev *ev,
				  uint64_t retrans, bool full, uint32_t *pushed_out);
/* A packet of this flow was dropped. */
void sockets_drop(struct sockets *s, const struct stats_flow *flow, uint64_t ns);

/* How wrong things are with it; 0: nothing is. */
uint64_t sockets_weight(const struct sockets_one *o);
/* The n worst into order, then those with the most points; how many. */
uint32_t sockets_sorted(const struct sockets *s, uint32_t *order, uint32_t n);

#endif
