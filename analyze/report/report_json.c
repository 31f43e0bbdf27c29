/* SPDX-License-Identifier: BSD-2-Clause */
/* The document as a whole, and what is said of the recording; docs/report.md has the keys. */
#include "analyze/report/report_json.h"

#include <stdlib.h>
#include <string.h>

#include "formats/json.h"

#define EXACT_MAX (UINT64_C(1) << 53)

/* ---- members ---- */

void report_json_value(struct buf *out, uint64_t v)
{
	if (v < EXACT_MAX)
		buf_dec(out, v);
	else
		buf_printf(out, "\"%llu\"", (unsigned long long)v);
}

void report_json_number(struct buf *out, const char *name, uint64_t v)
{
	json_put_member(out, name);
	report_json_value(out, v);
}

void report_json_text(struct buf *out, const char *name, const void *p, size_t len)
{
	json_put_member(out, name);
	json_put_string(out, p, len);
}

static void put_short(struct buf *out, const void *p, size_t len, size_t max)
{
	bool cut = len > max;

	/* not within a character */
	for (len = cut ? max : len; cut && len && (((const uint8_t *)p)[len] & 0xc0) == 0x80;)
		len--;
	json_put_string(out, p, len);
	if (cut && !out->failed) {
		/* before the last quote */
		out->len--;
		buf_str(out, "...\"");
	}
}

void report_json_short(struct buf *out, const char *name, const void *p, size_t len, size_t max)
{
	json_put_member(out, name);
	put_short(out, p, len, max);
}

static void put_words(struct buf *out, const char *name, const char *text)
{
	report_json_text(out, name, text, strlen(text));
}

void report_json_name(struct buf *out, const char *name, const struct stats *s, uint16_t id)
{
	struct ev_str text = stats_name_text(s, id);
	struct buf shown = {0};

	text_untrusted(&shown, text.p, text.len);
	report_json_short(out, name, shown.p, shown.len, REPORT_NAME);
	out->failed |= shown.failed;
	buf_free(&shown);
}

void report_json_open(struct buf *out, const char *name, char bracket)
{
	json_put_member(out, name);
	buf_u8(out, (uint8_t)bracket);
}

void report_json_item(struct buf *out)
{
	if (out->len && out->p[out->len - 1] != '[')
		buf_u8(out, ',');
	buf_u8(out, '{');
}

uint64_t report_json_from_zero(const struct report *r, uint64_t ns)
{
	return ns > r->stats.first_ns ? ns - r->stats.first_ns : 0;
}

void report_json_time(struct buf *out, const char *name, const struct report *r, uint64_t ns)
{
	report_json_number(out, name, report_json_from_zero(r, ns));
}

/* ---- the escapes ---- */

/* What stands for p[0..*n-1]; NULL: the byte itself. In JSON these are within strings only, so each may be an escape. */
static const char *escape_of(const uint8_t *p, const uint8_t *end, size_t *n)
{
	*n = 1;
	switch (*p) {
	case '<': return "\\u003c";
	case '>': return "\\u003e";
	case '&': return "\\u0026";
	case 0xe2:
		/* U+2028 and U+2029 */
		if (end - p < 3 || p[1] != 0x80 || (p[2] | 1) != 0xa9)
			return NULL;
		*n = 3;
		return p[2] == 0xa8 ? "\\u2028" : "\\u2029";
	default: return NULL;
	}
}

void report_guard(const struct buf *json, struct buf *out)
{
	const uint8_t *p = json->p, *end = p + json->len, *from = p;
	size_t n;

	for (; p < end; p += n) {
		const char *escape = escape_of(p, end, &n);

		if (!escape)
			continue;
		buf_put(out, from, (size_t)(p - from));
		buf_str(out, escape);
		from = p + n;
	}
	buf_put(out, from, (size_t)(end - from));
}

size_t report_guarded(const uint8_t *p, size_t len)
{
	const uint8_t *end = p + len;
	size_t n, all = len;

	for (; p < end; p += n) {
		const char *escape = escape_of(p, end, &n);

		if (escape)
			all += strlen(escape) - n;
	}
	return all;
}

/* ---- the recording ---- */

static void put_when(struct report *r, struct buf *out)
{
	const struct text *clock = &r->stats.text;
	uint64_t ns = r->stats.first_ns;
	__int128 unix_ns = (__int128)clock->offset_sec * 1000000000 + clock->offset_nsec + ns;
	struct buf *when = &r->stats.scratch;

	if (ns && clock->has_offset && unix_ns >= 0 && unix_ns <= INT64_MAX) {
		buf_clear(when);
		text_time(&r->stats.text, ns, when);
		buf_str(when, " UTC");
		report_json_text(out, "first", when->p, when->len);
		json_put_member(out, "first_unix_ns");
		buf_printf(out, "\"%lld\"", (long long)unix_ns);
	}
	report_json_number(out, "span_ns", r->stats.last_ns - r->stats.first_ns);
}

static void put_counts(const struct report *r, struct buf *out)
{
	const struct stats *s = &r->stats;

	report_json_open(out, "counts", '{');
	report_json_number(out, "events", s->events);
	report_json_number(out, "packets", s->journeys + s->untracked);
	report_json_number(out, "packet_events", s->packets);
	report_json_number(out, "bytes", s->bytes);
	report_json_number(out, "snapshots", s->sockets);
	report_json_number(out, "sockets", s->n_sock);
	report_json_number(out, "drops", s->drops);
	report_json_number(out, "retransmits", stats_retransmits(s));
	report_json_number(out, "lost", s->lost > s->total_lost ? s->lost : s->total_lost);
	report_json_number(out, "skipped",
			   s->skipped > s->total_skipped ? s->skipped : s->total_skipped);
	report_json_number(out, "damaged", s->damaged);
	buf_u8(out, '}');
}

/* "LABEL\0TEXT\n" each: to objects, or (first NULL) to [["LABEL","TEXT"],...]. */
static void put_pairs(struct buf *out, const struct buf *pairs, const char *first,
		      const char *second)
{
	const char *p = (const char *)pairs->p, *end = p + pairs->len;

	while (p < end) {
		const char *text = p + strlen(p) + 1,
			   *feed = memchr(text, '\n', (size_t)(end - text));
		size_t len = (size_t)(feed - text);

		if (first) {
			report_json_item(out);
			put_words(out, first, p);
			report_json_short(out, second, text, len, REPORT_FACT);
			buf_u8(out, '}');
		} else {
			buf_str(out, out->p[out->len - 1] == '[' ? "[" : ",[");
			json_put_string(out, p, strlen(p));
			buf_u8(out, ',');
			put_short(out, text, len, REPORT_FACT);
			buf_u8(out, ']');
		}
		p = feed + 1;
	}
	out->failed |= pairs->failed;
}

static void put_recording(struct report *r, const struct report_about *about, struct buf *out)
{
	struct buf *pairs = &r->stats.scratch;

	buf_clear(pairs);
	info_put_facts(&r->info, pairs);
	report_json_open(out, "recording", '[');
	if (!pairs->failed)
		put_pairs(out, pairs, NULL, NULL);
	buf_u8(out, ']');
	buf_clear(pairs);
	report_put_trust(r, about, pairs);
	report_json_open(out, "trust", '[');
	if (!pairs->failed)
		put_pairs(out, pairs, "level", "text");
	buf_u8(out, ']');
	r->failed |= pairs->failed;
}

static void put_string(struct buf *out, const char *name, struct ev_str s, size_t max)
{
	struct buf shown = {0};

	if (!s.len)
		return;
	text_untrusted(&shown, s.p, s.len);
	report_json_short(out, name, shown.p, shown.len, max);
	out->failed |= shown.failed;
	buf_free(&shown);
}

static void put_probes(const struct report *r, struct buf *out)
{
	report_json_open(out, "probes", '[');
	for (uint32_t i = 0; i < r->info.n_probes && i < REPORT_PROBE_ROWS; i++) {
		const struct info_probe *p = &r->info.probes[i];
		bool attached = p->attached || !p->asked;

		report_json_item(out);
		put_string(out, "name", p->symbol, REPORT_NAME);
		put_string(out, "type", p->type, REPORT_NAME);
		report_json_number(out, "events", p->recorded);
		report_json_number(out, "lost", p->lost + p->skipped);
		json_put_member(out, "attached");
		buf_str(out, attached ? "true" : "false");
		if (!attached)
			put_string(out, "why", p->reason, REPORT_WORDS);
		buf_u8(out, '}');
	}
	buf_u8(out, ']');
	if (r->info.n_probes > REPORT_PROBE_ROWS)
		report_json_number(out, "probes_left_out", r->info.n_probes - REPORT_PROBE_ROWS);
}

/* ---- all of it ---- */

static void put_document(struct report *r, const struct report_about *about,
			 const struct report_findings *f, struct buf *out)
{
	buf_u8(out, '{');
	report_json_number(out, "format", 1);
	put_words(out, "made_by", "skbox " SKBOX_VERSION);
	put_words(out, "title", about->title);
	put_when(r, out);
	if (about->filter && *about->filter)
		put_words(out, "filter", about->filter);
	put_counts(r, out);
	put_recording(r, about, out);
	put_probes(r, out);
	report_json_events(r, f, out);
	report_json_timeline(r, out);
	report_json_paths(r, out);
	report_json_hops(r, out);
	report_json_drops(r, out);
	report_json_sockets(r, out);
	buf_u8(out, '}');
}

bool report_put_json(struct report *r, const struct report_about *about, struct buf *out)
{
	struct report_findings *f = calloc(1, sizeof(*f));
	struct buf json = {0};
	bool done = false;

	if (!f)
		return false;
	report_find(r, f);
	put_document(r, about, f, &json);
	if (!json.failed && !r->failed) {
		report_guard(&json, out);
		done = !out->failed;
	}
	report_findings_free(f);
	free(f);
	buf_free(&json);
	return done;
}
