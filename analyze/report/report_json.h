/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the files of the report's JSON: members of objects, and its parts. */
#ifndef ANALYZE_REPORT_JSON_H
#define ANALYZE_REPORT_JSON_H

#include "analyze/report/report.h"

/* From 2^53 on a string: JavaScript's numbers are not exact there. */
void report_json_value(struct buf *out, uint64_t v);
void report_json_number(struct buf *out, const char *name, uint64_t v);
void report_json_text(struct buf *out, const char *name, const void *p, size_t len);
/* At most max bytes of it. */
void report_json_short(struct buf *out, const char *name, const void *p, size_t len, size_t max);
void report_json_name(struct buf *out, const char *name, const struct stats *s, uint16_t id);
/* A member that is an array or object; what opened it is closed by buf_u8(). */
void report_json_open(struct buf *out, const char *name, char bracket);
/* The next object of an array. */
void report_json_item(struct buf *out);
/* A time as one from zero on; what was before is 0. */
void report_json_time(struct buf *out, const char *name, const struct report *r, uint64_t ns);
uint64_t report_json_from_zero(const struct report *r, uint64_t ns);

/* Parts, each one member or several. */
void report_json_events(struct report *r, const struct report_findings *f, struct buf *out);
void report_json_timeline(const struct report *r, struct buf *out);
void report_json_paths(const struct report *r, struct buf *out);
void report_json_hops(const struct report *r, struct buf *out);
void report_json_drops(const struct report *r, struct buf *out);
void report_json_sockets(const struct report *r, struct buf *out);

#endif
