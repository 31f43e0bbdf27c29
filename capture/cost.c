/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/cost.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/*
 * One window soon, for short recordings, then one of 20 ms in two seconds: 1 % of the time; or, often,
 * one between any two messages of counts.
 */
#define FIRST_NS  UINT64_C(50000000)
#define WINDOW_NS UINT64_C(20000000)
#define PERIOD_NS UINT64_C(2000000000)
#define OFTEN_NS  UINT64_C(400000000)

int cost_init(struct cost *c, const struct probes *probes, bool often)
{
	*c = (struct cost){.probes = probes,
			   .fd = -1,
			   .next = UINT64_MAX,
			   .period_ns = often ? OFTEN_NS : PERIOD_NS};
	c->v = calloc(probes->n ? probes->n : 1, sizeof(*c->v));
	return c->v ? 0 : -ENOMEM;
}

void cost_start(struct cost *c, uint64_t now)
{
	c->next = now + FIRST_NS;
}

/*
 * What the kernel has counted so far. Somebody else may have it count all the time
 * (kernel.bpf_stats_enabled), so what there is outside of our windows is taken off.
 */
static void read_counts(struct cost *c, bool closing)
{
	for (size_t i = 0; i < c->probes->n; i++) {
		struct bpf_prog_info info = {0};
		struct cost_probe *p = &c->v[i];
		uint32_t size = sizeof(info);
		int fd = c->probes->v[i].prog_fd;

		if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &size))
			continue;
		if (closing && info.run_cnt >= p->from_runs && info.run_time_ns >= p->from_ns) {
			p->runs += info.run_cnt - p->from_runs;
			p->run_ns += info.run_time_ns - p->from_ns;
		}
		p->from_runs = info.run_cnt;
		p->from_ns = info.run_time_ns;
	}
}

static void close_window(struct cost *c, uint64_t now)
{
	if (c->fd < 0)
		return;
	read_counts(c, true);
	close(c->fd);
	c->fd = -1;
	c->time_ns += now - c->begin;
}

bool cost_step(struct cost *c, uint64_t now)
{
	if (now < c->next)
		return false;
	if (c->fd >= 0) {
		close_window(c, now);
		c->next = now + c->period_ns - WINDOW_NS;
		return false;
	}
	c->next = now + c->period_ns;
	if (c->asked)
		return false;
	c->asked = true;
	return true;
}

int cost_enable(void)
{
	/* d46edd671a14 (5.8); CAP_SYS_ADMIN: without it the costs are not known, and nothing else */
	int fd = bpf_enable_stats(BPF_STATS_RUN_TIME);

	return fd < 0 ? -errno : fd;
}

void cost_open(struct cost *c, int fd, uint64_t now)
{
	if (c->fd >= 0 || c->next == UINT64_MAX) {
		close(fd);
		return;
	}
	c->asked = false;
	c->fd = fd;
	read_counts(c, false);
	c->begin = now;
	c->next = now + WINDOW_NS;
}

void cost_stop(struct cost *c, uint64_t now)
{
	close_window(c, now);
	c->next = UINT64_MAX;
}

void cost_fini(struct cost *c)
{
	if (c->v && c->fd >= 0)
		close(c->fd);
	free(c->v);
	*c = (struct cost){.fd = -1};
}
