/* SPDX-License-Identifier: BSD-2-Clause */
/* Any bytes are a message of the kernel about a socket, and what comes of it can be shown. */
#include "formats/sock/flowd_json.h"
#include "formats/sock/sock_ss.h"
#include "formats/sock/sockdiag.h"
#include "formats/text/text_sock.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void render(const struct ev_batch *b)
{
	const struct flowd_json_options flowd = {.pretty = true, .ext = true};
	struct ev_walk w = ev_walk(b);
	struct ev ev = {0};
	struct buf out = {0};

	while (ev_next(&w, &ev)) {
		sock_ss_line(&ev, &out);
		text_sock_event(&ev, false, 0, &out);
		flowd_json(&ev, &flowd, &out);
	}
	buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ev_batch *b = ev_batch_new();
	struct skbox_error err;

	if (!b)
		return 0;
	ev_batch_begin(b);
	sockdiag_decode(data, size, b, &err);
	render(b);
	ev_batch_free(b);
	return 0;
}
