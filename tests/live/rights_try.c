/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Gives up rights as the process that writes does, and the one that holds the probes, and tries what they must not
 * be able to do.
 * usage: rights_try DIRECTORY OTHER: DIRECTORY may be written into by root alone or by a user
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "capture/process/rights.h"
#include "capture/process/sandbox.h"

static const char *other;

/* Each returns what the kernel said: 0 or above when it was let do it. */
static long try_socket(void)
{
	return socket(AF_INET, SOCK_STREAM, 0);
}

static long try_open(void)
{
	return open("/etc/passwd", O_RDONLY);
}

static long try_make(void)
{
	return open(other, O_WRONLY | O_CREAT | O_EXCL, 0600);
}

static long try_fork(void)
{
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	return pid;
}

static long try_kill(void)
{
	return kill(getppid(), 0);
}

static long try_root(void)
{
	return setuid(0);
}

static long try_exec(void)
{
	char *const argv[] = {(char *)"true", NULL};

	return execv("/bin/true", argv);
}

static long try_ptrace(void)
{
	return ptrace(PTRACE_ATTACH, getppid(), NULL, NULL);
}

/* A map that the kernel lets make who has CAP_BPF. */
static long try_bpf(void)
{
	union bpf_attr attr = {.map_type = BPF_MAP_TYPE_ARRAY};

	attr.key_size = attr.value_size = 4;
	attr.max_entries = 1;
	return syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr));
}

static long try_mount(void)
{
	return syscall(SYS_mount, "none", "/mnt", "tmpfs", 0, NULL);
}

static const struct {
	const char *name;
	long (*try)(void);
	bool deadly;
} tries[] = {
	{"opening a socket", try_socket, false},
	{"opening a file", try_open, false},
	{"making a file", try_make, false},
	{"forking", try_fork, false},
	{"signals to others", try_kill, false},
	{"becoming root", try_root, false},
	{"executing", try_exec, true},
	{"looking into a process", try_ptrace, true},
	{"making a BPF map", try_bpf, true},
	{"mounting", try_mount, true},
};

/* One attempt, in a process of its own: 0: it was let do it, 1: refused, 2: it was ended for it. */
static int attempt(size_t i, int dir, bool holds)
{
	struct skbox_error err = {0};
	pid_t pid = fork();
	int status;

	if (!pid) {
		if (holds ? rights_keep(UINT64_C(1) << CAP_BPF) || sandbox_enter_holder(0, &err)
			  : rights_leave(dir) || sandbox_enter(dir >= 0, &err))
			_exit(9);
		_exit(tries[i].try() < 0);
	}
	if (waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status) == SIGSYS ? 2 : -1;
}

static void try_all(const char *who, int dir, bool holds)
{
	for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
		int got = attempt(i, dir, holds);
		/* what holds the probes may ask BPF for other things, so this is no proof of an intruder */
		int want = tries[i].deadly && !(holds && tries[i].try == try_bpf) ? 2 : 1;

		printf("%s %s: %s is refused", got == want ? "ok" : "not ok", who, tries[i].name);
		if (got != want)
			printf(": got %d, expected %d", got, want);
		printf("\n");
		fflush(stdout);
	}
}

/* What it must be able to do. */
static int work(const char *dir_name)
{
	int dir = open(dir_name, O_RDONLY | O_DIRECTORY), fd;
	struct skbox_error err = {0};
	void *p;

	if (dir < 0 || rights_leave(dir) || sandbox_enter(true, &err))
		return 1;
	fd = openat(dir, "made", O_WRONLY | O_CREAT | O_EXCL, 0600);
	p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return fd < 0 || write(fd, "x", 1) != 1 || fsync(fd) || ftruncate(fd, 0) ||
	       unlinkat(dir, "made", 0) || p == MAP_FAILED;
}

int main(int argc, char **argv)
{
	char path[4096];
	int status = 0;
	pid_t pid;

	if (argc != 3)
		return 2;
	snprintf(path, sizeof(path), "%s/made", argv[2]);
	other = path;
	try_all("the writer", -1, false);
	try_all("the writer of several files", open(argv[1], O_RDONLY | O_DIRECTORY), false);
	try_all("what holds the probes", -1, true);
	pid = fork();
	if (!pid)
		_exit(work(argv[1]));
	waitpid(pid, &status, 0);
	printf("%s the writer of several files can make and remove them", status ? "not ok" : "ok");
	printf(status ? ": status %x\n" : "\n", (unsigned int)status);
	return 0;
}
