/* SPDX-License-Identifier: BSD-2-Clause */
/* Who collected, where, and how: the first event of a file. */
#include "formats/text/text_impl.h"

/* What files before Retis 1.7 do not tell is shown as Retis shows it. */
static void put_or_unknown(struct buf *out, bool present, struct ev_str s)
{
	if (present)
		text_str(out, s);
	else
		TEXT_LIT(out, "unknown");
}

void text_group_startup(struct text_writer *w)
{
	const struct ev_startup *s = w->ev->startup;

	if (w->t->o.current)
		TEXT_LIT(w->out, "collected with ");
	if (EV_HAS(s, startup, tool))
		text_str(w->out, s->tool);
	else
		TEXT_LIT(w->out, "Retis");
	if (!w->t->o.current) {
		TEXT_LIT(w->out, " version ");
		text_str(w->out, s->retis_version);
		return;
	}
	buf_u8(w->out, ' ');
	text_str(w->out, s->retis_version);
	text_separate(w);
	TEXT_LIT(w->out, "on machine ");
	put_or_unknown(w->out, EV_HAS(s, startup, kernel_release), s->kernel_release);
	buf_u8(w->out, ' ');
	put_or_unknown(w->out, EV_HAS(s, startup, kernel_version), s->kernel_version);
	buf_u8(w->out, ' ');
	put_or_unknown(w->out, EV_HAS(s, startup, hardware_name), s->hardware_name);
	text_separate(w);
	if (EV_HAS(s, startup, split_id)) {
		text_dec(w->out, "file id ", s->split_id);
		text_separate(w);
	}
	TEXT_LIT(w->out, "cmdline ");
	put_or_unknown(w->out, EV_HAS(s, startup, cmdline), s->cmdline);
}
