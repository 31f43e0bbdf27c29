/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyze/source/source_split.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analyze/source/input.h"
#include "cli/options.h"

bool source_split_lowest(const char *base, uint32_t from, uint32_t *id)
{
	const char *slash = strrchr(base, '/'), *name = slash ? slash + 1 : base;
	char *path = slash ? strndup(base, (size_t)(slash - base) + 1) : strdup(".");
	DIR *dir = path ? opendir(path) : NULL;
	const struct dirent *e;
	uint64_t lowest = UINT64_MAX, v;

	while (dir && (e = readdir(dir)))
		if (strncmp(e->d_name, name, strlen(name)) == 0 &&
		    options_number(e->d_name + strlen(name), &v) && v >= from && v < lowest &&
		    v < SOURCE_SPLIT_MAX)
			lowest = v;
	if (dir)
		closedir(dir);
	free(path);
	*id = (uint32_t)lowest;
	return lowest != UINT64_MAX;
}

bool source_split_parse(const char *path, char **base, uint32_t *id)
{
	size_t len = strlen(path), end = len - 2, begin;
	uint64_t v = 0;

	if (len < 3 || strcmp(path + end, "..") != 0)
		return false;
	if (path[end - 1] < '0' || path[end - 1] > '9') {
		*base = path[end - 1] == '/' ? NULL : strndup(path, end + 1);
		if (*base && source_split_lowest(*base, 0, id))
			return true;
		free(*base);
		*base = NULL;
		return false;
	}
	for (begin = end; begin && path[begin - 1] >= '0' && path[begin - 1] <= '9'; begin--)
		;
	if (begin == end || !begin || path[begin - 1] != '.' || end - begin > 7)
		return false;
	for (size_t i = begin; i < end; i++)
		v = v * 10 + (uint64_t)(path[i] - '0');
	*base = strndup(path, begin);
	*id = (uint32_t)v;
	return *base != NULL;
}

bool source_split_of(const char *path, char **base, uint32_t *id)
{
	char *dots = NULL;
	bool found = asprintf(&dots, "%s..", path) > 0 && source_split_parse(dots, base, id);

	free(dots);
	return found;
}

bool source_split_keep(const char *word)
{
	size_t len = strlen(word);
	bool kept = true, there = true;
	char *base, *path;
	uint32_t id, first;

	/* which is the first of "F.." is asked of the folder each time */
	if (len > 2 && (word[len - 3] < '0' || word[len - 3] > '9'))
		return false;
	if (!source_split_parse(word, &base, &id))
		return true;
	first = id;
	for (; kept && there && id < SOURCE_SPLIT_MAX; id++) {
		kept = asprintf(&path, "%s%u", base, id) >= 0;
		if (!kept)
			break;
		there = access(path, F_OK) == 0;
		/* where the first is missing, opening it says so */
		kept = there ? input_keep(path) == 0 : id > first;
		free(path);
	}
	free(base);
	return kept;
}
