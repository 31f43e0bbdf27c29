/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A small machine for the instructions that filters are made of. Stricter than the kernel's: a
 * register or stack byte that was not written, memory that is not there and a read beyond what a
 * packet has are failures of the test. Kernel memory is emulated by regions.
 */
#ifndef TESTS_FILTER_MACHINE_H
#define TESTS_FILTER_MACHINE_H

#include <endian.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture/filter/filter_code.h"

struct machine_region {
	uint64_t at;
	const void *p;
	size_t n;
};

struct machine {
	const struct bpf_insn *v;
	size_t n;
	const struct machine_region *regions;
	size_t n_regions;
	bool strict; /* a helper's read outside of the regions is a failure of the test, too */
	uint64_t r[11];
	uint16_t written; /* bit: the register holds something */
	uint8_t stack[512], stack_written[512];
	unsigned long steps, reads;
};

static void machine_fail(const struct machine *m, size_t pc, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "instruction %zu of %zu: ", pc, m->n);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	abort();
}

static uint64_t machine_get(struct machine *m, size_t pc, unsigned int reg)
{
	if (reg > 10 || !(m->written & 1u << reg))
		machine_fail(m, pc, "r%u is read before it is written", reg);
	return m->r[reg];
}

static void machine_set(struct machine *m, size_t pc, unsigned int reg, uint64_t value)
{
	if (reg > 9)
		machine_fail(m, pc, "r%u is written", reg);
	m->r[reg] = value;
	m->written |= (uint16_t)(1u << reg);
}

/* Index into the stack of n bytes at an address that the program made of r10. */
static size_t machine_stack(struct machine *m, size_t pc, uint64_t at, size_t n)
{
	uint64_t low = m->r[10] - sizeof(m->stack);

	if (at < m->r[10] - FILTER_STACK_BYTES || at + n > m->r[10])
		machine_fail(m, pc, "stack access at r10%+ld", (long)(int64_t)(at - m->r[10]));
	return at - low;
}

/* Copies from a region; false: not mapped. */
static bool machine_copy(struct machine *m, void *to, uint64_t at, size_t n)
{
	for (size_t i = 0; i < m->n_regions; i++) {
		const struct machine_region *r = &m->regions[i];

		if (at >= r->at && at - r->at <= r->n && n <= r->n - (at - r->at)) {
			memcpy(to, (const uint8_t *)r->p + (at - r->at), n);
			return true;
		}
	}
	return false;
}

static int64_t machine_read(struct machine *m, size_t pc, bool text)
{
	uint64_t to = machine_get(m, pc, 1), n = machine_get(m, pc, 2), at = machine_get(m, pc, 3);
	size_t i, got = 0;
	bool ok = true;

	m->reads++;
	if (n > 4096)
		machine_fail(m, pc, "a read of %lu bytes", (unsigned long)n);
	if (!n)
		return 0;
	i = machine_stack(m, pc, to, n);
	if (text) {
		while (got < n && (ok = machine_copy(m, &m->stack[i + got], at + got, 1)))
			if (!m->stack[i + got++])
				break;
		if (ok && got)
			m->stack[i + got - 1] = 0;
	} else {
		got = n;
		ok = machine_copy(m, &m->stack[i], at, n);
	}
	memset(&m->stack_written[i], 1, n);
	if (ok)
		return text ? (int64_t)got : 0;
	memset(&m->stack[i], 0, n);
	if (m->strict)
		machine_fail(m, pc, "a read of %lu bytes at %#lx, where nothing is",
			     (unsigned long)n, (unsigned long)at);
	return -14;
}

static void machine_call(struct machine *m, size_t pc, int32_t helper)
{
	int64_t got;

	if (helper != BPF_FUNC_probe_read_kernel && helper != BPF_FUNC_probe_read_kernel_str)
		machine_fail(m, pc, "helper %d", helper);
	got = machine_read(m, pc, helper == BPF_FUNC_probe_read_kernel_str);
	m->written &= (uint16_t)~0x3f; /* r0 to r5 are the helper's */
	machine_set(m, pc, 0, (uint64_t)got);
}

static uint64_t machine_alu(struct machine *m, size_t pc, const struct bpf_insn *f, bool wide)
{
	uint64_t a = BPF_OP(f->code) == BPF_MOV ? 0 : machine_get(m, pc, f->dst_reg), b;
	unsigned int mask = wide ? 63 : 31;

	if (BPF_OP(f->code) == BPF_END) /* of the register's lower part; what was above is gone */
		return f->imm == 16 ? htobe16((uint16_t)a) : htobe32((uint32_t)a);
	b = BPF_SRC(f->code) == BPF_X ? machine_get(m, pc, f->src_reg) : (uint64_t)(int64_t)f->imm;
	if (!wide) {
		a = (uint32_t)a;
		b = (uint32_t)b;
	}
	if (BPF_SRC(f->code) == BPF_K &&
	    (((BPF_OP(f->code) == BPF_LSH || BPF_OP(f->code) == BPF_RSH ||
	       BPF_OP(f->code) == BPF_ARSH) &&
	      b > mask) ||
	     ((BPF_OP(f->code) == BPF_DIV || BPF_OP(f->code) == BPF_MOD) && !b)))
		machine_fail(m, pc, "an operand that the verifier refuses");
	switch (BPF_OP(f->code)) {
	case BPF_ADD: return a + b;
	case BPF_SUB: return a - b;
	case BPF_MUL: return a * b;
	case BPF_DIV: return b ? a / b : 0;
	case BPF_MOD: return b ? a % b : a;
	case BPF_OR: return a | b;
	case BPF_AND: return a & b;
	case BPF_XOR: return a ^ b;
	case BPF_LSH: return a << (b & mask);
	case BPF_RSH: return a >> (b & mask);
	case BPF_ARSH:
		return wide ? (uint64_t)((int64_t)a >> (b & mask))
			    : (uint32_t)((int32_t)a >> (b & mask));
	case BPF_NEG: return -a;
	case BPF_MOV: return b;
	default: machine_fail(m, pc, "operation %#x", f->code); return 0;
	}
}

static bool machine_compare(struct machine *m, size_t pc, const struct bpf_insn *f, bool wide)
{
	uint64_t a = machine_get(m, pc, f->dst_reg), b;
	int64_t sa, sb;

	b = BPF_SRC(f->code) == BPF_X ? machine_get(m, pc, f->src_reg) : (uint64_t)(int64_t)f->imm;
	sa = wide ? (int64_t)a : (int32_t)a;
	sb = wide ? (int64_t)b : (int32_t)b;
	if (!wide) {
		a = (uint32_t)a;
		b = (uint32_t)b;
	}
	switch (BPF_OP(f->code)) {
	case BPF_JEQ: return a == b;
	case BPF_JNE: return a != b;
	case BPF_JGT: return a > b;
	case BPF_JGE: return a >= b;
	case BPF_JLT: return a < b;
	case BPF_JLE: return a <= b;
	case BPF_JSET: return a & b;
	case BPF_JSGT: return sa > sb;
	case BPF_JSGE: return sa >= sb;
	case BPF_JSLT: return sa < sb;
	case BPF_JSLE: return sa <= sb;
	default: machine_fail(m, pc, "jump %#x", f->code); return false;
	}
}

static void machine_memory(struct machine *m, size_t pc, const struct bpf_insn *f)
{
	static const size_t sizes[] = {4, 2, 1, 8};
	size_t n = sizes[BPF_SIZE(f->code) >> 3], i;
	bool load = BPF_CLASS(f->code) == BPF_LDX;
	uint64_t v = 0;

	if (BPF_MODE(f->code) != BPF_MEM)
		machine_fail(m, pc, "access %#x", f->code);
	i = machine_stack(
		m, pc,
		machine_get(m, pc, load ? f->src_reg : f->dst_reg) + (uint64_t)(int64_t)f->off, n);
	if (f->off % (int)n)
		machine_fail(m, pc, "stack access that is not aligned");
	if (load) {
		for (size_t k = 0; k < n; k++)
			if (!m->stack_written[i + k])
				machine_fail(m, pc,
					     "stack byte r10%+d is read before it is written",
					     f->off + (int)k);
		/* little endian, as the machines that tests run on */
		memcpy(&v, &m->stack[i], n);
		machine_set(m, pc, f->dst_reg, v);
		return;
	}
	v = BPF_CLASS(f->code) == BPF_STX ? machine_get(m, pc, f->src_reg)
					  : (uint64_t)(int64_t)f->imm;
	memcpy(&m->stack[i], &v, n);
	memset(&m->stack_written[i], 1, n);
}

/* Runs the subprogram with r1 to r5 as given; r0 at its end. */
static uint64_t machine_run(struct machine *m, const uint64_t *args)
{
	m->r[10] = 0x7f0000001000;
	memcpy(&m->r[1], args, 5 * sizeof(*args));
	m->written = 0x43e; /* r1 to r5, r10 */
	memset(m->stack_written, 0, sizeof(m->stack_written));
	for (size_t pc = 0;; pc++) {
		const struct bpf_insn *f = &m->v[pc];

		if (pc >= m->n)
			machine_fail(m, pc, "beyond the end");
		m->steps++;
		switch (BPF_CLASS(f->code)) {
		case BPF_ALU:
			machine_set(m, pc, f->dst_reg, (uint32_t)machine_alu(m, pc, f, false));
			break;
		case BPF_ALU64: machine_set(m, pc, f->dst_reg, machine_alu(m, pc, f, true)); break;
		case BPF_LD:
			if (f->code != (BPF_LD | BPF_IMM | BPF_DW) || pc + 1 >= m->n)
				machine_fail(m, pc, "load %#x", f->code);
			machine_set(m, pc, f->dst_reg,
				    (uint32_t)f->imm | (uint64_t)(uint32_t)f[1].imm << 32);
			pc++;
			break;
		case BPF_LDX:
		case BPF_ST:
		case BPF_STX: machine_memory(m, pc, f); break;
		case BPF_JMP:
			if (f->code == (BPF_JMP | BPF_EXIT))
				return machine_get(m, pc, 0);
			if (f->code == (BPF_JMP | BPF_CALL))
				machine_call(m, pc, f->imm);
			else if (f->code == (BPF_JMP | BPF_JA) || machine_compare(m, pc, f, true))
				pc += (size_t)(ptrdiff_t)f->off;
			break;
		default: /* BPF_JMP32 */
			if (machine_compare(m, pc, f, false))
				pc += (size_t)(ptrdiff_t)f->off;
		}
	}
}

/* What the kernel checks first: every instruction can be reached, every jump stays inside. */
static void machine_check(const struct bpf_insn *v, size_t n)
{
	struct machine m = {.v = v, .n = n};
	uint8_t *seen = calloc(n + 1, 1);
	size_t *todo = malloc((n + 1) * sizeof(*todo)), waiting = 1;

	todo[0] = 0;
	while (waiting) {
		size_t pc = todo[--waiting];

		while (!seen[pc]) {
			const struct bpf_insn *f = &v[pc];
			uint8_t class = BPF_CLASS(f->code);
			bool jump = (class == BPF_JMP && f->code != (BPF_JMP | BPF_CALL)) ||
				    class == BPF_JMP32;

			if (pc >= n)
				machine_fail(&m, pc, "a path leads beyond the end");
			seen[pc] = 1;
			if (f->code == (BPF_JMP | BPF_EXIT))
				break;
			if (f->code == (BPF_LD | BPF_IMM | BPF_DW)) {
				seen[pc + 1] = 1;
				pc += 2;
				continue;
			}
			if (jump && f->off < 0)
				machine_fail(&m, pc, "a jump back");
			if (jump && f->code != (BPF_JMP | BPF_JA))
				todo[waiting++] = pc + 1;
			pc += jump ? 1 + (size_t)f->off : 1;
			if (pc >= n)
				machine_fail(&m, pc, "a path leads beyond the end");
		}
	}
	for (size_t i = 0; i < n; i++)
		if (!seen[i])
			machine_fail(&m, i, "cannot be reached");
	free(todo);
	free(seen);
}

#endif
