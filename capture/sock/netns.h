/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Network namespaces: finding them, looking into them, and coming back.
 *
 * Everything here changes the namespace of the calling thread only, and only within a call.
 * Entering another namespace needs CAP_SYS_ADMIN; the current one needs nothing.
 */
#ifndef CAPTURE_NETNS_H
#define CAPTURE_NETNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "formats/error.h"
#include "formats/event.h"

/* A name is a file name (NAME_MAX); paths are /run/netns/NAME and the like. */
enum { NETNS_NAME_MAX = 256, NETNS_PATH_MAX = 288 };

/* More namespaces than this are not looked at (-E2BIG from netns_list_scan, the list being full). */
enum { NETNS_LIST_MAX = 1024 };

struct netns {
	uint64_t cookie; /* SO_NETNS_COOKIE, never reused; 0: not known (kernels before 5.14) */
	uint32_t inum;   /* inode number of the namespace file */
	/* Below /run/netns or Docker's folder; "pid N (comm)" where only a process holds it; else "". */
	char name[NETNS_NAME_MAX];
	char path[NETNS_PATH_MAX]; /* what opens it; "" for the current one */
};

struct netns_list {
	struct netns *v; /* owned; freed by netns_list_free() */
	size_t n;
	size_t hidden; /* processes whose namespace could not be read for want of rights */
};

/* The namespace of the calling thread. 0 or a negative errno. */
int netns_current(struct netns *ns, struct skbox_error *err);

/*
 * The namespace called `name` (a name below /run/netns), of the process `name` (decimal digits), or
 * at the path `name` (contains a slash); a name below /run/netns wins over a process id.
 * -ENOENT: there is no such; -EPERM: it cannot be entered.
 */
int netns_find(const char *name, struct netns *ns, struct skbox_error *err);

/*
 * Every namespace that can be found: the current one first, then those with names (/run/netns,
 * then Docker's), then those of processes; each once (by device and inode). What cannot be opened or
 * entered is left out.
 */
int netns_list_scan(struct netns_list *list, struct skbox_error *err);
void netns_list_free(struct netns_list *list);

/*
 * Runs fn(ctx) with the calling thread in the namespace; what fn returns is returned.
 * -ENOTRECOVERABLE: the way back failed, the thread is still in the other namespace: give up.
 * Another negative errno with err filled: fn did not run.
 */
int netns_call(const struct netns *ns, int (*fn)(void *ctx), void *ctx, struct skbox_error *err);

/* Whether both are one namespace: by cookie, by inode where one of them has none. */
bool netns_is_same(const struct netns *a, const struct netns *b);

/*
 * socket(domain, type, protocol) made in the namespace, where it stays for life. The descriptor or a negative errno;
 * -ESTALE: what is at the path by now is another namespace.
 */
int netns_socket(const struct netns *ns, int domain, int type, int protocol,
		 struct skbox_error *err);

/*
 * Adds the inventory of the namespace to the batch: a row nsinfo + netns with its name (where it
 * has one), and a row iface + netns for each device. now_ns (CLOCK_MONOTONIC) becomes their time.
 */
int netns_inventory(const struct netns *ns, uint64_t now_ns, struct ev_batch *b,
		    struct skbox_error *err);

/* Adds the netns section to the event that was begun last. */
void netns_add_section(const struct netns *ns, struct ev_batch *b);

#endif
