/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyze/provenance.h"

#include <stdio.h>
#include <stdlib.h>

struct provenance *provenance_of(struct provenance_list *l, uint32_t i)
{
	if (i >= l->n) {
		uint32_t n = i < 16 ? 16 : 2 * i;
		struct provenance *v = realloc(l->v, n * sizeof(*v));

		if (!v)
			return NULL;
		for (uint32_t k = l->n; k < n; k++)
			v[k] = (struct provenance){0};
		l->v = v;
		l->n = n;
	}
	return &l->v[i];
}

void provenance_list_free(struct provenance_list *l)
{
	free(l->v);
	*l = (struct provenance_list){0};
}

struct ev_input *provenance_put(struct ev_batch *b, uint64_t time_ns, const char *command,
				const struct source_input *in, const struct provenance *p)
{
	struct ev_input *row;
	char id[2 * SKBX_ID_BYTES + 1];

	ev_batch_begin(b);
	EV_SET(EV_ADD(b, common), common, timestamp, time_ns);
	row = EV_ADD(b, input);
	EV_SET(row, input, command, ev_text(b, command));
	EV_SET(row, input, read, in->rows);
	EV_SET(row, input, kept, p->kept);
	EV_SET(row, input, lost, p->lost);
	EV_SET(row, input, lost_kept, p->lost_kept);
	EV_SET(row, input, damaged, in->damaged);
	if (!in->has_id)
		return row;
	for (int i = 0; i < SKBX_ID_BYTES; i++)
		snprintf(id + i * 2, sizeof(id) - (size_t)i * 2, "%02x", in->id[i]);
	EV_SET(row, input, id, ev_text(b, id));
	EV_SET(row, input, finished, in->finished);
	return row;
}

void provenance_put_damage(struct ev_batch *b, uint64_t from_ns, uint64_t to_ns, uint64_t n,
			   struct ev_str hostname)
{
	struct ev_common *common;
	struct ev_loss *loss;

	ev_batch_begin(b);
	common = EV_ADD(b, common);
	EV_SET(common, common, timestamp, to_ns < from_ns ? from_ns : to_ns);
	if (hostname.len)
		EV_SET(common, common, hostname, ev_string(b, hostname.p, hostname.len));
	loss = EV_ADD(b, loss);
	if (from_ns)
		EV_SET(loss, loss, from, from_ns);
	EV_SET(loss, loss, lost, n);
	EV_SET(loss, loss, kind, ev_text(b, n == 1 ? "damaged block" : "damaged blocks"));
}
