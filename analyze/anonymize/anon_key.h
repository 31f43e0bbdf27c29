/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The secret of a mapping, and the keyed functions that it is made of. All of them are functions of the
 * key and their arguments alone, so that one key gives one mapping in every file.
 */
#ifndef ANALYZE_ANON_KEY_H
#define ANALYZE_ANON_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ANON_KEY_BYTES = 32, ANON_HASH_BYTES = 16 };

/* What a function is for: the same value of two uses has unrelated images. */
enum anon_use {
	ANON_USE_IPV4, /* exactly Crypto-PAn */
	ANON_USE_IPV6,
	ANON_USE_MAC,
	ANON_USE_GROUP4, /* the 23 bits of an IPv4 group that its link-layer address has, too */
	ANON_USE_GROUP6, /* the 32 bits of an IPv6 group */
	ANON_USE_NAME,
	ANON_USE_UID,
	ANON_USE_INODE,
	ANON_USE_COOKIE,
	ANON_USE_KERNEL_ADDRESS,
	ANON_USE_HASH,
	ANON_USE_BYTES,
	ANON_USE_PORT,
	ANON_USE_VLAN,
};

struct anon_key;

/* The version of the library that has AES; NULL: this program was built without. */
const char *anon_key_library(void);

/*
 * A key made of a secret of any length. 0; -ENOTSUP: built without AES; -ENOMEM. Freed by
 * anon_key_free().
 */
int anon_key_new(struct anon_key **k, const void *secret, size_t len);
/* The 32 bytes themselves, 16 of the AES key and 16 of the padding, as Crypto-PAn has them. */
int anon_key_new_raw(struct anon_key **k, const uint8_t bytes[ANON_KEY_BYTES]);
void anon_key_free(struct anon_key *k); /* NULL is fine */

/*
 * Prefix-preserving (Crypto-PAn: Xu, Fan, Ammar, Moon 2002): whether bit i is flipped depends on the bits
 * before it. Bits from `from` on are, in place; bytes: at most 16.
 */
void anon_key_flip(struct anon_key *k, enum anon_use use, uint8_t *bits, size_t bytes,
		   unsigned int from);

/* A permutation of the numbers of `bits` bits (even, 2 to 64). */
uint64_t anon_key_permute(struct anon_key *k, enum anon_use use, uint64_t v, unsigned int bits);

/* A pseudo-random function of bytes of any length. */
void anon_key_hash(struct anon_key *k, enum anon_use use, const void *p, size_t len,
		   uint8_t out[ANON_HASH_BYTES]);

#endif
