/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyze/filter/fields_table.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/filter/filter.h"
#include "cli/terminal.h"
#include "formats/json.h"
#include "formats/json_event.h"

/* Wider cells push what is behind them aside, not the whole column. */
enum { WIDTH_MAX = 60 };

/* An event, and its headers once somebody asked for them. */
struct row {
	const struct ev *ev;
	bool is_parsed;
	struct packet_headers h;
};

int fields_list_parse(struct fields_list *l, const char *text)
{
	*l = (struct fields_list){calloc(FIELDS_MAX, sizeof(*l->v)), 0};
	if (!l->v) {
		terminal_error("out of memory");
		return -ENOMEM;
	}
	for (const char *p = text;; p++) {
		size_t len = strcspn(p, ",");
		struct field *f = &l->v[l->n];

		if (l->n == FIELDS_MAX) {
			terminal_error("--fields: more than %d fields", FIELDS_MAX);
			goto fail;
		}
		if (!fields_find(f, p, len)) {
			const char *near = fields_nearest(p, len);

			terminal_error("--fields: column %zu: there is no field %.*s%s%s%s",
				       (size_t)(p - text) + 1, (int)(len < 60 ? len : 60), p,
				       near ? "; did you mean " : "; skbox schema lists them",
				       near ? near : "", near ? "?" : "");
			goto fail;
		}
		l->n++;
		p += len;
		if (!*p)
			return 0;
	}
fail:
	fields_list_free(l);
	return -EINVAL;
}

void fields_list_free(struct fields_list *l)
{
	free(l->v);
	*l = (struct fields_list){0};
}

/* ---- values ---- */

/* Whether the event has a source; *at: the section's row. */
static bool has_source(struct row *r, const struct field_source *from, const void **at)
{
	const struct schema_field *f = from->schema;

	if (f) {
		*at = r->ev->row[f->section];
		return *at && *(const uint64_t *)*at >> f->bit & 1;
	}
	if (!r->ev->packet)
		return false;
	if (!r->is_parsed)
		packet_parse(r->ev->packet, &r->h);
	r->is_parsed = true;
	return r->h.has >> from->packet & 1;
}

static void put_address(const uint8_t *p, size_t len, struct buf *out)
{
	char text[INET6_ADDRSTRLEN];

	if (len == 6)
		buf_printf(out, "%02x:%02x:%02x:%02x:%02x:%02x", p[0], p[1], p[2], p[3], p[4],
			   p[5]);
	else if ((len == 4 || len == 16) &&
		 inet_ntop(len == 4 ? AF_INET : AF_INET6, p, text, sizeof(text)))
		buf_str(out, text);
	else
		buf_str(out, "?");
}

static void put_tcp_flags(uint64_t v, struct buf *out)
{
	static const char letters[] = "FSRP.UEWe";

	for (int i = 0; letters[i]; i++)
		if (v >> i & 1)
			buf_u8(out, (uint8_t)letters[i]);
	if (!v)
		buf_str(out, "none");
}

static void put_int(const struct field *f, uint64_t v, struct buf *out)
{
	if (f->is_tcp_flags) {
		put_tcp_flags(v, out);
		return;
	}
	for (const struct field_symbol *s = f->symbols; s && s->name; s++)
		if (s->value == v) {
			buf_str(out, s->name);
			return;
		}
	if (f->is_signed) {
		buf_int(out, (int64_t)v);
	} else if (f->base == SCHEMA_HEX) {
		buf_str(out, "0x");
		buf_hex(out, v);
	} else {
		buf_dec(out, v);
	}
}

static void put_raw(const uint8_t *p, size_t len, struct buf *out)
{
	for (size_t i = 0; i < len; i++)
		buf_printf(out, "%02x", p[i]);
}

static void put_string(const struct field *f, struct ev_str s, bool is_text, struct buf *out)
{
	char ufid[FIELD_UFID_BYTES];

	if (f->kind == FIELD_RAW)
		put_raw((const uint8_t *)s.p, s.len, out);
	else if ((f->kind == FIELD_ADDRESS || f->kind == FIELD_MAC) && !is_text)
		put_address((const uint8_t *)s.p, s.len, out);
	else if (f->base == SCHEMA_UFID && fields_ufid(ufid, s))
		buf_str(out, ufid);
	else
		text_untrusted(out, s.p, s.len);
}

static void put_source(const struct field *f, const struct field_source *from, const struct row *r,
		       const void *at, struct text *text, struct buf *out)
{
	const struct schema_field *s = from->schema;
	const void *member = s ? (const uint8_t *)at + s->offset : NULL;

	if (!s && f->kind == FIELD_INT) {
		put_int(f, r->h.v[from->packet], out);
	} else if (!s) {
		put_address(r->h.bytes[from->packet], r->h.len[from->packet], out);
	} else if (s->base == SCHEMA_TIME) {
		text_time(text, schema_get(s, at), out);
	} else if (s->type == SCHEMA_STR) {
		put_string(f, *(const struct ev_str *)member, from->is_text, out);
	} else if (s->type == SCHEMA_BYTES) {
		const struct ev_bytes *b = member;

		put_raw(b->p, b->len, out);
	} else if (s->type == SCHEMA_LIST) {
		const struct ev_list *list = member;

		for (uint32_t i = 0; i < list->n; i++) {
			if (i)
				buf_u8(out, ',');
			put_string(f, list->v[i], false, out);
		}
	} else {
		put_int(f, schema_get(s, at), out);
	}
}

static void put_source_json(const struct field *f, const struct field_source *from,
			    const struct row *r, const void *at, struct buf *out)
{
	struct buf address = {0};

	if (from->schema) {
		json_event_put_value(from->schema, at, out);
	} else if (f->kind == FIELD_INT) {
		buf_dec(out, r->h.v[from->packet]);
	} else {
		put_address(r->h.bytes[from->packet], r->h.len[from->packet], &address);
		json_put_string(out, (const char *)address.p, address.len);
		buf_free(&address);
	}
}

/* "tcp", "drop": whether it is there. */
static bool has_group(const struct field *f, struct row *r)
{
	const void *at;

	for (unsigned int i = 0; i < f->n; i++)
		if (has_source(r, &f->from[i], &at))
			return true;
	return (r->ev->sections & f->sections) != 0;
}

/* False, and nothing: the event does not have it. */
static bool put_field(const struct field *f, struct row *r, struct text *text, struct buf *out)
{
	bool any = false;

	if (f->kind == FIELD_GROUP) {
		any = has_group(f, r);
		if (any)
			buf_str(out, "yes");
		return any;
	}
	for (unsigned int i = 0; i < f->n; i++) {
		const void *at = NULL;

		if (!has_source(r, &f->from[i], &at))
			continue;
		if (any)
			buf_u8(out, ',');
		any = true;
		put_source(f, &f->from[i], r, at, text, out);
	}
	return any;
}

/* Its value, or an array where there are several. */
static bool put_field_json(const struct field *f, struct row *r, struct buf *out)
{
	size_t begin = out->len;
	unsigned int n = 0;

	if (f->kind == FIELD_GROUP) {
		n = has_group(f, r);
		if (n)
			buf_str(out, "true");
		return n > 0;
	}
	for (unsigned int i = 0; i < f->n; i++) {
		const void *at = NULL;

		if (!has_source(r, &f->from[i], &at))
			continue;
		if (n++)
			buf_u8(out, ',');
		put_source_json(f, &f->from[i], r, at, out);
	}
	if (n > 1 && buf_room(out, 2)) {
		memmove(out->p + begin + 1, out->p + begin, out->len - begin);
		out->p[begin] = '[';
		out->len++;
		buf_u8(out, ']');
	}
	return n > 0;
}

/* Whether to show the event at all: it has one of the fields, and not just that every row has. */
static bool is_wanted(const struct fields_list *l, struct row *r)
{
	for (size_t i = 0; i < l->n; i++) {
		const struct field *f = &l->v[i];

		if (f->n && f->from[0].schema && f->from[0].schema->section == EV_common &&
		    filter_is_record(r->ev))
			continue;
		if (has_group(f, r))
			return true;
	}
	return false;
}

bool fields_put_json(const struct fields_list *l, const struct ev *ev, struct buf *out)
{
	struct row r = {.ev = ev};
	bool any = false;

	if (!is_wanted(l, &r))
		return false;
	buf_u8(out, '{');
	for (size_t i = 0; i < l->n; i++) {
		size_t begin = out->len;

		if (any)
			buf_u8(out, ',');
		json_put_key(out, l->v[i].name);
		if (put_field_json(&l->v[i], &r, out))
			any = true;
		else
			out->len = begin;
	}
	buf_str(out, "}\n");
	return true;
}

/* ---- columns ---- */

/* Characters, as far as a terminal has one place for each. */
static uint32_t width_of(const uint8_t *p, size_t len)
{
	uint32_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += (p[i] & 0xc0) != 0x80;
	return n;
}

static void add_cell(struct fields_table *t, size_t column, size_t begin)
{
	uint32_t width;

	if (t->n == t->cap) {
		uint32_t cap = t->cap ? t->cap * 2 : 1024;
		uint32_t *ends = realloc(t->ends, cap * sizeof(*ends));

		if (!ends) {
			t->failed = true;
			return;
		}
		t->ends = ends;
		t->cap = cap;
	}
	width = width_of(t->cells.p + begin, t->cells.len - begin);
	width = width < WIDTH_MAX ? width : WIDTH_MAX;
	if (width > t->widths[column])
		t->widths[column] = width;
	t->ends[t->n++] = (uint32_t)t->cells.len;
}

void fields_table_add(struct fields_table *t, const struct fields_list *l, const struct ev *ev,
		      struct text *text)
{
	struct row r = {.ev = ev};

	if (!is_wanted(l, &r))
		return;
	for (size_t i = 0; i < l->n && !t->failed; i++) {
		size_t begin = t->cells.len;

		if (!put_field(&l->v[i], &r, text, &t->cells))
			buf_u8(&t->cells, '-');
		else if (t->cells.len == begin)
			buf_str(&t->cells, "\"\"");
		add_cell(t, i, begin);
	}
	t->failed |= t->cells.failed;
}

/* Numbers end where their column ends; the last column is not filled up. */
static void put_cell(const struct field *f, const uint8_t *p, size_t len, uint32_t width,
		     bool is_last, struct buf *out)
{
	bool is_right = f->kind == FIELD_INT && !f->symbols && f->base != SCHEMA_TIME;
	uint32_t is = width_of(p, len), fill = width > is ? width - is : 0;

	if (is_right)
		buf_printf(out, "%*s", (int)fill, "");
	buf_put(out, p, len);
	if (!is_right && !is_last)
		buf_printf(out, "%*s", (int)fill, "");
	buf_u8(out, is_last ? '\n' : ' ');
}

void fields_table_flush(struct fields_table *t, const struct fields_list *l, struct buf *out)
{
	uint32_t begin = 0;

	if (t->failed)
		out->failed = true;
	if (!t->n || t->failed)
		return;
	for (size_t i = 0; i < l->n && !t->has_head; i++) {
		size_t len = strlen(l->v[i].name);

		if (len > t->widths[i])
			t->widths[i] = (uint32_t)len;
		put_cell(&l->v[i], (const uint8_t *)l->v[i].name, len, t->widths[i], i + 1 == l->n,
			 out);
	}
	t->has_head = true;
	for (uint32_t i = 0; i < t->n; i++) {
		size_t column = i % l->n;

		put_cell(&l->v[column], t->cells.p + begin, t->ends[i] - begin, t->widths[column],
			 column + 1 == l->n, out);
		begin = t->ends[i];
	}
	t->n = 0;
	buf_clear(&t->cells);
}

void fields_table_free(struct fields_table *t)
{
	buf_free(&t->cells);
	free(t->ends);
	*t = (struct fields_table){0};
}
