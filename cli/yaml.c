/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/yaml.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yaml.h>

struct reader {
	yaml_parser_t parser;
	yaml_event_t event;
	bool has_event;
	size_t nodes;
	struct skbox_error *err;
};

void yaml_tree_free(struct yaml *node)
{
	if (!node)
		return;
	for (size_t i = 0; i < node->n; i++) {
		if (node->keys)
			yaml_tree_free(node->keys[i]);
		yaml_tree_free(node->v[i]);
	}
	free((char *)node->text);
	free(node->keys);
	free(node->v);
	free(node);
}

/* ---- errors ---- */

static int fail(struct skbox_error *err, size_t line, size_t column, const char *what)
{
	return error_set(err, -EPROTO, line + 1, "%zu:%zu: %.150s", line + 1, column + 1, what);
}

static int fail_here(struct reader *r, const char *what)
{
	return fail(r->err, r->event.start_mark.line, r->event.start_mark.column, what);
}

int yaml_error(struct skbox_error *err, const struct yaml *node, const char *format, ...)
{
	char text[160];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return fail(err, node->line - 1, node->column - 1, text);
}

const char *yaml_kind_name(enum yaml_kind kind)
{
	static const char *const names[] = {"a single value", "a list", "a map"};

	return names[kind];
}

/* ---- reading ---- */

static int next(struct reader *r)
{
	const yaml_parser_t *p = &r->parser;

	if (r->has_event)
		yaml_event_delete(&r->event);
	r->has_event = yaml_parser_parse(&r->parser, &r->event);
	if (r->has_event)
		return 0;
	memset(&r->event, 0, sizeof(r->event));
	if (p->error == YAML_MEMORY_ERROR)
		return error_set(r->err, -ENOMEM, 0, "out of memory");
	if (p->error == YAML_READER_ERROR)
		return fail(r->err, p->mark.line, p->mark.column, "not UTF-8 text");
	return fail(r->err, p->problem_mark.line, p->problem_mark.column,
		    p->problem ? p->problem : "no YAML");
}

static struct yaml *add(struct yaml *parent, enum yaml_kind kind, bool as_key)
{
	struct yaml *node = calloc(1, sizeof(*node)), **v;

	if (!node)
		return NULL;
	node->kind = kind;
	if (!as_key) {
		/* a map's value: its key was added before, and made room for both */
		if (parent->kind == YAML_MAP) {
			parent->v[parent->n - 1] = node;
			return node;
		}
	}
	v = realloc(parent->v, (parent->n + 1) * sizeof(struct yaml *));
	if (!v)
		goto nomem;
	parent->v = v;
	v[parent->n] = as_key ? NULL : node;
	if (as_key) {
		v = realloc(parent->keys, (parent->n + 1) * sizeof(struct yaml *));
		if (!v)
			goto nomem;
		parent->keys = v;
		v[parent->n] = node;
	}
	parent->n++;
	return node;
nomem:
	free(node);
	return NULL;
}

/* The event, a scalar or a beginning, as a node below the parent. */
static int take(struct reader *r, struct yaml *parent, bool as_key, struct yaml **node)
{
	const yaml_event_t *e = &r->event;
	enum yaml_kind kind = e->type == YAML_SCALAR_EVENT           ? YAML_SCALAR
			      : e->type == YAML_SEQUENCE_START_EVENT ? YAML_LIST
								     : YAML_MAP;
	struct yaml *n;

	if (e->type == YAML_ALIAS_EVENT || (kind == YAML_SCALAR && e->data.scalar.anchor) ||
	    (kind == YAML_LIST && e->data.sequence_start.anchor) ||
	    (kind == YAML_MAP && e->data.mapping_start.anchor))
		return fail_here(r, "anchors and aliases are not understood");
	if (++r->nodes > YAML_NODES_MAX)
		return fail_here(r, "too many values");
	if (as_key && kind != YAML_SCALAR)
		return fail_here(r, "a key must be a single word");
	n = add(parent, kind, as_key);
	if (!n)
		return error_set(r->err, -ENOMEM, 0, "out of memory");
	n->line = (uint32_t)e->start_mark.line + 1;
	n->column = (uint32_t)e->start_mark.column + 1;
	*node = n;
	if (kind != YAML_SCALAR)
		return 0;
	n->plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	n->text = strndup((const char *)e->data.scalar.value, e->data.scalar.length);
	if (!n->text)
		return error_set(r->err, -ENOMEM, 0, "out of memory");
	if (strlen(n->text) != e->data.scalar.length)
		return fail_here(r, "a NUL byte in a text");
	if (as_key)
		for (size_t i = 0; i + 1 < parent->n; i++)
			if (!strcmp(parent->keys[i]->text, n->text))
				return fail_here(r, "this key is there twice");
	return 0;
}

/* What is in a list or a map, up to its end. */
static int fill(struct reader *r, struct yaml *parent, unsigned int depth)
{
	bool as_key = parent->kind == YAML_MAP;
	struct yaml *node;
	int rc;

	if (depth == YAML_DEPTH_MAX)
		return fail_here(r, "nested too deeply");
	for (;;) {
		rc = next(r);
		if (rc || r->event.type == YAML_SEQUENCE_END_EVENT ||
		    r->event.type == YAML_MAPPING_END_EVENT)
			return rc;
		rc = take(r, parent, as_key, &node);
		if (!rc && node->kind != YAML_SCALAR)
			rc = fill(r, node, depth + 1);
		if (rc)
			return rc;
		if (parent->kind == YAML_MAP)
			as_key = !as_key;
	}
}

/* Stream and document around the one root, which is added to `top`, a list. */
static int read_document(struct reader *r, struct yaml *top)
{
	struct yaml *root;
	int rc;

	do
		rc = next(r); /* STREAM-START, then DOCUMENT-START or the end */
	while (!rc && r->event.type == YAML_STREAM_START_EVENT);
	if (!rc && r->event.type == YAML_STREAM_END_EVENT) {
		root = add(top, YAML_MAP, false);
		if (!root)
			return error_set(r->err, -ENOMEM, 0, "out of memory");
		root->line = root->column = 1;
		return 0;
	}
	if (!rc)
		rc = next(r);
	if (!rc)
		rc = take(r, top, false, &root);
	if (!rc && root->kind != YAML_SCALAR)
		rc = fill(r, root, 0);
	if (!rc)
		rc = next(r); /* DOCUMENT-END */
	if (!rc)
		rc = next(r);
	if (!rc && r->event.type != YAML_STREAM_END_EVENT)
		rc = fail_here(r, "a second document");
	return rc;
}

int yaml_read(struct yaml **result, const char *text, size_t len, struct skbox_error *err)
{
	struct reader r = {.err = err};
	struct yaml *top = calloc(1, sizeof(*top));
	int rc;

	*result = NULL;
	if (len > YAML_BYTES_MAX) {
		free(top);
		return error_set(err, -E2BIG, 0, "longer than %d bytes", YAML_BYTES_MAX);
	}
	if (!top || !yaml_parser_initialize(&r.parser)) {
		free(top);
		return error_set(err, -ENOMEM, 0, "out of memory");
	}
	top->kind = YAML_LIST;
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, len);
	yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
	rc = read_document(&r, top);
	if (r.has_event)
		yaml_event_delete(&r.event);
	yaml_parser_delete(&r.parser);
	if (!rc) {
		*result = top->v[0];
		top->n = 0;
	}
	yaml_tree_free(top);
	return rc;
}

static ssize_t read_whole(int fd, char *p, size_t size)
{
	size_t len = 0;
	ssize_t n;

	do {
		n = read(fd, p + len, size - len);
		if (n > 0)
			len += (size_t)n;
	} while ((n > 0 && len < size) || (n < 0 && errno == EINTR));
	return n < 0 ? -errno : (ssize_t)len;
}

int yaml_read_file(struct yaml **root, const char *path, struct skbox_error *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK), rc;
	struct skbox_error inner = {0};
	struct stat st;
	ssize_t n;
	char *text;

	*root = NULL;
	if (fd < 0)
		return error_set(err, -errno, 0, "%.100s: %s", path, strerror(errno));
	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		close(fd);
		return error_set(err, -EINVAL, 0, "%.100s: is no regular file", path);
	}
	text = malloc(YAML_BYTES_MAX + 1);
	n = text ? read_whole(fd, text, YAML_BYTES_MAX + 1) : -ENOMEM;
	close(fd);
	rc = (int)n;
	if (n >= 0) {
		rc = yaml_read(root, text, (size_t)n, &inner);
		if (rc)
			error_set(err, rc, inner.offset, "%.100s:%s%.180s", path,
				  rc == -EPROTO ? "" : " ", inner.text);
	} else {
		error_set(err, rc, 0, "%.100s: %s", path, strerror(-rc));
	}
	free(text);
	return rc;
}

/* ---- asking ---- */

const struct yaml *yaml_member(const struct yaml *map, const char *key)
{
	for (size_t i = 0; map->kind == YAML_MAP && i < map->n; i++)
		if (!strcmp(map->keys[i]->text, key))
			return map->v[i];
	return NULL;
}

bool yaml_is_null(const struct yaml *node)
{
	return node->kind == YAML_SCALAR && node->plain &&
	       (!*node->text || !strcmp(node->text, "~") || !strcasecmp(node->text, "null"));
}

bool yaml_flag(const struct yaml *node, bool *value)
{
	static const char *const words[] = {"false", "true", "no", "yes", "off", "on"};

	for (size_t i = 0; node->kind == YAML_SCALAR && i < sizeof(words) / sizeof(words[0]); i++)
		if (!strcasecmp(node->text, words[i])) {
			*value = i & 1;
			return true;
		}
	return false;
}
