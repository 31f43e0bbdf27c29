/* SPDX-License-Identifier: BSD-2-Clause */
/* How the programs write to people and to pipes. The only place that prints. */
#ifndef CLI_TERMINAL_H
#define CLI_TERMINAL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "formats/buf.h"
#include "formats/error.h"

/* The name that messages begin with ("skbox", "skbox-capture"); borrowed for good. Also ignores SIGPIPE. */
void terminal_init(const char *program);
const char *terminal_program(void);

/*
 * One line on standard error: "skbox: ...". The whole line goes out by one write(); control bytes and
 * what is not UTF-8 are escaped, so arguments may be untrusted.
 */
void terminal_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
/*
 * What terminal_error() calls first, so that output that is on its way is seen before the message; NULL:
 * nothing. It must not cause a message itself.
 */
void terminal_before_error(void (*flush)(void *ctx), void *ctx);
/* "skbox: WHERE: TEXT (offset N)"; unit is "offset", "line", or NULL for an error without a place. */
void terminal_report(const char *where, const struct skbox_error *err, const char *unit);

/* A number of bytes for people: exact below 1 MiB, then "64 MiB", "1.1 GiB". */
void terminal_put_size(struct buf *out, uint64_t bytes);

/* Output that is collected and written in large pieces. */
struct terminal_out {
	struct buf buf; /* append here, then call terminal_more() */
	int fd;
	int error;      /* negative errno of a write that failed */
	bool closed;    /* nobody reads any more (EPIPE): stop, it is no error */
	pid_t pager;    /* 0: none */
	uint64_t bytes; /* written */
	bool is_terminal;
	bool colours; /* it is one that shows colours, and the user wants them */
	/*
	 * What is written is JSON: what drives a terminal (DEL, C1 controls, turns of text direction), which
	 * JSON may hold as it is, goes onto one as \u escapes.
	 */
	bool json;
};

enum { TERMINAL_PIECE_BYTES = 256 * 1024 };

/*
 * Standard output; when `paged` and it is a terminal, through the pager of SKBOX_PAGER or PAGER, or less
 * where neither is set (empty or cat: none).
 */
void terminal_open(struct terminal_out *o, bool paged);
/* Starts the pager for the next terminal_open(), while programs can still be run. */
void terminal_prepare(void);
void terminal_unprepare(void); /* waits for it when nobody opened it; before the program ends */
/* JSON with those escapes, appended to out. */
void terminal_guard_json(struct buf *out, const uint8_t *p, size_t len);

/* Writes what is collected. False: stop producing (closed or error). */
bool terminal_flush(struct terminal_out *o);

/* Writes a buffer and empties it; what is collected must have gone out before. False: as above. */
bool terminal_put(struct terminal_out *o, struct buf *buf);

static inline bool terminal_more(struct terminal_out *o)
{
	return o->buf.len < TERMINAL_PIECE_BYTES || terminal_flush(o);
}

/* Flushes, waits for the pager, frees. 0, or a negative errno after its message; EPIPE is 0. */
int terminal_close(struct terminal_out *o);

/* Whether binary output may go to fd; says why not when it is a terminal. */
bool terminal_allows_binary(int fd, const char *what);

/* Writes all of it: 0 or a negative errno. */
int terminal_write_all(int fd, const void *data, size_t len);

/* Progress of long work on standard error, only when that is a terminal. SIGINT takes it away, too. */
struct terminal_progress {
	bool on, shown;
	bool catches; /* SIGINT, to take the line away */
	uint64_t start_ns, next_ns;
	uint64_t total; /* bytes of all inputs; 0: not known */
};

/* piped: output goes to standard output meanwhile, and is not to be disturbed when that is a terminal. */
void terminal_progress_start(struct terminal_progress *p, uint64_t total_bytes, bool piped);
/* Cheap: looks at the clock; redraws at most five times a second, the first time after a second. */
void terminal_progress_update(struct terminal_progress *p, uint64_t bytes, uint64_t events);
void terminal_progress_end(struct terminal_progress *p); /* takes the line away */
/* Takes a line away that may be there; for handlers of signals that end the program. */
void terminal_progress_erase(void);

#endif
