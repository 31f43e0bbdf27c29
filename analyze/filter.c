/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyze/filter.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/terminal.h"
#include "formats/retis_frame.h"

enum {
	SNAPLEN = 262144,
	LINKS_MAX =
		16, /* link types of packet files in one run; packets of further ones do not match */
	INVENTED_BYTES = 14,

	LINK_NULL = 0,
	LINK_ETHERNET = 1,
	LINK_LOOP = 108,
	LINK_SLL = 113,
	LINK_SLL2 = 276,

	FAMILY_INET = 2,
	PROTO_TCP = 6,
	IP4_BYTES = 20,
	IP6_BYTES = 40,
	TCP_BYTES = 20,
};

/* The expression compiled for one link type. */
struct program {
	int dlt;
	bool valid;
	struct bpf_program bpf;
};

struct probe_pattern {
	const char *type; /* as in kernel.probe_type; NULL: any */
	const char *pattern;
	uint64_t sketch; /* bit in a block's summary; 0: has wildcards */
};

struct filter {
	struct filter_options o;
	struct program ethernet, raw;
	struct program links[LINKS_MAX];
	unsigned int n_links;
	struct probe_pattern *probes;
	size_t n_probes;
	uint64_t passed;
	uint64_t lost; /* of the newest block's summary */
};

bool filter_glob(const char *pattern, const char *text, size_t len)
{
	const char *star = NULL;
	size_t i = 0, mark = 0;

	/* one point to come back to is enough: a later star takes what an earlier one could */
	while (i < len) {
		if (*pattern == '*') {
			star = ++pattern;
			mark = i;
		} else if (*pattern && (*pattern == '?' || *pattern == text[i])) {
			pattern++;
			i++;
		} else if (star) {
			pattern = star;
			i = ++mark;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return !*pattern;
}

/* ---- compiling ---- */

/* `ether[...]` and `link[...]` compile for raw IP too, but mean bytes that are not there. */
static bool wants_link_bytes(const char *expression)
{
	static const char *const words[] = {"ether", "link"};

	for (size_t i = 0; i < 2; i++) {
		const char *p = expression;

		while ((p = strstr(p, words[i]))) {
			p += strlen(words[i]);
			if (p[strspn(p, " \t\n")] == '[')
				return true;
		}
	}
	return false;
}

static void compile(struct program *prog, int dlt, const char *expression, char *why, size_t size)
{
	pcap_t *dead = pcap_open_dead(dlt, SNAPLEN);

	prog->dlt = dlt;
	prog->valid =
		dead && pcap_compile(dead, &prog->bpf, expression, 1, PCAP_NETMASK_UNKNOWN) == 0;
	if (!prog->valid && why)
		snprintf(why, size, "%s", dead ? pcap_geterr(dead) : "out of memory");
	if (dead)
		pcap_close(dead);
}

static int compile_packet(struct filter *f)
{
	char why[PCAP_ERRBUF_SIZE] = "";

	if (!f->o.packet)
		return 0;
	compile(&f->ethernet, DLT_EN10MB, f->o.packet, why, sizeof(why));
	if (!wants_link_bytes(f->o.packet))
		compile(&f->raw, DLT_RAW, f->o.packet, NULL, 0);
	if (f->ethernet.valid || f->raw.valid)
		return 0;
	terminal_error("-f '%s': %s", f->o.packet, why);
	return -EINVAL;
}

/* "kprobe:tcp_v4_rcv", "tp:net:*", "net:*": the words that Retis and the recorder know. */
static int compile_probes(struct filter *f)
{
	static const struct {
		const char *word, *type;
	} types[] = {
		{"tp:", "raw_tracepoint"}, {"raw_tracepoint:", "raw_tracepoint"},
		{"k:", "kprobe"},          {"kprobe:", "kprobe"},
		{"kr:", "kretprobe"},      {"kretprobe:", "kretprobe"},
	};

	if (!f->o.probes.n)
		return 0;
	f->probes = calloc(f->o.probes.n, sizeof(*f->probes));
	if (!f->probes)
		return -ENOMEM;
	for (size_t i = 0; i < f->o.probes.n; i++) {
		struct probe_pattern *p = &f->probes[i];

		p->pattern = f->o.probes.v[i];
		for (size_t t = 0; t < sizeof(types) / sizeof(types[0]) && !p->type; t++)
			if (strncmp(p->pattern, types[t].word, strlen(types[t].word)) == 0) {
				p->type = types[t].type;
				p->pattern += strlen(types[t].word);
			}
		if (!p->pattern[strcspn(p->pattern, "*?")])
			p->sketch = skbx_sketch(p->pattern, strlen(p->pattern));
	}
	f->n_probes = f->o.probes.n;
	return 0;
}

int filter_new(struct filter **result, const struct filter_options *options)
{
	struct filter *f = calloc(1, sizeof(*f));
	int rc = -ENOMEM;

	*result = NULL;
	if (!f)
		goto out;
	f->o = *options;
	rc = compile_packet(f);
	if (rc == 0)
		rc = compile_probes(f);
out:
	if (rc == -ENOMEM)
		terminal_error("out of memory");
	if (rc < 0)
		filter_free(f);
	else
		*result = f;
	return rc;
}

void filter_free(struct filter *f)
{
	if (!f)
		return;
	if (f->ethernet.valid)
		pcap_freecode(&f->ethernet.bpf);
	if (f->raw.valid)
		pcap_freecode(&f->raw.bpf);
	for (unsigned int i = 0; i < f->n_links; i++)
		if (f->links[i].valid)
			pcap_freecode(&f->links[i].bpf);
	free(f->probes);
	free(f);
}

/* ---- packets ---- */

static bool run(const struct program *prog, const uint8_t *p, uint32_t caplen, uint32_t len)
{
	return prog->valid && bpf_filter(prog->bpf.bf_insns, p, len, caplen) != 0;
}

/* The program for a link type that packet files bring along, compiled at first sight. */
static const struct program *program_for(struct filter *f, uint16_t linktype)
{
	static const struct program none;
	struct program *prog;
	int dlt;

	switch (linktype) {
	case LINK_ETHERNET: return &f->ethernet;
	case LINK_SLL: dlt = DLT_LINUX_SLL; break;
#ifdef DLT_LINUX_SLL2
	case LINK_SLL2: dlt = DLT_LINUX_SLL2; break;
#endif
	default: return &none;
	}
	for (unsigned int i = 0; i < f->n_links; i++)
		if (f->links[i].dlt == dlt)
			return &f->links[i];
	if (f->n_links == LINKS_MAX)
		return &none;
	prog = &f->links[f->n_links++];
	compile(prog, dlt, f->o.packet, NULL, 0);
	return prog;
}

/*
 * BSD loopback: the byte order of its address family is that of the machine that recorded, and IPv6 has
 * another number on each system. A program knows one of each, so the packet behind the header is looked at.
 */
static bool match_loopback(struct filter *f, const struct ev_packet *p)
{
	struct retis_frame frame;

	return retis_frame_of(p, &frame) &&
	       run(&f->raw, frame.rest, frame.rest_len, frame.len - INVENTED_BYTES);
}

static bool match_packet(struct filter *f, const struct ev_packet *p)
{
	uint32_t len = p->len > p->data.len ? p->len : p->data.len;

	if (EV_HAS(p, packet, protocol)) {
		/* the length counts an Ethernet header that is not in the data */
		len = p->len >= INVENTED_BYTES ? p->len - INVENTED_BYTES : 0;
		return run(&f->raw, p->data.p, p->data.len, len > p->data.len ? len : p->data.len);
	}
	if (EV_HAS(p, packet, linktype) && (p->linktype == LINK_NULL || p->linktype == LINK_LOOP))
		return match_loopback(f, p);
	if (EV_HAS(p, packet, linktype))
		return run(program_for(f, p->linktype), p->data.p, p->data.len, len);
	return run(&f->ethernet, p->data.p, p->data.len, len);
}

/* ---- sockets: as if they were a packet of their connection, in either direction ---- */

struct endpoint {
	const uint8_t *address;
	uint32_t port;
};

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

/* An IP header and the ports; returns its length. */
static uint32_t build_packet(uint8_t *p, uint32_t address_len, uint8_t protocol,
			     struct endpoint from, struct endpoint to)
{
	uint32_t header = address_len == 4 ? IP4_BYTES : IP6_BYTES;

	memset(p, 0, header + TCP_BYTES);
	if (address_len == 4) {
		p[0] = 0x45;
		put16(p + 2, header + TCP_BYTES);
		p[8] = 64;
		p[9] = protocol;
	} else {
		p[0] = 0x60;
		put16(p + 4, TCP_BYTES);
		p[6] = protocol;
		p[7] = 64;
	}
	memcpy(p + header - 2 * address_len, from.address, address_len);
	memcpy(p + header - address_len, to.address, address_len);
	p += header;
	put16(p, from.port);
	put16(p + 2, to.port);
	p[12] = TCP_BYTES / 4 << 4;
	return header + TCP_BYTES;
}

static bool match_socket(const struct filter *f, const struct ev_diag *d)
{
	static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
	static const uint8_t any[16];
	struct endpoint local = {any, d->sport}, remote = {any, d->dport};
	uint8_t packet[IP6_BYTES + TCP_BYTES], protocol = PROTO_TCP;
	uint32_t address_len = d->family == FAMILY_INET ? 4 : 16, len;

	if (d->src.len >= address_len)
		local.address = (const uint8_t *)d->src.p;
	if (d->dst.len >= address_len)
		remote.address = (const uint8_t *)d->dst.p;
	if (address_len == 16 && memcmp(local.address, mapped, sizeof(mapped)) == 0 &&
	    memcmp(remote.address, mapped, sizeof(mapped)) == 0) {
		/* a dual-stack socket: its packets are IPv4 */
		local.address += 12;
		remote.address += 12;
		address_len = 4;
	}
	if (EV_HAS(d, diag, protocol) && d->protocol)
		protocol = d->protocol;
	len = build_packet(packet, address_len, protocol, local, remote);
	if (run(&f->raw, packet, len, len))
		return true;
	len = build_packet(packet, address_len, protocol, remote, local);
	return run(&f->raw, packet, len, len);
}

/* ---- events ---- */

static bool str_is(struct ev_str s, const char *text)
{
	return s.len == strlen(text) && memcmp(s.p, text, s.len) == 0;
}

static bool match_symbol(const struct filter *f, const struct ev_str *type, struct ev_str symbol)
{
	for (size_t i = 0; i < f->n_probes; i++) {
		const struct probe_pattern *p = &f->probes[i];

		if ((!p->type || !type || str_is(*type, p->type)) &&
		    filter_glob(p->pattern, symbol.p, symbol.len))
			return true;
	}
	return false;
}

static bool match_probe(const struct filter *f, const struct ev *ev)
{
	if (ev->kernel)
		return match_symbol(f, &ev->kernel->probe_type, ev->kernel->symbol);
	if (ev->userspace)
		return match_symbol(f, NULL, ev->userspace->symbol);
	return false;
}

static bool match_content(struct filter *f, const struct ev *ev)
{
	if (f->o.drops && !ev->skb_drop)
		return false;
	if (f->n_probes && !match_probe(f, ev))
		return false;
	if (!f->o.packet)
		return true;
	if (ev->packet)
		return match_packet(f, ev->packet);
	return ev->diag && match_socket(f, ev->diag);
}

bool filter_match(struct filter *f, const struct ev *ev)
{
	if (filter_is_record(ev)) {
		if (ev->loss && f->n_probes && EV_HAS(ev->loss, loss, probe))
			return match_symbol(f, NULL, ev->loss->probe);
		return true;
	}
	if (filter_done(f) || !match_content(f, ev))
		return false;
	f->passed++;
	return true;
}

bool filter_done(const struct filter *f)
{
	return f->o.count && f->passed >= f->o.count;
}

bool filter_selects(const struct filter *f)
{
	return f->o.packet || f->n_probes || f->o.drops;
}

bool filter_wants_block(void *ctx, const struct skbx_summary *summary)
{
	struct filter *f = ctx;
	bool losses = summary->lost != f->lost, probe = !f->n_probes;

	f->lost = summary->lost;
	if (losses)
		return true; /* its rows of losses are shown whatever the filter is */
	if (filter_done(f))
		return false;
	if (f->o.drops && !summary->drops)
		return false;
	for (size_t i = 0; i < f->n_probes; i++)
		probe |= !f->probes[i].sketch || (summary->probes & f->probes[i].sketch);
	return probe;
}
