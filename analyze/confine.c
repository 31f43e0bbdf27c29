/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyze/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>

#include "analyze/output.h"
#include "analyze/source/source.h"
#include "cli/syscalls.h"
#include "cli/terminal.h"

/*
 * What a command may take of memory. The most that one takes by its own limits is some hundred megabytes: 128 MiB
 * for the window of a zstd frame, blocks of 64 MiB for each of 16 threads at worst. Four times that never
 * hinders, and ends what would take the machine along.
 */
static const uint64_t MEMORY_BYTES = UINT64_C(4) << 30;

#define ANY(call)                                                                                  \
	{                                                                                          \
		.name = (call)                                                                     \
	}
/* Flags of openat() with which a file would be written, made or cut. */
#define WRITES   (O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND)
#define NAMELESS (O_TMPFILE & ~O_DIRECTORY)

/* Every command: looking at names, descriptors, files without a name. */
static const struct syscalls_rule always[] = {
	ANY("access"),
	ANY("faccessat"),
	ANY("faccessat2"),
	ANY("stat"),
	ANY("stat64"),
	ANY("lstat"),
	ANY("lstat64"),
	ANY("dup"),
	ANY("dup2"),
	ANY("dup3"),
	ANY("fcntl"),
	ANY("fcntl64"),
	ANY("fadvise64"),
	ANY("fadvise64_64"),
	ANY("arm_fadvise64_64"),
	{"openat", 2, NAMELESS, NAMELESS},
	ANY("memfd_create"),
	ANY("sched_getaffinity"),
	ANY("sysinfo"),
	{"prlimit64", 2, UINT64_MAX, 0},
	ANY("getrlimit"),
	ANY("ugetrlimit"),
	{"prctl", 0, UINT32_MAX, PR_GET_SECCOMP},
	{"prctl", 0, UINT32_MAX, PR_GET_NO_NEW_PRIVS},
};
/* Files to come, and which files of a rotated set there are. */
static const struct syscalls_rule reads[] = {
	{"openat", 2, WRITES, O_RDONLY},
	ANY("getdents64"),
};
/* An output takes its place, or goes. */
static const struct syscalls_rule renames[] = {
	ANY("rename"), ANY("renameat"), ANY("renameat2"), ANY("unlink"), ANY("unlinkat"),
};

enum { RULES_MAX = 64 };

struct rules {
	struct syscalls_rule v[RULES_MAX];
	size_t n;
};

static void add(struct rules *r, const struct syscalls_rule *v, size_t n)
{
	memcpy(r->v + r->n, v, n * sizeof(*v));
	r->n += n;
}

#define ADD(r, table) add(r, table, sizeof(table) / sizeof((table)[0]))

/* As a process has it already when that is less. */
static void limit_memory(uint64_t bytes)
{
	struct rlimit r;

#ifdef SYSCALLS_SANITIZED
	return;
#endif
	if (getrlimit(RLIMIT_DATA, &r) != 0 || (r.rlim_cur != RLIM_INFINITY && r.rlim_cur <= bytes))
		return;
	r.rlim_cur = r.rlim_max = bytes;
	setrlimit(RLIMIT_DATA, &r);
}

/* Many inputs at once. */
static void raise_files(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur < r.rlim_max) {
		r.rlim_cur = r.rlim_max;
		setrlimit(RLIMIT_NOFILE, &r);
	}
}

int confine_enter(const struct confine *c)
{
	uint64_t memory = MEMORY_BYTES + c->memory_bytes;
	struct rules rules = {.n = 0};
	struct skbox_error err;
	bool kept = false;
	int rc = c->output ? output_prepare(c->output) : 0;

	if (rc < 0)
		return rc;
	if (c->paged)
		terminal_prepare();
	tzset(); /* reads a file */
	if (!c->follow) {
		raise_files();
		kept = source_keep(c->inputs, c->n);
	}
	ADD(&rules, always);
	if (!kept)
		ADD(&rules, reads);
	if (output_is_prepared())
		ADD(&rules, renames);
	limit_memory(memory < MEMORY_BYTES ? UINT64_MAX : memory);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	/* what stays possible without it is told by confine_describe() */
	syscalls_limit(rules.v, rules.n, &err);
	return 0;
}

void confine_describe(struct buf *out)
{
	bool filtered = prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == SECCOMP_MODE_FILTER;
	struct rlimit r;

	if (filtered)
		buf_printf(out, "system calls limited (libseccomp %s)", syscalls_version);
	else
		buf_printf(out, "system calls not limited (libseccomp %s)", syscalls_version);
	buf_str(out, prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? ", no new privileges"
								 : ", new privileges");
	if (getrlimit(RLIMIT_DATA, &r) == 0 && r.rlim_cur != RLIM_INFINITY)
		buf_printf(out, ", memory %llu MiB", (unsigned long long)r.rlim_cur >> 20);
	else
		buf_str(out, ", memory without limit");
}
