/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/process/sandbox.h"

#if defined(HAVE_SECCOMP) && !defined(__SANITIZE_ADDRESS__)

#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#define TEXT_OF(x) #x
#define VERSION(x) TEXT_OF(x)
const char *const sandbox_version =
	VERSION(SCMP_VER_MAJOR) "." VERSION(SCMP_VER_MINOR) "." VERSION(SCMP_VER_MICRO);

/* By name: what this machine or this kernel does not have (the C library picks) is left out. */
static const char *const always[] = {
	/* bytes: the rings are memory, files and sockets are open */
	"read",
	"write",
	"readv",
	"writev",
	"recvfrom",
	"sendto",
	"lseek",
	"_llseek",
	"close",
	"fstat",
	"fstat64",
	"newfstatat",
	"fstatat64",
	"statx",
	"fstatfs",
	"fstatfs64",
	"ftruncate",
	"ftruncate64",
	"fsync",
	"fdatasync",
	"poll",
	"ppoll",
	"ppoll_time64",
	"select",
	"pselect6",
	/* memory */
	"brk",
	"mmap",
	"mmap2",
	"munmap",
	"mremap",
	"mprotect",
	"madvise",
	/* threads and time */
	"futex",
	"futex_time64",
	"set_robust_list",
	"rseq",
	"sched_yield",
	"gettid",
	"exit",
	"nanosleep",
	"clock_nanosleep",
	"clock_nanosleep_time64",
	"clock_gettime",
	"clock_gettime64",
	"clock_getres",
	"clock_getres_time64",
	"gettimeofday",
	"time",
	"restart_syscall",
	"rt_sigprocmask",
	"rt_sigaction",
	"rt_sigreturn",
	"sigaltstack",
	/* the end, the others of us, what we took */
	"exit_group",
	"wait4",
	"waitid",
	"getrusage",
	"getrandom",
	"getpid",
	"geteuid",
	"geteuid32",
	"getuid",
	"getuid32",
	"uname",
};
static const char *const files[] = {
	"openat", "unlinkat", "fchmod", "fchown", "fchown32", "getdents64", "renameat", "renameat2",
};
/* What nothing of ours ever tries: whoever does is not us any more. */
static const char *const deadly[] = {
	"execve",
	"execveat",
	"ptrace",
	"process_vm_readv",
	"process_vm_writev",
	"bpf",
	"setns",
	"unshare",
	"mount",
	"init_module",
	"kexec_load",
	"finit_module",
	"perf_event_open",
	"io_uring_setup",
};

static int add_names(scmp_filter_ctx c, const char *const *v, size_t n, uint32_t action)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < n; i++) {
		int call = seccomp_syscall_resolve_name(v[i]);

		if (call == __NR_SCMP_ERROR)
			continue;
		rc = seccomp_rule_add(c, action, call, 0);
		if (rc == -EDOM || rc == -EACCES) /* not on this machine */
			rc = 0;
	}
	return rc;
}

/* Those of which only some uses are needed. */
static int add_special(scmp_filter_ctx c)
{
	int rc = seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
				  SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0));

	/* threads, no processes: the flags of clone3() are in memory, which a filter cannot see */
	if (!rc)
		rc = seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
				      SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));
	if (!rc)
		rc = seccomp_rule_add(c, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	/* what asks whether it is a terminal, and how wide */
	if (!rc)
		rc = seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
				      SCMP_A1(SCMP_CMP_EQ, TCGETS, 0));
	if (!rc)
		rc = seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
				      SCMP_A1(SCMP_CMP_EQ, TIOCGWINSZ, 0));
	return rc;
}

#define COUNT(v) (sizeof(v) / sizeof((v)[0]))

int sandbox_enter(bool makes_files, struct skbox_error *err)
{
	scmp_filter_ctx c = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int rc = c ? 0 : -ENOMEM;

	if (!rc)
		rc = add_names(c, always, COUNT(always), SCMP_ACT_ALLOW);
	if (!rc && makes_files)
		rc = add_names(c, files, COUNT(files), SCMP_ACT_ALLOW);
	if (!rc)
		rc = add_names(c, deadly, COUNT(deadly), SCMP_ACT_KILL_PROCESS);
	if (!rc)
		rc = add_special(c);
	if (!rc)
		rc = seccomp_load(c);
	seccomp_release(c);
	return rc ? error_set(err, rc, 0, "limiting our system calls (seccomp): %s", strerror(-rc))
		  : 0;
}

#else

const char *const sandbox_version = "not built in";

int sandbox_enter(bool makes_files, struct skbox_error *err)
{
	return 0;
}

#endif
