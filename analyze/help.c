/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyze/help.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/options_manual.h"
#include "cli/terminal.h"

/* What most people need first, in the order in which they need it. */
static const struct {
	const char *line, *what;
} first_commands[] = {
	{"sudo skbox capture -o t.skbx", "record, until Ctrl-C"},
	{"skbox stats t.skbx", "what is wrong in it, on one page"},
	{"skbox print t.skbx", "its events; with -f 'tcp port 80' --journey, of some packets"},
	{"skbox sockets t.skbx", "its TCP sockets, as ss -tinem shows them"},
	{"skbox pcap -o t.pcapng t.skbx", "its packets, for Wireshark and tcpdump"},
};

int help_overview(void)
{
	struct buf text = {0};

	buf_str(&text, "skbox records what happens to packets and sockets, and replays it.\n\n");
	for (size_t i = 0; i < sizeof(first_commands) / sizeof(first_commands[0]); i++)
		buf_printf(&text, "  %-30s  %s\n", first_commands[i].line, first_commands[i].what);
	buf_str(&text,
		"\nskbox help lists all commands; skbox help COMMAND is the manual of one.\n");
	if (!text.failed)
		terminal_write_all(STDERR_FILENO, text.p, text.len);
	buf_free(&text);
	return EXIT_FAILED;
}

/* Becomes man(1) with the page of this very program, not another's that is on the path. */
static void open_manual(const char *page)
{
	/* installed; beside the program that was just built; written by hand */
	static const char *const places[] = {"/../share/man/man1", "/../share/man/man8", "/man",
					     "/../man"};
	static const char *const ends[] = {"", ".gz"};
	char self[PATH_MAX], path[PATH_MAX + 96], *slash;
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n <= 0 || !isatty(STDOUT_FILENO))
		return;
	self[n] = 0;
	slash = strrchr(self, '/');
	if (slash)
		*slash = 0;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]) * 2; i++) {
		snprintf(path, sizeof(path), "%s%s/%s%s", self, places[i / 2], page, ends[i % 2]);
		if (access(path, R_OK) == 0)
			execlp("man", "man", path, (char *)NULL);
	}
}

int help_command(const struct command *c)
{
	char page[48];

	snprintf(page, sizeof(page), "skbox-%s.1", c->name);
	open_manual(page);
	return command_help(c);
}

void help_capture(void)
{
	open_manual("skbox-capture.8");
}

int help_manual(const struct command *c)
{
	char name[48], usage[512];
	struct terminal_out out;

	snprintf(name, sizeof(name), "skbox-%s", c->name);
	snprintf(usage, sizeof(usage), "skbox %s %s", c->name, c->usage);
	terminal_open(&out, false);
	options_manual(&out.buf, &(struct options_manual){name, usage, c->help, c->about, "skbox"},
		       c->rows, c->n_rows);
	return terminal_close(&out) ? EXIT_FAILED : EXIT_DONE;
}
