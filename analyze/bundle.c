/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * skbox bundle: what to attach to a bug report. Chooses whole journeys as cut does, anonymizes them, and writes a
 * summary beside it. The commands that it is made of run as themselves, in processes of their own: what was
 * chosen goes through a pipe, so that nothing that is not anonymized gets to a disk.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "analyze/anonymize/anonymize.h"
#include "analyze/command.h"
#include "analyze/filter/filter.h"
#include "analyze/output.h"
#include "cli/terminal.h"

struct bundle_config {
	struct anonymize_options anonymize;
	struct filter_options filter;
};

static const struct option_row rows[] = {
	OPTION(STRING, bundle_config, anonymize.out, "out", 'o', "FILE",
	       "the event file to write; the summary goes beside it, into FILE.txt"),
	ANONYMIZE_OPTIONS(bundle_config, anonymize),
	FILTER_OPTIONS(bundle_config, filter),
};

/* Runs a command with standard output going to `out`, which is closed here. The process; -1 with a message. */
static pid_t start(const struct command *c, char **argv, int out)
{
	int argc = 0;
	pid_t pid;

	while (argv[argc])
		argc++;
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		if (dup2(out, STDOUT_FILENO) < 0)
			_exit(EXIT_FAILED);
		_exit(c->run(argc, argv));
	}
	if (pid < 0)
		terminal_error("bundle: cannot start %s: %s", c->name, strerror(errno));
	close(out);
	return pid;
}

/* Its exit code. */
static int finish(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return EXIT_FAILED;
	return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILED;
}

struct words {
	char **v; /* NULL at the end */
	size_t n;
	struct buf times; /* where some of them are */
};

static void words_free(struct words *w)
{
	free(w->v);
	buf_free(&w->times);
}

static void word(struct words *w, const char *text)
{
	w->v[w->n++] = (char *)text;
}

/* The command line of cut that chooses as the filters do. False: out of memory. */
static bool cut_words(struct words *w, const struct filter_options *f, char *const *inputs,
		      size_t n_inputs)
{
	static char count[24];
	struct filter_options times = {.since = f->since, .until = f->until};

	w->v = calloc(16 + 2 * (f->where.n + f->probes.n) + n_inputs, sizeof(*w->v));
	filter_describe(&times, &w->times);
	buf_u8(&w->times, 0);
	if (!w->v || w->times.failed)
		return false;
	word(w, "cut");
	word(w, "-o");
	word(w, "-");
	word(w, "--journey");
	if (f->packet) {
		word(w, "-f");
		word(w, f->packet);
	}
	for (size_t i = 0; i < f->where.n; i++) {
		word(w, "-w");
		word(w, f->where.v[i]);
	}
	for (size_t i = 0; i < f->probes.n; i++) {
		word(w, "-p");
		word(w, f->probes.v[i]);
	}
	if (f->drops)
		word(w, "--drops");
	if (f->count) {
		snprintf(count, sizeof(count), "%" PRIu64, f->count);
		word(w, "--count");
		word(w, count);
	}
	/* no word of a time has a blank in it */
	for (char *p = strtok((char *)w->times.p, " "); p; p = strtok(NULL, " "))
		word(w, p);
	word(w, "--");
	for (size_t i = 0; i < n_inputs; i++)
		word(w, inputs[i]);
	return true;
}

/* In a process of its own too, for it gives up what this one still needs. The exit code. */
static int anonymize(const struct bundle_config *c, int from)
{
	char path[32], *input = path;
	pid_t pid;

	snprintf(path, sizeof(path), "/dev/fd/%d", from);
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		int code = anonymize_run(&c->anonymize, &input, 1, NULL);

		output_unprepare();
		_exit(code);
	}
	if (pid < 0)
		terminal_error("bundle: cannot start anonymize: %s", strerror(errno));
	close(from);
	return pid < 0 ? EXIT_FAILED : finish(pid);
}

/* Cuts into a pipe and anonymizes what comes out of it. */
static int make_recording(const struct bundle_config *c, char **words, uint64_t *bytes)
{
	int ends[2], code, cut;
	struct stat st;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0) {
		terminal_error("bundle: no pipe: %s", strerror(errno));
		return EXIT_FAILED;
	}
	pid = start(&command_cut, words, ends[1]);
	if (pid < 0) {
		close(ends[0]);
		return EXIT_FAILED;
	}
	code = anonymize(c, ends[0]);
	cut = finish(pid);
	if (stat(c->anonymize.out, &st) == 0)
		*bytes = (uint64_t)st.st_size;
	if (cut == EXIT_FAILED) {
		unlink(c->anonymize.out);
		return EXIT_FAILED;
	}
	return code ? code : cut;
}

static int write_summary(const char *recording, const char *path)
{
	static char info[] = "info", stats[] = "stats";
	const struct command *const commands[] = {&command_info, &command_stats};
	char *const names[] = {info, stats};
	struct output out;
	int rc = 0;

	if (output_open(&out, path, 0) < 0)
		return EXIT_FAILED;
	for (size_t i = 0; rc == 0 && i < 2; i++) {
		char *words[] = {names[i], strdup(recording), NULL};
		int fd = dup(out.fd);
		pid_t pid = words[1] && fd >= 0 ? start(commands[i], words, fd) : -1;

		if (pid < 0 || finish(pid) == EXIT_FAILED)
			rc = -EIO;
		if (rc == 0 && i == 0)
			rc = output_write(&out, "\n", 1);
		free(words[1]);
	}
	return output_commit(&out, rc) < 0 ? EXIT_FAILED : EXIT_DONE;
}

static int bundle(const struct bundle_config *c, char **words)
{
	uint64_t bytes = 0;
	char *summary;
	int code = make_recording(c, words, &bytes);

	if (code == EXIT_FAILED || code == EXIT_NO)
		return code;
	if (asprintf(&summary, "%s.txt", c->anonymize.out) < 0) {
		terminal_error("bundle: out of memory");
		return EXIT_FAILED;
	}
	if (write_summary(c->anonymize.out, summary) != EXIT_DONE)
		code = EXIT_FAILED;
	else
		fprintf(stderr, "%s: %" PRIu64 " bytes; its summary: %s\n", c->anonymize.out, bytes,
			summary);
	free(summary);
	return code;
}

static int bundle_run(int argc, char **argv)
{
	struct bundle_config c = {0};
	struct words words = {0};
	int rest, rc = command_options(&command_bundle, argc, argv, &c, &rest);

	if (rc >= 0)
		goto out;
	rc = EXIT_FAILED;
	if (!c.anonymize.out || strcmp(c.anonymize.out, "-") == 0)
		terminal_error("bundle: -o FILE says where to; a summary goes beside it");
	else if (!cut_words(&words, &c.filter, argv + rest, (size_t)(argc - rest)))
		terminal_error("bundle: out of memory");
	else
		rc = bundle(&c, words.v);
out:
	words_free(&words);
	filter_options_free(&c.filter);
	return rc;
}

const struct command command_bundle = {
	.name = "bundle",
	.usage = "[INPUT...] -o OUT.skbx [FILTERS]",
	.help = "for a bug report: whole journeys, anonymized, and a summary beside it",
	.about = "What the filters choose is kept with all events of its packets, as \"cut "
		 "--journey\" "
		 "does; then as \"anonymize\" does; then \"info\" and \"stats\" of it are written "
		 "to "
		 "OUT.skbx.txt.",
	COMMAND_ROWS(rows),
	.run = bundle_run,
};
