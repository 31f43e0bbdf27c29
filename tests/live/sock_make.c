// SPDX-License-Identifier: BSD-2-Clause
/*
 * Makes TCP sockets of many kinds in the current network namespace, tells what the kernel says of them
 * through getsockopt(TCP_INFO) in the words of <linux/tcp.h>, and keeps them until standard input ends.
 *
 *	sock_make kinds DEVICE    one of each kind
 *	sock_make many N          N connections (2 N sockets) over IPv4
 *	sock_make quiet N         the same, each with another history: bytes, algorithm, address family
 *	sock_make short N         none; N connections that come and go for each line of standard input
 *
 * "ready" is printed when they are there; each line that comes on standard input has the TCP_INFO of
 * all of them printed again, ended by "end".
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SOCKETS_MAX = 64, ACCEPT_QUEUE = 1024 };
static int sockets[SOCKETS_MAX];
static int n_sockets;

static void need(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "sock_make: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int keep(int fd)
{
	need(fd >= 0 && n_sockets < SOCKETS_MAX, "socket");
	sockets[n_sockets++] = fd;
	return fd;
}

static socklen_t address(struct sockaddr_storage *s, const char *text, int port)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)s;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)s;

	memset(s, 0, sizeof(*s));
	if (strchr(text, ':')) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons((uint16_t)port);
		need(inet_pton(AF_INET6, text, &v6->sin6_addr) == 1, text);
		return sizeof(*v6);
	}
	v4->sin_family = AF_INET;
	v4->sin_port = htons((uint16_t)port);
	need(inet_pton(AF_INET, text, &v4->sin_addr) == 1, text);
	return sizeof(*v4);
}

static void set(int fd, int level, int option, int value)
{
	need(setsockopt(fd, level, option, &value, sizeof(value)) == 0, "setsockopt");
}

static int listen_on(const char *text, int port, int v6only)
{
	struct sockaddr_storage s;
	socklen_t len = address(&s, text, port);
	int fd = socket(s.ss_family, SOCK_STREAM, 0);

	need(fd >= 0, "socket");
	set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (v6only >= 0)
		set(fd, IPPROTO_IPV6, IPV6_V6ONLY, v6only);
	need(bind(fd, (struct sockaddr *)&s, len) == 0, "bind");
	need(listen(fd, ACCEPT_QUEUE) == 0, "listen");
	return fd;
}

static int connect_to(const char *text, int port, const char *algorithm, const char *device)
{
	struct sockaddr_storage s;
	socklen_t len = address(&s, text, port);
	int fd = socket(s.ss_family, SOCK_STREAM, 0);

	need(fd >= 0, "socket");
	if (algorithm)
		need(setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, algorithm,
				(socklen_t)strlen(algorithm)) == 0,
		     algorithm);
	if (device)
		need(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device,
				(socklen_t)strlen(device)) == 0,
		     device);
	need(connect(fd, (struct sockaddr *)&s, len) == 0, "connect");
	return fd;
}

static void transfer(int from, int to, size_t bytes)
{
	static char buf[65536];

	while (bytes) {
		size_t n = bytes < sizeof(buf) ? bytes : sizeof(buf);
		ssize_t got = 0;

		need(write(from, buf, n) == (ssize_t)n, "write");
		while (got < (ssize_t)n) {
			ssize_t k = read(to, buf, n);

			need(k > 0, "read");
			got += k;
		}
		bytes -= n;
	}
}

static void make_mptcp(void)
{
	struct sockaddr_storage a;
	socklen_t len = address(&a, "127.0.0.1", 7006);
	int server = socket(AF_INET, SOCK_STREAM, IPPROTO_MPTCP);
	int client = socket(AF_INET, SOCK_STREAM, IPPROTO_MPTCP), peer;

	if (server < 0 || client < 0)
		return;
	need(bind(server, (struct sockaddr *)&a, len) == 0 && listen(server, 1) == 0,
	     "mptcp listen");
	need(connect(client, (struct sockaddr *)&a, len) == 0, "mptcp connect");
	peer = accept(server, NULL, NULL);
	need(peer >= 0, "mptcp accept");
	transfer(client, peer, 1000);
}

static void make_kinds(const char *device)
{
	int v4 = keep(listen_on("0.0.0.0", 7001, -1)), only = keep(listen_on("::", 7002, 1));
	int both = keep(listen_on("::", 7003, 0)), late = keep(listen_on("127.0.0.1", 7005, -1));
	int c, s;

	keep(listen_on("::1", 7004, -1));
	c = keep(connect_to("127.0.0.1", 7001, "reno", NULL));
	s = keep(accept(v4, NULL, NULL));
	transfer(c, s, 300000);
	transfer(s, c, 12345);
	set(c, SOL_SOCKET, SO_KEEPALIVE, 1);
	set(c, IPPROTO_TCP, TCP_KEEPIDLE, 3600);
	set(c, SOL_SOCKET, SO_MARK, 0x1234);
	set(s, IPPROTO_IP, IP_TOS, 0x10);
	c = keep(connect_to("::1", 7002, "cubic", NULL));
	s = keep(accept(only, NULL, NULL));
	transfer(c, s, 5000);
	shutdown(c, SHUT_WR);
	/* data that nobody reads */
	c = keep(connect_to("127.0.0.1", 7003, NULL, device));
	s = keep(accept(both, NULL, NULL));
	need(write(c, "unread", 6) == 6, "write");
	set(c, SOL_SOCKET, SO_RCVBUF, 30000);
	/* one in the accept queue, one that is closed on both sides */
	keep(connect_to("::1", 7004, NULL, NULL));
	c = connect_to("127.0.0.1", 7001, NULL, NULL);
	s = accept(v4, NULL, NULL);
	close(c);
	close(s);
	/* MPTCP, where the kernel has it: its subflows are TCP sockets with a protocol above */
	make_mptcp();
	/* a request that waits for data: SYN_RECV on the side that listens */
	set(late, IPPROTO_TCP, TCP_DEFER_ACCEPT, 60);
	keep(connect_to("127.0.0.1", 7005, NULL, NULL));
}

static void make_many(long n)
{
	struct rlimit limit = {2 * (rlim_t)n + 64, 2 * (rlim_t)n + 64};
	int server;

	need(setrlimit(RLIMIT_NOFILE, &limit) == 0, "setrlimit");
	server = listen_on("127.0.0.1", 7000, -1);
	for (long i = 0; i < n; i++) {
		int c = connect_to("127.0.0.1", 7000, NULL, NULL);

		need(c >= 0 && accept(server, NULL, NULL) >= 0, "accept");
	}
}

static void make_quiet(long n)
{
	static const char *const algorithms[] = {"reno", "cubic", NULL};
	struct rlimit limit = {2 * (rlim_t)n + 64, 2 * (rlim_t)n + 64};
	int v4 = listen_on("127.0.0.1", 7000, -1), v6 = listen_on("::1", 7000, 1);

	need(setrlimit(RLIMIT_NOFILE, &limit) == 0, "setrlimit");
	for (long i = 0; i < n; i++) {
		int c = connect_to(i % 3 ? "127.0.0.1" : "::1", 7000, algorithms[i % 3], NULL);
		int s = accept(i % 3 ? v4 : v6, NULL, NULL);

		need(s >= 0, "accept");
		transfer(c, s, (size_t)(i * 97 % 20000));
		transfer(s, c, (size_t)(i * 31 % 3000));
	}
}

/* Connections that end at once: the side that connects is reset, or waits in TIME_WAIT. */
static void make_short(long n)
{
	static int server = -1;
	struct linger now = {1, 0};

	if (server < 0)
		server = listen_on("127.0.0.1", 7000, -1);
	for (long i = 0; i < n; i++) {
		int c = connect_to("127.0.0.1", 7000, NULL, NULL), s = accept(server, NULL, NULL);

		need(s >= 0, "accept");
		transfer(c, s, 1000);
		if (i % 2)
			need(setsockopt(c, SOL_SOCKET, SO_LINGER, &now, sizeof(now)) == 0,
			     "SO_LINGER");
		close(c);
		close(s);
	}
}

/* clang-format off */
#define FIELDS(F)                                                                                  \
	F(state) F(ca_state) F(retransmits) F(probes) F(backoff) F(options) F(snd_wscale)          \
	F(rcv_wscale) F(rto) F(ato) F(snd_mss) F(rcv_mss) F(unacked) F(sacked) F(lost) F(retrans)  \
	F(fackets) F(pmtu) F(rcv_ssthresh) F(rtt) F(rttvar) F(snd_ssthresh) F(snd_cwnd) F(advmss)  \
	F(reordering) F(rcv_rtt) F(rcv_space) F(total_retrans) F(pacing_rate) F(max_pacing_rate)   \
	F(bytes_acked) F(bytes_received) F(segs_out) F(segs_in) F(notsent_bytes) F(min_rtt)        \
	F(data_segs_in) F(data_segs_out) F(delivery_rate) F(busy_time) F(rwnd_limited)             \
	F(sndbuf_limited) F(delivered) F(delivered_ce) F(bytes_sent) F(bytes_retrans)              \
	F(dsack_dups) F(reord_seen) F(rcv_ooopack) F(snd_wnd)
/* clang-format on */

static void tell(int fd)
{
	struct tcp_info t;
	socklen_t len = sizeof(t);
	uint64_t cookie;
	socklen_t cookie_len = sizeof(cookie);

	memset(&t, 0, sizeof(t));
	need(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &t, &len) == 0, "TCP_INFO");
	need(getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &cookie_len) == 0, "SO_COOKIE");
	printf("%" PRIx64, cookie);
#define TELL(name) printf(" " #name "=%" PRIu64, (uint64_t)t.tcpi_##name);
	FIELDS(TELL)
	printf(" app_limited=%u fastopen_fail=%u\n", t.tcpi_delivery_rate_app_limited,
	       t.tcpi_fastopen_client_fail);
}

int main(int argc, char **argv)
{
	char line[64];

	if (argc < 3)
		return 2;
	if (!strcmp(argv[1], "many"))
		make_many(atol(argv[2]));
	else if (!strcmp(argv[1], "quiet"))
		make_quiet(atol(argv[2]));
	else if (!strcmp(argv[1], "short"))
		make_short(0);
	else
		make_kinds(argv[2]);
	printf("ready\n");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		if (!strcmp(argv[1], "short"))
			make_short(atol(argv[2]));
		for (int i = 0; i < n_sockets; i++)
			tell(sockets[i]);
		printf("end\n");
		fflush(stdout);
	}
	return 0;
}
