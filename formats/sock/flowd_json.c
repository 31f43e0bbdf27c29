// SPDX-License-Identifier: BSD-2-Clause
#include "formats/sock/flowd_json.h"

#include <string.h>

#include "formats/json.h"
#include "formats/schema.h"
#include "formats/sock/sock_ss.h"

/*
 * Keys and their order come from the table of fields (schema.def, column "foreign"): "OBJECT.KEY" or
 * "OBJECT.ID.KEY". Here is only what a table of fields does not know: the order of the objects, and
 * the few values that are no plain integers.
 */
struct writer {
	struct buf *out;
	bool pretty;
	bool first; /* no comma before the next member */
	int level;
};

static void line(struct writer *w)
{
	if (!w->pretty)
		return;
	buf_u8(w->out, '\n');
	for (int i = 0; i < w->level; i++)
		buf_str(w->out, "    ");
}

static void open(struct writer *w, char c)
{
	buf_u8(w->out, (uint8_t)c);
	w->level++;
	w->first = true;
}

static void close(struct writer *w, char c)
{
	w->level--;
	if (!w->first)
		line(w);
	buf_u8(w->out, (uint8_t)c);
	w->first = false;
}

/* What stands before an element of an array or the key of a member. */
static void next(struct writer *w)
{
	if (!w->first)
		buf_u8(w->out, ',');
	w->first = false;
	line(w);
}

static void key(struct writer *w, const char *name, size_t len)
{
	next(w);
	buf_u8(w->out, '"');
	buf_put(w->out, name, len);
	buf_str(w->out, w->pretty ? "\": " : "\":");
}

static void key_text(struct writer *w, const char *name)
{
	key(w, name, strlen(name));
}

static void put_address(struct writer *w, struct ev_str address)
{
	buf_u8(w->out, '"');
	sock_ss_address(w->out, address.p, address.len);
	buf_u8(w->out, '"');
}

/* Two words, the low one first. */
static void put_cookie(struct writer *w, uint64_t cookie)
{
	open(w, '[');
	next(w);
	buf_dec(w->out, (uint32_t)cookie);
	next(w);
	buf_dec(w->out, cookie >> 32);
	close(w, ']');
}

static void put_hex(struct writer *w, struct ev_str bytes)
{
	static const char digits[] = "0123456789abcdef";

	buf_u8(w->out, '"');
	for (uint32_t i = 0; i < bytes.len; i++) {
		buf_u8(w->out, (uint8_t)digits[(uint8_t)bytes.p[i] >> 4]);
		buf_u8(w->out, (uint8_t)digits[bytes.p[i] & 15]);
	}
	buf_u8(w->out, '"');
}

/* Attributes as they came, each as hexadecimal digits: type and length in front. */
static void put_list(struct writer *w, const struct ev_list *list)
{
	open(w, '[');
	for (uint32_t i = 0; i < list->n; i++) {
		next(w);
		put_hex(w, list->v[i]);
	}
	close(w, ']');
}

static void put_value(struct writer *w, const struct schema_field *f, const void *row)
{
	const void *member = (const char *)row + f->offset;

	if (!(*(const uint64_t *)row >> f->bit & 1))
		buf_str(w->out, "null");
	else if (f->section == EV_diag && f->bit == EVI_diag_cookie)
		put_cookie(w, schema_get(f, row));
	else if (f->type == SCHEMA_STR && f->base == SCHEMA_ADDR)
		put_address(w, *(const struct ev_str *)member);
	else if (f->type == SCHEMA_STR)
		json_put_string(w->out, ((const struct ev_str *)member)->p,
				((const struct ev_str *)member)->len);
	else if (f->type == SCHEMA_LIST)
		put_list(w, member);
	else
		buf_dec(w->out, schema_get(f, row));
}

/* Members of the object that the fields of a section have; with `skip_absent` none that are not there. */
static void put_members(struct writer *w, enum ev_section s, const char *object, const void *row,
			bool skip_absent)
{
	const struct schema_section *section = &schema_sections[s];
	size_t len = strlen(object), inner = 0;

	for (unsigned int i = 0; i < section->n_fields; i++) {
		const struct schema_field *f = &section->fields[i];
		const char *name = f->foreign + len + 1, *dot;

		if (strncmp(f->foreign, object, len) != 0 || f->foreign[len] != '.')
			continue;
		if (skip_absent && !(*(const uint64_t *)row >> f->bit & 1))
			continue;
		dot = strchr(name, '.');
		if (inner && !dot) {
			close(w, '}');
			inner = 0;
		}
		if (dot && !inner) {
			inner = (size_t)(dot - name);
			key(w, name, inner);
			open(w, '{');
		}
		key_text(w, dot ? dot + 1 : name);
		put_value(w, f, row);
	}
	if (inner)
		close(w, '}');
}

static void put_object(struct writer *w, enum ev_section s, const char *object, const void *row)
{
	key_text(w, object);
	if (!row) {
		buf_str(w->out, "null");
		return;
	}
	open(w, '{');
	put_members(w, s, object, row, false);
	close(w, '}');
}

/* MEMINFO holds four numbers of SKMEMINFO: inet_sk_diag_fill() takes both from the same places. */
static const struct ev_meminfo *derive_meminfo(const struct ev *ev, struct ev_meminfo *m)
{
	const struct ev_skmeminfo *s = ev->skmeminfo;

	if (ev->meminfo || !s)
		return ev->meminfo;
	*m = (struct ev_meminfo){0};
	if (EV_HAS(s, skmeminfo, rmem_alloc))
		EV_SET(m, meminfo, rmem, s->rmem_alloc);
	if (EV_HAS(s, skmeminfo, wmem_queued))
		EV_SET(m, meminfo, wmem, s->wmem_queued);
	if (EV_HAS(s, skmeminfo, fwd_alloc))
		EV_SET(m, meminfo, fmem, s->fwd_alloc);
	if (EV_HAS(s, skmeminfo, wmem_alloc))
		EV_SET(m, meminfo, tmem, s->wmem_alloc);
	return m;
}

static void put_ext(struct writer *w, const struct ev *ev)
{
	key_text(w, "ext");
	open(w, '{');
	if (ev->common && EV_HAS(ev->common, common, timestamp)) {
		key_text(w, "time");
		buf_dec(w->out, ev->common->timestamp);
	}
	if (ev->snap && EV_HAS(ev->snap, snap, cause)) {
		key_text(w, "cause");
		json_put_string(w->out, ev->snap->cause.p, ev->snap->cause.len);
	}
	if (ev->netns) {
		key_text(w, "netns");
		open(w, '{');
		if (EV_HAS(ev->netns, netns, cookie)) {
			key_text(w, "cookie");
			buf_dec(w->out, ev->netns->cookie);
		}
		key_text(w, "inum");
		buf_dec(w->out, ev->netns->inum);
		close(w, '}');
	}
	if (ev->tcpinfo_new)
		put_members(w, EV_tcpinfo_new, "ext", ev->tcpinfo_new, true);
	if (ev->diag_attr)
		put_members(w, EV_diag_attr, "ext", ev->diag_attr, true);
	close(w, '}');
}

void flowd_json(const struct ev *ev, const struct flowd_json_options *options, struct buf *out)
{
	struct writer w = {.out = out, .pretty = options->pretty};
	struct ev_meminfo derived;
	const struct ev_diag_attr *a = ev->diag_attr;

	if (!ev->diag)
		return;
	open(&w, '{');
	put_object(&w, EV_diag, "skBuff", ev->diag);
	put_object(&w, EV_tcpinfo, "tcpInfo", ev->tcpinfo);
	put_object(&w, EV_bbr, "bbr", ev->bbr);
	put_object(&w, EV_diag_attr, "tos", a && EV_HAS(a, diag_attr, tos) ? a : NULL);
	put_object(&w, EV_meminfo, "memInfo", derive_meminfo(ev, &derived));
	put_object(&w, EV_skmeminfo, "skMemInfo", ev->skmeminfo);
	put_object(&w, EV_cong, "cong", ev->cong);
	put_object(&w, EV_vegas, "vegasInfo", ev->vegas);
	put_object(&w, EV_dctcp, "dctcpInfo", ev->dctcp);
	if (options->ext)
		put_ext(&w, ev);
	close(&w, '}');
}
