/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/probe/function.h"

#include <bpf/btf.h>
#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

struct match {
	const char *pattern;
	bool exact;
	int (*found)(void *ctx, const struct function *f);
	void *ctx;
};

/* Looks at the functions of one BTF object, whose own types begin at first. */
static int scan(const struct btf *btf, uint32_t first, bool module, const struct match *m)
{
	uint32_t n = btf__type_cnt(btf);
	int rc = 0;

	for (uint32_t id = first; id < n && !rc; id++) {
		const struct btf_type *t = btf__type_by_id(btf, id);
		struct function f;
		const char *name;

		if (!btf_is_func(t))
			continue;
		name = btf__name_by_offset(btf, t->name_off);
		if (strlen(name) >= sizeof(f.name) ||
		    (m->exact ? strcmp(m->pattern, name) : fnmatch(m->pattern, name, 0)) ||
		    !arguments_find(&f.args, btf, t->type, 0))
			continue;
		snprintf(f.name, sizeof(f.name), "%s", name);
		f.btf_id = module ? 0 : id;
		if (m->exact || arguments_are_useful(&f.args))
			rc = m->found(m->ctx, &f);
	}
	return rc;
}

/* Modules have BTF since 5.11 (36e68442d1af). */
static int scan_all(struct btf *vmlinux, const struct match *m)
{
	int rc = scan(vmlinux, 1, false, m);
	DIR *dir = rc ? NULL : opendir("/sys/kernel/btf");
	struct dirent *d;

	while (dir && !rc && (d = readdir(dir))) {
		struct btf *btf;

		if (d->d_name[0] == '.' || !strcmp(d->d_name, "vmlinux"))
			continue;
		btf = btf__load_module_btf(d->d_name, vmlinux);
		if (!btf)
			continue;
		rc = scan(btf, btf__type_cnt(vmlinux), true, m);
		btf__free(btf);
	}
	if (dir)
		closedir(dir);
	return rc;
}

static int keep_first(void *ctx, const struct function *f)
{
	*(struct function *)ctx = *f;
	return 1;
}

int function_find(struct btf *vmlinux, const char *name, struct function *f)
{
	const struct match m = {.pattern = name, .exact = true, .found = keep_first, .ctx = f};

	return scan_all(vmlinux, &m) == 1 ? 0 : -ENOENT;
}

int function_match(struct btf *vmlinux, const char *pattern,
		   int (*found)(void *ctx, const struct function *f), void *ctx)
{
	const struct match m = {.pattern = pattern, .found = found, .ctx = ctx};

	return scan_all(vmlinux, &m);
}
