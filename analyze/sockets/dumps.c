/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyze/sockets/dumps.h"

#include <stdlib.h>

/* Of a host with more namespaces it is not known any more which sockets are gone. */
enum { DUMPS_MAX = 65536 };

static struct dumps_of *find(const struct dumps *d, struct tuple_netns ns, uint8_t family)
{
	for (uint32_t i = 0; i < d->n; i++) {
		struct dumps_of *of = &d->v[i];

		if (of->family == family && of->ns.cookie == ns.cookie && of->ns.inum == ns.inum)
			return of;
	}
	return NULL;
}

static struct dumps_of *add(struct dumps *d, struct tuple_netns ns, uint8_t family)
{
	struct dumps_of *v;

	if (d->n == d->cap) {
		uint32_t cap = d->cap ? d->cap * 2 : 16;

		v = cap <= DUMPS_MAX ? realloc(d->v, cap * sizeof(*v)) : NULL;
		if (!v) {
			d->left_out++;
			return NULL;
		}
		d->v = v;
		d->cap = cap;
	}
	v = &d->v[d->n++];
	*v = (struct dumps_of){.ns = ns, .family = family};
	return v;
}

const struct dumps_of *dumps_take(struct dumps *d, const struct ev *ev)
{
	const struct ev_snapset *row = ev->snapset;
	struct tuple_netns ns = tuple_netns_of(ev);
	struct dumps_of *of = find(d, ns, row->family);

	if (!ev->common)
		return NULL;
	if (row->phase) {
		if (!of || of->set != row->set || row->status)
			return NULL;
		of->complete_ns = of->begin_ns;
		return of;
	}
	if (!of)
		of = add(d, ns, row->family);
	if (of) {
		of->set = row->set;
		of->begin_ns = ev->common->timestamp;
	}
	return NULL;
}

bool dumps_missed(const struct dumps *d, struct tuple_netns ns, uint8_t family, uint64_t seen_ns)
{
	const struct dumps_of *of = find(d, ns, family);

	return of && seen_ns < of->complete_ns;
}

void dumps_free(struct dumps *d)
{
	free(d->v);
}
