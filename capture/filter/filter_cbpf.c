/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/filter/filter_cbpf.h"

#include <errno.h>

/*
 * Where the classic machine lives: its accumulator and index register are the lower halves of two
 * registers that helpers leave alone; the upper halves are always 0.
 */
enum {
	R_BASE = BPF_REG_6,
	R_A = BPF_REG_7,
	R_X = BPF_REG_8,
	R_CAPLEN = BPF_REG_9,
};

struct translation {
	struct filter_code *c;
	uint32_t accept, reject;
	uint32_t first; /* label of instruction 0; those of the others follow */
	bool has_window;
	uint32_t shift; /* the packet's first byte is at FILTER_WINDOW + shift */
};

static void alu(struct filter_code *c, uint8_t op, uint8_t dst, int32_t imm)
{
	filter_code_emit(c, BPF_ALU | BPF_OP(op) | BPF_K, dst, 0, 0, imm);
}

static void alu_reg(struct filter_code *c, uint8_t op, uint8_t dst, uint8_t src)
{
	filter_code_emit(c, BPF_ALU | BPF_OP(op) | BPF_X, dst, src, 0, 0);
}

static uint32_t load_bytes(uint16_t code)
{
	switch (BPF_SIZE(code)) {
	case BPF_W: return 4;
	case BPF_H: return 2;
	default: return 1;
	}
}

/* Bytes of the packet that an instruction reads at a place that it names; 0: none. */
static uint32_t fixed_bytes(const struct sock_filter *f)
{
	if (BPF_CLASS(f->code) == BPF_LD && BPF_MODE(f->code) == BPF_ABS)
		return load_bytes(f->code);
	return f->code == (BPF_LDX | BPF_B | BPF_MSH);
}

/* The verifier wants loads from the stack aligned. */
static bool is_in_window(const struct sock_filter *f, uint32_t shift)
{
	uint32_t bytes = fixed_bytes(f);

	return bytes && f->k <= FILTER_WINDOW_BYTES - bytes && (f->k + shift) % bytes == 0;
}

/* ---- what is not a program ---- */

static bool is_known_load(uint16_t code)
{
	switch (code) {
	case BPF_LD | BPF_W | BPF_ABS:
	case BPF_LD | BPF_H | BPF_ABS:
	case BPF_LD | BPF_B | BPF_ABS:
	case BPF_LD | BPF_W | BPF_IND:
	case BPF_LD | BPF_H | BPF_IND:
	case BPF_LD | BPF_B | BPF_IND:
	case BPF_LD | BPF_W | BPF_LEN:
	case BPF_LD | BPF_IMM:
	case BPF_LD | BPF_MEM:
	case BPF_LDX | BPF_W | BPF_LEN:
	case BPF_LDX | BPF_IMM:
	case BPF_LDX | BPF_MEM:
	case BPF_LDX | BPF_B | BPF_MSH: return true;
	default: return false;
	}
}

static bool is_known_alu(const struct sock_filter *f)
{
	if (f->code & ~(BPF_CLASS(f->code) | BPF_OP(f->code) | BPF_SRC(f->code)))
		return false;
	switch (BPF_OP(f->code)) {
	case BPF_ADD:
	case BPF_SUB:
	case BPF_MUL:
	case BPF_OR:
	case BPF_AND:
	case BPF_XOR:
	case BPF_LSH:
	case BPF_RSH:
	case BPF_NEG: return true;
	case BPF_DIV:
	case BPF_MOD: return BPF_SRC(f->code) == BPF_X || f->k;
	default: return false;
	}
}

/* Whether instruction i of n is one that libpcap makes and its jumps stay within the program. */
static bool is_valid(const struct sock_filter *f, size_t i, size_t n)
{
	size_t rest = n - i - 1;

	switch (BPF_CLASS(f->code)) {
	case BPF_LD:
	case BPF_LDX:
		return is_known_load(f->code) &&
		       (BPF_MODE(f->code) != BPF_MEM || f->k < BPF_MEMWORDS);
	case BPF_ST:
	case BPF_STX: return f->code == BPF_CLASS(f->code) && f->k < BPF_MEMWORDS;
	case BPF_ALU: return is_known_alu(f);
	case BPF_JMP:
		if (f->code == (BPF_JMP | BPF_JA))
			return f->k < rest;
		if (f->code & ~(BPF_JMP | BPF_OP(f->code) | BPF_X) || BPF_OP(f->code) == BPF_JA ||
		    BPF_OP(f->code) > BPF_JSET)
			return false;
		return f->jt < rest && f->jf < rest;
	case BPF_RET: return f->code == (BPF_RET | BPF_K) || f->code == (BPF_RET | BPF_A);
	default: return f->code == (BPF_MISC | BPF_TAX) || f->code == (BPF_MISC | BPF_TXA);
	}
}

static int validate(const struct sock_filter *prog, size_t n, struct skbox_error *err)
{
	if (!n || n > FILTER_CBPF_MAX)
		return error_set(err, -E2BIG, n,
				 "the filter has %zu instructions, 1 to %d are possible", n,
				 FILTER_CBPF_MAX);
	for (size_t i = 0; i < n; i++)
		if (prog[i].code == (BPF_JMP | BPF_JA) && prog[i].k > INT32_MAX)
			return error_set(
				err, -EOPNOTSUPP, i,
				"the filter needs a loop (protochain), which cannot run in "
				"the kernel");
	for (size_t i = 0; i < n; i++)
		if (!is_valid(&prog[i], i, n))
			return error_set(
				err, -EINVAL, i,
				"instruction %zu (code %#x, k %u) is not of a packet filter", i,
				prog[i].code, prog[i].k);
	if (BPF_CLASS(prog[n - 1].code) != BPF_RET)
		return error_set(err, -EINVAL, n - 1, "the filter does not end with a verdict");
	return 0;
}

/* ---- bytes ---- */

/* dst = what is at r10 + off, from network order. */
static void take(struct filter_code *c, uint8_t dst, int32_t off, uint32_t bytes)
{
	uint8_t size = bytes == 4 ? BPF_W : bytes == 2 ? BPF_H : BPF_B;

	filter_code_emit(c, BPF_LDX | BPF_MEM | size, dst, BPF_REG_10, (int16_t)off, 0);
	if (bytes > 1)
		filter_code_emit(c, BPF_ALU | BPF_END | BPF_TO_BE, dst, 0, 0, (int32_t)bytes * 8);
}

/* Goes to reject unless r3 + bytes are linear; then FILTER_SCRATCH has the bytes at r3. */
static void fetch(struct translation *t, uint32_t bytes)
{
	struct filter_code *c = t->c;

	filter_code_mov(c, BPF_REG_2, BPF_REG_3);
	filter_code_emit(c, BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_2, 0, 0, (int32_t)bytes);
	filter_code_jump(c, BPF_JMP | BPF_JGT | BPF_X, BPF_REG_2, R_CAPLEN, 0, t->reject);
	filter_code_emit(c, BPF_ALU64 | BPF_ADD | BPF_X, BPF_REG_3, R_BASE, 0, 0);
	filter_code_emit(c, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_2, 0, 0, (int32_t)bytes);
	filter_code_stack(c, BPF_REG_1, FILTER_SCRATCH);
	filter_code_call(c, BPF_FUNC_probe_read_kernel);
	filter_code_jump(c, BPF_JMP | BPF_JNE | BPF_K, BPF_REG_0, 0, 0, t->reject);
}

/* dst = bytes at offset k. */
static void load_fixed(struct translation *t, const struct sock_filter *f, uint8_t dst)
{
	uint32_t bytes = fixed_bytes(f);

	if (t->has_window && is_in_window(f, t->shift)) {
		filter_code_jump(t->c, BPF_JMP | BPF_JLT | BPF_K, R_CAPLEN, 0,
				 (int32_t)(f->k + bytes), t->reject);
		take(t->c, dst, FILTER_WINDOW + (int32_t)(f->k + t->shift), bytes);
		return;
	}
	if (f->k > INT32_MAX) {
		/* no packet is as long */
		filter_code_goto(t->c, t->reject);
		return;
	}
	filter_code_imm64(t->c, BPF_REG_3, f->k);
	fetch(t, bytes);
	take(t->c, dst, FILTER_SCRATCH, bytes);
}

/* A = bytes at offset X + k, a sum that libpcap does not wrap at 32 bits. */
static void load_indexed(struct translation *t, const struct sock_filter *f)
{
	uint32_t bytes = load_bytes(f->code);

	filter_code_imm64(t->c, BPF_REG_3, f->k);
	filter_code_emit(t->c, BPF_ALU64 | BPF_ADD | BPF_X, BPF_REG_3, R_X, 0, 0);
	fetch(t, bytes);
	take(t->c, R_A, FILTER_SCRATCH, bytes);
}

/*
 * Where the window's first byte is put: most addresses are at 2 modulo 4 behind an Ethernet header,
 * at 0 without one.
 */
static void plan_window(struct translation *t, const struct sock_filter *prog, size_t n)
{
	size_t loads[2] = {0};

	for (uint32_t half = 0; half < 2; half++)
		for (size_t i = 0; i < n; i++)
			loads[half] += is_in_window(&prog[i], 2 * half);
	t->shift = loads[1] > loads[0] ? 2 : 0;
	t->has_window = loads[0] || loads[1];
}

/* The first bytes at once: most loads are among them, and each call of the helper costs. */
static void open_window(struct translation *t)
{
	struct filter_code *c = t->c;
	uint32_t read = filter_code_label(c);

	/* a read of unknown size goes to written bytes only */
	for (int32_t i = 0; i < FILTER_WINDOW_BYTES + 8; i += 8)
		filter_code_emit(c, BPF_ST | BPF_MEM | BPF_DW, BPF_REG_10, 0,
				 (int16_t)(FILTER_WINDOW + i), 0);
	filter_code_mov(c, BPF_REG_2, R_CAPLEN);
	filter_code_jump(c, BPF_JMP | BPF_JLE | BPF_K, BPF_REG_2, 0, FILTER_WINDOW_BYTES, read);
	filter_code_emit(c, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_2, 0, 0, FILTER_WINDOW_BYTES);
	filter_code_place(c, read);
	filter_code_mov(c, BPF_REG_3, R_BASE);
	filter_code_stack(c, BPF_REG_1, FILTER_WINDOW + (int32_t)t->shift);
	filter_code_call(c, BPF_FUNC_probe_read_kernel);
	filter_code_jump(c, BPF_JMP | BPF_JNE | BPF_K, BPF_REG_0, 0, 0, t->reject);
}

/* ---- instructions ---- */

static int16_t word_at(uint32_t k)
{
	return (int16_t)(FILTER_MEM + (int32_t)k * 4);
}

static void translate_load(struct translation *t, const struct sock_filter *f)
{
	uint8_t dst = BPF_CLASS(f->code) == BPF_LD ? R_A : R_X;
	struct filter_code *c = t->c;

	switch (BPF_MODE(f->code)) {
	case BPF_ABS: load_fixed(t, f, dst); break;
	case BPF_IND: load_indexed(t, f); break;
	case BPF_IMM: alu(c, BPF_MOV, dst, (int32_t)f->k); break;
	case BPF_MEM:
		filter_code_emit(c, BPF_LDX | BPF_MEM | BPF_W, dst, BPF_REG_10, word_at(f->k), 0);
		break;
	case BPF_LEN:
		/* as it was written: old verifiers refuse to read a part of a register that was kept */
		filter_code_emit(c, BPF_LDX | BPF_MEM | BPF_DW, dst, BPF_REG_10, FILTER_LEN, 0);
		alu_reg(c, BPF_MOV, dst, dst);
		break;
	default: /* the length of an IPv4 header */
		load_fixed(t, f, R_X);
		alu(c, BPF_AND, R_X, 15);
		alu(c, BPF_LSH, R_X, 2);
	}
}

/* A shift by 32 and more gives 0 in libpcap; the machine looks at five bits. */
static void translate_shift(struct translation *t, const struct sock_filter *f)
{
	struct filter_code *c = t->c;
	uint32_t small, done;

	if (BPF_SRC(f->code) == BPF_K) {
		if (f->k < 32)
			alu(c, f->code, R_A, (int32_t)f->k);
		else
			alu(c, BPF_MOV, R_A, 0);
		return;
	}
	small = filter_code_label(c);
	done = filter_code_label(c);
	filter_code_jump(c, BPF_JMP | BPF_JLT | BPF_K, R_X, 0, 32, small);
	alu(c, BPF_MOV, R_A, 0);
	filter_code_goto(c, done);
	filter_code_place(c, small);
	alu_reg(c, f->code, R_A, R_X);
	filter_code_place(c, done);
}

static void translate_alu(struct translation *t, const struct sock_filter *f)
{
	uint8_t op = BPF_OP(f->code);
	struct filter_code *c = t->c;

	if (op == BPF_NEG) {
		alu(c, BPF_NEG, R_A, 0);
	} else if (op == BPF_LSH || op == BPF_RSH) {
		translate_shift(t, f);
	} else if (BPF_SRC(f->code) == BPF_K) {
		alu(c, op, R_A, (int32_t)f->k);
	} else {
		if (op == BPF_DIV || op == BPF_MOD)
			filter_code_jump(c, BPF_JMP | BPF_JEQ | BPF_K, R_X, 0, 0, t->reject);
		alu_reg(c, op, R_A, R_X);
	}
}

static void translate_jump(struct translation *t, const struct sock_filter *f, size_t i)
{
	uint32_t next = t->first + (uint32_t)i + 1, yes = next + f->jt, no = next + f->jf;
	struct filter_code *c = t->c;

	if (BPF_OP(f->code) == BPF_JA) {
		filter_code_goto(c, next + f->k);
		return;
	}
	if (BPF_SRC(f->code) == BPF_X)
		filter_code_jump(c, BPF_JMP | BPF_OP(f->code) | BPF_X, R_A, R_X, 0, yes);
	else
		filter_code_jump(c, BPF_JMP32 | BPF_OP(f->code) | BPF_K, R_A, 0, (int32_t)f->k,
				 yes);
	if (no != next)
		filter_code_goto(c, no);
}

static void translate_return(struct translation *t, const struct sock_filter *f)
{
	if (BPF_RVAL(f->code) == BPF_K) {
		filter_code_goto(t->c, f->k ? t->accept : t->reject);
		return;
	}
	filter_code_jump(t->c, BPF_JMP | BPF_JNE | BPF_K, R_A, 0, 0, t->accept);
	filter_code_goto(t->c, t->reject);
}

static void translate_one(struct translation *t, const struct sock_filter *f, size_t i)
{
	bool to_x = BPF_CLASS(f->code) == BPF_STX || f->code == (BPF_MISC | BPF_TAX);

	switch (BPF_CLASS(f->code)) {
	case BPF_LD:
	case BPF_LDX: translate_load(t, f); break;
	case BPF_ST:
	case BPF_STX:
		filter_code_emit(t->c, BPF_STX | BPF_MEM | BPF_W, BPF_REG_10, to_x ? R_X : R_A,
				 word_at(f->k), 0);
		break;
	case BPF_ALU: translate_alu(t, f); break;
	case BPF_JMP: translate_jump(t, f, i); break;
	case BPF_RET: translate_return(t, f); break;
	default: alu_reg(t->c, BPF_MOV, to_x ? R_X : R_A, to_x ? R_A : R_X);
	}
}

/* Words that the program reads before it writes them are 0, and the verifier wants to see it. */
static void clear(struct translation *t, const struct sock_filter *prog, size_t n)
{
	uint32_t words = 0;

	alu(t->c, BPF_MOV, R_A, 0);
	alu(t->c, BPF_MOV, R_X, 0);
	for (size_t i = 0; i < n; i++)
		if (BPF_CLASS(prog[i].code) <= BPF_LDX && BPF_MODE(prog[i].code) == BPF_MEM)
			words |= 1u << prog[i].k;
	for (uint32_t k = 0; k < BPF_MEMWORDS; k++)
		if (words & 1u << k)
			filter_code_emit(t->c, BPF_ST | BPF_MEM | BPF_W, BPF_REG_10, 0, word_at(k),
					 0);
}

int filter_cbpf_translate(const struct sock_filter *prog, size_t n, struct filter_code *c,
			  uint32_t accept, uint32_t reject, struct skbox_error *err)
{
	struct translation t = {.c = c, .accept = accept, .reject = reject};
	int rc = validate(prog, n, err);

	if (rc)
		return rc;
	clear(&t, prog, n);
	plan_window(&t, prog, n);
	if (t.has_window)
		open_window(&t);
	t.first = c->labels;
	c->labels += (uint32_t)n;
	for (size_t i = 0; i < n; i++) {
		filter_code_place(c, t.first + (uint32_t)i);
		translate_one(&t, &prog[i], i);
	}
	if (c->failed)
		return error_set(err, -ENOMEM, 0, "out of memory for the filter's instructions");
	return 0;
}
