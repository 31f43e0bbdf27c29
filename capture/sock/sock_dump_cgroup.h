/* SPDX-License-Identifier: BSD-2-Clause */
/* Paths of cgroups by the ids that sock_diag tells. */
#ifndef CAPTURE_SOCK_DUMP_CGROUP_H
#define CAPTURE_SOCK_DUMP_CGROUP_H

#include <stdint.h>

struct sock_dump_cgroups;

/*
 * Finds the cgroup2 mount. NULL when there is none, or out of memory: then paths are not known, which
 * sock_dump_cgroups_path() takes. Freed by sock_dump_cgroups_close(), NULL allowed.
 */
struct sock_dump_cgroups *sock_dump_cgroups_open(void);
void sock_dump_cgroups_close(struct sock_dump_cgroups *c);

/*
 * The path below the mount ("/system.slice/x.service"); valid until the next call. NULL when it
 * cannot be found: the cgroup is gone, or the right to open by handle (CAP_DAC_READ_SEARCH) lacks.
 * Answers are kept, also those that say no: ids are not used again while a cgroup lives, and a
 * renamed cgroup does not exist (rename is not supported in cgroup2).
 */
const char *sock_dump_cgroups_path(struct sock_dump_cgroups *c, uint64_t id);

/*
 * The id of the cgroup that this process is in. 0; -ENOENT: there is no cgroup2 mount, or our cgroup is
 * not below it; another negative errno.
 */
int sock_dump_cgroups_own(uint64_t *id);

#endif
