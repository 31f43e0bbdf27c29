/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/stack.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/event.h"

enum { ALL = 2 * STACKS_MAX };

int stacks_init(struct stacks *s, struct skbox_error *err)
{
	*s = (struct stacks){.v = calloc(ALL, sizeof(*s->v))};
	return s->v ? 0 : error_set(err, -ENOMEM, 0, "out of memory");
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
	memset(s, 0, sizeof(*s));
}

void stacks_forget_batch(struct stacks *s)
{
	for (int i = 0; s->v && i < ALL; i++)
		s->v[i].set = false;
}

bool stacks_know(const struct stacks *s, uint32_t id)
{
	return s->v && id < ALL && (s->v[id].n || s->v[id].none);
}

void stacks_put(struct stacks *s, uint32_t id, uint32_t n, const void *text, size_t len)
{
	const char *p = text, *end = p + len;
	struct stack *stack;

	if (!s->v || id >= ALL || n > STACK_FRAMES || stacks_know(s, id))
		return;
	stack = &s->v[id];
	stack->none = !n;
	stack->frames = n ? calloc(n, sizeof(*stack->frames)) : NULL;
	while (stack->frames && stack->n < n && memchr(p, '\0', (size_t)(end - p))) {
		stack->frames[stack->n] = strdup(p);
		if (!stack->frames[stack->n])
			break;
		stack->n++;
		p += strlen(p) + 1;
	}
}

bool stacks_get(struct stacks *s, struct ev_batch *b, int32_t id, struct ev_list *list)
{
	struct ev_str strs[STACK_FRAMES];
	struct stack *stack;

	if (!s->v || id < 0 || id >= ALL)
		return false;
	stack = &s->v[id];
	if (!stacks_know(s, (uint32_t)id))
		s->ask(s->ctx, (uint32_t)id);
	if (!stack->n) {
		s->missed++;
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
