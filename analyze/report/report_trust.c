/* SPDX-License-Identifier: BSD-2-Clause */
/* How far a recording can be trusted: what is missing in it, what is guessed, what was chosen. */
#include <string.h>

#include "analyze/report/report.h"

enum { MILLION = 1000000, PROBE_NAMES = 8 };

/* Begins a line that ends with a line feed. */
static void line(struct buf *out, const char *level)
{
	buf_put(out, level, strlen(level) + 1);
}

static void put_str(struct buf *out, struct ev_str s)
{
	text_untrusted(out, s.p, s.len);
}

/* ---- losses, damage, end ---- */

static void put_losses(const struct report *r, struct buf *out)
{
	const struct stats *s = &r->stats;
	uint64_t lost = stats_lost(s);

	line(out, lost ? "bad" : "good");
	if (lost)
		buf_printf(out,
			   "%llu events were lost: counts are too low, and %llu packets may have "
			   "gone on unseen.\n",
			   (unsigned long long)lost, (unsigned long long)s->ends[END_UNKNOWN]);
	else if (r->info.event_file)
		buf_str(out, "Nothing was lost.\n");
	else
		buf_str(out, "No loss is noted; files of this format do not count them.\n");
	if (s->damaged) {
		line(out, "bad");
		buf_printf(out, "The file is damaged at %llu places, which were passed over.\n",
			   (unsigned long long)s->damaged);
	}
	if (r->info.event_file && !s->damaged) {
		line(out, "good");
		buf_str(out, "All checksums of what was read are right.\n");
	}
	if (s->unfinished) {
		line(out, "note");
		buf_str(out,
			"The recording has no end: its recorder was killed, or still runs. At most "
			"the last half second is missing.\n");
	}
}

/* ---- probes ---- */

static void put_probes(const struct report *r, struct buf *out)
{
	uint32_t asked = 0, missing = 0;

	for (uint32_t i = 0; i < r->info.n_probes; i++) {
		asked += r->info.probes[i].asked;
		missing += r->info.probes[i].asked && !r->info.probes[i].attached;
	}
	if (!asked)
		return;
	line(out, missing ? "bad" : "good");
	if (!missing) {
		buf_printf(out, "All %u probes attached.\n", asked);
		return;
	}
	buf_printf(out, "%u of %u probes did not attach:", missing, asked);
	for (uint32_t i = 0, n = 0; i < r->info.n_probes && n <= PROBE_NAMES; i++) {
		const struct info_probe *p = &r->info.probes[i];

		if (!p->asked || p->attached)
			continue;
		buf_u8(out, ' ');
		if (n++ == PROBE_NAMES)
			buf_str(out, "...");
		else
			put_str(out, p->symbol);
	}
	buf_u8(out, '\n');
}

/* ---- journeys ---- */

static void put_journeys(const struct report *r, struct buf *out)
{
	const struct stats *s = &r->stats;

	if (s->heuristic) {
		line(out, "note");
		buf_str(out, "Which events are of one packet was told from headers (heuristic "
			     "tracking): "
			     "a path is now and then of two packets.\n");
	} else if (s->journeys) {
		line(out, "good");
		buf_str(out, "Which events are of one packet was followed exactly.\n");
	}
	if (s->untracked) {
		line(out, "note");
		buf_printf(
			out,
			"%llu packets belong to no journey: they are not in paths and latencies.\n",
			(unsigned long long)s->untracked);
	}
	if (s->closed_early) {
		line(out, "note");
		buf_printf(out,
			   "More than %d packets were under way at one time: %llu were closed "
			   "early and may count twice.\n",
			   STATS_JOURNEYS, (unsigned long long)s->closed_early);
	}
}

/* ---- limits of the counting ---- */

static void put_approximate(const struct report *r, struct buf *out)
{
	const struct stats *s = &r->stats;
	const struct {
		const struct stats_top *top;
		const char *what;
	} tables[] = {
		{&s->causes, "causes of drops"},
		{&s->flows, "flows with drops"},
		{&s->pairs, "hops"},
		{&r->paths.ways, "paths"},
		{&r->cells, "places of drops"},
	};

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		if (!tables[i].top->pushed_out)
			continue;
		line(out, "note");
		buf_printf(out, "There are more than %u %s: counts of rare ones are approximate.\n",
			   tables[i].top->cap, tables[i].what);
	}
	if (s->sock_left_out) {
		line(out, "note");
		buf_printf(out,
			   "There are more than %d sockets: %llu snapshots of others were not "
			   "looked at.\n",
			   STATS_SOCKETS, (unsigned long long)s->sock_left_out);
	}
}

/* ---- what was chosen ---- */

static void put_host(const struct ev_host *h, struct buf *out)
{
	if (h->packet_filter.len || h->meta_filter.len || h->scope.len) {
		line(out, "note");
		buf_str(out, "Recorded was only what passed the recorder's filter:");
		if (h->packet_filter.len) {
			buf_str(out, " -f '");
			put_str(out, h->packet_filter);
			buf_u8(out, '\'');
		}
		if (h->meta_filter.len) {
			buf_str(out, " -m '");
			put_str(out, h->meta_filter);
			buf_u8(out, '\'');
		}
		if (h->scope.len) {
			buf_str(out, " --scope ");
			put_str(out, h->scope);
		}
		buf_u8(out, '\n');
	}
	if (EV_HAS(h, host, snaplen)) {
		line(out, "note");
		buf_printf(out, "Of each packet at most %u bytes were kept.\n", h->snaplen);
	}
}

static void put_finish(const struct ev_finish *f, struct buf *out)
{
	if (f->thinned) {
		line(out, "bad");
		buf_printf(
			out,
			"The recorder left out whole flows to save time (--max-cpu): %llu events; "
			"when it was fewest, %.2f %% of the flows were kept.\n",
			(unsigned long long)f->thinned, f->kept * 100.0 / MILLION);
	}
	if (f->ids_full) {
		line(out, "note");
		buf_printf(out, "%llu packets got no id, for the recorder's table was full.\n",
			   (unsigned long long)f->ids_full);
	}
	if (f->stackless) {
		line(out, "note");
		buf_printf(out, "%llu events have no stack, though it was asked for.\n",
			   (unsigned long long)f->stackless);
	}
	if (f->late) {
		line(out, "note");
		buf_printf(
			out,
			"%llu events waited for more than half a second until they were written.\n",
			(unsigned long long)f->late);
	}
}

static void put_input(const struct ev_input *in, struct buf *out)
{
	line(out, in->filter.len || in->left_out.len ? "note" : "good");
	buf_str(out, "Made by skbox ");
	put_str(out, in->command);
	buf_printf(out, " of another file: %llu of its %llu rows are here",
		   (unsigned long long)in->kept, (unsigned long long)in->read);
	if (in->filter.len) {
		buf_str(out, ", chosen by ");
		put_str(out, in->filter);
	}
	if (in->left_out.len) {
		buf_str(out, ", without ");
		put_str(out, in->left_out);
	}
	buf_str(out, ".\n");
}

static void put_rows(const struct report *r, struct buf *out)
{
	struct ev_walk w = ev_walk(r->info.rows);
	struct ev_host host = {0};
	struct ev_finish finish = {0};
	struct ev ev = {0};

	/* headers are repeated: the newest holds */
	while (ev_next(&w, &ev)) {
		if (ev.host)
			host = *ev.host;
		if (ev.finish)
			finish = *ev.finish;
		if (ev.input)
			put_input(ev.input, out);
	}
	put_finish(&finish, out);
	put_host(&host, out);
}

void report_put_trust(struct report *r, const struct report_about *about, struct buf *out)
{
	put_losses(r, out);
	put_probes(r, out);
	put_journeys(r, out);
	if (about->filter && *about->filter) {
		line(out, "note");
		buf_str(out, "This report is of a part only: ");
		text_untrusted(out, about->filter, strlen(about->filter));
		buf_u8(out, '\n');
	}
	put_approximate(r, out);
	put_rows(r, out);
}
