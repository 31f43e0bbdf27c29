/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyze/source/source.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "analyze/source/input.h"
#include "analyze/source/source_follow.h"
#include "analyze/source/source_split.h"
#include "cli/options.h"
#include "cli/terminal.h"
#include "formats/pcap/pcap_read.h"
#include "formats/retis/retis_read.h"

enum {
	/* Places of damage that are told for an input; the rest is only counted. */
	TOLD_MAX = 20,
	/* Looked at for a whole line before the format is called unknown. */
	RECOGNIZE_BYTES = 64 * 1024,
};

struct source {
	struct source_options options;
	struct source_status status;
	char *const *inputs;
	size_t n, next; /* inputs[next] comes next */

	/* the rotated set being read, "F.." */
	char *split_base; /* path without the number; NULL: none */
	uint32_t split_next;
	bool split_checked; /* the first file's startup said that it belongs to a set */
	bool split_goes_on; /* the last rows of the file say that another one follows */
	struct source_follow *follow;

	struct input *in;
	const struct source_format *format;
	void *self;
	uint64_t told, bytes_before;
	struct source_input *list; /* status.n_inputs */
	struct ev_batch *batch;
	struct skbx_packed *packed;
	void (*settle)(void *ctx); /* NULL: blocks are decoded here */
	void *settle_ctx;
	struct terminal_progress progress;
};

struct source_input *source_current(struct source *s)
{
	return &s->list[s->status.n_inputs - 1];
}

void source_settle(struct source *s)
{
	if (s->settle)
		s->settle(s->settle_ctx);
}

/* Of the current input, by whichever thread found it while no other does. */
static void tell_damage(struct source *s, const struct skbox_error *what)
{
	s->status.damaged++;
	source_current(s)->damaged++;
	if (s->options.damage) {
		s->options.damage(s->options.ctx, what, s->format->unit);
		return;
	}
	if (++s->told <= TOLD_MAX)
		terminal_report(input_name(s->in), what, s->format->unit);
	else if (s->told == TOLD_MAX + 1)
		terminal_error("%s: more is damaged, only counted from here on", input_name(s->in));
}

void source_damage(struct source *s, const struct skbox_error *what)
{
	source_settle(s);
	tell_damage(s, what);
}

void source_packed_damage(struct source *s, const struct skbx_packed *block,
			  const struct skbox_error *what)
{
	/* counted when it was read; the reader adds its own at the end of the input */
	s->status.blocks--;
	tell_damage(s, what);
}

void source_keep_packed(struct source *s, void (*settle)(void *ctx), void *ctx)
{
	source_settle(s);
	if (settle && !s->packed)
		s->packed = skbx_packed_new();
	s->settle = s->packed ? settle : NULL;
	s->settle_ctx = ctx;
}

struct skbx_packed *source_packed(struct source *s)
{
	return s->settle ? s->packed : NULL;
}

struct skbx_packed *source_take_packed(struct source *s, struct skbx_packed *other)
{
	struct skbx_packed *taken = s->packed;

	s->packed = other;
	return taken;
}

const struct source_input *source_inputs(const struct source *s)
{
	return s->list;
}

struct source_status *source_counters(struct source *s)
{
	return &s->status;
}

const struct source_options *source_options(const struct source *s)
{
	return &s->options;
}

const struct source_status *source_status(const struct source *s)
{
	return &s->status;
}

static void close_input(struct source *s)
{
	source_settle(s);
	if (s->in)
		s->bytes_before += input_raw_bytes(s->in);
	if (s->format)
		s->format->close(s->self);
	input_close(s->in);
	s->format = NULL;
	s->self = NULL;
	s->in = NULL;
}

/* The end of what there is of an input that grows: true: look again. */
static bool wait_more(void *ctx)
{
	struct source *s = ctx;

	if (s->format && s->self && s->format->finished && s->format->finished(s->self))
		return false;
	return source_follow_wait(s->follow);
}

/* Which format the input is in. */
static const struct source_format *recognize(struct input *in, struct skbox_error *err)
{
	const uint8_t *p;
	size_t len;
	int rc;

	p = input_head(in, &len);
	if (skbx_recognize(p, len))
		return &source_skbx;
	if (input_decompress(in, err) < 0)
		return NULL;
	do {
		p = input_bytes(in, &len);
		if (len >= 4 && pcap_recognize(p, len))
			return &source_pcap;
		if (len && retis_recognize((const char *)p, len))
			return &source_retis;
		rc = len < RECOGNIZE_BYTES ? input_more(in, err) : 0;
	} while (rc > 0);
	if (rc < 0)
		return NULL;
	if (len == 0)
		error_set(err, -ENODATA, 0, "is empty");
	else
		error_set(err, -EPROTO, 0,
			  "is neither an event file, nor Retis JSON, nor a packet file");
	return NULL;
}

/* Room for what is known of the next input. */
static int add_input(struct source *s)
{
	uint32_t n = s->status.n_inputs;
	struct source_input *v = s->list;

	if (!(n & (n - 1))) {
		v = realloc(v, (n ? 2 * (size_t)n : 1) * sizeof(*v));
		if (!v) {
			terminal_error("out of memory");
			return -ENOMEM;
		}
		s->list = v;
	}
	v[s->status.n_inputs++] = (struct source_input){0};
	return 0;
}

static int open_input(struct source *s, const char *path)
{
	struct skbox_error err = {0};
	int rc = add_input(s);

	if (rc < 0)
		return rc;
	rc = input_open(&s->in, path, &err);

	s->told = 0;
	s->status.sorted = s->split_goes_on = false;
	if (rc < 0) {
		terminal_report(path, &err, NULL);
		return rc;
	}
	if (s->follow)
		input_follow(s->in, wait_more, s);
	s->format = recognize(s->in, &err);
	if (s->format) {
		rc = s->format->open(s, s->in, &s->self, &err);
		if (rc == 0)
			return 0;
		s->format = NULL;
	}
	terminal_report(input_name(s->in), &err, NULL);
	input_close(s->in);
	s->in = NULL;
	return err.code ? err.code : -EPROTO;
}

/*
 * Waits for the next file of a set of which the last one said that there will be one. The recorder
 * removes old ones (--keep): then it goes on with the oldest that is left.
 */
static void wait_split(struct source *s)
{
	uint32_t lowest;
	char *path;
	bool there;

	if (!s->split_goes_on)
		return;
	do {
		if (asprintf(&path, "%s%u", s->split_base, s->split_next) < 0)
			return;
		there = access(path, F_OK) == 0;
		free(path);
		if (!there && source_split_lowest(s->split_base, s->split_next, &lowest) &&
		    lowest > s->split_next) {
			terminal_error("note: %s%u was removed before it was read; going on with "
				       "%s%u",
				       s->split_base, s->split_next, s->split_base, lowest);
			s->split_next = lowest;
			there = true;
		}
	} while (!there && source_follow_wait(s->follow));
}

/* Opens the next file of a rotated set: 1; 0 when the set has ended. */
static int open_split(struct source *s)
{
	char *path = NULL;
	int rc = 0;

	if (s->follow)
		wait_split(s);
	if (s->follow && (!s->split_goes_on || source_follow_stopped()))
		;
	else if (!s->split_checked)
		terminal_error(
			"%s%u: does not say that it is part of a set; its followers are left out",
			s->split_base, s->split_next - 1);
	else if (s->split_next < SOURCE_SPLIT_MAX &&
		 asprintf(&path, "%s%u", s->split_base, s->split_next) > 0) {
		if (access(path, F_OK) == 0) {
			s->split_next++;
			rc = open_input(s, path);
			rc = rc < 0 ? rc : 1;
		}
		free(path);
	}
	if (rc == 0) {
		free(s->split_base);
		s->split_base = NULL;
	}
	return rc;
}

/* The next input: 1; 0 when there is none. */
static int open_next(struct source *s)
{
	const char *word;
	int rc;

	if (s->split_base) {
		rc = open_split(s);
		if (rc)
			return rc;
	}
	if (s->next >= s->n && !(s->n == 0 && s->next == 0))
		return 0;
	word = s->n ? s->inputs[s->next] : "-";
	s->next++;
	if (s->follow && access(word, F_OK) == 0 &&
	    source_split_of(word, &s->split_base, &s->split_next)) {
		s->split_next++;
		s->split_checked = true;
		rc = open_input(s, word);
	} else if (access(word, F_OK) != 0 &&
		   source_split_parse(word, &s->split_base, &s->split_next)) {
		char *path = NULL;

		s->split_checked = false;
		if (asprintf(&path, "%s%u", s->split_base, s->split_next++) < 0)
			return -ENOMEM;
		rc = open_input(s, path);
		free(path);
	} else {
		rc = open_input(s, word);
	}
	return rc < 0 ? rc : 1;
}

/* Whether the words name files that are there, before anything is put out. */
static int check_inputs(const struct source *s)
{
	for (size_t i = 0; i < s->n; i++) {
		const char *word = s->inputs[i];
		char *base = NULL;
		uint32_t id;

		if (strcmp(word, "-") == 0 || access(word, R_OK) == 0)
			continue;
		if (errno == ENOENT && source_split_parse(word, &base, &id)) {
			free(base);
			continue;
		}
		terminal_error("%s: cannot open: %s", word, strerror(errno));
		return -errno;
	}
	if (s->options.follow && s->n > 1) {
		terminal_error("--follow goes with one input, or one rotated set (FILE..)");
		return -EINVAL;
	}
	if (isatty(STDIN_FILENO) && s->n == 0) {
		terminal_error("no input: name a file, or pipe one in");
		return -EINVAL;
	}
	return 0;
}

/* Bytes of all inputs; 0 when one of them does not tell. */
static uint64_t total_size(const struct source *s)
{
	uint64_t total = 0;
	struct stat st;

	if (s->n <= 1)
		return s->in && input_size(s->in) > 0 ? (uint64_t)input_size(s->in) : 0;
	for (size_t i = 0; i < s->n; i++) {
		if (stat(s->inputs[i], &st) != 0 || !S_ISREG(st.st_mode))
			return 0;
		total += (uint64_t)st.st_size;
	}
	return total;
}

static bool same_file(const char *path, const struct stat *file)
{
	struct stat st;

	if (strcmp(path, "-") == 0 ? fstat(STDIN_FILENO, &st) : stat(path, &st))
		return false;
	return S_ISREG(st.st_mode) && st.st_dev == file->st_dev && st.st_ino == file->st_ino;
}

/* Whether the file is one of the rotated set that begins with "F..". */
static bool in_split(const char *word, const struct stat *file)
{
	char *base = NULL, *path;
	bool found = false, there = true;
	uint32_t id;

	if (!source_split_parse(word, &base, &id))
		return false;
	for (; there && !found && id < SOURCE_SPLIT_MAX; id++) {
		if (asprintf(&path, "%s%u", base, id) < 0)
			break;
		there = access(path, F_OK) == 0;
		found = same_file(path, file);
		free(path);
	}
	free(base);
	return found;
}

bool source_reads(const struct source *s, const char *path)
{
	struct stat file;
	bool found = false;

	if (strcmp(path, "-") == 0 || stat(path, &file))
		return false;
	if (!s->n)
		found = same_file("-", &file);
	for (size_t i = 0; i < s->n && !found; i++)
		found = same_file(s->inputs[i], &file) || in_split(s->inputs[i], &file);
	if (found)
		terminal_error("%s: is an input; name another file for the output", path);
	return found;
}

bool source_keep(char *const *inputs, size_t n)
{
	struct stat st;

	for (size_t i = 0; i < n; i++) {
		if (strcmp(inputs[i], "-") == 0)
			continue;
		if (stat(inputs[i], &st) != 0) {
			if (errno == ENOENT && !source_split_keep(inputs[i]))
				return false;
			continue; /* opening it tells */
		}
		/* whoever writes into several pipes may do it one after the other */
		if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode) && n > 1)
			return false;
		if (input_keep(inputs[i]) < 0 && errno == EMFILE)
			return false;
	}
	return true;
}

int source_open(struct source **result, const struct source_options *options, char *const *inputs,
		size_t n)
{
	struct source *s = calloc(1, sizeof(*s));
	int rc = -ENOMEM;

	*result = NULL;
	if (!s || !(s->batch = ev_batch_new())) {
		terminal_error("out of memory");
		goto fail;
	}
	if (options)
		s->options = *options;
	s->inputs = inputs;
	s->n = n;
	rc = check_inputs(s);
	/* a pipe waits by itself */
	if (rc == 0 && s->options.follow && n && strcmp(inputs[0], "-") != 0) {
		s->follow = source_follow_new(inputs[0]);
		rc = s->follow ? 0 : -ENOMEM;
	}
	if (rc == 0)
		rc = open_next(s);
	if (rc < 0)
		goto fail;
	if (s->options.progress)
		terminal_progress_start(&s->progress, total_size(s),
					s->options.progress == SOURCE_PROGRESS_PIPED);
	*result = s;
	return 0;
fail:
	source_close(s);
	return rc;
}

/* A set goes on only behind a file whose startup says its number. */
static void check_split(struct source *s)
{
	const struct ev_rows *rows = &s->batch->sec[EV_startup];

	if (s->split_checked || !s->split_base || !rows->n)
		return;
	s->split_checked = EV_HAS((const struct ev_startup *)rows->p, startup, split_id) &&
			   ((const struct ev_startup *)rows->p)->split_id == s->split_next - 1;
}

/* The recorder says in the last rows of a file that it began another. */
static void check_rotated(struct source *s)
{
	const struct ev_rows *rows = &s->batch->sec[EV_finish];

	if (rows->n)
		s->split_goes_on =
			ev_is(((const struct ev_finish *)rows->p)[rows->n - 1].reason, "rotated");
}

int source_next(struct source *s, struct ev_batch **batch)
{
	struct skbox_error err = {0};
	int rc;

	for (;;) {
		if (s->follow && source_follow_stopped())
			return 0;
		if (!s->in) {
			rc = open_next(s);
			if (rc <= 0) {
				terminal_progress_end(&s->progress);
				return rc;
			}
		}
		ev_batch_clear(s->batch);
		rc = s->format->next(s->self, s->batch, &err);
		if (rc >= 0 && s->batch->failed)
			rc = error_set(&err, -ENOMEM, 0, "out of memory");
		if (rc < 0) {
			terminal_progress_end(&s->progress);
			terminal_report(input_name(s->in), &err, NULL);
			return rc;
		}
		s->status.bytes = s->bytes_before + input_raw_bytes(s->in);
		if (rc == SOURCE_PACKED) {
			s->status.events += skbx_packed_events(s->packed);
			terminal_progress_update(&s->progress, s->status.bytes, s->status.events);
			return rc;
		}
		if (s->batch->n) {
			check_split(s);
			check_rotated(s);
			s->status.events += s->batch->n;
			if (!source_current(s)->has_id)
				source_current(s)->rows += s->batch->n;
			terminal_progress_update(&s->progress, s->status.bytes, s->status.events);
			*batch = s->batch;
			if (rc == 0)
				close_input(s);
			rc = s->options.batch ? s->options.batch(s->options.ctx, s->batch) : 0;
			return rc < 0 ? rc : 1;
		}
		if (rc == 0)
			close_input(s);
	}
}

struct ev_batch *source_take(struct source *s, struct ev_batch *other)
{
	struct ev_batch *taken = s->batch;

	s->batch = other;
	return taken;
}

int source_finish(struct source *s)
{
	const struct source_status *st = &s->status;

	terminal_progress_end(&s->progress);
	if (s->options.verbose)
		terminal_error("note: %llu of %llu blocks were skipped by their summaries",
			       (unsigned long long)st->skipped, (unsigned long long)st->blocks);
	if (st->unfinished && !s->follow)
		terminal_error("note: the recording was not finished; read as far as it goes");
	if (st->unknown)
		terminal_error("note: %llu parts of a newer format were left out",
			       (unsigned long long)st->unknown);
	if (st->unknown_keys && !s->options.damage)
		terminal_error("note: %llu key%s not known and left out",
			       (unsigned long long)st->unknown_keys,
			       st->unknown_keys == 1 ? " was" : "s were");
	if (st->damaged && !s->options.damage)
		terminal_error("%llu damaged place%s passed over", (unsigned long long)st->damaged,
			       st->damaged == 1 ? " was" : "s were");
	return st->damaged ? 3 : 0;
}

void source_close(struct source *s)
{
	if (!s)
		return;
	terminal_progress_end(&s->progress);
	close_input(s);
	ev_batch_free(s->batch);
	skbx_packed_free(s->packed);
	source_follow_free(s->follow);
	free(s->list);
	free(s->split_base);
	free(s);
}
