/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/process/rights.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/landlock.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	NOBODY = 65534, /* what the kernel calls users that it has no number for */
	/* all that the first version of Landlock knows: 13 kinds of access (5.13) */
	LANDLOCK_ALL = (1 << 13) - 1,
	LANDLOCK_FILES = LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_FILE |
			 LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REMOVE_FILE,
};

static const struct {
	int cap;
	const char *name;
} names[] = {
	{CAP_BPF, "CAP_BPF"},
	{CAP_PERFMON, "CAP_PERFMON"},
	{CAP_NET_ADMIN, "CAP_NET_ADMIN"},
	{CAP_SYS_ADMIN, "CAP_SYS_ADMIN"},
	{CAP_SYS_PTRACE, "CAP_SYS_PTRACE"},
	{CAP_SYSLOG, "CAP_SYSLOG"},
};

const char *rights_name(int cap)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].cap == cap)
			return names[i].name;
	return "a capability";
}

/* Effective, permitted and inheritable sets as 64 bits; glibc has no such call. */
static int get_sets(struct __user_cap_data_struct v[2])
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};

	return syscall(SYS_capget, &head, v) ? -errno : 0;
}

bool rights_have(int cap)
{
	struct __user_cap_data_struct v[2] = {0};

	return !get_sets(v) && v[cap / 32].effective & UINT32_C(1) << cap % 32;
}

static int set_effective(uint64_t set)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct v[2] = {0};
	int rc = get_sets(v);

	for (int i = 0; i < 2; i++)
		v[i].effective = v[i].permitted & (uint32_t)(set >> 32 * i);
	return rc ? rc : syscall(SYS_capset, &head, v) ? -errno : 0;
}

/* Without CAP_SETPCAP they stay, which no_new_privs makes harmless. */
static void drop_bounds(uint64_t keep)
{
	for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		if (!(keep & RIGHT(cap)))
			prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
}

int rights_keep(uint64_t keep)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct v[2] = {0};
	int rc = get_sets(v);

	if (rc)
		return rc;
	drop_bounds(keep);
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	for (int i = 0; i < 2; i++) {
		v[i].permitted &= (uint32_t)(keep >> 32 * i);
		v[i].effective = v[i].permitted;
		v[i].inheritable = 0;
	}
	if (syscall(SYS_capset, &head, v) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -errno;
	/* its memory has what it knew before: not for others to read */
	return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) ? -errno : 0;
}

static bool read_id(const char *name, uint32_t *id)
{
	const char *text = getenv(name);
	unsigned long long v;
	char *end;

	if (!text || !*text || strspn(text, "0123456789") != strlen(text))
		return false;
	errno = 0;
	v = strtoull(text, &end, 10);
	*id = (uint32_t)v;
	return !errno && v < UINT32_MAX;
}

bool rights_user(uid_t *uid, gid_t *gid)
{
	return !geteuid() && read_id("SUDO_UID", uid) && read_id("SUDO_GID", gid);
}

/* Whether that user could make files there; 0: root without capabilities. */
static bool may_write(int dir_fd, uid_t uid, gid_t gid)
{
	bool may = false;

	if (!setegid(gid) && !seteuid(uid) && !set_effective(0))
		may = !faccessat(dir_fd, ".", W_OK | X_OK, AT_EACCESS);
	if (set_effective(UINT64_MAX) || seteuid(0) || setegid(0))
		return false;
	return may;
}

static int become(uid_t uid, gid_t gid)
{
	if (setgroups(0, NULL) || setresgid(gid, gid, gid) || setresuid(uid, uid, uid))
		return -errno;
	return 0;
}

/* Nothing of the file system but files in that directory. A kernel without it: as it is. */
static void confine(int dir_fd)
{
	const struct landlock_ruleset_attr attr = {.handled_access_fs = LANDLOCK_ALL};
	struct landlock_path_beneath_attr beneath = {.allowed_access = LANDLOCK_FILES,
						     .parent_fd = dir_fd};
	int fd = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);

	if (fd < 0)
		return;
	if (dir_fd < 0 ||
	    !syscall(SYS_landlock_add_rule, fd, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0))
		syscall(SYS_landlock_restrict_self, fd, 0);
	close(fd);
}

int rights_leave(int dir_fd)
{
	bool makes = dir_fd >= 0, root = !geteuid();
	uid_t uid = 0;
	gid_t gid = 0;
	bool user = rights_user(&uid, &gid) && uid;
	uint64_t keep = 0;
	int rc = 0;

	if (user && makes && !may_write(dir_fd, uid, gid)) {
		keep = RIGHT(CAP_CHOWN);
		user = false;
	}
	if (root && !user && makes && !may_write(dir_fd, 0, 0))
		keep |= RIGHT(CAP_DAC_OVERRIDE);
	drop_bounds(keep);
	if (user)
		rc = become(uid, gid);
	else if (root && !makes)
		become(NOBODY,
		       NOBODY); /* where that is no user (user namespaces) we stay who we are */
	if (!rc)
		rc = rights_keep(keep);
	if (!rc)
		confine(dir_fd);
	return rc;
}
