/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The translation of packet filters against libpcap's own interpreter: expressions over packets,
 * random programs with every instruction, large programs, programs that are none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "capture/filter/filter_cbpf.h"

/* libpcap's instruction has the name of the kernel's */
#define bpf_insn pcap_insn
#include <pcap/pcap.h>
#undef bpf_insn

#include "capture/filter/filter_cbpf.c"
#include "capture/filter/filter_code.c"
#include "tests/unit/filter_machine.h"
#include "tests/unit/filter_packets.h"

_Static_assert(sizeof(struct sock_filter) == sizeof(struct pcap_insn), "the same instruction");

enum { SNAP = 262144, BASE = 0x1000000 };

/* The subprogram around a translated program. */
static int build(const struct sock_filter *prog, size_t n, struct filter_code *c, size_t reach,
		 struct skbox_error *err)
{
	uint32_t accept, reject;
	int rc;

	filter_code_init(c);
	if (reach)
		c->reach = reach;
	accept = filter_code_label(c);
	reject = filter_code_label(c);
	filter_code_emit(c, BPF_STX | BPF_MEM | BPF_DW, BPF_REG_10, BPF_REG_4, FILTER_LEN, 0);
	filter_code_mov(c, R_BASE, BPF_REG_2);
	filter_code_mov(c, R_CAPLEN, BPF_REG_3);
	rc = filter_cbpf_translate(prog, n, c, accept, reject, err);
	filter_code_place(c, accept);
	filter_code_return(c, 1);
	filter_code_place(c, reject);
	filter_code_return(c, 0);
	return rc;
}

static bool run(const struct filter_code *c, const struct packet *k)
{
	struct machine_region region = {.at = BASE, .p = k->p, .n = k->caplen};
	struct machine m = {
		.v = c->v, .n = c->n, .regions = &region, .n_regions = 1, .strict = true};
	uint64_t args[5] = {0, BASE, k->caplen, k->len, 0};

	return machine_run(&m, args) != 0;
}

static bool run_pcap(const void *prog, const struct packet *k)
{
	return bpf_filter(prog, k->p, k->len, k->caplen) != 0;
}

/* Verdicts of one program over all packets; how many were yes. */
static size_t compare(const char *what, const void *prog, size_t n, const struct packet *packets)
{
	struct skbox_error err = {0};
	struct filter_code c;
	size_t yes = 0;

	if (build(prog, n, &c, 0, &err))
		fail_msg("%s: %s", what, err.text);
	machine_check(c.v, c.n);
	for (size_t i = 0; i < PACKETS; i++) {
		bool want = run_pcap(prog, &packets[i]), got = run(&c, &packets[i]);

		if (want != got)
			fail_msg("%s: packet %zu (caplen %u, len %u): %d, libpcap says %d", what, i,
				 packets[i].caplen, packets[i].len, got, want);
		yes += got;
	}
	filter_code_free(&c);
	return yes;
}

static void test_expressions(void **state)
{
	static struct packet packets[PACKETS];
	size_t compared[2] = {0}, yes[2] = {0}, both = 0;

	for (int link = 0; link < 2; link++) {
		pcap_t *dead = pcap_open_dead(link ? DLT_EN10MB : DLT_RAW, SNAP);

		packets_state = 88172645463325252u;
		for (size_t i = 0; i < PACKETS; i++)
			make_packet(&packets[i], link);
		for (uint32_t i = 0; i < EXPRESSIONS * 2; i++) {
			char text[EXPRESSION_MAX];
			struct bpf_program prog;
			size_t n;

			make_expression(i, text);
			if (strstr(text, "protochain"))
				continue;
			/* not optimised every second time: other instructions */
			if (pcap_compile(dead, &prog, text, i & 1 || i < PRIMITIVES,
					 PCAP_NETMASK_UNKNOWN))
				continue;
			n = compare(text, prog.bf_insns, prog.bf_len, packets);
			pcap_freecode(&prog);
			compared[link]++;
			yes[link] += n;
			both += n && n < PACKETS;
		}
		pcap_close(dead);
	}
	print_message(
		"%zu expressions with a link layer, %zu without, over %d packets: %zu and %zu "
		"matches; %zu expressions both match and do not\n",
		compared[1], compared[0], PACKETS, yes[1], yes[0], both);
	assert_true(compared[1] >= 300 && compared[0] >= 300 && both >= 400);
}

/* ---- instructions that expressions do not lead to ---- */

static uint32_t some_constant(void)
{
	static const uint32_t constants[] = {
		0,  1,  2,  5,  14, 31,         32,         33,         60,
		61, 62, 63, 64, 65, 0x7fffffff, 0x80000000, 0xffffffff, 0xfffffff0};

	return packets_random(2) ? constants[packets_random(18)] : packets_random(100);
}

static struct sock_filter random_insn(size_t rest)
{
	static const uint16_t codes[] = {
		BPF_LD | BPF_W | BPF_ABS,
		BPF_LD | BPF_H | BPF_ABS,
		BPF_LD | BPF_B | BPF_ABS,
		BPF_LD | BPF_W | BPF_IND,
		BPF_LD | BPF_H | BPF_IND,
		BPF_LD | BPF_B | BPF_IND,
		BPF_LD | BPF_W | BPF_LEN,
		BPF_LD | BPF_IMM,
		BPF_LD | BPF_MEM,
		BPF_LDX | BPF_W | BPF_LEN,
		BPF_LDX | BPF_IMM,
		BPF_LDX | BPF_MEM,
		BPF_LDX | BPF_B | BPF_MSH,
		BPF_ST,
		BPF_STX,
		BPF_MISC | BPF_TAX,
		BPF_MISC | BPF_TXA,
		BPF_RET | BPF_K,
		BPF_RET | BPF_A,
		BPF_JMP | BPF_JA,
		BPF_JMP | BPF_JEQ | BPF_K,
		BPF_JMP | BPF_JGT | BPF_K,
		BPF_JMP | BPF_JGE | BPF_K,
		BPF_JMP | BPF_JSET | BPF_K,
		BPF_JMP | BPF_JEQ | BPF_X,
		BPF_JMP | BPF_JGT | BPF_X,
		BPF_JMP | BPF_JGE | BPF_X,
		BPF_JMP | BPF_JSET | BPF_X,
		BPF_ALU | BPF_NEG,
	};
	static const uint8_t ops[] = {BPF_ADD, BPF_SUB, BPF_MUL, BPF_DIV, BPF_OR,
				      BPF_AND, BPF_LSH, BPF_RSH, BPF_MOD, BPF_XOR};
	struct sock_filter f = {.k = some_constant()};
	uint32_t i = packets_random(29 + 20);

	f.code = i < 29 ? codes[i] : BPF_ALU | ops[(i - 29) / 2] | (i & 1 ? BPF_X : BPF_K);
	if (f.code == (BPF_RET | BPF_K) && packets_random(4))
		f.code = BPF_MISC | BPF_TXA;
	if (BPF_CLASS(f.code) == BPF_JMP && rest) {
		f.jt = (uint8_t)packets_random(rest < 6 ? (uint32_t)rest : 6);
		f.jf = (uint8_t)packets_random(rest < 6 ? (uint32_t)rest : 6);
		if (f.code == (BPF_JMP | BPF_JA))
			f.k = f.jt;
	} else if (BPF_CLASS(f.code) == BPF_JMP) {
		f.code = BPF_MISC | BPF_TAX;
	}
	if (f.code == BPF_ST || f.code == BPF_STX || f.code == (BPF_LD | BPF_MEM) ||
	    f.code == (BPF_LDX | BPF_MEM))
		f.k %= BPF_MEMWORDS;
	if (BPF_CLASS(f.code) == BPF_ALU &&
	    (BPF_OP(f.code) == BPF_LSH || BPF_OP(f.code) == BPF_RSH) && BPF_SRC(f.code) == BPF_K)
		f.k %= 32; /* beyond, libpcap does what the C compiler made of it */
	if ((f.code == (BPF_ALU | BPF_DIV | BPF_K) || f.code == (BPF_ALU | BPF_MOD | BPF_K)) &&
	    !f.k)
		f.k = 3;
	return f;
}

/* libpcap's interpreter does not set the words before: they are written first. */
static size_t random_program(struct sock_filter *prog, size_t n)
{
	size_t at = 0;

	for (uint32_t k = 0; k < BPF_MEMWORDS; k++)
		prog[at++] = (struct sock_filter){.code = BPF_ST, .k = k};
	while (at < n - 1) {
		prog[at] = random_insn(n - at - 2);
		at++;
	}
	prog[at++] =
		(struct sock_filter){.code = packets_random(2) ? BPF_RET | BPF_A : BPF_RET | BPF_K,
				     .k = packets_random(2)};
	return at;
}

static void test_random_programs(void **state)
{
	static struct packet packets[PACKETS];
	struct sock_filter prog[80];
	size_t yes = 0;

	for (size_t i = 0; i < PACKETS; i++)
		make_packet(&packets[i], i & 1);
	for (size_t i = 0; i < 1500; i++) {
		char what[32];

		snprintf(what, sizeof(what), "random program %zu", i);
		yes += compare(what, prog, random_program(prog, 20 + packets_random(60)), packets);
	}
	print_message("1500 random programs, %zu matches\n", yes);
	assert_true(yes > 100000);
}

/* 4,096 instructions; with a short reach, steps for jumps everywhere. */
static void test_large(void **state)
{
	static struct sock_filter prog[FILTER_CBPF_MAX + 1];
	static struct packet packets[PACKETS];
	struct skbox_error err = {0};
	struct filter_code c;

	for (size_t i = 0; i < PACKETS; i++)
		make_packet(&packets[i], 1);
	for (size_t n = 0; n < FILTER_CBPF_MAX - 2; n++) {
		uint32_t k = (uint32_t)n;

		prog[n] = (struct sock_filter){.code = BPF_LD | BPF_H | BPF_IND, .k = k % 50};
		if (n % 16 == 14)
			prog[n] = (struct sock_filter){
				.code = BPF_JMP | BPF_JEQ, .jf = 1, .k = k * 4};
		if (n % 16 == 15) /* as far as possible: to the last instruction */
			prog[n] = (struct sock_filter){.code = BPF_JMP | BPF_JA,
						       .k = FILTER_CBPF_MAX - 2 - k};
	}
	prog[FILTER_CBPF_MAX - 2] = (struct sock_filter){.code = BPF_RET | BPF_K};
	prog[FILTER_CBPF_MAX - 1] = (struct sock_filter){.code = BPF_RET | BPF_K, .k = 1};
	compare("a filter of 4096 instructions", prog, FILTER_CBPF_MAX, packets);
	assert_int_equal(build(prog, FILTER_CBPF_MAX, &c, 0, &err), 0);
	print_message("4096 instructions became %zu\n", c.n);
	assert_true(c.n > 32767);
	filter_code_free(&c);
	assert_int_equal(build(prog, FILTER_CBPF_MAX + 1, &c, 0, &err), -E2BIG);
	filter_code_free(&c);
	for (size_t reach = 20; reach < 300; reach += 7) {
		assert_int_equal(build(prog, FILTER_CBPF_MAX, &c, reach, &err), 0);
		machine_check(c.v, c.n);
		for (size_t i = 0; i < PACKETS; i += 50)
			assert_int_equal(run(&c, &packets[i]), run_pcap(prog, &packets[i]));
		filter_code_free(&c);
	}
}

/* By a constant as by a register: nothing is left. */
static void test_wide_shifts(void **state)
{
	static const uint32_t by[] = {31, 32, 33, 64, 0xffffffff};
	const struct packet k = {.len = 60, .caplen = 60};
	struct skbox_error err = {0};

	for (size_t i = 0; i < 5; i++) {
		const struct sock_filter prog[] = {
			{.code = BPF_LD | BPF_IMM, .k = 1},
			{.code = BPF_ALU | BPF_LSH | BPF_K, .k = by[i]},
			{.code = BPF_RET | BPF_A},
		};
		struct filter_code c;

		assert_int_equal(build(prog, 3, &c, 0, &err), 0);
		assert_int_equal(run(&c, &k), by[i] < 32);
		filter_code_free(&c);
	}
}

static void test_invalid(void **state)
{
	static const struct sock_filter bad[] = {
		{.code = BPF_JMP | BPF_JA, .k = 1},
		{.code = BPF_JMP | BPF_JA, .k = 0x7fffffff},
		{.code = BPF_JMP | BPF_JEQ, .jt = 1},
		{.code = BPF_JMP | BPF_JEQ, .jf = 255},
		{.code = BPF_JMP | 0x50},
		{.code = BPF_LD | BPF_MEM, .k = 16},
		{.code = BPF_STX, .k = 16},
		{.code = BPF_ALU | BPF_DIV, .k = 0},
		{.code = BPF_ALU | BPF_MOD, .k = 0},
		{.code = BPF_ALU | 0xb0},
		{.code = BPF_LD | 0xe0},
		{.code = BPF_LDX | BPF_W | BPF_ABS},
		{.code = BPF_LD | BPF_DW | BPF_ABS},
		{.code = BPF_MISC | 0x40},
		{.code = 0xffff},
	};
	struct skbox_error err = {0};
	struct sock_filter prog[2];
	struct filter_code c;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		prog[0] = bad[i];
		prog[1] = (struct sock_filter){.code = BPF_RET | BPF_K};
		if (build(prog, 2, &c, 0, &err) != -EINVAL)
			fail_msg("code %#x is taken", bad[i].code);
		assert_int_equal(err.offset, 0);
		filter_code_free(&c);
	}
	prog[0] = (struct sock_filter){.code = BPF_LD | BPF_IMM};
	assert_int_equal(build(prog, 1, &c, 0, &err), -EINVAL); /* no verdict */
	filter_code_free(&c);
	assert_int_equal(build(prog, 0, &c, 0, &err), -E2BIG);
	filter_code_free(&c);
	prog[0] = (struct sock_filter){.code = BPF_JMP | BPF_JA, .k = 0xffffffff}; /* back */
	prog[1] = (struct sock_filter){.code = BPF_RET | BPF_K};
	assert_int_equal(build(prog, 2, &c, 0, &err), -EOPNOTSUPP);
	assert_non_null(strstr(err.text, "protochain"));
	filter_code_free(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_expressions), cmocka_unit_test(test_random_programs),
		cmocka_unit_test(test_large),       cmocka_unit_test(test_wide_shifts),
		cmocka_unit_test(test_invalid),
	};

	return cmocka_run_group_tests_name("filter_cbpf", tests, NULL, NULL);
}
