// SPDX-License-Identifier: BSD-2-Clause
#include "capture/sock/sock_place.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool is_process(const char *name)
{
	return name[0] && name[strspn(name, "0123456789")] == '\0';
}

static int list_add(struct netns_list *l, const struct netns *ns)
{
	struct netns *v;

	for (size_t i = 0; i < l->n; i++)
		if (netns_is_same(&l->v[i], ns))
			return 0;
	v = realloc(l->v, (l->n + 1) * sizeof(*v));
	if (!v)
		return -ENOMEM;
	l->v = v;
	l->v[l->n++] = *ns;
	return 0;
}

/* Those that are there now. first: a name that leads nowhere is an error. */
static int find_all(struct sock_places *p, bool first, struct netns_list *l,
		    struct skbox_error *err)
{
	struct netns ns;
	int ret = 0;

	*l = (struct netns_list){0};
	if (p->all) {
		ret = netns_list_scan(l, err);
		p->too_many = ret == -E2BIG;
		return p->too_many ? 0 : ret;
	}
	if (!p->n_names) {
		ret = netns_current(&ns, err);
		return ret < 0 ? ret : list_add(l, &ns);
	}
	for (size_t i = 0; i < p->n_names && !ret; i++) {
		if (p->ended[i])
			continue;
		ret = netns_find(p->names[i], &ns, err);
		if (ret == 0) {
			ret = list_add(l, &ns);
		} else if (!first && ret != -ENOTRECOVERABLE && ret != -ENOMEM) {
			p->ended[i] = is_process(p->names[i]);
			ret = 0;
		}
	}
	return ret;
}

static void place_free(struct sock_place *place)
{
	if (!place)
		return;
	sock_watch_close(&place->watch);
	sock_lookup_close(&place->lookup);
	free(place);
}

/* Takes those away that are not in the list, and the others' names and paths from it. */
static int drop_gone(struct sock_places *p, const struct netns_list *l)
{
	size_t kept = 0;

	free(p->gone);
	p->n_gone = 0;
	p->gone = p->n ? calloc(p->n, sizeof(*p->gone)) : NULL;
	if (p->n && !p->gone)
		return -ENOMEM;
	for (size_t i = 0; i < p->n; i++) {
		struct sock_place *place = p->v[i];
		size_t at = 0;

		while (at < l->n && !netns_is_same(&l->v[at], &place->ns))
			at++;
		if (at < l->n) {
			place->ns = l->v[at];
			place->is_new = false;
			p->v[kept++] = place;
		} else {
			p->gone[p->n_gone++] = place->ns;
			place_free(place);
		}
	}
	p->n = kept;
	return 0;
}

static int add_new(struct sock_places *p, const struct netns_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		struct sock_place *place, **v;

		if (sock_places_find(p, l->v[i].cookie, l->v[i].inum))
			continue;
		v = realloc(p->v, (p->n + 1) * sizeof(*v));
		if (!v)
			return -ENOMEM;
		p->v = v;
		place = calloc(1, sizeof(*place));
		if (!place)
			return -ENOMEM;
		place->ns = l->v[i];
		place->is_new = true;
		place->watch.fd = place->lookup.fd = -1;
		p->v[p->n++] = place;
	}
	return 0;
}

static int scan(struct sock_places *p, bool first, struct skbox_error *err)
{
	struct netns_list l;
	int ret = find_all(p, first, &l, err);

	if (ret == 0)
		ret = drop_gone(p, &l);
	if (ret == 0)
		ret = add_new(p, &l);
	if (ret == -ENOMEM)
		error_set(err, ret, 0, "out of memory");
	netns_list_free(&l);
	return ret;
}

int sock_places_init(struct sock_places *p, const char *const *names, size_t n_names,
		     struct skbox_error *err)
{
	*p = (struct sock_places){.names = names, .n_names = n_names};
	p->ended = calloc(n_names ? n_names : 1, sizeof(*p->ended));
	if (!p->ended)
		return error_set(err, -ENOMEM, 0, "out of memory");
	for (size_t i = 0; i < n_names; i++)
		p->all |= !strcmp(names[i], "all");
	return scan(p, true, err);
}

void sock_places_fini(struct sock_places *p)
{
	for (size_t i = 0; i < p->n; i++)
		place_free(p->v[i]);
	free(p->v);
	free(p->gone);
	free(p->ended);
	*p = (struct sock_places){0};
}

int sock_places_scan(struct sock_places *p, struct skbox_error *err)
{
	return scan(p, false, err);
}

struct sock_place *sock_places_find(const struct sock_places *p, uint64_t cookie, uint32_t inum)
{
	const struct netns ns = {.cookie = cookie, .inum = inum};

	for (size_t i = 0; i < p->n; i++)
		if (netns_is_same(&p->v[i]->ns, &ns))
			return p->v[i];
	return NULL;
}
