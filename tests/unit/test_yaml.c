/* SPDX-License-Identifier: BSD-2-Clause */
/* Trees of YAML: places of nodes, and what is refused where. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/yaml.h"
#include "formats/buf.h"

static struct yaml *good(const char *text)
{
	struct skbox_error err = {0};
	struct yaml *root;
	int rc = yaml_read(&root, text, strlen(text), &err);

	if (rc)
		print_error("%s\n", err.text);
	assert_int_equal(rc, 0);
	return root;
}

static void bad(const char *text, size_t len, int code, const char *message)
{
	struct skbox_error err = {0};
	struct yaml *root = (struct yaml *)1;

	assert_int_equal(yaml_read(&root, text, len, &err), code);
	assert_null(root);
	assert_int_equal(err.code, code);
	assert_string_equal(err.text, message);
}

static void places(void **state)
{
	struct yaml *root = good("a: 1\nlist:\n  - x\n  - {b: 'two', c: }\nd: |\n  text\n");
	const struct yaml *list = yaml_member(root, "list"), *map;

	assert_int_equal(root->kind, YAML_MAP);
	assert_int_equal(root->n, 3);
	assert_string_equal(yaml_member(root, "a")->text, "1");
	assert_int_equal(yaml_member(root, "a")->column, 4);
	assert_int_equal(list->kind, YAML_LIST);
	assert_int_equal(list->n, 2);
	assert_int_equal(list->v[0]->line, 3);
	assert_int_equal(list->v[0]->column, 5);
	map = list->v[1];
	assert_int_equal(map->keys[0]->line, 4);
	assert_int_equal(map->keys[0]->column, 6);
	assert_string_equal(map->v[0]->text, "two");
	assert_false(map->v[0]->plain);
	assert_true(yaml_is_null(map->v[1]));
	assert_string_equal(yaml_member(root, "d")->text, "text\n");
	assert_null(yaml_member(root, "e"));
	assert_null(yaml_member(list, "a"));
	yaml_tree_free(root);
}

static void words(void **state)
{
	struct yaml *root = good("- true\n- 'off'\n- 1\n- ~\n- '~'\n- NULL\n- ''\n- []\n");
	bool flag = false;

	assert_true(yaml_flag(root->v[0], &flag) && flag);
	assert_true(yaml_flag(root->v[1], &flag) && !flag);
	assert_false(yaml_flag(root->v[2], &flag));
	assert_false(yaml_flag(root->v[7], &flag));
	assert_true(yaml_is_null(root->v[3]));
	assert_false(yaml_is_null(root->v[4]));
	assert_true(yaml_is_null(root->v[5]));
	assert_false(yaml_is_null(root->v[6]));
	yaml_tree_free(root);
}

static void nothing(void **state)
{
	static const char *const texts[] = {"", "# a comment\n", "\n\n"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct yaml *root = good(texts[i]);

		assert_int_equal(root->kind, YAML_MAP);
		assert_int_equal(root->n, 0);
		yaml_tree_free(root);
	}
}

static void refused(void **state)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{"a: 1\nb: 2\na: 3\n", "3:1: this key is there twice"},
		{"a: &x 1\nb: *x\n", "1:4: anchors and aliases are not understood"},
		{"b: *x\n", "1:4: anchors and aliases are not understood"},
		{"? [a]\n: 1\n", "1:3: a key must be a single word"},
		{"a: 1\n---\nb: 2\n", "2:1: a second document"},
		{"a: \"\\0\"\n", "1:4: a NUL byte in a text"},
		{"a: [1, 2\n", "2:1: did not find expected ',' or ']'"},
		{"a:\n\tb: 1\n", "2:1: found character that cannot start any token"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		bad(cases[i].text, strlen(cases[i].text), -EPROTO, cases[i].message);
	bad("a: \xff\n", 5, -EPROTO, "1:1: not UTF-8 text");
}

static void bounds(void **state)
{
	struct skbox_error err = {0};
	struct buf b = {0};
	struct yaml *root;

	for (int i = 0; i < YAML_DEPTH_MAX; i++)
		buf_u8(&b, '[');
	for (int i = 0; i < YAML_DEPTH_MAX; i++)
		buf_u8(&b, ']');
	assert_int_equal(yaml_read(&root, (char *)b.p, b.len, &err), 0);
	yaml_tree_free(root);
	buf_clear(&b);
	for (int i = 0; i < 100000; i++)
		buf_u8(&b, '[');
	bad((char *)b.p, b.len, -EPROTO, "1:33: nested too deeply");
	buf_clear(&b);
	for (int i = 0; i < YAML_NODES_MAX; i++)
		buf_str(&b, "- a\n");
	bad((char *)b.p, b.len, -EPROTO, "20000:3: too many values");
	buf_clear(&b);
	for (int i = 0; i <= YAML_BYTES_MAX; i++)
		buf_u8(&b, ' ');
	bad((char *)b.p, b.len, -E2BIG, "longer than 1048576 bytes");
	buf_free(&b);
}

static void files(void **state)
{
	char path[] = "/tmp/skbox-yaml-XXXXXX", message[100];
	struct skbox_error err = {0};
	struct yaml *root;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, "a: 1\na: 2\n", 10), 10);
	close(fd);
	assert_int_equal(yaml_read_file(&root, path, &err), -EPROTO);
	snprintf(message, sizeof(message), "%s:2:1: this key is there twice", path);
	assert_string_equal(err.text, message);
	assert_int_equal(truncate(path, 5), 0);
	assert_int_equal(yaml_read_file(&root, path, &err), 0);
	yaml_tree_free(root);
	unlink(path);
	assert_int_equal(yaml_read_file(&root, path, &err), -ENOENT);
	assert_int_equal(yaml_read_file(&root, "/dev/zero", &err), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(places),  cmocka_unit_test(words),  cmocka_unit_test(nothing),
		cmocka_unit_test(refused), cmocka_unit_test(bounds), cmocka_unit_test(files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
