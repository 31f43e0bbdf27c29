/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/probe/dropname.h"

#include <bpf/btf.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char SUBSYS_PREFIX[] = "SKB_DROP_REASON_SUBSYS_";

/*
 * Modules that register the reasons of a sub-system (drop_reasons_register_subsys(), 071c0fc6fb91,
 * 6.4). Their enums are in their own BTF, but for those that something in the kernel itself uses.
 */
static const char *const modules[DROPNAMES_MODULES] = {"mac80211", "openvswitch"};

/* Which enum has the reasons of a sub-system; of others the numbers are shown. */
static const struct {
	const char *subsys, *type;
} enums[] = {
	{"mac80211_unusable", "mac80211_drop_reason"},
	{"mac80211_monitor", "mac80211_drop_reason"},
	{"openvswitch", "ovs_drop_reason"},
	{"qdisc", "qdisc_drop_reason"},
};

void dropnames_init(struct dropnames *d, struct btf *btf)
{
	memset(d, 0, sizeof(*d));
	d->btf = btf;
	for (size_t i = 0; i < DROPNAMES_MODULES; i++)
		d->modules[i] = btf__load_module_btf(modules[i], btf);
}

static void clear(struct dropname *d)
{
	free((char *)d->subsys);
	free((char *)d->name);
	memset(d, 0, sizeof(*d));
}

void dropnames_fini(struct dropnames *d)
{
	for (size_t i = 0; i < d->n; i++)
		clear(&d->v[i]);
	clear(&d->spare);
	for (size_t i = 0; i < DROPNAMES_MODULES; i++)
		btf__free(d->modules[i]);
	free(d->v);
	memset(d, 0, sizeof(*d));
}

/* The name of a value of an enum; NULL when there is none. */
static const char *enum_name(const struct btf *btf, const char *type, uint32_t value)
{
	int id = btf__find_by_name_kind(btf, type, BTF_KIND_ENUM);
	const struct btf_type *t = id > 0 ? btf__type_by_id(btf, (uint32_t)id) : NULL;
	const struct btf_enum *e = t ? btf_enum(t) : NULL;

	for (int i = 0; t && i < btf_vlen(t); i++)
		if ((uint32_t)e[i].val == value)
			return btf__name_by_offset(btf, e[i].name_off);
	return NULL;
}

static char *number(uint32_t value)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", value);
	return strdup(text);
}

static char *core_name(const struct btf *btf, uint32_t value)
{
	static const char *const prefixes[] = {"SKB_", "DROP_REASON_"};
	const char *name = enum_name(btf, "skb_drop_reason", value);

	if (!name)
		return number(value);
	for (size_t i = 0; i < 2; i++)
		if (!strncmp(name, prefixes[i], strlen(prefixes[i])))
			name += strlen(prefixes[i]);
	return strdup(name);
}

/* The sub-system's name in lower case; NULL when the kernel has none. */
static char *subsys_name(const struct btf *btf, uint32_t subsys)
{
	const char *name = enum_name(btf, "skb_drop_reason_subsys", subsys);
	char *copy;

	if (!name || strncmp(name, SUBSYS_PREFIX, sizeof(SUBSYS_PREFIX) - 1))
		return NULL;
	name += sizeof(SUBSYS_PREFIX) - 1;
	if (!strcmp(name, "NUM"))
		return NULL;
	copy = strdup(name);
	for (char *p = copy; p && *p; p++)
		*p = (char)tolower((unsigned char)*p);
	return copy;
}

/* The name of a value of an enum of the kernel or of one of the modules. */
static const char *any_name(const struct dropnames *d, const char *type, uint32_t value)
{
	const char *name = enum_name(d->btf, type, value);

	for (size_t i = 0; !name && i < DROPNAMES_MODULES; i++)
		if (d->modules[i])
			name = enum_name(d->modules[i], type, value);
	return name;
}

static void fill(struct dropname *n, const struct dropnames *d, uint32_t value)
{
	const char *name = NULL, *type = NULL;
	const struct btf *btf = d->btf;
	char *subsys;

	n->value = value;
	if ((int32_t)value < 0) {
		n->name = strdup("NOT_SPECIFIED");
		return;
	}
	if (!(value >> 16) ||
	    btf__find_by_name_kind(btf, "skb_drop_reason_subsys", BTF_KIND_ENUM) <= 0) {
		n->name = core_name(btf, value);
		return;
	}
	subsys = subsys_name(btf, value >> 16);
	if (!subsys) {
		n->subsys = number(value >> 16);
		n->name = number(value);
		return;
	}
	n->subsys = subsys;
	for (size_t i = 0; i < sizeof(enums) / sizeof(enums[0]); i++)
		if (!strcmp(enums[i].subsys, subsys))
			type = enums[i].type;
	if (type)
		name = any_name(d, type, value);
	n->name = name ? strdup(name) : number(value);
}

struct dropname *dropnames_get(struct dropnames *d, uint32_t value)
{
	struct dropname *n, *v;

	for (size_t i = 0; i < d->n; i++)
		if (d->v[i].value == value)
			return &d->v[i];
	if (d->n < DROPNAMES_MAX) {
		v = realloc(d->v, (d->n + 1) * sizeof(*v));
		if (!v)
			return NULL;
		d->v = v;
		n = &v[d->n++];
		memset(n, 0, sizeof(*n));
	} else {
		n = &d->spare;
		clear(n);
	}
	fill(n, d, value);
	return n->name ? n : NULL;
}
