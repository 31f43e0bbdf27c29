/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers that look random and are the same in every run (xorshift64*: Vigna, 2016). */
#ifndef TESTS_RANDOM64_H
#define TESTS_RANDOM64_H

#include <stdint.h>

static inline uint64_t random64(void)
{
	static uint64_t state = 88172645463325252u;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state * UINT64_C(0x2545f4914f6cdd1d);
}

#endif
