/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyze/anonymize/residue.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/anonymize/anon_event.h"

/* Names shorter than this are looked for as whole words of text only: as bytes they are anywhere. */
enum { NAME_BYTES_MIN = 5, MAC_DIGITS = 12 };

/* So many different bytes of an address that is longer than four are nowhere by chance. */
enum { RARE_BYTES_MIN = 4 };

struct residue {
	const struct anon *a;
	struct anon_seen images; /* what was put in: of which originals are searched in vain */
	struct anon_room *room;
	bool *ambiguous; /* by value */
	uint32_t *names; /* values that are names, not ambiguous */
	uint32_t n_names;
	uint64_t values, n_ambiguous, found, event;
	uint64_t *checked; /* a bit a string of the batch */
	struct buf lines;
};

static bool is_needle(const struct residue *r, const struct anon_seen_value *v)
{
	return v && !v->kept && !r->ambiguous[v - r->a->seen.v];
}

struct residue *residue_new(const struct anon *a)
{
	struct residue *r = calloc(1, sizeof(*r));
	uint32_t n = a->seen.n;

	if (!r)
		return NULL;
	r->a = a;
	r->room = calloc(1, sizeof(*r->room));
	r->ambiguous = calloc(n + 1, sizeof(*r->ambiguous));
	r->names = calloc(n + 1, sizeof(*r->names));
	if (!r->room || !r->ambiguous || !r->names)
		goto fail;
	for (uint32_t i = 0; i < n; i++) {
		const struct anon_seen_value *v = &a->seen.v[i];

		if (!v->kept && !anon_seen_find(&r->images, v->kind, v->image, v->image_length))
			anon_seen_add(&r->images, v->kind, v->image, v->image_length, "", 0);
	}
	if (r->images.failed)
		goto fail;
	for (uint32_t i = 0; i < n; i++) {
		const struct anon_seen_value *v = &a->seen.v[i];

		if (v->kept)
			continue;
		r->ambiguous[i] = anon_seen_find(&r->images, v->kind, v->original, v->length);
		r->n_ambiguous += r->ambiguous[i];
		r->values += !r->ambiguous[i];
		if (v->kind == ANON_NAME && !r->ambiguous[i])
			r->names[r->n_names++] = i;
	}
	return r;
fail:
	residue_free(r);
	return NULL;
}

void residue_free(struct residue *r)
{
	if (!r)
		return;
	anon_seen_fini(&r->images);
	if (r->room)
		buf_free(&r->room->text);
	free(r->room);
	free(r->ambiguous);
	free(r->names);
	free(r->checked);
	buf_free(&r->lines);
	free(r);
}

uint64_t residue_found(const struct residue *r)
{
	return r->found;
}

const struct buf *residue_lines(const struct residue *r)
{
	return &r->lines;
}

uint64_t residue_values(const struct residue *r)
{
	return r->values;
}

uint64_t residue_ambiguous(const struct residue *r)
{
	return r->n_ambiguous;
}

static void put_original(struct buf *out, const struct anon_seen_value *v)
{
	char text[INET6_ADDRSTRLEN];
	uint64_t number;

	switch (v->kind) {
	case ANON_IPV4:
	case ANON_IPV6:
		inet_ntop(v->kind == ANON_IPV4 ? AF_INET : AF_INET6, v->original, text,
			  sizeof(text));
		buf_str(out, text);
		break;
	case ANON_MAC:
		for (int i = 0; i < 6; i++)
			buf_printf(out, "%s%02x", i ? ":" : "", v->original[i]);
		break;
	case ANON_NUMBER:
		memcpy(&number, v->original, 8);
		buf_printf(out, "0x%" PRIx64, number);
		break;
	default: buf_put(out, v->original, v->length);
	}
}

static void tell(struct residue *r, const struct anon_seen_value *v, const char *where,
		 uint64_t offset)
{
	if (r->found++ >= RESIDUE_TOLD_MAX)
		return;
	put_original(&r->lines, v);
	buf_printf(&r->lines, " in %s of event %" PRIu64 ", byte %" PRIu64 "\n", where, r->event,
		   offset);
}

/* ---- bytes ---- */

/*
 * Whether an address may stand there: where no header is, or one has an address of its size, or ends one
 * with it. Elsewhere are sequence numbers, sums, options: of four bytes that happen to be those of an address there
 * is one in a few hundred packets, as 10.0.0.1 is how a TCP header with timestamps goes on behind its checksum.
 */
static bool may_be(const uint8_t *marks, size_t at, size_t n, size_t len)
{
	bool last = at + n == len || marks[at + n] != ANON_MARK_ADDRESS, unknown = true;

	for (size_t i = 0; i < n; i++)
		unknown &= marks[at + i] == ANON_MARK_UNKNOWN;
	if (unknown)
		return true;
	for (size_t i = 1; i < n; i++)
		last &= marks[at + i] == ANON_MARK_ADDRESS;
	return last && (marks[at] == ANON_MARK_BEGIN || (n == 4 && marks[at] == ANON_MARK_ADDRESS));
}

/* Whether these bytes are those of an address wherever they stand: then no dissector is believed. */
static bool is_rare(const uint8_t *p, size_t n)
{
	size_t different = 0;

	for (size_t i = 0; i < n; i++)
		different += !memchr(p, p[i], i);
	return n > 4 && different >= RARE_BYTES_MIN;
}

static void search_bytes(struct residue *r, const uint8_t *p, size_t len, const uint8_t *marks,
			 const char *where)
{
	static const uint8_t sizes[] = {[ANON_IPV4] = 4, [ANON_IPV6] = 16, [ANON_MAC] = 6};
	uint8_t turned[16];

	for (size_t at = 0; at < len; at++)
		for (enum anon_kind kind = ANON_IPV4; kind <= ANON_MAC; kind++) {
			size_t n = sizes[kind];
			const struct anon_seen_value *v;

			if (len - at < n ||
			    (marks && !may_be(marks, at, n, len) && !is_rare(p + at, n)))
				continue;
			v = anon_seen_find(&r->a->seen, kind, p + at, n);
			if (!is_needle(r, v)) {
				for (size_t i = 0; i < n; i++)
					turned[i] = p[at + n - 1 - i];
				v = anon_seen_find(&r->a->seen, kind, turned, n);
			}
			if (is_needle(r, v))
				tell(r, v, where, at);
		}
}

static bool is_word(uint8_t c)
{
	return isalnum(c) || c == '_';
}

/* f: the field of text; NULL: bytes. */
static void search_names(struct residue *r, const uint8_t *p, size_t len,
			 const struct schema_field *f, const char *where)
{
	bool text = f, words = f && anon_event_rule(f) == ANON_RULE_WORDS;

	for (uint32_t i = 0; i < r->n_names; i++) {
		const struct anon_seen_value *v = &r->a->seen.v[r->names[i]];
		const uint8_t *hit = len ? memmem(p, len, v->original, v->length) : NULL;

		if ((!text && v->length < NAME_BYTES_MIN) ||
		    anon_word_known((const char *)v->original, v->length) ||
		    (words && anon_word_option((const char *)v->original, v->length)))
			continue;
		for (; hit;
		     hit = memmem(hit + 1, len - (size_t)(hit + 1 - p), v->original, v->length)) {
			if (text && ((hit > p && is_word(hit[-1]) && is_word(hit[0])) ||
				     (hit + v->length < p + len && is_word(hit[v->length]) &&
				      is_word(hit[v->length - 1]))))
				continue;
			tell(r, v, where, (size_t)(hit - p));
			break;
		}
	}
}

/* ---- text ---- */

static void look_up(struct residue *r, enum anon_kind kind, const void *p, size_t len,
		    const char *where, size_t offset)
{
	const struct anon_seen_value *v = anon_seen_find(&r->a->seen, kind, p, len);

	if (is_needle(r, v))
		tell(r, v, where, offset);
}

/* The bytes of "1.2.3.4" that p begins with, whatever is behind; 0: it does not. */
static size_t dotted_bytes(const uint8_t *p, size_t len)
{
	size_t dots = 0, n = 0;

	while (n < len && (isdigit(p[n]) || (p[n] == '.' && dots < 3)))
		dots += p[n++] == '.';
	return dots == 3 && n < INET_ADDRSTRLEN ? n : 0;
}

/* aa:bb:cc:dd:ee:ff, aa-bb-cc-dd-ee-ff, aabb.ccdd.eeff or aabbccddeeff, and no digit behind. */
static bool parse_mac(const uint8_t *p, size_t len, uint8_t mac[6])
{
	size_t digits = 0, at = 0;

	memset(mac, 0, 6);
	for (; at < len && digits < MAC_DIGITS; at++) {
		if (isxdigit(p[at])) {
			uint8_t v = isdigit(p[at]) ? p[at] - '0' : (p[at] | 0x20) - 'a' + 10;

			mac[digits / 2] = (uint8_t)(mac[digits / 2] << 4 | v);
			digits++;
		} else if (!digits || digits % 2 || !strchr(":-.", p[at]) || !p[at] ||
			   !isxdigit(p[at - 1])) {
			return false;
		}
	}
	return digits == MAC_DIGITS && (at == len || !isxdigit(p[at]));
}

/* A run of digits, letters, dots and colons: an address, maybe with a port or a full stop behind. */
static void search_token(struct residue *r, const uint8_t *p, size_t len, const char *where,
			 size_t offset)
{
	char text[INET6_ADDRSTRLEN + 1];
	uint8_t bytes[16];

	for (size_t at = 0, n; at < len; at++) {
		n = at == 0 || p[at - 1] == ':' ? dotted_bytes(p + at, len - at) : 0;
		memcpy(text, p + at, n);
		text[n] = 0;
		if (n && inet_pton(AF_INET, text, bytes) == 1)
			look_up(r, ANON_IPV4, bytes, 4, where, offset + at);
	}
	if (!memchr(p, ':', len))
		return;
	while (len) { /* as it is, and without what is behind its last dot or colon */
		size_t n = len;

		if (n < sizeof(text)) {
			memcpy(text, p, n);
			text[n] = 0;
			if (inet_pton(AF_INET6, text, bytes) == 1) {
				look_up(r, ANON_IPV6, bytes, 16, where, offset);
				return;
			}
		}
		while (n && p[n - 1] != '.' && p[n - 1] != ':')
			n--;
		len = n ? n - 1 : 0;
	}
}

/* A number that is one of those, or an address. */
static void search_number(struct residue *r, const uint8_t *p, size_t len, const char *where,
			  size_t offset)
{
	char text[INET6_ADDRSTRLEN + 1], *end;
	uint64_t v;

	if (len < 2 || len >= sizeof(text))
		return;
	memcpy(text, p, len);
	text[len] = 0;
	for (int base = 10; base <= 16; base += 6) {
		v = strtoull(text, &end, base);
		if (*end)
			continue;
		look_up(r, ANON_NUMBER, &v, 8, where, offset);
		if (v <= UINT32_MAX && v >= 1 << 16) {
			uint8_t be[4] = {(uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8),
					 (uint8_t)v};
			uint8_t le[4] = {be[3], be[2], be[1], be[0]};

			look_up(r, ANON_IPV4, be, 4, where, offset);
			look_up(r, ANON_IPV4, le, 4, where, offset);
		}
	}
}

/* numbers: those, too; among bytes that are no text any digit would be one. */
static void search_text(struct residue *r, const uint8_t *p, size_t len, bool numbers,
			const char *where)
{
	uint8_t mac[6];

	for (size_t at = 0; at < len; at++) {
		size_t n = 0;

		/* 0x is no part of a number's digits */
		if (p[at] == '0' && at + 1 < len && (p[at + 1] | 0x20) == 'x')
			at += 2;
		if (at < len && isxdigit(p[at]) && parse_mac(p + at, len - at, mac))
			look_up(r, ANON_MAC, mac, sizeof(mac), where, at);
		while (at + n < len &&
		       (isxdigit(p[at + n]) || p[at + n] == '.' || p[at + n] == ':'))
			n++;
		if (n)
			search_token(r, p + at, n, where, at);
		if (n && numbers)
			search_number(r, p + at, n, where, at);
		at += n;
	}
}

/* ---- events ---- */

/*
 * What the kernel and the recorder call things is no name of anybody's, though a process may be called "net"
 * or "tcp". Why a probe did not attach is a sentence.
 */
static bool has_names(const struct schema_field *f)
{
	enum anon_rule rule = anon_event_rule(f);

	return (rule != ANON_RULE_WORD && rule != ANON_RULE_SYMBOL) ||
	       strcmp(f->name, "probe.reason") == 0;
}

static void search_string(struct residue *r, const struct schema_field *f, struct ev_str s)
{
	const uint8_t *p = (const uint8_t *)s.p;

	if (f->base == SCHEMA_ADDR || f->base == SCHEMA_MAC || f->base == SCHEMA_RAW ||
	    f->base == SCHEMA_UFID) {
		search_bytes(r, p, s.len, NULL, f->name);
		return;
	}
	search_text(r, p, s.len, true, f->name);
	if (has_names(f))
		search_names(r, p, s.len, f, f->name);
}

static void search_field(struct residue *r, const struct ev *ev, const struct schema_field *f,
			 const void *row)
{
	const void *member = (const uint8_t *)row + f->offset;
	uint64_t v;

	if (f->type == SCHEMA_STR) {
		search_string(r, f, *(const struct ev_str *)member);
	} else if (f->type == SCHEMA_LIST) {
		const struct ev_list *l = member;

		for (uint32_t i = 0; i < l->n; i++)
			search_string(r, f, l->v[i]);
	} else if (f->type == SCHEMA_BYTES) {
		const struct ev_bytes *b = member;
		const uint8_t *marks = NULL;

		if (ev->packet && row == ev->packet && b->len <= ANON_PACKET_MAX) {
			anon_event_mark(r->room, ev);
			marks = r->room->marks;
		}
		search_bytes(r, b->p, b->len, marks, f->name);
		search_text(r, b->p, b->len, false, f->name);
		search_names(r, b->p, b->len, NULL, f->name);
	} else {
		v = schema_get(f, row);
		look_up(r, ANON_NUMBER, &v, 8, f->name, 0);
	}
}

/* Strings stand once in a batch, however many events have them; searched with names or without. */
static bool was_searched(struct residue *r, const struct schema_field *f, const void *row)
{
	const struct ev_str *s = (const void *)((const uint8_t *)row + f->offset);
	uint64_t at, bit;

	if (f->type != SCHEMA_STR || f->base != SCHEMA_TEXT)
		return false;
	at = s->id * UINT64_C(2) + has_names(f);
	bit = UINT64_C(1) << at % 64;
	if (r->checked[at / 64] & bit)
		return true;
	r->checked[at / 64] |= bit;
	return false;
}

int residue_search(struct residue *r, const struct ev_batch *batch)
{
	struct ev_walk w = ev_walk(batch);
	struct ev ev = {0};

	free(r->checked);
	r->checked = calloc(batch->strings.n / 32 + 1, sizeof(*r->checked));
	if (!r->checked)
		return -ENOMEM;
	while (ev_next(&w, &ev)) {
		for (uint64_t left = ev.sections; left; left &= left - 1) {
			const struct schema_section *sec = &schema_sections[__builtin_ctzll(left)];
			const void *row = ev.row[sec - schema_sections];
			uint64_t has = *(const uint64_t *)row;

			for (unsigned int i = 0; i < sec->n_fields; i++)
				if (has >> sec->fields[i].bit & 1 &&
				    !was_searched(r, &sec->fields[i], row))
					search_field(r, &ev, &sec->fields[i], row);
		}
		r->event++;
	}
	return r->lines.failed ? -ENOMEM : 0;
}
