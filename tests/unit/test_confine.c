/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a command can still do behind confine_enter(): each forbidden call is tried, in a process of its
 * own, and ends in EPERM or in the process's end; each call that commands need works.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "analyze/confine.h"
#include "analyze/output.h"
#include "analyze/sort/journey_spool.h"
#include "analyze/source/input.h"
#include "cli/syscalls.h"

static char folder[] = "/tmp/skbox-confine.XXXXXX";
static char input[64], other[64], result[64], set[64], set_file[64];

static int make_files(void **state)
{
	const char *const paths[] = {input, other, set_file};

	if (!mkdtemp(folder))
		return -1;
	snprintf(input, sizeof(input), "%s/input", folder);
	snprintf(other, sizeof(other), "%s/other", folder);
	snprintf(result, sizeof(result), "%s/result", folder);
	snprintf(set, sizeof(set), "%s/set.0..", folder);
	snprintf(set_file, sizeof(set_file), "%s/set.0", folder);
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		int fd = open(paths[i], O_WRONLY | O_CREAT, 0600);

		if (fd < 0 || write(fd, "abc", 3) != 3)
			return -1;
		close(fd);
	}
	return 0;
}

static int remove_files(void **state)
{
	unlink(input);
	unlink(other);
	unlink(result);
	unlink(set_file);
	return rmdir(folder);
}

/* ---- what is tried ---- */

static int opens(void)
{
	return open(other, O_RDONLY);
}

static int opens_input(void)
{
	return open(input, O_RDONLY);
}

static int creates(void)
{
	return open(result, O_WRONLY | O_CREAT, 0600);
}

static int opens_old(void)
{
#ifdef SYS_open
	return (int)syscall(SYS_open, other, O_RDONLY);
#else
	return opens();
#endif
}

static int opens_openat2(void)
{
	const uint64_t how[3] = {O_RDONLY};

	return (int)syscall(SYS_openat2, AT_FDCWD, other, how, sizeof(how));
}

static int lists(void)
{
	return open(folder, O_RDONLY | O_DIRECTORY);
}

static int writes_folder(void)
{
	return mkdir(result, 0700);
}

static int unlinks(void)
{
	return unlink(other);
}

static int renames(void)
{
	return rename(other, result);
}

static int links(void)
{
	return linkat(AT_FDCWD, other, AT_FDCWD, result, 0);
}

static int changes_mode(void)
{
	return chmod(other, 0777);
}

static int makes_socket(void)
{
	return socket(AF_INET, SOCK_DGRAM, 0);
}

static int makes_unix_socket(void)
{
	return socket(AF_UNIX, SOCK_STREAM, 0);
}

static int makes_socketpair(void)
{
	int fds[2];

	return socketpair(AF_UNIX, SOCK_STREAM, 0, fds);
}

static int connects(void)
{
	const struct sockaddr_un to = {.sun_family = AF_UNIX, .sun_path = "/nowhere"};

	return connect(0, (const struct sockaddr *)&to, sizeof(to));
}

static int executes(void)
{
	return execl("/bin/true", "true", (char *)NULL);
}

static int executes_at(void)
{
	char *const words[] = {folder, NULL};

	return (int)syscall(SYS_execveat, AT_FDCWD, "/bin/true", words, words, 0);
}

static int forks(void)
{
	return (int)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
}

static int traces(void)
{
	return (int)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}

static int reads_memory(void)
{
	char byte;
	struct iovec v = {&byte, 1};

	return (int)process_vm_readv(getppid(), &v, 1, &v, 1, 0);
}

static int kills(void)
{
	return kill(getppid(), 0);
}

static int calls_bpf(void)
{
	return (int)syscall(SYS_bpf, BPF_MAP_CREATE, NULL, 0);
}

static int opens_perf(void)
{
	return (int)syscall(SYS_perf_event_open, NULL, 0, 0, 0, 0);
}

static int mounts(void)
{
	return (int)syscall(SYS_mount, "none", folder, "tmpfs", 0, NULL);
}

static int leaves_namespace(void)
{
	return (int)syscall(SYS_unshare, 0x10000000);
}

static int makes_ring(void)
{
	return (int)syscall(SYS_io_uring_setup, 1, NULL);
}

static int makes_code(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
			       MAP_FAILED
		       ? -1
		       : 0;
}

static int turns_into_code(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? -1 : mprotect(p, 4096, PROT_READ | PROT_EXEC);
}

static int raises_limit(void)
{
	const struct rlimit none = {RLIM_INFINITY, RLIM_INFINITY};

	return setrlimit(RLIMIT_DATA, &none);
}

static int types_into_terminal(void)
{
	return (int)syscall(SYS_ioctl, 0, 0x5412 /* TIOCSTI */, "x");
}

static int changes_user(void)
{
	return (int)syscall(SYS_setuid, 0);
}

static const struct attempt {
	const char *name;
	int (*call)(void);
	bool deadly;
} attempts[] = {
	{"open", opens, false},
	{"open an input again", opens_input, false},
	{"open by the old call", opens_old, false},
	{"openat2", opens_openat2, false},
	{"create", creates, false},
	{"list a folder", lists, false},
	{"mkdir", writes_folder, false},
	{"unlink", unlinks, false},
	{"rename", renames, false},
	{"link", links, false},
	{"chmod", changes_mode, false},
	{"socket", makes_socket, false},
	{"unix socket", makes_unix_socket, false},
	{"socketpair", makes_socketpair, false},
	{"connect", connects, false},
	{"execve", executes, true},
	{"execveat", executes_at, true},
	{"fork", forks, false},
	{"ptrace", traces, true},
	{"process_vm_readv", reads_memory, true},
	{"kill", kills, false},
	{"bpf", calls_bpf, true},
	{"perf_event_open", opens_perf, true},
	{"mount", mounts, true},
	{"unshare", leaves_namespace, true},
	{"io_uring_setup", makes_ring, true},
	{"mmap of code", makes_code, false},
	{"mprotect to code", turns_into_code, false},
	{"setrlimit", raises_limit, false},
	{"TIOCSTI", types_into_terminal, false},
	{"setuid", changes_user, false},
};

/* ---- in a process of its own ---- */

static const struct confine one = {.inputs = (char *const[]){input}, .n = 1};

enum { REFUSED = 10, WENT_THROUGH, OTHER_ERROR };

static void *in_thread_call(void *call)
{
	int rc;

	errno = 0;
	rc = ((int (*)(void))call)();
	_exit(rc >= 0 ? WENT_THROUGH : errno == EPERM ? REFUSED : OTHER_ERROR);
	return NULL;
}

/* The exit status of a child that is confined so and does this; a signal is 1000 and its number. */
static int run(const struct confine *c, int (*call)(void), bool in_thread)
{
	pid_t pid = fork();
	pthread_t t;
	int status;

	if (pid == 0) {
		struct rlimit no_core = {0};

		setrlimit(RLIMIT_CORE, &no_core);
		if (confine_enter(c) < 0)
			_exit(1);
		if (!in_thread)
			in_thread_call(call);
		if (pthread_create(&t, NULL, in_thread_call, call) != 0)
			_exit(2);
		pthread_join(t, NULL);
		_exit(3);
	}
	if (waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

static bool built_in(void)
{
	return strcmp(syscalls_version, "not built in") != 0;
}

static void test_forbidden(void **state)
{
	if (!built_in())
		return;
	for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++) {
		const struct attempt *a = &attempts[i];

		for (int thread = 0; thread < 2; thread++) {
			int got = run(&one, a->call, thread);

			if (got != (a->deadly ? 1000 + SIGSYS : REFUSED))
				fail_msg("%s%s: %d", a->name, thread ? " in a thread" : "", got);
		}
	}
}

/* A set that grows: reading what is there is allowed, and nothing else more. */
static void test_follow(void **state)
{
	struct confine c = one;

	if (!built_in())
		return;
	c.follow = true;
	for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++) {
		const struct attempt *a = &attempts[i];
		bool reads = a->call == opens || a->call == opens_input || a->call == lists;
		int got = run(&c, a->call, false);

		if (got != (reads ? WENT_THROUGH : a->deadly ? 1000 + SIGSYS : REFUSED))
			fail_msg("%s: %d", a->name, got);
	}
}

/* ---- what commands need ---- */

/* The same file twice at once, each from its begin. */
static int reads_inputs(void)
{
	struct input *a, *b;
	size_t len;

	if (input_open(&a, input, NULL) < 0 || input_open(&b, input, NULL) < 0)
		return -1;
	if (memcmp(input_head(a, &len), "abc", 3) != 0 || len != 3 ||
	    memcmp(input_head(b, &len), "abc", 3) != 0 || len != 3)
		return -1;
	input_close(a);
	if (input_open(&a, input, NULL) < 0 || memcmp(input_head(a, &len), "abc", 3) != 0)
		return -1;
	return 0;
}

static int reads_set(void)
{
	struct input *in;

	return input_open(&in, set_file, NULL);
}

static int makes_nameless(void)
{
	int fd = journey_spool_file();

	return fd >= 0 && write(fd, "x", 1) == 1 ? 0 : -1;
}

static int finishes_output(void)
{
	struct output o;

	if (output_open(&o, result, 1) < 0 || output_write(&o, "x", 1) < 0)
		return -1;
	return output_commit(&o, 0);
}

static int sees_files(void)
{
	struct stat st;

	return access(other, R_OK) || stat(other, &st) ? -1 : 0;
}

static void test_allowed(void **state)
{
	const struct confine output = {.inputs = one.inputs, .n = 1, .output = result};
	const struct confine of_set = {.inputs = (char *const[]){set}, .n = 1};
	struct stat st;

	for (int thread = 0; thread < 2; thread++) {
		assert_int_equal(run(&one, reads_inputs, thread), WENT_THROUGH);
		assert_int_equal(run(&of_set, reads_set, thread), WENT_THROUGH);
		assert_int_equal(run(&one, makes_nameless, thread), WENT_THROUGH);
		assert_int_equal(run(&one, sees_files, thread), WENT_THROUGH);
		assert_int_equal(run(&output, finishes_output, thread), WENT_THROUGH);
		assert_int_equal(stat(result, &st), 0);
		assert_int_equal(st.st_mode & 0777, 0600);
		assert_int_equal(unlink(result), 0);
	}
	if (built_in())
		assert_int_equal(run(&of_set, opens, false), REFUSED);
}

static int takes_memory(void)
{
	/* as a list that a file makes us keep would */
	for (int i = 0; i < 8; i++)
		if (!calloc(1, (size_t)1 << 30))
			return -1;
	return 0;
}

static void test_memory(void **state)
{
#ifdef SYSCALLS_SANITIZED
	const int want = WENT_THROUGH;
#else
	const int want = OTHER_ERROR;
#endif

	assert_int_equal(run(&one, takes_memory, false), want);
}

static int describes(void)
{
	struct buf b = {0};
	static const char want[] = "system calls limited (libseccomp ",
			  also[] = ", no new privileges, memory 4096 MiB";

	confine_describe(&b);
	buf_u8(&b, 0);
	return strncmp((char *)b.p, want, strlen(want)) == 0 && strstr((char *)b.p, also) ? 0 : -1;
}

static void test_described(void **state)
{
	if (!built_in())
		return;
	assert_int_equal(run(&one, describes, false), WENT_THROUGH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forbidden), cmocka_unit_test(test_follow),
		cmocka_unit_test(test_allowed),   cmocka_unit_test(test_memory),
		cmocka_unit_test(test_described),
	};

	return cmocka_run_group_tests_name("confine", tests, make_files, remove_files);
}
