/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The process that enters network namespaces: snapshots of sockets, names of devices and namespaces.
 * It is made before anything of BPF is, and keeps just what that needs: CAP_SYS_ADMIN to enter a
 * namespace (and to have the kernel measure BPF programs, stats.h), CAP_SYS_PTRACE to see which one a
 * process is in, CAP_NET_ADMIN for sock_diag, CAP_DAC_READ_SEARCH for the paths of cgroups.
 */
#ifndef CAPTURE_SOCKETS_H
#define CAPTURE_SOCKETS_H

#include "capture/config/config.h"

struct sockets {
	const struct config *config;
	int signal_fd;
	uint64_t cgroup_id; /* whose sockets are recorded; 0: all */
	int stats_fd;       /* the holder's questions */
	int not_ours[2];    /* their other end and such: closed */
};

/* Runs until the other end of fd (see message.h) is closed. The exit status of the process. */
int sockets_run(void *sockets, int fd);

#endif
