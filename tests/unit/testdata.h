/* SPDX-License-Identifier: BSD-2-Clause */
/* Files of testdata/, decompressed. For tests that include cmocka.h before. */
#ifndef TESTS_UNIT_TESTDATA_H
#define TESTS_UNIT_TESTDATA_H

#include <stdio.h>
#include <stdlib.h>
#include <zstd.h>

#include "formats/buf.h"

/* Appends the content of testdata/retis/FOLDER/NAME.zst; false when there is no such file. */
static inline bool testdata_load(const char *folder, const char *name, struct buf *out)
{
	enum { PACKED_MAX = 4 << 20, FILE_MAX = 16 << 20 };
	unsigned long long size;
	char path[256];
	uint8_t *packed;
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "testdata/retis/%s/%s.zst", folder, name);
	f = fopen(path, "rb");
	if (!f)
		return false;
	packed = malloc(PACKED_MAX);
	assert_non_null(packed);
	n = fread(packed, 1, PACKED_MAX, f);
	fclose(f);
	size = ZSTD_getFrameContentSize(packed, n);
	assert_true(size <= FILE_MAX);
	assert_non_null(buf_room(out, size));
	assert_int_equal(ZSTD_decompress(out->p + out->len, size, packed, n), size);
	out->len += size;
	free(packed);
	return true;
}

/* The next line at *p, without its line feed; false at the end. */
static inline bool testdata_line(const char **p, const char *end, const char **line, size_t *len)
{
	const char *feed;

	if (*p == end)
		return false;
	feed = memchr(*p, '\n', (size_t)(end - *p));
	*line = *p;
	*len = (size_t)((feed ? feed : end) - *p);
	*p = feed ? feed + 1 : end;
	return true;
}

static const char *const testdata_folders[] = {
	"classic-101",     "classic-102",     "classic-103",  "classic-ovs-111",
	"classic-ovs-112", "current-101",     "current-102",  "current-103",
	"current-ovs-111", "current-ovs-112", "real-current",
};
enum { TESTDATA_FOLDERS = sizeof(testdata_folders) / sizeof(testdata_folders[0]) };

#endif
