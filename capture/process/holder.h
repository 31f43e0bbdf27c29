/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The process that holds what is attached. It has the only descriptors of links, programs and maps,
 * so that nothing stays attached when it ends, however it does; and it ends with the writer.
 * It keeps CAP_BPF, for before Linux 5.19 (c8644cd0efe7) the kernel tells nothing of programs and
 * maps without it, and CAP_KILL where there is a command to be ended.
 */
#ifndef CAPTURE_HOLDER_H
#define CAPTURE_HOLDER_H

#include <sys/types.h>

#include "capture/probe/probe.h"

struct holder {
	struct probes *probes; /* attached */
	pid_t command;         /* 0: none */
	bool costs_often;      /* see cost_init() */
	int signal_fd;
	/*
	 * To the process of the sockets, which may make the kernel measure: a byte sent asks for it, a
	 * descriptor comes back.
	 */
	int stats_fd;
	int not_ours[2]; /* the writer's end to the process of the sockets and such: closed */
};

/* Runs until the other end of fd (see message.h) is closed. The exit status of the process. */
int holder_run(void *holder, int fd);

#endif
