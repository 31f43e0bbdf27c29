/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers and strings as text: the fast ways write what printf() writes. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "formats/buf.h"
#include "formats/text/text.h"

static void is_text(struct buf *b, const char *want)
{
	assert_int_equal(b->len, strlen(want));
	assert_memory_equal(b->p, want, b->len);
	buf_clear(b);
}

static void check_number(struct buf *b, uint64_t v)
{
	char want[32];

	snprintf(want, sizeof(want), "%" PRIu64, v);
	buf_dec(b, v);
	is_text(b, want);
	snprintf(want, sizeof(want), "%" PRId64, (int64_t)v);
	buf_int(b, (int64_t)v);
	is_text(b, want);
	snprintf(want, sizeof(want), "%" PRIx64, v);
	buf_hex(b, v);
	is_text(b, want);
	for (unsigned int n = 1; n <= 16; n++) {
		uint64_t low = n == 16 ? v : v & ((UINT64_C(1) << 4 * n) - 1);

		snprintf(want, sizeof(want), "%0*" PRIx64, (int)n, low);
		buf_hex_digits(b, v, n);
		is_text(b, want);
	}
}

static void numbers_are_as_printf_has_them(void **state)
{
	uint64_t v = 1, x = UINT64_C(0x9e3779b97f4a7c15);
	struct buf b = {0};

	for (uint64_t i = 0; i < 20000; i++)
		check_number(&b, i);
	for (int digits = 0; digits < 20; digits++, v *= 10)
		for (uint64_t near = 0; near < 3; near++)
			check_number(&b, v + near - 1);
	for (int bit = 0; bit < 64; bit++)
		for (int i = 0; i < 200; i++) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			check_number(&b, x >> bit);
		}
	check_number(&b, UINT64_MAX);
	buf_free(&b);
}

/* They are as long as they are: nothing is written beyond what the buffer has, and what is there stays. */
static void numbers_stand_behind_each_other(void **state)
{
	struct buf b = {0};
	char want[1024] = "";
	uint64_t v = 1;

	for (int i = 0; i < 40; i++, v = v * 3 + 1) {
		buf_dec(&b, v);
		buf_u8(&b, ' ');
		buf_hex(&b, v);
		buf_u8(&b, '\n');
		snprintf(want + strlen(want), sizeof(want) - strlen(want),
			 "%" PRIu64 " %" PRIx64 "\n", v, v);
	}
	is_text(&b, want);
	buf_free(&b);
}

static void strings_of_any_length(void **state)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
	struct buf b = {0};

	for (size_t len = 0; len < 30; len++) {
		/* as long as it is, so that a sanitizer sees what is read beyond it */
		char *text = malloc(len + 1), want[64];

		memcpy(text, letters, len);
		text[len] = 0;
		text = realloc(text, len ? len : 1);
		text_untrusted(&b, text, len);
		snprintf(want, sizeof(want), "%.*s", (int)len, letters);
		is_text(&b, want);
		for (size_t at = 0; at < len; at++) {
			text[at] = '\033';
			text_untrusted(&b, text, len);
			snprintf(want, sizeof(want), "%.*s\\x1b%.*s", (int)at, letters,
				 (int)(len - at - 1), letters + at + 1);
			is_text(&b, want);
			text[at] = (char)letters[at];
		}
		free(text);
	}
	buf_free(&b);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_as_printf_has_them),
		cmocka_unit_test(numbers_stand_behind_each_other),
		cmocka_unit_test(strings_of_any_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
