/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A YAML document as a tree in which every node knows its line and column, so that what is wrong
 * with a file can be shown where it is. Bounded: files come from anywhere. Anchors and aliases are
 * refused (nobody needs them here, and they make small files large), as are several documents and
 * keys that are there twice.
 */
#ifndef CLI_YAML_H
#define CLI_YAML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "formats/error.h"

enum {
	YAML_BYTES_MAX = 1 << 20, /* of a file */
	YAML_NODES_MAX = 20000,
	YAML_DEPTH_MAX = 32,
};

enum yaml_kind { YAML_SCALAR, YAML_LIST, YAML_MAP };

struct yaml {
	enum yaml_kind kind;
	uint32_t line, column; /* from 1 */
	const char *text;      /* of a scalar: without NUL bytes, NUL-terminated */
	bool plain;            /* a scalar without quotes: may be a number, a flag, nothing */
	struct yaml **keys;    /* n scalars, of a map */
	struct yaml **v;       /* n values, of a map or a list */
	size_t n;
};

/*
 * The tree of a text; freed by yaml_tree_free(). -EPROTO: err says what, beginning with LINE:COLUMN; an
 * empty document is an empty map. -E2BIG, -ENOMEM.
 */
int yaml_read(struct yaml **root, const char *text, size_t len, struct skbox_error *err);
/* The same of a file, which must be a regular one; messages begin with PATH:LINE:COLUMN. */
int yaml_read_file(struct yaml **root, const char *path, struct skbox_error *err);
/* (yaml_free() is a function within libyaml.) NULL allowed. */
void yaml_tree_free(struct yaml *node);

/* The value of a key; NULL: it is not there, or this is no map. */
const struct yaml *yaml_member(const struct yaml *map, const char *key);

/* Nothing was written: `key:`, `~` or `null`. */
bool yaml_is_null(const struct yaml *node);
/* true, false, yes, no, on, off. False: it is something else. */
bool yaml_flag(const struct yaml *node, bool *value);

/* "LINE:COLUMN: ..." into err, about the node; returns -EPROTO. */
int yaml_error(struct skbox_error *err, const struct yaml *node, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* A kind for messages: "a list", ... */
const char *yaml_kind_name(enum yaml_kind kind);

#endif
