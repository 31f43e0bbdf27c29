/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyze/output.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/options.h"
#include "cli/terminal.h"

/* Events that were added one by one are written when they are that many bytes, or a whole block. */
enum { BATCH_BYTES = 8 << 20 };

/* The unfinished file, for a signal that ends the program. One output at a time. */
static const char *volatile unfinished;

static void on_signal(int number)
{
	const char *path = unfinished;

	if (path)
		unlink(path);
	terminal_progress_erase();
	signal(number, SIG_DFL);
	raise(number);
}

static void catch_signals(const char *path)
{
	static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};

	unfinished = path;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		signal(numbers[i], path ? on_signal : SIG_DFL);
}

static int fail(const char *path, int code, const char *what)
{
	terminal_error("%s: %s: %s", path, what, strerror(-code));
	return code;
}

/* Whoever ran sudo gets the file. */
static void give_away(int fd)
{
	const char *uid = getenv("SUDO_UID"), *gid = getenv("SUDO_GID");
	uint64_t u, g = (uint64_t)-1;

	if (geteuid() != 0 || !uid || !options_number(uid, &u) || u > INT32_MAX)
		return;
	if (gid && options_number(gid, &g) && g > INT32_MAX)
		g = (uint64_t)-1;
	/* a file system that does not know owners is no reason to fail */
	if (fchown(fd, (uid_t)u, (gid_t)g) != 0)
		return;
}

static int open_beside(struct output *o, const char *path)
{
	o->path = strdup(path);
	if (!o->path || asprintf(&o->temporary, "%s.XXXXXX", path) < 0) {
		o->temporary = NULL;
		return fail(path, -ENOMEM, "cannot create");
	}
	o->fd = mkostemp(o->temporary, O_CLOEXEC);
	if (o->fd < 0) {
		int code = -errno;

		free(o->temporary);
		o->temporary = NULL;
		return fail(path, code, "cannot create");
	}
	give_away(o->fd);
	catch_signals(o->temporary);
	return 0;
}

/* Made by output_prepare(), and not opened yet. */
static struct {
	const char *path;
	struct output output;
} prepared;

int output_prepare(const char *path)
{
	int rc = strcmp(path, "-") ? output_open(&prepared.output, path, 0) : 0;

	if (rc == 0 && strcmp(path, "-") != 0)
		prepared.path = path;
	return rc;
}

bool output_is_prepared(void)
{
	return prepared.path && prepared.output.temporary;
}

void output_unprepare(void)
{
	if (prepared.path)
		output_discard(&prepared.output);
	prepared.path = NULL;
}

static bool take_prepared(struct output *o, const char *path)
{
	if (!prepared.path || strcmp(path, prepared.path) != 0)
		return false;
	*o = prepared.output;
	prepared.path = NULL;
	return true;
}

int output_open(struct output *o, const char *path, int binary)
{
	struct stat st;
	int rc = 0;

	*o = (struct output){.fd = -1};
	if (take_prepared(o, path))
		return 0;
	if (strcmp(path, "-") == 0) {
		if (binary && !terminal_allows_binary(STDOUT_FILENO, "the output"))
			return -EINVAL;
		o->fd = STDOUT_FILENO;
		return 0;
	}
	if (lstat(path, &st) == 0 && S_ISLNK(st.st_mode)) {
		terminal_error("%s: is a symbolic link; name the file itself", path);
		return -ELOOP;
	}
	if (lstat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return fail(path, -EISDIR, "cannot create");
	if (lstat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
		/* a device or a named pipe is written as it is, not replaced */
		o->fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);
		return o->fd < 0 ? fail(path, -errno, "cannot open") : 0;
	}
	rc = open_beside(o, path);
	if (rc < 0)
		output_discard(o);
	return rc;
}

int output_write(void *ctx, const void *data, size_t len)
{
	struct output *o = ctx;
	int rc = terminal_write_all(o->fd, data, len);

	if (rc == 0)
		o->bytes += len;
	return rc;
}

static void output_free(struct output *o)
{
	if (o->fd > STDERR_FILENO)
		close(o->fd);
	free(o->path);
	free(o->temporary);
	*o = (struct output){.fd = -1};
}

void output_discard(struct output *o)
{
	if (o->temporary) {
		unlink(o->temporary);
		catch_signals(NULL);
	}
	output_free(o);
}

int output_commit(struct output *o, int rc)
{
	if (rc == -EPIPE && !o->temporary)
		rc = 0;
	else if (rc < 0)
		terminal_error("%s: cannot write: %s", o->path ? o->path : "the output",
			       strerror(-rc));
	if (rc == 0 && o->temporary) {
		if (rename(o->temporary, o->path) == 0) {
			catch_signals(NULL);
			free(o->temporary);
			o->temporary = NULL;
		} else {
			rc = fail(o->path, -errno, "cannot put it in its place");
		}
	}
	output_discard(o);
	return rc;
}

/* ---- event files ---- */

int output_skbx_open_level(struct output_skbx *o, const char *path, int level)
{
	struct skbx_write_options options = {.level = level};
	struct skbx_output to = {output_write, &o->file};
	int rc;

	*o = (struct output_skbx){.block_events = skbx_block_events(level)};
	if (getrandom(options.id, sizeof(options.id), 0) != sizeof(options.id))
		return fail(path, -EIO, "no random bytes");
	rc = output_open(&o->file, path, 1);
	if (rc < 0)
		return rc;
	o->batch = ev_batch_new();
	rc = o->batch ? skbx_writer_open(&o->writer, &to, &options, &o->err) : -ENOMEM;
	if (rc < 0) {
		output_commit(&o->file, rc);
		ev_batch_free(o->batch);
		o->batch = NULL;
	}
	return rc;
}

int output_skbx_open(struct output_skbx *o, const char *path)
{
	return output_skbx_open_level(o, path, 0);
}

int output_skbx_flush(struct output_skbx *o)
{
	int rc;

	if (o->batch->failed)
		return -ENOMEM;
	if (!o->batch->n)
		return 0;
	rc = skbx_write(o->writer, o->batch, &o->err);
	ev_batch_clear(o->batch);
	return rc;
}

int output_skbx_batch(struct output_skbx *o, const struct ev_batch *batch)
{
	int rc = output_skbx_flush(o);

	return rc < 0 ? rc : skbx_write(o->writer, batch, &o->err);
}

int output_skbx_add(struct output_skbx *o, const struct ev *ev)
{
	ev_copy(o->batch, ev);
	if (o->batch->n >= o->block_events || o->batch->bytes >= BATCH_BYTES)
		return output_skbx_flush(o);
	return 0;
}

static void skbx_fini(struct output_skbx *o)
{
	skbx_writer_free(o->writer);
	ev_batch_free(o->batch);
	o->writer = NULL;
	o->batch = NULL;
}

void output_skbx_abandon(struct output_skbx *o)
{
	skbx_fini(o);
	output_discard(&o->file);
}

int output_skbx_close(struct output_skbx *o, int rc)
{
	if (rc == 0)
		rc = output_skbx_flush(o);
	if (rc == 0)
		rc = skbx_writer_close(o->writer, &o->err);
	skbx_fini(o);
	return output_commit(&o->file, rc);
}
