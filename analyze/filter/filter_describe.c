/* SPDX-License-Identifier: BSD-2-Clause */
/* Filters back to words, for the note in what they made. */
#include <string.h>
#include <time.h>

#include "analyze/filter/filter.h"

#define NS_PER_S UINT64_C(1000000000)

/* In the quotes of a shell. */
static void put_word(struct buf *out, const char *option, const char *word)
{
	if (out->len)
		buf_u8(out, ' ');
	buf_str(out, option);
	buf_str(out, " '");
	for (; *word; word++) {
		if (*word == '\'')
			buf_str(out, "'\\'");
		buf_u8(out, (uint8_t)*word);
	}
	buf_u8(out, '\'');
}

static void put_flag(struct buf *out, bool given, const char *option)
{
	if (given && out->len)
		buf_u8(out, ' ');
	if (given)
		buf_str(out, option);
}

static void put_time(struct buf *out, const char *option, const struct filter_time *t)
{
	unsigned long long s = t->ns / NS_PER_S, ns = t->ns % NS_PER_S;
	time_t seconds = (time_t)s;
	struct tm tm;

	if (!t->kind)
		return;
	put_flag(out, true, option);
	buf_u8(out, ' ');
	if (t->kind == FILTER_TIME_WALL && gmtime_r(&seconds, &tm)) {
		buf_printf(out, "%04d-%02d-%02dT%02d:%02d:%02d.%09lluZ", tm.tm_year + 1900,
			   tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, ns);
		return;
	}
	if (t->kind == FILTER_TIME_BEGIN || t->kind == FILTER_TIME_END)
		buf_u8(out, t->kind == FILTER_TIME_BEGIN ? '+' : '-');
	buf_printf(out, "%llu.%09llus", s, ns);
}

void filter_describe(const struct filter_options *o, struct buf *out)
{
	if (o->packet)
		put_word(out, "-f", o->packet);
	for (size_t i = 0; i < o->where.n; i++)
		put_word(out, "-w", o->where.v[i]);
	for (size_t i = 0; i < o->probes.n; i++)
		put_word(out, "--probe", o->probes.v[i]);
	put_time(out, "--since", &o->since);
	put_time(out, "--until", &o->until);
	put_flag(out, o->drops, "--drops");
	put_flag(out, o->journey, "--journey");
	if (o->count) {
		put_flag(out, true, "--count ");
		buf_dec(out, o->count);
	}
}
