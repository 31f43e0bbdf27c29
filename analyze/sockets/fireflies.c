/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyze/sockets/fireflies.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/filter/filter_time.h"
#include "analyze/sockets/dumps.h"
#include "analyze/sockets/fireflies_udp.h"
#include "analyze/sort/sort_map.h"
#include "formats/sock/firefly.h"
#include "formats/sock/flowd_json.h"

enum {
	/* Flows at a time: the document of each is kept, some 2 KB, for the end has no snapshot of its own. */
	FLOWS_MAX = 32768,
	HOST_MAX = 255,
};
/* TCP states in which there is a flow, and those in which it is over. */
#define STATES_FLOW   (1u << 1 | 1u << 4 | 1u << 5 | 1u << 8 | 1u << 9 | 1u << 11)
#define STATES_OVER   (1u << 6 | 1u << 7)
#define BIT_OF(state) (1u << ((state)&31))

struct flow {
	struct sort_key key;
	struct tuple_netns ns;
	uint8_t family;
	uint64_t seen_ns;
	struct firefly last; /* its netlink lies in document */
	struct buf document;
	bool fin;       /* the peer's FIN came */
	uint32_t index; /* in flows */
};

struct fireflies {
	const struct fireflies_options *o;
	struct filter_clock clock;
	struct dumps dumps;
	struct sort_map map;
	struct flow **flows;
	uint32_t n, cap;
	uint64_t left_out, made;
	char host[HOST_MAX + 1];
	struct buf line;
	struct fireflies_udp udp;
};

int fireflies_new(struct fireflies **result, const struct fireflies_options *options)
{
	struct fireflies *f;
	int rc = 0;

	*result = NULL;
	if (options->experiment == FIREFLIES_NO_ID || options->activity == FIREFLIES_NO_ID) {
		terminal_error("json: a firefly says whose flow it is: give --experiment ID and "
			       "--activity ID (https://www.scitags.org/api.json)");
		return -EINVAL;
	}
	f = calloc(1, sizeof(*f));
	if (!f) {
		terminal_error("out of memory");
		return -ENOMEM;
	}
	f->o = options;
	f->udp.fd = -1;
	if (options->udp)
		rc = fireflies_udp_open(&f->udp, options->udp);
	if (rc < 0)
		fireflies_free(f);
	else
		*result = f;
	return rc;
}

static void free_flow(struct flow *w)
{
	buf_free(&w->document);
	free(w);
}

void fireflies_free(struct fireflies *f)
{
	if (!f)
		return;
	for (uint32_t i = 0; i < f->n; i++)
		free_flow(f->flows[i]);
	free(f->flows);
	sort_map_free(&f->map);
	dumps_free(&f->dumps);
	fireflies_udp_close(&f->udp);
	buf_free(&f->line);
	free(f);
}

void fireflies_batch(struct fireflies *f, const struct ev_batch *batch)
{
	filter_clock_batch(&f->clock, batch);
}

/* Times of a file can be anything: no sum of them overflows. */
static int64_t wall(const struct fireflies *f, uint64_t ns)
{
	return (int64_t)(ns + (uint64_t)f->clock.offset);
}

static int put(struct fireflies *f, const struct firefly *fly, struct buf *out)
{
	f->made++;
	if (!f->o->udp) {
		firefly_put(fly, out);
		buf_u8(out, '\n');
		return 0;
	}
	buf_clear(&f->line);
	firefly_put_header(fly->current_ns, f->host, strlen(f->host), &f->line);
	firefly_put(fly, &f->line);
	if (f->line.failed) {
		terminal_error("out of memory");
		return -ENOMEM;
	}
	return fireflies_udp_send(&f->udp, f->line.p, f->line.len);
}

/* By cookie; else by what else tells sockets apart. */
static struct sort_key key_of(const struct ev_diag *d, const struct tuple *t, struct tuple_netns ns)
{
	struct sort_key key = {.w = {d->cookie, 0, 0, 0}};
	uint64_t w;

	if (d->cookie)
		return key;
	for (int i = 0; i < 2; i++) {
		memcpy(&w, t->from.address + 8 * i, 8);
		key.w[i] = w ^ t->from.port;
		memcpy(&w, t->to.address + 8 * i, 8);
		key.w[2 + i] = w ^ t->to.port;
	}
	key.w[1] ^= (uint64_t)ns.inum << 32 | 1;
	return key;
}

static struct flow *add_flow(struct fireflies *f, struct sort_key key)
{
	struct flow *w;

	if (f->n == f->cap) {
		uint32_t cap = f->cap ? f->cap * 2 : 64;
		struct flow **v =
			cap <= FLOWS_MAX ? realloc(f->flows, cap * sizeof(struct flow *)) : NULL;

		if (!v)
			return NULL;
		f->flows = v;
		f->cap = cap;
	}
	w = calloc(1, sizeof(*w));
	if (!w || !sort_map_put(&f->map, &key, w)) {
		free(w);
		return NULL;
	}
	w->key = key;
	w->index = f->n;
	f->flows[f->n++] = w;
	return w;
}

static void remove_flow(struct fireflies *f, struct flow *w)
{
	sort_map_remove(&f->map, &w->key);
	f->flows[w->index] = f->flows[--f->n];
	f->flows[w->index]->index = w->index;
	free_flow(w);
}

static int end_flow(struct fireflies *f, struct flow *w, uint64_t end_ns, uint64_t now_ns,
		    struct buf *out)
{
	struct firefly *fly = &w->last;
	int rc;

	fly->state = FIREFLY_END;
	fly->end_ns = wall(f, end_ns);
	fly->current_ns = wall(f, now_ns);
	rc = put(f, fly, out);
	remove_flow(f, w);
	return rc;
}

/* Keeps the snapshot as the last that is known. */
static bool keep(struct fireflies *f, struct flow *w, const struct ev *ev)
{
	const struct flowd_json_options options = {.ext = f->o->ext, .lean = f->o->lean};

	w->seen_ns = ev->common->timestamp;
	w->fin |= firefly_has_fin(ev->diag->state);
	/* a small socket, in TIME-WAIT, has nothing to tell: what was before it stays */
	if (ev->tcpinfo) {
		firefly_set_usage(&w->last, ev, w->fin);
		buf_clear(&w->document);
		flowd_json(ev, &options, &w->document);
	}
	w->last.netlink = w->document.len ? w->document.p : NULL;
	w->last.netlink_len = w->document.len;
	w->last.current_ns = wall(f, w->seen_ns);
	return !w->document.failed;
}

static int take_snapshot(struct fireflies *f, const struct ev *ev, struct buf *out)
{
	const struct ev_diag *d = ev->diag;
	struct tuple_netns ns = tuple_netns_of(ev);
	struct firefly_flow flow;
	struct sort_key key;
	struct tuple t;
	struct flow *w;

	if (!ev->common || !firefly_flow_of(d, &flow) || !tuple_of_socket(d, &t))
		return 0;
	key = key_of(d, &t, ns);
	w = sort_map_get(&f->map, &key);
	/* FIN-WAIT-2 of a small socket, without tcp_info, is as good as TIME-WAIT */
	if (BIT_OF(d->state) & STATES_OVER || !ev->tcpinfo) {
		if (!w)
			return 0;
		if (!keep(f, w, ev))
			return -ENOMEM;
		return end_flow(f, w, ev->common->timestamp, ev->common->timestamp, out);
	}
	if (!(BIT_OF(d->state) & STATES_FLOW))
		return 0;
	if (w) {
		w->last.state = FIREFLY_ONGOING;
	} else {
		w = add_flow(f, key);
		if (!w) {
			f->left_out++;
			return 0;
		}
		w->ns = ns;
		w->family = d->family;
		w->last = (struct firefly){.state = FIREFLY_START,
					   .flow = flow,
					   .experiment = f->o->experiment,
					   .activity = f->o->activity,
					   .application = f->o->application};
		w->last.start_ns = wall(f, ev->common->timestamp);
	}
	return keep(f, w, ev) ? put(f, &w->last, out) : -ENOMEM;
}

/* Flows that a complete dump does not have are over: at its begin at the latest. */
static int take_dump(struct fireflies *f, const struct ev *ev, struct buf *out)
{
	const struct dumps_of *of = dumps_take(&f->dumps, ev);
	int rc = 0;

	for (uint32_t i = 0; of && i < f->n && rc == 0;) {
		struct flow *w = f->flows[i];

		if (w->family != of->family || w->seen_ns >= of->complete_ns ||
		    !tuple_netns_same(w->ns, of->ns))
			i++;
		else
			rc = end_flow(f, w, of->complete_ns, ev->common->timestamp, out);
	}
	return rc;
}

int fireflies_take(struct fireflies *f, const struct ev *ev, struct buf *out)
{
	int rc = 0;

	if (ev->host && ev->host->hostname.len && ev->host->hostname.len <= HOST_MAX) {
		memcpy(f->host, ev->host->hostname.p, ev->host->hostname.len);
		f->host[ev->host->hostname.len] = 0;
	}
	if (!ev->diag && !ev->snapset)
		return 0;
	if (!f->clock.has_offset) {
		terminal_error(
			"json: the input does not say its wall clock, which a firefly needs");
		return -EINVAL;
	}
	rc = ev->diag ? take_snapshot(f, ev, out) : take_dump(f, ev, out);
	if (rc == -ENOMEM)
		terminal_error("out of memory");
	return rc;
}

void fireflies_notes(const struct fireflies *f)
{
	if (f->left_out + f->dumps.left_out)
		terminal_error(
			"note: %llu snapshots are left out: more than %d flows at a time, or "
			"no memory",
			(unsigned long long)(f->left_out + f->dumps.left_out), FLOWS_MAX);
	if (f->o->udp)
		fireflies_udp_notes(&f->udp, f->made);
}
