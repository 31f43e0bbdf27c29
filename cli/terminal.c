/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/terminal.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "formats/text/text.h"

/* Longest message; what is longer is cut. */
enum { MESSAGE_MAX = 2048 };

static const char *program = "skbox";
static void (*before_error)(void *ctx);
static void *before_error_ctx;

void terminal_init(const char *name)
{
	program = name;
	signal(SIGPIPE, SIG_IGN);
}

const char *terminal_program(void)
{
	return program;
}

int terminal_write_all(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

static const char erase_line[] = "\r\033[K";
static volatile sig_atomic_t progress_shown;

void terminal_progress_erase(void)
{
	if (progress_shown)
		terminal_write_all(STDERR_FILENO, erase_line, sizeof(erase_line) - 1);
	progress_shown = 0;
}

void terminal_before_error(void (*flush)(void *ctx), void *ctx)
{
	before_error = flush;
	before_error_ctx = ctx;
}

void terminal_error(const char *format, ...)
{
	char text[MESSAGE_MAX];
	struct buf line = {0};
	va_list args;

	if (before_error)
		before_error(before_error_ctx);
	terminal_progress_erase();
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	buf_str(&line, program);
	buf_str(&line, ": ");
	text_untrusted(&line, text, strlen(text));
	buf_u8(&line, '\n');
	terminal_write_all(STDERR_FILENO, line.p, line.len);
	buf_free(&line);
}

void terminal_report(const char *where, const struct skbox_error *err, const char *unit)
{
	if (unit)
		terminal_error("%s: %s (%s %llu)", where, err->text, unit,
			       (unsigned long long)err->offset);
	else
		terminal_error("%s: %s", where, err->text);
}

void terminal_put_size(struct buf *out, uint64_t bytes)
{
	static const char units[][4] = {"MiB", "GiB", "TiB"};
	double v = (double)bytes / (1 << 20);
	size_t unit = 0;

	if (bytes < 1 << 20) {
		buf_printf(out, "%llu bytes", (unsigned long long)bytes);
		return;
	}
	for (; v >= 1024 && unit < 2; unit++)
		v /= 1024;
	buf_printf(out, bytes % (UINT64_C(1) << (20 + 10 * unit)) ? "%.1f %s" : "%.0f %s", v,
		   units[unit]);
}

/* ---- output ---- */

/* Whether the path has a program of that name. */
static bool is_on_path(const char *name)
{
	const char *at = getenv("PATH");
	char path[4096];

	while (at && *at) {
		size_t n = strcspn(at, ":");

		if (n &&
		    snprintf(path, sizeof(path), "%.*s/%s", (int)n, at, name) < (int)sizeof(path) &&
		    access(path, X_OK) == 0)
			return true;
		at += n + (at[n] == ':');
	}
	return false;
}

/* What the user wants, else less, where there is one; NULL: none. */
static const char *choose_pager(void)
{
	const char *pager = getenv("SKBOX_PAGER"), *type = getenv("TERM");

	if (!pager)
		pager = getenv("PAGER");
	if (!pager && type && strcmp(type, "dumb") != 0 && is_on_path("less"))
		pager = "less";
	return pager && *pager && strcmp(pager, "cat") != 0 ? pager : NULL;
}

/* Runs the pager with its standard input at a pipe, whose other end becomes o->fd. */
static void start_pager(struct terminal_out *o)
{
	const char *pager = choose_pager();
	int ends[2];
	pid_t pid;

	if (!pager || pipe(ends) != 0)
		return;
	pid = fork();
	if (pid == 0) {
		dup2(ends[0], STDIN_FILENO);
		close(ends[0]);
		close(ends[1]);
		setenv("LESS", "FRX", 0);
		signal(SIGPIPE, SIG_DFL);
		execl("/bin/sh", "sh", "-c", pager, (char *)NULL);
		_exit(127);
	}
	close(ends[0]);
	if (pid < 0) {
		close(ends[1]);
		return;
	}
	/* the pager decides what an interrupt means */
	signal(SIGINT, SIG_IGN);
	o->pager = pid;
	o->fd = ends[1];
}

/* See no-color.org. A pager gets colours when it is less and told to pass them on, as we tell it. */
static bool wants_colours(const struct terminal_out *o)
{
	const char *no = getenv("NO_COLOR"), *type = getenv("TERM"), *less = getenv("LESS");

	if (!o->is_terminal || (no && *no) || !type || !*type || strcmp(type, "dumb") == 0)
		return false;
	return !o->pager || !less || strpbrk(less, "rR");
}

/* With the pager of terminal_prepare(); is_terminal: not opened yet. */
static struct terminal_out prepared;

void terminal_prepare(void)
{
	prepared = (struct terminal_out){.fd = STDOUT_FILENO, .is_terminal = isatty(STDOUT_FILENO)};
	if (prepared.is_terminal)
		start_pager(&prepared);
}

void terminal_unprepare(void)
{
	if (prepared.is_terminal)
		terminal_close(&prepared);
	prepared = (struct terminal_out){0};
}

void terminal_open(struct terminal_out *o, bool paged)
{
	*o = (struct terminal_out){.fd = STDOUT_FILENO, .is_terminal = isatty(STDOUT_FILENO)};
	if (paged && prepared.is_terminal) {
		*o = prepared;
		prepared = (struct terminal_out){0};
	} else if (paged && o->is_terminal) {
		start_pager(o);
	}
	o->colours = wants_colours(o);
}

/* The code point at p when it drives a terminal, and its length; 0: it does not. */
static uint32_t driving(const uint8_t *p, size_t left, size_t *len)
{
	uint32_t c;

	*len = 1;
	if (p[0] == 0x7f)
		return 0x7f;
	*len = 2;
	if (left >= 2 && p[0] == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0)
		return p[1];
	*len = 3;
	if (left < 3 || p[0] != 0xe2)
		return 0;
	c = (uint32_t)(p[0] & 0xf) << 12 | (uint32_t)(p[1] & 0x3f) << 6 | (p[2] & 0x3f);
	return (c >= 0x200e && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
			       (c >= 0x2066 && c <= 0x2069)
		       ? c
		       : 0;
}

void terminal_guard_json(struct buf *out, const uint8_t *p, size_t len)
{
	for (size_t i = 0, n; i < len; i += n) {
		uint32_t c = driving(p + i, len - i, &n);

		if (c) {
			buf_printf(out, "\\u%04x", c);
		} else {
			n = 1;
			buf_u8(out, p[i]);
		}
	}
}

bool terminal_flush(struct terminal_out *o)
{
	struct buf guarded = {0};
	int rc;

	if (o->buf.failed && !o->error)
		o->error = -ENOMEM;
	if (o->closed || o->error) {
		buf_clear(&o->buf);
		return false;
	}
	if (o->json && o->is_terminal) {
		terminal_guard_json(&guarded, o->buf.p, o->buf.len);
		rc = guarded.failed ? -ENOMEM : terminal_write_all(o->fd, guarded.p, guarded.len);
		buf_free(&guarded);
	} else {
		rc = terminal_write_all(o->fd, o->buf.p, o->buf.len);
	}
	o->bytes += o->buf.len;
	buf_clear(&o->buf);
	if (rc == -EPIPE)
		o->closed = true;
	else if (rc < 0)
		o->error = rc;
	return rc == 0;
}

bool terminal_put(struct terminal_out *o, struct buf *buf)
{
	struct buf mine = o->buf;
	bool more;

	o->buf = *buf;
	more = terminal_flush(o);
	*buf = o->buf;
	o->buf = mine;
	return more;
}

int terminal_close(struct terminal_out *o)
{
	if (o->buf.len)
		terminal_flush(o);
	if (o->pager) {
		close(o->fd);
		while (waitpid(o->pager, NULL, 0) < 0 && errno == EINTR)
			;
	}
	if (o->error)
		terminal_error("cannot write the output: %s", strerror(-o->error));
	buf_free(&o->buf);
	return o->error;
}

bool terminal_allows_binary(int fd, const char *what)
{
	if (!isatty(fd))
		return true;
	terminal_error("%s is binary and standard output is a terminal; name a file with -o", what);
	return false;
}

/* ---- progress ---- */

enum { PROGRESS_FIRST_NS = 1000000000, PROGRESS_EVERY_NS = 200000000 };

/* The shell's prompt stands on a line of its own. */
static void on_interrupt(int number)
{
	terminal_progress_erase();
	signal(number, SIG_DFL);
	raise(number);
}

static void show_first(struct terminal_progress *p)
{
	struct sigaction now;

	p->shown = true;
	/* who else handles it erases the line, too */
	if (sigaction(SIGINT, NULL, &now) == 0 && now.sa_handler == SIG_DFL)
		p->catches = signal(SIGINT, on_interrupt) != SIG_ERR;
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

void terminal_progress_start(struct terminal_progress *p, uint64_t total_bytes, bool piped)
{
	*p = (struct terminal_progress){.on = isatty(STDERR_FILENO) &&
					      (!piped || !isatty(STDOUT_FILENO)),
					.total = total_bytes};
	if (p->on) {
		p->start_ns = now_ns();
		p->next_ns = p->start_ns + PROGRESS_FIRST_NS;
	}
}

void terminal_progress_update(struct terminal_progress *p, uint64_t bytes, uint64_t events)
{
	uint64_t now, taken;
	char line[160];
	int n;

	if (!p->on)
		return;
	now = now_ns();
	if (now < p->next_ns)
		return;
	p->next_ns = now + PROGRESS_EVERY_NS;
	if (!p->shown)
		show_first(p);
	progress_shown = 1; /* a message may have taken it away */
	taken = now - p->start_ns;
	n = snprintf(line, sizeof(line), "\r%llu MB  %llu events  %.0f/s",
		     (unsigned long long)(bytes / 1000000), (unsigned long long)events,
		     (double)events * 1e9 / (double)taken);
	if (p->total > bytes && bytes)
		n += snprintf(line + n, sizeof(line) - (size_t)n, "  %.0f %%  %.0f s left",
			      100.0 * (double)bytes / (double)p->total,
			      (double)taken / 1e9 * (double)(p->total - bytes) / (double)bytes);
	n += snprintf(line + n, sizeof(line) - (size_t)n, "\033[K");
	terminal_write_all(STDERR_FILENO, line, (size_t)n);
}

void terminal_progress_end(struct terminal_progress *p)
{
	if (p->shown)
		terminal_progress_erase();
	if (p->catches)
		signal(SIGINT, SIG_DFL);
	p->on = p->shown = p->catches = false;
}
