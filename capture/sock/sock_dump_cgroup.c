// SPDX-License-Identifier: BSD-2-Clause
#include "capture/sock/sock_dump_cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * An id is the inode number of the cgroup's folder, which a file handle of kernfs holds alone:
 * FILEID_KERNFS of include/linux/exportfs.h, since Linux 5.5.
 */
enum { FILEID_KERNFS = 0xfe };

/* One place a hash: a later cgroup takes the place of an earlier one. A host has some hundreds. */
enum { PLACES = 512 };

struct place {
	uint64_t id;
	char *path; /* NULL: not to be found */
};

struct sock_dump_cgroups {
	int mount;
	char root[PATH_MAX];
	struct place places[PLACES];
};

struct sock_dump_cgroups *sock_dump_cgroups_open(void)
{
	struct sock_dump_cgroups *c = calloc(1, sizeof(*c));
	FILE *mounts = c ? setmntent("/proc/self/mounts", "re") : NULL;
	const struct mntent *m;

	if (!mounts) {
		free(c);
		return NULL;
	}
	c->mount = -1;
	while (c->mount < 0 && (m = getmntent(mounts))) {
		if (strcmp(m->mnt_type, "cgroup2") != 0 || strlen(m->mnt_dir) >= sizeof(c->root))
			continue;
		strcpy(c->root, m->mnt_dir);
		c->mount = open(c->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	endmntent(mounts);
	if (c->mount >= 0)
		return c;
	free(c);
	return NULL;
}

void sock_dump_cgroups_close(struct sock_dump_cgroups *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < PLACES; i++)
		free(c->places[i].path);
	close(c->mount);
	free(c);
}

/* Allocated; NULL when it cannot be found. */
static char *find_path(const struct sock_dump_cgroups *c, uint64_t id)
{
	union {
		struct file_handle h;
		uint8_t bytes[sizeof(struct file_handle) + sizeof(uint64_t)];
	} handle = {.h = {.handle_bytes = sizeof(id), .handle_type = FILEID_KERNFS}};
	char link[64], path[PATH_MAX];
	size_t root = strlen(c->root);
	ssize_t n;
	int fd;

	memcpy(handle.h.f_handle, &id, sizeof(id));
	fd = open_by_handle_at(c->mount, &handle.h, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	close(fd);
	if (n < 0)
		return NULL;
	path[n] = '\0';
	if (strncmp(path, c->root, root) != 0 || (path[root] != '/' && path[root] != '\0'))
		return NULL;
	return strdup(path[root] ? path + root : "/");
}

const char *sock_dump_cgroups_path(struct sock_dump_cgroups *c, uint64_t id)
{
	struct place *p;

	if (!c || !id)
		return NULL;
	p = &c->places[id % PLACES];
	if (p->id != id) {
		free(p->path);
		*p = (struct place){.id = id, .path = find_path(c, id)};
	}
	return p->path;
}

/* Line "0::/path" of /proc/self/cgroup: cgroups(7). */
static int own_path(char *path, size_t size)
{
	FILE *f = fopen("/proc/self/cgroup", "re");
	char line[PATH_MAX];
	int rc = -ENOENT;

	if (!f)
		return -errno;
	while (rc && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		/* one that begins with .. is above the root that this cgroup namespace shows */
		if (strncmp(line, "0::/", 4) || !strncmp(line, "0::/..", 6))
			continue;
		rc = snprintf(path, size, "%s", line + 3) < (int)size ? 0 : -ENAMETOOLONG;
	}
	fclose(f);
	return rc;
}

int sock_dump_cgroups_own(uint64_t *id)
{
	struct sock_dump_cgroups *c = sock_dump_cgroups_open();
	char path[PATH_MAX];
	struct stat st;
	int rc = c ? own_path(path, sizeof(path)) : -ENOENT;

	/* the folder's inode number is the id, of 64 bits where inode numbers have as many */
	if (!rc && fstatat(c->mount, path[1] ? path + 1 : ".", &st, 0) < 0)
		rc = -errno;
	if (!rc)
		*id = st.st_ino;
	sock_dump_cgroups_close(c);
	return rc;
}
