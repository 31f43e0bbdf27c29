/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the events that cut keeps need of the rest of a recording: the devices, namespaces, probes and
 * drop reasons that they name, and the sockets of their packets.
 */
#ifndef ANALYZE_CUT_NEED_H
#define ANALYZE_CUT_NEED_H

#include <stdbool.h>
#include <stdint.h>

#include "formats/event.h"

struct cut_need;

struct cut_need *cut_need_new(void);       /* NULL: out of memory */
void cut_need_free(struct cut_need *need); /* NULL is fine */

/* An event that is kept: takes what it needs. 0 or a negative errno. */
int cut_need_event(struct cut_need *need, const struct ev *ev);

/* Whether a row of the inventory (iface, nsinfo, probe, dropname) or of a dump (snapset) is needed. */
bool cut_need_row(const struct cut_need *need, const struct ev *ev);

/* Whether a socket snapshot is of a socket that is needed. */
bool cut_need_socket(const struct cut_need *need, const struct ev *ev);

/* Rises when rows may be needed that were not before. */
uint64_t cut_need_count(const struct cut_need *need);

#endif
