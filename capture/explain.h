/* SPDX-License-Identifier: BSD-2-Clause */
/* Why the kernel refuses to be looked at: what this process and this machine lack, in words. */
#ifndef CAPTURE_EXPLAIN_H
#define CAPTURE_EXPLAIN_H

/*
 * Prints a line for each reason that there is for an error: a missing capability, a user namespace, a
 * seccomp filter, the kernel's lockdown. When code (a negative errno) is none of a refusal, just the
 * lockdown, which looks like something else.
 */
void explain_refusal(int code);

#endif
