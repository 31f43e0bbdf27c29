/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyze/sockets/tuple.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/options.h"
#include "formats/sock/sock_ss.h"

enum { WORD_MAX = 80 /* "[" and the longest IPv6 address and "]:65535", and some */ };

static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

/* False: neither 4 nor 16 bytes. */
static bool set_address(struct tuple_end *end, const void *p, size_t len)
{
	if (len == 4) {
		memcpy(end->address, mapped, 12);
		memcpy(end->address + 12, p, 4);
	} else if (len == 16) {
		memcpy(end->address, p, 16);
	}
	return len == 4 || len == 16;
}

bool tuple_of_packet(const struct packet_headers *h, struct tuple *t)
{
	const uint64_t need = UINT64_C(1) << PACKET_IP_SRC | UINT64_C(1) << PACKET_IP_DST |
			      UINT64_C(1) << PACKET_TCP_SPORT | UINT64_C(1) << PACKET_TCP_DPORT;

	if ((h->has & need) != need)
		return false;
	t->from.port = (uint16_t)h->v[PACKET_TCP_SPORT];
	t->to.port = (uint16_t)h->v[PACKET_TCP_DPORT];
	return set_address(&t->from, h->bytes[PACKET_IP_SRC], h->len[PACKET_IP_SRC]) &&
	       set_address(&t->to, h->bytes[PACKET_IP_DST], h->len[PACKET_IP_DST]);
}

bool tuple_of_socket(const struct ev_diag *d, struct tuple *t)
{
	t->from.port = d->sport;
	t->to.port = d->dport;
	return set_address(&t->from, d->src.p, d->src.len) &&
	       set_address(&t->to, d->dst.p, d->dst.len);
}

bool tuple_of_sock(const struct ev_sock *s, struct tuple *t)
{
	t->from.port = s->sport;
	t->to.port = s->dport;
	return EV_HAS(s, sock, sport) && set_address(&t->from, s->src.p, s->src.len) &&
	       set_address(&t->to, s->dst.p, s->dst.len);
}

bool tuple_is_open(const struct tuple *t)
{
	return !t->to.port;
}

static bool is_mapped(const struct tuple_end *end)
{
	return memcmp(end->address, mapped, 12) == 0;
}

void tuple_put_end(const struct tuple_end *end, struct buf *out)
{
	static const uint8_t none[16];

	if (is_mapped(end)) {
		sock_ss_address(out, end->address + 12, 4);
	} else if (memcmp(end->address, none, 16) == 0) {
		buf_u8(out, '*');
	} else {
		buf_u8(out, '[');
		sock_ss_address(out, end->address, 16);
		buf_u8(out, ']');
	}
	buf_u8(out, ':');
	if (end->port)
		buf_dec(out, end->port);
	else
		buf_u8(out, '*');
}

struct tuple_netns tuple_netns_of(const struct ev *ev)
{
	struct tuple_netns ns = {0};

	if (ev->netns) {
		ns.cookie = ev->netns->cookie;
		ns.inum = ev->netns->inum;
	}
	return ns;
}

bool tuple_netns_same(struct tuple_netns a, struct tuple_netns b)
{
	if (a.cookie && b.cookie)
		return a.cookie == b.cookie;
	return !a.inum || !b.inum || a.inum == b.inum;
}

void tuple_put_netns(struct tuple_netns ns, struct buf *out)
{
	if (!ns.cookie && !ns.inum)
		return;
	buf_str(out, "ns ");
	if (ns.cookie) {
		buf_str(out, "0x");
		buf_hex(out, ns.cookie);
		buf_u8(out, '/');
	}
	buf_dec(out, ns.inum);
}

/* ---- what is asked for ---- */

static bool parse_end(const char *text, size_t len, struct tuple_want_end *want)
{
	char word[WORD_MAX], *colon, *address = word;
	uint8_t bytes[16];
	uint64_t port;
	size_t n;

	if (len >= sizeof(word))
		return false;
	memcpy(word, text, len);
	word[len] = 0;
	colon = strrchr(word, ':');
	if (!colon || !colon[1])
		return false;
	*colon = 0;
	want->any_port = strcmp(colon + 1, "*") == 0;
	if (!want->any_port) {
		if (!options_number(colon + 1, &port) || !port || port > UINT16_MAX)
			return false;
		want->end.port = (uint16_t)port;
	}
	n = strlen(word);
	want->any_address = !n || strcmp(word, "*") == 0;
	if (want->any_address)
		return !want->any_port;
	if (n > 2 && word[0] == '[' && word[n - 1] == ']') {
		word[n - 1] = 0;
		address++;
	}
	if (inet_pton(AF_INET, address, bytes) == 1)
		return address == word && set_address(&want->end, bytes, 4);
	return address != word && inet_pton(AF_INET6, address, bytes) == 1 &&
	       set_address(&want->end, bytes, 16);
}

static bool parse_cookie(const char *text, uint64_t *cookie)
{
	char *rest;

	if (strncmp(text, "sk:", 3) == 0 || strncmp(text, "0x", 2) == 0) {
		text += text[0] == 's' ? 3 : 2;
		*cookie = strtoull(text, &rest, 16);
		return *text && strspn(text, "0123456789abcdefABCDEF") == strlen(text) &&
		       strlen(text) <= 16 && *cookie;
	}
	return options_number(text, cookie) && *cookie;
}

bool tuple_want_parse(const char *text, void *member, char *why, size_t why_size)
{
	struct tuple_want *w = member;
	const char *at = text;

	*w = (struct tuple_want){.given = true};
	if (parse_cookie(text, &w->cookie))
		return true;
	w->cookie = 0;
	while (*at && w->n < 2) {
		size_t len = strcspn(at, ", ");

		if (!parse_end(at, len, &w->end[w->n++]))
			break;
		at += len;
		if (!*at)
			return true;
		at += strspn(at, ", ");
	}
	snprintf(why, why_size,
		 "not an end such as 10.0.0.1:443, [fd00::1]:443 or *:443, two of them "
		 "(10.0.0.1:443,10.0.0.2:50000), or a cookie (sk:2342b)");
	return false;
}

static bool end_wanted(const struct tuple_want_end *w, const struct tuple_end *end)
{
	return (w->any_port || w->end.port == end->port) &&
	       (w->any_address || memcmp(w->end.address, end->address, 16) == 0);
}

bool tuple_wanted(const struct tuple_want *w, const struct tuple *t)
{
	const struct tuple_want_end *a = &w->end[0], *b = &w->end[1];

	if (w->n == 1)
		return end_wanted(a, &t->from) || end_wanted(a, &t->to);
	return w->n == 2 && ((end_wanted(a, &t->from) && end_wanted(b, &t->to)) ||
			     (end_wanted(b, &t->from) && end_wanted(a, &t->to)));
}
