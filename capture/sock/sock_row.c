// SPDX-License-Identifier: BSD-2-Clause
#include "capture/sock/sock_row.h"

#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

#include "capture/sock/sock_dump_cgroup.h"
#include "formats/sock/sockdiag.h"

enum {
	COOKIES_FIRST = 1024,
	COOKIE_OFFSET = 44, /* id.idiag_cookie of struct inet_diag_msg */
	/* sockets of the scope that are remembered, 16 MiB: 20 times what a busy host has */
	MINE_MAX = 1 << 20,
};

uint64_t sock_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

uint64_t sock_row_cookie(const uint8_t *p)
{
	uint32_t words[2]; /* the low one first whatever the machine */

	memcpy(words, p + COOKIE_OFFSET, sizeof(words));
	return words[0] | (uint64_t)words[1] << 32;
}

/* ---- cookies ---- */

/* Multiplicative hash: cookies are consecutive numbers in batches a CPU. */
static size_t cookie_place(const struct sock_cookies *c, uint64_t cookie)
{
	size_t i = (size_t)(cookie * UINT64_C(0x9e3779b97f4a7c15) >> 20) & (c->size - 1);

	while (c->v[i] && c->v[i] != cookie)
		i = (i + 1) & (c->size - 1);
	return i;
}

static int cookies_grow(struct sock_cookies *c)
{
	struct sock_cookies bigger = *c;

	bigger.size = c->size ? 2 * c->size : COOKIES_FIRST;
	bigger.v = calloc(bigger.size, sizeof(*bigger.v));
	if (!bigger.v)
		return -ENOMEM;
	for (size_t i = 0; i < c->size; i++)
		if (c->v[i])
			bigger.v[cookie_place(&bigger, c->v[i])] = c->v[i];
	free(c->v);
	*c = bigger;
	return 0;
}

int sock_cookies_add(struct sock_cookies *c, uint64_t cookie)
{
	size_t i;

	if (!cookie)
		return 1;
	if (2 * c->n >= c->size && cookies_grow(c) < 0)
		return -ENOMEM;
	i = cookie_place(c, cookie);
	if (c->v[i])
		return 0;
	if (c->max && c->n == c->max) {
		sock_cookies_clear(c);
		i = cookie_place(c, cookie);
	}
	c->v[i] = cookie;
	c->n++;
	return 1;
}

bool sock_cookies_has(const struct sock_cookies *c, uint64_t cookie)
{
	return cookie && c->size && c->v[cookie_place(c, cookie)];
}

void sock_cookies_clear(struct sock_cookies *c)
{
	if (c->v)
		memset(c->v, 0, c->size * sizeof(*c->v));
	c->n = 0;
}

void sock_cookies_free(struct sock_cookies *c)
{
	free(c->v);
	*c = (struct sock_cookies){0};
}

/* ---- rows ---- */

/* The last row of a section, which the decoder has just filled. */
#define LAST_ROW(b, id) ((struct ev_##id *)(void *)(b)->sec[EV_##id].p + ((b)->sec[EV_##id].n - 1))

/* The name of the device that the socket is bound to: only this host can tell, and only now. */
static void add_device(const struct sock_row *row, struct ev_batch *b)
{
	struct ev_diag *diag = LAST_ROW(b, diag);
	struct ifreq request = {.ifr_ifindex = (int)diag->ifindex};

	/* a netlink socket answers for the namespace that it belongs to */
	if (diag->ifindex && ioctl(row->fd, SIOCGIFNAME, &request) == 0)
		EV_SET(diag, diag, ifname,
		       ev_string(b, request.ifr_name, strnlen(request.ifr_name, IFNAMSIZ)));
}

/* The path of its cgroup, which goes into the row; NULL: not known. */
static const char *add_cgroup(struct sock_rows *r, struct ev_batch *b)
{
	struct ev_diag_attr *attr;
	const char *path;

	if (!(b->mask[b->n - 1] & EV_SECTION_BIT(diag_attr)))
		return NULL;
	attr = LAST_ROW(b, diag_attr);
	path = sock_dump_cgroups_path(r->cgroups, attr->cgroup_id);
	if (path)
		EV_SET(attr, diag_attr, cgroup, ev_text(b, path));
	return path;
}

/* Whether the path is the scope or below it. */
static bool is_below(const struct sock_rows *r, const char *path)
{
	/* the root has no name: everything is below */
	return r->scope_len == 1 || (!strncmp(path, r->scope, r->scope_len) &&
				     (!path[r->scope_len] || path[r->scope_len] == '/'));
}

/*
 * Whether the row that was just added is of the scope. Messages of sockets that ended, and of those that
 * are requests or in TIME_WAIT, have no cgroup: they are known by their cookie, or not at all.
 */
static bool is_wanted(struct sock_rows *r, uint64_t cookie, const char *path)
{
	if (!r->scope)
		return true;
	if (path && is_below(r, path)) {
		sock_cookies_add(&r->mine, cookie);
		return true;
	}
	if (!path && sock_cookies_has(&r->mine, cookie))
		return true;
	if (path)
		r->outside++;
	else
		r->unattributed++;
	return false;
}

bool sock_rows_add(struct sock_rows *r, const struct sock_row *row, const uint8_t *p, size_t len,
		   struct ev_batch *b)
{
	struct ev_common *common;
	struct ev_snap *snap;
	const char *path;
	int ret;

	if (len < SOCKDIAG_MSG_BYTES) {
		r->undecoded++;
		return false;
	}
	ev_batch_begin(b);
	common = EV_ADD(b, common);
	EV_SET(common, common, timestamp, row->time_ns);
	netns_add_section(row->ns, b);
	snap = EV_ADD(b, snap);
	if (row->has_set)
		EV_SET(snap, snap, set, row->set);
	EV_SET(snap, snap, cause, ev_text(b, row->cause));
	if (row->event_ns)
		EV_SET(snap, snap, event, row->event_ns);
	ret = sockdiag_decode(p, len, b, NULL);
	if (ret < 0)
		r->undecoded++;
	if (ret == -EBADMSG) {
		ev_batch_drop(b);
		return false;
	}
	if (b->failed)
		return true;
	add_device(row, b);
	path = add_cgroup(r, b);
	if (is_wanted(r, sock_row_cookie(p), path))
		return true;
	ev_batch_drop(b);
	return false;
}

struct sock_rows *sock_rows_new(uint64_t cgroup_id)
{
	struct sock_rows *r = calloc(1, sizeof(*r));
	const char *path;

	if (!r)
		return NULL;
	r->cgroups = sock_dump_cgroups_open();
	r->mine.max = MINE_MAX;
	if (!cgroup_id)
		return r;
	path = sock_dump_cgroups_path(r->cgroups, cgroup_id);
	if (path)
		r->scope = strdup(path);
	if (r->scope) {
		r->scope_len = strlen(r->scope);
		return r;
	}
	sock_rows_free(r);
	errno = path ? ENOMEM : ENOENT;
	return NULL;
}

void sock_rows_free(struct sock_rows *r)
{
	if (!r)
		return;
	sock_dump_cgroups_close(r->cgroups);
	sock_cookies_free(&r->mine);
	free(r->scope);
	free(r);
}
