/* SPDX-License-Identifier: BSD-2-Clause */
/* docs/diff.md has the keys. */
#include <math.h>

#include "analyze/diff/diff.h"
#include "formats/json.h"

static void member(struct buf *out, const char *name)
{
	if (out->p[out->len - 1] != '{')
		buf_u8(out, ',');
	json_put_key(out, name);
}

static void number(struct buf *out, const char *name, uint64_t v)
{
	member(out, name);
	buf_dec(out, v);
}

static void text(struct buf *out, const char *name, const void *p, size_t len)
{
	member(out, name);
	json_put_string(out, p, len);
}

static void put_side(const struct diff_side *side, const char *name, struct buf *out)
{
	const struct stats *s = &side->s;

	member(out, name);
	buf_u8(out, '{');
	text(out, "input", side->name, strlen(side->name));
	number(out, "events", s->events);
	number(out, "packets", s->journeys + s->untracked);
	number(out, "snapshots", s->sockets);
	number(out, "duration_ns", s->last_ns - s->first_ns);
	number(out, "losses", stats_lost(s));
	number(out, "cut", side->unknown);
	number(out, "untracked", s->untracked);
	buf_u8(out, '}');
}

static void put_values(const char *name, const uint64_t q[3], struct buf *out)
{
	member(out, name);
	buf_printf(out, "{\"p50\":%llu,\"p90\":%llu,\"p99\":%llu}", (unsigned long long)q[0],
		   (unsigned long long)q[1], (unsigned long long)q[2]);
}

static void put_fact(const char *name, struct ev_str v, struct buf *out)
{
	if (v.p) {
		text(out, name, v.p, v.len);
		return;
	}
	member(out, name);
	buf_str(out, "null");
}

static void put_item(const struct diff_item *i, struct buf *out)
{
	bool values = i->kind == DIFF_LATENCY || (i->kind == DIFF_SOCKET && i->class.len);

	buf_u8(out, '{');
	text(out, "kind", diff_kind_names[i->kind], strlen(diff_kind_names[i->kind]));
	text(out, "what", i->what, strlen(i->what));
	if (i->class.len)
		text(out, "class", i->class.p, i->class.len);
	if (i->name.len)
		text(out, "name", i->name.p, i->name.len);
	if (i->kind == DIFF_FACT) {
		put_fact("a", i->va, out);
		put_fact("b", i->vb, out);
	} else if (values) {
		put_values("a", i->qa, out);
		put_values("b", i->qb, out);
	} else {
		number(out, "a", i->a);
		number(out, "b", i->b);
	}
	if (i->all_a || i->all_b) {
		number(out, "all_a", i->all_a);
		number(out, "all_b", i->all_b);
	}
	if (i->has_p) {
		member(out, "p");
		buf_printf(out, "%.3g", i->p);
	}
	buf_u8(out, '}');
}

static void put_items(const struct diff *d, const char *name, bool different, struct buf *out)
{
	const char *between = "";

	member(out, name);
	buf_u8(out, '[');
	for (uint32_t i = 0; i < d->n_items; i++) {
		if (d->items[i].different != different)
			continue;
		buf_str(out, between);
		put_item(&d->items[i], out);
		between = ",";
	}
	buf_u8(out, ']');
}

void diff_put_json(struct diff *d, struct buf *out)
{
	buf_u8(out, '{');
	member(out, "same");
	buf_str(out, d->n_different ? "false" : "true");
	put_side(&d->side[0], "a", out);
	put_side(&d->side[1], "b", out);
	put_items(d, "different", true, out);
	put_items(d, "chance", false, out);
	member(out, "not_different");
	buf_u8(out, '{');
	for (int k = 0; k < DIFF_KINDS; k++)
		number(out, diff_kind_names[k], d->same[k]);
	buf_u8(out, '}');
	member(out, "complete");
	buf_str(out, d->cut ? "false" : "true");
	buf_str(out, "}\n");
}
