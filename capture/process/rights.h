/* SPDX-License-Identifier: BSD-2-Clause */
/* What a process may do, which only ever gets less (capabilities(7), landlock(7)). */
#ifndef CAPTURE_RIGHTS_H
#define CAPTURE_RIGHTS_H

#include <linux/capability.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define RIGHT(cap) (UINT64_C(1) << (cap))

/* Has the capability now. */
bool rights_have(int cap);
/* Its name ("CAP_BPF"), of those that we know; else "a capability". */
const char *rights_name(int cap);

/*
 * Gives up every capability but those of `keep`, also for what this process might execute, and any
 * way to get them back (no_new_privs). What it does not have it cannot keep. 0 or a negative errno.
 */
int rights_keep(uint64_t keep);

/* The user behind sudo, to whom files belong. False: there is none, or we are not root. */
bool rights_user(uid_t *uid, gid_t *gid);

/*
 * Gives up everything, for the process that writes: becomes the user behind sudo, or nobody, and
 * keeps no capability. dir_fd: the directory that it makes files in, -1: it makes none. What it makes
 * must belong to whom it belonged before: with a directory it stays root where there is no sudo, and
 * where the user behind sudo may not write there, then with CAP_CHOWN to hand the files over; and with
 * CAP_DAC_OVERRIDE where root may not write there without. Below that directory is all that it can
 * reach, where the kernel has Landlock (5.13). To be called before there are threads. 0 or a negative
 * errno.
 */
int rights_leave(int dir_fd);

#endif
