/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Making the kernel take the time of BPF programs needs CAP_SYS_ADMIN. The process that holds them has
 * it not; the one that enters namespaces has, and gives it a descriptor.
 */
#ifndef CAPTURE_STATS_H
#define CAPTURE_STATS_H

/* Two ends. 0 or a negative errno. */
int stats_pair(int fds[2]);

/* Asks for a descriptor. 0 or a negative errno. */
int stats_ask(int fd);
/* Answers one question that was asked: 0, or a negative errno when nobody asks any more. */
int stats_answer(int fd);
/* The answer: a descriptor (cost_open()), or -EAGAIN: none yet; another negative errno: never. */
int stats_take(int fd);

#endif
