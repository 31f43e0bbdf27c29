/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loaded before the recorder (LD_PRELOAD): a disk that fails. From FAULT_AT bytes on writing to files fails
 * with the error FAULT_ERRNO, in the middle of whatever is being written.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static size_t written;

ssize_t write(int fd, const void *p, size_t n)
{
	static ssize_t (*real)(int, const void *, size_t);
	const char *at = getenv("FAULT_AT"), *error = getenv("FAULT_ERRNO");
	size_t room;
	struct stat st;
	ssize_t rc;

	if (!real)
		real = (ssize_t(*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
	if (!at || !error || fd <= STDERR_FILENO || fstat(fd, &st) || !S_ISREG(st.st_mode))
		return real(fd, p, n);
	room = (size_t)atol(at) > written ? (size_t)atol(at) - written : 0;
	if (!room) {
		errno = atoi(error);
		return -1;
	}
	rc = real(fd, p, n < room ? n : room);
	if (rc > 0)
		written += (size_t)rc;
	return rc;
}
