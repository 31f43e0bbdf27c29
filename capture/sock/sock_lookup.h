/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Full snapshots of single sockets, when an event asks for one: its packet was dropped, or is sent
 * again. Two halves, which may be in two processes: the gate is where events are seen and decides
 * which of them ask; a lookup asks the kernel for one socket, by its addresses and cookie.
 */
#ifndef CAPTURE_SOCK_LOOKUP_H
#define CAPTURE_SOCK_LOOKUP_H

#include <stdbool.h>
#include <stdint.h>

#include "capture/sock/netns.h"
#include "capture/sock/sock_row.h"
#include "formats/error.h"
#include "formats/event.h"

/*
 * How many lookups a second by default: 500 of some 3 us are 0.15 % of a processor (measured on
 * 6.18; the kernel takes the socket's lock). A tenth of it may come at once.
 */
enum { SOCK_GATE_RATE = 500, SOCK_GATE_RATE_MAX = 100000, SOCK_GATE_BURSTS = 10 };

/* A socket is looked up once in that time, whatever happens to it. */
#define SOCK_GATE_AGAIN_NS UINT64_C(100000000)

enum sock_trigger_cause { SOCK_TRIGGER_DROP, SOCK_TRIGGER_RETRANSMIT, SOCK_TRIGGER_CAUSES };

/* An event that asks for its socket. Without holes, so that it can be sent as it is. */
struct sock_trigger {
	uint64_t time_ns; /* of the event */
	uint64_t cookie;  /* 0: the kernel had given none yet */
	uint64_t netns_cookie;
	uint32_t netns_inum;
	uint32_t ifindex;      /* the device that the socket is bound to; 0: none */
	uint16_t sport, dport; /* host order; the socket's own is sport */
	uint8_t family;        /* AF_INET, AF_INET6 */
	uint8_t cause;         /* enum sock_trigger_cause */
	uint8_t pad[2];
	uint8_t src[16], dst[16]; /* IPv4: the first four bytes, the rest 0 */
};
_Static_assert(sizeof(struct sock_trigger) == 72, "no holes");

/* ---- the gate ---- */

/* PLACES: namespaces that are known to be recorded; with more of them events of any are let through. */
enum { SOCK_GATE_SLOTS = 1024, SOCK_GATE_PLACES = 64 };

struct sock_gate {
	uint32_t rate;    /* lookups a second; 0: none at all */
	uint64_t credit;  /* ns: a lookup costs 1 s / rate of it */
	uint64_t last_ns; /* when it was counted last */
	/* sockets that were let through lately, by hash: one that another took the place of may ask again */
	struct {
		uint64_t key, time_ns;
	} seen[SOCK_GATE_SLOTS];
	uint64_t places[SOCK_GATE_PLACES]; /* cookies, inode numbers where there are none */
	uint32_t n_places;
	uint64_t passed;
	uint64_t again;      /* that asked again within SOCK_GATE_AGAIN_NS */
	uint64_t suppressed; /* for which there was no credit */
};

void sock_gate_init(struct sock_gate *g, uint32_t rate);

/*
 * A namespace whose sockets are recorded. Events of others do not count once one is known: storms
 * elsewhere are not to take the lookups away.
 */
void sock_gate_place(struct sock_gate *g, uint64_t cookie, uint32_t inum);

/* Whether the socket is to be looked up. Times are those of the events. */
bool sock_gate_pass(struct sock_gate *g, const struct sock_trigger *t);

/* ---- lookups ---- */

struct sock_lookup {
	int fd; /* -1: closed */
	struct netns ns;
	uint32_t seq, port;
	uint8_t *buf;
};
enum { SOCK_LOOKUP_GONE, SOCK_LOOKUP_FOUND, SOCK_LOOKUP_LEFT_OUT };

/* Lookups in a namespace, which the socket keeps from going away. Ended by sock_lookup_close(). */
int sock_lookup_open(struct sock_lookup *l, const struct netns *ns, struct skbox_error *err);
void sock_lookup_close(struct sock_lookup *l); /* also of one that is all zero or closed */

/*
 * Asks for the socket, and adds its row with the cause's name and the event's time: SOCK_LOOKUP_FOUND.
 * SOCK_LOOKUP_GONE: there is no such socket any more; SOCK_LOOKUP_LEFT_OUT: rows did not take it, and
 * counted it; a negative errno: it cannot be asked for.
 */
int sock_lookup_run(struct sock_lookup *l, const struct sock_trigger *t, struct sock_rows *rows,
		    struct ev_batch *b);

#endif
