/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * skbox cut: a smaller event file; also makes event files of Retis files and packet files, and whole ones
 * of damaged ones.
 *
 * What is chosen is kept with what it needs (cut_need.h). Files are read twice, for an event may need a row
 * that stands before it; of a pipe, rows of the inventory are held back until an event needs them, and
 * snapshots of a socket before its first chosen packet are not kept.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "analyze/command.h"
#include "analyze/confine.h"
#include "analyze/cut/cut_need.h"
#include "analyze/cut/cut_total.h"
#include "analyze/filter/filter.h"
#include "analyze/output.h"
#include "analyze/provenance.h"
#include "analyze/source/source.h"
#include "cli/terminal.h"
#include "formats/schema.h"

/* Rows of the inventory that wait to be needed, where there is no second reading. */
enum { HELD_MAX = EV_BATCH_MAX, HELD_BYTES = 8 << 20 };
/* Begins of dumps of which no socket was kept yet: a recorder dumps one namespace after the other. */
enum { BEGINS_MAX = 256 };

struct cut_config {
	const char *out;
	uint64_t level;
	struct filter_options filter;
};

static const struct option_row rows[] = {
	OPTION(STRING, cut_config, out, "out", 'o', "FILE",
	       "the event file to write; - is standard output"),
	OPTION(NUMBER, cut_config, level, "level", 0, "N",
	       "of compression, 1 to 19 (default: 3); from 10 on with larger blocks, too", .min = 1,
	       .max = 19),
	FILTER_OPTIONS(cut_config, filter),
};

struct cutter {
	const struct cut_config *c;
	char *const *inputs;
	size_t n_inputs;
	struct cut_need *need; /* NULL: all is kept */
	struct ev_batch *held; /* rows that no event has needed yet */
	struct ev_batch *begins;
	uint64_t held_at; /* cut_need_count() when they were looked at */
	struct cut_total total;
	struct provenance_list provenance;
	struct source *source;
	struct filter *filter;
	struct output_skbx out;
	uint64_t kept_ns;  /* the latest time of an event that was kept */
	uint32_t input;    /* the batch before was of */
	uint64_t last_ns;  /* the latest time */
	uint64_t damaged;  /* places told so far by a row of losses */
	uint64_t left_out; /* EV_SECTION_BIT()s of rows that nothing needed */
	bool cmdline, packet_filter, meta_filter; /* left out, too */
};

static struct provenance *current(struct cutter *x)
{
	return provenance_of(&x->provenance, source_status(x->source)->n_inputs - 1);
}

static int put(struct cutter *x, const struct ev *ev)
{
	struct provenance *p = current(x);

	if (!p)
		return -ENOMEM;
	p->kept++;
	return output_skbx_add(&x->out, ev);
}

/* ---- rows about the recording ---- */

/* Who recorded and when, not how: a command line names what was not chosen. */
static int put_startup(struct cutter *x, const struct ev *ev)
{
	struct ev_startup startup = *ev->startup;
	struct ev copy = *ev;

	x->cmdline |= EV_HAS(&startup, startup, cmdline);
	startup.has &= ~EV_BIT(startup, cmdline);
	copy.startup = &startup;
	return put(x, &copy);
}

static int put_host(struct cutter *x, const struct ev *ev)
{
	struct ev_host host = *ev->host;
	struct ev copy = *ev;

	x->packet_filter |= EV_HAS(&host, host, packet_filter);
	x->meta_filter |= EV_HAS(&host, host, meta_filter);
	host.has &= ~(EV_BIT(host, packet_filter) | EV_BIT(host, meta_filter));
	copy.host = &host;
	return put(x, &copy);
}

static int put_loss(struct cutter *x, const struct ev *ev)
{
	uint64_t n = ev->loss->lost + ev->loss->skipped;
	struct provenance *p = current(x);

	if (!p)
		return -ENOMEM;
	p->lost += n;
	/* of any probe: a journey that is kept may have lost an event there */
	if (!filter_in_time(x->filter, ev) ||
	    (filter_done(x->filter) && EV_HAS(ev->loss, loss, from) && ev->loss->from > x->kept_ns))
		return 0;
	p->lost_kept += n;
	cut_total_count(&x->total, ev);
	return put(x, ev);
}

/* The begin of the dump that a kept socket is the first of. */
static int put_begin(struct cutter *x, const struct ev *socket)
{
	struct ev_walk w = ev_walk(x->begins);
	struct ev ev = {0};

	while (ev_next(&w, &ev))
		if (ev.snapset->set == socket->snap->set) {
			int rc = put(x, &ev);

			ev_batch_clear(x->begins);
			return rc;
		}
	return 0;
}

/* Of iface, nsinfo, probe, dropname, snapset. */
static int put_needed(struct cutter *x, const struct ev *ev)
{
	if (cut_need_row(x->need, ev))
		return !ev->snapset || filter_in_time(x->filter, ev) ? put(x, ev) : 0;
	if (x->held && !ev->snapset && x->held->n < HELD_MAX && x->held->bytes < HELD_BYTES)
		ev_copy(x->held, ev);
	if (ev->snapset && !ev->snapset->phase && filter_in_time(x->filter, ev)) {
		if (x->begins->n == BEGINS_MAX)
			ev_batch_clear(x->begins);
		ev_copy(x->begins, ev);
	}
	x->left_out |= ev->sections;
	return x->begins->failed ? -ENOMEM : 0;
}

static int put_record(struct cutter *x, const struct ev *ev)
{
	if (ev->total) {
		cut_total_take(&x->total, ev);
		if (!x->need && current(x))
			current(x)->kept++; /* in the row that is put at the end */
		return 0;
	}
	if (ev->loss)
		return put_loss(x, ev);
	if (!x->need || ev->clock || ev->finish || ev->input)
		return put(x, ev);
	if (ev->startup)
		return put_startup(x, ev);
	if (ev->host)
		return put_host(x, ev);
	return put_needed(x, ev);
}

/* Rows that waited, and are needed now. */
static int release(struct cutter *x)
{
	struct ev_walk w = ev_walk(x->held);
	struct ev_batch *rest;
	struct ev ev = {0};
	int rc = 0;

	if (x->held_at == cut_need_count(x->need))
		return 0;
	x->held_at = cut_need_count(x->need);
	rest = ev_batch_new();
	if (!rest)
		return -ENOMEM;
	while (rc == 0 && ev_next(&w, &ev)) {
		if (cut_need_row(x->need, &ev))
			rc = put(x, &ev);
		else
			ev_copy(rest, &ev);
	}
	rc = rest->failed ? -ENOMEM : rc;
	ev_batch_free(x->held);
	x->held = rest;
	return rc;
}

/* ---- events ---- */

static int put_event(struct cutter *x, const struct ev *ev)
{
	bool needed = x->need && ev->diag && !filter_done(x->filter) &&
		      filter_in_time(x->filter, ev) && cut_need_socket(x->need, ev);
	int rc;

	if (!filter_match(x->filter, ev) && !needed)
		return 0;
	if (x->need) {
		rc = cut_need_event(x->need, ev);
		if (rc == 0 && x->held)
			rc = release(x);
		if (rc == 0 && ev->snap && x->begins->n)
			rc = put_begin(x, ev);
		if (rc < 0)
			return rc;
	}
	cut_total_count(&x->total, ev);
	if (ev->common && ev->common->timestamp > x->kept_ns)
		x->kept_ns = ev->common->timestamp;
	return put(x, ev);
}

/* Tells damage that was met since the last time. */
static void put_damage(struct cutter *x, uint64_t time_ns)
{
	uint64_t n = source_status(x->source)->damaged - x->damaged;

	if (!n)
		return;
	x->damaged += n;
	provenance_put_damage(x->out.batch, x->last_ns, time_ns, n, (struct ev_str){0});
}

/* A batch of which all is kept, with no rows that change. */
static int copy_batch(struct cutter *x, const struct ev_batch *batch)
{
	struct provenance *p = current(x);
	struct ev_walk w = ev_walk(batch);
	struct ev ev = {0};

	if (!p)
		return -ENOMEM;
	while (ev_next(&w, &ev)) {
		cut_total_count(&x->total, &ev);
		if (ev.common && ev.common->timestamp > x->last_ns)
			x->last_ns = ev.common->timestamp;
		if (ev.loss)
			p->lost += ev.loss->lost + ev.loss->skipped;
	}
	p->lost_kept = p->lost;
	p->kept += batch->n;
	return output_skbx_batch(&x->out, batch);
}

/* What passes of a batch. */
static int cut_batch(struct cutter *x, const struct ev_batch *batch)
{
	const struct ev_common *times = (const struct ev_common *)batch->sec[EV_common].p;
	uint32_t n = batch->sec[EV_common].n;
	struct ev_walk w = ev_walk(batch);
	struct ev ev = {0};
	int rc = 0;

	/* each input begins a block, so that its summaries are its own */
	if (source_status(x->source)->n_inputs != x->input)
		rc = output_skbx_flush(&x->out);
	x->input = source_status(x->source)->n_inputs;
	put_damage(x, n ? times[0].timestamp : x->last_ns);
	/*
	 * A smaller one is put together with others: a pipe gives what it has, be it 100 events, and blocks
	 * of so few are half as large again.
	 */
	if (rc == 0 && !x->need && !batch->sec[EV_total].n && batch->n > x->out.block_events / 2)
		return copy_batch(x, batch);
	while (rc == 0 && ev_next(&w, &ev)) {
		if (ev.common && ev.common->timestamp > x->last_ns)
			x->last_ns = ev.common->timestamp;
		rc = filter_is_record(&ev) ? put_record(x, &ev) : put_event(x, &ev);
	}
	return rc;
}

/* ---- the end ---- */

static void describe_left_out(const struct cutter *x, struct buf *out)
{
	const struct {
		bool is;
		const char *name;
	} fields[] = {{x->cmdline, "startup.cmdline"},
		      {x->packet_filter, "host.packet_filter"},
		      {x->meta_filter, "host.meta_filter"}};

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (fields[i].is)
			buf_printf(out, "%s%s", out->len ? " " : "", fields[i].name);
	for (int s = EV_startup; s < EV_SECTIONS; s++)
		if (x->left_out >> s & 1)
			buf_printf(out, "%s%s", out->len ? " " : "", schema_sections[s].name);
}

/* Totals of what is here, and what it was made of. */
static int put_end(struct cutter *x)
{
	const struct source_input *inputs = source_inputs(x->source);
	struct buf filter = {0}, left_out = {0};
	int rc = 0;

	put_damage(x, x->last_ns);
	filter_describe(&x->c->filter, &filter);
	describe_left_out(x, &left_out);
	cut_total_put(&x->total, x->last_ns,
		      x->need      ? CUT_TOTAL_CHOSEN
		      : x->damaged ? CUT_TOTAL_COUNTED
				   : CUT_TOTAL_TOLD,
		      x->out.batch);
	for (uint32_t i = 0; rc == 0 && i < source_status(x->source)->n_inputs; i++) {
		struct provenance *p = provenance_of(&x->provenance, i);
		struct ev_input *row;

		if (!p) {
			rc = -ENOMEM;
			break;
		}
		row = provenance_put(x->out.batch, x->last_ns, "cut", &inputs[i], p);
		if (filter.len)
			EV_SET(row, input, filter, ev_string(x->out.batch, filter.p, filter.len));
		if (left_out.len)
			EV_SET(row, input, left_out,
			       ev_string(x->out.batch, left_out.p, left_out.len));
		if (x->out.batch->n >= EV_BATCH_MAX / 2)
			rc = output_skbx_flush(&x->out);
	}
	if (filter.failed || left_out.failed || x->total.failed)
		rc = -ENOMEM;
	buf_free(&filter);
	buf_free(&left_out);
	return rc;
}

static int open_inputs(struct cutter *x)
{
	const struct source_options options = {.progress = SOURCE_PROGRESS};

	if (filter_new(&x->filter, &x->c->filter) < 0)
		return -EINVAL;
	return filter_open(x->filter, &x->source, &options, x->inputs, x->n_inputs);
}

static void close_inputs(struct cutter *x)
{
	source_close(x->source);
	filter_free(x->filter);
	x->source = NULL;
	x->filter = NULL;
}

/* Whether all inputs can be read again. */
static bool are_files(const struct cutter *x)
{
	struct stat st;

	for (size_t i = 0; i < x->n_inputs; i++) {
		/* a word that is no file is one of a rotated set */
		if (strcmp(x->inputs[i], "-") == 0 ||
		    (stat(x->inputs[i], &st) == 0 && !S_ISREG(st.st_mode)))
			return false;
	}
	return x->n_inputs > 0;
}

/* The first reading: what the chosen events need. */
static int find_needs(struct cutter *x)
{
	struct ev_batch *batch;
	int rc = open_inputs(x);

	while (rc == 0 && !filter_done(x->filter) && (rc = source_next(x->source, &batch)) > 0) {
		struct ev_walk w = ev_walk(batch);
		struct ev ev = {0};

		rc = 0;
		while (rc == 0 && ev_next(&w, &ev))
			if (!filter_is_record(&ev) && filter_match(x->filter, &ev))
				rc = cut_need_event(x->need, &ev);
		if (rc < 0)
			terminal_error("cut: %s", strerror(-rc));
	}
	close_inputs(x);
	return rc;
}

static int cut_inputs(struct cutter *x)
{
	struct ev_batch *batch;
	int rc, wrote = 0;

	if (x->held || x->need)
		filter_want_sockets(x->filter);
	if (output_skbx_open_level(&x->out, x->c->out, (int)x->c->level) < 0)
		return EXIT_FAILED;
	while ((rc = source_next(x->source, &batch)) > 0 && wrote == 0)
		wrote = cut_batch(x, batch);
	if (rc == 0 && wrote == 0)
		wrote = put_end(x);
	if (rc < 0) {
		output_skbx_abandon(&x->out);
		return EXIT_FAILED;
	}
	if (output_skbx_close(&x->out, wrote) < 0)
		return EXIT_FAILED;
	return source_finish(x->source);
}

/* What it takes to leave something out. */
static int prepare(struct cutter *x)
{
	if (!filter_selects(x->filter) && !x->c->filter.count)
		return 0;
	x->need = cut_need_new();
	x->begins = ev_batch_new();
	if (!are_files(x))
		x->held = ev_batch_new();
	if (!x->need || !x->begins || (!are_files(x) && !x->held)) {
		terminal_error("out of memory");
		return -ENOMEM;
	}
	return 0;
}

static int cut_run(int argc, char **argv)
{
	struct cut_config c = {0};
	struct cutter x = {.c = &c};
	int rest, rc = command_options(&command_cut, argc, argv, &c, &rest);

	cut_total_init(&x.total);
	if (rc >= 0)
		goto out;
	rc = EXIT_FAILED;
	x.inputs = argv + rest;
	x.n_inputs = (size_t)(argc - rest);
	if (!c.out) {
		terminal_error("cut: -o FILE says where to");
		goto out;
	}
	/* the filter says whether it chooses; the first reading has one of its own */
	if (filter_new(&x.filter, &c.filter) < 0 || prepare(&x) < 0)
		goto out;
	filter_free(x.filter);
	x.filter = NULL;
	if (confine_enter(&(struct confine){
		    .inputs = argv + rest, .n = (size_t)(argc - rest), .output = c.out}) < 0)
		goto out;
	if (x.need && !x.held && find_needs(&x) < 0)
		goto out;
	if (open_inputs(&x) == 0 && !source_reads(x.source, c.out))
		rc = cut_inputs(&x);
out:
	close_inputs(&x);
	cut_need_free(x.need);
	ev_batch_free(x.held);
	ev_batch_free(x.begins);
	cut_total_fini(&x.total);
	provenance_list_free(&x.provenance);
	filter_options_free(&c.filter);
	return rc;
}

const struct command command_cut = {
	.name = "cut",
	.usage = "[INPUT...] -o OUT.skbx [FILTERS]",
	.help = "a smaller event file; converts Retis files and packet files, repairs damaged ones",
	.about = "With what is chosen goes what it needs: its devices, namespaces, probes, drop "
		 "reasons and sockets, losses of the time, the clock. Nothing else of the host.",
	COMMAND_ROWS(rows),
	.run = cut_run,
};
