/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A flood of UDP datagrams that can be counted one by one:
 *   blast ADDRESS PORT COUNT SIZE FLOWS [RATE [SECONDS [random]]]
 * IPv4 or IPv6. A payload of SIZE bytes (24 or more) begins with a sequence number (8 bytes, from 0), the sender's
 * CLOCK_MONOTONIC in ns (8 bytes) and "skboxbst", little-endian. FLOWS source ports take turns; RATE
 * datagrams a second (0: as fast as it goes); SECONDS: end after that time even if COUNT is not
 * reached; random: what is behind the beginning cannot be compressed. Prints "sent N seconds S rate R errors E".
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { TURN = 32, SIZE_MIN = 24, SIZE_MAX_ = 8192, FLOWS_MAX = 64, ERRORS_MAX = 1000000 };

struct flood {
	int sockets[FLOWS_MAX];
	unsigned int flows;
	size_t size;
	uint64_t count, sent, errors;
	double rate, seconds;
	uint64_t random; /* state of the numbers; 0: zeros */
};

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int open_flow(const char *address, const char *port)
{
	struct sockaddr_in to4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
	struct sockaddr_in6 to6 = {.sin6_family = AF_INET6, .sin6_port = to4.sin_port};
	int fd = -1;

	if (inet_pton(AF_INET, address, &to4.sin_addr) == 1) {
		fd = socket(AF_INET, SOCK_DGRAM, 0);
		if (fd >= 0 && connect(fd, (struct sockaddr *)&to4, sizeof(to4)))
			fd = -1;
	} else if (inet_pton(AF_INET6, address, &to6.sin6_addr) == 1) {
		fd = socket(AF_INET6, SOCK_DGRAM, 0);
		if (fd >= 0 && connect(fd, (struct sockaddr *)&to6, sizeof(to6)))
			fd = -1;
	} else {
		errno = EINVAL;
	}
	return fd;
}

/* xorshift64: Marsaglia, "Xorshift RNGs", 2003 */
static void fill(struct flood *f, char *p, size_t n)
{
	for (size_t i = 0; i + 8 <= n; i += 8) {
		f->random ^= f->random << 13;
		f->random ^= f->random >> 7;
		f->random ^= f->random << 17;
		memcpy(p + i, &f->random, 8);
	}
}

/* One call's worth of datagrams. A refused one (ICMP port unreachable came back) was not sent: again. */
static void send_turn(struct flood *f, unsigned int turn)
{
	static char payload[TURN][SIZE_MAX_];
	struct mmsghdr messages[TURN] = {0};
	struct iovec parts[TURN];
	unsigned int n = f->count - f->sent < TURN ? (unsigned int)(f->count - f->sent) : TURN;
	uint64_t stamp = (uint64_t)(now_s() * 1e9);
	int done;

	for (unsigned int i = 0; i < n; i++) {
		uint64_t number = f->sent + i;

		memcpy(payload[i], &number, 8);
		memcpy(payload[i] + 8, &stamp, 8);
		memcpy(payload[i] + 16, "skboxbst", 8);
		if (f->random)
			fill(f, payload[i] + SIZE_MIN, f->size - SIZE_MIN);
		parts[i] = (struct iovec){payload[i], f->size};
		messages[i].msg_hdr.msg_iov = &parts[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	done = sendmmsg(f->sockets[turn % f->flows], messages, n, 0);
	if (done > 0)
		f->sent += (uint64_t)done;
	else
		f->errors++;
}

int main(int argc, char **argv)
{
	struct flood f = {0};
	double start, spent;

	if (argc < 6) {
		fprintf(stderr,
			"usage: blast ADDRESS PORT COUNT SIZE FLOWS [RATE [SECONDS [random]]]\n");
		return 2;
	}
	f.count = strtoull(argv[3], NULL, 10);
	f.size = strtoul(argv[4], NULL, 10);
	f.flows = (unsigned int)atoi(argv[5]);
	f.rate = argc > 6 ? atof(argv[6]) : 0;
	f.seconds = argc > 7 ? atof(argv[7]) : 0;
	f.random = argc > 8 ? UINT64_C(0x9e3779b97f4a7c15) : 0;
	if (f.size < SIZE_MIN || f.size > SIZE_MAX_ || !f.flows || f.flows > FLOWS_MAX) {
		fprintf(stderr, "blast: size %d to %d, flows 1 to %d\n", SIZE_MIN, SIZE_MAX_,
			FLOWS_MAX);
		return 2;
	}
	for (unsigned int i = 0; i < f.flows; i++) {
		f.sockets[i] = open_flow(argv[1], argv[2]);
		if (f.sockets[i] < 0) {
			perror("blast");
			return 1;
		}
	}
	start = now_s();
	for (unsigned int turn = 0; f.sent < f.count && f.errors < ERRORS_MAX; turn++) {
		send_turn(&f, turn);
		spent = now_s() - start;
		if (f.seconds > 0 && spent >= f.seconds)
			break;
		while (f.rate > 0 && (now_s() - start) * f.rate < (double)f.sent)
			usleep(50);
	}
	spent = now_s() - start;
	printf("sent %llu seconds %.3f rate %.0f errors %llu\n", (unsigned long long)f.sent, spent,
	       (double)f.sent / spent, (unsigned long long)f.errors);
	return 0;
}
