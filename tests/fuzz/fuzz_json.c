/* SPDX-License-Identifier: BSD-2-Clause */
/* Any bytes are JSON: a value that is read also ends within the bytes. */
#include <stdlib.h>

#include "formats/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json j = {0};
	struct json_str s;
	uint64_t v;

	json_init(&j, (const char *)data, size);
	if (json_skip(&j) && (j.p < j.start || j.p > j.end))
		abort();
	json_end(&j);
	json_init(&j, (const char *)data, size);
	if (json_string(&j, &s)) {
		struct buf out = {0};

		json_put_string(&out, s.p, s.len);
		buf_free(&out);
	}
	json_init(&j, (const char *)data, size);
	json_integer(&j, INT64_MIN, UINT64_MAX, &v);
	json_free(&j);
	return 0;
}
