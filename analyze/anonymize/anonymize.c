/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * skbox anonymize: the same recording without what says whose it is. Each event is mapped by itself
 * (anon_event.h); then the output is read back and searched (residue.h).
 */
#include "analyze/anonymize/anonymize.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "analyze/anonymize/anon_event.h"
#include "analyze/anonymize/residue.h"
#include "analyze/command.h"
#include "analyze/confine.h"
#include "analyze/output.h"
#include "analyze/provenance.h"
#include "analyze/source/source.h"
#include "cli/terminal.h"

/* A secret shorter than this could be guessed; a longer one than the other is no key but a mistake. */
enum { SECRET_MIN = 16, SECRET_MAX = 1 << 20, BATCH_BYTES = 8 << 20 };

struct anonymize_config {
	struct anonymize_options options;
};

static const struct option_row rows[] = {
	OPTION(STRING, anonymize_config, options.out, "out", 'o', "FILE",
	       "the event file to write; - is standard output"),
	ANONYMIZE_OPTIONS(anonymize_config, options),
};

struct anonymizer {
	struct anon a;
	struct anon_room *room;
	struct output_skbx out;
	struct source *source;
	struct provenance_list provenance;
	uint64_t last_ns, events;
};

/* A list of two words: bit 0 and bit 1. */
static bool parse_list(const char *text, const char *const words[2], unsigned int *bits, char *why,
		       size_t why_size)
{
	while (*text) {
		size_t n = strcspn(text, ","), i = 0;

		while (i < 2 && (strlen(words[i]) != n || memcmp(text, words[i], n)))
			i++;
		if (i == 2) {
			snprintf(why, why_size, "there is %s, and %s", words[0], words[1]);
			return false;
		}
		*bits |= 1u << i;
		text += n + (text[n] == ',');
	}
	return true;
}

bool anonymize_parse_keep(const char *text, void *member, char *why, size_t why_size)
{
	static const char *const words[] = {"payload", "vendor"};

	return parse_list(text, words, member, why, why_size);
}

bool anonymize_parse_also(const char *text, void *member, char *why, size_t why_size)
{
	static const char *const words[] = {"ports", "vlans"};

	return parse_list(text, words, member, why, why_size);
}

/* ---- the key ---- */

static int read_secret(const char *path, uint8_t *secret, size_t *len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = 0;

	*len = 0;
	while (fd >= 0 && *len < SECRET_MAX && (n = read(fd, secret + *len, SECRET_MAX - *len)) > 0)
		*len += (size_t)n;
	if (fd < 0 || n < 0) {
		terminal_error("%s: cannot read the key: %s", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return -EIO;
	}
	close(fd);
	if (*len >= SECRET_MIN)
		return 0;
	terminal_error(
		"%s: a key of %zu bytes can be guessed: at least %d (head -c 32 /dev/urandom)",
		path, *len, SECRET_MIN);
	return -EINVAL;
}

static int make_key(struct anon_key **key, const char *path)
{
	uint8_t *secret = malloc(SECRET_MAX);
	size_t len = ANON_KEY_BYTES;
	int rc = secret ? 0 : -ENOMEM;

	*key = NULL;
	if (!anon_key_library()) {
		terminal_error("anonymize: this skbox was built without libcrypto, which has AES");
		rc = -ENOTSUP;
	} else if (secret && path) {
		rc = read_secret(path, secret, &len);
	} else if (secret && getrandom(secret, len, 0) != (ssize_t)len) {
		terminal_error("anonymize: no random bytes");
		rc = -EIO;
	}
	if (rc == 0) {
		rc = anon_key_new(key, secret, len);
		if (rc < 0)
			terminal_error("anonymize: libcrypto failed");
	}
	if (secret)
		explicit_bzero(secret, len);
	free(secret);
	return rc;
}

/* ---- writing ---- */

static int write_batch(struct anonymizer *x, const struct ev_batch *batch)
{
	struct provenance *p =
		provenance_of(&x->provenance, source_status(x->source)->n_inputs - 1);
	struct ev_walk w = ev_walk(batch);
	struct ev ev = {0};
	int rc = 0;

	if (!p)
		return -ENOMEM;
	while (rc == 0 && ev_next(&w, &ev)) {
		anon_event_add(&x->a, x->room, &ev, x->out.batch);
		if (ev.common && ev.common->timestamp > x->last_ns)
			x->last_ns = ev.common->timestamp;
		if (ev.loss)
			p->lost += ev.loss->lost + ev.loss->skipped;
		p->kept++;
		x->events++;
		if (x->out.batch->n >= x->out.block_events || x->out.batch->bytes >= BATCH_BYTES)
			rc = output_skbx_flush(&x->out);
	}
	return x->a.seen.failed ? -ENOMEM : rc;
}

/* What it was made of: by the random id of that file its owner finds it again. */
static int write_end(struct anonymizer *x)
{
	const struct source_input *inputs = source_inputs(x->source);

	for (uint32_t i = 0; i < source_status(x->source)->n_inputs; i++) {
		struct provenance *p = provenance_of(&x->provenance, i);

		if (!p)
			return -ENOMEM;
		p->lost_kept = p->lost;
		provenance_put(x->out.batch, x->last_ns, "anonymize", &inputs[i], p);
		if (x->out.batch->n >= x->out.block_events && output_skbx_flush(&x->out) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int write_all(struct anonymizer *x, const char *path)
{
	struct ev_batch *batch;
	int rc, wrote = 0;

	if (output_skbx_open(&x->out, path) < 0)
		return EXIT_FAILED;
	while ((rc = source_next(x->source, &batch)) > 0 && wrote == 0)
		wrote = write_batch(x, batch);
	if (rc == 0 && wrote == 0)
		wrote = write_end(x);
	if (rc < 0) {
		output_skbx_abandon(&x->out);
		return EXIT_FAILED;
	}
	if (output_skbx_close(&x->out, wrote) < 0)
		return EXIT_FAILED;
	return source_finish(x->source);
}

/* ---- looking back ---- */

static void tell_lines(const struct buf *lines)
{
	for (size_t at = 0; at < lines->len;) {
		const uint8_t *end = memchr(lines->p + at, '\n', lines->len - at);
		size_t n = end ? (size_t)(end - lines->p) - at : lines->len - at;

		terminal_error("left: %.*s", (int)n, lines->p + at);
		at += n + 1;
	}
}

/* 0, or the exit code. */
static int tell_residue(const struct anonymizer *x, const struct residue *r, const char *name)
{
	uint64_t found = residue_found(r);

	if (!found) {
		fprintf(stderr,
			"%s: %" PRIu64 " events; none of the %" PRIu64
			" addresses, names and numbers that were replaced is left in it\n",
			name, x->events, residue_values(r));
		if (residue_ambiguous(r))
			fprintf(stderr,
				"%s: not searched for: %" PRIu64
				" that also stand for another one\n",
				name, residue_ambiguous(r));
	} else {
		tell_lines(residue_lines(r));
		terminal_error("%s: %" PRIu64
			       " places hold what was to be replaced: do not share this file",
			       name, found);
	}
	if (x->a.seen.forgotten)
		terminal_error("%s: %" PRIu64 " values more were replaced, but not searched for",
			       name, x->a.seen.forgotten);
	return found || x->a.seen.forgotten ? EXIT_NO : EXIT_DONE;
}

static int search_output(struct anonymizer *x, const char *path, const char *name)
{
	struct source_options options = {.progress = SOURCE_QUIET};
	struct residue *r = residue_new(&x->a);
	char *input = strdup(path);
	struct source *s = NULL;
	struct ev_batch *batch;
	int rc = -ENOMEM, code = EXIT_FAILED;

	if (r && input)
		rc = source_open(&s, &options, &input, 1);
	while (rc >= 0 && (rc = source_next(s, &batch)) > 0)
		rc = residue_search(r, batch);
	if (rc == 0)
		code = tell_residue(x, r, name);
	else if (rc == -ENOMEM)
		terminal_error("anonymize: out of memory");
	source_close(s);
	residue_free(r);
	free(input);
	return code;
}

/* ---- standard output: through a file, for it is read again before anybody gets it ---- */

static int temporary(char **path)
{
	const char *folder = getenv("TMPDIR");
	int fd;

	if (asprintf(path, "%s/skbox-anonymize-XXXXXX", folder && *folder ? folder : "/tmp") < 0) {
		*path = NULL;
		return -ENOMEM;
	}
	fd = mkostemp(*path, O_CLOEXEC);
	if (fd < 0) {
		terminal_error("%s: cannot create: %s", *path, strerror(errno));
		free(*path);
		*path = NULL;
		return -EIO;
	}
	close(fd);
	return 0;
}

static int give_out(const char *path)
{
	static char bytes[65536];
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc = 0;
	struct output out;
	ssize_t n = 0;

	if (fd < 0 || output_open(&out, "-", 1) < 0) {
		if (fd >= 0)
			close(fd);
		return EXIT_FAILED;
	}
	while (rc == 0 && (n = read(fd, bytes, sizeof(bytes))) > 0)
		rc = output_write(&out, bytes, (size_t)n);
	close(fd);
	return output_commit(&out, n < 0 ? -EIO : rc) < 0 ? EXIT_FAILED : EXIT_DONE;
}

static int run_to(struct anonymizer *x, const struct anonymize_options *o, char *const *inputs,
		  size_t n, uint64_t *bytes)
{
	struct source_options options = {.progress = SOURCE_PROGRESS};
	bool piped = strcmp(o->out, "-") == 0;
	char *path = NULL;
	struct stat st;
	int code = EXIT_FAILED, left;

	if (piped && (!terminal_allows_binary(STDOUT_FILENO, "the output") || temporary(&path) < 0))
		return EXIT_FAILED;
	/* the output is read again: opening to read stays allowed */
	if (confine_enter(&(struct confine){
		    .inputs = inputs, .n = n, .output = piped ? path : o->out, .follow = true}) ==
		    0 &&
	    source_open(&x->source, &options, inputs, n) == 0 &&
	    !source_reads(x->source, piped ? path : o->out))
		code = write_all(x, piped ? path : o->out);
	if (code != EXIT_FAILED) {
		left = search_output(x, piped ? path : o->out, piped ? "the output" : o->out);
		code = left ? left : code;
		if (bytes && stat(piped ? path : o->out, &st) == 0)
			*bytes = (uint64_t)st.st_size;
	}
	if (piped) {
		if ((code == EXIT_DONE || code == EXIT_DAMAGED) && give_out(path) != EXIT_DONE)
			code = EXIT_FAILED;
		unlink(path);
		free(path);
	}
	return code;
}

int anonymize_run(const struct anonymize_options *o, char *const *inputs, size_t n, uint64_t *bytes)
{
	struct anonymizer x = {.a = {.keep_payload = o->keep & ANONYMIZE_KEEP_PAYLOAD,
				     .keep_vendor = o->keep & ANONYMIZE_KEEP_VENDOR,
				     .also_ports = o->also & ANONYMIZE_ALSO_PORTS,
				     .also_vlans = o->also & ANONYMIZE_ALSO_VLANS}};
	int code = EXIT_FAILED;

	x.room = calloc(1, sizeof(*x.room));
	if (!x.room)
		terminal_error("anonymize: out of memory");
	else if (make_key(&x.a.key, o->key) == 0)
		code = run_to(&x, o, inputs, n, bytes);
	source_close(x.source);
	if (x.room)
		buf_free(&x.room->text);
	free(x.room);
	provenance_list_free(&x.provenance);
	anon_seen_fini(&x.a.seen);
	anon_key_free(x.a.key);
	return code;
}

static int command_run(int argc, char **argv)
{
	struct anonymize_config c = {0};
	int rest, rc = command_options(&command_anonymize, argc, argv, &c, &rest);

	if (rc >= 0)
		return rc;
	if (!c.options.out) {
		terminal_error("anonymize: -o FILE says where to");
		return EXIT_FAILED;
	}
	return anonymize_run(&c.options, argv + rest, (size_t)(argc - rest), NULL);
}

const struct command command_anonymize = {
	.name = "anonymize",
	.usage = "[INPUT...] -o OUT.skbx [--key FILE] [--keep LIST]",
	.help = "the same recording without its addresses, names and payload",
	.about =
		"Addresses keep their networks and classes, MAC addresses and names become others, "
		"checksums stay right or wrong. The output is searched for all that was replaced: "
		"exit code 1 where something is left.",
	COMMAND_ROWS(rows),
	.run = command_run,
};
