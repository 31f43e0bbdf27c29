/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a name in an expression (-w) or a list of columns (--fields) stands for: a field of
 * formats/schema.def, a header field of the packet, or one of several fields that say the same of a
 * socket in an event and of a socket in a snapshot (sock.cwnd).
 */
#ifndef ANALYZE_FIELDS_H
#define ANALYZE_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyze/filter/fields_packet.h"
#include "formats/buf.h"
#include "formats/event.h"
#include "formats/schema.h"

enum field_kind {
	FIELD_INT,     /* and flags */
	FIELD_TEXT,    /* also lists of text: each item is looked at */
	FIELD_ADDRESS, /* IPv4, IPv6 */
	FIELD_MAC,
	FIELD_RAW,   /* bytes: there or not */
	FIELD_GROUP, /* "tcp", "ct", "drop": there or not */
};

enum { FIELD_SOURCES = 4, FIELD_NAME_MAX = 64 };

/* Where a value is. */
struct field_source {
	const struct schema_field *schema; /* NULL: of the packet's headers */
	uint8_t packet;                    /* enum packet_field */
	bool is_text;                      /* an address that is stored as text */
};

/* Names of values; the first one of a value is shown. NULL at the end. */
struct field_symbol {
	const char *name;
	uint64_t value;
};

struct field {
	char name[FIELD_NAME_MAX];
	enum field_kind kind;
	uint8_t unit, base; /* enum schema_unit, schema_base */
	bool is_signed, is_flag, is_tcp_flags;
	const struct field_symbol *symbols; /* NULL: none */
	struct field_source
		from[FIELD_SOURCES]; /* an event may have several, seldom more than one */
	unsigned int n;
	uint64_t sections; /* FIELD_GROUP: there when one of them is, or one of `from` */
};

/* Fills f; false: there is no such name. */
bool fields_find(struct field *f, const char *name, size_t len);
/* The name that is nearest to a mistyped one; NULL when none is near. */
const char *fields_nearest(const char *name, size_t len);

/* Of a symbol; '-' and '_' are the same, and so are capitals. False: there is none. */
bool fields_symbol(const struct field *f, const char *name, size_t len, uint64_t *value);

/* Names and helps of the header fields, for the schema: NULL behind the last one. */
const char *fields_packet_name(unsigned int i, const char **help, enum field_kind *kind);

/*
 * An address or MAC as bytes that compare in their order: a tag, then 16 bytes. IPv4 and IPv6 have
 * tags of their own; an IPv4 address that is mapped into IPv6 is an IPv4 address. False: p is neither.
 */
enum { FIELD_KEY_BYTES = 17, FIELD_KEY_IP4 = 4, FIELD_KEY_IP6 = 6, FIELD_KEY_MAC = 48 };
bool fields_key(uint8_t key[FIELD_KEY_BYTES], enum field_kind kind, const void *p, size_t len);
/* The same of an address as text, which is not terminated. */
bool fields_key_text(uint8_t key[FIELD_KEY_BYTES], const char *p, size_t len);

/* An OpenFlow flow id as Open vSwitch writes it; false when it is not one. */
enum { FIELD_UFID_BYTES = 40 };
bool fields_ufid(char out[FIELD_UFID_BYTES], struct ev_str s);

#endif
