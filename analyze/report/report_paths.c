/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyze/report/report_paths.h"

#include <stdlib.h>
#include <string.h>

enum { HASH_SIZE = 2 * PATHS_STEPS };

bool paths_init(struct paths *p)
{
	*p = (struct paths){.n_steps = 1};
	p->steps = calloc(PATHS_STEPS, sizeof(*p->steps));
	p->hash = calloc(HASH_SIZE, sizeof(*p->hash));
	return stats_top_init(&p->ways, PATHS_WAYS) && p->steps && p->hash;
}

void paths_fini(struct paths *p)
{
	free(p->steps);
	free(p->hash);
	stats_top_fini(&p->ways);
	*p = (struct paths){0};
}

uint32_t paths_step(struct paths *p, uint32_t from, uint16_t place)
{
	const uint32_t key[2] = {from, place};
	uint32_t at;

	if (from == PATHS_NONE)
		return PATHS_NONE;
	for (at = (uint32_t)stats_hash(key, sizeof(key));; at++) {
		uint32_t i = p->hash[at & (HASH_SIZE - 1)];

		if (!i)
			break;
		if (p->steps[i].before == from && p->steps[i].place == place)
			return i;
	}
	if (p->n_steps == PATHS_STEPS)
		return PATHS_NONE;
	p->steps[p->n_steps] = (struct paths_step){from, place};
	p->hash[at & (HASH_SIZE - 1)] = p->n_steps;
	return p->n_steps++;
}

void paths_end(struct paths *p, uint32_t step, enum stats_end end, uint16_t what, uint64_t ns)
{
	const struct paths_way way = {step, (uint16_t)end, what};
	struct stats_group *g;

	if (step == PATHS_NONE) {
		p->left_out++;
		return;
	}
	g = stats_top_add(&p->ways, &way, sizeof(way), 1);
	if (!g || !stats_group_hist(g, ns))
		p->failed = true;
}

/* ---- the graph ---- */

static bool reaches(const struct paths_graph *g, uint32_t from, uint32_t to)
{
	bool seen[PATHS_NODES] = {false}, more = true;

	seen[from] = true;
	while (more && !seen[to]) {
		more = false;
		for (uint32_t i = 0; i < g->n_links; i++) {
			const struct paths_link *l = &g->link[i];

			if (seen[l->from] && !seen[l->to])
				more = seen[l->to] = true;
		}
	}
	return seen[to];
}

static struct paths_link *link_of(struct paths_graph *g, uint32_t from, uint32_t to, uint32_t max)
{
	for (uint32_t i = 0; i < g->n_links; i++)
		if (g->link[i].from == from && g->link[i].to == to)
			return &g->link[i];
	if (g->n_links >= max)
		return NULL;
	g->link[g->n_links] = (struct paths_link){.from = from, .to = to};
	return &g->link[g->n_links++];
}

static bool is_same(const struct paths_node *a, const struct paths_node *b)
{
	return a->kind == b->kind && a->name == b->name && a->end == b->end;
}

/*
 * The node for what comes behind the last one of a route: one that is there, unless the link would close a cycle (the
 * route was there before, or others come the other way round); then another of the same name.
 */
static bool extend(struct paths_graph *g, struct paths_route *r, const struct paths_node *node)
{
	uint32_t to = 0;

	for (; to < g->n_nodes; to++)
		if (is_same(&g->node[to], node) && (!r->n || !reaches(g, to, r->node[r->n - 1])))
			break;
	if (to == g->n_nodes) {
		if (g->n_nodes == PATHS_NODES)
			return false;
		g->node[g->n_nodes++] = *node;
	}
	if (r->n && !link_of(g, r->node[r->n - 1], to, PATHS_LINKS - PATHS_OTHERS))
		return false;
	r->node[r->n++] = to;
	return true;
}

static bool draw(const struct paths *p, struct paths_graph *g, struct paths_route *r)
{
	struct paths_way way;
	uint16_t places[PATHS_DEPTH];
	uint32_t n = 0;

	memcpy(&way, r->way->key, sizeof(way));
	for (uint32_t i = way.step; i; i = p->steps[i].before) {
		if (n == PATHS_DEPTH)
			return false;
		places[n++] = p->steps[i].place;
	}
	while (n--)
		if (!extend(g, r, &(struct paths_node){PATHS_PROBE, places[n], 0}))
			return false;
	return extend(g, r, &(struct paths_node){PATHS_END, way.what, way.end});
}

/* From the first probe of a way to the node for all others. */
static bool draw_other(const struct paths *p, struct paths_graph *g, const struct stats_group *way)
{
	struct paths_node first = {PATHS_PROBE, 0, 0}, other = {PATHS_OTHER, 0, 0};
	uint32_t from = 0, to = 0, nodes = g->n_nodes;
	struct paths_link *link;
	struct paths_way key;

	memcpy(&key, way->key, sizeof(key));
	for (uint32_t i = key.step; i; i = p->steps[i].before)
		first.name = p->steps[i].place;
	while (from < g->n_nodes && !is_same(&g->node[from], &first))
		from++;
	if (from == g->n_nodes && from < PATHS_NODES)
		g->node[g->n_nodes++] = first;
	while (to < g->n_nodes && !is_same(&g->node[to], &other))
		to++;
	if (to == g->n_nodes && to < PATHS_NODES)
		g->node[g->n_nodes++] = other;
	link = from < PATHS_NODES && to < PATHS_NODES ? link_of(g, from, to, PATHS_LINKS) : NULL;
	if (link)
		link->count += way->count;
	else
		g->n_nodes = nodes;
	return link;
}

void paths_draw(const struct paths *p, struct paths_graph *g)
{
	uint32_t order[PATHS_WAYS], n = stats_top_sorted(&p->ways, order, PATHS_WAYS);

	memset(g, 0, sizeof(*g));
	g->left_out = p->left_out;
	for (uint32_t i = 0; i < n; i++) {
		struct paths_route *r = &g->route[g->n_routes];
		uint32_t nodes = g->n_nodes, links = g->n_links;

		if (g->n_routes < PATHS_ROUTES) {
			*r = (struct paths_route){.way = &p->ways.v[order[i]]};
			if (draw(p, g, r)) {
				for (uint32_t k = 1; k < r->n; k++)
					link_of(g, r->node[k - 1], r->node[k], PATHS_LINKS)
						->count += r->way->count;
				g->n_routes++;
				continue;
			}
			g->n_nodes = nodes;
			g->n_links = links;
		}
		if (!draw_other(p, g, &p->ways.v[order[i]]))
			g->left_out += p->ways.v[order[i]].count;
	}
}
