/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/stack.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/event.h"

enum { FRAME_TEXT_MAX = 256, ALL = 2 * STACKS_MAX };

int stacks_init(struct stacks *s, int fd, int more_fd, struct skbox_error *err)
{
	*s = (struct stacks){.fds = {fd, more_fd}, .v = calloc(ALL, sizeof(*s->v))};
	if (!s->v)
		return error_set(err, -ENOMEM, 0, "out of memory");
	return kallsyms_init(&s->symbols, err) == -ENOMEM ? -ENOMEM : 0;
}

static void clear(struct stack *stack)
{
	for (uint32_t i = 0; i < stack->n; i++)
		free(stack->frames[i]);
	free(stack->frames);
	memset(stack, 0, sizeof(*stack));
}

void stacks_fini(struct stacks *s)
{
	for (int i = 0; s->v && i < ALL; i++)
		clear(&s->v[i]);
	free(s->v);
	kallsyms_fini(&s->symbols);
	memset(s, 0, sizeof(*s));
}

void stacks_forget_batch(struct stacks *s)
{
	for (int i = 0; s->v && i < ALL; i++)
		s->v[i].set = false;
}

/* Looks the stack up; a number keeps its stack, for none is ever taken out of the map. */
static bool read_stack(struct stacks *s, uint32_t id, struct stack *stack)
{
	uint64_t frames[STACK_FRAMES] = {0};
	uint32_t key = id % STACKS_MAX;

	if (bpf_map_lookup_elem(s->fds[id / STACKS_MAX], &key, frames))
		return false;
	stack->frames = calloc(STACK_FRAMES, sizeof(*stack->frames));
	while (stack->frames && stack->n < STACK_FRAMES && frames[stack->n]) {
		char text[FRAME_TEXT_MAX];
		char *copy;

		kallsyms_describe(&s->symbols, frames[stack->n], text, sizeof(text));
		copy = strdup(text);
		if (!copy)
			break;
		stack->frames[stack->n++] = copy;
	}
	return stack->n;
}

bool stacks_get(struct stacks *s, struct ev_batch *b, int32_t id, struct ev_list *list)
{
	struct ev_str strs[STACK_FRAMES];
	struct stack *stack;

	if (!s->v || id < 0 || id >= ALL)
		return false;
	stack = &s->v[id];
	if (!stack->n && !read_stack(s, (uint32_t)id, stack)) {
		clear(stack);
		return false;
	}
	if (!stack->set) {
		for (uint32_t i = 0; i < stack->n; i++)
			strs[i] = ev_text(b, stack->frames[i]);
		stack->list = ev_list(b, strs, stack->n);
		stack->set = true;
	}
	*list = stack->list;
	return true;
}
