/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Metadata filters: expressions over what can be reached from a packet's struct sk_buff.
 *
 *	EXPR  := TERM { ("&&" | "and" | "||" | "or") TERM }      from left to right, none binds tighter
 *	TERM  := "(" EXPR ")" | PLACE [ OP VALUE ]               without OP: is not 0
 *	PLACE := "sk_buff" { "." NAME | "[" INDEX "]" | ":" MASK | ":" [MASK ":"] TYPE } [ "&" MASK ]
 *	OP    := "==" | "!=" | "<" | "<=" | ">" | ">="           strings: the first two
 *	MASK  := ["~"] NUMBER
 *	VALUE := ["-"] NUMBER | "string" | 'string' | name of an enum's value | true | false
 *
 * Pointers are followed where a member or element of what they point at is named. ":TYPE" takes the
 * number or pointer before it as the address of a TYPE, and bytes (a struct, an array) as a TYPE.
 * A comparison of what cannot be read (a NULL pointer on the way) is false, "!=" too.
 */
#ifndef CAPTURE_FILTER_META_H
#define CAPTURE_FILTER_META_H

#include "capture/filter/filter_btf.h"
#include "capture/filter/filter_code.h"
#include "formats/error.h"

enum {
	FILTER_META_TERMS = 64,  /* comparisons in an expression */
	FILTER_META_STEPS = 16,  /* pointers on the way to one */
	FILTER_META_DEPTH = 32,  /* parentheses in parentheses */
	FILTER_META_TEXT = 63,   /* bytes of a string, without its end */
	FILTER_META_BYTES = 4096 /* of an expression */
};

/* A pointer on the way: what is at its offset from the last one is the next address. */
struct filter_step {
	uint32_t off;
	uint64_t mask;
};

/* A comparison. */
struct filter_term {
	struct filter_step steps[FILTER_META_STEPS];
	uint32_t n_steps;
	uint32_t off;   /* of the value from the last address */
	uint32_t bytes; /* to be read */
	uint32_t shift; /* bits below the value, if it is a bit field */
	uint32_t bits;  /* of the value */
	bool is_signed, is_text;
	bool text_pointer; /* the text is behind the pointer */
	bool has_op;
	uint64_t mask; /* all ones: none */
	uint8_t op;    /* of a jump: BPF_JEQ, BPF_JNE, BPF_JGT ... BPF_JSLE */
	int64_t value;
	char text[FILTER_META_TEXT + 1];
	uint32_t text_len;
};

/* A comparison (left < 0: term is its index), or two parts joined. */
struct filter_node {
	int32_t left, right;
	int32_t term;
	bool is_and;
};

struct filter_meta {
	struct filter_term terms[FILTER_META_TERMS];
	struct filter_node nodes[2 * FILTER_META_TERMS];
	uint32_t n_terms, n_nodes;
	int32_t root;
};

/*
 * Reads an expression and looks its places up in the kernel's types. 0; -EINVAL (not an expression),
 * -ENOENT (no such member or type), -E2BIG: err->offset is the column, from 1, which err->text
 * begins with.
 */
int filter_meta_parse(struct filter_meta *m, const char *text, struct filter_types *types,
		      struct skbox_error *err);

/*
 * Appends the code: to `accept` or `reject`. The skb is at r10 + FILTER_SKB. Overwrites r0 to r7 and
 * the stack from FILTER_SCRATCH on. -ENOMEM.
 */
int filter_meta_translate(const struct filter_meta *m, struct filter_code *c, uint32_t accept,
			  uint32_t reject, struct skbox_error *err);

#endif
