/* SPDX-License-Identifier: BSD-2-Clause */
/* --check: what would be attached, and why not. */
#ifndef CAPTURE_CHECK_H
#define CAPTURE_CHECK_H

#include "capture/probe/probe.h"

/*
 * Prints a line a probe to standard output, or one JSON object. p was planned with p->check and
 * started. 1: a probe that was named outright cannot be attached; 0: all can; or a negative errno.
 */
int check_print(const struct probes *p, bool json);

#endif
