/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Instructions of a filter that are put together piece by piece: a growing array, and labels, to
 * which jumps lead forward only. A jump of the kernel's instruction set reaches 32,767
 * instructions; where a label is farther away, a step on the way is put in.
 *
 * The subprogram that a filter is (filter_packet() of bpf/filter.h, whose body is replaced):
 *	in: r1 the skb, r2 address of the layer's first byte, r3 bytes that are linear from there on,
 *	    r4 the packet's length from there on, r5 enum filter_layer
 *	out: r0 1: wanted, 0: not
 */
#ifndef CAPTURE_FILTER_CODE_H
#define CAPTURE_FILTER_CODE_H

#include <linux/bpf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Its stack, below r10. */
enum {
	FILTER_SKB = -8,
	FILTER_LEN = -16,
	FILTER_SCRATCH = -24,        /* what was read last */
	FILTER_MEM = -88,            /* 16 words of the classic machine */
	FILTER_WINDOW = -160,        /* the layer's first bytes, and 8 to align them */
	FILTER_WINDOW_BYTES = 64,    /* covers Ethernet, IPv6 and ports */
	FILTER_TEXT = FILTER_WINDOW, /* a string to compare, in another part's place */
	FILTER_TEXT_BYTES = FILTER_SCRATCH - FILTER_TEXT,
	FILTER_STACK_BYTES = 160,
};

struct filter_jump {
	uint32_t at;    /* index of the instruction */
	uint32_t label; /* where it leads */
};

struct filter_code {
	struct bpf_insn *v; /* owned */
	size_t n, room;
	struct filter_jump *jumps; /* owned: those whose label has no place yet, in order of `at` */
	size_t n_jumps, jumps_room;
	uint32_t labels; /* given out so far */
	size_t reach;    /* a jump that is older gets a step; FILTER_REACH, less in tests */
	bool dead;       /* nothing leads here: what comes is left out, as the kernel demands */
	bool failed;     /* out of memory, or too large: sticky */
};

enum {
	FILTER_REACH = 30000,
	FILTER_INSNS_MAX = 200000 /* the largest classic programs make 70,000 */
};

void filter_code_init(struct filter_code *c);
void filter_code_free(struct filter_code *c);

/* Appends an instruction; the low and the high half of a 64-bit constant go by filter_code_imm64(). */
void filter_code_emit(struct filter_code *c, uint8_t code, uint8_t dst, uint8_t src, int16_t off,
		      int32_t imm);
void filter_code_imm64(struct filter_code *c, uint8_t dst, uint64_t value);

/* A label without a place; a jump to it; its place, which is here. */
uint32_t filter_code_label(struct filter_code *c);
void filter_code_jump(struct filter_code *c, uint8_t code, uint8_t dst, uint8_t src, int32_t imm,
		      uint32_t label);
void filter_code_goto(struct filter_code *c, uint32_t label);
void filter_code_place(struct filter_code *c, uint32_t label);

/* Short forms: dst = src; dst = r10 + off; call of a helper; r0 = value, exit. */
void filter_code_mov(struct filter_code *c, uint8_t dst, uint8_t src);
void filter_code_stack(struct filter_code *c, uint8_t dst, int32_t off);
void filter_code_call(struct filter_code *c, int32_t helper);
void filter_code_return(struct filter_code *c, int32_t value);

#endif
