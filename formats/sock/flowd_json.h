/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A socket snapshot as the JSON document of flowd-go's netlink enricher, in the keys, order and
 * spelling that its documentation shows.
 */
#ifndef FORMATS_FLOWD_JSON_H
#define FORMATS_FLOWD_JSON_H

#include <stdbool.h>

#include "formats/buf.h"
#include "formats/event.h"

struct flowd_json_options {
	bool pretty; /* four spaces a level, ": " after keys; else no blanks at all */
	bool ext;    /* one more object, "ext", with what that document has no key for */
	bool lean;   /* of tcpInfo the keys that flowd-go's lean mode has, cong, and nothing else */
};

/*
 * One document, without line feed. Attributes that the kernel did not send are null, and so are
 * single values that its structures were too short for. memInfo is filled from SKMEMINFO where only
 * that was sent (the same four numbers). Nothing for an event without a diag section.
 */
void flowd_json(const struct ev *ev, const struct flowd_json_options *options, struct buf *out);

#endif
