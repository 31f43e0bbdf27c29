/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/syscalls.h"

#include <errno.h>

#if defined(HAVE_SECCOMP) && !defined(SYSCALLS_SANITIZED)

#include <sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <termios.h>
#include <unistd.h>

#define TEXT_OF(x) #x
#define VERSION(x) TEXT_OF(x)
const char *const syscalls_version =
	VERSION(SCMP_VER_MAJOR) "." VERSION(SCMP_VER_MINOR) "." VERSION(SCMP_VER_MICRO);

#define ANY(call)                                                                                  \
	{                                                                                          \
		.name = (call)                                                                     \
	}

#ifdef __s390__
#define CLONE_FLAGS 1 /* clone(stack, flags, ...) */
#else
#define CLONE_FLAGS 0
#endif

/* Which of these a machine has, and which the C library picks, differs. */
static const struct syscalls_rule always[] = {
	/* bytes of what is open */
	ANY("read"),
	ANY("write"),
	ANY("readv"),
	ANY("writev"),
	ANY("pread64"),
	ANY("pwrite64"),
	ANY("recvfrom"),
	ANY("sendto"),
	ANY("lseek"),
	ANY("_llseek"),
	ANY("close"),
	ANY("fstat"),
	ANY("fstat64"),
	ANY("newfstatat"),
	ANY("fstatat64"),
	ANY("statx"),
	ANY("fstatfs"),
	ANY("fstatfs64"),
	ANY("ftruncate"),
	ANY("ftruncate64"),
	ANY("fsync"),
	ANY("fdatasync"),
	ANY("poll"),
	ANY("ppoll"),
	ANY("ppoll_time64"),
	ANY("select"),
	ANY("pselect6"),
	/* memory that is no code */
	ANY("brk"),
	{"mmap", 2, PROT_EXEC, 0},
	{"mmap2", 2, PROT_EXEC, 0},
	ANY("munmap"),
	ANY("mremap"),
	{"mprotect", 2, PROT_EXEC, 0},
	ANY("madvise"),
	/* threads (no processes) and time */
	{"clone", CLONE_FLAGS, CLONE_THREAD, CLONE_THREAD},
	ANY("futex"),
	ANY("futex_time64"),
	ANY("set_robust_list"),
	ANY("rseq"),
	ANY("sched_yield"),
	ANY("gettid"),
	ANY("exit"),
	ANY("nanosleep"),
	ANY("clock_nanosleep"),
	ANY("clock_nanosleep_time64"),
	ANY("clock_gettime"),
	ANY("clock_gettime64"),
	ANY("clock_getres"),
	ANY("clock_getres_time64"),
	ANY("gettimeofday"),
	ANY("time"),
	ANY("restart_syscall"),
	ANY("rt_sigprocmask"),
	ANY("rt_sigaction"),
	ANY("rt_sigreturn"),
	ANY("sigaltstack"),
	/* the end, children, what was taken */
	ANY("exit_group"),
	ANY("wait4"),
	ANY("waitid"),
	ANY("getrusage"),
	ANY("getrandom"),
	ANY("getpid"),
	ANY("geteuid"),
	ANY("geteuid32"),
	ANY("getuid"),
	ANY("getuid32"),
	ANY("uname"),
	/* whether something is a terminal, and how wide */
	{"ioctl", 1, UINT32_MAX, TCGETS},
	{"ioctl", 1, UINT32_MAX, TIOCGWINSZ},
};

/* What nothing of ours ever tries: whoever does is not us any more. */
static const struct syscalls_rule deadly[] = {
	ANY("execve"),
	ANY("execveat"),
	ANY("ptrace"),
	ANY("process_vm_readv"),
	ANY("process_vm_writev"),
	ANY("bpf"),
	ANY("setns"),
	ANY("unshare"),
	ANY("mount"),
	ANY("init_module"),
	ANY("kexec_load"),
	ANY("finit_module"),
	ANY("perf_event_open"),
	ANY("io_uring_setup"),
};

#define COUNT(v) (sizeof(v) / sizeof((v)[0]))

static int add(scmp_filter_ctx c, const struct syscalls_rule *v, size_t n, uint32_t action)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < n; i++) {
		const struct scmp_arg_cmp compare = {v[i].argument, SCMP_CMP_MASKED_EQ, v[i].mask,
						     v[i].value};
		int call = seccomp_syscall_resolve_name(v[i].name);

		if (call == __NR_SCMP_ERROR)
			continue;
		rc = seccomp_rule_add_array(c, action, call, v[i].mask != 0, &compare);
		if (rc == -EDOM || rc == -EACCES) /* not on this machine */
			rc = 0;
	}
	return rc;
}

static bool is_named(const char *name, const struct syscalls_rule *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(v[i].name, name))
			return true;
	return false;
}

/* The deadly ones; of one that a rule names, what the rule does not allow is refused as all else is. */
static int add_deadly(scmp_filter_ctx c, const struct syscalls_rule *v, size_t n)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < COUNT(deadly); i++)
		if (!is_named(deadly[i].name, v, n))
			rc = add(c, &deadly[i], 1, SCMP_ACT_KILL_PROCESS);
	return rc;
}

int syscalls_limit(const struct syscalls_rule *rules, size_t n, struct skbox_error *err)
{
	/* a signal to oneself, which abort() and raise() send */
	const struct syscalls_rule own = {"tgkill", 0, UINT32_MAX, (uint32_t)getpid()};
	scmp_filter_ctx c = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int rc = c ? 0 : -ENOMEM;

	if (!rc)
		rc = seccomp_attr_set(c, SCMP_FLTATR_CTL_TSYNC, 1);
	if (!rc)
		rc = add(c, always, COUNT(always), SCMP_ACT_ALLOW);
	if (!rc)
		rc = add(c, &own, 1, SCMP_ACT_ALLOW);
	if (!rc)
		rc = add(c, rules, n, SCMP_ACT_ALLOW);
	if (!rc)
		rc = add_deadly(c, rules, n);
	/* its flags are in memory, which a filter cannot see: the C library takes clone() then */
	if (!rc)
		rc = seccomp_rule_add(c, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	if (!rc)
		rc = seccomp_load(c);
	seccomp_release(c);
	return rc ? error_set(err, rc, 0, "limiting our system calls (seccomp): %s", strerror(-rc))
		  : 0;
}

#else

const char *const syscalls_version = "not built in";

int syscalls_limit(const struct syscalls_rule *rules, size_t n, struct skbox_error *err)
{
	return error_set(err, -ENOSYS, 0, "limiting our system calls (seccomp) is not built in");
}

#endif
