/* SPDX-License-Identifier: BSD-2-Clause */
/* Stacks: from numbers in the kernel's map to names, as they are first seen. */
#ifndef CAPTURE_STACK_H
#define CAPTURE_STACK_H

#include "capture/probe/kallsyms.h"
#include "formats/event.h"

struct stack {
	char **frames; /* text; NULL: not looked at yet */
	uint32_t n;
	struct ev_list list; /* in the batch */
	bool set;
};

struct stacks {
	int fds[2]; /* the maps, borrowed */
	struct kallsyms symbols;
	struct stack *v; /* 2 * STACKS_MAX; NULL: no stacks */
};

/*
 * Reads the kernel's symbols: to be called when all probes are attached, for the programs are
 * symbols, too. Without them stacks have addresses; err says why. -ENOMEM is the only failure.
 */
int stacks_init(struct stacks *s, int fd, int more_fd, struct skbox_error *err);
void stacks_fini(struct stacks *s);

/* The stack of that number as a list of the batch; false: there is none. */
bool stacks_get(struct stacks *s, struct ev_batch *b, int32_t id, struct ev_list *list);
/* The batch is another, or was cleared. */
void stacks_forget_batch(struct stacks *s);

#endif
