/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any line is an expression, and what compiles can be asked of any event and any summary. Behind the
 * first line feed is a packet that it is asked of.
 */
#include <stdlib.h>
#include <string.h>

#include "analyze/filter/fields_table.h"
#include "analyze/filter/filter_time.h"
#include "analyze/filter/where.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The packet with each kind of link, and a row of every section with every field. */
static void make_events(struct ev_batch *b, const uint8_t *p, size_t len)
{
	static const uint16_t links[] = {0, 1, 101, 113, 276, 147};

	for (size_t i = 0; i < 8; i++) {
		struct ev_packet *row;

		ev_batch_begin(b);
		row = EV_ADD(b, packet);
		EV_SET(row, packet, data, ev_bytes(b, p, len));
		if (i < sizeof(links) / sizeof(links[0]))
			EV_SET(row, packet, linktype, links[i]);
		else if (i == 7)
			EV_SET(row, packet, protocol, 0x86dd);
	}
	ev_batch_begin(b);
	for (int s = 0; s < EV_SECTIONS; s++) {
		const struct schema_section *sec = &schema_sections[s];
		uint8_t *row = ev_batch_add(b, (enum ev_section)s);
		struct ev_str text = ev_string(b, p, len);

		for (unsigned int i = 0; i < sec->n_fields; i++) {
			const struct schema_field *f = &sec->fields[i];

			*(uint64_t *)(void *)row |= UINT64_C(1) << f->bit;
			if (f->type == SCHEMA_STR)
				memcpy(row + f->offset, &text, sizeof(text));
			else if (f->type == SCHEMA_BYTES)
				*(struct ev_bytes *)(void *)(row + f->offset) = ev_bytes(b, p, len);
			else if (f->type == SCHEMA_LIST)
				*(struct ev_list *)(void *)(row + f->offset) = ev_list(b, &text, 1);
			else
				schema_set(f, row, len * UINT64_C(0x9e3779b97f4a7c15));
		}
	}
}

static void show(const struct ev_batch *b, const char *line)
{
	static const char *const names[] = {"ip.addr",  "tcp.flags", "vlan.id", "eth.src",
					    "sock.src", "time",      "tcp",     "nft.table"};
	struct field fields[8];
	struct fields_list l = {fields, 8};
	struct text_options options = {0};
	struct fields_table table = {0};
	struct ev_walk w = ev_walk(b);
	struct ev ev = {0};
	struct buf out = {0};
	struct text text;

	for (size_t i = 0; i < 8; i++)
		fields_find(&fields[i], names[i], strlen(names[i]));
	fields_nearest(line, strcspn(line, " "));
	text_init(&text, &options);
	while (ev_next(&w, &ev)) {
		fields_put_json(&l, &ev, &out);
		fields_table_add(&table, &l, &ev, &text);
	}
	fields_table_flush(&table, &l, &out);
	fields_table_free(&table);
	text_fini(&text);
	buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = memchr(data, '\n', size);
	size_t len = end ? (size_t)(end - data) : size, rest = end ? size - len - 1 : 0;
	struct skbx_summary summary = {.packets = 1, .flows = data, .probes = len};
	struct ev_batch *b = ev_batch_new();
	char *line = strndup((const char *)data, len), why[200];
	struct where_error err;
	struct filter_time t;
	struct where *w;

	if (!b || !line)
		abort();
	filter_time_parse(line, &t, why, sizeof(why));
	make_events(b, data + size - rest, rest);
	show(b, line);
	if (where_parse(&w, line, &err) == 0) {
		if (size >= 16)
			summary.flows_bytes = 16;
		where_maybe(w, &summary);
		if (!where_run(w, b) || !where_run(w, b))
			abort();
		where_free(w);
	} else if (err.at > len || !err.text[0]) {
		abort();
	}
	free(line);
	ev_batch_free(b);
	return 0;
}
