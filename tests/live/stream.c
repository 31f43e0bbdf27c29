/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One TCP transfer of a known size:
 *   stream serve ADDRESS PORT BYTES     listens, sends BYTES to the first that connects, ends
 *   stream fetch ADDRESS PORT           connects (tries for 3 s), reads all, prints how many bytes
 *   stream sink ADDRESS PORT            a UDP socket that never reads: what comes is dropped in silence
 */
#include <netdb.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TRIES = 300, TRY_US = 10000 };

static int open_listener(const struct addrinfo *to)
{
	int fd = socket(to->ai_family, SOCK_STREAM, 0), one = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
	    bind(fd, to->ai_addr, to->ai_addrlen) || listen(fd, 1))
		return -1;
	return fd;
}

static int serve(const struct addrinfo *to, uint64_t bytes)
{
	static char piece[65536];
	int listener = open_listener(to), fd = listener < 0 ? -1 : accept(listener, NULL, NULL);

	if (fd < 0) {
		perror("stream");
		return 1;
	}
	while (bytes) {
		ssize_t n = write(fd, piece, bytes < sizeof(piece) ? bytes : sizeof(piece));

		if (n <= 0) {
			perror("stream");
			return 1;
		}
		bytes -= (uint64_t)n;
	}
	return close(fd);
}

static int fetch(const struct addrinfo *to)
{
	static char piece[65536];
	uint64_t bytes = 0;
	ssize_t n;
	int fd = -1;

	for (int i = 0; i < TRIES; i++) {
		fd = socket(to->ai_family, SOCK_STREAM, 0);
		if (fd >= 0 && !connect(fd, to->ai_addr, to->ai_addrlen))
			break;
		close(fd);
		fd = -1;
		usleep(TRY_US);
	}
	if (fd < 0) {
		perror("stream");
		return 1;
	}
	while ((n = read(fd, piece, sizeof(piece))) > 0)
		bytes += (uint64_t)n;
	printf("%llu\n", (unsigned long long)bytes);
	return n < 0;
}

static int sink(const struct addrinfo *to)
{
	int fd = socket(to->ai_family, SOCK_DGRAM, 0);

	if (fd < 0 || bind(fd, to->ai_addr, to->ai_addrlen)) {
		perror("stream");
		return 1;
	}
	for (;;)
		pause();
}

int main(int argc, char **argv)
{
	struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
				 .ai_socktype = SOCK_STREAM},
			*to;

	if (argc == 5 && !strcmp(argv[1], "serve") && !getaddrinfo(argv[2], argv[3], &hints, &to))
		return serve(to, strtoull(argv[4], NULL, 10));
	if (argc == 4 && !strcmp(argv[1], "fetch") && !getaddrinfo(argv[2], argv[3], &hints, &to))
		return fetch(to);
	if (argc == 4 && !strcmp(argv[1], "sink") && !getaddrinfo(argv[2], argv[3], &hints, &to))
		return sink(to);
	fprintf(stderr,
		"usage: stream serve ADDRESS PORT BYTES | stream fetch|sink ADDRESS PORT\n");
	return 2;
}
