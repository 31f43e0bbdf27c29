/* SPDX-License-Identifier: BSD-2-Clause */
#include "formats/text/text.h"

#include <stdlib.h>

#include "formats/text/text_impl.h"
#include "formats/text/text_sock.h"

enum { NS_PER_SEC = 1000000000 };

/* Room for all the pieces of most events: the buffer grows once an event, not in between. */
enum { EVENT_ROOM = 1024 };

/*
 * Rows that tell about the recording; they are for `info`, not for `print`. In schema.def they have the
 * numbers from 40 on; of them only what says that events are missing is printed.
 */
enum { FIRST_RECORDING = 40, LOSS = 46, THIN = 52 };
static const uint64_t recording_sections = 0
#define SECTION(id, number, name, help)                                                            \
	| ((number) >= FIRST_RECORDING && (number) != LOSS && (number) != THIN                     \
		   ? EV_SECTION_BIT(id)                                                            \
		   : 0)
#define F(sec, number, member, type, name, foreign, unit, base, pred, help)
#define END(id)
#include "formats/schema.def"
	;
static const uint64_t event_sections = EV_SECTION_BIT(kernel) | EV_SECTION_BIT(userspace) |
				       EV_SECTION_BIT(packet) | EV_SECTION_BIT(startup);

/* The groups of an event, in the order in which they are shown. */
struct group {
	uint64_t sections;   /* shown when the event has one of these */
	uint64_t link_layer; /* or, with -e, one of these */
	text_group *put;
};

static void put_sock(struct text_writer *w)
{
	text_sock_group(w->ev, w->out);
}

static const struct group current_groups[] = {
	{EV_SECTION_BIT(packet), 0, text_group_packet},
	{EV_SECTION_BIT(netns) | EV_SECTION_BIT(dev), 0, text_group_net},
	{EV_SECTION_BIT(skb_meta) | EV_SECTION_BIT(skb_dataref) | EV_SECTION_BIT(skb_gso),
	 EV_SECTION_BIT(skb_vlan), text_group_skb},
	{EV_SECTION_BIT(sock), 0, put_sock},
	{EV_SECTION_BIT(ovs), 0, text_group_ovs},
	{EV_SECTION_BIT(ovs_detrace), 0, text_group_detrace},
	{EV_SECTION_BIT(nft), 0, text_group_nft},
	{EV_SECTION_BIT(ct), 0, text_group_ct},
	{EV_SECTION_BIT(startup), 0, text_group_startup},
	{0, 0, NULL},
};

static const struct group classic_groups[] = {
	/* also when nothing of it would show: the classic program leaves an empty line then */
	{EV_SECTION_BIT(skb) | EV_SECTION_BIT(skb_vlan) | EV_SECTION_BIT(skb_meta) |
		 EV_SECTION_BIT(skb_dataref) | EV_SECTION_BIT(skb_gso) | EV_SECTION_BIT(netns) |
		 EV_SECTION_BIT(dev) | EV_SECTION_BIT(packet),
	 0, text_group_classic},
	{EV_SECTION_BIT(sock), 0, put_sock},
	{EV_SECTION_BIT(ovs), 0, text_group_ovs},
	{EV_SECTION_BIT(ovs_detrace), 0, text_group_detrace},
	{EV_SECTION_BIT(nft), 0, text_group_nft},
	{EV_SECTION_BIT(ct), 0, text_group_ct},
	{EV_SECTION_BIT(startup), 0, text_group_startup},
	{0, 0, NULL},
};

void text_init(struct text *t, const struct text_options *o)
{
	*t = (struct text){.o = *o};
}

void text_fini(struct text *t)
{
	text_packet_free(t->packets);
	text_track_free(t->tracks);
	t->packets = NULL;
	t->tracks = NULL;
}

void text_newline(struct buf *out, unsigned int n)
{
	uint8_t *p = buf_room(out, n + 1);

	if (!p)
		return;
	p[0] = '\n';
	memset(p + 1, ' ', n);
	out->len += n + 1;
}

/* ---- time ---- */

/* The latest clock offset is that of the event's own startup or clock section. */
static void take_clock(struct text *t, const struct ev *ev)
{
	int64_t sec, nsec;

	if (ev->startup && EV_HAS(ev->startup, startup, clock_sec)) {
		sec = ev->startup->clock_sec;
		nsec = ev->startup->clock_nsec;
	} else if (ev->clock && EV_HAS(ev->clock, clock, offset)) {
		sec = 0;
		nsec = ev->clock->offset;
	} else {
		return;
	}
	if (__builtin_add_overflow(sec, nsec / NS_PER_SEC - (nsec % NS_PER_SEC < 0), &sec))
		return;
	t->has_offset = true;
	t->offset_sec = sec;
	t->offset_nsec = nsec % NS_PER_SEC + (nsec % NS_PER_SEC < 0 ? NS_PER_SEC : 0);
	t->date_len = 0;
}

void text_skip(struct text *t, const struct ev *ev)
{
	if (ev->startup || ev->clock)
		take_clock(t, ev);
}

void text_set_clock(struct text *t, const struct text *from)
{
	t->has_offset = from->has_offset;
	t->offset_sec = from->offset_sec;
	t->offset_nsec = from->offset_nsec;
	t->date_len = 0;
}

static void put_two(struct buf *out, char before, int64_t v)
{
	buf_u8(out, (uint8_t)before);
	buf_u8(out, (uint8_t)('0' + v / 10));
	buf_u8(out, (uint8_t)('0' + v % 10));
}

/* Date and time of a second since 1970 in the proleptic Gregorian calendar, any 64-bit second. */
static void put_date(struct buf *out, int64_t sec)
{
	int64_t days = sec / 86400 - (sec % 86400 < 0), in_day = sec - days * 86400;
	/* years that begin in March, in eras of 400 years (146097 days) from 0000-03-01 on */
	int64_t d = days + 719468, era = d / 146097 - (d % 146097 < 0), of_era = d - era * 146097;
	int64_t y = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * y + y / 4 - y / 100), m = (5 * of_year + 2) / 153;
	int64_t year = y + era * 400 + (m >= 10);

	if (year < 0)
		buf_u8(out, '-');
	year = year < 0 ? -year : year;
	for (int64_t digits = 1000; digits > year && digits > 1; digits /= 10)
		buf_u8(out, '0');
	buf_dec(out, (uint64_t)year);
	put_two(out, '-', m < 10 ? m + 3 : m - 9);
	put_two(out, '-', of_year - (153 * m + 2) / 5 + 1);
	put_two(out, ' ', in_day / 3600);
	put_two(out, ':', in_day / 60 % 60);
	put_two(out, ':', in_day % 60);
}

/* Nanoseconds. Those of an event and the next mostly differ in the last eight digits alone. */
static void put_ns(struct text *t, uint64_t ns, struct buf *out)
{
	enum { LAST = 100000000 };
	uint8_t *p = buf_room(out, PEN_NUMBER);

	if (!p)
		return;
	if (ns < LAST) {
		buf_end(out, pen_dec(p, ns));
		return;
	}
	if (t->ns_first != ns / LAST) {
		t->ns_first = ns / LAST;
		t->ns_len = (uint8_t)(pen_dec((uint8_t *)t->ns_text, t->ns_first) -
				      (uint8_t *)t->ns_text);
	}
	memcpy(p, t->ns_text, sizeof(t->ns_text) / 2);
	buf_end(out, pen_eight(p + t->ns_len, (uint32_t)(ns % LAST)));
}

void text_time(struct text *t, uint64_t ns, struct buf *out)
{
	int64_t nsec = (int64_t)(ns % NS_PER_SEC) + t->offset_nsec, sec;
	uint8_t micro[7];
	size_t at = out->len;

	if (!t->o.utc || !t->has_offset ||
	    __builtin_add_overflow(t->offset_sec, (int64_t)(ns / NS_PER_SEC) + nsec / NS_PER_SEC,
				   &sec)) {
		put_ns(t, ns, out);
		return;
	}
	if (t->date_len && t->date_sec == sec) {
		text_kept(out, t->date, sizeof(t->date), t->date_len);
	} else {
		put_date(out, sec);
		if (!out->failed && out->len - at <= sizeof(t->date)) {
			t->date_sec = sec;
			t->date_len = (uint8_t)(out->len - at);
			memcpy(t->date, out->p + at, t->date_len);
		}
	}
	nsec = nsec % NS_PER_SEC / 1000; /* cut, not rounded */
	for (int i = 6; i > 0; i--, nsec /= 10)
		micro[i] = (uint8_t)('0' + nsec % 10);
	micro[0] = '.';
	buf_put(out, micro, sizeof(micro));
}

/* ---- events ---- */

/* level: of the event's head. An empty list leaves a line of blanks before the next group, as Retis does. */
static void put_stack(struct text_writer *w, unsigned int level, bool last)
{
	struct ev_list stack = w->ev->kernel->stack_trace;

	if (w->t->o.single_line) {
		TEXT_LIT(w->out, " [");
		for (uint32_t i = 0; i < stack.n; i++) {
			if (i)
				TEXT_LIT(w->out, ", ");
			text_str(w->out, stack.v[i]);
		}
		buf_u8(w->out, ']');
		return;
	}
	if (!stack.n)
		text_newline(w->out, last ? 0 : w->indent);
	for (uint32_t i = 0; i < stack.n; i++) {
		text_newline(w->out, level + 4);
		text_str(w->out, stack.v[i]);
	}
}

bool text_wants(const struct text *t, const struct ev *ev)
{
	if (!ev->common)
		return false;
	if (ev->sections & (EV_SECTION_BIT(snap) | EV_SECTION_BIT(diag)))
		return !t->o.no_sockets && ev->diag;
	return !(ev->sections & recording_sections) || (ev->sections & event_sections);
}

/* Where events are missing: how many, where, since when (and up to the time of the row). */
static void put_loss(struct text_writer *w)
{
	const struct ev_loss *l = w->ev->loss;

	text_time(w->t, w->ev->common->timestamp, w->out);
	text_dec(w->out, " lost ", l->lost);
	buf_u8(w->out, ' ');
	if (EV_HAS(l, loss, kind))
		text_str(w->out, l->kind);
	else
		buf_str(w->out, l->lost == 1 ? "event" : "events");
	if (l->skipped) {
		text_dec(w->out, " and skipped ", l->skipped);
		buf_str(w->out, l->skipped == 1 ? " run" : " runs");
	}
	if (EV_HAS(l, loss, probe)) {
		TEXT_LIT(w->out, " at ");
		text_str(w->out, l->probe);
	}
	if (EV_HAS(l, loss, cpu))
		text_dec(w->out, " cpu ", l->cpu);
	if (EV_HAS(l, loss, from)) {
		TEXT_LIT(w->out, " since ");
		text_time(w->t, l->from, w->out);
	}
}

/* From here on flows are left out, or no more. */
static void put_thin(struct text_writer *w)
{
	const struct ev_thin *t = w->ev->thin;

	text_time(w->t, w->ev->common->timestamp, w->out);
	if (t->kept >= 1000000)
		TEXT_LIT(w->out, " keeps all flows from here on");
	else
		buf_printf(w->out, " keeps %.2f %% of the flows from here on", t->kept / 1e4);
	if (EV_HAS(t, thin, load))
		buf_printf(w->out, ", recording took %.1f %% of a processor", t->load / 1e4);
}

static void put_groups(struct text_writer *w, const struct group *g, uint64_t sections)
{
	bool single_line = w->t->o.single_line;

	for (; g->put; g++) {
		size_t line, text;

		if (!(sections & g->sections) && !(w->t->o.link_layer && sections & g->link_layer))
			continue;
		if (single_line) {
			buf_u8(w->out, ' ');
			g->put(w);
			continue;
		}
		/* a line without text has no blanks either */
		line = w->out->len + 1;
		text_newline(w->out, w->indent);
		text = w->out->len;
		g->put(w);
		if (w->out->len == text && !w->out->failed)
			w->out->len = line;
	}
}

static bool any_group(const struct text *t, const struct group *g, uint64_t sections)
{
	for (; g->put; g++)
		if (sections & g->sections || (t->o.link_layer && sections & g->link_layer))
			return true;
	return false;
}

bool text_event(struct text *t, const struct ev *ev, int level, struct buf *out)
{
	const struct group *groups = t->o.current ? current_groups : classic_groups;
	struct text_writer w = {.t = t, .ev = ev, .out = out, .indent = (unsigned int)level + 2};

	text_skip(t, ev);
	if (!text_wants(t, ev))
		return false;
	buf_room(out, EVENT_ROOM);
	if (level)
		TEXT_LIT(out, "  \u21b3 ");
	if (ev->common->hostname.len) {
		/* of several: in front of all that is its own */
		text_str(out, ev->common->hostname);
		buf_u8(out, ' ');
	}
	if (ev->diag) {
		text_time(t, ev->common->timestamp, out);
		buf_u8(out, ' ');
		text_sock_event(ev, t->o.single_line, level, out);
		return true;
	}
	if (ev->loss && !ev->kernel) {
		put_loss(&w);
		return true;
	}
	if (ev->thin && !ev->kernel) {
		put_thin(&w);
		return true;
	}
	text_head(&w);
	if (ev->kernel && EV_HAS(ev->kernel, kernel, stack_trace))
		put_stack(&w, (unsigned int)level, !any_group(t, groups, ev->sections));
	put_groups(&w, groups, ev->sections);
	return true;
}

void text_frame_event(struct text *t, struct buf *out)
{
	if (t->o.single_line)
		buf_u8(out, '\n');
	else
		TEXT_LIT(out, "\n\n");
}

void text_frame_line(struct text *t, struct buf *out)
{
	buf_u8(out, '\n');
}

void text_frame_series(struct text *t, struct buf *out)
{
	buf_u8(out, '\n');
}
