/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyze/anonymize/anon_key.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#ifdef HAVE_CRYPTO
#include <openssl/crypto.h>
#include <openssl/evp.h>

enum { BLOCK = 16, ROUNDS = 8 };

struct anon_key {
	EVP_CIPHER_CTX *tree; /* of the prefix-preserving functions, with the key that was given */
	EVP_CIPHER_CTX *others; /* with a key made of it */
	uint8_t pad[BLOCK];
};

const char *anon_key_library(void)
{
	return OpenSSL_version(OPENSSL_VERSION);
}

static bool encrypt(EVP_CIPHER_CTX *c, uint8_t *p, size_t blocks)
{
	int n = 0;

	return EVP_EncryptUpdate(c, p, &n, p, (int)(blocks * BLOCK)) == 1;
}

static EVP_CIPHER_CTX *cipher(const uint8_t key[BLOCK])
{
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();

	if (c && EVP_EncryptInit_ex(c, EVP_aes_128_ecb(), NULL, key, NULL) == 1 &&
	    EVP_CIPHER_CTX_set_padding(c, 0) == 1)
		return c;
	EVP_CIPHER_CTX_free(c);
	return NULL;
}

int anon_key_new_raw(struct anon_key **k, const uint8_t bytes[ANON_KEY_BYTES])
{
	uint8_t second[BLOCK] = "skbox anonymize";
	struct anon_key *x = calloc(1, sizeof(*x));

	*k = x;
	if (!x)
		return -ENOMEM;
	memcpy(x->pad, bytes + BLOCK, BLOCK);
	x->tree = cipher(bytes);
	if (x->tree && encrypt(x->tree, x->pad, 1) && encrypt(x->tree, second, 1))
		x->others = cipher(second);
	OPENSSL_cleanse(second, sizeof(second));
	if (x->others)
		return 0;
	anon_key_free(x);
	*k = NULL;
	return -ENOMEM;
}

int anon_key_new(struct anon_key **k, const void *secret, size_t len)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	int rc;

	*k = NULL;
	if (EVP_Digest(secret, len, digest, NULL, EVP_sha256(), NULL) != 1)
		return -ENOMEM;
	rc = anon_key_new_raw(k, digest);
	OPENSSL_cleanse(digest, sizeof(digest));
	return rc;
}

void anon_key_free(struct anon_key *k)
{
	if (!k)
		return;
	EVP_CIPHER_CTX_free(k->tree);
	EVP_CIPHER_CTX_free(k->others);
	OPENSSL_cleanse(k, sizeof(*k));
	free(k);
}

void anon_key_flip(struct anon_key *k, enum anon_use use, uint8_t *bits, size_t bytes,
		   unsigned int from)
{
	uint8_t blocks[8 * BLOCK * BLOCK], pad[BLOCK];
	unsigned int n = (unsigned int)bytes * 8;

	if (from >= n || bytes > BLOCK)
		return;
	memcpy(pad, k->pad, BLOCK);
	if (use != ANON_USE_IPV4) { /* a padding of its own */
		pad[0] ^= (uint8_t)use;
		encrypt(k->others, pad, 1);
	}
	for (unsigned int i = from; i < n; i++) {
		uint8_t *b = blocks + (i - from) * BLOCK;

		memcpy(b, pad, BLOCK);
		memcpy(b, bits, i / 8);
		if (i % 8) {
			uint8_t mask = (uint8_t)(0xff00 >> (i % 8));

			b[i / 8] = (bits[i / 8] & mask) | (pad[i / 8] & (uint8_t)~mask);
		}
	}
	encrypt(k->tree, blocks, n - from);
	for (unsigned int i = from; i < n; i++)
		if (blocks[(i - from) * BLOCK] & 0x80)
			bits[i / 8] ^= (uint8_t)(0x80 >> (i % 8));
}

/* A number in what is encrypted begins with the small end whatever the machine: a key maps alike everywhere. */
static void put_le64(uint8_t *p, uint64_t v)
{
	for (int i = 0; i < 8; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

static uint64_t get_le64(const uint8_t *p)
{
	uint64_t v = 0;

	for (int i = 7; i >= 0; i--)
		v = v << 8 | p[i];
	return v;
}

static uint64_t round_of(struct anon_key *k, enum anon_use use, unsigned int bits, int round,
			 uint64_t half)
{
	uint8_t b[BLOCK] = {1, (uint8_t)use, (uint8_t)bits, (uint8_t)round};

	put_le64(b + 8, half);
	encrypt(k->others, b, 1);
	return get_le64(b);
}

uint64_t anon_key_permute(struct anon_key *k, enum anon_use use, uint64_t v, unsigned int bits)
{
	unsigned int half = bits / 2;
	uint64_t mask = (UINT64_C(1) << half) - 1, left = v >> half & mask, right = v & mask;

	for (int i = 0; i < ROUNDS; i++) {
		uint64_t next = left ^ (round_of(k, use, bits, i, right) & mask);

		left = right;
		right = next;
	}
	return left << half | right;
}

void anon_key_hash(struct anon_key *k, enum anon_use use, const void *p, size_t len,
		   uint8_t out[ANON_HASH_BYTES])
{
	/* CBC-MAC with the length in front */
	const uint8_t *from = p;

	memset(out, 0, BLOCK);
	out[0] = 2;
	out[1] = (uint8_t)use;
	put_le64(out + 8, len);
	encrypt(k->others, out, 1);
	while (len) {
		size_t n = len < BLOCK ? len : BLOCK;

		for (size_t i = 0; i < n; i++)
			out[i] ^= from[i];
		encrypt(k->others, out, 1);
		from += n;
		len -= n;
	}
}

#else

const char *anon_key_library(void)
{
	return NULL;
}

int anon_key_new(struct anon_key **k, const void *secret, size_t len)
{
	*k = NULL;
	return -ENOTSUP;
}

int anon_key_new_raw(struct anon_key **k, const uint8_t bytes[ANON_KEY_BYTES])
{
	*k = NULL;
	return -ENOTSUP;
}

void anon_key_free(struct anon_key *k)
{
}

void anon_key_flip(struct anon_key *k, enum anon_use use, uint8_t *bits, size_t bytes,
		   unsigned int from)
{
}

uint64_t anon_key_permute(struct anon_key *k, enum anon_use use, uint64_t v, unsigned int bits)
{
	return 0;
}

void anon_key_hash(struct anon_key *k, enum anon_use use, const void *p, size_t len,
		   uint8_t out[ANON_HASH_BYTES])
{
	memset(out, 0, ANON_HASH_BYTES);
}

#endif
