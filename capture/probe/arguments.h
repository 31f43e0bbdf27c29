/* SPDX-License-Identifier: BSD-2-Clause */
/* Which arguments of a tracepoint or function are worth a look: found by their types, from BTF. */
#ifndef CAPTURE_ARGUMENTS_H
#define CAPTURE_ARGUMENTS_H

#include <stdbool.h>
#include <stdint.h>

struct btf;

/* Positions in words, from 0 (a struct may take two); -1: there is none. */
struct arguments {
	int8_t skb, reason, sk, dev, net;
	int8_t nft_info, nft_pkt, nft_chain, nft_rule, nft_verdict, nft_type;
	int8_t n;         /* how many words there are */
	int8_t ret_bytes; /* size of what is returned; 0: nothing, or a struct */
	bool ret_signed;
};

/*
 * Reads the prototype (id of a BTF_KIND_FUNC_PROTO), whose first `skip` parameters do not count. Of
 * several arguments of one type the first is taken. False: the id is no prototype.
 */
bool arguments_find(struct arguments *a, const struct btf *btf, uint32_t id, int skip);

/* Whether there is a packet or a socket, which events are mostly about. */
static inline bool arguments_are_useful(const struct arguments *a)
{
	return a->skb >= 0 || a->sk >= 0 || a->nft_info >= 0;
}

/* Whether an event can be made of them at all: of a device or namespace for who asks for that. */
static inline bool arguments_are_any(const struct arguments *a)
{
	return arguments_are_useful(a) || a->dev >= 0 || a->net >= 0;
}

#endif
