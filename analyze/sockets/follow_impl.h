/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between the files of follow.
 *
 *	follow.c       reads events, keeps those that may belong to what is asked for, puts them in order
 *	follow_conn.c  joins them to connections, and makes happenings of them
 *	follow_text.c, follow_json.c  one line a happening
 */
#ifndef ANALYZE_SOCKETS_FOLLOW_IMPL_H
#define ANALYZE_SOCKETS_FOLLOW_IMPL_H

#include "analyze/sockets/dumps.h"
#include "analyze/sockets/follow.h"
#include "analyze/sockets/shelf.h"
#include "analyze/sockets/values.h"
#include "analyze/sort/sort_map.h"
#include "cli/terminal.h"
#include "formats/text/text.h"

enum {
	FOLLOW_CONNS_MAX = 20000, /* some 3 KB each; packets and sockets of more are left out */
	FOLLOW_COOKIES_MAX = 1 << 20,
	FOLLOW_LOSSES_MAX = 4096, /* the last one stands for all behind it */
	FOLLOW_NAMES_MAX = 4096,  /* namespaces with a name */
	FOLLOW_PLACES = 8,        /* of one connection, where sequence numbers are followed */
};

/* One end's socket, as far as it was seen. */
struct follow_side {
	uint64_t cookie;       /* 0: not known */
	uint8_t state, family; /* state 0: not known */
	bool rows, gone;       /* there were snapshots; it is no more */
	uint64_t row_ns;       /* of the last one */
	struct values snapshot, packet;
	/* snapshots without a change, which were not shown yet */
	uint32_t unchanged;
	uint64_t unchanged_ns; /* the last of them */
};

/* Sequence numbers at one probe and device. */
struct follow_place {
	uint64_t key;
	uint32_t end; /* the highest that was seen */
};

struct follow_conn {
	struct follow_conn *older; /* with the same hash of the tuple */
	uint32_t number;           /* from 1 */
	struct tuple tuple;        /* side 0 is `from` */
	struct tuple_netns ns;
	struct follow_side side[2];
	bool has_base[2], has_isn[2];
	uint32_t base[2], isn[2]; /* of what each side sends */
	struct follow_place places[FOLLOW_PLACES];
	uint32_t n_places;
	uint64_t first_ns, last_ns; /* happenings */
	uint32_t losses;            /* of follow.losses that were looked at */
	bool headed;                /* its heading was put out: something of it is shown */
	struct shelf_text text;
};

struct follow_loss {
	uint64_t from_ns, to_ns, lost, skipped;
	uint32_t cpu;
	bool has_cpu;
	char probe[64]; /* or what kind of thing; "" when it is of several */
};

enum follow_kind {
	FOLLOW_PACKET,
	FOLLOW_DROP,
	FOLLOW_EVENT,  /* of the socket, without a packet */
	FOLLOW_SOCKET, /* a snapshot */
	FOLLOW_STATE,
	FOLLOW_GONE,
	FOLLOW_LOST,
	FOLLOW_KINDS
};

extern const char *const follow_kind_names[FOLLOW_KINDS];

/* What happened to a connection; pointers are borrowed for the call. */
struct follow_line {
	enum follow_kind kind;
	uint64_t time_ns;
	int side;            /* whose packet or socket; -1: of none */
	const struct ev *ev; /* NULL for LOST */
	const struct packet_headers *headers;
	bool old;           /* PACKET: below the highest number seen at this probe and device */
	bool own;           /* the sock section is of one of this connection's sockets */
	uint8_t old_state;  /* STATE; 0: not known */
	uint64_t seen_ns;   /* GONE: when it was seen last */
	uint32_t unchanged; /* SOCKET: so many snapshots without a change; then ev is NULL */
	const struct follow_loss *loss;
};

struct follow_name {
	struct tuple_netns ns;
	char name[64];
};

struct follow {
	const struct follow_options *o;
	struct filter *filter;
	struct source *source;
	struct text text; /* for times */
	struct terminal_out out;
	bool more; /* somebody reads */
	bool show; /* the event at hand */

	/* what is in order and waits for what may be before it */
	struct ev_batch *held, *spare;
	bool *shown, *spare_shown; /* of each of them: the filters let it pass */
	struct ev *views;

	struct sort_map map;  /* (tuple's hash, 1): the newest of a chain; (cookie, 2) */
	struct sort_map kept; /* (cookie, 3) and (tuple's hash, 4) of what is asked for */
	struct follow_conn **conns;
	uint32_t n_conns, cap_conns;
	uint64_t left_out;

	struct follow_loss *losses;
	uint32_t n_losses;
	struct follow_name *names;
	uint32_t n_names;
	struct dumps dumps;

	struct shelf shelf;
	struct buf line;
};

/* follow_conn.c: the addresses and ports of an event; false: it has none of TCP. Fills headers of its packet */
bool follow_tuple_of(const struct ev *ev, struct packet_headers *headers, struct tuple *t);
/* the next event in the order of time; one that is not shown still tells what belongs together */
void follow_take(struct follow *f, const struct ev *ev, bool shown);
/* What is still to be told of each connection: losses, where it may have gone on. */
void follow_end(struct follow *f);
uint64_t follow_tuple_hash(const struct tuple *t); /* the same for both directions */

/* follow_text.c, follow_json.c */
void follow_text_heading(struct follow *f, const struct follow_conn *c, struct buf *out);
void follow_text_line(struct follow *f, struct follow_conn *c, const struct follow_line *l,
		      struct buf *out);
void follow_json_heading(struct follow *f, const struct follow_conn *c, struct buf *out);
void follow_json_line(struct follow *f, struct follow_conn *c, const struct follow_line *l,
		      struct buf *out);

/* The name of a namespace; NULL: it has none. */
const char *follow_netns_name(const struct follow *f, struct tuple_netns ns);

#endif
