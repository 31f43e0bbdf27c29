/* SPDX-License-Identifier: BSD-2-Clause */
/* Interfaces of the file that `skbox pcap` writes (pcap_interface.c), for its command (pcap.c). */
#ifndef ANALYZE_PCAP_H
#define ANALYZE_PCAP_H

#include <stdbool.h>
#include <stdint.h>

#include "analyze/sort/sort_map.h"
#include "formats/buf.h"
#include "formats/event.h"

struct pcap_interfaces {
	struct sort_map numbers;    /* of device, namespace and link type: number + 1 */
	struct ev_batch *inventory; /* rows that tell of namespaces, devices and probes; owned */
	uint32_t n;
	uint32_t snaplen; /* that the recorder kept; 0: not known (yet) */
	struct buf name, description;
};

/* False: out of memory. Ended by pcap_interfaces_fini(), also then. */
bool pcap_interfaces_init(struct pcap_interfaces *x);
void pcap_interfaces_fini(struct pcap_interfaces *x);

/* Remembers a row of the inventory; other events are no harm. */
void pcap_interfaces_learn(struct pcap_interfaces *x, const struct ev *ev);

/* Appends the head of the file, from what was learned. */
void pcap_interfaces_section(const struct pcap_interfaces *x, struct buf *out);

/*
 * The number of the interface of this event's device, namespace and link type; a new one is appended
 * to out. 0 or more; -1 when out of memory. ev NULL: one for all devices.
 */
int64_t pcap_interfaces_of(struct pcap_interfaces *x, const struct ev *ev, uint16_t linktype,
			   uint32_t snaplen, struct buf *out);

#endif
