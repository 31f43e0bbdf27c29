// SPDX-License-Identifier: BSD-2-Clause
/*
 * Shows what the recorder's socket dumps give, for the tests of this folder.
 *
 *	sock_show [-n NETNS] ss|print|single|flowd   each socket once, rendered
 *	sock_show [-n NETNS] tcpinfo                 cookie and every field of struct tcp_info
 *	sock_show [-n NETNS] frames                  the rows of snapset
 *	sock_show [-n NETNS] inventory               the rows of netns_inventory()
 *	sock_show list                               every namespace
 *	sock_show [-n NETNS] time ROUNDS             cost of a round: the best one, and the kernel's part of it
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "capture/sock/netlink.h"
#include "capture/sock/netns.h"
#include "capture/sock/sock_dump.h"
#include "formats/sock/flowd_json.h"
#include "formats/schema.h"
#include "formats/sock/sock_ss.h"
#include "formats/text/text_sock.h"

static struct netns ns;
static struct buf out;
static const char *mode;
static uint64_t rows;

static void stop(const char *what, const struct skbox_error *err)
{
	fprintf(stderr, "sock_show: %s: %s\n", what, err->text);
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void show_tcpinfo(const struct ev *ev)
{
	const struct schema_section *s = &schema_sections[EV_tcpinfo];

	buf_hex(&out, ev->diag->cookie);
	for (unsigned int i = 0; i < s->n_fields; i++)
		if (ev->tcpinfo->has >> s->fields[i].bit & 1 && s->fields[i].type != SCHEMA_BYTES)
			buf_printf(&out, " %s=%" PRIu64, s->fields[i].member,
				   schema_get(&s->fields[i], ev->tcpinfo));
}

static void show(const struct ev *ev)
{
	const struct flowd_json_options flowd = {.ext = true};
	const struct ev_snapset *s = ev->snapset;

	buf_clear(&out);
	if (s && !strcmp(mode, "frames"))
		buf_printf(&out,
			   "set %u phase %u family %u rows %u bytes %" PRIu64 " dups %u status %d",
			   s->set, s->phase, s->family, s->rows, s->bytes, s->dups, s->status);
	if (!strcmp(mode, "ss"))
		sock_ss_line(ev, &out);
	if (!strcmp(mode, "print") || !strcmp(mode, "single"))
		text_sock_event(ev, mode[0] == 's', 0, &out);
	if (!strcmp(mode, "flowd"))
		flowd_json(ev, &flowd, &out);
	if (!strcmp(mode, "tcpinfo") && ev->tcpinfo)
		show_tcpinfo(ev);
	if (ev->iface)
		buf_printf(&out, "iface %u %.*s mtu %u type %u mac %u bytes netns %u",
			   ev->iface->ifindex, (int)ev->iface->name.len, ev->iface->name.p,
			   ev->iface->mtu, ev->iface->type, ev->iface->mac.len, ev->netns->inum);
	if (ev->nsinfo)
		buf_printf(&out, "netns %u %.*s", ev->netns->inum, (int)ev->nsinfo->name.len,
			   ev->nsinfo->name.p);
	if (out.len)
		printf("%.*s\n", (int)out.len, (const char *)out.p);
}

static int take(void *ctx, struct ev_batch *b)
{
	struct ev_walk w = ev_walk(b);
	struct ev ev = {0};

	if (!ctx) {
		rows += b->n;
		return 0;
	}
	while (ev_next(&w, &ev))
		show(&ev);
	return 0;
}

/* The same dump of IPv4, and nothing done with what comes. */
static uint64_t kernel_alone(void)
{
	static uint8_t buf[NETLINK_BUFFER_BYTES];
	static const uint8_t families[] = {2, 10};
	uint64_t start = now_ns();

	for (size_t i = 0; i < sizeof(families); i++) {
		struct {
			uint8_t family, protocol, ext, pad;
			uint32_t states;
			uint8_t id[48];
		} request = {
			.family = families[i], .protocol = 6, .ext = 0x7e, .states = UINT32_MAX};
		struct skbox_error err;
		int fd = netns_socket(&ns, 16, 3, 4,
				      &err); /* AF_NETLINK, SOCK_RAW, NETLINK_SOCK_DIAG */
		bool done = false;

		if (fd < 0)
			stop("socket", &err);
		netlink_request(fd, 20, 0x301, 1, &request, sizeof(request));
		while (!done) {
			ssize_t n = netlink_recv(fd, buf, sizeof(buf), 0);
			struct cursor c = cursor_init(buf, n < 0 ? 0 : (size_t)n);
			struct netlink_msg m;

			done = n < 0;
			while (netlink_next(&c, &m) == 1)
				done |= m.type == 3 || m.type == 2;
		}
		close(fd);
	}
	return now_ns() - start;
}

static void measure(struct sock_dumper *d, long rounds)
{
	uint64_t best = UINT64_MAX, kernel = UINT64_MAX, t, first = 0;
	struct skbox_error err;

	for (long i = 0; i < rounds; i++) {
		rows = 0;
		if (sock_dumper_run(d, &ns, "period", &err) < 0)
			stop("dump", &err);
		t = sock_dumper_totals(d)->last_ns;
		first = first ? first : t;
		best = t < best ? t : best;
		t = kernel_alone();
		kernel = t < kernel ? t : kernel;
	}
	printf("rows %" PRIu64 " first %" PRIu64 " us best %" PRIu64 " us kernel alone %" PRIu64
	       " us, ours %.0f ns a row\n",
	       rows - 4, first / 1000, best / 1000, kernel / 1000,
	       (double)((int64_t)best - (int64_t)kernel) / (double)(rows - 4));
}

static void list_all(void)
{
	struct netns_list list;
	struct skbox_error err;

	if (netns_list_scan(&list, &err) < 0)
		stop("list", &err);
	for (size_t i = 0; i < list.n; i++)
		printf("%u %" PRIu64 " %s\n", list.v[i].inum, list.v[i].cookie, list.v[i].name);
	netns_list_free(&list);
}

int main(int argc, char **argv)
{
	struct sock_dump_options o = {.emit = take, .ctx = &out};
	struct sock_dumper *d;
	struct skbox_error err;
	int at = 1, ret = argc > 3 && !strcmp(argv[1], "-n") ? netns_find(argv[2], &ns, &err) : 1;

	if (ret <= 0)
		at = 3;
	else
		ret = netns_current(&ns, &err);
	if (ret < 0)
		stop("namespace", &err);
	if (at >= argc)
		return 2;
	mode = argv[at];
	if (!strcmp(mode, "list")) {
		list_all();
		return 0;
	}
	if (!strcmp(mode, "inventory")) {
		struct ev_batch *b = ev_batch_new();

		if (netns_inventory(&ns, now_ns(), b, &err) < 0)
			stop("inventory", &err);
		take(&out, b);
		ev_batch_free(b);
		return 0;
	}
	if (!strcmp(mode, "time"))
		o.ctx = NULL;
	if (sock_dumper_open(&d, &o, &err) < 0)
		stop("open", &err);
	if (!strcmp(mode, "time"))
		measure(d, argc > at + 1 ? atol(argv[at + 1]) : 5);
	else if (sock_dumper_run(d, &ns, "manual", &err) < 0)
		stop("dump", &err);
	sock_dumper_close(d);
	buf_free(&out);
	return 0;
}
