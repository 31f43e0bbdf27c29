/* SPDX-License-Identifier: BSD-2-Clause */
#include "formats/skbx/skbx_file.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

static ssize_t read_at(void *ctx, void *p, size_t len, uint64_t offset)
{
	ssize_t n;

	do
		n = pread(*(int *)ctx, p, len, (off_t)offset);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

/* A pipe is asked without gaps: its place is the offset. */
static ssize_t read_next(void *ctx, void *p, size_t len, uint64_t offset)
{
	ssize_t n;

	(void)offset;
	do
		n = read(*(int *)ctx, p, len);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

struct skbx_input skbx_file_input(int *fd)
{
	struct stat st;

	if (fstat(*fd, &st) == 0 && S_ISREG(st.st_mode))
		return (struct skbx_input){read_at, fd, st.st_size};
	return (struct skbx_input){read_next, fd, -1};
}
