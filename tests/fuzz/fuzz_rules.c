/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any text is a file of rules, or an error with its place; and what is rules can be asked of a recording that has
 * every section with every field, and judged.
 */
#include <stdlib.h>
#include <string.h>

#include "analyze/check/check.h"
#include "analyze/filter/filter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROWS = 6 };

static void fill(struct ev_batch *b, enum ev_section s, uint64_t seed)
{
	const struct schema_section *sec = &schema_sections[s];
	uint8_t *row = ev_batch_add(b, s);
	struct ev_str text = ev_text(b, seed & 1 ? "eth0" : "net:netif_receive_skb");

	for (unsigned int i = 0; i < sec->n_fields; i++) {
		const struct schema_field *f = &sec->fields[i];

		*(uint64_t *)(void *)row |= UINT64_C(1) << f->bit;
		if (f->type == SCHEMA_STR)
			memcpy(row + f->offset, &text, sizeof(text));
		else if (f->type == SCHEMA_LIST)
			*(struct ev_list *)(void *)(row + f->offset) = ev_list(b, &text, 1);
		else if (f->type != SCHEMA_BYTES)
			schema_set(f, row, seed * UINT64_C(0x9e3779b97f4a7c15) >> (i + s) % 64);
	}
}

/* Made once: the rules are what changes. */
static const struct ev_batch *recording(void)
{
	static struct ev_batch *b;

	if (b)
		return b;
	b = ev_batch_new();
	if (!b)
		abort();
	for (uint64_t i = 0; i < ROWS; i++) {
		ev_batch_begin(b);
		for (int s = 0; s < EV_SECTIONS; s++)
			if (!i || (i + (uint64_t)s) % 3)
				fill(b, (enum ev_section)s, i);
	}
	return b;
}

/* What names and messages of rules look like in each format: no byte of them ends a line or an element. */
static void report(const struct check *c)
{
	static void (*const writers[])(const struct check_report *r, struct buf *out) = {
		check_put_text, check_put_tap, check_put_junit, check_put_json};
	static const char *const inputs[] = {"f.skbx"};
	const struct check_report r = {.c = c, .inputs = inputs, .n_inputs = 1, .tap_version = 14};
	struct buf out = {0};

	for (size_t i = 0; i < sizeof(writers) / sizeof(writers[0]); i++) {
		buf_clear(&out);
		writers[i](&r, &out);
		if (!out.len || memchr(out.p, 0, out.len))
			abort();
	}
	buf_free(&out);
}

static void judge(struct check *c)
{
	const struct ev_batch *b = recording();
	struct ev_walk w = ev_walk(b);
	struct ev ev = {0};

	if (!check_batch(c, b))
		abort();
	while (ev_next(&w, &ev)) {
		check_record(c, &ev);
		if (!filter_is_record(&ev))
			check_event(c, &ev);
	}
	check_end(c);
	for (size_t i = 0; i < c->n_rules; i++)
		if (c->rule[i].verdict > CHECK_UNKNOWN)
			abort();
	report(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct skbox_error err = {0};
	struct check c = {.examples = 2};

	if (check_rules_read(&c, "f.yaml", (const char *)data, size, &err) == 0)
		judge(&c);
	else if (strncmp(err.text, "f.yaml:", 7) != 0 && strcmp(err.text, "out of memory") != 0)
		abort();
	check_fini(&c);
	return 0;
}
