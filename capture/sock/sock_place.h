/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The namespaces whose sockets are recorded, as they come and go. A name is looked up again at each
 * scan: a namespace that is made anew under it is another one. A process id is not once it is gone.
 */
#ifndef CAPTURE_SOCK_PLACE_H
#define CAPTURE_SOCK_PLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "capture/sock/netns.h"
#include "capture/sock/sock_lookup.h"
#include "capture/sock/sock_watch.h"
#include "formats/error.h"

struct sock_place {
	struct netns ns;
	struct sock_watch watch;   /* closed when it could not be opened */
	struct sock_lookup lookup; /* opened by the first lookup */
	bool dumped;               /* in a round since it was found */
	bool is_new;               /* since the last scan */
};

struct sock_places {
	const char *const *names; /* as in sock_recorder_options; borrowed */
	size_t n_names;
	bool *ended; /* n_names: a process that is gone */
	bool all;
	bool too_many;         /* more than NETNS_LIST_MAX: the rest is left out */
	struct sock_place **v; /* owned; a place keeps its address as long as it is there */
	size_t n;
	struct netns *gone; /* those that the last scan did not find any more */
	size_t n_gone;
};

/* Finds them for the first time; all are new. A name that there is not is an error here. */
int sock_places_init(struct sock_places *p, const char *const *names, size_t n_names,
		     struct skbox_error *err);
void sock_places_fini(struct sock_places *p);

/*
 * Looks again: new ones are is_new, those that cannot be found any more are closed, so that nothing of ours keeps
 * them, and told in `gone`. 0 or -ENOMEM, -ENOTRECOVERABLE.
 */
int sock_places_scan(struct sock_places *p, struct skbox_error *err);

/* The place of an event; NULL: it is not recorded. cookie 0: not known. */
struct sock_place *sock_places_find(const struct sock_places *p, uint64_t cookie, uint32_t inum);

#endif
