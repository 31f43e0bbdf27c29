/* SPDX-License-Identifier: BSD-2-Clause */
/* Which system calls the process that writes may make (cli/syscalls.h). */
#ifndef CAPTURE_SANDBOX_H
#define CAPTURE_SANDBOX_H

#include <stdbool.h>

#include "formats/error.h"

/*
 * From now on all threads get EPERM for everything but reading, writing, memory, threads and time,
 * and, when it makes files, opening and removing them; executing a program or looking into another
 * process ends it. no_new_privs must be set. 0, or a negative errno; 0 where it is not built in.
 */
int sandbox_enter(bool makes_files, struct skbox_error *err);

#endif
