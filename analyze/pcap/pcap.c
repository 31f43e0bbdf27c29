/* SPDX-License-Identifier: BSD-2-Clause */
/* skbox pcap: packets as a pcapng file that says of each where it was and what became of it. */
#include "analyze/pcap/pcap.h"

#include <errno.h>
#include <string.h>

#include "analyze/command.h"
#include "analyze/confine.h"
#include "analyze/filter/filter.h"
#include "analyze/output.h"
#include "analyze/pcap/pcap_order.h"
#include "analyze/render.h"
#include "analyze/source/source.h"
#include "cli/terminal.h"
#include "formats/pcap/pcap_read.h"
#include "formats/pcap/pcapng_record.h"
#include "formats/pcap/pcapng_write.h"
#include "formats/retis/retis_write.h"
#include "formats/text/text.h"
#include "formats/linktype.h"

enum {
	PIECE_BYTES = 256 * 1024,
	HELD_BYTES = 4 * 1024 * 1024,
	NS_PER_SEC = 1000000000,

	/* https://www.tcpdump.org/linktypes.html */
	LINK_NONE = 0xffff, /* no number of a link type: it cannot be shown */

	ETHERNET_BYTES = 14,
	VLAN_BYTES = 4,
	VLANS_MAX = 4,
	TYPE_IPV4 = 0x0800,
	TYPE_IPV6 = 0x86dd,
};

enum one_linktype { ANY_LINKTYPE, ONLY_ETHERNET, ONLY_RAW };
static const char *const linktypes[] = {"any", "ethernet", "raw", NULL};

struct pcap_config {
	const char *out;
	int linktype, layout;
	bool once, plain;
	struct filter_options filter;
};

static const struct option_row rows[] = {
	OPTION(STRING, pcap_config, out, "out", 'o', "FILE",
	       "the packet file to write; - (default) is standard output"),
	OPTION(FLAG, pcap_config, once, "once", 0, NULL,
	       "each packet one time, where it was seen first, in the order of time"),
	OPTION(CHOICE, pcap_config, linktype, "linktype", 0, "TYPE",
	       "any (default): each packet as it is; ethernet: only packets with an Ethernet "
	       "header; raw: IP packets from their IP header on, of one interface. tcpdump reads "
	       "files of one link type only",
	       .choices = linktypes),
	OPTION(FLAG, pcap_config, plain, "plain", 0, NULL,
	       "packets and comments alone: without the events, sockets and losses that skbox "
	       "reads back"),
	OPTION(CHOICE, pcap_config, layout, "layout", 0, "LAYOUT",
	       "of the comments: classic (default) or current", .choices = render_layouts),
	FILTER_OPTIONS(pcap_config, filter),
};

struct exporter {
	const struct pcap_config *c;
	struct source *source;
	struct filter *filter;
	struct output file;
	struct pcap_interfaces interfaces;
	struct text text;
	struct retis_writer retis;
	struct pcap_seen seen;
	struct pcap_order order;
	struct buf out, block, comment, event, record, interface;
	size_t first_interface; /* where in out it goes */
	bool begun, flushed;
	uint64_t packets, rows;
	uint64_t no_ip;       /* without link layer, and no IP */
	uint64_t other_types; /* left out by --linktype */
	uint64_t too_large;
};

/* How a packet goes into a block. */
struct shown {
	uint16_t linktype;
	const uint8_t *data;
	uint32_t caplen, len;
	struct pcapng_cut cut;
};

/* ---- link types ---- */

static uint16_t be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

/* Bytes of the link layer in front of an IP header; 0: there is none that can be seen. */
static uint32_t link_bytes(const uint8_t *p, uint32_t len)
{
	uint32_t at = ETHERNET_BYTES;

	for (int i = 0; i < VLANS_MAX && len > at; i++) {
		uint16_t type = be16(p + at - 2);

		if ((type == TYPE_IPV4 && p[at] >> 4 == 4) ||
		    (type == TYPE_IPV6 && p[at] >> 4 == 6))
			return at;
		if (type != 0x8100 && type != 0x88a8 && type != 0x9100)
			return 0;
		at += VLAN_BYTES;
	}
	return 0;
}

static bool is_ip(const uint8_t *p, uint32_t len)
{
	return len && (p[0] >> 4 == 4 || p[0] >> 4 == 6);
}

/* A packet without link layer: raw, or the version by the protocol where the packet does not say it. */
static uint16_t network_linktype(const struct ev_packet *p)
{
	unsigned int version = p->data.len ? p->data.p[0] >> 4 : 0;

	if (p->protocol == TYPE_IPV4)
		return version == 4 ? LINK_RAW : LINK_IPV4;
	if (p->protocol == TYPE_IPV6)
		return version == 6 ? LINK_RAW : LINK_IPV6;
	return LINK_NONE;
}

/* Makes one link type of it; LINK_NONE where that cannot be. */
static void make_one(struct shown *s, int which)
{
	uint32_t cut;

	if (which == ONLY_ETHERNET) {
		if (s->linktype != LINK_ETHERNET)
			s->linktype = LINK_NONE;
		return;
	}
	switch (s->linktype) {
	case LINK_ETHERNET:
		cut = link_bytes(s->data, s->caplen);
		s->linktype = cut ? LINK_RAW : LINK_NONE;
		s->cut.before = s->data;
		s->cut.before_len = cut;
		s->data += cut;
		s->caplen -= cut;
		s->len -= cut;
		break;
	case LINK_RAW:
	case LINK_RAW_BSD:
	case LINK_RAW_OPENBSD:
	case LINK_IPV4:
	case LINK_IPV6: s->linktype = is_ip(s->data, s->caplen) ? LINK_RAW : LINK_NONE; break;
	default: s->linktype = LINK_NONE;
	}
}

/* False: it is not shown (and counted). */
static bool show(struct exporter *x, const struct ev_packet *p, struct shown *s)
{
	*s = (struct shown){LINK_ETHERNET, p->data.p, p->data.len, p->len, {0}};
	if (EV_HAS(p, packet, protocol)) {
		s->linktype = network_linktype(p);
		/* the length counts a header that is not there */
		s->len = p->len >= ETHERNET_BYTES ? p->len - ETHERNET_BYTES : p->len;
	} else if (EV_HAS(p, packet, linktype)) {
		s->linktype = p->linktype;
	}
	if (s->linktype == LINK_NONE) {
		x->no_ip++;
		return false;
	}
	if (s->len < s->caplen)
		s->len = s->caplen;
	if (x->c->linktype != ANY_LINKTYPE)
		make_one(s, x->c->linktype);
	if (s->linktype == LINK_NONE) {
		x->other_types++;
		return false;
	}
	if (s->caplen > PCAPNG_SNAPLEN_MAX) {
		s->cut.after = s->data + PCAPNG_SNAPLEN_MAX;
		s->cut.after_len = s->caplen - PCAPNG_SNAPLEN_MAX;
		s->caplen = PCAPNG_SNAPLEN_MAX;
	}
	return true;
}

/* ---- events ---- */

static uint8_t direction(const struct ev *ev)
{
	static const struct {
		const char *symbol;
		uint8_t direction;
	} table[] = {
		{"net:netif_receive_skb", PCAPNG_INBOUND},
		{"net:napi_gro_receive_entry", PCAPNG_INBOUND},
		{"net:netif_rx", PCAPNG_INBOUND},
		{"net:netif_receive_skb_entry", PCAPNG_INBOUND},
		{"net:net_dev_start_xmit", PCAPNG_OUTBOUND},
		{"net:net_dev_xmit", PCAPNG_OUTBOUND},
		{"net:net_dev_queue", PCAPNG_OUTBOUND},
	};

	for (size_t i = 0; ev->kernel && i < sizeof(table) / sizeof(table[0]); i++)
		if (ev_is(ev->kernel->symbol, table[i].symbol))
			return table[i].direction;
	return 0;
}

/* The journey as one number; 0: it is in none. */
static uint64_t packet_id(const struct ev *ev)
{
	uint64_t h;

	if (!ev->skb_tracking)
		return 0;
	h = ev->skb_tracking->timestamp * UINT64_C(0x9e3779b97f4a7c15) ^
	    ev->skb_tracking->orig_head;
	h = (h ^ h >> 32) * UINT64_C(0xd6e8feb86659fd93);
	h ^= h >> 32;
	return h ? h : 1;
}

static uint64_t wall_time(const struct exporter *x, const struct ev *ev)
{
	uint64_t ns = ev->common ? ev->common->timestamp : 0;

	if (x->text.has_offset)
		ns += (uint64_t)x->text.offset_sec * NS_PER_SEC + (uint64_t)x->text.offset_nsec;
	return ns;
}

static struct pcapng_text text_of(const struct buf *b)
{
	return (struct pcapng_text){b->p, b->len};
}

/* What Retis would have beside the packet: the event without it. */
static void put_retis(struct exporter *x, const struct ev *ev)
{
	struct ev bare = *ev;

	buf_clear(&x->event);
	if (x->c->plain || !ev->kernel)
		return;
	bare.packet = NULL;
	bare.sections &= ~EV_SECTION_BIT(packet);
	x->retis.started = true;
	if (retis_write_event(&x->retis, &bare, &x->event) && x->event.len)
		x->event.len--; /* the line feed */
}

/* An event in a block of our own. */
static void put_row(struct exporter *x, const struct ev *ev)
{
	if (x->c->plain)
		return;
	buf_clear(&x->record);
	pcapng_record_put(ev, NULL, &x->record);
	if (x->record.len > PCAP_RECORD_MAX / 2) {
		x->too_large++;
		return;
	}
	pcapng_put_record(&x->out, text_of(&x->record));
	x->rows++;
}

/*
 * Interfaces go where they are needed, but the first one right behind the head of the file, before
 * blocks of our own: Wireshark's tools take the link type of what they write from there, and editcap
 * refuses a file that begins otherwise.
 */
static bool put_interface(struct exporter *x)
{
	struct buf *out = &x->out;
	size_t len = x->interface.len, at = out->len;

	if (x->interfaces.n == 1 && !x->flushed)
		at = x->first_interface;
	if (x->interface.failed || !buf_room(out, len))
		return false;
	memmove(out->p + at + len, out->p + at, out->len - at);
	memcpy(out->p + at, x->interface.p, len);
	out->len += len;
	buf_clear(&x->interface);
	return true;
}

static int put_packet(struct exporter *x, const struct ev *ev, const struct shown *s, uint64_t id)
{
	uint32_t snaplen = x->interfaces.snaplen;
	struct pcapng_packet p = {.time_ns = wall_time(x, ev),
				  .data = s->data,
				  .caplen = s->caplen,
				  .len = s->len,
				  .direction = direction(ev),
				  .id = id};
	int64_t number;

	if (x->c->linktype != ANY_LINKTYPE || !snaplen || s->caplen > snaplen)
		snaplen = PCAPNG_SNAPLEN_MAX;
	/*
	 * Raw IP has one interface: libpcap (1.10.3, sf-pcapng.c) compares the number of a second one's
	 * link type, 101, with what it made of the first, 12, and refuses the file.
	 */
	number = pcap_interfaces_of(&x->interfaces, x->c->linktype == ONLY_RAW ? NULL : ev,
				    s->linktype, snaplen, &x->interface);
	if (number < 0 || (x->interface.len && !put_interface(x)))
		return -ENOMEM;
	p.interface = (uint32_t)number;
	put_retis(x, ev);
	buf_clear(&x->record);
	if (!x->c->plain)
		pcapng_record_put(ev, &s->cut, &x->record);
	p.comment = text_of(&x->comment);
	p.event = text_of(&x->event);
	if (x->record.len <= PCAP_RECORD_MAX / 2)
		p.record = text_of(&x->record);
	else
		x->too_large++;
	x->packets++;
	if (!x->c->once) {
		pcapng_put_packet(&x->out, &p);
		return 0;
	}
	buf_clear(&x->block);
	pcapng_put_packet(&x->block, &p);
	if (x->block.failed ||
	    !pcap_order_push(&x->order, p.time_ns, x->block.p, x->block.len, &x->out))
		return -ENOMEM;
	return 0;
}

static int put_event(struct exporter *x, const struct ev *ev)
{
	struct shown s;
	uint64_t id;

	buf_clear(&x->comment);
	text_event(&x->text, ev, 0, &x->comment);
	pcap_interfaces_learn(&x->interfaces, ev);
	if (!filter_match(x->filter, ev))
		return 0;
	if (!ev->packet || !EV_HAS(ev->packet, packet, data)) {
		put_row(x, ev);
		return 0;
	}
	id = packet_id(ev);
	if (x->c->once && id) {
		int seen = pcap_seen_test(&x->seen, id);

		if (seen)
			return seen < 0 ? -ENOMEM : 0;
	}
	if (show(x, ev->packet, &s))
		return put_packet(x, ev, &s, id);
	if (x->c->linktype == ANY_LINKTYPE)
		put_row(x, ev);
	return 0;
}

/* The head of the file, from what the first events tell of the recording. */
static void begin(struct exporter *x, const struct ev_batch *batch)
{
	if (batch) {
		struct ev_walk w = ev_walk(batch);
		struct ev ev = {0};

		while (ev_next(&w, &ev))
			pcap_interfaces_learn(&x->interfaces, &ev);
	}
	pcap_interfaces_section(&x->interfaces, &x->out);
	x->first_interface = x->out.len;
	if (!x->c->plain)
		pcapng_put_record(&x->out, (struct pcapng_text){NULL, 0});
	x->begun = true;
}

static int flush(struct exporter *x, bool all)
{
	int rc;

	if (!all && !x->interfaces.n && x->out.len < HELD_BYTES)
		return 0;
	rc = x->out.failed ? -ENOMEM : output_write(&x->file, x->out.p, x->out.len);
	x->flushed = true;
	buf_clear(&x->out);
	return rc;
}

static int put_batch(struct exporter *x, const struct ev_batch *batch)
{
	struct ev_walk w = ev_walk(batch);
	struct ev ev = {0};
	int rc = 0;

	if (!x->begun)
		begin(x, batch);
	while (rc == 0 && !filter_done(x->filter) && ev_next(&w, &ev)) {
		rc = put_event(x, &ev);
		if (rc == 0 && x->out.len > PIECE_BYTES)
			rc = flush(x, false);
	}
	/* a batch is large, or all that a pipe had: either way it goes out now */
	return rc == 0 ? flush(x, false) : rc;
}

static int finish(struct exporter *x)
{
	if (!x->begun)
		begin(x, NULL);
	while (x->order.n && !x->out.failed)
		pcap_order_pop(&x->order, &x->out);
	return flush(x, true);
}

static void tell(const struct exporter *x)
{
	static const char *const left_out[] = {
		[ONLY_ETHERNET] = "have no Ethernet header",
		[ONLY_RAW] = "are not IP",
	};

	if (x->other_types)
		terminal_error("note: left out: %llu packets that %s",
			       (unsigned long long)x->other_types, left_out[x->c->linktype]);
	if (x->no_ip)
		terminal_error("note: %llu packets are neither IP nor have a link layer: no "
			       "packet file can show them%s",
			       (unsigned long long)x->no_ip,
			       x->c->plain || x->c->linktype ? "" : "; skbox reads them back");
	if (x->too_large)
		terminal_error("note: %llu events are too large to be kept beside their packets",
			       (unsigned long long)x->too_large);
	if (!x->packets)
		terminal_error("note: no packets");
}

static int export(struct exporter *x)
{
	const char *path = x->c->out ? x->c->out : "-";
	struct ev_batch *batch;
	int rc, wrote = 0;

	if (source_reads(x->source, path) || output_open(&x->file, path, 1) < 0)
		return EXIT_FAILED;
	while ((rc = source_next(x->source, &batch)) > 0 && wrote == 0 && !filter_done(x->filter))
		wrote = put_batch(x, batch);
	if (rc < 0) {
		output_discard(&x->file);
		return EXIT_FAILED;
	}
	if (wrote == 0)
		wrote = finish(x);
	if (output_commit(&x->file, wrote) < 0)
		return EXIT_FAILED;
	tell(x);
	return source_finish(x->source);
}

static int pcap_run(int argc, char **argv)
{
	struct pcap_config c = {0};
	struct source_options options = {.progress = SOURCE_PROGRESS_PIPED};
	struct exporter x = {.c = &c, .retis = {.shape = RETIS_SHAPE_1_7}};
	int rest, rc = command_options(&command_pcap, argc, argv, &c, &rest);

	if (rc >= 0)
		goto out;
	if (c.out && strcmp(c.out, "-") != 0)
		options.progress = SOURCE_PROGRESS;
	rc = EXIT_FAILED;
	if (!pcap_interfaces_init(&x.interfaces) || filter_new(&x.filter, &c.filter) < 0)
		goto out;
	if (confine_enter(&(struct confine){
		    .inputs = argv + rest, .n = (size_t)(argc - rest), .output = c.out}) < 0)
		goto out;
	text_init(&x.text, &(struct text_options){.current = c.layout == 1});
	if (filter_open(x.filter, &x.source, &options, argv + rest, (size_t)(argc - rest)) == 0)
		rc = export(&x);
	text_fini(&x.text);
out:
	source_close(x.source);
	filter_free(x.filter);
	pcap_interfaces_fini(&x.interfaces);
	pcap_seen_fini(&x.seen);
	pcap_order_fini(&x.order);
	buf_free(&x.out);
	buf_free(&x.block);
	buf_free(&x.interface);
	buf_free(&x.comment);
	buf_free(&x.event);
	buf_free(&x.record);
	filter_options_free(&c.filter);
	return rc;
}

const struct command command_pcap = {
	.name = "pcap",
	.usage = "[INPUT...] -o OUT.pcapng [OPTION...]",
	.help = "packets as pcapng for Wireshark, each with its event as comment",
	.about = "One interface for each device, namespace and link type. skbox reads such a file "
		 "back as whole events.",
	COMMAND_ROWS(rows),
	.run = pcap_run,
};
