/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Metadata filters on types and memory that are made here: what an expression says of them, and at
 * which column what is no expression is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <bpf/btf.h>
#include <errno.h>
#include <cmocka.h>

#include "capture/filter/filter_btf.c"
#include "capture/filter/filter_code.c"
#include "capture/filter/filter_meta.c"
#include "capture/filter/filter_meta_code.c"
#include "tests/unit/filter_machine.h"

/* The memory that the types below describe. */
struct test_net {
	uint32_t inum;
	int64_t users;
};
struct test_dev {
	char name[16];
	int32_t ifindex;
	uint32_t pad;
	uint64_t net;   /* struct net * */
	uint64_t alias; /* char * */
	uint64_t ops;   /* struct dev_ops *, a type that nobody describes */
	char id[4];     /* without an end */
};
struct test_ct {
	uint32_t mark, timeout;
};
struct test_skb {
	uint64_t dev; /* in an anonymous union, as in the kernel */
	uint64_t nfct;
	uint32_t mark;
	int32_t signed_mark;
	uint8_t bits0; /* pkt_type:3, cloned:1, state:4 (signed) */
	uint8_t bits1; /* wide:12, from here on */
	uint8_t bits2;
	uint8_t flag;
	uint16_t queue;
	uint8_t cb[48];
	uint16_t ports[2][3];
	uint64_t data; /* unsigned char * */
	uint64_t sk;   /* void * */
	uint32_t verdict;
	uint64_t self; /* struct sk_buff * */
};

enum {
	SKB = 0x10000,
	DEV = 0x20000,
	NET = 0x30000,
	CT = 0x40000,
	BYTES = 0x50000,
	ALIAS = 0x60000,
};

struct world {
	struct btf *btf;
	struct filter_types types;
	struct test_skb skb;
	struct test_dev dev;
	struct test_net net;
	struct test_ct ct;
	uint8_t bytes[64];
	char alias[6]; /* nothing is mapped behind it */
};

#define MEMBER(btf, of, name, type)                                                                \
	assert_int_equal(btf__add_field(btf, #name, type, offsetof(struct of, name) * 8, 0), 0)
#define MEMBER_AS(btf, of, as, member, type)                                                       \
	assert_int_equal(btf__add_field(btf, as, type, offsetof(struct of, member) * 8, 0), 0)
#define BITS(btf, of, name, member, type, at, n)                                                   \
	assert_int_equal(                                                                          \
		btf__add_field(btf, name, type, offsetof(struct of, member) * 8 + (at), n), 0)

static struct btf *make_types(void)
{
	struct btf *b = btf__new_empty();
	int u8 = btf__add_int(b, "unsigned char", 1, 0),
	    u16 = btf__add_int(b, "unsigned short", 2, 0);
	int u32 = btf__add_int(b, "unsigned int", 4, 0),
	    u64 = btf__add_int(b, "unsigned long", 8, 0);
	int s32 = btf__add_int(b, "int", 4, BTF_INT_SIGNED),
	    s64 = btf__add_int(b, "long", 8, BTF_INT_SIGNED);
	int chr = btf__add_int(b, "char", 1, BTF_INT_SIGNED),
	    flag = btf__add_int(b, "_Bool", 1, BTF_INT_BOOL);
	int s8 = btf__add_int(b, "signed char", 1, BTF_INT_SIGNED);
	int word = btf__add_typedef(b, "u32", btf__add_const(b, btf__add_typedef(b, "__u32", u32)));
	int name = btf__add_array(b, u32, chr, 16), id = btf__add_array(b, u32, chr, 4);
	int cb = btf__add_array(b, u32, u8, 48);
	int row = btf__add_array(b, u32, u16, 3), rows = btf__add_array(b, u32, row, 2);
	int text = btf__add_ptr(b, btf__add_const(b, chr)), data = btf__add_ptr(b, u8),
	    any = btf__add_ptr(b, 0);
	int verdict, net, dev, skb, inner;

	btf__add_enum(b, "verdict", 4);
	btf__add_enum_value(b, "DROP", 0);
	btf__add_enum_value(b, "ACCEPT", 1);
	btf__add_enum_value(b, "QUEUE", 3);
	verdict = (int)btf__type_cnt(b) - 1;
	btf__add_enum(b, NULL, 4);
	btf__add_enum_value(b, "TCP_LISTEN", 10);
	net = btf__add_struct(b, "net", sizeof(struct test_net));
	MEMBER(b, test_net, inum, word);
	MEMBER(b, test_net, users, s64);
	dev = btf__add_struct(b, "net_device", sizeof(struct test_dev));
	MEMBER(b, test_dev, name, name);
	MEMBER(b, test_dev, ifindex, s32);
	MEMBER(b, test_dev, net, dev + 1);
	MEMBER(b, test_dev, alias, text);
	MEMBER(b, test_dev, ops, dev + 2);
	MEMBER(b, test_dev, id, id);
	assert_int_equal(btf__add_ptr(b, net), dev + 1);
	assert_int_equal(btf__add_ptr(b, dev + 3), dev + 2);
	assert_int_equal(btf__add_fwd(b, "dev_ops", BTF_FWD_STRUCT), dev + 3);
	btf__add_struct(b, "nf_conn", sizeof(struct test_ct));
	MEMBER(b, test_ct, mark, word);
	MEMBER(b, test_ct, timeout, u32);
	inner = btf__add_union(b, NULL, 8);
	assert_int_equal(btf__add_field(b, "dev", btf__type_cnt(b), 0, 0), 0);
	assert_int_equal(btf__add_field(b, "dev_scratch", u64, 0, 0), 0);
	btf__add_ptr(b, dev);
	skb = btf__add_struct(b, "sk_buff", sizeof(struct test_skb));
	assert_int_equal(btf__add_field(b, NULL, inner, 0, 0), 0);
	MEMBER_AS(b, test_skb, "_nfct", nfct, u64);
	MEMBER(b, test_skb, mark, word);
	MEMBER(b, test_skb, signed_mark, s32);
	BITS(b, test_skb, "pkt_type", bits0, u8, 0, 3);
	BITS(b, test_skb, "cloned", bits0, u8, 3, 1);
	BITS(b, test_skb, "state", bits0, s8, 4, 4);
	BITS(b, test_skb, "wide", bits1, u16, 2, 12);
	MEMBER(b, test_skb, flag, flag);
	MEMBER(b, test_skb, queue, u16);
	MEMBER(b, test_skb, cb, cb);
	MEMBER(b, test_skb, ports, rows);
	MEMBER(b, test_skb, data, data);
	MEMBER(b, test_skb, sk, any);
	MEMBER(b, test_skb, verdict, verdict);
	MEMBER(b, test_skb, self, skb + 1);
	assert_int_equal(btf__add_ptr(b, skb), skb + 1);
	return b;
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->btf = make_types();
	filter_types_init(&w->types, w->btf);
	w->types.loaded = true; /* the modules of this machine are none of ours */
	w->skb = (struct test_skb){.dev = DEV,
				   .nfct = CT | 2,
				   .mark = 0x80001234,
				   .signed_mark = -5,
				   .bits0 = 2 | 1 << 3 | 0xd0 /* state -3 */,
				   .bits1 = (uint8_t)(0xabc << 2),
				   .bits2 = 0xabc >> 6,
				   .flag = 1,
				   .queue = 7,
				   .cb = {[4] = 0x78, 0x56, 0x34, 0x12},
				   .ports = {{1, 2, 3}, {4, 5, 6}},
				   .data = BYTES,
				   .verdict = 3,
				   .self = SKB};
	w->dev = (struct test_dev){.name = "eth0",
				   .ifindex = -1,
				   .net = NET,
				   .alias = ALIAS,
				   .ops = 0x99990000,
				   .id = "abcd"};
	w->net = (struct test_net){.inum = 4026531840, .users = -7};
	w->ct = (struct test_ct){.mark = 0x42};
	w->bytes[12] = 0x08;
	memcpy(w->alias, "uplink", 6);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	filter_types_fini(&w->types);
	btf__free(w->btf);
	free(w);
	return 0;
}

/* 1: matches, 0: does not, else the error. */
static int eval(struct world *w, const char *text, struct skbox_error *err)
{
	static struct filter_meta meta;
	const struct machine_region regions[] = {
		{SKB, &w->skb, sizeof(w->skb)},      {DEV, &w->dev, sizeof(w->dev)},
		{NET, &w->net, sizeof(w->net)},      {CT, &w->ct, sizeof(w->ct)},
		{BYTES, w->bytes, sizeof(w->bytes)}, {ALIAS, w->alias, sizeof(w->alias)},
	};
	const uint64_t args[5] = {SKB};
	uint32_t accept, reject;
	struct filter_code c;
	struct machine m;
	int rc = filter_meta_parse(&meta, text, &w->types, err);

	if (rc)
		return rc;
	filter_code_init(&c);
	accept = filter_code_label(&c);
	reject = filter_code_label(&c);
	filter_code_emit(&c, BPF_STX | BPF_MEM | BPF_DW, BPF_REG_10, BPF_REG_1, FILTER_SKB, 0);
	assert_int_equal(filter_meta_translate(&meta, &c, accept, reject, err), 0);
	filter_code_place(&c, accept);
	filter_code_return(&c, 1);
	filter_code_place(&c, reject);
	filter_code_return(&c, 0);
	machine_check(c.v, c.n);
	m = (struct machine){.v = c.v, .n = c.n, .regions = regions, .n_regions = 6};
	rc = (int)machine_run(&m, args);
	filter_code_free(&c);
	return rc;
}

static void test_expressions(void **state)
{
	static const struct {
		const char *text;
		int want;
	} rows[] = {
		{"sk_buff.mark", 1},
		{"sk_buff.mark == 0x80001234", 1},
		{"sk_buff.mark == 2147488308", 1},
		{"sk_buff.mark != 0x80001234", 0},
		{"sk_buff.mark > 0x7fffffff", 1}, /* without a sign */
		{"sk_buff.mark < 5", 0},
		{"sk_buff.mark <= 0x80001234", 1},
		{"sk_buff.mark >= 0x80001235", 0},
		{"sk_buff.mark & 0xff == 0x34", 1},
		{"sk_buff.mark & 0xff != 0", 1},
		{"sk_buff.mark & ~0xff == 0x80001200", 1},
		{"sk_buff.mark:0xff == 52", 1},
		{"sk_buff.mark:0b100", 1},
		{"sk_buff.mark:0b1000", 0},
		{"(sk_buff.mark & 0xff) == 0x34", 1},
		{"((sk_buff.mark & 0xff) == 0x35)", 0},
		{"(sk_buff.mark)", 1},
		{"sk_buff.signed_mark == -5", 1},
		{"sk_buff.signed_mark < 0", 1},
		{"sk_buff.signed_mark > -6", 1},
		{"sk_buff.signed_mark >= -4", 0},
		{"sk_buff.signed_mark <= -5", 1},
		{"sk_buff.signed_mark & 0xffffffff == 0xfffffffb", 1},
		{"sk_buff.pkt_type == 2", 1},
		{"sk_buff.pkt_type == 3", 0},
		{"sk_buff.cloned", 1},
		{"sk_buff.cloned == 0", 0},
		{"sk_buff.state == -3", 1},
		{"sk_buff.state < -3", 0},
		{"sk_buff.wide == 0xabc", 1},
		{"sk_buff.wide & 0xf0 == 0xb0", 1},
		{"sk_buff.flag == true", 1},
		{"sk_buff.flag == false", 0},
		{"sk_buff.queue == 7", 1},
		{"sk_buff.cb[4] == 0x78", 1},
		{"sk_buff.cb[47]", 0},
		{"sk_buff.cb:u32 == 0", 1},
		{"sk_buff.cb:nf_conn.timeout == 0x12345678", 1},
		{"sk_buff.ports[1][2] == 6", 1},
		{"sk_buff.ports[0][2] == 3 && sk_buff.ports[1][0] == 4", 1},
		{"sk_buff.data[12] == 8", 1},
		{"sk_buff.data[13] == 8", 0},
		{"sk_buff.data[64]", 0}, /* cannot be read */
		{"sk_buff.data[64] == 0", 0},
		{"sk_buff.data[64] != 1", 0},
		{"sk_buff.data:nf_conn.mark == 0", 1},
		{"sk_buff.data", 1},
		{"sk_buff.data == 0x50000", 1},
		{"sk_buff.sk", 0},
		{"sk_buff.sk == 0", 1},
		{"sk_buff.sk:net.inum == 0", 0},
		{"sk_buff.sk:net.inum != 5", 0}, /* there is none */
		{"sk_buff.verdict == QUEUE", 1},
		{"sk_buff.verdict == ACCEPT", 0},
		{"sk_buff.queue < TCP_LISTEN", 1},
		{"sk_buff.dev.name == \"eth0\"", 1},
		{"sk_buff.dev.name == 'eth0'", 1},
		{"sk_buff.dev.name == \"eth\"", 0},
		{"sk_buff.dev.name == \"eth00\"", 0},
		{"sk_buff.dev.name == \"\"", 0},
		{"sk_buff.dev.name != \"eth1\"", 1},
		{"sk_buff.dev.name != \"eth0\"", 0},
		{"sk_buff.dev.id == \"abcd\"", 1},
		{"sk_buff.dev.id == \"abc\"", 0},
		{"sk_buff.dev.alias == \"uplink\"", 0}, /* its end cannot be read */
		{"sk_buff.dev.alias != \"uplink\"", 0},
		{"sk_buff.dev.alias == \"up\"", 0},
		{"sk_buff.dev.alias != \"up\"", 1},
		{"sk_buff.dev.ifindex == -1", 1},
		{"sk_buff.dev.net.inum == 4026531840", 1},
		{"sk_buff.dev.net.users == -7", 1},
		{"sk_buff.dev.net.users < -7", 0},
		{"sk_buff.dev_scratch == 0x20000", 1},
		{"sk_buff._nfct:0x7 == 0x2", 1},
		{"sk_buff._nfct & 7 == 2", 1},
		{"sk_buff._nfct:~0x7:nf_conn.mark", 1},
		{"sk_buff._nfct:~0x7:nf_conn.mark == 0x42", 1},
		{"sk_buff._nfct:~7:nf_conn.mark:0xf == 2", 1},
		{"sk_buff._nfct:nf_conn.mark == 0x42", 0}, /* not where the pointer leads */
		{"sk_buff.self.self.dev.net.inum == 4026531840", 1},
		{"sk_buff.dev.ops", 1},
		{"sk_buff.mark == 1 || sk_buff.queue == 7", 1},
		{"sk_buff.mark == 1 or sk_buff.queue == 8", 0},
		{"sk_buff.queue == 7 and sk_buff.cloned and sk_buff.mark == 1", 0},
		/* from left to right */
		{"sk_buff.queue == 7 || sk_buff.cloned && sk_buff.mark == 1", 0},
		{"sk_buff.queue == 7 || (sk_buff.cloned && sk_buff.mark == 1)", 1},
		{"(sk_buff.queue == 1 && sk_buff.mark) || (sk_buff.sk == 0)", 1},
		{"((((sk_buff.queue == 7))) && ((sk_buff.cloned)))", 1},
		{"(sk_buff.queue && sk_buff.mark) && sk_buff.sk", 0},
		{"sk_buff.sk:net.inum == 0 || sk_buff.queue == 7", 1},
		{"sk_buff.dev.name == \"eth0\" && sk_buff.mark & 0xff != 0", 1},
		{"\tsk_buff . mark\n==0x80001234 ", 1},
	};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct skbox_error err = {0};
		int got = eval(w, rows[i].text, &err);

		if (got != rows[i].want)
			fail_msg("%s: %d, expected %d %s", rows[i].text, got, rows[i].want,
				 err.text);
	}
	print_message("%zu expressions\n", sizeof(rows) / sizeof(rows[0]));
}

static void test_text_pointer(void **state)
{
	struct world *w = *state;

	memcpy(w->alias, "upli", 5);
	assert_int_equal(eval(w, "sk_buff.dev.alias == \"upli\"", NULL), 1);
	assert_int_equal(eval(w, "sk_buff.dev.alias != \"upli\"", NULL), 0);
	assert_int_equal(eval(w, "sk_buff.dev.alias == \"uplink\"", NULL), 0);
	assert_int_equal(eval(w, "sk_buff.dev.alias != \"uplink\"", NULL), 1);
	assert_int_equal(eval(w, "sk_buff.dev.alias == \"upl\"", NULL), 0);
	w->dev.alias = 0;
	assert_int_equal(eval(w, "sk_buff.dev.alias != \"upl\"", NULL), 0);
}

static void test_errors(void **state)
{
	static const struct {
		const char *text;
		int code;
		uint64_t column;
		const char *says;
	} rows[] = {
		{"", -EINVAL, 1, "sk_buff"},
		{"mark == 1", -EINVAL, 1, "sk_buff"},
		{"sk_buff", -EINVAL, 8, "member"},
		{"sk_buff == 1", -EINVAL, 9, "member"},
		{"sk_buff.", -EINVAL, 9, "name of a member"},
		{"sk_buff.makr == 1", -ENOENT, 9,
		 "struct sk_buff has no member makr (is it mark?)"},
		{"sk_buff.dev.nosuch", -ENOENT, 13, "struct net_device has no member nosuch"},
		{"sk_buff.mark.x", -EINVAL, 14, "unsigned int"},
		{"sk_buff.sk.x", -ENOENT, 12, "void"},
		{"sk_buff.dev.ops.open", -ENOENT, 17, "unknown struct dev_ops"},
		{"sk_buff.mark = 1", -EINVAL, 14, "=="},
		{"sk_buff.mark == ", -EINVAL, 17, "expected a number"},
		{"sk_buff.mark == 0x", -EINVAL, 17, "not a number"},
		{"sk_buff.mark == 12ab", -EINVAL, 17, "not a number"},
		{"sk_buff.mark == 0b12", -EINVAL, 17, "not a number"},
		{"sk_buff.mark == 99999999999999999999", -EINVAL, 17, "64 bits"},
		{"sk_buff.mark == 0x100000000", -EINVAL, 17, "32 bits"},
		{"sk_buff.mark == -1", -EINVAL, 17, "never negative"},
		{"sk_buff.signed_mark == 0x80000000", -EINVAL, 24, "32 bits"},
		{"sk_buff.signed_mark == -2147483649", -EINVAL, 24, "32 bits"},
		{"sk_buff.pkt_type == 8", -EINVAL, 21, "3 bits"},
		{"sk_buff.state == 8", -EINVAL, 18, "4 bits"},
		{"sk_buff.mark == \"eth0\"", -EINVAL, 17, "no string"},
		{"sk_buff.mark == NOSUCH", -ENOENT, 17, "NOSUCH"},
		{"sk_buff.dev.name", -EINVAL, 1, "string"},
		{"sk_buff.dev.name == 5", -EINVAL, 1, "string"},
		{"sk_buff.dev.name < \"a\"", -EINVAL, 18, "== and !="},
		{"sk_buff.dev.name == \"a", -EINVAL, 21, "does not end"},
		{"sk_buff.dev.name == \"12345678901234567\"", -EINVAL, 21, "16 bytes"},
		{"sk_buff.dev.name & 1 == \"a\"", -EINVAL, 20, "mask"},
		{"sk_buff.cb[48]", -ENOENT, 12, "no element 48"},
		{"sk_buff.cb[", -EINVAL, 12, "index"},
		{"sk_buff.cb[1", -EINVAL, 13, "`]`"},
		{"sk_buff.mark[1]", -EINVAL, 14, "neither array nor pointer"},
		{"sk_buff.cb", -EINVAL, 1, "an array"},
		{"sk_buff.mark:nf_conn.mark", -EINVAL, 14, "64 bits"},
		{"sk_buff._nfct:nosuch.mark", -ENOENT, 15, "nosuch"},
		{"sk_buff._nfct:~0x7:", -EINVAL, 20, "name of a type"},
		{"sk_buff._nfct:", -EINVAL, 15, "mask"},
		{"sk_buff.mark & 1 & 2", -EINVAL, 18, "expected &&"},
		{"sk_buff.mark:1 & 2", -EINVAL, 18, "already"},
		{"sk_buff.mark ~ 1", -EINVAL, 14, "expected &&"},
		{"!sk_buff.mark", -EINVAL, 1, "== 0"},
		{"sk_buff.mark; 1", -EINVAL, 13, "language"},
		{"(sk_buff.mark == 1", -EINVAL, 19, "`)`"},
		{"sk_buff.mark == 1)", -EINVAL, 18, "expected &&"},
		{"sk_buff.mark == 1 &&", -EINVAL, 21, "sk_buff"},
		{"sk_buff.mark == 1 sk_buff.mark", -EINVAL, 19, "expected &&"},
	};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct skbox_error err = {0};
		int got = eval(w, rows[i].text, &err);
		char column[32];

		snprintf(column, sizeof(column), "column %u: ", (unsigned int)rows[i].column);
		if (got != rows[i].code || err.offset != rows[i].column ||
		    !strstr(err.text, rows[i].says) || strncmp(err.text, column, strlen(column)))
			fail_msg("`%s`: %d, offset %u: %s", rows[i].text, got,
				 (unsigned int)err.offset, err.text);
	}
	print_message("%zu errors\n", sizeof(rows) / sizeof(rows[0]));
}

static size_t add_text(char *text, size_t n, const char *more)
{
	memcpy(text + n, more, strlen(more) + 1);
	return n + strlen(more);
}

static void test_limits(void **state)
{
	struct world *w = *state;
	struct skbox_error err = {0};
	char text[FILTER_META_BYTES + 100];
	size_t n = 0;

	for (int i = 0; i < FILTER_META_TERMS; i++)
		n = add_text(text, n, i ? " && sk_buff.queue == 7" : "sk_buff.queue == 7");
	assert_int_equal(eval(w, text, &err), 1);
	add_text(text, n, " && sk_buff.mark");
	assert_int_equal(eval(w, text, &err), -E2BIG);
	n = add_text(text, 0, "sk_buff");
	for (int i = 0; i < FILTER_META_STEPS; i++)
		n = add_text(text, n, ".self");
	add_text(text, n, ".mark");
	assert_int_equal(eval(w, text, &err), 1);
	add_text(text, n, ".self.mark");
	assert_int_equal(eval(w, text, &err), -E2BIG);
	memset(text, '(', FILTER_META_DEPTH + 1);
	add_text(text, FILTER_META_DEPTH + 1, "sk_buff.mark");
	assert_int_equal(eval(w, text, &err), -E2BIG);
	memset(text, ' ', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(eval(w, text, &err), -E2BIG);
	n = add_text(text, 0, "sk_buff.dev.alias == \"");
	memset(text + n, 'a', FILTER_META_TEXT + 1);
	add_text(text, n + FILTER_META_TEXT, "\"");
	assert_int_equal(eval(w, text, &err), 0);
	add_text(text, n + FILTER_META_TEXT, "a\"");
	assert_int_equal(eval(w, text, &err), -E2BIG);
}

/* Whatever the bytes are, there is an answer; those near to an expression, too. */
static void test_noise(void **state)
{
	static const char *const pieces[] = {"sk_buff.mark",
					     ".",
					     "mark",
					     "dev",
					     "name",
					     "==",
					     "!=",
					     "<",
					     "(",
					     ")",
					     "&&",
					     "||",
					     "and",
					     "or",
					     "[",
					     "]",
					     "1",
					     "0x7",
					     "~",
					     ":",
					     "nf_conn",
					     "&",
					     "\"eth0\"",
					     "'",
					     "-",
					     " ",
					     "cb",
					     "self",
					     "_nfct",
					     "data"};
	struct world *w = *state;
	uint64_t random = 42;
	size_t good = 0;

	for (int i = 0; i < 200000; i++) {
		struct skbox_error err = {0};
		char text[256];
		size_t n = (size_t)sprintf(text, "%s", i & 1 ? "sk_buff.mark" : "(sk_buff.");
		int got;

		for (int k = 0; k < i % 8; k++) {
			random = random * 6364136223846793005u + 1442695040888963407u;
			n = add_text(text, n, pieces[(random >> 33) % 30]);
		}
		got = eval(w, text, &err);
		assert_true(got == 0 || got == 1 || (got == err.code && err.offset && *err.text));
		good += got >= 0;
	}
	print_message("%zu of 200000 were expressions\n", good);
	assert_true(good > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_expressions, setup, teardown),
		cmocka_unit_test_setup_teardown(test_text_pointer, setup, teardown),
		cmocka_unit_test_setup_teardown(test_errors, setup, teardown),
		cmocka_unit_test_setup_teardown(test_limits, setup, teardown),
		cmocka_unit_test_setup_teardown(test_noise, setup, teardown),
	};

	return cmocka_run_group_tests_name("filter_meta", tests, NULL, NULL);
}
