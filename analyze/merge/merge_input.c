/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyze/merge/merge_input.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "analyze/source/input.h"
#include "cli/terminal.h"
#include "formats/skbx/skbx.h"

static int out_of_memory(void)
{
	terminal_error("out of memory");
	return -ENOMEM;
}

/* Damage is told when the events are read. */
static void ignore_damage(void *ctx, const struct skbox_error *what, const char *unit)
{
}

/* ---- a look at each input ---- */

/* Where it stands among the files of its recording. */
static int take_place(struct merge_input *in, const struct ev_batch *rows)
{
	struct ev_walk w = ev_walk(rows);
	struct ev ev = {0};

	while (ev_next(&w, &ev)) {
		if (!ev.startup)
			continue;
		in->has_split = EV_HAS(ev.startup, startup, split_id);
		in->split = ev.startup->split_id;
		in->first_ns = ev.common ? ev.common->timestamp : 0;
		in->cmdline = strndup(ev.startup->cmdline.p ? ev.startup->cmdline.p : "",
				      ev.startup->cmdline.len);
		return in->cmdline ? 0 : -ENOMEM;
	}
	return 0;
}

static int take_rows(struct merge_inputs *m, struct merge_input *in, const struct ev_batch *rows)
{
	const char *slash = strrchr(in->word, '/');
	int rc = take_place(in, rows);

	if (rc == 0)
		rc = merge_clocks_find(&m->clocks, rows, slash ? slash + 1 : in->word);
	if (rc >= 0)
		in->clock = rc;
	else if (rc == -E2BIG)
		terminal_error("merge: more than %d machines", MERGE_CLOCKS_MAX);
	else
		out_of_memory();
	return rc < 0 ? rc : 0;
}

/* An event file that can be sought in says all samples of its clock at its end. 1: it is none. */
static int look_at_trailer(struct merge_inputs *m, struct merge_input *in)
{
	struct skbox_error err = {0};
	struct skbx_info info = {0};
	struct input *file;
	const uint8_t *head;
	size_t len;
	int rc = 1;

	if (input_open(&file, in->word, &err) < 0)
		return 1; /* opening it again tells why */
	head = input_head(file, &len);
	if (input_size(file) >= 0 && skbx_recognize(head, len)) {
		const struct skbx_input from = {input_read_at, file, input_size(file)};

		if (skbx_info(&from, &info, &err) == 0)
			rc = info.inventory->n ? take_rows(m, in, info.inventory) : 1;
		skbx_info_free(&info);
	}
	input_close(file);
	return rc;
}

/* Others say what they say in front. A pipe stays open. */
static int look_at_begin(struct merge_inputs *m, struct merge_input *in)
{
	const struct source_options quiet = {.damage = ignore_damage};
	const struct source_options loud = {.progress = SOURCE_PROGRESS};
	int rc = source_open(&in->source, in->is_file ? &quiet : &loud, &in->word, 1);

	if (rc == 0)
		rc = source_next(in->source, &in->batch);
	if (rc > 0) {
		rc = take_rows(m, in, in->batch);
	} else if (rc == 0) {
		terminal_error("%s: has no events", in->word);
		rc = -ENODATA;
	}
	if (in->is_file) {
		source_close(in->source);
		in->source = NULL;
		in->batch = NULL;
	}
	return rc;
}

static int look_at(struct merge_inputs *m, struct merge_input *in)
{
	struct stat st;
	int rc = 1;

	/* a word that is no file is one of a rotated set, or an error that the source tells */
	in->is_file =
		strcmp(in->word, "-") != 0 && (stat(in->word, &st) != 0 || S_ISREG(st.st_mode));
	if (in->is_file)
		rc = look_at_trailer(m, in);
	return rc > 0 ? look_at_begin(m, in) : rc;
}

/* ---- recordings ---- */

static int by_recording(const void *a, const void *b)
{
	const struct merge_input *x = *(struct merge_input *const *)a;
	const struct merge_input *y = *(struct merge_input *const *)b;
	int rc = x->clock - y->clock;

	if (rc == 0)
		rc = strcmp(x->cmdline ? x->cmdline : "", y->cmdline ? y->cmdline : "");
	if (rc == 0)
		rc = (x->first_ns > y->first_ns) - (x->first_ns < y->first_ns);
	return rc;
}

/* Whether b is a later file of the rotated set that a is of; of inputs in that order. */
static bool goes_on(const struct merge_input *a, const struct merge_input *b)
{
	return a->is_file && b->is_file && a->has_split && b->has_split && a->clock == b->clock &&
	       a->cmdline && b->cmdline && strcmp(a->cmdline, b->cmdline) == 0 &&
	       b->split > a->split;
}

static int add_recording(struct merge_inputs *m, struct merge_input **first, size_t n)
{
	struct merge_recording *r = &m->recordings[m->n_recordings];

	if (m->n_recordings == MERGE_RECORDINGS_MAX) {
		terminal_error(
			"merge: more than %d recordings at one time; merge some of them first",
			MERGE_RECORDINGS_MAX);
		return -E2BIG;
	}
	*r = (struct merge_recording){.clock = &m->clocks.v[first[0]->clock]};
	r->words = calloc(n, sizeof(*r->words));
	if (!r->words)
		return out_of_memory();
	for (size_t i = 0; i < n; i++)
		r->words[i] = first[i]->word;
	r->n_words = n;
	r->source = first[0]->source;
	first[0]->source = NULL;
	if (r->source)
		r->walk = ev_walk(first[0]->batch);
	m->n_recordings++;
	return 0;
}

static int make_recordings(struct merge_inputs *m)
{
	const struct source_options options = {.progress = SOURCE_PROGRESS};
	struct merge_input **order = calloc(m->n, sizeof(*order));
	int rc = 0;

	if (!order)
		return out_of_memory();
	for (uint32_t i = 0; i < m->n; i++)
		order[i] = &m->v[i];
	qsort(order, m->n, sizeof(*order), by_recording);
	for (uint32_t i = 0, end; rc == 0 && i < m->n; i = end) {
		for (end = i + 1; end < m->n && goes_on(order[end - 1], order[end]);)
			end++;
		rc = add_recording(m, &order[i], end - i);
	}
	free(order);
	for (uint32_t i = 0; rc == 0 && i < m->n_recordings; i++) {
		struct merge_recording *r = &m->recordings[i];

		if (!r->source)
			rc = source_open(&r->source, &options, r->words, r->n_words);
	}
	return rc;
}

int merge_inputs_open(struct merge_inputs *m, char *const *words, size_t n)
{
	int rc = 0;

	*m = (struct merge_inputs){.v = calloc(n, sizeof(*m->v))};
	if (!m->v)
		return out_of_memory();
	for (size_t i = 0; rc == 0 && i < n; i++) {
		m->v[m->n] = (struct merge_input){.word = words[i]};
		rc = look_at(m, &m->v[m->n++]);
	}
	if (rc < 0)
		return rc;
	merge_clocks_settle(&m->clocks);
	for (uint32_t i = 0; i < m->n; i++)
		if (m->clocks.n > 1 && !m->clocks.v[m->v[i].clock].n_samples) {
			terminal_error("%s: does not say its wall clock, and cannot be merged with "
				       "recordings of other machines",
				       m->v[i].word);
			return -EINVAL;
		}
	return make_recordings(m);
}

void merge_inputs_close(struct merge_inputs *m)
{
	for (uint32_t i = 0; i < m->n; i++) {
		source_close(m->v[i].source);
		free(m->v[i].cmdline);
	}
	for (uint32_t i = 0; i < m->n_recordings; i++) {
		source_close(m->recordings[i].source);
		free(m->recordings[i].words);
		provenance_list_free(&m->recordings[i].provenance);
	}
	merge_clocks_fini(&m->clocks);
	free(m->v);
	m->v = NULL;
	m->n = m->n_recordings = 0;
}

int merge_recording_next(struct merge_recording *r, bool *fresh)
{
	struct ev_batch *batch;
	int rc;

	*fresh = r->walk.batch && r->walk.i == 0;
	while (!r->walk.batch || !ev_next(&r->walk, &r->ev)) {
		rc = source_next(r->source, &batch);
		r->has_event = rc > 0;
		if (rc <= 0)
			return rc;
		r->walk = ev_walk(batch);
		r->ev = (struct ev){0};
		*fresh = true;
	}
	r->has_event = true;
	if (r->ev.common && EV_HAS(r->ev.common, common, timestamp)) {
		uint64_t at = merge_clock_time(r->clock, r->ev.common->timestamp);

		if (at > r->key_ns)
			r->key_ns = at;
	}
	return 0;
}
