/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What real builds of Retis printed for event files, against what we print for them: testdata/retis/NAME/
 * (README there). From JSON directly; every byte counts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <zstd.h>

#include "formats/retis_read.h"
#include "formats/text.h"

#define ROOT "testdata/retis"
enum { FILE_MAX = 16 << 20 };

static const char *const folders[] = {
	"classic-101",     "classic-102",     "classic-103",  "classic-ovs-111",
	"classic-ovs-112", "current-101",     "current-102",  "current-103",
	"current-ovs-111", "current-ovs-112", "real-current",
};

static const struct {
	const char *name;
	struct text_options o;
} outputs[] = {
	{"multi.txt", {.single_line = false}},
	{"multi-e.txt", {.link_layer = true}},
	{"single.txt", {.single_line = true}},
	{"single-e-utc.txt", {.single_line = true, .link_layer = true, .utc = true}},
};

/* The whole decompressed file; false when there is none. */
static bool load(const char *folder, const char *name, struct buf *out)
{
	static uint8_t packed[FILE_MAX];
	char path[256];
	unsigned long long size;
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s/%s.zst", ROOT, folder, name);
	f = fopen(path, "rb");
	if (!f)
		return false;
	n = fread(packed, 1, sizeof(packed), f);
	fclose(f);
	size = ZSTD_getFrameContentSize(packed, n);
	assert_true(size <= FILE_MAX);
	assert_non_null(buf_room(out, size));
	assert_int_equal(ZSTD_decompress(out->p + out->len, size, packed, n), size);
	out->len += size;
	return true;
}

/* All events of a JSON file, in batches, each printed with its frame. */
static void render(const struct buf *json, struct text *t, struct buf *out)
{
	struct retis_reader *r = retis_reader_new();
	struct ev_batch *batch = ev_batch_new();
	const char *p = (const char *)json->p, *end = p + json->len, *feed;
	struct skbox_error err = {0};

	assert_non_null(r);
	assert_non_null(batch);
	retis_reader_peek(r, p, json->len);
	for (; p < end; p = feed + 1) {
		struct ev_walk walk;
		struct ev ev = {0};
		bool sorted;

		feed = memchr(p, '\n', (size_t)(end - p));
		feed = feed ? feed : end - 1;
		if (retis_read_line(r, p, (size_t)(feed + 1 - p), batch, &err))
			fail_msg("%s", err.text);
		sorted = retis_read_state(r)->sorted;
		walk = ev_walk(batch);
		for (int i = 0; ev_next(&walk, &ev); i++) {
			if (!text_event(t, &ev, sorted && i ? 4 : 0, out))
				continue;
			if (sorted)
				text_frame_line(t, out);
			else
				text_frame_event(t, out);
		}
		if (sorted)
			text_frame_series(t, out);
		ev_batch_clear(batch);
	}
	ev_batch_free(batch);
	retis_reader_free(r);
}

static size_t differing(const struct buf *got, const struct buf *want)
{
	size_t n = 0;

	for (size_t i = 0; i < got->len || i < want->len; i++)
		n += i >= got->len || i >= want->len || got->p[i] != want->p[i];
	return n;
}

/* The first line that differs, for people. */
static void tell(const char *folder, const char *name, const struct buf *got,
		 const struct buf *want)
{
	size_t i = 0, line = 0, number = 1;

	for (; i < got->len && i < want->len && got->p[i] == want->p[i]; i++) {
		if (got->p[i] == '\n') {
			line = i + 1;
			number++;
		}
	}
	print_error("%s/%s line %zu\n got: %.*s\nwant: %.*s\n", folder, name, number,
		    (int)strcspn((char *)got->p + line, "\n"), (char *)got->p + line,
		    (int)strcspn((char *)want->p + line, "\n"), (char *)want->p + line);
}

static size_t compare(const char *folder, const char *input, const char *name,
		      const struct text_options *o, size_t *files)
{
	struct buf json = {0}, want = {0}, got = {0};
	struct text t;
	size_t n = 0;

	text_init(&t, o);
	t.o.current = strstr(folder, "current") != NULL;
	if (load(folder, input, &json) && load(folder, name, &want)) {
		render(&json, &t, &got);
		n = differing(&got, &want);
		++*files;
		buf_u8(&got, 0);
		buf_u8(&want, 0);
		if (n)
			tell(folder, name, &got, &want);
	}
	text_fini(&t);
	buf_free(&json);
	buf_free(&want);
	buf_free(&got);
	return n;
}

static void test_print(void **state)
{
	size_t files = 0, bytes = 0;

	for (size_t f = 0; f < sizeof(folders) / sizeof(folders[0]); f++)
		for (size_t i = 0; i < sizeof(outputs) / sizeof(outputs[0]); i++)
			bytes += compare(folders[f], "events.json", outputs[i].name, &outputs[i].o,
					 &files);
	print_message("%zu files compared, %zu differing bytes\n", files, bytes);
	assert_int_equal(files, 44);
	assert_int_equal(bytes, 0);
}

/* A sorted file is printed as `sort` printed it. */
static void test_print_sorted(void **state)
{
	const struct text_options single = {.single_line = true, .link_layer = true}, multi = {0};
	size_t files = 0, bytes = 0;

	for (size_t f = 0; f < sizeof(folders) / sizeof(folders[0]); f++) {
		bytes += compare(folders[f], "sorted.json", "sort.txt", &multi, &files);
		bytes += compare(folders[f], "sorted.json", "sort-single-e.txt", &single, &files);
	}
	print_message("%zu files compared, %zu differing bytes\n", files, bytes);
	assert_int_equal(files, 12);
	assert_int_equal(bytes, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_print),
		cmocka_unit_test(test_print_sorted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
