/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * skbox merge: recordings of several hosts, or files of one, as one stream by wall clock.
 *
 * Of one host nothing changes but the order. Of several each row gets the name of its host, and the times are
 * of one clock (merge_clock.h), so that all that compares times goes on to work; what was added is told.
 */
#include <errno.h>
#include <string.h>

#include "analyze/command.h"
#include "analyze/confine.h"
#include "analyze/cut/cut_total.h"
#include "analyze/merge/merge_input.h"
#include "analyze/output.h"
#include "analyze/provenance.h"
#include "cli/terminal.h"

#define NS_PER_S INT64_C(1000000000)

struct merge_config {
	const char *out;
};

static const struct option_row rows[] = {
	OPTION(STRING, merge_config, out, "out", 'o', "FILE",
	       "the event file to write; - is standard output"),
};

struct merger {
	struct merge_inputs in;
	struct output_skbx out;
	struct cut_total total;
	bool changes; /* several hosts */
	bool began;   /* the clock of the result was written */
	uint64_t last_ns;
};

/* ---- rows of one of several hosts ---- */

/* Members that hold a time of the host's clock, beside that of the event. */
#define SHIFT(copy, section, member)                                                               \
	((copy).has & EV_BIT(section, member) && (copy).member                                     \
		 ? (void)((copy).member = merge_clock_time(clock, (copy).member))                  \
		 : (void)0)

/* The clock of the result holds for all rows; a sample of a host's own stays as what it is. */
static void change_clock(struct ev_clock *c, const struct merge_clock *clock)
{
	if (!EV_HAS(c, clock, offset))
		return;
	EV_SET(c, clock, sample, c->offset);
	c->has &= ~EV_BIT(clock, offset);
	c->offset = 0;
}

static void change_startup(struct ev_startup *s, const struct merge_clock *clock)
{
	int64_t offset = clock->offset - clock->shift;

	if (!EV_HAS(s, startup, clock_sec))
		return;
	s->clock_sec = offset / NS_PER_S;
	s->clock_nsec = offset % NS_PER_S;
}

static int put_changed(struct merger *x, const struct merge_recording *r)
{
	const struct merge_clock *clock = r->clock;
	struct ev ev = r->ev;
	struct ev_common common = {0};
	struct ev_skb_tracking track;
	struct ev_tracking series;
	struct ev_startup startup;
	struct ev_clock sample;
	struct ev_loss loss;
	struct ev_ovs ovs;

	if (ev.common)
		common = *ev.common;
	SHIFT(common, common, timestamp);
	if (!EV_HAS(&common, common, hostname))
		EV_SET(&common, common, hostname,
		       ((struct ev_str){clock->hostname, (uint32_t)strlen(clock->hostname), 0}));
	ev.common = &common;
	ev.sections |= EV_SECTION_BIT(common);
#define CHANGE(section, copy, ...)                                                                 \
	if (ev.section) {                                                                          \
		(copy) = *ev.section;                                                              \
		__VA_ARGS__;                                                                       \
		ev.section = &(copy);                                                              \
	}
	CHANGE(skb_tracking, track, SHIFT(track, skb_tracking, timestamp))
	CHANGE(tracking, series, SHIFT(series, tracking, timestamp))
	CHANGE(loss, loss, SHIFT(loss, loss, from))
	CHANGE(ovs, ovs, SHIFT(ovs, ovs, upcall_ts); SHIFT(ovs, ovs, batch_ts))
	CHANGE(startup, startup, change_startup(&startup, clock))
	CHANGE(clock, sample, change_clock(&sample, clock))
#undef CHANGE
	if (ev.total) {
		cut_total_take(&x->total, &ev);
		return 0;
	}
	return output_skbx_add(&x->out, &ev);
}

/* ---- all rows ---- */

/* Before the first row: what the wall clock is, for all of them. */
static void put_clock(struct merger *x, const struct merge_recording *r)
{
	struct ev_batch *b = x->out.batch;
	uint64_t uncertainty = 0;
	struct ev_common *common;
	struct ev_clock *row;

	x->began = true;
	if (!x->changes)
		return;
	for (uint32_t i = 0; i < x->in.clocks.n; i++)
		if (x->in.clocks.v[i].uncertainty > uncertainty)
			uncertainty = x->in.clocks.v[i].uncertainty;
	ev_batch_begin(b);
	common = EV_ADD(b, common);
	EV_SET(common, common, timestamp, r->key_ns);
	row = EV_ADD(b, clock);
	EV_SET(row, clock, offset, r->clock->offset - r->clock->shift);
	EV_SET(row, clock, uncertainty, uncertainty);
}

static int put(struct merger *x, struct merge_recording *r)
{
	struct provenance *p =
		provenance_of(&r->provenance, source_status(r->source)->n_inputs - 1);
	uint64_t lost = r->ev.loss ? r->ev.loss->lost + r->ev.loss->skipped : 0;

	if (!p)
		return -ENOMEM;
	if (!x->began)
		put_clock(x, r);
	p->kept++;
	p->lost += lost;
	p->lost_kept += lost;
	if (r->key_ns > x->last_ns)
		x->last_ns = r->key_ns;
	r->last_ns = r->key_ns;
	if (x->changes)
		return put_changed(x, r);
	if (!r->ev.total)
		return output_skbx_add(&x->out, &r->ev);
	cut_total_take(&x->total, &r->ev);
	return 0;
}

static void put_damage(struct merger *x, struct merge_recording *r)
{
	uint64_t n = source_status(r->source)->damaged - r->damaged;
	struct ev_str hostname = {0};

	r->damaged += n;
	if (x->changes)
		hostname = ev_text(x->out.batch, r->clock->hostname);
	if (n)
		provenance_put_damage(x->out.batch, r->last_ns, r->key_ns, n, hostname);
}

/* The recording whose next event is the earliest, and until when that stays so; NULL: all have ended. */
static struct merge_recording *earliest(struct merger *x, uint64_t *until)
{
	struct merge_recording *first = NULL;

	*until = UINT64_MAX;
	for (uint32_t i = 0; i < x->in.n_recordings; i++) {
		struct merge_recording *r = &x->in.recordings[i];

		if (!r->has_event)
			continue;
		if (!first) {
			first = r;
		} else if (r->key_ns < first->key_ns) {
			*until = first->key_ns;
			first = r;
		} else if (r->key_ns < *until) {
			*until = r->key_ns;
		}
	}
	return first;
}

/* 0, or a negative errno of reading; *wrote that of writing. */
static int merge_events(struct merger *x, int *wrote)
{
	struct merge_recording *r;
	uint64_t until;
	bool fresh;
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < x->in.n_recordings; i++)
		rc = merge_recording_next(&x->in.recordings[i], &fresh);
	while (rc == 0 && *wrote == 0 && (r = earliest(x, &until))) {
		do {
			*wrote = put(x, r);
			rc = merge_recording_next(r, &fresh);
			if (rc == 0 && fresh)
				put_damage(x, r);
		} while (rc == 0 && *wrote == 0 && r->has_event && r->key_ns <= until);
		if (!r->has_event)
			put_damage(x, r);
	}
	return rc;
}

/* ---- the end ---- */

static void put_recording(struct merger *x, struct merge_recording *r)
{
	const struct source_input *inputs = source_inputs(r->source);
	const struct merge_clock *clock = r->clock;
	struct ev_batch *b = x->out.batch;

	for (uint32_t i = 0; i < source_status(r->source)->n_inputs; i++) {
		const struct provenance *p = provenance_of(&r->provenance, i);
		const struct provenance none = {0};
		struct ev_input *row =
			provenance_put(b, x->last_ns, "merge", &inputs[i], p ? p : &none);
		struct ev_common *common =
			(struct ev_common *)b->sec[EV_common].p + b->sec[EV_common].n - 1;

		if (clock->n_samples) {
			EV_SET(row, input, offset, clock->offset);
			EV_SET(row, input, shift, x->changes ? clock->shift : 0);
			EV_SET(row, input, uncertainty, clock->uncertainty);
		}
		if (clock->boot_id[0])
			EV_SET(row, input, boot_id, ev_text(b, clock->boot_id));
		if (x->changes)
			EV_SET(common, common, hostname, ev_text(b, clock->hostname));
	}
}

static int put_end(struct merger *x)
{
	int rc = 0;

	cut_total_put(&x->total, x->last_ns, CUT_TOTAL_TOLD, x->out.batch);
	for (uint32_t i = 0; rc == 0 && i < x->in.n_recordings; i++) {
		put_recording(x, &x->in.recordings[i]);
		rc = output_skbx_flush(&x->out);
	}
	return x->total.failed ? -ENOMEM : rc;
}

/* What was added to whose times, and how well the wall clocks are known. */
static void tell_clocks(const struct merge_clocks *c)
{
	for (uint32_t i = 0; i < c->n; i++) {
		const struct merge_clock *v = &c->v[i];

		terminal_error(
			"note: %s: %lld.%09lld s added to its times; its wall clock is known "
			"to %.6f ms",
			v->hostname, (long long)(v->shift / NS_PER_S),
			(long long)(v->shift % NS_PER_S), (double)v->uncertainty / 1e6);
	}
	terminal_error("note: how far the hosts' wall clocks were apart from each other, no "
		       "recording says");
}

static int merge(struct merger *x, const char *path)
{
	int rc, wrote = 0, code = EXIT_DONE;

	x->changes = x->in.clocks.n > 1;
	if (output_skbx_open(&x->out, path) < 0)
		return EXIT_FAILED;
	rc = merge_events(x, &wrote);
	if (rc < 0) {
		output_skbx_abandon(&x->out);
		return EXIT_FAILED;
	}
	if (wrote == 0)
		wrote = put_end(x);
	if (output_skbx_close(&x->out, wrote) < 0)
		return EXIT_FAILED;
	for (uint32_t i = 0; i < x->in.n_recordings; i++) {
		rc = source_finish(x->in.recordings[i].source);
		code = rc > code ? rc : code;
	}
	if (x->changes)
		tell_clocks(&x->in.clocks);
	return code;
}

static int merge_run(int argc, char **argv)
{
	struct merge_config c = {0};
	struct merger x = {0};
	int rest, rc = command_options(&command_merge, argc, argv, &c, &rest);

	cut_total_init(&x.total);
	if (rc >= 0)
		goto out;
	rc = EXIT_FAILED;
	if (!c.out || argc == rest) {
		terminal_error(c.out ? "merge: name the files to merge"
				     : "merge: -o FILE says where to");
		goto out;
	}
	if (confine_enter(&(struct confine){
		    .inputs = argv + rest, .n = (size_t)(argc - rest), .output = c.out}) < 0)
		goto out;
	if (merge_inputs_open(&x.in, argv + rest, (size_t)(argc - rest)) < 0)
		goto out;
	for (uint32_t i = 0; i < x.in.n_recordings; i++)
		if (source_reads(x.in.recordings[i].source, c.out))
			goto out;
	rc = merge(&x, c.out);
out:
	merge_inputs_close(&x.in);
	cut_total_fini(&x.total);
	return rc;
}

const struct command command_merge = {
	.name = "merge",
	.usage = "INPUT INPUT... -o OUT.skbx",
	.help = "recordings of several hosts, or the files of one, as one file by wall clock",
	.about = "Rows of several hosts have the name of theirs (hostname). Files of one recording "
		 "come in their order, whatever the order of the words.",
	COMMAND_ROWS(rows),
	.run = merge_run,
};
