/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The page that the data stands in: analyze/report/page/, put together by its script `build` and made part of the
 * program.
 */
#ifndef ANALYZE_REPORT_PAGE_H
#define ANALYZE_REPORT_PAGE_H

#include <stdbool.h>
#include <stddef.h>

struct report_part {
	const char *p;
	size_t len;
};

/* What stands before the data and behind it. */
struct report_part report_page_head(void);
struct report_part report_page_tail(void);

/* One line for --version: which chart library is in it, or that there is none. */
extern const char report_page_version[];

#endif
