/* SPDX-License-Identifier: BSD-2-Clause */
/* The events that break rules, rendered in a second reading of the input: only then it is known which ones. */
#include <stdlib.h>
#include <string.h>

#include "analyze/check/check.h"
#include "analyze/filter/filter.h"
#include "analyze/source/source.h"

/* Examples by the number of their event, in order. */
struct want {
	uint64_t ordinal;
	struct check_example *x;
};

struct finder {
	struct want *want;
	size_t n, at;
	struct check_table journeys;
	struct text text;
};

/* Examples that show one journey: of several rules. */
struct journey_want {
	struct check_entry entry;
	struct check_example *x[CHECK_RULES_MAX];
	unsigned int n;
};

static int by_ordinal(const void *a, const void *b)
{
	const struct want *x = a, *y = b;

	return x->ordinal < y->ordinal ? -1 : x->ordinal > y->ordinal;
}

static void no_eviction(void *ctx, void *state)
{
}

static bool want_journey(struct finder *f, struct check_example *x)
{
	struct sort_key key = {{x->journey.time, x->journey.head}};
	struct journey_want *w;
	bool is_new;

	w = check_table_get(&f->journeys, &key, &is_new, no_eviction, NULL);
	if (w && w->n < CHECK_RULES_MAX)
		w->x[w->n++] = x;
	return w != NULL;
}

static bool collect(struct finder *f, struct check *c)
{
	f->want = calloc((size_t)CHECK_RULES_MAX * CHECK_EXAMPLES_MAX * 2, sizeof(*f->want));
	check_table_init(&f->journeys, sizeof(struct journey_want),
			 (size_t)CHECK_RULES_MAX * CHECK_EXAMPLES_MAX);
	for (unsigned int i = 0; f->want && i < c->n_rules; i++) {
		struct check_rule *r = &c->rule[i];

		for (unsigned int e = 0; r->verdict == CHECK_FAIL && e < r->n_examples; e++) {
			struct check_example *x = &r->example[e];

			if (x->is_journey && !want_journey(f, x))
				return false;
			for (int o = 0; !x->is_journey && o < 2; o++)
				if (x->ordinal[o])
					f->want[f->n++] = (struct want){x->ordinal[o], x};
		}
	}
	if (f->want)
		qsort(f->want, f->n, sizeof(*f->want), by_ordinal);
	return f->want != NULL;
}

static void render(struct finder *f, struct check_example *x, const struct ev *ev)
{
	if (x->events++ >= CHECK_EXAMPLE_EVENTS)
		return;
	if (text_event(&f->text, ev, 0, &x->text))
		buf_u8(&x->text, '\n');
}

static void find_journey(struct finder *f, const struct ev *ev)
{
	struct journey_key journey;
	struct journey_want *w;
	struct sort_key key;

	if (!f->journeys.n || !journey_of(ev, &journey))
		return;
	key = (struct sort_key){{journey.time, journey.head}};
	w = check_table_find(&f->journeys, &key);
	for (unsigned int i = 0; w && i < w->n; i++)
		render(f, w->x[i], ev);
}

static void find_batch(struct finder *f, const struct filter *filter, const struct ev_batch *batch,
		       uint64_t *ordinal, bool (*match)(struct filter *f, const struct ev *ev))
{
	struct ev_walk w = ev_walk(batch);
	struct ev ev = {0};

	while (ev_next(&w, &ev)) {
		++*ordinal;
		text_skip(&f->text, &ev);
		for (; f->at < f->n && f->want[f->at].ordinal <= *ordinal; f->at++)
			render(f, f->want[f->at].x, &ev);
		if (!filter_is_record(&ev) && match((struct filter *)filter, &ev))
			find_journey(f, &ev);
	}
}

static void ignore_damage(void *ctx, const struct skbox_error *what, const char *unit)
{
}

int check_examples_render(struct check *c, const struct filter_options *filter,
			  const struct text_options *text, char *const *inputs, size_t n)
{
	const struct source_options options = {.damage = ignore_damage};
	struct source *source = NULL;
	struct filter *f = NULL;
	struct finder finder = {0};
	struct ev_batch *batch;
	uint64_t ordinal = 0;
	int rc = 0;

	text_init(&finder.text, text);
	if (!collect(&finder, c)) {
		c->failed = true;
		goto out;
	}
	if (!finder.n && !finder.journeys.n)
		goto out;
	rc = filter_new(&f, filter);
	if (!rc)
		rc = filter_open(f, &source, &options, inputs, n);
	while (!rc && (rc = source_next(source, &batch)) > 0) {
		find_batch(&finder, f, batch, &ordinal, filter_match);
		rc = 0;
		if (finder.at == finder.n && !finder.journeys.n)
			break;
	}
out:
	source_close(source);
	filter_free(f);
	text_fini(&finder.text);
	check_table_free(&finder.journeys);
	free(finder.want);
	return rc < 0 ? rc : 0;
}
