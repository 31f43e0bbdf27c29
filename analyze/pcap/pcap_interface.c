/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyze/pcap/pcap.h"

#include <string.h>

#include "formats/pcap/pcap_read.h"
#include "formats/pcap/pcapng_write.h"
#include "formats/text/text.h"

enum {
	INVENTORY_MAX = 4096, /* rows that are remembered: each new interface looks through them */
	DESCRIPTION_MAX = 4096,
	/* Beyond, packets go to one interface a link type: a reader has a limit, too. */
	NAMED_MAX = PCAP_INTERFACES_MAX - 1024,
	MAC_BYTES = 6,
};

bool pcap_interfaces_init(struct pcap_interfaces *x)
{
	*x = (struct pcap_interfaces){.inventory = ev_batch_new()};
	return x->inventory != NULL;
}

void pcap_interfaces_fini(struct pcap_interfaces *x)
{
	sort_map_free(&x->numbers);
	ev_batch_free(x->inventory);
	buf_free(&x->name);
	buf_free(&x->description);
}

static bool same(struct ev_str a, struct ev_str b)
{
	return a.len == b.len && (!a.len || memcmp(a.p, b.p, a.len) == 0);
}

static bool same_netns(const struct ev_netns *a, const struct ev_netns *b)
{
	if (!a || !b)
		return a == b;
	if (EV_HAS(a, netns, cookie) && EV_HAS(b, netns, cookie))
		return a->cookie == b->cookie;
	return a->inum == b->inum;
}

/* Which of the machines, where the file has several. */
static struct ev_str hostname_of(const struct ev *ev)
{
	return ev->common ? ev->common->hostname : (struct ev_str){0};
}

static bool same_place(const struct ev *a, const struct ev *b)
{
	return same_netns(a->netns, b->netns) && same(hostname_of(a), hostname_of(b));
}

/* Writers repeat the inventory: whether the row is there already. */
static bool known(const struct pcap_interfaces *x, const struct ev *ev)
{
	struct ev_walk w = ev_walk(x->inventory);
	struct ev old = {0};

	while (ev_next(&w, &old)) {
		if (ev->probe && old.probe && same(ev->probe->symbol, old.probe->symbol) &&
		    same(ev->probe->type, old.probe->type))
			return true;
		if (ev->nsinfo && old.nsinfo && same_place(ev, &old))
			return true;
		if (ev->iface && old.iface && same_place(ev, &old) &&
		    ev->iface->ifindex == old.iface->ifindex &&
		    same(ev->iface->name, old.iface->name))
			return true;
	}
	return false;
}

void pcap_interfaces_learn(struct pcap_interfaces *x, const struct ev *ev)
{
	if (ev->host && !x->snaplen)
		x->snaplen = ev->host->snaplen;
	if (!ev->host && !ev->startup && !ev->probe && !ev->nsinfo && !ev->iface)
		return;
	if (x->inventory->n < INVENTORY_MAX && !known(x, ev))
		ev_copy(x->inventory, ev);
}

static void put_text(struct buf *out, struct ev_str s)
{
	text_untrusted(out, s.p, s.len);
}

static struct pcapng_text text_of(struct ev_str s)
{
	return (struct pcapng_text){s.p, s.len};
}

void pcap_interfaces_section(const struct pcap_interfaces *x, struct buf *out)
{
	static const char program[] = "skbox " SKBOX_VERSION;
	struct pcapng_section s = {.application = {program, sizeof(program) - 1}};
	struct buf os = {0}, hardware = {0};
	struct ev_walk w = ev_walk(x->inventory);
	struct ev ev = {0};

	while (ev_next(&w, &ev)) {
		if (ev.host && !os.len)
			put_text(&os, ev.host->utsname);
		if (ev.startup && !os.len && ev.startup->kernel_release.len) {
			buf_str(&os, "Linux ");
			put_text(&os, ev.startup->kernel_release);
		}
		if (ev.startup && !hardware.len)
			put_text(&hardware, ev.startup->hardware_name);
	}
	s.os = (struct pcapng_text){os.p, os.len};
	s.hardware = (struct pcapng_text){hardware.p, hardware.len};
	pcapng_put_section(out, &s);
	buf_free(&os);
	buf_free(&hardware);
}

/* "kprobe:tcp_v4_rcv", "tp:net:netif_rx": as options have it. */
static void put_probe(struct buf *out, struct ev_str type, struct ev_str symbol)
{
	if (ev_is(type, "raw_tracepoint"))
		buf_str(out, "tp");
	else
		put_text(out, type);
	buf_u8(out, ':');
	put_text(out, symbol);
}

static void put_netns(struct pcap_interfaces *x, const struct ev *event)
{
	const struct ev_netns *netns = event->netns;
	struct buf *out = &x->description;
	struct ev_walk w = ev_walk(x->inventory);
	struct ev ev = {0};

	if (!netns)
		return;
	buf_str(out, "netns ");
	while (ev_next(&w, &ev))
		if (ev.nsinfo && same_place(&ev, event) && ev.nsinfo->name.len) {
			put_text(out, ev.nsinfo->name);
			buf_u8(out, ' ');
			break;
		}
	if (EV_HAS(netns, netns, cookie))
		buf_printf(out, "0x%llx/", (unsigned long long)netns->cookie);
	buf_printf(out, "%u", netns->inum);
}

static void describe(struct pcap_interfaces *x, const struct ev *event)
{
	struct buf *out = &x->description;
	struct ev_walk w = ev_walk(x->inventory);
	struct ev ev = {0};
	bool any = false;

	buf_clear(out);
	put_netns(x, event);
	while (ev_next(&w, &ev)) {
		if (!ev.probe || !ev.probe->attached)
			continue;
		buf_str(out, any ? " " : out->len ? ", probes " : "probes ");
		any = true;
		if (out->len > DESCRIPTION_MAX) {
			buf_str(out, "...");
			break;
		}
		put_probe(out, ev.probe->type, ev.probe->symbol);
	}
	if (!any && event->kernel) {
		/* Retis' files do not tell which probes there were */
		buf_str(out, out->len ? ", first seen at " : "first seen at ");
		put_probe(out, event->kernel->probe_type, event->kernel->symbol);
	}
}

/* The device's address, and the recorder's filter. */
static void add_inventory(const struct pcap_interfaces *x, const struct ev *event,
			  struct pcapng_interface *f)
{
	struct ev_walk w = ev_walk(x->inventory);
	struct ev ev = {0};

	while (ev_next(&w, &ev)) {
		if (ev.host && EV_HAS(ev.host, host, packet_filter) && !f->filter.p)
			f->filter = text_of(ev.host->packet_filter);
		if (ev.iface && event->dev && ev.iface->mac.len == MAC_BYTES &&
		    ev.iface->ifindex == event->dev->ifindex && same_place(&ev, event))
			f->mac = (const uint8_t *)ev.iface->mac.p;
	}
}

static uint64_t hash_name(struct ev_str s)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325); /* FNV-1a */

	for (uint32_t i = 0; i < s.len; i++)
		h = (h ^ (uint8_t)s.p[i]) * UINT64_C(0x100000001b3);
	return h ^ s.len;
}

int64_t pcap_interfaces_of(struct pcap_interfaces *x, const struct ev *ev, uint16_t linktype,
			   uint32_t snaplen, struct buf *out)
{
	const struct ev none = {0};
	struct pcapng_interface f = {.linktype = linktype, .snaplen = snaplen};
	struct sort_key key = {{0}};
	void *number;

	if (!ev || x->n >= NAMED_MAX)
		ev = &none;
	if (ev->dev)
		key.w[0] = hash_name(ev->dev->name);
	if (hostname_of(ev).len)
		key.w[0] += hash_name(hostname_of(ev)) * 3;
	if (ev->netns)
		key.w[1] = EV_HAS(ev->netns, netns, cookie) ? ev->netns->cookie : ev->netns->inum;
	key.w[2] = (uint64_t)(ev->dev != NULL) << 33 | (uint64_t)(ev->netns != NULL) << 32 |
		   (uint64_t)linktype << 1;
	key.w[3] = snaplen;
	number = sort_map_get(&x->numbers, &key);
	if (number)
		return (int64_t)(uintptr_t)number - 1;
	if (!sort_map_put(&x->numbers, &key, (void *)((uintptr_t)x->n + 1)))
		return -1;
	buf_clear(&x->name);
	if (hostname_of(ev).len) {
		put_text(&x->name, hostname_of(ev));
		buf_u8(&x->name, ' ');
	}
	if (ev->dev)
		put_text(&x->name, ev->dev->name);
	else
		buf_str(&x->name, ev == &none ? "any" : "no device");
	describe(x, ev);
	add_inventory(x, ev, &f);
	f.name = (struct pcapng_text){x->name.p, x->name.len};
	f.description = (struct pcapng_text){x->description.p, x->description.len};
	pcapng_put_interface(out, &f);
	return x->n++;
}
