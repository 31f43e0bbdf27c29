/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Events as text, in the formats of the tool Retis, byte for byte. Two layouts: the documented one
 * ("classic": a metadata line, then the packet) and that of Retis 1.6 and later ("current").
 * docs/retis-differences.md tells where document and program disagree: the program's bytes win.
 */
#ifndef FORMATS_TEXT_H
#define FORMATS_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "formats/buf.h"
#include "formats/event.h"

struct text_options {
	bool single_line; /* one line an event; else groups on lines of their own */
	bool current;     /* the layout of Retis 1.6 and later; else the documented one */
	bool utc;         /* time as a UTC date where the clock offset is known */
	bool link_layer;  /* -e: Ethernet, VLAN, MACsec, accelerated VLAN tags */
	bool no_sockets;  /* leave the rows of socket snapshots out */
};

struct text_packet; /* cached text of a packet (text_packet.c), */
struct text_track;  /* and of its identity (text_head.c) */

/* Namespace and device of an event, and their text (text_skb.c). */
struct text_net {
	struct ev_netns netns;
	struct ev_dev dev; /* its name is not borrowed: see name */
	bool has_netns, has_dev;
	uint8_t len; /* of text; 0: empty slot */
	char name[16], text[128];
};

/* Processor and task of an event, and their text (text_head.c). */
struct text_task {
	uint64_t has; /* which of them there are */
	uint32_t smp_id;
	int32_t pid, tgid;
	uint8_t comm_len, len; /* len: of text; 0: empty slot */
	char comm[16], text[80];
};

enum { TEXT_NETS = 4, TEXT_TASKS = 16 };

struct text {
	struct text_options o;
	bool has_offset;     /* of the wall clock: the latest startup or clock row that went by */
	int64_t offset_sec;  /* CLOCK_REALTIME - CLOCK_MONOTONIC */
	int64_t offset_nsec; /* 0..999999999 */
	int64_t date_sec;    /* the second that `date` shows */
	uint8_t date_len;    /* 0: none yet */
	char date[48];
	uint64_t ns_first; /* nanoseconds of ns_text, without their last eight digits; 0: none */
	uint8_t ns_len;
	char ns_text[32];
	struct text_packet *packets;     /* NULL until the first packet */
	struct text_track *tracks;       /* NULL until the first that is tracked */
	struct text_net nets[TEXT_NETS]; /* by the interface */
	struct text_task tasks[TEXT_TASKS];
};

/* Copies the options. Ended by text_fini(), which frees what was cached. */
void text_init(struct text *t, const struct text_options *o);
void text_fini(struct text *t);

/*
 * Whether text_event() prints anything for the event: rows of the recording itself (clock, iface,
 * probe, ...) are not printed, nor are socket snapshots with no_sockets.
 */
bool text_wants(const struct text *t, const struct ev *ev);

/*
 * Appends one event, without any final line feed. level is 0, or 4 for a later event of a series (then
 * the arrow is drawn). Give it every event in order, for clock and startup rows set the clock offset.
 * Returns text_wants(): when false out is unchanged and no frame must follow.
 */
bool text_event(struct text *t, const struct ev *ev, int level, struct buf *out);

/* An event that is not shown, but whose clock counts. */
void text_skip(struct text *t, const struct ev *ev);
/* Goes on from the clock of another: for one who begins within the stream. */
void text_set_clock(struct text *t, const struct text *from);

/* What stands behind an event of an unsorted stream: "\n\n", or "\n" in single-line. */
void text_frame_event(struct text *t, struct buf *out);
/*
 * Sorted streams, both formats: "\n" behind each event (text_frame_line), one more behind the last event
 * of each series (text_frame_series).
 */
void text_frame_line(struct text *t, struct buf *out);
void text_frame_series(struct text *t, struct buf *out);

/*
 * Time as the head of an event has it: decimal nanoseconds, or the UTC date. Also for tables and heads
 * of other modules.
 */
void text_time(struct text *t, uint64_t ns, struct buf *out);

/*
 * An untrusted string, and the one place that writes such strings: printable UTF-8 as it is;
 * control characters (C0, DEL, C1), characters that turn the direction of text, and bytes that are
 * not UTF-8 as \xNN, byte by byte. So no input can move a terminal's cursor or end a line.
 */
void text_untrusted(struct buf *out, const char *p, size_t len);

#endif
