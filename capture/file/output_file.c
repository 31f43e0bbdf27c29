/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/file/output_file.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capture/file/inventory.h"
#include "capture/file/output_end.h"
#include "formats/schema.h"
#include "formats/skbx/skbx.h"
#include "formats/skbx/skbx_inventory.h"

enum {
	/* a batch that may take more than that part of a file's limit is written in pieces */
	PIECES = 8,
	/* what the trailer and a repeated inventory may take beside what is counted: keys, the schema */
	SPARE_BYTES = 64 << 10,
	ROW_BYTES = 160,        /* of a row of the inventory, its strings aside */
	BLOCK_BYTES = 48,       /* of a block in the seek table, beside its header in the index */
	PREFIX_BYTES = 8,       /* a skippable frame's magic and size */
	BATCH_SPARE = 16 << 10, /* headers of a batch's blocks */
	LEVEL = 1,              /* half the time of 3 for some percent of size */
};

struct output_file {
	struct output_file_options options;
	struct rotate rotate;
	int fd; /* -1: none */
	bool is_regular;
	struct skbx_writer *writer;
	uint64_t good;                   /* bytes of whole blocks that this file has */
	uint64_t before;                 /* bytes of the files before it */
	uint64_t headers;                /* bytes that the index may take */
	uint64_t known;                  /* bytes that a copy of the inventory may take */
	bool begun;                      /* it has more than its inventory */
	bool low;                        /* the disk was found full */
	struct skbx_inventory inventory; /* of the recording, without its end */
	struct ev_batch *scratch;        /* inventory and end of a file, and pieces of batches */
	struct output_end end;

	pthread_t closer; /* syncs the file before, so that writing need not wait for it */
	bool closing;
	int closer_fd, closer_error;
};

/* ---- bytes ---- */

/* A block, or a part of the seek table. One that does not fit is taken back: the rest is whole. */
static int write_block(void *ctx, const void *data, size_t len)
{
	struct output_file *f = ctx;
	const uint8_t *p = data;
	uint64_t header = len;
	int rc = patience_write(f->options.patience, f->fd, data, len);

	if (rc) {
		if (f->is_regular && ftruncate(f->fd, (off_t)f->good))
			rc = -errno;
		return rc;
	}
	f->good += len;
	if (len >= PREFIX_BYTES) {
		header = PREFIX_BYTES + ((uint64_t)p[4] | (uint64_t)p[5] << 8 |
					 (uint64_t)p[6] << 16 | (uint64_t)p[7] << 24);
		header = header < len ? header : len;
	}
	f->headers += header + BLOCK_BYTES;
	return 0;
}

/* How many bytes a batch takes at most: columns are never larger than half of their structs. */
static uint64_t bound(const struct ev_batch *b)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < b->strings.n; i++)
		n += b->strings.v[i].len + 4;
	for (uint32_t i = 0; i < b->blobs.n; i++)
		n += b->blobs.v[i].len + 4;
	for (int s = 0; s < EV_SECTIONS; s++)
		n += (uint64_t)b->sec[s].n * schema_sections[s].size / 2;
	return n + BATCH_SPARE;
}

/* Bytes that the end of the file, and what the writer repeats before it, may take. */
static uint64_t tail(const struct output_file *f)
{
	return f->headers + 2 * f->known + SPARE_BYTES;
}

/* ---- files ---- */

static bool is_low(const struct output_file *f, int fd, struct skbox_error *err)
{
	uint64_t left = f->options.min_free && fd >= 0 ? rotate_disk_free(fd) : UINT64_MAX;

	if (left >= f->options.min_free)
		return false;
	error_set(
		err, -ENOSPC, 0,
		"%.100s: recording ends, for just %llu bytes are free on its disk and %llu are to "
		"stay so (--min-free)",
		f->options.rotate.path, (unsigned long long)left,
		(unsigned long long)f->options.min_free);
	return true;
}

static int open_fd(struct output_file *f, struct skbox_error *err)
{
	struct stat st;

	if (!strcmp(f->options.rotate.path, "-")) {
		if (isatty(STDOUT_FILENO))
			return error_set(
				err, -EINVAL, 0,
				"an event file is not written to a terminal: -o FILE, or a pipe");
		f->fd = STDOUT_FILENO;
	} else {
		f->fd = rotate_next(&f->rotate, err);
		if (f->fd < 0)
			return f->fd;
	}
	/* what stands in front of it on standard output is not ours to cut */
	f->is_regular = f->fd != STDOUT_FILENO && !fstat(f->fd, &st) && S_ISREG(st.st_mode);
	return 0;
}

static int begin_writer(struct output_file *f, struct skbox_error *err)
{
	struct skbx_write_options wo = {.level = LEVEL};
	struct skbx_output to = {.write = write_block, .ctx = f};
	int rc = 0;

	if (f->writer)
		return 0;
	if (getrandom(wo.id, sizeof(wo.id), 0) != sizeof(wo.id))
		rc = error_set(err, -EIO, 0, "no random number");
	if (!rc)
		rc = skbx_writer_open(&f->writer, &to, &wo, err);
	return rc;
}

static int begin_file(struct output_file *f, struct skbox_error *err)
{
	int rc = open_fd(f, err);

	f->good = f->headers = 0;
	f->begun = false;
	return rc ? rc : begin_writer(f, err);
}

static void *sync_and_close(void *arg)
{
	struct output_file *f = arg;

	/* a pipe has nothing to sync: EINVAL */
	if (fsync(f->closer_fd) && errno != EINVAL && errno != EROFS)
		f->closer_error = -errno;
	if (f->closer_fd != STDOUT_FILENO && close(f->closer_fd) && !f->closer_error)
		f->closer_error = -errno;
	return NULL;
}

static int wait_closed(struct output_file *f, struct skbox_error *err)
{
	if (f->closing)
		pthread_join(f->closer, NULL);
	f->closing = false;
	return f->closer_error ? error_set(err, f->closer_error, 0, "closing a file: %s",
					   strerror(-f->closer_error))
			       : 0;
}

static void set_split(const struct output_file *f, struct ev_batch *b)
{
	const struct rotate_limits *limits = &f->options.rotate.limits;
	struct ev_startup *row = (struct ev_startup *)b->sec[EV_startup].p;

	if (!limits->on)
		return;
	for (uint32_t i = 0; i < b->sec[EV_startup].n; i++) {
		EV_SET(&row[i], startup, split_id, (uint32_t)(f->rotate.next - 1));
		EV_SET(&row[i], startup, split_kind,
		       ev_text(b, limits->bytes     ? "size"
				  : limits->time_ns ? "time"
						    : "signal"));
		if (limits->bytes)
			EV_SET(&row[i], startup, split_limit, limits->bytes);
	}
}

/* What is known of the recording so far, as of now: what a file begins with. */
static int write_inventory(struct output_file *f, struct skbox_error *err)
{
	struct ev_walk walk = ev_walk(f->inventory.rows);
	struct ev_batch *b = f->scratch;
	uint64_t now = inventory_now_ns();
	struct ev ev = {0};
	int64_t offset = 0;
	int rc;

	ev_batch_clear(b);
	while (ev_next(&walk, &ev))
		if (!ev.clock)
			ev_copy(b, &ev);
	inventory_add_clock(b);
	if (b->failed)
		return error_set(err, -ENOMEM, 0, "out of memory");
	offset = ((struct ev_clock *)b->sec[EV_clock].p)->offset;
	for (uint32_t i = 0; i < b->sec[EV_common].n; i++)
		((struct ev_common *)b->sec[EV_common].p)[i].timestamp = now;
	for (uint32_t i = 0; i < b->sec[EV_startup].n; i++)
		inventory_set_offset((struct ev_startup *)b->sec[EV_startup].p + i, offset);
	set_split(f, b);
	rc = skbx_write(f->writer, b, err);
	f->known = f->good;
	if (!rc && f->options.rotate.limits.bytes &&
	    f->good + tail(f) > f->options.rotate.limits.bytes / 2)
		return error_set(err, -E2BIG, 0,
				 "%u names of devices, namespaces and probes take half of a file: "
				 "--rotate needs a larger size",
				 f->inventory.rows->n);
	return rc;
}

int output_file_open(struct output_file **result, const struct output_file_options *options,
		     struct skbox_error *err)
{
	struct output_file *f = calloc(1, sizeof(*f));
	int rc = 0;

	*result = f;
	if (!f)
		return error_set(err, -ENOMEM, 0, "out of memory");
	f->options = *options;
	f->fd = f->rotate.dir_fd = -1;
	f->end.counting = options->rotate.limits.on;
	f->scratch = ev_batch_new();
	if (!f->scratch || skbx_inventory_init(&f->inventory))
		return error_set(err, -ENOMEM, 0, "out of memory");
	if (strcmp(options->rotate.path, "-"))
		rc = rotate_open(&f->rotate, &options->rotate, err);
	if (!rc && is_low(f, f->rotate.dir_fd, err))
		rc = -ENOSPC;
	if (rc)
		return rc;
	/* a pipe may be full: that is for the thread that writes to wait for */
	return strcmp(options->rotate.path, "-") ? begin_file(f, err) : open_fd(f, err);
}

void output_file_close(struct output_file *f)
{
	if (!f)
		return;
	wait_closed(f, NULL);
	skbx_writer_free(f->writer);
	skbx_inventory_free(&f->inventory);
	ev_batch_free(f->scratch);
	output_end_free(&f->end);
	if (f->fd >= 0 && f->fd != STDOUT_FILENO)
		close(f->fd);
	rotate_close(&f->rotate);
	free(f);
}

/* Totals and trailer; then the file is let go, to be synced. */
static int finish_file(struct output_file *f, const struct output_totals *totals, bool last,
		       const char *reason, struct skbox_error *err)
{
	int rc;

	rc = begin_writer(f, err);
	if (rc)
		return rc;
	ev_batch_clear(f->scratch);
	output_end_rows(&f->end, totals, last, reason, f->scratch);
	rc = f->scratch->failed ? error_set(err, -ENOMEM, 0, "out of memory")
				: skbx_write(f->writer, f->scratch, err);
	if (!rc)
		rc = skbx_writer_close(f->writer, err);
	if (!rc)
		rc = wait_closed(f, err);
	if (rc)
		return rc;
	f->before += f->good;
	f->good = 0;
	skbx_writer_free(f->writer);
	f->writer = NULL;
	f->closer_fd = f->fd;
	f->fd = -1;
	rc = -pthread_create(&f->closer, NULL, sync_and_close, f);
	f->closing = !rc;
	if (rc)
		sync_and_close(f);
	return 0;
}

int output_file_rotate(struct output_file *f, const struct output_totals *totals,
		       struct skbox_error *err)
{
	int rc;

	if (!f->options.rotate.limits.on)
		return 0;
	rc = finish_file(f, totals, false, "rotated", err);
	if (!rc)
		rc = begin_file(f, err);
	return rc ? rc : write_inventory(f, err);
}

int output_file_finish(struct output_file *f, const struct output_totals *totals,
		       const char *reason, struct skbox_error *err)
{
	int rc = finish_file(f, totals, true, reason, err);

	return rc ? rc : wait_closed(f, err);
}

/* ---- batches ---- */

static int learn(struct output_file *f, const struct ev_batch *b, struct skbox_error *err)
{
	static const enum ev_section many[] = {EV_iface, EV_nsinfo, EV_probe, EV_dropname};

	for (size_t i = 0; i < sizeof(many) / sizeof(many[0]); i++)
		f->known += (uint64_t)b->sec[many[i]].n * ROW_BYTES;
	f->known += (uint64_t)b->sec[EV_clock].n * 32;
	for (uint32_t i = 0; i < b->sec[EV_startup].n; i++)
		f->known += ((struct ev_startup *)b->sec[EV_startup].p)[i].cmdline.len;
	if (skbx_inventory_learn(&f->inventory, ev_walk(b), b->n))
		return error_set(err, -ENOMEM, 0, "out of memory");
	return 0;
}

static int write_piece(struct output_file *f, struct ev_batch *b,
		       const struct output_totals *totals, struct skbox_error *err)
{
	uint64_t limit = f->options.rotate.limits.bytes;
	int rc = 0;

	if (limit && f->begun && f->good + bound(b) + tail(f) > limit) {
		/* the scratch batch has the piece: it is needed for the end and the beginning */
		struct ev_batch *own = b == f->scratch ? ev_batch_new() : NULL;

		if (b == f->scratch && !own)
			return error_set(err, -ENOMEM, 0, "out of memory");
		if (own)
			f->scratch = own;
		rc = output_file_rotate(f, totals, err);
		if (own) {
			f->scratch = b;
			ev_batch_free(own);
		}
	}
	if (!rc)
		rc = skbx_write(f->writer, b, err);
	if (rc)
		return rc;
	f->begun = true;
	output_end_count(&f->end, b, totals);
	output_end_delay(&f->end, b, inventory_now_ns());
	return 0;
}

/* A batch that is large beside the limit, as several. */
static int write_pieces(struct output_file *f, const struct ev_batch *b,
			const struct output_totals *totals, struct skbox_error *err)
{
	uint64_t most = f->options.rotate.limits.bytes / PIECES;
	uint32_t n = (uint32_t)(b->n * most / (bound(b) + 1)) + 1;
	struct ev_walk walk = ev_walk(b);
	struct ev ev = {0};
	int rc = 0;

	while (!rc && walk.i < b->n) {
		ev_batch_clear(f->scratch);
		while (f->scratch->n < n && ev_next(&walk, &ev))
			ev_copy(f->scratch, &ev);
		rc = f->scratch->failed ? error_set(err, -ENOMEM, 0, "out of memory")
					: write_piece(f, f->scratch, totals, err);
	}
	return rc;
}

int output_file_write(struct output_file *f, struct ev_batch *b, const struct output_totals *totals,
		      struct skbox_error *err)
{
	uint64_t limit = f->options.rotate.limits.bytes;
	char name[200];
	int rc;

	set_split(f, b);
	rc = begin_writer(f, err);
	if (!rc)
		rc = learn(f, b, err);
	if (!rc)
		rc = limit && bound(b) > limit / PIECES ? write_pieces(f, b, totals, err)
							: write_piece(f, b, totals, err);
	if (rc == -ENOSPC || rc == -EDQUOT) {
		rotate_name(&f->rotate, name, sizeof(name));
		return error_set(err, rc, 0,
				 "%.120s: the disk is full: recording ends; what was written "
				 "before is whole",
				 name);
	}
	return rc;
}

bool output_file_disk_low(struct output_file *f, struct skbox_error *err)
{
	if (f->low || !f->is_regular)
		return false;
	f->low = is_low(f, f->fd, err);
	return f->low;
}

int output_file_dir(const struct output_file *f)
{
	return f->options.rotate.limits.on ? f->rotate.dir_fd : -1;
}

uint64_t output_file_bytes(const struct output_file *f)
{
	return f->before + f->good;
}
