/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/probe/multi.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	LIST_MAX = 64 << 20, /* 0.8 MB are usual */
	LIST_STEP = 1 << 20,
};

static int load_nothing(void)
{
	const struct bpf_insn insns[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K},
					 {.code = BPF_JMP | BPF_EXIT}};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = BPF_TRACE_KPROBE_MULTI);

	return bpf_prog_load(BPF_PROG_TYPE_KPROBE, "skbox_try", "Dual BSD/GPL", insns, 2, &opts);
}

bool multi_is_offered(void)
{
	/* nobody's memory: a kernel that knows the link gets as far as reading it */
	LIBBPF_OPTS(bpf_link_create_opts, opts,
		    .kprobe_multi.addrs = (const unsigned long *)sizeof(long),
		    .kprobe_multi.cnt = 1);
	int fd = load_nothing(), link;
	bool offered;

	if (fd < 0)
		return false;
	link = bpf_link_create(fd, 0, BPF_TRACE_KPROBE_MULTI, &opts);
	offered = link < 0 && errno == EFAULT;
	close(fd);
	return offered;
}

static int by_address(const void *a, const void *b)
{
	const struct multi_target *x = a, *y = b;

	if (x->address != y->address)
		return x->address < y->address ? -1 : 1;
	return strcmp(x->name, y->name);
}

static int by_name(const void *a, const void *b)
{
	const struct multi_target *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

static int keep_link(struct multi *m, int fd)
{
	int *v = realloc(m->links, (m->n_links + 1) * sizeof(*v));

	if (!v) {
		close(fd);
		return -ENOMEM;
	}
	m->links = v;
	v[m->n_links++] = fd;
	return 0;
}

/* One link for those that have no error. 0, or a negative errno. */
static int link_targets(struct multi *m, int prog_fd, bool is_return, struct multi_target *v,
			size_t n)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts,
		    .kprobe_multi.flags = is_return ? BPF_F_KPROBE_MULTI_RETURN : 0);
	__u64 *addresses = malloc(n * sizeof(*addresses));
	__u64 *cookies = malloc(n * sizeof(*cookies));
	const char **names = malloc(n * sizeof(*names));
	uint32_t count = 0;
	bool by_names = false;
	int rc = -ENOMEM;

	if (!addresses || !cookies || !names)
		goto out;
	for (size_t i = 0; i < n; i++) {
		if (v[i].error)
			continue;
		by_names |= !v[i].address;
		addresses[count] = v[i].address;
		names[count] = v[i].name;
		cookies[count++] = v[i].cookie;
	}
	rc = 0;
	if (!count)
		goto out;
	opts.kprobe_multi.cnt = count;
	opts.kprobe_multi.cookies = cookies;
	if (by_names)
		opts.kprobe_multi.syms = names;
	else
		opts.kprobe_multi.addrs = (const unsigned long *)addresses;
	rc = bpf_link_create(prog_fd, 0, BPF_TRACE_KPROBE_MULTI, &opts);
	rc = rc < 0 ? -errno : keep_link(m, rc);
out:
	free(addresses);
	free(cookies);
	free(names);
	return rc;
}

/* Halves what is refused until it is known which ones are. */
static int link_most(struct multi *m, int prog_fd, bool is_return, struct multi_target *v, size_t n)
{
	int rc = n ? link_targets(m, prog_fd, is_return, v, n) : 0;

	if (!rc || rc == -ENOMEM)
		return rc;
	if (n == 1) {
		v->error = rc;
		return 0;
	}
	rc = link_most(m, prog_fd, is_return, v, n / 2);
	return rc ? rc : link_most(m, prog_fd, is_return, v + n / 2, n - n / 2);
}

/* Names of functions that can be probed, one a line: `name [module]`. */
static void read_list(struct multi *m)
{
	int fd = m->events_fd < 0 ? -1
				  : openat(m->events_fd, "../available_filter_functions",
					   O_RDONLY | O_CLOEXEC);
	ssize_t got = -1;

	m->has_list = true;
	while (fd >= 0) {
		char *more = realloc(m->list, m->n_bytes + LIST_STEP);

		if (!more || m->n_bytes > LIST_MAX)
			break;
		m->list = more;
		got = read(fd, m->list + m->n_bytes, LIST_STEP - 1);
		if (got <= 0)
			break;
		m->n_bytes += (size_t)got;
	}
	if (fd >= 0)
		close(fd);
	if (got != 0) {
		free(m->list);
		m->list = NULL;
	}
	if (m->list)
		m->list[m->n_bytes] = '\0';
}

/* Marks the targets that are not in the list, so that the others need no trying. */
static void mark_unlisted(struct multi *m, struct multi_target *v, size_t n)
{
	struct multi_target **sorted = malloc(n * sizeof(struct multi_target *));
	bool *listed = calloc(n, sizeof(*listed));
	char *line = m->list, *next;

	for (size_t i = 0; sorted && i < n; i++)
		sorted[i] = &v[i];
	if (sorted)
		qsort(sorted, n, sizeof(*sorted), by_name);
	for (; sorted && listed && line && *line; line = next) {
		char name[256];
		struct multi_target key = {.name = name}, *keyp = &key, **found;
		size_t len = strcspn(line, " \t\n");

		next = line + len + strcspn(line + len, "\n");
		next += *next == '\n';
		if (len >= sizeof(name))
			continue;
		memcpy(name, line, len);
		name[len] = '\0';
		found = bsearch(&keyp, sorted, n, sizeof(*sorted), by_name);
		if (found)
			listed[*found - v] = true;
	}
	for (size_t i = 0; sorted && listed && m->list && i < n; i++)
		if (!listed[i] && !v[i].error)
			v[i].error = -EOPNOTSUPP;
	free(sorted);
	free(listed);
}

int multi_attach(struct multi *m, int prog_fd, bool is_return, struct multi_target *v, size_t n)
{
	int rc;

	qsort(v, n, sizeof(*v), by_address);
	/* a program is told one cookie for an address */
	for (size_t i = 1; i < n; i++)
		if (v[i].address && v[i].address == v[i - 1].address && !v[i].error)
			v[i].error = -EEXIST;
	rc = link_targets(m, prog_fd, is_return, v, n);
	if (!rc || rc == -ENOMEM)
		return rc;
	if (!m->has_list)
		read_list(m);
	mark_unlisted(m, v, n);
	return link_most(m, prog_fd, is_return, v, n);
}

const char *multi_explain(int error)
{
	switch (-error) {
	case EOPNOTSUPP:
	case EINVAL: return "the kernel does not allow probes in this function";
	case ENOENT:
	case ESRCH: return "no function of that name can be probed (inlined, or gone)";
	case ENOTUNIQ: return "several functions have that name";
	case EEXIST: return "another name of a function that is probed already";
	default: return strerror(-error);
	}
}

void multi_stop(struct multi *m)
{
	for (size_t i = 0; i < m->n_links; i++)
		close(m->links[i]);
	free(m->links);
	free(m->list);
	m->links = NULL;
	m->list = NULL;
	m->n_links = 0;
	m->has_list = false;
}
