/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/filter/filter_meta.h"

#include <errno.h>
#include <string.h>

enum { R_AT = BPF_REG_6, R_VALUE = BPF_REG_7 };

/* Reads bytes at R_AT + off to the stack; to `no` when they are not there. */
static void read_bytes(struct filter_code *c, uint32_t off, uint32_t bytes, int32_t to, uint32_t no)
{
	filter_code_mov(c, BPF_REG_3, R_AT);
	if (off)
		filter_code_emit(c, BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_3, 0, 0, (int32_t)off);
	filter_code_emit(c, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_2, 0, 0, (int32_t)bytes);
	filter_code_stack(c, BPF_REG_1, to);
	filter_code_call(c, BPF_FUNC_probe_read_kernel);
	filter_code_jump(c, BPF_JMP | BPF_JNE | BPF_K, BPF_REG_0, 0, 0, no);
}

static void and_mask(struct filter_code *c, uint8_t reg, uint64_t mask)
{
	if (mask == UINT64_MAX)
		return;
	filter_code_imm64(c, BPF_REG_1, mask);
	filter_code_emit(c, BPF_ALU64 | BPF_AND | BPF_X, reg, BPF_REG_1, 0, 0);
}

static void shift(struct filter_code *c, uint8_t op, uint32_t by)
{
	if (by)
		filter_code_emit(c, BPF_ALU64 | op | BPF_K, R_VALUE, 0, 0, (int32_t)by);
}

/* R_VALUE: the field as 64 bits, by its sign. */
static void load_number(const struct filter_term *t, struct filter_code *c, uint32_t no)
{
	static const uint8_t sizes[] = {[1] = BPF_B, [2] = BPF_H, [4] = BPF_W, [8] = BPF_DW};
	bool whole = t->bits == t->bytes * 8 && !(t->bytes & (t->bytes - 1));
	uint32_t low = t->shift;

	if (!whole)
		filter_code_emit(c, BPF_ST | BPF_MEM | BPF_DW, BPF_REG_10, 0, FILTER_SCRATCH, 0);
	read_bytes(c, t->off, t->bytes, FILTER_SCRATCH, no);
	filter_code_emit(c, BPF_LDX | BPF_MEM | (whole ? sizes[t->bytes] : BPF_DW), R_VALUE,
			 BPF_REG_10, FILTER_SCRATCH, 0);
	if (whole && !t->is_signed)
		return;
	if (whole)
		low = 0;
	/* bit fields begin at a byte's lowest bit on little endian machines, else at its highest */
	shift(c, BPF_LSH,
	      !whole && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__ ? low : 64 - t->bits - low);
	shift(c, t->is_signed ? BPF_ARSH : BPF_RSH, 64 - t->bits);
}

/* Text is compared by words; what is behind its end was not read and is left alone. */
static void compare_text(const struct filter_term *t, struct filter_code *c, uint32_t yes,
			 uint32_t no)
{
	uint32_t differs = t->op == BPF_JEQ ? no : yes, equal = t->op == BPF_JEQ ? yes : no,
		 bytes = t->bytes;

	if (t->text_pointer) {
		/* its text may be shorter and end where memory does: one more byte tells a longer one */
		filter_code_mov(c, BPF_REG_3, R_AT);
		filter_code_emit(c, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_2, 0, 0,
				 (int32_t)bytes + 1);
		filter_code_stack(c, BPF_REG_1, FILTER_TEXT);
		filter_code_call(c, BPF_FUNC_probe_read_kernel_str);
		filter_code_jump(c, BPF_JMP | BPF_JSLE | BPF_K, BPF_REG_0, 0, 0, no);
		filter_code_jump(c, BPF_JMP | BPF_JNE | BPF_K, BPF_REG_0, 0, (int32_t)bytes,
				 differs);
	} else {
		read_bytes(c, t->off, bytes, FILTER_TEXT, no);
	}
	for (uint32_t i = 0; i < bytes;) {
		uint32_t n = bytes - i >= 8 ? 8 : bytes - i >= 4 ? 4 : bytes - i >= 2 ? 2 : 1;
		uint8_t size = n == 8 ? BPF_DW : n == 4 ? BPF_W : n == 2 ? BPF_H : BPF_B;
		union {
			uint8_t bytes[8];
			uint64_t v8;
			uint32_t v4;
			uint16_t v2;
			uint8_t v1;
		} word = {0};

		memcpy(word.bytes, t->text + i, n);
		filter_code_imm64(c, BPF_REG_1,
				  n == 8   ? word.v8
				  : n == 4 ? word.v4
				  : n == 2 ? word.v2
					   : word.v1);
		filter_code_emit(c, BPF_LDX | BPF_MEM | size, BPF_REG_2, BPF_REG_10,
				 (int16_t)(FILTER_TEXT + (int32_t)i), 0);
		filter_code_jump(c, BPF_JMP | BPF_JNE | BPF_X, BPF_REG_2, BPF_REG_1, 0, differs);
		i += n;
	}
	filter_code_goto(c, equal);
}

static void translate_term(const struct filter_term *t, struct filter_code *c, uint32_t yes,
			   uint32_t no)
{
	filter_code_emit(c, BPF_LDX | BPF_MEM | BPF_DW, R_AT, BPF_REG_10, FILTER_SKB, 0);
	for (uint32_t i = 0; i < t->n_steps; i++) {
		read_bytes(c, t->steps[i].off, 8, FILTER_SCRATCH, no);
		filter_code_emit(c, BPF_LDX | BPF_MEM | BPF_DW, R_AT, BPF_REG_10, FILTER_SCRATCH,
				 0);
		and_mask(c, R_AT, t->steps[i].mask);
		/* saves the helper's call, which would fail */
		filter_code_jump(c, BPF_JMP | BPF_JEQ | BPF_K, R_AT, 0, 0, no);
	}
	if (t->is_text) {
		compare_text(t, c, yes, no);
		return;
	}
	load_number(t, c, no);
	and_mask(c, R_VALUE, t->mask);
	filter_code_imm64(c, BPF_REG_1, (uint64_t)t->value);
	filter_code_jump(c, BPF_JMP | t->op | BPF_X, R_VALUE, BPF_REG_1, 0, yes);
	filter_code_goto(c, no);
}

/* Joins lean to the left: as deep as there are comparisons at most. */
static void translate_node(const struct filter_meta *m, int32_t i, struct filter_code *c,
			   uint32_t yes, uint32_t no)
{
	const struct filter_node *node = &m->nodes[i];
	uint32_t between;

	if (node->left < 0) {
		translate_term(&m->terms[node->term], c, yes, no);
		return;
	}
	between = filter_code_label(c);
	translate_node(m, node->left, c, node->is_and ? between : yes, node->is_and ? no : between);
	filter_code_place(c, between);
	translate_node(m, node->right, c, yes, no);
}

int filter_meta_translate(const struct filter_meta *m, struct filter_code *c, uint32_t accept,
			  uint32_t reject, struct skbox_error *err)
{
	translate_node(m, m->root, c, accept, reject);
	if (c->failed)
		return error_set(err, -ENOMEM, 0, "out of memory for the filter's instructions");
	return 0;
}
