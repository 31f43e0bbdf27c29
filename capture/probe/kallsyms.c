/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/probe/kallsyms.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <fcntl.h>

enum {
	FILE_MAX = 256 << 20,    /* some 20 MB are usual */
	FUNCTION_MAX = 16 << 20, /* an address farther behind a symbol is not in that function */
};

static char *read_all(const char *path, size_t *n)
{
	size_t room = 16 << 20;
	char *text = malloc(room + 1);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = -1;

	*n = 0;
	while (text && fd >= 0) {
		if (*n == room) {
			char *more = room < FILE_MAX ? realloc(text, 2 * room + 1) : NULL;

			if (!more)
				break;
			text = more;
			room *= 2;
		}
		got = read(fd, text + *n, room - *n);
		if (got <= 0)
			break;
		*n += (size_t)got;
	}
	if (fd >= 0)
		close(fd);
	if (text && got == 0) {
		text[*n] = '\0';
		return text;
	}
	free(text);
	return NULL;
}

static int by_address(const void *a, const void *b)
{
	const struct kallsym *x = a, *y = b;

	if (x->address != y->address)
		return x->address < y->address ? -1 : 1;
	return x->name < y->name ? -1 : x->name > y->name;
}

/* One line: `ffffffff81000000 T name\t[module]`; the name is cut off where it ends. */
static bool read_line(char *line, uint64_t *address, char **name)
{
	char *p = line;

	*address = strtoull(line, &p, 16);
	if (p == line || p[0] != ' ' || !p[1] || p[2] != ' ' || !strchr("tTwW", p[1]))
		return false;
	*name = p + 3;
	(*name)[strcspn(*name, "\t ")] = '\0';
	return true;
}

int kallsyms_init(struct kallsyms *k, struct skbox_error *err)
{
	size_t room = 0;
	bool hidden = true;
	char *next;

	memset(k, 0, sizeof(*k));
	k->names = read_all("/proc/kallsyms", &k->bytes);
	if (!k->names)
		return error_set(err, -ENOENT, 0, "/proc/kallsyms cannot be read: %s",
				 strerror(errno));
	for (char *line = k->names; line && *line; line = next) {
		uint64_t address;
		char *name;

		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		if (!read_line(line, &address, &name))
			continue;
		if (k->n == room) {
			struct kallsym *v;

			room = room ? 2 * room : 1 << 16;
			v = realloc(k->v, room * sizeof(*v));
			if (!v)
				return error_set(err, -ENOMEM, 0, "out of memory");
			k->v = v;
		}
		hidden &= !address;
		k->v[k->n++] =
			(struct kallsym){.address = address, .name = (uint32_t)(name - k->names)};
	}
	if (k->n)
		qsort(k->v, k->n, sizeof(*k->v), by_address);
	if (hidden)
		return error_set(err, -EPERM, 0,
				 "the kernel hides the addresses of its functions "
				 "(kernel.kptr_restrict; the capability SYSLOG helps)");
	return 0;
}

void kallsyms_fini(struct kallsyms *k)
{
	free(k->v);
	free(k->names);
	memset(k, 0, sizeof(*k));
}

bool kallsyms_has(const struct kallsyms *k, const char *name)
{
	for (size_t i = 0; i < k->n; i++)
		if (!strcmp(k->names + k->v[i].name, name))
			return true;
	return false;
}

static int wanted_by_name(const void *a, const void *b)
{
	const struct kallsym_wanted *x = a, *y = b;

	return strcmp(x->name, y->name);
}

void kallsyms_resolve(const struct kallsyms *k, struct kallsym_wanted *v, size_t n)
{
	if (!n)
		return;
	qsort(v, n, sizeof(*v), wanted_by_name);
	for (size_t i = 0; i < k->n; i++) {
		struct kallsym_wanted key = {.name = k->names + k->v[i].name}, *w;

		w = bsearch(&key, v, n, sizeof(*v), wanted_by_name);
		if (!w || (w->found && w->address == k->v[i].address))
			continue;
		w->address = k->v[i].address;
		w->found++;
	}
	/* of several that want one name any was taken */
	for (size_t i = 0, end; i < n; i = end) {
		size_t with = i;

		for (end = i; end < n && !strcmp(v[end].name, v[i].name); end++)
			with = v[end].found ? end : with;
		for (size_t j = i; j < end; j++) {
			v[j].address = v[with].address;
			v[j].found = v[with].found;
		}
	}
}

void kallsyms_describe(const struct kallsyms *k, uint64_t address, char *text, size_t size)
{
	size_t low = 0, high = k->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (k->v[middle].address <= address)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low || address - k->v[low - 1].address >= FUNCTION_MAX) {
		snprintf(text, size, "0x%" PRIx64, address);
		return;
	}
	/* of several names of one address the first */
	for (low--; low && k->v[low - 1].address == k->v[low].address;)
		low--;
	snprintf(text, size, "%s+0x%" PRIx64, k->names + k->v[low].name,
		 address - k->v[low].address);
}
