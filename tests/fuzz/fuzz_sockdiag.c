/* SPDX-License-Identifier: BSD-2-Clause */
/* Any bytes are a message of the kernel about a socket. */
#include "formats/sockdiag.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ev_batch *b = ev_batch_new();
	struct skbox_error err;

	if (!b)
		return 0;
	ev_batch_begin(b);
	sockdiag_decode(data, size, b, &err);
	ev_batch_free(b);
	return 0;
}
