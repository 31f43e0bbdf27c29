/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyze/filter/filter_time.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/options.h"

#define NS_PER_S INT64_C(1000000000)

/* ---- words ---- */

/* n digits; false: something else. */
static bool digits(const char **p, int n, int *v)
{
	*v = 0;
	for (; n; n--, (*p)++) {
		if (**p < '0' || **p > '9')
			return false;
		*v = *v * 10 + (**p - '0');
	}
	return true;
}

static bool take(const char **p, char c)
{
	if (**p != c)
		return false;
	(*p)++;
	return true;
}

/* ".123": nanoseconds. */
static bool fraction(const char **p, int64_t *ns)
{
	int64_t unit = NS_PER_S;

	*ns = 0;
	if (!take(p, '.'))
		return true;
	if (**p < '0' || **p > '9')
		return false;
	for (; **p >= '0' && **p <= '9'; (*p)++) {
		unit /= 10;
		*ns += (**p - '0') * unit;
	}
	return true;
}

/* "", "Z", "+01:00": seconds that the text is ahead of UTC. */
static bool zone(const char **p, int64_t *ahead)
{
	int hours, minutes;
	bool is_west = **p == '-';

	*ahead = 0;
	if (!**p || take(p, 'Z') || take(p, 'z'))
		return true;
	if (!take(p, '+') && !take(p, '-'))
		return false;
	if (!digits(p, 2, &hours))
		return false;
	take(p, ':');
	if (!digits(p, 2, &minutes) || hours > 23 || minutes > 59)
		return false;
	*ahead = (hours * 60 + minutes) * 60;
	if (is_west)
		*ahead = -*ahead;
	return true;
}

static bool is_date(const char *p)
{
	int v;

	return digits(&p, 4, &v) && take(&p, '-');
}

/* RFC 3339, with a blank for the T, too; the time of day, its seconds and the zone may be left out. */
static bool parse_date(const char *p, uint64_t *ns)
{
	struct tm tm = {0}, check;
	int64_t ahead = 0, part = 0;
	time_t s;

	if (!digits(&p, 4, &tm.tm_year) || !take(&p, '-') || !digits(&p, 2, &tm.tm_mon) ||
	    !take(&p, '-') || !digits(&p, 2, &tm.tm_mday))
		return false;
	if (*p) {
		if (!take(&p, 'T') && !take(&p, 't') && !take(&p, ' '))
			return false;
		if (!digits(&p, 2, &tm.tm_hour) || !take(&p, ':') || !digits(&p, 2, &tm.tm_min))
			return false;
		if (take(&p, ':') && (!digits(&p, 2, &tm.tm_sec) || !fraction(&p, &part)))
			return false;
		if (!zone(&p, &ahead))
			return false;
	}
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	check = tm;
	s = timegm(&check);
	/* the 31st of a month that has 30 days would be the 1st of the next */
	if (*p || check.tm_mday != tm.tm_mday || check.tm_mon != tm.tm_mon ||
	    check.tm_hour != tm.tm_hour || check.tm_min != tm.tm_min || s - ahead < 0)
		return false;
	return !__builtin_mul_overflow((uint64_t)(s - ahead), (uint64_t)NS_PER_S, ns) &&
	       !__builtin_add_overflow(*ns, (uint64_t)part, ns);
}

bool filter_time_parse(const char *text, void *member, char *why, size_t why_size)
{
	struct filter_time *t = member;
	bool ok;

	if (*text == '+' || *text == '-') {
		t->kind = *text == '+' ? FILTER_TIME_BEGIN : FILTER_TIME_END;
		ok = options_time(text + 1, &t->ns);
	} else if (is_date(text)) {
		t->kind = FILTER_TIME_WALL;
		ok = parse_date(text, &t->ns);
	} else {
		t->kind = FILTER_TIME_MONOTONIC;
		ok = options_number(text, &t->ns) || options_time(text, &t->ns);
	}
	if (!ok)
		snprintf(why, why_size,
			 "not a time such as 2026-11-21T23:31:05Z, 4834.3s, +5s (after the begin), "
			 "-5s (before the end)");
	return ok;
}

/* ---- the recording ---- */

static int64_t offset_of(const struct ev_startup *s)
{
	int64_t ns;

	if (__builtin_mul_overflow(s->clock_sec, NS_PER_S, &ns) ||
	    __builtin_add_overflow(ns, s->clock_nsec, &ns))
		return 0;
	return ns;
}

void filter_clock_batch(struct filter_clock *c, const struct ev_batch *b)
{
	struct ev_walk w = ev_walk(b);
	struct ev ev = {0};
	int64_t offset = 0;
	bool any = false;

	if (c->has_offset)
		c->offset = c->next;
	for (uint32_t i = 0; i < b->sec[EV_common].n && !c->has_first; i++) {
		const struct ev_common *row = (const struct ev_common *)b->sec[EV_common].p + i;

		if (EV_HAS(row, common, timestamp)) {
			c->first = row->timestamp;
			c->has_first = true;
		}
	}
	if (!b->sec[EV_startup].n && !b->sec[EV_clock].n)
		return;
	while (ev_next(&w, &ev)) {
		if (ev.startup && EV_HAS(ev.startup, startup, clock_sec))
			offset = offset_of(ev.startup);
		else if (ev.clock && EV_HAS(ev.clock, clock, offset))
			offset = ev.clock->offset;
		else
			continue;
		/* the first that there is also holds for what is before it */
		if (!c->has_offset)
			c->offset = offset;
		c->has_offset = any = true;
	}
	if (any)
		c->next = offset;
}

bool filter_clock_resolve(const struct filter_clock *c, const struct filter_time *t, uint64_t *ns)
{
	__int128 v = t->ns;

	switch (t->kind) {
	case FILTER_TIME_WALL:
		if (!c->has_offset)
			return false;
		v -= c->offset;
		break;
	case FILTER_TIME_BEGIN:
		if (!c->has_first)
			return false;
		v += c->first;
		break;
	case FILTER_TIME_END:
		if (!c->has_last)
			return false;
		v = (__int128)c->last - v;
		break;
	default: break;
	}
	*ns = v < 0 ? 0 : v > UINT64_MAX ? UINT64_MAX : (uint64_t)v;
	return true;
}
