/* SPDX-License-Identifier: BSD-2-Clause */
/* --fields: chosen fields of events as columns, or as JSON objects. */
#ifndef ANALYZE_FIELDS_TABLE_H
#define ANALYZE_FIELDS_TABLE_H

#include "analyze/filter/fields.h"
#include "formats/text/text.h"

enum { FIELDS_MAX = 64 }; /* columns */

struct fields_list {
	struct field *v; /* owned */
	size_t n;
};

/* "time,dev.name,ip.src": 0, or a negative errno with the message already on standard error. */
int fields_list_parse(struct fields_list *l, const char *text);
void fields_list_free(struct fields_list *l);

/*
 * {"time":1,"dev.name":"eth0"}: what the event has of the fields, in their order, and a line feed. False, and
 * nothing: it has none of them, or it is a row of the recording and only its time and task are asked for.
 */
bool fields_put_json(const struct fields_list *l, const struct ev *ev, struct buf *out);

/* Rows that wait for the widths of their columns; zeroed at first. */
struct fields_table {
	struct buf cells;
	uint32_t *ends; /* of each cell in cells */
	uint32_t n, cap;
	uint32_t widths[FIELDS_MAX];
	bool has_head, failed;
};

/* Adds a row as fields_put_json() would; text: how times are shown. */
void fields_table_add(struct fields_table *t, const struct fields_list *l, const struct ev *ev,
		      struct text *text);
/* Appends the rows added since the last call; columns only get wider. */
void fields_table_flush(struct fields_table *t, const struct fields_list *l, struct buf *out);
void fields_table_free(struct fields_table *t);

#endif
