/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/options_manual.h"

#include <ctype.h>
#include <string.h>

/* Text as roff shows it: no line is a request, and no - becomes a hyphen that nobody can paste. */
static void put_text(struct buf *out, const char *text)
{
	bool begins = true;

	for (; *text; text++) {
		if (begins && (*text == '.' || *text == '\''))
			buf_str(out, "\\&");
		begins = *text == '\n';
		if (*text == '\n')
			buf_str(out, "\n.br\n");
		else if (*text == '\\')
			buf_str(out, "\\e");
		else if (*text == '-')
			buf_str(out, "\\-");
		else
			buf_u8(out, (uint8_t)*text);
	}
}

static void put_line(struct buf *out, const char *text)
{
	put_text(out, text);
	buf_u8(out, '\n');
}

static void put_name(struct buf *out, const char *dashes, const char *name)
{
	buf_str(out, "\\fB");
	put_text(out, dashes);
	put_text(out, name);
	buf_str(out, "\\fR");
}

static void put_argument(struct buf *out, const char *before, const char *arg)
{
	buf_printf(out, "%s\\fI", before);
	put_text(out, arg);
	buf_str(out, "\\fR");
}

static void put_row(struct buf *out, const struct option_row *row)
{
	const char letter[2] = {row->letter, 0};

	if (row->type == OPTION_HEADING) {
		buf_str(out, ".PP\n");
		put_line(out, row->help);
		return;
	}
	if (row->name)
		buf_printf(out, ".\\\" OPTION --%s\n", row->name);
	buf_str(out, ".TP\n");
	if (row->type == OPTION_COMMAND)
		put_name(out, "--", "");
	if (row->letter)
		put_name(out, "-", letter);
	if (row->arg && (row->letter || row->type == OPTION_COMMAND))
		put_argument(out, " ", row->arg);
	if (row->name) {
		buf_str(out, row->letter ? ", " : "");
		put_name(out, "--", row->name);
		if (row->arg)
			put_argument(out, "=", row->arg);
	}
	buf_str(out, "\n.\\\" HELP\n");
	put_line(out, row->help);
	buf_str(out, ".\\\" END\n");
}

void options_manual(struct buf *out, const struct options_manual *m, const struct option_row *rows,
		    size_t n)
{
	buf_str(out, ".\\\" SPDX-License-Identifier: BSD-2-Clause\n"
		     ".\\\" made from the tables of options: not to be edited\n.TH ");
	for (const char *c = m->name; *c; c++)
		buf_u8(out, (uint8_t)toupper((unsigned char)*c));
	buf_printf(out, " 1 2026-11-22 \"%s " SKBOX_VERSION "\" \"%s\"\n.SH NAME\n", m->parent,
		   m->parent);
	put_text(out, m->name);
	buf_str(out, " \\- ");
	put_line(out, m->help);
	buf_str(out, ".SH SYNOPSIS\n.nf\n");
	put_line(out, m->usage);
	buf_str(out, ".fi\n.SH DESCRIPTION\n.\\\" HELP\n");
	put_line(out, m->help);
	buf_str(out, ".\\\" PROSE\n.\\\" END\n");
	if (m->about) {
		buf_str(out, ".PP\n");
		put_line(out, m->about);
	}
	buf_str(out, ".SH OPTIONS\n");
	for (size_t i = 0; i < n; i++)
		put_row(out, &rows[i]);
	buf_str(out, ".PP\n\\fB\\-h\\fR, \\fB\\-\\-help\\fR and \\fB\\-V\\fR, "
		     "\\fB\\-\\-version\\fR are understood as well.\n.\\\" EXAMPLES\n");
	buf_printf(out,
		   ".SH SEE ALSO\n.BR %s (1),\n.BR %s-filter (7),\n.BR skbx (5)\n.PP\n"
		   "Exit status, environment and what a command gives up before it reads are in\n"
		   ".BR %s (1).\n",
		   m->parent, m->parent, m->parent);
}
