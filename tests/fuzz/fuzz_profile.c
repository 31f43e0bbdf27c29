/* SPDX-License-Identifier: BSD-2-Clause */
/* Any text is a YAML file: a tree or an error with its place; and any tree a profile, whose options are set or refused. */
#include <stdlib.h>
#include <string.h>

#include "capture/config/profile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct options {
	const char *text;
	uint64_t number, time, bytes;
	bool flag;
	struct option_list list;
};

static const struct option_row rows[] = {
	OPTION(STRING, options, text, "filter-packet", 'f', "FILTER", ""),
	OPTION(NUMBER, options, number, "snaplen", 0, "BYTES", "", .min = 64, .max = 65535),
	OPTION(TIME, options, time, "sockets", 0, "PERIOD", ""),
	OPTION(FLAG, options, flag, "stack", 0, NULL, ""),
	OPTION(LIST, options, list, "netns", 0, "NAME", ""),
	OPTION(SIZE, options, bytes, "buffer", 0, "SIZE", ""),
};

static bool has_symbol(void *ctx, const char *name)
{
	return name[0] == 's';
}

/* Every node is within the text, and no deeper than said. */
static void walk(const struct yaml *node, unsigned int depth)
{
	if (!node->line || !node->column || depth > YAML_DEPTH_MAX + 1)
		abort();
	if (node->kind == YAML_SCALAR && !node->text)
		abort();
	for (size_t i = 0; i < node->n; i++) {
		if (node->kind == YAML_MAP && yaml_member(node, node->keys[i]->text) != node->v[i])
			abort();
		walk(node->v[i], depth + 1);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct profile_kernel kernel = {.release = "6.1.0-18-amd64",
					      .has_symbol = has_symbol};
	struct option_list probes = {0};
	struct options o = {0};
	struct profile p = {0};
	struct skbox_error err = {0};
	struct yaml *root = NULL;

	if (yaml_read(&root, (const char *)data, size, &err) == 0)
		walk(root, 0);
	else if (!err.text[0])
		abort();
	yaml_tree_free(root);
	if (profile_read(&p, "f.yaml", (const char *)data, size, &err) == 0) {
		profile_apply(&p, rows, sizeof(rows) / sizeof(rows[0]), &o, &probes, &kernel, &err);
		option_list_free(&o.list);
		option_list_free(&probes);
	}
	profile_free(&p);
	return 0;
}
