/* SPDX-License-Identifier: BSD-2-Clause */
/* Any bytes are a packet file: packets lie within the bytes, and reading comes to an end. */
#include <errno.h>
#include <stdlib.h>

#include "formats/pcap/pcap_read.h"
#include "formats/pcap/pcapng_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile uint8_t sum;

static void touch(const void *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		sum ^= ((const uint8_t *)p)[i];
}

/* What claims to be an event of ours is one, or an error; all of its bytes can be looked at. */
static void read_record(const struct pcap_packet *p)
{
	struct ev_batch *batch = ev_batch_new();
	struct skbox_error err;
	int rc;

	if (!batch)
		return;
	rc = pcapng_record_get(p->record, p->record_len, p->data, p->caplen, batch, &err);
	if (batch->n != (rc == 0))
		abort();
	for (uint32_t i = 0; i < batch->strings.n; i++)
		touch(batch->strings.v[i].p, batch->strings.v[i].len);
	for (uint32_t i = 0; i < batch->blobs.n; i++)
		touch(batch->blobs.v[i].p, batch->blobs.v[i].len);
	ev_batch_free(batch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pcap_reader *r = pcap_reader_new();
	size_t at = 0, used = 0;
	struct pcap_packet packet;
	struct skbox_error err;
	int status;

	if (!r)
		return 0;
	do {
		status = pcap_read(r, data + at, size - at, &packet, &used, &err);
		if (used > size - at || (status > 0 && !used))
			abort();
		if (status > 0) {
			touch(packet.data, packet.caplen);
			touch(packet.event, packet.event ? packet.event_len : 0);
			touch(packet.name, packet.name ? packet.name_len : 0);
			if (packet.record_len)
				read_record(&packet);
		}
		at += used;
	} while (used && status != -ENOMEM);
	pcap_reader_free(r);
	return 0;
}
