/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/complete.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "capture/config/config.h"
#include "capture/config/profile.h"
#include "capture/probe/probe_list.h"
#include "cli/complete.h"
#include "cli/terminal.h"

static void put_if(struct buf *out, const char *name, const char *word)
{
	if (strncmp(name, word, strlen(word)) == 0)
		complete_put(out, "", 0, name, NULL);
}

/* "NAME    help" of the list, in which what has no blank before it is a heading. */
static void put_profiles(struct buf *out, const char *word)
{
	char home[PATH_MAX], name[NAME_MAX + 1];
	const char *dirs[PROFILE_DIRS_MAX], *p;
	const struct option_list none = {0};
	struct buf list = {0};

	profile_dirs(&none, dirs, home, sizeof(home));
	profile_list(dirs, &list);
	buf_u8(&list, 0);
	for (p = list.failed ? "" : (const char *)list.p; *p; p += strcspn(p, "\n"), p += *p != 0) {
		size_t blanks = strspn(p, " "), len = strcspn(p + blanks, " \n");

		if (!blanks || !len || len > NAME_MAX)
			continue;
		memcpy(name, p + blanks, len);
		name[len] = 0;
		put_if(out, name, word);
	}
	buf_free(&list);
	put_if(out, "help", word);
	if (strchr(word, '/'))
		complete_put_files(out, "yaml yml");
}

/* Those that ip netns made, and all; a process id nobody completes. */
static void put_namespaces(struct buf *out, const char *word)
{
	DIR *dir = opendir("/run/netns");
	struct dirent *entry;

	put_if(out, "all", word);
	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			put_if(out, entry->d_name, word);
	if (dir)
		closedir(dir);
}

/* Kinds first: a kernel has 60,000 functions. Those come when a few letters of one are there. */
static void put_probes(struct buf *out, const char *word)
{
	static const char *const kinds[] = {"tp:", "kprobe:", "kretprobe:", "fentry:", "fexit:"};
	enum { LETTERS = 3 };
	const char *colon = strchr(word, ':');
	struct skbox_error err = {0};
	char pattern[256];

	for (size_t i = 0; !colon && i < sizeof(kinds) / sizeof(kinds[0]); i++)
		put_if(out, kinds[i], word);
	if (!colon || (strncmp(word, "tp:", 3) != 0 && strlen(colon + 1) < LETTERS))
		return;
	if (snprintf(pattern, sizeof(pattern), "%s*", word) < (int)sizeof(pattern))
		probe_list_put(out, pattern, NULL, &err);
}

static const struct complete_value values[] = {
	{"probe", put_probes, NULL},
	{"list-probes", put_probes, NULL},
	{"profile", put_profiles, NULL},
	{"netns", put_namespaces, NULL},
	{"out", NULL, "skbx"},
	{"profile-dir", NULL, ""},
	{"btf", NULL, ""},
};

int complete_command_line(int argc, char **argv)
{
	const struct option_row *rows;
	struct terminal_out out;
	size_t n;

	rows = config_rows(&n);
	terminal_open(&out, false);
	if (argc > 0)
		complete_words(&out.buf, rows, n, argc, argv, values,
			       sizeof(values) / sizeof(values[0]), "skbx");
	return terminal_close(&out) < 0 ? 2 : 0;
}
