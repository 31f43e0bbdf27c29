/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyze/filter/filter_packet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/options.h"
#include "cli/terminal.h"
#include "formats/retis/retis_frame.h"
#include "formats/linktype.h"

enum {
	SNAPLEN = 262144,
	INVENTED_BYTES = 14,
	NEEDS_MAX = 32, /* addresses and ports of an expression that blocks are asked for */

	FAMILY_INET = 2,
	PROTO_TCP = 6,
	IP4_BYTES = 20,
	IP6_BYTES = 40,
	TCP_BYTES = 20,
};

/* The expression compiled for one link type. */
struct program {
	bool valid;
	struct bpf_program bpf;
};

/* An address or a port that every match has. */
struct need {
	uint8_t bytes[16];
	uint8_t len;
};

enum { ETHERNET, RAW, SLL, SLL2, PROGRAMS };

/*
 * An expression compiled for all link types: at once, and the last one is kept, for names of hosts and
 * services are looked up in files, which cannot be opened any more when packets are read.
 */
struct compiled {
	unsigned int refs;
	char *expression;
	struct program of[PROGRAMS];
};

static struct compiled *last;

struct filter_packet {
	const char *expression;
	struct compiled *compiled;
	struct need needs[NEEDS_MAX];
	unsigned int n_needs;
};

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

	prog->valid =
		dead && pcap_compile(dead, &prog->bpf, expression, 1, PCAP_NETMASK_UNKNOWN) == 0;
	if (!prog->valid && why)
		snprintf(why, size, "%s", dead ? pcap_geterr(dead) : "out of memory");
	if (dead)
		pcap_close(dead);
}

static void release(struct compiled *c)
{
	if (!c || --c->refs)
		return;
	for (int i = 0; i < PROGRAMS; i++)
		if (c->of[i].valid)
			pcap_freecode(&c->of[i].bpf);
	free(c->expression);
	free(c);
}

static struct compiled *compile_all(const char *expression, char *why, size_t size)
{
	struct compiled *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->refs = 1;
	c->expression = strdup(expression);
	if (!c->expression) {
		free(c);
		return NULL;
	}
	compile(&c->of[ETHERNET], DLT_EN10MB, expression, why, size);
	if (!wants_link_bytes(expression))
		compile(&c->of[RAW], DLT_RAW, expression, NULL, 0);
	compile(&c->of[SLL], DLT_LINUX_SLL, expression, NULL, 0);
#ifdef DLT_LINUX_SLL2
	compile(&c->of[SLL2], DLT_LINUX_SLL2, expression, NULL, 0);
#endif
	return c;
}

/* ---- packets ---- */

static bool run(const struct program *prog, const uint8_t *p, uint32_t caplen, uint32_t len)
{
	return prog->valid && bpf_filter(prog->bpf.bf_insns, p, len, caplen) != 0;
}

/* The program for a link type that packet files bring along. */
static const struct program *program_for(const struct filter_packet *f, uint16_t linktype)
{
	static const struct program none;

	switch (linktype) {
	case LINK_ETHERNET: return &f->compiled->of[ETHERNET];
	case LINK_SLL: return &f->compiled->of[SLL];
	case LINK_SLL2: return &f->compiled->of[SLL2];
	default: return &none;
	}
}

/*
 * BSD loopback: the byte order of its address family is that of the machine that recorded, and IPv6 has
 * another number on each system. A program knows one of each, so the packet behind the header is looked at.
 */
static bool match_loopback(struct filter_packet *f, const struct ev_packet *p)
{
	struct retis_frame frame;

	return retis_frame_of(p, &frame) &&
	       run(&f->compiled->of[RAW], frame.rest, frame.rest_len, frame.len - INVENTED_BYTES);
}

static bool match_packet(struct filter_packet *f, const struct ev_packet *p)
{
	uint32_t len = p->len > p->data.len ? p->len : p->data.len;

	if (EV_HAS(p, packet, protocol)) {
		/* the length counts an Ethernet header that is not in the data */
		len = p->len >= INVENTED_BYTES ? p->len - INVENTED_BYTES : 0;
		return run(&f->compiled->of[RAW], p->data.p, p->data.len,
			   len > p->data.len ? len : p->data.len);
	}
	if (EV_HAS(p, packet, linktype) && (p->linktype == LINK_NULL || p->linktype == LINK_LOOP))
		return match_loopback(f, p);
	if (EV_HAS(p, packet, linktype))
		return run(program_for(f, p->linktype), p->data.p, p->data.len, len);
	return run(&f->compiled->of[ETHERNET], p->data.p, p->data.len, len);
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

static bool match_socket(const struct filter_packet *f, const struct ev_diag *d)
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
	if (run(&f->compiled->of[RAW], packet, len, len))
		return true;
	len = build_packet(packet, address_len, protocol, remote, local);
	return run(&f->compiled->of[RAW], packet, len, len);
}

/* ---- what blocks must have ---- */

/* A word of the expression; false: there is none. */
static bool next_word(const char **p, char *word, size_t size)
{
	size_t len;

	*p += strspn(*p, " \t\n");
	len = strcspn(*p, " \t\n");
	if (!len || len >= size)
		return false;
	memcpy(word, *p, len);
	word[len] = 0;
	*p += len;
	return true;
}

static bool is_one_of(const char *word, const char *const *words)
{
	for (; *words; words++)
		if (strcmp(word, *words) == 0)
			return true;
	return false;
}

static bool parse_need(const char *word, bool is_port, struct need *need)
{
	uint64_t port;

	if (is_port) {
		if (!options_number(word, &port) || !port || port > UINT16_MAX)
			return false;
		*need = (struct need){{(uint8_t)(port >> 8), (uint8_t)port}, 2};
		return true;
	}
	need->len = strchr(word, ':') ? 16 : 4;
	return inet_pton(need->len == 4 ? AF_INET : AF_INET6, word, need->bytes) == 1 &&
	       need->bytes[0];
}

/*
 * "tcp and src host 10.0.0.1 and port 80": every word is known, or nothing is concluded, for names,
 * tunnels, "or" and "not" have meanings of their own.
 */
static void find_needs(struct filter_packet *f)
{
	static const char *const plain[] = {"tcp", "udp", "icmp", "icmp6", "ip", "ip6",
					    "arp", "src", "dst",  "and",   "&&", NULL};
	const char *p = f->expression;
	struct need needs[NEEDS_MAX];
	unsigned int n = 0;
	char word[64];

	while (next_word(&p, word, sizeof(word))) {
		bool is_port = strcmp(word, "port") == 0;

		if (is_one_of(word, plain))
			continue;
		if ((!is_port && strcmp(word, "host") != 0) || n == NEEDS_MAX ||
		    !next_word(&p, word, sizeof(word)) || !parse_need(word, is_port, &needs[n]))
			return;
		n++;
	}
	if (p[strspn(p, " \t\n")])
		return;
	memcpy(f->needs, needs, n * sizeof(*needs));
	f->n_needs = n;
}

bool filter_packet_maybe(const struct filter_packet *f, const struct skbx_summary *summary)
{
	for (unsigned int i = 0; i < f->n_needs; i++)
		if (!skbx_flow_maybe(summary, f->needs[i].bytes, f->needs[i].len))
			return false;
	return true;
}

/* ---- all ---- */

int filter_packet_new(struct filter_packet **result, const char *expression)
{
	struct filter_packet *f = calloc(1, sizeof(*f));
	char why[PCAP_ERRBUF_SIZE] = "";

	*result = NULL;
	if (!f)
		return -ENOMEM;
	f->expression = expression;
	if (!last || strcmp(last->expression, expression) != 0) {
		release(last);
		last = compile_all(expression, why, sizeof(why));
	}
	if (!last) {
		free(f);
		return -ENOMEM;
	}
	f->compiled = last;
	last->refs++;
	if (!last->of[ETHERNET].valid && !last->of[RAW].valid) {
		terminal_error("-f '%s': %s%s", expression, why,
			       strstr(why, "syntax error") ? "; pcap-filter(7) is the manual" : "");
		filter_packet_free(f);
		release(last); /* it would not say why the next time */
		last = NULL;
		return -EINVAL;
	}
	find_needs(f);
	*result = f;
	return 0;
}

void filter_packet_free(struct filter_packet *f)
{
	if (!f)
		return;
	release(f->compiled);
	free(f);
}

bool filter_packet_match(struct filter_packet *f, const struct ev *ev)
{
	if (ev->packet)
		return match_packet(f, ev->packet);
	return ev->diag && match_socket(f, ev->diag);
}
