/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyze/command.h"

#include <pcap/pcap.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "analyze/anonymize/anon_key.h"
#include "analyze/report/report_page.h"
#include "cli/syscalls.h"
#include "cli/terminal.h"

const struct command *const command_table[] = {
	&command_print, &command_sort, &command_sockets, &command_info,   &command_stats,
	&command_cut, &command_merge,   &command_pcap, &command_json,    &command_anonymize, &command_bundle, &command_diff, &command_check, &command_verify, &command_schema, &command_report,
	NULL,
};

const struct command *command_find(const char *name)
{
	for (size_t i = 0; command_table[i]; i++)
		if (strcmp(command_table[i]->name, name) == 0)
			return command_table[i];
	return NULL;
}

int command_options(const struct command *c, int argc, char **argv, void *config, int *rest)
{
	switch (options_parse(c->rows, c->n_rows, argc, argv, config, rest)) {
	case OPTIONS_OK: return -1;
	case OPTIONS_HELP: return command_help(c);
	case OPTIONS_VERSION: return command_version();
	default: return EXIT_FAILED;
	}
}

static void help_all(struct buf *out)
{
	buf_str(out,
		"usage: skbox COMMAND [OPTION...] [INPUT...]\n\n"
		"Replays, filters, renders and converts recordings of the Linux network stack.\n"
		"INPUT is an event file (.skbx), a Retis event file, a pcap or pcapng file, "
		"plain,\n"
		".gz or .zst; - or none is standard input.\n\n");
	for (size_t i = 0; command_table[i]; i++)
		buf_printf(out, "  %-11s%s\n", command_table[i]->name, command_table[i]->help);
	buf_str(out, "  capture    record (runs skbox-capture)\n"
		     "  help       help [COMMAND]: this text, or that of a command\n\n"
		     "Exit codes: 0 done; 1 the answer is no; 2 failed or wrong usage; 3 the input "
		     "is damaged\n"
		     "and was read as far as possible.\n");
}

int command_help(const struct command *c)
{
	struct terminal_out out;
	char usage[512], about[1024];

	terminal_open(&out, true);
	if (c) {
		snprintf(usage, sizeof(usage), "skbox %s %s", c->name, c->usage);
		snprintf(about, sizeof(about), "%s%s%s", c->help, c->about ? "\n" : "",
			 c->about ? c->about : "");
		options_help(&out.buf, usage, about, c->rows, c->n_rows);
	} else {
		help_all(&out.buf);
	}
	return terminal_close(&out) ? EXIT_FAILED : EXIT_DONE;
}

int command_version(void)
{
	const char *crypto = anon_key_library();
	struct terminal_out out;

	terminal_open(&out, false);
	buf_printf(&out.buf, "skbox %s\n%s\nzstd version %s\nzlib version %s\nlibseccomp %s\n%s\n%s\n", SKBOX_VERSION,
		   pcap_lib_version(), ZSTD_versionString(), zlibVersion(), syscalls_version,
		   crypto ? crypto : "built without libcrypto: no anonymize, no bundle",
		   report_page_version);
	return terminal_close(&out) ? EXIT_FAILED : EXIT_DONE;
}

char *const *command_inputs(int n, char *const *named, int *count)
{
	static char standard[] = "-";
	static char *const one[] = {standard};

	*count = n ? n : 1;
	return n ? named : one;
}
