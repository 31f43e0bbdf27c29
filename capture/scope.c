// SPDX-License-Identifier: BSD-2-Clause
#include "capture/scope.h"

#include <errno.h>
#include <string.h>

#include "capture/sock/netns.h"
#include "capture/sock/sock_dump_cgroup.h"

static int find_netns(const struct config *c, struct scope_place *s, struct skbox_error *err)
{
	struct netns ns;
	int rc = c->netns.n ? netns_find(c->netns.v[0], &ns, err) : netns_current(&ns, err);

	if (rc)
		return rc;
	s->id = ns.cookie;
	s->inum = ns.inum;
	return 0;
}

int scope_find(const struct config *c, struct scope_place *s, struct skbox_error *err)
{
	int rc = 0;

	*s = (struct scope_place){.kind = (enum scope)c->scope};
	if (s->kind == SCOPE_NETNS)
		return find_netns(c, s, err);
	if (s->kind == SCOPE_CGROUP)
		rc = sock_dump_cgroups_own(&s->id);
	return rc ? error_set(err, rc, 0, "--scope cgroup: our cgroup of version 2: %s",
			      strerror(-rc))
		  : 0;
}
