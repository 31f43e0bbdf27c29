/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/file/rotate.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "capture/process/rights.h"
#include "cli/options.h"
#include "formats/skbx/skbx.h"

enum {
	NAME_BYTES = 300,
	OPEN_FLAGS = O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW,
};

bool rotate_parse(const char *text, void *member, char *why, size_t why_size)
{
	struct rotate_limits *limits = member;
	const char *unit = text + strspn(text, "0123456789.");
	uint64_t v;

	limits->on = true;
	if (!strcmp(text, "signal"))
		return true;
	/* a bare number would be bytes to one reader and seconds to the next */
	if (*unit && options_time(text, &v)) {
		limits->time_ns = v;
		snprintf(why, why_size, "less than a second");
		return v >= UINT64_C(1000000000);
	}
	if (*unit && options_size(text, &v)) {
		limits->bytes = v;
		snprintf(why, why_size, "a file has at least 1M");
		return v >= ROTATE_MIN_BYTES;
	}
	snprintf(why, why_size, "neither a size (64M, 2G) nor a time (30s, 10m, 1h) nor signal");
	return false;
}

/* ---- files of earlier recordings ---- */

/* Whether a name is that of a file of the set: NAME.N, as we write N. */
static bool is_of_set(const struct rotate *r, const char *name)
{
	size_t len = strlen(r->name);
	const char *number = name + len + 1;

	return !strncmp(name, r->name, len) && name[len] == '.' && *number &&
	       strspn(number, "0123456789") == strlen(number) && (*number != '0' || !number[1]);
}

static bool is_event_file(const struct rotate *r, const char *name)
{
	int fd = openat(r->dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);
	uint8_t head[SKBX_HEADER_BYTES];
	struct stat st;
	ssize_t n = -1;

	if (fd >= 0 && !fstat(fd, &st) && S_ISREG(st.st_mode))
		n = read(fd, head, sizeof(head));
	if (fd >= 0)
		close(fd);
	/* an empty one is what a full disk leaves */
	return n == 0 || (n == sizeof(head) && skbx_recognize(head, sizeof(head)));
}

static int check_older(struct rotate *r, const char *name, struct skbox_error *err)
{
	if (!r->options.force)
		return error_set(err, -EEXIST, 0,
				 "%.100s exists: files of an earlier recording are removed with "
				 "--force only",
				 name);
	if (!is_event_file(r, name))
		return error_set(err, -EEXIST, 0, "%.100s is no event file: it is not removed",
				 name);
	return 0;
}

/*
 * All of an older set go, not just those whose numbers come again: what is left over would be read
 * as the end of this recording. First all are looked at, then all are removed.
 */
static int remove_older(struct rotate *r, struct skbox_error *err)
{
	int fd = openat(r->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *e;

	if (!dir) {
		rc = error_set(err, -errno, 0, "reading the directory of %.100s: %s",
			       r->options.path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return rc;
	}
	while (!rc && (e = readdir(dir)))
		if (is_of_set(r, e->d_name))
			rc = check_older(r, e->d_name, err);
	rewinddir(dir);
	while (!rc && (e = readdir(dir)))
		if (is_of_set(r, e->d_name) && unlinkat(r->dir_fd, e->d_name, 0) && errno != ENOENT)
			rc = error_set(err, -errno, 0, "removing %.100s: %s", e->d_name,
				       strerror(errno));
	closedir(dir);
	return rc;
}

/* ---- life ---- */

int rotate_open(struct rotate *r, const struct rotate_options *options, struct skbox_error *err)
{
	const char *slash = strrchr(options->path, '/');
	char *dir =
		slash ? strndup(options->path, (size_t)(slash - options->path) + 1) : strdup(".");

	*r = (struct rotate){
		.options = *options, .dir_fd = -1, .name = slash ? slash + 1 : options->path};
	if (!dir)
		return error_set(err, -ENOMEM, 0, "out of memory");
	r->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(dir);
	if (r->dir_fd < 0)
		return error_set(err, -errno, 0, "the directory of %.100s: %s", options->path,
				 strerror(errno));
	if (!*r->name || strlen(r->name) > NAME_MAX - 8)
		return error_set(err, -EINVAL, 0, "%.100s is no name of a file", options->path);
	return options->limits.on ? remove_older(r, err) : 0;
}

void rotate_close(struct rotate *r)
{
	if (r->dir_fd >= 0)
		close(r->dir_fd);
	r->dir_fd = -1;
}

static void name_of(const struct rotate *r, uint64_t id, char *text, size_t size)
{
	if (r->options.limits.on)
		snprintf(text, size, "%s.%llu", r->name, (unsigned long long)id);
	else
		snprintf(text, size, "%s", r->name);
}

void rotate_name(const struct rotate *r, char *text, size_t size)
{
	if (r->options.limits.on)
		snprintf(text, size, "%.150s.%llu", r->options.path,
			 (unsigned long long)(r->next ? r->next - 1 : 0));
	else
		snprintf(text, size, "%.150s", r->options.path);
}

static int own_file(int fd, const char *name, struct skbox_error *err)
{
	struct stat st;
	uid_t uid;
	gid_t gid;

	if (fstat(fd, &st) || !S_ISREG(st.st_mode))
		return 0;
	if (fchmod(fd, 0600) || (rights_user(&uid, &gid) && fchown(fd, uid, gid)))
		return error_set(err, -errno, 0, "%.100s: setting its owner and mode: %s", name,
				 strerror(errno));
	return 0;
}

int rotate_next(struct rotate *r, struct skbox_error *err)
{
	bool numbered = r->options.limits.on;
	char name[NAME_BYTES];
	int fd, rc;

	if (numbered && r->options.keep && r->next >= r->options.keep) {
		name_of(r, r->next - r->options.keep, name, sizeof(name));
		/* somebody may have taken it away: that is what we want */
		if (unlinkat(r->dir_fd, name, 0) && errno != ENOENT)
			return error_set(err, -errno, 0, "removing %.100s: %s", name,
					 strerror(errno));
	}
	name_of(r, r->next, name, sizeof(name));
	fd = openat(r->dir_fd, name,
		    OPEN_FLAGS | (r->options.force && !numbered ? O_TRUNC : O_EXCL), 0600);
	if (fd < 0 && errno == EEXIST)
		return error_set(err, -EEXIST, 0, "%.100s exists: %s", name,
				 numbered ? "somebody made it meanwhile"
					  : "it is overwritten with --force only");
	if (fd < 0 && errno == ELOOP)
		return error_set(err, -ELOOP, 0, "%.100s is a symbolic link: it is not followed",
				 name);
	if (fd < 0)
		return error_set(err, -errno, 0, "%.100s: %s", name, strerror(errno));
	r->next++;
	rc = own_file(fd, name, err);
	if (rc)
		close(fd);
	return rc ? rc : fd;
}

uint64_t rotate_disk_free(int fd)
{
	struct statvfs st;

	/* a pipe has no disk, and the kernel's first file system does not say how much it has */
	if (fstatvfs(fd, &st) || !st.f_blocks)
		return UINT64_MAX;
	return (uint64_t)st.f_bavail * st.f_frsize;
}
