/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the files of the expressions: the compiled program, and what its parser calls. */
#ifndef ANALYZE_WHERE_IMPL_H
#define ANALYZE_WHERE_IMPL_H

#include <regex.h>

#include "analyze/filter/fields.h"
#include "analyze/filter/where.h"

/* A program leaves its answer on a stack of columns, a byte an event. */
enum where_code {
	WHERE_TEST,    /* pushes test `arg` */
	WHERE_AND,     /* of the two on top */
	WHERE_OR,      /* of the two on top */
	WHERE_NOT,     /* of the top */
	WHERE_IF_NONE, /* goes on at `arg` when nothing on top is true: the rest of an "and" */
	WHERE_IF_ALL,  /* goes on at `arg` when all on top is true: the rest of an "or" */
};

struct where_op {
	uint8_t code;
	uint32_t arg;
};

enum where_test_kind {
	TEST_SECTIONS, /* one of these sections is there */
	TEST_EXISTS,
	TEST_INT,   /* within one of the ranges */
	TEST_KEY,   /* an address or MAC within one of the ranges */
	TEST_WORDS, /* equal to one of the words */
	TEST_GLOB,
	TEST_REGEX,
};

/* Bounds of TEST_INT, both included. Of a signed field they are moved by 2^63, so that they compare. */
struct where_range {
	uint64_t from, to;
};

struct where_keys {
	uint8_t from[FIELD_KEY_BYTES], to[FIELD_KEY_BYTES];
};

struct where_word {
	char *p; /* owned, terminated */
	size_t len;
};

struct where_test {
	enum where_test_kind kind;
	uint64_t sections;
	struct field_source from;
	enum field_kind field;
	uint8_t base;
	bool is_masked, is_signed;
	uint64_t mask;
	uint32_t first, n; /* of where.ranges, .keys or .words */
	uint32_t regex;    /* of where.regexes */
	uint8_t *seen;     /* of a string's id: what was found: 0 nothing yet, 1 no, 2 yes */
	uint32_t seen_n, seen_cap; /* entries that are good in this run; room */
	uint8_t *rows;             /* of header tests: the answer for each row of packets */
};

struct where {
	struct where_op *ops;
	struct where_test *tests;
	struct where_range *ranges; /* those of a test are sorted and do not touch */
	struct where_keys *keys;
	struct where_word *words;
	regex_t *regexes;
	uint32_t n_ops, n_tests, n_ranges, n_keys, n_words, n_regexes;
	bool any_packet; /* has tests of headers */

	uint8_t **stack; /* columns of `room` bytes */
	uint32_t n_stack, room, rows_room;
	uint32_t *first_row, first_room; /* of a packet's id: the first row that has it, + 1 */
};

/* What a field is compared with. */
struct where_value {
	const char *p; /* of the expression, or unescaped */
	size_t len, at;
	bool quoted;
};

/* Adds `more` entries to an array whose number of entries is n: false when out of memory. */
bool where_grow(void *array, size_t size, uint32_t n, uint32_t more);

enum where_compare { WHERE_EQ, WHERE_LT, WHERE_LE, WHERE_GT, WHERE_GE, WHERE_IN };

/*
 * Appends what value stands for to the ranges (WHERE_INT), keys or words of w. 0; -ENOMEM; -EINVAL
 * with err filled.
 */
int where_value_add(struct where *w, const struct field *f, bool is_masked, enum where_compare how,
		    const struct where_value *value, struct where_error *err);
/* A number or a symbol of the field, or several with | between them, for a mask. */
int where_value_mask(const struct field *f, const struct where_value *value, uint64_t *mask,
		     struct where_error *err);
/* Sorts the ranges or keys from `first` on and joins what touches. */
void where_value_sort(struct where *w, const struct field *f, uint32_t first);

int where_regex_add(struct where *w, const struct where_value *value, struct where_error *err);

int where_fail(struct where_error *err, size_t at, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
