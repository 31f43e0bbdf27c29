/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Events as JSON in our own words (`json --shape skbox`): all that an event has, by the names of
 * schema.def, sockets, losses and inventory included.
 */
#ifndef FORMATS_JSON_EVENT_H
#define FORMATS_JSON_EVENT_H

#include "formats/buf.h"
#include "formats/event.h"

/*
 * Appends the event as one object on a line. Its members are the event's sections, theirs the fields
 * that are present: {"common":{"time":1,"cpu":0},"skb.meta":{"skb.len":60}}. Integers are exact
 * decimal numbers in the schema's unit (times: ns), flags true or false; bytes are base64, addresses
 * and flow ids text. JSON holds no other bytes than UTF-8: of text those are U+FFFD.
 */
void json_event_put(const struct ev *ev, struct buf *out);

struct schema_field;

/* Appends the value of a field that the row of its section has, as json_event_put() writes it. */
void json_event_put_value(const struct schema_field *f, const void *row, struct buf *out);

#endif
