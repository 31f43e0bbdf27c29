// SPDX-License-Identifier: BSD-2-Clause
/*
 * The sockets of a recording as lines, for the tests of this folder.
 *
 *	sock_record [-n NETNS|all]... [-p PERIOD_MS] [-c CGROUP_ID] [-q]
 *
 * Prints "ready" when the first dumps are done, then a line a row:
 *	sock CAUSE NETNS COOKIE EVENT_NS LINE-OF-SS      (-q: of dumps they are left out)
 *	dump CAUSE NETNS rows N status N
 *	name NETNS NAME | gone NETNS | loss NETNS KIND N | stat NAME=N...
 * Lines on standard input:
 *	look CAUSE NETNS FAMILY SRC SPORT DST DPORT COOKIE EVENT_NS    looks a socket up
 *	pass RATE N                                      how many of N sockets in a microsecond the gate lets through
 * and its end ends the recording.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "capture/sock/sock_recorder.h"
#include "formats/schema.h"
#include "formats/sock/sock_ss.h"

static bool quiet;
static struct buf out;

static void stop(const char *what, const char *why)
{
	fprintf(stderr, "sock_record: %s: %s\n", what, why);
	exit(1);
}

static bool is_dump(const struct ev_str *cause)
{
	return !ev_is(*cause, "destroy") && !ev_is(*cause, "drop") && !ev_is(*cause, "retransmit");
}

static void show_stat(const struct ev_sockstat *row)
{
	const struct schema_section *s = &schema_sections[EV_sockstat];

	printf("stat");
	for (unsigned int i = 1; i < s->n_fields; i++)
		if (row->has >> s->fields[i].bit & 1)
			printf(" %s=%" PRIu64, s->fields[i].member, schema_get(&s->fields[i], row));
	printf("\n");
}

static void show(const struct ev *ev)
{
	uint32_t ns = ev->netns ? ev->netns->inum : 0;

	if (ev->diag && !(quiet && is_dump(&ev->snap->cause))) {
		buf_clear(&out);
		sock_ss_line(ev, &out);
		printf("sock %.*s %u %" PRIx64 " %" PRIu64 " %.*s\n", (int)ev->snap->cause.len,
		       ev->snap->cause.p, ns, ev->diag->cookie, ev->snap->event, (int)out.len,
		       (const char *)out.p);
	}
	if (ev->snapset && ev->snapset->phase)
		printf("dump %.*s %u rows %u status %d\n", (int)ev->snapset->cause.len,
		       ev->snapset->cause.p, ns, ev->snapset->rows, ev->snapset->status);
	if (ev->nsinfo)
		printf("name %u %.*s\n", ns, (int)ev->nsinfo->name.len, ev->nsinfo->name.p);
	if (ev->loss)
		printf("loss %u %.*s %" PRIu64 "\n", ns, (int)ev->loss->kind.len, ev->loss->kind.p,
		       ev->loss->lost);
	if (ev->sockstat && ev->sockstat->vanished)
		printf("gone %u\n", ns);
	else if (ev->sockstat)
		show_stat(ev->sockstat);
}

static int take(void *ctx, struct ev_batch *b)
{
	struct ev_walk w = ev_walk(b);
	struct ev ev = {0};

	while (ev_next(&w, &ev))
		show(&ev);
	fflush(stdout);
	return 0;
}

static bool read_trigger(const char *line, struct sock_trigger *t)
{
	char cause[16], src[64], dst[64];
	unsigned int family, sport, dport;

	*t = (struct sock_trigger){0};
	if (sscanf(line, "look %15s %" SCNu32 " %u %63s %u %63s %u %" SCNx64 " %" SCNu64, cause,
		   &t->netns_inum, &family, src, &sport, dst, &dport, &t->cookie, &t->time_ns) != 9)
		return false;
	t->cause = strcmp(cause, "drop") ? SOCK_TRIGGER_RETRANSMIT : SOCK_TRIGGER_DROP;
	t->family = (uint8_t)family;
	t->sport = (uint16_t)sport;
	t->dport = (uint16_t)dport;
	return inet_pton((int)family, src, t->src) == 1 && inet_pton((int)family, dst, t->dst) == 1;
}

static void obey(struct sock_recorder *r, const char *line)
{
	static struct sock_gate gate;
	struct sock_trigger t;
	unsigned int rate, n;

	if (read_trigger(line, &t)) {
		sock_recorder_trigger(r, &t);
	} else if (sscanf(line, "pass %u %u", &rate, &n) == 2) {
		sock_gate_init(&gate, rate);
		for (unsigned int i = 0; i < n; i++) {
			t = (struct sock_trigger){.time_ns = 1000000000 + i, .cookie = i + 1};
			sock_gate_pass(&gate, &t);
		}
		printf("passed %" PRIu64 " suppressed %" PRIu64 "\n", gate.passed, gate.suppressed);
	} else {
		stop("what is", line);
	}
}

/* Until the end of standard input. */
static int record(struct sock_recorder *r, struct skbox_error *err)
{
	char line[256];
	int ret = 0;

	while (ret == 0) {
		struct pollfd p[2] = {{.fd = sock_recorder_fd(r), .events = POLLIN},
				      {.fd = STDIN_FILENO, .events = POLLIN}};

		poll(p, 2, (int)(sock_recorder_wait_ns(r) / 1000000));
		/* whole lines come one by one: a pipe that another writes line by line */
		if (p[1].revents && !fgets(line, sizeof(line), stdin))
			return 0;
		if (p[1].revents)
			obey(r, line);
		ret = sock_recorder_step(r, err);
	}
	return ret;
}

static int make_round(struct sock_recorder *r, const char *cause, struct skbox_error *err)
{
	int ret = 0;

	sock_recorder_begin(r, cause);
	while (ret == 0 && sock_recorder_busy(r)) {
		struct pollfd p = {.fd = sock_recorder_fd(r), .events = POLLIN};

		poll(&p, 1, (int)(sock_recorder_wait_ns(r) / 1000000));
		ret = sock_recorder_step(r, err);
	}
	return ret;
}

int main(int argc, char **argv)
{
	const char *names[8];
	struct sock_recorder_options o = {.names = names, .emit = take};
	struct sock_recorder *r;
	struct skbox_error err = {0};
	int option, ret;

	setvbuf(stdin, NULL, _IONBF, 0);
	while ((option = getopt(argc, argv, "n:p:c:q")) != -1) {
		switch (option) {
		case 'n': names[o.n_names++ % 8] = optarg; break;
		case 'p': o.period_ns = strtoull(optarg, NULL, 10) * 1000000; break;
		case 'c': o.cgroup_id = strtoull(optarg, NULL, 10); break;
		case 'q': quiet = true; break;
		default: return 2;
		}
	}
	if (sock_recorder_open(&r, &o, &err) < 0)
		stop("open", err.text);
	ret = make_round(r, "start", &err);
	printf("ready\n");
	fflush(stdout);
	if (ret == 0)
		ret = record(r, &err);
	if (ret == 0)
		ret = make_round(r, "stop", &err);
	if (ret < 0)
		stop("record", err.text[0] ? err.text : strerror(-ret));
	printf("rows %" PRIu64 "\n", sock_recorder_rows(r));
	sock_recorder_close(r);
	buf_free(&out);
	return 0;
}
