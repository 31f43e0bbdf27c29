/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packet files as a source. A packet becomes an event with time, interface and packet sections; one
 * that Retis or we wrote has its whole event beside the bytes and becomes that event again.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/source/input.h"
#include "analyze/source/source.h"
#include "formats/pcap/pcap_read.h"
#include "formats/pcap/pcapng_record.h"
#include "formats/retis/retis_read.h"
#include "formats/linktype.h"

enum {
	BATCH_EVENTS = 8192,
	BATCH_BYTES = 8 << 20,

	/* https://www.tcpdump.org/linktypes.html */

	INVENTED_BYTES = 14, /* Retis counts the Ethernet header that it invents */
};

struct pcap_source {
	struct source *s;
	struct input *in;
	struct pcap_reader *reader;
	struct retis_reader *events; /* NULL until the first event of Retis */
	bool clock_known, ended;
	uint64_t time_ns; /* of the last bare packet */
};

static int pcap_source_open(struct source *s, struct input *in, void **self,
			    struct skbox_error *err)
{
	struct pcap_source *x = calloc(1, sizeof(*x));

	if (x)
		x->reader = pcap_reader_new();
	if (!x || !x->reader) {
		free(x);
		return error_set(err, -ENOMEM, 0, "out of memory");
	}
	x->s = s;
	x->in = in;
	*self = x;
	return 0;
}

static void pcap_source_close(void *self)
{
	struct pcap_source *x = self;

	pcap_reader_free(x->reader);
	retis_reader_free(x->events);
	free(x);
}

/* The ethertype of a packet without link layer, from its first nibble; 0: not IP. */
static uint16_t raw_protocol(const struct pcap_packet *p)
{
	switch (p->caplen ? p->data[0] >> 4 : 0) {
	case 4: return 0x0800;
	case 6: return 0x86dd;
	default: return 0;
	}
}

static void add_packet(struct ev_batch *batch, const struct pcap_packet *p)
{
	struct ev_packet *packet = EV_ADD(batch, packet);
	uint32_t extra = 0;
	uint16_t protocol = 0;

	switch (p->linktype) {
	case LINK_ETHERNET: break;
	case LINK_RAW:
	case LINK_RAW_BSD:
	case LINK_RAW_OPENBSD:
	case LINK_IPV4:
	case LINK_IPV6:
		protocol = raw_protocol(p);
		if (protocol) {
			extra = INVENTED_BYTES;
			EV_SET(packet, packet, protocol, protocol);
			break;
		}
		/* fall through */
	default: EV_SET(packet, packet, linktype, p->linktype);
	}
	EV_SET(packet, packet, len, p->len + extra);
	EV_SET(packet, packet, capture_len, p->caplen + extra);
	EV_SET(packet, packet, data, ev_bytes(batch, p->data, p->caplen));
}

/* From here on times are CLOCK_MONOTONIC + offset on the wall: 0 for plain packet files. */
static void add_clock(struct pcap_source *x, struct ev_batch *batch, uint64_t time, int64_t offset)
{
	struct ev_common *common;
	struct ev_clock *clock;

	if (x->clock_known)
		return;
	x->clock_known = true;
	ev_batch_begin(batch);
	common = EV_ADD(batch, common);
	EV_SET(common, common, timestamp, time);
	clock = EV_ADD(batch, clock);
	EV_SET(clock, clock, offset, offset);
}

static void add_bare(struct pcap_source *x, struct ev_batch *batch, const struct pcap_packet *p)
{
	struct ev_common *common;
	struct ev_dev *dev;

	/* a packet without a time comes when the one before it came */
	if (p->has_time)
		x->time_ns = p->time_ns;
	add_clock(x, batch, x->time_ns, 0);
	ev_batch_begin(batch);
	common = EV_ADD(batch, common);
	EV_SET(common, common, timestamp, x->time_ns);
	/* the file numbers its interfaces from 0, which in a kernel's index means none; a pcap has one */
	dev = EV_ADD(batch, dev);
	EV_SET(dev, dev, name, ev_string(batch, p->name ? p->name : "", p->name_len));
	EV_SET(dev, dev, ifindex, p->interface + 1);
	add_packet(batch, p);
}

/* One event into the batch: 0; -ENOMEM; or another negative errno with e filled and nothing added. */
static int read_event(struct pcap_source *x, struct ev_batch *batch, const struct pcap_packet *p,
		      struct skbox_error *e)
{
	uint32_t n = batch->n;
	int rc = retis_read_line(x->events, (const char *)p->event, p->event_len, batch, e);

	if (rc < 0 || batch->n == n + 1)
		return rc;
	while (batch->n > n)
		ev_batch_drop(batch);
	return error_set(e, -EPROTO, 0, "the event beside a packet is not one event");
}

/* The event that Retis put beside the packet. Damage in it leaves the bare packet. */
static int add_event(struct pcap_source *x, struct ev_batch *batch, const struct pcap_packet *p,
		     struct skbox_error *err)
{
	struct skbox_error e = {0};
	int rc;

	if (!x->events && !(x->events = retis_reader_new()))
		return error_set(err, -ENOMEM, 0, "out of memory");
	rc = read_event(x, batch, p, &e);
	if (rc == 0 && !x->clock_known) {
		/* the clock row stands in front of the first event, which tells the offset */
		const struct ev_rows *rows = &batch->sec[EV_common];
		uint64_t time = ((const struct ev_common *)rows->p)[rows->n - 1].timestamp;

		ev_batch_drop(batch);
		add_clock(x, batch, time, (int64_t)(p->time_ns - time));
		rc = read_event(x, batch, p, &e);
	}
	if (rc == -ENOMEM) {
		*err = e;
		return rc;
	}
	if (rc < 0) {
		e.offset = input_offset(x->in);
		source_damage(x->s, &e);
		add_bare(x, batch, p);
		return 0;
	}
	add_packet(batch, p);
	return 0;
}

/* What we put there ourselves, with or without a packet. Damage in it leaves the bare packet. */
static int add_record(struct pcap_source *x, struct ev_batch *batch, const struct pcap_packet *p,
		      struct skbox_error *err)
{
	const uint8_t *data = p->no_packet ? NULL : p->data;
	struct skbox_error e = {0};
	int rc;

	if (p->no_packet)
		x->clock_known = true; /* rows of the clock are in the file, or there was none */
	if (!p->record_len)
		return 0;
	rc = pcapng_record_get(p->record, p->record_len, data, p->caplen, batch, &e);
	if (rc == 0 && !x->clock_known) {
		/* another tool left our rows out: the packet's own two times tell the offset */
		const struct ev_rows *rows = &batch->sec[EV_common];
		uint64_t time = 0;

		if (batch->mask[batch->n - 1] & EV_SECTION_BIT(common))
			time = ((const struct ev_common *)rows->p)[rows->n - 1].timestamp;
		ev_batch_drop(batch);
		add_clock(x, batch, time, (int64_t)(p->time_ns - time));
		rc = pcapng_record_get(p->record, p->record_len, data, p->caplen, batch, &e);
	}
	if (rc == -ENOMEM) {
		*err = e;
		return rc;
	}
	if (rc < 0) {
		e.offset = input_offset(x->in);
		source_damage(x->s, &e);
		if (!p->no_packet)
			add_bare(x, batch, p);
	}
	return 0;
}

/* What to do where nothing could be taken: read on; at the end tell what is cut off. */
static int need_more(struct pcap_source *x, struct skbox_error *err)
{
	struct skbox_error e = {0};
	int rc = input_more(x->in, &e);
	size_t left;

	if (rc > 0)
		return 1;
	if (rc < 0 && e.code != -EPROTO) {
		*err = e;
		return rc;
	}
	input_bytes(x->in, &left);
	if (rc == 0 && left)
		error_set(&e, -EPROTO, 0, "the file ends inside a packet or block");
	if (rc < 0 || left) {
		e.offset = input_offset(x->in);
		source_damage(x->s, &e);
	}
	x->ended = true;
	return 0;
}

static int pcap_source_next(void *self, struct ev_batch *batch, struct skbox_error *err)
{
	struct pcap_source *x = self;

	while (!x->ended && batch->n < BATCH_EVENTS && batch->bytes < BATCH_BYTES) {
		struct pcap_packet packet;
		struct skbox_error e = {0};
		size_t len, used;
		const uint8_t *p = input_bytes(x->in, &len);
		int rc = pcap_read(x->reader, p, len, &packet, &used, &e);

		if (rc == -ENOMEM) {
			*err = e;
			return rc;
		}
		if (rc < 0) {
			e.offset += input_offset(x->in);
			source_damage(x->s, &e);
			x->ended = used == 0;
		} else if (rc > 0) {
			rc = 0;
			if (packet.record)
				rc = add_record(x, batch, &packet, err);
			else if (packet.event)
				rc = add_event(x, batch, &packet, err);
			else
				add_bare(x, batch, &packet);
			if (rc < 0)
				return rc;
		} else if (!used) {
			if (batch->n)
				break; /* what there is goes out before a pipe is waited for */
			rc = need_more(x, err);
			if (rc < 0)
				return rc;
		}
		input_skip(x->in, used);
	}
	return !x->ended;
}

const struct source_format source_pcap = {pcap_source_open, pcap_source_next, pcap_source_close,
					  NULL, "offset"};
