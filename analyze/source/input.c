/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyze/source/input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

enum {
	HEAD_BYTES = 64,
	RAW_BYTES = 256 * 1024,
	PIECE_BYTES = 1024 * 1024, /* what input_more() tries to add */
	PIECE_MAX = 4 * PIECE_BYTES,
	WINDOW_LOG_MAX = 27, /* zstd frames that want more memory than 128 MiB are refused */
};

enum coding { CODING_PLAIN, CODING_GZIP, CODING_ZSTD };

struct input {
	char *name;
	int fd;
	bool shared;  /* its place in the file is not ours alone: */
	off_t at_raw; /* so this is where we are */
	int64_t size;
	bool (*wait)(void *ctx); /* at the end of a file that grows; NULL: it does not */
	void *wait_ctx;
	bool ended; /* the file has no more stored bytes */
	bool done;  /* nothing more will be decoded */

	/* stored bytes that were read and not decoded yet */
	uint8_t *raw;
	size_t raw_at, raw_len;
	uint64_t raw_bytes;

	enum coding coding;
	z_stream gz;
	ZSTD_DStream *zstd;
	bool frame_open; /* inside a compressed frame or member: the end must not come here */

	uint8_t *p; /* decoded and unread: p[at..len-1] */
	size_t at, len, cap;
	uint64_t offset; /* of p[at] */
};

/* Files that were opened before opening was given up. */
static struct kept {
	char *path;
	int fd;
} * kept;
static size_t n_kept;

int input_keep_fd(const char *path, int fd)
{
	struct kept *v = realloc(kept, (n_kept + 1) * sizeof(*v));

	if (!v)
		return -ENOMEM;
	kept = v;
	v[n_kept].path = strdup(path);
	v[n_kept].fd = fd;
	if (!v[n_kept].path)
		return -ENOMEM;
	n_kept++;
	return 0;
}

static int open_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	return fd < 0 ? -errno : fd;
}

int input_keep(const char *path)
{
	int fd = open_file(path), rc = fd < 0 ? fd : input_keep_fd(path, fd);

	if (rc < 0 && fd >= 0)
		close(fd);
	return rc;
}

static const struct kept *find_kept(const char *path)
{
	for (size_t i = 0; i < n_kept; i++)
		if (strcmp(kept[i].path, path) == 0)
			return &kept[i];
	return NULL;
}

int input_open_fd(const char *path)
{
	const struct kept *k = find_kept(path);
	int fd = k ? fcntl(k->fd, F_DUPFD_CLOEXEC, 0) : open_file(path);

	return k && fd < 0 ? -errno : fd;
}

int input_open(struct input **result, const char *path, struct skbox_error *err)
{
	bool standard = !path || strcmp(path, "-") == 0;
	struct input *in = calloc(1, sizeof(*in));
	struct stat st;

	*result = NULL;
	if (!in)
		goto nomem;
	in->fd = -1;
	in->name = strdup(standard ? "standard input" : path);
	in->raw = malloc(RAW_BYTES);
	if (!in->name || !in->raw)
		goto nomem;
	in->fd = standard ? dup(STDIN_FILENO) : input_open_fd(path);
	if (in->fd < 0 || fstat(in->fd, &st) != 0) {
		int code = in->fd < 0 && !standard ? in->fd : -errno;

		input_close(in);
		return error_set(err, code, 0, "cannot open: %s", strerror(-code));
	}
	if (S_ISDIR(st.st_mode)) {
		input_close(in);
		return error_set(err, -EISDIR, 0, "is a directory");
	}
	in->size = -1;
	if (S_ISREG(st.st_mode)) {
		in->shared = !standard && find_kept(path);
		posix_fadvise(in->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
		/* standard input may already stand somewhere inside its file: then it is as a pipe */
		if (!standard || lseek(in->fd, 0, SEEK_CUR) == 0)
			in->size = st.st_size;
	}
	*result = in;
	return 0;
nomem:
	input_close(in);
	return error_set(err, -ENOMEM, 0, "out of memory");
}

void input_close(struct input *in)
{
	if (!in)
		return;
	if (in->fd >= 0)
		close(in->fd);
	if (in->coding == CODING_GZIP)
		inflateEnd(&in->gz);
	ZSTD_freeDStream(in->zstd);
	free(in->name);
	free(in->raw);
	free(in->p);
	free(in);
}

const char *input_name(const struct input *in)
{
	return in->name;
}

uint64_t input_offset(const struct input *in)
{
	return in->offset;
}

uint64_t input_raw_bytes(const struct input *in)
{
	return in->raw_bytes;
}

int64_t input_size(const struct input *in)
{
	return in->wait ? -1 : in->size;
}

void input_follow(struct input *in, bool (*wait)(void *ctx), void *ctx)
{
	in->wait = wait;
	in->wait_ctx = ctx;
}

/* At the end: whether there may be more by now. */
static bool wait_more(const struct input *in)
{
	return in->wait && in->wait(in->wait_ctx);
}

static ssize_t read_fd(struct input *in, void *p, size_t len)
{
	for (;;) {
		ssize_t n = in->shared ? pread(in->fd, p, len, in->at_raw) : read(in->fd, p, len);

		if (n > 0) {
			in->raw_bytes += (uint64_t)n;
			in->at_raw += n;
		}
		if (n < 0 && errno != EINTR)
			return -errno;
		/* a signal may say that enough was read */
		if (n > 0 || (n == 0 && !wait_more(in)) || (n < 0 && in->wait && !wait_more(in)))
			return n < 0 ? 0 : n;
	}
}

/* More stored bytes behind those that are there: their number, 0 at the end, negative errno. */
static ssize_t fill_raw(struct input *in)
{
	ssize_t n;

	if (in->raw_at) {
		memmove(in->raw, in->raw + in->raw_at, in->raw_len - in->raw_at);
		in->raw_len -= in->raw_at;
		in->raw_at = 0;
	}
	if (in->ended || in->raw_len == RAW_BYTES)
		return 0;
	n = read_fd(in, in->raw + in->raw_len, RAW_BYTES - in->raw_len);
	if (n > 0)
		in->raw_len += (size_t)n;
	if (n == 0)
		in->ended = true;
	return n;
}

const uint8_t *input_head(struct input *in, size_t *len)
{
	while (in->raw_len < HEAD_BYTES && fill_raw(in) > 0)
		;
	*len = in->raw_len < HEAD_BYTES ? in->raw_len : HEAD_BYTES;
	return in->raw;
}

int input_decompress(struct input *in, struct skbox_error *err)
{
	static const uint8_t zstd_magic[] = {0x28, 0xb5, 0x2f, 0xfd};
	const uint8_t *p = in->raw;
	bool skippable = in->raw_len >= 4 && (p[0] & 0xf0) == 0x50 && p[1] == 0x2a &&
			 p[2] == 0x4d && p[3] == 0x18;

	if (in->raw_len >= 2 && p[0] == 0x1f && p[1] == 0x8b) {
		/* 15: the largest window; 32: a gzip or zlib header is recognized */
		if (inflateInit2(&in->gz, 15 + 32) != Z_OK)
			return error_set(err, -ENOMEM, 0, "out of memory");
		in->coding = CODING_GZIP;
	} else if (skippable || (in->raw_len >= 4 && memcmp(p, zstd_magic, 4) == 0)) {
		in->zstd = ZSTD_createDStream();
		if (!in->zstd)
			return error_set(err, -ENOMEM, 0, "out of memory");
		ZSTD_DCtx_setParameter(in->zstd, ZSTD_d_windowLogMax, WINDOW_LOG_MAX);
		in->coding = CODING_ZSTD;
	}
	return 0;
}

const uint8_t *input_bytes(struct input *in, size_t *len)
{
	*len = in->len - in->at;
	return in->p + in->at;
}

void input_skip(struct input *in, size_t n)
{
	in->at += n;
	in->offset += n;
}

/* Decodes stored bytes into room bytes at out: how many came out; negative errno. */
static ssize_t decode_gzip(struct input *in, uint8_t *out, size_t room, struct skbox_error *err)
{
	int rc;

	if (!in->frame_open && in->raw_at < in->raw_len && in->gz.total_in) {
		/* another member behind the last; zeros that pad a tape are the end */
		if (in->raw[in->raw_at] != 0x1f) {
			in->done = true;
			return 0;
		}
		inflateReset(&in->gz);
	}
	in->gz.next_in = in->raw + in->raw_at;
	in->gz.avail_in = (unsigned int)(in->raw_len - in->raw_at);
	in->gz.next_out = out;
	in->gz.avail_out = (unsigned int)room;
	rc = inflate(&in->gz, Z_NO_FLUSH);
	in->raw_at = in->raw_len - in->gz.avail_in;
	in->frame_open = rc != Z_STREAM_END;
	if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR)
		return error_set(err, rc == Z_MEM_ERROR ? -ENOMEM : -EPROTO,
				 in->offset + (in->len - in->at), "damaged gzip data");
	return (ssize_t)(room - in->gz.avail_out);
}

static ssize_t decode_zstd(struct input *in, uint8_t *out, size_t room, struct skbox_error *err)
{
	ZSTD_inBuffer from = {in->raw, in->raw_len, in->raw_at};
	ZSTD_outBuffer to = {out, room, 0};
	size_t rc = ZSTD_decompressStream(in->zstd, &to, &from);

	in->raw_at = from.pos;
	if (ZSTD_isError(rc))
		return error_set(err, -EPROTO, in->offset + (in->len - in->at),
				 "damaged zstd data: %s", ZSTD_getErrorName(rc));
	in->frame_open = rc != 0;
	return (ssize_t)to.pos;
}

static ssize_t decode(struct input *in, uint8_t *out, size_t room, struct skbox_error *err)
{
	size_t n = in->raw_len - in->raw_at;

	if (in->coding == CODING_GZIP)
		return decode_gzip(in, out, room, err);
	if (in->coding == CODING_ZSTD)
		return decode_zstd(in, out, room, err);
	n = n < room ? n : room;
	memcpy(out, in->raw + in->raw_at, n);
	in->raw_at += n;
	return (ssize_t)n;
}

/* Room for a piece behind the unread bytes. */
static bool make_room(struct input *in)
{
	size_t unread = in->len - in->at, cap;
	uint8_t *p;

	if (in->at) {
		memmove(in->p, in->p + in->at, unread);
		in->len = unread;
		in->at = 0;
	}
	if (in->cap - unread >= PIECE_BYTES / 2)
		return true;
	cap = in->cap + PIECE_BYTES > unread * 2 ? in->cap + PIECE_BYTES : unread * 2;
	p = realloc(in->p, cap);
	if (!p)
		return false;
	in->p = p;
	in->cap = cap;
	return true;
}

/* A bomb shall not fill all of what doubling gave room for. */
static size_t room_of(const struct input *in)
{
	size_t room = in->cap - in->len;

	return room < PIECE_MAX ? room : PIECE_MAX;
}

int input_more(struct input *in, struct skbox_error *err)
{
	ssize_t n;

	if (in->done)
		return 0;
	if (!make_room(in))
		return error_set(err, -ENOMEM, in->offset, "out of memory");
	for (;;) {
		bool had = in->raw_at < in->raw_len;

		if (!had && in->coding == CODING_PLAIN) {
			/* straight into its place */
			n = in->ended ? 0 : read_fd(in, in->p + in->len, room_of(in));
			if (n < 0)
				return error_set(err, (int)n, in->offset, "cannot read: %s",
						 strerror((int)-n));
			in->done = n == 0;
			in->len += (size_t)n;
			return n > 0;
		}
		/* a decoder may still hold output when its input is used up */
		n = had || in->frame_open ? decode(in, in->p + in->len, room_of(in), err) : 0;
		if (n < 0) {
			in->done = true;
			return (int)n;
		}
		in->len += (size_t)n;
		if (n > 0)
			return 1;
		if (in->done)
			return 0;
		if (in->raw_at < in->raw_len && had)
			continue;
		n = fill_raw(in);
		if (n < 0)
			return error_set(err, (int)n, in->offset, "cannot read: %s",
					 strerror((int)-n));
		if (n > 0)
			continue;
		in->done = true;
		if (in->frame_open)
			return error_set(err, -EPROTO, in->offset + (in->len - in->at),
					 "the compressed data ends too early");
		return 0;
	}
}

ssize_t input_read_at(void *ctx, void *p, size_t len, uint64_t offset)
{
	struct input *in = ctx;
	uint64_t head = in->raw_len;
	ssize_t n;

	/* what input_head() took from a pipe comes first */
	if (in->size < 0 && offset < head) {
		size_t part = head - offset < len ? (size_t)(head - offset) : len;

		memcpy(p, in->raw + offset, part);
		return (ssize_t)part;
	}
	if (in->size < 0)
		return read_fd(in, p, len);
	do
		n = pread(in->fd, p, len, (off_t)offset);
	while ((n < 0 && errno == EINTR) || (n == 0 && wait_more(in)));
	if (n > 0 && offset + (uint64_t)n > in->raw_bytes)
		in->raw_bytes = offset + (uint64_t)n;
	return n < 0 ? -errno : n;
}
