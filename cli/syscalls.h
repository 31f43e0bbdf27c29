/* SPDX-License-Identifier: BSD-2-Clause */
/* Which system calls a program may make from some point on (libseccomp). */
#ifndef CLI_SYSCALLS_H
#define CLI_SYSCALLS_H

#include <stddef.h>
#include <stdint.h>

#include "formats/error.h"

/*
 * A sanitizer opens files and looks into processes when it has something to say, and maps more memory than a
 * limit would allow: programs built with it are not limited.
 */
#if defined(__SANITIZE_ADDRESS__)
#define SYSCALLS_SANITIZED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SYSCALLS_SANITIZED
#endif
#endif

/* Whether this program was built with libseccomp, and which; of a build with sanitizers it is left out. */
extern const char *const syscalls_version;

/* A call that may be made, besides those that every program needs. */
struct syscalls_rule {
	const char *name; /* what this machine does not have is left out */
	/* mask 0: however; else only where (argument & mask) == value, a null pointer being 0 */
	uint8_t argument;
	uint64_t mask, value;
};

/*
 * From now on all threads of this process, and those that it makes, may read and write what is open, and
 * use memory, threads and time; of the rest, the n rules. Executing a program or looking into another process
 * ends it (but where a rule names the call), all else is EPERM. Memory cannot become code. no_new_privs is set by this.
 *
 * 0, or a negative errno with err filled; -ENOSYS where it is not built in, -EINVAL of a kernel without it.
 */
int syscalls_limit(const struct syscalls_rule *rules, size_t n, struct skbox_error *err);

#endif
