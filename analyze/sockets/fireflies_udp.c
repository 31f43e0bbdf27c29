/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyze/sockets/fireflies_udp.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/terminal.h"
#include "formats/sock/firefly.h"

/* What a link of 1,500 bytes leaves behind the headers of IP and UDP. */
enum { FITS_IPV4 = 1500 - 20 - 8, FITS_IPV6 = 1500 - 40 - 8 };

/* Cuts "HOST:PORT" apart; false: it is neither that nor a host. */
static bool cut_apart(const char *where, char host[256], char port[16])
{
	const char *end = where + strlen(where), *colon = strrchr(where, ':');

	snprintf(port, 16, "%d", FIREFLY_PORT);
	if (*where == '[') {
		end = strchr(where++, ']');
		if (!end || (end[1] && end[1] != ':'))
			return false;
		colon = end[1] ? end + 1 : NULL;
	} else if (colon) {
		if (strchr(where, ':') == colon)
			end = colon;
		else
			colon = NULL; /* an IPv6 address alone */
	}
	if (end == where || end - where > 255 || (colon && (!colon[1] || strlen(colon + 1) > 5)))
		return false;
	memcpy(host, where, (size_t)(end - where));
	host[end - where] = 0;
	if (colon)
		snprintf(port, 16, "%s", colon + 1);
	return true;
}

int fireflies_udp_open(struct fireflies_udp *u, const char *where)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_DGRAM, .ai_flags = AI_NUMERICSERV};
	struct addrinfo *list = NULL;
	char host[256], port[16];
	int rc;

	*u = (struct fireflies_udp){.fd = -1};
	if (!cut_apart(where, host, port)) {
		terminal_error("--udp: not HOST:PORT: %s", where);
		return -EINVAL;
	}
	rc = getaddrinfo(host, port, &hints, &list);
	if (rc) {
		terminal_error("--udp: %s: %s", where, gai_strerror(rc));
		return -EINVAL;
	}
	rc = -ENOENT;
	for (const struct addrinfo *a = list; a && u->fd < 0; a = a->ai_next) {
		u->fd = socket(a->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		rc = u->fd < 0 ? -errno : 0;
		if (rc == 0 && connect(u->fd, a->ai_addr, a->ai_addrlen) < 0) {
			rc = -errno;
			fireflies_udp_close(u);
		}
		u->fits = a->ai_family == AF_INET6 ? FITS_IPV6 : FITS_IPV4;
	}
	freeaddrinfo(list);
	if (rc < 0)
		terminal_error("--udp: %s: %s", where, strerror(-rc));
	return rc;
}

void fireflies_udp_close(struct fireflies_udp *u)
{
	if (u->fd >= 0)
		close(u->fd);
	u->fd = -1;
}

int fireflies_udp_send(struct fireflies_udp *u, const void *p, size_t len)
{
	int rc = 0;

	if (len > u->longest)
		u->longest = len;
	/* an error of an earlier datagram comes with the next one, which then was not sent */
	for (int tries = 0; tries < 3; tries++) {
		rc = send(u->fd, p, len, 0) < 0 ? -errno : 0;
		if (rc == -ECONNREFUSED)
			u->refused++;
		else if (rc != -EINTR)
			break;
	}
	if (rc == -EMSGSIZE) {
		u->unsent++;
		return 0;
	}
	if (rc < 0 && rc != -ECONNREFUSED) {
		terminal_error("--udp: %s", strerror(-rc));
		return rc;
	}
	u->too_long += len > u->fits;
	return 0;
}

void fireflies_udp_notes(const struct fireflies_udp *u, uint64_t made)
{
	if (u->too_long)
		terminal_error(
			"note: %llu of %llu fireflies are longer than one packet holds (%zu "
			"bytes; the longest has %zu) and went out in fragments; --lean makes "
			"them fit",
			(unsigned long long)u->too_long, (unsigned long long)made, u->fits,
			u->longest);
	if (u->unsent)
		terminal_error("note: %llu of %llu fireflies are longer than a datagram can be and "
			       "were not sent; --lean makes them fit",
			       (unsigned long long)u->unsent, (unsigned long long)made);
	if (u->refused)
		terminal_error("note: nobody listens there: %llu datagrams were refused",
			       (unsigned long long)u->refused);
}
