/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Small recordings made by hand, and commands run on them, for the tests of commands. Files are in a folder
 * of their own; in command lines @NAME is one of them and _ stands for a blank within a word.
 */
#ifndef TESTS_RECORDING_H
#define TESTS_RECORDING_H

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "analyze/command.h"
#include "analyze/output.h"
#include "formats/buf.h"
#include "formats/event.h"
#include "tests/unit/command_run.h"

static char folder[] = "/tmp/skbox-test-recording-XXXXXX";
static struct buf out, said; /* of the last run: standard output and error, with a 0 behind */

static inline const char *place(const char *name)
{
	static char path[4][160];
	static unsigned int turn;

	turn = (turn + 1) % 4;
	snprintf(path[turn], sizeof(path[turn]), "%s/%s", folder, name);
	return path[turn];
}

static inline void slurp(int fd, struct buf *b)
{
	off_t len = lseek(fd, 0, SEEK_END);

	buf_clear(b);
	assert_non_null(buf_room(b, (size_t)len + 1));
	assert_int_equal(pread(fd, b->p, (size_t)len, 0), len);
	b->len = (size_t)len;
	b->p[len] = 0;
	close(fd);
}

static inline void load_file(const char *name, struct buf *b)
{
	int fd = open(place(name), O_RDONLY);

	assert_true(fd >= 0);
	slurp(fd, b);
}

static inline void store_file(const char *name, const struct buf *b)
{
	FILE *f = fopen(place(name), "wb");

	assert_non_null(f);
	assert_int_equal(fwrite(b->p, 1, b->len, f), b->len);
	assert_int_equal(fclose(f), 0);
}

/* Runs a command line; returns its exit code. input: the file that is standard input; NULL: none. */
static inline int run_with(const char *line, const char *input)
{
	enum { WORDS = 32 };
	char words[WORDS][200], *argv[WORDS + 1] = {0};
	int keep[3] = {dup(0), dup(1), dup(2)}, argc = 0, code;
	int fd[3] = {open(input ? place(input) : "/dev/null", O_RDONLY), memfd_create("out", 0),
		     memfd_create("err", 0)};

	while (*line && argc < WORDS) {
		size_t n = strcspn(line, " ");

		if (*line == '@')
			snprintf(words[argc], sizeof(words[0]), "%s/%.*s", folder, (int)n - 1,
				 line + 1);
		else
			snprintf(words[argc], sizeof(words[0]), "%.*s", (int)n, line);
		for (char *p = words[argc]; *p && *line != '@'; p++)
			if (*p == '_')
				*p = ' ';
		argv[argc] = words[argc];
		argc++;
		line += n + (line[n] == ' ');
	}
	assert_non_null(command_find(argv[0]));
	for (int i = 0; i < 3; i++)
		dup2(fd[i], i);
	code = command_run(argc, argv);
	for (int i = 0; i < 3; i++) {
		dup2(keep[i], i);
		close(keep[i]);
	}
	close(fd[0]);
	slurp(fd[1], &out);
	slurp(fd[2], &said);
	return code;
}

static inline int run(const char *line)
{
	return run_with(line, NULL);
}

static inline size_t count_in(const struct buf *b, const char *word)
{
	size_t n = 0;

	for (const char *p = (const char *)b->p; (p = strstr(p, word)); p += strlen(word))
		n++;
	return n;
}

static inline size_t count(const char *word)
{
	return count_in(&out, word);
}

/* ---- rows ---- */

static inline void row_at(struct ev_batch *b, uint64_t time)
{
	ev_batch_begin(b);
	EV_SET(EV_ADD(b, common), common, timestamp, time);
}

static inline void row_netns(struct ev_batch *b, uint32_t inum)
{
	struct ev_netns *ns = EV_ADD(b, netns);

	EV_SET(ns, netns, cookie, inum + UINT64_C(1000));
	EV_SET(ns, netns, inum, inum);
}

struct row_host {
	const char *name, *boot_id, *cmdline;
	int64_t offset; /* of the wall clock, ns */
	int split;      /* number of the file; -1: none */
};

static inline void row_clock(struct ev_batch *b, uint64_t time, int64_t offset,
			     uint64_t uncertainty)
{
	struct ev_clock *c;

	row_at(b, time);
	c = EV_ADD(b, clock);
	EV_SET(c, clock, offset, offset);
	EV_SET(c, clock, uncertainty, uncertainty);
}

static inline void row_start(struct ev_batch *b, uint64_t time, const struct row_host *h)
{
	struct ev_startup *s;
	struct ev_host *host;

	row_at(b, time);
	s = EV_ADD(b, startup);
	EV_SET(s, startup, retis_version, ev_text(b, "v1"));
	EV_SET(s, startup, tool, ev_text(b, "skbox"));
	EV_SET(s, startup, cmdline, ev_text(b, h->cmdline));
	EV_SET(s, startup, clock_sec, h->offset / 1000000000);
	EV_SET(s, startup, clock_nsec, h->offset % 1000000000);
	if (h->split >= 0)
		EV_SET(s, startup, split_id, (uint32_t)h->split);
	row_at(b, time);
	host = EV_ADD(b, host);
	EV_SET(host, host, hostname, ev_text(b, h->name));
	EV_SET(host, host, boot_id, ev_text(b, h->boot_id));
	EV_SET(host, host, packet_filter, ev_text(b, "host 192.0.2.77"));
	row_clock(b, time, h->offset, 25);
}

static inline void row_iface(struct ev_batch *b, uint64_t time, uint32_t inum, uint32_t ifindex,
			     const char *name)
{
	struct ev_iface *i;

	row_at(b, time);
	row_netns(b, inum);
	i = EV_ADD(b, iface);
	EV_SET(i, iface, ifindex, ifindex);
	EV_SET(i, iface, name, ev_text(b, name));
}

static inline void row_nsinfo(struct ev_batch *b, uint64_t time, uint32_t inum, const char *name)
{
	struct ev_nsinfo *n;

	row_at(b, time);
	row_netns(b, inum);
	n = EV_ADD(b, nsinfo);
	EV_SET(n, nsinfo, name, ev_text(b, name));
}

static inline void row_probe(struct ev_batch *b, uint64_t time, const char *symbol)
{
	struct ev_probe *p;

	row_at(b, time);
	p = EV_ADD(b, probe);
	EV_SET(p, probe, type, ev_text(b, "raw_tracepoint"));
	EV_SET(p, probe, symbol, ev_text(b, symbol));
	EV_SET(p, probe, attached, true);
}

static inline void row_dropname(struct ev_batch *b, uint64_t time, uint32_t value, const char *name)
{
	struct ev_dropname *d;

	row_at(b, time);
	d = EV_ADD(b, dropname);
	EV_SET(d, dropname, value, value);
	EV_SET(d, dropname, name, ev_text(b, name));
}

static inline void row_loss(struct ev_batch *b, uint64_t from, uint64_t to, const char *probe,
			    uint64_t n)
{
	struct ev_loss *l;

	row_at(b, to);
	l = EV_ADD(b, loss);
	EV_SET(l, loss, probe, ev_text(b, probe));
	EV_SET(l, loss, cpu, 1);
	EV_SET(l, loss, from, from);
	EV_SET(l, loss, lost, n);
}

static inline void row_total(struct ev_batch *b, uint64_t time, const char *probe,
			     uint64_t recorded, uint64_t lost)
{
	struct ev_total *t;

	row_at(b, time);
	t = EV_ADD(b, total);
	EV_SET(t, total, probe, ev_text(b, probe));
	EV_SET(t, total, recorded, recorded);
	EV_SET(t, total, lost, lost);
}

static inline void row_finish(struct ev_batch *b, uint64_t time, const char *reason)
{
	struct ev_finish *f;

	row_at(b, time);
	f = EV_ADD(b, finish);
	EV_SET(f, finish, reason, ev_text(b, reason));
}

/* An event of a TCP packet from 10.0.0.1 to 10.0.0.2. */
struct row_packet {
	const char *symbol, *comm, *dev, *drop; /* drop: reason; NULL: none */
	uint32_t inum, ifindex;
	uint64_t track; /* time of its id; 0: none */
	uint16_t sport, dport;
	uint8_t flags; /* of TCP */
};

static inline void row_packet(struct ev_batch *b, uint64_t time, const struct row_packet *p)
{
	uint8_t bytes[54] = {[12] = 8,  [14] = 0x45, [17] = 40, [22] = 64, [23] = 6,
			     [26] = 10, [29] = 1,    [30] = 10, [33] = 2,  [46] = 0x50};
	struct ev_skb_tracking *track;
	struct ev_kernel *kernel;
	struct ev_packet *packet;
	struct ev_common *common;
	struct ev_dev *dev;

	bytes[34] = (uint8_t)(p->sport >> 8);
	bytes[35] = (uint8_t)p->sport;
	bytes[36] = (uint8_t)(p->dport >> 8);
	bytes[37] = (uint8_t)p->dport;
	bytes[47] = p->flags;
	ev_batch_begin(b);
	common = EV_ADD(b, common);
	EV_SET(common, common, timestamp, time);
	EV_SET(common, common, smp_id, 1);
	EV_SET(common, common, comm, ev_text(b, p->comm));
	kernel = EV_ADD(b, kernel);
	EV_SET(kernel, kernel, symbol, ev_text(b, p->symbol));
	EV_SET(kernel, kernel, probe_type, ev_text(b, "raw_tracepoint"));
	if (p->track) {
		track = EV_ADD(b, skb_tracking);
		EV_SET(track, skb_tracking, orig_head, UINT64_C(0xffff888100000000) + p->track);
		EV_SET(track, skb_tracking, timestamp, p->track);
		EV_SET(track, skb_tracking, skb, UINT64_C(0xffff888200000000));
	}
	if (p->drop) {
		struct ev_skb_drop *drop = EV_ADD(b, skb_drop);

		EV_SET(drop, skb_drop, drop_reason, ev_text(b, p->drop));
	}
	packet = EV_ADD(b, packet);
	EV_SET(packet, packet, len, sizeof(bytes));
	EV_SET(packet, packet, capture_len, sizeof(bytes));
	EV_SET(packet, packet, data, ev_bytes(b, bytes, sizeof(bytes)));
	row_netns(b, p->inum);
	dev = EV_ADD(b, dev);
	EV_SET(dev, dev, name, ev_text(b, p->dev));
	EV_SET(dev, dev, ifindex, p->ifindex);
}

/* A socket of 10.0.0.1 and 10.0.0.2 in a dump; dport 0: it listens. */
static inline void row_socket(struct ev_batch *b, uint64_t time, uint32_t inum, uint32_t set,
			      uint64_t cookie, uint16_t sport, uint16_t dport)
{
	static const uint8_t address[2][4] = {{10, 0, 0, 1}, {10, 0, 0, 2}}, none[4];
	struct ev_snap *snap;
	struct ev_diag *d;

	row_at(b, time);
	row_netns(b, inum);
	snap = EV_ADD(b, snap);
	EV_SET(snap, snap, set, set);
	EV_SET(snap, snap, cause, ev_text(b, "period"));
	d = EV_ADD(b, diag);
	EV_SET(d, diag, family, 2);
	EV_SET(d, diag, state, dport ? 1 : 10);
	EV_SET(d, diag, sport, sport);
	EV_SET(d, diag, dport, dport);
	EV_SET(d, diag, src, ev_string(b, address[0], 4));
	EV_SET(d, diag, dst, ev_string(b, dport ? address[1] : none, 4));
	EV_SET(d, diag, cookie, cookie);
}

static inline void row_snapset(struct ev_batch *b, uint64_t time, uint32_t inum, uint32_t set,
			       unsigned int phase)
{
	struct ev_snapset *s;

	row_at(b, time);
	row_netns(b, inum);
	s = EV_ADD(b, snapset);
	EV_SET(s, snapset, set, set);
	EV_SET(s, snapset, phase, (uint8_t)phase);
}

/* The rows as an event file, each `block` of them in a block; the batch is cleared. */
static inline void row_store(struct ev_batch *b, const char *name, uint32_t block)
{
	struct ev_walk w = ev_walk(b);
	struct output_skbx o;
	struct ev ev = {0};

	assert_false(b->failed);
	assert_int_equal(output_skbx_open(&o, place(name)), 0);
	while (ev_next(&w, &ev)) {
		assert_int_equal(output_skbx_add(&o, &ev), 0);
		if (o.batch->n >= block)
			assert_int_equal(output_skbx_flush(&o), 0);
	}
	assert_int_equal(output_skbx_close(&o, 0), 0);
	ev_batch_clear(b);
}

static inline int recording_folder(void **state)
{
	return mkdtemp(folder) ? 0 : -1;
}

static inline int recording_clean(void **state)
{
	char line[200];

	buf_free(&out);
	buf_free(&said);
	snprintf(line, sizeof(line), "rm -rf %s", folder);
	return system(line);
}

#endif
