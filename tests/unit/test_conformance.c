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

#include "formats/retis/retis_read.h"
#include "formats/text/text.h"
#include "tests/unit/testdata.h"

static const struct {
	const char *name;
	struct text_options o;
} outputs[] = {
	{"multi.txt", {.single_line = false}},
	{"multi-e.txt", {.link_layer = true}},
	{"single.txt", {.single_line = true}},
	{"single-e-utc.txt", {.single_line = true, .link_layer = true, .utc = true}},
};

/* All events of a JSON file, in batches, each printed with its frame. */
static void render(const struct buf *json, struct text *t, struct buf *out)
{
	struct retis_reader *r = retis_reader_new();
	struct ev_batch *batch = ev_batch_new();
	const char *p = (const char *)json->p, *end = p + json->len, *line;
	struct skbox_error err = {0};
	size_t len;

	assert_non_null(r);
	assert_non_null(batch);
	retis_reader_peek(r, p, json->len);
	while (testdata_line(&p, end, &line, &len)) {
		struct ev_walk walk = ev_walk(batch);
		struct ev ev = {0};
		bool sorted;

		if (retis_read_line(r, line, len, batch, &err))
			fail_msg("%s", err.text);
		sorted = retis_read_state(r)->sorted;
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
	if (testdata_load(folder, input, &json) && testdata_load(folder, name, &want)) {
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

	for (size_t f = 0; f < TESTDATA_FOLDERS; f++)
		for (size_t i = 0; i < sizeof(outputs) / sizeof(outputs[0]); i++)
			bytes += compare(testdata_folders[f], "events.json", outputs[i].name,
					 &outputs[i].o, &files);
	print_message("%zu files compared, %zu differing bytes\n", files, bytes);
	assert_int_equal(files, 44);
	assert_int_equal(bytes, 0);
}

/* A sorted file is printed as `sort` printed it. */
static void test_print_sorted(void **state)
{
	const struct text_options single = {.single_line = true, .link_layer = true}, multi = {0};
	size_t files = 0, bytes = 0;

	for (size_t f = 0; f < TESTDATA_FOLDERS; f++) {
		bytes += compare(testdata_folders[f], "sorted.json", "sort.txt", &multi, &files);
		bytes += compare(testdata_folders[f], "sorted.json", "sort-single-e.txt", &single,
				 &files);
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
