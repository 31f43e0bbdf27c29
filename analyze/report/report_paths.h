/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which ways packets take: sequences of probes and how they ended, counted; and the most frequent ones as a graph
 * without cycles, for a Sankey chart.
 */
#ifndef ANALYZE_REPORT_PATHS_H
#define ANALYZE_REPORT_PATHS_H

#include <stdbool.h>
#include <stdint.h>

#include "analyze/stats/stats.h"

enum {
	PATHS_STEPS = 8192, /* beginnings of ways that are told apart; 16 bytes each */
	PATHS_WAYS = 512,   /* further ones push rare ones out */
	PATHS_DEPTH = 24,   /* probes on a way that is drawn; a chart of more is not read */
	PATHS_ROUTES = 30,  /* ways that are drawn and listed */
	PATHS_LINKS = 60,   /* in the graph */
	PATHS_OTHERS = 8,   /* of the links, kept for what does not fit */
	PATHS_NODES = 2 * PATHS_LINKS,
	PATHS_NONE = UINT32_MAX,
};

/* A probe behind others; 0 is the beginning. */
struct paths_step {
	uint32_t before;
	uint16_t place; /* name of stats */
};

struct paths {
	struct paths_step *steps; /* owned */
	uint32_t n_steps;
	uint32_t *hash;        /* index; 0: free */
	struct stats_top ways; /* struct paths_way: journeys, with their times */
	uint64_t left_out;     /* journeys on ways that there was no room for */
	bool failed;           /* out of memory */
};

struct paths_way {
	uint32_t step;
	uint16_t end, what; /* as a journey's end has it */
};

bool paths_init(struct paths *p); /* false: out of memory; ended by paths_fini() in any case */
void paths_fini(struct paths *p);

/* The way on from a step; PATHS_NONE stays so, and comes when there is no room. */
uint32_t paths_step(struct paths *p, uint32_t from, uint16_t place);
/* A journey that took `ns` ended. */
void paths_end(struct paths *p, uint32_t step, enum stats_end end, uint16_t what, uint64_t ns);

/* ---- the graph ---- */

enum paths_kind { PATHS_PROBE, PATHS_END, PATHS_OTHER };

struct paths_node {
	enum paths_kind kind;
	uint16_t name; /* of stats: the probe, or what the end was at */
	uint16_t end;  /* enum stats_end */
};

struct paths_link {
	uint32_t from, to; /* nodes; from always comes before to, on every way */
	uint64_t count;
};

struct paths_route {
	uint32_t node[PATHS_DEPTH + 1];
	uint32_t n;
	const struct stats_group *way; /* borrowed from paths.ways */
};

struct paths_graph {
	struct paths_node node[PATHS_NODES];
	struct paths_link link[PATHS_LINKS];
	struct paths_route route[PATHS_ROUTES]; /* the most frequent first */
	uint32_t n_nodes, n_links, n_routes;
	uint64_t left_out; /* journeys that are not in it */
};

void paths_draw(const struct paths *p, struct paths_graph *g);

#endif
