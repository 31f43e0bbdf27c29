/* SPDX-License-Identifier: BSD-2-Clause */
/* The head of an event: time, processor, task, probe, the packet's identity, why it was dropped. */
#include <stdlib.h>

#include "formats/text/text_impl.h"

enum { TRACKS = 256 }; /* packets that are on their way at one time, as in text_packet.c; a power of two */

/* The text of an identity: " #", " (skb " and ")" around three numbers of 16 digits at most. */
struct text_track {
	uint64_t timestamp, orig_head, skb;
	uint8_t len; /* of text; 0: empty slot */
	uint8_t text[63];
};

static const uint64_t task_bits = EV_BIT(common, pid) | EV_BIT(common, tgid) | EV_BIT(common, comm);

void text_track_free(struct text_track *tracks)
{
	free(tracks);
}

static void put_task(struct text_writer *w, const struct ev_common *c)
{
	uint8_t *p = buf_room(w->out, TEXT_PIECES);

	if (!p)
		return;
	if (EV_HAS(c, common, smp_id))
		p = pen_lit(pen_dec(pen_lit(p, " ("), c->smp_id), ")");
	buf_end(w->out, p);
	if (!(c->has & task_bits))
		return;
	TEXT_LIT(w->out, " [");
	text_str(w->out, c->comm);
	p = buf_room(w->out, TEXT_PIECES);
	if (!p)
		return;
	p = pen_lit(p, "] ");
	if (c->pid != c->tgid)
		p = pen_lit(pen_int(p, c->pid), "/");
	buf_end(w->out, pen_int(p, c->tgid));
}

static bool same_task(const struct ev_common *c, uint64_t has, const struct text_task *slot)
{
	return slot->has == has && slot->smp_id == c->smp_id && slot->pid == c->pid &&
	       slot->tgid == c->tgid && slot->comm_len == c->comm.len &&
	       (!c->comm.len || !memcmp(slot->comm, c->comm.p, c->comm.len));
}

/*
 * Time, processor and task. The last two are one of a few in most events: their text is kept, and what a slot
 * holds is compared whole, so that it is right whatever batch the row came from.
 */
static void put_common(struct text_writer *w)
{
	const struct ev_common *c = w->ev->common;
	uint64_t has = c->has & (task_bits | EV_BIT(common, smp_id));
	struct text_task *slot =
		&w->t->tasks[((uint32_t)c->pid + 5 * (uint32_t)c->smp_id) % TEXT_TASKS];
	size_t begin, len;

	text_time(w->t, c->timestamp, w->out);
	if (slot->len && same_task(c, has, slot)) {
		TEXT_KEPT(w->out, slot);
		return;
	}
	begin = w->out->len;
	put_task(w, c);
	len = w->out->len - begin;
	if (w->out->failed || len > sizeof(slot->text) || c->comm.len > sizeof(slot->comm))
		return;
	slot->has = has;
	slot->smp_id = c->smp_id;
	slot->pid = c->pid;
	slot->tgid = c->tgid;
	slot->comm_len = (uint8_t)c->comm.len;
	if (c->comm.len)
		memcpy(slot->comm, c->comm.p, c->comm.len);
	memcpy(slot->text, w->out->p + begin, len);
	slot->len = (uint8_t)len;
}

static void put_kernel(struct text_writer *w)
{
	const struct ev_kernel *k = w->ev->kernel;

	if (ev_is(k->probe_type, "raw_tracepoint"))
		TEXT_LIT(w->out, " [tp] ");
	else if (ev_is(k->probe_type, "kprobe"))
		TEXT_LIT(w->out, " [k] ");
	else if (ev_is(k->probe_type, "kretprobe"))
		TEXT_LIT(w->out, " [kr] ");
	else
		TEXT_LIT(w->out, " [invalid] ");
	text_str(w->out, k->symbol);
}

static void put_userspace(struct text_writer *w)
{
	const struct ev_userspace *u = w->ev->userspace;
	const char *slash = u->path.len ? memrchr(u->path.p, '/', u->path.len) : NULL;

	TEXT_LIT(w->out, " [u] ");
	text_str(w->out, u->symbol);
	if (!slash)
		return;
	TEXT_LIT(w->out, " (");
	text_untrusted(w->out, slash + 1, (size_t)(u->path.p + u->path.len - slash - 1));
	buf_u8(w->out, ')');
}

static void put_track(struct buf *out, uint64_t timestamp, uint64_t orig_head, uint64_t skb)
{
	uint8_t *p = buf_room(out, TEXT_PIECES);

	if (!p)
		return;
	p = pen_lit(p, " #");
	if (timestamp)
		p = pen_hex_digits(pen_hex(p, timestamp), orig_head, 16);
	else
		p = pen_hex(p, orig_head);
	p = pen_hex(pen_lit(p, " (skb "), skb);
	buf_end(out, pen_lit(p, ")"));
}

/* A packet is seen by several probes, mostly in one and the same skb: the last texts are kept. */
static void put_identity(struct text_writer *w, uint64_t timestamp, uint64_t orig_head,
			 uint64_t skb)
{
	uint64_t mixed = (timestamp ^ orig_head) * UINT64_C(0x9e3779b97f4a7c15);
	struct text_track *slot;
	size_t begin = w->out->len, len;

	if (!w->t->tracks)
		w->t->tracks = calloc(TRACKS, sizeof(*w->t->tracks));
	if (!w->t->tracks) {
		put_track(w->out, timestamp, orig_head, skb);
		return;
	}
	slot = &w->t->tracks[mixed >> 32 & (TRACKS - 1)];
	if (slot->len && slot->timestamp == timestamp && slot->orig_head == orig_head &&
	    slot->skb == skb) {
		TEXT_KEPT(w->out, slot);
		return;
	}
	put_track(w->out, timestamp, orig_head, skb);
	len = w->out->len - begin;
	if (w->out->failed || len > sizeof(slot->text))
		return;
	slot->timestamp = timestamp;
	slot->orig_head = orig_head;
	slot->skb = skb;
	memcpy(slot->text, w->out->p + begin, len);
	slot->len = (uint8_t)len;
}

static void put_tracking(struct text_writer *w)
{
	const struct ev_tracking *s = w->ev->tracking;
	const struct ev_skb_tracking *k = w->ev->skb_tracking;

	if (s) {
		put_identity(w, s->timestamp, s->orig_head, s->skb);
		text_dec(w->out, " n ", s->idx);
	} else if (k) {
		put_identity(w, k->timestamp, k->orig_head, k->skb);
	}
}

static void put_drop(struct text_writer *w)
{
	const struct ev_skb_drop *d = w->ev->skb_drop;

	TEXT_LIT(w->out, " drop (reason ");
	if (EV_HAS(d, skb_drop, subsys)) {
		text_str(w->out, d->subsys);
		buf_u8(w->out, '/');
	}
	text_str(w->out, d->drop_reason);
	buf_u8(w->out, ')');
}

void text_head(struct text_writer *w)
{
	const struct ev *ev = w->ev;

	put_common(w);
	if (ev->kernel)
		put_kernel(w);
	else if (ev->userspace)
		put_userspace(w);
	put_tracking(w);
	if (ev->skb_drop)
		put_drop(w);
}
