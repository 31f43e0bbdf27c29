/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Profiles: options of the recorder with a name, in YAML files of the same form as Retis' (version,
 * name, about, and a list `collect` of which the first entry that fits the kernel is taken). The
 * arguments are our own long options.
 */
#ifndef CAPTURE_PROFILE_H
#define CAPTURE_PROFILE_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/options.h"
#include "cli/yaml.h"
#include "formats/buf.h"
#include "formats/error.h"

/* What `when` asks the kernel about. */
struct profile_kernel {
	const char *release; /* uname -r */
	bool (*has_symbol)(void *ctx, const char *name);
	void *ctx;
};

/* This kernel; it reads /proc/kallsyms when it is asked for a symbol. */
void profile_kernel_init(struct profile_kernel *k);
void profile_kernel_fini(struct profile_kernel *k);

struct profile {
	const char *name, *about; /* of the tree */
	char *path;               /* owned; of a built-in one "built-in NAME" */
	struct yaml *root;        /* owned */
};

/* Reads and checks a profile from memory; path is for messages: PATH:LINE:COLUMN. */
int profile_read(struct profile *p, const char *path, const char *text, size_t len,
		 struct skbox_error *err);
/* The same of a tree that was read, which is the profile's from then on. */
int profile_take(struct profile *p, const char *path, struct yaml *root, struct skbox_error *err);
void profile_free(struct profile *p);

/*
 * The profile of a word: a file when there is a '/' in it, else a name, looked for in dirs (NULL at
 * the end), then among ours. -ENOENT with the names that there are.
 */
int profile_find(struct profile *p, const char *word, const char *const *dirs,
		 struct skbox_error *err);

/*
 * Sets the options of the entry that fits; probes go into their list, with words that live as long as
 * the profile. -EPROTO with PATH:LINE:COLUMN for what is no option, has the wrong type or a value
 * that is none. -ENOENT: nothing in it fits this kernel.
 */
int profile_apply(const struct profile *p, const struct option_row *rows, size_t n, void *config,
		  struct option_list *probes, const struct profile_kernel *kernel,
		  struct skbox_error *err);

/* The text of --profile help: of each directory and of ours, names and what they are about. */
void profile_list(const char *const *dirs, struct buf *out);

enum { PROFILE_DIRS_MAX = 20 };
/*
 * Fills dirs, NULL at the end, in the order of search: own ones, $XDG_CONFIG_HOME/skbox/profiles
 * (~/.config), /etc/skbox/profiles, /usr/share/skbox/profiles. home is room for the second.
 */
void profile_dirs(const struct option_list *own, const char *dirs[PROFILE_DIRS_MAX], char *home,
		  size_t home_size);

/* Whether a kernel's release meets ">=5.8, <6.12". -1: that is no such text. */
int profile_version_fits(const char *wanted, const char *release);

/* Ours (profile_builtin.c): name and text. */
struct profile_builtin {
	const char *name;
	const char *text, *end;
};
extern const struct profile_builtin profile_builtins[];
extern const size_t profile_builtins_n;

#endif
