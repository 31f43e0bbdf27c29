/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/probe/arguments.h"

#include <bpf/btf.h>
#include <stddef.h>
#include <string.h>

/* What is looked for. The values of drop reasons carry the sub-system (include/net/dropreason.h). */
static const struct {
	const char *type;
	size_t member;
	bool is_enum; /* else a pointer to a struct */
} wanted[] = {
	{"sk_buff", offsetof(struct arguments, skb), false},
	{"skb_drop_reason", offsetof(struct arguments, reason), true},
	{"mac80211_drop_reason", offsetof(struct arguments, reason), true},
	{"ovs_drop_reason", offsetof(struct arguments, reason), true},
	{"qdisc_drop_reason", offsetof(struct arguments, reason), true},
	{"sock", offsetof(struct arguments, sk), false},
	{"net_device", offsetof(struct arguments, dev), false},
	{"net", offsetof(struct arguments, net), false},
	{"nft_traceinfo", offsetof(struct arguments, nft_info), false},
	{"nft_pktinfo", offsetof(struct arguments, nft_pkt), false},
	{"nft_chain", offsetof(struct arguments, nft_chain), false},
	{"nft_rule_dp", offsetof(struct arguments, nft_rule), false},
	{"nft_verdict", offsetof(struct arguments, nft_verdict), false},
	{"nft_trace_types", offsetof(struct arguments, nft_type), true},
};

static const struct btf_type *skip_qualifiers(const struct btf *btf, uint32_t id)
{
	const struct btf_type *t = btf__type_by_id(btf, id);

	while (t &&
	       (btf_is_const(t) || btf_is_volatile(t) || btf_is_restrict(t) || btf_is_type_tag(t)))
		t = btf__type_by_id(btf, t->type);
	return t;
}

/* The type's name, where it is an enum or points to a struct (whose definition may be elsewhere). */
static const char *type_name(const struct btf *btf, uint32_t id, bool *is_enum)
{
	const struct btf_type *t = skip_qualifiers(btf, id);

	*is_enum = t && btf_is_any_enum(t);
	if (*is_enum)
		return btf__name_by_offset(btf, t->name_off);
	if (!t || !btf_is_ptr(t))
		return NULL;
	t = skip_qualifiers(btf, t->type);
	return t && (btf_is_struct(t) || btf_is_fwd(t)) ? btf__name_by_offset(btf, t->name_off)
							: NULL;
}

static void read_return(struct arguments *a, const struct btf *btf, uint32_t id)
{
	const struct btf_type *t = skip_qualifiers(btf, id);

	while (t && btf_is_typedef(t))
		t = skip_qualifiers(btf, t->type);
	if (!t || !id)
		return;
	if (btf_is_ptr(t)) {
		a->ret_bytes = sizeof(void *);
	} else if (btf_is_int(t) || btf_is_any_enum(t)) {
		a->ret_bytes = (int8_t)(t->size <= 8 ? t->size : 0);
		a->ret_signed = btf_is_int(t) && btf_int_encoding(t) & BTF_INT_SIGNED;
	}
}

/* How many words an argument takes: a struct is passed in two at most, or on the stack. */
static int word_count(const struct btf *btf, uint32_t id)
{
	const struct btf_type *t = skip_qualifiers(btf, id);

	while (t && btf_is_typedef(t))
		t = skip_qualifiers(btf, t->type);
	if (!t || !btf_is_composite(t))
		return 1;
	return t->size > 16 ? 0 : (int)(t->size + 7) / 8;
}

/* Whether the argument, of words from `word` on, is wanted. */
static void keep_wanted(struct arguments *a, const struct btf *btf, uint32_t id, int word)
{
	bool is_enum;
	const char *name = type_name(btf, id, &is_enum);

	for (size_t k = 0; name && k < sizeof(wanted) / sizeof(wanted[0]); k++) {
		int8_t *where = (int8_t *)((char *)a + wanted[k].member);

		if (*where < 0 && wanted[k].is_enum == is_enum && !strcmp(name, wanted[k].type))
			*where = (int8_t)word;
	}
}

bool arguments_find(struct arguments *a, const struct btf *btf, uint32_t id, int skip)
{
	const struct btf_type *proto = btf__type_by_id(btf, id);
	const struct btf_param *p;
	int word = 0;

	memset(a, -1, sizeof(*a));
	a->n = 0;
	a->ret_bytes = 0;
	a->ret_signed = false;
	if (!proto || !btf_is_func_proto(proto))
		return false;
	p = btf_params(proto);
	read_return(a, btf, proto->type);
	for (int i = skip; i < btf_vlen(proto) && word < INT8_MAX - 1; i++) {
		keep_wanted(a, btf, p[i].type, word);
		word += word_count(btf, p[i].type);
	}
	a->n = (int8_t)word;
	return true;
}
