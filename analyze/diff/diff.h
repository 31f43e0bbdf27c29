/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What `skbox diff` knows of its two recordings (diff_collect.c), what of it differs (diff_compare.c), and the
 * two renderings (diff_text.c, diff_json.c). Memory is bounded by the limits here and those of stats.
 */
#ifndef ANALYZE_DIFF_H
#define ANALYZE_DIFF_H

#include <stdbool.h>
#include <stdint.h>

#include "analyze/diff/diff_chance.h"
#include "analyze/diff/diff_window.h"
#include "analyze/stats/stats.h"
#include "formats/buf.h"
#include "formats/event.h"

enum {
	DIFF_CLASSES = 1024, /* of packets and sockets; further ones are "others" */
	DIFF_NODES = 65536,  /* beginnings of paths; packets of further ones are not compared */
	DIFF_PATHS = 4096,   /* of a recording; further ones push rare ones out */
	DIFF_HOPS = 2048,
	DIFF_FIGURES = 2048,
	DIFF_FACTS = 8192,
	DIFF_ITEMS = 8192, /* findings that are kept */
};

enum diff_kind {
	DIFF_DROPS,   /* packets dropped for a reason */
	DIFF_PATH,    /* sequence of probes */
	DIFF_LATENCY, /* from a probe to the next */
	DIFF_SOCKET,  /* figures of sockets and windows of packets */
	DIFF_COUNT,   /* events of a probe, packets of a class */
	DIFF_FACT,    /* probes, kernel, configuration */
	DIFF_KINDS
};
extern const char *const diff_kind_names[DIFF_KINDS]; /* "drops", ..., as in JSON and --tolerance */

/* What of a class has values to be compared. */
struct diff_figure {
	const char *name; /* of the schema */
	const char *help;
	uint64_t floor; /* medians that are nearer to each other are the same */
	bool ns;        /* values are microseconds, and shown as time */
};
enum { DIFF_WINDOW, DIFF_N_FIGURES = 13 }; /* the first one is from packets */
extern const struct diff_figure diff_figures[DIFF_N_FIGURES];

/* A fact of the recording: indices into diff.texts. */
struct diff_fact {
	uint32_t key, value;
	bool many; /* there are several values: not compared */
	bool both; /* a difference only where both recordings have one */
};

struct diff;

struct diff_side {
	const char *name; /* borrowed */
	struct diff *d;
	struct stats s;
	struct stats_watch watch;
	struct stats_top classes;                       /* uint32_t class: packets, bytes */
	struct stats_top paths;                         /* struct diff_path_key: packets */
	struct stats_top hops;                          /* struct diff_hop_key: histogram of ns */
	struct stats_top figures;                       /* struct diff_figure_key: histogram */
	struct diff_series *hop_series, *figure_series; /* by number of the group in its table */
	struct stats_top probes;                        /* uint32_t name of stats: events */
	struct stats_top dropped; /* struct diff_hop_key, from: the reason, to: 0 */
	struct diff_windows *windows;
	struct diff_fact *facts;
	uint32_t n_facts;
	uint64_t unknown; /* packets that a loss may have cut: their paths are not compared */
	uint64_t ended;   /* packets whose paths are */
};

/* Keys of tables: bytes, without gaps. */
struct diff_path_key {
	uint32_t class, node;
	uint16_t end, reason;
};
struct diff_hop_key {
	uint32_t class;
	uint16_t from, to;
};
struct diff_figure_key {
	uint32_t class, figure;
};

/* Something that was compared, and was not the same. Texts are of diff.texts. */
struct diff_item {
	enum diff_kind kind;
	bool different; /* else it is beyond the tolerance, but may be chance */
	bool has_p;
	double p, size;   /* size: how much it changed, to sort by */
	const char *what; /* "drops", "events", "packets", "retransmits", a figure's name */
	struct ev_str class, name;   /* len 0: none */
	uint64_t a, b, all_a, all_b; /* counts, and of how many */
	uint64_t qa[3], qb[3];       /* p50, p90, p99 */
	struct ev_str va, vb;        /* facts */
	uint8_t figure;
};

struct diff_tolerance {
	double v[DIFF_KINDS]; /* 0.5: by half, or by 50 points of share for paths */
	uint64_t floor_ns;    /* of latencies */
	double chance;        /* below it a difference is none of chance */
};

struct diff {
	struct diff_tolerance t;
	struct diff_side side[2];
	struct ev_batch *classes, *nodes, *texts; /* string pools */
	struct diff_item *items;
	uint32_t n_items;
	uint32_t n_different, n_chance;
	uint64_t same[DIFF_KINDS]; /* how many were compared and found the same */
	bool cut;                  /* not all findings were kept, or not all could be compared */
	bool failed;               /* out of memory */
	struct buf key;
};

/* 0 or -ENOMEM; ended by diff_fini() in any case. o: --by */
int diff_init(struct diff *d, const struct stats_options *o);
void diff_fini(struct diff *d);

/* The first side must be read to its end before the second one begins: they share the names. */
void diff_begin(struct diff_side *side);
void diff_learn(struct diff_side *side, const struct ev *ev); /* every row */
void diff_event(struct diff_side *side, const struct ev *ev); /* what passes the filter */
void diff_end(struct diff_side *side);

void diff_compare(struct diff *d);

/* A string of a pool of at most `max`; UINT32_MAX where it is full. */
uint32_t diff_intern(struct diff *d, struct ev_batch *pool, const void *p, size_t len,
		     uint32_t max);
struct ev_str diff_node_text(struct diff *d, uint32_t node, uint16_t end, uint16_t reason);

void diff_put_text(struct diff *d, bool all, struct buf *out);
void diff_put_json(struct diff *d, struct buf *out); /* one line */

#endif
