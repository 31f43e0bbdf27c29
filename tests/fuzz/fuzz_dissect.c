/* SPDX-License-Identifier: BSD-2-Clause */
/* Any bytes are a packet of any link type. The first byte chooses how they are shown. */
#include "formats/dissect/dissect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint16_t ethertypes[] = {0x0800, 0x86dd, 0x0806, 0x8100};
	static const uint32_t linktypes[] = {0, 1, 101, 113, 276, 147};
	struct buf out = {0};
	bool link_layer, classic;

	if (!size)
		return 0;
	link_layer = data[0] & 1;
	classic = data[0] & 2;
	dissect_text(data + 1, size - 1, link_layer, classic, &out);
	buf_clear(&out);
	dissect_text_network(ethertypes[data[0] >> 6], data + 1, size - 1, link_layer, classic,
			     &out);
	buf_clear(&out);
	dissect_text_link(linktypes[(data[0] >> 2) % 6], data + 1, size - 1, link_layer, classic,
			  &out);
	buf_free(&out);
	return 0;
}
