/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Linked into the static analyzer only. glibc looks names of hosts, ports, networks and protocols up by
 * the modules that /etc/nsswitch.conf names, and loads those that it does not contain itself; modules of
 * another system's glibc do not fit into a static program and can end it. So it uses the two that it has
 * had inside since 2.34, whatever the file says: /etc/hosts and its like, and DNS.
 */
#include <nss.h>
#include <stddef.h>

static __attribute__((constructor)) void names_init(void)
{
	static const char *const rows[][2] = {
		{"hosts", "files dns"}, {"networks", "files"}, {"protocols", "files"},
		{"services", "files"},  {"ethers", "files"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		__nss_configure_lookup(rows[i][0], rows[i][1]);
}
