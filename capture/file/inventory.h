/* SPDX-License-Identifier: BSD-2-Clause */
/* Rows that describe the recording itself. Each function adds events to the batch. */
#ifndef CAPTURE_INVENTORY_H
#define CAPTURE_INVENTORY_H

#include <stdint.h>

#include "capture/config/config.h"
#include "capture/sock/netns.h"
#include "capture/probe/probe.h"
#include "formats/event.h"

uint64_t inventory_now_ns(void); /* CLOCK_MONOTONIC */

/* The startup and host rows, the first of a file, and a clock sample. */
void inventory_add_start(struct ev_batch *b, const struct config *config,
			 const struct probes *probes);
void inventory_add_clock(struct ev_batch *b);
/* One row a probe, attached or not. */
void inventory_add_probes(struct ev_batch *b, const struct probes *probes);
/* Devices and names of the namespaces in the list; those that are gone by now are left out. */
void inventory_add_namespaces(struct ev_batch *b, const struct netns_list *list);
/* CLOCK_REALTIME - CLOCK_MONOTONIC into a startup row. */
void inventory_set_offset(struct ev_startup *row, int64_t offset_ns);

#endif
