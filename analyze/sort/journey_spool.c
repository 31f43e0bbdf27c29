/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyze/sort/journey_spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "analyze/source/input.h"
#include "cli/terminal.h"

enum { PIECE_BYTES = 256 * 1024 };

struct journey_spool {
	char **words; /* n + 1; owned */
	int *fds;     /* of copies; -1: none */
	size_t n;
	off_t stdin_at; /* where standard input stood; -1: it is not an input */
};

int journey_spool_file(void)
{
	const char *const places[] = {getenv("TMPDIR"), "/var/tmp", "/tmp"};
	int rc = -ENOENT, fd;

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		char *name = NULL;

		if (!places[i] || !*places[i])
			continue;
		fd = open(places[i], O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
		if (fd >= 0)
			return fd;
		/* a file system that does not know files without names */
		if (asprintf(&name, "%s/skbox.XXXXXX", places[i]) < 0)
			return -ENOMEM;
		fd = mkostemp(name, O_CLOEXEC);
		rc = -errno;
		if (fd >= 0)
			unlink(name);
		free(name);
		if (fd >= 0)
			return fd;
	}
	/* where no file can be made: a kernel's file system without O_TMPFILE, behind confine_enter() */
	fd = memfd_create("skbox", MFD_CLOEXEC);
	return fd >= 0 ? fd : rc;
}

/* All of `from` into a new file, which stands at its begin: its descriptor, or a negative errno. */
static int copy(int from)
{
	int to = journey_spool_file(), rc = 0;
	char *piece = malloc(PIECE_BYTES);

	if (to >= 0 && !piece)
		rc = -ENOMEM;
	while (to >= 0 && rc == 0) {
		ssize_t n = read(from, piece, PIECE_BYTES);

		if (n == 0)
			break;
		if (n > 0)
			rc = terminal_write_all(to, piece, (size_t)n);
		else if (errno != EINTR)
			rc = -errno;
	}
	free(piece);
	if (to >= 0 && rc == 0 && lseek(to, 0, SEEK_SET) < 0)
		rc = -errno;
	if (to >= 0 && rc < 0) {
		close(to);
		to = rc;
	}
	return to;
}

static int fail(const char *name, int code)
{
	terminal_error("%s: cannot keep a copy to read it twice: %s", name, strerror(-code));
	return code;
}

/* Standard input is replaced by its copy, or remembers where it stood. */
static int spool_stdin(struct journey_spool *s)
{
	struct stat st;
	int fd;

	if (s->stdin_at >= 0)
		return 0; /* named twice */
	if (fstat(STDIN_FILENO, &st) == 0 && S_ISREG(st.st_mode)) {
		s->stdin_at = lseek(STDIN_FILENO, 0, SEEK_CUR);
		return 0;
	}
	fd = copy(STDIN_FILENO);
	if (fd < 0)
		return fail("standard input", fd);
	if (dup2(fd, STDIN_FILENO) < 0) {
		int code = -errno;

		close(fd);
		return fail("standard input", code);
	}
	close(fd);
	s->stdin_at = 0;
	return 0;
}

/* A named pipe, or /dev/fd/63. */
static int spool_pipe(struct journey_spool *s, size_t i)
{
	int from = input_open_fd(s->words[i]), fd;
	char *word = NULL;

	if (from < 0)
		return fail(s->words[i], from);
	fd = copy(from);
	close(from);
	if (fd < 0)
		return fail(s->words[i], fd);
	s->fds[i] = fd;
	if (asprintf(&word, "/proc/self/fd/%d", fd) < 0)
		return fail(s->words[i], -ENOMEM);
	free(s->words[i]);
	s->words[i] = word;
	/* by its name it can be opened while that is allowed */
	if (input_keep_fd(word, fd) < 0)
		return fail(word, -ENOMEM);
	return 0;
}

int journey_spool_new(struct journey_spool **result, char *const *inputs, size_t n)
{
	struct journey_spool *s = calloc(1, sizeof(*s));
	int rc = -ENOMEM;

	*result = NULL;
	if (!s)
		goto out;
	s->n = n;
	s->stdin_at = -1;
	s->words = calloc(n + 1, sizeof(*s->words));
	s->fds = calloc(n + 1, sizeof(*s->fds));
	if (!s->words || !s->fds)
		goto out;
	for (size_t i = 0; i < n; i++) {
		s->fds[i] = -1;
		s->words[i] = strdup(inputs[i]);
		if (!s->words[i])
			goto out;
	}
	rc = n == 0 && !isatty(STDIN_FILENO) ? spool_stdin(s) : 0;
	for (size_t i = 0; i < n && rc == 0; i++) {
		struct stat st;

		if (strcmp(s->words[i], "-") == 0)
			rc = spool_stdin(s);
		else if (stat(s->words[i], &st) == 0 && !S_ISREG(st.st_mode) &&
			 !S_ISDIR(st.st_mode))
			rc = spool_pipe(s, i);
	}
	if (rc == 0)
		*result = s;
out:
	if (rc == -ENOMEM)
		terminal_error("out of memory");
	if (rc < 0)
		journey_spool_free(s);
	return rc;
}

void journey_spool_free(struct journey_spool *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->n && s->words && s->fds; i++) {
		if (s->words[i] && s->fds[i] >= 0)
			close(s->fds[i]);
		free(s->words[i]);
	}
	free(s->words);
	free(s->fds);
	free(s);
}

void journey_spool_rewind(struct journey_spool *s)
{
	/* opening a copy by its descriptor begins at its begin; standard input is shared */
	if (s->stdin_at >= 0)
		lseek(STDIN_FILENO, s->stdin_at, SEEK_SET);
}

char *const *journey_spool_inputs(const struct journey_spool *s)
{
	return s->words;
}
