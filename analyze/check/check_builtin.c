/* SPDX-License-Identifier: BSD-2-Clause */
/* The files of rules/, as they are, within the program; and where others are looked for. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "analyze/check/check.h"

enum { PATH_BYTES = 600 };

#define TEXT(id, file)                                                                             \
	__asm__(".pushsection .rodata\n"                                                           \
		".global check_text_" #id "\n"                                                     \
		"check_text_" #id ":\n"                                                            \
		".incbin \"" file "\"\n"                                                           \
		".global check_text_end_" #id "\n"                                                 \
		"check_text_end_" #id ":\n"                                                        \
		".byte 0\n"                                                                        \
		".popsection\n");                                                                  \
	extern const char check_text_##id[], check_text_end_##id[]

TEXT(no_drops, "rules/no-drops.yaml");
TEXT(tcp_handshake, "rules/tcp-handshake.yaml");
TEXT(no_retransmits, "rules/no-retransmits.yaml");
TEXT(latency_budget, "rules/latency-budget.yaml");
TEXT(learn, "rules/learn.yaml");

#define ROW(name, id)                                                                              \
	{                                                                                          \
		name, check_text_##id, check_text_end_##id                                         \
	}

const struct check_builtin check_builtins[] = {
	ROW("no-drops", no_drops),
	ROW("tcp-handshake", tcp_handshake),
	ROW("no-retransmits", no_retransmits),
	ROW("latency-budget", latency_budget),
};
const size_t check_builtins_n = sizeof(check_builtins) / sizeof(check_builtins[0]);
const struct check_builtin check_builtin_learn = ROW("learn", learn);

/* ---- files ---- */

static int read_file(struct check *c, const char *path, struct skbox_error *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK), rc;
	struct stat st;
	size_t len = 0;
	ssize_t n = 1;
	char *text;

	if (fd < 0)
		return error_set(err, -errno, 0, "%.150s: %s", path, strerror(errno));
	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_size > YAML_BYTES_MAX) {
		close(fd);
		return error_set(err, -EINVAL, 0, "%.120s: is no regular file of %d bytes at most",
				 path, YAML_BYTES_MAX);
	}
	text = malloc(YAML_BYTES_MAX);
	while (text && n > 0 && len < YAML_BYTES_MAX) {
		n = read(fd, text + len, YAML_BYTES_MAX - len);
		len += n > 0 ? (size_t)n : 0;
	}
	rc = !text ? -ENOMEM : n < 0 ? -errno : 0;
	close(fd);
	if (rc)
		error_set(err, rc, 0, "%.150s: %s", path, strerror(-rc));
	else
		rc = check_rules_read(c, path, text, len, err);
	free(text);
	return rc;
}

/* A file NAME.yaml in one of the directories of rules. -ENOENT: there is none. */
static int read_from_dirs(struct check *c, const char *name, struct skbox_error *err)
{
	const char *config = getenv("XDG_CONFIG_HOME"), *user = getenv("HOME");
	char dirs[3][PATH_BYTES] = {"", "/etc/skbox/rules", "/usr/share/skbox/rules"};
	char path[PATH_BYTES + 80];

	if (config && *config == '/')
		snprintf(dirs[0], PATH_BYTES, "%s/skbox/rules", config);
	else if (user && *user == '/')
		snprintf(dirs[0], PATH_BYTES, "%s/.config/skbox/rules", user);
	for (int i = 0; i < 3; i++) {
		int n = snprintf(path, sizeof(path), "%s/%.60s.yaml", dirs[i], name);

		if (*dirs[i] && n > 0 && (size_t)n < sizeof(path) && access(path, F_OK) == 0)
			return read_file(c, path, err);
	}
	return -ENOENT;
}

static int read_name(struct check *c, const char *name, struct skbox_error *err)
{
	int rc = read_from_dirs(c, name, err);
	char path[60];

	for (size_t i = 0; rc == -ENOENT && i < check_builtins_n; i++) {
		const struct check_builtin *b = &check_builtins[i];

		if (strcmp(b->name, name) != 0)
			continue;
		snprintf(path, sizeof(path), "built-in %s", b->name);
		return check_rules_read(c, path, b->text, (size_t)(b->end - b->text), err);
	}
	if (rc != -ENOENT || err->code)
		return rc;
	return error_set(err, rc, 0,
			 "there are no rules %.40s; there are no-drops, tcp-handshake, "
			 "no-retransmits, latency-budget, or a file: NAME.yaml, ./FILE",
			 name);
}

static bool is_file(const char *word)
{
	const char *dot = strrchr(word, '.');

	return strchr(word, '/') || (dot && (!strcmp(dot, ".yaml") || !strcmp(dot, ".yml")));
}

int check_rules_add(struct check *c, const char *words, struct skbox_error *err)
{
	char *copy = strdup(words), *rest = copy, *word;
	int rc = copy ? 0 : error_set(err, -ENOMEM, 0, "out of memory");

	while (!rc && (word = strsep(&rest, ",")))
		rc = is_file(word) ? read_file(c, word, err) : read_name(c, word, err);
	free(copy);
	return rc;
}
