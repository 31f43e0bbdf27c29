/* SPDX-License-Identifier: BSD-2-Clause */
/* Which system calls the process that writes, and the one that holds the probes, may make (cli/syscalls.h). */
#ifndef CAPTURE_SANDBOX_H
#define CAPTURE_SANDBOX_H

#include <stdbool.h>
#include <sys/types.h>

#include "formats/error.h"

/*
 * From now on all threads get EPERM for everything but reading, writing, memory, threads and time,
 * and, when it makes files, opening and removing them; executing a program or looking into another
 * process ends it. no_new_privs must be set. 0, or a negative errno; 0 where it is not built in.
 */
int sandbox_enter(bool makes_files, struct skbox_error *err);

/*
 * The same for the process that holds the probes: besides, it may look at programs, look into maps, take a
 * descriptor that it is sent, disable perf events, and send signals to `command` (0: to nobody). It can load,
 * attach and change nothing any more.
 */
int sandbox_enter_holder(pid_t command, struct skbox_error *err);

#endif
