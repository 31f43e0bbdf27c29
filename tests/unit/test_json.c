/* SPDX-License-Identifier: BSD-2-Clause */
/* The JSON reader and writer, and base64: what is right, and what hostile input could do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "formats/base64.h"
#include "formats/json.h"

/* Text in memory of exactly its size, so that the sanitizer sees a read behind it. */
static char *exact(const char *text, size_t len)
{
	char *p = malloc(len ? len : 1);

	assert_non_null(p);
	memcpy(p, text, len);
	return p;
}

static bool is_json(const char *text, size_t len)
{
	struct json j = {0};
	char *p = exact(text, len);
	bool ok;

	json_init(&j, p, len);
	ok = json_skip(&j) && json_end(&j);
	assert_int_equal(ok, j.why == NULL);
	assert_true(j.p >= p && j.p <= p + len);
	json_free(&j);
	free(p);
	return ok;
}

static void test_grammar(void **state)
{
	static const char *const good[] = {
		"0",
		"-0",
		"1.5e-3",
		"true",
		"null",
		"\"\"",
		"[]",
		"{}",
		" [ 1 , 2 ] ",
		"[[[]],{}]",
		"{\"a\":[{\"b\":null}],\"c\":{}}",
		"\"\\u0041\\ud83d\\ude00\\n\"",
		"\"\xc3\xa9\"",
		"123456789012345678901234567890",
		"\"\x7f\"",
	};
	static const char *const bad[] = {
		"",
		" ",
		"01",
		"-",
		"1.",
		"1e",
		".5",
		"+1",
		"tru",
		"nul",
		"\"",
		"\"a",
		"\"\\\"",
		"\"\\x\"",
		"\"\\u12\"",
		"\"\\u12g4\"",
		"\"\\ud83d\"",
		"\"\\ud83dx\"",
		"\"\\ud83d\\u0041\"",
		"\"\\ude00\"",
		"[",
		"]",
		"[1",
		"[1,",
		"[1,]",
		"[,1]",
		"[1 2]",
		"{",
		"{\"a\"",
		"{\"a\":",
		"{\"a\":1",
		"{\"a\":1,",
		"{\"a\":1,}",
		"{a:1}",
		"{\"a\" 1}",
		"{1:1}",
		"1 2",
		"[1}",
		"{\"a\":1]",
		"\"\x01\"",
		"\"\n\"",
		"\"\xc3\"",
		"\"\xc0\xaf\"",
		"\"\xed\xa0\x80\"",
		"\"\xf4\x90\x80\x80\"",
		"\"\xff\"",
		"'a'",
		"NaN",
		"[1]]",
		"\xef\xbb\xbf{}",
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (!is_json(good[i], strlen(good[i])))
			fail_msg("refused: %s", good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (is_json(bad[i], strlen(bad[i])))
			fail_msg("taken: %s", bad[i]);
	assert_false(is_json("\"\0\"", 3));
}

static void test_strings(void **state)
{
	static const struct {
		const char *json, *text;
		bool copied;
	} cases[] = {
		{"\"plain and long enough for words\"", "plain and long enough for words", false},
		{"\"\xc3\xa9t\xc3\xa9 \xf0\x9f\x98\x80\"", "\xc3\xa9t\xc3\xa9 \xf0\x9f\x98\x80",
		 false},
		{"\"a\\\"b\\\\c\\/d\\b\\f\\n\\r\\te\"", "a\"b\\c/d\b\f\n\r\te", true},
		{"\"\\u00e9\\u20AC\\ud83d\\ude00\"", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", true},
		{"\"1234567\\n1234567\\n\"", "1234567\n1234567\n", true},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t len = strlen(cases[i].json);
		char *p = exact(cases[i].json, len);
		struct json j = {0};
		struct json_str s;

		json_init(&j, p, len);
		assert_true(json_string(&j, &s));
		assert_int_equal(s.len, strlen(cases[i].text));
		assert_memory_equal(s.p, cases[i].text, s.len);
		assert_int_equal(s.p < p || s.p > p + len, cases[i].copied);
		json_free(&j);
		free(p);
	}
}

/* Every byte in a string, at every place of a word: the fast scan must see what the slow one sees. */
static void test_string_scan(void **state)
{
	for (unsigned int c = 0; c < 256; c++)
		for (unsigned int at = 1; at < 20; at++) {
			char text[24] = "\"abcdefghijklmnopqrs\"";
			struct json j = {0};
			struct json_str s;
			bool ok;

			text[at] = (char)c;
			json_init(&j, text, 21);
			ok = json_string(&j, &s);
			if (c == '"')
				assert_int_equal(s.len, at - 1);
			else if (c == '\\' && at == 19)
				assert_false(ok); /* it escapes the quote */
			else if (c != '\\')
				assert_int_equal(ok, c >= ' ' && c < 0x80);
			json_free(&j);
		}
}

static bool integer(const char *text, int64_t min, uint64_t max, uint64_t *v)
{
	struct json j = {0};

	json_init(&j, text, strlen(text));
	return json_integer(&j, min, max, v) && json_end(&j);
}

static void test_integers(void **state)
{
	uint64_t v;

	assert_true(integer("18446744073709551615", 0, UINT64_MAX, &v));
	assert_true(v == UINT64_MAX);
	assert_true(integer("18446612692612218880", 0, UINT64_MAX, &v));
	assert_true(v == UINT64_C(18446612692612218880));
	assert_false(integer("18446744073709551616", 0, UINT64_MAX, &v));
	assert_false(integer("99999999999999999999", 0, UINT64_MAX, &v));
	assert_false(integer("184467440737095516150", 0, UINT64_MAX, &v));
	assert_false(integer("184467440737095516160", 0, UINT64_MAX, &v));
	assert_true(integer("-9223372036854775808", INT64_MIN, INT64_MAX, &v));
	assert_true((int64_t)v == INT64_MIN);
	assert_false(integer("-9223372036854775809", INT64_MIN, INT64_MAX, &v));
	assert_false(integer("9223372036854775808", INT64_MIN, INT64_MAX, &v));
	assert_true(integer("255", 0, UINT8_MAX, &v));
	assert_false(integer("256", 0, UINT8_MAX, &v));
	assert_false(integer("-1", 0, UINT8_MAX, &v));
	assert_true(integer("-1", -1, 0, &v));
	assert_false(integer("-2", -1, 0, &v));
	assert_false(integer("1.0", 0, UINT64_MAX, &v));
	assert_false(integer("1e3", 0, UINT64_MAX, &v));
	assert_false(integer("\"1\"", 0, UINT64_MAX, &v));
	assert_false(integer("", 0, UINT64_MAX, &v));
	assert_false(integer("00", 0, UINT64_MAX, &v));
}

/* A million brackets are an error, not a deep stack; a million digits and commas are no harm. */
static void test_sizes(void **state)
{
	enum { N = 1000000 };
	char *p = malloc(2 * N);

	assert_non_null(p);
	memset(p, '[', N);
	assert_false(is_json(p, N));
	memset(p + N, ']', N);
	assert_false(is_json(p, 2 * N));
	assert_true(is_json(p + N - JSON_DEPTH_MAX, 2 * JSON_DEPTH_MAX));
	assert_false(is_json(p + N - JSON_DEPTH_MAX - 1, 2 * JSON_DEPTH_MAX + 2));
	for (int i = 0; i < N / 2; i++)
		memcpy(p + 4 * i, "{\"\":", 4);
	assert_false(is_json(p, 2 * N));
	memset(p, '9', N);
	assert_true(is_json(p, N));
	for (int i = 0; i < N; i++)
		memcpy(p + 2 * i, "1,", 2);
	p[0] = '[';
	p[1] = ' ';
	p[2 * N - 1] = ']';
	assert_true(is_json(p, 2 * N));
	free(p);
}

/* Cut off at every byte, and every byte replaced by every other: an answer, and no byte read outside. */
static void test_damage(void **state)
{
	static const char text[] = "{\"a\":[1,-2.5e+3,true,false,null],\"b\\u00e9\":{\"c\":"
				   "\"\xc3\xa9\\ud83d\\ude00\"}}";
	size_t len = sizeof(text) - 1;

	assert_true(is_json(text, len));
	for (size_t i = 0; i < len; i++)
		assert_false(is_json(text, i));
	for (size_t i = 0; i < len; i++)
		for (int c = 0; c < 256; c++) {
			char copy[sizeof(text)];

			memcpy(copy, text, sizeof(text));
			copy[i] = (char)c;
			is_json(copy, len);
		}
}

static void test_writing(void **state)
{
	static const char text[] = "a\"b\\c/d\b\f\n\r\t\x01\x1f\x7f \xc3\xa9";
	static const char json[] = "\"a\\\"b\\\\c/d\\b\\f\\n\\r\\t\\u0001\\u001f\x7f \xc3\xa9\"";
	struct json j = {0};
	struct buf out = {0};
	struct json_str s;

	json_put_string(&out, text, sizeof(text) - 1);
	assert_int_equal(out.len, sizeof(json) - 1);
	assert_memory_equal(out.p, json, out.len);
	json_init(&j, (const char *)out.p, out.len);
	assert_true(json_string(&j, &s) && json_end(&j));
	assert_int_equal(s.len, sizeof(text) - 1);
	assert_memory_equal(s.p, text, s.len);
	buf_clear(&out);
	json_put_string(&out, "\xff\xc3", 2);
	assert_int_equal(out.len, 8);
	assert_memory_equal(out.p, "\"\xef\xbf\xbd\xef\xbf\xbd\"", 8);
	json_free(&j);
	buf_free(&out);
}

static void test_base64(void **state)
{
	static const struct {
		const char *bytes, *text;
	} rfc4648[] = {{"", ""},
		       {"f", "Zg=="},
		       {"fo", "Zm8="},
		       {"foo", "Zm9v"},
		       {"foob", "Zm9vYg=="},
		       {"fooba", "Zm9vYmE="},
		       {"foobar", "Zm9vYmFy"}};
	static const char *const bad[] = {
		"Z",    "Zg",    "Zg=",      "Zg==Zg==", "Zh==", "Zm9=", "Z===", "====",
		"Zm 9", "Zm9v=", "Zm9v====", "Zm9-",     "Zm=v", "Zg=v", "=m9v"};
	struct buf out = {0};
	uint8_t bytes[300];
	uint8_t back[300];

	for (size_t i = 0; i < sizeof(rfc4648) / sizeof(rfc4648[0]); i++) {
		buf_clear(&out);
		base64_put(&out, (const uint8_t *)rfc4648[i].bytes, strlen(rfc4648[i].bytes));
		assert_int_equal(out.len, strlen(rfc4648[i].text));
		assert_memory_equal(out.p ? out.p : (uint8_t *)"", rfc4648[i].text, out.len);
		assert_int_equal(base64_decode(rfc4648[i].text, out.len, back),
				 strlen(rfc4648[i].bytes));
		assert_memory_equal(back, rfc4648[i].bytes, strlen(rfc4648[i].bytes));
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (base64_decode(bad[i], strlen(bad[i]), back) >= 0)
			fail_msg("taken: %s", bad[i]);
	for (size_t n = 0; n < sizeof(bytes); n++) {
		for (size_t i = 0; i < n; i++)
			bytes[i] = (uint8_t)(i * 37 + n * 11);
		buf_clear(&out);
		base64_put(&out, bytes, n);
		assert_int_equal(base64_decode((char *)out.p, out.len, back), n);
		assert_memory_equal(back, bytes, n);
	}
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_grammar),     cmocka_unit_test(test_strings),
		cmocka_unit_test(test_string_scan), cmocka_unit_test(test_integers),
		cmocka_unit_test(test_sizes),       cmocka_unit_test(test_damage),
		cmocka_unit_test(test_writing),     cmocka_unit_test(test_base64),
	};

	return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
