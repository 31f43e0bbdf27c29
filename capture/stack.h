/* SPDX-License-Identifier: BSD-2-Clause */
/* Stacks by their numbers, as text. Who knows the symbols is asked once for each. */
#ifndef CAPTURE_STACK_H
#define CAPTURE_STACK_H

#include <stdbool.h>
#include <stdint.h>

#include "formats/error.h"
#include "formats/event.h"

struct stack {
	char **frames; /* text; NULL: not known */
	uint32_t n;
	bool none;           /* there is no stack of that number */
	struct ev_list list; /* in the batch */
	bool set;
};

struct stacks {
	struct stack *v; /* 2 * STACKS_MAX; NULL: no stacks */
	/* To have stacks_put() called for the number, now or later. */
	void (*ask)(void *ctx, uint32_t id);
	void *ctx;
	uint64_t missed; /* events whose stack did not come in time */
};

/* 0 or -ENOMEM. Ended by stacks_fini(), which takes a zeroed one, too. */
int stacks_init(struct stacks *s, struct skbox_error *err);
void stacks_fini(struct stacks *s);

/*
 * The stack of that number: n texts, each with a NUL behind it. 0 of them: there is none. What lies
 * about its length, or is there already, is ignored.
 */
void stacks_put(struct stacks *s, uint32_t id, uint32_t n, const void *text, size_t len);

/* Whether it is known what is behind the number. */
bool stacks_know(const struct stacks *s, uint32_t id);

/* The stack of that number as a list of the batch; false: there is none, or it did not come. */
bool stacks_get(struct stacks *s, struct ev_batch *b, int32_t id, struct ev_list *list);
/* The batch is another, or was cleared. */
void stacks_forget_batch(struct stacks *s);

#endif
