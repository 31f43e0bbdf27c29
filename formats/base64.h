/* SPDX-License-Identifier: BSD-2-Clause */
/* Base 64 of RFC 4648 section 4: standard alphabet, padded, nothing else in between. */
#ifndef FORMATS_BASE64_H
#define FORMATS_BASE64_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "formats/buf.h"

/* Most bytes that `len` characters can give. */
#define BASE64_ROOM(len) ((len) / 4 * 3)

/*
 * Decodes len characters to out, which has BASE64_ROOM(len) bytes: the number of bytes, or -1 when
 * the text is not exactly what an encoder writes (other characters, wrong padding, stray bits).
 */
ssize_t base64_decode(const char *p, size_t len, uint8_t *out);

/* Appends the encoding of n bytes. */
void base64_put(struct buf *b, const uint8_t *p, size_t n);

#endif
