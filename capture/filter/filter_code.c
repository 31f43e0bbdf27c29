/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/filter/filter_code.h"

#include <stdlib.h>
#include <string.h>

void filter_code_init(struct filter_code *c)
{
	*c = (struct filter_code){.reach = FILTER_REACH};
}

void filter_code_free(struct filter_code *c)
{
	free(c->v);
	free(c->jumps);
	filter_code_init(c);
}

/* Makes room for one more; false: failed. */
static bool grow(void **v, size_t n, size_t *room, size_t size)
{
	size_t more = *room ? *room * 2 : 64;
	void *p;

	if (n < *room)
		return true;
	p = realloc(*v, more * size);
	if (!p)
		return false;
	*v = p;
	*room = more;
	return true;
}

static void append(struct filter_code *c, struct bpf_insn insn)
{
	if (c->failed)
		return;
	if (c->n >= FILTER_INSNS_MAX || !grow((void **)&c->v, c->n, &c->room, sizeof(*c->v))) {
		c->failed = true;
		return;
	}
	c->v[c->n++] = insn;
}

static void remember(struct filter_code *c, uint32_t label)
{
	if (c->failed)
		return;
	if (!grow((void **)&c->jumps, c->n_jumps, &c->jumps_room, sizeof(*c->jumps))) {
		c->failed = true;
		return;
	}
	c->jumps[c->n_jumps++] = (struct filter_jump){(uint32_t)c->n - 1, label};
}

static void lead(struct filter_code *c, const struct filter_jump *jump, size_t to)
{
	c->v[jump->at].off = (int16_t)(to - jump->at - 1);
}

/* Leads the jumps to a label that are waiting, all or the old ones, here; how many they were. */
static size_t land(struct filter_code *c, uint32_t label, size_t before)
{
	size_t kept = 0, n = c->n_jumps;

	for (size_t i = 0; i < n; i++) {
		if (c->jumps[i].label == label && c->jumps[i].at < before)
			lead(c, &c->jumps[i], c->n);
		else
			c->jumps[kept++] = c->jumps[i];
	}
	c->n_jumps = kept;
	return n - kept;
}

static const struct bpf_insn jump_always = {.code = BPF_JMP | BPF_JA};

/* The steps for all jumps that wait for long; what runs through here goes around them. */
static void add_steps(struct filter_code *c)
{
	size_t around = c->n, before;

	if (!c->dead)
		append(c, jump_always);
	/* half of the reach: the steps themselves, and what comes until the next ones, fit behind */
	before = c->n - c->reach / 2;
	while (!c->failed && c->n_jumps && c->jumps[0].at < before) {
		uint32_t label = c->jumps[0].label;

		land(c, label, before);
		append(c, jump_always);
		remember(c, label);
	}
	if (!c->failed && !c->dead)
		c->v[around].off = (int16_t)(c->n - around - 1);
}

static void check_reach(struct filter_code *c)
{
	if (!c->failed && c->n_jumps && c->n - c->jumps[0].at > c->reach)
		add_steps(c);
}

void filter_code_emit(struct filter_code *c, uint8_t code, uint8_t dst, uint8_t src, int16_t off,
		      int32_t imm)
{
	if (c->dead)
		return;
	check_reach(c);
	append(c, (struct bpf_insn){.code = code,
				    .dst_reg = dst & 15,
				    .src_reg = src & 15,
				    .off = off,
				    .imm = imm});
	c->dead = code == (BPF_JMP | BPF_EXIT) || code == (BPF_JMP | BPF_JA);
}

void filter_code_imm64(struct filter_code *c, uint8_t dst, uint64_t value)
{
	if (value <= INT32_MAX) {
		filter_code_emit(c, BPF_ALU64 | BPF_MOV | BPF_K, dst, 0, 0, (int32_t)value);
		return;
	}
	filter_code_emit(c, BPF_LD | BPF_IMM | BPF_DW, dst, 0, 0, (int32_t)(uint32_t)value);
	if (!c->dead)
		append(c, (struct bpf_insn){.imm = (int32_t)(value >> 32)});
}

uint32_t filter_code_label(struct filter_code *c)
{
	return c->labels++;
}

void filter_code_jump(struct filter_code *c, uint8_t code, uint8_t dst, uint8_t src, int32_t imm,
		      uint32_t label)
{
	if (c->dead)
		return;
	filter_code_emit(c, code, dst, src, 0, imm);
	remember(c, label);
}

void filter_code_goto(struct filter_code *c, uint32_t label)
{
	filter_code_jump(c, BPF_JMP | BPF_JA, 0, 0, 0, label);
}

void filter_code_place(struct filter_code *c, uint32_t label)
{
	check_reach(c);
	if (!c->failed && land(c, label, c->n))
		c->dead = false;
}

void filter_code_mov(struct filter_code *c, uint8_t dst, uint8_t src)
{
	filter_code_emit(c, BPF_ALU64 | BPF_MOV | BPF_X, dst, src, 0, 0);
}

void filter_code_stack(struct filter_code *c, uint8_t dst, int32_t off)
{
	filter_code_mov(c, dst, BPF_REG_10);
	filter_code_emit(c, BPF_ALU64 | BPF_ADD | BPF_K, dst, 0, 0, off);
}

void filter_code_call(struct filter_code *c, int32_t helper)
{
	filter_code_emit(c, BPF_JMP | BPF_CALL, 0, 0, 0, helper);
}

void filter_code_return(struct filter_code *c, int32_t value)
{
	filter_code_emit(c, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, value);
	filter_code_emit(c, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}
