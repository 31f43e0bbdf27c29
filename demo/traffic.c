/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Traffic for the demo and for tests: what curl, nc and a web server would do, without needing them.
 *
 * usage: traffic serve ADDRESS PORT BYTES       accepts one connection, sends BYTES, waits for its end
 *                                              (says "listening" when it does)
 *        traffic fetch ADDRESS PORT [BYTES/S]   connects, reads to the end at no more than that rate
 *        traffic knock ADDRESS PORT             connects to a port that should be closed
 *        traffic send  ADDRESS PORT             sends one UDP datagram, waits for the ICMP answer
 *
 * Exit status: 0 when it went as the name says (knock and send: refused), else 1; 2 wrong usage.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	CHUNK = 65536,
	WAIT_MS = 5000 /* for a peer of the same machine: far more than it needs, and no hang */
};

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static socklen_t parse_address(union address *a, const char *text, const char *port)
{
	memset(a, 0, sizeof(*a));
	if (inet_pton(AF_INET, text, &a->v4.sin_addr) == 1) {
		a->v4.sin_family = AF_INET;
		a->v4.sin_port = htons((uint16_t)atoi(port));
		return sizeof(a->v4);
	}
	if (inet_pton(AF_INET6, text, &a->v6.sin6_addr) == 1) {
		a->v6.sin6_family = AF_INET6;
		a->v6.sin6_port = htons((uint16_t)atoi(port));
		return sizeof(a->v6);
	}
	return 0;
}

static int fail(const char *what)
{
	fprintf(stderr, "traffic: %s: %s\n", what, strerror(errno));
	return 1;
}

static bool wait_for(int fd, short events)
{
	struct pollfd p = {.fd = fd, .events = events};

	if (poll(&p, 1, WAIT_MS) > 0)
		return true;
	errno = ETIMEDOUT;
	return false;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int serve(const union address *a, socklen_t len, uint64_t bytes)
{
	static char chunk[CHUNK];
	int one = 1, listener = socket(a->any.sa_family, SOCK_STREAM, 0), fd;

	if (listener < 0)
		return fail("socket");
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(listener, &a->any, len) || listen(listener, 8))
		return fail("listen");
	puts("listening");
	fflush(stdout);
	if (!wait_for(listener, POLLIN) || (fd = accept(listener, NULL, NULL)) < 0)
		return fail("accept");
	for (size_t i = 0; i < sizeof(chunk); i++)
		chunk[i] = (char)('a' + i % 26);
	for (uint64_t sent = 0; sent < bytes;) {
		size_t want = bytes - sent < CHUNK ? (size_t)(bytes - sent) : CHUNK;
		ssize_t n = send(fd, chunk, want, MSG_NOSIGNAL);

		if (n < 0)
			return fail("send");
		sent += (uint64_t)n;
	}
	shutdown(fd, SHUT_WR);
	while (read(fd, chunk, sizeof(chunk)) > 0)
		;
	close(fd);
	close(listener);
	return 0;
}

static int fetch(const union address *a, socklen_t len, double rate)
{
	static char chunk[CHUNK];
	uint64_t got = 0;
	double start;
	ssize_t n;
	int fd = socket(a->any.sa_family, SOCK_STREAM, 0);

	if (fd < 0 || connect(fd, &a->any, len))
		return fail("connect");
	start = now();
	while ((n = read(fd, chunk, sizeof(chunk))) > 0) {
		double ahead;

		got += (uint64_t)n;
		ahead = rate > 0 ? (double)got / rate - (now() - start) : 0;
		if (ahead > 0) {
			struct timespec t = {(time_t)ahead,
					     (long)((ahead - (double)(time_t)ahead) * 1e9)};

			nanosleep(&t, NULL);
		}
	}
	if (n < 0)
		return fail("read");
	close(fd);
	printf("%llu bytes in %.2f s\n", (unsigned long long)got, now() - start);
	return 0;
}

static int knock(const union address *a, socklen_t len)
{
	int fd = socket(a->any.sa_family, SOCK_STREAM, 0);

	if (fd < 0)
		return fail("socket");
	if (!connect(fd, &a->any, len)) {
		fprintf(stderr, "traffic: somebody listens there\n");
		return 1;
	}
	if (errno != ECONNREFUSED)
		return fail("connect");
	puts("connection refused");
	close(fd);
	return 0;
}

static int send_datagram(const union address *a, socklen_t len)
{
	static const char text[] = "is anybody there?";
	int fd = socket(a->any.sa_family, SOCK_DGRAM, 0);
	char answer[64];

	/* connected, so that the ICMP error comes back as an error of the socket */
	if (fd < 0 || connect(fd, &a->any, len) || send(fd, text, sizeof(text) - 1, 0) < 0)
		return fail("send");
	if (!wait_for(fd, POLLIN))
		return fail("answer");
	if (recv(fd, answer, sizeof(answer), 0) >= 0 || errno != ECONNREFUSED)
		return fail("answer");
	puts("port unreachable");
	close(fd);
	return 0;
}

int main(int argc, char **argv)
{
	union address a;
	socklen_t len = argc >= 4 ? parse_address(&a, argv[2], argv[3]) : 0;

	if (len && argc == 5 && !strcmp(argv[1], "serve"))
		return serve(&a, len, strtoull(argv[4], NULL, 10));
	if (len && argc <= 5 && !strcmp(argv[1], "fetch"))
		return fetch(&a, len, argc == 5 ? atof(argv[4]) : 0);
	if (len && argc == 4 && !strcmp(argv[1], "knock"))
		return knock(&a, len);
	if (len && argc == 4 && !strcmp(argv[1], "send"))
		return send_datagram(&a, len);
	fprintf(stderr, "usage: traffic serve ADDRESS PORT BYTES | fetch ADDRESS PORT [BYTES/S] |\n"
			"               knock ADDRESS PORT | send ADDRESS PORT\n");
	return 2;
}
