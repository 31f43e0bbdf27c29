/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyze/sockets/follow.h"

#include <stdlib.h>
#include <string.h>

#include "analyze/command.h"
#include "analyze/filter/filter.h"
#include "analyze/sockets/follow_impl.h"
#include "analyze/source/source.h"

/*
 * Rows of a dump are written when the dump is over, packets when they came: a file is in the order of time
 * to some milliseconds. So many events are held back to put them in order, of so many bytes at most.
 */
enum { HELD_MAX = 8192, HELD_BYTES = 16 << 20 };

enum { KEY_COOKIE = 3, KEY_TUPLE = 4 };

/* ---- what may belong to it ---- */

static bool keep(struct follow *f, uint64_t word, uint64_t kind)
{
	struct sort_key key = {.w = {word, kind}};

	if (f->kept.n >= FOLLOW_COOKIES_MAX) {
		f->left_out += !sort_map_get(&f->kept, &key);
		return true;
	}
	return sort_map_put(&f->kept, &key, f);
}

static bool is_kept(const struct follow *f, uint64_t word, uint64_t kind)
{
	struct sort_key key = {.w = {word, kind}};

	return sort_map_get(&f->kept, &key) != NULL;
}

static uint64_t cookie_of(const struct ev *ev)
{
	return ev->diag ? ev->diag->cookie : ev->sock ? ev->sock->cookie : 0;
}

/* By what is asked for, and by what was seen of it: the cookie of its ends, or the ends of its cookie. */
static bool wants(struct follow *f, const struct ev *ev)
{
	uint64_t cookie = cookie_of(ev), want = f->o->want.cookie;
	struct packet_headers headers;
	struct tuple t;
	bool has = follow_tuple_of(ev, &headers, &t);

	if (want) {
		if (cookie == want && has && !tuple_is_open(&t))
			keep(f, follow_tuple_hash(&t), KEY_TUPLE);
		return cookie == want || (has && is_kept(f, follow_tuple_hash(&t), KEY_TUPLE));
	}
	if (has && tuple_wanted(&f->o->want, &t)) {
		if (cookie)
			keep(f, cookie, KEY_COOKIE);
		return true;
	}
	return cookie && is_kept(f, cookie, KEY_COOKIE);
}

/* ---- order ---- */

static int compare_time(const void *a, const void *b)
{
	const struct ev *x = a, *y = b;
	uint64_t s = x->common ? x->common->timestamp : 0;
	uint64_t t = y->common ? y->common->timestamp : 0;

	if (s != t)
		return s < t ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

/* Hands the oldest of the events held over, all but `rest`. */
static bool release(struct follow *f, uint32_t rest)
{
	struct ev_walk w = ev_walk(f->held);
	struct ev_batch *b = f->held;
	struct ev ev = {0};
	bool *shown = f->shown;
	uint32_t n = 0;

	if (b->failed) {
		terminal_error("out of memory");
		return false;
	}
	for (; ev_next(&w, &ev); n++)
		f->views[n] = ev;
	qsort(f->views, n, sizeof(*f->views), compare_time);
	for (uint32_t i = 0; i < n; i++) {
		bool show = shown[f->views[i].index];

		if (n - i <= rest) {
			f->spare_shown[f->spare->n] = show;
			ev_copy(f->spare, &f->views[i]);
		} else if (f->more) {
			follow_take(f, &f->views[i], show);
		}
	}
	f->held = f->spare;
	f->spare = b;
	f->shown = f->spare_shown;
	f->spare_shown = shown;
	ev_batch_clear(b);
	return f->more;
}

/* ---- reading ---- */

static void take_name(struct follow *f, const struct ev *ev)
{
	struct tuple_netns ns = tuple_netns_of(ev);
	struct ev_str name = ev->nsinfo->name;
	struct follow_name *n;

	if (!name.len || follow_netns_name(f, ns))
		return;
	if (!f->names)
		f->names = calloc(FOLLOW_NAMES_MAX, sizeof(*f->names));
	if (!f->names || f->n_names == FOLLOW_NAMES_MAX)
		return;
	n = &f->names[f->n_names++];
	n->ns = ns;
	memcpy(n->name, name.p, name.len < sizeof(n->name) ? name.len : sizeof(n->name) - 1);
}

const char *follow_netns_name(const struct follow *f, struct tuple_netns ns)
{
	for (uint32_t i = 0; i < f->n_names && (ns.cookie || ns.inum); i++)
		if (tuple_netns_same(f->names[i].ns, ns))
			return f->names[i].name;
	return NULL;
}

/* Whether what the recording says of itself is told: not behind --until. */
static bool is_told(struct follow *f, const struct ev *ev)
{
	uint64_t until;

	return !filter_until(f->filter, &until) || !ev->common || ev->common->timestamp <= until;
}

static bool take_batch(struct follow *f, const struct ev_batch *batch)
{
	struct ev_walk w = ev_walk(batch);
	struct ev ev = {0};

	while (f->more && !filter_done(f->filter) && ev_next(&w, &ev)) {
		if (ev.startup || ev.clock) {
			/* what time is shown from */
			buf_clear(&f->line);
			text_event(&f->text, &ev, 0, &f->line);
		}
		if (ev.nsinfo)
			take_name(f, &ev);
		if (filter_is_record(&ev) ? !ev.loss && !ev.snapset : !wants(f, &ev))
			continue;
		f->shown[f->held->n] = filter_match(f->filter, &ev) && is_told(f, &ev);
		ev_copy(f->held, &ev);
		if ((f->held->n == HELD_MAX || f->held->bytes > HELD_BYTES) &&
		    !release(f, f->held->n / 2))
			return false;
	}
	return f->more && !filter_done(f->filter);
}

static bool put_text(void *ctx, const void *p, size_t len)
{
	struct follow *f = ctx;

	buf_put(&f->out.buf, p, len);
	return terminal_more(&f->out);
}

/* The texts of all connections but the first, which went out as it came. */
static int put_rest(struct follow *f)
{
	for (uint32_t i = 1; i < f->n_conns && f->more && !f->o->json; i++) {
		if (f->conns[i]->headed && f->out.bytes + f->out.buf.len)
			buf_u8(&f->out.buf, '\n');
		f->more = shelf_read(&f->shelf, &f->conns[i]->text, put_text, f);
	}
	if (f->shelf.error)
		terminal_error("sockets: cannot keep the text of %u connections: %s", f->n_conns,
			       strerror(-f->shelf.error));
	return f->shelf.error;
}

static void say_notes(const struct follow *f)
{
	uint32_t headed = 0;

	for (uint32_t i = 0; i < f->n_conns; i++)
		headed += f->conns[i]->headed;
	if (!headed)
		terminal_error("note: no packet and no socket of %s", f->o->wanted);
	if (f->left_out)
		terminal_error(
			"note: %llu events are left out: more than %d connections, or no memory",
			(unsigned long long)f->left_out, FOLLOW_CONNS_MAX);
}

static void free_all(struct follow *f)
{
	for (uint32_t i = 0; i < f->n_conns; i++) {
		shelf_text_free(&f->conns[i]->text);
		free(f->conns[i]);
	}
	free(f->conns);
	free(f->losses);
	free(f->names);
	dumps_free(&f->dumps);
	free(f->views);
	free(f->shown);
	free(f->spare_shown);
	sort_map_free(&f->map);
	sort_map_free(&f->kept);
	ev_batch_free(f->held);
	ev_batch_free(f->spare);
	shelf_free(&f->shelf);
	buf_free(&f->line);
	text_fini(&f->text);
}

int follow_run(const struct follow_options *options, struct filter *filter, struct source *source)
{
	struct text_options text = {.utc = options->utc, .single_line = true};
	struct follow f = {.o = options, .filter = filter, .source = source, .more = true};
	struct ev_batch *batch;
	int rc = -1, closed;

	text_init(&f.text, &text);
	terminal_open(&f.out, true);
	f.out.json = options->json;
	f.held = ev_batch_new();
	f.spare = ev_batch_new();
	f.views = calloc(HELD_MAX + 1, sizeof(*f.views));
	f.shown = calloc(HELD_MAX + 1, sizeof(*f.shown));
	f.spare_shown = calloc(HELD_MAX + 1, sizeof(*f.spare_shown));
	if (!f.held || !f.spare || !f.views || !f.shown || !f.spare_shown) {
		terminal_error("out of memory");
		goto out;
	}
	do
		rc = source_next(source, &batch);
	while (rc > 0 && take_batch(&f, batch));
	if (rc >= 0 && !release(&f, 0) && f.held->failed)
		rc = -1;
	if (rc >= 0) {
		follow_end(&f);
		rc = put_rest(&f);
	}
out:
	closed = terminal_close(&f.out);
	if (rc >= 0)
		say_notes(&f);
	free_all(&f);
	return closed < 0 || rc < 0 ? EXIT_FAILED : source_finish(source);
}
