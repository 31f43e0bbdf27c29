/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packet filters in this kernel: loads them as a probe's program does, around bytes in a map, and
 * compares the verdicts with libpcap's. Also says what a large filter costs to load.
 *
 * usage: filter_run EXPRESSIONS
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bpf/event.h"
#include "capture/filter/filter_load.h"
#include "tests/unit/filter_packets.h"

/* libpcap's instruction has the name of the kernel's */
#define bpf_insn pcap_insn
#include <pcap/pcap.h>
#undef bpf_insn

enum { SNAP = 262144, STRIDE = 17 /* of the packets every which one is tried */ };

static struct packet packets[2][PACKETS];
static int map_fd;

/* The program around a filter: its arguments come from the map and the context. -1: not loaded. */
static int load(const struct filter *f, char *log, size_t log_size)
{
	const struct bpf_insn around[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = BPF_REG_6, .src_reg = BPF_REG_1},
		{.code = BPF_LD | BPF_IMM | BPF_DW,
		 .dst_reg = BPF_REG_2,
		 .src_reg = BPF_PSEUDO_MAP_VALUE,
		 .imm = map_fd},
		{0},
		/* an address like any other */
		{.code = BPF_ALU64 | BPF_NEG, .dst_reg = BPF_REG_2},
		{.code = BPF_ALU64 | BPF_NEG, .dst_reg = BPF_REG_2},
		{.code = BPF_LDX | BPF_MEM | BPF_DW, .dst_reg = BPF_REG_3, .src_reg = BPF_REG_6},
		{.code = BPF_LDX | BPF_MEM | BPF_DW,
		 .dst_reg = BPF_REG_4,
		 .src_reg = BPF_REG_6,
		 .off = 8},
		{.code = BPF_LDX | BPF_MEM | BPF_DW,
		 .dst_reg = BPF_REG_5,
		 .src_reg = BPF_REG_6,
		 .off = 16},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_1},
		{.code = BPF_JMP | BPF_CALL, .src_reg = BPF_PSEUDO_CALL, .imm = 1},
		{.code = BPF_JMP | BPF_EXIT},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .log_buf = log, .log_size = (__u32)log_size,
		    .log_level = log ? 4 /* statistics */ : 0);
	size_t n = sizeof(around) / sizeof(around[0]);
	struct bpf_insn *insns = malloc(sizeof(around));
	int fd = -1;

	memcpy(insns, around, sizeof(around));
	if (!filter_apply(f, &insns, &n))
		fd = bpf_prog_load(BPF_PROG_TYPE_RAW_TRACEPOINT, "filter_run", "Dual BSD/GPL",
				   insns, n, &opts);
	free(insns);
	return fd;
}

static int run(int fd, const struct packet *k, enum packet_layer layer)
{
	uint64_t ctx[3] = {k->caplen, k->len, layer};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = ctx, .ctx_size_in = sizeof(ctx));
	uint32_t zero = 0;

	if (bpf_map_update_elem(map_fd, &zero, k->p, 0) || bpf_prog_test_run_opts(fd, &opts))
		return -errno;
	return (int)opts.retval;
}

static bool matches(const char *text, int link, const struct packet *k)
{
	pcap_t *dead = pcap_open_dead(link ? DLT_EN10MB : DLT_RAW, SNAP);
	struct bpf_program prog;
	bool yes = false;

	if (!pcap_compile(dead, &prog, text, 1, PCAP_NETMASK_UNKNOWN)) {
		yes = bpf_filter((const void *)prog.bf_insns, k->p, k->len, k->caplen);
		pcap_freecode(&prog);
	}
	pcap_close(dead);
	return yes;
}

/* Verdicts of one expression; how many agree, -1 when it is not loaded. */
static int compare(const char *text, unsigned int *wrong, unsigned int *yes)
{
	struct skbox_error err = {0};
	struct filter f;
	int fd, n = 0;

	if (filter_open(&f, text, NULL, NULL, &err)) {
		/* loops, and what libpcap refuses for both */
		return 0;
	}
	fd = load(&f, NULL, 0);
	if (fd < 0)
		printf("not loaded: %s: %s\n", text, strerror(errno));
	for (int link = 0; fd >= 0 && link < 2; link++)
		for (size_t i = 0; i < PACKETS; i += STRIDE, n++) {
			const struct packet *k = &packets[link][i];
			int got = run(fd, k, link ? LAYER_LINK : LAYER_NETWORK);
			bool want = (link ? f.has_link : f.has_network) && matches(text, link, k);

			if (got != want && ++*wrong < 10)
				printf("%s: packet %zu of %s: %d, libpcap says %d\n", text, i,
				       link ? "Ethernet" : "IP", got, want);
			*yes += want;
		}
	filter_close(&f);
	if (fd < 0)
		return -1;
	close(fd);
	return n;
}

static void compare_all(uint32_t expressions)
{
	unsigned int loaded = 0, failed = 0, verdicts = 0, wrong = 0, yes = 0;

	for (uint32_t i = 0; i < expressions; i++) {
		/* some of the primitives, some of the combinations */
		uint32_t which = i * (PRIMITIVES + LINK_PRIMITIVES + EXPRESSIONS) / expressions;
		char text[EXPRESSION_MAX];
		int n;

		make_expression(which, text);
		n = compare(text, &wrong, &yes);
		if (n < 0)
			failed++;
		else if (n)
			loaded++;
		verdicts += n > 0 ? (unsigned int)n : 0;
	}
	printf("%s verdicts of the kernel are libpcap's: %u expressions, %u verdicts, %u matches, "
	       "%u wrong, "
	       "%u not loaded\n",
	       loaded && yes && !wrong && !failed ? "ok" : "not ok", loaded, verdicts, yes, wrong,
	       failed);
}

/* A filter as administrators make them from lists. */
static void load_large(unsigned int hosts, bool fits)
{
	char *text = malloc(hosts * 64 + 1), log[4096] = "", *stats;
	struct skbox_error err = {0};
	struct timespec a, b;
	struct filter f;
	size_t n = 0;
	int fd;

	for (unsigned int i = 0; i < hosts; i++)
		n += (size_t)sprintf(text + n, "%ssrc host 10.%u.%u.1 and udp port %u",
				     i ? " or " : "", i % 200, i / 200, 1000 + i);
	if (filter_open(&f, text, NULL, NULL, &err)) {
		printf("%s a filter of %u hosts: %s\n", fits ? "not ok" : "ok", hosts, err.text);
		free(text);
		return;
	}
	clock_gettime(CLOCK_MONOTONIC, &a);
	fd = load(&f, log, sizeof(log));
	clock_gettime(CLOCK_MONOTONIC, &b);
	stats = strstr(log, "processed ");
	printf("%s a filter of %u hosts: %zu instructions, loaded in %.0f ms, %.*s\n",
	       fits && fd >= 0 ? "ok" : "not ok", hosts, f.code.n,
	       (double)(b.tv_sec - a.tv_sec) * 1e3 + (double)(b.tv_nsec - a.tv_nsec) / 1e6,
	       stats ? (int)strcspn(stats, "(\n") : 0, stats ? stats : "");
	if (fd >= 0)
		close(fd);
	filter_close(&f);
	free(text);
}

int main(int argc, char **argv)
{
	uint32_t expressions = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 40;

	map_fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "filter_run", 4, PACKET_MAX, 1, NULL);
	if (map_fd < 0) {
		printf("skip filter_run: %s\n", strerror(errno));
		return 0;
	}
	for (int link = 0; link < 2; link++)
		for (size_t i = 0; i < PACKETS; i++)
			make_packet(&packets[link][i], link);
	compare_all(expressions);
	load_large(10, true);
	load_large(300, true);
	load_large(400, false);
	return 0;
}
