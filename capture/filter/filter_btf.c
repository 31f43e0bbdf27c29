/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/filter/filter_btf.h"

#include <bpf/btf.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/options.h"

enum { NAMES_MAX = 512 /* of members, to find one that is spelled alike */, DEPTH_MAX = 16 };

void filter_types_init(struct filter_types *t, const struct btf *vmlinux)
{
	*t = (struct filter_types){.vmlinux = vmlinux};
}

void filter_types_fini(struct filter_types *t)
{
	for (size_t i = 0; i < t->n; i++)
		btf__free(t->modules[i]);
	free(t->modules);
	filter_types_init(t, NULL);
}

static const struct btf_type *type_of(const struct filter_field *f)
{
	return btf__type_by_id(f->btf, f->type);
}

static const char *name_of(const struct btf *btf, const struct btf_type *t)
{
	const char *name = btf__name_by_offset(btf, t->name_off);

	return name ? name : "";
}

/* Goes through typedefs and qualifiers. */
static void set_type(struct filter_field *f, uint32_t id)
{
	const struct btf_type *t = btf__type_by_id(f->btf, id);

	for (int i = 0;
	     t && i < DEPTH_MAX && (btf_is_mod(t) || btf_is_typedef(t) || btf_is_type_tag(t));
	     i++) {
		id = t->type;
		t = btf__type_by_id(f->btf, id);
	}
	f->type = id;
}

/* ---- by name ---- */

static void load_modules(struct filter_types *t)
{
	DIR *dir = t->loaded ? NULL : opendir("/sys/kernel/btf");
	const struct dirent *entry;

	t->loaded = true;
	while (dir && t->n < FILTER_MODULES_MAX && (entry = readdir(dir))) {
		struct btf **v, *btf;

		if (*entry->d_name == '.' || !strcmp(entry->d_name, "vmlinux"))
			continue;
		btf = btf__load_module_btf(entry->d_name, (struct btf *)t->vmlinux);
		if (!btf)
			continue;
		v = realloc(t->modules, (t->n + 1) * sizeof(*v));
		if (!v) {
			btf__free(btf);
			break;
		}
		t->modules = v;
		t->modules[t->n++] = btf;
	}
	if (dir)
		closedir(dir);
}

static bool find_in(const struct btf *btf, const char *name, struct filter_field *f)
{
	static const uint32_t kinds[] = {BTF_KIND_STRUCT, BTF_KIND_UNION, BTF_KIND_TYPEDEF,
					 BTF_KIND_INT,    BTF_KIND_ENUM,  BTF_KIND_ENUM64};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		int32_t id = btf__find_by_name_kind(btf, name, kinds[i]);

		if (id <= 0)
			continue;
		*f = (struct filter_field){.btf = btf};
		set_type(f, (uint32_t)id);
		return true;
	}
	return false;
}

bool filter_types_find(struct filter_types *t, const char *name, struct filter_field *f)
{
	if (find_in(t->vmlinux, name, f))
		return true;
	load_modules(t);
	for (size_t i = 0; i < t->n; i++)
		if (find_in(t->modules[i], name, f))
			return true;
	return false;
}

static bool enumerator(const struct btf *btf, const struct btf_type *t, const char *name,
		       int64_t *value)
{
	for (uint32_t i = 0; btf_is_enum(t) && i < btf_vlen(t); i++) {
		const struct btf_enum *e = &btf_enum(t)[i];

		if (!strcmp(btf__name_by_offset(btf, e->name_off), name)) {
			*value = btf_kflag(t) ? e->val : (int64_t)(uint32_t)e->val;
			return true;
		}
	}
	for (uint32_t i = 0; btf_is_enum64(t) && i < btf_vlen(t); i++) {
		const struct btf_enum64 *e = &btf_enum64(t)[i];

		if (!strcmp(btf__name_by_offset(btf, e->name_off), name)) {
			*value = (int64_t)btf_enum64_value(e);
			return true;
		}
	}
	return false;
}

bool filter_types_enumerator(const struct filter_types *t, const struct filter_field *f,
			     const char *name, int64_t *value)
{
	const struct btf_type *type = type_of(f);

	if (type && enumerator(f->btf, type, name, value))
		return true;
	for (uint32_t id = 1; id < btf__type_cnt(t->vmlinux); id++) {
		type = btf__type_by_id(t->vmlinux, id);
		if (btf_is_any_enum(type) && enumerator(t->vmlinux, type, name, value))
			return true;
	}
	return false;
}

/* ---- what it is ---- */

uint64_t filter_field_bytes(const struct filter_field *f)
{
	int64_t bytes = btf__resolve_size(f->btf, f->type);

	return bytes > 0 ? (uint64_t)bytes : 0;
}

enum filter_kind filter_field_kind(const struct filter_field *f)
{
	const struct btf_type *t = type_of(f);
	uint64_t bytes;

	if (!t)
		return FILTER_OTHER;
	if (btf_is_composite(t))
		return FILTER_MEMBERS;
	if (btf_is_array(t))
		return FILTER_ARRAY;
	bytes = filter_field_bytes(f);
	if ((btf_is_int(t) || btf_is_any_enum(t) || btf_is_ptr(t)) &&
	    (bytes == 1 || bytes == 2 || bytes == 4 || bytes == 8))
		return FILTER_NUMBER;
	return FILTER_OTHER;
}

bool filter_field_is_pointer(const struct filter_field *f)
{
	const struct btf_type *t = type_of(f);

	return t && btf_is_ptr(t);
}

bool filter_field_is_signed(const struct filter_field *f)
{
	const struct btf_type *t = type_of(f);

	if (t && btf_is_int(t))
		return btf_int_encoding(t) & BTF_INT_SIGNED;
	return t && btf_is_any_enum(t) && btf_kflag(t);
}

bool filter_field_is_text(const struct filter_field *f, bool *pointer)
{
	const struct btf_type *t = type_of(f);
	struct filter_field element = {.btf = f->btf};

	*pointer = t && btf_is_ptr(t);
	if (*pointer)
		set_type(&element, t->type);
	else if (t && btf_is_array(t))
		set_type(&element, btf_array(t)->type);
	else
		return false;
	t = type_of(&element);
	return t && btf_is_int(t) && t->size == 1;
}

/* ---- one step on ---- */

struct names {
	const char *v[NAMES_MAX];
	size_t n;
};

static bool find_member(struct filter_field *f, const char *name, int depth, struct names *names)
{
	const struct btf_type *t = type_of(f);

	for (uint32_t i = 0; t && btf_is_composite(t) && i < btf_vlen(t); i++) {
		const struct btf_member *m = &btf_members(t)[i];
		struct filter_field inner = *f;
		const char *its = btf__name_by_offset(f->btf, m->name_off);

		inner.bit_off += btf_member_bit_offset(t, i);
		inner.bits = btf_member_bitfield_size(t, i);
		set_type(&inner, m->type);
		if (!its || !*its) {
			if (depth < DEPTH_MAX && find_member(&inner, name, depth + 1, names)) {
				*f = inner;
				return true;
			}
			continue;
		}
		if (!strcmp(its, name)) {
			*f = inner;
			return true;
		}
		if (names->n < NAMES_MAX)
			names->v[names->n++] = its;
	}
	return false;
}

bool filter_field_member(struct filter_field *f, const char *name, const char **near)
{
	struct names names;

	names.n = 0;
	if (find_member(f, name, 0, &names))
		return true;
	if (near)
		*near = options_nearest(name, names.v, names.n);
	return false;
}

bool filter_field_element(struct filter_field *f, uint64_t i)
{
	const struct btf_type *t = type_of(f);
	struct filter_field element = *f;
	uint64_t bytes;

	/* an array of 0 is one whose length is known when it runs only */
	if (!t || !btf_is_array(t) || (btf_array(t)->nelems && i >= btf_array(t)->nelems) ||
	    i > INT32_MAX)
		return false;
	set_type(&element, btf_array(t)->type);
	bytes = filter_field_bytes(&element);
	element.bit_off += i * bytes * 8;
	*f = element;
	return bytes && bytes <= UINT32_MAX;
}

bool filter_field_follow(struct filter_types *t, struct filter_field *f)
{
	const struct btf_type *p = type_of(f), *to;
	struct filter_field next = {.btf = f->btf}, full;

	if (!p || !btf_is_ptr(p))
		return false;
	set_type(&next, p->type);
	to = type_of(&next);
	/* of a type of a module the kernel knows just the name */
	if (to && btf_is_fwd(to) && filter_types_find(t, name_of(f->btf, to), &full))
		next = full;
	*f = next;
	return filter_field_bytes(f);
}

void filter_field_describe(const struct filter_field *f, char *text, size_t size)
{
	const struct btf_type *t = type_of(f);
	const char *name = t ? name_of(f->btf, t) : "", *what = "";

	if (!t)
		what = "nothing";
	else if (btf_is_ptr(t))
		what = "a pointer";
	else if (btf_is_array(t))
		what = "an array";
	else if (btf_is_fwd(t))
		what = "an unknown struct ";
	else if (btf_is_struct(t))
		what = *name ? "struct " : "a struct";
	else if (btf_is_union(t))
		what = *name ? "union " : "a union";
	else if (btf_is_any_enum(t))
		what = *name ? "enum " : "an enum";
	snprintf(text, size, "%s%s", what, name);
}
