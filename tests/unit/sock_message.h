/* SPDX-License-Identifier: BSD-2-Clause */
/* inet_diag messages for tests, with offsets of their own: not those of formats/sock/sockdiag.c. */
#ifndef TESTS_SOCK_MESSAGE_H
#define TESTS_SOCK_MESSAGE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { MESSAGE_MAX = 16384 };

struct message {
	uint8_t p[MESSAGE_MAX];
	size_t len;
};

static inline void message_put(struct message *m, size_t at, uint64_t v, size_t size)
{
	/* host order, as the kernel writes */
	if (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)
		v <<= 8 * (8 - size);
	memcpy(m->p + at, &v, size);
}

static inline void message_attr(struct message *m, unsigned int type, const void *p, size_t len)
{
	message_put(m, m->len, len + 4, 2);
	message_put(m, m->len + 2, type, 2);
	memcpy(m->p + m->len + 4, p, len);
	m->len += (len + 4 + 3) / 4 * 4;
}

/* An established IPv4 socket, 192.0.2.1:1234 to 198.51.100.2:80. */
static inline void message_init(struct message *m, uint64_t cookie)
{
	static const uint8_t ports[4] = {1234 >> 8, 1234 & 255, 0, 80};
	static const uint8_t src[4] = {192, 0, 2, 1}, dst[4] = {198, 51, 100, 2};

	memset(m, 0, sizeof(*m));
	m->len = 72;
	m->p[0] = 2;
	m->p[1] = 1;
	memcpy(m->p + 4, ports, 4);
	memcpy(m->p + 8, src, 4);
	memcpy(m->p + 24, dst, 4);
	message_put(m, 44, (uint32_t)cookie, 4);
	message_put(m, 48, cookie >> 32, 4);
}

#endif
