/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/file/inventory.h"

#include <fcntl.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

enum { CLOCK_TRIES = 5 };
#define NS_PER_S INT64_C(1000000000)

static int64_t read_clock(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return t.tv_sec * NS_PER_S + t.tv_nsec;
}

uint64_t inventory_now_ns(void)
{
	return (uint64_t)read_clock(CLOCK_MONOTONIC);
}

static void begin(struct ev_batch *b, uint64_t now)
{
	struct ev_common *common;

	ev_batch_begin(b);
	common = EV_ADD(b, common);
	EV_SET(common, common, timestamp, now);
}

/* CLOCK_REALTIME - CLOCK_MONOTONIC: the best of a few tries, and how far it may be off. */
static int64_t clock_offset(uint64_t *uncertainty)
{
	int64_t best = 0;

	*uncertainty = UINT64_MAX;
	for (int i = 0; i < CLOCK_TRIES; i++) {
		int64_t before = read_clock(CLOCK_MONOTONIC), wall = read_clock(CLOCK_REALTIME);
		int64_t after = read_clock(CLOCK_MONOTONIC);
		uint64_t half = (uint64_t)(after - before) / 2;

		if (half < *uncertainty) {
			*uncertainty = half;
			best = wall - before - (int64_t)half;
		}
	}
	return best;
}

void inventory_set_offset(struct ev_startup *row, int64_t offset_ns)
{
	int64_t sec = offset_ns / NS_PER_S;

	if (offset_ns % NS_PER_S < 0)
		sec--;
	EV_SET(row, startup, clock_sec, sec);
	EV_SET(row, startup, clock_nsec, offset_ns - sec * NS_PER_S);
}

static void add_startup(struct ev_batch *b, const struct config *config, const struct utsname *uts)
{
	uint64_t uncertainty, now = inventory_now_ns();
	int64_t offset = clock_offset(&uncertainty);
	struct ev_startup *row;

	begin(b, now);
	row = EV_ADD(b, startup);
	EV_SET(row, startup, tool, ev_text(b, "skbox"));
	EV_SET(row, startup, retis_version, ev_text(b, "v" SKBOX_VERSION));
	EV_SET(row, startup, cmdline, ev_text(b, config->cmdline));
	inventory_set_offset(row, offset);
	EV_SET(row, startup, kernel_release, ev_text(b, uts->release));
	EV_SET(row, startup, kernel_version, ev_text(b, uts->version));
	EV_SET(row, startup, hardware_name, ev_text(b, uts->machine));
}

static size_t read_boot_id(char *text, size_t size)
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, size);

	if (fd >= 0)
		close(fd);
	while (n > 0 && text[n - 1] == '\n')
		n--;
	return n > 0 ? (size_t)n : 0;
}

static void add_host(struct ev_batch *b, const struct config *config, const struct probes *probes,
		     const struct utsname *uts)
{
	struct ev_host *row;
	struct buf text = {0};
	char boot_id[64];
	size_t n = read_boot_id(boot_id, sizeof(boot_id));
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	begin(b, inventory_now_ns());
	row = EV_ADD(b, host);
	EV_SET(row, host, hostname, ev_text(b, uts->nodename));
	if (n)
		EV_SET(row, host, boot_id, ev_string(b, boot_id, n));
	EV_SET(row, host, snaplen, (uint32_t)config->snaplen);
	if (config->packet_filter)
		EV_SET(row, host, packet_filter, ev_text(b, config->packet_filter));
	if (config->meta_filter)
		EV_SET(row, host, meta_filter, ev_text(b, config->meta_filter));
	EV_SET(row, host, tracking, ev_text(b, probes->exact ? "exact" : "heuristic"));
	if (config->scope)
		EV_SET(row, host, scope,
		       ev_text(b, config->scope == SCOPE_NETNS ? "netns" : "cgroup"));
	if (cpus > 0)
		EV_SET(row, host, cpus, (uint32_t)cpus);
	EV_SET(row, host, buffer, (uint64_t)probes->ring_bytes * probes->rings);
	if (!config->no_sockets)
		EV_SET(row, host, sockets_period, config->sockets_ns);
	buf_printf(&text, "%s %s %s %s", uts->sysname, uts->release, uts->version, uts->machine);
	if (!text.failed)
		EV_SET(row, host, utsname, ev_string(b, text.p, text.len));
	buf_free(&text);
}

void inventory_add_start(struct ev_batch *b, const struct config *config,
			 const struct probes *probes)
{
	struct utsname uts = {0};

	uname(&uts);
	add_startup(b, config, &uts);
	add_host(b, config, probes, &uts);
	inventory_add_clock(b);
}

void inventory_add_clock(struct ev_batch *b)
{
	uint64_t uncertainty;
	int64_t offset = clock_offset(&uncertainty);
	struct ev_clock *row;

	begin(b, inventory_now_ns());
	row = EV_ADD(b, clock);
	EV_SET(row, clock, offset, offset);
	EV_SET(row, clock, uncertainty, uncertainty);
}

void inventory_add_probes(struct ev_batch *b, const struct probes *probes)
{
	for (size_t i = 0; i < probes->n; i++) {
		const struct probe *p = &probes->v[i];
		struct ev_probe *row;

		if (p->internal)
			continue;
		begin(b, inventory_now_ns());
		row = EV_ADD(b, probe);
		EV_SET(row, probe, type, ev_text(b, p->type));
		EV_SET(row, probe, symbol, ev_text(b, p->symbol));
		EV_SET(row, probe, attached, p->how != NULL);
		if (p->how)
			EV_SET(row, probe, how, ev_text(b, p->how));
		else
			EV_SET(row, probe, reason, ev_text(b, p->reason));
	}
}

void inventory_add_namespaces(struct ev_batch *b, const struct netns_list *list)
{
	for (size_t i = 0; i < list->n; i++) {
		struct skbox_error err = {0};

		/* one that went away since the scan is no loss: a packet of it names its device */
		netns_inventory(&list->v[i], inventory_now_ns(), b, &err);
	}
}
