/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libskbox: the drops of an event file on standard input, a line for each. (Text in a file may hold any
 * byte: escape it where the file is a stranger's.)
 *
 *	cc drops.c $(pkg-config --cflags --libs libskbox) -o drops && ./drops < t.skbx
 */
#include <inttypes.h>
#include <stdio.h>

#include "formats/skbx/skbx_file.h"

int main(void)
{
	int fd = 0, rc;
	struct skbx_input in = skbx_file_input(&fd);
	struct ev_batch *batch = ev_batch_new();
	struct skbx_reader *reader = NULL;
	struct skbox_error err = {0};

	rc = batch ? skbx_reader_open(&reader, &in, &(struct skbx_read_options){0}, &err) : -1;
	while (rc >= 0 && (rc = skbx_read(reader, batch, &err)) > 0) {
		struct ev_walk walk = ev_walk(batch);
		struct ev ev = {0};

		while (ev_next(&walk, &ev))
			if (ev.skb_drop && ev.common)
				printf("%" PRIu64 " cpu %u %.*s\n", ev.common->timestamp,
				       ev.common->smp_id, (int)ev.skb_drop->drop_reason.len,
				       ev.skb_drop->drop_reason.p);
	}
	if (rc < 0)
		fprintf(stderr, "drops: %s (offset %" PRIu64 ")\n", err.text, err.offset);
	skbx_reader_free(reader);
	ev_batch_free(batch);
	return rc < 0;
}
