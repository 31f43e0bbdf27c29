/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "analyze/command.h"
#include "analyze/complete.h"
#include "analyze/help.h"
#include "analyze/output.h"
#include "cli/terminal.h"

/* `skbox capture ...`: the recorder beside this program, in libexec, or on the path. */
static int run_capture(char **argv)
{
	static const char *const places[] = {"/skbox-capture", "/../libexec/skbox/skbox-capture",
					     "/../sbin/skbox-capture"};
	char self[PATH_MAX], path[PATH_MAX + 64], *slash;
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	static char name[] = "skbox-capture";

	argv[0] = name;
	if (n > 0) {
		self[n] = 0;
		slash = strrchr(self, '/');
		if (slash)
			*slash = 0;
		for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
			snprintf(path, sizeof(path), "%s%s", self, places[i]);
			execv(path, argv);
		}
	}
	execvp(name, argv);
	terminal_error("cannot run skbox-capture: %s", strerror(errno));
	return EXIT_FAILED;
}

static int say_no_command(const char *word)
{
	const char *names[64], *near;
	size_t n = 0;

	for (; command_table[n] && n < 60; n++)
		names[n] = command_table[n]->name;
	names[n++] = "capture";
	names[n++] = "help";
	near = options_nearest(word, names, n);
	if (near)
		terminal_error("there is no command %s; did you mean %s?", word, near);
	else
		terminal_error("there is no command %s; skbox help lists them", word);
	return EXIT_FAILED;
}

/* `skbox help NAME`, and `skbox help --man NAME` for who builds the manuals. */
static int run_help(int argc, char **argv)
{
	static char help[] = "--help", *capture[] = {NULL, help, NULL};
	bool manual = argc > 1 && strcmp(argv[0], "--man") == 0;
	const char *word = argv[manual];
	const struct command *c = command_find(word);

	if (c)
		return manual ? help_manual(c) : help_command(c);
	if (manual || strcmp(word, "capture") != 0)
		return say_no_command(word);
	help_capture();
	return run_capture(capture);
}

int main(int argc, char **argv)
{
	const struct command *c;
	const char *word = argc > 1 ? argv[1] : "";
	int rc;

	terminal_init("skbox");
	if (argc < 2)
		return help_overview();
	if (strcmp(word, "help") == 0 && argc > 2)
		return run_help(argc - 2, argv + 2);
	if (strcmp(word, "help") == 0 || strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
		return command_help(NULL);
	if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0 ||
	    strcmp(word, "version") == 0)
		return command_version();
	if (strcmp(word, "capture") == 0)
		return run_capture(argv + 1);
	if (strcmp(word, "__complete") == 0) {
		/* of the recorder that knows best */
		if (argc > 3 && strcmp(argv[2], "capture") == 0) {
			argv[2] = argv[1];
			return run_capture(argv + 1);
		}
		return complete_command_line(argc - 2, argv + 2);
	}
	if (word[0] == '-') {
		terminal_error("options stand behind the command; skbox help lists the commands");
		return EXIT_FAILED;
	}
	c = command_find(word);
	if (!c)
		return say_no_command(word);
	rc = c->run(argc - 1, argv + 1);
	output_unprepare();
	terminal_unprepare();
	return rc;
}
