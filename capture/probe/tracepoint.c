/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/probe/tracepoint.h"

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "cli/options.h"

static const char PREFIX[] = "btf_trace_";

/*
 * Groups of the kernel's tracepoints with a packet, for when tracefs cannot be read
 * (include/trace/events/, 6.18).
 */
static const struct {
	const char *group, *name;
} known_groups[] = {
	{"skb", "kfree_skb"},
	{"skb", "consume_skb"},
	{"skb", "skb_copy_datagram_iovec"},
	{"net", "net_dev_start_xmit"},
	{"net", "net_dev_xmit"},
	{"net", "net_dev_queue"},
	{"net", "netif_receive_skb"},
	{"net", "netif_rx"},
	{"net", "napi_gro_frags_entry"},
	{"net", "napi_gro_receive_entry"},
	{"net", "netif_receive_skb_entry"},
	{"net", "netif_receive_skb_list_entry"},
	{"net", "netif_rx_entry"},
	{"sock", "sock_rcvqueue_full"},
	{"udp", "udp_fail_queue_rcv_skb"},
	{"tcp", "tcp_retransmit_skb"},
	{"tcp", "tcp_send_reset"},
	{"tcp", "tcp_probe"},
	{"tcp", "tcp_bad_csum"},
	{"qdisc", "qdisc_dequeue"},
	{"qdisc", "qdisc_enqueue"},
	{"icmp", "icmp_send"},
};

/* Opens tracefs' folder `events`: where it is mounted, else through a mount that only we see. */
static int open_events(void)
{
	static const char *const places[] = {"/sys/kernel/tracing/events",
					     "/sys/kernel/debug/tracing/events"};
	int fd, fs, mnt;

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		fd = open(places[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd >= 0)
			return fd;
	}
	/* a mount without a place in any tree: gone with its last descriptor (fsopen: 5.2) */
	fs = fsopen("tracefs", FSOPEN_CLOEXEC);
	if (fs < 0)
		return -1;
	mnt = fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0)
		      ? -1
		      : fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_RDONLY);
	close(fs);
	if (mnt < 0)
		return -1;
	fd = openat(mnt, "events", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	close(mnt);
	return fd;
}

/* Reads a typedef btf_trace_NAME; false when it is no tracepoint's. */
static bool read_prototype(const struct btf *btf, const struct btf_type *t, struct tracepoint *tp)
{
	t = btf__type_by_id(btf, t->type);
	/* the first argument is the tracepoint's own data */
	return t && btf_is_ptr(t) && arguments_find(&tp->args, btf, t->type, 1);
}

static int add(struct tracepoints *t, const struct tracepoint *tp)
{
	struct tracepoint *v;

	if (t->n == TRACEPOINT_MAX)
		return -E2BIG;
	if (!(t->n & (t->n - 1)) || !t->v) {
		v = realloc(t->v, (t->n ? t->n * 2 : 1) * sizeof(*v));
		if (!v)
			return -ENOMEM;
		t->v = v;
	}
	t->v[t->n++] = *tp;
	return 0;
}

/* Adds the packet tracepoints of one BTF object, whose own types begin at first. */
static int scan(struct tracepoints *t, const struct btf *btf, uint32_t first, bool module)
{
	uint32_t n = btf__type_cnt(btf);
	int err = 0;

	for (uint32_t id = first; id < n && !err; id++) {
		const struct btf_type *type = btf__type_by_id(btf, id);
		/* the kernel has no types that a program could refer to when they are from a file */
		struct tracepoint tp = {.btf_id = module || t->btf_path ? 0 : id};
		const char *name;

		if (!btf_is_typedef(type))
			continue;
		name = btf__name_by_offset(btf, type->name_off);
		if (strncmp(name, PREFIX, sizeof(PREFIX) - 1) || !read_prototype(btf, type, &tp) ||
		    !arguments_are_useful(&tp.args))
			continue;
		snprintf(tp.name, sizeof(tp.name), "%s", name + sizeof(PREFIX) - 1);
		err = add(t, &tp);
	}
	return err;
}

/* Modules have BTF of their own in /sys/kernel/btf since 5.11; before, their tracepoints stay unknown. */
static int scan_modules(struct tracepoints *t)
{
	DIR *dir = opendir("/sys/kernel/btf");
	struct dirent *d;
	int err = 0;

	while (dir && !err && (d = readdir(dir))) {
		struct btf *btf;

		if (d->d_name[0] == '.' || !strcmp(d->d_name, "vmlinux"))
			continue;
		btf = btf__load_module_btf(d->d_name, t->vmlinux);
		if (!btf)
			continue; /* unloaded in between, or not readable: its tracepoints are not offered */
		err = scan(t, btf, btf__type_cnt(t->vmlinux), true);
		btf__free(btf);
	}
	if (dir)
		closedir(dir);
	return err;
}

static struct tracepoint *named(const struct tracepoints *t, const char *name)
{
	for (size_t i = 0; i < t->n; i++)
		if (!strcmp(t->v[i].name, name))
			return &t->v[i];
	return NULL;
}

static void read_groups(struct tracepoints *t)
{
	int copy = dup(t->events_fd);
	DIR *groups = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *g, *e;

	if (!groups) {
		if (copy >= 0)
			close(copy);
		return;
	}
	t->has_groups = true;
	while ((g = readdir(groups))) {
		int fd = -1;
		DIR *names;

		if (g->d_name[0] != '.' && strlen(g->d_name) < sizeof(t->v->group))
			fd = openat(t->events_fd, g->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		names = fd < 0 ? NULL : fdopendir(fd);
		while (names && (e = readdir(names))) {
			struct tracepoint *tp = e->d_name[0] == '.' ? NULL : named(t, e->d_name);

			if (tp)
				strcpy(tp->group, g->d_name);
		}
		if (names)
			closedir(names);
		else if (fd >= 0)
			close(fd);
	}
	closedir(groups);
}

static void guess_groups(struct tracepoints *t)
{
	for (size_t i = 0; i < sizeof(known_groups) / sizeof(known_groups[0]); i++) {
		struct tracepoint *tp = named(t, known_groups[i].name);

		if (tp)
			snprintf(tp->group, sizeof(tp->group), "%s", known_groups[i].group);
	}
}

static int compare(const void *a, const void *b)
{
	const struct tracepoint *x = a, *y = b;
	int c = strcmp(x->group, y->group);

	return c ? c : strcmp(x->name, y->name);
}

static int load_types(struct tracepoints *t, struct skbox_error *err)
{
	libbpf_print_fn_t printer = libbpf_set_print(NULL); /* what is wrong is said here */

	t->vmlinux = t->btf_path ? btf__parse(t->btf_path, NULL) : btf__load_vmlinux_btf();
	libbpf_set_print(printer);
	if (t->vmlinux)
		return 0;
	if (t->btf_path)
		return error_set(err, -ENOENT, 0, "--btf %.100s: %s", t->btf_path,
				 access(t->btf_path, R_OK) ? strerror(errno)
							   : "there are no types (BTF) in it");
	return error_set(err, -ENOENT, 0,
			 "the kernel's BTF cannot be read from /sys/kernel/btf/vmlinux (%s): it "
			 "needs CONFIG_DEBUG_INFO_BTF, or --btf FILE with the types of just this "
			 "kernel",
			 strerror(errno));
}

int tracepoints_init(struct tracepoints *t, const char *btf, struct skbox_error *err)
{
	int rc;

	memset(t, 0, sizeof(*t));
	t->events_fd = -1;
	t->btf_path = btf;
	rc = load_types(t, err);
	if (rc)
		return rc;
	rc = scan(t, t->vmlinux, 1, false);
	if (!rc)
		rc = scan_modules(t);
	if (rc)
		return error_set(err, rc, 0, "reading the kernel's tracepoints: %s", strerror(-rc));
	t->events_fd = open_events();
	if (t->events_fd >= 0)
		read_groups(t);
	if (!t->has_groups)
		guess_groups(t);
	if (t->n)
		qsort(t->v, t->n, sizeof(*t->v), compare);
	return 0;
}

void tracepoints_fini(struct tracepoints *t)
{
	btf__free(t->vmlinux);
	free(t->v);
	if (t->events_fd > 0)
		close(t->events_fd);
	memset(t, 0, sizeof(*t));
	t->events_fd = -1;
}

const struct tracepoint *tracepoints_find(const struct tracepoints *t, const char *group,
					  const char *name)
{
	for (size_t i = 0; i < t->n; i++)
		if (!strcmp(t->v[i].name, name) && !strcmp(t->v[i].group, group))
			return &t->v[i];
	return NULL;
}

void tracepoints_explain(const struct tracepoints *t, const char *group, const char *name,
			 char *text, size_t size)
{
	const struct tracepoint *other = named(t, name);
	const char *names[TRACEPOINT_MAX < 256 ? TRACEPOINT_MAX : 256], *near;
	char typedef_name[80];
	size_t n = 0;

	if (other) {
		snprintf(text, size, "its group is %s: tp:%s:%s",
			 *other->group ? other->group : "not known", other->group, name);
		return;
	}
	snprintf(typedef_name, sizeof(typedef_name), "%s%.60s", PREFIX, name);
	if (btf__find_by_name_kind(t->vmlinux, typedef_name, BTF_KIND_TYPEDEF) > 0) {
		snprintf(text, size,
			 "none of its arguments is a packet (struct sk_buff *) or a socket; "
			 "--list-probes "
			 "'tp:%s:*' "
			 "lists those that have one",
			 group);
		return;
	}
	while (n < t->n && n < sizeof(names) / sizeof(names[0])) {
		names[n] = t->v[n].name;
		n++;
	}
	near = options_nearest(name, names, n);
	other = near ? named(t, near) : NULL;
	if (other)
		snprintf(text, size, "this kernel has no such tracepoint; tp:%s:%s?", other->group,
			 other->name);
	else
		snprintf(text, size,
			 "this kernel has no such tracepoint; --list-probes 'tp:*' lists what it "
			 "has");
}
