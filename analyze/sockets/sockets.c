/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * skbox sockets: the last state of each socket, as `ss -tinem` shows it; what it would have shown at some
 * time; and connections over time (follow.c).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analyze/command.h"
#include "analyze/confine.h"
#include "analyze/filter/filter.h"
#include "analyze/sockets/dumps.h"
#include "analyze/sockets/follow.h"
#include "analyze/source/source.h"
#include "cli/terminal.h"
#include "formats/sock/sock_ss.h"
#include "formats/text/text.h"

enum {
	/* Sockets that are told apart; more are left out, with a note: some 700 bytes are kept of each. */
	SOCKETS_MAX = 1000000,
	KEY_MAX = 48,
	STATE_CLOSE = 7,
};

struct sockets_config {
	bool time, utc, netns, all, json;
	struct filter_time at;
	struct {
		struct tuple_want want;
		const char *word;
	} follow;
	struct filter_options filter;
};

static bool parse_follow(const char *text, void *member, char *why, size_t size)
{
	struct sockets_config *c =
		(void *)((char *)member - offsetof(struct sockets_config, follow));

	c->follow.word = text;
	return tuple_want_parse(text, &c->follow.want, why, size);
}

static const struct option_row rows[] = {
	OPTION(CALL, sockets_config, at, "at", 0, "TIME",
	       "what ss -tinem would have shown then: of each socket the last snapshot up to this "
	       "time, without those that were gone; TIME as for --since",
	       .parse = filter_time_parse),
	OPTION(CALL, sockets_config, follow, "follow", 0, "TUPLE",
	       "one connection over time: 10.0.0.1:443, [fd00::1]:443, *:443, both ends with a "
	       "comma "
	       "between, or a cookie (sk:2342b); its snapshots as changes, between its packets, "
	       "drops and states",
	       .parse = parse_follow),
	OPTION(FLAG, sockets_config, json, "json", 0, NULL,
	       "with --follow: one JSON object a line, in the order of time"),
	OPTION(FLAG, sockets_config, all, "all", 'a', NULL,
	       "every snapshot in the order of the recording, not just the last of each socket"),
	OPTION(FLAG, sockets_config, time, "time", 't', NULL, "begin lines with their time"),
	OPTION(FLAG, sockets_config, utc, "utc", 0, NULL, "and that as a UTC date"),
	OPTION(FLAG, sockets_config, netns, "netns", 'n', NULL,
	       "begin lines with the network namespace"),
	FILTER_OPTIONS(sockets_config, filter),
};

struct socket {
	uint8_t key[KEY_MAX]; /* cookie, or addresses and ports; and the namespace */
	char *line;           /* owned */
	uint32_t len;
	/* for --at */
	struct tuple_netns ns;
	uint64_t time_ns;
	uint8_t family;
	bool closed;
};

struct sockets {
	const struct sockets_config *c;
	struct source *source;
	struct filter *filter;
	struct text text;
	struct terminal_out out;
	struct socket *v;
	uint32_t n, cap, *hash, hash_size; /* open addressing, index + 1 */
	uint64_t left_out;
	struct dumps dumps;
	struct buf line;
};

static void make_key(const struct ev *ev, uint8_t key[KEY_MAX])
{
	const struct ev_diag *d = ev->diag;

	memset(key, 0, KEY_MAX);
	if (ev->netns)
		memcpy(key, &ev->netns->inum, 4);
	if (d->cookie) {
		memcpy(key + 4, &d->cookie, 8);
		return;
	}
	key[4] = 1; /* no cookie has bytes behind its eight */
	memcpy(key + 12, d->src.p, d->src.len < 16 ? d->src.len : 16);
	memcpy(key + 28, d->dst.p, d->dst.len < 16 ? d->dst.len : 16);
	memcpy(key + 44, &d->sport, 2);
	memcpy(key + 46, &d->dport, 2);
}

static uint32_t hash_key(const uint8_t key[KEY_MAX])
{
	uint64_t h = 0, v;

	for (int i = 0; i < KEY_MAX; i += 8) {
		memcpy(&v, key + i, 8);
		h = (h ^ v) * UINT64_C(0x9e3779b97f4a7c15);
		h ^= h >> 29;
	}
	return (uint32_t)(h >> 20);
}

static bool grow(struct sockets *s)
{
	uint32_t cap = s->cap ? s->cap * 2 : 256, size = cap * 2;
	struct socket *v = realloc(s->v, cap * sizeof(*v));
	uint32_t *hash;

	if (!v)
		return false;
	s->v = v;
	hash = calloc(size, sizeof(*hash));
	if (!hash)
		return false;
	free(s->hash);
	s->hash = hash;
	s->hash_size = size;
	s->cap = cap;
	for (uint32_t i = 0; i < s->n; i++) {
		uint32_t h = hash_key(v[i].key) & (size - 1);

		while (hash[h])
			h = (h + 1) & (size - 1);
		hash[h] = i + 1;
	}
	return true;
}

/* The socket of a row, new or known; NULL when there is no room. */
static struct socket *find(struct sockets *s, const struct ev *ev)
{
	uint8_t key[KEY_MAX];
	uint32_t h;

	if (s->n == s->cap && !grow(s))
		return NULL;
	make_key(ev, key);
	h = hash_key(key) & (s->hash_size - 1);
	for (; s->hash[h]; h = (h + 1) & (s->hash_size - 1))
		if (memcmp(s->v[s->hash[h] - 1].key, key, KEY_MAX) == 0)
			return &s->v[s->hash[h] - 1];
	if (s->n == SOCKETS_MAX)
		return NULL;
	memcpy(s->v[s->n].key, key, KEY_MAX);
	s->v[s->n].line = NULL;
	s->v[s->n].len = 0;
	s->hash[h] = ++s->n;
	return &s->v[s->n - 1];
}

static void put_line(struct sockets *s, const struct ev *ev, struct buf *out)
{
	if (s->c->time || s->c->utc) {
		text_time(&s->text, ev->common ? ev->common->timestamp : 0, out);
		buf_u8(out, ' ');
	}
	if (s->c->netns) {
		buf_str(out, "ns ");
		buf_dec(out, ev->netns ? ev->netns->inum : 0);
		buf_u8(out, ' ');
	}
	sock_ss_line(ev, out);
	buf_u8(out, '\n');
}

/* False: stop. */
static bool take_socket(struct sockets *s, const struct ev *ev)
{
	struct socket *k;
	char *line;

	if (s->c->all) {
		put_line(s, ev, &s->out.buf);
		return terminal_more(&s->out);
	}
	k = find(s, ev);
	if (!k) {
		s->left_out++;
		return true;
	}
	buf_clear(&s->line);
	put_line(s, ev, &s->line);
	line = realloc(k->line, s->line.len);
	if (!line || s->line.failed) {
		s->left_out++;
		return true;
	}
	memcpy(line, s->line.p, s->line.len);
	k->line = line;
	k->len = (uint32_t)s->line.len;
	k->ns = tuple_netns_of(ev);
	k->time_ns = ev->common ? ev->common->timestamp : 0;
	k->family = ev->diag->family;
	k->closed = ev->diag->state == STATE_CLOSE;
	return true;
}

/* ---- --at ---- */

/* Dumps behind the time do not count. */
static void take_set(struct sockets *s, const struct ev *ev)
{
	uint64_t until;

	if (ev->common && filter_until(s->filter, &until) && ev->common->timestamp <= until)
		dumps_take(&s->dumps, ev);
}

static bool is_gone(struct sockets *s, const struct socket *k)
{
	return k->closed || dumps_missed(&s->dumps, k->ns, k->family, k->time_ns);
}

/* ---- reading ---- */

static bool take_batch(struct sockets *s, const struct ev_batch *batch)
{
	struct ev_walk w = ev_walk(batch);
	struct ev ev = {0};
	bool more = true;

	while (more && ev_next(&w, &ev)) {
		if (ev.startup || ev.clock) {
			/* what time is shown from */
			size_t len = s->line.len;

			text_event(&s->text, &ev, 0, &s->line);
			s->line.len = len;
		} else if (ev.diag && filter_match(s->filter, &ev)) {
			more = take_socket(s, &ev);
		} else if (ev.snapset && s->c->at.kind) {
			take_set(s, &ev);
		}
	}
	return more && !filter_done(s->filter) && (!s->c->all || terminal_flush(&s->out));
}

static int show_sockets(struct sockets *s)
{
	struct text_options options = {.utc = s->c->utc, .single_line = true};
	struct ev_batch *batch;
	int rc;

	text_init(&s->text, &options);
	terminal_open(&s->out, true);
	do
		rc = source_next(s->source, &batch);
	while (rc > 0 && take_batch(s, batch));
	for (uint32_t i = 0; i < s->n && rc >= 0; i++) {
		if (s->v[i].line && !(s->c->at.kind && is_gone(s, &s->v[i])))
			buf_put(&s->out.buf, s->v[i].line, s->v[i].len);
		if (!terminal_more(&s->out))
			break;
	}
	for (uint32_t i = 0; i < s->n; i++)
		free(s->v[i].line);
	free(s->v);
	free(s->hash);
	dumps_free(&s->dumps);
	buf_free(&s->line);
	text_fini(&s->text);
	if (s->left_out)
		terminal_error("note: %llu rows are left out: more than %d sockets, or no memory",
			       (unsigned long long)s->left_out, SOCKETS_MAX);
	return terminal_close(&s->out) < 0 || rc < 0 ? EXIT_FAILED : source_finish(s->source);
}

static bool wants_block(void *ctx, const struct skbx_summary *summary)
{
	return summary->sockets > 0;
}

static int run_follow(const struct sockets_config *c, struct sockets *s)
{
	const struct follow_options options = {
		.want = c->follow.want, .wanted = c->follow.word, .json = c->json, .utc = c->utc};

	return follow_run(&options, s->filter, s->source);
}

/* "--follow A:1 B:2": a word behind that is an end, and no file. */
static bool take_second_end(struct sockets_config *c, const char *word)
{
	struct tuple_want two;
	char why[256];

	if (c->follow.want.n != 1 || !word || access(word, F_OK) == 0 ||
	    !tuple_want_parse(word, &two, why, sizeof(why)) || two.n != 1)
		return false;
	c->follow.want.end[1] = two.end[0];
	c->follow.want.n = 2;
	return true;
}

/* Options that do not go together; false with the message on standard error. */
static bool check_options(struct sockets_config *c)
{
	const char *wrong = NULL;

	if (c->at.kind && (c->all || c->follow.word || c->filter.until.kind))
		wrong = "--at does not go with --all, --follow or --until";
	else if (c->follow.word && (c->all || c->time || c->netns))
		wrong = "--follow does not go with --all, --time or --netns";
	else if (c->json && !c->follow.word)
		wrong = "--json is for --follow; skbox json --shape flowd gives sockets as JSON";
	if (wrong)
		terminal_error("sockets: %s", wrong);
	if (c->at.kind)
		c->filter.until = c->at;
	return !wrong;
}

static int sockets_run(int argc, char **argv)
{
	struct sockets_config c = {0};
	struct source_options options = {.want = wants_block, .progress = true};
	struct sockets s = {.c = &c};
	int rest, rc = command_options(&command_sockets, argc, argv, &c, &rest);

	if (rc >= 0)
		goto out;
	rc = EXIT_FAILED;
	if (!check_options(&c))
		goto out;
	if (take_second_end(&c, rest < argc ? argv[rest] : NULL))
		rest++;
	/* a packet's block may be without sockets, and without the addresses: then its cookie tells */
	if (c.follow.word)
		options.want = NULL;
	if (filter_new(&s.filter, &c.filter) == 0 &&
	    confine_enter(&(struct confine){
		    .inputs = argv + rest, .n = (size_t)(argc - rest), .paged = true}) == 0 &&
	    filter_open(s.filter, &s.source, &options, argv + rest, (size_t)(argc - rest)) == 0)
		rc = c.follow.word ? run_follow(&c, &s) : show_sockets(&s);
	source_close(s.source);
	filter_free(s.filter);
out:
	filter_options_free(&c.filter);
	return rc;
}

const struct command command_sockets = {
	.name = "sockets",
	.usage = "[INPUT...] [OPTION...]",
	.help = "TCP sockets as ss -tinem shows them, at any time, and connections over time",
	COMMAND_ROWS(rows),
	.run = sockets_run,
};
