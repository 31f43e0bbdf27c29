/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any line is a metadata filter: an error with its column, or instructions whose jumps lead forward and
 * within. The same bytes as a classic program: refused, or translated so.
 */
#include <bpf/btf.h>
#include <stdlib.h>
#include <string.h>

#include "capture/filter/filter_cbpf.h"
#include "capture/filter/filter_meta.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void add(struct btf *b, const char *name, int type, uint32_t bit, uint32_t bits)
{
	if (btf__add_field(b, name, type, bit, bits))
		abort();
}

/* Numbers, bit fields, arrays, text, pointers, members without a name, a type that points at itself. */
static struct btf *make_types(void)
{
	struct btf *b = btf__new_empty();
	int u8 = btf__add_int(b, "unsigned char", 1, 0);
	int u32 = btf__add_int(b, "unsigned int", 4, 0);
	int s64 = btf__add_int(b, "long", 8, BTF_INT_SIGNED);
	int chr = btf__add_int(b, "char", 1, BTF_INT_SIGNED);
	int name = btf__add_array(b, u32, chr, 16), cb = btf__add_array(b, u32, u8, 48);
	int rows = btf__add_array(b, u32, btf__add_array(b, u32, s64, 3), 2);
	int text = btf__add_ptr(b, btf__add_const(b, chr)), any = btf__add_ptr(b, 0);
	int verdict = btf__add_enum(b, "verdict", 4), dev, inner;

	btf__add_enum_value(b, "DROP", 0);
	btf__add_enum_value(b, "ACCEPT", 1);
	dev = btf__add_struct(b, "net_device", 64);
	add(b, "name", name, 0, 0);
	add(b, "alias", text, 128, 0);
	add(b, "ifindex", u32, 192, 0);
	add(b, "any", any, 256, 0);
	inner = btf__add_union(b, NULL, 8);
	add(b, "dev", inner + 1, 0, 0);
	add(b, "bits", u32, 0, 5);
	btf__add_ptr(b, dev);
	btf__add_struct(b, "sk_buff", 256);
	add(b, "", inner, 0, 0);
	add(b, "mark", u32, 64, 0);
	add(b, "cb", cb, 128, 0);
	add(b, "rows", rows, 512, 0);
	add(b, "verdict", verdict, 960, 0);
	add(b, "self", inner + 3, 1024, 0);
	btf__add_ptr(b, inner + 2);
	return b;
}

/* Jumps and the ends of it: what the kernel's verifier asks first. */
static void check_code(const struct filter_code *c)
{
	if (c->failed)
		return;
	for (size_t i = 0; i < c->n; i++) {
		const struct bpf_insn *v = &c->v[i];
		uint8_t class = BPF_CLASS(v->code), op = BPF_OP(v->code);

		if (v->code == (BPF_LD | BPF_IMM | BPF_DW)) {
			i++;
			continue;
		}
		if ((class == BPF_JMP || class == BPF_JMP32) && op != BPF_CALL && op != BPF_EXIT &&
		    (v->off < 0 || i + 1 + (size_t)v->off >= c->n))
			abort();
	}
}

static void end(struct filter_code *c, uint32_t accept, uint32_t reject)
{
	filter_code_place(c, accept);
	filter_code_return(c, 1);
	filter_code_place(c, reject);
	filter_code_return(c, 0);
	check_code(c);
	filter_code_free(c);
}

static void translate_classic(const uint8_t *data, size_t size)
{
	size_t n = size / sizeof(struct sock_filter);
	struct sock_filter *v = malloc(n ? n * sizeof(*v) : 1);
	struct filter_code c;
	struct skbox_error err;
	uint32_t accept, reject;

	if (!v)
		return;
	memcpy(v, data, n * sizeof(*v));
	filter_code_init(&c);
	accept = filter_code_label(&c);
	reject = filter_code_label(&c);
	if (filter_cbpf_translate(v, n, &c, accept, reject, &err) == 0)
		end(&c, accept, reject);
	else
		filter_code_free(&c);
	free(v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct btf *btf;
	struct filter_meta *m = malloc(sizeof(*m));
	char *text = strndup((const char *)data, size);
	struct skbox_error err = {0};
	struct filter_types types;
	struct filter_code c;
	uint32_t accept, reject;

	if (!btf)
		btf = make_types();
	if (!m || !text)
		abort();
	filter_types_init(&types, btf);
	types.loaded = true; /* no modules of the machine that this runs on */
	filter_code_init(&c);
	accept = filter_code_label(&c);
	reject = filter_code_label(&c);
	if (filter_meta_parse(m, text, &types, &err) == 0 &&
	    filter_meta_translate(m, &c, accept, reject, &err) == 0) {
		end(&c, accept, reject);
	} else {
		if (!err.text[0] || err.offset > strlen(text) + 1)
			abort();
		filter_code_free(&c);
	}
	filter_types_fini(&types);
	translate_classic(data, size);
	free(text);
	free(m);
	return 0;
}
