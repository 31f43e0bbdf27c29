/* SPDX-License-Identifier: BSD-2-Clause */
/* Inputs: every format and compression, several of them, rotated sets, damage and where it is. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include <zlib.h>

#include "analyze/output.h"
#include "analyze/source/source.h"
#include "cli/terminal.h"
#include "formats/text/text.h"
#include "tests/unit/testdata.h"

static char folder[] = "/tmp/skbox-test-source-XXXXXX";
static struct buf events; /* 511 lines, the first with the startup event */

enum { EVENTS = 511 };

static const char *place(const char *name)
{
	static char path[4][128];
	static unsigned int turn;

	turn = (turn + 1) % 4;
	snprintf(path[turn], sizeof(path[turn]), "%s/%s", folder, name);
	return path[turn];
}

static void write_file(const char *path, const void *data, size_t len)
{
	FILE *f = fopen(path, "wb");

	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

static void write_gzip(const char *path, const void *data, size_t len)
{
	gzFile f = gzopen(path, "ab");

	assert_non_null(f);
	assert_int_equal(gzwrite(f, data, (unsigned int)len), len);
	assert_int_equal(gzclose(f), Z_OK);
}

static void write_zstd(const char *path, const void *data, size_t len)
{
	size_t room = ZSTD_compressBound(len), n;
	void *p = malloc(room);

	n = ZSTD_compress(p, room, data, len, 3);
	assert_false(ZSTD_isError(n));
	write_file(path, p, n);
	free(p);
}

struct outcome {
	int opened, ended;
	uint64_t events, damaged, first_damage;
	uint32_t unfinished;
	bool sorted;
	uint64_t hash;  /* of the text of all events */
	char text[200]; /* of the last damage */
};

static void on_damage(void *ctx, const struct skbox_error *what, const char *unit)
{
	struct outcome *o = ctx;

	assert_true(strlen(what->text) > 0 && !strchr(what->text, '\n'));
	snprintf(o->text, sizeof(o->text), "%s", what->text);
	if (!o->first_damage)
		o->first_damage = what->offset;
}

static void hash_batch(struct outcome *o, struct text *text, const struct ev_batch *batch)
{
	struct ev_walk w = ev_walk(batch);
	struct buf line = {0};
	struct ev ev = {0};

	while (ev_next(&w, &ev)) {
		buf_clear(&line);
		text_event(text, &ev, 0, &line);
		for (size_t i = 0; i < line.len; i++)
			o->hash = (o->hash ^ line.p[i]) * UINT64_C(0x100000001b3);
	}
	buf_free(&line);
}

/* Reads all of the inputs. */
static struct outcome read_all(const char *a, const char *b)
{
	struct outcome o = {0};
	struct source_options options = {.damage = on_damage, .ctx = &o};
	char *inputs[] = {(char *)a, (char *)b};
	struct text_options text_options = {.link_layer = true};
	struct ev_batch *batch;
	struct source *s;
	struct text text;

	o.opened = source_open(&s, &options, inputs, b ? 2 : 1);
	if (o.opened < 0)
		return o;
	text_init(&text, &text_options);
	while ((o.ended = source_next(s, &batch)) > 0) {
		assert_true(batch->n > 0 && batch->n <= EV_BATCH_MAX);
		o.sorted |= source_status(s)->sorted;
		hash_batch(&o, &text, batch);
	}
	o.events = source_status(s)->events;
	o.damaged = source_status(s)->damaged;
	o.unfinished = source_status(s)->unfinished;
	assert_int_equal(source_finish(s), o.damaged ? 3 : 0);
	text_fini(&text);
	source_close(s);
	return o;
}

static void same(struct outcome a, struct outcome b)
{
	assert_int_equal(a.opened, 0);
	assert_int_equal(a.ended, 0);
	assert_int_equal(a.damaged, 0);
	assert_int_equal(a.events, b.events);
	assert_true(a.hash == b.hash);
}

static struct outcome plain(void)
{
	write_file(place("plain"), events.p, events.len);
	return read_all(place("plain"), NULL);
}

static void each_compression_is_the_same(void **state)
{
	struct outcome want = plain();
	size_t half = events.len / 2;

	assert_int_equal(want.events, EVENTS);
	assert_int_equal(want.damaged, 0);
	write_gzip(place("a.gz"), events.p, events.len);
	same(read_all(place("a.gz"), NULL), want);
	/* several members behind each other, as gzip and pigz leave them */
	write_gzip(place("b.gz"), events.p, half);
	write_gzip(place("b.gz"), events.p + half, events.len - half);
	same(read_all(place("b.gz"), NULL), want);
	write_zstd(place("a.zst"), events.p, events.len);
	same(read_all(place("a.zst"), NULL), want);
}

static void a_last_line_needs_no_line_feed(void **state)
{
	struct outcome want = plain();

	write_file(place("short"), events.p, events.len - 1);
	same(read_all(place("short"), NULL), want);
}

static void standard_input_is_read(void **state)
{
	struct outcome want = plain();
	int keep = dup(STDIN_FILENO), file = open(place("plain"), O_RDONLY);

	assert_true(file >= 0);
	dup2(file, STDIN_FILENO);
	same(read_all("-", NULL), want);
	dup2(keep, STDIN_FILENO);
	close(file);
	close(keep);
}

static void a_pipe_is_read(void **state)
{
	struct outcome want = plain();
	int keep = dup(STDIN_FILENO);
	FILE *f;
	char command[256];

	snprintf(command, sizeof(command), "cat %s", place("plain"));
	f = popen(command, "r");
	assert_non_null(f);
	dup2(fileno(f), STDIN_FILENO);
	same(read_all("-", NULL), want);
	dup2(keep, STDIN_FILENO);
	pclose(f);
	close(keep);
}

static void event_files_are_the_same(void **state)
{
	struct outcome want = plain(), got;
	char *path = (char *)place("plain");
	struct ev_batch *batch;
	struct output_skbx out;
	struct source *s;
	struct stat st;

	assert_int_equal(source_open(&s, NULL, &path, 1), 0);
	assert_int_equal(output_skbx_open(&out, place("x.skbx")), 0);
	while (source_next(s, &batch) > 0)
		assert_int_equal(output_skbx_batch(&out, batch), 0);
	/* nothing stands in its place before it is whole */
	assert_int_equal(access(place("x.skbx"), F_OK), -1);
	assert_int_equal(output_skbx_close(&out, 0), 0);
	source_close(s);
	assert_int_equal(stat(place("x.skbx"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);

	got = read_all(place("x.skbx"), NULL);
	same(got, want);
	assert_int_equal(got.unfinished, 0);
	/* without its end it is unfinished and good */
	assert_int_equal(truncate(place("x.skbx"), st.st_size - 100), 0);
	got = read_all(place("x.skbx"), NULL);
	same(got, want);
	assert_int_equal(got.unfinished, 1);
}

static void outputs_never_go_through_links(void **state)
{
	struct output o;
	char command[256];

	write_file(place("victim"), "precious", 8);
	assert_int_equal(symlink(place("victim"), place("link")), 0);
	assert_int_equal(output_open(&o, place("link"), 1), -ELOOP);
	assert_int_equal(output_open(&o, place("no/such/folder"), 1), -ENOENT);
	assert_int_equal(output_open(&o, folder, 1), -EISDIR);

	/* what fails leaves what was there, and no unfinished file */
	assert_int_equal(output_open(&o, place("victim"), 1), 0);
	assert_int_equal(output_write(&o, "x", 1), 0);
	assert_int_equal(output_commit(&o, -EIO), -EIO);
	snprintf(command, sizeof(command), "test $(ls -d %s* | wc -l) = 1", place("victim"));
	assert_int_equal(system(command), 0);
	assert_int_equal(output_open(&o, place("victim"), 1), 0);
	assert_int_equal(output_write(&o, "new", 3), 0);
	assert_int_equal(output_commit(&o, 0), 0);
}

static void several_inputs_are_one_stream(void **state)
{
	struct outcome one = plain(), two = read_all(place("plain"), place("plain"));

	assert_int_equal(two.events, 2 * one.events);
	assert_int_equal(two.damaged, 0);
	assert_int_equal(read_all(place("plain"), place("not there")).opened, -ENOENT);
}

/* Startup events of a set: each says its number. */
static void write_split(int file, int says)
{
	char text[512], name[32];
	int n = snprintf(
		text, sizeof(text),
		"{\"common\":{\"timestamp\":1},\"startup\":{\"retis_version\":\"v1.7.0\","
		"\"cmdline\":\"x\",\"clock_monotonic_offset\":{\"sec\":1,\"nsec\":2},\"machine\":{"
		"\"kernel_release\":\"r\",\"kernel_version\":\"v\",\"hardware_name\":\"h\"},"
		"\"split_file\":{\"id\":%d,\"policy\":{\"kind\":\"size\",\"limit\":1}}}}\n"
		"{\"common\":{\"timestamp\":%d}}\n",
		says, 100 + file);

	snprintf(name, sizeof(name), "set.%d", file);
	write_file(place(name), text, (size_t)n);
}

static void rotated_sets_are_one_stream(void **state)
{
	for (int i = 3; i < 6; i++)
		write_split(i, i);
	write_split(7, 7); /* 6 is missing: not part of what follows */
	assert_int_equal(read_all(place("set.3"), NULL).events, 2);
	assert_int_equal(read_all(place("set.3.."), NULL).events, 6);
	assert_int_equal(read_all(place("set.5.."), NULL).events, 2);
	assert_int_equal(read_all(place("set.6.."), NULL).opened, -ENOENT);
	/* a file that says another number stands alone */
	write_split(3, 9);
	assert_int_equal(read_all(place("set.3.."), NULL).events, 2);
}

static void damaged_lines_are_passed_over(void **state)
{
	struct buf damaged = {0};
	struct outcome got;
	const char *p = (const char *)events.p, *end = p + events.len, *line;
	size_t len;

	for (int n = 1; testdata_line(&p, end, &line, &len); n++) {
		/* line 7 is no JSON, line 9 is cut off, 10 is empty */
		if (n == 7)
			buf_str(&damaged, "garbage");
		else if (n != 10)
			buf_put(&damaged, line, n == 9 ? len / 2 : len);
		buf_u8(&damaged, '\n');
	}
	write_file(place("damaged"), damaged.p, damaged.len);
	got = read_all(place("damaged"), NULL);
	assert_int_equal(got.damaged, 2);
	assert_int_equal(got.first_damage, 7);
	assert_int_equal(got.events, EVENTS - 3);
	buf_free(&damaged);
}

static void cut_off_compression_is_damage(void **state)
{
	struct stat st;
	struct outcome got;

	write_gzip(place("cut.gz"), events.p, events.len);
	assert_int_equal(stat(place("cut.gz"), &st), 0);
	assert_int_equal(truncate(place("cut.gz"), st.st_size / 2), 0);
	got = read_all(place("cut.gz"), NULL);
	assert_int_equal(got.ended, 0);
	assert_int_equal(got.damaged, 1);
	assert_true(got.events > 10 && got.events < EVENTS);
	assert_string_equal(got.text, "the compressed data ends too early");

	write_zstd(place("cut.zst"), events.p, events.len);
	assert_int_equal(stat(place("cut.zst"), &st), 0);
	assert_int_equal(truncate(place("cut.zst"), st.st_size - 9), 0);
	got = read_all(place("cut.zst"), NULL);
	assert_int_equal(got.ended, 0);
	assert_int_equal(got.damaged, 1);
	assert_string_equal(got.text, "the compressed data ends too early");
}

static void what_is_no_input_is_refused(void **state)
{
	write_file(place("empty"), "", 0);
	assert_int_equal(read_all(place("empty"), NULL).opened, -ENODATA);
	write_file(place("words"), "some words\n", 11);
	assert_int_equal(read_all(place("words"), NULL).opened, -EPROTO);
	assert_int_equal(read_all(folder, NULL).opened, -EISDIR);
}

/* ---- packet files ---- */

static const uint8_t ip4[] = {0x45, 0, 0,  28, 0, 1, 0, 0,    64, 17, 0, 0, 10, 0,
			      0,    1, 10, 0,  0, 2, 4, 0xd2, 0,  53, 0, 8, 0,  0};

static void put(struct buf *b, bool big, uint64_t v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_u8(b, (uint8_t)(v >> 8 * (big ? n - 1 - i : i)));
}

/* A pcap of two packets of a link type, with `extra` bytes of link layer. */
static void make_pcap(struct buf *b, bool big, uint32_t magic, uint32_t linktype, const void *link,
		      size_t extra)
{
	buf_clear(b);
	put(b, big, magic, 4);
	put(b, big, 2, 2);
	put(b, big, 4, 2);
	put(b, big, 0, 8);
	put(b, big, 65535, 4);
	put(b, big, linktype, 4);
	for (uint32_t i = 0; i < 2; i++) {
		put(b, big, 1700000000, 4);
		put(b, big, 5 + i, 4);
		put(b, big, extra + sizeof(ip4), 4);
		put(b, big, extra + sizeof(ip4) + 100, 4);
		buf_put(b, link, extra);
		buf_put(b, ip4, sizeof(ip4));
	}
}

/* The packet event `n` of a file. */
static void expect_packet(const char *path, uint32_t n, uint64_t time, uint32_t len,
			  const char *words)
{
	char *inputs[] = {(char *)path};
	struct text_options options = {.single_line = true};
	struct buf line = {0};
	struct ev_batch *batch;
	struct ev_walk w;
	struct ev ev = {0};
	struct source *s;
	struct text text;

	assert_int_equal(source_open(&s, NULL, inputs, 1), 0);
	assert_int_equal(source_next(s, &batch), 1);
	w = ev_walk(batch);
	do
		assert_true(ev_next(&w, &ev));
	while (!ev.packet || n--);
	assert_true(ev.common->timestamp == time);
	assert_int_equal(ev.packet->len, len);
	text_init(&text, &options);
	text_event(&text, &ev, 0, &line);
	buf_u8(&line, 0);
	if (!strstr((char *)line.p, words))
		fail_msg("'%s' is not in '%s'", words, (char *)line.p);
	text_fini(&text);
	buf_free(&line);
	source_close(s);
}

static void packet_files_of_every_kind(void **state)
{
	static const uint8_t eth[14] = {2, 2, 2, 2, 2, 2, 4, 4, 4, 4, 4, 4, 8, 0};
	static const uint8_t sll[16] = {0, 0, 0, 1, 0, 6, [14] = 8, 0};
	static const uint8_t null[4] = {2}, loop[4] = {0, 0, 0, 2};
	static const struct {
		bool big;
		uint32_t magic, linktype;
		const uint8_t *link;
		size_t extra;
		uint32_t len; /* of the packet section */
		uint32_t unit;
	} kinds[] = {
		{false, 0xa1b2c3d4, 1, eth, 14, 142, 1000},
		{true, 0xa1b2c3d4, 1, eth, 14, 142, 1000},
		{false, 0xa1b23c4d, 1, eth, 14, 142, 1},
		{true, 0xa1b23c4d, 1, eth, 14, 142, 1},
		{false, 0xa1b2c3d4, 101, eth, 0, 142, 1000}, /* counts the header that Retis invents */
		{false, 0xa1b2c3d4, 228, eth, 0, 142, 1000},
		{false, 0xa1b2c3d4, 12, eth, 0, 142, 1000},
		{false, 0xa1b2c3d4, 113, sll, 16, 144, 1000},
		{false, 0xa1b2c3d4, 0, null, 4, 132, 1000},
		{false, 0xa1b2c3d4, 108, loop, 4, 132, 1000},
	};
	struct buf b = {0};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		make_pcap(&b, kinds[i].big, kinds[i].magic, kinds[i].linktype, kinds[i].link,
			  kinds[i].extra);
		write_file(place("p.pcap"), b.p, b.len);
		expect_packet(place("p.pcap"), 1, UINT64_C(1700000000000000000) + 6 * kinds[i].unit,
			      kinds[i].len, "10.0.0.1.1234 > 10.0.0.2.53 ");
	}
	buf_free(&b);
}

static void put_block(struct buf *out, bool big, uint32_t type, struct buf *body)
{
	while (body->len % 4)
		buf_u8(body, 0);
	put(out, big, type, 4);
	put(out, big, body->len + 12, 4);
	buf_put(out, body->p, body->len);
	put(out, big, body->len + 12, 4);
	buf_clear(body);
}

static void put_option(struct buf *b, bool big, uint32_t code, const void *p, size_t len)
{
	put(b, big, code, 2);
	put(b, big, len, 2);
	buf_put(b, p, len);
	while (b->len % 4)
		buf_u8(b, 0);
}

static void put_interface(struct buf *out, bool big, uint32_t linktype, const char *name,
			  uint8_t resolution)
{
	struct buf body = {0};

	put(&body, big, linktype, 4 / 2);
	put(&body, big, 0, 2);
	put(&body, big, 65535 - linktype, 4);
	put_option(&body, big, 2, name, strlen(name));
	put_option(&body, big, 9, &resolution, 1);
	put_option(&body, big, 0, NULL, 0);
	put_block(out, big, 1, &body);
	buf_free(&body);
}

static void put_packet(struct buf *out, bool big, uint32_t interface, uint64_t ts, const void *p,
		       size_t len, const char *event)
{
	struct buf body = {0}, option = {0};

	put(&body, big, interface, 4);
	put(&body, big, ts >> 32, 4);
	put(&body, big, ts, 4);
	put(&body, big, len, 4);
	put(&body, big, len, 4);
	buf_put(&body, p, len);
	while (body.len % 4)
		buf_u8(&body, 0);
	put_option(&body, big, 1, "a comment", 9);
	if (event) {
		put(&option, big, 70000, 4);
		buf_str(&option, event);
		put_option(&body, big, 2988, option.p, option.len);
	}
	put_option(&body, big, 0, NULL, 0);
	put_block(out, big, 6, &body);
	buf_free(&body);
	buf_free(&option);
}

static void put_section(struct buf *out, bool big)
{
	struct buf body = {0};

	put(&body, big, 0x1a2b3c4d, 4);
	put(&body, big, 1, 2);
	put(&body, big, 0, 2);
	put(&body, big, UINT64_MAX, 8);
	put_block(out, big, 0x0a0d0d0a, &body);
	buf_free(&body);
}

static void interfaces_may_differ(void **state)
{
	struct outcome got;
	uint8_t eth[14 + sizeof(ip4)] = {2, 2, 2, 2, 2, 2, 4, 4, 4, 4, 4, 4, 8, 0};
	struct buf b = {0};

	memcpy(eth + 14, ip4, sizeof(ip4));
	/* one section of each byte order; each numbers its interfaces anew */
	for (int big = 0; big < 2; big++) {
		put_section(&b, big);
		put_interface(&b, big, 1, big ? "eth1" : "eth0", 9);
		put_interface(&b, big, 101, "tun0", 6);
		put_interface(&b, big, 101, "tun1", 0x80 | 10);
		put_packet(&b, big, 0, 1700000000000000001, eth, sizeof(eth), NULL);
		put_packet(&b, big, 1, 1700000000000002, ip4, sizeof(ip4), NULL);
		put_packet(&b, big, 2, (UINT64_C(5) << 10) + 512, ip4, sizeof(ip4), NULL);
	}
	write_file(place("p.pcapng"), b.p, b.len);
	for (uint32_t i = 0; i < 6; i += 3) {
		expect_packet(place("p.pcapng"), i, 1700000000000000001, 42,
			      i ? "if 1 (eth1)" : "if 1 (eth0)");
		expect_packet(place("p.pcapng"), i + 1, 1700000000000002000, 42, "if 2 (tun0)");
		expect_packet(place("p.pcapng"), i + 2, 5500000000, 42, "if 3 (tun1)");
	}
	assert_int_equal(read_all(place("p.pcapng"), NULL).damaged, 0);

	/* every beginning of it: whole packets, then at most one damaged place */
	for (size_t len = 4; len < b.len; len++) {
		write_file(place("cut.pcapng"), b.p, len);
		got = read_all(place("cut.pcapng"), NULL);
		assert_int_equal(got.opened, 0);
		assert_int_equal(got.ended, 0);
		assert_true(got.damaged <= 1);
		assert_true(got.events <= 7);
	}
	/* a block whose two lengths differ is left out; one that lies about its length ends it */
	b.p[b.len - 1] ^= 1;
	write_file(place("p.pcapng"), b.p, b.len);
	got = read_all(place("p.pcapng"), NULL);
	assert_int_equal(got.damaged, 1);
	assert_int_equal(got.events, 6); /* with the clock row */
	b.p[4] ^= 1;
	write_file(place("p.pcapng"), b.p, b.len);
	got = read_all(place("p.pcapng"), NULL);
	assert_int_equal(got.damaged, 1);
	assert_int_equal(got.events, 0);
	buf_free(&b);
}

static void events_of_retis_come_back_whole(void **state)
{
	static const char event[] =
		"{\"common\":{\"timestamp\":1000,\"smp_id\":3},\"kernel\":{\"symbol\":\"a:b\","
		"\"probe_type\":\"raw_tracepoint\"},\"skb\":{}}";
	uint8_t eth[14 + sizeof(ip4)] = {2, 2, 2, 2, 2, 2, 4, 4, 4, 4, 4, 4, 8, 0};
	struct buf b = {0};
	struct outcome got;

	memcpy(eth + 14, ip4, sizeof(ip4));
	put_section(&b, false);
	put_interface(&b, false, 1, "raw_tracepoint/a:b", 9);
	put_packet(&b, false, 0, 1700000000000001000, eth, sizeof(eth), event);
	write_file(place("r.pcapng"), b.p, b.len);
	expect_packet(place("r.pcapng"), 0, 1000, 42, "(3) [tp] a:b 10.0.0.1.1234 > ");

	/* an event that is none leaves the packet */
	put_packet(&b, false, 0, 1700000000000002000, eth, sizeof(eth), "{\"common\":");
	put_packet(&b, false, 0, 1700000000000003000, eth, sizeof(eth), "[]");
	write_file(place("r.pcapng"), b.p, b.len);
	got = read_all(place("r.pcapng"), NULL);
	assert_int_equal(got.damaged, 2);
	assert_int_equal(got.events, 4); /* with the clock row */
	expect_packet(place("r.pcapng"), 2, 1700000000000003000, 42, "10.0.0.1.1234 > ");
	buf_free(&b);
}

static int setup(void **state)
{
	if (!mkdtemp(folder))
		return -1;
	return testdata_load("real-current", "events.json", &events) ? 0 : -1;
}

static int teardown(void **state)
{
	char command[128];

	buf_free(&events);
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_compression_is_the_same),
		cmocka_unit_test(a_last_line_needs_no_line_feed),
		cmocka_unit_test(standard_input_is_read),
		cmocka_unit_test(a_pipe_is_read),
		cmocka_unit_test(event_files_are_the_same),
		cmocka_unit_test(outputs_never_go_through_links),
		cmocka_unit_test(several_inputs_are_one_stream),
		cmocka_unit_test(rotated_sets_are_one_stream),
		cmocka_unit_test(damaged_lines_are_passed_over),
		cmocka_unit_test(cut_off_compression_is_damage),
		cmocka_unit_test(what_is_no_input_is_refused),
		cmocka_unit_test(packet_files_of_every_kind),
		cmocka_unit_test(interfaces_may_differ),
		cmocka_unit_test(events_of_retis_come_back_whole),
	};

	terminal_init("skbox");
	return cmocka_run_group_tests(tests, setup, teardown);
}
