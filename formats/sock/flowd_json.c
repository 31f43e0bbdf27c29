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
	bool lean;
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

static void put_hex(struct writer *w, const void *bytes, uint32_t len)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *p = bytes;

	buf_u8(w->out, '"');
	for (uint32_t i = 0; i < len; i++) {
		buf_u8(w->out, (uint8_t)digits[p[i] >> 4]);
		buf_u8(w->out, (uint8_t)digits[p[i] & 15]);
	}
	buf_u8(w->out, '"');
}

/* Attributes as they came, each as hexadecimal digits: type and length in front. */
static void put_list(struct writer *w, const struct ev_list *list)
{
	open(w, '[');
	for (uint32_t i = 0; i < list->n; i++) {
		next(w);
		put_hex(w, list->v[i].p, list->v[i].len);
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
	else if (f->type == SCHEMA_BYTES)
		put_hex(w, ((const struct ev_bytes *)member)->p,
			((const struct ev_bytes *)member)->len);
	else if (f->type == SCHEMA_STR && f->base == SCHEMA_RAW)
		put_hex(w, ((const struct ev_str *)member)->p,
			((const struct ev_str *)member)->len);
	else if (f->type == SCHEMA_STR)
		json_put_string(w->out, ((const struct ev_str *)member)->p,
				((const struct ev_str *)member)->len);
	else if (f->type == SCHEMA_LIST)
		put_list(w, member);
	else
		buf_dec(w->out, schema_get(f, row));
}

/* What flowd-go's lean mode keeps of tcpInfo (and spells "Retransmits", unlike its other modes). */
static bool is_lean(const struct schema_field *f)
{
	static const uint8_t bits[] = {
		EVI_tcpinfo_retransmits, EVI_tcpinfo_snd_mss,       EVI_tcpinfo_pmtu,
		EVI_tcpinfo_rtt,         EVI_tcpinfo_rttvar,        EVI_tcpinfo_snd_ssthresh,
		EVI_tcpinfo_snd_cwnd,    EVI_tcpinfo_advmss,        EVI_tcpinfo_min_rtt,
		EVI_tcpinfo_bytes_sent,  EVI_tcpinfo_delivery_rate,
	};

	if (f->section != EV_tcpinfo)
		return true;
	for (size_t i = 0; i < sizeof(bits); i++)
		if (bits[i] == f->bit)
			return true;
	return false;
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
		if (w->lean && !is_lean(f))
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
	static const enum ev_section sections[] = {EV_snap, EV_diag, EV_tcpinfo, EV_tcpinfo_new,
						   EV_diag_attr};

	key_text(w, "ext");
	open(w, '{');
	if (ev->common && EV_HAS(ev->common, common, timestamp)) {
		key_text(w, "time");
		buf_dec(w->out, ev->common->timestamp);
	}
	for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++)
		if (ev->row[sections[i]])
			put_members(w, sections[i], "ext", ev->row[sections[i]], true);
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
	close(w, '}');
}

static void put_document(struct writer *w, const struct ev *ev)
{
	const struct ev_diag_attr *a = ev->diag_attr;
	struct ev_meminfo derived;

	put_object(w, EV_diag, "skBuff", ev->diag);
	put_object(w, EV_tcpinfo, "tcpInfo", ev->tcpinfo);
	put_object(w, EV_bbr, "bbr", ev->bbr);
	put_object(w, EV_diag_attr, "tos", a && EV_HAS(a, diag_attr, tos) ? a : NULL);
	put_object(w, EV_meminfo, "memInfo", derive_meminfo(ev, &derived));
	put_object(w, EV_skmeminfo, "skMemInfo", ev->skmeminfo);
	put_object(w, EV_cong, "cong", ev->cong);
	put_object(w, EV_vegas, "vegasInfo", ev->vegas);
	put_object(w, EV_dctcp, "dctcpInfo", ev->dctcp);
}

static void put_lean(struct writer *w, const struct ev *ev)
{
	w->lean = true;
	put_object(w, EV_tcpinfo, "tcpInfo", ev->tcpinfo);
	put_object(w, EV_cong, "cong", ev->cong);
	w->lean = false;
}

void flowd_json(const struct ev *ev, const struct flowd_json_options *options, struct buf *out)
{
	struct writer w = {.out = out, .pretty = options->pretty};

	if (!ev->diag)
		return;
	open(&w, '{');
	if (options->lean)
		put_lean(&w, ev);
	else
		put_document(&w, ev);
	if (options->ext)
		put_ext(&w, ev);
	close(&w, '}');
}
