/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sock_diag(7) messages as events: struct inet_diag_msg and the attributes behind it
 * (include/uapi/linux/inet_diag.h, include/uapi/linux/tcp.h).
 */
#ifndef FORMATS_SOCKDIAG_H
#define FORMATS_SOCKDIAG_H

#include <stddef.h>
#include <stdint.h>

#include "formats/error.h"
#include "formats/event.h"

/* sizeof(struct inet_diag_msg); the same since Linux 2.6.14. */
enum { SOCKDIAG_MSG_BYTES = 72 };

/*
 * Attributes and the tail of a tcp_info that are kept raw, at most this long each: the longest that
 * the kernel documents are far shorter; and at most so many unknown ones a socket.
 */
enum { SOCKDIAG_RAW_MAX = 4096, SOCKDIAG_UNKNOWN_MAX = 32 };

/*
 * Decodes the payload of one SOCK_DIAG_BY_FAMILY message of this machine (integers in its byte
 * order) into the sections diag, tcpinfo, tcpinfo_new, meminfo, skmeminfo, cong, vegas, dctcp, bbr
 * and diag_attr of the event that the caller began; none of them may be there yet.
 *
 * A field is present when the kernel's bytes reach to its end: structures grow from kernel to
 * kernel, and zero is not the same as absent. What is behind the known end is kept raw, as are
 * unknown attributes. INET_DIAG_MD5SIG holds keys and is never recorded.
 *
 * 0; -EBADMSG when the message is shorter than its fixed part or its family is neither IPv4 nor IPv6
 * (nothing was added); -EPROTO when an attribute's length lies (what came before it was added).
 */
int sockdiag_decode(const void *msg, size_t len, struct ev_batch *b, struct skbox_error *err);

/* Writes the name of a TCP state as `ss` does ("ESTAB"), "UNKNOWN" for one that has none; static. */
const char *sockdiag_state_name(unsigned int state);

/* "Open", "Disorder", "CWR", "Recovery", "Loss"; "unknown". Static. */
const char *sockdiag_ca_name(unsigned int ca_state);

#endif
