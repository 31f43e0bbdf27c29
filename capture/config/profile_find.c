/* SPDX-License-Identifier: BSD-2-Clause */
/* Where profiles are: in a file, in directories, among ours; and what the kernel is. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "capture/config/profile.h"
#include "formats/text/text.h"

enum { NAME_COLUMN = 20, FILES_MAX = 1000, PATH_BYTES = 600 };

/* ---- the kernel ---- */

/* Whether a line of /proc/kallsyms ("ADDRESS TYPE NAME[\t[MODULE]]") has the name. */
static bool line_has(const char *line, const char *name)
{
	const char *p = strchr(line, ' ');
	size_t len = strlen(name);

	p = p ? strchr(p + 1, ' ') : NULL;
	return p && !strncmp(p + 1, name, len) && (p[1 + len] == '\n' || p[1 + len] == '\t');
}

static bool has_symbol(void *ctx, const char *name)
{
	FILE *f = fopen("/proc/kallsyms", "re");
	char line[512];
	bool found = false;

	while (f && !found && fgets(line, sizeof(line), f))
		found = line_has(line, name);
	if (f)
		fclose(f);
	return found;
}

void profile_kernel_init(struct profile_kernel *k)
{
	struct utsname *uts = calloc(1, sizeof(*uts));

	*k = (struct profile_kernel){.release = "", .has_symbol = has_symbol, .ctx = uts};
	if (uts && !uname(uts))
		k->release = uts->release;
}

void profile_kernel_fini(struct profile_kernel *k)
{
	free(k->ctx);
	*k = (struct profile_kernel){0};
}

/* ---- places ---- */

void profile_dirs(const struct option_list *own, const char *dirs[PROFILE_DIRS_MAX], char *home,
		  size_t home_size)
{
	const char *config = getenv("XDG_CONFIG_HOME"), *user = getenv("HOME");
	size_t n = 0;

	for (size_t i = 0; i < own->n && n < PROFILE_DIRS_MAX - 4; i++)
		dirs[n++] = own->v[i];
	if (config && *config == '/')
		snprintf(home, home_size, "%s/skbox/profiles", config);
	else if (user && *user == '/')
		snprintf(home, home_size, "%s/.config/skbox/profiles", user);
	else
		*home = '\0';
	if (*home)
		dirs[n++] = home;
	dirs[n++] = "/etc/skbox/profiles";
	dirs[n++] = "/usr/share/skbox/profiles";
	dirs[n] = NULL;
}

static int is_yaml(const struct dirent *e)
{
	const char *dot = strrchr(e->d_name, '.');

	return dot && *e->d_name != '.' && (!strcmp(dot, ".yaml") || !strcmp(dot, ".yml"));
}

static int read_file(struct profile *p, const char *path, struct skbox_error *err)
{
	struct yaml *root;
	int rc = yaml_read_file(&root, path, err);

	*p = (struct profile){0};
	return rc ? rc : profile_take(p, path, root, err);
}

/* Calls back for each file of a directory, by name, until the callback says true. */
static bool each_file(const char *dir,
		      bool (*call)(void *ctx, struct profile *p, const struct skbox_error *err),
		      void *ctx)
{
	struct dirent **v;
	int n = scandir(dir, &v, is_yaml, alphasort);
	bool done = false;

	for (int i = 0; i < n; i++) {
		struct skbox_error err = {0};
		struct profile p = {0};
		char path[PATH_BYTES];

		if (!done && i < FILES_MAX) {
			snprintf(path, sizeof(path), "%s/%s", dir, v[i]->d_name);
			read_file(&p, path, &err);
			done = call(ctx, &p, &err);
			profile_free(&p);
		}
		free(v[i]);
	}
	if (n >= 0)
		free(v);
	return done;
}

/* ---- one ---- */

struct search {
	const char *name;
	struct profile *found;
	struct skbox_error broken; /* the first file that could not be read */
};

static bool is_it(void *ctx, struct profile *p, const struct skbox_error *err)
{
	struct search *s = ctx;

	if (err->code) {
		if (!s->broken.code)
			s->broken = *err;
		return false;
	}
	if (strcmp(p->name, s->name))
		return false;
	*s->found = *p;
	*p = (struct profile){0};
	return true;
}

static int read_builtin(struct profile *p, const struct profile_builtin *b, struct skbox_error *err)
{
	char path[60];

	snprintf(path, sizeof(path), "built-in %s", b->name);
	return profile_read(p, path, b->text, (size_t)(b->end - b->text), err);
}

int profile_find(struct profile *p, const char *word, const char *const *dirs,
		 struct skbox_error *err)
{
	struct search s = {.name = word, .found = p};

	*p = (struct profile){0};
	if (strchr(word, '/'))
		return read_file(p, word, err);
	for (; *dirs; dirs++)
		if (each_file(*dirs, is_it, &s))
			return 0;
	for (size_t i = 0; i < profile_builtins_n; i++)
		if (!strcmp(profile_builtins[i].name, word))
			return read_builtin(p, &profile_builtins[i], err);
	if (s.broken.code)
		return error_set(err, -ENOENT, 0, "there is no profile %.40s (and %.140s)", word,
				 s.broken.text);
	return error_set(err, -ENOENT, 0,
			 "there is no profile %.60s; --profile help lists them, a file is named "
			 "with its directory (./%.60s)",
			 word, word);
}

/* ---- all ---- */

static void put(struct buf *out, const struct profile *p)
{
	size_t from = out->len;

	buf_str(out, "  ");
	text_untrusted(out, p->name, strlen(p->name));
	do
		buf_u8(out, ' ');
	while (!out->failed && out->len - from < NAME_COLUMN + 3);
	text_untrusted(out, p->about, strlen(p->about));
	buf_u8(out, '\n');
}

struct listing {
	struct buf *out;
	const char *dir;
	bool head;
};

static bool list_it(void *ctx, struct profile *p, const struct skbox_error *err)
{
	struct listing *l = ctx;

	if (!l->head) {
		text_untrusted(l->out, l->dir, strlen(l->dir));
		buf_str(l->out, ":\n");
	}
	l->head = true;
	if (err->code) {
		buf_str(l->out, "  ");
		text_untrusted(l->out, err->text, strlen(err->text));
		buf_u8(l->out, '\n');
	} else {
		put(l->out, p);
	}
	return false;
}

void profile_list(const char *const *dirs, struct buf *out)
{
	for (; *dirs; dirs++) {
		struct listing l = {out, *dirs, false};

		each_file(*dirs, list_it, &l);
	}
	buf_str(out, "built-in:\n");
	for (size_t i = 0; i < profile_builtins_n; i++) {
		struct skbox_error err = {0};
		struct profile p;

		if (!read_builtin(&p, &profile_builtins[i], &err))
			put(out, &p);
		profile_free(&p);
	}
}
