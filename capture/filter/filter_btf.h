/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernel's types, as metadata filters ask for them: by name, member by member. */
#ifndef CAPTURE_FILTER_BTF_H
#define CAPTURE_FILTER_BTF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct btf;

/* Where types are looked for: the kernel, then its modules, which are loaded when first needed. */
struct filter_types {
	const struct btf *vmlinux; /* borrowed */
	struct btf **modules;      /* owned */
	size_t n;
	bool loaded;
};

/* What is at a place in memory. */
struct filter_field {
	const struct btf *btf; /* borrowed from struct filter_types */
	uint32_t type;         /* id in btf, without typedefs and qualifiers */
	uint64_t bit_off;      /* from the address that was followed last */
	uint32_t bits;         /* of a bit field; 0: it is none */
};

enum filter_kind {
	FILTER_NUMBER, /* integer, bool, enum, pointer: to 8 bytes */
	FILTER_MEMBERS,
	FILTER_ARRAY,
	FILTER_OTHER, /* no value that a filter could look at */
};

enum { FILTER_MODULES_MAX = 1024 };

void filter_types_init(struct filter_types *t, const struct btf *vmlinux);
void filter_types_fini(struct filter_types *t);

/* A type by its name (struct, union, typedef, integer, enum). False: no BTF has it. */
bool filter_types_find(struct filter_types *t, const char *name, struct filter_field *f);

/* The value of a name of any enum, those of f's type first. */
bool filter_types_enumerator(const struct filter_types *t, const struct filter_field *f,
			     const char *name, int64_t *value);

enum filter_kind filter_field_kind(const struct filter_field *f);
bool filter_field_is_pointer(const struct filter_field *f);
bool filter_field_is_signed(const struct filter_field *f);

/* Bytes of the type; 0: it has no size. */
uint64_t filter_field_bytes(const struct filter_field *f);

/* An array of characters, or (pointer true) a pointer to them. */
bool filter_field_is_text(const struct filter_field *f, bool *pointer);

/*
 * f becomes its member; members of anonymous structs and unions in it count. False: there is none;
 * near, if not NULL, is set to the name of one that is spelled alike, or to NULL.
 */
bool filter_field_member(struct filter_field *f, const char *name, const char **near);

/* f becomes element i of the array. False: it has less. */
bool filter_field_element(struct filter_field *f, uint64_t i);

/* f becomes what the pointer points at, at offset 0. False: nothing is known of it. */
bool filter_field_follow(struct filter_types *t, struct filter_field *f);

/* The type in words, for messages: "struct sk_buff", "unsigned int", "an array". */
void filter_field_describe(const struct filter_field *f, char *text, size_t size);

#endif
