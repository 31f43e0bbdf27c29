/* SPDX-License-Identifier: BSD-2-Clause */
/* Probes of functions by their registers: kprobes and kretprobes, one by one or many at once. */
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
#include "capture/probe/kallsyms.h"
#include "capture/probe/parallel.h"

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

bool probe_has_kprobes(bool has_multi)
{
	return slots.n && (has_multi || read_number("type", "%d") >= 0);
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

	probe_explain(probe, "%s", why);
}

/* What the attachment to a function tells its program. */
static uint64_t cookie_of(const struct probes *p, const struct probe *probe)
{
	const struct arguments *a = &probe->args;
	const int8_t at[FUNCTION_ARGS] = {
		[ARG_SKB] = a->skb, [ARG_SK] = a->sk,         [ARG_DEV] = a->dev,
		[ARG_NET] = a->net, [ARG_REASON] = a->reason,
	};
	uint64_t cookie = (uint64_t)(probe - p->v);

	for (int i = 0; i < FUNCTION_ARGS; i++) {
		bool known = at[i] >= 0 && at[i] < slots.n && at[i] < COOKIE_NONE;

		cookie |= (uint64_t)(known ? at[i] : COOKIE_NONE)
			  << (COOKIE_ID_BITS + COOKIE_SLOT_BITS * i);
	}
	return cookie | (uint64_t)(a->ret_bytes > 0) << 31;
}

/* ---- programs ---- */

static const struct bpf_program *template_of(const struct probes *p, bool is_return)
{
	const struct record_bpf *b = p->bpf;

	if (is_return)
		return p->own_rings ? b->progs.probe_kretprobe : b->progs.probe_kretprobe_old;
	return p->own_rings ? b->progs.probe_kprobe : b->progs.probe_kprobe_old;
}

/* Loads the programs of a body. 0, or a negative errno with the verifier's reason. */
static int load_body(const struct probes *p, struct probe_body *body)
{
	struct probe_copy copy = {.from = template_of(p, body->is_return),
				  .type = BPF_PROG_TYPE_KPROBE,
				  .attach_type = body->multi ? BPF_TRACE_KPROBE_MULTI : 0,
				  .name = "skbox"};

	body->config_fd = probe_make_config(p, &body->config);
	if (body->config_fd < 0)
		return body->config_fd;
	copy.config_fd = body->config_fd;
	body->prog_fd = probe_load_copy(p, &copy, body->reason, sizeof(body->reason));
	if (body->prog_fd < 0 || !body->is_return)
		return body->prog_fd < 0 ? body->prog_fd : 0;
	copy.from = p->bpf->progs.enter_kprobe;
	copy.name = "skbox_enter";
	body->enter_fd = probe_load_copy(p, &copy, body->reason, sizeof(body->reason));
	return body->enter_fd < 0 ? body->enter_fd : 0;
}

static void close_body(struct probe_body *body)
{
	probe_close_fd(&body->prog_fd);
	probe_close_fd(&body->enter_fd);
	probe_close_fd(&body->config_fd);
}

/*
 * Finds the program for a probe, one that is there already where functions can share it; it is
 * loaded later.
 */
static int find_body(struct probes *p, struct probe *probe, const struct probe_options *o,
		     bool multi)
{
	struct probe_body body = {.is_return = probe_is_return(probe),
				  .multi = multi,
				  .prog_fd = -1,
				  .enter_fd = -1,
				  .config_fd = -1},
			  *v;
	struct probe_slots where = slots;

	/* what traces of nftables are read from has fixed places */
	where.by_cookie = p->has_cookie && (probe->args.nft_info < 0 || !o->nft);
	probe_configure(p, probe, o, &where, &body.config);
	if (p->has_cast)
		body.config.features |= PROBE_CAST;
	if (p->has_cookie) {
		body.config.id = 0;
		body.config.features |= PROBE_COOKIE | (where.by_cookie ? PROBE_WHERE : 0);
	}
	for (size_t i = 0; i < p->n_bodies; i++) {
		v = &p->bodies[i];
		if (v->is_return == body.is_return && v->multi == multi &&
		    !memcmp(&v->config, &body.config, sizeof(body.config))) {
			probe->body = (int)i;
			return 0;
		}
	}
	v = realloc(p->bodies, (p->n_bodies + 1) * sizeof(*v));
	if (!v)
		return -ENOMEM;
	p->bodies = v;
	probe->body = (int)p->n_bodies;
	p->bodies[p->n_bodies++] = body;
	return 0;
}

/* What the probe needs. 0, or -ENOMEM. */
static int prepare(struct probes *p, struct probe *probe, const struct probe_options *o, bool multi)
{
	const struct arguments *a = &probe->args;
	int rc, at = a->skb < 0 ? a->sk : a->skb;

	if (at >= slots.n || at >= COOKIE_NONE) {
		probe_explain(probe,
			      "its packet is argument %d, but only %d are passed in registers; "
			      "fentry:%.60s finds it, where the kernel has that",
			      at + 1, slots.n, probe->symbol);
		return 0;
	}
	*probe->reason = '\0';
	rc = find_body(p, probe, o, multi);
	if (!rc)
		probe->place = probe_place(&p->bodies[probe->body].config);
	return rc;
}

static void load_one(void *ctx, size_t i)
{
	struct probes *p = ctx;
	struct probe_body *body = &p->bodies[i];

	if (body->prog_fd < 0 && !body->rc)
		body->rc = load_body(p, body);
}

/* Loads what is not loaded yet; probes whose program cannot be have their reason then. */
static void load_bodies(struct probes *p)
{
	parallel_run(p->n_bodies, load_one, p);
	for (size_t i = 0; i < p->n; i++) {
		struct probe *probe = &p->v[i];
		const struct probe_body *body = probe->body < 0 ? NULL : &p->bodies[probe->body];

		if (!body || !body->rc)
			continue;
		probe_explain(probe, "%s", *body->reason ? body->reason : strerror(-body->rc));
		probe->body = -1;
	}
}

/* ---- one by one ---- */

struct singles {
	struct probes *p;
	struct probe **v; /* n */
	size_t n;
};

static void start_single(void *ctx, size_t i)
{
	const struct singles *s = ctx;
	struct probe *probe = s->v[i];
	const struct probe_body *body = &s->p->bodies[probe->body];
	uint64_t cookie = cookie_of(s->p, probe);
	int fd = 0;

	if (body->is_return)
		fd = probe->enter_fd =
			attach(body->enter_fd, probe->symbol, false, s->p->has_cookie, cookie);
	if (fd >= 0)
		fd = probe->link_fd = attach(body->prog_fd, probe->symbol, body->is_return,
					     s->p->has_cookie, cookie);
	if (fd < 0) {
		probe_close_fd(&probe->enter_fd);
		explain_attach(probe, fd);
		return;
	}
	probe->how = body->is_return ? "kretprobe" : "kprobe";
}

/* Those that have a program for that and are not attached. */
static int start_singles(struct probes *p)
{
	struct singles s = {.p = p, .v = malloc(p->n * sizeof(struct probe *))};

	if (!s.v)
		return -ENOMEM;
	for (size_t i = 0; i < p->n; i++) {
		struct probe *probe = &p->v[i];

		if (probe->body >= 0 && !p->bodies[probe->body].multi && !probe->how)
			s.v[s.n++] = probe;
	}
	parallel_run(s.n, start_single, &s);
	free(s.v);
	return 0;
}

/* ---- all at once ---- */

/* Where functions are. Those that cannot be told apart by their name get their error. */
static int resolve(const struct probes *p, struct multi_target *v)
{
	struct kallsym_wanted *wanted = calloc(p->n, sizeof(*wanted));
	struct kallsyms k;
	bool known;

	if (!wanted)
		return -ENOMEM;
	known = !kallsyms_init(&k, NULL); /* else the kernel looks for the names */
	for (size_t i = 0; i < p->n; i++) {
		wanted[i].name = p->v[i].symbol;
		wanted[i].index = i;
	}
	if (known)
		kallsyms_resolve(&k, wanted, p->n);
	kallsyms_fini(&k);
	for (size_t i = 0; i < p->n; i++)
		v[wanted[i].index] =
			(struct multi_target){.name = p->v[wanted[i].index].symbol,
					      .address = wanted[i].address,
					      .cookie = cookie_of(p, &p->v[wanted[i].index]),
					      .error = !known || wanted[i].found == 1 ? 0
						       : wanted[i].found              ? -ENOTUNIQ
										      : -ENOENT};
	free(wanted);
	return 0;
}

/* The functions that share a program: with one link, where all can be probed. */
static int start_body(struct probes *p, int which, const struct multi_target *all,
		      struct multi_target *v)
{
	const struct probe_body *body = &p->bodies[which];
	size_t n = 0;
	int rc = 0;

	for (size_t i = 0; i < p->n; i++)
		if (p->v[i].body == which)
			v[n++] = all[i];
	if (body->is_return)
		rc = multi_attach(&p->multi, body->enter_fd, false, v, n);
	if (!rc)
		rc = multi_attach(&p->multi, body->prog_fd, body->is_return, v, n);
	for (size_t i = 0; i < n && !rc; i++) {
		struct probe *probe = &p->v[COOKIE_ID(v[i].cookie)];

		if (v[i].error)
			probe_explain(probe, "%s", multi_explain(v[i].error));
		else
			probe->how = body->is_return ? "kretprobe.multi" : "kprobe.multi";
	}
	return rc;
}

static int start_multi(struct probes *p, const struct probe_options *o)
{
	struct multi_target *all = calloc(p->n, sizeof(*all)), *some = calloc(p->n, sizeof(*some));
	size_t bodies = p->n_bodies;
	int rc = all && some ? resolve(p, all) : -ENOMEM;

	for (size_t i = 0; i < bodies && !rc; i++)
		rc = start_body(p, (int)i, all, some);
	/* what is asked for by name may be where links cannot be: in the middle of no ftrace */
	for (size_t i = 0; i < p->n && !rc; i++)
		if (p->v[i].body >= 0 && !p->v[i].how && p->v[i].named)
			rc = prepare(p, &p->v[i], o, false);
	if (!rc && p->n_bodies != bodies) {
		load_bodies(p);
		rc = start_singles(p);
	}
	free(all);
	free(some);
	return rc;
}

/* What the kernel counts of a shared program is told of the first probe that it is for. */
static void share_counts(struct probes *p)
{
	for (size_t i = 0; i < p->n; i++) {
		struct probe *probe = &p->v[i];
		struct probe_body *body = probe->body < 0 ? NULL : &p->bodies[probe->body];

		if (!body || !probe->how || body->counted)
			continue;
		probe->prog_fd = fcntl(body->prog_fd, F_DUPFD_CLOEXEC, 0);
		body->counted = true;
	}
}

int probes_start_functions(struct probes *p, const struct probe_options *o, struct skbox_error *err)
{
	char why[PROBE_REASON_MAX];
	size_t n = 0;
	int rc = 0;

	for (size_t i = 0; i < p->n; i++)
		n += probe_is_kprobe(&p->v[i]) && !*p->v[i].reason;
	if (!n)
		return 0;
	if (n > PROBE_SINGLE_MAX && !p->has_multi && p->has_kprobes)
		return error_set(
			err, -E2BIG, 0,
			"%zu functions: this kernel attaches probes one by one "
			"(kprobe.multi needs Linux 5.18 with CONFIG_FPROBE), and more than "
			"%d take it too long; narrower patterns would do",
			n, PROBE_SINGLE_MAX);
	for (size_t i = 0; i < p->n; i++) {
		struct probe *probe = &p->v[i];

		if (!probe_is_kprobe(probe) || *probe->reason)
			continue;
		if (!probes_offer(p, probe->kind, why, sizeof(why)))
			probe_explain(probe, "%s", why);
		else
			rc = rc ? rc : prepare(p, probe, o, p->has_multi);
	}
	load_bodies(p);
	if (p->n_bodies && !rc)
		rc = p->has_multi ? start_multi(p, o) : start_singles(p);
	share_counts(p);
	return rc ? error_set(err, rc, 0, "attaching to functions: %s", strerror(-rc)) : 0;
}

/* ---- exact tracking ---- */

/*
 * kfree_skb_partial(skb, head_stolen) frees nothing unless somebody else took the data. Where
 * skb_free_head() is a part of its callers (5.10), they are followed instead: they free the data when
 * no clone holds it any more.
 */
struct followed {
	const char *function;
	int condition; /* argument that must be true; -1: always */
	uint32_t features;
};
static const struct followed follows[][PROBE_FOLLOW] = {
	{
		{"skb_free_head", -1, 0},
		{"kfree_skb_partial", 1, 0},
		{"pskb_expand_head", -1, PROBE_MOVE},
	},
	{
		{"skb_release_data", -1, PROBE_LAST},
		{"kfree_skb_partial", 1, 0},
		{"pskb_expand_head", -1, PROBE_MOVE | PROBE_LAST},
	},
};
enum { FOLLOWS = sizeof(follows) / sizeof(follows[0]) };

static int follow(struct probes *p, int i, const struct followed *what)
{
	struct probe probe = {.kind = PROBE_KPROBE};
	struct probe_options o = {0};
	struct probe_follow *f = &p->follow[i];
	struct probe_copy copy = {.from = p->bpf->progs.follow_kprobe,
				  .type = BPF_PROG_TYPE_KPROBE,
				  .name = "skbox_follow"};
	struct probe_config config;
	struct function found;

	if (function_find(&p->functions, what->function, &found) || found.args.skb < 0)
		return -ENOENT;
	probe.args.skb = found.args.skb;
	probe_configure(p, &probe, &o, &slots, &config);
	config.skb = slots.argument[found.args.skb];
	config.ret = what->condition < 0 ? -1 : slots.argument[what->condition];
	config.features = what->features;
	f->config_fd = probe_make_config(p, &config);
	if (f->config_fd < 0)
		return f->config_fd;
	copy.config_fd = f->config_fd;
	f->prog_fd = probe_load_copy(p, &copy, probe.reason, sizeof(probe.reason));
	if (f->prog_fd < 0)
		return f->prog_fd;
	f->link_fd = attach(f->prog_fd, what->function, false, false, 0);
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
	for (int k = 0; k < FOLLOWS && p->has_kprobes; k++) {
		int n = 0;

		while (n < PROBE_FOLLOW && !follow(p, n, &follows[k][n]))
			n++;
		if (n == PROBE_FOLLOW)
			return true;
		unfollow(p);
	}
	return false;
}

void probe_functions_fini(struct probes *p)
{
	unfollow(p);
	for (size_t i = 0; i < p->n_bodies; i++)
		close_body(&p->bodies[i]);
	free(p->bodies);
	p->bodies = NULL;
	p->n_bodies = 0;
}
