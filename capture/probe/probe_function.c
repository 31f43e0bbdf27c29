/* SPDX-License-Identifier: BSD-2-Clause */
/* Probes of functions: kprobes and kretprobes. */
#include "capture/probe/probe_load.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bpf/record.skel.h"
#include "capture/probe/function.h"

static const char PMU[] = "/sys/bus/event_source/devices/kprobe/";

/* Where struct pt_regs has the arguments, the value that is returned, the stack pointer. */
#if defined(__x86_64__)
static const int8_t registers[] = {14, 13, 12, 11, 9, 8}; /* di si dx cx r8 r9 */
enum { REGISTER_RETURN = 10, REGISTER_STACK = 19 };
#elif defined(__aarch64__)
static const int8_t registers[] = {0, 1, 2, 3, 4, 5, 6, 7};
enum { REGISTER_RETURN = 0, REGISTER_STACK = 31 };
#else
static const int8_t registers[] = {-1};
enum { REGISTER_RETURN = -1, REGISTER_STACK = -1 };
#endif

static const struct probe_slots slots = {
	.argument = registers,
	.n = REGISTER_STACK < 0 ? 0 : sizeof(registers),
	.ret = REGISTER_RETURN,
	.sp = REGISTER_STACK,
};

/* The number in a file of the kprobe PMU; -1: there is none. */
static int read_number(const char *name, const char *format)
{
	char path[96];
	int value = -1;
	FILE *f;

	snprintf(path, sizeof(path), "%s%s", PMU, name);
	f = fopen(path, "re");
	if (f && fscanf(f, format, &value) != 1)
		value = -1;
	if (f)
		fclose(f);
	return value;
}

bool probe_has_kprobes(void)
{
	return slots.n && read_number("type", "%d") >= 0;
}

/*
 * Attaches a program to a function. The descriptor that holds it there, or a negative errno. cookie:
 * what the program is told, on kernels that can (0: nothing).
 */
static int attach(int prog_fd, const char *function, bool is_return, bool with_cookie,
		  uint64_t cookie)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .perf_event.bpf_cookie = cookie);
	int type = read_number("type", "%d"), bit = read_number("format/retprobe", "config:%d");
	struct perf_event_attr attr = {.size = sizeof(attr), .config1 = (uintptr_t)function};
	int fd, link;

	if (type < 0 || (is_return && bit < 0))
		return -EOPNOTSUPP;
	attr.type = (uint32_t)type;
	attr.config = is_return ? UINT64_C(1) << bit : 0;
	fd = (int)syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (!with_cookie) {
		if (!ioctl(fd, PERF_EVENT_IOC_SET_BPF, prog_fd) &&
		    !ioctl(fd, PERF_EVENT_IOC_ENABLE, 0))
			return fd;
		link = -errno;
		close(fd);
		return link;
	}
	link = bpf_link_create(prog_fd, fd, BPF_PERF_EVENT, &opts);
	if (link < 0)
		link = -errno;
	else if (ioctl(fd, PERF_EVENT_IOC_ENABLE, 0)) {
		close(link);
		link = -errno;
	}
	close(fd); /* the link holds it */
	return link;
}

static void explain_attach(struct probe *probe, int rc)
{
	const char *why = rc == -ENOENT || rc == -EADDRNOTAVAIL
				  ? "no function of that name can be probed (inlined, or several "
				    "have the name)"
			  : rc == -EINVAL || rc == -EILSEQ
				  ? "the kernel does not allow probes in this function"
				  : strerror(-rc);

	snprintf(probe->reason, sizeof(probe->reason), "%s", why);
}

static const struct bpf_program *template_of(const struct probes *p, bool is_return)
{
	const struct record_bpf *b = p->bpf;

	if (is_return)
		return p->own_rings ? b->progs.probe_kretprobe : b->progs.probe_kretprobe_old;
	return p->own_rings ? b->progs.probe_kprobe : b->progs.probe_kprobe_old;
}

/* Loads the programs of a body. 0, or a negative errno with the reason. */
static int load_body(struct probes *p, struct probe_body *body, struct probe *probe)
{
	struct probe_copy copy = {.from = template_of(p, body->is_return),
				  .type = BPF_PROG_TYPE_KPROBE,
				  .name = "skbox"};

	body->config_fd = probe_make_config(p, &body->config);
	if (body->config_fd < 0)
		return body->config_fd;
	copy.config_fd = body->config_fd;
	body->prog_fd = probe_load_copy(p, &copy, probe->reason, sizeof(probe->reason));
	if (body->prog_fd < 0 || !body->is_return)
		return body->prog_fd < 0 ? body->prog_fd : 0;
	copy.from = p->bpf->progs.enter_kprobe;
	copy.name = "skbox_enter";
	body->enter_fd = probe_load_copy(p, &copy, probe->reason, sizeof(probe->reason));
	return body->enter_fd < 0 ? body->enter_fd : 0;
}

/* The program for a probe: one that is there already, where functions can share it. */
static int find_body(struct probes *p, struct probe *probe, const struct probe_options *o,
		     struct probe_body **found)
{
	struct probe_body body = {.is_return = probe->kind == PROBE_KRETPROBE,
				  .prog_fd = -1,
				  .enter_fd = -1,
				  .config_fd = -1},
			  *v;
	int rc;

	probe_configure(p, probe, o, &slots, &body.config);
	if (p->has_cast)
		body.config.features |= PROBE_CAST;
	if (p->has_cookie) {
		body.config.id = 0;
		body.config.features |= PROBE_COOKIE;
	}
	for (size_t i = 0; i < p->n_bodies; i++) {
		*found = &p->bodies[i];
		if ((*found)->is_return == body.is_return &&
		    !memcmp(&(*found)->config, &body.config, sizeof(body.config)))
			return 0;
	}
	v = realloc(p->bodies, (p->n_bodies + 1) * sizeof(*v));
	if (!v)
		return -ENOMEM;
	p->bodies = v;
	rc = load_body(p, &body, probe);
	if (rc) {
		probe_close_fd(&body.prog_fd);
		probe_close_fd(&body.config_fd);
		return rc;
	}
	*found = &p->bodies[p->n_bodies++];
	**found = body;
	return 0;
}

int probe_start_function(struct probes *p, struct probe *probe, const struct probe_options *o)
{
	bool is_return = probe->kind == PROBE_KRETPROBE;
	uint64_t id = (uint64_t)(probe - p->v);
	size_t before = p->n_bodies;
	struct probe_body *body;
	int rc;

	if (!p->has_kprobes) {
		snprintf(
			probe->reason, sizeof(probe->reason),
			"this kernel has no kprobes (CONFIG_KPROBE_EVENTS); its tracepoints can be "
			"probed, --list-probes 'tp:*' lists them");
		return -EOPNOTSUPP;
	}
	if (probe->args.skb >= slots.n || (probe->args.skb < 0 && probe->args.sk >= slots.n)) {
		snprintf(probe->reason, sizeof(probe->reason),
			 "its packet is argument %d, but only %d are passed in registers",
			 (probe->args.skb < 0 ? probe->args.sk : probe->args.skb) + 1, slots.n);
		return -E2BIG;
	}
	rc = find_body(p, probe, o, &body);
	if (!rc)
		probe->place = probe_place(&body->config);
	if (!rc && is_return) {
		probe->enter_fd = attach(body->enter_fd, probe->symbol, false, p->has_cookie, id);
		rc = probe->enter_fd < 0 ? probe->enter_fd : 0;
		if (rc)
			explain_attach(probe, rc);
	}
	if (!rc) {
		probe->link_fd = attach(body->prog_fd, probe->symbol, is_return, p->has_cookie, id);
		rc = probe->link_fd < 0 ? probe->link_fd : 0;
		if (rc)
			explain_attach(probe, rc);
	}
	if (rc) {
		probe_close_fd(&probe->enter_fd);
		if (!*probe->reason)
			snprintf(probe->reason, sizeof(probe->reason), "%s", strerror(-rc));
		return rc;
	}
	/* what the kernel counts of a shared program is told of the first probe that it is for */
	if (p->n_bodies != before)
		probe->prog_fd = fcntl(body->prog_fd, F_DUPFD_CLOEXEC, 0);
	probe->how = is_return ? "kretprobe" : "kprobe";
	return 0;
}

/* ---- exact tracking ---- */

/* kfree_skb_partial(skb, head_stolen) frees nothing unless somebody else took the data. */
static const struct {
	const char *function;
	int condition; /* argument that must be true; -1: always */
	uint32_t features;
} follows[PROBE_FOLLOW] = {
	{"skb_free_head", -1, 0},
	{"kfree_skb_partial", 1, 0},
	{"pskb_expand_head", -1, PROBE_MOVE},
};

static int follow(struct probes *p, int i)
{
	struct probe probe = {.kind = PROBE_KPROBE};
	struct probe_options o = {0};
	struct probe_follow *f = &p->follow[i];
	struct probe_copy copy = {.from = p->bpf->progs.follow_kprobe,
				  .type = BPF_PROG_TYPE_KPROBE,
				  .name = "skbox_follow"};
	struct probe_config config;
	struct function found;

	if (function_find(p->kernel->vmlinux, follows[i].function, &found) || found.args.skb < 0)
		return -ENOENT;
	probe.args.skb = found.args.skb;
	probe_configure(p, &probe, &o, &slots, &config);
	config.skb = slots.argument[found.args.skb];
	config.ret = follows[i].condition < 0 ? -1 : slots.argument[follows[i].condition];
	config.features = follows[i].features;
	f->config_fd = probe_make_config(p, &config);
	if (f->config_fd < 0)
		return f->config_fd;
	copy.config_fd = f->config_fd;
	f->prog_fd = probe_load_copy(p, &copy, probe.reason, sizeof(probe.reason));
	if (f->prog_fd < 0)
		return f->prog_fd;
	f->link_fd = attach(f->prog_fd, follows[i].function, false, false, 0);
	return f->link_fd < 0 ? f->link_fd : 0;
}

static void unfollow(struct probes *p)
{
	for (int i = 0; i < PROBE_FOLLOW; i++) {
		probe_close_fd(&p->follow[i].link_fd);
		probe_close_fd(&p->follow[i].prog_fd);
		probe_close_fd(&p->follow[i].config_fd);
	}
}

bool probes_follow(struct probes *p)
{
	for (int i = 0; i < PROBE_FOLLOW; i++)
		if (!p->has_kprobes || follow(p, i)) {
			unfollow(p);
			return false;
		}
	return true;
}

void probe_functions_fini(struct probes *p)
{
	unfollow(p);
	for (size_t i = 0; i < p->n_bodies; i++) {
		probe_close_fd(&p->bodies[i].prog_fd);
		probe_close_fd(&p->bodies[i].enter_fd);
		probe_close_fd(&p->bodies[i].config_fd);
	}
	free(p->bodies);
	p->bodies = NULL;
	p->n_bodies = 0;
}
