/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/probe/function.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MODULES_MAX = 4096 /* ten times what a distribution's kernel has loaded */ };

struct match {
	const char *pattern;
	bool exact;
	int (*found)(void *ctx, const struct function *f);
	void *ctx;
};

void functions_init(struct functions *f, struct btf *vmlinux)
{
	*f = (struct functions){.vmlinux = vmlinux};
}

void functions_fini(struct functions *f)
{
	for (size_t i = 0; i < f->n; i++)
		btf__free(f->modules[i].btf);
	free(f->modules);
	*f = (struct functions){0};
}

static int add_module(struct functions *f, const char *name)
{
	struct function_module *v;
	size_t len = strlen(name);
	struct btf *btf;

	if (len >= sizeof(v->name) || f->n == MODULES_MAX)
		return 0;
	btf = btf__load_module_btf(name, f->vmlinux);
	if (!btf)
		return 0; /* unloaded in between, or not readable: its functions are not offered */
	v = realloc(f->modules, (f->n + 1) * sizeof(*v));
	if (!v) {
		btf__free(btf);
		return -ENOMEM;
	}
	f->modules = v;
	v += f->n++;
	memcpy(v->name, name, len + 1);
	v->btf = btf;
	return 0;
}

/* Modules have BTF since 5.11 (36e68442d1af). */
static int read_modules(struct functions *f)
{
	DIR *dir = f->has_modules ? NULL : opendir("/sys/kernel/btf");
	struct dirent *d;
	int rc = 0;

	f->has_modules = true;
	while (dir && !rc && (d = readdir(dir)))
		if (d->d_name[0] != '.' && strcmp(d->d_name, "vmlinux"))
			rc = add_module(f, d->d_name);
	if (dir)
		closedir(dir);
	return rc;
}

bool functions_know_struct(struct functions *all, const char *name)
{
	if (btf__find_by_name_kind(all->vmlinux, name, BTF_KIND_STRUCT) > 0)
		return true;
	read_modules(all);
	for (size_t i = 0; i < all->n; i++)
		if (btf__find_by_name_kind(all->modules[i].btf, name, BTF_KIND_STRUCT) > 0)
			return true;
	return false;
}

/* Looks at the functions of one BTF object, whose own types begin at first. */
static int scan(const struct btf *btf, uint32_t first, const char *module, const struct match *m)
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
		snprintf(f.module, sizeof(f.module), "%s", module);
		f.btf_id = id;
		if (m->exact || arguments_are_useful(&f.args))
			rc = m->found(m->ctx, &f);
	}
	return rc;
}

static int scan_all(struct functions *all, const struct match *m)
{
	int rc = scan(all->vmlinux, 1, "", m);

	if (!rc)
		rc = read_modules(all);
	for (size_t i = 0; i < all->n && !rc; i++)
		rc = scan(all->modules[i].btf, btf__type_cnt(all->vmlinux), all->modules[i].name,
			  m);
	return rc;
}

static int keep_first(void *ctx, const struct function *f)
{
	*(struct function *)ctx = *f;
	return 1;
}

int function_find(struct functions *all, const char *name, struct function *f)
{
	const struct match m = {.pattern = name, .exact = true, .found = keep_first, .ctx = f};
	int rc = scan_all(all, &m);

	return rc == 1 ? 0 : rc ? rc : -ENOENT;
}

int function_match(struct functions *all, const char *pattern,
		   int (*found)(void *ctx, const struct function *f), void *ctx)
{
	const struct match m = {.pattern = pattern, .found = found, .ctx = ctx};

	return scan_all(all, &m);
}

int function_open_module(const char *module)
{
	for (uint32_t id = 0; !bpf_btf_get_next_id(id, &id);) {
		char name[FUNCTION_MODULE_MAX] = "";
		struct bpf_btf_info info = {.name = (uintptr_t)name, .name_len = sizeof(name)};
		uint32_t size = sizeof(info);
		int fd = bpf_btf_get_fd_by_id(id);

		if (fd < 0)
			continue; /* gone in between */
		if (!bpf_obj_get_info_by_fd(fd, &info, &size) && info.kernel_btf &&
		    !strcmp(name, module))
			return fd;
		close(fd);
	}
	return -ENOENT;
}
